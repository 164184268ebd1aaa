/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/backups.h"
#include "read/hostlog.h"
#include "read/tasklog.h"

#define LOG_MAX      ((size_t)8 << 20)
#define ALL_LOGS_MAX ((uint64_t)64 << 20)
#define RESULTS_MAX  ((size_t)100000)

/* What is known while a log is walked through. */
struct walk {
	const struct task *task;
	struct backup_results *out;
	char *storage;
	struct span job; /* the command line of the job, as its first line has it */
	size_t first;    /* results of this log begin here */
	bool open;       /* the last result has no end yet */
	bool is_vm;      /* what is told now is of a virtual machine */
	bool wait_end;   /* the next "... at" is the end of the last result */
	uint64_t now;    /* the last time the log told */
	size_t n_guests; /* that were begun, of both kinds */
};

static struct backup_result *last_result(struct walk *w)
{
	return w->out->n > w->first ? &w->out->v[w->out->n - 1] : NULL;
}

static struct backup_result *new_result(struct walk *w, uint32_t vmid)
{
	struct backup_results *o = w->out;

	if (o->n >= RESULTS_MAX) {
		o->cut = true;
		return NULL;
	}
	GROW(o->v, o->n, o->cap);
	o->v[o->n] = (struct backup_result){
		.vmid = vmid,
		.outcome = BACKUP_RUNNING,
		.upid = xstrdup(w->task->upid.text),
		.start_real_usec = w->now,
		.storage = w->storage ? xstrdup(w->storage) : NULL,
		.order = o->n - w->first,
	};
	return &o->v[o->n++];
}

/* "<vmid> ..." or "<vmid>" */
static bool cut_vmid(struct span *s, uint32_t *ret)
{
	struct span word;

	return span_field(s, &word) && num_parse_u32(word, ret) == 0;
}

static struct span unquote(struct span s)
{
	if (s.n >= 2 && s.p[0] == '\'' && s.p[s.n - 1] == '\'')
		return span_of(s.p + 1, s.n - 2);
	return s;
}

/* A guest whose end was not told: what became of it says the task. */
static void close_open(struct walk *w, bool at_end)
{
	struct backup_result *r = last_result(w);

	if (!w->open || !r)
		return;
	w->open = false;
	if (at_end && w->task->state == TASK_RUNNING)
		return;
	r->outcome = BACKUP_BROKEN_OFF;
	r->end_real_usec = w->task->end_real_usec;
	if (w->task->status && !r->error)
		r->error = xstrdup(w->task->status);
}

static void on_job(struct walk *w, struct span s)
{
	struct span word;

	w->job = s;
	while (span_field(&s, &word))
		if (span_eq(word, "--storage") && span_field(&s, &word)) {
			free(w->storage);
			w->storage = span_dup(unquote(word));
		}
}

static void on_start(struct walk *w, struct span s)
{
	uint32_t vmid;

	close_open(w, false);
	w->wait_end = false;
	if (!cut_vmid(&s, &vmid))
		return;
	w->n_guests++;
	w->is_vm = span_find(s, "(qemu)") != NULL;
	w->open = !w->is_vm && new_result(w, vmid);
}

static void on_started_at(struct walk *w, struct span s)
{
	if (!log_stamp_cut(&s, &w->now))
		return;
	if (w->open)
		last_result(w)->start_real_usec = w->now;
}

static void on_ended_at(struct walk *w, struct span s)
{
	if (!log_stamp_cut(&s, &w->now) || !w->wait_end)
		return;
	w->wait_end = false;
	last_result(w)->end_real_usec = val_set(w->now);
}

static void set_once(char **dst, struct span s)
{
	if (!*dst)
		*dst = span_dup(s);
}

static void on_mode(struct walk *w, struct span s)
{
	if (w->open) {
		free(last_result(w)->mode);
		last_result(w)->mode = span_dup(span_trim(s));
	}
}

