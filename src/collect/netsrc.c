/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/cgsrc.h"
#include "collect/collector.h"
#include "collect/confsrc.h"
#include "read/nlparse.h"
#include "read/nlwatch.h"
#include "read/procfs.h"
#include "read/procnet.h"

/*
 * veth<id>i<n> of the node, by notification: up is what carries, which the guest decides
 * as much as the node. Addresses inside come from /proc/<init>/net, which nobody tells
 * of: looked at often after a start, and then in turn, so many in each round: what they
 * cost has a bound, whatever the number of containers.
 */
#define SETTLE_USEC  (1 * USEC_PER_SEC)    /* a link that flaps is told once a second */
#define AGAIN_USEC   (200 * USEC_PER_MSEC) /* before all links are asked for again */
#define SAY_USEC     (10 * USEC_PER_SEC)   /* that notifications were lost */
#define TURNS_USEC   (10 * USEC_PER_SEC) /* between looks, from which they are in turn */
#define ROUND_ADDRS  32 /* containers whose addresses are looked at in a round */
#define MAX_ADDRS    32
#define NET_FILE_MAX ((size_t)1 << 20)

struct veth {
	uint32_t vmid, n, ifindex, peer; /* peer: its index inside; 0: not known */
	char name[NETIF_NAME_MAX + 1];
	bool up, told_up, gone;
	uint64_t told_boot_usec, due_boot_usec, generation;
};

struct ctnet {
	uint32_t vmid;
	uint64_t life, started_boot_usec, due_boot_usec, step_usec;
	uint64_t carrier_boot_usec; /* when the first of a life was told, of this or one
				       before */
	struct procnet net;         /* as told */
	bool address_told, looked, unseen;
};

struct netsrc {
	int fd;
	struct loop_io *io;
	struct veth *v;
	size_t n, cap;
	struct ctnet *cts;
	size_t n_cts, cap_cts;
	uint64_t generation; /* of the answer to nlwatch_ask() that is coming in */
	size_t rounds;       /* since all links were asked for */
	size_t turn;         /* in cts: whose addresses are looked at next */
	bool dumping, began;
	bool torn; /* the answer is not whole, or older than a loss: asked again after it
		    */
	uint64_t ask_boot_usec; /* all links are asked for then; 0: they are not */
	uint64_t lost, said_boot_usec;
};

static struct ctnet *find_ct(struct netsrc *s, uint32_t vmid)
{
	for (size_t i = 0; i < s->n_cts; i++)
		if (s->cts[i].vmid == vmid)
			return &s->cts[i];
	return NULL;
}

static struct ctnet *get_ct(struct netsrc *s, uint32_t vmid)
{
	struct ctnet *ct = find_ct(s, vmid);

	if (ct)
		return ct;
	GROW(s->cts, s->n_cts, s->cap_cts);
	ct = &s->cts[s->n_cts++];
	*ct = (struct ctnet){ .vmid = vmid };
	return ct;
}

/* When its life began. 0: it is down, or ran before the collector did. */
static uint64_t began_at(struct collector *c, uint32_t vmid)
{
	const struct lc_ct *ct = lc_find(&c->lc, vmid);
	uint64_t began;

	if (!ct || ct->phase == LC_DOWN)
		return 0;
	began = ct->prestart.boot_usec ? ct->prestart.boot_usec : ct->up.boot_usec;
	return began < c->started_boot_usec ? 0 : began;
}

/* For the timeline of a start: since it began; the first of its life. */
static void timeline(struct collector *c, struct jw *w, uint32_t vmid, uint64_t now,
		     bool first)
{
	uint64_t began = began_at(c, vmid);

	if (!began || now < began)
		return;
	if (first)
		jw_bool(w, "first", true);
	jw_int(w, "since_start_usec", now - began);
}

/* ---- links --------------------------------------------------------------------------
 */

/*
 * The kernel says that a link is up, and when we are late, that its container began, both
 * at once: the link is of that life.
 */
static void look_for_life(struct collector *c, uint32_t vmid)
{
	const struct lc_ct *ct = lc_find(&c->lc, vmid);

	if (!ct || ct->phase == LC_DOWN)
		cgsrc_look(c, vmid);
}

