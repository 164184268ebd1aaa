/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The floor: nothing but the system calls that the facts of `ctscope list --json` and of
 * `ctscope status ID --json` cannot be had without, on the machine it runs on. No
 *library, no allocation per container, no checks (a guest that stops meanwhile breaks
 *it), no reader process for what may hang, and the least text that still holds every
 *number.
 *
 *	floor list		every container of /etc/pve/lxc
 *	floor list0		the same without the use of the CPU (list -i 0)
 *	floor status ID		one
 *	floor audit		what `ctscope audit --json` looks at: configs, and of every
 *				process what the kernel enforces on it
 *
 * The use of the CPU is had over a tenth of a second, as list has it by default: the
 *floor waits, too, where reading took less. What a cgroup did meanwhile is what the
 *kernel has to add up at the second look, so a floor that did not wait would be too low.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_CTS       65536

struct one {
	unsigned vmid;
	bool running;
	int init;
	unsigned long long start_ticks, cpu_usec, cpu_usec_2, rx, tx;
};

static struct one *cts;
static size_t n_cts;
static char *out;
static size_t out_n, out_cap;
static int cg_root = -1, lxc_dir = -1, monitor_dir = -1, conf_dir = -1, rtnl = -1;

static void put(const char *p, size_t n)
{
	if (out_n + n > out_cap) {
		out_cap = (out_n + n) * 2;
		out = realloc(out, out_cap);
		if (!out)
			abort();
	}
	memcpy(out + out_n, p, n);
	out_n += n;
}

static void puts_(const char *s)
{
	put(s, strlen(s));
}

static void putu(const char *key, unsigned long long u)
{
	char d[24];
	size_t i = sizeof(d);

	puts_(key);
	do
		d[--i] = (char)('0' + u % 10);
	while (u /= 10);
	put(d + i, sizeof(d) - i);
}

static size_t slurp(int dir, const char *path, char *buf, size_t cap)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t r;

	buf[0] = '\0';
	if (fd < 0)
		return 0;
	/* kernel files give themselves whole; a config may need more than one read */
	while (n < cap - 1 && (r = read(fd, buf + n, cap - 1 - n)) > 0) {
		n += (size_t)r;
		if (dir != conf_dir && (size_t)r < cap - 1)
			break;
	}
	close(fd);
	buf[n] = '\0';
	return n;
}

static unsigned long long num(const char *p)
{
	unsigned long long u = 0;

	while (*p >= '0' && *p <= '9')
		u = u * 10 + (unsigned)(*p++ - '0');
	return u;
}

/* the number after "key " in a flat-keyed file */
static unsigned long long keyed(const char *buf, const char *key)
{
	const char *p = strstr(buf, key);

	return p ? num(p + strlen(key)) : 0;
}

static struct one *find(unsigned vmid)
{
	size_t lo = 0, hi = n_cts;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (cts[mid].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n_cts && cts[lo].vmid == vmid ? &cts[lo] : NULL;
}

static int cmp(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	return (x->vmid > y->vmid) - (x->vmid < y->vmid);
}

static void list_configs(void)
{
	static char buf[1 << 18];
	long n;

	while ((n = syscall(SYS_getdents64, conf_dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(buf + at);

			if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && n_cts < MAX_CTS)
				cts[n_cts++].vmid = (unsigned)num(e->d_name);
			at += e->d_reclen;
		}
	}
	qsort(cts, n_cts, sizeof(*cts), cmp);
}

/* which monitors are there: their command sockets */
static void list_sockets(void)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} req = { .h = { .nlmsg_len = sizeof(req),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		  .r = { .sdiag_family = AF_UNIX,
			 .udiag_states = UINT32_MAX,
			 .udiag_show = UDIAG_SHOW_NAME } };
	static char buf[32768] __attribute__((aligned(8)));
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	bool done = false;

	if (fd < 0 || send(fd, &req, sizeof(req), 0) < 0)
		return;
	while (!done) {
		ssize_t left = recv(fd, buf, sizeof(buf), 0);
		const struct nlmsghdr *h = (const void *)buf;

		if (left <= 0)
			break;
		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			const struct nlattr *a =
				(const void *)((const char *)NLMSG_DATA(h) +
					       sizeof(struct unix_diag_msg));
			const char *name = (const char *)a + sizeof(*a) + 1;
			struct one *ct;

			if (h->nlmsg_type == NLMSG_DONE) {
				done = true;
				break;
			}
			if (h->nlmsg_len <
				    NLMSG_HDRLEN + sizeof(struct unix_diag_msg) + 24 ||
			    a->nla_type != UNIX_DIAG_NAME ||
			    strncmp(name, "/var/lib/lxc/", 13) != 0)
				continue;
			ct = find((unsigned)num(name + 13));
			if (ct)
				ct->running = true;
		}
	}
	close(fd);
}

