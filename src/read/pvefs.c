/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pvefs.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"

#define MAX_FILE    ((size_t)1 << 20)
#define MAX_BUNDLE  ((size_t)128 << 20) /* pmxcfs holds no more in all */
#define MAX_ENTRIES 65536

/* One record: this head, the path with its NUL, the data. */
struct head {
	uint32_t path_n, data_n;
	int32_t error;
	uint32_t mode;
	uint64_t mtime_real_usec;
};

#define END_MARK 1 /* as the error of a record without a path: the answer is whole */

struct pvefs_args {
	int rootfd;
	int ask; /* of a server: how many of them are wanted, a byte each time */
	struct pvefs_req *reqs;
	size_t n;
};

/* In the child: records are collected and written when enough has come together. */
struct sender {
	int rootfd;
	int out;
	struct buf pending;
};

static int flush(struct sender *s)
{
	int r = fs_write_all(s->out, s->pending.p, s->pending.n);

	s->pending.n = 0;
	return r;
}

static int send_record(struct sender *s, const char *path, int error,
		       const struct fs_stat *st, struct span data)
{
	struct head h = {
		.path_n = (uint32_t)strlen(path) + 1,
		.data_n = error ? 0 : (uint32_t)data.n,
		.error = error,
		.mode = st ? st->mode : 0,
		.mtime_real_usec = st ? st->mtime_real_usec : 0,
	};

	buf_add(&s->pending, &h, sizeof(h));
	buf_add(&s->pending, path, h.path_n);
	buf_add(&s->pending, data.p, h.data_n);
	return s->pending.n >= 65536 ? flush(s) : 0;
}

/*
 * A copy of a node may have lost its symlinks: "etc/pve/lxc" is a file then that holds
 * the text of the link. The directory it means, NULL: it is no such file.
 */
static char *lost_link(int rootfd, struct span dir)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	_cleanup_free_ char *path = span_dup(dir);
	struct span target;

	if (fs_read_file(rootfd, path, 4096, &text, NULL) < 0)
		return NULL;
	target = span_trim(span_of(text.p, text.n));
	while (dir.n && dir.p[dir.n - 1] != '/')
		dir.n--;
	return target.n
		       ? xasprintf("%.*s%.*s", (int)dir.n, dir.p, (int)target.n, target.p)
		       : NULL;
}

static int read_one(int rootfd, const char *path, struct fs_stat *st, struct buf *ret)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = NULL, *real = NULL;
	int r = fs_read_file_stat(rootfd, path, MAX_FILE, ret, st, NULL);

	if (r != -ENOTDIR || !slash)
		return r;
	dir = lost_link(rootfd, span_of(path, (size_t)(slash - path)));
	if (!dir)
		return r;
	real = xasprintf("%s%s", dir, slash);
	return fs_read_file_stat(rootfd, real, MAX_FILE, ret, st, NULL);
}

/* `dir`, -1 or the directory it is in, held: every other step of the path is one more
 * question to pmxcfs. */
static int send_file(struct sender *s, int dir, const char *path)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const char *slash = strrchr(path, '/');
	struct fs_stat st = { 0 };
	int r;

	/* what is sent so far must not wait for a file that may hang */
	if (s->pending.n >= 4096) {
		r = flush(s);
		if (r < 0)
			return r;
	}
	r = dir >= 0 && slash ? fs_read_entry(dir, slash + 1, MAX_FILE, &b, &st) : -ELOOP;
	if (r == -ELOOP)
		r = read_one(s->rootfd, path, &st, &b);
	return send_record(s, path, r, &st, span_of(b.p, b.n));
}

static bool is_conf(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits && *name != '0' && str_eq(name + digits, ".conf");
}

/* A directory of configs. */
static int send_confs(struct sender *s, const char *path)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	_cleanup_free_ char *real = NULL;
	_cleanup_close_ int dir = -1;
	int r;

	r = fs_list(s->rootfd, path, MAX_ENTRIES, &names, NULL);
	if (r == -ENOTDIR)
		real = lost_link(s->rootfd, span_str(path));
	if (real)
		r = fs_list(s->rootfd, real, MAX_ENTRIES, &names, NULL);
	if (r < 0)
		return send_record(s, path, r, NULL, span_of(NULL, 0));
	(void)fs_open(s->rootfd, real ? real : path, O_PATH | O_DIRECTORY, &dir, NULL);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *p = NULL;

		if (!is_conf(names.v[i]))
			continue;
		p = xasprintf("%s/%s", path, names.v[i]);
		r = send_file(s, dir, p);
		if (r < 0)
			return r;
	}
	return 0;
}

