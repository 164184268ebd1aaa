/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/idranges.h"
#include "rule/rule.h"

/* Paths of the node inside a container, and what mount points cost elsewhere. */

static const struct {
	const char *path;
	bool below; /* what is below it, too */
	const char *what;
	bool open;    /* there is nothing in it that not everybody may read */
	bool sockets; /* of services that are root */
} sensitive[] = {
	{ "/", false, "the whole root file system of the node" },
	{ "/boot", true, "the node's kernels and boot loader", true },
	{ "/dev", false, "the node's device nodes" },
	{ "/etc", false, "the node's configuration" },
	{ "/etc/apt", true, "where the node's programs come from", true },
	{ "/etc/ctscope", true, "ctscope's settings" },
	{ "/etc/cron.d", true, "jobs that run as root on the node", true },
	{ "/etc/cron.daily", true, "jobs that run as root on the node", true },
	{ "/etc/cron.hourly", true, "jobs that run as root on the node", true },
	{ "/etc/cron.monthly", true, "jobs that run as root on the node", true },
	{ "/etc/cron.weekly", true, "jobs that run as root on the node", true },
	{ "/etc/crontab", false, "jobs that run as root on the node", true },
	{ "/etc/default", true, "what services of the node start with", true },
	{ "/etc/dpkg", true, "what the node's installer does as root", true },
	{ "/etc/environment", false, "what every login to the node starts with", true },
	{ "/etc/fstab", false, "what the node mounts", true },
	{ "/etc/group", false, "the node's users", true },
	{ "/etc/gshadow", false, "the node's passwords" },
	{ "/etc/init.d", true, "services that run as root on the node", true },
	{ "/etc/initramfs-tools", true, "what the node boots with", true },
	{ "/etc/kernel", true, "scripts that run as root on the node", true },
	{ "/etc/ld.so.conf", false, "what every program of the node loads", true },
	{ "/etc/ld.so.conf.d", true, "what every program of the node loads", true },
	{ "/etc/ld.so.preload", false, "what every program of the node loads", true },
	{ "/etc/logrotate.d", true, "jobs that run as root on the node", true },
	{ "/etc/lxc", true, "what LXC reads as root for every container", true },
	{ "/etc/modprobe.d", true, "commands that run as root on the node", true },
	{ "/etc/network", true, "scripts that run as root on the node", true },
	{ "/etc/pam.d", true, "who may log in to the node", true },
	{ "/etc/profile.d", true, "what root's shell runs", true },
	{ "/etc/pve", true, "the cluster's configuration and keys" },
	{ "/etc/security", true, "who may log in to the node", true },
	{ "/etc/ssh", true, "the node's SSH keys" },
	{ "/etc/ssl/private", true, "the node's keys" },
	{ "/etc/sudoers", false, "who may be root on the node" },
	{ "/etc/sudoers.d", true, "who may be root on the node" },
	{ "/etc/systemd", true, "services that run as root on the node", true },
	{ "/etc/udev", true, "commands that run as root on the node", true },
	{ "/etc/shadow", false, "the node's passwords" },
	{ "/etc/passwd", false, "the node's users", true },
	{ "/etc/vzdump.conf", false, "the script that every backup runs as root", true },
	{ "/lib", true, "the node's programs", true },
	{ "/lib64", true, "the node's programs", true },
	{ "/proc", true, "the node's kernel settings" },
	{ "/root", true, "root's home, with keys and shell start-up files" },
	{ "/run", false, "the sockets of the node's services", .sockets = true },
	{ "/run/ctscope", true, "what ctscope recorded of all containers" },
	{ "/run/lock/lxc", true, "the locks of the other containers" },
	{ "/run/pve", true, "PVE's own files and sockets" },
	{ "/run/systemd", true, "the node's systemd", .sockets = true },
	{ "/sys", true, "the node's devices and kernel settings" },
	{ "/usr", false, "the node's programs", true },
	{ "/usr/bin", true, "the node's programs", true },
	{ "/usr/lib", true, "the node's programs", true },
	{ "/usr/lib64", true, "the node's programs", true },
	{ "/usr/libexec", true, "the node's programs", true },
	{ "/usr/sbin", true, "the node's programs", true },
	{ "/usr/local", false, "the node's programs", true },
	{ "/usr/local/bin", true, "the node's programs", true },
	{ "/usr/local/lib", true, "the node's programs", true },
	{ "/usr/local/libexec", true, "the node's programs", true },
	{ "/usr/local/sbin", true, "the node's programs", true },
	{ "/usr/share", false, "the node's programs, PVE's own among them", true },
	{ "/usr/share/lxc", true, "what LXC reads as root for every container", true },
	{ "/usr/share/perl5", true, "the node's programs, PVE's own among them", true },
	{ "/bin", true, "the node's programs", true },
	{ "/sbin", true, "the node's programs", true },
	{ "/var", false, "the node's state, PVE's database in it" },
	{ "/var/lib", false, "the node's state, PVE's database in it" },
	{ "/var/lib/containerd", false, "the containers of containerd" },
	{ "/var/lib/ctscope", true, "what ctscope recorded of all containers" },
	{ "/var/lib/docker", false, "the containers of Docker" },
	{ "/var/lib/dpkg", true, "what the node's installer does as root", true },
	{ "/var/lib/lxc", true, "the other containers" },
	{ "/var/lib/pve-cluster", true, "the cluster's database" },
	{ "/var/lib/vz", false, "the volumes of other guests" },
	{ "/var/lib/vz/dump", true, "the backups of other guests" },
	{ "/var/lib/vz/images", false, "the volumes of other guests" },
	{ "/var/lib/vz/snippets", true, "hook scripts that run as root on the node",
	  true },
	{ "/var/spool", false, "jobs that run as root on the node" },
	{ "/var/spool/cron", true, "jobs that run as root on the node" },
};

