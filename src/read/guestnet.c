/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestnet.h"

#include "base/fs.h"
#include "base/num.h"
#include <pveconf.h> /* of include/ */
#include "read/dhcplease.h"
#include "read/resolvconf.h"

#define MSEC       500
#define MAX_RESOLV (64U << 10)
#define MAX_LEASES (64U << 10) /* of a log of them the end counts */

/* Where they are, behind item 0: the list that finds them, and what they are. */
static const struct place {
	const char *dir, *pattern;
	enum dhcp_client client;
} places[] = {
	{ "/run/systemd/netif/leases", "[1-9]*", DHCP_NETWORKD },
	{ "/var/lib/dhcp", "dhclient*.lease*", DHCP_DHCLIENT },
	{ "/var/lib/dhclient", "dhclient*.lease*", DHCP_DHCLIENT },
	{ "/var/lib/NetworkManager", "*.lease", DHCP_NETWORKMANAGER },
	{ "/var/lib/dhcpcd", "*.lease", DHCP_DHCPCD },
};

void guestnet_done(struct guestnet *g)
{
	dhcp_leases_done(&g->leases);
	guestread_answers_done(&g->looked);
	guestread_answers_done(&g->files);
	strv_done(&g->host_texts);
	free(g->texts);
	*g = (struct guestnet){ 0 };
}

static int ask(int rootfd, const struct guestread_target *target,
	       struct guestread_item *items, size_t n, struct guestread_answers *ret,
	       struct err *err)
{
	_cleanup_(buf_done) struct buf program = { 0 };
	struct guestread_job job = {
		.target = *target,
		.request = { .v = items, .n = n, .deadline_msec = MSEC },
	};
	int r;

	guestread_program(rootfd, &program);
	r = guestread_ask(rootfd, buf_str(&program), &job, err);
	*ret = job.answers;
	job.answers = (struct guestread_answers){ 0 };
	guestread_job_done(&job);
	return r;
}

static struct span data_of(const struct guestread_answer *a)
{
	return span_of((const char *)a->data.p, a->data.n);
}

static void take_resolver(const struct guestread_answer *a, struct guestnet *io)
{
	if (a->why == GUESTREAD_OK) {
		resolvconf_parse(data_of(a), &io->resolver);
		io->resolver_known = true;
	} else if (a->why != GUESTREAD_ABSENT) {
		io->resolver_error = guestread_why_text(a->why);
	}
}

/* A file with leases that the first request found. */
struct found {
	const struct place *place;
	struct tbytes name;
	char *path;
};

struct founds {
	struct found v[GUESTNET_MAX_LEASES];
	size_t n;
	uint64_t more;
};

static void founds_done(struct founds *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].path);
}

static void find(const struct guestread_answer *a, const struct place *p,
		 struct founds *io)
{
	for (size_t i = 0; i < a->n_entries; i++) {
		struct tbytes name = a->entries[i].name;

		if (io->n >= GUESTNET_MAX_LEASES) {
			io->more++;
			continue;
		}
		io->v[io->n++] = (struct found){
			.place = p,
			.name = name,
			.path = xasprintf("%s/%.*s", p->dir, (int)name.n,
					  (const char *)name.p),
		};
	}
}

/* "eth0.lease", "internal-<uuid>-eth0.lease": the interface; a uuid has 36 letters. */
static struct tbytes interface_of(const struct found *f)
{
	struct span s = span_of((const char *)f->name.p, f->name.n);
	struct span rest;

	if (!span_ends(s, ".lease"))
		return (struct tbytes){ 0 };
	s.n -= strlen(".lease");
	if (f->place->client == DHCP_DHCPCD)
		return span_tbytes(s);
	if (!span_cut(&s, '-', &rest) || s.n <= 37 || s.p[36] != '-')
		return (struct tbytes){ 0 };
	return span_tbytes(span_of(s.p + 37, s.n - 37));
}

static void add(struct guestnet *io, const struct dhcp_lease *l)
{
	GROW(io->leases.v, io->leases.n, io->leases.cap);
	io->leases.v[io->leases.n++] = *l;
}

static void take_one(const struct found *f, const struct guestread_answer *a,
		     struct dhcp_texts *texts, struct guestnet *io)
{
	struct val written = { 0 };
	struct dhcp_lease l;
	uint32_t ifindex;
	int r;

