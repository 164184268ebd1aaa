/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/firewall.h"

#include "base/str.h"
#include "read/pveformat.h"
#include "read/sectionconf.h"

#define MAX_GROUP_NAME 18
#define MAX_IPSET_NAME 64

enum section { NO_SECTION, OPTIONS, ALIASES, IPSET, RULES, GROUP };

struct parser {
	struct fw_file file;
	enum fw_kind kind;
	enum section section;
	char *group; /* of the rules that come; NULL: [RULES] */
	uint32_t line;
};

/* Blanks and tabs only: a CR at the end stays, and the line is not what it seems then. */
static struct span trim_blanks(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static struct span trim(struct span s)
{
	while (s.n && pve_is_space(s.p[0]))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n && pve_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct span take_word(struct span *s)
{
	struct span word;
	size_t n = 0;

	*s = trim(*s);
	while (n < s->n && !pve_is_space(s->p[n]))
		n++;
	word = span_of(s->p, n);
	*s = trim(span_of(s->p + n, s->n - n));
	return word;
}

/* Cuts "# ..." off the end; NULL: there is none. */
static char *take_comment(struct span *s)
{
	const char *hash = s->n ? memchr(s->p, '#', s->n) : NULL;
	char *text;
	size_t n;

	if (!hash)
		return NULL;
	n = (size_t)(hash - s->p);
	text = span_dup(trim(span_of(hash + 1, s->n - n - 1)));
	s->n = n;
	return text;
}

static char *folded(struct span s, char from, char to, int by)
{
	char *p = span_dup(s);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= from && p[i] <= to)
			p[i] = (char)(p[i] + by);
	return p;
}

static char *lower(struct span s)
{
	return folded(s, 'A', 'Z', 'a' - 'A');
}

static char *upper(struct span s)
{
	return folded(s, 'a', 'z', 'A' - 'a');
}

static bool one_of(struct span s, const char *const *v)
{
	for (; *v; v++)
		if (span_eq_nocase(s, *v))
			return true;
	return false;
}

static bool is_bool(struct span s)
{
	return span_eq(s, "0") || span_eq(s, "1");
}

static const char *const log_levels[] = { "emerg",  "alert", "crit",  "err",   "warning",
					  "notice", "info",  "debug", "nolog", NULL };
static const char *const policies[] = { "ACCEPT", "DROP", "REJECT", NULL };

static bool is_log(struct span s)
{
	return !s.n || one_of(s, log_levels);
}

static bool is_policy(struct span s)
{
	return one_of(s, policies);
}

/* <n> or <n>:<n> */
static bool is_queues(struct span s)
{
	struct span first;

	return span_cut(&s, ':', &first) && span_is_digits(first) &&
	       (!s.n || span_is_digits(s));
}

static bool is_word(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (pve_is_space(s.p[i]))
			return false;
	return s.n > 0;
}

enum fold { AS_IS, LOWER, UPPER };

#define C (1u << FW_CLUSTER)
#define H (1u << FW_HOST)
#define G (1u << FW_GUEST)

static const struct {
	const char *key;
	unsigned kinds;
	bool (*check)(struct span value);
	enum fold fold;
} option_keys[] = {
	{ "enable", H | G, is_bool, AS_IS },
	{ "enable", C, span_is_digits, AS_IS },
	{ "dhcp", G, is_bool, AS_IS },
	{ "ndp", H | G, is_bool, AS_IS },
	{ "radv", G, is_bool, AS_IS },
	{ "macfilter", G, is_bool, AS_IS },
	{ "ipfilter", G, is_bool, AS_IS },
	{ "ips", G, is_bool, AS_IS },
	{ "ips_queues", G, is_queues, AS_IS },
	{ "layer2_protocols", G, is_word, AS_IS },
	{ "log_level_in", H | G, is_log, LOWER },
	{ "log_level_out", H | G, is_log, LOWER },
	{ "log_level_forward", H, is_log, LOWER },
	{ "tcp_flags_log_level", H, is_log, LOWER },
	{ "smurf_log_level", H, is_log, LOWER },
	{ "policy_in", C | G, is_policy, UPPER },
	{ "policy_out", C | G, is_policy, UPPER },
	{ "policy_forward", C, is_policy, UPPER },
	{ "ebtables", C, is_bool, AS_IS },
	{ "log_ratelimit", C, is_word, AS_IS },
	{ "nosmurfs", H, is_bool, AS_IS },
	{ "tcpflags", H, is_bool, AS_IS },
	{ "log_nf_conntrack", H, is_bool, AS_IS },
	{ "nf_conntrack_allow_invalid", H, is_bool, AS_IS },
	{ "protection_synflood", H, is_bool, AS_IS },
	{ "nftables", H, is_bool, AS_IS },
	{ "nf_conntrack_helpers", H, is_word, LOWER },
	{ "nf_conntrack_max", H, span_is_digits, AS_IS },
	{ "nf_conntrack_tcp_timeout_established", H, span_is_digits, AS_IS },
	{ "nf_conntrack_tcp_timeout_syn_recv", H, span_is_digits, AS_IS },
	{ "protection_synflood_rate", H, span_is_digits, AS_IS },
	{ "protection_synflood_burst", H, span_is_digits, AS_IS },
	{ "protection_limit", H, span_is_digits, AS_IS },
};

/* Each of these returns NULL, or what is wrong with the line. */
static const char *option_line(struct parser *ps, struct span s)
{
	struct fw_file *f = &ps->file;
	struct span key;

	if (!span_find(s, ":") || !span_cut(&s, ':', &key))
		return "not an option";
	s = trim(s);
	for (size_t i = 0; i < ARRAY_SIZE(option_keys); i++) {
		if (!(option_keys[i].kinds & 1u << ps->kind) ||
		    !span_eq_nocase(key, option_keys[i].key))
			continue;
		if (!option_keys[i].check(s))
			return "not a value of this option";
		GROW(f->options, f->n_options, f->cap_options);
		f->options[f->n_options++] = (struct fw_option){
			.key = lower(key),
			.value = option_keys[i].fold == LOWER   ? lower(s)
				 : option_keys[i].fold == UPPER ? upper(s)
								: span_dup(s),
			.line = ps->line,
		};
		return NULL;
	}
	return "no such option here";
}

static bool is_cidr(struct span s)
{
	struct span bits = s, address;
	bool slash = span_find(s, "/") != NULL;

	if (!span_cut(&bits, '/', &address) || (slash && !span_is_digits(bits)))
		return false;
	return pve_format_ipv4(address, NULL) == 0 || pve_format_ipv6(address, NULL) == 0;
}

/* "name cidr", one blank between */
static const char *alias_line(struct parser *ps, struct span s)
{
	_cleanup_free_ char *comment = take_comment(&s);
	struct fw_file *f = &ps->file;
	struct span name, cidr;

	s = trim(s);
	name = span_of(s.p, 0);
	while (name.n < s.n && !pve_is_space(s.p[name.n]))
		name.n++;
	if (!name.n || name.n == s.n)
		return "not an alias";
	cidr = span_of(s.p + name.n + 1, s.n - name.n - 1);
	if (!is_cidr(cidr))
		return "not an address or network";
	GROW(f->aliases, f->n_aliases, f->cap_aliases);
	f->aliases[f->n_aliases++] = (struct fw_alias){
		.name = span_dup(name),
		.cidr = span_dup(cidr),
		.comment = take_ptr(comment),
		.line = ps->line,
	};
	return NULL;
}

/* "[!]cidr|alias" */
static const char *ipset_line(struct parser *ps, struct span s)
{
	struct fw_ipset *set = &ps->file.ipsets[ps->file.n_ipsets - 1];
	_cleanup_free_ char *comment = take_comment(&s);
	bool nomatch;

	s = trim(s);
	nomatch = span_skip(&s, "!");
	s = trim(s);
	if (!is_word(s))
		return "not an entry of a set";
	GROW(set->v, set->n, set->cap);
	set->v[set->n++] = (struct fw_ipset_entry){
		.cidr = span_dup(s),
		.nomatch = nomatch,
		.comment = take_ptr(comment),
		.line = ps->line,
	};
	return NULL;
}

static bool is_rule_option(struct span name)
{
	static const char *const names[] = { "-p",         "-proto",  "--proto",
					     "-dport",     "--dport", "-sport",
					     "--sport",    "-source", "--source",
					     "-dest",      "--dest",  "-icmp-type",
					     "--icmp-type" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (span_eq(name, names[i]))
			return true;
	return false;
}

static bool is_log_level(struct span s)
{
	for (size_t i = 0; log_levels[i]; i++)
		if (span_eq(s, log_levels[i]))
			return true;
	return false;
}

/* "<name> <value>", exactly one blank between: PVE refuses the rule with more. */
static bool take_option(struct span *s, struct span *ret_name, struct span *ret_value)
{
	*ret_name = take_word(s);
	if (ret_name->p + ret_name->n + 1 != s->p || ret_name->p[ret_name->n] != ' ')
		return false;
	*ret_value = take_word(s);
	return ret_value->n > 0;
}

/* The options behind the action: the interface, and the rest as one text. */
static const char *rule_options(struct span s, bool group, char **ret_iface,
				struct buf *ret_rest)
{
	while (s.n) {
		struct span name, value;
		bool log;

		if (!take_option(&s, &name, &value))
			return "an option of the rule without a value";
		if (span_eq(name, "-i")) {
			free(*ret_iface);
			*ret_iface = span_dup(value);
			continue;
		}
		log = span_eq(name, "-log") || span_eq(name, "--log");
		if (group || (log ? !is_log_level(value) : !is_rule_option(name)))
			return "no such option of a rule";
		if (ret_rest->n)
			buf_addc(ret_rest, ' ');
		buf_add(ret_rest, name.p, name.n);
		buf_addc(ret_rest, ' ');
		buf_add(ret_rest, value.p, value.n);
	}
	return NULL;
}

/* "SSH(ACCEPT)" */
static void split_macro(struct span *action, char **ret_macro)
{
	const char *open = span_find(*action, "(");
	size_t n = open ? (size_t)(open - action->p) : 0;
	struct span inner;

	if (!n || !span_ends(*action, ")"))
		return;
	inner = span_of(open + 1, action->n - n - 2);
	if (!span_eq(inner, "ACCEPT") && !span_eq(inner, "DROP") &&
	    !span_eq(inner, "REJECT"))
		return;
	*ret_macro = xstrndup(action->p, n);
	*action = inner;
}

static const char *direction_of(const struct parser *ps, struct span type)
{
	if (span_eq_nocase(type, "in"))
		return "in";
	if (span_eq_nocase(type, "out"))
		return "out";
	if (span_eq_nocase(type, "forward") && ps->kind != FW_GUEST)
		return "forward";
	if (span_eq_nocase(type, "group") && ps->section == RULES)
		return "group";
	return NULL;
}

static void rule_done(struct fw_rule *r)
{
	free(r->macro);
	free(r->iface);
	free(r->comment);
}

static const char *rule_line(struct parser *ps, struct span s)
{
	_cleanup_(rule_done) struct fw_rule r = { .line = ps->line };
	_cleanup_(buf_done) struct buf rest = { 0 };
	const char *direction, *why;
	struct span type, action;
	struct fw_file *f = &ps->file;

	r.comment = take_comment(&s);
	r.enabled = !span_skip(&s, "|");
	if (!s.n || pve_is_space(s.p[0]))
		return "not a rule";
	type = take_word(&s);
	action = take_word(&s);
	direction = direction_of(ps, type);
	if (!direction || !action.n)
		return "not a rule";
	why = rule_options(s, str_eq(direction, "group"), &r.iface, &rest);
	if (why)
		return why;
	if (!str_eq(direction, "group"))
		split_macro(&action, &r.macro);
	r.direction = xstrdup(direction);
	r.action = span_dup(action);
	r.rest = xstrdup(buf_str(&rest));
	r.group = ps->section == GROUP ? xstrdup(ps->group) : NULL;
	GROW(f->rules, f->n_rules, f->cap_rules);
	f->rules[f->n_rules++] = r;
	r = (struct fw_rule){ 0 };
	return NULL;
}

/* [A-Za-z][A-Za-z0-9_-]+ */
static bool name_ok(struct span s, size_t max)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter &&
		    (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '_')))
			return false;
	}
	return s.n >= 2 && s.n <= max;
}

