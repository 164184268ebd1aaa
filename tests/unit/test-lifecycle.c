/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "base/str.h"
#include "collect/lifecycle.h"
#include "test.h"

#define BOOT "79474b1c-d80e-4bd0-9f6c-0d2a3b1c4e5f"
#define MS   UINT64_C(1000)

/* What came out, as words: "prestart/1 started/1 stopped/1:signal". */
static struct buf said;
static struct stop_evidence extra; /* what the other sources would add */
static bool ran_unseen;
static bool starting;
static size_t rows;
static struct db_life last_row;

static void on_event(void *arg, const struct lc_event *e)
{
	(void)arg;
	buf_addf(&said, "%s%s%s/%ju", said.n ? " " : "", e->inferred ? "~" : "",
		 event_type_name(e->type), (uintmax_t)e->ct->life);
	if (e->verdict)
		buf_addf(&said, ":%s%s", stop_cause_name(e->verdict->cause),
			 e->verdict->weak ? "?" : "");
}

static void on_life(void *arg, const struct db_life *row)
{
	(void)arg;
	rows++;
	last_row = *row;
}

static void on_evidence(void *arg, const struct lc_ct *ct, struct stop_evidence *ev)
{
	(void)arg;
	if (extra.task.type)
		ev->task = extra.task;
	ev->oom_kills = extra.oom_kills;
	ev->start_failed = (ev->start_failed && !(ran_unseen && ct->over_heard)) ||
			   extra.start_failed;
	ev->reboot_file |= extra.reboot_file;
	ev->unit_stop |= extra.unit_stop;
	ev->crash = extra.crash;
}

static bool on_starting(void *arg, const struct lc_ct *ct)
{
	(void)arg;
	(void)ct;
	return starting;
}

static struct lifecycle new_lc(void)
{
	static const struct lc_ops ops = { .event = on_event,
					   .life = on_life,
					   .evidence = on_evidence,
					   .starting = on_starting };
	struct lifecycle lc;

	buf_done(&said);
	extra = (struct stop_evidence){ 0 };
	starting = ran_unseen = false;
	rows = 0;
	lc_init(&lc, BOOT, &ops);
	return lc;
}

static struct lc_time at(uint64_t ms)
{
	return (struct lc_time){ UINT64_C(1795000000000000) + ms * MS, ms * MS };
}

static unsigned n_hooks;

static struct spool_event hook(enum hook_type type, uint64_t ms)
{
	struct spool_event h = { .type = type,
				 .vmid = 101,
				 .real_usec = at(ms).real_usec,
				 .boot_usec = at(ms).boot_usec };

	snprintf(h.id, sizeof(h.id), "%013jx-00-%08x", (uintmax_t)h.boot_usec, n_hooks++);
	return h;
}

static void tell(struct lifecycle *lc, enum hook_type type, uint64_t ms)
{
	struct spool_event h = hook(type, ms);

	lc_hook(lc, &h, false, at(ms));
}

static void tell_start(struct lifecycle *lc, pid_t pid, uint64_t ticks, uint64_t ms)
{
	struct spool_event h = hook(HOOK_START_HOST, ms);

	h.pid = pid;
	h.start_ticks = val_set(ticks);
	lc_hook(lc, &h, false, at(ms));
}

static void tell_stop(struct lifecycle *lc, bool reboot, bool alive, uint64_t ms)
{
	struct spool_event h = hook(HOOK_STOP, ms);

	h.reboot = reboot;
	lc_hook(lc, &h, alive, at(ms));
}

static void start(struct lifecycle *lc, uint64_t ticks, uint64_t ms)
{
	tell(lc, HOOK_PRE_START, ms);
	tell_start(lc, (pid_t)ticks, ticks, ms + 10);
}

