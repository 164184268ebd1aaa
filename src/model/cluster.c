/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cluster.h"

#include "base/str.h"

void vmlist_done(struct vmlist *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].node);
		free(l->v[i].type_name);
	}
	free(l->v);
	warns_done(&l->warns);
	*l = (struct vmlist){ 0 };
}

const struct vmlist_entry *vmlist_find(const struct vmlist *l, uint32_t vmid)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->v[mid].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n && l->v[lo].vmid == vmid ? &l->v[lo] : NULL;
}

void members_done(struct members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].ip);
	}
	free(m->v);
	free(m->nodename);
	free(m->cluster_name);
	*m = (struct members){ 0 };
}

void cfs_version_done(struct cfs_version *v)
{
	for (size_t i = 0; i < v->n_files; i++)
		free(v->files[i].name);
	free(v->files);
	*v = (struct cfs_version){ 0 };
}

uint64_t cfs_version_of(const struct cfs_version *v, const char *name)
{
	for (size_t i = 0; i < v->n_files; i++)
		if (str_eq(v->files[i].name, name))
			return v->files[i].version;
	return 0;
}

void rrd_guest_done(struct rrd_guest *g)
{
	free(g->name);
	free(g->status);
	*g = (struct rrd_guest){ 0 };
}

void clusterlog_done(struct clusterlog *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].tag);
		free(l->v[i].node);
		free(l->v[i].user);
		free(l->v[i].msg);
	}
	free(l->v);
	warns_done(&l->warns);
	*l = (struct clusterlog){ 0 };
}

static void pool_done(struct pool *p)
{
	for (size_t i = 0; i < p->n_storages; i++)
		free(p->storages[i]);
	free(p->storages);
	free(p->vmids);
	free(p->name);
	free(p->comment);
}

void pools_done(struct pools *p)
{
	for (size_t i = 0; i < p->n; i++)
		pool_done(&p->v[i]);
	free(p->v);
	free(p->members);
	warns_done(&p->warns);
	*p = (struct pools){ 0 };
}

const char *pools_of(const struct pools *p, uint32_t vmid)
{
	size_t lo = 0, hi = p->n_members;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->members[mid].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == p->n_members || p->members[lo].vmid != vmid)
		return NULL;
	return p->v[p->members[lo].pool].name;
}

const struct pool *pools_find(const struct pools *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->v[i].name, name))
			return &p->v[i];
	return NULL;
}

void ha_resources_done(struct ha_resources *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].sid);
		free(r->v[i].state);
		free(r->v[i].group);
		free(r->v[i].comment);
	}
	free(r->v);
	warns_done(&r->warns);
	*r = (struct ha_resources){ 0 };
}

void ha_status_done(struct ha_status *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].sid);
		free(s->v[i].state);
		free(s->v[i].node);
		free(s->v[i].target);
	}
	for (size_t i = 0; i < s->n_nodes; i++) {
		free(s->nodes[i].name);
		free(s->nodes[i].state);
	}
	free(s->v);
	free(s->nodes);
	free(s->master_node);
	*s = (struct ha_status){ 0 };
}

void ha_rules_done(struct ha_rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->v[i].n_props; k++) {
			free(r->v[i].props[k].key);
			free(r->v[i].props[k].value);
		}
		free(r->v[i].props);
		free(r->v[i].type);
		free(r->v[i].id);
	}
	free(r->v);
	warns_done(&r->warns);
	*r = (struct ha_rules){ 0 };
}

void ha_done(struct ha *h)
{
	ha_resources_done(&h->resources);
	ha_status_done(&h->status);
	ha_rules_done(&h->rules);
}

/* Few services are under HA: no index. */
const struct ha_resource *ha_resource_of(const struct ha *h, uint32_t vmid)
{
	for (size_t i = 0; i < h->resources.n; i++)
		if (h->resources.v[i].is_ct && h->resources.v[i].vmid == vmid)
			return &h->resources.v[i];
	return NULL;
}

const struct ha_service *ha_service_of(const struct ha *h, uint32_t vmid)
{
	for (size_t i = 0; i < h->status.n; i++)
		if (h->status.v[i].is_ct && h->status.v[i].vmid == vmid)
			return &h->status.v[i];
	return NULL;
}

const char *ha_state_of(const struct ha *h, uint32_t vmid)
{
	const struct ha_service *s = ha_service_of(h, vmid);
	const struct ha_resource *r;

	if (s && s->state)
		return s->state;
	r = ha_resource_of(h, vmid);
	if (!r)
		return NULL;
	return str_eq(r->state, "ignored") ? "ignored" : "queued";
}
