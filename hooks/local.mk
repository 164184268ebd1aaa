# SPDX-License-Identifier: LGPL-2.1-or-later
# The drop-in for LXC's common.conf.d: `ctscope hooks install` holds the same text.
EXTRA_DIST += hooks/50-ctscope.conf.in
noinst_DATA = hooks/50-ctscope.conf
CLEANFILES += hooks/50-ctscope.conf
hooks/50-ctscope.conf: hooks/50-ctscope.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) hooks && \
		sed 's,@HOOK@,$(libexecdir)/ctscope/hook,g' $(srcdir)/hooks/50-ctscope.conf.in >$@.tmp && \
		mv $@.tmp $@
