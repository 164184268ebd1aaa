/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/ctsec.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/cgroup.h"
#include "read/mountinfo.h"
#include "read/procfs.h"
#include "read/procs.h"

#define MAX_PROCS   4096
#define MAX_LABEL   8192 /* a page of the kernel, and more */
#define MAX_DEVICES ((size_t)256 << 10)

/* As long as lxc-attach may take between its steps. */
#define STRANGE_USEC  40000
#define STRANGE_TRIES 5
#define STRANGE_ALL   25 /* of all containers together */

struct reader {
	int rootfd, proc; /* proc: directory fd of /proc */
	struct ctsec *s;
	size_t cap, status_left;
	unsigned *tries; /* how often we may still wait for what is strange */
};

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ESRCH || r == -ENODEV;
}

/* The first thing that could not be read is told; the others mostly have its reason. */
static void complain(struct ctsec *s, const char *what, int r)
{
	if (!s->error)
		s->error = xasprintf("%s: %s", what, strerror(-r));
}

/*
 * A file of this LSM only, or on kernels before 5.8 of the one that answers first. EINVAL
 * is the kernel's word for: none of them.
 */
static int read_label(int dir, struct sec_label *ret)
{
	static const char *const files[] = { "attr/apparmor/current", "attr/current" };
	_uninit_ char buf[MAX_LABEL];
	size_t n = 0;
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(files) && r == -ENOENT; i++)
		r = fs_read_small(dir, files[i], buf, sizeof(buf), &n, NULL);
	if (r == 0)
		ctsec_parse_label(span_of(buf, n), ret);
	else if (r != -ENOENT && r != -EINVAL && r != -ESRCH)
		ret->got = SEC_UNREADABLE;
	return ret->got == SEC_UNREADABLE || r == -ESRCH ? r : 0;
}

/* Magic links, read and not followed. Of a process that is ending some are gone. */
static int read_ns(int dir, enum sec_ns ns, struct sec_nss *ret)
{
	char path[24], link[64];
	uint64_t inode;
	ssize_t n;

	snprintf(path, sizeof(path), "ns/%s", sec_ns_name(ns));
	n = readlinkat(dir, path, link, sizeof(link));
	if (n < 0 && is_gone(-errno))
		return 0;
	if (n < 0)
		return -errno;
	if (ctsec_parse_ns(span_of(link, (size_t)n), sec_ns_name(ns), &inode) < 0)
		return -EINVAL;
	ret->inode[ns] = val_set(inode);
	if (ret->got == SEC_ABSENT)
		ret->got = SEC_GOT;
	return 0;
}

/* The first `n` of them. */
static int read_nss(int dir, unsigned n, struct sec_nss *ret)
{
	int first = 0;

	for (unsigned i = 0; i < n; i++) {
		int r = read_ns(dir, (enum sec_ns)i, ret);

		if (r < 0) {
			ret->got = SEC_UNREADABLE;
			first = first ? first : r;
		}
	}
	return first;
}

static int read_status(struct reader *rd, int dir, struct sec_proc *p)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	int r = procs_read_status(dir, &rd->status_left, &text);

	return r < 0 ? r : ctsec_parse_status(span_of(buf_str(&text), text.n), p);
}

/* -ESRCH also of a zombie: it holds nothing any more. */
static int read_stat(int dir, struct sec_proc *p)
{
	_uninit_ char buf[1024];
	struct proc_stat st;
	size_t n;
	int r = fs_read_small(dir, "stat", buf, sizeof(buf), &n, NULL);

	if (r == 0)
		r = procfs_parse_stat(span_of(buf, n), &st);
	if (r < 0)
		return r;
	if (st.pid != p->pid)
		return -EINVAL;
	if (st.state == 'Z' || st.state == 'X')
		return -ESRCH;
	p->start_ticks = st.start_ticks;
	p->comm = xstrndup((const char *)st.comm.p, st.comm.n);
	p->comm_n = st.comm.n;
	return 0;
}

static int read_where(int dir, uint32_t vmid, struct sec_proc *p)
{
	_cleanup_free_ char *path = NULL;
	struct cgwhere where;
	size_t n;
	int r = procs_read_cgroup(dir, vmid, &path, &n);

	if (r < 0)
		return r;
	cgtree_where(span_of(path, n), &where);
	p->attached = where.attached;
	return 0;
}

