/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestlog.h"

#include "base/num.h"
#include "read/guestjournal.h"
#include "read/textlog.h"

#define FILES_MSEC   1000
#define JOURNAL_MSEC 2000
#define SOME_BYTES   ((uint32_t)256 << 10) /* of a file, where not all of it is wanted */
#define READ_AT_ONCE (GUESTREAD_MAX_ANSWER / 2 / SOME_BYTES)
#define PART_MAX     ((size_t)65536) /* of a line without an end */
#define MAX_PAGES    32              /* of a journal: see GUESTREAD_MAX_ENTRIES */
#define MAX_IDS      8192
#define LIST_EVERY   2 /* polls */
#define MAX_LATE     3 /* polls without an answer, then it is told */
/* so late may come what another program wrote: journald has a file for each user */
#define LATE_USEC ((uint64_t)2000000)

/* A file inside, and how far it was read. */
struct file {
	char *path;
	char *rotated; /* what it is called when it was renamed; NULL: not known */
	enum log_source source;
	bool before; /* it is one that was rotated: for the first reading only */
	bool other;  /* read only if the one before in the list is not there */
	bool named;  /* by the caller, not found by a pattern: its absence is told */
	bool told;
	bool absent; /* it was not there: all of it is new when it comes */
	struct guestread_cursor cursor;
	struct guestread_cursor old; /* of the file that had its name before */
	struct textlog text;
	struct buf part; /* a line without an end yet */
};

struct pattern {
	char *dir;
	const char *pattern; /* borrowed */
	bool told, bound_told;
};

struct guestlog {
	int rootfd;
	struct buf program;
	bool sources[LOG_SOURCES];
	const char *unit;
	bool follow, following; /* the first reading is over */
	struct file *files;
	size_t n_files, cap_files;
	struct pattern *patterns;
	size_t n_patterns, cap_patterns;
	unsigned polls;
	bool polling;
	unsigned files_late, journal_late; /* so many polls one after the other */
	bool files_told, journal_told;
	struct strv away_told;     /* keys of mounts that are not there */
	uint64_t newest_real_usec; /* of the journal's entries that were given */
	uint64_t first_real_usec;  /* to here went the first reading */
	uint64_t ids[MAX_IDS];     /* the last ones that were given: a ring */
	size_t n_ids;
};

void guestlog_said_done(struct guestlog_said *s)
{
	strv_done(&s->notes);
	*s = (struct guestlog_said){ 0 };
}

static struct file *find(struct guestlog *g, const char *path)
{
	for (size_t i = 0; i < g->n_files; i++)
		if (str_eq(g->files[i].path, path))
			return &g->files[i];
	return NULL;
}

/* Takes over the path. */
static struct file *add_file(struct guestlog *g, char *path, enum log_source source)
{
	struct file f = { .path = path, .source = source };

	GROW(g->files, g->n_files, g->cap_files);
	f.text.source = source;
	if (source == LOG_FILE) {
		f.text.origin = path;
		f.rotated = xasprintf("%s.1", path);
	}
	g->files[g->n_files++] = f;
	return &g->files[g->n_files - 1];
}

static void add_syslog(struct guestlog *g, const char *path, const char *rotated,
		       bool other)
{
	struct file *f = add_file(g, xasprintf("%s%s", path, rotated), LOG_SYSLOG);

	f->before = true;
	f->other = other;
	f = add_file(g, xstrdup(path), LOG_SYSLOG);
	f->other = other;
	f->rotated = xasprintf("%s%s", path, rotated);
}

static void add_named(struct guestlog *g, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	struct file *f;

	if (strpbrk(name, "*?[")) {
		GROW(g->patterns, g->n_patterns, g->cap_patterns);
		g->patterns[g->n_patterns++] = (struct pattern){
			.dir = slash ? xstrndup(path, (size_t)(slash - path))
				     : xstrdup(""),
			.pattern = name,
		};
		return;
	}
	f = find(g, path);
	if (!f && g->n_files < GUESTLOG_MAX_FILES)
		f = add_file(g, xstrdup(path), LOG_FILE);
	if (!f)
		return;
	/* wanted, whatever there is besides */
	f->named = true;
	f->other = false;
}

