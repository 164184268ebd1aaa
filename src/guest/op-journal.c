/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's journal: the files of its machine id, where systemd-journald has them, each
 * opened like any other file of the guest, then read one after the other, so that one
 * that is broken, or was made to be, hides no other.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/sys.h"
#include "guest/op.h"
#include "guest/sdjournal.h"
#include "read/guestjournal.h"

#define MAX_FILES 64   /* the newest */
#define MAX_DIRS  8    /* of machine ids, where its own is not known */
#define MAX_NAMES 4096 /* of a directory that are looked at */
#define MIN_SIZE  208  /* the oldest form of a journal's header */
#define CHUNK     ((size_t)32 << 10)
/* a file that is mapped gets its new time late */
#define MTIME_SLACK_USEC (60 * USEC_PER_SEC)

/* man:systemd-journald.service(8), FILES: persistent, and Storage=volatile */
static const char *const places[] = { "/var/log/journal", "/run/log/journal" };

struct file {
	char path[320];
	uint64_t mtime_real_usec;
	int fd;
};

struct files {
	struct file v[MAX_FILES]; /* by time, newest first */
	size_t n;
	uint32_t unread;
	enum guestread_why why; /* of a place or a file that was refused */
	int error;
	bool listed;
};

/* ---- finding and opening ------------------------------------------------------------ */

typedef void name_fn(int dir, const char *name, void *arg);

static int each_name(int dir, uint64_t until, name_fn *fn, void *arg)
{
	_cleanup_free_ char *buf = xmalloc(CHUNK);
	size_t seen = 0;

	for (;;) {
		ssize_t n = getdents64(dir, buf, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buf + at);

			if (++seen > MAX_NAMES || clock_mono_usec() >= until)
				return -EFBIG;
			fn(dir, d->d_name, arg);
			at += d->d_reclen;
		}
	}
}

static enum guestread_why open_kind(const struct guest_root *g, bool cross,
				    const char *path, uint32_t kind, int *ret,
				    int *ret_error)
{
	struct guest_how how = { .cross = cross };
	struct guestread_stat st;
	_cleanup_close_ int at = -1;
	enum guestread_why why = guest_open(g, path, &how, &at, ret_error);

	return why ? why : guest_reopen(g, at, kind, &st, ret, ret_error);
}

static bool is_id(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

/* The name of its directory, if it has one that is in order. */
static bool machine_id(const struct guest_root *g, bool cross, char ret[static 33])
{
	_cleanup_close_ int fd = -1;
	ssize_t n;
	int error;

	if (open_kind(g, cross, "/etc/machine-id", S_IFREG, &fd, &error))
		return false;
	n = sys_pread(fd, ret, 32, 0);
	ret[n > 0 ? n : 0] = '\0';
	return is_id(ret);
}

struct search {
	const struct guest_root *g;
	struct work *w;
	struct files *files;
	const char *dir;
	char ids[MAX_DIRS][33];
	size_t n_ids;
};

static bool is_journal(const char *name)
{
	return str_ends(name, ".journal") || str_ends(name, ".journal~");
}

/* In its place by time; the oldest falls out at the end. */
static void insert(struct files *f, const struct file *file)
{
	size_t i = f->n;

	f->unread += f->n == MAX_FILES;
	if (f->n == MAX_FILES && f->v[--i].mtime_real_usec >= file->mtime_real_usec)
		return;
	for (; i && f->v[i - 1].mtime_real_usec < file->mtime_real_usec; i--)
		f->v[i] = f->v[i - 1];
	f->v[i] = *file;
	f->n = MIN(f->n + 1, (size_t)MAX_FILES);
}

static void take_name(int dir, const char *name, void *arg)
{
	struct search *s = arg;
	uint64_t since = s->w->item->span.since_real_usec;
	struct file f = { .fd = -1 };
	struct guestread_stat st;
	int n;

	if (!is_journal(name) || guest_stat(dir, name, &st, NULL) < 0 ||
	    !S_ISREG(st.mode) || st.size_bytes < MIN_SIZE ||
	    st.mtime_real_usec + MTIME_SLACK_USEC < since)
		return;
	f.mtime_real_usec = st.mtime_real_usec;
	n = snprintf(f.path, sizeof(f.path), "%s/%s", s->dir, name);
	if (n > 0 && (size_t)n < sizeof(f.path))
		insert(s->files, &f);
}

static void take_id(int dir, const char *name, void *arg)
{
	struct search *s = arg;

	(void)dir;
	if (is_id(name) && s->n_ids < MAX_DIRS)
		memcpy(s->ids[s->n_ids++], name, sizeof(s->ids[0]));
}

/* Lists a directory; one that is not there is no failure. */
static void list(struct search *s, const char *path, name_fn *fn)
{
	struct files *f = s->files;
	_cleanup_close_ int dir = -1;
	int error, r = 0;
	enum guestread_why why =
		open_kind(s->g, s->w->item->cross, path, S_IFDIR, &dir, &error);

	s->dir = path;
	if (!why)
		r = each_name(dir, s->w->until_mono_usec, fn, s);
	if (r == -EFBIG)
		f->unread++;
	else if (r < 0)
		why = guest_why(error = -r);
	if (!why) {
		f->listed = true;
	} else if (why != GUESTREAD_ABSENT) {
		f->why = why;
		f->error = error;
	}
}

static void find(struct search *s)
{
	bool known = machine_id(s->g, s->w->item->cross, s->ids[0]);
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		s->n_ids = known;
		if (!known)
			list(s, places[i], take_id);
		for (size_t k = 0; k < s->n_ids; k++) {
			snprintf(path, sizeof(path), "%s/%s", places[i], s->ids[k]);
			list(s, path, take_name);
		}
	}
}

