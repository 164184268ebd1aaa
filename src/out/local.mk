# SPDX-License-Identifier: LGPL-2.1-or-later
libct_a_SOURCES += \
	src/out/cell.c \
	src/out/cell.h \
	src/out/fit.c \
	src/out/fit.h \
	src/out/json.c \
	src/out/json.h \
	src/out/table.c \
	src/out/table.h \
	src/out/text.c \
	src/out/text.h
libct_a_SOURCES += src/out/confjson.c
libct_a_SOURCES += src/out/confjson.h
libct_a_SOURCES += src/out/netview.c src/out/netview.h
libct_a_SOURCES += src/out/netview-json.c src/out/netview-table.c
libct_a_SOURCES += src/out/netsockview.c src/out/netsockview.h src/out/netviewimpl.h
libct_a_SOURCES += src/out/cloudevent.c
libct_a_SOURCES += src/out/cloudevent.h
libct_a_SOURCES += src/out/surface.c src/out/surface.h
libct_a_SOURCES += src/out/topview.c src/out/topview.h
libct_a_SOURCES += src/out/topcols.c src/out/tophead.c
libct_a_SOURCES += src/out/toplayout.c src/out/topimpl.h
libct_a_SOURCES += src/out/plot.c
libct_a_SOURCES += src/out/plot.h
libct_a_SOURCES += src/out/guestnetview.c src/out/guestnetview.h
