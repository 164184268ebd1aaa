/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/helper.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>

#define STACK_BYTES ((size_t)1 << 20)

static void *loop(void *arg)
{
	struct helper *h = arg;
	bool failed = unshare(CLONE_FILES) < 0;

	pthread_mutex_lock(&h->lock);
	h->failed = failed;
	h->started = true;
	pthread_cond_broadcast(&h->change);
	while (!failed) {
		while (!h->fn && !h->quit)
			pthread_cond_wait(&h->change, &h->lock);
		if (!h->fn)
			break;
		pthread_mutex_unlock(&h->lock);
		h->fn(h->arg);
		pthread_mutex_lock(&h->lock);
		h->fn = NULL;
		pthread_cond_broadcast(&h->change);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* Signals are for the thread that has the program's main(). */
static int start(struct helper *h)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int r;

	if (pthread_attr_init(&attr))
		return -EAGAIN;
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&h->thread, &attr, loop, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

int helper_start(struct helper *h)
{
	int r;

	*h = (struct helper){ .lock = PTHREAD_MUTEX_INITIALIZER,
			      .change = PTHREAD_COND_INITIALIZER };
	r = start(h);
	if (r < 0)
		return r;
	h->up = true;
	/* what is opened from now on must not be in its table */
	pthread_mutex_lock(&h->lock);
	while (!h->started)
		pthread_cond_wait(&h->change, &h->lock);
	pthread_mutex_unlock(&h->lock);
	if (!h->failed)
		return 0;
	helper_end(h);
	return -EPERM;
}

void helper_run(struct helper *h, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&h->lock);
	h->fn = fn;
	h->arg = arg;
	pthread_cond_broadcast(&h->change);
	pthread_mutex_unlock(&h->lock);
}

void helper_wait(struct helper *h)
{
	if (!h->up)
		return;
	pthread_mutex_lock(&h->lock);
	while (h->fn)
		pthread_cond_wait(&h->change, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

void helper_end(struct helper *h)
{
	if (!h->up)
		return;
	helper_wait(h);
	pthread_mutex_lock(&h->lock);
	h->quit = true;
	pthread_cond_broadcast(&h->change);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	h->up = false;
}
