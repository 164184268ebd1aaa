/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The event loop, by sd-event of libsystemd, which only this file knows, and what a service
 * says to its manager. Callbacks run one at a time and must not block.
 */
struct loop;
struct loop_io;

typedef void loop_fn(void *arg, uint32_t events); /* EPOLLIN, ...; a timer's are 0 */

int loop_new(struct loop **ret, struct err *err);
void loop_free(struct loop *l); /* NULL is fine; fds stay the caller's */

/* Runs until loop_quit(), or SIGTERM, SIGINT (clean ends). */
int loop_run(struct loop *l, struct err *err);
void loop_quit(struct loop *l);

/*
 * `urgent`: dispatched before others that are ready at the same time. NULL on error. A
 * callback may remove its own and others.
 */
struct loop_io *loop_add_io(struct loop *l, int fd, uint32_t events, bool urgent,
			    loop_fn *fn, void *arg);
void loop_del_io(struct loop_io *io); /* NULL is fine */
void loop_set_io(struct loop_io *io, uint32_t events);

/* A signal that is blocked already, or is from now on; `events` is 0. */
int loop_on_signal(struct loop *l, int sig, loop_fn *fn, void *arg, struct err *err);

/*
 * Fires once at that time of CLOCK_BOOTTIME (or soon after); again after loop_at(). 0:
 * not now.
 */
struct loop_io *loop_add_timer(struct loop *l, loop_fn *fn, void *arg);
void loop_at(struct loop_io *timer, uint64_t boot_usec);

/*
 * READY=1, STATUS=..., STOPPING=1, and WATCHDOG=1 while the loop turns; no manager:
 * nothing. Never waits for a manager that does not read: what it did not take is said
 * again, the latest status only, when the loop runs.
 */
void loop_ready(struct loop *l);
void loop_status(struct loop *l, const char *fmt, ...) _printf_(2, 3);
void loop_stopping(struct loop *l);

/*
 * One line to the journal (stderr) with a syslog level "<4>": at most one each ten
 * seconds for each `key` (a literal), with the number of those that were left out. NULL:
 * it is said in any case.
 */
void loop_log(struct loop *l, int level, const char *key, const char *fmt, ...)
	_printf_(4, 5);

/*
 * The same, of what is found again and again: what it says `about` something (the name of
 * a file) is said again only when it is another sentence, or after an hour. Of more than
 * 64 things those beyond share one line an hour.
 */
void loop_log_change(struct loop *l, int level, const char *key, const char *about,
		     const char *fmt, ...) _printf_(5, 6);
