/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/audit.h>

#include "read/secdeep.h"
#include "read/syscall.h"
#include "rule/kernel.h"
#include "test.h"

/*
 * fixtures/seccomp: filters that the kernel gave back of real containers (LXC 5.0.2,
 * libseccomp 2.5.4, x86_64), and the policies that LXC made them of.
 */
struct stage {
	struct secnames *names;
	struct secfilter f;
	struct secfilters all;
	struct secpolicy policy;
	struct secdeep d;
};

static void load(const char *name, const char *ext, struct buf *b)
{
	_cleanup_close_ int root = fixture_open("seccomp");
	_cleanup_free_ char *file = xasprintf("%s%s", name, ext);

	CHECK(fs_read_file(root, file, 1 << 20, b, NULL) == 0, "%s", file);
}

static void judge(struct stage *s, size_t n_outer, bool with_policy)
{
	secdeep_done(&s->d);
	secdeep_judge(s->names, &s->all, n_outer, with_policy ? &s->policy : NULL, &s->d);
	if (with_policy)
		s->d.profile = xstrdup("/p");
}

/* False: another machine than the one that they were taken on, or no libseccomp. */
static bool stage_make(struct stage *s, const char *filter, const char *policy)
{
	_cleanup_(buf_done) struct buf b = { 0 }, p = { 0 };

	*s = (struct stage){ 0 };
	if (syscall_native() != AUDIT_ARCH_X86_64 || secnames_new(&s->names, NULL) < 0) {
		printf("# skipped: no libseccomp, or not x86_64\n");
		return false;
	}
	load(filter, ".bpf", &b);
	load(policy, ".policy", &p);
	CHECK(secfilter_parse(span_of(buf_str(&b), b.n), &s->f) == 0, "%s", filter);
	CHECK(secpolicy_parse(span_of(buf_str(&p), p.n), AUDIT_ARCH_X86_64, &s->policy,
			      NULL) == 0,
	      "%s", policy);
	s->all = (struct secfilters){ &s->f, 1, 0 };
	judge(s, 0, true);
	return true;
}

static void stage_done(struct stage *s)
{
	secdeep_done(&s->d);
	secpolicy_done(&s->policy);
	secfilter_done(&s->f);
	secnames_free(s->names);
}

/* "name/arch/kind" of each difference, a '*' where it is so with some arguments only. */
static char *diffs(const struct secdeep *d)
{
	static const char kinds[] = { 'A', 'R', 'O' };
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < d->n && i < 30; i++)
		buf_addf(&b, "%s%s/%s/%c%s", i ? " " : "", d->v[i].name,
			 d->arch[d->v[i].arch].name, kinds[d->v[i].kind],
			 d->v[i].some ? "*" : "");
	return xstrdup(buf_str(&b));
}

static void is(const struct secdeep *d, const char *want)
{
	_cleanup_free_ char *got = diffs(d);

	CHECK_STR(got, want);
}

static void what_lxc_makes_of_a_policy_is_what_it_says(void)
{
	static const char *const names[] = { "default", "unprivileged", "lacks",
					     "allowlist" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct stage s;
		bool more;

		if (!stage_make(&s, names[i], names[i]))
			return;
		CHECK(s.d.got && s.d.compared, "%s", names[i]);
		CHECK_U64(s.d.n_archs, 3);
		/* the libseccomp that it was made with had no x32 number for it */
		more = syscall_number(SYSCALL_X32, "map_shadow_stack") >= 0 &&
		       str_eq(names[i], "allowlist");
		is(&s.d, more ? "map_shadow_stack/x32/R" : "");
		for (size_t a = 0; a < s.d.n_archs; a++)
			CHECK(s.d.arch[a].refused >= 5 && !s.d.arch[a].let, "%s %s: %zu",
			      names[i], s.d.arch[a].name, s.d.arch[a].refused);
		stage_done(&s);
	}
}

