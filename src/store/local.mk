# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
libct_a_SOURCES += src/store/block.h
libct_a_SOURCES += src/store/db.h
libct_a_SOURCES += src/store/ring.h
libct_a_SOURCES += src/store/writer.h
libct_a_SOURCES += src/store/ring.c
libct_a_SOURCES += src/store/block.c
