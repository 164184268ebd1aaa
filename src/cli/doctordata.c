/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctordata.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/dl.h"
#include "base/fs.h"
#include "base/num.h"
#include "cli/hooksview.h"
#include "config.h"
#include "read/accounts.h"
#include "read/conffile.h"
#include "read/controllers.h"
#include "read/guestread.h"
#include "read/journal.h"
#include "read/progfile.h"
#include "read/spool.h"
#include "read/waivers.h"
#include "rule/rule.h"

#define HOOK_TIMEOUT_USEC USEC_PER_SEC
#define TASKS             "var/log/pve/tasks"
#define CGROUP            "sys/fs/cgroup"

/* ---- libraries ---------------------------------------------------------------------- */

static const struct doctor_lib libs[] = {
	{ "libsmartcols.so.1", "libsmartcols1", "no table is printed",
	  .optional = false },
	{ "libjansson.so.4", "libjansson4", "no JSON is read or printed" },
	{ "libsqlite3.so.0", "libsqlite3-0", "nothing that was recorded is read" },
	{ "libzstd.so.1", "libzstd1", "what was recorded by the second is not read" },
	{ "libnl-3.so.200", "libnl-3-200", "nothing is known of networks" },
#ifdef HAVE_INIH
	{ "libinih.so.1", "libinih1", "the configuration file is not read" },
#endif
#ifdef HAVE_SYSTEMD
	{ "libsystemd.so.0", "libsystemd0", "no journal is read" },
#endif
	{ "libseccomp.so.2", "libseccomp2", "system calls are shown by number",
	  .optional = true },
	{ "libncursesw.so.6", "libncursesw6", "top does not run on a terminal",
	  .optional = true },
	{ "librrd.so.8", "librrd8", "history ends where the collector began",
	  .optional = true },
#ifdef HAVE_LXC
	{ "liblxc.so.1", "lxc-pve", "monitors are not asked", .optional = true },
#endif
};

static void read_libs(struct doctor_facts *f)
{
	if (!f->live)
		return;
	f->n_libs = ARRAY_SIZE(libs);
	f->libs = xcalloc(f->n_libs, sizeof(*f->libs));
	for (size_t i = 0; i < f->n_libs; i++) {
		void *handle = NULL;

		f->libs[i] = libs[i];
		f->libs[i].there = dl_load(libs[i].soname, NULL, 0, &handle, NULL) == 0;
	}
}

/* ---- our own files ------------------------------------------------------------------ */

static void read_config(const struct app *app, struct settings *s, struct strv *ret)
{
	_cleanup_(strv_done) struct strv said = { 0 };
	struct err err = { 0 };

	if (conffile_read(app->rootfd, s, &said, &err) < 0)
		strv_add(ret, xstrdup(err.msg));
	for (size_t i = 0; i < said.n; i++)
		strv_add(ret, xasprintf("/%s", said.v[i]));
}

static void read_waivers(const struct app *app, struct strv *ret)
{
	_cleanup_(waivers_done) struct waivers w = { 0 };
	struct err err = { 0 };
	int r = waivers_read(app->rootfd, WAIVERS_PATH, "/" WAIVERS_PATH, &w, ret, &err);

	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		strv_add(ret, xstrdup(err.msg));
	for (size_t i = 0; i < w.n; i++)
		if (!rule_find(span_str(w.v[i].rule)))
			strv_add(ret, xasprintf("/" WAIVERS_PATH
						":%u: there is no rule \"%s\"",
						w.v[i].line, w.v[i].rule));
}

/* ---- the kernel --------------------------------------------------------------------- */

/* Does it know the call? What it was given is wrong whatever it knows. */
static enum doctor_answer knows(long r)
{
	return r < 0 && (errno == ENOSYS || errno == EPERM) ? DOCTOR_NO : DOCTOR_YES;
}

static void read_calls(struct doctor_facts *f)
{
	int fd;

	f->beneath = fs_opens_beneath() ? DOCTOR_YES : DOCTOR_NO;
	fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	f->pidfd = knows(fd);
	if (fd >= 0)
		close(fd);
}

static enum doctor_answer is_cgroup2(const struct app *app)
{
	_cleanup_close_ int fd = -1;
	struct statfs st;

