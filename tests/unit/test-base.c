/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/guard.h"
#include "base/num.h"
#include "base/sched.h"

static void numbers_take_the_largest_and_not_one_more(void)
{
	uint64_t n = 7;
	uint32_t m = 7;
	int64_t i = 7;

	CHECK(num_parse_u64(span_str("18446744073709551615"), &n) == 0, "refused");
	CHECK_U64(n, UINT64_MAX);
	CHECK(num_parse_u64(span_str("18446744073709551616"), &n) == -ERANGE, "taken");
	CHECK(num_parse_u32(span_str("4294967295"), &m) == 0, "refused");
	CHECK(num_parse_u64(span_str("99999999999999999999 5"), &n) == -EINVAL,
	      "too large, but no number at all");
	CHECK(num_parse_u32(span_str("4294967296"), &m) == -ERANGE, "taken");
	CHECK(num_parse_i64(span_str("-9223372036854775808"), &i) == 0, "refused");
	CHECK(i == INT64_MIN, "got %jd", (intmax_t)i);
	CHECK(num_parse_i64(span_str("9223372036854775808"), &i) == -ERANGE, "taken");
	CHECK(num_parse_hex(span_str("ffffffffffffffff"), &n) == 0, "refused");
	CHECK(num_parse_hex(span_str("10000000000000000"), &n) == -ERANGE, "taken");
}

static void half_a_number_is_none(void)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "1x", "-1", "+1", "0x1", "1.0"
	};
	uint64_t n = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(num_parse_u64(span_str(bad[i]), &n) == -EINVAL, "\"%s\" taken",
		      bad[i]);
	CHECK_U64(n, 7);
}

static void max_absent_and_zero_differ(void)
{
	struct val v = { 0 };

	CHECK(v.kind == VAL_ABSENT, "kind %d", v.kind);
	CHECK(num_parse_val(span_str("max"), &v) == 0 && v.kind == VAL_MAX, "kind %d",
	      v.kind);
	CHECK(num_parse_val(span_str("0"), &v) == 0 && v.kind == VAL_SET, "kind %d",
	      v.kind);
	CHECK_U64(val_or(v, 5), 0);
}

static void fractions_are_cut_not_rounded(void)
{
	uint64_t n = 0;

	CHECK(num_parse_fixed(span_str("1.999"), 2, &n) == 0, "refused");
	CHECK_U64(n, 199);
	CHECK(num_parse_fixed(span_str("12"), 2, &n) == 0, "refused");
	CHECK_U64(n, 1200);
	CHECK(num_parse_fixed(span_str(".5"), 2, &n) == -EINVAL, "taken");
	CHECK(num_parse_fixed(span_str("1.5x"), 2, &n) == -EINVAL, "taken");
	CHECK_U64(num_muldiv(UINT64_MAX, 1000, 2000), UINT64_MAX / 2);
	CHECK_U64(num_muldiv(1, 1, 0), 0);
}

static void what_is_behind_the_first_of_them(void)
{
	struct span s = span_str("a=1 a=2"), none = { 0 };

	CHECK(span_eq(span_behind(s, "a="), "1 a=2"), "the first");
	CHECK(span_behind(s, "a=2").p && !span_behind(s, "a=2").n, "nothing behind it");
	CHECK(!span_behind(s, "b=").p && !span_behind(none, "a").p, "not in it");
}

static void spans_cut_without_losing_bytes(void)
{
	struct span s = span_str("a\n\nb"), l;

	CHECK(span_line(&s, &l) && span_eq(l, "a"), "first");
	CHECK(span_line(&s, &l) && l.n == 0, "second");
	CHECK(span_line(&s, &l) && span_eq(l, "b"), "last, no newline");
	CHECK(!span_line(&s, &l), "one too many");
	s = span_str("  one\ttwo ");
	CHECK(span_field(&s, &l) && span_eq(l, "one"), "one");
	CHECK(span_field(&s, &l) && span_eq(l, "two"), "two");
	CHECK(!span_field(&s, &l), "three");
}

static int say_hello(int out, void *arg)
{
	(void)arg;
	return fs_write_all(out, "hello", 5);
}

static int hang(int out, void *arg)
{
	(void)arg;
	fs_write_all(out, "part", 4);
	clock_sleep_usec(3600 * USEC_PER_SEC);
	return 0;
}

static int refuse(int out, void *arg)
{
	(void)out;
	(void)arg;
	return -EACCES;
}

static int crash(int out, void *arg)
{
	(void)out;
	(void)arg;
	raise(SIGKILL);
	return 0;
}

