/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "store/db.h"
#include "store/dbimpl.h"

#define MARK_USEC   (600 * USEC_PER_SEC)
#define PIECE_ROWS  512 /* removed by one call */
#define PIECE_PAGES 512 /* given back to the file system by one call */
#define MAX_MARKS   50000
#define ROOM_PAGES  256  /* kept free inside while the disk is full */
#define SLACK_PAGES 4096 /* free pages that a file keeps for its next rows */
#define FOREVER     (UINT64_MAX / USEC_PER_SEC)

static const char *const level_columns[] = { "block_1", "block_10", "block_60" };

static int put_mark(struct db *db, struct err *err)
{
	char sql[896];

	snprintf(sql, sizeof(sql),
		 "INSERT OR IGNORE INTO marks SELECT %ju,"
		 "ifnull((SELECT max(seq) FROM events), 0) + 1,"
		 "ifnull((SELECT max(seq) FROM lives), 0) + 1,"
		 "ifnull((SELECT max(n) FROM incidents), 0) + 1,"
		 "ifnull((SELECT max(seq) FROM blocks_1), 0) + 1,"
		 "ifnull((SELECT max(seq) FROM blocks_10), 0) + 1,"
		 "ifnull((SELECT max(seq) FROM blocks_60), 0) + 1,"
		 "ifnull((SELECT max(seq) FROM disk), 0) + 1;"
		 "DELETE FROM marks WHERE recorded_sec < (SELECT recorded_sec FROM marks "
		 "ORDER BY recorded_sec DESC LIMIT 1 OFFSET %d)",
		 (uintmax_t)(db->recorded_usec / USEC_PER_SEC), MAX_MARKS);
	return db_exec(db, sql, "mark", err);
}

static int write_mark(struct db *db, bool mark, struct err *err)
{
	bool own;
	int r = db_own_begin(db, false, &own, err);

	if (r < 0)
		return r;
	r = db_put_meta(db, "recorded-sec", NULL, db->recorded_usec / USEC_PER_SEC, err);
	if (r == 0 && mark)
		r = put_mark(db, err);
	return db_own_end(db, own, r, err);
}

int db_mark(struct db *db, uint64_t boot_usec, struct err *err)
{
	bool mark;
	int r;

	if (db->have_boot)
		db->recorded_usec += num_sub(boot_usec, db->boot_usec);
	db->have_boot = true;
	db->boot_usec = boot_usec;
	mark = db->recorded_usec - db->marked_usec >= MARK_USEC;
	r = write_mark(db, mark, err);
	if (r == 0 && mark)
		db->marked_usec = db->recorded_usec;
	return r;
}

/* The first seq that is not older than `keep_sec` of recording; 0: all are young. */
static int cut_of(struct db *db, const char *column, uint64_t keep_sec, uint64_t *ret,
		  struct err *err)
{
	uint64_t now_sec = db->recorded_usec / USEC_PER_SEC;
	char sql[160];

	*ret = 0;
	if (!keep_sec || keep_sec >= FOREVER || now_sec <= keep_sec)
		return 0;
	snprintf(sql, sizeof(sql),
		 "SELECT %s FROM marks WHERE recorded_sec <= %ju "
		 "ORDER BY recorded_sec DESC LIMIT 1",
		 column, (uintmax_t)(now_sec - keep_sec));
	return db_number(db, sql, ret, err);
}

/*
 * What an incident keeps: minutes of its container that touch its time go to a table of
 * their own first, so that what is removed is always the start of a table.
 */
static int keep_for_incidents(struct db *db, uint64_t below, struct err *err)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		 "INSERT OR IGNORE INTO blocks_kept (slot, vmid, life, start, n, data) "
		 "SELECT slot, vmid, life, start, n, data FROM blocks_1 b "
		 "WHERE b.seq < %ju AND EXISTS (SELECT 1 FROM incidents i "
		 "WHERE i.vmid = b.vmid AND i.keep_from < b.start + 120000000 "
		 "AND i.keep_until > b.start)",
		 (uintmax_t)below);
	return db_exec(db, sql, "prune", err);
}

/*
 * The end of the next piece: at most PIECE_ROWS rows are below it, and below `cut`. The
 * newest row stays whatever happens: its number must not be given again, as marks compare
 * with it.
 */
