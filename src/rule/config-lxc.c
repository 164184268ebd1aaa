/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/hostfile.h"
#include "rule/rule.h"

/* Raw lxc.* lines: PVE hands them to LXC behind its own, as they are. */

#define REMOVE "remove it"

static const struct pveconf_lxc *own_profile(const struct ct *ct)
{
	const struct pveconf_lxc *l = rule_last_lxc(ct, "lxc.apparmor.profile");

	return l && !str_eq(l->value, "generated") ? l : NULL;
}

static void apparmor_unconfined(const struct rule *rule, const struct ct *ct,
				struct findings *out)
{
	const struct pveconf_lxc *l = own_profile(ct);

	/* "unchanged" keeps that of lxc-start, which is for a program of the node */
	if (l && (str_eq(l->value, "unconfined") || str_eq(l->value, "unchanged")))
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, REMOVE),
			    "lxc.apparmor.profile is %s%s", l->value,
			    ct_is_unprivileged(ct) ? "" : ", in a privileged container");
}

const struct rule rule_apparmor_unconfined = {
	.id = "apparmor-unconfined",
	.severity = SEV_ERROR,
	.title = "no AppArmor profile",
	.why = "AppArmor is what keeps root inside from the node's mounts, /proc and /sys "
	       "where user namespaces do not",
	.check = apparmor_unconfined,
};

static void apparmor_overrides(const struct rule *rule, const struct ct *ct,
			       struct findings *out)
{
	const struct pve_features *f = &ct->conf->typed.features;
	const struct pveconf_lxc *l = own_profile(ct);

	if (l && (f->nesting || f->mount))
		finding_add(
			out, rule, ct, l->key, l->line,
			rule_fix_edit(ct, l->line, REMOVE),
			"lxc.apparmor.profile: %s replaces the profile that would carry "
			"out features: %s (line %u)",
			l->value, f->nesting ? "nesting" : "mount", f->line);
}

const struct rule rule_apparmor_overrides_features = {
	.id = "apparmor-overrides-features",
	.severity = SEV_WARN,
	.title = "features without effect",
	.why = "PVE writes the rules of nesting and mount into a profile of its own, which "
	       "it leaves out when the config names another one: the feature is shown as "
	       "on and does not happen",
	.check = apparmor_overrides,
};

static void apparmor_incomplete(const struct rule *rule, const struct ct *ct,
				struct findings *out)
{
	const struct pveconf_lxc *l = rule_last_lxc(ct, "lxc.apparmor.allow_incomplete");

	if (l && str_eq(l->value, "1"))
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, REMOVE),
			    "lxc.apparmor.allow_incomplete: 1");
}

const struct rule rule_apparmor_incomplete = {
	.id = "apparmor-incomplete",
	.severity = SEV_WARN,
	.title = "starts although AppArmor cannot do its part",
	.why = "the container starts also where the kernel lacks mount rules of AppArmor, and "
	       "nothing says so",
	.check = apparmor_incomplete,
};

static void apparmor_raw_line(const struct rule *rule, const struct ct *ct,
			      const struct pveconf_lxc *l, struct findings *out)
{
	finding_add(out, rule, ct, l->key, l->line, NULL,
		    "a rule added to the profile: %s", l->value);
}

static void apparmor_raw(const struct rule *rule, const struct ct *ct,
			 struct findings *out)
{
	rule_each_lxc(rule, ct, "lxc.apparmor.raw", apparmor_raw_line, out);
}

const struct rule rule_apparmor_raw = {
	.id = "apparmor-raw",
	.severity = SEV_INFO,
	.production = LEVEL_WARN,
	.title = "AppArmor rules of its own",
	.why = "the line widens what the guest may do, beyond what `features` shows",
	.check = apparmor_raw,
};

static void seccomp(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pveconf_lxc *l = rule_last_lxc(ct, "lxc.seccomp.profile");

	if (l && !*l->value)
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, REMOVE),
			    "lxc.seccomp.profile is empty: no system call is filtered");
}

const struct rule rule_seccomp_cleared = {
	.id = "seccomp-cleared",
	.severity = SEV_ERROR,
	.title = "no seccomp filter",
	.why = "kexec_load, open_by_handle_at, module loading and the like are no longer "
	       "refused before they reach the kernel",
	.check = seccomp,
};

static const char nothing_dropped[] =
	"an unprivileged container has every capability anyway, over what is its own alone: "
	"LXC takes none of them away there";

