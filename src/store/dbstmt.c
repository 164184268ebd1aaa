/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/dbimpl.h"

/* A full disk is told by SQLITE_FULL, a full quota by an I/O error with its errno. */
static int ioerr_code(struct db *db, int rc)
{
	int e = db->h ? dl_sqlite3_system_errno(db->h) : 0;

	if (e == ENOSPC || e == EDQUOT)
		return -ENOSPC;
	if (rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS)
		return -EUCLEAN;
	return -EIO;
}

static int errno_of(struct db *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return -EBUSY;
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		return -EINVAL;
	case SQLITE_ERROR: /* a table is missing: not the schema its version promises */
		return -EUCLEAN;
	case SQLITE_NOMEM:
		oom();
	default:
		return ioerr_code(db, rc);
	}
}

int db_fail(struct db *db, int rc, const char *what, struct err *err)
{
	return err_set(err, errno_of(db, rc), "%s: %s: %s", db->file.path, what,
		       db->h ? dl_sqlite3_errmsg(db->h) : "cannot be opened");
}

int db_prepare_once(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
	int rc = dl_sqlite3_prepare_v3(db->h, sql, -1, 0, ret, NULL);

	return rc == SQLITE_OK ? 0 : db_fail(db, rc, "query", err);
}

int db_prepare(struct db *db, enum db_stmt which, const char *sql, sqlite3_stmt **ret,
	       struct err *err)
{
	sqlite3_stmt **st = &db->st[which];
	int rc;

	if (!*st) {
		rc = dl_sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, st,
					   NULL);
		if (rc != SQLITE_OK)
			return db_fail(db, rc, "query", err);
	}
	*ret = *st;
	return 0;
}

void db_finalize(sqlite3_stmt **st)
{
	if (*st)
		dl_sqlite3_finalize(*st);
	*st = NULL;
}

int db_run(struct db *db, sqlite3_stmt *st, const char *what, struct err *err)
{
	int rc = dl_sqlite3_step(st), r = 0;

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		r = db_fail(db, rc, what, err);
	dl_sqlite3_reset(st);
	dl_sqlite3_clear_bindings(st);
	return r;
}

int db_row(struct db *db, sqlite3_stmt *st, const char *what, struct err *err)
{
	int rc = dl_sqlite3_step(st), r = 0;

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		r = db_fail(db, rc, what, err);
	dl_sqlite3_reset(st);
	return r;
}

int db_exec(struct db *db, const char *sql, const char *what, struct err *err)
{
	int rc = dl_sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_fail(db, rc, what, err);
}

int db_number(struct db *db, const char *sql, uint64_t *ret, struct err *err)
{
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	int r = db_prepare_once(db, sql, &st, err);

	if (r < 0)
		return r;
	r = db_row(db, st, "read", err);
	if (r < 0)
		return r;
	*ret = r ? db_col_u64(st, 0) : 0;
	return 0;
}

void db_bind_u64(sqlite3_stmt *st, int i, uint64_t n)
{
	dl_sqlite3_bind_int64(st, i, (sqlite3_int64)MIN(n, (uint64_t)INT64_MAX));
}

void db_bind_u64_or_null(sqlite3_stmt *st, int i, uint64_t n)
{
	if (n)
		db_bind_u64(st, i, n);
	else
		dl_sqlite3_bind_null(st, i);
}

/* SQLITE_STATIC: borrowed. */
void db_bind_text(sqlite3_stmt *st, int i, const char *s)
{
	if (s && *s)
		dl_sqlite3_bind_text(st, i, s, -1, NULL);
	else
		dl_sqlite3_bind_null(st, i);
}

void db_bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n)
{
	dl_sqlite3_bind_blob(st, i, n ? p : "", (int)n, NULL);
}

uint64_t db_col_u64(sqlite3_stmt *st, int i)
{
	sqlite3_int64 n = dl_sqlite3_column_int64(st, i);

	return n > 0 ? (uint64_t)n : 0;
}

char *db_col_dup(sqlite3_stmt *st, int i, size_t max)
{
	const void *p = dl_sqlite3_column_text(st, i);
	int n = dl_sqlite3_column_bytes(st, i);

	if (!p || n < 0 || (size_t)n > max)
		return NULL;
	return xstrndup(p, (size_t)n);
}

void db_col_copy(sqlite3_stmt *st, int i, char *ret, size_t size)
{
	const void *p = dl_sqlite3_column_text(st, i);
	int n = dl_sqlite3_column_bytes(st, i);

	if (!p || n < 0 || (size_t)n >= size)
		n = 0;
	else
		memcpy(ret, p, (size_t)n);
	ret[n] = '\0';
}
