/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/backups.h"

#include <sched.h>
#include <sys/mount.h>
#include <time.h>

#include "base/clock.h"
#include "read/tasklog.h"
#include "test.h"
#include "tree.h"

#define SEC ((uint64_t)1000000)

static struct backup_archive a;

static bool parse(const char *name)
{
	backup_archive_done(&a);
	return backupname_parse(span_str(name), &a) == 0;
}

static void a_strict_name_has_guest_and_time(void)
{
	CHECK(parse("vzdump-lxc-101-2025_08_13-05_00_03.tar.zst"), "refused");
	CHECK(a.standard && a.kind == BACKUP_LXC && !a.writing, "kind %d", a.kind);
	CHECK_U64(a.vmid, 101);
	CHECK_U64(a.ctime_real_usec, 1755061203 * SEC);
	CHECK_STR(a.format, "tar.zst");
	CHECK(parse("vzdump-openvz-999999999-1999_12_31-23_59_59.tgz") && a.standard,
	      "openvz");
	CHECK_U64(a.vmid, 999999999);
	CHECK(parse("vzdump-qemu-200-2025_08_13-05_00_03.vma") && a.kind == BACKUP_QEMU,
	      "qemu");
	CHECK(parse("vzdump-lxc-101-2025_08_13-05_00_03.tar"), "not compressed");
	CHECK_STR(a.format, "tar");
}

static void other_names_are_archives_of_nobody(void)
{
	static const char *const names[] = {
		"vzdump-lxc-before-upgrade.tar.zst",
		"vzdump-lxc-101-2025_08_13-05_00_03-kept.tar.gz",
		"vzdump-lxc-101-2025_13_13-05_00_03.tar.gz",
		"vzdump-lxc-99-2025_08_13-05_00_03.tar.gz",
		"vzdump-lxc-0101-2025_08_13-05_00_03.tar.gz",
		"vzdump-lxc-1000000000-2025_08_13-05_00_03.tar.gz",
		"vzdump-lxc-101-2025_8_13-05_00_03.tar.gz",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CHECK(parse(names[i]), "refused: %s", names[i]);
		CHECK(!a.standard && !a.vmid && !a.ctime_real_usec, "standard: %s",
		      names[i]);
	}
}

static void what_is_being_written_is_told(void)
{
	CHECK(parse("vzdump-lxc-101-2025_08_13-05_00_03.tar.dat") && a.writing,
	      "tar.dat");
	CHECK(parse("vzdump-lxc-101-2025_08_13-05_00_03.dat") && a.writing, "dat");
	CHECK(!a.format, "%s", a.format);
	CHECK(!parse("vzdump-lxc-mine.dat"), "any .dat");
}

