/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/procfs.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"

#define PF_FORKNOEXEC 0x40 /* include/linux/sched.h of the kernel */

int procfs_parse_stat(struct span text, struct proc_stat *ret)
{
	const char *open = text.n ? memchr(text.p, '(', text.n) : NULL;
	const char *close = text.n ? memrchr(text.p, ')', text.n) : NULL;
	struct proc_stat s = { 0 };
	uint64_t flags = 0;
	uint64_t *const nums[25] = {
		[9] = &flags,      [14] = &s.utime_ticks, [15] = &s.stime_ticks,
		[20] = &s.threads, [22] = &s.start_ticks, [24] = &s.rss_pages,
	};
	struct span rest, f;
	uint32_t pid;

	if (!open || !close || close < open)
		return -EINVAL;
	if (num_parse_u32(span_trim(span_of(text.p, (size_t)(open - text.p))), &pid) <
		    0 ||
	    !pid || pid > INT32_MAX)
		return -EINVAL;
	s.pid = (pid_t)pid;
	s.comm = span_tbytes(span_of(open + 1, (size_t)(close - open - 1)));
	rest = span_trim(span_of(close + 1, (size_t)(text.p + text.n - close - 1)));
	/* fields are numbered as in proc(5): 3 is the state */
	for (unsigned i = 3; i <= 24 && span_field(&rest, &f); i++) {
		if (i == 3)
			s.state = f.p[0];
		if (i == 4) {
			if (num_parse_u32(f, &pid) < 0)
				return -EINVAL;
			s.ppid = (pid_t)pid;
		}
		/* of one that has just been reaped it is -1 */
		if (i == 6 && num_parse_u32(f, &pid) == 0 && pid <= INT32_MAX)
			s.session = (pid_t)pid;
		if (nums[i] && num_parse_u64(f, nums[i]) < 0)
			return -EINVAL;
		if (i == 24) {
			s.execed = !(flags & PF_FORKNOEXEC);
			*ret = s;
			return 0;
		}
	}
	return -EINVAL;
}

int procfs_read_stat(int rootfd, pid_t pid, char *buf, size_t cap, struct proc_stat *ret,
		     struct err *err)
{
	char path[48];
	size_t n;
	int r;

	num_path(path, sizeof(path), "proc/", (uint64_t)pid, "/stat");
	r = fs_read_once(rootfd, path, buf, cap, &n, err);
	if (r < 0)
		return r;
	r = procfs_parse_stat(span_of(buf, n), ret);
	return r < 0 ? err_set(err, r, "%s: not as the kernel documents it", path) : 0;
}

int procfs_parse_cgroup(struct span text, struct span *ret)
{
	struct span line;

	/* no newline can be in a cgroup's name, so lines are lines */
	while (span_line(&text, &line)) {
		if (!span_skip(&line, "0::"))
			continue;
		*ret = line;
		return 0;
	}
	return -ENOENT;
}

bool procfs_cgroup_is_ct(struct span cgroup, uint32_t vmid)
{
	char want[32];

	snprintf(want, sizeof(want), "/lxc/%u", vmid);
	if (!span_skip(&cgroup, want))
		return false;
	return !cgroup.n || cgroup.p[0] == '/';
}

int procfs_read_children(int rootfd, pid_t pid, pid_t *pids, size_t max, size_t *ret_n,
			 struct err *err)
{
	char path[64], task[32];
	_uninit_ char buf[4096];
	struct span text, f;
	size_t n, got = 0;
	int r;

	num_path(task, sizeof(task), "/task/", (uint64_t)pid, "/children");
	num_path(path, sizeof(path), "proc/", (uint64_t)pid, task);
	r = fs_read_once(rootfd, path, buf, sizeof(buf), &n, err);
	if (r < 0)
		return r;
	text = span_of(buf, n);
	while (got < max && span_field(&text, &f)) {
		uint32_t child;

		if (num_parse_u32(f, &child) == 0 && child)
			pids[got++] = (pid_t)child;
	}
	*ret_n = got;
	return 0;
}

int procfs_parse_nspid(struct span status, pid_t *ret, unsigned *ret_depth)
{
	struct span line, f;
	unsigned depth = 0;
	uint32_t pid = 0;

	while (span_line(&status, &line)) {
		if (!span_skip(&line, "NSpid:"))
			continue;
		for (; span_field(&line, &f); depth++)
			if (num_parse_u32(f, &pid) < 0)
				return -EINVAL;
		if (!depth)
			return -EINVAL;
		*ret = (pid_t)pid;
		*ret_depth = depth;
		return 0;
	}
	return -ENOENT;
}

int procfs_parse_uptime(struct span text, struct val *ret)
{
	struct span f;
	uint64_t n;

	if (!span_field(&text, &f) || num_parse_fixed(f, 2, &n) < 0)
		return -EINVAL;
	*ret = val_set(n);
	return 0;
}

