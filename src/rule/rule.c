/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/rule.h"

#include <stdarg.h>
#include <stdio.h>

/* A config of ten thousand wrong keys is one finding told often enough. */
#define MAX_OF_A_RULE 100

static const char *const profile_names[PROFILE_N] = {
	[PROFILE_OWN] = "own",
	[PROFILE_HOMELAB] = "homelab",
	[PROFILE_PRODUCTION] = "production",
};

const char *rule_profile_name(enum rule_profile p)
{
	return profile_names[p];
}

bool rule_profile_find(struct span name, enum rule_profile *ret)
{
	for (int p = PROFILE_HOMELAB; p < PROFILE_N; p++)
		if (span_eq(name, profile_names[p])) {
			*ret = (enum rule_profile)p;
			return true;
		}
	return false;
}

const struct rule *rule_find(struct span id)
{
	for (size_t i = 0; i < n_rules; i++)
		if (span_eq(id, rules[i]->id))
			return rules[i];
	return NULL;
}

bool rule_severity(const struct rule *rule, enum rule_profile p, enum severity *ret)
{
	enum rule_level l = p == PROFILE_HOMELAB      ? rule->homelab
			    : p == PROFILE_PRODUCTION ? rule->production
						      : LEVEL_OWN;

	if (l == LEVEL_OFF)
		return false;
	*ret = l == LEVEL_INFO    ? SEV_INFO
	       : l == LEVEL_WARN  ? SEV_WARN
	       : l == LEVEL_ERROR ? SEV_ERROR
				  : rule->severity;
	return true;
}

/* ---- not more of one rule than anybody reads ---- */

static int cmp_vmid(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->vmid != y->vmid)
		return x->vmid > y->vmid ? 1 : -1;
	if (x->line != y->line)
		return x->line > y->line ? 1 : -1;
	return strcmp(x->seen, y->seen);
}

static void cap(const struct rule *rule, size_t first, struct findings *out)
{
	size_t end = out->n, to = first;

	qsort(out->v + first, end - first, sizeof(*out->v), cmp_vmid);
	for (size_t i = first, n; i < end; i += n) {
		struct ct of = { .vmid = out->v[i].vmid };

		for (n = 1; i + n < end && out->v[i + n].vmid == of.vmid; n++)
			;
		for (size_t k = 0; k < n; k++) {
			if (k < MAX_OF_A_RULE)
				out->v[to++] = out->v[i + k];
			else
				finding_clear(&out->v[i + k]);
		}
		if (n <= MAX_OF_A_RULE)
			continue;
		/* at the place of the first that is left out */
		out->n = to;
		finding_add(out, rule, of.vmid ? &of : NULL, NULL, 0, NULL,
			    "and %zu more", n - MAX_OF_A_RULE);
		to = out->n;
		out->n = end;
	}
	out->n = to;
}

/* A finding that the rule itself made less of is not made more of by a profile. */
static void grade(const struct rule *rule, enum severity s, size_t first,
		  struct findings *out)
{
	for (size_t i = first; i < out->n; i++) {
		struct finding *f = &out->v[i];

		f->severity = f->severity == rule->severity ? s : MIN(s, f->severity);
	}
}

static void run_one(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	size_t first = out->n;

	rule->check(rule, ct, out);
	if (out->n - first > MAX_OF_A_RULE)
		cap(rule, first, out);
}

void rules_run_ct(const struct ct *ct, struct findings *out)
{
	if (!ct->conf)
		return;
	for (size_t i = 0; i < n_rules; i++)
		if (rules[i]->check)
			run_one(rules[i], ct, out);
}

static void run_rule(const struct rule *rule, const struct rule_in *in,
		     struct findings *out)
{
	const struct facts *f = in->facts;
	size_t first = out->n;

	for (size_t i = 0; rule->check && i < f->n_cts; i++)
		if (f->cts[i].conf)
			run_one(rule, &f->cts[i], out);
	for (size_t i = 0; rule->check_sec && in->secs && i < f->n_cts; i++)
		if (in->secs[i])
			rule->check_sec(rule, &f->cts[i], in->secs[i], out);
	if (rule->check_all)
		rule->check_all(rule, in, out);
	if (!rule->check && out->n - first > MAX_OF_A_RULE)
		cap(rule, first, out);
}

bool rule_picked(const struct rule *rule, const struct rule_pick *p, enum severity *ret)
{
	bool named = false;

	for (size_t i = 0; i < p->n_only; i++)
		named |= p->only[i] == rule;
	if ((p->n_only && !named) || (rule->deep && !p->deep))
		return false;
	return rule_severity(rule, p->profile, ret) ||
	       (named && rule_severity(rule, PROFILE_OWN, ret));
}

void rules_run(const struct rule_in *in, const struct rule_pick *p, struct findings *out)
{
	for (size_t i = 0; i < n_rules; i++) {
		size_t first = out->n;
		enum severity s;

		if (!rule_picked(rules[i], p, &s))
			continue;
		run_rule(rules[i], in, out);
		grade(rules[i], s, first, out);
	}
	findings_sort(out);
}

