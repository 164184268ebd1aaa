/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/sampler.h"

#include "base/clock.h"
#include "store/block.h"
#include "tmproot.h"

#define BOOT       "01234567-89ab-cdef-0123-456789abcdef"
#define BIT(m)     (UINT64_C(1) << (m))
#define MINUTE     (60 * USEC_PER_SEC)
#define HAVE(s, m) ((s).have >> (m)&1)

struct node {
	struct tmproot root;
	struct ring *ring;
	struct sampler *s;
};

static void put(const struct node *n, unsigned id, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/fs/cgroup/lxc/%u/%s", id, file);
	tmproot_put(&n->root, path, text);
}

static void put_ct(const struct node *n, unsigned id)
{
	put(n, id, "cpu.stat", "usage_usec 1000\nuser_usec 600\nsystem_usec 400\n");
	put(n, id, "io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	put(n, id, "memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	put(n, id, "memory.current", "4096\n");
}

static struct ring *new_ring(const struct tmproot *t)
{
	struct ring *r = NULL;
	struct err err = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/ring", t->path);
	CHECK(ring_create(path, BOOT, &r, &err) == 0, "%s", err.msg);
	return r;
}

static void node_make(struct node *n)
{
	struct err err = { 0 };

	tmproot_make(&n->root);
	tmproot_put(&n->root, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
	tmproot_put(&n->root, "sys/fs/cgroup/lxc/cgroup.procs", "");
	n->ring = new_ring(&n->root);
	CHECK(sampler_new(n->root.fd, false, n->ring, NULL, &n->s, &err) == 0, "%s",
	      err.msg);
}

static void node_remove(struct node *n)
{
	sampler_free(n->s);
	ring_close(n->ring);
	tmproot_remove(&n->root);
}

static void a_sample_holds_what_the_kernel_has(void)
{
	struct sampler_report r;
	struct sample s[2];
	struct node n;

	node_make(&n);
	put_ct(&n, 101);
	CHECK(sampler_add(n.s, 101, 7, NULL) == 0, "add");
	CHECK_U64(sampler_last(n.s, 101, s), 0);
	sampler_tick(n.s, &r);
	CHECK_U64(r.n_sampled, 1);
	CHECK_U64(sampler_last(n.s, 101, s), 1);
	CHECK_U64(s[0].v[METRIC_CPU_USAGE_USEC], 1000);
	CHECK_U64(s[0].v[METRIC_MEMORY_CURRENT_BYTES], 4096);
	CHECK(HAVE(s[0], METRIC_PSI_IO_SOME_USEC), "pressure");
	CHECK(!HAVE(s[0], METRIC_PIDS_CURRENT), "no such file is absent");
	CHECK(!HAVE(s[0], METRIC_NET_IN_BYTES), "no network is absent");
	CHECK(s[0].boot_usec && s[0].real_usec > s[0].boot_usec, "times");
	node_remove(&n);
}

static void limits_are_read_once_a_minute(void)
{
	struct sampler_report r;
	struct sample s[2];
	struct node n;

	node_make(&n);
	put_ct(&n, 101);
	put(&n, 101, "memory.max", "536870912\n");
	put(&n, 101, "memory.swap.max", "max\n");
	put(&n, 101, "cpu.max", "150000 100000\n");
	put(&n, 101, "cpuset.cpus.effective", "0-3,8\n");
	sampler_add(n.s, 101, 1, NULL);
	sampler_tick(n.s, &r);
	CHECK(sampler_last(n.s, 101, s) == 1, "one sample");
	CHECK(HAVE(s[0], METRIC_MEMORY_MAX_BYTES) &&
		      s[0].v[METRIC_MEMORY_MAX_BYTES] == 536870912,
	      "memory.max");
	CHECK(HAVE(s[0], METRIC_SWAP_MAX_BYTES) &&
		      s[0].v[METRIC_SWAP_MAX_BYTES] == METRIC_NO_LIMIT,
	      "no limit of swap");
	CHECK(!HAVE(s[0], METRIC_PIDS_MAX), "no pids controller");
	CHECK_U64(s[0].v[METRIC_CPU_MAX_PPM], 1500000);
	CHECK(HAVE(s[0], METRIC_FROZEN) && !s[0].v[METRIC_FROZEN], "not frozen");
	/* the cpuset is the smaller one, half a number is none */
	put(&n, 101, "cpu.max", "max 100000\n");
	put(&n, 101, "cpuset.cpus.effective", "2\n");
	put(&n, 101, "memory.max", "12x\n");
	sampler_frozen(n.s, 101, true);
	for (unsigned i = 0; i < 60; i++)
		sampler_tick(n.s, &r);
	CHECK(sampler_last(n.s, 101, s) == 2, "samples");
	CHECK_U64(s[0].v[METRIC_CPU_MAX_PPM], 1000000);
	CHECK(!HAVE(s[0], METRIC_MEMORY_MAX_BYTES), "not known");
	CHECK(s[0].v[METRIC_FROZEN] == 1, "frozen");
	node_remove(&n);
}

static void a_quiet_container_is_read_whole_every_tenth_tick(void)
{
	unsigned whole = 0;
	struct sampler_report r;
	struct sample s[2];
	struct node n;

	node_make(&n);
	put_ct(&n, 101);
	sampler_add(n.s, 101, 1, NULL);
	sampler_tick(n.s, &r);
	CHECK(r.n_quiet == 0, "the first one is whole");
	put(&n, 101, "memory.current", "8192\n");
	for (unsigned i = 0; i < 20; i++) {
		sampler_tick(n.s, &r);
		whole += r.n_quiet == 0;
		sampler_last(n.s, 101, s);
		CHECK(s[0].quiet == (r.n_quiet == 1), "said so");
		CHECK(HAVE(s[0], METRIC_MEMORY_CURRENT_BYTES), "the last one holds on");
	}
	CHECK_U64(whole, 2);
	CHECK_U64(s[0].v[METRIC_MEMORY_CURRENT_BYTES], 8192);
	node_remove(&n);
}

static const struct sample *newest(const struct node *n)
{
	static struct sample s[2];

	CHECK(sampler_last(n->s, 101, s) >= 1, "a sample");
	return &s[0];
}

/* Quiet or not: read with what is read, held on to with what is held on to. */
static void details_are_there_each_second(void)
{
	for (unsigned active = 0; active < 2; active++) {
		struct sampler_report r;
		struct node n;

		node_make(&n);
		put_ct(&n, 101);
		put(&n, 101, "memory.stat", "\n");
		put(&n, 101, "memory.events", "high 0\noom_group_kill 3\n");
		sampler_add(n.s, 101, 1, NULL);
		for (unsigned i = 0; i < 35; i++) {
			unsigned faults = active ? i : i - i % 10;
			const struct sample *s;
			char text[64];

			snprintf(text, sizeof(text), "usage_usec %u\n",
				 1000 + i * active);
			put(&n, 101, "cpu.stat", text);
			snprintf(text, sizeof(text), "anon 8192\nsock 4096\npgfault %u\n",
				 i);
			put(&n, 101, "memory.stat", text);
			sampler_tick(n.s, &r);
			s = newest(&n);
			CHECK(s->v[METRIC_MEMORY_ANON_BYTES] == 8192, "each second");
			CHECK(HAVE(*s, METRIC_PGFAULT) &&
				      s->v[METRIC_PGFAULT] == faults &&
				      s->v[METRIC_MEMORY_SOCK_BYTES] == 4096 &&
				      s->v[METRIC_MEMORY_EVENTS_OOM_GROUP_KILL] == 3,
			      "%u, %u: %ju faults", active, i,
			      (uintmax_t)s->v[METRIC_PGFAULT]);
			CHECK(HAVE(*s, METRIC_DETAIL_BOOT_USEC) &&
				      s->v[METRIC_DETAIL_BOOT_USEC] == s->boot_usec,
			      "%u: their time", i);
			CHECK(!HAVE(*s, METRIC_MEMORY_SLAB_BYTES), "not there");
		}
		node_remove(&n);
	}
}

/* A machine without those controllers: not even a time. */
static void where_there_are_no_details_there_is_no_time_of_them(void)
{
	struct sampler_report r;
	struct node n;

	node_make(&n);
	put_ct(&n, 101);
	sampler_add(n.s, 101, 1, NULL);
	sampler_tick(n.s, &r);
	CHECK(!(newest(&n)->have & METRIC_DETAIL_BITS), "%jx",
	      (uintmax_t)newest(&n)->have);
	node_remove(&n);
}

static void run(const struct node *n, unsigned usage)
{
	char text[64];

	snprintf(text, sizeof(text), "usage_usec %u\nuser_usec 600\n", usage);
	put(n, 101, "cpu.stat", text);
}

static void wait_for(const struct node *n, const char *file, unsigned total)
{
	char text[96];

	snprintf(text, sizeof(text), "some avg10=9.00 avg60=0.00 avg300=0.00 total=%u\n",
		 total);
	put(n, 101, file, text);
}

static void who_runs_or_waits_is_not_quiet(void)
{
	static const char *const files[] = { "io.pressure", "memory.pressure" };
	struct sampler_report r;
	unsigned usage = 1001;
	struct node n;

	node_make(&n);
	put_ct(&n, 101);
	sampler_add(n.s, 101, 1, NULL);
	sampler_tick(n.s, &r);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		sampler_tick(n.s, &r);
		CHECK(r.n_quiet == 1, "nothing moved");
		/* it runs, and gets stuck: it does not run any more */
		run(&n, usage++);
		sampler_tick(n.s, &r);
		CHECK(r.n_quiet == 0, "it ran");
		for (unsigned total = 1; total < 4; total++) {
			wait_for(&n, files[i], total);
			sampler_tick(n.s, &r);
			CHECK(r.n_quiet == 0, "%s moved", files[i]);
		}
		sampler_tick(n.s, &r);
		CHECK(r.n_quiet == 1, "it waits no more");
	}
	node_remove(&n);
}

static void of_a_quiet_one_the_stalls_are_asked_for_once_a_minute(void)
{
	unsigned seen = 0;
	struct sample s[2];
	struct sampler_report r;
	struct node n;

	node_make(&n);
	put_ct(&n, 101);
	sampler_add(n.s, 101, 1, NULL);
	for (unsigned i = 0; i < 25; i++)
		sampler_tick(n.s, &r);
	/* who does not run cannot wait: were it so, it would be found all the same */
	wait_for(&n, "io.pressure", 7);
	put(&n, 101, "memory.current", "8192\n");
	for (unsigned i = 0; i < 60; i++) {
		sampler_tick(n.s, &r);
		sampler_last(n.s, 101, s);
		CHECK(HAVE(s[0], METRIC_PSI_IO_SOME_USEC), "it holds on");
		CHECK(HAVE(s[0], METRIC_PSI_MEMORY_SOME_USEC), "it holds on");
		if (i == 10)
			CHECK_U64(s[0].v[METRIC_MEMORY_CURRENT_BYTES], 8192);
		if (!seen && s[0].v[METRIC_PSI_IO_SOME_USEC] == 7)
			seen = i;
	}
	CHECK(seen > 10, "asked for after %u ticks", seen);
	node_remove(&n);
}

static void lives_are_kept_apart(void)
{
	struct sampler_report r;
	struct ring_copy *c = xmalloc(sizeof(*c));
	struct ring *reader = NULL;
	struct err err = { 0 };
	struct node n;

	node_make(&n);
	CHECK(sampler_add(n.s, 102, 1, &err) == -ENOENT, "no such cgroup: %s", err.msg);
	put_ct(&n, 102);
	put_ct(&n, 101);
	CHECK(sampler_add(n.s, 102, 1, &err) == 0, "%s", err.msg);
	CHECK(sampler_add(n.s, 101, 5, &err) == 0, "%s", err.msg);
	CHECK(sampler_add(n.s, 102, 1, &err) == 0, "the same again");
	CHECK(sampler_add(n.s, 102, 2, &err) == -EEXIST, "%s", err.msg);
	sampler_tick(n.s, &r);
	sampler_tick(n.s, &r);
	sampler_remove(n.s, 102);
	sampler_remove(n.s, 102);
	CHECK(sampler_add(n.s, 102, 2, &err) == 0, "%s", err.msg);
	sampler_tick(n.s, &r);
	CHECK(ring_open(n.root.fd, "ring", &reader, &err) == 0, "%s", err.msg);
	CHECK(ring_find(reader, 102, 0, c) == 0 && c->life == 2 && c->n == 1,
	      "life %ju, %zu", (uintmax_t)c->life, c->n);
	CHECK(ring_find(reader, 101, 0, c) == 0 && c->life == 5 && c->n == 3, "101");
	ring_close(reader);
	free(c);
	node_remove(&n);
}

static void a_broken_file_costs_its_own_columns(void)
{
	struct sampler_report r;
	struct sampler_stat st;
	struct sample s[2];
	struct node n;

	node_make(&n);
	put_ct(&n, 101);
	put(&n, 101, "pids.current", "a few\n");
	sampler_add(n.s, 101, 1, NULL);
	sampler_tick(n.s, &r);
	CHECK(sampler_last(n.s, 101, s) == 1 && !HAVE(s[0], METRIC_PIDS_CURRENT), "pids");
	CHECK_U64(s[0].v[METRIC_MEMORY_CURRENT_BYTES], 4096);
	sampler_stat(n.s, &st);
	CHECK(st.unreadable == 1 && st.n == 1 && st.ticks == 1, "counted");
	node_remove(&n);
}

/* ---- minutes ---- */

struct got {
	struct db_block v[256];
	size_t n;
};

static void keep(struct db_block *v, size_t n, void *arg)
{
	struct got *g = arg;

	for (size_t i = 0; i < n && g->n < ARRAY_SIZE(g->v); i++)
		g->v[g->n++] = v[i];
}

static void got_done(struct got *g)
{
	for (size_t i = 0; i < g->n; i++)
		buf_done(&g->v[i].data);
	g->n = 0;
}

static size_t count_level(const struct got *g, unsigned level, size_t *ret_samples)
{
	size_t n = 0;

	*ret_samples = 0;
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].level_sec != level)
			continue;
		n++;
		*ret_samples += g->v[i].n;
	}
	return n;
}

