/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Which process hangs in whose root. One that asks a file system which never answers stays
 * behind, killed or not: so that no command adds another, it is noted here, for whoever
 * asks next. A link for each in /run/ctscope-read/roots, which only root can write to:
 * <init> -> <start of init>.<process>.<its start>, in clock ticks. What is noted holds as
 * long as both are the processes they were; then it is removed by who finds it so.
 */
#define HUNGROOT_DIR "run/ctscope-read/roots"

/* Notes it; without the right to do so nothing is. */
void hungroot_note(int rootfd, pid_t init, pid_t process);

/* Calls `fn` for each init in whose root one hangs now; where none ever did, an open(2). */
void hungroot_each(int rootfd, void (*fn)(pid_t init, void *arg), void *arg);