/* init: the child of the monitor; its start time is the container's uptime */
static void find_init(struct one *ct)
{
	char path[64], buf[4096], *p;
	int i;

	snprintf(path, sizeof(path), "%u/cgroup.procs", ct->vmid);
	if (!slurp(monitor_dir, path, buf, sizeof(buf)))
		return;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/children", (unsigned)num(buf),
		 (unsigned)num(buf));
	if (!slurp(AT_FDCWD, path, buf, sizeof(buf)))
		return;
	ct->init = (int)num(buf);
	snprintf(path, sizeof(path), "/proc/%d/stat", ct->init);
	slurp(AT_FDCWD, path, buf, sizeof(buf));
	p = strrchr(buf, ')');
	for (i = 0; p && i < 20; i++)
		p = strchr(p + 1, ' ');
	ct->start_ticks = p ? num(p + 1) : 0;
}

static unsigned long long cpu_usage(const struct one *ct)
{
	char path[32], buf[1024];

	snprintf(path, sizeof(path), "%u/cpu.stat", ct->vmid);
	slurp(lxc_dir, path, buf, sizeof(buf));
	return keyed(buf, "usage_usec ");
}

/* the files of the cgroup that list shows, and those that status has besides */
static const char *const list_files[] = {
	"ns/cgroup.events", "memory.current", "memory.swap.current",
	"memory.stat",      "io.stat",
};
static const char *const status_files[] = {
	"cpu.stat",           "cpu.max",
	"cpu.weight",         "memory.peak",
	"memory.min",         "memory.low",
	"memory.high",        "memory.max",
	"memory.swap.peak",   "memory.swap.high",
	"memory.swap.max",    "memory.events",
	"memory.swap.events", "pids.current",
	"pids.peak",          "pids.max",
	"pids.events",        "cpu.pressure",
	"io.pressure",        "memory.pressure",
	"cpuset.cpus",        "cpuset.cpus.effective",
};

static void cgroup_files(const struct one *ct, bool status)
{
	char path[32], buf[8192];
	int dir;

	snprintf(path, sizeof(path), "%u", ct->vmid);
	dir = openat(lxc_dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(list_files); i++) {
		slurp(dir, list_files[i], buf, sizeof(buf));
		putu(",\"a\":", i == 3 ? keyed(buf, "file ") : num(buf));
	}
	for (size_t i = 0; status && i < ARRAY_SIZE(status_files); i++) {
		slurp(dir, status_files[i], buf, sizeof(buf));
		putu(",\"b\":", num(buf));
	}
	close(dir);
}

static void root_statfs(const struct one *ct)
{
	struct statfs fs;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root/", ct->init);
	if (statfs(path, &fs) < 0)
		return;
	putu(",\"disk\":", (fs.f_blocks - fs.f_bfree) * (unsigned long long)fs.f_frsize);
	putu(",\"maxdisk\":", fs.f_blocks * (unsigned long long)fs.f_frsize);
}

static ssize_t ask(const void *req, size_t len, char *buf, size_t cap)
{
	return send(rtnl, req, len, 0) < 0 ? -1 : recv(rtnl, buf, cap, 0);
}