/* an hour that is whole, long ago */
#define HOUR_AGO (UINT64_C(1700000000) / 3600 * 3600 * USEC_PER_SEC)

static void add_second(struct ring *r, size_t slot, uint64_t i)
{
	struct sample s = { .boot_usec = (i + 1) * USEC_PER_SEC,
			    .real_usec = HOUR_AGO + i * USEC_PER_SEC,
			    .have = BIT(METRIC_CPU_USAGE_USEC) |
				    BIT(METRIC_MEMORY_CURRENT_BYTES) };

	s.v[METRIC_CPU_USAGE_USEC] = i * 1000;
	s.v[METRIC_MEMORY_CURRENT_BYTES] = i % 600 == 77 ? 1000000 : 5000;
	ring_add(r, slot, &s);
}

static void an_hour_becomes_blocks_of_three_levels(void)
{
	struct got *g = xcalloc(1, sizeof(*g));
	struct block_codec *c = NULL;
	struct minute *m = NULL;
	struct tmproot t;
	struct ring *r;
	struct sample v[BLOCK_MAX_SAMPLES];
	size_t slot = 0, k, samples;

	tmproot_make(&t);
	r = new_ring(&t);
	ring_slot(r, 101, 3, &slot, NULL);
	CHECK(minute_new(r, keep, g, &m, NULL) == 0, "new");
	minute_add(m, 101, 3, slot);
	for (uint64_t i = 0; i < 3660; i++) {
		add_second(r, slot, i);
		/* as the ring is only two minutes */
		if (i % 60 == 59)
			minute_flush(m);
	}
	/* flushing ends every level: that many short ones */
	CHECK_U64(count_level(g, 1, &samples), 61);
	CHECK_U64(samples, 3660);
	got_done(g);
	minute_end(m, 101);
	CHECK_U64(g->n, 0);

	/* and as it goes on by itself: a sweep a minute, here by what the ring says */
	ring_slot(r, 102, 1, &slot, NULL);
	minute_add(m, 102, 1, slot);
	for (uint64_t i = 0; i < 3660; i++) {
		add_second(r, slot, i);
		if (i % 60 == 5)
			minute_sweep(m, HOUR_AGO + i * USEC_PER_SEC);
	}
	minute_sweep(m, HOUR_AGO + 3660 * USEC_PER_SEC);
	CHECK_U64(count_level(g, 1, &samples), 61);
	CHECK_U64(count_level(g, 10, &samples), 6);
	CHECK_U64(samples, 360);
	minute_end(m, 102);
	CHECK_U64(count_level(g, 60, &samples), 2);
	CHECK_U64(samples, 61);
	CHECK(block_codec_new(&c, NULL) == 0, "codec");
	for (size_t i = 0; i < g->n; i++) {
		struct err err = { 0 };

		CHECK(block_decode(c, span_of(g->v[i].data.p, g->v[i].data.n), v, &k,
				   &err) == 0,
		      "%s", err.msg);
		CHECK(k == g->v[i].n && v[0].real_usec == g->v[i].start_real_usec &&
			      g->v[i].vmid == 102,
		      "block %zu", i);
		if (g->v[i].level_sec == 60 && k == 60) {
			CHECK_U64(v[1].v[METRIC_MEMORY_CURRENT_BYTES], 1000000);
			CHECK_U64(v[2].v[METRIC_MEMORY_CURRENT_BYTES], 5000);
			CHECK_U64(v[59].v[METRIC_CPU_USAGE_USEC], 3599000);
		}
	}
	got_done(g);
	block_codec_free(c);
	minute_free(m);
	ring_close(r);
	tmproot_remove(&t);
	free(g);
}

