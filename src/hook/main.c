/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What LXC runs when a container starts and stops: leaves one file in the spool and is
 * gone. A hook that fails, hangs or keeps its output open stops containers from starting
 * (LXC knows no timeout), so: no output, no child, no allocation, no library, nothing
 * read that a guest controls, 50 ms at most, and the exit code is always 0.
 *
 *	hook NAME lxc TYPE [NAMESPACE:PATH]...		LXC, lxc.hook.version 0
 *	hook VMID PHASE					PVE's guest hookscript
 */
#include <spool.h>

#include "hook/drop.h"
#include "hook/entry.h"
#include "hook/put.h"
#include "hook/sys.h"

#ifdef HOOK_TEST
#define TIMES 20 /* what a test expects must not depend on how busy the machine is */
#else
#define TIMES 1
#endif
#define GATHER_USEC (TIMES * 15000) /* then what was read has to do */
#define GIVE_UP_USEC                                                                     \
	(TIMES * 46000) /* then what is written has to do, or it is counted */
#define DEADLINE_USEC (TIMES * 50000) /* then it ends, wherever it is */
#define GRND_NONBLOCK 1               /* <linux/random.h> */
#define MAX_HEAD      ((size_t)1024)
#define TOOK_MAX      32                 /* of it are for the last line */
#define MAX_TEXT      ((size_t)16 << 10) /* of one file of the kernel */

static volatile int late; /* so many alarms came */
static uint64_t began_boot_usec, began_real_usec;

/* The event as far as it is known: that is told when the deadline comes. */
static char head_text[MAX_HEAD], body_text[SPOOL_MAX_FILE - MAX_HEAD - 4];
static struct put head = { .p = head_text, .cap = sizeof(head_text) - TOOK_MAX };
static struct put body = { .p = body_text, .cap = sizeof(body_text) };
static volatile enum { LISTENING, GATHER_HEAD, GATHER_BODY, TELLING } stage;
static const char *root = "/";

static void tell(void);

static int open_root(void)
{
	return sys_openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0);
}

static int alarm_in(suseconds_t first_usec, suseconds_t then_usec)
{
	return sys_setitimer(&(const struct itimerval){
		.it_value = { .tv_usec = first_usec },
		.it_interval = { .tv_usec = then_usec },
	});
}

static uint64_t now_usec(clockid_t clock)
{
	return sys_clock_nsec(clock) / 1000;
}

/*
 * Not blocked while it runs: the last alarm ends what the one before began. Who was kept
 * from the CPU, or in the kernel where no signal reaches, gets one for all of them: on a
 * node where many containers come and go at once the files of a cgroup are behind a lock.
 */
static void on_alarm(int sig)
{
	(void)sig;
	if (++late == 1 && now_usec(CLOCK_BOOTTIME) < began_boot_usec + GIVE_UP_USEC)
		return;
	if (late == 1)
		late = 2;
	if (late == 2 && alarm_in(DEADLINE_USEC - GIVE_UP_USEC, 0) == 0) {
		if (stage == GATHER_BODY)
			tell();
		else if (stage != LISTENING)
			drop_give_up(open_root());
	}
	sys_exit();
}

/* A blocked system call is interrupted: no SA_RESTART. */
static void set_deadline(void)
{
	began_boot_usec = now_usec(CLOCK_BOOTTIME);
	if (sys_on_alarm(on_alarm) < 0 ||
	    alarm_in(GATHER_USEC, GIVE_UP_USEC - GATHER_USEC) < 0)
		sys_exit();
}

/* ---- what we are told ------------------------------------------------------------- */

struct told {
	const char *vmid;
	enum hook_type type;
	const char *pid, *target, *invocation; /* NULL: not told, or not what it should
						  be */
};

/* Nothing but characters of `set`, between min and max of them. */
static bool is_of(const char *s, const char *set, size_t min, size_t max)
{
	size_t n = 0;

	for (; s[n] && n <= max; n++) {
		size_t i = 0;

		while (set[i] && set[i] != s[n])
			i++;
		if (!set[i])
			return false;
	}
	return n >= min && n <= max;
}

static bool is_number(const char *s, size_t min, size_t max)
{
	return is_of(s, "0123456789", min, max) && s[0] != '0';
}

static enum hook_type type_of(const char *name, bool lxc)
{
	static const struct {
		const char *name;
		enum hook_type lxc, guest;
	} types[] = {
		{ "pre-start", HOOK_PRE_START, HOOK_GUEST_PRE_START },
		{ "start-host", HOOK_START_HOST, HOOK_NONE },
		{ "post-start", HOOK_NONE, HOOK_GUEST_POST_START },
		{ "stop", HOOK_STOP, HOOK_NONE },
		{ "pre-stop", HOOK_NONE, HOOK_GUEST_PRE_STOP },
		{ "post-stop", HOOK_POST_STOP, HOOK_GUEST_POST_STOP },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_is(name, types[i].name))
			return lxc ? types[i].lxc : types[i].guest;
	return HOOK_NONE;
}

