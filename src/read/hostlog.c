/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/hostlog.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/textlog.h"

/* The logs of one run are small; the firewall's is rotated by the day. */
#define LOG_MAX          ((size_t)1 << 20)
#define FIREWALL_LOG_MAX ((size_t)8 << 20)
#define MAX_JOBS         4096

bool log_want_chooses(const struct log_want *w)
{
	return w->match || w->to_level != LOG_LEVEL_NONE;
}

static bool has_level(const struct log_want *w, const struct logline *line)
{
	enum log_level l = line->level;

	if (w->to_level == LOG_LEVEL_NONE)
		return true;
	if (l == LOG_LEVEL_NONE)
		l = line->source == LOG_STDERR ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO;
	if (l >= w->from_level && l <= w->to_level)
		return true;
	if (line->level == LOG_LEVEL_NONE && w->unlevelled)
		w->unlevelled[line->source] = true;
	return false;
}

bool log_want_says(const struct log_want *w, const struct logline *line)
{
	return (!w->match || w->match(w->match_arg, line->text)) && has_level(w, line);
}

bool log_want_has(const struct log_want *w, const struct logline *line)
{
	if (line->time_kind != LOG_TIME_NONE) {
		if (w->since_real_usec && line->time_real_usec < w->since_real_usec)
			return false;
		if (w->until_real_usec && line->time_real_usec > w->until_real_usec)
			return false;
	}
	return log_want_says(w, line);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

/* What stands before the number where PVE's programs name a guest. */
static const char *const guest_prefixes[] = {
	"CT ",
	"CT",
	"VM ",
	"ct ",
	"vm ",
	"container ",
	"container '",
	"container \"",
	"guest ",
	"lxc/",
	"lxc-",
	"ct:",
	"ct/",
	"vm:",
	"pve-container@",
	"pve-container-debug@",
	"vzdump ",
};

static bool named_at(struct span text, size_t at, size_t n)
{
	size_t end = at + n;

	if (end < text.n && is_digit(text.p[end]))
		return false;
	/* UPID:node:pid:pstart:start:type:<id>:user: */
	if (at && text.p[at - 1] == ':' && end < text.n && text.p[end] == ':' &&
	    span_find(span_of(text.p, at), "UPID:"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(guest_prefixes); i++) {
		const char *prefix = guest_prefixes[i];
		size_t len = strlen(prefix);

		if (at >= len && memcmp(text.p + at - len, prefix, len) == 0 &&
		    (at == len || !is_word(text.p[at - len - 1])))
			return true;
	}
	return false;
}

bool log_names_guest(struct span text, uint32_t vmid)
{
	size_t from = 0;
	char id[16];
	int len = snprintf(id, sizeof(id), "%u", vmid);
	size_t n = (size_t)len;

	while (from + n <= text.n) {
		const char *hit = memmem(text.p + from, text.n - from, id, n);

		if (!hit)
			return false;
		from = (size_t)(hit - text.p);
		if (named_at(text, from, n))
			return true;
		from++;
	}
	return false;
}

/* Exactly `digits` digits and then `sep` (0: nothing). */
static bool cut_digits(struct span *s, size_t digits, char sep, unsigned *ret)
{
	size_t n = digits + (sep != '\0');
	uint32_t num;

	if (s->n < n || num_parse_u32(span_of(s->p, digits), &num) < 0 ||
	    (sep && s->p[digits] != sep))
		return false;
	*ret = num;
	s->p += n;
	s->n -= n;
	return true;
}

bool log_stamp_cut(struct span *s, uint64_t *ret)
{
	struct clock_fields f;
	struct span t = *s;

	if (!cut_digits(&t, 4, '-', &f.year) || !cut_digits(&t, 2, '-', &f.mon) ||
	    !cut_digits(&t, 2, ' ', &f.day) || !cut_digits(&t, 2, ':', &f.hour) ||
	    !cut_digits(&t, 2, ':', &f.min) || !cut_digits(&t, 2, '\0', &f.sec) ||
	    clock_local_usec(&f, ret) < 0)
		return false;
	span_skip(&t, " ");
	*s = t;
	return true;
}

static void add(struct loglines *out, struct logline line, struct span text)
{
	while (text.n && text.p[text.n - 1] == '\r')
		text.n--;
	if (!text.n)
		return;
	line.text = loglines_keep(out, text.p, text.n);
	loglines_add(out, line);
}

/* "lxc-start 106 20250813031305.123 LEVEL ...": UTC, milliseconds. */
static bool debug_stamp_cut(struct span *s, uint64_t *ret)
{
	struct clock_fields f;
	struct span t = *s, word;
	unsigned msec;

	if (!span_field(&t, &word) || !span_field(&t, &word))
		return false;
	span_skip(&t, " ");
	if (!cut_digits(&t, 4, '\0', &f.year) || !cut_digits(&t, 2, '\0', &f.mon) ||
	    !cut_digits(&t, 2, '\0', &f.day) || !cut_digits(&t, 2, '\0', &f.hour) ||
	    !cut_digits(&t, 2, '\0', &f.min) || !cut_digits(&t, 2, '.', &f.sec) ||
	    !cut_digits(&t, 3, ' ', &msec) || clock_utc_usec(&f, ret) < 0)
		return false;
	*ret += msec * USEC_PER_MSEC;
	*s = t;
	return true;
}

struct level_word {
	const char *word;
	enum log_level level;
};

static enum log_level level_by(const struct level_word *words, size_t n, struct span text)
{
	for (size_t i = 0; i < n; i++)
		if (span_starts(text, words[i].word))
			return words[i].level;
	return LOG_LEVEL_NONE;
}

static const struct level_word lxc_levels[] = {
	{ "TRACE ", LOG_LEVEL_DEBUG },  { "DEBUG ", LOG_LEVEL_DEBUG },
	{ "INFO ", LOG_LEVEL_INFO },    { "NOTICE ", LOG_LEVEL_NOTICE },
	{ "WARN ", LOG_LEVEL_WARNING }, { "ERROR ", LOG_LEVEL_ERROR },
	{ "CRIT ", LOG_LEVEL_CRIT },    { "ALERT ", LOG_LEVEL_ALERT },
	{ "FATAL ", LOG_LEVEL_EMERG },
};

/*
 * systemd opens the file without truncating it: after a reboot from inside new text lies
 * over the start of the old one, so any line may be the rest of another and is taken as
 * it is.
 */
void stderrlog_parse(struct span text, uint64_t mtime, struct loglines *ret)
{
	struct logline cur = { .time_real_usec = mtime,
			       .time_kind = LOG_TIME_NOT_AFTER,
			       .source = LOG_STDERR };
	struct span line;

	while (span_line(&text, &line)) {
		uint64_t t;

		cur.level = LOG_LEVEL_NONE;
		if (span_starts(line, "lxc-start ") && debug_stamp_cut(&line, &t)) {
			cur.time_real_usec = t;
			cur.time_kind = LOG_TIME_EXACT;
			cur.level = level_by(lxc_levels, ARRAY_SIZE(lxc_levels), line);
		} else if (span_starts(line, "lxc-start: ")) {
			/* without debug only errors are written, and no time */
			cur.time_real_usec = mtime;
			cur.time_kind = LOG_TIME_NOT_AFTER;
			cur.level = LOG_LEVEL_ERROR;
		} else if (cur.time_kind == LOG_TIME_EXACT) {
			cur.time_kind = LOG_TIME_NOT_BEFORE;
		}
		add(ret, cur, line);
	}
}

void warningslog_parse(struct span text, uint64_t mtime, struct loglines *ret)
{
	struct logline cur = { .time_real_usec = mtime,
			       .time_kind = LOG_TIME_NOT_AFTER,
			       .source = LOG_WARNINGS,
			       .level = LOG_LEVEL_WARNING };
	struct span line;

	while (span_line(&text, &line))
		add(ret, cur, line);
}

static const struct level_word vzdump_levels[] = {
	{ "ERROR:", LOG_LEVEL_ERROR },
	{ "WARN:", LOG_LEVEL_WARNING },
	{ "INFO:", LOG_LEVEL_INFO },
};

/* The next stamped line sets the time, one without stamp goes on from the last. */
static void take_stamp(struct logline *cur, struct span *line)
{
	uint64_t t;

	if (log_stamp_cut(line, &t)) {
		cur->time_real_usec = t;
		cur->time_kind = LOG_TIME_EXACT;
	} else if (cur->time_kind == LOG_TIME_EXACT) {
		cur->time_kind = LOG_TIME_NOT_BEFORE;
	}
}

void vzdumplog_parse(struct span text, uint64_t mtime, struct loglines *ret)
{
	struct logline cur = { .time_real_usec = mtime,
			       .time_kind = LOG_TIME_NOT_AFTER,
			       .source = LOG_VZDUMP };
	struct span line;

	while (span_line(&text, &line)) {
		take_stamp(&cur, &line);
		cur.level = level_by(vzdump_levels, ARRAY_SIZE(vzdump_levels), line);
		add(ret, cur, line);
	}
}

void replicationlog_parse(struct span text, const char *job, uint64_t mtime,
			  struct loglines *ret)
{
	struct logline cur = { .time_real_usec = mtime,
			       .time_kind = LOG_TIME_NOT_AFTER,
			       .source = LOG_REPLICATION,
			       .origin = loglines_keep_str(ret, job) };
	_cleanup_free_ char *prefix = xasprintf("%s: ", job ? job : "");
	struct span line;

	while (span_line(&text, &line)) {
		take_stamp(&cur, &line);
		span_skip(&line, prefix);
		cur.level = span_find(line, "error") ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO;
		add(ret, cur, line);
	}
}

/* "14/Mar/2014:12:47:07 +0100 " */
static bool firewall_stamp_cut(struct span *s, uint64_t *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct clock_fields f = { 0 };
	unsigned zh, zm;
	struct span t = *s;
	uint64_t off;
	bool west;

	if (!cut_digits(&t, 2, '/', &f.day) || t.n < 4 || t.p[3] != '/')
		return false;
	for (unsigned i = 0; i < 12; i++)
		if (memcmp(t.p, months + (size_t)3 * i, 3) == 0)
			f.mon = i + 1;
	t = span_of(t.p + 4, t.n - 4);
	if (!cut_digits(&t, 4, ':', &f.year) || !cut_digits(&t, 2, ':', &f.hour) ||
	    !cut_digits(&t, 2, ':', &f.min) || !cut_digits(&t, 2, ' ', &f.sec) ||
	    clock_utc_usec(&f, ret) < 0)
		return false;
	west = span_skip(&t, "-");
	if ((!west && !span_skip(&t, "+")) || !cut_digits(&t, 2, '\0', &zh) ||
	    !cut_digits(&t, 2, ' ', &zm))
		return false;
	off = ((uint64_t)zh * 3600 + (uint64_t)zm * 60) * USEC_PER_SEC;
	*ret = west ? *ret + off : num_sub(*ret, off);
	*s = t;
	return true;
}

static enum log_level firewall_level(struct span word)
{
	uint32_t n;

	return num_parse_u32(word, &n) < 0 ? LOG_LEVEL_NONE : log_level_of(n);
}

/* "<vmid> <level> <chain> <stamp> <zone> <text>": of the veth of a container "vethNiM".
 */
void firewalllog_parse(struct span text, uint32_t vmid, struct loglines *ret)
{
	struct logline cur = { .source = LOG_FIREWALL };
	struct span line, level, chain;
	char id[16];

	snprintf(id, sizeof(id), "%u ", vmid);
	while (span_line(&text, &line)) {
		if (!span_skip(&line, id) || !span_field(&line, &level) ||
		    !span_field(&line, &chain))
			continue;
		span_skip(&line, " ");
		if (firewall_stamp_cut(&line, &cur.time_real_usec))
			cur.time_kind = LOG_TIME_EXACT;
		else if (cur.time_kind == LOG_TIME_EXACT)
			cur.time_kind = LOG_TIME_NOT_BEFORE;
		cur.level = firewall_level(level);
		cur.origin = NULL;
		if (chain.n <= 64) {
			_cleanup_free_ char *name = span_dup(chain);

			cur.origin = loglines_keep_str(ret, name);
		}
		add(ret, cur, line);
	}
}

/* Keeps what is wanted of the lines from `start` on. */
void log_keep_wanted(struct loglines *l, size_t start, const struct log_want *w)
{
	size_t n = start;

	for (size_t i = start; i < l->n; i++)
		if (log_want_has(w, &l->v[i]))
			l->v[n++] = l->v[i];
	l->n = n;
	if (w->max_lines && n - start > w->max_lines) {
		size_t drop = n - start - w->max_lines;

		memmove(l->v + start, l->v + start + drop, w->max_lines * sizeof(*l->v));
		l->n -= drop;
	}
}

void log_file_done(struct log_file *f)
{
	free(f->path);
	free(f->job);
	free(f->rotated);
	*f = (struct log_file){ 0 };
}

void log_files_done(struct log_files *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		log_file_done(&f->v[i]);
	free(f->v);
	*f = (struct log_files){ 0 };
}

static void add_file(struct log_files *f, enum log_source source, char *path, char *job)
{
	GROW(f->v, f->n, f->cap);
	f->v[f->n++] = (struct log_file){ .path = path, .job = job, .source = source };
}

/* The logs of jobs "<vmid>-<n>". */
static int list_replication(int rootfd, uint32_t vmid, struct log_files *ret,
			    struct err *err)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	_cleanup_free_ char *prefix = xasprintf("%u-", vmid);
	int r = fs_list(rootfd, "var/log/pve/replicate", MAX_JOBS, &names, err);

	if (r < 0 && r != -EFBIG)
		return r == -ENOENT ? 0 : r;
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		struct span rest = span_str(names.v[i]);
		uint32_t n;

		if (span_skip(&rest, prefix) && num_parse_u32(rest, &n) == 0)
			add_file(ret, LOG_REPLICATION,
				 xasprintf("var/log/pve/replicate/%s", names.v[i]),
				 xstrdup(names.v[i]));
	}
	return 0;
}

