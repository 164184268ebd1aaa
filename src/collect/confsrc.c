/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/confimpl.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/sha1.h"
#include "read/pmxcfs.h"
#include "read/pveconf.h"

/*
 * The configs as they were read last, here and in the store, so that this collector, or
 * the next one, tells what changed since.
 */
#define LIVE_USEC  (10 * USEC_PER_SEC) /* nothing was known for longer: a range is told */
#define MAX_STORED ((size_t)16 << 20)  /* of all configs */

static struct conf *find(const struct confsrc *s, uint32_t vmid, size_t *ret_at)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (ret_at)
		*ret_at = lo;
	return lo < s->n && s->v[lo].vmid == vmid ? &s->v[lo] : NULL;
}

static struct conf *insert(struct confsrc *s, uint32_t vmid, size_t at)
{
	GROW(s->v, s->n, s->cap);
	memmove(&s->v[at + 1], &s->v[at], (s->n - at) * sizeof(*s->v));
	s->n++;
	s->v[at] = (struct conf){ .vmid = vmid };
	return &s->v[at];
}

void conf_done(struct conf *f)
{
	free(f->text);
	free(f->name);
}

char *confsrc_name(struct collector *c, uint32_t vmid)
{
	const struct conf *f = c->conf ? find(c->conf, vmid, NULL) : NULL;

	return f && f->name ? xstrdup(f->name) : NULL;
}

/* What of a broken file can be read is kept, as PVE does. */
static bool is_usable(int parse_result)
{
	return parse_result >= 0 || parse_result == -EBADMSG;
}

static const struct pveconf *parsed(struct confsrc *s, const struct conf *f)
{
	if (f->unknown)
		return NULL;
	if (s->parsed.vmid == f->vmid && str_eq(s->parsed.digest, f->digest))
		return &s->parsed;
	pveconf_done(&s->parsed);
	if (is_usable(pveconf_parse(f->text, f->text_n, f->vmid, &s->parsed, NULL)))
		return &s->parsed;
	s->parsed = (struct pveconf){ 0 };
	return NULL;
}

const struct pveconf *confsrc_get(struct collector *c, uint32_t vmid)
{
	const struct conf *f = c->conf ? find(c->conf, vmid, NULL) : NULL;

	return f ? parsed(c->conf, f) : NULL;
}

bool confsrc_is_locked(struct collector *c, uint32_t vmid)
{
	const struct conf *f = c->conf ? find(c->conf, vmid, NULL) : NULL;

	return f && !f->unknown && f->locked;
}

bool confsrc_is_stale(const struct collector *c)
{
	return !c->conf || !c->conf->began || *c->conf->trouble;
}

const char *confsrc_trouble(const struct collector *c)
{
	return c->conf && *c->conf->trouble ? c->conf->trouble : NULL;
}

bool confsrc_quorum(struct collector *c, bool *ret_quorate)
{
	if (!c->conf || !c->conf->quorum_known || confsrc_is_stale(c))
		return false;
	*ret_quorate = c->conf->quorate;
	return true;
}

/* PVE's name: hostname without blanks, or CT<vmid>. */
static char *name_of(const struct pveconf *conf, uint32_t vmid)
{
	const char *host = pveconf_str(&conf->main, "hostname");
	_cleanup_(buf_done) struct buf b = { 0 };

	for (; host && *host && b.n < EVENT_NAME_MAX - 1; host++)
		if (*host != ' ' && *host != '\t')
			buf_addc(&b, *host);
	return b.n ? xstrdup(buf_str(&b)) : xasprintf("CT%u", vmid);
}

/* Takes over what was parsed. */
static void set_conf(struct confsrc *s, struct conf *f, struct span text,
		     struct pveconf *taken)
{
	const char *lock = pveconf_str(&taken->main, "lock");

	free(f->text);
	f->text = xcalloc(1, text.n + 1);
	if (text.n)
		memcpy(f->text, text.p, text.n);
	f->text_n = text.n;
	memcpy(f->digest, taken->digest, sizeof(f->digest));
	f->locked = str_eq(lock, "backup") || str_eq(lock, "snapshot");
	free(f->name);
	f->name = name_of(taken, f->vmid);
	f->unknown = false;
	pveconf_done(&s->parsed);
	s->parsed = *taken;
	*taken = (struct pveconf){ 0 };
	f->since_real_usec = 0;
}

/* ---- the store ----------------------------------------------------------------------
 */

static struct db_config *new_row(struct confsrc *s, uint32_t vmid)
{
	struct batch *b = &s->c->now;

