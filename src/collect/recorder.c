/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"
#include "collect/collector.h"
#include "collect/sampler.h"

/*
 * The sampler's tick, each second, in a thread of its own: a tick of a thousand
 * containers takes tens of milliseconds, and an event must not wait for it.
 */
struct note {
	uint32_t vmid;
	uint64_t life; /* 0: remove */
	enum { NOTE_LIFE, NOTE_FROZEN, NOTE_THAWED } what;
};

struct recorder {
	struct collector *c;
	struct ring *ring;
	struct minute *minute;
	struct sampler *sampler;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock; /* of the sampler and the ring, held for a tick */
	bool quit;
	struct writer *writer;
	dev_t dev; /* of the ring's file */
	ino_t ino;

	pthread_mutex_t notes_lock; /* held for a moment only */
	struct note *notes;
	size_t n, cap;
};

static void on_blocks(struct db_block *v, size_t n, void *arg)
{
	struct recorder *r = arg;

	if (r->writer)
		(void)writer_blocks(r->writer, v, n, 0);
	else
		for (size_t i = 0; i < n; i++)
			db_block_done(&v[i]);
}

static int apply(struct recorder *r, const struct note *n)
{
	int e;

	if (n->what != NOTE_LIFE) {
		sampler_frozen(r->sampler, n->vmid, n->what == NOTE_FROZEN);
		return 0;
	}
	if (!n->life) {
		sampler_remove(r->sampler, n->vmid);
		return 0;
	}
	e = sampler_add(r->sampler, n->vmid, n->life, NULL);
	if (e == -EEXIST) {
		sampler_remove(r->sampler, n->vmid);
		e = sampler_add(r->sampler, n->vmid, n->life, NULL);
	}
	return e;
}

/* No descriptors, no memory for it now: asked again with the next tick, unless something
 * newer is known of that container by then. */
static void apply_again(struct recorder *r, const struct note *n, int e)
{
	bool newer = false;

	if (e != -EMFILE && e != -ENFILE && e != -ENOMEM)
		return;
	pthread_mutex_lock(&r->notes_lock);
	for (size_t i = 0; i < r->n; i++)
		newer |= r->notes[i].vmid == n->vmid && r->notes[i].what == NOTE_LIFE;
	if (!newer) {
		GROW(r->notes, r->n, r->cap);
		r->notes[r->n++] = *n;
	}
	pthread_mutex_unlock(&r->notes_lock);
}

static void apply_notes(struct recorder *r)
{
	struct note *v;
	size_t n;

	pthread_mutex_lock(&r->notes_lock);
	v = r->notes;
	n = r->n;
	r->notes = NULL;
	r->n = r->cap = 0;
	pthread_mutex_unlock(&r->notes_lock);
	for (size_t i = 0; i < n; i++)
		apply_again(r, &v[i], apply(r, &v[i]));
	free(v);
}

static void *run(void *arg)
{
	struct recorder *r = arg;
	struct db *db = NULL;
	bool quit = false;

	/* at first the store is asked, for those that went on without us: their roll-ups
	 * must have no hole */
	if (r->minute && db_open_readonly(r->c->o->db, true, &db, NULL) == 0)
		minute_use_store(r->minute, db);
	for (unsigned tick = 0; !quit; tick++) {
		uint64_t next = (clock_boot_usec() / USEC_PER_SEC + 1) * USEC_PER_SEC;
		struct timespec ts = { .tv_sec = (time_t)(next / USEC_PER_SEC) };
		struct sampler_report rep = { 0 };

		while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &ts, NULL) == EINTR)
			;
		pthread_mutex_lock(&r->lock);
		quit = r->quit;
		apply_notes(r);
		if (!quit)
			sampler_tick(r->sampler, &rep);
		for (size_t i = 0; i < rep.n_ended; i++)
			sampler_remove(r->sampler, rep.ended[i].vmid);
		pthread_mutex_unlock(&r->lock);
		if (tick == 2 && db) {
			minute_use_store(r->minute, NULL);
			db_close(db);
			db = NULL;
		}
	}
	if (db)
		minute_use_store(r->minute, NULL);
	db_close(db);
	return NULL;
}

static void put_note(struct collector *c, struct note n)
{
	struct recorder *r = c->rec;

	if (!r)
		return;
	pthread_mutex_lock(&r->notes_lock);
	GROW(r->notes, r->n, r->cap);
	r->notes[r->n++] = n;
	pthread_mutex_unlock(&r->notes_lock);
}

void recorder_add(struct collector *c, uint32_t vmid, uint64_t life)
{
	put_note(c, (struct note){ .vmid = vmid, .life = life });
}

void recorder_remove(struct collector *c, uint32_t vmid)
{
	put_note(c, (struct note){ .vmid = vmid });
}

void recorder_frozen(struct collector *c, uint32_t vmid, bool frozen)
{
	put_note(c, (struct note){ .vmid = vmid,
				   .what = frozen ? NOTE_FROZEN : NOTE_THAWED });
}

