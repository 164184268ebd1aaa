/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/jobs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lists are ascending, and whatever is asked of a job has an answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(backup_jobs_done) struct backup_jobs j = { 0 };
	struct err err = { 0 };

	if (jobs_parse((const char *)data, size, &j, &err) < 0)
		return 0;
	for (size_t i = 0; i < j.n; i++) {
		const struct backup_job *b = &j.v[i];

		if (!b->id || !b->schedule)
			abort();
		for (size_t k = 1; k < b->n_vmids; k++)
			if (b->vmids[k - 1] >= b->vmids[k])
				abort();
		if (b->n_vmids && b->select == BACKUP_SELECT_VMIDS &&
		    backup_job_covers(b, b->vmids[0], b->node, NULL) > COVER_DISABLED)
			abort();
		backup_job_covers(b, 100, "pve1", NULL);
	}
	return 0;
}
