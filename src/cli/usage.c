/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/usage.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "cli/ctview.h"
#include "cli/ringrates.h"
#include "pveconf.h"
#include "pveprop.h"
#include "read/cgroup.h"
#include "read/conffile.h"
#include "read/procfs.h"
#include "read/pveprop.h"

#define MAX_NETS    64
#define MAX_NET_DEV ((size_t)16 << 20)
#define MAX_MOUNTS  ((size_t)4 << 20)

void usage_done(struct usage *u)
{
	for (size_t i = 0; i < u->n_nets; i++)
		free(u->nets[i].ifname);
	free(u->nets);
	free(u->io_counted);
	cg_io_done(&u->io_delta);
	blockdevs_done(&u->devs);
	alerts_done(&u->alerts);
	facts_done(&u->facts);
	*u = (struct usage){ 0 };
}

bool usage_is_up(const struct usage *u)
{
	return ct_is_up(u->ct);
}

/* ---- one reading of the counters ---- */

struct reading {
	uint64_t boot_usec;
	struct cg_cpu cpu;
	struct cg_io io;
	struct usage_net nets[MAX_NETS];
	size_t n_nets;
};

static void reading_done(struct reading *s)
{
	cg_io_done(&s->io);
}

struct net_arg {
	uint32_t vmid;
	struct reading *s;
};

/* What the host's end receives is what the container sends. */
static void take_net(struct span name, uint64_t rx, uint64_t tx, void *arg)
{
	struct net_arg *a = arg;
	struct span digits = name;
	struct usage_net n = { .in_bytes = tx, .out_bytes = rx };
	uint32_t vmid;

	if (!procfs_veth_vmid(name, &vmid) || vmid != a->vmid ||
	    a->s->n_nets >= MAX_NETS || name.n >= sizeof(n.host))
		return;
	span_skip(&digits, "veth");
	while (digits.n && *digits.p != 'i')
		digits = span_of(digits.p + 1, digits.n - 1);
	if (!span_skip(&digits, "i") || num_parse_u32(digits, &n.n) < 0)
		return; /* the other end during a hotplug: veth101i0p */
	memcpy(n.host, name.p, name.n);
	a->s->nets[a->s->n_nets++] = n;
}

static int cmp_net(const void *a, const void *b)
{
	const struct usage_net *x = a, *y = b;

	return (x->n > y->n) - (x->n < y->n);
}

static void read_nets(int rootfd, uint32_t vmid, struct reading *s)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct net_arg arg = { vmid, s };

	/* of the node's own network: /proc/net is that of whoever asks */
	if (fs_read_file(rootfd, "proc/net/dev", MAX_NET_DEV, &text, NULL) < 0)
		return;
	procfs_parse_net_dev(span_of(buf_str(&text), text.n), take_net, &arg);
	qsort(s->nets, s->n_nets, sizeof(*s->nets), cmp_net);
}

static int read_sample(const struct app *app, int dir, uint32_t vmid, struct reading *s,
		       struct err *err)
{
	int r;

	s->boot_usec = clock_boot_usec();
	r = cg_read_cpu(dir, &s->cpu, err);
	if (r == 0)
		r = cg_read_io(dir, &s->io, err);
	if (r == 0)
		read_nets(app->rootfd, vmid, s);
	return r;
}

/* ---- what happened between two of them ---- */

static struct val delta(struct val before, struct val now)
{
	if (before.kind != VAL_SET || now.kind != VAL_SET)
		return (struct val){ 0 };
	return val_set(num_sub(now.n, before.n));
}

static void delta_cpu(const struct cg_cpu *a, const struct cg_cpu *b, struct cg_cpu *ret)
{
	ret->usage_usec = delta(a->usage_usec, b->usage_usec);
	ret->user_usec = delta(a->user_usec, b->user_usec);
	ret->system_usec = delta(a->system_usec, b->system_usec);
	ret->nr_periods = delta(a->nr_periods, b->nr_periods);
	ret->nr_throttled = delta(a->nr_throttled, b->nr_throttled);
	ret->throttled_usec = delta(a->throttled_usec, b->throttled_usec);
}

/* A device without a line had no I/O yet. */
static struct cg_io_dev find_line(const struct cg_io *io, const struct cg_io_dev *d)
{
	for (size_t i = 0; i < io->n; i++)
		if (io->v[i].major == d->major && io->v[i].minor == d->minor)
			return io->v[i];
	return (struct cg_io_dev){ 0 };
}

