/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/schema.h"
#include "tmproot.h"

#define NOW ((uint64_t)1795191740 * USEC_PER_SEC)

static struct tmproot tmp;
static char path[128];

static void begin(void)
{
	tmproot_make(&tmp);
	snprintf(path, sizeof(path), "%s/ctscope.db", tmp.path);
}

static void end(void)
{
	tmproot_remove(&tmp);
}

static struct db *must_open(struct db_opened *o)
{
	struct err err = { 0 };
	struct db *db = NULL;

	CHECK(db_open(path, &db, o, &err) == 0, "%s", err.msg);
	return db;
}

static struct db *must_read(bool live)
{
	struct err err = { 0 };
	struct db *db = NULL;

	CHECK(db_open_readonly(path, live, &db, &err) == 0, "%s", err.msg);
	return db;
}

static struct event event(const char *id, enum event_type type, uint32_t vmid,
			  uint64_t sec)
{
	struct event e = { .type = type,
			   .origin = ORIGIN_HOOK,
			   .vmid = vmid,
			   .life = 1,
			   .time_real_usec = NOW + sec * USEC_PER_SEC,
			   .boot_usec = sec * USEC_PER_SEC };

	snprintf(e.id, sizeof(e.id), "%s", id);
	snprintf(e.boot, sizeof(e.boot), "b6d0b1c6-0c3c-4b0a-9c5a-0123456789ab");
	return e;
}

static size_t add(struct db *db, const char *id, enum event_type type, uint32_t vmid,
		  uint64_t sec)
{
	struct event e = event(id, type, vmid, sec);
	struct err err = { 0 };
	size_t fresh = 0;

	CHECK(db_add_events(db, &e, 1, true, &fresh, &err) == 0, "%s", err.msg);
	CHECK(e.seq > 0, "seq %ju", (uintmax_t)e.seq);
	return fresh;
}

