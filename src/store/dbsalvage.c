/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "store/dbimpl.h"

#define MAX_ROWS 200000 /* of each table: the newest */

#define MAX_SKIPS 4000
#define MAX_SKIP  32

/*
 * Each table is read from its newest row down; what is damaged is skipped, row by row at
 * first, as nobody knows how many a page has. A row goes in by the functions that any row
 * goes in by: what is no event is left behind.
 */
struct kind {
	const char *columns, *table, *key;
	int key_column;
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
	/* the first: see db_salvage() */
	{ DB_LIFE_COLUMNS ", seq", "lives", "seq", 8, take_life },
	{ DB_INCIDENT_COLUMNS, "incidents", "n", 0, take_incident },
	{ DB_EVENT_COLUMNS, "events", "seq", 0, take_event },
};

/*
 * Those beyond *key, which follows them. 0: to the end; -EUCLEAN: up to what is damaged;
 * -ENODATA: there is no such table; else the new store has a fault.
 */
static int take_run(struct db *to, struct db *from, const struct kind *k, bool up,
		    uint64_t *key, uint64_t *ret_n)
{
	_cleanup_(db_finalize) sqlite3_stmt *st = NULL;
	char sql[320];
	uint64_t n;
	int r, took = 0;

	snprintf(sql, sizeof(sql),
		 "SELECT %s FROM %s NOT INDEXED WHERE %s %s ?1 ORDER BY %s %s LIMIT %d",
		 k->columns, k->table, k->key, up ? ">" : "<", k->key,
		 up ? "ASC" : "DESC", MAX_ROWS);
	r = db_prepare_once(from, sql, &st, NULL);
	if (r < 0)
		return -ENODATA;
	db_bind_u64(st, 1, *key);
	while (took == 0 && (r = db_row(from, st, "read", NULL)) > 0) {
		n = db_col_u64(st, k->key_column);
		/* of a tree that is damaged: it would be read in a circle */
		if (up ? n <= *key : n >= *key)
			return -EUCLEAN;
		took = k->take(to, st, ret_n);
		*key = n;
	}
	if (took < 0)
		return took;
	return r < 0 ? -EUCLEAN : 0;
}

/*
 * From the newest down. Where the end itself is damaged nobody knows how far it is: from
 * the oldest up then, until nothing comes any more.
 */
static int take_all(struct db *to, struct db *from, const struct kind *k, uint64_t *ret_n,
		    bool *ret_whole)
{
	uint64_t key = INT64_MAX, skip = 1;
	unsigned tries = 0;
	bool up = false;
	int r = -EUCLEAN;

	*ret_whole = true;
	while (r == -EUCLEAN && tries < (up ? MAX_SKIPS / 10 : MAX_SKIPS)) {
		uint64_t was = key;

		r = take_run(to, from, k, up, &key, ret_n);
		*ret_whole &= r == 0;
		if (r == -EUCLEAN && key == INT64_MAX) {
			up = true;
			key = 0;
			continue;
		}
		tries = key == was ? tries + 1 : 0;
		skip = key == was ? MIN(skip * 2, (uint64_t)MAX_SKIP) : 1;
		if (!up && key <= skip)
			break;
		key = up ? key + skip : key - skip;
	}
	return r == -EUCLEAN || r == -ENODATA ? 0 : r;
}

uint64_t db_salvage(struct db *to, struct db *from, bool *ret_lives)
{
	bool whole[ARRAY_SIZE(kinds)] = { false };
	uint64_t n = 0;
	int r = db_begin(to, true, NULL);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = take_all(to, from, &kinds[i], &n, &whole[i]);
	if (r == 0)
		r = db_commit(to, NULL);
	else
		db_rollback(to);
	*ret_lives = r == 0 && whole[0];
	return r == 0 ? n : 0;
}
