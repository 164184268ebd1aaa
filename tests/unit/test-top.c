/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <top.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/str.h"
#include "out/surface.h"
#include "out/text.h"
#include "out/topview.h"
#include "read/hostuse.h"
#include "rule/rate.h"
#include "rule/topnav.h"
#include "rule/toprow.h"

#define SEC  USEC_PER_SEC
#define MIB  ((uint64_t)1 << 20)
#define T0   (1000 * SEC)
#define REAL (1763694732 * SEC) /* 2025-11-21 03:12:12 UTC */

/* ---- rates ---- */

static struct sample at(uint64_t boot_usec)
{
	return (struct sample){ .boot_usec = boot_usec,
				.real_usec = REAL + boot_usec - T0 };
}

static void put(struct sample *s, enum metric m, uint64_t v)
{
	s->v[m] = v;
	s->have |= (uint64_t)1 << m;
}

static struct sample with(uint64_t boot_usec, enum metric m, uint64_t v)
{
	struct sample s = at(boot_usec);

	put(&s, m, v);
	return s;
}

static void a_rate_is_growth_over_the_time_between(void)
{
	struct sample a = with(T0, METRIC_CPU_USAGE_USEC, 5000),
		      b = with(T0 + 2 * SEC, METRIC_CPU_USAGE_USEC, 5000 + SEC);
	struct val v = rate_per_sec(&a, &b, METRIC_CPU_USAGE_USEC);

	CHECK(v.kind == VAL_SET && v.n == 500000, "%d %ju", v.kind, (uintmax_t)v.n);
	put(&b, METRIC_CPU_USAGE_USEC, 5000);
	v = rate_per_sec(&a, &b, METRIC_CPU_USAGE_USEC);
	CHECK(v.kind == VAL_SET && v.n == 0, "none: %d %ju", v.kind, (uintmax_t)v.n);
}

static void the_largest_counter_has_a_rate(void)
{
	struct sample a = with(T0, METRIC_IO_READ_BYTES, 0),
		      b = with(T0 + SEC, METRIC_IO_READ_BYTES, UINT64_MAX);
	struct val v = rate_per_sec(&a, &b, METRIC_IO_READ_BYTES);

	CHECK(v.kind == VAL_SET && v.n == UINT64_MAX, "%ju", (uintmax_t)v.n);
}

static void what_is_not_known_has_no_rate(void)
{
	struct sample a = with(T0, METRIC_CPU_USAGE_USEC, 10), none = at(T0 + SEC),
		      same = with(T0, METRIC_CPU_USAGE_USEC, 20),
		      reset = with(T0 + SEC, METRIC_CPU_USAGE_USEC, 9),
		      before = with(T0 - SEC, METRIC_CPU_USAGE_USEC, 20);

	CHECK(!rate_per_sec(&a, &none, METRIC_CPU_USAGE_USEC).kind, "absent after");
	CHECK(!rate_per_sec(&none, &a, METRIC_CPU_USAGE_USEC).kind, "absent before");
	CHECK(!rate_per_sec(&a, &same, METRIC_CPU_USAGE_USEC).kind, "same moment");
	CHECK(!rate_per_sec(&a, &reset, METRIC_CPU_USAGE_USEC).kind, "reset");
	CHECK(!rate_per_sec(&a, &before, METRIC_CPU_USAGE_USEC).kind, "wrong order");
	CHECK(!rate_gauge(&none, METRIC_PIDS_CURRENT).kind, "gauge");
}

static void a_rate_goes_back_as_far_as_asked_and_not_over_a_gap(void)
{
	struct sample v[8];

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = at(T0 + i * SEC);
	CHECK_U64(rate_since(v, 8, SEC), 6);
	CHECK_U64(rate_since(v, 8, 2 * SEC), 5);
	CHECK_U64(rate_since(v, 8, 3600 * SEC), 0);
	CHECK_U64(rate_since(v, 1, SEC), SIZE_MAX);
	CHECK_U64(rate_since(v, 0, SEC), SIZE_MAX);
	v[7].boot_usec -= 50000; /* a tick that came early is a tick */
	CHECK_U64(rate_since(v, 8, SEC), 6);
	v[7].boot_usec = v[6].boot_usec + 10 * SEC;
	CHECK_U64(rate_since(v, 8, SEC), SIZE_MAX);
}

/* ---- rows ---- */

static const struct warn_limits warn = { .cpu_percent = { 90, VAL_SET },
					 .memory_max_percent = { 95, VAL_SET } };
static const struct toplimits two_cpus = { .cpus_centi = { 200, VAL_SET },
					   .maxmem_bytes = { 512 * MIB, VAL_SET },
					   .maxswap_bytes = { 128 * MIB, VAL_SET },
					   .pids_max = { 100, VAL_SET },
					   .warn = &warn };

