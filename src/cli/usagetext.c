/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/ctview.h"
#include "cli/usage.h"
#include "out/text.h"

static void section(const struct app *app, const char *name)
{
	fprintf(app->out, "\n%s%s%s\n", app->table.color ? "\x1b[1m" : "", name,
		app->table.color ? "\x1b[0m" : "");
}

static void row(const struct app *app, const char *name, const struct buf *value,
		const struct buf *note)
{
	fprintf(app->out, "  %-11s %*s%s%s\n", name, app->table.exact_bytes ? 15 : 9,
		buf_str(value), note->n ? "  " : "", buf_str(note));
}

static void put_size(const struct app *app, struct buf *b, struct val v)
{
	struct cell c = cell_val(v, CELL_BYTES);

	cell_print(b, &c, app->table.exact_bytes);
}

static void put_signed(const struct app *app, struct buf *b, int64_t n)
{
	if (n < 0)
		buf_addc(b, '-');
	put_size(app, b, val_set((uint64_t)(n < 0 ? -n : n)));
}

static void put_percent(struct buf *b, uint64_t n, uint64_t of)
{
	struct cell c = cell_ppm(num_muldiv(n, 1000000, of));

	cell_print(b, &c, false);
	buf_addc(b, '%');
}

/* "1.25 s" */
static void put_seconds(struct buf *b, uint64_t usec)
{
	struct cell c = { .kind = CELL_CENTI, .n = usec / 10000 };

	cell_print(b, &c, false);
	buf_adds(b, " s");
}

static void put_count(struct buf *b, struct val v)
{
	struct cell c = cell_val(v, CELL_INT);

	cell_print(b, &c, false);
}

/* "2 CPUs", "0.50 CPUs" */
static void put_cpus(struct buf *b, uint64_t centi)
{
	buf_addf(b, "%ju", (uintmax_t)(centi / 100));
	if (centi % 100)
		buf_addf(b, ".%02ju", (uintmax_t)(centi % 100));
	buf_adds(b, centi == 100 ? " CPU" : " CPUs");
}

static uint64_t per_second(const struct usage *u, uint64_t n)
{
	return num_muldiv(n, USEC_PER_SEC, u->interval_usec);
}

static void not_available(const struct app *app, enum controller_place place,
			  const char *what)
{
	const char *reason = controller_reason(place);

	fprintf(app->out, "  not available%s%s%s%s\n", reason ? ": the " : "",
		reason ? what : "", reason ? " controller is " : "",
		reason ? reason : "");
}

/* ---- panels ---- */

static void print_title(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct ct *ct = u->ct;

	if (ct->name)
		text_escape(&b, tbytes_str(ct->name), false);
	buf_addf(&b, ": %s", ct_state_name(ct->state));
	if (ct->uptime_sec.kind == VAL_SET) {
		buf_adds(&b, " for ");
		text_duration(&b, ct->uptime_sec.n);
	}
	if (u->interval_usec) {
		buf_adds(&b, ", measured over ");
		put_seconds(&b, u->interval_usec);
	}
	fprintf(app->out, "%u %s\n", ct->vmid, buf_str(&b));
}

static void print_alerts(const struct app *app, const struct usage *u)
{
	for (size_t i = 0; i < u->alerts.n; i++) {
		const struct alert *a = &u->alerts.v[i];
		const char *color = a->severe ? "\x1b[31m" : "\x1b[33m";

		fprintf(app->out, "%s! %s%s\n", app->table.color ? color : "", a->text,
			app->table.color ? "\x1b[0m" : "");
	}
}

static void print_throttled(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_cpu *c = &u->ct->cpu, *d = &u->cpu_delta;

	if (c->max_quota_usec.kind != VAL_SET || c->nr_periods.kind != VAL_SET)
		return;
	if (val_or(d->nr_periods, 0)) {
		put_percent(&v, val_or(d->nr_throttled, 0), d->nr_periods.n);
		buf_addf(&n, "of its periods, %ju of %ju, for ",
			 (uintmax_t)val_or(d->nr_throttled, 0),
			 (uintmax_t)d->nr_periods.n);
		put_seconds(&n, val_or(d->throttled_usec, 0));
		row(app, "throttled", &v, &n);
		v.n = n.n = 0;
	}
	put_percent(&v, val_or(c->nr_throttled, 0), c->nr_periods.n);
	buf_addf(&n, "of its periods since the start, %ju of %ju, for ",
		 (uintmax_t)val_or(c->nr_throttled, 0), (uintmax_t)c->nr_periods.n);
	put_seconds(&n, val_or(c->throttled_usec, 0));
	row(app, val_or(d->nr_periods, 0) ? "" : "throttled", &v, &n);
}

