# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_HEADERS = \
	include/backup.h \
	include/cgstat.h \
	include/ct.h \
	include/facts.h \
	include/netif.h \
	include/netview.h \
	include/pveconf.h \
	include/logline.h \
	include/task.h \
	include/pveprop.h \
	include/tbytes.h \
	include/val.h
noinst_HEADERS += include/settings.h
noinst_HEADERS += include/cluster.h
noinst_HEADERS += include/fwcfg.h
noinst_HEADERS += include/jobcfg.h
noinst_HEADERS += include/storagecfg.h
noinst_HEADERS += include/warns.h
noinst_HEADERS += include/finding.h
noinst_HEADERS += include/snapshot.h
noinst_HEADERS += include/event.h
noinst_HEADERS += include/incident.h
noinst_HEADERS += include/metric.h
noinst_HEADERS += include/spool.h
noinst_HEADERS += include/top.h
noinst_HEADERS += include/history.h
noinst_HEADERS += include/netsock.h
noinst_HEADERS += include/guestnet.h
noinst_HEADERS += include/ctsec.h
noinst_HEADERS += include/idmap.h
noinst_HEADERS += include/drift.h
noinst_HEADERS += include/lxcstart.h
noinst_HEADERS += include/hostpath.h
noinst_HEADERS += include/blockname.h
noinst_HEADERS += include/waiver.h
noinst_HEADERS += include/mount.h
noinst_HEADERS += include/guestread.h
noinst_HEADERS += include/devnode.h
noinst_HEADERS += include/secdeep.h
noinst_HEADERS += include/diskuse.h