static int piece_end(struct db *db, const char *table, const char *key, uint64_t cut,
		     uint64_t *ret, bool *ret_more, struct err *err)
{
	char sql[192];
	uint64_t end = 0, last = 0;
	int r;

	snprintf(sql, sizeof(sql),
		 "SELECT %s FROM %s WHERE %s < %ju ORDER BY %s LIMIT 1 OFFSET %d", key,
		 table, key, (uintmax_t)cut, key, PIECE_ROWS);
	r = db_number(db, sql, &end, err);
	snprintf(sql, sizeof(sql), "SELECT max(%s) FROM %s", key, table);
	if (r == 0)
		r = db_number(db, sql, &last, err);
	if (r < 0)
		return r;
	cut = MIN(cut, last);
	*ret_more = end != 0;
	*ret = end ? end : cut;
	return 0;
}

static int remove_rows(struct db *db, const char *table, const char *key, uint64_t below,
		       const char *and, uint64_t *ret_n, struct err *err)
{
	char sql[384];
	int r;

	snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE %s < %ju%s", table, key,
		 (uintmax_t)below, and);
	r = db_exec(db, sql, "prune", err);
	if (r == 0)
		*ret_n += (uint64_t)dl_sqlite3_changes(db->h);
	return r;
}

/* Removes up to PIECE_ROWS blocks before seq `cut` of a level, in one transaction. */
static int remove_blocks(struct db *db, enum db_table table, uint64_t cut,
			 uint64_t *ret_n, bool *ret_more, struct err *err)
{
	uint64_t below = 0;
	bool own;
	int r = db_own_begin(db, false, &own, err);

	if (r < 0)
		return r;
	r = piece_end(db, db_tables[table], "seq", cut, &below, ret_more, err);
	if (r == 0 && table == TABLE_1)
		r = keep_for_incidents(db, below, err);
	if (r == 0)
		r = remove_rows(db, db_tables[table], "seq", below, "", ret_n, err);
	return db_own_end(db, own, r, err);
}

/* The same of the tables that are not of blocks. `and`: only these of them. */
static int remove_piece(struct db *db, const char *table, const char *key, uint64_t cut,
			const char *and, uint64_t *ret_n, bool *ret_more, struct err *err)
{
	uint64_t below = 0;
	bool own;
	int r = db_own_begin(db, false, &own, err);

	if (r < 0)
		return r;
	r = piece_end(db, table, key, cut, &below, ret_more, err);
	if (r == 0)
		r = remove_rows(db, table, key, below, and, ret_n, err);
	return db_own_end(db, own, r, err);
}

static int prune_levels(struct db *db, const struct db_limits *l, bool *more,
			struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(level_columns); i++) {
		bool again = false;
		uint64_t cut = 0, n = 0;

		r = cut_of(db, level_columns[i], l->keep_sec[i], &cut, err);
		if (r == 0 && cut)
			r = remove_blocks(db, (enum db_table)i, cut, &n, &again, err);
		*more = *more || again;
	}
	return r;
}

/* The last life of a container stays: what comes next is numbered after it. */
#define NOT_LAST_LIFE                                                                    \
	" AND life < (SELECT max(l.life) FROM lives l WHERE l.vmid = lives.vmid)"
/* minutes that no incident asks for any more */
#define NOT_KEPT                                                                         \
	" AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.vmid = blocks_kept.vmid "    \
	"AND i.keep_from < blocks_kept.start + 120000000 "                               \
	"AND i.keep_until > blocks_kept.start)"

static const struct aged {
	const char *table, *key, *column, *and;
} aged[] = {
	{ "events", "seq", "event", "" },
	{ "lives", "seq", "life", NOT_LAST_LIFE },
	{ "incidents", "n", "incident", " AND closed IS NOT NULL" },
};

/* As long as what is kept for the longest of what was recorded. */
static int prune_disk(struct db *db, const struct db_limits *l, bool *more,
		      struct err *err)
{
	uint64_t cut = 0, n = 0;
	bool again = false;
	int r = cut_of(db, "disk", l->keep_sec[2], &cut, err);