struct guestlog *guestlog_new(int rootfd, const bool sources[LOG_SOURCES],
			      const struct strv *files, const char *unit, bool follow)
{
	struct guestlog *g = xcalloc(1, sizeof(*g));

	g->rootfd = rootfd;
	g->unit = unit;
	g->follow = follow;
	memcpy(g->sources, sources, sizeof(g->sources));
	guestread_program(rootfd, &g->program);
	if (g->sources[LOG_SYSLOG]) {
		add_syslog(g, "/var/log/syslog", ".1", false);
		add_syslog(g, "/var/log/messages", ".0", true);
	}
	for (size_t i = 0; g->sources[LOG_FILE] && i < files->n; i++)
		add_named(g, files->v[i]);
	return g;
}

void guestlog_free(struct guestlog *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n_files; i++) {
		free(g->files[i].path);
		free(g->files[i].rotated);
		buf_done(&g->files[i].part);
	}
	for (size_t i = 0; i < g->n_patterns; i++)
		free(g->patterns[i].dir);
	free(g->files);
	free(g->patterns);
	strv_done(&g->away_told);
	buf_done(&g->program);
	free(g);
}

/* ---- asking ------------------------------------------------------------------------- */

static int ask(struct guestlog *g, const struct guestread_target *target,
	       struct guestread_item *items, size_t n, uint32_t msec,
	       struct guestread_answers *ret, struct err *err)
{
	struct guestread_job job = {
		.target = *target,
		.request = { .v = items, .n = n, .deadline_msec = msec },
	};
	int r = guestread_ask(g->rootfd, buf_str(&g->program), &job, err);

	/* no init has made this its root: it begins where it begins */
	for (size_t i = 0; target->volume && i < job.answers.n; i++)
		if (job.answers.v[i].why == GUESTREAD_CHROOT)
			job.answers.v[i].why = GUESTREAD_FSTYPE;
	*ret = job.answers;
	job.answers = (struct guestread_answers){ 0 };
	guestread_job_done(&job);
	return r;
}

/* What is mounted on the way is the container's while it runs. */
static bool crosses(const struct guestread_target *t)
{
	return !t->volume || t->volume->cross;
}

static bool has(const struct strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (str_eq(v->v[i], s))
			return true;
	return false;
}

static void say(struct guestlog_said *said, bool *told, char *note)
{
	/* of a volume files and journal may fail alike */
	if (*told || has(&said->notes, note))
		free(note);
	else
		strv_add(&said->notes, note);
	*told = true;
}

/* Is it on a mount that is not there? Then what is found in its place is not it. */
static bool is_away(struct guestlog *g, const struct guestread_target *t,
		    const char *path, struct guestlog_said *said)
{
	const struct guestread_away *a =
		t->volume ? guestread_away(t->volume, path) : NULL;

	if (!a)
		return false;
	if (has(&g->away_told, a->key))
		return true;
	strv_add(&g->away_told, xstrdup(a->key));
	strv_add(&said->notes,
		 xasprintf("%s is %s, which is mounted only while the container runs: "
			   "what is on it is not read",
			   a->path, a->key));
	return true;
}

/* What of a whole request came to nothing. */
static void say_failed(const struct guestread_target *t, struct guestlog_said *said,
		       bool *told, const char *what, int r, const struct err *err)
{
	if (r == -ESRCH)
		said->gone = true;
	else if (r == -EIO)
		say(said, told,
		    xasprintf("%s: damaged, or changed while it was read", what));
	else if (r == -ETIMEDOUT || r == -EBUSY)
		say(said, told, xasprintf("%s: not read in time", what));
	else if (t->volume)
		say(said, told, xstrdup(err->msg));
	else
		say(said, told, xasprintf("%s: %s", what, err->msg));
}

/* While it is followed: a container that starts, or a node that is busy for a moment. */
static bool may_pass(unsigned *late, int r)
{
	return r == -EAGAIN || ((r == -ETIMEDOUT || r == -EBUSY) && ++*late < MAX_LATE);
}

/* ---- files -------------------------------------------------------------------------- */

/* The lines that are complete; `end`: all of it, it does not go on. */
static void take_text(struct file *f, const struct guestread_answer *a, bool end,
		      struct loglines *ret)
{
	struct span text;
	const char *nl;
	size_t n;

