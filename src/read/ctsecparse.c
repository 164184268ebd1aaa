/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/num.h"
#include "read/ctsec.h"

#define MAX_DEV_RULES 4096

static int parse_ids(struct span rest, uint32_t ret[4])
{
	struct span f;

	for (size_t i = 0; i < 4; i++)
		if (!span_field(&rest, &f) || num_parse_u32(f, &ret[i]) < 0)
			return -EINVAL;
	return 0;
}

static int parse_uid(struct span rest, struct sec_proc *p)
{
	return parse_ids(rest, p->uid);
}

static int parse_gid(struct span rest, struct sec_proc *p)
{
	return parse_ids(rest, p->gid);
}

/* The pid in the namespace next to the host's; those further in the guest made. */
static int parse_nspid(struct span rest, struct sec_proc *p)
{
	struct span f;
	uint32_t pid;

	if (!span_field(&rest, &f))
		return -EINVAL;
	if (!span_field(&rest, &f))
		return 0;
	if (num_parse_u32(f, &pid) < 0 || pid > INT32_MAX)
		return -EINVAL;
	p->ct_pid = (pid_t)pid;
	return 0;
}

static int parse_number(struct span rest, bool hex, struct val *ret)
{
	struct span f, more;
	uint64_t n;

	if (ret->kind != VAL_ABSENT || !span_field(&rest, &f) ||
	    span_field(&rest, &more) ||
	    (hex ? num_parse_hex(f, &n) : num_parse_u64(f, &n)) < 0)
		return -EINVAL;
	*ret = val_set(n);
	return 0;
}

#define NUMBER(name, field, hex)                                                         \
	static int parse_##name(struct span rest, struct sec_proc *p)                    \
	{                                                                                \
		return parse_number(rest, hex, &p->field);                               \
	}

NUMBER(inh, caps.inheritable, true)
NUMBER(prm, caps.permitted, true)
NUMBER(eff, caps.effective, true)
NUMBER(bnd, caps.bounding, true)
NUMBER(amb, caps.ambient, true)
NUMBER(nnp, no_new_privs, false)
NUMBER(seccomp, seccomp, false)
NUMBER(filters, seccomp_filters, false)

static const struct {
	const char *key;
	int (*parse)(struct span rest, struct sec_proc *p);
	bool needed;
} keys[] = {
	{ "Uid:", parse_uid, true },
	{ "Gid:", parse_gid, true },
	{ "CapEff:", parse_eff, true },
	{ "NSpid:", parse_nspid, false },
	{ "CapInh:", parse_inh, false },
	{ "CapPrm:", parse_prm, false },
	{ "CapBnd:", parse_bnd, false },
	{ "CapAmb:", parse_amb, false },
	{ "NoNewPrivs:", parse_nnp, false },
	{ "Seccomp:", parse_seccomp, false },
	{ "Seccomp_filters:", parse_filters, false },
};

static int parse_line(struct span line, unsigned *seen, struct sec_proc *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!span_skip(&line, keys[i].key))
			continue;
		if (*seen & 1U << i)
			return -EINVAL;
		*seen |= 1U << i;
		return keys[i].parse(line, p);
	}
	return 0;
}

int ctsec_parse_status(struct span text, struct sec_proc *p)
{
	struct sec_proc s = *p;
	struct span line;
	unsigned seen = 0;

	/* the name is escaped by the kernel here: a line is a line */
	while (span_line(&text, &line))
		if (parse_line(line, &seen, &s) < 0)
			return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].needed && !(seen & 1U << i))
			return -EINVAL;
	*p = s;
	return 0;
}