static struct toprow_ask ask_for(enum topsort sort, uint64_t boot_usec)
{
	return (struct toprow_ask){ .sort = sort,
				    .interval_usec = SEC,
				    .step_usec = SEC,
				    .at_boot_usec = boot_usec };
}

static void the_figures_of_a_row_are_of_its_limits(void)
{
	struct toprow_ask ask = ask_for(TOPSORT_CPU, T0 + SEC);
	struct toprow r = { .vmid = 101, .name = "web" };
	struct sample v[2] = { at(T0), at(T0 + SEC) };

	for (size_t i = 0; i < 2; i++) {
		put(&v[i], METRIC_CPU_USAGE_USEC, i * 1900000);
		put(&v[i], METRIC_MEMORY_CURRENT_BYTES, 400 * MIB);
		put(&v[i], METRIC_MEMORY_FILE_BYTES, 144 * MIB);
		put(&v[i], METRIC_IO_READ_BYTES, 100 + i * 7);
		put(&v[i], METRIC_IO_WRITE_BYTES, 100 + i * 3);
		put(&v[i], METRIC_PSI_IO_SOME_USEC, i * 250000);
		put(&v[i], METRIC_PSI_CPU_SOME_USEC, i * 10);
		put(&v[i], METRIC_PIDS_CURRENT, 100);
		put(&v[i], METRIC_CPU_NR_THROTTLED, 5 + i);
		put(&v[i], METRIC_MEMORY_EVENTS_MAX, 7);
		put(&v[i], METRIC_MEMORY_EVENTS_OOM_KILL, i * 2);
	}
	toprow_fill(&ask, &two_cpus, v, 2, &r);
	CHECK_STR(r.name, "web");
	CHECK_U64(r.cpu_ppm.n, 950000);
	CHECK_U64(r.cores_ppm.n, 1900000);
	CHECK_U64(r.mem_bytes.n, 256 * MIB);
	CHECK_U64(r.mem_ppm.n, 500000);
	CHECK_U64(r.io_bps.n, 10);
	CHECK_U64(r.psi_ppm.n, 250000);
	CHECK_U64(r.oom_kills.n, 2);
	CHECK(r.throttled && r.pids_limit && !r.mem_limit, "marks");
	CHECK(r.cpu_hot && !r.mem_hot, "hot");
	CHECK(!r.swap_bytes.kind && !r.net_bps.kind && !r.psi_mem_ppm.kind, "absent");
	CHECK_U64(r.graph[TOP_GRAPH - 1].n, 950000);
	CHECK(!r.graph[TOP_GRAPH - 2].kind, "nothing before");
}

static void a_container_that_has_ended_shows_no_old_figures(void)
{
	struct toprow_ask ask = ask_for(TOPSORT_CPU, T0 + 10 * SEC);
	struct sample v[2] = { with(T0, METRIC_CPU_USAGE_USEC, 0),
			       with(T0 + SEC, METRIC_CPU_USAGE_USEC, SEC) };
	struct toprow r = { .vmid = 101 };

	toprow_fill(&ask, &two_cpus, v, 2, &r);
	CHECK(!r.cpu_ppm.kind && !r.cores_ppm.kind, "figures");
	CHECK_U64(r.graph[TOP_GRAPH - 1 - 9].n, 500000);
	toprow_fill(&ask, &two_cpus, NULL, 0, &r);
	CHECK(!r.cpu_ppm.kind && !r.graph[50].kind, "never sampled");
}

static void a_gap_is_a_gap_in_the_graph(void)
{
	struct toprow_ask ask = ask_for(TOPSORT_MEM, T0 + 20 * SEC);
	struct toprow r = { .vmid = 101 };
	struct sample v[12];
	size_t n = 0;

	for (uint64_t s = 0; s <= 20; s++) {
		if (s > 5 && s < 15)
			continue;
		v[n] = with(T0 + s * SEC, METRIC_MEMORY_CURRENT_BYTES, 100 + s);
		put(&v[n++], METRIC_MEMORY_FILE_BYTES, 0);
	}
	toprow_fill(&ask, &two_cpus, v, n, &r);
	CHECK_U64(r.graph[59].n, 120);
	CHECK_U64(r.graph[59 - 4].n, 116);
	CHECK(!r.graph[59 - 5].kind, "first after the gap");
	CHECK(!r.graph[59 - 10].kind, "in the gap");
	CHECK_U64(r.graph[59 - 15].n, 105);
	CHECK_U64(r.graph_full.n, 512 * MIB);
}