/* "[word name] # comment" */
static bool match_named(struct span s, const char *word, struct span *ret_name,
			char **ret_comment)
{
	const char *close = s.n ? memrchr(s.p, ']', s.n) : NULL;
	const char *hash = s.n ? memchr(s.p, '#', s.n) : NULL;
	struct span head, tail;
	size_t n = strlen(word);

	if (hash)
		close = memrchr(s.p, ']', (size_t)(hash - s.p));
	if (!close || s.p[0] != '[')
		return false;
	head = span_of(s.p + 1, (size_t)(close - s.p) - 1);
	tail = trim(span_of(close + 1, s.n - head.n - 2));
	if (head.n <= n || !span_eq_nocase(span_of(head.p, n), word) ||
	    !pve_is_space(head.p[n]) || (tail.n && tail.p[0] != '#'))
		return false;
	head = span_of(head.p + n, head.n - n);
	while (head.n && pve_is_space(head.p[0]))
		head = span_of(head.p + 1, head.n - 1);
	if (!is_word(head))
		return false;
	*ret_name = head;
	*ret_comment = take_comment(&tail);
	return true;
}

static void open_ipset(struct parser *ps, struct span name, char *comment)
{
	struct fw_file *f = &ps->file;

	GROW(f->ipsets, f->n_ipsets, f->cap_ipsets);
	f->ipsets[f->n_ipsets++] = (struct fw_ipset){
		.name = lower(name),
		.comment = comment,
		.line = ps->line,
	};
	ps->section = IPSET;
}

