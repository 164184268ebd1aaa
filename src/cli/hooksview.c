/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/hooksview.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "pveconf.h"
#include "read/facts.h"
#include "read/lxc.h"
#include "read/procfs.h"
#include "read/spool.h"

#define MAX_SILENT 3 /* monitors that did not answer, then no more are asked */
#define ALL_HOOKS  ((1u << DROPIN_HOOKS) - 1)

void hooks_view_done(struct hooks_view *v)
{
	for (size_t i = 0; i < v->n_rows; i++)
		free(v->rows[i].note);
	free(v->rows);
	strv_done(&v->obstacles);
	dropin_done(&v->dropin);
	free(v->program);
	free(v->program_problem);
	free(v->spool_problem);
	facts_done(&v->facts);
	*v = (struct hooks_view){ 0 };
}

char *hooks_program_problem(const struct app *app, const char *program)
{
	struct err err = { 0 };
	struct fs_stat st;
	int r;

	if (program[0] != '/')
		return xstrdup("not an absolute path");
	r = fs_stat(app->rootfd, program + 1, true, &st, &err);
	if (r == -ENOENT)
		return xstrdup("not there");
	if (r < 0)
		return xstrdup(err.msg);
	if (!S_ISREG(st.mode) || !(st.mode & 0111))
		return xstrdup("not a program");
	if (app->live && (st.uid != 0 || (st.mode & 022)))
		return xstrdup("somebody else than root may write it");
	return NULL;
}

/* ---- the spool ------------------------------------------------------------------- */

/* As the hook looks at it (src/hook/drop.c). */
static char *spool_problem(const struct app *app)
{
	struct fs_stat above, spool;

	if (fs_stat(app->rootfd, "run/ctscope", false, &above, NULL) < 0 ||
	    fs_stat(app->rootfd, SPOOL_PATH, false, &spool, NULL) < 0)
		return xstrdup("not there: what hooks tell is lost");
	if (!S_ISDIR(above.mode) || !S_ISDIR(spool.mode))
		return xstrdup("not a directory: hooks do not write there");
	if ((above.mode | spool.mode) & S_IWOTH)
		return xstrdup("everybody may write there: hooks do not");
	if (app->live && spool.uid != 0 && spool.uid != above.uid)
		return xstrdup("somebody else's: hooks do not write there");
	return NULL;
}

static void read_spool(const struct app *app, struct hooks_view *v)
{
	_cleanup_(spool_list_done) struct spool_list l = { 0 };
	_cleanup_close_ int fd = -1;
	struct fs_stat st;

	v->spool_problem = spool_problem(app);
	if (v->spool_problem ||
	    fs_open(app->rootfd, SPOOL_PATH, O_RDONLY | O_DIRECTORY, &fd, NULL) < 0 ||
	    spool_list(fd, &l, NULL) < 0)
		return;
	v->waiting = val_set(l.ids.n);
	if (fs_stat(fd, SPOOL_DROPPED, false, &st, NULL) == 0)
		v->dropped = st.size_bytes;
}

/* ---- the containers -------------------------------------------------------------- */

static unsigned cleared_by(const struct pveconf_lxc *l)
{
	for (unsigned k = 0; k < DROPIN_HOOKS; k++)
		if (!l->value_n && str_eq(l->key, dropin_keys[k]))
			return 1u << k;
	return 0;
}

/* Lines of its configuration come after the drop-in: an empty one takes ours away. */
static void read_config(struct hooks_row *row, struct buf *note)
{
	const struct pveconf_section *s = row->ct->conf ? &row->ct->conf->main : NULL;

	/* what was not read may take them away */
	if (row->ct->error)
		buf_adds(note, row->ct->error);
	for (size_t i = 0; s && i < s->n_lxc; i++) {
		unsigned bit = cleared_by(&s->lxc[i]);

		if (bit)
			buf_addf(note,
				 "%sline %u of its configuration (%s:) takes the "
				 "hooks of that type away",
				 note->n ? "; " : "", s->lxc[i].line, s->lxc[i].key);
		row->cleared |= bit;
	}
}

static unsigned reports(const struct lxc_items *items)
{
	unsigned bits = 0;

	for (size_t k = 0; k < items->n && k < DROPIN_HOOKS; k++) {
		struct span text = span_str(items->v[k] ? items->v[k] : ""), line;

		while (span_line(&text, &line))
			if (dropin_runs(line, NULL))
				bits |= 1u << k;
	}
	return bits;
}

/* The monitor keeps the configuration that it was started with. */
static bool ask_monitor(struct hooks_row *row, unsigned *silent)
{
	_cleanup_(lxc_items_done) struct lxc_items items = { 0 };
	_cleanup_free_ char *name = xasprintf("%u", row->ct->vmid);

	if (*silent >= MAX_SILENT)
		return false;
	if (lxc_read_items(name, dropin_keys, DROPIN_HOOKS, LXC_TIMEOUT_USEC, &items,
			   NULL) < 0) {
		++*silent;
		return false;
	}
	row->by_monitor = true;
	row->reports = reports(&items);
	row->have = !row->reports               ? HOOKS_NONE
		    : row->reports != ALL_HOOKS ? HOOKS_SOME
						: HOOKS_ALL;
	return true;
}

