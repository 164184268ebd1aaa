/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/writer.h"
#include "tmproot.h"

static struct tmproot tmp;
static char path[128];

static struct writer *start(const char *name, size_t max_items)
{
	struct writer_opts o = { .path = path,
				 .boot_id = "b6d0b1c6-0c3c-4b0a-9c5a-0123456789ab",
				 .limits = DB_LIMITS_DEFAULT,
				 .max_items = max_items,
				 .group_usec = USEC_PER_MSEC,
				 .retry_usec = USEC_PER_MSEC };
	struct err err = { 0 };
	struct writer *w = NULL;
	struct db *db = NULL;

	snprintf(path, sizeof(path), "%s/%s", tmp.path, name);
	(void)db_open(path, &db, NULL, &err);
	CHECK(writer_new(&o, db, &w, &err) == 0, "%s", err.msg);
	return w;
}

static int put(struct writer *w, enum event_type type, uint64_t n)
{
	struct event e = { .type = type, .vmid = 101, .life = 1, .time_real_usec = n };
	int r;

	snprintf(e.id, sizeof(e.id), "e-%ju", (uintmax_t)n);
	r = writer_events(w, &e, 1, type == EVENT_STARTED, n);
	event_done(&e);
	return r;
}

/* Waits for so many answers; how many of them say that it is committed. */
static size_t answers(struct writer *w, size_t want)
{
	uint64_t until = clock_boot_usec() + 20 * USEC_PER_SEC;
	struct writer_done d[16];
	size_t got = 0, ok = 0;

	while (got < want && clock_boot_usec() < until) {
		struct pollfd p = { .fd = writer_fd(w), .events = POLLIN };
		size_t n;

		poll(&p, 1, 100);
		n = writer_done(w, d, ARRAY_SIZE(d));
		for (size_t i = 0; i < n; i++)
			ok += d[i].result == 0;
		got += n;
	}
	CHECK_U64(got, want);
	return ok;
}

static void what_is_put_is_answered_when_stored(void)
{
	struct writer_stat st;
	struct writer *w;

	tmproot_make(&tmp);
	w = start("ctscope.db", 0);
	for (uint64_t i = 1; i <= 100; i++)
		CHECK(put(w, i % 2 ? EVENT_STARTED : EVENT_ADDRESS, i) == 0, "%ju",
		      (uintmax_t)i);
	CHECK_U64(answers(w, 100), 100);
	writer_stat(w, &st);
	CHECK(st.events == 100 && !st.errors && !st.ram_only && !st.queued_items, "%ju",
	      (uintmax_t)st.events);
	CHECK(writer_stop(&w, 20 * USEC_PER_SEC) == 0 && !w, "stop");
	tmproot_remove(&tmp);
}

static void configs_are_stored_with_their_events(void)
{
	struct event e = { .type = EVENT_CONFIG_CHANGED,
			   .id = "c-1",
			   .vmid = 101,
			   .time_real_usec = 1 };
	struct db_configs c = { .n = 1, .all = true, .seen_real_usec = 7 }, got = { 0 };
	struct writer_put p = { .events = &e, .n_events = 1, .configs = &c, .token = 1 };
	struct err err = { 0 };
	struct db *db = NULL;
	struct writer *w;

	tmproot_make(&tmp);
	w = start("ctscope.db", 0);
	c.v = xcalloc(1, sizeof(*c.v));
	c.v[0].vmid = 101;
	buf_adds(&c.v[0].text, "a: 1\n");
	CHECK(writer_put(w, &p) == 0 && !c.v && !c.n, "taken over");
	CHECK_U64(answers(w, 1), 1);
	CHECK(writer_stop(&w, 20 * USEC_PER_SEC) == 0, "stop");
	CHECK(db_open_readonly(path, false, &db, &err) == 0, "%s", err.msg);
	CHECK(db_configs(db, &got, &err) == 0 && got.n == 1, "%s", err.msg);
	CHECK_U64(got.seen_real_usec, 7);
	db_configs_done(&got);
	db_close(db);
	tmproot_remove(&tmp);
}

