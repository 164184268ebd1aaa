/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "read/cgroup.h"

/* What the files of a container's cgroup tell: kills, limits, frozen or not. */

#define QUIET_USEC (60 * USEC_PER_SEC) /* then it begins anew */
#define ABSENT_USEC                                                                      \
	(60 * USEC_PER_SEC) /* a controller that is not on is asked for again */

/* What a counter grew by since it was last read, and its new value. */
static uint64_t grown(struct val *have, struct val now, bool first)
{
	uint64_t by = 0;

	if (now.kind != VAL_SET)
		return 0;
	if (have->kind == VAL_SET)
		by = num_sub(now.n, have->n);
	else if (!first)
		by = now.n;
	*have = now;
	return by;
}

struct limit_hit {
	enum event_type type;
	uint64_t times, total; /* times 0: not known */
	struct val current, limit;
	bool inside; /* the limit is one of the guest's own cgroups' */
	bool over;   /* only what was counted before is told */
};

static void limit_event(struct collector *c, struct cgct *t, const struct limit_hit *h)
{
	bool pids = h->type == EVENT_PIDS_LIMIT;
	struct lc_time now = collector_now();
	struct event *e = collector_event(c, h->type, ORIGIN_CGROUP, t->vmid, now);
	struct data d;

	collector_id(c, e, event_type_name(h->type), h->total);
	if (!data_open(&d))
		return;
	jw_val(d.w, pids ? "current" : "current_bytes", h->current);
	jw_val(d.w, pids ? "limit" : "limit_bytes", h->limit);
	if (h->inside)
		jw_bool(d.w, "inside", true);
	if (h->times)
		jw_int(d.w, "times", h->times);
	data_close(&d, &e->data);
	if (h->inside || h->over)
		return;
	if (pids)
		incsrc_sign(c, t->vmid, INCIDENT_PIDS_LIMIT, e,
			    "at its limit of %ju processes: forks are refused",
			    (uintmax_t)val_or(h->limit, 0));
	else
		incsrc_sign(c, t->vmid, INCIDENT_MEMORY_LIMIT, e,
			    "at its memory limit, reclaiming again and again");
}

/*
 * A guest sits at its limit for hours: an event in ten seconds at most, and ever more
 * seldom while it goes on, up to one in ten minutes. What comes meanwhile is counted in
 * the next one.
 */
static uint64_t wait_of(const struct cgct *t, enum limit_kind kind, uint64_t now)
{
	unsigned n = t->times_told[kind];

	if (now > t->hit[kind] + QUIET_USEC) /* it is over: what was counted is told */
		return RECONCILE_USEC;

	/* three signs in a row are an incident (rule/incident.c) */
	return n <= 3 ? RECONCILE_USEC : RECONCILE_USEC << MIN(n - 3, 6U);
}

static bool due(struct cgct *t, enum limit_kind kind, uint64_t now, uint64_t grew,
		uint64_t *ret_times)
{
	if (grew && now > t->hit[kind] + QUIET_USEC)
		t->times_told[kind] = 0;
	if (grew)
		t->hit[kind] = now;
	t->pending[kind] += grew;
	if (!t->pending[kind] ||
	    (t->told[kind] && now < t->told[kind] + wait_of(t, kind, now)))
		return false;
	t->times_told[kind]++;
	t->told[kind] = now;
	*ret_times = t->pending[kind];
	t->pending[kind] = 0;
	return true;
}

/*
 * memory.events alone: it is read often, and all the rest only when something happened.
 * Where the controller is not on, it is asked for again after a minute: *not_before.
 */
static int read_events(const struct cgct *t, const char *file, uint64_t now,
		       uint64_t *not_before, char *buf, size_t cap, size_t *ret_n)
{
	int r;

	if (t->dir < 0 || now < *not_before)
		return -ENOENT;
	r = fs_read_once(t->dir, file, buf, cap, ret_n, NULL);
	*not_before = r == -ENOENT ? now + ABSENT_USEC : 0;
	return r;
}

