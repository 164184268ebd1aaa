/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/facts.h"

#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/ctlive.h"
#include "read/ha.h"
#include "read/netlink.h"
#include "read/pmxcfs.h"
#include "read/pools.h"
#include "read/procfs.h"
#include "read/pveconf.h"
#include "read/pvefs.h"
#include "read/rootstat.h"
#include "read/unixsock.h"

#define PVE_VMID_MIN 100
#define PVE_VMID_MAX 999999999

/* What one call works with; all of it is gone at its end. */
struct reading {
	int rootfd;
	bool live;
	const struct facts_want *want;
	struct facts *f;
	size_t cap; /* of f->cts */
	struct pvefs_job job;
	struct pvefs pve;
	struct ctlive kernel;
	uint32_t *sockets;
	size_t n_sockets;
	struct netlink *nl;
	struct vmlist vmlist;
	int *holds; /* on the init of each of f->cts, -1: none */
};

static void reading_done(struct reading *rd)
{
	guard_done(&rd->job.guard);
	pvefs_done(&rd->pve);
	ctlive_close(&rd->kernel);
	free(rd->sockets);
	netlink_close(rd->nl);
	vmlist_done(&rd->vmlist);
	for (size_t i = 0; rd->holds && i < rd->f->n_cts; i++)
		if (rd->holds[i] >= 0)
			close(rd->holds[i]);
	free(rd->holds);
}

static struct ct *add_ct(struct reading *rd, uint32_t vmid)
{
	struct facts *f = rd->f;

	GROW(f->cts, f->n_cts, rd->cap);
	f->cts[f->n_cts] = (struct ct){ .vmid = vmid };
	return &f->cts[f->n_cts++];
}

static int cmp_ct(const void *a, const void *b)
{
	const struct ct *x = a, *y = b;

	return (x->vmid > y->vmid) - (x->vmid < y->vmid);
}

/* ---- /etc/pve ---- */

static int start_pve(struct reading *rd, struct err *err)
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

/* "etc/pve/local" is what pmxcfs makes; without it the directory is the bare one below.
 */
static void judge_pve(struct reading *rd)
{
	const struct pvefs_file *pve = pvefs_get(&rd->pve, "etc/pve");
	const struct pvefs_file *local = pvefs_get(&rd->pve, "etc/pve/local");
	struct span target = span_of(NULL, 0);
	struct facts *f = rd->f;

	f->is_pve = !pve || !pve->error || pve->error != -ENOENT;
	for (size_t i = 0; i < rd->pve.n; i++)
		if (str_eq(rd->pve.v[i].path, "etc/pve/local") && rd->pve.v[i].data.n)
			target = rd->pve.v[i].data;
	if (local && !local->error)
		f->quorate = pmxcfs_is_quorate(local->mode);
	if (target.n) {
		_cleanup_free_ char *text = span_dup(target);

		(void)pmxcfs_node_name(text, &f->node, NULL);
	}
	if (rd->pve.timed_out)
		f->pve_error = xstrdup(
			"/etc/pve does not answer within 2 s: pmxcfs (pve-cluster) "
			"hangs, what is only written there is missing");
	else if (f->is_pve && local && local->error == -ENOENT)
		f->pve_error =
			xstrdup("/etc/pve/local is not there: pmxcfs is not mounted, is "
				"pve-cluster running?");
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

static struct val rootfs_size(const struct pveconf *conf)
{
	const struct pve_typed *t = &conf->typed;

	return t->n_mps && t->mps[0].rootfs ? t->mps[0].size_bytes : (struct val){ 0 };
}

static void take_conf(struct ct *ct, const struct pvefs_file *file)
{
	struct pveconf conf = { 0 };
	struct err err = { 0 };
	int r = file->error;

	if (r) {
		ct->error =
			xasprintf("%s: %s", file->path,
				  r == -EFBIG ? "larger than 1 MiB, the limit of pmxcfs"
					      : strerror(-r));
	} else {
		r = pveconf_parse(file->data.p, file->data.n, ct->vmid, &conf, &err);
		if (r < 0)
			ct->error = xasprintf("/%s: %s", file->path, err.msg);
		/* -EBADMSG fills it all the same: what can be read is shown */
		if (r == 0 || r == -EBADMSG) {
			ct->conf = xmalloc(sizeof(*ct->conf));
			*ct->conf = conf;
			ct->rootfs_size_bytes = rootfs_size(ct->conf);
		}
	}
	if (!ct->error && (ct->vmid < PVE_VMID_MIN || ct->vmid > PVE_VMID_MAX))
		ct->error = xasprintf(
			"%s: its number is not in 100..999999999, PVE's own tools fail "
			"on all containers because of it",
			file->path);
	ct->name = ct_name(ct);
}

static void take_confs(struct reading *rd)
{
	struct facts *f = rd->f;

	for (size_t i = 0; i < rd->pve.n; i++) {
		const struct pvefs_file *file = &rd->pve.v[i];
		struct span node;
		uint64_t vmid;
		struct ct *ct;

		if (!pvefs_conf_path(file->path, &vmid, &node) || vmid > UINT32_MAX ||
		    file->error == -ENOENT)
			continue;
		/* this node's come by the link lxc, the others by nodes/<node>/lxc */
		if (node.n && rd->want->cluster && f->node && span_eq(node, f->node))
			continue;
		ct = add_ct(rd, (uint32_t)vmid);
		ct->here = !node.n || !rd->want->cluster || !f->node;
		ct->node =
			ct->here ? (f->node ? xstrdup(f->node) : NULL) : span_dup(node);
		take_conf(ct, file);
	}
}

static void warn(struct facts *f, const struct err *err)
{
	f->warnings = xreallocarray(f->warnings, f->n_warnings + 1, sizeof(*f->warnings));
	f->warnings[f->n_warnings++] = xasprintf("/etc/pve/%s", err->msg);
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
		ct = bsearch(&key, rd->f->cts, rd->f->n_cts, sizeof(key), cmp_ct);
		if (ct && !ct->here)
			take_broadcast(ct, &g, now_sec);
		rrd_guest_done(&g);
	}
}

