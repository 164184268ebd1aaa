/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/idranges.h"
#include "rule/mountentry.h"
#include "rule/rule.h"

/*
 * Directories of the node that an overlay of a lxc.mount.entry is made of: those below it,
 * one or many, are read, the one on top and the one it works in are written
 * (Documentation/filesystems/overlayfs.rst).
 */
static const struct {
	const char *option;
	bool written;
} parts[] = {
	{ "lowerdir", false }, { "lowerdir+", false }, { "datadir+", false },
	{ "upperdir", true },  { "workdir", true },
};

/* Cut at a separator with no backslash before it. */
static bool cut(struct span *s, char sep, struct span *ret)
{
	size_t n = 0;

	if (!s->p)
		return false;
	while (n < s->n && s->p[n] != sep)
		n += s->p[n] == '\\' && n + 1 < s->n ? 2 : 1;
	*ret = span_of(s->p, n);
	*s = n < s->n ? span_of(s->p + n + 1, s->n - n - 1) : (struct span){ 0 };
	return true;
}

/* The path as the kernel takes it. */
static char *plain(struct span s)
{
	char *p = xmalloc(s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		i += s.p[i] == '\\' && i + 1 < s.n;
		p[n++] = s.p[i];
	}
	p[n] = '\0';
	return p;
}

struct overlay {
	const struct rule *rule;
	const struct ct *ct;
	const struct pveconf_lxc *line;
	const char *where;
};

static const char lower[] =
	"what is below an overlay is read through it: of the node's keys and settings what "
	"their file modes allow, and by root inside a privileged one everything";

static void look_at(const struct overlay *o, size_t part, struct span dir,
		    struct findings *out)
{
	_cleanup_free_ char *path = plain(dir), *tidy = rule_tidy(path);
	bool written = parts[part].written;
	const char *what = tidy[0] == '/' ? rule_sensitive(tidy, !written) : NULL;

	if (!what)
		return;
	finding_add(out, o->rule, o->ct, o->line->key, o->line->line,
		    rule_fix_edit(o->ct, o->line->line,
				  "take that directory out of the overlay"),
		    "%s of the node is %s by the overlay at %s (%s): %s", path,
		    written ? "written" : "read", o->where, parts[part].option, what);
	if (!written)
		finding_amend(out, SEV_WARN, lower);
	else if (!idranges_has_root(o->ct))
		finding_amend(out, SEV_WARN, rule_only_modes);
}

static void look_at_option(const struct overlay *o, struct span option,
			   struct findings *out)
{
	struct span name, dir;

	if (!cut(&option, '=', &name) || !option.p)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct span dirs = option;

		if (!span_eq(name, parts[i].option))
			continue;
		while (cut(&dirs, parts[i].written ? '\0' : ':', &dir))
			look_at(o, i, dir, out);
	}
}

static void entry(const struct rule *rule, const struct ct *ct,
		  const struct pveconf_lxc *l, struct findings *out)
{
	struct mountentry e;

	if (!mountentry_parse(ct->vmid, span_of(l->value, l->value_n), &e))
		return;
	if (str_eq(e.type, "overlay") || str_eq(e.type, "overlayfs")) {
		struct overlay o = { rule, ct, l, e.where };
		struct span options = span_str(e.options), option;

		while (cut(&options, ',', &option))
			look_at_option(&o, option, out);
	}
	mountentry_done(&e);
}

static void overlay_sensitive(const struct rule *rule, const struct ct *ct,
			      struct findings *out)
{
	rule_each_lxc(rule, ct, "lxc.mount.entry", entry, out);
}

const struct rule rule_overlay_sensitive = {
	.id = "overlay-sensitive",
	.severity = SEV_ERROR,
	.title = "an overlay of a delicate path of the node",
	.why = "what the guest writes there is written to the node's own directory: who can "
	       "do that is root of the node soon",
	.check = overlay_sensitive,
};
