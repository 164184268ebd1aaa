/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ring file with what it likes in its head, its slots' heads, the first tip and the
 * first arena: the first two bytes say how much goes where. Only bounded samples in order come out.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/ringimpl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file = -1;

static void put(const uint8_t *data, size_t n, off_t at)
{
	if (pwrite(file, data, n, at) != (ssize_t)n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ring_copy c;
	struct ring *r = NULL;
	struct ring_head h;
	size_t head, slots;

	if (file < 0)
		file = memfd_create("ring", MFD_CLOEXEC);
	if (size < 2)
		return 0;
	head = data[0] < size ? data[0] : size;
	slots = (size_t)data[1] * 8;
	if (ftruncate(file, 0) < 0 ||
	    ftruncate(file, (off_t)(CELLS_OFF + (data[1] & 3) * SLOT_BYTES)) < 0)
		abort();
	put(data, head, 0);
	if (size > head)
		put(data + head, size - head < slots ? size - head : slots, HEADS_OFF);
	if (size > head + slots) {
		size_t rest = size - head - slots, tip = sizeof(struct slot_tip);

		put(data + head + slots, rest < tip ? rest : tip, TIPS_OFF);
		if (rest > tip)
			put(data + head + slots + tip, rest - tip, CELLS_OFF);
	}
	if (ring_open_fd(dup(file), &r, NULL) < 0)
		return 0;
	if (ring_head(r, &h) == 0 && h.n_slots > RING_MAX_SLOTS)
		abort();
	ring_find(r, 101, 0, &c);
	for (size_t slot = 0; slot < 4; slot++) {
		if (ring_read(r, slot, slot, &c) < 0)
			continue;
		if (c.n > RING_TICKS)
			abort();
		for (size_t i = 1; i < c.n; i++)
			if (c.v[i].boot_usec <= c.v[i - 1].boot_usec ||
			    c.v[i].have >> METRICS)
				abort();
	}
	ring_close(r);
	return 0;
}
