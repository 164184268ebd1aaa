/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/eventtext.h"

#include "base/clock.h"
#include "base/num.h"
#include "out/text.h"
#include "read/jsonin.h"

/* What one event says: its data, and what was said of it so far. */
struct say {
	struct buf *out;
	const struct jval *d;
	size_t from; /* where the sentence began */
};

/* Bytes that are no UTF-8 are {"b64": "..."}. */
static bool has_text(const struct jval *v)
{
	struct span s;

	return (jval_span(v, &s) || jval_span(jval_get(v, "b64"), &s)) && s.n;
}

static bool has(const struct say *s, const char *key)
{
	return has_text(jval_get(s->d, key));
}

static bool is(const struct say *s, const char *key, const char *value)
{
	struct span v;

	return jval_span(jval_get(s->d, key), &v) && span_eq(v, value);
}

/* Words of ours; between two of them a comma where the next begins with one. */
static void words(struct say *s, const char *text)
{
	buf_adds(s->out, s->out->n == s->from && *text == ',' ? text + 2 : text);
}

static void value(struct say *s, const struct jval *v)
{
	_cleanup_(buf_done) struct buf bytes = { 0 };
	struct span t;
	uint64_t n;

	if (jval_span(v, &t))
		text_escape(s->out, span_tbytes(t), false);
	else if (jval_span(jval_get(v, "b64"), &t) && buf_add_base64(&bytes, t.p, t.n))
		text_escape(s->out, span_tbytes(span_of(bytes.p, bytes.n)), false);
	else if (jval_u64(v, &n))
		num_add(s->out, n);
}

static void put(struct say *s, const char *before, const char *key, const char *after)
{
	uint64_t n;

	if (!has(s, key) && !jval_u64(jval_get(s->d, key), &n))
		return;
	words(s, before);
	value(s, jval_get(s->d, key));
	words(s, after);
}

static void put_size(struct say *s, const char *before, const struct jval *v)
{
	uint64_t n;

	if (!jval_u64(v, &n))
		return;
	words(s, before);
	text_size(s->out, n);
}

static void put_duration(struct say *s, const char *before, const char *key, uint64_t per)
{
	uint64_t n;

	if (!jval_u64(jval_get(s->d, key), &n))
		return;
	words(s, before);
	text_duration(s->out, n / per);
}

static void put_by(struct say *s)
{
	put(s, ", by ", "user", "");
	if (has(s, "user"))
		put(s, " (", "task", ")");
	else
		put(s, ", ", "task", "");
}

/* As text_rfc3339() writes it; below a second nothing is shown. */
static bool stamp(struct say *s, const char *key, uint64_t *ret)
{
	static const struct {
		size_t at, n;
	} parts[] = { { 0, 4 }, { 5, 2 }, { 8, 2 }, { 11, 2 }, { 14, 2 }, { 17, 2 } };
	struct clock_fields f;
	unsigned *const fields[] = { &f.year, &f.mon, &f.day, &f.hour, &f.min, &f.sec };
	struct span t;
	uint32_t n;

	if (!jval_span(jval_get(s->d, key), &t) || t.n < 20 || t.p[t.n - 1] != 'Z')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (num_parse_u32(span_of(t.p + parts[i].at, parts[i].n), &n) < 0)
			return false;
		*fields[i] = n;
	}
	return clock_utc_usec(&f, ret) == 0;
}

/* Nobody saw it: somewhen between two times, and why. */
static void put_range(struct say *s)
{
	uint64_t since, until;

	if (!stamp(s, "since", &since) || !stamp(s, "until", &until))
		return;
	words(s, ", between ");
	text_stamp(s->out, since);
	words(s, " and ");
	text_stamp(s->out, until);
	put(s, " (", "reason", ")");
}

