/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/collector.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/str.h"
#include "rule/incident.h"

#define CLOCK_STEP_USEC (2 * USEC_PER_SEC)

struct lc_time collector_now(void)
{
	return (struct lc_time){ clock_real_usec(), clock_boot_usec() };
}

/* ---- batches ------------------------------------------------------------------------
 */

static void batch_done(struct batch *b)
{
	for (size_t i = 0; i < b->n_events; i++)
		event_done(&b->events[i]);
	for (size_t i = 0; i < b->n_lives; i++)
		db_life_done(&b->lives[i]);
	db_configs_done(&b->configs);
	free(b->events);
	free(b->lives);
	*b = (struct batch){ 0 };
}

struct event *collector_event(struct collector *c, enum event_type type,
			      enum event_origin origin, uint32_t vmid,
			      struct lc_time when)
{
	struct batch *b = &c->now;
	const struct lc_ct *ct = vmid ? lc_find(&c->lc, vmid) : NULL;
	struct event *e;

	GROW(b->events, b->n_events, b->cap_events);
	e = &b->events[b->n_events++];
	*e = (struct event){ .type = type,
			     .origin = origin,
			     .vmid = vmid,
			     .life = ct ? ct->life : 0,
			     .time_real_usec = when.real_usec,
			     .boot_usec = when.boot_usec };
	snprintf(e->boot, sizeof(e->boot), "%s", c->boot);
	b->urgent |= event_is_lifecycle(type);
	if (vmid)
		e->name = confsrc_name(c, vmid);
	if (vmid && !e->name)
		confsrc_kick(c);
	c->n_events++;
	return e;
}

void collector_id(struct collector *c, struct event *e, const char *what, uint64_t n)
{
	snprintf(e->id, sizeof(e->id), "%.8s-%u-%ju-%s-%jx", c->boot, e->vmid,
		 (uintmax_t)e->life, what, (uintmax_t)n);
}

/* 0, or -EAGAIN: no room. What was dropped or cannot be stored is the writer's to count.
 */
static int submit(struct collector *c, struct batch *b)
{
	struct writer_put put = { .events = b->events,
				  .n_events = b->n_events,
				  .lives = b->lives,
				  .n_lives = b->n_lives,
				  .configs = &b->configs,
				  .urgent = b->urgent,
				  .token = b->token };
	int r = writer_put(c->writer, &put);

	if (r == -EAGAIN)
		return r;
	batch_done(b);
	return 0;
}

static void retry_held(struct collector *c)
{
	size_t done = 0;

	while (done < c->n_held && submit(c, &c->held[done]) == 0)
		done++;
	if (!done)
		return;
	memmove(c->held, c->held + done, (c->n_held - done) * sizeof(*c->held));
	c->n_held -= done;
	if (!c->n_held)
		spoolsrc_room(c);
}

bool collector_is_full(const struct collector *c)
{
	return c->n_held > 0;
}

uint64_t collector_flush(struct collector *c, bool want_token)
{
	struct batch b = c->now;

	if (!b.n_events && !b.n_lives && !b.configs.n && !b.configs.seen_real_usec)
		return 0;
	incsrc_look(c, b.events, b.n_events);
	b = c->now; /* an incident may have added to it */
	c->now = (struct batch){ 0 };
	if (want_token)
		b.token = ++c->last_token;
	if (!c->n_held && submit(c, &b) == 0)
		return want_token ? c->last_token : 0;
	GROW(c->held, c->n_held, c->cap_held);
	c->held[c->n_held++] = b;
	return b.token;
}

static void on_writer(void *arg, uint32_t events)
{
	struct collector *c = arg;
	struct writer_done done[64];
	size_t n;

	(void)events;
	while ((n = writer_done(c->writer, done, ARRAY_SIZE(done))) > 0)
		for (size_t i = 0; i < n; i++)
			if (!incsrc_done(c, &done[i]))
				spoolsrc_done(c, done[i].token, done[i].result);
	retry_held(c);
	collector_settle(c);
}

/* ---- what the life cycle says --------------------------------------------------------
 */