/* Its start may not be told yet: init has its network before it executes its program. */
static bool is_first_carrier(struct collector *c, uint32_t vmid, uint64_t now)
{
	uint64_t began = began_at(c, vmid);
	struct ctnet *ct = get_ct(c->net, vmid);

	if (!began || ct->carrier_boot_usec >= began)
		return false;
	ct->carrier_boot_usec = now;
	return true;
}

static void tell_link(struct collector *c, struct veth *v)
{
	struct lc_time now = collector_now();
	char net[16];
	struct event *e;
	struct data d;

	if (v->up)
		look_for_life(c, v->vmid);
	v->told_up = v->up;
	v->told_boot_usec = now.boot_usec;
	v->due_boot_usec = 0;
	e = collector_event(c, v->up ? EVENT_INTERFACE_UP : EVENT_INTERFACE_DOWN,
			    ORIGIN_NETWORK, v->vmid, now);
	collector_id(c, e, v->name, now.boot_usec);
	if (!data_open(&d))
		return;
	jw_str(d.w, "interface", v->name);
	snprintf(net, sizeof(net), "net%u", v->n);
	jw_str(d.w, "net", net);
	if (v->gone)
		jw_bool(d.w, "removed", true);
	if (v->up)
		timeline(c, d.w, v->vmid, now.boot_usec,
			 is_first_carrier(c, v->vmid, now.boot_usec));
	data_close(&d, &e->data);
}

/* What it is now differs from what was told: at once, unless it flaps. */
static void settle_link(struct collector *c, struct veth *v, uint64_t now)
{
	if (v->up == v->told_up)
		v->due_boot_usec = 0;
	else if (!v->told_boot_usec || now >= v->told_boot_usec + SETTLE_USEC)
		tell_link(c, v);
	else
		v->due_boot_usec = v->told_boot_usec + SETTLE_USEC;
}

static struct veth *find_veth(struct netsrc *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->v[i].name, name))
			return &s->v[i];
	return NULL;
}

static bool veth_number(const char *name, uint32_t *ret)
{
	const char *i = strrchr(name, 'i');

	return i && num_parse_u32(span_str(i + 1), ret) == 0;
}

static void take_link(struct collector *c, const struct netif *i)
{
	struct netsrc *s = c->net;
	uint32_t vmid, n = 0;
	struct veth *v;

	if (!procfs_veth_vmid(span_of((const char *)i->name, i->name_n), &vmid) ||
	    !veth_number((const char *)i->name, &n))
		return;
	v = find_veth(s, (const char *)i->name);
	if (!v) {
		if (i->gone)
			return;
		GROW(s->v, s->n, s->cap);
		v = &s->v[s->n++];
		*v = (struct veth){ .vmid = vmid, .n = n };
		snprintf(v->name, sizeof(v->name), "%s", (const char *)i->name);
		/* what was up before we began is no news */
		if (!s->began)
			v->told_up = i->carrier && i->up;
	} else if (i->gone && v->ifindex != i->ifindex) {
		return; /* the one before it, of the same name */
	} else if (v->ifindex != i->ifindex) {
		/* another one of that name, as after a restart: that is no flapping */
		v->gone = true;
		v->up = false;
		if (v->told_up)
			tell_link(c, v);
		v->told_boot_usec = 0;
	}
	v->ifindex = i->ifindex;
	if (!i->gone)
		v->peer = i->link;
	v->generation = s->generation;
	v->gone = i->gone;
	v->up = !i->gone && i->carrier && i->up;
	settle_link(c, v, clock_boot_usec());
}

static void drop_gone(struct netsrc *s)
{
	size_t w = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!s->v[i].gone || s->v[i].due_boot_usec)
			s->v[w++] = s->v[i];
	s->n = w;
}

static void ask(struct netsrc *s)
{
	if (s->dumping || nlwatch_ask(s->fd) < 0)
		return;
	s->generation++;
	s->dumping = true;
	s->torn = false;
	s->ask_boot_usec = 0;
}

/*
 * All links were told: what is not among them is no more. Not so of an answer during
 * which the kernel's list changed (NLM_F_DUMP_INTR), or before the end of which something
 * was lost: what it tells holds, what it does not tell may be there.
 */