static void cap_drop_line(const struct rule *rule, const struct ct *ct,
			  const struct pveconf_lxc *l, struct findings *out)
{
	bool own = ct_is_unprivileged(ct);

	if (*l->value)
		return;
	finding_add(out, rule, ct, l->key, l->line, rule_fix_edit(ct, l->line, REMOVE),
		    own ? "lxc.cap.drop is empty: without effect"
			: "lxc.cap.drop is empty: every capability that LXC takes away "
			  "is given back, on the node itself: privileged");
	if (own)
		finding_amend(out, SEV_INFO, nothing_dropped);
}

static void cap_drop(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	rule_each_lxc(rule, ct, "lxc.cap.drop", cap_drop_line, out);
}

const struct rule rule_cap_drop_cleared = {
	.id = "cap-drop-cleared",
	.severity = SEV_ERROR,
	.title = "no capability dropped",
	.why = "an empty value clears the list that LXC's own configuration made "
	       "(sys_module, sys_rawio, sys_time, mac_admin, ...)",
	.check = cap_drop,
};

static bool is_rw_mount(struct span word)
{
	return span_eq(word, "proc:rw") || span_eq(word, "sys:rw");
}

/* "cgroup:rw", "cgroup-full:rw:force" */
static bool is_rw_cgroup(struct span word)
{
	return (span_skip(&word, "cgroup:rw") || span_skip(&word, "cgroup-full:rw")) &&
	       (!word.n || span_eq(word, ":force"));
}

static const char own_cgroup[] =
	"on cgroup v2, which is all that PVE 9 has, a container's part of the tree is its own "
	"and writable without that line; on the v1 of older nodes it is the node's";

static void mount_auto_line(const struct rule *rule, const struct ct *ct,
			    const struct pveconf_lxc *l, struct findings *out)
{
	struct span words = span_of(l->value, l->value_n), word;

	while (span_field(&words, &word)) {
		bool cgroup = is_rw_cgroup(word);

		if (!cgroup && !is_rw_mount(word))
			continue;
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, REMOVE), "lxc.mount.auto: %.*s",
			    (int)word.n, word.p);
		if (cgroup)
			finding_amend(out, SEV_INFO, own_cgroup);
	}
}

static void mount_auto(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	rule_each_lxc(rule, ct, "lxc.mount.auto", mount_auto_line, out);
}

const struct rule rule_mount_auto_rw = {
	.id = "mount-auto-rw",
	.severity = SEV_WARN,
	.title = "/proc or /sys writable inside",
	.why = "parts of these are not namespaced: they are the node's",
	.check = mount_auto,
};

/* The hooks that PVE, or LXC on PVE, puts before the config's own lines. */
static const char *hook_effect(const char *key)
{
	if (str_eq(key, "lxc.hook.pre-start"))
		return "PVE's own is gone too: nothing is mounted, the container cannot "
		       "start";
	if (str_eq(key, "lxc.hook.autodev"))
		return "PVE's own is gone too: passed-through devices do not appear";
	if (str_eq(key, "lxc.hook.post-stop"))
		return "PVE's own is gone too: volumes stay mounted after a stop, pending "
		       "changes and reboots from inside are not carried out";
	return "every hook of that type is gone, those of the node's drop-ins too";
}

static void hook_cleared(const struct rule *rule, const struct ct *ct,
			 struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_lxc; i++) {
		const struct pveconf_lxc *l = &s->lxc[i];

		if (!str_starts(l->key, "lxc.hook.") || *l->value ||
		    str_eq(l->key, "lxc.hook.version"))
			continue;
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, REMOVE), "%s is empty: %s", l->key,
			    hook_effect(l->key));
	}
}

const struct rule rule_hook_cleared = {
	.id = "hook-cleared",
	.severity = SEV_ERROR,
	.title = "hooks cleared",
	.why = "an empty value does not mean nothing, it clears the list of all hooks of "
	       "that type",
	.check = hook_cleared,
};

static void hook_version(const struct rule *rule, const struct ct *ct,
			 struct findings *out)
{
	const struct pveconf_lxc *l = rule_last_lxc(ct, "lxc.hook.version");

	if (l && str_eq(l->value, "1") && ct->conf->typed.n_nets)
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, REMOVE),
			    "lxc.hook.version: 1 with a network: the start fails");
}

const struct rule rule_hook_version = {
	.id = "hook-version",
	.severity = SEV_ERROR,
	.title = "hooks get no arguments",
	.why = "PVE's network script needs the arguments that only version 0 passes: "
	       "\"Failed to create network device\"",
	.check = hook_version,
};

static const char runs_inside[] =
	"it runs at each start in the container's user namespace, as root of the container; "
	"where it fails the container stays down";

static void host_script_line(const struct rule *rule, const struct ct *ct,
			     const struct pveconf_lxc *l, struct findings *out)
{
	finding_add(out, rule, ct, l->key, l->line, NULL, "%s: %s", l->key, l->value);
	if (hostfile_is_inside(ct, l->key))
		finding_amend(out, rule->severity, runs_inside);
}

