/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/topdata.h"

#include <facts.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "cli/ctview.h"
#include "cli/topincident.h"
#include "cli/toppast.h"
#include "cli/toptrack.h"
#include "cli/topunits.h"
#include "read/conffile.h"
#include "read/facts.h"
#include "read/hostuse.h"
#include "rule/toprow.h"
#include "rule/usage.h"
#include "store/ring.h"

#define CONFIG_USEC      (10 * USEC_PER_SEC)
#define CONFIG_HUNG_USEC (60 * USEC_PER_SEC) /* while /etc/pve does not answer */

/* What a config and the kernel's limits say of a container; it changes rarely. */
struct known {
	uint32_t vmid;
	char *name;
	struct toplimits lim;
	bool template, error;
};

struct topdata {
	const struct app *app;
	struct settings settings;

	struct known *known; /* by vmid */
	size_t n_known;
	char *node;
	char *note; /* what is wrong with /etc/pve; NULL: nothing */
	uint64_t config_due_boot_usec;

	struct facts
		facts; /* the newest: states; figures too where nothing else gives them
			*/
	struct hostuse use[2]; /* before and now */
	char boot_id[40];

	struct ring *ring;
	bool collector; /* it is written right now */
	struct tracks tracks;
	struct tracks dead;                  /* of a ring that nobody writes (any more) */
	uint64_t at_boot_usec, at_real_usec; /* of the newest samples */
	uint64_t sampled_usec;               /* between the last two of our own */

	struct toppast *past;
	struct topunits *units;
	struct topincident *incident;

	struct toprow *rows;
	char *frame_note;
};

/* ---- what is known of the containers ---- */

static void known_done(struct topdata *d)
{
	for (size_t i = 0; i < d->n_known; i++)
		free(d->known[i].name);
	free(d->known);
	d->known = NULL;
	d->n_known = 0;
}

static int cmp_known(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return (x->vmid > y->vmid) - (x->vmid < y->vmid);
}

static const struct known *find_known(const struct topdata *d, uint32_t vmid)
{
	struct known key = { .vmid = vmid };

	return d->n_known ? bsearch(&key, d->known, d->n_known, sizeof(key), cmp_known)
			  : NULL;
}

static void take_limits(const struct topdata *d, const struct ct *ct, struct toplimits *l)
{
	unsigned cpus = d->facts.host.cpus;

	*l = (struct toplimits){ .warn = &d->settings.warn, .pids_max = ct->pids.max };
	if (ct->conf) {
		l->cpus_centi = val_set(ct_cpus_centi(ct, cpus));
		l->maxmem_bytes = val_set(ct_maxmem_bytes(ct));
		l->maxswap_bytes = val_set(ct_maxswap_bytes(ct));
		return;
	}
	/* its config cannot be read: what the kernel enforces */
	l->cpus_centi = val_set(usage_cpu_limit_centi(&ct->cpu, 0, cpus));
	l->maxmem_bytes = ct->memory.max_bytes;
	l->maxswap_bytes = ct->memory.swap_max_bytes;
}

/* While /etc/pve hangs, what was known goes on being known. */
static void take_config(struct topdata *d)
{
	const struct facts *f = &d->facts;
	struct known *v = xcalloc(f->n_cts, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < f->n_cts; i++) {
		const struct ct *ct = &f->cts[i];
		const struct known *was = find_known(d, ct->vmid);

		if (!ct->here)
			continue;
		v[n] = (struct known){ .vmid = ct->vmid,
				       .template = ct_is_template(ct),
				       .error = ct->error && !f->pve_error };
		take_limits(d, ct, &v[n].lim);
		if (!ct->conf && was)
			v[n].lim = was->lim;
		if (ct->name)
			v[n].name = xstrdup(ct->name);
		else if (was && was->name)
			v[n].name = xstrdup(was->name);
		n++;
	}
	known_done(d);
	d->known = v;
	d->n_known = n;
	if (f->node) {
		free(d->node);
		d->node = xstrdup(f->node);
	}
}

