/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/idranges.h"
#include "rule/kernel.h"

/* Namespaces: what is the node's, what two containers share. */

static void not_unprivileged(const struct rule *rule, const struct ct *ct,
			     const struct ctsec *sec, struct findings *out)
{
	if (!ct->conf || !ct_is_unprivileged(ct) || !kernel_is_privileged(sec))
		return;
	finding_add(out, rule, ct, "unprivileged", rule_line(ct, "unprivileged"),
		    xasprintf("its files belong to root of the node, so no start alone "
			      "mends it: take the key out again, or vzdump %u and pct "
			      "restore it with --unprivileged 1",
			      ct->vmid),
		    "init is in the user namespace of the node: root inside is root of "
		    "the node");
}

const struct rule rule_kernel_not_unprivileged = {
	.id = "kernel-not-unprivileged",
	.severity = SEV_ERROR,
	.title = "unprivileged in the config, privileged in the kernel",
	.why = "the config was changed while it ran, or something overrides it: what is "
	       "believed to be the node's wall against root inside is not there",
	.check_sec = not_unprivileged,
};

/* All but user, which privileged containers share, and time, which all do. */
static const enum sec_ns expected[] = { SEC_NS_MNT, SEC_NS_PID, SEC_NS_NET,
					SEC_NS_IPC, SEC_NS_UTS, SEC_NS_CGROUP };

/* The line that makes LXC leave the network namespace alone. */
static const struct pveconf_lxc *net_none(const struct ct *ct)
{
	const struct pveconf_section *s = ct->conf ? &ct->conf->main : NULL;

	for (size_t i = 0; s && i < s->n_lxc; i++)
		if (str_starts(s->lxc[i].key, "lxc.net.") &&
		    str_ends(s->lxc[i].key, ".type") && str_eq(s->lxc[i].value, "none"))
			return &s->lxc[i];
	return NULL;
}

static void host_namespace(const struct rule *rule, const struct ct *ct,
			   const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);

	for (size_t i = 0; init && i < ARRAY_SIZE(expected); i++) {
		_cleanup_free_ char *seen = NULL;

		if (!sec_ns_is_hosts(sec->host, &init->ns, expected[i]))
			continue;
		seen = xasprintf("init is in the %s namespace of the node",
				 sec_ns_name(expected[i]));
		kernel_add(out, rule, ct, expected[i] == SEC_NS_NET ? net_none(ct) : NULL,
			   NULL, seen);
	}
}

const struct rule rule_kernel_host_namespace = {
	.id = "kernel-host-namespace",
	.severity = SEV_ERROR,
	.title = "a namespace of the node",
	.why = "what that namespace holds is the node's own: its mounts, processes, network "
	       "with the firewall and every local service, its names",
	.check_sec = host_namespace,
};

static void process_host_namespace(const struct rule *rule, const struct ct *ct,
				   const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);

	for (unsigned ns = SEC_NS_USER; init && ns <= SEC_NS_NET; ns++) {
		_cleanup_(kernel_some_done) struct kernel_some some = { 0 };
		_cleanup_free_ char *seen = NULL;

		if (!sec_ns_is_other(sec->host, &init->ns, (enum sec_ns)ns))
			continue;
		for (size_t i = 1; i < sec->n_procs; i++)
			if (sec_ns_is_hosts(sec->host, &sec->procs[i].ns,
					    (enum sec_ns)ns))
				kernel_some_add(&some, &sec->procs[i]);
		if (!some.n)
			continue;
		seen = xasprintf("process %s is in the %s namespace of the node",
				 kernel_some_end(&some), sec_ns_name((enum sec_ns)ns));
		kernel_add(out, rule, ct, NULL, NULL, seen);
	}
}

const struct rule rule_kernel_process_host_namespace = {
	.id = "kernel-process-host-namespace",
	.severity = SEV_WARN,
	.title = "a process of the container in a namespace of the node",
	.why = "init is not in it, so it was brought in from outside; the guest that takes "
	       "it over is out",
	.check_sec = process_host_namespace,
};

static const struct sec_proc *init_of(const struct rule_in *in, size_t i)
{
	return in->secs && in->secs[i] ? kernel_init(in->secs[i]) : NULL;
}

/* Whose, unless it is the node's: that is another finding. */
static bool shares(const struct ctsec *sec, const struct sec_proc *a,
		   const struct sec_proc *b, enum sec_ns ns)
{
	return sec_ns_is_other(sec->host, &a->ns, ns) &&
	       b->ns.inode[ns].kind == VAL_SET && a->ns.inode[ns].n == b->ns.inode[ns].n;
}

static void shared_pair(const struct rule *rule, const struct rule_in *in, size_t i,
			size_t k, struct findings *out)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (unsigned ns = 0; ns < SEC_NS_TIME; ns++)
		if (shares(in->secs[i], init_of(in, i), init_of(in, k), (enum sec_ns)ns))
			buf_addf(&b, "%s%s", b.n ? ", " : "",
				 sec_ns_name((enum sec_ns)ns));
	if (b.n)
		finding_add(out, rule, &in->facts->cts[k], NULL, 0, NULL,
			    "shares with container %u: %s namespace",
			    in->facts->cts[i].vmid, buf_str(&b));
}

/* One finding a pair, with the later of the two. */
static void shared_namespace(const struct rule *rule, const struct rule_in *in,
			     struct findings *out)
{
	for (size_t i = 0; i < in->facts->n_cts; i++)
		for (size_t k = i + 1; init_of(in, i) && k < in->facts->n_cts; k++)
			if (init_of(in, k))
				shared_pair(rule, in, i, k, out);
}

