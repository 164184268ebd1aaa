/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/cgroup.h"
#include "read/conffile.h"
#include "rule/usage.h"
#include "test.h"

static void the_recorded_memory_adds_up(void)
{
	static const struct {
		const char *ct;
		int64_t other;
	} cases[] = {
		{ "101", 0 }, { "102", 0 }, { "103", 0 }, { "107", 0 }, { "108", 0 }
	};
	_cleanup_close_ int root = fixture_open("hosts/pvn1");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_close_ int dir = -1;
		struct cg_memory m = { 0 };
		struct mem_split s;
		uint32_t id = (uint32_t)(cases[i].ct[0] - '0') * 100 +
			      (uint32_t)(cases[i].ct[2] - '0');

		CHECK(cg_open(root, id, &dir, NULL) == 0, "%s", cases[i].ct);
		CHECK(cg_read_memory(dir, true, &m, NULL) == 0, "%s", cases[i].ct);
		usage_mem_split(&m, &s);
		CHECK(s.known && s.kernel_known, "%s", cases[i].ct);
		CHECK((int64_t)(m.anon_bytes.n + m.file_bytes.n + m.kernel_bytes.n +
				m.sock_bytes.n) +
				      s.other_bytes ==
			      (int64_t)m.current_bytes.n,
		      "%s: %jd", cases[i].ct, (intmax_t)s.other_bytes);
		CHECK_U64(s.pve_bytes.n, m.current_bytes.n - m.file_bytes.n);
	}
}

static void what_the_kernel_counted_later_is_negative(void)
{
	struct cg_memory m = {
		.current_bytes = val_set(1000),
		.anon_bytes = val_set(800),
		.file_bytes = val_set(300),
		.kernel_bytes = val_set(0),
		.high_bytes = val_set(900),
		.max_bytes = { .kind = VAL_MAX },
	};
	struct mem_split s;

	usage_mem_split(&m, &s);
	CHECK(s.other_bytes == -100, "%jd", (intmax_t)s.other_bytes);
	CHECK_U64(s.left_high_bytes.n, 0);
	CHECK(s.left_max_bytes.kind == VAL_MAX, "no limit");
	CHECK(s.needed_bytes.kind == VAL_ABSENT, "not known");
	m = (struct cg_memory){ 0 };
	usage_mem_split(&m, &s);
	CHECK(!s.known && s.pve_bytes.kind == VAL_ABSENT, "absent");
	CHECK(s.left_max_bytes.kind == VAL_ABSENT, "absent");
}

static void the_smallest_cpu_limit_holds(void)
{
	struct cg_cpu c = { .max_quota_usec = val_set(50000),
			    .max_period_usec = val_set(100000) };

	CHECK_U64(usage_cpu_limit_centi(&c, 2, 8), 50);
	c.max_quota_usec = val_set(300000);
	CHECK_U64(usage_cpu_limit_centi(&c, 2, 8), 200);
	CHECK_U64(usage_cpu_limit_centi(&c, 0, 8), 300);
	c.max_quota_usec = (struct val){ .kind = VAL_MAX };
	CHECK_U64(usage_cpu_limit_centi(&c, 0, 8), 800);
	CHECK_U64(usage_cpu_limit_centi(&(struct cg_cpu){ 0 }, 0, 0), 0);
}

static void check_ids(const struct ct *ct, struct cg_cpu delta, uint64_t interval,
		      const char *want)
{
	_cleanup_(alerts_done) struct alerts a = { 0 };
	_cleanup_(buf_done) struct buf got = { 0 };
	struct settings s;
	struct usage_input in = {
		.ct = ct, .limit_centi = 200, .interval_usec = interval, .delta = delta
	};

	conffile_defaults(&s);
	usage_alerts(&in, &s.warn, &a);
	for (size_t i = 0; i < a.n; i++)
		buf_addf(&got, "%s%s%s", i ? " " : "", a.v[i].id,
			 a.v[i].severe ? "!" : "");
	CHECK_STR(buf_str(&got), want);
}

