/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/backups.h"
#include "read/hostlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* vzdump's own log, a replication log, and the results in a task's log. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };
	_cleanup_(backup_results_done) struct backup_results r = { 0 };
	struct span text = span_of((const char *)data, size);
	char upid[] = "UPID:n:00000001:00000002:689BFFB3:vzdump::root@pam:", empty[] = "";
	struct task t = { .upid = { .text = upid, .id = empty } };

	vzdumplog_parse(text, 1000000, &l);
	replicationlog_parse(text, "100-0", 1000000, &l);
	for (t.state = TASK_UNKNOWN; t.state <= TASK_UNEXPECTED; t.state++)
		backuplog_parse(&t, text, &r);
	for (size_t i = 0; i < r.n; i++)
		if (!r.v[i].upid || (r.v[i].outcome == BACKUP_FAILED && !r.v[i].error))
			abort();
	for (size_t i = 0; i < l.n; i++)
		if (!l.v[i].text.n || memchr(l.v[i].text.p, '\n', l.v[i].text.n))
			abort();
	return 0;
}