static void put_cpuset(struct buf *b, const char *cpus)
{
	buf_adds(b, "runs on CPU ");
	text_escape(b, tbytes_str(cpus), false);
	buf_adds(b, "; ");
}

static void print_cpu(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct ct *ct = u->ct;

	section(app, "CPU");
	if (u->interval_usec && u->cpu_delta.usage_usec.kind == VAL_SET) {
		uint64_t could = num_muldiv(u->interval_usec, u->limit_centi, 100);

		put_percent(&v, u->cpu_delta.usage_usec.n, could);
		buf_adds(&n, "of ");
		put_cpus(&n, u->limit_centi);
		buf_adds(&n, ": ");
		put_seconds(&n, u->cpu_delta.usage_usec.n);
		buf_adds(&n, " of CPU time in ");
		put_seconds(&n, u->interval_usec);
		row(app, "used", &v, &n);
		v.n = n.n = 0;
	}
	if (ct->cpu.usage_usec.kind == VAL_SET) {
		put_seconds(&v, ct->cpu.usage_usec.n);
		buf_adds(&n, "of CPU time since the start, ");
		put_seconds(&n, val_or(ct->cpu.system_usec, 0));
		buf_adds(&n, " in the kernel");
		row(app, "in all", &v, &n);
		v.n = n.n = 0;
	}
	put_cpus(&v, u->limit_centi);
	if (ct->cpu.max_quota_usec.kind == VAL_SET)
		buf_addf(&n, "cpulimit, %ju of each %ju ms; ",
			 (uintmax_t)(ct->cpu.max_quota_usec.n / 1000),
			 (uintmax_t)(val_or(ct->cpu.max_period_usec, 0) / 1000));
	if (ct->cpu.weight.kind == VAL_SET)
		buf_addf(&n, "weight %ju; ", (uintmax_t)ct->cpu.weight.n);
	if (ct->cpuset.cpus_effective && *ct->cpuset.cpus_effective)
		put_cpuset(&n, ct->cpuset.cpus_effective);
	n.n -= n.n ? 2 : 0;
	if (n.p)
		n.p[n.n] = '\0';
	row(app, "limit", &v, &n);
	print_throttled(app, u);
}

static void put_part(const struct app *app, struct buf *b, const char *name, int64_t n)
{
	buf_addf(b, "%s%s ", b->n ? ", " : "", name);
	put_signed(app, b, n);
}

static void print_kernel(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_memory *m = &u->ct->memory;

	put_size(app, &v, m->kernel_bytes);
	put_part(app, &n, "slab", (int64_t)val_or(m->slab_bytes, 0));
	put_part(app, &n, "page tables", (int64_t)val_or(m->pagetables_bytes, 0));
	put_part(app, &n, "stacks", (int64_t)val_or(m->kernel_stack_bytes, 0));
	buf_addc(&n, ',');
	row(app, "+ kernel", &v, &n);
	n.n = 0;
	put_part(app, &n, "per-CPU", (int64_t)val_or(m->percpu_bytes, 0));
	put_part(app, &n, "vmalloc", (int64_t)val_or(m->vmalloc_bytes, 0));
	put_part(app, &n, "other", u->mem.kernel_rest_bytes);
	row(app, "", &(struct buf){ 0 }, &n);
}

static void size_row(const struct app *app, const char *name, struct val size,
		     const char *note)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	put_size(app, &v, size);
	buf_adds(&n, note);
	row(app, name, &v, &n);
}