	if (a->st.ino)
		written = val_set(a->st.mtime_real_usec);
	if (f->place->client == DHCP_DHCLIENT ||
	    span_starts(span_of((const char *)f->name.p, f->name.n), "dhclient")) {
		dhcplease_parse_dhclient(data_of(a), GUESTNET_MAX_LEASES, &io->leases);
		return;
	}
	r = f->place->client == DHCP_DHCPCD
		    ? dhcplease_parse_packet(data_of(a), written, texts, &l)
		    : dhcplease_parse_keys(data_of(a), written, &l);
	if (r < 0)
		return;
	l.client = f->place->client;
	l.interface = interface_of(f);
	if (l.client == DHCP_NETWORKD &&
	    num_parse_u32(span_of((const char *)f->name.p, f->name.n), &ifindex) == 0)
		l.ifindex = ifindex;
	add(io, &l);
}

static int read_leases(int rootfd, const struct guestread_target *target,
		       const struct founds *l, struct guestnet *io, struct err *err)
{
	struct guestread_item items[GUESTNET_MAX_LEASES] = { 0 };
	int r;

	for (size_t i = 0; i < l->n; i++)
		items[i] = (struct guestread_item){ .op = GUESTREAD_FILE,
						    .path = l->v[i].path,
						    .max_bytes = MAX_LEASES,
						    .cross = true,
						    .newest = true };
	r = ask(rootfd, target, items, l->n, &io->files, err);
	io->texts = xcalloc(l->n, sizeof(*io->texts));
	for (size_t i = 0; i < io->files.n && i < l->n; i++)
		if (io->files.v[i].why == GUESTREAD_OK)
			take_one(&l->v[i], &io->files.v[i], &io->texts[i], io);
	return r;
}

int guestnet_read(int rootfd, const struct guestread_target *target, struct guestnet *ret,
		  struct err *err)
{
	struct guestread_item items[1 + ARRAY_SIZE(places)] = {
		{ .op = GUESTREAD_FILE,
		  .path = "/etc/resolv.conf",
		  .max_bytes = MAX_RESOLV,
		  .cross = true },
	};
	_cleanup_(founds_done) struct founds found = { 0 };
	struct guestnet g = { 0 };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		items[1 + i] =
			(struct guestread_item){ .op = GUESTREAD_LIST,
						 .path = places[i].dir,
						 .pattern = places[i].pattern,
						 .max_entries = GUESTNET_MAX_LEASES,
						 .cross = true };
	r = ask(rootfd, target, items, ARRAY_SIZE(items), &g.looked, err);
	if (g.looked.n)
		take_resolver(&g.looked.v[0], &g);
	for (size_t i = 0; i < ARRAY_SIZE(places) && 1 + i < g.looked.n; i++)
		find(&g.looked.v[1 + i], &places[i], &found);
	if (r == 0 && found.n)
		r = read_leases(rootfd, target, &found, &g, err);
	g.leases_known = r == 0;
	g.leases.more += found.more;
	*ret = g;
	return r;
}

/* ---- what the node asks for in its place ---- */

static int read_host_one(int rootfd, uint32_t vmid, const char *name, int family,
			 struct guestnet *io, struct err *err)
{
	_cleanup_free_ char *path =
		xasprintf("var/lib/lxc/%u/hook/dhclient%d-%s.leases", vmid, family, name);
	_cleanup_(buf_done) struct buf b = { 0 };
	size_t first = io->leases.n;
	uint64_t start;
	int r = fs_read_tail(rootfd, path, MAX_LEASES, &b, &start, err);

	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : err_wrap(err, r, "/%s", path);
	dhcplease_parse_dhclient(span_of(b.p, b.n), GUESTNET_MAX_LEASES, &io->leases);
	for (size_t i = first; i < io->leases.n; i++)
		io->leases.v[i].client = DHCP_HOST_DHCLIENT;
	if (b.p)
		strv_add(&io->host_texts, take_ptr(b.p));
	return 0;
}

/* PVE takes letters, digits and -_. for one, which is no path. */
static bool is_file_name(const char *name)
{
	return *name && !strchr(name, '/');
}

int guestnet_read_host(int rootfd, uint32_t vmid, const struct pveconf *conf,
		       struct guestnet *io, struct err *err)
{
	const struct pve_typed *t = &conf->typed;
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n_nets; i++) {
		const struct pve_net *n = &t->nets[i];

		if (!n->host_managed || !is_file_name(n->name))
			continue;
		if (str_eq(n->ip, "dhcp"))
			r = read_host_one(rootfd, vmid, n->name, 4, io, err);
		if (r == 0 && str_eq(n->ip6, "dhcp"))
			r = read_host_one(rootfd, vmid, n->name, 6, io, err);
	}
	return r;
}
