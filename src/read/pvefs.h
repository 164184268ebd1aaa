/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/guard.h"
#include "base/str.h"

/*
 * /etc/pve is a FUSE file system (pmxcfs) that may hang: every file of it that a command
 * needs is read in one go by a process that can be abandoned. The answer is a bundle of
 * paths and bytes; what came before a hang is in it.
 *
 *	struct pvefs_req reqs[] = { { PVEFS_FILE, "etc/pve/storage.cfg" }, ... };
 *	pvefs_start(rootfd, reqs, n, &job, err);	other work may be done meanwhile
 *	pvefs_finish(&job, &bundle, err);
 *	const struct pvefs_file *f = pvefs_get(&bundle, "etc/pve/storage.cfg");
 */
enum pvefs_kind {
	PVEFS_FILE,  /* its bytes (1 MiB at most, as in pmxcfs; more is -EFBIG) */
	PVEFS_CONFS, /* path is a directory: every [1-9][0-9]*.conf in it, as PVEFS_FILE
		      */
	PVEFS_NODES, /* path is etc/pve/nodes: every <node>/lxc/N.conf below it */
	PVEFS_LINK,  /* the text of a symlink as `data`, and its own mode */
	PVEFS_LSTAT, /* mode only */
};

struct pvefs_req {
	enum pvefs_kind kind;
	const char *path;
};

struct pvefs_file {
	const char *path; /* as asked; for a directory the path of the file in it */
	int error;        /* 0, or a negative errno: then there is no data */
	mode_t mode;
	uint64_t mtime_real_usec;
	struct span data;
};

struct pvefs {
	struct buf raw;
	struct pvefs_file *v;
	size_t n;
	bool timed_out; /* it did not answer in time: some of what was asked is missing */
	bool slow;      /* of timed_out: it answered, but was not done with by far */
	size_t walked;  /* of raw: pvefs_ended() */
};

struct pvefs_job {
	struct guard guard;
};

/* How long a command waits for pmxcfs. */
#define PVEFS_TIMEOUT_USEC ((uint64_t)2000000)

int pvefs_start(int rootfd, const struct pvefs_req *reqs, size_t n, struct pvefs_job *ret,
		struct err *err);

/* -ETIMEDOUT is not returned: ret->timed_out is set instead, with what there is. */
int pvefs_finish(struct pvefs_job *job, struct pvefs *ret, struct err *err);

/* Both in one. */
int pvefs_read(int rootfd, const struct pvefs_req *reqs, size_t n, struct pvefs *ret,
	       struct err *err);

void pvefs_done(struct pvefs *p);

/*
 * Who asks again and again: one process answers until it hangs or its end is wanted. A
 * fork of a process that holds thousands of descriptors costs more than the reading; the
 * server holds none of them.
 *
 *	pvefs_serve(rootfd, reqs, n, &server, err);	once, best when little is held
 *	pvefs_ask(&server, m);				the first m (<= 255) of reqs
 *	read from server.guard.fd (O_NONBLOCK) into bundle.raw until pvefs_ended(&bundle)
 *	pvefs_parse(&bundle);
 *
 * A question is asked when the last answer is whole; its deadline is that of the guard.
 * After it, and at an end of file, pvefs_quit() and another server.
 */
struct pvefs_server {
	struct guard guard;
	int ask;
};

int pvefs_serve(int rootfd, const struct pvefs_req *reqs, size_t n,
		struct pvefs_server *ret, struct err *err);
int pvefs_ask(struct pvefs_server *s, size_t n); /* -EPIPE: it has died */
bool pvefs_ended(struct pvefs *p);       /* the answer in p->raw is whole; fuzzed */
void pvefs_quit(struct pvefs_server *s); /* kills it and does not wait; { 0 }: nothing */

/* The record of a path, NULL: it never came. */
const struct pvefs_file *pvefs_get(const struct pvefs *p, const char *path);

/* Its bytes; empty where it is absent or was not readable. */
struct span pvefs_data(const struct pvefs *p, const char *path);

/*
 * <vmid> and the node of the path ".../<vmid>.conf" or
 * ".../nodes/<node>/lxc/<vmid>.conf". node is empty for the first form. False: no such
 * path.
 */
bool pvefs_conf_path(const char *path, uint64_t *ret_vmid, struct span *ret_node);

/* The records of a bundle on their way through the pipe; pure, fuzzed. */
int pvefs_parse(struct pvefs *p);