int log_files_list(int rootfd, enum log_source source, const struct log_want *want,
		   struct log_files *ret, struct err *err)
{
	switch (source) {
	case LOG_STDERR:
		add_file(ret, source, xasprintf("run/pve/ct-%u.stderr", want->vmid),
			 NULL);
		return 0;
	case LOG_WARNINGS:
		add_file(ret, source, xasprintf("run/pve/ct-%u.warnings", want->vmid),
			 NULL);
		return 0;
	case LOG_VZDUMP:
		add_file(ret, source, xasprintf("var/log/vzdump/lxc-%u.log", want->vmid),
			 NULL);
		return 0;
	case LOG_FIREWALL:
		add_file(ret, source, xstrdup("var/log/pve-firewall.log"), NULL);
		ret->v[ret->n - 1].rotated = xstrdup("var/log/pve-firewall.log.1");
		return 0;
	case LOG_REPLICATION:
		return list_replication(rootfd, want->vmid, ret, err);
	case LOG_CONSOLE:
		if (want->console)
			add_file(ret, source,
				 xstrdup(want->console + strspn(want->console, "/")),
				 NULL);
		return 0;
	default:
		return err_set(err, -EINVAL, "no log file of that source");
	}
}

void log_file_parse(const struct log_file *f, struct span text, uint32_t vmid,
		    uint64_t mtime, struct loglines *ret)
{
	struct textlog console;

	switch (f->source) {
	case LOG_STDERR:
		stderrlog_parse(text, mtime, ret);
		break;
	case LOG_WARNINGS:
		warningslog_parse(text, mtime, ret);
		break;
	case LOG_VZDUMP:
		vzdumplog_parse(text, mtime, ret);
		break;
	case LOG_REPLICATION:
		replicationlog_parse(text, f->job, mtime, ret);
		break;
	case LOG_FIREWALL:
		firewalllog_parse(text, vmid, ret);
		break;
	case LOG_CONSOLE:
		console = (struct textlog){ .source = LOG_CONSOLE,
					    .mtime_real_usec = mtime };
		textlog_parse(&console, text, ret);
		break;
	default:
		break;
	}
}