/* The kernel says EACCES, too, for a link of a process that has ended. */
static bool has_ended(int dir)
{
	_uninit_ char buf[1024];
	size_t n;

	return is_gone(fs_read_small(dir, "stat", buf, sizeof(buf), &n, NULL));
}

/* What is in *p is the caller's to release, also when it fails. */
static int read_proc(struct reader *rd, int dir, unsigned n_ns, struct sec_proc *p)
{
	int r = read_where(dir, rd->s->vmid, p), soft;

	if (r == 0)
		r = read_stat(dir, p);
	if (r == 0 && p->pid == rd->s->init_pid &&
	    p->start_ticks != rd->s->init_start_ticks)
		r = -ESRCH;
	if (r == 0)
		r = read_status(rd, dir, p);
	if (r < 0)
		return r;
	soft = read_label(dir, &p->label);
	if (soft == -ESRCH)
		return soft;
	if (soft < 0)
		complain(rd->s, "the AppArmor label of a process", soft);
	soft = read_nss(dir, n_ns, &p->ns);
	if (soft < 0 && has_ended(dir))
		return -ESRCH;
	if (soft < 0)
		complain(rd->s, "the namespaces of a process", soft);
	return 0;
}

static void add(struct reader *rd, struct sec_proc *p)
{
	GROW(rd->s->procs, rd->s->n_procs, rd->cap);
	rd->s->procs[rd->s->n_procs++] = *p;
	*p = (struct sec_proc){ 0 };
}

static enum sec_got read_map(struct ctsec *s, int dir, const char *file,
			     struct idmap *ret)
{
	_uninit_ char buf[16384]; /* 340 lines of up to 33 bytes */
	size_t n;
	int r = fs_read_small(dir, file, buf, sizeof(buf), &n, NULL);

	if (r == 0)
		r = procs_parse_idmap(span_of(buf, n), ret);
	if (r == 0)
		return SEC_GOT;
	if (is_gone(r))
		return SEC_ABSENT;
	complain(s, file, r);
	return SEC_UNREADABLE;
}

/* By its number: true only if that was init's still when all of it was read. */
static void read_mounts(struct reader *rd, int dir)
{
	struct mounts m = { 0 };
	int r = mountinfo_read(rd->rootfd, rd->s->init_pid, &m, NULL);

	if (r == 0 && has_ended(dir))
		r = -ESRCH;
	if (r < 0) {
		mounts_done(&m);
		if (is_gone(r))
			return;
		complain(rd->s, "mountinfo", r);
		rd->s->mounts_got = SEC_UNREADABLE;
		return;
	}
	rd->s->mounts = m;
	rd->s->mounts_got = SEC_GOT;
}

/* False: it has ended, or the number is another's. */
static bool read_init(struct reader *rd)
{
	_cleanup_(sec_proc_done) struct sec_proc p = { .pid = rd->s->init_pid };
	_cleanup_close_ int dir = -1;
	int r = procs_open(rd->proc, p.pid, &dir);

	if (r == 0)
		r = read_proc(rd, dir, SEC_NS_N, &p);
	if (r == 0) {
		rd->s->uid_got = read_map(rd->s, dir, "uid_map", &rd->s->uids);
		rd->s->gid_got = read_map(rd->s, dir, "gid_map", &rd->s->gids);
		read_mounts(rd, dir);
		add(rd, &p);
	} else if (!is_gone(r)) {
		complain(rd->s, "init", r);
	}
	return r == 0;
}

/* All but init, at most `max`. */
static void read_others(struct reader *rd, const struct pidlist *pids, size_t max)
{
	for (size_t i = 0; i < pids->n; i++) {
		_cleanup_(sec_proc_done) struct sec_proc p = { .pid = pids->v[i] };
		_cleanup_close_ int dir = -1;
		int r;

		if (p.pid == rd->s->init_pid)
			continue;
		if (rd->s->n_procs >= max) {
			rd->s->left_out += pids->n - i;
			return;
		}
		r = procs_open(rd->proc, p.pid, &dir);
		if (r == 0)
			r = read_proc(rd, dir, SEC_NS_NET + 1, &p);
		if (r == 0)
			add(rd, &p);
		else if (!is_gone(r))
			rd->s->left_out++;
	}
}

