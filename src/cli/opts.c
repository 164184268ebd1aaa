/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/opts.h"

#include <getopt.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"

#define MAX_OPTS 64

struct common {
	bool help, json, bytes, noheadings;
	const char *columns, *root, *color, *now;
};

#define C(field) offsetof(struct common, field)
static const struct opt common_opts[] = {
	{ "json", 'j', OPT_FLAG, NULL, "print one JSON object", C(json) },
	{ "output", 'o', OPT_STR, "COL,...",
	  "columns of the table; +COL,... adds to the default", C(columns) },
	{ "noheadings", 'n', OPT_FLAG, NULL, "no heading line", C(noheadings) },
	{ "bytes", 'b', OPT_FLAG, NULL, "sizes in bytes", C(bytes) },
	{ "color", 0, OPT_STR, "WHEN", "auto, always or never", C(color) },
	{ "root", 0, OPT_STR, "DIR", "read a copy of a node in DIR, not this machine",
	  C(root) },
	{ "now", 0, OPT_STR, "TIME", "with --root: the time the copy was made", C(now) },
	{ "help", 'h', OPT_FLAG, NULL, "this text", C(help) },
};
#undef C

int opts_parse_duration(const char *text, uint64_t *ret_usec, struct err *err)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = { { "w", 604800 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 },
		      { "min", 60 },   { "s", 1 },     { "", 1 } };
	struct span s = span_str(text), num = s;
	uint64_t n, factor = 0;

	num.n = strspn(text, "0123456789.");
	s.p += num.n;
	s.n -= num.n;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (span_eq(s, units[i].unit))
			factor = units[i].seconds;
	if (!factor || num_parse_fixed(num, 6, &n) < 0 ||
	    __builtin_mul_overflow(n, factor, ret_usec))
		return err_set(
			err, -EINVAL,
			"\"%s\" is not a duration: expected 10, 1.5, 90s, 15m, 2h, 14d or 3w",
			text);
	return 0;
}

static int local_time(const char *text, uint64_t now, uint64_t *ret)
{
	static const char *const forms[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M",
					     "%Y-%m-%d", "%H:%M:%S", "%H:%M" };
	time_t t = (time_t)(now / USEC_PER_SEC);

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm tm;
		const char *end;

		localtime_r(&t, &tm);
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		end = strptime(text, forms[i], &tm);
		if (!end || *end)
			continue;
		tm.tm_isdst = -1;
		*ret = (uint64_t)mktime(&tm) * USEC_PER_SEC;
		return 0;
	}
	return -EINVAL;
}

static int relative_time(const char *text, uint64_t now, uint64_t *ret)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *s = copy, *ago = strstr(copy, " ago");
	uint64_t usec;

	if (*s == '-')
		s++;
	else if (!ago || ago[4])
		return -EINVAL;
	if (ago)
		*ago = '\0';
	if (opts_parse_duration(s, &usec, NULL) < 0)
		return -EINVAL;
	*ret = num_sub(now, usec);
	return 0;
}

static int utc_time(const char *text, uint64_t *ret)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (end && *end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (!end || !str_eq(end, "Z"))
		return -EINVAL;
	*ret = (uint64_t)timegm(&tm) * USEC_PER_SEC;
	return 0;
}

int opts_parse_time(const char *text, uint64_t now, uint64_t *ret, struct err *err)
{
	struct span s = span_str(text);
	uint64_t n;

	if (str_eq(text, "now")) {
		*ret = now;
		return 0;
	}
	if (str_eq(text, "today"))
		return local_time("00:00", now, ret);
	if (str_eq(text, "yesterday")) {
		int r = local_time("00:00", now, ret);

		*ret = num_sub(*ret, 86400 * USEC_PER_SEC);
		return r;
	}
	if (span_skip(&s, "@") && num_parse_fixed(s, 6, &n) == 0) {
		*ret = n;
		return 0;
	}
	if (relative_time(text, now, ret) == 0 || utc_time(text, ret) == 0 ||
	    local_time(text, now, ret) == 0)
		return 0;
	return err_set(
		err, -EINVAL,
		"\"%s\" is not a time: expected \"2026-11-20 03:12\", 03:12, yesterday, "
		"-15m or @SECONDS",
		text);
}

