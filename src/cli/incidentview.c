/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/incidentview.h"

#include "base/clock.h"
#include "base/num.h"
#include "cli/eventtext.h"
#include "cli/historyview.h"
#include "out/text.h"
#include "read/jsonin.h"

#define LABEL    11 /* columns of the words on the left */
#define MAX_ROWS 20

enum as {
	AS_SIZE,
	AS_NUMBER,
	AS_SECONDS,
	AS_DURATION,
	AS_PERCENT,
	AS_TIMES,
	AS_SIGNED,
	AS_TEXT,
};

/* A member of an object, how it is shown, and the word before it. */
struct member {
	const char *key, *word;
	enum as as;
	const char *of; /* the key of its limit; NULL: it is shown alone */
};

static const struct member limits[] = {
	{ "memory_bytes", "memory", AS_SIZE }, { "high_bytes", "high", AS_SIZE },
	{ "swap_bytes", "swap", AS_SIZE },     { "pids", "pids", AS_NUMBER },
	{ "cpus", "cpus", AS_NUMBER },         { "cpuset", "cpuset", AS_TEXT },
};

static const struct member memory[] = {
	{ "current_bytes", "current", AS_SIZE, "memory_bytes" },
	{ "peak_bytes", "peak", AS_SIZE, "memory_bytes" },
	{ "anon_bytes", "anon", AS_SIZE },
	{ "file_bytes", "file", AS_SIZE },
	{ "shmem_bytes", "shmem", AS_SIZE },
	{ "kernel_bytes", "kernel", AS_SIZE },
	{ "slab_bytes", "slab", AS_SIZE },
	{ "sock_bytes", "sock", AS_SIZE },
	{ "swap_bytes", "swap", AS_SIZE, "swap_bytes" },
};

static const struct member pressure[] = {
	{ "cpu_some_ppm", "cpu", AS_PERCENT },
	{ "io_some_ppm", "io", AS_PERCENT },
	{ "io_full_ppm", "io (all)", AS_PERCENT },
	{ "memory_some_ppm", "memory", AS_PERCENT },
	{ "memory_full_ppm", "memory (all)", AS_PERCENT },
};

static const struct member victim[] = {
	{ "name", "", AS_TEXT },
	{ "pid", "pid", AS_NUMBER },
	{ "unit", "of", AS_TEXT },
	{ "uid", "uid", AS_NUMBER },
	{ "rss_bytes", "resident", AS_SIZE },
	{ "anon_bytes", "anon", AS_SIZE },
	{ "file_bytes", "file", AS_SIZE },
	{ "shmem_bytes", "shmem", AS_SIZE },
	{ "total_vm_bytes", "mapped", AS_SIZE },
	{ "oom_score_adj", "oom_score_adj", AS_SIGNED },
};

static const struct member stop[] = {
	{ "cause", "", AS_TEXT },           { "signal", "signal", AS_NUMBER },
	{ "exit", "exit code", AS_NUMBER }, { "user", "by", AS_TEXT },
	{ "task", "task", AS_TEXT },        { "upid", "upid", AS_TEXT },
};

static const struct member ran[] = {
	{ "uptime_sec", "for", AS_DURATION },
	{ "peak_bytes", "memory at most", AS_SIZE, "memory_bytes" },
	{ "oom_kills", "OOM kills", AS_NUMBER },
};

static const struct member task[] = {
	{ "user", "by", AS_TEXT },
	{ "task", "task", AS_TEXT },
	{ "upid", "upid", AS_TEXT },
};

/* What was full, or waited for. */
static const struct member full[] = {
	{ "current_bytes", "used", AS_SIZE, "limit_bytes" },
	{ "current", "used", AS_NUMBER, "limit" },
	{ "limit_bytes", "limit", AS_SIZE },
	{ "limit", "limit", AS_NUMBER },
	{ "limit_cgroup", "of", AS_TEXT },
	{ "times", "reached", AS_TIMES },
};

static const struct member waited[] = {
	{ "resource", "for", AS_TEXT },
	{ "some_ppm", "some process", AS_PERCENT },
	{ "full_ppm", "all of them", AS_PERCENT },
	{ "seconds", "in the last", AS_DURATION },
};

