/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/colsort.h"
#include "cli/ctview.h"
#include "cli/opts.h"
#include "read/cgroup.h"
#include "read/procs.h"

struct ps_opts {
	const char *sort;
	bool reverse;
	uint64_t interval_usec;
};

#define O(field) offsetof(struct ps_opts, field)
static const struct opt opts[] = {
	{ "sort", 0, OPT_STR, "COL", "sort by a column (PID); numbers largest first",
	  O(sort) },
	{ "reverse", 'r', OPT_FLAG, NULL, "turn the order round", O(reverse) },
	{ "interval", 'i', OPT_DURATION, "SECONDS",
	  "take CPU% over that time (else since it began)", O(interval_usec) },
};
#undef O

struct psrow {
	const struct proc *p;
	const struct facts *f;
	struct val cpu_ppm; /* of one CPU */
	struct buf unit;    /* tenant bytes, as shown */
	struct buf command; /* tenant bytes, arguments parted by blanks */
};

struct psrows {
	struct psrow *v;
	size_t n;
};

static void psrows_done(struct psrows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		buf_done(&rows->v[i].unit);
		buf_done(&rows->v[i].command);
	}
	free(rows->v);
	*rows = (struct psrows){ 0 };
}

static struct tbytes buf_tbytes(const struct buf *b)
{
	return b->n ? (struct tbytes){ (const uint8_t *)b->p, (uint32_t)b->n }
		    : (struct tbytes){ 0 };
}

static const char *state_name(char state)
{
	static const struct {
		char c;
		const char *name;
	} names[] = {
		{ 'R', "running" }, { 'S', "sleeping" }, { 'D', "disk-wait" },
		{ 'T', "stopped" }, { 't', "traced" },   { 'Z', "zombie" },
		{ 'X', "dead" },    { 'I', "idle" },     { 'P', "parked" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].c == state)
			return names[i].name;
	return NULL;
}

/* ---- columns ---- */

#define GET(name) static void get_##name(const void *row, struct cell *ret)
#define ROW       ((const struct psrow *)row)
#define PROC      (ROW->p)

GET(pid)
{
	*ret = cell_int((uint64_t)PROC->pid);
}

GET(cpid)
{
	if (PROC->ct_pid)
		*ret = cell_int((uint64_t)PROC->ct_pid);
}

GET(ppid)
{
	*ret = cell_int((uint64_t)PROC->ppid);
}

GET(uid)
{
	*ret = cell_val(PROC->ct_uid, CELL_INT);
}

/* The table has a place for who the container does not know, too. */
GET(user)
{
	if (PROC->ct_uid.kind != VAL_SET)
		*ret = cell_owned(xasprintf("host:%u", PROC->uid));
	else if (PROC->ct_uid.n == 0)
		*ret = cell_str("root");
	else
		*ret = cell_int(PROC->ct_uid.n);
}

GET(host_uid)
{
	*ret = cell_int(PROC->uid);
}

GET(unit_shown)
{
	*ret = cell_text(buf_tbytes(&ROW->unit));
}

GET(unit)
{
	if (PROC->where.unit.n)
		*ret = cell_text(span_tbytes(PROC->where.unit));
}

GET(state_letter)
{
	*ret = cell_owned(xstrndup(&PROC->state, 1));
	if (PROC->state == 'D')
		ret->color = COLOR_WARN;
	if (PROC->state == 'Z')
		ret->color = COLOR_BAD;
}

GET(state)
{
	*ret = cell_str(state_name(PROC->state));
}

GET(cpu)
{
	*ret = cell_val(ROW->cpu_ppm, CELL_PPM);
}

GET(mem)
{
	*ret = cell_val(PROC->rss_bytes, CELL_BYTES);
}

GET(swap)
{
	*ret = cell_val(PROC->swap_bytes, CELL_BYTES);
}

GET(threads)
{
	*ret = cell_int(PROC->threads);
}

static uint64_t ticks_to_usec(const struct psrow *r, uint64_t ticks)
{
	return num_muldiv(ticks, USEC_PER_SEC, r->f->host.ticks_per_sec);
}

GET(time)
{
	*ret = cell_seconds(ticks_to_usec(ROW, PROC->utime_ticks + PROC->stime_ticks) /
			    USEC_PER_SEC);
}