static void dump_done(struct collector *c)
{
	struct netsrc *s = c->net;

	s->dumping = false;
	if (s->torn) {
		s->ask_boot_usec = clock_boot_usec() + AGAIN_USEC;
		return;
	}
	s->began = true;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].generation == s->generation)
			continue;
		s->v[i].gone = true;
		s->v[i].up = false;
		settle_link(c, &s->v[i], clock_boot_usec());
	}
	drop_gone(s);
}

static void on_socket(void *arg, uint32_t events)
{
	struct collector *c = arg;
	struct netsrc *s = c->net;
	int r = 0;

	(void)events;
	for (size_t k = 0; k < 64; k++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		struct netifs l = { 0 };
		struct nl_status st = { 0 };

		r = nlwatch_read(s->fd, &b);
		if (r < 0)
			break;
		(void)netlink_parse_link_changes(span_of(b.p, b.n), 1 << 16, &l, &st,
						 NULL);
		for (size_t i = 0; i < l.n; i++)
			take_link(c, &l.v[i]);
		free(l.v);
		s->torn |= st.interrupted || st.error;
		if ((st.done || st.error) && s->dumping)
			dump_done(c);
	}
	drop_gone(s);
	if (r == -ENOBUFS) {
		s->lost++;
		s->torn = true;
		if (!s->dumping)
			s->ask_boot_usec = clock_boot_usec();
	}
	collector_settle(c);
}

/* ---- addresses ----------------------------------------------------------------------
 */

/* netN: name=<name> */
static bool is_configured(const struct pveconf *conf, uint32_t n, struct tbytes name)
{
	const struct pveconf_item *i;
	struct span rest, part;
	char key[16];

	snprintf(key, sizeof(key), "net%u", n);
	i = pveconf_item(&conf->main, key);
	rest = i ? span_of(i->value, i->value_n) : (struct span){ 0 };
	while (name.p && span_cut(&rest, ',', &part))
		if (span_skip(&part, "name=") && part.n == name.n &&
		    memcmp(part.p, name.p, name.n) == 0)
			return true;
	return false;
}

/*
 * The node's end of an interface inside: the kernel names the other end by its index;
 * else the config names the interface.
 */
static const struct veth *veth_of(struct collector *c, uint32_t vmid,
				  const struct procnet_addr *a)
{
	struct tbytes name = procnet_bytes(&a->interface);
	const struct pveconf *conf;

	for (size_t i = 0; i < c->net->n; i++) {
		const struct veth *v = &c->net->v[i];

		if (v->vmid != vmid || v->gone)
			continue;
		if (v->peer && a->ifindex) {
			if (v->peer == a->ifindex)
				return v;
		} else if ((conf = confsrc_get(c, vmid)) &&
			   is_configured(conf, v->n, name)) {
			return v;
		}
	}
	return NULL;
}

static void tell_address(struct collector *c, struct ctnet *ct,
			 const struct procnet_addr *a, bool added)
{
	struct lc_time now = collector_now();
	struct event *e =
		collector_event(c, EVENT_ADDRESS, ORIGIN_NETWORK, ct->vmid, now);
	const struct veth *v = veth_of(c, ct->vmid, a);
	char net[16];
	struct data d;

	e->life = ct->life;
	e->inferred = ct->unseen;
	snprintf(e->id, sizeof(e->id), "%.8s-%u-%ju-addr-%jx-%zx", c->boot, ct->vmid,
		 (uintmax_t)ct->life, (uintmax_t)now.boot_usec, c->now.n_events);
	if (!data_open(&d))
		return;
	jw_str(d.w, "change", added ? "added" : "removed");
	jw_str(d.w, "address", a->text);
	jw_text(d.w, "interface", procnet_bytes(&a->interface));
	if (v) {
		snprintf(net, sizeof(net), "net%u", v->n);
		jw_str(d.w, "net", net);
		jw_str(d.w, "host_interface", v->name);
	}
	if (added && !ct->net.n_addrs && !ct->address_told) {
		ct->address_told = true;
		timeline(c, d.w, ct->vmid, now.boot_usec, true);
	}
	data_close(&d, &e->data);
}