/* One that came just now, by a look at the clock. */
static void add_now(struct ring *r, size_t slot)
{
	struct sample s = { .boot_usec = clock_boot_usec(),
			    .real_usec = clock_real_usec(),
			    .have = BIT(METRIC_CPU_USAGE_USEC) };

	ring_add(r, slot, &s);
}

static void the_minute_that_goes_on_is_no_block_yet(void)
{
	struct got *g = xcalloc(1, sizeof(*g));
	struct minute *m = NULL;
	struct tmproot t;
	struct ring *r;
	size_t slot = 0;

	/* the minute must not end meanwhile, however busy the machine is */
	while (clock_real_usec() % (60 * USEC_PER_SEC) > 54 * USEC_PER_SEC)
		clock_sleep_usec(100 * USEC_PER_MSEC);
	tmproot_make(&t);
	r = new_ring(&t);
	minute_new(r, keep, g, &m, NULL);
	/* it runs since before the collector did */
	ring_slot(r, 101, 3, &slot, NULL);
	minute_add(m, 101, 3, slot);
	add_now(r, slot);
	minute_work(m, USEC_PER_SEC);
	CHECK_U64(g->n, 0);
	/* it starts in the first second of a minute: the last sweep was in another one */
	minute_sweep(m, clock_real_usec() - 60 * USEC_PER_SEC);
	got_done(g);
	ring_slot(r, 102, 1, &slot, NULL);
	minute_add(m, 102, 1, slot);
	add_now(r, slot);
	minute_work(m, USEC_PER_SEC);
	CHECK_U64(g->n, 0);
	got_done(g);
	minute_free(m);
	ring_close(r);
	tmproot_remove(&t);
	free(g);
}

