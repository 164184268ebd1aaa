/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/capability.h>

#include "read/mountinfo.h"
#include "read/pveconf.h"
#include "rule/kernel.h"
#include "test.h"

#define ALL        0x1ffffffffffULL
#define LXC_CAPS   0x1fcfdfcffffULL /* of a privileged container on a real node */
#define BIT(c)     ((uint64_t)1 << (c))
#define HOST(ns)   (1000U + (unsigned)(ns))
#define OWN(k, ns) (2000U + 100 * (k) + (unsigned)(ns))

/* /proc and /sys of a privileged container, as a real node has them. */
#define MASKED                                                                           \
	"482 216 253:6 / / rw,relatime - ext4 /dev/mapper/x rw\n"                        \
	"492 482 0:72 / /proc rw,nosuid,nodev,noexec - proc proc rw\n"                   \
	"494 495 0:72 /sys/net /proc/sys/net rw,nosuid - proc proc rw\n"                 \
	"495 492 0:72 /sys /proc/sys ro,relatime - proc proc rw\n"                       \
	"498 482 0:73 / /sys ro,nosuid,nodev,noexec - sysfs sysfs rw\n"                  \
	"499 498 0:73 /devices/virtual/net /sys/devices/virtual/net rw - sysfs sysfs rw\n"

/* A node with AppArmor, and one container on it that is as PVE makes it. */
struct stage {
	struct sec_host host;
	struct sec_proc procs[3];
	struct idmap_line map[1];
	struct ctsec sec;
	struct ct ct;
	struct pveconf conf;
};

static struct sec_label label(const char *profile, enum sec_aa_mode mode)
{
	return (struct sec_label){ .got = SEC_GOT,
				   .mode = mode,
				   .text = xstrdup(profile),
				   .profile = xstrdup(profile) };
}

static void fill_proc(struct sec_proc *p, pid_t pid, unsigned k, bool privileged)
{
	*p = (struct sec_proc){ .pid = pid,
				.comm = xstrdup("init"),
				.comm_n = 4,
				.seccomp = val_set(2),
				.seccomp_filters = val_set(1),
				.label = label("lxc-101", SEC_AA_ENFORCE) };
	p->caps.permitted = p->caps.effective = p->caps.bounding =
		val_set(privileged ? LXC_CAPS : ALL);
	p->caps.ambient = val_set(0);
	p->ns.got = SEC_GOT;
	for (unsigned i = 0; i < SEC_NS_N; i++)
		p->ns.inode[i] = val_set(OWN(k, i));
	p->ns.inode[SEC_NS_TIME] = val_set(HOST(SEC_NS_TIME));
	if (privileged)
		p->ns.inode[SEC_NS_USER] = val_set(HOST(SEC_NS_USER));
}

/* k: which container; they have namespaces of their own. */
static void stage_make(struct stage *s, unsigned k, bool privileged, const char *conf)
{
	*s = (struct stage){ 0 };
	s->host.ns.got = SEC_GOT;
	for (unsigned i = 0; i < SEC_NS_N; i++)
		s->host.ns.inode[i] = val_set(HOST(i));
	s->host.label = label("unconfined", SEC_AA_UNCONFINED);
	for (size_t i = 0; i < ARRAY_SIZE(s->procs); i++)
		fill_proc(&s->procs[i], (pid_t)(50 + i), k, privileged);
	s->map[0] = (struct idmap_line){ 0, privileged ? 0 : 100000,
					 privileged ? UINT32_MAX : 65536 };
	s->sec = (struct ctsec){ .vmid = 101 + k,
				 .host = &s->host,
				 .procs = s->procs,
				 .n_procs = 2,
				 .uid_got = SEC_GOT,
				 .gid_got = SEC_GOT,
				 .uids = { s->map, 1 },
				 .gids = { s->map, 1 } };
	s->sec.mounts_got = SEC_GOT;
	mountinfo_parse(MASKED, strlen(MASKED), &s->sec.mounts);
	s->sec.devices.got = SEC_GOT;
	s->sec.devices.bpf = val_set(1);
	s->ct = (struct ct){ .vmid = 101 + k, .here = true, .state = CT_RUNNING };
	if (conf) {
		CHECK(pveconf_parse(conf, strlen(conf), s->ct.vmid, &s->conf, NULL) == 0,
		      "%s", conf);
		s->ct.conf = &s->conf;
	}
}

static void stage_done(struct stage *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->procs); i++)
		sec_proc_done(&s->procs[i]);
	sec_host_done(&s->host);
	mounts_done(&s->sec.mounts);
	if (s->ct.conf)
		pveconf_done(&s->conf);
}

#define UNPRIV "unprivileged: 1\nfeatures: nesting=1\n"

/* Which rules were seen to fire, and to keep quiet: see the last test. */
static struct {
	const struct rule *rule;
	bool fired, quiet;
} noted[128];

static void note(const struct rule *rule, size_t n)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(noted) && noted[i].rule && noted[i].rule != rule)
		i++;
	noted[i].rule = rule;
	noted[i].fired |= n > 0;
	noted[i].quiet |= n == 0;
}

