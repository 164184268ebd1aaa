/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pveconf.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/sha1.h"
#include "read/lxckeys.h"
#include "read/pvedescr.h"
#include "read/pveformat.h"
#include "read/pvekey.h"
#include "read/pvetyped.h"

/* More complaints than anyone reads; a file of a megabyte can cause half a million. */
#define MAX_WARNINGS 10000

/* A text that grows while pointers into it are needed: kept as offset until the end. */
#define NO_TEXT SIZE_MAX

/* A section while it is read; its items and lxc lines are the tail of the common arrays.
 */
struct section {
	const char *name;
	uint32_t line;
	bool pending;
	size_t first_item, n_items;
	size_t first_lxc, n_lxc;
	size_t descr, descr_n; /* in the text of descriptions; NO_TEXT: none */
	uint32_t descr_line;
	size_t env; /* in the text of environments */
	uint32_t env_line;
	bool env_valid;
	struct span blank_descr; /* a `description:` that is blanks only */
};

struct warning {
	size_t text, text_n; /* in the text of warnings */
	size_t key;          /* NO_TEXT: none */
	uint32_t line;
	bool dropped;
};

/* An item whose value is no piece of the file: `env`, the description. */
struct parser {
	char *file; /* a copy with room for a terminator behind every value */
	size_t n;
	uint32_t vmid, line;
	struct pveconf_item *items;
	size_t n_items, cap_items;
	struct pveconf_lxc *lxc;
	size_t n_lxc, cap_lxc;
	struct section *sections;
	size_t n_sections, cap_sections;
	struct warning *warnings;
	size_t n_warnings, cap_warnings, n_warnings_more;
	struct buf descr, env, texts;
	struct section cur;
	bool snapshots_is_text; /* PVE's own field of the name was overwritten */
	bool lxc_is_text;
	uint32_t dies_line;
	const char *dies_of;
};

static void parser_done(struct parser *p)
{
	free(p->file);
	free(p->items);
	free(p->lxc);
	free(p->sections);
	free(p->warnings);
	buf_done(&p->descr);
	buf_done(&p->env);
	buf_done(&p->texts);
}

