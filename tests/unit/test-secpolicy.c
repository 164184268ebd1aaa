/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/audit.h>

#include "read/secpolicy.h"
#include "test.h"

static int parse(const char *text, struct secpolicy *p)
{
	return secpolicy_parse(span_str(text), AUDIT_ARCH_X86_64, p, NULL);
}

static void refused(const char *text, const char *why)
{
	struct secpolicy p = { 0 };
	struct err err = { 0 };
	int r = secpolicy_parse(span_str(text), AUDIT_ARCH_X86_64, &p, &err);

	CHECK(r == -EINVAL, "\"%s\": %d", text, r);
	CHECK_STR(err.msg, why);
	CHECK(!p.v, "filled");
}

static void lxcs_own_profile_is_read_as_lxc_reads_it(void)
{
	_cleanup_(secpolicy_done) struct secpolicy p = { 0 };
	const struct secrule *r;

	CHECK(parse("2\ndenylist\nreject_force_umount  # comment this\n[all]\n"
		    "kexec_load errno 1\nkeyctl errno 38\n"
		    "ioctl errno 1 [1,0x9400,SCMP_CMP_MASKED_EQ,0xff00]\n"
		    "socket errno 97 [0,38,SCMP_CMP_EQ]",
		    &p) == 0,
	      "parse");
	CHECK_U64(p.other, SECACT_ALLOW);
	CHECK(!p.native_only, "native");
	CHECK_U64(p.n, 5);
	if (p.n != 5)
		return;
	r = &p.v[0];
	CHECK_STR(r->name, "umount2");
	CHECK(r->action == SECACT_ERRNO && r->error_no == EACCES, "%d", r->error_no);
	CHECK(r->n_args == 1 && r->args[0].index == 1 && r->args[0].value == 1 &&
		      r->args[0].mask == 1 && r->args[0].op == SECOP_MASKED,
	      "args");
	CHECK_U64(r->line, 3);
	CHECK_STR(p.v[1].name, "kexec_load");
	CHECK_U64(p.v[1].error_no, 1);
	CHECK_U64(p.v[1].line, 5);
	r = &p.v[3];
	CHECK(r->n_args == 1 && r->args[0].index == 1 && r->args[0].value == 0x9400 &&
		      r->args[0].mask == 0xff00 && r->args[0].op == SECOP_MASKED,
	      "args");
	r = &p.v[4];
	CHECK(r->error_no == 97 && r->n_args == 1 && r->args[0].op == SECOP_EQ &&
		      r->args[0].value == 38,
	      "socket");
}

