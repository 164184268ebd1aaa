/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/dfsizes.h"

#include "base/clock.h"
#include "guestread.h"
#include "read/guestread.h"

#define SAFE_MSEC   500
#define RISKY_MSEC  250 /* and a little: see read/guestread.h */
#define RISKY_TRIES 2
#define BESIDE_USEC (25 * USEC_PER_MSEC)

/* ---- sizes of what runs ------------------------------------------------------------- */

static bool is_root(const struct dfrow *r)
{
	return r->of->up && r->m->mount && !r->m->over && r->m->path.n == 1;
}

/* What is asked of one container at a time. */
struct ask {
	struct dfct *ct;
	struct guestread_item *items;
	struct dfrow **rows; /* of the items */
	char **paths;
	size_t n;
	bool risky; /* what may hang */
};

struct asked {
	bool stuck; /* its reader could not be ended: nothing more is asked */
	unsigned n_risky;
};

static void ask_done(struct ask *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->paths[i]);
	free(a->paths);
	free(a->items);
	free(a->rows);
	*a = (struct ask){ 0 };
}

static bool is_risky(const struct dfrow *r)
{
	return r->m->may_hang || r->late;
}

/* Its mount point leads to it, and nothing before it says how large it is. */
static bool is_asked(const struct dfrow *r, bool risky)
{
	const struct ctmount *m = r->m;

	return r->state == DF_UNKNOWN && r->asked && !r->by_host && r->of->up &&
	       m->mount && !m->over && !m->repeated && is_risky(r) == risky &&
	       m->mount->point.n && m->mount->point.n <= GUESTREAD_MAX_PATH &&
	       !memchr(m->mount->point.p, '\0', m->mount->point.n);
}

static void add_item(struct dfrow *r, struct ask *a)
{
	struct tbytes p = r->m->mount->point;

	a->rows[a->n] = r;
	a->paths[a->n] = xstrndup((const char *)p.p, p.n);
	a->items[a->n] = (struct guestread_item){
		.op = GUESTREAD_STATFS,
		.path = a->paths[a->n],
		.cross = true,
		.any_type = is_risky(r),
	};
	a->n++;
}

static void add_items(struct dfdata *d, bool risky, bool by_node, struct ask *a)
{
	for (size_t i = 0; i < a->ct->n_rows && a->n < GUESTREAD_MAX_ITEMS; i++) {
		struct dfrow *r = &d->rows[a->ct->first_row + i];

		if (is_asked(r, risky) && r->by_node == by_node)
			add_item(r, a);
	}
}

/*
 * In front of what may hang, what is asked of the node at the same time, too: if that
 * fails, nobody can be sent there any more.
 */
static void ask_for(struct dfdata *d, bool risky, struct ask *a)
{
	size_t max = a->ct->n_rows, n;

	*a = (struct ask){ .ct = a->ct, .risky = risky };
	a->items = xcalloc(max, sizeof(*a->items));
	a->rows = xcalloc(max, sizeof(*a->rows));
	a->paths = xcalloc(max, sizeof(*a->paths));
	if (risky)
		add_items(d, false, true, a);
	n = a->n;
	add_items(d, risky, false, a);
	if (a->n == n)
		ask_done(a);
}

static void fail(struct dfrow *r, const char *why)
{
	r->state = DF_FAILED;
	free(r->error);
	r->error = xstrdup(why);
}

static void take_answer(const struct guestread_answer *a, struct dfrow *r)
{
	struct fscount n = { a->fs.total_bytes, a->fs.free_bytes, a->fs.avail_bytes,
			     a->fs.files, a->fs.files_free };

	switch (a->why) {
	case GUESTREAD_OK:
		/* another one came to lie there meanwhile: its size is not this one's */
		if (a->st.mnt_id && a->st.mnt_id != r->m->mount->id) {
			fail(r, "it was mounted anew meanwhile");
			return;
		}
		r->state = DF_OK;
		fsuse_of(&n, &r->use);
		return;
	case GUESTREAD_NO_ANSWER:
	case GUESTREAD_LATE:
		return;
	case GUESTREAD_FSTYPE: /* of a kind that guest-read does not know for a safe one */
		if (!is_risky(r)) {
			r->late = true;
			return;
		}
		fail(r, guestread_why_text(a->why));
		return;
	case GUESTREAD_FAILED:
		if (a->error == ESTALE || a->error == ENOTCONN) {
			r->state = DF_STALE;
			return;
		}
		fail(r, a->error ? strerror(a->error) : guestread_why_text(a->why));
		return;
	default:
		fail(r, guestread_why_text(a->why));
		return;
	}
}

