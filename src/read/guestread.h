/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/guard.h"
#include "base/str.h"
#include <guestread.h>

/*
 * Asks the program guest-read, one process a request. What is opened below a container's
 * root is opened there; here only the root itself is taken hold of (O_PATH), and only of
 * a process that was shown to be that container's init: it runs (pidfd), it is in the
 * cgroup lxc/<vmid>, it started when it was said to, and its root is not the host's (as
 * it still is for a moment while a container starts). Of a container that is stopped it is
 * a directory of the node: see struct guestread_volume.
 *
 * A reader that a guest made hang (FUSE, fanotify) is killed and, where even that does
 * not end it, left behind; nobody ever waits for it. When the container stops its reader is
 * killed, too: it must not hold what is to be unmounted. Whoever reads holds a lock on a
 * file of the container's in /run/ctscope-read, which only root can come by, for as long
 * as the process lasts: so no container has more than one of them, whoever asks, and
 * whatever became of the container meanwhile.
 */
#define GUESTREAD_LOCKS "ctscope-read" /* in /run, 0700 root, with a file for each vmid */

struct guestread_target {
	uint32_t vmid;
	pid_t init_pid;       /* of the host */
	uint64_t start_ticks; /* of ct.init_start_ticks */
	/* of one that is stopped, instead of the two above; borrowed. NULL: it runs */
	const struct guestread_volume *volume;
};

/*
 * The program's path: beside the running program, if nobody but its owner and root could
 * have put it there (a build tree); where it was installed else.
 */
void guestread_program(int rootfd, struct buf *ret);

struct guestread_job {
	struct guestread_target target;   /* in */
	struct guestread_request request; /* in; items are the caller's */
	struct guestread_answers answers; /* out; whatever came, also after a failure */
	int error;  /* out: 0 all items were answered, well or not; -ESRCH: the container
		      is not there (any more); -EAGAIN: it is still starting; -ETIMEDOUT:
		      not all of it came in time; -EBUSY: the same, and another reader of
		      this container was still at work: it hangs; -EPROTO: the program
		      could not do its work; -EPERM: others may change it; else what went
		      wrong */
	bool stuck; /* out: its reader hangs and was left behind */
	pid_t stuck_pid;
	struct err err;
	struct guard guard; /* private from here on */
	struct buf got;
	uint64_t began_mono_usec, dying_until_usec;
	int init_fd, reader_fd; /* handles of both, of one that is at work or dying */
	int result;
	bool opened, dying;
	unsigned dying_steps;
};

/*
 * Runs all of them, at most 64 at a time and those that have been at work for long, each
 * within the deadline of its request and a little. None waits for another that hangs.
 * Always fills `error` and `err` of each (-EFBIG: the answers of all are more than 256
 * MiB); release each with guestread_job_done(). Returns the number of readers that were
 * left behind.
 *
 * rootfd: of the node's own "/": a copy of a node has no processes, -ENOTSUP there.
 */
size_t guestread_run(int rootfd, const char *program, struct guestread_job *jobs,
		     size_t n);

/* Something else of the caller's that is to go on meanwhile: not to wait for anything. */
struct guestread_beside {
	void (*step)(void *arg);
	void *arg;
	uint64_t every_usec; /* called so often at least, unless all are done before */
};

size_t guestread_run_beside(int rootfd, const char *program, struct guestread_job *jobs,
			    size_t n, const struct guestread_beside *beside);
void guestread_job_done(struct guestread_job *job);

/* One of them: its `error`. */
int guestread_ask(int rootfd, const char *program, struct guestread_job *job,
		  struct err *err);