/* the number our namespace knows theirs by, then the addresses in there */
static void addresses(const struct one *ct)
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
		char pad[3];
		struct nlattr a;
		uint32_t pid;
	} getid = { .h = { .nlmsg_len = sizeof(getid),
			   .nlmsg_type = RTM_GETNSID,
			   .nlmsg_flags = NLM_F_REQUEST },
		    .a = { .nla_len = 8, .nla_type = NETNSA_PID },
		    .pid = (uint32_t)ct->init };
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
		struct nlattr a;
		int32_t nsid;
	} dump = { .h = { .nlmsg_len = sizeof(dump),
			  .nlmsg_type = RTM_GETADDR,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		   .a = { .nla_len = 8, .nla_type = IFA_TARGET_NETNSID } };
	static char buf[4096] __attribute__((aligned(8)));
	ssize_t left = ask(&getid, sizeof(getid), buf, sizeof(buf));
	const struct nlmsghdr *h = (const void *)buf;
	bool done = false;

	if (left < (ssize_t)(NLMSG_HDRLEN + 4 + 8) || h->nlmsg_type != RTM_NEWNSID)
		return;
	memcpy(&dump.nsid, buf + NLMSG_HDRLEN + 4 + 4, 4);
	if (dump.nsid < 0)
		return;
	left = ask(&dump, sizeof(dump), buf, sizeof(buf));
	puts_(",\"addresses\":[");
	while (left > 0 && !done) {
		for (h = (const void *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			const struct ifaddrmsg *m = NLMSG_DATA(h);
			const struct rtattr *a = (const void *)(m + 1);
			ssize_t n = (ssize_t)h->nlmsg_len - NLMSG_HDRLEN -
				    (ssize_t)sizeof(*m);

			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) {
				done = true;
				break;
			}
			for (; RTA_OK(a, n); a = RTA_NEXT(a, n))
				if (a->rta_type == IFA_ADDRESS && m->ifa_scope == 0)
					for (unsigned i = 0; i < RTA_PAYLOAD(a); i++)
						putu(i ? "." : "",
						     ((const uint8_t *)RTA_DATA(a))[i]);
		}
		if (!done)
			left = recv(rtnl, buf, sizeof(buf), 0);
	}
	puts_("]");
}