/* The ids that a query gives, in order, with blanks between. */
static const char *ids(struct db *db, struct event_query q)
{
	static char text[4096];
	struct events e = { 0 };
	struct err err = { 0 };

	text[0] = '\0';
	CHECK(db_events(db, &q, &e, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < e.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			 i ? " " : "", e.v[i].id);
	events_done(&e);
	return text;
}

static uint64_t number(const char *file, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *h = NULL;
	uint64_t n = UINT64_MAX;

	if (sqlite3_open(file, &h) == SQLITE_OK &&
	    sqlite3_prepare_v2(h, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(h);
	return n;
}

static void run_sql(const char *file, const char *sql)
{
	sqlite3 *h = NULL;
	char *msg = NULL;

	CHECK(sqlite3_open(file, &h) == SQLITE_OK, "%s", file);
	CHECK(sqlite3_exec(h, sql, NULL, NULL, &msg) == SQLITE_OK, "%s", msg ? msg : "?");
	sqlite3_free(msg);
	sqlite3_close(h);
}

static struct db_block block(uint32_t vmid, unsigned level, uint64_t sec, size_t size)
{
	struct db_block b = { .vmid = vmid,
			      .life = 1,
			      .level_sec = level,
			      .start_real_usec = NOW + sec * USEC_PER_SEC,
			      .n = 60 };
	uint64_t x = sec * 2654435761u + vmid + 1;

	for (size_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf_addc(&b.data, (char)x);
	}
	return b;
}

static void add_block(struct db *db, uint32_t vmid, unsigned level, uint64_t sec,
		      size_t size)
{
	struct db_block b = block(vmid, level, sec, size);
	struct err err = { 0 };

	CHECK(db_add_blocks(db, &b, 1, &err) == 0, "%s", err.msg);
	db_block_done(&b);
}

static size_t count_blocks(struct db *db, uint32_t vmid, unsigned level, uint64_t since,
			   uint64_t until, size_t limit)
{
	struct db_blocks b = { 0 };
	struct err err = { 0 };
	size_t n;

	CHECK(db_read_blocks(db, vmid, level, since, until, limit, &b, &err) == 0, "%s",
	      err.msg);
	for (size_t i = 1; i < b.n; i++)
		CHECK(b.v[i - 1].start_real_usec < b.v[i].start_real_usec, "%zu", i);
	n = b.n;
	db_blocks_done(&b);
	return n;
}

static void a_new_store_is_made_and_found_again(void)
{
	struct db_opened o = { 0 };
	struct db *db;
	char id[64];

	begin();
	db = must_open(&o);
	CHECK(o.created && !o.upgraded && !o.quarantined && !o.no_reserve, "%d %d",
	      o.created, o.upgraded);
	snprintf(id, sizeof(id), "%s", db_store_id(db));
	CHECK(strlen(id) == 32, "%s", id);
	CHECK(db_set_node(db, "pve1", NULL) == 0, "node");
	db_opened_done(&o);
	db_close(db);
	CHECK_U64(number(path, "PRAGMA application_id"), SCHEMA_APP_ID);
	CHECK_U64(number(path, "PRAGMA user_version"), SCHEMA_VERSION);
	CHECK_U64(number(path, "PRAGMA auto_vacuum"), 2);
	db = must_open(&o);
	CHECK(!o.created && !o.upgraded && !o.quarantined, "%d", o.created);
	CHECK_STR(db_store_id(db), id);
	CHECK_STR(db_node(db), "pve1");
	db_opened_done(&o);
	db_close(db);
	end();
}

static void an_event_comes_back_as_it_was(void)
{
	struct event e = event("a-1", EVENT_OOM_KILL, 101, 5), bad;
	struct events got = { 0 };
	struct err err = { 0 };
	struct event_query q = { .vmid = 101 };
	size_t fresh = 9;
	struct db *db;

	begin();
	db = must_open(NULL);
	e.inferred = true;
	e.origin = ORIGIN_KERNEL;
	e.life = UINT64_C(1) << 40;
	e.name = xstrdup("a\xff\x1b[31m");
	e.data = xstrdup("{\"kills\": 3}");
	CHECK(db_add_events(db, &e, 1, true, &fresh, &err) == 0, "%s", err.msg);
	CHECK_U64(fresh, 1);
	CHECK_U64(e.seq, 1);
	CHECK(db_events(db, &q, &got, &err) == 0 && got.n == 1, "%zu", got.n);
	if (got.n == 1) {
		CHECK_STR(got.v[0].id, "a-1");
		CHECK(got.v[0].type == EVENT_OOM_KILL && got.v[0].inferred &&
			      got.v[0].origin == ORIGIN_KERNEL,
		      "%d", got.v[0].type);
		CHECK_STR(got.v[0].name, "a\xff\x1b[31m");
		CHECK_STR(got.v[0].data, "{\"kills\": 3}");
		CHECK_STR(got.v[0].boot, e.boot);
		CHECK_U64(got.v[0].life, e.life);
		CHECK_U64(got.v[0].time_real_usec, e.time_real_usec);
		CHECK_U64(got.v[0].boot_usec, e.boot_usec);
	}
	events_done(&got);
	event_done(&e);
	bad = event("a/../b", EVENT_STARTED, 101, 1);
	CHECK(db_add_events(db, &bad, 1, true, NULL, &err) == -EINVAL, "%s", err.msg);
	bad = event("", EVENT_STARTED, 101, 1);
	CHECK(db_add_events(db, &bad, 1, true, NULL, &err) == -EINVAL, "%s", err.msg);
	bad = event("x", EVENT_NONE, 101, 1);
	CHECK(db_add_events(db, &bad, 1, true, NULL, &err) == -EINVAL, "%s", err.msg);
	bad = event("x", EVENT_STARTED, 101, 1);
	bad.data = xmalloc(EVENT_DATA_MAX + 2);
	memset(bad.data, 'x', EVENT_DATA_MAX + 1);
	bad.data[EVENT_DATA_MAX + 1] = '\0';
	CHECK(db_add_events(db, &bad, 1, true, NULL, &err) == -E2BIG, "%s", err.msg);
	event_done(&bad);
	db_close(db);
	end();
}

static void the_same_event_is_stored_once(void)
{
	struct event v[3] = { event("x", EVENT_STARTED, 101, 1),
			      event("y", EVENT_STARTED, 101, 2),
			      event("x", EVENT_STARTED, 101, 1) };
	struct err err = { 0 };
	size_t fresh = 0;
	struct db *db;

	begin();
	db = must_open(NULL);
	CHECK(db_add_events(db, v, 3, false, &fresh, &err) == 0, "%s", err.msg);
	CHECK_U64(fresh, 2);
	CHECK(v[0].seq == v[2].seq && v[1].seq != v[0].seq, "%ju", (uintmax_t)v[2].seq);
	CHECK(add(db, "y", EVENT_STARTED, 101, 2) == 0, "again");
	db_close(db);
	db = must_open(NULL);
	CHECK(add(db, "y", EVENT_STARTED, 101, 2) == 0, "again, later");
	CHECK_STR(ids(db, (struct event_query){ 0 }), "x y");
	db_close(db);
	end();
}

static void queries_choose(void)
{
	const enum event_type types[] = { EVENT_STOPPED, EVENT_OOM_KILL };
	struct db *db;

	begin();
	db = must_open(NULL);
	add(db, "a", EVENT_STARTED, 101, 10);
	add(db, "b", EVENT_STOPPED, 102, 20);
	add(db, "c", EVENT_OOM_KILL, 101, 30);
	add(db, "d", EVENT_STOPPED, 101, 5); /* the clock was set back */
	add(db, "e", EVENT_COLLECTOR, 0, 40);
#define Q(...) ids(db, (struct event_query){ __VA_ARGS__ })
	CHECK_STR(Q(0), "a b c d e");
	CHECK_STR(Q(.vmid = 101), "a c d");
	CHECK_STR(Q(.limit = 2), "d e");
	CHECK_STR(Q(.limit = 2, .oldest = true), "a b");
	CHECK_STR(Q(.vmid = 101, .limit = 2), "c d");
	CHECK_STR(Q(.types = types, .n_types = 2), "b c d");
	CHECK_STR(Q(.types = types, .n_types = 2, .vmid = 101, .limit = 1), "d");
	CHECK_STR(Q(.after_seq = 3), "d e");
	CHECK_STR(Q(.before_seq = 3), "a b");
	CHECK_STR(Q(.id = "c"), "c");
	CHECK_STR(Q(.id = "z"), "");
	CHECK_STR(Q(.since_real_usec = NOW + 20 * USEC_PER_SEC), "b c e");
	CHECK_STR(Q(.until_real_usec = NOW + 20 * USEC_PER_SEC), "a d");
	CHECK_STR(Q(.since_real_usec = NOW + 10 * USEC_PER_SEC,
		    .until_real_usec = NOW + 30 * USEC_PER_SEC, .vmid = 101),
		  "a");
	CHECK_STR(Q(.since_real_usec = NOW, .after_seq = 4), "e");
	db_close(db);
	end();
}

static void changes_are_one_or_none(void)
{
	struct event e = event("t", EVENT_STARTED, 101, 1);
	struct db_life l = { .vmid = 101, .life = 1, .init_start_ticks = 7 };
	struct db_lives lives = { 0 };
	struct err err = { 0 };
	struct db *db;

	begin();
	db = must_open(NULL);
	CHECK(db_begin(db, true, &err) == 0, "%s", err.msg);
	CHECK(db_add_events(db, &e, 1, false, NULL, &err) == 0, "%s", err.msg);
	CHECK(db_put_life(db, &l, &err) == 0, "%s", err.msg);
	db_rollback(db);
	CHECK_STR(ids(db, (struct event_query){ 0 }), "");
	CHECK(db_last_lives(db, &lives, &err) == 0 && lives.n == 0, "%zu", lives.n);
	CHECK(db_begin(db, true, &err) == 0, "%s", err.msg);
	CHECK(db_add_events(db, &e, 1, false, NULL, &err) == 0, "%s", err.msg);
	CHECK(db_put_life(db, &l, &err) == 0, "%s", err.msg);
	CHECK(db_commit(db, &err) == 0, "%s", err.msg);
	CHECK_STR(ids(db, (struct event_query){ 0 }), "t");
	CHECK(db_last_lives(db, &lives, &err) == 0 && lives.n == 1, "%zu", lives.n);
	db_lives_done(&lives);
	db_close(db);
	end();
}

static void the_last_life_of_each_is_known(void)
{
	struct db_life v[] = {
		{ .vmid = 102, .life = 7, .started_real_usec = NOW },
		{ .vmid = 101, .life = 2, .init_start_ticks = 22, .boot = "b2" },
		{ .vmid = 101, .life = 1, .init_start_ticks = 11, .boot = "b1" },
	};
	struct db_lives l = { 0 };
	struct err err = { 0 };
	struct db *db;

	begin();
	db = must_open(NULL);
	for (size_t i = 0; i < 3; i++)
		CHECK(db_put_life(db, &v[i], &err) == 0, "%s", err.msg);
	v[0].stopped_real_usec = val_set(NOW + 5);
	v[0].cause = CAUSE_SIGNAL;
	v[0].name = xstrdup("web");
	CHECK(db_put_life(db, &v[0], &err) == 0, "%s", err.msg);
	CHECK(db_last_lives(db, &l, &err) == 0 && l.n == 2, "%s %zu", err.msg, l.n);
	if (l.n == 2) {
		CHECK(l.v[0].vmid == 101 && l.v[0].life == 2, "%ju",
		      (uintmax_t)l.v[0].life);
		CHECK_U64(l.v[0].init_start_ticks, 22);
		CHECK_STR(l.v[0].boot, "b2");
		CHECK(l.v[0].stopped_real_usec.kind == VAL_ABSENT, "stopped");
		CHECK(l.v[1].vmid == 102 && l.v[1].cause == CAUSE_SIGNAL, "%d",
		      l.v[1].cause);
		CHECK_U64(l.v[1].stopped_real_usec.n, NOW + 5);
		CHECK_U64(l.v[1].started_real_usec, NOW);
		CHECK_STR(l.v[1].name, "web");
	}
	db_lives_done(&l);
	free(v[0].name);
	v[0].life = 0;
	CHECK(db_put_life(db, &v[0], &err) == -EINVAL, "%s", err.msg);
	db_close(db);
	end();
}

static void incidents_keep_their_number(void)
{
	struct incident i = { .kind = INCIDENT_OOM_KILL,
			      .vmid = 101,
			      .life = 3,
			      .opened_real_usec = NOW,
			      .keep_from_real_usec = NOW - 1,
			      .keep_until_real_usec = NOW + 1 };
	struct incident_query q = { 0 };
	struct incidents l = { 0 };
	struct err err = { 0 };
	struct db *db;

	begin();
	db = must_open(NULL);
	i.summary = xstrdup("s");
	i.data = xstrdup("{}");
	CHECK(db_put_incident(db, &i, &err) == 0 && i.n == 1, "%s", err.msg);
	i.n = 0;
	i.vmid = 102;
	CHECK(db_put_incident(db, &i, &err) == 0 && i.n == 2, "%s", err.msg);
	i.closed_real_usec = val_set(NOW + 9);
	CHECK(db_put_incident(db, &i, &err) == 0 && i.n == 2, "%s", err.msg);
	CHECK(db_incidents(db, &q, &l, &err) == 0 && l.n == 2, "%zu", l.n);
	CHECK(l.n == 2 && l.v[0].n == 1 && l.v[1].closed_real_usec.n == NOW + 9, "order");
	incidents_done(&l);
	q.open_only = true;
	CHECK(db_incidents(db, &q, &l, &err) == 0 && l.n == 1 && l.v[0].vmid == 101,
	      "%zu", l.n);
	incidents_done(&l);
	q = (struct incident_query){ .n = 2 };
	CHECK(db_incidents(db, &q, &l, &err) == 0 && l.n == 1 && l.v[0].vmid == 102,
	      "%zu", l.n);
	incidents_done(&l);
	i.n = 0;
	i.kind = INCIDENT_NONE;
	CHECK(db_put_incident(db, &i, &err) == -EINVAL, "%s", err.msg);
	incident_done(&i);
	db_close(db);
	end();
}

static void blocks_are_found_by_time(void)
{
	struct db *db;

	begin();
	db = must_open(NULL);
	for (uint64_t m = 0; m < 100; m++)
		for (uint32_t ct = 101; ct < 104; ct++)
			if (ct != 102 || m % 10 == 0)
				add_block(db, ct, 1, m * 60 + ct % 7, 200);
	add_block(db, 101, 10, 0, 100);
	add_block(db, 101, 1, 1000000, 100);
	CHECK_U64(count_blocks(db, 101, 1, 0, 0, 0), 101);
	CHECK_U64(count_blocks(db, 102, 1, 0, 0, 0), 10);
	CHECK_U64(count_blocks(db, 999, 1, 0, 0, 0), 0);
	CHECK_U64(count_blocks(db, 101, 10, 0, 0, 0), 1);
	CHECK_U64(count_blocks(db, 101, 60, 0, 0, 0), 0);
	CHECK_U64(count_blocks(db, 101, 1, 0, 0, 5), 5);
	/* one that began up to two minutes before may still touch it */
	CHECK_U64(count_blocks(db, 101, 1, NOW + 600 * USEC_PER_SEC,
			       NOW + 1200 * USEC_PER_SEC, 0),
		  12);
	/* the same one again replaces it */
	add_block(db, 103, 1, 5 + 60, 10);
	CHECK_U64(count_blocks(db, 103, 1, 0, 0, 0), 100);
	db_close(db);
	CHECK_U64(number(path, "SELECT count(*) FROM blocks WHERE level = 1"), 211);
	end();
}

static void a_store_of_the_first_version_is_upgraded(void)
{
	_cleanup_(buf_done) struct buf sql = { 0 };
	int fixtures = fixture_open("store");
	struct db_opened o = { 0 };
	struct db *db;

	begin();
	CHECK(fs_read_file(fixtures, "v1.sql", 1 << 20, &sql, NULL) == 0, "v1.sql");
	run_sql(path, buf_str(&sql));
	CHECK_U64(number(path, "PRAGMA user_version"), 1);
	db = must_open(&o);
	CHECK(o.upgraded && !o.created && !o.quarantined, "%s", o.why ? o.why : "-");
	CHECK_STR(ids(db, (struct event_query){ 0 }), "old-1 old-2");
	CHECK_U64(count_blocks(db, 101, 1, 0, 0, 0), 1);
	CHECK_STR(db_store_id(db), "00112233445566778899aabbccddeeff");
	CHECK(add(db, "new", EVENT_STARTED, 101, 9) == 1, "new");
	CHECK(db_mark(db, 1, NULL) == 0, "mark");
	db_opened_done(&o);
	db_close(db);
	CHECK_U64(number(path, "PRAGMA user_version"), SCHEMA_VERSION);
	CHECK_U64(number(path, "SELECT count(*) FROM blocks"), 1);
	CHECK_U64(number(path, "SELECT count(*) FROM configs"), 0);
	close(fixtures);
	end();
}

/* The tables as they were before it; what is in a store of the third version stays. */
static void a_store_without_disk_use_is_upgraded(void)
{
	struct db_opened o = { 0 };
	struct err err = { 0 };
	struct db *db;

	begin();
	for (size_t i = 0; i < 3; i++)
		run_sql(path, schema_steps[i]);
	run_sql(path, "PRAGMA application_id = 1668576099");
	run_sql(path, "PRAGMA user_version = 3");
	run_sql(path, "INSERT INTO marks VALUES (600, 1, 1, 1, 1, 1, 1)");
	db = must_open(&o);
	CHECK(o.upgraded && !o.created && !o.quarantined, "%s", o.why ? o.why : "-");
	CHECK(db_add_disk(db, &(struct disk_row){ .vmid = 101, .real_usec = 5 }, 1,
			  &err) == 0,
	      "%s", err.msg);
	db_opened_done(&o);
	db_close(db);
	CHECK_U64(number(path, "PRAGMA user_version"), SCHEMA_VERSION);
	CHECK_U64(number(path, "SELECT count(*) FROM disk"), 1);
	CHECK_U64(number(path, "SELECT disk FROM marks"), 0);
	end();
}

static struct disk_row disk_row(uint32_t vmid, uint64_t sec, uint64_t used)
{
	return (struct disk_row){
		.vmid = vmid,
		.life = 3,
		.real_usec = sec * USEC_PER_SEC,
		.known = used != 0,
		.use = { .size_bytes = used ? 1000 : 0,
			 .used_bytes = used,
			 .avail_bytes = used ? 900 - used : 0,
			 .inodes = used ? 50 : 0,
			 .inodes_used = used ? 7 : 0 },
	};
}

static bool is_same_row(const struct disk_row *a, const struct disk_row *b)
{
	return a->vmid == b->vmid && a->life == b->life && a->real_usec == b->real_usec &&
	       a->known == b->known && a->use.used_bytes == b->use.used_bytes &&
	       a->use.size_bytes == b->use.size_bytes &&
	       a->use.avail_bytes == b->use.avail_bytes &&
	       a->use.inodes == b->use.inodes && a->use.inodes_used == b->use.inodes_used;
}

static void disk_use_comes_out_as_it_went_in(void)
{
	const struct disk_row v[] = { disk_row(101, 5000, 10), disk_row(102, 5000, 20),
				      disk_row(101, 6000, 0), disk_row(101, 7000, 30),
				      disk_row(101, 20000, 40) };
	struct disk_rows rows = { 0 };
	struct err err = { 0 };
	struct db *db;

	begin();
	db = must_open(NULL);
	CHECK(db_add_disk(db, v, ARRAY_SIZE(v), &err) == 0, "%s", err.msg);
	CHECK(db_read_disk(db, 101, 0, 0, &rows, &err) == 0, "%s", err.msg);
	CHECK_U64(rows.n, 4);
	CHECK(rows.n == 4 && is_same_row(&rows.v[0], &v[0]) &&
		      is_same_row(&rows.v[1], &v[2]) && is_same_row(&rows.v[3], &v[4]),
	      "the first: %ju of %ju", (uintmax_t)rows.v[0].use.used_bytes,
	      (uintmax_t)rows.v[0].use.size_bytes);
	disk_rows_done(&rows);
	/* what holds at the beginning is among them; the end is not included */
	CHECK(db_read_disk(db, 101, 8000 * USEC_PER_SEC, 20000 * USEC_PER_SEC, &rows,
			   &err) == 0,
	      "%s", err.msg);
	CHECK(rows.n == 3 && rows.v[2].use.used_bytes == 30, "%zu", rows.n);
	disk_rows_done(&rows);
	CHECK(db_read_disk(db, 101, 30000 * USEC_PER_SEC, 0, &rows, &err) == 0 &&
		      rows.n == 0,
	      "%zu", rows.n);
	CHECK(db_use_reserve(db), "the reserve");
	CHECK(db_add_disk(db, v, 1, &err) == -ENOSPC, "while the disk is full");
	db_close(db);
	end();
}

/* A store of the fourth version kept pages for a full disk in the table meta. */
static void a_store_with_room_in_meta_is_upgraded(void)
{
	struct db_opened o = { 0 };
	struct db *db;

	begin();
	for (size_t i = 0; i < 4; i++)
		run_sql(path, schema_steps[i]);
	run_sql(path, "PRAGMA application_id = 1668576099");
	run_sql(path, "PRAGMA user_version = 4");
	run_sql(path, "INSERT INTO meta VALUES ('room', zeroblob(3145728))");
	db = must_open(&o);
	CHECK(o.upgraded && !o.created && !o.quarantined, "%s", o.why ? o.why : "-");
	CHECK(db_keep_pages(db, NULL) == 0, "kept");
	db_opened_done(&o);
	db_close(db);
	CHECK_U64(number(path, "PRAGMA user_version"), SCHEMA_VERSION);
	CHECK_U64(number(path, "SELECT count(*) FROM meta WHERE key = 'room'"), 0);
	CHECK_U64(number(path, "SELECT length(bytes) FROM room"), 3 << 20);
	CHECK(number(path, "PRAGMA page_count") * number(path, "PRAGMA page_size") <
		      4 << 20,
	      "their pages are used again");
	end();
}

/* Each minute a row of meta is written: the pages for a full disk, 3 MiB, are no part of it. */
static void what_is_kept_for_a_full_disk_is_not_read(void)
{
	sqlite3_int64 before;
	struct db *db;

	begin();
	db = must_open(NULL);
	CHECK(db_keep_pages(db, NULL) == 0, "kept");
	before = sqlite3_memory_used();
	CHECK(before > 0, "it counts what it holds");
	sqlite3_memory_highwater(1);
	for (unsigned i = 1; i <= 3; i++)
		CHECK(db_mark(db, i * 600 * USEC_PER_SEC, NULL) == 0, "mark");
	CHECK(db_set_node(db, "pve2", NULL) == 0, "node");
	CHECK(sqlite3_memory_highwater(0) - before < (1 << 20), "%lld bytes more",
	      (long long)(sqlite3_memory_highwater(0) - before));
	db_close(db);
	end();
}

static void disk_use_is_kept_for_90_days_of_recording(void)
{
	const struct db_limits l = DB_LIMITS_DEFAULT;
	const uint64_t day = 86400 * USEC_PER_SEC;
	struct db *db;
	bool more;

	begin();
	db = must_open(NULL);
	CHECK(db_begin(db, false, NULL) == 0, "begin");
	CHECK(db_mark(db, 1, NULL) == 0, "mark");
	for (uint64_t d = 0; d <= 95; d++) {
		struct disk_row row = disk_row(101, 1000 + d, 10);

		CHECK(db_add_disk(db, &row, 1, NULL) == 0, "add");
		CHECK(db_mark(db, 1 + d * day, NULL) == 0, "mark");
	}
	CHECK(db_commit(db, NULL) == 0, "commit");
	do
		CHECK(db_prune(db, &l, &more, NULL) == 0, "prune");
	while (more);
	db_close(db);
	CHECK_U64(number(path, "SELECT count(*) FROM disk"), 90);
	CHECK_U64(number(path, "SELECT min(time) FROM disk"), 1006 * USEC_PER_SEC);
	end();
}

static struct db_config config(uint32_t vmid, const char *text)
{
	struct db_config c = { .vmid = vmid };

	if (text) {
		buf_addc(&c.text, '\0');
		c.text.n = 0;
		buf_adds(&c.text, text);
	}
	return c;
}

static void put_configs(struct db *db, struct db_config a, struct db_config b, bool all,
			uint64_t seen)
{
	struct db_config v[2] = { a, b };
	struct db_configs c = { .v = v, .n = 2, .all = all, .seen_real_usec = seen };
	struct err err = { 0 };

	CHECK(db_put_configs(db, &c, &err) == 0, "%s", err.msg);
	db_config_done(&v[0]);
	db_config_done(&v[1]);
}

static void configs_come_back_as_they_were(void)
{
	struct db_configs c = { 0 };
	struct err err = { 0 };
	struct db *db;

	begin();
	db = must_open(NULL);
	CHECK(db_configs(db, &c, &err) == 0 && !c.n && !c.seen_real_usec, "%s", err.msg);
	/* a store that never had all of them knows no time */
	put_configs(db, config(101, "a: 1\n"), config(102, "b"), false, NOW);
	CHECK(db_configs(db, &c, &err) == 0 && c.n == 2 && !c.seen_real_usec, "%zu", c.n);
	db_configs_done(&c);
	put_configs(db, config(104, ""), config(103, NULL), true, NOW + 1);
	put_configs(db, config(101, "c\n"),
		    (struct db_config){ .vmid = 104, .gone = true }, false, 0);
	CHECK(db_configs(db, &c, &err) == 0 && c.n == 2, "%zu", c.n);
	CHECK_U64(c.seen_real_usec, NOW + 1);
	if (c.n == 2) {
		CHECK_U64(c.v[0].vmid, 101);
		CHECK_STR(buf_str(&c.v[0].text), "c\n");
		CHECK(c.v[1].vmid == 103 && !c.v[1].text.p, "not kept");
	}
	db_configs_done(&c);
	put_configs(db, config(101, ""), (struct db_config){ .vmid = 7, .gone = true },
		    false, NOW + 5);
	db_close(db);
	db = must_open(NULL);
	CHECK(db_configs(db, &c, &err) == 0 && c.n == 2, "%zu", c.n);
	CHECK_U64(c.seen_real_usec, NOW + 5);
	if (c.n == 2)
		CHECK(c.v[0].text.p && !c.v[0].text.n, "empty is kept");
	db_configs_done(&c);
	db_close(db);
	end();
}

static void a_config_has_a_largest_size(void)
{
	struct db_config v = { .vmid = 101 };
	struct db_configs c = { .v = &v, .n = 1 }, got = { 0 };
	struct err err = { 0 };
	struct db *db;

	begin();
	db = must_open(NULL);
	buf_reserve(&v.text, DB_CONFIG_MAX + 1);
	memset(v.text.p, 'x', DB_CONFIG_MAX + 1);
	v.text.n = DB_CONFIG_MAX;
	CHECK(db_put_configs(db, &c, &err) == 0, "%s", err.msg);
	v.text.n++;
	CHECK(db_put_configs(db, &c, &err) == -E2BIG, "%s", err.msg);
	CHECK(db_configs(db, &got, &err) == 0 && got.n == 1 &&
		      got.v[0].text.n == DB_CONFIG_MAX,
	      "%zu", got.n);
	db_configs_done(&got);
	db_config_done(&v);
	db_close(db);
	end();
}

/* How many files beside begin with that. */
static size_t count_files(const char *prefix)
{
	DIR *d = opendir(tmp.path);
	struct dirent *de;
	size_t n = 0;

	while (d && (de = readdir(d)))
		n += str_starts(de->d_name, prefix);
	if (d)
		closedir(d);
	return n;
}

static void newer_schema_is_set_aside(void)
{
	struct db_opened o = { 0 };
	struct err err = { 0 };
	struct db *db;

	begin();
	db = must_open(NULL);
	add(db, "a", EVENT_STARTED, 101, 1);
	db_close(db);
	run_sql(path, "PRAGMA user_version=99");
	db = NULL;
	CHECK(db_open_readonly(path, true, &db, &err) == -EPROTO, "%s", err.msg);
	CHECK(strstr(err.msg, "newer ctscope") != NULL, "%s", err.msg);
	CHECK(db_open(path, &db, &o, &err) == 0, "%s", err.msg);
	CHECK(o.quarantined && strstr(o.quarantined, ".newer-"), "%s", o.quarantined);
	CHECK(o.why && strstr(o.why, "newer ctscope"), "%s", o.why);
	CHECK(o.created && !o.salvaged, "%ju rows", (uintmax_t)o.salvaged);
	db_opened_done(&o);
	db_close(db);
	CHECK_U64(number(path, "SELECT count(*) FROM events"), 0);
	/* those that are damaged come and go, this one stays */
	for (int i = 0; i < 5; i++) {
		run_sql(path, "PRAGMA application_id=7");
		db_close(must_open(NULL));
	}
	CHECK_U64(count_files("ctscope.db.newer-"), 1);
	end();
}

static void expect_quarantine(const char *why)
{
	struct db_opened o = { 0 };
	struct db *db = must_open(&o);

	CHECK(o.created && o.quarantined && strstr(o.why, why), "%s, want %s",
	      o.why ? o.why : "-", why);
	CHECK(count_files("ctscope.db.corrupt-") >= 1, "aside");
	if (db)
		CHECK(add(db, "after", EVENT_STARTED, 101, 1) == 1, "after");
	db_opened_done(&o);
	db_close(db);
}

static void what_is_no_store_is_set_aside(void)
{
	char other[160];

	begin();
	tmproot_put(&tmp, "ctscope.db",
		    "this is no database at all, but it is long enough");
	expect_quarantine("not a database");
	end();
	begin();
	CHECK(mkdir(path, 0700) == 0, "%s", strerror(errno));
	expect_quarantine("is a directory");
	end();
	begin();
	CHECK(symlink("/etc/passwd", path) == 0, "%s", strerror(errno));
	expect_quarantine("symbolic link");
	end();
	begin();
	tmproot_put(&tmp, "other", "");
	snprintf(other, sizeof(other), "%s/other", tmp.path);
	CHECK(link(other, path) == 0, "%s", strerror(errno));
	expect_quarantine("2 names");
	end();
	begin();
	CHECK(mkfifo(path, 0600) == 0, "%s", strerror(errno));
	expect_quarantine("special file");
	end();
	begin();
	run_sql(path, "CREATE TABLE t (x)");
	expect_quarantine("something else");
	end();
	begin();
	snprintf(other, sizeof(other), "%s-wal", path);
	CHECK(symlink("/etc/passwd", other) == 0, "%s", strerror(errno));
	expect_quarantine("symbolic link");
	end();
	if (geteuid() == 0) {
		begin();
		tmproot_put(&tmp, "ctscope.db", "");
		CHECK(chown(path, 12345, 12345) == 0, "%s", strerror(errno));
		expect_quarantine("belongs to user 12345");
		end();
	}
}

/* Overwrites one page of the file with what no page is. */
static void damage(uint64_t page)
{
	static char junk[8192];
	FILE *f = fopen(path, "r+");

	memset(junk, 0xa5, sizeof(junk));
	CHECK(f && fseek(f, (long)(page * 8192), SEEK_SET) == 0, "%s", path);
	CHECK(f && fwrite(junk, sizeof(junk), 1, f) == 1, "%s", path);
	if (f)
		fclose(f);
}

static void damage_in_mid_work_is_survived(void)
{
	struct db_opened o = { 0 };
	struct err err = { 0 };
	struct events e = { 0 };
	struct event_query q = { 0 };
	uint64_t root;
	struct db *db;
	char id[32];
	int r = 0;

	begin();
	db = must_open(NULL);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(id, sizeof(id), "e-%u", i);
		add(db, id, EVENT_STARTED, 101, i);
	}
	CHECK(db_put_life(db, &(struct db_life){ .vmid = 101, .life = 42 }, &err) == 0,
	      "%s", err.msg);
	db_close(db);
	db = must_open(NULL);
	/* the root of the index of ids */
	root = number(path, "SELECT rootpage FROM sqlite_schema WHERE name = "
			    "'sqlite_autoindex_events_1'");
	damage(root - 1);
	for (unsigned i = 0; r == 0 && i < 3; i++) {
		struct event n = event("new", EVENT_STARTED, 101, i);

		r = db_add_events(db, &n, 1, true, NULL, &err);
	}
	CHECK(r == -EUCLEAN, "%d %s", r, err.msg);
	CHECK(db_replace(&db, path, &db, &o, &err) == 0, "%s", err.msg);
	CHECK(o.quarantined && o.created, "%s", o.why ? o.why : "-");
	CHECK(o.salvaged == 501, "%ju", (uintmax_t)o.salvaged);
	CHECK(db_events(db, &q, &e, &err) == 0, "%s", err.msg);
	CHECK_U64(e.n, 500);
	CHECK(e.n == 500 && e.v[499].seq == 500, "%zu", e.n);
	events_done(&e);
	CHECK(add(db, "new", EVENT_STARTED, 101, 1) == 1, "new");
	CHECK_U64(number(path, "SELECT max(life) FROM lives"), 42);
	db_opened_done(&o);
	db_close(db);
	end();
}

/* Pages here and there are lost, and the end of the file: the rest is not. */
static void what_can_be_read_is_saved(void)
{
	struct db_opened o = { 0 };
	uint64_t empty, pages;
	struct db *db;
	char id[32];

	begin();
	db = must_open(NULL);
	CHECK(db_keep_pages(db, NULL) == 0, "as the writer has it");
	empty = number(path, "PRAGMA page_count");
	db_begin(db, false, NULL);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(id, sizeof(id), "e-%u", i);
		add(db, id, EVENT_STARTED, 101, i);
	}
	db_commit(db, NULL);
	db_close(db);
	pages = number(path, "PRAGMA page_count") - empty;
	for (uint64_t i = 1; i < 5; i++)
		damage(empty + pages * i / 6);
	CHECK(truncate(path, (off_t)((empty + pages * 9 / 10) * 8192 + 77)) == 0,
	      "truncate");
	db = must_open(&o);
	CHECK(o.quarantined != NULL, "seen");
	CHECK(o.salvaged >= 3000, "%ju of 5000", (uintmax_t)o.salvaged);
	db_opened_done(&o);
	db_close(db);
	end();
}

/* Where it goes on after what is there was set aside, also when it is opened again. */
static uint64_t first_life_after(void (*harm)(void))
{
	struct db_opened o = { 0 };
	struct err err = { 0 };
	struct db *db;
	uint64_t n;

	begin();
	db = must_open(NULL);
	CHECK_U64(db_first_life(db), 1);
	for (uint32_t i = 0; i < 4000; i++)
		CHECK(db_put_life(db, &(struct db_life){ .vmid = 100 + i, .life = 9 },
				  &err) == 0,
		      "%s", err.msg);
	db_close(db);
	db_close(must_open(NULL)); /* all of it in the file */
	harm();
	db = must_open(&o);
	n = db_first_life(db);
	CHECK(o.quarantined, "nothing was set aside");
	db_opened_done(&o);
	db_close(db);
	db = must_read(true);
	CHECK_U64(db_first_life(db), n);
	db_close(db);
	db = must_open(&o);
	CHECK(!o.quarantined, "%s", o.why);
	CHECK_U64(db_first_life(db), n);
	db_opened_done(&o);
	db_close(db);
	return n;
}

static void harm_newer(void)
{
	run_sql(path, "PRAGMA user_version=99");
}

static void harm_owner(void)
{
	CHECK(chmod(path, 0640) == 0 && chown(path, 12345, (gid_t)-1) == 0, "%s",
	      strerror(errno));
}

static void harm_head(void)
{
	damage(0);
}

static void harm_lives(void)
{
	damage(number(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'lives'") -
	       1);
	run_sql(path, "PRAGMA application_id=7");
}

/* Lives that are read go on; where they cannot be, no number is given twice. */
static void a_life_is_not_numbered_twice(void)
{
	const uint64_t late = NOW / USEC_PER_SEC / 2;

	if (geteuid() == 0) {
		CHECK_U64(first_life_after(harm_owner), 1);
		end();
	}
	CHECK(first_life_after(harm_newer) > late, "newer");
	end();
	CHECK(first_life_after(harm_head) > late, "no database");
	end();
	CHECK(first_life_after(harm_lives) > late, "its lives are damaged");
	/* what it says of the stores before it is handed on */
	run_sql(path, "UPDATE meta SET value = 77 WHERE key = 'first-life'");
	if (geteuid() == 0) {
		struct db *db;

		harm_owner();
		db = must_open(NULL);
		CHECK_U64(db_first_life(db), 77);
		db_close(db);
	}
	end();
}

static void what_was_set_aside_does_not_pile_up(void)
{
	begin();
	for (int i = 0; i < 5; i++) {
		tmproot_put(&tmp, "ctscope.db", "junk junk junk junk junk junk junk");
		expect_quarantine("not a database");
	}
	CHECK_U64(count_files("ctscope.db.corrupt-"), 2);
	end();
}

static void readers_need_no_writer(void)
{
	struct stat before, after;
	struct db *w, *r;
	char cmd[512];

	begin();
	w = must_open(NULL);
	add(w, "a", EVENT_STARTED, 101, 1);
	/* beside the writer, and following it */
	r = must_read(true);
	CHECK_STR(ids(r, (struct event_query){ 0 }), "a");
	add(w, "b", EVENT_STARTED, 101, 2);
	CHECK_STR(ids(r, (struct event_query){ 0 }), "a b");
	/* a copy of a running one without -shm, then with an old one */
	snprintf(cmd, sizeof(cmd), "mkdir %s/c && cp %s %s-wal %s/c && chmod -R a-w %s/c",
		 tmp.path, path, path, tmp.path, tmp.path);
	CHECK(system(cmd) == 0, "%s", cmd);
	db_close(r);
	snprintf(path, sizeof(path), "%s/c/ctscope.db", tmp.path);
	r = must_read(false);
	CHECK_STR(ids(r, (struct event_query){ 0 }), "a b");
	db_close(r);
	snprintf(cmd, sizeof(cmd), "%s/c", tmp.path);
	CHECK(stat(cmd, &before) == 0, "%s", cmd);
	snprintf(cmd, sizeof(cmd), "test \"$(ls %s/c | tr '\\n' ' ')\" = \"%s\"",
		 tmp.path, "ctscope.db ctscope.db-wal ");
	CHECK(system(cmd) == 0, "%s", cmd);
	snprintf(path, sizeof(path), "%s/ctscope.db", tmp.path);
	/* the writer went: its last one puts all into the one file */
	db_close(w);
	r = must_read(true);
	CHECK_STR(ids(r, (struct event_query){ 0 }), "a b");
	CHECK_U64(count_files("ctscope.db-wal"), 0);
	CHECK_U64(count_files("ctscope.db-shm"), 0);
	/* and came again: the reader follows */
	w = must_open(NULL);
	add(w, "c", EVENT_STARTED, 101, 3);
	CHECK_STR(ids(r, (struct event_query){ 0 }), "a b c");
	add(w, "d", EVENT_STARTED, 101, 4);
	CHECK_STR(ids(r, (struct event_query){ 0 }), "a b c d");
	db_close(w);
	db_close(r);
	(void)after;
	/* who is not root could not remove it */
	snprintf(cmd, sizeof(cmd), "chmod u+w %s/c", tmp.path);
	CHECK(system(cmd) == 0, "%s", cmd);
	end();
}

static void a_reader_follows_a_store_that_was_replaced(void)
{
	struct db *w, *r;
	bool replaced = false;
	char cmd[512];

	begin();
	w = must_open(NULL);
	add(w, "a", EVENT_STARTED, 101, 1);
	r = must_read(true);
	CHECK_STR(ids(r, (struct event_query){ 0 }), "a");
	db_close(w);
	snprintf(cmd, sizeof(cmd), "rm -f %s*", path);
	CHECK(system(cmd) == 0, "%s", cmd);
	w = must_open(NULL);
	add(w, "z", EVENT_STARTED, 101, 1);
	CHECK(db_refresh(r, &replaced, NULL) == 0 && replaced, "%d", replaced);
	CHECK_STR(ids(r, (struct event_query){ 0 }), "z");
	db_close(w);
	db_close(r);
	end();
}

static void no_store_is_told(void)
{
	struct err err = { 0 };
	struct db *db = NULL;

	begin();
	CHECK(db_open_readonly(path, true, &db, &err) == -ENOENT, "%s", err.msg);
	CHECK(db_open("/nonexistent/dir/x.db", &db, NULL, &err) == -ENOENT, "%s",
	      err.msg);
	tmproot_put(&tmp, "ctscope.db", "");
	CHECK(db_open_readonly(path, true, &db, &err) == -ENOENT, "%s", err.msg);
	tmproot_put(&tmp, "ctscope.db", "not a database, not a database, not");
	CHECK(db_open_readonly(path, true, &db, &err) == -EUCLEAN, "%s", err.msg);
	end();
}

static void make_socket(const char *at)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(strlen(at) < sizeof(a.sun_path), "%s", at);
	memcpy(a.sun_path, at, MIN(strlen(at), sizeof(a.sun_path) - 1));
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "%s", strerror(errno));
	close(fd);
}