static void say_started(struct say *s)
{
	const struct jval *phases = jval_get(s->d, "phases");

	for (size_t i = 0; i < jval_count(phases); i++) {
		const struct jval *p = jval_at(phases, i);
		uint64_t usec;

		if (!has_text(jval_get(p, "name")) ||
		    !jval_u64(jval_get(p, "usec"), &usec) || !usec)
			continue; /* 0: the start begins with it, or was not seen */
		words(s, ", ");
		value(s, jval_get(p, "name"));
		buf_addf(s->out, " after %u.%03u s", (unsigned)(usec / USEC_PER_SEC),
			 (unsigned)(usec % USEC_PER_SEC / 1000));
	}
	put_by(s);
}

static const char *const cause_text[STOP_CAUSES] = {
	[CAUSE_UNKNOWN] = "cause not known",
	[CAUSE_OOM_INIT] = "its init was killed for lack of memory",
	[CAUSE_SIGNAL] = "its init was killed by a signal",
	[CAUSE_HALTED_INSIDE] = "powered off from inside",
	[CAUSE_REBOOTED_INSIDE] = "rebooted from inside",
	[CAUSE_ADMIN] = "stopped by an admin",
	[CAUSE_HOST_SHUTDOWN] = "the node was shut down",
	[CAUSE_BACKUP] = "stopped for a backup",
	[CAUSE_START_FAILED] = "its start had failed",
};

static void say_stopped(struct say *s)
{
	uint64_t kills;
	bool certain = true;

	for (size_t i = 0; i < STOP_CAUSES; i++)
		if (is(s, "cause", stop_cause_name((enum stop_cause)i)))
			words(s, cause_text[i]);
	if (jval_bool(jval_get(s->d, "certain"), &certain) && !certain &&
	    !is(s, "cause", "unknown"))
		words(s, " (likely)");
	/* the kernel ends a container that reboots itself with SIGKILL */
	if (!is(s, "cause", "rebooted-inside"))
		put(s, ", signal ", "signal", "");
	put(s, ", exit code ", "exit", "");
	put_by(s);
	put_duration(s, ", after ", "uptime_sec", 1);
	put_range(s);
	put_size(s, ", memory peak ", jval_get(s->d, "peak_bytes"));
	if (jval_u64(jval_get(s->d, "oom_kills"), &kills) && kills)
		put(s, ", ", "oom_kills", kills == 1 ? " OOM kill" : " OOM kills");
}

static void say_oom(struct say *s)
{
	const struct jval *victim = jval_get(s->d, "victim");
	uint64_t kills;

	if (jval_count(victim)) {
		value(s, jval_get(victim, "name"));
		if (jval_count(jval_get(victim, "pid")) == 0 &&
		    jval_u64(jval_get(victim, "pid"), &kills))
			buf_addf(s->out, " (pid %llu)", (unsigned long long)kills);
		if (has_text(jval_get(victim, "unit"))) {
			words(s, " of ");
			value(s, jval_get(victim, "unit"));
		}
		put_size(s, ", resident ", jval_get(victim, "rss_bytes"));
	}
	if (jval_u64(jval_get(s->d, "kills"), &kills) && kills > 1)
		buf_addf(s->out, ", %llu kills", (unsigned long long)kills);
	put_size(s, ", limit ", jval_get(s->d, "limit_bytes"));
	put(s, " of ", "limit_cgroup", " inside");
	if (is(s, "constraint", "node"))
		words(s, ", the node itself was out of memory");
}

/* Is the element one of the comma separated ones of the list? */
static bool has_element(struct span list, struct span element)
{
	struct span x;

	while (span_cut(&list, ',', &x))
		if (x.n == element.n && memcmp(x.p, element.p, x.n) == 0)
			return true;
	return false;
}

/* The elements of `list` that `other` has not, each with `sign`. False: none. */
static bool say_elements(struct say *s, struct span list, struct span other, char sign,
			 bool comma)
{
	size_t from = s->out->n;
	struct span x;

	while (span_cut(&list, ',', &x)) {
		if (!x.n || has_element(other, x))
			continue;
		if (comma || s->out->n > from)
			buf_adds(s->out, ", ");
		buf_addc(s->out, sign);
		text_escape(s->out, span_tbytes(x), false);
	}
	return s->out->n > from;
}