static void no_limit_is_no_percent(void)
{
	const struct toplimits none = { .cpus_centi = { 0, VAL_ABSENT },
					.maxmem_bytes = { 0, VAL_MAX },
					.pids_max = { 0, VAL_MAX } };
	struct toprow_ask ask = ask_for(TOPSORT_CPU, T0 + SEC);
	struct sample v[2] = { with(T0, METRIC_CPU_USAGE_USEC, 0),
			       with(T0 + SEC, METRIC_CPU_USAGE_USEC, SEC) };
	struct toprow r = { .vmid = 101 };

	put(&v[1], METRIC_PIDS_CURRENT, 7);
	toprow_fill(&ask, &none, v, 2, &r);
	CHECK(!r.cpu_ppm.kind && r.cores_ppm.n == SEC, "CPU");
	CHECK(!r.mem_ppm.kind && !r.pids_limit, "memory, pids");
}

static void the_order_is_largest_first_and_absent_last(void)
{
	struct toprow v[4] = {
		{ .vmid = 101, .name = "b" },
		{ .vmid = 102, .name = "a", .mem_bytes = { 5, VAL_SET } },
		{ .vmid = 103, .mem_bytes = { 9, VAL_SET } },
		{ .vmid = 104, .name = "c", .mem_bytes = { 5, VAL_SET } }
	};

	toprow_sort(v, 4, TOPSORT_MEM, false);
	CHECK(v[0].vmid == 103 && v[1].vmid == 102 && v[2].vmid == 104 &&
		      v[3].vmid == 101,
	      "%u %u %u %u", v[0].vmid, v[1].vmid, v[2].vmid, v[3].vmid);
	toprow_sort(v, 4, TOPSORT_MEM, true);
	CHECK(v[0].vmid == 102 && v[2].vmid == 103 && v[3].vmid == 101, "reverse");
	toprow_sort(v, 4, TOPSORT_NAME, false);
	CHECK(v[0].vmid == 103 && v[1].vmid == 102 && v[3].vmid == 104, "name");
	toprow_sort(v, 4, TOPSORT_VMID, true);
	CHECK(v[0].vmid == 104 && v[3].vmid == 101, "number");
	toprow_sort(NULL, 0, TOPSORT_CPU, false);
}

static void a_filter_is_part_of_name_or_number(void)
{
	struct toprow r = { .vmid = 4711, .name = "Web-1" }, nameless = { .vmid = 100 };

	CHECK(toprow_matches(&r, ""), "empty");
	CHECK(toprow_matches(&r, "wEB"), "name");
	CHECK(toprow_matches(&r, "71"), "number");
	CHECK(!toprow_matches(&r, "web-2"), "other");
	CHECK(!toprow_matches(&nameless, "web"), "no name");
	CHECK(toprow_matches(&nameless, "100"), "its number");
}

/* ---- keys ---- */

static struct topnav_view view_of(const struct toprow *v, size_t n)
{
	return (struct topnav_view){ .now_real_usec = REAL,
				     .shown_real_usec = REAL - SEC / 2,
				     .step_usec = SEC,
				     .rows = n,
				     .page = 5,
				     .v = v };
}

static void keys_choose_the_order(void)
{
	static const struct {
		int key;
		enum topsort sort;
	} keys[] = {
		{ 'm', TOPSORT_MEM },  { 'i', TOPSORT_IO },   { 'n', TOPSORT_NET },
		{ 'p', TOPSORT_PSI },  { '>', TOPSORT_PIDS }, { '>', TOPSORT_VMID },
		{ '<', TOPSORT_PIDS }, { 'c', TOPSORT_CPU },  { '<', TOPSORT_NAME }
	};
	struct topnav nav = { .sort = TOPSORT_CPU };
	struct topnav_view view = view_of(NULL, 0);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		CHECK(topnav_key(&nav, &view, keys[i].key) == TOPACT_DRAW, "%zu", i);
		CHECK(nav.sort == keys[i].sort, "%zu: %d", i, nav.sort);
	}
	topnav_key(&nav, &view, 'r');
	CHECK(nav.reverse, "reverse");
	topnav_key(&nav, &view, 'm');
	CHECK(!nav.reverse, "another order begins the usual way round");
	CHECK(topnav_key(&nav, &view, 'z') == TOPACT_NONE, "no such key");
	CHECK(topnav_key(&nav, &view, 'q') == TOPACT_QUIT, "q");
}