static const char *environment(char **env, const char *name)
{
	size_t n = str_len(name);

	for (; *env; env++)
		if (str_same(*env, name, n) && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

static bool listen_to(int argc, char **argv, char **env, struct told *t)
{
	bool lxc = argc >= 4 && str_is(argv[2], "lxc");
	const char *pid = environment(env, "LXC_PID");
	const char *target = environment(env, "LXC_TARGET");
	const char *invocation = environment(env, "INVOCATION_ID");

	if (argc < 3 || !is_number(argv[1], 3, 9))
		return false;
	t->vmid = argv[1];
	t->type = type_of(lxc ? argv[3] : argv[2], lxc);
	/* an lxc-start that a hook of another container started has inherited the rest */
	if (pid && t->type != HOOK_PRE_START && is_number(pid, 1, 9))
		t->pid = pid;
	if (target && (t->type == HOOK_STOP || t->type == HOOK_POST_STOP) &&
	    (str_is(target, "stop") || str_is(target, "reboot")))
		t->target = target;
	if (invocation && is_of(invocation, "0123456789abcdef", 32, 32))
		t->invocation = invocation;
	return t->type != HOOK_NONE;
}

/* ---- what the kernel still says ---------------------------------------------------- */

/* At most `cap` bytes; -1: not there. */
static long slurp(int dir, const char *path, char *buf, size_t cap)
{
	int fd = sys_openat(dir, path, O_RDONLY | O_NOFOLLOW, 0);
	size_t n = 0;

	if (fd < 0)
		return -1;
	while (n < cap && !late) {
		long got = sys_read(fd, buf + n, cap - n);

		if (got < 0) {
			sys_close(fd);
			return -1;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	sys_close(fd);
	return (long)n;
}

/*
 * Field `nr` of /proc/<pid>/stat, 3 and up, in digits: counted from behind the last ')',
 * as a process may name itself anything. NULL: not there.
 */
static const char *stat_field(int rootfd, const char *pid, unsigned nr)
{
	static char text[1024];
	char path[32];
	struct put o = { .p = path, .cap = sizeof(path) };
	long n;
	char *p;

	put_str(&o, "proc/");
	put_str(&o, pid);
	put_bytes(&o, "/stat", sizeof("/stat"));
	n = o.full ? -1 : slurp(rootfd, path, text, sizeof(text) - 1);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	while (n > 0 && text[n] != ')')
		n--;
	p = text + n;
	for (unsigned i = 2; i < nr; i++) {
		while (*p && *p != ' ')
			p++;
		if (!*p)
			return NULL;
		p++;
	}
	for (n = 0; p[n] && p[n] != ' '; n++)
		;
	p[n] = '\0';
	return is_number(p, 1, 19) ? p : NULL;
}

/* The last counters of a container are gone when this hook returns. By importance. */
static const struct counter {
	const char *name;
	size_t max;
} counters[] = {
	{ "memory.events", 1024 },
	{ "memory.peak", 64 },
	{ "ns/memory.events.local", 1024 },
	{ "memory.events.local", 1024 },
	{ "cgroup.events", 256 },
	{ "pids.events", 256 },
	{ "pids.peak", 64 },
	{ "pids.current", 64 },
	{ "memory.current", 64 },
	{ "memory.swap.current", 64 },
	{ "memory.max", 64 },
	{ "cpu.stat", 2048 },
	{ "io.stat", MAX_TEXT },
	{ "memory.stat", MAX_TEXT / 2 },
	{ "memory.pressure", 512 },
	{ "cpu.pressure", 512 },
	{ "io.pressure", 512 },
};

_Static_assert(sizeof(counters) / sizeof(counters[0]) <= SPOOL_FILES, "more than read");

static void put_counter(int dir, const struct counter *c)
{
	static char text[MAX_TEXT + 1];
	struct put at = body;
	long n = slurp(dir, c->name, text, c->max + 1);
	bool cut;

	if (n < 0 || (late && n == 0))
		return;
	cut = (size_t)n > c->max || late;
	if ((size_t)n > c->max)
		n = (long)c->max;
	put_str(&at, "file ");
	put_str(&at, c->name);
	put_str(&at, " ");
	put_u64(&at, (uint64_t)n);
	put_str(&at, cut ? " cut\n" : "\n");
	put_bytes(&at, text, (size_t)n);
	put_str(&at, "\n");
	/* whole, for the handler of the deadline */
	__asm__ volatile("" ::: "memory");
	if (!at.full)
		body.n = at.n;
}

static void put_counters(int rootfd, const char *vmid)
{
	static const char *const trees[] = { "sys/fs/cgroup/lxc/",
					     "sys/fs/cgroup/unified/lxc/" };
	int dir = -1;

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]) && dir < 0; i++) {
		char path[64];
		struct put o = { .p = path, .cap = sizeof(path) };

		put_str(&o, trees[i]);
		put_bytes(&o, vmid, str_len(vmid) + 1);
		if (!o.full)
			dir = sys_openat(rootfd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW,
					 0);
	}
	if (dir < 0)
		return;
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]) && !late; i++)
		put_counter(dir, &counters[i]);
}

