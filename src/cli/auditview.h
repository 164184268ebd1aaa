/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ctsec.h>
#include <facts.h>
#include <finding.h>
#include <hostpath.h>
#include <storagecfg.h>
#include <waiver.h>

#include "cli/app.h"
#include "rule/rule.h"
#include "rule/waive.h"

/* What is found of one container, or of the node. */
struct audit_group {
	const struct ct *ct;     /* NULL: the node */
	const struct finding *v; /* worst first; in view.found */
	size_t n;
	size_t count[SEV_ERROR + 1];
	size_t first_waived, n_waived; /* in view.waived */
};

struct audit_view {
	const struct app *app;
	uint32_t vmid; /* only this one; 0: all, and the node */
	struct rule_pick pick;
	enum severity least;
	struct facts facts;
	struct ctsecs secs; /* what the kernel enforces on those that run */
	struct storages storages;
	struct hostpaths paths;
	bool paths_known;
	struct waivers waivers;
	uint32_t today;
	struct findings found; /* what is shown */
	struct waived waived;
	size_t n_less; /* less severe than what is shown */

	struct audit_group *groups; /* worst first; those without findings, too */
	size_t n_groups;
	size_t count[SEV_ERROR + 1];
	size_t n_unread;
	const struct ct *unread; /* the first of them; NULL: none */
	size_t n_partly; /* containers of which something was not looked at, each told */
};

void audit_view_done(struct audit_view *v);

/*
 * Reads, decides and sorts; vmid, pick, least, waivers and today are given. EXIT_FINE, or
 * the exit code: the sentence is out.
 */
int audit_view_read(struct audit_view *v, const char *arg);

/* "/etc/pve/lxc/101.conf", or of another node; the caller frees it. */
char *audit_path(const struct ct *ct);

void audit_print_text(const struct audit_view *v);
int audit_print_table(struct app *app, const struct audit_view *v);
int audit_print_json(const struct audit_view *v);
int audit_print_sarif(const struct audit_view *v);
int audit_print_rules(struct app *app);

#define AUDIT_NCOLS 11
extern const struct col audit_cols[AUDIT_NCOLS];