static int send_nodes(struct sender *s, const char *path)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	int r = fs_list(s->rootfd, path, 1024, &names, NULL);

	if (r < 0)
		return send_record(s, path, r, NULL, span_of(NULL, 0));
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *p = xasprintf("%s/%s/lxc", path, names.v[i]);
		struct fs_stat st;

		/* the node itself, even without containers */
		if (fs_stat(s->rootfd, p, true, &st, NULL) < 0)
			continue;
		r = send_record(s, p, 0, &st, span_of(NULL, 0));
		if (r == 0)
			r = send_confs(s, p);
		if (r < 0)
			return r;
	}
	return 0;
}

static int send_link(struct sender *s, const char *path)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(buf_done) struct buf b = { 0 };
	struct fs_stat st = { 0 };
	int r = fs_readlink(s->rootfd, path, &text, NULL);

	if (r == 0 && fs_stat(s->rootfd, path, false, &st, NULL) < 0)
		st = (struct fs_stat){ 0 };
	if (r == 0)
		return send_record(s, path, 0, &st, span_str(text));
	/* a copy that lost its symlinks */
	if (r == -EINVAL && fs_read_file(s->rootfd, path, 4096, &b, NULL) == 0)
		return send_record(s, path, 0, NULL, span_trim(span_of(b.p, b.n)));
	return send_record(s, path, r, NULL, span_of(NULL, 0));
}

static int send_lstat(struct sender *s, const char *path)
{
	struct fs_stat st = { 0 };
	int r = fs_stat(s->rootfd, path, false, &st, NULL);

	return send_record(s, path, r, &st, span_of(NULL, 0));
}

static int send_req(struct sender *s, const struct pvefs_req *req)
{
	switch (req->kind) {
	case PVEFS_FILE:
		return send_file(s, -1, req->path);
	case PVEFS_CONFS:
		return send_confs(s, req->path);
	case PVEFS_NODES:
		return send_nodes(s, req->path);
	case PVEFS_LINK:
		return send_link(s, req->path);
	case PVEFS_LSTAT:
		return send_lstat(s, req->path);
	}
	return 0;
}

static int send_answer(const struct pvefs_args *a, size_t n, bool mark, int out)
{
	const struct head end = { .error = END_MARK };
	struct sender s = { .rootfd = a->rootfd, .out = out };
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = send_req(&s, &a->reqs[i]);
	if (mark)
		buf_add(&s.pending, &end, sizeof(end));
	r = r < 0 ? r : flush(&s);
	buf_done(&s.pending);
	return r;
}

static int child(int out, void *arg)
{
	const struct pvefs_args *a = arg;

	return send_answer(a, a->n, false, out);
}

/* It lives long: what its parent closes, or removes, must not live as long. */
static void keep_only(const int *fds, size_t n)
{
	for (unsigned from = 3;;) {
		unsigned next = UINT_MAX;

		for (size_t i = 0; i < n; i++)
			if (fds[i] >= 0 && (unsigned)fds[i] >= from)
				next = MIN(next, (unsigned)fds[i]);
		if (next > from)
			(void)syscall(SYS_close_range, from,
				      next == UINT_MAX ? next : next - 1, 0);
		if (next == UINT_MAX)
			return;
		from = next + 1;
	}
}

static int serve(int out, void *arg)
{
	const struct pvefs_args *a = arg;
	const int fds[] = { a->rootfd, a->ask, out };
	uint8_t n;

	keep_only(fds, ARRAY_SIZE(fds));
	prctl(PR_SET_NAME, "pvefs-reader");
	for (;;) {
		ssize_t got = recv(a->ask, &n, 1, 0);
		int r;

		if (got < 0 && errno == EINTR)
			continue;
		if (got != 1)
			return 0;
		r = send_answer(a, MIN(n, a->n), true, out);
		if (r < 0)
			return r;
	}
}

static int start(guard_fn *fn, struct pvefs_args *a, const struct pvefs_req *reqs,
		 struct guard *ret, struct err *err)
{
	int r;

	a->reqs = xcalloc(a->n, sizeof(*a->reqs));
	for (size_t i = 0; i < a->n; i++)
		a->reqs[i] = reqs[i];
	r = guard_start(fn, a, PVEFS_TIMEOUT_USEC, ret, err);
	/* the child has its own copy */
	free(a->reqs);
	return r;
}

int pvefs_start(int rootfd, const struct pvefs_req *reqs, size_t n, struct pvefs_job *ret,
		struct err *err)
{
	struct pvefs_args a = { .rootfd = rootfd, .ask = -1, .n = n };

	*ret = (struct pvefs_job){ 0 };
	return start(child, &a, reqs, &ret->guard, err);
}

int pvefs_serve(int rootfd, const struct pvefs_req *reqs, size_t n,
		struct pvefs_server *ret, struct err *err)
{
	struct pvefs_args a = { .rootfd = rootfd, .n = n };
	struct pvefs_server s = { 0 };
	int ends[2], r;

