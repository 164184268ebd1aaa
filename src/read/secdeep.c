/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/secdeep.h"

#include <fcntl.h>
#include <linux/audit.h>

#include "base/fs.h"
#include "read/ctsec.h"
#include "read/procs.h"
#include "read/secprofile.h"
#include "read/syscall.h"

#define NUMBERS 640 /* of each architecture: all that there are, and room */

struct arch {
	uint64_t lib;   /* as libseccomp has it */
	uint32_t audit; /* as a filter sees it */
	uint32_t bit;   /* in every number */
	char *name[NUMBERS];
	int danger[32];
};

struct secnames {
	struct arch v[SECDEEP_ARCHS];
	size_t n;
	uint32_t native;
};

/* ---- names ---- */

static void name_arch(struct arch *a)
{
	for (uint32_t i = 0; i < NUMBERS; i++)
		a->name[i] = syscall_name(a->lib, i | a->bit);
	for (unsigned i = 0; secdeep_danger(i); i++)
		a->danger[i] = syscall_number(a->lib, secdeep_danger(i));
}

int secnames_new(struct secnames **ret, struct err *err)
{
	static const struct {
		uint32_t of, audit, bit;
		uint64_t lib;
	} known[] = {
		{ AUDIT_ARCH_X86_64, AUDIT_ARCH_X86_64, 0, AUDIT_ARCH_X86_64 },
		{ AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 0, AUDIT_ARCH_I386 },
		{ AUDIT_ARCH_X86_64, AUDIT_ARCH_X86_64, SYSCALL_X32_BIT, SYSCALL_X32 },
		{ AUDIT_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 0, AUDIT_ARCH_AARCH64 },
		{ AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0, AUDIT_ARCH_ARM },
	};
	struct secnames *n;

	if (syscall_number(syscall_native(), "read") < 0)
		return err_set(err, -ENOENT,
			       "no names of system calls: libseccomp.so.2 is not there");
	n = xcalloc(1, sizeof(*n));
	n->native = syscall_native();
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct arch *a = &n->v[n->n];

		if (known[i].of != n->native)
			continue;
		a->lib = known[i].lib;
		a->audit = known[i].audit;
		a->bit = known[i].bit;
		name_arch(a);
		n->n++;
	}
	*ret = n;
	return 0;
}

void secnames_free(struct secnames *n)
{
	for (size_t i = 0; n && i < n->n; i++)
		for (size_t k = 0; k < NUMBERS; k++)
			free(n->v[i].name[k]);
	free(n);
}

/* ---- what the profile says ---- */

/* The rules of one architecture by number: `first` and `next` are 1 more than an index. */
struct wanted {
	size_t first[NUMBERS];
	size_t *next;
};

static void may_add(struct secmay *m, enum secact a, uint16_t error_no)
{
	m->kill |= a == SECACT_KILL;
	m->trap |= a == SECACT_TRAP;
	m->error |= a == SECACT_ERRNO;
	m->notify |= a == SECACT_NOTIFY;
	m->allow |= a == SECACT_ALLOW;
	if (a == SECACT_ERRNO)
		m->error_no = error_no;
}

static struct secmay want_of(const struct secpolicy *p, const struct wanted *w,
			     uint32_t nr)
{
	struct secmay m = { 0 };
	bool always = false;

	for (size_t i = w->first[nr]; i && !always; i = w->next[i - 1]) {
		const struct secrule *r = &p->v[i - 1];

		always = !r->n_args;
		if (always)
			m = (struct secmay){ 0 };
		may_add(&m, r->action, r->error_no);
	}
	if (!always)
		may_add(&m, p->other, p->other_errno);
	return m;
}

static void add_line(struct secdeep *d, size_t *cap, const struct secrule *r, int arch)
{
	GROW(d->lines, d->n_lines, *cap);
	d->lines[d->n_lines++] = (struct secdeep_line){ r->line, xstrdup(r->name), arch };
}