/* The parts, and the sum that they are the parts of. */
static void print_sum(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_memory *m = &u->ct->memory;

	if (u->mem.known) {
		size_row(app, "  anon", m->anon_bytes, "the programs' own memory");
		put_size(app, &v, m->file_bytes);
		buf_adds(&n, "page cache; of it ");
		put_size(app, &n, m->shmem_bytes);
		buf_adds(&n, " tmpfs and shared memory");
		row(app, "+ file", &v, &n);
		v.n = n.n = 0;
		if (u->mem.kernel_known)
			print_kernel(app, u);
		size_row(app, "+ sock", m->sock_bytes, "network buffers");
		put_signed(app, &v, u->mem.other_bytes);
		buf_adds(&n, u->mem.other_bytes < 0 ? "counted after the sum was read"
						    : "charged ahead, swap cache");
		row(app, "+ other", &v, &n);
		v.n = n.n = 0;
	}
	put_size(app, &v, m->current_bytes);
	buf_adds(&n, "memory.current");
	if (m->peak_bytes.kind == VAL_SET) {
		buf_adds(&n, "; the most so far was ");
		put_size(app, &n, m->peak_bytes);
	}
	row(app, u->mem.known ? "= in use" : "in use", &v, &n);
	if (u->mem.pve_bytes.kind == VAL_SET)
		size_row(app, "PVE shows", u->mem.pve_bytes,
			 "in use less file: no page cache, but no tmpfs either");
}

static void left_row(const struct app *app, const char *name, struct val left_bytes,
		     struct val limit, const char *file, const char *then)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	if (limit.kind == VAL_ABSENT)
		return;
	put_size(app, &v, left_bytes);
	if (limit.kind == VAL_MAX) {
		buf_addf(&n, "no %s", file);
	} else {
		buf_adds(&n, "left of ");
		put_size(app, &n, limit);
		buf_addf(&n, " (%s), then %s", file, then);
	}
	row(app, name, &v, &n);
}

static void print_oom(const struct app *app, const struct cg_memory *m)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	if (m->events_oom_kill.kind != VAL_SET)
		return;
	put_count(&v, m->events_oom_kill);
	buf_addf(&n, "so far; hit high %ju times, max %ju times, OOM %ju times",
		 (uintmax_t)val_or(m->events_high, 0),
		 (uintmax_t)val_or(m->events_max, 0),
		 (uintmax_t)val_or(m->events_oom, 0));
	row(app, "OOM kills", &v, &n);
}

static void print_memory(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_memory *m = &u->ct->memory;

	section(app, "Memory");
	if (m->current_bytes.kind == VAL_ABSENT) {
		not_available(app, u->ctl.memory, "memory");
		return;
	}
	print_sum(app, u);
	left_row(app, "to high", u->mem.left_high_bytes, m->high_bytes, "memory.high",
		 "it is slowed down");
	left_row(app, "to max", u->mem.left_max_bytes, m->max_bytes, "memory.max",
		 "a process is killed");
	if (m->swap_current_bytes.kind == VAL_SET) {
		put_size(app, &v, m->swap_current_bytes);
		buf_adds(&n, m->swap_max_bytes.kind == VAL_SET ? "of " : "no limit");
		if (m->swap_max_bytes.kind == VAL_SET)
			put_size(app, &n, m->swap_max_bytes);
		row(app, "swap", &v, &n);
	}
	print_oom(app, m);
}

/* ---- tables within the text, indented ---- */

static void subtable(const struct app *app, const struct col *cols, size_t ncols,
		     const char *shown, const void *rows, size_t n, size_t size)
{
	struct table_opts o = app->table;
	_cleanup_free_ char *text = NULL;
	struct err err = { 0 };
	struct span all, line;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return;
	o.columns = shown;
	o.width = o.width > 2 ? o.width - 2 : 0;
	r = table_print(f, &o, cols, ncols, rows, n, size, NULL, &err);
	fclose(f);
	if (r < 0) {
		app_warn(app, "%s", err.msg);
		return;
	}
	all = span_of(text, len);
	while (span_line(&all, &line))
		fprintf(app->out, "  %.*s\n", (int)line.n, line.p);
}

struct iorow {
	const struct usage *u;
	size_t i;
};

#define GET(name) static void name(const void *row, struct cell *ret)
#define IO        ((const struct iorow *)row)

