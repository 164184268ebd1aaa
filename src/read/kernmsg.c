/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/kernmsg.h"

#include <signal.h>

#include "base/num.h"

static struct span until(struct span s, char end)
{
	const char *hit = s.n ? memchr(s.p, end, s.n) : NULL;

	return hit ? span_of(s.p, (size_t)(hit - s.p)) : s;
}

/* Behind the last one: a guest's name may hold the same text before it. */
static struct span behind_last(struct span s, const char *needle)
{
	struct span found = { 0 }, next = span_behind(s, needle);

	while (next.p) {
		found = next;
		next = span_behind(next, needle);
	}
	return found;
}

/*
 * Behind the first one that a path follows: the name of a cpuset, which a guest may
 * choose, stands in front, but no name has a slash.
 */
static struct span behind_path(struct span s, const char *needle)
{
	do
		s = span_behind(s, needle);
	while (s.p && (!s.n || *s.p != '/'));
	return s;
}

static bool digits(struct span s, uint32_t *ret)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return num_parse_u32(span_of(s.p, n), ret) == 0;
}

/* "/lxc/101" or "/lxc/101/...": the id. */
static uint32_t ct_of(struct span cgroup)
{
	uint32_t id = 0;

	if (!span_skip(&cgroup, "/lxc/"))
		return 0;
	return num_parse_u32(until(until(cgroup, '/'), ','), &id) == 0 ? id : 0;
}

/*
 * oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=ns,mems_allowed=0,
 * oom_memcg=/lxc/101,task_memcg=/lxc/101/ns,task=dd,pid=12642,uid=100000
 */
static bool parse_oom(struct span s, struct kernmsg *m)
{
	struct span task, rest, end = behind_last(s, ",pid=");
	uint32_t pid, uid;

	if (!end.p || !digits(end, &pid))
		return false;
	m->kind = KERNMSG_OOM;
	m->pid = (pid_t)pid;
	if (digits(span_behind(end, ",uid="), &uid))
		m->uid = val_set(uid);
	m->memcg = span_starts(s, "CONSTRAINT_MEMCG,");
	rest = behind_path(s, ",task_memcg=");
	if (!rest.p || rest.p + strlen(",pid=") > end.p)
		return false;
	task = behind_last(span_of(rest.p, (size_t)(end.p - rest.p) - strlen(",pid=")),
			   ",task=");
	if (task.p) {
		m->name = task;
		m->task_cgroup =
			span_of(rest.p, (size_t)(task.p - rest.p) - strlen(",task="));
	}
	/* the limit's cgroup is the node's to name, the victim's is the guest's below it
	 */
	m->oom_cgroup = behind_path(s, ",oom_memcg=");
	m->vmid = ct_of(m->oom_cgroup);
	if (m->oom_cgroup.p && m->oom_cgroup.p < rest.p)
		m->oom_cgroup.n =
			(size_t)(rest.p - m->oom_cgroup.p) - strlen(",task_memcg=");
	else
		m->oom_cgroup = (struct span){ 0 };
	if (!m->vmid)
		m->vmid = ct_of(rest);
	return true;
}

static struct val kib(struct span s, const char *key)
{
	struct span v = span_behind(s, key);
	uint64_t n;
	size_t k = 0;

	while (v.p && k < v.n && v.p[k] >= '0' && v.p[k] <= '9')
		k++;
	if (!k || num_parse_u64(span_of(v.p, k), &n) < 0 || n > UINT64_MAX / 1024)
		return (struct val){ 0 };
	return val_set(n * 1024);
}

/* "... Killed process 12642 (dd) total-vm:309504kB, anon-rss:130232kB, ..." */
static bool parse_killed(struct span s, struct kernmsg *m)
{
	const char *close = s.n ? memrchr(s.p, ')', s.n) : NULL;
	struct span tail, score;
	uint32_t pid;

	if (!close || !digits(s, &pid))
		return false;
	m->kind = KERNMSG_KILLED;
	m->pid = (pid_t)pid;
	tail = span_of(close + 1, s.n - (size_t)(close + 1 - s.p));
	m->name = span_behind(span_of(s.p, (size_t)(close - s.p)), " (");
	m->total_vm_bytes = kib(tail, "total-vm:");
	m->anon_bytes = kib(tail, "anon-rss:");
	m->file_bytes = kib(tail, "file-rss:");
	m->shmem_bytes = kib(tail, "shmem-rss:");
	score = span_trim(span_behind(tail, "oom_score_adj:"));
	m->has_score = score.n && num_parse_i64(score, &m->oom_score_adj) == 0;
	return true;
}