static int store(const struct app *app, const struct opt *o, void *dst, const char *arg)
{
	char *at = (char *)dst + o->off;
	struct err err = { 0 };
	int r = 0;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)at = true;
		break;
	case OPT_STR:
		*(const char **)at = arg;
		break;
	case OPT_STRV:
		strv_add((struct strv *)at, xstrdup(arg));
		break;
	case OPT_U64:
		r = num_parse_u64(span_str(arg), (uint64_t *)at);
		if (r < 0)
			err_set(&err, r, "\"%s\" is not a number", arg);
		break;
	case OPT_DURATION:
		r = opts_parse_duration(arg, (uint64_t *)at, &err);
		break;
	case OPT_TIME:
		r = opts_parse_time(arg, app->now_real_usec, (uint64_t *)at, &err);
		break;
	}
	if (r < 0)
		app_error(app, 0, "--%s: %s", o->name, err.msg);
	return r;
}

static size_t add_opts(struct option *longs, char *shorts, size_t at, const struct opt *o,
		       size_t n)
{
	for (size_t i = 0; i < n && at < MAX_OPTS - 1; i++, at++) {
		longs[at] = (struct option){
			.name = o[i].name,
			.has_arg =
				o[i].kind == OPT_FLAG ? no_argument : required_argument,
			.val = 256 + (int)at,
		};
		if (o[i].letter) {
			size_t end = strlen(shorts);

			shorts[end] = o[i].letter;
			shorts[end + 1] = o[i].kind == OPT_FLAG ? '\0' : ':';
			shorts[end + 2] = '\0';
		}
	}
	return at;
}

static const struct opt *find_opt(const struct cmd *cmd, int val, bool *ret_common)
{
	size_t nc = ARRAY_SIZE(common_opts);

	*ret_common = true;
	if (val >= 256) {
		size_t i = (size_t)(val - 256);

		*ret_common = i < nc;
		return i < nc ? &common_opts[i] : &cmd->opts[i - nc];
	}
	/* a command's own letter wins: -n of logs is "lines" */
	for (size_t i = 0; i < cmd->nopts; i++)
		if (cmd->opts[i].letter == val) {
			*ret_common = false;
			return &cmd->opts[i];
		}
	for (size_t i = 0; i < nc; i++)
		if (common_opts[i].letter == val)
			return &common_opts[i];
	return NULL;
}

static int use_color(const struct app *app, const char *when)
{
	if (str_eq(when, "always"))
		return 1;
	if (str_eq(when, "never"))
		return 0;
	if (when && !str_eq(when, "auto"))
		return app_error(app, -EINVAL, "--color: expected auto, always or never");
	return isatty(fileno(app->out)) && !getenv("NO_COLOR") &&
	       !str_eq(getenv("TERM"), "dumb");
}