GET(cputime)
{
	*ret = (struct cell){
		.kind = CELL_CENTI,
		.n = ticks_to_usec(ROW, PROC->utime_ticks + PROC->stime_ticks) / 10000
	};
}

/* How long ago it was started; absent: not known, or later than the uptime was read. */
static struct val life_usec(const struct psrow *r)
{
	struct val up = r->f->host.uptime_centisec;
	uint64_t start = ticks_to_usec(r, r->p->start_ticks);

	if (up.kind != VAL_SET || up.n > UINT64_MAX / 10000 || up.n * 10000 < start)
		return (struct val){ 0 };
	return val_set(up.n * 10000 - start);
}

GET(started)
{
	struct val life = life_usec(ROW);

	if (life.kind == VAL_SET)
		*ret = cell_stamp(num_sub(ROW->f->time_real_usec, life.n));
}

GET(uptime)
{
	struct val life = life_usec(ROW);

	if (life.kind == VAL_SET)
		*ret = cell_seconds(life.n / USEC_PER_SEC);
}

GET(comm)
{
	*ret = cell_text((struct tbytes){ (const uint8_t *)PROC->comm, PROC->comm_n });
}

GET(cgroup)
{
	*ret = cell_text(tbytes_str(PROC->cgroup));
}

GET(command)
{
	*ret = cell_text(buf_tbytes(&ROW->command));
}

static const struct col cols[] = {
	{ "PID", "pid", "process ID on the node", .right = true, .get = get_pid },
	{ "CPID", "cpid", "process ID inside the container", .right = true, .minor = 1,
	  .get = get_cpid },
	{ "PPID", "ppid", "parent's process ID on the node", .right = true,
	  .hidden = true, .get = get_ppid },
	{ "USER", NULL, "user ID inside the container; host:N is not one of it",
	  .get = get_user },
	{ "UID", "uid", "user ID inside the container", .right = true, .hidden = true,
	  .get = get_uid },
	{ "HOSTUID", "host_uid", "user ID on the node", .right = true, .hidden = true,
	  .get = get_host_uid },
	{ "UNIT", NULL, "systemd unit or nested container it belongs to", .shrink = true,
	  .get = get_unit_shown },
	{ "", "unit", NULL, .json_only = true, .get = get_unit },
	{ "S", NULL, "state: R running, S sleeping, D disk wait, Z zombie, T stopped",
	  .get = get_state_letter },
	{ "STATE", "state", "state as a word", .hidden = true, .get = get_state },
	{ "CPU%", "cpu", "use of one CPU, since it was started or over --interval",
	  .right = true, .get = get_cpu },
	{ "MEM", "mem", "resident memory", .right = true, .get = get_mem },
	{ "SWAP", "swap", "memory in swap", .right = true, .minor = 3, .get = get_swap },
	{ "THREADS", "threads", "threads", .right = true, .hidden = true,
	  .get = get_threads },
	{ "TIME", NULL, "CPU time used", .right = true, .minor = 2, .get = get_time },
	{ "", "cputime", NULL, .json_only = true, .get = get_cputime },
	{ "STARTED", "started", "when it was started", .hidden = true,
	  .get = get_started },
	{ "UPTIME", "uptime", "how long ago that was", .right = true, .hidden = true,
	  .get = get_uptime },
	{ "NAME", "name", "what the process calls itself (comm)", .hidden = true,
	  .get = get_comm },
	{ "CGROUP", "cgroup", "cgroup inside the container", .hidden = true,
	  .get = get_cgroup },
	{ "COMMAND", NULL, "command line, [name] where there is none", .shrink = true,
	  .get = get_command },
};

/* ---- rows ---- */

static void make_unit(struct psrow *r)
{
	const struct cgwhere *w = &r->p->where;

	if (w->container.n) {
		buf_adds(&r->unit, cgkind_name(w->container_kind));
		buf_addc(&r->unit, ':');
		buf_add(&r->unit, w->container.p, w->container.n);
		if (w->unit.n)
			buf_addc(&r->unit, '/');
	}
	if (w->unit.n)
		buf_add(&r->unit, w->unit.p, w->unit.n);
	if (w->attached && !r->unit.n)
		buf_adds(&r->unit, "(pct enter)");
}

