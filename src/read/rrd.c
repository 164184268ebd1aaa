/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/rrd.h"

#include <fcntl.h>
#include <rrd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/dl.h"
#include "base/fs.h"
#include "base/guard.h"

#define BASE         "var/lib/rrdcached/db/"
#define SOCKET       "var/run/rrdcached.sock"
#define TIMEOUT_USEC (3 * USEC_PER_SEC)
#define FLUSH_SEC    1
#define MAX_ROWS     20000 /* both layouts together hold far less */
#define MAX_DS       64

static __typeof__(rrd_fetch_r) *dl_rrd_fetch_r;
static __typeof__(rrd_last_r) *dl_rrd_last_r;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = { DL_SYM(rrd_fetch_r), DL_SYM(rrd_last_r) };
	static void *handle;

	return dl_load("librrd.so.8", syms, ARRAY_SIZE(syms), &handle, err);
}

/* How far back the rows of a length go. */
struct archive {
	uint64_t step_sec, rows;
};

struct layout {
	const char *dir;
	struct archive archives[5]; /* finest first */
};

static const struct layout layouts[] = {
	{ "pve-vm-9.0",
	  { { 60, 1440 }, { 1800, 1440 }, { 21600, 1440 }, { 604800, 570 } } },
	{ "pve2-vm",
	  { { 60, 70 }, { 1800, 70 }, { 10800, 70 }, { 43200, 70 }, { 604800, 70 } } },
};

/* ---- in the process of its own ---- */

struct job {
	int rootfd;
	uint32_t vmid;
	uint64_t since_sec, until_sec;
	bool flush;
};

#define VAL(f) offsetof(struct rrd_row, f)
#define PSI(i) (offsetof(struct rrd_row, psi_ppm) + (i) * sizeof(struct val))

static const struct {
	const char *name;
	size_t off;
	uint32_t factor; /* to our unit */
} sources[] = {
	{ "maxcpu", VAL(cpus_milli), 1000 },
	{ "cpu", VAL(cpu_own_ppm), 1000000 },
	{ "mem", VAL(mem_bytes), 1 },
	{ "disk", VAL(disk_bytes), 1 },
	{ "netin", VAL(netin), 1 },
	{ "netout", VAL(netout), 1 },
	{ "diskread", VAL(diskread), 1 },
	{ "diskwrite", VAL(diskwrite), 1 },
	/* percent */
	{ "pressurecpusome", PSI(0), 10000 },
	{ "pressurecpufull", PSI(1), 10000 },
	{ "pressureiosome", PSI(2), 10000 },
	{ "pressureiofull", PSI(3), 10000 },
	{ "pressurememorysome", PSI(4), 10000 },
	{ "pressurememoryfull", PSI(5), 10000 },
};

/* Unknown is NaN, which is not even itself. */
static struct val value(rrd_value_t v, uint32_t factor)
{
	const rrd_value_t most = 1.8e19;

	v *= factor;
	if (v != v || v < 0 || v > most)
		return (struct val){ 0 };
	return val_set((uint64_t)v);
}

static void take_row(struct rrd_row *row, char **names, unsigned long n,
		     const rrd_value_t *v)
{
	for (unsigned long i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(sources); k++)
			if (str_eq(names[i], sources[k].name))
				*(struct val *)((char *)row + sources[k].off) =
					value(v[i], sources[k].factor);
}

static bool is_empty(const struct rrd_row *row)
{
	for (size_t k = 0; k < ARRAY_SIZE(sources); k++)
		/* maxcpu is known of a container that is stopped, too */
		if (k &&
		    ((const struct val *)((const char *)row + sources[k].off))->kind ==
			    VAL_SET)
			return false;
	return true;
}

/* Rows that end in (since, until]. */
static int fetch(const char *path, const struct job *job, uint64_t step_sec,
		 uint64_t since, uint64_t until, struct buf *out)
{
	unsigned long step = (unsigned long)step_sec, n_ds = 0;
	time_t start = (time_t)since, end = (time_t)until;
	rrd_value_t *data = NULL;
	char **names = NULL;
	uint64_t rows;

	if (dl_rrd_fetch_r(path, "AVERAGE", &start, &end, &step, &n_ds, &names, &data) !=
	    0)
		return -EBADMSG;
	if (!step || !n_ds || n_ds > MAX_DS || end < start)
		return -EBADMSG;
	rows = (uint64_t)(end - start) / step;
	for (uint64_t i = 0; i < rows && i < MAX_ROWS; i++) {
		struct rrd_row row = { .step_sec = step };
		uint64_t at = (uint64_t)start + (i + 1) * step;

		if (at <= job->since_sec || at <= since || at > until)
			continue;
		row.end_real_usec = at * USEC_PER_SEC;
		take_row(&row, names, n_ds, &data[i * n_ds]);
		if (!is_empty(&row))
			buf_add(out, &row, sizeof(row));
	}
	return 0;
}

