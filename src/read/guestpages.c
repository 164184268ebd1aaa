/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestpages.h"

#include "base/num.h"
#include "read/guestjournal.h"

#define JOURNAL_MSEC 2000
#define MAX_PAGES    32
#define MAX_LATE     4 /* of those: each took all of its time, which is more on a busy node */
/* so late may come what another program wrote: journald has a file for each user */
#define LATE_USEC ((uint64_t)2000000)

static bool was_given(const struct guestpages *g, uint64_t id)
{
	if (!id)
		return false;
	for (size_t i = 0; i < MIN(g->n_ids, (size_t)GUESTPAGES_IDS); i++)
		if (g->ids[i] == id)
			return true;
	return false;
}

static const char *keep_name(struct loglines *l, struct tbytes t)
{
	_cleanup_free_ char *s = t.n ? xstrndup((const char *)t.p, t.n) : NULL;

	return loglines_keep_str(l, s);
}

/* How much longer it is nobody knows: it is not unpacked any further. */
static struct tbytes keep_cut(struct loglines *l, struct span line)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_add(&b, line.p, line.n);
	buf_adds(&b, " [cut]");
	return loglines_keep(l, b.p, b.n);
}

/* The entry as lines, those of its message backwards. */
static void add_entry(const struct guestjournal_entry *e, const struct log_want *want,
		      struct loglines *ret)
{
	struct span msg = span_of((const char *)e->message.p, e->message.n), line;
	struct logline proto = { .time_real_usec = e->real_usec,
				 .time_kind = LOG_TIME_EXACT,
				 .source = LOG_GUEST,
				 .level = log_level_of(e->priority),
				 .pid = e->pid };
	size_t start = ret->n;

	proto.origin = keep_name(ret, e->identifier);
	proto.unit = keep_name(ret, e->unit);
	while (span_line(&msg, &line)) {
		struct logline l = proto;

		l.text = span_tbytes(line);
		if (!line.n || !log_want_has(want, &l))
			continue;
		l.text = e->cut && !msg.n ? keep_cut(ret, line)
					  : loglines_keep(ret, line.p, line.n);
		loglines_add(ret, l);
	}
	loglines_reverse(ret, start);
}

struct page {
	uint64_t oldest_real_usec;
	size_t n, fresh; /* entries, and those that were not given before */
	bool more;       /* there may be older ones */
	bool late;       /* for these its time was up */
};

static void take_entries(struct guestpages *g, const struct guestjournal *j,
			 const struct guestread_span *asked, const struct log_want *want,
			 struct loglines *ret, struct page *p)
{
	uint64_t newest = g->newest_real_usec;

	p->oldest_real_usec = UINT64_MAX;
	p->n = j->n;
	for (size_t i = 0; i < j->n; i++) {
		const struct guestjournal_entry *e = &j->v[i];

		p->oldest_real_usec = MIN(p->oldest_real_usec, e->real_usec);
		g->newest_real_usec = MAX(g->newest_real_usec, e->real_usec);
		/* the pages of one reading meet in one point of time, polls overlap */
		if ((g->polling ? e->real_usec <= newest
				: e->real_usec == asked->until_real_usec) &&
		    was_given(g, e->id))
			continue;
		g->ids[g->n_ids++ % GUESTPAGES_IDS] = e->id;
		p->fresh++;
		add_entry(e, want, ret);
	}
}

static void say_journal(struct guestpages *g, const struct guestjournal *j,
			struct guestlog_said *said)
{
	said->has_journal |= j->files > j->broken || j->n;
	if (j->broken)
		guestask_say(
			said, &g->told,
			xasprintf(
				"journal inside: %u of %u files could not be read to the "
				"end",
				j->broken, j->files));
	if (j->unread)
		guestask_say(said, &g->told,
			     xasprintf("journal inside: files were left out: %u%s%s",
				       j->unread, j->unread_why ? ", " : "",
				       j->unread_why ? guestread_why_text(j->unread_why)
						     : ""));
}

/* So many of the most urgent priorities; 0: all, and entries that have none (they count as
 * info). Fewer entries than there are come only where all that come are wanted. */
static uint32_t priorities(const struct log_want *want)
{
	return want->to_level < LOG_LEVEL_INFO ? (uint32_t)want->to_level : 0;
}

static bool chooses(const struct log_want *want)
{
	return want->match || want->from_level > LOG_LEVEL_EMERG ||
	       (want->to_level != LOG_LEVEL_NONE && !priorities(want));
}

static struct guestread_item journal_item(const struct guestpages *g,
					  const struct log_want *want, uint64_t since,
					  uint64_t until)
{
	return (struct guestread_item){
		.op = GUESTREAD_JOURNAL,
		.path = "",
		.pattern = g->unit,
		.max_entries = want->max_lines && !chooses(want)
				       ? (uint32_t)MIN(want->max_lines,
						       (size_t)GUESTREAD_MAX_ENTRIES)
				       : 0,
		.span = { .since_real_usec = since,
			  .until_real_usec = until,
			  .n_priorities = priorities(want) },
	};
}

