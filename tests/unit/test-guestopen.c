/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "guest/mounts.h"
#include "guest/open.h"
#include "tmproot.h"

/* A guest's root in /tmp, with a file of the host beside it that must never be reached. */
struct setup {
	struct tmproot t;
	struct guest_root g;
};

static void begin(struct setup *s)
{
	tmproot_make(&s->t);
	tmproot_put(&s->t, "host/canary", "host");
	tmproot_put(&s->t, "guest/etc/shadow", "guest");
	tmproot_put(&s->t, "guest/var/log/syslog", "log");
	s->g.root = openat(s->t.fd, "guest", O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->g.mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	s->g.self = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(s->g.root >= 0 && s->g.mountinfo >= 0 && s->g.self >= 0, "%s",
	      strerror(errno));
}

static void end(struct setup *s)
{
	close(s->g.root);
	close(s->g.mountinfo);
	close(s->g.self);
	tmproot_remove(&s->t);
}

/* Opens and reads: what it says, or the reason in words. */
static const char *say(struct setup *s, const char *path, const struct guest_how *how)
{
	static char text[64];
	struct guestread_stat st;
	int fd = -1, file = -1, error;
	enum guestread_why why = guest_open(&s->g, path, how, &fd, &error);
	ssize_t n;

	if (!why)
		why = guest_reopen(&s->g, fd, S_IFREG, &st, &file, &error);
	if (fd >= 0)
		close(fd);
	if (why)
		return guestread_why_text(why);
	n = read(file, text, sizeof(text) - 1);
	close(file);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const struct guest_how plain = { 0 }, crossing = { .cross = true };

static void links_lead_to_the_guests_own_files_at_most(void)
{
	static const struct {
		const char *to, *want;
	} links[] = {
		{ "/etc/shadow", "guest" },
		{ "../../etc/shadow", "guest" },
		{ "../../../../../../../etc/shadow", "guest" },
		{ "../../../host/canary", NULL },
		{ "/host/canary", NULL },
		{ "/var/log/link", NULL }, /* itself */
		{ "/./var//log/../../etc/./shadow", "guest" },
	};
	struct setup s;

	begin(&s);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		const char *got;

		unlinkat(s.t.fd, "guest/var/log/link", 0);
		tmproot_link(&s.t, "guest/var/log/link", links[i].to);
		got = say(&s, "/var/log/link", &plain);
		if (links[i].want)
			CHECK_STR(got, links[i].want);
		else
			CHECK(!strstr(got, "host") && !str_eq(got, "guest"), "%s: %s",
			      links[i].to, got);
	}
	end(&s);
}

static void only_a_regular_file_is_opened(void)
{
	struct setup s;

	begin(&s);
	CHECK(mkfifoat(s.t.fd, "guest/fifo", 0644) == 0, "%s", strerror(errno));
	CHECK_STR(say(&s, "/fifo", &plain), guestread_why_text(GUESTREAD_KIND));
	CHECK_STR(say(&s, "/etc", &plain), guestread_why_text(GUESTREAD_KIND));
	CHECK_STR(say(&s, "/", &plain), guestread_why_text(GUESTREAD_KIND));
	CHECK_STR(say(&s, "", &plain), guestread_why_text(GUESTREAD_KIND));
	CHECK_STR(say(&s, "/etc/shadow/x", &plain), guestread_why_text(GUESTREAD_ABSENT));
	CHECK_STR(say(&s, "/nothing", &plain), guestread_why_text(GUESTREAD_ABSENT));
	CHECK_STR(say(&s, "etc/shadow", &plain), "guest");
	end(&s);
}

static void a_chain_of_links_is_followed_40_times(void)
{
	struct setup s;
	char name[32], to[32];

	begin(&s);
	tmproot_link(&s.t, "guest/l0", "etc/shadow");
	for (int i = 1; i <= 40; i++) {
		snprintf(name, sizeof(name), "guest/l%d", i);
		snprintf(to, sizeof(to), "l%d", i - 1);
		tmproot_link(&s.t, name, to);
	}
	CHECK_STR(say(&s, "/l39", &plain), "guest");
	CHECK_STR(say(&s, "/l40", &plain), guestread_why_text(GUESTREAD_LOOP));
	end(&s);
}

/* Our own /proc stands in for one that a guest has: entered neither way. */
static void a_procfs_is_never_entered(void)
{
	struct guest_root g = {
		.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC),
		.self = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	static const char *const paths[] = { "/proc/version",
					     "/proc/self/root/etc/passwd", "/proc/1/cwd",
					     "/proc/self/fd/0",
					     "/proc/thread-self/fd/1" };
	int fd = -1, error;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CHECK(guest_open(&g, paths[i], &plain, &fd, &error) == GUESTREAD_MOUNT,
		      "%s: %d", paths[i], error);
		CHECK(guest_open(&g, paths[i], &crossing, &fd, &error) ==
			      GUESTREAD_FSTYPE,
		      "%s: %d", paths[i], error);
	}
	close(g.root);
	close(g.mountinfo);
	close(g.self);
}

