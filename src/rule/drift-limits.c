/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>

#include "base/num.h"
#include "base/str.h"
#include "rule/drift.h"

#define MIB    1048576
#define PERIOD 100000 /* usec: of the quota that PVE writes */
#define WEIGHT 100    /* the kernel's own */
#define CPUS   8192
/* PVE takes or makes of more just that (facts: pve-node.md 1.5, 4.5) */
#define MAX_WEIGHT   UINT64_C(10000)
#define MAX_CPULIMIT UINT64_C(8192)

static const struct val no_limit = { .kind = VAL_MAX };

/* A cgroup file that holds one number, and what the config makes of it. */
struct limit {
	const char *key;  /* of the config, the row's */
	const char *file; /* "memory.max" */
	struct val want, have, start;
	uint64_t slack; /* so much is the same */
	char *(*text)(struct val v);
	bool common; /* a file of LXC's own sets it for all */
	enum drift_action action;
	char *fix; /* taken over */
};

/* Text of values */

static char *bytes_text(struct val v)
{
	if (v.kind == VAL_MAX)
		return xstrdup("no limit");
	if (v.n % MIB == 0)
		return xasprintf("%" PRIu64 " MiB", v.n / MIB);
	return xasprintf("%" PRIu64 " bytes", v.n);
}

static char *number_text(struct val v)
{
	return v.kind == VAL_MAX ? xstrdup("no limit") : xasprintf("%" PRIu64, v.n);
}

/* The quota in one period, as cpulimit says it: in CPUs. */
static char *quota_text(struct val v)
{
	uint64_t rest = v.n % PERIOD;
	unsigned digits = 5;

	if (v.kind == VAL_MAX)
		return xstrdup("no limit");
	if (!rest)
		return xasprintf("%" PRIu64, v.n / PERIOD);
	for (; rest % 10 == 0; rest /= 10)
		digits--;
	return xasprintf("%" PRIu64 ".%0*" PRIu64, v.n / PERIOD, (int)digits, rest);
}

/* Values of raw lines, as the kernel takes them */

/* "512M", "max", "1073741824" (kernel: memparse()). */
static struct val parse_bytes(const char *text)
{
	static const char suffixes[] = "KMGTPE";
	struct span s = span_trim(span_str(text));
	const char *at = s.n ? strchr(suffixes, s.p[s.n - 1] & ~0x20) : NULL;
	unsigned shift = 0;
	struct val v;

	if (at && *at) {
		shift = ((unsigned)(at - suffixes) + 1) * 10;
		s.n--;
	}
	if (num_parse_val(s, &v) < 0 || (v.kind == VAL_MAX && shift) ||
	    (v.kind == VAL_SET && v.n > UINT64_MAX >> shift))
		return (struct val){ 0 };
	v.n <<= shift;
	return v;
}

static struct val parse_number(const char *text)
{
	struct val v;

	if (num_parse_val(span_trim(span_str(text)), &v) < 0)
		return (struct val){ 0 };
	return v;
}

/* The same share of time by another period is the same limit. */
static struct val per_period(struct val quota, struct val period)
{
	if (quota.kind != VAL_SET)
		return quota;
	if (period.kind != VAL_SET || !period.n)
		return (struct val){ 0 };
	return val_set(num_muldiv(quota.n, PERIOD, period.n));
}

/* "50000 100000", "max 100000", "50000": the period stays what it is then. */
static struct val parse_quota(const char *text)
{
	struct span s = span_str(text), quota, period;
	struct val q, p = val_set(PERIOD);

	if (!span_field(&s, &quota) || num_parse_val(quota, &q) < 0)
		return (struct val){ 0 };
	if (span_field(&s, &period) && num_parse_val(period, &p) < 0)
		return (struct val){ 0 };
	return per_period(q, p);
}

/* What the config, the start and the kernel say */

static char *lxc_key(const char *file)
{
	return xasprintf("lxc.cgroup2.%s", file);
}

