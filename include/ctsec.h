/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "idmap.h"
#include "mount.h"
#include "secdeep.h"
#include "val.h"

/*
 * What the kernel enforces around a running container, whatever its config says. Read by
 * read/ctsec.h, judged by rule/kernel-*.c.
 *
 * Every piece that comes from a file of its own tells which of three it is:
 *  - SEC_ABSENT: this kernel, or this copy of a node, does not have it (no AppArmor, no
 *    such namespace, the process had ended): nothing is known, no rule may conclude
 *    anything from it;
 *  - SEC_UNREADABLE: it is there and could not be read (not root, a broken copy): nothing
 *    is known, and whoever shows the container says so (ctsec.error);
 *  - SEC_GOT: the fields hold what the kernel said.
 * A struct val is VAL_ABSENT where the file was read and this kernel has no such line.
 */
enum sec_got { SEC_ABSENT, SEC_UNREADABLE, SEC_GOT };

struct sec_host;

/* Namespaces in the order of enum sec_ns; the number is the inode behind /proc/N/ns/X. */
enum sec_ns {
	SEC_NS_USER,
	SEC_NS_MNT,
	SEC_NS_PID,
	SEC_NS_NET,
	SEC_NS_IPC,
	SEC_NS_UTS,
	SEC_NS_CGROUP,
	SEC_NS_TIME, /* Linux 5.6; LXC leaves it the host's */
	SEC_NS_N,
};

const char *sec_ns_name(enum sec_ns n); /* "user", "mnt", ...: the file's name */

struct sec_nss {
	struct val inode[SEC_NS_N]; /* absent: no such file, or not looked at */
	enum sec_got got;           /* SEC_UNREADABLE: at least one could not be read */
};

/* Sets of capabilities, capabilities(7): bit n is capability n. */
struct sec_caps {
	struct val inheritable, permitted, effective, bounding;
	struct val ambient; /* absent: before Linux 4.3 */
};

#define SEC_CAP_MAX 64

/* "cap_sys_admin"; a number that this program has no name for: NULL. */
const char *sec_cap_name(unsigned cap);

/*
 * AppArmor's mode as the label tells it. A label of several profiles has one mode only
 * when all of them have it (those called "unconfined" of a namespace are left out by the
 * kernel): MIXED says no more than that they differ.
 */
enum sec_aa_mode {
	SEC_AA_UNKNOWN, /* the label names none: it may be that of another LSM */
	SEC_AA_UNCONFINED,
	SEC_AA_COMPLAIN, /* violations are logged and allowed */
	SEC_AA_ENFORCE,
	SEC_AA_KILL,
	SEC_AA_MIXED,
	SEC_AA_PROMPT, /* "user": asked of a program in user space */
};

const char *sec_aa_mode_name(enum sec_aa_mode m); /* "enforce", "unconfined", ... */

/*
 * /proc/<pid>/attr/apparmor/current, or attr/current where there is no such file.
 * "lxc-101_</var/lib/lxc>//&:lxc-101_<-var-lib-lxc>:unconfined (enforce)" is the profile
 * of LXC, stacked with what is enforced in an AppArmor namespace of the container's own.
 * Profiles of that namespace are loaded by the guest: their names are tenant bytes.
 * SEC_ABSENT: no LSM of this kernel answers.
 */
struct sec_label {
	enum sec_got got;
	enum sec_aa_mode mode;
	char *text;    /* the line; NULL unless SEC_GOT */
	char *profile; /* of the host's namespace, the first of them; NULL: none visible */
	char *ns;      /* stacked namespace, without its colons; NULL: none */
	char *inner;   /* what is stacked in it; NULL: no namespace */
};

/*
 * One process of the container: of its cgroup lxc/<id>, or below. All of it was read
 * through one directory fd of /proc/<pid>, which stands for that process and no other,
 * as a pidfd does: when the number is reused the reads fail, and the process is left
 * out.
 */
