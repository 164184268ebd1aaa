/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "read/ha.h"
#include "read/pmxcfs.h"
#include "read/pools.h"
#include "read/pveconf.h"
#include "read/reading.h"

#include <stdio.h>

#define PVE_VMID_MIN 100
#define PVE_VMID_MAX 999999999

int reading_start_pve(struct reading *rd, struct err *err)
{
	struct pvefs_req reqs[16];
	size_t n = 0;
	char one[64];

	reqs[n++] = (struct pvefs_req){ PVEFS_LSTAT, "etc/pve" };
	reqs[n++] = (struct pvefs_req){ PVEFS_LSTAT, "etc/pve/local" };
	reqs[n++] = (struct pvefs_req){ PVEFS_LINK, "etc/pve/local" };
	if (rd->want->vmid) {
		snprintf(one, sizeof(one), "etc/pve/lxc/%u.conf", rd->want->vmid);
		reqs[n++] = (struct pvefs_req){ PVEFS_FILE, one };
	} else {
		reqs[n++] = (struct pvefs_req){ PVEFS_CONFS, "etc/pve/lxc" };
	}
	if (rd->want->cluster && !rd->want->vmid) {
		reqs[n++] = (struct pvefs_req){ PVEFS_NODES, "etc/pve/nodes" };
		reqs[n++] = (struct pvefs_req){ PVEFS_FILE, "etc/pve/.rrd" };
	}
	if (rd->want->pool)
		reqs[n++] = (struct pvefs_req){ PVEFS_FILE, "etc/pve/user.cfg" };
	if (rd->want->ha) {
		reqs[n++] = (struct pvefs_req){ PVEFS_FILE, "etc/pve/ha/resources.cfg" };
		reqs[n++] = (struct pvefs_req){ PVEFS_FILE, "etc/pve/ha/manager_status" };
	}
	return pvefs_start(rd->rootfd, reqs, n, &rd->job, err);
}

/* Root is refused by pmxcfs itself: to be told to be root is no help then. */
static const char *what_to_do(void)
{
	return geteuid() ? ": run it as root" : "";
}

/* "etc/pve/local" is what pmxcfs makes; without it the directory is the bare one below.
 */
static void judge_pve(struct reading *rd)
{
	const struct pvefs_file *pve = pvefs_get(&rd->pve, "etc/pve");
	const struct pvefs_file *local = pvefs_get(&rd->pve, "etc/pve/local");
	const struct pvefs_file *dir = pvefs_get(&rd->pve, "etc/pve/lxc");
	struct span target = span_of(NULL, 0);
	struct facts *f = rd->f;

	f->is_pve = !pve || !pve->error || pve->error != -ENOENT;
	for (size_t i = 0; i < rd->pve.n; i++)
		if (str_eq(rd->pve.v[i].path, "etc/pve/local") && rd->pve.v[i].data.n)
			target = rd->pve.v[i].data;
	if (local && !local->error && local->mode)
		f->quorate = pmxcfs_is_quorate(local->mode);
	if (target.n) {
		_cleanup_free_ char *text = span_dup(target);

		(void)pmxcfs_node_name(text, &f->node, NULL);
	}
	if (rd->pve.timed_out && rd->pve.slow)
		f->pve_error = xstrdup(
			"/etc/pve could not be read within 10 s: pmxcfs (pve-cluster) or "
			"this node is very busy, what was not read is missing");
	else if (rd->pve.timed_out)
		f->pve_error = xstrdup(
			"/etc/pve does not answer within 2 s: pmxcfs (pve-cluster) "
			"hangs, what is only written there is missing");
	else if (f->is_pve && local && local->error == -ENOENT)
		f->pve_error =
			xstrdup("/etc/pve/local is not there: pmxcfs is not mounted, is "
				"pve-cluster running?");
	else if (dir && dir->error && dir->error != -ENOENT)
		f->pve_error =
			xasprintf("/etc/pve/lxc: %s%s: what is only written there is "
				  "missing",
				  strerror(-dir->error), what_to_do());
}

/*
 * PVE's own name of a container: the hostname without blanks, else CT<vmid>.
 */
