/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/syscall.h"

#include <linux/audit.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/dl.h"
#include "base/macros.h"

/*
 * seccomp_syscall_resolve_num_arch(3) and its like, by their prototypes: nothing else of
 * the library is used, so its header need not be there to build. Its architectures are
 * AUDIT_ARCH_*.
 */
static char *(*dl_seccomp_syscall_resolve_num_arch)(uint32_t arch, int number);
static int (*dl_seccomp_syscall_resolve_name_arch)(uint32_t arch, const char *name);

static bool load(void)
{
	static const struct dl_sym syms[] = { DL_SYM(seccomp_syscall_resolve_num_arch),
					      DL_SYM(seccomp_syscall_resolve_name_arch) };
	static void *handle;

	return dl_load("libseccomp.so.2", syms, ARRAY_SIZE(syms), &handle, NULL) == 0;
}

char *syscall_name(uint64_t arch, uint64_t number)
{
	if (arch > UINT32_MAX || number > INT32_MAX || !load())
		return NULL;
	return dl_seccomp_syscall_resolve_num_arch((uint32_t)arch, (int)number);
}

int syscall_number(uint64_t arch, const char *name)
{
	if (arch > UINT32_MAX || !load())
		return SYSCALL_UNKNOWN;
	return dl_seccomp_syscall_resolve_name_arch((uint32_t)arch, name);
}

uint32_t syscall_native(void)
{
#if defined(__x86_64__)
	return AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
	return AUDIT_ARCH_AARCH64;
#else
	return 0;
#endif
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
		{ SYSCALL_X32, "x32" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].arch == arch)
			return names[i].name;
	return NULL;
}
