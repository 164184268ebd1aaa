/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/kernmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span s, struct span all)
{
	if (s.n && (s.p < all.p || s.p + s.n > all.p + all.n))
		abort();
}

/* Spans stay inside the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span msg = { (const char *)data, size };
	struct kernmsg m = { 0 };

	if (kernmsg_parse(msg, &m)) {
		inside(m.name, msg);
		inside(m.task_cgroup, msg);
		inside(m.oom_cgroup, msg);
		inside(m.operation, msg);
		inside(m.profile, msg);
		inside(m.path, msg);
		inside(m.requested, msg);
		inside(m.error, msg);
		free(kernmsg_text(m.path, m.path_hex));
		free(kernmsg_text(m.name, m.name_hex));
	}
	return 0;
}