static char *ct_name(const struct ct *ct)
{
	const char *host = ct->conf ? pveconf_str(&ct->conf->main, "hostname") : NULL;
	char *name, *w;

	if (!host || !*host)
		return xasprintf("CT%u", ct->vmid);
	name = w = xstrdup(host);
	for (; *host; host++)
		if (!strchr(" \t\r\n\f\v", *host))
			*w++ = *host;
	*w = '\0';
	return name;
}

static void take_conf(struct ct *ct, const struct pvefs_file *file, bool lean,
		      unsigned host_cpus)
{
	struct pveconf conf = { 0 };
	struct err err = { 0 };
	char *error = NULL;
	int r = file->error;

	if (r) {
		error = xasprintf("/%s: %s", file->path,
				  r == -EFBIG ? "larger than 1 MiB, the limit of pmxcfs"
					      : strerror(-r));
	} else {
		r = (lean ? pveconf_parse_lean : pveconf_parse)(
			file->data.p, file->data.n, ct->vmid, &conf, &err);
		if (r < 0)
			error = xasprintf("/%s: %s", file->path, err.msg);
		/* -EBADMSG fills it all the same: what can be read is shown */
		if (r == 0 || r == -EBADMSG) {
			ct->conf = xmalloc(sizeof(*ct->conf));
			*ct->conf = conf;
		}
	}
	if (!error && (ct->vmid < PVE_VMID_MIN || ct->vmid > PVE_VMID_MAX))
		error = xasprintf(
			"/%s: its number is not in 100..999999999, PVE's own tools fail "
			"on all containers because of it",
			file->path);
	if (error) { /* the config's fault is the one to mend first */
		free(ct->error);
		ct->error = error;
	}
	ct->name = ct_name(ct);
	ct->cpus_centi = ct_cpus_centi(ct, host_cpus);
}

/* The row of a config: that of a container that runs, or a new one. */
static struct ct *row_of(struct reading *rd, uint32_t vmid, struct span node)
{
	struct facts *f = rd->f;
	bool here = !node.n || !rd->want->cluster || !f->node;
	struct ct *ct = here ? reading_live_ct(rd, vmid) : NULL;

	if (ct)
		return ct;
	ct = reading_add(rd, vmid);
	ct->here = here;
	if (!here)
		ct->node = span_dup(node);
	return ct;
}

static void take_confs(struct reading *rd)
{
	struct facts *f = rd->f;

	for (size_t i = 0; i < rd->pve.n; i++) {
		const struct pvefs_file *file = &rd->pve.v[i];
		struct span node;
		uint64_t vmid;

		if (!pvefs_conf_path(file->path, &vmid, &node) || vmid > UINT32_MAX ||
		    file->error == -ENOENT)
			continue;
		/* this node's come by the link lxc, the others by nodes/<node>/lxc */
		if (node.n && rd->want->cluster && f->node && span_eq(node, f->node))
			continue;
		take_conf(row_of(rd, (uint32_t)vmid, node), file, rd->want->lean,
			  f->host.cpus);
	}
	for (size_t i = 0; i < f->n_cts; i++) {
		struct ct *ct = &f->cts[i];

		if (ct->here && !ct->node && f->node)
			ct->node = xstrdup(f->node);
		/* a name is there as soon as a config was looked at */
		if (i < rd->n_live && !ct->name && !ct->error && !f->pve_error)
			ct->error = xasprintf("it runs, but has no config on this node "
					      "(/etc/pve/lxc/%u.conf)",
					      ct->vmid);
	}
}

static void warn_of(struct facts *f, const char *sentence)
{
	f->warnings = xreallocarray(f->warnings, f->n_warnings + 1, sizeof(*f->warnings));
	f->warnings[f->n_warnings++] = xstrdup(sentence);
}

static void warn(struct facts *f, const struct err *err)
{
	_cleanup_free_ char *sentence = xasprintf("/etc/pve/%s", err->msg);

	warn_of(f, sentence);
}

