/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <backup.h>
#include <facts.h>

#include "cli/app.h"
#include "jobcfg.h"
#include "out/json.h"
#include "storagecfg.h"
#include "task.h"

/* Everything `backups` knows, read once. */
struct backupview {
	const struct app *app;
	struct facts facts;
	struct storages storages;
	struct backup_jobs jobs;
	struct pools pools;
	bool jobs_known; /* the job files could be read: none means none */
	struct backup_archives archives;
	struct backup_results results;
	bool results_known;   /* there is a task list */
	bool vzdump_runs;     /* by its pid file and process */
	struct tasks created; /* vzcreate */
};

void backupview_done(struct backupview *v);

/*
 * Reads it for one container (`arg`) or all; prints the sentences of what cannot be
 * read. EXIT_FINE, or the exit code.
 */
int backupview_read(const struct app *app, const char *arg, struct backupview *ret);

/* One container: the row behind the columns. */
struct backuprow {
	const struct backupview *view;
	const struct ct *ct;
	struct backup_summary sum;
	struct strv jobs;             /* ids of the jobs that cover it */
	struct strv off;              /* of those that would, were they switched on */
	struct strv left_out;         /* "mp1": in no backup */
	const struct backup_job *job; /* the first that covers it; NULL: none */
	const char *storage;          /* of the last success; NULL: not known */
	struct val created_real_usec; /* absent: too long ago for the task list */
	bool stale_lock;              /* lock: backup, and no vzdump is at it */
	char *note;                   /* what stands out, one line; NULL: nothing */
	bool alarm;
};

void backuprow_init(struct backuprow *r, const struct backupview *v, const struct ct *ct);
void backuprow_done(struct backuprow *r);

/* No backup that is known, a failure, no job, a lock left behind: in one word. */
bool backuprow_is_problem(const struct backuprow *r);

/* Into the open object. */
void backuprow_json(struct jw *w, const struct backuprow *r);
void backuparchive_json(struct jw *w, const struct backup_archive *a);
void backupresult_json(struct jw *w, const struct backup_result *r);
