/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/syscall.h"

#include <linux/audit.h>
#include <stddef.h>

#include "base/dl.h"

/*
 * seccomp_syscall_resolve_num_arch(3), by its prototype: nothing else of the library is
 * used, so its header need not be there to build. Its architectures are AUDIT_ARCH_*.
 */
static char *(*dl_seccomp_syscall_resolve_num_arch)(uint32_t arch, int number);

char *syscall_name(uint64_t arch, uint64_t number)
{
	static const struct dl_sym syms[] = { DL_SYM(seccomp_syscall_resolve_num_arch) };
	static void *handle;

	if (arch > UINT32_MAX || number > INT32_MAX ||
	    dl_load("libseccomp.so.2", syms, 1, &handle, NULL) < 0)
		return NULL;
	return dl_seccomp_syscall_resolve_num_arch((uint32_t)arch, (int)number);
}

const char *syscall_arch_name(uint64_t arch)
{
	static const struct {
		uint64_t arch;
		const char *name;
	} names[] = {
		{ AUDIT_ARCH_X86_64, "x86_64" },
		{ AUDIT_ARCH_I386, "i386" },
		{ AUDIT_ARCH_AARCH64, "aarch64" },
		{ AUDIT_ARCH_ARM, "arm" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].arch == arch)
			return names[i].name;
	return NULL;
}
