/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tmproot.h"

#include "read/facts.h"
#include "read/hostpath.h"
#include "read/pveconf.h"
#include "read/storage.h"
#include "read/waivers.h"
#include "rule/rule.h"
#include "rule/waive.h"

/* What `pct create` makes; what the reference case is. */
#define DEFAULT                                                                          \
	"arch: amd64\nfeatures: nesting=1\nhostname: ok\nmemory: 512\n"                  \
	"net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth\n"      \
	"ostype: debian\nrootfs: local-lvm:vm-100-disk-0,size=8G\nswap: 512\n"           \
	"unprivileged: 1\n"
#define REFERENCE                                                                        \
	"arch: amd64\nfeatures: nesting=1\nhostname: ref\nmemory: 512\n"                 \
	"mp0: /var/run/docker.sock,mp=/var/run/docker.sock\nostype: debian\n"            \
	"rootfs: local-lvm:vm-100-disk-0,size=8G\nswap: 512\n"                           \
	"lxc.apparmor.profile: unconfined\n"

/* Containers 101, 102, ... with these configs; NULL: one that cannot be read. */
struct node {
	struct ct cts[8];
	struct pveconf confs[8];
	struct facts facts;
	struct rule_in in;
	struct findings found;
};

static void node_make(struct node *n, const char *const *texts, size_t count)
{
	*n = (struct node){ .facts = { .cts = n->cts, .n_cts = count },
			    .in = { .facts = &n->facts, .today = 20261121 } };
	for (size_t i = 0; i < count; i++) {
		struct err err = { 0 };

		n->cts[i].vmid = 101 + (uint32_t)i;
		n->cts[i].here = true;
		if (!texts[i])
			continue;
		CHECK(pveconf_parse(texts[i], strlen(texts[i]), n->cts[i].vmid,
				    &n->confs[i], &err) == 0,
		      "%s", err.msg);
		n->cts[i].conf = &n->confs[i];
	}
}

static void node_done(struct node *n)
{
	findings_done(&n->found);
	for (size_t i = 0; i < ARRAY_SIZE(n->confs); i++)
		pveconf_done(&n->confs[i]);
}

#define NODE(name, ...)                                                                  \
	_cleanup_(node_done) struct node name;                                           \
	const char *const name##_texts[] = { __VA_ARGS__ };                              \
	node_make(&name, name##_texts, ARRAY_SIZE(name##_texts))

static void run(struct node *n, enum rule_profile p)
{
	findings_done(&n->found);
	rules_run(&n->in, &(struct rule_pick){ .profile = p }, &n->found);
}

/* Runs one rule; how often it fires. */
static size_t run_rule(struct node *n, const struct rule *rule)
{
	findings_done(&n->found);
	rules_run(&n->in, &(struct rule_pick){ .only = &rule, .n_only = 1 }, &n->found);
	return n->found.n;
}

static const struct finding *find(const struct node *n, const char *rule)
{
	for (size_t i = 0; i < n->found.n; i++)
		if (str_eq(n->found.v[i].rule, rule))
			return &n->found.v[i];
	return NULL;
}

#define CHECK_SEEN(node_, i, vm, text)                                                   \
	do {                                                                             \
		bool have_ = (i) < (node_)->found.n;                                     \
		CHECK(have_, "%zu findings", (node_)->found.n);                          \
		CHECK(have_ && (node_)->found.v[i].vmid == (vm) &&                       \
			      strstr((node_)->found.v[i].seen, text),                    \
		      "%u \"%s\"", have_ ? (node_)->found.v[i].vmid : 0,                 \
		      have_ ? (node_)->found.v[i].seen : "");                            \
	} while (0)

/* ---- profiles ---- */

/* However it is written: each of them has to be seen. */
static const char *const references[] = {
	REFERENCE,
	/* the socket by a raw line */
	"arch: amd64\nfeatures: nesting=1\nhostname: ref\nmemory: 512\nostype: debian\n"
	"rootfs: local-lvm:vm-100-disk-0,size=8G\nswap: 512\n"
	"lxc.apparmor.profile: unconfined\n"
	"lxc.mount.entry: /var/run/docker.sock var/run/docker.sock none bind,create=file\n",
	/* quotes, other ways to write true, a link on the way */
	"arch: amd64\nfeatures: keyctl=on,nesting=yes\nmemory: 512\nostype: debian\n"
	"rootfs: local-lvm:vm-100-disk-0,size=8G\nswap: 512\nunprivileged: off\n"
	"lxc.apparmor.profile = 'unconfined'\n"
	"lxc.mount.entry = \"/run//docker.sock run/docker.sock none rw,rbind 0 0\"\n",
	/* unprivileged by its key alone */
	"arch: amd64\nfeatures: nesting=1\nmemory: 512\nostype: debian\nunprivileged: 1\n"
	"mp0: /run/docker.sock,mp=/run/docker.sock,ro=1\n"
	"rootfs: local-lvm:vm-100-disk-0,size=8G\nswap: 512\nlxc.idmap:\n"
	"lxc.apparmor.profile: unconfined\n",
};

static void the_reference_case_lights_up(void)
{
	static const struct {
		const char *rule;
		enum severity homelab, production;
	} want[] = {
		{ "apparmor-unconfined", SEV_ERROR, SEV_ERROR },
		{ "host-socket-root", SEV_ERROR, SEV_ERROR },
		{ "privileged-nesting", SEV_ERROR, SEV_ERROR },
		{ "apparmor-overrides-features", SEV_WARN, SEV_WARN },
		{ "privileged", SEV_INFO, SEV_WARN },
	};

	for (size_t k = 0; k < ARRAY_SIZE(references); k++)
		for (enum rule_profile p = PROFILE_HOMELAB; p < PROFILE_N; p++) {
			NODE(n, references[k]);

			run(&n, p);
			for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
				const struct finding *f = find(&n, want[i].rule);

				CHECK(f, "%zu %s: %s", k, rule_profile_name(p),
				      want[i].rule);
				CHECK(!f || f->severity == (p == PROFILE_HOMELAB
								    ? want[i].homelab
								    : want[i].production),
				      "%s: %d", f->rule, f->severity);
			}
		}
}

