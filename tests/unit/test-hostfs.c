/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/hostfs.h"

#include <sys/statvfs.h>

#include "test.h"

static int open_root(void)
{
	int fd = -1;
	struct err err = { 0 };

	CHECK(fs_open_root("/", &fd, &err) == 0, "%s", err.msg);
	return fd;
}

static void each_directory_has_its_own_answer(void)
{
	_cleanup_close_ int root = open_root();
	struct hostfs v[] = { { .path = "/proc", .may_hang = true },
			      { .path = "/no/such/directory" },
			      { .path = "/" },
			      { .path = "//dev/shm" } };
	struct statvfs want;

	hostfs_read(root, v, ARRAY_SIZE(v));
	CHECK(statvfs("/", &want) == 0, "statvfs");
	CHECK(v[2].ok && !v[2].stale, "/: %d", v[2].error);
	CHECK_U64(v[2].count.total_bytes, want.f_blocks * want.f_frsize);
	CHECK_U64(v[2].count.files, want.f_files);
	CHECK(v[1].error == -ENOENT && !v[1].ok && !v[1].stale, "%d", v[1].error);
	CHECK(v[0].ok && v[0].count.total_bytes == 0, "/proc: %d", v[0].error);
	CHECK(v[3].ok, "/dev/shm: %d", v[3].error);
}

/* Longer than one answer may take, by many times. */
static void many_answers_take_their_time(void)
{
	static const size_t n = 200000;
	_cleanup_close_ int root = open_root();
	struct hostfs *v = calloc(n, sizeof(*v));
	size_t ok = 0;

	for (size_t i = 0; i < n; i++)
		v[i].path = "/";
	hostfs_read(root, v, n);
	for (size_t i = 0; i < n; i++)
		ok += v[i].ok;
	CHECK_U64(ok, n);
	free(v);
}

static void what_may_hang_is_not_waited_for(void)
{
	_cleanup_close_ int root = open_root();
	struct hostfs v[40] = { { .path = "/" } };
	struct hostfs_job job = { 0 };

	hostfs_step(&job);
	for (size_t i = 1; i < ARRAY_SIZE(v); i++)
		v[i] = (struct hostfs){ .path = i % 2 ? "/" : "/no/such/directory",
					.may_hang = true,
					.mnt_id = UINT32_MAX - (uint32_t)i / 2 };
	hostfs_start(root, v, ARRAY_SIZE(v), &job);
	CHECK(job.n == ARRAY_SIZE(v) && !hostfs_is_answered(&v[0]), "before");
	hostfs_wait_safe(&job);
	CHECK(hostfs_is_answered(&v[0]) && v[0].ok == (v[0].error == 0), "%d",
	      v[0].error);
	hostfs_wait(&job);
	/* none is of such a mount */
	for (size_t i = 2; i < ARRAY_SIZE(v); i++)
		CHECK(v[i].error == (i % 2 ? -EXDEV : -ENOENT), "%zu: %d", i, v[i].error);
	hostfs_done(&job);
	hostfs_step(&job);
}

static void nothing_is_asked_of_nothing(void)
{
	_cleanup_close_ int root = open_root();

	hostfs_read(root, NULL, 0);
}

int main(void)
{
	RUN(each_directory_has_its_own_answer);
	RUN(many_answers_take_their_time);
	RUN(what_may_hang_is_not_waited_for);
	RUN(nothing_is_asked_of_nothing);
	return DONE();
}