static void a_special_file_is_never_opened(void)
{
	static const char *const names[] = { "", "-wal", "-shm", "-reserve" };
	struct err err = { 0 };
	struct db *db = NULL;
	char at[160];

	for (size_t i = 0; i < ARRAY_SIZE(names) * 2; i++) {
		begin();
		db = must_open(NULL);
		add(db, "a", EVENT_STARTED, 101, 1);
		db_close(db);
		snprintf(at, sizeof(at), "%s%s", path, names[i / 2]);
		CHECK(unlink(at) == 0 || errno == ENOENT, "%s", strerror(errno));
		if (i % 2)
			make_socket(at);
		else
			CHECK(mkfifo(at, 0600) == 0, "%s", strerror(errno));
		if (i / 2 < 3) {
			db = NULL;
			CHECK(db_open_readonly(path, true, &db, &err) == -EUCLEAN, "%zu",
			      i);
			CHECK(strstr(err.msg, "special file") != NULL, "%s", err.msg);
			expect_quarantine("special file");
		} else {
			struct db_opened o = { 0 };

			db = must_open(&o);
			CHECK(!o.quarantined && !o.no_reserve, "%zu", i);
			CHECK_U64(number(path, "SELECT count(*) FROM events"), 1);
			db_opened_done(&o);
			db_close(db);
		}
		end();
	}
}

