/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/configview.h"
#include "cli/prose.h"
#include "out/text.h"

#define KEY_WIDTH 14

/* What is written where; '#' stands for the number of netN and the like. */
static const struct {
	const char *title;
	const char *keys;
} groups[] = {
	{ "General", "hostname ostype arch tags template unprivileged protection lock "
		     "timezone entrypoint env parent snaptime snapstate" },
	{ "Resources", "cores cpulimit cpuunits memory swap" },
	{ "Start and console", "onboot startup hookscript debug console cmode tty" },
	{ "Storage", "rootfs mp# unused#" },
	{ "Network", "net# nameserver searchdomain" },
	{ "Devices and features", "features dev#" },
};

static void title(const struct app *app, const char *text)
{
	fputc('\n', app->out);
	prose_color(app, PROSE_BOLD);
	fputs(text, app->out);
	prose_color(app, PROSE_RESET);
	fputc('\n', app->out);
}

/* ---- keys ---- */

static void put_key(const struct app *app, const char *key)
{
	fprintf(app->out, "  %-*s ", KEY_WIDTH, key);
}

/* The entries of an environment are parted by NUL: one a line. */
static void print_env(const struct app *app, const struct pveconf_item *i)
{
	struct span s = span_of(i->value, i->value_n), part;
	const char *key = "env";

	if (!s.n)
		put_key(app, key), fputc('\n', app->out);
	while (span_cut(&s, '\0', &part)) {
		put_key(app, key);
		prose_raw(app, part.p, part.n);
		fputc('\n', app->out);
		key = "";
	}
}

static void put_time(const struct app *app, const struct pveconf_item *i)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (i->kind != PVECONF_INT || i->number > UINT32_MAX)
		return;
	text_stamp(&b, i->number * 1000000);
	fprintf(app->out, " (%s)", buf_str(&b));
}

/* "0512" and "Yes" are 512 and 1 to PVE. */
static void put_number(const struct app *app, const struct pveconf_item *i)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (i->kind == PVECONF_TEXT || i->big)
		return;
	buf_addf(&b, "%ju", (uintmax_t)i->number);
	if (!str_eq(buf_str(&b), i->value))
		fprintf(app->out, " (%s)", buf_str(&b));
}

static void print_item(const struct app *app, const struct pveconf_item *i)
{
	if (str_eq(i->key, "env")) {
		print_env(app, i);
		return;
	}
	put_key(app, i->key);
	prose_raw(app, i->value, i->value_n);
	if (i->value_n == 1 && strchr(" \t\r\v\f", *i->value))
		fputs("(a blank)", app->out);
	if (str_eq(i->key, "snaptime"))
		put_time(app, i);
	put_number(app, i);
	if (!i->valid) {
		prose_color(app, PROSE_YELLOW);
		fprintf(app->out, "   <- line %u: %s", i->line,
			i->known ? "not valid" : "no key of PVE");
		prose_color(app, PROSE_RESET);
	}
	fputc('\n', app->out);
}

/* What holds where the file says nothing; NULL: nothing worth a line. */
static const char *default_of(const char *key)
{
	static const struct {
		const char *key, *means;
	} defaults[] = { { "cores", "not set: every CPU of the node" },
			 { "memory", "not set: 512 MiB" },
			 { "swap", "not set: none" } };

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (str_eq(defaults[i].key, key))
			return defaults[i].means;
	return NULL;
}

struct printer {
	const struct app *app;
	const struct pveconf_section *s;
	bool *done;    /* by item */
	bool defaults; /* it is a whole container: what is missing has a meaning */
	bool titled;
};

static void print_title_once(struct printer *p, const char *heading)
{
	if (!p->titled)
		title(p->app, heading);
	p->titled = true;
}

static void print_default(struct printer *p, const char *heading, const char *key)
{
	const char *means = p->defaults ? default_of(key) : NULL;

	if (!means)
		return;
	print_title_once(p, heading);
	put_key(p->app, key);
	prose_color(p->app, PROSE_DIM);
	fputs(means, p->app->out);
	prose_color(p->app, PROSE_RESET);
	fputc('\n', p->app->out);
}

static void print_of_group(struct printer *p, const char *heading,
			   const struct pveconf_item *i)
{
	if (!i || p->done[i - p->s->items])
		return;
	print_title_once(p, heading);
	p->done[i - p->s->items] = true;
	print_item(p->app, i);
}

