# SPDX-License-Identifier: LGPL-2.1-or-later
# One target a parser: tests/fuzz/fuzz-<name>.c, seeds and past crashes in corpus/<name>/.
# With --enable-fuzzing (clang) each is linked with libFuzzer, else with replay.c, and
# `make check` replays the corpus.
fuzz_targets = \
	tests/fuzz/fuzz-cgroup \
	tests/fuzz/fuzz-num \
	tests/fuzz/fuzz-procfs \
	tests/fuzz/fuzz-pvefs \
	tests/fuzz/fuzz-text \
	tests/fuzz/fuzz-unixsock

fuzz_targets += tests/fuzz/fuzz-vmlist
fuzz_targets += tests/fuzz/fuzz-kernelmsg
fuzz_targets += tests/fuzz/fuzz-backupname
fuzz_targets += tests/fuzz/fuzz-firewalllog
fuzz_targets += tests/fuzz/fuzz-vzdumplog
fuzz_targets += tests/fuzz/fuzz-stderrlog
fuzz_targets += tests/fuzz/fuzz-tasklog
fuzz_targets += tests/fuzz/fuzz-taskindex
fuzz_targets += tests/fuzz/fuzz-upid
fuzz_targets += tests/fuzz/fuzz-members
fuzz_targets += tests/fuzz/fuzz-rrd
fuzz_targets += tests/fuzz/fuzz-clusterlog
fuzz_targets += tests/fuzz/fuzz-hastatus
fuzz_targets += tests/fuzz/fuzz-usercfg
fuzz_targets += tests/fuzz/fuzz-sectionconf
fuzz_targets += tests/fuzz/fuzz-storage
fuzz_targets += tests/fuzz/fuzz-jobs
fuzz_targets += tests/fuzz/fuzz-vzdumpcron
fuzz_targets += tests/fuzz/fuzz-vzdumpconf
fuzz_targets += tests/fuzz/fuzz-replication
fuzz_targets += tests/fuzz/fuzz-firewall
fuzz_targets += tests/fuzz/fuzz-diskstats
fuzz_targets += tests/fuzz/fuzz-cgpath
fuzz_targets += tests/fuzz/fuzz-conffile
fuzz_targets += tests/fuzz/fuzz-status
fuzz_targets += tests/fuzz/fuzz-pveconf
fuzz_targets += tests/fuzz/fuzz-propstring
fuzz_targets += tests/fuzz/fuzz-nllink
fuzz_targets += tests/fuzz/fuzz-nladdr
fuzz_targets += tests/fuzz/fuzz-nlroute
fuzz_targets += tests/fuzz/fuzz-nltc
fuzz_targets += tests/fuzz/fuzz-ifname
fuzz_targets += tests/fuzz/fuzz-nlstats
fuzz_targets += tests/fuzz/fuzz-lxcconf
fuzz_targets += tests/fuzz/fuzz-spool
fuzz_targets += tests/fuzz/fuzz-ring
fuzz_targets += tests/fuzz/fuzz-block
fuzz_targets += tests/fuzz/fuzz-cgsample
fuzz_targets += tests/fuzz/fuzz-ctsec
fuzz_targets += tests/fuzz/fuzz-secfilter
EXTRA_DIST += tests/fuzz/run
check_LIBRARIES = libreplay.a
libreplay_a_SOURCES = tests/fuzz/replay.c
EXTRA_DIST += tests/fuzz/corpus

check_PROGRAMS += $(fuzz_targets)
if FUZZING
# libFuzzer brings its own main(): no unit tests in this configuration
LDADD = libct.a $(CT_FUZZ_LDFLAGS)
else
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests) $(fuzz_targets)
LDADD = libreplay.a libct.a
endif

FUZZ_SECONDS = 60
FUZZ_RUNS = -1
FUZZ_FLAGS =
fuzz: $(fuzz_targets)
	$(AM_V_at)$(top_srcdir)/tests/fuzz/run $(FUZZ_FLAGS) --seconds $(FUZZ_SECONDS) --runs $(FUZZ_RUNS) $(fuzz_targets)
.PHONY: fuzz
fuzz_targets += tests/fuzz/fuzz-kernmsg
fuzz_targets += tests/fuzz/fuzz-procnet
fuzz_targets += tests/fuzz/fuzz-vzdumpstate
fuzz_targets += tests/fuzz/fuzz-sockdiag
fuzz_targets += tests/fuzz/fuzz-resolvconf
fuzz_targets += tests/fuzz/fuzz-dhcplease
fuzz_targets += tests/fuzz/fuzz-lxcstart
fuzz_targets += tests/fuzz/fuzz-waivers
fuzz_targets += tests/fuzz/fuzz-mountinfo
fuzz_targets += tests/fuzz/fuzz-guestwire
fuzz_targets += tests/fuzz/fuzz-guestmounts
fuzz_targets += tests/fuzz/fuzz-textlog
fuzz_targets += tests/fuzz/fuzz-guestjournal
fuzz_targets += tests/fuzz/fuzz-secpolicy
fuzz_targets += tests/fuzz/fuzz-diskwire