static bool covers(const char *path, bool below, const char *source)
{
	size_t n = strlen(path);

	if (strncmp(source, path, n) != 0)
		return false;
	return !source[n] || (below && n > 1 && source[n] == '/');
}

/* Who may talk to these is root of the node, or as good as. */
static const struct {
	const char *path;
	bool below; /* what is below it, too */
	const char *whose;
} root_sockets[] = {
	{ "/run/containerd", true, "containerd" },
	{ "/run/crio", true, "CRI-O" },
	{ "/run/dbus", true, "the system bus" },
	{ "/run/docker", true, "Docker" },
	{ "/run/incus", true, "Incus" },
	{ "/run/libvirt", true, "libvirt" },
	{ "/run/lxd", true, "LXD" },
	{ "/run/podman", true, "Podman" },
	{ "/run/pve-cluster", true, "the cluster's file system" },
	{ "/run/qemu-server", true, "the virtual machines" },
	{ "/run/systemd/private", false, "systemd" },
	{ "/var/lib/incus/unix.socket", false, "Incus" },
	{ "/var/lib/lxd/unix.socket", false, "LXD" },
};

/* The same wherever they were put. */
static const struct {
	const char *name, *whose;
} root_socket_names[] = {
	{ "/buildkitd.sock", "BuildKit" },
	{ "/containerd.sock", "containerd" },
	{ "/crio.sock", "CRI-O" },
	{ "/docker.sock", "Docker" },
	{ "/libvirt-sock", "libvirt" },
	{ "/podman.sock", "Podman" },
	{ "/system_bus_socket", "the system bus" },
};

const char *rule_root_socket(const char *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(root_socket_names); i++)
		if (str_ends(p, root_socket_names[i].name))
			return root_socket_names[i].whose;
	for (size_t i = 0; i < ARRAY_SIZE(root_sockets); i++)
		if (covers(root_sockets[i].path, root_sockets[i].below, p))
			return root_sockets[i].whose;
	return NULL;
}

/* Nothing but its name says that it is one. */
static bool is_other_socket(const char *p)
{
	static const char *const ends[] = { ".sock", ".socket", "-sock", "/socket" };

	for (size_t i = 0; !rule_root_socket(p) && i < ARRAY_SIZE(ends); i++)
		if (str_ends(p, ends[i]))
			return true;
	return false;
}

bool rule_is_socket(const char *p)
{
	return rule_root_socket(p) || is_other_socket(p);
}

const char *rule_sensitive(const char *p, bool ro)
{
	for (size_t i = ARRAY_SIZE(sensitive); !rule_is_socket(p) && i-- > 0;)
		if (covers(sensitive[i].path, sensitive[i].below, p))
			return ro && sensitive[i].open ? NULL : sensitive[i].what;
	return NULL;
}

bool rule_holds_sockets(const char *p)
{
	for (size_t i = 0; !rule_is_socket(p) && i < ARRAY_SIZE(sensitive); i++)
		if (sensitive[i].sockets &&
		    covers(sensitive[i].path, sensitive[i].below, p))
			return true;
	return false;
}

typedef void bind_fn(const struct rule *rule, const struct ct *ct,
		     const struct rule_bind *b, const char *source, struct findings *out);

static void each_bind(const struct rule *rule, const struct ct *ct, bind_fn *fn,
		      struct findings *out)
{
	_cleanup_(rule_binds_done) struct rule_binds b = { 0 };