bool recorder_emptied(struct collector *c, uint32_t vmid, uint64_t gone)
{
	const uint64_t bit = (uint64_t)1 << METRIC_PIDS_CURRENT;
	const struct sample *last = NULL;
	_uninit_ struct ring_copy copy;
	uint64_t most = 0;

	int r;

	if (!c->rec)
		return false;
	pthread_mutex_lock(&c->rec->lock); /* the ring may grow in a tick */
	r = ring_find(c->rec->ring, vmid, 60, &copy);
	pthread_mutex_unlock(&c->rec->lock);
	if (r < 0)
		return false;
	for (size_t i = 0; i < copy.n; i++) {
		if (!(copy.v[i].have & bit) || copy.v[i].boot_usec > gone)
			continue;
		last = &copy.v[i];
		most = MAX(most, last->v[METRIC_PIDS_CURRENT]);
	}
	return last && last->boot_usec + 2500 * USEC_PER_MSEC > gone && most >= 4 &&
	       last->v[METRIC_PIDS_CURRENT] <= 2;
}

/*
 * Less than half of what an average over the last minute must rise by to become an
 * incident (rule/incident.c), over a time longer than that between two looks: who was
 * below it at the last one is still.
 */
bool recorder_is_calm(struct collector *c, uint32_t vmid)
{
	static const struct {
		enum metric metric;
		uint64_t ppm;
	} much[] = {
		{ METRIC_PSI_CPU_SOME_USEC, 300000 },
		{ METRIC_PSI_IO_FULL_USEC, 150000 },
		{ METRIC_PSI_MEMORY_SOME_USEC, 50000 },
		{ METRIC_PSI_MEMORY_FULL_USEC, 50000 },
	};
	const uint64_t back = RECONCILE_USEC / SAMPLER_INTERVAL_USEC + 2;
	struct sample a, b;
	bool known;

	/* a tick goes on: nobody waits for it */
	if (!c->rec || pthread_mutex_trylock(&c->rec->lock) != 0)
		return false;
	known = sampler_span(c->rec->sampler, vmid, back, &a, &b);
	pthread_mutex_unlock(&c->rec->lock);
	for (size_t i = 0; known && i < ARRAY_SIZE(much); i++) {
		unsigned m = much[i].metric;

		known = (a.have & b.have) >> m & 1 && b.v[m] >= a.v[m] &&
			num_muldiv(b.v[m] - a.v[m], 1000000, b.boot_usec - a.boot_usec) <
				much[i].ppm;
	}
	return known;
}

/*
 * Without a ring there are still events: a directory that is missing, a library that is
 * not installed is no reason to see nothing.
 */
int recorder_open(struct collector *c, struct db *db, struct err *err)
{
	struct recorder *r = xcalloc(1, sizeof(*r));
	struct err why = { 0 };
	struct stat st;
	int e;

	(void)db;
	(void)err;
	r->c = c;
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->notes_lock, NULL);
	e = ring_create(c->o->ring, c->boot, &r->ring, &why);
	if (e == 0 && stat(c->o->ring, &st) == 0) {
		r->dev = st.st_dev;
		r->ino = st.st_ino;
	}
	if (e == 0 && minute_new(r->ring, on_blocks, r, &r->minute, &why) < 0)
		loop_log(c->loop, 4, "minute", "no history is stored: %s", why.msg);
	if (e == 0)
		e = sampler_new(c->rootfd, c->o->live, r->ring, r->minute, &r->sampler,
				&why);
	c->rec = r;
	if (e < 0) {
		loop_log(c->loop, 4, "ring", "nothing is recorded: %s", why.msg);
		recorder_close(c);
	}
	return 0;
}

/* The writer is there now. */
void recorder_run(struct collector *c)
{
	struct recorder *r = c->rec;

	if (!r)
		return;
	r->writer = c->writer;
	r->runs = pthread_create(&r->thread, NULL, run, r) == 0;
	if (!r->runs)
		loop_log(c->loop, 4, "thread", "nothing is recorded: no thread");
}

void recorder_close(struct collector *c)
{
	struct recorder *r = c->rec;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->quit = true;
	pthread_mutex_unlock(&r->lock);
	if (r->runs)
		pthread_join(r->thread, NULL);
	if (r->minute)
		minute_flush(r->minute);
	sampler_free(r->sampler);
	minute_free(r->minute);
	ring_close(r->ring);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->notes_lock);
	free(r->notes);
	free(r);
	c->rec = NULL;
}

static bool is_there(const struct collector *c)
{
	struct stat st;

	return c->rec && stat(c->o->ring, &st) == 0 && st.st_dev == c->rec->dev &&
	       st.st_ino == c->rec->ino;
}

/*
 * Readers open the ring by its name: one that was removed is written for nobody. It begins
 * anew, as it does where there was none at the start.
 */
void recorder_reconcile(struct collector *c)
{
	if (is_there(c))
		return;
	recorder_close(c);
	(void)recorder_open(c, NULL, NULL);
	recorder_run(c);
	for (size_t i = 0; i < c->lc.n; i++)
		if (c->lc.v[i].phase == LC_UP && c->lc.v[i].started)
			recorder_add(c, c->lc.v[i].vmid, c->lc.v[i].life);
}
