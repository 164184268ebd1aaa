/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <event.h>

#include "base/str.h"
#include "out/cell.h"

/*
 * Appends what an event says as a sentence for a human: "killed by SIGKILL", "by
 * root@pam (vzstop)". Everything in it is escaped. Data that is not what include/event.h
 * describes is left out, never an error.
 */
void event_text(struct buf *out, const struct event *e);

/*
 * Its local time to the millisecond, "~" behind it where it was inferred; blanks for what
 * is not known: PVE keeps the begin of a task in whole seconds.
 */
void event_time(struct buf *out, const struct event *e);

/* How much it asks for attention. */
enum cell_color event_color(const struct event *e);
