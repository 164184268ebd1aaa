/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/secpolicy.h"

#include <linux/audit.h>
#include <sys/mount.h>

#include "base/num.h"

struct parser {
	struct span text;
	uint32_t line;
	uint32_t arch;
	enum secact missing; /* what a call without an action gets */
	struct secpolicy p;
	size_t cap;
	struct err *err;
};

void secpolicy_done(struct secpolicy *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].name);
	free(p->v);
	*p = (struct secpolicy){ 0 };
}

static int refuse(struct parser *ps, const char *what)
{
	return err_set(ps->err, -EINVAL, "line %u: %s", ps->line, what);
}

static bool next_line(struct parser *ps, struct span *ret)
{
	ps->line++;
	return span_line(&ps->text, ret);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span skip_space(struct span s)
{
	while (s.n && is_space(s.p[0]))
		s = span_of(s.p + 1, s.n - 1);
	return s;
}

static struct span skip_blanks(struct span s)
{
	while (s.n && s.p[0] == ' ')
		s = span_of(s.p + 1, s.n - 1);
	return s;
}

/* As scanf's %d reads one off the front: what is behind it is of no interest. */
static bool number_at(struct span *s, int32_t *ret)
{
	struct span num = skip_space(*s), rest;
	bool minus = num.n && num.p[0] == '-';
	uint64_t n;

	if (num.n && (minus || num.p[0] == '+'))
		num = span_of(num.p + 1, num.n - 1);
	rest = span_after_digits(num);
	if (num_parse_u64(span_of(num.p, num.n - rest.n), &n) < 0 || n > INT32_MAX)
		return false;
	*ret = minus ? -(int32_t)n : (int32_t)n;
	*s = rest;
	return true;
}

/* By its beginning alone: "killed" is a kill, too. False: none of them. */
static bool action_of(struct span s, enum secact *ret, uint16_t *ret_errno)
{
	static const struct {
		const char *name;
		enum secact action;
	} names[] = {
		{ "kill", SECACT_KILL },     { "errno", SECACT_ERRNO },
		{ "allow", SECACT_ALLOW },   { "trap", SECACT_TRAP },
		{ "notify", SECACT_NOTIFY },
	};
	int32_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!span_skip(&s, names[i].name))
			continue;
		if (names[i].action == SECACT_ERRNO && !number_at(&s, &n))
			return false;
		*ret = names[i].action;
		*ret_errno = (uint16_t)n; /* of more bits only these are taken */
		return true;
	}
	return false;
}