static void a_whole_life_by_hooks(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	lc_gone(&lc, 101, 500, INIT_EXIT_CODE, 0, true, at(9000));
	tell_stop(&lc, false, false, 9002);
	tell(&lc, HOOK_POST_STOP, 9005);
	CHECK_STR(buf_str(&said),
		  "prestart/1 started/1 stopped/1:halted-inside poststop/1");
	CHECK_U64(last_row.init_start_ticks, 500);
	CHECK_U64(last_row.stopped_real_usec.n, at(9000).real_usec);
	CHECK_U64(lc_tick(&lc, at(60000)), 0);
	lc_done(&lc);
}

static void a_life_without_hooks(void)
{
	struct lifecycle lc = new_lc();

	lc_up(&lc, 101, 77, 500, false, at(5000), at(5001));
	CHECK_STR(buf_str(&said), "");
	lc_up(&lc, 101, 77, 500, true, at(5000), at(5005));
	lc_tick(&lc, at(5005));
	CHECK_STR(buf_str(&said), "~started/1");
	lc_gone(&lc, 101, 500, INIT_EXIT_UNKNOWN, 0, false, at(8000));
	CHECK(lc_tick(&lc, at(8000)) <= at(8050).boot_usec, "within 50 ms");
	lc_gone(&lc, 101, 500, INIT_EXIT_SIGNAL, SIGKILL, true, at(8003));
	lc_tick(&lc, at(8003));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:signal?");
	/* its zombie is seen once more */
	lc_up(&lc, 101, 77, 500, true, at(5000), at(8004));
	lc_tick(&lc, at(9000));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:signal?");
	lc_done(&lc);
}

static void no_exit_code_is_no_cause(void)
{
	struct lifecycle lc = new_lc();

	lc_up(&lc, 101, 77, 500, true, at(5000), at(5005));
	lc_tick(&lc, at(5005));
	lc_gone(&lc, 101, 500, INIT_EXIT_UNKNOWN, 0, false, at(8000));
	lc_tick(&lc, at(8040));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:unknown?");
	lc_done(&lc);
}

static void the_stop_hook_is_waited_for(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	lc_gone(&lc, 101, 500, INIT_EXIT_SIGNAL, SIGKILL, true, at(9000));
	lc_tick(&lc, at(9100));
	CHECK_STR(buf_str(&said), "prestart/1 started/1");
	lc_tick(&lc, at(11100));
	CHECK_STR(buf_str(&said), "prestart/1 started/1 ~stopped/1:signal?");
	/* a hung monitor went on */
	tell_stop(&lc, true, false, 12000);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 ~stopped/1:signal? "
				  "reconciled/1:rebooted-inside");
	CHECK(last_row.cause == CAUSE_REBOOTED_INSIDE, "%d", last_row.cause);
	lc_done(&lc);
}

static void a_reboot_is_two_lives(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	tell_stop(&lc, true, false, 9000);
	start(&lc, 900, 9500); /* post-stop does not come: PVE's ended the chain */
	CHECK_STR(buf_str(&said), "prestart/1 started/1 rebooted/1:rebooted-inside "
				  "prestart/2 started/2");
	lc_done(&lc);
}

static void a_task_is_the_cause(void)
{
	struct lifecycle lc = new_lc();

	extra.task = (struct stop_task){ .type = "vzstop", .user = "root@pam" };
	start(&lc, 500, 1000);
	lc_gone(&lc, 101, 500, INIT_EXIT_SIGNAL, SIGKILL, true, at(9000));
	tell_stop(&lc, false, false, 9001);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 stopped/1:admin");
	lc_done(&lc);
}

static void a_failed_pre_start(void)
{
	struct lifecycle lc = new_lc();

	tell(&lc, HOOK_PRE_START, 1000);
	tell_stop(&lc, false, false, 1100);
	tell(&lc, HOOK_POST_STOP, 1101);
	CHECK_STR(buf_str(&said), "prestart/1 start-failed/1:start-failed poststop/1");
	lc_done(&lc);
}

