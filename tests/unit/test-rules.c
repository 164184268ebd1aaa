/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "read/pveconf.h"
#include "rule/rule.h"

/* A whole container that no rule has anything to say about. */
#define FINE                                                                             \
	"arch: amd64\nostype: debian\nhostname: ok\nmemory: 512\nswap: 0\nonboot: 1\n"   \
	"rootfs: local-lvm:vm-100-disk-0,size=8G\nunprivileged: 1\n"
#define PRIVILEGED                                                                       \
	"arch: amd64\nostype: debian\nhostname: ok\nmemory: 512\nswap: 0\nonboot: 1\n"   \
	"rootfs: local-lvm:vm-100-disk-0,size=8G\n"
#define NET     "net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01\n"
#define OVERLAY "lxc.mount.entry: overlay x overlay "
#define MAP     "lxc.idmap: u 0 100000 65536\nlxc.idmap: g 0 100000 65536\n"

struct sample {
	const char *rule;
	const char *fires;
	size_t n;          /* how often */
	const char *seen;  /* in the first finding */
	const char *fix;   /* in its fix; NULL: it has none */
	const char *quiet; /* just does not fire */
};

static const struct sample samples[] = {
	{ "parser-dies", FINE "snapshots: x\n[ab]\n", 1, "line 10", "line 9",
	  FINE "snapshots: x\n" },
	{ "start-missing-key", "unprivileged: 1\nlock: backup\n", 3, "arch",
	  "pct set 100 --arch amd64", "lock: create\n" },
	{ "rootfs-invalid", FINE "rootfs: local-lvm:x,size=big\n", 1, "size=big",
	  "line 9", FINE "rootfs: local-lvm:x,size=8G\n" },
	{ "cores-hang", FINE "cores: -2\n", 1, "cores: -2", "--cores 1",
	  FINE "cores: -x\n" },
	{ "value-invalid", FINE "memory: lots\n" NET "mp0: /x\n", 2, "memory: type check",
	  "line 9", FINE "memory: 0512\n" },
	{ "value-range", FINE "cores: 0\ntty: 7\nlock: coffee\n", 3,
	  "cores: 0; PVE takes: 1 to 8192", NULL, FINE "cores: 1\ntty: 6\nlock: disk\n" },
	{ "key-unknown", FINE "foo: bar\nnet32: name=x\n", 2, "foo: bar",
	  "if it is a typing error", FINE NET },
	{ "lines-dropped", FINE "[x]\nlxc.frob: 1\n", 1, "2 lines PVE cannot use: 9, 10",
	  NULL, FINE "foo: kept\n" },
	{ "lock-set", FINE "lock: backup\n", 1, "lock: backup",
	  "no backup of it runs any more: pct unlock 100", FINE },
	{ "privileged", PRIVILEGED, 1, "unprivileged", "--unprivileged 1",
	  PRIVILEGED MAP },
	{ "privileged-nesting", PRIVILEGED "features: fuse=1,nesting=1\n", 1, "nesting=1",
	  "pct set 100 --features 'fuse=1'", PRIVILEGED "features: nesting=0\n" },
	{ "nesting", FINE "features: nesting=yes\n", 1, "nesting=1", NULL,
	  PRIVILEGED "features: nesting=1\n" },
	{ "keyctl", FINE "features: keyctl=1\n", 1, "keyctl=1", NULL,
	  FINE "features: keyctl=off\n" },
	{ "features-mount", FINE "features: mount=nfs;cifs\n", 1, "mount=nfs;cifs",
	  "pct set 100 --delete features", FINE "features: nesting=1\n" },
	{ "features-fuse", FINE "features: fuse=1\n", 1, "fuse=1", NULL,
	  FINE "features: fuse=0\n" },
	{ "features-mknod", FINE "features: mknod=1\n", 1, "mknod=1", NULL,
	  FINE "features: mknod=0\n" },
	{ "features-force-rw-sys", FINE "features: force_rw_sys=1\n", 1, "force_rw_sys=1",
	  "--delete features", FINE "features: force_rw_sys=0\n" },
	{ "apparmor-unconfined", FINE "lxc.apparmor.profile: unconfined\n", 1,
	  "unconfined", "line 9",
	  FINE "lxc.apparmor.profile: unconfined\nlxc.apparmor.profile: mine\n" },
	{ "apparmor-overrides-features",
	  FINE "features: nesting=1\nlxc.apparmor.profile = unconfined\n", 1,
	  "nesting (line 9)", "line 10",
	  FINE "features: nesting=1\nlxc.apparmor.profile: generated\n" },
	{ "apparmor-incomplete", FINE "lxc.apparmor.allow_incomplete: 1\n", 1,
	  "allow_incomplete", "line 9", FINE "lxc.apparmor.allow_incomplete: 0\n" },
	{ "apparmor-raw", FINE "lxc.apparmor.raw: mount,\nlxc.apparmor.raw: umount,\n", 2,
	  "mount,", NULL, FINE },
	{ "apparmor-own", FINE "lxc.apparmor.profile: mine\n", 1, "profile: mine", NULL,
	  FINE "lxc.apparmor.profile: mine\nlxc.apparmor.profile: unchanged\n" },
	{ "apparmor-allow-nesting", PRIVILEGED "lxc.apparmor.allow_nesting: 1\n", 1,
	  "allow_nesting: 1", "line 8", PRIVILEGED "lxc.apparmor.allow_nesting: 0\n" },
	{ "seccomp-own", FINE "lxc.seccomp.profile: /my\n", 1, "/my", NULL,
	  FINE "lxc.seccomp.profile: /my\nlxc.seccomp.profile:\n" },
	{ "cap-keep", FINE "lxc.cap.keep: sys_admin\n", 1, "sys_admin", "line 9",
	  FINE "lxc.cap.keep: none\n" },
	{ "devices-allow-char",
	  PRIVILEGED "lxc.cgroup2.devices.allow: c *:* rwm\n"
		     "lxc.cgroup2.devices.allow: c 1:1 r\n",
	  2, "c *:* rwm", "line 8",
	  PRIVILEGED
	  "lxc.cgroup2.devices.allow: c *:* m\nlxc.cgroup2.devices.allow: c 1:3 rwm\n"
	  "lxc.cgroup2.devices.allow: c 10:1 rwm\nlxc.cgroup2.devices.allow: c\n" },
	{ "mount-kernel-fs", FINE "lxc.mount.entry: sysfs sys sysfs rw 0 0\n", 1,
	  "sysfs sys sysfs rw", "line 9",
	  FINE "lxc.mount.entry: sysfs sys sysfs nosuid,ro 0 0\n"
	       "lxc.mount.entry: tmpfs t tmpfs rw\n" },
	{ "mount-fstab", FINE "lxc.mount.fstab: /x\n", 1, "/x", NULL,
	  FINE "lxc.mount.fstab:\n" },
	{ "net-host", FINE "lxc.net.0.type: none\n", 1, "type: none", "line 9",
	  FINE "lxc.net.0.type: empty\nlxc.net.x.type: none\n" },
	{ "net-raw", FINE "lxc.net.3.type: phys\nlxc.net.3.link: eth7\n", 2, "type: phys",
	  NULL, FINE "lxc.net.0.type: none\nlxc.net.0.script.up: /x\n" },
	{ "idmap-cleared", FINE MAP "lxc.idmap:\n", 1, "whatever unprivileged", "line 11",
	  FINE "lxc.idmap:\n" MAP },
	{ "seccomp-cleared", FINE "lxc.seccomp.profile:\n", 1, "empty", "line 9",
	  FINE "lxc.seccomp.profile:\nlxc.seccomp.profile: /my\n" },
	{ "cap-drop-cleared", PRIVILEGED "lxc.cap.drop:\n", 1, "privileged", "line 8",
	  FINE "lxc.cap.drop: sys_time\n" },
	{ "mount-auto-rw", FINE "lxc.mount.auto: proc:mixed sys:rw cgroup:rw\n", 2,
	  "sys:rw", "line 9",
	  FINE "lxc.mount.auto: proc:mixed sys:ro cgroup:rwx cgroup\n" },
	{ "devices-allow-all",
	  PRIVILEGED "lxc.cgroup2.devices.allow: a\n"
		     "lxc.cgroup2.devices.allow: b *:* rwm\n",
	  2, "devices.allow: a", "line 8",
	  PRIVILEGED "lxc.cgroup2.devices.allow: c 10:200 rwm\n"
		     "lxc.cgroup2.devices.allow: b *:* m\n"
		     "lxc.cgroup2.devices.allow: c *:* rw\n"
		     "lxc.cgroup2.devices.deny: a\nlxc.cgroup2.devices.allow: all\n" },
	{ "devices-allow-block", PRIVILEGED "lxc.cgroup2.devices.allow: b 8:* rwm\n", 1,
	  "b 8:*", "line 8",
	  PRIVILEGED "lxc.cgroup2.devices.allow: c 8:* rwm\n"
		     "lxc.cgroup2.devices.allow: b 8:* m\n"
		     "lxc.cgroup2.devices.allow: b *:* rw\n" },
	{ "idmap-malformed", FINE "lxc.idmap: b 0 1 2\nlxc.idmap: u 0 1\n" MAP, 2,
	  "b 0 1 2", "line 9", FINE "lxc.idmap:\n" MAP },
	{ "idmap-overlap",
	  FINE MAP "lxc.idmap: u 65535 300000 1\nlxc.idmap: g 70000 165535 9\n", 2,
	  "lines 9 and 11", "line 11",
	  FINE MAP "lxc.idmap: u 65536 300000 1\nlxc.idmap: g 70000 165536 9\n" },
	{ "idmap-no-root", FINE "lxc.idmap: u 0 100000 65536\nlxc.idmap: g 1 100001 9\n",
	  1, "gid 0", "map id 0, too", FINE MAP },
	{ "idmap-host-root", FINE MAP "lxc.idmap: u 70000 0 1\n", 1, "uid 70000",
	  "line 11", FINE MAP "lxc.idmap: u 70000 1 1\n" },
	{ "idmap-host-ids", FINE MAP "lxc.idmap: u 70000 99999 2\n", 1,
	  "uids 99999 to 100000", NULL, FINE MAP "lxc.idmap: u 70000 200000 2\n" },
	/* just as PVE has it is none of its own, in pieces it is */
	{ "idmap-custom", FINE MAP "lxc.idmap: u 65536 300000 1\n", 1,
	  "3 lxc.idmap lines", NULL, FINE MAP },
	{ "idmap-without-unprivileged", PRIVILEGED MAP, 1, "without", NULL, FINE MAP },
	{ "bind-sensitive-rw",
	  FINE "mp0: /etc/,mp=/x\nmp1: /run/docker.sock,mp=/s\n"
	       "lxc.mount.entry: /root/a\\040b x none rbind,create=dir 0 0\n",
	  2, "/etc/ of the node is at /x, read-write", "ro=1",
	  FINE "mp0: /etc/,mp=/x,ro=1\nmp1: /etcetera,mp=/y\nmp2: /srv/etc,mp=/z\n" },
	{ "bind-sensitive-ro", FINE "mp0: /var/lib/lxc/101,mp=/x,ro=1\n", 1, "read-only",
	  "line 9",
	  FINE "mp0: /var/lib/lxcfs,mp=/x,ro=1\nmp1: /lib/modules,mp=/m,ro=1\n"
	       "mp2: /usr/bin,mp=/b,ro=1\nmp3: /boot,mp=/k,ro=1\n" },
	{ "overlay-sensitive",
	  FINE "lxc.mount.entry: overlay srv/x overlay "
	       "ro,lowerdir=/srv/a:/etc/:/root/b,upperdir=/srv/u,workdir=/srv/w 0 0\n",
	  2, "/etc/ of the node is read by the overlay at srv/x (lowerdir)", "line 9",
	  FINE
	  "lxc.mount.entry: overlay srv/x overlay "
	  "lowerdir=/srv/etc:/etcetera:/boot:/usr/bin,upperdir=/srv/u,workdir=/srv/w\n"
	  "lxc.mount.entry: tmpfs srv/y tmpfs lowerdir=/etc 0 0\n" },
	{ "host-socket-root",
	  FINE "mp0: /var/run//docker.sock,mp=/s,ro=1\nmp1: /run/qemu-server,mp=/q\n"
	       "lxc.mount.entry: /srv/d/docker.sock d none bind 0 0\n",
	  3, "commands Docker, read-only or not", "pct set 100 --delete mp0",
	  FINE "mp0: /run/dockery,mp=/s\nmp1: /srv/docker.sock.d,mp=/d\n" },
	{ "host-socket", FINE "mp0: /run/mysqld/mysqld.sock,mp=/m\n", 1, "mysqld.sock",
	  "--delete mp0", FINE "mp0: /run/mysqld,mp=/m\nmp1: /run/docker.sock,mp=/d\n" },
	{ "bind-suid", PRIVILEGED "mp0: /srv/x,mp=/x\n", 1, "/srv/x of the node",
	  "--mp0 '/srv/x,mp=/x,ro=1'",
	  FINE "mp0: /srv/x,mp=/x\nlxc.idmap: u 0 1 9\nlxc.idmap: g 0 0 9\n" },
	{ "bind-host-path",
	  FINE "mp0: /srv/x,mp=/x\nlxc.mount.entry: /tank t none bind 0 0\n", 2,
	  "/srv/x of the node is at /x, read-write", NULL,
	  FINE
	  "lxc.mount.entry: tmpfs t tmpfs rw 0 0\nlxc.mount.entry: /dev/fuse dev/fuse "
	  "none bind,create=file\n" },
	{ "device-passthrough",
	  FINE "dev0: /dev/dri/card0\nlxc.mount.entry: /dev/fuse d none bind\n", 2,
	  "/dev/dri/card0", NULL, FINE "dev0: /dev/sda\n" },
	{ "device-raw",
	  PRIVILEGED
	  "dev0: /dev/nvme0n1\ndev1: /dev/vg1/data\nmp0: /dev/sdb1,mp=/x,ro=1,quota=1\n"
	  "lxc.mount.entry: /dev/sdc dev/sdc none bind,create=file\n",
	  4, "a disk", NULL,
	  FINE "dev0: /dev/ttyUSB0\ndev1: /dev/dri/card0\ndev2: /dev/bus/usb/001/002\n"
	       "mp0: /dev/sdb1,mp=/x\nmp1: /dev/vg1/data,mp=/y\n" },
	{ "device-no-path", FINE "dev0: gid=3\n", 1, "dev0", "pct set 100 --delete dev0",
	  FINE "dev0: /dev/kvm,gid=3\n" },
	{ "hook-cleared", FINE "lxc.hook.pre-start:\nlxc.hook.stop =\n", 2,
	  "cannot start", "line 9", FINE "lxc.hook.pre-start: /x\nlxc.hook.version:\n" },
	{ "hook-version", FINE NET "lxc.hook.version: 1\n", 1, "with a network",
	  "line 10", FINE "lxc.hook.version: 1\n" },
	{ "host-script",
	  FINE "hookscript: local:snippets/x\nlxc.hook.stop: /y\n"
	       "lxc.net.0.script.up: /z\n",
	  3, "snippets/x", NULL, FINE "lxc.hook.start: /inside\n" },
	{ "lxc-include", FINE "lxc.include: /etc/x.conf\n", 1, "/etc/x.conf", NULL,
	  FINE },
	{ "lxc-key-refused",
	  FINE
	  "lxc.utsname: x\nlxc.limit.nofile: 5\nlxc.devtty.dir: x\n[ab]\nlxc.tty: 1\n",
	  3, "lxc.utsname", "name it lxc.uts.name", FINE "lxc.uts.name: x\n" },
	{ "cgroup-v1-key", FINE "lxc.cgroup.devices.allow: a\n", 1, "devices.allow: a",
	  "line 9", FINE "lxc.cgroup2.devices.deny: a\n" },
	{ "limit-raw", FINE "lxc.cgroup2.memory.max: 1\nlxc.cgroup2.io.max: x\n", 2,
	  "memory.max: 1", NULL, FINE "lxc.cgroup2.cpuset.cpus: 0\n" },
	{ "memory-default", "arch: amd64\n", 1, "512 MiB", "--memory", FINE },
	{ "swap-absent", "arch: amd64\n", 1, "none", "--swap", FINE },
	{ "mp-idmap", FINE "mp0: a1:x,mp=/x,backup=1,idmap=passthrough\n", 1,
	  "mp0 has idmap=passthrough: what is root's", NULL,
	  FINE "mp0: a1:x,mp=/x,backup=1\n" },
	{ "mp-same-path", FINE "mp0: a1:x,mp=/x,backup=1\nmp7: a1:y,mp=/x,backup=1\n", 1,
	  "mp0 and mp7", NULL,
	  FINE "mp0: a1:x,mp=/x,backup=1\nmp7: a1:y,mp=/y,backup=1\n" },
	{ "quota-unprivileged", FINE "mp0: a1:x,mp=/x,quota=1,backup=1\n", 1, "mp0",
	  "--mp0 'a1:x,mp=/x,backup=1'", PRIVILEGED "mp0: a1:x,mp=/x,quota=1\n" MAP },
	{ "backup-excluded", FINE "mp0: a1:x,backup=0,mp=/x\nmp1: /srv,mp=/y\n", 2,
	  "backup=0", "--mp0 'a1:x,mp=/x,backup=1'", FINE "mp0: a1:x,mp=/x,backup=1\n" },
	{ "no-snapshot", FINE "mp0: /srv,mp=/x\nmp1: /dev/sdb,mp=/y\n", 1,
	  "mp0 (bind mount), mp1 (device)", NULL, FINE "mp0: a1:x,mp=/x\n" },
	{ "net-no-hwaddr", FINE NET "net1: name=eth1\n", 1, "net1", NULL, FINE NET },
	{ "onboot-off", "arch: amd64\nonboot: 0\n", 1, "onboot", "--onboot 1",
	  "template: 1\n" },
	{ "debug-on", FINE "debug: 1\n", 1, "debug", "--delete debug",
	  FINE "debug: 0\n" },
	{ "snapshot-unfinished", FINE "[ab]\nsnapstate: delete\n", 1, "ab",
	  "delsnapshot 100 ab", FINE "[vzdump]\nsnapstate: prepare\n" },
	{ "snapshot-orphan", FINE "[ab]\nparent: gone\n", 1, "gone", NULL,
	  FINE "[ab]\n[cd]\nparent: ab\n" },
	{ "snapshot-cycle", FINE "[ab]\nparent: cd\n[cd]\nparent: ab\n[ef]\nparent: ab\n",
	  2, "own ancestor", "line 9", FINE "[ab]\n[cd]\nparent: ab\n" },
	{ "vzdump-left", FINE "[vzdump]\n", 1, "no lock",
	  "runs any more: pct delsnapshot 100 vzdump", FINE "[vzdump2]\n" },
};

