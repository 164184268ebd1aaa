/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "read/jobs.h"
#include "read/pools.h"
#include "read/replication.h"
#include "read/vzdumpconf.h"

static struct buf slurp(const char *host, const char *path)
{
	_cleanup_close_ int root = fixture_open(host);
	struct err err = { 0 };
	struct buf b = { 0 };

	if (fs_read_file(root, path, (size_t)1 << 20, &b, &err) < 0)
		printf("Bail out! %s\n", err.msg);
	return b;
}

static void jobs_of(const char *text, struct backup_jobs *ret)
{
	struct err err = { 0 };

	CHECK(jobs_parse(text, strlen(text), ret, &err) == 0, "%s", err.msg);
}

static void cron_of(const char *text, struct backup_jobs *ret)
{
	struct err err = { 0 };

	CHECK(jobs_parse_cron(text, strlen(text), ret, &err) == 0, "%s", err.msg);
}

static void pools_of_text(const char *text, struct pools *ret)
{
	struct err err = { 0 };

	CHECK(pools_parse(text, strlen(text), ret, &err) == 0, "%s", err.msg);
}

static void jobs_of_both_files_of_the_sample(void)
{
	_cleanup_(buf_done) struct buf cfg = slurp("hosts/pve1", "etc/pve/jobs.cfg");
	_cleanup_(buf_done) struct buf cron = slurp("hosts/pve1", "etc/pve/vzdump.cron");
	_cleanup_(backup_jobs_done) struct backup_jobs j = { 0 };
	struct err err = { 0 };

	CHECK(jobs_parse(cfg.p, cfg.n, &j, &err) == 0, "%s", err.msg);
	CHECK(jobs_parse_cron(cron.p, cron.n, &j, &err) == 0, "%s", err.msg);
	CHECK_U64(j.n, 4); /* realm-sync is no backup */
	CHECK(!j.warns.n, "%zu warnings", j.warns.n);
	if (j.n != 4)
		return;
	CHECK_STR(j.v[0].id, "backup-1a2b3c4d-5e6f");
	CHECK_STR(j.v[0].schedule, "sun 01:00");
	CHECK_STR(j.v[0].storage, "nas-nfs");
	CHECK(j.v[0].enabled && j.v[0].select == BACKUP_SELECT_VMIDS &&
		      j.v[0].n_vmids == 3 && !j.v[0].node,
	      "a list");
	CHECK(!j.v[1].enabled && j.v[1].select == BACKUP_SELECT_ALL &&
		      j.v[1].n_vmids == 2 && j.v[1].repeat_missed,
	      "all but two");
	CHECK_STR(j.v[1].comment, "everything: to PBS");
	CHECK_STR(j.v[1].node, "pve1");
	CHECK(j.v[2].cron && j.v[2].enabled && j.v[2].n_vmids == 1 && j.v[2].line == 6,
	      "cron, line %u", j.v[2].line);
	CHECK_STR(j.v[2].id, "vzdump.cron:6");
	CHECK_STR(j.v[2].schedule, "sat 03:00");
	CHECK_STR(j.v[2].mode, "stop");
	CHECK_STR(j.v[2].storage, "local");
	CHECK(!j.v[3].enabled && j.v[3].select == BACKUP_SELECT_ALL, "switched off");
	CHECK_STR(j.v[3].schedule, "04:30");
}