static void host_script(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;
	const char *hookscript = pveconf_str(s, "hookscript");

	if (hookscript)
		finding_add(out, rule, ct, "hookscript", rule_line(ct, "hookscript"),
			    NULL, "hookscript: %s", hookscript);
	for (size_t i = 0; i < s->n_lxc; i++)
		if (hostfile_is_program(s->lxc[i].key) && *s->lxc[i].value)
			host_script_line(rule, ct, &s->lxc[i], out);
}

const struct rule rule_host_script = {
	.id = "host-script",
	.severity = SEV_INFO,
	.production = LEVEL_WARN,
	.title = "a script of the node",
	.why = "it runs as root on the node at each start or stop; a failing pre-start keeps "
	       "the container down",
	.check = host_script,
};

static void include_line(const struct rule *rule, const struct ct *ct,
			 const struct pveconf_lxc *l, struct findings *out)
{
	finding_add(out, rule, ct, l->key, l->line, NULL, "lxc.include: %s", l->value);
}

static void lxc_include(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	rule_each_lxc(rule, ct, "lxc.include", include_line, out);
}

const struct rule rule_lxc_include = {
	.id = "lxc-include",
	.severity = SEV_INFO,
	.production = LEVEL_WARN,
	.title = "more configuration elsewhere",
	.why = "what is in that file counts as well and is not looked at here",
	.check = lxc_include,
};

/* The warning about that line, both lists being by line; *at is where to go on. */
static const struct pveconf_warning *warning_of(const struct pveconf *c, uint32_t line,
						size_t *at)
{
	while (*at < c->n_warnings && c->warnings[*at].line < line)
		(*at)++;
	if (*at < c->n_warnings && c->warnings[*at].line == line)
		return &c->warnings[*at];
	return NULL;
}

/* PVE keeps names of before LXC 3; LXC itself refuses the whole configuration then. */
static void key_refused(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	static const char renamed[] = " was renamed to ";
	const struct pveconf_section *s = &ct->conf->main;
	size_t at = 0;

	for (size_t i = 0; i < s->n_lxc; i++) {
		const struct pveconf_lxc *l = &s->lxc[i];
		const struct pveconf_warning *w = warning_of(ct->conf, l->line, &at);
		const char *to =
			w ? span_find(span_of(w->text, w->text_n), renamed) : NULL;
		_cleanup_free_ char *what = NULL;

		if (to)
			what = xasprintf("name it %s", to + strlen(renamed));
		else if (str_eq(l->key, "lxc.devtty.dir"))
			what = xstrdup(REMOVE);
		else
			continue;
		finding_add(out, rule, ct, l->key, l->line,
			    rule_fix_edit(ct, l->line, what),
			    "LXC does not know %s: it does not start", l->key);
	}
}

const struct rule rule_lxc_key_refused = {
	.id = "lxc-key-refused",
	.severity = SEV_ERROR,
	.title = "a key that LXC refuses",
	.why = "PVE keeps the line with a warning, LXC refuses the whole configuration: the "
	       "container does not start",
	.check = key_refused,
};

static void cgroup_v1(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_lxc; i++) {
		struct span key = span_str(s->lxc[i].key);

		if (!span_skip(&key, "lxc.cgroup."))
			continue;
		finding_add(out, rule, ct, s->lxc[i].key, s->lxc[i].line,
			    rule_fix_edit(ct, s->lxc[i].line,
					  "remove it; a device is given by devN"),
			    "%s: %s", s->lxc[i].key, s->lxc[i].value);
	}
}

const struct rule rule_cgroup_v1_key = {
	.id = "cgroup-v1-key",
	.severity = SEV_WARN,
	.title = "a setting of cgroup v1",
	.why = "on cgroup v2, which is all that PVE 9 has, the line has no effect",
	.check = cgroup_v1,
};

static void limit_raw(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	static const char *const limits[] = { "memory.", "cpu.", "pids.", "io." };
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_lxc; i++) {
		struct span key = span_str(s->lxc[i].key);

		if (!span_skip(&key, "lxc.cgroup2."))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(limits); k++)
			if (span_starts(key, limits[k]))
				finding_add(out, rule, ct, s->lxc[i].key, s->lxc[i].line,
					    NULL, "%s: %s", s->lxc[i].key,
					    s->lxc[i].value);
	}
}

const struct rule rule_limit_raw = {
	.id = "limit-raw",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "a limit that PVE does not show",
	.why = "it is set behind PVE's own at each start: `pct config` and the GUI show another "
	       "limit than the kernel has, until a change in PVE replaces it",
	.check = limit_raw,
};