static void the_cursor_stays_on_its_container(void)
{
	struct toprow v[20] = { { 0 } };
	struct topnav nav = { 0 };
	struct topnav_view view = view_of(v, 20);

	for (size_t i = 0; i < 20; i++)
		v[i].vmid = 100 + (uint32_t)i;
	topnav_place(&nav, v, 20, 5);
	CHECK(nav.cursor == 0 && nav.scroll == 0, "start");
	topnav_key(&nav, &view, TOPKEY_DOWN);
	topnav_key(&nav, &view, TOPKEY_DOWN);
	CHECK(nav.selected == 102 && nav.cursor == 2, "down: %u", nav.selected);
	v[2].vmid = 119;
	v[19].vmid = 102;
	topnav_place(&nav, v, 20, 5);
	CHECK(nav.cursor == 19 && nav.scroll == 15, "%zu %zu", nav.cursor, nav.scroll);
	topnav_key(&nav, &view, TOPKEY_PAGE_UP);
	CHECK(nav.cursor == 14 && nav.scroll == 14, "page up: %zu", nav.cursor);
	topnav_key(&nav, &view, TOPKEY_END);
	CHECK(nav.cursor == 19, "end: %zu", nav.cursor);
	topnav_key(&nav, &view, TOPKEY_DOWN);
	CHECK(nav.cursor == 19, "no further: %zu", nav.cursor);
	topnav_place(&nav, v, 3, 5);
	CHECK(nav.cursor == 2 && nav.scroll == 0, "fewer: %zu", nav.cursor);
	topnav_place(&nav, NULL, 0, 5);
	CHECK(nav.cursor == 0 && nav.scroll == 0, "none");
	view = view_of(v, 0);
	CHECK(topnav_key(&nav, &view, TOPKEY_ENTER) == TOPACT_NONE, "nothing to enter");
	view = view_of(v, 20);
	topnav_key(&nav, &view, TOPKEY_HOME);
	CHECK(!nav.selected && !nav.cursor, "home follows nobody");
	CHECK(topnav_key(&nav, &view, TOPKEY_ENTER) == TOPACT_READ && nav.unit == 100,
	      "enter: %u", nav.unit);
	view.v = NULL;
	topnav_key(&nav, &view, TOPKEY_END);
	CHECK_U64(nav.unit_scroll, 15);
	topnav_key(&nav, &view, TOPKEY_ESCAPE);
	CHECK(!nav.unit, "escape");
}

static void a_filter_is_typed(void)
{
	struct topnav nav = { 0 };
	struct topnav_view view = view_of(NULL, 0);

	topnav_key(&nav, &view, '/');
	topnav_key(&nav, &view, 'q');
	topnav_key(&nav, &view, 'w');
	topnav_key(&nav, &view, 0x1b + 0x100); /* no character: nothing */
	CHECK_STR(nav.filter, "qw");
	topnav_key(&nav, &view, TOPKEY_BACKSPACE);
	topnav_key(&nav, &view, TOPKEY_ENTER);
	CHECK_STR(nav.filter, "q");
	CHECK(!nav.prompt, "closed");
	topnav_key(&nav, &view, '/');
	topnav_key(&nav, &view, 'x');
	topnav_key(&nav, &view, TOPKEY_ESCAPE);
	CHECK_STR(nav.filter, "q");
	topnav_key(&nav, &view, TOPKEY_ESCAPE);
	CHECK_STR(nav.filter, "");
	topnav_key(&nav, &view, '/');
	for (int i = 0; i < 200; i++)
		topnav_key(&nav, &view, 'y');
	CHECK_U64(strlen(nav.filter), TOPNAV_TEXT - 1);
}

static void keys_go_through_time(void)
{
	struct topnav nav = { 0 };
	struct topnav_view view = view_of(NULL, 0);

	CHECK(topnav_key(&nav, &view, ']') == TOPACT_NONE, "there is no future");
	CHECK(topnav_key(&nav, &view, '[') == TOPACT_READ && nav.past, "back");
	CHECK_U64(nav.at_real_usec, REAL - SEC / 2 - SEC);
	topnav_key(&nav, &view, '{');
	topnav_key(&nav, &view, '(');
	topnav_key(&nav, &view, TOPKEY_LEFT);
	CHECK_U64(nav.at_real_usec, REAL - SEC / 2 - 72 * SEC);
	CHECK(topnav_key(&nav, &view, ' ') == TOPACT_NONE, "the past stands still");
	topnav_key(&nav, &view, ')');
	topnav_key(&nav, &view, '}');
	CHECK_U64(nav.at_real_usec, REAL - SEC / 2 - 2 * SEC);
	view.step_usec = 10 * SEC;
	topnav_key(&nav, &view, '[');
	CHECK_U64(nav.at_real_usec, REAL - SEC / 2 - 12 * SEC);
	view.step_usec = SEC;
	topnav_key(&nav, &view, ')');
	CHECK(!nav.past, "on into now");
	topnav_goto(&nav, REAL - 3600 * SEC, REAL);
	CHECK(nav.past, "goto");
	CHECK(topnav_key(&nav, &view, 'l') == TOPACT_READ && !nav.past, "live");
	nav = (struct topnav){ .past = true, .at_real_usec = SEC / 2 };
	topnav_key(&nav, &view, '(');
	CHECK_U64(nav.at_real_usec, 0);
}

