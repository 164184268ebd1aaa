/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/nlwalk.h"

#include <linux/netlink.h>
#include <sys/socket.h>

int nlwalk_next(struct span *s, struct nlwalk_attr *ret)
{
	struct nlattr a;

	if (s->n == 0)
		return 0;
	if (s->n < sizeof(a))
		return -EINVAL;
	memcpy(&a, s->p, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > s->n)
		return -EINVAL;
	*ret = (struct nlwalk_attr){
		.type = a.nla_type & (uint16_t)NLA_TYPE_MASK,
		.v = { s->p + sizeof(a), a.nla_len - sizeof(a) },
	};
	nlwalk_cut(s, a.nla_len);
	return 1;
}

int nlwalk_val(struct span v, size_t n, struct val *ret)
{
	uint64_t u = 0; /* little and big end alike: read by its own size */
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;
	int r;

	switch (n) {
	case 1:
		r = nlwalk_get(v, &u8, 1);
		u = r < 0 ? 0 : u8;
		break;
	case 2:
		r = nlwalk_get(v, &u16, 2);
		u = r < 0 ? 0 : u16;
		break;
	case 4:
		r = nlwalk_get(v, &u32, 4);
		u = r < 0 ? 0 : u32;
		break;
	default:
		r = nlwalk_get(v, &u, 8);
		break;
	}
	if (r < 0)
		return r;
	*ret = val_set(u);
	return 0;
}

static size_t text_len(struct span v, size_t max)
{
	return strnlen(v.p, MIN(v.n, max));
}

void nlwalk_kind(struct span v, char *ret)
{
	size_t n = text_len(v, NETIF_KIND_MAX);

	memcpy(ret, v.p, n);
	ret[n] = '\0';
}

void nlwalk_name(struct span v, uint8_t *ret, uint8_t *ret_n)
{
	size_t n = text_len(v, NETIF_NAME_MAX);

	memset(ret, 0, NETIF_NAME_MAX + 1);
	memcpy(ret, v.p, n);
	*ret_n = (uint8_t)n;
}

int nlwalk_addr(struct span v, uint8_t family, uint8_t *ret)
{
	memset(ret, 0, 16);
	return nlwalk_get(v, ret, family == AF_INET6 ? 16 : 4);
}

static int kernel_answer(struct span body, struct nl_status *st)
{
	int32_t code;
	int r = nlwalk_get(body, &code, sizeof(code));

	if (r < 0)
		return r;
	st->done = true;
	/* a positive one is none that any kernel sends */
	st->error = code > 0 || code < -4095 ? -EPROTO : code;
	return 0;
}

static int one_message(const struct nlmsghdr *h, struct span body, nlwalk_fn *fn,
		       size_t max, void *io, struct nl_status *st)
{
	st->interrupted |= h->nlmsg_flags & NLM_F_DUMP_INTR;
	st->messages++;
	switch (h->nlmsg_type) {
	case NLMSG_ERROR:
		return kernel_answer(body, st);
	case NLMSG_DONE:
		/* it carries the error of a dump that broke off; very old kernels: none
		 */
		if (body.n >= sizeof(int32_t))
			return kernel_answer(body, st);
		st->done = true;
		return 0;
	case NLMSG_NOOP:
		return 0;
	case NLMSG_OVERRUN:
		st->error = -ENOBUFS;
		return 0;
	}
	return fn(h->nlmsg_type, body, max, io);
}

int nlwalk_messages(struct span bytes, nlwalk_fn *fn, size_t max, void *io,
		    struct nl_status *st, struct err *err)
{
	size_t total = bytes.n;

	while (bytes.n) {
		struct nlmsghdr h;
		struct span body;

		if (nlwalk_get(bytes, &h, sizeof(h)) < 0 || h.nlmsg_len < sizeof(h) ||
		    h.nlmsg_len > bytes.n)
			return err_set(err, -EINVAL,
				       "rtnetlink message cut off at byte %zu of %zu",
				       total - bytes.n, total);
		body = span_of(bytes.p + sizeof(h), h.nlmsg_len - sizeof(h));
		if (one_message(&h, body, fn, max, io, st) < 0)
			return err_set(err, -EINVAL,
				       "rtnetlink message of type %u at byte %zu of %zu "
				       "is too short for what it must hold",
				       h.nlmsg_type, total - bytes.n, total);
		nlwalk_cut(&bytes, h.nlmsg_len);
	}
	return 0;
}