static int take_common(struct app *app, const struct cmd *cmd, const struct common *c)
{
	struct err err = { 0 };
	int color;

	if (c->json)
		app->json = true;
	if (c->columns)
		app->table.columns = c->columns;
	app->table.noheadings |= c->noheadings;
	app->table.exact_bytes |= c->bytes;
	color = use_color(app, c->color);
	if (color < 0)
		return color;
	app->table.color = color;
	if (c->root) {
		if (app_open_root(app, c->root, &err) < 0) {
			app_error(app, 0, "--root: %s", err.msg);
			return -EINVAL;
		}
	}
	if (c->now && app->live)
		return app_error(app, -EINVAL, "--now goes with --root");
	if (c->now &&
	    opts_parse_time(c->now, app->now_real_usec, &app->now_real_usec, &err) < 0)
		return app_error(app, -EINVAL, "--now: %s", err.msg);
	app->now_known |= c->now != NULL;
	if (!app->live && cmd->live_only)
		return app_error(
			app, -EINVAL,
			"it asks the running kernel: --root does not go with it");
	if (app->table.columns && !cmd->cols)
		return app_error(app, -EINVAL, "-o: this command has no table");
	/* which of two tables it is the command knows, and checks */
	if (app->table.columns && !cmd->cols2 &&
	    table_check_columns(app->table.columns, cmd->cols, cmd->ncols, &err) < 0)
		return app_error(app, -EINVAL, "-o: %s", err.msg);
	return 0;
}

struct given {
	const struct opt *o;
	const char *arg;
};

/* One command line on its way through getopt. */
struct parse {
	struct app *app;
	const struct cmd *cmd;
	void *dst;
	struct strv *pos;
	struct option longs[MAX_OPTS];
	char shorts[3 * MAX_OPTS];
	struct common common;
	struct given times[MAX_OPTS];
	size_t n_times;
};

static void describe(struct parse *p)
{
	const struct cmd *cmd = p->cmd;
	char *shorts = p->shorts;
	size_t n;

	/* '-': arguments in order, ':' own messages */
	memcpy(shorts, "-:", sizeof("-:"));
	n = add_opts(p->longs, shorts, 0, common_opts, ARRAY_SIZE(common_opts));
	/* own letters come first in the string, so that getopt takes their form */
	add_opts(p->longs, shorts, n, cmd->opts, cmd->nopts);
	for (size_t i = 0; i < cmd->nopts; i++) {
		char *dup = cmd->opts[i].letter ? strchr(shorts + 2, cmd->opts[i].letter)
						: NULL;

		if (dup && strrchr(shorts, cmd->opts[i].letter) != dup)
			memmove(dup, dup + 1 + (dup[1] == ':'),
				strlen(dup + (dup[1] == ':')));
	}
}

/* `val` of getopt; `word` is what it stands for on the command line. */
static int take_one(struct parse *p, int val, const char *word)
{
	const struct opt *o;
	bool common;

	if (val == 1) {
		strv_addn(p->pos, optarg, strlen(optarg));
		return 0;
	}
	if (val == ':' || val == '?') {
		app_error(p->app, 0,
			  val == ':' ? "option %s needs a value" : "unknown option %s",
			  word);
		return -EINVAL;
	}
	o = find_opt(p->cmd, val, &common);
	if (!o)
		return -EINVAL;
	if (!common && o->kind == OPT_TIME && p->n_times < MAX_OPTS) {
		p->times[p->n_times++] = (struct given){ o, optarg };
		return 0;
	}
	return store(p->app, o, common ? (void *)&p->common : p->dst, optarg);
}

static int take_all(struct parse *p, int argc, char **argv)
{
	_cleanup_free_ char **av = xcalloc((size_t)argc + 2, sizeof(*av));
	int val, r;

	av[0] = argv[-1];
	for (int i = 0; i < argc; i++)
		av[i + 1] = argv[i];
	optind = 0;
	opterr = 0;
	while ((val = getopt_long(argc + 1, av, p->shorts, p->longs, NULL)) != -1) {
		r = take_one(p, val, av[optind - 1]);
		if (r < 0)
			return r;
	}
	for (int i = optind; i < argc + 1; i++)
		strv_addn(p->pos, av[i], strlen(av[i]));
	return 0;
}

int opts_parse(struct app *app, const struct cmd *cmd, void *dst, int argc, char **argv,
	       struct strv *pos)
{
	struct parse p = { .app = app, .cmd = cmd, .dst = dst, .pos = pos };
	int r;

