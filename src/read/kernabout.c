/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/kernabout.h"

#include <stdio.h>

#include "base/num.h"

/* A line of the kernel's OOM killer: "...,pid=<n>,uid=<n>" at its end is the kernel's. */
bool kernabout_oom_victim(struct span msg, uint32_t *ret_pid)
{
	const char *last = NULL, *hit;
	struct span s = msg, num;
	size_t i;

	while ((hit = span_find(s, ",pid="))) {
		last = hit + 5;
		s = span_of(last, msg.n - (size_t)(last - msg.p));
	}
	if (!last)
		return false;
	num = span_of(last, msg.n - (size_t)(last - msg.p));
	for (i = 0; i < num.n && num.p[i] >= '0' && num.p[i] <= '9';)
		i++;
	num.n = i;
	return num_parse_u32(num, ret_pid) == 0;
}

/* "<id>" and then nothing that makes the number or the name longer. */
static bool whole_id(struct span s, const char *id)
{
	if (!span_skip(&s, id))
		return false;
	return !s.n || !((s.p[0] >= '0' && s.p[0] <= '9') ||
			 (s.p[0] >= 'a' && s.p[0] <= 'z') || s.p[0] == '-');
}

/*
 * A guest chooses names of processes and of cgroups below its own, so only the first of
 * the two paths counts, and of it the start, which the node made ("/lxc/<id>"); the name
 * of the cpuset, which comes before, cannot have a slash.
 */
static bool oom_is_about(struct span msg, const char *id)
{
	struct span memcg = span_behind(msg, ",oom_memcg=/"),
		    task = span_behind(msg, ",task_memcg=/");

	if (memcg.p && (!task.p || memcg.p < task.p)) {
		if (span_skip(&memcg, "lxc/") && memcg.n && memcg.p[0] != ',')
			return whole_id(memcg, id);
		task = span_behind(memcg, ",task_memcg=/");
	}
	return span_skip(&task, "lxc/") && whole_id(task, id);
}

/* Fields that AppArmor quotes: what a guest chose cannot hold a quote, it becomes hex. */
static bool apparmor_is_about(struct span msg, const char *id)
{
	static const char *const fields[] = { " profile=\"lxc-", " label=\"lxc-",
					      " namespace=\"root//lxc-" };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct span s = span_behind(msg, fields[i]);

		if (span_skip(&s, id) && span_starts(s, "_"))
			return true;
	}
	return false;
}

/* "name[123]" or "(name)" is a process, and processes choose their names. */
static bool names_process(struct span msg)
{
	const char *open = msg.n ? memchr(msg.p, '[', msg.n) : NULL;

	return span_find(msg, "Killed process") || span_find(msg, "comm") ||
	       (open && open + 1 < msg.p + msg.n && open[1] >= '0' && open[1] <= '9');
}

/* "veth101i0", "fwbr101i0", "fwln101i0", "fwpr101p0" as a word of its own. */
static bool netdev_is_about(struct span msg, const char *id)
{
	static const struct {
		const char *prefix, *suffix;
	} forms[] = {
		{ "veth", "i" }, { "fwbr", "i" }, { "fwln", "i" }, { "fwpr", "p" }
	};

	if (names_process(msg))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct span s = msg;
		const char *hit;
		char name[32];

		snprintf(name, sizeof(name), "%s%s%s", forms[i].prefix, id,
			 forms[i].suffix);
		while ((hit = span_find(s, name))) {
			const char *end = hit + strlen(name);

			s = span_of(end, msg.n - (size_t)(end - msg.p));
			if ((hit == msg.p || hit[-1] == ' ' || hit[-1] == '(') && s.n &&
			    s.p[0] >= '0' && s.p[0] <= '9')
				return true;
		}
	}
	return false;
}

bool kernabout_names(struct tbytes t, uint32_t vmid)
{
	struct span msg = span_of((const char *)t.p, t.n), s = msg;
	char id[16];

	snprintf(id, sizeof(id), "%u", vmid);
	if (span_starts(msg, "oom-kill:"))
		return oom_is_about(msg, id);
	if (span_skip(&s, "Memory cgroup stats for /lxc/"))
		return whole_id(s, id);
	if (span_find(msg, "apparmor=\""))
		return apparmor_is_about(msg, id);
	return netdev_is_about(msg, id);
}

/* "Memory cgroup out of memory: Killed process 12642 (dd) ...": does not name the guest.
 */
bool kernabout_killed(struct span msg, uint32_t *ret_pid)
{
	struct span word;

	if (!span_skip(&msg, "Memory cgroup out of memory: Killed process ") &&
	    !span_skip(&msg, "Out of memory: Killed process "))
		return false;
	return span_field(&msg, &word) && num_parse_u32(word, ret_pid) == 0;
}
