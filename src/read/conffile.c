/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/conffile.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"
#include "config.h"

#define OFF(f) offsetof(struct settings, f)

#define MIN_SEC  ((uint64_t)60)
#define HOUR_SEC ((uint64_t)3600)
#define DAY_SEC  ((uint64_t)86400)
#define MIB      ((uint64_t)1 << 20)
#define GIB      ((uint64_t)1 << 30)

enum kind { NUMBER, PERCENT, SIZE, TIME, SWITCH };

/* One line a key, in the order of doc/ctscope.conf. */
static const struct key {
	const char *section, *name;
	size_t off; /* of a struct val */
	enum kind kind;
	bool no_off; /* it cannot be "off" */
	uint64_t min, max, def;
} keys[] = {
	{ "store", "max_size", OFF(store.max_bytes), SIZE, 0, 64 * MIB, 16384 * GIB,
	  GIB },
	{ "store", "keep_1s", OFF(store.keep_1s_sec), TIME, 1, HOUR_SEC, 90 * DAY_SEC,
	  DAY_SEC },
	{ "store", "keep_10s", OFF(store.keep_10s_sec), TIME, 1, HOUR_SEC, 366 * DAY_SEC,
	  7 * DAY_SEC },
	{ "store", "keep_60s", OFF(store.keep_60s_sec), TIME, 1, HOUR_SEC, 3660 * DAY_SEC,
	  90 * DAY_SEC },
	{ "store", "keep_events", OFF(store.keep_events_sec), TIME, 0, DAY_SEC,
	  36600 * DAY_SEC, 365 * DAY_SEC },
	{ "collect", "recorder", OFF(collect.recorder), SWITCH, 0, 1, 1, 1 },
	{ "collect", "network", OFF(collect.network), SWITCH, 0, 1, 1, 1 },
	{ "collect", "kernel_messages", OFF(collect.kernel_messages), SWITCH, 0, 1, 1,
	  1 },
	{ "incidents", "memory_some_percent", OFF(incidents.memory_some_percent), PERCENT,
	  0, 1, 100, 25 },
	{ "incidents", "memory_full_percent", OFF(incidents.memory_full_percent), PERCENT,
	  0, 1, 100, 10 },
	{ "incidents", "io_full_percent", OFF(incidents.io_full_percent), PERCENT, 0, 1,
	  100, 40 },
	{ "incidents", "cpu_some_percent", OFF(incidents.cpu_some_percent), PERCENT, 0, 1,
	  100, 70 },
	{ "incidents", "frozen", OFF(incidents.frozen_sec), TIME, 0, 1, DAY_SEC, 30 },
	{ "warn", "memory_high_percent", OFF(warn.memory_high_percent), PERCENT, 0, 1,
	  100, 90 },
	{ "warn", "memory_max_percent", OFF(warn.memory_max_percent), PERCENT, 0, 1, 100,
	  95 },
	{ "warn", "swap_percent", OFF(warn.swap_percent), PERCENT, 0, 1, 100, 80 },
	{ "warn", "cpu_percent", OFF(warn.cpu_percent), PERCENT, 0, 1, 100, 90 },
	{ "warn", "throttled_percent", OFF(warn.throttled_percent), PERCENT, 0, 1, 100,
	  10 },
	{ "warn", "cpu_pressure_percent", OFF(warn.cpu_pressure_percent), PERCENT, 0, 1,
	  100, 25 },
	{ "warn", "io_pressure_percent", OFF(warn.io_pressure_percent), PERCENT, 0, 1,
	  100, 25 },
	{ "warn", "memory_pressure_percent", OFF(warn.memory_pressure_percent), PERCENT,
	  0, 1, 100, 10 },
	{ "warn", "pids_percent", OFF(warn.pids_percent), PERCENT, 0, 1, 100, 80 },
	{ "warn", "oom_kills", OFF(warn.oom_kills), NUMBER, 0, 1, 1000000, 1 },
	{ "warn", "disk_percent", OFF(warn.disk_percent), PERCENT, 0, 1, 100, 90 },
};

