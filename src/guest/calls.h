/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/filter.h"

/*
 * The system calls that guest-read keeps: the first guest_n_plain of them, for a journal
 * all. While it opens what was asked for all of these, those behind the first
 * GUEST_OPENING while it reads.
 */
extern const struct filter_call guest_calls[];
extern const size_t guest_n_calls, guest_n_plain;

#define GUEST_OPENING 4
