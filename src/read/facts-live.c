/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include <pveconf.h>
#include "read/netlink.h"
#include "read/procfs.h"
#include "read/pveprop.h"
#include "read/reading.h"
#include "read/unixsock.h"

#define MANY  64 /* running containers, from which on a second thread is worth it */
#define PIECE 16 /* of them are taken at a time */

#define HUNDREDS 256

/*
 * Of the containers are for the second thread. Two that read at once are in each other's
 * way in the kernel, so that each saves less time than it costs: this much is enough.
 */
#define HELPER_PERCENT 30

static void first_cpu(const struct reading *rd, size_t i)
{
	const struct ct *ct = &rd->f->cts[i];
	struct cpu_probe *p = &rd->probes[i];

	p->fd = ctlive_cpu_open(&rd->kernel, ct->vmid);
	p->usage_usec = ctlive_cpu_usage_usec(p->fd);
	p->at_mono_usec = clock_mono_usec();
}

static void wait_interval(const struct reading *rd)
{
	uint64_t want = rd->want->interval_usec;
	uint64_t spent = clock_mono_usec() - rd->start_mono_usec;

	if (rd->n_live >= HUNDREDS && rd->want->interval_least_usec)
		want = MIN(want, rd->want->interval_least_usec);
	if (spent < want)
		clock_sleep_usec(want - spent);
}

static void second_cpu(const struct reading *rd, size_t i)
{
	const struct facts *f = rd->f;
	const struct cpu_probe *p = &rd->probes[i];
	struct ct *ct = &f->cts[i];
	uint64_t cpus = ct->cpus_centi ? ct->cpus_centi : ct_cpus_centi(ct, f->host.cpus);
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
	uint32_t vmid;
	struct ct *ct;

	if (!procfs_veth_vmid(name, &vmid))
		return;
	ct = reading_live_ct(rd, vmid);
	if (!ct)
		return;
	/* the host's side of the pair counts the other way round */
	rd->net[ct - rd->f->cts].in_bytes += tx;
	rd->net[ct - rd->f->cts].out_bytes += rx;
}

static void read_net(struct reading *rd)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r = fs_read_file(rd->rootfd, "proc/net/dev", (size_t)64 << 20, &b,
			     &rd->net_err);

	if (r < 0) {
		rd->net_error = r == -ENOENT ? 0 : r;
		return;
	}
	rd->net = xcalloc(rd->n_live, sizeof(*rd->net));
	procfs_parse_net_dev(span_of(b.p, b.n), add_net, rd);
}

static void take_net(struct reading *rd)
{
	struct facts *f = rd->f;

	for (size_t i = 0; rd->net && i < f->n_cts; i++) {
		struct net_count n = { 0 };

		if (!f->cts[i].here || !f->cts[i].init_pid)
			continue;
		if (i < rd->n_live)
			n = rd->net[i];
		f->cts[i].netin_bytes = val_set(n.in_bytes);
		f->cts[i].netout_bytes = val_set(n.out_bytes);
	}
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

/* Of those from..to whose handle says in one call for all that they have not ended. */
static void find_alive(const int *holds, size_t from, size_t to, bool *alive)
{
	struct pollfd p[PIECE];

	for (size_t i = from; i < to; i++)
		p[i - from] = (struct pollfd){ .fd = holds[i], .events = POLLIN };
	if (poll(p, to - from, 0) < 0)
		return;
	for (size_t i = from; i < to; i++)
		alive[i - from] = holds[i] >= 0 && !p[i - from].revents;
}

/*
 * What was asked by the number of init is believed only if it is the same process still.
 */
static void drop_doubtful(struct reading *rd, size_t from, size_t to)
{
	bool alive[PIECE] = { 0 };

	find_alive(rd->holds, from, to, alive);
	for (size_t i = from; i < to; i++) {
		struct ct *ct = &rd->f->cts[i];

		if (!ct->init_pid || alive[i - from] ||
		    (!ct->addrs_known && ct->disk_bytes.kind == VAL_ABSENT) ||
		    ctlive_same(&rd->kernel, ct, rd->holds[i]))
			continue;
		drop_addrs(ct);
		ct->disk_bytes = ct->disk_max_bytes = (struct val){ 0 };
		ct->disk_count = (struct fscount){ 0 };
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
				&ct->addrs_known, &rd->nsids[i], NULL) < 0)
		drop_addrs(ct);
}

