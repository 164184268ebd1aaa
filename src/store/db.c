/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/dbimpl.h"
#include "store/schema.h"

#define BUSY_MSEC 2000
/* no row is longer than an incident's data; what a hostile file says is bounded by it */
#define ROW_MAX_BYTES ((int)4 << 20)
/* disk that must be free beyond the reserve before it is made again */
#define SPARE_BYTES ((uint64_t)8 << 20)

const char *const db_tables[DB_TABLES] = {
	[TABLE_1] = "blocks_1",
	[TABLE_10] = "blocks_10",
	[TABLE_60] = "blocks_60",
	[TABLE_KEPT] = "blocks_kept",
};

void db_opened_done(struct db_opened *o)
{
	free(o->quarantined);
	free(o->why);
	*o = (struct db_opened){ 0 };
}

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

/* PRAGMA synchronous cannot be changed inside of a transaction. */
static int set_sync(struct db *db, bool full, struct err *err)
{
	int r;

	if (db->full_sync == full)
		return 0;
	r = db_exec(db, full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
		    "begin", err);
	if (r == 0)
		db->full_sync = full;
	return r;
}

static int begin(struct db *db, bool durable, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = set_sync(db, durable, err);

	if (r == 0)
		r = db_prepare(db, STMT_BEGIN, "BEGIN IMMEDIATE", &st, err);
	return r < 0 ? r : db_run(db, st, "begin", err);
}

void db_rollback(struct db *db)
{
	if (!dl_sqlite3_get_autocommit(db->h))
		dl_sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
	db->in_tx = false;
}

static int commit(struct db *db, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_COMMIT, "COMMIT", &st, err);

	if (r == 0)
		r = db_run(db, st, "commit", err);
	if (r < 0)
		db_rollback(db);
	return r;
}

int db_begin(struct db *db, bool durable, struct err *err)
{
	int r = begin(db, durable, err);

	if (r == 0)
		db->in_tx = true;
	return r;
}

int db_commit(struct db *db, struct err *err)
{
	db->in_tx = false;
	return commit(db, err);
}

int db_own_begin(struct db *db, bool durable, bool *ret_own, struct err *err)
{
	*ret_own = !db->in_tx;
	return db->in_tx ? 0 : begin(db, durable, err);
}

int db_own_end(struct db *db, bool own, int r, struct err *err)
{
	if (!own)
		return r;
	if (r < 0) {
		db_rollback(db);
		return r;
	}
	return commit(db, err);
}

static struct db *new_db(void)
{
	struct db *db = xcalloc(1, sizeof(*db));

	db->file.dirfd = -1;
	return db;
}

/* Ends what SQLite has of it; the handle itself may be opened again. */
static void close_handle(struct db *db)
{
	for (size_t i = 0; i < DB_STMTS; i++)
		db_finalize(&db->st[i]);
	if (db->h)
		dl_sqlite3_close_v2(db->h);
	db->h = NULL;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	close_handle(db);
	dbfile_done(&db->file);
	free(db->node);
	free(db);
}

static void cleanup_db(struct db **db)
{
	db_close(*db);
}

const char *db_store_id(const struct db *db)
{
	return db->store_id;
}

const char *db_node(const struct db *db)
{
	return db->node;
}

