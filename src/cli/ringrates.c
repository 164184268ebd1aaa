/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/ringrates.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "out/text.h"

#define MOST_USEC (4 * USEC_PER_SEC) /* older, and it is not "now" */

struct ringrates {
	struct ring *ring;
	uint64_t now_boot_usec;
	struct ring_entry *v; /* by slot */
	size_t n;
	size_t *by_vmid; /* slots in use, by vmid, the newest life first */
	size_t n_used;
};

static int read_boot_id(const struct app *app, char ret[static 40])
{
	size_t n;
	int r = fs_read_small(app->rootfd, "proc/sys/kernel/random/boot_id", ret, 39, &n,
			      NULL);

	while (r == 0 && n && ret[n - 1] == '\n')
		n--;
	ret[r == 0 ? n : 0] = '\0';
	return r;
}

static int cmp_slot(const void *a, const void *b, void *arg)
{
	const struct ring_entry *x = (const struct ring_entry *)arg + *(const size_t *)a;
	const struct ring_entry *y = (const struct ring_entry *)arg + *(const size_t *)b;

	if (x->vmid != y->vmid)
		return x->vmid > y->vmid ? 1 : -1;
	return (x->life < y->life) - (x->life > y->life);
}

static bool list_slots(struct ringrates *r, size_t n_slots)
{
	r->v = xcalloc(n_slots, sizeof(*r->v));
	if (ring_list(r->ring, r->v, n_slots, &r->n) < 0)
		return false;
	r->by_vmid = xcalloc(r->n, sizeof(*r->by_vmid));
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].vmid)
			r->by_vmid[r->n_used++] = i;
	if (r->n_used)
		qsort_r(r->by_vmid, r->n_used, sizeof(*r->by_vmid), cmp_slot, r->v);
	return true;
}

struct ringrates *ringrates_open(const struct app *app)
{
	struct ringrates *r = xcalloc(1, sizeof(*r));
	struct ring_head h;
	char boot[40];

	r->now_boot_usec = clock_boot_usec();
	if (!app->live || ring_open(app->rootfd, RINGRATES_RING, &r->ring, NULL) < 0 ||
	    ring_head(r->ring, &h) < 0 || read_boot_id(app, boot) < 0 ||
	    !ring_is_live(&h, boot, r->now_boot_usec) || !list_slots(r, h.n_slots)) {
		ringrates_close(r);
		return NULL;
	}
	return r;
}

void ringrates_warn_silent(const struct app *app)
{
	static const char look[] = "what happens now is not recorded, see systemctl "
				   "status ctscoped";
	_cleanup_(buf_done) struct buf since = { 0 };
	uint64_t now = clock_boot_usec(), ago;
	struct ring *ring = NULL;
	struct ring_head h = { 0 };
	char boot[40];
	int r;

	if (!app->live || read_boot_id(app, boot) < 0)
		return;
	r = ring_open(app->rootfd, RINGRATES_RING, &ring, NULL);
	if (r == -EACCES || r == -EPERM) /* that says nothing of the collector */
		return;
	if (r == 0 && (ring_head(ring, &h) < 0 || !str_eq(h.boot, boot)))
		h.beat_boot_usec = 0;
	ring_close(ring);
	if (h.beat_boot_usec && ring_is_live(&h, boot, now))
		return;
	if (!h.beat_boot_usec || h.beat_boot_usec > now) {
		app_warn(app, "the collector (ctscoped) does not run: %s", look);
		return;
	}
	ago = now - h.beat_boot_usec;
	text_stamp(&since, clock_real_usec() - ago);
	buf_adds(&since, ", for ");
	text_duration(&since, ago / USEC_PER_SEC);
	app_warn(app, "the collector (ctscoped) has been silent since %s: %s",
		 buf_str(&since), look);
}

void ringrates_close(struct ringrates *r)
{
	if (!r)
		return;
	ring_close(r->ring);
	free(r->v);
	free(r->by_vmid);
	free(r);
}

/* The slot of its newest life. */
static bool find(const struct ringrates *r, uint32_t vmid, size_t *ret)
{
	size_t lo = 0, hi = r->n_used;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (r->v[r->by_vmid[mid]].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == r->n_used || r->v[r->by_vmid[lo]].vmid != vmid)
		return false;
	*ret = r->by_vmid[lo];
	return true;
}

/* Its last `max` samples, of the run that is going on: not from before its init began. */
static int read_run(const struct ringrates *r, const struct facts *f, const struct ct *ct,
		    size_t max, struct ring_copy *ret)
{
	uint64_t ticks = f && f->host.ticks_per_sec ? f->host.ticks_per_sec : 100;
	uint64_t began = num_muldiv(ct->init_start_ticks, USEC_PER_SEC, ticks);
	size_t slot, old = 0;
	int e;

	if (!ct->init_pid || !find(r, ct->vmid, &slot))
		return -ENOENT;
	e = ring_read(r->ring, slot, max, ret);
	if (e < 0 || ret->vmid != ct->vmid)
		return -ENOENT;
	while (old < ret->n && ret->v[old].boot_usec < began)
		old++;
	memmove(ret->v, ret->v + old, (ret->n - old) * sizeof(*ret->v));
	ret->n -= old;
	return 0;
}

static void apply_one(const struct ringrates *r, struct facts *f, struct ct *ct,
		      struct ring_copy *c)
{
	const struct sample *a = &c->v[0], *b = &c->v[1];
	uint64_t cpus = ct_cpus_centi(ct, f->host.cpus), usec;
	const unsigned cpu = METRIC_CPU_USAGE_USEC;

	if (read_run(r, f, ct, 2, c) < 0 || c->n < 2 || !cpus ||
	    !(a->have & b->have & UINT64_C(1) << cpu) || b->v[cpu] < a->v[cpu] ||
	    b->boot_usec + MOST_USEC < r->now_boot_usec)
		return;
	usec = b->boot_usec - a->boot_usec;
	/* a gap in the record is no second */
	if (usec > MOST_USEC)
		return;
	ct->cpu_interval_usec = usec;
	ct->cpu_used_usec = val_set(b->v[cpu] - a->v[cpu]);
	ct->cpu_ppm = val_set(num_muldiv(ct->cpu_used_usec.n, 100000000, usec * cpus));
	f->interval_usec = MAX(f->interval_usec, usec);
}

void ringrates_apply(const struct ringrates *r, struct facts *f)
{
	_cleanup_free_ struct ring_copy *c = xmalloc(sizeof(*c));

	for (size_t i = 0; i < f->n_cts; i++)
		if (f->cts[i].here)
			apply_one(r, f, &f->cts[i], c);
}

int ringrates_before(const struct ringrates *r, const struct ct *ct, uint64_t least_usec,
		     struct sample *ret)
{
	_cleanup_free_ struct ring_copy *c = xmalloc(sizeof(*c));

	if (read_run(r, NULL, ct, 8, c) < 0)
		return -ENOENT;
	for (size_t i = c->n; i-- > 0;) {
		uint64_t age = num_sub(r->now_boot_usec, c->v[i].boot_usec);

		if (age < least_usec)
			continue;
		if (age > MOST_USEC)
			break;
		*ret = c->v[i];
		return 0;
	}
	return -ENOENT;
}