	if (r == 0 && cut)
		r = remove_piece(db, "disk", "seq", cut, "", &n, &again, err);
	*more = *more || again;
	return r;
}

static int prune_kept(struct db *db, uint64_t *n, struct err *err)
{
	bool own;
	int r = db_own_begin(db, false, &own, err);

	if (r < 0)
		return r;
	r = remove_rows(db, "blocks_kept", "seq", INT64_MAX, NOT_KEPT, n, err);
	return db_own_end(db, own, r, err);
}

static int prune_aged(struct db *db, const struct db_limits *l, bool *more,
		      struct err *err)
{
	uint64_t incidents = 0, kept = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(aged); i++) {
		bool again = false;
		uint64_t cut = 0, n = 0;

		r = cut_of(db, aged[i].column, l->keep_events_sec, &cut, err);
		if (r == 0 && cut)
			r = remove_piece(db, aged[i].table, aged[i].key, cut, aged[i].and,
					 &n, &again, err);
		*more = *more || (again && n);
		incidents += str_eq(aged[i].table, "incidents") ? n : 0;
	}
	if (r == 0 && incidents)
		r = prune_kept(db, &kept, err);
	return r;
}

struct pages {
	uint64_t size, count, free;
};

static int count_pages(struct db *db, struct pages *ret, struct err *err)
{
	int r = db_number(db, "PRAGMA page_size", &ret->size, err);

	if (r == 0)
		r = db_number(db, "PRAGMA page_count", &ret->count, err);
	if (r == 0)
		r = db_number(db, "PRAGMA freelist_count", &ret->free, err);
	return r;
}

uint64_t db_files_bytes(const struct db *db)
{
	return dbfile_bytes(&db->file, "-wal") + dbfile_bytes(&db->file, "-shm") +
	       dbfile_bytes(&db->file, "-reserve");
}

/* Gives free pages at the end of the file back; they are there after a checkpoint. */
static int vacuum(struct db *db, uint64_t pages, struct err *err)
{
	char sql[64];
	int r;

	snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%ju)",
		 (uintmax_t)MIN(pages, (uint64_t)PIECE_PAGES));
	r = db_exec(db, sql, "vacuum", err);
	return r < 0 ? r : db_checkpoint(db, 0, err);
}

int db_shrink(struct db *db, uint64_t bytes, struct err *err)
{
	struct pages p = { 0 };
	int r = count_pages(db, &p, err);

	if (r < 0)
		return r;
	if (p.count * p.size <= bytes || !p.free)
		return db_checkpoint(db, 0, err);
	return vacuum(db, p.count - bytes / p.size, err);
}

static const char *lifecycle_list(struct buf *b)
{
	for (int i = EVENT_NONE + 1; i < EVENT_TYPES; i++)
		if (event_is_lifecycle((enum event_type)i))
			buf_addf(b, "%s'%s'", b->n ? ", " : "",
				 event_type_name((enum event_type)i));
	return buf_str(b);
}

/*
 * One piece of what is worth least: *ret_n rows, 0: there is nothing left. The newest
 * event stays: its seq must not be given again.
 */
static int remove_least(struct db *db, uint64_t *ret_n, struct err *err)
{
	_cleanup_(buf_done) struct buf types = { 0 };
	_cleanup_free_ char *minor = NULL;
	uint64_t last = 0;
	bool more;
	int r = 0;

	*ret_n = 0;
	for (int t = TABLE_1; r == 0 && !*ret_n && t <= TABLE_60; t++)
		r = remove_blocks(db, (enum db_table)t, INT64_MAX, ret_n, &more, err);
	if (r == 0 && !*ret_n)
		r = remove_piece(db, "disk", "seq", INT64_MAX, "", ret_n, &more, err);
	if (r < 0 || *ret_n)
		return r;
	minor = xasprintf(" AND type NOT IN (%s)", lifecycle_list(&types));
	r = db_number(db, "SELECT max(seq) FROM events", &last, err);
	/* all of them are looked at: those that are left are of the life cycle */
	if (r == 0)
		r = remove_rows(db, "events", "seq", last, minor, ret_n, err);
	if (r == 0 && !*ret_n)
		r = remove_piece(db, "blocks_kept", "seq", INT64_MAX, "", ret_n, &more,
				 err);
	if (r == 0 && !*ret_n)
		r = remove_piece(db, "events", "seq", last, "", ret_n, &more, err);
	if (r == 0 && !*ret_n)
		r = remove_piece(db, "incidents", "n", INT64_MAX,
				 " AND closed IS NOT NULL", ret_n, &more, err);
	if (r == 0 && !*ret_n)
		r = remove_piece(db, "lives", "seq", INT64_MAX, NOT_LAST_LIFE, ret_n,
				 &more, err);
	return r;
}

