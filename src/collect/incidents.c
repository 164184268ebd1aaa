/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/guard.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "collect/collector.h"
#include "collect/incgather.h"
#include "read/cgroup.h"
#include "rule/incident.h"

/*
 * Incidents: opened by what events say and by pressure, kept with what a post-mortem
 * needs. What is inside the container at that moment (its largest processes and units) is
 * gathered by a process of its own, as there may be very many of them.
 */
#define BEFORE_USEC (10 * 60 * USEC_PER_SEC) /* minutes of the recorder that are kept */
#define AFTER_USEC  (10 * 60 * USEC_PER_SEC)
#define AROUND_USEC (120 * USEC_PER_SEC) /* events so near belong to it */
#define RECENT_MAX  8192                 /* of the node, in that time */
#define MAX_EVENTS  64                   /* ids kept with one */
#define MAX_OPEN    512                  /* of the node */
#define MAX_JOBS    4
#define GATHER_USEC (3 * USEC_PER_SEC)
#define MAX_BODY    ((size_t)256 << 10)

struct recent {
	uint32_t vmid;
	char id[EVENT_ID_MAX];
	uint64_t boot_usec;
};

struct incct {
	uint32_t vmid;
	struct incident_watch watch;
};

struct open {
	struct incident row; /* data is composed when it is written */
	struct strv events;
	char *body;      /* members of the JSON object, without braces; NULL: none */
	char *shown;     /* those of the event that opened it */
	char *corrected; /* an object: what is known only now; NULL: nothing */
	uint64_t token;
	bool dirty, closed, sent, restored;
};

struct job {
	struct collector *c;
	uint64_t opened; /* which */
	uint32_t vmid;
	enum incident_kind kind;
	struct guard guard;
	struct loop_io *io;
	struct buf text;
};

struct incsrc {
	struct incct *cts; /* by vmid */
	size_t n_cts, cap_cts;
	struct recent *recent; /* oldest first */
	size_t n_recent, cap_recent;
	struct open *open;
	size_t n_open, cap_open;
	struct job *jobs[MAX_JOBS];
	uint64_t next_look_boot_usec;
	size_t slice;
	uint64_t refused;
};

static struct incct *ct_of(struct incsrc *s, uint32_t vmid)
{
	size_t lo = 0, hi = s->n_cts;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->cts[mid].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < s->n_cts && s->cts[lo].vmid == vmid)
		return &s->cts[lo];
	GROW(s->cts, s->n_cts, s->cap_cts);
	memmove(&s->cts[lo + 1], &s->cts[lo], (s->n_cts - lo) * sizeof(*s->cts));
	s->n_cts++;
	s->cts[lo] = (struct incct){ .vmid = vmid };
	return &s->cts[lo];
}

static struct open *find_open(struct incsrc *s, uint32_t vmid, enum incident_kind kind)
{
	for (size_t i = 0; i < s->n_open; i++)
		if (s->open[i].row.vmid == vmid && s->open[i].row.kind == kind &&
		    !s->open[i].closed)
			return &s->open[i];
	return NULL;
}

static void open_done(struct open *o)
{
	incident_done(&o->row);
	strv_done(&o->events);
	free(o->body);
	free(o->shown);
	free(o->corrected);
}

/* ---- writing ------------------------------------------------------------------------
 */

static char *compose(const struct open *o)
{
	struct buf b = { 0 };

	buf_adds(&b, "{\"events\":[");
	for (size_t i = 0; i < o->events.n; i++)
		buf_addf(&b, "%s\"%s\"", i ? "," : "", o->events.v[i]);
	buf_addc(&b, ']');
	if (o->shown && *o->shown)
		buf_addf(&b, ",%s", o->shown);
	if (o->corrected)
		buf_addf(&b, ",\"corrected\":%s", o->corrected);
	if (o->body && *o->body)
		buf_addf(&b, ",%s", o->body);
	buf_addc(&b, '}');
	return b.p;
}

/* Its number comes with the first answer; until then nothing more is sent. */
static void send(struct collector *c, struct open *o)
{
	struct incident row = o->row;

	if (!o->dirty || (o->sent && !o->row.n))
		return;
	row.name = o->row.name ? xstrdup(o->row.name) : NULL;
	row.summary = xstrdup(o->row.summary ? o->row.summary : "");
	row.data = o->restored ? xstrdup(o->row.data ? o->row.data : "{}") : compose(o);
	o->token = ++c->last_token;
	if (writer_incident(c->writer, &row, false, o->token) == 0) {
		o->dirty = false;
		o->sent = true;
	}
	incident_done(&row);
}