static int open_handle(struct db *db, const char *name, int flags, struct err *err)
{
	int rc = dl_sqlite3_open_v2(
		name, &db->h, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc != SQLITE_OK)
		return db_fail(db, rc, "open", err);
	dl_sqlite3_limit(db->h, SQLITE_LIMIT_LENGTH, ROW_MAX_BYTES);
	/* a file from elsewhere: its schema may call no function that has an effect */
	dl_sqlite3_db_config(db->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	dl_sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return 0;
}

/*
 * Is it ours, and of which version? A file without tables is new: that of a creation that
 * was cut off is as well.
 */
static int read_version(struct db *db, unsigned *ret, struct err *err)
{
	uint64_t app = 0, version = 0, tables = 0;
	int r = db_number(db, "PRAGMA application_id", &app, err);

	if (r == 0)
		r = db_number(db, "PRAGMA user_version", &version, err);
	if (r == 0 && !app && !version)
		r = db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (r < 0)
		return r;
	if (app != SCHEMA_APP_ID && (app || version || tables))
		return err_set(err, -EUCLEAN, "%s is a database of something else",
			       db->file.path);
	if (version > SCHEMA_VERSION)
		return err_set(err, -EPROTO,
			       "%s was written by a newer ctscope (schema %ju, this one "
			       "knows %d): it is left alone",
			       db->file.path, (uintmax_t)version, SCHEMA_VERSION);
	*ret = (unsigned)version;
	return 0;
}

static int upgrade_step(struct db *db, unsigned from, struct err *err)
{
	char sql[128];
	int r = db_begin(db, true, err);

	if (r < 0)
		return r;
	snprintf(sql, sizeof(sql), "PRAGMA user_version=%u; PRAGMA application_id=%d",
		 from + 1, SCHEMA_APP_ID);
	r = db_exec(db, schema_steps[from], "upgrade", err);
	if (r == 0)
		r = db_exec(db, sql, "upgrade", err);
	if (r == 0)
		return db_commit(db, err);
	db_rollback(db);
	return r;
}

static int upgrade(struct db *db, unsigned version, struct db_opened *opened,
		   struct err *err)
{
	int r = 0;

	opened->created = version == 0;
	opened->upgraded = version > 0 && version < SCHEMA_VERSION;
	for (unsigned v = version; r == 0 && v < SCHEMA_VERSION; v++)
		r = upgrade_step(db, v, err);
	return r;
}

static int read_meta(struct db *db, struct err *err)
{
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	int r = db_prepare_once(db, "SELECT key, value FROM meta", &st, err);
	char key[32];

	free(take_ptr(db->node));
	while (r == 0 && (r = db_row(db, st, "read", err)) > 0) {
		r = 0;
		db_col_copy(st, 0, key, sizeof(key));
		if (str_eq(key, "store-id"))
			db_col_copy(st, 1, db->store_id, sizeof(db->store_id));
		else if (str_eq(key, "node") && !db->node)
			db->node = db_col_dup(st, 1, 255);
		else if (str_eq(key, "recorded-sec"))
			db->recorded_usec =
				MIN(db_col_u64(st, 1), UINT64_MAX / USEC_PER_SEC / 2) *
				USEC_PER_SEC;
		else
			continue;
	}
	db->marked_usec = db->recorded_usec;
	return r;
}

int db_put_meta(struct db *db, const char *key, const char *text, uint64_t n,
		struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_PUT_META,
			   "INSERT INTO meta VALUES (?1, ?2) "
			   "ON CONFLICT (key) DO UPDATE SET value = ?2",
			   &st, err);

	if (r < 0)
		return r;
	db_bind_text(st, 1, key);
	if (text)
		db_bind_text(st, 2, text);
	else
		db_bind_u64(st, 2, n);
	return db_run(db, st, "write", err);
}

int db_set_node(struct db *db, const char *node, struct err *err)
{
	int r;

	if (!node || str_eq(db->node, node))
		return 0;
	r = db_put_meta(db, "node", node, 0, err);
	if (r < 0)
		return r;
	free(db->node);
	db->node = xstrdup(node);
	return 0;
}

/*
 * Pages of 8 KiB hold blocks of 1 to 3 KiB with little waste and are still small to be
 * written for one event; auto_vacuum is what lets the file become smaller, and can be set
 * before the first table only. WAL is kept in the file. Checkpoints are made by
 * db_checkpoint(), in idle time. A WAL that has grown keeps up to 8 MiB: room that no
 * full disk takes away.
 */
static int set_up(struct db *db, struct err *err)
{
	dl_sqlite3_busy_timeout(db->h, BUSY_MSEC);
	db->full_sync = false;
	return db_exec(db,
		       "PRAGMA page_size=8192;"
		       "PRAGMA auto_vacuum=INCREMENTAL;"
		       "PRAGMA journal_mode=WAL;"
		       "PRAGMA wal_autocheckpoint=0;"
		       "PRAGMA journal_size_limit=8388608;"
		       "PRAGMA synchronous=NORMAL;"
		       "PRAGMA cell_size_check=ON;"
		       "PRAGMA temp_store=MEMORY;"
		       "PRAGMA cache_size=-1024;",
		       "open", err);
}

