/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/waive.h"

bool waiver_holds(const struct waiver *w, uint32_t today)
{
	return w->until >= today;
}

static bool covers(const struct waiver *w, const struct finding *f)
{
	return str_eq(w->rule, f->rule) && (!w->vmid || w->vmid == f->vmid) &&
	       (!w->key || str_eq(w->key, f->key)) &&
	       !str_eq(f->rule, rule_waiver_expired.id);
}

/* The first that holds; every one that would cover it is hit. */
static const struct waiver *find(const struct waivers *w, uint32_t today,
				 const struct finding *f, size_t *hits)
{
	const struct waiver *by = NULL;

	for (size_t i = 0; i < w->n; i++) {
		if (!covers(&w->v[i], f))
			continue;
		hits[i]++;
		if (!by && waiver_holds(&w->v[i], today))
			by = &w->v[i];
	}
	return by;
}

void waive(const struct waivers *w, uint32_t today, struct findings *f,
	   struct waived *ret)
{
	struct waived done = { .hits = xcalloc(w->n + 1, sizeof(*done.hits)) };
	size_t to = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct waiver *by = find(w, today, &f->v[i], done.hits);

		if (!by) {
			f->v[to++] = f->v[i];
			continue;
		}
		GROW(done.by, done.found.n, done.cap_by);
		GROW(done.found.v, done.found.n, done.found.cap);
		done.by[done.found.n] = by;
		done.found.v[done.found.n++] = f->v[i];
	}
	f->n = to;
	*ret = done;
}

void waived_done(struct waived *w)
{
	findings_done(&w->found);
	free(w->by);
	free(w->hits);
	*w = (struct waived){ 0 };
}

static bool is_unused(const struct waiver *w, const struct rule *rule,
		      const struct rule_pick *p, uint32_t vmid)
{
	enum severity s;

	return rule_picked(rule, p, &s) && (!vmid || vmid == w->vmid);
}

void waive_tell(const struct waivers *w, const struct waived *done,
		const struct rule_pick *p, uint32_t vmid, struct strv *ret)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct waiver *x = &w->v[i];
		const struct rule *rule = rule_find(span_str(x->rule));
		char *of = x->vmid ? xasprintf(" of container %u", x->vmid) : NULL;

		if (!rule)
			strv_add(ret, xasprintf("%s:%u: there is no rule \"%s\": see "
						"ctscope audit --list-rules",
						w->name, x->line, x->rule));
		else if (!done->hits[i] && is_unused(x, rule, p, vmid))
			strv_add(ret,
				 xasprintf("%s:%u: the waiver matches nothing: no "
					   "%s%s%s is found%s",
					   w->name, x->line, x->rule, x->key ? "/" : "",
					   x->key ? x->key : "", of ? of : ""));
		free(of);
	}
}

/* ---- expired ones are findings ---- */

static char *day(uint32_t d)
{
	return xasprintf("%04u-%02u-%02u", d / 10000, d / 100 % 100, d % 100);
}

static void expired(const struct rule *rule, const struct rule_in *in,
		    struct findings *out)
{
	const struct waivers *w = in->waivers;

	for (size_t i = 0; w && i < w->n; i++) {
		const struct waiver *x = &w->v[i];
		_cleanup_free_ char *until = day(x->until);

		if (waiver_holds(x, in->today))
			continue;
		finding_add(out, rule, x->vmid ? facts_find(in->facts, x->vmid) : NULL,
			    NULL, 0,
			    xasprintf("decide again: give line %u of %s another day, or "
				      "remove it",
				      x->line, w->name),
			    "%s:%u: %s was waived until %s: %s", w->name, x->line,
			    x->rule, until, x->reason);
	}
}

const struct rule rule_waiver_expired = {
	.id = "waiver-expired",
	.severity = SEV_WARN,
	.title = "a waiver that has expired",
	.why = "it was meant for a while, which is over: what it covered is told again",
	.check_all = expired,
};
