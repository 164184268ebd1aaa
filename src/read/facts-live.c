/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include <pveconf.h>
#include "read/netlink.h"
#include "read/procfs.h"
#include "read/pveprop.h"
#include "read/reading.h"

static void first_cpu(const struct reading *rd, size_t i)
{
	const struct ct *ct = &rd->f->cts[i];
	struct cpu_probe *p = &rd->probes[i];

	p->fd = ctlive_cpu_open(&rd->kernel, ct->vmid);
	p->usage_usec = ctlive_cpu_usage_usec(p->fd);
	p->at_mono_usec = clock_mono_usec();
}

/*
 * Where hundreds run, half of the moment has to do: reading them takes most of it anyway.
 */
static void wait_interval(const struct reading *rd)
{
	uint64_t want = rd->want->interval_usec;
	uint64_t spent = clock_mono_usec() - rd->start_mono_usec;

	if (rd->n_live >= 256 && want <= 200 * USEC_PER_MSEC)
		want /= 2;
	if (spent < want)
		clock_sleep_usec(want - spent);
}

static void second_cpu(const struct reading *rd, size_t i)
{
	const struct facts *f = rd->f;
	const struct cpu_probe *p = &rd->probes[i];
	struct ct *ct = &f->cts[i];
	uint64_t cpus = ct_cpus_centi(ct, f->host.cpus);
	struct val now = { 0 };

	if (p->usage_usec.kind == VAL_SET && ct->init_pid)
		now = ctlive_cpu_usage_usec(p->fd);
	ct->cpu_interval_usec = clock_mono_usec() - p->at_mono_usec;
	/* absent: that life of the container is over (-ENODEV) */
	if (now.kind != VAL_SET || now.n < p->usage_usec.n || !ct->cpu_interval_usec ||
	    !cpus)
		return;
	ct->cpu_used_usec = val_set(now.n - p->usage_usec.n);
	ct->cpu_ppm = val_set(
		num_muldiv(ct->cpu_used_usec.n, 100000000, ct->cpu_interval_usec * cpus));
}

