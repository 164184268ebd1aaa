/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/cgsample.h"

#include "base/num.h"
#include "read/cgroup.h"
#include "test.h"

#define BIT(m) (UINT64_C(1) << (m))

static int parse(enum cgsample_file f, const char *text, struct sample *s)
{
	*s = (struct sample){ 0 };
	return cgsample_parse(f, span_str(text), true, s);
}

/* ---- the same as the readers that read all of it ---- */

static void same(const char *what, const struct sample *s, enum metric m, struct val v)
{
	bool has = s->have >> m & 1;

	CHECK(has == (v.kind == VAL_SET), "%s: %s: %d", what, metric_defs[m].name, has);
	CHECK(!has || s->v[m] == v.n, "%s: %s: %ju, not %ju", what, metric_defs[m].name,
	      (uintmax_t)s->v[m], (uintmax_t)v.n);
}

static void same_cpu(const char *what, struct span text, const struct sample *s)
{
	struct cg_cpu c = { 0 };

	CHECK(cg_parse_cpu_stat(text, &c) == 0, "%s", what);
	same(what, s, METRIC_CPU_USAGE_USEC, c.usage_usec);
	same(what, s, METRIC_CPU_USER_USEC, c.user_usec);
	same(what, s, METRIC_CPU_SYSTEM_USEC, c.system_usec);
	same(what, s, METRIC_CPU_NR_PERIODS, c.nr_periods);
	same(what, s, METRIC_CPU_NR_THROTTLED, c.nr_throttled);
	same(what, s, METRIC_CPU_THROTTLED_USEC, c.throttled_usec);
}

static void same_memory(const char *what, struct span text, const struct sample *s)
{
	struct cg_memory m = { 0 };

	CHECK(cg_parse_memory_stat(text, &m) == 0, "%s", what);
	same(what, s, METRIC_MEMORY_ANON_BYTES, m.anon_bytes);
	same(what, s, METRIC_MEMORY_FILE_BYTES, m.file_bytes);
	same(what, s, METRIC_MEMORY_SHMEM_BYTES, m.shmem_bytes);
	same(what, s, METRIC_MEMORY_KERNEL_BYTES, m.kernel_bytes);
	same(what, s, METRIC_PGMAJFAULT, m.pgmajfault);
	same(what, s, METRIC_WORKINGSET_REFAULT_FILE, m.workingset_refault_file);
	same(what, s, METRIC_MEMORY_MAPPED_BYTES, m.file_mapped_bytes);
	same(what, s, METRIC_MEMORY_DIRTY_BYTES, m.file_dirty_bytes);
	same(what, s, METRIC_MEMORY_WRITEBACK_BYTES, m.file_writeback_bytes);
	same(what, s, METRIC_MEMORY_KERNEL_STACK_BYTES, m.kernel_stack_bytes);
	same(what, s, METRIC_MEMORY_PAGETABLES_BYTES, m.pagetables_bytes);
	same(what, s, METRIC_MEMORY_PERCPU_BYTES, m.percpu_bytes);
	same(what, s, METRIC_MEMORY_SOCK_BYTES, m.sock_bytes);
	same(what, s, METRIC_MEMORY_VMALLOC_BYTES, m.vmalloc_bytes);
	same(what, s, METRIC_MEMORY_SLAB_BYTES, m.slab_bytes);
	same(what, s, METRIC_MEMORY_SLAB_UNRECLAIMABLE_BYTES, m.slab_unreclaimable_bytes);
	same(what, s, METRIC_MEMORY_ACTIVE_ANON_BYTES, m.active_anon_bytes);
	same(what, s, METRIC_MEMORY_INACTIVE_ANON_BYTES, m.inactive_anon_bytes);
	same(what, s, METRIC_MEMORY_ACTIVE_FILE_BYTES, m.active_file_bytes);
	same(what, s, METRIC_MEMORY_INACTIVE_FILE_BYTES, m.inactive_file_bytes);
	same(what, s, METRIC_MEMORY_UNEVICTABLE_BYTES, m.unevictable_bytes);
	same(what, s, METRIC_PGFAULT, m.pgfault);
	same(what, s, METRIC_WORKINGSET_REFAULT_ANON, m.workingset_refault_anon);
}

static void same_events(const char *what, struct span text, const struct sample *s)
{
	struct cg_memory m = { 0 };

	CHECK(cg_parse_memory_events(text, &m) == 0, "%s", what);
	same(what, s, METRIC_MEMORY_EVENTS_HIGH, m.events_high);
	same(what, s, METRIC_MEMORY_EVENTS_MAX, m.events_max);
	same(what, s, METRIC_MEMORY_EVENTS_OOM, m.events_oom);
	same(what, s, METRIC_MEMORY_EVENTS_OOM_KILL, m.events_oom_kill);
	same(what, s, METRIC_MEMORY_EVENTS_OOM_GROUP_KILL, m.events_oom_group_kill);
}

