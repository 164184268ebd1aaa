/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/macros.h"

#define MAX_BYTES ((size_t)64 << 20)

void mem_touch(const void *p, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)p & ~(page - 1);
	uintptr_t end = ((uintptr_t)p + bytes + page - 1) & ~(page - 1);

	if (bytes)
		(void)madvise((void *)first, end - first, MADV_POPULATE_WRITE);
#else
	(void)p;
	(void)bytes;
#endif
}

void mem_expect(size_t bytes)
{
	const char *from = sbrk(0);
	void *p;

	bytes = MIN(bytes, MAX_BYTES);
	/* it must come from the heap, and stay there when it is freed */
	(void)mallopt(M_MMAP_THRESHOLD, (int)bytes + 4096);
	(void)mallopt(M_TRIM_THRESHOLD, (int)bytes * 2);
	p = malloc(bytes);
	__asm__ volatile("" : : "r"(p)); /* or the compiler takes both out */
	mem_touch(from, (size_t)((const char *)sbrk(0) - from));
	free(p);
}