static void companions_are_no_archives(void)
{
	static const char *const names[] = {
		"",
		"vzdump-lxc-",
		"vzdump-lxc-.tar",
		"vzdump-lxc-101-2025_08_13-05_00_03.log",
		"vzdump-lxc-101-2025_08_13-05_00_03.tar.zst.notes",
		"vzdump-lxc-101-2025_08_13-05_00_03.tar.zst.protected",
		"vzdump-lxc-101-2025_08_13-05_00_03.tmp",
		"xvzdump-lxc-101.tar",
		"vzdump-lxc-101-2025_08_13-05_00_03.tar.xz",
		"vzdump-lxc-x.tarzst",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		CHECK(!parse(names[i]), "taken: %s", names[i]);
	CHECK(backupname_parse(span_of("vzdump-lxc-a\0b.tar", 18), &a) == -EINVAL, "NUL");
	backup_archive_done(&a);
}

static struct tree storage(void)
{
	struct tree t = tree_new();

	mkdirat(t.fd, "mnt", 0700);
	mkdirat(t.fd, "mnt/nas", 0700);
	mkdirat(t.fd, "mnt/nas/dump", 0700);
	return t;
}

#define DUMP "mnt/nas/dump/"
static const struct backup_place nas = { "nas", "nfs", "/mnt/nas", "/mnt/nas/dump" };

static void archives_have_notes_protection_and_size(void)
{
	_cleanup_(tree_done) struct tree t = storage();
	_cleanup_(backup_archives_done) struct backup_archives got = { 0 }, all = { 0 };
	struct err err = { 0 };

	put(&t, DUMP "vzdump-lxc-101-2025_08_13-05_00_03.tar.zst", "12345", false);
	put(&t, DUMP "vzdump-lxc-101-2025_08_13-05_00_03.tar.zst.notes", "of\033 mine",
	    false);
	put(&t, DUMP "vzdump-lxc-101-2025_08_13-05_00_03.tar.zst.protected", "", false);
	put(&t, DUMP "vzdump-lxc-101-2025_08_13-05_00_03.log", "x", false);
	put(&t, DUMP "vzdump-lxc-101-2025_08_14-05_00_03.tar.dat", "1", false);
	put(&t, DUMP "vzdump-lxc-101-2025_08_12-05_00_03.tar", "", false);
	put(&t, DUMP "vzdump-lxc-1010-2025_08_13-05_00_03.tar.zst", "1", false);
	put(&t, DUMP "vzdump-lxc-mine.tar", "1", false);
	put(&t, DUMP "vzdump-qemu-200-2025_08_13-05_00_03.vma", "1", false);
	mkdirat(t.fd, DUMP "vzdump-lxc-101-2025_08_11-05_00_03.tar", 0700);
	CHECK(backup_archives_read(t.fd, &nas, 1, 101, &got, &err) == 0, "%s", err.msg);
	CHECK(!got.storages[0].error, "%s", got.storages[0].error);
	CHECK_U64(got.n, 3);
	if (got.n != 3)
		return;
	CHECK(got.v[0].writing, "%s", got.v[0].file);
	CHECK(got.v[1].is_protected && got.v[1].has_log, "%s", got.v[1].file);
	CHECK_U64(got.v[1].size_bytes.n, 5);
	CHECK(got.v[1].notes_n == 8 && !memcmp(got.v[1].notes, "of\033 mine", 8),
	      "notes");
	CHECK(!got.v[2].is_protected && !got.v[2].has_log && !got.v[2].notes, "%s",
	      got.v[2].file);
	CHECK(backup_archives_read(t.fd, &nas, 1, 0, &all, &err) == 0, "%s", err.msg);
	CHECK_U64(all.n, 5); /* and 1010, and the one with a name of its own */
}

static void a_storage_that_is_not_there_is_said(void)
{
	_cleanup_(tree_done) struct tree t = storage();
	_cleanup_(backup_archives_done) struct backup_archives got = { 0 };
	const struct backup_place places[] = {
		{ "gone", "nfs", "/mnt/gone", "/mnt/gone/dump" },
		{ "new", "dir", "/mnt/nas", "/mnt/nas/other" },
		{ "pbs", "pbs", NULL, NULL },
		nas,
	};
	struct err err = { 0 };

	put(&t, DUMP "vzdump-lxc-101-2025_08_13-05_00_03.tar.zst", "12345", false);
	CHECK(backup_archives_read(t.fd, places, 4, 0, &got, &err) == 0, "%s", err.msg);
	CHECK_STR(got.storages[0].error,
		  "storage gone: there is no /mnt/gone (is it mounted?)");
	CHECK(!got.storages[1].error, "%s", got.storages[1].error);
	CHECK(!got.storages[2].error && !got.storages[2].dir, "pbs");
	CHECK_U64(got.n, 1);
	CHECK_STR(got.v[0].storage, "nas");
}

/* A file system whose server never answers, in a mount namespace of this program. */
static int mount_hanging(const struct tree *t)
{
	char path[300], opts[80];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/mnt/hangs", t->path);
	mkdirat(t->fd, "mnt/hangs", 0700);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	return mount("hangs", path, "fuse", 0, opts) < 0 ? -1 : fd;
}

static void a_storage_that_hangs_does_not_hang_us(void)
{
	_cleanup_(tree_done) struct tree t = storage();
	_cleanup_(backup_archives_done) struct backup_archives got = { 0 };
	_cleanup_close_ int fuse = mount_hanging(&t);
	_cleanup_close_ int root = -1;
	const struct backup_place places[] = {
		{ "h1", "nfs", "/mnt/hangs", "/mnt/hangs/dump" },
		{ "h2", "nfs", "/mnt/hangs", "/mnt/hangs/dump" },
		{ "h3", "nfs", "/mnt/hangs", "/mnt/hangs/dump" },
		{ "h4", "nfs", "/mnt/hangs", "/mnt/hangs/dump" },
		{ "h5", "nfs", "/mnt/hangs", "/mnt/hangs/dump" },
		{ "h6", "nfs", "/mnt/hangs", "/mnt/hangs/dump" },
		nas,
	};
	uint64_t start = clock_mono_usec(), took;
	struct err err = { 0 };
	char path[300];

	if (fuse < 0) {
		printf("# skipped: cannot mount here\n");
		return;
	}
	/* the descriptor of before is of the old namespace */
	CHECK(fs_open_root(t.path, &root, &err) == 0, "%s", err.msg);
	put(&t, DUMP "vzdump-lxc-101-2025_08_13-05_00_03.tar.zst", "12345", false);
	CHECK(backup_archives_read(root, places, ARRAY_SIZE(places), 0, &got, &err) == 0,
	      "%s", err.msg);
	took = clock_mono_usec() - start;
	CHECK_STR(got.storages[0].error, "storage h1 does not answer");
	CHECK_STR(got.storages[1].error, "storage h2 does not answer");
	CHECK_U64(got.n, 1);
	/* all at once, not one after the other */
	CHECK(took >= 2 * SEC && took < 10 * SEC, "%ju usec", (uintmax_t)took);
	/* without its server the file system is gone, and who waits for it too */
	close(fuse);
	fuse = -1;
	snprintf(path, sizeof(path), "%s/mnt/hangs", t.path);
	umount2(path, MNT_DETACH);
}

static struct backup_results results(const char *upid, enum task_state state,
				     const char *status, const char *log)
{
	struct backup_results r = { 0 };
	struct task t = { .state = state, .end_real_usec = val_set(2000000000 * SEC) };

	CHECK(upid_parse(span_str(upid), &t.upid) == 0, "%s", upid);
	t.status = status ? xstrdup(status) : NULL;
	backuplog_parse(&t, span_str(log), &r);
	task_done(&t);
	return r;
}

#define ONE  "UPID:pve1:00000001:00000002:689BFFB3:vzdump:101:root@pam:"
#define MANY "UPID:pve1:00000001:00000002:689BFFB3:vzdump::root@pam:"

static void a_job_of_several_has_a_result_for_each(void)
{
	_cleanup_(backup_results_done) struct backup_results r = results(
		MANY, TASK_ERROR, "job errors",
		"INFO: starting new backup job: vzdump 101 200 102 103 --storage 'nas' --mode x\n"
		"INFO: Starting Backup of VM 101 (lxc)\n"
		"INFO: Backup started at 2025-08-13 05:00:03\n"
		"INFO: backup mode: snapshot\n"
		"INFO: creating vzdump archive '/mnt/nas/dump/a.tar.zst'\n"
		"INFO: archive file size: 1.87GB\n"
		"INFO: Finished Backup of VM 101 (00:03:40)\n"
		"INFO: Backup finished at 2025-08-13 05:03:43\n"
		"INFO: Starting Backup of VM 200 (qemu)\n"
		"INFO: Backup started at 2025-08-13 05:03:43\n"
		"ERROR: Backup of VM 200 failed - nope\n"
		"INFO: Failed at 2025-08-13 05:03:50\n"
		"INFO: Starting Backup of VM 102 (lxc)\n"
		"INFO: Backup started at 2025-08-13 05:03:50\n"
		"ERROR: Backup of VM 102 failed - CT is locked (disk)\n"
		"INFO: Failed at 2025-08-13 05:03:51\n"
		"ERROR: Backup of VM 103 failed - unable to find VM '103'\n"
		"INFO: Failed at 2025-08-13 05:03:52\n"
		"INFO: Backup job finished with errors\n"
		"\nTASK ERROR: job errors\n");

	CHECK_U64(r.n, 3);
	if (r.n != 3)
		return;
	CHECK(r.v[0].vmid == 101 && r.v[0].outcome == BACKUP_ENDED_OK, "%d",
	      r.v[0].outcome);
	CHECK_STR(r.v[0].storage, "nas");
	CHECK_STR(r.v[0].target, "/mnt/nas/dump/a.tar.zst");
	CHECK_STR(r.v[0].mode, "snapshot");
	CHECK_U64(r.v[0].duration_sec.n, 220);
	CHECK_U64(r.v[0].start_real_usec, 1755061203 * SEC);
	CHECK_U64(r.v[0].end_real_usec.n, 1755061423 * SEC);
	CHECK(r.v[1].vmid == 102 && r.v[1].outcome == BACKUP_FAILED, "%u", r.v[1].vmid);
	CHECK_STR(r.v[1].error, "CT is locked (disk)");
	CHECK_U64(r.v[1].end_real_usec.n, 1755061431 * SEC);
	CHECK(r.v[2].vmid == 103, "%u", r.v[2].vmid);
	CHECK_STR(r.v[2].error, "unable to find VM '103'");
	CHECK_U64(r.v[2].start_real_usec, 1755061431 * SEC);
}

static void a_backup_server_is_named_by_the_log_only(void)
{
	_cleanup_(backup_results_done) struct backup_results r = results(
		ONE, TASK_OK, "OK",
		"INFO: starting new backup job: vzdump 101 --storage pbs1\n"
		"INFO: Starting Backup of VM 101 (lxc)\n"
		"INFO: creating Proxmox Backup Server archive 'ct/101/2025-08-13T03:00:03Z'\n"
		"INFO: Finished Backup of VM 101 (101:00:09)\nTASK OK");

	CHECK_U64(r.n, 1);
	CHECK_STR(r.v[0].target, "ct/101/2025-08-13T03:00:03Z");
	CHECK_STR(r.v[0].storage, "pbs1");
	CHECK_U64(r.v[0].duration_sec.n, 101 * 3600 + 9);
	CHECK_U64(r.v[0].start_real_usec, 0x689bffb3 * SEC);
}

static const char half[] = "INFO: starting new backup job: vzdump 101 --storage nas\n"
			   "INFO: Starting Backup of VM 101 (lxc)\n"
			   "INFO: Backup started at 2025-08-13 05:00:03\n"
			   "INFO: create storage snap";

static void a_log_that_stops_is_running_or_broken_off(void)
{
	_cleanup_(backup_results_done) struct backup_results run =
		results(ONE, TASK_RUNNING, NULL, half);
	_cleanup_(backup_results_done) struct backup_results dead =
		results(ONE, TASK_UNEXPECTED, "unexpected status", half);

	CHECK(run.n == 1 && run.v[0].outcome == BACKUP_RUNNING, "%zu", run.n);
	CHECK(dead.n == 1 && dead.v[0].outcome == BACKUP_BROKEN_OFF, "%zu", dead.n);
	CHECK_STR(dead.v[0].error, "unexpected status");
	CHECK_U64(dead.v[0].end_real_usec.n, 2000000000 * SEC);
}

static void a_job_that_fails_before_its_guests_fails_for_each(void)
{
	static const char err[] = "could not activate storage 'nas': not online";
	_cleanup_(backup_results_done) struct backup_results one =
		results(ONE, TASK_ERROR, err, "\nTASK ERROR: x\n");
	_cleanup_(backup_results_done) struct backup_results two = results(
		MANY, TASK_ERROR, err,
		"INFO: starting new backup job: vzdump 101 102 --mode 7\nTASK ERROR: x\n");
	_cleanup_(backup_results_done) struct backup_results all = results(
		MANY, TASK_ERROR, err, "INFO: starting new backup job: vzdump --all 1\n");
	_cleanup_(backup_results_done) struct backup_results ok =
		results(MANY, TASK_OK, "OK", "INFO: nothing to do\nTASK OK\n");

	CHECK(one.n == 1 && one.v[0].vmid == 101 && one.v[0].outcome == BACKUP_FAILED,
	      "%zu", one.n);
	CHECK_STR(one.v[0].error, err);
	CHECK(two.n == 2 && two.v[1].vmid == 102, "%zu", two.n);
	CHECK(all.n == 1 && all.v[0].vmid == 0, "%zu", all.n);
	CHECK_U64(ok.n, 0);
}

static void results_of_a_recorded_node(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pve1");
	_cleanup_(backup_results_done) struct backup_results r = { 0 };
	_cleanup_(upid_done) struct upid u = { 0 };
	struct err err = { 0 };

	CHECK(backup_results_read(root, 109, &r, &err) == 0, "%s", err.msg);
	/* the one that was killed, the job of which only "job errors" is left, the good
	 * one
	 */
	CHECK(r.n >= 2, "%zu", r.n);
	CHECK(r.v[0].outcome == BACKUP_BROKEN_OFF, "%d", r.v[0].outcome);
	CHECK(r.v[r.n - 1].outcome == BACKUP_ENDED_OK, "%d", r.v[r.n - 1].outcome);
	CHECK(backup_running(root, &u, &err) == 0, "running");
}

static void what_runs_is_what_has_its_process(void)
{
	_cleanup_(tree_done) struct tree t = storage();
	_cleanup_(upid_done) struct upid u = { 0 };
	struct err err = { 0 };

	CHECK(backup_running(t.fd, &u, &err) == 0, "no file");
	mkdirat(t.fd, "run", 0700);
	put(&t, "run/vzdump.pid", ONE "\n", false);
	CHECK(backup_running(t.fd, &u, &err) == 0, "no process");
	mkdirat(t.fd, "proc/1", 0700);
	put(&t, "proc/1/stat",
	    "1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 2 20 21 22 23 24\n",
	    false);
	CHECK(backup_running(t.fd, &u, &err) == 1, "%s", err.msg);
	CHECK_STR(u.text, ONE);
	put(&t, "run/vzdump.pid", "rubbish", false);
	CHECK(backup_running(t.fd, &(struct upid){ 0 }, &err) == 0, "rubbish");
}

static void a_summary_joins_archives_and_logs(void)
{
	struct backup_archive archives[] = {
		{ .vmid = 101, .ctime_real_usec = 900, .writing = true },
		{ .vmid = 101, .ctime_real_usec = 500, .size_bytes = val_set(7) },
		{ .vmid = 101,
		  .ctime_real_usec = 400,
		  .size_bytes = val_set(3),
		  .is_protected = true },
		{ .vmid = 1010, .ctime_real_usec = 800 },
	};
	struct backup_result res[] = {
		{ .vmid = 101, .start_real_usec = 600, .outcome = BACKUP_FAILED },
		{ .vmid = 101, .start_real_usec = 501, .outcome = BACKUP_ENDED_OK },
		{ .vmid = 101, .start_real_usec = 450, .outcome = BACKUP_BROKEN_OFF },
		{ .vmid = 1010, .start_real_usec = 700, .outcome = BACKUP_FAILED },
	};
	struct backup_archives as = { .v = archives, .n = 4 };
	struct backup_results rs = { .v = res, .n = 4 };
	struct backup_summary s;

	backup_summarize(101, &as, &rs, &s);
	CHECK(s.archive == &archives[1] && s.success == &res[1] && s.failure == &res[0],
	      "wrong ones");
	CHECK(s.n_archives == 2 && s.n_protected == 1 && s.archives_bytes == 10, "%zu",
	      s.n_archives);
	CHECK(s.last == &archives[1], "the log is of that archive");
	CHECK_U64(s.last_real_usec.n, 500);
	backup_summarize(1010, &as, &rs, &s);
	CHECK(!s.failure && s.archive == &archives[3], "a later archive made it good");
	backup_summarize(10, &as, &rs, &s);
	CHECK(!s.archive && !s.failure && s.last_real_usec.kind == VAL_ABSENT, "10");
}

/* One archive and one success: are they one backup? */
static bool same_backup(const char *target, const char *storage, uint64_t archive_sec,
			uint64_t log_sec)
{
	struct backup_archive one = {
		.vmid = 101,
		.storage = xstrdup("local"),
		.file = xstrdup("vzdump-lxc-101-x.tar.zst"),
		.ctime_real_usec = archive_sec * USEC_PER_SEC,
	};
	struct backup_result r = {
		.vmid = 101,
		.target = target ? xstrdup(target) : NULL,
		.storage = storage ? xstrdup(storage) : NULL,
		.start_real_usec = log_sec * USEC_PER_SEC,
	};
	struct backup_archives as = { .v = &one, .n = 1 };
	struct backup_results rs = { .v = &r, .n = 1 };
	struct backup_summary s;

	backup_summarize(101, &as, &rs, &s);
	CHECK_U64(s.last_real_usec.n, s.last ? one.ctime_real_usec : r.start_real_usec);
	backup_archive_done(&one);
	backup_result_done(&r);
	return s.last != NULL;
}

static void an_archive_is_found_by_name_or_by_time(void)
{
	const char *file = "/var/lib/vz/dump/vzdump-lxc-101-x.tar.zst";

	CHECK(same_backup(NULL, NULL, 1000, 1001), "a second later");
	CHECK(same_backup(NULL, NULL, 1001, 1000), "a second before");
	CHECK(same_backup(NULL, "local", 1000, 1005), "five, of that storage");
	CHECK(!same_backup(NULL, NULL, 1000, 1006), "six");
	CHECK(!same_backup(NULL, "pbs", 1000, 1001), "of another storage");
	CHECK(same_backup(file, NULL, 1000, 1001), "named");
	/* an hour of daylight saving: the name's time is one of two */
	CHECK(same_backup(file, "local", 1000, 4600), "named, whatever the times");
	CHECK(!same_backup("/var/lib/vz/dump/vzdump-lxc-101-y.tar.zst", NULL, 1000, 1001),
	      "another is named");
	CHECK(!same_backup("ct/101/2026-11-20T00:00:00Z", NULL, 1000, 1001),
	      "on a backup server");
	CHECK(same_backup(NULL, NULL, 9000, 1000),
	      "a newer archive that no log tells of");
}

int main(void)
{
	RUN(a_strict_name_has_guest_and_time);
	RUN(other_names_are_archives_of_nobody);
	RUN(what_is_being_written_is_told);
	RUN(companions_are_no_archives);
	RUN(archives_have_notes_protection_and_size);
	RUN(a_storage_that_is_not_there_is_said);
	RUN(a_storage_that_hangs_does_not_hang_us);
	RUN(a_job_of_several_has_a_result_for_each);
	RUN(a_backup_server_is_named_by_the_log_only);
	RUN(a_log_that_stops_is_running_or_broken_off);
	RUN(a_job_that_fails_before_its_guests_fails_for_each);
	RUN(results_of_a_recorded_node);
	RUN(what_runs_is_what_has_its_process);
	RUN(a_summary_joins_archives_and_logs);
	RUN(an_archive_is_found_by_name_or_by_time);
	return DONE();
}
