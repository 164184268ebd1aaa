/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pveprop.h"

#include <stdlib.h>

void pve_props_done(struct pve_props *p)
{
	free(p->text);
	*p = (struct pve_props){ 0 };
}

void pve_net_done(struct pve_net *n)
{
	pve_props_done(&n->props);
	*n = (struct pve_net){ 0 };
}

void pve_mp_done(struct pve_mp *m)
{
	pve_props_done(&m->props);
	free(m->idmap);
	*m = (struct pve_mp){ 0 };
}

void pve_dev_done(struct pve_dev *d)
{
	pve_props_done(&d->props);
	*d = (struct pve_dev){ 0 };
}

void pve_features_done(struct pve_features *f)
{
	pve_props_done(&f->props);
	*f = (struct pve_features){ 0 };
}

void pve_typed_done(struct pve_typed *t)
{
	for (size_t i = 0; i < t->n_nets; i++)
		pve_net_done(&t->nets[i]);
	for (size_t i = 0; i < t->n_mps; i++)
		pve_mp_done(&t->mps[i]);
	for (size_t i = 0; i < t->n_devs; i++)
		pve_dev_done(&t->devs[i]);
	pve_features_done(&t->features);
	free(t->nets);
	free(t->mps);
	free(t->devs);
	*t = (struct pve_typed){ 0 };
}

const char *pve_mp_type_name(enum pve_mp_type t)
{
	static const char *const names[] = {
		[PVE_MP_VOLUME] = "volume",
		[PVE_MP_DEVICE] = "device",
		[PVE_MP_BIND] = "bind",
	};

	return names[t];
}

bool pve_mp_in_backup(const struct pve_mp *m)
{
	return m->rootfs || (m->type == PVE_MP_VOLUME && m->backup);
}