/* It ends where there was no room for one more. */
static bool was_full(const struct guestread_item *item, const struct guestread_answer *a,
		     size_t n)
{
	return n >= (item->max_entries ? item->max_entries : GUESTREAD_MAX_ENTRIES) ||
	       a->data.n + GUESTJOURNAL_MAX_ENTRY > GUESTREAD_MAX_BYTES;
}

/* 0 and the page; 1: there is no journal; a negative errno: it was said why. */
static int read_page(struct guestpages *g, const struct guestread_target *target,
		     const struct guestread_item *what, const struct log_want *want,
		     struct loglines *ret, struct guestlog_said *said, struct page *page)
{
	_cleanup_(guestread_answers_done) struct guestread_answers a = { 0 };
	_cleanup_(guestjournal_done) struct guestjournal j = { 0 };
	struct guestread_item item = *what;
	struct err err = { 0 };
	int r;

	if (guestask_is_away(g->ask, target, "/var/log/journal", said))
		return 1;
	item.cross = guestask_crosses(target);
	r = guestask_items(g->ask, target, &item, 1, JOURNAL_MSEC, &a, &err);

	/* its files change as it writes: once is bad luck */
	if (r == -EIO) {
		guestread_answers_done(&a);
		r = guestask_items(g->ask, target, &item, 1, JOURNAL_MSEC, &a, &err);
	}
	if (r == 0 && a.v[0].why == GUESTREAD_ABSENT)
		return 1;
	/* nothing of it was given: that is asked for again */
	if (r == 0 && a.v[0].why == GUESTREAD_LATE && g->polling &&
	    guestask_may_pass(&g->late, -ETIMEDOUT))
		return -EAGAIN;
	if (r == 0 && a.v[0].why) {
		guestask_say(
			said, &g->told,
			xasprintf("journal inside: %s",
				  a.v[0].error == ENOSYS
					  ? "libsystemd is not installed on this node"
					  : guestread_why_text(a.v[0].why)));
		return -EIO;
	}
	if (r == 0)
		r = guestjournal_parse(a.v[0].data, &j, &err);
	if (r < 0) {
		if (!g->polling || !guestask_may_pass(&g->late, r))
			guestask_say_failed(target, said, &g->told, "journal inside", r,
					    &err);
		return r;
	}
	g->late = 0;
	say_journal(g, &j, said);
	take_entries(g, &j, &item.span, want, ret, page);
	page->more = a.v[0].truncated && j.n;
	page->late = page->more && !was_full(&item, &a.v[0], j.n);
	return 0;
}

/* Of a log that is too long that is said by who shows it, if all of it was wanted. */
static void say_cut(struct guestpages *g, const struct log_want *want,
		    struct loglines *ret, struct guestlog_said *said)
{
	ret->cut = true;
	if (want->max_lines)
		guestask_say(said, &g->told,
			     xstrdup("journal inside: not all of it was looked at"));
}

void guestpages_read(struct guestpages *g, const struct guestread_target *target,
		     const struct log_want *want, struct loglines *ret,
		     struct guestlog_said *said)
{
	uint64_t until = want->until_real_usec;
	size_t start = ret->n;
	unsigned late = 0;

	g->first_real_usec = g->newest_real_usec = until;
	for (unsigned i = 0;; i++) {
		struct guestread_item item =
			journal_item(g, want, want->since_real_usec, until);
		struct page page = { 0 };

		if (read_page(g, target, &item, want, ret, said, &page) ||
		    (want->max_lines && ret->n - start >= want->max_lines) || !page.more)
			break;
		late += page.late;
		if (i == MAX_PAGES || late == MAX_LATE) {
			say_cut(g, want, ret, said);
			break;
		}
		/* more of one time than an answer holds */
		ret->cut |= !page.fresh;
		/* from the oldest one on, which may share its time with others */
		until = page.fresh ? page.oldest_real_usec
				   : num_sub(page.oldest_real_usec, 1);
	}
	loglines_reverse(ret, start);
	log_keep_wanted(ret, start, want);
}

/*
 * What is asked again at each poll was given before; none of the first reading is. What
 * is of a time that has not come is not new: a clock that was wrong must not hide what
 * comes after it was set.
 */
void guestpages_poll(struct guestpages *g, const struct guestread_target *target,
		     const struct log_want *want, uint64_t now_real_usec,
		     struct loglines *ret, struct guestlog_said *said)
{
	uint64_t since =
		MAX(num_sub(g->newest_real_usec, LATE_USEC), g->first_real_usec + 1);
	struct guestread_item item =
		journal_item(g, want, since, now_real_usec + LATE_USEC);
	size_t start = ret->n;
	struct page page = { 0 };

	g->polling = true;
	if (read_page(g, target, &item, want, ret, said, &page) == 0 && page.more &&
	    page.fresh == page.n)
		guestask_say(
			said, &g->told,
			xstrdup("journal inside: grows too fast, lines of it are left out"));
	loglines_reverse(ret, start);
}
