/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/replication.h"

#include "base/fs.h"
#include "base/num.h"
#include "base/str.h"
#include "read/jsonin.h"
#include "read/sectionconf.h"

#define STATE_FILE      "var/lib/pve-manager/pve-replication-state.json"
#define STATE_MAX_BYTES ((size_t)4 << 20)

/* "<vmid>-<number>" */
static bool parse_id(const char *id, uint32_t *ret_vmid, uint32_t *ret_number)
{
	struct span s = span_str(id), vmid;

	return span_cut(&s, '-', &vmid) && num_parse_u32(vmid, ret_vmid) == 0 &&
	       num_parse_u32(s, ret_number) == 0 && *ret_vmid >= 100;
}

static bool is_header(const char *type, const char *id)
{
	struct span s = span_str(id), vmid;

	(void)type;
	return span_cut(&s, '-', &vmid) && span_is_digits(vmid) && span_is_digits(s);
}

static const char *check_header(const char *type, const char *id)
{
	uint32_t vmid, number;

	if (!str_eq(type, "local"))
		return "no such type of replication";
	return parse_id(id, &vmid, &number) ? NULL : "no id of a replication job";
}

static const char *check_prop(const char *type, const char *key, const char *value)
{
	(void)type;
	if (str_eq(key, "disable"))
		return sc_check_bool(value);
	if (!value)
		return "it has no value";
	if ((str_eq(key, "target") || str_eq(key, "source")) &&
	    !sc_is_node_name(span_str(value)))
		return "no name of a node";
	return NULL;
}

static void job_of(struct replication_jobs *out, const struct sc_section *s)
{
	const char *schedule = sc_str(s, "schedule"), *target = sc_str(s, "target");
	struct replication_job *j;

	if (!target) {
		warns_add(&out->warns, s->line, "job %.40s left out: it has no target",
			  s->id);
		return;
	}
	j = &out->v[out->n++];
	*j = (struct replication_job){
		.type = xstrdup(s->type),
		.target = xstrdup(target),
		.source = xstrdup_or_null(sc_str(s, "source")),
		.schedule = xstrdup(schedule ? schedule : "*/15"),
		.rate = xstrdup_or_null(sc_str(s, "rate")),
		.remove_job = xstrdup_or_null(sc_str(s, "remove_job")),
		.comment = sc_decoded(s, "comment"),
		.disabled = sc_bool(s, "disable", false),
		.line = s->line,
	};
	parse_id(s->id, &j->vmid, &j->number);
	j->id = xasprintf("%u-%u", j->vmid, j->number);
}

static int cmp_job(const void *a, const void *b)
{
	const struct replication_job *x = a, *y = b;

	if (x->vmid != y->vmid)
		return x->vmid < y->vmid ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

int replication_parse(const char *p, size_t n, struct replication_jobs *ret,
		      struct err *err)
{
	static const struct sc_kind kind = {
		.lower_type = true,
		.is_header = is_header,
		.check_header = check_header,
		.check_prop = check_prop,
	};
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };
	struct replication_jobs jobs = { 0 };
	int r;

	r = sectionconf_parse(p, n, &kind, &c, err);
	if (r < 0)
		return err_wrap(err, r, "replication.cfg");
	jobs.warns = c.warns;
	c.warns = (struct warns){ 0 };
	jobs.v = xcalloc(c.n, sizeof(*jobs.v));
	for (size_t i = 0; i < c.n; i++)
		job_of(&jobs, &c.v[i]);
	if (jobs.n)
		qsort(jobs.v, jobs.n, sizeof(*jobs.v), cmp_job);
	*ret = jobs;
	return 0;
}

static struct val val_of(const struct jval *v, unsigned digits)
{
	uint64_t n;

	return jval_fixed(v, digits, &n) ? val_set(n) : (struct val){ 0 };
}

static void state_of(struct replication_state *s, const struct jval *v)
{
	const struct jval *list = jval_get(v, "storeid_list");
	size_t n = jval_is_array(list) ? jval_count(list) : 0;

	s->last_sync_sec = val_of(jval_get(v, "last_sync"), 0);
	s->last_try_sec = val_of(jval_get(v, "last_try"), 0);
	s->last_iteration_sec = val_of(jval_get(v, "last_iteration"), 0);
	s->duration_usec = val_of(jval_get(v, "duration"), 6);
	s->fail_count = val_of(jval_get(v, "fail_count"), 0);
	s->pid = val_of(jval_get(v, "pid"), 0);
	s->error = jval_dup(jval_get(v, "error"));
	s->last_node = jval_dup(jval_get(v, "last_node"));
	s->storages = xcalloc(n, sizeof(*s->storages));
	for (size_t i = 0; i < n; i++) {
		char *id = jval_dup(jval_at(list, i));

		if (id)
			s->storages[s->n_storages++] = id;
	}
}

static int cmp_state(const void *a, const void *b)
{
	const struct replication_state *x = a, *y = b;

	if (x->vmid != y->vmid)
		return x->vmid < y->vmid ? -1 : 1;
	return strcmp(x->target, y->target);
}

/* "local/<target node>" */
static void guest_states(struct replication_states *out, size_t *cap, uint32_t vmid,
			 const struct jval *targets)
{
	struct span key, type;
	const struct jval *v;
	void *iter = NULL;

	while (jval_next(targets, &iter, &key, &v)) {
		struct replication_state s = { .vmid = vmid };

		if (!span_cut(&key, '/', &type) || !key.n)
			continue;
		s.type = span_dup(type);
		s.target = span_dup(key);
		state_of(&s, v);
		GROW(out->v, out->n, *cap);
		out->v[out->n++] = s;
	}
}

int replication_state_parse(const char *p, size_t n, struct replication_states *ret,
			    struct err *err)
{
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	struct replication_states out = { 0 };
	const struct jval *v;
	struct span key;
	void *iter = NULL;
	size_t cap = 0;
	uint32_t vmid;
	int r;

	if (!n) {
		*ret = out;
		return 0;
	}
	r = jsonin_parse(p, n, &j, err);
	if (r < 0)
		return r;
	if (!jval_is_object(j.root))
		return err_set(err, -EBADMSG, "not a JSON object");
	while (jval_next(j.root, &iter, &key, &v))
		if (num_parse_u32(key, &vmid) == 0)
			guest_states(&out, &cap, vmid, v);
	if (out.n)
		qsort(out.v, out.n, sizeof(*out.v), cmp_state);
	*ret = out;
	return 0;
}

int replication_state_read(int rootfd, struct replication_states *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r;

	r = fs_read_file(rootfd, STATE_FILE, STATE_MAX_BYTES, &b, err);
	if (r < 0)
		return r;
	r = replication_state_parse(b.p, b.n, ret, err);
	return r < 0 ? err_wrap(err, r, STATE_FILE) : 0;
}
