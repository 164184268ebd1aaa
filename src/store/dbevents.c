/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "store/db.h"
#include "store/dbimpl.h"

void db_life_done(struct db_life *l)
{
	free(l->name);
	*l = (struct db_life){ 0 };
}

void db_lives_done(struct db_lives *l)
{
	for (size_t i = 0; i < l->n; i++)
		db_life_done(&l->v[i]);
	free(l->v);
	*l = (struct db_lives){ 0 };
}

static bool is_id(const char *id)
{
	size_t n = strnlen(id, EVENT_ID_MAX);

	return n && n < EVENT_ID_MAX &&
	       strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			  "._-") == n;
}

static int check_event(const struct event *e, struct err *err)
{
	if (!is_id(e->id))
		return err_set(err, -EINVAL, "an event with a bad id");
	if (e->type <= EVENT_NONE || e->type >= EVENT_TYPES || e->origin >= EVENT_ORIGINS)
		return err_set(err, -EINVAL, "event %s: no such type or origin", e->id);
	if (e->name && strnlen(e->name, EVENT_NAME_MAX + 1) > EVENT_NAME_MAX)
		return err_set(err, -E2BIG, "event %s: its name is too long", e->id);
	if (e->data && strnlen(e->data, EVENT_DATA_MAX + 1) > EVENT_DATA_MAX)
		return err_set(err, -E2BIG, "event %s: its data is too long", e->id);
	return 0;
}

static int seq_of_id(struct db *db, const char *id, uint64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_SEQ_OF_ID, "SELECT seq FROM events WHERE id = ?1",
			   &st, err);

	if (r < 0)
		return r;
	db_bind_text(st, 1, id);
	r = db_row(db, st, "read", err);
	if (r > 0) {
		*ret = db_col_u64(st, 0);
		dl_sqlite3_reset(st);
	}
	return MIN(r, 0);
}

static void bind_event(sqlite3_stmt *st, const struct event *e)
{
	db_bind_u64_or_null(st, 1, e->seq);
	db_bind_text(st, 2, e->id);
	db_bind_u64(st, 3, e->time_real_usec);
	db_bind_text(st, 4, event_type_name(e->type));
	db_bind_u64_or_null(st, 5, e->vmid);
	db_bind_u64_or_null(st, 6, e->life);
	db_bind_text(st, 7, e->name);
	db_bind_text(st, 8, event_origin_name(e->origin));
	db_bind_u64(st, 9, e->inferred);
	db_bind_text(st, 10, e->boot);
	db_bind_u64_or_null(st, 11, e->boot_usec);
	db_bind_text(st, 12, e->data);
}

/* e->seq is where it goes: 0 behind the last one. */
int db_insert_event(struct db *db, const struct event *e, uint64_t *ret_seq,
		    bool *ret_new, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_ADD_EVENT,
			   "INSERT INTO events (" DB_EVENT_COLUMNS ") VALUES "
			   "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
			   "ON CONFLICT (id) DO NOTHING",
			   &st, err);

	if (r == 0) {
		bind_event(st, e);
		r = db_run(db, st, "write", err);
	}
	if (r < 0)
		return r;
	*ret_new = dl_sqlite3_changes(db->h) == 1;
	if (!*ret_new)
		return seq_of_id(db, e->id, ret_seq, err);
	*ret_seq = (uint64_t)dl_sqlite3_last_insert_rowid(db->h);
	return 0;
}

static int add_events(struct db *db, struct event *v, size_t n, bool durable,
		      size_t *ret_new, struct err *err)
{
	size_t fresh = 0;
	bool own, is_new;
	int r = db_own_begin(db, durable, &own, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++) {
		v[i].seq = 0;
		is_new = false;
		r = db_insert_event(db, &v[i], &v[i].seq, &is_new, err);
		fresh += is_new;
	}
	r = db_own_end(db, own, r, err);
	if (r == 0 && ret_new)
		*ret_new = fresh;
	return r;
}

int db_add_events(struct db *db, struct event *v, size_t n, bool durable, size_t *ret_new,
		  struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = check_event(&v[i], err);
	if (r < 0)
		return r;
	r = add_events(db, v, n, durable, ret_new, err);
	if (r == -ENOSPC && !db->in_tx && db_use_reserve(db))
		r = add_events(db, v, n, durable, ret_new, err);
	return r;
}

