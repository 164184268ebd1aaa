/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/ha.h"

#include "base/num.h"
#include "base/str.h"
#include "read/jsonin.h"
#include "read/sectionconf.h"

/* "ct:100" */
static bool parse_sid(struct span sid, bool *ret_is_ct, uint32_t *ret_vmid)
{
	*ret_is_ct = span_skip(&sid, "ct:");
	*ret_vmid = 0;
	if (!*ret_is_ct && !span_skip(&sid, "vm:"))
		return false;
	return num_parse_u32(sid, ret_vmid) == 0;
}

static const char *check_resource(const char *type, const char *id)
{
	uint32_t vmid;

	if (!str_eq(type, "ct") && !str_eq(type, "vm"))
		return "no such type of resource";
	if (num_parse_u32(span_str(id), &vmid) < 0 || id[0] == '0')
		return "not the id of a guest";
	return NULL;
}

static const char *check_prop(const char *type, const char *key, const char *value)
{
	(void)type;
	if (str_eq(key, "failback"))
		return sc_check_bool(value);
	return value ? NULL : "it has no value";
}

static uint64_t number(const struct sc_section *s, const char *key, uint64_t otherwise)
{
	const char *text = sc_str(s, key);
	uint64_t n;

	return text && num_parse_u64(span_str(text), &n) == 0 ? n : otherwise;
}

static void resource_of(const struct sc_section *s, struct ha_resource *ret)
{
	const char *state = sc_str(s, "state");

	if (!state || str_eq(state, "enabled")) /* its old name */
		state = "started";
	*ret = (struct ha_resource){
		.sid = xasprintf("%s:%s", s->type, s->id),
		.state = xstrdup(state),
		.group = xstrdup_or_null(sc_str(s, "group")),
		.comment = sc_decoded(s, "comment"),
		.max_restart = number(s, "max_restart", 1),
		.max_relocate = number(s, "max_relocate", 1),
		.failback = sc_bool(s, "failback", true),
		.line = s->line,
	};
	parse_sid(span_str(ret->sid), &ret->is_ct, &ret->vmid);
}

static int cmp_resource(const void *a, const void *b)
{
	return strcmp(((const struct ha_resource *)a)->sid,
		      ((const struct ha_resource *)b)->sid);
}

int ha_parse_resources(const char *p, size_t n, struct ha_resources *ret, struct err *err)
{
	static const struct sc_kind kind = {
		.lower_type = true,
		.id_has_type = true,
		.check_header = check_resource,
		.check_prop = check_prop,
	};
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };
	struct ha_resources res = { 0 };
	int r;

	r = sectionconf_parse(p, n, &kind, &c, err);
	if (r < 0)
		return err_wrap(err, r, "ha/resources.cfg");
	res.v = xcalloc(c.n, sizeof(*res.v));
	for (; res.n < c.n; res.n++)
		resource_of(&c.v[res.n], &res.v[res.n]);
	if (res.n)
		qsort(res.v, res.n, sizeof(*res.v), cmp_resource);
	res.warns = c.warns;
	c.warns = (struct warns){ 0 };
	*ret = res;
	return 0;
}

static void rule_of(const struct sc_section *s, struct ha_rule *ret)
{
	*ret = (struct ha_rule){
		.type = xstrdup(s->type),
		.id = xstrdup(s->id),
		.props = xcalloc(s->n_props, sizeof(*ret->props)),
		.n_props = s->n_props,
		.line = s->line,
	};
	for (size_t i = 0; i < s->n_props; i++)
		ret->props[i] = (struct ha_prop){
			.key = xstrdup(s->props[i].key),
			.value = xstrdup_or_null(s->props[i].value),
		};
}

int ha_parse_rules(const char *p, size_t n, struct ha_rules *ret, struct err *err)
{
	static const struct sc_kind kind = { .lower_type = true };
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };
	struct ha_rules rules = { 0 };
	int r;

	r = sectionconf_parse(p, n, &kind, &c, err);
	if (r < 0)
		return err_wrap(err, r, "ha/rules.cfg");
	rules.v = xcalloc(c.n, sizeof(*rules.v));
	for (; rules.n < c.n; rules.n++)
		rule_of(&c.v[rules.n], &rules.v[rules.n]);
	rules.warns = c.warns;
	c.warns = (struct warns){ 0 };
	*ret = rules;
	return 0;
}

static int cmp_service(const void *a, const void *b)
{
	return strcmp(((const struct ha_service *)a)->sid,
		      ((const struct ha_service *)b)->sid);
}

static int cmp_node(const void *a, const void *b)
{
	return strcmp(((const struct ha_node *)a)->name,
		      ((const struct ha_node *)b)->name);
}

static void status_services(struct ha_status *s, const struct jval *list)
{
	const struct jval *v;
	void *iter = NULL;
	struct span sid;
	bool running;

	s->v = xcalloc(jval_count(list), sizeof(*s->v));
	while (jval_next(list, &iter, &sid, &v)) {
		struct ha_service *e = &s->v[s->n++];

		e->sid = span_dup(sid);
		parse_sid(sid, &e->is_ct, &e->vmid);
		e->state = jval_dup(jval_get(v, "state"));
		e->node = jval_dup(jval_get(v, "node"));
		e->target = jval_dup(jval_get(v, "target"));
		if (jval_bool(jval_get(v, "running"), &running))
			e->running = val_set(running);
	}
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), cmp_service);
}

static void status_nodes(struct ha_status *s, const struct jval *list)
{
	const struct jval *v;
	void *iter = NULL;
	struct span name;

	s->nodes = xcalloc(jval_count(list), sizeof(*s->nodes));
	while (jval_next(list, &iter, &name, &v))
		s->nodes[s->n_nodes++] = (struct ha_node){
			.name = span_dup(name),
			.state = jval_dup(v),
		};
	if (s->n_nodes)
		qsort(s->nodes, s->n_nodes, sizeof(*s->nodes), cmp_node);
}

int ha_parse_status(const char *p, size_t n, struct ha_status *ret, struct err *err)
{
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	struct ha_status s = { 0 };
	int r;

	if (!n) {
		*ret = s;
		return 0;
	}
	r = jsonin_parse(p, n, &j, err);
	if (r < 0)
		return err_wrap(err, r, "ha/manager_status");
	if (!jval_is_object(j.root))
		return err_set(err, -EBADMSG, "ha/manager_status: not a JSON object");
	s.master_node = jval_dup(jval_get(j.root, "master_node"));
	jval_u64(jval_get(j.root, "timestamp"), &s.time_sec);
	status_services(&s, jval_get(j.root, "service_status"));
	status_nodes(&s, jval_get(j.root, "node_status"));
	*ret = s;
	return 0;
}
