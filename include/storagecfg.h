/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "warns.h"

/* /etc/pve/storage.cfg (facts: pve-node.md 7.4). */

enum storage_content {
	CONTENT_IMAGES,
	CONTENT_ROOTDIR,
	CONTENT_VZTMPL,
	CONTENT_ISO,
	CONTENT_BACKUP,
	CONTENT_SNIPPETS,
	CONTENT_IMPORT,
	CONTENT_NONE,
	CONTENT_N,
};

const char *storage_content_name(enum storage_content c);

struct storage_prop {
	char *key;
	char *value; /* NULL: a key without a value */
};

struct storage {
	char *id;
	char *type;
	uint32_t line;   /* 0: PVE makes it up (`local`) */
	bool known_type; /* false: of a plug-in; only what all types share is understood
			  */
	bool disabled;
	bool shared;  /* the same contents on all nodes */
	char **nodes; /* it is on these only; n_nodes 0 with limited false: on all */
	size_t n_nodes;
	bool limited; /* `nodes` is there */
	bool content[CONTENT_N];
	char *content_dirs[CONTENT_N]; /* below path, where that is not the usual */
	char *path;                    /* file-based types: absolute; NULL: it has none */
	char *prune_backups;           /* "keep-all=1"; NULL: not said */
	struct storage_prop *props;    /* all of them as written, by key */
	size_t n_props;
};

struct storages {
	struct storage
		*v; /* in the order of the file; `local` that PVE made up is first */
	size_t n;
	struct warns warns;
};

void storages_done(struct storages *s);
const struct storage *storages_find(const struct storages *s, const char *id);

/* Its property as written, NULL: absent (or without a value). */
const char *storage_prop(const struct storage *s, const char *key);

/* Enabled, and not limited to other nodes. */
bool storage_applies(const struct storage *s, const char *node);

/* Its contents are files below `path`: archives can be listed there. */
bool storage_is_file_based(const struct storage *s);

/*
 * The directory of that kind of content ("/mnt/pve/nas/dump"), owned; NULL: the storage
 * is none of files. Whether it may hold such content says s->content.
 */
char *storage_dir(const struct storage *s, enum storage_content c);

enum volume_kind {
	VOLUME_STORAGE, /* "<storage>:<volname>" */
	VOLUME_BIND,    /* an absolute path of the node */
	VOLUME_DEVICE,  /* a path below /dev */
	VOLUME_INVALID, /* none of these */
};

enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

/* What a volume of a container is and where it is on the node. */
struct volume {
	enum volume_kind kind;
	char *storage_id; /* NULL: not VOLUME_STORAGE */
	char *volname;
	const struct storage *storage; /* NULL: storage.cfg has none of that id */
	char *name;       /* the last part: "vm-101-disk-0"; NULL: not understood */
	char *base;       /* a linked clone: the volume it is a clone of; NULL: none */
	uint32_t vmid;    /* in its name; 0: not understood */
	bool is_template; /* the base of clones: it never changes */
	char *path; /* on the node; NULL: not known (rbd of a foreign cluster, plug-ins)
		     */
	enum answer snapshots; /* can PVE snapshot it for a container */
};

/* Takes the text of a `rootfs`/`mpN` volume apart; s may be NULL. */
void volume_resolve(const struct storages *s, const char *volid, struct volume *ret);
void volume_done(struct volume *v);