	rule_binds_get(ct, &b);
	for (size_t i = 0; i < b.n; i++) {
		_cleanup_free_ char *source = rule_tidy(b.v[i].source);

		fn(rule, ct, &b.v[i], source, out);
	}
}

static void socket_root_one(const struct rule *rule, const struct ct *ct,
			    const struct rule_bind *b, const char *source,
			    struct findings *out)
{
	const char *whose = rule_root_socket(source);

	if (whose)
		finding_add(out, rule, ct, b->key, b->line,
			    rule_fix_bind(ct, b, NULL, NULL, "remove it"),
			    "%s of the node is at %s: it commands %s%s", b->source,
			    b->target, whose, b->ro ? ", read-only or not" : "");
}

static void socket_root(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	each_bind(rule, ct, socket_root_one, out);
}

const struct rule rule_host_socket_root = {
	.id = "host-socket-root",
	.severity = SEV_ERROR,
	.title = "a socket by which one is root on the node",
	.why = "what answers there acts as root of the node for whoever may talk to it; a "
	       "read-only mount keeps nobody from connecting",
	.check = socket_root,
};

static void socket_one(const struct rule *rule, const struct ct *ct,
		       const struct rule_bind *b, const char *source,
		       struct findings *out)
{
	if (is_other_socket(source))
		finding_add(out, rule, ct, b->key, b->line,
			    rule_fix_bind(ct, b, NULL, NULL, "remove it"),
			    "%s of the node is at %s", b->source, b->target);
}

static void socket_other(const struct rule *rule, const struct ct *ct,
			 struct findings *out)
{
	each_bind(rule, ct, socket_one, out);
}

const struct rule rule_host_socket = {
	.id = "host-socket",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
	.title = "a socket of a service of the node",
	.why = "the guest talks to a service that runs outside of it, past every packet "
	       "filter; read-only or not makes no difference",
	.check = socket_other,
};

static void add_sensitive(const struct rule *rule, const struct ct *ct,
			  const struct rule_bind *b, const char *what, bool ro_helps,
			  struct findings *out)
{
	char *fix =
		ro_helps ? rule_fix_bind(ct, b, "ro", "1",
					 "mount only what is needed of it, with ro "
					 "among its options")
			 : rule_fix_edit(ct, b->line, "mount only what is needed of it");

	finding_add(out, rule, ct, b->key, b->line, fix,
		    "%s of the node is at %s, %s: %s", b->source, b->target,
		    b->ro ? "read-only" : "read-write", what);
}

const char rule_only_modes[] =
	"root inside is another user to the node, so what may be written is what the file "
	"modes let others, or that user, write: one chown or chmod there and it is root of "
	"the node";

static void sensitive_rw_one(const struct rule *rule, const struct ct *ct,
			     const struct rule_bind *b, const char *source,
			     struct findings *out)
{
	const char *what = rule_sensitive(source, false);

	if (!what || b->ro)
		return;
	add_sensitive(rule, ct, b, what, !rule_holds_sockets(source), out);
	if (!idranges_has_root_at(ct, b->mp))
		finding_amend(out, SEV_WARN, rule_only_modes);
}

static const char root_connects[] =
	"root inside is root of the node, and connects to every socket there: a read-only "
	"mount keeps nobody from that";

static void sensitive_ro_one(const struct rule *rule, const struct ct *ct,
			     const struct rule_bind *b, const char *source,
			     struct findings *out)
{
	const char *what = rule_sensitive(source, true);

	if (!what || !b->ro)
		return;
	add_sensitive(rule, ct, b, what, false, out);
	if (rule_holds_sockets(source) && idranges_has_root_at(ct, b->mp))
		finding_amend(out, SEV_ERROR, root_connects);
}

static void bind_sensitive_rw(const struct rule *rule, const struct ct *ct,
			      struct findings *out)
{
	each_bind(rule, ct, sensitive_rw_one, out);
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
	each_bind(rule, ct, sensitive_ro_one, out);
}

const struct rule rule_bind_sensitive_ro = {
	.id = "bind-sensitive-ro",
	.severity = SEV_WARN,
	.title = "a delicate path, read-only",
	.why = "what the file modes let it read of the node's keys and settings the guest "
	       "reads, root inside a privileged one everything; sockets that are below it "
	       "work through a read-only mount as well",
	.check = bind_sensitive_ro,
};

/* Device nodes and sockets are the subject of other rules. */
static void host_path_one(const struct rule *rule, const struct ct *ct,
			  const struct rule_bind *b, const char *source,
			  struct findings *out)
{
	if (!rule_sensitive(source, b->ro) && !rule_root_socket(source) &&
	    !is_other_socket(source) && !str_starts(source, "/dev/"))
		finding_add(out, rule, ct, b->key, b->line, NULL,
			    "%s of the node is at %s, %s", b->source, b->target,
			    b->ro ? "read-only" : "read-write");
}

