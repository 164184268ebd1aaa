/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "store/db.h"
#include "store/dbimpl.h"

/* of one block as it is stored; decoded it is less than BLOCK_MAX_BYTES */
#define BLOCK_MAX_STORED ((size_t)256 << 10)
#define BLOCK_VALUES     60

void db_block_done(struct db_block *b)
{
	buf_done(&b->data);
	*b = (struct db_block){ 0 };
}

void db_blocks_done(struct db_blocks *b)
{
	for (size_t i = 0; i < b->n; i++)
		db_block_done(&b->v[i]);
	free(b->v);
	*b = (struct db_blocks){ 0 };
}

static int table_of(unsigned level_sec, enum db_table *ret)
{
	switch (level_sec) {
	case 1:
		*ret = TABLE_1;
		return 0;
	case 10:
		*ret = TABLE_10;
		return 0;
	case 60:
		*ret = TABLE_60;
		return 0;
	default:
		return -EINVAL;
	}
}

static uint64_t slot_usec(unsigned level_sec)
{
	return BLOCK_VALUES * level_sec * USEC_PER_SEC;
}

static int check_block(const struct db_block *b, struct err *err)
{
	enum db_table table;

	if (table_of(b->level_sec, &table) < 0 || !b->vmid || !b->n)
		return err_set(err, -EINVAL, "a block without vmid, level or samples");
	if (b->data.n > BLOCK_MAX_STORED)
		return err_set(err, -E2BIG, "container %u: a block of %zu bytes", b->vmid,
			       b->data.n);
	return 0;
}

/* Statements by table: the name, for @, cannot be a parameter. */
static int prepare_for(struct db *db, enum db_stmt first, enum db_table table,
		       const char *fmt, sqlite3_stmt **ret, struct err *err)
{
	/* one of the statements that follow `first`, in the order of the tables */
	enum db_stmt which = (enum db_stmt)((unsigned)first + (unsigned)table);
	const char *at;
	char sql[256];

	if (db->st[which]) {
		*ret = db->st[which];
		return 0;
	}
	at = strchr(fmt, '@');
	snprintf(sql, sizeof(sql), "%.*s%s%s", (int)(at - fmt), fmt, db_tables[table],
		 at + 1);
	return db_prepare(db, which, sql, ret, err);
}