/* Its own deadline, of the clock and of the CPU. */
static int alarmed(int out, void *arg)
{
	(void)out;
	(void)arg;
	raise(SIGALRM);
	return 0;
}

static int used_up(int out, void *arg)
{
	(void)out;
	(void)arg;
	raise(SIGPROF);
	return 0;
}

static struct guard last; /* what guarded() left of it */

static int guarded(guard_fn *fn, uint64_t usec, struct buf *ret)
{
	struct guard g = { 0 };
	struct err err = { 0 };
	int r;

	if (guard_start(fn, NULL, usec, &g, &err) < 0)
		return -ECHILD;
	r = guard_collect(&g, 1 << 20, ret, &err);
	last = g;
	return r;
}

static void a_guarded_read_answers_or_is_left_behind(void)
{
	_cleanup_(buf_done) struct buf a = { 0 }, b = { 0 };
	uint64_t start;
	int r;

	r = guarded(say_hello, 60 * USEC_PER_SEC, &a);
	CHECK(r == 0, "r %d", r);
	CHECK_STR(buf_str(&a), "hello");
	start = clock_mono_usec();
	/* long enough for it to be at work, on a machine that has other things to do */
	r = guarded(hang, USEC_PER_SEC, &b);
	CHECK(r == -ETIMEDOUT, "r %d", r);
	CHECK_STR(buf_str(&b), "part");
	CHECK(!last.slow && !last.pid, "slow");
	CHECK(clock_mono_usec() - start < 60 * USEC_PER_SEC, "it waited");
	r = guarded(refuse, 60 * USEC_PER_SEC, &b);
	CHECK(r == -EACCES, "r %d", r);
	r = guarded(crash, 60 * USEC_PER_SEC, &b);
	CHECK(r == -EIO, "r %d", r);
	r = guarded(alarmed, 60 * USEC_PER_SEC, &b);
	CHECK(r == -ETIMEDOUT, "r %d", r);
	r = guarded(used_up, 60 * USEC_PER_SEC, &b);
	CHECK(r == -ETIMEDOUT, "r %d", r);
}

/* For longer than its time: as what a file system answers slowly. */
static int nap_then_say(int out, void *arg)
{
	uint64_t until = clock_mono_usec() + 3 * USEC_PER_SEC / 2;

	(void)arg;
	while (clock_mono_usec() < until)
		clock_sleep_usec(5 * USEC_PER_MSEC);
	return fs_write_all(out, "late", 4);
}

/* As one that is let run, or waits for that. */
static int spin_then_say(int out, void *arg)
{
	uint64_t until = clock_mono_usec() + 3 * USEC_PER_SEC / 2;

	(void)arg;
	while (clock_mono_usec() < until)
		;
	return fs_write_all(out, "late", 4);
}

static int spin(int out, void *arg)
{
	(void)out;
	(void)arg;
	for (;;)
		(void)clock_mono_usec();
	return 0;
}

static void who_is_not_asleep_does_not_hang(void)
{
	_cleanup_(buf_done) struct buf a = { 0 }, b = { 0 }, c = { 0 };
	int r;

	r = guarded(nap_then_say, USEC_PER_SEC, &a);
	CHECK(r == 0, "r %d", r);
	CHECK_STR(buf_str(&a), "late");
	r = guarded(spin_then_say, USEC_PER_SEC, &b);
	CHECK(r == 0, "r %d", r);
	CHECK_STR(buf_str(&b), "late");
	/* but not for ever */
	r = guarded(spin, 50 * USEC_PER_MSEC, &c);
	CHECK(r == -ETIMEDOUT && last.slow && !last.pid, "r %d", r);
}

/* For who waits by himself. */
static void its_time_is_over_when_it_sleeps_on(void)
{
	struct guard g = { 0 };
	uint64_t start = clock_mono_usec(), n = 0;

	CHECK(guard_start(hang, NULL, 200 * USEC_PER_MSEC, &g, NULL) == 0, "start");
	CHECK(!guard_is_over(&g), "at once");
	while (!guard_is_over(&g) && clock_mono_usec() - start < 60 * USEC_PER_SEC)
		clock_sleep_usec(5 * USEC_PER_MSEC);
	CHECK(clock_mono_usec() - start >= 200 * USEC_PER_MSEC, "too early");
	CHECK(guard_is_over(&g), "it was waited for");
	CHECK(guard_moves(g.pid, &n) && n && !guard_moves(g.pid, &n), "asleep");
	guard_done(&g);
	CHECK(guard_moves(getpid(), &n), "who asks runs");
}

