# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
# what tests use too is in libct.a
libct_a_SOURCES += src/collect/minute.h
libct_a_SOURCES += src/collect/sampler.h
libct_a_SOURCES += src/collect/lifecycle.c
libct_a_SOURCES += src/collect/lifecycle-hooks.c
libct_a_SOURCES += src/collect/lifecycle-int.h
libct_a_SOURCES += src/collect/lifecycle-store.c
libct_a_SOURCES += src/collect/lifecycle.h
libct_a_SOURCES += src/collect/confdiff.c
libct_a_SOURCES += src/collect/confdiff.h
libct_a_SOURCES += src/collect/minute.c
libct_a_SOURCES += src/collect/eventdata.c
libct_a_SOURCES += src/collect/denied.c
libct_a_SOURCES += src/collect/denied.h
libct_a_SOURCES += src/collect/sampler.c
libct_a_SOURCES += src/collect/notify.c
libct_a_SOURCES += src/collect/notify.h

# the collector: its loop is sd-event
if SYSTEMD
libct_a_SOURCES += src/collect/loop.c
libct_a_SOURCES += src/collect/loop.h
sbin_PROGRAMS += ctscoped
endif
ctscoped_LDADD = libct.a $(SYSTEMD_LIBS) -lpthread
ctscoped_SOURCES =
ctscoped_SOURCES += src/collect/cgcount.c
ctscoped_SOURCES += src/collect/cginit.c
ctscoped_SOURCES += src/collect/cgsrc.c
ctscoped_SOURCES += src/collect/cgsrc.h
ctscoped_SOURCES += src/collect/collector.c
ctscoped_SOURCES += src/collect/collector.h
ctscoped_SOURCES += src/collect/confsrc.c
ctscoped_SOURCES += src/collect/confsrc.h
ctscoped_SOURCES += src/collect/conftell.c
ctscoped_SOURCES += src/collect/confimpl.h
ctscoped_SOURCES += src/collect/confpoll.c
ctscoped_SOURCES += src/collect/conftell.h
ctscoped_SOURCES += src/collect/data.c
ctscoped_SOURCES += src/collect/disksrc.c
ctscoped_SOURCES += src/collect/failure.c
ctscoped_SOURCES += src/collect/incgather.c
ctscoped_SOURCES += src/collect/incgather.h
ctscoped_SOURCES += src/collect/incidents.c
ctscoped_SOURCES += src/collect/kernsrc.c
ctscoped_SOURCES += src/collect/main.c
ctscoped_SOURCES += src/collect/netsrc.c
ctscoped_SOURCES += src/collect/oom.c
ctscoped_SOURCES += src/collect/pidfd.c
ctscoped_SOURCES += src/collect/pidfd.h
ctscoped_SOURCES += src/collect/pressure.c
ctscoped_SOURCES += src/collect/recorder.c
ctscoped_SOURCES += src/collect/settings.c
ctscoped_SOURCES += src/collect/spoolsrc.c
ctscoped_SOURCES += src/collect/tasksrc.c
