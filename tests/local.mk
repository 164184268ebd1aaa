# SPDX-License-Identifier: LGPL-2.1-or-later
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
AM_TESTS_ENVIRONMENT = \
	CTSCOPE_FIXTURES='$(abs_top_srcdir)/tests/fixtures'; export CTSCOPE_FIXTURES; \
	CTSCOPE_BUILD='$(abs_top_builddir)'; export CTSCOPE_BUILD; \
	CTSCOPE_SOURCE='$(abs_top_srcdir)'; export CTSCOPE_SOURCE; \
	TZ=UTC; export TZ;

# unit tests: one program a module, TAP, no root, no network
unit_tests = \
	tests/unit/test-base \
	tests/unit/test-out

unit_tests += tests/unit/test-backups
unit_tests += tests/unit/test-blockdev
unit_tests += tests/unit/test-block
unit_tests += tests/unit/test-varint
unit_tests += tests/unit/test-sampler
unit_tests += tests/unit/test-history
unit_tests += tests/unit/test-cgsample
unit_tests += tests/unit/test-cgtree
unit_tests += tests/unit/test-lxc
unit_tests += tests/unit/test-usage
unit_tests += tests/unit/test-lifecycle
unit_tests += tests/unit/test-collect
unit_tests += tests/unit/test-conffile
unit_tests += tests/unit/test-denied
if SYSTEMD
unit_tests += tests/unit/test-loop
tests_unit_test_loop_LDADD = libct.a $(SYSTEMD_LIBS)
endif
unit_tests += tests/unit/test-procs
unit_tests += tests/unit/test-sockdiag
unit_tests += tests/unit/test-guestjournal
unit_tests += tests/unit/test-guestnet
unit_tests += tests/unit/test-sdjournal
unit_tests += tests/unit/test-opjournal
unit_tests += tests/unit/test-textlog
unit_tests += tests/unit/test-mountinfo
unit_tests += tests/unit/test-mounttree
unit_tests += tests/unit/test-mountentry
unit_tests += tests/unit/test-mountjoin
unit_tests += tests/unit/test-hostfs
noinst_HEADERS += tests/unit/tmproot.h
unit_tests += tests/unit/test-cgroup
unit_tests += tests/unit/test-ct
unit_tests += tests/unit/test-hostlog
unit_tests += tests/unit/test-journal
unit_tests += tests/unit/test-kernabout
unit_tests += tests/unit/test-logfollow
unit_tests += tests/unit/test-tasklog
unit_tests += tests/unit/test-procfs
unit_tests += tests/unit/test-procnet
unit_tests += tests/unit/test-vzdumplog
unit_tests += tests/unit/test-cluster
unit_tests += tests/unit/test-network
unit_tests += tests/unit/test-nlparse
unit_tests += tests/unit/test-pveconf
unit_tests += tests/unit/test-snapshot
unit_tests += tests/unit/test-rules
unit_tests += tests/unit/test-ctsec
unit_tests += tests/unit/test-kernel
unit_tests += tests/unit/test-secfilter
unit_tests += tests/unit/test-secpolicy
unit_tests += tests/unit/test-secdeep
unit_tests += tests/unit/test-drift
unit_tests += tests/unit/test-driftinside
unit_tests += tests/unit/test-audit
tests_unit_test_pveconf_LDADD = libct.a $(JANSSON_LIBS)
unit_tests += tests/unit/test-hook
unit_tests += tests/unit/test-dropin
unit_tests += tests/unit/test-spool
unit_tests += tests/unit/test-storage
unit_tests += tests/unit/test-jobs
unit_tests += tests/unit/test-firewall
unit_tests += tests/unit/test-top
unit_tests += tests/unit/test-ring
unit_tests += tests/unit/test-event
unit_tests += tests/unit/test-startreason
unit_tests += tests/unit/test-db
unit_tests += tests/unit/test-writer
tests_unit_test_writer_LDADD = libct.a $(SQLITE_LIBS)
tests_unit_test_db_LDADD = libct.a $(SQLITE_LIBS)
noinst_HEADERS += tests/unit/test.h
noinst_HEADERS += tests/unit/tree.h
EXTRA_DIST += tests/fixtures

include tests/fuzz/local.mk
include tests/bench/local.mk

# the program itself on recorded nodes
TESTS += tests/golden/run tests/golden/vmstatus tests/cli/robust
# each allocation, open, read and fork fails once: a minute
check-torture: ctscope tests/cli/failing.so
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) $(top_srcdir)/tests/cli/torture

# preloaded by tests/cli/torture
EXTRA_DIST += tests/cli/failing.c
CLEANFILES += tests/cli/failing.so
tests/cli/failing.so: tests/cli/failing.c
	$(AM_V_at)$(MKDIR_P) tests/cli
	$(AM_V_CCLD)$(CC) -O1 -D_GNU_SOURCE -fPIC -shared -o $@ $(srcdir)/tests/cli/failing.c -ldl
# preloaded by tests/collect/drill
EXTRA_DIST += tests/collect/clock.c
CLEANFILES += tests/collect/clock.so
tests/collect/clock.so: tests/collect/clock.c
	$(AM_V_at)$(MKDIR_P) tests/collect
	$(AM_V_CCLD)$(CC) -O1 -D_GNU_SOURCE -fPIC -shared -o $@ $(srcdir)/tests/collect/clock.c