static void bind_host_path(const struct rule *rule, const struct ct *ct,
			   struct findings *out)
{
	each_bind(rule, ct, host_path_one, out);
}

const struct rule rule_bind_host_path = {
	.id = "bind-host-path",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "a path of the node inside",
	.why = "it is shared with the node: no backup has it, no snapshot is possible, and "
	       "the container moves only to nodes that have the path too",
	.check = bind_host_path,
};

static void suid_one(const struct rule *rule, const struct ct *ct,
		     const struct rule_bind *b, const char *source, struct findings *out)
{
	const char *how;

	if (b->ro || rule_is_socket(source) || str_starts(source, "/dev/") ||
	    covers("/proc", true, source) || covers("/sys", true, source) ||
	    !idranges_has_root_at(ct, b->mp))
		return;
	how = idranges_has_root(ct) ? "" : ": its idmap= makes root inside that there";
	finding_add(out, rule, ct, b->key, b->line,
		    rule_fix_bind(ct, b, "ro", "1", "add ro to its options"),
		    "%s of the node is writable by root of the node inside, at %s%s",
		    b->source, b->target, how);
}

static void bind_suid(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	each_bind(rule, ct, suid_one, out);
}

const struct rule rule_bind_suid = {
	.id = "bind-suid",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
	.title = "setuid programs from inside",
	.why = "a setuid-root program that root inside puts there is one on the node, too, for "
	       "whoever of its users runs it; nosuid on the node's own mount helps, nosuid "
	       "inside does not",
	.check = bind_suid,
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

static const char *prop_of(const struct pve_mp *m, const char *key)
{
	for (size_t i = 0; i < m->props.n; i++)
		if (str_eq(m->props.v[i].key, key))
			return m->props.v[i].value;
	return NULL;
}

static void mp_idmap(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;

	for (size_t i = 0; i < t->n_mps; i++) {
		const struct pve_mp *m = &t->mps[i];
		const char *map = prop_of(m, "idmap");
		char name[16];

		if (map)
			finding_add(out, rule, ct, mp_name(m, name), m->line, NULL,
				    "%s has idmap=%s%s", mp_name(m, name), map,
				    idranges_has_root_at(ct, m)
					    ? ": what is root's on it is root's of the "
					      "node"
					    : "");
	}
}

const struct rule rule_mp_idmap = {
	.id = "mp-idmap",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "a mount point with ids of its own",
	.why = "that map, not the container's, says who owns the files on it: where the node "
	       "or another container has the same file system they are those users there, "
	       "setuid programs too",
	.check = mp_idmap,
};

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

	/* PVE asks for that key alone, not for an lxc.idmap */
	if (!pveconf_bool(&ct->conf->main, "unprivileged", false))
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

/* STORAGE:iso/NAME: it is there to be had again. */
static bool is_iso(const struct pve_mp *m)
{
	const char *colon = strchr(m->volume, ':');

	return m->type == PVE_MP_VOLUME && colon && str_starts(colon + 1, "iso/");
}

static void backup_excluded(const struct rule *rule, const struct ct *ct,
			    struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;

	for (size_t i = 0; i < t->n_mps; i++) {
		const struct pve_mp *m = &t->mps[i];
		const char *reason;
		bool can = m->type == PVE_MP_VOLUME && !is_iso(m);
		char *fix = NULL, name[16];

		if (pve_mp_in_backup(m))
			continue;
		if (m->type == PVE_MP_BIND)
			reason = "a bind mount";
		else if (m->type == PVE_MP_DEVICE)
			reason = "a device";
		else if (is_iso(m))
			reason = "an ISO image";
		else
			reason = m->backup_set ? "backup=0" : "no backup=1";
		if (can)
			fix = rule_fix_prop(ct, mp_name(m, name), &m->props, "backup",
					    "1");
		finding_add(out, rule, ct, mp_name(m, name), m->line, fix,
			    "%s (%s) is in no backup: %s", mp_name(m, name), m->mp,
			    reason);
		if (!can) /* it cannot be otherwise, or need not */
			finding_amend(out, SEV_INFO, NULL);
	}
}

const struct rule rule_backup_excluded = {
	.id = "backup-excluded",
	.severity = SEV_WARN,
	.homelab = LEVEL_INFO,
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
	.homelab = LEVEL_OFF,
	.title = "snapshots are not possible",
	.why = "one mount that cannot do it is enough: \"snapshot feature is not available\"; "
	       "backups in snapshot mode look only at what they back up",
	.check = no_snapshot,
};
