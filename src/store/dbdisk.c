/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/num.h"
#include "store/db.h"
#include "store/dbimpl.h"

static int add_one(struct db *db, const struct disk_row *row, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_ADD_DISK,
			   "INSERT INTO disk (vmid, life, time, used, size, avail, "
			   "inodes_used, inodes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			   &st, err);

	if (r < 0)
		return r;
	db_bind_u64(st, 1, row->vmid);
	db_bind_u64(st, 2, row->life);
	db_bind_u64(st, 3, row->real_usec);
	if (row->known) {
		db_bind_u64(st, 4, row->use.used_bytes);
		db_bind_u64(st, 5, row->use.size_bytes);
		db_bind_u64(st, 6, row->use.avail_bytes);
		/* of a file system that does not count them */
		db_bind_u64_or_null(st, 7, row->use.inodes_used);
		db_bind_u64_or_null(st, 8, row->use.inodes);
	} else {
		for (int i = 4; i <= 8; i++)
			db_bind_u64_or_null(st, i, 0);
	}
	return db_run(db, st, "write", err);
}

int db_add_disk(struct db *db, const struct disk_row *v, size_t n, struct err *err)
{
	bool own;
	int r;

	if (!db->reserve)
		return err_set(err, -ENOSPC, "the disk is full");
	r = db_own_begin(db, false, &own, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_one(db, &v[i], err);
	return db_own_end(db, own, r, err);
}

struct disk_query {
	uint32_t vmid;
	uint64_t since, until;
};

static void take_row(sqlite3_stmt *st, uint32_t vmid, struct disk_row *ret)
{
	*ret = (struct disk_row){
		.vmid = vmid,
		.life = db_col_u64(st, 0),
		.real_usec = db_col_u64(st, 1),
		.known = dl_sqlite3_column_type(st, 2) != SQLITE_NULL,
		.use = {
			.used_bytes = db_col_u64(st, 2),
			.size_bytes = db_col_u64(st, 3),
			.avail_bytes = db_col_u64(st, 4),
			.inodes_used = db_col_u64(st, 5),
			.inodes = db_col_u64(st, 6),
		},
	};
}

static void turn(struct disk_rows *r)
{
	for (size_t i = 0; i < r->n / 2; i++) {
		struct disk_row row = r->v[i];

		r->v[i] = r->v[r->n - 1 - i];
		r->v[r->n - 1 - i] = row;
	}
}

static int read_rows(struct db *db, const void *arg, void *ret, struct err *err)
{
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	const struct disk_query *q = arg;
	struct disk_rows *rows = ret;
	size_t cap = 0;
	int r;

	r = db_prepare_once(db,
			    "SELECT life, time, used, size, avail, inodes_used, inodes "
			    "FROM disk WHERE vmid = ?1 AND time >= ?2 AND time < ?3 "
			    "ORDER BY time DESC, seq DESC LIMIT ?4",
			    &st, err);
	if (r < 0)
		return r;
	db_bind_u64(st, 1, q->vmid);
	db_bind_u64(st, 2, num_sub(q->since, DISK_HOLD_USEC));
	db_bind_u64(st, 3, q->until ? q->until : INT64_MAX);
	db_bind_u64(st, 4, DB_MAX_DISK_ROWS);
	while ((r = db_row(db, st, "read", err)) > 0) {
		GROW(rows->v, rows->n, cap);
		take_row(st, q->vmid, &rows->v[rows->n++]);
	}
	if (r == 0)
		turn(rows);
	return r;
}

static void forget_rows(void *ret)
{
	disk_rows_done(ret);
}

int db_read_disk(struct db *db, uint32_t vmid, uint64_t since_real_usec,
		 uint64_t until_real_usec, struct disk_rows *ret, struct err *err)
{
	const struct disk_query q = { vmid, since_real_usec, until_real_usec };

	*ret = (struct disk_rows){ 0 };
	return db_reading(db, read_rows, forget_rows, &q, ret, err);
}