/* ---- the event --------------------------------------------------------------------- */

static void put_id(struct put *o, uint64_t boot_usec, uint64_t real_usec, size_t size)
{
	uint32_t random;

	/* early in the boot there may be no randomness: the process is one of its time */
	if (sys_getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = sys_getpid() << 12 ^ (uint32_t)sys_clock_nsec(CLOCK_MONOTONIC);
	put_hex(o, boot_usec, 13);
	put_str(o, "-");
	put_hex(o, real_usec, 14);
	put_str(o, "-");
	put_hex(o, random, 6);
	put_hex(o, (size + 1023) >> 10, 2);
	put_bytes(o, "", 1);
}

static const char *const type_names[HOOK_TYPES] = {
	[HOOK_PRE_START] = "pre-start",
	[HOOK_START_HOST] = "start-host",
	[HOOK_STOP] = "stop",
	[HOOK_POST_STOP] = "post-stop",
	[HOOK_GUEST_PRE_START] = "guest-pre-start",
	[HOOK_GUEST_POST_START] = "guest-post-start",
	[HOOK_GUEST_PRE_STOP] = "guest-pre-stop",
	[HOOK_GUEST_POST_STOP] = "guest-post-stop",
};

static void put_told(const struct told *t)
{
	put_str(&head, "ctscope-hook 1\n");
	put_key(&head, "vmid", t->vmid);
	put_key(&head, "type", type_names[t->type]);
	if (t->target)
		put_key(&head, "target", t->target);
	if (t->pid)
		put_key(&head, "pid", t->pid);
	if (t->invocation)
		put_key(&head, "invocation", t->invocation);
	put_num(&head, "real-usec", began_real_usec);
	put_num(&head, "boot-usec", began_boot_usec);
}

/* Ourselves; above the shell of the drop-in is LXC's monitor. */
static void put_family(int rootfd)
{
	char parent[16];
	struct put o = { .p = parent, .cap = sizeof(parent) };
	const char *monitor;

	put_u64(&o, sys_getppid());
	put_bytes(&o, "", 1);
	put_num(&head, "hook-pid", sys_getpid());
	put_key(&head, "parent-pid", parent);
	monitor = stat_field(rootfd, parent, 4);
	if (monitor)
		put_key(&head, "monitor-pid", monitor);
}

static void tell(void)
{
	char id[SPOOL_ID_MAX];
	struct put o = { .p = id, .cap = sizeof(id) };

	stage = TELLING;
	head.cap = sizeof(head_text);
	put_num(&head, "took-usec", now_usec(CLOCK_BOOTTIME) - began_boot_usec);
	put_id(&o, began_boot_usec, began_real_usec, head.n + body.n + 4);
	if (head.full || o.full)
		return;
	drop_event(id,
		   (const struct iovec[]){ { head.p, head.n },
					   { body.p, body.n },
					   { (char[]){ 'e', 'n', 'd', '\n' }, 4 } },
		   3);
}

static void report(int rootfd, const struct told *t)
{
	const char *ticks;

	began_real_usec = now_usec(CLOCK_REALTIME);
	put_told(t);
	put_family(rootfd);
	if (t->type == HOOK_START_HOST && t->pid) {
		ticks = stat_field(rootfd, t->pid, 22);
		if (ticks)
			put_key(&head, "start-ticks", ticks);
	}
	stage = GATHER_BODY;
	if (t->type == HOOK_STOP)
		put_counters(rootfd, t->vmid);
	tell();
}

void hook_main(int argc, char **argv, char **env)
{
	struct told t = { 0 };
	int rootfd;

	sys_go_first();
	set_deadline();
#ifdef HOOK_TEST
	/* a root of its own before what LXC says, so that tests need no real /run */
	if (argc < 2)
		sys_exit();
	root = argv[1];
	argv++;
	argc--;
#endif
	if (!listen_to(argc, argv, env, &t))
		sys_exit();
	stage = GATHER_HEAD;
	rootfd = open_root();
	if (rootfd >= 0 && drop_open(rootfd))
		report(rootfd, &t);
	sys_exit();
}
