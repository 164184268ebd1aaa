/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/writerimpl.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/num.h"
#include "base/sched.h"

#define MAX_ITEMS        ((size_t)32768)
#define MAX_BYTES        ((size_t)16 << 20)
#define GROUP_USEC       (100 * USEC_PER_MSEC)
#define RETRY_USEC       (10 * USEC_PER_SEC)
#define SPACE_USEC       (2 * USEC_PER_SEC)
#define MAINTAIN_USEC    (60 * USEC_PER_SEC)
#define TROUBLE_USEC     (60 * USEC_PER_SEC)  /* three errors within that: RAM only */
#define BUSY_USEC        (20 * USEC_PER_MSEC) /* somebody's sqlite3 writes */
#define BATCH_ITEMS      ((size_t)4096)
#define BATCH_BYTES      ((size_t)8 << 20)
#define CHECKPOINT_PAGES 512
#define FULL_PAGES       64
#define STORM_PAGES      768 /* of the 1024 that the WAL has room for */
#define QUIET_USEC       (100 * USEC_PER_MSEC)
#define MAX_PASSED       16 /* batches before blocks that wait have their turn */

static void trouble(struct writer *w, const char *text)
{
	pthread_mutex_lock(&w->lock);
	snprintf(w->st.trouble, sizeof(w->st.trouble), "%s", text);
	pthread_mutex_unlock(&w->lock);
}

/* -EBUSY is none: somebody's sqlite3 writes. */
static void count_error(struct writer *w, int r, const struct err *err)
{
	pthread_mutex_lock(&w->lock);
	w->st.errors += r != -EBUSY;
	if (r != -EBUSY && r != -ENOSPC) {
		w->st.faults++;
		snprintf(w->st.fault, sizeof(w->st.fault), "%s", err->msg);
	}
	pthread_mutex_unlock(&w->lock);
	trouble(w, err->msg);
}

static void set_ram_only(struct writer *w, bool on)
{
	pthread_mutex_lock(&w->lock);
	w->st.ram_only = on;
	if (!on)
		*w->st.trouble = '\0';
	pthread_mutex_unlock(&w->lock);
	if (on) {
		db_close(w->db);
		w->db = NULL;
		w->next_retry = clock_boot_usec() + w->o.retry_usec;
	}
}

/* Stored by the writer itself, with the next transaction. */
static void own_event(struct writer *w, const char *what, const char *reason,
		      uint64_t count)
{
	struct event e = { .type = EVENT_COLLECTOR,
			   .origin = ORIGIN_COLLECTOR,
			   .time_real_usec = clock_real_usec(),
			   .boot_usec = clock_boot_usec() };

	snprintf(e.id, sizeof(e.id), "%.8s-0-0-%s-%jx%s%s", w->boot, what,
		 (uintmax_t)e.boot_usec, reason ? "-" : "", reason ? reason : "");
	snprintf(e.boot, sizeof(e.boot), "%s", w->boot);
	e.data = count ? xasprintf("{\"what\":\"%s\",\"reason\":\"%s\",\"count\":%ju}",
				   what, reason ? reason : "", (uintmax_t)count)
		       : xasprintf("{\"what\":\"%s\"}", what);
	pthread_mutex_lock(&w->lock);
	{
		struct item i;

		writer_take_put(&i, &(struct writer_put){ .events = &e, .n_events = 1 });
		writer_push(w, &i);
	}
	pthread_mutex_unlock(&w->lock);
}

static void set_no_space(struct writer *w, bool on)
{
	bool was;

	pthread_mutex_lock(&w->lock);
	was = w->st.no_space;
	w->st.no_space = on;
	pthread_mutex_unlock(&w->lock);
	if (on)
		w->next_space = clock_boot_usec() + w->o.space_usec;
	if (on != was)
		own_event(w, on ? "store-full" : "store-resumed", NULL, 0);
}

static void tell_drops(struct writer *w)
{
	for (size_t d = 0; d < WRITER_DROPS; d++) {
		uint64_t n;

		pthread_mutex_lock(&w->lock);
		n = w->st.drops[d] - w->told_drops[d];
		w->told_drops[d] = w->st.drops[d];
		pthread_mutex_unlock(&w->lock);
		if (n)
			own_event(w, "dropped", writer_drop_name((enum writer_drop)d), n);
	}
}

