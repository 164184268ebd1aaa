/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

/*
 * TAP with nothing behind it: static void a_claim(void) { CHECK(...); } and
 * int main(void) { RUN(a_claim); return DONE(); }. A CHECK prints what it got.
 */
static int test_n, test_failed, test_bad;

#define CHECK(cond, ...)                                                                 \
	do {                                                                             \
		if (!(cond)) {                                                           \
			test_bad++;                                                      \
			printf("# %s:%d: %s: ", __FILE__, __LINE__, #cond);              \
			printf(__VA_ARGS__);                                             \
			printf("\n");                                                    \
		}                                                                        \
	} while (0)

#define CHECK_STR(got, want)                                                             \
	do {                                                                             \
		const char *got_ = (got), *want_ = (want);                               \
		CHECK(got_ &&strcmp(got_, want_) == 0, "got \"%s\", want \"%s\"",        \
		      got_ ? got_ : "(null)", want_);                                    \
	} while (0)

#define CHECK_U64(got, want)                                                             \
	do {                                                                             \
		uint64_t got_ = (got), want_ = (want);                                   \
		CHECK(got_ == want_, "got %" PRIu64 ", want %" PRIu64, got_, want_);     \
	} while (0)

#define RUN(fn)                                                                          \
	do {                                                                             \
		test_bad = 0;                                                            \
		fn();                                                                    \
		test_failed += test_bad != 0;                                            \
		printf("%sok %d - %s\n", test_bad ? "not " : "", ++test_n, #fn);         \
		fflush(stdout);                                                          \
	} while (0)

#define DONE() (printf("1..%d\n", test_n), test_failed ? 1 : 0)

/* A directory of tests/fixtures as a root fd; ends the program when it is not there. */
static inline int fixture_open(const char *name)
{
	const char *base = getenv("CTSCOPE_FIXTURES");
	char path[4096];
	struct err err = { 0 };
	int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", base ? base : "tests/fixtures", name);
	if (fs_open_root(path, &fd, &err) < 0) {
		printf("Bail out! fixture: %s\n", err.msg);
		exit(99);
	}
	return fd;
}
