/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "out/confjson.h"
#include "read/pveconf.h"
#include "rule/rule.h"
#include "snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_section(const struct pveconf_section *s)
{
	for (size_t i = 0; i < s->n_items; i++) {
		const struct pveconf_item *it = &s->items[i];

		if (it->value[it->value_n] || pveconf_item(s, it->key) != it)
			abort(); /* not terminated, or not found again */
	}
	for (size_t i = 0; i < s->n_lxc; i++)
		if (s->lxc[i].value[s->lxc[i].value_n])
			abort();
	if (s->description && s->description[s->description_n])
		abort();
}

static void check_tree(const struct pveconf *c)
{
	_cleanup_(snapshot_tree_done) struct snapshot_tree t = { 0 };

	snapshot_tree_build(c, &t);
	if (t.n != c->n_snapshots + 1)
		abort(); /* one is missing or there twice */
	for (size_t i = 0; i < t.n; i++)
		if (t.v[i].parent != SNAPSHOT_NONE && t.v[i].parent >= i)
			abort(); /* a parent comes first */
}

static void audit(struct pveconf *c)
{
	_cleanup_(findings_done) struct findings found = { 0 };
	struct ct ct = { .vmid = 100, .here = true, .conf = c };

	rules_run_ct(&ct, &found);
	findings_sort(&found);
	for (size_t i = 0; i < found.n; i++)
		if (!found.v[i].seen || !*found.v[i].seen)
			abort();
}

static void print(const struct pveconf *c)
{
	char *p = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&p, &n);
	struct jw *w;

	if (f && jw_new_line(f, &w, NULL) == 0) {
		confjson_config(w, "config", c);
		jw_free(w);
	}
	if (f)
		fclose(f);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct err err = { 0 };
	int r = pveconf_parse((const char *)data, size, 100, &c, &err);

	if (r < 0 && r != -EBADMSG)
		return 0;
	check_section(&c.main);
	check_section(&c.pending);
	for (size_t i = 0; i < c.n_snapshots; i++)
		check_section(&c.snapshots[i]);
	check_tree(&c);
	audit(&c);
	if (size < 4096)
		print(&c);
	return 0;
}
