/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/jobs.h"
#include "read/replication.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The configuration, and the two JSON files of jobs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(replication_jobs_done) struct replication_jobs j = { 0 };
	_cleanup_(replication_states_done) struct replication_states s = { 0 };
	_cleanup_(job_state_done) struct job_state js = { 0 };
	struct err err = { 0 };

	replication_parse((const char *)data, size, &j, &err);
	replication_state_parse((const char *)data, size, &s, &err);
	job_state_parse((const char *)data, size, &js, &err);
	return 0;
}