/* Of a property string (net0: name=eth0,bridge=vmbr0,...) only what differs. */
static bool say_properties(struct say *s, const struct jval *old, const struct jval *new)
{
	struct span a, b;
	bool minus;

	if (!jval_span(old, &a) || !jval_span(new, &b) || !memchr(a.p, ',', a.n) ||
	    !memchr(b.p, ',', b.n) || !memchr(b.p, '=', b.n) || MAX(a.n, b.n) > 4096)
		return false;
	minus = say_elements(s, a, b, '-', false);
	return say_elements(s, b, a, '+', minus) || minus;
}

/* `lxc.hook.stop:` is set, to nothing. */
static void say_side(struct say *s, const struct jval *v)
{
	if (has_text(v))
		value(s, v);
	else
		words(s, v && !jval_is_null(v) ? "(empty)" : "(not set)");
}

static void say_changes(struct say *s)
{
	const struct jval *changes = jval_get(s->d, "changes");

	for (size_t i = 0; i < jval_count(changes) && i < 8; i++) {
		const struct jval *c = jval_at(changes, i);

		words(s, i ? "; " : "");
		if (has_text(jval_get(c, "section"))) {
			words(s, "[");
			value(s, jval_get(c, "section"));
			words(s, "] ");
		}
		value(s, jval_get(c, "key"));
		words(s, ": ");
		if (say_properties(s, jval_get(c, "old"), jval_get(c, "new")))
			continue;
		say_side(s, jval_get(c, "old"));
		words(s, " -> ");
		say_side(s, jval_get(c, "new"));
	}
	if (jval_count(changes) > 8)
		buf_addf(s->out, "; %zu more", jval_count(changes) - 8);
	if (is(s, "what", "created"))
		words(s, has(s, "from") ? "it came here" : "created");
	else if (is(s, "what", "removed"))
		words(s, has(s, "to") ? "it went away" : "removed");
	put(s, " from node ", "from", "");
	put(s, " to node ", "to", "");
	put_by(s);
	put_range(s);
}

/* "CT is locked (backup)" needs no "the config is locked: backup". */
static bool names_lock(const struct say *s)
{
	struct span reason;

	return jval_span(jval_get(s->d, "reason"), &reason) &&
	       span_starts(reason, "CT is locked");
}

static void say_failed(struct say *s)
{
	const struct jval *checks = jval_get(s->d, "checks");
	bool ok;

	put(s, "in ", "phase", "");
	put(s, ": ", "reason", "");
	for (size_t i = 0; i < jval_count(checks); i++) {
		const struct jval *c = jval_at(checks, i);
		struct span text, reason;

		if (!jval_bool(jval_get(c, "ok"), &ok) || ok)
			continue;
		if (jval_span(jval_get(c, "what"), &text) && span_eq(text, "lock") &&
		    names_lock(s))
			continue;
		if (jval_span(jval_get(c, "text"), &text) &&
		    jval_span(jval_get(s->d, "reason"), &reason) && text.n == reason.n &&
		    memcmp(text.p, reason.p, text.n) == 0)
			continue;
		words(s, ", ");
		value(s, jval_get(c, has_text(jval_get(c, "text")) ? "text" : "what"));
	}
	put_by(s);
}

/* "vzstart by root@pam: OK" */
static void say_task(struct say *s)
{
	put(s, "", "task", "");
	put(s, " by ", "user", "");
	if (is(s, "state", "begin"))
		words(s, " began");
	else
		put(s, " ended: ", "status", "");
}

/* A hook that came late, or an end whose cause was found afterwards. */
static void say_reconciled(struct say *s)
{
	if (has(s, "cause")) {
		words(s, "the end before was: ");
		s->from = s->out->n;
		say_stopped(s);
		return;
	}
	put(s, "", "what", "");
	put(s, ": ", "text", "");
	put(s, ", ", "count", " times");
}

