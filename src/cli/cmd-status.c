/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/ctview.h"
#include "cli/opts.h"
#include "cli/ringrates.h"
#include "cli/statjson.h"
#include "out/text.h"
#include "pveconf.h"
#include "read/lxc.h"

#define NOT_GIVEN             UINT64_MAX
#define DEFAULT_INTERVAL_USEC (100 * USEC_PER_MSEC)
#define DEFAULT_WATCH_USEC    (2 * USEC_PER_SEC)

struct status_opts {
	bool watch, lxc;
	uint64_t interval_usec;
	uint64_t every_usec;
};

#define O(field) offsetof(struct status_opts, field)
static const struct opt opts[] = {
	{ "watch", 'w', OPT_FLAG, NULL, "show it again and again, until interrupted",
	  O(watch) },
	{ "lxc", 0, OPT_FLAG, NULL, "ask liblxc too: its state, as lxc-info has it",
	  O(lxc) },
	{ "every", 0, OPT_DURATION, "SECONDS", "with --watch: how often (2)",
	  O(every_usec) },
	{ "interval", 'i', OPT_DURATION, "SECONDS",
	  "time over which the CPU use is taken (0.1, or the collector's last second; 0: "
	  "none)",
	  O(interval_usec) },
};
#undef O

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/*
 * What liblxc says, asked only on demand: it goes through the container's monitor, which
 * may not answer, and maps libraries that nothing else here needs.
 */
struct lxc_view {
	struct lxc_state state;
	struct err err;
	bool asked;
};

static void ask_lxc(const struct ct *ct, struct lxc_view *ret)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", ct->vmid);
	ret->asked = true;
	if (lxc_read_state(name, LXC_TIMEOUT_USEC, &ret->state, &ret->err) < 0)
		ret->state = (struct lxc_state){ 0 };
}

/* ---- as text: the look of systemctl status ---- */

static void label(FILE *f, const char *name)
{
	fprintf(f, "%12s: ", name);
}

static void put_cell(struct buf *b, struct cell c, bool exact)
{
	cell_print(b, &c, exact);
}

static void put_size(struct buf *b, const struct app *app, struct val v)
{
	put_cell(b, cell_val(v, CELL_BYTES), app->table.exact_bytes);
}

/* "487.4K of 128.0M (0.4%)" */
static void put_share(struct buf *b, const struct app *app, struct val used,
		      struct val of)
{
	if (used.kind == VAL_ABSENT && of.kind != VAL_ABSENT) {
		put_size(b, app, of);
		buf_adds(b, " at most");
		return;
	}
	put_size(b, app, used);
	if (of.kind == VAL_ABSENT)
		return;
	buf_adds(b, " of ");
	put_size(b, app, of);
	if (used.kind != VAL_SET || of.kind != VAL_SET || !of.n)
		return;
	buf_adds(b, " (");
	put_cell(b, cell_ppm(num_muldiv(used.n, 1000000, of.n)), false);
	buf_adds(b, "%)");
}

static void line(FILE *f, const char *name, struct buf *b)
{
	label(f, name);
	fprintf(f, "%s\n", buf_str(b));
	b->n = 0;
}

static void print_title(const struct app *app, const struct ctrow *r)
{
	static const char *const color[] = {
		[CT_UNKNOWN] = "",          [CT_STOPPED] = "",
		[CT_STARTING] = "\x1b[33m", [CT_RUNNING] = "\x1b[32m",
		[CT_FREEZING] = "\x1b[33m", [CT_FROZEN] = "\x1b[33m",
		[CT_STOPPING] = "\x1b[33m",
	};
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct ct *ct = r->ct;
	bool c = app->table.color;

	if (ct->name)
		text_escape(&b, tbytes_str(ct->name), false);
	fprintf(app->out, "%u %s\n", ct->vmid, buf_str(&b));
	b.n = 0;
	buf_addf(&b, "%s%s%s", c ? color[ct->state] : "", ct_state_name(ct->state),
		 c ? "\x1b[0m" : "");
	if (ct->state == CT_STARTING)
		buf_adds(
			&b,
			" (the monitor is there, no init yet: pre-start may be at work)");
	if (ct->state == CT_STOPPING)
		buf_adds(&b, " (init is gone, the monitor cleans up)");
	if (ct->uptime_sec.kind == VAL_SET) {
		buf_adds(&b, ", up ");
		text_duration(&b, ct->uptime_sec.n);
		if (app->now_known) {
			buf_adds(&b, ", since ");
			text_stamp(&b, num_sub(r->facts->time_real_usec,
					       ct->uptime_sec.n * USEC_PER_SEC));
		}
	}
	line(app->out, "Status", &b);
}