	f->text.mtime_real_usec = a->st.mtime_real_usec;
	buf_add(&f->part, a->data.p, a->data.n);
	text = span_of(buf_str(&f->part), f->part.n);
	nl = text.n ? memrchr(text.p, '\n', text.n) : NULL;
	n = end || text.n > PART_MAX ? text.n : nl ? (size_t)(nl + 1 - text.p) : 0;
	if (!n)
		return;
	textlog_parse(&f->text, span_of(text.p, n), ret);
	memmove(f->part.p, f->part.p + n, f->part.n - n);
	f->part.n -= n;
}

/* Is it of no use, as the first choice is there? */
static bool is_other(struct guestlog *g, const struct file *f)
{
	return f->other && find(g, "/var/log/syslog")->cursor.ino;
}

static void say_file(struct file *f, const struct guestread_answer *a,
		     struct guestlog_said *said)
{
	if (a->why == GUESTREAD_ABSENT && !f->named)
		return;
	if (a->why == GUESTREAD_NO_ANSWER) /* that of the request tells */
		return;
	say(said, &f->told,
	    xasprintf("%s: %s", f->path,
		      a->why == GUESTREAD_FAILED && a->error
			      ? strerror(a->error)
			      : guestread_why_text(a->why)));
}

static void cut_first_line(struct tbytes *t)
{
	struct span s = span_of((const char *)t->p, t->n), line;

	span_line(&s, &line);
	*t = span_tbytes(s);
}

/* One file at the first reading: its end. */
static void take_tail(const struct guestlog *g, struct file *f,
		      struct guestread_answer *a, struct loglines *ret,
		      struct guestlog_said *said)
{
	f->absent = a->why == GUESTREAD_ABSENT;
	if (a->why) {
		say_file(f, a, said);
		return;
	}
	said->has_syslog |= f->source == LOG_SYSLOG;
	said->has_file |= f->source == LOG_FILE;
	f->cursor = a->next;
	if (a->start_offset) {
		if (a->data.n && !memchr(a->data.p, '\n', a->data.n))
			say(said, &f->told,
			    xasprintf(
				    "%s: its last line has no end and is longer than %u "
				    "bytes",
				    f->path, a->data.n));
		cut_first_line(&a->data);
		ret->cut = true;
	}
	take_text(f, a, f->before || !g->follow, ret);
}

/* A line that is looked for may be anywhere; of others the last ones are enough. */
static bool wants_some(const struct log_want *want)
{
	return want->max_lines && !want->match;
}

static struct guestread_item tail_item(const struct file *f, const struct log_want *want,
				       bool cross)
{
	return (struct guestread_item){
		.op = GUESTREAD_TAIL,
		.path = f->path,
		.max_bytes = wants_some(want) ? SOME_BYTES : 0,
		.cross = cross,
	};
}

static bool is_new(struct guestlog *g, const struct pattern *p,
		   const struct guestread_entry *e)
{
	_cleanup_free_ char *path =
		xasprintf("%s/%.*s", p->dir, (int)e->name.n, (const char *)e->name.p);

	return e->name.n && (e->st.mode & 0170000) == 0100000 && !find(g, path);
}

/* What is left out of a listing. */
static void say_bounds(struct guestlog *g, struct pattern *p,
		       const struct guestread_answer *a, struct guestlog_said *said)
{
	bool more = false;

	for (size_t i = 0; !more && i < a->n_entries; i++)
		more = is_new(g, p, &a->entries[i]);
	if (a->truncated)
		say(said, &p->bound_told,
		    xasprintf("%s/%s: too many names, not all were looked at", p->dir,
			      p->pattern));
	else if (more)
		say(said, &p->bound_told,
		    xasprintf("%s/%s: more files than are read, the newest are", p->dir,
			      p->pattern));
}

/* Those of a pattern that are not known yet become files, the newest of them. */
static void take_list(struct guestlog *g, struct pattern *p, struct guestread_answer *a,
		      struct guestlog_said *said)
{
	if (a->why || !a->n_entries) {
		const char *why = a->why ? guestread_why_text(a->why) : "no such file";

		if (a->why != GUESTREAD_NO_ANSWER)
			say(said, &p->told,
			    xasprintf("%s/%s: %s", p->dir, p->pattern, why));
		return;
	}
	p->told = true; /* there was one: that there is none any more is no news */
	while (g->n_files < GUESTLOG_MAX_FILES) {
		struct guestread_entry *best = NULL;
		_cleanup_free_ char *path = NULL;

		for (size_t i = 0; i < a->n_entries; i++) {
			struct guestread_entry *e = &a->entries[i];

			if (e->name.n &&
			    (!best || e->st.mtime_real_usec > best->st.mtime_real_usec))
				best = e;
		}
		if (!best)
			break;
		path = xasprintf("%s/%.*s", p->dir, (int)best->name.n,
				 (const char *)best->name.p);
		best->name.n = 0;
		if ((best->st.mode & 0170000) == 0100000 && !find(g, path))
			add_file(g, take_ptr(path), LOG_FILE)->absent = g->following;
	}
	say_bounds(g, p, a, said);
}