/* A container that uses the node's own network has no addresses of its own. */
static void drop_own_addrs(struct reading *rd, struct netlink *nl)
{
	struct val own = { 0 };
	int r = nl ? netlink_own_nsid(nl, &own, NULL) : 0;

	for (size_t i = 0; i < rd->n_live; i++)
		if (rd->nsids[i].kind == VAL_SET &&
		    (r < 0 || (own.kind == VAL_SET && own.n == rd->nsids[i].n)))
			drop_addrs(&rd->f->cts[i]);
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
		ct->disk_count = d->count;
		if (d->stuck && !ct->error)
			ct->error = xstrdup("its root file system does not answer");
	}
}

static bool wants_rates(const struct reading *rd)
{
	return rd->want->interval_usec && rd->live && rd->n_live;
}

/* The next piece that nobody has taken yet. */
static bool take_piece(const struct hand *h, struct share *s, size_t *from, size_t *to)
{
	size_t n = h->rd->n_live, piece;

	if (h->me && s->helped * 100 >= n * HELPER_PERCENT)
		return false;
	piece = atomic_fetch_add(&s->next, 1);
	if (piece * PIECE >= n)
		return false;
	if (h->me)
		s->helped += PIECE;
	s->owner[piece] = h->me;
	*from = piece * PIECE;
	*to = MIN(*from + PIECE, n);
	return true;
}

/* The next one of those that are this thread's; *at starts at 0. */
static bool own_piece(const struct hand *h, const struct share *s, size_t *at,
		      size_t *from, size_t *to)
{
	size_t n = h->rd->n_live;

	for (; *at * PIECE < n; (*at)++) {
		if (s->owner[*at] != h->me)
			continue;
		*from = (*at)++ * PIECE;
		*to = MIN(*from + PIECE, n);
		return true;
	}
	return false;
}

static void read_pieces(void *arg)
{
	const struct hand *h = arg;
	size_t from, to;

	while (wants_rates(h->rd) && take_piece(h, &h->rd->first, &from, &to))
		for (size_t i = from; i < to; i++)
			first_cpu(h->rd, i);
	while (take_piece(h, &h->rd->rest, &from, &to))
		for (size_t i = from; i < to; i++)
			read_live(h->rd, h->nl, i);
}

static void forget(int *fd)
{
	*fd = -1;
}

/* The second look, by whom the descriptors of the first are. */
static void read_again(void *arg)
{
	const struct hand *h = arg;
	struct reading *rd = h->rd;
	size_t at = 0, from, to;

	while (own_piece(h, &rd->rest, &at, &from, &to))
		drop_doubtful(rd, from, to);
	if (wants_rates(rd))
		wait_interval(rd);
	for (at = 0; wants_rates(rd) && own_piece(h, &rd->first, &at, &from, &to);)
		for (size_t i = from; i < to; i++)
			second_cpu(rd, i);
	if (h->me == 0)
		return;
	/* its end closes them */
	for (at = 0; own_piece(h, &rd->rest, &at, &from, &to);)
		for (size_t i = from; i < to; i++)
			forget(&rd->holds[i]);
	for (at = 0; own_piece(h, &rd->first, &at, &from, &to);)
		for (size_t i = from; i < to; i++)
			forget(&rd->probes[i].fd);
}

static void find_interval(struct facts *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (f->cts[i].cpu_ppm.kind == VAL_SET)
			f->interval_usec =
				MAX(f->interval_usec, f->cts[i].cpu_interval_usec);
}

static void start_share(const struct reading *rd, struct share *s)
{
	s->owner = xcalloc(rd->n_live / PIECE + 1, sizeof(*s->owner));
}