/* Those that had not gone yet when they were given up. */
/* Of this test or of one before it, alive or not. */
static bool has_child(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void a_reader_that_was_left_behind_is_waited_for_later(void)
{
	struct guard g[16] = { 0 };
	pid_t pids[ARRAY_SIZE(g)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(g); i++)
		CHECK(guard_start(hang, NULL, USEC_PER_SEC, &g[i], NULL) == 0, "start");
	for (size_t i = 0; i < ARRAY_SIZE(g); i++) {
		pids[i] = g[i].pid;
		guard_done(&g[i]);
		n += guard_is_left(pids[i]);
	}
	printf("# %zu of %zu were left\n", n, ARRAY_SIZE(g));
	for (int tries = 0; tries < 6000 && has_child(); tries++) {
		clock_sleep_usec(10 * USEC_PER_MSEC);
		guard_reap();
	}
	n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(g); i++)
		n += guard_is_left(pids[i]);
	CHECK(n == 0, "%zu are still there", n);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "one is a zombie");
}

/* As one in D state: it does not die with its parent. */
static int outlive(int out, void *arg)
{
	(void)out;
	(void)arg;
	prctl(PR_SET_PDEATHSIG, 0);
	clock_sleep_usec(30 * USEC_PER_SEC);
	return 0;
}

static _noreturn_ void leave_one_behind(int fds[2])
{
	struct guard g = { 0 };

	dup2(fds[1], STDOUT_FILENO);
	close(fds[0]);
	close(fds[1]);
	if (guard_start(outlive, NULL, USEC_PER_SEC, &g, NULL) < 0)
		_exit(1);
	clock_sleep_usec(100 * USEC_PER_MSEC); /* it is at work by now */
	_exit(0);
}

/* A pipe into which ctscope prints ends with ctscope, whatever it had to leave behind. */
static void an_abandoned_reader_keeps_no_output_open(void)
{
	uint64_t start = clock_mono_usec();
	int fds[2], status = -1;
	char c;
	pid_t pid;

	CHECK(pipe(fds) == 0, "pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		leave_one_behind(fds);
	close(fds[1]);
	CHECK(read(fds[0], &c, 1) == 0, "something was written");
	CHECK(clock_mono_usec() - start < 20 * USEC_PER_SEC, "the pipe stayed open");
	waitpid(pid, &status, 0);
	CHECK(status == 0, "status %d", status);
	close(fds[0]);
}

static int inode_of(int fd, ino_t *ret)
{
	struct stat st;
	int r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (r == 0)
		*ret = st.st_ino;
	return r;
}

/* Where openat2 is missing the same paths lead to the same files, and never out. */
static void a_walk_by_hand_goes_where_openat2_goes(void)
{
	static const char *const links[][2] = {
		{ "/etc/passwd", "abs" },  { "../../../../etc/passwd", "up" },
		{ "loop", "loop" },        { "d/f", "in" },
		{ "/d", "dir" },           { "../f", "d/back" },
		{ "nowhere", "dangling" }, { "..", "d/parent" },
	};
	static const char *const paths[] = {
		"f",     "d/f",     "abs",      "up",         "loop",    "in",
		"dir/f", "d/back",  "dangling", "d/parent/f", "../../f", "/f",
		"d/",    "f/",      "f/x",      "d/..",       ".",       "",
		"dir",   "./d/./f", "d//f",     "/",          "none",    "d/parent/dir/f",
	};
	static const int flags[] = { O_RDONLY, O_PATH, O_PATH | O_NOFOLLOW,
				     O_RDONLY | O_NOFOLLOW, O_PATH | O_DIRECTORY };
	char dir[] = "/tmp/ctscope-test-XXXXXX", cmd[96];
	struct err err = { 0 };
	int root = -1;

	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	CHECK(fs_open_root(dir, &root, &err) == 0, "%s", err.msg);
	CHECK(mkdirat(root, "d", 0700) == 0, "mkdir");
	close(openat(root, "f", O_CREAT | O_WRONLY, 0600));
	close(openat(root, "d/f", O_CREAT | O_WRONLY, 0600));
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		CHECK(symlinkat(links[i][0], root, links[i][1]) == 0, "symlink %s",
		      links[i][1]);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(flags); k++) {
			ino_t a = 0, b = 0;
			int fd = -1, r, s;

			r = fs_open(root, paths[i], flags[k], &fd, NULL);
			r = r < 0 ? r : inode_of(fd, &a);
			s = inode_of(fs_open_by_hand(root, paths[i], flags[k]), &b);
			CHECK(r == s && a == b,
			      "\"%s\" flags %x: %d inode %ju, by hand %d inode %ju",
			      paths[i], flags[k], r, (uintmax_t)a, s, (uintmax_t)b);
		}
	}
	close(root);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	CHECK(system(cmd) == 0, "rm");
}

