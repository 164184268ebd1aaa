/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/mounttree.h"
#include "read/mountinfo.h"
#include "test.h"

struct tree {
	struct mounts m;
	struct mounttree t;
};

static void tree_done(struct tree *t)
{
	mounttree_done(&t->t);
	mounts_done(&t->m);
}

#define _tree_ _cleanup_(tree_done) struct tree

/* Lines of "ID PARENT POINT": the rest is the same for all. */
static void make(const char *text, struct tree *ret)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct span rest = span_str(text), line, id, parent;

	while (span_line(&rest, &line)) {
		span_field(&line, &id);
		span_field(&line, &parent);
		line = span_trim(line);
		buf_addf(&b, "%.*s %.*s 0:5 / %.*s rw - ext4 x rw\n", (int)id.n, id.p,
			 (int)parent.n, parent.p, (int)line.n, line.p);
	}
	mountinfo_parse(buf_str(&b), b.n, &ret->m);
	mounttree_build(&ret->m, &ret->t);
}

/* The id of a mount; 0: none. */
static uint32_t id_of(const struct tree *t, size_t i)
{
	return i == MOUNTTREE_NONE ? 0 : t->m.v[i].id;
}

static uint32_t at(const struct tree *t, const char *path)
{
	return id_of(t, mounttree_at(&t->t, tbytes_str(path)));
}

static uint32_t on(const struct tree *t, const char *path)
{
	return id_of(t, mounttree_on(&t->t, tbytes_str(path)));
}

static uint32_t bottom(const struct tree *t, const char *path)
{
	return id_of(t, mounttree_bottom(&t->t, tbytes_str(path)));
}

static void a_path_lies_on_the_nearest_mount(void)
{
	_tree_ t = { 0 };

	make("1 0 /\n2 1 /mnt\n3 2 /mnt/a\n4 1 /mnt-b\n", &t);
	CHECK_U64(on(&t, "/"), 1);
	CHECK_U64(on(&t, "/etc/x"), 1);
	CHECK_U64(on(&t, "/mnt"), 2);
	CHECK_U64(on(&t, "/mnt/ab"), 2);
	CHECK_U64(on(&t, "/mnt/a/b"), 3);
	CHECK_U64(on(&t, "/mnt-b/a"), 4);
	CHECK_U64(on(&t, "/mnt-c"), 1);
}

static void only_a_mount_point_is_one(void)
{
	_tree_ t = { 0 };

	make("1 0 /\n2 1 /mnt/a\n", &t);
	CHECK_U64(at(&t, "/mnt/a"), 2);
	CHECK_U64(at(&t, "/mnt"), 0);
	CHECK_U64(at(&t, "/mnt/a/b"), 0);
	CHECK_U64(at(&t, ""), 0);
}

static void one_over_another_hides_it(void)
{
	_tree_ t = { 0 };

	make("1 0 /\n2 1 /mnt\n3 2 /mnt\n4 3 /mnt\n", &t);
	CHECK_U64(at(&t, "/mnt"), 4);
	CHECK_U64(bottom(&t, "/mnt"), 2);
	CHECK(!mounttree_seen(&t.t, 1) && !mounttree_seen(&t.t, 2), "hidden ones seen");
}

/* 2 was there before 3 was mounted on its parent directory */
static void one_above_hides_what_is_below(void)
{
	_tree_ t = { 0 };

	make("1 0 /\n2 1 /mnt/a\n5 2 /mnt/a/deep\n3 1 /mnt\n4 3 /mnt/b\n", &t);
	CHECK_U64(at(&t, "/mnt/a"), 0);
	CHECK_U64(at(&t, "/mnt/a/deep"), 0);
	CHECK_U64(on(&t, "/mnt/a/deep"), 3);
	CHECK_U64(at(&t, "/mnt/b"), 4);
	CHECK_U64(bottom(&t, "/mnt/a"), 2);
}

/* and what is then mounted on the same path again is another */
static void the_same_path_twice_is_told_apart(void)
{
	_tree_ t = { 0 };

	make("1 0 /\n2 1 /mnt/a\n3 1 /mnt\n4 3 /mnt/a\n", &t);
	CHECK_U64(at(&t, "/mnt/a"), 4);
	CHECK_U64(bottom(&t, "/mnt/a"), 2);
}

/* a path begins at the root itself: what is mounted on that comes in no way of it */
static void what_is_mounted_on_the_root_is_not_seen(void)
{
	_tree_ t = { 0 };

	make("1 0 /\n2 1 /mnt\n3 1 /\n4 3 /srv\n5 3 /\n6 2 /mnt\n", &t);
	CHECK_U64(at(&t, "/"), 1);
	CHECK_U64(at(&t, "/mnt"), 6);
	CHECK_U64(at(&t, "/srv"), 0);
	CHECK_U64(on(&t, "/srv/x"), 1);
	CHECK_U64(bottom(&t, "/"), 1);
}

