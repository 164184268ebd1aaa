/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "store/db.h"
#include "store/dbimpl.h"

void db_config_done(struct db_config *c)
{
	buf_done(&c->text);
	*c = (struct db_config){ 0 };
}

void db_configs_done(struct db_configs *c)
{
	for (size_t i = 0; i < c->n; i++)
		db_config_done(&c->v[i]);
	free(c->v);
	*c = (struct db_configs){ 0 };
}

static int drop_config(struct db *db, uint32_t vmid, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_DROP_CONFIG, "DELETE FROM configs WHERE vmid = ?1",
			   &st, err);

	if (r < 0)
		return r;
	db_bind_u64(st, 1, vmid);
	return db_run(db, st, "write", err);
}

static int put_config(struct db *db, const struct db_config *c, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_PUT_CONFIG,
			   "INSERT OR REPLACE INTO configs (vmid, text) VALUES (?1, ?2)",
			   &st, err);

	if (r < 0)
		return r;
	db_bind_u64(st, 1, c->vmid);
	if (c->text.p)
		db_bind_blob(st, 2, c->text.p, c->text.n);
	return db_run(db, st, "write", err);
}

/* Only a store that once had all of them has a time of when that was so. */
static int put_seen(struct db *db, const struct db_configs *c, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if (!c->seen_real_usec)
		return 0;
	if (c->all)
		return db_put_meta(db, "configs-seen", NULL, c->seen_real_usec, err);
	r = db_prepare(db, STMT_CONFIGS_SEEN,
		       "UPDATE meta SET value = ?1 WHERE key = 'configs-seen'", &st, err);
	if (r < 0)
		return r;
	db_bind_u64(st, 1, c->seen_real_usec);
	return db_run(db, st, "write", err);
}

static int put_all(struct db *db, const struct db_configs *c, struct err *err)
{
	bool own;
	int r = db_own_begin(db, false, &own, err);

	if (r < 0)
		return r;
	if (c->all)
		r = db_exec(db, "DELETE FROM configs", "write", err);
	for (size_t i = 0; r == 0 && i < c->n; i++)
		r = c->v[i].gone ? drop_config(db, c->v[i].vmid, err)
				 : put_config(db, &c->v[i], err);
	if (r == 0)
		r = put_seen(db, c, err);
	return db_own_end(db, own, r, err);
}

int db_put_configs(struct db *db, const struct db_configs *c, struct err *err)
{
	int r;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].text.n > DB_CONFIG_MAX)
			return err_set(err, -E2BIG,
				       "container %u: its config is too long",
				       c->v[i].vmid);
	r = put_all(db, c, err);
	if (r == -ENOSPC && !db->in_tx && db_use_reserve(db))
		r = put_all(db, c, err);
	return r;
}

static void take_row(sqlite3_stmt *st, struct db_configs *c, size_t *cap)
{
	const void *p = dl_sqlite3_column_blob(st, 1);
	size_t n = (size_t)MAX(dl_sqlite3_column_bytes(st, 1), 0);
	uint64_t vmid = db_col_u64(st, 0);
	struct db_config *f;

	if (!vmid || vmid > UINT32_MAX || n > DB_CONFIG_MAX)
		return;
	GROW(c->v, c->n, *cap);
	f = &c->v[c->n++];
	*f = (struct db_config){ .vmid = (uint32_t)vmid };
	if (dl_sqlite3_column_type(st, 1) == SQLITE_NULL)
		return;
	buf_reserve(&f->text, n + 1); /* one that is empty is one that is kept */
	f->text.p[0] = '\0';
	buf_add(&f->text, p, n);
}

static int read_configs(struct db *db, const void *arg, void *ret, struct err *err)
{
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	struct db_configs *c = ret;
	size_t cap = 0;
	int r;

	(void)arg;
	r = db_number(db, "SELECT value FROM meta WHERE key = 'configs-seen'",
		      &c->seen_real_usec, err);
	if (r == 0)
		r = db_prepare_once(
			db, "SELECT vmid, text FROM configs ORDER BY vmid LIMIT 65536",
			&st, err);
	if (r < 0)
		return r;
	while ((r = db_row(db, st, "read", err)) > 0)
		take_row(st, c, &cap);
	return r;
}

static void forget_configs(void *ret)
{
	db_configs_done(ret);
}

int db_configs(struct db *db, struct db_configs *ret, struct err *err)
{
	*ret = (struct db_configs){ 0 };
	return db_reading(db, read_configs, forget_configs, NULL, ret, err);
}