/* The lines that it comes from, and a way out of each. */
static void the_reference_case_says_where_and_what_to_do(void)
{
	static const struct {
		const char *rule, *fix;
		uint32_t line;
	} want[] = {
		{ "apparmor-unconfined", "line 9: remove it", 9 },
		{ "host-socket-root", "pct set 101 --delete mp0", 5 },
		{ "privileged-nesting", "pct set 101 --delete features", 2 },
		{ "apparmor-overrides-features", "line 9", 9 },
		{ "privileged", "--unprivileged 1", 0 },
	};
	NODE(n, REFERENCE);

	run(&n, PROFILE_PRODUCTION);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct finding *f = find(&n, want[i].rule);

		CHECK(f && f->line == want[i].line && *f->why && f->fix &&
			      strstr(f->fix, want[i].fix),
		      "%s: line %u: %s", want[i].rule, f ? f->line : 0, f ? f->fix : "");
	}
}

static void check_silent(const struct findings *f, uint32_t vmid, const char *what)
{
	for (size_t i = 0; i < f->n; i++)
		CHECK((vmid && f->v[i].vmid != vmid) || f->v[i].severity == SEV_INFO,
		      "%s: %u %s: %s", what, f->v[i].vmid, f->v[i].rule, f->v[i].seen);
}

static void a_default_container_is_silent(void)
{
	NODE(n, DEFAULT);

	run(&n, PROFILE_HOMELAB);
	CHECK(n.found.n == 0, "%s: %s", n.found.v[0].rule, n.found.v[0].seen);
	run(&n, PROFILE_PRODUCTION);
	check_silent(&n.found, 0, "production");
}

/* Nodes of which files were kept, the unprivileged ones in which nobody turned a screw. */
static void defaults_of_recorded_nodes_are_silent(void)
{
	static const struct {
		const char *host;
		uint32_t vmid;
	} cts[] = {
		{ "hosts/pvn1", 101 }, { "hosts/pvn1", 103 }, { "hosts/pvn1", 104 },
		{ "hosts/pvn1", 105 }, { "hosts/pvn1", 107 }, { "hosts/pve1", 100 },
		{ "hosts/pve1", 107 }, { "hosts/pve1", 111 }, { "hosts/pve1", 115 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cts); i++) {
		_cleanup_close_ int root = fixture_open(cts[i].host);
		_cleanup_(facts_done) struct facts facts = { 0 };
		struct facts_want want = { .ha = true };
		struct rule_in in = { .facts = &facts, .today = 20261121 };
		struct err err = { 0 };

		CHECK(facts_read(root, false, &want, (uint64_t)1 << 50, &facts, &err) ==
			      0,
		      "%s", err.msg);
		CHECK(facts_find(&facts, cts[i].vmid) &&
			      ct_is_unprivileged(facts_find(&facts, cts[i].vmid)),
		      "%s %u", cts[i].host, cts[i].vmid);
		for (enum rule_profile p = PROFILE_HOMELAB; p < PROFILE_N; p++) {
			_cleanup_(findings_done) struct findings f = { 0 };

			rules_run(&in, &(struct rule_pick){ .profile = p }, &f);
			check_silent(&f, cts[i].vmid, cts[i].host);
		}
	}
}

static void a_profile_is_found_by_name(void)
{
	enum rule_profile p = PROFILE_OWN;

	CHECK(rule_profile_find(span_str("homelab"), &p) && p == PROFILE_HOMELAB, "%d",
	      p);
	CHECK(rule_profile_find(span_str("production"), &p) && p == PROFILE_PRODUCTION,
	      "%d", p);
	CHECK(!rule_profile_find(span_str("own"), &p), "%d", p);
	CHECK(!rule_profile_find(span_str(""), &p), "%d", p);
}

static void a_named_rule_runs_where_the_profile_leaves_it_out(void)
{
	const struct rule *rule = &rule_onboot_off;
	struct rule_pick p = { .profile = PROFILE_HOMELAB, .only = &rule, .n_only = 1 };
	NODE(n, DEFAULT);

	rules_run(&n.in, &p, &n.found);
	CHECK(n.found.n == 1 && n.found.v[0].severity == SEV_INFO, "%zu", n.found.n);
	CHECK(rule_find(span_str("onboot-off")) == rule, "not found");
	CHECK(!rule_find(span_str("onboot-offx")), "found");
}

/* backup-excluded is a note where it cannot be otherwise. */
static void a_profile_makes_no_more_of_a_finding_than_its_rule(void)
{
	NODE(n, DEFAULT "mp0: a1:x,mp=/x\nmp1: /srv/x,mp=/y\n");
	const struct rule *rule = &rule_backup_excluded;

	rules_run(&n.in,
		  &(struct rule_pick){
			  .profile = PROFILE_PRODUCTION, .only = &rule, .n_only = 1 },
		  &n.found);
	CHECK(n.found.n == 2 && n.found.v[0].severity == SEV_WARN &&
		      n.found.v[1].severity == SEV_INFO,
	      "%zu", n.found.n);
}