static size_t run(const struct rule *rule, const struct stage *s, struct findings *f)
{
	*f = (struct findings){ 0 };
	rule->check_sec(rule, &s->ct, &s->sec, f);
	note(rule, f->n);
	return f->n;
}

/* Fires once, with these texts; fix NULL: none. */
static void fires(const struct rule *rule, const struct stage *s, const char *seen,
		  uint32_t line, const char *fix)
{
	_cleanup_(findings_done) struct findings f = { 0 };

	CHECK(run(rule, s, &f) == 1, "%s: %zu", rule->id, f.n);
	if (f.n != 1)
		return;
	CHECK(strstr(f.v[0].seen, seen) != NULL, "%s: %s", rule->id, f.v[0].seen);
	CHECK(f.v[0].line == line, "%s: line %u", rule->id, f.v[0].line);
	CHECK(fix ? f.v[0].fix && strstr(f.v[0].fix, fix) : !f.v[0].fix, "%s: %s",
	      rule->id, f.v[0].fix ? f.v[0].fix : "(none)");
}

static void quiet(const struct rule *rule, const struct stage *s)
{
	_cleanup_(findings_done) struct findings f = { 0 };

	CHECK(run(rule, s, &f) == 0, "%s: %s", rule->id, f.v[0].seen);
}

static const struct rule *const of_one[] = {
	&rule_kernel_caps,
	&rule_kernel_process_caps,
	&rule_kernel_ambient_caps,
	&rule_kernel_seccomp_off,
	&rule_kernel_process_unfiltered,
	&rule_kernel_apparmor_unconfined,
	&rule_kernel_apparmor_complain,
	&rule_kernel_process_unconfined,
	&rule_kernel_not_unprivileged,
	&rule_kernel_host_namespace,
	&rule_kernel_process_host_namespace,
	&rule_kernel_idmap_host_root,
	&rule_kernel_devices_open,
	&rule_kernel_proc_writable,
	&rule_kernel_sys_writable,
	&rule_kernel_host_proc,
	&rule_kernel_host_socket,
	&rule_kernel_host_path,
	&rule_kernel_host_device,
};

static void a_container_as_pve_makes_it_is_silent(void)
{
	for (unsigned privileged = 0; privileged < 2; privileged++) {
		struct stage s;

		stage_make(&s, 0, privileged, privileged ? "memory: 16\n" : UNPRIV);
		for (size_t i = 0; i < ARRAY_SIZE(of_one); i++)
			quiet(of_one[i], &s);
		stage_done(&s);
	}
}

static void of_what_is_not_known_nothing_is_said(void)
{
	struct sec_proc procs[2] = { { .pid = 50 }, { .pid = 51 } };
	struct sec_host host = { 0 };
	struct ctsec empty = { 0 }, bare = { .procs = procs, .n_procs = 2 };
	struct stage s;

	stage_make(&s, 0, false, UNPRIV);
	mounts_done(&s.sec.mounts);
	for (size_t i = 0; i < ARRAY_SIZE(of_one); i++) {
		s.sec = empty;
		quiet(of_one[i], &s);
		s.sec = bare;
		quiet(of_one[i], &s);
		s.sec.host = &host;
		quiet(of_one[i], &s);
		s.sec.host = &s.host;
		quiet(of_one[i], &s);
	}
	stage_done(&s);
	stage_make(&s, 0, true, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(of_one); i++)
		quiet(of_one[i], &s);
	stage_done(&s);
}

static void caps_beyond_those_of_lxc(void)
{
	struct stage s;

	stage_make(&s, 0, true, "memory: 16\nlxc.cap.drop:\n");
	s.procs[0].caps.bounding.n |= BIT(CAP_SYS_MODULE) | BIT(CAP_SYS_TIME);
	fires(&rule_kernel_caps, &s, "cap_sys_module, cap_sys_time on the node", 2,
	      "pct reboot 101");
	s.procs[0].caps.bounding.n = LXC_CAPS;
	quiet(&rule_kernel_caps, &s);
	stage_done(&s);
	/* a line that drops some is not what gave them */
	stage_make(&s, 0, true, "lxc.cap.drop:\nlxc.cap.drop: sys_admin\n");
	s.procs[0].caps.bounding.n |= BIT(CAP_SYS_MODULE);
	fires(&rule_kernel_caps, &s, "cap_sys_module on the node", 0, NULL);
	stage_done(&s);
	stage_make(&s, 0, true, "memory: 16\nlxc.cap.drop:\n");
	s.procs[0].caps.bounding.n = LXC_CAPS;
	/* out of the bounding set, but held */
	s.procs[0].caps.effective.n |= BIT(CAP_SYS_RAWIO);
	fires(&rule_kernel_caps, &s, "cap_sys_rawio", 2, "line 2");
	stage_done(&s);

	stage_make(&s, 0, false, UNPRIV);
	s.procs[0].caps.bounding.n = UINT64_MAX;
	quiet(&rule_kernel_caps, &s); /* in a user namespace of its own */
	stage_done(&s);
}

