/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/*
 * A second thread for work that falls into two halves. It has a table of descriptors of
 * its own, a copy of the caller's at the start: two threads on one table share each
 * lookup in it, which took longer than one thread alone. So what the helper opens only
 * the helper can use, and its end closes it.
 */
struct helper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	void (*fn)(void *arg); /* what it is at; NULL: it waits */
	void *arg;
	bool up, started, failed, quit;
};

/* -EAGAIN, -EPERM: there is none, the caller does all of the work. */
int helper_start(struct helper *h);

/* Sets it to work; the call before must have been waited for. */
void helper_run(struct helper *h, void (*fn)(void *arg), void *arg);

/* Until that work is done. Without a helper or work: nothing. */
void helper_wait(struct helper *h);

/* Waits for its work and ends it. { 0 } is no helper. */
void helper_end(struct helper *h);