static int store_item(struct writer *w, struct item *i, struct err *err)
{
	int r = 0;

	switch (i->kind) {
	case ITEM_PUT:
		if (i->n_events)
			r = db_add_events(w->db, i->events, i->n_events, i->urgent, NULL,
					  err);
		for (size_t k = 0; r == 0 && k < i->n_lives; k++)
			r = db_put_life(w->db, &i->lives[k], err);
		if (r == 0 && (i->configs.n || i->configs.seen_real_usec))
			r = db_put_configs(w->db, &i->configs, err);
		if (r == 0 && i->n_events)
			i->n = i->events[i->n_events - 1].seq;
		break;
	case ITEM_BLOCKS:
		r = db_add_blocks(w->db, i->blocks, i->n_blocks, err);
		break;
	case ITEM_DISK:
		r = db_add_disk(w->db, i->disk.v, i->disk.n, err);
		break;
	case ITEM_INCIDENT:
		r = db_put_incident(w->db, &i->incident, err);
		if (r == 0)
			i->n = i->incident.n;
		break;
	}
	return r;
}

/* What cannot be stored, now or ever, does not keep the rest from it. */
static bool is_own_fault(const struct item *i, int r)
{
	bool recorded = i->kind == ITEM_BLOCKS || i->kind == ITEM_DISK;

	return r == -EINVAL || r == -E2BIG || (recorded && r == -ENOSPC);
}

static int try_batch(struct writer *w, struct item *v, size_t n, struct err *err)
{
	bool durable = false;
	int r;

	for (size_t i = 0; i < n; i++)
		durable |= v[i].urgent;
	r = db_begin(w->db, durable, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		bool fresh = v[i].kind == ITEM_INCIDENT && !v[i].incident.n;

		if (v[i].result)
			continue;
		r = store_item(w, &v[i], err);
		if (r < 0 && is_own_fault(&v[i], r)) {
			if (r == -ENOSPC)
				set_no_space(w, true);
			v[i].result = r == -ENOSPC ? -ENOBUFS : r;
			/* part of it may be in the transaction: begin again without it */
			db_rollback(w->db);
			if (fresh)
				v[i].incident.n = 0;
			return 1;
		}
	}
	if (r == 0)
		r = db_commit(w->db, err);
	if (r < 0)
		db_rollback(w->db);
	return r;
}

/* Numbers that a transaction gave which was not committed are none. */
static void forget_numbers(struct item *v, size_t n, const bool *fresh)
{
	for (size_t i = 0; i < n; i++)
		if (fresh[i])
			v[i].incident.n = 0;
}

static bool too_many_errors(struct writer *w)
{
	uint64_t now = clock_boot_usec();

	memmove(w->errors + 1, w->errors, 2 * sizeof(*w->errors));
	w->errors[0] = now;
	return w->errors[2] && now < w->errors[2] + TROUBLE_USEC;
}

static void open_again(struct writer *w)
{
	struct db_opened opened = { 0 };
	struct err err = { 0 };
	int r;

	db_close(w->db);
	w->db = NULL;
	r = db_open(w->path, &w->db, &opened, &err);
	if (r < 0) {
		count_error(w, r, &err);
		set_ram_only(w, true);
		return;
	}
	(void)db_set_node(w->db, w->node, NULL);
	set_ram_only(w, false);
	if (!db_reserved(w->db))
		set_no_space(w, true);
	if (opened.quarantined) {
		pthread_mutex_lock(&w->lock);
		w->st.replaced++;
		pthread_mutex_unlock(&w->lock);
		own_event(w, "store-replaced", NULL, 0);
	}
	db_opened_done(&opened);
	tell_drops(w);
}