static void say_pressure(struct say *s)
{
	uint64_t ppm;

	put(s, "", "resource", "");
	if (jval_u64(jval_get(s->d, "some_ppm"), &ppm))
		buf_addf(s->out, ", something waited %u.%u%% of the time",
			 (unsigned)(ppm / 10000), (unsigned)(ppm / 1000 % 10));
	put(s, ", for ", "seconds", " s");
}

static void say_inside(struct say *s)
{
	bool inside;

	if (jval_bool(jval_get(s->d, "inside"), &inside) && inside)
		words(s, "at a limit inside it: ");
}

static void put_times(struct say *s, const char *one, const char *more)
{
	uint64_t n;

	if (jval_u64(jval_get(s->d, "times"), &n))
		put(s, ", ", "times", n == 1 ? one : more);
}

static void say_denied(struct say *s)
{
	uint64_t times, others;

	put(s, "", "by", "");
	put(s, ", ", "operation", "");
	put(s, ", ", "syscall", "");
	if (!has(s, "syscall"))
		put(s, ", system call ", "syscall_number", "");
	put(s, " (", "action", ")");
	put(s, " ", "path", "");
	if (has(s, "path"))
		put(s, " (", "requested", ")");
	put(s, ", ", "error", "");
	put(s, ", process ", "process", "");
	if (jval_u64(jval_get(s->d, "times"), &times) && times > 1) {
		put(s, ", ", "times", " times");
		put(s, " in ", "seconds", " s");
	}
	if (jval_u64(jval_get(s->d, "others"), &others))
		put(s, ", ", "others", " of them elsewhere");
}

static bool is_true(const struct say *s, const char *key)
{
	bool b = false;

	return jval_bool(jval_get(s->d, key), &b) && b;
}

/* Other names of it, in brackets. */
static void put_names(struct say *s, const char *a, const char *b)
{
	const char *keys[] = { a, b };
	bool open = false;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!keys[i] || !has(s, keys[i]))
			continue;
		put(s, open ? ", " : " (", keys[i], "");
		open = true;
	}
	if (open)
		words(s, ")");
}

/* The timeline of a start. */
static void put_since_start(struct say *s, const char *what)
{
	uint64_t usec;

	if (!is_true(s, "first"))
		return;
	words(s, ", ");
	words(s, what);
	if (jval_u64(jval_get(s->d, "since_start_usec"), &usec))
		buf_addf(s->out, ", %u.%03u s after the start began",
			 (unsigned)(usec / USEC_PER_SEC),
			 (unsigned)(usec % USEC_PER_SEC / 1000));
}

static void say_snapshot(struct say *s)
{
	if (is(s, "action", "create"))
		put(s, "snapshot ", "snapshot", " was made");
	else if (is(s, "action", "delete"))
		put(s, "snapshot ", "snapshot", " was removed");
	else if (is(s, "action", "rollback"))
		put(s, "rolled back to snapshot ", "snapshot", "");
	else
		put(s, "", "snapshot", "");
	put_by(s);
	put_range(s);
}

static void say_backup(struct say *s)
{
	if (is(s, "phase", "begin"))
		words(s, "it began");
	else if (is(s, "status", "OK"))
		words(s, "it is finished");
	else
		put(s, "it FAILED: ", "status", "");
	if (s->out->n == s->from)
		words(s, "it ended, with what result is not known");
	put(s, ", in ", "mode", " mode");
	put_duration(s, ", after ", "seconds", 1);
	put(s, ", in ", "archive", "");
	put_by(s);
	put_range(s);
}

static void say_rebooted(struct say *s)
{
	put(s, "from ", "from", "");
	put_by(s);
}

static void say_frozen(struct say *s)
{
	put_duration(s, "after ", "duration_usec", USEC_PER_SEC);
	put_by(s);
}

static void say_memory_limit(struct say *s)
{
	say_inside(s);
	put_size(s, "", jval_get(s->d, "current_bytes"));
	put_size(s, " of ", jval_get(s->d, "limit_bytes"));
	put_times(s, " time", " times");
}

static void say_pids_limit(struct say *s)
{
	say_inside(s);
	put(s, "", "current", "");
	put(s, " of ", "limit", "");
	put_times(s, " fork refused", " forks refused");
}

