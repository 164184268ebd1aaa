/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"
#include "read/lxc.h"
#include "test.h"

/* What a live test shows with a container is not shown here; only that nothing hangs. */
static void a_container_that_is_not_there_is_no_entry(void)
{
	struct lxc_items items = { 0 };
	struct lxc_state s;
	struct err err = { 0 };
	const char *key = "lxc.uts.name";
	int r = lxc_read_state("ctscope-no-such-container", LXC_TIMEOUT_USEC, &s, &err);

#ifdef HAVE_LXC
	CHECK(r == -ENOENT, "%d %s", r, err.msg);
#else
	CHECK(r == -ENOTSUP, "%d %s", r, err.msg);
#endif
	CHECK(err.msg[0], "no sentence");
	r = lxc_read_items("ctscope-no-such-container", &key, 1, LXC_TIMEOUT_USEC, &items,
			   &err);
	CHECK(r < 0, "%d", r);
	lxc_items_done(&items);
}

static void no_answer_in_time_is_said(void)
{
	struct lxc_state s;
	struct err err = { 0 };
	int r = lxc_read_state("ctscope-no-such-container", 0, &s, &err);

	/* -ENOENT: the answer was there before the first look at the clock */
	CHECK(r == -ETIMEDOUT || r == -ENOTSUP || r == -ENOENT, "%d %s", r, err.msg);
}

int main(void)
{
	RUN(a_container_that_is_not_there_is_no_entry);
	RUN(no_answer_in_time_is_said);
	return DONE();
}
