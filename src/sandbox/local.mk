# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
libct_a_SOURCES += src/sandbox/caps.c
libct_a_SOURCES += src/sandbox/caps.h
libct_a_SOURCES += src/sandbox/filter.c
libct_a_SOURCES += src/sandbox/filter.h
libct_a_SOURCES += src/sandbox/sandbox.c
libct_a_SOURCES += src/sandbox/sandbox.h