static void a_line_is_shown_as_pve_writes_it(void)
{
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *e = NULL;
	NODE(n, "memory:  0512 \nlxc.cap.drop =  x\n\n[ab]\n");

	a = rule_config_line(&n.cts[0], 1);
	b = rule_config_line(&n.cts[0], 2);
	c = rule_config_line(&n.cts[0], 3);
	d = rule_config_line(&n.cts[0], 4);
	e = rule_config_line(&n.cts[0], 0);
	CHECK_STR(a, "memory: 0512");
	CHECK_STR(b, "lxc.cap.drop: x");
	CHECK(!c && !e, "%s %s", c, e);
	CHECK_STR(d, "[ab]");
}

/* ---- what containers share ---- */

#define OWN(first) "lxc.idmap: u 0 " first " 65536\nlxc.idmap: g 0 " first " 65536\n"

static void ids_of_two_containers(void)
{
	NODE(n, DEFAULT OWN("200000"), DEFAULT OWN("265535"), DEFAULT OWN("331072"));

	CHECK(run_rule(&n, &rule_idmap_shared) == 4, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 101, "uid 265535 of the node is container 102's");
	CHECK_SEEN(&n, 1, 101, "gid 265535 of the node is container 102's");
	CHECK(n.found.v[0].line == 10 && strstr(n.found.v[0].fix, "line 10"), "%u %s",
	      n.found.v[0].line, n.found.v[0].fix);
}

static void ids_that_just_do_not_meet(void)
{
	NODE(n, DEFAULT OWN("200000"), DEFAULT OWN("265536"), DEFAULT, DEFAULT,
	     DEFAULT "template: 1\n" OWN("200000"), "lock: create\n" OWN("200000"));

	CHECK(run_rule(&n, &rule_idmap_shared) == 0, "%s", n.found.v[0].seen);
}

/* That all others have the default in common is told once; this is one of its own. */
static void ids_of_the_default_beside_others(void)
{
	NODE(n, DEFAULT OWN("165535"), DEFAULT, DEFAULT, DEFAULT OWN("34465"));
	NODE(fine, DEFAULT OWN("165536"), DEFAULT, DEFAULT OWN("34464"));
	NODE(alone, DEFAULT OWN("165535"), DEFAULT "template: 1\n");
	NODE(within, DEFAULT "lxc.idmap: u 0 100000 1000\n", DEFAULT);

	CHECK(run_rule(&n, &rule_idmap_shared) == 4, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 101, "uid 165535 of the node is container 102's");
	CHECK_SEEN(&n, 1, 101, "gid 165535 of the node is container 102's");
	CHECK_SEEN(&n, 2, 104, "uid 100000 of the node is container 102's");
	CHECK_SEEN(&n, 3, 104, "gid 100000 of the node is container 102's");
	CHECK(run_rule(&fine, &rule_idmap_shared) == 0, "%zu", fine.found.n);
	CHECK(run_rule(&alone, &rule_idmap_shared) == 0, "%zu", alone.found.n);
	CHECK(run_rule(&within, &rule_idmap_shared) == 0, "%zu", within.found.n);
}

/* The range that reaches farthest is of the container itself. */
static void ids_in_many_pieces(void)
{
	NODE(n, DEFAULT "lxc.idmap: u 0 200000 100000\nlxc.idmap: u 100000 400000 10\n",
	     DEFAULT "lxc.idmap: u 0 299999 1\nlxc.idmap: u 1 400009 1\n",
	     DEFAULT "lxc.idmap: u 0 300000 100000\n");

	CHECK(run_rule(&n, &rule_idmap_shared) == 4, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 101, "uid 299999 of the node is container 102's");
	CHECK_SEEN(&n, 1, 101, "uid 400009 of the node is container 102's");
	CHECK_SEEN(&n, 2, 102, "uid 299999 of the node is container 101's");
	CHECK_SEEN(&n, 3, 102, "uid 400009 of the node is container 101's");
}

static void the_default_ids_of_all(void)
{
	NODE(n, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, REFERENCE, NULL);
	NODE(one, DEFAULT, DEFAULT OWN("200000"), REFERENCE);

	CHECK(run_rule(&n, &rule_idmap_shared_default) == 1, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 0u, "5 containers");
	CHECK_SEEN(&n, 0, 0u, ": 101, 102, 103, 104 and 1 more");
	CHECK(run_rule(&one, &rule_idmap_shared_default) == 0, "%zu", one.found.n);
}

static void a_directory_writable_in_two(void)
{
	NODE(n, DEFAULT "mp0: /srv//x/,mp=/x\n", DEFAULT "mp3: /srv/x,mp=/y\n",
	     DEFAULT "lxc.mount.entry: /srv/x/y z none bind 0 0\n",
	     DEFAULT "mp0: /srv/x,mp=/x,ro=1\n", DEFAULT "mp0: /srv/xy,mp=/x\n");

	CHECK(run_rule(&n, &rule_bind_shared_rw) == 4, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 101, "/srv/x of the node is mounted read-write in 102, too");
	CHECK_SEEN(&n, 1, 101,
		   "/srv/x/y of the node, which is in it, is mounted read-write in 103");
	CHECK_SEEN(&n, 2, 102, "/srv/x of the node is mounted read-write in 101, too");
	CHECK_SEEN(
		&n, 3, 103,
		"/srv/x/y of the node is in /srv/x, which is mounted read-write in 101");
	CHECK_STR(n.found.v[3].key, "lxc.mount.entry");
}

