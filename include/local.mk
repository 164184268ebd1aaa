# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_HEADERS = \
	include/cgstat.h \
	include/ct.h \
	include/facts.h \
	include/netif.h \
	include/pveconf.h \
	include/tbytes.h \
	include/val.h