static void a_time_is_typed(void)
{
	struct topnav nav = { 0 };
	struct topnav_view view = view_of(NULL, 0);

	topnav_key(&nav, &view, '@');
	for (const char *s = "03:12"; *s; s++)
		topnav_key(&nav, &view, *s);
	CHECK(topnav_key(&nav, &view, TOPKEY_ENTER) == TOPACT_TIME, "enter");
	CHECK_STR(nav.text, "03:12");
	topnav_key(&nav, &view, '@');
	CHECK(topnav_key(&nav, &view, TOPKEY_ENTER) == TOPACT_DRAW, "nothing was typed");
}

static void hold_help_and_interval(void)
{
	struct topnav nav = { .interval_usec = 2 * SEC };
	struct topnav_view view = view_of(NULL, 0);

	topnav_key(&nav, &view, ' ');
	CHECK(nav.paused, "held");
	topnav_key(&nav, &view, ' ');
	CHECK(!nav.paused, "goes on");
	topnav_key(&nav, &view, 'h');
	CHECK(nav.help, "help");
	topnav_key(&nav, &view, 'm');
	CHECK(!nav.help && nav.sort != TOPSORT_MEM, "any key closes it");
	CHECK(topnav_key(&nav, &view, '+') == TOPACT_TIMER &&
		      nav.interval_usec == 3 * SEC,
	      "%ju", (uintmax_t)nav.interval_usec);
	for (int i = 0; i < 20; i++)
		topnav_key(&nav, &view, '-');
	CHECK_U64(nav.interval_usec, TOPNAV_MIN_USEC);
	for (int i = 0; i < 20; i++)
		topnav_key(&nav, &view, '+');
	CHECK_U64(nav.interval_usec, TOPNAV_MAX_USEC);
}

static void every_key_is_survived(void)
{
	struct toprow v[3] = { { .vmid = 100 }, { .vmid = 101 }, { .vmid = 102 } };
	struct topnav_view view = view_of(v, 3);
	struct topnav nav = { .interval_usec = SEC };
	uint32_t x = 1;

	for (int i = 0; i < 100000; i++) {
		x = x * 1664525 + 1013904223;
		view.page = x >> 8 & 3;
		view.v = nav.unit ? NULL : v;
		topnav_key(&nav, &view,
			   x >> 31 ? TOPKEY_UP + (int)(x >> 16 & 15)
				   : (int)(x >> 16 & 0xff));
		topnav_place(&nav, v, 3, view.page);
		CHECK(nav.cursor < 3 && nav.sort < TOPSORTS && nav.prompt <= PROMPT_TIME,
		      "%d", i);
	}
}

/* ---- pictures ---- */

static void nothing_is_drawn_outside(void)
{
	_cleanup_(surface_done) struct surface s = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct style none = { 0 };

	surface_init(&s, 1, 1, true);
	CHECK(s.w == SURFACE_MIN_W && s.h == SURFACE_MIN_H, "%zu %zu", s.w, s.h);
	CHECK_U64(surface_put(&s, 15, 0, 99, "abcdefgh", none), 5);
	CHECK_U64(surface_put(&s, 20, 0, 99, "x", none), 0);
	CHECK_U64(surface_put(&s, 0, 5, 99, "x", none), 0);
	CHECK_U64(surface_put(&s, 0, 1, 3, "abcdefgh", none), 3);
	CHECK_U64(surface_put(&s, 0, 2, 3, "\xe6\xbc\xa2\xe6\xbc\xa2", none), 2);
	CHECK_U64(surface_put(&s, 4, 2, 9, "e\xcc\x81x", none), 2);
	CHECK_U64(surface_put(&s, 0, 3, 9, "\x1b[2J\xff\x7f\t", none), 7);
	surface_paint(&s, 18, 4, 99, (struct style){ .reverse = true });
	surface_dump(&s, &b);
	CHECK_STR(buf_str(&b),
		  "               abcde\nabc\n\xe6\xbc\xa2  e\xcc\x81x\n?[2J???\n\n");
}

static void many_marks_stay_in_their_cell(void)
{
	_cleanup_(surface_done) struct surface s = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_addc(&b, 'e');
	for (int i = 0; i < 100; i++)
		buf_adds(&b, "\xcc\x81");
	surface_init(&s, 20, 5, true);
	CHECK_U64(surface_put(&s, 0, 0, 20, buf_str(&b), (struct style){ 0 }), 1);
	CHECK_U64(strlen(s.v[0].text), 9);
}

