/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ctsec.h> /* of include/: in quotes it would be this file */
#include <facts.h>

#include "base/err.h"
#include "base/str.h"

/*
 * What the kernel enforces around the containers (Documentation/filesystems/proc.rst,
 * user_namespaces(7), capabilities(7), apparmor(7), bpf(2)). Nothing is opened below a
 * guest's root and nothing of the guest is run, stopped or waited for.
 */

/*
 * /proc/<pid>/status: ids, capabilities, no_new_privs, seccomp, the pid inside, into
 * *p. Unknown lines are skipped. -EINVAL: no Uid, Gid or CapEff line, one of them twice,
 * or something that is no number.
 */
int ctsec_parse_status(struct span text, struct sec_proc *p);

/*
 * A label as attr/current gives it (aa_label_snprint() of the kernel's
 * security/apparmor/label.c). Never fails: what is not AppArmor's is SEC_AA_UNKNOWN.
 */
void ctsec_parse_label(struct span text, struct sec_label *ret);

/* "user:[4026531837]", of the namespace of that name. -EINVAL: it is not. */
int ctsec_parse_ns(struct span link, const char *name, uint64_t *ret);

/* devices.list of cgroup v1: "c 1:3 rwm", "a *:* rwm". -EINVAL: a line that is none. */
int ctsec_parse_devices(struct span text, struct sec_devices *ret);

/* PID 1 of the node. What is not there is absent. */
void ctsec_read_host(int rootfd, struct sec_host *ret);

/*
 * One container, by its vmid, init_pid and init_start_ticks. *ret is filled in any case;
 * what could not be read is said in its `error`. A process is read through one directory
 * fd of its own; it must be in the container's cgroup, and init must have the start that
 * is in *ct. `max_procs` 0: 4096.
 */
void ctsec_read(int rootfd, const struct ct *ct, const struct sec_host *host,
		size_t max_procs, struct ctsec *ret);

/* The same of init alone: procs[0], the id maps. No list of processes is read. */
void ctsec_read_init(int rootfd, const struct ct *ct, struct ctsec *ret);

/* All that run, of this node. */
void ctsec_read_all(int rootfd, const struct facts *f, struct ctsecs *ret);
