/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "collect/lifecycle.h"
#include "collect/loop.h"
#include "out/json.h"
#include "settings.h"
#include "store/writer.h"

/*
 * The collector: one loop, its sources, and what they share. A source has X_open(), which
 * registers it with the loop, X_reconcile(), called every ten seconds, and X_close().
 * Each callback of the loop ends with collector_settle().
 */
#define RECONCILE_USEC (10 * (uint64_t)1000000)

struct collector;
struct spoolsrc;
struct cgsrc;
struct netsrc;
struct kernsrc;
struct confsrc;
struct tasksrc;
struct incsrc;
struct recorder;
struct disksrc;

struct collect_opts {
	const char *root, *spool, *db, *ring;
	bool live; /* root is this machine's "/" */
	bool help;
	uint64_t quit_after_usec; /* tests: ends by itself; 0: never */
};

/* Events and lives that belong together: one transaction. */
struct batch {
	struct event *events;
	size_t n_events, cap_events;
	struct db_life *lives;
	size_t n_lives, cap_lives;
	struct db_configs configs;
	size_t cap_configs;
	uint64_t token;
	bool urgent;
};

struct collector {
	const struct collect_opts *o;
	struct loop *loop;
	int rootfd;
	char boot[37];
	char *node; /* NULL: not known yet */
	struct lifecycle lc;
	struct settings settings;

	struct writer *writer;
	struct loop_io *writer_io;
	struct batch now;   /* what the present callback made */
	struct batch *held; /* what the writer's queue had no room for, oldest first */
	size_t n_held, cap_held;
	uint64_t last_token;

	struct spoolsrc *spool;
	struct cgsrc *cg;
	struct netsrc *net;
	struct kernsrc *kern;
	struct confsrc *conf;
	struct tasksrc *tasks;
	struct incsrc *incs;
	struct recorder *rec;
	struct disksrc *disk;

	struct loop_io *due;  /* what lifecycle and sources wait for */
	struct loop_io *each; /* reconcile */
	uint32_t oom_vmid;    /* whose message the next "Killed process" belongs to */
	pid_t oom_pid;
	char reason[256];         /* why the start failed whose event was just made; "" */
	uint64_t clock_zero_usec; /* the time of the boot, by the wall clock */
	uint64_t n_events;        /* made since the start */
	uint64_t n_inferred;      /* of the life cycle, that no hook told */
	uint64_t n_dropped;       /* events of hooks that are known to be missing */
	uint64_t told_faults;     /* of the store: writer_stat.faults that were told */
	uint64_t started_boot_usec;
};

struct lc_time collector_now(void);

/* Hands over what the callback made, calls what is due, sets the timer anew. */
void collector_settle(struct collector *c);

/*
 * A new event in the present batch: boot, life and name are filled in, `ct` may be NULL
 * (of the node). The pointer holds until the next one.
 */
struct event *collector_event(struct collector *c, enum event_type type,
			      enum event_origin origin, uint32_t vmid,
			      struct lc_time when);

/* "<boot>-<vmid>-<life>-<what>-<n>": the same again is the same event. */
void collector_id(struct collector *c, struct event *e, const char *what, uint64_t n);

/* eventdata.c: data of an event: opened, written with jw_*, closed into e->data */
struct data {
	FILE *f;
	char *text;
	size_t n;
	struct jw *w;
};

bool data_open(struct data *d);
void data_close(struct data *d, char **ret); /* *ret is freed before; NULL on failure */

/* The batch is handed over with a token of its own, which comes back by `done`. */
uint64_t collector_flush(struct collector *c, bool want_token);

/* True: the writer's queue is full, no more may be taken from the spool. */
bool collector_is_full(const struct collector *c);

/* settings.c: /etc/ctscope/ctscope.conf */
void settings_read(struct collector *c);
struct db_limits settings_limits(const struct collector *c);
int settings_watch(struct collector *c, struct err *err); /* SIGHUP */

/* data.c */
void data_of_lifecycle(struct collector *c, const struct lc_event *e, char **ret);
void data_evidence(struct jw *w, const struct stop_verdict *v,
		   const struct stop_evidence *ev);

