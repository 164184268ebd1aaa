# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
# what tests use too is in libct.a
libct_a_SOURCES += src/collect/minute.h
libct_a_SOURCES += src/collect/sampler.h
libct_a_SOURCES += src/collect/lifecycle.c
libct_a_SOURCES += src/collect/lifecycle.h

# the collector: its loop is sd-event
if SYSTEMD
sbin_PROGRAMS += ctscoped
endif
ctscoped_LDADD = libct.a $(SYSTEMD_LIBS)
ctscoped_SOURCES =
ctscoped_SOURCES += src/collect/loop.c
ctscoped_SOURCES += src/collect/loop.h
ctscoped_SOURCES += src/collect/main.c
libct_a_SOURCES += src/collect/minute.c
libct_a_SOURCES += src/collect/sampler.c
