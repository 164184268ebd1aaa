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

/* More lines of one source than any reading has. */
#define MAX_REPEATS   ((size_t)1 << 18)
#define SAME_RUN_USEC ((uint64_t)5000000)

/* A line by what has to be the same: those without a time of their own come first. */
struct key {
	uint64_t hash; /* of the text */
	uint64_t time_real_usec;
	bool exact;
	struct tbytes text;
};

/* The lines of one source, sorted, and from when to when they are. */
struct run {
	struct key *v;
	size_t n, cap;
	uint64_t first, last;
};

/* FNV-1a: a guest writes both sides, but who makes two collide has them compared only. */
static struct key key_of(const struct logline *line)
{
	struct key k = { .hash = UINT64_C(14695981039346656037),
			 .time_real_usec = line->time_real_usec,
			 .exact = line->time_kind == LOG_TIME_EXACT,
			 .text = line->text };

	for (uint32_t i = 0; i < k.text.n; i++)
		k.hash = (k.hash ^ k.text.p[i]) * UINT64_C(1099511628211);
	return k;
}

static int cmp_keys(const void *x, const void *y)
{
	const struct key *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->exact != b->exact)
		return a->exact ? 1 : -1;
	return (a->time_real_usec > b->time_real_usec) -
	       (a->time_real_usec < b->time_real_usec);
}

static void run_of(const struct loglines *l, enum log_source source, struct run *ret)
{
	for (size_t i = l->n; i-- > 0 && ret->n < MAX_REPEATS;) {
		const struct logline *line = &l->v[i];

		if (line->source != source)
			continue;
		ret->first = ret->n ? MIN(ret->first, line->time_real_usec)
				    : line->time_real_usec;
		ret->last = MAX(ret->last, line->time_real_usec);
		GROW(ret->v, ret->n, ret->cap);
		ret->v[ret->n++] = key_of(line);
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), cmp_keys);
}

/* The first that is not before the key. */
static size_t find_key(const struct run *run, const struct key *k)
{
	size_t from = 0, to = run->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (cmp_keys(&run->v[mid], k) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool same_text(const struct key *a, const struct key *b)
{
	return a->text.n == b->text.n &&
	       (!a->text.n || memcmp(a->text.p, b->text.p, a->text.n) == 0);
}

/* One of the same text from that place on, not later than the time. */
static bool has_text(const struct run *run, size_t i, const struct key *k, bool exact,
		     uint64_t until)
{
	for (; i < run->n && run->v[i].hash == k->hash && run->v[i].exact == exact &&
	       run->v[i].time_real_usec <= until;
	     i++)
		if (same_text(&run->v[i], k))
			return true;
	return false;
}

/* Where both know when they were written, that has to be the same, too. */
static bool repeats(const struct logline *line, const struct run *run)
{
	struct key k, from;
	uint64_t until = UINT64_MAX;

	if (line->time_real_usec + SAME_RUN_USEC < run->first ||
	    line->time_real_usec > run->last + SAME_RUN_USEC)
		return false;
	from = k = key_of(line);
	from.exact = false;
	from.time_real_usec = 0;
	if (has_text(run, find_key(run, &from), &k, false, until))
		return true;
	from.exact = true;
	if (k.exact) {
		from.time_real_usec = k.time_real_usec > SAME_RUN_USEC
					      ? k.time_real_usec - SAME_RUN_USEC
					      : 0;
		until = k.time_real_usec + SAME_RUN_USEC;
	}
	return has_text(run, find_key(run, &from), &k, true, until);
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
		[LOG_LEVEL_EMERG] = "error",     [LOG_LEVEL_ALERT] = "error",
		[LOG_LEVEL_CRIT] = "error",      [LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
		[LOG_LEVEL_INFO] = "info",       [LOG_LEVEL_DEBUG] = "debug",
	};

	return l < ARRAY_SIZE(names) ? names[l] : NULL;
}

enum log_level log_level_of(uint32_t priority)
{
	return priority < 8 ? (enum log_level)(priority + 1) : LOG_LEVEL_NONE;
}

static enum log_level level_by_name(struct span name)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{ "emerg", LOG_LEVEL_EMERG },  { "alert", LOG_LEVEL_ALERT },
		{ "crit", LOG_LEVEL_CRIT },    { "err", LOG_LEVEL_ERROR },
		{ "error", LOG_LEVEL_ERROR },  { "warning", LOG_LEVEL_WARNING },
		{ "warn", LOG_LEVEL_WARNING }, { "notice", LOG_LEVEL_NOTICE },
		{ "info", LOG_LEVEL_INFO },    { "debug", LOG_LEVEL_DEBUG },
	};

	if (name.n == 1 && *name.p >= '0' && *name.p <= '7')
		return log_level_of((uint32_t)(*name.p - '0'));
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (span_eq(name, levels[i].name))
			return levels[i].level;
	return LOG_LEVEL_NONE;
}

int log_levels_parse(const char *text, enum log_level *ret_from, enum log_level *ret_to)
{
	const char *dots = strstr(text, "..");
	enum log_level a, b;

	if (dots) {
		a = level_by_name(span_of(text, (size_t)(dots - text)));
		b = level_by_name(span_str(dots + 2));
	} else {
		a = LOG_LEVEL_EMERG;
		b = level_by_name(span_str(text));
	}
	if (a == LOG_LEVEL_NONE || b == LOG_LEVEL_NONE)
		return -EINVAL;
	*ret_from = MIN(a, b);
	*ret_to = MAX(a, b);
	return 0;
}
