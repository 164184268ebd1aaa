/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ct.h"

#include <stdlib.h>

#include "base/macros.h"
#include "base/num.h"
#include <facts.h>
#include "pveconf.h"

#define MIB ((uint64_t)1 << 20)

void cg_io_done(struct cg_io *io)
{
	free(io->v);
	*io = (struct cg_io){ 0 };
}

void cg_cpuset_done(struct cg_cpuset *c)
{
	free(c->cpus);
	free(c->cpus_effective);
	*c = (struct cg_cpuset){ 0 };
}

void ct_done(struct ct *ct)
{
	if (ct->conf) {
		pveconf_done(ct->conf);
		free(ct->conf);
	}
	for (size_t i = 0; i < ct->n_addrs; i++) {
		free(ct->addrs[i].ifname);
		free(ct->addrs[i].address);
	}
	free(ct->addrs);
	cg_io_done(&ct->io);
	cg_cpuset_done(&ct->cpuset);
	free(ct->node);
	free(ct->error);
	free(ct->name);
	free(ct->task);
	free(ct->pool);
	free(ct->ha_state);
	*ct = (struct ct){ 0 };
}

void facts_done(struct facts *f)
{
	for (size_t i = 0; i < f->n_cts; i++)
		ct_done(&f->cts[i]);
	free(f->cts);
	free(f->node);
	free(f->pve_error);
	for (size_t i = 0; i < f->n_warnings; i++)
		free(f->warnings[i]);
	free(f->warnings);
	*f = (struct facts){ 0 };
}

struct ct *facts_find(const struct facts *f, uint32_t vmid)
{
	for (size_t i = 0; i < f->n_cts; i++)
		if (f->cts[i].vmid == vmid)
			return &f->cts[i];
	return NULL;
}

const char *ct_state_name(enum ct_state s)
{
	static const char *const names[] = {
		[CT_UNKNOWN] = "unknown",   [CT_STOPPED] = "stopped",
		[CT_STARTING] = "starting", [CT_RUNNING] = "running",
		[CT_FREEZING] = "freezing", [CT_FROZEN] = "frozen",
		[CT_STOPPING] = "stopping",
	};

	return names[s];
}

/* A number PVE takes as true: there, and not 0. */
static uint64_t conf_true(const struct ct *ct, const char *key)
{
	return ct->conf ? val_or(pveconf_u64(&ct->conf->main, key), 0) : 0;
}

uint64_t ct_maxmem_bytes(const struct ct *ct)
{
	uint64_t mib = conf_true(ct, "memory");

	return num_muldiv(mib ? mib : 512, MIB, 1);
}

uint64_t ct_maxswap_bytes(const struct ct *ct)
{
	return num_muldiv(conf_true(ct, "swap"), MIB, 1);
}

bool ct_cores_are_free(const struct ct *ct)
{
	return ct->init_pid && conf_true(ct, "cores") && !ct->cpuset.cpus_effective;
}

uint64_t ct_cpus_centi(const struct ct *ct, unsigned host_cpus)
{
	const char *limit = ct->conf ? pveconf_str(&ct->conf->main, "cpulimit") : NULL;
	uint64_t n = conf_true(ct, "cores");

	if (n)
		return num_muldiv(n, 100, 1);
	if (limit && num_parse_fixed(span_str(limit), 2, &n) == 0 && n)
		return n;
	return (uint64_t)host_cpus * 100;
}

struct val ct_mem_bytes(const struct ct *ct)
{
	if (ct->memory.current_bytes.kind != VAL_SET ||
	    ct->memory.file_bytes.kind != VAL_SET)
		return (struct val){ 0 };
	return val_set(num_sub(ct->memory.current_bytes.n, ct->memory.file_bytes.n));
}

static struct val sum_io(const struct cg_io *io, size_t off)
{
	uint64_t sum = 0;

	if (!io->present)
		return (struct val){ 0 };
	for (size_t i = 0; i < io->n; i++)
		sum += val_or(*(const struct val *)((const char *)&io->v[i] + off), 0);
	return val_set(sum);
}

struct val ct_diskread_bytes(const struct ct *ct)
{
	return sum_io(&ct->io, offsetof(struct cg_io_dev, rbytes));
}

struct val ct_diskwrite_bytes(const struct ct *ct)
{
	return sum_io(&ct->io, offsetof(struct cg_io_dev, wbytes));
}

bool ct_is_template(const struct ct *ct)
{
	return ct->conf && pveconf_bool(&ct->conf->main, "template", false);
}

bool ct_is_unprivileged(const struct ct *ct)
{
	const struct pveconf_section *s = ct->conf ? &ct->conf->main : NULL;
	bool any = false, mapped = false;

	if (!s)
		return false;
	for (size_t i = 0; i < s->n_lxc; i++) {
		if (!str_eq(s->lxc[i].key, "lxc.idmap"))
			continue;
		any = true;
		mapped = s->lxc[i].value_n > 0;
	}
	return any ? mapped : pveconf_bool(s, "unprivileged", false);
}