check-local: tests/cli/failing.so tests/collect/clock.so
.PHONY: check-torture
EXTRA_DIST += tests/golden tests/cli/robust tests/cli/torture tests/run .ci/run
# the store under broken system calls; all of the places: tests/store/faults --long
if !FUZZING
check_PROGRAMS += tests/store/storefill
endif
tests_store_storefill_LDADD = libct.a
tests_store_storefill_LDFLAGS = $(AM_LDFLAGS) -rdynamic
TESTS += tests/store/faults
EXTRA_DIST += tests/store/faults
# results of a run lie beside the expected files in the build directory
dist-hook:
	rm -f $(distdir)/tests/golden/*.log $(distdir)/tests/golden/*.trs
	rm -rf $(distdir)/tests/golden/storemaker $(distdir)/tests/golden/storemaker.o \
		$(distdir)/tests/golden/.deps $(distdir)/tests/golden/.dirstamp
# top on a terminal
if !FUZZING
check_PROGRAMS += tests/cli/mkrecord
check_PROGRAMS += tests/live/feedring
endif
tests_live_feedring_LDADD = libct.a
tests_cli_mkrecord_SOURCES = tests/cli/mkrecord.c
tests_cli_mkrecord_LDADD = libct.a
TESTS += tests/cli/top
EXTRA_DIST += tests/cli/top
update-golden: ctscope
	$(AM_V_at)CTSCOPE_BUILD='$(abs_top_builddir)' $(top_srcdir)/tests/golden/run --update
.PHONY: update-golden

TESTS += tests/check-layers
EXTRA_DIST += tests/check-layers tests/check-format
TESTS += tests/check-units
EXTRA_DIST += tests/check-units
TESTS += tests/check-cases
EXTRA_DIST += tests/check-cases
# the manual says what is; all that is made of the program is written by update-docs
TESTS += tests/check-docs
EXTRA_DIST += tests/check-docs
check-docs: ctscope tests/golden/storemaker
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) $(top_srcdir)/tests/check-docs
update-docs: ctscope tests/golden/storemaker
	$(AM_V_at)$(AM_TESTS_ENVIRONMENT) $(top_srcdir)/tests/check-docs --update
.PHONY: check-docs update-docs
# what the shells complete
TESTS += tests/cli/completion
EXTRA_DIST += tests/cli/completion tests/lib/docgen.py tests/lib/docrun.py
check-layers:
	$(AM_V_at)$(top_srcdir)/tests/check-layers $(top_srcdir)
check-format:
	$(AM_V_at)$(top_srcdir)/tests/check-format
.PHONY: check-layers check-format

# configure --enable-coverage, then make coverage: coverage/index.html
coverage: check
	$(AM_V_at)command -v lcov >/dev/null || { echo "make coverage needs lcov"; exit 1; }
	$(AM_V_at)ls src/base/*.gcda >/dev/null 2>&1 || \
		{ echo "not built for it: configure --enable-coverage"; exit 1; }
	$(AM_V_GEN)lcov -q -c -d . -o coverage.all 2>coverage.err || { cat coverage.err; exit 1; }
	$(AM_V_at)lcov -q -e coverage.all '*/src/*' -o coverage.info 2>>coverage.err
	$(AM_V_at)genhtml -q -o coverage coverage.info 2>>coverage.err
	$(AM_V_at)lcov --summary coverage.info 2>>coverage.err
.PHONY: coverage
# what the rtnetlink readers say, for tests/live/test-network.sh
if !FUZZING
check_PROGRAMS += tests/live/netprobe
endif
tests_live_netprobe_LDADD = libct.a
if !FUZZING
check_PROGRAMS += tests/live/secprobe
endif
tests_live_secprobe_LDADD = libct.a
EXTRA_DIST += tests/live/test-security.py

include tests/node/local.mk
include tests/guest/local.mk
EXTRA_DIST += tests/live/test-network.py
EXTRA_DIST += tests/live/test-sockets.py
EXTRA_DIST += tests/live/test-guestnet.py
EXTRA_DIST += tests/live/test-hooks.py
EXTRA_DIST += tests/live/test-dropin.py
EXTRA_DIST += tests/live/test-inside.py
EXTRA_DIST += tests/live/test-stack.py
EXTRA_DIST += tests/live/test-top.py
EXTRA_DIST += tests/live/test-recorded.py
# a recorded past for tests/golden/run
noinst_PROGRAMS += tests/golden/storemaker
tests_golden_storemaker_SOURCES = tests/golden/storemaker.c
tests_golden_storemaker_LDADD = libct.a $(RRD_LIBS)
EXTRA_DIST += tests/live/test-collect.py
EXTRA_DIST += tests/live/test-pve-events.py
EXTRA_DIST += tests/collect/collectlib.py
EXTRA_DIST += tests/collect/drill
EXTRA_DIST += tests/collect/latency
EXTRA_DIST += tests/collect/overload
EXTRA_DIST += tests/live/test-lost.py
EXTRA_DIST += tests/live/pmxcfs.py
EXTRA_DIST += tests/live/test-full.py
EXTRA_DIST += tests/live/test-pmxcfs.py
unit_tests += tests/unit/test-guestwire
unit_tests += tests/unit/test-guestopen
EXTRA_DIST += tests/live/journals.py
EXTRA_DIST += tests/live/test-flood.py
EXTRA_DIST += tests/live/test-df.py
EXTRA_DIST += tests/live/test-doctor.py
EXTRA_DIST += tests/live/test-drift.py
unit_tests += tests/unit/test-rootstat
unit_tests += tests/unit/test-sandbox
tests_unit_test_sandbox_LDADD = libct.a $(SECCOMP_LIBS) $(CAP_LIBS)
unit_tests += tests/unit/test-guestcalls
tests_unit_test_guestcalls_LDADD = libct.a $(SECCOMP_LIBS)
unit_tests += tests/unit/test-diskwire
unit_tests += tests/unit/test-ctroot
unit_tests += tests/unit/test-clock
unit_tests += tests/unit/test-disktrend
unit_tests += tests/unit/test-doctor