static void on_lc_event(void *arg, const struct lc_event *e)
{
	struct collector *c = arg;
	struct event *ev = collector_event(c, e->type, e->origin, e->ct->vmid, e->when);

	snprintf(ev->id, sizeof(ev->id), "%s", e->id);
	ev->life = e->ct->life;
	ev->inferred = e->inferred;
	c->n_inferred += e->inferred;
	data_of_lifecycle(c, e, &ev->data);
	switch (e->type) {
	case EVENT_STARTED:
		cgsrc_started(c, e->ct); /* may add an event: `ev` is gone */
		incsrc_over(c, e->ct->vmid, INCIDENT_UNEXPECTED_STOP, e->id);
		incsrc_over(c, e->ct->vmid, INCIDENT_START_FAILED, e->id);
		break;
	case EVENT_START_FAILED:
		cgsrc_ended(c, e->ct);
		incsrc_sign(c, ev->vmid, INCIDENT_START_FAILED, ev,
			    "its start failed%s%s", *c->reason ? ": " : "", c->reason);
		break;
	case EVENT_STOPPED:
	case EVENT_REBOOTED:
		cgsrc_ended(c, e->ct);
		incsrc_over(c, e->ct->vmid, INCIDENT_FROZEN, e->id);
		if (e->type == EVENT_STOPPED &&
		    incident_unexpected(e->verdict, e->evidence))
			incsrc_sign(c, e->ct->vmid, INCIDENT_UNEXPECTED_STOP, ev,
				    "it stopped: %s", e->verdict->why);
		break;
	case EVENT_RECONCILED:
		if (e->verdict)
			incsrc_correct(c, e->ct->vmid, INCIDENT_UNEXPECTED_STOP, ev,
				       !incident_unexpected(e->verdict, e->evidence),
				       "it stopped: %s", e->verdict->why);
		break;
	default:
		break;
	}
}

static void on_lc_life(void *arg, const struct db_life *row)
{
	struct collector *c = arg;
	struct batch *b = &c->now;

	GROW(b->lives, b->n_lives, b->cap_lives);
	b->lives[b->n_lives] = *row;
	b->lives[b->n_lives++].name = confsrc_name(c, row->vmid);
	b->urgent = true;
}

static void on_lc_evidence(void *arg, const struct lc_ct *ct, struct stop_evidence *ev)
{
	struct collector *c = arg;

	failure_evidence(c, ct, ev); /* first: whose task it was depends on it */
	cgsrc_evidence(c, ct, ev);
	kernsrc_evidence(c, ct, ev);
	tasksrc_evidence(c, ct, ev);
}

/* The task that starts it, or what lxc-start wrote since the last end. */
static bool on_lc_starting(void *arg, const struct lc_ct *ct)
{
	static const char *const types[] = { "vzstart",  "vzreboot",  "startall",
					     "hastart",  "vzrestore", "vzcreate",
					     "vzmigrate" };
	struct collector *c = arg;

	return tasksrc_at_work(c, ct->vmid, types, ARRAY_SIZE(types)).type ||
	       failure_is_new(c, ct);
}

void collector_init(struct collector *c)
{
	const struct lc_ops ops = { .event = on_lc_event,
				    .life = on_lc_life,
				    .evidence = on_lc_evidence,
				    .starting = on_lc_starting,
				    .arg = c };

	c->started_boot_usec = clock_boot_usec();
	lc_init(&c->lc, c->boot, &ops);
}

/* ---- time ---------------------------------------------------------------------------
 */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return !a ? b : !b ? a : MIN(a, b);
}

/* Set by somebody, or by NTP in one step: times of events before it are of the old one. */
static void look_clock(struct collector *c, struct lc_time now)
{
	uint64_t zero = now.real_usec - now.boot_usec, had = c->clock_zero_usec;
	bool on = zero > had;
	uint64_t by = on ? zero - had : had - zero;
	char text[80];

	c->clock_zero_usec = zero;
	if (!had || by <= CLOCK_STEP_USEC)
		return;
	snprintf(text, sizeof(text), "the clock was set %s by %ju seconds",
		 on ? "forward" : "back", (uintmax_t)(by / USEC_PER_SEC));
	collector_say(c, "clock", text, 0);
}

void collector_settle(struct collector *c)
{
	struct lc_time now = collector_now();
	uint64_t next;

	look_clock(c, now);

	tasksrc_settle(c);
	next = cgsrc_due(c, now);
	next = sooner(next, lc_tick(&c->lc, now));
	next = sooner(next, incsrc_due(c, now));
	next = sooner(next, netsrc_due(c, now));
	next = sooner(next, spoolsrc_due(c));
	tasksrc_settle(c);
	collector_flush(c, false);
	loop_at(c->due, next ? MAX(next, now.boot_usec + 500) : 0);
}