static void a_job_covers_or_says_why_not(void)
{
	static const struct {
		const char *job;
		uint32_t vmid;
		const char *node;
		enum backup_cover cover;
	} cases[] = {
		{ "vmid 100,103", 100, "n1", COVER_YES },
		{ "vmid 103 100;104", 104, "n1", COVER_YES },
		{ "vmid 100,103", 101, "n1", COVER_NOT_SELECTED },
		{ "vmid 100\n\tnode n1", 100, "n1", COVER_YES },
		{ "vmid 100\n\tnode n1", 100, "n2", COVER_OTHER_NODE },
		{ "vmid 100\n\tnode n1\n\tenabled 0", 100, "n2", COVER_OTHER_NODE },
		{ "vmid 100\n\tenabled 0", 100, "n1", COVER_DISABLED },
		{ "vmid 100\n\tenabled no", 100, "n1", COVER_YES },
		{ "all 1", 999999999, "n1", COVER_YES },
		{ "all", 100, "n1", COVER_YES },
		{ "all 1\n\texclude 100,101", 101, "n1", COVER_EXCLUDED },
		{ "all 1\n\texclude 100,101", 102, "n1", COVER_YES },
		{ "exclude 100", 102, "n1", COVER_YES },
		{ "exclude 100", 100, "n1", COVER_EXCLUDED },
		{ "all 0", 100, "n1", COVER_EMPTY },
		{ "mode stop", 100, "n1", COVER_EMPTY },
		{ "vmid 100,x", 100, "n1", COVER_EMPTY },
		{ "vmid 100\n\tall 1", 100, "n1", COVER_EMPTY },
		{ "pool web", 100, "n1", COVER_YES },
		{ "pool web", 101, "n1", COVER_NOT_SELECTED },
		{ "pool web", 105, "n1", COVER_NOT_SELECTED }, /* in web/sub */
		{ "pool web/sub", 105, "n1", COVER_YES },
		{ "pool gone", 100, "n1", COVER_NO_POOL },
		{ "pool web\n\texclude 100", 100, "n1", COVER_YES }, /* not looked at */
	};
	_cleanup_(pools_done) struct pools pools = { 0 };

	pools_of_text("pool:web::100::\npool:web/sub::105::\n", &pools);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(backup_jobs_done) struct backup_jobs j = { 0 };
		_cleanup_free_ char *text = xasprintf(
			"vzdump: j%zu\n\tschedule 01:00\n\t%s\n", i, cases[i].job);
		enum backup_cover got;

		jobs_of(text, &j);
		CHECK_U64(j.n, 1);
		if (!j.n)
			continue;
		got = backup_job_covers(&j.v[0], cases[i].vmid, cases[i].node, &pools);
		CHECK(got == cases[i].cover, "%s, %u: %s", cases[i].job, cases[i].vmid,
		      backup_cover_text(got));
	}
	{
		_cleanup_(backup_jobs_done) struct backup_jobs j = { 0 };

		jobs_of("vzdump: a\n\tschedule x\n\tpool web", &j);
		CHECK(j.n && backup_job_covers(&j.v[0], 100, "n1", NULL) == COVER_NO_POOL,
		      "no pools are known");
	}
}

static void jobs_that_pve_drops(void)
{
	_cleanup_(backup_jobs_done) struct backup_jobs j = { 0 };

	jobs_of("vzdump: a\n\tall 1\n\nVZDUMP: b\n\tschedule x\n\nvzdump: c\n"
		"\tschedule x\n\texclude-path /tmp\n\texclude-path /var\n\tall 1\n\n"
		"realm-sync: c2\n\tschedule y\n",
		&j);
	CHECK_U64(j.n, 1);
	CHECK_STR(j.n ? j.v[0].id : NULL, "c");
	CHECK_U64(j.warns.n, 1); /* a: no schedule; exclude-path may be repeated */
	backup_jobs_done(&j);
	jobs_of("vzdump: a\n\tschedule x\n\nnewer: a\n\nvzdump: b\n\tschedule x\n\n"
		"realm-sync: b\n",
		&j);
	CHECK(j.n == 1 && str_eq(j.v[0].id, "a"),
	      "a type PVE knows replaces, others not");
	backup_jobs_done(&j);
	jobs_of("", &j);
	CHECK(!j.n && !j.warns.n, "empty");
}