static void what_is_stored_is_not_stored_again(void)
{
	struct got *g = xcalloc(1, sizeof(*g));
	struct minute *m = NULL;
	struct tmproot t;
	struct ring *r;
	size_t slot = 0, samples;

	tmproot_make(&t);
	r = new_ring(&t);
	ring_slot(r, 101, 3, &slot, NULL);
	minute_new(r, keep, g, &m, NULL);
	minute_add(m, 101, 3, slot);
	for (uint64_t i = 0; i < 90; i++)
		add_second(r, slot, i);
	minute_sweep(m, HOUR_AGO + 90 * USEC_PER_SEC);
	/* the collector is killed, and another takes over */
	minute_free(m);
	ring_close(r);
	r = new_ring(&t);
	minute_new(r, keep, g, &m, NULL);
	CHECK(ring_slot(r, 101, 3, &slot, NULL) == 0, "slot");
	minute_add(m, 101, 3, slot);
	for (uint64_t i = 90; i < 130; i++)
		add_second(r, slot, i);
	minute_end(m, 101);
	count_level(g, 1, &samples);
	CHECK_U64(samples, 130);
	got_done(g);
	minute_free(m);
	ring_close(r);
	tmproot_remove(&t);
	free(g);
}

/* into a store, as the writer does; blocks are counted, too */
struct stored {
	struct db *db;
	struct got got;
};

