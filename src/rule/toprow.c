/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/toprow.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"
#include "rule/rate.h"

#define PPM 1000000

/* ---- the figures of one moment ---- */

static struct val sum(struct val a, struct val b)
{
	if (a.kind != VAL_SET)
		return b;
	return b.kind == VAL_SET ? val_set(a.n + b.n) : a;
}

static struct val largest(struct val a, struct val b)
{
	if (a.kind != VAL_SET)
		return b;
	return b.kind == VAL_SET ? val_set(MAX(a.n, b.n)) : a;
}

static struct val ratio(struct val n, struct val of)
{
	if (n.kind != VAL_SET || of.kind != VAL_SET || !of.n)
		return (struct val){ 0 };
	return val_set(num_muldiv(n.n, PPM, of.n));
}

/* PVE's mem: without the page cache (facts of model/ct.h: current - file). */
static struct val used_memory(const struct sample *s)
{
	struct val current = rate_gauge(s, METRIC_MEMORY_CURRENT_BYTES);
	struct val file = rate_gauge(s, METRIC_MEMORY_FILE_BYTES);

	if (current.kind != VAL_SET || file.kind != VAL_SET)
		return (struct val){ 0 };
	return val_set(num_sub(current.n, file.n));
}

static struct val cpu_ratio(struct val cores_ppm, struct val cpus_centi)
{
	if (cores_ppm.kind != VAL_SET || cpus_centi.kind != VAL_SET || !cpus_centi.n)
		return (struct val){ 0 };
	return val_set(num_muldiv(cores_ppm.n, 100, cpus_centi.n));
}

static bool grew(const struct sample *a, const struct sample *b, enum metric m)
{
	return val_or(rate_delta(a, b, m), 0) > 0;
}

static void fill_gauges(const struct toplimits *lim, const struct sample *s,
			struct toprow *r)
{
	r->mem_bytes = used_memory(s);
	r->mem_ppm = ratio(r->mem_bytes, lim->maxmem_bytes);
	r->swap_bytes = rate_gauge(s, METRIC_SWAP_CURRENT_BYTES);
	r->pids = rate_gauge(s, METRIC_PIDS_CURRENT);
	r->pids_limit = r->pids.kind == VAL_SET && lim->pids_max.kind == VAL_SET &&
			r->pids.n >= lim->pids_max.n;
}

