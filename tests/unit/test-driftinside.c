/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <drift.h>
#include <errno.h>
#include <lxcstart.h>

#include "pveconf.h"
#include "read/lxcstart.h"
#include "read/mountinfo.h"
#include "read/pveconf.h"
#include "read/resolvconf.h"
#include "read/storage.h"
#include "rule/drift.h"
#include "rule/mountjoin.h"

/* What of a container is looked at inside: mounts, devices, names. */

static const char *const conf_minimal =
	"arch: amd64\nhostname: a\nmemory: 512\nostype: debian\n"
	"rootfs: local:100/x.raw,size=1G\nswap: 0\nunprivileged: 1\n";

#define START_HEAD                                                                       \
	"lxc.arch = amd64\nlxc.apparmor.profile = generated\n"                           \
	"lxc.seccomp.profile = /var/lib/lxc/100/rules.seccomp\n"                         \
	"lxc.mount.auto = sys:mixed\n"                                                   \
	"lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n"                   \
	"lxc.tty.max = 2\nlxc.uts.name = a\n"                                            \
	"lxc.cgroup2.memory.max = 536870912\n"                                           \
	"lxc.cgroup2.memory.high = 532676608\n"                                          \
	"lxc.cgroup2.memory.swap.max = 0\n"                                              \
	"lxc.rootfs.path = /var/lib/lxc/100/rootfs\n"

struct setup {
	struct ct ct;
	struct lxcstart start;
	struct drift_facts f;
	struct drift d;
};

static void setup_done(struct setup *s)
{
	ct_done(&s->ct);
	lxcstart_done(&s->start);
	drift_done(&s->d);
}

/* `start` NULL: nothing is known of it. */
static struct setup setup(const char *conf, const char *start)
{
	struct setup s = { .ct = { .vmid = 100, .here = true, .state = CT_RUNNING } };
	struct err err = { 0 };

	s.ct.conf = xcalloc(1, sizeof(*s.ct.conf));
	CHECK(pveconf_parse(conf, strlen(conf), 100, s.ct.conf, &err) == 0, "%s",
	      err.msg);
	s.ct.init_pid = 4711;
	if (start) {
		lxcstart_parse(span_str(start), &s.start);
		s.start.of_start = true;
	}
	return s;
}

/* ---- mounts ---- */

static const char *const conf_mounts =
	"arch: amd64\nhostname: a\nmemory: 512\nostype: debian\n"
	"rootfs: lvm:vm-100-disk-0,size=1G\nswap: 0\nunprivileged: 1\n"
	"mp0: lvm:vm-100-disk-1,mp=/data,mountoptions=nosuid;noatime;discard\n"
	"mp1: /srv/share,mp=/mnt/share,ro=1\n";

#define ROOT_LINE "1 0 253:0 / / rw - ext4 /dev/mapper/pve-vm--100--disk--0 rw\n"
#define DATA_LINE                                                                        \
	"2 1 253:1 / /data rw,nosuid,noatime - ext4 /dev/mapper/pve-vm--100--disk--1 "   \
	"rw\n"
#define SHARE_LINE "3 1 8:1 /srv/share /mnt/share ro - ext4 /dev/sda1 rw\n"
#define NODE_LINE                                                                        \
	"9 0 8:1 / / rw - ext4 /dev/sda1 rw\n10 9 0:25 / /run rw - tmpfs tmpfs rw\n"

struct joined {
	struct setup s;
	struct storages storages;
	struct mounts inside, host;
	struct mounttree tree, host_tree;
	struct hostpaths links;
	struct ctmounts all;
};

static void joined_done(struct joined *j)
{
	ctmounts_done(&j->all);
	mounttree_done(&j->tree);
	mounttree_done(&j->host_tree);
	mounts_done(&j->inside);
	mounts_done(&j->host);
	storages_done(&j->storages);
	setup_done(&j->s);
}

