/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <metric.h>
#include <top.h>

/*
 * Samples -> rows of `top`. Pure.
 */
struct toprow_ask {
	enum topsort sort;      /* what the graph is of */
	uint64_t interval_usec; /* rates are taken over it */
	uint64_t step_usec;     /* between two values of the graph */
	uint64_t at_boot_usec;  /* the moment that is shown */
};

/* The limits that a sample was taken under go over those of *io; false: it has none. */
bool toprow_limits_then(const struct sample *s, struct toplimits *io);

/*
 * Fills the figures of *ret (vmid, name and state stay the caller's) from the samples of
 * one life, ascending in time, none later than the moment. What is older than the moment
 * by more than three steps is not of it: all figures are absent then, the graph is not.
 */
void toprow_fill(const struct toprow_ask *ask, const struct toplimits *lim,
		 const struct sample *v, size_t n, struct toprow *ret);

/* Largest first (names and numbers ascending), absent last, then by number. */
void toprow_sort(struct toprow *v, size_t n, enum topsort sort, bool reverse);

/* What is sorted by; absent for VMID and name. */
struct val toprow_key(const struct toprow *r, enum topsort sort);

const char *topsort_name(enum topsort s); /* "CPU", "memory", ... */

/* Does its name (any case, ASCII) or number contain the text? "" fits all. */
bool toprow_matches(const struct toprow *r, const char *text);

/*
 * Growth of what a cgroup inside a container has, between two readings that are usec
 * apart: absent for one that was not there before, and where a counter went backwards.
 */
struct val topunit_rate(struct val before, struct val now, uint64_t usec);