static void print_group(struct printer *p, const char *heading, const char *keys)
{
	struct span s = span_str(keys), word;

	p->titled = false;
	while (span_field(&s, &word)) {
		bool many = span_ends(word, "#");
		_cleanup_free_ char *key = xstrndup(word.p, word.n - many);
		const struct pveconf_item *i;
		uint32_t at = 0, n;

		if (!many && !pveconf_item(p->s, key))
			print_default(p, heading, key);
		else if (!many)
			print_of_group(p, heading, pveconf_item(p->s, key));
		while (many && (i = pveconf_next(p->s, key, &at, &n)))
			print_of_group(p, heading, i);
	}
}

static void print_rest(struct printer *p)
{
	p->titled = false;
	for (size_t i = 0; i < p->s->n_items; i++)
		print_of_group(p, "Other keys", &p->s->items[i]);
}

static void print_lxc(const struct app *app, const struct pveconf_section *s)
{
	if (!s->n_lxc)
		return;
	title(app, "Raw LXC lines, in their order");
	for (size_t i = 0; i < s->n_lxc; i++) {
		uint32_t n;
		_cleanup_free_ char *text = pveconf_lxc_text(&s->lxc[i], &n);

		fprintf(app->out, "  %s: ", s->lxc[i].key);
		prose_raw(app, text, n);
		if (!s->lxc[i].value_n) {
			prose_color(app, PROSE_DIM);
			fputs(n ? " " : "", app->out);
			fputs("(empty: clears what was set before)", app->out);
			prose_color(app, PROSE_RESET);
		}
		fputc('\n', app->out);
	}
}

static void print_lines(const struct app *app, int indent, const char *p, size_t n)
{
	struct span s = span_of(p, n), line;

	while (span_line(&s, &line)) {
		_cleanup_(buf_done) struct buf b = { 0 };

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		text_escape(&b, span_tbytes(line), true);
		fprintf(app->out, "%*s%s\n", indent, "", buf_str(&b));
	}
}

static void print_section(const struct app *app, const struct pveconf_section *s)
{
	_cleanup_free_ bool *done = xcalloc(s->n_items + 1, sizeof(*done));
	struct printer p = { .app = app,
			     .s = s,
			     .done = done,
			     .defaults = pveconf_item(s, "rootfs") != NULL };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		print_group(&p, groups[i].title, groups[i].keys);
	print_rest(&p);
	print_lxc(app, s);
	if (s->description) {
		title(app, "Description");
		print_lines(app, 2, s->description, s->description_n);
	}
}

/* ---- pending ---- */

static void put_value(const struct app *app, const struct pveconf_item *i)
{
	if (i)
		prose_raw(app, i->value, i->value_n);
}

static void print_change(const struct app *app, const struct config_view *v,
			 const struct pending_change *c)
{
	put_key(app, c->key);
	if (c->description) {
		fputs(v->conf->main.description ? "a new text:\n" : "(new):\n", app->out);
		print_lines(app, KEY_WIDTH + 3, v->conf->pending.description,
			    v->conf->pending.description_n);
		return;
	}
	if (c->is_delete) {
		put_value(app, c->from);
		fprintf(app->out, "%s", c->from ? "  -> deleted" : "deleted, not there");
		fputs(c->force ? ", with its volume\n" : "\n", app->out);
		return;
	}
	put_value(app, c->from);
	fputs(c->from ? "  -> " : "(new) ", app->out);
	put_value(app, c->to);
	fputc('\n', app->out);
}

static void print_pending(const struct app *app, const struct config_view *v)
{
	if (!v->pending.n || v->no_pending)
		return;
	title(app, "Pending: takes effect at the next start");
	for (size_t i = 0; i < v->pending.n; i++)
		print_change(app, v, &v->pending.v[i]);
}

/* ---- what PVE says, what we say ---- */

/* "format error", then a line for each property. */
static void put_sentences(const struct app *app, struct span s)
{
	const char *between = "";
	struct span line;

	while (span_line(&s, &line)) {
		if (!line.n)
			continue;
		fputs(between, app->out);
		prose_raw(app, line.p, line.n);
		between = span_ends(line, "format error") ? ": " : "; ";
	}
}

static void print_warnings(const struct app *app, const struct config_view *v)
{
	_cleanup_free_ char *prefix = xasprintf("vm %u - ", v->ct->vmid);
	bool titled = false;

	for (size_t i = 0; i < v->conf->n_warnings; i++) {
		const struct pveconf_warning *w = &v->conf->warnings[i];
		struct span s = span_of(w->text, w->text_n);

		if (!config_shows_warning(v, w))
			continue;
		if (!titled)
			title(app, "What PVE's parser says");
		titled = true;
		span_skip(&s, prefix);
		fprintf(app->out, "  line %-4u %-8s ", w->line,
			w->dropped ? "dropped:" : "kept:");
		put_sentences(app, s);
		fputc('\n', app->out);
	}
	if (v->conf->n_warnings_more)
		fprintf(app->out, "  and %zu more\n", v->conf->n_warnings_more);
}