/* Is there a call of that name all the same? Then LXC leaves a line of the profile out. */
static bool has_name(const struct arch *a, const char *name)
{
	for (size_t i = 0; i < NUMBERS; i++)
		if (a->name[i] && str_eq(a->name[i], name))
			return true;
	return false;
}

/* The number that LXC puts a rule on, negative: it puts none. */
static int number_of(const struct secnames *n, size_t arch, const struct secrule *r)
{
	const struct arch *a = &n->v[arch];
	int nr;

	if (!r->name)
		return arch || r->number >= NUMBERS ? -1 : (int)r->number;
	if (syscall_number(n->v[0].lib, r->name) == SYSCALL_UNKNOWN)
		return -1;
	nr = syscall_number(a->lib, r->name);
	return nr < 0 || ((uint32_t)nr & ~a->bit) >= NUMBERS ? -1 : nr & (int)~a->bit;
}

static void sort_rules(const struct secnames *n, const struct secpolicy *p, size_t arch,
		       struct wanted *ret, struct secdeep *d, size_t *cap)
{
	*ret = (struct wanted){ .next = xcalloc(p->n + 1, sizeof(*ret->next)) };
	for (size_t i = 0; i < p->n; i++) {
		const struct secrule *r = &p->v[i];
		int nr = number_of(n, arch, r);

		if (nr >= 0) {
			ret->next[i] = ret->first[nr];
			ret->first[nr] = i + 1;
		} else if (r->name && !arch &&
			   syscall_number(n->v[0].lib, r->name) == SYSCALL_UNKNOWN) {
			add_line(d, cap, r, -1);
		} else if (r->name && has_name(&n->v[arch], r->name)) {
			add_line(d, cap, r, (int)arch);
		}
	}
}

/* ---- what the filter says ---- */

static struct secdata call_of(const struct arch *a, uint32_t nr)
{
	struct secdata d = { 0 };

	d.word[SECDATA_NR] = nr | a->bit;
	d.word[SECDATA_ARCH] = a->audit;
	d.known[SECDATA_NR] = d.known[SECDATA_ARCH] = true;
	return d;
}

static bool refuses(const struct secmay *m)
{
	return m->kill || m->trap || m->error || m->notify;
}

/* Whoever traces it is not asked: without a tracer the call fails. */
static bool lets(const struct secmay *m)
{
	return m->allow || m->log;
}

/* The words of argument i: where the low one lies depends on the machine. */
static size_t arg_word(unsigned i, bool high)
{
	bool second = high;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	second = !high;
#endif
	return 4 + 2 * (size_t)i + second;
}

static bool holds(const struct secarg *a, uint64_t v)
{
	switch (a->op) {
	case SECOP_NE:
		return v != a->value;
	case SECOP_LT:
		return v < a->value;
	case SECOP_LE:
		return v <= a->value;
	case SECOP_EQ:
		return v == a->value;
	case SECOP_GE:
		return v >= a->value;
	case SECOP_GT:
		return v > a->value;
	case SECOP_MASKED:
		return (v & a->mask) == a->value;
	}
	return false;
}

/* Arguments for which all of the rule's conditions hold. False: none was found. */
static bool fill_args(const struct secrule *r, struct secdata *d)
{
	for (unsigned i = 0; i < r->n_args; i++) {
		const struct secarg *a = &r->args[i];
		const uint64_t tries[] = { a->value, a->value + 1, a->value - 1 };
		uint64_t v = tries[0];

		for (size_t k = 1; k < ARRAY_SIZE(tries) && !holds(a, v); k++)
			v = tries[k];
		for (unsigned k = 0; k < r->n_args; k++)
			if (r->args[k].index == a->index && !holds(&r->args[k], v))
				return false;
		d->word[arg_word(a->index, false)] = (uint32_t)v;
		d->word[arg_word(a->index, true)] = (uint32_t)(v >> 32);
		d->known[arg_word(a->index, false)] = true;
		d->known[arg_word(a->index, true)] = true;
	}
	return true;
}

