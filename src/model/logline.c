/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "logline.h"

#include "base/str.h"

void loglines_done(struct loglines *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_store; i++)
		free(l->store[i]);
	free(l->store);
	free(l->v);
	*l = (struct loglines){ 0 };
}

void loglines_own(struct loglines *l, char *p)
{
	GROW(l->store, l->n_store, l->cap_store);
	l->store[l->n_store++] = p;
}

struct tbytes loglines_keep(struct loglines *l, const void *p, size_t n)
{
	char *copy = xstrndup(p ? p : "", n);

	loglines_own(l, copy);
	return (struct tbytes){ (const uint8_t *)copy, (uint32_t)n };
}

const char *loglines_keep_str(struct loglines *l, const char *s)
{
	char *copy;

	if (!s)
		return NULL;
	copy = xstrdup(s);
	loglines_own(l, copy);
	return copy;
}

void loglines_add(struct loglines *l, struct logline line)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = line;
}

void loglines_reverse(struct loglines *l, size_t start)
{
	for (size_t a = start, b = l->n; a + 1 < b; a++, b--) {
		struct logline tmp = l->v[a];

		l->v[a] = l->v[b - 1];
		l->v[b - 1] = tmp;
	}
}

/* One run of a merge sort: [a, b) and [b, e) of `from` into `to`; the left wins ties. */
static void merge(const struct logline *from, struct logline *to, size_t a, size_t b,
		  size_t e)
{
	size_t i = a, j = b;

	for (size_t k = a; k < e; k++)
		if (i < b && (j >= e || from[i].time_real_usec <= from[j].time_real_usec))
			to[k] = from[i++];
		else
			to[k] = from[j++];
}

void loglines_sort(struct loglines *l)
{
	struct logline *tmp, *from = l->v;

	if (l->n < 2)
		return;
	tmp = xreallocarray(NULL, l->n, sizeof(*tmp));
	for (size_t width = 1; width < l->n; width *= 2) {
		struct logline *to = from == l->v ? tmp : l->v;

		for (size_t a = 0; a < l->n; a += 2 * width)
			merge(from, to, a, MIN(a + width, l->n),
			      MIN(a + 2 * width, l->n));
		from = to;
	}
	if (from == tmp)
		memcpy(l->v, tmp, l->n * sizeof(*tmp));
	free(tmp);
}

/* Comparing all with all is for logs of the usual size only. */
#define MAX_REPEATS   ((size_t)4096)
#define SAME_RUN_USEC ((uint64_t)5000000)

/* The lines of one source, and from when to when they are. */
struct run {
	struct logline *v;
	size_t n, cap;
	uint64_t first, last;
};

static void run_of(const struct loglines *l, enum log_source source, struct run *ret)
{
	for (size_t i = 0; i < l->n && ret->n < MAX_REPEATS; i++) {
		const struct logline *line = &l->v[i];

		if (line->source != source)
			continue;
		ret->first = ret->n ? MIN(ret->first, line->time_real_usec)
				    : line->time_real_usec;
		ret->last = MAX(ret->last, line->time_real_usec);
		GROW(ret->v, ret->n, ret->cap);
		ret->v[ret->n++] = *line;
	}
}

/* Where both know when they were written, that has to be the same, too. */
static bool about_then(const struct logline *a, const struct logline *b)
{
	uint64_t x = a->time_real_usec, y = b->time_real_usec;

	return a->time_kind != LOG_TIME_EXACT || b->time_kind != LOG_TIME_EXACT ||
	       (x > y ? x - y : y - x) <= SAME_RUN_USEC;
}

static bool repeats(const struct logline *line, const struct run *run)
{
	if (line->time_real_usec + SAME_RUN_USEC < run->first ||
	    line->time_real_usec > run->last + SAME_RUN_USEC)
		return false;
	for (size_t i = 0; i < run->n; i++)
		if (run->v[i].text.n == line->text.n && about_then(line, &run->v[i]) &&
		    memcmp(run->v[i].text.p, line->text.p, line->text.n) == 0)
			return true;
	return false;
}

void loglines_drop_repeats(struct loglines *l, enum log_source from, enum log_source same)
{
	struct run run = { 0 };
	size_t n = 0;

	run_of(l, same, &run);
	for (size_t i = 0; run.n && i < l->n; i++)
		if (l->v[i].source != from || !repeats(&l->v[i], &run))
			l->v[n++] = l->v[i];
	if (run.n)
		l->n = n;
	free(run.v);
}

void loglines_tail(struct loglines *l, size_t max)
{
	if (l->n <= max)
		return;
	memmove(l->v, l->v + (l->n - max), max * sizeof(*l->v));
	l->n = max;
}

static const struct {
	const char *name, *help;
	bool journal, inside;
} sources[LOG_SOURCES] = {
	[LOG_TASK] = { "task", "PVE tasks about it: start, stop, backup, snapshot, ...",
		       0 },
	[LOG_STDERR] = { "stderr", "what lxc-start said at the last start", 0 },
	[LOG_WARNINGS] = { "warnings", "warnings of PVE's pre-start hook", 0 },
	[LOG_VZDUMP] = { "vzdump", "the log of its last backup", 0 },
	[LOG_REPLICATION] = { "replication", "the last run of its replication jobs", 0 },
	[LOG_FIREWALL] = { "firewall", "packets that its firewall logged", 0 },
	[LOG_UNIT] = { "unit", "journal of its unit pve-container@ID", 1 },
	[LOG_HOOK] = { "hook", "journal of PVE's LXC hooks", 1 },
	[LOG_PVE] = { "pve", "journal of PVE's daemons and commands that name it", 1 },
	[LOG_KERNEL] = { "kernel", "OOM kills, AppArmor denials, its network devices",
			 1 },
	[LOG_CONSOLE] = { "console", "its console, where lxc.console.logfile keeps it",
			  0 },
	[LOG_GUEST] = { "guest", "inside: its journal", .inside = true },
	[LOG_SYSLOG] = { "syslog", "inside: /var/log/syslog, or messages",
			 .inside = true },
	[LOG_FILE] = { "file", "inside: what --file names", .inside = true },
};

const char *log_source_name(enum log_source s)
{
	return s < LOG_SOURCES ? sources[s].name : NULL;
}

const char *log_source_help(enum log_source s)
{
	return s < LOG_SOURCES ? sources[s].help : NULL;
}

bool log_source_is_journal(enum log_source s)
{
	return s < LOG_SOURCES && sources[s].journal;
}

bool log_source_is_inside(enum log_source s)
{
	return s < LOG_SOURCES && sources[s].inside;
}

const char *log_time_kind_name(enum log_time_kind k)
{
	static const char *const names[] = {
		[LOG_TIME_EXACT] = "exact",
		[LOG_TIME_NOT_BEFORE] = "not-before",
		[LOG_TIME_NOT_AFTER] = "not-after",
	};

	return (size_t)k < ARRAY_SIZE(names) ? names[k] : NULL;
}

const char *log_level_name(enum log_level l)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",   [LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_NOTICE] = "notice", [LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	return (size_t)l < ARRAY_SIZE(names) ? names[l] : NULL;
}
