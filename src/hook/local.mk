# SPDX-License-Identifier: LGPL-2.1-or-later
# The program that LXC's hooks run. Nothing of libct.a is in it.
ctlibexecdir = $(libexecdir)/ctscope
ctlibexec_PROGRAMS = src/hook/hook
hook_sources = \
	src/hook/drop.c \
	src/hook/drop.h \
	src/hook/entry.c \
	src/hook/entry.h \
	src/hook/main.c \
	src/hook/put.h \
	src/hook/sys.h
src_hook_hook_SOURCES = $(hook_sources)
src_hook_hook_LDADD =
if HOOK_RAW
src_hook_hook_CPPFLAGS = $(AM_CPPFLAGS) -DHOOK_RAW
src_hook_hook_CFLAGS = $(CT_CFLAGS) $(CT_HOOK_CFLAGS)
src_hook_hook_LDFLAGS = $(CT_HOOK_LDFLAGS)
else
src_hook_hook_CPPFLAGS = $(AM_CPPFLAGS)
src_hook_hook_CFLAGS = $(CT_CFLAGS)
src_hook_hook_LDFLAGS =
if HOOK_STATIC
src_hook_hook_LDFLAGS += -static
endif
endif

# the same below a root of its own, given before LXC's arguments: tests/unit/test-hook.c
check_PROGRAMS += tests/unit/hookroot
tests_unit_hookroot_SOURCES = $(hook_sources)
tests_unit_hookroot_LDADD =
tests_unit_hookroot_CPPFLAGS = $(src_hook_hook_CPPFLAGS) -DHOOK_TEST
tests_unit_hookroot_CFLAGS = $(src_hook_hook_CFLAGS)
tests_unit_hookroot_LDFLAGS = $(src_hook_hook_LDFLAGS)
# and with the C library, as other machines have it
check_PROGRAMS += tests/unit/hookroot-libc
tests_unit_hookroot_libc_SOURCES = $(hook_sources)
tests_unit_hookroot_libc_LDADD =
tests_unit_hookroot_libc_CPPFLAGS = $(AM_CPPFLAGS) -DHOOK_TEST
# it runs both
EXTRA_tests_unit_test_hook_DEPENDENCIES = \
	tests/unit/hookroot$(EXEEXT) \
	tests/unit/hookroot-libc$(EXEEXT)