static struct val start_of(const struct drift_facts *f, const char *file,
			   struct val (*parse)(const char *text), struct val otherwise)
{
	_cleanup_free_ char *key = lxc_key(file);
	const char *text;

	if (!drift_start_known(f))
		return (struct val){ 0 };
	text = lxcstart_last(f->start, key, false);
	if (text)
		return parse(text);
	return drift_is_common(f, key + strlen("lxc.")) ? (struct val){ 0 } : otherwise;
}

static bool is_same(const struct limit *l, struct val a, struct val b)
{
	if (a.kind != b.kind)
		return false;
	if (a.kind != VAL_SET)
		return true;
	return a.n > b.n ? a.n - b.n <= l->slack : b.n - a.n <= l->slack;
}

static enum drift_cause cause_of(const struct limit *l)
{
	if (l->start.kind == VAL_ABSENT)
		return DRIFT_UNSURE;
	return is_same(l, l->start, l->have) ? DRIFT_EDITED : DRIFT_CHANGED;
}

static void compare(struct limit l, struct drift *out)
{
	if (l.want.kind == VAL_ABSENT)
		drift_add_gap(out, l.key, "what the config says is no valid value");
	else if (l.have.kind == VAL_ABSENT)
		drift_add_gap(out, l.key, "the kernel has no %s here", l.file);
	else if (is_same(&l, l.want, l.have))
		drift_same(out);
	else if (l.common)
		drift_add_gap(out, l.key, "a file below /usr/share/lxc/config sets %s",
			      l.file);
	else
		drift_add(out,
			  (struct drift_row){
				  .key = xstrdup(l.key),
				  .configured = l.text(l.want),
				  .running = l.text(l.have),
				  .seen = xasprintf("%s of lxc/%u", l.file, out->vmid),
				  .cause = cause_of(&l),
				  .action = l.action,
				  .fix = take_ptr(l.fix),
			  });
	free(l.fix);
}

/* A raw line comes behind what PVE makes of the config, so it is what counts. */
static bool use_raw(const struct drift_facts *f, struct limit *io,
		    struct val (*parse)(const char *text))
{
	_cleanup_free_ char *key = lxc_key(io->file);
	const struct pveconf_lxc *raw = drift_raw(f, key);

	if (!raw || !*raw->value)
		return false;
	io->want = parse(raw->value);
	io->action = DRIFT_RESTART;
	/* the kernel counts in pages */
	io->slack = parse == parse_bytes ? 65535 : 0;
	free(take_ptr(io->fix));
	return true;
}

/* Another value that PVE takes. */
static uint64_t other(uint64_t value, uint64_t max)
{
	return value < max ? value + 1 : max - 1;
}

/*
 * pct does nothing about a value that the config has already: it is set to another one
 * and back. NULL: the config has none.
 */
static char *fix_twice(uint32_t vmid, const char *key, uint64_t other, const char *value)
{
	if (!value)
		return xasprintf("pct set %u --%s %" PRIu64 " && pct set %u --delete %s",
				 vmid, key, other, vmid, key);
	return xasprintf("pct set %u --%s %" PRIu64 " && pct set %u --%s %s", vmid, key,
			 other, vmid, key, value);
}

/* Memory and swap */

/* PVE's number of MiB; absent: there is a value that is none. */
static struct val mib_of(const struct drift_facts *f, const char *key, uint64_t otherwise)
{
	const struct pveconf_section *s = &f->ct->conf->main;
	struct val v;

	if (!pveconf_item(s, key))
		return val_set(otherwise);
	v = pveconf_u64(s, key);
	return v.kind == VAL_SET && v.n > UINT64_MAX / MIB ? (struct val){ 0 } : v;
}

/* memory.high of so many bytes of memory.max (facts: pve-node.md 4.5). */
static struct val high_of(struct val max)
{
	uint64_t mib = max.n / MIB;

