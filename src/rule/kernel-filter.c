/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/kernel.h"

/*
 * The seccomp filter itself, beside the profile that it was made of. Where it was not
 * asked for, or could not be had, none of these rules speaks.
 */

#define NAMED 12 /* calls in one sentence */

static const struct secdeep *deep_of(const struct ctsec *sec)
{
	return sec->deep && sec->deep->got ? sec->deep : NULL;
}

/* Nothing that the profile refuses is refused there. */
static bool is_open(const struct secdeep_arch *a)
{
	return a->refused && a->let == a->refused;
}

static size_t n_closed(const struct secdeep *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_archs; i++)
		n += !is_open(&d->arch[i]);
	return n;
}

/* Where root inside is no root of the node the kernel refuses most of it by itself. */
static void soften(const struct ctsec *sec, struct findings *out)
{
	if (!kernel_is_privileged(sec))
		out->v[out->n - 1].severity = SEV_WARN;
}

static void add_word(struct buf *b, const char *word)
{
	buf_addf(b, "%s%s", b->n ? ", " : "", word);
}

static void add_archs(struct buf *b, const struct secdeep *d, uint32_t set)
{
	_cleanup_(buf_done) struct buf names = { 0 };

	if (!set)
		return;
	for (size_t i = 0; i < d->n_archs; i++)
		if (set >> i & 1)
			add_word(&names, d->arch[i].name);
	buf_addf(b, " (%s)", buf_str(&names));
}

/* ---- what no container should call ---- */

static char *dangers(const struct secdeep *d)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	bool own = false;

	for (unsigned i = 0; secdeep_danger(i); i++) {
		uint32_t archs = 0;

		for (size_t a = 0; a < d->n_archs; a++)
			archs |= (d->arch[a].danger >> i & 1) << a;
		if (!archs)
			continue;
		own |= SECDEEP_DANGER_OWN >> i & 1;
		add_word(&b, secdeep_danger(i));
		add_archs(&b, d, archs & 1 ? 0 : archs);
	}
	return own ? take_ptr(b.p) : NULL;
}

static void danger(const struct rule *rule, const struct ct *ct, const struct ctsec *sec,
		   struct findings *out)
{
	const struct secdeep *d = deep_of(sec);
	_cleanup_free_ char *calls = d && d->n_filters ? dangers(d) : NULL, *seen = NULL;
	char *fix = NULL;

	if (!calls)
		return;
	seen = xasprintf("the filter lets through: %s", calls);
	if (d->profile)
		fix = xasprintf(
			"refuse them in %s as LXC's common.seccomp does, then pct "
			"reboot %u",
			d->profile, ct->vmid);
	kernel_add(out, rule, ct, kernel_lxc(ct, "lxc.seccomp.profile"), fix, seen);
	soften(sec, out);
}

const struct rule rule_kernel_filter_danger = {
	.id = "kernel-filter-danger",
	.severity = SEV_ERROR,
	.title = "a seccomp filter without what it is there for",
	.why = "these load code into the node's kernel, replace it, or open any file of a "
	       "file system by its number. LXC's own profile refuses them (but "
	       "kexec_file_load, which it forgets); without it only capabilities of the "
	       "node are asked for",
	.deep = true,
	.check_sec = danger,
};

/* ---- beside the profile ---- */

/*
 * "keyctl, ioctl (some arguments)" of that kind; those of architectures in `skip` are left
 * out, and where not all the others have it, they are named. NULL: none.
 */
static char *calls_of(const struct secdeep *d, enum secdeep_kind kind, uint32_t skip)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	uint32_t all = ((1U << d->n_archs) - 1) & ~skip;
	size_t n = 0;

	for (size_t i = 0, end; i < d->n; i = end) {
		uint32_t archs = 0;
		bool some = false;

		for (end = i; end < d->n && str_eq(d->v[end].name, d->v[i].name); end++) {
			if (d->v[end].kind != kind || skip >> d->v[end].arch & 1)
				continue;
			archs |= 1U << d->v[end].arch;
			some |= d->v[end].some;
		}
		if (!archs || n++ >= NAMED)
			continue;
		add_word(&b, d->v[i].name);
		if (some)
			buf_adds(&b, " with some arguments");
		add_archs(&b, d, archs == all ? 0 : archs);
	}
	if (n > NAMED)
		buf_addf(&b, " and %zu more", n - NAMED);
	return n ? take_ptr(b.p) : NULL;
}

static uint32_t open_archs(const struct secdeep *d)
{
	uint32_t set = 0;

	for (size_t i = 0; i < d->n_archs; i++)
		set |= (uint32_t)is_open(&d->arch[i]) << i;
	return n_closed(d) ? set : 0;
}

static const struct secdeep *compared(const struct ctsec *sec)
{
	const struct secdeep *d = deep_of(sec);

	return d && d->compared ? d : NULL;
}