/* Neither start-host nor stop is among its hooks, and nobody was there to see its init. */
static void a_life_between_its_first_and_its_last_hook(void)
{
	struct lifecycle lc = new_lc();

	ran_unseen = true;
	tell(&lc, HOOK_PRE_START, 1000);
	tell(&lc, HOOK_POST_STOP, 9000);
	CHECK_STR(buf_str(&said), "prestart/1 ~started/1 ~stopped/1:unknown? poststop/1");
	CHECK_U64(last_row.started_real_usec, at(1000).real_usec);
	CHECK_U64(last_row.stopped_real_usec.n, at(9000).real_usec);
	lc_done(&lc);
	lc = new_lc();
	tell(&lc, HOOK_PRE_START, 1000);
	tell(&lc, HOOK_POST_STOP, 9000);
	CHECK_STR(buf_str(&said), "prestart/1 ~start-failed/1:start-failed poststop/1");
	lc_done(&lc);
}

static void pves_own_pre_start_failed_first(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	tell_stop(&lc, false, false, 2000);
	starting = true;
	tell_stop(&lc, false, false, 5000);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 stopped/1:unknown? "
				  "start-failed/2:start-failed");
	lc_done(&lc);
}

static void init_that_cannot_be_executed(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	extra.start_failed = true;
	lc_gone(&lc, 101, 500, INIT_EXIT_CODE, 1, true, at(1015));
	tell_stop(&lc, false, false, 1016);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 start-failed/1:start-failed");
	lc_done(&lc);
}

static void the_start_hook_was_cut_off(void)
{
	struct lifecycle lc = new_lc();
	struct spool_event h = hook(HOOK_STOP, 5000);

	tell(&lc, HOOK_PRE_START, 1000);
	h.pid = 77;
	lc_hook(&lc, &h, false, at(5000));
	CHECK_STR(buf_str(&said), "prestart/1 ~started/1 stopped/1:unknown?");
	lc_done(&lc);
}

/*
 * Its start-host hook was cut off, and it was over before init was looked at again: LXC
 * knows the pid of init from start-host on, and what the stop hook has is that init's.
 */
static void over_before_its_exec_was_seen(void)
{
	struct spool_event h = hook(HOOK_STOP, 1040);
	struct lifecycle lc = new_lc();

	tell(&lc, HOOK_PRE_START, 1000);
	lc_up(&lc, 101, 77, 500, false, at(1005), at(1006));
	lc_gone(&lc, 101, 500, INIT_EXIT_CODE, 0, true, at(1039));
	h.pid = 77;
	lc_hook(&lc, &h, false, at(1040));
	CHECK_STR(buf_str(&said), "prestart/1 ~started/1 stopped/1:halted-inside");
	CHECK_U64(last_row.init_start_ticks, 500);
	CHECK_U64(last_row.started_real_usec, at(1005).real_usec);
	lc_done(&lc);
}

/* The same of a container that has no stop hook, or none that was in time. */
static void over_before_its_exec_was_seen_and_no_stop_hook(void)
{
	struct spool_event h = hook(HOOK_POST_STOP, 1040);
	struct lifecycle lc = new_lc();

	tell(&lc, HOOK_PRE_START, 1000);
	lc_up(&lc, 101, 77, 500, false, at(1005), at(1006));
	lc_gone(&lc, 101, 500, INIT_EXIT_SIGNAL, SIGKILL, true, at(1039));
	h.pid = 77;
	lc_hook(&lc, &h, false, at(1040));
	CHECK_STR(buf_str(&said), "prestart/1 ~started/1 ~stopped/1:signal? poststop/1");
	lc_done(&lc);
}

/* An init that ends at once, and a script that starts it again and again. */
static void started_again_within_a_tick(void)
{
	struct lifecycle lc = new_lc();

	tell(&lc, HOOK_PRE_START, 1000);
	tell_start(&lc, 77, 500, 1002);
	tell_stop(&lc, false, false, 1004);
	tell(&lc, HOOK_POST_STOP, 1005);
	tell(&lc, HOOK_PRE_START, 1009);
	tell_start(&lc, 78, 501, 1012);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 stopped/1:unknown? poststop/1 "
				  "prestart/2 started/2");
	lc_done(&lc);
}

