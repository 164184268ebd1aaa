/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/cgsample.h"

struct key {
	const char *name;
	uint8_t n;
	uint8_t metric;
};

#define KEY(text, metric)                                                                \
	{                                                                                \
		text, sizeof(text) - 1, metric                                           \
	}

static void put(struct sample *io, enum metric m, uint64_t v)
{
	io->v[m] = v;
	io->have |= UINT64_C(1) << m;
}

/* Digits up to a blank or the end of the line. */
static int number(const char *p, const char *end, uint64_t *ret)
{
	uint64_t n = 0;
	const char *first = p;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -EINVAL;
	}
	if (p == first || (p < end && *p != ' ' && *p != '\n'))
		return -EINVAL;
	*ret = n;
	return 0;
}

static const char *line_end(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));

	return nl ? nl : end;
}

static bool is_key(const char *p, const char *eol, const struct key *k)
{
	return (size_t)(eol - p) > k->n && p[k->n] == ' ' &&
	       memcmp(p, k->name, k->n) == 0;
}

static int take(const char *p, const char *eol, const struct key *k, struct sample *io)
{
	uint64_t v;
	int r = number(p + k->n + 1, eol, &v);

	if (r == 0)
		put(io, k->metric, v);
	return r;
}

/*
 * "key number" lines. The keys are in the kernel's order: one walk finds them all and
 * ends at the last one. A kernel that lacks or moved one costs a second walk.
 */
static int flat(struct span text, const struct key *keys, size_t n, struct sample *io)
{
	const char *p = text.p, *end = text.p + text.n, *eol;
	size_t next = 0;
	int r = 0;

	for (; p < end && next < n && r == 0; p = eol + 1) {
		eol = line_end(p, end);
		if (is_key(p, eol, &keys[next]))
			r = take(p, eol, &keys[next++], io);
	}
	if (next == n || r < 0)
		return r;
	for (p = text.p; p < end && r == 0; p = eol + 1) {
		eol = line_end(p, end);
		for (size_t i = next; i < n; i++)
			if (is_key(p, eol, &keys[i]))
				r = take(p, eol, &keys[i], io);
	}
	return r;
}

/* What is after " total=": the last field as the kernel prints it, else looked for. */
static const char *total_of(const char *p, const char *eol)
{
	const char *t = eol;

	while (t > p && t[-1] >= '0' && t[-1] <= '9')
		t--;
	if (t - p > 7 && memcmp(t - 7, " total=", 7) == 0)
		return t;
	t = memmem(p, (size_t)(eol - p), " total=", 7);
	return t ? t + 7 : NULL;
}

/* "some avg10=... total=N" and, where the kernel has it, "full ..." */
static int pressure(struct span text, enum metric some, enum metric full,
		    struct sample *io)
{
	const char *p = text.p, *end = text.p + text.n, *eol;
	int r = 0;

	for (; p < end && r == 0; p = eol + 1) {
		bool is_some, is_full;
		const char *t;
		uint64_t v;

		eol = line_end(p, end);
		is_some = eol - p > 5 && memcmp(p, "some ", 5) == 0;
		is_full = eol - p > 5 && memcmp(p, "full ", 5) == 0;
		t = is_some || is_full ? total_of(p, eol) : NULL;
		if (!t)
			continue;
		r = number(t, eol, &v);
		if (r == 0)
			put(io, is_some ? some : full, v);
	}
	return r;
}

