# SPDX-License-Identifier: LGPL-2.1-or-later
# make bench: needs root, see tests/bench/bench
EXTRA_PROGRAMS += tests/bench/floor tests/bench/measure
tests_bench_floor_SOURCES = tests/bench/floor.c
tests_bench_floor_LDADD =
tests_bench_measure_SOURCES = tests/bench/measure.c
tests_bench_measure_LDADD =
EXTRA_DIST += tests/bench/bench
CLEANFILES += tests/bench/floor tests/bench/measure
bench: ctscope tests/bench/floor tests/bench/measure
	$(AM_V_at)CTSCOPE_BUILD='$(abs_top_builddir)' BENCH_SIZES='$(BENCH_SIZES)' \
		BENCH_PAIRS='$(BENCH_PAIRS)' $(top_srcdir)/tests/bench/bench
BENCH_SIZES = 10 100 1000
BENCH_PAIRS = 30
.PHONY: bench
# the flight recorder against its floor, see tests/bench/recorder-bench
EXTRA_PROGRAMS += tests/bench/recorder
EXTRA_PROGRAMS += tests/bench/floor-recorder
tests_bench_recorder_SOURCES = tests/bench/recorder.c
tests_bench_recorder_LDADD = libct.a
tests_bench_floor_recorder_SOURCES = tests/bench/floor-recorder.c
tests_bench_floor_recorder_LDADD =
EXTRA_DIST += tests/bench/recorder-bench
EXTRA_DIST += tests/bench/big-store
EXTRA_DIST += tests/bench/against-netdata
CLEANFILES += tests/bench/recorder
CLEANFILES += tests/bench/floor-recorder
bench: bench-recorder bench-collector
bench-recorder: ctscope tests/golden/storemaker tests/bench/measure tests/bench/recorder tests/bench/floor-recorder
	$(AM_V_at)CTSCOPE_BUILD='$(abs_top_builddir)' $(top_srcdir)/tests/bench/recorder-bench $(BENCH_RECORDER)
BENCH_RECORDER = 1000 20
.PHONY: bench-recorder
# and all of ctscoped, see tests/bench/collector-bench
EXTRA_DIST += tests/bench/collector-bench
bench-collector: ctscope ctscoped tests/bench/floor-recorder
	$(AM_V_at)CTSCOPE_BUILD='$(abs_top_builddir)' $(top_srcdir)/tests/bench/collector-bench $(BENCH_COLLECTOR)
BENCH_COLLECTOR = 1000 60
.PHONY: bench-collector

# what the hooks add to a start
bench: bench-hook
bench-hook: src/hook/hook tests/live/load
	$(AM_V_at)CTSCOPE_BUILD='$(abs_top_builddir)' $(top_srcdir)/tests/bench/hook $(BENCH_HOOK_PAIRS)
BENCH_HOOK_PAIRS = 200
EXTRA_DIST += tests/bench/hook
.PHONY: bench-hook
EXTRA_DIST += tests/bench/recorder-load
EXTRA_DIST += tests/bench/vm-recorder
EXTRA_DIST += tests/bench/df
EXTRA_DIST += tests/bench/audit
bench: bench-audit
bench-audit: ctscope tests/bench/floor tests/bench/measure
	$(AM_V_at)CTSCOPE_BUILD='$(abs_top_builddir)' $(top_srcdir)/tests/bench/audit $(BENCH_AUDIT)
BENCH_AUDIT = 200 30
.PHONY: bench-audit
# df and drift of many, see tests/bench/df
bench: bench-df
bench-df: ctscope guest-read tests/live/load
	$(AM_V_at)CTSCOPE_BUILD='$(abs_top_builddir)' CTSCOPE='$(abs_top_builddir)/ctscope' \
		$(abs_top_srcdir)/tests/node/scratch --set none --net --quiet run \
		$(abs_top_srcdir)/tests/bench/df $(BENCH_DF)
BENCH_DF = 200 30
.PHONY: bench-df