static int read_facts(struct topdata *d, bool config, uint64_t now_real_usec,
		      struct err *err)
{
	bool all = !d->collector;
	struct facts_want want = {
		.no_config = !config,
		.lean = true,
		.freezer = true,
		.cpu = all || config,
		.memory = all || config,
		.memory_limits = all || config,
		.pids = all || config,
		.io = all,
		.pressure = all,
		.net = all,
	};
	struct facts f;
	int r = facts_read(d->app->rootfd, d->app->live, &want, now_real_usec, &f, err);

	if (r < 0)
		return r;
	facts_done(&d->facts);
	d->facts = f;
	return 0;
}

static void read_config(struct topdata *d, uint64_t boot_usec)
{
	const struct facts *f = &d->facts;

	free(d->note);
	d->note = f->pve_error ? xstrdup(f->pve_error) : NULL;
	if (f->n_warnings && !d->note)
		d->note = xstrdup(f->warnings[0]);
	take_config(d);
	d->config_due_boot_usec =
		boot_usec + (f->pve_error ? CONFIG_HUNG_USEC : CONFIG_USEC);
}

/* ---- samples ---- */

/* A collector that was started, ended, or made a new ring meanwhile is noticed. */
static void look_for_ring(struct topdata *d, uint64_t boot_usec)
{
	struct ring_head h;
	bool was = d->collector;

	d->collector = d->app->live && d->ring && ring_head(d->ring, &h) == 0 &&
		       ring_is_live(&h, d->boot_id, boot_usec);
	if (!d->collector) {
		ring_close(d->ring);
		d->ring = NULL;
		if (ring_open(d->app->rootfd, TOPDATA_RING, &d->ring, NULL) < 0)
			d->ring = NULL;
		d->collector = d->app->live && d->ring && ring_head(d->ring, &h) == 0 &&
			       ring_is_live(&h, d->boot_id, boot_usec);
	}
	if (was != d->collector) {
		tracks_done(&d->tracks); /* ours and the collector's do not mix */
		tracks_done(&d->dead);
	}
}

static int take_ring(struct topdata *d, struct err *err)
{
	struct ring_head h;
	int r = tracks_read_ring(&d->tracks, d->ring, err);

	if (r < 0)
		return r;
	d->at_boot_usec = d->at_real_usec = 0;
	for (size_t i = 0; i < d->tracks.n; i++) {
		const struct track *t = &d->tracks.v[i];

		if (t->n && t->v[t->n - 1].boot_usec > d->at_boot_usec) {
			d->at_boot_usec = t->v[t->n - 1].boot_usec;
			d->at_real_usec = t->v[t->n - 1].real_usec;
		}
	}
	if (!d->at_boot_usec && ring_head(d->ring, &h) == 0)
		d->at_boot_usec = h.beat_boot_usec;
	return 0;
}

static void take_own(struct topdata *d, uint64_t boot_usec, uint64_t real_usec)
{
	const struct facts *f = &d->facts;

	for (size_t i = 0; i < f->n_cts; i++) {
		const struct ct *ct = &f->cts[i];
		struct sample s;

		if (!ct->here || !ct_is_up(ct))
			continue;
		track_sample(ct, boot_usec, real_usec, &s);
		track_add(tracks_get(&d->tracks, ct->vmid, ct->init_start_ticks), &s,
			  RING_TICKS);
	}
	if (d->at_boot_usec)
		d->sampled_usec = num_sub(boot_usec, d->at_boot_usec);
	d->at_boot_usec = boot_usec;
	d->at_real_usec = real_usec;
}

/* A copy of a node has what its ring had: the past only. */
int topdata_tick(struct topdata *d, struct err *err)
{
	uint64_t boot = clock_boot_usec();
	uint64_t real = d->app->live ? clock_real_usec() : d->app->now_real_usec;
	bool config = boot >= d->config_due_boot_usec;
	int r;

	/* a copy stands still */
	if (!d->app->live && d->at_boot_usec)
		return 0;
	look_for_ring(d, boot);
	r = read_facts(d, config, real, err);
	if (r < 0)
		return r;
	if (config)
		read_config(d, boot);
	d->use[0] = d->use[1];
	(void)hostuse_read(d->app->rootfd, &d->use[1], NULL);
	if (d->collector)
		return take_ring(d, err);
	take_own(d, boot, real);
	return 0;
}

