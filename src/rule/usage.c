/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/usage.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

void alerts_done(struct alerts *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i].text);
	free(a->v);
	*a = (struct alerts){ 0 };
}

static struct val left(struct val limit, struct val used)
{
	if (limit.kind != VAL_SET || used.kind != VAL_SET)
		return limit;
	return val_set(num_sub(limit.n, used.n));
}

/* What no number is given for is 0 here: it is part of "other" then. */
static int64_t part(struct val v)
{
	return (int64_t)MIN(val_or(v, 0), (uint64_t)INT64_MAX / 16);
}

static struct val minus(struct val a, struct val b)
{
	if (a.kind != VAL_SET || b.kind != VAL_SET)
		return (struct val){ 0 };
	return val_set(num_sub(a.n, b.n));
}

void usage_mem_split(const struct cg_memory *m, struct mem_split *ret)
{
	struct mem_split s = { 0 };

	s.known = m->current_bytes.kind == VAL_SET && m->anon_bytes.kind == VAL_SET &&
		  m->file_bytes.kind == VAL_SET;
	if (s.known)
		s.other_bytes = part(m->current_bytes) - part(m->anon_bytes) -
				part(m->file_bytes) - part(m->kernel_bytes) -
				part(m->sock_bytes);
	/* `kernel` came with Linux 5.18; before, its parts are in "other" */
	s.kernel_known = m->kernel_bytes.kind == VAL_SET;
	if (s.kernel_known)
		s.kernel_rest_bytes = part(m->kernel_bytes) - part(m->slab_bytes) -
				      part(m->kernel_stack_bytes) -
				      part(m->pagetables_bytes) - part(m->percpu_bytes) -
				      part(m->vmalloc_bytes);
	s.pve_bytes = minus(m->current_bytes, m->file_bytes);
	if (s.known && m->active_file_bytes.kind == VAL_SET)
		s.needed_bytes = val_set(num_sub(
			m->current_bytes.n,
			m->active_file_bytes.n + val_or(m->inactive_file_bytes, 0) +
				val_or(m->slab_reclaimable_bytes, 0)));
	s.left_high_bytes = left(m->high_bytes, m->current_bytes);
	s.left_max_bytes = left(m->max_bytes, m->current_bytes);
	*ret = s;
}

uint64_t usage_cpu_limit_centi(const struct cg_cpu *c, unsigned cpuset_cpus,
			       unsigned host_cpus)
{
	uint64_t limit = (uint64_t)host_cpus * 100;

	if (cpuset_cpus && (!limit || cpuset_cpus * UINT64_C(100) < limit))
		limit = (uint64_t)cpuset_cpus * 100;
	if (c->max_quota_usec.kind == VAL_SET && val_or(c->max_period_usec, 0)) {
		uint64_t quota =
			num_muldiv(c->max_quota_usec.n, 100, c->max_period_usec.n);

		if (!limit || quota < limit)
			limit = quota;
	}
	return limit;
}

static _printf_(4, 5) void add(struct alerts *a, const char *id, bool severe,
			       const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	GROW(a->v, a->n, a->cap);
	a->v[a->n++] = (struct alert){ id, severe, xstrdup(text) };
}

/* Whole percents of a limit, when there is one and the threshold is reached. */
static bool reached(struct val used, struct val limit, struct val percent, uint64_t *ret)
{
	if (used.kind != VAL_SET || limit.kind != VAL_SET || !limit.n ||
	    percent.kind != VAL_SET)
		return false;
	*ret = num_muldiv(used.n, 100, limit.n);
	return *ret >= percent.n;
}

static void check_memory(const struct cg_memory *m, const struct warn_limits *lim,
			 struct alerts *a)
{
	struct mem_split s;
	struct val used;
	uint64_t p;

