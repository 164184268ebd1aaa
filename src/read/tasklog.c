/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/tasklog.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/procfs.h"

#define TASKS_DIR "var/log/pve/tasks"

/* A UPID is a file name, so it can be no longer. */
#define UPID_MAX 255

/* PVE rotates at 50000 bytes; one entry more may be as long as an error message is. */
#define INDEX_MAX ((size_t)1 << 20)

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool node_valid(struct span s)
{
	if (!s.n || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

static bool word_valid(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_space(s.p[i]) || s.p[i] == '/' || s.p[i] == '\0')
			return false;
	return true;
}

static int cut_hex(struct span *s, size_t min, size_t max, uint64_t *ret)
{
	struct span f;

	if (!span_cut(s, ':', &f) || f.n < min || f.n > max)
		return -EINVAL;
	return num_parse_hex(f, ret);
}

int upid_parse(struct span s, struct upid *ret)
{
	struct span all = s, node, type, id, user;
	uint64_t pid, pstart, start;

	if (s.n > UPID_MAX || !span_skip(&s, "UPID:") || !span_cut(&s, ':', &node) ||
	    !node_valid(node) || cut_hex(&s, 8, 8, &pid) < 0 ||
	    cut_hex(&s, 8, 9, &pstart) < 0 || cut_hex(&s, 8, 8, &start) < 0 ||
	    !span_cut(&s, ':', &type) || !type.n || !word_valid(type) ||
	    !span_cut(&s, ':', &id) || !word_valid(id))
		return -EINVAL;
	/* the colon behind the user ends it: nothing may follow */
	if (s.n < 2 || s.p[s.n - 1] != ':')
		return -EINVAL;
	user = span_of(s.p, s.n - 1);
	if (memchr(user.p, ':', user.n) || !word_valid(user))
		return -EINVAL;
	*ret = (struct upid){
		.text = span_dup(all),
		.node = span_dup(node),
		.pid = (uint32_t)pid,
		.pstart_ticks = pstart,
		.start_real_usec = start * USEC_PER_SEC,
		.type = span_dup(type),
		.id = span_dup(id),
		.user = span_dup(user),
	};
	return 0;
}

bool upid_is_about(const struct upid *u, uint32_t vmid)
{
	char want[16];

	snprintf(want, sizeof(want), "%u", vmid);
	return str_eq(u->id, want);
}

static enum task_state state_of(const char *status)
{
	if (str_eq(status, "OK"))
		return TASK_OK;
	if (str_starts(status, "WARNINGS: "))
		return TASK_WARNINGS;
	if (str_eq(status, "unexpected status"))
		return TASK_UNEXPECTED;
	return TASK_ERROR;
}

/* "UPID[ ENDHEX[ STATUS]]", in active with " 0" or " 1" in between. */
static int parse_line(struct span line, bool active, struct task *ret)
{
	struct span word;
	struct task t = { .indexed = !active };
	uint64_t end;

	if (!span_field(&line, &word) || upid_parse(word, &t.upid) < 0)
		return -EINVAL;
	if (active && (!span_field(&line, &word) || word.n != 1 ||
		       (word.p[0] != '0' && word.p[0] != '1')))
		goto bad;
	if (span_field(&line, &word)) {
		if (word.n != 8 || num_parse_hex(word, &end) < 0)
			goto bad;
		t.noticed_real_usec = val_set(end * USEC_PER_SEC);
		line = span_trim(line);
		if (line.n) {
			t.status = span_dup(line);
			t.state = state_of(t.status);
		}
	}
	*ret = t;
	return 0;
bad:
	task_done(&t);
	return -EINVAL;
}

int taskindex_parse(struct span text, bool active, bool cut_front, struct tasks *ret)
{
	size_t cap = ret->n;
	struct span line;

	if (cut_front)
		span_line(&text, &line);
	while (span_line(&text, &line)) {
		struct task t;

		if (!span_trim(line).n)
			continue;
		if (parse_line(line, active, &t) < 0) {
			ret->bad_lines++;
			continue;
		}
		GROW(ret->v, ret->n, cap);
		ret->v[ret->n++] = t;
	}
	return 0;
}

struct index_file {
	int fd; /* -1: not there */
	struct fs_stat st;
};

static void index_file_done(struct index_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	*f = (struct index_file){ .fd = -1 };
}

static int index_open(int rootfd, const char *path, struct index_file *f, struct err *err)
{
	int r = fs_open_regular(rootfd, path, &f->st, &f->fd, err);

	return r == -ENOENT ? 0 : r;
}

static int index_load(const struct index_file *f, bool active, struct tasks *ret,
		      struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	uint64_t at;
	int r;

	if (f->fd < 0)
		return 0;
	at = num_sub(f->st.size_bytes, INDEX_MAX);
	/* some more than its size: it may have grown since it was opened */
	r = fs_pread_buf(f->fd, at, INDEX_MAX + 65536, &text);
	if (r < 0)
		return err_set(err, r, "read the task index: %s", strerror(-r));
	ret->cut |= at > 0;
	return taskindex_parse(span_of(buf_str(&text), text.n), active, at > 0, ret);
}

/*
 * index and index.1 as one pair. PVE renames index over index.1 and starts anew: between
 * our two opens that would give the same file twice (same inode), or skip the one in
 * the middle (index is no more the file that was opened).
 */
static int index_pair(int rootfd, struct index_file *now, struct index_file *old,
		      struct err *err)
{
	for (int tries = 0;; tries++) {
		struct fs_stat st = { 0 };
		int r;

		r = index_open(rootfd, TASKS_DIR "/index", now, err);
		if (r == 0)
			r = index_open(rootfd, TASKS_DIR "/index.1", old, err);
		if (r < 0)
			return r;
		r = fs_stat(rootfd, TASKS_DIR "/index", true, &st, NULL);
		if ((now->fd < 0 ? r == -ENOENT : st.ino == now->st.ino) || tries == 8)
			return 0;
		index_file_done(now);
		index_file_done(old);
	}
}

/* Newest first; of one task the entry that knows its end comes first. */
static int cmp_task(const void *a, const void *b)
{
	const struct task *x = a, *y = b;
	int c;

	if (x->upid.start_real_usec != y->upid.start_real_usec)
		return x->upid.start_real_usec > y->upid.start_real_usec ? -1 : 1;
	if (x->upid.pstart_ticks != y->upid.pstart_ticks)
		return x->upid.pstart_ticks > y->upid.pstart_ticks ? -1 : 1;
	c = strcmp(x->upid.text, y->upid.text);
	if (c)
		return c;
	if (x->indexed != y->indexed)
		return x->indexed ? -1 : 1;
	return (int)(y->status != NULL) - (int)(x->status != NULL);
}

static void sort_unique(struct tasks *t)
{
	size_t n = 0;

	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), cmp_task);
	for (size_t i = 0; i < t->n; i++) {
		if (n && str_eq(t->v[i].upid.text, t->v[n - 1].upid.text))
			task_done(&t->v[i]);
		else
			t->v[n++] = t->v[i];
	}
	t->n = n;
}

