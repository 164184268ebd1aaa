/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "cli/doctordata.h"
#include "read/accounts.h"
#include "read/filelock.h"
#include "read/procfs.h"
#include "read/sdunit.h"
#include "read/unixsock.h"
#include "store/ring.h"

#define RING   "run/ctscope/ring"
#define SOCKET "run/ctscope-reader.sock"

static void read_unit(const char *name, struct doctor_unit *ret)
{
	struct sdunit u = { 0 };
	struct err err = { 0 };

	if (sdunit_read(name, &u, &err) < 0) {
		ret->problem = xstrdup(err.msg);
		return;
	}
	*ret = (struct doctor_unit){
		.known = true,
		.load = take_ptr(u.load),
		.active = take_ptr(u.active),
		.sub = take_ptr(u.sub),
		.file_state = take_ptr(u.file_state),
		.result = take_ptr(u.result),
		.status = take_ptr(u.status),
		.pid = u.main_pid,
		.since_real_usec = u.since_real_usec,
		.restarts = u.restarts,
		.watchdog_usec = u.watchdog_usec,
		.need_reload = u.need_reload,
	};
	sdunit_done(&u);
}

/* ---- its process -------------------------------------------------------------------- */

/* The first line of /proc/<pid>/status that begins so: what is behind it. */
static struct span status_line(struct span text, const char *key)
{
	struct span line;

	while (span_line(&text, &line))
		if (span_skip(&line, key))
			return span_trim(line);
	return (struct span){ 0 };
}

static bool has_number(struct span list, uint32_t n)
{
	struct span word;
	uint32_t m;

	while (span_field(&list, &word))
		if (num_parse_u32(word, &m) == 0 && m == n)
			return true;
	return false;
}

static void read_status(const struct app *app, struct doctor_process *p)
{
	_cleanup_(accounts_done) struct accounts a = { 0 };
	_cleanup_free_ char *path = xasprintf("proc/%d/status", (int)p->pid);
	char buf[8192];
	struct span text, uids, uid, groups, gids;
	uint32_t gid;
	size_t n;

	if (fs_read_small(app->rootfd, path, buf, sizeof(buf), &n, NULL) < 0 ||
	    accounts_read(app->rootfd, &a, NULL) < 0)
		return;
	text = span_of(buf, n);
	uids = status_line(text, "Uid:");
	groups = status_line(text, "Groups:");
	gids = status_line(text, "Gid:");
	if (!span_field(&uids, &uid) || num_parse_u32(uid, &p->uid) < 0)
		return;
	for (size_t i = 0; i < DOCTOR_GROUPS; i++)
		p->lacks[i] = accounts_group(&a, doctor_groups[i], &gid) &&
			      !has_number(groups, gid) && !has_number(gids, gid);
}

static void read_exe(const struct app *app, struct doctor_process *p)
{
	_cleanup_free_ char *path = xasprintf("proc/%d/exe", (int)p->pid);
	_cleanup_free_ char *exe = NULL;

	if (fs_readlink(app->rootfd, path, &exe, NULL) == 0)
		p->replaced = str_ends(exe, " (deleted)");
}

/* systemd's word, else who holds the ring: another program may not be taken for it. */
static void find_process(const struct app *app, struct doctor_facts *f)
{
	struct doctor_process p = { 0 };
	struct proc_stat st;
	struct host host = { 0 };
	char buf[1024];

	if (f->service.known)
		p.pid = f->service.pid;
	else if (filelock_holder(app->rootfd, RING, &p.pid, NULL) < 0)
		return;
	if (!p.pid ||
	    procfs_read_stat(app->rootfd, p.pid, buf, sizeof(buf), &st, NULL) < 0 ||
	    st.state == 'Z' ||
	    !span_eq(span_of((const char *)st.comm.p, st.comm.n), "ctscoped"))
		return;
	p.state = st.state;
	if (procfs_read_host(app->rootfd, &host, NULL) == 0 &&
	    host.uptime_centisec.kind == VAL_SET && host.ticks_per_sec)
		p.since_real_usec =
			num_sub(app->now_real_usec,
				num_sub(host.uptime_centisec.n * 10000,
					num_muldiv(st.start_ticks, USEC_PER_SEC,
						   host.ticks_per_sec)));
	read_status(app, &p);
	read_exe(app, &p);
	f->process = p;
}

/* ---- what it writes, and whom it asks ----------------------------------------------- */

static void read_ring(const struct app *app, struct doctor_ring *g)
{
	struct ring *ring = NULL;
	struct ring_head head;
	struct err err = { 0 };
	char boot[64];
	size_t n = 0;
	int r = ring_open(app->rootfd, RING, &ring, &err);

	g->there = r != -ENOENT && r != -ENOTDIR;
	if (r == 0)
		r = ring_head(ring, &head);
	ring_close(ring);
	if (r < 0) {
		g->problem = xstrdup(*err.msg ? err.msg : strerror(-r));
		g->other_layout = r == -EPROTO;
		return;
	}
	if (fs_read_small(app->rootfd, "proc/sys/kernel/random/boot_id", boot,
			  sizeof(boot), &n, NULL) == 0)
		g->other_boot = !span_eq(span_trim(span_of(boot, n)), head.boot);
	g->beat_usec = val_set(num_sub(clock_boot_usec(), head.beat_boot_usec));
	g->late_ticks = head.late_ticks;
}

static void read_socket(const struct app *app, struct doctor_socket *s)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct fs_stat st;

	if (fs_stat(app->rootfd, SOCKET, false, &st, NULL) < 0)
		return;
	s->there = true;
	s->is_socket = S_ISSOCK(st.mode);
	s->uid = st.uid;
	s->mode = st.mode;
	if (fs_read_file(app->rootfd, "proc/net/unix", (size_t)16 << 20, &b, NULL) < 0)
		return;
	s->listens = unixsock_parse_listens(span_of(buf_str(&b), b.n), "/" SOCKET)
			     ? DOCTOR_YES
			     : DOCTOR_NO;
}

/* Who has just begun took the ring over as it was. */
static void since_its_start(const struct app *app, struct doctor_facts *f)
{
	struct val *beat = &f->ring.beat_usec;
	uint64_t since = f->process.since_real_usec;

	if (beat->kind == VAL_SET && since)
		beat->n = MIN(beat->n, num_sub(app->now_real_usec, since));
}

void doctor_gather_collector(const struct app *app, struct doctor_facts *io)
{
	read_ring(app, &io->ring);
	if (!app->live)
		return;
	read_unit("ctscoped.service", &io->service);
	read_unit("ctscope-reader.socket", &io->socket_unit);
	find_process(app, io);
	since_its_start(app, io);
	read_socket(app, &io->socket);
}
