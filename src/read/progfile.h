/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A program of the installation: is it one, and does it run? */

/*
 * Is `path` (below the root) an ELF file for the kind of machine that `like`, a program of
 * the same node, is for? 0, -ENOEXEC: it is for another one, or no such file at all;
 * -ENOENT and others as of opening either of them.
 */
int progfile_check(int rootfd, const char *path, const char *like, struct err *err);

/*
 * Runs it with no arguments, no environment and nothing to read or to write, in a process
 * with a deadline. It has to be root's, and nobody else may be able to write it: -EPERM.
 * 0: it ended with 0; -ENOEXEC and the like: it could not be started; -ETIMEDOUT: it hung
 * and was killed; -ECHILD: it ended otherwise, the sentence says how.
 */
int progfile_run(int rootfd, const char *path, uint64_t timeout_usec, struct err *err);