static struct span rtrim(struct span s)
{
	while (s.n && pve_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct span ltrim(struct span s)
{
	while (s.n && pve_is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	return s;
}

/* ---- warnings ---- */

/*
 * Begins "vm N - "; the caller adds to p->texts and ends it. NULL: not to be kept. Once
 * PVE's parser has died it says no more.
 */
static struct buf *warn_begin(struct parser *p, const char *key, bool dropped)
{
	struct warning w = {
		.text = p->texts.n, .key = NO_TEXT, .line = p->line, .dropped = dropped
	};

	if (p->dies_line)
		return NULL;
	if (p->n_warnings >= MAX_WARNINGS) {
		p->n_warnings_more++;
		return NULL;
	}
	if (key) {
		w.key = p->texts.n;
		buf_add(&p->texts, key, strlen(key) + 1);
		w.text = p->texts.n;
	}
	buf_addf(&p->texts, "vm %u - ", p->vmid);
	GROW(p->warnings, p->n_warnings, p->cap_warnings);
	p->warnings[p->n_warnings++] = w;
	return &p->texts;
}

static void warn_end(struct parser *p)
{
	struct warning *w = &p->warnings[p->n_warnings - 1];

	while (p->texts.n > w->text && p->texts.p[p->texts.n - 1] == '\n')
		p->texts.n--;
	w->text_n = p->texts.n - w->text;
	buf_addc(&p->texts, '\0');
}

static void warn_line(struct parser *p, struct span line)
{
	struct buf *b = warn_begin(p, NULL, true);

	if (!b)
		return;
	buf_adds(b, "unable to parse config: ");
	buf_add(b, line.p, line.n);
	warn_end(p);
}

static void warn_key(struct parser *p, const char *key, bool dropped,
		     const char *sentence)
{
	struct buf *b = warn_begin(p, key, dropped);

	if (!b)
		return;
	buf_adds(b, sentence);
	warn_end(p);
}

static void warn_value(struct parser *p, const char *key, const struct buf *why)
{
	struct buf *b = warn_begin(p, key, false);

	if (!b)
		return;
	buf_addf(b, "unable to parse value of '%s' - ", key);
	buf_add(b, buf_str(why), why->n);
	warn_end(p);
}

/* ---- descriptions ---- */

static void add_description(struct parser *p, struct span text, bool newline)
{
	if (!p->cur.descr_line)
		p->cur.descr_line = p->line;
	pvedescr_add(&p->descr, text);
	if (newline)
		buf_addc(&p->descr, '\n');
}

/* ---- sections ---- */

static void section_begin(struct parser *p, const char *name, bool pending)
{
	p->cur = (struct section){ .name = name,
				   .line = p->line,
				   .pending = pending,
				   .first_item = p->n_items,
				   .first_lxc = p->n_lxc,
				   .descr = p->descr.n,
				   .env = NO_TEXT };
	p->lxc_is_text = false;
}

static void item_add(struct parser *p, struct pveconf_item i)
{
	GROW(p->items, p->n_items, p->cap_items);
	p->items[p->n_items++] = i;
}

static int cmp_item(const void *a, const void *b)
{
	const struct pveconf_item *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r ? r : (x->line > y->line) - (x->line < y->line);
}

/* Sorts the section's items; of several with the same key the last one stays. */
static void sort_items(struct parser *p)
{
	size_t n = p->n_items - p->cur.first_item, out = 0;
	struct pveconf_item *v;

	if (!n)
		return;
	v = p->items + p->cur.first_item;
	qsort(v, n, sizeof(*v), cmp_item);
	for (size_t i = 0; i < n; i++) {
		if (out && strcmp(v[out - 1].key, v[i].key) == 0)
			out--;
		v[out++] = v[i];
	}
	p->n_items = p->cur.first_item + out;
}

/* Only a description that Perl finds true is kept: not "", not "0". */
static void end_description(struct parser *p)
{
	struct section *s = &p->cur;

	s->descr_n = p->descr.n - s->descr;
	if (s->descr_n && !(s->descr_n == 1 && p->descr.p[s->descr] == '0')) {
		buf_addc(&p->descr, '\0');
		return;
	}
	p->descr.n = s->descr;
	s->descr = NO_TEXT;
	if (s->blank_descr.p) {
		s->descr = p->descr.n;
		s->descr_n = s->blank_descr.n;
		buf_add(&p->descr, s->blank_descr.p, s->blank_descr.n);
		buf_addc(&p->descr, '\0');
	}
}

/* The value of `env` is set when the text has its final place: see hand_over(). */
static void end_env(struct parser *p)
{
	struct section *s = &p->cur;

	if (s->env == NO_TEXT)
		return;
	item_add(p, (struct pveconf_item){ .key = "env",
					   .value_n = (uint32_t)(p->env.n - s->env),
					   .line = s->env_line,
					   .valid = s->env_valid,
					   .known = true });
	buf_addc(&p->env, '\0');
}

static void section_end(struct parser *p)
{
	end_description(p);
	end_env(p);
	sort_items(p);
	p->cur.n_items = p->n_items - p->cur.first_item;
	p->cur.n_lxc = p->n_lxc - p->cur.first_lxc;
	GROW(p->sections, p->n_sections, p->cap_sections);
	p->sections[p->n_sections++] = p->cur;
}

/* Where PVE's parser dies, a reader that does not goes on and shows what there is. */
static void dies(struct parser *p, const char *of)
{
	if (p->dies_line)
		return;
	p->dies_line = p->line;
	p->dies_of = of;
}

static bool take_header(struct parser *p, struct span line)
{
	struct span s = rtrim(line), name;
	bool pending;

	if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	name = span_of(s.p + 1, s.n - 2);
	pending = span_eq_nocase(name, "pve:pending");
	if (!pending) {
		if (pve_format_configid(name, NULL) < 0)
			return false;
		if (p->snapshots_is_text)
			dies(p, "snapshots");
	}
	section_end(p);
	p->file[name.p - p->file + (ptrdiff_t)name.n] = '\0';
	section_begin(p, pending ? "pending" : name.p, pending);
	return true;
}

/* ---- lines ---- */

static bool is_lxc_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	       c == '.';
}

/* "lxc.key:" or "lxc.key  =": cuts it into key and value. */
static bool split_lxc(struct span line, struct span *ret_key, struct span *ret_value)
{
	size_t n = 4, at;

	if (!span_starts(line, "lxc."))
		return false;
	while (n < line.n && is_lxc_key_char(line.p[n]))
		n++;
	if (n == 4)
		return false;
	at = n;
	if (at < line.n && line.p[at] != ':')
		while (at < line.n && pve_is_space(line.p[at]))
			at++;
	if (at >= line.n || (line.p[at] != '=' && !(line.p[at] == ':' && at == n)))
		return false;
	*ret_key = span_of(line.p, n);
	*ret_value = ltrim(rtrim(span_of(line.p + at + 1, line.n - at - 1)));
	return true;
}

static void set_env(struct parser *p, struct span v, bool append, bool valid)
{
	if (append && p->cur.env != NO_TEXT)
		buf_addc(&p->env, '\0');
	else
		p->cur.env = p->env.n;
	buf_add(&p->env, v.p, v.n);
	p->cur.env_line = p->line;
	p->cur.env_valid = valid;
}

/* One pair around all of it is no part of the value to LXC. */
static char take_quotes(struct span *v)
{
	char q = v->n > 1 ? v->p[0] : '\0';

	if ((q != '"' && q != '\'') || v->p[v->n - 1] != q)
		return '\0';
	*v = span_of(v->p + 1, v->n - 2);
	return q;
}

static void keep_lxc(struct parser *p, const char *key, struct span v)
{
	char quote = take_quotes(&v);

	if (p->lxc_is_text)
		dies(p, "lxc");
	p->file[v.p - p->file + (ptrdiff_t)v.n] = '\0';
	GROW(p->lxc, p->n_lxc, p->cap_lxc);
	p->lxc[p->n_lxc++] =
		(struct pveconf_lxc){ key, v.p, (uint32_t)v.n, p->line, quote };
}

static bool take_lxc(struct parser *p, struct span line)
{
	struct span k, v;
	const char *say = NULL;
	enum lxckey what;

	if (!split_lxc(line, &k, &v))
		return false;
	what = lxckey_check(k, &say);
	if (what == LXCKEY_UNKNOWN) {
		warn_line(p, line);
		return true;
	}
	/* the separator is no longer needed: it is the key's terminator */
	p->file[k.p - p->file + (ptrdiff_t)k.n] = '\0';
	if (what == LXCKEY_REFUSED || what == LXCKEY_WARNED) {
		_cleanup_(buf_done) struct buf b = { 0 };

		buf_adds(&b, k.p);
		buf_adds(&b, say);
		warn_key(p, k.p, what == LXCKEY_REFUSED, buf_str(&b));
	}
	if (what == LXCKEY_RUNTIME)
		set_env(p, v, true, true);
	else if (what != LXCKEY_REFUSED)
		keep_lxc(p, k.p, v);
	return true;
}

/* "description: text", "delete: text": what is behind, NULL for blanks only. */
static bool after_key(struct span line, const char *key, struct span *ret)
{
	struct span s = line;

	if (!span_skip(&s, key))
		return false;
	*ret = ltrim(rtrim(s));
	return ret->n > 0;
}

/* Anywhere in the line, at its end: that is how PVE looks for it. */
static const char *snapstate(struct span line)
{
	static const char *const states[] = { "prepare", "delete" };
	struct span s = rtrim(line);

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct span before = s;

		if (!span_ends(s, states[i]))
			continue;
		before.n -= strlen(states[i]);
		if (span_ends(rtrim(before), "snapstate:"))
			return states[i];
	}
	return NULL;
}

static bool split_key(struct span line, struct span *ret_key, struct span *ret_value)
{
	size_t n = 0;
	struct span v;

	while (n < line.n &&
	       ((line.p[n] >= 'a' && line.p[n] <= 'z') || (n && line.p[n] == '_')))
		n++;
	if (!n)
		return false;
	while (n < line.n && line.p[n] >= '0' && line.p[n] <= '9')
		n++;
	if (n >= line.n || line.p[n] != ':' || n + 1 == line.n)
		return false;
	*ret_key = span_of(line.p, n);
	v = ltrim(rtrim(span_of(line.p + n + 1, line.n - n - 1)));
	/* blanks only: the last one is the value */
	*ret_value = v.n ? v : span_of(line.p + line.n - 1, 1);
	return true;
}

static void add_fixed(struct parser *p, const char *key, const char *value, size_t n)
{
	item_add(p, (struct pveconf_item){ .key = key,
					   .value = value,
					   .value_n = (uint32_t)n,
					   .line = p->line,
					   .valid = true,
					   .known = true });
}

static const char *terminate(struct parser *p, struct span s)
{
	p->file[s.p - p->file + (ptrdiff_t)s.n] = '\0';
	return s.p;
}

/* A key of PVE's own fields replaces the field. */
static void take_own_field(struct parser *p, const char *key)
{
	bool live = !p->cur.line;

	if (str_eq(key, "lxc")) {
		p->lxc_is_text = true;
		p->n_lxc = p->cur.first_lxc;
	} else if (live && str_eq(key, "snapshots")) {
		p->snapshots_is_text = true;
	}
}

static bool take_key(struct parser *p, struct span line)
{
	_cleanup_(buf_done) struct buf why = { 0 };
	struct pveconf_item i = { .line = p->line };
	struct span k, v;

	if (!split_key(line, &k, &v))
		return false;
	i.key = terminate(p, k);
	i.valid = pvekey_check(i.key, v, &i, &why) == 0;
	if (!i.valid)
		warn_value(p, i.key, &why);
	i.value = terminate(p, v);
	i.value_n = (uint32_t)v.n;
	take_own_field(p, i.key);
	if (str_eq(i.key, "env"))
		set_env(p, v, false, i.valid);
	else if (str_eq(i.key, "description"))
		p->cur.blank_descr = v;
	else
		item_add(p, i);
	return true;
}

static bool take_delete(struct parser *p, struct span line)
{
	struct span v;

	if (!after_key(line, "delete:", &v))
		return false;
	if (str_eq(p->cur.name, "pending"))
		add_fixed(p, "delete", terminate(p, v), v.n);
	else
		warn_key(p, "delete", true,
			 "property 'delete' is only allowed in [pve:pending]");
	return true;
}

static void take_line(struct parser *p, struct span line)
{
	struct span v;
	const char *state;

	if (!rtrim(line).n || take_header(p, line))
		return;
	if (line.p[0] == '#')
		add_description(p, span_of(line.p + 1, line.n - 1), true);
	else if (take_lxc(p, line))
		return;
	else if (after_key(line, "description:", &v))
		add_description(p, v, false);
	else if ((state = snapstate(line)))
		add_fixed(p, "snapstate", state, strlen(state));
	else if (!take_delete(p, line) && !take_key(p, line))
		warn_line(p, line);
}

/* ---- the result ---- */

static void fill_section(struct parser *p, const struct section *s,
			 struct pveconf_section *ret)
{
	*ret = (struct pveconf_section){
		.name = s->name,
		.line = s->line,
		.items = s->n_items ? p->items + s->first_item : NULL,
		.n_items = s->n_items,
		.lxc = s->n_lxc ? p->lxc + s->first_lxc : NULL,
		.n_lxc = s->n_lxc,
	};
	if (s->descr != NO_TEXT) {
		ret->description = p->descr.p + s->descr;
		ret->description_n = (uint32_t)s->descr_n;
		ret->description_line = s->descr_line;
	}
	for (size_t i = 0; i < ret->n_items; i++)
		if (!ret->items[i].value)
			ret->items[i].value = p->env.p + s->env;
}

/* A header is later in the file the higher its line: of equal names the last one wins. */
static int cmp_section(const void *a, const void *b)
{
	const struct section *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->line > y->line) - (x->line < y->line);
}

