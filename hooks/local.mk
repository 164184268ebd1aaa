# SPDX-License-Identifier: LGPL-2.1-or-later
# The drop-in for LXC's common.conf.d: `ctscope hooks install` holds the same text.
EXTRA_DIST += hooks/50-ctscope.conf.in
noinst_DATA = hooks/50-ctscope.conf
CLEANFILES += hooks/50-ctscope.conf
hooks/50-ctscope.conf: hooks/50-ctscope.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) hooks && \
		sed 's,@HOOK@,$(libexecdir)/ctscope/hook,g' $(srcdir)/hooks/50-ctscope.conf.in >$@.tmp && \
		mv $@.tmp $@
# the text as src/read/dropin.c holds it
dropin_text = src/read/dropin-text
BUILT_SOURCES += $(dropin_text).h
CLEANFILES += $(dropin_text).h
$(dropin_text).h: hooks/50-ctscope.conf.in
	$(AM_V_GEN)$(MKDIR_P) src/read && \
		{ printf '#define DROPIN_TEMPLATE \\\n'; \
		sed 's/\\/\\\\/g; s/"/\\"/g; s/^/	"/; s/$$/\\n" \\/' $(srcdir)/hooks/50-ctscope.conf.in; \
		printf '\t""\n'; } >$@.tmp && mv $@.tmp $@
# BUILT_SOURCES serves make all and check only
src/read/dropin.$(OBJEXT): $(dropin_text).h
