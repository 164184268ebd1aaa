/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/ring.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "tmproot.h"

#define BOOT "01234567-89ab-cdef-0123-456789abcdef"
#define T0   (100 * USEC_PER_SEC)

static struct sample sample_at(uint64_t i)
{
	struct sample s = { .boot_usec = T0 + i * USEC_PER_SEC,
			    .real_usec = 7 * T0 + i,
			    .have = METRIC_SECOND_BITS,
			    .quiet = i % 3 == 0 };

	for (size_t k = 0; k < METRIC_STATES; k++)
		s.v[k] = i * 1000 + k;
	if (i % 10 == 4)
		return s;
	s.have |= METRIC_DETAIL_BITS;
	s.v[METRIC_DETAIL_BOOT_USEC] = s.boot_usec;
	for (size_t k = METRIC_DETAILS + 1; k < METRICS; k++)
		s.v[k] = UINT64_MAX - i * 1000 - k;
	return s;
}

static struct sample expected(const struct sample *s)
{
	return sample_at((s->boot_usec - T0) / USEC_PER_SEC);
}

static bool is_whole(const struct sample *s)
{
	struct sample want = expected(s);

	return memcmp(s->v, want.v, sizeof(want.v)) == 0 && s->have == want.have &&
	       s->real_usec == want.real_usec && s->quiet == want.quiet;
}

static const char *path_of(const struct tmproot *t)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/ring", t->path);
	return path;
}

static struct ring *writer(const struct tmproot *t)
{
	struct ring *r = NULL;
	struct err err = { 0 };

	CHECK(ring_create(path_of(t), BOOT, &r, &err) == 0, "%s", err.msg);
	return r;
}

static struct ring *reader(const struct tmproot *t)
{
	struct ring *r = NULL;
	struct err err = { 0 };

	CHECK(ring_open(t->fd, "ring", &r, &err) == 0, "%s", err.msg);
	return r;
}

static void a_reader_gets_what_was_written(void)
{
	struct tmproot t;
	struct ring_copy c;
	struct ring *w, *r;
	size_t slot;

	tmproot_make(&t);
	w = writer(&t);
	CHECK(ring_slot(w, 101, 3, &slot, NULL) == 0, "slot");
	for (uint64_t i = 0; i < 200; i++) {
		struct sample s = sample_at(i);

		ring_add(w, slot, &s);
	}
	r = reader(&t);
	CHECK(ring_find(r, 101, 0, &c) == 0, "find");
	CHECK_U64(c.n, RING_TICKS);
	CHECK_U64(c.life, 3);
	for (size_t i = 0; i < c.n; i++)
		CHECK(is_whole(&c.v[i]) && c.v[i].v[0] == (80 + i) * 1000, "%zu", i);
	CHECK(ring_find(r, 101, 2, &c) == 0 && c.n == 2, "two: %zu", c.n);
	CHECK_U64(c.v[1].v[0], 199000);
	CHECK(ring_find(r, 102, 0, &c) == -ENOENT, "another one");
	ring_close(r);
	ring_close(w);
	tmproot_remove(&t);
}

static void one_writer_at_a_time(void)
{
	struct tmproot t;
	struct ring *w, *other = NULL;
	struct err err = { 0 };

	tmproot_make(&t);
	w = writer(&t);
	CHECK(ring_create(path_of(&t), BOOT, &other, &err) == -EBUSY, "%s", err.msg);
	ring_close(w);
	w = writer(&t);
	ring_close(w);
	tmproot_remove(&t);
}

