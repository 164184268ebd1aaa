/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/facts.h"

#include <sys/syscall.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "read/pmxcfs.h"
#include "read/procfs.h"
#include "read/reading.h"
#include "read/unixsock.h"

#define MANY     64
#define CT_BYTES 4096 /* about what one container takes, its config included */

/* They mostly come in a row: a call for each row, not for each of a thousand. */
static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0, end; fds && i < n; i = end) {
		for (end = i + 1; end < n && fds[end] == fds[end - 1] + 1;)
			end++;
		if (fds[i] < 0)
			end = i + 1;
		else if (syscall(SYS_close_range, fds[i], fds[end - 1], 0) < 0)
			for (size_t k = i; k < end; k++)
				close(fds[k]);
	}
}

static void close_probes(const struct cpu_probe *p, size_t n)
{
	_cleanup_free_ int *fds = xcalloc(n, sizeof(*fds));

	for (size_t i = 0; i < n; i++)
		fds[i] = p[i].fd;
	close_all(fds, n);
}

static void reading_done(struct reading *rd)
{
	helper_end(&rd->helper);
	free(rd->first.owner);
	free(rd->rest.owner);
	free(rd->net);
	guard_done(&rd->job.guard);
	rootstat_done(&rd->disks_job);
	free(rd->disks);
	pvefs_done(&rd->pve);
	ctlive_close(&rd->kernel);
	free(rd->sockets);
	close_all(rd->holds, rd->n_live);
	free(rd->holds);
	free(rd->nsids);
	if (rd->probes)
		close_probes(rd->probes, rd->n_live);
	free(rd->probes);
}

struct ct *reading_add(struct reading *rd, uint32_t vmid)
{
	struct facts *f = rd->f;

	GROW(f->cts, f->n_cts, rd->cap);
	f->cts[f->n_cts] = (struct ct){ .vmid = vmid };
	return &f->cts[f->n_cts++];
}

/* By the small numbers: the containers are too far apart to be searched. */
struct ct *reading_live_ct(const struct reading *rd, uint32_t vmid)
{
	size_t lo = 0, hi = rd->n_sockets;

	if (rd->want->vmid)
		return rd->n_live && rd->want->vmid == vmid ? rd->f->cts : NULL;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (rd->sockets[mid] < vmid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < rd->n_sockets && rd->sockets[lo] == vmid ? &rd->f->cts[lo] : NULL;
}

int reading_cmp_ct(const void *a, const void *b)
{
	const struct ct *x = a, *y = b;

	return (x->vmid > y->vmid) - (x->vmid < y->vmid);
}

static size_t count_live(const struct reading *rd)
{
	if (!rd->want->vmid)
		return rd->n_sockets;
	return unixsock_has(rd->sockets, rd->n_sockets, rd->want->vmid);
}

/* By their sockets, which are sorted. */
static void add_live(struct reading *rd, size_t n)
{
	rd->cap = n;
	rd->f->cts = xcalloc(n, sizeof(*rd->f->cts));
	for (size_t i = 0; i < rd->n_sockets; i++)
		if (!rd->want->vmid || rd->want->vmid == rd->sockets[i])
			reading_add(rd, rd->sockets[i])->here = true;
	rd->n_live = rd->f->n_cts;
}

/* Where else is it? -EXDEV, -ENOTSUP or -ENOENT with the sentence. */
static int explain_missing(struct reading *rd, struct err *err)
{
	static const struct pvefs_req reqs[] = { { PVEFS_FILE, "etc/pve/.vmlist" } };
	_cleanup_(vmlist_done) struct vmlist list = { 0 };
	_cleanup_(pvefs_done) struct pvefs p = { 0 };
	const struct vmlist_entry *e;
	const char *node = rd->f->node ? rd->f->node : "this node";
	uint32_t vmid = rd->want->vmid;
	struct span text;

	if (pvefs_read(rd->rootfd, reqs, ARRAY_SIZE(reqs), &p, NULL) == 0) {
		text = pvefs_data(&p, "etc/pve/.vmlist");
		if (text.n)
			(void)pmxcfs_parse_vmlist(text.p, text.n, &list, NULL);
	}
	e = vmlist_find(&list, vmid);
	if (e && e->type == GUEST_QEMU)
		return err_set(err, -ENOTSUP,
			       "%u is a virtual machine (on node %s), not a container",
			       vmid, e->node);
	if (e && !str_eq(e->node, rd->f->node))
		return err_set(err, -EXDEV,
			       "container %u is on node %s, not on %s: run it there",
			       vmid, e->node, node);
	return err_set(err, -ENOENT,
		       "there is no container %u on %s (no /etc/pve/lxc/%u.conf)", vmid,
		       node, vmid);
}

/* In clock ticks since boot; the uptime was read before any container is. */
static uint64_t a_second_ago(const struct host *h)
{
	return num_muldiv(num_sub(val_or(h->uptime_centisec, 0), 100), h->ticks_per_sec,
			  100);
}

/* The kernel is read while another process reads /etc/pve. */
static int read_all(struct reading *rd, struct err *err)
{
	bool config = !rd->want->no_config;
	struct facts *f = rd->f;
	size_t n;
	int r = config ? reading_start_pve(rd, err) : 0;

	if (r == 0)
		r = procfs_read_host(rd->rootfd, &f->host, err);
	if (r == 0)
		r = unixsock_read_monitors(rd->rootfd, rd->live, &rd->sockets,
					   &rd->n_sockets, err);
	if (r == 0)
		r = ctlive_open(rd->rootfd, &rd->kernel, err);
	if (r < 0)
		return r;
	if (rd->live)
		rd->kernel.before_ticks = a_second_ago(&f->host);
	n = count_live(rd);
	reading_start_disks(rd, n);
	if (n >= MANY)
		mem_expect(n * CT_BYTES);
	add_live(rd, n);
	reading_live(rd);
	if (config)
		r = reading_finish_pve(rd, err);
	if (r < 0)
		return r;
	if (rd->want->vmid && !f->n_cts)
		return f->pve_error ? err_set(err, -EIO, "%s", f->pve_error)
				    : explain_missing(rd, err);
	r = reading_rest(rd, err);
	if (r < 0)
		return r;
	if (f->n_cts)
		qsort(f->cts, f->n_cts, sizeof(*f->cts), reading_cmp_ct);
	reading_take_cluster(rd);
	return 0;
}

int facts_read(int rootfd, bool live, const struct facts_want *want,
	       uint64_t now_real_usec, struct facts *ret, struct err *err)
{
	_cleanup_(facts_done) struct facts f = { .time_real_usec = now_real_usec };
	struct reading rd = {
		.rootfd = rootfd,
		.live = live,
		.want = want,
		.f = &f,
		.kernel = { .lxc_dir = -1, .monitor_dir = -1 },
	};
	int r = read_all(&rd, err);

	reading_done(&rd);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct facts){ 0 };
	return 0;
}
