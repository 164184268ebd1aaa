/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "store/dbimpl.h"

#define MAX_ROWS 200000 /* of each table: the newest */

/*
 * Each table is read from its newest row down until what is damaged, then from its oldest
 * up until there. A row goes in by the functions that any row goes in by: what is no
 * event is left behind.
 */
struct kind {
	const char *sql; /* without the order */
	const char *key;
	int (*take)(struct db *to, sqlite3_stmt *st, uint64_t *ret_n);
};

static int take_event(struct db *to, sqlite3_stmt *st, uint64_t *ret_n)
{
	struct event e = { 0 };
	uint64_t seq;
	bool is_new = false;
	int r;

	if (!db_row_event(st, &e))
		return 0;
	r = db_insert_event(to, &e, &seq, &is_new, NULL);
	*ret_n += is_new;
	event_done(&e);
	return r == -EINVAL ? 0 : r;
}

static int take_life(struct db *to, sqlite3_stmt *st, uint64_t *ret_n)
{
	struct db_life l = { 0 };
	int r;

	db_row_life(st, &l);
	r = db_put_life(to, &l, NULL);
	*ret_n += r == 0;
	db_life_done(&l);
	return r == -EINVAL ? 0 : r;
}

static int take_incident(struct db *to, sqlite3_stmt *st, uint64_t *ret_n)
{
	struct incident i = { 0 };
	int r;

	if (!db_row_incident(st, &i))
		return 0;
	r = db_insert_incident(to, &i, NULL);
	*ret_n += r == 0;
	incident_done(&i);
	return r == -EINVAL ? 0 : r;
}

static const struct kind kinds[] = {
	{ "SELECT " DB_LIFE_COLUMNS " FROM lives NOT INDEXED", "seq", take_life },
	{ "SELECT " DB_INCIDENT_COLUMNS " FROM incidents NOT INDEXED", "n",
	  take_incident },
	{ "SELECT " DB_EVENT_COLUMNS " FROM events NOT INDEXED", "seq", take_event },
};

/* 0: to the end; -EUCLEAN: up to what is damaged; else the new store has a fault. */
static int take_all(struct db *to, struct db *from, const struct kind *k, const char *way,
		    uint64_t *ret_n)
{
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	char sql[256];
	int r, took = 0;

	snprintf(sql, sizeof(sql), "%s ORDER BY %s %s LIMIT %d", k->sql, k->key, way,
		 MAX_ROWS);
	r = db_prepare_once(from, sql, &st, NULL);
	if (r < 0)
		return -EUCLEAN;
	while (took == 0 && (r = db_row(from, st, "read", NULL)) > 0)
		took = k->take(to, st, ret_n);
	if (took < 0)
		return took;
	return r < 0 ? -EUCLEAN : 0;
}

uint64_t db_salvage(struct db *to, struct db *from)
{
	uint64_t n = 0;
	int r = db_begin(to, true, NULL);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++) {
		r = take_all(to, from, &kinds[i], "DESC", &n);
		if (r == -EUCLEAN)
			r = take_all(to, from, &kinds[i], "ASC", &n);
		if (r == -EUCLEAN)
			r = 0;
	}
	if (r == 0)
		r = db_commit(to, NULL);
	else
		db_rollback(to);
	return r == 0 ? n : 0;
}