static void fill_rates(const struct toplimits *lim, const struct sample *a,
		       const struct sample *b, struct toprow *r)
{
	const struct {
		enum metric m;
		struct val *dst;
	} rates[] = {
		{ METRIC_CPU_USAGE_USEC, &r->cores_ppm },
		{ METRIC_IO_READ_BYTES, &r->read_bps },
		{ METRIC_IO_WRITE_BYTES, &r->write_bps },
		{ METRIC_NET_IN_BYTES, &r->in_bps },
		{ METRIC_NET_OUT_BYTES, &r->out_bps },
		{ METRIC_PSI_CPU_SOME_USEC, &r->psi_cpu_ppm },
		{ METRIC_PSI_IO_SOME_USEC, &r->psi_io_ppm },
		{ METRIC_PSI_MEMORY_SOME_USEC, &r->psi_mem_ppm },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		*rates[i].dst = rate_per_sec(a, b, rates[i].m);
	r->cpu_ppm = cpu_ratio(r->cores_ppm, lim->cpus_centi);
	r->io_bps = sum(r->read_bps, r->write_bps);
	r->net_bps = sum(r->in_bps, r->out_bps);
	r->psi_ppm = largest(largest(r->psi_cpu_ppm, r->psi_io_ppm), r->psi_mem_ppm);
	r->throttled = grew(a, b, METRIC_CPU_NR_THROTTLED);
	r->mem_limit = grew(a, b, METRIC_MEMORY_EVENTS_MAX) ||
		       grew(a, b, METRIC_MEMORY_EVENTS_HIGH);
}

static bool is_hot(struct val ppm, struct val percent)
{
	return ppm.kind == VAL_SET && percent.kind == VAL_SET &&
	       ppm.n >= percent.n * 10000;
}

static void fill_hot(const struct warn_limits *w, struct toprow *r)
{
	r->cpu_hot = is_hot(r->cpu_ppm, w->cpu_percent);
	r->mem_hot = is_hot(r->mem_ppm, w->memory_max_percent);
	r->psi_cpu_hot = is_hot(r->psi_cpu_ppm, w->cpu_pressure_percent);
	r->psi_io_hot = is_hot(r->psi_io_ppm, w->io_pressure_percent);
	r->psi_mem_hot = is_hot(r->psi_mem_ppm, w->memory_pressure_percent);
}

/* ---- the graph ---- */

/* What a graph of that order shows of the time between two samples. */
static struct val graph_value(const struct toprow_ask *ask, const struct toplimits *lim,
			      const struct sample *a, const struct sample *b)
{
	switch (ask->sort) {
	case TOPSORT_MEM:
		return used_memory(b);
	case TOPSORT_SWAP:
		return rate_gauge(b, METRIC_SWAP_CURRENT_BYTES);
	case TOPSORT_PIDS:
		return rate_gauge(b, METRIC_PIDS_CURRENT);
	case TOPSORT_IO:
		return sum(rate_per_sec(a, b, METRIC_IO_READ_BYTES),
			   rate_per_sec(a, b, METRIC_IO_WRITE_BYTES));
	case TOPSORT_NET:
		return sum(rate_per_sec(a, b, METRIC_NET_IN_BYTES),
			   rate_per_sec(a, b, METRIC_NET_OUT_BYTES));
	case TOPSORT_PSI:
		return largest(largest(rate_per_sec(a, b, METRIC_PSI_CPU_SOME_USEC),
				       rate_per_sec(a, b, METRIC_PSI_IO_SOME_USEC)),
			       rate_per_sec(a, b, METRIC_PSI_MEMORY_SOME_USEC));
	case TOPSORT_VMID:
	case TOPSORT_NAME:
	case TOPSORT_CPU:
	case TOPSORTS:
		break;
	}
	return cpu_ratio(rate_per_sec(a, b, METRIC_CPU_USAGE_USEC), lim->cpus_centi);
}

/* A whole bar: the limit where there is one; absent: the largest value of all rows. */
static struct val graph_full(enum topsort sort, const struct toplimits *lim)
{
	switch (sort) {
	case TOPSORT_MEM:
		return lim->maxmem_bytes;
	case TOPSORT_SWAP:
		return lim->maxswap_bytes;
	case TOPSORT_IO:
	case TOPSORT_NET:
	case TOPSORT_PIDS:
		return (struct val){ 0 };
	default:
		return val_set(PPM);
	}
}

/* Each value goes where its time is; what is more than one step after the one before it
 * leaves a gap there, and says nothing of it. */
static void fill_graph(const struct toprow_ask *ask, const struct toplimits *lim,
		       const struct sample *v, size_t n, struct toprow *r)
{
	uint64_t step = MAX(ask->step_usec, (uint64_t)1);

	r->graph_full = graph_full(ask->sort, lim);
	for (size_t i = n; i-- > 1;) {
		uint64_t age = num_sub(ask->at_boot_usec, v[i].boot_usec);
		uint64_t back = (age + step / 2) / step;
		struct val *slot;

		if (back >= TOP_GRAPH)
			break;
		if (v[i].boot_usec - v[i - 1].boot_usec > 2 * step)
			continue;
		slot = &r->graph[TOP_GRAPH - 1 - back];
		*slot = largest(*slot, graph_value(ask, lim, &v[i - 1], &v[i]));
	}
}

static struct val count_kills(const struct toprow_ask *ask, const struct sample *v,
			      size_t n)
{
	uint64_t span = ask->step_usec * TOP_GRAPH;
	struct val d = { 0 };

	for (size_t i = n; i-- > 1;) {
		if (num_sub(ask->at_boot_usec, v[i].boot_usec) > span)
			break;
		d = sum(d, rate_delta(&v[i - 1], &v[i], METRIC_MEMORY_EVENTS_OOM_KILL));
	}
	return d;
}

static bool limit_then(const struct sample *s, enum metric m, struct val *io)
{
	if (!(s->have >> m & 1))
		return false;
	*io = s->v[m] == METRIC_NO_LIMIT ? (struct val){ .kind = VAL_MAX }
					 : val_set(s->v[m]);
	return true;
}

bool toprow_limits_then(const struct sample *s, struct toplimits *io)
{
	struct val cpu = { 0 };
	bool has = limit_then(s, METRIC_MEMORY_MAX_BYTES, &io->maxmem_bytes);

	has |= limit_then(s, METRIC_SWAP_MAX_BYTES, &io->maxswap_bytes);
	has |= limit_then(s, METRIC_PIDS_MAX, &io->pids_max);
	has |= limit_then(s, METRIC_CPU_MAX_PPM, &cpu);
	if (cpu.kind == VAL_SET)
		io->cpus_centi = val_set(cpu.n / 10000);
	return has;
}

void toprow_fill(const struct toprow_ask *ask, const struct toplimits *lim,
		 const struct sample *v, size_t n, struct toprow *ret)
{
	struct toprow r = { .vmid = ret->vmid,
			    .name = ret->name,
			    .state = ret->state,
			    .was = ret->was,
			    .limits_then = ret->limits_then,
			    .error = ret->error };
	uint64_t fresh = 3 * MAX(ask->step_usec, USEC_PER_SEC);
	size_t i;

	r.maxmem_bytes = lim->maxmem_bytes;
	r.maxswap_bytes = lim->maxswap_bytes;
	r.pids_max = lim->pids_max;
	fill_graph(ask, lim, v, n, &r);
	r.oom_kills = count_kills(ask, v, n);
	if (n && num_sub(ask->at_boot_usec, v[n - 1].boot_usec) <= fresh) {
		fill_gauges(lim, &v[n - 1], &r);
		i = rate_since(v, n, MAX(ask->interval_usec, ask->step_usec));
		if (i != SIZE_MAX)
			fill_rates(lim, &v[i], &v[n - 1], &r);
		if (lim->warn)
			fill_hot(lim->warn, &r);
	}
	*ret = r;
}

/* ---- order ---- */

struct val toprow_key(const struct toprow *r, enum topsort sort)
{
	switch (sort) {
	case TOPSORT_CPU:
		return r->cpu_ppm.kind ? r->cpu_ppm : r->cores_ppm;
	case TOPSORT_MEM:
		return r->mem_bytes;
	case TOPSORT_SWAP:
		return r->swap_bytes;
	case TOPSORT_IO:
		return r->io_bps;
	case TOPSORT_NET:
		return r->net_bps;
	case TOPSORT_PSI:
		return r->psi_ppm;
	case TOPSORT_PIDS:
		return r->pids;
	case TOPSORT_VMID:
	case TOPSORT_NAME:
	case TOPSORTS:
		break;
	}
	return (struct val){ 0 };
}

const char *topsort_name(enum topsort s)
{
	static const char *const names[TOPSORTS] = {
		[TOPSORT_VMID] = "number", [TOPSORT_NAME] = "name",
		[TOPSORT_CPU] = "CPU",     [TOPSORT_MEM] = "memory",
		[TOPSORT_SWAP] = "swap",   [TOPSORT_IO] = "I/O",
		[TOPSORT_NET] = "network", [TOPSORT_PSI] = "pressure",
		[TOPSORT_PIDS] = "pids",
	};

	return names[s];
}

struct order {
	enum topsort sort;
	bool reverse;
};

static int cmp_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int cmp_keys(const struct toprow *x, const struct toprow *y, const struct order *o)
{
	struct val a = toprow_key(x, o->sort), b = toprow_key(y, o->sort);
	int r;

	if (o->sort == TOPSORT_NAME)
		r = strcmp(x->name ? x->name : "", y->name ? y->name : "");
	else if (o->sort == TOPSORT_VMID)
		r = cmp_u64(x->vmid, y->vmid);
	else if (a.kind != VAL_SET || b.kind != VAL_SET)
		return (a.kind != VAL_SET) - (b.kind != VAL_SET); /* last either way */
	else
		r = cmp_u64(b.n, a.n);
	return o->reverse ? -r : r;
}

static int cmp_rows(const void *a, const void *b, void *arg)
{
	const struct toprow *x = a, *y = b;
	int r = cmp_keys(x, y, arg);

	return r ? r : cmp_u64(x->vmid, y->vmid);
}

void toprow_sort(struct toprow *v, size_t n, enum topsort sort, bool reverse)
{
	struct order o = { sort, reverse };

	if (n)
		qsort_r(v, n, sizeof(*v), cmp_rows, &o);
}

/* ---- filter ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool contains(const char *s, const char *text)
{
	for (; *s; s++) {
		size_t i = 0;

		while (text[i] && lower(s[i]) == lower(text[i]))
			i++;
		if (!text[i])
			return true;
	}
	return false;
}

bool toprow_matches(const struct toprow *r, const char *text)
{
	uint32_t n = r->vmid;
	char digits[11];
	size_t at = sizeof(digits) - 1;

	if (!*text)
		return true;
	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) && at);
	return contains(digits + at, text) || (r->name && contains(r->name, text));
}

struct val topunit_rate(struct val before, struct val now, uint64_t usec)
{
	if (before.kind != VAL_SET || now.kind != VAL_SET || now.n < before.n || !usec)
		return (struct val){ 0 };
	return val_set(num_muldiv(now.n - before.n, USEC_PER_SEC, usec));
}
