/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/vzdumplog.h"
#include "test.h"

#define BEGUN                                                                            \
	"2025-08-13 05:00:03 INFO: Starting Backup of VM 109 (lxc)\n"                    \
	"2025-08-13 05:00:03 INFO: status = running\n"

static struct vzdump_log log_of(const char *text)
{
	struct vzdump_log l;

	vzdump_log_parse(span_str(text), 109, &l);
	return l;
}

static void one_that_is_at_work(void)
{
	struct vzdump_log l = log_of(BEGUN);

	CHECK_U64(l.begun_real_usec, (uint64_t)1755061203 * 1000000);
	CHECK(!l.ended && !l.failed && !*l.mode && !l.archive, "mode %s", l.mode);
	vzdump_log_done(&l);
	l = log_of(
		BEGUN
		"2025-08-13 05:00:03 INFO: backup mode: stop\n"
		"2025-08-13 05:00:05 INFO: creating vzdump archive '/mnt/a b.tar.zst'");
	CHECK_STR(l.mode, "stop");
	CHECK_STR(l.archive, "/mnt/a b.tar.zst");
	CHECK(!l.ended, "ended");
	vzdump_log_done(&l);
}

static void how_it_ended(void)
{
	struct vzdump_log l = log_of(
		BEGUN "2025-08-13 05:03:43 INFO: Finished Backup of VM 109 (00:03:40)\n");

	CHECK(l.ended && !l.failed, "finished");
	CHECK_U64(l.ended_real_usec - l.begun_real_usec, 220 * 1000000);
	vzdump_log_done(&l);
	l = log_of(
		BEGUN
		"2025-08-13 05:03:43 ERROR: Backup of VM 109 failed - no space \x1b[m\n");
	CHECK(l.ended && l.failed, "failed");
	CHECK_STR(l.error, "no space \x1b[m");
	vzdump_log_done(&l);
}

static void other_guests_and_broken_lines(void)
{
	struct vzdump_log l = log_of(
		BEGUN "2025-08-13 05:03:43 INFO: Finished Backup of VM 1090 (0:1)\n"
		      "2025-08-13 05:03:43 INFO: Finished Backup of VM 10\n"
		      "INFO: backup mode: much-too-long-for-a-mode\n"
		      "INFO: creating '\n");

	CHECK(!l.ended && !*l.mode && !l.archive, "%s", l.mode);
	vzdump_log_done(&l);
	l = log_of("");
	CHECK(!l.begun_real_usec, "empty");
	/* the last one counts */
	l = log_of(BEGUN
		   "2025-08-13 05:03:43 ERROR: Backup of VM 109 failed - x\n" BEGUN);
	CHECK(!l.ended && !l.error, "begun anew");
	vzdump_log_done(&l);
}

int main(void)
{
	RUN(one_that_is_at_work);
	RUN(how_it_ended);
	RUN(other_guests_and_broken_lines);
	return DONE();
}