	if (fs_open(app->rootfd, CGROUP, O_RDONLY | O_DIRECTORY, &fd, NULL) < 0)
		return app->live ? DOCTOR_NO : DOCTOR_UNKNOWN;
	if (!app->live)
		return DOCTOR_YES;
	return fstatfs(fd, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC ? DOCTOR_YES
									 : DOCTOR_NO;
}

static bool has_word(struct span text, const char *word)
{
	struct span w;

	text = span_trim(text);
	while (span_field(&text, &w))
		if (span_eq(w, word))
			return true;
	return false;
}

static void read_controllers(const struct app *app, struct doctor_facts *f)
{
	struct controllers c = { 0 };
	char buf[1024];
	size_t n;
	int r = fs_read_small(app->rootfd, CGROUP "/lxc/cgroup.controllers", buf,
			      sizeof(buf), &n, NULL);

	if (r < 0)
		r = fs_read_small(app->rootfd, CGROUP "/cgroup.controllers", buf,
				  sizeof(buf), &n, NULL);
	if (r < 0)
		return;
	f->controllers_known = true;
	(void)controllers_read(app->rootfd, &c, NULL);
	const struct {
		const char *name;
		enum controller_place place;
	} want[] = {
		{ "cpu", c.cpu },   { "memory", c.memory }, { "io", c.io },
		{ "pids", c.pids }, { "cpuset", c.cpuset },
	};
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const char *why = want[i].place == CTL_V2
					  ? "not switched on for containers"
					  : controller_reason(want[i].place);

		if (!has_word(span_of(buf, n), want[i].name))
			strv_add(&f->controllers,
				 xasprintf("%s%s%s%s", want[i].name, why ? " (" : "",
					   why ? why : "", why ? ")" : ""));
	}
}

static enum doctor_answer has_pressure(const struct app *app)
{
	char buf[256];
	size_t n;

	if (fs_read_small(app->rootfd, "proc/pressure/cpu", buf, sizeof(buf), &n, NULL) ==
	    0)
		return DOCTOR_YES;
	return app->live ? DOCTOR_NO : DOCTOR_UNKNOWN;
}

/* ---- the node's logs ---------------------------------------------------------------- */

static void read_tasks(const struct app *app, struct doctor_facts *f)
{
	_cleanup_close_ int fd = -1;
	struct err err = { 0 };
	int r = fs_open(app->rootfd, TASKS, O_RDONLY | O_DIRECTORY, &fd, &err);

	if (r == -ENOENT || r == -ENOTDIR)
		return;
	if (r == 0) {
		close(take_fd(&fd));
		r = fs_open(app->rootfd, TASKS "/index", O_RDONLY, &fd, &err);
	}
	/* no task has ended yet */
	f->tasks = r == 0 || r == -ENOENT ? DOCTOR_YES : DOCTOR_NO;
	f->tasks_problem = xstrdup(err.msg);
}

static void read_journal(const struct app *app, struct doctor_facts *f)
{
	struct journal *j = NULL;
	struct err err = { 0 };
	int r = journal_open(app->rootfd, app->live, &j, &err);

	if (r == 0)
		journal_free(j);
	f->journal = r == 0 ? DOCTOR_YES : app->live ? DOCTOR_NO : DOCTOR_UNKNOWN;
	f->journal_problem = xstrdup(err.msg);
}

static void read_account(const struct app *app, struct doctor_user *u)
{
	_cleanup_(accounts_done) struct accounts a = { 0 };
	struct err err = { 0 };
	gid_t gid;

	if (accounts_read(app->rootfd, &a, &err) < 0) {
		u->problem = xstrdup(err.msg);
		return;
	}
	u->known = true;
	u->user = accounts_user(&a, "ctscope", &u->uid);
	u->group = accounts_group(&a, "ctscope", &u->gid);
	for (size_t i = 0; i < DOCTOR_GROUPS; i++)
		u->groups[i] = accounts_group(&a, doctor_groups[i], &gid);
}

/* ---- programs, hooks, spool --------------------------------------------------------- */

static void look_at_program(const struct app *app, char *path, struct doctor_program *p)
{
	struct fs_stat st;

	p->path = path;
	p->problem = hooks_program_problem(app, path);
	if (p->problem && *path == '/')
		p->mode = fs_stat(app->rootfd, path + 1, true, &st, NULL) == 0 &&
			  S_ISREG(st.mode);
	if (!p->problem)
		p->foreign =
			progfile_check(app->rootfd, path + 1, "bin/sh", NULL) == -ENOEXEC;
}

static void try_hook(const struct app *app, struct doctor_program *p)
{
	struct err err = { 0 };

	if (!app->live || geteuid() != 0 || p->problem || p->foreign)
		return;
	if (progfile_run(app->rootfd, p->path + 1, HOOK_TIMEOUT_USEC, &err) < 0)
		p->failed = xstrdup(err.msg);
}

static void read_reader(const struct app *app, struct doctor_facts *f)
{
	_cleanup_(buf_done) struct buf path = { 0 };

	if (!f->live)
		return;
	guestread_program(app->rootfd, &path);
	look_at_program(app, take_ptr(path.p), &f->reader);
	if (!f->reader.problem && f->reader.foreign)
		f->reader.problem = xstrdup("no program for this kind of machine");
}

/* LXC's own files do not lead to the drop-in, whatever a container's config says. */
static bool is_unreachable(const struct strv *obstacles)
{
	for (size_t i = 0; i < obstacles->n; i++)
		if (obstacles->v[i][0] == '/')
			return true;
	return false;
}