/* ---- audit --------------------------------------------------------------------------
 */

/*
 * The value of key="..."; or of key=HEX, which the kernel writes when what a guest chose
 * has a quote, a blank or a control byte in it (audit_log_n_untrustedstring()). So
 * neither kind can hold another key.
 */
static struct span untrusted(struct span s, const char *key, bool *ret_hex)
{
	struct span v = span_behind(s, key);

	*ret_hex = false;
	if (!v.n)
		return (struct span){ 0 };
	if (*v.p == '"')
		return until(span_of(v.p + 1, v.n - 1), '"');
	*ret_hex = true;
	return until(v, ' ');
}

static struct span quoted(struct span s, const char *key)
{
	bool hex;
	struct span v = untrusted(s, key, &hex);

	return hex ? (struct span){ 0 } : v;
}

/*
 * "lxc-101_</var/lib/lxc>", "root//lxc-101_<-var-lib-lxc>//...", ":lxc-101_<-var...":
 * LXC's own is the first of a stack; those after it may be the guest's to name.
 */
static uint32_t ct_of_profile(struct span p)
{
	uint32_t id = 0;

	(void)span_skip(&p, ":");
	(void)span_skip(&p, "root//");
	if (!span_skip(&p, "lxc-") || !span_find(p, "_<"))
		return 0;
	return num_parse_u32(until(p, '_'), &id) == 0 ? id : 0;
}

static bool parse_denied(struct span s, struct kernmsg *m)
{
	uint32_t pid;
	bool hex;

	m->kind = KERNMSG_DENIED;
	m->by = DENIED_APPARMOR;
	m->operation = quoted(s, " operation=");
	m->profile = quoted(s, " profile=");
	m->path = untrusted(s, " name=", &m->path_hex);
	m->name = untrusted(s, " comm=", &m->name_hex);
	m->requested = quoted(s, " requested_mask=");
	m->error = quoted(s, " info=");
	if (digits(span_behind(s, " pid="), &pid))
		m->pid = (pid_t)pid;
	m->vmid = ct_of_profile(untrusted(s, " namespace=", &hex));
	if (!m->vmid)
		m->vmid = ct_of_profile(m->profile);
	if (!m->vmid)
		m->vmid = ct_of_profile(quoted(s, " label="));
	return m->operation.n && (m->vmid || m->pid > 0);
}

static struct val number(struct span s, const char *key, unsigned base)
{
	struct span v = behind_last(s, key);
	uint64_t n = 0;
	size_t k = 0;

	for (; k < v.n && k < 16; k++) {
		char c = v.p[k];
		unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
			     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
						    : 16;

		if (d >= base)
			break;
		n = n * base + d;
	}
	return k ? val_set(n) : (struct val){ 0 };
}

/*
 * auid=.. uid=.. gid=.. ses=.. subj=LABEL pid=9 comm="x" exe="/x" sig=0 arch=c000003e
 * syscall=165 compat=0 ip=0x7f code=0x50000: a label may hold anything but LXC's part at
 * its beginning, so the rest is taken from the end.
 */
static bool parse_seccomp(struct span s, struct kernmsg *m)
{
	struct span head, comm = behind_last(s, " comm=");
	struct span subj = span_behind(s, " subj=");
	uint32_t pid, uid;

	if (!comm.p)
		return false;
	head = span_of(s.p, (size_t)(comm.p - s.p) - strlen(" comm="));
	m->kind = KERNMSG_DENIED;
	m->by = DENIED_SECCOMP;
	comm = span_of(comm.p - strlen(" comm="),
		       s.n - (size_t)(comm.p - strlen(" comm=") - s.p));
	m->name = untrusted(comm, " comm=", &m->name_hex);
	m->path = untrusted(comm, " exe=", &m->path_hex);
	m->syscall = number(comm, " syscall=", 10);
	m->arch = number(comm, " arch=", 16);
	m->action = number(comm, " code=0x", 16);
	if (digits(behind_last(head, " pid="), &pid))
		m->pid = (pid_t)pid;
	if (digits(span_behind(head, " uid="), &uid))
		m->uid = val_set(uid);
	if (subj.p && subj.p < comm.p) {
		m->vmid = ct_of_profile(subj);
		m->profile = until(subj, ' ');
	}
	return m->syscall.kind == VAL_SET && (m->vmid || m->pid > 0);
}

