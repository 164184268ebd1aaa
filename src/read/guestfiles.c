/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestfiles.h"

#define READ_AT_ONCE (GUESTREAD_MAX_ANSWER / 2 / GUESTFILES_SOME)
#define PART_MAX     ((size_t)65536) /* of a line without an end */

static struct guestfile *find(const struct guestfiles *g, const char *path)
{
	for (size_t i = 0; i < g->n; i++)
		if (str_eq(g->v[i].path, path))
			return &g->v[i];
	return NULL;
}

/* Takes over the path. */
static struct guestfile *add_file(struct guestfiles *g, char *path,
				  enum log_source source)
{
	struct guestfile f = { .path = path, .source = source };

	GROW(g->v, g->n, g->cap);
	f.text.source = source;
	if (source == LOG_FILE) {
		f.text.origin = path;
		f.rotated = xasprintf("%s.1", path);
	}
	g->v[g->n++] = f;
	return &g->v[g->n - 1];
}

static void add_syslog(struct guestfiles *g, const char *path, const char *rotated,
		       bool other)
{
	struct guestfile *f = add_file(g, xasprintf("%s%s", path, rotated), LOG_SYSLOG);

	f->before = true;
	f->other = other;
	f = add_file(g, xstrdup(path), LOG_SYSLOG);
	f->other = other;
	f->rotated = xasprintf("%s%s", path, rotated);
}

void guestfiles_add_syslog(struct guestfiles *g)
{
	add_syslog(g, "/var/log/syslog", ".1", false);
	add_syslog(g, "/var/log/messages", ".0", true);
}

void guestfiles_add(struct guestfiles *g, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	struct guestfile *f;

	if (strpbrk(name, "*?[")) {
		GROW(g->patterns, g->n_patterns, g->cap_patterns);
		g->patterns[g->n_patterns++] = (struct guestpattern){
			.dir = slash ? xstrndup(path, (size_t)(slash - path))
				     : xstrdup(""),
			.pattern = name,
		};
		return;
	}
	f = find(g, path);
	if (!f && g->n < GUESTLOG_MAX_FILES)
		f = add_file(g, xstrdup(path), LOG_FILE);
	if (!f)
		return;
	/* wanted, whatever there is besides */
	f->named = true;
	f->other = false;
}

void guestfiles_done(struct guestfiles *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->v[i].path);
		free(g->v[i].rotated);
		buf_done(&g->v[i].part);
	}
	for (size_t i = 0; i < g->n_patterns; i++)
		free(g->patterns[i].dir);
	free(g->v);
	free(g->patterns);
	*g = (struct guestfiles){ 0 };
}

