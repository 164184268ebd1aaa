/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/history.h"

#include "base/clock.h"
#include "store/block.h"
#include "store/db.h"
#include "tmproot.h"

/* from a ring, from rows of the RRD, and across the levels of a store */
#define BOOT   "01234567-89ab-cdef-0123-456789abcdef"
#define T0     (UINT64_C(1699999200) * USEC_PER_SEC)
#define BIT(m) (UINT64_C(1) << (m))

static struct tmproot root;
static struct ring *writer, *reader;
static size_t slot;

static void begin(void)
{
	char path[128];

	tmproot_make(&root);
	snprintf(path, sizeof(path), "%s/ring", root.path);
	CHECK(ring_create(path, BOOT, &writer, NULL) == 0, "create");
	CHECK(ring_open(root.fd, "ring", &reader, NULL) == 0, "open");
	CHECK(ring_slot(writer, 101, 1, &slot, NULL) == 0, "slot");
}

static void end(void)
{
	ring_close(reader);
	ring_close(writer);
	tmproot_remove(&root);
}

static void put(uint64_t sec, uint64_t cpu, uint64_t mem)
{
	struct sample s = { .boot_usec = (1000 + sec) * USEC_PER_SEC,
			    .real_usec = T0 + sec * USEC_PER_SEC,
			    .have = BIT(METRIC_CPU_USAGE_USEC) |
				    BIT(METRIC_MEMORY_CURRENT_BYTES) |
				    BIT(METRIC_MEMORY_FILE_BYTES) |
				    BIT(METRIC_PGMAJFAULT) };

	s.v[METRIC_CPU_USAGE_USEC] = cpu;
	s.v[METRIC_MEMORY_CURRENT_BYTES] = mem;
	s.v[METRIC_MEMORY_FILE_BYTES] = mem / 4;
	s.v[METRIC_PGMAJFAULT] = sec / 2;
	ring_add(writer, slot, &s);
}

static const unsigned columns[] = { HISTORY_CPU_OWN, METRIC_CPU_USAGE_USEC,
				    HISTORY_MEM_USED, METRIC_PGMAJFAULT,
				    METRIC_SWAP_CURRENT_BYTES };

static struct history make(uint64_t from, uint64_t to, uint64_t step,
			   const struct rrd_rows *rows)
{
	struct history_range g = { 101, T0 + from * USEC_PER_SEC, T0 + to * USEC_PER_SEC,
				   step * USEC_PER_SEC };
	struct history_data *d = NULL;
	struct history h = { 0 };
	struct err err = { 0 };

	CHECK(history_collect(reader, NULL, &g, &d, &err) == 0, "%s", err.msg);
	if (rows)
		history_add_rrd(d, rows);
	history_make(d, columns, ARRAY_SIZE(columns), val_set(2000), &h);
	history_data_free(d);
	return h;
}

static struct val at(const struct history *h, size_t i, size_t c)
{
	return i < h->n ? h->v[i * h->n_columns + c] : (struct val){ 0 };
}

static void rates_are_over_their_second_and_gauges_as_they_were(void)
{
	struct history h;

	begin();
	for (uint64_t i = 0; i < 10; i++)
		put(i, i * 500000, 4000 + i);
	h = make(4, 9, 1, NULL);
	CHECK_U64(h.n, 5);
	/* half of one CPU, a quarter of the two it has */
	CHECK_U64(at(&h, 0, 0).n, 250000);
	CHECK_U64(at(&h, 0, 1).n, 500000);
	CHECK_U64(at(&h, 0, 2).n, 4005 - 1001);
	CHECK(at(&h, 0, 3).n == 0 && at(&h, 1, 3).n == 1000, "thousandths: %ju",
	      (uintmax_t)at(&h, 1, 3).n);
	CHECK(at(&h, 0, 4).kind == VAL_ABSENT, "swap was not recorded");
	CHECK(!h.points[0].gap && h.points[0].source == HISTORY_RING, "no gap");
	CHECK_U64(h.sums[2].max.n, 4009 - 1002);
	CHECK_U64(h.sums[1].avg.n, 500000);
	history_done(&h);
	end();
}