static void a_process_with_more_than_init(void)
{
	struct stage s;

	stage_make(&s, 0, true, NULL);
	s.procs[1].caps.effective.n |= BIT(CAP_SYS_MODULE);
	fires(&rule_kernel_process_caps, &s, "process 51 (init): cap_sys_module", 0,
	      NULL);
	/* of a user namespace inside: usual */
	s.procs[1].ns.inode[SEC_NS_USER] = val_set(77);
	quiet(&rule_kernel_process_caps, &s);
	s.procs[1].ns.inode[SEC_NS_USER] = (struct val){ 0 };
	quiet(&rule_kernel_process_caps, &s);
	stage_done(&s);
}

static void ambient_caps_count_on_the_node_only(void)
{
	struct stage s;

	stage_make(&s, 0, true, NULL);
	s.procs[1].caps.ambient = val_set(BIT(CAP_NET_RAW));
	fires(&rule_kernel_ambient_caps, &s, "51 (init) passes on cap_net_raw", 0, NULL);
	s.procs[1].caps.ambient = (struct val){ 0 };
	quiet(&rule_kernel_ambient_caps, &s);
	stage_done(&s);
	stage_make(&s, 0, false, UNPRIV);
	s.procs[1].caps.ambient = val_set(BIT(CAP_NET_RAW));
	quiet(&rule_kernel_ambient_caps, &s);
	stage_done(&s);
}

static void seccomp_that_is_off(void)
{
	struct stage s;

	stage_make(&s, 0, false, UNPRIV "lxc.seccomp.profile:\n");
	s.procs[0].seccomp = val_set(0);
	fires(&rule_kernel_seccomp_off, &s, "Seccomp: 0", 3, "line 3: remove it");
	quiet(&rule_kernel_process_unfiltered, &s); /* told once */
	s.procs[0].seccomp = val_set(1);
	quiet(&rule_kernel_seccomp_off, &s);
	s.procs[0].seccomp = (struct val){ 0 };
	quiet(&rule_kernel_seccomp_off, &s);
	stage_done(&s);
}

static void a_process_without_any_filter(void)
{
	struct stage s;

	stage_make(&s, 0, false, UNPRIV);
	s.procs[1].seccomp = val_set(0);
	fires(&rule_kernel_process_unfiltered, &s, "process 51 (init)", 0, NULL);
	s.procs[1].seccomp = val_set(2);
	s.procs[1].seccomp_filters = val_set(9); /* its own on top: more */
	quiet(&rule_kernel_process_unfiltered, &s);
	/* an init that filters itself has one more than who comes in by pct enter */
	s.procs[0].seccomp_filters = val_set(2);
	s.procs[1].seccomp_filters = val_set(1);
	quiet(&rule_kernel_process_unfiltered, &s);
	s.procs[1].seccomp_filters = (struct val){ 0 };
	quiet(&rule_kernel_process_unfiltered, &s);
	stage_done(&s);
}

static void apparmor_that_does_not_confine(void)
{
	struct stage s;

	stage_make(&s, 0, true, "memory: 16\nlxc.apparmor.profile: unconfined\n");
	sec_label_done(&s.procs[0].label);
	s.procs[0].label = label("unconfined", SEC_AA_UNCONFINED);
	fires(&rule_kernel_apparmor_unconfined, &s, "\"unconfined\", as root of the node",
	      2, "line 2");
	quiet(&rule_kernel_process_unconfined, &s);
	/* no AppArmor on the node: nothing that this container lacks */
	s.host.label.got = SEC_ABSENT;
	quiet(&rule_kernel_apparmor_unconfined, &s);
	s.host.label.got = SEC_GOT;
	s.procs[0].label.got = SEC_UNREADABLE;
	quiet(&rule_kernel_apparmor_unconfined, &s);
	stage_done(&s);
}

static void apparmor_that_complains(void)
{
	struct stage s;

	stage_make(&s, 0, false, UNPRIV);
	s.procs[0].label.mode = SEC_AA_COMPLAIN;
	fires(&rule_kernel_apparmor_complain, &s, "init runs as", 0, "lxc-101 back into");
	/* as the kernel has it once init was executed: that profile is in no file */
	sec_label_done(&s.procs[0].label);
	s.procs[0].label = label("mine//null-/sbin/init", SEC_AA_COMPLAIN);
	fires(&rule_kernel_apparmor_complain, &s, "init runs as", 0,
	      "profile mine back into");
	s.procs[0].label.mode = SEC_AA_MIXED;
	quiet(&rule_kernel_apparmor_complain, &s);
	s.procs[0].label.mode = SEC_AA_COMPLAIN;
	s.procs[0].label.got = SEC_ABSENT;
	quiet(&rule_kernel_apparmor_complain, &s);
	stage_done(&s);
}