static void take_ct(const struct app *app, const struct strv *obstacles,
		    const struct hooks_row *row, struct doctor_ct *ret)
{
	bool reached = true;

	*ret = (struct doctor_ct){
		.vmid = row->ct->vmid,
		.runs = row->runs,
		.starting = row->ct->state == CT_STARTING,
		.not_known = row->have == HOOKS_UNKNOWN && row->silent,
		.reports_all = row->have == HOOKS_ALL,
		.reports_none = row->have == HOOKS_NONE,
		.cleared = row->cleared ? xstrdup(row->note) : NULL,
	};
	/* where it cannot be known (a copy of an unknown time) nothing is said */
	if (row->have == HOOKS_UNKNOWN && !row->silent)
		ret->starting = true;
	if (row->runs && !is_unreachable(obstacles) &&
	    dropin_reached(app->rootfd, ret->vmid, &reached, NULL) == 0 && !reached)
		ret->unincluded =
			xasprintf("container %u: /var/lib/lxc/%u/config does not "
				  "lead to /" DROPIN_DIR,
				  ret->vmid, ret->vmid);
}

static void take_pve(struct hooks_view *v, struct doctor_facts *f)
{
	f->pve_there = v->facts_result != -ENODEV;
	if (v->facts_result < 0)
		f->pve_problem = xstrdup(v->facts_err.msg);
	else
		f->pve_problem = xstrdup_or_null(v->facts.pve_error);
	for (size_t i = 0; v->facts_result == 0 && i < v->facts.n_warnings; i++)
		strv_add(&f->pve_files, xstrdup(v->facts.warnings[i]));
	for (size_t i = 0; i < v->n_rows && !f->pve_problem; i++)
		if (v->rows[i].ct->error)
			strv_add(&f->pve_files,
				 xasprintf("container %u: %s", v->rows[i].ct->vmid,
					   v->rows[i].ct->error));
}

static void take_spool(const struct app *app, struct hooks_view *v,
		       struct doctor_spool *s)
{
	_cleanup_(spool_list_done) struct spool_list l = { 0 };
	_cleanup_close_ int fd = -1;
	uint64_t boot, now = clock_boot_usec();
	struct fs_stat st;

	s->problem = take_ptr(v->spool_problem);
	s->waiting = v->waiting;
	s->dropped = v->dropped;
	if (fs_stat(app->rootfd, SPOOL_PATH, false, &st, NULL) < 0)
		return;
	s->there = true;
	s->uid = st.uid;
	s->gid = st.gid;
	s->mode = st.mode;
	if (app->live &&
	    fs_open(app->rootfd, SPOOL_PATH, O_RDONLY | O_DIRECTORY, &fd, NULL) == 0 &&
	    spool_list(fd, &l, NULL) == 0 && l.ids.n && spool_id_time(l.ids.v[0], &boot))
		s->oldest_sec = val_set(num_sub(now, boot) / USEC_PER_SEC);
}

static void read_hooks(const struct app *app, struct doctor_facts *f, char **ret_node)
{
	_cleanup_(hooks_view_done) struct hooks_view v = { 0 };
	struct doctor_hooks *h = &f->hooks;
	struct err err = { 0 };

	if (hooks_view_gather(app, &v, &err) < 0) {
		h->problem = xstrdup(err.msg);
		f->pve_there = true;
		f->pve_problem = xasprintf("not looked at: %s", err.msg);
		f->spool.problem = xasprintf("not looked at: %s", err.msg);
		return;
	}
	h->known = true;
	h->present = v.dropin.present;
	h->current = v.dropin.current;
	h->broken_line = v.dropin.broken_line;
	h->obstacles = v.obstacles;
	v.obstacles = (struct strv){ 0 };
	look_at_program(app, xstrdup(v.program), &h->program);
	if (h->present)
		try_hook(app, &h->program);
	h->cts = xcalloc(v.n_rows, sizeof(*h->cts));
	for (size_t i = 0; i < v.n_rows; i++)
		take_ct(app, &h->obstacles, &v.rows[i], &h->cts[h->n_cts++]);
	take_pve(&v, f);
	take_spool(app, &v, &f->spool);
	*ret_node = xstrdup_or_null(v.facts.node);
}

void doctor_gather(const struct app *app, struct doctor_facts *ret, char **ret_node)
{
	struct doctor_facts f = { .live = app->live,
				  .euid = geteuid(),
				  .now_real_usec = app->now_real_usec,
				  .version = PACKAGE_STRING };
	struct settings s;

	/* who loads all of them comes last: a library may bring threads along */
	read_config(app, &s, &f.config);
	read_waivers(app, &f.waivers);
	if (f.live)
		read_calls(&f);
	f.cgroup2 = is_cgroup2(app);
	read_controllers(app, &f);
	f.pressure = has_pressure(app);
	read_tasks(app, &f);
	read_account(app, &f.user);
	f.ring.off = s.collect.recorder.kind != VAL_SET;
	doctor_gather_collector(app, &f);
	doctor_gather_store(app, s.store.max_bytes, &f.store);
	read_hooks(app, &f, ret_node);
	read_reader(app, &f);
	read_journal(app, &f);
	read_libs(&f);
	*ret = f;
}
