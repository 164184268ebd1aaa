/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/rule.h"

/* Paths of the node inside a container, and what mount points cost elsewhere. */

static const struct {
	const char *path;
	bool below; /* what is below it, too */
	const char *what;
} sensitive[] = {
	{ "/", false, "the whole root file system of the node" },
	{ "/boot", true, "the node's kernels and boot loader" },
	{ "/dev", false, "the node's device nodes" },
	{ "/etc", false, "the node's configuration" },
	{ "/etc/pve", true, "the cluster's configuration and keys" },
	{ "/etc/cron.d", true, "jobs that run as root on the node" },
	{ "/etc/ssh", true, "the node's SSH keys" },
	{ "/etc/systemd", true, "services that run as root on the node" },
	{ "/etc/shadow", false, "the node's passwords" },
	{ "/etc/passwd", false, "the node's users" },
	{ "/lib", true, "the node's programs" },
	{ "/proc", true, "the node's kernel settings" },
	{ "/root", true, "root's home, with keys and shell start-up files" },
	{ "/run", false, "the sockets of the node's services" },
	{ "/run/dbus", true, "the node's system bus" },
	{ "/run/systemd", true, "the node's systemd" },
	{ "/sys", true, "the node's devices and kernel settings" },
	{ "/usr", false, "the node's programs" },
	{ "/usr/bin", true, "the node's programs" },
	{ "/usr/lib", true, "the node's programs" },
	{ "/usr/sbin", true, "the node's programs" },
	{ "/bin", true, "the node's programs" },
	{ "/sbin", true, "the node's programs" },
	{ "/var", false, "the node's state, PVE's database in it" },
	{ "/var/lib", false, "the node's state, PVE's database in it" },
	{ "/var/lib/lxc", true, "the other containers" },
	{ "/var/lib/pve-cluster", true, "the cluster's database" },
	{ "/var/lib/vz", false, "the volumes of other guests" },
	{ "/var/run", false, "the sockets of the node's services" },
};

static const char *const sockets[] = { "/docker.sock", "/containerd.sock", "/podman.sock",
				       "/crio.sock", "/libvirt-sock" };

/* Slashes at the end and doubled ones say nothing. */
static char *tidy(const char *path)
{
	char *p = xmalloc(strlen(path) + 1);
	size_t n = 0;

	for (; *path; path++)
		if (!(*path == '/' && n && p[n - 1] == '/'))
			p[n++] = *path;
	if (n > 1 && p[n - 1] == '/')
		n--;
	p[n] = '\0';
	return p;
}

static bool covers(const char *path, bool below, const char *source)
{
	size_t n = strlen(path);

	if (strncmp(source, path, n) != 0)
		return false;
	return !source[n] || (below && n > 1 && source[n] == '/');
}

/* What is so delicate about it; NULL: nothing known. */
static const char *why_sensitive(const char *source)
{
	_cleanup_free_ char *p = tidy(source);

	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
		if (str_ends(p, sockets[i]))
			return "a socket by which one is root on the node";
	for (size_t i = ARRAY_SIZE(sensitive); i-- > 0;)
		if (covers(sensitive[i].path, sensitive[i].below, p))
			return sensitive[i].what;
	return NULL;
}

static void binds(const struct rule *rule, const struct ct *ct, struct findings *out,
		  bool want_sensitive, bool want_ro)
{
	_cleanup_(rule_binds_done) struct rule_binds b = { 0 };

	rule_binds_get(ct, &b);
	for (size_t i = 0; i < b.n; i++) {
		const struct rule_bind *m = &b.v[i];
		const char *what = why_sensitive(m->source);

		/* device nodes are the subject of other rules */
		if (!what && str_starts(m->source, "/dev/"))
			continue;
		if ((what != NULL) != want_sensitive || (what && m->ro != want_ro))
			continue;
		finding_add(
			out, rule, ct, m->key, m->line,
			what ? rule_fix_edit(ct, m->line,
					     m->ro ? "mount only what is needed of it"
						   : "mount only what is needed of it, "
						     "with ro=1")
			     : NULL,
			"%s of the node is at %s, %s%s%s", m->source, m->target,
			m->ro ? "read-only" : "writable", what ? ": " : "",
			what ? what : "");
	}
}

static void bind_sensitive_rw(const struct rule *rule, const struct ct *ct,
			      struct findings *out)
{
	binds(rule, ct, out, true, false);
}

const struct rule rule_bind_sensitive_rw = {
	.id = "bind-sensitive-rw",
	.severity = SEV_ERROR,
	.title = "a path that gives away the node",
	.why = "who can write there, or talk to it, is root of the node soon",
	.check = bind_sensitive_rw,
};

static void bind_sensitive_ro(const struct rule *rule, const struct ct *ct,
			      struct findings *out)
{
	binds(rule, ct, out, true, true);
}

const struct rule rule_bind_sensitive_ro = {
	.id = "bind-sensitive-ro",
	.severity = SEV_WARN,
	.title = "a delicate path, read-only",
	.why = "keys and settings of the node can be read by the guest; sockets work through "
	       "a read-only mount as well",
	.check = bind_sensitive_ro,
};

