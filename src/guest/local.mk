# SPDX-License-Identifier: LGPL-2.1-or-later
# one file a line, without continuation: branches merge this list by union
# The program that opens paths inside a container. Its libraries are linked and bound at
# its start (-z now), not loaded when they are needed: it cannot load anything by then.
# (libsystemd is for a journal alone, and loaded before anything is given up.)
ctlibexec_PROGRAMS += guest-read
guest_read_LDADD = libct.a $(SECCOMP_LIBS) $(CAP_LIBS)
guest_read_SOURCES =
guest_read_SOURCES += src/guest/main.c
guest_read_SOURCES += src/guest/op-file.c
guest_read_SOURCES += src/guest/op-list.c
guest_read_SOURCES += src/guest/op-stat.c
guest_read_SOURCES += src/guest/serve.c
guest_read_SOURCES += src/guest/serve.h
# what tests use too
libct_a_SOURCES += src/guest/calls.c
libct_a_SOURCES += src/guest/calls.h
libct_a_SOURCES += src/guest/mounts.c
libct_a_SOURCES += src/guest/mounts.h
libct_a_SOURCES += src/guest/open.c
libct_a_SOURCES += src/guest/open.h
libct_a_SOURCES += src/guest/op-journal.c
libct_a_SOURCES += src/guest/op.h
libct_a_SOURCES += src/guest/sdjournal.c
libct_a_SOURCES += src/guest/sdjournal.h
libct_a_SOURCES += src/guest/work.c
