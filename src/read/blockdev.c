/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/blockdev.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/num.h"
#include "read/blockname.h"
#include "read/mountinfo.h"

#define MAX_DEVS        512
#define MAX_LOWER       64
#define MAX_MOUNTS_SIZE ((size_t)4 << 20)
#define MAX_DISKSTATS   ((size_t)1 << 20)

static void blockdev_done(struct blockdev *d)
{
	free(d->name);
	free(d->label);
	free(d->lower);
}

void blockdevs_done(struct blockdevs *d)
{
	for (size_t i = 0; i < d->n; i++)
		blockdev_done(&d->v[i]);
	free(d->v);
	*d = (struct blockdevs){ 0 };
}

static bool same(struct blockid a, struct blockid b)
{
	return a.major == b.major && a.minor == b.minor;
}

static size_t find(const struct blockdevs *d, struct blockid id)
{
	for (size_t i = 0; i < d->n; i++)
		if (same(d->v[i].id, id))
			return i;
	return SIZE_MAX;
}

const struct blockdev *blockdev_find(const struct blockdevs *d, struct blockid id)
{
	size_t i = find(d, id);

	return i == SIZE_MAX ? NULL : &d->v[i];
}

/* "253:4" */
static int parse_id(struct span s, struct blockid *ret)
{
	struct span major;

	if (!memchr(s.p, ':', s.n) || !span_cut(&s, ':', &major))
		return -EINVAL;
	if (num_parse_u32(major, &ret->major) < 0 || num_parse_u32(s, &ret->minor) < 0)
		return -EINVAL;
	return 0;
}

char *blockdev_lvm_name(struct span dm)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	bool layer = false;
	unsigned parts = 1;

	/* a single '-' separates group, volume and layer; one that is meant is doubled */
	for (size_t i = 0; i < dm.n; i++) {
		if (dm.p[i] != '-') {
			buf_addc(&b, dm.p[i]);
			continue;
		}
		if (i + 1 < dm.n && dm.p[i + 1] == '-') {
			buf_addc(&b, '-');
			i++;
			continue;
		}
		if (i == 0 || i + 1 == dm.n || ++parts > 3)
			return NULL;
		buf_adds(&b, layer ? " (" : "/");
		layer = true;
	}
	if (parts < 2)
		return NULL;
	if (parts == 3)
		buf_addc(&b, ')');
	return xstrdup(buf_str(&b));
}

static char *dir_of(struct blockid id)
{
	return xasprintf("sys/dev/block/%u:%u", id.major, id.minor);
}

/* A partition's disk; the disk itself else. */
static int disk_at(int rootfd, const char *dir, struct blockid *ret)
{
	_cleanup_free_ char *part = blockname_attr(rootfd, dir, "partition");
	_cleanup_free_ char *dev = blockname_attr(rootfd, dir, part ? "../dev" : "dev");

	return dev ? parse_id(span_str(dev), ret) : -ENOENT;
}

static void add_lower(struct blockdev *d, struct blockid id)
{
	for (size_t i = 0; i < d->n_lower; i++)
		if (same(d->lower[i], id))
			return; /* two partitions of one disk */
	d->lower = xreallocarray(d->lower, d->n_lower + 1, sizeof(*d->lower));
	d->lower[d->n_lower++] = id;
}

static void read_lower(int rootfd, const char *dir, struct blockdev *d)
{
	_cleanup_free_ char *list = xasprintf("%s/slaves", dir);
	_cleanup_(strv_done) struct strv names = { 0 };
	bool known = true;

	if (fs_list(rootfd, list, MAX_LOWER, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *at = xasprintf("%s/%s", list, names.v[i]);
		struct blockid id;

		if (disk_at(rootfd, at, &id) < 0)
			known = false;
		else
			add_lower(d, id);
	}
	d->lower_known = known;
}

static bool path_below(const char *path, const char *dir, size_t *ret_len)
{
	size_t n = strlen(dir);

	if (n && dir[n - 1] == '/')
		n--;
	*ret_len = n;
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || !path[n]);
}

/* The file system that a path of the host lies on: the longest mount point, the last of
 * them. */
static bool mount_of(struct span text, const char *path, struct mountinfo_line *ret)
{
	struct span line;
	size_t best = 0;
	bool found = false;

	while (span_line(&text, &line)) {
		_cleanup_(buf_done) struct buf point = { 0 };
		struct mountinfo_line m;
		size_t len;

		if (!mountinfo_line(line, &m))
			continue;
		mountinfo_decode(m.point, &point);
		if (!path_below(path, buf_str(&point), &len) || (found && len < best))
			continue;
		best = len;
		found = true;
		*ret = m;
	}
	return found;
}

