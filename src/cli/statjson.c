/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/statjson.h"

#include "base/clock.h"

struct member {
	const char *key;
	size_t off;
};

static void vals(struct jw *w, const struct member *m, size_t n, const void *from)
{
	for (size_t i = 0; i < n; i++)
		jw_val(w, m[i].key, *(const struct val *)((const char *)from + m[i].off));
}

static void usec(struct jw *w, const char *key, struct val v)
{
	if (v.kind == VAL_MAX)
		jw_null(w, key);
	else if (v.kind == VAL_SET)
		jw_ratio(w, key, v.n, USEC_PER_SEC);
}

#define M(k, f)                                                                          \
	{                                                                                \
		k, offsetof(struct cg_memory, f)                                         \
	}

void json_memory(struct jw *w, const char *key, const struct cg_memory *m)
{
	static const struct member members[] = {
		M("current", current_bytes),
		M("peak", peak_bytes),
		M("low", low_bytes),
		M("high", high_bytes),
		M("max", max_bytes),
		M("swap", swap_current_bytes),
		M("swap_peak", swap_peak_bytes),
		M("swap_max", swap_max_bytes),
		M("anon", anon_bytes),
		M("file", file_bytes),
		M("shmem", shmem_bytes),
		M("kernel", kernel_bytes),
		M("kernel_stack", kernel_stack_bytes),
		M("pagetables", pagetables_bytes),
		M("percpu", percpu_bytes),
		M("slab", slab_bytes),
		M("slab_reclaimable", slab_reclaimable_bytes),
		M("sock", sock_bytes),
		M("vmalloc", vmalloc_bytes),
		M("zswap", zswap_bytes),
		M("zswapped", zswapped_bytes),
		M("file_mapped", file_mapped_bytes),
		M("file_dirty", file_dirty_bytes),
		M("file_writeback", file_writeback_bytes),
		M("inactive_file", inactive_file_bytes),
		M("active_file", active_file_bytes),
		M("pgfault", pgfault),
		M("pgmajfault", pgmajfault),
	};
	static const struct member events[] = {
		M("low", events_low),
		M("high", events_high),
		M("max", events_max),
		M("oom", events_oom),
		M("oom_kill", events_oom_kill),
		M("oom_group_kill", events_oom_group_kill),
		M("swap_max", swap_events_max),
		M("swap_fail", swap_events_fail),
	};

	if (m->current_bytes.kind == VAL_ABSENT)
		return;
	jw_obj(w, key);
	vals(w, members, ARRAY_SIZE(members), m);
	jw_obj(w, "events");
	vals(w, events, ARRAY_SIZE(events), m);
	jw_end(w);
	jw_end(w);
}

void json_cpu(struct jw *w, const char *key, const struct cg_cpu *c)
{
	if (c->usage_usec.kind == VAL_ABSENT)
		return;
	jw_obj(w, key);
	usec(w, "usage", c->usage_usec);
	usec(w, "user", c->user_usec);
	usec(w, "system", c->system_usec);
	jw_val(w, "nr_periods", c->nr_periods);
	jw_val(w, "nr_throttled", c->nr_throttled);
	usec(w, "throttled", c->throttled_usec);
	usec(w, "quota", c->max_quota_usec);
	usec(w, "period", c->max_period_usec);
	jw_val(w, "weight", c->weight);
	jw_end(w);
}

void json_pids(struct jw *w, const char *key, const struct cg_pids *p)
{
	if (p->current.kind == VAL_ABSENT)
		return;
	jw_obj(w, key);
	jw_val(w, "current", p->current);
	jw_val(w, "peak", p->peak);
	jw_val(w, "max", p->max);
	jw_val(w, "refused", p->events_max);
	jw_end(w);
}

static void centi(struct jw *w, const char *key, struct val v)
{
	if (v.kind == VAL_SET)
		jw_ratio(w, key, v.n, 100);
}

static void psi_line(struct jw *w, const char *key, const struct cg_psi_line *l)
{
	if (l->avg10_centi.kind == VAL_ABSENT)
		return;
	jw_obj(w, key);
	centi(w, "avg10", l->avg10_centi);
	centi(w, "avg60", l->avg60_centi);
	centi(w, "avg300", l->avg300_centi);
	usec(w, "total", l->total_usec);
	jw_end(w);
}

static void psi(struct jw *w, const char *key, const struct cg_psi *p)
{
	jw_obj(w, key);
	psi_line(w, "some", &p->some);
	psi_line(w, "full", &p->full);
	jw_end(w);
}

void json_pressure(struct jw *w, const char *key, const struct cg_pressure *p)
{
	if (p->cpu.some.avg10_centi.kind == VAL_ABSENT &&
	    p->memory.some.avg10_centi.kind == VAL_ABSENT)
		return;
	jw_obj(w, key);
	psi(w, "cpu", &p->cpu);
	psi(w, "io", &p->io);
	psi(w, "memory", &p->memory);
	jw_end(w);
}

void json_pve_pressure(struct jw *w, const struct cg_pressure *p)
{
	centi(w, "pressurecpusome", p->cpu.some.avg10_centi);
	centi(w, "pressurecpufull", p->cpu.full.avg10_centi);
	centi(w, "pressureiosome", p->io.some.avg10_centi);
	centi(w, "pressureiofull", p->io.full.avg10_centi);
	centi(w, "pressurememorysome", p->memory.some.avg10_centi);
	centi(w, "pressurememoryfull", p->memory.full.avg10_centi);
}

void json_cpuset(struct jw *w, const char *key, const struct cg_cpuset *c)
{
	if (!c->cpus && !c->cpus_effective)
		return;
	jw_obj(w, key);
	jw_str(w, "cpus", c->cpus);
	jw_str(w, "effective", c->cpus_effective);
	jw_end(w);
}
