/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/hostfile.h"

#include <errno.h>

#include "rule/idranges.h"
#include "rule/shared.h"

/* Files of the node that root uses for a container, and who can change them. */

static const char *const used[] = {
	[HOSTFILE_RUN] = "runs",
	[HOSTFILE_READ] = "reads",
	[HOSTFILE_WRITE] = "writes",
};

typedef void file_fn(const struct rule *rule, const struct rule_in *in,
		     const struct ct *ct, const struct hostfile *f, const void *arg,
		     struct findings *out);

static void each_file(const struct rule *rule, const struct rule_in *in, file_fn *fn,
		      const void *arg, struct findings *out)
{
	for (size_t i = 0; i < in->facts->n_cts; i++) {
		const struct ct *ct = &in->facts->cts[i];
		_cleanup_(hostfiles_done) struct hostfiles l = { 0 };

		if (!ct->conf || !ct->here)
			continue;
		hostfiles_get(ct, in->storages, &l);
		for (size_t k = 0; k < l.n; k++)
			fn(rule, in, ct, &l.v[k], arg, out);
	}
}

/* By its own name, and by where its links lead. */
static const struct shared_mount *
guest_of(const struct rule_in *in, const struct shared_mounts *mounts, const char *path)
{
	const struct hostpath *p = hostpaths_find(in->paths, path);
	_cleanup_free_ char *tidy = rule_tidy(path);
	const struct shared_mount *m = shared_mounts_above(mounts, tidy, NULL);

	if (!m && p && p->real)
		m = shared_mounts_above(mounts, p->real, NULL);
	return m;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (!path[n] || path[n] == '/' || n == 1);
}

/* Do owner and mode of the first that is weak let the container's own ids write it? */
static bool modes_let(const struct hostpath *p, const struct shared_mount *m)
{
	_cleanup_(idranges_done) struct idranges r = { 0 };

	if (!p || !p->weak || !is_below(p->weak, m->source))
		return false;
	idranges_get_effective(m->ct, &r);
	return (p->weak_mode & 0002) || idranges_have(&r, 'u', p->weak_uid) ||
	       ((p->weak_mode & 0020) && idranges_have(&r, 'g', p->weak_gid));
}

static const char modes_alone[] =
	"root inside is another user to the node, so only owner and mode of the file and its "
	"directories keep the container from putting a program of its own there, which root "
	"of the node would run at the next start or stop";

static const char by_its_root[] =
	"whoever changes it decides what root of this container runs at its next start, "
	"before the guest itself does";

static const char *whose(const struct hostfile *f)
{
	return f->inside ? "root of the container" : "root of the node";
}

struct guests {
	struct shared_mounts root, all;
};

static void guest_one(const struct rule *rule, const struct rule_in *in,
		      const struct ct *ct, const struct hostfile *f, const void *arg,
		      struct findings *out)
{
	const struct guests *g = arg;
	const struct shared_mount *m = guest_of(in, &g->root, f->path);
	bool can = m != NULL;

	if (!m)
		m = guest_of(in, &g->all, f->path);
	if (!m)
		return;
	can |= modes_let(hostpaths_find(in->paths, f->path), m);
	finding_add(out, rule, ct, f->key, f->line,
		    xasprintf("move %s to a directory that is in no container", f->path),
		    can ? "%s %s %s, which container %u can write (%s)"
			: "%s %s %s, which is mounted read-write in container %u (%s)",
		    whose(f), used[f->kind], f->path, m->ct->vmid, m->key);
	if (f->inside)
		finding_amend(out, SEV_WARN, by_its_root);
	else if (!can)
		finding_amend(out, SEV_WARN, modes_alone);
}

static void in_guest(const struct rule *rule, const struct rule_in *in,
		     struct findings *out)
{
	struct guests g = { 0 };

	shared_mounts_get(in->facts, true, &g.root);
	shared_mounts_get(in->facts, false, &g.all);
	each_file(rule, in, guest_one, &g, out);
	shared_mounts_done(&g.root);
	shared_mounts_done(&g.all);
}

const struct rule rule_host_file_guest = {
	.id = "host-file-guest",
	.severity = SEV_ERROR,
	.title = "a container can change what root of the node uses",
	.why = "whoever is root in that container puts another program, or a link, in its "
	       "place, and is root of the node at the next start or stop",
	.check_all = in_guest,
};