/* Before start-host LXC has no pid to tell: what it sets up for init failed. */
static void setting_up_for_init_failed(void)
{
	struct lifecycle lc = new_lc();

	tell(&lc, HOOK_PRE_START, 1000);
	lc_up(&lc, 101, 77, 500, false, at(1005), at(1006));
	lc_gone(&lc, 101, 500, INIT_EXIT_CODE, 1, true, at(1039));
	tell_stop(&lc, false, false, 1040);
	CHECK_STR(buf_str(&said), "prestart/1 start-failed/1:start-failed");
	lc_done(&lc);
}

static void only_its_stop_was_heard_of(void)
{
	struct lifecycle lc = new_lc();
	struct spool_event h = hook(HOOK_STOP, 5000);

	start(&lc, 500, 1000);
	tell_stop(&lc, false, false, 2000);
	h.pid = 77;
	lc_hook(&lc, &h, false, at(5000));
	CHECK_STR(buf_str(&said), "prestart/1 started/1 stopped/1:unknown? "
				  "~started/2 stopped/2:unknown?");
	lc_done(&lc);
}

static void a_failed_start_without_hooks(void)
{
	struct lifecycle lc = new_lc();

	lc_start_failed(&lc, 101, at(1000), at(2000));
	CHECK_STR(buf_str(&said), "~start-failed/1:start-failed");
	/* told again, or by the hook before: once */
	lc_start_failed(&lc, 101, at(1000), at(2100));
	CHECK_STR(buf_str(&said), "~start-failed/1:start-failed");
	/* the next in the same second is another */
	lc_start_failed(&lc, 101, at(2200), at(2300));
	CHECK_STR(buf_str(&said), "~start-failed/1:start-failed "
				  "~start-failed/2:start-failed");
	lc_done(&lc);
}

/* The list of tasks has whole seconds; what they are since boot each collector finds out. */
static void a_failed_start_is_not_told_by_the_next_collector(void)
{
	struct lifecycle lc = new_lc();
	struct lc_time began = at(1000), later = at(1000);

	lc_start_failed(&lc, 101, began, began);
	CHECK_STR(buf_str(&said), "~start-failed/1:start-failed");
	later.boot_usec += 3;
	lc_start_failed(&lc, 101, later, later);
	CHECK_STR(buf_str(&said), "~start-failed/1:start-failed");
	lc_done(&lc);
}

static void another_failed_start_in_the_same_second_is_told(void)
{
	struct lifecycle lc = new_lc();
	struct lc_time began = at(1000), later = at(1000);

	lc_start_failed(&lc, 101, began, began);
	later.boot_usec += 50000;
	lc_start_failed(&lc, 101, later, later);
	CHECK_STR(buf_str(&said),
		  "~start-failed/1:start-failed ~start-failed/2:start-failed");
	lc_done(&lc);
}

static void a_spoofed_stop_is_unconfirmed(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	tell_stop(&lc, false, true, 5000);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 reconciled/1");
	CHECK(lc_find(&lc, 101)->phase == LC_UP, "it runs on");
	tell_stop(&lc, false, false, 6000);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 reconciled/1 stopped/1:unknown?");
	/* and of one that is stopped */
	tell_stop(&lc, false, false, 7000);
	CHECK_STR(buf_str(&said),
		  "prestart/1 started/1 reconciled/1 stopped/1:unknown? reconciled/1");
	lc_done(&lc);
}

static void a_second_init_ends_the_first(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	/* stop, post-stop and pre-start were lost */
	tell_start(&lc, 900, 900, 5000);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 ~stopped/1:unknown? started/2");
	/* the same number, another process */
	tell_start(&lc, 900, 950, 6000);
	CHECK_U64(lc_find(&lc, 101)->life, 3);
	/* and the kernel's view of a fourth */
	lc_up(&lc, 101, 900, 990, true, at(7000), at(7001));
	lc_tick(&lc, at(8001));
	CHECK_U64(lc_find(&lc, 101)->life, 4);
	lc_done(&lc);
}

