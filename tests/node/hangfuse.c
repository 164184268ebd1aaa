/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A FUSE file system that shows a directory read-only and can stop answering, as pmxcfs
 * does when corosync or its database hangs. Speaks to /dev/fuse itself (kernel:
 * include/uapi/linux/fuse.h), so that it needs no library.
 *
 *   hangfuse SOURCE MOUNTPOINT [OP[:SUFFIX]]
 *
 * OP: none (default), all, lookup, getattr, readlink, open, read, opendir, readdir, statfs;
 * with SUFFIX only for paths that end so. A request that hangs is never answered. "ready" on
 * stdout once mounted; the end of the process fails every request that hangs.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fusewire.h"

#define MAX_NODES 65536
#define MAX_READ  (1024 * 1024)

static char *node_path[MAX_NODES]; /* by node ID; the root is 1 */
static size_t nnodes;
static int fuse = -1;

static const struct {
	const char *name;
	uint32_t opcode;
} ops[] = {
	{ "lookup", FUSE_LOOKUP },     { "getattr", FUSE_GETATTR },
	{ "readlink", FUSE_READLINK }, { "open", FUSE_OPEN },
	{ "read", FUSE_READ },         { "opendir", FUSE_OPENDIR },
	{ "readdir", FUSE_READDIR },   { "statfs", FUSE_STATFS },
};

static uint32_t hang_op; /* 0: none, UINT32_MAX: all */
static const char *hang_suffix = "";

static void answer(uint64_t unique, int error, const void *data, size_t size)
{
	fusewire_answer(fuse, unique, error, data, size);
}

static uint64_t node_of(const char *path)
{
	for (size_t i = 1; i <= nnodes; i++)
		if (strcmp(node_path[i], path) == 0)
			return i;
	if (nnodes + 1 >= MAX_NODES)
		return 0;
	node_path[++nnodes] = strdup(path);
	return nnodes;
}

static int attr_of(const char *path, uint64_t node, struct fuse_attr *a)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	*a = (struct fuse_attr){ .ino = node,
				 .size = (uint64_t)st.st_size,
				 .mode = st.st_mode,
				 .nlink = 1,
				 .blksize = 4096,
				 .mtime = (uint64_t)st.st_mtime };
	return 0;
}

static int hangs(uint32_t opcode, const char *path)
{
	size_t n = strlen(path), s = strlen(hang_suffix);

	if (hang_op != UINT32_MAX && hang_op != opcode)
		return 0;
	return n >= s && strcmp(path + n - s, hang_suffix) == 0;
}

static void do_lookup(uint64_t unique, const char *path)
{
	struct fuse_entry_out e = { .nodeid = node_of(path) };
	int r = attr_of(path, e.nodeid, &e.attr);

	if (r < 0)
		answer(unique, r, NULL, 0);
	else
		answer(unique, 0, &e, sizeof(e));
}

static void do_getattr(uint64_t unique, uint64_t node, const char *path)
{
	struct fuse_attr_out a = { 0 };
	int r = attr_of(path, node, &a.attr);

	if (r < 0)
		answer(unique, r, NULL, 0);
	else
		answer(unique, 0, &a, sizeof(a));
}

static void do_read(uint64_t unique, const char *path, const struct fuse_read_in *in)
{
	static char buf[MAX_READ];
	size_t size = in->size < sizeof(buf) ? in->size : sizeof(buf);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, size, (off_t)in->offset);

	if (n < 0)
		answer(unique, -errno, NULL, 0);
	else
		answer(unique, 0, buf, (size_t)n);
	if (fd >= 0)
		close(fd);
}

static void do_readdir(uint64_t unique, const char *path, const struct fuse_read_in *in)
{
	static _Alignas(8) char buf[MAX_READ];
	size_t size = in->size < sizeof(buf) ? in->size : sizeof(buf), used = 0;
	DIR *d = opendir(path);
	struct dirent *e;
	uint64_t off = 0;

	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name), ent = FUSE_NAME_OFFSET + len;
		struct fuse_dirent *f = (struct fuse_dirent *)(void *)(buf + used);

		if (off++ < in->offset)
			continue;
		if (used + FUSE_DIRENT_ALIGN(ent) > size)
			break;
		memset(f, 0, FUSE_DIRENT_ALIGN(ent));
		f->ino = e->d_ino;
		f->off = off;
		f->namelen = (uint32_t)len;
		f->type = e->d_type;
		memcpy(f->name, e->d_name, len);
		used += FUSE_DIRENT_ALIGN(ent);
	}
	if (d)
		closedir(d);
	answer(unique, 0, buf, used);
}