/*
 * Each archive is asked for the time that only it (and coarser ones) has, the coarsest
 * first.
 */
static int fetch_all(const char *path, const struct layout *l, const struct job *job,
		     struct buf *out)
{
	time_t last = dl_rrd_last_r(path);
	uint64_t from = job->since_sec, until;
	int r = 0;

	if (last <= 0)
		return -EBADMSG;
	until = MIN(job->until_sec, (uint64_t)last);
	for (size_t i = ARRAY_SIZE(l->archives); r == 0 && i-- > 0;) {
		const struct archive *a = &l->archives[i];
		uint64_t finer = until, reach;

		if (!a->step_sec)
			continue;
		if (i) {
			reach = l->archives[i - 1].step_sec * l->archives[i - 1].rows;
			finer = MIN(until,
				    (uint64_t)last > reach ? (uint64_t)last - reach : 0);
			/* whole rows of this one */
			finer -= finer % a->step_sec;
		}
		if (from >= finer)
			continue;
		r = fetch(path, job, a->step_sec, from, finer, out);
		from = finer;
	}
	return r;
}

/* rrdcached writes late; whether it answers in time or not, the file is read. */
static void flush(const struct job *job, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = FLUSH_SEC };
	char text[160];
	ssize_t n;

	if (!job->flush || fd < 0)
		return;
	snprintf(to.sun_path, sizeof(to.sun_path), "/%s", SOCKET);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return;
	snprintf(text, sizeof(text), "FLUSH /%s\n", path);
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) > 0) {
		n = recv(fd, text, sizeof(text), 0);
		(void)n;
	}
}

/* The path that librrd can open: the descriptor's own, resolved below our root. */
static int open_file(const struct job *job, const struct layout *l, int *ret)
{
	struct fs_stat st;
	char path[64];

	snprintf(path, sizeof(path), BASE "%s/%u", l->dir, job->vmid);
	if (job->flush && fs_stat(job->rootfd, path, true, &st, NULL) == 0)
		flush(job, path);
	return fs_open_regular(job->rootfd, path, &st, ret, NULL);
}

static int child(int out, void *arg)
{
	const struct job *job = arg;
	_cleanup_(buf_done) struct buf rows = { 0 };
	_cleanup_close_ int fd = -1;
	char path[64];
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		r = open_file(job, &layouts[i], &fd);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		/* told apart from a file that is not there */
		if (load(NULL) < 0)
			return -ELIBACC;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		r = fetch_all(path, &layouts[i], job, &rows);
		break;
	}
	if (r == 0)
		r = fs_write_all(out, rows.p, rows.n);
	return r;
}

/* ---- in ours ---- */

static int cmp_row(const void *a, const void *b)
{
	const struct rrd_row *x = a, *y = b;

	return (x->end_real_usec > y->end_real_usec) -
	       (x->end_real_usec < y->end_real_usec);
}

static int sentence(int r, uint32_t vmid, struct err *err)
{
	switch (r) {
	case -ENOENT:
		return err_set(err, r, "PVE has no RRD of container %u", vmid);
	case -ELIBACC:
		return err_set(err, -ENOENT, "PVE's RRD of container %u needs librrd8",
			       vmid);
	case -ETIMEDOUT:
		return err_set(err, r, "PVE's RRD of container %u cannot be read in time",
			       vmid);
	default:
		return err_set(err, r, "PVE's RRD of container %u is damaged", vmid);
	}
}

int rrd_read(int rootfd, uint32_t vmid, uint64_t since_real_usec,
	     uint64_t until_real_usec, bool do_flush, struct rrd_rows *ret,
	     struct err *err)
{
	struct job job = { .rootfd = rootfd,
			   .vmid = vmid,
			   .since_sec = since_real_usec / USEC_PER_SEC,
			   .until_sec = until_real_usec / USEC_PER_SEC,
			   .flush = do_flush };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct guard g = { 0 };
	int r = guard_start(child, &job, TIMEOUT_USEC, &g, err);

	if (r < 0)
		return r;
	r = guard_collect(&g, MAX_ROWS * sizeof(struct rrd_row), &b, NULL);
	if (r == 0 && b.n % sizeof(struct rrd_row))
		r = -EIO;
	if (r < 0)
		return sentence(r, vmid, err);
	*ret = (struct rrd_rows){ .n = b.n / sizeof(struct rrd_row) };
	ret->v = xcalloc(ret->n, sizeof(*ret->v));
	if (!ret->n)
		return 0;
	memcpy(ret->v, b.p, b.n);
	qsort(ret->v, ret->n, sizeof(*ret->v), cmp_row);
	return 0;
}
