/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/stat.h>

#include "read/cgtree.h"
#include "tmproot.h"

#define ID64 "4f2d9e3a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e"

static void names_of_units_and_nested_containers_are_known(void)
{
	static const struct {
		const char *name, *parent;
		enum cgkind kind;
		const char *label;
	} cases[] = {
		{ "nginx.service", "system.slice", CGK_UNIT, "nginx.service" },
		{ "init.scope", "", CGK_UNIT, "init.scope" },
		{ "dev-mqueue.mount", "", CGK_UNIT, "dev-mqueue.mount" },
		{ "system.slice", "", CGK_SLICE, "system.slice" },
		{ "system-getty\\x2dx.slice", "", CGK_SLICE, "system-getty\\x2dx.slice" },
		{ ".service", "", CGK_OTHER, ".service" },
		{ "docker-" ID64 ".scope", "system.slice", CGK_DOCKER, "4f2d9e3a8b7c" },
		{ ID64, "docker", CGK_DOCKER, "4f2d9e3a8b7c" },
		{ "docker-xyz.scope", "system.slice", CGK_UNIT, "docker-xyz.scope" },
		{ "docker-4f2d9e3a8b7.scope", "", CGK_UNIT, "docker-4f2d9e3a8b7.scope" },
		{ "docker.service", "system.slice", CGK_UNIT, "docker.service" },
		{ "libpod-" ID64 ".scope", "machine.slice", CGK_PODMAN, "4f2d9e3a8b7c" },
		{ "libpod-payload-" ID64, "x.service", CGK_PODMAN, "4f2d9e3a8b7c" },
		{ "libpod-conmon-" ID64 ".scope", "machine.slice", CGK_UNIT,
		  "libpod-conmon-" ID64 ".scope" },
		{ "cri-containerd-" ID64 ".scope", "kubepods-podx.slice", CGK_CRI,
		  "4f2d9e3a8b7c" },
		{ "crio-" ID64 ".scope", "kubepods-podx.slice", CGK_CRI, "4f2d9e3a8b7c" },
		{ ID64, "pod12-34", CGK_CRI, "4f2d9e3a8b7c" },
		{ ID64, "elsewhere", CGK_OTHER, ID64 },
		{ "lxc.payload.web", "", CGK_LXC, "web" },
		{ "lxc.payload.", "", CGK_OTHER, "lxc.payload." },
		{ "web", "lxc.payload", CGK_LXC, "web" },
		{ "web", "lxc", CGK_LXC, "web" },
		{ "machine-deb.scope", "machine.slice", CGK_MACHINE, "deb" },
		{ "systemd-nspawn@deb.service", "machine.slice", CGK_MACHINE, "deb" },
		{ ".lxc", "", CGK_ATTACH, ".lxc" },
		{ ".lxc-1", "", CGK_ATTACH, ".lxc-1" },
		{ "a\x1b[2J\"b", "", CGK_OTHER, "a\x1b[2J\"b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct span label;
		enum cgkind k = cgtree_kind(span_str(cases[i].name),
					    span_str(cases[i].parent), &label);

		CHECK(k == cases[i].kind, "%s: %s", cases[i].name, cgkind_name(k));
		CHECK(span_eq(label, cases[i].label), "%s: %.*s", cases[i].name,
		      (int)label.n, label.p);
	}
}

static void a_path_tells_unit_and_nested_container(void)
{
	static const struct {
		const char *path, *unit, *container;
		bool attached;
	} cases[] = {
		{ "", "", "", false },
		{ "init.scope", "init.scope", "", false },
		{ "system.slice/nginx.service", "nginx.service", "", false },
		{ "system.slice/nginx.service/sub/x", "nginx.service", "", false },
		{ "system.slice/nginx.service (deleted)", "nginx.service", "", false },
		{ "user.slice/user-0.slice/user@0.service/app.slice/mc.service",
		  "mc.service", "", false },
		{ "system.slice/docker-" ID64 ".scope", "", "4f2d9e3a8b7c", false },
		{ "docker/" ID64, "", "4f2d9e3a8b7c", false },
		{ "lxc.payload.web/system.slice/nginx.service", "nginx.service", "web",
		  false },
		{ "lxc.payload.web/system.slice/docker-" ID64 ".scope",
		  "docker-" ID64 ".scope", "web", false },
		{ ".lxc", "", "", true },
		{ ".lxc-2/init.scope", "init.scope", "", true },
		{ "x/.lxc", "", "", false },
		{ "///a//b.service//", "b.service", "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cgwhere w;

		cgtree_where(span_str(cases[i].path), &w);
		CHECK(span_eq(w.unit, cases[i].unit), "%s: %.*s", cases[i].path,
		      (int)w.unit.n, w.unit.p);
		CHECK(span_eq(w.container, cases[i].container), "%s: %.*s", cases[i].path,
		      (int)w.container.n, w.container.p);
		CHECK(w.attached == cases[i].attached, "%s", cases[i].path);
	}
}

static int open_ct(int root, const char *path)
{
	struct err err = { 0 };
	int fd = -1;

	CHECK(fs_open(root, path, O_PATH | O_DIRECTORY, &fd, &err) == 0, "%s", err.msg);
	return fd;
}

static const struct cgnode *find(const struct cgtree *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->v[i].name, name))
			return &t->v[i];
	return NULL;
}