static void take_snapshots(struct parser *p, struct pveconf *c)
{
	struct section *v = p->sections + 1;
	size_t n = 0;

	for (size_t i = 0; i + 1 < p->n_sections; i++) {
		if (v[i].pending) {
			fill_section(p, &v[i], &c->pending);
			c->has_pending = true;
		} else {
			v[n++] = v[i];
		}
	}
	if (!n)
		return;
	qsort(v, n, sizeof(*v), cmp_section);
	c->snapshots = xcalloc(n, sizeof(*c->snapshots));
	for (size_t i = 0; i < n; i++) {
		if (i && strcmp(v[i - 1].name, v[i].name) == 0)
			c->n_snapshots--;
		fill_section(p, &v[i], &c->snapshots[c->n_snapshots++]);
	}
}

static void take_warnings(struct parser *p, struct pveconf *c)
{
	c->n_warnings_more = p->n_warnings_more;
	if (!p->n_warnings)
		return;
	c->warnings = xcalloc(p->n_warnings, sizeof(*c->warnings));
	for (size_t i = 0; i < p->n_warnings; i++) {
		const struct warning *w = &p->warnings[i];

		c->warnings[i] = (struct pveconf_warning){
			.text = p->texts.p + w->text,
			.text_n = (uint32_t)w->text_n,
			.line = w->line,
			.key = w->key == NO_TEXT ? NULL : p->texts.p + w->key,
			.dropped = w->dropped,
		};
	}
	c->n_warnings = p->n_warnings;
}

