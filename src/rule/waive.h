/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/rule.h"

/* Findings that waivers take away, and by which. */
struct waived {
	struct findings found;    /* in the order they had */
	const struct waiver **by; /* of each of them */
	size_t cap_by;
	size_t *hits; /* of each waiver, those of the day and the expired ones */
};

/* Does it still hold on that day (20261121; 0: not known)? */
bool waiver_holds(const struct waiver *w, uint32_t today);

/*
 * Moves what a waiver covers from `f` to *ret. An expired one covers nothing, but its
 * hits are counted all the same. The finding that one has expired cannot be waived.
 */
void waive(const struct waivers *w, uint32_t today, struct findings *f,
	   struct waived *ret);
void waived_done(struct waived *w);

/*
 * A sentence for each waiver of a rule that there is not, and for each that matched
 * nothing though its rule runs and (vmid not 0) is about that container.
 */
void waive_tell(const struct waivers *w, const struct waived *done,
		const struct rule_pick *p, uint32_t vmid, struct strv *ret);
