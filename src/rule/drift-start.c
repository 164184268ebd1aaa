/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>

#include "base/num.h"
#include "base/str.h"
#include "rule/drift.h"
#include "rule/mounttree.h"

#define MAX_LINES 1000 /* each is compared with each */

/*
 * What LXC reads once, at the start, and nobody changes in a running container: what it
 * was started with is what runs.
 */
static void differs(struct drift *out, const char *key, char *configured, char *running,
		    char *seen)
{
	/* with other ids a start alone breaks what its files are */
	bool ids = str_eq(key, "unprivileged") || str_eq(key, "lxc.idmap");

	drift_add(out, (struct drift_row){
			       .key = xstrdup(key),
			       .configured = configured,
			       .running = running,
			       .seen = seen,
			       .cause = DRIFT_EDITED,
			       .action = DRIFT_RESTART,
			       .fix = ids ? NULL : xasprintf("pct reboot %u", out->vmid),
		       });
}

static void compare(struct drift *out, const char *key, const char *configured,
		    const char *running, const char *seen)
{
	if (str_eq(configured, running))
		drift_same(out);
	else
		differs(out, key, xstrdup_or_null(configured), xstrdup_or_null(running),
			xasprintf("%s as it was started", seen));
}

/* One pair of quotes is no part of a value to LXC. */
static struct span unquote(struct span s)
{
	s = span_trim(s);
	if (s.n > 1 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
		return span_of(s.p + 1, s.n - 2);
	return s;
}

/* Single values */

static void arch(const struct drift_facts *f, struct drift *out)
{
	const char *want = pveconf_str(&f->ct->conf->main, "arch");

	/* a raw line counts; without the key there was no start */
	if (want && !drift_raw(f, "lxc.arch"))
		compare(out, "arch", want, lxcstart_last(f->start, "lxc.arch", true),
			"lxc.arch");
}

static void tty(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_section *s = &f->ct->conf->main;
	const char *have = lxcstart_last(f->start, "lxc.tty.max", true);
	struct val want = pveconf_u64(s, "tty"), n;
	_cleanup_free_ char *text = NULL;

	if (drift_raw(f, "lxc.tty.max") || !have ||
	    num_parse_val(span_str(have), &n) < 0 || n.kind != VAL_SET)
		return;
	if (pveconf_item(s, "tty") && want.kind != VAL_SET)
		return;
	text = xasprintf("%" PRIu64, val_or(want, 2));
	compare(out, "tty", text, have, "lxc.tty.max");
}

static void console(const struct drift_facts *f, struct drift *out)
{
	bool want = pveconf_bool(&f->ct->conf->main, "console", true);
	const char *path = lxcstart_last(f->start, "lxc.console.path", true);

	if (!drift_raw(f, "lxc.console.path"))
		compare(out, "console", want ? "1" : "0",
			str_eq(path, "none") ? "0" : "1", "lxc.console.path");
}

static void unprivileged(const struct drift_facts *f, struct drift *out)
{
	const char *map = lxcstart_last(f->start, "lxc.idmap", false);
	bool have = map && *map; /* an empty one: there is none */

	if (drift_ids_known(f))
		return; /* the kernel's word on it is better */
	compare(out, "unprivileged", ct_is_unprivileged(f->ct) ? "1" : "0",
		have ? "1" : "0", "lxc.idmap");
}

/* Lists of one key */

static void add_item(struct buf *b, struct span s)
{
	if (b->n)
		buf_adds(b, ", ");
	buf_add(b, s.p, s.n);
	if (!s.n)
		buf_adds(b, "(empty)");
}

static char *list_text(struct buf *b)
{
	return b->n ? take_ptr(b->p) : NULL;
}

/* The values of that key in the file, in order; `own`: of PVE's part, else behind it. */
static char *start_list(const struct drift_facts *f, const char *key, bool own)
{
	const struct lxcstart *s = f->start;
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = own ? 0 : s->n_own; i < (own ? s->n_own : s->n); i++)
		if (str_eq(s->v[i].key, key))
			add_item(&b, span_str(s->v[i].value));
	return list_text(&b);
}

static void env(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_item *i = pveconf_item(&f->ct->conf->main, "env");
	_cleanup_free_ char *want = NULL, *have = NULL;
	_cleanup_(buf_done) struct buf b = { 0 };
	struct span rest = i ? span_of(i->value, i->value_n) : (struct span){ 0 }, part;

	while (rest.n && span_cut(&rest, '\0', &part))
		if (part.n)
			add_item(&b, unquote(part));
	want = list_text(&b);
	have = start_list(f, "lxc.environment.runtime", false);
	compare(out, "env", want, have, "lxc.environment.runtime");
}

#define DEFAULT_INIT "/sbin/init" /* LXC's, and PVE's of entrypoint */