static void print_config(const struct app *app, const struct ctrow *r)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct ct *ct = r->ct;
	const char *lock = ct->conf ? pveconf_str(&ct->conf->main, "lock") : NULL;
	const char *tags = ct->conf ? pveconf_str(&ct->conf->main, "tags") : NULL;

	if (lock) {
		text_escape(&b, tbytes_str(lock), false);
		line(app->out, "Lock", &b);
	}
	if (r->notes) {
		text_escape(&b, tbytes_str(r->notes), false);
		line(app->out, "Note", &b);
	}
	if (tags) {
		text_escape(&b, tbytes_str(tags), false);
		line(app->out, "Tags", &b);
	}
	if (ct->pool) {
		text_escape(&b, tbytes_str(ct->pool), false);
		line(app->out, "Pool", &b);
	}
	if (ct->init_pid) {
		buf_addf(&b, "%d", ct->init_pid);
		if (ct->monitor_pid)
			buf_addf(&b, " (monitor %d)", ct->monitor_pid);
		if (ct->conf)
			buf_addf(&b, ", %s",
				 ct_is_unprivileged(ct) ? "unprivileged" : "privileged");
		line(app->out, "Init", &b);
	}
}

static void print_cpu(const struct app *app, const struct ctrow *r)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct ct *ct = r->ct;
	uint64_t cpus = ct_cpus_centi(ct, r->facts->host.cpus);

	if (ct->cpu_ppm.kind == VAL_SET) {
		put_cell(&b, cell_ppm(ct->cpu_ppm.n), false);
		buf_adds(&b, "% of ");
	}
	buf_addf(&b, "%ju", (uintmax_t)(cpus / 100));
	if (cpus % 100)
		buf_addf(&b, ".%02ju", (uintmax_t)(cpus % 100));
	buf_adds(&b, cpus == 100 ? " CPU" : " CPUs");
	if (ct->cpu.throttled_usec.kind == VAL_SET &&
	    ct->cpu.max_quota_usec.kind == VAL_SET)
		buf_addf(&b, ", throttled in %ju of %ju periods",
			 (uintmax_t)val_or(ct->cpu.nr_throttled, 0),
			 (uintmax_t)val_or(ct->cpu.nr_periods, 0));
	if (ct->cpuset.cpus_effective && *ct->cpuset.cpus_effective)
		buf_addf(&b, ", on %s", ct->cpuset.cpus_effective);
	if (app->live && ct_cores_are_free(ct))
		buf_adds(&b, " by its cores, but no cpuset keeps it to them");
	line(app->out, "CPU", &b);
}

/* A config that could not be read has no defaults: then what the kernel has, if anything. */
static struct val limit_of(const struct ct *ct, uint64_t config, struct val kernel)
{
	if (ct->conf)
		return val_set(config);
	return kernel.kind == VAL_SET ? kernel : (struct val){ 0 };
}

static void print_memory(const struct app *app, const struct ctrow *r)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct ct *ct = r->ct;
	const struct cg_memory *m = &ct->memory;
	struct val max = limit_of(ct, ct_maxmem_bytes(ct), m->max_bytes);
	struct val swap = limit_of(ct, ct_maxswap_bytes(ct), m->swap_max_bytes);

	if (ct_is_up(ct) && m->current_bytes.kind == VAL_ABSENT)
		buf_addf(
			&b,
			"use not known (the kernel has no memory controller on cgroup v2)%s",
			max.kind == VAL_ABSENT ? "" : ", ");
	if (m->current_bytes.kind != VAL_ABSENT || max.kind != VAL_ABSENT)
		put_share(&b, app, ct_mem_bytes(ct), max);
	if (m->file_bytes.kind == VAL_SET) {
		buf_adds(&b, ", cache ");
		put_size(&b, app, m->file_bytes);
	}
	if (val_or(m->events_oom_kill, 0))
		buf_addf(&b, ", %ju OOM kills", (uintmax_t)m->events_oom_kill.n);
	if (b.n)
		line(app->out, "Memory", &b);
	if (val_or(swap, 0) || val_or(m->swap_current_bytes, 0)) {
		put_share(&b, app, m->swap_current_bytes, swap);
		line(app->out, "Swap", &b);
	}
}