static int on_wal(void *arg, sqlite3 *h, const char *name, int pages)
{
	struct db *db = arg;

	(void)h;
	(void)name;
	db->wal_pages = pages > 0 ? (unsigned)pages : 0;
	return SQLITE_OK;
}

/* journal_size_limit and its like are of the handle and need no page of the file; the
 * version does: a file that is no database is found by it, before anything is written. */
static int open_writer(struct db *db, struct db_opened *opened, struct err *err)
{
	unsigned version = 0;
	int r = dbfile_check(&db->file, err);

	if (r == -ENOENT)
		r = dbfile_create(&db->file, err);
	if (r == 0)
		r = open_handle(db, db->file.path,
				SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, err);
	if (r == 0)
		dl_sqlite3_busy_timeout(db->h, BUSY_MSEC);
	if (r == 0)
		r = read_version(db, &version, err);
	if (r == 0)
		r = set_up(db, err);
	if (r == 0)
		r = upgrade(db, version, opened, err);
	if (r == 0)
		r = read_meta(db, err);
	if (r < 0) {
		close_handle(db);
		return r;
	}
	db->mode = DB_WRITER;
	dl_sqlite3_wal_hook(db->h, on_wal, db);
	return 0;
}

/* -ENOSPC where there is no space even for an empty store: the reserve gives some. */
static int open_writer_full(struct db *db, struct db_opened *opened, struct err *err)
{
	int r = open_writer(db, opened, err);

	if (r != -ENOSPC || !dbfile_bytes(&db->file, "-reserve"))
		return r;
	dbfile_free_reserve(&db->file);
	return open_writer(db, opened, err);
}

static int set_aside(struct db *db, const struct err *why, struct db_opened *opened,
		     struct err *err)
{
	_cleanup_free_ char *name = NULL;
	int r;

	close_handle(db);
	r = dbfile_set_aside(&db->file, clock_real_usec(), &name, err);
	if (r < 0)
		return err_wrap(err, r == -ENOSPC ? -ENOSPC : -EIO, "%s", why->msg);
	db_opened_done(opened);
	opened->quarantined = take_ptr(name);
	opened->why = xstrdup(why->msg);
	return 0;
}

static void salvage(struct db *db, struct db_opened *opened)
{
	_cleanup_(cleanup_db) struct db *from = NULL;
	_cleanup_free_ char *path =
		xasprintf("%.*s%s", (int)(strlen(db->file.path) - strlen(db->file.name)),
			  db->file.path, opened->quarantined);

	if (db_open_damaged(path, &from, NULL) == 0)
		opened->salvaged = db_salvage(db, from);
}

/* A new store in the place of one that was set aside. */
static int begin_anew(struct db *db, const struct err *why, struct db_opened *opened,
		      struct err *err)
{
	int r = set_aside(db, why, opened, err);

	if (r < 0)
		return r;
	r = open_writer_full(db, opened, err);
	if (r == 0)
		salvage(db, opened);
	return r;
}

/* A reserve that cannot be for another reason than space must not stop the samples. */
static void look_at_reserve(struct db *db, struct db_opened *opened)
{
	int r = dbfile_make_reserve(&db->file, NULL);

	db->reserve = r != -ENOSPC;
	opened->no_reserve = r < 0;
}

int db_open(const char *path, struct db **ret, struct db_opened *opened, struct err *err)
{
	_cleanup_(cleanup_db) struct db *db = new_db();
	_cleanup_(db_opened_done) struct db_opened o = { 0 };
	struct err why = { 0 };
	int r = sqlite_load(err);

	if (r == 0)
		r = dbfile_open(path, &db->file, err);
	if (r < 0)
		return r;
	r = open_writer_full(db, &o, &why);
	if (r == -EUCLEAN)
		r = begin_anew(db, &why, &o, err);
	else if (r < 0)
		err_set(err, r, "%s", why.msg);
	if (r < 0)
		return r;
	look_at_reserve(db, &o);
	if (opened) {
		*opened = o;
		o = (struct db_opened){ 0 };
	}
	*ret = take_ptr(db);
	return 0;
}

