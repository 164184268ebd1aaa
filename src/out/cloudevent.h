/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include <event.h>

#include "base/err.h"
#include "out/json.h"

/*
 * An event as CloudEvents 1.0 JSON (schemas/event.json):
 *
 *	specversion, id, source "/pve/<node>", subject "lxc/<vmid>" (none for the node's
 *	own), type, time (RFC 3339, UTC), datacontenttype "application/json",
 *	data{ seq, vmid, name, boot, boot_usec, life, origin, inferred, ... }
 *
 * type is "ctscope.container.<what>", and "ctscope.node.<what>" for what is about no
 * container and for the collector's own. What e->data says is merged into data; the keys
 * above cannot be forged by it. Text that is no JSON object (or deeper than 32) is
 * carried as the string data.text.
 */
void cloudevent_members(struct jw *w, const struct event *e, const char *node);

/* One event, one line. node NULL: not known, the source is "/pve/". */
int cloudevent_print(FILE *f, const struct event *e, const char *node, struct err *err);

/* Appends the type. */
void cloudevent_type(struct buf *out, const struct event *e);