static void a_process_outside_the_profile(void)
{
	struct stage s;

	stage_make(&s, 0, false, UNPRIV);
	sec_label_done(&s.procs[1].label);
	s.procs[1].label = label("unconfined", SEC_AA_UNCONFINED);
	fires(&rule_kernel_process_unconfined, &s, "process 51 (init)", 0, NULL);
	s.procs[1].label.got = SEC_ABSENT;
	quiet(&rule_kernel_process_unconfined, &s);
	s.procs[1].label.got = SEC_GOT;
	s.procs[0].label.got = SEC_ABSENT;
	quiet(&rule_kernel_process_unconfined, &s);
	stage_done(&s);
}

static void unprivileged_in_the_config_only(void)
{
	struct stage s;

	stage_make(&s, 0, true, UNPRIV);
	fires(&rule_kernel_not_unprivileged, &s, "root of the node", 1,
	      "take the key out again");
	s.procs[0].ns.inode[SEC_NS_USER] = (struct val){ 0 };
	quiet(&rule_kernel_not_unprivileged, &s);
	stage_done(&s);
	stage_make(&s, 0, true, "memory: 16\n");
	quiet(&rule_kernel_not_unprivileged, &s);
	stage_done(&s);
}

static void namespaces_of_the_node(void)
{
	struct stage s;

	stage_make(&s, 0, true, "memory: 16\nlxc.net.0.type: none\n");
	s.procs[0].ns.inode[SEC_NS_NET] = val_set(HOST(SEC_NS_NET));
	fires(&rule_kernel_host_namespace, &s, "the net namespace of the node", 2,
	      "line 2");
	quiet(&rule_kernel_process_host_namespace, &s);
	s.procs[0].ns.inode[SEC_NS_NET] = (struct val){ 0 };
	quiet(&rule_kernel_host_namespace, &s);
	s.procs[0].ns.inode[SEC_NS_NET] = val_set(5);
	s.procs[0].ns.inode[SEC_NS_PID] = val_set(HOST(SEC_NS_PID));
	fires(&rule_kernel_host_namespace, &s, "the pid namespace", 0, NULL);
	stage_done(&s);
}

static void a_process_in_a_namespace_of_the_node(void)
{
	struct stage s;

	stage_make(&s, 0, false, UNPRIV);
	s.procs[1].ns.inode[SEC_NS_USER] = val_set(HOST(SEC_NS_USER));
	fires(&rule_kernel_process_host_namespace, &s,
	      "51 (init) is in the user namespace", 0, NULL);
	s.procs[1].ns.inode[SEC_NS_USER] = val_set(4711); /* nested */
	quiet(&rule_kernel_process_host_namespace, &s);
	s.procs[1].ns.inode[SEC_NS_USER] = (struct val){ 0 };
	quiet(&rule_kernel_process_host_namespace, &s);
	stage_done(&s);
}

static void root_of_the_node_mapped_in(void)
{
	struct stage s;

	stage_make(&s, 0, false, UNPRIV "lxc.idmap: u 0 0 1\nlxc.idmap: g 0 100000 9\n");
	s.map[0] = (struct idmap_line){ 5, 0, 1 };
	fires(&rule_kernel_idmap_host_root, &s, "root of the node, user and group", 3,
	      "line 3");
	s.sec.gid_got = SEC_ABSENT;
	fires(&rule_kernel_idmap_host_root, &s, "the user root", 3, "line 3");
	s.map[0].outside = 1;
	quiet(&rule_kernel_idmap_host_root, &s);
	s.map[0].outside = 0;
	s.sec.uid_got = SEC_UNREADABLE;
	quiet(&rule_kernel_idmap_host_root, &s);
	stage_done(&s);
}

static void devices_that_nothing_decides_on(void)
{
	struct sec_dev_rule v[] = { { .type = 'a',
				      .major = { .kind = VAL_MAX },
				      .minor = { .kind = VAL_MAX },
				      .mknod = true } };
	struct stage s;

	stage_make(&s, 0, true, "memory: 16\nlxc.cgroup2.devices.allow: a\n");
	s.sec.devices.bpf = val_set(0);
	fires(&rule_kernel_devices_open, &s, "all are allowed", 2, "line 2");
	/* v1 decides where it is there */
	s.sec.devices.is_list = true;
	quiet(&rule_kernel_devices_open, &s);
	s.sec.devices.v = v;
	s.sec.devices.n = 1;
	quiet(&rule_kernel_devices_open, &s); /* making nodes, not opening them */
	v[0].read = true;
	fires(&rule_kernel_devices_open, &s, "every device", 2, "line 2");
	s.sec.devices.got = SEC_UNREADABLE;
	quiet(&rule_kernel_devices_open, &s);
	stage_done(&s);
	stage_make(&s, 0, false, UNPRIV);
	s.sec.devices.bpf = val_set(0);
	quiet(&rule_kernel_devices_open, &s); /* as PVE makes it */
	stage_done(&s);
}

static void mount(struct stage *s, const char *more)
{
	_cleanup_free_ char *text = xasprintf("%s%s", MASKED, more);

	mounts_done(&s->sec.mounts);
	mountinfo_parse(text, strlen(text), &s->sec.mounts);
}