static int prune_bytes(struct db *db, uint64_t max_bytes, bool *more, struct err *err)
{
	struct pages p = { 0 };
	uint64_t other = db_files_bytes(db) + dbfile_room(&db->file, "-wal");
	uint64_t n = 0, file, used;
	int r = count_pages(db, &p, err);

	if (r < 0 || !db->reserve)
		return r;
	file = p.count * p.size + other;
	used = (p.count - MIN(p.free, p.count)) * p.size + other;
	if (max_bytes && used > max_bytes) {
		r = remove_least(db, &n, err);
		*more = *more || n;
	}
	/* also where nothing is left to remove: what is free goes back all the same */
	if (r == 0 && !n && p.free &&
	    ((max_bytes && file > max_bytes) ||
	     (p.free > SLACK_PAGES && p.free > p.count / 4))) {
		uint64_t before = p.free;

		r = vacuum(db, p.free, err);
		if (r == 0)
			r = count_pages(db, &p, err);
		*more = *more || p.free < before;
	}
	return r;
}

int db_prune(struct db *db, const struct db_limits *l, bool *ret_more, struct err *err)
{
	bool more = false;
	int r = prune_levels(db, l, &more, err);

	if (r == 0)
		r = prune_disk(db, l, &more, err);
	if (r == 0)
		r = prune_aged(db, l, &more, err);
	if (r == 0)
		r = prune_bytes(db, l->max_bytes, &more, err);
	if (r == 0)
		*ret_more = more;
	return r;
}

int db_make_room(struct db *db, struct err *err)
{
	struct pages p = { 0 };
	uint64_t n = 0;
	bool more;
	int r = count_pages(db, &p, err);

	for (int t = TABLE_1; r == 0 && !n && p.free < ROOM_PAGES && t <= TABLE_60; t++)
		r = remove_blocks(db, (enum db_table)t, INT64_MAX, &n, &more, err);
	return r < 0 ? r : db_checkpoint(db, 0, err);
}

static int stat_store(struct db *db, const void *arg, void *ret, struct err *err)
{
	struct db_stat *s = ret;
	const struct {
		const char *sql;
		uint64_t *dst;
	} v[] = {
		{ "SELECT count(*) FROM events", &s->n_events },
		{ "SELECT (SELECT count(*) FROM blocks_1) + (SELECT count(*) FROM "
		  "blocks_10) + (SELECT count(*) FROM blocks_60) + (SELECT count(*) "
		  "FROM blocks_kept)",
		  &s->n_blocks },
		{ "SELECT count(*) FROM incidents", &s->n_incidents },
		{ "SELECT start FROM blocks_1 ORDER BY seq LIMIT 1",
		  &s->oldest_real_usec[0] },
		{ "SELECT start FROM blocks_10 ORDER BY seq LIMIT 1",
		  &s->oldest_real_usec[1] },
		{ "SELECT start FROM blocks_60 ORDER BY seq LIMIT 1",
		  &s->oldest_real_usec[2] },
	};
	int r = 0;

	(void)arg;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(v); i++)
		r = db_number(db, v[i].sql, v[i].dst, err);
	s->bytes = dbfile_bytes(&db->file, "") + db_files_bytes(db);
	s->recorded_sec = db->recorded_usec / USEC_PER_SEC;
	return r;
}

static void forget_stat(void *ret)
{
	*(struct db_stat *)ret = (struct db_stat){ 0 };
}

int db_stat(struct db *db, struct db_stat *ret, struct err *err)
{
	struct db_stat s = { 0 };
	int r = db_reading(db, stat_store, forget_stat, NULL, &s, err);

	if (r == 0)
		*ret = s;
	return r;
}