static void replace(struct writer *w)
{
	struct db_opened opened = { 0 };
	struct err err = { 0 };
	struct db *fresh = NULL;
	int r;

	r = db_replace(&w->db, w->path, &fresh, &opened, &err);
	if (r < 0) {
		count_error(w, r, &err);
		set_ram_only(w, true);
		return;
	}
	w->db = fresh;
	(void)db_set_node(w->db, w->node, NULL);
	pthread_mutex_lock(&w->lock);
	w->st.replaced++;
	pthread_mutex_unlock(&w->lock);
	own_event(w, "store-replaced", NULL, 0);
	db_opened_done(&opened);
}

/* After a failed transaction: what to do before it is done again. `again`: it was before. */
static void recover(struct writer *w, int r, bool again, const struct err *err)
{
	count_error(w, r, err);
	if (r == -EBUSY) {
		clock_sleep_usec(BUSY_USEC);
		return;
	}
	if (r == -EUCLEAN) {
		replace(w);
	} else if (r == -ENOSPC) {
		set_no_space(w, true);
		/* once the reserve is in use, room is made inside of the database */
		if (!db_use_reserve(w->db) && (db_make_room(w->db, NULL) < 0 || again))
			clock_sleep_usec(50 * USEC_PER_MSEC);
	} else if (too_many_errors(w)) {
		set_ram_only(w, true);
	} else {
		open_again(w);
	}
}

static void count(struct writer *w, const struct item *i)
{
	if (i->result < 0) {
		w->st.drops[i->result == -ENOBUFS ? DROP_NOSPACE : DROP_BAD] +=
			i->n_events + i->n_blocks + i->disk.n;
		return;
	}
	w->st.events += i->n_events;
	w->st.blocks += i->n_blocks;
	w->st.incidents += i->kind == ITEM_INCIDENT;
}

static void finish(struct writer *w, struct item *v, size_t n, bool durable,
		   uint64_t took_usec)
{
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < n; i++) {
		count(w, &v[i]);
		writer_answer(w, v[i].token, v[i].result, v[i].n);
		writer_item_done(&v[i]);
	}
	w->st.commits++;
	w->st.durable_commits += durable;
	w->st.last_commit_usec = took_usec;
	w->st.max_commit_usec = MAX(w->st.max_commit_usec, took_usec);
	*w->st.trouble = '\0';
	w->busy_since = 0;
	pthread_mutex_unlock(&w->lock);
}

static void give_up(struct item *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		writer_item_done(&v[i]);
}

/* Until it is stored, or the program ends without a store: then nobody is told it was. */
static void store_batch(struct writer *w, struct item *v, size_t n)
{
	_cleanup_free_ bool *fresh = xcalloc(n, sizeof(*fresh));
	uint64_t began = clock_boot_usec();
	bool durable = false, quit;
	int last = 0;

	for (size_t i = 0; i < n; i++) {
		fresh[i] = v[i].kind == ITEM_INCIDENT && !v[i].incident.n;
		durable |= v[i].urgent;
	}
	for (;;) {
		struct err err = { 0 };
		int r = w->db ? try_batch(w, v, n, &err) : -ENODEV;

		if (r == 0)
			break;
		forget_numbers(v, n, fresh);
		if (r == 1)
			continue;
		pthread_mutex_lock(&w->lock);
		quit = w->quit;
		pthread_mutex_unlock(&w->lock);
		if (r == -ENODEV) {
			if (quit) {
				give_up(v, n);
				return;
			}
			clock_sleep_usec(100 * USEC_PER_MSEC);
			if (clock_boot_usec() >= w->next_retry)
				open_again(w);
		} else {
			recover(w, r, last == r, &err);
			last = r;
		}
	}
	finish(w, v, n, durable, clock_boot_usec() - began);
}

/* Of what is no transaction of somebody's. */
static void note_fault(struct writer *w, int r, const struct err *err)
{
	if (r == -ENOSPC) {
		set_no_space(w, true);
		(void)db_use_reserve(w->db);
	}
	if (r < 0)
		count_error(w, r, err);
}

/* A database that cannot grow is the first that is heard of a full disk. */
static void shorten_wal(struct writer *w, unsigned min_pages)
{
	struct err err = { 0 };
	int r = w->db ? db_checkpoint(w->db, min_pages, &err) : 0;

	note_fault(w, r, &err);
}