static const struct cg_io_dev *io_line(const void *row)
{
	return &IO->u->ct->io.v[IO->i];
}

static const struct blockdev *io_dev(const void *row)
{
	const struct cg_io_dev *l = io_line(row);

	return blockdev_find(&IO->u->devs, (struct blockid){ l->major, l->minor });
}

GET(get_io_device)
{
	const struct blockdev *d = io_dev(row);
	const struct cg_io_dev *l = io_line(row);

	*ret = d && d->name ? cell_str(d->name)
			    : cell_owned(xasprintf("%u:%u", l->major, l->minor));
}

GET(get_io_name)
{
	const struct blockdev *d = io_dev(row);

	if (d && d->label)
		*ret = cell_text(tbytes_str(d->label));
}

GET(get_io_read)
{
	*ret = cell_val(io_line(row)->rbytes, CELL_BYTES);
}

GET(get_io_written)
{
	*ret = cell_val(io_line(row)->wbytes, CELL_BYTES);
}

static struct cell rate(const struct usage *u, struct val delta)
{
	return u->interval_usec && delta.kind == VAL_SET
		       ? cell_bytes(per_second(u, delta.n))
		       : (struct cell){ 0 };
}

GET(get_io_read_rate)
{
	if (IO->u->interval_usec)
		*ret = rate(IO->u, IO->u->io_delta.v[IO->i].rbytes);
}

GET(get_io_write_rate)
{
	if (IO->u->interval_usec)
		*ret = rate(IO->u, IO->u->io_delta.v[IO->i].wbytes);
}

GET(get_io_note)
{
	bool below = IO->u->io_all.method == IO_TRUE_STACK && !IO->u->io_counted[IO->i];

	*ret = cell_str(below ? "same bytes, below" : "");
}

static const struct col io_cols[] = {
	{ "DEVICE", NULL, NULL, .get = get_io_device },
	{ "NAME", NULL, NULL, .shrink = true, .get = get_io_name },
	{ "READ", NULL, NULL, .right = true, .get = get_io_read },
	{ "WRITTEN", NULL, NULL, .right = true, .get = get_io_written },
	{ "READ/s", NULL, NULL, .right = true, .get = get_io_read_rate },
	{ "WRITE/s", NULL, NULL, .right = true, .get = get_io_write_rate },
	{ "REMARK", NULL, NULL, .get = get_io_note },
};

static void io_sum_row(const struct app *app, const char *name, struct val r,
		       struct val w, const char *note)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_adds(&b, "read ");
	put_size(app, &b, r);
	buf_adds(&b, ", written ");
	put_size(app, &b, w);
	fprintf(app->out, "  %-11s %s%s\n", name, buf_str(&b), note);
}

/* Each line is I/O that was done: the largest is a lower bound of what was done in all.
 */
static struct val largest(const struct cg_io *io, bool written)
{
	uint64_t max = 0;

	for (size_t i = 0; i < io->n; i++)
		max = MAX(max, val_or(written ? io->v[i].wbytes : io->v[i].rbytes, 0));
	return val_set(max);
}

static void print_io_sums(const struct app *app, const struct usage *u)
{
	const struct cg_io *io = &u->ct->io;
	const struct io_true *t = &u->io_all;

	if (t->method == IO_TRUE_UNKNOWN)
		io_sum_row(app, "at least", largest(io, false), largest(io, true),
			   ": what lies on what is not known here");
	else
		io_sum_row(app, "really", t->rbytes, t->wbytes, "");
	if (u->io_now.method != IO_TRUE_UNKNOWN && u->interval_usec)
		io_sum_row(app, "", val_set(per_second(u, val_or(u->io_now.rbytes, 0))),
			   val_set(per_second(u, val_or(u->io_now.wbytes, 0))),
			   " per second");
	io_sum_row(app, "PVE shows", ct_diskread_bytes(u->ct), ct_diskwrite_bytes(u->ct),
		   io->n > 1 ? ": the sum of all lines" : "");
}