/*
 * lxc-attach puts a process into the cgroup first, and gives it its namespaces, its label
 * and its filter after that: for a moment it is what nobody has to hear of.
 */
static bool is_strange(const struct ctsec *s, const struct sec_proc *p)
{
	const struct sec_proc *init = &s->procs[0];

	for (unsigned ns = 0; ns <= SEC_NS_NET; ns++)
		if (sec_ns_is_hosts(s->host, &p->ns, (enum sec_ns)ns) &&
		    sec_ns_is_other(s->host, &init->ns, (enum sec_ns)ns))
			return true;
	if (sec_label_unconfined(&p->label) && !sec_label_unconfined(&init->label))
		return true;
	return p->seccomp.kind == VAL_SET && !p->seccomp.n &&
	       val_or(init->seccomp, 0) != 0;
}

static void drop(struct ctsec *s, size_t i)
{
	sec_proc_done(&s->procs[i]);
	memmove(&s->procs[i], &s->procs[i + 1], (--s->n_procs - i) * sizeof(*s->procs));
}

/* Once more what is strange, as it is by now. False: nothing is. */
static bool read_strange_again(struct reader *rd)
{
	bool any = false;

	for (size_t i = rd->s->n_procs; i-- > 1;) {
		_cleanup_(sec_proc_done) struct sec_proc p = { 0 };
		_cleanup_close_ int dir = -1;
		int r;

		if (!is_strange(rd->s, &rd->s->procs[i]))
			continue;
		p.pid = rd->s->procs[i].pid;
		r = procs_open(rd->proc, p.pid, &dir);
		if (r == 0)
			r = read_proc(rd, dir, SEC_NS_NET + 1, &p);
		if (r < 0) {
			rd->s->left_out += !is_gone(r);
			drop(rd->s, i);
			continue;
		}
		sec_proc_done(&rd->s->procs[i]);
		rd->s->procs[i] = p;
		p = (struct sec_proc){ 0 };
		any |= is_strange(rd->s, &rd->s->procs[i]);
	}
	return any;
}

static bool has_strange(const struct ctsec *s)
{
	for (size_t i = 1; i < s->n_procs; i++)
		if (is_strange(s, &s->procs[i]))
			return true;
	return false;
}

/* A guest cannot make one, so it cannot keep us here either. */
static void let_settle(struct reader *rd)
{
	bool strange = has_strange(rd->s);

	for (; strange && *rd->tries; --*rd->tries) {
		clock_sleep_usec(STRANGE_USEC);
		strange = read_strange_again(rd);
	}
}

/* Of lxc/<id> and what is above it, on the v2 tree; the kernel tells root only. */
static void read_bpf(struct reader *rd, int cgdir)
{
	_cleanup_close_ int fd = -1;
	union bpf_attr a;
	struct statfs fs;

	/* it wants a descriptor that is really open */
	if (fs_open(cgdir, ".", O_RDONLY | O_DIRECTORY, &fd, NULL) < 0)
		return;
	/* of a copy of a node the kernel knows nothing, and tells an ordinary user EPERM */
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return;
	memset(&a, 0, sizeof(a));
	a.query.target_fd = (uint32_t)fd;
	a.query.attach_type = BPF_CGROUP_DEVICE;
	a.query.query_flags = BPF_F_QUERY_EFFECTIVE;
	if (syscall(SYS_bpf, BPF_PROG_QUERY, &a, sizeof(a)) < 0) {
		/* EBADF, EINVAL, ENOSYS: a kernel without it */
		if (errno == EPERM)
			complain(rd->s, "the device programs of the cgroup", -errno);
		if (errno == EPERM && rd->s->devices.got == SEC_ABSENT)
			rd->s->devices.got = SEC_UNREADABLE;
		return;
	}
	rd->s->devices.got = SEC_GOT;
	rd->s->devices.bpf = val_set(a.query.prog_cnt);
}

static void read_v1_devices(struct reader *rd)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	char path[64];
	int r;

	num_path(path, sizeof(path), "sys/fs/cgroup/devices/lxc/", rd->s->vmid,
		 "/devices.list");
	r = fs_read_file(rd->rootfd, path, MAX_DEVICES, &text, NULL);
	if (r == 0)
		r = ctsec_parse_devices(span_of(buf_str(&text), text.n), &rd->s->devices);
	if (r < 0 && !is_gone(r)) {
		complain(rd->s, path, r);
		rd->s->devices.got = SEC_UNREADABLE;
	}
}

