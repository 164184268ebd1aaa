/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "collect/lifecycle.h"

/*
 * What the files of the life cycle share: lifecycle.c has what the kernel shows and what
 * goes out, lifecycle-hooks.c what hooks claim, lifecycle-store.c what the store knows.
 */

/* A pre-start hook spoke and no monitor is there: so long it may be between processes. */
#define LC_WAIT_PRESTART_USEC (3 * (uint64_t)1000000)

struct lc_ct *lc_get(struct lifecycle *lc, uint32_t vmid); /* made when it is not there */

void lc_put_life(struct lifecycle *lc, const struct lc_ct *ct, bool ended);
void lc_emit(struct lifecycle *lc, struct lc_event *e, const struct lc_ct *ct);
struct lc_event lc_from_hook(enum event_type type, const struct spool_event *h);

/* A hook that changes nothing: kept, with the reason. */
void lc_emit_note(struct lifecycle *lc, const struct lc_ct *ct,
		  const struct spool_event *h, const char *note);

void lc_begin_life(const struct lifecycle *lc, struct lc_ct *ct);
void lc_start_out(struct lifecycle *lc, struct lc_ct *ct, const struct spool_event *h);
void lc_gather(struct lifecycle *lc, const struct lc_ct *ct, const struct spool_event *h,
	       struct stop_evidence *ev);

/* `h`: the stop hook that says so; NULL: it is concluded. `extra` adds evidence. */
void lc_end_life(struct lifecycle *lc, struct lc_ct *ct, const struct spool_event *h,
		 const struct stop_evidence *extra, struct lc_time now);
