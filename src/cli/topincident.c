/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/topincident.h"

#include "base/clock.h"
#include "base/num.h"
#include "out/text.h"
#include "read/jsonin.h"
#include "store/db.h"

#define NEAR_USEC (10 * 60 * USEC_PER_SEC)
#define MAX_UNITS 256

struct topincident {
	struct topunit *v;
	char **names;
	size_t n;
	char *note;
};

static void clear(struct topincident *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->names[i]);
	free(t->names);
	free(t->v);
	free(t->note);
	*t = (struct topincident){ 0 };
}

void topincident_free(struct topincident *t)
{
	if (t)
		clear(t);
	free(t);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static const struct incident *nearest(const struct incidents *l, uint64_t at)
{
	const struct incident *best = NULL;

	for (size_t i = 0; i < l->n; i++)
		if (!best || distance(l->v[i].opened_real_usec, at) <
				     distance(best->opened_real_usec, at))
			best = &l->v[i];
	return best;
}

/* The container itself is the first row, as it is when they are read live. */
static void take_units(struct topincident *t, const struct jval *units)
{
	size_t n = MIN(jval_count(units), (size_t)MAX_UNITS);

	if (!n)
		return;
	t->v = xcalloc(n, sizeof(*t->v));
	t->names = xcalloc(n, sizeof(*t->names));
	for (size_t i = 0; i < n; i++) {
		const struct jval *u = jval_at(units, i);

		t->names[i] = jval_dup(jval_get(u, "name"));
		t->v[i] = (struct topunit){
			.depth = 0,
			.name = t->names[i] ? t->names[i] : "",
			.mem_bytes = jval_val(jval_get(u, "memory_bytes")),
			.pids = jval_val(jval_get(u, "pids")),
		};
	}
	t->n = n;
}

static void take(struct topincident *t, const struct incident *i, uint64_t at)
{
	const char *data = i->data ? i->data : "";
	struct jsonin j = { 0 };
	uint64_t apart = distance(i->opened_real_usec, at) / USEC_PER_SEC;

	if (jsonin_parse(data, strlen(data), &j, NULL) == 0)
		take_units(t, jval_get(j.root, "units"));
	jsonin_done(&j);
	t->note =
		xasprintf("%s incident %ju (%s), %ju s %s",
			  t->n ? "the largest units of" : "no units are kept with",
			  (uintmax_t)i->n, incident_kind_name(i->kind), (uintmax_t)apart,
			  i->opened_real_usec > at ? "later" : "before");
}

static int read_incidents(const struct app *app, uint32_t vmid, uint64_t at,
			  struct incidents *ret, struct err *err)
{
	_cleanup_free_ char *path =
		xasprintf("%s/%s", app->root ? app->root : "", DB_PATH);
	const struct incident_query q = { .vmid = vmid,
					  .since_real_usec = num_sub(at, NEAR_USEC),
					  .until_real_usec = at + NEAR_USEC };
	struct db *db = NULL;
	int r = db_open_readonly(path, app->live, &db, err);

	if (r == 0)
		r = db_incidents(db, &q, ret, err);
	db_close(db);
	return r;
}

void topincident_units(const struct app *app, uint32_t vmid, uint64_t at,
		       struct topincident **io, const struct topunit **ret, size_t *ret_n,
		       const char **ret_note)
{
	struct incidents l = { 0 };
	struct topincident *t = *io ? *io : xcalloc(1, sizeof(*t));
	const struct incident *i;
	struct err err = { 0 };

	*io = t;
	clear(t);
	if (read_incidents(app, vmid, at, &l, &err) < 0)
		t->note = xasprintf("what is inside is kept with an incident only: %s",
				    err.msg);
	else if ((i = nearest(&l, at)))
		take(t, i, at);
	else
		t->note =
			xstrdup("what is inside is kept with an incident only, and none "
				"is near: l shows it now");
	incidents_done(&l);
	*ret = t->v;
	*ret_n = t->n;
	*ret_note = t->note;
}