/* ---- the kernel ---- */

/* Those that run though no config of this node says so (or /etc/pve does not answer). */
static void add_running(struct reading *rd)
{
	struct facts *f = rd->f;
	size_t n = f->n_cts;
	size_t at = 0;

	if (n)
		qsort(f->cts, n, sizeof(*f->cts), cmp_ct);
	for (size_t i = 0; i < rd->n_sockets; i++) {
		uint32_t id = rd->sockets[i];
		struct ct *ct;

		while (at < n && f->cts[at].vmid < id)
			at++;
		if ((at < n && f->cts[at].vmid == id && f->cts[at].here) ||
		    (rd->want->vmid && id != rd->want->vmid))
			continue;
		ct = add_ct(rd, id);
		ct->here = true;
		ct->node = f->node ? xstrdup(f->node) : NULL;
		ct->name = NULL;
		if (!f->pve_error && !rd->want->no_config)
			ct->error = xasprintf("it runs, but has no config on this node "
					      "(/etc/pve/lxc/%u.conf)",
					      id);
	}
	if (f->n_cts)
		qsort(f->cts, f->n_cts, sizeof(*f->cts), cmp_ct);
}

static void first_cpu(struct reading *rd, struct val *usage, uint64_t *at)
{
	for (size_t i = 0; i < rd->f->n_cts; i++) {
		const struct ct *ct = &rd->f->cts[i];

		if (!ct->here || !unixsock_has(rd->sockets, rd->n_sockets, ct->vmid))
			continue;
		usage[i] = ctlive_cpu_usage_usec(&rd->kernel, ct->vmid);
		at[i] = clock_mono_usec();
	}
}

/*
 * A short interval is long enough where the reading took that time anyway; a node with
 * few containers waits for the whole of it.
 */
static void wait_interval(uint64_t start, uint64_t want)
{
	uint64_t spent = clock_mono_usec() - start;

	if (spent < want / 2 || (want > 200 * USEC_PER_MSEC && spent < want))
		clock_sleep_usec(want - spent);
}

static void second_cpu(struct reading *rd, const struct val *usage, const uint64_t *at)
{
	struct facts *f = rd->f;

	for (size_t i = 0; i < f->n_cts; i++) {
		struct ct *ct = &f->cts[i];
		uint64_t cpus = ct_cpus_centi(ct, f->host.cpus), usec;
		struct val now;

		if (usage[i].kind != VAL_SET || !ct->init_pid)
			continue;
		now = ctlive_cpu_usage_usec(&rd->kernel, ct->vmid);
		usec = clock_mono_usec() - at[i];
		/* another life of the container: its counter began again */
		if (now.kind != VAL_SET || now.n < usage[i].n || !usec || !cpus)
			continue;
		ct->cpu_used_usec = val_set(now.n - usage[i].n);
		ct->cpu_ppm =
			val_set(num_muldiv(ct->cpu_used_usec.n, 100000000, usec * cpus));
		f->interval_usec = MAX(f->interval_usec, usec);
	}
}

static void add_net(struct span name, uint64_t rx, uint64_t tx, void *arg)
{
	struct facts *f = arg;
	struct ct key = { 0 }, *ct;

	if (!procfs_veth_vmid(name, &key.vmid))
		return;
	ct = bsearch(&key, f->cts, f->n_cts, sizeof(*f->cts), cmp_ct);
	if (!ct || ct->netin_bytes.kind != VAL_SET)
		return;
	/* the host's side of the pair counts the other way round */
	ct->netin_bytes.n += tx;
	ct->netout_bytes.n += rx;
}

