/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctsec.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* Numbers of linux/capability.h: part of the kernel's interface, only ever added to. */
static const char *const cap_names[] = {
	"cap_chown",
	"cap_dac_override",
	"cap_dac_read_search",
	"cap_fowner",
	"cap_fsetid",
	"cap_kill",
	"cap_setgid",
	"cap_setuid",
	"cap_setpcap",
	"cap_linux_immutable",
	"cap_net_bind_service",
	"cap_net_broadcast",
	"cap_net_admin",
	"cap_net_raw",
	"cap_ipc_lock",
	"cap_ipc_owner",
	"cap_sys_module",
	"cap_sys_rawio",
	"cap_sys_chroot",
	"cap_sys_ptrace",
	"cap_sys_pacct",
	"cap_sys_admin",
	"cap_sys_boot",
	"cap_sys_nice",
	"cap_sys_resource",
	"cap_sys_time",
	"cap_sys_tty_config",
	"cap_mknod",
	"cap_lease",
	"cap_audit_write",
	"cap_audit_control",
	"cap_setfcap",
	"cap_mac_override",
	"cap_mac_admin",
	"cap_syslog",
	"cap_wake_alarm",
	"cap_block_suspend",
	"cap_audit_read",
	"cap_perfmon",
	"cap_bpf",
	"cap_checkpoint_restore",
};

const char *sec_cap_name(unsigned cap)
{
	return cap < ARRAY_SIZE(cap_names) ? cap_names[cap] : NULL;
}

const char *sec_ns_name(enum sec_ns n)
{
	static const char *const names[SEC_NS_N] = {
		[SEC_NS_USER] = "user",     [SEC_NS_MNT] = "mnt",   [SEC_NS_PID] = "pid",
		[SEC_NS_NET] = "net",       [SEC_NS_IPC] = "ipc",   [SEC_NS_UTS] = "uts",
		[SEC_NS_CGROUP] = "cgroup", [SEC_NS_TIME] = "time",
	};

	return names[n];
}

const char *sec_aa_mode_name(enum sec_aa_mode m)
{
	static const char *const names[] = {
		[SEC_AA_UNKNOWN] = "unknown",   [SEC_AA_UNCONFINED] = "unconfined",
		[SEC_AA_COMPLAIN] = "complain", [SEC_AA_ENFORCE] = "enforce",
		[SEC_AA_KILL] = "kill",         [SEC_AA_MIXED] = "mixed",
		[SEC_AA_PROMPT] = "user",
	};

	return names[m];
}

void idmap_done(struct idmap *m)
{
	free(m->v);
	*m = (struct idmap){ 0 };
}

void sec_label_done(struct sec_label *l)
{
	free(l->text);
	free(l->profile);
	free(l->ns);
	free(l->inner);
	*l = (struct sec_label){ 0 };
}

void sec_proc_done(struct sec_proc *p)
{
	free(p->comm);
	sec_label_done(&p->label);
	*p = (struct sec_proc){ 0 };
}

void ctsec_done(struct ctsec *s)
{
	for (size_t i = 0; i < s->n_procs; i++)
		sec_proc_done(&s->procs[i]);
	free(s->procs);
	free(s->error);
	idmap_done(&s->uids);
	idmap_done(&s->gids);
	free(s->devices.v);
	mounts_done(&s->mounts);
	secdeep_free(s->deep);
	*s = (struct ctsec){ 0 };
}

void ctsec_free(struct ctsec *s)
{
	if (!s)
		return;
	ctsec_done(s);
	free(s);
}

void sec_host_done(struct sec_host *h)
{
	sec_label_done(&h->label);
	mounts_done(&h->mounts);
	*h = (struct sec_host){ 0 };
}

void ctsecs_done(struct ctsecs *s)
{
	for (size_t i = 0; i < s->n; i++)
		ctsec_free(s->v[i]);
	free(s->v);
	if (s->host)
		sec_host_done(s->host);
	free(s->host);
	*s = (struct ctsecs){ 0 };
}

/* "unconfined//&:ns:x (enforce)": the mode is that of x, which the guest has loaded. */
bool sec_label_unconfined(const struct sec_label *l)
{
	return l->got == SEC_GOT &&
	       (l->mode == SEC_AA_UNCONFINED ||
		(l->profile && strcmp(l->profile, "unconfined") == 0));
}

size_t sec_profile_loaded_len(const char *profile)
{
	const char *made = strstr(profile, "//null-");

	return made ? (size_t)(made - profile) : strlen(profile);
}

static bool both_known(const struct sec_host *h, const struct sec_nss *s, enum sec_ns ns)
{
	return h && h->ns.inode[ns].kind == VAL_SET && s->inode[ns].kind == VAL_SET;
}

bool sec_ns_is_hosts(const struct sec_host *h, const struct sec_nss *s, enum sec_ns ns)
{
	return both_known(h, s, ns) && h->ns.inode[ns].n == s->inode[ns].n;
}

bool sec_ns_is_other(const struct sec_host *h, const struct sec_nss *s, enum sec_ns ns)
{
	return both_known(h, s, ns) && h->ns.inode[ns].n != s->inode[ns].n;
}

/*
 * By the ids outside, which no two lines of a map share. 340 times 340 lines at the worst,
 * of a pair of containers; the usual map is of one to four.
 */
uint32_t idmap_common(const struct idmap *a, const struct idmap *b, uint32_t *ret_first)
{
	uint64_t sum = 0, first = UINT64_MAX;

	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++) {
			uint64_t from = MAX(a->v[i].outside, b->v[k].outside);
			uint64_t to = MIN((uint64_t)a->v[i].outside + a->v[i].count,
					  (uint64_t)b->v[k].outside + b->v[k].count);

			if (from >= to)
				continue;
			sum += to - from;
			first = MIN(first, from);
		}
	if (sum)
		*ret_first = (uint32_t)first;
	return (uint32_t)MIN(sum, (uint64_t)UINT32_MAX);
}