static void the_kernel_is_faster_than_the_hook(void)
{
	struct lifecycle lc = new_lc();

	lc_up(&lc, 101, 500, 500, true, at(1005), at(1006));
	lc_tick(&lc, at(1006));
	tell_start(&lc, 500, 500, 1007);
	CHECK_STR(buf_str(&said), "~started/1 reconciled/1");
	tell_start(&lc, 500, 500, 1008); /* the same file once more */
	CHECK_STR(buf_str(&said), "~started/1 reconciled/1 reconciled/1");
	lc_done(&lc);
}

static void the_kernel_waits_for_the_start_hook(void)
{
	struct lifecycle lc = new_lc();

	tell(&lc, HOOK_PRE_START, 1000);
	lc_up(&lc, 101, 500, 500, true, at(1005), at(1006));
	lc_tick(&lc, at(1050));
	CHECK_STR(buf_str(&said), "prestart/1");
	lc_tick(&lc, at(1060)); /* it has none: an empty lxc.hook.start-host */
	CHECK_STR(buf_str(&said), "prestart/1 ~started/1");
	lc_done(&lc);
}

/* The spool could not be read for a while: the kernel told two lives by then. */
static void hooks_of_what_was_told_begin_nothing(void)
{
	struct lifecycle lc = new_lc();

	lc_up(&lc, 101, 500, 500, true, at(1010), at(1021));
	lc_tick(&lc, at(1021));
	lc_gone(&lc, 101, 500, INIT_EXIT_CODE, 0, true, at(2000));
	lc_tick(&lc, at(2000));
	lc_up(&lc, 101, 600, 600, true, at(3010), at(3021));
	lc_tick(&lc, at(3021));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:halted-inside ~started/2");
	buf_done(&said);
	start(&lc, 500, 1000);
	tell_stop(&lc, false, true, 2001);
	tell(&lc, HOOK_POST_STOP, 2003);
	/* the kernel counts in ticks: this pre-start may even be younger than its init */
	start(&lc, 600, 3013);
	CHECK_STR(buf_str(&said), "reconciled/2 reconciled/2 reconciled/2 reconciled/2 "
				  "reconciled/2 reconciled/2");
	buf_done(&said);
	lc_gone(&lc, 101, 600, INIT_EXIT_CODE, 0, true, at(4000));
	tell_stop(&lc, false, false, 4001);
	CHECK_STR(buf_str(&said), "stopped/2:halted-inside");
	lc_done(&lc);
}

/* LXC does not listen any more when it runs post-stop: the next start may be faster. */
static void a_post_stop_hook_of_the_run_before(void)
{
	struct lifecycle lc = new_lc();
	struct spool_event h;

	h = hook(HOOK_PRE_START, 1000);
	h.monitor_pid = 40;
	lc_hook(&lc, &h, false, at(1000));
	tell_start(&lc, 500, 500, 1010);
	tell_stop(&lc, false, false, 2000);
	h = hook(HOOK_PRE_START, 2010);
	h.monitor_pid = 50;
	lc_hook(&lc, &h, false, at(2010));
	h = hook(HOOK_POST_STOP, 2011);
	h.monitor_pid = 40;
	h.pid = 500;
	lc_hook(&lc, &h, false, at(2011));
	tell_start(&lc, 600, 600, 2020);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 stopped/1:unknown? prestart/2 "
				  "poststop/1 started/2");
	lc_done(&lc);
}

static void hooks_out_of_order(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	tell(&lc, HOOK_PRE_START, 900);
	CHECK_STR(buf_str(&said), "prestart/1 started/1 reconciled/1");
	CHECK(lc_find(&lc, 101)->phase == LC_UP, "it runs on");
	lc_done(&lc);
}