static void prune(struct db *db, const struct db_limits *l)
{
	struct err err = { 0 };
	bool more = true;

	for (int i = 0; more && i < 10000; i++) {
		int r = db_prune(db, l, &more, &err);

		CHECK(r == 0, "%s", err.msg);
		if (r < 0)
			return;
	}
	CHECK(!more, "no end");
}

static void age_is_recorded_time(void)
{
	struct db_limits l = { .keep_sec = { 3600, 7200, 86400 },
			       .keep_events_sec = 7200 };
	struct err err = { 0 };
	struct incident i = { .kind = INCIDENT_OOM_KILL,
			      .vmid = 101,
			      .opened_real_usec = NOW + 120 * USEC_PER_SEC,
			      .keep_from_real_usec = NOW + 60 * USEC_PER_SEC,
			      .keep_until_real_usec = NOW + 240 * USEC_PER_SEC };
	uint64_t boot = 1000 * USEC_PER_SEC;
	struct db *db;
	char id[32];

	begin();
	db = must_open(NULL);
	CHECK(db_put_incident(db, &i, &err) == 0, "%s", err.msg);
	for (uint64_t m = 0; m < 100; m++) {
		CHECK(db_mark(db, boot + m * 60 * USEC_PER_SEC, &err) == 0, "%s",
		      err.msg);
		add_block(db, 101, 1, m * 60, 100);
		add_block(db, 102, 1, m * 60, 100);
		snprintf(id, sizeof(id), "m-%ju", (uintmax_t)m);
		add(db, id, EVENT_PRESSURE, 101, m * 60);
	}
	prune(db, &l);
	/* an hour and up to ten minutes, and the four minutes the incident keeps */
	CHECK_U64(count_blocks(db, 102, 1, 0, 0, 0), 70);
	CHECK_U64(count_blocks(db, 101, 1, 0, 0, 0), 74);
	CHECK_STR(ids(db, (struct event_query){ .limit = 1, .oldest = true }), "m-0");
	/* the wall clock jumps ten years ahead, then to 1970: nothing is wiped */
	add_block(db, 102, 1, UINT64_C(315360000), 100);
	add(db, "future", EVENT_PRESSURE, 102, UINT64_C(315360000));
	prune(db, &l);
	CHECK_U64(count_blocks(db, 102, 1, 0, 0, 0), 71);
	db_close(db);
	/* a collector that did not run for a month, on a kernel that started anew */
	db = must_open(NULL);
	CHECK(db_mark(db, 5, &err) == 0, "%s", err.msg);
	prune(db, &l);
	CHECK_U64(count_blocks(db, 102, 1, 0, 0, 0), 71);
	/* and a day of recording later all of it is old, but the newest of each */
	CHECK(db_mark(db, UINT64_C(86400) * USEC_PER_SEC, &err) == 0, "%s", err.msg);
	CHECK(db_mark(db, UINT64_C(172800) * USEC_PER_SEC, &err) == 0, "%s", err.msg);
	prune(db, &l);
	CHECK_U64(count_blocks(db, 102, 1, 0, 0, 0), 1);
	CHECK_STR(ids(db, (struct event_query){ 0 }), "future");
	add(db, "next", EVENT_PRESSURE, 102, 1);
	CHECK_U64(count_blocks(db, 101, 1, 0, 0, 0), 4);
	db_close(db);
	end();
}

