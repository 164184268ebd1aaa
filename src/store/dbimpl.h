/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/db.h"
#include "store/dbfile.h"
#include "store/sqlite.h"

#define DB_BUSY_MSEC 2000

/* What the files db*.c know of a handle. */
enum db_stmt {
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_ADD_EVENT,
	STMT_SEQ_OF_ID,
	STMT_LAST_SEQ,
	STMT_PUT_LIFE,
	STMT_LAST_LIVES,
	STMT_PUT_INCIDENT,
	STMT_NEW_INCIDENT,
	STMT_PUT_META,
	STMT_PUT_CONFIG,
	STMT_DROP_CONFIG,
	STMT_CONFIGS_SEEN,
	STMT_ADD_DISK,
	STMT_ADD_BLOCK, /* by table, in the order of enum db_table */
	STMT_READ_SLOT = STMT_ADD_BLOCK + 4,
	STMT_SLOT_BELOW = STMT_READ_SLOT + 4,
	DB_STMTS = STMT_SLOT_BELOW + 4
};

enum db_table { TABLE_1, TABLE_10, TABLE_60, TABLE_KEPT, DB_TABLES };

extern const char *const db_tables[DB_TABLES];

/* How a reader sees the file, see open_reader(). */
enum db_mode { DB_WRITER, DB_SHARED, DB_PRIVATE, DB_IMMUTABLE };

struct db {
	sqlite3 *h;
	enum db_mode mode;
	bool live;    /* a reader: of a store that somebody may write */
	bool damaged; /* it is read for what can be saved */
	struct dbfile file;
	struct dbfile_stamp seen, seen_wal; /* a reader: when it was opened */
	unsigned wal_pages;                 /* the writer: since the last checkpoint */
	bool in_tx;                         /* between db_begin() and db_commit() */
	bool full_sync;                     /* what PRAGMA synchronous is now */
	bool reserve;
	bool kept; /* db_keep_pages() */
	char store_id[33];
	char *node;
	uint64_t first_life; /* 0: 1 */
	/* db_mark() */
	bool have_boot;
	uint64_t boot_usec, recorded_usec, marked_usec;
	sqlite3_stmt *st[DB_STMTS];
};

/* A handle that is not open, and its end; what SQLite has of it may be closed before. */
struct db *db_new(void);
void db_cleanup(struct db **db);
void db_close_handle(struct db *db);
int db_open_handle(struct db *db, const char *name, int flags, struct err *err);

/*
 * Is it ours, and of which version? A file without tables is new: that of a creation that
 * was cut off is as well.
 */
int db_read_version(struct db *db, unsigned *ret, struct err *err);
int db_read_meta(struct db *db, struct err *err);

/* A result code of SQLite as an errno, the sentence with `what`. */
int db_fail(struct db *db, int rc, const char *what, struct err *err);

/* The kept statement, made from `sql` when it is first needed. */
int db_prepare(struct db *db, enum db_stmt which, const char *sql, sqlite3_stmt **ret,
	       struct err *err);

/* One that is used once: the caller finalizes it. */
int db_prepare_once(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err);
void db_finalize(sqlite3_stmt **st);

/* Runs a statement without rows and makes it ready for the next time. */
int db_run(struct db *db, sqlite3_stmt *st, const char *what, struct err *err);

/* The next row: 1, or 0 at the end, or the error; it is reset unless 1. */
int db_row(struct db *db, sqlite3_stmt *st, const char *what, struct err *err);

int db_exec(struct db *db, const char *sql, const char *what, struct err *err);

/* text NULL: the number. */
int db_put_meta(struct db *db, const char *key, const char *text, uint64_t n,
		struct err *err);

/* The first column of the first row. 0 rows: 0. */
int db_number(struct db *db, const char *sql, uint64_t *ret, struct err *err);

/*
 * The WAL into a file that cannot grow beyond `bytes`: what is behind that goes into free
 * pages first. With too few of them it is -ENOSPC, when it is.
 */
int db_shrink(struct db *db, uint64_t bytes, struct err *err);

/* A transaction of its own, unless one is open: then nothing, and *ret_own is false. */
int db_own_begin(struct db *db, bool durable, bool *ret_own, struct err *err);

/* Ends it by r: commits (the result is returned), or rolls back and returns r. */
int db_own_end(struct db *db, bool own, int r, struct err *err);

/* Binds 1, 2, ...: absent is NULL. Texts are borrowed until the statement is run. */
void db_bind_u64(sqlite3_stmt *st, int i, uint64_t n);
void db_bind_u64_or_null(sqlite3_stmt *st, int i, uint64_t n); /* 0 is NULL */
void db_bind_text(sqlite3_stmt *st, int i, const char *s);     /* "" and NULL are NULL */
void db_bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n);

uint64_t db_col_u64(sqlite3_stmt *st, int i);          /* negative, NULL: 0 */
char *db_col_dup(sqlite3_stmt *st, int i, size_t max); /* NULL, longer: NULL */
/* Into an array; "" when it does not fit. */
void db_col_copy(sqlite3_stmt *st, int i, char *ret, size_t size);

/*
 * The frame of every reading: sees that the handle is up to date first, and has it done
 * once more when the writer came in between (a file that was read as one that nobody
 * writes).
 */
typedef int db_read_fn(struct db *db, const void *arg, void *ret, struct err *err);
int db_reading(struct db *db, db_read_fn *fn, void (*forget)(void *ret), const void *arg,
	       void *ret, struct err *err);

/* Columns in the order in which the functions below read them. */
#define DB_EVENT_COLUMNS                                                                 \
	"seq, id, time, type, vmid, life, name, origin, inferred, boot, boot_usec, data"
#define DB_LIFE_COLUMNS                                                                  \
	"vmid, life, boot, init_start_ticks, started, stopped, cause, name"
#define DB_INCIDENT_COLUMNS                                                              \
	"n, kind, vmid, life, name, opened, closed, keep_from, keep_until, summary, data"

/* False: a type or origin of a newer version, or what no event can be. */
bool db_row_event(sqlite3_stmt *st, struct event *ret);
void db_row_life(sqlite3_stmt *st, struct db_life *ret);
bool db_row_incident(sqlite3_stmt *st, struct incident *ret);

/* e->seq is where it goes: 0 behind the last one. */
int db_insert_event(struct db *db, const struct event *e, uint64_t *ret_seq,
		    bool *ret_new, struct err *err);
/* At its number, which must be free. */
int db_insert_incident(struct db *db, const struct incident *i, struct err *err);

/* What can still be read of a damaged file, into the new one; how many rows. *ret_lives:
 * all lives are among them. */
uint64_t db_salvage(struct db *to, struct db *from, bool *ret_lives);

/* Of all files but the database itself. */
uint64_t db_files_bytes(const struct db *db);

/* The damaged file, as far as it can be opened at all. */
int db_open_damaged(const char *path, struct db **ret, struct err *err);