/* It takes what the file says now, which may not be what it said at the start. */
static char *fix_reboot(const struct secdeep *d, const struct ct *ct)
{
	return d->profile_newer
		       ? xasprintf("pct reboot %u: the profile was written after "
				   "it started",
				   ct->vmid)
		       : NULL;
}

static void allowed(const struct rule *rule, const struct ct *ct, const struct ctsec *sec,
		    struct findings *out)
{
	const struct secdeep *d = compared(sec);
	_cleanup_free_ char *calls = NULL;

	if (!d)
		return;
	calls = calls_of(d, SECDEEP_ALLOWED, open_archs(d));
	if (!calls)
		return;
	finding_add(out, rule, ct, NULL, 0, fix_reboot(d, ct),
		    "the filter lets through what %s refuses: %s", d->profile, calls);
}

const struct rule rule_kernel_filter_allows = {
	.id = "kernel-filter-allows",
	.severity = SEV_WARN,
	.title = "the seccomp filter refuses less than its profile",
	.why = "what the profile is believed to refuse is not refused: a profile is read "
	       "once, at the start, and every line of it has to be known to libseccomp "
	       "(--deep)",
	.deep = true,
	.check_sec = allowed,
};

static void arch_open(const struct rule *rule, const struct ct *ct,
		      const struct ctsec *sec, struct findings *out)
{
	const struct secdeep *d = compared(sec);
	uint32_t set = d ? open_archs(d) : 0;
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; d && i < d->n_archs; i++)
		if (set >> i & 1)
			add_word(&b, d->arch[i].name);
	if (!b.n)
		return;
	finding_add(out, rule, ct, NULL, 0, fix_reboot(d, ct),
		    "programs of %s: nothing that %s refuses is refused to them",
		    buf_str(&b), d->profile);
	soften(sec, out);
}

const struct rule rule_kernel_filter_arch = {
	.id = "kernel-filter-arch",
	.severity = SEV_ERROR,
	.title = "an architecture that the seccomp filter leaves out",
	.why = "any program can call the kernel as one of that architecture does, and is "
	       "past the filter (--deep)",
	.deep = true,
	.check_sec = arch_open,
};

static void differs(const struct rule *rule, const struct ct *ct, const struct ctsec *sec,
		    struct findings *out)
{
	const struct secdeep *d = compared(sec);
	_cleanup_free_ char *refused = d ? calls_of(d, SECDEEP_REFUSED, 0) : NULL;
	_cleanup_free_ char *other = d ? calls_of(d, SECDEEP_OTHER, 0) : NULL;

	if (refused)
		finding_add(out, rule, ct, NULL, 0, fix_reboot(d, ct),
			    "the filter refuses what %s lets through: %s", d->profile,
			    refused);
	if (other)
		finding_add(out, rule, ct, NULL, 0, fix_reboot(d, ct),
			    "the filter answers otherwise than %s says: %s", d->profile,
			    other);
}

const struct rule rule_kernel_filter_differs = {
	.id = "kernel-filter-differs",
	.severity = SEV_INFO,
	.title = "the seccomp filter is not what its profile says",
	.why = "it keeps nothing less away, but a program inside that fails may fail for "
	       "this (--deep)",
	.deep = true,
	.check_sec = differs,
};

/* Of all the lines that LXC leaves out on that architecture; -1: everywhere. */
static void lines_dead(const struct rule *rule, const struct ct *ct,
		       const struct secdeep *d, int arch, struct findings *out)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < d->n_lines; i++) {
		const struct secdeep_line *l = &d->lines[i];

		if (l->arch == arch && n++ < NAMED)
			buf_addf(&b, "%s%s (line %u)", b.n ? ", " : "",
				 *l->name ? l->name : "a line that begins with a blank",
				 l->line);
	}
	if (n > NAMED)
		buf_addf(&b, " and %zu more", n - NAMED);
	if (n && arch < 0)
		finding_add(out, rule, ct, NULL, 0, NULL,
			    "%s names what libseccomp does not know: %s", d->profile,
			    buf_str(&b));
	else if (n)
		finding_add(out, rule, ct, NULL, 0, NULL,
			    "what %s says of these has no effect on programs of %s: %s",
			    d->profile, d->arch[arch].name, buf_str(&b));
}

static void line_dead(const struct rule *rule, const struct ct *ct,
		      const struct ctsec *sec, struct findings *out)
{
	const struct secdeep *d = compared(sec);

	for (int i = -1; d && i < (int)d->n_archs; i++)
		lines_dead(rule, ct, d, i, out);
}

const struct rule rule_kernel_filter_line = {
	.id = "kernel-filter-line",
	.severity = SEV_INFO,
	.title = "a line of the seccomp profile without effect",
	.why = "LXC leaves such a line out and starts the container all the same: what it was "
	       "to refuse there is not refused (--deep)",
	.deep = true,
	.check_sec = line_dead,
};
