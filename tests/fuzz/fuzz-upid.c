/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/tasklog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken is written back the same, and its log stays below its directory. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(upid_done) struct upid u = { 0 };
	_cleanup_(buf_done) struct buf path = { 0 };

	if (upid_parse(span_of((const char *)data, size), &u) < 0)
		return 0;
	if (strlen(u.text) != size || memcmp(u.text, data, size) != 0)
		abort();
	if (strchr(u.text, '/') || u.start_real_usec > UINT32_MAX * (uint64_t)1000000)
		abort();
	tasklog_path(&u, &path);
	if (!str_starts(buf_str(&path), "var/log/pve/tasks/"))
		abort();
	upid_is_about(&u, 101);
	return 0;
}