static struct val delta_or_all(struct val before, struct val now)
{
	return before.kind == VAL_SET ? delta(before, now) : now;
}

static void delta_io(const struct cg_io *a, const struct cg_io *b, struct cg_io *ret)
{
	ret->present = a->present && b->present;
	ret->v = xcalloc(b->n, sizeof(*ret->v));
	ret->n = b->n;
	for (size_t i = 0; i < b->n; i++) {
		const struct cg_io_dev *now = &b->v[i];
		struct cg_io_dev was = find_line(a, now);

		ret->v[i] = (struct cg_io_dev){
			.major = now->major,
			.minor = now->minor,
			.rbytes = delta_or_all(was.rbytes, now->rbytes),
			.wbytes = delta_or_all(was.wbytes, now->wbytes),
			.rios = delta_or_all(was.rios, now->rios),
			.wios = delta_or_all(was.wios, now->wios),
			.dbytes = delta_or_all(was.dbytes, now->dbytes),
			.dios = delta_or_all(was.dios, now->dios),
		};
	}
}

static void delta_nets(const struct reading *a, struct reading *b)
{
	for (size_t i = 0; i < b->n_nets; i++)
		for (size_t k = 0; k < a->n_nets; k++) {
			if (a->nets[k].n != b->nets[i].n)
				continue;
			b->nets[i].in_delta_bytes = val_set(
				num_sub(b->nets[i].in_bytes, a->nets[k].in_bytes));
			b->nets[i].out_delta_bytes = val_set(
				num_sub(b->nets[i].out_bytes, a->nets[k].out_bytes));
		}
}

static void take_deltas(const struct reading *a, struct reading *b, struct usage *u)
{
	struct ct *ct = u->ct;

	u->interval_usec = num_sub(b->boot_usec, a->boot_usec);
	delta_cpu(&a->cpu, &b->cpu, &u->cpu_delta);
	delta_io(&a->io, &b->io, &u->io_delta);
	delta_nets(a, b);
	ct->cpu_used_usec = u->cpu_delta.usage_usec;
	/* PVE's cpu: of the CPUs that its configuration says it has */
	if (ct->cpu_used_usec.kind == VAL_SET)
		ct->cpu_ppm = val_set(num_muldiv(
			ct->cpu_used_usec.n, 100000000,
			u->interval_usec * ct_cpus_centi(ct, u->facts.host.cpus)));
}

/* ---- the rest ---- */

static void take_sample(struct reading *s, struct usage *u)
{
	struct ct *ct = u->ct;

	ct->cpu = s->cpu;
	cg_io_done(&ct->io);
	ct->io = s->io;
	s->io = (struct cg_io){ 0 };
	u->nets = xcalloc(s->n_nets, sizeof(*u->nets));
	memcpy(u->nets, s->nets, s->n_nets * sizeof(*u->nets));
	u->n_nets = s->n_nets;
}

/* After the wait everything is read again: all panels are of one moment. */
static int read_again(int dir, struct ct *ct, struct err *err)
{
	int r;

	r = cg_read_memory(dir, true, &ct->memory, err);
	if (r == 0)
		r = cg_read_pids(dir, &ct->pids, err);
	if (r == 0)
		r = cg_read_pressure(dir, &ct->pressure, err);
	return r;
}

/* ---- the collector's last second in the place of a first reading ---- */

#define RECORDED_LEAST_USEC (900 * USEC_PER_MSEC)
#define HAS(s, m)           ((s)->have >> (m)&1)

static struct val of_sample(const struct sample *s, enum metric m)
{
	return HAS(s, m) ? val_set(s->v[m]) : (struct val){ 0 };
}

/*
 * The record has one sum over all devices. Where nothing was read or written since, or
 * there is one device only, that is as good as a line for each; -EAGAIN: it is not.
 */
