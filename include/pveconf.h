/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pveprop.h"
#include "tbytes.h"
#include "val.h"

/*
 * /etc/pve/lxc/<vmid>.conf as PVE's own reader understands it: what it drops is not here,
 * what it warns of and keeps is here with valid = false. Every text may hold any byte,
 * NUL too: it was written by an administrator, a guest's owner, or a broken editor.
 * All pointers live as long as the struct pveconf.
 */
enum pveconf_kind {
	PVECONF_TEXT, /* the value as it is in the file */
	PVECONF_INT,  /* all digits: `number` (see `big`) */
	PVECONF_BOOL, /* 1/on/yes/true, 0/off/no/false: `number` is 1 or 0 */
};

struct pveconf_item {
	const char *key;   /* [a-z_]+[0-9]*, terminated */
	const char *value; /* as written, blanks around it gone, terminated */
	uint32_t value_n;  /* without the terminator */
	uint32_t line;     /* of the file, from 1; the last one where a key is there twice
			    */
	enum pveconf_kind kind;
	bool big;   /* PVECONF_INT that does not fit uint64_t: number is UINT64_MAX */
	bool valid; /* PVE's reader took it without a warning */
	bool known; /* a key that PVE has for containers */
	uint64_t number;
};

/*
 * A raw LXC line, in file order; a key may be there any number of times. The value is what
 * LXC takes: PVE hands it on as it is, and LXC's parse_line() takes one pair of quotes
 * around it off.
 */
struct pveconf_lxc {
	const char *key;   /* "lxc.apparmor.profile" */
	const char *value; /* may be empty: LXC clears what was set before */
	uint32_t value_n;
	uint32_t line;
	char quote; /* that was around it, '"' or '\''; 0: none */
};

/* The value as it is in the file, terminated; the caller frees it. */
char *pveconf_lxc_text(const struct pveconf_lxc *l, uint32_t *ret_n);

/*
 * The live configuration, the pending one, or a snapshot. items: sorted by key (bytes),
 * each key once. A snapshot's snaptime, parent and snapstate are items; so is `delete` of
 * the pending section, and `env` (lxc.environment.runtime, its entries parted by NUL).
 */
struct pveconf_section {
	const char *name; /* of a snapshot; "" live; "pending" */
	uint32_t line;    /* of its header, 0: live */
	struct pveconf_item *items;
	size_t n_items;
	struct pveconf_lxc *lxc;
	size_t n_lxc;
	const char *description; /* decoded, UTF-8; NULL: none */
	uint32_t description_n;
	uint32_t description_line; /* of its first line */
};

/* What PVE's parser says while it reads ("vm 101 - ..."), in its order. */
struct pveconf_warning {
	const char *text; /* may hold bytes of the file, and line feeds */
	uint32_t text_n;
	uint32_t line;
	const char *key; /* the key it is about; NULL: the line is none of PVE's */
	bool dropped;    /* the line is ignored and vanishes at PVE's next write */
};

#define PVECONF_OWNED 6

struct pveconf {
	uint32_t vmid;
	char digest[41]; /* SHA-1 of the file, lower-case hex: PVE's `digest` */
	size_t size_bytes;
	struct pveconf_section main;
	struct pveconf_section pending; /* empty where has_pending is not set */
	bool has_pending;
	struct pveconf_section *snapshots; /* by name (bytes) */
	size_t n_snapshots;
	struct pveconf_warning *warnings;
	size_t n_warnings;
	size_t n_warnings_more; /* left out: there is a bound on how many are kept */
	uint32_t dies_line;     /* PVE's own parser dies at this line; 0: it does not */
	struct pve_typed typed; /* of the live section */
	void *owned[PVECONF_OWNED]; /* what the pointers above point into */
};

void pveconf_done(struct pveconf *c);

/* NULL: no such key in the section. Linear in the logarithm of its keys. */
const struct pveconf_item *pveconf_item(const struct pveconf_section *s, const char *key);

/* The text of the value, NULL: absent. It ends early where the value holds a NUL. */
const char *pveconf_str(const struct pveconf_section *s, const char *key);

/* All of the value; p NULL: absent. */
struct tbytes pveconf_bytes(const struct pveconf_section *s, const char *key);

/* Absent also where the value is not a valid integer or boolean. */
struct val pveconf_u64(const struct pveconf_section *s, const char *key);

/* `otherwise` where the key is absent or no valid boolean. */
bool pveconf_bool(const struct pveconf_section *s, const char *key, bool otherwise);

/* The snapshot of that name, NULL: there is none. */
const struct pveconf_section *pveconf_snapshot(const struct pveconf *c, const char *name);

/* Is the key `prefix` and a number without leading zeros? */
bool pveconf_numbered(const char *key, const char *prefix, uint32_t *ret);

/* How many netN (32), mpN, devN, unusedN (256) PVE knows; 0: none of that name. */
uint32_t pveconf_slots(const char *prefix);

/*
 * Walks netN, mpN, devN, unusedN by number ("net2" before "net10"), those that PVE knows.
 * Start with *at = 0; NULL: no more. *ret_n is the number.
 */
const struct pveconf_item *pveconf_next(const struct pveconf_section *s,
					const char *prefix, uint32_t *at,
					uint32_t *ret_n);