/* a root that is no mount point: what is mounted below it has no parent either */
static void without_a_mounted_root_the_others_are_found(void)
{
	_tree_ t = { 0 };

	make("2 1 /proc\n3 1 /mnt\n4 3 /mnt\n", &t);
	CHECK_U64(at(&t, "/proc"), 2);
	CHECK_U64(at(&t, "/mnt"), 4);
	CHECK_U64(on(&t, "/etc"), 0);
}

static void names_that_sort_between_are_no_descendants(void)
{
	_tree_ t = { 0 };

	make("1 0 /\n2 1 /a\n3 1 /a-b\n4 1 /a/b\n5 1 /a!\n6 1 /ab\n", &t);
	CHECK_U64(at(&t, "/a-b"), 3);
	CHECK_U64(at(&t, "/a!"), 5);
	CHECK_U64(at(&t, "/ab"), 6);
	CHECK_U64(at(&t, "/a/b"), 0); /* /a was mounted over it */
}

static void the_order_of_the_text_does_not_matter(void)
{
	_tree_ t = { 0 };

	make("4 3 /mnt/a/b\n3 2 /mnt/a\n2 1 /mnt\n1 0 /\n", &t);
	CHECK_U64(at(&t, "/mnt/a/b"), 4);
	CHECK_U64(at(&t, "/"), 1);
}

static void a_circle_is_reached_by_no_path(void)
{
	_tree_ t = { 0 };

	make("1 0 /\n2 3 /x\n3 2 /x/y\n4 4 /self\n5 3 /x/y/z\n", &t);
	CHECK_U64(at(&t, "/"), 1);
	CHECK_U64(at(&t, "/x"), 0);
	CHECK_U64(at(&t, "/x/y"), 0);
	CHECK_U64(at(&t, "/x/y/z"), 0);
	CHECK_U64(at(&t, "/self"), 4); /* nothing says where it is: as a root */
}

static void without_mounts_there_is_none(void)
{
	_tree_ t = { 0 };

	make("", &t);
	CHECK_U64(at(&t, "/"), 0);
	CHECK_U64(on(&t, "/x"), 0);
	CHECK_U64(bottom(&t, "/"), 0);
}

static void a_recorded_container_has_every_mount_in_sight(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_tree_ t = { 0 };
	size_t seen = 0;

	CHECK(mountinfo_read(root, 2489, &t.m, NULL) == 0, "read");
	mounttree_build(&t.m, &t.t);
	for (size_t i = 0; i < t.m.n; i++)
		seen += mounttree_seen(&t.t, i);
	CHECK_U64(seen, t.m.n);
	CHECK_U64(at(&t, "/data"), 302);
	CHECK_U64(on(&t, "/dev/shm/x"), 269);
}

/* 65,536 mounts one in the other, and as many side by side: no recursion, no square */
static void as_many_as_can_be_take_no_time(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_tree_ deep = { 0 }, wide = { 0 };

	for (unsigned i = 0; i < MOUNTINFO_MAX; i++)
		buf_addf(&b, "%u %u 0:5 / /a rw - t s rw\n", i + 1, i);
	mountinfo_parse(b.p, b.n, &deep.m);
	mounttree_build(&deep.m, &deep.t);
	CHECK_U64(at(&deep, "/a"), MOUNTINFO_MAX);
	b.n = 0;
	buf_adds(&b, "1 0 0:5 / / rw - t s rw\n");
	for (unsigned i = 1; i < MOUNTINFO_MAX; i++)
		buf_addf(&b, "%u 1 0:5 / /a/%u rw - t s rw\n", i + 1, i);
	mountinfo_parse(b.p, b.n, &wide.m);
	mounttree_build(&wide.m, &wide.t);
	CHECK_U64(at(&wide, "/a/65535"), 65536);
	CHECK_U64(on(&wide, "/a/b"), 1);
}

int main(void)
{
	RUN(a_path_lies_on_the_nearest_mount);
	RUN(only_a_mount_point_is_one);
	RUN(one_over_another_hides_it);
	RUN(one_above_hides_what_is_below);
	RUN(the_same_path_twice_is_told_apart);
	RUN(what_is_mounted_on_the_root_is_not_seen);
	RUN(without_a_mounted_root_the_others_are_found);
	RUN(names_that_sort_between_are_no_descendants);
	RUN(the_order_of_the_text_does_not_matter);
	RUN(a_circle_is_reached_by_no_path);
	RUN(without_mounts_there_is_none);
	RUN(a_recorded_container_has_every_mount_in_sight);
	RUN(as_many_as_can_be_take_no_time);
	return DONE();
}
