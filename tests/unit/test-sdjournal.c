/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's journal files as guest-read walks them, here without its sandbox. */
#include "guest/sdjournal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "config.h"
#include "test.h"

#define T0 UINT64_C(1795144350000000) /* of tests/fixtures/journal/make-guest */

/* The file unpacked into a descriptor of its own; a name of it has to be there. */
static int unpacked(const char *name)
{
	const char *base = getenv("CTSCOPE_FIXTURES");
	char path[] = "/tmp/ctscope-test-XXXXXX";
	_cleanup_free_ char *file = xasprintf("%s/journal/%s.journal.xz", base, name);
	int fd = mkstemp(path), status;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(fd, 1);
		execlp("xz", "xz", "-dc", file, (char *)NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0, "%s: %d", name, status);
	(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static void gone(int fd)
{
	char path[64], name[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 1);
	if (n > 0) {
		name[n] = '\0';
		unlink(name);
	}
	close(fd);
}

struct seen {
	size_t n, max;
	struct guestjournal_entry v[4];
	char text[4][64]; /* of the message */
};

static bool take(const struct guestjournal_entry *e, void *arg)
{
	struct seen *s = arg;

	if (s->n < ARRAY_SIZE(s->v)) {
		s->v[s->n] = *e;
		snprintf(s->text[s->n], sizeof(s->text[0]), "%.*s",
			 (int)MIN(e->message.n, 60u), (const char *)e->message.p);
	}
	return ++s->n != s->max;
}

static int walk(int fd, const struct sdjournal_want *want, size_t max, struct seen *ret)
{
	*ret = (struct seen){ .max = max };
	return sdjournal_walk(dup(fd), want, take, ret);
}

static void newest_first_with_all_that_is_told(void)
{
	int fd = unpacked("guest");
	struct sdjournal_want want = { 0 };
	struct seen s;

	CHECK(walk(fd, &want, 2, &s) == 0, "walk");
	CHECK_U64(s.n, 2);
	CHECK_STR(s.text[0], "last");
	CHECK_STR(s.text[1], "GET /4199");
	CHECK_U64(s.v[0].real_usec, T0 + 60000000);
	CHECK_U64(s.v[0].mono_usec, 5060000000);
	CHECK_U64(s.v[0].boot_id[0], 0x5f);
	CHECK_U64(s.v[0].priority, 3);
	CHECK_U64(s.v[0].pid, 77);
	CHECK_U64(s.v[0].unit.n, strlen("nginx.service"));
	CHECK_U64(s.v[0].identifier.n, strlen("nginx"));
	CHECK(s.v[0].id != s.v[1].id, "ids");
	CHECK(walk(fd, &want, 0, &s) == 0, "all");
	CHECK_U64(s.n, 4205);
	gone(fd);
}

static void only_what_is_asked_for(void)
{
	int fd = unpacked("guest");
	struct sdjournal_want want = { .span = { T0, T0 + 3000000, 0 } };
	struct seen s;

	CHECK(walk(fd, &want, 0, &s) == 0, "from to");
	CHECK_U64(s.n, 4);
	CHECK_STR(s.text[0], "not by systemd");
	CHECK_U64(s.v[1].priority, 8);
	CHECK_U64(s.v[1].pid, 99);
	CHECK_U64(s.v[1].identifier.n, strlen("logger"));
	/* UNIT= of anybody but systemd is a claim */
	want.unit = "nginx.service";
	CHECK(walk(fd, &want, 0, &s) == 0, "unit");
	CHECK_U64(s.n, 2);
	CHECK_STR(s.text[0], "two\nlines");
	want.span = (struct guestread_span){ 0, 0, 5 };
	CHECK(walk(fd, &want, 0, &s) == 0, "priorities");
	CHECK_U64(s.n, 2);
	CHECK_STR(s.text[0], "last");
	want.unit = "none.service";
	CHECK(walk(fd, &want, 0, &s) == 0, "none");
	CHECK_U64(s.n, 0);
	gone(fd);
}

/* 200 MiB in a field of a few KiB: what is taken of it is bounded. */
static void compressed_fields_are_read(void)
{
	static const char *const kinds[] = { "guest-zstd", "guest-lz4", "guest-xz" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = unpacked(kinds[i]);
		struct sdjournal_want want = { 0 };
		struct seen s;
		char first[32];

		CHECK(walk(fd, &want, 0, &s) == 0, "%s", kinds[i]);
		CHECK_U64(s.n, 3);
		snprintf(first, sizeof(first), "%s: aaaa", kinds[i] + 6);
		CHECK(str_starts(s.text[2], first), "%s", s.text[2]);
		CHECK_U64(s.v[2].message.n, strlen(kinds[i] + 6) + 2 + 2000);
		CHECK(s.v[1].message.n == 0 || s.v[1].cut, "%s: %u bytes", kinds[i],
		      s.v[1].message.n);
		gone(fd);
	}
}

/* The entry of that second has another time: 8 bytes in the file, a few of them. */
static void retime(int fd, uint64_t from, uint64_t to)
{
	struct stat st;
	char *p;

	CHECK(fstat(fd, &st) == 0, "fstat");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED, "mmap");
	for (size_t i = 0; p != MAP_FAILED && i + 8 <= (size_t)st.st_size; i += 8)
		if (memcmp(p + i, &from, 8) == 0)
			memcpy(p + i, &to, 8);
	munmap(p, (size_t)st.st_size);
}

/* A clock that went back, or a guest, puts what is too new in front of what is asked for:
 * that is passed over for as long as there is time. */
static void what_is_passed_over_takes_no_longer_than_may_be(void)
{
	int fd = unpacked("guest");
	struct sdjournal_want want = { .span = { 0, T0 + 3000000, 0 } };
	struct seen all, some;

	CHECK(walk(fd, &want, 0, &all) == 0, "as it is");
	/* not the first: libsystemd 257 finds nothing old behind a first one that is new */
	for (uint64_t i = 1; i < 3; i++)
		retime(fd, T0 + i * 1000000, T0 + 900000000 + i);
	CHECK(walk(fd, &want, 0, &some) == 0 && some.n < all.n, "%zu of %zu", some.n,
	      all.n);
	want.until_mono_usec = 1;
	CHECK(walk(fd, &want, 0, &some) == -ETIME, "no time left");
	CHECK(some.n < all.n, "%zu", some.n);
	gone(fd);
}

static void what_is_no_journal_is_refused(void)
{
	int fd = unpacked("guest"), none = (int)memfd_create("x", MFD_CLOEXEC);
	struct sdjournal_want want = { 0 };
	struct seen s;

	CHECK(walk(none, &want, 0, &s) < 0, "empty");
	CHECK(ftruncate(none, 1 << 20) == 0 && walk(none, &want, 0, &s) < 0, "zeros");
	CHECK(ftruncate(fd, 4096) == 0 && walk(fd, &want, 0, &s) < 0, "cut");
	close(none);
	gone(fd);
}

int main(void)
{
	struct err err = { 0 };

	if (sdjournal_load(&err) < 0) {
		printf("1..0 # SKIP %s\n", err.msg);
		return 0;
	}
	RUN(newest_first_with_all_that_is_told);
	RUN(only_what_is_asked_for);
	RUN(compressed_fields_are_read);
	RUN(what_is_passed_over_takes_no_longer_than_may_be);
	RUN(what_is_no_journal_is_refused);
	return DONE();
}
