/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestwire.h"

#define MAGIC   0x52475443u /* "CTGR" */
#define VERSION 2u

struct head {
	uint32_t magic, version;
	uint32_t n_items, deadline_msec;
};

struct wire_item {
	uint32_t op, flags;
	uint32_t max_bytes, max_entries;
	uint64_t offset;
	struct guestread_cursor cursor;
	uint64_t since_real_usec, until_real_usec;
	uint32_t n_priorities, pad;
	uint32_t path_n, pattern_n; /* each with its NUL; pattern_n 0: none */
};

enum item_flag { CROSS = 1, ANY_TYPE = 2, NOFOLLOW = 4, NEWEST = 8, ITEM_FLAGS = 15 };

enum record_kind {
	REC_ANSWER,
	REC_WAITS,   /* for another reader of the container */
	REC_END,     /* all answers have been given */
	REC_GOES_ON, /* the other reader is gone */
	REC_OPENED,  /* everything is open */
	REC_FAILED,  /* nothing was looked at, `error` tells why */
	REC_N_KINDS,
};

struct record {
	uint32_t magic, kind;
	uint32_t index, why;
	uint32_t error, flags;
	uint32_t data_n, n_entries;
	uint32_t entries_n; /* bytes of all entries, behind the data */
	uint32_t readonly;
	struct guestread_stat st;
	uint64_t fs_magic, total_bytes, free_bytes, avail_bytes, files, files_free;
	uint64_t start_offset, skipped_bytes;
	struct guestread_cursor next;
};

enum record_flag { RESET = 1, TRUNCATED = 2, RECORD_FLAGS = 3 };

struct wire_entry {
	struct guestread_stat st;
	uint32_t name_n;
	uint32_t pad;
};

