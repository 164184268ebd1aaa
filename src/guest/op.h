/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"
#include "guest/open.h"
#include "guestread.h"

/*
 * One item of a request on its way. First everything is opened (`prepare`), while the
 * process may still open; then, when it no longer can, it is read and answered
 * (`answer`). Both say what went wrong in a.why and a.error; what was prepared badly is
 * not answered by its op.
 */
struct work {
	const struct guestread_item *item;
	struct guestread_answer a;
	int fd;          /* -1: none */
	void *own;       /* of malloc(): what an op keeps between the two */
	struct buf data; /* what a.data and the entries point into; of malloc() */
	size_t room;     /* bytes of data that may be given */
	/* what is not read by then is left out; of the CPU: 0: no such bound */
	uint64_t until_mono_usec, until_cpu_usec;
};

struct op {
	void (*prepare)(const struct guest_root *g, struct work *w);
	void (*answer)(struct work *w);
};

extern const struct op op_file, op_list, op_statfs, op_readlink, op_stat, op_journal;

/* The path of the item opened into w->fd (O_PATH) and its stat into w->a.st. */
bool work_open(const struct guest_root *g, struct work *w, const struct guest_how *how);

/* The same, then opened for reading: of that kind only. */
bool work_open_kind(const struct guest_root *g, struct work *w, uint32_t kind);

void work_fail(struct work *w, int error); /* a negative errno */
void work_done(struct work *w);