static const struct member process[] = {
	{ "pid", "", AS_NUMBER },          { "name", "", AS_TEXT },
	{ "unit", "of", AS_TEXT },         { "rss_bytes", "resident", AS_SIZE },
	{ "swap_bytes", "swap", AS_SIZE }, { "state", "state", AS_TEXT },
};

static const struct member unit[] = {
	{ "name", "", AS_TEXT },
	{ "memory_bytes", "memory", AS_SIZE, "memory_bytes" },
	{ "anon_bytes", "anon", AS_SIZE },
	{ "cpu_usec", "CPU", AS_SECONDS },
	{ "pids", "pids", AS_NUMBER, "pids" },
};

static void put_number(struct buf *b, const struct jval *v)
{
	uint64_t n;

	if (jval_fixed(v, 2, &n) && n % 100)
		buf_addf(b, "%llu.%02u", (unsigned long long)(n / 100),
			 (unsigned)(n % 100));
	else if (jval_u64(v, &n))
		num_add(b, n);
}

static void put_value(struct buf *b, const struct jval *v, enum as as)
{
	struct span s;
	uint64_t n;
	int64_t i;

	if (jval_is_null(v)) {
		buf_adds(b, "no limit");
	} else if (as == AS_TEXT && jval_span(v, &s)) {
		text_escape(b, span_tbytes(s), false);
	} else if (as == AS_NUMBER) {
		put_number(b, v);
	} else if (as == AS_SIGNED && jval_i64(v, &i)) {
		buf_addf(b, "%lld", (long long)i);
	} else if (jval_u64(v, &n)) {
		if (as == AS_SIZE)
			text_size(b, n);
		else if (as == AS_SECONDS)
			buf_addf(b, "%llu.%02u s", (unsigned long long)(n / USEC_PER_SEC),
				 (unsigned)(n % USEC_PER_SEC / 10000));
		else if (as == AS_DURATION)
			text_duration(b, n);
		else if (as == AS_TIMES)
			buf_addf(b, "%llu time%s", (unsigned long long)n,
				 n == 1 ? "" : "s");
		else if (as == AS_PERCENT)
			buf_addf(b, "%llu.%u%%", (unsigned long long)(n / 10000),
				 (unsigned)(n / 1000 % 10));
	}
}

static bool is_there(const struct jval *v, enum as as)
{
	struct span s;
	uint64_t n;
	int64_t i;

	if (as == AS_TEXT)
		return jval_span(v, &s) && s.n;
	if (as == AS_SIGNED)
		return jval_i64(v, &i) && i;
	return jval_is_null(v) || jval_u64(v, &n) || jval_fixed(v, 2, &n);
}

/* " (93.1% of the limit)"; nothing where either is not known, or nothing is allowed. */
static void put_share(struct buf *b, const struct jval *v, const struct jval *limit)
{
	uint64_t n, of;

	if (!jval_u64(v, &n) || !jval_u64(limit, &of) || !of)
		return;
	buf_adds(b, " (");
	historyview_share(b, val_set(n), val_set(of));
	buf_addc(b, ')');
}

/*
 * "memory 512.0M, swap max": what is there of the object. False: nothing. had: the
 * object with the limits that the members name.
 */
static bool put_members(struct buf *b, const struct jval *v, const struct member *m,
			size_t n, const struct jval *had)
{
	size_t from = b->n;

	for (size_t i = 0; i < n; i++) {
		const struct jval *x = jval_get(v, m[i].key);

		if (!x || !is_there(x, m[i].as))
			continue;
		if (b->n > from)
			buf_adds(b, *m[i].word || m[i].as == AS_SIZE ? ", " : " ");
		if (*m[i].word)
			buf_addf(b, "%s ", m[i].word);
		put_value(b, x, m[i].as);
		if (m[i].of)
			put_share(b, x, jval_get(had, m[i].of));
	}
	return b->n > from;
}

static void put_label(struct buf *b, const char *word)
{
	buf_addf(b, "%-*s ", LABEL, word);
}

static void put_used(struct buf *b, const char *word, const struct jval *v,
		     const struct member *m, size_t n, const struct jval *had)
{
	size_t from = b->n;

	put_label(b, word);
	if (put_members(b, v, m, n, had))
		buf_addc(b, '\n');
	else
		b->n = from;
}

