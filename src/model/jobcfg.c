/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jobcfg.h"

#include "base/str.h"

void backup_jobs_done(struct backup_jobs *j)
{
	for (size_t i = 0; i < j->n; i++) {
		struct backup_job *b = &j->v[i];

		free(b->id);
		free(b->schedule);
		free(b->vmids);
		free(b->pool);
		free(b->node);
		free(b->storage);
		free(b->dumpdir);
		free(b->mode);
		free(b->compress);
		free(b->prune_backups);
		free(b->comment);
	}
	free(j->v);
	warns_done(&j->warns);
	*j = (struct backup_jobs){ 0 };
}

void backup_defaults_done(struct backup_defaults *d)
{
	free(d->storage);
	free(d->dumpdir);
	free(d->mode);
	*d = (struct backup_defaults){ 0 };
}

void backup_jobs_complete(struct backup_jobs *j, const struct backup_defaults *d)
{
	for (size_t i = 0; i < j->n; i++) {
		struct backup_job *b = &j->v[i];

		if (!b->storage && !b->dumpdir) {
			b->storage = xstrdup_or_null(d->storage);
			b->dumpdir = xstrdup_or_null(d->dumpdir);
		}
		if (!b->mode)
			b->mode = xstrdup_or_null(d->mode);
	}
}

static bool in_list(const struct backup_job *j, uint32_t vmid)
{
	size_t lo = 0, hi = j->n_vmids;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (j->vmids[mid] < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < j->n_vmids && j->vmids[lo] == vmid;
}

/* COVER_YES: the job selects it, wherever it runs. */
static enum backup_cover selects(const struct backup_job *j, uint32_t vmid,
				 const struct pools *pools)
{
	switch (j->select) {
	case BACKUP_SELECT_NONE:
		break;
	case BACKUP_SELECT_VMIDS:
		return in_list(j, vmid) ? COVER_YES : COVER_NOT_SELECTED;
	case BACKUP_SELECT_ALL:
		return in_list(j, vmid) ? COVER_EXCLUDED : COVER_YES;
	case BACKUP_SELECT_POOL:
		if (!pools || !pools_find(pools, j->pool))
			return COVER_NO_POOL;
		/* a pool's own guests only: those of nested pools are not its members */
		return str_eq(pools_of(pools, vmid), j->pool) ? COVER_YES
							      : COVER_NOT_SELECTED;
	}
	return COVER_EMPTY;
}

enum backup_cover backup_job_covers(const struct backup_job *j, uint32_t vmid,
				    const char *node, const struct pools *pools)
{
	enum backup_cover c = selects(j, vmid, pools);

	if (c != COVER_YES)
		return c;
	if (j->node && !str_eq(j->node, node))
		return COVER_OTHER_NODE;
	return j->enabled ? COVER_YES : COVER_DISABLED;
}

const char *backup_cover_text(enum backup_cover c)
{
	static const char *const texts[] = {
		[COVER_YES] = "covered",
		[COVER_DISABLED] = "the job is disabled",
		[COVER_NOT_SELECTED] = "not selected",
		[COVER_EXCLUDED] = "excluded",
		[COVER_OTHER_NODE] = "the job runs on another node only",
		[COVER_NO_POOL] = "the job's pool does not exist",
		[COVER_EMPTY] = "the job selects nothing",
	};

	return c < ARRAY_SIZE(texts) ? texts[c] : "";
}

void job_state_done(struct job_state *s)
{
	free(s->state);
	free(s->upid);
	free(s->msg);
	*s = (struct job_state){ 0 };
}

void replication_jobs_done(struct replication_jobs *j)
{
	for (size_t i = 0; i < j->n; i++) {
		struct replication_job *r = &j->v[i];

		free(r->id);
		free(r->type);
		free(r->target);
		free(r->source);
		free(r->schedule);
		free(r->rate);
		free(r->remove_job);
		free(r->comment);
	}
	free(j->v);
	warns_done(&j->warns);
	*j = (struct replication_jobs){ 0 };
}

void replication_states_done(struct replication_states *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct replication_state *r = &s->v[i];

		for (size_t k = 0; k < r->n_storages; k++)
			free(r->storages[k]);
		free(r->storages);
		free(r->target);
		free(r->type);
		free(r->error);
		free(r->last_node);
	}
	free(s->v);
	*s = (struct replication_states){ 0 };
}

const struct replication_state *replication_state_find(const struct replication_states *s,
						       uint32_t vmid, const char *target)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].vmid == vmid && str_eq(s->v[i].target, target))
			return &s->v[i];
	return NULL;
}