static void a_directory_writable_in_one(void)
{
	NODE(n, DEFAULT "mp0: /srv/x,mp=/x\nmp1: /srv/x/y,mp=/y\nmp2: /srv/x,mp=/z\n",
	     DEFAULT "mp0: /srv/x2,mp=/x\nmp1: /run/x.sock,mp=/s\n",
	     DEFAULT "mp1: /run/x.sock,mp=/s\n", NULL, "");

	CHECK(run_rule(&n, &rule_bind_shared_rw) == 0, "%s", n.found.v[0].seen);
}

static void the_root_of_the_node_holds_everything(void)
{
	NODE(n, DEFAULT "mp0: /,mp=/x\n", DEFAULT "mp0: /srv,mp=/x\n");

	CHECK(run_rule(&n, &rule_bind_shared_rw) == 2, "%zu", n.found.n);
	CHECK_SEEN(&n, 1, 102,
		   "/srv of the node is in /, which is mounted read-write in 101");
}

/* ---- files of the node ---- */

static void a_hook_that_a_container_can_write(void)
{
	_cleanup_(storages_done) struct storages s = { 0 };
	static const char cfg[] = "dir: nas\n\tpath /srv/share\n\tcontent snippets\n";
	struct err err = { 0 };
	NODE(n, REFERENCE "mp1: /srv/share,mp=/x\n",
	     DEFAULT "lxc.hook.pre-start: /srv/share/a.sh -x\n",
	     DEFAULT "hookscript: nas:snippets/h.pl\n",
	     DEFAULT
	     "lxc.hook.pre-start: /srv/shared/a.sh\nlxc.hook.start: /srv/share/x\n"
	     "lxc.hook.stop: sh /srv/share/x\n");

	CHECK(storage_parse(cfg, strlen(cfg), &s, &err) == 0, "%s", err.msg);
	CHECK(run_rule(&n, &rule_host_file_guest) == 1, "%zu", n.found.n);
	n.in.storages = &s;
	CHECK(run_rule(&n, &rule_host_file_guest) == 2, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 102,
		   "runs /srv/share/a.sh, which container 101 can write (mp1)");
	CHECK_SEEN(&n, 1, 103, "/srv/share/snippets/h.pl");
}

/* Root of an unprivileged container is another user to the node. */
static void a_hook_that_file_modes_keep_from_a_container(void)
{
	struct hostpath p = { .path = (char[]){ "/srv/share/a.sh" },
			      .real = (char[]){ "/srv/share/a.sh" } };
	struct hostpaths paths = { &p, 1 };
	NODE(n, DEFAULT "mp0: /srv/share,mp=/x\n",
	     DEFAULT "lxc.hook.pre-start: /srv/share/a.sh -x\n");
	static const struct {
		const char *weak;
		uint32_t uid, gid, mode;
		enum severity severity;
	} cases[] = {
		{ NULL, 0, 0, 0755, SEV_WARN },
		{ "/srv/share/a.sh", 100000, 0, 0755, SEV_ERROR },
		{ "/srv/share/a.sh", 1000, 0, 0755, SEV_WARN }, /* none of its ids */
		{ "/srv/share", 0, 100005, 0775, SEV_ERROR },
		{ "/srv/share", 0, 100005, 0755, SEV_WARN },
		{ "/srv/share", 0, 0, 0757, SEV_ERROR },
		{ "/srv", 0, 0, 0757, SEV_WARN }, /* it does not see that */
	};

	CHECK(run_rule(&n, &rule_host_file_guest) == 1, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 102, "which is mounted read-write in container 101 (mp0)");
	CHECK(n.found.v[0].severity == SEV_WARN, "%d", n.found.v[0].severity);
	n.in.paths = &paths;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		p.weak = cases[i].weak ? xstrdup(cases[i].weak) : NULL;
		p.weak_uid = cases[i].uid;
		p.weak_gid = cases[i].gid;
		p.weak_mode = cases[i].mode;
		CHECK(run_rule(&n, &rule_host_file_guest) == 1, "%zu", n.found.n);
		CHECK(n.found.v[0].severity == cases[i].severity, "%zu: %s", i,
		      n.found.v[0].seen);
		free(p.weak);
	}
}

/* idmap=passthrough gives root inside what is root's on the node. */
static void a_hook_on_a_mount_that_undoes_the_id_map(void)
{
	NODE(n, DEFAULT "mp0: /srv/share,mp=/x,idmap=passthrough\n",
	     DEFAULT "lxc.hook.pre-start: /srv/share/a.sh -x\n");

	CHECK(run_rule(&n, &rule_host_file_guest) == 1, "%zu", n.found.n);
	CHECK(n.found.v[0].severity == SEV_ERROR, "%s", n.found.v[0].seen);
}

static void a_link_into_a_container(void)
{
	struct hostpath p = { .path = (char[]){ "/opt/a" },
			      .real = (char[]){ "/srv/share/b" } };
	struct hostpaths paths = { &p, 1 };
	NODE(n, DEFAULT "mp0: /srv/share,mp=/x\n", DEFAULT "lxc.log.file: /opt/a\n");

	CHECK(run_rule(&n, &rule_host_file_guest) == 0, "%zu", n.found.n);
	n.in.paths = &paths;
	CHECK(run_rule(&n, &rule_host_file_guest) == 1, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 102, "root of the node writes /opt/a");
}