static uint64_t disk_bytes(void)
{
	struct stat st;
	uint64_t n = 0;
	char file[192];

	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", path,
			 i == 0   ? ""
			 : i == 1 ? "-wal"
				  : "-reserve");
		n += stat(file, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
	}
	return n;
}

static void the_byte_budget_holds_on_disk(void)
{
	struct db_limits l = { .max_bytes = (uint64_t)24 << 20 };
	struct err err = { 0 };
	struct db *db;
	bool more;

	begin();
	db = must_open(NULL);
	add(db, "keep", EVENT_STOPPED, 101, 1);
	for (uint64_t h = 0; h < 20; h++) {
		add_block(db, 101, 60, h * 3600, 3000);
		for (uint64_t m = 0; m < 60; m++) {
			struct db_block v[10];

			for (unsigned c = 0; c < 10; c++)
				v[c] = block(101 + c, 1, h * 3600 + m * 60, 3000);
			CHECK(db_add_blocks(db, v, 10, &err) == 0, "%s", err.msg);
			for (unsigned c = 0; c < 10; c++)
				db_block_done(&v[c]);
			CHECK(db_prune(db, &l, &more, &err) == 0, "%s", err.msg);
			CHECK(db_checkpoint(db, 100, &err) == 0, "%s", err.msg);
		}
	}
	prune(db, &l);
	CHECK(disk_bytes() <= l.max_bytes, "%ju", (uintmax_t)disk_bytes());
	CHECK(disk_bytes() > l.max_bytes / 2, "%ju", (uintmax_t)disk_bytes());
	CHECK_U64(count_blocks(db, 101, 60, 0, 0, 0), 20);
	CHECK(count_blocks(db, 101, 1, 0, 0, 0) > 100, "too few");
	/* a budget that nothing fits into ends, and the newest rows stay */
	l.max_bytes = 1;
	prune(db, &l);
	CHECK_U64(count_blocks(db, 110, 1, 0, 0, 0), 1);
	CHECK_STR(ids(db, (struct event_query){ 0 }), "keep");
	CHECK(disk_bytes() < (uint64_t)18 << 20, "%ju", (uintmax_t)disk_bytes());
	db_close(db);
	end();
}

