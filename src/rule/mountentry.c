/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/mountentry.h"

#include "rule/mountjoin.h"

void mountentry_done(struct mountentry *e)
{
	free(e->what);
	free(e->where);
	free(e->type);
	free(e->options);
	free(e->path);
	*e = (struct mountentry){ 0 };
}

static int octal(const char *p)
{
	int n = 0;

	for (int k = 1; k <= 3; k++) {
		if (p[k] < '0' || p[k] > '7')
			return -1;
		n = n * 8 + (p[k] - '0');
	}
	return n < 256 ? n : -1;
}

static char *unescape(char *s)
{
	char *to = s;

	for (const char *p = s; *p; p++) {
		int c = *p == '\\' ? octal(p) : -1;

		*to++ = c > 0 ? (char)c : *p;
		if (c > 0)
			p += 3;
	}
	*to = '\0';
	return s;
}

/* What, where, type, options; blanks in them are \040. */
static bool parse_entry(struct span value, struct mountentry *ret)
{
	char **const fields[] = { &ret->what, &ret->where, &ret->type, &ret->options };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct span f;

		if (!span_field(&value, &f))
			return false;
		*fields[i] = unescape(span_dup(f));
	}
	return true;
}

static bool has_option(const char *options, const char *name)
{
	struct span s = span_str(options), o;

	while (span_cut(&s, ',', &o))
		if (span_eq(o, name))
			return true;
	return false;
}

/*
 * LXC takes a path that begins with the rootfs (as the node or as its hooks know it) or
 * one below it; what is anything else it mounts nowhere in the container.
 */
static char *entry_path(uint32_t vmid, const char *where)
{
	static const char pivot[] = "/lxc/rootfs";
	_cleanup_free_ char *own = xasprintf("/var/lib/lxc/%u/rootfs", vmid);
	const char *at;

	if (where[0] != '/')
		return mountjoin_path(where);
	if (str_starts(where, own))
		return mountjoin_path(where + strlen(own));
	at = strstr(where, pivot);
	return at ? mountjoin_path(at + strlen(pivot)) : NULL;
}

bool mountentry_parse(uint32_t vmid, struct span value, struct mountentry *ret)
{
	struct mountentry e = { 0 };

	if (!parse_entry(value, &e)) {
		mountentry_done(&e);
		return false;
	}
	e.bind = has_option(e.options, "bind") || has_option(e.options, "rbind");
	e.ro = has_option(e.options, "ro");
	e.optional = has_option(e.options, "optional");
	e.device = e.bind && str_starts(e.what, "/dev/");
	e.path = entry_path(vmid, e.where);
	*ret = e;
	return true;
}