static void put_object(struct buf *b, const char *word, const struct jval *v,
		       const struct member *m, size_t n)
{
	put_used(b, word, v, m, n, NULL);
}

static void put_rows(struct buf *b, const char *word, const struct jval *v,
		     const struct member *m, size_t n, const struct jval *had)
{
	size_t rows = jval_count(v);

	if (!jval_is_array(v))
		return;
	for (size_t i = 0; i < MIN(rows, (size_t)MAX_ROWS); i++)
		put_used(b, i ? "" : word, jval_at(v, i), m, n, had);
	if (rows > MAX_ROWS) {
		put_label(b, "");
		buf_addf(b, "%zu more\n", rows - MAX_ROWS);
	}
}

static bool same_text(const struct jval *a, const struct jval *b, const char *key)
{
	struct span x = { 0 }, y = { 0 };

	(void)jval_span(jval_get(a, key), &x);
	(void)jval_span(jval_get(b, key), &y);
	return x.n == y.n && (!x.n || memcmp(x.p, y.p, x.n) == 0);
}

/* A hundred workers of one name are a line and a sum. */
static void put_processes(struct buf *b, const struct jval *v)
{
	size_t n = jval_is_array(v) ? jval_count(v) : 0, i = 0;

	for (size_t rows = 0; i < n && rows < MAX_ROWS; rows++) {
		const struct jval *first = jval_at(v, i);
		uint64_t sum = 0, rss;
		size_t k = i + 1;

		put_object(b, i ? "" : "Processes", first, process, ARRAY_SIZE(process));
		for (; k < n && same_text(first, jval_at(v, k), "name") &&
		       same_text(first, jval_at(v, k), "unit");
		     k++)
			if (jval_u64(jval_get(jval_at(v, k), "rss_bytes"), &rss))
				sum += rss;
		if (k > i + 3) {
			put_label(b, "");
			buf_addf(b, "and %zu more of that name, resident ", k - i - 1);
			text_size(b, sum);
			buf_adds(b, " together\n");
			i = k;
		} else {
			i++;
		}
	}
	if (n >= MAX_ROWS) {
		put_label(b, "");
		buf_addf(b, "(the %zu largest)\n", n);
	}
}

static void put_checks(struct buf *b, const struct jval *v)
{
	bool ok;

	if (!jval_is_array(v))
		return;
	for (size_t i = 0; i < MIN(jval_count(v), (size_t)MAX_ROWS); i++) {
		const struct jval *c = jval_at(v, i), *t = jval_get(c, "text");

		put_label(b, i ? "" : "Checks");
		buf_adds(b, jval_bool(jval_get(c, "ok"), &ok) ? ok ? "ok   " : "FAIL "
							      : "?    ");
		put_value(b, jval_get(c, "what"), AS_TEXT);
		if (is_there(t, AS_TEXT)) {
			buf_adds(b, ": ");
			put_value(b, t, AS_TEXT);
		}
		buf_addc(b, '\n');
	}
}

static void put_phases(struct buf *b, const struct jval *v)
{
	uint64_t usec;
	bool failed;

	if (!jval_is_array(v) || !jval_count(v))
		return;
	put_label(b, "Start");
	for (size_t i = 0; i < MIN(jval_count(v), (size_t)MAX_ROWS); i++) {
		const struct jval *p = jval_at(v, i);

		buf_adds(b, i ? ", " : "");
		put_value(b, jval_get(p, "name"), AS_TEXT);
		if (jval_u64(jval_get(p, "usec"), &usec))
			buf_addf(b, " %llu.%03u s",
				 (unsigned long long)(usec / USEC_PER_SEC),
				 (unsigned)(usec % USEC_PER_SEC / 1000));
		if (jval_bool(jval_get(p, "failed"), &failed) && failed)
			buf_adds(b, " (failed)");
	}
	buf_addc(b, '\n');
}

/* Texts of several lines, each line with its blanks in front. */
static void put_texts(struct buf *b, const struct jval *v)
{
	struct span rest, line;

	if (!jval_is_array(v))
		return;
	for (size_t i = 0; i < MIN(jval_count(v), (size_t)MAX_ROWS); i++) {
		const struct jval *t = jval_at(v, i);

		if (!jval_span(jval_get(t, "text"), &rest) || !rest.n)
			continue;
		buf_adds(b, "\nSaved from ");
		put_value(b, jval_get(t, "from"), AS_TEXT);
		buf_adds(b, ":\n");
		while (span_cut(&rest, '\n', &line)) {
			buf_adds(b, "  ");
			text_escape(b, span_tbytes(line), false);
			buf_addc(b, '\n');
		}
	}
}

