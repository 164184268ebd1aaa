/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/secprofile.h"

#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "read/lxcconf.h"
#include "read/lxcstart.h"
#include "read/secpolicy.h"

#define MAX_FILES 256 /* of LXC's configuration */
#define MAX_DEPTH 8   /* of files that include others */
#define MAX_PATH  ((size_t)4096)
#define USEC      ((uint64_t)2000000)

struct walk {
	int rootfd;
	uint32_t vmid;
	struct secprofile p;
	unsigned files;
};

void secprofile_done(struct secprofile *p)
{
	free(p->path);
	buf_done(&p->text);
	*p = (struct secprofile){ 0 };
}

static const char *below_root(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

static int walk_file(struct walk *w, const char *path, unsigned depth);

/* A file, or what ends in .conf in a directory. LXC leaves out what is not there. */
static int include(struct walk *w, const char *path, unsigned depth)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	int r = fs_list(w->rootfd, below_root(path), MAX_FILES, &names, NULL);

	if (r == -ENOTDIR)
		return walk_file(w, path, depth);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		_cleanup_free_ char *file = NULL;

		if (!str_ends(names.v[i], ".conf"))
			continue;
		file = xasprintf("%s/%s", path, names.v[i]);
		r = walk_file(w, file, depth);
	}
	return r == -ENOENT ? 0 : r;
}

static int walk_item(struct walk *w, const struct lxcconf_item *item, unsigned depth)
{
	_cleanup_free_ char *value = NULL;

	if (item->broken)
		return 0;
	value = span_dup(item->value);
	if (span_eq(item->key, "lxc.include") && *value)
		return include(w, value, depth + 1);
	if (span_eq(item->key, "lxc.seccomp.profile")) {
		free(w->p.path);
		w->p.path = *value ? take_ptr(value) : NULL;
	}
	return 0;
}

static int walk_file(struct walk *w, const char *path, unsigned depth)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct lxcconf_item item;
	unsigned line = 0;
	struct span text;
	int r;

	if (depth > MAX_DEPTH || w->files++ == MAX_FILES)
		return -ELOOP;
	r = fs_read_file(w->rootfd, below_root(path), LXCSTART_MAX_BYTES, &b, NULL);
	text = span_of(buf_str(&b), b.n);
	while (r == 0 && lxcconf_next(&text, &line, &item))
		r = walk_item(w, &item, depth);
	return r;
}

static int read_profile(struct walk *w)
{
	struct secprofile *p = &w->p;
	struct fs_stat st;
	int r;

	if (strlen(p->path) >= MAX_PATH)
		return -ENAMETOOLONG;
	r = fs_read_file_stat(w->rootfd, below_root(p->path), SECPOLICY_MAX_BYTES,
			      &p->text, &st, NULL);
	if (r == 0)
		p->mtime_real_usec = st.mtime_real_usec;
	return r;
}

/* The time, the path and a NUL, the profile. */
static int send_found(int out, const struct secprofile *p)
{
	const char *path = p->path ? p->path : "";
	int r = fs_write_all(out, &p->mtime_real_usec, sizeof(p->mtime_real_usec));

	if (r == 0)
		r = fs_write_all(out, path, MIN(strlen(path), MAX_PATH - 1));
	if (r == 0)
		r = fs_write_all(out, "", 1);
	return r < 0 ? r : fs_write_all(out, buf_str(&p->text), p->text.n);
}

/* In a process of its own. Which profile could not be read is told also when it fails. */
static int find(int out, void *arg)
{
	struct walk *w = arg;
	_cleanup_free_ char *config = xasprintf("var/lib/lxc/%u/config", w->vmid);
	int r = walk_file(w, config, 0), e;

	if (r < 0)
		return r;
	if (w->p.path)
		r = read_profile(w);
	e = send_found(out, &w->p);
	return r < 0 ? r : e;
}

static int take(const struct buf *got, struct secprofile *ret)
{
	struct secprofile p = { 0 };
	size_t at = sizeof(p.mtime_real_usec), n;
	const char *end;

	if (got->n <= at)
		return -EIO;
	memcpy(&p.mtime_real_usec, got->p, at);
	end = memchr(got->p + at, '\0', got->n - at);
	if (!end)
		return -EIO;
	n = (size_t)(end - (got->p + at));
	p.path = n ? xstrndup(got->p + at, n) : NULL;
	buf_add(&p.text, end + 1, got->n - at - n - 1);
	*ret = p;
	return 0;
}

int secprofile_read(int rootfd, uint32_t vmid, struct secprofile *ret, struct err *err)
{
	struct walk w = { .rootfd = rootfd, .vmid = vmid };
	_cleanup_(secprofile_done) struct secprofile p = { 0 };
	_cleanup_(buf_done) struct buf got = { 0 };
	struct guard g = { 0 };
	int r = guard_start(find, &w, USEC, &g, err), t;

	if (r < 0)
		return r;
	r = guard_collect(&g, SECPOLICY_MAX_BYTES + MAX_PATH + 16, &got, NULL);
	t = take(&got, &p);
	r = r < 0 ? r : t;
	if (r < 0)
		return err_set(err, r, "%s: %s", p.path ? p.path : "LXC's configuration",
			       r == -ETIMEDOUT ? "its file system does not answer"
					       : strerror(-r));
	*ret = p;
	p = (struct secprofile){ 0 };
	return 0;
}
