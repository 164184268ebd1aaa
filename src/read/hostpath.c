/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/hostpath.h"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"

#define MAX_LINKS 40 /* as the kernel: path_resolution(7) */
#define MAX_STEPS 512

#define ONE_TIMEOUT_USEC (300 * USEC_PER_MSEC)
#define MAX_STUCK        3

struct walk {
	int rootfd;
	struct buf at;   /* what was followed so far: "" is the root, else "/a/b" */
	struct buf todo; /* what is still to be followed */
	unsigned links;
	bool open_to_all; /* `at` is a directory like /tmp */
	struct hostpath *ret;
};

static void weak(struct walk *w, const char *path, const struct fs_stat *st)
{
	if (w->ret->weak)
		return;
	w->ret->weak = xstrdup(*path ? path : "/");
	w->ret->weak_uid = st->uid;
	w->ret->weak_gid = st->gid;
	w->ret->weak_mode = st->mode & 07777;
}

static void look_at(struct walk *w, const char *path, const struct fs_stat *st)
{
	bool others = (st->mode & S_IWOTH) || ((st->mode & S_IWGRP) && st->gid != 0);
	bool dir = S_ISDIR(st->mode);

	/* with the sticky bit nobody can replace what root put there */
	w->open_to_all = dir && others && (st->mode & S_ISVTX);
	/* the mode of a link says nothing */
	if (st->uid != 0 || (others && !S_ISLNK(st->mode) && !w->open_to_all))
		weak(w, path, st);
}

static int stat_at(const struct walk *w, const char *path, struct fs_stat *st)
{
	return fs_stat(w->rootfd, *path ? path + 1 : ".", false, st, NULL);
}

static void step_up(struct walk *w)
{
	const char *slash = w->at.n ? strrchr(w->at.p, '/') : NULL;

	w->at.n = slash ? (size_t)(slash - w->at.p) : 0;
	if (w->at.p)
		w->at.p[w->at.n] = '\0';
}

/* The link's text comes before what is left. */
static int follow_link(struct walk *w, const char *path)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *rest = xstrdup(buf_str(&w->todo));
	int r;

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	r = fs_readlink(w->rootfd, path + 1, &text, NULL);
	if (r < 0)
		return r;
	if (strlen(text) + strlen(rest) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (*text == '/')
		w->at.n = 0;
	w->todo.n = 0;
	buf_addf(&w->todo, "%s/%s", text, rest);
	return 0;
}

static int step(struct walk *w, struct span name)
{
	_cleanup_free_ char *path = NULL;
	struct fs_stat st;
	int r;

	if (!name.n || span_eq(name, "."))
		return 0;
	if (span_eq(name, "..")) {
		step_up(w);
		return 0;
	}
	path = xasprintf("%.*s/%.*s", (int)w->at.n, buf_str(&w->at), (int)name.n, name.p);
	r = stat_at(w, path, &st);
	if (r == -ENOENT && w->open_to_all &&
	    stat_at(w, w->at.n ? w->at.p : "", &st) == 0)
		weak(w, w->at.n ? w->at.p : "", &st);
	if (r < 0)
		return r;
	look_at(w, path, &st);
	if (S_ISLNK(st.mode))
		return follow_link(w, path);
	w->at.n = 0;
	buf_adds(&w->at, path);
	return 0;
}

static int next(struct walk *w, bool *ret_more)
{
	struct span rest = span_of(buf_str(&w->todo), w->todo.n), name;
	_cleanup_free_ char *owned = NULL;
	size_t left;

	*ret_more = rest.n > 0;
	if (!rest.n)
		return 0;
	span_cut(&rest, '/', &name);
	owned = span_dup(name);
	left = rest.n;
	memmove(w->todo.p, rest.p, left);
	w->todo.n = left;
	w->todo.p[left] = '\0';
	return step(w, span_str(owned));
}

void hostpath_follow(int rootfd, const char *path, struct hostpath *ret)
{
	struct walk w = { .rootfd = rootfd, .ret = ret };
	struct fs_stat st;
	bool more = true;
	int r = 0;

	*ret = (struct hostpath){ .path = xstrdup(path) };
	if (*path != '/')
		r = -EINVAL;
	else if (strlen(path) >= PATH_MAX)
		r = -ENAMETOOLONG;
	else if ((r = stat_at(&w, "", &st)) == 0)
		look_at(&w, "", &st);
	if (r == 0)
		buf_adds(&w.todo, path);
	for (unsigned i = 0; r == 0 && more; i++)
		r = i < MAX_STEPS ? next(&w, &more) : -ELOOP;
	ret->error = r;
	if (r == 0)
		ret->real = xasprintf("%.*s", (int)w.at.n, buf_str(&w.at));
	if (r == 0 && !w.at.n) {
		free(ret->real);
		ret->real = xstrdup("/");
	}
	buf_done(&w.at);
	buf_done(&w.todo);
}

