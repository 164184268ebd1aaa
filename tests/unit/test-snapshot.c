/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapshot.h"
#include "test.h"

#include "read/pveconf.h"

static void build(const char *text, struct pveconf *c, struct snapshot_tree *t)
{
	struct err err = { 0 };

	CHECK(pveconf_parse(text, strlen(text), 100, c, &err) == 0, "%s", err.msg);
	snapshot_tree_build(c, t);
}

/* "A(B*,C)": names in order, children in brackets, * for the present state. */
static void draw(const struct snapshot_tree *t, struct buf *ret)
{
	size_t depth = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct snapshot *s = &t->v[i];

		if (i && s->depth > depth)
			buf_addc(ret, '(');
		for (; depth > s->depth; depth--)
			buf_addc(ret, ')');
		if (i && ret->p[ret->n - 1] != '(')
			buf_addc(ret, ',');
		depth = s->depth;
		buf_adds(ret, s->is_current ? "*" : s->name);
	}
	for (; depth > 0; depth--)
		buf_addc(ret, ')');
}

static void check_shape(const char *text, const char *want)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	_cleanup_(snapshot_tree_done) struct snapshot_tree t = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	build(text, &c, &t);
	draw(&t, &b);
	CHECK_STR(buf_str(&b), want);
}

static void no_snapshot_is_the_present_state_alone(void)
{
	check_shape("", "*");
	check_shape("parent: gone\n", "*");
}

static void branches_are_by_time_then_by_name(void)
{
	check_shape("parent: bb\n[aa]\nsnaptime: 9\n[bb]\nsnaptime: 5\nparent: aa\n"
		    "[cc]\nsnaptime: 4\nparent: aa\n[ad]\nsnaptime: 5\nparent: aa\n",
		    "aa(cc,ad,bb(*))");
	check_shape("parent: aa\n[zz]\nparent: aa\nsnaptime: 3\n[aa]\n", "aa(zz,*)");
}

static void an_orphan_is_a_root_and_marked(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	_cleanup_(snapshot_tree_done) struct snapshot_tree t = { 0 };

	build("parent: nope\n[aa]\nparent: gone\n", &c, &t);
	CHECK(t.n == 2, "%zu", t.n);
	CHECK(t.v[0].orphan && t.v[0].parent == SNAPSHOT_NONE, "not an orphan");
	CHECK_STR(t.v[0].parent_name, "gone");
	CHECK(t.v[1].is_current && t.v[1].orphan, "the present state is one too");
}

static void a_cycle_ends_and_shows_each_member_once(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	_cleanup_(snapshot_tree_done) struct snapshot_tree t = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	build("parent: dd\n[aa]\nparent: cc\nsnaptime: 5\n[bb]\nparent: aa\nsnaptime: 1\n"
	      "[cc]\nparent: bb\nsnaptime: 3\n[dd]\nparent: cc\nsnaptime: 9\n",
	      &c, &t);
	draw(&t, &b);
	CHECK_STR(buf_str(&b), "bb(cc(aa,dd(*)))");
	CHECK(t.v[0].cycle && t.v[1].cycle && t.v[2].cycle, "members are marked");
	CHECK(!t.v[3].cycle && !t.v[4].cycle, "what hangs on it is not");
	check_shape("[me]\nparent: me\n", "me,*");
}

static void unfinished_ones_say_so(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	_cleanup_(snapshot_tree_done) struct snapshot_tree t = { 0 };

	build("lock: snapshot\nparent: golden\n[golden]\n#first\n#second\nsnaptime: 7\n"
	      "[vzdump]\nparent: golden\nsnapstate: prepare\nsnaptime: x\n",
	      &c, &t);
	CHECK(t.n == 3 && t.v[0].n_below == 1, "%zu", t.n);
	CHECK_U64(t.v[0].time_sec.n, 7);
	CHECK(t.v[0].description.n == 13 && !t.v[0].state, "golden");
	CHECK(t.v[1].vzdump && t.v[1].time_sec.kind == VAL_ABSENT, "vzdump");
	CHECK_STR(t.v[1].state, "prepare");
	CHECK(t.v[2].parent == 0 && t.v[2].is_current, "current");
}

static void a_chain_of_thousands_is_no_recursion(void)
{
	_cleanup_(pveconf_done) struct pveconf c = { 0 };
	_cleanup_(snapshot_tree_done) struct snapshot_tree t = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	for (unsigned i = 0; i < 30000; i++)
		buf_addf(&b, "[s%u]\nparent: s%u\n", i, i + 1);
	build(buf_str(&b), &c, &t);
	CHECK(t.n == 30001, "%zu", t.n);
	CHECK(t.v[0].orphan && t.v[0].n_below == 29999, "%zu", t.v[0].n_below);
	CHECK_U64(t.v[29999].depth, 29999);
	buf_adds(&b, "[s30000]\nparent: s0\n");
	snapshot_tree_done(&t);
	pveconf_done(&c);
	build(buf_str(&b), &c, &t);
	CHECK(t.n == 30002 && t.v[0].cycle && t.v[30000].cycle, "%zu", t.n);
}

int main(void)
{
	RUN(no_snapshot_is_the_present_state_alone);
	RUN(branches_are_by_time_then_by_name);
	RUN(an_orphan_is_a_root_and_marked);
	RUN(a_cycle_ends_and_shows_each_member_once);
	RUN(unfinished_ones_say_so);
	RUN(a_chain_of_thousands_is_no_recursion);
	return DONE();
}
