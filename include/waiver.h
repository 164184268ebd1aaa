/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * One finding, or kind of finding, of the audit that somebody decided to live with for a
 * while: a line of /etc/ctscope/waivers.conf.
 */
struct waiver {
	char *rule;     /* id */
	char *key;      /* of the config, "mp0"; NULL: whatever it is about */
	uint32_t vmid;  /* 0: of every container, and of the node */
	uint32_t until; /* 20270331: the last day on which it holds */
	char *reason;   /* may hold any byte but a line feed */
	uint32_t line;  /* of the file */
};

struct waivers {
	char *name; /* of the file, as it is called in sentences; NULL: there is none */
	struct waiver *v; /* in the order of the file */
	size_t n, cap;
};

void waivers_done(struct waivers *w);