static void every_action_is_known_by_its_beginning(void)
{
	static const struct {
		const char *text;
		enum secact action;
		uint16_t error_no;
	} cases[] = {
		{ "a kill", SECACT_KILL, 0 },
		{ "a killed", SECACT_KILL, 0 },
		{ "a   trap", SECACT_TRAP, 0 },
		{ "a notify", SECACT_NOTIFY, 0 },
		{ "a allow", SECACT_ALLOW, 0 },
		{ "a errno 13 and more", SECACT_ERRNO, 13 },
		{ "a errno7", SECACT_ERRNO, 7 },
		{ "a errno +5", SECACT_ERRNO, 5 },
		{ "a errno -1", SECACT_ERRNO, 65535 },
		{ "a", SECACT_KILL, 0 },
		{ "a ", SECACT_KILL, 0 },
		{ "a # errno 1", SECACT_KILL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(secpolicy_done) struct secpolicy p = { 0 };
		_cleanup_free_ char *text = xasprintf("2\ndenylist\n%s\n", cases[i].text);

		CHECK(parse(text, &p) == 0 && p.n == 1, "%s", cases[i].text);
		if (p.n != 1)
			continue;
		CHECK(p.v[0].action == cases[i].action, "%s: %d", cases[i].text,
		      p.v[0].action);
		CHECK_U64(p.v[0].error_no, cases[i].error_no);
		CHECK_STR(p.v[0].name, "a");
	}
}

static void the_style_says_what_becomes_of_the_others(void)
{
	static const struct {
		const char *text;
		enum secact other, alone;
		uint16_t other_errno;
	} cases[] = {
		{ "2\ndenylist\na", SECACT_ALLOW, SECACT_KILL, 0 },
		{ "2\nallowlist\na", SECACT_KILL, SECACT_ALLOW, 0 },
		{ "2\nallowlist trap\na", SECACT_TRAP, SECACT_ALLOW, 0 },
		{ "2\nwhitelist errno 38\na", SECACT_ERRNO, SECACT_ALLOW, 38 },
		{ " \n2 blacklist allow\na", SECACT_ALLOW, SECACT_KILL, 0 },
		{ "2\n\n\nallowlist notify\n\n#\na", SECACT_NOTIFY, SECACT_ALLOW, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(secpolicy_done) struct secpolicy p = { 0 };

		CHECK(parse(cases[i].text, &p) == 0 && p.n == 1, "%s", cases[i].text);
		CHECK(p.other == cases[i].other, "%s: %d", cases[i].text, p.other);
		CHECK_U64(p.other_errno, cases[i].other_errno);
		CHECK(p.n == 1 && p.v[0].action == cases[i].alone, "%s", cases[i].text);
	}
}

static void a_section_counts_where_the_machine_runs_it(void)
{
	const char text[] =
		"2\ndenylist\nfirst\n[x86]\na\n[arm64]\nb\n[ARM]\nc\n[s390x]\nd\n"
		"[X32]\ne\n[all]\nf\n[loongarch64]\ng\n";
	_cleanup_(secpolicy_done) struct secpolicy p = { 0 }, arm = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 }, c = { 0 };

	CHECK(parse(text, &p) == 0, "x86_64");
	CHECK(secpolicy_parse(span_str(text), AUDIT_ARCH_AARCH64, &arm, NULL) == 0,
	      "arm");
	for (size_t i = 0; i < p.n; i++)
		buf_adds(&b, p.v[i].name);
	for (size_t i = 0; i < arm.n; i++)
		buf_adds(&c, arm.v[i].name);
	CHECK_STR(buf_str(&b), "firstaef");
	CHECK_STR(buf_str(&c), "firstbcf");
	CHECK(secpolicy_parse(span_str(text), AUDIT_ARCH_S390X, &p, NULL) == -ENOTSUP,
	      "another machine");
}

static void a_line_that_begins_with_a_blank_names_no_call(void)
{
	_cleanup_(secpolicy_done) struct secpolicy p = { 0 };

	CHECK(parse("2\ndenylist\n kexec_load errno 1\n\tkeyctl\n", &p) == -EINVAL,
	      "action");
	CHECK(parse("2\ndenylist\n kill\n\tkeyctl\n", &p) == 0 && p.n == 2, "%zu", p.n);
	CHECK_STR(p.v[0].name, "");
	CHECK_STR(p.v[1].name, "\tkeyctl");
}

static void every_comparison_is_known(void)
{
	static const struct {
		const char *text;
		enum secop op;
	} cases[] = {
		{ "[0,1,!=]", SECOP_NE },          { "[0,1,<]", SECOP_LT },
		{ "[0,01,<=]", SECOP_LE },         { "[0,1,==]", SECOP_EQ },
		{ "[0,0X1,>=]", SECOP_GE },        { "[0,1,>]", SECOP_GT },
		{ "[0,1,&=,3]", SECOP_MASKED },    { "[0,1,SCMP_CMP_NE]", SECOP_NE },
		{ "[0,1,SCMP_CMP_LT]", SECOP_LT }, { "[0,1,SCMP_CMP_LE]", SECOP_LE },
		{ "[0,1,SCMP_CMP_GE]", SECOP_GE }, { "[0,1,SCMP_CMP_GT]", SECOP_GT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(secpolicy_done) struct secpolicy p = { 0 };
		_cleanup_free_ char *text =
			xasprintf("2\nallowlist\na errno 1 %s[5,18446744073709551615,==]",
				  cases[i].text);

		CHECK(parse(text, &p) == 0 && p.n == 1 && p.v[0].n_args == 2, "%s", text);
		if (p.n != 1)
			continue;
		CHECK(p.v[0].args[0].op == cases[i].op, "%s", text);
		CHECK_U64(p.v[0].args[0].value, 1);
		CHECK_U64(p.v[0].args[1].value, UINT64_MAX);
		CHECK_U64(p.v[0].args[1].index, 5);
	}
}

static void version_1_is_a_list_of_numbers(void)
{
	_cleanup_(secpolicy_done) struct secpolicy p = { 0 };

	CHECK(parse("1\nallowlist\n0\n231\n", &p) == 0 && p.n == 2, "%zu", p.n);
	CHECK(p.native_only && p.other == SECACT_KILL, "other");
	CHECK(!p.v[1].name && p.v[1].number == 231, "number");
	refused("1\nallowlist\nread\n", "line 3: expected the number of a system call");
	refused("1\ndenylist\n1\n", "line 2: version 1 has allowlists only");
}

static void what_lxc_does_not_start_with_is_refused(void)
{
	refused("", "line 1: expected the version, 1 or 2");
	refused("3\nallowlist\n", "line 1: expected the version, 1 or 2");
	refused("# 2\ndenylist\n", "line 1: expected the version, 1 or 2");
	refused("2", "line 1: expected denylist or allowlist");
	refused("2\n\nlist\n", "line 3: expected denylist or allowlist");
	refused("2\ndenylist foo\n", "line 2: no action that LXC knows");
	refused("2\nallowlist debug\n", "line 2: LXC has no debug yet");
	refused("2\ndenylist\n[x87]\n", "line 3: an architecture that LXC does not know");
	refused("2\ndenylist\n[all\n", "line 3: an architecture that LXC does not know");
	refused("2\ndenylist\na errno\n", "line 3: no action that LXC knows");
	refused("2\ndenylist\na reject\n", "line 3: no action that LXC knows");
	refused("2\ndenylist\na kill [0]\n", "line 3: no condition on an argument");
	refused("2\ndenylist\na kill [6,1,==]\n", "line 3: no condition on an argument");
	refused("2\ndenylist\na kill [0,1,=]\n", "line 3: no condition on an argument");
	refused("2\ndenylist\na kill [0,08,==]\n", "line 3: no condition on an argument");
	refused("2\ndenylist\na kill [0,18446744073709551616,==]\n",
		"line 3: no condition on an argument");
	refused("2\ndenylist\na kill [0,1,==] # why\n",
		"line 3: no condition on an argument");
}

static void more_rules_than_the_bound_are_refused(void)
{
	_cleanup_(secpolicy_done) struct secpolicy p = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_adds(&b, "2\ndenylist\n");
	for (size_t i = 0; i < SECPOLICY_MAX_RULES; i++)
		buf_adds(&b, "read\n");
	CHECK(parse(buf_str(&b), &p) == 0 && p.n == SECPOLICY_MAX_RULES, "%zu", p.n);
	buf_adds(&b, "read\n");
	secpolicy_done(&p);
	CHECK(parse(buf_str(&b), &p) == -EINVAL, "and one more");
}

int main(void)
{
	RUN(lxcs_own_profile_is_read_as_lxc_reads_it);
	RUN(every_action_is_known_by_its_beginning);
	RUN(the_style_says_what_becomes_of_the_others);
	RUN(a_section_counts_where_the_machine_runs_it);
	RUN(a_line_that_begins_with_a_blank_names_no_call);
	RUN(every_comparison_is_known);
	RUN(version_1_is_a_list_of_numbers);
	RUN(what_lxc_does_not_start_with_is_refused);
	RUN(more_rules_than_the_bound_are_refused);
	return DONE();
}
