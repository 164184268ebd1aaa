/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mkrecord DIR END: writes into DIR what a collector would have left there that ended at
 * END (seconds of the wall clock), of 101 (one CPU), 102 (a quarter of one, I/O) and 103
 * (whose memory grows): the ring, with two minutes; the store, with an hour second by
 * second, ten hours by ten seconds and three days by the minute. 102 was started anew
 * half an hour before the end.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"
#include "store/block.h"
#include "store/db.h"
#include "store/ring.h"

#define BOOT_ID "11111111-2222-3333-4444-555555555555"
#define SEC     USEC_PER_SEC
#define BEFORE                                                                           \
	((uint64_t)864000) /* the recording began with so many seconds of uptime         \
			    */

/* so much of it is kept, and so late 102 was started anew */
#define SPAN   ((uint64_t)3 * 86400)
#define REBOOT (SPAN - 1800)

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

		r = ring_slot(ring, 101 + (uint32_t)i, i == 1 ? 2 : 1, &slot, err);
		for (uint64_t k = 0; r == 0 && k < RING_TICKS; k++) {
			struct sample s = make(i, SPAN - RING_TICKS + 1 + k,
					       (end - RING_TICKS + 1 + k) * SEC);

			ring_add(ring, slot, &s);
		}
	}
	if (r == 0) {
		ring_beat(ring, (BEFORE + SPAN) * SEC, SEC, 0);
		ring_close(ring);
	}
	return r;
}

/* The samples of 60 steps from second k on, as one block. */
static int add_block(struct db *db, struct block_codec *codec, uint64_t i, uint64_t k,
		     unsigned level, uint64_t end, struct err *err)
{
	struct db_block b = { .vmid = 101 + (uint32_t)i,
			      .life = i == 1 && k >= REBOOT ? 2 : 1,
			      .level_sec = level,
			      .start_real_usec = (end - SPAN + k) * SEC,
			      .n = 60 };
	struct sample v[60];
	int r;

	for (uint64_t n = 0; n < 60; n++)
		v[n] = make(i, k + n * level, (end - SPAN + k + n * level) * SEC);
	r = block_encode(codec, v, 60, &b.data, err);
	if (r == 0)
		r = db_add_blocks(db, &b, 1, err);
	db_block_done(&b);
	return r;
}

static int add_level(struct db *db, struct block_codec *codec, unsigned level,
		     uint64_t from, uint64_t end, struct err *err)
{
	int r = 0;

	for (uint64_t k = from; r == 0 && k + 60 * level <= SPAN; k += 60 * level)
		for (uint64_t i = 0; r == 0 && i < 3; i++)
			r = add_block(db, codec, i, k, level, end, err);
	return r;
}

static int make_store(const char *dir, uint64_t end, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" DB_PATH, dir);
	struct block_codec *codec = NULL;
	struct db *db = NULL;
	int r = block_codec_new(&codec, err);

	if (r == 0)
		r = db_open(path, &db, NULL, err);
	if (r == 0)
		r = db_begin(db, false, err);
	for (uint32_t i = 0; r == 0 && i < 3; i++) {
		struct db_life l = { .vmid = 101 + i,
				     .life = i == 1 ? 2 : 1,
				     .boot = BOOT_ID,
				     .started_real_usec = (end - SPAN) * SEC };

		r = db_put_life(db, &l, err);
	}
	if (r == 0)
		r = add_level(db, codec, 1, SPAN - 3600, end, err);
	if (r == 0)
		r = add_level(db, codec, 10, SPAN - 36000, end, err);
	if (r == 0)
		r = add_level(db, codec, 60, 0, end, err);
	if (r == 0)
		r = db_commit(db, err);
	db_close(db);
	block_codec_free(codec);
	return r;
}

int main(int argc, char **argv)
{
	static const char *const dirs[] = { "run", "run/ctscope", "var", "var/lib",
					    "var/lib/ctscope" };
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
	if (make_ring(argv[1], end, &err) < 0 || make_store(argv[1], end, &err) < 0) {
		fprintf(stderr, "mkrecord: %s\n", err.msg);
		return 1;
	}
	return 0;
}
