# SPDX-License-Identifier: LGPL-2.1-or-later
libct_a_SOURCES += \
	src/base/clock.c \
	src/base/clock.h \
	src/base/dl.c \
	src/base/dl.h \
	src/base/err.c \
	src/base/err.h \
	src/base/fs.c \
	src/base/fs.h \
	src/base/guard.c \
	src/base/guard.h \
	src/base/helper.c \
	src/base/helper.h \
	src/base/macros.h \
	src/base/mem.c \
	src/base/mem.h \
	src/base/num.c \
	src/base/num.h \
	src/base/sched.c \
	src/base/sched.h \
	src/base/sha1.c \
	src/base/sha1.h \
	src/base/str.c \
	src/base/sys.h \
	src/base/varint.h \
	src/base/str.h
