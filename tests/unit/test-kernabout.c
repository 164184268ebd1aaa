/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/kernabout.h"

#include "test.h"

static bool about(const char *msg, uint32_t vmid)
{
	return kernabout_names(tbytes_str(msg), vmid);
}

static void an_oom_kill_is_of_the_cgroup_the_node_made(void)
{
	const char *oom =
		"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=ns,"
		"mems_allowed=0,oom_memcg=/lxc/101,task_memcg=/lxc/101/ns,task=dd,"
		"pid=12642,uid=100000";

	CHECK(about(oom, 101), "101");
	CHECK(!about(oom, 10), "10");
	CHECK(!about(oom, 1), "1");
	CHECK(about("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		    "global_oom,task_memcg=/lxc/101/ns,task=dd,pid=1,uid=0",
		    101),
	      "the node itself ran out");
	CHECK(about("oom-kill:constraint=X,cpuset=/,mems_allowed=0,oom_memcg=/lxc,"
		    "task_memcg=/lxc/101/ns,task=dd,pid=1,uid=0",
		    101),
	      "the limit of all containers");
}

static void a_guest_cannot_lay_its_oom_kill_on_another(void)
{
	static const char *const forged[] = {
		/* the name of a process */
		"oom-kill:constraint=X,cpuset=ns,mems_allowed=0,oom_memcg=/lxc/102,"
		"task_memcg=/lxc/102/ns,task=,task_memcg=/lxc/101,pid=1,uid=0",
		/* of a cgroup below its own */
		"oom-kill:constraint=X,cpuset=ns,mems_allowed=0,oom_memcg=/lxc/102/ns/"
		"x,task_memcg=/lxc/101,task_memcg=/lxc/102/ns,task=dd,pid=1,uid=0",
		"oom-kill:constraint=X,cpuset=ns,mems_allowed=0,global_oom,task_memcg=/lxc/102/ns/"
		"x,oom_memcg=/lxc/101/y,task=dd,pid=1,uid=0",
		/* of a cpuset, which has no slash */
		"oom-kill:constraint=X,cpuset=,oom_memcg=,mems_allowed=0,oom_memcg=/lxc/102,"
		"task_memcg=/lxc/102/ns,task=dd,pid=1,uid=0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		CHECK(!about(forged[i], 101), "%zu", i);
		CHECK(about(forged[i], 102), "%zu", i);
	}
}

static void apparmor_denials_have_the_profile(void)
{
	CHECK(about("audit: type=1400 audit(1:40): apparmor=\"DENIED\" operation=\"mount\" "
		    "profile=\"lxc-101_</var/lib/lxc>\" name=\"/proc/\" comm=\"x\"",
		    101),
	      "profile");
	CHECK(!about("audit: type=1400 audit(1:40): apparmor=\"DENIED\" operation=\"mount\" "
		     "profile=\"lxc-1010_</var/lib/lxc>\" name=\"/lxc-101_\" comm=\"lxc-101_\"",
		     101),
	      "another's");
}

static void network_messages_have_the_device(void)
{
	CHECK(about("vmbr0: port 2(veth101i0) entered blocking state", 101), "veth");
	CHECK(about("fwbr101i3: port 1(fwln101i3) entered disabled state", 101), "fwbr");
	CHECK(about("veth101i0: entered promiscuous mode", 101), "at the start");
	CHECK(!about("vmbr0: port 2(veth1010i0) entered blocking state", 101), "1010");
	CHECK(!about("vmbr0: port 2(veth101ix) entered blocking state", 101),
	      "no number");
	CHECK(!about("veth101i0: x[4711]: segfault at 0", 101), "a process");
	CHECK(!about("Memory cgroup out of memory: Killed process 1 (veth101i0) x", 101),
	      "comm");
	CHECK(!about("", 101), "empty");
}

static void the_process_that_is_killed_is_read_from_the_end(void)
{
	const char *oom = "oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/lxc/101,"
			  "task_memcg=/lxc/101/ns/,pid=1,uid=0,task=x,pid=12642,uid=0";
	uint32_t pid = 0;

	CHECK(kernabout_oom_victim(span_str(oom), &pid) && pid == 12642, "%u", pid);
	CHECK(!kernabout_oom_victim(span_str("oom-kill:constraint=X"), &pid), "none");
	CHECK(!kernabout_oom_victim(span_str("oom-kill:,pid=4294967296"), &pid), "more");
	CHECK(kernabout_killed(span_str("Memory cgroup out of memory: Killed process "
					"12643 (dd) total-vm:1kB"),
			       &pid) &&
		      pid == 12643,
	      "%u", pid);
	CHECK(!kernabout_killed(span_str("x: Out of memory: Killed process 1 (x)"), &pid),
	      "not at its beginning");
	CHECK(!kernabout_killed(span_str(""), &pid), "empty");
}

int main(void)
{
	RUN(an_oom_kill_is_of_the_cgroup_the_node_made);
	RUN(a_guest_cannot_lay_its_oom_kill_on_another);
	RUN(apparmor_denials_have_the_profile);
	RUN(network_messages_have_the_device);
	RUN(the_process_that_is_killed_is_read_from_the_end);
	return DONE();
}