static void what_is_dangerous_is_found_whatever_the_policy_is(void)
{
	struct stage s;

	if (!stage_make(&s, "default", "default"))
		return;
	CHECK_U64(s.d.arch[0].danger, 0x20); /* kexec_file_load: LXC forgets it */
	CHECK_U64(s.d.arch[1].danger, 0);    /* i386 has none */
	CHECK_U64(s.d.arch[2].danger, 0x20);
	stage_done(&s);
	if (!stage_make(&s, "lacks", "lacks"))
		return;
	CHECK_U64(s.d.arch[0].danger, 0x28);
	CHECK_U64(s.d.arch[1].danger, 0x08);
	judge(&s, 0, false);
	CHECK(s.d.got && !s.d.compared, "without a policy");
	CHECK_U64(s.d.arch[0].danger, 0x28);
	stage_done(&s);
	if (!stage_make(&s, "allowlist", "allowlist"))
		return;
	CHECK_U64(s.d.arch[0].danger, 0);
	stage_done(&s);
}

static void a_filter_of_another_policy_differs(void)
{
	struct stage s;

	if (!stage_make(&s, "default", "unprivileged"))
		return;
	is(&s.d, "ioctl/x86_64/A* ioctl/i386/A* ioctl/x32/A* keyctl/x86_64/A "
		 "keyctl/i386/A keyctl/x32/A socket/x86_64/A* socket/x32/A*");
	stage_done(&s);
	if (!stage_make(&s, "lacks", "default"))
		return;
	is(&s.d, "delete_module/x86_64/O delete_module/i386/O delete_module/x32/O "
		 "kexec_load/x86_64/A kexec_load/i386/A kexec_load/x32/A");
	stage_done(&s);
	if (!stage_make(&s, "unprivileged", "default"))
		return;
	is(&s.d, "ioctl/x86_64/R* ioctl/i386/R* ioctl/x32/R* keyctl/x86_64/R "
		 "keyctl/i386/R keyctl/x32/R socket/x86_64/R* socket/x32/R*");
	stage_done(&s);
}

/* The same value of another argument, or another value of the same, is another rule. */
static void a_rule_about_arguments_is_tried_with_them(void)
{
	struct stage s;

	if (!stage_make(&s, "unprivileged", "unprivileged"))
		return;
	for (size_t i = 0; i < s.policy.n; i++)
		if (str_eq(s.policy.v[i].name, "socket"))
			s.policy.v[i].args[0].value = 39;
	judge(&s, 0, true);
	is(&s.d, "socket/x86_64/A* socket/x32/A*");
	stage_done(&s);
}

static void a_line_without_effect_is_told(void)
{
	struct stage s;

	if (!stage_make(&s, "unprivileged", "unprivileged"))
		return;
	/* multiplexed on i386: LXC puts no rule on it there */
	CHECK_U64(s.d.n_lines, 1);
	CHECK(s.d.n_lines && s.d.lines[0].arch == 1, "arch");
	CHECK_STR(s.d.n_lines ? s.d.lines[0].name : NULL, "socket");
	CHECK_U64(s.d.n_lines ? s.d.lines[0].line : 0, 12);
	free(s.policy.v[1].name);
	s.policy.v[1].name = xstrdup("kexec_laod");
	judge(&s, 0, true);
	CHECK_U64(s.d.n_lines, 2);
	CHECK(s.d.n_lines && s.d.lines[0].arch == -1, "everywhere");
	is(&s.d, "kexec_load/x86_64/R kexec_load/i386/R kexec_load/x32/R");
	stage_done(&s);
}

static void what_the_guest_adds_does_not_count(void)
{
	struct secinsn kill = { 0x06, 0, 0, 0 };
	struct secfilter two[2];
	struct stage s;

	if (!stage_make(&s, "lacks", "lacks"))
		return;
	two[0] = (struct secfilter){ &kill, 1 }; /* added last comes first */
	two[1] = s.f;
	s.all = (struct secfilters){ two, 2, 0 };
	judge(&s, 0, true);
	is(&s.d, "");
	CHECK_U64(s.d.arch[0].danger, 0x28);
	/* its monitor has one: LXC loaded none, and the first is the guest's */
	judge(&s, 1, true);
	CHECK(!s.d.compared, "compared");
	CHECK_U64(s.d.arch[0].danger, 0x28);
	judge(&s, 2, true);
	CHECK_U64(s.d.arch[0].danger, 0);
	judge(&s, 9, true);
	CHECK_U64(s.d.n_outer, 2);
	s.all.n = 0;
	judge(&s, 0, true);
	CHECK(s.d.got && !s.d.compared && !s.d.arch[0].danger, "no filter");
	stage_done(&s);
}