/* A line of a config can be a mebibyte: what nobody reads is counted. */
#define MAX_TEXT 500

static char *shorten(char *text)
{
	_cleanup_free_ char *whole = text;
	size_t n = strlen(text), at = MAX_TEXT;

	if (n <= MAX_TEXT)
		return take_ptr(whole);
	while (at && (text[at] & 0xC0) == 0x80) /* not inside a character of UTF-8 */
		at--;
	return xasprintf("%.*s... (%zu bytes more)", (int)at, text, n - at);
}

/* Is a change of that option on its way? Raw lines never are. */
static bool is_pending(const struct ct *ct, const char *key)
{
	const struct pveconf_section *s = &ct->conf->pending;
	struct tbytes list = pveconf_bytes(s, "delete");
	struct span rest = span_of((const char *)list.p, list.n), name;

	if (!ct->conf->has_pending)
		return false;
	if (pveconf_item(s, key))
		return true;
	while (span_list(&rest, &name)) {
		span_skip(&name, "!");
		if (span_eq(name, key))
			return true;
	}
	return false;
}

/* A command that was given once needs no second time. */
static char *fix_of(const struct ct *ct, const char *key, char *fix)
{
	if (!fix || !ct || !ct->conf || !key || !is_pending(ct, key))
		return fix;
	free(fix);
	if (ct->init_pid)
		return xasprintf("a change of %s waits for a restart: pct reboot %u", key,
				 ct->vmid);
	return xasprintf("a change of %s waits for the next start", key);
}

void finding_add(struct findings *out, const struct rule *rule, const struct ct *ct,
		 const char *key, uint32_t line, char *fix, const char *fmt, ...)
{
	va_list ap;

	GROW(out->v, out->n, out->cap);
	out->v[out->n] = (struct finding){
		.rule = rule->id,
		.severity = rule->severity,
		.vmid = ct ? ct->vmid : 0,
		.key = key ? xstrdup(key) : NULL,
		.line = line,
		.why = rule->why,
		.fix = fix_of(ct, key, fix),
	};
	va_start(ap, fmt);
	out->v[out->n].seen = shorten(xvasprintf(fmt, ap));
	va_end(ap);
	out->n++;
}

void finding_amend(struct findings *out, enum severity s, const char *why)
{
	struct finding *f = &out->v[out->n - 1];

	f->severity = s;
	f->why = why ? why : f->why;
}

char *rule_fix_edit(const struct ct *ct, uint32_t line, const char *what)
{
	if (ct->here || !ct->node)
		return xasprintf("edit /etc/pve/lxc/%u.conf, line %u: %s", ct->vmid, line,
				 what);
	return xasprintf("edit /etc/pve/nodes/%s/lxc/%u.conf, line %u: %s", ct->node,
			 ct->vmid, line, what);
}

static void add_prop(struct buf *b, const char *key, const char *value)
{
	/* the volume or path goes without its key, as PVE writes it */
	bool bare = !b->n && (str_eq(key, "volume") || str_eq(key, "path"));

	buf_addf(b, "%s%s%s%s", b->n ? "," : "", bare ? "" : key, bare ? "" : "=", value);
}

char *rule_fix_prop(const struct ct *ct, const char *option, const struct pve_props *p,
		    const char *key, const char *value)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < p->n; i++)
		if (!str_eq(p->v[i].key, key))
			add_prop(&b, p->v[i].key, p->v[i].value);
	if (value)
		add_prop(&b, key, value);
	if (!b.n)
		return xasprintf("pct set %u --delete %s", ct->vmid, option);
	if (strchr(buf_str(&b), '\'') || b.n > 4 * MAX_TEXT)
		return xasprintf("pct set %u --%s, with %s=%s", ct->vmid, option, key,
				 value ? value : "...");
	return xasprintf("pct set %u --%s '%s'", ct->vmid, option, buf_str(&b));
}

char *rule_fix_bind(const struct ct *ct, const struct rule_bind *b, const char *key,
		    const char *value, const char *what)
{
	if (!b->mp)
		return rule_fix_edit(ct, b->line, what);
	if (key)
		return rule_fix_prop(ct, b->key, &b->mp->props, key, value);
	if (b->mp->rootfs)
		return NULL; /* PVE deletes none */
	return xasprintf("pct set %u --delete %s", ct->vmid, b->key);
}

bool rule_is_stub(const struct ct *ct)
{
	const char *lock = pveconf_str(&ct->conf->main, "lock");

	return str_eq(lock, "create") || str_eq(lock, "destroyed");
}

static char *lxc_line(const struct pveconf_lxc *l)
{
	uint32_t n;
	_cleanup_free_ char *text = pveconf_lxc_text(l, &n);

	return shorten(xasprintf("%s: %s", l->key, text));
}