static bool wanted(const struct task *t, const struct tasks_want *w)
{
	if (w->type && !str_eq(t->upid.type, w->type))
		return false;
	if (!w->vmid || upid_is_about(&t->upid, w->vmid))
		return true;
	return w->several && !*t->upid.id;
}

static void filter(struct tasks *t, const struct tasks_want *w)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (wanted(&t->v[i], w))
			t->v[n++] = t->v[i];
		else
			task_done(&t->v[i]);
	t->n = n;
}

int task_alive(int rootfd, const struct upid *u)
{
	struct proc_stat st;
	char text[1024];
	int r;

	if (!u->pid || u->pid > INT32_MAX)
		return 0;
	r = procfs_read_stat(rootfd, (pid_t)u->pid, text, sizeof(text), &st, NULL);
	if (r == -ENOENT) {
		/* a copy of a node without its /proc tells nothing */
		r = fs_stat(rootfd, "proc/uptime", true, &(struct fs_stat){ 0 }, NULL);
		return r < 0 ? -ENODATA : 0;
	}
	if (r == -ESRCH)
		return 0;
	return r < 0 ? r : st.start_ticks == u->pstart_ticks;
}

void tasklog_path(const struct upid *u, struct buf *ret)
{
	unsigned bucket = (unsigned)(u->start_real_usec / USEC_PER_SEC & 0xf);

	buf_addf(ret, TASKS_DIR "/%X/%s", bucket, u->text);
}

static struct span last_line(struct span text)
{
	const char *nl;

	while (text.n && text.p[text.n - 1] == '\n')
		text.n--;
	nl = text.n ? memrchr(text.p, '\n', text.n) : NULL;
	return nl ? span_of(nl + 1, text.n - (size_t)(nl + 1 - text.p)) : text;
}

void tasklog_parse_end(struct span text, struct tasklog_end *ret)
{
	struct span line = last_line(text), msg = line;
	struct tasklog_end e = { .state = TASK_UNEXPECTED, .body_n = text.n };

	if (span_eq(line, "TASK OK")) {
		e.state = TASK_OK;
		span_skip(&msg, "TASK ");
	} else if (span_skip(&msg, "TASK ERROR: ")) {
		e.state = TASK_ERROR;
	} else if (span_starts(line, "TASK WARNINGS: ")) {
		e.state = TASK_WARNINGS;
		span_skip(&msg, "TASK ");
	}
	if (e.state != TASK_UNEXPECTED)
		e.body_n = (size_t)(line.p - text.p);
	e.message = span_tbytes(msg);
	*ret = e;
}