/* Version 1: of its own architecture alone, and libseccomp kills the others. */
static void version_1_counts_for_one_architecture(void)
{
	struct secinsn allow_native[] = {
		{ 0x20, 0, 0, 4 },
		{ 0x15, 0, 1, AUDIT_ARCH_X86_64 },
		{ 0x06, 0, 0, 0x7fff0000 },
		{ 0x06, 0, 0, 0 },
	};
	struct secfilter f = { allow_native, 4 };
	struct stage s;

	if (!stage_make(&s, "default", "default"))
		return;
	s.all = (struct secfilters){ &f, 1, 0 };
	s.policy.native_only = true;
	s.policy.other = SECACT_KILL;
	judge(&s, 0, true);
	CHECK_U64(s.d.arch[1].let, 0); /* i386: killed, as it is to be */
	CHECK(s.d.arch[2].let == s.d.arch[2].refused, "x32 is let through");
	stage_done(&s);
}

/* ---- the rules ---- */

static size_t run(const struct rule *rule, struct stage *s, bool privileged,
		  struct findings *f)
{
	struct sec_host host = { 0 };
	struct sec_proc init = { .pid = 5, .seccomp = val_set(2) };
	struct ctsec sec = { .vmid = 101, .host = &host, .procs = &init, .n_procs = 1 };
	struct ct ct = { .vmid = 101, .here = true };

	host.ns.inode[SEC_NS_USER] = val_set(1);
	init.ns.inode[SEC_NS_USER] = val_set(privileged ? 1 : 2);
	host.ns.got = init.ns.got = SEC_GOT;
	sec.deep = s ? &s->d : NULL;
	findings_done(f);
	rule->check_sec(rule, &ct, &sec, f);
	return f->n;
}

static const struct rule *fired[32];

static void note(const struct rule *rule)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(fired) && fired[i] && fired[i] != rule)
		i++;
	fired[i] = rule;
}

static void one(const struct rule *rule, struct stage *s, bool privileged,
		enum severity severity, const char *seen)
{
	_cleanup_(findings_done) struct findings f = { 0 };

	CHECK(run(rule, s, privileged, &f) == 1, "%s: %zu", rule->id, f.n);
	if (f.n)
		note(rule);
	CHECK_STR(f.n ? f.v[0].seen : NULL, seen);
	CHECK(f.n && f.v[0].severity == severity, "%s", rule->id);
}

static const struct rule *const of_filter[] = {
	&rule_kernel_filter_danger,  &rule_kernel_filter_arch, &rule_kernel_filter_allows,
	&rule_kernel_filter_differs, &rule_kernel_filter_line,
};

