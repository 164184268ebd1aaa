/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/procs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* /proc/<pid>/status and uid_map; who is mapped inside is within the lines' range. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct proc_status st;
	struct idmap m = { 0 };

	if (procs_parse_status(s, &st) == 0 && st.n_nspid > ARRAY_SIZE(st.nspid))
		abort();
	if (procs_parse_idmap(s, &m) == 0)
		for (size_t i = 0; i < m.n; i++)
			if (m.v[i].count &&
			    idmap_inside(&m, m.v[i].outside).kind != VAL_SET)
				abort();
	idmap_done(&m);
	return 0;
}