	describe(&p);
	r = take_all(&p, argc, argv);
	if (r < 0)
		return r;
	if (p.common.help) {
		opts_help(app->out, cmd);
		return 1;
	}
	r = take_common(app, cmd, &p.common);
	/* "yesterday" means something only when --now is known, wherever it stands */
	for (size_t i = 0; r == 0 && i < p.n_times; i++)
		r = store(app, p.times[i].o, dst, p.times[i].arg);
	return r;
}

static bool has_letter(const struct cmd *cmd, char letter)
{
	for (size_t i = 0; cmd && i < cmd->nopts; i++)
		if (cmd->opts[i].letter == letter)
			return true;
	return false;
}

#define HELP_WIDTH 80

/* A text that begins at column `at`, with its further lines below column `indent`. */
static void put_wrapped(FILE *f, size_t at, size_t indent, const char *text)
{
	struct span rest = span_str(text), word;
	bool first = true;

	while (span_field(&rest, &word)) {
		if (!first && at + 1 + word.n > HELP_WIDTH) {
			fprintf(f, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', f);
			at++;
		}
		fwrite(word.p, 1, word.n, f);
		at += word.n;
		first = false;
	}
	fputc('\n', f);
}

/* `taken`: the command whose own letters hide those of these options, or NULL. */
static void help_opts(FILE *f, const struct opt *o, size_t n, const struct cmd *taken)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		if (taken && !taken->cols && str_eq(o[i].name, "output"))
			continue;
		if (o[i].letter && !has_letter(taken, o[i].letter))
			buf_addf(&b, "-%c, ", o[i].letter);
		else
			buf_adds(&b, "    ");
		buf_addf(&b, "--%s%s%s", o[i].name, o[i].arg ? " " : "",
			 o[i].arg ? o[i].arg : "");
		fprintf(f, "  %-26s ", buf_str(&b));
		put_wrapped(f, 3 + MAX(b.n, 26), 29, o[i].help);
	}
}

static void help_cols(FILE *f, const struct col *cols, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!cols[i].json_only)
			fprintf(f, "  %-12s %c %s\n", cols[i].heading,
				cols[i].hidden ? ' ' : '*',
				cols[i].help ? cols[i].help : "");
}

void opts_help(FILE *f, const struct cmd *cmd)
{
	fprintf(f, "Usage: ctscope %s %s%s[OPTION...]\n\n%s\n", cmd->name,
		cmd->args ? cmd->args : "", cmd->args && *cmd->args ? " " : "",
		cmd->help);
	if (cmd->more)
		fprintf(f, "\n%s\n", cmd->more);
	fputs("\nOptions:\n", f);
	help_opts(f, cmd->opts, cmd->nopts, NULL);
	help_opts(f, common_opts, ARRAY_SIZE(common_opts), cmd);
	if (!cmd->cols)
		return;
	fputs("\nColumns (* shown by default):\n", f);
	help_cols(f, cmd->cols, cmd->ncols);
	if (!cmd->cols2)
		return;
	fprintf(f, "\nColumns with --%s:\n", cmd->cols2_opt);
	help_cols(f, cmd->cols2, cmd->ncols2);
}

void opts_help_all(FILE *f)
{
	fputs("Usage: ctscope COMMAND [ARGUMENT...] [OPTION...]\n\n"
	      "What the LXC containers of this Proxmox VE node do, read from the kernel and\n"
	      "the node's own files.\n\nCommands:\n",
	      f);
	for (size_t i = 0; i < ncmds; i++)
		fprintf(f, "  %-10s %-14s %s\n", cmds[i]->name,
			cmds[i]->args ? cmds[i]->args : "", cmds[i]->help);
	fputs("\nOptions of every command:\n", f);
	help_opts(f, common_opts, ARRAY_SIZE(common_opts), NULL);
	fputs("\nctscope COMMAND --help tells more. Exit codes: 0 fine, 1 something was found,\n"
	      "2 usage, 3 could not do it.\n",
	      f);
}
