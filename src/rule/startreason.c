/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/startreason.h"

#include "base/num.h"

#define REASON_MAX 200

/* "../src/lxc/start.c: lxc_spawn: 1840 " is not for people. */
static struct span message_of(struct span line)
{
	struct span rest = line, file, function, number;
	uint32_t n;

	line = span_trim(line);
	if (!span_skip(&line, "lxc-start: "))
		return line;
	rest = line;
	if (!span_cut(&rest, ':', &number)) /* the container */
		return line;
	rest = span_trim(rest);
	line = rest;
	if (!span_cut(&rest, ':', &file) || !span_ends(file, ".c") ||
	    !span_cut(&rest, ':', &function))
		return line;
	rest = span_trim(rest);
	if (!span_field(&rest, &number) || num_parse_u32(number, &n) < 0)
		return line;
	rest = span_trim(rest);
	(void)span_skip(&rest, "Success - "); /* errno was 0 */
	return rest;
}

static bool is_consequence(struct span message)
{
	static const char *const starts[] = {
		"Script exited with status",
		"Script killed by signal",
		"Failed to run lxc.hook.",
		"Failed to initialize container",
		"Failed to spawn container",
		"Failed to setup container",
		"Failed to create the network",
		"An error occurred in another process",
		"The container failed to start",
		"To get more details",
		"Additional information can be obtained",
		"Expected to receive state",
		"Received container state",
	};

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (span_starts(message, starts[i]))
			return true;
	return false;
}

struct span startreason_of_stderr(struct span text)
{
	struct span line, m;

	while (span_line(&text, &line)) {
		m = message_of(line);
		if (!m.n || is_consequence(m))
			continue;
		m.n = MIN(m.n, (size_t)REASON_MAX);
		return m;
	}
	return (struct span){ 0 };
}

bool startreason_of_task(struct span status)
{
	if (!status.n || span_eq(status, "OK") || span_starts(status, "WARNINGS") ||
	    span_eq(status, "unexpected status") || span_starts(status, "job errors"))
		return false;
	return !(span_starts(status, "startup for container '") &&
		 span_ends(status, "' failed"));
}
