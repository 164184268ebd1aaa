/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storefill PATH TOKENS [again]: hands TOKENS puts to a writer and prints "ack TOKEN" for
 * each that it says is committed; tests/store/faults breaks system calls meanwhile. Put N
 * is the events t<N>-a and t<N>-b, a block, and two rows of disk use (of life 1, or with
 * `again` of life 2). The thread opens the store: each call that touches it is of one
 * thread. With `again` it is opened here, as after a crash: what was in it is printed as
 * "had ID", and all is put once more.
 *
 * STOREFILL_SHORT=N: the N-th pwrite() writes one byte and says so. STOREFILL_WAIT=SEC:
 * no longer for the answers.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "store/writer.h"

#define WAIT_SEC    20 /* for all answers */
#define BLOCK_BYTES ((size_t)48 << 10)

static uint64_t short_at, n_pwrite, wait_sec = WAIT_SEC, life = 1;

/* In the place of libc's, for libsqlite3 (the program is linked with -rdynamic). */
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	if (__atomic_add_fetch(&n_pwrite, 1, __ATOMIC_RELAXED) == short_at && n > 1) {
		(void)!write(STDOUT_FILENO, "short\n", 6);
		n = 1;
	}
	return syscall(SYS_pwrite64, fd, p, n, at);
}

/* One write each: what was printed before a kill is there. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (n > 0)
		(void)!write(STDOUT_FILENO, line, MIN((size_t)n, sizeof(line) - 1));
}

static int print_had(struct db *db)
{
	struct event_query q = { 0 };
	struct events e = { 0 };
	struct err err = { 0 };

	if (db_events(db, &q, &e, &err) < 0) {
		say("error %s\n", err.msg);
		return 1;
	}
	for (size_t i = 0; i < e.n; i++)
		say("had %s\n", e.v[i].id);
	events_done(&e);
	return 0;
}

static void print_done(struct writer *w, uint64_t *left)
{
	struct writer_done d[16];
	size_t n;

	while ((n = writer_done(w, d, ARRAY_SIZE(d))))
		for (size_t i = 0; i < n; i++) {
			say(d[i].result ? "refused %ju %d\n" : "ack %ju\n",
			    (uintmax_t)d[i].token, d[i].result);
			*left -= 1;
		}
}

static void wait_done(struct writer *w, uint64_t keep, uint64_t *left, uint64_t until)
{
	while (*left > keep && clock_boot_usec() < until) {
		struct pollfd p = { .fd = writer_fd(w), .events = POLLIN };

		poll(&p, 1, 20);
		print_done(w, left);
	}
}

static void put(struct writer *w, uint64_t token)
{
	struct event e[2] = { 0 };
	struct db_block b = { .vmid = 101,
			      .life = 1,
			      .level_sec = 1,
			      .start_real_usec = token * 60 * USEC_PER_SEC,
			      .n = 60 };
	struct disk_row disk[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		disk[i] = (struct disk_row){ .vmid = 101,
					     .life = life,
					     .real_usec =
						     token * USEC_PER_SEC + (uint64_t)i,
					     .known = i == 0,
					     .use = { .used_bytes = token } };
		e[i].type = token % 3 ? EVENT_STARTED : EVENT_STOPPED;
		e[i].vmid = 101;
		e[i].life = 1;
		e[i].time_real_usec = token * USEC_PER_SEC;
		snprintf(e[i].id, sizeof(e[i].id), "t%ju-%c", (uintmax_t)token, 'a' + i);
	}
	if (writer_events(w, e, 2, token % 4 != 0, token) < 0)
		say("refused %ju now\n", (uintmax_t)token);
	for (size_t i = 0; i < BLOCK_BYTES; i++)
		buf_addc(&b.data, (char)(i * token));
	writer_blocks(w, &b, 1, 0);
	writer_disk(w, disk, ARRAY_SIZE(disk));
}

static int fill(struct writer *w, uint64_t tokens)
{
	uint64_t until = clock_boot_usec() + wait_sec * USEC_PER_SEC, left = 0;
	struct writer_stat st;

	for (uint64_t i = 1; i <= tokens; i++) {
		put(w, i);
		left++;
		wait_done(w, 2, &left, until);
	}
	wait_done(w, 0, &left, until);
	/* its idle time: blocks that let events go first, checkpoints */
	do {
		clock_sleep_usec(20 * USEC_PER_MSEC);
		writer_stat(w, &st);
	} while ((st.queued_items || st.busy_usec) && clock_boot_usec() < until);
	say("end errors=%ju replaced=%ju ram=%d left=%ju trouble=%s\n",
	    (uintmax_t)st.errors, (uintmax_t)st.replaced, st.ram_only, (uintmax_t)left,
	    st.trouble);
	return writer_stop(&w, 20 * USEC_PER_SEC) < 0 ? 3 : 0;
}

int main(int argc, char **argv)
{
	const char *nth = getenv("STOREFILL_SHORT"), *sec = getenv("STOREFILL_WAIT");
	struct writer_opts o = { .limits = DB_LIMITS_DEFAULT,
				 .boot_id = "b6d0b1c6-0c3c-4b0a-9c5a-0123456789ab",
				 .group_usec = 2 * USEC_PER_MSEC,
				 .retry_usec = 1,
				 .space_usec = 10 * USEC_PER_MSEC,
				 .maintain_usec = 10 * USEC_PER_MSEC };
	struct db_opened opened = { 0 };
	struct err err = { 0 };
	struct writer *w = NULL;
	struct db *db = NULL;
	uint64_t tokens = 0;

	if (argc < 3 || num_parse_u64(span_str(argv[2]), &tokens) < 0)
		return 2;
	if (nth && num_parse_u64(span_str(nth), &short_at) < 0)
		return 2;
	if (sec && num_parse_u64(span_str(sec), &wait_sec) < 0)
		return 2;
	o.path = argv[1];
	if (argc > 3) {
		life = 2;
		if (db_open(o.path, &db, &opened, &err) < 0) {
			say("error %s\n", err.msg);
			return 1;
		}
		if (opened.quarantined)
			say("quarantined %s\n", opened.why);
		db_opened_done(&opened);
		if (print_had(db))
			return 1;
	}
	if (writer_new(&o, db, &w, &err) < 0) {
		say("error %s\n", err.msg);
		return 1;
	}
	return fill(w, tokens);
}
