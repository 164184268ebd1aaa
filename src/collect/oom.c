/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/clock.h"
#include "collect/cgsrc.h"
#include "read/cgtree.h"

/*
 * OOM kills: the counter of memory.events is exact, the kernel's message says who. An
 * event waits a moment for the message; a flood becomes an event each few seconds that
 * says how many.
 */
#define WAIT_USEC  (300 * USEC_PER_MSEC)
#define EVERY_USEC (5 * USEC_PER_SEC)

void oom_kills_seen(struct collector *c, struct cgct *t, uint64_t kills,
		    const struct cg_memory *m)
{
	uint64_t now = clock_boot_usec();

	if (!t->oom_pending) {
		t->oom_memory = *m;
		t->oom_when = collector_now();
		t->oom_due_boot_usec = now + (kernsrc_is_there(c) ? WAIT_USEC : 0);
		if (t->oom_due_boot_usec < t->oom_told_boot_usec + EVERY_USEC)
			t->oom_due_boot_usec = t->oom_told_boot_usec + EVERY_USEC;
	}
	t->oom_pending += kills;
}

static struct oom_victim *victim_of(struct cgct *t, pid_t pid)
{
	for (size_t i = 0; i < t->n_victims; i++)
		if (t->victims[i].pid == pid)
			return &t->victims[i];
	if (t->n_victims == OOM_VICTIMS) {
		free(t->victims[0].name);
		free(t->victims[0].cgroup);
		memmove(t->victims, t->victims + 1,
			(OOM_VICTIMS - 1) * sizeof(*t->victims));
		t->n_victims--;
	}
	t->victims[t->n_victims] = (struct oom_victim){ .pid = pid };
	return &t->victims[t->n_victims++];
}

void oom_message(struct collector *c, const struct kernmsg *m)
{
	struct cgct *t = NULL;
	struct oom_victim *v;

	if (m->kind == KERNMSG_OOM) {
		t = m->vmid ? cgsrc_find(c, m->vmid) : NULL;
		if (!t)
			return;
		v = victim_of(t, m->pid);
		v->memcg = m->memcg;
		v->uid = m->uid;
		free(v->name);
		free(v->cgroup);
		v->name = span_dup(m->name);
		v->cgroup = span_dup(m->task_cgroup);
		t->oom_victim = m->pid;
		c->oom_vmid = m->vmid;
		c->oom_pid = m->pid;
		if (t->init == m->pid || t->last_init == m->pid) {
			lc_oom_init(&c->lc, t->vmid, m->pid, collector_now());
		}
	} else if (m->kind == KERNMSG_KILLED && c->oom_pid == m->pid) {
		t = cgsrc_find(c, c->oom_vmid);
		if (!t)
			return;
		v = victim_of(t, m->pid);
		v->anon = m->anon_bytes;
		v->file = m->file_bytes;
		v->shmem = m->shmem_bytes;
		v->total_vm = m->total_vm_bytes;
		v->score = m->oom_score_adj;
		v->has_score = m->has_score;
		/* all that will come is there */
		if (t->oom_pending && t->oom_pending <= t->n_victims &&
		    clock_boot_usec() >= t->oom_told_boot_usec + EVERY_USEC)
			t->oom_due_boot_usec = clock_boot_usec();
	}
}

static void put_victim(struct jw *w, const char *key, const struct oom_victim *v)
{
	struct span cg = span_str(v->cgroup ? v->cgroup : "");
	struct cgwhere where = { 0 };
	const char *ns = span_find(cg, "/ns/");

	jw_obj(w, key);
	jw_int(w, "pid", (uint64_t)v->pid);
	if (v->name)
		jw_text(w, "name", tbytes_str(v->name));
	if (ns)
		cgtree_where(span_of(ns + 4, cg.n - (size_t)(ns + 4 - cg.p)), &where);
	if (where.unit.n)
		jw_text(w, "unit", span_tbytes(where.unit));
	jw_val(w, "uid", v->uid);
	jw_val(w, "anon_bytes", v->anon);
	jw_val(w, "file_bytes", v->file);
	jw_val(w, "shmem_bytes", v->shmem);
	if (v->anon.kind == VAL_SET)
		jw_int(w, "rss_bytes",
		       v->anon.n + val_or(v->file, 0) + val_or(v->shmem, 0));
	jw_val(w, "total_vm_bytes", v->total_vm);
	if (v->has_score)
		jw_sint(w, "oom_score_adj", v->score);
	jw_end(w);
}

