/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * Names of system calls, from libseccomp (loaded at the first call). arch is an
 * AUDIT_ARCH_* value as audit writes it. Owned; NULL: libseccomp is not there, or does
 * not know it.
 */
char *syscall_name(uint64_t arch, uint64_t number);

/* "x86_64", "i386", ...; NULL: another one. */
const char *syscall_arch_name(uint64_t arch);
