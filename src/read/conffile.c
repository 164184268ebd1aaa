/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/conffile.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"
#include "config.h"

#define OFF(f) offsetof(struct settings, f)

/* One line a key, in the order of doc/ctscope.conf. */
static const struct key {
	const char *section, *name;
	size_t off; /* of a struct val */
	uint64_t min, max, def;
} keys[] = {
	{ "warn", "memory_high_percent", OFF(warn.memory_high_percent), 1, 100, 90 },
	{ "warn", "memory_max_percent", OFF(warn.memory_max_percent), 1, 100, 95 },
	{ "warn", "swap_percent", OFF(warn.swap_percent), 1, 100, 80 },
	{ "warn", "cpu_percent", OFF(warn.cpu_percent), 1, 100, 90 },
	{ "warn", "throttled_percent", OFF(warn.throttled_percent), 1, 100, 10 },
	{ "warn", "cpu_pressure_percent", OFF(warn.cpu_pressure_percent), 1, 100, 25 },
	{ "warn", "io_pressure_percent", OFF(warn.io_pressure_percent), 1, 100, 25 },
	{ "warn", "memory_pressure_percent", OFF(warn.memory_pressure_percent), 1, 100,
	  10 },
	{ "warn", "pids_percent", OFF(warn.pids_percent), 1, 100, 80 },
	{ "warn", "oom_kills", OFF(warn.oom_kills), 1, 1000000, 1 },
	{ "warn", "disk_percent", OFF(warn.disk_percent), 1, 100, 90 },
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

static void take(struct parse *p, const struct key *k, const char *value)
{
	struct span v = span_str(value);
	uint64_t n;

	if (span_eq_nocase(v, "off")) {
		*field(p->s, k) = (struct val){ 0 };
		return;
	}
	if (k->max == 100 && v.n && v.p[v.n - 1] == '%')
		v = span_trim(span_of(v.p, v.n - 1));
	if (num_parse_u64(v, &n) < 0 || n < k->min || n > k->max) {
		complain(p,
			 "%s: expected a number from %llu to %llu or \"off\", not \"%s\"",
			 k->name, (unsigned long long)k->min, (unsigned long long)k->max,
			 value);
		return;
	}
	*field(p->s, k) = val_set(n);
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
	return r < 0 ? err_wrap(err, r, "the built-in thresholds are used") : 0;
}