static void proc_and_sys_without_their_masks(void)
{
	struct stage s;

	stage_make(&s, 0, true, "memory: 16\nlxc.mount.auto: proc:rw\n");
	/* another proc, whole, elsewhere; and sysfs over the one that is ro */
	mount(&s, "311 482 0:55 / /mnt/proc rw,relatime - proc proc rw\n"
		  "312 498 0:54 / /sys rw,relatime - sysfs sys rw\n");
	fires(&rule_kernel_proc_writable, &s, "/mnt/proc/sys/kernel is writable", 2,
	      "line 2");
	/* which that line did not make so */
	fires(&rule_kernel_sys_writable, &s, "/sys/kernel is writable", 0, NULL);
	s.sec.mounts_got = SEC_UNREADABLE;
	quiet(&rule_kernel_proc_writable, &s);
	quiet(&rule_kernel_sys_writable, &s);
	s.sec.mounts_got = SEC_GOT;
	/* the same, read-only as a file system */
	mount(&s, "311 482 0:55 / /mnt/proc rw,relatime - proc proc ro\n");
	quiet(&rule_kernel_proc_writable, &s);
	quiet(&rule_kernel_sys_writable, &s);
	stage_done(&s);
	/* the line that mounts it, whichever kind of mount it is */
	stage_make(&s, 0, true,
		   "memory: 16\nlxc.mount.auto: proc:rw\n"
		   "lxc.mount.entry: /proc mnt/proc none bind,create=dir 0 0\n"
		   "lxc.mount.entry: sysfs mnt/sys sysfs rw,create=dir 0 0\n");
	mount(&s, "311 482 0:55 / /mnt/proc rw,relatime - proc proc rw\n"
		  "312 482 0:54 / /mnt/sys rw,relatime - sysfs sys rw\n");
	fires(&rule_kernel_proc_writable, &s, "/mnt/proc/sys/kernel is writable", 3,
	      "line 3");
	fires(&rule_kernel_sys_writable, &s, "/mnt/sys/kernel is writable", 4, "line 4");
	stage_done(&s);
	stage_make(&s, 0, false, UNPRIV);
	mount(&s, "311 482 0:55 / /mnt/proc rw,relatime - proc proc rw\n");
	quiet(&rule_kernel_proc_writable, &s);
	stage_done(&s);
}

static void what_nesting_mounts_again_is_nestings(void)
{
	struct stage s;

	stage_make(&s, 0, true,
		   "memory: 16\nfeatures: nesting=1\nlxc.mount.auto: proc:rw sys:rw\n");
	mount(&s, "311 482 0:55 / /dev/.lxc/proc rw,relatime - proc proc rw\n"
		  "312 482 0:54 / /dev/.lxc/sys rw,relatime - sysfs sys rw\n");
	fires(&rule_kernel_proc_writable, &s, "/dev/.lxc/proc/sys/kernel is writable", 2,
	      "pct set 101 --delete features");
	fires(&rule_kernel_sys_writable, &s, "/dev/.lxc/sys/kernel is writable", 2,
	      "pct set 101 --delete features");
	/* in the hands of the profile that LXC makes: nobody gets there */
	sec_label_done(&s.procs[0].label);
	s.procs[0].label = label("lxc-101_</var/lib/lxc>", SEC_AA_ENFORCE);
	quiet(&rule_kernel_proc_writable, &s);
	quiet(&rule_kernel_sys_writable, &s);
	/* but elsewhere */
	mount(&s, "311 482 0:55 / /dev/.lxc/proc rw,relatime - proc proc rw\n"
		  "312 482 0:54 / /mnt/proc rw,relatime - proc proc rw\n");
	fires(&rule_kernel_proc_writable, &s, "/mnt/proc/sys/kernel is writable", 3,
	      "line 3");
	sec_label_done(&s.procs[0].label);
	s.procs[0].label = label("lxc-101_</var/lib/lxc>", SEC_AA_COMPLAIN);
	fires(&rule_kernel_proc_writable, &s, "/dev/.lxc/proc/sys/kernel, /mnt", 3,
	      "line 3");
	stage_done(&s);
}

/* What a node has mounted: its own /proc and /sys, /run, /dev, root on a subvolume. */
#define HOST_MOUNTS                                                                      \
	"22 1 8:1 /@ / rw - btrfs /dev/sda1 rw\n"                                        \
	"23 22 0:20 / /sys rw - sysfs sysfs rw\n"                                        \
	"24 22 0:21 / /proc rw - proc proc rw\n"                                         \
	"25 22 0:6 / /dev rw - devtmpfs udev rw\n"                                       \
	"26 22 0:24 / /run rw - tmpfs tmpfs rw\n"                                        \
	"27 23 0:35 / /sys/fs/fuse/connections rw - fusectl fusectl rw\n"                \
	"28 23 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"                          \
	"29 22 0:39 / /var/lib/lxcfs rw - fuse.lxcfs lxcfs rw\n"                         \
	"30 22 0:50 / /etc/pve rw - fuse /dev/fuse rw\n"                                 \
	"31 22 8:1 /@home /home rw - btrfs /dev/sda1 rw\n"                               \
	"32 23 0:8 / /sys/kernel/debug rw - debugfs debugfs rw\n"                        \
	"33 22 253:6 / /var/lib/lxc/.pve-staged-mounts/rootfs rw - ext4 /dev/x rw\n"

