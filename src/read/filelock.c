/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/filelock.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "base/num.h"

#define MAX_BYTES ((size_t)4 << 20)

/* "1: FLOCK  ADVISORY  WRITE 1234 00:1a:567 0 EOF"; "1: -> ..." waits only. */
static bool parse_line(struct span line, struct span *pid, struct span *file)
{
	struct span f[6];

	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		if (!span_field(&line, &f[i]))
			return false;
	*pid = f[4];
	*file = f[5];
	return span_eq(f[1], "FLOCK") && span_eq(f[3], "WRITE");
}

static bool is_file(struct span file, unsigned dev_major, unsigned dev_minor,
		    uint64_t ino)
{
	struct span major_hex, minor_hex;
	uint64_t major_n, minor_n, n;

	return span_cut(&file, ':', &major_hex) && span_cut(&file, ':', &minor_hex) &&
	       num_parse_hex(major_hex, &major_n) == 0 &&
	       num_parse_hex(minor_hex, &minor_n) == 0 && num_parse_u64(file, &n) == 0 &&
	       major_n == dev_major && minor_n == dev_minor && n == ino;
}

int filelock_parse(struct span text, unsigned dev_major, unsigned dev_minor, uint64_t ino,
		   pid_t *ret)
{
	struct span line, pid, file;
	uint32_t n;

	*ret = 0;
	while (span_line(&text, &line)) {
		if (!parse_line(line, &pid, &file) ||
		    !is_file(file, dev_major, dev_minor, ino))
			continue;
		/* 0, negative: of another PID namespace */
		if (num_parse_u32(pid, &n) < 0 || !n || n > INT32_MAX)
			return -ESRCH;
		*ret = (pid_t)n;
		return 0;
	}
	return 0;
}

int filelock_holder(int rootfd, const char *path, pid_t *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_close_ int fd = -1;
	struct fs_stat fs;
	struct stat st;
	pid_t pid;
	int r = fs_open_regular(rootfd, path, &fs, &fd, err);

	if (r == 0 && fstat(fd, &st) < 0)
		r = err_set(err, -errno, "/%s: %s", path, strerror(errno));
	if (r == 0)
		r = fs_read_file(rootfd, "proc/locks", MAX_BYTES, &b, err);
	if (r == 0)
		r = filelock_parse(span_of(buf_str(&b), b.n), major(st.st_dev),
				   minor(st.st_dev), st.st_ino, &pid);
	if (r == 0 && !pid)
		r = err_set(err, -ENOENT, "nobody holds /%s", path);
	if (r == 0)
		*ret = pid;
	return r;
}