static void cron_lines(void)
{
	static const struct {
		const char *line, *schedule;
		enum backup_select select;
		size_t vmids;
		bool enabled;
	} cases[] = {
		{ "0 3 * * * root vzdump 101 102", "03:00", BACKUP_SELECT_VMIDS, 2,
		  true },
		{ "0 3 * * mon-fri root vzdump --all", "mon,tue,wed,thu,fri 03:00",
		  BACKUP_SELECT_ALL, 0, true },
		{ "59 23 * * 0,7,SAT root vzdump --all 1 --exclude 101,102",
		  "sat,sun 23:59", BACKUP_SELECT_ALL, 2, true },
		{ "0 3 * * 1 root /usr/sbin/vzdump 101", "mon 03:00", BACKUP_SELECT_VMIDS,
		  1, true },
		{ "0 3 * * 1 root #vzdump --quiet 101 --pool=a", "mon 03:00",
		  BACKUP_SELECT_POOL, 0, false },
		{ "0 3 * * 1 root vzdump --mailto 'a b' \"101\" --mode=stop 102",
		  "mon 03:00", BACKUP_SELECT_VMIDS, 2, true },
		{ "0 3 * * 1 root vzdump", "mon 03:00", BACKUP_SELECT_NONE, 0, true },
		{ "0 3 * * 1 root vzdump --exclude 104", "mon 03:00", BACKUP_SELECT_ALL,
		  1, true },
		{ "*/5 3 * * 1 root vzdump 101", NULL, BACKUP_SELECT_NONE, 0, false },
		{ "0 24 * * 1 root vzdump 101", NULL, BACKUP_SELECT_NONE, 0, false },
		{ "0 3 1 * 1 root vzdump 101", NULL, BACKUP_SELECT_NONE, 0, false },
		{ "0 3 * * 8 root vzdump 101", NULL, BACKUP_SELECT_NONE, 0, false },
		{ "0 3 * * 1 www vzdump 101", NULL, BACKUP_SELECT_NONE, 0, false },
		{ "0 3 * * 1 root tar 101", NULL, BACKUP_SELECT_NONE, 0, false },
		{ "0 3 * * 1 root vzdump 101 1x", NULL, BACKUP_SELECT_NONE, 0, false },
		{ "0 3 * *", NULL, BACKUP_SELECT_NONE, 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(backup_jobs_done) struct backup_jobs j = { 0 };

		cron_of(cases[i].line, &j);
		CHECK(j.n == (cases[i].schedule ? 1 : 0), "%s: %zu", cases[i].line, j.n);
		CHECK(j.warns.n == (cases[i].schedule ? 0 : 1), "%s: %zu warnings",
		      cases[i].line, j.warns.n);
		if (!j.n)
			continue;
		CHECK_STR(j.v[0].schedule, cases[i].schedule);
		CHECK(j.v[0].select == cases[i].select, "%s: %d", cases[i].line,
		      j.v[0].select);
		CHECK(j.v[0].n_vmids == cases[i].vmids, "%s: %zu", cases[i].line,
		      j.v[0].n_vmids);
		CHECK(j.v[0].enabled == cases[i].enabled, "%s", cases[i].line);
	}
	{
		_cleanup_(backup_jobs_done) struct backup_jobs j = { 0 };

		cron_of("\r\nPATH=x\r\n#c\r\n0 3 * * 1 root vzdump 101 --mode stop\r\n",
			&j);
		CHECK(j.n == 1 && j.v[0].line == 4 && !j.warns.n, "CR LF");
		CHECK_STR(j.n ? j.v[0].mode : NULL, "stop");
	}
}

static void states_of_jobs(void)
{
	static const char run[] =
		"{\"state\":\"stopped\",\"upid\":\"UPID:x\",\"msg\":\"OK\","
		"\"time\":\"1755054003\",\"config\":{}}";
	_cleanup_close_ int root = fixture_open("hosts/pve1");
	struct job_state s = { 0 };
	struct err err = { 0 };

	CHECK(job_state_parse(run, strlen(run), &s, &err) == 0, "%s", err.msg);
	CHECK_STR(s.state, "stopped");
	CHECK_STR(s.msg, "OK");
	CHECK(val_or(s.time_sec, 0) == 1755054003, "time");
	CHECK(s.updated_sec.kind == VAL_ABSENT, "updated");
	job_state_done(&s);
	CHECK(job_state_parse(NULL, 0, &s, &err) == 0, "%s", err.msg);
	CHECK_STR(s.state, "created");
	job_state_done(&s);
	CHECK(job_state_parse("{", 1, &s, &err) == -EBADMSG, "cut off");
	CHECK(job_state_parse("1", 1, &s, &err) == -EBADMSG, "a number");
	CHECK(job_state_read(root, "not-run", &s, &err) == -ENOENT, "%s", err.msg);
	CHECK(job_state_read(root, "../x", &s, &err) == -EINVAL, "%s", err.msg);
	CHECK(job_state_read(root, "", &s, &err) == -EINVAL, "%s", err.msg);
}

static void replication_of_the_sample(void)
{
	_cleanup_(buf_done) struct buf b = slurp("hosts/pve1", "etc/pve/replication.cfg");
	_cleanup_(replication_jobs_done) struct replication_jobs j = { 0 };
	_cleanup_(replication_states_done) struct replication_states s = { 0 };
	_cleanup_close_ int root = fixture_open("hosts/pve1");
	const struct replication_state *st;
	struct err err = { 0 };

	CHECK(replication_parse(b.p, b.n, &j, &err) == 0, "%s", err.msg);
	CHECK_U64(j.n, 2);
	if (j.n == 2) {
		CHECK_STR(j.v[0].id, "100-0");
		CHECK_STR(j.v[0].target, "pve2");
		CHECK_STR(j.v[0].rate, "50");
		CHECK(!j.v[0].disabled && j.v[1].disabled, "disable");
		CHECK_STR(j.v[1].comment, "weekly: only");
		CHECK_STR(j.v[1].schedule, "sat 03:00");
	}
	CHECK(replication_state_read(root, &s, &err) == 0, "%s", err.msg);
	CHECK_U64(s.n, 2);
	st = replication_state_find(&s, 100, "pve2");
	CHECK(st && val_or(st->last_sync_sec, 0) == 1755053100, "last_sync");
	CHECK(st && val_or(st->duration_usec, 0) == 3412345, "duration");
	CHECK(st && !st->error && val_or(st->fail_count, 9) == 0, "no error");
	CHECK(st && st->pid.kind == VAL_ABSENT, "not running");
	CHECK(st && st->n_storages == 1, "storages");
	st = replication_state_find(&s, 118, "pve3");
	CHECK_STR(st ? st->error : NULL, "no tunnel IP received");
	CHECK(!replication_state_find(&s, 118, "pve2"), "no such target");
}

static void odd_replication(void)
{
	static const char text[] =
		"LOCAL: 0100-01\n\ttarget a\n\nlocal: 99-0\n\ttarget a\n\n"
		"local: x-1\n\nlocal: 101-0\n\ntunnel: 102-0\n\n"
		"local: 103-0\n\ttarget a b\n\nlocal: 104-4294967296\n\n";
	static const char state[] =
		"{\"x\":{},\"100\":[],\"101\":{\"local\":{},\"local/\":{},"
		"\"local/n\":7}}";
	_cleanup_(replication_jobs_done) struct replication_jobs j = { 0 };
	_cleanup_(replication_states_done) struct replication_states s = { 0 };
	static const char loose[] = "local: 102\nlocal: 103-0\n\ttarget n2";
	_cleanup_close_ int root = fixture_open("hosts/empty");
	struct err err = { 0 };

	CHECK(replication_parse(text, strlen(text), &j, &err) == 0, "%s", err.msg);
	CHECK_U64(j.n, 1);
	CHECK_STR(j.n ? j.v[0].id : NULL, "100-1");
	CHECK_STR(j.n ? j.v[0].schedule : NULL, "*/15");
	CHECK(j.warns.n == 7, "%zu", j.warns.n);
	CHECK(replication_state_parse(state, strlen(state), &s, &err) == 0, "%s",
	      err.msg);
	replication_jobs_done(&j);
	CHECK(replication_parse(loose, strlen(loose), &j, &err) == 0, "%s", err.msg);
	CHECK(j.n == 1 && j.v[0].vmid == 103, "what is no header opens no section");
	CHECK(s.n == 1 && s.v[0].vmid == 101 && s.v[0].last_sync_sec.kind == VAL_ABSENT,
	      "%zu", s.n);
	CHECK(replication_state_parse("{\"100\":", 7, &s, &err) == -EBADMSG, "cut off");
	CHECK(replication_state_read(root, &s, &err) == -ENOENT, "%s", err.msg);
}

static void what_a_job_leaves_open_is_of_vzdump_conf(void)
{
	static const struct {
		const char *text, *mode, *storage, *dumpdir;
	} cases[] = {
		{ "", "snapshot", "local", NULL },
		{ "# mode: stop\n\n#storage: x1", "snapshot", "local", NULL },
		{ "mode: stop\nstorage: nfs\n", "stop", "nfs", NULL },
		{ "mode:suspend\r\ndumpdir:  /srv/a b \r\n", "suspend", NULL,
		  "/srv/a b" },
		{ "dumpdir: /srv\nstorage: nfs", "snapshot", "nfs", NULL },
		{ "mode: stop\nmode: suspend", "suspend", "local", NULL },
		{ "mode: stop\nmode: never", "snapshot", "local", NULL },
		{ "  mode: stop\nmode : suspend\nstorage: -\n", "stop", "local", NULL },
		{ "storage:\ndumpdir:\nmode", "snapshot", "local", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(backup_defaults_done) struct backup_defaults d = { 0 };

		vzdumpconf_parse(span_str(cases[i].text), &d);
		CHECK_STR(d.mode, cases[i].mode);
		CHECK(str_eq(d.storage, cases[i].storage), "%zu: %s", i,
		      d.storage ? d.storage : "none");
		CHECK(str_eq(d.dumpdir, cases[i].dumpdir), "%zu: %s", i,
		      d.dumpdir ? d.dumpdir : "none");
	}
}

static void jobs_are_completed_but_not_contradicted(void)
{
	_cleanup_(backup_jobs_done) struct backup_jobs j = { 0 };
	_cleanup_(backup_defaults_done) struct backup_defaults d = { 0 };
	struct err err = { 0 };
	const char *text = "vzdump: a\n\tschedule 1:00\n\tall 1\n\n"
			   "vzdump: b\n\tschedule 1:00\n\tall 1\n\tdumpdir /d\n\n"
			   "vzdump: c\n\tschedule 1:00\n\tall 1\n\tstorage s1\n"
			   "\tmode stop\n\n";

	vzdumpconf_parse(span_str("mode: suspend\nstorage: nfs\n"), &d);
	CHECK(jobs_parse(text, strlen(text), &j, &err) == 0 && j.n == 3, "%s", err.msg);
	CHECK(!j.v[0].mode && !j.v[0].storage, "not said");
	backup_jobs_complete(&j, &d);
	CHECK_STR(j.v[0].mode, "suspend");
	CHECK_STR(j.v[0].storage, "nfs");
	CHECK(!j.v[1].storage, "%s", j.v[1].storage ? j.v[1].storage : "");
	CHECK_STR(j.v[1].dumpdir, "/d");
	CHECK_STR(j.v[2].storage, "s1");
	CHECK_STR(j.v[2].mode, "stop");
}

int main(void)
{
	RUN(jobs_of_both_files_of_the_sample);
	RUN(a_job_covers_or_says_why_not);
	RUN(jobs_that_pve_drops);
	RUN(cron_lines);
	RUN(states_of_jobs);
	RUN(replication_of_the_sample);
	RUN(odd_replication);
	RUN(what_a_job_leaves_open_is_of_vzdump_conf);
	RUN(jobs_are_completed_but_not_contradicted);
	return DONE();
}
