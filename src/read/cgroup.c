/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/cgroup.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/sys.h"

/* memory.stat is about 2 KiB, io.stat grows by a line a device */
#define SMALL 256
#define LARGE 65536

struct key {
	const char *name;
	size_t off; /* of the struct val */
};

/*
 * "key number" lines. The tables are in the kernel's order, so the search starts after
 * the last hit and mostly ends at once.
 */
static int parse_flat(struct span text, const struct key *keys, size_t n, void *ret)
{
	struct span line, word, num;
	size_t next = 0;

	while (span_line(&text, &line)) {
		struct val *dst = NULL, v;

		if (!span_field(&line, &word))
			continue;
		for (size_t i = 0; i < n && !dst; i++) {
			const struct key *k = &keys[(next + i) % n];

			if (!span_eq(word, k->name))
				continue;
			dst = (struct val *)((char *)ret + k->off);
			next = (size_t)(k - keys) + 1;
		}
		if (!dst)
			continue;
		if (dst->kind != VAL_ABSENT || !span_field(&line, &num) ||
		    num_parse_val(num, &v) < 0)
			return -EINVAL;
		*dst = v;
	}
	return 0;
}

#define CPU(f) offsetof(struct cg_cpu, f)
int cg_parse_cpu_stat(struct span text, struct cg_cpu *ret)
{
	static const struct key keys[] = {
		{ "usage_usec", CPU(usage_usec) },
		{ "user_usec", CPU(user_usec) },
		{ "system_usec", CPU(system_usec) },
		{ "nr_periods", CPU(nr_periods) },
		{ "nr_throttled", CPU(nr_throttled) },
		{ "throttled_usec", CPU(throttled_usec) },
	};

	return parse_flat(text, keys, ARRAY_SIZE(keys), ret);
}

#define MEM(f) offsetof(struct cg_memory, f)
int cg_parse_memory_stat(struct span text, struct cg_memory *ret)
{
	static const struct key keys[] = {
		{ "anon", MEM(anon_bytes) },
		{ "file", MEM(file_bytes) },
		{ "kernel", MEM(kernel_bytes) },
		{ "kernel_stack", MEM(kernel_stack_bytes) },
		{ "pagetables", MEM(pagetables_bytes) },
		{ "percpu", MEM(percpu_bytes) },
		{ "sock", MEM(sock_bytes) },
		{ "vmalloc", MEM(vmalloc_bytes) },
		{ "shmem", MEM(shmem_bytes) },
		{ "zswap", MEM(zswap_bytes) },
		{ "zswapped", MEM(zswapped_bytes) },
		{ "file_mapped", MEM(file_mapped_bytes) },
		{ "file_dirty", MEM(file_dirty_bytes) },
		{ "file_writeback", MEM(file_writeback_bytes) },
		{ "inactive_anon", MEM(inactive_anon_bytes) },
		{ "active_anon", MEM(active_anon_bytes) },
		{ "inactive_file", MEM(inactive_file_bytes) },
		{ "active_file", MEM(active_file_bytes) },
		{ "unevictable", MEM(unevictable_bytes) },
		{ "slab_reclaimable", MEM(slab_reclaimable_bytes) },
		{ "slab_unreclaimable", MEM(slab_unreclaimable_bytes) },
		{ "slab", MEM(slab_bytes) },
		{ "workingset_refault_anon", MEM(workingset_refault_anon) },
		{ "workingset_refault_file", MEM(workingset_refault_file) },
		{ "pgfault", MEM(pgfault) },
		{ "pgmajfault", MEM(pgmajfault) },
	};

	return parse_flat(text, keys, ARRAY_SIZE(keys), ret);
}

int cg_parse_memory_events(struct span text, struct cg_memory *ret)
{
	static const struct key keys[] = {
		{ "low", MEM(events_low) },
		{ "high", MEM(events_high) },
		{ "max", MEM(events_max) },
		{ "oom", MEM(events_oom) },
		{ "oom_kill", MEM(events_oom_kill) },
		{ "oom_group_kill", MEM(events_oom_group_kill) },
	};

	return parse_flat(text, keys, ARRAY_SIZE(keys), ret);
}

static int parse_swap_events(struct span text, void *ret)
{
	static const struct key keys[] = {
		{ "max", MEM(swap_events_max) },
		{ "fail", MEM(swap_events_fail) },
	};

	return parse_flat(text, keys, ARRAY_SIZE(keys), ret);
}

int cg_parse_events(struct span text, struct cg_events *ret)
{
	static const struct key keys[] = {
		{ "populated", offsetof(struct cg_events, populated) },
		{ "frozen", offsetof(struct cg_events, frozen) },
	};

	return parse_flat(text, keys, ARRAY_SIZE(keys), ret);
}

