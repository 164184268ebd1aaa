# SPDX-License-Identifier: LGPL-2.1-or-later
libct_a_SOURCES += \
	src/read/facts.h \
	src/read/pveconf.h
libct_a_SOURCES += src/read/netlink.h src/read/nlparse.h
	src/read/backup.h \
	src/read/facts.h \
	src/read/hostlog.h \
	src/read/journal.h \
	src/read/tasklog.h
libct_a_SOURCES += src/read/blockdev.h src/read/cgtree.h src/read/config.h src/read/lxc.h src/read/procs.h