static void maintain(struct writer *w)
{
	uint64_t now = clock_boot_usec();
	struct err err = { 0 };
	int r;

	if (!w->db) {
		if (now >= w->next_retry)
			open_again(w);
		return;
	}
	if (w->st.no_space && now >= w->next_space) {
		w->next_space = now + w->o.space_usec;
		if (db_reserved(w->db) || db_restore_reserve(w->db, &err) == 0) {
			set_no_space(w, false);
			tell_drops(w);
		}
	}
	if (now >= w->next_maintain) {
		w->next_maintain = now + w->o.maintain_usec;
		r = db_mark(w->db, now, &err);
		if (r < 0)
			count_error(w, r, &err);
		w->more_to_prune = true;
		tell_drops(w);
	}
	if (w->more_to_prune) {
		struct db_limits limits;

		pthread_mutex_lock(&w->lock);
		limits = w->o.limits;
		pthread_mutex_unlock(&w->lock);
		r = db_prune(w->db, &limits, &w->more_to_prune, &err);
		if (r < 0) {
			w->more_to_prune = false;
			count_error(w, r, &err);
		}
	}
	r = db_keep_pages(w->db, &err);
	note_fault(w, r, &err);
	/* a full disk has only the WAL's own room for it */
	shorten_wal(w, db_reserved(w->db) ? CHECKPOINT_PAGES : FULL_PAGES);
}

static void deadline_in(uint64_t usec, struct timespec *ret)
{
	uint64_t at;

	clock_gettime(CLOCK_MONOTONIC, ret);
	at = (uint64_t)ret->tv_sec * USEC_PER_SEC + (uint64_t)ret->tv_nsec / 1000 + usec;
	ret->tv_sec = (time_t)(at / USEC_PER_SEC);
	ret->tv_nsec = (long)(at % USEC_PER_SEC) * 1000;
}

static bool is_due(const struct writer *w)
{
	return w->q.n && (w->quit || w->n_urgent ||
			  clock_boot_usec() - w->oldest_boot_usec >= w->o.group_usec);
}

/*
 * What could be done when it became quiet was done then: there is no more until the next
 * time for it, unless something is left or is in the way.
 */
static uint64_t quiet_for(const struct writer *w)
{
	if (!w->quiet)
		return QUIET_USEC;
	if (!w->db || w->st.no_space || w->more_to_prune)
		return USEC_PER_SEC;
	return MAX(num_sub(w->next_maintain, clock_boot_usec()), USEC_PER_SEC);
}

/*
 * For a group to be complete, or for whatever comes. True: nothing did for a while. What
 * comes first after a commit is often more of the same (a start has six events): what
 * takes the disk for longer waits until it is quiet.
 */
static bool wait_work(struct writer *w)
{
	uint64_t age = clock_boot_usec() - w->oldest_boot_usec;
	struct timespec ts;
	bool timeout;

	deadline_in(w->q.n ? num_sub(w->o.group_usec, age) : quiet_for(w), &ts);
	timeout = pthread_cond_timedwait(&w->wake, &w->lock, &ts) == ETIMEDOUT;
	w->quiet = timeout && !w->q.n;
	return w->quiet;
}

/* All that is due, in its order; else one slice of blocks, which have to go on too. */
static size_t take_batch(struct writer *w, struct item **ret)
{
	bool slice = w->blocks.n && (!is_due(w) || w->passed >= MAX_PASSED);
	struct queue *q = slice ? &w->blocks : &w->q;
	size_t max = slice ? 1 : MIN(q->n, BATCH_ITEMS), n = 0, bytes = 0;

	if (!slice && !is_due(w))
		return 0;
	w->passed = slice || !w->blocks.n ? 0 : w->passed + 1;
	*ret = xcalloc(max, sizeof(**ret));
	while (n < max && bytes < BATCH_BYTES)
		writer_pop(w, q, &(*ret)[n++], &bytes);
	w->busy_since = clock_boot_usec();
	if (!slice)
		w->oldest_boot_usec = w->busy_since;
	return n;
}