static void a_hook_that_others_can_write(void)
{
	struct hostpath p[] = {
		{ .path = (char[]){ "/opt/a" },
		  .weak = (char[]){ "/opt" },
		  .weak_uid = 1000 },
		{ .path = (char[]){ "/opt/b" },
		  .weak = (char[]){ "/opt/b" },
		  .weak_gid = 5,
		  .weak_mode = 0775 },
		{ .path = (char[]){ "/opt/c" }, .real = (char[]){ "/opt/c" } },
		{ .path = (char[]){ "/opt/d" }, .error = -ENOENT },
		{ .path = (char[]){ "/var/lib/lxc" },
		  .weak = (char[]){ "/var lib" },
		  .weak_mode = 0777 },
	};
	struct hostpaths paths = { p, ARRAY_SIZE(p) };
	NODE(n, DEFAULT "lxc.hook.pre-start: '/opt/a' x\nlxc.include: /opt/b\n",
	     DEFAULT
	     "lxc.hook.stop: /opt/c\nlxc.hook.stop: /opt/d\nlxc.log.file: /opt/d\n",
	     DEFAULT "lxc.hook.autodev: /opt/d\nlxc.hook.mount: /opt/unknown\n");

	CHECK(run_rule(&n, &rule_host_file_writable) == 0, "paths are not known");
	CHECK(run_rule(&n, &rule_host_file_missing) == 0, "paths are not known");
	n.in.paths = &paths;
	CHECK(run_rule(&n, &rule_host_file_writable) == 3, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 0u, "/var lib, everybody can write it (mode 0777)");
	CHECK(!n.found.v[0].fix, "%s", n.found.v[0].fix);
	CHECK_SEEN(&n, 1, 101, "runs /opt/a: /opt, uid 1000 owns it");
	/* the directory is somebody's */
	CHECK_STR(n.found.v[1].fix,
		  "move /opt/a to a directory that root alone can write");
	CHECK_SEEN(&n, 2, 101, "reads /opt/b: /opt/b, group 5 can write it (mode 0775)");
	CHECK(run_rule(&n, &rule_host_file_missing) == 1, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 103, "/opt/d is not there");
}

/* A hook of mount time is run by root of a container that has ids of its own. */
static void a_hook_that_root_of_the_container_runs(void)
{
	struct hostpath p[] = {
		{ .path = (char[]){ "/opt/a" },
		  .real = (char[]){ "/opt/a" },
		  .weak = (char[]){ "/opt/a" },
		  .weak_uid = 1000,
		  .weak_mode = 0755 },
	};
	struct hostpaths paths = { .v = p, .n = ARRAY_SIZE(p) };
	NODE(n, DEFAULT "lxc.hook.mount: /opt/a\n", DEFAULT "lxc.hook.stop: /opt/a\n",
	     "lxc.hook.mount: /opt/a\n", DEFAULT "mp0: /opt,mp=/x\n");

	n.in.paths = &paths;
	CHECK(run_rule(&n, &rule_host_file_writable) == 3, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 102, "root of the node runs /opt/a");
	CHECK_SEEN(&n, 1, 103, "root of the node runs /opt/a");
	CHECK(n.found.v[1].severity == SEV_ERROR, "%d", n.found.v[1].severity);
	CHECK_SEEN(&n, 2, 101, "root of the container runs /opt/a");
	CHECK(n.found.v[2].severity == SEV_WARN, "%d", n.found.v[2].severity);
	CHECK(run_rule(&n, &rule_host_file_guest) == 3, "%zu", n.found.n);
	CHECK_SEEN(&n, 0, 101, "root of the container runs /opt/a, which is mounted");
	CHECK(n.found.v[0].severity == SEV_WARN, "%d", n.found.v[0].severity);
}

/* What takes everybody's write access from a share, or from /tmp, is no fix. */
static void a_directory_of_others_is_left_alone(void)
{
	struct hostpath p[] = {
		{ .path = (char[]){ "/mnt/media/a" },
		  .real = (char[]){ "/mnt/media/a" },
		  .weak = (char[]){ "/mnt/media" },
		  .weak_gid = 5,
		  .weak_mode = 02775 },
		{ .path = (char[]){ "/opt/h/b" },
		  .real = (char[]){ "/opt/h/b" },
		  .weak = (char[]){ "/opt/h" },
		  .weak_gid = 5,
		  .weak_mode = 0775 },
		{ .path = (char[]){ "/opt/h/c" },
		  .real = (char[]){ "/opt/h/c" },
		  .weak = (char[]){ "/opt/h/c" },
		  .weak_uid = 7,
		  .weak_mode = 0755 },
		{ .path = (char[]){ "/tmp/d" },
		  .error = -ENOENT,
		  .weak = (char[]){ "/tmp" },
		  .weak_mode = 01777 },
	};
	struct hostpaths paths = { p, ARRAY_SIZE(p) };
	NODE(n, DEFAULT "mp0: /mnt/media,mp=/x\n",
	     DEFAULT "lxc.hook.stop: /mnt/media/a\n", DEFAULT "lxc.hook.stop: /opt/h/b\n",
	     DEFAULT "lxc.hook.stop: /opt/h/c\n", DEFAULT "lxc.hook.stop: /tmp/d\n");

	n.in.paths = &paths;
	CHECK(run_rule(&n, &rule_host_file_writable) == 4, "%zu", n.found.n);
	CHECK(strstr(n.found.v[0].fix, "move /mnt/media/a"), "%s", n.found.v[0].fix);
	CHECK_STR(n.found.v[1].fix, "chmod go-w /opt/h");
	CHECK_STR(n.found.v[2].fix, "chown root: /opt/h/c && chmod go-w /opt/h/c");
	CHECK(strstr(n.found.v[3].fix, "move /tmp/d"), "%s", n.found.v[3].fix);
}

