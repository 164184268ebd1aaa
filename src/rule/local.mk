# SPDX-License-Identifier: LGPL-2.1-or-later
libct_a_SOURCES +=
libct_a_SOURCES += src/rule/usage.c src/rule/usage.h
libct_a_SOURCES += src/rule/network.c src/rule/network.h