static void without_utf8_all_is_ascii(void)
{
	_cleanup_(surface_done) struct surface s = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	surface_init(&s, 20, 5, false);
	surface_put(&s, 0, 0, 20, "b\xc3\xa4r \xe6\xbc\xa2", (struct style){ 0 });
	surface_dump(&s, &b);
	CHECK(strncmp(buf_str(&b), "b?r ?\n", 6) == 0, "%s", buf_str(&b));
}

static void a_graph_shows_gaps_nothing_and_all(void)
{
	_cleanup_(buf_done) struct buf a = { 0 }, b = { 0 }, c = { 0 };
	struct toprow r = { 0 };

	r.graph[TOP_GRAPH - 1] = val_set(100);
	r.graph[TOP_GRAPH - 2] = val_set(0);
	r.graph[TOP_GRAPH - 4] = val_set(1);
	r.graph[TOP_GRAPH - 5] = val_set(900); /* more than its limit */
	topview_graph(&r, 100, 60, false, &a);
	CHECK_U64(a.n, 60);
	CHECK_STR(buf_str(&a) + 55, "#. _#");
	topview_graph(&r, 100, 7, false, &b);
	CHECK_STR(buf_str(&b), "      #");
	topview_graph(&r, 0, 60, true, &c);
	CHECK(strstr(buf_str(&c), "▂ ▁▂"), "%s", buf_str(&c));
}

#define NCTS 7
static struct toprow rows[NCTS];

/* Seven containers: quiet, at their limits, hostile, unknown. */
static void make_rows(enum topsort sort)
{
	static const char *const names[NCTS] = {
		"web",
		"db.example.test",
		"\x1b[31mred\xe2\x80\xae\xff",
		"mail",
		"a-rather-long-name-of-a-container.example.test",
		NULL,
		"idle",
	};
	static const uint64_t cpu[NCTS] = { 1400000, 300000, 20000, 1990000, 0, 5, 0 };
	struct sample v[62];

	for (size_t i = 0; i < NCTS; i++) {
		struct toprow_ask ask = ask_for(sort, T0 + 61 * SEC);

		rows[i] = (struct toprow){ .vmid = 101 + (uint32_t)i,
					   .name = names[i],
					   .state = i == 4 ? CT_FROZEN : CT_RUNNING };
		for (uint64_t k = 0; k < 62; k++) {
			v[k] = with(T0 + k * SEC, METRIC_CPU_USAGE_USEC,
				    cpu[i] * k + k * k * 3000 * (i == 1));
			put(&v[k], METRIC_MEMORY_CURRENT_BYTES,
			    (100 + 50 * i) * MIB + k * MIB);
			put(&v[k], METRIC_MEMORY_FILE_BYTES, 40 * MIB);
			put(&v[k], METRIC_SWAP_CURRENT_BYTES, i * 3 * MIB);
			put(&v[k], METRIC_IO_READ_BYTES, i * k * 100000);
			put(&v[k], METRIC_IO_WRITE_BYTES, i * k * 3000000);
			put(&v[k], METRIC_NET_IN_BYTES, (7 - i) * k * 12345);
			put(&v[k], METRIC_NET_OUT_BYTES, (7 - i) * k * 123456);
			put(&v[k], METRIC_PSI_CPU_SOME_USEC, i * k * 1000);
			put(&v[k], METRIC_PSI_IO_SOME_USEC, i * k * 20000);
			put(&v[k], METRIC_PSI_MEMORY_SOME_USEC, 0);
			put(&v[k], METRIC_PIDS_CURRENT, i == 1 ? 100 : 3 + i);
			put(&v[k], METRIC_CPU_NR_THROTTLED, i == 3 ? k : 0);
			put(&v[k], METRIC_MEMORY_EVENTS_MAX, i == 3 ? k : 0);
			put(&v[k], METRIC_MEMORY_EVENTS_OOM_KILL,
			    i == 0 && k > 30 ? 2 : 0);
		}
		toprow_fill(&ask, &two_cpus, v, i == 5 ? 0 : 62, &rows[i]);
	}
	toprow_sort(rows, NCTS, sort, false);
}

static struct topframe make_frame(void)
{
	return (struct topframe){
		.node = "pve1",
		.real_usec = REAL,
		.now_real_usec = REAL,
		.source = TOP_RING,
		.step_usec = SEC,
		.interval_usec = 2 * SEC,
		.n_running = 6,
		.n_frozen = 1,
		.n_stopped = 3,
		.host = { .cpus = 16,
			  .cpu_ppm = val_set(234000),
			  .mem_bytes = val_set(12345 * MIB),
			  .maxmem_bytes = val_set(65536 * MIB),
			  .swap_bytes = val_set(0),
			  .psi_cpu_centi = val_set(125),
			  .psi_io_centi = val_set(0),
			  .psi_mem_centi = val_set(7) },
		.v = rows,
		.n = NCTS,
	};
}