static void join_all(struct joined *j, const char *conf, const char *inside,
		     const char *link, const char *real, const struct blocknames *devices)
{
	static const char cfg[] = "lvmthin: lvm\n\tvgname pve\n\tthinpool data\n\n"
				  "rbd: rbd\n\tpool rp\n\tcontent rootdir\n";
	struct hostpath at = { .path = (char *)(uintptr_t)link,
			       .real = (char *)(uintptr_t)real,
			       .error = real ? 0 : -ENOENT };
	struct mountjoin in = { .vmid = 100, .devices = devices };

	*j = (struct joined){ .s = setup(conf, NULL) };
	CHECK(storage_parse(cfg, sizeof(cfg) - 1, &j->storages, NULL) == 0, "storage");
	mountinfo_parse(inside, strlen(inside), &j->inside);
	mountinfo_parse(NODE_LINE, sizeof(NODE_LINE) - 1, &j->host);
	mounttree_build(&j->inside, &j->tree);
	mounttree_build(&j->host, &j->host_tree);
	in.conf = j->s.ct.conf;
	in.storages = &j->storages;
	in.inside = &j->tree;
	in.host = &j->host_tree;
	if (link) {
		j->links = (struct hostpaths){ &at, 1 };
		in.links = &j->links;
	}
	mountjoin(&in, &j->all);
	j->links = (struct hostpaths){ 0 };
	j->s.f.ct = &j->s.ct;
	j->s.f.inside = &j->tree;
	j->s.f.host = &j->host_tree;
	j->s.f.mounts = &j->all;
	j->s.d.vmid = 100;
	drift_mounts(&j->s.f, &j->s.d);
}

static void join(struct joined *j, const char *conf, const char *inside, const char *link,
		 const char *real)
{
	join_all(j, conf, inside, link, real, NULL);
}

static void join_devices(struct joined *j, const char *conf, const char *inside,
			 const struct blocknames *devices)
{
	join_all(j, conf, inside, NULL, NULL, devices);
}

/* The one difference there is: its key and what runs. */
static void only(struct joined *j, const char *key, const char *running, const char *what)
{
	const struct drift *d = &j->s.d;

	CHECK(d->n == 1, "%s: %zu differences", what, d->n);
	if (d->n != 1)
		return;
	CHECK_STR(d->v[0].key, key);
	CHECK(str_eq(d->v[0].running, running), "%s: %s", what,
	      d->v[0].running ? d->v[0].running : "(nothing)");
}

static void no_drift(struct joined *j, size_t gaps, const char *what)
{
	const struct drift *d = &j->s.d;

	CHECK(d->n == 0 && d->n_gaps == gaps, "%s: %zu differences (%s), %zu gaps", what,
	      d->n, d->n ? d->v[0].key : "", d->n_gaps);
}

static void mounts_as_configured_are_silent(void)
{
	_cleanup_(joined_done) struct joined j;

	join(&j, conf_mounts, ROOT_LINE DATA_LINE SHARE_LINE, NULL, NULL);
	no_drift(&j, 0, "as configured");
	CHECK(j.s.d.n_compared == 7, "%zu", j.s.d.n_compared);
}