static void a_crash_loop_has_each_life_once(void)
{
	struct lifecycle lc = new_lc();
	size_t n = 0;

	for (uint64_t i = 0; i < 100; i++) {
		start(&lc, 500 + i, 1000 + i * 100);
		lc_gone(&lc, 101, 500 + i, INIT_EXIT_CODE, 1, true, at(1050 + i * 100));
		tell_stop(&lc, false, false, 1051 + i * 100);
	}
	for (const char *p = buf_str(&said); (p = strstr(p, "stopped/")); p++)
		n++;
	CHECK_U64(n, 100);
	CHECK_U64(lc_find(&lc, 101)->life, 100);
	lc_done(&lc);
}

static void destroyed_and_made_again(void)
{
	struct lifecycle lc = new_lc();

	/* no hooks, and it all happened between two looks */
	lc_up(&lc, 101, 500, 500, true, at(1000), at(1001));
	lc_tick(&lc, at(1001));
	lc_up(&lc, 101, 500, 600, true, at(2000), at(2001));
	lc_tick(&lc, at(2001));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:unknown? ~started/2");
	lc_done(&lc);
}

static void gone_when_it_was_looked_for(void)
{
	struct lifecycle lc = new_lc();

	start(&lc, 500, 1000);
	lc_absent(&lc, 101, at(20000));
	CHECK_STR(buf_str(&said), "prestart/1 started/1 ~stopped/1:unknown?");
	tell(&lc, HOOK_PRE_START, 30000);
	lc_absent(&lc, 101, at(30010)); /* too early to say */
	CHECK(lc_find(&lc, 101)->phase == LC_PRESTART, "waits");
	lc_absent(&lc, 101, at(40000));
	CHECK_STR(buf_str(&said), "prestart/1 started/1 ~stopped/1:unknown? prestart/2 "
				  "~start-failed/2:start-failed");
	lc_done(&lc);
}

static void what_is_learned_after_the_end(void)
{
	struct lifecycle lc = new_lc();

	lc_up(&lc, 101, 500, 500, true, at(1000), at(1001));
	lc_tick(&lc, at(1001));
	lc_gone(&lc, 101, 500, INIT_EXIT_UNKNOWN, 0, true, at(5000));
	lc_tick(&lc, at(5000));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:unknown?");
	lc_learned(&lc, 101, ORIGIN_KERNEL, at(5100)); /* nothing that tells */
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:unknown?");
	extra.crash = SIGSEGV;
	lc_learned(&lc, 101, ORIGIN_KERNEL, at(40000)); /* of another process by then */
	lc_oom_init(&lc, 101, 500, at(40000));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:unknown?");
	lc_learned(&lc, 101, ORIGIN_KERNEL, at(5300));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:unknown? reconciled/1:signal");
	extra.unit_stop = true;
	lc_learned(&lc, 101, ORIGIN_KERNEL, at(5400)); /* it is certain */
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:unknown? reconciled/1:signal");
	extra.crash = 0;
	extra.unit_stop = false;
	lc_done(&lc);
}

static void the_oom_message_comes_after_the_end(void)
{
	struct lifecycle lc = new_lc();

	lc_up(&lc, 101, 500, 500, true, at(1000), at(1001));
	lc_tick(&lc, at(1001));
	extra.oom_kills = val_set(1);
	lc_gone(&lc, 101, 500, INIT_EXIT_SIGNAL, SIGKILL, true, at(5000));
	lc_tick(&lc, at(5000));
	CHECK_STR(buf_str(&said), "~started/1 ~stopped/1:oom-init?");
	lc_oom_init(&lc, 101, 499, at(5050)); /* another process */
	lc_oom_init(&lc, 101, 500, at(5100));
	CHECK_STR(buf_str(&said),
		  "~started/1 ~stopped/1:oom-init? reconciled/1:oom-init");
	lc_oom_init(&lc, 101, 500, at(5200));
	CHECK_STR(buf_str(&said),
		  "~started/1 ~stopped/1:oom-init? reconciled/1:oom-init");
	lc_done(&lc);
}