bool topdata_has_collector(const struct topdata *d)
{
	return d->collector;
}

/* ---- frames ---- */

static enum ct_state state_of(const struct topdata *d, uint32_t vmid)
{
	const struct ct *ct = facts_find(&d->facts, vmid);

	return ct ? ct->state : CT_STOPPED;
}

static void fill_row(const struct topdata *d, const struct toprow_ask *ask,
		     const struct tracks *tracks, uint64_t until_real_usec,
		     struct toprow *r)
{
	const struct known *k = find_known(d, r->vmid);
	const struct track *t = tracks_find(tracks, r->vmid);
	struct toplimits lim = k ? k->lim : (struct toplimits){ 0 };
	struct toprow_ask a = *ask;
	size_t n = t ? t->n : 0;

	if (k) {
		r->name = k->name;
		r->error = k->error && !r->was;
	}
	if (!r->name && r->was && d->past)
		r->name = toppast_name(d->past, r->vmid);
	/* of that moment by the clock it was recorded with, whichever boot that was */
	if (r->was && t) {
		n = track_until(t, until_real_usec);
		if (n)
			a.at_boot_usec = t->v[n - 1].boot_usec +
					 num_sub(until_real_usec, t->v[n - 1].real_usec);
	}
	if (r->was && n) {
		r->limits_then = toprow_limits_then(&t->v[n - 1], &lim);
		if (t->v[n - 1].have >> METRIC_FROZEN & 1 && t->v[n - 1].v[METRIC_FROZEN])
			r->state = CT_FROZEN;
	}
	toprow_fill(&a, &lim, n ? t->v : NULL, n, r);
}

static void count_state(struct topframe *f, enum ct_state s)
{
	switch (s) {
	case CT_RUNNING:
		f->n_running++;
		break;
	case CT_FROZEN:
		f->n_frozen++;
		break;
	case CT_STOPPED:
		f->n_stopped++;
		break;
	default:
		f->n_other++;
		break;
	}
}

static bool row_wanted(const struct topnav *nav, const struct toprow *r, bool template)
{
	if (!r->was && r->state == CT_STOPPED && (!nav->all || template))
		return false;
	return toprow_matches(r, nav->filter);
}

static void live_rows(struct topdata *d, const struct topnav *nav,
		      const struct toprow_ask *ask, struct topframe *f)
{
	const struct facts *facts = &d->facts;
	size_t n = d->n_known + facts->n_cts;

	f->v = d->rows = xcalloc(n, sizeof(*d->rows));
	for (size_t i = 0; i < n; i++) {
		bool is_known = i < d->n_known;
		uint32_t vmid =
			is_known ? d->known[i].vmid : facts->cts[i - d->n_known].vmid;
		struct toprow *r = &f->v[f->n];

		/* started since the configs were read: it has no name yet */
		if (!is_known &&
		    (find_known(d, vmid) || !facts->cts[i - d->n_known].here))
			continue;
		*r = (struct toprow){ .vmid = vmid, .state = state_of(d, vmid) };
		count_state(f, r->state);
		fill_row(d, ask, &d->tracks, UINT64_MAX, r);
		if (row_wanted(nav, r, is_known && d->known[i].template))
			f->n++;
		else
			*r = (struct toprow){ 0 };
	}
}

static void past_rows(struct topdata *d, const struct topnav *nav,
		      const struct toprow_ask *ask, const struct tracks *tracks,
		      struct topframe *f)
{
	f->v = d->rows = xcalloc(tracks->n, sizeof(*d->rows));
	f->limits_then = tracks->n > 0;
	for (size_t i = 0; i < tracks->n; i++) {
		const struct track *t = &tracks->v[i];
		struct toprow *r = &f->v[f->n];
		size_t n = track_until(t, f->real_usec);

		if (!n || f->real_usec - t->v[n - 1].real_usec >
				  3 * MAX(f->step_usec, USEC_PER_SEC))
			continue;
		*r = (struct toprow){ .vmid = t->vmid, .was = true, .state = CT_RUNNING };
		f->n_running++;
		f->newest_real_usec = MAX(f->newest_real_usec, t->v[n - 1].real_usec);
		fill_row(d, ask, tracks, f->real_usec, r);
		f->limits_then &= r->limits_then;
		if (row_wanted(nav, r, false))
			f->n++;
		else
			*r = (struct toprow){ 0 };
	}
}