/* "audit: type=1400 audit(1732170000.123:45): ...": `type`, and behind it. */
static bool audit_line(struct span *s, const char *type)
{
	struct span t = *s;

	if (!span_skip(&t, "audit: type=") || !span_skip(&t, type) ||
	    !span_skip(&t, " audit("))
		return false;
	while (t.n && ((*t.p >= '0' && *t.p <= '9') || *t.p == '.' || *t.p == ':')) {
		t.p++;
		t.n--;
	}
	if (!span_skip(&t, "):"))
		return false;
	*s = t;
	return true;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

char *kernmsg_text(struct span s, bool hex)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (!hex)
		return span_dup(s);
	for (size_t i = 0; i + 1 < s.n; i += 2) {
		int hi = nibble(s.p[i]), lo = nibble(s.p[i + 1]);

		if (hi < 0 || lo < 0)
			return span_dup(s);
		if (hi || lo) /* the name of an abstract socket begins with it */
			buf_addc(&b, (char)(hi << 4 | lo));
	}
	return xstrdup(buf_str(&b));
}

const char *kernmsg_seccomp_action(uint64_t code)
{
	static const struct {
		uint64_t code;
		const char *name;
	} names[] = {
		{ 0x80000000, "kill-process" }, { 0x00000000, "kill-thread" },
		{ 0x00030000, "trap" },         { 0x00050000, "errno" },
		{ 0x7fc00000, "notify" },       { 0x7ff00000, "trace" },
		{ 0x7ffc0000, "log" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].code == (code & 0xffff0000))
			return names[i].name;
	return NULL;
}

/*
 * "init[4711]: segfault at 0 ip ...", "traps: init[4711] trap invalid opcode ip:..."
 * (arch/x86/mm/fault.c, kernel/traps.c): of processes whose signal is not handled. The
 * name is the guest's and at most 15 bytes, too few for a pid and the words behind it.
 */
static bool parse_crash(struct span s, struct kernmsg *m)
{
	static const struct {
		const char *words;
		int signal;
	} faults[] = {
		{ ": segfault at ", SIGSEGV },
		{ " general protection fault", SIGSEGV },
		{ " trap stack segment", SIGBUS },
		{ " trap invalid opcode", SIGILL },
		{ " trap divide error", SIGFPE },
		{ " trap int3", SIGTRAP },
	};

	(void)span_skip(&s, "traps: ");
	for (size_t i = 0; i < MIN(s.n, (size_t)16); i++) {
		struct span rest = span_of(s.p + i + 1, s.n - i - 1);
		uint32_t pid;

		if (s.p[i] != '[' || !digits(rest, &pid))
			continue;
		rest = span_after_digits(rest);
		if (!span_skip(&rest, "]"))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(faults); k++) {
			if (!span_starts(rest, faults[k].words))
				continue;
			m->kind = KERNMSG_CRASH;
			m->pid = (pid_t)pid;
			m->signal = faults[k].signal;
			m->name = span_of(s.p, i);
			return true;
		}
	}
	return false;
}

/*
 * The kernel prints what audit says when no auditd takes it; journald's own copy of it
 * (with auditd, too) begins with the name of the type instead: "AVC apparmor=...".
 */
bool kernmsg_parse(struct span msg, struct kernmsg *ret)
{
	struct kernmsg m = { 0 };
	struct span s = msg;
	bool is;

	if (span_skip(&s, "oom-kill:constraint=")) {
		is = parse_oom(s, &m);
	} else if (span_skip(&s, "Memory cgroup out of memory: Killed process ") ||
		   span_skip(&s, "Out of memory: Killed process ")) {
		is = parse_killed(s, &m);
	} else if (span_skip(&s, "cgroup: fork rejected by pids controller in ")) {
		m.kind = KERNMSG_FORK;
		m.vmid = ct_of(s);
		is = m.vmid != 0;
	} else if (span_skip(&s, "kauditd_printk_skb: ")) {
		m.lines = val_or(number(msg, "kauditd_printk_skb: ", 10), 0);
		m.kind = KERNMSG_SUPPRESSED;
		is = m.lines > 0;
	} else if (audit_line(&s, "1400") || span_skip(&s, "AVC")) {
		is = span_skip(&s, " apparmor=\"DENIED\"") && parse_denied(s, &m);
	} else if (audit_line(&s, "1326") || span_skip(&s, "SECCOMP")) {
		is = parse_seccomp(s, &m);
	} else {
		is = parse_crash(s, &m);
	}
	if (is)
		*ret = m;
	return is;
}
