/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/procs.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "read/procfs.h"

#define MAX_PIDS_TEXT    ((size_t)1 << 20) /* cgroup.procs of one cgroup */
#define MAX_STATUS       ((size_t)1 << 20) /* 65536 supplementary groups fit */
#define MAX_CMDLINE      4096
#define MAX_IDMAP        340
#define MAX_PROC_DIRS    ((size_t)1 << 20)
#define CMDLINE_ATTEMPTS 8

static void proc_done(struct proc *p)
{
	free(p->comm);
	free(p->cmdline);
	free(p->cgroup);
}

void procs_done(struct procs *p)
{
	for (size_t i = 0; i < p->n; i++)
		proc_done(&p->v[i]);
	free(p->v);
	*p = (struct procs){ 0 };
}

int procs_parse_idmap(struct span text, struct idmap *ret)
{
	struct idmap m = { 0 };
	struct span line, f[3];
	size_t cap = 0;

	while (span_line(&text, &line)) {
		struct idmap_line l;

		if (!span_field(&line, &f[0]))
			continue;
		if (!span_field(&line, &f[1]) || !span_field(&line, &f[2]) ||
		    num_parse_u32(f[0], &l.inside) < 0 ||
		    num_parse_u32(f[1], &l.outside) < 0 ||
		    num_parse_u32(f[2], &l.count) < 0 || m.n >= MAX_IDMAP) {
			idmap_done(&m);
			return -EINVAL;
		}
		GROW(m.v, m.n, cap);
		m.v[m.n++] = l;
	}
	*ret = m;
	return 0;
}

struct val idmap_inside(const struct idmap *m, uint32_t outside)
{
	for (size_t i = 0; i < m->n; i++)
		if (outside >= m->v[i].outside &&
		    outside - m->v[i].outside < m->v[i].count)
			return val_set((uint64_t)m->v[i].inside + outside -
				       m->v[i].outside);
	return (struct val){ 0 };
}

/* "VmRSS:	    1468 kB" */
static int parse_kib(struct span rest, struct val *ret)
{
	struct span f;
	uint64_t n;

	if (ret->kind != VAL_ABSENT || !span_field(&rest, &f) ||
	    num_parse_u64(f, &n) < 0 || n > UINT64_MAX / 1024)
		return -EINVAL;
	*ret = val_set(n * 1024);
	return 0;
}

static int parse_uid(struct span rest, struct proc_status *s)
{
	struct span f;

	/* real, effective, saved, file system */
	if (!span_field(&rest, &f) || !span_field(&rest, &f))
		return -EINVAL;
	return num_parse_u32(f, &s->uid);
}

static int parse_nspid(struct span rest, struct proc_status *s)
{
	struct span f;
	uint32_t pid;

	s->n_nspid = 0;
	while (s->n_nspid < ARRAY_SIZE(s->nspid) && span_field(&rest, &f)) {
		if (num_parse_u32(f, &pid) < 0 || pid > INT32_MAX)
			return -EINVAL;
		s->nspid[s->n_nspid++] = (pid_t)pid;
	}
	return 0;
}

static int parse_threads(struct span rest, struct proc_status *s)
{
	struct span f;

	return span_field(&rest, &f) ? num_parse_u64(f, &s->threads) : -EINVAL;
}

static int parse_rss(struct span rest, struct proc_status *s)
{
	return parse_kib(rest, &s->rss_bytes);
}

static int parse_swap(struct span rest, struct proc_status *s)
{
	return parse_kib(rest, &s->swap_bytes);
}

static const struct {
	const char *key;
	int (*parse)(struct span rest, struct proc_status *s);
} status_keys[] = {
	{ "Uid:", parse_uid },     { "NSpid:", parse_nspid },     { "VmRSS:", parse_rss },
	{ "VmSwap:", parse_swap }, { "Threads:", parse_threads },
};

int procs_parse_status(struct span text, struct proc_status *ret)
{
	struct proc_status s = { 0 };
	struct span line;
	bool uid = false;

	/* comm is escaped by the kernel here: a line is a line */
	while (span_line(&text, &line))
		for (size_t i = 0; i < ARRAY_SIZE(status_keys); i++) {
			int r;

			if (!span_skip(&line, status_keys[i].key))
				continue;
			r = status_keys[i].parse(line, &s);
			if (r < 0)
				return -EINVAL;
			uid |= i == 0;
			break;
		}
	if (!uid)
		return -EINVAL;
	*ret = s;
	return 0;
}