void data_memory(struct jw *w, const struct cg_memory *m)
{
	const struct {
		const char *key;
		struct val v;
	} rows[] = {
		{ "current_bytes", m->current_bytes },
		{ "peak_bytes", m->peak_bytes },
		{ "anon_bytes", m->anon_bytes },
		{ "file_bytes", m->file_bytes },
		{ "shmem_bytes", m->shmem_bytes },
		{ "kernel_bytes", m->kernel_bytes },
		{ "slab_bytes", m->slab_bytes },
		{ "sock_bytes", m->sock_bytes },
		{ "swap_bytes", m->swap_current_bytes },
	};

	jw_obj(w, "memory");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		jw_val(w, rows[i].key, rows[i].v);
	jw_end(w);
}

static void forget_victims(struct cgct *t)
{
	for (size_t i = 0; i < t->n_victims; i++) {
		free(t->victims[i].name);
		free(t->victims[i].cgroup);
	}
	t->n_victims = 0;
}

void oom_tell(struct collector *c, struct cgct *t)
{
	struct event *e;
	struct data d;

	if (!t->oom_pending)
		return;
	e = collector_event(c, EVENT_OOM_KILL,
			    t->n_victims ? ORIGIN_KERNEL : ORIGIN_CGROUP, t->vmid,
			    t->oom_when);
	collector_id(c, e, "oom", t->oom_kills.n);
	if (data_open(&d)) {
		if (t->n_victims)
			put_victim(d.w, "victim", &t->victims[t->n_victims - 1]);
		if (t->n_victims > 1) {
			jw_arr(d.w, "victims");
			for (size_t i = 0; i < t->n_victims; i++)
				put_victim(d.w, NULL, &t->victims[i]);
			jw_end(d.w);
		}
		jw_int(d.w, "kills", t->oom_pending);
		jw_int(d.w, "total", t->oom_kills.n);
		if (t->n_victims)
			jw_str(d.w, "constraint",
			       t->victims[t->n_victims - 1].memcg ? "memcg" : "node");
		if (t->n_victims && t->victims[t->n_victims - 1].cgroup)
			jw_text(d.w, "cgroup",
				tbytes_str(t->victims[t->n_victims - 1].cgroup));
		jw_val(d.w, "limit_bytes", t->oom_memory.max_bytes);
		data_memory(d.w, &t->oom_memory);
		data_close(&d, &e->data);
	}
	incsrc_sign(c, t->vmid, INCIDENT_OOM_KILL, e, "%ju process%s killed: %s",
		    (uintmax_t)t->oom_pending, t->oom_pending == 1 ? " was" : "es were",
		    !t->n_victims || t->victims[t->n_victims - 1].memcg
			    ? "out of memory at its limit"
			    : "the node was out of memory");
	t->oom_pending = 0;
	t->oom_due_boot_usec = 0;
	t->oom_told_boot_usec = clock_boot_usec();
	forget_victims(t);
}

uint64_t oom_due(struct collector *c, struct cgct *t, uint64_t now_boot_usec)
{
	if (t->oom_pending && t->oom_due_boot_usec <= now_boot_usec)
		oom_tell(c, t);
	return t->oom_pending ? t->oom_due_boot_usec : 0;
}

void oom_forget(struct cgct *t)
{
	forget_victims(t);
}