static void a_ring_is_taken_over_in_the_same_boot_only(void)
{
	struct tmproot t;
	struct ring_copy c;
	struct ring *w, *r;
	struct sample s = sample_at(5);
	size_t slot;

	tmproot_make(&t);
	w = writer(&t);
	ring_slot(w, 101, 3, &slot, NULL);
	ring_add(w, slot, &s);
	ring_set_stored(w, slot, 1);
	ring_close(w);

	w = writer(&t);
	/* a container not seen before does not take the place of one that was found */
	CHECK(ring_slot(w, 99999, 1, &slot, NULL) == 0, "new one");
	CHECK(ring_slot(w, 101, 3, &slot, NULL) == 0 && ring_count(w, slot) == 1,
	      "count %ju", (uintmax_t)ring_count(w, slot));
	CHECK_U64(ring_stored(w, slot), 1);
	CHECK(ring_get(w, slot, 0, &s) && is_whole(&s), "its sample");
	ring_close(w);

	CHECK(ring_create(path_of(&t), "11111111-89ab-cdef-0123-456789abcdef", &w,
			  NULL) == 0,
	      "another boot");
	r = reader(&t);
	CHECK(ring_find(r, 101, 0, &c) == -ENOENT, "gone");
	ring_close(r);
	ring_close(w);
	tmproot_remove(&t);
}

static void a_crash_loop_does_not_make_it_grow(void)
{
	struct tmproot t;
	struct ring_head h;
	struct ring *w, *r;

	tmproot_make(&t);
	w = writer(&t);
	for (uint64_t life = 1; life <= 500; life++) {
		size_t slot = 0;

		CHECK(ring_slot(w, 101, life, &slot, NULL) == 0, "life %ju",
		      (uintmax_t)life);
		for (uint64_t i = 0; i < 3; i++) {
			struct sample s = sample_at(i);

			ring_add(w, slot, &s);
		}
		ring_free_slot(w, slot);
	}
	r = reader(&t);
	CHECK(ring_head(r, &h) == 0 && h.n_slots < 16, "%zu slots", h.n_slots);
	ring_close(r);
	ring_close(w);
	tmproot_remove(&t);
}

static void a_freed_slot_stays_readable_for_two_minutes(void)
{
	struct sample s = sample_at(1);
	size_t slot = 0, other = 0;
	struct tmproot t;
	struct ring *w;

	tmproot_make(&t);
	w = writer(&t);
	ring_beat(w, T0, USEC_PER_SEC, 0);
	ring_slot(w, 101, 1, &slot, NULL);
	ring_add(w, slot, &s);
	ring_add(w, slot, &s);
	ring_free_slot(w, slot);
	ring_slot(w, 102, 1, &other, NULL);
	CHECK(other != slot, "used again at once");
	ring_beat(w, T0 + 121 * USEC_PER_SEC, USEC_PER_SEC, 0);
	ring_slot(w, 103, 1, &other, NULL);
	CHECK_U64(other, slot);
	CHECK_U64(ring_count(w, other), 0);
	ring_close(w);
	tmproot_remove(&t);
}

static void a_live_collector_is_told_from_a_dead_one(void)
{
	struct ring_head h = { .boot = BOOT,
			       .beat_boot_usec = T0,
			       .interval_usec = USEC_PER_SEC };

	CHECK(ring_is_live(&h, BOOT, T0 + 3 * USEC_PER_SEC), "three seconds");
	CHECK(!ring_is_live(&h, BOOT, T0 + 3 * USEC_PER_SEC + 1), "later");
	CHECK(!ring_is_live(&h, "x", T0), "another boot");
	CHECK(!ring_is_live(&h, BOOT, T0 - 2 * USEC_PER_SEC), "a beat to come");
	h.interval_usec = UINT64_MAX;
	CHECK(!ring_is_live(&h, BOOT, T0 + 3600 * USEC_PER_SEC), "interval");
	h = (struct ring_head){ .boot = BOOT };
	CHECK(!ring_is_live(&h, BOOT, 0), "never");
}

static void foreign_files_are_refused(void)
{
	struct tmproot t;
	struct ring *r = NULL;
	struct err err = { 0 };

	tmproot_make(&t);
	CHECK(ring_open(t.fd, "ring", &r, &err) == -ENOENT, "none: %s", err.msg);
	tmproot_put(&t, "ring", "");
	CHECK(ring_open(t.fd, "ring", &r, &err) == -EPROTO, "empty: %s", err.msg);
	tmproot_put(&t, "ring",
		    "something quite different, and of no great length......"
		    "........................................................");
	CHECK(ring_open(t.fd, "ring", &r, &err) == -EPROTO, "text: %s", err.msg);
	mkdirat(t.fd, "dir", 0755);
	CHECK(ring_open(t.fd, "dir", &r, &err) < 0, "directory");
	tmproot_remove(&t);
}

