/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "store/db.h"
#include "store/dbimpl.h"

static int check_incident(const struct incident *i, struct err *err)
{
	if (i->kind <= INCIDENT_NONE || i->kind >= INCIDENT_KINDS || !i->vmid)
		return err_set(err, -EINVAL, "an incident without kind or vmid");
	if ((i->name && strnlen(i->name, EVENT_NAME_MAX + 1) > EVENT_NAME_MAX) ||
	    (i->summary &&
	     strnlen(i->summary, INCIDENT_SUMMARY_MAX + 1) > INCIDENT_SUMMARY_MAX) ||
	    (i->data && strnlen(i->data, INCIDENT_DATA_MAX + 1) > INCIDENT_DATA_MAX))
		return err_set(err, -E2BIG, "an incident of container %u is too long",
			       i->vmid);
	return 0;
}

static void bind_incident(sqlite3_stmt *st, const struct incident *i)
{
	db_bind_u64_or_null(st, 1, i->n);
	db_bind_text(st, 2, incident_kind_name(i->kind));
	db_bind_u64(st, 3, i->vmid);
	db_bind_u64_or_null(st, 4, i->life);
	db_bind_text(st, 5, i->name);
	db_bind_u64(st, 6, i->opened_real_usec);
	if (i->closed_real_usec.kind == VAL_SET)
		db_bind_u64(st, 7, i->closed_real_usec.n);
	db_bind_u64(st, 8, i->keep_from_real_usec);
	db_bind_u64(st, 9, i->keep_until_real_usec);
	db_bind_text(st, 10, i->summary);
	db_bind_text(st, 11, i->data);
}

int db_insert_incident(struct db *db, const struct incident *i, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_NEW_INCIDENT,
			   "INSERT INTO incidents (" DB_INCIDENT_COLUMNS ") VALUES "
			   "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
			   &st, err);

	if (r < 0)
		return r;
	bind_incident(st, i);
	return db_run(db, st, "write", err);
}

static int update_incident(struct db *db, const struct incident *i, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_PUT_INCIDENT,
			   "UPDATE incidents SET kind = ?2, vmid = ?3, life = ?4, "
			   "name = ?5, opened = ?6, closed = ?7, keep_from = ?8, "
			   "keep_until = ?9, summary = ?10, data = ?11 WHERE n = ?1",
			   &st, err);

	if (r < 0)
		return r;
	bind_incident(st, i);
	r = db_run(db, st, "write", err);
	if (r == 0 && dl_sqlite3_changes(db->h) == 0)
		r = db_insert_incident(db, i, err); /* of a store that was replaced */
	return r;
}

static int put_incident(struct db *db, const struct incident *i, uint64_t *ret_n,
			struct err *err)
{
	bool own;
	int r = db_own_begin(db, true, &own, err);

	if (r < 0)
		return r;
	r = i->n ? update_incident(db, i, err) : db_insert_incident(db, i, err);
	*ret_n = i->n ? i->n : (uint64_t)dl_sqlite3_last_insert_rowid(db->h);
	return db_own_end(db, own, r, err);
}

int db_put_incident(struct db *db, struct incident *i, struct err *err)
{
	uint64_t n = 0;
	int r = check_incident(i, err);

	if (r < 0)
		return r;
	r = put_incident(db, i, &n, err);
	if (r == -ENOSPC && !db->in_tx && db_use_reserve(db))
		r = put_incident(db, i, &n, err);
	if (r == 0)
		i->n = n;
	return r;
}

bool db_row_incident(sqlite3_stmt *st, struct incident *ret)
{
	char kind[32];
	struct incident i = {
		.n = db_col_u64(st, 0),
		.vmid = (uint32_t)MIN(db_col_u64(st, 2), (uint64_t)UINT32_MAX),
		.life = db_col_u64(st, 3),
		.opened_real_usec = db_col_u64(st, 5),
		.keep_from_real_usec = db_col_u64(st, 7),
		.keep_until_real_usec = db_col_u64(st, 8),
	};

	db_col_copy(st, 1, kind, sizeof(kind));
	if (incident_kind_parse(kind, &i.kind) < 0)
		return false;
	if (dl_sqlite3_column_type(st, 6) == SQLITE_INTEGER)
		i.closed_real_usec = val_set(db_col_u64(st, 6));
	i.name = db_col_dup(st, 4, EVENT_NAME_MAX);
	i.summary = db_col_dup(st, 9, INCIDENT_SUMMARY_MAX);
	i.data = db_col_dup(st, 10, INCIDENT_DATA_MAX);
	*ret = i;
	return true;
}

static void incident_sql(struct buf *sql, const struct incident_query *q)
{
	buf_adds(sql, "SELECT " DB_INCIDENT_COLUMNS " FROM incidents WHERE 1");
	if (q->n)
		buf_adds(sql, " AND n = ?1");
	if (q->vmid)
		buf_adds(sql, " AND vmid = ?2");
	if (q->open_only)
		buf_adds(sql, " AND closed IS NULL");
	if (q->since_real_usec)
		buf_adds(sql, " AND opened >= ?3");
	if (q->until_real_usec)
		buf_adds(sql, " AND opened < ?4");
	buf_adds(sql, " ORDER BY n DESC");
	if (q->limit)
		buf_adds(sql, " LIMIT ?5");
}

static void reverse(struct incidents *l)
{
	for (size_t i = 0; i < l->n / 2; i++) {
		struct incident swap = l->v[i];

		l->v[i] = l->v[l->n - 1 - i];
		l->v[l->n - 1 - i] = swap;
	}
}

static int read_incidents(struct db *db, const void *arg, void *ret, struct err *err)
{
	const struct incident_query *q = arg;
	struct incidents *l = ret;
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	_cleanup_(buf_done) struct buf sql = { 0 };
	size_t cap = 0;
	int r;

	incident_sql(&sql, q);
	r = db_prepare_once(db, buf_str(&sql), &st, err);
	if (r < 0)
		return r;
	db_bind_u64(st, 1, q->n);
	db_bind_u64(st, 2, q->vmid);
	db_bind_u64(st, 3, q->since_real_usec);
	db_bind_u64(st, 4, q->until_real_usec);
	db_bind_u64(st, 5, q->limit);
	while ((r = db_row(db, st, "read", err)) > 0) {
		GROW(l->v, l->n, cap);
		l->n += db_row_incident(st, &l->v[l->n]);
	}
	reverse(l);
	return r;
}

static void forget_incidents(void *ret)
{
	incidents_done(ret);
}

int db_incidents(struct db *db, const struct incident_query *q, struct incidents *ret,
		 struct err *err)
{
	return db_reading(db, read_incidents, forget_incidents, q, ret, err);
}