/* It read its configuration when the monitor began: before or after the drop-in? */
static void judge_by_time(const struct app *app, const struct hooks_view *v,
			  struct hooks_row *row)
{
	const struct host *h = &v->facts.host;
	struct proc_stat st;
	uint64_t age_usec;
	char buf[1024];

	if (h->uptime_centisec.kind != VAL_SET || !h->ticks_per_sec ||
	    procfs_read_stat(app->rootfd, row->ct->monitor_pid, buf, sizeof(buf), &st,
			     NULL) < 0)
		return;
	age_usec = num_sub(h->uptime_centisec.n * 10000,
			   num_muldiv(st.start_ticks, USEC_PER_SEC, h->ticks_per_sec));
	if (num_sub(v->facts.time_real_usec, age_usec) < v->since_real_usec)
		row->have = HOOKS_NONE;
	else
		row->have = row->cleared ? HOOKS_SOME : HOOKS_ALL;
}

static void judge(const struct app *app, const struct hooks_view *v,
		  struct hooks_row *row, unsigned *silent)
{
	if (row->ct->state == CT_STARTING)
		return; /* a monitor in its hooks does not answer */
	if (app->live && ask_monitor(row, silent))
		return;
	row->silent = app->live;
	if (!v->dropin.present)
		row->have = HOOKS_NONE;
	else
		judge_by_time(app, v, row);
}

static void add_row(const struct app *app, struct hooks_view *v, const struct ct *ct,
		    unsigned *silent)
{
	struct hooks_row *row = &v->rows[v->n_rows++];
	_cleanup_(buf_done) struct buf note = { 0 };

	*row = (struct hooks_row){ .ct = ct, .runs = ct->monitor_pid > 0 };
	read_config(row, &note);
	if (row->runs)
		judge(app, v, row, silent);
	if (row->have == HOOKS_NONE && v->dropin.present && row->runs && !note.n)
		buf_adds(&note,
			 "started before the drop-in was there: from its next start");
	if (row->have == HOOKS_ALL && !v->dropin.present)
		buf_adds(&note, "until it stops");
	if (row->have == HOOKS_UNKNOWN && row->runs && !note.n)
		buf_adds(&note, ct->state == CT_STARTING ? "it is starting"
							 : "its monitor does not answer");
	row->note = take_ptr(note.p);
}

static void read_containers(const struct app *app, struct hooks_view *v)
{
	const struct facts_want want = { .lean = true };
	unsigned silent = 0;

	v->facts_result = facts_read(app->rootfd, app->live, &want, app->now_real_usec,
				     &v->facts, &v->facts_err);
	if (v->facts_result < 0)
		return;
	v->rows = xcalloc(v->facts.n_cts, sizeof(*v->rows));
	for (size_t i = 0; i < v->facts.n_cts; i++)
		if (v->facts.cts[i].here && !ct_is_template(&v->facts.cts[i]))
			add_row(app, v, &v->facts.cts[i], &silent);
}

int hooks_view_gather(const struct app *app, struct hooks_view *ret, struct err *err)
{
	_cleanup_(hooks_view_done) struct hooks_view v = { 0 };
	int r = dropin_read(app->rootfd, &v.dropin, err);

	if (r == 0)
		r = dropin_obstacles(app->rootfd, &v.obstacles, err);
	if (r < 0)
		return r;
	v.since_real_usec =
		app->live ? v.dropin.ctime_real_usec : v.dropin.mtime_real_usec;
	v.program =
		xstrdup(v.dropin.program ? v.dropin.program : LIBEXECDIR "/ctscope/hook");
	v.program_problem = hooks_program_problem(app, v.program);
	read_spool(app, &v);
	read_containers(app, &v);
	*ret = v;
	v = (struct hooks_view){ 0 };
	return 0;
}

int hooks_view_read(const struct app *app, struct hooks_view *ret)
{
	_cleanup_(hooks_view_done) struct hooks_view v = { 0 };
	struct err err = { 0 };
	int code;

	if (hooks_view_gather(app, &v, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	code = app_facts_told(app, v.facts_result, &v.facts, &v.facts_err);
	if (code)
		return code;
	*ret = v;
	v = (struct hooks_view){ 0 };
	return EXIT_FINE;
}

bool hooks_view_is_broken(const struct hooks_view *v)
{
	bool broken = !v->dropin.present || !v->dropin.current || v->program_problem ||
		      v->spool_problem || v->obstacles.n;

	for (size_t i = 0; i < v->n_rows && !broken; i++)
		broken = v->rows[i].cleared != 0;
	return broken;
}