static void to_store(struct db_block *v, size_t n, void *arg)
{
	struct stored *s = arg;
	struct err err = { 0 };

	CHECK(db_add_blocks(s->db, v, n, &err) == 0, "%s", err.msg);
	keep(v, n, &s->got);
}

/* from the beginning of this hour */
static void add_recent(struct ring *r, size_t slot, uint64_t hour, uint64_t i)
{
	struct sample s = { .boot_usec = (i + 1) * USEC_PER_SEC,
			    .real_usec = hour + i * USEC_PER_SEC,
			    .have = BIT(METRIC_CPU_USAGE_USEC) };

	s.v[METRIC_CPU_USAGE_USEC] = i;
	ring_add(r, slot, &s);
}

static void roll_ups_are_restored_after_a_crash(void)
{
	uint64_t now = clock_real_usec(), hour = now - now % (60 * MINUTE);
	struct stored *s = xcalloc(1, sizeof(*s));
	struct db_opened opened = { 0 };
	struct err err = { 0 };
	struct tmproot t;
	size_t samples = 0;
	char path[128];

	tmproot_make(&t);
	snprintf(path, sizeof(path), "%s/test.db", t.path);
	CHECK(db_open(path, &s->db, &opened, &err) == 0, "%s", err.msg);
	/* the collector is killed after 13 minutes, after 25, and ends in order after 28
	 */
	for (uint64_t from = 0, to = 780; from < 1680;
	     from = to, to = to == 780 ? 1500 : 1680) {
		struct minute *m = NULL;
		struct ring *r = new_ring(&t);
		size_t slot = 0;

		minute_new(r, to_store, s, &m, NULL);
		minute_use_store(m, s->db);
		ring_slot(r, 101, 3, &slot, NULL);
		minute_add(m, 101, 3, slot);
		for (uint64_t i = from; i < to; i++) {
			add_recent(r, slot, hour, i);
			if (i % 60 == 59)
				minute_sweep(m, hour + (i + 1) * USEC_PER_SEC);
		}
		if (to == 1680)
			minute_flush(m);
		minute_free(m);
		ring_close(r);
	}
	count_level(&s->got, 1, &samples);
	CHECK_U64(samples, 1680);
	count_level(&s->got, 10, &samples);
	CHECK_U64(samples, 168);
	count_level(&s->got, 60, &samples);
	CHECK_U64(samples, 28);
	got_done(&s->got);
	db_close(s->db);
	free(s);
	tmproot_remove(&t);
}

int main(void)
{
	RUN(a_sample_holds_what_the_kernel_has);
	RUN(limits_are_read_once_a_minute);
	RUN(a_quiet_container_is_read_whole_every_tenth_tick);
	RUN(details_are_there_each_second);
	RUN(where_there_are_no_details_there_is_no_time_of_them);
	RUN(who_runs_or_waits_is_not_quiet);
	RUN(of_a_quiet_one_the_stalls_are_asked_for_once_a_minute);
	RUN(lives_are_kept_apart);
	RUN(a_broken_file_costs_its_own_columns);
	RUN(an_hour_becomes_blocks_of_three_levels);
	RUN(the_minute_that_goes_on_is_no_block_yet);
	RUN(what_is_stored_is_not_stored_again);
	RUN(roll_ups_are_restored_after_a_crash);
	return DONE();
}
