/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mkrecord DIR END: writes into DIR/run/ctscope what a collector would have left there
 * that ended at END (seconds of the wall clock): the ring, with two minutes of 101 (one
 * CPU), 102 (a quarter of one, I/O) and 103 (whose memory grows).
 */
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"
#include "store/ring.h"

#define BOOT_ID "11111111-2222-3333-4444-555555555555"
#define SEC     USEC_PER_SEC
#define BEFORE  ((uint64_t)864000) /* the recording began with so many seconds of uptime \
				    */

static void put(struct sample *s, enum metric m, uint64_t v)
{
	s->v[m] = v;
	s->have |= (uint64_t)1 << m;
}

/* Second k of container 101 + i. */
static struct sample make(uint64_t i, uint64_t k, uint64_t real_usec)
{
	static const uint64_t cpu[] = { 1000000, 250000, 10000 };
	struct sample s = { .boot_usec = (BEFORE + k) * SEC, .real_usec = real_usec };

	put(&s, METRIC_CPU_USAGE_USEC, cpu[i] * k);
	put(&s, METRIC_MEMORY_CURRENT_BYTES, ((64 + i * (k % 120)) << 20));
	put(&s, METRIC_MEMORY_FILE_BYTES, 16 << 20);
	put(&s, METRIC_IO_READ_BYTES, i == 1 ? k << 20 : 0);
	put(&s, METRIC_IO_WRITE_BYTES, i == 1 ? k << 21 : 0);
	put(&s, METRIC_NET_IN_BYTES, k * 1000 * i);
	put(&s, METRIC_NET_OUT_BYTES, k * 100 * i);
	put(&s, METRIC_PSI_CPU_SOME_USEC, k * 50000);
	put(&s, METRIC_PIDS_CURRENT, 3 + i);
	return s;
}

static int make_ring(const char *dir, uint64_t end, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/run/ctscope/ring", dir);
	struct ring *ring;
	int r = ring_create(path, BOOT_ID, &ring, err);

	for (uint64_t i = 0; r == 0 && i < 3; i++) {
		size_t slot;

		r = ring_slot(ring, 101 + (uint32_t)i, 1, &slot, err);
		for (uint64_t k = 0; r == 0 && k < RING_TICKS; k++) {
			struct sample s =
				make(i, 7200 + k, (end - RING_TICKS + 1 + k) * SEC);

			ring_add(ring, slot, &s);
		}
	}
	if (r == 0) {
		ring_beat(ring, (BEFORE + 7200 + RING_TICKS - 1) * SEC, SEC, 0);
		ring_close(ring);
	}
	return r;
}

int main(int argc, char **argv)
{
	static const char *const dirs[] = { "run", "run/ctscope" };
	struct err err = { 0 };
	uint64_t end;

	if (argc != 3 || num_parse_u64(span_str(argv[2]), &end) < 0) {
		fputs("usage: mkrecord DIR END\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", argv[1], dirs[i]);

		(void)mkdir(path, 0755);
	}
	if (make_ring(argv[1], end, &err) < 0) {
		fprintf(stderr, "mkrecord: %s\n", err.msg);
		return 1;
	}
	return 0;
}