static int read_net(struct reading *rd, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct facts *f = rd->f;
	int r = fs_read_file(rd->rootfd, "proc/net/dev", (size_t)64 << 20, &b, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < f->n_cts; i++)
		if (f->cts[i].here && f->cts[i].init_pid)
			f->cts[i].netin_bytes = f->cts[i].netout_bytes = val_set(0);
	procfs_parse_net_dev(span_of(b.p, b.n), add_net, f);
	return 0;
}

static void drop_addrs(struct ct *ct)
{
	for (size_t i = 0; i < ct->n_addrs; i++) {
		free(ct->addrs[i].ifname);
		free(ct->addrs[i].address);
	}
	free(ct->addrs);
	ct->addrs = NULL;
	ct->n_addrs = 0;
	ct->addrs_known = false;
}

/*
 * What was asked by the number of init is believed only if it is the same process still.
 */
static void drop_doubtful(struct reading *rd)
{
	for (size_t i = 0; i < rd->f->n_cts; i++) {
		struct ct *ct = &rd->f->cts[i];

		if (!ct->init_pid ||
		    (!ct->addrs_known && ct->disk_bytes.kind == VAL_ABSENT) ||
		    ctlive_same(&rd->kernel, ct, rd->holds[i]))
			continue;
		drop_addrs(ct);
		ct->disk_bytes = ct->disk_max_bytes = (struct val){ 0 };
	}
}