/* PVE removes a snapstate from the live section. */
static void drop_snapstate(struct pveconf_section *s)
{
	const struct pveconf_item *i = pveconf_item(s, "snapstate");
	size_t at;

	if (!i)
		return;
	at = (size_t)(i - s->items);
	memmove(s->items + at, s->items + at + 1,
		(s->n_items - at - 1) * sizeof(*s->items));
	s->n_items--;
}

static void hand_over(struct parser *p, bool lean, struct pveconf *c)
{
	fill_section(p, &p->sections[0], &c->main);
	drop_snapstate(&c->main);
	take_snapshots(p, c);
	take_warnings(p, c);
	if (!lean)
		pvetyped_take(&c->main, &c->typed);
	c->dies_line = p->dies_line;
	c->owned[0] = take_ptr(p->file);
	c->owned[1] = take_ptr(p->items);
	c->owned[2] = take_ptr(p->lxc);
	c->owned[3] = take_ptr(p->descr.p);
	c->owned[4] = take_ptr(p->env.p);
	c->owned[5] = take_ptr(p->texts.p);
}

static void take_file(struct parser *p, const char *bytes, size_t n)
{
	struct span text, line;

	p->file = xmalloc(n + 1);
	if (n)
		memcpy(p->file, bytes, n);
	p->file[n] = '\0';
	section_begin(p, "", false);
	text = span_of(p->file, n);
	while (span_line(&text, &line)) {
		p->line++;
		take_line(p, line);
	}
	section_end(p);
}