static bool op_of(struct span s, enum secop *ret)
{
	static const char *const names[][2] = {
		[SECOP_NE] = { "SCMP_CMP_NE", "!=" },
		[SECOP_LT] = { "SCMP_CMP_LT", "<" },
		[SECOP_LE] = { "SCMP_CMP_LE", "<=" },
		[SECOP_EQ] = { "SCMP_CMP_EQ", "==" },
		[SECOP_GE] = { "SCMP_CMP_GE", ">=" },
		[SECOP_GT] = { "SCMP_CMP_GT", ">" },
		[SECOP_MASKED] = { "SCMP_CMP_MASKED_EQ", "&=" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (span_eq(s, names[i][0]) || span_eq(s, names[i][1])) {
			*ret = (enum secop)i;
			return true;
		}
	return false;
}

/* As strtoull() with base 0 takes it: 0x for hex, 0 for octal. */
static bool number_of(struct span s, uint64_t *ret)
{
	unsigned base = 10;
	uint64_t n = 0;

	s = skip_space(s);
	if (s.n > 1 && s.p[0] == '0') {
		base = s.p[1] == 'x' || s.p[1] == 'X' ? 16 : 8;
		s = span_of(s.p + (base == 16 ? 2 : 1), s.n - (base == 16 ? 2 : 1));
	}
	if (!s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
			     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
			     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
						    : 16;

		if (d >= base || n > (UINT64_MAX - d) / base)
			return false;
		n = n * base + d;
	}
	*ret = n;
	return true;
}

/* "[1,0x9400,SCMP_CMP_MASKED_EQ,0xff00", as far as the bracket that closes it. */
static bool arg_of(struct span s, struct secarg *ret)
{
	struct secarg a = { 0 };
	struct span f[4] = { 0 };
	uint64_t index;
	size_t n = 0;

	while (n < ARRAY_SIZE(f) && span_cut(&s, ',', &f[n]))
		n++;
	if (n < 3 || !number_of(f[0], &index) || index >= SECPOLICY_ARGS ||
	    !number_of(f[1], &a.value) || !op_of(f[2], &a.op))
		return false;
	if (n > 3 && !number_of(f[3], &a.mask))
		return false;
	a.index = (uint8_t)index;
	*ret = a;
	return true;
}

static int take_args(struct parser *ps, struct span line, struct secrule *r)
{
	struct span part;

	if (!memchr(line.p, '[', line.n))
		return 0;
	while (r->n_args < SECPOLICY_ARGS && span_cut(&line, ']', &part)) {
		const char *open = part.n ? memchr(part.p, '[', part.n) : NULL;

		/* LXC takes what is behind the last bracket for one more, and starts not */
		if (!open && !part.n)
			continue;
		if (!open ||
		    !arg_of(span_of(open + 1, (size_t)(part.p + part.n - open) - 1),
			    &r->args[r->n_args]))
			return refuse(ps, "no condition on an argument");
		r->n_args++;
	}
	return 0;
}

static void add(struct parser *ps, const struct secrule *r)
{
	GROW(ps->p.v, ps->p.n, ps->cap);
	ps->p.v[ps->p.n++] = *r;
}

/* umount2() with MNT_FORCE, whatever action is written behind it. */
static struct secrule force_umount(uint32_t line)
{
	return (struct secrule){
		.line = line,
		.name = xstrdup("umount2"),
		.action = SECACT_ERRNO,
		.error_no = EACCES,
		.args = { { 1, SECOP_MASKED, MNT_FORCE, MNT_FORCE } },
		.n_args = 1,
	};
}

static int take_rule(struct parser *ps, struct span line)
{
	struct secrule r = { .line = ps->line, .action = ps->missing };
	struct span rest = line, name = { 0 };
	int e;

	(void)span_cut(&rest, ' ', &name);
	rest = skip_blanks(rest);
	if (rest.n && rest.p[0] != '#' && !action_of(rest, &r.action, &r.error_no))
		return refuse(ps, "no action that LXC knows");
	e = take_args(ps, line, &r);
	if (e < 0)
		return e;
	if (ps->p.n == SECPOLICY_MAX_RULES)
		return refuse(ps, "more rules than anybody needs");
	if (span_starts(name, "reject_force_umount"))
		r = force_umount(ps->line);
	else
		r.name = span_dup(name);
	add(ps, &r);
	return 0;
}

/* Whether its lines count here; -EINVAL: LXC knows no such architecture. */
static int section(const struct parser *ps, struct span line)
{
	static const struct {
		const char *name;
		uint32_t of[2]; /* machines that run it */
	} known[] = {
		{ "x86", { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 } },
		{ "x32", { AUDIT_ARCH_X86_64 } },
		{ "x86_64", { AUDIT_ARCH_X86_64 } },
		{ "arm", { AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM } },
		{ "arm64", { AUDIT_ARCH_AARCH64 } },
		{ "ppc64le", { 0 } },
		{ "ppc64", { 0 } },
		{ "ppc", { 0 } },
		{ "mips64", { 0 } },
		{ "mips64n32", { 0 } },
		{ "mips", { 0 } },
		{ "mipsel64", { 0 } },
		{ "mipsel64n32", { 0 } },
		{ "mipsel", { 0 } },
		{ "s390x", { 0 } },
		{ "s390", { 0 } },
		{ "loongarch64", { 0 } },
	};
	struct span name = span_of(line.p + 1, line.n - 1);

	if (!span_ends(name, "]"))
		return -EINVAL;
	name.n--;
	if (span_eq(name, "all") || span_eq(name, "ALL"))
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (span_eq_nocase(name, known[i].name))
			return known[i].of[0] == ps->arch || known[i].of[1] == ps->arch;
	return -EINVAL;
}

static int take_v2(struct parser *ps)
{
	struct span line;
	bool counts = true;
	int r = 0;

	while (r == 0 && next_line(ps, &line)) {
		if (!line.n || line.p[0] == '#')
			continue;
		/* a NUL ends the line for LXC */
		if (memchr(line.p, '\0', line.n))
			line.n = (size_t)((const char *)memchr(line.p, '\0', line.n) -
					  line.p);
		if (line.n && line.p[0] == '[') {
			int s = section(ps, line);

			if (s < 0)
				return refuse(ps,
					      "an architecture that LXC does not know");
			counts = s;
		} else if (line.n && counts) {
			r = take_rule(ps, line);
		}
	}
	return r;
}

static int take_v1(struct parser *ps)
{
	struct secrule r = { .action = SECACT_ALLOW };
	struct span line;
	int32_t n;

	ps->p.native_only = true;
	ps->p.other = SECACT_KILL;
	while (next_line(ps, &line)) {
		r.line = ps->line;
		if (ps->p.n == SECPOLICY_MAX_RULES || !number_at(&line, &n) || n < 0)
			return refuse(ps, "expected the number of a system call");
		r.number = (uint32_t)n;
		add(ps, &r);
	}
	return 0;
}

/* "denylist", "allowlist trap": what becomes of calls without a rule, and of rules alone. */
static int take_style(struct parser *ps, struct span line)
{
	bool deny = span_starts(line, "denylist") || span_starts(line, "blacklist");
	struct span rest = line, style = { 0 };

	if (!deny && !span_starts(line, "allowlist") && !span_starts(line, "whitelist"))
		return refuse(ps, "expected denylist or allowlist");
	ps->p.other = deny ? SECACT_ALLOW : SECACT_KILL;
	ps->missing = deny ? SECACT_KILL : SECACT_ALLOW;
	(void)span_cut(&rest, ' ', &style);
	rest = skip_blanks(rest);
	if (rest.n && !action_of(rest, &ps->p.other, &ps->p.other_errno))
		return refuse(ps, "no action that LXC knows");
	return 0;
}

/* White space of any kind, as many lines as it takes. */
static void skip_lines(struct parser *ps)
{
	while (ps->text.n && is_space(ps->text.p[0])) {
		ps->line += ps->text.p[0] == '\n';
		ps->text = span_of(ps->text.p + 1, ps->text.n - 1);
	}
}

static int parse(struct parser *ps)
{
	struct span line = { 0 };
	int32_t version;
	int r;

	ps->line = 1;
	skip_lines(ps);
	if (!number_at(&ps->text, &version) || (version != 1 && version != 2))
		return refuse(ps, "expected the version, 1 or 2");
	skip_lines(ps);
	if (!span_line(&ps->text, &line))
		return refuse(ps, "expected denylist or allowlist");
	if (span_find(line, "debug"))
		return refuse(ps, "LXC has no debug yet");
	if (version == 1)
		return span_find(line, "allowlist")
			       ? take_v1(ps)
			       : refuse(ps, "version 1 has allowlists only");
	r = take_style(ps, line);
	return r < 0 ? r : take_v2(ps);
}

int secpolicy_parse(struct span text, uint32_t arch, struct secpolicy *ret,
		    struct err *err)
{
	struct parser ps = { .text = text, .arch = arch, .err = err };
	int r;

	if (arch != AUDIT_ARCH_X86_64 && arch != AUDIT_ARCH_AARCH64)
		return err_set(err, -ENOTSUP, "not known for this machine");
	r = parse(&ps);
	if (r < 0) {
		secpolicy_done(&ps.p);
		return r;
	}
	*ret = ps.p;
	return 0;
}