static size_t run(const char *text, const char *rule, struct findings *all,
		  const struct finding **first)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct ct ct = { .vmid = 100, .here = true, .conf = &c };
	struct err err = { 0 };
	int r = pveconf_parse(text, strlen(text), 100, &c, &err);
	size_t n = 0;

	CHECK(r == 0 || r == -EBADMSG, "%s", err.msg);
	rules_run_ct(&ct, all);
	*first = NULL;
	for (size_t i = 0; i < all->n; i++) {
		if (!str_eq(all->v[i].rule, rule))
			continue;
		*first = *first ? *first : &all->v[i];
		n++;
	}
	return n;
}

static void check_fires(const struct sample *s)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	const struct finding *first;
	size_t n = run(s->fires, s->rule, &f, &first);

	CHECK(n == s->n, "%s: %zu findings, want %zu", s->rule, n, s->n);
	if (!first)
		return;
	CHECK(strstr(first->seen, s->seen), "%s: seen \"%s\"", s->rule, first->seen);
	CHECK(!s->fix == !first->fix && (!s->fix || strstr(first->fix, s->fix)),
	      "%s: fix \"%s\"", s->rule, first->fix ? first->fix : "(none)");
}

static void check_quiet(const struct sample *s, const char *text, const char *which)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	const struct finding *first;

	CHECK(run(text, s->rule, &f, &first) == 0, "%s: %s: \"%s\"", s->rule, which,
	      first ? first->seen : "");
}

