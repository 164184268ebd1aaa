# SPDX-License-Identifier: LGPL-2.1-or-later
# the services, their user, their directories
if SYSTEMD
unitdir = $(prefix)/lib/systemd/system
unit_DATA = systemd/ctscoped.service
unit_DATA += systemd/ctscope-reader@.service
dist_unit_DATA = systemd/ctscope-reader.socket
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = systemd/ctscope.conf
tmpfilesdir = $(prefix)/lib/tmpfiles.d
tmpfiles_DATA = systemd/tmpfiles/ctscope.conf
endif
EXTRA_DIST += systemd/ctscope-reader.service.in
EXTRA_DIST += systemd/ctscoped.service.in systemd/ctscope.sysusers systemd/ctscope.tmpfiles
CLEANFILES += systemd/ctscope-reader@.service
CLEANFILES += systemd/ctscoped.service systemd/ctscope.conf systemd/tmpfiles/ctscope.conf
systemd/ctscoped.service: systemd/ctscoped.service.in
	$(AM_V_at)$(MKDIR_P) systemd
	$(AM_V_GEN)sed 's|[@]sbindir@|$(sbindir)|' $(top_srcdir)/systemd/ctscoped.service.in >$@
systemd/ctscope-reader@.service: systemd/ctscope-reader.service.in
	$(AM_V_at)$(MKDIR_P) systemd
	$(AM_V_GEN)sed 's|[@]libexecdir@|$(libexecdir)|' $(top_srcdir)/systemd/ctscope-reader.service.in >$@
systemd/ctscope.conf: systemd/ctscope.sysusers
	$(AM_V_at)$(MKDIR_P) systemd
	$(AM_V_GEN)cp $(top_srcdir)/systemd/ctscope.sysusers $@
systemd/tmpfiles/ctscope.conf: systemd/ctscope.tmpfiles
	$(AM_V_at)$(MKDIR_P) systemd/tmpfiles
	$(AM_V_GEN)cp $(top_srcdir)/systemd/ctscope.tmpfiles $@