/* The second way of walking, made to go over the whole tree by a mount in front of it. */
static void by_hand_the_same_comes_out(void)
{
	struct setup s;
	char path[128];
	const char *dir;

	begin(&s);
	close(s.g.root);
	s.g.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	dir = s.t.path;
	/* /proc is a mount, so the kernel's walk ends there: "/proc/.." is by hand */
	snprintf(path, sizeof(path), "/proc/../%s/guest/etc/shadow", dir);
	CHECK(strcmp(say(&s, path, &crossing), guestread_why_text(GUESTREAD_FSTYPE)) == 0,
	      "%s", say(&s, path, &crossing));
	end(&s);
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

/* The kernel counts the renames of the whole machine: another guest must not matter. */
static void renames_elsewhere_do_not_disturb_a_walk(void)
{
	_cleanup_(buf_done) struct buf path = { 0 };
	unsigned n = 0, failed = 0;
	struct setup s;
	uint64_t until;
	int fds[2];
	pid_t pid;
	char c;

	begin(&s);
	tmproot_put(&s.t, "x", "");
	tmproot_put(&s.t, "y", "");
	for (int i = 0; i < 400; i++)
		buf_adds(&path, "etc/../");
	buf_adds(&path, "etc/shadow");
	CHECK(pipe(fds) == 0, "pipe");
	pid = fork();
	if (pid == 0)
		exchange_for_ever(s.t.fd, fds[1]);
	close(fds[1]);
	CHECK(read(fds[0], &c, 1) == 0, "nobody renames");
	close(fds[0]);
	until = clock_mono_usec() + 300 * USEC_PER_MSEC;
	for (; clock_mono_usec() < until; n++)
		failed += !str_eq(say(&s, path.p, &plain), "guest");
	CHECK(failed == 0, "%u of %u failed", failed, n);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	end(&s);
}

static void a_walk_ends_with_the_time(void)
{
	struct setup s;

	begin(&s);
	close(s.g.root);
	s.g.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	s.g.until_mono_usec = 1;
	/* where the kernel walks it is one call; by hand it is many */
	CHECK_STR(say(&s, "/proc/../etc/passwd", &crossing),
		  guestread_why_text(GUESTREAD_LATE));
	s.g.until_mono_usec = clock_mono_usec() + 3600 * USEC_PER_SEC;
	CHECK_STR(say(&s, "/proc/../etc/passwd", &crossing),
		  guestread_why_text(GUESTREAD_FSTYPE));
	end(&s);
}

static void what_is_exchanged_while_it_is_opened_is_seen(void)
{
	struct setup s;
	struct guestread_stat st;
	int fd = -1, file = -1, error;

	begin(&s);
	CHECK(guest_open(&s.g, "/etc/shadow", &plain, &fd, &error) == GUESTREAD_OK, "%d",
	      error);
	/* the descriptor is of the file, whatever has its name by now */
	tmproot_put(&s.t, "guest/etc/new", "new");
	CHECK(renameat(s.t.fd, "guest/etc/new", s.t.fd, "guest/etc/shadow") == 0, "%s",
	      strerror(errno));
	CHECK(guest_reopen(&s.g, fd, S_IFREG, &st, &file, &error) == GUESTREAD_OK, "%d",
	      error);
	CHECK_U64(st.size_bytes, 5);
	close(fd);
	close(file);
	end(&s);
}

static void a_lease_is_not_waited_for(void)
{
	struct setup s;
	struct guestread_stat st;
	int fd = -1, file = -1, error, lease;

	begin(&s);
	lease = openat(s.t.fd, "guest/var/log/syslog", O_RDWR | O_CLOEXEC);
	if (fcntl(lease, F_SETLEASE, F_WRLCK) < 0) {
		printf("# no leases here: %s\n", strerror(errno));
	} else {
		signal(SIGIO, SIG_IGN);
		CHECK(guest_open(&s.g, "/var/log/syslog", &plain, &fd, &error) ==
			      GUESTREAD_OK,
		      "%d", error);
		CHECK(guest_reopen(&s.g, fd, S_IFREG, &st, &file, &error) ==
			      GUESTREAD_BUSY,
		      "%d", error);
		close(fd);
	}
	close(lease);
	end(&s);
}

static void a_time_that_fits_no_number_is_the_last(void)
{
	int fd = (int)memfd_create("x", MFD_CLOEXEC);
	struct timespec at[2] = { { .tv_sec = 1 }, { .tv_sec = 9000000000000000000 } };
	struct guestread_stat st;

	CHECK(futimens(fd, at) == 0, "%s", strerror(errno));
	CHECK(guest_stat(fd, NULL, &st, NULL) == 0, "stat");
	CHECK(st.mtime_real_usec == INT64_MAX, "%ju", (uintmax_t)st.mtime_real_usec);
	at[1].tv_sec = -5;
	CHECK(futimens(fd, at) == 0, "%s", strerror(errno));
	CHECK(guest_stat(fd, NULL, &st, NULL) == 0, "stat");
	CHECK(st.mtime_real_usec == 0, "%ju", (uintmax_t)st.mtime_real_usec);
	close(fd);
}

static void lines_of_mountinfo_are_parsed(void)
{
	static const struct {
		const char *line;
		uint64_t id;
		const char *type;
	} good[] = {
		{ "36 35 98:0 /mnt1 /mnt2 rw master:1 - ext3 /dev/root rw", 36, "ext3" },
		{ "1 2 0:1 / / rw - fuse.sshfs", 1, "fuse.sshfs" },
		{ "18446744073709551615 2 0:1 / /- rw a b:c - tmpfs x", UINT64_MAX,
		  "tmpfs" },
	};
	static const char *const bad[] = {
		"",
		"-",
		"36",
		"36 35 98:0 /mnt1 /mnt2 rw",
		"36 35 98:0 / / rw - ",
		"x 35 98:0 / / rw - ext4 a b",
		"36 35 98:0 / / rw ext4",
		"18446744073709551616 2 0:1 / / rw - tmpfs x",
	};
	struct span type;
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CHECK(mounts_parse_line(span_str(good[i].line), &id, &type), "%s",
		      good[i].line);
		CHECK_U64(id, good[i].id);
		CHECK(span_eq(type, good[i].type), "%.*s", (int)type.n, type.p);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!mounts_parse_line(span_str(bad[i]), &id, &type), "%s", bad[i]);
}