static void each_rule_fires_and_just_does_not(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		check_fires(&samples[i]);
		check_quiet(&samples[i], samples[i].quiet, "just not");
	}
}

/* What is worth a word only, or less than elsewhere; "" is none at all. */
static const struct {
	const char *rule, *text;
	enum severity severity;
	const char *seen; /* NULL: it does not fire */
} graded[] = {
	/* nothing is taken from an unprivileged one that could be given back */
	{ "cap-drop-cleared", FINE "lxc.cap.drop:\n", SEV_INFO, "without effect" },
	{ "cap-drop-cleared", FINE "lxc.idmap:\nlxc.cap.drop:\n", SEV_ERROR, "node" },
	{ "cap-drop-cleared", PRIVILEGED MAP "lxc.cap.drop: ''\n", SEV_INFO, "without" },
	/* and its devices are decided by what is in its /dev */
	{ "devices-allow-all", FINE "lxc.cgroup2.devices.allow: a\n", SEV_INFO,
	  "without effect" },
	{ "devices-allow-block", FINE "lxc.cgroup2.devices.allow: b 8:0 rwm\n", SEV_INFO,
	  "without effect" },
	{ "devices-allow-char", FINE "lxc.cgroup2.devices.allow: c 1:1 rwm\n", SEV_INFO,
	  "without effect" },
	{ "mount-auto-rw", FINE "lxc.mount.auto: cgroup:rw:force\n", SEV_INFO, "force" },
	{ "mount-auto-rw", FINE "lxc.mount.auto: cgroup-full:rw\n", SEV_INFO, "full" },
	/* quotes around a raw value are LXC's */
	{ "mount-auto-rw", FINE "lxc.mount.auto: \"proc:rw sys:mixed\"\n", SEV_WARN,
	  "auto: proc:rw" },
	{ "apparmor-unconfined", FINE "lxc.apparmor.profile: \"unconfined\"\n", SEV_ERROR,
	  "unconfined" },
	{ "apparmor-own", FINE "lxc.apparmor.profile: \"unconfined\"\n", 0, NULL },
	{ "devices-allow-all", PRIVILEGED "lxc.cgroup2.devices.allow: 'a'\n", SEV_ERROR,
	  "allow: a" },
	{ "apparmor-allow-nesting", PRIVILEGED "lxc.apparmor.allow_nesting: \"1\"\n",
	  SEV_ERROR, "nesting: 1" },
	{ "net-host", FINE "lxc.net.0.type: \"none\"\n", SEV_ERROR, "none" },
	{ "seccomp-cleared", FINE "lxc.seccomp.profile: \"\"\n", SEV_ERROR, "empty" },
	{ "host-socket-root",
	  FINE "lxc.mount.entry: \"/run/docker.sock run/docker.sock none "
	       "bind,create=file 0 0\"\n",
	  SEV_ERROR, "/run/docker.sock of the node is at run/docker.sock" },
	{ "idmap-malformed", FINE "lxc.idmap: \"u 0 100000 65536\"\n", SEV_ERROR,
	  "lxc.idmap: \"u 0 100000 65536\"" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /etc/sudoers.d/x,mp=/x\n", SEV_ERROR,
	  "who may be root" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /etc/crontab2,mp=/x\n", 0, NULL },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /usr/local/share,mp=/x\n", 0, NULL },
	{ "bind-sensitive-ro", FINE "mp0: /etc/ssl/private,mp=/x,ro=1\n", SEV_WARN,
	  "keys" },
	{ "bind-sensitive-ro", FINE "mp0: /etc/apt,mp=/x,ro=1\n", 0, NULL },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /usr/local,mp=/x\n", SEV_ERROR,
	  "programs" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /usr/share/perl5/PVE,mp=/x\n", SEV_ERROR,
	  "programs" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /lib64,mp=/x\n", SEV_ERROR, "programs" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /etc/network/if-up.d,mp=/x\n", SEV_ERROR,
	  "scripts" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /var/lib/dpkg,mp=/x\n", SEV_ERROR,
	  "installer" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /var/lib/vz/snippets,mp=/x\n", SEV_ERROR,
	  "hook scripts" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /var/lib/vz/images,mp=/x\n", SEV_ERROR,
	  "other guests" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /var/lib/vz/images/101/x,mp=/x\n", 0,
	  NULL },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /var/lib/docker/volumes/x,mp=/x\n", 0,
	  NULL },
	{ "bind-sensitive-ro", FINE "mp0: /etc/default,mp=/x,ro=1\n", 0, NULL },
	{ "bind-sensitive-ro", FINE "mp0: /var/lib/vz/dump,mp=/x,ro=1\n", SEV_WARN,
	  "backups" },
	/* who is root there connects to a socket through a read-only mount as well */
	{ "bind-sensitive-ro", FINE "mp0: /run,mp=/x,ro=1\n", SEV_WARN, "sockets" },
	{ "bind-sensitive-ro", PRIVILEGED "mp0: /run,mp=/x,ro=1\n", SEV_ERROR,
	  "sockets" },
	{ "bind-sensitive-ro", PRIVILEGED "mp0: /root,mp=/x,ro=1\n", SEV_WARN, "keys" },
	/* what is below is read, what is on top written */
	{ "overlay-sensitive", PRIVILEGED OVERLAY "lowerdir=/srv/a\\:/etc 0 0\n", 0,
	  NULL },
	{ "overlay-sensitive", PRIVILEGED OVERLAY "lowerdir=/srv/a\\,b:/root 0 0\n",
	  SEV_WARN, "root's home" },
	{ "overlay-sensitive", PRIVILEGED OVERLAY "lowerdir=/srv/a:/ 0 0\n", SEV_WARN,
	  "/ of the node is read" },
	{ "overlay-sensitive", PRIVILEGED OVERLAY "lowerdir=/etc/default 0 0\n", 0,
	  NULL },
	{ "overlay-sensitive", PRIVILEGED OVERLAY "upperdir=/etc/default 0 0\n",
	  SEV_ERROR, "is written by the overlay at x (upperdir)" },
	{ "overlay-sensitive", FINE OVERLAY "workdir=/etc/default 0 0\n", SEV_WARN,
	  "(workdir)" },
	{ "overlay-sensitive", FINE OVERLAY "lowerdir+=/var/lib/vz/dump 0 0\n", SEV_WARN,
	  "backups" },
	{ "overlay-sensitive", FINE OVERLAY "lowerdir=:etc:,upperdir,=/etc 0 0\n", 0,
	  NULL },
	{ "overlay-sensitive", FINE "lxc.mount.entry: overlay\nlxc.mount.entry:\n", 0,
	  NULL },
	{ "backup-excluded", FINE "mp0: a1:x,mp=/x\n", SEV_WARN, "no backup=1" },
	{ "backup-excluded", FINE "mp0: a1:iso/x.iso,mp=/x,ro=1\n", SEV_INFO,
	  "an ISO image" },
	/* without id 0 of the node inside file modes decide */
	{ "bind-sensitive-rw", FINE "mp0: /root/b,mp=/x\n", SEV_WARN, "/root/b" },
	{ "bind-sensitive-rw", PRIVILEGED "mp0: /root/b,mp=/x\n", SEV_ERROR, "/root/b" },
	{ "bind-sensitive-rw", FINE "mp0: /root/b,mp=/x,idmap=passthrough\n", SEV_ERROR,
	  "/root/b" },
	{ "bind-sensitive-rw", FINE "mp0: /lib/modules,mp=/x\n", SEV_WARN, "programs" },
	{ "bind-host-path", FINE "mp0: /lib/modules,mp=/x,ro=1\n", SEV_INFO,
	  "read-only" },
	/* there nobody makes a file */
	{ "bind-suid", PRIVILEGED "mp0: /proc,mp=/x\n", 0, NULL },
	{ "bind-suid", PRIVILEGED "mp0: /sys/fs/cgroup,mp=/x\n", 0, NULL },
	{ "bind-suid", PRIVILEGED "mp0: /system,mp=/x\n", SEV_WARN, "/system" },
	{ "bind-suid", FINE "mp0: /srv/b,mp=/x,idmap=passthrough\n", SEV_WARN,
	  "its idmap=" },
	{ "bind-suid", FINE "mp0: /srv/b,mp=/x,idmap=u:0:0:1;g:0:0:1\n", SEV_WARN,
	  "its idmap=" },
	{ "bind-suid", FINE "mp0: /srv/b,mp=/x,idmap=u:0:1000:1\n", 0, NULL },
	/* the node mounts it, the guest sees a file system */
	{ "device-passthrough", FINE "mp0: /dev/vg1/data,mp=/y\n", SEV_INFO,
	  "the node mounts /dev/vg1/data at /y" },
	{ "device-raw", FINE "mp0: /dev/vg1/data,mp=/y\n", 0, NULL },
	{ "idmap-no-root", FINE "lxc.idmap: \"u 0 1 9\"\nlxc.idmap: 'g 0 1 9'\n", 0,
	  NULL },
};

