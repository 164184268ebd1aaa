/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <facts.h>
#include <finding.h>

#include "cli/app.h"
#include "pveconf.h"

/* One thing that the pending section changes. */
struct pending_change {
	const char *key;
	const struct pveconf_item *from, *to; /* NULL: not there */
	bool description; /* it is the description: from and to are NULL */
	bool is_delete;
	bool force; /* the volume goes too */
};

struct pending_changes {
	struct pending_change *v;
	size_t n, cap;
	struct pve_delete *deletes;
	size_t n_deletes;
};

/* What `config` shows of one container. */
struct config_view {
	const struct facts *facts;
	const struct ct *ct;
	const struct pveconf *conf;
	const struct pveconf_section *section; /* the live one, or a snapshot */
	bool live;                             /* section is the live one */
	bool no_pending;
	struct pending_changes pending;
	struct findings findings;
};

/* "/etc/pve/lxc/101.conf", or of another node; the caller frees it. */
char *config_path(const struct config_view *v);

/* The last line of the file that belongs to the section. */
uint32_t config_last_line(const struct config_view *v);

/* Is that warning about the section that is shown? */
bool config_shows_warning(const struct config_view *v, const struct pveconf_warning *w);

void config_print_text(const struct app *app, const struct config_view *v);
int config_print_json(const struct app *app, const struct config_view *v);