/* Before the helper starts: libraries are loaded by one thread. */
static void open_netlinks(struct reading *rd, bool two)
{
	/* without addresses there is still all the rest */
	for (unsigned i = 0; i <= two; i++)
		if (rd->want->addrs && rd->live && rd->n_live &&
		    netlink_open(&rd->hands[i].nl, NULL) < 0)
			rd->hands[i].nl = NULL;
	for (unsigned i = 0; two && i < 2; i++)
		if (rd->hands[i].nl)
			netlink_side_by_side(rd->hands[i].nl);
}

void reading_live(struct reading *rd)
{
	/* where the caller waits for CPU% only as long as the reading takes */
	bool two = wants_rates(rd) && rd->want->interval_least_usec &&
		   rd->n_live >= MANY && rd->f->host.cpus > 1;

	allow_handles(2 * rd->n_live);
	rd->probes = xcalloc(rd->n_live, sizeof(*rd->probes));
	rd->holds = xcalloc(rd->n_live, sizeof(*rd->holds));
	rd->nsids = xcalloc(rd->n_live, sizeof(*rd->nsids));
	for (size_t i = 0; i < rd->n_live; i++)
		rd->holds[i] = rd->probes[i].fd = -1;
	start_share(rd, &rd->first);
	start_share(rd, &rd->rest);
	for (uint8_t i = 0; i < 2; i++)
		rd->hands[i] = (struct hand){ .rd = rd, .me = i };
	open_netlinks(rd, two);
	rd->start_mono_usec = clock_mono_usec();
	if (two && helper_start(&rd->helper) == 0)
		helper_run(&rd->helper, read_pieces, &rd->hands[1]);
	if (rd->want->net)
		read_net(rd);
	read_pieces(&rd->hands[0]);
	helper_wait(&rd->helper);
	drop_own_addrs(rd, rd->hands[0].nl ? rd->hands[0].nl : rd->hands[1].nl);
	for (unsigned i = 0; i < 2; i++) {
		netlink_close(rd->hands[i].nl);
		rd->hands[i].nl = NULL;
	}
	ask_disks(rd);
}

/* Nothing is there but the socket: a start that is in its first hook, or an end. */
static bool has_socket_only(const struct ct *ct)
{
	return ct->state == CT_STARTING && !ct->monitor_pid;
}

/*
 * The sockets were listed before the cgroups were looked for: one of those that ended in
 * between is not starting.
 */
static void look_again(struct reading *rd)
{
	_cleanup_free_ uint32_t *ids = NULL;
	size_t n = 0, first = 0;

	while (first < rd->n_live && !has_socket_only(&rd->f->cts[first]))
		first++;
	if (!rd->live || first == rd->n_live ||
	    unixsock_read_monitors(rd->rootfd, true, &ids, &n, NULL) < 0)
		return;
	for (size_t i = first; i < rd->n_live; i++)
		if (has_socket_only(&rd->f->cts[i]) &&
		    !unixsock_has(ids, n, rd->f->cts[i].vmid))
			rd->f->cts[i].state = CT_STOPPED;
}

int reading_rest(struct reading *rd, struct err *err)
{
	struct facts *f = rd->f;

	look_again(rd);
	/* without a socket they are stopped, but for one whose monitor has died */
	for (size_t i = rd->n_live; i < f->n_cts; i++)
		if (f->cts[i].here)
			read_one(rd, &f->cts[i], false, NULL);
	take_net(rd);
	finish_disks(rd);
	if (rd->helper.up)
		helper_run(&rd->helper, read_again, &rd->hands[1]);
	read_again(&rd->hands[0]);
	helper_end(&rd->helper);
	for (size_t i = 0; rd->want->disk && i < f->n_cts; i++)
		read_rootfs_size(&f->cts[i]);
	find_interval(f, rd->n_live);
	return rd->net_error ? err_set(err, rd->net_error, "%s", rd->net_err.msg) : 0;
}