/* ---- many, in a process of their own ---- */

struct record {
	int error;
	uint32_t uid, gid, mode;
	uint32_t real_n, weak_n; /* with their NUL; 0: there is none */
};

struct job {
	int rootfd;
	const struct strv *paths;
	size_t first;
};

static uint32_t size_of(const char *s)
{
	return s ? (uint32_t)strlen(s) + 1 : 0;
}

static int send_path(int out, const struct hostpath *p)
{
	struct record rec = { p->error,     p->weak_uid,      p->weak_gid,
			      p->weak_mode, size_of(p->real), size_of(p->weak) };
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_add(&b, &rec, sizeof(rec));
	buf_add(&b, p->real, rec.real_n);
	buf_add(&b, p->weak, rec.weak_n);
	return fs_write_all(out, b.p, b.n);
}

static int child(int out, void *arg)
{
	const struct job *j = arg;
	int r = 0;

	for (size_t i = j->first; r == 0 && i < j->paths->n; i++) {
		struct hostpath p;

		hostpath_follow(j->rootfd, j->paths->v[i], &p);
		r = send_path(out, &p);
		hostpath_clear(&p);
	}
	return r;
}

static bool take(struct span *s, void *ret, size_t n)
{
	if (s->n < n)
		return false;
	memcpy(ret, s->p, n);
	s->p += n;
	s->n -= n;
	return true;
}

static bool take_text(struct span *s, uint32_t n, char **ret)
{
	if (s->n < n)
		return false;
	*ret = n ? xstrndup(s->p, n - 1) : NULL;
	s->p += n;
	s->n -= n;
	return true;
}

static bool take_path(struct span *s, struct hostpath *p)
{
	struct record rec;
	struct span at = *s;

	if (!take(&at, &rec, sizeof(rec)) || rec.real_n > at.n ||
	    rec.weak_n > at.n - rec.real_n)
		return false;
	p->error = rec.error;
	p->weak_uid = rec.uid;
	p->weak_gid = rec.gid;
	p->weak_mode = rec.mode;
	take_text(&at, rec.real_n, &p->real);
	take_text(&at, rec.weak_n, &p->weak);
	*s = at;
	return true;
}

/* As long as answers come it goes on; what hangs is what has none a while after the last. */
static void collect(struct guard *g, struct buf *ret)
{
	size_t seen = 0;

	while (guard_take(g, (size_t)HOSTPATH_MAX * 3 * PATH_MAX, ret, NULL) == 1) {
		struct pollfd p = { .fd = g->fd, .events = POLLIN };

		if (ret->n > seen)
			guard_renew(g, ONE_TIMEOUT_USEC);
		seen = ret->n;
		poll(&p, 1, (int)(ONE_TIMEOUT_USEC / 8 / USEC_PER_MSEC));
	}
	guard_done(g);
}

/* Fills v from *at on; *at is the first that has no answer. */
static int follow_from(int rootfd, const struct strv *paths, size_t *at,
		       struct hostpath *v, struct err *err)
{
	_cleanup_(buf_done) struct buf answer = { 0 };
	struct job j = { rootfd, paths, *at };
	struct guard g = { 0 };
	struct span s;
	int r = guard_start(child, &j, ONE_TIMEOUT_USEC, &g, err);

	if (r < 0)
		return r;
	collect(&g, &answer);
	s = span_of(buf_str(&answer), answer.n);
	while (*at < paths->n && take_path(&s, &v[*at]))
		(*at)++;
	return 0;
}

int hostpath_read(int rootfd, const struct strv *paths, struct hostpaths *ret,
		  struct err *err)
{
	struct hostpaths l = { 0 };
	size_t at = 0;
	int r = 0;

	if (paths->n > HOSTPATH_MAX)
		return err_set(err, -EFBIG, "more than %d paths of scripts",
			       HOSTPATH_MAX);
	if (!paths->n) {
		*ret = l;
		return 0;
	}
	l.v = xcalloc(paths->n, sizeof(*l.v));
	l.n = paths->n;
	for (size_t i = 0; i < l.n; i++) {
		l.v[i].path = xstrdup(paths->v[i]);
		l.v[i].error = -EBUSY;
	}
	for (unsigned stuck = 0; r == 0 && at < l.n && stuck < MAX_STUCK; stuck++) {
		r = follow_from(rootfd, paths, &at, l.v, err);
		if (at < l.n)
			l.v[at++].error = -ETIMEDOUT;
	}
	if (r < 0) {
		hostpaths_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}
