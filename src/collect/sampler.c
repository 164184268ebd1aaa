/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/sampler.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/sys.h"
#include "netif.h"
#include "read/cgroup.h"
#include "read/cgsample.h"
#include "read/netlink.h"
#include "read/procfs.h"

_Static_assert(SAMPLER_FDS == CGSAMPLE_FILES, "one descriptor a file");

#define FULL_EVERY   10 /* ticks: each is read whole that often, however quiet */
#define STALLS_EVERY 60 /* ticks: its stalls for disk and memory that often */
#define LIMITS_EVERY 60 /* ticks: limits are read, each container's in another one */
#define LINKS_EVERY  60 /* ticks: names of links are read anew, for one was renamed */
/* of a tick: what is not reached by then is a gap, and first in the next one */
#define BUDGET_USEC  (700 * USEC_PER_MSEC)
#define MINUTE_USEC  (20 * USEC_PER_MSEC)
#define FILE_MAX     ((size_t)64 << 10)
#define FIRST_FILES  3 /* of enum cgsample_file: do they move? */
#define NET_COUNTERS 5

#define BIT(m) (UINT64_C(1) << (m))
static const enum metric net_metrics[NET_COUNTERS] = {
	METRIC_NET_IN_BYTES,    METRIC_NET_OUT_BYTES, METRIC_NET_IN_PACKETS,
	METRIC_NET_OUT_PACKETS, METRIC_NET_DROPS,
};
#define NET_BITS                                                                         \
	(BIT(METRIC_NET_IN_BYTES) | BIT(METRIC_NET_OUT_BYTES) |                          \
	 BIT(METRIC_NET_IN_PACKETS) | BIT(METRIC_NET_OUT_PACKETS) |                      \
	 BIT(METRIC_NET_DROPS))

#define STALL_BITS                                                                       \
	(BIT(METRIC_PSI_IO_SOME_USEC) | BIT(METRIC_PSI_IO_FULL_USEC) |                   \
	 BIT(METRIC_PSI_MEMORY_SOME_USEC) | BIT(METRIC_PSI_MEMORY_FULL_USEC))

/* That tell whether it ran or waited. */
enum { SEEN_CPU, SEEN_IO, SEEN_MEMORY, SEEN };

/* A container. */
struct one {
	uint32_t vmid;
	uint64_t life;
	size_t slot;
	int fds[CGSAMPLE_FILES]; /* -1: this kernel has no such file */
	uint64_t n;              /* samples taken; the last one is in the ring */
	uint64_t seen[SEEN];     /* what it had of these columns */
	uint64_t full_tick;      /* when it was last read whole, though quiet */
	uint64_t net[NET_COUNTERS];
	bool has_net; /* a link of it was ever seen */
	bool still;   /* at the last look at all three first files nothing moved */
	bool ended;
	bool new_limits; /* than the ring has */
	/* METRIC_STATES and on, and METRIC_STATE_BITS of those that are known */
	uint64_t limits_have, limits[METRIC_DETAILS - METRIC_STATES];
};

/* A link of the node; those of no container are kept to know that they are known. */
struct link {
	uint32_t ifindex;
	uint32_t vmid;  /* 0: none's */
	size_t at;      /* where its container was last among all */
	bool seen;      /* `last` is set, and was counted */
	bool handed_on; /* it was somebody else's, and so is what it has counted */
	uint64_t last[NET_COUNTERS];
};

struct sampler {
	int base; /* <cgroup> */
	struct ring *ring;
	struct minute *minute;
	struct netlink *nl;
	struct one **v; /* by vmid */
	size_t n, cap;
	size_t first; /* where the next tick begins */
	struct sampler_life *ended;
	size_t ended_cap;
	struct netstats stats;
	struct link *links; /* by ifindex */
	size_t n_links;
	uint64_t links_tick;
	uint64_t tick_boot_usec; /* of the last tick */
	uint64_t now_boot_usec;  /* of the last sample */
	struct sampler_stat stat;
	char text[FILE_MAX];
};

int sampler_new(int rootfd, bool net, struct ring *ring, struct minute *minute,
		struct sampler **ret, struct err *err)
{
	struct sampler *s = xcalloc(1, sizeof(*s));
	int r;

	s->ring = ring;
	s->minute = minute;
	r = fs_open(rootfd, cg_base(rootfd), O_PATH | O_DIRECTORY, &s->base, err);
	if (r < 0) {
		free(s);
		return r;
	}
	if (net && netlink_open(&s->nl, NULL) < 0)
		s->nl = NULL;
	*ret = s;
	return 0;
}