static void put_head(struct buf *b, const struct incident *i)
{
	buf_addf(b, "Incident %llu: %s of %u", (unsigned long long)i->n,
		 incident_kind_name(i->kind), i->vmid);
	if (i->name) {
		buf_addc(b, ' ');
		text_escape(b, tbytes_str(i->name), false);
	}
	buf_addc(b, '\n');
	if (i->summary && *i->summary) {
		text_escape(b, tbytes_str(i->summary), false);
		buf_addc(b, '\n');
	}
	put_label(b, "\nOpened");
	buf_addc(b, ' ');
	text_stamp(b, i->opened_real_usec);
	if (i->closed_real_usec.kind == VAL_SET) {
		buf_adds(b, ", over ");
		text_stamp(b, i->closed_real_usec.n);
		buf_adds(b, " (");
		text_duration(b, num_sub(i->closed_real_usec.n, i->opened_real_usec) /
					 USEC_PER_SEC);
		buf_adds(b, ")\n");
	} else {
		buf_adds(b, i->kind == INCIDENT_UNEXPECTED_STOP ||
					    i->kind == INCIDENT_START_FAILED
				    ? ", not started since\n"
				    : ", not over yet\n");
	}
}

/* Why it stopped, and what that is known by, the weightiest first. */
static void put_cause(struct buf *b, const struct jval *d)
{
	const struct jval *why = jval_get(d, "evidence");
	bool certain, unknown;
	struct span cause;
	size_t from;

	if (!jval_get(d, "cause"))
		return;
	from = b->n;
	put_object(b, "Cause", d, stop, ARRAY_SIZE(stop));
	unknown = jval_span(jval_get(d, "cause"), &cause) && span_eq(cause, "unknown");
	if (b->n > from && !unknown && jval_bool(jval_get(d, "certain"), &certain) &&
	    !certain) {
		b->n--;
		buf_adds(b, " (likely, not proved)\n");
	}
	for (size_t i = 0; i < MIN(jval_count(why), (size_t)MAX_ROWS); i++) {
		put_label(b, i ? "" : "Evidence");
		put_value(b, jval_at(why, i), AS_TEXT);
		buf_addc(b, '\n');
	}
}

/* Others that were killed at the same time. */
static void put_victims(struct buf *b, const struct jval *d)
{
	const struct jval *all = jval_get(d, "victims");
	uint64_t kills, total;

	put_object(b, "Victim", jval_get(d, "victim"), victim, ARRAY_SIZE(victim));
	for (size_t i = 0; i + 1 < MIN(jval_count(all), (size_t)MAX_ROWS); i++)
		put_object(b, i ? "" : "and", jval_at(all, i), victim,
			   ARRAY_SIZE(victim));
	if (!jval_u64(jval_get(d, "kills"), &kills) ||
	    !jval_u64(jval_get(d, "total"), &total))
		return;
	put_label(b, "Killed");
	buf_addf(b, "%llu process%s now, %llu since it started\n",
		 (unsigned long long)kills, kills == 1 ? "" : "es",
		 (unsigned long long)total);
}

static void put_data(struct buf *b, const struct jval *d)
{
	const struct jval *better = jval_get(d, "corrected");
	const struct jval *had = jval_get(d, "limits");

	put_cause(b, better ? better : d);
	if (!jval_get(d, "cause"))
		put_object(b, "Task", d, task, ARRAY_SIZE(task));
	put_used(b, "Ran", d, ran, ARRAY_SIZE(ran), had);
	put_victims(b, d);
	put_used(b, "Reached", d, full, ARRAY_SIZE(full), d);
	put_object(b, "Waited", d, waited, ARRAY_SIZE(waited));
	put_object(b, "Limits", had, limits, ARRAY_SIZE(limits));
	put_used(b, "Memory", jval_get(d, "memory"), memory, ARRAY_SIZE(memory), had);
	put_object(b, "Pressure", jval_get(d, "pressure"), pressure,
		   ARRAY_SIZE(pressure));
	put_phases(b, jval_get(d, "phases"));
	put_checks(b, jval_get(d, "checks"));
	put_rows(b, "Units", jval_get(d, "units"), unit, ARRAY_SIZE(unit), had);
	put_processes(b, jval_get(d, "processes"));
	put_texts(b, jval_get(d, "texts"));
}

