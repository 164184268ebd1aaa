# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
# what tests use too is in libct.a
libct_a_SOURCES += src/collect/minute.h
libct_a_SOURCES += src/collect/sampler.h