static void print_seen(const struct app *app, const struct finding *f, bool again)
{
	static const char *const labels[] = {
		[SEV_INFO] = "note", [SEV_WARN] = "WARNING", [SEV_ERROR] = "ERROR"
	};
	static const char *const colors[] = {
		[SEV_INFO] = "", [SEV_WARN] = PROSE_YELLOW, [SEV_ERROR] = PROSE_RED
	};
	_cleanup_(buf_done) struct buf b = { 0 };

	prose_color(app, again ? "" : colors[f->severity]);
	fprintf(app->out, "  %-8s", again ? "" : labels[f->severity]);
	prose_color(app, f->severity == SEV_INFO ? "" : PROSE_RESET);
	buf_adds(&b, f->rule);
	if (f->line)
		buf_addf(&b, " (line %u)", f->line);
	buf_adds(&b, ": ");
	text_escape(&b, tbytes_str(f->seen), false);
	prose_wrapped(app, 10, buf_str(&b));
}

/* All that one rule found: why it matters is said once, and not of mere notes. */
static void print_group_of_findings(const struct app *app, const struct finding *f,
				    size_t n)
{
	for (size_t i = 0; i < n; i++)
		print_seen(app, &f[i], i > 0);
	if (f->severity == SEV_INFO)
		return;
	fprintf(app->out, "%*s", 10, "");
	prose_escaped(app, 10, f->why);
	for (size_t i = 0; i < n; i++) {
		if (!f[i].fix || (i && str_eq(f[i].fix, f[i - 1].fix)))
			continue;
		/* on one line, however long: it is there to be copied */
		fprintf(app->out, "%*sfix: ", 10, "");
		prose_raw(app, f[i].fix, strlen(f[i].fix));
		fputc('\n', app->out);
	}
}

static void print_findings(const struct app *app, const struct config_view *v)
{
	size_t n[SEV_ERROR + 1] = { 0 };
	_cleanup_free_ char *heading = NULL;

	for (size_t i = 0; i < v->findings.n; i++)
		n[v->findings.v[i].severity]++;
	heading = xasprintf("Audit: %zu error%s, %zu warning%s, %zu note%s", n[SEV_ERROR],
			    n[SEV_ERROR] == 1 ? "" : "s", n[SEV_WARN],
			    n[SEV_WARN] == 1 ? "" : "s", n[SEV_INFO],
			    n[SEV_INFO] == 1 ? "" : "s");
	title(app, heading);
	for (size_t i = 0, end; i < v->findings.n; i = end) {
		const struct finding *f = v->findings.v;

		for (end = i + 1; end < v->findings.n; end++)
			if (f[end].severity != f[i].severity ||
			    !str_eq(f[end].rule, f[i].rule))
				break;
		print_group_of_findings(app, &f[i], end - i);
	}
}

static void print_head(const struct app *app, const struct config_view *v)
{
	_cleanup_free_ char *path = config_path(v);
	_cleanup_(buf_done) struct buf name = { 0 }, where = { 0 };

	text_escape(&name, tbytes_str(v->ct->name ? v->ct->name : ""), false);
	text_escape(&where, tbytes_str(path), false);
	prose_color(app, PROSE_BOLD);
	fprintf(app->out, "CT %u %s", v->ct->vmid, buf_str(&name));
	prose_color(app, PROSE_RESET);
	fprintf(app->out, "  %s", buf_str(&where));
	if (!v->live)
		fprintf(app->out, ", snapshot %s", v->section->name);
	else if (v->conf->n_snapshots)
		fprintf(app->out, ", %zu snapshot%s", v->conf->n_snapshots,
			v->conf->n_snapshots == 1 ? "" : "s");
	fputc('\n', app->out);
	if (v->conf->dies_line) {
		prose_color(app, PROSE_RED);
		prose_escaped(app, 0, v->ct->error ? v->ct->error : "PVE cannot read it");
		prose_color(app, PROSE_RESET);
	}
}

void config_print_text(const struct app *app, const struct config_view *v)
{
	print_head(app, v);
	print_section(app, v->section);
	if (v->live)
		print_pending(app, v);
	print_warnings(app, v);
	if (v->live)
		print_findings(app, v);
}
