/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warns.h"

/* A firewall file of PVE (facts: pve-node.md 5.5): cluster.fw, <vmid>.fw or host.fw. */

struct fw_option {
	char *key;   /* lower case */
	char *value; /* as PVE takes it: policies upper case, log levels lower case */
	uint32_t line;
};

struct fw_rule {
	uint32_t line;
	bool enabled;    /* no leading '|' */
	char *direction; /* "in", "out", "forward", "group" */
	char *action;    /* "ACCEPT", "DROP", ..., or the name of the group */
	char *macro;     /* "SSH" of SSH(ACCEPT); NULL: none */
	char *iface;     /* of -i; NULL: all */
	char *rest;      /* the other options as written; "" none */
	char *comment;   /* NULL: none; escape */
	char *group;     /* the [group x] it stands in; NULL: [RULES] */
};

struct fw_alias {
	char *name, *cidr, *comment;
	uint32_t line;
};

struct fw_ipset_entry {
	char *cidr; /* or an alias */
	bool nomatch;
	char *comment;
	uint32_t line;
};

struct fw_ipset {
	char *name; /* lower case */
	char *comment;
	struct fw_ipset_entry *v;
	size_t n, cap;
	uint32_t line;
};

struct fw_file {
	struct fw_option
		*options; /* in the order of the file; the last of a key counts */
	size_t n_options, cap_options;
	struct fw_rule *rules;
	size_t n_rules, cap_rules;
	struct fw_alias *aliases;
	size_t n_aliases, cap_aliases;
	struct fw_ipset *ipsets;
	size_t n_ipsets, cap_ipsets;
	struct warns warns;
};

void fw_file_done(struct fw_file *f);

/* The last one of that key, NULL: not set. */
const char *fw_option(const struct fw_file *f, const char *key);

/* What keeps an interface from being filtered; all false: it is filtered. */
struct fw_missing {
	bool cluster;         /* `enable` of cluster.fw is not on */
	bool cluster_expired; /* it is a time that passed (cluster is true then as well)
			       */
	bool guest;           /* `enable: 1` of <vmid>.fw is not there */
	bool iface;           /* firewall=1 of netN is not there */
};

/*
 * Is an interface of a guest filtered? cluster, guest: { 0 } where the file is not there.
 * now_sec: `enable` numbers above 1 are times, and off when more than 60 s old.
 */
bool fw_filters(const struct fw_file *cluster, const struct fw_file *guest,
		bool iface_firewall, uint64_t now_sec, struct fw_missing *ret);
