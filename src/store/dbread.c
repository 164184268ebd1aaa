/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/dbimpl.h"
#include "store/schema.h"

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
	r = db_open_handle(db, uri.p,
			   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW,
			   err);
	if (r == 0)
		dl_sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	/* a file that was cut off: SQLite reads what is left for who says that */
	if (r == 0 && db->damaged)
		dl_sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	if (r == 0 && db->damaged)
		r = db_exec(db, "PRAGMA writable_schema=ON", "open", err);
	if (r == 0)
		r = db_exec(db, modes[mode].pragma, "open", err);
	if (r == 0)
		dl_sqlite3_busy_timeout(db->h, DB_BUSY_MSEC);
	if (r == 0)
		r = db_read_version(db, &version, err);
	if (r == 0 && version < SCHEMA_VERSION)
		r = err_set(err, version ? -ESTALE : -ENOENT,
			    version ? "%s is of an older ctscope: the collector of this "
				      "one has not run yet"
				    : "%s is empty",
			    db->file.path);
	if (r == 0)
		r = db_read_meta(db, err);
	if (r < 0)
		db_close_handle(db);
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

static int new_reader(const char *path, bool live, bool damaged, struct db **ret,
		      struct err *err)
{
	_cleanup_(db_cleanup) struct db *db = db_new();
	int r = sqlite_load(err);

	db->live = live;
	db->damaged = damaged;
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
	return new_reader(path, live, false, ret, err);
}

int db_open_damaged(const char *path, struct db **ret, struct err *err)
{
	return new_reader(path, false, true, ret, err);
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
	db_close_handle(db);
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