static bool belongs(const struct jval *ids, const struct event *e)
{
	struct span s;

	for (size_t i = 0; i < jval_count(ids); i++)
		if (jval_span(jval_at(ids, i), &s) && span_eq(s, e->id))
			return true;
	return false;
}

/* An event of the kind that opens such an incident, of those that were kept with it. */
static bool is_it(const struct incident *i, const struct jval *ids, const struct event *e)
{
	static const enum event_type types[INCIDENT_KINDS] = {
		[INCIDENT_OOM_KILL] = EVENT_OOM_KILL,
		[INCIDENT_UNEXPECTED_STOP] = EVENT_STOPPED,
		[INCIDENT_START_FAILED] = EVENT_START_FAILED,
		[INCIDENT_PRESSURE] = EVENT_PRESSURE,
		[INCIDENT_MEMORY_LIMIT] = EVENT_MEMORY_LIMIT,
		[INCIDENT_FROZEN] = EVENT_FROZEN,
		[INCIDENT_PIDS_LIMIT] = EVENT_PIDS_LIMIT,
	};
	bool reboot = i->kind == INCIDENT_UNEXPECTED_STOP && e->type == EVENT_REBOOTED;

	return i->kind < INCIDENT_KINDS && (reboot || e->type == types[i->kind]) &&
	       (!i->life || !e->life || e->life == i->life) && belongs(ids, e);
}

static void put_timeline(struct buf *b, const struct incident *incident,
			 const struct events *around, const struct jval *ids)
{
	if (!around->n)
		return;
	buf_adds(b, "\nEvents around it (> is what this is about):\n");
	for (size_t i = 0; i < around->n; i++) {
		const struct event *e = &around->v[i];

		buf_adds(b, is_it(incident, ids, e) ? "> " : "  ");
		event_time(b, e);
		buf_addf(b, " %-14s ", event_type_name(e->type));
		event_text(b, e);
		while (b->n && b->p[b->n - 1] == ' ')
			b->n--;
		buf_addc(b, '\n');
	}
}

void incidentview_print(const struct app *app, const struct incident *i,
			const struct events *around)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct jsonin j = { 0 };

	put_head(&b, i);
	if (i->data && jsonin_parse(i->data, strlen(i->data), &j, NULL) == 0)
		put_data(&b, j.root);
	put_timeline(&b, i, around, jval_get(j.root, "events"));
	buf_addc(&b, '\n');
	jsonin_done(&j);
	fwrite(b.p, 1, b.n, app->out);
}

/* The limit of a column, in the column's own unit. */
static struct val limit_of(const struct jval *had, unsigned column)
{
	static const struct {
		unsigned column;
		const char *key;
	} of[] = {
		{ HISTORY_MEM_USED, "memory_bytes" },
		{ METRIC_MEMORY_CURRENT_BYTES, "memory_bytes" },
		{ METRIC_MEMORY_ANON_BYTES, "memory_bytes" },
		{ METRIC_SWAP_CURRENT_BYTES, "swap_bytes" },
		{ METRIC_PIDS_CURRENT, "pids" },
	};
	uint64_t n;

	if (column == METRIC_CPU_USAGE_USEC) /* a number with a fraction, in millionths */
		return jval_fixed(jval_get(had, "cpus"), 6, &n) ? val_set(n)
								: (struct val){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(of); i++)
		if (of[i].column == column && jval_u64(jval_get(had, of[i].key), &n))
			return val_set(n);
	return (struct val){ 0 };
}

void incidentview_limits(const struct incident *i, const unsigned *columns, size_t n,
			 struct val *ret)
{
	struct jsonin j = { 0 };

	if (!i->data || jsonin_parse(i->data, strlen(i->data), &j, NULL) < 0)
		return;
	for (size_t c = 0; c < n; c++)
		ret[c] = limit_of(jval_get(j.root, "limits"), columns[c]);
	jsonin_done(&j);
}
