/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/rule.h"
#include "snapshot.h"

typedef void each_fn(const struct rule *rule, const struct ct *ct,
		     const struct snapshot *s, struct findings *out);

static void each(const struct rule *rule, const struct ct *ct, each_fn *fn,
		 struct findings *out)
{
	_cleanup_(snapshot_tree_done) struct snapshot_tree t = { 0 };

	if (!ct->conf->n_snapshots)
		return;
	snapshot_tree_build(ct->conf, &t);
	for (size_t i = 0; i < t.n; i++)
		fn(rule, ct, &t.v[i], out);
}

/*
 * --force would take the section out of the config though the volumes' snapshots stay: they
 * go on growing, and nothing shows them any more.
 */
static char *fix(const struct ct *ct, const char *what, const char *name)
{
	_cleanup_free_ char *unlock =
		pveconf_item(&ct->conf->main, "lock")
			? xasprintf("pct unlock %u, then ", ct->vmid)
			: NULL;

	return xasprintf("when %s runs any more: %spct delsnapshot %u %s", what,
			 unlock ? unlock : "", ct->vmid, name);
}

static void unfinished_one(const struct rule *rule, const struct ct *ct,
			   const struct snapshot *s, struct findings *out)
{
	if (!s->state || s->vzdump)
		return;
	finding_add(out, rule, ct, NULL, s->section->line,
		    ct->task ? NULL : fix(ct, "no task of it", s->name),
		    "snapshot %s is not finished: snapstate %s", s->name, s->state);
	if (ct->task)
		finding_amend(out, SEV_INFO, "as it should be while the task runs");
}

static void unfinished(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	each(rule, ct, unfinished_one, out);
}

const struct rule rule_snapshot_unfinished = {
	.id = "snapshot-unfinished",
	.severity = SEV_WARN,
	.title = "a snapshot broken off",
	.why = "making or deleting it is under way, or was interrupted: it cannot be rolled "
	       "back to, and its volumes' snapshots may be there in part",
	.check = unfinished,
};

static void orphan_one(const struct rule *rule, const struct ct *ct,
		       const struct snapshot *s, struct findings *out)
{
	if (s->orphan)
		finding_add(out, rule, ct, NULL, s->section->line, NULL,
			    "%s %s has the parent %s, which is not there",
			    s->is_current ? "the state" : "snapshot", s->name,
			    s->parent_name);
}

static void orphan(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	each(rule, ct, orphan_one, out);
}

const struct rule rule_snapshot_orphan = {
	.id = "snapshot-orphan",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "a snapshot without its parent",
	.why = "a section was removed by hand, or a deletion broke off; the data is not "
	       "affected",
	.check = orphan,
};

static void cycle_one(const struct rule *rule, const struct ct *ct,
		      const struct snapshot *s, struct findings *out)
{
	if (s->cycle)
		finding_add(out, rule, ct, NULL, s->section->line,
			    rule_fix_edit(ct, s->section->line,
					  "remove one `parent:` of the circle"),
			    "snapshot %s is its own ancestor, by parent: %s", s->name,
			    s->parent_name);
}

static void cycle(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	each(rule, ct, cycle_one, out);
}

const struct rule rule_snapshot_cycle = {
	.id = "snapshot-cycle",
	.severity = SEV_WARN,
	.title = "snapshots in a circle",
	.why = "`pct listsnapshot` and the GUI show none of them",
	.check = cycle,
};

static void vzdump_left(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	const struct pveconf_section *s = pveconf_snapshot(ct->conf, "vzdump");
	const char *lock = pveconf_str(&ct->conf->main, "lock");

	if (!s)
		return;
	if (ct->task) {
		finding_add(out, rule, ct, NULL, s->line, NULL,
			    "the snapshot of a backup, and a %s task is running",
			    ct->task);
		finding_amend(out, SEV_INFO, "as it should be while the task runs");
		return;
	}
	finding_add(out, rule, ct, NULL, s->line, fix(ct, "no backup of it", "vzdump"),
		    lock ? "the snapshot of a backup is there, and lock: %s"
			 : "the snapshot of a backup is there, and no lock%s",
		    lock ? lock : "");
}

const struct rule rule_vzdump_left = {
	.id = "vzdump-left",
	.severity = SEV_WARN,
	.title = "a backup's snapshot",
	.why = "a backup makes it and removes it at its end; one that was killed leaves it, "
	       "it grows, and the next backup in snapshot mode fails",
	.check = vzdump_left,
};
