/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/stat.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/sys.h"
#include "guest/op.h"
#include "read/guestwire.h"

#define CHUNK ((size_t)64 << 10)

static void prepare(const struct guest_root *g, struct work *w)
{
	(void)work_open_kind(g, w, S_IFREG);
}

/* At most `max` bytes, less at the end of the file or of the time. Never mapped: a file
 * that is made shorter would end the process. */
static int read_at(const struct work *w, uint64_t at, size_t max, struct buf *ret)
{
	size_t done = 0;

	while (done < max && (!done || clock_mono_usec() < w->until_mono_usec)) {
		size_t want = MIN(max - done, CHUNK);
		ssize_t n;

		if (at + done > INT64_MAX)
			break;
		buf_reserve(ret, want);
		n = sys_pread(w->fd, ret->p + ret->n, want, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		ret->n += (size_t)n;
		done += (size_t)n;
	}
	return 0;
}

/* The mark of what stands before an offset. */
static int mark_at(const struct work *w, uint64_t offset, uint64_t *ret)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	uint64_t n = MIN(offset, (uint64_t)GUESTWIRE_MARK_BYTES);
	int r = read_at(w, offset - n, (size_t)n, &b);

	if (r == 0 && b.n < n)
		r = -ESTALE; /* it is shorter by now */
	if (r == 0)
		*ret = guestwire_mark(b.p, b.n);
	return r;
}

/* Is the file still the one of the cursor, and what was read still in front of it? */
static bool goes_on(const struct work *w)
{
	const struct guestread_cursor *c = &w->item->cursor;
	uint64_t mark;

	return c->dev == w->a.st.dev && c->ino == w->a.st.ino &&
	       c->offset <= w->a.st.size_bytes && mark_at(w, c->offset, &mark) == 0 &&
	       mark == c->mark;
}

static uint64_t start_of(struct work *w, size_t max)
{
	const struct guestread_item *it = w->item;
	uint64_t size = w->a.st.size_bytes, start = it->offset, last = num_sub(size, max);

	if (it->op == GUESTREAD_TAIL)
		return last;
	if (it->cursor.ino) {
		w->a.reset = !goes_on(w);
		start = w->a.reset ? 0 : it->cursor.offset;
	}
	if (it->newest && last > start) {
		w->a.skipped_bytes = last - start;
		start = last;
	}
	return start;
}

static int set_cursor(struct work *w)
{
	struct guestread_cursor c = { .dev = w->a.st.dev,
				      .ino = w->a.st.ino,
				      .offset = w->a.start_offset + w->data.n };
	int r = 0;

	if (w->data.n >= GUESTWIRE_MARK_BYTES)
		c.mark = guestwire_mark(w->data.p, w->data.n);
	else
		r = mark_at(w, c.offset, &c.mark);
	if (r == 0)
		w->a.next = c;
	return r;
}

static void answer(struct work *w)
{
	size_t max = MIN(w->room,
			 w->item->max_bytes ? w->item->max_bytes : GUESTREAD_MAX_BYTES);
	int r = guest_stat(w->fd, NULL, &w->a.st, NULL); /* as long as it is now */

	if (r == 0) {
		w->a.start_offset = start_of(w, max);
		r = read_at(w, w->a.start_offset, max, &w->data);
	}
	if (r == 0) {
		r = set_cursor(w);
		/* it became shorter under our eyes: no place to go on from, the next
		 * request begins anew */
		r = r == -ESTALE ? 0 : r;
	}
	if (r < 0) {
		work_fail(w, r);
		return;
	}
	w->a.data = span_tbytes(span_of(w->data.p, w->data.n));
	w->a.truncated = w->a.start_offset + w->data.n < w->a.st.size_bytes;
}

const struct op op_file = { prepare, answer };
