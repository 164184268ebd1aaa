/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <facts.h>

#include "base/err.h"
#include "out/table.h"

/* Exit codes: frozen. */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_FOUND = 1, /* something was found (audit, check, diagnose) */
	EXIT_USAGE = 2,
	EXIT_BROKEN = 3, /* could not do it */
};

/* What every command is given: options that all have, the root, the time of the call. */
struct app {
	const char *command;
	const char *root; /* NULL: this machine; else the directory given with --root */
	int rootfd;
	char *zone; /* TZ as it was given to us, NULL: not set */
	bool live;  /* root is this machine's own "/" */
	bool json;
	struct table_opts table; /* -o, --noheadings, --bytes, --color, width */
	uint64_t now_real_usec;
	bool now_known; /* false: a copy of a node, of an unknown time */
	FILE *out;
};

struct opt;

struct cmd {
	const char *name;
	const char *args;       /* "[ID]..." for the usage line */
	const char *help;       /* one line, lower case, no full stop */
	const char *more;       /* further text of --help, or NULL */
	const struct opt *opts; /* its own options, besides the common ones */
	size_t nopts;
	const struct col
		*cols; /* of its table: --help lists them, -o is checked; or NULL */
	size_t ncols;
	const char *cols2_opt; /* the option that gives another table, or NULL */
	const struct col *cols2;
	size_t ncols2;
	bool live_only; /* --root makes no sense (it asks the kernel) */
	/* argv[0..argc-1] are the arguments after the command's name, options included */
	int (*run)(struct app *app, int argc, char **argv);
};

extern const struct cmd *const cmds[];
extern const size_t ncmds;

/* Takes DIR (NULL: this machine) as the root of everything that is read. */
int app_open_root(struct app *app, const char *root, struct err *err);

/* "ctscope: <command>: <sentence>" on stderr, escaped; returns `code` for return. */
int app_error(const struct app *app, int code, const char *fmt, ...) _printf_(3, 4);

/* A warning on stderr: the command goes on. */
void app_warn(const struct app *app, const char *fmt, ...) _printf_(2, 3);

/* Prints rows as this app's table; the exit code. */
int app_table(struct app *app, const struct col *cols, size_t ncols, const void *rows,
	      size_t n, size_t size, size_t (*parent)(const void *row, size_t i));

struct jw;

/*
 * Begins the JSON document about one container, which is left open for what belongs to
 * it. The exit code; what is given back ends with app_json_end().
 */
int app_json_one(const struct app *app, const char *schema, const char *node,
		 uint32_t vmid, const char *name, uint64_t time_real_usec,
		 struct jw **ret);

/* Ends the JSON document; the exit code. A reader that went away is no error. */
int app_json_end(const struct app *app, struct jw *w);

/*
 * For who goes on after it: what was printed goes out. EXIT_FINE; -EPIPE: nobody reads
 * any more, which is the end and no error; EXIT_BROKEN with the sentence.
 */
int app_flush(const struct app *app);

/* What is still to be printed is; gives the exit code, another one where that failed. */
int app_end(const struct app *app, int code);

/*
 * Ends the program with all that it holds: to give a thousand containers back piece by
 * piece takes about as long as to print them.
 */
_noreturn_ void app_leave(const struct app *app, int code);

/*
 * A CTID argument: [1-9][0-9]{2,8}, nothing else. 0, or -EINVAL with the sentence.
 */
int app_ctid(const char *arg, uint32_t *ret, struct err *err);

/* Prints what facts_read() had to say, which returned r. EXIT_FINE or EXIT_BROKEN. */
int app_facts_told(const struct app *app, int r, const struct facts *f,
		   const struct err *err);

/* Reads the facts; prints the sentence when they cannot be had. EXIT_FINE or EXIT_BROKEN.
 */
int app_facts(const struct app *app, struct facts_want want, struct facts *ret);

/*
 * Warns of what is wrong with a container's config. That of all of them, /etc/pve itself,
 * was said by app_facts(), and a node may have a thousand.
 */
void app_warn_ct(const struct app *app, const struct facts *f, const struct ct *ct);

/*
 * The one container a command is about: checks the CTID argument, reads the facts, prints
 * the sentence when it cannot be (not a CTID, unknown, of another node, a virtual
 * machine, no Proxmox node). EXIT_FINE and facts->cts[0], or the exit code to return.
 */
int app_facts_one(const struct app *app, const char *arg, struct facts_want want,
		  struct facts *ret);

/*
 * When a container that runs was started; 0: not known. Of a copy the moment is known
 * only by --now.
 */
uint64_t app_started_real_usec(const struct app *app, const struct facts *f,
			       const struct ct *ct);