/* The first that has no answer is the one that hangs. */
static void take_answers(const struct guestread_job *job, struct ask *a)
{
	for (size_t i = 0; i < a->n && i < job->answers.n; i++)
		take_answer(&job->answers.v[i], a->rows[i]);
	for (size_t i = 0; i < a->n; i++) {
		struct dfrow *r = a->rows[i];

		if (r->state != DF_UNKNOWN)
			continue;
		/* it may have hung on the way to one of them, too: nobody knows which */
		if (job->error == -ETIMEDOUT && a->risky && job->answers.opened) {
			r->state = DF_STALE;
			break;
		}
		if (job->error == -EBUSY)
			r->state = DF_SKIPPED;
		else if (job->error < 0 && job->error != -ETIMEDOUT)
			fail(r, job->error == -ESRCH ? "it stopped meanwhile"
						     : job->err.msg);
	}
}

static void step(void *arg)
{
	dfsizes_step(arg);
}

/* First what always answers; then, one by one, what may not. */
static void ask_next(struct dfsizes *s, size_t i, struct ask *a)
{
	const struct asked *asked = &s->asked[i];

	a->ct = &s->d->cts[i];
	if (asked->stuck)
		return;
	ask_for(s->d, false, a);
	a->ct = &s->d->cts[i];
	if (!a->n && asked->n_risky < RISKY_TRIES)
		ask_for(s->d, true, a);
}

static void take_job(struct dfsizes *s, struct guestread_job *job, struct ask *a)
{
	struct asked *asked = &s->asked[a->ct - s->d->cts];

	take_answers(job, a);
	asked->stuck |= job->stuck || job->error == -EBUSY;
	asked->n_risky += a->risky;
	if (job->stuck)
		app_warn(s->app,
			 "container %u: process %d, which read it, hangs in the "
			 "kernel and was left behind",
			 job->target.vmid, (int)job->stuck_pid);
	guestread_job_done(job);
	ask_done(a);
}

static void ask_each(struct dfsizes *s)
{
	const struct guestread_beside beside = { step, s, BESIDE_USEC };
	struct dfdata *d = s->d;
	_cleanup_free_ struct ask *asks = xcalloc(d->n_cts, sizeof(*asks));
	_cleanup_free_ struct guestread_job *jobs = xcalloc(d->n_cts, sizeof(*jobs));
	size_t n = 0;

	for (size_t i = 0; i < d->n_cts; i++) {
		const struct ct *ct = d->cts[i].ct;
		struct ask *a = &asks[n];

		ask_next(s, i, a);
		if (!a->n)
			continue;
		jobs[n].target = (struct guestread_target){ ct->vmid, ct->init_pid,
							    ct->init_start_ticks };
		jobs[n++].request =
			(struct guestread_request){ a->items, a->n,
						    a->risky ? RISKY_MSEC : SAFE_MSEC };
	}
	if (n)
		guestread_run_beside(s->app->rootfd, buf_str(&s->program), jobs, n,
				     &beside);
	for (size_t i = 0; i < n; i++)
		take_job(s, &jobs[i], &asks[i]);
}

static void ask_guests(struct dfsizes *s)
{
	for (unsigned i = 0; i < 1 + RISKY_TRIES; i++)
		ask_each(s);
}

/* ---- sizes that the node knows ------------------------------------------------------ */

/*
 * Of one that is stopped; and of one that runs, if what is mounted is that very directory:
 * then its own path need not be walked.
 */
static bool is_of_host(const struct dfrow *r)
{
	const struct ctmount *m = r->m;

	return r->state == DF_UNKNOWN && m->host_path && m->host_mount &&
	       (!r->of->up || (m->mount && !m->over && m->same == ANSWER_YES));
}

static void take_host(const struct hostfs *h, struct dfrow *r)
{
	if (h->ok)
		fsuse_of(&h->count, &r->use);
	if (h->ok)
		r->state = DF_OK;
	else if (h->stale)
		r->state = DF_STALE;
	else if (!r->of->up && h->error == -ENOENT && r->m->type == MOUNT_BIND)
		fail(r, "it is not on the node");
	else if (r->of->up || h->error == -ENOENT || h->error == -EXDEV)
		return; /* guest-read is asked, or nobody knows */
	else if (h->error == -EBUSY)
		r->state = DF_SKIPPED;
	else
		fail(r, strerror(-h->error));
}

