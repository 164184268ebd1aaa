/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/textlog.h"

#include "base/clock.h"
#include "base/num.h"

#define ACCESS_LOG_MAX ((size_t)200) /* where in a line its time is looked for */
#define NAME_MAX_BYTES ((size_t)64)
#define LINE_MAX_BYTES ((size_t)16384)
/* how much older than the time of its file the last line may be, and how much younger */
#define LATE_USEC       (300 * USEC_PER_SEC)
#define SOON_USEC       (60 * USEC_PER_SEC)
#define OTHER_LATE_USEC (10 * USEC_PER_SEC)
#define OTHER_SOON_USEC (2 * USEC_PER_SEC)
#define HALF_HOUR_SEC   1800
#define MIN_EAST_SEC    (-12 * 3600)
#define MAX_EAST_SEC    (14 * 3600)
#define DAY_USEC        (24 * 3600 * USEC_PER_SEC)

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* A time as it is written: in a zone or in none, with a year or without (year 0). */
struct stamp {
	struct clock_fields f;
	uint64_t fraction_usec;
	bool has_zone;
	int32_t east_sec;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool cut_digits(struct span *s, size_t n, unsigned *ret)
{
	uint32_t num;

	if (s->n < n || num_parse_u32(span_of(s->p, n), &num) < 0)
		return false;
	*ret = num;
	*s = span_of(s->p + n, s->n - n);
	return true;
}

static bool cut_char(struct span *s, char c)
{
	if (!s->n || *s->p != c)
		return false;
	*s = span_of(s->p + 1, s->n - 1);
	return true;
}

static bool cut_month(struct span *s, unsigned *ret)
{
	for (unsigned i = 0; s->n >= 3 && i < 12; i++)
		if (memcmp(s->p, months + (size_t)3 * i, 3) == 0) {
			*ret = i + 1;
			*s = span_of(s->p + 3, s->n - 3);
			return true;
		}
	return false;
}

static bool cut_clock(struct span *s, struct clock_fields *f)
{
	return cut_digits(s, 2, &f->hour) && cut_char(s, ':') &&
	       cut_digits(s, 2, &f->min) && cut_char(s, ':') && cut_digits(s, 2, &f->sec);
}

/* ".5" or ",500": digits beyond the sixth are cut off. */
static uint64_t cut_fraction(struct span *s)
{
	uint64_t usec = 0, unit = USEC_PER_SEC;
	struct span t = *s;

	if ((!cut_char(&t, '.') && !cut_char(&t, ',')) || !t.n || !is_digit(*t.p))
		return 0;
	for (; t.n && is_digit(*t.p); t = span_of(t.p + 1, t.n - 1)) {
		unit /= 10;
		usec += (uint64_t)(*t.p - '0') * unit;
	}
	*s = t;
	return usec;
}

/* "Z", "+01:00", "-0330", the latter two also behind a blank. */
static bool cut_zone(struct span *s, int32_t *ret)
{
	struct span t = *s;
	unsigned hours, minutes;
	bool west;

	if (cut_char(s, 'Z')) {
		*ret = 0;
		return true;
	}
	span_skip(&t, " ");
	west = cut_char(&t, '-');
	if ((!west && !cut_char(&t, '+')) || !cut_digits(&t, 2, &hours))
		return false;
	(void)cut_char(&t, ':');
	if (!cut_digits(&t, 2, &minutes) || hours > 14 || minutes > 59)
		return false;
	*ret = (int32_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	*s = t;
	return true;
}

static bool cut_iso(struct span *s, struct stamp *ret)
{
	struct stamp st = { 0 };
	struct span t = *s;
	char sep;

	if (!cut_digits(&t, 4, &st.f.year) || !t.n)
		return false;
	sep = *t.p;
	if ((sep != '-' && sep != '/') || !cut_char(&t, sep) ||
	    !cut_digits(&t, 2, &st.f.mon) || !cut_char(&t, sep) ||
	    !cut_digits(&t, 2, &st.f.day) || (!cut_char(&t, 'T') && !cut_char(&t, ' ')) ||
	    !cut_clock(&t, &st.f))
		return false;
	st.fraction_usec = cut_fraction(&t);
	st.has_zone = cut_zone(&t, &st.east_sec);
	*s = t;
	*ret = st;
	return true;
}

static bool cut_rfc3164(struct span *s, struct stamp *ret)
{
	struct stamp st = { 0 };
	struct span t = *s;

	if (!cut_month(&t, &st.f.mon) || !cut_char(&t, ' ') ||
	    !cut_digits(&t, 1 + !cut_char(&t, ' '), &st.f.day) || !cut_char(&t, ' ') ||
	    !cut_clock(&t, &st.f))
		return false;
	st.fraction_usec = cut_fraction(&t);
	*s = t;
	*ret = st;
	return true;
}

/* "20/Nov/2026:03:12:24 +0100]" */
static bool cut_access(struct span *s, struct stamp *ret)
{
	struct stamp st = { 0 };
	struct span t = *s;

	if (!cut_digits(&t, 2, &st.f.day) || !cut_char(&t, '/') ||
	    !cut_month(&t, &st.f.mon) || !cut_char(&t, '/') ||
	    !cut_digits(&t, 4, &st.f.year) || !cut_char(&t, ':') || !cut_clock(&t, &st.f))
		return false;
	st.has_zone = cut_zone(&t, &st.east_sec);
	*s = t;
	*ret = st;
	return true;
}

/*
 * The time of a line. *line is what is behind it, but an access log keeps its line whole:
 * who asked stands before the time.
 */
static bool cut_stamp(struct span *line, struct stamp *ret)
{
	struct span t = *line;
	bool bracket = cut_char(&t, '[');
	const char *open;

	if (cut_iso(&t, ret) || cut_rfc3164(&t, ret)) {
		if (bracket && !cut_char(&t, ']'))
			return false;
		span_skip(&t, " ");
		*line = t;
		return true;
	}
	open = line->n ? memchr(line->p, '[', MIN(line->n, ACCESS_LOG_MAX)) : NULL;
	if (!open)
		return false;
	t = span_of(open + 1, line->n - (size_t)(open + 1 - line->p));
	return cut_access(&t, ret);
}

/* ---- zones -------------------------------------------------------------------------- */

static int fixed_usec(const struct clock_fields *f, int32_t east_sec, uint64_t *ret)
{
	uint64_t t, off = (uint64_t)(east_sec < 0 ? -east_sec : east_sec) * USEC_PER_SEC;
	int r = clock_utc_usec(f, &t);

	if (r < 0)
		return r;
	if (east_sec < 0)
		t += off;
	else if (t >= off)
		t -= off;
	else
		return -EINVAL;
	*ret = t;
	return 0;
}

static int in_zone(const struct textlog *t, const struct stamp *st,
		   const struct clock_fields *f, uint64_t *ret)
{
	int r;

	if (st->has_zone)
		r = fixed_usec(f, st->east_sec, ret);
	else if (t->zone.kind == TEXTLOG_ZONE_FIXED)
		r = fixed_usec(f, t->zone.east_sec, ret);
	else if (t->zone.kind == TEXTLOG_ZONE_OURS)
		r = clock_local_usec(f, ret);
	else
		return -EINVAL;
	if (r == 0)
		*ret += st->fraction_usec;
	return r;
}

static unsigned year_of(uint64_t real_usec)
{
	/* years of 365.2425 days: a day off at most, and only at the turn of one */
	return (unsigned)(1970 + real_usec / USEC_PER_SEC / 31556952);
}

/*
 * Without a year it is the latest that is not after the file, by a day: a clock may go
 * wrong, a zone is up to 14 hours away.
 */
static int real_usec(const struct textlog *t, const struct stamp *st, uint64_t *ret)
{
	struct clock_fields f = st->f;
	int r;

	if (f.year)
		return in_zone(t, st, &f, ret);
	if (!t->mtime_real_usec)
		return -EINVAL;
	f.year = year_of(t->mtime_real_usec) + 1;
	/* the 29th of February is in one of the eight before */
	for (unsigned i = 0; i < 9; i++, f.year--) {
		r = in_zone(t, st, &f, ret);
		if (r == 0 && *ret <= t->mtime_real_usec + DAY_USEC)
			return 0;
	}
	return -EINVAL;
}

static bool try_zone(struct textlog *t, const struct stamp *last, enum textlog_zone kind,
		     int32_t east_sec, uint64_t late, uint64_t soon)
{
	struct textlog try = *t;
	uint64_t at;

	try.zone.kind = kind;
	try.zone.east_sec = east_sec;
	if (real_usec(&try, last, &at) < 0 || at > t->mtime_real_usec + soon ||
	    at + late < t->mtime_real_usec)
		return false;
	t->zone = try.zone;
	return true;
}

/*
 * The zone in which the last line was written when its file says that it was last
 * written to: ours if it can be, as that knows of summer time; else another one, if it
 * is one that is used and the two agree by seconds. (A last line that is old for another
 * reason, by just about an hour, would else be taken for one of another zone.)
 */
static void find_zone(struct textlog *t, const struct stamp *last, bool is_end)
{
	/* Nepal, Eucla, Chatham in winter and summer */
	static const int32_t odd[] = { 20700, 31500, 45900, 49500 };

	if (try_zone(t, last, TEXTLOG_ZONE_OURS, 0, LATE_USEC, SOON_USEC) || !is_end)
		return;
	for (int32_t east = MIN_EAST_SEC; east <= MAX_EAST_SEC; east += HALF_HOUR_SEC)
		if (try_zone(t, last, TEXTLOG_ZONE_FIXED, east, OTHER_LATE_USEC,
			     OTHER_SOON_USEC))
			return;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		if (try_zone(t, last, TEXTLOG_ZONE_FIXED, odd[i], OTHER_LATE_USEC,
			     OTHER_SOON_USEC))
			return;
}

/* The last line with a time without a zone; is it the last line of all? */
static bool last_stamp(struct span text, struct stamp *ret, bool *ret_is_end)
{
	while (text.n && text.p[text.n - 1] == '\n')
		text.n--;
	*ret_is_end = true;
	while (text.n) {
		const char *nl = memrchr(text.p, '\n', text.n);
		size_t start = nl ? (size_t)(nl + 1 - text.p) : 0;
		struct span line = span_of(text.p + start, text.n - start);

		if (cut_stamp(&line, ret) && !ret->has_zone)
			return true;
		*ret_is_end = false;
		text.n = nl ? start - 1 : 0;
	}
	return false;
}

/* ---- what is behind the time -------------------------------------------------------- */

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{ "emerg", LOG_LEVEL_EMERG },   { "panic", LOG_LEVEL_EMERG },
	{ "alert", LOG_LEVEL_ALERT },   { "crit", LOG_LEVEL_CRIT },
	{ "err", LOG_LEVEL_ERROR },     { "error", LOG_LEVEL_ERROR },
	{ "warn", LOG_LEVEL_WARNING },  { "warning", LOG_LEVEL_WARNING },
	{ "notice", LOG_LEVEL_NOTICE }, { "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
};

/* "daemon.info": busybox writes it, others do not. */
static enum log_level facility_level(struct span word)
{
	const char *dot = word.n ? memchr(word.p, '.', word.n) : NULL;
	struct span name;

	if (!dot)
		return LOG_LEVEL_NONE;
	name = span_of(dot + 1, word.n - (size_t)(dot + 1 - word.p));
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (span_eq(name, levels[i].name))
			return levels[i].level;
	return LOG_LEVEL_NONE;
}

/* "cron[12]: " at the front, cut off, as "cron". */
static struct span cut_program(struct span *s)
{
	size_t n = 0, name;

	while (n < s->n && n < NAME_MAX_BYTES && s->p[n] != ':' && s->p[n] != ' ' &&
	       s->p[n] != '[')
		n++;
	name = n;
	if (n < s->n && s->p[n] == '[')
		while (n < s->n && n < NAME_MAX_BYTES && s->p[n] != ']' && s->p[n] != ' ')
			n++;
	n += n < s->n && s->p[n] == ']';
	if (!name || n >= s->n || s->p[n] != ':' || (n + 1 < s->n && s->p[n + 1] != ' '))
		return (struct span){ 0 };
	n += n + 1 < s->n ? 2 : 1;
	*s = span_of(s->p + n, s->n - n);
	return span_of(s->p - n, name);
}

/* "host program[pid]: text" */
static void take_syslog(struct span *text, struct logline *line, struct loglines *ret)
{
	struct span rest = *text, host, word, name;

	if (!span_field(&rest, &host))
		return;
	span_skip(&rest, " ");
	*text = rest;
	if (span_field(&rest, &word))
		line->level = facility_level(word);
	if (line->level != LOG_LEVEL_NONE) {
		span_skip(&rest, " ");
		*text = rest;
	}
	name = cut_program(text);
	if (name.n) {
		_cleanup_free_ char *s = span_dup(name);

		line->origin = loglines_keep_str(ret, s);
	}
}

/* What is kept of a line, and how much is not. */
static struct tbytes keep_line(struct span text, struct loglines *ret)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (text.n <= LINE_MAX_BYTES)
		return loglines_keep(ret, text.p, text.n);
	buf_add(&b, text.p, LINE_MAX_BYTES);
	buf_addf(&b, " [+%zu bytes]", text.n - LINE_MAX_BYTES);
	return loglines_keep(ret, b.p, b.n);
}

static void add(struct textlog *t, struct span text, const char *origin,
		struct loglines *ret)
{
	struct logline line = { .source = t->source,
				.origin = origin,
				.time_kind = LOG_TIME_NOT_AFTER,
				.time_real_usec = t->mtime_real_usec };
	struct span behind = text;
	struct stamp st;

	if (cut_stamp(&behind, &st) && real_usec(t, &st, &line.time_real_usec) == 0) {
		line.time_kind = LOG_TIME_EXACT;
		t->last_real_usec = line.time_real_usec;
		text = behind;
		if (t->source == LOG_SYSLOG)
			take_syslog(&text, &line, ret);
	} else {
		line.time_real_usec =
			t->last_real_usec ? t->last_real_usec : t->mtime_real_usec;
		line.time_kind = t->last_real_usec    ? LOG_TIME_NOT_BEFORE
				 : t->mtime_real_usec ? LOG_TIME_NOT_AFTER
						      : LOG_TIME_NONE;
	}
	while (text.n && text.p[text.n - 1] == '\r')
		text.n--;
	if (!text.n)
		return;
	line.text = keep_line(text, ret);
	loglines_add(ret, line);
}

void textlog_parse(struct textlog *t, struct span text, struct loglines *ret)
{
	const char *origin;
	struct span line;
	struct stamp last;
	bool is_end;

	if (t->mtime_real_usec && last_stamp(text, &last, &is_end))
		find_zone(t, &last, is_end);
	origin = loglines_keep_str(ret, t->origin);
	while (span_line(&text, &line))
		add(t, line, origin, ret);
}
