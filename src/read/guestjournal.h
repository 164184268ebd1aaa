/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include <guestread.h>

/*
 * The entries of a container's journal, as guest-read puts them into the data of its
 * answer and who asked takes them out: a head, then the entries, newest first, each a
 * fixed part and its texts behind their lengths.
 */
#define GUESTJOURNAL_MAX_TEXT ((size_t)16384) /* of a message */
#define GUESTJOURNAL_MAX_NAME ((size_t)256)
#define GUESTJOURNAL_HEAD     ((size_t)16) /* bytes of the head */
/* of an entry: more than its fixed part and all texts */
#define GUESTJOURNAL_MAX_ENTRY                                                           \
	(GUESTJOURNAL_MAX_TEXT + 2 * GUESTJOURNAL_MAX_NAME + (size_t)128)

struct guestjournal_entry {
	uint64_t id; /* of this entry and no other one, as far as its writer is honest */
	uint64_t real_usec, mono_usec;
	uint8_t boot_id[16];
	uint32_t priority; /* 0-7 of syslog(3); 8: it has none */
	uint32_t pid;      /* as the container counts; 0: it has none */
	bool cut;          /* the message is longer */
	struct tbytes unit, identifier, message;
};

struct guestjournal {
	struct guestjournal_entry *v; /* newest first */
	size_t n;
	uint32_t files;  /* that were read */
	uint32_t broken; /* of those, where it could not be read to its end */
	uint32_t unread; /* left out: refused, or no more of them were read */
	enum guestread_why unread_why; /* of one that was refused; GUESTREAD_OK: none */
};

/* The numbers first, then the entries. */
void guestjournal_put_head(struct buf *b, const struct guestjournal *g);
void guestjournal_put(struct buf *b, const struct guestjournal_entry *e);

/* So many bytes it takes. */
size_t guestjournal_size(const struct guestjournal_entry *e);

/*
 * The texts point into `data`, which has to stay; `v` is the caller's. -EBADMSG: not what
 * is put.
 */
int guestjournal_parse(struct tbytes data, struct guestjournal *ret, struct err *err);
void guestjournal_done(struct guestjournal *g);
