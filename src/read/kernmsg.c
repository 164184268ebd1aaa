/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/kernmsg.h"

#include "base/num.h"

static struct span behind(struct span s, const char *needle)
{
	const char *hit = span_find(s, needle);

	if (!hit)
		return (struct span){ 0 };
	hit += strlen(needle);
	return span_of(hit, s.n - (size_t)(hit - s.p));
}

static struct span until(struct span s, char end)
{
	const char *hit = s.n ? memchr(s.p, end, s.n) : NULL;

	return hit ? span_of(s.p, (size_t)(hit - s.p)) : s;
}

/* Behind the last one: a guest's name may hold the same text before it. */
static struct span behind_last(struct span s, const char *needle)
{
	struct span found = { 0 }, next = behind(s, needle);

	while (next.p) {
		found = next;
		next = behind(next, needle);
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
		s = behind(s, needle);
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
	if (digits(behind(end, ",uid="), &uid))
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
	m->vmid = ct_of(behind_path(s, ",oom_memcg="));
	if (!m->vmid)
		m->vmid = ct_of(rest);
	return true;
}

static struct val kib(struct span s, const char *key)
{
	struct span v = behind(s, key);
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
	m->name = behind(span_of(s.p, (size_t)(close - s.p)), " (");
	m->total_vm_bytes = kib(tail, "total-vm:");
	m->anon_bytes = kib(tail, "anon-rss:");
	m->file_bytes = kib(tail, "file-rss:");
	m->shmem_bytes = kib(tail, "shmem-rss:");
	score = span_trim(behind(tail, "oom_score_adj:"));
	m->has_score = score.n && num_parse_i64(score, &m->oom_score_adj) == 0;
	return true;
}

static struct span quoted(struct span s, const char *key)
{
	struct span v = behind(s, key);

	return v.p ? until(v, '"') : v;
}

/* "lxc-101_</var/lib/lxc>" or "...//lxc-101_<-var-lib-lxc>..." */
static uint32_t ct_of_profile(struct span p)
{
	struct span s = behind_last(p, "lxc-");
	uint32_t id = 0;

	if (!s.p || !span_find(s, "_<"))
		return 0;
	return num_parse_u32(until(s, '_'), &id) == 0 ? id : 0;
}

/* What a guest chose cannot hold a quote in these lines: the kernel makes it hex then. */
static bool parse_denied(struct span s, struct kernmsg *m)
{
	uint32_t pid;

	m->kind = KERNMSG_DENIED;
	m->operation = quoted(s, " operation=\"");
	m->profile = quoted(s, " profile=\"");
	m->path = quoted(s, " name=\"");
	m->name = quoted(s, " comm=\"");
	m->requested = quoted(s, " requested_mask=\"");
	if (digits(behind(s, " pid="), &pid))
		m->pid = (pid_t)pid;
	m->vmid = ct_of_profile(quoted(s, " namespace=\""));
	if (!m->vmid)
		m->vmid = ct_of_profile(m->profile);
	if (!m->vmid)
		m->vmid = ct_of_profile(quoted(s, " label=\""));
	return m->vmid != 0;
}

bool kernmsg_parse(struct span msg, struct kernmsg *ret)
{
	struct kernmsg m = { 0 };
	struct span s = msg;
	bool is;

	if (span_skip(&s, "oom-kill:constraint="))
		is = parse_oom(s, &m);
	else if (span_skip(&s, "Memory cgroup out of memory: Killed process ") ||
		 span_skip(&s, "Out of memory: Killed process "))
		is = parse_killed(s, &m);
	else if (span_find(msg, "apparmor=\"DENIED\""))
		is = parse_denied(behind(msg, "apparmor=\"DENIED\""), &m);
	else
		is = false;
	if (is)
		*ret = m;
	return is;
}