/* What LXC mounts of the node in every container. */
#define USUAL                                                                            \
	"240 498 0:35 / /sys/fs/fuse/connections rw - fusectl fusectl rw\n"              \
	"243 498 0:27 /lxc/101/ns /sys/fs/cgroup rw - cgroup2 none rw\n"                 \
	"244 492 0:39 /proc/cpuinfo /proc/cpuinfo rw - fuse.lxcfs lxcfs rw\n"            \
	"253 482 0:6 /null /dev/null rw - devtmpfs udev rw\n"                            \
	"254 482 8:1 /@/var/lib/lxc/101/rootfs/x /x rw - btrfs /dev/sda1 rw\n"

static void host_mounts(struct stage *s, const char *more)
{
	_cleanup_free_ char *text = xasprintf(USUAL "%s", more);

	mounts_done(&s->host.mounts);
	s->host.mounts_got = SEC_GOT;
	mountinfo_parse(HOST_MOUNTS, strlen(HOST_MOUNTS), &s->host.mounts);
	mount(s, text);
}

static void sent(const struct rule *rule, const struct stage *s, const char *seen,
		 enum severity severity)
{
	_cleanup_(findings_done) struct findings f = { 0 };

	CHECK(run(rule, s, &f) == 1, "%s: %zu", rule->id, f.n);
	CHECK_STR(f.n ? f.v[0].seen : NULL, seen);
	CHECK(f.n && f.v[0].severity == severity, "%s", rule->id);
	CHECK(f.n && f.v[0].fix, "%s: no fix", rule->id);
}

static void what_lxc_mounts_of_the_node_is_silent(void)
{
	static const struct rule *const of_host[] = {
		&rule_kernel_host_proc,
		&rule_kernel_host_socket,
		&rule_kernel_host_path,
		&rule_kernel_host_device,
	};
	struct stage s;

	stage_make(&s, 0, true, "memory: 16\n");
	host_mounts(&s, "255 482 0:50 / /mine rw - fuse x rw\n" /* same number: below */);
	mounts_done(&s.sec.mounts);
	mountinfo_parse(MASKED USUAL, strlen(MASKED USUAL), &s.sec.mounts);
	for (size_t i = 0; i < ARRAY_SIZE(of_host); i++)
		quiet(of_host[i], &s);
	/* nothing is known of the node */
	mount(&s, "255 482 0:24 /docker.sock /var/run/docker.sock rw - tmpfs tmpfs rw\n");
	s.host.mounts_got = SEC_ABSENT;
	for (size_t i = 0; i < ARRAY_SIZE(of_host); i++)
		quiet(of_host[i], &s);
	stage_done(&s);
}

static void a_socket_of_the_node_is_seen_without_a_line(void)
{
	const struct rule *rule = &rule_kernel_host_socket;
	struct stage s;

	stage_make(&s, 0, true,
		   "memory: 16\nlxc.mount.entry: /var/run/docker.sock x none "
		   "bind 0 0\n");
	host_mounts(&s, "255 482 0:24 /docker.sock /x rw - tmpfs tmpfs rw\n");
	fires(rule, &s, "/run/docker.sock of the node is mounted at /x: that of Docker",
	      2, "line 2: remove it");
	host_mounts(&s, "255 482 0:24 /dbus/system_bus_socket /y ro - tmpfs tmpfs rw\n");
	sent(rule, &s,
	     "/run/dbus/system_bus_socket of the node is mounted at /y, read-only: that of "
	     "the system bus, which is root",
	     SEV_ERROR);
	/* mounted over, it is not reached any more; removed, it is none */
	host_mounts(&s, "255 482 0:24 /docker.sock /x rw - tmpfs tmpfs rw\n"
			"256 255 0:99 / /x rw - tmpfs tmpfs rw\n");
	quiet(rule, &s);
	host_mounts(&s, "255 482 0:24 /docker.sock//deleted /x rw - tmpfs tmpfs rw\n");
	quiet(rule, &s);
	/* its own */
	host_mounts(&s, "255 482 0:98 /docker.sock /x rw - tmpfs tmpfs rw\n");
	quiet(rule, &s);
	stage_done(&s);
	stage_make(&s, 0, false, UNPRIV);
	host_mounts(&s, "255 482 0:24 /systemd/private /z rw - tmpfs tmpfs rw\n");
	sent(rule, &s,
	     "/run/systemd/private of the node is mounted at /z: that of systemd, which is "
	     "root",
	     SEV_WARN);
	stage_done(&s);
}