static void same_psi(const char *what, struct span text, const struct sample *s,
		     enum metric some, enum metric full)
{
	struct cg_psi p = { 0 };

	CHECK(cg_parse_psi(text, &p) == 0, "%s", what);
	same(what, s, some, p.some.total_usec);
	same(what, s, full, p.full.total_usec);
}

static void same_io(const char *what, struct span text, const struct sample *s)
{
	struct cg_io io = { 0 };
	uint64_t sum[5] = { 0 };

	CHECK(cg_parse_io_stat(text, &io) == 0, "%s", what);
	for (size_t i = 0; i < io.n; i++) {
		sum[0] += val_or(io.v[i].rbytes, 0);
		sum[1] += val_or(io.v[i].wbytes, 0);
		sum[2] += val_or(io.v[i].rios, 0);
		sum[3] += val_or(io.v[i].wios, 0);
		sum[4] += val_or(io.v[i].dbytes, 0);
	}
	same(what, s, METRIC_IO_READ_BYTES, val_set(sum[0]));
	same(what, s, METRIC_IO_WRITE_BYTES, val_set(sum[1]));
	same(what, s, METRIC_IO_READS, val_set(sum[2]));
	same(what, s, METRIC_IO_WRITES, val_set(sum[3]));
	same(what, s, METRIC_IO_DISCARD_BYTES, val_set(sum[4]));
	cg_io_done(&io);
}

static void same_number(const char *what, struct span text, const struct sample *s,
			enum metric m)
{
	struct val v = { 0 };

	CHECK(num_parse_val(span_trim(text), &v) == 0, "%s", what);
	same(what, s, m, v);
}

static void compare(enum cgsample_file f, const char *what, struct span text)
{
	struct sample s = { 0 }, fast = { 0 };

	CHECK(cgsample_parse(f, text, true, &s) == 0, "%s", what);
	/* without the details all else is as with them */
	CHECK(cgsample_parse(f, text, false, &fast) == 0, "%s", what);
	CHECK(fast.have == (s.have & METRIC_SECOND_BITS), "%s: %jx", what,
	      (uintmax_t)fast.have);
	CHECK(memcmp(fast.v, s.v, METRIC_DETAILS * sizeof(*s.v)) == 0, "%s", what);
	switch (f) {
	case CGSAMPLE_CPU_STAT:
		same_cpu(what, text, &s);
		break;
	case CGSAMPLE_IO_PRESSURE:
		same_psi(what, text, &s, METRIC_PSI_IO_SOME_USEC,
			 METRIC_PSI_IO_FULL_USEC);
		break;
	case CGSAMPLE_MEMORY_PRESSURE:
		same_psi(what, text, &s, METRIC_PSI_MEMORY_SOME_USEC,
			 METRIC_PSI_MEMORY_FULL_USEC);
		break;
	case CGSAMPLE_CPU_PRESSURE:
		same_psi(what, text, &s, METRIC_PSI_CPU_SOME_USEC,
			 METRIC_PSI_CPU_FULL_USEC);
		break;
	case CGSAMPLE_MEMORY_STAT:
		same_memory(what, text, &s);
		break;
	case CGSAMPLE_MEMORY_EVENTS:
		same_events(what, text, &s);
		break;
	case CGSAMPLE_IO_STAT:
		same_io(what, text, &s);
		break;
	case CGSAMPLE_MEMORY_CURRENT:
		same_number(what, text, &s, METRIC_MEMORY_CURRENT_BYTES);
		break;
	case CGSAMPLE_MEMORY_SWAP_CURRENT:
		same_number(what, text, &s, METRIC_SWAP_CURRENT_BYTES);
		break;
	case CGSAMPLE_PIDS_CURRENT:
		same_number(what, text, &s, METRIC_PIDS_CURRENT);
		break;
	case CGSAMPLE_FILES:
		break;
	}
}

static void a_recorded_node_is_read_as_the_whole_readers_read_it(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(strv_done) struct strv ids = { 0 };
	unsigned n = 0;

	CHECK(fs_list(root, "sys/fs/cgroup/lxc", 100, &ids, NULL) == 0, "list");
	for (size_t i = 0; i < ids.n; i++) {
		for (size_t f = 0; f < CGSAMPLE_FILES; f++) {
			const char *file = cgsample_name((enum cgsample_file)f);
			_cleanup_free_ char *path =
				xasprintf("sys/fs/cgroup/lxc/%s/%s", ids.v[i], file);
			_cleanup_(buf_done) struct buf b = { 0 };

			if (fs_read_file(root, path, 1 << 16, &b, NULL) < 0)
				continue;
			compare((enum cgsample_file)f, path, span_of(buf_str(&b), b.n));
			n++;
		}
	}
	CHECK(n >= 3 * CGSAMPLE_FILES, "only %u files", n);
}

