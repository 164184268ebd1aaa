/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/hostuse.h"

#include "base/fs.h"
#include "base/num.h"
#include "read/cgroup.h"

#define MAX_STAT ((size_t)4 << 20) /* a line for each CPU, and the interrupts */

int hostuse_parse_stat(struct span text, struct hostuse *ret)
{
	uint64_t all = 0, idle = 0, v;
	struct span line, word;
	unsigned n = 0;

	if (!span_line(&text, &line) || !span_field(&line, &word) ||
	    !span_eq(word, "cpu"))
		return -EINVAL;
	for (; n < 8 && span_field(&line, &word); n++) {
		if (num_parse_u64(word, &v) < 0 || __builtin_add_overflow(all, v, &all))
			return -EINVAL;
		if (n == 3 || n == 4)
			idle += v; /* no more than all */
	}
	if (n < 4)
		return -EINVAL;
	ret->all_ticks = val_set(all);
	ret->busy_ticks = val_set(all - idle);
	return 0;
}

static int read_psi(int rootfd, const char *path, struct cg_psi *ret, struct err *err)
{
	char buf[512];
	size_t n;
	int r = fs_read_small(rootfd, path, buf, sizeof(buf), &n, err);

	/* -EOPNOTSUPP: built in, and switched off with psi=0 */
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return 0;
	if (r == 0 && cg_parse_psi(span_of(buf, n), ret) < 0)
		r = err_set(err, -EINVAL, "%s: not as the kernel writes it", path);
	return r;
}

int hostuse_read(int rootfd, struct hostuse *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct hostuse h = { 0 };
	int r;

	r = fs_read_file(rootfd, "proc/stat", MAX_STAT, &b, err);
	if (r == 0 && hostuse_parse_stat(span_of(b.p, b.n), &h) < 0)
		return err_set(err, -EINVAL, "proc/stat: no line of all CPUs");
	if (r < 0 && r != -ENOENT)
		return r;
	r = read_psi(rootfd, "proc/pressure/cpu", &h.pressure.cpu, err);
	if (r == 0)
		r = read_psi(rootfd, "proc/pressure/io", &h.pressure.io, err);
	if (r == 0)
		r = read_psi(rootfd, "proc/pressure/memory", &h.pressure.memory, err);
	if (r < 0)
		return r;
	*ret = h;
	return 0;
}