	if (max.kind != VAL_SET)
		return max;
	if (mib >= UINT64_C(16) * 1024)
		return val_set(max.n - UINT64_C(128) * MIB);
	return val_set(mib * 1024 * 1016);
}

static void memory_high(const struct drift_facts *f, const struct limit *max,
			struct val own, struct drift *out)
{
	struct limit l = {
		.key = "memory.high",
		.file = "memory.high",
		.want = high_of(own),
		.have = f->ct->memory.high_bytes,
		.start = start_of(f, "memory.high", parse_bytes, no_limit),
		.text = bytes_text,
		.action = max->action,
		.fix = xstrdup_or_null(max->fix),
	};
	bool raw = use_raw(f, &l, parse_bytes);

	/* releases of PVE before 4.4-4 of pve-container do not set it */
	if (!raw && l.have.kind == VAL_MAX && l.start.kind != VAL_SET)
		l.want = l.have;
	/* it goes with memory.max: one row tells of both */
	if (!raw && !is_same(max, max->want, max->have) &&
	    is_same(&l, high_of(max->have), l.have))
		l.want = l.have;
	compare(l, out);
}

static void memory(const struct drift_facts *f, struct drift *out)
{
	struct val mib = mib_of(f, "memory", 512);
	struct limit l = {
		.key = "memory",
		.file = "memory.max",
		.have = f->ct->memory.max_bytes,
		.start = start_of(f, "memory.max", parse_bytes, no_limit),
		.text = bytes_text,
		.action = DRIFT_HOTPLUG,
	};
	_cleanup_free_ char *value = NULL;
	struct limit again;
	struct val own = { 0 };

	if (mib.kind == VAL_SET && !mib.n)
		mib.n = 512;
	if (mib.kind == VAL_SET) {
		l.want = own = val_set(mib.n * MIB);
		value = xasprintf("%" PRIu64, mib.n);
		/* the kernel kills for what is used above the limit it is given */
		if (val_or(f->ct->memory.current_bytes, 0) <= own.n)
			l.fix = fix_twice(out->vmid, "memory", mib.n + 1, value);
	}
	use_raw(f, &l, parse_bytes);
	again = l;
	again.fix = xstrdup_or_null(l.fix);
	compare(l, out);
	if (own.kind != VAL_ABSENT && again.have.kind != VAL_ABSENT)
		memory_high(f, &again, own, out);
	free(again.fix);
}

static void swap(const struct drift_facts *f, struct drift *out)
{
	struct val mib = mib_of(f, "swap", 0);
	struct limit l = {
		.key = "swap",
		.file = "memory.swap.max",
		.have = f->ct->memory.swap_max_bytes,
		.start = start_of(f, "memory.swap.max", parse_bytes, no_limit),
		.text = bytes_text,
		.action = DRIFT_HOTPLUG,
	};
	_cleanup_free_ char *value = NULL;

	if (mib.kind == VAL_SET) {
		l.want = val_set(mib.n * MIB);
		value = xasprintf("%" PRIu64, mib.n);
		l.fix = fix_twice(out->vmid, "swap", mib.n + 1, value);
	}
	use_raw(f, &l, parse_bytes);
	compare(l, out);
}

/* CPU */

static void cpulimit(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_item *i = pveconf_item(&f->ct->conf->main, "cpulimit");
	struct limit l = {
		.key = "cpulimit",
		.file = "cpu.max",
		.want = no_limit,
		.have = per_period(f->ct->cpu.max_quota_usec, f->ct->cpu.max_period_usec),
		.start = start_of(f, "cpu.max", parse_quota, no_limit),
		.slack = 1, /* Perl multiplies a binary fraction */
		.text = quota_text,
		.action = DRIFT_HOTPLUG,
	};
	uint64_t quota = 0;

	if (i &&
	    (!i->valid || num_parse_fixed(span_of(i->value, i->value_n), 5, &quota) < 0))
		l.want = (struct val){ 0 };
	else if (quota)
		l.want = val_set(quota);
	/* 0 while it runs is a quota that the kernel refuses: without the key it is none */
	l.fix = fix_twice(out->vmid, "cpulimit", other(quota / PERIOD, MAX_CPULIMIT),
			  quota ? i->value : NULL);
	if (!use_raw(f, &l, parse_quota))
		l.common = !quota && drift_is_common(f, "cgroup2.cpu.max");
	compare(l, out);
}