/*
 * How often it was at memory.max, or at memory.high: PVE sets that one just below, and it
 * is where a container that reads more than fits spends its time.
 */
static struct val hits_of(const struct cg_memory *m)
{
	if (m->events_max.kind != VAL_SET)
		return m->events_max;
	return val_set(m->events_max.n + val_or(m->events_high, 0));
}

/*
 * memory.events counts what happens below, too; the local one only this cgroup's limit,
 * whoever reached it.
 */
static bool is_own_limit(struct cgct *t)
{
	struct cg_memory m = { 0 };
	char buf[512];
	size_t n;

	if (t->dir < 0 ||
	    fs_read_once(t->dir, "memory.events.local", buf, sizeof(buf), &n, NULL) < 0 ||
	    cg_parse_memory_events(span_of(buf, n), &m) < 0 ||
	    m.events_max.kind != VAL_SET)
		return true;
	return grown(&t->own_max_events, hits_of(&m), false) > 0;
}

void cgct_look_memory(struct collector *c, struct cgct *t, bool first)
{
	uint64_t now = clock_boot_usec(), kills, hits, times = 0;
	struct cg_memory m = { 0 };
	char buf[512];
	size_t n;
	bool tell;

	if (read_events(t, "memory.events", now, &t->memory_boot_usec, buf, sizeof(buf),
			&n) < 0 ||
	    cg_parse_memory_events(span_of(buf, n), &m) < 0)
		return;
	hits = grown(&t->max_events, hits_of(&m), first);
	kills = grown(&t->oom_kills, m.events_oom_kill, first);
	tell = due(t, LIMIT_MEMORY, now, hits, &times);
	if (hits && !tell)
		incsrc_more(c, t->vmid, INCIDENT_MEMORY_LIMIT);
	if (kills || tell)
		(void)cg_read_memory(t->dir, true, &m, NULL);
	if (kills) {
		bool near = now < t->oom_boot_usec + OOM_NEAR_USEC;

		t->oom_near = (near ? t->oom_near : 0) + kills;
		t->oom_boot_usec = now;
		oom_kills_seen(c, t, kills, &m);
	}
	if (tell)
		limit_event(c, t,
			    &(struct limit_hit){ .type = EVENT_MEMORY_LIMIT,
						 .times = times,
						 .total = t->max_events.n,
						 .current = m.current_bytes,
						 .limit = m.max_bytes,
						 .inside = !is_own_limit(t),
						 .over = !hits });
}

/* Since Linux 6.12 its counter has what is refused at limits below it, too. */
static bool is_near(const struct cg_pids *p)
{
	return p->max.kind == VAL_SET && val_or(p->current, 0) >= p->max.n - p->max.n / 4;
}

/*
 * Before Linux 6.12 a refused fork is counted in the cgroup of the process that tried, one
 * of the guest's, and never here: then being full is what can be seen.
 */
static bool is_full(struct cgct *t, struct cg_pids *p)
{
	struct fs_stat st;

	return cg_read_pids(t->dir, p, NULL) == 0 && p->max.kind == VAL_SET &&
	       val_or(p->current, 0) >= p->max.n &&
	       fs_stat(t->dir, "pids.events.local", false, &st, NULL) < 0;
}