static int io_before(const struct sample *s, const struct cg_io *now, struct cg_io *ret)
{
	static const struct {
		enum metric m;
		size_t off;
	} map[] = {
		{ METRIC_IO_READ_BYTES, offsetof(struct cg_io_dev, rbytes) },
		{ METRIC_IO_WRITE_BYTES, offsetof(struct cg_io_dev, wbytes) },
		{ METRIC_IO_READS, offsetof(struct cg_io_dev, rios) },
		{ METRIC_IO_WRITES, offsetof(struct cg_io_dev, wios) },
	};
	uint64_t sum[ARRAY_SIZE(map)] = { 0 };
	bool moved = false;

	for (size_t k = 0; k < ARRAY_SIZE(map); k++) {
		for (size_t i = 0; i < now->n; i++)
			sum[k] += val_or(*(const struct val *)((const char *)&now->v[i] +
							       map[k].off),
					 0);
		moved |= sum[k] != s->v[map[k].m];
		if (now->present && !HAS(s, map[k].m))
			return -EAGAIN;
	}
	/* quiet: the sum is of an earlier second */
	if (moved && (now->n > 1 || s->quiet))
		return -EAGAIN;
	*ret = (struct cg_io){ .present = now->present, .n = now->n };
	ret->v = xcalloc(now->n, sizeof(*ret->v));
	for (size_t i = 0; i < now->n; i++) {
		ret->v[i] = now->v[i];
		for (size_t k = 0; moved && k < ARRAY_SIZE(map); k++)
			*(struct val *)((char *)&ret->v[i] + map[k].off) =
				val_set(s->v[map[k].m]);
	}
	return 0;
}

static int nets_before(const struct sample *s, const struct reading *now,
		       struct reading *ret)
{
	uint64_t in = 0, out = 0;

	for (size_t i = 0; i < now->n_nets; i++) {
		in += now->nets[i].in_bytes;
		out += now->nets[i].out_bytes;
	}
	if (now->n_nets &&
	    (!HAS(s, METRIC_NET_IN_BYTES) || in < s->v[METRIC_NET_IN_BYTES] ||
	     out < s->v[METRIC_NET_OUT_BYTES]))
		return -EAGAIN;
	memcpy(ret->nets, now->nets, sizeof(ret->nets));
	ret->n_nets = now->n_nets;
	if (!now->n_nets ||
	    (in == s->v[METRIC_NET_IN_BYTES] && out == s->v[METRIC_NET_OUT_BYTES]))
		return 0;
	if (now->n_nets > 1)
		return -EAGAIN;
	ret->nets[0].in_bytes = s->v[METRIC_NET_IN_BYTES];
	ret->nets[0].out_bytes = s->v[METRIC_NET_OUT_BYTES];
	return 0;
}

/*
 * 0: *ret is what a reading a second ago would have been. Otherwise there is no record,
 * or it does not say enough: then a second is waited for.
 */
static int recorded_before(const struct app *app, const struct ct *ct,
			   const struct reading *now, struct reading *ret)
{
	struct ringrates *r = ringrates_open(app);
	struct reading before = { 0 };
	struct sample s;
	int e = r ? ringrates_before(r, ct, RECORDED_LEAST_USEC, &s) : -ENOENT;

	ringrates_close(r);
	if (e == 0)
		e = io_before(&s, &now->io, &before.io);
	if (e == 0)
		e = nets_before(&s, now, &before);
	if (e < 0) {
		reading_done(&before);
		return e;
	}
	before.boot_usec = s.boot_usec;
	before.cpu.usage_usec = of_sample(&s, METRIC_CPU_USAGE_USEC);
	before.cpu.user_usec = of_sample(&s, METRIC_CPU_USER_USEC);
	before.cpu.system_usec = of_sample(&s, METRIC_CPU_SYSTEM_USEC);
	before.cpu.nr_periods = of_sample(&s, METRIC_CPU_NR_PERIODS);
	before.cpu.nr_throttled = of_sample(&s, METRIC_CPU_NR_THROTTLED);
	before.cpu.throttled_usec = of_sample(&s, METRIC_CPU_THROTTLED_USEC);
	*ret = before;
	return 0;
}

static int measure(const struct app *app, int dir, uint64_t interval_usec,
		   struct usage *u, struct err *err)
{
	_cleanup_(reading_done) struct reading a = { 0 }, b = { 0 };
	int r;

	r = read_sample(app, dir, u->ct->vmid, &a, err);
	if (r < 0)
		return r;
	if (!interval_usec || !app->live) {
		take_sample(&a, u);
		return 0;
	}
	if (interval_usec == USAGE_RECORDED) {
		interval_usec = USEC_PER_SEC;
		if (recorded_before(app, u->ct, &a, &b) == 0) {
			take_deltas(&b, &a, u);
			take_sample(&a, u);
			return 0;
		}
	}
	fflush(app->out);
	clock_sleep_usec(interval_usec);
	r = read_sample(app, dir, u->ct->vmid, &b, err);
	if (r == 0)
		r = read_again(dir, u->ct, err);
	if (r < 0) {
		take_sample(&a, u);
		return r;
	}
	take_deltas(&a, &b, u);
	take_sample(&b, u);
	return 0;
}

