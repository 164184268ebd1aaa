/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/guard.h"
#include "cli/doctordata.h"
#include "read/jsonin.h"
#include "store/db.h"
#include "store/dbfile.h"

#define TIMEOUT_USEC ((uint64_t)2000000)
#define MAX_EVENTS   1000 /* of the collector, looked through for losses */
#define MAX_LOSSES   8
#define MAX_ASIDE    16
#define NAME_BYTES   128

/* What the process that may hang answers, twice: before it looks through all of it. */
struct answer {
	bool there, checked;
	int error; /* of opening or checking it */
	char problem[256];
	uint64_t bytes, avail_bytes, reserve_bytes, last_event_real_usec;
	char version[NAME_BYTES];
	size_t n_losses, n_aside;
	char losses[MAX_LOSSES][256], aside[MAX_ASIDE][NAME_BYTES];
};

/* ---- what the collector says of itself ---------------------------------------------- */

static const struct loss {
	const char *what, *text;
} kinds[] = {
	{ "dropped", "dropped" },
	{ "lost", "lost" },
	{ "store-error", "errors of the store" },
};

struct tally {
	uint64_t n[ARRAY_SIZE(kinds)];
	char last[ARRAY_SIZE(kinds)][160];
	char version[NAME_BYTES];
};

static void copy_text(const struct jval *v, char *ret, size_t size)
{
	struct span s;

	if (jval_span(v, &s))
		snprintf(ret, size, "%.*s", (int)MIN(s.n, size - 1), s.p);
}

