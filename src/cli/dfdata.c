/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/dfdata.h"

#include <stdio.h>

#include "base/num.h"
#include "guestread.h"
#include "out/text.h"
#include "read/blockname.h"
#include "read/guestread.h"
#include "read/hostfs.h"
#include "read/mountinfo.h"
#include "read/pvefs.h"
#include "read/storage.h"

#define SAFE_MSEC   500
#define RISKY_MSEC  250 /* and a little: see read/guestread.h */
#define RISKY_TRIES 2
#define FULL_PPM    900000

/* ---- the parts ---------------------------------------------------------------------- */

void dfdata_done(struct dfdata *d)
{
	for (size_t i = 0; i < d->n_rows; i++) {
		free(d->rows[i].error);
		free(d->rows[i].note);
	}
	for (size_t i = 0; i < d->n_cts; i++) {
		ctmounts_done(&d->cts[i].mounts);
		mounttree_done(&d->cts[i].tree);
		mounts_done(&d->cts[i].inside);
	}
	free(d->rows);
	free(d->cts);
	mounttree_done(&d->host_tree);
	mounts_done(&d->host);
	storages_done(&d->storages);
	blocknames_done(&d->devices);
	facts_done(&d->facts);
	*d = (struct dfdata){ 0 };
}

bool dfrow_can_fill(const struct dfrow *r)
{
	return r->m->type != MOUNT_IMAGE && !(r->m->mount && r->m->mount->super_ro);
}

struct val dfrow_size(const struct dfrow *r)
{
	/* size=0 is a directory without a quota */
	if (r->use.size_bytes.kind || r->state == DF_STALE || r->of->up ||
	    !r->m->size_bytes.n)
		return r->use.size_bytes;
	return r->m->size_bytes;
}

bool dfrow_is_minor(const struct dfrow *r)
{
	const struct ctmount *m = r->m;

	return m->origin == CTMOUNT_GUEST &&
	       (m->repeated || m->type == MOUNT_TMPFS || m->type == MOUNT_OVERLAY ||
		m->type == MOUNT_IMAGE);
}

const struct pveconf_item *dfct_invalid(const struct dfct *c, size_t *at)
{
	const struct pveconf_section *s = c->ct->conf ? &c->ct->conf->main : NULL;
	uint32_t n;

	for (; s && *at < s->n_items; (*at)++) {
		const struct pveconf_item *i = &s->items[*at];

		if (!i->valid &&
		    (str_eq(i->key, "rootfs") || pveconf_numbered(i->key, "mp", &n)))
			return &s->items[(*at)++];
	}
	return NULL;
}

static void read_storages(const struct app *app, struct dfdata *d)
{
	static const struct pvefs_req req = { PVEFS_FILE, "etc/pve/storage.cfg" };
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	struct err err = { 0 };
	struct span text;
	int r = 0;

	/* one that hangs is waited for once */
	if (!d->facts.pve_error)
		r = pvefs_read(app->rootfd, &req, 1, &p, &err);
	text = pvefs_data(&p, req.path);
	if (r == 0)
		r = storage_parse(text.p, text.n, &d->storages, &err);
	d->storages_known = r == 0 && pvefs_get(&p, req.path);
	if (r < 0)
		app_warn(app, "storage.cfg: %s", err.msg);
	else if (!d->storages_known && !d->facts.pve_error)
		app_warn(app,
			 "storage.cfg could not be read: what a volume is, is not known");
}

static void read_host(const struct app *app, struct dfdata *d)
{
	struct err err = { 0 };
	int r = mountinfo_read(app->rootfd, 0, &d->host, &err);

	if (r < 0 && app->live)
		app_warn(app, "%s", err.msg);
	if (r < 0)
		return;
	d->host_known = true;
	mounttree_build(&d->host, &d->host_tree);
}

static void read_inside(const struct app *app, struct dfct *c)
{
	struct err err = { 0 };
	int r;

	if (!c->ct->init_pid)
		return;
	r = mountinfo_read(app->rootfd, c->ct->init_pid, &c->inside, &err);
	if (r < 0 && r != -ENOENT)
		app_warn(app, "container %u: %s", c->ct->vmid, err.msg);
	if (r < 0)
		return;
	c->up = true;
	mounttree_build(&c->inside, &c->tree);
}

static void join(const struct dfdata *d, struct dfct *c)
{
	struct mountjoin in = {
		.vmid = c->ct->vmid,
		.conf = c->ct->conf,
		.storages = &d->storages,
		.inside = c->up ? &c->tree : NULL,
		.host = d->host_known ? &d->host_tree : NULL,
		.devices = &d->devices,
	};

	ctmounts_done(&c->mounts);
	mountjoin(&in, &c->mounts);
}

/* Of raw files and images only: what a device is of. */
static void read_devices(const struct app *app, struct dfdata *d)
{
	_cleanup_free_ bool *again = xcalloc(d->n_cts, sizeof(*again));

	for (size_t i = 0; i < d->n_cts; i++)
		for (size_t k = 0; k < d->cts[i].mounts.n; k++) {
			const struct mount *m = mountjoin_device(&d->cts[i].mounts.v[k]);

			if (m)
				blocknames_add(app->rootfd, m->major, m->minor,
					       &d->devices);
			again[i] |= m != NULL;
		}
	for (size_t i = 0; i < d->n_cts; i++)
		if (again[i])
			join(d, &d->cts[i]);
}