static void list_patterns(struct guestlog *g, const struct guestread_target *target,
			  struct guestlog_said *said)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	_cleanup_free_ struct guestread_item *items =
		xcalloc(g->n_patterns + 1, sizeof(*items));
	_cleanup_free_ struct pattern **which =
		xcalloc(g->n_patterns + 1, sizeof(*which));
	size_t n = MIN(g->n_patterns, (size_t)GUESTLOG_MAX_FILES);
	struct err err = { 0 };
	size_t asked = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		if (!is_away(g, target, g->patterns[i].dir, said)) {
			which[asked] = &g->patterns[i];
			items[asked++] = (struct guestread_item){
				.op = GUESTREAD_LIST,
				.path = g->patterns[i].dir,
				.pattern = g->patterns[i].pattern,
				.cross = crosses(target),
			};
		}
	if (!asked)
		return;
	r = ask(g, target, items, asked, FILES_MSEC, &a, &err);
	for (size_t i = 0; i < asked && i < a.n; i++)
		take_list(g, which[i], &a.v[i], said);
	if (r < 0 && !(g->polling && may_pass(&g->files_late, r)))
		say_failed(target, said, &g->files_told, "files inside", r, &err);
}

/* So many files in one request that all of what may be asked of them fits the answer. */
static int read_some(struct guestlog *g, const struct guestread_target *target,
		     size_t from, size_t n, const struct log_want *want,
		     struct loglines *ret, struct guestlog_said *said)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	struct guestread_item items[READ_AT_ONCE];
	struct file *which[READ_AT_ONCE];
	struct err err = { 0 };
	size_t asked = 0;
	int r;

	for (size_t i = from; i < from + n; i++)
		if (!is_away(g, target, g->files[i].path, said)) {
			which[asked] = &g->files[i];
			items[asked++] = tail_item(&g->files[i], want, crosses(target));
		}
	if (!asked)
		return 0;
	r = ask(g, target, items, asked, FILES_MSEC, &a, &err);
	for (size_t i = 0; i < asked && i < a.n; i++) {
		struct file *f = which[i];
		size_t start = ret->n;

		if (is_other(g, f))
			continue;
		take_tail(g, f, &a.v[i], ret, said);
		log_keep_wanted(ret, start, want);
	}
	if (r < 0)
		say_failed(target, said, &g->files_told, "files inside", r, &err);
	return r;
}

static void read_files(struct guestlog *g, const struct guestread_target *target,
		       const struct log_want *want, struct loglines *ret,
		       struct guestlog_said *said)
{
	size_t bytes = GUESTREAD_MAX_BYTES, step;

	list_patterns(g, target, said);
	if (wants_some(want))
		bytes = SOME_BYTES;
	step = GUESTREAD_MAX_ANSWER / 2 / bytes;
	for (size_t i = 0; i < g->n_files && !said->gone; i += step)
		if (read_some(g, target, i, MIN(step, g->n_files - i), want, ret, said) <
		    0)
			return;
}

/* ---- files as they grow ------------------------------------------------------------- */

static struct guestread_item next_item(const struct file *f, bool rotated, bool cross)
{
	return (struct guestread_item){
		.op = GUESTREAD_FILE,
		.path = rotated ? f->rotated : f->path,
		.cursor = f->cursor,
		.max_bytes = SOME_BYTES,
		.newest = true,
		.cross = cross,
	};
}

/*
 * What was written to the old file before it was renamed, if that is what became of it;
 * else it was cut or exchanged, and there is nothing more of it.
 */