static void take_pools_and_ha(struct reading *rd)
{
	struct span user = pvefs_data(&rd->pve, "etc/pve/user.cfg");
	struct span res = pvefs_data(&rd->pve, "etc/pve/ha/resources.cfg");
	struct span status = pvefs_data(&rd->pve, "etc/pve/ha/manager_status");
	_cleanup_(pools_done) struct pools pools = { 0 };
	_cleanup_(ha_done) struct ha ha = { 0 };
	struct err err = { 0 };

	if (user.n && pools_parse(user.p, user.n, &pools, &err) < 0)
		warn(rd->f, &err);
	if (res.n && ha_parse_resources(res.p, res.n, &ha.resources, &err) < 0)
		warn(rd->f, &err);
	if (status.n && ha_parse_status(status.p, status.n, &ha.status, &err) < 0)
		warn(rd->f, &err);
	for (size_t i = 0; i < rd->f->n_cts; i++) {
		struct ct *ct = &rd->f->cts[i];
		const char *pool = pools_of(&pools, ct->vmid);
		const char *state = ha_state_of(&ha, ct->vmid);

		ct->pool = pool ? xstrdup(pool) : NULL;
		ct->ha_state = state ? xstrdup(state) : NULL;
	}
}

/*
 * What another node broadcast of a container, at most some ten seconds ago: the only word
 * of it that is had here.
 */
static void take_broadcast(struct ct *ct, const struct rrd_guest *g, uint64_t now_sec)
{
	bool running = str_eq(g->status, "running");

	ct->state = running                        ? CT_RUNNING
		    : str_eq(g->status, "stopped") ? CT_STOPPED
						   : CT_UNKNOWN;
	if (g->ctime_sec.kind == VAL_SET)
		ct->broadcast_age_sec = val_set(num_sub(now_sec, g->ctime_sec.n));
	if (!running)
		return;
	ct->uptime_sec = g->uptime_sec;
	ct->cpu_ppm = g->cpu_ppm;
	ct->memory.current_bytes = g->mem_bytes;
	ct->memory.file_bytes = val_set(0); /* PVE has taken it off already */
	ct->disk_bytes = g->disk_bytes;
	ct->disk_max_bytes = g->maxdisk_bytes;
	ct->netin_bytes = g->netin_bytes;
	ct->netout_bytes = g->netout_bytes;
}

static void take_broadcasts(struct reading *rd)
{
	struct span text = pvefs_data(&rd->pve, "etc/pve/.rrd"), line;
	uint64_t now_sec = rd->f->time_real_usec / USEC_PER_SEC;

	while (span_line(&text, &line)) {
		struct rrd_guest g = { 0 };
		struct ct key = { 0 }, *ct;

		if (pmxcfs_parse_rrd_line(line, &g, NULL) < 0)
			continue;
		key.vmid = g.vmid;
		ct = bsearch(&key, rd->f->cts, rd->f->n_cts, sizeof(key), reading_cmp_ct);
		if (ct && !ct->here)
			take_broadcast(ct, &g, now_sec);
		rrd_guest_done(&g);
	}
}

void reading_take_cluster(struct reading *rd)
{
	take_pools_and_ha(rd);
	if (rd->want->cluster)
		take_broadcasts(rd);
}

/*
 * The one config that was asked for is there, and not for us. Who is not root had better
 * be; root is told, and of a container that runs what the kernel says.
 */
static int check_one(const struct reading *rd, struct err *err)
{
	for (size_t i = 0; rd->want->vmid && i < rd->pve.n; i++) {
		const struct pvefs_file *file = &rd->pve.v[i];
		struct err why = { 0 };
		int r = file->error;

		if (!str_ends(file->path, ".conf") || (r != -EACCES && r != -EPERM))
			continue;
		err_set(&why, r, "/%s: %s%s", file->path, strerror(-r), what_to_do());
		if (!rd->n_live || geteuid())
			return err_set(err, r, "%s", why.msg);
		warn_of(rd->f, why.msg);
	}
	return 0;
}

int reading_finish_pve(struct reading *rd, struct err *err)
{
	int r = pvefs_finish(&rd->job, &rd->pve, err);

	if (r < 0)
		return r;
	judge_pve(rd);
	if (!rd->f->is_pve)
		return err_set(err, -ENODEV,
			       "this is not a Proxmox VE node: there is no /etc/pve");
	r = check_one(rd, err);
	if (r == 0)
		take_confs(rd);
	return r;
}