static void nothing_is_known_of_any(void)
{
	NODE(n, NULL, NULL);

	run(&n, PROFILE_OWN);
	CHECK(n.found.n == 0, "%s", n.found.v[0].rule);
}

/* ---- following paths ---- */

static void dir(const struct tmproot *t, const char *name, mode_t mode)
{
	if (mkdirat(t->fd, name, 0700) < 0 || fchmodat(t->fd, name, mode, 0) < 0)
		abort();
}

static void file(const struct tmproot *t, const char *name, mode_t mode)
{
	int fd = openat(t->fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || fchmod(fd, mode) < 0)
		abort();
	close(fd);
}

static void follow(const struct tmproot *t, const char *path, int error, const char *real,
		   const char *weak)
{
	struct hostpath p;

	hostpath_follow(t->fd, path, &p);
	CHECK(p.error == error, "%s: %d", path, p.error);
	CHECK(real ? str_eq(p.real, real) : !p.real, "%s: %s", path, p.real);
	CHECK(weak ? str_eq(p.weak, weak) : !p.weak, "%s: %s", path, p.weak);
	hostpath_clear(&p);
}

/* As root: owners count. */
static void a_path_is_followed(void)
{
	_cleanup_(tmproot_remove) struct tmproot t;

	tmproot_make(&t);
	dir(&t, "a", 0755);
	dir(&t, "a/b", 0755);
	dir(&t, "t", 01777);
	file(&t, "a/b/f", 0755);
	file(&t, "t/x", 0644);
	if (symlinkat("/a/b/f", t.fd, "a/b/l") < 0 ||
	    symlinkat("../../../..//./t/x", t.fd, "a/b/up") < 0 ||
	    symlinkat("loop", t.fd, "a/loop") < 0)
		abort();
	if (geteuid() != 0)
		return;
	follow(&t, "/a/b/f", 0, "/a/b/f", NULL);
	follow(&t, "//a/./b/../b/f/", 0, "/a/b/f", NULL);
	follow(&t, "/a/b/l", 0, "/a/b/f", NULL);
	follow(&t, "/a/b/up", 0, "/t/x", NULL);
	follow(&t, "/", 0, "/", NULL);
	follow(&t, "/t/y", -ENOENT, NULL, "/t");
	follow(&t, "/a/y", -ENOENT, NULL, NULL);
	follow(&t, "/a/loop", -ELOOP, NULL, NULL);
	follow(&t, "a/b", -EINVAL, NULL, NULL);
	follow(&t, "", -EINVAL, NULL, NULL);
	if (fchmodat(t.fd, "a/b/f", 0757, 0) < 0)
		abort();
	follow(&t, "/a/b/l", 0, "/a/b/f", "/a/b/f");
	if (fchownat(t.fd, "a", 1000, 0, 0) < 0)
		abort();
	follow(&t, "/a/b/l", 0, "/a/b/f", "/a");
	follow(&t, "/t/x", 0, "/t/x", NULL);
	if (fchownat(t.fd, "t/x", 1000, 0, 0) < 0)
		abort();
	follow(&t, "/t/x", 0, "/t/x", "/t/x");
}

static void many_paths_are_followed_by_a_process(void)
{
	_cleanup_(hostpaths_done) struct hostpaths l = { 0 };
	_cleanup_(strv_done) struct strv paths = { 0 };
	_cleanup_(tmproot_remove) struct tmproot t;
	struct err err = { 0 };

	tmproot_make(&t);
	dir(&t, "a", 0775);
	CHECK(hostpath_read(t.fd, &paths, &l, &err) == 0 && l.n == 0, "%s", err.msg);
	strv_add(&paths, xstrdup("/a"));
	strv_add(&paths, xstrdup("/b"));
	CHECK(hostpath_read(t.fd, &paths, &l, &err) == 0, "%s", err.msg);
	CHECK(l.n == 2, "%zu", l.n);
	CHECK_STR(l.v[0].real, "/a");
	CHECK(l.v[1].error == -ENOENT, "%d", l.v[1].error);
	CHECK(hostpaths_find(&l, "/b") == &l.v[1], "not found");
	CHECK(!hostpaths_find(&l, "/c") && !hostpaths_find(NULL, "/b"), "found");
}

/* ---- waivers ---- */