static void read_rotated(struct guestlog *g, const struct guestread_target *target,
			 struct file *f, struct loglines *ret)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	struct guestread_item item = next_item(f, true, crosses(target));

	if (f->rotated && f->cursor.ino &&
	    ask(g, target, &item, 1, FILES_MSEC, &a, NULL) == 0 && a.n && !a.v[0].why &&
	    !a.v[0].reset) {
		take_text(f, &a.v[0], true, ret);
		/* where nothing came it is where it was */
		f->old = a.v[0].next.ino ? a.v[0].next : f->cursor;
	}
	f->part.n = 0;
	f->text.last_real_usec = 0;
}

/* A file that is new may have the number of one that was removed: it is shorter then. */
static bool is_of(const struct guestread_cursor *c, const struct guestread_answer *a)
{
	return c->offset && c->ino == a->st.ino && c->dev == a->st.dev &&
	       c->offset <= a->st.size_bytes;
}

/* Was it read by another name? Then it goes on from there, and that one no more. */
static bool was_renamed(struct guestlog *g, struct file *f, struct guestread_answer *a)
{
	for (size_t i = 0; i < g->n_files; i++) {
		struct file *o = &g->files[i];
		bool now = is_of(&o->cursor, a);

		if (o == f || o->before || (!now && !is_of(&o->old, a)))
			continue;
		f->cursor = now ? o->cursor : o->old;
		f->text.last_real_usec = 0;
		f->part.n = 0;
		if (now) {
			buf_add(&f->part, o->part.p, o->part.n);
			o->part.n = 0;
			o->cursor = (struct guestread_cursor){ 0 };
			o->absent = true;
		} else {
			o->old = (struct guestread_cursor){ 0 };
		}
		return true;
	}
	return false;
}

static void take_more(struct guestlog *g, const struct guestread_target *target,
		      struct file *f, struct guestread_answer *a, struct loglines *ret,
		      struct guestlog_said *said)
{
	if (a->why) {
		f->absent |= a->why == GUESTREAD_ABSENT;
		/* its turn comes with the next poll */
		if (a->why != GUESTREAD_ABSENT && a->why != GUESTREAD_LATE)
			say_file(f, a, said);
		return;
	}
	/* the first reading did not come to it: what is there is not new */
	if (!f->cursor.ino && !f->absent) {
		f->cursor = a->next;
		return;
	}
	if (a->reset)
		read_rotated(g, target, f, ret);
	if ((a->reset || !f->cursor.ino) && was_renamed(g, f, a))
		return;
	if (a->skipped_bytes) {
		cut_first_line(&a->data);
		f->part.n = 0;
		say(said, &f->told,
		    xasprintf("%s: grows too fast, lines of it are left out", f->path));
	}
	if (a->next.ino)
		f->cursor = a->next;
	if (a->data.n)
		take_text(f, a, false, ret);
}

static void poll_files(struct guestlog *g, const struct guestread_target *target,
		       const struct log_want *want, struct loglines *ret,
		       struct guestlog_said *said)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	_cleanup_free_ struct guestread_item *items = NULL;
	_cleanup_free_ size_t *which = NULL;
	struct err err = { 0 };
	size_t n = 0, start = ret->n;
	int r;

	if (g->polls % LIST_EVERY == 0)
		list_patterns(g, target, said);
	items = xcalloc(g->n_files + 1, sizeof(*items));
	which = xcalloc(g->n_files + 1, sizeof(*which));
	/* one after the other is the first: what grows too fast leaves no room behind it */
	for (size_t k = 0; k < g->n_files; k++) {
		size_t i = (k + g->polls) % g->n_files;

		if (!g->files[i].before && !is_other(g, &g->files[i]) &&
		    !is_away(g, target, g->files[i].path, said)) {
			which[n] = i;
			items[n++] = next_item(&g->files[i], false, crosses(target));
		}
	}
	if (!n || said->gone)
		return;
	r = ask(g, target, items, n, FILES_MSEC, &a, &err);
	if (r < 0 && !may_pass(&g->files_late, r))
		say_failed(target, said, &g->files_told, "files inside", r, &err);
	if (r == 0)
		g->files_late = 0;
	for (size_t i = 0; i < n && i < a.n; i++)
		take_more(g, target, &g->files[which[i]], &a.v[i], ret, said);
	log_keep_wanted(ret, start, want);
}

/* ---- journal ------------------------------------------------------------------------ */

static bool was_given(const struct guestlog *g, uint64_t id)
{
	if (!id)
		return false;
	for (size_t i = 0; i < MIN(g->n_ids, (size_t)MAX_IDS); i++)
		if (g->ids[i] == id)
			return true;
	return false;
}

