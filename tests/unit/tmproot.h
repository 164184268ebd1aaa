/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "test.h"

/* A directory in /tmp to be a root: files are put into it, the whole of it is removed. */
struct tmproot {
	int fd;
	char path[64];
};

_unused_ static void tmproot_make(struct tmproot *t)
{
	t->fd = -1;
	snprintf(t->path, sizeof(t->path), "/tmp/ctscope-test.XXXXXX");
	CHECK(mkdtemp(t->path) != NULL, "%s", strerror(errno));
	CHECK(fs_open_root(t->path, &t->fd, NULL) == 0, "%s", t->path);
}

_unused_ static void tmproot_remove(struct tmproot *t)
{
	char cmd[128];

	close(t->fd);
	snprintf(cmd, sizeof(cmd), "rm -rf -- '%s'", t->path);
	CHECK(system(cmd) == 0, "%s", cmd);
}

/* The directories of a path, up to its last '/'. */
_unused_ static void tmproot_dirs(const struct tmproot *t, const char *path)
{
	char part[4096];

	for (size_t i = 0; path[i]; i++)
		if (path[i] == '/') {
			snprintf(part, sizeof(part), "%.*s", (int)i, path);
			mkdirat(t->fd, part, 0755);
		}
}

_unused_ static void tmproot_putn(const struct tmproot *t, const char *path,
				  const char *text, size_t n)
{
	int fd;

	tmproot_dirs(t, path);
	fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0 && fs_write_all(fd, text, n) == 0, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

_unused_ static void tmproot_put(const struct tmproot *t, const char *path,
				 const char *text)
{
	tmproot_putn(t, path, text, strlen(text));
}

_unused_ static void tmproot_link(const struct tmproot *t, const char *path,
				  const char *to)
{
	tmproot_dirs(t, path);
	CHECK(symlinkat(to, t->fd, path) == 0, "%s: %s", path, strerror(errno));
}