static void cpuunits(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_section *s = &f->ct->conf->main;
	const struct pveconf_item *i = pveconf_item(s, "cpuunits");
	struct limit l = {
		.key = "cpuunits",
		.file = "cpu.weight",
		.want = i ? pveconf_u64(s, "cpuunits") : val_set(WEIGHT),
		.have = f->ct->cpu.weight,
		.start = start_of(f, "cpu.weight", parse_number, val_set(WEIGHT)),
		.text = number_text,
		.action = DRIFT_HOTPLUG,
	};

	if (l.want.kind == VAL_SET && !l.want.n)
		l.want = (struct val){ 0 }; /* the kernel refuses it */
	l.want.n = MIN(l.want.n, MAX_WEIGHT);
	l.fix = fix_twice(out->vmid, "cpuunits", other(l.want.n, MAX_WEIGHT),
			  i ? i->value : NULL);
	if (!use_raw(f, &l, parse_number))
		l.common = !i && drift_is_common(f, "cgroup2.cpu.weight");
	compare(l, out);
}

/* Processes: PVE has no key for it. */
static void pids(const struct drift_facts *f, struct drift *out)
{
	struct limit l = {
		.key = "pids.max",
		.file = "pids.max",
		.want = no_limit,
		.have = f->ct->pids.max,
		.start = start_of(f, "pids.max", parse_number, no_limit),
		.text = number_text,
		.action = DRIFT_RESTART,
	};

	l.fix = xasprintf("echo max > /sys/fs/cgroup/lxc/%u/pids.max", out->vmid);
	if (!use_raw(f, &l, parse_number))
		l.common = drift_is_common(f, "cgroup2.pids.max");
	compare(l, out);
}

/* CPU sets */

struct cpus {
	uint64_t v[CPUS / 64];
	unsigned n;
};

/* "0-3,8"; empty: none. */
static bool parse_cpus(const char *text, struct cpus *ret)
{
	struct span s = span_trim(span_str(text)), part, first;
	struct cpus c = { 0 };

	while (s.n && span_cut(&s, ',', &part)) {
		uint32_t a, b;
		bool range;

		part = span_trim(part);
		range = memchr(part.p, '-', part.n) != NULL;
		if (!span_cut(&part, '-', &first) || num_parse_u32(first, &a) < 0)
			return false;
		b = a;
		if ((range && num_parse_u32(part, &b) < 0) || b < a || b >= CPUS)
			return false;
		for (; a <= b; a++)
			c.v[a / 64] |= UINT64_C(1) << a % 64;
	}
	for (size_t i = 0; i < ARRAY_SIZE(c.v); i++)
		c.n += (unsigned)__builtin_popcountll(c.v[i]);
	*ret = c;
	return true;
}

static char *cpus_text(unsigned n, const char *list)
{
	if (!list)
		return xasprintf("%u CPU%s", n, n == 1 ? "" : "s");
	return xasprintf("%u CPU%s (%s)", n, n == 1 ? "" : "s", list);
}

static void raw_cpuset(const struct pveconf_lxc *raw, const struct drift_facts *f,
		       struct drift *out)
{
	const char *have_text = f->ct->cpuset.cpus;
	struct cpus want, have;