/* A handle for each container: the soft limit of 1024 files is too low for a thousand. */
static void allow_handles(size_t n)
{
	struct rlimit l;

	if (n < 500 || getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = MIN(l.rlim_max, (rlim_t)n + 1024);
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

static void set_uptime(const struct host *h, struct ct *ct)
{
	uint64_t now;

	if (!ct->init_pid || h->uptime_centisec.kind != VAL_SET)
		return;
	now = num_muldiv(h->uptime_centisec.n, h->ticks_per_sec, 100);
	ct->uptime_sec = val_set(num_sub(now, ct->init_start_ticks) / h->ticks_per_sec);
}

/* One container's files not being readable is that container's error. */
static void read_one(struct reading *rd, struct ct *ct, int *hold)
{
	bool socket = unixsock_has(rd->sockets, rd->n_sockets, ct->vmid);
	struct err err = { 0 };

	if (!ct->here)
		return;
	if (ctlive_read(&rd->kernel, rd->want, socket, ct, hold, &err) < 0 && !ct->error)
		ct->error = xstrdup(err.msg);
	set_uptime(&rd->f->host, ct);
	if (ct->init_pid && rd->nl &&
	    netlink_guest_addrs(rd->nl, ct->init_pid, &ct->addrs, &ct->n_addrs,
				&ct->addrs_known, NULL) < 0)
		drop_addrs(ct);
}

static void read_disk(struct reading *rd)
{
	struct facts *f = rd->f;
	_cleanup_free_ struct rootstat *roots = xcalloc(f->n_cts, sizeof(*roots));
	struct rootstat_job job = { 0 };

	for (size_t i = 0; i < f->n_cts; i++) {
		roots[i].init_pid = f->cts[i].init_pid;
	}
	if (rootstat_start(rd->rootfd, roots, f->n_cts, &job, NULL) < 0)
		return;
	rootstat_finish(rd->rootfd, &job, roots);
	for (size_t i = 0; i < f->n_cts; i++) {
		f->cts[i].disk_bytes = roots[i].used_bytes;
		f->cts[i].disk_max_bytes = roots[i].total_bytes;
		if (roots[i].stuck && !f->cts[i].error)
			f->cts[i].error = xstrdup("its root file system does not answer");
	}
}

static int read_kernel(struct reading *rd, struct err *err)
{
	struct facts *f = rd->f;
	_cleanup_free_ struct val *usage = xcalloc(f->n_cts, sizeof(*usage));
	_cleanup_free_ uint64_t *at = xcalloc(f->n_cts, sizeof(*at));
	bool rates = rd->want->interval_usec && rd->live && rd->n_sockets;
	bool later = rd->live && (rd->want->addrs || rd->want->disk);
	uint64_t start = clock_mono_usec();
	int r;

	if (rates)
		first_cpu(rd, usage, at);
	if (rd->want->addrs && rd->live && netlink_open(&rd->nl, NULL) < 0)
		rd->nl = NULL;
	rd->holds = xcalloc(f->n_cts, sizeof(*rd->holds));
	memset(rd->holds, 0xff, f->n_cts * sizeof(*rd->holds)); /* -1: none */
	allow_handles(rd->n_sockets);
	for (size_t i = 0; i < f->n_cts; i++)
		read_one(rd, &f->cts[i], later ? &rd->holds[i] : NULL);
	if (rd->want->net) {
		r = read_net(rd, err);
		if (r < 0)
			return r;
	}
	if (rd->want->disk && rd->live)
		read_disk(rd);
	drop_doubtful(rd);
	if (rates) {
		wait_interval(start, rd->want->interval_usec);
		second_cpu(rd, usage, at);
	}
	return 0;
}

/* ---- one container that is not here ---- */

/* Where else is it? -EXDEV, -ENOTSUP or -ENOENT with the sentence. */
static int explain_missing(struct reading *rd, struct err *err)
{
	static const struct pvefs_req reqs[] = { { PVEFS_FILE, "etc/pve/.vmlist" } };
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	const struct vmlist_entry *e;
	const char *node = rd->f->node ? rd->f->node : "this node";
	uint32_t vmid = rd->want->vmid;
	struct span text;

	if (pvefs_read(rd->rootfd, reqs, ARRAY_SIZE(reqs), &p, NULL) == 0) {
		text = pvefs_data(&p, "etc/pve/.vmlist");
		if (text.n)
			(void)pmxcfs_parse_vmlist(text.p, text.n, &rd->vmlist, NULL);
	}
	e = vmlist_find(&rd->vmlist, vmid);
	if (e && e->type == GUEST_QEMU)
		return err_set(err, -ENOTSUP,
			       "%u is a virtual machine (on node %s), not a container",
			       vmid, e->node);
	if (e && !str_eq(e->node, rd->f->node))
		return err_set(err, -EXDEV,
			       "container %u is on node %s, not on %s: run it there",
			       vmid, e->node, node);
	return err_set(err, -ENOENT,
		       "there is no container %u on %s (no /etc/pve/lxc/%u.conf)", vmid,
		       node, vmid);
}

static int check_config_error(const struct reading *rd, struct err *err)
{
	const struct pvefs_file *dir = pvefs_get(&rd->pve, "etc/pve/lxc");

	if (!rd->f->is_pve)
		return err_set(err, -ENODEV,
			       "this is not a Proxmox VE node: there is no /etc/pve");
	if (dir && (dir->error == -EACCES || dir->error == -EPERM))
		return err_set(err, dir->error, "/etc/pve/lxc: %s: run it as root",
			       strerror(-dir->error));
	return 0;
}

static int finish_pve(struct reading *rd, struct err *err)
{
	int r = pvefs_finish(&rd->job, &rd->pve, err);

	if (r < 0)
		return r;
	judge_pve(rd);
	r = check_config_error(rd, err);
	if (r < 0)
		return r;
	take_confs(rd);
	if (rd->want->vmid && rd->f->n_cts && rd->f->cts[0].error &&
	    !rd->f->cts[0].conf) {
		const struct pvefs_file *file = NULL;

		for (size_t i = 0; i < rd->pve.n; i++)
			if (str_ends(rd->pve.v[i].path, ".conf"))
				file = &rd->pve.v[i];
		if (file && (file->error == -EACCES || file->error == -EPERM))
			return err_set(err, file->error, "%s: run it as root",
				       rd->f->cts[0].error);
	}
	return 0;
}

static int read_all(struct reading *rd, struct err *err)
{
	int r = rd->want->no_config ? 0 : start_pve(rd, err);

	if (r == 0)
		r = procfs_read_host(rd->rootfd, &rd->f->host, err);
	if (r == 0)
		r = unixsock_read_monitors(rd->rootfd, rd->live, &rd->sockets,
					   &rd->n_sockets, err);
	if (r == 0)
		r = ctlive_open(rd->rootfd, &rd->kernel, err);
	if (r == 0 && !rd->want->no_config)
		r = finish_pve(rd, err);
	if (r < 0)
		return r;
	add_running(rd);
	if (rd->want->vmid && !rd->f->n_cts)
		return rd->f->pve_error ? err_set(err, -EIO, "%s", rd->f->pve_error)
					: explain_missing(rd, err);
	take_pools_and_ha(rd);
	if (rd->want->cluster)
		take_broadcasts(rd);
	return read_kernel(rd, err);
}

int facts_read(int rootfd, bool live, const struct facts_want *want,
	       uint64_t now_real_usec, struct facts *ret, struct err *err)
{
	_cleanup_(facts_done) struct facts f = { .time_real_usec = now_real_usec };
	struct reading rd = {
		.rootfd = rootfd,
		.live = live,
		.want = want,
		.f = &f,
		.kernel = { .lxc_dir = -1, .monitor_dir = -1 },
	};
	int r = read_all(&rd, err);

	reading_done(&rd);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct facts){ 0 };
	return 0;
}