void guestfile_take(struct guestfile *f, const struct guestread_answer *a, bool end,
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

bool guestfiles_is_other(const struct guestfiles *g, const struct guestfile *f)
{
	return f->other && find(g, "/var/log/syslog")->cursor.ino;
}

/* Only the last part of a path is taken for a pattern. */
static const char *why_text(const struct guestread_answer *a, const char *dir, size_t n)
{
	const char *text = guestread_why_text(a->why);

	if (a->why == GUESTREAD_FAILED && a->error)
		return strerror(a->error);
	if (a->why != GUESTREAD_ABSENT)
		return text;
	for (size_t i = 0; i < n; i++)
		if (strchr("*?[", dir[i]))
			return "not there: only the last part of a path may be a pattern";
	return text;
}

void guestfile_say(struct guestfile *f, const struct guestread_answer *a,
		   struct guestlog_said *said)
{
	const char *name;

	if (a->why == GUESTREAD_ABSENT && !f->named)
		return;
	if (a->why == GUESTREAD_NO_ANSWER) /* that of the request tells */
		return;
	name = strrchr(f->path, '/');
	guestask_say(
		said, &f->told,
		xasprintf("%s: %s", f->path,
			  why_text(a, f->path, name ? (size_t)(name - f->path) : 0)));
}

void guestfile_cut_first_line(struct tbytes *t)
{
	struct span s = span_of((const char *)t->p, t->n), line;

	span_line(&s, &line);
	*t = span_tbytes(s);
}

/* One file at the first reading: its end. */
static void take_tail(const struct guestfiles *g, struct guestfile *f,
		      struct guestread_answer *a, struct loglines *ret,
		      struct guestlog_said *said)
{
	f->absent = a->why == GUESTREAD_ABSENT;
	if (a->why) {
		guestfile_say(f, a, said);
		return;
	}
	said->has_syslog |= f->source == LOG_SYSLOG;
	said->has_file |= f->source == LOG_FILE;
	f->cursor = a->next;
	if (a->start_offset) {
		if (a->data.n && !memchr(a->data.p, '\n', a->data.n))
			guestask_say(
				said, &f->told,
				xasprintf(
					"%s: its last line has no end and is longer than %u "
					"bytes",
					f->path, a->data.n));
		guestfile_cut_first_line(&a->data);
		ret->cut = true;
	}
	guestfile_take(f, a, f->before || !g->follow, ret);
}

/* A line that is looked for may be anywhere; of others the last ones are enough. */
static bool wants_some(const struct log_want *want)
{
	return want->max_lines && !log_want_chooses(want);
}

static struct guestread_item tail_item(const struct guestfile *f,
				       const struct log_want *want, bool cross)
{
	return (struct guestread_item){
		.op = GUESTREAD_TAIL,
		.path = f->path,
		.max_bytes = wants_some(want) ? GUESTFILES_SOME : 0,
		.cross = cross,
	};
}

static bool is_new(struct guestfiles *g, const struct guestpattern *p,
		   const struct guestread_entry *e)
{
	_cleanup_free_ char *path =
		xasprintf("%s/%.*s", p->dir, (int)e->name.n, (const char *)e->name.p);

	return e->name.n && (e->st.mode & 0170000) == 0100000 && !find(g, path);
}

/* What is left out of a listing. */
static void say_bounds(struct guestfiles *g, struct guestpattern *p,
		       const struct guestread_answer *a, struct guestlog_said *said)
{
	bool more = false;

	for (size_t i = 0; !more && i < a->n_entries; i++)
		more = is_new(g, p, &a->entries[i]);
	if (a->truncated)
		guestask_say(said, &p->bound_told,
			     xasprintf("%s/%s: too many names, not all were looked at",
				       p->dir, p->pattern));
	else if (more)
		guestask_say(said, &p->bound_told,
			     xasprintf("%s/%s: more files than are read, the newest are",
				       p->dir, p->pattern));
}

/* Those of a pattern that are not known yet become files, the newest of them. */
static void take_list(struct guestfiles *g, struct guestpattern *p,
		      struct guestread_answer *a, struct guestlog_said *said)
{
	if (a->why || !a->n_entries) {
		const char *why = a->why ? why_text(a, p->dir, strlen(p->dir))
				  : a->truncated
					  ? "too many names, and none of those that were "
					    "looked at is one"
					  : "no such file";

		if (a->why != GUESTREAD_NO_ANSWER)
			guestask_say(said, &p->told,
				     xasprintf("%s/%s: %s", p->dir, p->pattern, why));
		return;
	}
	p->told = true; /* there was one: that there is none any more is no news */
	while (g->n < GUESTLOG_MAX_FILES) {
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

void guestfiles_list(struct guestfiles *g, const struct guestread_target *target,
		     struct guestlog_said *said)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	_cleanup_free_ struct guestread_item *items =
		xcalloc(g->n_patterns + 1, sizeof(*items));
	_cleanup_free_ struct guestpattern **which =
		xcalloc(g->n_patterns + 1, sizeof(*which));
	size_t n = MIN(g->n_patterns, (size_t)GUESTLOG_MAX_FILES);
	struct err err = { 0 };
	size_t asked = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		if (!guestask_is_away(g->ask, target, g->patterns[i].dir, said)) {
			which[asked] = &g->patterns[i];
			items[asked++] = (struct guestread_item){
				.op = GUESTREAD_LIST,
				.path = g->patterns[i].dir,
				.pattern = g->patterns[i].pattern,
				.cross = guestask_crosses(target),
			};
		}
	if (!asked)
		return;
	r = guestask_items(g->ask, target, items, asked, GUESTFILES_MSEC, &a, &err);
	for (size_t i = 0; i < asked && i < a.n; i++)
		take_list(g, which[i], &a.v[i], said);
	if (r < 0 && !(g->polling && guestask_may_pass(&g->late, r)))
		guestask_say_failed(target, said, &g->told, "files inside", r, &err);
}

/* So many files in one request that all of what may be asked of them fits the answer. */
static int read_some(struct guestfiles *g, const struct guestread_target *target,
		     size_t from, size_t n, const struct log_want *want,
		     struct loglines *ret, struct guestlog_said *said)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	struct guestread_item items[READ_AT_ONCE];
	struct guestfile *which[READ_AT_ONCE];
	struct err err = { 0 };
	size_t asked = 0;
	int r;

	for (size_t i = from; i < from + n; i++)
		if (!guestask_is_away(g->ask, target, g->v[i].path, said)) {
			which[asked] = &g->v[i];
			items[asked++] =
				tail_item(&g->v[i], want, guestask_crosses(target));
		}
	if (!asked)
		return 0;
	r = guestask_items(g->ask, target, items, asked, GUESTFILES_MSEC, &a, &err);
	for (size_t i = 0; i < asked && i < a.n; i++) {
		struct guestfile *f = which[i];
		size_t start = ret->n;

		if (guestfiles_is_other(g, f))
			continue;
		take_tail(g, f, &a.v[i], ret, said);
		log_keep_wanted(ret, start, want);
	}
	if (r < 0)
		guestask_say_failed(target, said, &g->told, "files inside", r, &err);
	return r;
}

void guestfiles_read(struct guestfiles *g, const struct guestread_target *target,
		     const struct log_want *want, struct loglines *ret,
		     struct guestlog_said *said)
{
	size_t bytes = GUESTREAD_MAX_BYTES, step;

	guestfiles_list(g, target, said);
	g->following = true;
	if (wants_some(want))
		bytes = GUESTFILES_SOME;
	step = GUESTREAD_MAX_ANSWER / 2 / bytes;
	for (size_t i = 0; i < g->n && !said->gone; i += step)
		if (read_some(g, target, i, MIN(step, g->n - i), want, ret, said) < 0)
			return;
}