static struct val *field(struct settings *s, const struct key *k)
{
	return (struct val *)((char *)s + k->off);
}

void conffile_defaults(struct settings *ret)
{
	*ret = (struct settings){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		*field(ret, &keys[i]) = val_set(keys[i].def);
}

#ifdef HAVE_INIH
#include <ini.h>

#include "base/dl.h"

static __typeof__(ini_parse_stream) *dl_ini_parse_stream;

static const struct dl_sym syms[] = { DL_SYM(ini_parse_stream) };

/*
 * inih asks for line after line and calls back for what it understood of one: so the
 * number of the line is known here, and so is a line that it made nothing of.
 */
struct parse {
	struct span text;
	const char *name;
	unsigned line;
	bool pending; /* the line should have been a key and was not called back for */
	struct settings *s;
	unsigned seen[ARRAY_SIZE(keys)]; /* line of each key, 0: not yet */
	struct strv *warnings;
};

static _printf_(2, 3) void complain(struct parse *p, const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	if (p->warnings->n >= 100)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	strv_add(p->warnings, xasprintf("%s:%u: %s", p->name, p->line, msg));
}

static void end_line(struct parse *p)
{
	if (p->pending)
		complain(p, "expected \"KEY = VALUE\" or \"[SECTION]\"");
	p->pending = false;
}

static bool is_comment(struct span s)
{
	return !s.n || s.p[0] == '#' || s.p[0] == ';';
}

/* Blanks in front are cut: to inih they would continue the value of the line before. */
static char *next_line(char *str, int num, void *stream)
{
	struct parse *p = stream;
	struct span line;

	end_line(p);
	for (;;) {
		if (!span_line(&p->text, &line))
			return NULL;
		p->line++;
		if (p->line == 1)
			span_skip(&line, "\xef\xbb\xbf");
		line = span_trim(line);
		if (is_comment(line))
			continue;
		if (line.n + 2 <= (size_t)num && !memchr(line.p, '\0', line.n))
			break;
		complain(p, "the line is too long or holds a NUL, it is not used");
	}
	memcpy(str, line.p, line.n);
	memcpy(str + line.n, "\n", 2);
	p->pending = line.p[0] != '[' || !memchr(line.p, ']', line.n);
	return str;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{ "T", 1024 * GIB }, { "G", GIB }, { "M", MIB }, { "K", 1024 }, { NULL, 0 },
};

static const struct unit times[] = {
	{ "w", 7 * DAY_SEC }, { "d", DAY_SEC }, { "h", HOUR_SEC },
	{ "m", MIN_SEC },     { "s", 1 },       { NULL, 0 },
};

/* A whole number and, maybe, one of the units. */
static int parse_unit(struct span v, const struct unit *u, uint64_t *ret)
{
	uint64_t factor = 1;

	for (; u->name; u++)
		if (span_ends(v, u->name)) {
			factor = u->factor;
			v = span_trim(span_of(v.p, v.n - 1));
			break;
		}
	if (num_parse_u64(v, ret) < 0 || __builtin_mul_overflow(*ret, factor, ret))
		return -EINVAL;
	return 0;
}

static int parse_switch(struct span v, uint64_t *ret)
{
	static const char *const on[] = { "on", "yes", "true", "1" };

	*ret = 1;
	for (size_t i = 0; i < ARRAY_SIZE(on); i++)
		if (span_eq_nocase(v, on[i]))
			return 0;
	return -EINVAL;
}

static bool is_off(const struct key *k, struct span v)
{
	static const char *const off[] = { "no", "false", "0" };

	if (span_eq_nocase(v, "off"))
		return !k->no_off;
	for (size_t i = 0; k->kind == SWITCH && i < ARRAY_SIZE(off); i++)
		if (span_eq_nocase(v, off[i]))
			return true;
	return false;
}

static int parse_value(const struct key *k, struct span v, uint64_t *ret)
{
	switch (k->kind) {
	case SIZE:
		return parse_unit(v, sizes, ret);
	case TIME:
		return parse_unit(v, times, ret);
	case SWITCH:
		return parse_switch(v, ret);
	case PERCENT:
		if (v.n && v.p[v.n - 1] == '%')
			v = span_trim(span_of(v.p, v.n - 1));
		break;
	case NUMBER:
		break;
	}
	return num_parse_u64(v, ret);
}

/* In the largest unit that gives a whole number. */
static void add_amount(struct buf *b, const struct unit *u, uint64_t n)
{
	for (; u->name; u++)
		if (n && n % u->factor == 0) {
			buf_addf(b, "%ju%s", (uintmax_t)(n / u->factor), u->name);
			return;
		}
	buf_addf(b, "%ju", (uintmax_t)n);
}

static void expected(struct buf *b, const struct key *k)
{
	static const struct {
		const char *what;
		const struct unit *units;
	} kinds[] = {
		[NUMBER] = { "a number", NULL },
		[PERCENT] = { "a number", NULL },
		[SIZE] = { "a size (K, M, G, T)", sizes },
		[TIME] = { "a time (s, m, h, d, w)", times },
	};
	static const struct unit none[] = { { NULL, 0 } };
	const struct unit *u = none;

	if (k->kind == SWITCH) {
		buf_adds(b, "\"on\" or \"off\"");
		return;
	}
	if (kinds[k->kind].units)
		u = kinds[k->kind].units;
	buf_addf(b, "%s from ", kinds[k->kind].what);
	add_amount(b, u, k->min);
	buf_adds(b, " to ");
	add_amount(b, u, k->max);
	buf_adds(b, k->no_off ? "" : " or \"off\"");
}

static void take(struct parse *p, const struct key *k, const char *value)
{
	_cleanup_(buf_done) struct buf want = { 0 };
	struct span v = span_str(value);
	uint64_t n;

	if (is_off(k, v)) {
		*field(p->s, k) = (struct val){ 0 };
		return;
	}
	if (parse_value(k, v, &n) == 0 && n >= k->min && n <= k->max) {
		*field(p->s, k) = val_set(n);
		return;
	}
	expected(&want, k);
	complain(p, "%s: expected %s, not \"%s\"", k->name, buf_str(&want), value);
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct parse *p = user;

	p->pending = false;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!str_eq(keys[i].section, section) || !str_eq(keys[i].name, name))
			continue;
		if (p->seen[i])
			complain(p, "%s is set in line %u already, this one counts", name,
				 p->seen[i]);
		p->seen[i] = p->line;
		take(p, &keys[i], value ? value : "");
		return 1;
	}
	complain(p, "there is no key \"%s\" in section [%s]", name, section);
	return 1;
}