uint64_t guestwire_mark(const void *p, size_t n)
{
	const uint8_t *at = p;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	if (n > GUESTWIRE_MARK_BYTES) {
		at += n - GUESTWIRE_MARK_BYTES;
		n = GUESTWIRE_MARK_BYTES;
	}
	for (size_t i = 0; i < n; i++)
		h = (h ^ at[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Cuts `n` bytes off the front. */
static bool take(struct span *s, void *ret, size_t n)
{
	if (s->n < n)
		return false;
	memcpy(ret, s->p, n);
	*s = span_of(s->p + n, s->n - n);
	return true;
}

static bool take_span(struct span *s, size_t n, struct span *ret)
{
	if (s->n < n)
		return false;
	*ret = span_of(s->p, n);
	*s = span_of(s->p + n, s->n - n);
	return true;
}

/* ---- requests ----------------------------------------------------------------------- */

static int check_item(const struct guestread_item *it, struct err *err)
{
	if (it->op <= GUESTREAD_NOTHING || it->op >= GUESTREAD_N_OPS || !it->path)
		return err_set(err, -EINVAL, "guest-read: no such request");
	if (strlen(it->path) > GUESTREAD_MAX_PATH ||
	    (it->pattern && strlen(it->pattern) > GUESTREAD_MAX_PATH))
		return err_set(err, -ENAMETOOLONG, "guest-read: a path is too long");
	if (it->max_bytes > GUESTREAD_MAX_BYTES ||
	    it->max_entries > GUESTREAD_MAX_ENTRIES)
		return err_set(err, -E2BIG, "guest-read: more is asked for than allowed");
	if (it->span.n_priorities > 8)
		return err_set(err, -EINVAL, "guest-read: there are 8 priorities");
	return 0;
}

/* What libsystemd does with a hostile file ends the process: nothing else is lost then. */
static int check_alone(const struct guestread_request *req, struct err *err)
{
	for (size_t i = 0; i < req->n && req->n > 1; i++)
		if (req->v[i].op == GUESTREAD_JOURNAL)
			return err_set(err, -EINVAL,
				       "guest-read: a journal is asked for alone");
	return 0;
}

static uint32_t item_flags(const struct guestread_item *it)
{
	return (it->cross ? CROSS : 0u) | (it->any_type ? ANY_TYPE : 0u) |
	       (it->nofollow ? NOFOLLOW : 0u) | (it->newest ? NEWEST : 0u);
}

static void put_item(struct buf *b, const struct guestread_item *it)
{
	struct wire_item w;

	memset(&w, 0, sizeof(w));
	w.op = it->op;
	w.flags = item_flags(it);
	w.max_bytes = it->max_bytes;
	w.max_entries = it->max_entries;
	w.offset = it->offset;
	w.cursor = it->cursor;
	w.since_real_usec = it->span.since_real_usec;
	w.until_real_usec = it->span.until_real_usec;
	w.n_priorities = it->span.n_priorities;
	w.path_n = (uint32_t)strlen(it->path) + 1;
	w.pattern_n = it->pattern ? (uint32_t)strlen(it->pattern) + 1 : 0;
	buf_add(b, &w, sizeof(w));
	buf_add(b, it->path, w.path_n);
	if (it->pattern)
		buf_add(b, it->pattern, w.pattern_n);
}

static int check_head(size_t n_items, uint32_t deadline_msec, struct err *err)
{
	if (!n_items || n_items > GUESTREAD_MAX_ITEMS)
		return err_set(err, -E2BIG, "guest-read: %zu items in a request",
			       n_items);
	if (!deadline_msec || deadline_msec > GUESTREAD_MAX_MSEC)
		return err_set(err, -EINVAL, "guest-read: a deadline of %u ms",
			       deadline_msec);
	return 0;
}

int guestwire_put_request(struct buf *b, const struct guestread_request *req,
			  struct err *err)
{
	struct head h = { .magic = MAGIC, .version = VERSION };
	int r = check_head(req->n, req->deadline_msec, err);

	for (size_t i = 0; r == 0 && i < req->n; i++)
		r = check_item(&req->v[i], err);
	if (r == 0)
		r = check_alone(req, err);
	if (r < 0)
		return r;
	h.n_items = (uint32_t)req->n;
	h.deadline_msec = req->deadline_msec;
	buf_add(b, &h, sizeof(h));
	for (size_t i = 0; i < req->n; i++)
		put_item(b, &req->v[i]);
	return 0;
}

/* A text that ends with its NUL, and has no other in it. */
static bool take_text(struct span *s, uint32_t n, const char **ret)
{
	struct span text;

	if (!n || !take_span(s, n, &text) || memchr(text.p, '\0', n) != text.p + n - 1)
		return false;
	*ret = text.p;
	return true;
}

static bool take_item(struct span *s, struct guestread_item *ret)
{
	struct guestread_item it = { 0 };
	struct wire_item w;

	if (!take(s, &w, sizeof(w)) || w.op >= GUESTREAD_N_OPS ||
	    w.flags & ~(uint32_t)ITEM_FLAGS || w.pad ||
	    !take_text(s, w.path_n, &it.path) ||
	    (w.pattern_n && !take_text(s, w.pattern_n, &it.pattern)))
		return false;
	it.op = (enum guestread_op)w.op;
	it.max_bytes = w.max_bytes;
	it.max_entries = w.max_entries;
	it.offset = w.offset;
	it.cursor = w.cursor;
	it.span = (struct guestread_span){ w.since_real_usec, w.until_real_usec,
					   w.n_priorities };
	it.cross = w.flags & CROSS;
	it.any_type = w.flags & ANY_TYPE;
	it.nofollow = w.flags & NOFOLLOW;
	it.newest = w.flags & NEWEST;
	*ret = it;
	return true;
}

int guestwire_parse_request(struct span text, struct guestread_request *ret,
			    struct err *err)
{
	struct guestread_request req = { 0 };
	struct head h;
	int r;

	if (!take(&text, &h, sizeof(h)) || h.magic != MAGIC)
		return err_set(err, -EBADMSG, "guest-read: not a request");
	if (h.version != VERSION)
		return err_set(err, -EBADMSG,
			       "guest-read: a request of version %u, not %u", h.version,
			       VERSION);
	r = check_head(h.n_items, h.deadline_msec, err);
	if (r < 0)
		return r;
	req.v = xcalloc(h.n_items, sizeof(*req.v));
	req.deadline_msec = h.deadline_msec;
	for (r = 0; r == 0 && req.n < h.n_items; req.n++)
		r = take_item(&text, &req.v[req.n])
			    ? check_item(&req.v[req.n], err)
			    : err_set(err, -EBADMSG, "guest-read: item %zu is broken",
				      req.n);
	if (r == 0 && text.n)
		r = err_set(err, -EBADMSG, "guest-read: %zu bytes too many", text.n);
	if (r == 0)
		r = check_alone(&req, err);
	if (r < 0) {
		free(req.v);
		return r;
	}
	*ret = req;
	return 0;
}

/* ---- answers ------------------------------------------------------------------------ */

static void put_entries(struct buf *b, const struct guestread_answer *a)
{
	for (size_t i = 0; i < a->n_entries; i++) {
		struct wire_entry w;

		memset(&w, 0, sizeof(w));
		w.st = a->entries[i].st;
		w.name_n = a->entries[i].name.n;
		buf_add(b, &w, sizeof(w));
		buf_add(b, a->entries[i].name.p, w.name_n);
	}
}

static void record_of(const struct guestread_answer *a, struct record *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->magic = MAGIC;
	ret->why = a->why;
	ret->error = (uint32_t)a->error;
	ret->flags = (a->reset ? RESET : 0u) | (a->truncated ? TRUNCATED : 0u);
	ret->data_n = a->data.n;
	ret->n_entries = (uint32_t)a->n_entries;
	ret->readonly = a->fs.readonly;
	ret->st = a->st;
	ret->fs_magic = a->fs.magic;
	ret->total_bytes = a->fs.total_bytes;
	ret->free_bytes = a->fs.free_bytes;
	ret->avail_bytes = a->fs.avail_bytes;
	ret->files = a->fs.files;
	ret->files_free = a->fs.files_free;
	ret->start_offset = a->start_offset;
	ret->skipped_bytes = a->skipped_bytes;
	ret->next = a->next;
}

void guestwire_put_answer(struct buf *b, uint32_t index, const struct guestread_answer *a)
{
	size_t at = b->n, entries;
	struct record rec;

	record_of(a, &rec);
	rec.index = index;
	buf_add(b, &rec, sizeof(rec));
	buf_add(b, a->data.p, a->data.n);
	entries = b->n;
	put_entries(b, a);
	rec.entries_n = (uint32_t)(b->n - entries);
	memcpy(b->p + at, &rec, sizeof(rec));
}

static void put_mark(struct buf *b, enum record_kind kind, int error)
{
	struct record rec;

	memset(&rec, 0, sizeof(rec));
	rec.magic = MAGIC;
	rec.kind = kind;
	rec.error = (uint32_t)error;
	buf_add(b, &rec, sizeof(rec));
}

void guestwire_put_waits(struct buf *b)
{
	put_mark(b, REC_WAITS, 0);
}

void guestwire_put_goes_on(struct buf *b)
{
	put_mark(b, REC_GOES_ON, 0);
}

void guestwire_put_opened(struct buf *b)
{
	put_mark(b, REC_OPENED, 0);
}

void guestwire_put_failed(struct buf *b, int error)
{
	put_mark(b, REC_FAILED, error);
}

void guestwire_put_end(struct buf *b)
{
	put_mark(b, REC_END, 0);
}

static bool take_entries(struct span s, size_t n, struct guestread_answer *a)
{
	if (n > GUESTREAD_MAX_ENTRIES || n > s.n / sizeof(struct wire_entry))
		return false;
	a->entries = n ? xcalloc(n, sizeof(*a->entries)) : NULL;
	for (size_t i = 0; i < n; i++) {
		struct wire_entry w;
		struct span name;

		if (!take(&s, &w, sizeof(w)) || !take_span(&s, w.name_n, &name))
			return false;
		a->entries[a->n_entries++] = (struct guestread_entry){
			.name = span_tbytes(name),
			.st = w.st,
		};
	}
	return s.n == 0;
}

static void answer_of(const struct record *rec, struct guestread_answer *ret)
{
	*ret = (struct guestread_answer){
		.why = (enum guestread_why)rec->why,
		.error = (int)rec->error,
		.st = rec->st,
		.fs = {
			.magic = rec->fs_magic,
			.total_bytes = rec->total_bytes,
			.free_bytes = rec->free_bytes,
			.avail_bytes = rec->avail_bytes,
			.files = rec->files,
			.files_free = rec->files_free,
			.readonly = rec->readonly != 0,
		},
		.start_offset = rec->start_offset,
		.skipped_bytes = rec->skipped_bytes,
		.next = rec->next,
		.reset = rec->flags & RESET,
		.truncated = rec->flags & TRUNCATED,
	};
}

static void take_mark(const struct record *rec, struct guestread_answers *a)
{
	switch (rec->kind) {
	case REC_WAITS:
		a->waited = a->blocked = true;
		break;
	case REC_GOES_ON:
		a->blocked = false;
		break;
	case REC_OPENED:
		a->opened = true;
		break;
	case REC_FAILED:
		a->failed = (int)rec->error;
		break;
	default:
		a->complete = true;
	}
}

/* 1: the next record was taken, 0: it has not come as a whole, -EBADMSG. */
static int take_record(struct span *s, struct guestread_answers *a, size_t *ret_next)
{
	struct guestread_answer *to;
	struct span data, entries;
	struct record rec;

	if (!take(s, &rec, sizeof(rec)))
		return 0;
	if (rec.magic != MAGIC || rec.kind >= REC_N_KINDS || rec.error > 4095 ||
	    a->complete)
		return -EBADMSG;
	if (rec.kind != REC_ANSWER) {
		take_mark(&rec, a);
		return 1;
	}
	if (rec.index != *ret_next || rec.index >= a->n ||
	    rec.why >= GUESTREAD_NO_ANSWER || rec.flags & ~(uint32_t)RECORD_FLAGS ||
	    rec.data_n > GUESTREAD_MAX_BYTES)
		return -EBADMSG;
	if (!take_span(s, rec.data_n, &data) || !take_span(s, rec.entries_n, &entries))
		return 0;
	to = &a->v[(*ret_next)++];
	answer_of(&rec, to);
	to->data = span_tbytes(data);
	return take_entries(entries, rec.n_entries, to) ? 1 : -EBADMSG;
}

bool guestwire_is_opened(struct span answers)
{
	struct record rec;

	while (take(&answers, &rec, sizeof(rec)) && rec.magic == MAGIC) {
		if (rec.kind != REC_WAITS && rec.kind != REC_GOES_ON)
			return rec.kind == REC_OPENED;
	}
	return false;
}

int guestwire_take_answers(char *bytes, size_t n, size_t n_items,
			   struct guestread_answers *ret, struct err *err)
{
	struct guestread_answers a = { .n = n_items, .bytes = bytes };
	struct span s = span_of(bytes, n);
	size_t next = 0;
	int r;

	a.v = xcalloc(n_items, sizeof(*a.v));
	for (size_t i = 0; i < n_items; i++)
		a.v[i].why = GUESTREAD_NO_ANSWER;
	do
		r = take_record(&s, &a, &next);
	while (r > 0);
	if (r == 0 && a.complete && next < n_items)
		r = -EBADMSG;
	if (r < 0) {
		guestread_answers_done(&a);
		return err_set(err, r, "guest-read: its answer is broken");
	}
	*ret = a;
	return 0;
}

/* ---- patterns ----------------------------------------------------------------------- */

/* One [...] at the beginning of the pattern: its length, 0 if it has no end. */
static size_t match_set(const char *p, uint8_t c, bool *ret_fits)
{
	bool inverse = p[1] == '!', fits = false;
	size_t i = inverse ? 2 : 1, first = i;

	for (; p[i] && (p[i] != ']' || i == first); i++) {
		uint8_t from = (uint8_t)p[i], to = from;

		if (p[i + 1] == '-' && p[i + 2] && p[i + 2] != ']') {
			to = (uint8_t)p[i + 2];
			i += 2;
		}
		fits |= c >= from && c <= to;
	}
	if (!p[i])
		return 0;
	*ret_fits = fits != inverse;
	return i + 1;
}

/* One byte of the name against the front of the pattern: what it took of it, 0: no. */
static size_t match_one(const char *p, uint8_t c)
{
	bool fits;
	size_t n;

	if (*p == '?')
		return 1;
	if (*p == '[') {
		n = match_set(p, c, &fits);
		if (n)
			return fits ? n : 0;
	}
	return *p && (uint8_t)*p == c ? 1 : 0;
}

/* Only the last * is ever tried again: what an earlier one took needs no second look. */
bool guestwire_match(const char *pattern, struct span name)
{
	const char *p = pattern, *star = NULL;
	size_t i = 0, again = 0;

	while (i < name.n) {
		size_t n;

		if (*p == '*') {
			star = ++p;
			again = i;
			continue;
		}
		n = match_one(p, (uint8_t)name.p[i]);
		if (n) {
			p += n;
			i++;
		} else if (star) {
			p = star;
			i = ++again;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}
