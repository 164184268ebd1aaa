# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
ctscope_LDADD = libct.a
ctscope_SOURCES =
ctscope_SOURCES += src/cli/app.c
ctscope_SOURCES += src/cli/app.h
ctscope_SOURCES += src/cli/cmd-list.c
ctscope_SOURCES += src/cli/cmd-network.c
ctscope_SOURCES += src/cli/cmd-status.c
ctscope_SOURCES += src/cli/cmd-ps.c
ctscope_SOURCES += src/cli/cmd-usage.c
ctscope_SOURCES += src/cli/cmds.c
ctscope_SOURCES += src/cli/cmds.h
ctscope_SOURCES += src/cli/colsort.c
ctscope_SOURCES += src/cli/colsort.h
ctscope_SOURCES += src/cli/ctview.c
ctscope_SOURCES += src/cli/ctview.h
ctscope_SOURCES += src/cli/main.c
ctscope_SOURCES += src/cli/opts.c
ctscope_SOURCES += src/cli/opts.h
ctscope_SOURCES += src/cli/statjson.c
ctscope_SOURCES += src/cli/statjson.h
ctscope_SOURCES += src/cli/cmd-logs.c
ctscope_SOURCES += src/cli/usage.c
ctscope_SOURCES += src/cli/usage.h
ctscope_SOURCES += src/cli/usagejson.c
ctscope_SOURCES += src/cli/usagetext.c
ctscope_SOURCES += src/cli/usagetree.c