int procfs_parse_meminfo(struct span text, struct host *ret)
{
	const struct {
		const char *key;
		struct val *dst;
	} keys[] = {
		{ "MemTotal:", &ret->mem_total_bytes },
		{ "MemAvailable:", &ret->mem_available_bytes },
		{ "SwapTotal:", &ret->swap_total_bytes },
		{ "SwapFree:", &ret->swap_free_bytes },
	};
	struct span line, f;

	while (span_line(&text, &line)) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			uint64_t kib;

			if (!span_skip(&line, keys[i].key))
				continue;
			if (!span_field(&line, &f) || num_parse_u64(f, &kib) < 0)
				return -EINVAL;
			*keys[i].dst = val_set(num_muldiv(kib, 1024, 1));
			break;
		}
	}
	return 0;
}

unsigned procfs_parse_cpuinfo(struct span text)
{
	struct span line;
	unsigned n = 0;

	while (span_line(&text, &line))
		if (span_starts(line, "processor") && span_find(line, ":"))
			n++;
	return n;
}

int procfs_parse_cpulist(struct span text, unsigned *ret)
{
	struct span s = span_trim(text), part, first;
	uint64_t n = 0;

	while (span_cut(&s, ',', &part)) {
		uint32_t a, b;

		if (!span_cut(&part, '-', &first) || num_parse_u32(first, &a) < 0)
			return -EINVAL;
		b = a;
		if (part.n && num_parse_u32(part, &b) < 0)
			return -EINVAL;
		if (b < a || b > 1 << 20)
			return -EINVAL;
		n += b - a + 1;
	}
	*ret = (unsigned)MIN(n, (uint64_t)1 << 20);
	return 0;
}

/* PVE counts `processor` lines of cpuinfo; sysfs says the same number, far faster. */
static int read_cpus(int rootfd, unsigned *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_uninit_ char small[4096];
	size_t n;
	int r;

	r = fs_read_small(rootfd, "sys/devices/system/cpu/online", small, sizeof(small),
			  &n, err);
	if (r == 0 && procfs_parse_cpulist(span_of(small, n), ret) == 0 && *ret)
		return 0;
	if (r == 0 || r == -ENOENT)
		r = fs_read_file(rootfd, "proc/cpuinfo", 16 << 20, &b, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	*ret = procfs_parse_cpuinfo(span_of(b.p, b.n));
	return 0;
}

int procfs_read_host(int rootfd, struct host *ret, struct err *err)
{
	struct host h = { .ticks_per_sec = 100 };
	_uninit_ char buf[16384];
	size_t n;
	int r = read_cpus(rootfd, &h.cpus, err);

	if (r < 0)
		return r;
	r = fs_read_small(rootfd, "proc/uptime", buf, sizeof(buf), &n, err);
	if (r == 0 && procfs_parse_uptime(span_of(buf, n), &h.uptime_centisec) < 0)
		return err_set(err, -EINVAL, "proc/uptime: expected seconds");
	if (r < 0 && r != -ENOENT)
		return r;
	r = fs_read_small(rootfd, "proc/meminfo", buf, sizeof(buf), &n, err);
	if (r == 0 && procfs_parse_meminfo(span_of(buf, n), &h) < 0)
		return err_set(err, -EINVAL, "proc/meminfo: expected \"key: number kB\"");
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = h;
	return 0;
}

/* "veth101i0:  866  11 ..." : name up to the last ':', then 8 columns each way */
static void parse_net_dev_line(struct span line, procfs_dev_fn *each, void *arg)
{
	const char *colon = line.n ? memrchr(line.p, ':', line.n) : NULL;
	uint64_t rx = 0, tx = 0;
	struct span rest, f;

	if (!colon)
		return;
	rest = span_of(colon + 1, (size_t)(line.p + line.n - colon - 1));
	for (unsigned i = 0; i < 9; i++) {
		if (!span_field(&rest, &f))
			return;
		if ((i == 0 && num_parse_u64(f, &rx) < 0) ||
		    (i == 8 && num_parse_u64(f, &tx) < 0))
			return;
	}
	each(span_trim(span_of(line.p, (size_t)(colon - line.p))), rx, tx, arg);
}

void procfs_parse_net_dev(struct span text, procfs_dev_fn *each, void *arg)
{
	struct span line;

	while (span_line(&text, &line))
		parse_net_dev_line(line, each, arg);
}

bool procfs_veth_vmid(struct span name, uint32_t *ret_vmid)
{
	struct span digits;
	uint32_t id;

	if (!span_skip(&name, "veth") || !span_cut(&name, 'i', &digits) || !name.n)
		return false;
	if (!digits.n || digits.p[0] == '0' || num_parse_u32(digits, &id) < 0)
		return false;
	*ret_vmid = id;
	return true;
}
