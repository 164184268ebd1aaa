/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/op.h"

void work_fail(struct work *w, int error)
{
	w->a.why = guest_why(error);
	w->a.error = -error;
}

void work_done(struct work *w)
{
	if (w->fd >= 0)
		close(w->fd);
	free(w->a.entries);
	free(w->own);
	buf_done(&w->data);
	*w = (struct work){ .fd = -1 };
}

bool work_open(const struct guest_root *g, struct work *w, const struct guest_how *how)
{
	int r;

	w->a.why = guest_open(g, w->item->path, how, &w->fd, &w->a.error);
	if (w->a.why)
		return false;
	r = guest_stat(w->fd, NULL, &w->a.st, NULL);
	if (r < 0)
		work_fail(w, r);
	return r == 0;
}

bool work_open_kind(const struct guest_root *g, struct work *w, uint32_t kind)
{
	struct guest_how how = { .cross = w->item->cross };
	_cleanup_close_ int path = -1;

	if (!work_open(g, w, &how))
		return false;
	path = take_fd(&w->fd);
	w->a.why = guest_reopen(g, path, kind, &w->a.st, &w->fd, &w->a.error);
	return w->a.why == GUESTREAD_OK;
}
