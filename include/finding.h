/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum severity {
	SEV_INFO,  /* worth knowing, often on purpose */
	SEV_WARN,  /* a risk, or it will not work as it seems to */
	SEV_ERROR, /* breaks, or gives the guest the node */
};

const char *severity_name(enum severity s); /* "info", "warning", "error" */

/* Something a rule found. Rule ids are frozen: users keep them in scripts. */
struct finding {
	const char *rule;
	enum severity severity;
	uint32_t vmid; /* 0: of the node */
	char *key;     /* of the config: "mp0", "lxc.idmap"; NULL: none */
	uint32_t line; /* of the config; 0: none, or the line is missing */
	char *seen;    /* one sentence; may hold bytes of a config: escape it */
	const char *why;
	char *fix; /* what to do about it, a command where there is one; NULL: nothing */
};

struct findings {
	struct finding *v;
	size_t n, cap;
};

void finding_clear(struct finding *f);
void findings_done(struct findings *f);

/* Worst first, then by rule, container and line. */
void findings_sort(struct findings *f);