static void findings_are_as_bad_as_they_are(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(graded); i++) {
		_cleanup_(findings_done) struct findings f = { 0 };
		const struct finding *first;
		size_t n = run(graded[i].text, graded[i].rule, &f, &first);

		CHECK(n == (graded[i].seen ? 1 : 0), "%zu %s: %zu", i, graded[i].rule, n);
		if (!first || !graded[i].seen)
			continue;
		CHECK(first->severity == graded[i].severity, "%zu %s: %s", i,
		      graded[i].rule, severity_name(first->severity));
		CHECK(strstr(first->seen, graded[i].seen), "%zu %s: %s", i,
		      graded[i].rule, first->seen);
	}
}

static void a_lock_is_taken_away_as_fits_it(void)
{
	static const struct {
		const char *lock, *fix;
	} want[] = {
		{ "create", "more: pct unlock 100, then pct destroy 100" },
		{ "destroyed", "pct destroy 100" },
		{ "migrate", "whole on this node: pct unlock 100" },
		{ "mounted", "uses its mounts any more: pct unmount 100" },
		{ "rollback", "pct unlock 100, and roll back again" },
		{ "snapshot-delete", "removed any more: pct unlock 100" },
		{ "coffee", "pct unlock 100" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_free_ char *text = xasprintf(FINE "lock: %s\n", want[i].lock);
		_cleanup_(findings_done) struct findings f = { 0 };
		const struct finding *first;

		CHECK(run(text, "lock-set", &f, &first) == 1, "%s", want[i].lock);
		CHECK(first && first->fix && strstr(first->fix, want[i].fix), "%s: %s",
		      want[i].lock, first ? first->fix : "");
	}
}

static size_t run_at_work(const char *text, struct findings *f)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct ct ct = {
		.vmid = 100, .here = true, .conf = &c, .task = (char[]){ "vzdump" }
	};

	CHECK(pveconf_parse(text, strlen(text), 100, &c, NULL) == 0, "%s", text);
	rules_run_ct(&ct, f);
	return f->n;
}