	GROW(b->configs.v, b->configs.n, b->cap_configs);
	b->configs.v[b->configs.n] = (struct db_config){ .vmid = vmid };
	return &b->configs.v[b->configs.n++];
}

/* In the transaction of what is told about it. */
static void store(struct confsrc *s, struct conf *f, struct span text)
{
	struct db_config *row = new_row(s, f->vmid);

	s->stored_bytes -= f->stored_bytes;
	f->stored_bytes = 0;
	if (!text.p || text.n > MAX_STORED - MIN(s->stored_bytes, MAX_STORED))
		return;
	buf_reserve(&row->text, text.n + 1);
	row->text.p[0] = '\0';
	buf_add(&row->text, text.p, text.n);
	f->stored_bytes = text.n;
	s->stored_bytes += text.n;
}

static void unstore(struct confsrc *s, struct conf *f)
{
	s->stored_bytes -= f->stored_bytes;
	new_row(s, f->vmid)->gone = true;
}

void confsrc_mark(struct confsrc *s)
{
	s->c->now.configs.seen_real_usec = s->good_real_usec;
	s->marked_boot_usec = s->good_boot_usec;
}

void confsrc_load(struct confsrc *s, struct db *db)
{
	_cleanup_(db_configs_done) struct db_configs l = { 0 };

	if (!db || db_configs(db, &l, NULL) < 0 || !l.seen_real_usec)
		return;
	s->baseline = true;
	s->good_real_usec = s->last_known_usec = l.seen_real_usec;
	for (size_t i = 0; i < l.n; i++) {
		struct pveconf conf = { 0 };
		struct conf *f = insert(s, l.v[i].vmid, s->n);
		struct span text = span_of(l.v[i].text.p, l.v[i].text.n);

		f->unknown = !text.p || !is_usable(pveconf_parse(text.p, text.n, f->vmid,
								 &conf, NULL));
		if (!f->unknown)
			set_conf(s, f, text, &conf);
		f->backing_up = confsrc_is_locked(s->c, f->vmid);
		f->stored_bytes = l.v[i].text.n;
		f->since_real_usec = l.seen_real_usec;
		s->stored_bytes += f->stored_bytes;
	}
}

/* ---- what was read ------------------------------------------------------------------
 */

/* Since when nothing was seen of it; the file's own time is of its last change. */
static struct conf_when when_of(const struct confsrc *s, const struct conf *f,
				const struct pvefs_file *file)
{
	bool first = !s->began;
	struct conf_when w = { .since_real_usec = f ? f->since_real_usec : 0 };
	uint64_t now = clock_real_usec(), end;

	if (!w.since_real_usec &&
	    (first || clock_boot_usec() > s->good_boot_usec + LIVE_USEC))
		w.since_real_usec = s->good_real_usec;
	if (!w.since_real_usec)
		return w;
	w.reason = !first        ? "/etc/pve could not be read"
		   : *s->trouble ? "no collector ran, then /etc/pve could not be read"
				 : "no collector ran";
	w.until_real_usec = MAX(now, w.since_real_usec);
	end = file ? file->mtime_real_usec + USEC_PER_SEC : 0;
	if (file && file->mtime_real_usec && end > w.since_real_usec && end < now)
		w.until_real_usec = end;
	return w;
}

static const char *other_node(const struct confsrc *s, const struct vmlist *l,
			      uint32_t vmid)
{
	const struct vmlist_entry *e = vmlist_find(l, vmid);

	return e && s->c->node && !str_eq(e->node, s->c->node) ? e->node : NULL;
}

static void tell_new(struct confsrc *s, struct conf *f, const struct pvefs_file *file)
{
	const struct pveconf *conf = parsed(s, f);
	const char *lock = conf ? pveconf_str(&conf->main, "lock") : NULL;
	struct conf_when w = when_of(s, NULL, file);

	f->creating = str_eq(lock, "create");
	f->backing_up = str_eq(lock, "backup");
	if (s->began || s->baseline)
		conftell_file(s->c, f, &w, true, other_node(s, &s->guests, f->vmid));
}

/* It is there and cannot be read: what is known of it grows old. */
static void take_unread(struct confsrc *s, struct conf *f, uint32_t vmid, size_t at)
{
	if (f) {
		f->seen = true;
		s->partial |= !f->unknown;
		if (!f->since_real_usec)
			f->since_real_usec = s->good_real_usec;
		return;
	}
	f = insert(s, vmid, at);
	f->seen = f->unknown = true;
	store(s, f, (struct span){ 0 });
	tell_new(s, f, NULL);
}

