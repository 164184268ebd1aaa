/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/mountinfo.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"

/* "253:4" */
static bool parse_dev(struct span s, uint32_t *major, uint32_t *minor)
{
	struct span first;

	return memchr(s.p, ':', s.n) && span_cut(&s, ':', &first) &&
	       num_parse_u32(first, major) == 0 && num_parse_u32(s, minor) == 0;
}

/*
 * Fields are parted by exactly one blank: that of a source which is the empty string
 * (mount("", ...)) is between two of them.
 */
bool mountinfo_line(struct span line, struct mountinfo_line *ret)
{
	struct mountinfo_line l = { 0 };
	struct span id, parent, dev, f;

	if (!span_cut(&line, ' ', &id) || num_parse_u32(id, &l.id) < 0 ||
	    !span_cut(&line, ' ', &parent) || num_parse_u32(parent, &l.parent_id) < 0 ||
	    !span_cut(&line, ' ', &dev) || !parse_dev(dev, &l.major, &l.minor) ||
	    !span_cut(&line, ' ', &l.root) || !span_cut(&line, ' ', &l.point) ||
	    !span_cut(&line, ' ', &l.options))
		return false;
	l.optional = span_of(line.p, 0);
	do {
		if (!span_cut(&line, ' ', &f))
			return false;
		if (!span_eq(f, "-"))
			l.optional.n = (size_t)(f.p + f.n - l.optional.p);
	} while (!span_eq(f, "-"));
	if (!span_cut(&line, ' ', &l.fstype) || !l.fstype.n ||
	    !span_cut(&line, ' ', &l.source) || !line.n)
		return false;
	l.super = line;
	*ret = l;
	return true;
}

/* The byte of "\ooo" at s.p[i]; -1: there is none. */
static int octal(struct span s, size_t i)
{
	int n = 0;

	if (s.p[i] != '\\' || s.n - i < 4)
		return -1;
	for (size_t k = 1; k <= 3; k++) {
		if (s.p[i + k] < '0' || s.p[i + k] > '7')
			return -1;
		n = n * 8 + (s.p[i + k] - '0');
	}
	return n < 256 ? n : -1;
}

void mountinfo_decode(struct span s, struct buf *ret)
{
	for (size_t i = 0; i < s.n; i++) {
		int c = octal(s, i);

		buf_addc(ret, c < 0 ? s.p[i] : (char)c);
		if (c >= 0)
			i += 3;
	}
}

/* The same in its place: it only gets shorter. `text` is what s lies in. */
static struct tbytes decode(char *text, struct span s)
{
	char *to = text + (s.p - text);
	uint32_t n = 0;

	if (!memchr(s.p, '\\', s.n))
		return (struct tbytes){ (const uint8_t *)to, (uint32_t)s.n };
	for (size_t i = 0; i < s.n; i++) {
		int c = octal(s, i);

		to[n++] = c < 0 ? s.p[i] : (char)c;
		if (c >= 0)
			i += 3;
	}
	return (struct tbytes){ (const uint8_t *)to, n };
}

static void parse_options(struct span options, struct mount *m)
{
	const struct {
		const char *name;
		bool *set;
	} flags[] = {
		{ "ro", &m->ro },           { "nosuid", &m->nosuid },
		{ "nodev", &m->nodev },     { "noexec", &m->noexec },
		{ "noatime", &m->noatime },
	};
	struct span o;

	while (span_cut(&options, ',', &o))
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
			*flags[i].set |= span_eq(o, flags[i].name);
}

/* What else there is (propagate_from, unbindable, what kernels to come have) is skipped. */
static void parse_optional(struct span optional, struct mount *m)
{
	struct span f;

	while (span_cut(&optional, ' ', &f)) {
		if (span_skip(&f, "shared:"))
			(void)num_parse_u32(f, &m->shared);
		else if (span_skip(&f, "master:"))
			(void)num_parse_u32(f, &m->master);
	}
}