int db_replace(struct db **db, const char *path, struct db **ret,
	       struct db_opened *opened, struct err *err)
{
	_cleanup_(cleanup_db) struct db *fresh = new_db();
	_cleanup_(db_opened_done) struct db_opened o = { 0 };
	struct err why = { 0 };
	int r;

	db_close(take_ptr(*db));
	r = dbfile_open(path, &fresh->file, err);
	if (r < 0)
		return r;
	err_set(&why, -EUCLEAN, "%s is damaged", fresh->file.path);
	r = begin_anew(fresh, &why, &o, err);
	if (r < 0)
		return r;
	look_at_reserve(fresh, &o);
	if (opened) {
		*opened = o;
		o = (struct db_opened){ 0 };
	}
	*ret = take_ptr(fresh);
	return 0;
}

/* The path as the part of a URI. */
static void add_uri_path(struct buf *b, const char *path)
{
	buf_adds(b, "file:");
	for (; *path; path++)
		if (*path == '%' || *path == '?' || *path == '#')
			buf_addf(b, "%%%02x", (unsigned)(unsigned char)*path);
		else
			buf_addc(b, *path);
}

/*
 * DB_SHARED: as SQLite's readers do, beside a writer: needs its -shm.
 * DB_PRIVATE: the WAL is read into memory, without locks and without -shm: of a copy, or
 * where that cannot be had. What a writer adds later is not seen: db_refresh().
 * DB_IMMUTABLE: no WAL: nobody writes, all there is is in the file.
 */
static const struct {
	const char *params, *pragma;
} modes[] = {
	[DB_SHARED] = { "?mode=ro", "PRAGMA query_only=1" },
	[DB_PRIVATE] = { "?mode=ro&vfs=unix-none", "PRAGMA locking_mode=EXCLUSIVE" },
	[DB_IMMUTABLE] = { "?mode=ro&immutable=1", "PRAGMA query_only=1" },
};

static enum db_mode choose_mode(const struct db *db)
{
	if (!dbfile_bytes(&db->file, "-wal"))
		return DB_IMMUTABLE;
	return db->live && dbfile_exists(&db->file, "-shm") ? DB_SHARED : DB_PRIVATE;
}

static int open_as(struct db *db, enum db_mode mode, struct err *err)
{
	_cleanup_(buf_done) struct buf uri = { 0 };
	unsigned version = 0;
	int r;

	add_uri_path(&uri, db->file.path);
	buf_adds(&uri, modes[mode].params);
	db->mode = mode;
	db->seen = dbfile_stamp(&db->file, "");
	db->seen_wal = dbfile_stamp(&db->file, "-wal");
	r = open_handle(db, uri.p,
			SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW,
			err);
	if (r == 0)
		dl_sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (r == 0)
		r = db_exec(db, modes[mode].pragma, "open", err);
	if (r == 0)
		dl_sqlite3_busy_timeout(db->h, BUSY_MSEC);
	if (r == 0)
		r = read_version(db, &version, err);
	if (r == 0 && version < SCHEMA_VERSION)
		r = err_set(err, version ? -ESTALE : -ENOENT,
			    version ? "%s is of an older ctscope: the collector of this "
				      "one has not run yet"
				    : "%s is empty",
			    db->file.path);
	if (r == 0)
		r = read_meta(db, err);
	if (r < 0)
		close_handle(db);
	return r;
}

static int open_reader(struct db *db, struct err *err)
{
	enum db_mode mode = choose_mode(db);
	int r = dbfile_readable(&db->file, err);

	if (r == -ENOENT)
		return err_set(err, -ENOENT, "there is no %s", db->file.path);
	if (r < 0)
		return r;
	r = open_as(db, mode, err);
	if (r == -EPROTO || r == -ENOENT || r == -ESTALE || r >= 0)
		return r;
	/* a -shm that may not be opened, or a writer that came or went just now */
	return open_as(db, mode == DB_PRIVATE ? choose_mode(db) : DB_PRIVATE, err);
}