static enum log_level level_of(uint32_t priority)
{
	static const enum log_level levels[] = {
		LOG_LEVEL_ERROR,   LOG_LEVEL_ERROR,  LOG_LEVEL_ERROR, LOG_LEVEL_ERROR,
		LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO,  LOG_LEVEL_DEBUG,
	};

	return priority < ARRAY_SIZE(levels) ? levels[priority] : LOG_LEVEL_NONE;
}

static const char *keep_name(struct loglines *l, struct tbytes t)
{
	_cleanup_free_ char *s = t.n ? xstrndup((const char *)t.p, t.n) : NULL;

	return loglines_keep_str(l, s);
}

/* How much longer it is nobody knows: it is not unpacked any further. */
static struct tbytes keep_cut(struct loglines *l, struct span line)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_add(&b, line.p, line.n);
	buf_adds(&b, " [cut]");
	return loglines_keep(l, b.p, b.n);
}

/* The entry as lines, those of its message backwards. */
static void add_entry(const struct guestjournal_entry *e, const struct log_want *want,
		      struct loglines *ret)
{
	struct span msg = span_of((const char *)e->message.p, e->message.n), line;
	struct logline proto = { .time_real_usec = e->real_usec,
				 .time_kind = LOG_TIME_EXACT,
				 .source = LOG_GUEST,
				 .level = level_of(e->priority),
				 .pid = e->pid };
	size_t start = ret->n;

	proto.origin = keep_name(ret, e->identifier);
	proto.unit = keep_name(ret, e->unit);
	while (span_line(&msg, &line)) {
		struct logline l = proto;

		l.text = span_tbytes(line);
		if (!line.n || !log_want_has(want, &l))
			continue;
		l.text = e->cut && !msg.n ? keep_cut(ret, line)
					  : loglines_keep(ret, line.p, line.n);
		loglines_add(ret, l);
	}
	loglines_reverse(ret, start);
}

struct page {
	uint64_t oldest_real_usec;
	size_t n, fresh; /* entries, and those that were not given before */
	bool more;       /* there may be older ones */
};

static void take_entries(struct guestlog *g, const struct guestjournal *j,
			 const struct guestread_span *asked, const struct log_want *want,
			 struct loglines *ret, struct page *p)
{
	uint64_t newest = g->newest_real_usec;

	p->oldest_real_usec = UINT64_MAX;
	p->n = j->n;
	for (size_t i = 0; i < j->n; i++) {
		const struct guestjournal_entry *e = &j->v[i];

		p->oldest_real_usec = MIN(p->oldest_real_usec, e->real_usec);
		g->newest_real_usec = MAX(g->newest_real_usec, e->real_usec);
		/* the pages of one reading meet in one point of time, polls overlap */
		if ((g->polling ? e->real_usec <= newest
				: e->real_usec == asked->until_real_usec) &&
		    was_given(g, e->id))
			continue;
		g->ids[g->n_ids++ % MAX_IDS] = e->id;
		p->fresh++;
		add_entry(e, want, ret);
	}
}

static void say_journal(struct guestlog *g, const struct guestjournal *j,
			struct guestlog_said *said)
{
	said->has_journal |= j->files > j->broken || j->n;
	if (j->broken)
		say(said, &g->journal_told,
		    xasprintf("journal inside: %u of %u files could not be read to the "
			      "end",
			      j->broken, j->files));
	if (j->unread)
		say(said, &g->journal_told,
		    xasprintf("journal inside: files were left out: %u%s%s", j->unread,
			      j->unread_why ? ", " : "",
			      j->unread_why ? guestread_why_text(j->unread_why) : ""));
}

static struct guestread_item journal_item(const struct guestlog *g,
					  const struct log_want *want, uint64_t since,
					  uint64_t until)
{
	return (struct guestread_item){
		.op = GUESTREAD_JOURNAL,
		.path = "",
		.pattern = g->unit,
		.max_entries = wants_some(want)
				       ? (uint32_t)MIN(want->max_lines,
						       (size_t)GUESTREAD_MAX_ENTRIES)
				       : 0,
		.span = { .since_real_usec = since, .until_real_usec = until },
	};
}