struct reader {
	int proc; /* directory fd of /proc */
	const struct procs_opts *o;
	struct idmap uids;
	struct procs *p;
	size_t cap, status_left;
};

void pidlist_done(struct pidlist *p)
{
	free(p->v);
	*p = (struct pidlist){ 0 };
}

static int cmp_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* cgroup.procs of one cgroup; a threaded one has none, its processes are listed above. */
static void list_pids(int dir, struct pidlist *pids)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct span s, line;
	uint32_t pid;
	int r;

	r = fs_read_file(dir, "cgroup.procs", MAX_PIDS_TEXT, &text, NULL);
	if (r < 0 && r != -EFBIG)
		return;
	s = span_of(buf_str(&text), text.n);
	while (span_line(&s, &line)) {
		/* 0: a process that this pid namespace does not see */
		if (num_parse_u32(line, &pid) < 0 || !pid || pid > INT32_MAX)
			continue;
		GROW(pids->v, pids->n, pids->cap);
		pids->v[pids->n++] = (pid_t)pid;
	}
}

static void sort_unique(struct pidlist *p)
{
	size_t n = 0;

	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), cmp_pid);
	/* one that moved while we listed is in two cgroups */
	for (size_t i = 0; i < p->n; i++)
		if (!n || p->v[n - 1] != p->v[i])
			p->v[n++] = p->v[i];
	p->n = n;
}

/*
 * All processes of the node, to be told apart by their cgroup: a guest can make more
 * cgroups than we look into, and must not hide processes in them.
 */
static int list_proc(int rootfd, struct pidlist *pids, struct err *err)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	uint32_t pid;
	int r;

	r = fs_list(rootfd, "proc", MAX_PROC_DIRS, &names, err);
	if (r < 0 && r != -EFBIG)
		return r;
	pids->n = 0;
	for (size_t i = 0; i < names.n; i++) {
		if (num_parse_u32(span_str(names.v[i]), &pid) < 0 || !pid ||
		    pid > INT32_MAX)
			continue;
		GROW(pids->v, pids->n, pids->cap);
		pids->v[pids->n++] = (pid_t)pid;
	}
	return r;
}

int procs_list(int rootfd, int cgdir, struct pidlist *ret, uint64_t *ret_left,
	       struct err *err)
{
	static const struct cgtree_limits lim = { .nodes = 2048,
						  .depth = 16,
						  .per_node = 1024 };
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	_cleanup_(pidlist_done) struct pidlist pids = { 0 };
	int r = cgtree_list(cgdir, &lim, &t, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < t.n; i++) {
		_cleanup_close_ int fd = -1, ns = -1;

		if (cgtree_open(cgdir, &t, i, &fd) < 0)
			continue;
		list_pids(fd, &pids);
		if (i == 0 && t.has_ns &&
		    fs_open(fd, "ns", O_PATH | O_DIRECTORY | O_NOFOLLOW, &ns, NULL) == 0)
			list_pids(ns, &pids);
	}
	*ret_left = t.left_out;
	if (t.left_out && list_proc(rootfd, &pids, NULL) == 0)
		*ret_left = 0;
	sort_unique(&pids);
	*ret = pids;
	pids = (struct pidlist){ 0 };
	return 0;
}

/* "/lxc/101/ns/system.slice/x.service" -> "system.slice/x.service" */
int procs_read_cgroup(int dir, uint32_t vmid, char **ret, size_t *ret_n)
{
	struct span path, id;
	char buf[16384];
	size_t n;
	int r;

	r = fs_read_small(dir, "cgroup", buf, sizeof(buf), &n, NULL);
	if (r == 0)
		r = procfs_parse_cgroup(span_of(buf, n), &path);
	if (r < 0)
		return r;
	if (!procfs_cgroup_is_ct(path, vmid) || !span_skip(&path, "/lxc/"))
		return -ESRCH; /* it was someone else's pid by now, or has left */
	span_cut(&path, '/', &id);
	if (span_eq(path, "ns"))
		path.n = 0;
	span_skip(&path, "ns/");
	*ret = span_dup(path);
	*ret_n = path.n;
	return 0;
}

