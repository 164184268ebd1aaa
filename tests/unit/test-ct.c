/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <facts.h>

#include "pveconf.h"
#include "read/pveconf.h"

static struct ct with_conf(const char *text)
{
	struct ct ct = { .vmid = 100 };
	struct err err = { 0 };

	ct.conf = xcalloc(1, sizeof(*ct.conf));
	CHECK(pveconf_parse(text, strlen(text), 100, ct.conf, &err) == 0, "%s", err.msg);
	return ct;
}

static void cpus_are_cores_then_cpulimit_then_all(void)
{
	static const struct {
		const char *conf;
		uint64_t centi;
	} cases[] = {
		{ "cores: 2\ncpulimit: 0.5\n", 200 },
		{ "cpulimit: 0.5\n", 50 },
		{ "cores: 0\ncpulimit: 1.25\n", 125 },
		{ "cpulimit: 0\n", 800 },
		{ "", 800 },
		{ "cores: bad\n", 800 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(ct_done) struct ct ct = with_conf(cases[i].conf);

		CHECK_U64(ct_cpus_centi(&ct, 8), cases[i].centi);
	}
}

static void memory_defaults_to_512_swap_to_none(void)
{
	_cleanup_(ct_done) struct ct a = with_conf("memory: 0\n");
	_cleanup_(ct_done) struct ct b = with_conf("memory: 16384\nswap: 8\n");
	_cleanup_(ct_done) struct ct c = { 0 };

	CHECK_U64(ct_maxmem_bytes(&a), (uint64_t)512 << 20);
	CHECK_U64(ct_maxswap_bytes(&a), 0);
	CHECK_U64(ct_maxmem_bytes(&b), (uint64_t)16384 << 20);
	CHECK_U64(ct_maxswap_bytes(&b), (uint64_t)8 << 20);
	CHECK_U64(ct_maxmem_bytes(&c), (uint64_t)512 << 20);
}

static void mem_is_absent_where_half_of_it_is(void)
{
	struct ct ct = { 0 };

	ct.memory.current_bytes = val_set(100);
	CHECK(ct_mem_bytes(&ct).kind == VAL_ABSENT, "invented");
	ct.memory.file_bytes = val_set(30);
	CHECK_U64(ct_mem_bytes(&ct).n, 70);
	/* file is charged a moment later than current: never below nothing */
	ct.memory.file_bytes = val_set(130);
	CHECK_U64(ct_mem_bytes(&ct).n, 0);
}

static void cores_without_a_cpuset_are_free(void)
{
	_cleanup_(ct_done) struct ct ct = with_conf("cores: 2\n"), all = with_conf("");

	CHECK(!ct_cores_are_free(&ct), "it does not run");
	ct.init_pid = all.init_pid = 7;
	CHECK(ct_cores_are_free(&ct), "no cpuset");
	CHECK(!ct_cores_are_free(&all), "no cores");
	ct.cpuset.cpus_effective = xstrdup("0-1");
	CHECK(!ct_cores_are_free(&ct), "a cpuset");
}

static void disk_io_adds_up_every_line_as_pve_does(void)
{
	struct cg_io_dev v[] = { { 254, 16, .rbytes = { 10, VAL_SET } },
				 { 253, 1, .rbytes = { 10, VAL_SET },
				   .wbytes = { 1, VAL_SET } },
				 { 253, 2 } };
	struct ct ct = { .io = { .v = v, .n = 3, .present = true } };

	CHECK_U64(ct_diskread_bytes(&ct).n, 20);
	CHECK_U64(ct_diskwrite_bytes(&ct).n, 1);
	ct.io.present = false;
	CHECK(ct_diskread_bytes(&ct).kind == VAL_ABSENT, "invented");
}

static void own_idmap_means_unprivileged(void)
{
	_cleanup_(ct_done) struct ct a = with_conf("lxc.idmap: u 0 100000 65536\n");
	_cleanup_(ct_done) struct ct b = with_conf("unprivileged: 1\n");
	_cleanup_(ct_done) struct ct c = with_conf("template: 1\n");

	_cleanup_(ct_done) struct ct d = with_conf("unprivileged: 1\nlxc.idmap: u 0 1 2\n"
						   "lxc.idmap:\n");
	_cleanup_(ct_done) struct ct e = with_conf("lxc.idmap: ''\nlxc.idmap: u 0 1 2\n");

	CHECK(!ct_is_unprivileged(&d), "an empty one takes them away");
	CHECK(ct_is_unprivileged(&e), "what is behind it counts");
	CHECK(ct_is_unprivileged(&a), "idmap");
	CHECK(ct_is_unprivileged(&b), "unprivileged");
	CHECK(!ct_is_unprivileged(&c) && ct_is_template(&c), "template");
}

int main(void)
{
	RUN(cpus_are_cores_then_cpulimit_then_all);
	RUN(memory_defaults_to_512_swap_to_none);
	RUN(mem_is_absent_where_half_of_it_is);
	RUN(cores_without_a_cpuset_are_free);
	RUN(disk_io_adds_up_every_line_as_pve_does);
	RUN(own_idmap_means_unprivileged);
	return DONE();
}
