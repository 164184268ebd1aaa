/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/sdjournal.h"

#include <config.h>
#include <errno.h>

#include "base/clock.h"

bool sdjournal_is_late(const struct sdjournal_want *want)
{
	return (want->until_mono_usec && clock_mono_usec() >= want->until_mono_usec) ||
	       (want->until_cpu_usec && clock_cpu_usec() >= want->until_cpu_usec);
}

#ifdef HAVE_SYSTEMD
#include <sys/syscall.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/num.h"
#include "base/str.h"

static __typeof__(sd_journal_open_files_fd) *dl_sd_journal_open_files_fd;
static __typeof__(sd_journal_close) *dl_sd_journal_close;
static __typeof__(sd_journal_add_match) *dl_sd_journal_add_match;
static __typeof__(sd_journal_add_disjunction) *dl_sd_journal_add_disjunction;
static __typeof__(sd_journal_add_conjunction) *dl_sd_journal_add_conjunction;
static __typeof__(sd_journal_seek_tail) *dl_sd_journal_seek_tail;
static __typeof__(sd_journal_seek_realtime_usec) *dl_sd_journal_seek_realtime_usec;
static __typeof__(sd_journal_previous) *dl_sd_journal_previous;
static __typeof__(sd_journal_get_data) *dl_sd_journal_get_data;
static __typeof__(sd_journal_get_realtime_usec) *dl_sd_journal_get_realtime_usec;
static __typeof__(sd_journal_get_monotonic_usec) *dl_sd_journal_get_monotonic_usec;
static __typeof__(sd_journal_get_cursor) *dl_sd_journal_get_cursor;
static __typeof__(sd_journal_set_data_threshold) *dl_sd_journal_set_data_threshold;

static void *handle;

/*
 * What a library does once in its life (a random seed, memory for a thread's own
 * variables) may need system calls that are not left later: it does it now, on a file
 * that is no journal.
 */
static void warm_up(void)
{
	int fd = (int)syscall(SYS_memfd_create, "journal", 1u);
	sd_journal *j = NULL;

	if (fd < 0)
		return;
	if (dl_sd_journal_open_files_fd(&j, &fd, 1, 0) >= 0)
		dl_sd_journal_close(j);
	close(fd);
}

int sdjournal_load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(sd_journal_open_files_fd),
		DL_SYM(sd_journal_close),
		DL_SYM(sd_journal_add_match),
		DL_SYM(sd_journal_add_disjunction),
		DL_SYM(sd_journal_add_conjunction),
		DL_SYM(sd_journal_seek_tail),
		DL_SYM(sd_journal_seek_realtime_usec),
		DL_SYM(sd_journal_previous),
		DL_SYM(sd_journal_get_data),
		DL_SYM(sd_journal_get_realtime_usec),
		DL_SYM(sd_journal_get_monotonic_usec),
		DL_SYM(sd_journal_get_cursor),
		DL_SYM(sd_journal_set_data_threshold),
	};
	/* one that is not there: entries that need it are shown without their text */
	static const char *const more[] = { "liblz4.so.1", "libzstd.so.1",
					    "liblzma.so.5" };
	int r = dl_load("libsystemd.so.0", syms, ARRAY_SIZE(syms), &handle, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(more); i++) {
		void *h = NULL;

		(void)dl_load(more[i], NULL, 0, &h, NULL);
	}
	if (r == 0)
		warm_up();
	return r;
}

bool sdjournal_ready(void)
{
	return handle != NULL;
}

static int match(sd_journal *j, const char *field, const char *value)
{
	_cleanup_free_ char *text = xasprintf("%s=%s", field, value);

	return dl_sd_journal_add_match(j, text, 0);
}

/* As journalctl -u: what the unit's processes say, and what systemd says of it. */
static int match_unit(sd_journal *j, const char *unit)
{
	int r = match(j, "_SYSTEMD_UNIT", unit);

	if (r >= 0)
		r = dl_sd_journal_add_disjunction(j);
	if (r >= 0)
		r = match(j, "UNIT", unit);
	if (r >= 0)
		r = match(j, "_PID", "1");
	return r < 0 ? r : dl_sd_journal_add_conjunction(j);
}

static int set_matches(sd_journal *j, const struct sdjournal_want *want)
{
	int r = want->unit ? match_unit(j, want->unit) : 0;

	for (uint32_t i = 0; r >= 0 && i < want->span.n_priorities; i++) {
		char digit[] = { (char)('0' + i), '\0' };

		r = match(j, "PRIORITY", digit);
	}
	return r;
}

static struct span field(sd_journal *j, const char *name)
{
	const void *data;
	size_t n, skip = strlen(name) + 1;

	if (dl_sd_journal_get_data(j, name, &data, &n) < 0 || n < skip)
		return (struct span){ 0 };
	return span_of((const char *)data + skip, n - skip);
}

