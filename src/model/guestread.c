/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guestread.h"

#include <stdlib.h>

#include "base/macros.h"
#include "base/str.h"

void guestread_answers_done(struct guestread_answers *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i].entries);
	free(a->v);
	free(a->bytes);
	*a = (struct guestread_answers){ 0 };
}

void guestread_volume_done(struct guestread_volume *v)
{
	for (size_t i = 0; i < v->n_away; i++) {
		free(v->away[i].key);
		free(v->away[i].path);
	}
	free(v->away);
	free(v->path);
	idmap_done(&v->uids);
	idmap_done(&v->gids);
	*v = (struct guestread_volume){ 0 };
}

/* The next component, what is doubled and "." left out. */
static bool next_name(struct span *path, struct span *ret)
{
	while (span_cut(path, '/', ret))
		if (ret->n && !span_eq(*ret, "."))
			return true;
	return false;
}

static bool is_below(const char *path, const char *dir)
{
	struct span p = span_str(path), d = span_str(dir), want, is;

	while (next_name(&d, &want))
		if (!next_name(&p, &is) || is.n != want.n ||
		    memcmp(is.p, want.p, is.n) != 0)
			return false;
	return true;
}

const struct guestread_away *guestread_away(const struct guestread_volume *v,
					    const char *path)
{
	for (size_t i = 0; i < v->n_away; i++)
		if (is_below(path, v->away[i].path))
			return &v->away[i];
	return NULL;
}

const char *guestread_why_text(enum guestread_why why)
{
	static const char *const texts[GUESTREAD_N_WHYS] = {
		[GUESTREAD_OK] = "read",
		[GUESTREAD_ABSENT] = "not there",
		[GUESTREAD_DENIED] = "the container's root may not read it",
		[GUESTREAD_LOOP] = "refused: a loop of links, or a link into /proc",
		[GUESTREAD_MOUNT] = "refused: another file system is mounted on the way",
		[GUESTREAD_FSTYPE] =
			"refused: on a file system of a kind that is not read",
		[GUESTREAD_KIND] = "refused: not of the kind that is read",
		[GUESTREAD_BUSY] = "busy: locked or moved by the container",
		[GUESTREAD_CHANGED] = "refused: exchanged while it was opened",
		[GUESTREAD_LATE] = "not read: the time was up, or the answer full",
		[GUESTREAD_FAILED] = "could not be read",
		[GUESTREAD_CHROOT] =
			"refused: init has made a directory of the container its root",
		[GUESTREAD_NO_ANSWER] = "no answer",
	};

	return (unsigned)why < ARRAY_SIZE(texts) ? texts[why] : "unknown";
}