static void print_io(const struct app *app, const struct usage *u)
{
	const struct cg_io *io = &u->ct->io;
	_cleanup_free_ struct iorow *rows = xcalloc(io->n, sizeof(*rows));
	_cleanup_(buf_done) struct buf shown = { 0 };
	size_t n = 0;

	buf_addf(&shown, "DEVICE,NAME,READ,WRITTEN%s%s",
		 u->interval_usec ? ",READ/s,WRITE/s" : "",
		 u->io_all.method == IO_TRUE_STACK && io->n > 1 ? ",REMARK" : "");
	section(app, "Disk I/O since the start");
	if (!io->present) {
		not_available(app, u->ctl.io, "io");
		return;
	}
	for (size_t i = 0; i < io->n; i++)
		/* a device that was only flushed has nothing to tell */
		if (val_or(io->v[i].rbytes, 0) || val_or(io->v[i].wbytes, 0))
			rows[n++] = (struct iorow){ u, i };
	if (!n) {
		fputs("  none\n", app->out);
		return;
	}
	subtable(app, io_cols, ARRAY_SIZE(io_cols), buf_str(&shown), rows, n,
		 sizeof(*rows));
	print_io_sums(app, u);
}

struct netrow {
	const struct usage *u;
	const struct usage_net *n;
};

#define NET ((const struct netrow *)row)

GET(get_net)
{
	*ret = cell_owned(xasprintf("net%u", NET->n->n));
}

GET(get_net_inside)
{
	if (NET->n->ifname)
		*ret = cell_text(tbytes_str(NET->n->ifname));
}

GET(get_net_host)
{
	*ret = cell_str(NET->n->host);
}

GET(get_net_in)
{
	*ret = cell_bytes(NET->n->in_bytes);
}

GET(get_net_out)
{
	*ret = cell_bytes(NET->n->out_bytes);
}

GET(get_net_in_rate)
{
	*ret = rate(NET->u, NET->n->in_delta_bytes);
}

GET(get_net_out_rate)
{
	*ret = rate(NET->u, NET->n->out_delta_bytes);
}

static const struct col net_cols[] = {
	{ "NET", NULL, NULL, .get = get_net },
	{ "INSIDE", NULL, NULL, .get = get_net_inside },
	{ "HOST", NULL, NULL, .get = get_net_host },
	{ "IN", NULL, NULL, .right = true, .get = get_net_in },
	{ "OUT", NULL, NULL, .right = true, .get = get_net_out },
	{ "IN/s", NULL, NULL, .right = true, .get = get_net_in_rate },
	{ "OUT/s", NULL, NULL, .right = true, .get = get_net_out_rate },
};

static void print_net(const struct app *app, const struct usage *u)
{
	_cleanup_free_ struct netrow *rows = xcalloc(u->n_nets, sizeof(*rows));

	section(app, "Network since the start, in is towards the container");
	for (size_t i = 0; i < u->n_nets; i++)
		rows[i] = (struct netrow){ u, &u->nets[i] };
	if (!u->n_nets)
		fputs("  no interface on this node\n", app->out);
	subtable(app, net_cols, ARRAY_SIZE(net_cols),
		 u->interval_usec ? NULL : "NET,INSIDE,HOST,IN,OUT", rows, u->n_nets,
		 sizeof(*rows));
}

static void print_pids(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_pids *p = &u->ct->pids;

	section(app, "Processes and threads");
	if (p->current.kind == VAL_ABSENT) {
		not_available(app, u->ctl.pids, "pids");
		return;
	}
	put_count(&v, p->current);
	if (p->max.kind == VAL_SET)
		buf_addf(&n, "of at most %ju", (uintmax_t)p->max.n);
	else
		buf_adds(&n, "no limit");
	if (p->peak.kind == VAL_SET)
		buf_addf(&n, "; the most so far were %ju", (uintmax_t)p->peak.n);
	if (p->events_max.kind == VAL_SET)
		buf_addf(&n, "; %ju forks refused", (uintmax_t)p->events_max.n);
	row(app, "now", &v, &n);
}

struct psirow {
	const char *name;
	const struct cg_psi_line *l;
};

#define PSI ((const struct psirow *)row)

GET(get_psi_name)
{
	*ret = cell_str(PSI->name);
}

GET(get_psi_10)
{
	*ret = cell_val(PSI->l->avg10_centi, CELL_CENTI);
}

GET(get_psi_60)
{
	*ret = cell_val(PSI->l->avg60_centi, CELL_CENTI);
}