bool incsrc_done(struct collector *c, const struct writer_done *d)
{
	struct incsrc *s = c->incs;

	for (size_t i = 0; s && i < s->n_open; i++) {
		struct open *o = &s->open[i];

		if (o->token != d->token || !o->sent)
			continue;
		if (d->result == 0 && !o->row.n)
			o->row.n = d->n;
		o->token = 0;
		if (o->dirty) {
			send(c, o);
		} else if (o->closed) {
			open_done(o);
			memmove(o, o + 1, (s->n_open - i - 1) * sizeof(*o));
			s->n_open--;
		}
		return true;
	}
	return false;
}

/* ---- what is inside, in a process of its own -----------------------------------------
 */

static void job_free(struct incsrc *s, struct job *j)
{
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (s->jobs[i] == j)
			s->jobs[i] = NULL;
	loop_del_io(j->io);
	guard_done(&j->guard);
	buf_done(&j->text);
	free(j);
}

/* "{...}" whole: its members belong to the incident. */
static void job_done(struct collector *c, struct job *j)
{
	struct open *o = find_open(c->incs, j->vmid, j->kind);

	if (o && o->row.opened_real_usec == j->opened && j->text.n > 2 &&
	    j->text.p[0] == '{' && j->text.p[j->text.n - 1] == '}') {
		free(o->body);
		o->body = xstrndup(j->text.p + 1, j->text.n - 2);
		o->dirty = true;
		send(c, o);
	}
	job_free(c->incs, j);
}

static void on_job(void *arg, uint32_t events)
{
	struct job *j = arg;
	struct collector *c = j->c;
	ssize_t n;

	(void)events;
	do {
		buf_reserve(&j->text, 1 << 14);
		n = read(j->guard.fd, j->text.p + j->text.n, j->text.cap - j->text.n - 1);
		if (n > 0)
			j->text.n += (size_t)n;
	} while (n > 0 && j->text.n < MAX_BODY);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0)
		job_done(c, j);
	else
		job_free(c->incs, j);
	collector_settle(c);
}

static void start_job(struct collector *c, const struct open *o)
{
	struct incsrc *s = c->incs;
	const struct lc_ct *ct = lc_find(&c->lc, o->row.vmid);
	struct incgather g = { .rootfd = c->rootfd,
			       .memory = o->row.kind != INCIDENT_OOM_KILL,
			       .vmid = o->row.vmid,
			       .init = ct && ct->phase == LC_UP ? ct->init : 0 };
	struct job *j;
	size_t i = 0;

	while (i < MAX_JOBS && s->jobs[i])
		i++;
	if (i == MAX_JOBS || !ct || ct->phase != LC_UP)
		return;
	j = xcalloc(1, sizeof(*j));
	j->c = c;
	j->vmid = o->row.vmid;
	j->kind = o->row.kind;
	j->opened = o->row.opened_real_usec;
	if (guard_start(incgather_run, &g, GATHER_USEC, &j->guard, NULL) < 0) {
		free(j);
		return;
	}
	(void)fcntl(j->guard.fd, F_SETFL, O_NONBLOCK);
	s->jobs[i] = j;
	j->io = loop_add_io(c->loop, j->guard.fd, EPOLLIN, false, on_job, j);
	if (!j->io)
		job_free(s, j);
}

/* ---- signs --------------------------------------------------------------------------
 */

static void add_event(struct open *o, const char *id)
{
	for (size_t i = 0; i < o->events.n; i++)
		if (str_eq(o->events.v[i], id))
			return;
	if (o->events.n < MAX_EVENTS)
		strv_add(&o->events, xstrdup(id));
}

static void add_recent(const struct incsrc *s, struct open *o, uint64_t now)
{
	for (size_t i = 0; i < s->n_recent; i++)
		if (s->recent[i].vmid == o->row.vmid &&
		    s->recent[i].boot_usec + AROUND_USEC > now)
			add_event(o, s->recent[i].id);
}

/* When what it is about began, of which we may hear later. */
static struct lc_time began_at(struct collector *c, uint32_t vmid,
			       enum incident_kind kind, const struct event *e)
{
	const struct cgct *t = kind == INCIDENT_FROZEN ? cgsrc_find(c, vmid) : NULL;
	struct lc_time now = collector_now();
	uint64_t ago = e   ? num_sub(now.real_usec, e->time_real_usec)
		       : t ? num_sub(now.boot_usec, t->frozen_boot_usec)
			   : 0;

	return (struct lc_time){ now.real_usec - ago,
				 now.boot_usec - MIN(ago, now.boot_usec) };
}

