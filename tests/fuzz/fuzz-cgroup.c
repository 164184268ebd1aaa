/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each parser of a cgroup file takes any bytes: a number, absent, or an error. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct cg_cpu cpu = { 0 };
	struct cg_memory memory = { 0 };
	struct cg_io io = { 0 };
	struct cg_psi psi = { 0 };
	struct cg_events events = { 0 };

	cg_parse_cpu_stat(s, &cpu);
	cg_parse_cpu_max(s, &cpu);
	cg_parse_memory_stat(s, &memory);
	cg_parse_memory_events(s, &memory);
	cg_parse_psi(s, &psi);
	cg_parse_events(s, &events);
	if (cg_parse_io_stat(s, &io) == 0 && io.n > 1024)
		__builtin_trap();
	cg_io_done(&io);
	return 0;
}
