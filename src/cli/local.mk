# SPDX-License-Identifier: LGPL-2.1-or-later
ctscope_SOURCES = \
	src/cli/app.h \
	src/cli/cmd-list.c \
	src/cli/cmds.c \
	src/cli/cmds.h \
	src/cli/main.c \
	src/cli/opts.c \
	src/cli/opts.h
ctscope_LDADD = libct.a
