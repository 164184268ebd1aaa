/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/lxckeys.h"

#include <stdlib.h>

/* By name. */
static const char *const kept[] = {
	"lxc.apparmor.allow_incomplete",
	"lxc.apparmor.allow_nesting",
	"lxc.apparmor.profile",
	"lxc.apparmor.raw",
	"lxc.arch",
	"lxc.autodev",
	"lxc.cap.drop",
	"lxc.cap.keep",
	"lxc.console.logfile",
	"lxc.console.path",
	"lxc.devtty.dir",
	"lxc.environment",
	"lxc.environment.hooks",
	"lxc.group",
	"lxc.hook.autodev",
	"lxc.hook.clone",
	"lxc.hook.destroy",
	"lxc.hook.mount",
	"lxc.hook.post-stop",
	"lxc.hook.pre-mount",
	"lxc.hook.pre-start",
	"lxc.hook.start",
	"lxc.hook.stop",
	"lxc.hook.version",
	"lxc.idmap",
	"lxc.include",
	"lxc.init.cmd",
	"lxc.init.cwd",
	"lxc.init.gid",
	"lxc.init.groups",
	"lxc.init.uid",
	"lxc.kmsg",
	"lxc.log.file",
	"lxc.log.level",
	"lxc.mount.auto",
	"lxc.mount.entry",
	"lxc.mount.fstab",
	"lxc.pty.max",
	"lxc.rootfs.mount",
	"lxc.seccomp.notify.cookie",
	"lxc.seccomp.notify.proxy",
	"lxc.seccomp.profile",
	"lxc.selinux.context",
	"lxc.signal.halt",
	"lxc.signal.reboot",
	"lxc.signal.stop",
	"lxc.start.auto",
	"lxc.start.delay",
	"lxc.start.order",
	"lxc.sysctl.fs.mqueue",
	"lxc.sysctl.kernel.msgmax",
	"lxc.sysctl.kernel.msgmnb",
	"lxc.sysctl.kernel.msgmni",
	"lxc.sysctl.kernel.sem",
	"lxc.sysctl.kernel.shm_rmid_forced",
	"lxc.sysctl.kernel.shmall",
	"lxc.sysctl.kernel.shmmax",
	"lxc.sysctl.kernel.shmmni",
	"lxc.tty.max",
	"lxc.uts.name",
};

#define RENAMED(to) " is deprecated and was renamed to " to

/* Names of before LXC 3. */
static const struct {
	const char *key;
	const char *say;
} renamed[] = {
	{ "lxc.aa_allow_incomplete", RENAMED("lxc.apparmor.allow_incomplete") },
	{ "lxc.aa_profile", RENAMED("lxc.apparmor.profile") },
	{ "lxc.console", RENAMED("lxc.console.path") },
	{ "lxc.devttydir", RENAMED("lxc.tty.dir") },
	{ "lxc.haltsignal", RENAMED("lxc.signal.halt") },
	{ "lxc.id_map", RENAMED("lxc.idmap") },
	{ "lxc.init_cmd", RENAMED("lxc.init.cmd") },
	{ "lxc.logfile", RENAMED("lxc.log.file") },
	{ "lxc.loglevel", RENAMED("lxc.log.level") },
	{ "lxc.mount", RENAMED("lxc.mount.fstab") },
	{ "lxc.network.flags", RENAMED("lxc.net.INDEX.flags") },
	{ "lxc.network.hwaddr", RENAMED("lxc.net.INDEX.hwaddr") },
	{ "lxc.network.ipv4", RENAMED("lxc.net.INDEX.ipv4.address") },
	{ "lxc.network.ipv4.gateway", RENAMED("lxc.net.INDEX.ipv4.gateway") },
	{ "lxc.network.ipv6", RENAMED("lxc.net.INDEX.ipv6.address") },
	{ "lxc.network.ipv6.gateway", RENAMED("lxc.net.INDEX.ipv6.gateway") },
	{ "lxc.network.link", RENAMED("lxc.net.INDEX.link") },
	{ "lxc.network.mtu", RENAMED("lxc.net.INDEX.mtu") },
	{ "lxc.network.name", RENAMED("lxc.net.INDEX.name") },
	{ "lxc.network.script.down", RENAMED("lxc.net.INDEX.script.down") },
	{ "lxc.network.script.up", RENAMED("lxc.net.INDEX.script.up") },
	{ "lxc.network.type", RENAMED("lxc.net.INDEX.type") },
	{ "lxc.pts", RENAMED("lxc.pty.max") },
	{ "lxc.rebootsignal", RENAMED("lxc.signal.reboot") },
	{ "lxc.se_context", RENAMED("lxc.selinux.context") },
	{ "lxc.seccomp", RENAMED("lxc.seccomp.profile") },
	{ "lxc.stopsignal", RENAMED("lxc.signal.stop") },
	{ "lxc.tty", RENAMED("lxc.tty.max") },
	{ "lxc.utsname", RENAMED("lxc.uts.name") },
};

/* Whatever is behind the dot, nothing too. */
static const struct {
	const char *prefix;
	enum lxckey what;
	const char *say;
} prefixes[] = {
	{ "lxc.limit.", LXCKEY_WARNED, ": lxc.limit.* was renamed to lxc.prlimit.*" },
	{ "lxc.cgroup.", LXCKEY_WARNED,
	  " is deprecated, this will be a hard error in the future!" },
	{ "lxc.cgroup2.", LXCKEY_KEPT, NULL },
	{ "lxc.prlimit.", LXCKEY_KEPT, NULL },
	{ "lxc.net.", LXCKEY_KEPT, NULL },
};

static const struct {
	const char *key;
	const char *say;
} refused[] = {
	{ "lxc.rootfs.path", ": lxc.rootfs.path is auto generated from rootfs" },
	{ "lxc.rootfs.options",
	  ": lxc.rootfs.options is not supported, please use mount point options in the "
	  "\"rootfs\" key" },
};

static int cmp_kept(const void *key, const void *name)
{
	const struct span *k = key;
	const char *s = *(const char *const *)name;
	int r = strncmp(k->p, s, k->n);

	return r ? r : -(s[k->n] != '\0');
}

enum lxckey lxckey_check(struct span key, const char **ret)
{
	if (span_eq(key, "lxc.environment.runtime"))
		return LXCKEY_RUNTIME;
	if (bsearch(&key, kept, ARRAY_SIZE(kept), sizeof(kept[0]), cmp_kept))
		return LXCKEY_KEPT;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (span_starts(key, prefixes[i].prefix)) {
			*ret = prefixes[i].say;
			return prefixes[i].what;
		}
	for (size_t i = 0; i < ARRAY_SIZE(renamed); i++)
		if (span_eq(key, renamed[i].key)) {
			*ret = renamed[i].say;
			return LXCKEY_WARNED;
		}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (span_eq(key, refused[i].key)) {
			*ret = refused[i].say;
			return LXCKEY_REFUSED;
		}
	return LXCKEY_UNKNOWN;
}