static int take_cgroup(const struct reader *rd, int dir, struct proc *p)
{
	size_t n;
	int r = procs_read_cgroup(dir, rd->o->vmid, &p->cgroup, &n);

	if (r == 0)
		cgtree_where(span_of(p->cgroup, n), &p->where);
	return r;
}

static int take_stat(int dir, struct proc *p)
{
	struct proc_stat s;
	char buf[1024];
	size_t n;
	int r;

	r = fs_read_small(dir, "stat", buf, sizeof(buf), &n, NULL);
	if (r == 0)
		r = procfs_parse_stat(span_of(buf, n), &s);
	if (r < 0)
		return r;
	if (s.pid != p->pid)
		return -EINVAL;
	p->ppid = s.ppid;
	p->state = s.state;
	p->start_ticks = s.start_ticks;
	p->utime_ticks = s.utime_ticks;
	p->stime_ticks = s.stime_ticks;
	p->threads = s.threads;
	p->comm = xstrndup((const char *)s.comm.p, s.comm.n);
	p->comm_n = s.comm.n;
	return 0;
}

/*
 * A guest makes its Groups line up to 700 KiB long: read all of it while the sum stays
 * bounded, else do without what stands behind it. A cut line is no line.
 */
int procs_read_status(int dir, size_t *left, struct buf *ret)
{
	size_t max = MIN(MAX_STATUS, *left);
	int r;

	ret->n = 0;
	buf_reserve(ret, 8192);
	r = fs_read_small(dir, "status", ret->p, 8192, &ret->n, NULL);
	if (r == -EFBIG) {
		ret->n = 0;
		r = fs_read_file(dir, "status", max, ret, NULL);
		*left -= MIN(ret->n, *left);
	}
	if (r < 0 && r != -EFBIG)
		return r;
	while (ret->n && ret->p[ret->n - 1] != '\n')
		ret->n--;
	return 0;
}

static int take_status(struct reader *rd, int dir, struct proc *p)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct proc_status s;
	int r = procs_read_status(dir, &rd->status_left, &text);

	if (r == 0)
		r = procs_parse_status(span_of(buf_str(&text), text.n), &s);
	if (r < 0)
		return r;
	p->uid = s.uid;
	p->ct_uid = idmap_inside(&rd->uids, s.uid);
	/* further numbers are of pid namespaces that the guest made itself */
	if (s.n_nspid > 1)
		p->ct_pid = s.nspid[1];
	p->rss_bytes = s.rss_bytes;
	p->swap_bytes = s.swap_bytes;
	return 0;
}

int procs_open(int proc, pid_t pid, int *ret)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", (int)pid);
	return fs_open(proc, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, ret, NULL);
}

