/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/mounts.h"

#include <errno.h>

#include "base/num.h"
#include "base/sys.h"

/*
 * An overlay may have a FUSE below it that its mount does not show, and on any of these a
 * guest can let a lock of the kernel's be held (a directory's, while it is listed into
 * memory that a FUSE has to fill). What hangs there hangs as in a FUSE: where no signal
 * ends it, the reader is left behind.
 */
bool mounts_type_is_local(struct span type)
{
	static const char *const types[] = { "ext4",  "xfs",     "btrfs", "zfs",
					     "tmpfs", "overlay", "ext3",  "ext2" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (span_eq(type, types[i]))
			return true;
	return false;
}

bool mounts_parse_line(struct span line, uint64_t *ret_id, struct span *ret_type)
{
	struct span f, id;

	/* id, parent, device, root, mount point, options; blanks in them are escaped */
	if (!span_field(&line, &id))
		return false;
	for (int i = 0; i < 5; i++)
		if (!span_field(&line, &f))
			return false;
	do
		if (!span_field(&line, &f))
			return false;
	while (!span_eq(f, "-"));
	return span_field(&line, ret_type) && num_parse_u64(id, ret_id) == 0;
}

struct search {
	uint64_t id;
	bool found, local;
};

/* The complete lines of a text; what is left is the beginning of the next. */
static void look_through(struct search *s, struct span *text)
{
	const char *end = text->n ? memrchr(text->p, '\n', text->n) : NULL;
	struct span lines, line, type;
	uint64_t id;

	if (!end)
		return;
	lines = span_of(text->p, (size_t)(end - text->p) + 1);
	*text = span_of(end + 1, text->n - lines.n);
	while (!s->found && span_line(&lines, &line))
		if (mounts_parse_line(line, &id, &type) && id == s->id) {
			s->found = true;
			s->local = mounts_type_is_local(type);
		}
}

static int search(int fd, char *buf, struct search *s)
{
	struct span left = { buf, 0 };
	size_t at = 0;

	while (!s->found) {
		ssize_t n;

		memmove(buf, left.p, left.n);
		if (left.n == MOUNTS_MAX_LINE || at >= MOUNTS_MAX_BYTES)
			return -EFBIG;
		do
			n = sys_pread(fd, buf + left.n, MOUNTS_MAX_LINE - left.n,
				      (off_t)at);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return n < 0 ? -errno : -ENOENT;
		at += (size_t)n;
		left = span_of(buf, left.n + (size_t)n);
		look_through(s, &left);
	}
	return 0;
}

int mounts_is_local(int mountinfo, uint64_t id, bool *ret)
{
	_cleanup_free_ char *buf = xmalloc(MOUNTS_MAX_LINE);
	struct search s = { .id = id };
	int r = search(mountinfo, buf, &s);

	if (r == 0)
		*ret = s.local;
	return r;
}
