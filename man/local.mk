# SPDX-License-Identifier: LGPL-2.1-or-later
# the manual, a page a line; made by scdoc, without which there is none
man_sources =
man_sources += man/ctscope-audit.8.scd
man_sources += man/ctscope-backups.8.scd
man_sources += man/ctscope-config.8.scd
man_sources += man/ctscope-df.8.scd
man_sources += man/ctscope-doctor.8.scd
man_sources += man/ctscope-drift.8.scd
man_sources += man/ctscope-events.5.scd
man_sources += man/ctscope-events.8.scd
man_sources += man/ctscope-history.8.scd
man_sources += man/ctscope-hooks.8.scd
man_sources += man/ctscope-incidents.8.scd
man_sources += man/ctscope-list.8.scd
man_sources += man/ctscope-logs.8.scd
man_sources += man/ctscope-metrics.7.scd
man_sources += man/ctscope-network.8.scd
man_sources += man/ctscope-ps.8.scd
man_sources += man/ctscope-rules.7.scd
man_sources += man/ctscope-security.7.scd
man_sources += man/ctscope-snapshots.8.scd
man_sources += man/ctscope-status.8.scd
man_sources += man/ctscope-store.5.scd
man_sources += man/ctscope-top.8.scd
man_sources += man/ctscope-usage.8.scd
man_sources += man/ctscope-waivers.5.scd
man_sources += man/ctscope.8.scd
man_sources += man/ctscope.conf.5.scd
man_sources += man/ctscoped.8.scd
EXTRA_DIST += $(man_sources) man/make-page
if SCDOC
man_MANS = $(man_sources:.scd=)
CLEANFILES += $(man_MANS)
$(man_MANS): man/make-page
endif
SUFFIXES = .scd
.scd:
	$(AM_V_at)$(MKDIR_P) man
	$(AM_V_GEN)SCDOC='$(SCDOC)' $(top_srcdir)/man/make-page $< >$@.tmp && mv $@.tmp $@
