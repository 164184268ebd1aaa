/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/dropin.h"

#include <fcntl.h>

#include "apply/quiet.h"
#include "base/fs.h"

int dropin_install(int rootfd, const char *path, const struct buf *text,
		   bool *ret_changed, struct err *err)
{
	_cleanup_(buf_done) struct buf old = { 0 };
	int r = fs_read_file(rootfd, path, (size_t)1 << 20, &old, NULL);

	/* its times say since when it is so */
	if (r == 0 && old.n == text->n && memcmp(buf_str(&old), text->p, text->n) == 0) {
		*ret_changed = false;
		return 0;
	}
	r = fs_replace(rootfd, path, text->p, text->n, 0644, NULL);
	if (r < 0)
		return err_set(err, r, "write /%s: %s", path, strerror(-r));
	*ret_changed = true;
	return 0;
}

int dropin_remove(int rootfd, const char *path, bool *ret_changed, struct err *err)
{
	int r = quiet_remove(rootfd, path, NULL);

	if (r < 0 && r != -ENOENT)
		return err_set(err, r, "remove /%s: %s", path, strerror(-r));
	*ret_changed = r == 0;
	return 0;
}

int dropin_set_unwanted(int rootfd, bool unwanted, struct err *err)
{
	static const char text[] =
		"# `ctscope hooks remove` made this file: the package does not put the drop-in\n"
		"# of the hooks back while it is here. `ctscope hooks install` takes it away.\n";
	_cleanup_close_ int dir = -1;
	const char *name;
	int r;

	if (unwanted)
		return fs_replace(rootfd, DROPIN_UNWANTED, text, sizeof(text) - 1, 0644,
				  err);
	r = fs_open_parent(rootfd, DROPIN_UNWANTED, &name, &dir, err);
	if (r < 0)
		return r;
	if (unlinkat(dir, name, 0) < 0)
		return err_set(err, -errno, "remove /" DROPIN_UNWANTED ": %s",
			       strerror(errno));
	return 0;
}
