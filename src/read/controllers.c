/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/controllers.h"

#include "base/fs.h"
#include "base/num.h"

/* "memory	9	61	1": name, v1 hierarchy (0: none), cgroups, enabled */
static bool parse_line(struct span line, struct span *name, enum controller_place *ret)
{
	struct span f[3];
	uint32_t hierarchy, enabled;

	if (!span_field(&line, name) || name->p[0] == '#')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		if (!span_field(&line, &f[i]))
			return false;
	if (num_parse_u32(f[0], &hierarchy) < 0 || num_parse_u32(f[2], &enabled) < 0)
		return false;
	*ret = !enabled ? CTL_DISABLED : hierarchy ? CTL_V1 : CTL_V2;
	return true;
}

void controllers_parse(struct span text, struct controllers *ret)
{
	struct controllers c = { 0 };
	const struct {
		const char *name;
		enum controller_place *dst;
	} names[] = {
		{ "cpu", &c.cpu },   { "memory", &c.memory }, { "blkio", &c.io },
		{ "pids", &c.pids }, { "cpuset", &c.cpuset },
	};
	struct span line, name;
	bool any = false;

	while (span_line(&text, &line)) {
		enum controller_place place;

		if (!parse_line(line, &name, &place))
			continue;
		any = true;
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (span_eq(name, names[i].name))
				*names[i].dst = place;
	}
	for (size_t i = 0; any && i < ARRAY_SIZE(names); i++)
		if (*names[i].dst == CTL_UNKNOWN)
			*names[i].dst = CTL_MISSING;
	*ret = c;
}

int controllers_read(int rootfd, struct controllers *ret, struct err *err)
{
	char buf[4096];
	size_t n;
	int r;

	*ret = (struct controllers){ 0 };
	r = fs_read_small(rootfd, "proc/cgroups", buf, sizeof(buf), &n, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		controllers_parse(span_of(buf, n), ret);
	return r;
}

const char *controller_reason(enum controller_place p)
{
	static const char *const reasons[] = {
		[CTL_V1] = "held by cgroup v1 on this machine",
		[CTL_DISABLED] = "switched off when this kernel was booted",
		[CTL_MISSING] = "not built into this kernel",
		[CTL_V2] = "not switched on for this container",
		[CTL_UNKNOWN] = NULL,
	};

	return reasons[p];
}
