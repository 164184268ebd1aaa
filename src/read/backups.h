/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <backup.h> /* of include/: in quotes it would be this file */
#include "base/err.h"
#include "base/str.h"
#include "task.h"

/* Archives on this node's storages, and what vzdump's task logs say of each guest. */

/*
 * A file name of a dump directory. 0: an archive, or the .dat of one; ret->file, kind,
 * standard, vmid, ctime (0 where not standard), format and writing are set. -EINVAL:
 * neither. The time in the name is local time of this process's zone.
 */
int backupname_parse(struct span name, struct backup_archive *ret);

/*
 * A storage whose directory is to be listed: `dir` below `path`, both absolute; dir NULL:
 * its backups are no files here (a backup server).
 */
struct backup_place {
	const char *id, *type, *path, *dir;
};

#define BACKUP_STORAGE_TIMEOUT_USEC ((uint64_t)2000000)

/*
 * Archives of all places, newest first; each is listed by a process of its own, all at
 * once, that has 2 s to answer: one that hangs has its sentence in `storages`, the others
 * are there. `vmid` 0: of all containers; files of virtual machines are left out, files
 * with other names are there when vmid is 0.
 */
int backup_archives_read(int rootfd, const struct backup_place *places, size_t n,
			 uint32_t vmid, struct backup_archives *ret, struct err *err);

/*
 * A vzdump task's log: one result a container, appended in the order of the log; virtual
 * machines are left out where the log tells them. A job that failed before it came to a
 * guest has a result for each guest it was started for, or one of vmid 0 when that is
 * not said.
 */
void backuplog_parse(const struct task *t, struct span text, struct backup_results *ret);

/* The same when the log is gone: what the task list says of a job of one guest. */
void backuptask_result(const struct task *t, struct backup_results *ret);

/*
 * All vzdump tasks the node still knows, newest first; of one container with its `vmid`,
 * else of all. -ENOENT: there is no task list.
 */
int backup_results_read(int rootfd, uint32_t vmid, struct backup_results *ret,
			struct err *err);

/*
 * The vzdump that runs now, of run/vzdump.pid: 1 and its UPID, 0 none (a pid file stays
 * behind after a job with errors), or a negative errno.
 */
int backup_running(int rootfd, struct upid *ret, struct err *err);

/* Cuts exactly so many digits and what parts them from the rest off the front. */
bool backup_cut_number(struct span *s, size_t digits, char sep, unsigned *ret);