static void on_target(struct walk *w, struct span s)
{
	if (w->open)
		set_once(&last_result(w)->target, unquote(span_trim(s)));
}

/* "<vmid> (00:03:40)" */
static void on_finished(struct walk *w, struct span s)
{
	struct backup_result *r = last_result(w);
	unsigned h = 0, m = 0, sec = 0;
	uint32_t vmid;
	struct span hours;

	w->is_vm = false;
	if (!w->open || !cut_vmid(&s, &vmid) || r->vmid != vmid)
		return;
	r->outcome = BACKUP_ENDED_OK;
	w->open = false;
	w->wait_end = true;
	s = span_trim(s);
	/* hours may have more than two digits */
	if (span_skip(&s, "(") && span_cut(&s, ':', &hours) && hours.n <= 6 &&
	    num_parse_u32(hours, &h) == 0 && backup_cut_number(&s, 2, ':', &m) &&
	    backup_cut_number(&s, 2, ')', &sec))
		r->duration_sec = val_set((uint64_t)h * 3600 + m * 60 + sec);
}

/* "<vmid> failed - text"; of a guest that could not even be begun there is no start. */
static void on_failed(struct walk *w, struct span s)
{
	struct backup_result *r = last_result(w);
	bool is_vm = w->is_vm;
	uint32_t vmid;

	w->is_vm = false;
	if (is_vm || !cut_vmid(&s, &vmid))
		return;
	if (!w->open || r->vmid != vmid) {
		close_open(w, false);
		r = new_result(w, vmid);
	}
	w->open = false;
	if (!r)
		return;
	w->wait_end = true;
	span_skip(&s, " failed - ");
	r->outcome = BACKUP_FAILED;
	r->error = span_dup(span_trim(s));
}

static void on_job_failed(struct walk *w, struct span s)
{
	struct backup_result *r = last_result(w);

	if (w->open && r) {
		r->outcome = BACKUP_FAILED;
		r->error = span_dup(span_trim(s));
		w->open = false;
	}
}

static const struct {
	const char *prefix;
	void (*fn)(struct walk *w, struct span rest);
} lines[] = {
	{ "INFO: starting new backup job: ", on_job },
	{ "INFO: Starting Backup of VM ", on_start },
	{ "INFO: Backup started at ", on_started_at },
	{ "INFO: backup mode: ", on_mode },
	{ "INFO: creating vzdump archive ", on_target },
	{ "INFO: creating Proxmox Backup Server archive ", on_target },
	{ "INFO: Finished Backup of VM ", on_finished },
	{ "INFO: Backup finished at ", on_ended_at },
	{ "ERROR: Backup of VM ", on_failed },
	{ "INFO: Failed at ", on_ended_at },
	{ "ERROR: Backup job failed - ", on_job_failed },
};

static void add_job_failure(struct walk *w, uint32_t vmid)
{
	struct backup_result *r = new_result(w, vmid);

	if (!r)
		return;
	r->start_real_usec = w->task->upid.start_real_usec;
	r->outcome = w->task->state == TASK_ERROR ? BACKUP_FAILED : BACKUP_BROKEN_OFF;
	r->end_real_usec = w->task->end_real_usec;
	r->error = xstrdup(w->task->status ? w->task->status : "");
}

/* The job ended badly before its first guest: those it was started for have no backup. */
static void on_early_end(struct walk *w)
{
	struct span s = w->job, word;
	uint32_t vmid;
	size_t before = w->out->n;

	if (span_str(w->task->upid.id).n &&
	    num_parse_u32(span_str(w->task->upid.id), &vmid) == 0) {
		add_job_failure(w, vmid);
		return;
	}
	while (span_field(&s, &word)) {
		if (span_starts(word, "--"))
			break;
		if (num_parse_u32(word, &vmid) == 0)
			add_job_failure(w, vmid);
	}
	if (w->out->n == before)
		add_job_failure(w, 0);
}