static void open_new(struct collector *c, struct incct *ct, enum incident_kind kind,
		     const struct event *e, const char *summary)
{
	struct incsrc *s = c->incs;
	const struct lc_ct *life = lc_find(&c->lc, ct->vmid);
	struct lc_time began = began_at(c, ct->vmid, kind, e);
	struct open *o;

	if (s->n_open >= MAX_OPEN) {
		s->refused++;
		return;
	}
	GROW(s->open, s->n_open, s->cap_open);
	o = &s->open[s->n_open++];
	*o = (struct open){
		.row = { .kind = kind,
			 .vmid = ct->vmid,
			 .life = life ? life->life : 0,
			 .name = confsrc_name(c, ct->vmid),
			 .opened_real_usec = began.real_usec,
			 .keep_from_real_usec = num_sub(began.real_usec, BEFORE_USEC),
			 .keep_until_real_usec = clock_real_usec() + AFTER_USEC,
			 .summary = xstrdup(summary) },
		.dirty = true,
	};
	add_recent(s, o, began.boot_usec);
	if (e) {
		size_t n = e->data ? strlen(e->data) : 0;

		add_event(o, e->id);
		if (n > 2 && n < INCIDENT_DATA_MAX / 4)
			o->shown = xstrndup(e->data + 1, n - 2);
	}
	start_job(c, o);
	send(c, o);
}

static void close_one(struct collector *c, uint32_t vmid, enum incident_kind kind,
		      const char *id)
{
	struct open *o = find_open(c->incs, vmid, kind);
	uint64_t now = clock_real_usec();

	if (!o)
		return;
	if (id)
		add_event(o, id);
	o->row.closed_real_usec = val_set(now);
	o->row.keep_until_real_usec =
		MAX(o->row.keep_until_real_usec, now + AFTER_USEC / 5);
	o->closed = o->dirty = true;
	send(c, o);
}

void incsrc_sign(struct collector *c, uint32_t vmid, enum incident_kind kind,
		 const struct event *e, const char *fmt, ...)
{
	struct incsrc *s = c->incs;
	struct incct *ct;
	char summary[INCIDENT_SUMMARY_MAX];
	struct open *o;
	va_list ap;

	if (!s || !vmid)
		return;
	ct = ct_of(s, vmid);
	switch (incident_sign(&ct->watch, kind, clock_boot_usec())) {
	case STEP_OPEN:
		va_start(ap, fmt);
		vsnprintf(summary, sizeof(summary), fmt, ap);
		va_end(ap);
		open_new(c, ct, kind, e, summary);
		break;
	case STEP_MORE:
		o = find_open(s, vmid, kind);
		if (o && e) {
			add_event(o, e->id);
			o->dirty = true; /* written when it closes, or with the next */
		}
		break;
	case STEP_REFUSED:
		s->refused++;
		break;
	default:
		break;
	}
}

void incsrc_more(struct collector *c, uint32_t vmid, enum incident_kind kind)
{
	struct incct *ct = c->incs ? ct_of(c->incs, vmid) : NULL;

	if (ct && ct->watch.slot[kind].open)
		(void)incident_sign(&ct->watch, kind, clock_boot_usec());
}

void incsrc_over(struct collector *c, uint32_t vmid, enum incident_kind kind,
		 const char *id)
{
	if (c->incs && incident_close(&ct_of(c->incs, vmid)->watch, kind))
		close_one(c, vmid, kind, id);
}

void incsrc_correct(struct collector *c, uint32_t vmid, enum incident_kind kind,
		    const struct event *e, bool over, const char *fmt, ...)
{
	struct open *o = c->incs ? find_open(c->incs, vmid, kind) : NULL;
	va_list ap;

	if (!o)
		return;
	free(o->row.summary);
	va_start(ap, fmt);
	o->row.summary = xvasprintf(fmt, ap);
	va_end(ap);
	free(o->corrected);
	o->corrected = e->data && strlen(e->data) < INCIDENT_DATA_MAX / 4
			       ? xstrdup(e->data)
			       : NULL;
	o->dirty = true;
	if (over)
		incsrc_over(c, vmid, kind, e->id);
	else
		send(c, o);
}

static void forget_old(struct incsrc *s, uint64_t now)
{
	size_t old = 0;

	while (old < s->n_recent && s->recent[old].boot_usec + AROUND_USEC <= now)
		old++;
	/* all at once: moving them up one by one would be slow in a flood */
	if (s->n_recent == RECENT_MAX)
		old = MAX(old, (size_t)RECENT_MAX / 4);
	s->n_recent -= old;
	if (old && s->n_recent)
		memmove(s->recent, s->recent + old, s->n_recent * sizeof(*s->recent));
	if (s->n_recent)
		return;
	free(s->recent);
	s->recent = NULL;
	s->cap_recent = 0;
}