/* A file system whose I/O reaches no block device in the name of this cgroup. */
static bool is_deviceless(struct span fstype)
{
	static const char *const types[] = { "nfs", "nfs4",  "cifs", "smb3",    "ceph",
					     "zfs", "tmpfs", "9p",   "virtiofs" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (span_eq(fstype, types[i]))
			return true;
	return span_starts(fstype, "fuse");
}

/* Below a loop device is the disk of the file system that its file lies on. */
static void read_loop(int rootfd, _unused_ const char *dir, struct blockname *b,
		      struct blockdev *d)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	_cleanup_free_ char *at = NULL;
	struct mountinfo_line m;
	struct blockid id;

	d->label = take_ptr(b->file);
	if (!d->label)
		return; /* not in use: nothing below it, slaves/ said so */
	d->lower_known = false;
	if (fs_read_file(rootfd, "proc/1/mountinfo", MAX_MOUNTS_SIZE, &text, NULL) < 0 ||
	    !mount_of(span_of(buf_str(&text), text.n), d->label, &m))
		return;
	if (is_deviceless(m.fstype)) {
		d->lower_known = true;
		return;
	}
	at = dir_of((struct blockid){ m.major, m.minor });
	if (m.major && disk_at(rootfd, at, &id) == 0) {
		add_lower(d, id);
		d->lower_known = true;
	}
}

static void read_dm(int rootfd, const char *dir, _unused_ struct blockname *b,
		    struct blockdev *d)
{
	_cleanup_free_ char *name = blockname_attr(rootfd, dir, "dm/name");
	_cleanup_free_ char *uuid = blockname_attr(rootfd, dir, "dm/uuid");

	if (name && uuid && str_starts(uuid, "LVM-"))
		d->label = blockdev_lvm_name(span_str(name));
	if (!d->label)
		d->label = take_ptr(name);
}

/* As `rbd` has it: "pool/image", "pool/namespace/image". */
static void read_rbd(_unused_ int rootfd, _unused_ const char *dir, struct blockname *b,
		     struct blockdev *d)
{
	if (b->pool && b->image)
		d->label = xasprintf("%s/%s%s%s", b->pool, b->ns ? b->ns : "",
				     b->ns ? "/" : "", b->image);
}

static const struct {
	const char *prefix;
	void (*read)(int rootfd, const char *dir, struct blockname *b,
		     struct blockdev *d);
} drivers[] = { { "dm-", read_dm }, { "loop", read_loop }, { "rbd", read_rbd } };

static void read_one(int rootfd, struct blockdev *d)
{
	_cleanup_(blockname_done) struct blockname b = { 0 };
	_cleanup_free_ char *dir = dir_of(d->id);

	blockname_read(rootfd, d->id.major, d->id.minor, &b);
	if (!b.name)
		return;
	read_lower(rootfd, dir, d);
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (str_starts(b.name, drivers[i].prefix))
			drivers[i].read(rootfd, dir, &b, d);
	d->name = take_ptr(b.name);
}

static void want(struct blockdevs *d, struct blockid id)
{
	if (d->n < MAX_DEVS && find(d, id) == SIZE_MAX)
		d->v[d->n++] = (struct blockdev){ .id = id };
}

void blockdev_parse_diskstats(struct span text, blockdev_each_fn *each, void *arg)
{
	struct span line, f[3];

	while (span_line(&text, &line)) {
		struct blockid id;

		if (!span_field(&line, &f[0]) || !span_field(&line, &f[1]) ||
		    !span_field(&line, &f[2]))
			continue;
		if (num_parse_u32(f[0], &id.major) < 0 ||
		    num_parse_u32(f[1], &id.minor) < 0)
			continue;
		each(id, f[2], arg);
	}
}

static void name_it(struct blockid id, struct span name, void *arg)
{
	struct blockdevs *d = arg;
	size_t i = find(d, id);

	if (i != SIZE_MAX && !d->v[i].name)
		d->v[i].name = span_dup(name);
}

static void read_diskstats(int rootfd, struct blockdevs *d)
{
	_cleanup_(buf_done) struct buf text = { 0 };

	for (size_t i = 0; i < d->n; i++)
		if (!d->v[i].name) {
			if (fs_read_file(rootfd, "proc/diskstats", MAX_DISKSTATS, &text,
					 NULL) == 0)
				blockdev_parse_diskstats(span_of(buf_str(&text), text.n),
							 name_it, d);
			return;
		}
}

int blockdev_read(int rootfd, const struct cg_io *io, struct blockdevs *ret,
		  _unused_ struct err *err)
{
	struct blockdevs d = { .v = xcalloc(MAX_DEVS, sizeof(*d.v)) };

	for (size_t i = 0; i < io->n; i++)
		want(&d, (struct blockid){ io->v[i].major, io->v[i].minor });
	/* the list grows by what lies below: each device is read once, so a cycle ends */
	for (size_t i = 0; i < d.n; i++) {
		read_one(rootfd, &d.v[i]);
		for (size_t j = 0; j < d.v[i].n_lower; j++)
			want(&d, d.v[i].lower[j]);
	}
	read_diskstats(rootfd, &d);
	*ret = d;
	return 0;
}