GET(get_psi_300)
{
	*ret = cell_val(PSI->l->avg300_centi, CELL_CENTI);
}

GET(get_psi_total)
{
	if (PSI->l->total_usec.kind == VAL_SET)
		*ret = (struct cell){ .kind = CELL_CENTI,
				      .n = PSI->l->total_usec.n / 10000 };
}

static const struct col psi_cols[] = {
	{ "WAITING", NULL, NULL, .get = get_psi_name },
	{ "10s", NULL, NULL, .right = true, .get = get_psi_10 },
	{ "1min", NULL, NULL, .right = true, .get = get_psi_60 },
	{ "5min", NULL, NULL, .right = true, .get = get_psi_300 },
	{ "TOTAL(s)", NULL, NULL, .right = true, .get = get_psi_total },
};

static void print_pressure(const struct app *app, const struct usage *u)
{
	const struct cg_pressure *p = &u->ct->pressure;
	const struct psirow all[] = {
		{ "some for CPU", &p->cpu.some },
		{ "all for CPU", &p->cpu.full },
		{ "some for disk", &p->io.some },
		{ "all for disk", &p->io.full },
		{ "some for memory", &p->memory.some },
		{ "all for memory", &p->memory.full },
	};
	struct psirow rows[ARRAY_SIZE(all)];
	size_t n = 0;

	section(app, "Pressure, percent of the time");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].l->avg10_centi.kind == VAL_SET)
			rows[n++] = all[i];
	if (!n)
		fputs("  not available: this kernel keeps none (boot it with psi=1)\n",
		      app->out);
	subtable(app, psi_cols, ARRAY_SIZE(psi_cols), NULL, rows, n, sizeof(*rows));
}

static void print_trend(const struct app *app, const struct disk_trend *t)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	if (t->full_in_sec)
		text_duration(&v, t->full_in_sec);
	else
		buf_adds(&v, "now");
	buf_addf(&n, "if it grows as in the last %s, by ",
		 t->window_sec > 86400 ? "7 days" : "24 hours");
	put_size(app, &n, val_set(t->bytes_per_day));
	buf_adds(&n, " a day");
	row(app, "full in", &v, &n);
}

static void print_disk(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct ct *ct = u->ct;

	section(app, "Root file system");
	if (ct->disk_bytes.kind != VAL_SET || ct->disk_max_bytes.kind != VAL_SET) {
		fputs(app->live ? "  not known: it did not answer\n"
				: "  not known: only the running node can tell\n",
		      app->out);
		return;
	}
	put_size(app, &v, ct->disk_bytes);
	buf_adds(&n, "of ");
	put_size(app, &n, ct->disk_max_bytes);
	buf_adds(&n, ", ");
	put_percent(&n, ct->disk_bytes.n, ct->disk_max_bytes.n);
	row(app, "used", &v, &n);
	for (size_t i = 0; i < u->n_trends; i++)
		print_trend(app, &u->trends[i]);
}

/* What its configuration gives it, when nothing runs. */
static void print_limits(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 };
	const struct ct *ct = u->ct;

	fputs("Nothing runs in it: these are the limits of its configuration.\n\n",
	      app->out);
	if (!ct->conf)
		return;
	put_cpus(&v, u->limit_centi);
	row(app, "CPU", &v, &(struct buf){ 0 });
	size_row(app, "memory", val_set(ct_maxmem_bytes(ct)), "");
	size_row(app, "swap", val_set(ct_maxswap_bytes(ct)), "");
	if (ct->rootfs_size_bytes.kind == VAL_SET)
		size_row(app, "root disk", ct->rootfs_size_bytes, "");
}

void usage_print_text(const struct app *app, const struct usage *u)
{
	static void (*const panels[])(const struct app *app, const struct usage *u) = {
		print_cpu,  print_memory,   print_io,   print_net,
		print_pids, print_pressure, print_disk,
	};

	print_title(app, u);
	if (!usage_is_up(u)) {
		print_limits(app, u);
		return;
	}
	print_alerts(app, u);
	for (size_t i = 0; i < ARRAY_SIZE(panels); i++)
		panels[i](app, u);
}