/* A copy: the next field may come to lie where this one is. */
static struct tbytes keep(struct buf *b, struct span s, size_t max)
{
	size_t n = MIN(s.n, max);

	b->n = 0;
	buf_add(b, s.p, n);
	return span_tbytes(span_of(buf_str(b), n));
}

static uint64_t id_of(sd_journal *j)
{
	char *cursor = NULL;
	uint64_t id = 0;

	if (dl_sd_journal_get_cursor(j, &cursor) >= 0)
		id = str_hash(cursor);
	free(cursor);
	return id;
}

static uint32_t number(sd_journal *j, const char *name, const char *other)
{
	struct span s = field(j, name);
	uint32_t n;

	if (!s.n && other)
		s = field(j, other);
	return num_parse_u32(s, &n) == 0 ? n : 0;
}

static uint32_t priority(sd_journal *j)
{
	struct span s = field(j, "PRIORITY");

	return s.n == 1 && s.p[0] >= '0' && s.p[0] <= '7' ? (uint32_t)(s.p[0] - '0') : 8;
}

struct texts {
	struct buf unit, identifier, message;
};

static void texts_done(struct texts *t)
{
	buf_done(&t->unit);
	buf_done(&t->identifier);
	buf_done(&t->message);
}

static int read_entry(sd_journal *j, struct texts *t, struct guestjournal_entry *ret)
{
	struct guestjournal_entry e = { 0 };
	sd_id128_t boot;
	struct span s;
	int r = dl_sd_journal_get_realtime_usec(j, &e.real_usec);

	if (r < 0)
		return r;
	if (dl_sd_journal_get_monotonic_usec(j, &e.mono_usec, &boot) >= 0)
		memcpy(e.boot_id, boot.bytes, sizeof(e.boot_id));
	e.id = id_of(j);
	e.priority = priority(j);
	e.pid = number(j, "_PID", "SYSLOG_PID");
	s = field(j, "_SYSTEMD_UNIT");
	e.unit = keep(&t->unit, s, GUESTJOURNAL_MAX_NAME);
	s = field(j, "SYSLOG_IDENTIFIER");
	if (!s.n)
		s = field(j, "_COMM");
	e.identifier = keep(&t->identifier, s, GUESTJOURNAL_MAX_NAME);
	s = field(j, "MESSAGE");
	e.cut = s.n > GUESTJOURNAL_MAX_TEXT;
	e.message = keep(&t->message, s, GUESTJOURNAL_MAX_TEXT);
	*ret = e;
	return 0;
}

static int walk(sd_journal *j, const struct sdjournal_want *want,
		bool (*fn)(const struct guestjournal_entry *e, void *arg), void *arg)
{
	_cleanup_(texts_done) struct texts t = { 0 };
	const struct guestread_span *span = &want->span;
	struct guestjournal_entry e;
	uint64_t at;
	/* the entry at the very time belongs to it; previous() goes to the one before */
	int r = span->until_real_usec
			? dl_sd_journal_seek_realtime_usec(j, span->until_real_usec + 1)
			: dl_sd_journal_seek_tail(j);

	while (r >= 0 && (r = dl_sd_journal_previous(j)) > 0) {
		r = dl_sd_journal_get_realtime_usec(j, &at);
		if (r < 0)
			break;
		if (span->until_real_usec && at > span->until_real_usec) {
			/* of a file that was made for that there is no end of it */
			if (sdjournal_is_late(want))
				return -ETIME;
			continue;
		}
		if (at < span->since_real_usec)
			return 0;
		r = read_entry(j, &t, &e);
		if (r == 0 && !fn(&e, arg))
			return 0;
	}
	return r;
}

int sdjournal_walk(int fd, const struct sdjournal_want *want,
		   bool (*fn)(const struct guestjournal_entry *e, void *arg), void *arg)
{
	sd_journal *j = NULL;
	int r = dl_sd_journal_open_files_fd(&j, &fd, 1, 0);

	if (r < 0)
		return r;
	/* one byte more tells that it was cut; less is unpacked of what is compressed */
	r = dl_sd_journal_set_data_threshold(j, GUESTJOURNAL_MAX_TEXT + 1 +
							strlen("MESSAGE="));
	if (r >= 0)
		r = set_matches(j, want);
	if (r >= 0)
		r = walk(j, want, fn, arg);
	dl_sd_journal_close(j);
	return r;
}

#else /* no libsystemd */

int sdjournal_load(struct err *err)
{
	return err_set(err, -ENOENT, "this ctscope is built without libsystemd");
}

bool sdjournal_ready(void)
{
	return false;
}

int sdjournal_walk(int fd, const struct sdjournal_want *want,
		   bool (*fn)(const struct guestjournal_entry *e, void *arg), void *arg)
{
	(void)fd;
	(void)want;
	(void)fn;
	(void)arg;
	return -ENOTSUP;
}

#endif
