/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "test.h"

/* A root of its own in /tmp, with an empty task list and enough of /proc. */
struct tree {
	char path[256];
	int fd;
};

static inline void put(const struct tree *t, const char *name, const char *text,
		       bool append)
{
	int fd = openat(t->fd, name, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC),
			0600);

	CHECK(fd >= 0 && fs_write_all(fd, text, strlen(text)) == 0, "%s", name);
	close(fd);
}

static inline struct tree tree_new(void)
{
	struct tree t = { .fd = -1 };
	struct err err = { 0 };

	snprintf(t.path, sizeof(t.path), "/tmp/ctscope-test-XXXXXX");
	if (!mkdtemp(t.path) || fs_open_root(t.path, &t.fd, &err) < 0) {
		printf("Bail out! %s\n", err.msg);
		exit(99);
	}
	mkdirat(t.fd, "proc", 0700);
	put(&t, "proc/uptime", "1.00 1.00\n", false);
	mkdirat(t.fd, "var", 0700);
	mkdirat(t.fd, "var/log", 0700);
	mkdirat(t.fd, "var/log/pve", 0700);
	mkdirat(t.fd, "var/log/pve/tasks", 0700);
	return t;
}

static inline void remove_below(int dirfd, const char *name)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd >= 0 && fs_list(fd, ".", 10000, &names, NULL) == 0)
		for (size_t i = 0; i < names.n; i++)
			if (unlinkat(fd, names.v[i], 0) < 0)
				remove_below(fd, names.v[i]);
	unlinkat(dirfd, name, AT_REMOVEDIR);
}

static inline void tree_done(struct tree *t)
{
	close(t->fd);
	remove_below(AT_FDCWD, t->path);
}