static void what_a_running_task_left_so_is_a_note(void)
{
	_cleanup_(findings_done) struct findings f = { 0 };

	CHECK(run_at_work(FINE "lock: backup\n[vzdump]\nsnapstate: prepare\n[ab]\n"
			       "snapstate: delete\n",
			  &f) == 3,
	      "%zu", f.n);
	for (size_t i = 0; i < f.n; i++)
		CHECK(f.v[i].severity == SEV_INFO && !f.v[i].fix, "%s: %s", f.v[i].rule,
		      f.v[i].seen);
}

/* It takes the section out of the config and leaves the volumes' snapshots. */
static void nothing_is_removed_by_force(void)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	const struct finding *first;

	CHECK(run(FINE "lock: backup\n[ab]\nsnapstate: delete\n[vzdump]\n",
		  "snapshot-unfinished", &f, &first) == 1,
	      "%zu", f.n);
	for (size_t i = 0; i < f.n; i++)
		CHECK(!f.v[i].fix || !strstr(f.v[i].fix, "force"), "%s", f.v[i].fix);
	CHECK(first && strstr(first->fix, "pct unlock 100, then pct delsnapshot 100 ab"),
	      "%s", first ? first->fix : "");
}

static void what_is_pending_is_not_asked_for_again(void)
{
	static const struct {
		const char *pending, *fix;
	} want[] = {
		{ "[pve:pending]\ndelete: tags,!mp0;onboot\n",
		  "waits for the next start" },
		{ "[pve:pending]\nmp0: /srv/x,mp=/x,ro=1\n", "a change of mp0 waits" },
		{ "[pve:pending]\ndelete: mp\nmp1: /srv/x,mp=/x\n", "pct set 100 --mp0" },
		{ "[ab]\nmp0: /srv/x,mp=/x,ro=1\n", "pct set 100 --mp0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_free_ char *text =
			xasprintf(FINE "mp0: /etc,mp=/x\n%s", want[i].pending);
		_cleanup_(findings_done) struct findings f = { 0 };
		const struct finding *first;

		CHECK(run(text, "bind-sensitive-rw", &f, &first) == 1, "%zu", i);
		CHECK(first && strstr(first->fix, want[i].fix), "%zu: %s", i,
		      first ? first->fix : "");
	}
}

static void a_fix_is_one(void)
{
	static const struct {
		const char *rule, *text, *fix;
	} want[] = {
		{ "bind-sensitive-rw", FINE "mp0: /etc,mp=/x\n",
		  "pct set 100 --mp0 '/etc,mp=/x,ro=1'" },
		{ "bind-sensitive-rw",
		  FINE "lxc.mount.entry: /etc etc2 none bind,create=dir 0 0\n",
		  "edit /etc/pve/lxc/100.conf, line 9: mount only what is needed of it, "
		  "with ro among its options" },
		/* read-only keeps nobody from a socket */
		{ "bind-sensitive-rw", FINE "mp0: /run,mp=/x\n",
		  "edit /etc/pve/lxc/100.conf, line 9: mount only what is needed of it" },
		{ "bind-sensitive-rw",
		  FINE "lxc.mount.entry: /run run2 none bind,create=dir 0 0\n",
		  "edit /etc/pve/lxc/100.conf, line 9: mount only what is needed of it" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_(findings_done) struct findings f = { 0 };
		const struct finding *first;

		CHECK(run(want[i].text, want[i].rule, &f, &first) == 1, "%zu", i);
		CHECK_STR(first && first->fix ? first->fix : "", want[i].fix);
	}
}

static void what_a_script_runs_as_is_told(void)
{
	static const struct {
		const char *text;
		bool of_node;
	} want[] = {
		{ FINE "lxc.hook.mount: /y\n", false },
		{ FINE "lxc.hook.pre-mount: /y\n", false },
		{ FINE "lxc.hook.autodev: /y\n", false },
		{ FINE "lxc.hook.pre-start: /y\n", true },
		{ PRIVILEGED "lxc.hook.mount: /y\n", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_(findings_done) struct findings f = { 0 };
		const struct finding *first;

		CHECK(run(want[i].text, "host-script", &f, &first) == 1, "%zu", i);
		CHECK(first && !strstr(first->why, "user namespace") == want[i].of_node,
		      "%zu: %s", i, first ? first->why : "");
	}
}

static void a_line_that_nobody_reads_is_cut(void)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct finding *first;

	buf_adds(&b, FINE "lxc.apparmor.raw: ");
	for (unsigned i = 0; i < 1000; i++)
		buf_adds(&b, "\xe2\x82\xac");
	buf_adds(&b, "\n");
	CHECK(run(buf_str(&b), "apparmor-raw", &f, &first) == 1, "%zu", f.n);
	CHECK(first && strlen(first->seen) < 600 && str_ends(first->seen, " bytes more)"),
	      "%s", first ? first->seen : "");
	CHECK(first && strstr(first->seen, "\xe2\x82\xac... ("), "cut in a character");
}

static void onboot_means_nothing_to_ha(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	struct ct ct = { .vmid = 100, .conf = &c, .ha_state = (char[]){ "started" } };
	struct findings f = { 0 };

	CHECK(pveconf_parse(NET, strlen(NET), 100, &c, NULL) == 0, "parse");
	rule_onboot_off.check(&rule_onboot_off, &ct, &f);
	CHECK(f.n == 0, "%zu", f.n);
	ct.ha_state = (char[]){ "ignored" };
	rule_onboot_off.check(&rule_onboot_off, &ct, &f);
	CHECK(f.n == 1, "%zu", f.n);
	findings_done(&f);
}

static void what_a_restore_does_not_have_is_said(void)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	const struct finding *first;

	run(PRIVILEGED "mp0: a1:x,mp=/x\nmp2: /srv,mp=/y\nmp3: a1:y,mp=/z,backup=1\n",
	    "privileged", &f, &first);
	CHECK(first && str_ends(first->fix, "not in the archive: mp0, mp2"), "%s",
	      first ? first->fix : "");
}

static void a_fine_container_has_no_findings(void)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	const struct finding *first;

	run(FINE NET, "", &f, &first);
	CHECK(f.n == 0, "%s: %s", f.v[0].rule, f.v[0].seen);
}

