/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fwcfg.h"

#include "base/num.h"
#include "base/str.h"

static void rule_done(struct fw_rule *r)
{
	free(r->direction);
	free(r->action);
	free(r->macro);
	free(r->iface);
	free(r->rest);
	free(r->comment);
	free(r->group);
}

static void ipset_done(struct fw_ipset *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].cidr);
		free(s->v[i].comment);
	}
	free(s->v);
	free(s->name);
	free(s->comment);
}

void fw_file_done(struct fw_file *f)
{
	for (size_t i = 0; i < f->n_options; i++) {
		free(f->options[i].key);
		free(f->options[i].value);
	}
	for (size_t i = 0; i < f->n_rules; i++)
		rule_done(&f->rules[i]);
	for (size_t i = 0; i < f->n_aliases; i++) {
		free(f->aliases[i].name);
		free(f->aliases[i].cidr);
		free(f->aliases[i].comment);
	}
	for (size_t i = 0; i < f->n_ipsets; i++)
		ipset_done(&f->ipsets[i]);
	free(f->options);
	free(f->rules);
	free(f->aliases);
	free(f->ipsets);
	warns_done(&f->warns);
	*f = (struct fw_file){ 0 };
}

const char *fw_option(const struct fw_file *f, const char *key)
{
	for (size_t i = f->n_options; i > 0; i--)
		if (str_eq(f->options[i - 1].key, key))
			return f->options[i - 1].value;
	return NULL;
}

/* 0, 1, or the time until which (and 60 s longer) it is on: the GUI's trial run. */
#define TRIAL_SEC 60

bool fw_filters(const struct fw_file *cluster, const struct fw_file *guest,
		bool iface_firewall, uint64_t now_sec, struct fw_missing *ret)
{
	const char *on = fw_option(cluster, "enable");
	struct fw_missing m = { .iface = !iface_firewall };
	uint64_t n = 0;

	/* a number too large for 64 bits is a time that never comes */
	if (on && num_parse_u64(span_str(on), &n) == -ERANGE)
		n = UINT64_MAX;
	m.cluster_expired = n > 1 && num_sub(now_sec, n) > TRIAL_SEC;
	m.cluster = n == 0 || m.cluster_expired;
	m.guest = !str_eq(fw_option(guest, "enable"), "1");
	*ret = m;
	return !m.cluster && !m.guest && !m.iface;
}