/* Each start of the collector begins to count anew. */
static void count(const struct event *e, struct tally *t)
{
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	const struct jval *text;
	struct span what;
	uint64_t n = 1;

	if (!e->data || jsonin_parse(e->data, strlen(e->data), &j, NULL) < 0 ||
	    !jval_span(jval_get(j.root, "what"), &what))
		return;
	text = jval_get(j.root, "text");
	if (!text)
		text = jval_get(j.root, "reason");
	if (span_eq(what, "started")) {
		*t = (struct tally){ 0 };
		copy_text(text, t->version, sizeof(t->version));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (span_eq(what, kinds[i].what)) {
			(void)jval_u64(jval_get(j.root, "count"), &n);
			t->n[i] += n;
			copy_text(text, t->last[i], sizeof(t->last[i]));
		}
}

static int read_events(struct db *db, struct answer *a, struct err *err)
{
	static const enum event_type types[] = { EVENT_COLLECTOR };
	const struct event_query own = { .types = types,
					 .n_types = 1,
					 .limit = MAX_EVENTS };
	const struct event_query last = { .limit = 1 };
	_cleanup_(events_done) struct events v = { 0 }, one = { 0 };
	struct tally t = { 0 };
	int r = db_events(db, &own, &v, err);

	if (r == 0)
		r = db_events(db, &last, &one, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < v.n; i++)
		count(&v.v[i], &t);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (t.n[i] && a->n_losses < MAX_LOSSES)
			snprintf(a->losses[a->n_losses++], sizeof(a->losses[0]),
				 "since the collector was started: %ju %s%s%s%s",
				 (uintmax_t)t.n[i], kinds[i].text, *t.last[i] ? " (" : "",
				 t.last[i], *t.last[i] ? ")" : "");
	memcpy(a->version, t.version, sizeof(a->version));
	a->last_event_real_usec = one.n ? one.v[one.n - 1].time_real_usec : 0;
	return 0;
}

/* ---- the files ---------------------------------------------------------------------- */

static void list_aside(const struct dbfile *f, struct answer *a)
{
	_cleanup_(strv_done) struct strv names = { 0 };

	if (fs_list(f->dirfd, ".", 4096, &names, NULL) < 0)
		return;
	strv_sort(&names);
	for (size_t i = 0; i < names.n && a->n_aside < MAX_ASIDE; i++) {
		struct span rest = span_str(names.v[i]);

		if (!span_skip(&rest, f->name) || span_ends(rest, "-wal") ||
		    !(span_starts(rest, "." DBFILE_CORRUPT "-") ||
		      span_starts(rest, "." DBFILE_NEWER "-")))
			continue;
		snprintf(a->aside[a->n_aside++], NAME_BYTES, "%s", names.v[i]);
	}
}

static int look_at_files(const char *path, struct answer *a, struct err *err)
{
	static const char *const parts[] = { "", "-wal", "-shm", "-reserve" };
	_cleanup_(dbfile_done) struct dbfile f = { .dirfd = -1 };
	int r = dbfile_open(path, &f, err);

	if (r < 0)
		return r;
	a->there = dbfile_exists(&f, "");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		a->bytes += dbfile_bytes(&f, parts[i]);
	a->reserve_bytes = dbfile_bytes(&f, "-reserve");
	a->avail_bytes = dbfile_avail(&f);
	list_aside(&f, a);
	return 0;
}

struct question {
	const char *path;
	bool live;
};

static int ask(int out, void *arg)
{
	const struct question *q = arg;
	struct answer *a = xcalloc(1, sizeof(*a));
	struct db *db = NULL;
	struct err err = { 0 };

	a->error = look_at_files(q->path, a, &err);
	if (a->error == 0 && a->there) {
		a->error = db_open_readonly(q->path, q->live, &db, &err);
		if (a->error == 0)
			a->error = read_events(db, a, &err);
	}
	snprintf(a->problem, sizeof(a->problem), "%s", err.msg);
	if (fs_write_all(out, a, sizeof(*a)) < 0 || !db || a->error < 0)
		return 0;
	a->error = db_check(db, &err);
	a->checked = true;
	snprintf(a->problem, sizeof(a->problem), "%s", err.msg);
	return fs_write_all(out, a, sizeof(*a));
}

/* Paths as they are on the node, wherever a copy of it lies. */
static char *without_root(const char *text, const char *root)
{
	const char *at = root ? strstr(text, root) : NULL;

	return at ? xasprintf("%.*s%s", (int)(at - text), text, at + strlen(root))
		  : xstrdup(text);
}

static void take(const struct answer *a, const char *root, struct doctor_store *s)
{
	s->there = a->there;
	s->checked = a->checked;
	if (a->error < 0)
		s->problem = without_root(*a->problem ? a->problem : strerror(-a->error),
					  root);
	s->newer = a->error == -EPROTO;
	s->older = a->error == -ESTALE;
	s->damaged = a->error == -EUCLEAN;
	s->denied = a->error == -EACCES || a->error == -EPERM || a->error == -EBUSY;
	if (a->avail_bytes || a->there) {
		s->bytes = val_set(a->bytes);
		s->avail_bytes = val_set(a->avail_bytes);
		s->in_reserve = a->reserve_bytes < DBFILE_RESERVE_BYTES;
	}
	if (*a->version)
		s->version = xstrdup(a->version);
	s->last_event_real_usec = a->last_event_real_usec;
	for (size_t i = 0; i < a->n_losses; i++)
		strv_add(&s->losses, xstrdup(a->losses[i]));
	for (size_t i = 0; i < a->n_aside; i++)
		strv_add(&s->aside, xstrdup(a->aside[i]));
}

void doctor_gather_store(const struct app *app, struct val max_bytes,
			 struct doctor_store *ret)
{
	_cleanup_free_ char *path = xasprintf("%s/" DB_PATH, app->root ? app->root : "");
	struct question q = { path, app->live };
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_free_ struct answer *a = xcalloc(1, sizeof(*a));
	struct guard g = { 0 };
	struct err err = { 0 };
	int r = guard_start(ask, &q, TIMEOUT_USEC, &g, &err);

	ret->max_bytes = max_bytes;
	if (r == 0)
		r = guard_collect(&g, 4 * sizeof(*a), &b, &err);
	if (b.n < sizeof(*a)) {
		ret->there = ret->denied = true;
		ret->problem = xasprintf("%s: %s", path, r < 0 ? err.msg : "no answer");
		return;
	}
	memcpy(a, b.p + (b.n / sizeof(*a) - 1) * sizeof(*a), sizeof(*a));
	take(a, app->root, ret);
}