static void one_free(struct one *o)
{
	for (size_t i = 0; i < CGSAMPLE_FILES; i++)
		cleanup_close(&o->fds[i]);
	free(o);
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		one_free(s->v[i]);
	free(s->v);
	free(s->ended);
	free(s->links);
	netstats_done(&s->stats);
	netlink_close(s->nl);
	cleanup_close(&s->base);
	free(s);
}

/* ---- which containers ---- */

/* Where it is, or where it would go. */
static size_t place(const struct sampler *s, uint32_t vmid)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->v[mid]->vmid < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct one *find(const struct sampler *s, uint32_t vmid)
{
	size_t i = place(s, vmid);

	return i < s->n && s->v[i]->vmid == vmid ? s->v[i] : NULL;
}

static int open_files(const struct sampler *s, struct one *o, struct err *err)
{
	_cleanup_close_ int dir = -1;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "lxc/%u", o->vmid);
	r = fs_open(s->base, path, O_PATH | O_DIRECTORY, &dir, err);
	for (size_t i = 0; r == 0 && i < CGSAMPLE_FILES; i++) {
		r = fs_open(dir, cgsample_name((enum cgsample_file)i),
			    O_RDONLY | O_NOFOLLOW, &o->fds[i], err);
		/* EOPNOTSUPP: pressure files with PSI switched off at boot */
		if (i != CGSAMPLE_CPU_STAT && (r == -ENOENT || r == -EOPNOTSUPP))
			r = 0;
	}
	return r;
}

int sampler_add(struct sampler *s, uint32_t vmid, uint64_t life, struct err *err)
{
	size_t at = place(s, vmid);
	struct one *o = find(s, vmid);
	int r;

	if (o)
		return o->life == life ? 0
				       : err_set(err, -EEXIST,
						 "container %u: life %ju is not over",
						 vmid, (uintmax_t)o->life);
	o = xcalloc(1, sizeof(*o));
	o->vmid = vmid;
	o->life = life;
	o->limits_have = BIT(METRIC_FROZEN); /* somebody says so if it is */
	for (size_t i = 0; i < CGSAMPLE_FILES; i++)
		o->fds[i] = -1;
	r = open_files(s, o, err);
	if (r == 0)
		r = ring_slot(s->ring, vmid, life, &o->slot, err);
	if (r < 0) {
		one_free(o);
		return err_wrap(err, r, "container %u", vmid);
	}
	GROW(s->v, s->n, s->cap);
	memmove(&s->v[at + 1], &s->v[at], (s->n - at) * sizeof(*s->v));
	s->v[at] = o;
	s->n++;
	if (s->ended_cap < s->n) {
		s->ended_cap = s->cap;
		s->ended = xreallocarray(s->ended, s->ended_cap, sizeof(*s->ended));
	}
	s->links_tick = 0; /* its links are new */
	if (s->minute)
		minute_add(s->minute, vmid, life, o->slot);
	return 0;
}

void sampler_remove(struct sampler *s, uint32_t vmid)
{
	size_t at = place(s, vmid);
	struct one *o = find(s, vmid);

	if (!o)
		return;
	if (s->minute)
		minute_end(s->minute, vmid);
	ring_free_slot(s->ring, o->slot);
	s->n--;
	memmove(&s->v[at], &s->v[at + 1], (s->n - at) * sizeof(*s->v));
	one_free(o);
}

/* ---- network ---- */