static void the_first_sample_of_a_life_has_no_rate(void)
{
	struct history h;

	begin();
	put(0, 100, 1);
	put(1, 100, 1);
	h = make(0, 1, 1, NULL);
	CHECK(h.n == 1 && at(&h, 0, 1).kind == VAL_SET && at(&h, 0, 1).n == 0, "second");
	history_done(&h);
	h = make(100, 200, 1, NULL);
	CHECK(h.n == 0, "nothing there");
	history_done(&h);
	/* before the range, but not shown: it is what the first rate is taken from */
	CHECK_U64(h.n, 0);
	end();
}

static void a_gap_is_marked_and_has_no_rate(void)
{
	struct history h;

	begin();
	put(0, 0, 1);
	put(1, 1000000, 1);
	put(5, 5000000, 1);
	put(6, 6000000, 1);
	h = make(0, 10, 1, NULL);
	CHECK_U64(h.n, 3);
	CHECK(h.points[1].gap && at(&h, 1, 1).kind == VAL_ABSENT, "gap");
	CHECK(!h.points[2].gap && at(&h, 2, 1).n == 1000000, "after it");
	history_done(&h);
	/* and within a longer step it is left out of the mean */
	h = make(0, 10, 10, NULL);
	CHECK(h.n == 1 && h.points[0].gap, "n %zu", h.n);
	CHECK_U64(at(&h, 0, 1).n, 1000000);
	history_done(&h);
	end();
}

static void a_counter_that_went_back_is_no_rate(void)
{
	struct history h;

	begin();
	put(0, 5000000, 1);
	put(1, 100, 1);
	put(2, 200, 1);
	h = make(0, 10, 1, NULL);
	CHECK(at(&h, 0, 1).kind == VAL_ABSENT && at(&h, 1, 1).n == 100, "anew");
	history_done(&h);
	end();
}

static void lives_are_not_counted_together(void)
{
	struct history h;

	begin();
	put(0, 0, 1);
	put(1, 10, 1);
	ring_slot(writer, 101, 2, &slot, NULL);
	put(2, 50, 1);
	put(3, 70, 1);
	ring_slot(writer, 102, 1, &slot, NULL);
	put(2, 1, 1);
	h = make(0, 10, 1, NULL);
	CHECK_U64(h.n, 3);
	CHECK(h.points[1].life == 2 && h.points[1].gap && at(&h, 1, 1).kind == VAL_ABSENT,
	      "first of the second life");
	CHECK_U64(at(&h, 2, 1).n, 20);
	history_done(&h);
	end();
}

static void steps_take_the_mean_and_the_greatest(void)
{
	struct history h;

	begin();
	for (uint64_t i = 0; i <= 20; i++)
		put(i, i * i * 1000, i == 7 ? 40000 : 4000);
	h = make(0, 20, 10, NULL);
	CHECK_U64(h.n, 2);
	CHECK_U64(at(&h, 0, 1).n, 10000);
	CHECK_U64(at(&h, 1, 1).n, 30000);
	CHECK_U64(at(&h, 0, 2).n, 30000);
	CHECK_U64(h.points[0].span_usec, 10 * USEC_PER_SEC);
	CHECK_U64(h.points[1].real_usec, T0 + 20 * USEC_PER_SEC);
	history_done(&h);
	end();
}