static const struct procnet_addr *find_addr(const struct procnet *p, const char *text)
{
	for (size_t i = 0; i < p->n_addrs; i++)
		if (str_eq(p->addrs[i].text, text))
			return &p->addrs[i];
	return NULL;
}

/* A file of proc/<init>/net. */
struct netfile {
	const char *name;
	void (*parse)(struct span, size_t, struct procnet *);
	bool needed;
};

static int read_netfiles(struct collector *c, pid_t init, const struct netfile *v,
			 size_t n, struct procnet *ret)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		char path[64];
		int r;

		snprintf(path, sizeof(path), "proc/%d/net/%s", init, v[i].name);
		r = fs_read_file(c->rootfd, path, NET_FILE_MAX, &b, NULL);
		if (r >= 0)
			v[i].parse(span_of(b.p, b.n), MAX_ADDRS, ret);
		else if (v[i].needed)
			return r;
	}
	return 0;
}

static bool has_all(const struct procnet *p, const struct procnet *of)
{
	for (size_t i = 0; i < of->n_addrs; i++)
		if (!find_addr(p, of->addrs[i].text))
			return false;
	return true;
}

/* 1: the same as ever, `ret` has no interfaces then: most looks find that. */
static int read_addrs(struct collector *c, pid_t init, const struct ctnet *ct,
		      struct procnet *ret)
{
	static const struct netfile addrs[] = {
		{ "fib_trie", procnet_parse_fib_trie, true },
		{ "if_inet6", procnet_parse_if_inet6, false }, /* no IPv6 */
	}, names[] = {
		{ "route", procnet_parse_route, false },
		{ "igmp", procnet_parse_igmp, false },
	};
	int r = read_netfiles(c, init, addrs, ARRAY_SIZE(addrs), ret);

	if (r < 0)
		return r;
	if (ct->looked && has_all(ret, &ct->net) && has_all(&ct->net, ret))
		return 1;
	r = read_netfiles(c, init, names, ARRAY_SIZE(names), ret);
	if (r == 0)
		procnet_name_addrs(ret);
	return r;
}

static void look_addrs(struct collector *c, struct ctnet *ct, const struct lc_ct *life)
{
	_cleanup_(procnet_done) struct procnet now = { 0 };
	bool news;

	if (!cgsrc_is_alive(c, life) || read_addrs(c, life->init, ct, &now) != 0 ||
	    !cgsrc_is_alive(c, life))
		return;
	/* what an earlier collector found is no news; else nobody saw when it came */
	news = ct->looked || !life->restored;
	ct->unseen = !ct->looked && life->up.boot_usec < c->started_boot_usec;
	ct->looked = true;
	for (size_t i = 0; news && i < now.n_addrs; i++)
		if (!find_addr(&ct->net, now.addrs[i].text))
			tell_address(c, ct, &now.addrs[i], true);
	for (size_t i = 0; i < ct->net.n_addrs; i++)
		if (!find_addr(&now, ct->net.addrs[i].text))
			tell_address(c, ct, &ct->net.addrs[i], false);
	procnet_done(&ct->net);
	ct->net = now;
	now = (struct procnet){ 0 };
}

void netsrc_started(struct collector *c, const struct lc_ct *life)
{
	struct netsrc *s = c->net;
	struct ctnet *ct;

	if (!s)
		return;
	ct = get_ct(s, life->vmid);
	procnet_done(&ct->net);
	*ct = (struct ctnet){ .vmid = life->vmid,
			      .carrier_boot_usec = ct->carrier_boot_usec,
			      .life = life->life,
			      .started_boot_usec = clock_boot_usec(),
			      .step_usec = 100 * USEC_PER_MSEC };
	ct->due_boot_usec = ct->started_boot_usec + ct->step_usec;
}

static bool has_veth(const struct netsrc *s, uint32_t vmid)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].vmid == vmid)
			return true;
	return false;
}

/* One that shares the node's network has the node's addresses. */
static bool may_look(struct collector *c, const struct lc_ct *life)
{
	return life && life->phase == LC_UP && life->init && has_veth(c->net, life->vmid);
}