struct opened {
	int fd; /* -1: not there */
	struct fs_stat st;
};

static void opened_done(struct opened *o)
{
	if (o->fd >= 0)
		close(o->fd);
	*o = (struct opened){ .fd = -1 };
}

static int open_log(int rootfd, const char *path, struct opened *ret, struct err *err)
{
	int r;

	*ret = (struct opened){ .fd = -1 };
	if (!path)
		return 0;
	r = fs_open_regular(rootfd, path, &ret->st, &ret->fd, err);
	return r == -ENOENT ? 0 : r;
}

/*
 * The newer one first: renamed before the second is opened it is found there again, and
 * both are opened anew, as what is written since is in a third.
 */
static int open_pair(int rootfd, const struct log_file *f, struct opened *now,
		     struct opened *old, struct err *err)
{
	for (int tries = 0;; tries++) {
		int r = open_log(rootfd, f->path, now, err);

		if (r == 0)
			r = open_log(rootfd, f->rotated, old, err);
		if (r < 0 || now->fd < 0 || old->fd < 0 || now->st.ino != old->st.ino)
			return r;
		opened_done(old);
		if (tries == 8)
			return 0;
		opened_done(now);
	}
}

/* The last `max` bytes of a file, as lines. */
static int read_log(const struct log_file *f, const struct opened *o, size_t max,
		    const struct log_want *want, struct loglines *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	uint64_t at = num_sub(o->st.size_bytes, max);
	size_t start = ret->n;
	struct span s, line;
	int r;

	if (o->fd < 0)
		return 0;
	r = fs_pread_buf(o->fd, at, max, &text);
	if (r < 0)
		return err_set(err, r, "read %s: %s", f->path, strerror(-r));
	s = span_of(buf_str(&text), text.n);
	if (at) {
		span_line(&s, &line);
		ret->cut = true;
	}
	log_file_parse(f, s, want->vmid, o->st.mtime_real_usec, ret);
	log_keep_wanted(ret, start, want);
	return 0;
}

