/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "read/guestfiles.h"

/*
 * Files inside as they grow: what came since they were read last, whole lines only. One
 * that was rotated, cut or exchanged is read from its beginning, after what was written to
 * the old one before it was renamed; one that was renamed is not read twice. As
 * guestlog_poll(); guestfiles_read() was there before.
 */
void guestgrow_poll(struct guestfiles *g, const struct guestread_target *target,
		    const struct log_want *want, struct loglines *ret,
		    struct guestlog_said *said);