/* spoolsrc.c */
int spoolsrc_open(struct collector *c, struct db *db, struct err *err);
void spoolsrc_close(struct collector *c);
void spoolsrc_drain(struct collector *c); /* what is there now, before the kernel is
					     believed */
void spoolsrc_done(struct collector *c, uint64_t token, int result);
uint64_t spoolsrc_due(const struct collector *c); /* when it has to be drained again */
void spoolsrc_reconcile(struct collector *c);
void spoolsrc_finish(struct collector *c); /* the end: answers that came meanwhile */
void spoolsrc_room(struct collector *c);   /* the queue has room again */

/* cgsrc.c */
int cgsrc_open(struct collector *c, struct err *err);
void cgsrc_close(struct collector *c);
void cgsrc_reconcile(struct collector *c);
/* At that one, now: its cgroup may be there, and nobody has told yet. */
void cgsrc_look(struct collector *c, uint32_t vmid);
bool cgsrc_is_alive(struct collector *c, const struct lc_ct *ct);
void cgsrc_started(struct collector *c, const struct lc_ct *ct);
void cgsrc_ended(struct collector *c, const struct lc_ct *ct);
void cgsrc_evidence(struct collector *c, const struct lc_ct *ct,
		    struct stop_evidence *ev);
void cgsrc_poll_exit(struct collector *c, uint32_t vmid);
uint64_t cgsrc_due(struct collector *c, struct lc_time now);

/* collector.c */
void collector_init(struct collector *c);
int collector_begin(struct collector *c, struct err *err);
void collector_end(struct collector *c);
/* An event `collector`: "started", "stopped", "dropped", "lost", ...; count 0: none. */
void collector_say(struct collector *c, const char *what, const char *text,
		   uint64_t count);

/* confsrc.c: configs of /etc/pve, by a process that can be abandoned */
void confsrc_new(struct collector *c); /* forks: before anything is held */
int confsrc_open(struct collector *c, struct db *db, struct err *err);
/* The lives are known: tells what changed since the store was last written. */
void confsrc_begin(struct collector *c);
void confsrc_finish(struct collector *c); /* the end: until when nothing had changed */
void confsrc_close(struct collector *c);
void confsrc_reconcile(struct collector *c);
char *confsrc_name(struct collector *c, uint32_t vmid); /* owned; NULL: not known */
void confsrc_kick(struct collector *c);                 /* something is new: look soon */
/* Its config says lock: backup (or snapshot), as far as it is known. */
bool confsrc_is_locked(struct collector *c, uint32_t vmid);
void confsrc_look(struct collector *c); /* something may be: ask soon */
/* When all that is known was so, or a collector ran last; 0: not known. */
uint64_t confsrc_last_known(const struct collector *c);
/* A task for this container ended: what is told of it, unless its lock told it. */
struct ended_task {
	uint64_t began_real_usec;
	const char *user, *upid, *status;
};

void confsrc_rolled_back(struct collector *c, uint32_t vmid, const struct ended_task *t);
void confsrc_backed_up(struct collector *c, uint32_t vmid, const struct ended_task *t);
bool confsrc_is_stale(const struct collector *c);       /* /etc/pve does not answer */
const char *confsrc_trouble(const struct collector *c); /* one sentence; NULL: none */

/* tasksrc.c: who did it */
int tasksrc_open(struct collector *c, struct err *err);
void tasksrc_close(struct collector *c);
void tasksrc_reconcile(struct collector *c);
void tasksrc_settle(struct collector *c); /* events of tasks that were found meanwhile */
void tasksrc_evidence(struct collector *c, const struct lc_ct *ct,
		      struct stop_evidence *ev);
/* The task that is at work on a container, of one of the types (NULL: any). */
struct stop_task tasksrc_at_work(struct collector *c, uint32_t vmid,
				 const char *const *types, size_t n);
/* The status of the last failed task that started it, not before `since`; NULL: none. */
const char *tasksrc_start_status(struct collector *c, uint32_t vmid,
				 uint64_t since_real_usec);