/* Waits for work: at once for what is urgent, for a group of the rest. */
static size_t wait_batch(struct writer *w, struct item **ret, bool *ret_idle,
			 bool *ret_quit)
{
	bool idle = w->st.no_space || !w->db; /* it is tried again meanwhile */
	size_t n;

	pthread_mutex_lock(&w->lock);
	if (!w->quit && !w->blocks.n && !is_due(w))
		idle |= wait_work(w);
	n = take_batch(w, ret);
	*ret_idle = idle && !n;
	*ret_quit = w->quit && !w->q.n && !w->blocks.n;
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void *run(void *arg)
{
	struct writer *w = arg;
	bool quit = false;

	sched_wake_soon();
	while (!quit) {
		struct item *v = NULL;
		bool idle = false;
		size_t n = wait_batch(w, &v, &idle, &quit);

		if (n) {
			store_batch(w, v, n);
			/* a storm goes on for longer than the WAL may grow */
			shorten_wal(w, STORM_PAGES);
		} else if (idle && !quit) {
			maintain(w);
		}
		/* a queue that is never empty is no reason to let the store grow */
		if (n && clock_boot_usec() >= w->next_maintain)
			maintain(w);
		free(v);
	}
	db_close(w->db);
	w->db = NULL;
	return NULL;
}

/* ---- its life ------------------------------------------------------------------------
 */

static void set_opts(struct writer *w, const struct writer_opts *o)
{
	w->o = *o;
	w->path = xstrdup(o->path);
	w->node = o->node ? xstrdup(o->node) : NULL;
	snprintf(w->boot, sizeof(w->boot), "%s", o->boot_id ? o->boot_id : "");
	w->o.path = w->path;
	w->o.node = w->node;
	w->o.boot_id = w->boot;
	w->o.max_items = o->max_items ? o->max_items : MAX_ITEMS;
	w->o.max_bytes = o->max_bytes ? o->max_bytes : MAX_BYTES;
	w->o.group_usec = o->group_usec ? o->group_usec : GROUP_USEC;
	w->o.retry_usec = o->retry_usec ? o->retry_usec : RETRY_USEC;
	w->o.space_usec = o->space_usec ? o->space_usec : SPACE_USEC;
	w->o.maintain_usec = o->maintain_usec ? o->maintain_usec : MAINTAIN_USEC;
}

static void writer_free(struct writer *w)
{
	struct queue *const queues[] = { &w->q, &w->blocks };

	for (size_t k = 0; k < ARRAY_SIZE(queues); k++) {
		for (size_t i = 0; i < queues[k]->n; i++)
			writer_item_done(writer_queue_at(queues[k], i));
		free(queues[k]->v);
	}
	free(w->done);
	free(w->path);
	free(w->node);
	if (w->fd >= 0)
		close(w->fd);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	free(w);
}

int writer_new(const struct writer_opts *o, struct db *db, struct writer **ret,
	       struct err *err)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int r;

	set_opts(w, o);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	w->db = db;
	if (db)
		(void)db_set_node(db, w->node, NULL);
	else
		w->st.ram_only = true;
	if (db && !db_reserved(db))
		set_no_space(w, true);
	w->next_retry = clock_boot_usec() + w->o.retry_usec;
	w->next_maintain = clock_boot_usec() + w->o.maintain_usec;
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->fd < 0 ? errno : pthread_create(&w->thread, NULL, run, w);
	if (r) {
		db_close(w->db);
		writer_free(w);
		return err_set(err, -r, "start the store's thread: %s", strerror(r));
	}
	*ret = w;
	return 0;
}

int writer_stop(struct writer **w, uint64_t timeout_usec)
{
	struct writer *me = *w;
	struct timespec ts;

	*w = NULL;
	if (!me)
		return 0;
	pthread_mutex_lock(&me->lock);
	me->quit = true;
	pthread_cond_signal(&me->wake);
	pthread_mutex_unlock(&me->lock);
	deadline_in(timeout_usec, &ts);
	if (pthread_clockjoin_np(me->thread, NULL, CLOCK_MONOTONIC, &ts) != 0)
		return -ETIMEDOUT;
	writer_free(me);
	return 0;
}
