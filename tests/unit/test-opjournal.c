/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answer of guest-read about a journal where the time is short, without its sandbox. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "config.h"
#include "guest/op.h"
#include "guest/sdjournal.h"
#include "read/guestjournal.h"
#include "tmproot.h"

#define MACHINE "0123456789abcdef0123456789abcdef"
#define DIR     "guest/var/log/journal/" MACHINE

struct setup {
	struct tmproot t;
	struct guest_root g;
	struct guestread_item item;
	struct work w;
};

static void put_journal(struct setup *s, const char *name)
{
	_cleanup_free_ char *from =
		xasprintf("%s/journal/guest.journal.xz", getenv("CTSCOPE_FIXTURES"));
	int fd, status;
	pid_t pid;

	tmproot_put(&s->t, name, "");
	fd = openat(s->t.fd, name, O_WRONLY | O_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		dup2(fd, 1);
		execlp("xz", "xz", "-dc", from, (char *)NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0, "%s: %d", name, status);
	close(fd);
}

/* A guest with that many files, all of them opened: the time of reading them is to come. */
static void begin(struct setup *s, unsigned files)
{
	memset(s, 0, sizeof(*s));
	tmproot_make(&s->t);
	tmproot_put(&s->t, "guest/etc/machine-id", MACHINE "\n");
	for (unsigned i = 0; i < files; i++) {
		char name[128];

		snprintf(name, sizeof(name), DIR "/user-%u.journal", i);
		put_journal(s, name);
	}
	s->g.root = openat(s->t.fd, "guest", O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->g.mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	s->g.self = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->item = (struct guestread_item){ .op = GUESTREAD_JOURNAL, .path = "" };
	s->w = (struct work){ .item = &s->item, .fd = -1, .room = GUESTREAD_MAX_BYTES };
	s->w.until_mono_usec = clock_mono_usec() + 60 * USEC_PER_SEC;
	op_journal.prepare(&s->g, &s->w);
	CHECK_U64(s->w.a.why, GUESTREAD_OK);
}

static struct guestjournal answer(struct setup *s)
{
	struct guestjournal j = { 0 };
	struct err err = { 0 };

	op_journal.answer(&s->w);
	if (!s->w.a.why)
		CHECK(guestjournal_parse(s->w.a.data, &j, &err) == 0, "%s", err.msg);
	return j;
}

static void end(struct setup *s, struct guestjournal *j)
{
	guestjournal_done(j);
	work_done(&s->w);
	close(s->g.root);
	close(s->g.mountinfo);
	close(s->g.self);
	tmproot_remove(&s->t);
}

static void with_time_all_that_fits_is_given(void)
{
	struct guestjournal j;
	struct setup s;

	begin(&s, 2);
	s.item.max_entries = 10;
	j = answer(&s);
	CHECK_U64(s.w.a.why, GUESTREAD_OK);
	CHECK_U64(j.n, 10);
	CHECK_U64(j.files, 2);
	CHECK_U64(j.unread, 0);
	end(&s, &j);
}

/* "No entries" would be a lie. */
static void no_time_for_an_entry_is_late_and_not_empty(void)
{
	struct guestjournal j;
	struct setup s;

	begin(&s, 1);
	s.w.until_mono_usec = 1;
	j = answer(&s);
	CHECK_U64(s.w.a.why, GUESTREAD_LATE);
	end(&s, &j);
}

/* By the clock it may take long on a node that is busy; by the CPU it may not. */
static void time_of_the_cpu_that_is_used_up_is_late_too(void)
{
	struct guestjournal j;
	struct setup s;

	begin(&s, 1);
	s.w.until_cpu_usec = 1;
	j = answer(&s);
	CHECK_U64(s.w.a.why, GUESTREAD_LATE);
	end(&s, &j);
}

/* What is newer in a file that was not come to is missing among the entries of another. */
static void files_that_were_not_come_to_are_counted(void)
{
	unsigned met = 0;

	for (uint64_t usec = 200; usec < 200000 && met < 3; usec += usec / 4) {
		struct guestjournal j;
		struct setup s;

		begin(&s, 2);
		s.item.max_entries = 1000;
		s.w.until_mono_usec = clock_mono_usec() + usec;
		j = answer(&s);
		if (!s.w.a.why && j.n == 1000)
			met = 3; /* all that is wanted, of both */
		else if (!s.w.a.why && j.n) {
			met++;
			CHECK(j.unread == 1 && j.unread_why == GUESTREAD_LATE,
			      "%zu entries after %ju us: %u unread, %d", j.n,
			      (uintmax_t)usec, j.unread, (int)j.unread_why);
		}
		end(&s, &j);
	}
	CHECK(met > 0, "no time was enough for one entry");
}

int main(void)
{
	struct err err = { 0 };

	if (sdjournal_load(&err) < 0) {
		printf("1..0 # SKIP %s\n", err.msg);
		return 0;
	}
	RUN(with_time_all_that_fits_is_given);
	RUN(no_time_for_an_entry_is_late_and_not_empty);
	RUN(time_of_the_cpu_that_is_used_up_is_late_too);
	RUN(files_that_were_not_come_to_are_counted);
	return DONE();
}
