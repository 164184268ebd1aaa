/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/logfollow.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/tasklog.h"

/* So much is read of one file in one call, and kept of a line without an end. */
#define STEP_MAX ((size_t)1 << 20)
#define LINE_MAX ((size_t)65536)

/* A file and how far it was read. */
struct tail {
	char *path;
	const char *rotated; /* borrowed; NULL: it is not rotated */
	uint64_t ino, offset, mtime_real_usec;
	struct buf part; /* a line that has no end yet */
};

static void tail_done(struct tail *t)
{
	free(t->path);
	buf_done(&t->part);
}

struct file_tail {
	struct log_file file;
	struct tail tail;
	struct buf seen; /* of stderr, which is also overwritten in place */
};

struct task_tail {
	struct task task;
	struct tail tail;
	bool done;
	bool shown;  /* its header was */
	bool inside; /* of a backup of several guests: in the part of ours */
};

struct logfollow {
	int rootfd;
	const struct log_want *want;
	bool sources[LOG_SOURCES];
	struct file_tail *files;
	size_t n_files, cap_files;
	struct task_tail *tasks;
	size_t n_tasks, cap_tasks;
	struct fs_stat active, index;
};

/* Takes a file as read; one that is not there begins at 0 when it comes. */
static void tail_to_end(int rootfd, struct tail *t)
{
	struct fs_stat st;

	if (fs_stat(rootfd, t->path, true, &st, NULL) < 0)
		return;
	t->ino = st.ino;
	t->offset = st.size_bytes;
	t->mtime_real_usec = st.mtime_real_usec;
}

/*
 * Opens the file, or what it is called since it was rotated while there may be lines in
 * it: the one who writes goes over to the new one later than that is made.
 */
static int tail_open(int rootfd, const struct tail *t, struct fs_stat *ret_st, int *ret)
{
	_cleanup_close_ int fd = -1, old = -1;
	struct fs_stat st = { 0 }, old_st;
	int r = fs_open_regular(rootfd, t->path, &st, &fd, NULL);

	if (t->rotated && t->ino && (r == -ENOENT || (r == 0 && st.ino != t->ino)) &&
	    fs_open_regular(rootfd, t->rotated, &old_st, &old, NULL) == 0 &&
	    old_st.ino == t->ino && (!st.size_bytes || old_st.size_bytes > t->offset)) {
		*ret_st = old_st;
		*ret = take_fd(&old);
		return 0;
	}
	if (r < 0)
		return r;
	*ret_st = st;
	*ret = take_fd(&fd);
	return 0;
}

/* Whole new lines of a file, appended to *ret. */
static void tail_read(int rootfd, struct tail *t, struct buf *ret)
{
	_cleanup_close_ int fd = -1;
	struct fs_stat st = { 0 };
	const char *end;
	size_t n;

	if (tail_open(rootfd, t, &st, &fd) < 0)
		return;
	if (st.ino != t->ino || st.size_bytes < t->offset) {
		t->offset = 0;
		t->part.n = 0;
	}
	t->ino = st.ino;
	t->mtime_real_usec = st.mtime_real_usec;
	n = t->part.n;
	if (fs_pread_buf(fd, t->offset, STEP_MAX, &t->part) < 0 || t->part.n == n)
		return;
	t->offset += t->part.n - n;
	end = memrchr(t->part.p, '\n', t->part.n);
	n = end ? (size_t)(end + 1 - t->part.p) : t->part.n > LINE_MAX ? t->part.n : 0;
	if (!n)
		return;
	buf_add(ret, t->part.p, n);
	memmove(t->part.p, t->part.p + n, t->part.n - n);
	t->part.n -= n;
}

static struct file_tail *find_file(struct logfollow *f, const char *path)
{
	for (size_t i = 0; i < f->n_files; i++)
		if (str_eq(f->files[i].tail.path, path))
			return &f->files[i];
	return NULL;
}

static void read_whole(int rootfd, const char *path, struct buf *ret)
{
	uint64_t start;

	ret->n = 0;
	(void)fs_read_tail(rootfd, path, STEP_MAX, ret, &start, NULL);
}

/* Adds the files of all sources that are not known yet. */
static void find_files(struct logfollow *f, bool as_read)
{
	_cleanup_(log_files_done) struct log_files files = { 0 };

	for (size_t i = 0; i < LOG_SOURCES; i++)
		if (f->sources[i] && i != LOG_TASK &&
		    !log_source_is_inside((enum log_source)i) &&
		    !log_source_is_journal((enum log_source)i))
			(void)log_files_list(f->rootfd, (enum log_source)i, f->want,
					     &files, NULL);
	for (size_t i = 0; i < files.n; i++) {
		struct file_tail t = { .file = files.v[i] };

		if (find_file(f, t.file.path))
			continue;
		t.tail.path = xstrdup(t.file.path);
		t.tail.rotated = t.file.rotated;
		if (as_read)
			tail_to_end(f->rootfd, &t.tail);
		if (as_read && t.file.source == LOG_STDERR)
			read_whole(f->rootfd, t.file.path, &t.seen);
		GROW(f->files, f->n_files, f->cap_files);
		f->files[f->n_files++] = t;
		files.v[i] = (struct log_file){ 0 };
	}
}

