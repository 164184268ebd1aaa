/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backup.h"

#include "base/clock.h"
#include "base/str.h"

#define SAME_BACKUP_USEC (5 * USEC_PER_SEC)

void backup_archive_done(struct backup_archive *a)
{
	if (!a)
		return;
	free(a->storage);
	free(a->file);
	free(a->format);
	free(a->notes);
	*a = (struct backup_archive){ 0 };
}

static void storage_done(struct backup_storage *s)
{
	free(s->id);
	free(s->type);
	free(s->dir);
	free(s->error);
}

void backup_archives_done(struct backup_archives *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		backup_archive_done(&a->v[i]);
	free(a->v);
	for (size_t i = 0; i < a->n_storages; i++)
		storage_done(&a->storages[i]);
	free(a->storages);
	*a = (struct backup_archives){ 0 };
}

void backup_result_done(struct backup_result *r)
{
	if (!r)
		return;
	free(r->upid);
	free(r->storage);
	free(r->target);
	free(r->mode);
	free(r->error);
	*r = (struct backup_result){ 0 };
}

void backup_results_done(struct backup_results *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		backup_result_done(&r->v[i]);
	free(r->v);
	*r = (struct backup_results){ 0 };
}

const char *backup_outcome_name(enum backup_outcome o)
{
	static const char *const names[] = {
		[BACKUP_ENDED_OK] = "ok",
		[BACKUP_FAILED] = "failed",
		[BACKUP_RUNNING] = "running",
		[BACKUP_BROKEN_OFF] = "broken-off",
	};

	return (size_t)o < ARRAY_SIZE(names) ? names[o] : NULL;
}

static void take_archives(const struct backup_archives *archives,
			  struct backup_summary *s)
{
	for (size_t i = 0; i < archives->n; i++) {
		const struct backup_archive *a = &archives->v[i];

		if (a->vmid != s->vmid || a->writing || a->kind == BACKUP_QEMU)
			continue;
		s->n_archives++;
		s->n_protected += a->is_protected;
		s->archives_bytes += val_or(a->size_bytes, 0);
		if (!s->archive || a->ctime_real_usec > s->archive->ctime_real_usec)
			s->archive = a;
	}
}

static bool newer(const struct backup_result *r, const struct backup_result *than)
{
	return !than || r->start_real_usec > than->start_real_usec;
}

static void take_results(const struct backup_results *results, struct backup_summary *s)
{
	for (size_t i = 0; i < results->n; i++) {
		const struct backup_result *r = &results->v[i];
		const struct backup_result **dst =
			r->outcome == BACKUP_ENDED_OK  ? &s->success
			: r->outcome == BACKUP_RUNNING ? &s->running
						       : &s->failure;

		if (r->vmid == s->vmid && newer(r, *dst))
			*dst = r;
	}
}

static uint64_t apart(const struct backup_archive *a, const struct backup_result *r)
{
	return a->ctime_real_usec > r->start_real_usec
		       ? a->ctime_real_usec - r->start_real_usec
		       : r->start_real_usec - a->ctime_real_usec;
}

/* Is it the archive that this result tells of? */
static bool is_of(const struct backup_archive *a, const struct backup_result *r)
{
	const char *slash = r->target ? strrchr(r->target, '/') : NULL;

	if (a->vmid != r->vmid || a->writing || a->kind == BACKUP_QEMU)
		return false;
	if (r->storage && !str_eq(a->storage, r->storage))
		return false;
	if (r->target)
		return str_eq(a->file, slash ? slash + 1 : r->target);
	return apart(a, r) <= SAME_BACKUP_USEC;
}

static const struct backup_archive *archive_of(const struct backup_archives *archives,
					       const struct backup_result *r)
{
	const struct backup_archive *best = NULL;

	for (size_t i = 0; r && i < archives->n; i++) {
		const struct backup_archive *a = &archives->v[i];

		if (is_of(a, r) && (!best || apart(a, r) < apart(best, r)))
			best = a;
	}
	return best;
}

void backup_summarize(uint32_t vmid, const struct backup_archives *archives,
		      const struct backup_results *results, struct backup_summary *ret)
{
	struct backup_summary s = { .vmid = vmid };

	take_archives(archives, &s);
	take_results(results, &s);
	s.last = s.archive;
	if (s.archive)
		s.last_real_usec = val_set(s.archive->ctime_real_usec);
	/* a success whose archive is there is that archive, whichever time is later */
	if (s.success && !archive_of(archives, s.success) &&
	    s.success->start_real_usec > val_or(s.last_real_usec, 0)) {
		s.last = NULL;
		s.last_real_usec = val_set(s.success->start_real_usec);
	}
	/* a failure that a later success made good is history */
	if (s.failure && s.failure->start_real_usec <= val_or(s.last_real_usec, 0))
		s.failure = NULL;
	*ret = s;
}
