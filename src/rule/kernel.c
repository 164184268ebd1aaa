/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/kernel.h"

#define NAMED 5

const struct sec_proc *kernel_init(const struct ctsec *sec)
{
	return sec->n_procs ? &sec->procs[0] : NULL;
}

bool kernel_is_privileged(const struct ctsec *sec)
{
	return sec->n_procs && sec_ns_is_hosts(sec->host, &sec->procs[0].ns, SEC_NS_USER);
}

const struct pveconf_lxc *kernel_lxc(const struct ct *ct, const char *key)
{
	return ct->conf ? rule_last_lxc(ct, key) : NULL;
}

void kernel_add(struct findings *out, const struct rule *rule, const struct ct *ct,
		const struct pveconf_lxc *l, char *fix, const char *seen)
{
	_cleanup_free_ char *what = NULL;

	if (l) {
		free(fix);
		what = xasprintf("remove it, then pct reboot %u", ct->vmid);
		fix = rule_fix_edit(ct, l->line, what);
	}
	finding_add(out, rule, ct, l ? l->key : NULL, l ? l->line : 0, fix, "%s", seen);
}

void kernel_add_caps(struct buf *b, uint64_t set)
{
	const char *comma = "";

	for (unsigned i = 0; i < SEC_CAP_MAX; i++) {
		const char *name = sec_cap_name(i);

		if (!(set >> i & 1))
			continue;
		if (name)
			buf_addf(b, "%s%s", comma, name);
		else
			buf_addf(b, "%scapability %u", comma, i);
		comma = ", ";
	}
}

void kernel_some_add(struct kernel_some *s, const struct sec_proc *p)
{
	if (s->n++ < NAMED)
		buf_addf(&s->text, "%s%d (%.*s)", s->n > 1 ? ", " : "", (int)p->pid,
			 (int)p->comm_n, p->comm ? p->comm : "");
}

const char *kernel_some_end(struct kernel_some *s)
{
	if (s->n > NAMED)
		buf_addf(&s->text, " and %zu more", s->n - NAMED);
	s->n = MIN(s->n, NAMED);
	return buf_str(&s->text);
}

void kernel_some_done(struct kernel_some *s)
{
	buf_done(&s->text);
	*s = (struct kernel_some){ 0 };
}
