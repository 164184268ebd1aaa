/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "read/cgtree.h"

/*
 * OOM kills: the counter of memory.events is exact, the kernel's message says who. An
 * event waits a moment for the message; a flood becomes an event each few seconds that
 * says how many.
 */
#define WAIT_USEC      (2 * USEC_PER_SEC)
#define AFTER_END_USEC USEC_PER_SEC
#define EVERY_USEC     (5 * USEC_PER_SEC)

void oom_kills_seen(struct collector *c, struct cgct *t, uint64_t kills,
		    const struct cg_memory *m)
{
	const struct lc_ct *life = lc_find(&c->lc, t->vmid);
	uint64_t now = clock_boot_usec();

	kernsrc_hurry(c);
	if (!t->oom_pending) {
		t->oom_memory = xreallocarray(t->oom_memory, 1, sizeof(*m));
		*t->oom_memory = *m;
		t->oom_when = collector_now();
		t->oom_inferred = t->oom_unseen;
		t->oom_life = life ? life->life : 0;
		t->oom_due_boot_usec = now + (kernsrc_is_there(c) ? WAIT_USEC : 0);
		if (t->oom_due_boot_usec < t->oom_told_boot_usec + EVERY_USEC)
			t->oom_due_boot_usec = t->oom_told_boot_usec + EVERY_USEC;
	}
	t->oom_pending += kills;
	t->oom_total = t->oom_kills.n;
}

static void victim_done(struct oom_victim *v)
{
	free(v->name);
	free(v->cgroup);
	free(v->limit);
	*v = (struct oom_victim){ 0 };
}

static struct oom_victim *victim_of(struct cgct *t, pid_t pid)
{
	for (size_t i = 0; i < t->n_victims; i++)
		if (t->victims[i].pid == pid)
			return &t->victims[i];
	if (!t->victims)
		t->victims = xcalloc(OOM_VICTIMS, sizeof(*t->victims));
	if (t->n_victims == OOM_VICTIMS) {
		victim_done(&t->victims[0]);
		memmove(t->victims, t->victims + 1,
			(OOM_VICTIMS - 1) * sizeof(*t->victims));
		t->n_victims--;
	}
	t->victims[t->n_victims] = (struct oom_victim){ .pid = pid };
	return &t->victims[t->n_victims++];
}

/* A cgroup of the guest's own may have a limit, and reach it, long before the container.
 */
static void take_limit(struct cgct *t, struct oom_victim *v, struct span cgroup)
{
	struct span rest = cgroup;
	char path[600], text[32];
	size_t n;

	free(v->limit);
	v->limit = NULL;
	v->limit_bytes = (struct val){ 0 };
	snprintf(path, sizeof(path), "/lxc/%u/ns/", t->vmid);
	if (!span_skip(&rest, path) || !rest.n)
		return;
	v->limit = span_dup(rest);
	if (rest.n > 512 || t->dir < 0)
		return;
	snprintf(path, sizeof(path), "ns/%s/memory.max", v->limit);
	if (fs_read_small(t->dir, path, text, sizeof(text), &n, NULL) == 0)
		(void)num_parse_val(span_trim(span_of(text, n)), &v->limit_bytes);
}

static void took_oom(struct collector *c, struct cgct *t, const struct kernmsg *m)
{
	struct oom_victim *v = victim_of(t, m->pid);

	v->memcg = m->memcg;
	v->uid = m->uid;
	free(v->name);
	free(v->cgroup);
	v->name = span_dup(m->name);
	v->cgroup = span_dup(m->task_cgroup);
	take_limit(t, v, m->oom_cgroup);
	t->oom_victim = m->pid;
	c->oom_vmid = m->vmid;
	c->oom_pid = m->pid;
}

/* The container whose init has, or last had, this pid. */
static struct cgct *by_init(struct collector *c, pid_t pid)
{
	struct cgct *t;

	for (size_t i = 0; (t = cgsrc_at(c, i)); i++)
		if (pid && (t->init ? t->init : t->last_init) == pid)
			return t;
	return NULL;
}

static void took_killed(struct cgct *t, const struct kernmsg *m)
{
	struct oom_victim *v = victim_of(t, m->pid);

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

/*
 * Of each kill there are two lines, the first says whose it is. With memory.oom.group all
 * others die with the victim and have the second only: of init that is enough to know.
 */
void oom_message(struct collector *c, const struct kernmsg *m)
{
	struct cgct *t = NULL;
	bool init;

	if (m->kind == KERNMSG_OOM) {
		t = m->vmid ? cgsrc_find(c, m->vmid) : NULL;
		if (t)
			took_oom(c, t, m);
	} else if (m->kind == KERNMSG_KILLED && c->oom_pid == m->pid) {
		t = cgsrc_find(c, c->oom_vmid);
		if (t)
			took_killed(t, m);
	}
	t = t ? t : by_init(c, m->pid);
	init = t && (t->init ? t->init : t->last_init) == m->pid;
	if (!init)
		return;
	t->oom_victim = m->pid;
	lc_oom_init(&c->lc, t->vmid, m->pid, collector_now());
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

static const struct oom_victim *last_victim(const struct cgct *t)
{
	return t->n_victims ? &t->victims[t->n_victims - 1] : NULL;
}

static void put_limit(struct jw *w, const struct cgct *t)
{
	const struct oom_victim *v = last_victim(t);

	if (!v || !v->limit) {
		jw_val(w, "limit_bytes", t->oom_memory->max_bytes);
		return;
	}
	jw_text(w, "limit_cgroup", tbytes_str(v->limit));
	jw_val(w, "limit_bytes", v->limit_bytes);
}

/* What it ran out of. */
static void sign(struct collector *c, struct cgct *t, const struct event *e)
{
	const struct oom_victim *v = last_victim(t);

	incsrc_sign(c, t->vmid, INCIDENT_OOM_KILL, e, "%ju process%s killed: %s%s%s",
		    (uintmax_t)t->oom_pending, t->oom_pending == 1 ? " was" : "es were",
		    !v || v->memcg ? "out of memory at " : "the node was out of memory",
		    v && !v->memcg  ? ""
		    : v && v->limit ? "a limit inside it, of "
				    : "its limit",
		    v && v->memcg && v->limit ? v->limit : "");
}

static void forget_victims(struct cgct *t)
{
	for (size_t i = 0; i < t->n_victims; i++)
		victim_done(&t->victims[i]);
	t->n_victims = 0;
	free(t->victims);
	free(t->oom_memory);
	t->victims = NULL;
	t->oom_memory = NULL;
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
	e->life = t->oom_life; /* another one may run by now */
	e->inferred = t->oom_inferred;
	collector_id(c, e, "oom", t->oom_total);
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
		jw_int(d.w, "total", t->oom_total);
		if (t->n_victims)
			jw_str(d.w, "constraint",
			       t->victims[t->n_victims - 1].memcg ? "memcg" : "node");
		if (t->n_victims && t->victims[t->n_victims - 1].cgroup)
			jw_text(d.w, "cgroup",
				tbytes_str(t->victims[t->n_victims - 1].cgroup));
		put_limit(d.w, t);
		data_memory(d.w, t->oom_memory);
		data_close(&d, &e->data);
	}
	sign(c, t, e);
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

void oom_ended(struct cgct *t)
{
	if (t->oom_pending)
		t->oom_due_boot_usec =
			MIN(t->oom_due_boot_usec, clock_boot_usec() + AFTER_END_USEC);
}

void oom_forget(struct cgct *t)
{
	forget_victims(t);
}