int conffile_parse(struct span text, const char *name, struct settings *ret,
		   struct strv *warnings, struct err *err)
{
	static void *handle_inih;
	struct settings s;
	struct parse p = { .text = text, .name = name, .s = &s, .warnings = warnings };
	int r;

	conffile_defaults(ret);
	r = dl_load("libinih.so.1", syms, ARRAY_SIZE(syms), &handle_inih, err);
	if (r < 0)
		return r;
	conffile_defaults(&s);
	dl_ini_parse_stream(next_line, &p, handle, &p);
	end_line(&p);
	*ret = s;
	return 0;
}
#else
int conffile_parse(_unused_ struct span text, const char *name, struct settings *ret,
		   _unused_ struct strv *warnings, struct err *err)
{
	conffile_defaults(ret);
	return err_set(err, -ENOTSUP, "%s: built without libinih", name);
}
#endif

int conffile_read(int rootfd, struct settings *ret, struct strv *warnings,
		  struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	int r;

	conffile_defaults(ret);
	r = fs_read_file(rootfd, CONFFILE_PATH, CONFFILE_MAX_BYTES, &text, err);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0)
		r = conffile_parse(span_of(buf_str(&text), text.n), CONFFILE_PATH, ret,
				   warnings, err);
	return r < 0 ? err_wrap(err, r, "the built-in values are used") : 0;
}