struct sec_proc {
	pid_t pid;            /* of the host */
	pid_t ct_pid;         /* inside the container, 0: not known */
	uint64_t start_ticks; /* since boot: with pid the identity */
	char *comm;           /* tenant bytes */
	uint32_t comm_n;
	bool attached;           /* came in by lxc-attach (pct enter, pct exec) */
	uint32_t uid[4], gid[4]; /* real, effective, saved, file system: of the host */
	struct sec_caps caps;    /* as counted in its own user namespace */
	struct val no_new_privs; /* 0, 1 */
	struct val seccomp; /* 0 off, 1 strict, 2 filter; absent: not in the kernel */
	struct val seccomp_filters; /* how many; absent: before Linux 5.9 */
	struct sec_label label;
	struct sec_nss ns; /* of all but init: user, mnt, pid, net only */
};

/* A rule of cgroup v1's devices.list. */
struct sec_dev_rule {
	char type;               /* 'a' all, 'b', 'c' */
	struct val major, minor; /* VAL_MAX: any */
	bool read, write, mknod;
};

/*
 * Which devices may be opened. On cgroup v2 a BPF program decides, of which only the
 * number in force is told: none means that every device is allowed.
 */
struct sec_devices {
	enum sec_got got; /* SEC_ABSENT: neither could be asked */
	struct val bpf;   /* programs in force at lxc/<id>; absent: not v2, not asked */
	struct sec_dev_rule *v; /* of v1 */
	size_t n;
	bool is_list; /* v1's list was read: none means none */
};

/*
 * One running container; { 0 } is one of which nothing is known.
 */
struct ctsec {
	uint32_t vmid;
	pid_t init_pid; /* whose process, with its start, all of this is about */
	uint64_t init_start_ticks;
	char *error; /* one sentence: something is there and could not be read; NULL: no */
	const struct sec_host
		*host; /* borrowed: the node; NULL: nothing is known of it */

	struct sec_proc *procs; /* procs[0] is init; then by pid */
	size_t n_procs;         /* 0: init had ended */
	uint64_t left_out;      /* processes not read, over the bound */
	uint64_t cgroups_left;  /* cgroups not looked into, over the bound */

	enum sec_got uid_got, gid_got;
	struct idmap uids, gids; /* of init; the whole range 1:1 is the host's own */

	struct sec_devices devices;

	enum sec_got mounts_got;
	struct mounts mounts; /* as init sees them */

	struct secdeep *deep; /* its seccomp filter; NULL: not asked for */
};

void sec_label_done(struct sec_label *l);
void sec_proc_done(struct sec_proc *p);
void ctsec_done(struct ctsec *s);
void ctsec_free(struct ctsec *s);

/* The node that it is compared with: its PID 1. */
struct sec_host {
	struct sec_nss ns;
	struct sec_label label;  /* SEC_ABSENT: AppArmor is not at work on this node */
	struct val last_cap;     /* /proc/sys/kernel/cap_last_cap */
	enum sec_got mounts_got; /* SEC_ABSENT also where they could not be read */
	struct mounts mounts;
};

void sec_host_done(struct sec_host *h);

/*
 * All containers of a struct facts: v[i] is of cts[i], NULL where it does not run or is not
 * this node's.
 */
struct ctsecs {
	struct ctsec **v;
	size_t n;
	struct sec_host *host; /* what the `host` of each points to; NULL: n is 0 */
};

void ctsecs_done(struct ctsecs *s);

/* "unconfined", or a profile that confines nothing. False also where it is not known. */
bool sec_label_unconfined(const struct sec_label *l);

/*
 * How much of a profile's name is that of a loaded one. In complain mode the kernel makes
 * one for what no rule lets be executed, "mine//null-/sbin/init" (kernel:
 * security/apparmor/policy.c), which is in no file.
 */
size_t sec_profile_loaded_len(const char *profile);

/* Is it so? Where something is not known the answer is no. */
bool sec_ns_is_hosts(const struct sec_host *h, const struct sec_nss *s, enum sec_ns ns);
bool sec_ns_is_other(const struct sec_host *h, const struct sec_nss *s, enum sec_ns ns);

/* How many host ids both maps have, and the first of them. */
uint32_t idmap_common(const struct idmap *a, const struct idmap *b, uint32_t *ret_first);