static void net_dev(void)
{
	static char buf[1 << 22];
	int fd = open("/proc/net/dev", O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t r;

	while (fd >= 0 && n < sizeof(buf) - 1 &&
	       (r = read(fd, buf + n, sizeof(buf) - 1 - n)) > 0)
		n += (size_t)r;
	if (fd >= 0)
		close(fd);
	buf[n] = '\0';
	for (char *line = buf; line; line = strchr(line, '\n')) {
		struct one *ct;

		line += strspn(line, "\n ");
		if (!*line)
			break;
		if (strncmp(line, "veth", 4) != 0)
			continue;
		ct = find((unsigned)num(line + 4));
		line = strchr(line, ':');
		if (!line)
			break;
		if (ct)
			ct->rx += num(line + 1 + strspn(line + 1, " "));
	}
}

static void host_files(void)
{
	static char buf[65536];

	slurp(AT_FDCWD, "/proc/cpuinfo", buf, sizeof(buf));
	slurp(AT_FDCWD, "/proc/meminfo", buf, sizeof(buf));
	slurp(AT_FDCWD, "/proc/uptime", buf, sizeof(buf));
	putu("{\"uptime\":", num(buf));
	slurp(AT_FDCWD, "/etc/pve/user.cfg", buf, sizeof(buf));
	slurp(AT_FDCWD, "/etc/pve/ha/resources.cfg", buf, sizeof(buf));
	slurp(AT_FDCWD, "/etc/pve/ha/manager_status", buf, sizeof(buf));
	if (readlink("/etc/pve/local", buf, sizeof(buf)) < 0)
		puts_(",\"alone\":true");
}

static void config(const struct one *ct)
{
	static char buf[1 << 20];
	char path[32];

	snprintf(path, sizeof(path), "%u.conf", ct->vmid);
	putu(",\"conf\":", slurp(conf_dir, path, buf, sizeof(buf)));
	if (strstr(buf, "hostname: "))
		puts_(",\"name\":\"x\"");
}

static int open_dir(int dir, const char *path)
{
	return openat(dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void security_of(unsigned pid, bool init)
{
	static const char *const ns[] = { "user", "mnt", "pid",    "net",
					  "ipc",  "uts", "cgroup", "time" };
	static char buf[1 << 16];
	char path[64], link[64];
	int dir;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	dir = open_dir(AT_FDCWD, path);
	if (dir < 0)
		return;
	slurp(dir, "cgroup", buf, sizeof(buf));
	slurp(dir, "stat", buf, sizeof(buf));
	slurp(dir, "status", buf, sizeof(buf));
	putu(",\"caps\":", keyed(buf, "CapEff:\t"));
	if (!slurp(dir, "attr/apparmor/current", buf, sizeof(buf)))
		slurp(dir, "attr/current", buf, sizeof(buf));
	for (size_t i = 0; i < (init ? ARRAY_SIZE(ns) : 4); i++) {
		snprintf(path, sizeof(path), "ns/%s", ns[i]);
		putu(",\"ns\":",
		     (unsigned long long)readlinkat(dir, path, link, sizeof(link)));
	}
	if (init) {
		slurp(dir, "uid_map", buf, sizeof(buf));
		slurp(dir, "gid_map", buf, sizeof(buf));
		putu(",\"mounts\":", slurp(dir, "mountinfo", buf, sizeof(buf)));
	}
	close(dir);
}

/* the processes of a cgroup and of those in it */
static void security_below(int at, const char *name, int init, unsigned depth)
{
	int dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char procs[8192], names[8192], *p = procs;
	long n;

	if (dir < 0)
		return;
	slurp(dir, "cgroup.procs", procs, sizeof(procs));
	while (*p) {
		unsigned pid = (unsigned)num(p);

		if (pid && (int)pid != init)
			security_of(pid, false);
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	while (depth < 8 && (n = syscall(SYS_getdents64, dir, names, sizeof(names))) > 0)
		for (long i = 0; i < n;) {
			const struct dirent64 *e = (const void *)(names + i);

			if (e->d_type == DT_DIR && e->d_name[0] != '.')
				security_below(dir, e->d_name, init, depth + 1);
			i += e->d_reclen;
		}
	close(dir);
}

static void security(const struct one *ct)
{
	char path[32];

	if (ct->init)
		security_of((unsigned)ct->init, true);
	snprintf(path, sizeof(path), "%u", ct->vmid);
	security_below(lxc_dir, path, ct->init, 0);
}

static int audit(void)
{
	for (size_t i = 0; i < n_cts; i++) {
		putu(",\n{\"vmid\":", cts[i].vmid);
		config(&cts[i]);
		if (cts[i].running) {
			find_init(&cts[i]);
			security(&cts[i]);
		}
		puts_("}");
	}
	puts_("}\n");
	return write(1, out, out_n) == (ssize_t)out_n ? 0 : 3;
}

static void open_all(void)
{
	int one = 1;

	cg_root = open_dir(AT_FDCWD, "/sys/fs/cgroup");
	lxc_dir = open_dir(cg_root, "lxc");
	monitor_dir = open_dir(cg_root, "lxc.monitor");
	conf_dir = open("/etc/pve/lxc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rtnl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	setsockopt(rtnl, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
}

static long long now_nsec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void wait_until(long long nsec)
{
	struct timespec t = { .tv_sec = nsec / 1000000000, .tv_nsec = nsec % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv)
{
	bool status = argc == 3 && strcmp(argv[1], "status") == 0;
	bool rates = status || (argc == 2 && strcmp(argv[1], "list") == 0);
	bool is_audit = argc == 2 && strcmp(argv[1], "audit") == 0;
	long long first;

	if (!rates && !is_audit && !(argc == 2 && strcmp(argv[1], "list0") == 0))
		return 2;
	cts = calloc(MAX_CTS, sizeof(*cts));
	open_all();
	host_files();
	if (status)
		cts[n_cts++].vmid = (unsigned)num(argv[2]);
	else
		list_configs();
	list_sockets();
	if (is_audit)
		return audit();
	first = now_nsec();
	for (size_t i = 0; rates && i < n_cts; i++)
		if (cts[i].running)
			cts[i].cpu_usec = cpu_usage(&cts[i]);
	net_dev();
	for (size_t i = 0; i < n_cts; i++) {
		struct one *ct = &cts[i];

		putu(",\n{\"vmid\":", ct->vmid);
		config(ct);
		if (ct->running) {
			find_init(ct);
			cgroup_files(ct, status);
			root_statfs(ct);
			addresses(ct);
			putu(",\"start\":", ct->start_ticks);
			putu(",\"netin\":", ct->rx);
		}
		puts_("}");
	}
	if (rates)
		wait_until(first + 100000000);
	for (size_t i = 0; rates && i < n_cts; i++)
		if (cts[i].running)
			putu(",\n", cpu_usage(&cts[i]) - cts[i].cpu_usec);
	puts_("}\n");
	return write(1, out, out_n) == (ssize_t)out_n ? 0 : 3;
}