static void pves_mark_of_a_reboot_comes_after_the_end(void)
{
	struct lifecycle lc = new_lc();

	lc_up(&lc, 101, 500, 500, true, at(1000), at(1001));
	lc_tick(&lc, at(1001));
	lc_gone(&lc, 101, 500, INIT_EXIT_SIGNAL, SIGKILL, true, at(5000));
	lc_tick(&lc, at(5000));
	lc_rebooted(&lc, 101, at(5900));
	CHECK_STR(buf_str(&said),
		  "~started/1 ~stopped/1:signal? reconciled/1:rebooted-inside");
	lc_done(&lc);
}

/* ---- after a crash ------------------------------------------------------------------
 */

static struct event stored(enum event_type type, uint64_t life, uint64_t ms,
			   bool inferred)
{
	struct event e = { .type = type,
			   .origin = inferred ? ORIGIN_CGROUP : ORIGIN_HOOK,
			   .inferred = inferred,
			   .vmid = 101,
			   .life = life,
			   .boot = BOOT,
			   .time_real_usec = at(ms).real_usec,
			   .boot_usec = at(ms).boot_usec };

	snprintf(e.id, sizeof(e.id), "e%ju", (uintmax_t)ms);
	return e;
}

static struct db_life row_of(uint64_t life, uint64_t ticks)
{
	return (struct db_life){ .vmid = 101,
				 .life = life,
				 .boot = BOOT,
				 .init_start_ticks = ticks,
				 .started_real_usec = at(1000).real_usec };
}

static void it_goes_on_where_it_was(void)
{
	struct lifecycle lc = new_lc();
	struct db_life row = row_of(3, 500);
	struct event ev[] = { stored(EVENT_PRESTART, 3, 1000, false),
			      stored(EVENT_STARTED, 3, 1010, false) };

	lc_restore(&lc, &(struct db_lives){ &row, 1 }, &(struct events){ ev, 2 },
		   at(20000));
	lc_up(&lc, 101, 500, 500, true, at(1005), at(20001));
	lc_tick(&lc, at(30000));
	CHECK_STR(buf_str(&said), "");
	tell_stop(&lc, false, false, 31000);
	CHECK_STR(buf_str(&said), "stopped/3:unknown?");
	lc_done(&lc);
}

static void an_event_whose_row_was_lost(void)
{
	struct lifecycle lc = new_lc();
	struct db_life row = row_of(3, 500);
	struct event ev[] = { stored(EVENT_STARTED, 3, 1010, false),
			      stored(EVENT_STOPPED, 3, 5000, false),
			      stored(EVENT_PRESTART, 4, 6000, false),
			      stored(EVENT_STARTED, 4, 6010, true) };

	lc_restore(&lc, &(struct db_lives){ &row, 1 }, &(struct events){ ev, 4 },
		   at(20000));
	CHECK_U64(rows, 1); /* that it stopped is written now */
	lc_up(&lc, 101, 800, 800, true, at(6010), at(20001));
	lc_tick(&lc, at(21000));
	CHECK_STR(buf_str(&said), "");
	CHECK_U64(lc_find(&lc, 101)->life, 4);
	CHECK_U64(last_row.init_start_ticks, 800);
	lc_done(&lc);
}

static void what_ended_while_nobody_looked(void)
{
	struct lifecycle lc = new_lc();
	struct db_life row = row_of(3, 500);

	/* its events were thinned out long ago: its start is not told again */
	lc_restore(&lc, &(struct db_lives){ &row, 1 }, &(struct events){ 0 }, at(20000));
	lc_absent(&lc, 101, at(20001));
	CHECK_STR(buf_str(&said), "~stopped/3:unknown?");
	lc_done(&lc);
}