static int mountinfo_of(const struct tmproot *t, const struct buf *text)
{
	tmproot_putn(t, "mountinfo", buf_str(text), text->n);
	return openat(t->fd, "mountinfo", O_RDONLY | O_CLOEXEC);
}

static void a_mountinfo_of_any_size_is_looked_through_up_to_a_bound(void)
{
	struct tmproot t;
	struct buf b = { 0 };
	bool local = false;
	int fd;

	tmproot_make(&t);
	fd = mountinfo_of(&t, &b);
	CHECK(mounts_is_local(fd, 1, &local) == -ENOENT, "empty");
	close(fd);
	for (int i = 1; i <= 20000; i++)
		buf_addf(&b, "%d 1 0:1 / /some/where/%d rw - %s none rw\n", i, i,
			 i % 2 ? "tmpfs" : "fuse");
	buf_adds(&b, "20001 1 0:1 / /last rw - ext4 none rw"); /* no newline: not whole */
	fd = mountinfo_of(&t, &b);
	CHECK(mounts_is_local(fd, 19999, &local) == 0 && local, "tmpfs");
	CHECK(mounts_is_local(fd, 20000, &local) == 0 && !local, "fuse");
	CHECK(mounts_is_local(fd, 20001, &local) == -ENOENT, "half a line");
	CHECK(mounts_is_local(fd, 200000, &local) == -ENOENT, "none");
	close(fd);
	while (b.n < MOUNTS_MAX_BYTES)
		buf_adds(&b, "\n7 1 0:1 / /some/where rw - tmpfs none rw");
	fd = mountinfo_of(&t, &b);
	CHECK(mounts_is_local(fd, 200000, &local) == -EFBIG, "more than the bound");
	close(fd);
	b.n = 0;
	while (b.n <= MOUNTS_MAX_LINE)
		buf_adds(&b, "7 1 0:1 / /some/where rw - tmpfs none rw ");
	fd = mountinfo_of(&t, &b);
	CHECK(mounts_is_local(fd, 7, &local) == -EFBIG, "a line without end");
	close(fd);
	buf_done(&b);
	tmproot_remove(&t);
}

static void types_are_known_or_refused(void)
{
	CHECK(mounts_type_is_local(span_str("zfs")), "zfs");
	CHECK(!mounts_type_is_local(span_str("zf")), "zf");
	CHECK(!mounts_type_is_local(span_str("")), "none");
	CHECK(!mounts_type_is_local(span_str("fuse.zfs")), "fuse.zfs");
	CHECK(!mounts_type_is_local(span_str("nfs4")), "nfs4");
	CHECK(!mounts_type_is_local(span_str("proc")), "proc");
}

int main(void)
{
	RUN(links_lead_to_the_guests_own_files_at_most);
	RUN(only_a_regular_file_is_opened);
	RUN(a_chain_of_links_is_followed_40_times);
	RUN(a_procfs_is_never_entered);
	RUN(by_hand_the_same_comes_out);
	RUN(renames_elsewhere_do_not_disturb_a_walk);
	RUN(a_walk_ends_with_the_time);
	RUN(what_is_exchanged_while_it_is_opened_is_seen);
	RUN(a_lease_is_not_waited_for);
	RUN(a_time_that_fits_no_number_is_the_last);
	RUN(lines_of_mountinfo_are_parsed);
	RUN(a_mountinfo_of_any_size_is_looked_through_up_to_a_bound);
	RUN(types_are_known_or_refused);
	return DONE();
}
