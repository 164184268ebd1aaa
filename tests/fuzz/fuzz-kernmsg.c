/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/kernmsg.h"
#include "read/procnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span s, struct span all)
{
	if (s.n && (s.p < all.p || s.p + s.n > all.p + all.n))
		abort();
}

/* Spans stay inside the message; addresses are texts of addresses. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span msg = { (const char *)data, size };
	struct strv l = { 0 };
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
	procnet_parse_fib_trie(msg, 32, &l);
	procnet_parse_if_inet6(msg, 32, &l);
	for (size_t i = 0; i < l.n; i++)
		if (strlen(l.v[i]) > 45)
			abort();
	strv_done(&l);
	return 0;
}
