/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/backups.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"

#define DIR_MAX    ((size_t)100000)
#define NOTES_MAX  ((size_t)4096)
#define ANSWER_MAX ((size_t)64 << 20)
#define PLACES_MAX ((size_t)64)

bool backup_cut_number(struct span *s, size_t digits, char sep, unsigned *ret)
{
	uint32_t n;

	if (s->n <= digits || s->p[digits] != sep ||
	    num_parse_u32(span_of(s->p, digits), &n) < 0)
		return false;
	*ret = n;
	s->p += digits + 1;
	s->n -= digits + 1;
	return true;
}

/* "<vmid>-YYYY_MM_DD-HH_MM_SS." in front of the extension. */
static bool cut_strict(struct span *s, uint32_t *ret_vmid, uint64_t *ret_usec)
{
	struct clock_fields f;
	struct span t = *s, id;
	uint32_t vmid;

	if (!span_cut(&t, '-', &id) || id.n < 3 || id.n > 9 || id.p[0] == '0' ||
	    num_parse_u32(id, &vmid) < 0 || !backup_cut_number(&t, 4, '_', &f.year) ||
	    !backup_cut_number(&t, 2, '_', &f.mon) ||
	    !backup_cut_number(&t, 2, '-', &f.day) ||
	    !backup_cut_number(&t, 2, '_', &f.hour) ||
	    !backup_cut_number(&t, 2, '_', &f.min) ||
	    !backup_cut_number(&t, 2, '.', &f.sec) || clock_local_usec(&f, ret_usec) < 0)
		return false;
	*ret_vmid = vmid;
	*s = t;
	return true;
}

static const char *const formats[] = {
	"tgz", "tar",    "tar.gz",  "tar.lzo", "tar.zst", "tar.bz2",
	"vma", "vma.gz", "vma.lzo", "vma.zst", "vma.bz2",
};

static const char *format_of(struct span ext)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (span_eq(ext, formats[i]))
			return formats[i];
	return NULL;
}

/* The longest known extension at the end, with at least one byte in front of its dot. */
static const char *format_at_end(struct span s)
{
	const char *best = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		size_t n = strlen(formats[i]);

		if (s.n > n + 1 && span_ends(s, formats[i]) && s.p[s.n - n - 1] == '.' &&
		    (!best || n > strlen(best)))
			best = formats[i];
	}
	return best;
}

int backupname_parse(struct span name, struct backup_archive *ret)
{
	static const struct {
		const char *prefix;
		enum backup_kind kind;
	} kinds[] = {
		{ "vzdump-lxc-", BACKUP_LXC },
		{ "vzdump-openvz-", BACKUP_OPENVZ },
		{ "vzdump-qemu-", BACKUP_QEMU },
	};
	struct backup_archive a = { 0 };
	struct span rest = name;
	const char *format;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (span_skip(&rest, kinds[i].prefix))
			break;
	if (i == ARRAY_SIZE(kinds) || memchr(name.p, '\0', name.n) ||
	    memchr(name.p, '/', name.n))
		return -EINVAL;
	a.kind = kinds[i].kind;
	if (cut_strict(&rest, &a.vmid, &a.ctime_real_usec)) {
		format = format_of(rest);
		a.standard = true;
		a.writing = span_eq(rest, "dat") || span_eq(rest, "tar.dat") ||
			    span_eq(rest, "vma.dat");
	} else {
		format = format_at_end(rest);
	}
	if (!format && !a.writing)
		return -EINVAL;
	a.file = span_dup(name);
	a.format = format ? xstrdup(format) : NULL;
	*ret = a;
	return 0;
}

/* Newest first; those without a time of their own after the others, by name. */
static int cmp_archive(const void *a, const void *b)
{
	const struct backup_archive *x = a, *y = b;

	if (x->ctime_real_usec != y->ctime_real_usec)
		return x->ctime_real_usec > y->ctime_real_usec ? -1 : 1;
	return strcmp(x->file, y->file);
}

/* --- in the process that may hang --- */

struct listing {
	int rootfd;
	const char *path, *dir; /* relative */
	uint32_t vmid;
};