/*
 * The newest task about that container which fits and was at work between two times;
 * since 0: now, or only just. Borrowed until the next call.
 */
struct task_find {
	uint32_t vmid;
	uint64_t since_real_usec, until_real_usec;
	bool done; /* only what ended, and well; of a time that is past */
	bool (*fits)(const void *arg, const char *type);
	const void *arg;
};

struct stop_task tasksrc_find(struct collector *c, const struct task_find *f);

/* failure.c: why a start failed, as far as it can be seen from outside */
void failure_evidence(struct collector *c, const struct lc_ct *ct,
		      struct stop_evidence *ev);
bool failure_is_new(struct collector *c, const struct lc_ct *ct);
void failure_data(struct collector *c, const struct lc_ct *ct, struct jw *w);

/* netsrc.c: links and addresses */
int netsrc_open(struct collector *c, struct err *err);
void netsrc_close(struct collector *c);
void netsrc_reconcile(struct collector *c);
uint64_t netsrc_due(struct collector *c, struct lc_time now);
void netsrc_started(struct collector *c, const struct lc_ct *ct);

/* kernsrc.c: the kernel's messages, from the journal */
int kernsrc_open(struct collector *c, struct err *err);
void kernsrc_close(struct collector *c);
void kernsrc_reconcile(struct collector *c);
bool kernsrc_is_there(const struct collector *c);
void kernsrc_hurry(struct collector *c); /* a message is about to come, we wait for it */
void kernsrc_evidence(struct collector *c, const struct lc_ct *ct,
		      struct stop_evidence *ev);

/* disksrc.c: use of root file systems, by asking the reader */
int disksrc_open(struct collector *c, struct err *err);
void disksrc_close(struct collector *c);
void disksrc_reconcile(struct collector *c);
void disksrc_finish(struct collector *c); /* the end: nothing is known from now on */
/* "; " and a sentence, or "" */
void disksrc_trouble(const struct collector *c, char *ret, size_t size);

/* incidents.c */
int incsrc_open(struct collector *c, struct db *db, struct err *err);
void incsrc_close(struct collector *c);
void incsrc_look(struct collector *c, const struct event *v, size_t n);
/* A sign of an incident; `e`: the event that shows it (NULL: none). */
void incsrc_sign(struct collector *c, uint32_t vmid, enum incident_kind kind,
		 const struct event *e, const char *fmt, ...) _printf_(5, 6);
/* It goes on, where it is open. */
void incsrc_more(struct collector *c, uint32_t vmid, enum incident_kind kind);
/* For too long? */
struct cgct;
void incsrc_look_frozen(struct collector *c, const struct cgct *t, uint64_t now);

void incsrc_over(struct collector *c, uint32_t vmid, enum incident_kind kind,
		 const char *id); /* an event ended it */
/* What was said of an open one was wrong: a new summary; `over`: it is none. */
void incsrc_correct(struct collector *c, uint32_t vmid, enum incident_kind kind,
		    const struct event *e, bool over, const char *fmt, ...)
	_printf_(6, 7);
bool incsrc_done(struct collector *c, const struct writer_done *d); /* was it its own? */
uint64_t incsrc_due(struct collector *c, struct lc_time now);

/* recorder.c: the sampler in a thread of its own */
int recorder_open(struct collector *c, struct db *db, struct err *err);
void recorder_close(struct collector *c);
void recorder_add(struct collector *c, uint32_t vmid, uint64_t life);
void recorder_remove(struct collector *c, uint32_t vmid);
void recorder_frozen(struct collector *c, uint32_t vmid, bool frozen);
void recorder_run(struct collector *c); /* the writer is there: begin */
void recorder_reconcile(struct collector *c);
/*
 * Nothing of it waited much in the last seconds, as the recorder saw: its pressure need
 * not be asked. False also where that is not known.
 */
bool recorder_is_calm(struct collector *c, uint32_t vmid);
/* Had all processes but one or two ended when it was last sampled, just before `gone`? */
bool recorder_emptied(struct collector *c, uint32_t vmid, uint64_t gone_boot_usec);
