/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/unixsock.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/num.h"

/* "/var/lib/lxc/101/command" -> 101 */
static bool command_vmid(struct span name, uint32_t *ret)
{
	if (!span_skip(&name, "/var/lib/lxc/") || !span_ends(name, "/command"))
		return false;
	name.n -= strlen("/command");
	return name.n && name.p[0] != '0' && num_parse_u32(name, ret) == 0;
}

static void add(struct span name, uint32_t **ids, size_t *n, size_t *cap)
{
	uint32_t id;

	if (!command_vmid(name, &id))
		return;
	GROW(*ids, *n, *cap);
	(*ids)[(*n)++] = id;
}

/* Num RefCount Protocol Flags Type St Inode Path */
void unixsock_parse_text(struct span text, uint32_t **ids, size_t *n, size_t *cap)
{
	struct span line, f;

	while (span_line(&text, &line)) {
		unsigned i;

		for (i = 0; i < 7 && span_field(&line, &f); i++)
			;
		if (i == 7 && span_skip(&line, " @"))
			add(line, ids, n, cap);
	}
}

static void parse_socket(const struct nlmsghdr *h, uint32_t **ids, size_t *n, size_t *cap)
{
	size_t at = (size_t)NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct unix_diag_msg));

	while (at + sizeof(struct nlattr) <= h->nlmsg_len) {
		const char *p = (const char *)h + at;
		struct nlattr a;

		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || at + a.nla_len > h->nlmsg_len)
			return;
		/* an abstract name begins with a NUL and is as long as it says */
		if (a.nla_type == UNIX_DIAG_NAME && a.nla_len > sizeof(a) &&
		    !p[sizeof(a)])
			add(span_of(p + sizeof(a) + 1, a.nla_len - sizeof(a) - 1), ids, n,
			    cap);
		at += (size_t)NLA_ALIGN(a.nla_len);
	}
}

int unixsock_parse_diag(struct span msgs, uint32_t **ids, size_t *n, size_t *cap)
{
	while (msgs.n >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)msgs.p;
		size_t len = h->nlmsg_len;

		if (len < sizeof(*h) || len > msgs.n)
			return -EBADMSG;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR) {
			struct nlmsgerr e;

			if (len < NLMSG_HDRLEN + sizeof(e))
				return -EBADMSG;
			memcpy(&e, msgs.p + NLMSG_HDRLEN, sizeof(e));
			return e.error < 0 ? e.error : -EBADMSG;
		}
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			parse_socket(h, ids, n, cap);
		len = MIN((size_t)NLMSG_ALIGN(len), msgs.n);
		msgs = span_of(msgs.p + len, msgs.n - len);
	}
	return msgs.n ? -EBADMSG : 0;
}

static int ask_diag(uint32_t **ids, size_t *n, size_t *cap)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} req = {
		.h = { .nlmsg_len = sizeof(req),
		       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.r = { .sdiag_family = AF_UNIX,
		       .udiag_states = UINT32_MAX,
		       .udiag_show = UDIAG_SHOW_NAME },
	};
	_uninit_ char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	_cleanup_close_ int fd = -1;
	int r = 0;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0 || send(fd, &req, sizeof(req), 0) < 0)
		return -errno;
	while (r == 0) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		r = unixsock_parse_diag(span_of(buf, (size_t)got), ids, n, cap);
	}
	return r < 0 ? r : 0;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void sort_unique(uint32_t *ids, size_t *n)
{
	size_t w = 0;

	if (!*n)
		return;
	qsort(ids, *n, sizeof(*ids), cmp_u32);
	for (size_t i = 0; i < *n; i++)
		if (!w || ids[w - 1] != ids[i])
			ids[w++] = ids[i];
	*n = w;
}

bool unixsock_has(const uint32_t *ids, size_t n, uint32_t vmid)
{
	return n && bsearch(&vmid, ids, n, sizeof(*ids), cmp_u32);
}

int unixsock_read_monitors(int rootfd, bool live, uint32_t **ret_ids, size_t *ret_n,
			   struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	_cleanup_free_ uint32_t *ids = NULL;
	size_t n = 0, cap = 0;
	int r;

	if (live && ask_diag(&ids, &n, &cap) == 0) {
		sort_unique(ids, &n);
		*ret_ids = take_ptr(ids);
		*ret_n = n;
		return 0;
	}
	n = 0;
	r = fs_read_file(rootfd, "proc/net/unix", (size_t)64 << 20, &text, err);
	if (r < 0 && r != -ENOENT)
		return r;
	unixsock_parse_text(span_of(text.p, text.n), &ids, &n, &cap);
	sort_unique(ids, &n);
	*ret_ids = take_ptr(ids);
	*ret_n = n;
	return 0;
}

/* "0: 00000002 00000000 00010000 0005 01 12345 /run/x.sock": __SO_ACCEPTCON */
bool unixsock_parse_listens(struct span text, const char *path)
{
	struct span line, f[7];
	uint64_t flags;

	while (span_line(&text, &line)) {
		size_t n = 0;

		while (n < ARRAY_SIZE(f) && span_field(&line, &f[n]))
			n++;
		if (n == ARRAY_SIZE(f) && span_eq(span_trim(line), path) &&
		    num_parse_hex(f[3], &flags) == 0 && (flags & 0x10000))
			return true;
	}
	return false;
}
