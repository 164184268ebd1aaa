/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/sched.h"
#include "collect/collector.h"
#include "out/text.h"
#include <config.h>

static const char help[] =
	"usage: ctscoped [OPTION]...\n"
	"\n"
	"The collector: sees what happens to the containers of this node, and records it.\n"
	"Runs in the foreground, as a user of its own without capabilities; systemd\n"
	"starts it (ctscoped.service). `ctscope events` shows what it saw.\n"
	"\n"
	"      --root DIR    watch the node below DIR (default: /)\n"
	"      --spool DIR   where hooks leave their events, below the root\n"
	"                    (default: " SPOOL_PATH ")\n"
	"      --db FILE     the store (default: /" DB_PATH ")\n"
	"      --ring FILE   the flight recorder's ring (default: /run/ctscope/ring)\n"
	"  -h, --help        this text\n"
	"      --version     the version\n"
	"\n"
	"Example, on a node where the service does not run:\n"
	"  setpriv --reuid=ctscope --regid=ctscope --groups=www-data,systemd-journal \\\n"
	"      ctscoped --db /tmp/try.db --ring /tmp/try.ring\n";

/* stderr is the journal's; what is in the sentence may be a path. */
static int fail(const char *text)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_escape(&b, tbytes_str(text), false);
	fprintf(stderr, "<3>ctscoped: %s\n", buf_str(&b));
	return 3;
}