/*
 * stderr of lxc-start is written from its start again after a reboot from inside,
 * without being emptied first: what differs from the old text, up to where both are
 * the same again, is new.
 */
static void read_stderr(struct logfollow *f, struct file_tail *t, struct buf *ret)
{
	_cleanup_(buf_done) struct buf now = { 0 };
	struct buf tmp;
	size_t same = 0, max;

	read_whole(f->rootfd, t->file.path, &now);
	if (now.n > t->seen.n && t->seen.n && !memcmp(now.p, t->seen.p, t->seen.n)) {
		buf_add(ret, now.p + t->seen.n, now.n - t->seen.n);
	} else {
		max = MIN(now.n, t->seen.n);
		while (same < max &&
		       now.p[now.n - 1 - same] == t->seen.p[t->seen.n - 1 - same])
			same++;
		/* whole lines: what ends alike by chance belongs to the new one */
		while (same && same < now.n && now.p[now.n - 1 - same] != '\n')
			same--;
		if (now.n != t->seen.n)
			same = 0;
		buf_add(ret, buf_str(&now), now.n - same);
	}
	tmp = t->seen;
	t->seen = now;
	now = tmp;
}

static void poll_file(struct logfollow *f, struct file_tail *t, struct loglines *ret)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	uint64_t mtime = t->tail.mtime_real_usec;
	size_t start = ret->n;
	struct fs_stat st;

	if (t->file.source == LOG_STDERR) {
		if (fs_stat(f->rootfd, t->file.path, true, &st, NULL) < 0 ||
		    (st.mtime_real_usec == mtime && st.size_bytes == t->seen.n))
			return;
		t->tail.mtime_real_usec = st.mtime_real_usec;
		read_stderr(f, t, &text);
	} else {
		tail_read(f->rootfd, &t->tail, &text);
	}
	if (!text.n)
		return;
	log_file_parse(&t->file, span_of(text.p, text.n), f->want->vmid,
		       t->tail.mtime_real_usec, ret);
	log_keep_wanted(ret, start, f->want);
}

static bool same_file(const struct fs_stat *a, const struct fs_stat *b)
{
	return a->ino == b->ino && a->size_bytes == b->size_bytes &&
	       a->mtime_real_usec == b->mtime_real_usec;
}

/* Did the task list change? Both files are looked at before it is read. */
static bool list_changed(struct logfollow *f)
{
	struct fs_stat active = { 0 }, index = { 0 };
	bool changed;

	(void)fs_stat(f->rootfd, "var/log/pve/tasks/active", true, &active, NULL);
	(void)fs_stat(f->rootfd, "var/log/pve/tasks/index", true, &index, NULL);
	changed = !same_file(&active, &f->active) || !same_file(&index, &f->index);
	f->active = active;
	f->index = index;
	return changed;
}

static struct task_tail *find_task(struct logfollow *f, const char *upid)
{
	for (size_t i = 0; i < f->n_tasks; i++)
		if (str_eq(f->tasks[i].task.upid.text, upid))
			return &f->tasks[i];
	return NULL;
}

static void add_task(struct logfollow *f, struct task *task, bool as_read)
{
	struct task_tail t = { .task = *task };
	_cleanup_(buf_done) struct buf path = { 0 };

	tasklog_path(&task->upid, &path);
	t.tail.path = xstrdup(buf_str(&path));
	if (as_read) {
		tail_to_end(f->rootfd, &t.tail);
		t.done = task->state != TASK_RUNNING;
		t.shown = *task->upid.id != '\0';
	}
	GROW(f->tasks, f->n_tasks, f->cap_tasks);
	f->tasks[f->n_tasks++] = t;
	*task = (struct task){ 0 };
}

/* The oldest that are done are forgotten: the list must not grow for ever. */
static void forget_tasks(struct logfollow *f, const struct tasks *list)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_tasks; i++) {
		bool listed = !f->tasks[i].done;

		for (size_t k = 0; !listed && k < list->n; k++)
			listed = str_eq(list->v[k].upid.text, f->tasks[i].task.upid.text);
		if (listed) {
			f->tasks[n++] = f->tasks[i];
		} else {
			task_done(&f->tasks[i].task);
			tail_done(&f->tasks[i].tail);
		}
	}
	f->n_tasks = n;
}

