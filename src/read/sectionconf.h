/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "warns.h"

/*
 * The grammar that storage.cfg, jobs.cfg, replication.cfg, ha/(*).cfg and sdn/(*).cfg
 * share (facts: pve-node.md 7.4): "<type>: <id>" in the first column opens a section,
 * lines with blanks before a key are its properties, and only an entirely empty line (a
 * lone "0" too) closes it. So a header right below a property is not one, and neither is
 * anything after the first section of a file with CR LF ends.
 */
#define SECTIONCONF_MAX_BYTES ((size_t)1 << 20) /* pmxcfs holds no larger file */

struct sc_prop {
	const char *key;
	const char *value; /* NULL: a key without a value, a true boolean */
	uint32_t line;
};

struct sc_section {
	const char *type, *id;
	struct sc_prop *props; /* by key, each once: the first one counts */
	size_t n_props;
	uint32_t line;
};

struct sectionconf {
	struct sc_section
		*v; /* in the order of the file, each id once: the last one counts */
	size_t n;
	struct warns warns;
	char *text; /* what the pointers above point into */
	struct sc_prop *pool;
};

/*
 * What a kind of file wants beyond the grammar; NULL members want nothing. The checks
 * return NULL for yes, else why not: then a section is left out as a whole, a property
 * alone (a second one of that key counts then).
 */
struct sc_kind {
	bool lower_type;  /* types are folded to lower case */
	bool id_has_type; /* ids are told apart with their type (ha/resources.cfg) */
	/* false: the line looks like a header but is none, and opens nothing */
	bool (*is_header)(const char *type, const char *id);
	/* a section of such a type never replaces another of its id */
	bool (*is_weak)(const char *type);
	const char *(*check_header)(const char *type, const char *id);
	/* a list that is written as several properties of one key: no warning */
	bool (*is_list)(const char *key);
	const char *(*check_prop)(const char *type, const char *key, const char *value);
};

/* Pure, n log n. -EFBIG: more than SECTIONCONF_MAX_BYTES. */
int sectionconf_parse(const char *p, size_t n, const struct sc_kind *kind,
		      struct sectionconf *ret, struct err *err);
void sectionconf_done(struct sectionconf *c);

const struct sc_section *sectionconf_find(const struct sectionconf *c, const char *id);

/* NULL: the property is not there. */
const struct sc_prop *sc_prop(const struct sc_section *s, const char *key);
/* The value; NULL: not there, or without a value. */
const char *sc_str(const struct sc_section *s, const char *key);
/* The same, of a comment: a copy with %XX decoded. */
char *sc_decoded(const struct sc_section *s, const char *key);
/* 1, 0, or no value at all (true); `otherwise` where it is absent or none of these. */
bool sc_bool(const struct sc_section *s, const char *key, bool otherwise);

/* For check_prop: PVE takes 1, 0 and no value for a boolean here, "yes" it refuses. */
const char *sc_check_bool(const char *value);

/* [a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?, PVE's name of a node. */
bool sc_is_node_name(struct span s);
