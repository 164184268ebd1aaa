/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/dfsizes.h"

#include "guestread.h"
#include "read/guestread.h"
#include "read/hostfs.h"

#define SAFE_MSEC   500
#define RISKY_MSEC  250 /* and a little: see read/guestread.h */
#define RISKY_TRIES 2

/* ---- sizes of what runs ------------------------------------------------------------- */

/* What is asked of one container at a time. */
struct ask {
	struct dfct *ct;
	struct guestread_item *items;
	struct dfrow **rows; /* of the items */
	char **paths;
	size_t n;
	bool stuck; /* its reader could not be ended: nothing more is asked */
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

/* Its mount point leads to it, and nothing before it says how large it is. */
static bool is_asked(const struct dfrow *r, bool risky)
{
	const struct ctmount *m = r->m;

	return r->state == DF_UNKNOWN && r->asked && r->of->up && m->mount && !m->over &&
	       !m->repeated && (m->may_hang || r->late) == risky && m->mount->point.n &&
	       m->mount->point.n <= GUESTREAD_MAX_PATH &&
	       !memchr(m->mount->point.p, '\0', m->mount->point.n);
}

static void ask_for(struct dfdata *d, bool risky, struct ask *a)
{
	size_t max = a->ct->n_rows;

	a->items = xcalloc(max, sizeof(*a->items));
	a->rows = xcalloc(max, sizeof(*a->rows));
	a->paths = xcalloc(max, sizeof(*a->paths));
	for (size_t i = 0; i < max && a->n < GUESTREAD_MAX_ITEMS; i++) {
		struct dfrow *r = &d->rows[a->ct->first_row + i];
		struct tbytes p;

		if (!is_asked(r, risky))
			continue;
		p = r->m->mount->point;
		a->rows[a->n] = r;
		a->paths[a->n] = xstrndup((const char *)p.p, p.n);
		a->items[a->n] = (struct guestread_item){
			.op = GUESTREAD_STATFS,
			.path = a->paths[a->n],
			.cross = true,
			.any_type = risky,
		};
		a->n++;
	}
}

static void fail(struct dfrow *r, const char *why)
{
	r->state = DF_FAILED;
	free(r->error);
	r->error = xstrdup(why);
}

static void take_answer(const struct guestread_answer *a, bool risky, struct dfrow *r)
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
		if (!risky) {
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
static void take_answers(const struct guestread_job *job, bool risky, struct ask *a)
{
	for (size_t i = 0; i < a->n && i < job->answers.n; i++)
		take_answer(&job->answers.v[i], risky, a->rows[i]);
	a->stuck |= job->stuck || job->error == -EBUSY;
	for (size_t i = 0; i < a->n; i++) {
		struct dfrow *r = a->rows[i];

		if (r->state != DF_UNKNOWN)
			continue;
		/* it may have hung on the way to one of them, too: nobody knows which */
		if (job->error == -ETIMEDOUT && risky && job->answers.opened) {
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

static void ask_all(const struct app *app, struct dfdata *d, const char *program,
		    bool risky, bool *stuck)
{
	_cleanup_free_ struct ask *asks = xcalloc(d->n_cts, sizeof(*asks));
	_cleanup_free_ struct guestread_job *jobs = xcalloc(d->n_cts, sizeof(*jobs));
	size_t n = 0;

	for (size_t i = 0; i < d->n_cts; i++) {
		struct ask *a = &asks[n];
		const struct ct *ct = d->cts[i].ct;

		a->ct = &d->cts[i];
		if (!stuck[i])
			ask_for(d, risky, a);
		if (!a->n) {
			ask_done(a);
			continue;
		}
		jobs[n].target = (struct guestread_target){ ct->vmid, ct->init_pid,
							    ct->init_start_ticks };
		jobs[n].request =
			(struct guestread_request){ a->items, a->n,
						    risky ? RISKY_MSEC : SAFE_MSEC };
		n++;
	}
	if (n)
		guestread_run(app->rootfd, program, jobs, n);
	for (size_t i = 0; i < n; i++) {
		take_answers(&jobs[i], risky, &asks[i]);
		stuck[asks[i].ct - d->cts] |= asks[i].stuck;
		if (jobs[i].stuck)
			app_warn(app,
				 "container %u: process %d, which read it, hangs in the "
				 "kernel and was left behind",
				 jobs[i].target.vmid, (int)jobs[i].stuck_pid);
		guestread_job_done(&jobs[i]);
		ask_done(&asks[i]);
	}
}

/* First what always answers; then, one by one, what may not. */
static void read_sizes(const struct app *app, struct dfdata *d)
{
	_cleanup_free_ bool *stuck = xcalloc(d->n_cts, sizeof(*stuck));
	_cleanup_(buf_done) struct buf program = { 0 };

	if (!app->live)
		return;
	guestread_program(app->rootfd, &program);
	ask_all(app, d, buf_str(&program), false, stuck);
	for (unsigned i = 0; i < RISKY_TRIES; i++)
		ask_all(app, d, buf_str(&program), true, stuck);
	for (size_t i = 0; i < d->n_rows; i++)
		if (is_asked(&d->rows[i], true) || is_asked(&d->rows[i], false))
			d->rows[i].state = DF_SKIPPED;
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

static void read_host_sizes(const struct app *app, struct dfdata *d)
{
	_cleanup_free_ struct hostfs *v = xcalloc(d->n_rows, sizeof(*v));
	_cleanup_free_ struct dfrow **rows = xcalloc(d->n_rows, sizeof(*rows));
	size_t n = 0;

	if (!app->live)
		return;
	for (size_t i = 0; i < d->n_rows; i++) {
		const struct ctmount *m = d->rows[i].m;

		if (!is_of_host(&d->rows[i]))
			continue;
		v[n] = (struct hostfs){ .path = m->host_path,
					.may_hang = m->may_hang,
					.mnt_id = m->host_mount->id };
		rows[n++] = &d->rows[i];
	}
	if (n)
		hostfs_read(app->rootfd, v, n);
	for (size_t i = 0; i < n; i++)
		take_host(&v[i], rows[i]);
}

/* The root of init is had with the facts. */
static void take_roots(struct dfdata *d)
{
	for (size_t i = 0; i < d->n_rows; i++) {
		struct dfrow *r = &d->rows[i];
		const struct ct *ct = r->of->ct;

		if (!r->of->up || !r->m->mount || r->m->over || r->m->path.n != 1 ||
		    !ct->disk_count.total_bytes)
			continue;
		r->state = DF_OK;
		fsuse_of(&ct->disk_count, &r->use);
	}
}

void dfsizes_read(const struct app *app, struct dfdata *d)
{
	take_roots(d);
	read_host_sizes(app, d);
	read_sizes(app, d);
}
