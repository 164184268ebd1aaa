/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queueing disciplines, classes, filters: their messages of read/nlparse.h. */
#include <linux/gen_stats.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "read/nlparse.h"
#include "read/nlwalk.h"

/* The 32-bit rate is full where it does not fit; the 64-bit one is there only then. */
static void set_rate(struct netqdisc *q, uint64_t rate)
{
	if (rate && (q->rate_bytes_per_sec.kind == VAL_ABSENT || rate > UINT32_MAX))
		q->rate_bytes_per_sec = val_set(rate);
}

/* Where htb and police have their rate: `rate.rate` of a struct, and one of 64 bits. */
struct rate_attrs {
	uint16_t opt, rate64;
	size_t size, at;
};

static const struct rate_attrs htb = {
	TCA_HTB_PARMS,
	TCA_HTB_RATE64,
	sizeof(struct tc_htb_opt),
	offsetof(struct tc_htb_opt, rate.rate),
};

static const struct rate_attrs police = {
	TCA_POLICE_TBF,
	TCA_POLICE_RATE64,
	sizeof(struct tc_police),
	offsetof(struct tc_police, rate.rate),
};

static int rate_options(struct span s, const struct rate_attrs *in, struct netqdisc *q)
{
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&s, &a)) > 0) {
		uint64_t rate64 = 0;
		uint32_t rate = 0;

		if (a.type == in->opt && a.v.n < in->size)
			return -EINVAL;
		if (a.type == in->opt)
			memcpy(&rate, a.v.p + in->at, sizeof(rate));
		else if (a.type == in->rate64)
			r = nlwalk_get(a.v, &rate64, sizeof(rate64));
		if (r < 0)
			break;
		set_rate(q, MAX(rate, rate64));
	}
	return r;
}

/* struct gnet_stats_queue: qlen, backlog, drops, ... */
static int stats2(struct span s, struct netqdisc *q)
{
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&s, &a)) > 0) {
		uint32_t queue[3];

		if (a.type != TCA_STATS_QUEUE)
			continue;
		r = nlwalk_get(a.v, queue, sizeof(queue));
		if (r < 0)
			break;
		q->drops = val_set(queue[2]);
	}
	return r;
}

/* The older struct: a filter with the old police attribute has only this. */
static int stats1(struct span v, struct netqdisc *q)
{
	struct tc_stats st;
	int r = nlwalk_get(v, &st, offsetof(struct tc_stats, overlimits));

	if (r == 0)
		q->drops = val_set(st.drops);
	return r;
}

/* One of the numbered actions of a filter. */
static int action(struct span s, struct netqdisc *q)
{
	struct span options = { 0 }, stats = { 0 };
	char kind[NETIF_KIND_MAX + 1] = "";
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&s, &a)) > 0) {
		if (a.type == TCA_ACT_KIND)
			nlwalk_kind(a.v, kind);
		else if (a.type == TCA_ACT_OPTIONS)
			options = a.v;
		else if (a.type == TCA_ACT_STATS)
			stats = a.v;
	}
	if (r < 0 || !str_eq(kind, "police"))
		return r;
	r = rate_options(options, &police, q);
	return r < 0 ? r : stats2(stats, q);
}

static int actions(struct span s, struct netqdisc *q)
{
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&s, &a)) > 0) {
		r = action(a.v, q);
		if (r < 0)
			break;
	}
	return r;
}

/*
 * Where a filter of that kind keeps its police action: `police` on tc's command line
 * makes the old attribute, `action police` the new one. PVE 7 and later use basic, older
 * ones u32.
 */
static int filter_options(struct span s, struct netqdisc *q)
{
	static const struct {
		const char *kind;
		uint16_t police, actions;
	} kinds[] = {
		{ "basic", TCA_BASIC_POLICE, TCA_BASIC_ACT },
		{ "u32", TCA_U32_POLICE, TCA_U32_ACT },
		{ "matchall", 0, TCA_MATCHALL_ACT },
	};
	struct nlwalk_attr a;
	size_t k = 0;
	int r;

	while (k < ARRAY_SIZE(kinds) && !str_eq(kinds[k].kind, q->kind))
		k++;
	if (k == ARRAY_SIZE(kinds))
		return 0;
	while ((r = nlwalk_next(&s, &a)) > 0) {
		if (a.type && a.type == kinds[k].police)
			r = rate_options(a.v, &police, q);
		else if (a.type == kinds[k].actions)
			r = actions(a.v, q);
		if (r < 0)
			break;
	}
	return r;
}

static int qdisc_attrs(uint16_t type, struct span body, struct netqdisc *q)
{
	struct span options = { 0 };
	struct nlwalk_attr a;
	int r;

	while ((r = nlwalk_next(&body, &a)) > 0) {
		if (a.type == TCA_KIND)
			nlwalk_kind(a.v, q->kind);
		else if (a.type == TCA_OPTIONS)
			options = a.v;
		else if (a.type == TCA_STATS2)
			r = stats2(a.v, q);
		else if (a.type == TCA_STATS)
			r = stats1(a.v, q);
		if (r < 0)
			break;
	}
	if (r < 0)
		return r;
	if (type == RTM_NEWTCLASS && str_eq(q->kind, "htb"))
		return rate_options(options, &htb, q);
	return type == RTM_NEWTFILTER ? filter_options(options, q) : 0;
}

static int qdisc_message(uint16_t type, struct span body, size_t max, void *io)
{
	struct netqdiscs *l = io;
	struct netqdisc q;
	struct tcmsg m;
	int r;

	if (type != RTM_NEWQDISC && type != RTM_NEWTCLASS && type != RTM_NEWTFILTER)
		return 0;
	r = nlwalk_get(body, &m, sizeof(m));
	if (r < 0)
		return r;
	if (l->n >= max) {
		l->more++;
		return 0;
	}
	nlwalk_cut(&body, sizeof(m));
	q = (struct netqdisc){
		.ifindex = m.tcm_ifindex > 0 ? (uint32_t)m.tcm_ifindex : 0,
		.handle = m.tcm_handle,
		.parent = m.tcm_parent,
	};
	r = qdisc_attrs(type, body, &q);
	if (r < 0)
		return r;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = q;
	return 0;
}

int netlink_parse_qdiscs(struct span bytes, size_t max, struct netqdiscs *io,
			 struct nl_status *st, struct err *err)
{
	return nlwalk_messages(bytes, qdisc_message, max, io, st, err);
}
