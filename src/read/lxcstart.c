/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/lxcstart.h"

#include <stdio.h>

#include "base/fs.h"
#include "read/dropin.h"
#include "read/lxcconf.h"

#define COMMON     "usr/share/lxc/config"
#define COMMON_MAX 4096 /* files of one directory */

/*
 * Both times are of ticks. PVE holds its lock until the container runs, so no `pct set`
 * can have written so soon after the start.
 */
#define SLACK_USEC 50000

/* The item's own copy of the text, terminated in place. */
static const char *keep(char **at, struct span s)
{
	char *p = *at;

	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	*at += s.n + 1;
	return p;
}

void lxcstart_parse(struct span text, struct lxcstart *ret)
{
	struct lxcstart s = { .present = true };
	struct lxcconf_item item;
	unsigned line = 0;
	size_t cap = 0;
	char *at;

	/* a key, '=' and a line feed at least: with two terminators no longer than it was */
	s.text = at = xcalloc(text.n + 2, 1);
	while (lxcconf_next(&text, &line, &item)) {
		if (item.broken)
			continue;
		GROW(s.v, s.n, cap);
		s.v[s.n].key = keep(&at, item.key);
		s.v[s.n].value = keep(&at, item.value);
		if (!s.n_own && str_eq(s.v[s.n].key, "lxc.rootfs.path"))
			s.n_own = s.n;
		s.n++;
	}
	*ret = s;
}

/*
 * Was the file written for this start? What PVE made in the course of it has a time of the
 * same clock, whatever was done to that since; without it the start is what the clock of
 * now makes of init's ticks.
 */
static bool is_of_start(uint64_t written, const struct lxcstart_when *when)
{
	if (when->made_real_usec)
		return written <= when->made_real_usec;
	return when->init_real_usec && written <= when->init_real_usec + SLACK_USEC;
}

int lxcstart_read(int rootfd, uint32_t vmid, const struct lxcstart_when *when,
		  struct lxcstart *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct fs_stat st;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "var/lib/lxc/%u/config", vmid);
	r = fs_read_file_stat(rootfd, path, LXCSTART_MAX_BYTES, &b, &st, err);
	if (r == -ENOENT || r == -ENOTDIR) {
		*ret = (struct lxcstart){ 0 };
		return 0;
	}
	if (r < 0)
		return r;
	lxcstart_parse(span_of(buf_str(&b), b.n), ret);
	ret->of_start = is_of_start(st.mtime_real_usec, when);
	return 0;
}

int lxcstart_read_seccomp(int rootfd, uint32_t vmid, const struct lxcstart_when *when,
			  struct buf *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct fs_stat st;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "var/lib/lxc/%u/rules.seccomp", vmid);
	r = fs_read_file_stat(rootfd, path, LXCSTART_MAX_BYTES, &b, &st, err);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0 && is_of_start(st.mtime_real_usec, when))
		buf_add(ret, buf_str(&b), b.n);
	return r;
}

static void add_once(struct strv *l, struct span s)
{
	for (size_t i = 0; i < l->n; i++)
		if (span_eq(s, l->v[i]))
			return;
	strv_addn(l, s.p, s.n);
}

/* The second word of a line of fstab: where. */
static void add_mount(struct span value, struct strv *ret)
{
	struct span what, where;

	if (span_field(&value, &what) && span_field(&value, &where))
		add_once(ret, where);
}

/* A hook that runs where the mounts of the container can be changed. */
static bool is_hook(struct span key)
{
	static const char *const keys[] = { "hook.pre-mount", "hook.mount",
					    "hook.autodev", "hook.start-host",
					    "hook.start" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (span_eq(key, keys[i]))
			return true;
	return false;
}

/* Of whom it is known what they do. */
static bool is_known_hook(struct span value)
{
	static const char *const words[] = { "/lxcfs/", "/lxc-pve-" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (memmem(value.p, value.n, words[i], strlen(words[i])))
			return true;
	return !value.n;
}

/* `ours`: the drop-in, whatever program it has. */
static void add_keys(struct span text, bool ours, struct lxcstart_common *ret)
{
	struct lxcconf_item item;
	unsigned line = 0;

	while (lxcconf_next(&text, &line, &item)) {
		if (!span_skip(&item.key, "lxc."))
			continue;
		if (span_starts(item.key, "cgroup2."))
			add_once(&ret->keys, item.key);
		else if (span_eq(item.key, "mount.entry"))
			add_mount(item.value, &ret->mounts);
		else if (is_hook(item.key) && !ours && !is_known_hook(item.value))
			ret->hooks = true;
	}
}

static int add_dir(int rootfd, const char *dir, struct lxcstart_common *ret,
		   struct err *err)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	int r = fs_list(rootfd, dir, COMMON_MAX, &names, err);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		_cleanup_free_ char *path = NULL;

		if (!str_ends(names.v[i], ".conf"))
			continue;
		path = xasprintf("%s/%s", dir, names.v[i]);
		r = fs_read_file(rootfd, path, LXCSTART_MAX_BYTES, &b, err);
		if (r == -ENOENT)
			r = 0; /* a link that leads nowhere: LXC does not read it either */
		add_keys(span_of(buf_str(&b), b.n), str_eq(names.v[i], DROPIN_NAME), ret);
	}
	return r;
}

int lxcstart_read_common(int rootfd, struct lxcstart_common *ret, struct err *err)
{
	static const char *const dirs[] = { COMMON, COMMON "/common.conf.d",
					    COMMON "/userns.conf.d" };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(dirs); i++)
		r = add_dir(rootfd, dirs[i], ret, err);
	return r;
}

void lxcstart_common_done(struct lxcstart_common *c)
{
	strv_done(&c->keys);
	strv_done(&c->mounts);
}