	usage_mem_split(m, &s);
	used = s.needed_bytes.kind == VAL_SET ? s.needed_bytes : m->current_bytes;
	if (reached(used, m->max_bytes, lim->memory_max_percent, &p))
		add(a, "memory-max", true,
		    "memory is at %ju%% of memory.max, page cache not counted: "
		    "when none can be freed the kernel kills a process",
		    (uintmax_t)p);
	else if (reached(used, m->high_bytes, lim->memory_high_percent, &p))
		add(a, "memory-high", false,
		    "memory is at %ju%% of memory.high, page cache not counted: "
		    "there the kernel slows the container down, before it kills",
		    (uintmax_t)p);
	if (reached(m->swap_current_bytes, m->swap_max_bytes, lim->swap_percent, &p))
		add(a, "swap", false, "swap is %ju%% full", (uintmax_t)p);
	if (lim->oom_kills.kind == VAL_SET &&
	    val_or(m->events_oom_kill, 0) >= lim->oom_kills.n)
		add(a, "oom-kill", true,
		    "the kernel killed %ju process%s for lack of memory since the start",
		    (uintmax_t)m->events_oom_kill.n,
		    m->events_oom_kill.n == 1 ? "" : "es");
}

static void check_cpu(const struct usage_input *in, const struct warn_limits *lim,
		      struct alerts *a)
{
	const struct cg_cpu *d = &in->delta;
	struct val could;
	uint64_t p;

	if (!in->interval_usec)
		return;
	could = val_set(num_muldiv(in->interval_usec, in->limit_centi, 100));
	if (reached(d->usage_usec, could, lim->cpu_percent, &p))
		add(a, "cpu", false, "it uses %ju%% of the CPU time it can have",
		    (uintmax_t)p);
	if (val_or(d->nr_throttled, 0) &&
	    reached(d->nr_throttled, d->nr_periods, lim->throttled_percent, &p))
		add(a, "throttled", false,
		    "its CPU limit stopped it in %ju%% of the measured periods",
		    (uintmax_t)p);
}

static void check_pressure(const struct cg_pressure *p, const struct warn_limits *lim,
			   struct alerts *a)
{
	const struct {
		const char *id, *what;
		struct val avg10, limit;
	} all[] = {
		{ "cpu-pressure", "a CPU", p->cpu.some.avg10_centi,
		  lim->cpu_pressure_percent },
		{ "io-pressure", "a disk", p->io.some.avg10_centi,
		  lim->io_pressure_percent },
		{ "memory-pressure", "memory", p->memory.some.avg10_centi,
		  lim->memory_pressure_percent },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].avg10.kind == VAL_SET && all[i].limit.kind == VAL_SET &&
		    all[i].avg10.n >= all[i].limit.n * 100)
			add(a, all[i].id, false,
			    "in %ju%% of the last 10 s one of its processes waited for %s",
			    (uintmax_t)(all[i].avg10.n / 100), all[i].what);
}

static void check_pids(const struct cg_pids *p, const struct warn_limits *lim,
		       struct alerts *a)
{
	uint64_t percent;

	if (reached(p->current, p->max, lim->pids_percent, &percent))
		add(a, "pids", percent >= 100,
		    "%ju of %ju processes and threads are in use (%ju%%): "
		    "at the limit every fork fails",
		    (uintmax_t)p->current.n, (uintmax_t)p->max.n, (uintmax_t)percent);
	if (lim->pids_percent.kind == VAL_SET && val_or(p->events_max, 0))
		add(a, "pids-refused", true,
		    "%ju fork%s refused at the limit of processes since the start",
		    (uintmax_t)p->events_max.n, p->events_max.n == 1 ? " was" : "s were");
}

static int cmp_alert(const void *x, const void *y)
{
	const struct alert *a = x, *b = y;

	return (b->severe - a->severe);
}

void usage_alerts(const struct usage_input *in, const struct warn_limits *lim,
		  struct alerts *ret)
{
	const struct ct *ct = in->ct;
	struct alerts a = { 0 };
	uint64_t p;

	check_memory(&ct->memory, lim, &a);
	check_cpu(in, lim, &a);
	check_pids(&ct->pids, lim, &a);
	if (reached(ct->disk_bytes, ct->disk_max_bytes, lim->disk_percent, &p))
		add(&a, "disk", p >= 100, "its root file system is %ju%% full",
		    (uintmax_t)p);
	check_pressure(&ct->pressure, lim, &a);
	/* few, and the order among equals is kept: insertion */
	for (size_t i = 1; i < a.n; i++)
		for (size_t k = i; k && cmp_alert(&a.v[k - 1], &a.v[k]) > 0; k--) {
			struct alert t = a.v[k];

			a.v[k] = a.v[k - 1];
			a.v[k - 1] = t;
		}
	*ret = a;
}