static void remember(struct incsrc *s, const struct event *e)
{
	if (s->n_recent == RECENT_MAX)
		forget_old(s, clock_boot_usec());
	GROW(s->recent, s->n_recent, s->cap_recent);
	s->recent[s->n_recent] =
		(struct recent){ .vmid = e->vmid, .boot_usec = clock_boot_usec() };
	snprintf(s->recent[s->n_recent].id, sizeof(s->recent->id), "%s", e->id);
	s->n_recent++;
}

/* Events are remembered for a while: those around an incident belong to it. */
void incsrc_look(struct collector *c, const struct event *v, size_t n)
{
	struct incsrc *s = c->incs;

	for (size_t i = 0; s && i < n; i++) {
		if (!v[i].vmid)
			continue;
		remember(s, &v[i]);
		for (size_t k = 0; k < s->n_open; k++)
			if (s->open[k].row.vmid == v[i].vmid && !s->open[k].closed &&
			    !s->open[k].restored && s->open[k].events.n < MAX_EVENTS) {
				add_event(&s->open[k], v[i].id);
				s->open[k].dirty = true;
			}
	}
}

/* ---- time ---------------------------------------------------------------------------
 */

void incsrc_look_frozen(struct collector *c, const struct cgct *t, uint64_t now)
{
	struct val sec = c->settings.incidents.frozen_sec;

	if (c->incs && t->frozen && t->frozen_boot_usec && sec.kind == VAL_SET &&
	    now > t->frozen_boot_usec + sec.n * USEC_PER_SEC)
		incsrc_sign(c, t->vmid, INCIDENT_FROZEN, NULL,
			    "frozen for more than %ju second%s", (uintmax_t)sec.n,
			    sec.n == 1 ? "" : "s");
}

static void look_quiet(struct collector *c, struct incct *ct, uint64_t now)
{
	for (size_t k = INCIDENT_NONE + 1; k < INCIDENT_KINDS; k++)
		if (incident_over(&ct->watch, (enum incident_kind)k, now))
			close_one(c, ct->vmid, (enum incident_kind)k, NULL);
}

/*
 * A tenth of the containers each second, half a second away from the recorder's tick:
 * during it the ring cannot be asked who is calm, and all their pressures would be read.
 */
uint64_t incsrc_due(struct collector *c, struct lc_time now)
{
	struct incsrc *s = c->incs;
	struct cgct *t;

	if (!s)
		return 0;
	if (now.boot_usec < s->next_look_boot_usec)
		return s->next_look_boot_usec;
	s->next_look_boot_usec = clock_off_beat(now.boot_usec, USEC_PER_SEC);
	s->slice = (s->slice + 1) % 10;
	if (!s->slice)
		forget_old(s, now.boot_usec);
	for (size_t i = s->slice; (t = cgsrc_at(c, i)); i += 10) {
		pressure_look(c, t);
		incsrc_look_frozen(c, t, now.boot_usec);
	}
	for (size_t i = s->slice; i < s->n_cts; i += 10)
		look_quiet(c, &s->cts[i], now.boot_usec);
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (s->jobs[i] && guard_is_over(&s->jobs[i]->guard))
			job_free(s, s->jobs[i]);
	for (size_t i = 0; i < s->n_open; i++)
		if (s->open[i].dirty && !s->open[i].token)
			send(c, &s->open[i]);
	return s->next_look_boot_usec;
}

/* Those that were open when the collector ended. */
static void restore(struct incsrc *s, struct db *db)
{
	const struct incident_query q = { .open_only = true, .limit = MAX_OPEN };
	struct incidents l = { 0 };

	if (!db || db_incidents(db, &q, &l, NULL) < 0)
		return;
	for (size_t i = 0; i < l.n; i++) {
		struct incct *ct = ct_of(s, l.v[i].vmid);

		if (l.v[i].kind >= INCIDENT_KINDS || ct->watch.slot[l.v[i].kind].open)
			continue;
		ct->watch.slot[l.v[i].kind] =
			(struct incident_slot){ .open = true,
						.last_boot_usec = clock_boot_usec() };
		GROW(s->open, s->n_open, s->cap_open);
		s->open[s->n_open++] =
			(struct open){ .row = l.v[i], .sent = true, .restored = true };
		l.v[i] = (struct incident){ 0 };
	}
	incidents_done(&l);
}

int incsrc_open(struct collector *c, struct db *db, struct err *err)
{
	(void)err;
	c->incs = xcalloc(1, sizeof(*c->incs));
	restore(c->incs, db);
	return 0;
}

void incsrc_close(struct collector *c)
{
	struct incsrc *s = c->incs;

	if (!s)
		return;
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (s->jobs[i])
			job_free(s, s->jobs[i]);
	for (size_t i = 0; i < s->n_open; i++)
		open_done(&s->open[i]);
	free(s->open);
	free(s->cts);
	free(s->recent);
	free(s);
	c->incs = NULL;
}
