/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "store/dbimpl.h"

static int check(struct db *db, const void *arg, void *ret, struct err *err)
{
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	_cleanup_free_ char *first = NULL;
	int r = db_prepare_once(db, "PRAGMA quick_check(1)", &st, err);

	(void)arg;
	(void)ret;
	if (r == 0)
		r = db_row(db, st, "check", err);
	if (r < 0)
		return r;
	first = r ? db_col_dup(st, 0, 4096) : NULL;
	return str_eq(first, "ok")
		       ? 0
		       : err_set(err, -EUCLEAN, "%s is damaged: %s", db->file.path,
				 first ? first : "nothing can be read of it");
}

static void forget(void *ret)
{
	(void)ret;
}

int db_check(struct db *db, struct err *err)
{
	return db_reading(db, check, forget, NULL, NULL, err);
}
