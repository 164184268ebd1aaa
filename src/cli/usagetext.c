/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/num.h"
#include "cli/ctview.h"
#include "cli/usageline.h"
#include "cli/usagepanel.h"
#include "out/text.h"
#include "pveconf.h"

static void print_title(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	const struct ct *ct = u->ct;

	if (ct->name)
		text_escape(&b, tbytes_str(ct->name), false);
	buf_addf(&b, ": %s%s", ct_is_template(ct) ? "template, " : "",
		 ct_state_name(ct->state));
	if (ct->uptime_sec.kind == VAL_SET) {
		buf_adds(&b, " for ");
		text_duration(&b, ct->uptime_sec.n);
	}
	if (u->interval_usec) {
		buf_adds(&b, ", measured over ");
		usage_put_seconds(&b, u->interval_usec);
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
		usage_put_percent(&v, val_or(d->nr_throttled, 0), d->nr_periods.n);
		buf_addf(&n, "of its periods, %ju of %ju, for ",
			 (uintmax_t)val_or(d->nr_throttled, 0),
			 (uintmax_t)d->nr_periods.n);
		usage_put_seconds(&n, val_or(d->throttled_usec, 0));
		usage_row(app, "throttled", &v, &n);
		v.n = n.n = 0;
	}
	usage_put_percent(&v, val_or(c->nr_throttled, 0), c->nr_periods.n);
	buf_addf(&n, "of its periods since the start, %ju of %ju, for ",
		 (uintmax_t)val_or(c->nr_throttled, 0), (uintmax_t)c->nr_periods.n);
	usage_put_seconds(&n, val_or(c->throttled_usec, 0));
	usage_row(app, val_or(d->nr_periods, 0) ? "" : "throttled", &v, &n);
}

static void put_cpuset(struct buf *b, const char *cpus)
{
	buf_adds(b, "runs on CPU ");
	text_escape(b, tbytes_str(cpus), false);
	buf_adds(b, "; ");
}

/* Its limit is that of the node: nobody set one. */
static bool has_all_cpus(const struct usage *u)
{
	const struct pveconf *c = u->ct->conf;

	return c && !pveconf_str(&c->main, "cores") &&
	       !pveconf_str(&c->main, "cpulimit") &&
	       u->limit_centi == (uint64_t)u->facts.host.cpus * 100;
}

static void print_cpu(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct ct *ct = u->ct;

	usage_section(app, "CPU");
	if (u->interval_usec && u->cpu_delta.usage_usec.kind == VAL_SET) {
		uint64_t could = num_muldiv(u->interval_usec, u->limit_centi, 100);

		usage_put_percent(&v, u->cpu_delta.usage_usec.n, could);
		buf_adds(&n, "of ");
		usage_put_cpus(&n, u->limit_centi);
		buf_adds(&n, ": ");
		usage_put_seconds(&n, u->cpu_delta.usage_usec.n);
		buf_adds(&n, " of CPU time in ");
		usage_put_seconds(&n, u->interval_usec);
		usage_row(app, "used", &v, &n);
		v.n = n.n = 0;
	}
	if (ct->cpu.usage_usec.kind == VAL_SET) {
		usage_put_seconds(&v, ct->cpu.usage_usec.n);
		buf_adds(&n, "of CPU time since the start, ");
		usage_put_seconds(&n, val_or(ct->cpu.system_usec, 0));
		buf_adds(&n, " in the kernel");
		usage_row(app, "in all", &v, &n);
		v.n = n.n = 0;
	}
	usage_put_cpus(&v, u->limit_centi);
	if (has_all_cpus(u))
		buf_adds(&n, "all of this node; ");
	if (ct->cpu.max_quota_usec.kind == VAL_SET)
		buf_addf(&n, "cpulimit, %ju of each %ju ms; ",
			 (uintmax_t)(ct->cpu.max_quota_usec.n / 1000),
			 (uintmax_t)(val_or(ct->cpu.max_period_usec, 0) / 1000));
	if (ct->cpu.weight.kind == VAL_SET)
		buf_addf(&n, "weight %ju; ", (uintmax_t)ct->cpu.weight.n);
	if (ct->cpuset.cpus_effective && *ct->cpuset.cpus_effective)
		put_cpuset(&n, ct->cpuset.cpus_effective);
	if (app->live && ct_cores_are_free(ct))
		buf_addf(&n, "cores: %s, but no cpuset keeps it to them; ",
			 pveconf_str(&ct->conf->main, "cores"));
	n.n -= n.n ? 2 : 0;
	if (n.p)
		n.p[n.n] = '\0';
	usage_row(app, "limit", &v, &n);
	print_throttled(app, u);
}

static void print_pids(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_pids *p = &u->ct->pids;

	usage_section(app, "Processes and threads");
	if (p->current.kind == VAL_ABSENT) {
		usage_not_available(app, u->ctl.pids, "pids");
		return;
	}
	usage_put_count(&v, p->current);
	if (p->max.kind == VAL_SET)
		buf_addf(&n, "of at most %ju", (uintmax_t)p->max.n);
	else
		buf_adds(&n, "no limit");
	if (p->peak.kind == VAL_SET)
		buf_addf(&n, "; the most so far were %ju", (uintmax_t)p->peak.n);
	if (p->events_max.kind == VAL_SET)
		buf_addf(&n, "; %ju forks refused", (uintmax_t)p->events_max.n);
	usage_row(app, "now", &v, &n);
}

#define GET(name) static void name(const void *row, struct cell *ret)

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

	usage_section(app, "Pressure, percent of the time");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].l->avg10_centi.kind == VAL_SET)
			rows[n++] = all[i];
	if (!n)
		fputs("  not available: this kernel keeps none (boot it with psi=1)\n",
		      app->out);
	usage_subtable(app, psi_cols, ARRAY_SIZE(psi_cols), NULL, rows, n, sizeof(*rows));
}

/* What its configuration gives it, when nothing runs. */
static void print_limits(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct ct *ct = u->ct;

	fputs("Nothing runs in it: these are the limits of its configuration.\n\n",
	      app->out);
	if (!ct->conf)
		return;
	usage_put_cpus(&v, u->limit_centi);
	if (has_all_cpus(u))
		buf_adds(&n, "all of this node: neither cores nor cpulimit is set");
	usage_row(app, "CPU", &v, &n);
	usage_size_row(app, "memory", val_set(ct_maxmem_bytes(ct)), "");
	usage_size_row(app, "swap", val_set(ct_maxswap_bytes(ct)), "");
	if (ct->rootfs_size_bytes.kind == VAL_SET)
		usage_size_row(app, "root disk", ct->rootfs_size_bytes, "");
}

void usage_print_text(const struct app *app, const struct usage *u)
{
	static void (*const panels[])(const struct app *app, const struct usage *u) = {
		print_cpu,  usage_panel_memory, usage_panel_io,   usage_panel_net,
		print_pids, print_pressure,     usage_panel_disk,
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