void blockdev_label_mounts(struct blockdevs *d, struct span text)
{
	struct span line;

	while (span_line(&text, &line)) {
		_cleanup_(buf_done) struct buf source = { 0 };
		struct mountinfo_line m;
		struct span s;
		size_t i;

		if (!mountinfo_line(line, &m))
			continue;
		i = find(d, (struct blockid){ m.major, m.minor });
		if (i == SIZE_MAX || d->v[i].label)
			continue;
		mountinfo_decode(m.source, &source);
		s = span_of(buf_str(&source), source.n);
		if (!span_skip(&s, "/dev/mapper/"))
			continue;
		/* no uuid here to tell LVM from others: its doubled '-' does */
		if (span_find(s, "--"))
			d->v[i].label = blockdev_lvm_name(s);
		if (!d->v[i].label)
			d->v[i].label = span_dup(s);
	}
}

static struct blockid id_of(const struct cg_io_dev *l)
{
	return (struct blockid){ l->major, l->minor };
}

static bool has_bytes(const struct cg_io_dev *l)
{
	return val_or(l->rbytes, 0) || val_or(l->wbytes, 0);
}

/* The device's line in io.stat, SIZE_MAX: it has none. */
static size_t line_of(const struct cg_io *io, struct blockid id)
{
	for (size_t i = 0; i < io->n; i++)
		if (same(id_of(&io->v[i]), id))
			return i;
	return SIZE_MAX;
}

/*
 * Marks every device that one with I/O lies on, over unlisted ones too. False: of one of
 * them it is not known what is below.
 */
static bool mark_covered(const struct cg_io *io, const struct blockdevs *d, bool *covered)
{
	_cleanup_free_ size_t *queue = xcalloc(d->n, sizeof(*queue));
	_cleanup_free_ bool *queued = xcalloc(d->n, sizeof(*queued));
	bool known = true;
	size_t n = 0;

	for (size_t i = 0; i < io->n; i++) {
		size_t at = find(d, id_of(&io->v[i]));

		if (!has_bytes(&io->v[i]))
			continue;
		if (at == SIZE_MAX)
			return false;
		if (!queued[at])
			queue[n++] = at;
		queued[at] = true;
	}
	for (size_t head = 0; head < n; head++) {
		const struct blockdev *dev = &d->v[queue[head]];

		known &= dev->lower_known;
		for (size_t j = 0; j < dev->n_lower; j++) {
			size_t low = find(d, dev->lower[j]);

			if (low == SIZE_MAX)
				return false;
			covered[low] = true;
			if (!queued[low])
				queue[n++] = low;
			queued[low] = true;
		}
	}
	return known;
}

/*
 * What reached a lower device beside what came through the devices on it. Only where each
 * of those lies on nothing else is every byte of theirs also one of its own.
 */
static void add_excess(const struct cg_io *io, const struct blockdevs *d,
		       const struct cg_io_dev *line, uint64_t *r, uint64_t *w)
{
	uint64_t above_r = 0, above_w = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct blockdev *up = &d->v[i];
		bool on_it = false;
		size_t l;

		for (size_t j = 0; j < up->n_lower && !on_it; j++)
			on_it = same(up->lower[j], id_of(line));
		if (!on_it)
			continue;
		l = line_of(io, up->id);
		if (l == SIZE_MAX)
			continue; /* every level counts: nothing went through it */
		if (up->n_lower != 1)
			return;
		above_r += val_or(io->v[l].rbytes, 0);
		above_w += val_or(io->v[l].wbytes, 0);
	}
	*r += num_sub(val_or(line->rbytes, 0), above_r);
	*w += num_sub(val_or(line->wbytes, 0), above_w);
}

static void count_stack(const struct cg_io *io, const struct blockdevs *d,
			const bool *covered, struct io_true *t, bool *counted)
{
	uint64_t r = 0, w = 0;

	for (size_t i = 0; i < io->n; i++) {
		const struct cg_io_dev *l = &io->v[i];
		size_t at = find(d, id_of(l));
		uint64_t before_r = r, before_w = w;
		bool top = at == SIZE_MAX || !covered[at];

		if (top) {
			r += val_or(l->rbytes, 0);
			w += val_or(l->wbytes, 0);
		} else {
			add_excess(io, d, l, &r, &w);
		}
		if (counted)
			counted[i] = top || r != before_r || w != before_w;
	}
	*t = (struct io_true){ IO_TRUE_STACK, val_set(r), val_set(w) };
}

void blockdev_true(const struct cg_io *io, const struct blockdevs *devs,
		   struct io_true *ret, bool *counted)
{
	_cleanup_free_ bool *covered = xcalloc(devs->n, sizeof(*covered));
	const struct cg_io_dev *busy = NULL;
	size_t n_busy = 0;

	*ret = (struct io_true){ 0 };
	if (!io->present)
		return;
	if (mark_covered(io, devs, covered)) {
		count_stack(io, devs, covered, ret, counted);
		return;
	}
	for (size_t i = 0; i < io->n; i++) {
		if (counted)
			counted[i] = true;
		if (!has_bytes(&io->v[i]))
			continue;
		busy = &io->v[i];
		n_busy++;
	}
	if (n_busy == 1)
		*ret = (struct io_true){ IO_TRUE_SINGLE, val_set(val_or(busy->rbytes, 0)),
					 val_set(val_or(busy->wbytes, 0)) };
}

const char *io_true_method_name(enum io_true_method m)
{
	static const char *const names[] = { "unknown", "single", "stack" };

	return names[m];
}