static int parse_pids_events(struct span text, void *ret)
{
	static const struct key keys[] = { { "max",
					     offsetof(struct cg_pids, events_max) } };

	return parse_flat(text, keys, ARRAY_SIZE(keys), ret);
}

/* "some avg10=0.00 avg60=0.24 avg300=1.07 total=6567862" */
static int parse_psi_line(struct span line, struct cg_psi_line *ret)
{
	const struct {
		const char *key;
		struct val *dst;
		unsigned digits;
	} fields[] = {
		{ "avg10=", &ret->avg10_centi, 2 },
		{ "avg60=", &ret->avg60_centi, 2 },
		{ "avg300=", &ret->avg300_centi, 2 },
		{ "total=", &ret->total_usec, 0 },
	};
	struct span word;

	while (span_field(&line, &word)) {
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
			uint64_t n;

			if (!span_skip(&word, fields[i].key))
				continue;
			if (fields[i].dst->kind != VAL_ABSENT ||
			    num_parse_fixed(word, fields[i].digits, &n) < 0)
				return -EINVAL;
			*fields[i].dst = val_set(n);
			break;
		}
	}
	return 0;
}

int cg_parse_psi(struct span text, struct cg_psi *ret)
{
	struct span line, word;

	while (span_line(&text, &line)) {
		int r = 0;

		if (!span_field(&line, &word))
			continue;
		if (span_eq(word, "some"))
			r = parse_psi_line(line, &ret->some);
		else if (span_eq(word, "full"))
			r = parse_psi_line(line, &ret->full);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_dev(struct span word, uint32_t *major, uint32_t *minor)
{
	struct span maj;

	if (!span_cut(&word, ':', &maj) || num_parse_u32(maj, major) < 0)
		return -EINVAL;
	return num_parse_u32(word, minor);
}

static int parse_io_line(struct span line, struct cg_io_dev *ret)
{
	const struct {
		const char *key;
		struct val *dst;
	} fields[] = {
		{ "rbytes=", &ret->rbytes }, { "wbytes=", &ret->wbytes },
		{ "rios=", &ret->rios },     { "wios=", &ret->wios },
		{ "dbytes=", &ret->dbytes }, { "dios=", &ret->dios },
	};
	struct span word;

	while (span_field(&line, &word)) {
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
			if (!span_skip(&word, fields[i].key))
				continue;
			if (fields[i].dst->kind != VAL_ABSENT ||
			    num_parse_val(word, fields[i].dst) < 0)
				return -EINVAL;
			break;
		}
	}
	return 0;
}

int cg_parse_io_stat(struct span text, struct cg_io *ret)
{
	struct cg_io io = { .present = true };
	struct span line, word;
	size_t cap = 0;
	int r = 0;

	while (r == 0 && span_line(&text, &line)) {
		struct cg_io_dev d = { 0 };

		if (!span_field(&line, &word))
			continue;
		/* kernels have printed lines of a device that went away as "(unknown)
		 * ..." */
		if (parse_dev(word, &d.major, &d.minor) < 0)
			continue;
		r = io.n < 1024 ? parse_io_line(line, &d) : -EFBIG;
		if (r < 0)
			break;
		GROW(io.v, io.n, cap);
		io.v[io.n++] = d;
	}
	if (r < 0) {
		free(io.v);
		return r;
	}
	*ret = io;
	return 0;
}

/* "50000 100000" or "max 100000" */
int cg_parse_cpu_max(struct span text, struct cg_cpu *ret)
{
	struct span line, quota, period;

	if (!span_line(&text, &line) || !span_field(&line, &quota) ||
	    !span_field(&line, &period))
		return -EINVAL;
	if (num_parse_val(quota, &ret->max_quota_usec) < 0)
		return -EINVAL;
	return num_parse_val(period, &ret->max_period_usec);
}

const char *cg_base(int rootfd)
{
	struct fs_stat st;

	if (fs_stat(rootfd, "sys/fs/cgroup/cgroup.controllers", true, &st, NULL) < 0 &&
	    fs_stat(rootfd, "sys/fs/cgroup/unified/cgroup.controllers", true, &st,
		    NULL) == 0)
		return "sys/fs/cgroup/unified";
	return "sys/fs/cgroup";
}

int cg_open(int rootfd, uint32_t vmid, int *ret, struct err *err)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/lxc/%u", cg_base(rootfd), vmid);
	return fs_open(rootfd, path, O_PATH | O_DIRECTORY, ret, err);
}

/*
 * A file of the cgroup. 0 with *ret_n, 1: the kernel does not offer it (or the controller
 * is not on), else an error.
 */
