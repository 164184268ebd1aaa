/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "collect/loop.h"
#include "test.h"

/* ---- a manager -----------------------------------------------------------------------
 */

struct manager {
	int fd;
	struct sockaddr_un at; /* abstract */
	socklen_t len;
	char heard[65536];
};

static struct manager manager_new(void)
{
	static unsigned number;
	struct manager m = { .at.sun_family = AF_UNIX };
	char name[sizeof(m.at.sun_path)];
	int n = snprintf(name, sizeof(name), "@ctscope-test-loop-%ld-%u", (long)getpid(),
			 number++);

	memcpy(m.at.sun_path + 1, name + 1, (size_t)n - 1);
	m.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);
	m.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m.fd < 0 || bind(m.fd, (struct sockaddr *)&m.at, m.len) < 0) {
		perror("Bail out! bind");
		exit(99);
	}
	setenv("NOTIFY_SOCKET", name, 1);
	return m;
}

static void manager_done(struct manager *m)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	close(m->fd);
}

/* Until its queue takes no more: what the kernel keeps of datagrams is few. */
static void manager_fill(const struct manager *m)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t n = 0;

	while (sendto(fd, "X=1", 3, 0, (const struct sockaddr *)&m->at, m->len) == 3)
		n++;
	CHECK(n > 0 && errno == EAGAIN, "%zu, %s", n, strerror(errno));
	close(fd);
}

/* All that is there by now, a line each; the fill is left out. */
static const char *manager_hear(struct manager *m)
{
	size_t used = 0;
	ssize_t n;

	while ((n = recv(m->fd, m->heard + used, sizeof(m->heard) - used - 2, 0)) > 0) {
		if (n == 3 && memcmp(m->heard + used, "X=1", 3) == 0)
			continue;
		used += (size_t)n;
		m->heard[used++] = '\n';
	}
	m->heard[used] = '\0';
	return m->heard;
}

static struct loop *loop_of_test(void)
{
	struct loop *l = NULL;
	struct err err = { 0 };

	if (loop_new(&l, &err) < 0) {
		printf("Bail out! %s\n", err.msg);
		exit(99);
	}
	return l;
}

static void quit(void *arg, uint32_t events)
{
	(void)events;
	loop_quit(arg);
}

/* How long it took. */
static uint64_t run_for(struct loop *l, uint64_t usec)
{
	uint64_t began = clock_boot_usec();
	struct loop_io *t = loop_add_timer(l, quit, l);
	struct err err = { 0 };

	loop_at(t, began + usec);
	CHECK(loop_run(l, &err) == 0, "%s", err.msg);
	loop_del_io(t);
	return clock_boot_usec() - began;
}

struct wish {
	struct loop *l;
	struct loop_io *timer;
	struct manager *m;
	const char *line;
	size_t got, want;
	uint64_t until_boot_usec;
};

static void listen_again(void *arg, uint32_t events)
{
	struct wish *w = arg;

	(void)events;
	for (const char *p = manager_hear(w->m); (p = strstr(p, w->line)); p++)
		w->got++;
	if (w->got >= w->want || clock_boot_usec() > w->until_boot_usec)
		loop_quit(w->l);
	else
		loop_at(w->timer, clock_boot_usec() + 10 * USEC_PER_MSEC);
}

/* From then on, until the manager heard so many of those lines; false: not in 20 seconds. */
static bool run_until(struct loop *l, uint64_t from_boot_usec, struct manager *m,
		      const char *line, size_t want)
{
	struct wish w = { .l = l,
			  .m = m,
			  .line = line,
			  .want = want,
			  .until_boot_usec = from_boot_usec + 20 * USEC_PER_SEC };
	struct err err = { 0 };

	w.timer = loop_add_timer(l, listen_again, &w);
	loop_at(w.timer, from_boot_usec);
	CHECK(loop_run(l, &err) == 0, "%s", err.msg);
	loop_del_io(w.timer);
	return w.got >= want;
}

/* What would block is interrupted, and took too long. */
static void on_alarm(int sig)
{
	(void)sig;
}

