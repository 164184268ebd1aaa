/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "val.h"

/* Backups of guests (facts: pve-node.md 7.2, 7.3). */

enum backup_kind { BACKUP_LXC, BACKUP_QEMU, BACKUP_OPENVZ };

/* A file in the dump directory of a storage. */
struct backup_archive {
	char *storage;
	char *file;   /* its name: part of the volume id <storage>:backup/<file> */
	char *format; /* "tar.zst", "tar", "vma.gz", "tgz"; NULL: still being written */
	enum backup_kind kind;
	bool standard;            /* strict name: vmid and time are known from it */
	uint32_t vmid;            /* 0: not known */
	uint64_t ctime_real_usec; /* from the name, else the file's last change */
	struct val size_bytes;
	uint64_t mtime_real_usec;
	bool writing; /* the .dat file of a backup that runs, or that was killed */
	bool is_protected;
	bool has_log;
	char *notes; /* tenant bytes, at most 4 KiB; NULL: none */
	size_t notes_n;
	bool notes_cut;
};

/* One storage that may hold backups. */
struct backup_storage {
	char *id, *type;
	char *dir;   /* where the archives are; NULL: no files (a backup server) */
	char *error; /* one sentence: it could not be listed (all); NULL: it was */
	bool cut;    /* it has more entries than are read */
};

/* Newest first. */
struct backup_archives {
	struct backup_archive *v;
	size_t n;
	struct backup_storage *storages;
	size_t n_storages;
};

enum backup_outcome {
	BACKUP_ENDED_OK,
	BACKUP_FAILED,
	BACKUP_RUNNING, /* its task still runs and has not said the end of this guest */
	BACKUP_BROKEN_OFF, /* its task ended without a word about this guest: killed */
};

/* What a vzdump task's log says of one guest. */
struct backup_result {
	uint32_t vmid;
	enum backup_outcome outcome;
	char *upid;
	uint64_t start_real_usec;
	struct val end_real_usec;
	struct val duration_sec;
	char *storage; /* NULL: the log does not name one */
	char *target;  /* path of the archive, or ct/<id>/<time> on a backup server */
	char *mode;    /* "snapshot", "suspend", "stop" as finally used */
	char *error;   /* BACKUP_FAILED: its text, log bytes */
	size_t order;  /* in that log */
};

/* Newest first. */
struct backup_results {
	struct backup_result *v;
	size_t n, cap;
	bool cut; /* not every log was read as a whole */
};

/* What is known of one container, for the overview. Borrows from the lists. */
struct backup_summary {
	uint32_t vmid;
	const struct backup_archive *archive; /* newest whole one; NULL: none */
	const struct backup_archive *last;   /* of the last success; NULL: no file here */
	const struct backup_result *success; /* newest; NULL: no log says so */
	const struct backup_result *failure; /* newest, when after every success */
	const struct backup_result *running;
	struct val last_real_usec; /* of the last success, by archive or log */
	size_t n_archives, n_protected;
	uint64_t archives_bytes;
};

void backup_archive_done(struct backup_archive *a);
void backup_archives_done(struct backup_archives *a);
void backup_result_done(struct backup_result *r);
void backup_results_done(struct backup_results *r);

/*
 * Joins both lists for one container. An archive is what a log tells of when the log
 * names it, or, of a log that names none, when it began within 5 s: task and archive have
 * a time of their own each.
 */
void backup_summarize(uint32_t vmid, const struct backup_archives *archives,
		      const struct backup_results *results, struct backup_summary *ret);

/* "ok", "failed", "running", "broken-off". */
const char *backup_outcome_name(enum backup_outcome o);
