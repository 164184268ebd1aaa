# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
libct_a_SOURCES += src/read/cgroup.c
libct_a_SOURCES += src/read/cgroup.h
libct_a_SOURCES += src/read/ctlive.c
libct_a_SOURCES += src/read/ctlive.h
libct_a_SOURCES += src/read/procfs.c
libct_a_SOURCES += src/read/procfs.h
libct_a_SOURCES += src/read/pvefs.c
libct_a_SOURCES += src/read/pvefs.h
libct_a_SOURCES += src/read/rootstat.c
libct_a_SOURCES += src/read/rootstat.h
libct_a_SOURCES += src/read/unixsock.c
libct_a_SOURCES += src/read/unixsock.h
libct_a_SOURCES += src/read/facts.c
libct_a_SOURCES += src/read/facts-live.c
libct_a_SOURCES += src/read/facts-pve.c
libct_a_SOURCES += src/read/reading.h
libct_a_SOURCES += src/read/blockdev.c
libct_a_SOURCES += src/read/blockdev.h
libct_a_SOURCES += src/read/backup.h
libct_a_SOURCES += src/read/blockdev.c src/read/blockdev.h src/read/cgtree.c src/read/cgtree.h src/read/conffile.c src/read/conffile.h src/read/lxc.c src/read/lxc.h src/read/procs.c src/read/procs.h
libct_a_SOURCES += src/read/config.h
libct_a_SOURCES += src/read/facts.h
libct_a_SOURCES += src/read/firewall.h
libct_a_SOURCES += src/read/ha.h
libct_a_SOURCES += src/read/hostlog.h
libct_a_SOURCES += src/read/jobs.h
libct_a_SOURCES += src/read/journal.c
libct_a_SOURCES += src/read/journal.h
libct_a_SOURCES += src/read/logfollow.c
libct_a_SOURCES += src/read/logfollow.h
libct_a_SOURCES += src/read/jsonin.h
libct_a_SOURCES += src/read/lxc.h
libct_a_SOURCES += src/read/lxckeys.c
libct_a_SOURCES += src/read/lxckeys.h
libct_a_SOURCES += src/read/netlink.h
libct_a_SOURCES += src/read/nlparse.h
libct_a_SOURCES += src/read/pmxcfs.h
libct_a_SOURCES += src/read/pools.h
libct_a_SOURCES += src/read/procs.h
libct_a_SOURCES += src/read/pveconf.c
libct_a_SOURCES += src/read/pveconf.h
libct_a_SOURCES += src/read/pveformat.c
libct_a_SOURCES += src/read/pveformat.h
libct_a_SOURCES += src/read/pveprop.c
libct_a_SOURCES += src/read/pveprop.h
libct_a_SOURCES += src/read/replication.h
libct_a_SOURCES += src/read/sectionconf.h
libct_a_SOURCES += src/read/storage.h
libct_a_SOURCES += src/read/tasklog.h
libct_a_SOURCES += src/read/backups.c
libct_a_SOURCES += src/read/backups.h
libct_a_SOURCES += src/read/hostlog.c
libct_a_SOURCES += src/read/pveformat.h
libct_a_SOURCES += src/read/pveprop.h
libct_a_SOURCES += src/read/tasklog.c
libct_a_SOURCES += \
	src/read/facts.h \
	src/read/pveconf.h \
	src/read/pveformat.h \
	src/read/pveprop.h
libct_a_SOURCES += src/read/jsonin.c
libct_a_SOURCES += src/read/pmxcfs.c
libct_a_SOURCES += src/read/pools.c
libct_a_SOURCES += src/read/sectionconf.c
libct_a_SOURCES += src/read/ha.c
libct_a_SOURCES += src/read/zones.c
libct_a_SOURCES += src/read/zones.h
	src/read/pveconf.h
libct_a_SOURCES += src/read/netlink.c src/read/netlink.h
libct_a_SOURCES += src/read/nlparse.c src/read/nlparse.h
libct_a_SOURCES += src/read/controllers.c src/read/controllers.h
libct_a_SOURCES += src/read/storage.c
libct_a_SOURCES += src/read/jobs.c
libct_a_SOURCES += src/read/replication.c
libct_a_SOURCES += src/read/firewall.c