static void make_command(struct psrow *r)
{
	const struct proc *p = r->p;
	size_t n = p->cmdline_n;

	while (n && !p->cmdline[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		buf_addc(&r->command, p->cmdline[i] ? p->cmdline[i] : ' ');
	if (p->cmdline_cut)
		buf_adds(&r->command, " ...");
	if (!n) {
		buf_addc(&r->command, '[');
		buf_add(&r->command, p->comm, p->comm_n);
		buf_addc(&r->command, ']');
	}
}

static const struct proc *find_proc(const struct procs *procs, const struct proc *p)
{
	size_t lo = 0, hi = procs->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (procs->v[mid].pid < p->pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < procs->n && procs->v[lo].pid == p->pid &&
	    procs->v[lo].start_ticks == p->start_ticks)
		return &procs->v[lo];
	return NULL;
}

/*
 * Since its start as ps(1) does, or, with an earlier reading, over the interval (since
 * its start if that is later).
 */
static struct val cpu_ppm(const struct psrow *r, const struct procs *before,
			  uint64_t interval_usec)
{
	uint64_t used = r->p->utime_ticks + r->p->stime_ticks;
	struct val life = life_usec(r);
	const struct proc *was = before ? find_proc(before, r->p) : NULL;

	if (was)
		used = num_sub(used, was->utime_ticks + was->stime_ticks);
	if (before)
		life = val_set(interval_usec);
	if (life.kind != VAL_SET || !life.n)
		return (struct val){ 0 };
	return val_set(num_muldiv(ticks_to_usec(r, used), 1000000, life.n));
}

static void make_rows(const struct facts *f, const struct procs *procs,
		      const struct procs *before, uint64_t interval_usec,
		      struct psrows *ret)
{
	ret->v = xcalloc(procs->n, sizeof(*ret->v));
	ret->n = procs->n;
	for (size_t i = 0; i < procs->n; i++) {
		struct psrow *r = &ret->v[i];

		r->p = &procs->v[i];
		r->f = f;
		r->cpu_ppm = cpu_ppm(r, before, interval_usec);
		make_unit(r);
		make_command(r);
	}
}

static int cmp_rows(const void *a, const void *b, void *arg)
{
	const struct psrow *p = a, *q = b;
	int r = colsort_cmp(arg, a, b);

	return r ? r : (p->p->pid > q->p->pid) - (p->p->pid < q->p->pid);
}

static void sort_rows(struct psrows *rows, const struct ps_opts *o)
{
	const struct col *col =
		o->sort ? colsort_find(cols, ARRAY_SIZE(cols), o->sort) : NULL;

	/* by number they come already */
	if (col && !str_eq(col->heading, "PID") && rows->n)
		qsort_r(rows->v, rows->n, sizeof(*rows->v), cmp_rows,
			(void *)(uintptr_t)col);
	for (size_t i = 0; o->reverse && i < rows->n / 2; i++) {
		struct psrow t = rows->v[i];

		rows->v[i] = rows->v[rows->n - 1 - i];
		rows->v[rows->n - 1 - i] = t;
	}
}

/* ---- output ---- */

static void json_args(struct jw *w, const struct proc *p)
{
	struct span rest = span_of(p->cmdline, p->cmdline_n), arg;

	if (!p->cmdline)
		return;
	jw_arr(w, "args");
	while (span_cut(&rest, '\0', &arg))
		jw_text(w, NULL, span_tbytes(arg));
	jw_end(w);
	if (p->cmdline_cut)
		jw_bool(w, "args_cut", true);
}

static void json_nested(struct jw *w, const struct cgwhere *where)
{
	if (where->container.n) {
		jw_obj(w, "nested");
		jw_str(w, "kind", cgkind_name(where->container_kind));
		jw_text(w, "name", span_tbytes(where->container));
		jw_end(w);
	}
	if (where->attached)
		jw_bool(w, "attached", true);
}

static int print_json(const struct app *app, const struct facts *f,
		      const struct procs *procs, const struct psrows *rows,
		      uint64_t interval_usec)
{
	const struct ct *ct = &f->cts[0];
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.ps/1", f->node, f->time_real_usec, &w, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (interval_usec)
		jw_ratio(w, "interval", interval_usec, USEC_PER_SEC);
	jw_container(w, ct->vmid, ct->name);
	jw_str(w, "status", ct_state_name(ct->state));
	jw_int(w, "left_out", procs->left_out);
	jw_int(w, "cgroups_left_out", procs->cgroups_left);
	jw_arr(w, "processes");
	for (size_t i = 0; i < rows->n; i++) {
		jw_obj(w, NULL);
		jw_cols(w, cols, ARRAY_SIZE(cols), &rows->v[i]);
		json_nested(w, &rows->v[i].p->where);
		json_args(w, rows->v[i].p);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
	return app_json_end(app, w);
}

static void warn_of_gaps(const struct app *app, const struct procs *p)
{
	if (p->left_out)
		app_warn(app, "%ju processes are not shown", (uintmax_t)p->left_out);
	if (p->cgroups_left)
		app_warn(app,
			 "%ju cgroups of the container were not looked into: "
			 "there are too many, or too deep",
			 (uintmax_t)p->cgroups_left);
	if (p->cmdline_timeout)
		app_warn(app, "the memory of some process does not answer: "
			      "only the name is shown where the command line is missing");
}

/* ---- the command ---- */

static int read_once(const struct app *app, const struct ct *ct, bool cmdline,
		     struct procs *ret)
{
	struct procs_opts po = { .vmid = ct->vmid,
				 .init_pid = ct->init_pid,
				 .cmdline = cmdline };
	_cleanup_close_ int dir = -1;
	struct err err = { 0 };
	int r;

	r = cg_open(app->rootfd, ct->vmid, &dir, &err);
	if (r == 0)
		r = procs_read(app->rootfd, dir, &po, ret, &err);
	if (r == -ENOENT || r == -ENODEV)
		return 0; /* it stopped meanwhile: no processes */
	return r < 0 ? app_error(app, EXIT_BROKEN, "container %u: %s", ct->vmid, err.msg)
		     : 0;
}

static int show(struct app *app, const struct ps_opts *o, const struct facts *f)
{
	_cleanup_(procs_done) struct procs before = { 0 }, procs = { 0 };
	_cleanup_(psrows_done) struct psrows rows = { 0 };
	const struct ct *ct = &f->cts[0];
	uint64_t began = clock_mono_usec(), interval = 0;
	int r;

	if (o->interval_usec && app->live && ct->init_pid) {
		r = read_once(app, ct, false, &before);
		if (r)
			return r;
		clock_sleep_usec(o->interval_usec);
		interval = clock_mono_usec() - began;
	}
	r = read_once(app, ct, true, &procs);
	if (r)
		return r;
	make_rows(f, &procs, interval ? &before : NULL, interval, &rows);
	sort_rows(&rows, o);
	if (app->json)
		return print_json(app, f, &procs, &rows, interval);
	if (!procs.n)
		return app_error(app, EXIT_FINE,
				 "container %u is %s: it has no processes", ct->vmid,
				 ct_state_name(ct->state));
	r = app_table(app, cols, ARRAY_SIZE(cols), rows.v, rows.n, sizeof(*rows.v), NULL);
	warn_of_gaps(app, &procs);
	return r;
}

static int ps_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(facts_done) struct facts f = { 0 };
	struct ps_opts o = { 0 };
	int r = opts_parse(app, &cmd_ps, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (pos.n != 1)
		return app_error(app, EXIT_USAGE, "expected one container ID");
	if (o.sort && !colsort_find(cols, ARRAY_SIZE(cols), o.sort))
		return app_error(app, EXIT_USAGE, "--sort: there is no column \"%s\"",
				 o.sort);
	r = app_facts_one(app, pos.v[0], (struct facts_want){ 0 }, &f);
	return r ? r : show(app, &o, &f);
}

const struct cmd cmd_ps = {
	.name = "ps",
	.args = "ID",
	.help = "the processes of a container",
	.more = "Read from the node: nothing runs inside the container. CPU% is of one CPU, "
		"as in\nps(1): over the life of the process, or over --interval.\n\n"
		"Example: who uses the CPU right now?\n"
		"  ctscope ps 101 --interval 1 --sort cpu%",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = cols,
	.ncols = ARRAY_SIZE(cols),
	.run = ps_run,
};
