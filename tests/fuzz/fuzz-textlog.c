/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/textlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In two pieces, as a file that grows; the first two bytes say where and when. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(loglines_done) struct loglines l = { 0 };
	size_t head = size >= 2 ? 2 : size, at;
	struct textlog t = { .source = size && data[0] & 1 ? LOG_SYSLOG : LOG_FILE };
	struct span text = span_of((const char *)data + head, size - head);

	/* 2026-11-20 03:12:30 UTC and quarters of an hour around it */
	if (size >= 2 && data[1] != 255)
		t.mtime_real_usec =
			(UINT64_C(1795144350) + (uint64_t)data[1] * 900) * 1000000;
	at = size ? data[0] % (text.n + 1) : 0;
	textlog_parse(&t, span_of(text.p, at), &l);
	textlog_parse(&t, span_of(text.p + at, text.n - at), &l);
	for (size_t i = 0; i < l.n; i++)
		if (!l.v[i].text.n || memchr(l.v[i].text.p, '\n', l.v[i].text.n) ||
		    (l.v[i].time_kind != LOG_TIME_NONE && !l.v[i].time_real_usec &&
		     l.v[i].time_kind != LOG_TIME_EXACT))
			abort();
	return 0;
}