static int parse(const char *bytes, size_t n, uint32_t vmid, bool lean,
		 struct pveconf *ret, struct err *err)
{
	_cleanup_(parser_done) struct parser p = { .vmid = vmid };
	struct pveconf c = { .vmid = vmid, .size_bytes = n };

	if (n > PVECONF_MAX_BYTES)
		return err_set(err, -EFBIG, "%zu bytes: a config of at most %zu expected",
			       n, PVECONF_MAX_BYTES);
	if (!lean)
		sha1_hex(bytes, n, c.digest);
	take_file(&p, bytes, n);
	hand_over(&p, lean, &c);
	*ret = c;
	if (!p.dies_line)
		return 0;
	return err_set(
		err, -EBADMSG,
		"line %u: PVE's own parser dies here, because a key \"%s:\" before "
		"it took the place of PVE's field of that name",
		p.dies_line, p.dies_of);
}

int pveconf_parse(const char *bytes, size_t n, uint32_t vmid, struct pveconf *ret,
		  struct err *err)
{
	return parse(bytes, n, vmid, false, ret, err);
}

int pveconf_parse_lean(const char *bytes, size_t n, uint32_t vmid, struct pveconf *ret,
		       struct err *err)
{
	return parse(bytes, n, vmid, true, ret, err);
}

int pveconf_read(int rootfd, const char *path, uint32_t vmid, struct pveconf *ret,
		 struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r = fs_read_file(rootfd, path, PVECONF_MAX_BYTES, &b, err);

	if (r < 0)
		return r;
	r = pveconf_parse(buf_str(&b), b.n, vmid, ret, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