static int read_file(int dir, const char *file, char *buf, size_t cap, size_t *ret_n,
		     struct err *err)
{
	int r = fs_read_once(dir, file, buf, cap, ret_n, NULL);

	if (r == 0)
		return 0;
	/* EOPNOTSUPP: pressure files of a kernel with PSI switched off at boot */
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return 1;
	return err_set(err, r, "read %s: %s", file, strerror(-r));
}

static int bad_file(const char *file, int r, struct err *err)
{
	return err_set(err, r, "%s: not as the kernel documents it", file);
}

static int read_val(int dir, const char *file, struct val *dst, struct err *err)
{
	_uninit_ char buf[SMALL];
	size_t n;
	int r = read_file(dir, file, buf, sizeof(buf), &n, err);

	if (r)
		return r < 0 ? r : 0;
	r = num_parse_val(span_trim(span_of(buf, n)), dst);
	return r < 0 ? bad_file(file, r, err) : 0;
}

typedef int parse_fn(struct span text, void *ret);

static int read_parsed(int dir, const char *file, parse_fn *parse, void *dst,
		       struct err *err)
{
	_uninit_ char buf[LARGE];
	size_t n;
	int r = read_file(dir, file, buf, sizeof(buf), &n, err);

	if (r)
		return r < 0 ? r : 0;
	r = parse(span_of(buf, n), dst);
	return r < 0 ? bad_file(file, r, err) : 0;
}

/* typed parsers behind the one pointer type */
#define PARSER(name, type)                                                               \
	static int any_##name(struct span text, void *ret)                               \
	{                                                                                \
		return cg_parse_##name(text, (struct type *)ret);                        \
	}

PARSER(cpu_stat, cg_cpu)
PARSER(cpu_max, cg_cpu)
PARSER(memory_stat, cg_memory)
PARSER(memory_events, cg_memory)
PARSER(io_stat, cg_io)
PARSER(psi, cg_psi)
PARSER(events, cg_events)

int cg_read_cpu_stat(int dir, struct cg_cpu *ret, struct err *err)
{
	struct cg_cpu c = *ret;
	int r;

	c.usage_usec = c.user_usec = c.system_usec = (struct val){ 0 };
	c.nr_periods = c.nr_throttled = c.throttled_usec = (struct val){ 0 };
	r = read_parsed(dir, "cpu.stat", any_cpu_stat, &c, err);
	if (r < 0)
		return r;
	*ret = c;
	return 0;
}

int cg_read_cpu(int dir, struct cg_cpu *ret, struct err *err)
{
	struct cg_cpu c = { 0 };
	int r;

	r = cg_read_cpu_stat(dir, &c, err);
	if (r == 0)
		r = read_parsed(dir, "cpu.max", any_cpu_max, &c, err);
	if (r == 0)
		r = read_val(dir, "cpu.weight", &c.weight, err);
	if (r < 0)
		return r;
	*ret = c;
	return 0;
}

static int read_vals(int dir, const struct key *files, size_t n, void *dst,
		     struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = read_val(dir, files[i].name,
				 (struct val *)((char *)dst + files[i].off), err);

		if (r < 0)
			return r;
	}
	return 0;
}

int cg_read_memory(int dir, bool limits, struct cg_memory *ret, struct err *err)
{
	static const struct key now[] = {
		{ "memory.current", MEM(current_bytes) },
		{ "memory.swap.current", MEM(swap_current_bytes) },
	};
	static const struct key more[] = {
		{ "memory.peak", MEM(peak_bytes) },
		{ "memory.min", MEM(min_bytes) },
		{ "memory.low", MEM(low_bytes) },
		{ "memory.high", MEM(high_bytes) },
		{ "memory.max", MEM(max_bytes) },
		{ "memory.swap.peak", MEM(swap_peak_bytes) },
		{ "memory.swap.high", MEM(swap_high_bytes) },
		{ "memory.swap.max", MEM(swap_max_bytes) },
	};
	struct cg_memory m = { 0 };
	int r;

	r = read_vals(dir, now, ARRAY_SIZE(now), &m, err);
	if (r == 0)
		r = read_parsed(dir, "memory.stat", any_memory_stat, &m, err);
	if (r == 0 && limits) {
		r = read_vals(dir, more, ARRAY_SIZE(more), &m, err);
		if (r == 0)
			r = read_parsed(dir, "memory.events", any_memory_events, &m, err);
		if (r == 0)
			r = read_parsed(dir, "memory.swap.events", parse_swap_events, &m,
					err);
	}
	if (r < 0)
		return r;
	*ret = m;
	return 0;
}

