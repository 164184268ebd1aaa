/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/num.h"
#include "read/hostlog.h"
#include "read/tasklog.h"

#define JOB_LOG_MAX ((size_t)8 << 20)

/* "<id> (": the number is whole. */
static bool starts_with_id(struct span s, uint32_t vmid)
{
	char id[16];

	snprintf(id, sizeof(id), "%u ", vmid);
	return span_starts(s, id);
}

static bool is_end_of(struct span line, uint32_t vmid)
{
	return (span_skip(&line, "INFO: Finished Backup of VM ") ||
		span_skip(&line, "ERROR: Backup of VM ")) &&
	       starts_with_id(line, vmid);
}

bool tasklog_vzdump_section(struct span text, uint32_t vmid, struct span *ret)
{
	const char *from = NULL, *to = NULL;
	struct span line;

	while (span_line(&text, &line)) {
		struct span s = line;

		if (span_skip(&s, "INFO: Starting Backup of VM ")) {
			if (from)
				break;
			if (starts_with_id(s, vmid))
				from = line.p;
		}
		if (is_end_of(line, vmid)) {
			from = from ? from : line.p;
			to = line.p + line.n;
			/* the next line says when */
			if (span_line(&text, &line) &&
			    (span_starts(line, "INFO: Failed at ") ||
			     span_starts(line, "INFO: Backup finished at ")))
				to = line.p + line.n;
			break;
		}
		if (from)
			to = line.p + line.n;
	}
	if (!from)
		return false;
	*ret = span_of(from, (size_t)(to - from));
	return true;
}

/* Lines of one task on their way into the list. */
struct emit {
	const struct log_want *want;
	struct loglines *out;
	struct logline proto; /* time, origin, source of the next line */
};

static void emit(struct emit *e, struct span text, enum log_level level)
{
	struct logline line = e->proto;

	while (text.n && text.p[text.n - 1] == '\r')
		text.n--;
	line.level = level;
	line.text = span_tbytes(text);
	if (!log_want_says(e->want, &line))
		return;
	line.text = loglines_keep(e->out, text.p, text.n);
	loglines_add(e->out, line);
}

/* The first bytes of *s that are among `set`, cut off. */
static struct span cut_all(struct span *s, const char *set)
{
	size_t n = 0;

	while (n < s->n && s->p[n] && strchr(set, s->p[n]))
		n++;
	*s = span_of(s->p + n, s->n - n);
	return span_of(s->p - n, n);
}

/*
 * "lxc_init: 845 Failed to run ...", with "start.c: " before it in some versions: of
 * lxc-start, which shows errors alone.
 */
static bool is_lxc_error(struct span line)
{
	static const char digits[] = "0123456789", name[] = "_abcdefghijklmnopqrstuvwxyz";
	struct span at = line, word = cut_all(&at, "/_abcdefghijklmnopqrstuvwxyz");
	bool file = word.n && span_skip(&at, ".c: ");

	if (file)
		line = at;
	word = cut_all(&line, name);
	return word.n && (file || memchr(word.p, '_', word.n)) &&
	       span_skip(&line, ": ") && cut_all(&line, digits).n &&
	       span_starts(line, " ");
}

enum log_level tasklog_level(struct span line)
{
	line = span_trim(line);
	if (span_starts(line, "ERROR: ") || span_starts(line, "TASK ERROR: ") ||
	    is_lxc_error(line))
		return LOG_LEVEL_ERROR;
	if (span_starts(line, "WARN: ") || span_starts(line, "WARNING: ") ||
	    span_starts(line, "TASK WARNINGS: "))
		return LOG_LEVEL_WARNING;
	return LOG_LEVEL_NONE;
}

/* vzdump says the time where a guest begins and ends; what follows is not earlier. */
static void take_stamp(struct emit *e, struct span line)
{
	uint64_t t;

	if ((span_skip(&line, "INFO: Backup started at ") ||
	     span_skip(&line, "INFO: Backup finished at ") ||
	     span_skip(&line, "INFO: Failed at ")) &&
	    log_stamp_cut(&line, &t) && t > e->proto.time_real_usec)
		e->proto.time_real_usec = t;
}

static void emit_body(struct emit *e, struct span body, uint32_t only)
{
	struct span line;

	while (span_line(&body, &line)) {
		take_stamp(e, line);
		if (span_trim(line).n && (!only || log_names_guest(line, only)))
			emit(e, line, tasklog_level(line));
	}
}