static void on_due(void *arg, uint32_t events)
{
	(void)events;
	spoolsrc_drain(arg);
	collector_settle(arg);
}

/* Of a disk that fails now and then nothing is left to see later: told once it stores again. */
static void tell_faults(struct collector *c, const struct writer_stat *st)
{
	uint64_t n = st->faults - c->told_faults;

	if (!n || st->ram_only)
		return;
	c->told_faults = st->faults;
	collector_say(c, "store-error", st->fault, n);
}

static void status(struct collector *c)
{
	const char *pve = confsrc_trouble(c), *full;
	struct writer_stat st;
	char bad[96] = "", hooks[64] = "", disk[160];
	uint64_t drops = 0;
	size_t up = 0;

	for (size_t i = 0; i < c->lc.n; i++)
		up += c->lc.v[i].phase == LC_UP;
	writer_stat(c->writer, &st);
	tell_faults(c, &st);
	for (size_t i = 0; i < WRITER_DROPS; i++)
		drops += st.drops[i];
	full = st.ram_only ? "; the store cannot be opened: events wait, samples are lost"
	       : st.no_space ? "; the disk of the store is full: only events are stored"
			     : "";
	if (st.errors || drops)
		snprintf(bad, sizeof(bad), "; %ju errors of the store, %ju dropped",
			 (uintmax_t)st.errors, (uintmax_t)drops);
	if (c->n_dropped)
		snprintf(hooks, sizeof(hooks), "; %ju events of hooks are missing",
			 (uintmax_t)c->n_dropped);
	disksrc_trouble(c, disk, sizeof(disk));
	loop_status(c->loop,
		    "%zu containers run, %ju events, %ju inferred%s%s%s%s%s%s%s%s", up,
		    (uintmax_t)c->n_events, (uintmax_t)c->n_inferred, pve ? "; " : "",
		    pve ? pve : "", full, bad, hooks, *st.trouble ? "; " : "", st.trouble,
		    disk);
	if (*st.trouble)
		loop_log(c->loop, 4, "store", "the store: %s", st.trouble);
}

static void on_each(void *arg, uint32_t events)
{
	struct collector *c = arg;

	(void)events;
	spoolsrc_reconcile(c);
	tasksrc_reconcile(c);
	cgsrc_reconcile(c);
	netsrc_reconcile(c);
	confsrc_reconcile(c);
	kernsrc_reconcile(c);
	recorder_reconcile(c);
	disksrc_reconcile(c);
	status(c);
	collector_settle(c);
	loop_at(c->each, clock_off_beat(clock_boot_usec(), RECONCILE_USEC));
}

int collector_begin(struct collector *c, struct err *err)
{
	c->writer_io =
		loop_add_io(c->loop, writer_fd(c->writer), EPOLLIN, true, on_writer, c);
	c->due = loop_add_timer(c->loop, on_due, c);
	c->each = loop_add_timer(c->loop, on_each, c);
	if (!c->writer_io || !c->due || !c->each)
		return err_set(err, -ENOMEM, "add to the event loop");
	loop_at(c->each, clock_off_beat(clock_boot_usec(), RECONCILE_USEC));
	return 0;
}

void collector_end(struct collector *c)
{
	loop_del_io(c->writer_io);
	loop_del_io(c->due);
	loop_del_io(c->each);
	for (size_t i = 0; i < c->n_held; i++)
		batch_done(&c->held[i]);
	free(c->held);
	batch_done(&c->now);
	lc_done(&c->lc);
	free(c->node);
}

/* ---- about the collector itself ------------------------------------------------------
 */

void collector_say(struct collector *c, const char *what, const char *text,
		   uint64_t count)
{
	struct lc_time now = collector_now();
	struct event *e = collector_event(c, EVENT_COLLECTOR, ORIGIN_COLLECTOR, 0, now);
	struct data d;

	collector_id(c, e, what, now.boot_usec);
	if (!data_open(&d))
		return;
	jw_str(d.w, "what", what);
	jw_str(d.w, "text", text);
	if (count)
		jw_int(d.w, "count", count);
	data_close(&d, &e->data);
}