static void sensitive_paths_of_the_node_are_seen(void)
{
	const struct rule *rule = &rule_kernel_host_path;
	struct stage s;

	stage_make(&s, 0, true, "memory: 16\n");
	host_mounts(&s, "255 482 8:1 /@ /host rw - btrfs /dev/sda1 rw\n");
	sent(rule, &s,
	     "/ of the node is mounted at /host: the whole root file system of the node",
	     SEV_ERROR);
	host_mounts(&s, "255 482 8:1 /@/root /r ro - btrfs /dev/sda1 rw\n");
	sent(rule, &s,
	     "/root of the node is mounted at /r, read-only: root's home, with keys and "
	     "shell start-up files",
	     SEV_WARN);
	/* a read-only mount keeps nobody from connecting */
	host_mounts(&s, "255 482 0:24 / /hr ro - tmpfs tmpfs rw\n");
	sent(rule, &s,
	     "/run of the node is mounted at /hr, read-only: the sockets of the node's "
	     "services",
	     SEV_ERROR);
	host_mounts(&s, "255 482 0:24 /ctscope /c rw - tmpfs tmpfs rw\n");
	sent(rule, &s,
	     "/run/ctscope of the node is mounted at /c: what ctscope recorded of all "
	     "containers",
	     SEV_ERROR);
	host_mounts(&s, "255 498 0:8 / /sys/kernel/debug rw - debugfs debugfs rw\n");
	sent(rule, &s,
	     "/sys/kernel/debug of the node is mounted at /sys/kernel/debug: the node's "
	     "devices and kernel settings",
	     SEV_ERROR);
	host_mounts(&s, "255 482 0:27 / /cg rw - cgroup2 cgroup2 rw\n");
	sent(rule, &s,
	     "/sys/fs/cgroup of the node is mounted at /cg: the node's devices and kernel "
	     "settings",
	     SEV_ERROR);
	/* a share, programs to read, another's home */
	host_mounts(&s, "255 482 8:1 /@/mnt/data /data rw - btrfs /dev/sda1 rw\n"
			"256 482 8:1 /@/usr/lib/modules /m ro - btrfs /dev/sda1 rw\n"
			"257 482 8:1 /@home/etc /home rw - btrfs /dev/sda1 rw\n");
	quiet(rule, &s);
	/* of the network namespace of the node there is no other sysfs */
	host_mounts(&s, "255 482 0:20 / /sys2 ro - sysfs sysfs rw\n");
	sent(rule, &s,
	     "/sys of the node is mounted at /sys2, read-only: the node's devices and "
	     "kernel settings",
	     SEV_WARN);
	s.procs[0].ns.inode[SEC_NS_NET] = val_set(HOST(SEC_NS_NET));
	quiet(rule, &s);
	stage_done(&s);
}

static void the_nodes_processes_and_disks_are_seen(void)
{
	struct stage s;

	stage_make(&s, 0, false, UNPRIV);
	host_mounts(&s, "255 482 0:21 / /hostproc ro - proc proc rw\n");
	sent(&rule_kernel_host_proc, &s,
	     "/proc of the node is mounted at /hostproc, read-only: the processes of the "
	     "node and its kernel's settings",
	     SEV_ERROR);
	quiet(&rule_kernel_host_path, &s);
	host_mounts(&s, "255 482 0:6 /dm-3 /dev/disk rw - devtmpfs udev rw\n"
			"256 482 0:6 /fuse /dev/fuse rw - devtmpfs udev rw\n"
			"257 482 0:6 /net/tun /dev/net/tun rw - devtmpfs udev rw\n");
	sent(&rule_kernel_host_device, &s,
	     "/dev/dm-3 of the node is mounted at /dev/disk: a disk or the memory of the "
	     "node, without a file system in between",
	     SEV_WARN);
	host_mounts(&s, "255 482 0:6 / /hostdev rw - devtmpfs udev rw\n");
	sent(&rule_kernel_host_device, &s,
	     "/dev of the node is mounted at /hostdev: every device of the node",
	     SEV_WARN);
	stage_done(&s);
}

/* Two containers, and one that does not run. */
static size_t run_all(const struct rule *rule, const struct stage *a,
		      const struct stage *b, struct findings *f)
{
	struct ct cts[] = { a->ct, { .vmid = 300 }, b->ct };
	struct ctsec sa = a->sec, sb = b->sec, *secs[] = { &sa, NULL, &sb };
	struct facts facts = { .cts = cts, .n_cts = 3 };
	struct rule_in in = { .facts = &facts, .secs = secs };

	*f = (struct findings){ 0 };
	rule->check_all(rule, &in, f);
	in.secs = NULL;
	rule->check_all(rule, &in, f);
	note(rule, f->n);
	return f->n;
}