/* entrypoint: and raw lines make the same key, in this order. */
static void entrypoint(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_section *s = &f->ct->conf->main;
	const char *own = pveconf_str(s, "entrypoint");
	_cleanup_free_ char *want = NULL, *have = NULL;
	_cleanup_(buf_done) struct buf b = { 0 };

	if (own)
		add_item(&b, unquote(span_str(own)));
	for (size_t i = 0; i < s->n_lxc; i++)
		if (str_eq(s->lxc[i].key, "lxc.init.cmd"))
			add_item(&b,
				 unquote(span_of(s->lxc[i].value, s->lxc[i].value_n)));
	want = list_text(&b);
	have = start_list(f, "lxc.init.cmd", false);
	if (str_eq(want ? want : DEFAULT_INIT, have ? have : DEFAULT_INIT))
		drift_same(out);
	else
		compare(out, "entrypoint", want, have, "lxc.init.cmd");
}

/* Features */

static bool has_own(const struct drift_facts *f, const char *key, const char *value)
{
	for (size_t i = 0; i < f->start->n_own; i++)
		if (str_eq(f->start->v[i].key, key) &&
		    (!value || str_eq(f->start->v[i].value, value)))
			return true;
	return false;
}

static void feature(struct drift *out, const char *key, bool want, bool have,
		    const char *seen)
{
	compare(out, key, want ? "1" : "0", have ? "1" : "0", seen);
}

/* "mount fstype=nfs," is one of features: mount=; fuse has a feature of its own. */
static char *mounts_allowed(const struct drift_facts *f)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < f->start->n_own; i++) {
		struct span s = span_str(f->start->v[i].value);

		if (!str_eq(f->start->v[i].key, "lxc.apparmor.raw") ||
		    !span_skip(&s, "mount fstype=") || !span_ends(s, ","))
			continue;
		s.n--;
		if (!span_eq(s, "fuse"))
			add_item(&b, s);
	}
	return list_text(&b);
}

static char *mounts_wanted(const struct pve_features *x)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct span list = span_str(x->mount ? x->mount : ""), part;

	while (span_list(&list, &part))
		if (!span_eq(part, "fuse"))
			add_item(&b, part);
	return list_text(&b);
}

/* A profile of one's own takes the place of what these two would change. */
static void features_apparmor(const struct drift_facts *f, struct drift *out)
{
	const struct pve_features *x = &f->ct->conf->typed.features;
	_cleanup_free_ char *want = NULL, *have = NULL;

	if (drift_raw(f, "lxc.apparmor.profile") ||
	    !has_own(f, "lxc.apparmor.profile", "generated"))
		return;
	feature(out, "features.nesting", x->nesting,
		has_own(f, "lxc.apparmor.allow_nesting", "1"),
		"lxc.apparmor.allow_nesting");
	want = mounts_wanted(x);
	have = mounts_allowed(f);
	compare(out, "features.mount", want, have, "lxc.apparmor.raw");
}

/*
 * PVE's profile of an unprivileged container has a line for keyctl where the config does
 * not ask for it. What forbids it is certain; other releases may forbid it otherwise.
 */
static void feature_keyctl(const struct drift_facts *f, struct drift *out)
{
	const struct pve_features *x = &f->ct->conf->typed.features;
	struct span s = span_of((const char *)f->seccomp.p, f->seccomp.n), line;
	bool forbidden = false;

	if (!f->seccomp.p)
		return;
	while (span_line(&s, &line))
		forbidden |= span_starts(line, "keyctl ") && !span_ends(line, " allow");
	if (forbidden || x->keyctl)
		feature(out, "features.keyctl", x->keyctl, !forbidden,
			"rules.seccomp of the container");
}

static void features(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf *c = f->ct->conf;
	const struct pve_features *x = &c->typed.features;
	bool sys_mixed = has_own(f, "lxc.mount.auto", "sys:mixed");

	if (pveconf_item(&c->main, "features") && !x->line) {
		drift_add_gap(out, "features", "what the config says is no valid value");
		return;
	}
	features_apparmor(f, out);
	feature(out, "features.fuse", x->fuse,
		has_own(f, "lxc.mount.entry",
			"/dev/fuse dev/fuse none bind,create=file 0 0"),
		"lxc.mount.entry");
	if (!ct_is_unprivileged(f->ct))
		return;
	if (!drift_raw(f, "lxc.seccomp.profile") &&
	    has_own(f, "lxc.seccomp.profile", NULL)) {
		feature(out, "features.mknod", x->mknod,
			has_own(f, "lxc.seccomp.notify.cookie", NULL),
			"lxc.seccomp.notify.cookie");
		feature_keyctl(f, out);
	}
	/* older releases wrote no such line at all */
	if (sys_mixed)
		feature(out, "features.force_rw_sys", x->force_rw_sys, false,
			"lxc.mount.auto");
}

/* Raw lines */

/* Those that PVE writes among them, or that are compared elsewhere. */
static bool is_left_out(const struct drift_facts *f, const char *key)
{
	static const char *const keys[] = { "lxc.rootfs.path", "lxc.init.cmd",
					    "lxc.environment.runtime",
					    "lxc.cgroup.cpuset.cpus" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_eq(key, keys[i]))
			return true;
	return str_starts(key, "lxc.net.") || drift_is_limit(key) ||
	       (drift_ids_known(f) && str_eq(key, "lxc.idmap"));
}