	/* not a pipe: to write to one whose reader has died is a signal */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, -errno, "socketpair: %s", strerror(errno));
	a.ask = ends[0];
	s.ask = ends[1];
	r = start(serve, &a, reqs, &s.guard, err);
	close(ends[0]);
	if (r < 0) {
		close(ends[1]);
		return r;
	}
	(void)fcntl(s.guard.fd, F_SETFL, O_NONBLOCK);
	*ret = s;
	return 0;
}

int pvefs_ask(struct pvefs_server *s, size_t n)
{
	uint8_t byte = (uint8_t)n;

	guard_renew(&s->guard, PVEFS_TIMEOUT_USEC);
	return send(s->ask, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -errno;
}

void pvefs_quit(struct pvefs_server *s)
{
	if (s->guard.pid > 0)
		close(s->ask);
	guard_done(&s->guard);
	*s = (struct pvefs_server){ 0 };
}

bool pvefs_ended(struct pvefs *p)
{
	struct head h;

	while (p->raw.n - p->walked >= sizeof(h)) {
		uint64_t n = sizeof(h);

		memcpy(&h, p->raw.p + p->walked, sizeof(h));
		if (!h.path_n)
			return true;
		n += (uint64_t)h.path_n + h.data_n;
		if (n > p->raw.n - p->walked)
			return false;
		p->walked += (size_t)n;
	}
	return false;
}

int pvefs_parse(struct pvefs *p)
{
	struct span left = span_of(p->raw.p, p->raw.n);
	size_t cap = 0;

	while (left.n) {
		struct pvefs_file f = { 0 };
		struct head h;

		if (left.n < sizeof(h))
			return -EBADMSG;
		memcpy(&h, left.p, sizeof(h));
		left = span_of(left.p + sizeof(h), left.n - sizeof(h));
		if (!h.path_n && !h.data_n && h.error == END_MARK && !left.n)
			return 0;
		if (!h.path_n || h.path_n > left.n || left.p[h.path_n - 1] ||
		    h.data_n > left.n - h.path_n)
			return -EBADMSG;
		f.path = left.p;
		f.error = h.error;
		f.mode = h.mode;
		f.mtime_real_usec = h.mtime_real_usec;
		f.data = span_of(left.p + h.path_n, h.data_n);
		left = span_of(f.data.p + h.data_n, left.n - h.path_n - h.data_n);
		GROW(p->v, p->n, cap);
		p->v[p->n++] = f;
	}
	return 0;
}

int pvefs_finish(struct pvefs_job *job, struct pvefs *ret, struct err *err)
{
	struct pvefs p = { 0 };
	int r = guard_collect(&job->guard, MAX_BUNDLE, &p.raw, err);

	p.slow = job->guard.slow;
	if (r == -ETIMEDOUT)
		p.timed_out = true;
	else if (r < 0) {
		pvefs_done(&p);
		return err_wrap(err, r, "etc/pve");
	}
	/* a record that was cut by the deadline is no error */
	if (pvefs_parse(&p) < 0 && !p.timed_out) {
		pvefs_done(&p);
		return err_set(err, -EIO,
			       "etc/pve: half an answer of the reader process");
	}
	*ret = p;
	return 0;
}

int pvefs_read(int rootfd, const struct pvefs_req *reqs, size_t n, struct pvefs *ret,
	       struct err *err)
{
	struct pvefs_job job = { 0 };
	int r = pvefs_start(rootfd, reqs, n, &job, err);

	return r < 0 ? r : pvefs_finish(&job, ret, err);
}

void pvefs_done(struct pvefs *p)
{
	buf_done(&p->raw);
	free(p->v);
	*p = (struct pvefs){ 0 };
}

const struct pvefs_file *pvefs_get(const struct pvefs *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->v[i].path, path))
			return &p->v[i];
	return NULL;
}

struct span pvefs_data(const struct pvefs *p, const char *path)
{
	const struct pvefs_file *f = pvefs_get(p, path);

	return f && !f->error ? f->data : span_of(NULL, 0);
}

bool pvefs_conf_path(const char *path, uint64_t *ret_vmid, struct span *ret_node)
{
	struct span s = span_str(path), digits;
	const char *slash = strrchr(path, '/');
	size_t n;

	digits = span_str(slash ? slash + 1 : path);
	if (!is_conf(digits.p))
		return false;
	digits.n -= strlen(".conf");
	if (num_parse_u64(digits, ret_vmid) < 0)
		return false;
	*ret_node = span_of(NULL, 0);
	s.n = slash ? (size_t)(slash - path) : 0;
	if (!span_ends(s, "/lxc"))
		return true;
	s.n -= 4;
	for (n = 0; n < s.n && s.p[s.n - n - 1] != '/';)
		n++;
	if (n < s.n && s.n - n >= 7 && span_ends(span_of(s.p, s.n - n - 1), "/nodes"))
		*ret_node = span_of(s.p + s.n - n, n);
	return true;
}