static void an_empty_config_is_missing_things_only(void)
{
	static const char *const may[] = { "start-missing-key", "privileged",
					   "memory-default", "swap-absent",
					   "onboot-off" };
	_cleanup_(findings_done) struct findings f = { 0 };
	const struct finding *first;

	run("", "", &f, &first);
	for (size_t i = 0; i < f.n; i++) {
		bool ok = false;

		for (size_t k = 0; k < ARRAY_SIZE(may); k++)
			ok |= str_eq(f.v[i].rule, may[k]);
		CHECK(ok, "%s: %s", f.v[i].rule, f.v[i].seen);
	}
}

/* These are about what is not there: of them it is a config that is not one yet. */
static bool is_of_absence(const struct rule *rule)
{
	const struct rule *const those[] = { &rule_start_missing_key, &rule_privileged,
					     &rule_memory_default, &rule_swap_absent,
					     &rule_onboot_off };

	for (size_t i = 0; i < ARRAY_SIZE(those); i++)
		if (rule == those[i])
			return true;
	return false;
}

/* The third test of each: where what it looks at is not there, it has nothing to say. */
static void no_rule_speaks_of_what_is_absent(void)
{
	for (size_t i = 0; i < n_rules; i++) {
		const char *text = is_of_absence(rules[i]) ? "lock: create\n" : "";
		struct ct unread = { .vmid = 100, .here = true };
		struct facts facts = { .cts = &unread, .n_cts = 1 };
		struct rule_in in = { .facts = &facts };
		_cleanup_(findings_done) struct findings f = { 0 };
		const struct finding *first;

		CHECK(run(text, rules[i]->id, &f, &first) == 0, "%s: %s", rules[i]->id,
		      first ? first->seen : "");
		findings_done(&f);
		rules_run(&in, &(struct rule_pick){ .only = &rules[i], .n_only = 1 }, &f);
		CHECK(f.n == 0, "%s: no config: %zu", rules[i]->id, f.n);
	}
}