static void a_mount_that_is_missing_or_of_another_volume_is_told(void)
{
	static const struct {
		const char *inside, *key, *running;
	} v[] = {
		{ ROOT_LINE SHARE_LINE, "mp0", NULL },
		{ ROOT_LINE SHARE_LINE "2 1 253:7 / /data rw,nosuid,noatime - ext4 "
				       "/dev/mapper/pve-vm--107--disk--1 rw\n",
		  "mp0", "/dev/mapper/pve-vm--107--disk--1" },
		{ ROOT_LINE SHARE_LINE "2 1 253:1 / /data ro,nosuid,noatime - ext4 "
				       "/dev/mapper/pve-vm--100--disk--1 rw\n",
		  "mp0.ro", "1" },
		{ ROOT_LINE SHARE_LINE "2 1 253:1 / /data rw,nosuid,noatime - ext4 "
				       "/dev/mapper/pve-vm--100--disk--1 ro\n",
		  "mp0.ro", "1 (the file system itself)" },
		{ ROOT_LINE SHARE_LINE "2 1 253:1 / /data rw,noatime - ext4 "
				       "/dev/mapper/pve-vm--100--disk--1 rw\n",
		  "mp0.mountoptions", "not nosuid" },
		{ ROOT_LINE DATA_LINE SHARE_LINE "4 2 0:77 / /data rw - tmpfs none rw\n",
		  "mp0", "none (tmpfs) lies over it" },
		{ ROOT_LINE DATA_LINE
		  "3 1 8:1 /srv/share /mnt/share rw - ext4 /dev/sda1 rw\n",
		  "mp1.ro", "0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		_cleanup_(joined_done) struct joined j;

		join(&j, conf_mounts, v[i].inside, NULL, NULL);
		only(&j, v[i].key, v[i].running, v[i].inside);
		CHECK(j.s.d.n_gaps == 0, "%zu gaps", j.s.d.n_gaps);
	}
}

/* PVE leaves options about writing out where nothing is written. */
static void what_is_read_only_has_fewer_options(void)
{
	static const char conf[] = "mp0: lvm:vm-100-disk-1,mp=/data,ro=1,"
				   "mountoptions=nosuid;noatime;lazytime\n";
	static const char line[] = "2 1 253:1 / /data ro%s,relatime - ext4 "
				   "/dev/mapper/pve-vm--100--disk--1 ro\n";
	_cleanup_free_ char *as_made = xasprintf(line, ",nosuid");
	_cleanup_free_ char *without = xasprintf(line, "");
	_cleanup_(joined_done) struct joined j, k;

	join(&j, conf, as_made, NULL, NULL);
	no_drift(&j, 0, "as PVE mounts it");
	join(&k, conf, without, NULL, NULL);
	only(&k, "mp0.mountoptions", "not nosuid", "without nosuid");
}

static void a_directory_is_told_apart_by_where_its_links_lead(void)
{
	static const char inside[] = ROOT_LINE DATA_LINE
		"3 1 8:1 /srv/old /mnt/share ro - ext4 /dev/sda1 rw\n";
	static const char gone[] = ROOT_LINE DATA_LINE
		"3 1 8:1 /srv/share//deleted /mnt/share ro - ext4 /dev/sda1 rw\n";
	_cleanup_(joined_done) struct joined unknown, same, other, none, deleted;

	join(&unknown, conf_mounts, inside, NULL, NULL);
	no_drift(&unknown, 1, "where links lead is not known");
	join(&same, conf_mounts, inside, "/srv/share", "/srv/old");
	no_drift(&same, 0, "a link to it");
	join(&other, conf_mounts, inside, "/srv/share", "/srv/share");
	only(&other, "mp1", "/srv/old of /dev/sda1", "no link: another directory");
	CHECK_STR(other.s.d.v[0].fix, "pct reboot 100");
	join(&none, conf_mounts, inside, "/srv/share", NULL);
	only(&none, "mp1", "/srv/old of /dev/sda1", "it is not there any more");
	CHECK(!strstr(none.s.d.v[0].fix, "pct reboot"), "%s", none.s.d.v[0].fix);
	join(&deleted, conf_mounts, gone, "/srv/share", "/srv/share");
	only(&deleted, "mp1", "/srv/share of /dev/sda1, which was removed",
	     "removed and made anew");
}

#define GUESTS                                                                           \
	"10 1 0:5 / /proc rw - proc proc rw\n10 1 0:9 / /tmp rw - tmpfs tmpfs rw\n"      \
	"11 1 253:0 /var/x /home rw - ext4 /dev/mapper/pve-vm--100--disk--0 rw\n"        \
	"12 1 0:40 / /merged rw - overlay overlay rw\n"                                  \
	"13 3 0:41 / /mnt/share/nas rw - nfs4 nas:/x rw\n"

static void a_mount_that_no_config_has_is_told_where_no_guest_can_have_made_it(void)
{
	static const char more[] = ROOT_LINE DATA_LINE SHARE_LINE
		"5 1 253:9 / /opt rw - ext4 /dev/mapper/pve-vm--100--disk--2 rw\n";
	static const char below[] = ROOT_LINE DATA_LINE SHARE_LINE
		"5 1 8:1 /etc /opt rw - ext4 /dev/sda1 rw\n";
	static const char run[] =
		ROOT_LINE DATA_LINE SHARE_LINE "5 1 0:25 /x /opt rw - tmpfs tmpfs rw\n";
	static const char *const common[] = { "opt" };
	_cleanup_free_ char *privileged = xstrdup(conf_mounts), *hooks = NULL;
	_cleanup_(joined_done) struct joined own, extra, dir, tmp, priv, hook, all;

	join(&own, conf_mounts, ROOT_LINE DATA_LINE SHARE_LINE GUESTS, NULL, NULL);
	no_drift(&own, 0, "what a guest mounts itself");
	join(&extra, conf_mounts, more, NULL, NULL);
	only(&extra, "mount /opt", "/dev/mapper/pve-vm--100--disk--2", "a volume");
	CHECK(!extra.s.d.v[0].configured && !extra.s.d.v[0].fix, "no fix");
	join(&dir, conf_mounts, below, NULL, NULL);
	only(&dir, "mount /opt", "/etc of /dev/sda1", "a directory of the node");
	join(&tmp, conf_mounts, run, NULL, NULL);
	only(&tmp, "mount /opt", "/x of tmpfs", "a tmpfs of the node");
	*strstr(privileged, "unprivileged: 1") = '#';
	join(&priv, privileged, more, NULL, NULL);
	no_drift(&priv, 0, "a privileged one may have done it");
	hooks = xasprintf("%slxc.hook.mount: /x\n", conf_mounts);
	join(&hook, hooks, more, NULL, NULL);
	no_drift(&hook, 0, "a hook may have done it");
	drift_done(&extra.s.d);
	extra.s.f.common_hooks = true;
	drift_mounts(&extra.s.f, &extra.s.d);
	no_drift(&extra, 0, "a hook of all containers may have done it");
	join(&all, conf_mounts, ROOT_LINE, NULL, NULL);
	drift_done(&all.s.d);
	mounts_done(&all.inside);
	mountinfo_parse(more, sizeof(more) - 1, &all.inside);
	mounttree_done(&all.tree);
	mounttree_build(&all.inside, &all.tree);
	ctmounts_done(&all.all);
	mountjoin(&(struct mountjoin){ .vmid = 100,
				       .conf = all.s.ct.conf,
				       .storages = &all.storages,
				       .inside = &all.tree,
				       .host = &all.host_tree },
		  &all.all);
	all.s.f.common_mounts = common;
	all.s.f.n_common_mounts = 1;
	drift_mounts(&all.s.f, &all.s.d);
	no_drift(&all, 0, "a file of LXC's own says so for all");
}

static void an_entry_is_compared_where_it_was_there_at_the_start(void)
{
	static const char entry[] = "lxc.mount.entry = /srv/share srv none bind 0 0\n";
	_cleanup_free_ char *conf =
		xasprintf("%slxc.mount.entry: /srv/share srv none bind 0 "
			  "0\n",
			  conf_minimal);
	_cleanup_free_ char *start = xasprintf("%s%s", START_HEAD, entry);
	_cleanup_(joined_done) struct joined j;

	join(&j, conf, "1 0 8:3 / / rw - ext4 /dev/loop0 rw\n", NULL, NULL);
	CHECK(j.s.d.n == 0, "of when it is is not known: %zu", j.s.d.n);
	lxcstart_parse(span_str(start), &j.s.start);
	j.s.start.of_start = true;
	j.s.f.start = &j.s.start;
	drift_done(&j.s.d);
	j.s.d.vmid = 100;
	drift_mounts(&j.s.f, &j.s.d);
	only(&j, "lxc.mount.entry /srv", NULL, "unmounted since");
}

/* ---- devices ---- */

static const char *const conf_dev =
	"arch: amd64\nhostname: a\nmemory: 512\nostype: debian\n"
	"rootfs: lvm:vm-100-disk-0,size=1G\nswap: 0\nunprivileged: 1\n"
	"dev0: /dev/net/tun,gid=5\n";

#define TUN_LINE "4 1 0:75 /dev/net/tun /dev/net/tun rw - tmpfs none rw\n"

struct devs {
	struct joined j;
	struct drift_dev d;
	struct passthrough p;
	struct ctsec sec;
	struct idmap_line map;
};

static void devs(struct devs *v, const char *conf, const char *inside)
{
	*v = (struct devs){ 0 };
	join(&v->j, conf, inside, NULL, NULL);
	drift_done(&v->j.s.d);
	v->j.s.d.vmid = 100;
	v->d.host = (struct devnode){ .there = ANSWER_YES,
				      .device = true,
				      .major = 10,
				      .minor = 200,
				      .mode = 0666,
				      .fs_minor = 6 };
	v->d.made = v->d.host;
	v->d.made.mode = 0660;
	v->d.made.uid = 100000;
	v->d.made.gid = 100005;
	v->d.made.fs_minor = 75;
	v->p = (struct passthrough){ .present = true, .fs_minor = 75 };
	v->map = (struct idmap_line){ 0, 100000, 65536 };
	v->sec = (struct ctsec){ .uid_got = SEC_GOT, .gid_got = SEC_GOT, .n_procs = 1 };
	v->sec.uids = (struct idmap){ &v->map, 1 };
	v->sec.gids = (struct idmap){ &v->map, 1 };
	v->j.s.f.sec = &v->sec;
	v->j.s.f.passthrough = &v->p;
	v->j.s.f.devs = &v->d;
	v->j.s.f.n_devs = v->j.s.ct.conf->typed.n_devs;
	v->d.dev = v->j.s.ct.conf->typed.devs;
}

static void look_at_devs(struct devs *v)
{
	drift_done(&v->j.s.d);
	v->j.s.d.vmid = 100;
	drift_devices(&v->j.s.f, &v->j.s.d);
}

static void a_device_as_configured_is_silent(void)
{
	struct devs v;

	devs(&v, conf_dev, ROOT_LINE TUN_LINE);
	look_at_devs(&v);
	no_drift(&v.j, 0, "as configured");
	CHECK(v.j.s.d.n_compared == 4, "%zu", v.j.s.d.n_compared);
	v.d.made.there = ANSWER_UNKNOWN;
	look_at_devs(&v);
	no_drift(&v.j, 1, "of a node that is not seen nothing is said");
	v.p.present = false;
	look_at_devs(&v);
	no_drift(&v.j, 1, "nor of one that PVE did not make");
	joined_done(&v.j);
}

static void each_property_of_a_device_is_compared(void)
{
	struct devs v;

	devs(&v, conf_dev, ROOT_LINE TUN_LINE);
	v.d.host.minor = 201;
	look_at_devs(&v);
	only(&v.j, "dev0", "/dev/net/tun (c 10:200)", "the node's has another number");
	v.d.host.minor = 200;
	v.d.made.mode = 0666;
	look_at_devs(&v);
	only(&v.j, "dev0.mode", "0666", "mode");
	v.d.made.mode = 0660;
	v.d.made.gid = 100000;
	look_at_devs(&v);
	only(&v.j, "dev0.gid", "100000 of the node", "gid");
	v.d.made.gid = 100005;
	v.d.host = (struct devnode){ .there = ANSWER_NO };
	look_at_devs(&v);
	only(&v.j, "dev0", "/dev/net/tun (c 10:200)", "it is gone from the node");
	CHECK(!strstr(v.j.s.d.v[0].fix, "pct reboot"), "%s", v.j.s.d.v[0].fix);
	joined_done(&v.j);
}

static void a_device_that_is_missing_or_too_many_is_told(void)
{
	struct devs v;

	devs(&v, conf_dev, ROOT_LINE);
	look_at_devs(&v);
	only(&v.j, "dev0", NULL, "missing");
	CHECK(v.j.s.d.v[0].cause == DRIFT_UNSURE, "%d", v.j.s.d.v[0].cause);
	lxcstart_parse(span_str(START_HEAD), &v.j.s.start);
	v.j.s.start.of_start = true;
	v.j.s.f.start = &v.j.s.start;
	look_at_devs(&v);
	CHECK(v.j.s.d.v[0].cause == DRIFT_EDITED, "%d", v.j.s.d.v[0].cause);
	lxcstart_done(&v.j.s.start);
	lxcstart_parse(span_str("lxc.cgroup2.devices.allow = c 10:200 rw\n" START_HEAD),
		       &v.j.s.start);
	v.j.s.start.of_start = true;
	look_at_devs(&v);
	CHECK(v.j.s.d.v[0].cause == DRIFT_CHANGED, "%d", v.j.s.d.v[0].cause);
	joined_done(&v.j);

	devs(&v, conf_mounts, ROOT_LINE DATA_LINE SHARE_LINE TUN_LINE);
	look_at_devs(&v);
	only(&v.j, "device /dev/net/tun", "/dev/net/tun", "no devN");
	v.p.present = false;
	look_at_devs(&v);
	no_drift(&v.j, 0, "a tmpfs of whoever");
	joined_done(&v.j);
}

static void a_device_bound_by_a_raw_line_is_told_when_it_is_stale(void)
{
	static const char gone[] = ROOT_LINE
		"4 1 0:6 /dri/card0//deleted /dev/dri/card0 rw - devtmpfs udev rw\n";
	static const char line[] = "/dev/dri/card0 dev/dri/card0 none bind,create=file";
	_cleanup_free_ char *conf =
		xasprintf("%slxc.mount.entry: %s\n", conf_minimal, line);
	_cleanup_free_ char *start =
		xasprintf("%slxc.mount.entry = %s\n", START_HEAD, line);
	struct devs v;

	devs(&v, conf, gone);
	lxcstart_parse(span_str(start), &v.j.s.start);
	v.j.s.start.of_start = true;
	v.j.s.f.start = &v.j.s.start;
	look_at_devs(&v);
	only(&v.j, "lxc.mount.entry /dev/dri/card0", "a device that was removed since",
	     "stale");
	joined_done(&v.j);
}

/* ---- inside ---- */

static void the_host_name_inside_is_compared(void)
{
	static const struct {
		const char *have, *type;
		size_t n, gaps;
	} v[] = {
		{ "a", "debian", 0, 0 },    { "b", "debian", 1, 0 },
		{ "b", "unmanaged", 0, 1 }, { "a.example.test", "debian", 1, 0 },
		{ "", "debian", 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		_cleanup_free_ char *conf =
			xasprintf("arch: amd64\nhostname: a\nostype: %s\n", v[i].type);
		struct setup s = setup(conf, START_HEAD);

		s.f.ct = &s.ct;
		s.f.start = &s.start;
		s.f.uts = tbytes_str(v[i].have);
		drift_inside(&s.f, &s.d);
		CHECK(s.d.n == v[i].n && s.d.n_gaps == v[i].gaps, "%s: %zu %zu",
		      v[i].have, s.d.n, s.d.n_gaps);
		if (s.d.n)
			CHECK(s.d.v[0].cause == DRIFT_CHANGED && !s.d.v[0].fix, "%s",
			      v[i].have);
		setup_done(&s);
	}
}

static void the_first_part_of_a_host_name_is_enough(void)
{
	struct setup s = setup("hostname: bb2.example.test\nostype: debian\n", NULL);

	s.f.ct = &s.ct;
	s.f.uts = tbytes_str("bb2");
	drift_inside(&s.f, &s.d);
	CHECK(s.d.n == 0 && s.d.n_compared == 1, "%zu", s.d.n);
	s.f.uts = tbytes_str("bb2.example.test");
	drift_inside(&s.f, &s.d);
	CHECK(s.d.n == 0 && s.d.n_compared == 2, "%zu", s.d.n);
	setup_done(&s);
}

static void a_resolver_is_compared_where_the_file_is_pves(void)
{
	static const char conf[] =
		"hostname: a\nostype: debian\n"
		"nameserver: 192.0.2.53 192.0.2.54\nsearchdomain: x.test\n";
	static const char same[] = "search x.test\nnameserver 192.0.2.53\n"
				   "nameserver 192.0.2.54\n";
	static const char other[] = "search x.test\nnameserver 192.0.2.53\n";
	struct setup s = setup(conf, NULL);
	struct drift_dns dns = { .marked = true };

	s.f.ct = &s.ct;
	s.f.uts = tbytes_str("a");
	s.f.dns = &dns;
	resolvconf_parse(span_str(same), &dns.resolver);
	drift_inside(&s.f, &s.d);
	CHECK(s.d.n == 0 && s.d.n_compared == 3, "%zu %zu", s.d.n, s.d.n_compared);
	resolvconf_parse(span_str(other), &dns.resolver);
	drift_inside(&s.f, &s.d);
	CHECK(s.d.n == 1, "%zu", s.d.n);
	CHECK_STR(s.d.v[0].key, "nameserver");
	CHECK_STR(s.d.v[0].running, "192.0.2.53");
	dns.marked = false;
	drift_inside(&s.f, &s.d);
	CHECK(s.d.n == 1 && s.d.n_gaps == 1, "%zu %zu", s.d.n, s.d.n_gaps);
	dns.why = "it hangs";
	drift_inside(&s.f, &s.d);
	CHECK(s.d.n == 1 && s.d.n_gaps == 2, "%zu %zu", s.d.n, s.d.n_gaps);
	setup_done(&s);
}

static void a_feature_that_left_a_mount_is_known_without_the_start(void)
{
	static const char nested[] =
		ROOT_LINE "5 1 0:55 / /dev/.lxc/proc rw - proc proc rw\n";
	_cleanup_(joined_done) struct joined j;

	join(&j, conf_mounts, nested, NULL, NULL);
	drift_done(&j.s.d);
	j.s.d.vmid = 100;
	drift_started(&j.s.f, &j.s.d);
	CHECK(j.s.d.n == 1 && j.s.d.n_gaps == 1, "%zu %zu", j.s.d.n, j.s.d.n_gaps);
	CHECK_STR(j.s.d.v[0].key, "features.nesting");
	CHECK_STR(j.s.d.v[0].running, "1");
}

static void what_another_device_is_of_is_said(void)
{
	static char name[] = "rbd0", pool[] = "rp", ns[] = "n", image[] = "vm-107-disk-0",
		    snap[] = "s", loop[] = "loop0", file[] = "/srv/x.raw";
	static struct blockname b[] = {
		{ .major = 7, .name = loop, .file = file },
		{ .major = 252,
		  .name = name,
		  .pool = pool,
		  .ns = ns,
		  .image = image,
		  .snap = snap },
		{ .major = 252, .minor = 16, .name = name, .pool = pool, .image = image },
	};
	static const struct {
		const char *conf, *inside, *running;
	} v[] = {
		{ "rootfs: rbd:vm-100-disk-0\n", "1 0 7:0 / / rw - ext4 /dev/loop0 rw\n",
		  "/srv/x.raw (/dev/loop0)" },
		{ "rootfs: rbd:vm-100-disk-0\n", "1 0 252:0 / / rw - ext4 /dev/rbd0 rw\n",
		  "rp/n/vm-107-disk-0@s (/dev/rbd0)" },
		{ "rootfs: rbd:vm-100-disk-0\n",
		  "1 0 252:16 / / rw - ext4 /dev/rbd1 rw\n",
		  "rp/vm-107-disk-0 (/dev/rbd1)" },
	};
	const struct blocknames names = { b, ARRAY_SIZE(b) };

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		_cleanup_(joined_done) struct joined j;

		join_devices(&j, v[i].conf, v[i].inside, &names);
		only(&j, "rootfs", v[i].running, v[i].inside);
	}
}

int main(void)
{
	RUN(mounts_as_configured_are_silent);
	RUN(a_mount_that_is_missing_or_of_another_volume_is_told);
	RUN(what_is_read_only_has_fewer_options);
	RUN(a_directory_is_told_apart_by_where_its_links_lead);
	RUN(a_mount_that_no_config_has_is_told_where_no_guest_can_have_made_it);
	RUN(an_entry_is_compared_where_it_was_there_at_the_start);
	RUN(a_device_as_configured_is_silent);
	RUN(each_property_of_a_device_is_compared);
	RUN(a_device_that_is_missing_or_too_many_is_told);
	RUN(a_device_bound_by_a_raw_line_is_told_when_it_is_stale);
	RUN(the_host_name_inside_is_compared);
	RUN(the_first_part_of_a_host_name_is_enough);
	RUN(a_resolver_is_compared_where_the_file_is_pves);
	RUN(a_feature_that_left_a_mount_is_known_without_the_start);
	RUN(what_another_device_is_of_is_said);
	return DONE();
}