/* One fd over all files: when the process ends, the later reads fail with ESRCH. */
static int read_one(struct reader *rd, pid_t pid, struct proc *ret)
{
	struct proc p = { .pid = pid };
	_cleanup_close_ int dir = -1;
	int r;

	r = procs_open(rd->proc, pid, &dir);
	if (r == 0)
		r = take_cgroup(rd, dir, &p);
	if (r == 0)
		r = take_stat(dir, &p);
	if (r == 0)
		r = take_status(rd, dir, &p);
	if (r < 0) {
		proc_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ESRCH || r == -ENODEV;
}

static void read_each(struct reader *rd, const struct pidlist *pids)
{
	struct procs *p = rd->p;
	size_t max = rd->o->max ? rd->o->max : 4096;

	for (size_t i = 0; i < pids->n; i++) {
		struct proc one;
		int r;

		if (p->n >= max) {
			p->left_out += pids->n - i;
			return;
		}
		r = read_one(rd, pids->v[i], &one);
		if (r == 0) {
			GROW(p->v, p->n, rd->cap);
			p->v[p->n++] = one;
		} else if (!is_gone(r)) {
			p->left_out++;
		}
	}
}

/* What the reader of command lines is told, and how it answers. */
struct cmdline_job {
	int proc;
	const struct procs *p;
	size_t from;
};

struct answer {
	uint32_t i, n; /* index, bytes that follow */
	uint32_t cut;
};

/* In a process of its own: the memory that is read here may never answer. */
static int read_cmdlines(int out, void *arg)
{
	const struct cmdline_job *j = arg;
	char buf[MAX_CMDLINE + 1];

	for (size_t i = j->from; i < j->p->n; i++) {
		struct answer a = { .i = (uint32_t)i };
		_cleanup_close_ int dir = -1;
		struct proc again = { .pid = j->p->v[i].pid };
		size_t n = 0;
		int r = procs_open(j->proc, again.pid, &dir);

		if (r == 0)
			r = take_stat(dir, &again);
		free(again.comm);
		if (r == 0 && again.start_ticks == j->p->v[i].start_ticks)
			r = fs_read_small(dir, "cmdline", buf, sizeof(buf), &n, NULL);
		a.cut = r == -EFBIG || n > MAX_CMDLINE;
		a.n = a.cut ? MAX_CMDLINE : r == 0 ? (uint32_t)n : 0;
		r = fs_write_all(out, &a, sizeof(a));
		if (r == 0)
			r = fs_write_all(out, buf, a.n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Returns the index after the last process that was answered for. */
static size_t take_cmdlines(const struct buf *got, struct procs *p, size_t from)
{
	size_t at = 0;

	while (got->n - at >= sizeof(struct answer)) {
		struct answer a;
		struct proc *dst;

		memcpy(&a, got->p + at, sizeof(a));
		if (a.i != from || a.i >= p->n || a.n > got->n - at - sizeof(a))
			break;
		dst = &p->v[a.i];
		if (a.n) {
			dst->cmdline = xstrndup(got->p + at + sizeof(a), a.n);
			dst->cmdline_n = a.n;
			dst->cmdline_cut = a.cut;
		}
		at += sizeof(a) + a.n;
		from++;
	}
	return from;
}

/*
 * A reader that got stuck is left behind; the next one starts after the process that it
 * got stuck on.
 */
static void add_cmdlines(struct reader *rd)
{
	uint64_t timeout =
		rd->o->cmdline_timeout_usec ? rd->o->cmdline_timeout_usec : 300000;
	struct cmdline_job j = { .proc = rd->proc, .p = rd->p };
	size_t max = rd->p->n * (sizeof(struct answer) + MAX_CMDLINE);

	for (int i = 0; i < CMDLINE_ATTEMPTS && j.from < rd->p->n; i++) {
		_cleanup_(buf_done) struct buf got = { 0 };
		struct guard g = { 0 };

		if (guard_start(read_cmdlines, &j, timeout, &g, NULL) < 0)
			break;
		guard_collect(&g, max, &got, NULL);
		j.from = take_cmdlines(&got, rd->p, j.from);
		if (j.from >= rd->p->n)
			return;
		rd->p->cmdline_timeout = true;
		j.from++;
		timeout = timeout > 100000 ? timeout / 2 : timeout;
	}
}

static void read_uids(int proc, pid_t init, struct idmap *ret)
{
	_cleanup_close_ int dir = -1;
	char buf[16384];
	size_t n;

	/* the kernel takes at most 340 lines of up to 33 bytes */
	if (init > 0 && procs_open(proc, init, &dir) == 0 &&
	    fs_read_small(dir, "uid_map", buf, sizeof(buf), &n, NULL) == 0)
		procs_parse_idmap(span_of(buf, n), ret);
}

int procs_read(int rootfd, int cgdir, const struct procs_opts *o, struct procs *ret,
	       struct err *err)
{
	_cleanup_(procs_done) struct procs p = { 0 };
	_cleanup_(pidlist_done) struct pidlist pids = { 0 };
	_cleanup_close_ int proc = -1;
	struct reader rd = { .o = o, .p = &p, .status_left = PROCS_STATUS_TOTAL };
	int r;

	r = fs_open(rootfd, "proc", O_PATH | O_DIRECTORY, &proc, err);
	if (r == 0)
		r = procs_list(rootfd, cgdir, &pids, &p.cgroups_left, err);
	if (r < 0)
		return r;
	rd.proc = proc;
	read_uids(proc, o->init_pid, &rd.uids);
	read_each(&rd, &pids);
	idmap_done(&rd.uids);
	if (o->cmdline)
		add_cmdlines(&rd);
	*ret = p;
	p = (struct procs){ 0 };
	return 0;
}
