/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/toptrack.h"

#include "base/num.h"
#include "base/str.h"

void tracks_done(struct tracks *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].v);
	free(t->v);
	*t = (struct tracks){ 0 };
}

/* The first one that is not before that number. */
static size_t place(const struct tracks *t, uint32_t vmid)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->v[mid].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct track *tracks_find(const struct tracks *t, uint32_t vmid)
{
	size_t at = place(t, vmid);

	return at < t->n && t->v[at].vmid == vmid ? &t->v[at] : NULL;
}

struct track *tracks_get(struct tracks *t, uint32_t vmid, uint64_t life)
{
	size_t at = place(t, vmid);

	if (at == t->n || t->v[at].vmid != vmid) {
		GROW(t->v, t->n, t->cap);
		memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof(*t->v));
		t->v[at] = (struct track){ .vmid = vmid, .life = life };
		t->n++;
	}
	if (t->v[at].life != life) {
		t->v[at].life = life;
		t->v[at].n = t->v[at].count = 0;
	}
	return &t->v[at];
}

void track_add(struct track *t, const struct sample *s, size_t max)
{
	if (t->n && s->boot_usec <= t->v[t->n - 1].boot_usec)
		return;
	if (t->n >= max) {
		memmove(t->v, t->v + 1, (t->n - 1) * sizeof(*t->v));
		t->n--;
	}
	GROW(t->v, t->n, t->cap);
	t->v[t->n++] = *s;
}

uint64_t tracks_oldest_real_usec(const struct tracks *t)
{
	uint64_t oldest = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].n && (!oldest || t->v[i].v[0].real_usec < oldest))
			oldest = t->v[i].v[0].real_usec;
	return oldest;
}

size_t track_until(const struct track *t, uint64_t real_usec)
{
	size_t n = t->n;

	while (n && t->v[n - 1].real_usec > real_usec)
		n--;
	return n;
}

/* ---- the ring ---- */

static void read_slot(struct tracks *t, const struct ring *ring, size_t slot,
		      const struct ring_entry *e, struct ring_copy *copy)
{
	struct track *tr = tracks_find(t, e->vmid);
	uint64_t fresh = e->count;

	/* slots of earlier lives come in any order: the newest one counts */
	if (tr && e->life < tr->life)
		return;
	if (tr && e->life == tr->life)
		fresh = num_sub(e->count, tr->count);
	if (!fresh ||
	    ring_read(ring, slot, fresh < RING_TICKS ? (size_t)fresh : 0, copy) < 0 ||
	    copy->vmid != e->vmid || copy->life != e->life)
		return;
	tr = tracks_get(t, e->vmid, e->life);
	tr->count = e->count;
	for (size_t i = 0; i < copy->n; i++)
		track_add(tr, &copy->v[i], RING_TICKS);
}

int tracks_read_ring(struct tracks *t, const struct ring *ring, struct err *err)
{
	_cleanup_free_ struct ring_entry *v = xcalloc(RING_MAX_SLOTS, sizeof(*v));
	_cleanup_free_ struct ring_copy *copy = xcalloc(1, sizeof(*copy));
	size_t n;
	int r = ring_list(ring, v, RING_MAX_SLOTS, &n);

	if (r < 0)
		return err_set(err, r, "read the ring of the collector: %s",
			       strerror(-r));
	for (size_t i = 0; i < MIN(n, (size_t)RING_MAX_SLOTS); i++)
		if (v[i].vmid)
			read_slot(t, ring, i, &v[i], copy);
	return 0;
}

/* ---- our own ---- */

static void put(struct sample *s, enum metric m, struct val v)
{
	if (v.kind != VAL_SET)
		return;
	s->v[m] = v.n;
	s->have |= (uint64_t)1 << m;
}

void track_sample(const struct ct *ct, uint64_t boot_usec, uint64_t real_usec,
		  struct sample *ret)
{
	const struct {
		enum metric m;
		struct val v;
	} all[] = {
		{ METRIC_CPU_USAGE_USEC, ct->cpu.usage_usec },
		{ METRIC_CPU_USER_USEC, ct->cpu.user_usec },
		{ METRIC_CPU_SYSTEM_USEC, ct->cpu.system_usec },
		{ METRIC_CPU_NR_PERIODS, ct->cpu.nr_periods },
		{ METRIC_CPU_NR_THROTTLED, ct->cpu.nr_throttled },
		{ METRIC_CPU_THROTTLED_USEC, ct->cpu.throttled_usec },
		{ METRIC_PSI_CPU_SOME_USEC, ct->pressure.cpu.some.total_usec },
		{ METRIC_PSI_IO_SOME_USEC, ct->pressure.io.some.total_usec },
		{ METRIC_PSI_MEMORY_SOME_USEC, ct->pressure.memory.some.total_usec },
		{ METRIC_MEMORY_CURRENT_BYTES, ct->memory.current_bytes },
		{ METRIC_MEMORY_FILE_BYTES, ct->memory.file_bytes },
		{ METRIC_SWAP_CURRENT_BYTES, ct->memory.swap_current_bytes },
		{ METRIC_MEMORY_EVENTS_HIGH, ct->memory.events_high },
		{ METRIC_MEMORY_EVENTS_MAX, ct->memory.events_max },
		{ METRIC_MEMORY_EVENTS_OOM_KILL, ct->memory.events_oom_kill },
		{ METRIC_IO_READ_BYTES, ct_diskread_bytes(ct) },
		{ METRIC_IO_WRITE_BYTES, ct_diskwrite_bytes(ct) },
		{ METRIC_NET_IN_BYTES, ct->netin_bytes },
		{ METRIC_NET_OUT_BYTES, ct->netout_bytes },
		{ METRIC_PIDS_CURRENT, ct->pids.current },
	};
	struct sample s = { .boot_usec = boot_usec, .real_usec = real_usec };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		put(&s, all[i].m, all[i].v);
	*ret = s;
}