static int cmp_link(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static struct link *find_link(const struct sampler *s, uint32_t ifindex, size_t *hint)
{
	struct link key = { .ifindex = ifindex };

	/* the kernel gives them in the same order each time, which mostly is this one */
	if (*hint < s->n_links && s->links[*hint].ifindex == ifindex)
		return &s->links[(*hint)++];
	return s->n_links ? bsearch(&key, s->links, s->n_links, sizeof(key), cmp_link)
			  : NULL;
}

/*
 * Names of the links, anew. What a link counted so far goes on with it, unless it is
 * somebody else's now: then only what comes is the new owner's.
 */
static void read_names(struct sampler *s)
{
	_cleanup_(netifs_done) struct netifs l = { 0 };
	struct link *v;

	if (netlink_read_links(s->nl, false, &l, NULL) < 0)
		return;
	v = xcalloc(l.n, sizeof(*v));
	for (size_t i = 0, hint = 0; i < l.n; i++) {
		struct netdev_id id = netdev_parse_name(netif_name(&l.v[i]));
		const struct link *old = find_link(s, l.v[i].ifindex, &hint);
		uint32_t vmid = id.role == NETDEV_VETH ? id.vmid : 0;

		if (old)
			v[i] = *old;
		v[i].ifindex = l.v[i].ifindex;
		v[i].handed_on |= old && old->vmid != vmid;
		v[i].vmid = vmid;
	}
	if (l.n)
		qsort(v, l.n, sizeof(*v), cmp_link);
	free(s->links);
	s->links = v;
	s->n_links = l.n;
}

static bool all_known(const struct sampler *s)
{
	size_t hint = 0;

	if (s->stats.n != s->n_links)
		return false;
	for (size_t i = 0; i < s->stats.n; i++)
		if (!find_link(s, s->stats.v[i].ifindex, &hint))
			return false;
	return true;
}

/* The container's side is the other end: what the node sends it receives. */
static void guest_view(const struct netif_stats *st, uint64_t ret[static NET_COUNTERS])
{
	ret[0] = st->tx_bytes;
	ret[1] = st->rx_bytes;
	ret[2] = st->tx_packets;
	ret[3] = st->rx_packets;
	ret[4] = st->rx_dropped + st->tx_dropped;
}

static struct one *owner(const struct sampler *s, struct link *l)
{
	if (l->at >= s->n || s->v[l->at]->vmid != l->vmid)
		l->at = place(s, l->vmid);
	return l->at < s->n && s->v[l->at]->vmid == l->vmid ? s->v[l->at] : NULL;
}

static void count_link(const struct sampler *s, struct link *l,
		       const struct netif_stats *st)
{
	struct one *o = l->vmid ? owner(s, l) : NULL;
	uint64_t now[NET_COUNTERS];

	if (!o)
		return;
	guest_view(st, now);
	for (size_t i = 0; !l->handed_on && i < NET_COUNTERS; i++) {
		/* a counter that went back began anew: all it has is new */
		bool anew = !l->seen || now[i] < l->last[i];

		o->net[i] += anew ? now[i] : now[i] - l->last[i];
	}
	o->has_net = true;
	memcpy(l->last, now, sizeof(now));
	l->seen = true;
	l->handed_on = false;
}

/* Whether this tick has network counters. */
static bool read_net(struct sampler *s)
{
	size_t hint = 0;

	if (!s->nl || netlink_read_stats(s->nl, &s->stats, NULL) < 0 || s->stats.torn)
		return false;
	if (!s->links_tick || s->stat.ticks - s->links_tick >= LINKS_EVERY ||
	    !all_known(s)) {
		read_names(s);
		s->links_tick = s->stat.ticks;
	}
	for (size_t i = 0; i < s->stats.n; i++) {
		struct link *l = find_link(s, s->stats.v[i].ifindex, &hint);

		if (l)
			count_link(s, l, &s->stats.v[i].stats);
	}
	return true;
}

/* ---- a tick ---- */

/* 0; -ENODEV: the cgroup is gone. Whatever else is wrong costs this file's columns. */
static int read_file(struct sampler *s, const struct one *o, enum cgsample_file f,
		     struct sample *io)
{
	ssize_t n;

	if (o->fds[f] < 0)
		return 0;
	do
		n = sys_pread(o->fds[f], s->text, sizeof(s->text), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == ENODEV || errno == ENOENT))
		return -ENODEV;
	if (n < 0 || (size_t)n == sizeof(s->text) ||
	    cgsample_parse(f, span_of(s->text, (size_t)n), true, io) < 0)
		s->stat.unreadable++;
	return 0;
}

static int read_files(struct sampler *s, const struct one *o, size_t from, size_t to,
		      struct sample *io)
{
	int r = 0;

	for (size_t i = from; r == 0 && i < to; i++)
		r = read_file(s, o, (enum cgsample_file)i, io);
	return r;
}

/* "max", "123", of cpu.max "50000 100000". What is not there is not known. */
static void take_limit(int dir, const char *file, enum metric m, struct one *o)
{
	struct val v = { 0 }, period = val_set(1000000);
	uint64_t *limit = &o->limits[m - METRIC_STATES];
	struct span text, word;
	char buf[64];
	size_t n;

	o->limits_have &= ~BIT(m);
	if (fs_read_once(dir, file, buf, sizeof(buf), &n, NULL) < 0)
		return;
	text = span_trim(span_of(buf, n));
	if (!span_field(&text, &word) || num_parse_val(word, &v) < 0)
		return;
	if (m == METRIC_CPU_MAX_PPM &&
	    (!span_field(&text, &word) || num_parse_val(word, &period) < 0 || !period.n))
		return;
	*limit = METRIC_NO_LIMIT;
	if (v.kind == VAL_SET)
		*limit = m == METRIC_CPU_MAX_PPM ? num_muldiv(v.n, 1000000, period.n)
						 : v.n;
	o->limits_have |= BIT(m);
}