static void read_cgroup(struct reader *rd, size_t max)
{
	_cleanup_(pidlist_done) struct pidlist pids = { 0 };
	_cleanup_close_ int cgdir = -1;
	int r = cg_open(rd->rootfd, rd->s->vmid, &cgdir, NULL);

	if (r == 0)
		r = procs_list(rd->rootfd, cgdir, &pids, &rd->s->cgroups_left, NULL);
	if (r < 0) {
		if (!is_gone(r))
			complain(rd->s, "the container's cgroup", r);
		return;
	}
	read_others(rd, &pids, max);
	let_settle(rd);
	read_v1_devices(rd);
	read_bpf(rd, cgdir);
}

static void read_ct(int rootfd, const struct ct *ct, const struct sec_host *host,
		    size_t max_procs, bool others, unsigned *tries, struct ctsec *ret)
{
	struct ctsec s = { .vmid = ct->vmid,
			   .init_pid = ct->init_pid,
			   .init_start_ticks = ct->init_start_ticks,
			   .host = host };
	_cleanup_close_ int proc = -1;
	struct reader rd = { .rootfd = rootfd,
			     .s = &s,
			     .status_left = PROCS_STATUS_TOTAL,
			     .tries = tries };
	int r = fs_open(rootfd, "proc", O_PATH | O_DIRECTORY, &proc, NULL);

	rd.proc = proc;
	if (r < 0)
		complain(&s, "/proc", r);
	else if (s.init_pid > 0 && read_init(&rd) && others)
		read_cgroup(&rd, max_procs ? max_procs : MAX_PROCS);
	*ret = s;
}

void ctsec_read(int rootfd, const struct ct *ct, const struct sec_host *host,
		size_t max_procs, struct ctsec *ret)
{
	unsigned tries = STRANGE_TRIES;

	read_ct(rootfd, ct, host, max_procs, true, &tries, ret);
}

void ctsec_read_init(int rootfd, const struct ct *ct, struct ctsec *ret)
{
	unsigned tries = 0;

	read_ct(rootfd, ct, NULL, 0, false, &tries, ret);
}

void ctsec_read_host(int rootfd, struct sec_host *ret)
{
	struct sec_host h = { 0 };
	_cleanup_close_ int proc = -1, dir = -1;
	char buf[32];
	struct span s;
	uint64_t n;
	size_t got;

	if (mountinfo_read(rootfd, 1, &h.mounts, NULL) == 0)
		h.mounts_got = SEC_GOT;
	if (fs_open(rootfd, "proc", O_PATH | O_DIRECTORY, &proc, NULL) == 0 &&
	    procs_open(proc, 1, &dir) == 0) {
		(void)read_nss(dir, SEC_NS_N, &h.ns);
		(void)read_label(dir, &h.label);
	}
	if (fs_read_small(rootfd, "proc/sys/kernel/cap_last_cap", buf, sizeof(buf), &got,
			  NULL) == 0) {
		s = span_trim(span_of(buf, got));
		if (num_parse_u64(s, &n) == 0)
			h.last_cap = val_set(n);
	}
	*ret = h;
}

void ctsec_read_all(int rootfd, const struct facts *f, struct ctsecs *ret)
{
	struct ctsecs s = { .n = f->n_cts };
	unsigned left = STRANGE_ALL;

	if (f->n_cts) {
		s.v = xcalloc(s.n, sizeof(*s.v));
		s.host = xcalloc(1, sizeof(*s.host));
		ctsec_read_host(rootfd, s.host);
	}
	for (size_t i = 0; i < s.n; i++) {
		unsigned tries = MIN(left, (unsigned)STRANGE_TRIES), had = tries;

		if (!f->cts[i].here || f->cts[i].init_pid <= 0)
			continue;
		s.v[i] = xcalloc(1, sizeof(*s.v[i]));
		read_ct(rootfd, &f->cts[i], s.host, 0, true, &tries, s.v[i]);
		left -= had - tries;
	}
	*ret = s;
}
