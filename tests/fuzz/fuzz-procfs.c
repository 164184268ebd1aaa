/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/hostuse.h"
#include "read/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void each_dev(struct span name, uint64_t rx, uint64_t tx, void *arg)
{
	uint32_t vmid;

	(void)rx;
	(void)tx;
	(void)arg;
	if (procfs_veth_vmid(name, &vmid) && !vmid)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size), path;
	struct proc_stat st;
	struct host host = { 0 };
	struct hostuse use = { 0 };
	struct val v;
	unsigned n;
	pid_t pid;

	/* comm lies inside the text it was found in */
	if (procfs_parse_stat(s, &st) == 0 &&
	    (st.comm.p < data || st.comm.p + st.comm.n > data + size || st.pid <= 0))
		__builtin_trap();
	if (procfs_parse_cgroup(s, &path) == 0)
		procfs_cgroup_is_ct(path, 101);
	procfs_parse_nspid(s, &pid, &n);
	procfs_parse_uptime(s, &v);
	procfs_parse_meminfo(s, &host);
	procfs_parse_cpuinfo(s);
	procfs_parse_cpulist(s, &n);
	if (hostuse_parse_stat(s, &use) == 0 && use.busy_ticks.n > use.all_ticks.n)
		__builtin_trap();
	procfs_parse_net_dev(s, each_dev, NULL);
	return 0;
}