/* What one archive is in the answer; the name and the notes follow it. */
struct record {
	char kind; /* 'A' an archive, 'C' the directory has more than is read */
	bool is_protected, has_log, notes_cut;
	uint32_t name_n, notes_n;
	uint64_t size_bytes, mtime_real_usec;
};

static int cmp_name(const void *key, const void *elem)
{
	return strcmp(key, *(char *const *)elem);
}

static bool has_name(const struct strv *names, const char *name)
{
	return bsearch(name, names->v, names->n, sizeof(*names->v), cmp_name) != NULL;
}

/* "vzdump-lxc-101-<stamp>.log": without the extensions of the archive. */
static bool has_log(const struct strv *names, const struct backup_archive *a)
{
	size_t cut = a->format ? strlen(a->format) : 0;
	_cleanup_free_ char *log =
		xasprintf("%.*slog", (int)(strlen(a->file) - cut), a->file);

	return cut && has_name(names, log);
}

static void read_notes(int dirfd, const char *name, struct buf *ret, bool *ret_cut)
{
	_cleanup_close_ int fd = -1;
	struct fs_stat st;

	if (fs_open_regular(dirfd, name, &st, &fd, NULL) < 0 ||
	    fs_pread_buf(fd, 0, NOTES_MAX, ret) < 0)
		return;
	*ret_cut = st.size_bytes > NOTES_MAX;
}

static int send_archive(int out, int dirfd, const struct strv *names,
			const struct backup_archive *a)
{
	_cleanup_free_ char *notes = xasprintf("%s.notes", a->file);
	_cleanup_free_ char *mark = xasprintf("%s.protected", a->file);
	_cleanup_(buf_done) struct buf text = { 0 }, b = { 0 };
	struct record rec = { .kind = 'A' };
	struct fs_stat st;

	if (fs_stat(dirfd, a->file, false, &st, NULL) < 0 || !S_ISREG(st.mode))
		return 0;
	if (has_name(names, notes))
		read_notes(dirfd, notes, &text, &rec.notes_cut);
	rec.is_protected = has_name(names, mark);
	rec.has_log = has_log(names, a);
	rec.size_bytes = st.size_bytes;
	rec.mtime_real_usec = st.mtime_real_usec;
	rec.name_n = (uint32_t)strlen(a->file);
	rec.notes_n = (uint32_t)text.n;
	buf_add(&b, &rec, sizeof(rec));
	buf_adds(&b, a->file);
	buf_add(&b, buf_str(&text), text.n);
	return fs_write_all(out, b.p, b.n);
}

static bool asked(const struct backup_archive *a, uint32_t vmid)
{
	return a->kind != BACKUP_QEMU && (!vmid || a->vmid == vmid);
}

/* The archives among the names, newest first: what does not come in time is the oldest.
 */
static void choose(const struct strv *names, uint32_t vmid, struct backup_archives *ret)
{
	size_t cap = 0;

	for (size_t i = 0; i < names->n; i++) {
		struct backup_archive a = { 0 };

		if (backupname_parse(span_str(names->v[i]), &a) < 0)
			continue;
		if (!asked(&a, vmid)) {
			backup_archive_done(&a);
			continue;
		}
		GROW(ret->v, ret->n, cap);
		ret->v[ret->n++] = a;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), cmp_archive);
}

/* A storage without its dump directory holds none; one that is not there is a fault. */
static int open_dir(const struct listing *l, int *ret)
{
	struct fs_stat st;
	int r = fs_open(l->rootfd, l->dir, O_RDONLY | O_DIRECTORY, ret, NULL);

	if (r == -ENOENT && fs_stat(l->rootfd, l->path, true, &st, NULL) == 0)
		return 0;
	return r < 0 ? r : 1;
}

static int list_child(int out, void *arg)
{
	const struct listing *l = arg;
	_cleanup_(backup_archives_done) struct backup_archives a = { 0 };
	_cleanup_(strv_done) struct strv names = { 0 };
	_cleanup_close_ int fd = -1;
	struct record cut = { .kind = 'C' };
	int r = open_dir(l, &fd);

	if (r <= 0)
		return r;
	r = fs_list(fd, ".", DIR_MAX, &names, NULL);
	if (r == -EFBIG)
		r = fs_write_all(out, &cut, sizeof(cut));
	if (r < 0)
		return r;
	strv_sort(&names);
	choose(&names, l->vmid, &a);
	for (size_t i = 0; r == 0 && i < a.n; i++)
		r = send_archive(out, fd, &names, &a.v[i]);
	return r;
}