char *rule_config_line(const struct ct *ct, uint32_t line)
{
	const struct pveconf *c = ct->conf;

	for (size_t i = 0; line && i < c->main.n_items; i++)
		if (c->main.items[i].line == line)
			return shorten(xasprintf("%s: %s", c->main.items[i].key,
						 c->main.items[i].value));
	for (size_t i = 0; line && i < c->main.n_lxc; i++)
		if (c->main.lxc[i].line == line)
			return lxc_line(&c->main.lxc[i]);
	for (size_t i = 0; line && i < c->n_snapshots; i++)
		if (c->snapshots[i].line == line)
			return xasprintf("[%s]", c->snapshots[i].name);
	return NULL;
}

uint32_t rule_line(const struct ct *ct, const char *key)
{
	const struct pveconf_item *i = pveconf_item(&ct->conf->main, key);

	return i ? i->line : 0;
}

void rule_each_lxc(const struct rule *rule, const struct ct *ct, const char *key,
		   rule_lxc_fn *fn, struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_lxc; i++)
		if (str_eq(s->lxc[i].key, key))
			fn(rule, ct, &s->lxc[i], out);
}

const struct pveconf_lxc *rule_last_lxc(const struct ct *ct, const char *key)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = s->n_lxc; i-- > 0;)
		if (str_eq(s->lxc[i].key, key))
			return &s->lxc[i];
	return NULL;
}

/* fstab's way to write a blank or a backslash: three octal digits. */
static char *decode_octal(struct span s)
{
	char *p = xmalloc(s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		const char *d = s.p + i + 1;

		if (s.p[i] == '\\' && i + 3 < s.n && d[0] >= '0' && d[0] <= '3' &&
		    d[1] >= '0' && d[1] <= '7' && d[2] >= '0' && d[2] <= '7') {
			p[n++] = (char)((d[0] - '0') << 6 | (d[1] - '0') << 3 |
					(d[2] - '0'));
			i += 3;
		} else {
			p[n++] = s.p[i];
		}
	}
	p[n] = '\0';
	return p;
}

static bool has_option(struct span options, const char *name)
{
	struct span o;

	while (span_cut(&options, ',', &o))
		if (span_eq(o, name))
			return true;
	return false;
}

static void add_bind(struct rule_binds *b, struct rule_bind bind)
{
	GROW(b->v, b->n, b->cap);
	b->v[b->n++] = bind;
}

static const char *keep(struct rule_binds *b, char *owned)
{
	strv_add(&b->texts, owned);
	return owned;
}

static void entry_bind(const struct pveconf_lxc *l, struct rule_binds *b)
{
	struct span line = span_of(l->value, l->value_n), f[4] = { 0 };

	for (size_t i = 0; i < 4; i++)
		if (!span_field(&line, &f[i]))
			break;
	if (!f[0].n || f[0].p[0] != '/' ||
	    (!has_option(f[3], "bind") && !has_option(f[3], "rbind")))
		return;
	add_bind(b, (struct rule_bind){ .key = l->key,
					.line = l->line,
					.source = keep(b, decode_octal(f[0])),
					.target = keep(b, decode_octal(f[1])),
					.ro = has_option(f[3], "ro") });
}

void rule_binds_get(const struct ct *ct, struct rule_binds *ret)
{
	const struct pveconf *c = ct->conf;
	struct rule_binds b = { 0 };

	for (size_t i = 0; i < c->typed.n_mps; i++) {
		const struct pve_mp *m = &c->typed.mps[i];

		if (m->type != PVE_MP_BIND)
			continue;
		add_bind(&b, (struct rule_bind){
				     .key = keep(&b, m->rootfs ? xstrdup("rootfs")
							       : xasprintf("mp%u", m->n)),
				     .line = m->line,
				     .source = m->volume,
				     .target = m->mp,
				     .ro = m->ro,
				     .mp = m });
	}
	for (size_t i = 0; i < c->main.n_lxc; i++)
		if (str_eq(c->main.lxc[i].key, "lxc.mount.entry"))
			entry_bind(&c->main.lxc[i], &b);
	*ret = b;
}

void rule_binds_done(struct rule_binds *b)
{
	free(b->v);
	strv_done(&b->texts);
	*b = (struct rule_binds){ 0 };
}

char *rule_tidy(const char *path)
{
	static const char var_run[] = "/var/run";
	char *p = xmalloc(strlen(path) + 1), *end;
	size_t n = 0;

	for (; *path; path++)
		if (!(*path == '/' && n && p[n - 1] == '/'))
			p[n++] = *path;
	if (n > 1 && p[n - 1] == '/')
		n--;
	p[n] = '\0';
	end = p + strlen(var_run);
	if (str_starts(p, var_run) && (!*end || *end == '/'))
		memmove(p, p + strlen("/var"), n - strlen("/var") + 1);
	return p;
}