/* Of roots in the first round only those that may hang: their inits are asked, too. */
static bool is_of_round(const struct dfrow *r, bool first)
{
	return is_of_host(r) && (is_root(r) && !r->m->may_hang) != first;
}

static void start_host(struct dfsizes *s, bool first)
{
	struct dfdata *d = s->d;
	size_t n = 0;

	s->host_v = xcalloc(d->n_rows, sizeof(*s->host_v));
	s->host_rows = xcalloc(d->n_rows, sizeof(*s->host_rows));
	for (size_t i = 0; i < d->n_rows; i++) {
		struct dfrow *r = &d->rows[i];

		if (!is_of_round(r, first))
			continue;
		r->by_host = true;
		s->host_v[n] = (struct hostfs){ .path = r->m->host_path,
						.may_hang = r->m->may_hang,
						.mnt_id = r->m->host_mount->id };
		s->host_rows[n++] = r;
	}
	hostfs_start(s->app->rootfd, s->host_v, n, &s->host);
}

static void take_hosts(struct dfsizes *s)
{
	for (size_t i = 0; i < s->host.n; i++) {
		struct dfrow *r = s->host_rows[i];

		if (!r->by_host || !hostfs_is_answered(&s->host_v[i]))
			continue;
		r->by_host = false;
		if (r->state == DF_UNKNOWN)
			take_host(&s->host_v[i], r);
	}
}

static void finish_host(struct dfsizes *s)
{
	hostfs_wait(&s->host);
	take_hosts(s);
	hostfs_done(&s->host);
	free(take_ptr(s->host_v));
	free(take_ptr(s->host_rows));
}

/* ---- roots -------------------------------------------------------------------------- */

static void take_roots(struct dfsizes *s)
{
	struct dfdata *d = s->d;

	rootstat_finish(s->app->rootfd, &s->job, s->roots);
	for (size_t i = 0; i < d->n_rows; i++) {
		struct dfrow *r = &d->rows[i];
		const struct fscount *n = &s->roots[r->of->ct - d->facts.cts].count;

		if (!is_root(r) || !n->total_bytes)
			continue;
		r->state = DF_OK;
		free(take_ptr(r->error));
		fsuse_of(n, &r->use);
	}
}

/* ---- all ---------------------------------------------------------------------------- */

void dfsizes_begin(const struct app *app, struct dfdata *d, struct dfsizes *ret)
{
	size_t n = d->facts.n_cts;
	struct dfsizes s = { .app = app, .d = d, .roots = xcalloc(n, sizeof(*s.roots)) };

	for (size_t i = 0; i < n; i++)
		s.roots[i] = (struct rootstat){
			.init_pid = d->facts.cts[i].init_pid,
			.start_ticks = d->facts.cts[i].init_start_ticks,
		};
	if (app->live && n && rootstat_start(app->rootfd, n, &s.job, NULL) == 0)
		rootstat_ask(&s.job, s.roots);
	*ret = s;
}

void dfsizes_step(struct dfsizes *s)
{
	rootstat_step(&s->job);
	hostfs_step(&s->host);
}

/*
 * Roots whose type may leave one waiting are asked in both ways at once: neither would have
 * time for them after the other. What of the node's directories may hang is asked beside
 * the containers.
 */
static void ask_first(struct dfsizes *s)
{
	struct dfdata *d = s->d;

	start_host(s, true);
	hostfs_wait_safe(&s->host);
	take_hosts(s);
	for (size_t i = 0; i < d->n_rows; i++)
		d->rows[i].by_node = is_root(&d->rows[i]) && !is_risky(&d->rows[i]);
	ask_guests(s);
	take_roots(s);
	for (size_t i = 0; i < d->n_rows; i++)
		d->rows[i].by_node = false;
	finish_host(s);
}

/* What a reader had no time for, and roots of which the node could not tell. */
static void ask_again(struct dfsizes *s)
{
	struct dfdata *d = s->d;

	start_host(s, false);
	finish_host(s);
	ask_guests(s);
	for (size_t i = 0; i < d->n_rows; i++)
		if (is_asked(&d->rows[i], true) || is_asked(&d->rows[i], false))
			d->rows[i].state = DF_SKIPPED;
}

void dfsizes_finish(struct dfsizes *s)
{
	s->asked = xcalloc(s->d->n_cts, sizeof(*s->asked));
	if (s->app->live) {
		guestread_program(s->app->rootfd, &s->program);
		ask_first(s);
		ask_again(s);
	}
	rootstat_done(&s->job);
	free(s->roots);
	free(s->asked);
	buf_done(&s->program);
	*s = (struct dfsizes){ 0 };
}