static void add_net(struct span name, uint64_t rx, uint64_t tx, void *arg)
{
	const struct reading *rd = arg;
	struct ct key = { 0 }, *ct = NULL;

	if (!procfs_veth_vmid(name, &key.vmid))
		return;
	ct = bsearch(&key, rd->f->cts, rd->n_live, sizeof(key), reading_cmp_ct);
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
	procfs_parse_net_dev(span_of(b.p, b.n), add_net, rd);
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

/* Those whose handle says in one call for all of them that they have not ended. */
static bool *still_alive(const int *holds, size_t n)
{
	_cleanup_free_ struct pollfd *p = xcalloc(n, sizeof(*p));
	bool *alive = xcalloc(n, sizeof(*alive));

	for (size_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = holds[i], .events = POLLIN };
	if (n && poll(p, n, 0) < 0)
		return alive;
	for (size_t i = 0; i < n; i++)
		alive[i] = holds[i] >= 0 && !p[i].revents;
	return alive;
}

/*
 * What was asked by the number of init is believed only if it is the same process still.
 */
static void drop_doubtful(struct reading *rd)
{
	_cleanup_free_ bool *alive = still_alive(rd->holds, rd->n_live);

	for (size_t i = 0; i < rd->n_live; i++) {
		struct ct *ct = &rd->f->cts[i];

		if (!ct->init_pid || alive[i] ||
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

/* The size of the config stands in where the file system cannot be asked. */
static void read_rootfs_size(struct ct *ct)
{
	struct tbytes v = { 0 };
	struct pve_mp mp = { 0 };

	if (ct->conf && ct->disk_max_bytes.kind == VAL_ABSENT)
		v = pveconf_bytes(&ct->conf->main, "rootfs");
	if (!v.p || pve_rootfs_parse(span_of((const char *)v.p, v.n), &mp, NULL) < 0)
		return;
	ct->rootfs_size_bytes = mp.size_bytes;
	pve_mp_done(&mp);
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
static void read_one(struct reading *rd, struct ct *ct, bool socket, int *ret_hold)
{
	struct err err = { 0 };

	if (ctlive_read(&rd->kernel, rd->want, socket, ct, ret_hold, &err) < 0 &&
	    !ct->error)
		ct->error = xstrdup(err.msg);
	set_uptime(&rd->f->host, ct);
}

static void read_live(struct reading *rd, struct netlink *nl, size_t i)
{
	bool later = rd->live && (rd->want->addrs || rd->want->disk);
	struct ct *ct = &rd->f->cts[i];

	read_one(rd, ct, true, later ? &rd->holds[i] : NULL);
	if (ct->init_pid && nl &&
	    netlink_guest_addrs(nl, ct->init_pid, &ct->addrs, &ct->n_addrs,
				&ct->addrs_known, NULL) < 0)
		drop_addrs(ct);
}

void reading_start_disks(struct reading *rd, size_t n)
{
	if (rd->want->disk && rd->live && n)
		(void)rootstat_start(rd->rootfd, n, &rd->disks_job, NULL);
}

/* Asked by another process while this one reads on. */
static void ask_disks(struct reading *rd)
{
	if (!rd->disks_job.shared)
		return;
	rd->disks = xcalloc(rd->n_live, sizeof(*rd->disks));
	for (size_t i = 0; i < rd->n_live; i++)
		rd->disks[i].init_pid = rd->f->cts[i].init_pid;
	rootstat_ask(&rd->disks_job, rd->disks);
}

static void finish_disks(struct reading *rd)
{
	rootstat_finish(rd->rootfd, &rd->disks_job, rd->disks);
	for (size_t i = 0; rd->disks && i < rd->n_live; i++) {
		const struct rootstat *d = &rd->disks[i];
		struct ct *ct = &rd->f->cts[i];

		ct->disk_bytes = d->used_bytes;
		ct->disk_max_bytes = d->total_bytes;
		if (d->stuck && !ct->error)
			ct->error = xstrdup("its root file system does not answer");
	}
}

static void read_rates(struct reading *rd)
{
	struct facts *f = rd->f;

	wait_interval(rd);
	for (size_t i = 0; i < rd->n_live; i++)
		second_cpu(rd, i);
	for (size_t i = 0; i < rd->n_live; i++)
		if (f->cts[i].cpu_ppm.kind == VAL_SET)
			f->interval_usec =
				MAX(f->interval_usec, f->cts[i].cpu_interval_usec);
}

static bool wants_rates(const struct reading *rd)
{
	return rd->want->interval_usec && rd->live && rd->n_live;
}

void reading_live(struct reading *rd)
{
	struct netlink *nl = NULL;

	allow_handles(2 * rd->n_live);
	rd->probes = xcalloc(rd->n_live, sizeof(*rd->probes));
	rd->holds = xcalloc(rd->n_live, sizeof(*rd->holds));
	for (size_t i = 0; i < rd->n_live; i++)
		rd->holds[i] = rd->probes[i].fd = -1;
	rd->start_mono_usec = clock_mono_usec();
	for (size_t i = 0; wants_rates(rd) && i < rd->n_live; i++)
		first_cpu(rd, i);
	/* without addresses there is still all the rest */
	if (rd->want->addrs && rd->live && rd->n_live && netlink_open(&nl, NULL) < 0)
		nl = NULL;
	/* one after the other: two threads took longer, and more CPU time, for a thousand
	 */
	for (size_t i = 0; i < rd->n_live; i++)
		read_live(rd, nl, i);
	netlink_close(nl);
	ask_disks(rd);
}

int reading_rest(struct reading *rd, struct err *err)
{
	struct facts *f = rd->f;
	int r = 0;

	/* without a socket they are stopped, but for one whose monitor has died */
	for (size_t i = rd->n_live; i < f->n_cts; i++)
		if (f->cts[i].here)
			read_one(rd, &f->cts[i], false, NULL);
	if (rd->want->net)
		r = read_net(rd, err);
	finish_disks(rd);
	drop_doubtful(rd);
	for (size_t i = 0; rd->want->disk && i < f->n_cts; i++)
		read_rootfs_size(&f->cts[i]);
	if (wants_rates(rd))
		read_rates(rd);
	return r;
}