static void put_two(struct buf *b, const struct app *app, const char *a, struct val x,
		    const char *c, struct val y)
{
	buf_adds(b, a);
	put_size(b, app, x);
	buf_adds(b, c);
	put_size(b, app, y);
}

static void put_psi(struct buf *b, const char *name, const struct cg_psi *p)
{
	if (p->some.avg10_centi.kind != VAL_SET)
		return;
	buf_addf(b, "%s%s ", b->n ? ", " : "", name);
	put_cell(b, (struct cell){ .kind = CELL_CENTI, .n = p->some.avg10_centi.n },
		 false);
	buf_adds(b, "%");
}

static void print_io(const struct app *app, const struct ctrow *r)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct ct *ct = r->ct;
	struct val size =
		ct->disk_max_bytes.kind ? ct->disk_max_bytes : ct->rootfs_size_bytes;

	put_share(&b, app, ct->disk_bytes, size);
	line(app->out, "Root disk", &b);
	if (ct->io.present) {
		put_two(&b, app, "read ", ct_diskread_bytes(ct), ", written ",
			ct_diskwrite_bytes(ct));
		buf_adds(&b, " (as PVE counts: stacked devices add up)");
		line(app->out, "Disk I/O", &b);
	}
	if (ct->netin_bytes.kind == VAL_SET) {
		put_two(&b, app, "in ", ct->netin_bytes, ", out ", ct->netout_bytes);
		line(app->out, "Network", &b);
	}
	for (size_t i = 0; i < ct->n_addrs; i++) {
		if (i)
			buf_adds(&b, ", ");
		text_escape(&b, tbytes_str(ct->addrs[i].address), false);
		buf_adds(&b, " (");
		text_escape(&b, tbytes_str(ct->addrs[i].ifname), false);
		buf_addc(&b, ')');
	}
	if (ct->n_addrs)
		line(app->out, "Addresses", &b);
}

static void print_rest(const struct app *app, const struct ctrow *r)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct ct *ct = r->ct;

	if (ct->pids.current.kind == VAL_SET) {
		put_cell(&b, cell_val(ct->pids.current, CELL_INT), false);
		if (ct->pids.max.kind == VAL_SET)
			buf_addf(&b, " of %ju", (uintmax_t)ct->pids.max.n);
		line(app->out, "Tasks", &b);
	}
	put_psi(&b, "cpu", &ct->pressure.cpu);
	put_psi(&b, "io", &ct->pressure.io);
	put_psi(&b, "memory", &ct->pressure.memory);
	if (b.n) {
		buf_adds(&b, " of the last 10 s waited");
		line(app->out, "Pressure", &b);
	}
}

static void print_lxc(const struct app *app, const struct lxc_view *v)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (!v->asked)
		return;
	text_escape(&b, tbytes_str(*v->state.state ? v->state.state : v->err.msg), false);
	if (v->state.init_pid)
		buf_addf(&b, ", init %d", v->state.init_pid);
	line(app->out, "LXC", &b);
}

static void print_text(const struct app *app, const struct ctrow *r,
		       const struct lxc_view *lxc)
{
	print_title(app, r);
	print_lxc(app, lxc);
	print_config(app, r);
	if (r->ct->conf || ct_is_up(r->ct)) {
		print_cpu(app, r);
		print_memory(app, r);
		print_io(app, r);
	}
	print_rest(app, r);
}

/* ---- as JSON ---- */

static void json_io(struct jw *w, const struct cg_io *io)
{
	if (!io->present)
		return;
	jw_arr(w, "io");
	for (size_t i = 0; i < io->n; i++) {
		const struct cg_io_dev *d = &io->v[i];

		jw_obj(w, NULL);
		jw_int(w, "major", d->major);
		jw_int(w, "minor", d->minor);
		jw_val(w, "rbytes", d->rbytes);
		jw_val(w, "wbytes", d->wbytes);
		jw_val(w, "rios", d->rios);
		jw_val(w, "wios", d->wios);
		jw_val(w, "dbytes", d->dbytes);
		jw_val(w, "dios", d->dios);
		jw_end(w);
	}
	jw_end(w);
}

