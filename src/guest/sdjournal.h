/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "guestread.h"
#include "read/guestjournal.h"

/*
 * One file of a guest's journal, by libsystemd, which maps it (read only) and believes
 * some of what is in it: a file that is made shorter under it, or is made to confuse it,
 * ends this process or keeps it busy until its deadline. What is left to the process then
 * is what it holds anyway.
 */

/*
 * Loads libsystemd and the libraries that it takes apart compressed fields with, which it
 * may look for only when it meets the first of these: nothing can be loaded then.
 * -ENOENT: there is none, or this program is built without it.
 */
int sdjournal_load(struct err *err);
bool sdjournal_ready(void); /* it was loaded */

/* Of which unit and priorities. */
struct sdjournal_want {
	const char *unit; /* NULL: any */
	struct guestread_span span;
	/* what is not wanted is passed over till then; 0: always */
	uint64_t until_mono_usec, until_cpu_usec;
};

/* Is the time up, by the clock or of the CPU? */
bool sdjournal_is_late(const struct sdjournal_want *want);

/*
 * Each entry that is wanted, newest first: until `fn` says false. The texts are valid
 * within it. `fd` is closed afterwards, or is not: that is as the library's version has
 * it. 0; a negative errno: it is none that can be read, or not to its end.
 */
int sdjournal_walk(int fd, const struct sdjournal_want *want,
		   bool (*fn)(const struct guestjournal_entry *e, void *arg), void *arg);