static void read_devices(const struct app *app, struct usage *u)
{
	_cleanup_(buf_done) struct buf mounts = { 0 };
	const struct ct *ct = u->ct;
	char path[48];

	blockdev_read(app->rootfd, &ct->io, &u->devs, NULL);
	snprintf(path, sizeof(path), "proc/%d/mountinfo", (int)ct->monitor_pid);
	if (ct->monitor_pid &&
	    fs_read_file(app->rootfd, path, MAX_MOUNTS, &mounts, NULL) == 0)
		blockdev_label_mounts(&u->devs, span_of(buf_str(&mounts), mounts.n));
	u->io_counted = xcalloc(ct->io.n, sizeof(*u->io_counted));
	blockdev_true(&ct->io, &u->devs, &u->io_all, u->io_counted);
	if (u->interval_usec)
		blockdev_true(&u->io_delta, &u->devs, &u->io_now, NULL);
}

static void name_nets(struct usage *u)
{
	for (size_t i = 0; u->ct->conf && i < u->n_nets; i++) {
		char key[16];
		const char *text;
		struct pve_net net = { 0 };

		snprintf(key, sizeof(key), "net%u", u->nets[i].n);
		text = pveconf_str(&u->ct->conf->main, key);
		if (!text || pve_net_parse(span_str(text), &net, NULL) < 0)
			continue;
		u->nets[i].ifname = net.name ? xstrdup(net.name) : NULL;
		pve_net_done(&net);
	}
}

static unsigned count_cpus(const struct cg_cpuset *c)
{
	const char *text = c->cpus_effective;
	unsigned n = 0;

	if (text && *text)
		procfs_parse_cpulist(span_str(text), &n);
	return n;
}

static void conclude(struct usage *u)
{
	const struct ct *ct = u->ct;
	struct usage_input in = { .ct = ct };
	uint64_t cpus = ct_cpus_centi(ct, u->facts.host.cpus);

	u->limit_centi =
		usage_is_up(u) ? usage_cpu_limit_centi(&ct->cpu, count_cpus(&ct->cpuset),
						       u->facts.host.cpus)
			       : cpus;
	usage_mem_split(&ct->memory, &u->mem);
	in.limit_centi = u->limit_centi;
	in.interval_usec = u->interval_usec;
	in.delta = u->cpu_delta;
	usage_alerts(&in, &u->settings.warn, &u->alerts);
}

static void read_settings(const struct app *app, struct settings *ret)
{
	_cleanup_(strv_done) struct strv warnings = { 0 };
	struct err err = { 0 };

	if (conffile_read(app->rootfd, ret, &warnings, &err) < 0)
		app_warn(app, "%s", err.msg);
	for (size_t i = 0; i < warnings.n; i++)
		app_warn(app, "%s", warnings.v[i]);
}

static int read_live(const struct app *app, uint64_t interval_usec, struct usage *u)
{
	_cleanup_close_ int dir = -1;
	struct err err = { 0 };
	int r;

	r = cg_open(app->rootfd, u->ct->vmid, &dir, &err);
	if (r == 0)
		r = measure(app, dir, interval_usec, u, &err);
	if (r == -ENOENT || r == -ENODEV) {
		u->ended = true;
		app_warn(app, "container %u stopped while it was measured", u->ct->vmid);
		return 0;
	}
	return r < 0 ? app_error(app, EXIT_BROKEN, "container %u: %s", u->ct->vmid,
				 err.msg)
		     : 0;
}

int usage_read(const struct app *app, const char *ctid, uint64_t interval_usec,
	       struct usage *ret)
{
	struct facts_want want = { .cpu = true,
				   .memory = true,
				   .memory_limits = true,
				   .io = true,
				   .pids = true,
				   .pressure = true,
				   .cpuset = true,
				   .net = true,
				   .disk = true };
	struct usage u = { 0 };
	int r;

	r = app_facts_one(app, ctid, want, &u.facts);
	if (r)
		return r;
	u.ct = &u.facts.cts[0];
	read_settings(app, &u.settings);
	controllers_read(app->rootfd, &u.ctl, NULL);
	if (usage_is_up(&u))
		r = read_live(app, interval_usec, &u);
	if (r) {
		usage_done(&u);
		return r;
	}
	read_devices(app, &u);
	if (usage_is_up(&u) && !u.ended)
		usage_read_disk(app, &u);
	name_nets(&u);
	conclude(&u);
	*ret = u;
	return EXIT_FINE;
}