static void prepare(const struct guest_root *g, struct work *w)
{
	struct files *f = w->own = xcalloc(1, sizeof(*f));
	struct search s = { .g = g, .w = w, .files = f };

	if (!sdjournal_ready()) {
		work_fail(w, -ENOSYS);
		return;
	}
	find(&s);
	for (size_t i = 0; i < f->n; i++) {
		enum guestread_why why;
		int error;

		if (clock_mono_usec() >= w->until_mono_usec)
			why = GUESTREAD_LATE;
		else
			why = open_kind(g, w->item->cross, f->v[i].path, S_IFREG,
					&f->v[i].fd, &error);
		f->unread += why != GUESTREAD_OK;
		f->why = why ? why : f->why;
	}
	if (f->listed)
		return;
	w->a.why = f->why ? f->why : GUESTREAD_ABSENT;
	w->a.error = f->error;
}

/* ---- reading ------------------------------------------------------------------------ */

struct pick {
	char *bytes;
	size_t n;
	uint64_t real_usec;
};

/* Newest first. */
struct picks {
	struct pick *v;
	size_t n, cap, bytes;
};

struct collect {
	struct work *w;
	struct sdjournal_want want;
	size_t max;
	struct picks kept, more; /* of the files before; of the one that is read */
	bool full;               /* what is older than the last one kept is not wanted */
	bool truncated, late;
};

static bool has_room(const struct collect *c, const struct picks *p, size_t n)
{
	return p->n < c->max && GUESTJOURNAL_HEAD + p->bytes + n <= c->w->room;
}

static void add(struct picks *p, struct pick pick)
{
	GROW(p->v, p->n, p->cap);
	p->v[p->n++] = pick;
	p->bytes += pick.n;
}

static bool take_entry(const struct guestjournal_entry *e, void *arg)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct collect *c = arg;

	c->late = sdjournal_is_late(&c->want);
	if (c->late || !has_room(c, &c->more, guestjournal_size(e)) ||
	    (c->full && e->real_usec < c->kept.v[c->kept.n - 1].real_usec)) {
		c->truncated = true;
		return false;
	}
	guestjournal_put(&b, e);
	add(&c->more, (struct pick){ b.p, b.n, e->real_usec });
	b.p = NULL;
	return true;
}

/* Both into one, what has no room at its old end is dropped. */
static void merge(struct collect *c)
{
	struct picks all = { 0 }, *a = &c->kept, *b = &c->more;
	size_t i = 0, k = 0;

	c->full = false; /* it was, of one of the two */
	while (i < a->n || k < b->n) {
		bool first =
			k == b->n || (i < a->n && a->v[i].real_usec >= b->v[k].real_usec);
		struct pick p = first ? a->v[i++] : b->v[k++];

		c->full |= !has_room(c, &all, p.n);
		if (c->full) {
			free(p.bytes);
			c->truncated = true;
		} else {
			add(&all, p);
		}
	}
	free(a->v);
	free(b->v);
	*b = (struct picks){ 0 };
	*a = all;
	c->full = a->n && (c->full || a->n == c->max);
}

/* What it was too late for: its entries are missing among those of the others. */
static void add_unread(struct guestjournal *head)
{
	head->unread++;
	if (!head->unread_why)
		head->unread_why = GUESTREAD_LATE;
}

static void read_file(struct collect *c, int fd, struct guestjournal *head)
{
	int r = sdjournal_walk(fd, &c->want, take_entry, c);

	head->broken += r < 0 && r != -ETIME;
	if (r == -ETIME)
		c->late = c->truncated = true;
	/* of the first one it goes on where it was given up */
	if (c->late && head->files)
		add_unread(head);
	head->files++;
	merge(c);
}

static void read_files(struct collect *c, const struct files *f,
		       struct guestjournal *head)
{
	head->unread = f->unread;
	head->unread_why = f->why;
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].fd < 0)
			continue;
		if (c->late)
			add_unread(head);
		else
			read_file(c, f->v[i].fd, head);
	}
}

static void answer(struct work *w)
{
	struct collect c = { .w = w,
			     .max = w->item->max_entries ? w->item->max_entries
							 : GUESTREAD_MAX_ENTRIES,
			     .want = { .unit = w->item->pattern,
				       .span = w->item->span,
				       .until_mono_usec = w->until_mono_usec,
				       .until_cpu_usec = w->until_cpu_usec } };
	struct guestjournal head = { 0 };

	/* descriptors are left as they are: which version closes them is its own choice */
	if (w->item->max_bytes)
		w->room = MIN(w->room, w->item->max_bytes);
	read_files(&c, w->own, &head);
	guestjournal_put_head(&w->data, &head);
	for (size_t i = 0; i < c.kept.n; i++) {
		buf_add(&w->data, c.kept.v[i].bytes, c.kept.v[i].n);
		free(c.kept.v[i].bytes);
	}
	/* nothing was found, but not all was looked at either */
	if (c.late && !c.kept.n)
		w->a.why = GUESTREAD_LATE;
	free(c.kept.v);
	w->a.data = span_tbytes(span_of(w->data.p, w->data.n));
	w->a.truncated = c.truncated;
}

const struct op op_journal = { prepare, answer };