static void json_addrs(struct jw *w, const struct ct *ct)
{
	if (!ct->addrs_known)
		return;
	jw_arr(w, "ips");
	for (size_t i = 0; i < ct->n_addrs; i++) {
		jw_obj(w, NULL);
		jw_str(w, "name", ct->addrs[i].ifname);
		jw_str(w, "address", ct->addrs[i].address);
		jw_end(w);
	}
	jw_end(w);
}

static void json_lxc(struct jw *w, const struct lxc_view *v)
{
	if (!v->asked)
		return;
	jw_obj(w, "lxc");
	if (*v->state.state)
		jw_str(w, "state", v->state.state);
	else
		jw_str(w, "error", v->err.msg);
	if (v->state.init_pid)
		jw_int(w, "init_pid", (uint64_t)v->state.init_pid);
	jw_end(w);
}

static void json_one(struct jw *w, const char *key, const struct ctrow *r,
		     const struct lxc_view *lxc)
{
	const struct ct *ct = r->ct;

	jw_obj(w, key);
	ctrow_json(w, r);
	json_pve_pressure(w, &ct->pressure);
	if (ct->monitor_pid)
		jw_int(w, "monitor_pid", (uint64_t)ct->monitor_pid);
	json_cpu(w, "cpustat", &ct->cpu);
	json_cpuset(w, "cpuset", &ct->cpuset);
	json_memory(w, "memory", &ct->memory);
	json_io(w, &ct->io);
	json_pids(w, "pids", &ct->pids);
	json_pressure(w, "pressure", &ct->pressure);
	json_addrs(w, ct);
	json_lxc(w, lxc);
	jw_end(w);
}

static int print_json(const struct app *app, const struct facts *f,
		      const struct ctrow *rows, const struct lxc_view *lxc, size_t n)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, "ctscope.status/1", f->node, f->time_real_usec, &w, &err) <
	    0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (f->interval_usec)
		jw_ratio(w, "interval", f->interval_usec, USEC_PER_SEC);
	if (n == 1) {
		json_one(w, "container", &rows[0], &lxc[0]);
	} else {
		jw_arr(w, "containers");
		for (size_t i = 0; i < n; i++)
			json_one(w, NULL, &rows[i], &lxc[i]);
		jw_end(w);
	}
	return app_json_end(app, w);
}

/* ---- the command ---- */

/* The last second as the collector recorded it, where one runs and -i is not given. */
static struct ringrates *open_rates(const struct app *app, const struct status_opts *o)
{
	return o->interval_usec == NOT_GIVEN ? ringrates_open(app) : NULL;
}

static void take_rates(struct ringrates *recorded, int r, struct facts *f)
{
	if (r == EXIT_FINE && recorded)
		ringrates_apply(recorded, f);
	ringrates_close(recorded);
}

static struct facts_want make_want(const struct status_opts *o, bool recorded)
{
	uint64_t interval_usec = o->interval_usec;

	if (interval_usec == NOT_GIVEN)
		interval_usec = recorded ? 0 : DEFAULT_INTERVAL_USEC;
	return (struct facts_want){
		.cpu = true,
		.lean = true,
		.memory = true,
		.memory_limits = true,
		.io = true,
		.pids = true,
		.pressure = true,
		.cpuset = true,
		.freezer = true,
		.net = true,
		.disk = true,
		.pool = true,
		.ha = true,
		.interval_usec = interval_usec,
	};
}

static int print_rows(const struct app *app, const struct status_opts *o,
		      const struct facts *f, const struct ct **cts, size_t n)
{
	_cleanup_free_ struct ctrow *rows = xcalloc(n, sizeof(*rows));
	_cleanup_free_ struct lxc_view *lxc = xcalloc(n, sizeof(*lxc));
	int r = EXIT_FINE;

	for (size_t i = 0; i < n; i++)
		ctrow_init(&rows[i], f, cts[i]);
	for (size_t i = 0; o->lxc && i < n; i++)
		ask_lxc(cts[i], &lxc[i]);
	if (app->json) {
		r = print_json(app, f, rows, lxc, n);
	} else {
		for (size_t i = 0; i < n; i++) {
			fputs(i ? "\n" : "", app->out);
			print_text(app, &rows[i], &lxc[i]);
		}
	}
	for (size_t i = 0; i < n; i++)
		ctrow_done(&rows[i]);
	return r;
}

