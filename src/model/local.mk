# SPDX-License-Identifier: LGPL-2.1-or-later
libct_a_SOURCES += \
	src/model/pveconf.c \
	src/model/pveprop.c
libct_a_SOURCES += src/model/ct.c
libct_a_SOURCES += src/model/backup.c
libct_a_SOURCES += src/model/logline.c
libct_a_SOURCES += src/model/task.c
libct_a_SOURCES +=
libct_a_SOURCES += src/model/warns.c
libct_a_SOURCES += src/model/cluster.c
libct_a_SOURCES +=
libct_a_SOURCES += src/model/netif.c
libct_a_SOURCES += src/model/storagecfg.c
libct_a_SOURCES += src/model/finding.c
libct_a_SOURCES += src/model/snapshot.c
libct_a_SOURCES += src/model/netview.c
libct_a_SOURCES += src/model/jobcfg.c
libct_a_SOURCES += src/model/fwcfg.c
libct_a_SOURCES += src/model/event.c
libct_a_SOURCES += src/model/incident.c
libct_a_SOURCES += src/model/metric.c
libct_a_SOURCES += src/model/history.c
libct_a_SOURCES += src/model/netsock.c
libct_a_SOURCES += src/model/guestnet.c
libct_a_SOURCES += src/model/ctsec.c
libct_a_SOURCES += src/model/drift.c
libct_a_SOURCES += src/model/lxcstart.c
libct_a_SOURCES += src/model/hostpath.c
libct_a_SOURCES += src/model/blockname.c
libct_a_SOURCES += src/model/waiver.c
libct_a_SOURCES += src/model/mount.c
libct_a_SOURCES += src/model/guestread.c
libct_a_SOURCES += src/model/secdeep.c
libct_a_SOURCES += src/model/diskuse.c