static char *conf_list(const struct drift_facts *f, const char *key)
{
	const struct pveconf_section *s = &f->ct->conf->main;
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < s->n_lxc; i++)
		if (str_eq(s->lxc[i].key, key))
			add_item(&b,
				 unquote(span_of(s->lxc[i].value, s->lxc[i].value_n)));
	return list_text(&b);
}

enum answer drift_raw_edited(const struct drift_facts *f, const char *key)
{
	_cleanup_free_ char *want = NULL, *have = NULL;

	if (!drift_start_known(f))
		return ANSWER_UNKNOWN;
	want = conf_list(f, key);
	have = start_list(f, key, false);
	return str_eq(want, have) ? ANSWER_NO : ANSWER_YES;
}

static void raw_key(const struct drift_facts *f, const char *key, struct drift *out)
{
	_cleanup_free_ char *want = conf_list(f, key), *have = start_list(f, key, false);

	compare(out, key, want, have, key);
}

static bool conf_has(const struct pveconf_section *s, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(s->lxc[i].key, key))
			return true;
	return false;
}

static bool start_has(const struct lxcstart *s, size_t n, const char *key)
{
	for (size_t i = s->n_own; i < n; i++)
		if (str_eq(s->v[i].key, key))
			return true;
	return false;
}

/* Each key once, as the order of values matters within a key. */
static void raw_lines(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_section *s = &f->ct->conf->main;

	if (s->n_lxc > MAX_LINES || f->start->n > MAX_LINES) {
		drift_add_gap(out, "lxc", "there are more than %d raw lines", MAX_LINES);
		return;
	}
	for (size_t i = 0; i < s->n_lxc; i++)
		if (!is_left_out(f, s->lxc[i].key) && !conf_has(s, i, s->lxc[i].key))
			raw_key(f, s->lxc[i].key, out);
	for (size_t i = f->start->n_own; i < f->start->n; i++) {
		const char *key = f->start->v[i].key;

		if (!is_left_out(f, key) && !conf_has(s, s->n_lxc, key) &&
		    !start_has(f->start, i, key))
			raw_key(f, key, out);
	}
}

static void explain_unknown(const struct drift_facts *f, struct drift *out)
{
	static const char what[] = "what it was started with is not known: arch, tty, "
				   "console, features, entrypoint, env, raw lxc.* lines";

	if (!f->start || !f->start->present)
		drift_add_gap(out, "start", "there is no /var/lib/lxc/%u/config; %s",
			      out->vmid, what);
	else if (!f->start->of_start)
		drift_add_gap(out, "start",
			      "/var/lib/lxc/%u/config seems to be written after the "
			      "start (each pct set does that); %s",
			      out->vmid, what);
	else
		drift_add_gap(out, "start", "/var/lib/lxc/%u/config is none of PVE's; %s",
			      out->vmid, what);
}

static bool is_mounted(const struct drift_facts *f, const char *path, const char *fstype,
		       const char *root)
{
	size_t i = mounttree_bottom(f->inside, tbytes_str(path));
	const struct mount *m = i == MOUNTTREE_NONE ? NULL : &f->inside->m->v[i];

	return m && span_eq(span_of((const char *)m->fstype.p, m->fstype.n), fstype) &&
	       span_eq(span_of((const char *)m->root.p, m->root.n), root);
}

/*
 * Without the file of the start: two features leave mounts in init. That they are there
 * proves it; that they are not may be the guest's own doing.
 */
static void features_mounted(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf *c = f->ct->conf;
	const struct {
		const char *key, *path, *fstype, *root;
		bool want, other;
	} marks[] = {
		{ "features.nesting", "/dev/.lxc/proc", "proc", "/",
		  c->typed.features.nesting,
		  drift_raw(f, "lxc.apparmor.allow_nesting") != NULL },
		{ "features.fuse", "/dev/fuse", "devtmpfs", "/fuse",
		  c->typed.features.fuse, drift_raw(f, "lxc.mount.entry") != NULL },
	};

	if (!f->inside || f->inside->m->truncated || drift_raw(f, "lxc.include") ||
	    (pveconf_item(&c->main, "features") && !c->typed.features.line))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		if (marks[i].other ||
		    !is_mounted(f, marks[i].path, marks[i].fstype, marks[i].root))
			continue;
		if (marks[i].want)
			drift_same(out);
		else
			differs(out, marks[i].key, xstrdup("0"), xstrdup("1"),
				xasprintf("mountinfo of init at %s", marks[i].path));
	}
}

void drift_started(const struct drift_facts *f, struct drift *out)
{
	if (!drift_start_known(f)) {
		explain_unknown(f, out);
		features_mounted(f, out);
		return;
	}
	arch(f, out);
	unprivileged(f, out);
	tty(f, out);
	console(f, out);
	features(f, out);
	entrypoint(f, out);
	env(f, out);
	raw_lines(f, out);
}
