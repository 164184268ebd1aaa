/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/auditview.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "read/waivers.h"

#define MAX_RULES 64

struct audit_opts {
	const char *profile, *rule, *severity, *waivers;
	bool list_rules, sarif, deep;
};

#define O(field) offsetof(struct audit_opts, field)
static const struct opt opts[] = {
	{ "profile", 'p', OPT_STR, "NAME", "homelab or production (default)",
	  O(profile) },
	{ "severity", 's', OPT_STR, "LEVEL",
	  "info, warning (default) or error, and what is worse", O(severity) },
	{ "rule", 'r', OPT_STR, "ID,...",
	  "only these rules, also where the profile leaves them out, notes too",
	  O(rule) },
	{ "waivers", 'w', OPT_STR, "FILE", "in place of /" WAIVERS_PATH, O(waivers) },
	{ "deep", 0, OPT_FLAG, NULL,
	  "the seccomp filters too: stops init of each for a moment", O(deep) },
	{ "list-rules", 'l', OPT_FLAG, NULL,
	  "every rule, and its severity in each profile", O(list_rules) },
	{ "sarif", 0, OPT_FLAG, NULL,
	  "print SARIF 2.1.0, for code scanning; with --json the same", O(sarif) },
};
#undef O

/* ---- options ---- */

static int take_profile(const struct app *app, const char *name, struct audit_view *v)
{
	v->pick.profile = PROFILE_PRODUCTION;
	if (!name || rule_profile_find(span_str(name), &v->pick.profile))
		return EXIT_FINE;
	return app_error(app, EXIT_USAGE,
			 "--profile: there is no \"%s\": expected homelab or production",
			 name);
}

static int take_severity(const struct app *app, const struct audit_opts *o,
			 struct audit_view *v)
{
	v->least = o->rule ? SEV_INFO : SEV_WARN;
	if (!o->severity)
		return EXIT_FINE;
	for (int s = SEV_INFO; s <= SEV_ERROR; s++)
		if (str_eq(o->severity, severity_name((enum severity)s))) {
			v->least = (enum severity)s;
			return EXIT_FINE;
		}
	return app_error(app, EXIT_USAGE,
			 "--severity: expected info, warning or error, not \"%s\"",
			 o->severity);
}

static int take_rules(const struct app *app, const char *list, const struct rule **only,
		      struct audit_view *v)
{
	struct span s = list ? span_str(list) : (struct span){ 0 }, id;

	while (span_cut(&s, ',', &id)) {
		const struct rule *rule = rule_find(id);

		if (!rule)
			return app_error(app, EXIT_USAGE,
					 "--rule: there is no \"%.*s\": see --list-rules",
					 (int)MIN(id.n, (size_t)80), id.p);
		if (v->pick.n_only == MAX_RULES)
			return app_error(app, EXIT_USAGE, "--rule: more than %d rules",
					 MAX_RULES);
		if (rule->deep && !v->pick.deep)
			return app_error(app, EXIT_USAGE,
					 "--rule: %s is about the seccomp filter itself: "
					 "add --deep",
					 rule->id);
		only[v->pick.n_only++] = rule;
	}
	v->pick.only = only;
	if (list && !v->pick.n_only)
		return app_error(app, EXIT_USAGE, "--rule: expected the id of a rule");
	return EXIT_FINE;
}