static void a_stub_is_only_locked(void)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	const struct finding *first;

	run("lock: destroyed\n", "", &f, &first);
	CHECK(f.n == 1, "%zu", f.n);
	CHECK_STR(f.v[0].rule, "lock-set");
}

/*
 * One that fires and one that just does not are in each sample. Those of several containers
 * are in test-audit.c, those over the kernel in test-kernel.c: with a table of their own.
 */
static void every_rule_has_a_sample_and_a_reason(void)
{
	size_t n = 0;

	for (size_t i = 0; i < n_rules; i++) {
		bool found = !rules[i]->check;
		int ways = (rules[i]->check != NULL) + (rules[i]->check_sec != NULL) +
			   (rules[i]->check_all != NULL);

		n += rules[i]->check != NULL;

		for (size_t k = 0; k < ARRAY_SIZE(samples); k++)
			found |= str_eq(samples[k].rule, rules[i]->id) && samples[k].n &&
				 samples[k].fires && samples[k].quiet;
		CHECK(found, "%s has no sample", rules[i]->id);
		CHECK(rules[i]->title && rules[i]->why && ways == 1, "%s", rules[i]->id);
		for (size_t k = 0; k < i; k++)
			CHECK(!str_eq(rules[k]->id, rules[i]->id), "%s is there twice",
			      rules[i]->id);
	}
	CHECK(n == ARRAY_SIZE(samples), "%zu rules, %zu samples", n, ARRAY_SIZE(samples));
}

