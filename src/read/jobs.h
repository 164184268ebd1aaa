/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "jobcfg.h"

/*
 * Backup jobs (facts: pve-node.md 7.5). Both parsers append to *ret, so that one list
 * holds the jobs of both files; sections of jobs.cfg that are not of vzdump are no backup
 * jobs. -EFBIG: larger than any file of pmxcfs.
 */
int jobs_parse(const char *p, size_t n, struct backup_jobs *ret, struct err *err);

/*
 * vzdump.cron of older clusters: "M H * * DOW root [#]vzdump <args>", the '#' in front of
 * the command: switched off. Other lines give a warning.
 */
int jobs_parse_cron(const char *p, size_t n, struct backup_jobs *ret, struct err *err);

/* A job's state file. -EBADMSG: not its JSON. An empty file: created, never run. */
int job_state_parse(const char *p, size_t n, struct job_state *ret, struct err *err);

/* -ENOENT: this node has not run the job; -EINVAL: no id of a job. */
int job_state_read(int rootfd, const char *job_id, struct job_state *ret,
		   struct err *err);
