/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pmxops.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "fusewire.h"

#define MAX_NODES 65536
#define MAX_FILE  (1 << 20)
#define MAX_READ  (1 << 20)
#define FH_DOT    ((uint64_t)1 << 32)

static struct pmxview view;
static int fuse = -1;
static char *node_path[MAX_NODES]; /* by number; 1 is the root; NULL: removed */
static uint64_t n_nodes;

static void answer(uint64_t unique, int error, const void *data, size_t size)
{
	fusewire_answer(fuse, unique, error, data, size);
}

/* ---- nodes ---------------------------------------------------------------------------
 */

static uint64_t node_of(const char *path)
{
	for (uint64_t i = 1; i <= n_nodes; i++)
		if (node_path[i] && strcmp(node_path[i], path) == 0)
			return i;
	if (n_nodes + 1 >= MAX_NODES)
		return 0;
	node_path[++n_nodes] = strdup(path);
	return n_nodes;
}

static const char *path_of(uint64_t node)
{
	return node && node <= n_nodes ? node_path[node] : NULL;
}

static void node_removed(const char *path)
{
	for (uint64_t i = 1; i <= n_nodes; i++)
		if (node_path[i] && strcmp(node_path[i], path) == 0) {
			free(node_path[i]);
			node_path[i] = NULL;
		}
}

static void node_renamed(const char *from, const char *to)
{
	size_t n = strlen(from);
	char path[4096];

	node_removed(to);
	for (uint64_t i = 1; i <= n_nodes; i++) {
		if (!node_path[i] || strncmp(node_path[i], from, n) != 0 ||
		    (node_path[i][n] && node_path[i][n] != '/'))
			continue;
		snprintf(path, sizeof(path), "%s%s", to, node_path[i] + n);
		free(node_path[i]);
		node_path[i] = strdup(path);
	}
}

/* False: the directory is gone, and it was told. */
static bool join(const struct fuse_in_header *h, uint64_t dir, const char *name,
		 char *ret, size_t size)
{
	const char *p = path_of(dir);

	if (p)
		snprintf(ret, size, "%s%s%s", p, *p ? "/" : "", name);
	else
		answer(h->unique, -ESTALE, NULL, 0);
	return p;
}

/* As libfuse has it by default: known for a second. */
static struct fuse_attr attr_of(uint64_t node, const struct stat *st)
{
	return (struct fuse_attr){ .ino = node,
				   .size = (uint64_t)st->st_size,
				   .blocks = (uint64_t)st->st_blocks,
				   .atime = (uint64_t)st->st_mtime,
				   .mtime = (uint64_t)st->st_mtime,
				   .ctime = (uint64_t)st->st_mtime,
				   .mode = st->st_mode,
				   .nlink = (uint32_t)st->st_nlink,
				   .uid = st->st_uid,
				   .gid = st->st_gid,
				   .blksize = 4096 };
}

static int entry_of(const char *path, struct fuse_entry_out *ret)
{
	struct stat st;
	int r = pmxview_stat(&view, path, &st);

	if (r < 0)
		return r;
	*ret = (struct fuse_entry_out){ .nodeid = node_of(path),
					.entry_valid = 1,
					.attr_valid = 1 };
	ret->attr = attr_of(ret->nodeid, &st);
	return 0;
}

static void answer_entry(uint64_t unique, const char *path)
{
	struct fuse_entry_out e;
	int r = entry_of(path, &e);

	answer(unique, r, &e, r < 0 ? 0 : sizeof(e));
}

/* ---- what may be changed -------------------------------------------------------------
 */

/* 0: it may be. Dot files and links are pmxcfs' own. */
static int check_change(const char *path)
{
	if (!view.quorate || pmxview_dot(path) >= 0)
		return -EACCES;
	return pmxview_link(&view, path) ? -EPERM : 0;
}

/* errno of a system call that gave `r`, and what it changed */
static int changed(int r, const char *path)
{
	if (r < 0)
		return -errno;
	pmxview_changed(path);
	return 0;
}