/* Is there a rule for that call that refuses, and whose very case is let through? */
static bool slips(const struct secfilter *f, const struct arch *a,
		  const struct secpolicy *p, const struct wanted *w, uint32_t nr)
{
	for (size_t i = w->first[nr]; i; i = w->next[i - 1]) {
		const struct secrule *r = &p->v[i - 1];
		struct secdata d = call_of(a, nr);
		struct secmay have;

		if (r->action == SECACT_ALLOW || !r->n_args || !fill_args(r, &d))
			continue;
		secfilter_run(f, &d, &have);
		if (lets(&have))
			return true;
	}
	return false;
}

/* ---- beside each other ---- */

static bool same(const struct secmay *a, const struct secmay *b)
{
	return a->kill == b->kill && a->trap == b->trap && a->error == b->error &&
	       a->notify == b->notify &&
	       (!a->error || a->error_no == b->error_no || lets(a));
}

/* False: the filter does what the profile says. */
static bool differ(const struct secmay *want, const struct secmay *have,
		   struct secdeep_call *c)
{
	if (lets(have) && (!lets(want) || (refuses(want) && !refuses(have)))) {
		c->kind = SECDEEP_ALLOWED;
		c->some = lets(want) || refuses(have);
	} else if (lets(want) && (!lets(have) || (!refuses(want) && refuses(have)))) {
		c->kind = SECDEEP_REFUSED;
		c->some = refuses(want) || lets(have);
	} else if (!same(want, have)) {
		c->kind = SECDEEP_OTHER;
		c->some = lets(want);
	} else {
		return false;
	}
	return true;
}

struct judge {
	const struct secnames *names;
	const struct secfilters *f;
	const struct secfilter *own; /* the one that LXC loaded */
	const struct secpolicy *p;
	size_t last; /* of f: one behind the monitor's */
	struct secdeep *d;
	size_t cap, line_cap;
};

static void compare_call(struct judge *j, size_t arch, const struct wanted *w,
			 uint32_t nr)
{
	const struct arch *a = &j->names->v[arch];
	struct secdeep_arch *sum = &j->d->arch[arch];
	struct secdeep_call c = { .arch = (unsigned)arch, .number = nr | a->bit };
	struct secdata data = call_of(a, nr);
	struct secmay want = want_of(j->p, w, nr), have;
	bool diff;

	secfilter_run(j->own, &data, &have);
	diff = differ(&want, &have, &c);
	if (!diff && refuses(&want) && lets(&want) && slips(j->own, a, j->p, w, nr)) {
		c.kind = SECDEEP_ALLOWED;
		c.some = diff = true;
	}
	sum->refused += refuses(&want);
	if (!diff)
		return;
	sum->let += c.kind == SECDEEP_ALLOWED;
	c.name = xstrdup(a->name[nr]);
	GROW(j->d->v, j->d->n, j->cap);
	j->d->v[j->d->n++] = c;
}

static void compare_arch(struct judge *j, size_t arch)
{
	struct wanted *w = xcalloc(1, sizeof(*w));
	struct secpolicy none = { .other = SECACT_KILL };
	const struct secpolicy *p = j->p;

	/* of an architecture that was not asked for libseccomp kills all calls */
	if (p->native_only && arch)
		j->p = &none;
	sort_rules(j->names, j->p, arch, w, j->d, &j->line_cap);
	for (uint32_t nr = 0; nr < NUMBERS; nr++)
		if (j->names->v[arch].name[nr])
			compare_call(j, arch, w, nr);
	j->p = p;
	free(w->next);
	free(w);
}

/* By all that LXC and who started it loaded: what the guest adds itself does not count. */
static uint32_t dangers(const struct judge *j, size_t arch)
{
	const struct arch *a = &j->names->v[arch];
	uint32_t set = 0;

	for (unsigned i = 0; secdeep_danger(i); i++) {
		struct secmay all = { .allow = true };
		struct secdata d;

		if (a->danger[i] < 0)
			continue;
		d = call_of(a, (uint32_t)a->danger[i] & ~a->bit);
		for (size_t k = j->last; k < j->f->n; k++) {
			struct secmay one;

			secfilter_run(&j->f->v[k], &d, &one);
			secmay_stack(&all, &one);
		}
		set |= (uint32_t)lets(&all) << i;
	}
	return set;
}