static void a_reader_survives_a_file_that_shrinks(void)
{
	struct sample s = sample_at(1);
	struct tmproot t;
	struct ring_copy c;
	struct ring *w, *r;
	size_t slot;

	tmproot_make(&t);
	w = writer(&t);
	ring_slot(w, 101, 1, &slot, NULL);
	ring_add(w, slot, &s);
	ring_close(w);
	r = reader(&t);
	CHECK(truncate(path_of(&t), 4096 + 64) == 0, "truncate");
	CHECK(ring_find(r, 101, 0, &c) < 0, "no cells");
	CHECK(ring_read(r, 0, 0, &c) < 0, "no cells");
	CHECK(truncate(path_of(&t), 3) == 0, "truncate");
	CHECK(ring_read(r, 0, 0, &c) < 0, "no head");
	ring_close(r);
	tmproot_remove(&t);
}

/* ---- torture: every sample that is read is one that was written ---- */

static void write_on(const char *path, uint64_t until)
{
	struct ring *w = NULL;
	size_t slots[4];
	uint64_t i = 0;

	if (ring_create(path, BOOT, &w, NULL) < 0)
		_exit(1);
	for (size_t k = 0; k < ARRAY_SIZE(slots); k++)
		ring_slot(w, (uint32_t)(101 + k), 1, &slots[k], NULL);
	while (clock_mono_usec() < until) {
		struct sample s = sample_at(i);

		for (size_t k = 0; k < ARRAY_SIZE(slots); k++)
			ring_add(w, slots[k], &s);
		ring_beat(w, s.boot_usec, USEC_PER_SEC, i);
		i++;
		/* a collector is at rest most of the time */
		if (i % 8 == 0)
			clock_sleep_usec(50);
	}
	ring_close(w);
	_exit(0);
}

static void every_sample_is_whole_while_it_is_written(void)
{
	uint64_t least = clock_mono_usec() + 1500 * USEC_PER_MSEC;
	uint64_t until = least + 60 * USEC_PER_SEC, reads = 0, again = 0;
	static struct ring_copy c;
	struct ring_head h = { 0 };
	int status = -1;
	struct tmproot t;
	struct ring *r;
	pid_t pid;

	tmproot_make(&t);
	r = writer(&t);
	ring_close(r);
	pid = fork();
	if (pid == 0)
		write_on(path_of(&t), until);
	r = reader(&t);
	while ((ring_head(r, &h) < 0 || !h.beat_boot_usec) && clock_mono_usec() < until)
		clock_sleep_usec(USEC_PER_MSEC);
	/* until enough was read: writer and reader may have one CPU, and others on it */
	while (clock_mono_usec() < until &&
	       (clock_mono_usec() < least || reads - again < 1000)) {
		int e = ring_read(r, reads % 4, reads % 3 ? 0 : 2, &c);

		reads++;
		if (e == -EAGAIN) {
			again++;
			continue;
		}
		CHECK(e == 0, "read: %d", e);
		for (size_t i = 0; i < c.n; i++)
			CHECK(is_whole(&c.v[i]), "torn: %ju",
			      (uintmax_t)c.v[i].boot_usec);
		for (size_t i = 1; i < c.n; i++)
			CHECK(c.v[i].v[0] == c.v[i - 1].v[0] + 1000, "a hole");
		if (ring_head(r, &h) == 0 && h.beat_boot_usec)
			CHECK(h.beat_boot_usec == T0 + h.late_ticks * USEC_PER_SEC,
			      "a torn beat");
		if (test_bad > 10)
			break;
	}
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "writer: %d",
	      status);
	printf("# %ju reads, %ju in vain\n", (uintmax_t)reads, (uintmax_t)again);
	CHECK(reads - again >= 1000, "%ju reads, %ju in vain", (uintmax_t)reads,
	      (uintmax_t)again);
	ring_close(r);
	tmproot_remove(&t);
}