static int put_life(struct db *db, const struct db_life *l, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, STMT_PUT_LIFE,
			   "INSERT INTO lives (vmid, life, boot, init_start_ticks, "
			   "started, stopped, cause, name) "
			   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
			   "ON CONFLICT (vmid, life) DO UPDATE SET boot = ?3, "
			   "init_start_ticks = ?4, started = ?5, stopped = ?6, "
			   "cause = ?7, name = ?8",
			   &st, err);

	if (r < 0)
		return r;
	db_bind_u64(st, 1, l->vmid);
	db_bind_u64(st, 2, l->life);
	db_bind_text(st, 3, l->boot);
	db_bind_u64_or_null(st, 4, l->init_start_ticks);
	db_bind_u64_or_null(st, 5, l->started_real_usec);
	if (l->stopped_real_usec.kind == VAL_SET) {
		db_bind_u64(st, 6, l->stopped_real_usec.n);
		db_bind_text(st, 7, stop_cause_name(l->cause));
	}
	db_bind_text(st, 8, l->name);
	return db_run(db, st, "write", err);
}

/* A statement alone is a transaction of its own, unless one is open. */
static int put_life_alone(struct db *db, const struct db_life *l, struct err *err)
{
	bool own;
	int r = db_own_begin(db, true, &own, err);

	return r < 0 ? r : db_own_end(db, own, put_life(db, l, err), err);
}

int db_put_life(struct db *db, const struct db_life *l, struct err *err)
{
	int r;

	if (!l->vmid || !l->life)
		return err_set(err, -EINVAL, "a life without vmid or number");
	if (l->name && strnlen(l->name, EVENT_NAME_MAX + 1) > EVENT_NAME_MAX)
		return err_set(err, -E2BIG, "container %u: its name is too long",
			       l->vmid);
	r = put_life_alone(db, l, err);
	if (r == -ENOSPC && !db->in_tx && db_use_reserve(db))
		r = put_life_alone(db, l, err);
	return r;
}

void db_row_life(sqlite3_stmt *st, struct db_life *ret)
{
	char cause[32];

	*ret = (struct db_life){
		.vmid = (uint32_t)MIN(db_col_u64(st, 0), (uint64_t)UINT32_MAX),
		.life = db_col_u64(st, 1),
		.init_start_ticks = db_col_u64(st, 3),
		.started_real_usec = db_col_u64(st, 4),
		.name = db_col_dup(st, 7, EVENT_NAME_MAX),
	};
	db_col_copy(st, 2, ret->boot, sizeof(ret->boot));
	if (dl_sqlite3_column_type(st, 5) == SQLITE_INTEGER)
		ret->stopped_real_usec = val_set(db_col_u64(st, 5));
	db_col_copy(st, 6, cause, sizeof(cause));
	(void)stop_cause_parse(cause, &ret->cause);
}

static int last_lives(struct db *db, const void *arg, void *ret, struct err *err)
{
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	struct db_lives *l = ret;
	size_t cap = 0;
	int r;

	(void)arg;
	/* bare columns beside a max() are those of its row */
	r = db_prepare_once(db,
			    "SELECT vmid, max(life), boot, init_start_ticks, started, "
			    "stopped, cause, name FROM lives GROUP BY vmid ORDER BY vmid",
			    &st, err);
	if (r < 0)
		return r;
	while ((r = db_row(db, st, "read", err)) > 0) {
		GROW(l->v, l->n, cap);
		db_row_life(st, &l->v[l->n++]);
	}
	return r;
}

static void forget_lives(void *ret)
{
	db_lives_done(ret);
}

int db_last_lives(struct db *db, struct db_lives *ret, struct err *err)
{
	*ret = (struct db_lives){ 0 };
	return db_reading(db, last_lives, forget_lives, NULL, ret, err);
}

static void add_types(struct buf *sql, const struct event_query *q)
{
	buf_adds(sql, " AND type IN (");
	for (size_t i = 0; i < q->n_types; i++)
		buf_addf(sql, "%s'%s'", i ? ", " : "", event_type_name(q->types[i]));
	buf_adds(sql, ")");
}

/*
 * The index is chosen by hand, as there are no statistics to choose by: of one container
 * by its events, of a time by that, else along the table.
 */