	if (!have_text) {
		drift_add_gap(out, raw->key, "the kernel has no cpuset.cpus here");
	} else if (!parse_cpus(raw->value, &want) || !parse_cpus(have_text, &have)) {
		drift_add_gap(out, raw->key, "\"%s\" is no list of CPUs", raw->value);
	} else if (memcmp(want.v, have.v, sizeof(want.v)) == 0) {
		drift_same(out);
	} else {
		drift_add(out,
			  (struct drift_row){
				  .key = xstrdup(raw->key),
				  .configured = xstrdup(raw->value),
				  .running = xstrdup(*have_text ? have_text : "all"),
				  .seen = xasprintf("cpuset.cpus of lxc/%u", out->vmid),
				  .cause = DRIFT_UNSURE,
				  .action = DRIFT_RESTART,
			  });
	}
}

/* pvestatd corrects it, but not that of a config with a line for it, also of cgroup v1. */
static void add_cores(const struct drift_facts *f, uint64_t want, unsigned have,
		      const char *text, struct drift *out)
{
	bool left = drift_raw(f, "lxc.cgroup.cpuset.cpus") != NULL;

	drift_add(out,
		  (struct drift_row){
			  .key = xstrdup("cores"),
			  .configured = cpus_text((unsigned)want, NULL),
			  .running = cpus_text(have, text),
			  .seen = xasprintf("cpuset.cpus.effective of lxc/%u", out->vmid),
			  .cause = DRIFT_UNSURE,
			  .action = left ? DRIFT_RESTART : DRIFT_NOTHING,
			  .fix = left ? xasprintf("pct reboot %u", out->vmid)
				      : xstrdup("pvestatd sets it within ten "
						"seconds: does it run?"),
		  });
}

/* Which CPUs is nobody's promise: pvestatd moves them. How many is. */
static void cores(const struct drift_facts *f, struct drift *out)
{
	const struct pveconf_section *s = &f->ct->conf->main;
	const struct pveconf_lxc *raw = drift_raw(f, "lxc.cgroup2.cpuset.cpus");
	const char *text = f->ct->cpuset.cpus_effective;
	struct val cores = pveconf_u64(s, "cores");
	struct cpus have;
	uint64_t want;

	if (raw && *raw->value) {
		raw_cpuset(raw, f, out);
		return;
	}
	if (pveconf_item(s, "cores") && cores.kind != VAL_SET) {
		drift_add_gap(out, "cores", "what the config says is no valid value");
		return;
	}
	if (!text || !parse_cpus(text, &have) || !have.n || f->cpus.kind != VAL_SET ||
	    drift_is_common(f, "cgroup2.cpuset.cpus")) {
		drift_add_gap(out, "cores", "the CPUs it may use are not known");
		return;
	}
	want = cores.kind == VAL_SET && cores.n ? MIN(cores.n, f->cpus.n) : f->cpus.n;
	if (want == have.n)
		drift_same(out);
	else
		add_cores(f, want, have.n, text, out);
}

static const char *const files[] = { "memory.max", "memory.high", "memory.swap.max",
				     "cpu.max",    "cpu.weight",  "pids.max",
				     "cpuset.cpus" };

bool drift_is_limit(const char *key)
{
	static const char prefix[] = "lxc.cgroup2.";

	if (!str_starts(key, prefix))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (str_eq(key + strlen(prefix), files[i]))
			return true;
	return false;
}

/* PVE 7 and 8 with cgroup v1: no controller is in the v2 tree. */
static bool has_limits(const struct ct *ct)
{
	return ct->memory.max_bytes.kind != VAL_ABSENT ||
	       ct->pids.max.kind != VAL_ABSENT ||
	       ct->cpu.max_quota_usec.kind != VAL_ABSENT || ct->cpuset.cpus;
}

void drift_limits(const struct drift_facts *f, struct drift *out)
{
	if (!has_limits(f->ct)) {
		drift_add_gap(out, "limits",
			      "lxc/%u of cgroup v2 has no controller: limits that are "
			      "set by cgroup v1 are not looked at",
			      out->vmid);
		return;
	}
	memory(f, out);
	swap(f, out);
	cpulimit(f, out);
	cpuunits(f, out);
	cores(f, out);
	pids(f, out);
}