static void ten_thousand_wrong_keys_are_told_a_hundred_times(void)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct finding *first;
	size_t n;

	buf_adds(&b, FINE);
	for (unsigned i = 0; i < 10000; i++)
		buf_addf(&b, "foo%u: x\n", i);
	n = run(buf_str(&b), "key-unknown", &f, &first);
	CHECK(n == 101, "%zu", n);
	CHECK_STR(f.v[f.n - 1].seen, "and 9900 more");
}

static void findings_are_worst_first(void)
{
	struct finding v[] = {
		{ .rule = "b", .severity = SEV_INFO, .line = 1 },
		{ .rule = "b", .severity = SEV_ERROR, .line = 9 },
		{ .rule = "a", .severity = SEV_WARN, .line = 3 },
		{ .rule = "b", .severity = SEV_ERROR, .line = 2 },
	};
	struct findings f = { v, 4, 4 };

	findings_sort(&f);
	CHECK(v[0].line == 2 && v[1].line == 9 && v[2].line == 3 && v[3].line == 1,
	      "%u %u %u %u", v[0].line, v[1].line, v[2].line, v[3].line);
	CHECK_STR(severity_name(SEV_WARN), "warning");
}

static void a_container_without_config_is_passed_over(void)
{
	struct ct ct = { .vmid = 100 };
	struct facts facts = { .cts = &ct, .n_cts = 1 };
	struct rule_in in = { .facts = &facts };
	struct findings f = { 0 };

	rules_run(&in, &(struct rule_pick){ 0 }, &f);
	CHECK(f.n == 0, "%zu", f.n);
}

int main(void)
{
	RUN(each_rule_fires_and_just_does_not);
	RUN(findings_are_as_bad_as_they_are);
	RUN(a_lock_is_taken_away_as_fits_it);
	RUN(what_a_running_task_left_so_is_a_note);
	RUN(nothing_is_removed_by_force);
	RUN(what_is_pending_is_not_asked_for_again);
	RUN(a_fix_is_one);
	RUN(what_a_script_runs_as_is_told);
	RUN(a_line_that_nobody_reads_is_cut);
	RUN(onboot_means_nothing_to_ha);
	RUN(what_a_restore_does_not_have_is_said);
	RUN(a_fine_container_has_no_findings);
	RUN(an_empty_config_is_missing_things_only);
	RUN(no_rule_speaks_of_what_is_absent);
	RUN(a_stub_is_only_locked);
	RUN(every_rule_has_a_sample_and_a_reason);
	RUN(ten_thousand_wrong_keys_are_told_a_hundred_times);
	RUN(findings_are_worst_first);
	RUN(a_container_without_config_is_passed_over);
	return DONE();
}