static void the_recorded_systemd_guest_is_listed(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_close_ int dir = open_ct(root, "sys/fs/cgroup/lxc/103");
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	const struct cgnode *n;

	CHECK(cgtree_list(dir, NULL, &t, NULL) == 0, "list");
	CHECK(t.has_ns, "ns");
	CHECK_U64(t.left_out, 0);
	CHECK(!t.left_out_atleast, "at least");
	n = find(&t, "systemd-networkd.service");
	CHECK(n && n->depth == 2, "%u", n ? n->depth : 0);
	CHECK(n && str_eq(t.v[n->parent].name, "system.slice"), "parent");
	CHECK(cgtree_read_stats(dir, &t, NULL) == 0, "stats");
	n = find(&t, "systemd-networkd.service");
	CHECK(n && n->memory.current_bytes.kind == VAL_SET, "memory");
	CHECK(n && n->cpu.usage_usec.kind == VAL_SET, "cpu");
}

static void a_guest_without_units_is_one_node(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_close_ int dir = open_ct(root, "sys/fs/cgroup/lxc/101");
	_cleanup_(cgtree_done) struct cgtree t = { 0 };

	CHECK(cgtree_list(dir, NULL, &t, NULL) == 0, "list");
	CHECK_U64(t.n, 1);
	CHECK(t.v[0].parent == SIZE_MAX && t.v[0].kind == CGK_ROOT, "root");
	CHECK(cgtree_read_stats(dir, &t, NULL) == 0, "stats");
	CHECK_U64(t.v[0].memory.current_bytes.n, 2297856);
	CHECK_U64(t.v[0].rbytes.n, 4 * 1806336);
}

static void bounds_hold_and_what_is_left_out_is_counted(void)
{
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	struct cgtree_limits lim = { .nodes = 50, .depth = 3, .per_node = 20 };
	struct tmproot r;
	char path[256];
	int dir;

	tmproot_make(&r);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "101/ns/big/%d/", i);
		tmproot_dirs(&r, path);
	}
	tmproot_dirs(&r, "101/ns/a/b/c/d/e/");
	tmproot_put(&r, "101/ns/cgroup.stat",
		    "nr_descendants 306\nnr_dying_descendants 9\n");
	dir = open_ct(r.fd, "101");
	CHECK(cgtree_list(dir, &lim, &t, NULL) == 0, "list");
	CHECK(t.n == 1 + 2 + 20 + 2, "%zu", t.n);
	CHECK_U64(find(&t, "big")->more, 280);
	CHECK_U64(find(&t, "c")->more, 1);
	CHECK(!find(&t, "d"), "too deep");
	CHECK_U64(t.left_out, 306 - 24);
	CHECK(!t.left_out_atleast, "exact");
	cgtree_done(&t);

	/* without the kernel's count it is a lower bound */
	tmproot_put(&r, "101/ns/cgroup.stat", "");
	CHECK(cgtree_list(dir, &lim, &t, NULL) == 0, "list");
	CHECK_U64(t.left_out, 281);
	CHECK(t.left_out_atleast, "at least");
	cgtree_done(&t);

	lim.nodes = 10;
	CHECK(cgtree_list(dir, &lim, &t, NULL) == 0, "list");
	CHECK(t.n == 10, "%zu", t.n);
	close(dir);
	tmproot_remove(&r);
}

