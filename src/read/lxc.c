/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/lxc.h"

#include "base/guard.h"
#include "config.h"

#define MAX_ITEM  ((size_t)64 << 10)
#define MAX_ITEMS ((size_t)1 << 20)

void lxc_items_done(struct lxc_items *i)
{
	for (size_t k = 0; k < i->n; k++)
		free(i->v[k]);
	free(i->v);
	*i = (struct lxc_items){ 0 };
}

#ifdef HAVE_LXC
#include <fcntl.h>
#include <lxc/lxccontainer.h>
#include <signal.h>

#include "base/dl.h"
#include "base/fs.h"

static __typeof__(lxc_container_new) *dl_lxc_container_new;
static __typeof__(lxc_container_put) *dl_lxc_container_put;
static __typeof__(lxc_log_init) *dl_lxc_log_init;

static const struct dl_sym syms[] = {
	DL_SYM(lxc_container_new),
	DL_SYM(lxc_container_put),
	DL_SYM(lxc_log_init),
};

struct job {
	const char *name;
	const char *const *keys;
	size_t n;
};

/* What the child says first; the sentence of a failure or the answer follows. */
struct reply {
	int32_t code;
	uint32_t n;
};

static int say(int out, int code, const void *p, size_t n)
{
	struct reply r = { .code = code, .n = (uint32_t)n };
	int w = fs_write_all(out, &r, sizeof(r));

	return w < 0 ? w : fs_write_all(out, p, n);
}

/* liblxc writes its complaints to stderr: they go into a pipe that nobody reads. */
static void be_quiet(void)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	close(fds[0]);
	dup2(fds[1], STDOUT_FILENO);
	dup2(fds[1], STDERR_FILENO);
}

static struct lxc_container *open_ct(const char *name, int out, int *ret)
{
	struct lxc_log log = { .quiet = true, .level = "CRIT" };
	struct lxc_container *c;
	struct err err = { 0 };
	void *handle = NULL;

	be_quiet();
	*ret = dl_load("liblxc.so.1", syms, ARRAY_SIZE(syms), &handle, &err);
	if (*ret < 0) {
		*ret = say(out, *ret, err.msg, strlen(err.msg));
		return NULL;
	}
	dl_lxc_log_init(&log);
	c = dl_lxc_container_new(name, LXC_PATH);
	if (!c || !c->is_defined(c)) {
		err_set(&err, -ENOENT, "liblxc knows no container %s", name);
		*ret = say(out, -ENOENT, err.msg, strlen(err.msg));
		if (c)
			dl_lxc_container_put(c);
		return NULL;
	}
	return c;
}

static int child_state(int out, void *arg)
{
	const struct job *j = arg;
	struct lxc_state s = { 0 };
	struct lxc_container *c;
	const char *state;
	int r;

	c = open_ct(j->name, out, &r);
	if (!c)
		return r;
	state = c->state(c);
	for (size_t i = 0; state && state[i] && i < sizeof(s.state) - 1; i++)
		s.state[i] = state[i];
	s.init_pid = c->init_pid(c);
	if (s.init_pid < 0)
		s.init_pid = 0;
	r = say(out, 0, &s, sizeof(s));
	dl_lxc_container_put(c);
	return r;
}

static int child_items(int out, void *arg)
{
	const struct job *j = arg;
	struct lxc_container *c;
	int r;

	c = open_ct(j->name, out, &r);
	if (!c)
		return r;
	for (size_t i = 0; i < j->n && r >= 0; i++) {
		_cleanup_free_ char *v = c->get_running_config_item(c, j->keys[i]);

		r = say(out, v ? 0 : -ENODATA, v ? v : "",
			v ? MIN(strlen(v), MAX_ITEM) : 0);
	}
	dl_lxc_container_put(c);
	return r;
}

static int ask(guard_fn *fn, const struct job *j, uint64_t timeout_usec, struct buf *ret,
	       struct err *err)
{
	struct job copy = *j;
	struct guard g = { 0 };
	int r;

	r = guard_start(fn, &copy, timeout_usec, &g, err);
	if (r == 0)
		r = guard_collect(&g, MAX_ITEMS, ret, err);
	return r < 0 ? err_wrap(err, r, "liblxc, container %s", j->name) : 0;
}

/* Cuts the next reply off. -EIO: the child said something else. */
static int take(struct span *text, struct reply *ret, struct span *data)
{
	if (text->n < sizeof(*ret))
		return -EIO;
	memcpy(ret, text->p, sizeof(*ret));
	*text = span_of(text->p + sizeof(*ret), text->n - sizeof(*ret));
	if (ret->n > text->n)
		return -EIO;
	*data = span_of(text->p, ret->n);
	*text = span_of(text->p + ret->n, text->n - ret->n);
	return 0;
}

static int bad_answer(const char *name, struct err *err)
{
	return err_set(err, -EIO, "liblxc, container %s: no whole answer", name);
}

static int said(const struct reply *r, struct span data, struct err *err)
{
	return err_set(err, r->code, "%.*s", (int)MIN(data.n, (size_t)200), data.p);
}

int lxc_read_state(const char *name, uint64_t timeout_usec, struct lxc_state *ret,
		   struct err *err)
{
	struct job j = { .name = name };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct span text, data;
	struct reply rep;
	int r;

	r = ask(child_state, &j, timeout_usec, &b, err);
	if (r < 0)
		return r;
	text = span_of(buf_str(&b), b.n);
	if (take(&text, &rep, &data) < 0)
		return bad_answer(name, err);
	if (rep.code < 0)
		return said(&rep, data, err);
	if (data.n != sizeof(*ret))
		return bad_answer(name, err);
	memcpy(ret, data.p, sizeof(*ret));
	return 0;
}

int lxc_read_items(const char *name, const char *const *keys, size_t n,
		   uint64_t timeout_usec, struct lxc_items *ret, struct err *err)
{
	struct job j = { .name = name, .keys = keys, .n = n };
	_cleanup_(lxc_items_done) struct lxc_items items = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct span text, data;
	int r;

	r = ask(child_items, &j, timeout_usec, &b, err);
	if (r < 0)
		return r;
	text = span_of(buf_str(&b), b.n);
	items.v = xcalloc(n, sizeof(*items.v));
	for (; items.n < n; items.n++) {
		struct reply rep;

		if (take(&text, &rep, &data) < 0)
			return bad_answer(name, err);
		if (rep.code < 0 && rep.code != -ENODATA)
			return said(&rep, data, err);
		items.v[items.n] = rep.code == 0 ? span_dup(data) : NULL;
	}
	*ret = items;
	items = (struct lxc_items){ 0 };
	return 0;
}
#else
int lxc_read_state(const char *name, _unused_ uint64_t timeout_usec,
		   _unused_ struct lxc_state *ret, struct err *err)
{
	return err_set(err, -ENOTSUP, "container %s: built without liblxc", name);
}

int lxc_read_items(const char *name, _unused_ const char *const *keys, _unused_ size_t n,
		   _unused_ uint64_t timeout_usec, _unused_ struct lxc_items *ret,
		   struct err *err)
{
	return err_set(err, -ENOTSUP, "container %s: built without liblxc", name);
}
#endif