static int add_block(struct db *db, const struct db_block *b, struct err *err)
{
	enum db_table table = TABLE_1;
	sqlite3_stmt *st = NULL;
	int r;

	(void)table_of(b->level_sec, &table);
	r = prepare_for(db, STMT_ADD_BLOCK, table,
			"INSERT OR REPLACE INTO @ (slot, vmid, life, start, n, data) "
			"VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			&st, err);
	if (r < 0)
		return r;
	db_bind_u64(st, 1, b->start_real_usec / slot_usec(b->level_sec));
	db_bind_u64(st, 2, b->vmid);
	db_bind_u64(st, 3, b->life);
	db_bind_u64(st, 4, b->start_real_usec);
	db_bind_u64(st, 5, b->n);
	db_bind_blob(st, 6, b->data.p, b->data.n);
	return db_run(db, st, "write", err);
}

int db_add_blocks(struct db *db, const struct db_block *v, size_t n, struct err *err)
{
	bool own;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = check_block(&v[i], err);
	if (r == 0 && !db->reserve)
		r = err_set(err, -ENOSPC, "%s: the disk is full: samples wait",
			    db->file.path);
	if (r == 0)
		r = db_own_begin(db, false, &own, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_block(db, &v[i], err);
	return db_own_end(db, own, r, err);
}

struct block_query {
	uint32_t vmid;
	unsigned level_sec;
	uint64_t since, until;
	size_t limit;
};

/* A walk from the newest slot down. */
struct walk {
	struct db *db;
	const struct block_query *q;
	enum db_table table;
	struct db_blocks *ret;
	size_t cap, stop; /* stop: how many there may be; 0: all */
};

static bool walk_full(const struct walk *w)
{
	return w->stop && w->ret->n >= w->stop;
}

static void take_row(struct walk *w, sqlite3_stmt *st)
{
	uint64_t usec = slot_usec(w->q->level_sec);
	const void *p = dl_sqlite3_column_blob(st, 3);
	int n = dl_sqlite3_column_bytes(st, 3);
	struct db_block b = {
		.vmid = w->q->vmid,
		.level_sec = w->q->level_sec,
		.life = db_col_u64(st, 0),
		.start_real_usec = db_col_u64(st, 1),
		.n = (uint32_t)MIN(db_col_u64(st, 2), (uint64_t)BLOCK_VALUES),
	};

	if (w->q->until && b.start_real_usec >= w->q->until)
		return;
	if (b.start_real_usec + 2 * usec <= w->q->since || n < 0 ||
	    (size_t)n > BLOCK_MAX_STORED)
		return;
	buf_add(&b.data, p ? p : "", (size_t)n);
	GROW(w->ret->v, w->ret->n, w->cap);
	w->ret->v[w->ret->n++] = b;
}

/* What is in one slot; *ret_any: was there anything? */
static int read_slot(struct walk *w, uint64_t slot, bool *ret_any, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare_for(w->db, STMT_READ_SLOT, w->table,
			    "SELECT life, start, n, data FROM @ WHERE slot = ?1 AND "
			    "vmid = ?2 ORDER BY start DESC",
			    &st, err);

	*ret_any = false;
	if (r < 0)
		return r;
	db_bind_u64(st, 1, slot);
	db_bind_u64(st, 2, w->q->vmid);
	while ((r = db_row(w->db, st, "read", err)) > 0) {
		*ret_any = true;
		if (!walk_full(w))
			take_row(w, st);
	}
	return r;
}

/* The last slot below that has anything, of any container: 0 when there is none. */
static int slot_below(struct walk *w, uint64_t below, uint64_t *ret, bool *ret_any,
		      struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = prepare_for(w->db, STMT_SLOT_BELOW, w->table,
			    "SELECT slot FROM @ WHERE slot < ?1 ORDER BY slot DESC "
			    "LIMIT 1",
			    &st, err);

	*ret_any = false;
	if (r < 0)
		return r;
	db_bind_u64(st, 1, below);
	r = db_row(w->db, st, "read", err);
	if (r > 0) {
		*ret = db_col_u64(st, 0);
		*ret_any = true;
		dl_sqlite3_reset(st);
	}
	return MIN(r, 0);
}

/*
 * The index is by slot, then by container, so that a minute of a thousand containers is
 * added at one place. One container is read by a look into each slot; where it has
 * nothing, the next slot that anybody has is asked for, so that no gap takes longer.
 */
static int walk_down(struct walk *w, struct err *err)
{
	uint64_t usec = slot_usec(w->q->level_sec), slot = 0;
	uint64_t low = w->q->since / usec;
	uint64_t below = w->q->until ? (w->q->until + usec - 1) / usec : INT64_MAX;
	bool any;
	int r = slot_below(w, below, &slot, &any, err);

	low = low > 2 ? low - 2 : 0;
	while (r == 0 && any && slot >= low && !walk_full(w)) {
		bool here;

		r = read_slot(w, slot, &here, err);
		if (r < 0 || !slot)
			break;
		if (here)
			slot--;
		else
			r = slot_below(w, slot, &slot, &any, err);
	}
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct db_block *x = a, *y = b;

	return (x->start_real_usec > y->start_real_usec) -
	       (x->start_real_usec < y->start_real_usec);
}

/* The newest so many of both tables: those that were kept are older, most of the time. */
static void cut_to(struct db_blocks *b, size_t limit)
{
	size_t drop = limit && b->n > limit ? b->n - limit : 0;

	for (size_t i = 0; i < drop; i++)
		db_block_done(&b->v[i]);
	if (drop)
		memmove(b->v, b->v + drop, (b->n - drop) * sizeof(*b->v));
	b->n -= drop;
}

static int walk_both(struct db *db, const struct block_query *q, struct db_blocks *b,
		     struct err *err)
{
	struct walk w = { .db = db, .q = q, .ret = b, .stop = q->limit };
	int r = table_of(q->level_sec, &w.table);

	if (r < 0)
		return err_set(err, r, "there is no level of %u s", q->level_sec);
	r = walk_down(&w, err);
	if (r == 0 && w.table == TABLE_1) {
		w.table = TABLE_KEPT;
		w.stop = q->limit ? b->n + q->limit : 0;
		r = walk_down(&w, err);
	}
	return r;
}

/* In one transaction: a block that is moved to those that are kept is seen once. */
static int read_blocks(struct db *db, const void *arg, void *ret, struct err *err)
{
	const struct block_query *q = arg;
	struct db_blocks *b = ret;
	bool own = !db->in_tx;
	int r = own ? db_exec(db, "BEGIN", "read", err) : 0;

	if (r == 0)
		r = walk_both(db, q, b, err);
	if (own)
		db_rollback(db);
	if (r == 0 && b->n) {
		qsort(b->v, b->n, sizeof(*b->v), by_start);
		cut_to(b, q->limit);
	}
	return r;
}

static void forget_blocks(void *ret)
{
	db_blocks_done(ret);
}

int db_read_blocks(struct db *db, uint32_t vmid, unsigned level_sec,
		   uint64_t since_real_usec, uint64_t until_real_usec, size_t limit,
		   struct db_blocks *ret, struct err *err)
{
	const struct block_query q = { .vmid = vmid,
				       .level_sec = level_sec,
				       .since = since_real_usec,
				       .until = until_real_usec,
				       .limit = limit };

	return db_reading(db, read_blocks, forget_blocks, &q, ret, err);
}
