/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/rule.h"

#include <stdarg.h>
#include <stdio.h>

/* A config of ten thousand wrong keys is one finding told often enough. */
#define MAX_OF_A_RULE 100

static void cap(const struct rule *rule, const struct ct *ct, size_t first,
		struct findings *out)
{
	size_t more = out->n - first - MAX_OF_A_RULE;

	for (size_t i = first + MAX_OF_A_RULE; i < out->n; i++)
		finding_clear(&out->v[i]);
	out->n = first + MAX_OF_A_RULE;
	finding_add(out, rule, ct, NULL, 0, NULL, "and %zu more", more);
}

void rules_run_ct(const struct ct *ct, struct findings *out)
{
	if (!ct->conf)
		return;
	for (size_t i = 0; i < n_rules; i++) {
		size_t first = out->n;

		rules[i]->check(rules[i], ct, out);
		if (out->n - first > MAX_OF_A_RULE)
			cap(rules[i], ct, first, out);
	}
}

void rules_run(const struct facts *facts, struct findings *out)
{
	for (size_t i = 0; i < facts->n_cts; i++)
		rules_run_ct(&facts->cts[i], out);
	findings_sort(out);
}

void finding_add(struct findings *out, const struct rule *rule, const struct ct *ct,
		 const char *key, uint32_t line, char *fix, const char *fmt, ...)
{
	va_list ap;

	GROW(out->v, out->n, out->cap);
	out->v[out->n] = (struct finding){
		.rule = rule->id,
		.severity = rule->severity,
		.vmid = ct->vmid,
		.key = key ? xstrdup(key) : NULL,
		.line = line,
		.why = rule->why,
		.fix = fix,
	};
	va_start(ap, fmt);
	out->v[out->n].seen = xvasprintf(fmt, ap);
	va_end(ap);
	out->n++;
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
	if (strchr(buf_str(&b), '\''))
		return xasprintf("pct set %u --%s, with %s=%s", ct->vmid, option, key,
				 value ? value : "...");
	return xasprintf("pct set %u --%s '%s'", ct->vmid, option, buf_str(&b));
}

bool rule_is_stub(const struct ct *ct)
{
	const char *lock = pveconf_str(&ct->conf->main, "lock");

	return str_eq(lock, "create") || str_eq(lock, "destroyed");
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
				     .ro = m->ro });
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