const struct rule rule_kernel_shared_namespace = {
	.id = "kernel-shared-namespace",
	.severity = SEV_WARN,
	.title = "two containers in one namespace",
	.why = "they are not apart there: each sees, and may change, what the other has",
	.check_all = shared_namespace,
};

static bool maps_root(const struct idmap *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (!m->v[i].outside && m->v[i].count)
			return true;
	return false;
}

/* The last line that maps something to id 0 of the node: "u 0 100000 65536". */
static const struct pveconf_lxc *root_line(const struct ct *ct)
{
	const struct pveconf_section *s = ct->conf ? &ct->conf->main : NULL;

	for (size_t i = s ? s->n_lxc : 0; i-- > 0;) {
		struct span rest = span_of(s->lxc[i].value, s->lxc[i].value_n), word;
		unsigned n = 0;

		if (!str_eq(s->lxc[i].key, "lxc.idmap"))
			continue;
		while (span_field(&rest, &word))
			if (++n == 3 && span_eq(word, "0"))
				return &s->lxc[i];
	}
	return NULL;
}

/* Once for both kinds of ids; a privileged container has all of them. */
static void idmap_host(const struct rule *rule, const struct ct *ct,
		       const struct ctsec *sec, struct findings *out)
{
	const struct sec_proc *init = kernel_init(sec);
	bool uid = sec->uid_got == SEC_GOT && maps_root(&sec->uids);
	bool gid = sec->gid_got == SEC_GOT && maps_root(&sec->gids);
	const struct pveconf_lxc *l;

	if (!init || !sec_ns_is_other(sec->host, &init->ns, SEC_NS_USER) ||
	    (!uid && !gid))
		return;
	l = root_line(ct);
	finding_add(out, rule, ct, l ? l->key : NULL, l ? l->line : 0,
		    l ? rule_fix_edit(ct, l->line,
				      "map other ids of the node there, which its files "
				      "must then have")
		      : NULL,
		    uid && gid ? "root of the node, user and group, is an id inside"
		    : uid      ? "the user root of the node is an id inside"
			       : "the group root of the node is an id inside");
}

const struct rule rule_kernel_idmap_host_root = {
	.id = "kernel-idmap-host-root",
	.severity = SEV_ERROR,
	.title = "root of the node is mapped in",
	.why = "whoever is that id inside owns every file of root that comes into the "
	       "container, and passes every check of the node that asks for uid 0",
	.check_sec = idmap_host,
};

static bool is_unprivileged(const struct ctsec *s)
{
	return s && s->n_procs &&
	       sec_ns_is_other(s->host, &s->procs[0].ns, SEC_NS_USER) &&
	       s->uid_got == SEC_GOT;
}

static bool has_range(const struct idranges *r, const struct idmap_line *l)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].type == 'u' && r->v[i].ct == l->inside &&
		    r->v[i].host == l->outside && r->v[i].n == l->count)
			return true;
	return false;
}

/* Then what it shares is what the rules about configs tell. */
static bool is_as_configured(const struct ct *ct, const struct ctsec *s)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };
	size_t n = 0;

	if (!ct->conf)
		return false;
	idranges_get_effective(ct, &r);
	for (size_t i = 0; i < r.n; i++)
		n += r.v[i].type == 'u';
	for (size_t i = 0; i < s->uids.n; i++)
		if (!has_range(&r, &s->uids.v[i]))
			return false;
	return n == s->uids.n;
}

/* Names the first few. */
static void idmap_shared_one(const struct rule *rule, const struct rule_in *in, size_t i,
			     struct findings *out)
{
	const struct ctsec *s = in->secs[i];
	_cleanup_(buf_done) struct buf b = { 0 };
	uint32_t first = 0, from = 0;
	size_t n = 0;

	for (size_t k = 0; k < in->facts->n_cts; k++) {
		if (k == i || !is_unprivileged(in->secs[k]) ||
		    !idmap_common(&s->uids, &in->secs[k]->uids, &first))
			continue;
		if (!n || first < from)
			from = first;
		if (n++ < 5)
			buf_addf(&b, "%s%u", b.n ? ", " : "", in->facts->cts[k].vmid);
	}
	if (!n)
		return;
	if (n > 5)
		buf_addf(&b, " and %zu more", n - 5);
	finding_add(out, rule, &in->facts->cts[i], NULL, 0,
		    xstrdup("its config has other ids by now: give them to its files "
			    "while it is stopped, then start it"),
		    "runs with ids of the node, from %u on, that container %s has, too",
		    from, buf_str(&b));
}

static void idmap_shared(const struct rule *rule, const struct rule_in *in,
			 struct findings *out)
{
	for (size_t i = 0; in->secs && i < in->facts->n_cts; i++)
		if (is_unprivileged(in->secs[i]) &&
		    !is_as_configured(&in->facts->cts[i], in->secs[i]))
			idmap_shared_one(rule, in, i, out);
}

const struct rule rule_kernel_idmap_shared = {
	.id = "kernel-idmap-shared",
	.severity = SEV_WARN,
	.title = "ids of another container, unlike its config",
	.why = "what runs has not the ids that the config gives it: to the kernel it is the "
	       "same user as the other container, whatever was meant to keep them apart",
	.check_all = idmap_shared,
};
