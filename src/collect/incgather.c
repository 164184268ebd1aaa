/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/incgather.h"

#include <stdlib.h>

#include "base/fs.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "read/cgroup.h"
#include "read/cgtree.h"
#include "read/procs.h"

#define TOP 20

static int by_rss(const void *a, const void *b)
{
	uint64_t x = val_or(((const struct proc *)a)->rss_bytes, 0);
	uint64_t y = val_or(((const struct proc *)b)->rss_bytes, 0);

	return (x < y) - (x > y);
}

static void put_processes(struct jw *w, int rootfd, int dir, uint32_t vmid, pid_t init)
{
	const struct procs_opts o = { .vmid = vmid, .init_pid = init };
	struct procs p = { 0 };

	if (procs_read(rootfd, dir, &o, &p, NULL) < 0)
		return;
	qsort(p.v, p.n, sizeof(*p.v), by_rss);
	jw_arr(w, "processes");
	for (size_t i = 0; i < MIN(p.n, (size_t)TOP); i++) {
		const struct proc *v = &p.v[i];
		char state[2] = { v->state, '\0' };

		jw_obj(w, NULL);
		jw_int(w, "pid", (uint64_t)v->pid);
		jw_text(w, "name",
			(struct tbytes){ (const uint8_t *)v->comm, v->comm_n });
		if (v->where.unit.n)
			jw_text(w, "unit", span_tbytes(v->where.unit));
		jw_val(w, "rss_bytes", v->rss_bytes);
		jw_val(w, "swap_bytes", v->swap_bytes);
		jw_str(w, "state", state);
		jw_end(w);
	}
	jw_end(w);
	procs_done(&p);
}

static uint64_t unit_size(const struct cgnode *n)
{
	return val_or(n->memory.current_bytes, 0);
}

/* The largest first, by picking: there are at most 256. */
static void put_units(struct jw *w, int dir)
{
	struct cgtree t = { 0 };

	if (cgtree_list(dir, &(struct cgtree_limits){ 0 }, &t, NULL) < 0 ||
	    cgtree_read_stats(dir, &t, NULL) < 0) {
		cgtree_done(&t);
		return;
	}
	jw_arr(w, "units");
	for (size_t k = 0; k < TOP; k++) {
		struct cgnode *best = NULL;

		for (size_t i = 1; i < t.n; i++)
			if (t.v[i].name && t.v[i].kind != CGK_SLICE &&
			    t.v[i].kind != CGK_ROOT && !t.v[i].gone &&
			    (!best || unit_size(&t.v[i]) > unit_size(best)))
				best = &t.v[i];
		if (!best)
			break;
		jw_obj(w, NULL);
		jw_text(w, "name", best->label.n ? best->label : tbytes_str(best->name));
		jw_val(w, "memory_bytes", best->memory.current_bytes);
		jw_val(w, "anon_bytes", best->memory.anon_bytes);
		jw_val(w, "cpu_usec", best->cpu.usage_usec);
		jw_val(w, "pids", best->pids.current);
		jw_end(w);
		best->gone = true; /* told */
	}
	jw_end(w);
	cgtree_done(&t);
}

void data_ppm(struct jw *w, const char *key, struct val centi)
{
	if (centi.kind == VAL_SET)
		jw_int(w, key, centi.n * 100);
}

static void put_pressure(struct jw *w, int dir)
{
	struct cg_pressure p = { 0 };

	if (cg_read_pressure(dir, &p, NULL) < 0)
		return;
	jw_obj(w, "pressure");
	data_ppm(w, "cpu_some_ppm", p.cpu.some.avg10_centi);
	data_ppm(w, "io_some_ppm", p.io.some.avg10_centi);
	data_ppm(w, "io_full_ppm", p.io.full.avg10_centi);
	data_ppm(w, "memory_some_ppm", p.memory.some.avg10_centi);
	data_ppm(w, "memory_full_ppm", p.memory.full.avg10_centi);
	jw_end(w);
}

static void put_limits(struct jw *w, int dir, const struct cg_memory *m)
{
	struct cg_pids pids = { 0 };
	struct cg_cpu cpu = { 0 };
	struct cg_cpuset set = { 0 };

	jw_obj(w, "limits");
	jw_val(w, "memory_bytes", m->max_bytes);
	jw_val(w, "high_bytes", m->high_bytes);
	jw_val(w, "swap_bytes", m->swap_max_bytes);
	if (cg_read_pids(dir, &pids, NULL) == 0)
		jw_val(w, "pids", pids.max);
	if (cg_read_cpu(dir, &cpu, NULL) == 0) {
		if (cpu.max_quota_usec.kind == VAL_MAX)
			jw_null(w, "cpus");
		else if (cpu.max_quota_usec.kind == VAL_SET)
			jw_ratio(w, "cpus", cpu.max_quota_usec.n,
				 val_or(cpu.max_period_usec, 100000));
	}
	if (cg_read_cpuset(dir, &set, NULL) == 0)
		jw_str(w, "cpuset", set.cpus_effective);
	cg_cpuset_done(&set);
	jw_end(w);
}

int incgather_run(int out, void *arg)
{
	const struct incgather *g = arg;
	_cleanup_close_ int dir = -1;
	struct cg_memory m = { 0 };
	_cleanup_free_ char *text = NULL;
	struct data d;
	int r = cg_open(g->rootfd, g->vmid, &dir, NULL);

	if (r < 0 || !data_open(&d))
		return r < 0 ? r : -ENOENT;
	if (cg_read_memory(dir, true, &m, NULL) == 0 && g->memory)
		data_memory(d.w, &m);
	put_limits(d.w, dir, &m);
	put_pressure(d.w, dir);
	put_units(d.w, dir);
	put_processes(d.w, g->rootfd, dir, g->vmid, g->init);
	data_close(&d, &text);
	return text ? fs_write_all(out, text, strlen(text)) : 0;
}