/* The first of them is in the writer's hands: it takes no other before that is stored. */
static void keep_busy(struct writer *w)
{
	uint64_t until = clock_boot_usec() + 20 * USEC_PER_SEC;
	struct writer_stat st;

	CHECK(put(w, EVENT_STARTED, 1) == 0, "the first");
	do {
		clock_sleep_usec(USEC_PER_MSEC);
		writer_stat(w, &st);
	} while (!st.busy_usec && clock_boot_usec() < until);
	CHECK(st.busy_usec && !st.queued_items, "%zu", st.queued_items);
}

static void without_a_store_the_life_cycle_is_kept(void)
{
	uint64_t until = clock_boot_usec() + 20 * USEC_PER_SEC;
	struct writer_stat st;
	struct writer *w;
	size_t taken = 1;
	char dir[160];

	tmproot_make(&tmp);
	w = start("later/ctscope.db", 8);
	CHECK(put(w, EVENT_ADDRESS, 1000) == -ENOBUFS, "an address");
	keep_busy(w);
	while (taken < 1000 && put(w, EVENT_STARTED, taken + 1) == 0)
		taken++;
	CHECK_U64(taken, 1 + 8);
	CHECK(put(w, EVENT_STARTED, 999) == -EAGAIN, "full");
	/* what is tried again in vain is counted */
	do {
		clock_sleep_usec(10 * USEC_PER_MSEC);
		writer_stat(w, &st);
	} while (!st.errors && clock_boot_usec() < until);
	CHECK(st.ram_only && st.drops[DROP_STORE] == 1, "%ju",
	      (uintmax_t)st.drops[DROP_STORE]);
	snprintf(dir, sizeof(dir), "%s/later", tmp.path);
	CHECK(mkdir(dir, 0700) == 0, "%s", strerror(errno));
	/* the dropped one is answered too */
	CHECK_U64(answers(w, taken + 1), taken);
	writer_stat(w, &st);
	CHECK(!st.ram_only && st.errors > 0, "%ju", (uintmax_t)st.errors);
	CHECK(!*st.trouble && st.faults == st.errors, "%ju", (uintmax_t)st.faults);
	CHECK(strstr(st.fault, dir), "what it was is kept: %s", st.fault);
	CHECK(writer_stop(&w, 20 * USEC_PER_SEC) == 0, "stop");
	tmproot_remove(&tmp);
}

static void a_store_that_hangs_never_holds_the_caller(void)
{
	unsigned waited = 0;
	struct writer_stat st;
	sqlite3 *h = NULL;
	struct writer *w;
	size_t taken = 0, dropped = 0;

	tmproot_make(&tmp);
	w = start("ctscope.db", 64);
	CHECK(sqlite3_open(path, &h) == SQLITE_OK, "%s", path);
	CHECK(sqlite3_exec(h, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK, "lock");
	for (uint64_t i = 1; i <= 300; i++) {
		uint64_t t0 = clock_boot_usec();
		int r = put(w, i % 2 ? EVENT_STARTED : EVENT_ADDRESS, i);

		waited += clock_boot_usec() - t0 > USEC_PER_SEC;
		taken += r == 0;
		dropped += r == -ENOBUFS;
		CHECK(r == 0 || r == (i % 2 ? -EAGAIN : -ENOBUFS), "%d", r);
	}
	/* the store's own patience is two seconds; we may have waited for a CPU */
	CHECK(waited < 5, "%u", waited);
	writer_stat(w, &st);
	CHECK(taken < 150 && dropped > 0 && st.drops[DROP_QUEUE] == dropped, "%zu %zu",
	      taken, dropped);
	sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(h);
	CHECK_U64(answers(w, taken + dropped), taken);
	CHECK(writer_stop(&w, 20 * USEC_PER_SEC) == 0, "stop");
	tmproot_remove(&tmp);
}

int main(void)
{
	RUN(what_is_put_is_answered_when_stored);
	RUN(configs_are_stored_with_their_events);
	RUN(without_a_store_the_life_cycle_is_kept);
	RUN(a_store_that_hangs_never_holds_the_caller);
	return DONE();
}