static void a_waiver_is_a_line(void)
{
	_cleanup_(strv_done) struct strv said = { 0 };
	_cleanup_(waivers_done) struct waivers w = { 0 };

	waivers_parse(span_str("\xef\xbb\xbf# x\n\n  \t\n"
			       "privileged 101\t2028-02-29   old  FTP \r\n"
			       "bind-shared-rw/mp0 * 2027-12-31 media"),
		      "f", &w, &said);
	CHECK(said.n == 0, "%s", said.v[0]);
	CHECK(w.n == 2, "%zu", w.n);
	CHECK_STR(w.v[0].rule, "privileged");
	CHECK_STR(w.v[0].reason, "old  FTP");
	CHECK(w.v[0].vmid == 101 && w.v[0].until == 20280229 && w.v[0].line == 4 &&
		      !w.v[0].key,
	      "%u %u %u", w.v[0].vmid, w.v[0].until, w.v[0].line);
	CHECK_STR(w.v[1].key, "mp0");
	CHECK(w.v[1].vmid == 0 && w.v[1].until == 20271231, "%u", w.v[1].vmid);
}

static void a_bad_waiver_is_named_and_the_others_hold(void)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "privileged", "expected RULE CTID UNTIL REASON" },
		{ "Priv 101 2027-01-01 x", "expected the id of a rule, not \"Priv\"" },
		{ "a/ 101 2027-01-01 x", "expected the id of a rule, not \"a/\"" },
		{ "a/mp0/x 101 2027-01-01 x",
		  "expected the id of a rule, not \"a/mp0/x\"" },
		{ "/a 101 2027-01-01 x", "expected the id of a rule, not \"/a\"" },
		{ "a 99 2027-01-01 x", "expected a container ID or *, not \"99\"" },
		{ "a 0101 2027-01-01 x", "expected a container ID or *, not \"0101\"" },
		{ "a 1000000000 2027-01-01 x",
		  "expected a container ID or *, not \"1000000000\"" },
		{ "a ** 2027-01-01 x", "expected a container ID or *, not \"**\"" },
		{ "a *", "a last day and a reason are missing" },
		{ "a * 2027-02-29 x", "YYYY-MM-DD, not \"2027-02-29\"" },
		{ "a * 2027-13-01 x", "YYYY-MM-DD" },
		{ "a * 2027-00-01 x", "YYYY-MM-DD" },
		{ "a * 2027-01-00 x", "YYYY-MM-DD" },
		{ "a * 27-01-01 x", "YYYY-MM-DD" },
		{ "a * 2027-1-111 x", "YYYY-MM-DD" },
		{ "a * never x", "YYYY-MM-DD" },
		{ "a * 2027-01-01", "a reason is missing" },
		{ "a * 2027-01-01   ", "a reason is missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(strv_done) struct strv said = { 0 };
		_cleanup_(waivers_done) struct waivers w = { 0 };
		_cleanup_free_ char *text = xasprintf(
			"a 999999999 0001-01-01 x\n%s\nb * 9999-12-31 y", cases[i].line);

		waivers_parse(span_str(text), "f", &w, &said);
		CHECK(w.n == 2 && said.n == 1, "%s: %zu %zu", cases[i].line, w.n, said.n);
		CHECK(said.n && str_starts(said.v[0], "f:2: ") &&
			      strstr(said.v[0], cases[i].said),
		      "%s: %s", cases[i].line, said.n ? said.v[0] : "");
	}
}

static void an_empty_file_has_no_waivers(void)
{
	_cleanup_(strv_done) struct strv said = { 0 };
	_cleanup_(waivers_done) struct waivers w = { 0 };

	waivers_parse(span_str(""), "f", &w, &said);
	CHECK(w.n == 0 && said.n == 0, "%zu %zu", w.n, said.n);
}

static void many_bad_lines_are_told_a_hundred_times(void)
{
	_cleanup_(strv_done) struct strv said = { 0 };
	_cleanup_(waivers_done) struct waivers w = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	for (int i = 0; i < 1000; i++)
		buf_adds(&b, "?\n");
	waivers_parse(span_of(b.p, b.n), "f", &w, &said);
	CHECK(said.n == 100, "%zu", said.n);
}

struct waiving {
	struct waivers w;
	struct strv parsed, told;
	struct waived done;
};

static void waiving_done(struct waiving *x)
{
	waivers_done(&x->w);
	strv_done(&x->parsed);
	strv_done(&x->told);
	waived_done(&x->done);
}

static void apply(struct node *n, const char *text, struct waiving *x)
{
	struct rule_pick p = { .profile = PROFILE_HOMELAB };

	*x = (struct waiving){ 0 };
	waivers_parse(span_str(text), "f", &x->w, &x->parsed);
	n->in.waivers = &x->w;
	findings_done(&n->found);
	rules_run(&n->in, &p, &n->found);
	waive(&x->w, n->in.today, &n->found, &x->done);
	waive_tell(&x->w, &x->done, &p, 0, &x->told);
}

static void a_waiver_takes_a_finding_away(void)
{
	_cleanup_(waiving_done) struct waiving x;
	NODE(n, REFERENCE, REFERENCE);

	apply(&n,
	      "host-socket-root/mp0 101 2026-11-21 today is the last day\n"
	      "apparmor-unconfined * 2026-11-22 both\n",
	      &x);
	CHECK(x.told.n == 0, "%s", x.told.v[0]);
	CHECK(x.done.found.n == 3 && x.done.hits[0] == 1 && x.done.hits[1] == 2, "%zu",
	      x.done.found.n);
	CHECK(find(&n, "host-socket-root") && find(&n, "host-socket-root")->vmid == 102,
	      "that of 102 stays");
	CHECK(!find(&n, "apparmor-unconfined") && !find(&n, "waiver-expired"), "gone");
	for (size_t i = 0; i < x.done.found.n; i++)
		CHECK_STR(x.done.by[i]->rule, x.done.found.v[i].rule);
}