/* 0.1 s after the start, then ever more seldom, until it is looked at in its turn. */
static void due_addrs(struct collector *c, struct ctnet *ct, uint64_t now)
{
	const struct lc_ct *life = lc_find(&c->lc, ct->vmid);

	ct->due_boot_usec = 0;
	if (!life || life->phase == LC_DOWN)
		return;
	ct->step_usec = ct->step_usec * 3 / 2;
	if (ct->step_usec < TURNS_USEC)
		ct->due_boot_usec = now + ct->step_usec;
	if (may_look(c, life))
		look_addrs(c, ct, life);
}

/* Of those that run for a while the next ones, each at most once. */
static void look_in_turn(struct collector *c)
{
	struct netsrc *s = c->net;

	for (size_t i = 0, looked = 0; i < s->n_cts && looked < ROUND_ADDRS; i++) {
		struct ctnet *ct = &s->cts[s->turn++ % s->n_cts];
		const struct lc_ct *life;

		if (ct->due_boot_usec)
			continue;
		life = lc_find(&c->lc, ct->vmid);
		if (!may_look(c, life))
			continue;
		look_addrs(c, ct, life);
		looked++;
	}
}

/* Guests can make links flap as fast as they like. */
static void tell_lost(struct collector *c, uint64_t now)
{
	struct netsrc *s = c->net;

	if (!s->lost || (s->said_boot_usec && now < s->said_boot_usec + SAY_USEC))
		return;
	collector_say(c, "lost",
		      "rtnetlink: notifications were lost, all links are read again",
		      s->lost);
	s->said_boot_usec = now;
	s->lost = 0;
}

uint64_t netsrc_due(struct collector *c, struct lc_time now)
{
	struct netsrc *s = c->net;
	uint64_t next = 0;

	if (s && s->fd >= 0) {
		tell_lost(c, now.boot_usec);
		if (s->ask_boot_usec && s->ask_boot_usec <= now.boot_usec)
			ask(s);
		next = s->ask_boot_usec;
	}

	for (size_t i = 0; s && i < s->n; i++) {
		struct veth *v = &s->v[i];

		if (v->due_boot_usec && v->due_boot_usec <= now.boot_usec)
			settle_link(c, v, now.boot_usec);
		if (v->due_boot_usec && (!next || v->due_boot_usec < next))
			next = v->due_boot_usec;
	}
	for (size_t i = 0; s && i < s->n_cts; i++) {
		struct ctnet *ct = &s->cts[i];

		if (ct->due_boot_usec && ct->due_boot_usec <= now.boot_usec)
			due_addrs(c, ct, now.boot_usec);
		if (ct->due_boot_usec && (!next || ct->due_boot_usec < next))
			next = ct->due_boot_usec;
	}
	return next;
}

void netsrc_reconcile(struct collector *c)
{
	struct netsrc *s = c->net;

	if (!s || s->fd < 0)
		return;
	/*
	 * A loss is told by the socket; this is for what nobody thought of. The more links
	 * the more seldom: for each the kernel looks for its peer in all namespaces.
	 */
	if (++s->rounds > s->n / ROUND_ADDRS) {
		s->rounds = 0;
		ask(s);
	}
	look_in_turn(c);
}

int netsrc_open(struct collector *c, struct err *err)
{
	struct netsrc *s = xcalloc(1, sizeof(*s));
	struct err why = { 0 };

	(void)err;
	c->net = s;
	s->fd = -1;
	if (!c->o->live || c->settings.collect.network.kind != VAL_SET)
		return 0;
	if (nlwatch_open(&s->fd, &why) < 0) {
		if (c->o->live)
			loop_log(c->loop, 4, "net", "links are not watched: %s", why.msg);
		return 0;
	}
	s->io = loop_add_io(c->loop, s->fd, EPOLLIN, false, on_socket, c);
	ask(s);
	return 0;
}

void netsrc_close(struct collector *c)
{
	struct netsrc *s = c->net;

	if (!s)
		return;
	loop_del_io(s->io);
	if (s->fd >= 0)
		close(s->fd);
	for (size_t i = 0; i < s->n_cts; i++)
		procnet_done(&s->cts[i].net);
	free(s->cts);
	free(s->v);
	free(s);
	c->net = NULL;
}