/* Links into what a process has are refused, whichever way they are come by. */
static void a_magic_link_is_refused_by_hand_too(void)
{
	static const struct {
		const char *path;
		int r;
	} paths[] = {
		{ "self/root/etc", -ELOOP }, { "self/fd/0", -ELOOP },
		{ "self/exe", -ELOOP },      { "thread-self/cwd", -ELOOP },
		{ "self/stat", 0 },          { "mounts", 0 },
	};
	int root = -1, fd;

	CHECK(fs_open_root("/proc", &root, NULL) == 0, "/proc");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = fs_open(root, paths[i].path, O_RDONLY, &fd, NULL);

		if (r == 0)
			close(fd);
		CHECK(r == paths[i].r, "%s: %d", paths[i].path, r);
		fd = fs_open_by_hand(root, paths[i].path, O_RDONLY);
		CHECK(MIN(fd, 0) == paths[i].r, "%s by hand: %d", paths[i].path, fd);
		if (fd >= 0)
			close(fd);
	}
	close(root);
}

static _noreturn_ void exchange_for_ever(int dir, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0;; i++) {
		(void)renameat2(dir, "x", dir, "y", RENAME_EXCHANGE);
		if (i == 1000)
			close(ready);
	}
}

/* The kernel counts the renames of the whole machine: those of a guest must not matter. */
static void renames_elsewhere_do_not_disturb_a_walk(void)
{
	char dir[] = "/tmp/ctscope-test-XXXXXX", cmd[96];
	_cleanup_(buf_done) struct buf path = { 0 };
	unsigned failed = 0, n = 0;
	uint64_t end;
	int root = -1, fds[2];
	pid_t pid;
	char c;

	CHECK(mkdtemp(dir) != NULL && pipe(fds) == 0, "mkdtemp");
	CHECK(fs_open_root(dir, &root, NULL) == 0, "root");
	CHECK(mkdirat(root, "d", 0700) == 0 && mkdirat(root, "x", 0700) == 0 &&
		      mkdirat(root, "y", 0700) == 0,
	      "mkdir");
	close(openat(root, "f", O_CREAT | O_WRONLY, 0600));
	pid = fork();
	if (pid == 0)
		exchange_for_ever(root, fds[1]);
	close(fds[1]);
	CHECK(read(fds[0], &c, 1) == 0, "nobody renames");
	close(fds[0]);
	/* so long that something is renamed during each try */
	for (int i = 0; i < 400; i++)
		buf_adds(&path, "d/../");
	buf_adds(&path, "f");
	/* and for so long that both have been at work at once, on any machine */
	end = clock_mono_usec() + 300 * USEC_PER_MSEC;
	for (; clock_mono_usec() < end; n++) {
		int fd, r = fs_open(root, path.p, O_RDONLY, &fd, NULL);

		if (r == 0)
			close(fd);
		failed += r < 0;
	}
	printf("# %u of %u failed\n", failed, n);
	CHECK(failed == 0, "%u of %u failed", failed, n);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(root);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	CHECK(system(cmd) == 0, "rm");
}