static void order_and_unknown_keys_do_not_matter(void)
{
	const char *text = "system_usec 3\nnr_bursts 9\nuser_usec 2\nusage_usec_x 8\n"
			   "usage_usec 5\nnr_throttled 0";

	compare(CGSAMPLE_CPU_STAT, "moved", span_str(text));
	compare(CGSAMPLE_MEMORY_STAT, "no kernel",
		span_str("anon 1\nfile 2\nshmem 3\nworkingset_refault_anon 4\n"
			 "workingset_refault_file 5\npgfault 6\npgmajfault 7\n"));
	compare(CGSAMPLE_CPU_PRESSURE, "no full",
		span_str("some avg10=0.00 avg60=0.00 avg300=0.00 total=77\n"));
	compare(CGSAMPLE_IO_STAT, "several",
		span_str("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:16 \n"
			 "253:1 rbytes=10 wbytes=20 rios=30 wios=40\n"));
}

/* A node of PVE 9: where the keys are in the kernel's order one walk finds them. */
static void details_are_what_the_kernel_calls_so(void)
{
	static const struct {
		const char *key;
		enum metric metric;
	} keys[] = {
		{ "anon_thp", METRIC_MEMORY_ANON_THP_BYTES },
		{ "swapcached", METRIC_MEMORY_SWAPCACHED_BYTES },
		{ "pgscan", METRIC_PGSCAN },
		{ "pgsteal", METRIC_PGSTEAL },
	};
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(buf_done) struct buf b = { 0 };
	struct sample s;

	CHECK(fs_read_file(root, "sys/fs/cgroup/lxc/108/memory.stat", 1 << 16, &b,
			   NULL) == 0,
	      "read");
	CHECK(parse(CGSAMPLE_MEMORY_STAT, buf_str(&b), &s) == 0, "parse");
	CHECK(s.v[METRIC_PGFAULT] == 7288 && s.v[METRIC_MEMORY_SLAB_BYTES] == 227072,
	      "pgfault %ju, slab %ju", (uintmax_t)s.v[METRIC_PGFAULT],
	      (uintmax_t)s.v[METRIC_MEMORY_SLAB_BYTES]);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *text =
			xasprintf("%s_x 7\nx%s 8\n%s 18446744073709551615", keys[i].key,
				  keys[i].key, keys[i].key);

		CHECK(s.have & METRIC_BIT(keys[i].metric), "%s", keys[i].key);
		CHECK(parse(CGSAMPLE_MEMORY_STAT, text, &s) == 0 &&
			      s.have == METRIC_BIT(keys[i].metric) &&
			      s.v[keys[i].metric] == UINT64_MAX,
		      "%s alone: %jx", keys[i].key, (uintmax_t)s.have);
		CHECK(parse(CGSAMPLE_MEMORY_STAT, buf_str(&b), &s) == 0, "again");
	}
}

static void empty_is_absent_but_for_devices(void)
{
	struct sample s;

	for (size_t f = 0; f < CGSAMPLE_FILES; f++) {
		CHECK(parse((enum cgsample_file)f, "", &s) == 0, "%zu", f);
		CHECK((s.have != 0) == (f == CGSAMPLE_IO_STAT), "%zu", f);
	}
	/* no device was used yet: that is nothing read, not unknown */
	CHECK(parse(CGSAMPLE_IO_STAT, "", &s) == 0 && s.have & BIT(METRIC_IO_READS),
	      "io.stat");
}

static void half_a_number_is_refused(void)
{
	struct sample s;

	CHECK(parse(CGSAMPLE_CPU_STAT, "usage_usec 12x\n", &s) == -EINVAL, "letters");
	CHECK(parse(CGSAMPLE_CPU_STAT, "usage_usec \n", &s) == -EINVAL, "none");
	CHECK(parse(CGSAMPLE_CPU_STAT, "usage_usec -1\n", &s) == -EINVAL, "negative");
	CHECK(parse(CGSAMPLE_CPU_STAT, "usage_usec 18446744073709551615\n", &s) == 0 &&
		      s.v[METRIC_CPU_USAGE_USEC] == UINT64_MAX,
	      "largest");
	CHECK(parse(CGSAMPLE_CPU_STAT, "usage_usec 18446744073709551616\n", &s) ==
		      -EINVAL,
	      "one more");
	CHECK(parse(CGSAMPLE_PIDS_CURRENT, "max\n", &s) == -EINVAL, "no number");
	CHECK(parse(CGSAMPLE_IO_PRESSURE, "some total=5 avg10=1\n", &s) == 0 &&
		      s.v[METRIC_PSI_IO_SOME_USEC] == 5,
	      "total first");
}

int main(void)
{
	RUN(a_recorded_node_is_read_as_the_whole_readers_read_it);
	RUN(order_and_unknown_keys_do_not_matter);
	RUN(details_are_what_the_kernel_calls_so);
	RUN(empty_is_absent_but_for_devices);
	RUN(half_a_number_is_refused);
	return DONE();
}