static void an_expired_waiver_is_a_finding(void)
{
	_cleanup_(waiving_done) struct waiving x;
	const struct finding *f;
	NODE(n, REFERENCE);

	apply(&n,
	      "host-socket-root 101 2026-11-20 until then\n"
	      "waiver-expired * 2027-01-01 not so\n",
	      &x);
	f = find(&n, "waiver-expired");
	CHECK(find(&n, "host-socket-root"), "it is told again");
	CHECK(f && f->vmid == 101 &&
		      str_eq(f->seen,
			     "f:1: host-socket-root was waived until 2026-11-20: "
			     "until then"),
	      "%s", f ? f->seen : "");
	CHECK(x.done.found.n == 0 && x.done.hits[0] == 1, "%zu", x.done.found.n);
	CHECK(x.told.n == 1 && strstr(x.told.v[0], "f:2: the waiver matches nothing"),
	      "%zu", x.told.n);
}

static void a_waiver_that_matches_nothing_is_told(void)
{
	_cleanup_(waiving_done) struct waiving x;
	NODE(n, REFERENCE);

	apply(&n,
	      "host-socket-root/mp1 101 2027-01-01 x\nprivileged 102 2027-01-01 x\n"
	      "no-such-rule * 2027-01-01 x\nonboot-off * 2027-01-01 not of this profile\n",
	      &x);
	CHECK(x.told.n == 3, "%zu", x.told.n);
	CHECK_STR(x.told.v[0],
		  "f:1: the waiver matches nothing: no host-socket-root/mp1 is found of "
		  "container 101");
	CHECK_STR(x.told.v[1],
		  "f:2: the waiver matches nothing: no privileged is found of container "
		  "102");
	CHECK_STR(x.told.v[2],
		  "f:3: there is no rule \"no-such-rule\": see ctscope audit "
		  "--list-rules");
}

/* ---- all of them ---- */

/* Its three tests: one that fires, one that just does not, one without the data. */
struct cover {
	const struct rule *rule;
	void (*fires)(void), (*just_not)(void), (*absent)(void);
};

static const struct cover covers[] = {
	{ &rule_idmap_shared, ids_of_two_containers, ids_that_just_do_not_meet,
	  nothing_is_known_of_any },
	{ &rule_idmap_shared_default, the_default_ids_of_all, the_default_ids_of_all,
	  nothing_is_known_of_any },
	{ &rule_bind_shared_rw, a_directory_writable_in_two, a_directory_writable_in_one,
	  nothing_is_known_of_any },
	{ &rule_host_file_guest, a_hook_that_a_container_can_write,
	  a_hook_that_a_container_can_write, nothing_is_known_of_any },
	{ &rule_host_file_writable, a_hook_that_others_can_write,
	  a_hook_that_others_can_write, nothing_is_known_of_any },
	{ &rule_host_file_missing, a_hook_that_others_can_write,
	  a_hook_that_others_can_write, nothing_is_known_of_any },
	{ &rule_waiver_expired, an_expired_waiver_is_a_finding,
	  a_waiver_takes_a_finding_away, nothing_is_known_of_any },
};

static void every_rule_over_all_of_them_has_its_tests(void)
{
	for (size_t i = 0; i < n_rules; i++) {
		bool found = !rules[i]->check_all || str_starts(rules[i]->id, "kernel-");

		for (size_t k = 0; k < ARRAY_SIZE(covers); k++)
			found |= covers[k].rule == rules[i] && covers[k].fires &&
				 covers[k].just_not && covers[k].absent;
		CHECK(found, "%s has not its three tests", rules[i]->id);
	}
}

int main(void)
{
	RUN(the_reference_case_lights_up);
	RUN(the_reference_case_says_where_and_what_to_do);
	RUN(a_default_container_is_silent);
	RUN(defaults_of_recorded_nodes_are_silent);
	RUN(a_profile_is_found_by_name);
	RUN(a_named_rule_runs_where_the_profile_leaves_it_out);
	RUN(a_profile_makes_no_more_of_a_finding_than_its_rule);
	RUN(a_line_is_shown_as_pve_writes_it);
	RUN(ids_of_two_containers);
	RUN(ids_of_the_default_beside_others);
	RUN(ids_that_just_do_not_meet);
	RUN(ids_in_many_pieces);
	RUN(the_default_ids_of_all);
	RUN(a_directory_writable_in_two);
	RUN(a_directory_writable_in_one);
	RUN(the_root_of_the_node_holds_everything);
	RUN(a_hook_that_a_container_can_write);
	RUN(a_hook_that_file_modes_keep_from_a_container);
	RUN(a_hook_on_a_mount_that_undoes_the_id_map);
	RUN(a_link_into_a_container);
	RUN(a_hook_that_others_can_write);
	RUN(a_hook_that_root_of_the_container_runs);
	RUN(a_directory_of_others_is_left_alone);
	RUN(nothing_is_known_of_any);
	RUN(a_path_is_followed);
	RUN(many_paths_are_followed_by_a_process);
	RUN(a_waiver_is_a_line);
	RUN(a_bad_waiver_is_named_and_the_others_hold);
	RUN(an_empty_file_has_no_waivers);
	RUN(many_bad_lines_are_told_a_hundred_times);
	RUN(a_waiver_takes_a_finding_away);
	RUN(an_expired_waiver_is_a_finding);
	RUN(a_waiver_that_matches_nothing_is_told);
	RUN(every_rule_over_all_of_them_has_its_tests);
	return DONE();
}