static int make(uint32_t opcode, const char *path, int *ret_fd)
{
	int r = check_change(path);

	if (r < 0)
		return r;
	if (pmxview_is_taken(&view, path, NULL))
		return -EEXIST;
	if (opcode == FUSE_MKDIR)
		return changed(mkdirat(view.dir, path, 0755), path);
	*ret_fd = openat(view.dir, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return changed(*ret_fd, path);
}

static void do_make(struct fuse_in_header *h, const char *name)
{
	struct {
		struct fuse_entry_out e;
		struct fuse_open_out o;
	} out = { .o = { .open_flags = FOPEN_DIRECT_IO } };
	bool opens = h->opcode == FUSE_CREATE;
	char path[4096];
	int fd = -1, r;

	if (!join(h, h->nodeid, name, path, sizeof(path)))
		return;
	r = make(h->opcode, path, &fd);
	if (r == 0)
		r = entry_of(path, &out.e);
	out.o.fh = (uint64_t)fd;
	answer(h->unique, r, &out, r < 0 ? 0 : opens ? sizeof(out) : sizeof(out.e));
	if (fd >= 0 && (!opens || r < 0))
		close(fd);
}

static void do_remove(struct fuse_in_header *h, const char *name)
{
	char path[4096];
	int r;

	if (!join(h, h->nodeid, name, path, sizeof(path)))
		return;
	r = check_change(path);
	if (r == 0)
		r = changed(unlinkat(view.dir, path,
				     h->opcode == FUSE_RMDIR ? AT_REMOVEDIR : 0),
			    path);
	if (r == 0)
		node_removed(path);
	answer(h->unique, r, NULL, 0);
}

static void do_rename(struct fuse_in_header *h, uint64_t newdir, const char *from)
{
	char old[4096], new[4096];
	int r;

	if (!join(h, h->nodeid, from, old, sizeof(old)) ||
	    !join(h, newdir, from + strlen(from) + 1, new, sizeof(new)))
		return;
	r = check_change(old);
	if (r == 0)
		r = check_change(new);
	if (r == 0 && pmxview_is_taken(&view, new, old))
		r = -EEXIST;
	if (r == 0)
		r = changed(renameat(view.dir, old, view.dir, new), new);
	if (r == 0) {
		pmxview_changed(old);
		node_renamed(old, new);
	}
	answer(h->unique, r, NULL, 0);
}

/* ---- files ---------------------------------------------------------------------------
 */

static void answer_attr(struct fuse_in_header *h, int fd)
{
	const char *path = path_of(h->nodeid);
	struct fuse_attr_out a = { .attr_valid = 1 };
	struct stat st;
	int r;

	if (path) {
		r = pmxview_stat(&view, path, &st);
	} else {
		r = fd < 0 ? -ESTALE : fstat(fd, &st) < 0 ? -errno : 0;
		if (r == 0)
			pmxview_mask(&view, "", &st);
	}
	if (r == 0)
		a.attr = attr_of(h->nodeid, &st);
	answer(h->unique, r, &a, r < 0 ? 0 : sizeof(a));
}

static int is_open(uint32_t flags, uint32_t flag, uint64_t fh)
{
	return flags & flag && !(fh & FH_DOT) ? (int)fh : -1;
}

/* Owner and mode can be set to what they are, times to anything. */
static int set_attr(const char *path, const struct fuse_setattr_in *in)
{
	struct stat st;
	int fd, r = pmxview_stat(&view, path, &st);

	if (r == 0)
		r = check_change(path);
	if (r < 0)
		return r;
	if ((in->valid & FATTR_MODE && (in->mode & 07777) != (st.st_mode & 07777)) ||
	    (in->valid & FATTR_UID && in->uid != st.st_uid) ||
	    (in->valid & FATTR_GID && in->gid != st.st_gid))
		return -EPERM;
	if (!(in->valid & FATTR_SIZE))
		return 0;
	fd = openat(view.dir, path, O_WRONLY | O_CLOEXEC);
	r = changed(fd < 0 ? fd : ftruncate(fd, (off_t)in->size), path);
	if (fd >= 0)
		close(fd);
	return r;
}

static void do_setattr(struct fuse_in_header *h, const struct fuse_setattr_in *in)
{
	const char *path = path_of(h->nodeid);
	int r = path ? set_attr(path, in) : -ESTALE;

	if (r < 0)
		answer(h->unique, r, NULL, 0);
	else
		answer_attr(h, is_open(in->valid, FATTR_FH, in->fh));
}

static void do_open(struct fuse_in_header *h, const struct fuse_open_in *in)
{
	struct fuse_open_out o = { .open_flags = FOPEN_DIRECT_IO };
	const char *path = path_of(h->nodeid);
	int flags = (int)in->flags & O_ACCMODE, r = path ? 0 : -ESTALE, fd = -1, dot;

	dot = path ? pmxview_dot(path) : -1;
	if (r == 0 && flags != O_RDONLY)
		r = check_change(path);
	if (r == 0 && dot < 0) {
		fd = openat(view.dir, path, flags | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	o.fh = dot < 0 ? (uint64_t)fd : FH_DOT | (uint64_t)dot;
	answer(h->unique, r, &o, r < 0 ? 0 : sizeof(o));
}

static void do_read(uint64_t unique, const struct fuse_read_in *in)
{
	static char buf[MAX_READ];
	size_t size = in->size < sizeof(buf) ? in->size : sizeof(buf), n;
	const char *p;
	ssize_t got;

	if (in->fh & FH_DOT) {
		p = pmxview_text((int)(in->fh & 0xff), &n);
		n = in->offset < n ? n - in->offset : 0;
		answer(unique, 0, p ? p + in->offset : NULL, n < size ? n : size);
		return;
	}
	got = pread((int)in->fh, buf, size, (off_t)in->offset);
	answer(unique, got < 0 ? -errno : 0, buf, got < 0 ? 0 : (size_t)got);
}

static void do_write(struct fuse_in_header *h, const struct fuse_write_in *in)
{
	struct fuse_write_out o = { 0 };
	const char *path = path_of(h->nodeid);
	ssize_t n;

	if (!view.quorate || in->fh & FH_DOT) {
		answer(h->unique, -EACCES, NULL, 0);
		return;
	}
	if (in->offset + in->size > MAX_FILE) {
		answer(h->unique, -EFBIG, NULL, 0);
		return;
	}
	n = pwrite((int)in->fh, in + 1, in->size, (off_t)in->offset);
	if (n >= 0 && path)
		pmxview_changed(path);
	o.size = n < 0 ? 0 : (uint32_t)n;
	answer(h->unique, n < 0 ? -errno : 0, &o, n < 0 ? 0 : sizeof(o));
}

/* ---- directories ---------------------------------------------------------------------
 */

struct listing {
	size_t n, size;
	char *p; /* of fuse_dirent, each with the end of itself as its offset */
};

static void list_add(struct listing *l, const char *name, uint32_t type)
{
	size_t len = strlen(name), ent = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len);
	struct fuse_dirent *d;

	if (l->n + ent > l->size)
		l->p = realloc(l->p, l->size = (l->n + ent) * 2);
	d = (struct fuse_dirent *)(void *)(l->p + l->n);
	memset(d, 0, ent);
	l->n += ent;
	*d = (struct fuse_dirent){
		.ino = 1, .off = l->n, .namelen = (uint32_t)len, .type = type
	};
	memcpy(d->name, name, len);
}

static void do_opendir(struct fuse_in_header *h)
{
	const char *path = path_of(h->nodeid), *name;
	struct fuse_open_out o = { 0 };
	struct listing *l;
	struct dirent *e;
	DIR *d = NULL;
	int fd = path ? openat(view.dir, *path ? path : ".",
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC)
		      : -1;

	if (fd >= 0)
		d = fdopendir(fd);
	if (!d) {
		answer(h->unique, path ? -errno : -ESTALE, NULL, 0);
		return;
	}
	l = calloc(1, sizeof(*l));
	for (size_t i = 0; !*path && (name = pmxview_extra(i)); i++)
		list_add(l, name, *name == '.' ? DT_REG : DT_LNK);
	while ((e = readdir(d)))
		if (*path || pmxview_dot(e->d_name) < 0)
			list_add(l, e->d_name, e->d_type);
	closedir(d);
	o.fh = (uint64_t)(uintptr_t)l;
	answer(h->unique, 0, &o, sizeof(o));
}

static void do_readdir(uint64_t unique, const struct fuse_read_in *in)
{
	const struct listing *l = (const struct listing *)(uintptr_t)in->fh;
	size_t at = in->offset, end = at;

	while (end < l->n) {
		const struct fuse_dirent *d = (const void *)(l->p + end);

		if (d->off - at > in->size)
			break;
		end = d->off;
	}
	answer(unique, 0, l->p + at, end - at);
}

static void do_releasedir(uint64_t unique, const struct fuse_release_in *in)
{
	struct listing *l = (struct listing *)(uintptr_t)in->fh;

	free(l->p);
	free(l);
	answer(unique, 0, NULL, 0);
}

/* ---- requests ------------------------------------------------------------------------
 */

static void do_init(uint64_t unique)
{
	struct fuse_init_out o = { .major = FUSE_KERNEL_VERSION,
				   .minor = 31,
				   .flags = FUSE_BIG_WRITES,
				   .max_write = PMXOPS_MAX_WRITE };

	answer(unique, 0, &o, sizeof(o));
}

static void do_statfs(uint64_t unique)
{
	struct fuse_statfs_out o = { .st = { .blocks = 32768,
					     .bfree = 32000,
					     .bavail = 32000,
					     .files = 262144,
					     .ffree = 262000,
					     .bsize = 4096,
					     .frsize = 4096,
					     .namelen = 255 } };

	answer(unique, 0, &o, sizeof(o));
}

static void do_getattr(struct fuse_in_header *h, const struct fuse_getattr_in *in)
{
	answer_attr(h, is_open(in->getattr_flags, FUSE_GETATTR_FH, in->fh));
}

static void do_lookup(struct fuse_in_header *h, const char *name)
{
	char path[4096];

	if (join(h, h->nodeid, name, path, sizeof(path)))
		answer_entry(h->unique, path);
}

static void do_readlink(struct fuse_in_header *h)
{
	const char *path = path_of(h->nodeid),
		   *to = path ? pmxview_link(&view, path) : NULL;

	answer(h->unique, to ? 0 : -EINVAL, to, to ? strlen(to) : 0);
}

static void do_release(struct fuse_in_header *h, const struct fuse_release_in *in)
{
	if (!(in->fh & FH_DOT))
		close((int)in->fh);
	answer(h->unique, 0, NULL, 0);
}

static void serve_change(struct fuse_in_header *h, void *arg)
{
	switch (h->opcode) {
	case FUSE_CREATE:
		do_make(h, (char *)arg + sizeof(struct fuse_create_in));
		break;
	case FUSE_MKNOD:
		do_make(h, (char *)arg + sizeof(struct fuse_mknod_in));
		break;
	case FUSE_MKDIR:
		do_make(h, (char *)arg + sizeof(struct fuse_mkdir_in));
		break;
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		do_remove(h, arg);
		break;
	case FUSE_RENAME:
		do_rename(h, ((struct fuse_rename_in *)arg)->newdir,
			  (char *)arg + sizeof(struct fuse_rename_in));
		break;
	case FUSE_RENAME2:
		do_rename(h, ((struct fuse_rename2_in *)arg)->newdir,
			  (char *)arg + sizeof(struct fuse_rename2_in));
		break;
	case FUSE_SETATTR:
		do_setattr(h, arg);
		break;
	case FUSE_WRITE:
		do_write(h, arg);
		break;
	case FUSE_SYMLINK:
	case FUSE_LINK:
		answer(h->unique, -EPERM, NULL, 0);
		break;
	default:
		answer(h->unique, -ENOSYS, NULL, 0);
	}
}

void pmxops_serve(struct fuse_in_header *h)
{
	void *arg = h + 1;

	switch (h->opcode) {
	case FUSE_INIT:
		do_init(h->unique);
		break;
	case FUSE_LOOKUP:
		do_lookup(h, arg);
		break;
	case FUSE_GETATTR:
		do_getattr(h, arg);
		break;
	case FUSE_READLINK:
		do_readlink(h);
		break;
	case FUSE_OPEN:
		do_open(h, arg);
		break;
	case FUSE_READ:
		do_read(h->unique, arg);
		break;
	case FUSE_OPENDIR:
		do_opendir(h);
		break;
	case FUSE_READDIR:
		do_readdir(h->unique, arg);
		break;
	case FUSE_RELEASEDIR:
		do_releasedir(h->unique, arg);
		break;
	case FUSE_RELEASE:
		do_release(h, arg);
		break;
	case FUSE_STATFS:
		do_statfs(h->unique);
		break;
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
		answer(h->unique, 0, NULL, 0);
		break;
	default:
		serve_change(h, arg);
	}
}

void pmxops_refuse(const struct fuse_in_header *h)
{
	answer(h->unique, -EACCES, NULL, 0);
}

void pmxops_quorum(bool is)
{
	view.quorate = is;
}

int pmxops_init(const char *dir)
{
	int r = pmxview_init(&view, dir);

	if (r == 0)
		node_of("");
	return r;
}

void pmxops_start(int fd)
{
	fuse = fd;
}