/* Sums over the devices; a device without a counter adds nothing. */
static int io_stat(struct span text, bool details, struct sample *io)
{
	static const struct key keys[] = {
		KEY("rbytes=", METRIC_IO_READ_BYTES),
		KEY("wbytes=", METRIC_IO_WRITE_BYTES),
		KEY("rios=", METRIC_IO_READS),
		KEY("wios=", METRIC_IO_WRITES),
		/* details: the last */
		KEY("dbytes=", METRIC_IO_DISCARD_BYTES),
	};
	const size_t n = ARRAY_SIZE(keys) - !details;
	uint64_t sum[ARRAY_SIZE(keys)] = { 0 }, v;
	struct span line, word;

	while (span_line(&text, &line)) {
		while (span_field(&line, &word)) {
			for (size_t i = 0; i < n; i++) {
				if (word.n <= keys[i].n ||
				    memcmp(word.p, keys[i].name, keys[i].n) != 0)
					continue;
				if (number(word.p + keys[i].n, word.p + word.n, &v) < 0)
					return -EINVAL;
				sum[i] += v;
				break;
			}
		}
	}
	for (size_t i = 0; i < n; i++)
		put(io, keys[i].metric, sum[i]);
	return 0;
}

static int single(struct span text, enum metric m, struct sample *io)
{
	uint64_t v;
	int r = number(text.p, line_end(text.p, text.p + text.n), &v);

	if (r == 0)
		put(io, m, v);
	return r;
}

const char *cgsample_name(enum cgsample_file f)
{
	static const char *const names[CGSAMPLE_FILES] = {
		[CGSAMPLE_CPU_STAT] = "cpu.stat",
		[CGSAMPLE_IO_PRESSURE] = "io.pressure",
		[CGSAMPLE_MEMORY_PRESSURE] = "memory.pressure",
		[CGSAMPLE_CPU_PRESSURE] = "cpu.pressure",
		[CGSAMPLE_MEMORY_CURRENT] = "memory.current",
		[CGSAMPLE_MEMORY_STAT] = "memory.stat",
		[CGSAMPLE_MEMORY_SWAP_CURRENT] = "memory.swap.current",
		[CGSAMPLE_MEMORY_EVENTS] = "memory.events",
		[CGSAMPLE_IO_STAT] = "io.stat",
		[CGSAMPLE_PIDS_CURRENT] = "pids.current",
	};

	return names[f];
}

static int memory_stat(struct span text, bool details, struct sample *io)
{
	static const struct key some[] = {
		KEY("anon", METRIC_MEMORY_ANON_BYTES),
		KEY("file", METRIC_MEMORY_FILE_BYTES),
		KEY("kernel", METRIC_MEMORY_KERNEL_BYTES),
		KEY("shmem", METRIC_MEMORY_SHMEM_BYTES),
		KEY("workingset_refault_file", METRIC_WORKINGSET_REFAULT_FILE),
		KEY("pgmajfault", METRIC_PGMAJFAULT),
	};
	static const struct key all[] = {
		KEY("anon", METRIC_MEMORY_ANON_BYTES),
		KEY("file", METRIC_MEMORY_FILE_BYTES),
		KEY("kernel", METRIC_MEMORY_KERNEL_BYTES),
		KEY("kernel_stack", METRIC_MEMORY_KERNEL_STACK_BYTES),
		KEY("pagetables", METRIC_MEMORY_PAGETABLES_BYTES),
		KEY("percpu", METRIC_MEMORY_PERCPU_BYTES),
		KEY("sock", METRIC_MEMORY_SOCK_BYTES),
		KEY("vmalloc", METRIC_MEMORY_VMALLOC_BYTES),
		KEY("shmem", METRIC_MEMORY_SHMEM_BYTES),
		KEY("file_mapped", METRIC_MEMORY_MAPPED_BYTES),
		KEY("file_dirty", METRIC_MEMORY_DIRTY_BYTES),
		KEY("file_writeback", METRIC_MEMORY_WRITEBACK_BYTES),
		KEY("swapcached", METRIC_MEMORY_SWAPCACHED_BYTES),
		KEY("anon_thp", METRIC_MEMORY_ANON_THP_BYTES),
		KEY("inactive_anon", METRIC_MEMORY_INACTIVE_ANON_BYTES),
		KEY("active_anon", METRIC_MEMORY_ACTIVE_ANON_BYTES),
		KEY("inactive_file", METRIC_MEMORY_INACTIVE_FILE_BYTES),
		KEY("active_file", METRIC_MEMORY_ACTIVE_FILE_BYTES),
		KEY("unevictable", METRIC_MEMORY_UNEVICTABLE_BYTES),
		KEY("slab_unreclaimable", METRIC_MEMORY_SLAB_UNRECLAIMABLE_BYTES),
		KEY("slab", METRIC_MEMORY_SLAB_BYTES),
		KEY("workingset_refault_anon", METRIC_WORKINGSET_REFAULT_ANON),
		KEY("workingset_refault_file", METRIC_WORKINGSET_REFAULT_FILE),
		KEY("pgscan", METRIC_PGSCAN),
		KEY("pgsteal", METRIC_PGSTEAL),
		KEY("pgfault", METRIC_PGFAULT),
		KEY("pgmajfault", METRIC_PGMAJFAULT),
	};

	return details ? flat(text, all, ARRAY_SIZE(all), io)
		       : flat(text, some, ARRAY_SIZE(some), io);
}

