/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/num.h"
#include "guest/op.h"

static void prepare_stat(const struct guest_root *g, struct work *w)
{
	struct guest_how how = { .cross = w->item->cross, .nofollow = w->item->nofollow };

	(void)work_open(g, w, &how);
}

static void nothing_more(struct work *w)
{
	(void)w;
}

const struct op op_stat = { prepare_stat, nothing_more };

/* As long as paths may be asked for: what it leads to is for whoever asked. */
static void prepare_readlink(const struct guest_root *g, struct work *w)
{
	struct guest_how how = { .cross = w->item->cross, .nofollow = true };
	ssize_t n;

	if (!work_open(g, w, &how))
		return;
	if (!S_ISLNK(w->a.st.mode)) {
		w->a.why = GUESTREAD_KIND;
		return;
	}
	buf_reserve(&w->data, GUESTREAD_MAX_PATH + 1);
	n = readlinkat(w->fd, "", w->data.p, GUESTREAD_MAX_PATH + 1);
	if (n < 0)
		work_fail(w, -errno);
	else
		w->data.n = (size_t)n;
}

static void answer_readlink(struct work *w)
{
	w->a.data = span_tbytes(span_of(w->data.p, w->data.n));
}

const struct op op_readlink = { prepare_readlink, answer_readlink };

static void prepare_statfs(const struct guest_root *g, struct work *w)
{
	struct guest_how how = { .cross = true, .any_last = w->item->any_type };
	bool mount_root;
	int r;

	if (!work_open(g, w, &how))
		return;
	r = guest_stat(w->fd, NULL, &w->a.st, &mount_root);
	if (r < 0)
		work_fail(w, r);
	else if (!mount_root)
		w->a.why = GUESTREAD_KIND;
}

static void answer_statfs(struct work *w)
{
	struct statfs fs;
	uint64_t unit;

	if (fstatfs(w->fd, &fs) < 0) {
		work_fail(w, -errno);
		return;
	}
	unit = (uint64_t)(fs.f_frsize > 0 ? fs.f_frsize : fs.f_bsize);
	w->a.fs = (struct guestread_fs){
		.magic = (uint64_t)fs.f_type,
		.total_bytes = num_muldiv(fs.f_blocks, unit, 1),
		.free_bytes = num_muldiv(fs.f_bfree, unit, 1),
		.avail_bytes = num_muldiv(fs.f_bavail, unit, 1),
		.files = fs.f_files,
		.files_free = fs.f_ffree,
		.readonly = (fs.f_flags & ST_RDONLY) != 0,
	};
}

const struct op op_statfs = { prepare_statfs, answer_statfs };