void cgct_look_pids(struct collector *c, struct cgct *t, bool first)
{
	struct span line, key;
	struct val max = { 0 };
	struct cg_pids p = { 0 };
	uint64_t hits, times = 0, now = clock_boot_usec();
	char buf[128];
	size_t n;

	if (read_events(t, "pids.events", now, &t->pids_boot_usec, buf, sizeof(buf), &n) <
	    0)
		return;
	for (struct span text = span_of(buf, n); span_line(&text, &line);)
		if (span_field(&line, &key) && span_eq(key, "max") &&
		    num_parse_val(span_trim(line), &max) < 0)
			return;
	hits = grown(&t->pids_events, max, first);
	if (!hits && t->init && is_full(t, &p)) {
		if (due(t, LIMIT_PIDS, now, 1, &times))
			limit_event(c, t,
				    &(struct limit_hit){ .type = EVENT_PIDS_LIMIT,
							 .total = now,
							 .current = p.current,
							 .limit = p.max });
		else
			incsrc_more(c, t->vmid, INCIDENT_PIDS_LIMIT);
		return;
	}
	if (!due(t, LIMIT_PIDS, now, hits, &times)) {
		if (hits)
			incsrc_more(c, t->vmid, INCIDENT_PIDS_LIMIT);
		return;
	}
	if (cg_read_pids(t->dir, &p, NULL) == 0)
		limit_event(c, t,
			    &(struct limit_hit){ .type = EVENT_PIDS_LIMIT,
						 .times = times,
						 .total = p.events_max.n,
						 .current = p.current,
						 .limit = p.max,
						 .inside = !is_near(&p),
						 .over = !hits });
}

void cgct_let_go(struct cgct *t)
{
	if (t->events >= 0)
		close(t->events);
	t->events = -1;
}

/* It is asked of all every ten seconds: held open, as soon as LXC has made it. */
static int read_frozen(struct cgct *t, struct cg_events *ret)
{
	char buf[256];
	size_t n;

	if (t->events < 0)
		(void)fs_open(t->dir, "ns/cgroup.events", O_RDONLY | O_NOFOLLOW,
			      &t->events, NULL);
	if (t->events >= 0 && fs_pread_small(t->events, buf, sizeof(buf), &n) == 0 &&
	    cg_parse_events(span_of(buf, n), ret) == 0)
		return 0;
	cgct_let_go(t);
	*ret = (struct cg_events){ 0 };
	return cg_read_events(t->dir, ret, NULL);
}

void cgct_look_frozen(struct collector *c, struct cgct *t)
{
	const struct lc_ct *life = lc_find(&c->lc, t->vmid);
	struct lc_time now = collector_now();
	struct cg_events ev = { 0 };
	struct event *e;
	struct data d;
	bool frozen, before;

	/* not before its start is told: then it is looked at again */
	if (!life || !life->started || t->dir < 0 || !t->init ||
	    read_frozen(t, &ev) < 0 || ev.frozen.kind != VAL_SET)
		return;
	frozen = ev.frozen.n != 0;
	before = !t->frozen_seen && life->up.boot_usec < c->started_boot_usec;
	if (!t->frozen_seen || frozen != t->frozen)
		recorder_frozen(c, t->vmid, frozen);
	t->frozen_seen = true;
	if (frozen == t->frozen)
		return;
	if (!frozen) /* between two looks it may have become too long */
		incsrc_look_frozen(c, t, now.boot_usec);
	t->frozen = frozen;
	e = collector_event(c, frozen ? EVENT_FROZEN : EVENT_THAWED, ORIGIN_CGROUP,
			    t->vmid, now);
	e->inferred = before; /* it came while no collector ran */
	collector_id(c, e, frozen ? "frozen" : "thawed", now.boot_usec);
	if (data_open(&d)) {
		static const char *const types[] = { "vzdump", "vzsnapshot",
						     "vzsuspend" };
		struct stop_task task =
			tasksrc_at_work(c, t->vmid, types, ARRAY_SIZE(types));

		if (!frozen && t->frozen_boot_usec)
			jw_int(d.w, "duration_usec",
			       num_sub(now.boot_usec, t->frozen_boot_usec));
		jw_str(d.w, "task", task.type);
		jw_str(d.w, "user", task.user);
		jw_str(d.w, "upid", task.upid);
		data_close(&d, &e->data);
	}
	t->frozen_boot_usec = frozen ? now.boot_usec : 0;
	if (!frozen)
		incsrc_over(c, t->vmid, INCIDENT_FROZEN, e->id);
}