static void event_sql(struct buf *sql, const struct event_query *q)
{
	bool timed = q->since_real_usec || q->until_real_usec;

	buf_addf(sql, "SELECT " DB_EVENT_COLUMNS " FROM events %s WHERE seq > ?1",
		 q->id                                          ? ""
		 : q->vmid                                      ? "INDEXED BY events_vmid"
		 : timed && !q->after_seq && q->since_real_usec ? "INDEXED BY events_time"
								: "NOT INDEXED");
	if (q->before_seq)
		buf_adds(sql, " AND seq < ?2");
	if (q->vmid)
		buf_adds(sql, " AND vmid = ?3");
	if (q->since_real_usec)
		buf_adds(sql, " AND time >= ?4");
	if (q->until_real_usec)
		buf_adds(sql, " AND time < ?5");
	if (q->id)
		buf_adds(sql, " AND id = ?7");
	if (q->n_types)
		add_types(sql, q);
	buf_addf(sql, " ORDER BY seq %s", q->limit && !q->oldest ? "DESC" : "ASC");
	if (q->limit)
		buf_adds(sql, " LIMIT ?6");
}

static void bind_query(sqlite3_stmt *st, const struct event_query *q)
{
	db_bind_u64(st, 1, q->after_seq);
	db_bind_u64(st, 2, q->before_seq);
	db_bind_u64(st, 3, q->vmid);
	db_bind_u64(st, 4, q->since_real_usec);
	db_bind_u64(st, 5, q->until_real_usec);
	db_bind_u64(st, 6, q->limit);
	db_bind_text(st, 7, q->id);
}

bool db_row_event(sqlite3_stmt *st, struct event *ret)
{
	char type[32], origin[32];
	struct event e = {
		.seq = db_col_u64(st, 0),
		.time_real_usec = db_col_u64(st, 2),
		.vmid = (uint32_t)MIN(db_col_u64(st, 4), (uint64_t)UINT32_MAX),
		.life = db_col_u64(st, 5),
		.inferred = db_col_u64(st, 8) != 0,
		.boot_usec = db_col_u64(st, 10),
	};

	db_col_copy(st, 1, e.id, sizeof(e.id));
	db_col_copy(st, 3, type, sizeof(type));
	db_col_copy(st, 7, origin, sizeof(origin));
	if (!is_id(e.id) || event_type_parse(type, &e.type) < 0 ||
	    event_origin_parse(origin, &e.origin) < 0)
		return false;
	db_col_copy(st, 9, e.boot, sizeof(e.boot));
	e.name = db_col_dup(st, 6, EVENT_NAME_MAX);
	e.data = db_col_dup(st, 11, EVENT_DATA_MAX);
	*ret = e;
	return true;
}

static void reverse(struct events *e)
{
	for (size_t i = 0; i < e->n / 2; i++) {
		struct event swap = e->v[i];

		e->v[i] = e->v[e->n - 1 - i];
		e->v[e->n - 1 - i] = swap;
	}
}

static int read_events(struct db *db, const void *arg, void *ret, struct err *err)
{
	const struct event_query *q = arg;
	struct events *e = ret;
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	_cleanup_(buf_done) struct buf sql = { 0 };
	size_t cap = 0;
	int r;

	event_sql(&sql, q);
	r = db_prepare_once(db, buf_str(&sql), &st, err);
	if (r < 0)
		return r;
	bind_query(st, q);
	while ((r = db_row(db, st, "read", err)) > 0) {
		GROW(e->v, e->n, cap);
		e->n += db_row_event(st, &e->v[e->n]);
	}
	if (r == 0 && q->limit && !q->oldest)
		reverse(e);
	return r;
}

static void forget_events(void *ret)
{
	events_done(ret);
}

int db_events(struct db *db, const struct event_query *q, struct events *ret,
	      struct err *err)
{
	return db_reading(db, read_events, forget_events, q, ret, err);
}

static int last_seq(struct db *db, const void *arg, void *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	uint64_t *seq = ret;
	int r = db_prepare(db, STMT_LAST_SEQ, "SELECT max(seq) FROM events", &st, err);

	(void)arg;
	if (r == 0)
		r = db_row(db, st, "read", err);
	if (r > 0) {
		*seq = db_col_u64(st, 0);
		dl_sqlite3_reset(st);
	}
	return MIN(r, 0);
}

static void forget_seq(void *ret)
{
	*(uint64_t *)ret = 0;
}

int db_last_seq(struct db *db, uint64_t *ret, struct err *err)
{
	uint64_t seq = 0;
	int r = db_reading(db, last_seq, forget_seq, NULL, &seq, err);

	if (r == 0)
		*ret = seq;
	return r;
}