static void say_address(struct say *s)
{
	put(s, "", "address", "");
	put(s, " ", "change", "");
	put(s, " on ", "interface", "");
	put_names(s, "net", "host_interface");
	put_since_start(s, "the first address");
}

static void say_link_up(struct say *s)
{
	put(s, "", "interface", "");
	put_names(s, "net", NULL);
	words(s, " has a link");
	put_since_start(s, "the first");
}

static void say_link_down(struct say *s)
{
	put(s, "", "interface", "");
	put_names(s, "net", NULL);
	words(s, is_true(s, "removed") ? " was removed" : " has no link any more");
}

/* The others are told by say_rest(). */
static void (*const says[EVENT_TYPES])(struct say *s) = {
	[EVENT_PRESTART] = say_started,
	[EVENT_STARTED] = say_started,
	[EVENT_STOPPED] = say_stopped,
	[EVENT_REBOOTED] = say_rebooted,
	[EVENT_START_FAILED] = say_failed,
	[EVENT_FROZEN] = say_frozen,
	[EVENT_THAWED] = say_frozen,
	[EVENT_OOM_KILL] = say_oom,
	[EVENT_MEMORY_LIMIT] = say_memory_limit,
	[EVENT_PIDS_LIMIT] = say_pids_limit,
	[EVENT_PRESSURE] = say_pressure,
	[EVENT_CONFIG_CHANGED] = say_changes,
	[EVENT_SNAPSHOT] = say_snapshot,
	[EVENT_BACKUP] = say_backup,
	[EVENT_INTERFACE_UP] = say_link_up,
	[EVENT_INTERFACE_DOWN] = say_link_down,
	[EVENT_ADDRESS] = say_address,
	[EVENT_DENIED] = say_denied,
	[EVENT_TASK] = say_task,
	[EVENT_RECONCILED] = say_reconciled,
};

/* What is told in the same way for all the others. */
static void say_rest(struct say *s)
{
	static const char *const keys[] = { "what",      "phase",  "state",   "action",
					    "snapshot",  "mode",   "storage", "net",
					    "interface", "status", "reason",  "text" };

	if (s->out->n > s->from)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		put(s, i ? ", " : "", keys[i], "");
	put(s, ", ", "count", " times");
	put_by(s);
}

void event_text(struct buf *out, const struct event *e)
{
	struct jsonin j = { 0 };
	struct say s = { .out = out, .from = out->n };

	if (!e->data)
		return;
	if (jsonin_parse(e->data, strlen(e->data), &j, NULL) < 0) {
		text_escape(out, tbytes_str(e->data), false);
		return;
	}
	s.d = j.root;
	if (e->type < EVENT_TYPES && says[e->type])
		says[e->type](&s);
	say_rest(&s);
	jsonin_done(&j);
}

void event_time(struct buf *out, const struct event *e)
{
	bool whole = e->origin == ORIGIN_TASK && e->time_real_usec % USEC_PER_SEC == 0;

	text_stamp(out, e->time_real_usec);
	if (whole)
		buf_adds(out, "    ");
	else
		buf_addf(out, ".%03u", (unsigned)(e->time_real_usec / 1000 % 1000));
	buf_addc(out, e->inferred ? '~' : ' ');
}

enum cell_color event_color(const struct event *e)
{
	switch (e->type) {
	case EVENT_OOM_KILL:
	case EVENT_START_FAILED:
		return COLOR_BAD;
	case EVENT_STOPPED:
	case EVENT_MEMORY_LIMIT:
	case EVENT_PIDS_LIMIT:
	case EVENT_PRESSURE:
	case EVENT_FROZEN:
	case EVENT_DENIED:
		return COLOR_WARN;
	case EVENT_STARTED:
		return COLOR_GOOD;
	case EVENT_PRESTART:
	case EVENT_POSTSTOP:
	case EVENT_RECONCILED:
		return COLOR_DIM;
	default:
		return COLOR_NONE;
	}
}