static int new_reader(const char *path, bool live, struct db **ret, struct err *err)
{
	_cleanup_(cleanup_db) struct db *db = new_db();
	int r = sqlite_load(err);

	db->live = live;
	if (r == 0)
		r = dbfile_open(path, &db->file, err);
	if (r == 0)
		r = open_reader(db, err);
	if (r == 0)
		*ret = take_ptr(db);
	return r;
}

int db_open_readonly(const char *path, bool live, struct db **ret, struct err *err)
{
	return new_reader(path, live, ret, err);
}

int db_open_damaged(const char *path, struct db **ret, struct err *err)
{
	return new_reader(path, false, ret, err);
}

static bool same_file(struct dbfile_stamp a, struct dbfile_stamp b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

static bool same_content(struct dbfile_stamp a, struct dbfile_stamp b)
{
	return same_file(a, b) && a.size == b.size && a.mtime_nsec == b.mtime_nsec;
}

/* Does the handle not show (any more) what is in the files? */
static bool is_stale(const struct db *db)
{
	struct dbfile_stamp now = dbfile_stamp(&db->file, "");
	struct dbfile_stamp wal = dbfile_stamp(&db->file, "-wal");

	if (!db->live)
		return false;
	switch (db->mode) {
	case DB_SHARED:
		return !same_file(now, db->seen) || !same_file(wal, db->seen_wal);
	case DB_PRIVATE:
	case DB_IMMUTABLE:
		return !same_content(now, db->seen) || !same_content(wal, db->seen_wal);
	case DB_WRITER:
		break;
	}
	return false;
}

int db_refresh(struct db *db, bool *ret_replaced, struct err *err)
{
	char id[sizeof(db->store_id)];
	int r;

	if (ret_replaced)
		*ret_replaced = false;
	if (db->mode == DB_WRITER || (db->h && !is_stale(db)))
		return 0;
	memcpy(id, db->store_id, sizeof(id));
	close_handle(db);
	r = open_reader(db, err);
	if (r == 0 && ret_replaced)
		*ret_replaced = !str_eq(id, db->store_id);
	return r;
}

int db_reading(struct db *db, db_read_fn *fn, void (*forget)(void *ret), const void *arg,
	       void *ret, struct err *err)
{
	int r = db_refresh(db, NULL, err);

	if (r == 0)
		r = fn(db, arg, ret, err);
	if (r >= 0 && (db->mode != DB_IMMUTABLE || !db->live || !is_stale(db)))
		return r;
	forget(ret);
	if (r < 0 && (db->mode == DB_WRITER || !db->live))
		return r;
	r = db_refresh(db, NULL, err);
	if (r == 0)
		r = fn(db, arg, ret, err);
	if (r < 0)
		forget(ret);
	return r;
}

bool db_reserved(const struct db *db)
{
	return db->reserve;
}

/*
 * What is in the WAL goes into the database while there is room for it, so that the WAL
 * is written from its start again, in room that it has; it gets what is left.
 */
bool db_use_reserve(struct db *db)
{
	if (!db->reserve)
		return false;
	db->reserve = false;
	dbfile_free_reserve(&db->file);
	(void)db_checkpoint(db, 0, NULL);
	dbfile_claim_wal(&db->file);
	return true;
}

int db_restore_reserve(struct db *db, struct err *err)
{
	int r;

	if (db->reserve)
		return 0;
	if (dbfile_avail(&db->file) < DBFILE_RESERVE_BYTES + SPARE_BYTES)
		return err_set(err, -ENOSPC, "%s: the disk is full", db->file.path);
	r = dbfile_make_reserve(&db->file, err);
	if (r == 0)
		db->reserve = true;
	return r;
}

int db_checkpoint(struct db *db, unsigned min_pages, struct err *err)
{
	int rc;

	if (db->wal_pages < min_pages)
		return 0;
	rc = dl_sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
					  NULL);
	if (rc == SQLITE_OK)
		db->wal_pages = 0;
	if (rc == SQLITE_OK || rc == SQLITE_BUSY)
		return 0;
	return db_fail(db, rc, "checkpoint", err);
}
