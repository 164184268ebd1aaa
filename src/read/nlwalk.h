/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "read/nlparse.h"

/*
 * Attributes are walked by hand rather than with the tables of libnl: a fixed struct per
 * message is all that is wanted, and a parser that needs no library can be fuzzed and
 * run on recorded bytes anywhere.
 */
struct nlwalk_attr {
	uint16_t type;
	struct span v;
};

/*
 * Lengths of messages and attributes are padded to 4; the last one's padding may be
 * missing.
 */
static inline void nlwalk_cut(struct span *s, size_t n)
{
	size_t padded = MIN((n + 3) & ~(size_t)3, s->n);

	s->p += padded;
	s->n -= padded;
}

/* 1: the next one; 0: none left; -EINVAL: its length does not fit. */
int nlwalk_next(struct span *s, struct nlwalk_attr *ret);

/* Bytes of a fixed size out of one; a kernel that gives more has appended fields. */
static inline int nlwalk_get(struct span v, void *ret, size_t n)
{
	if (v.n < n)
		return -EINVAL;
	memcpy(ret, v.p, n);
	return 0;
}

/* A number of 1, 2, 4 or 8 bytes. */
int nlwalk_val(struct span v, size_t n, struct val *ret);

/*
 * Strings of the kernel end at the first NUL or where the attribute ends: a kind, into
 * NETIF_KIND_MAX + 1 bytes, and a name, into NETIF_NAME_MAX + 1.
 */
void nlwalk_kind(struct span v, char *ret);
void nlwalk_name(struct span v, uint8_t *ret, uint8_t *ret_n);
/* 16 bytes, an IPv4 address in the first four. */
int nlwalk_addr(struct span v, uint8_t family, uint8_t *ret);

/* What a parser does with the body (after the netlink header) of one message. */
typedef int nlwalk_fn(uint16_t type, struct span body, size_t max, void *io);

/* Whole messages, each to `fn`; what the kernel itself says goes to *st (nlparse.h). */
int nlwalk_messages(struct span bytes, nlwalk_fn *fn, size_t max, void *io,
		    struct nl_status *st, struct err *err);