/* --- in the program itself --- */

static bool take_record(struct span *s, struct record *ret, struct span *name,
			struct span *notes)
{
	if (s->n < sizeof(*ret))
		return false;
	memcpy(ret, s->p, sizeof(*ret));
	s->p += sizeof(*ret);
	s->n -= sizeof(*ret);
	if (ret->name_n > s->n || ret->notes_n > s->n - ret->name_n)
		return false;
	*name = span_of(s->p, ret->name_n);
	*notes = span_of(s->p + ret->name_n, ret->notes_n);
	s->p += ret->name_n + ret->notes_n;
	s->n -= ret->name_n + ret->notes_n;
	return true;
}

static void take_answer(struct span s, struct backup_storage *storage,
			struct backup_archives *ret, size_t *cap)
{
	struct span name, notes;
	struct record rec;

	while (take_record(&s, &rec, &name, &notes)) {
		struct backup_archive a = { 0 };

		storage->cut |= rec.kind == 'C';
		if (rec.kind != 'A' || backupname_parse(name, &a) < 0)
			continue;
		a.storage = xstrdup(storage->id);
		a.size_bytes = val_set(rec.size_bytes);
		a.mtime_real_usec = rec.mtime_real_usec;
		if (!a.standard)
			a.ctime_real_usec = rec.mtime_real_usec;
		a.is_protected = rec.is_protected;
		a.has_log = rec.has_log;
		a.notes = rec.notes_n ? span_dup(notes) : NULL;
		a.notes_n = rec.notes_n;
		a.notes_cut = rec.notes_cut;
		GROW(ret->v, ret->n, *cap);
		ret->v[ret->n++] = a;
	}
}

static const char *relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

static void storage_failed(struct backup_storage *s, const struct backup_place *p,
			   bool some, int r)
{
	if (r == -ETIMEDOUT && some)
		s->error = xasprintf("storage %s answers too slowly: not all of its "
				     "archives are known",
				     p->id);
	else if (r == -ETIMEDOUT)
		s->error = xasprintf("storage %s does not answer", p->id);
	else if (r == -ENOENT)
		s->error = xasprintf("storage %s: there is no %s (is it mounted?)", p->id,
				     p->path);
	else
		s->error = xasprintf("storage %s: %s: %s", p->id, p->dir, strerror(-r));
}

int backup_archives_read(int rootfd, const struct backup_place *places, size_t n,
			 uint32_t vmid, struct backup_archives *ret, struct err *err)
{
	struct guard guards[PLACES_MAX] = { 0 };
	struct backup_archives a = { 0 };
	size_t cap = 0;
	int r = 0;

	if (n > PLACES_MAX)
		return err_set(err, -EFBIG, "more than %zu storages", PLACES_MAX);
	a.storages = xcalloc(n, sizeof(*a.storages));
	a.n_storages = n;
	for (size_t i = 0; i < n; i++) {
		const struct backup_place *p = &places[i];
		struct listing l = { .rootfd = rootfd, .vmid = vmid };

		a.storages[i].id = xstrdup(p->id);
		a.storages[i].type = xstrdup(p->type ? p->type : "");
		if (!p->dir)
			continue;
		a.storages[i].dir = xstrdup(p->dir);
		l.path = relative(p->path ? p->path : p->dir);
		l.dir = relative(p->dir);
		r = guard_start(list_child, &l, BACKUP_STORAGE_TIMEOUT_USEC, &guards[i],
				err);
		if (r < 0)
			storage_failed(&a.storages[i], p, false, r);
	}
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		if (guards[i].pid <= 0)
			continue;
		r = guard_collect(&guards[i], ANSWER_MAX, &b, NULL);
		take_answer(span_of(buf_str(&b), b.n), &a.storages[i], &a, &cap);
		if (r < 0)
			storage_failed(&a.storages[i], &places[i], b.n > 0, r);
	}
	if (a.n)
		qsort(a.v, a.n, sizeof(*a.v), cmp_archive);
	*ret = a;
	return 0;
}