/* Lines from `mid` on come before those from `start` on. */
static void swap_parts(struct loglines *l, size_t start, size_t mid)
{
	size_t n = mid - start, rest = l->n - mid;
	_cleanup_free_ struct logline *tmp = xcalloc(n + 1, sizeof(*tmp));

	memcpy(tmp, l->v + start, n * sizeof(*tmp));
	memmove(l->v + start, l->v + mid, rest * sizeof(*tmp));
	memcpy(l->v + start + rest, tmp, n * sizeof(*tmp));
}

static int read_pair(int rootfd, const struct log_file *f, const struct log_want *want,
		     struct loglines *ret, struct err *err)
{
	_cleanup_(opened_done) struct opened now = { .fd = -1 }, old = { .fd = -1 };
	size_t max = f->source == LOG_FIREWALL ? FIREWALL_LOG_MAX : LOG_MAX;
	size_t start = ret->n, mid;
	int first = open_pair(rootfd, f, &now, &old, err);
	int r = read_log(f, &now, max, want, ret, first ? NULL : err);

	first = first ? first : r;
	mid = ret->n;
	/* nothing in it is as new as what is wanted, or there is enough */
	if (old.fd < 0 || old.st.mtime_real_usec < want->since_real_usec ||
	    (want->max_lines && mid - start >= want->max_lines))
		return first;
	r = read_log(f, &old, max, want, ret, first ? NULL : err);
	if (ret->n > mid) {
		swap_parts(ret, start, mid);
		log_keep_wanted(ret, start, want);
	}
	return first ? first : r;
}

int hostlog_lines(int rootfd, enum log_source source, const struct log_want *want,
		  struct loglines *ret, struct err *err)
{
	_cleanup_(log_files_done) struct log_files files = { 0 };
	int first = log_files_list(rootfd, source, want, &files, err);

	for (size_t i = 0; i < files.n; i++) {
		int r = read_pair(rootfd, &files.v[i], want, ret, first ? NULL : err);

		first = first ? first : r;
	}
	return first;
}