static void the_rrd_fills_what_is_missing_and_nothing_else(void)
{
	struct rrd_row v[10] = { 0 };
	struct rrd_rows rows = { .v = v, .n = ARRAY_SIZE(v) };
	struct history h;

	for (uint64_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = (struct rrd_row){ .end_real_usec =
						 T0 + (i + 1) * 60 * USEC_PER_SEC,
					 .step_sec = 60,
					 .cpu_own_ppm = val_set(500000),
					 .cpus_milli = val_set(4000),
					 .mem_bytes = val_set(7) };
	begin();
	/* recorded: 250 s to 369 s */
	for (uint64_t i = 250; i < 370; i++)
		put(i, 0, 4000);
	h = make(0, 600, 60, &rows);
	/* 60 120 180 240, 300 360 and a piece, 480 540 600: 420 is recorded in part */
	CHECK_U64(h.n, 10);
	CHECK(h.points[3].source == HISTORY_RRD && at(&h, 3, 0).n == 500000 &&
		      at(&h, 3, 1).n == 2000000 && at(&h, 3, 2).n == 7,
	      "a row");
	CHECK(h.points[4].source == HISTORY_RING && at(&h, 4, 0).n == 0, "recorded");
	CHECK(h.points[6].source == HISTORY_RING, "a piece");
	CHECK(h.points[7].source == HISTORY_RRD &&
		      h.points[7].real_usec == v[7].end_real_usec,
	      "after it");
	CHECK(at(&h, 3, 3).kind == VAL_ABSENT, "the RRD has no page faults");
	history_done(&h);
	end();
}

static struct disk_row disk_row(uint64_t life, uint64_t sec, uint64_t used)
{
	return (struct disk_row){ .vmid = 101,
				  .life = life,
				  .real_usec = T0 + sec * USEC_PER_SEC,
				  .known = used != 0,
				  .use = { .used_bytes = used,
					   .size_bytes = 1000,
					   .inodes = used > 500 ? 0 : 100,
					   .inodes_used = used / 10 } };
}

static void disk_use_is_what_its_last_row_says(void)
{
	static const unsigned cols[] = { HISTORY_DISK, METRIC_CPU_USAGE_USEC,
					 HISTORY_INODES };
	static const uint64_t used[] = { 0, 0, 100, 100, 200, 0, 0, 600, 600, 600 };
	struct history_range g = { 101, T0 - 1, T0 + 9 * USEC_PER_SEC, USEC_PER_SEC };
	struct disk_rows rows = { .n = 5 };
	struct history_data *d = NULL;
	struct history h = { 0 };

	begin();
	for (uint64_t i = 0; i < 10; i++)
		put(i, i, i);
	rows.v = xcalloc(rows.n, sizeof(*rows.v));
	rows.v[0] = disk_row(7, 1, 50); /* of another life */
	rows.v[1] = disk_row(1, 2, 100);
	rows.v[2] = disk_row(1, 4, 200);
	rows.v[3] = disk_row(1, 5, 0); /* not known */
	rows.v[4] = disk_row(1, 7, 600);
	CHECK(history_collect(reader, NULL, &g, &d, NULL) == 0, "collect");
	history_add_disk(d, &rows);
	CHECK(!rows.v && !rows.n, "taken over");
	history_make(d, cols, ARRAY_SIZE(cols), (struct val){ 0 }, &h);
	history_data_free(d);
	CHECK_U64(h.n, 10);
	for (size_t i = 0; i < h.n; i++) {
		CHECK(at(&h, i, 0).kind == (used[i] ? VAL_SET : VAL_ABSENT), "%zu", i);
		CHECK_U64(at(&h, i, 0).n, used[i]);
		/* of a file system that does not count them: none */
		CHECK_U64(at(&h, i, 2).n, used[i] < 500 ? used[i] / 10 : 0);
	}
	CHECK(h.sums[0].max.n == 600 && h.sums[0].min.n == 100 && h.sums[0].last.n == 600,
	      "summary");
	CHECK(h.sums[2].max.n == 20, "of inodes");
	history_done(&h);
	end();
}

static void limits_are_those_of_their_time(void)
{
	static const unsigned shown[] = { METRIC_MEMORY_MAX_BYTES, HISTORY_MEM_SHARE };
	struct history_range g = { 101, T0, T0 + 30 * USEC_PER_SEC, 10 * USEC_PER_SEC };
	struct history_data *d = NULL;
	struct history h;

	begin();
	for (uint64_t i = 1; i <= 30; i++) {
		struct sample s = { .boot_usec = (1000 + i) * USEC_PER_SEC,
				    .have = BIT(METRIC_MEMORY_MAX_BYTES) };

		/* 3000 of 6000, then of 4000, then of what it likes */
		s.v[METRIC_MEMORY_MAX_BYTES] = i <= 10   ? 6000
					       : i <= 20 ? 4000
							 : METRIC_NO_LIMIT;
		ring_set_state(writer, slot, &s);
		put(i, i, 4000);
	}
	CHECK(history_collect(reader, NULL, &g, &d, NULL) == 0, "collect");
	history_make(d, shown, 2, (struct val){ 0 }, &h);
	history_data_free(d);
	CHECK_U64(h.n, 3);
	CHECK(at(&h, 0, 0).n == 6000 && at(&h, 0, 1).n == 500000, "%ju",
	      (uintmax_t)at(&h, 0, 1).n);
	CHECK(at(&h, 1, 0).n == 4000 && at(&h, 1, 1).n == 750000, "%ju",
	      (uintmax_t)at(&h, 1, 1).n);
	CHECK(at(&h, 2, 0).kind == VAL_MAX && at(&h, 2, 1).kind == VAL_ABSENT,
	      "no limit: kind %d", at(&h, 2, 0).kind);
	CHECK(h.sums[0].max.n == 6000 && h.sums[1].max.n == 750000, "%ju",
	      (uintmax_t)h.sums[0].max.n);
	history_done(&h);
	end();
}

/* Readings of details at 3, 13, 24 (a tick was late) and, after a hole, at 54. */
static void put_with_details(uint64_t i)
{
	struct sample s = { .boot_usec = (1000 + i) * USEC_PER_SEC,
			    .real_usec = T0 + i * USEC_PER_SEC,
			    .have = BIT(METRIC_CPU_USAGE_USEC) };

	s.v[METRIC_CPU_USAGE_USEC] = i * 1000000;
	if (i == 3 || i == 13 || i == 24 || i == 54) {
		s.have |= BIT(METRIC_DETAIL_BOOT_USEC) | BIT(METRIC_MEMORY_SLAB_BYTES) |
			  BIT(METRIC_PGFAULT);
		s.v[METRIC_DETAIL_BOOT_USEC] = s.boot_usec;
		s.v[METRIC_MEMORY_SLAB_BYTES] = 1000 * i;
		s.v[METRIC_PGFAULT] = 50 * i;
	}
	ring_add(writer, slot, &s);
}

static void details_are_over_the_time_between_their_readings(void)
{
	static const unsigned shown[] = { METRIC_MEMORY_SLAB_BYTES, METRIC_PGFAULT,
					  METRIC_CPU_USAGE_USEC };
	struct history_range g = { 101, T0, T0 + 60 * USEC_PER_SEC, USEC_PER_SEC };
	struct history_data *d = NULL;
	struct history h;

	begin();
	for (uint64_t i = 0; i <= 60; i++)
		put_with_details(i);
	CHECK(history_collect(reader, NULL, &g, &d, NULL) == 0, "collect");
	history_make(d, shown, 3, (struct val){ 0 }, &h);
	history_data_free(d);
	CHECK_U64(h.n, 60);
	for (size_t i = 0; i < h.n; i++) {
		uint64_t sec = i + 1;
		bool read = sec == 3 || sec == 13 || sec == 24 || sec == 54;
		/* neither the first nor that after a hole has a reading before it */
		bool rate = sec == 13 || sec == 24;

		CHECK((at(&h, i, 0).kind == VAL_SET) == read, "%ju: gauge",
		      (uintmax_t)sec);
		CHECK(!read || at(&h, i, 0).n == 1000 * sec, "%ju", (uintmax_t)sec);
		CHECK((at(&h, i, 1).kind == VAL_SET) == rate, "%ju: rate",
		      (uintmax_t)sec);
		/* thousandths of 50 a second, though one was after eleven */
		CHECK(!rate || at(&h, i, 1).n == 50000, "%ju: %ju", (uintmax_t)sec,
		      (uintmax_t)at(&h, i, 1).n);
		CHECK(at(&h, i, 2).n == 1000000, "each second");
	}
	CHECK(h.sums[1].avg.n == 50000 && h.sums[1].min.n == 50000, "%ju",
	      (uintmax_t)h.sums[1].avg.n);
	CHECK(h.sums[0].min.n == 3000 && h.sums[0].max.n == 54000, "over all");
	history_done(&h);
	end();
}

static void names_are_one_to_one(void)
{
	for (unsigned i = 0; i < HISTORY_COLUMNS; i++) {
		struct history_def d;
		unsigned back = 0;

		history_def(i, &d);
		if (i == METRIC_DETAIL_BOOT_USEC) {
			CHECK_STR(d.name, "");
			continue;
		}
		CHECK(d.name && d.help &&
			      history_column_parse(d.name, strlen(d.name), &back) == 0 &&
			      back == i,
		      "column %u", i);
	}
	CHECK(history_column_parse("", 0, &(unsigned){ 0 }) == -EINVAL, "empty");
}

/* ---- a store of four hours, thinned out as db_prune() leaves it ---- */

#define HOURS 14400 /* seconds that were recorded: 0 .. HOURS - 1 */
#define TEN   7800  /* from here on at 10 s */
#define ONE   12000 /* from here on at 1 s */

static const unsigned seam_columns[] = { METRIC_CPU_USAGE_USEC,
					 METRIC_MEMORY_CURRENT_BYTES };

/* CPU time grows with the square of the time: each rate tells which two samples it is
 * of. A second life, where there is one, begins anew at `second`. */
static struct sample second_of(uint64_t i, uint64_t second)
{
	uint64_t x = i >= second ? i - second : i;
	struct sample s = { .boot_usec = (1000 + i) * USEC_PER_SEC,
			    .real_usec = T0 + i * USEC_PER_SEC,
			    .have = BIT(METRIC_CPU_USAGE_USEC) |
				    BIT(METRIC_MEMORY_CURRENT_BYTES) };

	s.v[METRIC_CPU_USAGE_USEC] = x * x;
	s.v[METRIC_MEMORY_CURRENT_BYTES] = i == 5000 ? 9999 : 1000 + i % 7;
	return s;
}

/* [from, to) at that level in blocks of sixty samples, as minute.c makes them. */
static void store_level(struct db *db, unsigned level, uint64_t from, uint64_t to,
			uint64_t second)
{
	static struct sample v[3600];
	struct block_codec *codec = NULL;
	uint64_t span = 60 * level;

	CHECK(block_codec_new(&codec, NULL) == 0, "zstd");
	for (uint64_t at = from; at < to; at += span) {
		for (unsigned life = 1; life <= 2; life++) {
			struct db_block b = { .vmid = 101,
					      .life = life,
					      .level_sec = level };
			size_t n = 0;

			for (uint64_t i = at; i < MIN(at + span, to); i++)
				/* between the lives nothing ran for five seconds */
				if (life == 1 ? i < second : i >= second + 5)
					v[n++] = second_of(i, second);
			n = n ? block_rollup(v, n, level, v) : 0;
			if (!n)
				continue;
			b.start_real_usec = v[0].real_usec;
			b.n = (uint32_t)n;
			CHECK(block_encode(codec, v, n, &b.data, NULL) == 0 &&
				      db_add_blocks(db, &b, 1, NULL) == 0,
			      "block");
			buf_done(&b.data);
		}
	}
	block_codec_free(codec);
}

static struct db *seam_store(uint64_t second)
{
	struct db *db = NULL;
	char path[128];

	begin();
	snprintf(path, sizeof(path), "%s/db", root.path);
	CHECK(db_open(path, &db, NULL, NULL) == 0, "a store");
	/* the roll-ups end with their last whole block, the minutes one before the end */
	store_level(db, 60, 0, 10800, second);
	store_level(db, 10, TEN, 13800, second);
	store_level(db, 1, ONE, HOURS - 60, second);
	if (second < HOURS)
		ring_slot(writer, 101, 2, &slot, NULL);
	for (uint64_t i = HOURS - 120; i < HOURS; i++) {
		struct sample s = second_of(i, second);

		ring_add(writer, slot, &s);
	}
	return db;
}

static struct history seam_make(struct db *db, uint64_t from, uint64_t to, uint64_t step,
				const struct rrd_rows *rows)
{
	struct history_range g = { 101, T0 + from * USEC_PER_SEC, T0 + to * USEC_PER_SEC,
				   step * USEC_PER_SEC };
	struct history_data *d = NULL;
	struct history h = { 0 };
	struct err err = { 0 };

	CHECK(history_collect(reader, db, &g, &d, &err) == 0, "%s", err.msg);
	if (rows)
		history_add_rrd(d, rows);
	history_make(d, seam_columns, ARRAY_SIZE(seam_columns), (struct val){ 0 }, &h);
	history_data_free(d);
	return h;
}

/* Each point's rate is that of the time between the point before and it, as the counter
 * has it, whatever the levels on both sides are; none is missing, none is there twice. */
static void check_chain(const struct history *h, uint64_t first)
{
	uint64_t before = first;

	for (size_t i = 0; i < h->n; i++) {
		uint64_t sec = (h->points[i].real_usec - T0) / USEC_PER_SEC;
		uint64_t want = sec > before
					? (sec * sec - before * before) * USEC_PER_SEC /
						  ((sec - before) * USEC_PER_SEC)
					: 0;

		CHECK(sec > before && !h->points[i].gap &&
			      h->points[i].span_usec == (sec - before) * USEC_PER_SEC &&
			      h->v[i * h->n_columns].kind == VAL_SET &&
			      h->v[i * h->n_columns].n == want,
		      "second %ju after %ju: %ju in %ju usec, expected %ju%s",
		      (uintmax_t)sec, (uintmax_t)before,
		      (uintmax_t)h->v[i * h->n_columns].n,
		      (uintmax_t)h->points[i].span_usec, (uintmax_t)want,
		      h->points[i].gap ? ", a gap" : "");
		before = sec;
	}
	CHECK_U64(before, HOURS - 1);
}

static size_t count_source(const struct history *h, enum history_source source)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += h->points[i].source == source;
	return n;
}