void backuplog_parse(const struct task *t, struct span text, struct backup_results *ret)
{
	struct walk w = {
		.task = t,
		.out = ret,
		.first = ret->n,
		.now = t->upid.start_real_usec,
	};
	struct span line;

	while (span_line(&text, &line))
		for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
			if (span_skip(&line, lines[i].prefix)) {
				lines[i].fn(&w, line);
				break;
			}
	close_open(&w, true);
	if (!w.n_guests && ret->n == w.first &&
	    (t->state == TASK_ERROR || t->state == TASK_UNEXPECTED))
		on_early_end(&w);
	free(w.storage);
}

void backuptask_result(const struct task *t, struct backup_results *ret)
{
	struct walk w = { .task = t, .out = ret, .first = ret->n };
	struct backup_result *r;
	uint32_t vmid;

	if (num_parse_u32(span_str(t->upid.id), &vmid) < 0 || t->state == TASK_UNKNOWN)
		return;
	w.now = t->upid.start_real_usec;
	if (t->state == TASK_ERROR || t->state == TASK_UNEXPECTED) {
		add_job_failure(&w, vmid);
		return;
	}
	r = new_result(&w, vmid);
	if (!r)
		return;
	r->outcome = t->state == TASK_RUNNING ? BACKUP_RUNNING : BACKUP_ENDED_OK;
	r->end_real_usec = t->end_real_usec;
}

/* Keeps results of that container only (vmid 0: all). */
static void keep_vmid(struct backup_results *r, size_t from, uint32_t vmid)
{
	size_t n = from;

	for (size_t i = from; vmid && i < r->n; i++)
		if (r->v[i].vmid == vmid || !r->v[i].vmid)
			r->v[n++] = r->v[i];
		else
			backup_result_done(&r->v[i]);
	if (vmid)
		r->n = n;
}

static int cmp_result(const void *a, const void *b)
{
	const struct backup_result *x = a, *y = b;

	if (x->start_real_usec != y->start_real_usec)
		return x->start_real_usec > y->start_real_usec ? -1 : 1;
	if (x->order != y->order)
		return x->order > y->order ? -1 : 1;
	return strcmp(x->upid, y->upid);
}

int backup_results_read(int rootfd, uint32_t vmid, struct backup_results *ret,
			struct err *err)
{
	_cleanup_(tasks_done) struct tasks tasks = { 0 };
	struct tasks_want want = { .vmid = vmid, .several = true, .type = "vzdump" };
	struct backup_results res = { 0 };
	uint64_t bytes = 0;
	int r = tasks_read(rootfd, &want, &tasks, err);

	if (r < 0)
		return r;
	res.cut = tasks.cut;
	for (size_t i = 0; i < tasks.n; i++) {
		_cleanup_(tasklog_done) struct tasklog log = { 0 };
		size_t from = res.n;

		if (bytes > ALL_LOGS_MAX) {
			res.cut = true;
			break;
		}
		if (tasklog_read(rootfd, &tasks.v[i].upid, LOG_MAX, &log, NULL) < 0) {
			backuptask_result(&tasks.v[i], &res);
			continue;
		}
		bytes += log.text.n;
		res.cut |= log.cut;
		backuplog_parse(&tasks.v[i], span_of(buf_str(&log.text), log.text.n),
				&res);
		keep_vmid(&res, from, vmid);
	}
	if (res.n)
		qsort(res.v, res.n, sizeof(*res.v), cmp_result);
	*ret = res;
	return 0;
}

int backup_running(int rootfd, struct upid *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct upid u = { 0 };
	int r = fs_read_file(rootfd, "run/vzdump.pid", 4096, &b, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (upid_parse(span_trim(span_of(buf_str(&b), b.n)), &u) < 0)
		return 0;
	r = task_alive(rootfd, &u);
	if (r > 0)
		*ret = u;
	else
		upid_done(&u);
	return r > 0;
}