static void each_warning_comes_at_its_threshold_and_not_before(void)
{
	struct cg_cpu none = { 0 };
	struct ct ct = { 0 };

	check_ids(&ct, none, 0, "");
	ct.memory.current_bytes = val_set(899);
	ct.memory.high_bytes = val_set(1000);
	ct.memory.max_bytes = val_set(1010);
	check_ids(&ct, none, 0, "");
	ct.memory.current_bytes = val_set(900);
	check_ids(&ct, none, 0, "memory-high");
	ct.memory.current_bytes = val_set(960);
	check_ids(&ct, none, 0, "memory-max!");
	/* page cache can be dropped: no warning for it */
	ct.memory.anon_bytes = ct.memory.file_bytes = ct.memory.active_file_bytes =
		val_set(100);
	check_ids(&ct, none, 0, "");
	ct = (struct ct){ 0 };

	ct.memory.events_oom_kill = val_set(0);
	check_ids(&ct, none, 0, "");
	ct.memory.events_oom_kill = val_set(1);
	check_ids(&ct, none, 0, "oom-kill!");
	ct = (struct ct){ 0 };

	ct.memory.swap_current_bytes = val_set(79);
	ct.memory.swap_max_bytes = val_set(100);
	check_ids(&ct, none, 0, "");
	ct.memory.swap_current_bytes = val_set(80);
	check_ids(&ct, none, 0, "swap");
	ct.memory.swap_max_bytes = val_set(0);
	check_ids(&ct, none, 0, "");
	ct = (struct ct){ 0 };

	ct.pids.current = val_set(399);
	ct.pids.max = val_set(500);
	check_ids(&ct, none, 0, "");
	ct.pids.current = val_set(400);
	check_ids(&ct, none, 0, "pids");
	ct.pids.current = val_set(500);
	ct.pids.events_max = val_set(3);
	check_ids(&ct, none, 0, "pids! pids-refused!");
	ct = (struct ct){ 0 };

	ct.disk_bytes = val_set(89);
	ct.disk_max_bytes = val_set(100);
	check_ids(&ct, none, 0, "");
	ct.disk_bytes = val_set(90);
	check_ids(&ct, none, 0, "disk");
	ct = (struct ct){ 0 };

	ct.pressure.cpu.some.avg10_centi = val_set(2499);
	ct.pressure.memory.some.avg10_centi = val_set(999);
	check_ids(&ct, none, 0, "");
	ct.pressure.cpu.some.avg10_centi = val_set(2500);
	ct.pressure.io.some.avg10_centi = val_set(10000);
	ct.pressure.memory.some.avg10_centi = val_set(1000);
	check_ids(&ct, none, 0, "cpu-pressure io-pressure memory-pressure");
}

static void cpu_warnings_need_a_measured_interval(void)
{
	struct ct ct = { 0 };
	struct cg_cpu d = { .usage_usec = val_set(1800000),
			    .nr_periods = val_set(10),
			    .nr_throttled = val_set(1) };

	check_ids(&ct, d, 0, "");
	check_ids(&ct, d, 1000000, "cpu throttled");
	d.usage_usec = val_set(1790000);
	d.nr_periods = val_set(11);
	check_ids(&ct, d, 1000000, "");
	/* no period began: nothing was stopped */
	d.nr_periods = d.nr_throttled = val_set(0);
	check_ids(&ct, d, 1000000, "");
}

static void a_threshold_that_is_off_warns_of_nothing(void)
{
	_cleanup_(alerts_done) struct alerts a = { 0 };
	struct warn_limits off = { 0 };
	struct ct ct = { 0 };
	struct usage_input in = { .ct = &ct, .limit_centi = 100, .interval_usec = 1 };

	ct.memory.current_bytes = ct.memory.max_bytes = ct.memory.high_bytes = val_set(5);
	ct.memory.events_oom_kill = ct.pids.events_max = val_set(5);
	ct.pids.current = ct.pids.max = ct.disk_bytes = ct.disk_max_bytes = val_set(5);
	ct.pressure.io.some.avg10_centi = val_set(10000);
	in.delta.usage_usec = in.delta.nr_periods = in.delta.nr_throttled = val_set(5);
	usage_alerts(&in, &off, &a);
	CHECK(a.n == 0, "%zu", a.n);
}

int main(void)
{
	RUN(the_recorded_memory_adds_up);
	RUN(what_the_kernel_counted_later_is_negative);
	RUN(the_smallest_cpu_limit_holds);
	RUN(each_warning_comes_at_its_threshold_and_not_before);
	RUN(cpu_warnings_need_a_measured_interval);
	RUN(a_threshold_that_is_off_warns_of_nothing);
	return DONE();
}