static void a_life_of_an_earlier_boot(void)
{
	struct lifecycle lc = new_lc();
	struct db_life row = row_of(3, 500);

	snprintf(row.boot, sizeof(row.boot), "%s",
		 "00000000-0000-0000-0000-000000000000");
	lc_restore(&lc, &(struct db_lives){ &row, 1 }, &(struct events){ 0 }, at(20000));
	CHECK_STR(buf_str(&said), "~stopped/3:host-shutdown?");
	CHECK_STR(last_row.boot, row.boot);
	/* the tasks of then are heard of later than its end */
	extra.task =
		(struct stop_task){ .type = "stopall", .user = "root@pam", .all = true };
	lc_learned(&lc, 101, ORIGIN_TASK, at(20001));
	CHECK_STR(buf_str(&said), "~stopped/3:host-shutdown?");
	extra.task = (struct stop_task){ 0 };
	/* an init of the same start ticks is another one */
	lc_up(&lc, 101, 500, 500, true, at(5000), at(20001));
	lc_tick(&lc, at(20001));
	CHECK_STR(buf_str(&said), "~stopped/3:host-shutdown? ~started/4");
	lc_done(&lc);
}

/* Lives before these may have been told that nobody knows of any more. */
static void a_number_that_may_be_taken_is_not_given(void)
{
	struct lifecycle lc = new_lc();
	struct db_life row = row_of(3, 500);
	struct event ev[] = { stored(EVENT_STARTED, 4, 1010, false) };

	lc.first_life = 1795000000;
	lc_restore(&lc, &(struct db_lives){ &row, 1 }, &(struct events){ ev, 1 },
		   at(20000));
	/* what was told is what it was */
	tell_stop(&lc, false, false, 31000);
	start(&lc, 600, 32000);
	tell_stop(&lc, false, false, 33000);
	start(&lc, 700, 34000);
	CHECK_STR(buf_str(&said),
		  "stopped/4:unknown? prestart/1795000000 started/1795000000 "
		  "stopped/1795000000:unknown? prestart/1795000001 started/1795000001");
	lc_done(&lc);
}

int main(void)
{
	RUN(a_whole_life_by_hooks);
	RUN(a_life_without_hooks);
	RUN(no_exit_code_is_no_cause);
	RUN(the_stop_hook_is_waited_for);
	RUN(a_reboot_is_two_lives);
	RUN(a_task_is_the_cause);
	RUN(a_failed_pre_start);
	RUN(a_life_between_its_first_and_its_last_hook);
	RUN(pves_own_pre_start_failed_first);
	RUN(init_that_cannot_be_executed);
	RUN(the_start_hook_was_cut_off);
	RUN(over_before_its_exec_was_seen);
	RUN(over_before_its_exec_was_seen_and_no_stop_hook);
	RUN(started_again_within_a_tick);
	RUN(setting_up_for_init_failed);
	RUN(only_its_stop_was_heard_of);
	RUN(a_failed_start_without_hooks);
	RUN(a_failed_start_is_not_told_by_the_next_collector);
	RUN(another_failed_start_in_the_same_second_is_told);
	RUN(a_spoofed_stop_is_unconfirmed);
	RUN(a_second_init_ends_the_first);
	RUN(the_kernel_is_faster_than_the_hook);
	RUN(the_kernel_waits_for_the_start_hook);
	RUN(hooks_of_what_was_told_begin_nothing);
	RUN(a_post_stop_hook_of_the_run_before);
	RUN(hooks_out_of_order);
	RUN(a_crash_loop_has_each_life_once);
	RUN(destroyed_and_made_again);
	RUN(gone_when_it_was_looked_for);
	RUN(what_is_learned_after_the_end);
	RUN(the_oom_message_comes_after_the_end);
	RUN(pves_mark_of_a_reboot_comes_after_the_end);
	RUN(it_goes_on_where_it_was);
	RUN(an_event_whose_row_was_lost);
	RUN(what_ended_while_nobody_looked);
	RUN(a_life_of_an_earlier_boot);
	RUN(a_number_that_may_be_taken_is_not_given);
	buf_done(&said);
	return DONE();
}
