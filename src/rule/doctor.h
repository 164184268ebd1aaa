/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include <finding.h>
#include <val.h>

#include "base/str.h"

/*
 * Whether an installation does what it should: what was found of each of its parts
 * (struct doctor_facts), and what is wrong with it (doctor_judge(), pure). What is not
 * known is not judged: such a check says why, it is never fine.
 */
enum doctor_answer {
	DOCTOR_UNKNOWN,
	DOCTOR_NO,
	DOCTOR_YES,
};

/* A library that is loaded when it is needed. */
struct doctor_lib {
	const char *soname, *package;
	const char *without; /* what is missing without it: "no table is printed" */
	bool optional;       /* only tells more */
	bool there;
};

/* A file that is run. */
struct doctor_program {
	char *path;    /* NULL: which one is not known */
	char *problem; /* not there, not executable, somebody else's; NULL: none */
	bool gone;     /* of problem: it is not there at all */
	bool mode;     /* of problem: it cannot be executed */
	bool foreign;  /* made for another kind of machine, or no program at all */
	char *failed; /* it was run, and how that ended; NULL: with 0, or it was not run */
};

/* A container of this node, of what concerns hooks. */
struct doctor_ct {
	uint32_t vmid;
	bool runs;
	bool not_known; /* its monitor did not answer */
	bool starting;
	bool reports_all, reports_none;
	char *cleared;    /* which lines of its config take our hooks away; NULL: none */
	char *unincluded; /* the config it was started with does not lead to the drop-in */
};

struct doctor_hooks {
	bool known;
	char *problem; /* why it is not */
	bool present, current;
	unsigned broken_line; /* of the drop-in: LXC starts nothing; 0: none */
	struct doctor_program program;
	struct strv obstacles;
	struct doctor_ct *cts;
	size_t n_cts;
};

struct doctor_spool {
	bool there;
	char *problem; /* hooks do not write there, and why */
	uid_t uid;     /* of the directory */
	gid_t gid;
	mode_t mode;
	struct val waiting;    /* events; absent: not readable */
	struct val oldest_sec; /* how long the first of them waits */
	uint64_t dropped;      /* that hooks could not leave there */
};

/* Of a unit, by systemd. */
struct doctor_unit {
	bool known;
	char *problem; /* why it is not */
	char *load, *active, *sub, *file_state, *result, *status;
	pid_t pid;
	uint64_t since_real_usec;
	uint64_t restarts;
	uint64_t watchdog_usec;
	bool need_reload;
};

/* The groups that the collector needs beside its own. */
#define DOCTOR_GROUPS 2
extern const char *const doctor_groups[DOCTOR_GROUPS];

/* The collector's process. */
struct doctor_process {
	pid_t pid; /* 0: none was found */
	char state;
	uid_t uid;
	bool lacks[DOCTOR_GROUPS]; /* it is not in that group, which exists */
	bool replaced;             /* its program is another file by now */
	uint64_t since_real_usec;
};

struct doctor_user {
	bool known; /* the node's passwd and group could be read */
	char *problem;
	bool user, group;
	uid_t uid;
	gid_t gid;
	bool groups[DOCTOR_GROUPS];
};

struct doctor_ring {
	bool off; /* by the configuration */
	bool there;
	char *problem;     /* cannot be read; NULL: it can */
	bool other_layout; /* of problem */
	bool other_boot;
	struct val beat_usec; /* how long ago */
	uint64_t late_ticks;
};

struct doctor_store {
	bool there;
	char *problem;              /* it cannot be read; NULL: it can */
	bool newer, older, damaged; /* of problem */
	bool denied;                /* of problem: not for who asks, or no answer */
	bool checked;               /* all of it was looked through */
	struct val bytes, max_bytes;
	struct val avail_bytes;
	bool in_reserve;   /* what was kept for a full disk is in use */
	struct strv aside; /* names of stores that were set aside */
	char *version;     /* of the collector that was started last; NULL: not known */
	uint64_t last_event_real_usec;
	struct strv losses; /* a sentence each, since the collector was started */
};

struct doctor_socket {
	bool there;
	bool is_socket;
	uid_t uid;
	mode_t mode;
	enum doctor_answer listens;
};

struct doctor_facts {
	bool live;  /* this machine, not a copy of a node */
	uid_t euid; /* who asks */
	uint64_t now_real_usec;
	const char *version; /* of what is installed */

	struct doctor_lib *libs;
	size_t n_libs;
	struct strv config, waivers; /* what is wrong with the files, a sentence each */

	enum doctor_answer beneath, pidfd, cgroup2, pressure;
	struct strv controllers; /* those that are missing: "io: why" */
	bool controllers_known;

	bool pve_there;
	char *pve_problem;     /* it did not answer; NULL: it did */
	struct strv pve_files; /* what could not be read of it, a sentence each */
	enum doctor_answer tasks;
	char *tasks_problem;
	enum doctor_answer journal;
	char *journal_problem;

	struct doctor_user user;
	struct doctor_program reader;
	struct doctor_hooks hooks;
	struct doctor_spool spool;
	struct doctor_unit service, socket_unit;
	struct doctor_process process;
	struct doctor_ring ring;
	struct doctor_store store;
	struct doctor_socket socket;
};

void doctor_facts_done(struct doctor_facts *f);

enum doctor_state {
	DOCTOR_FINE,
	DOCTOR_SKIPPED,   /* it is a copy of a node, or another check tells why */
	DOCTOR_UNCHECKED, /* it could not be told, `says` is why */
	DOCTOR_FOUND,     /* `found` */
};

/* The ids are frozen: users keep them in scripts. */
struct doctor_result {
	const char *check, *title;
	enum doctor_state state;
	char *says; /* one sentence; NULL: nothing but its state. May hold foreign bytes */
	struct findings found;
};

struct doctor_results {
	struct doctor_result *v;
	size_t n;
};

void doctor_results_done(struct doctor_results *r);

/* Every check, in the order in which they depend on each other. */
void doctor_judge(const struct doctor_facts *f, struct doctor_results *ret);

/* "warning", "error" (the worst it found), "fine", "unchecked". */
const char *doctor_state_name(const struct doctor_result *r);
