/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/hostfile.h"

#include "rule/idranges.h"

/* Nobody has more; a config of a mebibyte could. */
#define MAX_OF_A_CT 256

const char *const hostfiles_of_node[] = { "/usr/share/lxc/config/common.conf.d",
					  "/usr/share/lxc/config/userns.conf.d",
					  "/var/lib/lxc", NULL };

static const struct {
	const char *key;
	enum hostfile_kind kind;
	bool start;
} keys[] = {
	{ "lxc.hook.pre-start", HOSTFILE_RUN, true },
	{ "lxc.hook.pre-mount", HOSTFILE_RUN, true },
	{ "lxc.hook.mount", HOSTFILE_RUN, true },
	{ "lxc.hook.autodev", HOSTFILE_RUN, true },
	{ "lxc.hook.stop", HOSTFILE_RUN, false },
	{ "lxc.hook.post-stop", HOSTFILE_RUN, false },
	{ "lxc.include", HOSTFILE_READ, true },
	{ "lxc.mount.fstab", HOSTFILE_READ, true },
	{ "lxc.seccomp.profile", HOSTFILE_READ, true },
	{ "lxc.console.logfile", HOSTFILE_WRITE, false },
	{ "lxc.log.file", HOSTFILE_WRITE, false },
};

/* lxc.net.0.script.up: run as root when the interface is made and removed. */
static bool is_net_script(const char *key)
{
	return str_starts(key, "lxc.net.") &&
	       (str_ends(key, ".script.up") || str_ends(key, ".script.down"));
}

bool hostfile_is_program(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_eq(keys[i].key, key))
			return keys[i].kind == HOSTFILE_RUN;
	return is_net_script(key);
}

bool hostfile_is_inside(const struct ct *ct, const char *key)
{
	bool mount_time = str_eq(key, "lxc.hook.pre-mount") ||
			  str_eq(key, "lxc.hook.mount") ||
			  str_eq(key, "lxc.hook.autodev");

	return mount_time && !idranges_has_root(ct);
}

static bool find_key(const char *key, struct hostfile *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_eq(keys[i].key, key)) {
			ret->kind = keys[i].kind;
			ret->start = keys[i].start;
			return true;
		}
	ret->kind = HOSTFILE_RUN;
	ret->start = true;
	return is_net_script(key);
}

static void add(struct hostfiles *l, struct hostfile f)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = f;
}

/* A hook is a line of sh: its first word is the program. LXC takes quotes around it off. */
static char *path_of(struct span value)
{
	struct span word;

	if (value.n && (value.p[0] == '"' || value.p[0] == '\''))
		value = span_of(value.p + 1, value.n - 1);
	if (!span_field(&value, &word) || word.p[0] != '/')
		return NULL;
	if (word.p[word.n - 1] == '"' || word.p[word.n - 1] == '\'')
		word.n--;
	return span_dup(word);
}

/* "local:snippets/hook.sh" */
static char *snippet(const struct storages *s, const char *volume)
{
	struct span rest = span_str(volume), id;
	_cleanup_free_ char *name = NULL;
	_cleanup_free_ char *dir = NULL;
	const struct storage *st;

	if (!s || !span_cut(&rest, ':', &id) || !span_skip(&rest, "snippets/") || !rest.n)
		return NULL;
	name = span_dup(id);
	st = storages_find(s, name);
	dir = st ? storage_dir(st, CONTENT_SNIPPETS) : NULL;
	return dir ? xasprintf("%s/%.*s", dir, (int)rest.n, rest.p) : NULL;
}

void hostfiles_get(const struct ct *ct, const struct storages *s, struct hostfiles *ret)
{
	const struct pveconf_section *main = &ct->conf->main;
	const struct pveconf_item *hook = pveconf_item(main, "hookscript");
	struct hostfiles l = { 0 };

	if (hook) {
		struct hostfile f = { .start = true,
				      .key = hook->key,
				      .line = hook->line,
				      .text = hook->value,
				      .path = snippet(s, hook->value) };

		if (f.path)
			add(&l, f);
	}
	for (size_t i = 0; i < main->n_lxc && l.n < MAX_OF_A_CT; i++) {
		const struct pveconf_lxc *x = &main->lxc[i];
		struct hostfile f = { .key = x->key, .line = x->line, .text = x->value };

		if (!find_key(x->key, &f))
			continue;
		f.inside = hostfile_is_inside(ct, x->key);
		f.path = path_of(span_of(x->value, x->value_n));
		if (f.path)
			add(&l, f);
	}
	*ret = l;
}

void hostfiles_done(struct hostfiles *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].path);
	free(l->v);
	*l = (struct hostfiles){ 0 };
}

static void unique(struct strv *s)
{
	size_t to = 0;

	strv_sort(s);
	for (size_t i = 0; i < s->n; i++) {
		if (to && str_eq(s->v[to - 1], s->v[i]))
			free(s->v[i]);
		else
			s->v[to++] = s->v[i];
	}
	s->n = to;
}

void hostfiles_wanted(const struct facts *facts, const struct storages *s,
		      struct strv *ret)
{
	struct strv all = { 0 };

	for (size_t i = 0; hostfiles_of_node[i]; i++)
		strv_add(&all, xstrdup(hostfiles_of_node[i]));
	for (size_t i = 0; i < facts->n_cts; i++) {
		_cleanup_(hostfiles_done) struct hostfiles l = { 0 };

		if (!facts->cts[i].conf)
			continue;
		hostfiles_get(&facts->cts[i], s, &l);
		for (size_t k = 0; k < l.n; k++)
			strv_add(&all, take_ptr(l.v[k].path));
	}
	unique(&all);
	*ret = all;
}