static void find_tasks(struct logfollow *f, bool as_read)
{
	_cleanup_(tasks_done) struct tasks list = { 0 };
	struct tasks_want which = { .vmid = f->want->vmid, .several = true };

	if (!list_changed(f) && !as_read)
		return;
	if (tasks_read(f->rootfd, &which, &list, NULL) < 0)
		return;
	forget_tasks(f, &list);
	for (size_t i = list.n; i-- > 0;) {
		struct task_tail *known = find_task(f, list.v[i].upid.text);

		if (known) {
			task_done(&known->task);
			known->task = list.v[i];
			list.v[i] = (struct task){ 0 };
		} else if (!str_starts(list.v[i].upid.type, "qm")) {
			add_task(f, &list.v[i], as_read);
		}
	}
	/* what was taken over left a hole that tasks_done() may free */
}

static void add_line(struct logfollow *f, struct task_tail *t, struct span text,
		     uint64_t time, enum log_time_kind kind, enum log_level level,
		     struct loglines *ret)
{
	struct logline l = {
		.time_real_usec = time,
		.time_kind = kind,
		.source = LOG_TASK,
		.level = level,
		.text = span_tbytes(text),
	};

	if (!span_trim(text).n || !log_want_has(f->want, &l))
		return;
	l.text = loglines_keep(ret, text.p, text.n);
	l.origin = loglines_keep_str(ret, t->task.upid.text);
	loglines_add(ret, l);
}

static void show_header(struct logfollow *f, struct task_tail *t, struct loglines *ret)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (t->shown)
		return;
	t->shown = true;
	buf_addf(&b, "%s by %s: started", t->task.upid.type, t->task.upid.user);
	add_line(f, t, span_of(b.p, b.n), t->task.upid.start_real_usec, LOG_TIME_EXACT,
		 LOG_LEVEL_INFO, ret);
}

/* Is a line of a task of several guests about ours? */
static bool is_ours(struct logfollow *f, struct task_tail *t, struct span line)
{
	bool was = t->inside, names = log_names_guest(line, f->want->vmid);

	if (!str_eq(t->task.upid.type, "vzdump"))
		return names;
	if (span_starts(line, "INFO: Starting Backup of VM "))
		t->inside = names;
	else if (span_starts(line, "INFO: Finished Backup of VM ") ||
		 span_starts(line, "ERROR: Backup of VM "))
		t->inside = false;
	return was || names;
}

static void take_line(struct logfollow *f, struct task_tail *t, struct span line,
		      struct loglines *ret)
{
	uint64_t at = t->tail.mtime_real_usec;
	bool final = span_eq(line, "TASK OK") || span_starts(line, "TASK ERROR: ") ||
		     span_starts(line, "TASK WARNINGS: ");

	if (!*t->task.upid.id && !final && !is_ours(f, t, line))
		return;
	if (!*t->task.upid.id && final && !t->shown)
		return;
	show_header(f, t, ret);
	add_line(f, t, line, at, LOG_TIME_NOT_AFTER, tasklog_level(line), ret);
	t->done |= final;
}

static void poll_task(struct logfollow *f, struct task_tail *t, struct loglines *ret)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	/* asked before the log is read: what it wrote until then is in the log */
	bool ended = t->task.state != TASK_RUNNING ||
		     task_alive(f->rootfd, &t->task.upid) == 0;
	struct span s, line;

	if (*t->task.upid.id)
		show_header(f, t, ret);
	tail_read(f->rootfd, &t->tail, &text);
	s = span_of(buf_str(&text), text.n);
	while (span_line(&s, &line))
		take_line(f, t, line, ret);
	if (!ended || t->done)
		return;
	t->done = true;
	if (t->shown)
		add_line(f, t, span_str("the task ended without a final line"),
			 t->tail.mtime_real_usec, LOG_TIME_NOT_BEFORE, LOG_LEVEL_ERROR,
			 ret);
}

struct logfollow *logfollow_new(int rootfd, const struct log_want *want,
				const bool *sources)
{
	struct logfollow *f = xcalloc(1, sizeof(*f));

	f->rootfd = rootfd;
	f->want = want;
	memcpy(f->sources, sources, sizeof(f->sources));
	find_files(f, true);
	if (f->sources[LOG_TASK])
		find_tasks(f, true);
	return f;
}

void logfollow_free(struct logfollow *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_files; i++) {
		tail_done(&f->files[i].tail);
		buf_done(&f->files[i].seen);
		log_file_done(&f->files[i].file);
	}
	for (size_t i = 0; i < f->n_tasks; i++) {
		tail_done(&f->tasks[i].tail);
		task_done(&f->tasks[i].task);
	}
	free(f->files);
	free(f->tasks);
	free(f);
}

void logfollow_poll(struct logfollow *f, struct loglines *ret)
{
	find_files(f, false);
	for (size_t i = 0; i < f->n_files; i++)
		poll_file(f, &f->files[i], ret);
	if (!f->sources[LOG_TASK])
		return;
	find_tasks(f, false);
	for (size_t i = 0; i < f->n_tasks; i++)
		if (!f->tasks[i].done)
			poll_task(f, &f->tasks[i], ret);
}