static int cmp_call(const void *a, const void *b)
{
	const struct secdeep_call *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	if (r)
		return r;
	return x->arch != y->arch ? (x->arch > y->arch ? 1 : -1)
				  : (x->number > y->number) - (x->number < y->number);
}

void secdeep_judge(const struct secnames *n, const struct secfilters *f, size_t n_outer,
		   const struct secpolicy *p, struct secdeep *ret)
{
	/* who is filtered already gets no filter from LXC: more of them are the guest's */
	bool own = f->n && !n_outer;
	struct judge j = { .names = n, .f = f, .p = p, .d = ret };

	ret->got = true;
	ret->n_filters = f->n;
	ret->n_outer = MIN(n_outer, f->n);
	ret->stop_usec = f->stop_usec;
	ret->n_archs = n->n;
	ret->compared = own && p;
	j.last = own ? f->n - 1 : f->n - ret->n_outer;
	j.own = own ? &f->v[j.last] : NULL;
	for (size_t i = 0; i < n->n; i++) {
		ret->arch[i].name = syscall_arch_name(n->v[i].lib);
		if (f->n)
			ret->arch[i].danger = dangers(&j, i);
		if (ret->compared)
			compare_arch(&j, i);
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), cmp_call);
}

/* ---- reading ---- */

/* How many filters the monitor has: a container that it starts has them, too. */
static size_t outer_filters(int rootfd, pid_t monitor)
{
	_cleanup_(sec_proc_done) struct sec_proc p = { 0 };
	_cleanup_(buf_done) struct buf text = { 0 };
	_cleanup_close_ int proc = -1, dir = -1;
	size_t left = PROCS_STATUS_TOTAL;

	if (monitor <= 0 ||
	    fs_open(rootfd, "proc", O_PATH | O_DIRECTORY, &proc, NULL) < 0 ||
	    procs_open(proc, monitor, &dir) < 0 ||
	    procs_read_status(dir, &left, &text) < 0 ||
	    ctsec_parse_status(span_of(buf_str(&text), text.n), &p) < 0)
		return 0;
	return (size_t)val_or(p.seccomp_filters, 0);
}

/* False: there is nothing to compare with, and why is said where that is no matter of course. */
static bool read_profile(int rootfd, const struct secnames *n, const struct ct *ct,
			 uint64_t started_real_usec, struct secpolicy *ret,
			 struct secdeep *d)
{
	_cleanup_(secprofile_done) struct secprofile p = { 0 };
	struct err err = { 0 };
	int r = secprofile_read(rootfd, ct->vmid, &p, &err);

	if (r == 0 && !p.path)
		return false;
	d->profile = take_ptr(p.path);
	if (r == 0)
		r = secpolicy_parse(span_of(buf_str(&p.text), p.text.n), n->native, ret,
				    &err);
	if (r < 0) {
		d->profile_error = d->profile ? xasprintf("%s: %s", d->profile, err.msg)
					      : xstrdup(err.msg);
		return false;
	}
	d->profile_newer = started_real_usec && p.mtime_real_usec > started_real_usec;
	return true;
}

void secdeep_read(int rootfd, const struct secnames *n, const struct ct *ct,
		  uint64_t started_real_usec, struct secdeep *ret)
{
	_cleanup_(secfilters_done) struct secfilters f = { 0 };
	_cleanup_(secpolicy_done) struct secpolicy p = { 0 };
	struct secdeep d = { 0 };
	struct err err = { 0 };

	if (secfetch(rootfd, ct->vmid, ct->init_pid, ct->init_start_ticks, &f, &err) <
	    0) {
		d.error = xstrdup(err.msg);
	} else {
		bool has = read_profile(rootfd, n, ct, started_real_usec, &p, &d);

		secdeep_judge(n, &f, outer_filters(rootfd, ct->monitor_pid),
			      has ? &p : NULL, &d);
	}
	*ret = d;
}