static void alarm_in(time_t sec)
{
	const struct sigaction sa = { .sa_handler = on_alarm };
	const struct itimerval t = { .it_value.tv_sec = sec, .it_interval.tv_sec = sec };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

/* ---- claims --------------------------------------------------------------------------
 */

static void what_is_said_arrives(void)
{
	struct manager m = manager_new();
	struct loop *l = loop_of_test();

	loop_status(l, "%d containers", 7);
	CHECK_STR(manager_hear(&m), "STATUS=7 containers\n");
	loop_ready(l);
	CHECK_STR(manager_hear(&m), "READY=1\n");
	loop_stopping(l);
	CHECK_STR(manager_hear(&m), "STOPPING=1\n");
	loop_free(l);
	manager_done(&m);
}

static void a_status_is_one_line(void)
{
	struct manager m = manager_new();
	struct loop *l = loop_of_test();
	char longer[2048];

	loop_status(l, "%s", "a\nREADY=1\nb");
	CHECK_STR(manager_hear(&m), "STATUS=a\\x0aREADY=1\\x0ab\n");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	loop_status(l, "%s", longer);
	CHECK(strlen(manager_hear(&m)) < 300, "%zu", strlen(m.heard));
	loop_free(l);
	manager_done(&m);
}

static void a_manager_that_does_not_read_holds_nothing_up(void)
{
	struct manager m = manager_new();
	struct loop *l = loop_of_test();
	uint64_t began = clock_boot_usec(), took;

	manager_fill(&m);
	alarm_in(20);
	loop_ready(l);
	loop_status(l, "one");
	loop_stopping(l);
	took = clock_boot_usec() - began;
	alarm_in(0);
	CHECK(took < 15 * USEC_PER_SEC, "%ju us", (uintmax_t)took);
	loop_free(l);
	manager_done(&m);
}

static void what_it_did_not_read_is_said_when_it_does(void)
{
	struct manager m = manager_new();
	struct loop *l = loop_of_test();
	const char *heard;

	manager_fill(&m);
	alarm_in(20);
	loop_ready(l);
	loop_status(l, "one");
	loop_status(l, "two");
	CHECK_STR(manager_hear(&m), "");
	(void)run_for(l, 1500 * USEC_PER_MSEC);
	alarm_in(0);
	heard = manager_hear(&m);
	CHECK(strstr(heard, "READY=1\n"), "%s", heard);
	CHECK(strstr(heard, "STATUS=two\n") && !strstr(heard, "one"), "%s", heard);
	loop_free(l);
	manager_done(&m);
}

static void the_watchdog_is_told_in_time(void)
{
	struct manager m = manager_new();
	uint64_t began = clock_boot_usec(), took;
	struct loop *l;

	setenv("WATCHDOG_USEC", "300000", 1);
	l = loop_of_test();
	CHECK(run_until(l, began, &m, "WATCHDOG=1\n", 4), "not told");
	took = clock_boot_usec() - began;
	/* at the half of the time; later than a machine that is busy lets us is no fault */
	CHECK(took >= 4 * 150 * USEC_PER_MSEC, "too often: %ju us", (uintmax_t)took);
	printf("# four times in %ju us\n", (uintmax_t)took);
	loop_free(l);
	manager_done(&m);
}

static void nor_does_the_watchdog_hold_it_up(void)
{
	struct manager m = manager_new();
	uint64_t began = clock_boot_usec(), took;
	struct loop *l;

	setenv("WATCHDOG_USEC", "300000", 1);
	l = loop_of_test();
	manager_fill(&m);
	alarm_in(20);
	/* nobody reads until then */
	CHECK(run_until(l, began + 600 * USEC_PER_MSEC, &m, "WATCHDOG=1\n", 1),
	      "not told");
	took = clock_boot_usec() - began;
	alarm_in(0);
	CHECK(took < 15 * USEC_PER_SEC, "%ju us", (uintmax_t)took);
	loop_free(l);
	manager_done(&m);
}

static void the_watchdog_of_another_process_is_not_ours(void)
{
	struct manager m = manager_new();
	struct loop *l;

	setenv("WATCHDOG_USEC", "100000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	l = loop_of_test();
	(void)run_for(l, 250 * USEC_PER_MSEC);
	CHECK_STR(manager_hear(&m), "");
	loop_free(l);
	manager_done(&m);
}

static void a_manager_that_is_gone_is_nothing(void)
{
	struct manager m = manager_new();
	struct loop *l = loop_of_test();

	close(m.fd);
	loop_ready(l);
	loop_status(l, "one");
	(void)run_for(l, 50 * USEC_PER_MSEC);
	loop_free(l);
	m.fd = -1;
	manager_done(&m);
}

static void no_manager_is_fine(void)
{
	static const char *const bad[] = { NULL, "", "x", "relative/path", "@" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct loop *l;

		if (bad[i])
			setenv("NOTIFY_SOCKET", bad[i], 1);
		else
			unsetenv("NOTIFY_SOCKET");
		l = loop_of_test();
		loop_ready(l);
		loop_status(l, "one");
		loop_free(l);
	}
	unsetenv("NOTIFY_SOCKET");
}

/* What it writes to the journal, from now on. */
static FILE *hear_log(int *kept)
{
	FILE *f = tmpfile();

	fflush(stderr);
	*kept = dup(STDERR_FILENO);
	if (!f || *kept < 0 || dup2(fileno(f), STDERR_FILENO) < 0) {
		printf("Bail out! no stderr\n");
		exit(99);
	}
	return f;
}

static const char *heard_log(FILE *f, int kept)
{
	static char text[32768];
	ssize_t n = pread(fileno(f), text, sizeof(text) - 1, 0);

	text[MAX(n, 0)] = '\0';
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	fclose(f);
	return text;
}

static void what_is_found_again_is_said_once(void)
{
	struct loop *l = loop_of_test();
	int kept;
	FILE *f = hear_log(&kept);

	for (int i = 0; i < 3; i++) {
		loop_log_change(l, 4, NULL, "a", "a: no");
		loop_log_change(l, 4, NULL, "b", "b: no");
	}
	loop_log_change(l, 4, NULL, "a", "a: still no");
	loop_log_change(l, 4, NULL, "a", "a: no");
	loop_log_change(l, 4, NULL, "a", "a: no");
	CHECK_STR(heard_log(f, kept), "<4>a: no\n<4>b: no\n<4>a: still no\n<4>a: no\n");
	loop_free(l);
}

static void what_was_held_back_is_not_taken_as_said(void)
{
	struct loop *l = loop_of_test();
	const char *heard;
	int kept;
	FILE *f = hear_log(&kept);

	loop_log_change(l, 4, "key", "a", "a: no");
	loop_log_change(l, 4, "key", "b", "b: no"); /* ten seconds are not over */
	loop_log_change(l, 4, "other", "b", "b: no");
	heard = heard_log(f, kept);
	CHECK_STR(heard, "<4>a: no\n<4>b: no\n");
	loop_free(l);
}

static void a_thousand_things_are_no_thousand_lines(void)
{
	struct loop *l = loop_of_test();
	const char *heard;
	size_t lines = 0;
	char name[16];
	int kept;
	FILE *f = hear_log(&kept);

	for (unsigned again = 0; again < 3; again++)
		for (unsigned i = 0; i < 1000; i++) {
			snprintf(name, sizeof(name), "f%u", i);
			loop_log_change(l, 4, NULL, name, "%s: no", name);
		}
	heard = heard_log(f, kept);
	for (const char *p = heard; (p = strchr(p, '\n')); p++)
		lines++;
	CHECK_U64(lines, 65);
	loop_free(l);
}

/* As a journal that does not read, and then does. */
static void a_journal_that_does_not_read_holds_nothing_up(void)
{
	struct loop *l = loop_of_test();
	char text[65536];
	int kept = dup(STDERR_FILENO), s[2];
	ssize_t n;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0, "%m");
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, sizeof(int)) == 0,
	      "%m");
	fflush(stderr);
	dup2(s[0], STDERR_FILENO);
	alarm_in(5);
	for (int i = 0; i < 10000; i++)
		loop_log(l, 4, NULL, "one of ten thousand");
	loop_log(l, 4, "key", "lost");
	n = recv(s[1], text, sizeof(text), MSG_DONTWAIT);
	CHECK(n > 0, "%m");
	loop_log(l, 4, "key", "read again");
	alarm_in(0);
	dup2(kept, STDERR_FILENO);
	n = recv(s[1], text, sizeof(text) - 1, MSG_DONTWAIT);
	CHECK(n > 0, "%m");
	text[MAX(n, 0)] = '\0';
	CHECK(strstr(text, "<4>read again (and 1 more like it)\n") != NULL, "%s", text);
	close(kept);
	close(s[0]);
	close(s[1]);
	loop_free(l);
}

int main(void)
{
	RUN(a_journal_that_does_not_read_holds_nothing_up);
	RUN(what_is_said_arrives);
	RUN(a_status_is_one_line);
	RUN(a_manager_that_does_not_read_holds_nothing_up);
	RUN(what_it_did_not_read_is_said_when_it_does);
	RUN(the_watchdog_is_told_in_time);
	RUN(nor_does_the_watchdog_hold_it_up);
	RUN(the_watchdog_of_another_process_is_not_ours);
	RUN(a_manager_that_is_gone_is_nothing);
	RUN(no_manager_is_fine);
	RUN(what_is_found_again_is_said_once);
	RUN(what_was_held_back_is_not_taken_as_said);
	RUN(a_thousand_things_are_no_thousand_lines);
	return DONE();
}