static enum sec_aa_mode mode_of(struct span word)
{
	static const struct {
		const char *word;
		enum sec_aa_mode mode;
	} modes[] = {
		{ "enforce", SEC_AA_ENFORCE }, { "complain", SEC_AA_COMPLAIN },
		{ "kill", SEC_AA_KILL },       { "unconfined", SEC_AA_UNCONFINED },
		{ "mixed", SEC_AA_MIXED },     { "user", SEC_AA_PROMPT },
		{ "prompt", SEC_AA_PROMPT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (span_eq(word, modes[i].word))
			return modes[i].mode;
	return SEC_AA_UNKNOWN;
}

/* Cuts " (enforce)" off; the kernel writes it last, whatever stands in the names. */
static enum sec_aa_mode cut_mode(struct span *label)
{
	struct span word;
	size_t at;

	if (span_eq(*label, "unconfined"))
		return SEC_AA_UNCONFINED;
	if (!span_ends(*label, ")"))
		return SEC_AA_UNKNOWN;
	for (at = label->n - 1; at && label->p[at] != '('; at--)
		;
	if (!at || label->p[at - 1] != ' ')
		return SEC_AA_UNKNOWN;
	word = span_of(label->p + at + 1, label->n - at - 2);
	label->n = at - 1;
	return mode_of(word);
}

/* ":lxc-101_<-var-lib-lxc>:unconfined"; some kernels write "://" before the profile. */
static void take_namespaced(struct span part, struct sec_label *l)
{
	struct span ns = { part.p, 0 };

	part.p++;
	part.n--;
	if (l->ns)
		return; /* the first of them is the one that LXC made */
	span_cut(&part, ':', &ns);
	span_skip(&part, "//");
	l->ns = span_dup(ns);
	l->inner = span_dup(part);
}

/* Stacked profiles stand between "//&". */
static bool cut_part(struct span *label, struct span *ret)
{
	const char *at;

	if (!label->p)
		return false;
	at = span_find(*label, "//&");
	if (!at) {
		*ret = *label;
		*label = (struct span){ 0 };
		return true;
	}
	*ret = span_of(label->p, (size_t)(at - label->p));
	label->n -= ret->n + 3;
	label->p = at + 3;
	return true;
}

void ctsec_parse_label(struct span text, struct sec_label *ret)
{
	struct sec_label l = { .got = SEC_GOT };
	struct span part;

	while (text.n && (text.p[text.n - 1] == '\n' || !text.p[text.n - 1]))
		text.n--;
	l.text = span_dup(text);
	l.mode = cut_mode(&text);
	while (cut_part(&text, &part)) {
		if (span_starts(part, ":"))
			take_namespaced(part, &l);
		else if (!l.profile)
			l.profile = span_dup(part);
	}
	*ret = l;
}

int ctsec_parse_ns(struct span link, const char *name, uint64_t *ret)
{
	struct span kind;

	if (!span_ends(link, "]"))
		return -EINVAL;
	link.n--;
	if (!span_cut(&link, ':', &kind) || !span_eq(kind, name) ||
	    !span_skip(&link, "[") || num_parse_u64(link, ret) < 0)
		return -EINVAL;
	return 0;
}

static int parse_devno(struct span s, struct val *ret)
{
	uint32_t n;

	if (span_eq(s, "*")) {
		*ret = (struct val){ .kind = VAL_MAX };
		return 0;
	}
	if (num_parse_u32(s, &n) < 0)
		return -EINVAL;
	*ret = val_set(n);
	return 0;
}

static int parse_access(struct span s, struct sec_dev_rule *d)
{
	for (size_t i = 0; i < s.n; i++)
		switch (s.p[i]) {
		case 'r':
			d->read = true;
			break;
		case 'w':
			d->write = true;
			break;
		case 'm':
			d->mknod = true;
			break;
		default:
			return -EINVAL;
		}
	return 0;
}

static int parse_dev_rule(struct span line, struct sec_dev_rule *ret)
{
	struct sec_dev_rule d = { 0 };
	struct span type, numbers, access, major;

	if (!span_field(&line, &type) || !span_field(&line, &numbers) ||
	    !span_field(&line, &access) || type.n != 1 ||
	    (type.p[0] != 'a' && type.p[0] != 'b' && type.p[0] != 'c') ||
	    !span_cut(&numbers, ':', &major) || parse_devno(major, &d.major) < 0 ||
	    parse_devno(numbers, &d.minor) < 0 || parse_access(access, &d) < 0)
		return -EINVAL;
	d.type = type.p[0];
	*ret = d;
	return 0;
}

int ctsec_parse_devices(struct span text, struct sec_devices *ret)
{
	struct sec_devices d = { .got = SEC_GOT, .is_list = true };
	struct span line;
	size_t cap = 0;

	while (span_line(&text, &line)) {
		struct sec_dev_rule one;

		if (!line.n)
			continue;
		if (d.n >= MAX_DEV_RULES || parse_dev_rule(line, &one) < 0) {
			free(d.v);
			return -EINVAL;
		}
		GROW(d.v, d.n, cap);
		d.v[d.n++] = one;
	}
	*ret = d;
	return 0;
}