static void bind_host_path(const struct rule *rule, const struct ct *ct,
			   struct findings *out)
{
	binds(rule, ct, out, false, false);
}

const struct rule rule_bind_host_path = {
	.id = "bind-host-path",
	.severity = SEV_INFO,
	.title = "a path of the node inside",
	.why = "it is shared with the node: no backup has it, no snapshot is possible, and "
	       "the container moves only to nodes that have the path too",
	.check = bind_host_path,
};

static const char *mp_name(const struct pve_mp *m, char buf[16])
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (m->rootfs)
		return "rootfs";
	buf_addf(&b, "mp%u", m->n);
	memcpy(buf, buf_str(&b), MIN(b.n + 1, (size_t)16));
	return buf;
}

static int cmp_mp(const void *a, const void *b)
{
	const struct pve_mp *x = *(const struct pve_mp *const *)a,
			    *y = *(const struct pve_mp *const *)b;
	int r = strcmp(x->mp, y->mp);

	return r ? r : (x->n > y->n) - (x->n < y->n);
}

static void same_path(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;
	_cleanup_free_ const struct pve_mp **v = xcalloc(t->n_mps + 1, sizeof(*v));

	for (size_t i = 0; i < t->n_mps; i++)
		v[i] = &t->mps[i];
	if (t->n_mps)
		qsort(v, t->n_mps, sizeof(*v), cmp_mp);
	for (size_t i = 1; i < t->n_mps; i++) {
		char a[16], b[16];

		if (!str_eq(v[i - 1]->mp, v[i]->mp))
			continue;
		finding_add(out, rule, ct, mp_name(v[i], a), v[i]->line, NULL,
			    "%s and %s are both mounted at %s", mp_name(v[i - 1], b),
			    mp_name(v[i], a), v[i]->mp);
	}
}

const struct rule rule_mp_same_path = {
	.id = "mp-same-path",
	.severity = SEV_WARN,
	.title = "one mount hides another",
	.why = "what is in the lower one cannot be reached",
	.check = same_path,
};

static void quota(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;

	if (!ct_is_unprivileged(ct))
		return;
	for (size_t i = 0; i < t->n_mps; i++) {
		char name[16];

		if (t->mps[i].quota)
			finding_add(out, rule, ct, mp_name(&t->mps[i], name),
				    t->mps[i].line,
				    rule_fix_prop(ct, mp_name(&t->mps[i], name),
						  &t->mps[i].props, "quota", NULL),
				    "%s has quota=1 in an unprivileged container",
				    mp_name(&t->mps[i], name));
	}
}

const struct rule rule_quota_unprivileged = {
	.id = "quota-unprivileged",
	.severity = SEV_ERROR,
	.title = "quotas without privileges",
	.why = "PVE refuses to start an unprivileged container with quota=1",
	.check = quota,
};

static void backup_excluded(const struct rule *rule, const struct ct *ct,
			    struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;

	for (size_t i = 0; i < t->n_mps; i++) {
		const struct pve_mp *m = &t->mps[i];
		const char *reason;
		char *fix = NULL, name[16];

		if (pve_mp_in_backup(m))
			continue;
		if (m->type == PVE_MP_BIND)
			reason = "a bind mount";
		else if (m->type == PVE_MP_DEVICE)
			reason = "a device";
		else
			reason = m->backup_set ? "backup=0" : "no backup=1";
		if (m->type == PVE_MP_VOLUME)
			fix = rule_fix_prop(ct, mp_name(m, name), &m->props, "backup",
					    "1");
		finding_add(out, rule, ct, mp_name(m, name), m->line, fix,
			    "%s (%s) is in no backup: %s", mp_name(m, name), m->mp,
			    reason);
		if (m->type != PVE_MP_VOLUME) /* it cannot be otherwise */
			out->v[out->n - 1].severity = SEV_INFO;
	}
}

const struct rule rule_backup_excluded = {
	.id = "backup-excluded",
	.severity = SEV_WARN,
	.title = "left out of every backup",
	.why = "vzdump takes rootfs and the volumes that say backup=1; a restore comes back "
	       "without the rest",
	.check = backup_excluded,
};

static void no_snapshot(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;
	_cleanup_(buf_done) struct buf b = { 0 };
	uint32_t line = 0;

	for (size_t i = 0; i < t->n_mps; i++) {
		const struct pve_mp *m = &t->mps[i];
		char name[16];

		if (m->type == PVE_MP_VOLUME)
			continue;
		line = line ? line : m->line;
		buf_addf(&b, "%s%s (%s)", b.n ? ", " : "", mp_name(m, name),
			 m->type == PVE_MP_BIND ? "bind mount" : "device");
	}
	if (b.n)
		finding_add(out, rule, ct, NULL, line, NULL,
			    "no snapshot is possible because of %s", buf_str(&b));
}

const struct rule rule_no_snapshot = {
	.id = "no-snapshot",
	.severity = SEV_INFO,
	.title = "snapshots are not possible",
	.why = "one mount that cannot do it is enough: \"snapshot feature is not available\"; "
	       "backups in snapshot mode look only at what they back up",
	.check = no_snapshot,
};