static void take_file(struct confsrc *s, const struct pvefs_file *file)
{
	const struct pveconf *old;
	struct pveconf new = { 0 };
	bool is_new = false;
	struct conf_when w;
	char digest[41];
	struct span node;
	struct conf *f;
	uint64_t id;
	size_t at;

	if (!pvefs_conf_path(file->path, &id, &node) || id > UINT32_MAX)
		return;
	f = find(s, (uint32_t)id, &at);
	if (file->error == -ENOENT) /* it went while the directory was read */
		return;
	if (file->error) {
		take_unread(s, f, (uint32_t)id, at);
		return;
	}
	w = when_of(s, f, file);
	if (f) {
		f->seen = true;
		sha1_hex(file->data.p, file->data.n, digest);
		if (!f->unknown && str_eq(f->digest, digest)) {
			f->since_real_usec = 0;
			if (w.since_real_usec)
				conftell_same(s->c, f, &w, parsed(s, f));
			return;
		}
	}
	if (!is_usable(
		    pveconf_parse(file->data.p, file->data.n, (uint32_t)id, &new, NULL)))
		return;
	if (!f) {
		f = insert(s, (uint32_t)id, at);
		f->seen = is_new = true;
	} else if ((old = parsed(s, f))) {
		conftell_changes(s->c, f, &w, old, &new);
	}
	set_conf(s, f, file->data, &new);
	if (is_new)
		tell_new(s, f, file);
	store(s, f, file->data);
}

static void drop_unseen(struct confsrc *s, const struct vmlist *now)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct conf *f = &s->v[i];
		struct conf_when w;

		if (f->seen) {
			s->v[n++] = *f;
			continue;
		}
		w = when_of(s, f, NULL);
		conftell_file(s->c, f, &w, false, other_node(s, now, f->vmid));
		unstore(s, f);
		conf_done(f);
	}
	s->n = n;
}

void confsrc_take_local(struct confsrc *s)
{
	const struct pvefs_file *local = pvefs_get(&s->answer, "etc/pve/local");
	_cleanup_free_ char *target = NULL;

	s->quorum_known = local && !local->error && local->mode;
	if (!local || local->error)
		return;
	if (s->quorum_known)
		s->quorate = pmxcfs_is_quorate(local->mode);
	if (s->c->node)
		return;
	target = xstrndup(local->data.p, local->data.n);
	(void)pmxcfs_node_name(target, &s->c->node, NULL);
}

void confsrc_take(struct confsrc *s, bool whole)
{
	struct span text = pvefs_data(&s->answer, "etc/pve/.vmlist");
	struct vmlist guests = { 0 };

	if (!text.n || pmxcfs_parse_vmlist(text.p, text.n, &guests, NULL) < 0)
		guests = (struct vmlist){ 0 };
	s->partial = !whole;
	for (size_t i = 0; i < s->n; i++)
		s->v[i].seen = false;
	/* the old list: of where it was before it came here */
	for (size_t i = 0; i < s->answer.n; i++)
		take_file(s, &s->answer.v[i]);
	if (!whole) {
		vmlist_done(&guests);
		return;
	}
	drop_unseen(s, &guests);
	vmlist_done(&s->guests);
	s->guests = guests;
	s->c->now.configs.all = !s->baseline;
	s->baseline = s->began = true;
	s->full_boot_usec = clock_boot_usec();
}

uint64_t confsrc_last_known(const struct collector *c)
{
	return c->conf ? c->conf->last_known_usec : 0;
}

/* ---- backups and rollbacks ------------------------------------------------------------
 */

void confsrc_settle(struct confsrc *s)
{
	uint64_t now = clock_boot_usec();

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].backup_end_boot_usec)
			conftell_backup_end(s->c, &s->v[i],
					    now >= s->v[i].backup_end_boot_usec);
}

/* Its lock may have come and gone between two readings. */
void confsrc_rolled_back(struct collector *c, uint32_t vmid, const struct ended_task *t)
{
	struct conf *f = c->conf ? find(c->conf, vmid, NULL) : NULL;

	if (f)
		conftell_rolled_back(c, f, parsed(c->conf, f), t);
}

void confsrc_backed_up(struct collector *c, uint32_t vmid, const struct ended_task *t)
{
	struct conf *f = c->conf ? find(c->conf, vmid, NULL) : NULL;

	if (f)
		conftell_backed_up(c, f, t);
}