void tasklog_done(struct tasklog *l)
{
	if (!l)
		return;
	buf_done(&l->text);
	*l = (struct tasklog){ 0 };
}

/* A log that was cut at its front begins with a whole line. */
static void drop_piece(struct buf *b)
{
	char *nl = b->n ? memchr(b->p, '\n', b->n) : NULL;
	size_t n = nl ? (size_t)(nl + 1 - b->p) : b->n;

	if (!n)
		return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
	b->p[b->n] = '\0';
}

int tasklog_read(int rootfd, const struct upid *u, size_t max, struct tasklog *ret,
		 struct err *err)
{
	_cleanup_(buf_done) struct buf path = { 0 };
	_cleanup_close_ int fd = -1;
	struct tasklog l = { 0 };
	struct fs_stat st;
	uint64_t at;
	int r;

	tasklog_path(u, &path);
	r = fs_open_regular(rootfd, buf_str(&path), &st, &fd, err);
	if (r < 0)
		return r;
	at = num_sub(st.size_bytes, max);
	r = fs_pread_buf(fd, at, max, &l.text);
	if (r < 0) {
		tasklog_done(&l);
		return err_set(err, r, "read %s: %s", buf_str(&path), strerror(-r));
	}
	l.cut = at > 0;
	if (l.cut)
		drop_piece(&l.text);
	l.mtime_real_usec = st.mtime_real_usec;
	l.size_bytes = st.size_bytes;
	tasklog_parse_end(span_of(buf_str(&l.text), l.text.n), &l.end);
	*ret = l;
	return 0;
}

/* The index knows nothing of the end: ask the process, then the log. */
static void find_state(int rootfd, struct task *t)
{
	_cleanup_(tasklog_done) struct tasklog log = { 0 };
	int alive = task_alive(rootfd, &t->upid);

	if (alive > 0) {
		t->state = TASK_RUNNING;
		return;
	}
	if (tasklog_read(rootfd, &t->upid, 4096, &log, NULL) < 0) {
		t->state = alive == 0 ? TASK_UNEXPECTED : TASK_UNKNOWN;
	} else {
		t->state = log.end.state;
		if (alive < 0 && t->state == TASK_UNEXPECTED)
			t->state = TASK_UNKNOWN;
	}
	if (t->state == TASK_UNEXPECTED)
		t->status = xstrdup("unexpected status");
	else if (t->state != TASK_UNKNOWN)
		t->status = xstrndup((const char *)log.end.message.p, log.end.message.n);
}

/* The log's last change is the end, unless the file was touched or copied later. */
static void find_end(int rootfd, struct task *t)
{
	_cleanup_(buf_done) struct buf path = { 0 };
	struct fs_stat st;

	if (t->state == TASK_RUNNING || t->state == TASK_UNKNOWN)
		return;
	t->end_real_usec = t->noticed_real_usec;
	tasklog_path(&t->upid, &path);
	if (fs_stat(rootfd, buf_str(&path), true, &st, NULL) < 0 ||
	    st.mtime_real_usec + USEC_PER_SEC < t->upid.start_real_usec)
		return;
	if (t->noticed_real_usec.kind != VAL_SET ||
	    st.mtime_real_usec < t->noticed_real_usec.n)
		t->end_real_usec =
			val_set(MAX(st.mtime_real_usec, t->upid.start_real_usec));
}

int tasks_read(int rootfd, const struct tasks_want *want, struct tasks *ret,
	       struct err *err)
{
	_cleanup_(index_file_done) struct index_file active = { .fd = -1 };
	_cleanup_(index_file_done) struct index_file now = { .fd = -1 };
	_cleanup_(index_file_done) struct index_file old = { .fd = -1 };
	struct tasks t = { 0 };
	int r;

	/* active first: a task that ends in between is in the index then, not lost */
	r = index_open(rootfd, TASKS_DIR "/active", &active, err);
	if (r == 0)
		r = index_load(&active, true, &t, err);
	if (r == 0)
		r = index_pair(rootfd, &now, &old, err);
	if (r == 0)
		r = index_load(&old, false, &t, err);
	if (r == 0 && now.st.ino != old.st.ino)
		r = index_load(&now, false, &t, err);
	if (r == 0 && active.fd < 0 && now.fd < 0 && old.fd < 0)
		r = err_set(err, -ENOENT, "there is no task list in /" TASKS_DIR);
	if (r < 0) {
		tasks_done(&t);
		return r;
	}
	sort_unique(&t);
	filter(&t, want);
	for (size_t i = 0; i < t.n; i++) {
		if (!t.v[i].status)
			find_state(rootfd, &t.v[i]);
		find_end(rootfd, &t.v[i]);
	}
	*ret = t;
	return 0;
}