void tasklog_header(const struct task *t, struct buf *ret, enum log_level *ret_level)
{
	buf_addf(ret, "%s by %s: %s", t->upid.type, t->upid.user,
		 t->status ? t->status : task_state_name(t->state));
	*ret_level = t->state == TASK_ERROR || t->state == TASK_UNEXPECTED
			     ? LOG_LEVEL_ERROR
		     : t->state == TASK_WARNINGS ? LOG_LEVEL_WARNING
						 : LOG_LEVEL_INFO;
}

static void emit_header(struct emit *e, const struct task *t)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	enum log_level level;

	tasklog_header(t, &b, &level);
	emit(e, span_of(b.p, b.n), level);
}

static void emit_final(struct emit *e, const struct task *t, const struct tasklog *log)
{
	struct span text = span_of(buf_str(&log->text), log->text.n);

	if (log->end.state == TASK_UNEXPECTED)
		return;
	text.p += log->end.body_n;
	text.n -= log->end.body_n;
	if (t->end_real_usec.kind == VAL_SET) {
		e->proto.time_real_usec = t->end_real_usec.n;
		e->proto.time_kind =
			t->noticed_real_usec.kind == VAL_SET &&
					t->noticed_real_usec.n == t->end_real_usec.n
				? LOG_TIME_NOT_AFTER
				: LOG_TIME_EXACT;
	}
	text = span_trim(text);
	emit(e, text, tasklog_level(text));
}

/* The part that is about the guest; false: the task has nothing to do with it. */
static bool body_of(const struct task *t, const struct tasklog *log, uint32_t vmid,
		    struct span *ret, uint32_t *ret_only)
{
	struct span body = span_of(buf_str(&log->text), log->end.body_n), line;

	*ret = body;
	*ret_only = 0;
	if (*t->upid.id)
		return true;
	if (str_eq(t->upid.type, "vzdump"))
		return tasklog_vzdump_section(body, vmid, ret);
	*ret_only = vmid;
	while (span_line(&body, &line))
		if (log_names_guest(line, vmid))
			return true;
	return false;
}

static int emit_task(int rootfd, const struct task *t, struct emit *e, struct err *err)
{
	_cleanup_(tasklog_done) struct tasklog log = { 0 };
	struct span body = { 0 };
	uint32_t only = 0;
	int r;

	/* a job of many guests: the part of ours may be at its start */
	r = tasklog_read(rootfd, &t->upid, *t->upid.id ? TASKLOG_MAX : JOB_LOG_MAX, &log,
			 err);
	if (r == -ENOENT)
		tasklog_parse_end((struct span){ 0 }, &log.end);
	if (!body_of(t, &log, e->want->vmid, &body, &only))
		return 0;
	e->out->cut |= log.cut;
	e->proto = (struct logline){
		.time_real_usec = t->upid.start_real_usec,
		.time_kind = LOG_TIME_EXACT,
		.source = LOG_TASK,
		.origin = loglines_keep_str(e->out, t->upid.text),
	};
	emit_header(e, t);
	e->proto.time_kind = LOG_TIME_NOT_BEFORE;
	emit_body(e, body, only);
	emit_final(e, t, &log);
	return r == -ENOENT ? 0 : r;
}

static bool in_window(const struct task *t, const struct log_want *w)
{
	if (w->until_real_usec && t->upid.start_real_usec > w->until_real_usec)
		return false;
	return !w->since_real_usec || t->end_real_usec.kind != VAL_SET ||
	       t->end_real_usec.n >= w->since_real_usec;
}

int tasklog_lines(int rootfd, const struct log_want *want, struct loglines *ret,
		  struct err *err)
{
	_cleanup_(tasks_done) struct tasks tasks = { 0 };
	struct tasks_want which = { .vmid = want->vmid, .several = true };
	struct emit e = { .want = want, .out = ret };
	size_t start = ret->n;
	int r, first = 0;

	r = tasks_read(rootfd, &which, &tasks, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	ret->cut |= tasks.cut;
	/* newest first until there are enough; turned round as a whole afterwards */
	for (size_t i = 0; i < tasks.n; i++) {
		size_t at = ret->n;

		if (want->max_lines && ret->n - start >= want->max_lines)
			break;
		/* another guest that had this number */
		if (str_starts(tasks.v[i].upid.type, "qm") ||
		    !in_window(&tasks.v[i], want))
			continue;
		r = emit_task(rootfd, &tasks.v[i], &e, first ? NULL : err);
		first = first ? first : r;
		if (ret->n > at)
			loglines_reverse(ret, at);
	}
	if (ret->n > start)
		loglines_reverse(ret, start);
	return first;
}