static void levels_meet_without_a_gap_or_a_double(void)
{
	struct db *db = seam_store(HOURS);
	struct history h = seam_make(db, 59, HOURS, 0, NULL);

	check_chain(&h, 59);
	CHECK_U64(count_source(&h, HISTORY_60S), TEN / 60 - 1);
	CHECK_U64(count_source(&h, HISTORY_10S), (ONE - TEN) / 10);
	CHECK_U64(count_source(&h, HISTORY_1S), HOURS - 60 - ONE);
	CHECK_U64(count_source(&h, HISTORY_RING), 60);
	CHECK_U64(h.sums[1].max.n, 9999);
	/* all of it over all the time */
	CHECK_U64(h.sums[0].avg.n,
		  ((uint64_t)(HOURS - 1) * (HOURS - 1) - 59 * 59) / (HOURS - 1 - 59));
	history_done(&h);
	/* a wide step begins with the coarsest; what it lacks comes from the finer ones */
	h = seam_make(db, 0, HOURS, 600, NULL);
	CHECK_U64(h.n, HOURS / 600);
	{
		/* a sample of a level ends a second before its step does, one of a second
		 * with it: each point says when, and the first has nothing before it */
		struct history tail = h;

		CHECK_U64(h.points[0].real_usec, T0 + 599 * USEC_PER_SEC);
		tail.points++;
		tail.v += h.n_columns;
		tail.n--;
		check_chain(&tail, 599);
	}
	history_done(&h);
	db_close(db);
	end();
}