static void a_killed_writer_leaves_a_ring_to_take_over(void)
{
	static struct sample own[RING_TICKS];
	struct tmproot t;

	tmproot_make(&t);
	for (unsigned round = 0; round < 20; round++) {
		static struct ring_copy c;
		struct ring *r;
		pid_t pid = fork();

		if (pid == 0)
			write_on(path_of(&t), clock_mono_usec() + USEC_PER_SEC);
		clock_sleep_usec(3000 + 500 * round);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		r = writer(&t);
		for (uint32_t k = 0; k < 4; k++) {
			size_t slot, n;
			uint64_t fits;

			if (ring_slot(r, 101 + k, 1, &slot, NULL) < 0)
				continue;
			CHECK(ring_read(r, slot, 0, &c) == 0, "slot %u", k);
			/* of several runs, so not one after the other */
			for (size_t i = 0; i < c.n; i++)
				CHECK(is_whole(&c.v[i]), "torn");
			/* what it had counted is there, all that fits; killed while
			 * it wrote, the one that had to go is gone already */
			n = ring_newest(r, slot, RING_TICKS, own);
			fits = MIN(ring_count(r, slot), (uint64_t)RING_TICKS);
			CHECK(n == fits || (fits == RING_TICKS && n == fits - 1),
			      "%zu of %ju", n, (uintmax_t)fits);
		}
		ring_close(r);
	}
	tmproot_remove(&t);
}

/* A limit that changes six times: the four last are known, and what was before is not. */
static void limits_are_those_of_the_samples_time(void)
{
	const uint64_t bits = UINT64_C(3) << METRIC_STATES;
	static struct ring_copy c;
	struct ring *w, *r;
	struct tmproot t;
	size_t slot = 0;

	tmproot_make(&t);
	w = writer(&t);
	r = reader(&t);
	CHECK(ring_slot(w, 101, 1, &slot, NULL) == 0, "slot");
	for (uint64_t i = 0; i < 60; i++) {
		struct sample s = sample_at(i),
			      state = { .boot_usec = s.boot_usec, .have = bits };

		state.v[METRIC_MEMORY_MAX_BYTES] = i / 10 == 4 ? METRIC_NO_LIMIT : i / 10;
		state.v[METRIC_SWAP_MAX_BYTES] = 7;
		ring_set_state(w, slot, &state);
		ring_add(w, slot, &s);
	}
	CHECK(ring_find(r, 101, 0, &c) == 0 && c.n == 60, "%zu", c.n);
	for (uint64_t i = 0; i < 60; i++) {
		const struct sample *s = &c.v[i];
		struct sample own;

		CHECK((s->have & METRIC_STATE_BITS) == (i < 20 ? 0 : bits), "%ju: %jx",
		      (uintmax_t)i, (uintmax_t)s->have);
		CHECK(i < 20 || (s->v[METRIC_MEMORY_MAX_BYTES] ==
					 (i / 10 == 4 ? METRIC_NO_LIMIT : i / 10) &&
				 s->v[METRIC_SWAP_MAX_BYTES] == 7),
		      "%ju: %ju", (uintmax_t)i, (uintmax_t)s->v[METRIC_MEMORY_MAX_BYTES]);
		CHECK(ring_get(w, slot, 59 - i, &own) && own.have == s->have &&
			      memcmp(own.v, s->v, sizeof(own.v)) == 0,
		      "%ju: the writer's view", (uintmax_t)i);
	}
	/* another life has none of them */
	ring_free_slot(w, slot);
	CHECK(ring_slot(w, 101, 2, &slot, NULL) == 0, "slot");
	{
		struct sample s = sample_at(61);

		ring_add(w, slot, &s);
	}
	CHECK(ring_find(r, 101, 0, &c) == 0 && c.n == 1 && !(c.v[0].have & bits), "%jx",
	      (uintmax_t)c.v[0].have);
	ring_close(r);
	ring_close(w);
	tmproot_remove(&t);
}

