/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/usage.h"
#include "store/db.h"

#define DAY_SEC 86400

/*
 * Of the volume that is there now: one that was resized since the last row has none. A copy
 * of a node says nothing of it.
 */
static bool is_this_volume(const struct usage *u, const struct disk_rows *rows,
			   uint64_t now_real_usec)
{
	const struct disk_row *row = disk_rows_at(rows, 0, now_real_usec);
	struct val size = u->ct->disk_max_bytes;

	return row && size.kind == VAL_SET && size.n == row->use.size_bytes;
}

void usage_read_disk(const struct app *app, struct usage *u)
{
	static const uint64_t windows[USAGE_TRENDS] = { DAY_SEC, 7 * DAY_SEC };
	_cleanup_free_ char *path = xasprintf("%s/" DB_PATH, app->root ? app->root : "");
	_cleanup_(disk_rows_done) struct disk_rows rows = { 0 };
	uint64_t now = app->now_real_usec;
	struct db *db = NULL;

	if (db_open_readonly(path, app->live, &db, NULL) < 0)
		return;
	(void)db_read_disk(db, u->ct->vmid, num_sub(now, 8 * DAY_SEC * USEC_PER_SEC), 0,
			   &rows, NULL);
	db_close(db);
	if (!is_this_volume(u, &rows, now))
		return;
	for (size_t i = 0; i < USAGE_TRENDS; i++)
		if (disk_trend(&rows, now, windows[i], &u->trends[u->n_trends]))
			u->n_trends++;
}