static void make_rows(struct dfdata *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_cts; i++)
		n += d->cts[i].mounts.n;
	d->rows = xcalloc(n, sizeof(*d->rows));
	for (size_t i = 0; i < d->n_cts; i++) {
		struct dfct *c = &d->cts[i];

		c->first_row = d->n_rows;
		c->n_rows = c->mounts.n;
		for (size_t k = 0; k < c->mounts.n; k++)
			d->rows[d->n_rows++] =
				(struct dfrow){ .of = c, .m = &c->mounts.v[k] };
	}
}

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

/* ---- what stands out ---------------------------------------------------------------- */

static void note(struct dfrow *r, bool alarm, const char *fmt, ...) _printf_(3, 4);
static void note(struct dfrow *r, bool alarm, const char *fmt, ...)
{
	_cleanup_free_ char *old = r->note, *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	r->note = xasprintf("%s%s%s", old ? old : "", old ? "; " : "", text);
	r->alarm |= alarm;
}

static void note_text(struct dfrow *r, bool alarm, const char *what, struct tbytes t)
{
	note(r, alarm, "%s%.*s", what, (int)MIN(t.n, 200u), (const char *)t.p);
}

static void note_state(struct dfrow *r)
{
	if (r->state == DF_STALE)
		note(r, true, "does not answer");
	else if (r->state == DF_SKIPPED)
		note(r, true, "not asked: another one does not answer");
	else if (r->state == DF_FAILED)
		note(r, true, "size not known: %s", r->error);
	if (r->m->missing)
		note(r, true, "not mounted");
	if (r->m->over)
		note_text(r, true, "hidden under a mount of ", r->m->over->fstype);
	if (r->m->mount && r->m->mount->deleted)
		note(r, true, "its directory was removed on the node");
	if (r->m->same == ANSWER_NO)
		note_text(r, true,
			  "another file system is mounted there: ", r->m->mount->source);
}

/*
 * A data set has as its size what it has and could still get: less than its quota where
 * the pool is too full for it. Nor need the quota be that of the config.
 */
static void note_quota(struct dfrow *r)
{
	uint64_t size = val_or(r->use.size_bytes, 0), quota = val_or(r->m->size_bytes, 0);

	if (r->m->type != MOUNT_ZFS || r->m->same == ANSWER_NO || !size ||
	    size >= quota - quota / 100)
		return;
	note(r, true, "less than its size=: the pool is too full, or its quota smaller");
}

static void note_use(struct dfrow *r)
{
	uint64_t space = val_or(fsuse_ppm(r->use.used_bytes, r->use.size_bytes), 0);
	uint64_t inodes = val_or(fsuse_ppm(r->use.inodes_used, r->use.inodes), 0);

	if (!dfrow_can_fill(r))
		return;
	if (r->use.avail_bytes.kind == VAL_SET && !r->use.avail_bytes.n)
		note(r, true, "full");
	else if (space >= FULL_PPM)
		note(r, true, "nearly full");
	if (inodes >= FULL_PPM)
		note(r, true, "%s inodes left", inodes >= 1000000 ? "no" : "few");
}

static void make_notes(const struct app *app, struct dfdata *d)
{
	for (size_t i = 0; i < d->n_rows; i++) {
		struct dfrow *r = &d->rows[i];

		note_state(r);
		note_use(r);
		note_quota(r);
		if (r->m->may_hang && r->m->type == MOUNT_BIND && r->m->mount &&
		    r->state == DF_OK)
			note_text(r, false, "of ", r->m->mount->fstype);
		if (r->of->up && r->state == DF_UNKNOWN && !app->live)
			note(r, false, "a copy: not known");
		if (!r->of->up && r->state == DF_UNKNOWN)
			note(r, false, "%s",
			     r->of->ct->state == CT_STARTING ? "starting" : "stopped");
	}
}

/* ---- all ---------------------------------------------------------------------------- */

static void read_cts(const struct app *app, struct dfdata *d)
{
	d->cts = xcalloc(d->facts.n_cts, sizeof(*d->cts));
	for (size_t i = 0; i < d->facts.n_cts; i++) {
		const struct ct *ct = &d->facts.cts[i];
		struct dfct *c = &d->cts[d->n_cts];

		if (!ct->conf)
			app_warn(app, "container %u: %s", ct->vmid,
				 ct->error ? ct->error : "its config could not be read");
		if (!ct->conf && !ct->init_pid)
			continue;
		c->ct = ct;
		read_inside(app, c);
		join(d, c);
		d->n_cts++;
	}
}

int dfdata_read(const struct app *app, const char *arg, bool all, struct dfdata *ret)
{
	struct facts_want want = { .disk = true };
	int r;

	*ret = (struct dfdata){ 0 };
	r = arg ? app_facts_one(app, arg, want, &ret->facts)
		: app_facts(app, want, &ret->facts);
	if (r)
		return r;
	read_storages(app, ret);
	read_host(app, ret);
	read_cts(app, ret);
	read_devices(app, ret);
	make_rows(ret);
	for (size_t i = 0; i < ret->n_rows; i++)
		ret->rows[i].asked = all || arg || !dfrow_is_minor(&ret->rows[i]);
	take_roots(ret);
	read_host_sizes(app, ret);
	read_sizes(app, ret);
	make_notes(app, ret);
	return EXIT_FINE;
}
