/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * About so many bytes are going to be allocated in small pieces and used: the kernel is
 * asked for them at once. A page that is first touched one by one costs a microsecond and
 * more, mostly in the way into the kernel. Nothing is lost where the kernel cannot do it
 * (before 5.14) or malloc is not that of glibc. After the forks, not before: it would be
 * copied by them.
 */
void mem_expect(size_t bytes);

/*
 * The pages of so many bytes, which are mapped and may be written: they are there now, and
 * no first write to one waits for the kernel later. Whole pages, the first and the last
 * one too. Nothing where the kernel cannot do it.
 */
void mem_touch(const void *p, size_t bytes);