static void fill_host(const struct topdata *d, struct tophost *h)
{
	const struct host *host = &d->facts.host;
	const struct hostuse *a = &d->use[0], *b = &d->use[1];

	h->cpus = host->cpus;
	if (a->all_ticks.kind && b->all_ticks.n > a->all_ticks.n &&
	    b->busy_ticks.n >= a->busy_ticks.n)
		h->cpu_ppm =
			val_set(num_muldiv(b->busy_ticks.n - a->busy_ticks.n, 1000000,
					   b->all_ticks.n - a->all_ticks.n));
	h->maxmem_bytes = host->mem_total_bytes;
	if (host->mem_total_bytes.kind && host->mem_available_bytes.kind)
		h->mem_bytes = val_set(
			num_sub(host->mem_total_bytes.n, host->mem_available_bytes.n));
	h->maxswap_bytes = host->swap_total_bytes;
	if (host->swap_total_bytes.kind && host->swap_free_bytes.kind)
		h->swap_bytes = val_set(
			num_sub(host->swap_total_bytes.n, host->swap_free_bytes.n));
	h->psi_cpu_centi = b->pressure.cpu.some.avg10_centi;
	h->psi_io_centi = b->pressure.io.some.avg10_centi;
	h->psi_mem_centi = b->pressure.memory.some.avg10_centi;
}

/* The last minutes of a collector that has ended since, or of a copy of a node. */
static bool in_dead_ring(struct topdata *d, uint64_t real_usec)
{
	uint64_t oldest;

	if (d->collector || !d->ring)
		return false;
	if (!d->dead.n)
		(void)tracks_read_ring(&d->dead, d->ring, NULL);
	oldest = tracks_oldest_real_usec(&d->dead);
	for (size_t i = 0; oldest && oldest <= real_usec && i < d->dead.n; i++) {
		const struct track *t = &d->dead.v[i];

		if (t->n && t->v[t->n - 1].real_usec + 3 * USEC_PER_SEC >= real_usec)
			return true;
	}
	return false;
}

/* The minutes of the store: *ret is empty where they do not have that moment. */
static int find_stored(struct topdata *d, uint64_t real_usec, const struct tracks **ret,
		       uint64_t *ret_step_usec, struct err *err)
{
	if (!d->past)
		d->past = toppast_new(d->app);
	return toppast_at(d->past, real_usec, ret, ret_step_usec, err);
}

static void explain_past(struct topdata *d, struct topframe *f, int r,
			 const struct err *err)
{
	if (r != -ENOENT)
		f->source = TOP_NONE; /* something may well have been recorded */
	f->no_store = r == -ENOENT;
	free(d->frame_note);
	d->frame_note = xstrdup(err->msg);
	f->note = d->frame_note;
}

/* The samples in memory or in a ring, if they go back that far. */
static const struct tracks *find_in_memory(struct topdata *d, struct topframe *f)
{
	uint64_t oldest = tracks_oldest_real_usec(&d->tracks);

	f->source = TOP_RING;
	f->step_usec = USEC_PER_SEC;
	if (d->app->live && oldest && f->real_usec >= oldest) {
		if (!d->collector) {
			f->source = TOP_SAMPLED;
			f->step_usec = MAX(d->sampled_usec, USEC_PER_SEC);
		}
		return &d->tracks;
	}
	return in_dead_ring(d, f->real_usec) ? &d->dead : NULL;
}