int cg_read_io(int dir, struct cg_io *ret, struct err *err)
{
	struct cg_io io = { 0 };
	int r = read_parsed(dir, "io.stat", any_io_stat, &io, err);

	if (r < 0)
		return r;
	*ret = io;
	return 0;
}

int cg_read_pids(int dir, struct cg_pids *ret, struct err *err)
{
	static const struct key files[] = {
		{ "pids.current", offsetof(struct cg_pids, current) },
		{ "pids.peak", offsetof(struct cg_pids, peak) },
		{ "pids.max", offsetof(struct cg_pids, max) },
	};
	struct cg_pids p = { 0 };
	int r = read_vals(dir, files, ARRAY_SIZE(files), &p, err);

	if (r == 0)
		r = read_parsed(dir, "pids.events", parse_pids_events, &p, err);
	if (r < 0)
		return r;
	/*
	 * Before Linux 6.11 a refused fork is counted in the cgroup of the process that
	 * forked, not where the limit is: below lxc/<id>, which says 0 for ever. Since
	 * then it counts the subtree, and there is a pids.events.local beside it.
	 */
	if (faccessat(dir, "pids.events.local", F_OK, 0) < 0)
		p.events_max = (struct val){ 0 };
	*ret = p;
	return 0;
}

int cg_read_pressure(int dir, struct cg_pressure *ret, struct err *err)
{
	struct cg_pressure p = { 0 };
	int r;

	r = read_parsed(dir, "cpu.pressure", any_psi, &p.cpu, err);
	if (r == 0)
		r = read_parsed(dir, "io.pressure", any_psi, &p.io, err);
	if (r == 0)
		r = read_parsed(dir, "memory.pressure", any_psi, &p.memory, err);
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}

static int read_text(int dir, const char *file, char **ret, struct err *err)
{
	_uninit_ char buf[LARGE];
	size_t n;
	int r = read_file(dir, file, buf, sizeof(buf), &n, err);

	if (r)
		return r < 0 ? r : 0;
	*ret = span_dup(span_trim(span_of(buf, n)));
	return 0;
}

int cg_read_cpuset(int dir, struct cg_cpuset *ret, struct err *err)
{
	struct cg_cpuset c = { 0 };
	int r = read_text(dir, "cpuset.cpus", &c.cpus, err);

	if (r == 0)
		r = read_text(dir, "cpuset.cpus.effective", &c.cpus_effective, err);
	if (r < 0) {
		free(c.cpus);
		free(c.cpus_effective);
		return r;
	}
	*ret = c;
	return 0;
}

int cg_read_events(int dir, struct cg_events *ret, struct err *err)
{
	static const char *const files[] = { "ns/cgroup.events", "cgroup.events" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct cg_events e = { 0 };
		int r = read_parsed(dir, files[i], any_events, &e, err);

		if (r < 0)
			return r;
		*ret = e;
		if (e.populated.kind != VAL_ABSENT)
			break;
	}
	return 0;
}

bool cg_is_freezing(int dir)
{
	static const char *const files[] = { "ns/cgroup.freeze", "cgroup.freeze" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct val v = { 0 };

		if (read_val(dir, files[i], &v, NULL) == 0 && val_or(v, 0) == 1)
			return true;
	}
	return false;
}

int cg_read_procs(int dir, const char *sub, pid_t *pids, size_t max, size_t *ret_n,
		  struct err *err)
{
	_cleanup_close_ int fd = -1;
	char path[512];
	_uninit_ char buf[4096];
	struct span text, line;
	size_t have, n = 0;
	ssize_t got;
	int r;

	have = strlen(sub);
	if (have + sizeof("/cgroup.procs") > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, sub, have);
	memcpy(path + have, "/cgroup.procs", sizeof("/cgroup.procs"));
	if (!have)
		memmove(path, path + 1, sizeof("cgroup.procs"));
	r = fs_open(dir, path, O_RDONLY | O_NOFOLLOW, &fd, err);
	if (r < 0)
		return r;
	/* a first piece only: a fork bomb's list is not worth reading */
	do
		got = sys_read(fd, buf, sizeof(buf));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set(err, -errno, "read %s: %s", path, strerror(errno));
	have = (size_t)got;
	if (have == sizeof(buf)) /* the last line may be cut */
		while (have && buf[have - 1] != '\n')
			have--;
	text = span_of(buf, have);
	while (n < max && span_line(&text, &line)) {
		uint32_t pid;

		if (num_parse_u32(line, &pid) == 0 && pid && pid <= INT32_MAX)
			pids[n++] = (pid_t)pid;
	}
	*ret_n = n;
	return 0;
}
