/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "read/cgroup.h"
#include "tmproot.h"

static void memory_tells_absent_from_max(void)
{
	struct cg_memory m = { 0 };
	struct err err = { 0 };
	int root = fixture_open("hosts/pvn1"), dir = -1;

	CHECK(cg_open(root, 102, &dir, &err) == 0, "%s", err.msg);
	CHECK(cg_read_memory(dir, true, &m, &err) == 0, "%s", err.msg);
	CHECK_U64(m.max_bytes.n, 268435456);
	CHECK_U64(m.high_bytes.n, 266338304);
	CHECK(m.swap_max_bytes.kind == VAL_SET && m.swap_max_bytes.n == 0, "kind %d",
	      m.swap_max_bytes.kind);
	CHECK(m.swap_high_bytes.kind == VAL_MAX, "kind %d", m.swap_high_bytes.kind);
	CHECK(m.zswap_bytes.kind == VAL_ABSENT, "kind %d", m.zswap_bytes.kind);
	CHECK(m.events_oom_kill.kind == VAL_SET, "kind %d", m.events_oom_kill.kind);
	close(dir);
	close(root);
}

static void cpu_limit_and_weight_are_read(void)
{
	struct cg_cpu c = { 0 };
	struct err err = { 0 };
	int root = fixture_open("hosts/pvn1"), dir = -1;

	CHECK(cg_open(root, 102, &dir, &err) == 0, "%s", err.msg);
	CHECK(cg_read_cpu(dir, &c, &err) == 0, "%s", err.msg);
	CHECK_U64(c.max_quota_usec.n, 50000);
	CHECK_U64(c.max_period_usec.n, 100000);
	CHECK_U64(c.weight.n, 200);
	close(dir);
	CHECK(cg_open(root, 101, &dir, &err) == 0, "%s", err.msg);
	CHECK(cg_read_cpu(dir, &c, &err) == 0, "%s", err.msg);
	CHECK(c.max_quota_usec.kind == VAL_MAX, "kind %d", c.max_quota_usec.kind);
	close(dir);
	CHECK(cg_open(root, 105, &dir, &err) == -ENOENT, "a stopped one has a cgroup");
	close(root);
}

static void io_lines_with_and_without_counters(void)
{
	static const char text[] =
		"254:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"
		"253:1\n"
		"(unknown) rbytes=9\n"
		"8:0 wbytes=18446744073709551615 cost.usage=7";
	struct cg_io io = { 0 };

	CHECK(cg_parse_io_stat(span_str(text), &io) == 0, "refused");
	CHECK_U64(io.n, 3);
	CHECK_U64(io.v[0].major, 254);
	CHECK_U64(io.v[0].wbytes.n, 2);
	CHECK(io.v[1].rbytes.kind == VAL_ABSENT, "kind %d", io.v[1].rbytes.kind);
	CHECK_U64(io.v[2].wbytes.n, UINT64_MAX);
	cg_io_done(&io);
	CHECK(cg_parse_io_stat(span_str(""), &io) == 0 && io.present && !io.n, "empty");
	CHECK(cg_parse_io_stat(span_str("8:0 rbytes=18446744073709551616\n"), &io) < 0,
	      "taken");
	CHECK(cg_parse_io_stat(span_str("8:0 rbytes=1 rbytes=2\n"), &io) < 0,
	      "twice taken");
}

static void flat_files_refuse_half_and_double(void)
{
	struct cg_memory m = { 0 };
	struct cg_cpu c = { 0 };

	CHECK(cg_parse_memory_stat(span_str(""), &m) == 0, "empty refused");
	CHECK(cg_parse_memory_stat(span_str("anon 1\nnew_in_a_later_kernel x\nfile 2"),
				   &m) == 0,
	      "refused");
	CHECK_U64(m.anon_bytes.n, 1);
	CHECK_U64(m.file_bytes.n, 2);
	m = (struct cg_memory){ 0 };
	CHECK(cg_parse_memory_stat(span_str("anon 1\nanon 2\n"), &m) < 0, "twice taken");
	m = (struct cg_memory){ 0 };
	CHECK(cg_parse_memory_stat(span_str("anon\n"), &m) < 0, "no number taken");
	CHECK(cg_parse_cpu_stat(span_str("usage_usec 18446744073709551616\n"), &c) < 0,
	      "taken");
}

static void pressure_in_hundredths(void)
{
	struct cg_psi p = { 0 };

	CHECK(cg_parse_psi(
		      span_str("some avg10=0.31 avg60=12.00 avg300=1.07 total=6567862\n"),
		      &p) == 0,
	      "refused");
	CHECK_U64(p.some.avg10_centi.n, 31);
	CHECK_U64(p.some.avg60_centi.n, 1200);
	CHECK_U64(p.some.total_usec.n, 6567862);
	CHECK(p.full.avg10_centi.kind == VAL_ABSENT, "kind %d", p.full.avg10_centi.kind);
	CHECK(cg_parse_psi(span_str("some avg10=x\n"), &p) < 0, "taken");
}

static void refused_forks_are_absent_where_the_kernel_counts_them_elsewhere(void)
{
	struct cg_pids p = { 0 };
	struct err err = { 0 };
	struct tmproot t;

	tmproot_make(&t);
	tmproot_put(&t, "pids.current", "20\n");
	tmproot_put(&t, "pids.max", "20\n");
	tmproot_put(&t, "pids.events", "max 0\n");
	CHECK(cg_read_pids(t.fd, &p, &err) == 0, "%s", err.msg);
	CHECK_U64(p.current.n, 20);
	CHECK(p.events_max.kind == VAL_ABSENT, "kind %d", p.events_max.kind);

	tmproot_put(&t, "pids.events", "max 7\n");
	tmproot_put(&t, "pids.events.local", "max 0\n");
	CHECK(cg_read_pids(t.fd, &p, &err) == 0, "%s", err.msg);
	CHECK_U64(p.events_max.n, 7);
	tmproot_remove(&t);
}

int main(void)
{
	RUN(memory_tells_absent_from_max);
	RUN(cpu_limit_and_weight_are_read);
	RUN(io_lines_with_and_without_counters);
	RUN(flat_files_refuse_half_and_double);
	RUN(pressure_in_hundredths);
	RUN(refused_forks_are_absent_where_the_kernel_counts_them_elsewhere);
	return DONE();
}
