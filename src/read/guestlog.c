/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestlog.h"

#include "read/guestgrow.h"
#include "read/guestpages.h"

struct guestlog {
	struct guestask ask;
	bool wants_journal;
	struct guestfiles files;
	struct guestpages journal;
};

struct guestlog *guestlog_new(int rootfd, const bool sources[LOG_SOURCES],
			      const struct strv *files, const char *unit, bool follow)
{
	struct guestlog *g = xcalloc(1, sizeof(*g));

	guestask_init(&g->ask, rootfd);
	g->wants_journal = sources[LOG_GUEST];
	g->files.ask = g->journal.ask = &g->ask;
	g->files.follow = follow;
	g->journal.unit = unit;
	if (sources[LOG_SYSLOG])
		guestfiles_add_syslog(&g->files);
	for (size_t i = 0; sources[LOG_FILE] && i < files->n; i++)
		guestfiles_add(&g->files, files->v[i]);
	return g;
}

void guestlog_free(struct guestlog *g)
{
	if (!g)
		return;
	guestfiles_done(&g->files);
	guestask_done(&g->ask);
	free(g);
}

void guestlog_lines(struct guestlog *g, const struct guestread_target *target,
		    const struct log_want *want, struct loglines *ret,
		    struct guestlog_said *said)
{
	guestfiles_read(&g->files, target, want, ret, said);
	if (g->wants_journal && !said->gone)
		guestpages_read(&g->journal, target, want, ret, said);
}

void guestlog_poll(struct guestlog *g, const struct guestread_target *target,
		   const struct log_want *want, uint64_t now_real_usec,
		   struct loglines *ret, struct guestlog_said *said)
{
	guestgrow_poll(&g->files, target, want, ret, said);
	if (g->wants_journal && !said->gone)
		guestpages_poll(&g->journal, target, want, now_real_usec, ret, said);
}