/* Numbers as large as they get, back and forth, in every column. */
static uint64_t wild(uint64_t i, size_t column)
{
	static const uint64_t some[] = {
		0,
		UINT64_MAX,
		1,
		UINT64_C(1) << 63,
		4096,
		(UINT64_C(1) << 63) - 4096,
		4095,
		UINT64_MAX - 4095,
		(UINT64_C(12) << 40) + 1,
		63 * 4096,
		64 * 4096,
		UINT64_MAX / 3,
	};

	return some[(i * 7 + column * 5) % ARRAY_SIZE(some)];
}

static struct sample wild_at(uint64_t i)
{
	struct sample s = sample_at(i);

	for (size_t k = 0; k < METRICS; k++)
		if (s.have >> k & 1 && k != METRIC_DETAIL_BOOT_USEC)
			s.v[k] = wild(i, k);
	return s;
}

static bool is_same(const struct sample *a, const struct sample *b)
{
	return a->boot_usec == b->boot_usec && a->real_usec == b->real_usec &&
	       a->have == b->have && a->quiet == b->quiet &&
	       memcmp(a->v, b->v, sizeof(a->v)) == 0;
}

/* Where everything jumps there are fewer samples; none of them is wrong. */
static void every_value_comes_back_as_it_was(void)
{
	static struct sample own[RING_TICKS];
	static struct ring_copy c;
	struct ring *w, *r;
	struct tmproot t;
	size_t slot = 0;

	tmproot_make(&t);
	w = writer(&t);
	r = reader(&t);
	ring_slot(w, 100, 1, &slot, NULL); /* the cells are not the first */
	ring_slot(w, 101, 1, &slot, NULL);
	for (uint64_t i = 0; i < 1000; i++) {
		struct sample s = wild_at(i);
		size_t n;

		ring_add(w, slot, &s);
		if (i > 10 && i % 37)
			continue;
		CHECK(ring_find(r, 101, 0, &c) == 0, "find");
		n = ring_newest(w, slot, RING_TICKS, own);
		CHECK(c.n == n && n > MIN(i, (uint64_t)35), "%ju: %zu, %zu of them",
		      (uintmax_t)i, c.n, n);
		for (size_t k = 0; k < c.n; k++) {
			s = wild_at(i + 1 - c.n + k);
			CHECK(is_same(&c.v[k], &s) && is_same(&own[k], &s), "%ju: %zu",
			      (uintmax_t)i, k);
		}
		CHECK(!ring_get(w, slot, n, &s), "%zu", n);
		CHECK(ring_find(r, 101, 2, &c) == 0 && c.n == MIN(n, (size_t)2), "two");
		s = wild_at(i);
		CHECK(is_same(&c.v[c.n - 1], &s), "the newest");
	}
	/* it calms down: after two minutes all is as ever */
	for (uint64_t i = 1000; i < 1000 + 2 * RING_TICKS; i++) {
		struct sample s = sample_at(i);

		ring_add(w, slot, &s);
	}
	CHECK(ring_find(r, 101, 0, &c) == 0 && c.n == RING_TICKS, "%zu", c.n);
	for (size_t k = 0; k < c.n; k++)
		CHECK(is_whole(&c.v[k]), "%zu", k);
	ring_close(r);
	ring_close(w);
	tmproot_remove(&t);
}

/* A clock that is set, and that stands; columns that come and go. */
static void times_and_absent_columns_come_back(void)
{
	static struct ring_copy c;
	struct sample v[20];
	struct ring *w, *r;
	struct tmproot t;
	size_t slot = 0;

	tmproot_make(&t);
	w = writer(&t);
	ring_slot(w, 101, 1, &slot, NULL);
	for (uint64_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i] = sample_at(i);
		v[i].boot_usec += i * i * 1000003;
		v[i].real_usec = i % 3 ? UINT64_MAX - i : i;
		v[i].have = i % 5 == 4 ? 0 : v[i].have & ~METRIC_BIT(i);
		for (size_t k = 0; k < METRICS; k++)
			if (!(v[i].have >> k & 1))
				v[i].v[k] = 0;
		if (v[i].have >> METRIC_DETAILS & 1)
			v[i].v[METRIC_DETAILS] = v[i].boot_usec;
		ring_add(w, slot, &v[i]);
	}
	r = reader(&t);
	CHECK(ring_find(r, 101, 0, &c) == 0 && c.n == ARRAY_SIZE(v), "%zu", c.n);
	for (size_t i = 0; i < c.n; i++)
		CHECK(is_same(&c.v[i], &v[i]), "%zu: %jx", i, (uintmax_t)c.v[i].have);
	ring_close(r);
	ring_close(w);
	tmproot_remove(&t);
}