static int parse_args(int argc, char **argv, struct collect_opts *o)
{
	static const struct option longs[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "spool", required_argument, NULL, 's' },
		{ "db", required_argument, NULL, 'd' },
		{ "ring", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int ch;

	while ((ch = getopt_long(argc, argv, "h", longs, NULL)) >= 0) {
		switch (ch) {
		case 'r':
			o->root = optarg;
			break;
		case 's':
			o->spool = optarg;
			break;
		case 'd':
			o->db = optarg;
			break;
		case 'i':
			o->ring = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 1;
		case 'V':
			puts(PACKAGE_STRING);
			return 1;
		default:
			return -EINVAL;
		}
	}
	if (optind == argc)
		return 0;
	fail("it takes no arguments, only options; see --help");
	return -EINVAL;
}

/* What it holds is the node's history: no core files, no ptrace by its own user. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	umask(027);
	/* inherited as ignored, the kernel would reap the readers that are waited for */
	(void)signal(SIGCHLD, SIG_DFL);
	/* three threads that allocate little: an arena for each is a third of the heap */
	(void)mallopt(M_ARENA_MAX, 1);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int read_boot(struct collector *c, struct err *err)
{
	char buf[64];
	size_t n;
	int r = fs_read_small(c->rootfd, "proc/sys/kernel/random/boot_id", buf,
			      sizeof(buf), &n, err);

	if (r < 0)
		return r;
	n = MIN(n, sizeof(c->boot) - 1);
	memcpy(c->boot, buf, n);
	c->boot[n] = '\0';
	return 0;
}

/*
 * What the store knows of before: the lives, and the latest events of each, so that
 * nothing is told twice or left out after a crash between two writes.
 */
struct known {
	struct db_lives lives;
	struct events latest;
	uint64_t first_life; /* see db_first_life(); 0: what it knows could not be read */
};

static void known_done(struct known *k)
{
	db_lives_done(&k->lives);
	events_done(&k->latest);
}

static int read_known(struct db *db, struct known *ret, struct err *err)
{
	static const enum event_type types[] = { EVENT_PRESTART,     EVENT_STARTED,
						 EVENT_STOPPED,      EVENT_REBOOTED,
						 EVENT_START_FAILED, EVENT_POSTSTOP,
						 EVENT_OOM_KILL,     EVENT_FROZEN,
						 EVENT_THAWED };
	const struct event_query q = { .types = types,
				       .n_types = ARRAY_SIZE(types),
				       .limit = 8192 };
	_cleanup_(known_done) struct known k = { 0 };
	int r = db_last_lives(db, &k.lives, err);

	if (r == 0)
		r = db_events(db, &q, &k.latest, err);
	if (r < 0)
		return r;
	k.first_life = db_first_life(db);
	*ret = k;
	k = (struct known){ 0 };
	return 0;
}

static void say_replaced(struct collector *c, struct db_opened *o)
{
	if (o->quarantined) {
		loop_log(c->loop, 3, "quarantine", "%s; it is set aside as %s", o->why,
			 o->quarantined);
		collector_say(c, "store-replaced", o->why, o->salvaged);
	}
	db_opened_done(o);
}

/* What is damaged there may be seen only now. */
static int read_or_replace(struct collector *c, struct db **db, struct known *known,
			   struct err *why)
{
	struct db_opened opened = { 0 };
	struct db *fresh = NULL;
	int r = read_known(*db, known, why);

	if (r != -EUCLEAN)
		return r;
	r = db_replace(db, c->o->db, &fresh, &opened, why);
	if (r < 0)
		return r;
	*db = fresh;
	say_replaced(c, &opened);
	return read_known(fresh, known, why);
}

/*
 * Without a store there are still events, in memory until there is one: a disk that is
 * full or read-only may still be read.
 */
static struct db *open_store(struct collector *c, struct known *known)
{
	struct db_opened opened = { 0 };
	struct db *db = NULL, *reader = NULL;
	struct err why = { 0 };
	int r = db_open(c->o->db, &db, &opened, &why);

	if (r == 0) {
		say_replaced(c, &opened);
		r = read_or_replace(c, &db, known, &why);
	}
	if (r < 0)
		loop_log(c->loop, 3, "open", "the store cannot be opened: %s", why.msg);
	if (!db && db_open_readonly(c->o->db, true, &reader, NULL) == 0)
		(void)read_known(reader, known, NULL);
	db_close(reader);
	return db;
}

static int open_writer(struct collector *c, struct db *db, struct err *err)
{
	const struct writer_opts w = { .path = c->o->db,
				       .boot_id = c->boot,
				       .node = c->node,
				       .limits = settings_limits(c) };

	return writer_new(&w, db, &c->writer, err);
}

static int open_recorder(struct collector *c, struct db *db, struct err *err)
{
	if (c->settings.collect.recorder.kind == VAL_SET)
		return recorder_open(c, db, err);
	/* what it recorded last is not now */
	(void)unlink(c->o->ring);
	return 0;
}

/* In this order: first what the store knows, then what hooks said, then the kernel. */
static int open_all(struct collector *c, struct err *err)
{
	_cleanup_(known_done) struct known known = { 0 };
	struct db *db;
	int r;

	confsrc_new(c);
	db = open_store(c, &known);
	r = tasksrc_open(c, err);
	if (r == 0)
		r = confsrc_open(c, db, err);
	if (r == 0)
		r = incsrc_open(c, db, err);
	if (r == 0)
		r = open_recorder(c, db, err);
	if (r == 0)
		r = cgsrc_open(c, err);
	if (r == 0)
		r = netsrc_open(c, err);
	if (r == 0)
		r = kernsrc_open(c, err);
	if (r == 0)
		r = disksrc_open(c, err);
	if (r == 0)
		r = spoolsrc_open(c, db, err);
	if (r == 0) {
		/* which lives there were nobody knows: greater than any of them */
		c->lc.first_life = known.first_life ? known.first_life
						    : clock_real_usec() / USEC_PER_SEC;
		lc_restore(&c->lc, &known.lives, &known.latest, collector_now());
		r = open_writer(c, db, err);
	} else {
		db_close(db);
	}
	return r == 0 ? collector_begin(c, err) : r;
}

static int close_all(struct collector *c)
{
	int r = 0;

	if (c->writer) {
		confsrc_finish(c);
		disksrc_finish(c);
		collector_say(c, "stopped", "the collector ends in order", 0);
		collector_settle(c);
	}
	recorder_close(c);
	spoolsrc_finish(c);
	if (c->writer)
		r = writer_stop(&c->writer, 5 * USEC_PER_SEC);
	return r;
}

static void free_all(struct collector *c)
{
	cgsrc_close(c);
	netsrc_close(c);
	kernsrc_close(c);
	spoolsrc_close(c);
	confsrc_close(c);
	tasksrc_close(c);
	incsrc_close(c);
	disksrc_close(c);
	collector_end(c);
	if (c->rootfd >= 0)
		close(c->rootfd);
	loop_free(c->loop);
}

static int run(struct collector *c, struct err *err)
{
	int r = fs_open_root(c->o->root, &c->rootfd, err);

	if (r == 0)
		r = read_boot(c, err);
	if (r == 0)
		r = loop_new(&c->loop, err);
	if (r == 0)
		r = settings_watch(c, err);
	if (r < 0)
		return r;
	settings_read(c);
	collector_init(c);
	r = open_all(c, err);
	if (r < 0)
		return r;
	recorder_run(c);
	collector_say(c, "started", PACKAGE_STRING, 0);
	/* what is older comes first; then hooks before the kernel */
	confsrc_begin(c);
	spoolsrc_drain(c);
	tasksrc_reconcile(c);
	cgsrc_reconcile(c);
	collector_settle(c);
	loop_ready(c->loop);
	/* of this thread only: the recorder's, which runs by now, computes for longer */
	sched_wake_soon();
	r = loop_run(c->loop, err);
	loop_stopping(c->loop);
	if (close_all(c) == -ETIMEDOUT)
		_exit(fail("the store does not answer: what was not written is lost"));
	return r;
}

int main(int argc, char **argv)
{
	struct collect_opts o = { .root = "/",
				  .spool = SPOOL_PATH,
				  .db = "/" DB_PATH,
				  .ring = "/run/ctscope/ring" };
	struct collector c = { .o = &o, .rootfd = -1 };
	struct err err = { 0 };
	int r = parse_args(argc, argv, &o);

	if (r)
		return r < 0 ? 2 : 0;
	while (*o.spool == '/')
		o.spool++;
	o.live = str_eq(o.root, "/");
	harden();
	r = run(&c, &err);
	free_all(&c);
	return r < 0 ? fail(err.msg) : 0;
}