/* Where memory begins within the time of a graph, the store may know what was before. */
static const struct tracks *find_past(struct topdata *d, struct topframe *f)
{
	const struct tracks *t = find_in_memory(d, f), *stored = NULL;
	uint64_t step = 0;
	struct err err = { 0 };
	int r;

	if (t && f->real_usec - tracks_oldest_real_usec(t) >= TOP_GRAPH * f->step_usec)
		return t;
	r = find_stored(d, f->real_usec, &stored, &step, &err);
	if (t && (r < 0 || !stored->n || step > f->step_usec))
		return t;
	f->source = TOP_STORE;
	f->step_usec = r < 0 ? USEC_PER_SEC : step;
	if (r < 0)
		explain_past(d, f, r, &err);
	return stored;
}

void topdata_frame(struct topdata *d, const struct topnav *nav, uint64_t now_real_usec,
		   struct topframe *ret)
{
	struct topframe f = {
		.node = d->node,
		.now_real_usec = now_real_usec,
		.past = nav->past,
		.real_usec = nav->past ? nav->at_real_usec : d->at_real_usec,
		.note = d->note,
		.interval_usec = nav->interval_usec,
	};
	struct toprow_ask ask = { .sort = nav->sort, .at_boot_usec = d->at_boot_usec };
	const struct tracks *tracks;

	free(d->rows);
	d->rows = NULL;
	if (!f.real_usec)
		f.real_usec = now_real_usec;
	if (f.past) {
		tracks = find_past(d, &f);
		ask.step_usec = f.step_usec;
		ask.interval_usec = f.interval_usec = f.step_usec;
		if (tracks)
			past_rows(d, nav, &ask, tracks, &f);
	} else {
		f.source = d->collector   ? TOP_RING
			   : d->app->live ? TOP_SAMPLED
					  : TOP_NONE;
		f.step_usec =
			d->collector ? USEC_PER_SEC : MAX(d->sampled_usec, (uint64_t)1);
		if (!d->collector)
			f.interval_usec = f.step_usec;
		ask.step_usec = f.step_usec;
		ask.interval_usec = f.interval_usec;
		live_rows(d, nav, &ask, &f);
		fill_host(d, &f.host);
	}
	toprow_sort(f.v, f.n, nav->sort, nav->reverse);
	*ret = f;
}

void topdata_units(struct topdata *d, const struct topnav *nav,
		   const struct topunit **ret, size_t *ret_n, const char **ret_note)
{
	*ret = NULL;
	*ret_n = 0;
	*ret_note = NULL;
	if (nav->past) {
		topincident_units(d->app, nav->unit, nav->at_real_usec, &d->incident, ret,
				  ret_n, ret_note);
		return;
	}
	if (!d->units)
		d->units = topunits_new(d->app);
	topunits_read(d->units, nav, ret, ret_n, ret_note);
}

/* ---- the whole ---- */

static void read_settings(struct topdata *d)
{
	_cleanup_(strv_done) struct strv warnings = { 0 };
	struct err err = { 0 };

	if (conffile_read(d->app->rootfd, &d->settings, &warnings, &err) < 0)
		app_warn(d->app, "%s", err.msg);
	for (size_t i = 0; i < warnings.n; i++)
		app_warn(d->app, "%s", warnings.v[i]);
}

static void read_boot_id(struct topdata *d)
{
	size_t n = 0;

	if (fs_read_small(d->app->rootfd, "proc/sys/kernel/random/boot_id", d->boot_id,
			  sizeof(d->boot_id) - 1, &n, NULL) < 0)
		n = 0;
	while (n && d->boot_id[n - 1] == '\n')
		n--;
	d->boot_id[n] = '\0';
}

int topdata_open(const struct app *app, struct topdata **ret)
{
	struct topdata *d = xcalloc(1, sizeof(*d));
	struct err err = { 0 };

	d->app = app;
	read_settings(d);
	read_boot_id(d);
	if (topdata_tick(d, &err) < 0) {
		topdata_close(d);
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	}
	*ret = d;
	return EXIT_FINE;
}

void topdata_close(struct topdata *d)
{
	if (!d)
		return;
	known_done(d);
	free(d->node);
	free(d->note);
	free(d->frame_note);
	facts_done(&d->facts);
	ring_close(d->ring);
	tracks_done(&d->tracks);
	tracks_done(&d->dead);
	toppast_free(d->past);
	topunits_free(d->units);
	topincident_free(d->incident);
	free(d->rows);
	free(d);
}