static void compare(const char *name, const struct surface *s)
{
	_cleanup_(buf_done) struct buf got = { 0 }, want = { 0 };
	_cleanup_close_ int dir = fixture_open("top");

	surface_dump(s, &got);
	if (getenv("TOP_UPDATE")) {
		_cleanup_free_ char *path =
			xasprintf("%s/top/%s", getenv("CTSCOPE_FIXTURES"), name);
		FILE *f = fopen(path, "w");

		if (f) {
			fwrite(got.p, 1, got.n, f);
			fclose(f);
		}
	}
	if (fs_read_file(dir, name, 1 << 20, &want, NULL) < 0)
		buf_adds(&want, "");
	CHECK(want.n == got.n && memcmp(want.p, got.p, got.n) == 0,
	      "%s is not (see TOP_UPDATE=1):\n%s", name, buf_str(&got));
}

static void draw(const char *name, size_t w, size_t h, bool utf8,
		 const struct topframe *f, const struct topnav *nav,
		 const struct topview_opts *o)
{
	_cleanup_(surface_done) struct surface s = { 0 };

	surface_init(&s, w, h, utf8);
	topview_draw(&s, f, nav, o);
	compare(name, &s);
}

static void screens_of_all_sizes_are_as_recorded(void)
{
	static const struct {
		const char *name;
		size_t w, h;
		enum topsort sort;
		bool utf8;
	} screens[] = {
		{ "80x24", 80, 24, TOPSORT_CPU, true },
		{ "200x50", 200, 50, TOPSORT_CPU, true },
		{ "200x50-io", 200, 50, TOPSORT_IO, true },
		{ "40x10", 40, 10, TOPSORT_MEM, true },
		{ "130x24", 130, 24, TOPSORT_NET, true },
		{ "300x100", 300, 100, TOPSORT_PSI, true },
		{ "80x24-ascii", 80, 24, TOPSORT_PIDS, false },
		{ "80x24-swap", 80, 24, TOPSORT_SWAP, true },
	};
	const struct topview_opts o = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(screens); i++) {
		struct topnav nav = { .sort = screens[i].sort };
		struct topframe f;

		make_rows(screens[i].sort);
		f = make_frame();
		draw(screens[i].name, screens[i].w, screens[i].h, screens[i].utf8, &f,
		     &nav, &o);
	}
}

static void the_past_says_that_it_is_the_past(void)
{
	struct topnav nav = { .sort = TOPSORT_CPU, .past = true, .at_real_usec = REAL };
	const struct topview_opts o = { 0 };
	struct topframe f = make_frame();

	make_rows(TOPSORT_CPU);
	f.past = true;
	f.source = TOP_STORE;
	f.step_usec = 10 * SEC;
	f.newest_real_usec = REAL;
	f.now_real_usec = REAL + 21780 * SEC;
	draw("80x24-past", 80, 24, true, &f, &nav, &o);
	f.newest_real_usec = 0;
	f.n = 0;
	draw("80x24-unrecorded", 80, 24, true, &f, &nav, &o);
}

static void notes_prompts_and_help_have_their_place(void)
{
	struct topnav nav = { .sort = TOPSORT_CPU,
			      .prompt = PROMPT_FILTER,
			      .text = "we",
			      .filter = "we",
			      .paused = true };
	struct topview_opts o = { .message = "\x1b]0;evil\x07" };
	struct topframe f;

	make_rows(TOPSORT_CPU);
	f = make_frame();
	f.note = "/etc/pve does not answer (2 s): the configs are those of before";
	draw("80x24-prompt", 80, 24, true, &f, &nav, &o);
	nav.prompt = PROMPT_NONE;
	nav.help = true;
	draw("80x24-help", 80, 24, true, &f, &nav, &o);
	nav.help = false;
	o.columns = "vmid,cores,state,graph";
	draw("80x24-columns", 80, 24, true, &f, &nav, &o);
}

static void units_are_a_tree_with_figures(void)
{
	const struct topunit u[] = {
		{ .depth = 0,
		  .cores_ppm = val_set(1200000),
		  .mem_bytes = val_set(300 * MIB) },
		{ .depth = 1,
		  .name = "system.slice",
		  .kind = "slice",
		  .cores_ppm = val_set(1100000),
		  .mem_bytes = val_set(250 * MIB),
		  .read_bps = val_set(4096),
		  .write_bps = val_set(0),
		  .pids = val_set(12) },
		{ .depth = 2,
		  .name = "evil\x1b[2J\n.service",
		  .kind = "unit",
		  .cores_ppm = val_set(1000000) },
		{ .depth = 40, .name = "deep", .kind = "other" },
	};
	const struct topview_opts o = { .units = u,
					.n_units = ARRAY_SIZE(u),
					.unit_note =
						"at least 7 more cgroups are not shown" };
	struct topnav nav = { .unit = 101 };
	struct topframe f = make_frame();

	draw("80x24-units", 80, 24, true, &f, &nav, &o);
	draw("40x10-units", 40, 10, true, &f, &nav, &o);
}

