/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/dbimpl.h"
#include "store/schema.h"

/* no row is longer than an incident's data; what a hostile file says is bounded by it */
#define ROW_MAX_BYTES ((int)4 << 20)
/* disk that must be free beyond the reserve before it is made again */
#define SPARE_BYTES ((uint64_t)8 << 20)
/* the row of the table room */
#define ROOM_BYTES (3 << 20)

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

struct db *db_new(void)
{
	struct db *db = xcalloc(1, sizeof(*db));

	db->file.dirfd = -1;
	return db;
}

/* Ends what SQLite has of it; the handle itself may be opened again. */
void db_close_handle(struct db *db)
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
	db_close_handle(db);
	dbfile_done(&db->file);
	free(db->node);
	free(db);
}

void db_cleanup(struct db **db)
{
	db_close(*db);
}

const char *db_store_id(const struct db *db)
{
	return db->store_id;
}

uint64_t db_first_life(const struct db *db)
{
	return db->first_life ? db->first_life : 1;
}

const char *db_node(const struct db *db)
{
	return db->node;
}

int db_open_handle(struct db *db, const char *name, int flags, struct err *err)
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

int db_read_version(struct db *db, unsigned *ret, struct err *err)
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
			       "knows %d)",
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

int db_read_meta(struct db *db, struct err *err)
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
		else if (str_eq(key, "first-life"))
			db->first_life = db_col_u64(st, 1);
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
 * full disk takes away. What is removed is not overwritten (Debian's default): the pages
 * kept for a full disk would have to go through the WAL for it.
 */
static int set_up(struct db *db, struct err *err)
{
	dl_sqlite3_busy_timeout(db->h, DB_BUSY_MSEC);
	db->full_sync = false;
	return db_exec(db,
		       "PRAGMA page_size=8192;"
		       "PRAGMA auto_vacuum=INCREMENTAL;"
		       "PRAGMA journal_mode=WAL;"
		       "PRAGMA wal_autocheckpoint=0;"
		       "PRAGMA journal_size_limit=8388608;"
		       "PRAGMA synchronous=NORMAL;"
		       "PRAGMA cell_size_check=ON;"
		       "PRAGMA secure_delete=OFF;"
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
		r = db_open_handle(db, db->file.path,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, err);
	if (r == 0)
		dl_sqlite3_busy_timeout(db->h, DB_BUSY_MSEC);
	if (r == 0)
		r = db_read_version(db, &version, err);
	if (r == 0)
		r = set_up(db, err);
	if (r == 0)
		r = upgrade(db, version, opened, err);
	if (r == 0)
		r = db_read_meta(db, err);
	if (r < 0) {
		db_close_handle(db);
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

static int set_aside(struct db *db, const struct err *why, const char *as,
		     struct db_opened *opened, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	int r;

	db_close_handle(db);
	r = dbfile_set_aside(&db->file, as, clock_real_usec(), &name, err);
	if (r < 0)
		return err_wrap(err, r == -ENOSPC ? -ENOSPC : -EIO, "%s", why->msg);
	db_opened_done(opened);
	opened->quarantined = take_ptr(name);
	opened->why = xstrdup(why->msg);
	return 0;
}

/* False: not all of its lives are here now. */
static bool salvage(struct db *db, struct db_opened *opened)
{
	_cleanup_(db_cleanup) struct db *from = NULL;
	bool lives = false;
	_cleanup_free_ char *path =
		xasprintf("%.*s%s", (int)(strlen(db->file.path) - strlen(db->file.name)),
			  db->file.path, opened->quarantined);

	if (db_open_damaged(path, &from, NULL) < 0)
		return false;
	opened->salvaged = db_salvage(db, from, &lives);
	db->first_life = from->first_life;
	return lives;
}

static int put_first_life(struct db *db, bool lives, struct err *err)
{
	if (!lives)
		db->first_life = clock_real_usec() / USEC_PER_SEC;
	if (!db->first_life)
		return 0;
	return db_put_meta(db, "first-life", NULL, db->first_life, err);
}

/*
 * A new store in the place of one that was set aside. One of a newer schema is whole, and
 * waits for who can read it: nothing is taken from it, and it is never removed.
 */
static int begin_anew(struct db *db, const struct err *why, struct db_opened *opened,
		      struct err *err)
{
	bool newer = why->code == -EPROTO;
	int r = set_aside(db, why, newer ? DBFILE_NEWER : DBFILE_CORRUPT, opened, err);

	if (r < 0)
		return r;
	r = open_writer_full(db, opened, err);
	return r < 0 ? r : put_first_life(db, !newer && salvage(db, opened), err);
}

static int change(struct db *db, const char *sql, struct err *err)
{
	int r = db_begin(db, false, err);

	if (r == 0)
		r = db_exec(db, sql, "reserve", err);
	if (r == 0)
		r = db_commit(db, err);
	if (r < 0)
		db_rollback(db);
	return r;
}

/* What the WAL has goes into the database as it is, if need be. */
static void let_pages_go(struct db *db)
{
	if (change(db, "DELETE FROM room", NULL) == 0)
		(void)db_shrink(db, dbfile_bytes(&db->file, ""), NULL);
}

/*
 * A reserve that cannot be for another reason than space must not stop the samples. What is
 * given back to a full file system is not ours: where there are blocks for root alone it is
 * root's, and somebody else may be faster. So the WAL has room of its own, too, while there
 * is space.
 */
static void look_at_reserve(struct db *db, struct db_opened *opened)
{
	int r = dbfile_make_reserve(&db->file, NULL);

	db->reserve = r != -ENOSPC;
	opened->no_reserve = r < 0;
	if (!db->reserve)
		let_pages_go(db);
	/* who closed the store has removed the WAL, and what that had is still free */
	dbfile_claim_wal(&db->file);
}

int db_open(const char *path, struct db **ret, struct db_opened *opened, struct err *err)
{
	_cleanup_(db_cleanup) struct db *db = db_new();
	_cleanup_(db_opened_done) struct db_opened o = { 0 };
	struct err why = { 0 };
	int r = sqlite_load(err);

	if (r == 0)
		r = dbfile_open(path, &db->file, err);
	if (r < 0)
		return r;
	r = open_writer_full(db, &o, &why);
	if (r == -EUCLEAN || r == -EPROTO)
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
	_cleanup_(db_cleanup) struct db *fresh = db_new();
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

bool db_reserved(const struct db *db)
{
	return db->reserve;
}

int db_keep_pages(struct db *db, struct err *err)
{
	uint64_t n = 0;
	char sql[64];
	int r;

	if (db->kept || !db->reserve ||
	    dbfile_avail(&db->file) < (uint64_t)2 * ROOM_BYTES)
		return 0;
	r = db_number(db, "SELECT count(*) FROM room", &n, err);
	if (r == 0 && !n) {
		snprintf(sql, sizeof(sql), "INSERT INTO room VALUES (zeroblob(%d))",
			 ROOM_BYTES);
		r = change(db, sql, err);
		if (r == 0)
			r = db_checkpoint(db, 0, err);
	}
	db->kept = r == 0;
	return r;
}

/*
 * What is in the WAL goes into the database while there is room for it, so that the WAL
 * is written from its start again, in room that it has. Where there is none, the pages that
 * were kept take what the file would have to grow for.
 */
bool db_use_reserve(struct db *db)
{
	if (!db->reserve)
		return false;
	db->reserve = db->kept = false;
	dbfile_free_reserve(&db->file);
	(void)db_checkpoint(db, 0, NULL);
	let_pages_go(db);
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
	if (r < 0)
		return r;
	db->reserve = true;
	dbfile_claim_wal(&db->file);
	return 0;
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