/* The kernel's mark of a directory that is there no more: no path has two slashes. */
static void cut_deleted(struct mount *m)
{
	static const char mark[] = "//deleted";
	uint32_t n = sizeof(mark) - 1;

	m->deleted = m->root.n > n && memcmp(m->root.p + m->root.n - n, mark, n) == 0;
	if (m->deleted)
		m->root.n -= n;
}

static bool is(struct tbytes t, const char *s)
{
	return t.n == strlen(s) && memcmp(t.p, s, t.n) == 0;
}

/*
 * Of an NFS the root is always "/", and what of it is mounted stands in the source (kernel:
 * nfs_show_path() and nfs_show_devname()): "server:/export/dir".
 */
static void take_export(struct mount *m)
{
	const uint8_t *at;

	if (!is(m->root, "/") || (!is(m->fstype, "nfs") && !is(m->fstype, "nfs4")))
		return;
	at = memmem(m->source.p, m->source.n, ":/", 2);
	if (!at)
		return;
	m->root.p = at + 1;
	m->root.n = (uint32_t)(m->source.p + m->source.n - m->root.p);
	while (m->root.n > 1 && m->root.p[m->root.n - 1] == '/')
		m->root.n--;
}

static void take_line(char *text, const struct mountinfo_line *l, struct mount *m)
{
	struct span super = l->super, first;

	*m = (struct mount){
		.id = l->id,
		.parent_id = l->parent_id,
		.major = l->major,
		.minor = l->minor,
	};
	parse_options(l->options, m);
	parse_optional(l->optional, m);
	m->super_ro = span_cut(&super, ',', &first) && span_eq(first, "ro");
	m->super = span_tbytes(l->super);
	m->root = decode(text, l->root);
	m->point = decode(text, l->point);
	m->fstype = decode(text, l->fstype);
	m->source = decode(text, l->source);
	cut_deleted(m);
	take_export(m);
}

/* Takes `text` over, of which only what is within the bound is looked at. */
static void parse(char *text, size_t n, struct mounts *ret)
{
	struct mounts m = { .text = text, .truncated = n > MOUNTINFO_MAX_BYTES };
	struct span rest = span_of(text, MIN(n, MOUNTINFO_MAX_BYTES)), line;
	size_t cap = 0;

	while (m.truncated && rest.n && text[rest.n - 1] != '\n')
		rest.n--; /* half a line is none */
	while (span_line(&rest, &line)) {
		struct mountinfo_line l;

		if (!mountinfo_line(line, &l)) {
			m.n_bad++;
			continue;
		}
		if (m.n == MOUNTINFO_MAX) {
			m.truncated = true;
			break;
		}
		GROW(m.v, m.n, cap);
		take_line(text, &l, &m.v[m.n++]);
	}
	*ret = m;
}

void mountinfo_parse(const char *p, size_t n, struct mounts *ret)
{
	parse(xstrndup(p ? p : "", n), n, ret);
}

int mountinfo_read(int rootfd, pid_t pid, struct mounts *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_close_ int fd = -1;
	char path[48];
	int r;

	if (pid)
		num_path(path, sizeof(path), "proc/", (uint64_t)pid, "/mountinfo");
	else
		snprintf(path, sizeof(path), "proc/self/mountinfo");
	r = fs_open(rootfd, path, O_RDONLY, &fd, err);
	if (r == 0) {
		r = fs_pread_buf(fd, 0, MOUNTINFO_MAX_BYTES + 1, &b);
		if (r < 0)
			err_set(err, r, "read %s: %s", path, strerror(-r));
	}
	if (r == -EINVAL || r == -ESRCH) /* it has exited: it has no mounts any more */
		return err_set(err, -ENOENT, "%s: the process is gone", path);
	if (r < 0)
		return r;
	parse(b.p ? b.p : xstrdup(""), b.n, ret);
	b = (struct buf){ 0 };
	return 0;
}
