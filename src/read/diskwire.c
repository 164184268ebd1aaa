/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/diskwire.h"

#include <errno.h>

#define MAGIC    0x44435443u /* "CTCD" */
#define VERSION  1u
#define MIN_VMID 100u
#define MAX_VMID 999999999u
#define MAX_PID  (1 << 22) /* PID_MAX_LIMIT */

struct head {
	uint32_t magic, version;
	uint32_t bytes; /* of all */
	uint32_t n, error, pad;
};

struct wire_ask {
	uint32_t vmid, pid;
	uint64_t ticks;
};

struct wire_use {
	uint32_t vmid, why;
	uint64_t size, used, avail, inodes, inodes_used;
};

_Static_assert(sizeof(struct head) + DISK_MAX_ASKED * sizeof(struct wire_ask) <=
		       DISKWIRE_MAX_REQUEST,
	       "a request");
_Static_assert(sizeof(struct head) + DISK_MAX_ASKED * sizeof(struct wire_use) <=
		       DISKWIRE_MAX_ANSWER,
	       "an answer");

static void put_head(struct buf *b, size_t n, size_t each, int error)
{
	struct head h = {
		.magic = MAGIC,
		.version = VERSION,
		.bytes = (uint32_t)(sizeof(h) + n * each),
		.n = (uint32_t)n,
		.error = (uint32_t)error,
	};

	buf_add(b, &h, sizeof(h));
}

/* The records behind a head that is right: their number, or an error. */
static int take_head(struct span *text, size_t each, struct head *ret, struct err *err)
{
	struct head h;

	if (text->n < sizeof(h))
		return err_set(err, -EBADMSG, "%zu bytes are none of ours", text->n);
	memcpy(&h, text->p, sizeof(h));
	if (h.magic != MAGIC)
		return err_set(err, -EBADMSG, "not in the form that is spoken here");
	if (h.version != VERSION)
		return err_set(err, -EBADMSG, "of version %u, not %u", h.version,
			       VERSION);
	if (h.n > DISK_MAX_ASKED)
		return err_set(err, -E2BIG, "%u containers at a time, at most %d are",
			       h.n, DISK_MAX_ASKED);
	if (h.bytes != text->n || text->n != sizeof(h) + h.n * each || h.error > 4095 ||
	    h.pad)
		return err_set(err, -EBADMSG, "%zu bytes for %u containers", text->n,
			       h.n);
	*text = span_of(text->p + sizeof(h), text->n - sizeof(h));
	*ret = h;
	return 0;
}

/* ---- requests ---- */

static int check_asks(const struct disk_ask *v, size_t n, struct err *err)
{
	if (n > DISK_MAX_ASKED)
		return err_set(err, -E2BIG, "%zu containers at a time, at most %d are", n,
			       DISK_MAX_ASKED);
	if (!n)
		return err_set(err, -EINVAL, "it asks for nothing");
	for (size_t i = 0; i < n; i++) {
		if (v[i].vmid < MIN_VMID || v[i].vmid > MAX_VMID || v[i].init_pid <= 1 ||
		    v[i].init_pid > MAX_PID)
			return err_set(err, -EINVAL, "no container %u with an init %d",
				       v[i].vmid, (int)v[i].init_pid);
		for (size_t k = 0; k < i; k++)
			if (v[k].vmid == v[i].vmid)
				return err_set(err, -EINVAL, "container %u twice",
					       v[i].vmid);
	}
	return 0;
}

int diskwire_put_request(struct buf *b, const struct disk_ask *v, size_t n,
			 struct err *err)
{
	int r = check_asks(v, n, err);

	if (r < 0)
		return r;
	put_head(b, n, sizeof(struct wire_ask), 0);
	for (size_t i = 0; i < n; i++) {
		struct wire_ask w = { v[i].vmid, (uint32_t)v[i].init_pid,
				      v[i].start_ticks };

		buf_add(b, &w, sizeof(w));
	}
	return 0;
}

int diskwire_parse_request(struct span text, struct disk_ask ret[DISK_MAX_ASKED],
			   size_t *ret_n, struct err *err)
{
	struct disk_ask v[DISK_MAX_ASKED];
	struct head h;
	int r = take_head(&text, sizeof(struct wire_ask), &h, err);

	if (r < 0)
		return r;
	if (h.error)
		return err_set(err, -EBADMSG, "an answer, not a request");
	for (size_t i = 0; i < h.n; i++) {
		struct wire_ask w;

		memcpy(&w, text.p + i * sizeof(w), sizeof(w));
		v[i] = (struct disk_ask){ w.vmid, w.pid > MAX_PID ? 0 : (pid_t)w.pid,
					  w.ticks };
	}
	r = check_asks(v, h.n, err);
	if (r < 0)
		return r;
	memcpy(ret, v, h.n * sizeof(*v));
	*ret_n = h.n;
	return 0;
}

/* ---- answers ---- */

void diskwire_put_answer(struct buf *b, const struct disk_use *v, size_t n, int error)
{
	put_head(b, n, sizeof(struct wire_use), error);
	for (size_t i = 0; i < n; i++) {
		struct wire_use w = { v[i].vmid,       v[i].why,         v[i].size_bytes,
				      v[i].used_bytes, v[i].avail_bytes, v[i].inodes,
				      v[i].inodes_used };

		buf_add(b, &w, sizeof(w));
	}
}

static struct disk_use use_of(const struct wire_use *w)
{
	struct disk_use u = { .vmid = w->vmid, .why = (enum disk_why)w->why };

	if (u.why)
		return u;
	if (!w->size || w->used > w->size || w->avail > w->size ||
	    w->inodes_used > w->inodes) {
		u.why = DISK_FAILED;
		return u;
	}
	u.size_bytes = w->size;
	u.used_bytes = w->used;
	u.avail_bytes = w->avail;
	u.inodes = w->inodes;
	u.inodes_used = w->inodes_used;
	return u;
}

int diskwire_parse_answer(struct span text, struct disk_use ret[DISK_MAX_ASKED],
			  size_t *ret_n, int *ret_error, struct err *err)
{
	struct disk_use v[DISK_MAX_ASKED];
	struct head h;
	int r = take_head(&text, sizeof(struct wire_use), &h, err);

	if (r < 0)
		return r == -E2BIG ? -EBADMSG : r;
	if (h.error && h.n)
		return err_set(err, -EBADMSG, "an error and %u answers", h.n);
	for (size_t i = 0; i < h.n; i++) {
		struct wire_use w;

		memcpy(&w, text.p + i * sizeof(w), sizeof(w));
		if (w.why >= DISK_N_WHYS)
			return err_set(err, -EBADMSG, "an answer of the kind %u", w.why);
		v[i] = use_of(&w);
	}
	if (h.n)
		memcpy(ret, v, h.n * sizeof(*v));
	*ret_n = h.n;
	*ret_error = (int)h.error;
	return 0;
}
