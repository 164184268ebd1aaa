/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/history.h"

#include "base/clock.h"
#include "tmproot.h"

/* from a ring and from rows of the RRD; tests/golden has the store */
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

static void names_are_one_to_one(void)
{
	for (unsigned i = 0; i < HISTORY_COLUMNS; i++) {
		struct history_def d;
		unsigned back = 0;

		history_def(i, &d);
		CHECK(d.name && d.help &&
			      history_column_parse(d.name, strlen(d.name), &back) == 0 &&
			      back == i,
		      "column %u", i);
	}
	CHECK(history_column_parse("", 0, &(unsigned){ 0 }) == -EINVAL, "empty");
}

int main(void)
{
	RUN(rates_are_over_their_second_and_gauges_as_they_were);
	RUN(the_first_sample_of_a_life_has_no_rate);
	RUN(a_gap_is_marked_and_has_no_rate);
	RUN(a_counter_that_went_back_is_no_rate);
	RUN(lives_are_not_counted_together);
	RUN(steps_take_the_mean_and_the_greatest);
	RUN(the_rrd_fills_what_is_missing_and_nothing_else);
	RUN(names_are_one_to_one);
	return DONE();
}