static void lifecycle_goes_last(void)
{
	struct db_limits l = { .max_bytes = 1 };
	struct err err = { 0 };
	struct db *db;
	bool more;

	begin();
	db = must_open(NULL);
	add(db, "life", EVENT_STARTED, 101, 1);
	add(db, "minor", EVENT_ADDRESS, 101, 1);
	add(db, "last", EVENT_ADDRESS, 101, 1);
	CHECK(db_prune(db, &l, &more, &err) == 0 && more, "%s", err.msg);
	CHECK_STR(ids(db, (struct event_query){ 0 }), "life last");
	prune(db, &l);
	CHECK_STR(ids(db, (struct event_query){ 0 }), "last");
	db_close(db);
	end();
}

int main(void)
{
	RUN(a_new_store_is_made_and_found_again);
	RUN(an_event_comes_back_as_it_was);
	RUN(the_same_event_is_stored_once);
	RUN(queries_choose);
	RUN(changes_are_one_or_none);
	RUN(the_last_life_of_each_is_known);
	RUN(incidents_keep_their_number);
	RUN(blocks_are_found_by_time);
	RUN(a_store_of_the_first_version_is_upgraded);
	RUN(a_store_without_disk_use_is_upgraded);
	RUN(a_store_with_room_in_meta_is_upgraded);
	RUN(what_is_kept_for_a_full_disk_is_not_read);
	RUN(disk_use_comes_out_as_it_went_in);
	RUN(disk_use_is_kept_for_90_days_of_recording);
	RUN(configs_come_back_as_they_were);
	RUN(a_config_has_a_largest_size);
	RUN(newer_schema_is_set_aside);
	RUN(what_is_no_store_is_set_aside);
	RUN(a_special_file_is_never_opened);
	RUN(damage_in_mid_work_is_survived);
	RUN(what_can_be_read_is_saved);
	RUN(a_life_is_not_numbered_twice);
	RUN(what_was_set_aside_does_not_pile_up);
	RUN(readers_need_no_writer);
	RUN(a_reader_follows_a_store_that_was_replaced);
	RUN(no_store_is_told);
	RUN(age_is_recorded_time);
	RUN(the_byte_budget_holds_on_disk);
	RUN(lifecycle_goes_last);
	return DONE();
}