/* What a busy container's second takes: the bound that the header gives. */
static void a_busy_second_fits(void)
{
	static struct ring_copy c;
	struct sample s = sample_at(1);
	struct ring *w, *r;
	struct tmproot t;
	uint64_t x = 1;
	size_t slot = 0;

	tmproot_make(&t);
	w = writer(&t);
	ring_slot(w, 101, 1, &slot, NULL);
	for (uint64_t i = 0; i < 2 * RING_TICKS; i++) {
		s.boot_usec += USEC_PER_SEC + i % 7;
		s.real_usec += USEC_PER_SEC + i % 5;
		/* every counter goes on by up to two millions, sizes by up to 1 GiB */
		for (size_t k = 0; k < METRICS; k++) {
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
			s.v[k] += (x >> 43) * (str_eq(metric_defs[k].unit, "bytes") &&
							       !metric_defs[k].counter
						       ? 4096
						       : 1);
		}
		ring_add(w, slot, &s);
	}
	r = reader(&t);
	CHECK(ring_find(r, 101, 0, &c) == 0, "find");
	CHECK_U64(c.n, RING_TICKS);
	ring_close(r);
	ring_close(w);
	tmproot_remove(&t);
}

enum { SLOTS = 64 };

/* How many page faults it is to write two minutes of so many. */
_unused_ static long faults_of_writing(struct ring *w, uint64_t from)
{
	struct rusage before, after;
	size_t slot[SLOTS] = { 0 };

	for (uint32_t k = 0; k < SLOTS; k++)
		CHECK(ring_slot(w, 100 + k, 1, &slot[k], NULL) == 0, "%u", k);
	getrusage(RUSAGE_SELF, &before);
	for (uint64_t i = from; i < from + RING_TICKS; i++)
		for (size_t k = 0; k < SLOTS; k++) {
			struct sample s = sample_at(i);

			ring_add(w, slot[k], &s);
		}
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

/* Else each page of each container would be one in some second of the first minutes. */
static void writing_samples_touches_no_new_page(void)
{
#ifdef MADV_POPULATE_WRITE
	struct tmproot t;

	tmproot_make(&t);
	for (unsigned k = 0; k < 2; k++) { /* also who takes it over */
		struct ring *w = writer(&t);
		long n = faults_of_writing(w, k * RING_TICKS);

		CHECK(n < SLOTS, "%ld page faults", n);
		ring_close(w);
	}
	tmproot_remove(&t);
#endif
}

static void details_are_at_their_sample_only(void)
{
	static struct ring_copy c;
	struct ring *w, *r;
	struct tmproot t;
	size_t slot = 0;

	tmproot_make(&t);
	w = writer(&t);
	ring_slot(w, 101, 1, &slot, NULL);
	for (uint64_t i = 0; i < 1005; i++) {
		struct sample s = sample_at(i);

		/* the kernel has not all of them */
		s.have &= ~METRIC_BIT(METRIC_MEMORY_SLAB_BYTES);
		ring_add(w, slot, &s);
	}
	r = reader(&t);
	for (size_t max = 0; max <= RING_TICKS; max += 24) {
		size_t n = max ? max : RING_TICKS;

		CHECK(ring_find(r, 101, max, &c) == 0 && c.n == n, "%zu", c.n);
		for (size_t k = 0; k < c.n; k++) {
			uint64_t i = 1005 - n + k;
			struct sample want = sample_at(i), own = { 0 };

			want.have &= ~METRIC_BIT(METRIC_MEMORY_SLAB_BYTES);
			want.v[METRIC_MEMORY_SLAB_BYTES] = 0;
			CHECK(c.v[k].have == want.have &&
				      memcmp(c.v[k].v, want.v, sizeof(want.v)) == 0,
			      "%ju: %jx", (uintmax_t)i, (uintmax_t)c.v[k].have);
			CHECK(ring_get(w, slot, 1004 - i, &own) &&
				      own.have == want.have &&
				      memcmp(own.v, want.v, sizeof(want.v)) == 0,
			      "%ju: the writer's view", (uintmax_t)i);
		}
	}
	/* they are not another life's */
	ring_free_slot(w, slot);
	ring_beat(w, T0 + 9999 * USEC_PER_SEC, USEC_PER_SEC, 0);
	CHECK(ring_slot(w, 102, 1, &slot, NULL) == 0, "slot");
	for (uint64_t i = 0; i < 4; i++) {
		struct sample s = sample_at(i);

		ring_add(w, slot, &s);
	}
	CHECK(ring_find(r, 102, 0, &c) == 0 && c.n == 4, "%zu", c.n);
	for (size_t k = 0; k < c.n; k++)
		CHECK(is_whole(&c.v[k]), "%zu", k);
	ring_close(r);
	ring_close(w);
	tmproot_remove(&t);
}

/* Of the version before: as after an upgrade. The head is all that the two share. */
static void a_ring_of_an_older_version_is_replaced(void)
{
	const uint64_t old[2] = { UINT64_C(0x34676e6952746363), /* "cctRing4" */
				  34 | 5 << 8 | 120 << 16 | UINT64_C(8192) << 32 };
	struct ring *w, *r = NULL, *watched;
	struct sample s = sample_at(5);
	struct err err = { 0 };
	struct ring_copy *c = xmalloc(sizeof(*c));
	struct tmproot t;
	size_t slot = 0;
	int fd;

	tmproot_make(&t);
	w = writer(&t);
	ring_slot(w, 101, 3, &slot, NULL);
	ring_add(w, slot, &s);
	watched = reader(&t);
	ring_close(w);
	fd = openat(t.fd, "ring", O_RDWR | O_CLOEXEC);
	CHECK(pwrite(fd, old, sizeof(old), 0) == sizeof(old), "make it old");
	CHECK(ring_open(t.fd, "ring", &r, &err) == -EPROTO, "%s", err.msg);
	w = writer(&t);
	r = reader(&t);
	CHECK(ring_find(r, 101, 0, c) == -ENOENT, "its cells are of another shape");
	ring_slot(w, 101, 3, &slot, NULL);
	CHECK_U64(ring_count(w, slot), 0);
	/* the old file was left alone, for who still has it open */
	CHECK(ring_find(watched, 101, 0, c) == 0 && c->n == 1 && is_whole(&c->v[0]),
	      "the old one");
	ring_close(watched);
	ring_close(r);
	ring_close(w);
	close(fd);
	free(c);
	tmproot_remove(&t);
}

int main(void)
{
	RUN(a_reader_gets_what_was_written);
	RUN(every_value_comes_back_as_it_was);
	RUN(times_and_absent_columns_come_back);
	RUN(a_busy_second_fits);
	RUN(writing_samples_touches_no_new_page);
	RUN(details_are_at_their_sample_only);
	RUN(a_ring_of_an_older_version_is_replaced);
	RUN(one_writer_at_a_time);
	RUN(a_ring_is_taken_over_in_the_same_boot_only);
	RUN(a_crash_loop_does_not_make_it_grow);
	RUN(a_freed_slot_stays_readable_for_two_minutes);
	RUN(a_live_collector_is_told_from_a_dead_one);
	RUN(foreign_files_are_refused);
	RUN(a_reader_survives_a_file_that_shrinks);
	RUN(every_sample_is_whole_while_it_is_written);
	RUN(a_killed_writer_leaves_a_ring_to_take_over);
	RUN(limits_are_those_of_the_samples_time);
	return DONE();
}