/* An option's file is where the caller is; the usual one is the node's, or the copy's. */
static int read_waivers(const struct app *app, const char *file, struct audit_view *v)
{
	_cleanup_(strv_done) struct strv said = { 0 };
	_cleanup_free_ char *cwd = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int root = -1;
	struct err err = { 0 };
	int r;

	if (str_eq(file, "/dev/null")) /* none */
		return EXIT_FINE;
	if (file) {
		cwd = getcwd(NULL, 0);
		path = *file == '/' ? xstrdup(file)
				    : xasprintf("%s/%s", cwd ? cwd : "", file);
		r = fs_open_root("/", &root, &err);
		if (r == 0)
			r = waivers_read(root, path, file, &v->waivers, &said, &err);
	} else {
		r = waivers_read(app->rootfd, WAIVERS_PATH, "/" WAIVERS_PATH, &v->waivers,
				 &said, &err);
		if (r == -ENOENT || r == -ENOTDIR)
			return EXIT_FINE;
	}
	if (r < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	for (size_t i = 0; i < said.n; i++)
		app_warn(app, "%s", said.v[i]);
	return EXIT_FINE;
}

static uint32_t today(uint64_t real_usec)
{
	time_t t = (time_t)(real_usec / USEC_PER_SEC);
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return 0;
	return (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 +
			  tm.tm_mday);
}

/* ---- the command ---- */

static int print_view(struct app *app, const struct audit_opts *o,
		      const struct audit_view *v)
{
	if (o->sarif)
		return audit_print_sarif(v);
	if (app->json)
		return audit_print_json(v);
	if (app->table.columns)
		return audit_print_table(app, v);
	audit_print_text(v);
	return EXIT_FINE;
}

static int show(struct app *app, const struct audit_opts *o, const char *arg,
		struct audit_view *v)
{
	int r;

	v->today = today(app->now_real_usec);
	r = read_waivers(app, o->waivers, v);
	if (r == EXIT_FINE)
		r = audit_view_read(v, arg);
	if (r == EXIT_FINE)
		r = print_view(app, o, v);
	if (r != EXIT_FINE)
		return r;
	if (v->found.n)
		return EXIT_FOUND;
	if (!v->n_unread && !v->n_partly)
		return EXIT_FINE;
	if (!v->n_unread) /* each of them was told */
		return EXIT_BROKEN;
	return app_error(app, EXIT_BROKEN, "%zu of %zu containers: %s", v->n_unread,
			 v->facts.n_cts,
			 v->unread->error ? v->unread->error : "no config");
}

static int check_args(const struct app *app, const struct audit_opts *o, size_t n)
{
	if (n > 1)
		return app_error(app, EXIT_USAGE, "expected at most one container ID");
	if (o->list_rules && (n || app->table.columns || o->sarif))
		return app_error(app, EXIT_USAGE, "--list-rules goes with nothing else");
	if (o->sarif && app->table.columns)
		return app_error(app, EXIT_USAGE, "--sarif has no columns");
	return EXIT_FINE;
}

static int audit_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(audit_view_done) struct audit_view v = { .app = app };
	const struct rule *only[MAX_RULES];
	struct audit_opts o = { 0 };
	int r = opts_parse(app, &cmd_audit, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	v.pick.deep = o.deep;
	r = check_args(app, &o, pos.n);
	if (r == EXIT_FINE)
		r = take_profile(app, o.profile, &v);
	if (r == EXIT_FINE)
		r = take_severity(app, &o, &v);
	if (r == EXIT_FINE)
		r = take_rules(app, o.rule, only, &v);
	if (r != EXIT_FINE)
		return r;
	if (o.list_rules)
		return audit_print_rules(app);
	return show(app, &o, pos.n ? pos.v[0] : NULL, &v);
}

const struct cmd cmd_audit = {
	.name = "audit",
	.args = "[ID]",
	.help = "what is risky or wrong, in the config and in the kernel",
	.more = "Checks the config of every container of this node, what the kernel enforces on\n"
		"those that run, and what several of them share. Worst container first; with an\n"
		"ID also the line of the config, why it matters and the command that fixes it.\n"
		"Exit code 1 when something is found that is at least of --severity, 3 when\n"
		"nothing is found but a config could not be read, or not all processes.\n"
		"\n"
		"--deep fetches the seccomp filter of each container's init from the kernel and\n"
		"compares what it answers to every system call with the profile that LXC was told\n"
		"to take. The kernel gives it of a stopped process only (ptrace): init is stopped\n"
		"for some ten microseconds, the other processes go on. A system call that init\n"
		"waits in may end with EINTR, as after SIGCONT. What is frozen or traced is left\n"
		"alone and told.\n"
		"\n"
		"Profiles say which rules apply and how bad they are; --list-rules shows both:\n"
		"  homelab     one admin who trusts what is inside: usual trade-offs are notes or\n"
		"              left out\n"
		"  production  tenants who may be hostile: everything, scripts that root of the\n"
		"              node runs and raw lines of LXC as warnings\n"
		"\n"
		"/etc/ctscope/waivers.conf: a line for what is accepted for a while, RULE CTID\n"
		"UNTIL REASON; * is every container, RULE/KEY one key of the config only. Once\n"
		"UNTIL is over, that is a finding itself; a waiver that matches nothing is told.\n"
		"  privileged        101  2027-03-31  legacy FTP, replaced in spring\n"
		"  bind-shared-rw/mp0  *  2027-12-31  media share, on purpose\n"
		"\n"
		"  ctscope audit\n"
		"  ctscope audit 101 --severity info\n"
		"  ctscope audit 101 --deep\n"
		"  ctscope audit --profile homelab -o VMID,SEVERITY,RULE,FIX\n"
		"  ctscope audit --rule privileged,host-socket-root --json\n"
		"  ctscope audit --sarif > audit.sarif",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = audit_cols,
	.ncols = AUDIT_NCOLS,
	.run = audit_run,
};