static void a_container_with_lxcs_own_filter_is_silent(void)
{
	_cleanup_(findings_done) struct findings f = { 0 };
	struct secdeep unread = { .error = NULL };
	struct stage s, none = { .d = unread };

	if (!stage_make(&s, "default", "default"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(of_filter); i++) {
		CHECK(run(of_filter[i], &s, true, &f) == 0, "%s", f.v[0].seen);
		CHECK(run(of_filter[i], NULL, true, &f) == 0, "not asked for");
		CHECK(run(of_filter[i], &none, true, &f) == 0, "not read");
	}
	stage_done(&s);
}

static void each_class_is_told_with_its_calls(void)
{
	struct stage s;

	if (!stage_make(&s, "lacks", "unprivileged"))
		return;
	one(&rule_kernel_filter_danger, &s, true, SEV_ERROR,
	    "the filter lets through: kexec_load, kexec_file_load");
	one(&rule_kernel_filter_danger, &s, false, SEV_WARN,
	    "the filter lets through: kexec_load, kexec_file_load");
	one(&rule_kernel_filter_allows, &s, true, SEV_WARN,
	    "the filter lets through what /p refuses: ioctl with some arguments, "
	    "kexec_load, keyctl, socket with some arguments (x86_64, x32)");
	one(&rule_kernel_filter_differs, &s, true, SEV_INFO,
	    "the filter answers otherwise than /p says: delete_module");
	one(&rule_kernel_filter_line, &s, true, SEV_INFO,
	    "what /p says of these has no effect on programs of i386: socket (line 12)");
	stage_done(&s);
	if (!stage_make(&s, "unprivileged", "default"))
		return;
	one(&rule_kernel_filter_differs, &s, true, SEV_INFO,
	    "the filter refuses what /p lets through: ioctl with some arguments, keyctl, "
	    "socket with some arguments (x86_64, x32)");
	stage_done(&s);
}

static void they_run_where_that_was_asked_for_alone(void)
{
	const struct rule *const only[] = { &rule_kernel_filter_danger };
	struct rule_pick named = { .profile = PROFILE_PRODUCTION,
				   .only = only,
				   .n_only = 1 };
	struct rule_pick all = { .profile = PROFILE_PRODUCTION };
	enum severity s;

	for (size_t i = 0; i < ARRAY_SIZE(of_filter); i++)
		CHECK(!rule_picked(of_filter[i], &all, &s), "%s", of_filter[i]->id);
	CHECK(!rule_picked(only[0], &named, &s), "named, and not asked for");
	all.deep = named.deep = true;
	for (size_t i = 0; i < ARRAY_SIZE(of_filter); i++)
		CHECK(rule_picked(of_filter[i], &all, &s), "%s", of_filter[i]->id);
	CHECK(rule_picked(only[0], &named, &s), "named");
	CHECK(!rule_picked(of_filter[1], &named, &s), "another");
}

/* As libseccomp would make it of a policy for x86_64 alone, with other calls let through. */
static void an_architecture_that_is_left_out_is_one_finding(void)
{
	struct secinsn v[] = {
		{ 0x20, 0, 0, 4 }, /* arch */
		{ 0x15, 0, 4, AUDIT_ARCH_X86_64 },
		{ 0x20, 0, 0, 0 },                /* number */
		{ 0x54, 0, 0, ~SYSCALL_X32_BIT }, /* x32 as x86_64 */
		{ 0x15, 0, 1, 246 },              /* kexec_load */
		{ 0x06, 0, 0, 0x00050001 },
		{ 0x06, 0, 0, 0x7fff0000 },
	};
	struct secfilter f = { v, ARRAY_SIZE(v) };
	_cleanup_(findings_done) struct findings found = { 0 };
	struct stage s;

	if (!stage_make(&s, "default", "default"))
		return;
	s.all = (struct secfilters){ &f, 1, 0 };
	judge(&s, 0, true);
	one(&rule_kernel_filter_arch, &s, true, SEV_ERROR,
	    "programs of i386, x32: nothing that /p refuses is refused to them");
	one(&rule_kernel_filter_allows, &s, true, SEV_WARN,
	    "the filter lets through what /p refuses: delete_module, finit_module, "
	    "init_module, open_by_handle_at, umount2 with some arguments");
	/* all of them: that is no matter of the architecture */
	v[5].k = 0x7fff0000;
	judge(&s, 0, true);
	CHECK(run(&rule_kernel_filter_arch, &s, true, &found) == 0, "all are open");
	CHECK(run(&rule_kernel_filter_allows, &s, true, &found) == 1, "and told");
	stage_done(&s);
}

/*
 * That it keeps quiet, and says nothing of what was not read, is tested for all that are
 * listed. It needs the others to have run.
 */
static void every_rule_over_a_filter_is_listed_and_fired(void)
{
	for (size_t i = 0; i < n_rules; i++) {
		bool listed = false, seen = !fired[0]; /* without libseccomp none can */

		if (!str_starts(rules[i]->id, "kernel-filter-"))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(of_filter); k++)
			listed |= of_filter[k] == rules[i];
		for (size_t k = 0; k < ARRAY_SIZE(fired); k++)
			seen |= fired[k] == rules[i];
		CHECK(listed && seen, "%s has not its three tests", rules[i]->id);
	}
}

int main(void)
{
	RUN(what_lxc_makes_of_a_policy_is_what_it_says);
	RUN(what_is_dangerous_is_found_whatever_the_policy_is);
	RUN(a_filter_of_another_policy_differs);
	RUN(a_rule_about_arguments_is_tried_with_them);
	RUN(a_line_without_effect_is_told);
	RUN(what_the_guest_adds_does_not_count);
	RUN(version_1_counts_for_one_architecture);
	RUN(a_container_with_lxcs_own_filter_is_silent);
	RUN(each_class_is_told_with_its_calls);
	RUN(they_run_where_that_was_asked_for_alone);
	RUN(an_architecture_that_is_left_out_is_one_finding);
	RUN(every_rule_over_a_filter_is_listed_and_fired);
	return DONE();
}