static void the_rrd_meets_the_coarsest_level(void)
{
	struct rrd_row v[8] = { 0 };
	struct rrd_rows rows = { .v = v, .n = ARRAY_SIZE(v) };
	struct db *db = seam_store(HOURS);
	struct history h;

	/* -240 .. 240 s: what is recorded begins at 0, its first sample is of second 59 */
	for (uint64_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = (struct rrd_row){ .end_real_usec = T0 +
							  (i + 1) * 60 * USEC_PER_SEC -
							  240 * USEC_PER_SEC,
					 .step_sec = 60,
					 .cpu_own_ppm = val_set(500000),
					 .cpus_milli = val_set(1000) };
	{
		struct history_range g = { 101, T0 - 300 * USEC_PER_SEC,
					   T0 + 300 * USEC_PER_SEC, 0 };
		struct history_data *d = NULL;

		CHECK(history_collect(reader, db, &g, &d, NULL) == 0, "collect");
		history_add_rrd(d, &rows);
		history_make(d, seam_columns, 2, (struct val){ 0 }, &h);
		history_data_free(d);
	}
	/* the row that ends at 0 reaches a second into what the first sample stands for */
	CHECK_U64(count_source(&h, HISTORY_RRD), 3);
	CHECK_U64(count_source(&h, HISTORY_60S), 5);
	for (size_t i = 1; i < h.n; i++)
		CHECK(h.points[i].real_usec >= h.points[i - 1].real_usec +
						       h.points[i].span_usec -
						       USEC_PER_SEC,
		      "point %zu", i);
	history_done(&h);
	db_close(db);
	end();
}

/* In the middle of a minute at 60 s, of ten seconds, and of a minute at 1 s. */
static void counters_that_begin_anew_make_no_rate_at_any_level(void)
{
	static const uint64_t when[] = { 5030, 8444, 12033 };

	for (size_t k = 0; k < ARRAY_SIZE(when); k++) {
		struct db *db = seam_store(when[k]);
		struct history h = seam_make(db, 0, HOURS, 0, NULL);
		size_t gaps = 0;

		for (size_t i = 1; i < h.n; i++) {
			bool anew = h.points[i].life != h.points[i - 1].life;

			gaps += h.points[i].gap;
			CHECK(h.points[i].gap == anew &&
				      (h.v[i * 2].kind == VAL_ABSENT) == anew &&
				      h.v[i * 2].n < 2 * HOURS,
			      "point %zu: life %ju, %ju", i, (uintmax_t)h.points[i].life,
			      (uintmax_t)h.v[i * 2].n);
		}
		CHECK_U64(gaps, 1);
		CHECK(h.sums[0].max.n < 2 * HOURS, "%ju", (uintmax_t)h.sums[0].max.n);
		history_done(&h);
		/* and none in a step that both lives are in */
		h = seam_make(db, 0, HOURS, 3600, NULL);
		for (size_t i = 0; i < h.n; i++)
			CHECK(h.v[i * 2].n < 2 * HOURS, "%ju", (uintmax_t)h.v[i * 2].n);
		history_done(&h);
		db_close(db);
		end();
	}
}

/* Ten minutes at 10 s. After half of it the readings come five seconds later in each ten:
 * no rate may tell of that. */
static void details_of_thinned_out_time_have_exact_rates(void)
{
	static const unsigned shown[] = { METRIC_PGFAULT, METRIC_MEMORY_SLAB_BYTES };
	struct history_range g = { 101, T0, T0 + 600 * USEC_PER_SEC, 10 * USEC_PER_SEC };
	static struct sample v[600];
	struct db_block b = { .vmid = 101, .life = 1, .level_sec = 10 };
	struct block_codec *codec = NULL;
	struct history_data *d = NULL;
	struct db *db = NULL;
	struct history h;
	char path[128];
	size_t rates = 0;

	begin();
	snprintf(path, sizeof(path), "%s/db", root.path);
	CHECK(db_open(path, &db, NULL, NULL) == 0, "a store");
	CHECK(block_codec_new(&codec, NULL) == 0, "codec");
	for (uint64_t i = 0; i < 600; i++) {
		v[i] = (struct sample){ .boot_usec = (1000 + i) * USEC_PER_SEC,
					.real_usec = T0 + i * USEC_PER_SEC,
					.have = BIT(METRIC_CPU_USAGE_USEC) };
		if (i % 10 != (i < 300 ? 3 : 8))
			continue;
		v[i].have |= BIT(METRIC_DETAIL_BOOT_USEC) | BIT(METRIC_PGFAULT);
		v[i].v[METRIC_DETAIL_BOOT_USEC] = v[i].boot_usec;
		v[i].v[METRIC_PGFAULT] = 50 * i;
	}
	b.start_real_usec = v[0].real_usec;
	b.n = (uint32_t)block_rollup(v, 600, 10, v);
	CHECK(b.n == 60 && block_encode(codec, v, 60, &b.data, NULL) == 0 &&
		      db_add_blocks(db, &b, 1, NULL) == 0,
	      "%u", b.n);
	CHECK(history_collect(NULL, db, &g, &d, NULL) == 0, "collect");
	history_make(d, shown, 2, (struct val){ 0 }, &h);
	for (size_t i = 0; i < h.n; i++) {
		struct val rate = at(&h, i, 0);

		rates += rate.kind == VAL_SET;
		CHECK(rate.kind != VAL_SET || rate.n == 50000, "%zu: %ju", i,
		      (uintmax_t)rate.n);
		CHECK(at(&h, i, 1).kind == VAL_ABSENT, "slab was never there");
	}
	CHECK(rates >= 59, "%zu of 60", rates);
	CHECK_U64(h.sums[0].avg.n, 50000);
	history_done(&h);
	history_data_free(d);
	buf_done(&b.data);
	block_codec_free(codec);
	db_close(db);
	end();
}

int main(void)
{
	RUN(details_are_over_the_time_between_their_readings);
	RUN(details_of_thinned_out_time_have_exact_rates);
	RUN(rates_are_over_their_second_and_gauges_as_they_were);
	RUN(the_first_sample_of_a_life_has_no_rate);
	RUN(a_gap_is_marked_and_has_no_rate);
	RUN(a_counter_that_went_back_is_no_rate);
	RUN(lives_are_not_counted_together);
	RUN(steps_take_the_mean_and_the_greatest);
	RUN(the_rrd_fills_what_is_missing_and_nothing_else);
	RUN(disk_use_is_what_its_last_row_says);
	RUN(limits_are_those_of_their_time);
	RUN(names_are_one_to_one);
	RUN(levels_meet_without_a_gap_or_a_double);
	RUN(the_rrd_meets_the_coarsest_level);
	RUN(counters_that_begin_anew_make_no_rate_at_any_level);
	return DONE();
}