int cgsample_parse(enum cgsample_file f, struct span text, bool details,
		   struct sample *io)
{
	static const struct key cpu[] = {
		KEY("usage_usec", METRIC_CPU_USAGE_USEC),
		KEY("user_usec", METRIC_CPU_USER_USEC),
		KEY("system_usec", METRIC_CPU_SYSTEM_USEC),
		KEY("nr_periods", METRIC_CPU_NR_PERIODS),
		KEY("nr_throttled", METRIC_CPU_NR_THROTTLED),
		KEY("throttled_usec", METRIC_CPU_THROTTLED_USEC),
	};
	static const struct key events[] = {
		KEY("high", METRIC_MEMORY_EVENTS_HIGH),
		KEY("max", METRIC_MEMORY_EVENTS_MAX),
		KEY("oom", METRIC_MEMORY_EVENTS_OOM),
		KEY("oom_kill", METRIC_MEMORY_EVENTS_OOM_KILL),
		/* details: the last */
		KEY("oom_group_kill", METRIC_MEMORY_EVENTS_OOM_GROUP_KILL),
	};

	if (!text.n)
		return f == CGSAMPLE_IO_STAT ? io_stat(text, details, io) : 0;
	switch (f) {
	case CGSAMPLE_CPU_STAT:
		return flat(text, cpu, ARRAY_SIZE(cpu), io);
	case CGSAMPLE_IO_PRESSURE:
		return pressure(text, METRIC_PSI_IO_SOME_USEC, METRIC_PSI_IO_FULL_USEC,
				io);
	case CGSAMPLE_MEMORY_PRESSURE:
		return pressure(text, METRIC_PSI_MEMORY_SOME_USEC,
				METRIC_PSI_MEMORY_FULL_USEC, io);
	case CGSAMPLE_CPU_PRESSURE:
		return pressure(text, METRIC_PSI_CPU_SOME_USEC, METRIC_PSI_CPU_FULL_USEC,
				io);
	case CGSAMPLE_MEMORY_CURRENT:
		return single(text, METRIC_MEMORY_CURRENT_BYTES, io);
	case CGSAMPLE_MEMORY_STAT:
		return memory_stat(text, details, io);
	case CGSAMPLE_MEMORY_SWAP_CURRENT:
		return single(text, METRIC_SWAP_CURRENT_BYTES, io);
	case CGSAMPLE_MEMORY_EVENTS:
		return flat(text, events, ARRAY_SIZE(events) - !details, io);
	case CGSAMPLE_IO_STAT:
		return io_stat(text, details, io);
	case CGSAMPLE_PIDS_CURRENT:
		return single(text, METRIC_PIDS_CURRENT, io);
	case CGSAMPLE_FILES:
		break;
	}
	return -EINVAL;
}
