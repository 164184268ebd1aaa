/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/writerimpl.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

#define SLICE_BLOCKS ((size_t)32)

const char *writer_drop_name(enum writer_drop d)
{
	static const char *const names[WRITER_DROPS] = { [DROP_QUEUE] = "queue",
							 [DROP_NOSPACE] = "nospace",
							 [DROP_STORE] = "store",
							 [DROP_BAD] = "bad" };

	return d < WRITER_DROPS ? names[d] : "unknown";
}

/* ---- items --------------------------------------------------------------------------
 */

void writer_item_done(struct item *i)
{
	for (size_t k = 0; k < i->n_events; k++)
		event_done(&i->events[k]);
	for (size_t k = 0; k < i->n_lives; k++)
		db_life_done(&i->lives[k]);
	for (size_t k = 0; k < i->n_blocks; k++)
		db_block_done(&i->blocks[k]);
	db_configs_done(&i->configs);
	disk_rows_done(&i->disk);
	incident_done(&i->incident);
	free(i->events);
	free(i->lives);
	free(i->blocks);
	*i = (struct item){ 0 };
}

static size_t text_bytes(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

void writer_take_put(struct item *i, const struct writer_put *p)
{
	*i = (struct item){ .kind = ITEM_PUT, .urgent = p->urgent, .token = p->token };
	i->bytes = sizeof(*i);
	if (p->n_events)
		i->events = xcalloc(p->n_events, sizeof(*i->events));
	if (p->n_lives)
		i->lives = xcalloc(p->n_lives, sizeof(*i->lives));
	for (size_t k = 0; k < p->n_events; k++) {
		i->events[k] = p->events[k];
		p->events[k] = (struct event){ 0 };
		i->bytes += sizeof(struct event) + text_bytes(i->events[k].data) +
			    text_bytes(i->events[k].name);
		i->keep |= event_is_lifecycle(i->events[k].type);
	}
	for (size_t k = 0; k < p->n_lives; k++) {
		i->lives[k] = p->lives[k];
		p->lives[k] = (struct db_life){ 0 };
		i->bytes += sizeof(struct db_life) + text_bytes(i->lives[k].name);
	}
	if (p->configs) {
		i->configs = *p->configs;
		*p->configs = (struct db_configs){ 0 };
	}
	for (size_t k = 0; k < i->configs.n; k++)
		i->bytes += sizeof(struct db_config) + i->configs.v[k].text.cap;
	i->n_events = p->n_events;
	i->n_lives = p->n_lives;
	i->keep |= p->n_lives > 0;
}

static bool put_keeps(const struct writer_put *p)
{
	bool keep = p->n_lives > 0;

	for (size_t k = 0; !keep && k < p->n_events; k++)
		keep = event_is_lifecycle(p->events[k].type);
	return keep;
}

/* ---- the queue, all under the lock ----------------------------------------------------
 */

void writer_answer(struct writer *w, uint64_t token, int result, uint64_t n)
{
	const uint64_t one = 1;

	if (!token)
		return;
	if (w->done_first && w->done_n == w->done_cap) {
		memmove(w->done, w->done + w->done_first,
			(w->done_n - w->done_first) * sizeof(*w->done));
		w->done_n -= w->done_first;
		w->done_first = 0;
	}
	GROW(w->done, w->done_n, w->done_cap);
	w->done[w->done_n++] =
		(struct writer_done){ .token = token, .result = result, .n = n };
	(void)!write(w->fd, &one, sizeof(one));
}

struct item *writer_queue_at(struct queue *q, size_t i)
{
	return &q->v[(q->first + i) % q->cap];
}

static void grow(struct queue *q)
{
	size_t cap = q->cap ? q->cap * 2 : 256;
	struct item *v = xcalloc(cap, sizeof(*v));

	for (size_t k = 0; k < q->n; k++)
		v[k] = *writer_queue_at(q, k);
	free(q->v);
	q->v = v;
	q->cap = cap;
	q->first = 0;
}

void writer_push(struct writer *w, struct item *i)
{
	struct queue *q = i->kind == ITEM_BLOCKS ? &w->blocks : &w->q;

	if (q->n == q->cap)
		grow(q);
	if (!w->q.n && q == &w->q)
		w->oldest_boot_usec = clock_boot_usec();
	*writer_queue_at(q, q->n++) = *i;
	w->bytes += i->bytes;
	if (i->urgent)
		w->n_urgent++;
	/* the thread sleeps for the group's time: only what is urgent, or first, wakes it
	 */
	if (i->urgent || q->n == 1)
		pthread_cond_signal(&w->wake);
}

void writer_pop(struct writer *w, struct queue *q, struct item *ret, size_t *ret_bytes)
{
	*ret = *writer_queue_at(q, 0);
	q->first = (q->first + 1) % q->cap;
	q->n--;
	w->bytes -= ret->bytes;
	w->n_urgent -= ret->urgent;
	*ret_bytes += ret->bytes;
}

static bool is_full(const struct writer *w, size_t part)
{
	return w->q.n + w->blocks.n >= w->o.max_items / part ||
	       w->bytes >= w->o.max_bytes / part;
}

/* Is other work than the life cycle to be dropped now? */
static bool drops(const struct writer *w, bool block, enum writer_drop *ret)
{
	if (w->st.ram_only)
		*ret = DROP_STORE;
	else if (block && w->st.no_space)
		*ret = DROP_NOSPACE;
	else if (is_full(w, 2))
		*ret = DROP_QUEUE;
	else
		return false;
	return true;
}

int writer_put(struct writer *w, const struct writer_put *p)
{
	enum writer_drop why;
	struct item i;
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (put_keeps(p)) {
		if (is_full(w, 1)) {
			r = -EAGAIN;
		} else {
			writer_take_put(&i, p);
			writer_push(w, &i);
		}
	} else {
		writer_take_put(&i, p);
		if (drops(w, false, &why)) {
			w->st.drops[why] += i.n_events;
			writer_answer(w, i.token, -ENOBUFS, 0);
			writer_item_done(&i);
			r = -ENOBUFS;
		} else {
			writer_push(w, &i);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

int writer_events(struct writer *w, struct event *v, size_t n, bool urgent,
		  uint64_t token)
{
	return writer_put(w, &(struct writer_put){ .events = v,
						   .n_events = n,
						   .urgent = urgent,
						   .token = token });
}

int writer_life(struct writer *w, struct db_life *l, bool urgent, uint64_t token)
{
	return writer_put(
		w, &(struct writer_put){
			   .lives = l, .n_lives = 1, .urgent = urgent, .token = token });
}

/* A part of a minute: the blocks are taken over. */
static void take_blocks(struct item *i, struct db_block *v, size_t n)
{
	*i = (struct item){ .kind = ITEM_BLOCKS, .n_blocks = n, .bytes = sizeof(*i) };
	i->blocks = xcalloc(n ? n : 1, sizeof(*i->blocks));
	for (size_t k = 0; k < n; k++) {
		i->blocks[k] = v[k];
		v[k] = (struct db_block){ 0 };
		i->bytes += sizeof(struct db_block) + i->blocks[k].data.cap;
	}
}

int writer_blocks(struct writer *w, struct db_block *v, size_t n, uint64_t token)
{
	enum writer_drop why;
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (drops(w, true, &why)) {
		for (size_t k = 0; k < n; k++)
			db_block_done(&v[k]);
		w->st.drops[why] += n;
		writer_answer(w, token, -ENOBUFS, 0);
		r = -ENOBUFS;
	}
	for (size_t at = 0; r == 0 && at < n; at += SLICE_BLOCKS) {
		struct item i;

		take_blocks(&i, v + at, MIN(SLICE_BLOCKS, n - at));
		/* the last of them is answered */
		i.token = n - at <= SLICE_BLOCKS ? token : 0;
		writer_push(w, &i);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

int writer_disk(struct writer *w, const struct disk_row *v, size_t n)
{
	struct item i = { .kind = ITEM_DISK };
	enum writer_drop why;
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (drops(w, true, &why)) {
		w->st.drops[why] += n;
		r = -ENOBUFS;
	} else if (n) {
		i.bytes = sizeof(i) + n * sizeof(*v);
		i.disk = (struct disk_rows){ xcalloc(n, sizeof(*v)), n };
		memcpy(i.disk.v, v, n * sizeof(*v));
		writer_push(w, &i);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

int writer_incident(struct writer *w, struct incident *inc, bool urgent, uint64_t token)
{
	struct item i = {
		.kind = ITEM_INCIDENT, .urgent = urgent, .keep = true, .token = token
	};
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (is_full(w, 1)) {
		r = -EAGAIN;
	} else {
		i.incident = *inc;
		*inc = (struct incident){ 0 };
		i.bytes = sizeof(i) + text_bytes(i.incident.data) +
			  text_bytes(i.incident.summary);
		writer_push(w, &i);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

void writer_set_limits(struct writer *w, const struct db_limits *l)
{
	pthread_mutex_lock(&w->lock);
	w->o.limits = *l;
	pthread_mutex_unlock(&w->lock);
}

int writer_fd(const struct writer *w)
{
	return w->fd;
}

size_t writer_done(struct writer *w, struct writer_done *v, size_t max)
{
	uint64_t n;
	size_t got;

	pthread_mutex_lock(&w->lock);
	got = MIN(max, w->done_n - w->done_first);
	if (got)
		memcpy(v, w->done + w->done_first, got * sizeof(*v));
	w->done_first += got;
	if (w->done_first == w->done_n) {
		w->done_first = w->done_n = 0;
		(void)!read(w->fd, &n, sizeof(n));
	}
	pthread_mutex_unlock(&w->lock);
	return got;
}

void writer_stat(struct writer *w, struct writer_stat *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->st;
	ret->queued_items = w->q.n + w->blocks.n;
	ret->queued_bytes = w->bytes;
	ret->busy_usec = w->busy_since ? clock_boot_usec() - w->busy_since : 0;
	pthread_mutex_unlock(&w->lock);
}
