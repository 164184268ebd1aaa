/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/pvetyped.h"

#include "read/pveprop.h"

static struct span value_of(const struct pveconf_item *i)
{
	return span_of(i->value, i->value_n);
}

static void typed_nets(const struct pveconf_section *s, struct pve_typed *t)
{
	const struct pveconf_item *i;
	uint32_t at = 0, n;
	size_t cap = 0;

	while ((i = pveconf_next(s, "net", &at, &n))) {
		struct pve_net net;

		if (!i->valid || pve_net_parse(value_of(i), &net, NULL) < 0)
			continue;
		net.n = n;
		net.line = i->line;
		GROW(t->nets, t->n_nets, cap);
		t->nets[t->n_nets++] = net;
	}
}

static void typed_mps(const struct pveconf_section *s, struct pve_typed *t)
{
	const struct pveconf_item *i = pveconf_item(s, "rootfs");
	uint32_t at = 0, n;
	size_t cap = 0;
	struct pve_mp mp;

	if (i && i->valid && pve_rootfs_parse(value_of(i), &mp, NULL) == 0) {
		mp.line = i->line;
		GROW(t->mps, t->n_mps, cap);
		t->mps[t->n_mps++] = mp;
	}
	while ((i = pveconf_next(s, "mp", &at, &n))) {
		if (!i->valid || pve_mp_parse(value_of(i), &mp, NULL) < 0)
			continue;
		mp.n = n;
		mp.line = i->line;
		GROW(t->mps, t->n_mps, cap);
		t->mps[t->n_mps++] = mp;
	}
}

static void typed_devs(const struct pveconf_section *s, struct pve_typed *t)
{
	const struct pveconf_item *i;
	uint32_t at = 0, n;
	size_t cap = 0;

	while ((i = pveconf_next(s, "dev", &at, &n))) {
		struct pve_dev dev;

		if (!i->valid || pve_dev_parse(value_of(i), &dev, NULL) < 0)
			continue;
		dev.n = n;
		dev.line = i->line;
		GROW(t->devs, t->n_devs, cap);
		t->devs[t->n_devs++] = dev;
	}
}

void pvetyped_take(const struct pveconf_section *s, struct pve_typed *t)
{
	const struct pveconf_item *i = pveconf_item(s, "features");

	typed_nets(s, t);
	typed_mps(s, t);
	typed_devs(s, t);
	if (i && i->valid && pve_features_parse(value_of(i), &t->features, NULL) == 0)
		t->features.line = i->line;
	/* a thousand containers are held at a time, mostly with one of each */
	SHRINK(t->nets, t->n_nets);
	SHRINK(t->mps, t->n_mps);
	SHRINK(t->devs, t->n_devs);
}
