/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pvefs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Half an answer of a reader process that died: what is taken lies inside of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pvefs p = { 0 };

	buf_add(&p.raw, data, size);
	if (pvefs_ended(&p) && p.walked >= p.raw.n)
		__builtin_trap();
	if (pvefs_parse(&p) == 0) {
		for (size_t i = 0; i < p.n; i++) {
			const struct pvefs_file *f = &p.v[i];
			struct span node;
			uint64_t vmid;

			if (f->data.n && (f->data.p < p.raw.p ||
					  f->data.p + f->data.n > p.raw.p + p.raw.n))
				__builtin_trap();
			if (pvefs_conf_path(f->path, &vmid, &node) && !vmid)
				__builtin_trap();
		}
	}
	pvefs_done(&p);
	return 0;
}
