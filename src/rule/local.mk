# SPDX-License-Identifier: LGPL-2.1-or-later
libct_a_SOURCES +=
libct_a_SOURCES += src/rule/usage.c src/rule/usage.h
libct_a_SOURCES += src/rule/network.c src/rule/network.h
libct_a_SOURCES += src/rule/rule.c src/rule/rule.h
libct_a_SOURCES += src/rule/rules.c
libct_a_SOURCES += src/rule/config-device.c
libct_a_SOURCES += src/rule/config-file.c
libct_a_SOURCES += src/rule/config-idmap.c
libct_a_SOURCES += src/rule/config-lxc.c
libct_a_SOURCES += src/rule/config-mount.c
libct_a_SOURCES += src/rule/config-privilege.c
libct_a_SOURCES += src/rule/config-snapshot.c
libct_a_SOURCES += src/rule/cause.c
libct_a_SOURCES += src/rule/cause.h
libct_a_SOURCES += src/rule/rate.c src/rule/rate.h
libct_a_SOURCES += src/rule/topnav.c src/rule/topnav.h
libct_a_SOURCES += src/rule/toprow.c src/rule/toprow.h