static void open_group(struct parser *ps, struct span name)
{
	free(ps->group);
	ps->group = lower(name);
	ps->section = GROUP;
}

static bool named_section(struct parser *ps, struct span s)
{
	bool group = ps->kind == FW_CLUSTER;
	char *comment = NULL;
	struct span name;

	if (group && match_named(s, "group", &name, &comment)) {
		free(comment);
		if (name_ok(name, MAX_GROUP_NAME)) {
			open_group(ps, name);
			return true;
		}
	} else if (ps->kind != FW_HOST && match_named(s, "ipset", &name, &comment)) {
		if (name_ok(name, MAX_IPSET_NAME)) {
			open_ipset(ps, name, comment);
			return true;
		}
		free(comment);
	} else {
		return false;
	}
	ps->section = NO_SECTION;
	warns_add(&ps->file.warns, ps->line, "not a name: the section is left out");
	return true;
}

static bool section_line(struct parser *ps, struct span s)
{
	if (span_eq_nocase(s, "[options]"))
		ps->section = OPTIONS;
	else if (span_eq_nocase(s, "[rules]"))
		ps->section = RULES;
	else if (ps->kind != FW_HOST && span_eq_nocase(s, "[aliases]"))
		ps->section = ALIASES;
	else
		return named_section(ps, s);
	return true;
}

static void one_line(struct parser *ps, struct span s)
{
	const char *why = "it is in no section";

	s = trim_blanks(s);
	if (!trim(s).n || s.p[0] == '#' || section_line(ps, s))
		return;
	switch (ps->section) {
	case NO_SECTION:
		break;
	case OPTIONS:
		why = option_line(ps, s);
		break;
	case ALIASES:
		why = alias_line(ps, s);
		break;
	case IPSET:
		why = ipset_line(ps, s);
		break;
	case RULES:
	case GROUP:
		why = rule_line(ps, s);
		break;
	}
	if (why)
		warns_add(&ps->file.warns, ps->line, "ignored: %s", why);
}

int fw_parse(const char *p, size_t n, enum fw_kind kind, struct fw_file *ret,
	     struct err *err)
{
	struct span text = span_of(p, n), line;
	struct parser ps = { .kind = kind };

	if (n > SECTIONCONF_MAX_BYTES)
		return err_set(err, -EFBIG, "more than %zu bytes", SECTIONCONF_MAX_BYTES);
	while (span_line(&text, &line)) {
		ps.line++;
		one_line(&ps, line);
	}
	free(ps.group);
	*ret = ps.file;
	return 0;
}