static int show_one(const struct app *app, const struct status_opts *o, const char *arg)
{
	_cleanup_(facts_done) struct facts f = { 0 };
	struct ringrates *recorded = open_rates(app, o);
	const struct ct *ct;
	int r = app_facts_one(app, arg, make_want(o, recorded), &f);

	take_rates(recorded, r, &f);
	if (r)
		return r;
	ct = &f.cts[0];
	return print_rows(app, o, &f, &ct, 1);
}

/* All of them in one reading: one interval, not one for each. */
static int show_many(const struct app *app, const struct status_opts *o,
		     const struct strv *args)
{
	_cleanup_free_ const struct ct **cts = xcalloc(args->n, sizeof(*cts));
	_cleanup_(facts_done) struct facts f = { 0 };
	struct ringrates *recorded;
	int r = EXIT_FINE, bad = EXIT_FINE;
	size_t n = 0;

	recorded = open_rates(app, o);
	r = app_facts(app, make_want(o, recorded), &f);
	take_rates(recorded, r, &f);
	if (r)
		return r;
	for (size_t i = 0; i < args->n; i++) {
		struct err err = { 0 };
		uint32_t vmid;

		if (app_ctid(args->v[i], &vmid, &err) < 0)
			return app_error(app, EXIT_USAGE, "%s", err.msg);
		cts[n] = facts_find(&f, vmid);
		if (cts[n]) {
			n++;
		} else {
			_cleanup_(facts_done) struct facts none = { 0 };

			/* the sentence that says where it is instead */
			bad = app_facts_one(app, args->v[i], (struct facts_want){ 0 },
					    &none);
		}
	}
	if (n)
		r = print_rows(app, o, &f, cts, n);
	return r ? r : bad;
}

static int show(const struct app *app, const struct status_opts *o,
		const struct strv *args)
{
	return args->n == 1 ? show_one(app, o, args->v[0]) : show_many(app, o, args);
}

static int watch(struct app *app, const struct status_opts *o, const struct strv *args)
{
	struct sigaction sa = { .sa_handler = on_signal };
	bool screen = isatty(fileno(app->out)) && !app->json;
	uint64_t start = app->now_real_usec - clock_mono_usec();
	int r = EXIT_FINE, out;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	while (!interrupted && r != EXIT_USAGE) {
		app->now_real_usec = start + clock_mono_usec();
		if (screen)
			fputs("\x1b[H\x1b[2J", app->out);
		r = show(app, o, args);
		if (!screen && !app->json)
			fputs("\n", app->out);
		if (r == EXIT_BROKEN && ferror(app->out))
			return r;
		out = app_flush(app);
		if (out != EXIT_FINE)
			return out == -EPIPE ? EXIT_FINE : out;
		for (uint64_t t = 0; t < o->every_usec && !interrupted; t += 50000)
			clock_sleep_usec(50000);
	}
	return r;
}

static int status_run(struct app *app, int argc, char **argv)
{
	struct status_opts o = { .interval_usec = NOT_GIVEN,
				 .every_usec = DEFAULT_WATCH_USEC };
	_cleanup_(strv_done) struct strv pos = { 0 };
	int r = opts_parse(app, &cmd_status, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (o.lxc && !app->live)
		return app_error(
			app, EXIT_USAGE,
			"--lxc asks the running system: --root does not go with it");
	if (!pos.n)
		return app_error(app, EXIT_USAGE,
				 "which container? ctscope list shows them all");
	return o.watch ? watch(app, &o, &pos) : show(app, &o, &pos);
}

const struct cmd cmd_status = {
	.name = "status",
	.args = "ID...",
	.help = "one container: state, use, limits, pressure",
	.more = "All of PVE's status fields by PVE's formulas, with the limits and the pressure\n"
		"that the kernel has for it now.\n\n"
		"  ctscope status 101\n"
		"  ctscope status 101 102 --watch\n"
		"  ctscope status 101 --json | jq .container.mem",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.run = status_run,
};
