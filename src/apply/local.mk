# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
libct_a_SOURCES += src/apply/dropin.c
libct_a_SOURCES += src/apply/dropin.h
libct_a_SOURCES += src/apply/quiet.c
libct_a_SOURCES += src/apply/quiet.h