static void two_containers_in_one_namespace(void)
{
	const struct rule *rule = &rule_kernel_shared_namespace;
	_cleanup_(findings_done) struct findings f = { 0 };
	struct stage a, b;

	stage_make(&a, 0, true, NULL);
	stage_make(&b, 1, true, NULL);
	CHECK(run_all(rule, &a, &b, &f) == 0, "the node's user namespace is another's");
	findings_done(&f);
	b.procs[0].ns.inode[SEC_NS_NET] = a.procs[0].ns.inode[SEC_NS_NET];
	b.procs[0].ns.inode[SEC_NS_IPC] = a.procs[0].ns.inode[SEC_NS_IPC];
	CHECK(run_all(rule, &a, &b, &f) == 1, "%zu", f.n);
	CHECK(f.n && f.v[0].vmid == 102, "with the later");
	CHECK_STR(f.n ? f.v[0].seen : NULL,
		  "shares with container 101: net, ipc namespace");
	findings_done(&f);
	b.sec.n_procs = 0;
	CHECK(run_all(rule, &a, &b, &f) == 0, "%zu", f.n);
	stage_done(&a);
	stage_done(&b);
}

static void two_containers_with_the_same_ids(void)
{
	const struct rule *rule = &rule_kernel_idmap_shared;
	_cleanup_(findings_done) struct findings f = { 0 };
	struct stage a, b;

	stage_make(&a, 0, false, NULL);
	stage_make(&b, 1, false, NULL);
	CHECK(run_all(rule, &a, &b, &f) == 2, "%zu", f.n);
	CHECK_STR(
		f.n ? f.v[0].seen : NULL,
		"runs with ids of the node, from 100000 on, that container 102 has, too");
	findings_done(&f);
	b.map[0].outside = 165536;
	CHECK(run_all(rule, &a, &b, &f) == 0, "next to each other");
	b.map[0].outside = 165535;
	CHECK(run_all(rule, &a, &b, &f) == 2, "one id");
	findings_done(&f);
	b.sec.uid_got = SEC_UNREADABLE;
	CHECK(run_all(rule, &a, &b, &f) == 0, "%zu", f.n);
	stage_done(&a);
	stage_done(&b);
	/* as their configs say: that is for other rules to tell */
	stage_make(&a, 0, false, UNPRIV);
	stage_make(&b, 1, false, UNPRIV "lxc.idmap: u 0 100000 65536\n");
	CHECK(run_all(rule, &a, &b, &f) == 0, "%zu", f.n);
	b.map[0].count = 65535;
	CHECK(run_all(rule, &a, &b, &f) == 1 && f.v[0].vmid == 102, "%zu", f.n);
	stage_done(&a);
	stage_done(&b);
}

static void many_processes_are_named_in_part(void)
{
	_cleanup_(kernel_some_done) struct kernel_some some = { 0 };
	struct sec_proc p = { .pid = 7, .comm_n = 0 };

	for (int i = 0; i < 8; i++)
		kernel_some_add(&some, &p);
	CHECK_STR(kernel_some_end(&some), "7 (), 7 (), 7 (), 7 (), 7 () and 3 more");
}

/* Those over the filter itself have theirs in test-secdeep.c. */
static bool is_elsewhere(const struct rule *rule)
{
	return str_starts(rule->id, "kernel-filter-");
}

static bool has_noted(const struct rule *rule)
{
	for (size_t i = 0; i < ARRAY_SIZE(noted); i++)
		if (noted[i].rule == rule)
			return noted[i].fired && noted[i].quiet;
	return false;
}

/* It needs the others to have run. */
static void every_rule_fired_kept_quiet_and_was_asked_of_nothing(void)
{
	for (size_t i = 0; i < n_rules; i++) {
		/* run_all() asks without data each time */
		bool asked = rules[i]->check_all != NULL;

		if (!str_starts(rules[i]->id, "kernel-") || is_elsewhere(rules[i]))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(of_one); k++)
			asked |= of_one[k] == rules[i];
		CHECK(asked, "%s: what of absent data?", rules[i]->id);
		CHECK(has_noted(rules[i]),
		      "%s has no test that fires or none that does not", rules[i]->id);
	}
}

int main(void)
{
	RUN(a_container_as_pve_makes_it_is_silent);
	RUN(of_what_is_not_known_nothing_is_said);
	RUN(caps_beyond_those_of_lxc);
	RUN(a_process_with_more_than_init);
	RUN(ambient_caps_count_on_the_node_only);
	RUN(seccomp_that_is_off);
	RUN(a_process_without_any_filter);
	RUN(apparmor_that_does_not_confine);
	RUN(apparmor_that_complains);
	RUN(a_process_outside_the_profile);
	RUN(unprivileged_in_the_config_only);
	RUN(namespaces_of_the_node);
	RUN(a_process_in_a_namespace_of_the_node);
	RUN(root_of_the_node_mapped_in);
	RUN(devices_that_nothing_decides_on);
	RUN(proc_and_sys_without_their_masks);
	RUN(what_nesting_mounts_again_is_nestings);
	RUN(what_lxc_mounts_of_the_node_is_silent);
	RUN(a_socket_of_the_node_is_seen_without_a_line);
	RUN(sensitive_paths_of_the_node_are_seen);
	RUN(the_nodes_processes_and_disks_are_seen);
	RUN(two_containers_in_one_namespace);
	RUN(two_containers_with_the_same_ids);
	RUN(many_processes_are_named_in_part);
	RUN(every_rule_fired_kept_quiet_and_was_asked_of_nothing);
	return DONE();
}