/* "uid 1000 owns it", "everybody can write it" */
static char *by_whom(const struct hostpath *p)
{
	if (p->weak_uid != 0)
		return xasprintf("uid %u owns it", p->weak_uid);
	if (p->weak_mode & 0002)
		return xasprintf("everybody can write it (mode %04o)", p->weak_mode);
	return xasprintf("group %u can write it (mode %04o)", p->weak_gid, p->weak_mode);
}

/* A name with blanks or worse is not put into a command. */
static bool is_plain(const char *path)
{
	for (const char *c = path; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || strchr("/._+-", *c)))
			return false;
	return true;
}

static char *fix_mode(const struct hostpath *p)
{
	if (!is_plain(p->weak))
		return NULL;
	return p->weak_uid
		       ? xasprintf("chown root: %s && chmod go-w %s", p->weak, p->weak)
		       : xasprintf("chmod go-w %s", p->weak);
}

/*
 * What a directory on the way holds besides is somebody's, or a container's, who needs to
 * write there; so does everybody in /tmp.
 */
static bool is_others(const struct hostpath *p, const struct shared_mounts *mounts)
{
	if (p->real && str_eq(p->real, p->weak))
		return false;
	return p->weak_uid || (p->weak_mode & 01000) ||
	       shared_mounts_above(mounts, p->weak, NULL);
}

static void writable_one(const struct rule *rule, const struct rule_in *in,
			 const struct ct *ct, const struct hostfile *f, const void *arg,
			 struct findings *out)
{
	const struct hostpath *p = hostpaths_find(in->paths, f->path);
	_cleanup_free_ char *who = NULL;

	if (!p || !p->weak)
		return;
	who = by_whom(p);
	finding_add(out, rule, ct, f->key, f->line,
		    is_others(p, arg)
			    ? xasprintf("move %s to a directory that root alone can "
					"write",
					f->path)
			    : fix_mode(p),
		    "%s %s %s: %s, %s", whose(f), used[f->kind], f->path, p->weak, who);
	if (f->inside)
		finding_amend(out, SEV_WARN, by_its_root);
}

static void writable(const struct rule *rule, const struct rule_in *in,
		     struct findings *out)
{
	_cleanup_(shared_mounts_done) struct shared_mounts mounts = { 0 };

	for (size_t i = 0; hostfiles_of_node[i]; i++) {
		const struct hostpath *p =
			hostpaths_find(in->paths, hostfiles_of_node[i]);
		_cleanup_free_ char *who = NULL;

		if (!p || p->error || !p->weak)
			continue;
		who = by_whom(p);
		finding_add(out, rule, NULL, NULL, 0, fix_mode(p),
			    "LXC reads %s as root: %s, %s", p->path, p->weak, who);
	}
	shared_mounts_get(in->facts, false, &mounts);
	each_file(rule, in, writable_one, &mounts, out);
}

const struct rule rule_host_file_writable = {
	.id = "host-file-writable",
	.severity = SEV_ERROR,
	.title = "others than root can change what root of the node uses",
	.why = "who writes that file, or replaces it in its directory, is root of the node at "
	       "the next start or stop of the container",
	.check_all = writable,
};

static void missing_one(const struct rule *rule, const struct rule_in *in,
			const struct ct *ct, const struct hostfile *f, const void *arg,
			struct findings *out)
{
	const struct hostpath *p = hostpaths_find(in->paths, f->path);

	(void)arg;
	if (p && p->error == -ENOENT && f->start && f->kind != HOSTFILE_WRITE)
		finding_add(out, rule, ct, f->key, f->line, NULL,
			    "%s is not there: the container does not start", f->path);
}

static void missing(const struct rule *rule, const struct rule_in *in,
		    struct findings *out)
{
	each_file(rule, in, missing_one, NULL, out);
}

const struct rule rule_host_file_missing = {
	.id = "host-file-missing",
	.severity = SEV_ERROR,
	.title = "a file that the start needs",
	.why = "LXC gives up where a hook, an included file or a profile is not there; in the "
	       "task log there is only \"Failed to run\"",
	.check_all = missing,
};