static void a_root_is_not_left(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	char dir[] = "/tmp/ctscope-test-XXXXXX", path[64];
	struct err err = { 0 };
	int root = -1, r;

	CHECK(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(path, sizeof(path), "%s/out", dir);
	CHECK(symlink("/etc/passwd", path) == 0, "symlink");
	CHECK(fs_open_root(dir, &root, &err) == 0, "%s", err.msg);
	r = fs_read_file(root, "out", 1 << 20, &b, &err);
	CHECK(r == -ENOENT, "r %d", r);
	r = fs_read_file(root, "../../etc/passwd", 1 << 20, &b, &err);
	CHECK(r == -ENOENT, "r %d", r);
	unlink(path);
	rmdir(dir);
	close(root);
}

static void reals_as_perl_prints_them(void)
{
	static const struct {
		const char *in;
		unsigned digits;
		int r;
		uint64_t n;
	} cases[] = {
		{ "0", 6, 0, 0 },
		{ "0.0131", 6, 0, 13100 },
		{ "8.1e-05", 6, 0, 81 },
		{ "1e-300", 6, 0, 0 },
		{ "1.5E+3", 0, 0, 1500 },
		{ "1e+20", 0, -ERANGE, 0 },
		{ "18446744073709551615", 0, 0, UINT64_MAX },
		{ "18446744073709551616", 0, -ERANGE, 0 },
		{ "18446744073709551616e-1", 0, 0, 1844674407370955161 },
		{ "18446744073709551616.5", 0, -ERANGE, 0 },
		{ "1844674407370955161", 0, 0, 1844674407370955161 },
		{ "0e99999999999999999", 2, 0, 0 },
		{ "1e999999999", 0, -ERANGE, 0 },
		{ "3.", 1, 0, 30 },
		{ "3.99999999999999999999999999", 2, 0, 399 },
		{ ".5", 1, -EINVAL, 0 },
		{ "-1", 1, -EINVAL, 0 },
		{ "1e", 1, -EINVAL, 0 },
		{ "1e--1", 1, -EINVAL, 0 },
		{ "1x", 1, -EINVAL, 0 },
		{ "", 1, -EINVAL, 0 },
		{ "U", 1, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t n = 0;
		int r = num_parse_real(span_str(cases[i].in), cases[i].digits, &n);

		CHECK(r == cases[i].r, "\"%s\": %d", cases[i].in, r);
		CHECK(n == cases[i].n, "\"%s\": %" PRIu64, cases[i].in, n);
	}
}

static void lists_and_escapes_of_pve(void)
{
	struct span list = span_str(" a,b;; c\td,\n"), item;
	_cleanup_(buf_done) struct buf got = { 0 };
	static const char text[] = "a%3A b%zz%4%41%";

	while (span_list(&list, &item))
		buf_addf(&got, "<%.*s>", (int)item.n, item.p);
	CHECK_STR(buf_str(&got), "<a><b><c><d>");
	buf_done(&got);
	buf_add_urldecoded(&got, text, strlen(text));
	CHECK_STR(buf_str(&got), "a: b%zz%4A%");
}

static void base64_is_decoded_or_refused(void)
{
	static const struct {
		const char *text, *bytes; /* NULL: refused */
	} rows[] = {
		{ "", "" },           { "Zg==", "f" },        { "Zm8=", "fo" },
		{ "Zm9v", "foo" },    { "Zm9vYg==", "foob" }, { "//8=", "\xff\xff" },
		{ "Zg=", NULL },      { "Z", NULL },          { "====", NULL },
		{ "Zm9v!A==", NULL }, { "Zg==Zg==", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		bool ok;

		buf_adds(&b, "x");
		ok = buf_add_base64(&b, rows[i].text, strlen(rows[i].text));
		CHECK(ok == (rows[i].bytes != NULL), "%s", rows[i].text);
		CHECK_STR(buf_str(&b) + 1, rows[i].bytes ? rows[i].bytes : "");
	}
}

static void who_asks_to_wake_soon_stays_as_nice_as_it_was(void)
{
	int status = -1;
	/* an ordinary user gets no less than it has */
	int nice = getpriority(PRIO_PROCESS, 0) < 7 ? 7 : 19;
	pid_t pid = fork();

	if (pid == 0) {
		if (setpriority(PRIO_PROCESS, 0, nice) < 0)
			_exit(2);
		sched_wake_soon();
		_exit(getpriority(PRIO_PROCESS, 0) == nice &&
				      sched_getscheduler(0) == SCHED_OTHER
			      ? 0
			      : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%d", status);
}

int main(void)
{
	RUN(who_asks_to_wake_soon_stays_as_nice_as_it_was);
	RUN(base64_is_decoded_or_refused);
	RUN(reals_as_perl_prints_them);
	RUN(lists_and_escapes_of_pve);
	RUN(numbers_take_the_largest_and_not_one_more);
	RUN(half_a_number_is_none);
	RUN(max_absent_and_zero_differ);
	RUN(fractions_are_cut_not_rounded);
	RUN(spans_cut_without_losing_bytes);
	RUN(what_is_behind_the_first_of_them);
	RUN(a_guarded_read_answers_or_is_left_behind);
	RUN(who_is_not_asleep_does_not_hang);
	RUN(its_time_is_over_when_it_sleeps_on);
	RUN(a_reader_that_was_left_behind_is_waited_for_later);
	RUN(an_abandoned_reader_keeps_no_output_open);
	RUN(a_walk_by_hand_goes_where_openat2_goes);
	RUN(a_magic_link_is_refused_by_hand_too);
	RUN(renames_elsewhere_do_not_disturb_a_walk);
	RUN(a_root_is_not_left);
	return DONE();
}