/* `cores` of a config becomes a cpuset: of the two the smaller one limits. */
static void take_cpus(int dir, struct one *o)
{
	uint64_t *v = &o->limits[METRIC_CPU_MAX_PPM - METRIC_STATES];
	_uninit_ char buf[4096];
	unsigned cpus = 0;
	size_t n;

	if (fs_read_once(dir, "cpuset.cpus.effective", buf, sizeof(buf), &n, NULL) < 0 ||
	    procfs_parse_cpulist(span_trim(span_of(buf, n)), &cpus) < 0 || !cpus)
		return;
	if (!(o->limits_have & BIT(METRIC_CPU_MAX_PPM)))
		*v = METRIC_NO_LIMIT;
	*v = MIN(*v, (uint64_t)cpus * 1000000);
	o->limits_have |= BIT(METRIC_CPU_MAX_PPM);
}

static void read_limits(struct sampler *s, struct one *o)
{
	static const struct {
		const char *file;
		enum metric metric;
	} files[] = {
		{ "memory.max", METRIC_MEMORY_MAX_BYTES },
		{ "memory.swap.max", METRIC_SWAP_MAX_BYTES },
		{ "pids.max", METRIC_PIDS_MAX },
		{ "cpu.max", METRIC_CPU_MAX_PPM },
	};
	_cleanup_close_ int dir = -1;
	char path[32];

	num_path(path, sizeof(path), "lxc/", o->vmid, "");
	(void)fs_open(s->base, path, O_PATH | O_DIRECTORY, &dir, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		take_limit(dir, files[i].file, files[i].metric, o);
	take_cpus(dir, o);
}

void sampler_frozen(struct sampler *s, uint32_t vmid, bool frozen)
{
	struct one *o = find(s, vmid);

	if (!o)
		return;
	o->limits[METRIC_FROZEN - METRIC_STATES] = frozen;
	o->new_limits = true;
}

static bool ran(const struct sample *now, const struct one *o)
{
	return now->v[METRIC_CPU_USAGE_USEC] != o->seen[SEEN_CPU] ||
	       !(now->have >> METRIC_CPU_USAGE_USEC & 1);
}

static bool waited(const struct sample *now, const struct one *o)
{
	return now->v[METRIC_PSI_IO_SOME_USEC] != o->seen[SEEN_IO] ||
	       now->v[METRIC_PSI_MEMORY_SOME_USEC] != o->seen[SEEN_MEMORY];
}

static void remember(struct one *o, const struct sample *now, bool all)
{
	o->seen[SEEN_CPU] = now->v[METRIC_CPU_USAGE_USEC];
	if (!all)
		return;
	o->seen[SEEN_IO] = now->v[METRIC_PSI_IO_SOME_USEC];
	o->seen[SEEN_MEMORY] = now->v[METRIC_PSI_MEMORY_SOME_USEC];
}

/*
 * 1: neither did it run nor wait for a disk or for memory; 0: it may have; -ENODEV. Who
 * waits has run to get there: where nothing waited at the last look and nothing ran since,
 * nothing waits now, and the two pressures need not be asked. They are now and then.
 */
static int look(struct sampler *s, struct one *o, struct sample *now)
{
	bool due = (s->stat.ticks + o->slot) % STALLS_EVERY == 0;
	int r = read_files(s, o, 0, 1, now);

	if (r < 0)
		return r;
	if (o->still && !due && !ran(now, o)) {
		remember(o, now, false);
		return 1;
	}
	r = read_files(s, o, 1, FIRST_FILES, now);
	if (r < 0)
		return r;
	o->still = o->n && !ran(now, o) && !waited(now, o);
	remember(o, now, true);
	return o->still;
}

static void put_net(const struct one *o, struct sample *io)
{
	for (size_t i = 0; i < NET_COUNTERS; i++)
		io->v[net_metrics[i]] = o->net[i];
	io->have |= NET_BITS;
}

/* Limits are as they were when they were last read. */
static void put_limits(struct sampler *s, struct one *o, uint64_t boot_usec)
{
	struct sample now = { .boot_usec = boot_usec };

	if (!o->n || (s->stat.ticks + o->slot) % LIMITS_EVERY == 0)
		read_limits(s, o);
	else if (!o->new_limits)
		return;
	now.have = o->limits_have;
	memcpy(&now.v[METRIC_STATES], o->limits, sizeof(o->limits));
	ring_set_state(s->ring, o->slot, &now);
	o->new_limits = false;
}

/* 0; -ENODEV: gone. */
static int sample_one(struct sampler *s, struct one *o, bool net, uint64_t real_offset,
		      struct sampler_report *report)
{
	struct sample now = { 0 };
	uint64_t tick = s->stat.ticks;
	bool due = !o->n || tick - o->full_tick >= FULL_EVERY;
	int still, r;

	now.boot_usec = s->now_boot_usec = clock_boot_usec();
	now.real_usec = now.boot_usec + real_offset;
	still = look(s, o, &now);
	if (still < 0)
		return still;
	now.quiet = still && !due;
	if (!now.quiet && (r = read_files(s, o, FIRST_FILES, CGSAMPLE_FILES, &now)) < 0)
		return r;
	/* not all of those that began together in the same tick */
	if (due)
		o->full_tick = o->n ? tick : tick - o->slot % FULL_EVERY;
	if (net && o->has_net)
		put_net(o, &now);
	put_limits(s, o, now.boot_usec);
	if (still)
		ring_hold(s->ring, o->slot, &now, now.quiet ? NET_BITS : ~STALL_BITS);
	else
		ring_add(s->ring, o->slot, &now);
	report->n_quiet += now.quiet;
	o->n++;
	report->n_sampled++;
	return 0;
}

/*
 * While the kernel makes the texts of one, what the next ones need comes from memory:
 * that it exists, then where its ring is, then where the ring's next row is.
 */
static void expect(const struct sampler *s, size_t i)
{
	const char *o = (const char *)s->v[(i + 3) % s->n];

	for (size_t off = 0; off < sizeof(struct one); off += 64)
		__builtin_prefetch(o + off, 1);
	ring_expect(s->ring, s->v[(i + 2) % s->n]->slot);
	ring_expect_row(s->ring, s->v[(i + 1) % s->n]->slot);
}

static void sample_all(struct sampler *s, bool net, uint64_t began_boot_usec,
		       struct sampler_report *report)
{
	uint64_t offset = clock_real_usec() - clock_boot_usec();
	size_t first = s->first < s->n ? s->first : 0;

	s->first = 0;
	for (size_t k = 0; k < s->n; k++) {
		size_t i = (first + k) % s->n;
		struct one *o = s->v[i];

		if (s->now_boot_usec > began_boot_usec + BUDGET_USEC) {
			report->n_skipped = s->n - k;
			s->first = i;
			break;
		}
		expect(s, i);
		if (!o->ended && sample_one(s, o, net, offset, report) < 0)
			o->ended = true;
		if (o->ended)
			s->ended[report->n_ended++] =
				(struct sampler_life){ o->vmid, o->life };
	}
	s->stat.skipped += report->n_skipped;
}

void sampler_tick(struct sampler *s, struct sampler_report *ret)
{
	struct sampler_report report = { .ended = s->ended };
	uint64_t now = clock_boot_usec(), last = s->tick_boot_usec;
	uint64_t half = SAMPLER_INTERVAL_USEC / 2;
	bool net;

	if (last && now > last + SAMPLER_INTERVAL_USEC + half)
		report.late = (now - last + half) / SAMPLER_INTERVAL_USEC - 1;
	s->stat.ticks++;
	s->stat.late_ticks += report.late;
	net = read_net(s);
	s->stat.net_known = net;
	sample_all(s, net, now, &report);
	s->tick_boot_usec = now;
	ring_beat(s->ring, now, SAMPLER_INTERVAL_USEC, s->stat.late_ticks);
	report.ended = s->ended;
	if (s->minute)
		minute_work(s->minute, MINUTE_USEC);
	report.took_usec = clock_boot_usec() - now;
	*ret = report;
}

size_t sampler_last(const struct sampler *s, uint32_t vmid, struct sample ret[static 2])
{
	const struct one *o = find(s, vmid);
	size_t n = 0;

	while (o && n < 2 && ring_get(s->ring, o->slot, n, &ret[n]))
		n++;
	return n;
}

bool sampler_span(const struct sampler *s, uint32_t vmid, uint64_t back,
		  struct sample *ret_old, struct sample *ret_new)
{
	const struct one *o = find(s, vmid);

	return o && o->n > back && ring_get(s->ring, o->slot, 0, ret_new) &&
	       ring_get(s->ring, o->slot, back, ret_old) &&
	       ret_new->boot_usec + 3 * SAMPLER_INTERVAL_USEC > clock_boot_usec();
}

void sampler_stat(const struct sampler *s, struct sampler_stat *ret)
{
	*ret = s->stat;
	ret->n = s->n;
}