/* 0 and the page; 1: there is no journal; a negative errno: it was said why. */
static int read_page(struct guestlog *g, const struct guestread_target *target,
		     const struct guestread_item *what, const struct log_want *want,
		     struct loglines *ret, struct guestlog_said *said, struct page *page)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	_cleanup_(guestjournal_done) struct guestjournal j = { 0 };
	struct guestread_item item = *what;
	struct err err = { 0 };
	int r;

	if (is_away(g, target, "/var/log/journal", said))
		return 1;
	item.cross = crosses(target);
	r = ask(g, target, &item, 1, JOURNAL_MSEC, &a, &err);

	/* its files change as it writes: once is bad luck */
	if (r == -EIO) {
		guestread_answers_done(&a);
		r = ask(g, target, &item, 1, JOURNAL_MSEC, &a, &err);
	}
	if (r == 0 && a.v[0].why == GUESTREAD_ABSENT)
		return 1;
	if (r == 0 && a.v[0].why) {
		say(said, &g->journal_told,
		    xasprintf("journal inside: %s",
			      a.v[0].error == ENOSYS
				      ? "libsystemd is not installed on this node"
				      : guestread_why_text(a.v[0].why)));
		return -EIO;
	}
	if (r == 0)
		r = guestjournal_parse(a.v[0].data, &j, &err);
	if (r < 0) {
		if (!g->polling || !may_pass(&g->journal_late, r))
			say_failed(target, said, &g->journal_told, "journal inside", r,
				   &err);
		return r;
	}
	g->journal_late = 0;
	say_journal(g, &j, said);
	take_entries(g, &j, &item.span, want, ret, page);
	page->more = a.v[0].truncated && j.n;
	return 0;
}

static void read_journal(struct guestlog *g, const struct guestread_target *target,
			 const struct log_want *want, struct loglines *ret,
			 struct guestlog_said *said)
{
	uint64_t until = want->until_real_usec;
	size_t start = ret->n;

	for (unsigned i = 0;; i++) {
		struct guestread_item item =
			journal_item(g, want, want->since_real_usec, until);
		struct page page = { 0 };

		if (read_page(g, target, &item, want, ret, said, &page) ||
		    (want->max_lines && ret->n - start >= want->max_lines) || !page.more)
			break;
		if (i == MAX_PAGES) {
			ret->cut = true;
			break;
		}
		/* more of one time than an answer holds */
		ret->cut |= !page.fresh;
		/* from the oldest one on, which may share its time with others */
		until = page.fresh ? page.oldest_real_usec
				   : num_sub(page.oldest_real_usec, 1);
	}
	loglines_reverse(ret, start);
	log_keep_wanted(ret, start, want);
}

/*
 * What is asked again at each poll was given before; none of the first reading is. What
 * is of a time that has not come is not new: a clock that was wrong must not hide what
 * comes after it was set.
 */
static void poll_journal(struct guestlog *g, const struct guestread_target *target,
			 const struct log_want *want, uint64_t now_real_usec,
			 struct loglines *ret, struct guestlog_said *said)
{
	uint64_t since =
		MAX(num_sub(g->newest_real_usec, LATE_USEC), g->first_real_usec + 1);
	struct guestread_item item =
		journal_item(g, want, since, now_real_usec + LATE_USEC);
	size_t start = ret->n;
	struct page page = { 0 };

	if (read_page(g, target, &item, want, ret, said, &page) == 0 && page.more &&
	    page.fresh == page.n)
		say(said, &g->journal_told,
		    xstrdup("journal inside: grows too fast, lines of it are left out"));
	loglines_reverse(ret, start);
}

/* ------------------------------------------------------------------------------------- */

void guestlog_lines(struct guestlog *g, const struct guestread_target *target,
		    const struct log_want *want, struct loglines *ret,
		    struct guestlog_said *said)
{
	read_files(g, target, want, ret, said);
	g->following = true;
	if (!g->sources[LOG_GUEST] || said->gone)
		return;
	g->first_real_usec = g->newest_real_usec = want->until_real_usec;
	read_journal(g, target, want, ret, said);
}

void guestlog_poll(struct guestlog *g, const struct guestread_target *target,
		   const struct log_want *want, uint64_t now_real_usec,
		   struct loglines *ret, struct guestlog_said *said)
{
	g->polling = true;
	poll_files(g, target, want, ret, said);
	if (g->sources[LOG_GUEST] && !said->gone)
		poll_journal(g, target, want, now_real_usec, ret, said);
	g->polls++;
}