static void do_readlink(uint64_t unique, const char *path)
{
	char buf[4096];
	ssize_t n = readlink(path, buf, sizeof(buf));

	answer(unique, n < 0 ? -errno : 0, buf, n < 0 ? 0 : (size_t)n);
}

static void do_statfs(uint64_t unique, const char *path)
{
	struct fuse_statfs_out o = { 0 };
	struct statvfs fs;

	if (statvfs(path, &fs) < 0) {
		answer(unique, -errno, NULL, 0);
		return;
	}
	o.st.blocks = fs.f_blocks;
	o.st.bfree = fs.f_bfree;
	o.st.bavail = fs.f_bavail;
	o.st.files = fs.f_files;
	o.st.ffree = fs.f_ffree;
	o.st.bsize = o.st.frsize = (uint32_t)fs.f_frsize;
	o.st.namelen = 255;
	answer(unique, 0, &o, sizeof(o));
}

static void do_init(uint64_t unique)
{
	struct fuse_init_out o = { .major = FUSE_KERNEL_VERSION,
				   .minor = 31,
				   .max_readahead = 0,
				   .max_write = 4096 };

	answer(unique, 0, &o, sizeof(o));
}

static void serve(struct fuse_in_header *h, void *arg)
{
	static const struct fuse_open_out opened = { .open_flags = FOPEN_DIRECT_IO };
	char path[8192];

	if (h->opcode == FUSE_INIT) {
		do_init(h->unique);
		return;
	}
	if (h->opcode == FUSE_FORGET || h->opcode == FUSE_BATCH_FORGET ||
	    h->opcode == FUSE_INTERRUPT)
		return;
	if (h->nodeid == 0 || h->nodeid > nnodes) {
		answer(h->unique, -ESTALE, NULL, 0);
		return;
	}
	snprintf(path, sizeof(path), "%s%s%s", node_path[h->nodeid],
		 h->opcode == FUSE_LOOKUP ? "/" : "",
		 h->opcode == FUSE_LOOKUP ? (const char *)arg : "");
	if (hangs(h->opcode, path))
		return;
	switch (h->opcode) {
	case FUSE_STATFS:
		do_statfs(h->unique, path);
		break;
	case FUSE_LOOKUP:
		do_lookup(h->unique, path);
		break;
	case FUSE_GETATTR:
		do_getattr(h->unique, h->nodeid, path);
		break;
	case FUSE_READLINK:
		do_readlink(h->unique, path);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer(h->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		do_read(h->unique, path, arg);
		break;
	case FUSE_READDIR:
		do_readdir(h->unique, path, arg);
		break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
		answer(h->unique, 0, NULL, 0);
		break;
	default:
		answer(h->unique, -ENOSYS, NULL, 0);
	}
}

static int parse_hang(char *s)
{
	char *colon = strchr(s, ':');

	if (colon) {
		*colon = '\0';
		hang_suffix = colon + 1;
	}
	if (strcmp(s, "none") == 0)
		return 0;
	if (strcmp(s, "all") == 0) {
		hang_op = UINT32_MAX;
		return 0;
	}
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (strcmp(s, ops[i].name) == 0) {
			hang_op = ops[i].opcode;
			return 0;
		}
	return -1;
}

int main(int argc, char **argv)
{
	static _Alignas(8) char buf[FUSE_MIN_READ_BUFFER * 4];
	ssize_t n;

	if (argc < 3 || argc > 4 || (argc == 4 && parse_hang(argv[3]) < 0)) {
		fprintf(stderr, "usage: hangfuse SOURCE MOUNTPOINT [OP[:SUFFIX]]\n");
		return 2;
	}
	node_of(argv[1]);
	fuse = fusewire_mount("/dev/fuse", argv[2], "");
	if (fuse < 0)
		return 77;
	puts("ready");
	fflush(stdout);
	while ((n = read(fuse, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve((void *)buf, buf + sizeof(struct fuse_in_header));
	return 0;
}