/* No size, order or state draws outside, or anything that steers. */
static void every_size_is_drawn(void)
{
	for (size_t w = 1; w <= 320; w += 7)
		for (size_t h = 1; h <= 110; h += 9)
			for (int mode = 0; mode < 4; mode++) {
				_cleanup_(surface_done) struct surface s = { 0 };
				struct topnav nav = { .sort = (w + h) % TOPSORTS,
						      .help = mode == 1,
						      .unit = mode == 2 ? 101 : 0,
						      .cursor = 3 };
				struct topview_opts o = { .message = mode == 3 ? "x"
									       : NULL };
				struct topframe f = make_frame();

				f.past = mode == 3;
				surface_init(&s, w, h, w & 1);
				topview_draw(&s, &f, &nav, &o);
				for (size_t i = 0; i < s.w * s.h; i++) {
					const char *t = s.v[i].text;

					CHECK((unsigned char)*t >= ' ' || !*t,
					      "%zu x %zu: %02x", w, h, (unsigned char)*t);
				}
			}
}

/* ---- the host ---- */

static void the_first_line_of_stat_is_all_cpus(void)
{
	static const char *const bad[] = { "",
					   "cpu\n",
					   "cpu0 1 2 3 4\n",
					   "cpu 1 2 3\n",
					   "cpu 1 2 x 4\n",
					   "cpu 18446744073709551615 1 0 0\n" };
	struct hostuse h = { 0 };

	CHECK(hostuse_parse_stat(span_str("cpu  10 1 5 80 4 0 2 3 7 0\ncpu0 1"), &h) == 0,
	      "x");
	CHECK_U64(h.all_ticks.n, 105);
	CHECK_U64(h.busy_ticks.n, 21);
	CHECK(hostuse_parse_stat(span_str("cpu 1 2 3 4"), &h) == 0, "old kernel");
	CHECK_U64(h.busy_ticks.n, 6);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(hostuse_parse_stat(span_str(bad[i]), &h) == -EINVAL, "%s", bad[i]);
}

static void a_host_without_pressure_is_read(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_close_ int empty = fixture_open("top");
	struct hostuse h = { 0 };
	struct err err = { 0 };

	CHECK(hostuse_read(root, &h, &err) == 0, "%s", err.msg);
	CHECK(h.all_ticks.kind == VAL_SET && h.all_ticks.n > h.busy_ticks.n, "ticks");
	CHECK(h.pressure.cpu.some.avg10_centi.kind == VAL_ABSENT, "pressure");
	CHECK(hostuse_read(empty, &h, &err) == 0 && !h.all_ticks.kind, "nothing there");
}

int main(void)
{
	RUN(a_rate_is_growth_over_the_time_between);
	RUN(the_largest_counter_has_a_rate);
	RUN(what_is_not_known_has_no_rate);
	RUN(a_rate_goes_back_as_far_as_asked_and_not_over_a_gap);
	RUN(the_figures_of_a_row_are_of_its_limits);
	RUN(a_container_that_has_ended_shows_no_old_figures);
	RUN(a_gap_is_a_gap_in_the_graph);
	RUN(no_limit_is_no_percent);
	RUN(the_order_is_largest_first_and_absent_last);
	RUN(a_filter_is_part_of_name_or_number);
	RUN(keys_choose_the_order);
	RUN(the_cursor_stays_on_its_container);
	RUN(a_filter_is_typed);
	RUN(keys_go_through_time);
	RUN(a_time_is_typed);
	RUN(hold_help_and_interval);
	RUN(every_key_is_survived);
	RUN(nothing_is_drawn_outside);
	RUN(many_marks_stay_in_their_cell);
	RUN(without_utf8_all_is_ascii);
	RUN(a_graph_shows_gaps_nothing_and_all);
	RUN(screens_of_all_sizes_are_as_recorded);
	RUN(the_past_says_that_it_is_the_past);
	RUN(notes_prompts_and_help_have_their_place);
	RUN(units_are_a_tree_with_figures);
	RUN(every_size_is_drawn);
	RUN(the_first_line_of_stat_is_all_cpus);
	RUN(a_host_without_pressure_is_read);
	return DONE();
}