static void units_come_before_what_fills_a_directory(void)
{
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	struct tmproot r;
	char path[256];
	int dir;

	tmproot_make(&r);
	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "101/ns/z%d/", i);
		tmproot_dirs(&r, path);
	}
	tmproot_dirs(&r, "101/ns/system.slice/nginx.service/");
	tmproot_dirs(&r, "101/ns/lxc.payload.web/");
	dir = open_ct(r.fd, "101");
	CHECK(cgtree_list(dir, NULL, &t, NULL) == 0, "list");
	CHECK(find(&t, "nginx.service") && find(&t, "lxc.payload.web"), "not there");
	CHECK(t.n == 1 + 64 + 1, "%zu", t.n);
	CHECK_U64(t.v[0].more, 502 - 64);
	close(dir);
	tmproot_remove(&r);
}

static void any_byte_may_be_in_a_name(void)
{
	static const char *const names[] = { "a\x1b[2J", "q\"'\\", "tab\there",
					     "\xff\xfe", "-rf",    "..." };
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	struct tmproot r;
	int dir;

	tmproot_make(&r);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[256];

		snprintf(path, sizeof(path), "101/ns/%s/cpu.stat", names[i]);
		tmproot_put(&r, path, "usage_usec 5\n");
	}
	dir = open_ct(r.fd, "101");
	CHECK(cgtree_list(dir, NULL, &t, NULL) == 0, "list");
	CHECK(t.n == 1 + ARRAY_SIZE(names), "%zu", t.n);
	CHECK(cgtree_read_stats(dir, &t, NULL) == 0, "stats");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct cgnode *n = find(&t, names[i]);

		CHECK(n && n->cpu.usage_usec.n == 5, "%zu", i);
	}
	close(dir);
	tmproot_remove(&r);
}

static void a_cgroup_that_vanishes_is_gone_not_an_error(void)
{
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	struct tmproot r;
	int dir;

	tmproot_make(&r);
	tmproot_dirs(&r, "101/ns/a/b/");
	tmproot_dirs(&r, "101/ns/c/");
	dir = open_ct(r.fd, "101");
	CHECK(cgtree_list(dir, NULL, &t, NULL) == 0, "list");
	CHECK(unlinkat(r.fd, "101/ns/a/b", AT_REMOVEDIR) == 0, "rmdir");
	CHECK(cgtree_read_stats(dir, &t, NULL) == 0, "stats");
	CHECK(find(&t, "b")->gone && !find(&t, "a")->gone && !find(&t, "c")->gone,
	      "gone");
	close(dir);
	tmproot_remove(&r);
}

static void a_symlink_is_not_followed(void)
{
	_cleanup_(cgtree_done) struct cgtree t = { 0 };
	struct tmproot r;
	int dir, fd;

	tmproot_make(&r);
	tmproot_dirs(&r, "101/ns/a/");
	tmproot_link(&r, "101/ns/etc", "/etc");
	dir = open_ct(r.fd, "101");
	CHECK(cgtree_list(dir, NULL, &t, NULL) == 0, "list");
	CHECK(!find(&t, "etc"), "listed");
	/* replaced after the listing */
	CHECK(unlinkat(r.fd, "101/ns/a", AT_REMOVEDIR) == 0, "rmdir");
	tmproot_link(&r, "101/ns/a", "/etc");
	CHECK(cgtree_open(dir, &t, 1, &fd) < 0, "followed");
	close(dir);
	tmproot_remove(&r);
}

int main(void)
{
	RUN(names_of_units_and_nested_containers_are_known);
	RUN(a_path_tells_unit_and_nested_container);
	RUN(the_recorded_systemd_guest_is_listed);
	RUN(a_guest_without_units_is_one_node);
	RUN(bounds_hold_and_what_is_left_out_is_counted);
	RUN(units_come_before_what_fills_a_directory);
	RUN(any_byte_may_be_in_a_name);
	RUN(a_cgroup_that_vanishes_is_gone_not_an_error);
	RUN(a_symlink_is_not_followed);
	return DONE();
}
