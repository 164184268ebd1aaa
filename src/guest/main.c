/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guest-read: one request about one container, answered by a process that holds nothing
 * but that container's root and gives up everything else before it looks at it. Started
 * by read/guestread.c with the descriptors of read/guestfds.h; it takes no arguments and
 * no environment, and prints nothing.
 *
 * In this order, so that nothing has to be loaded or opened later than it may be:
 *   - nobody may trace it; the request, the deadline, the lock of the container, for a
 *     journal libsystemd is loaded, both filters are built
 *   - its own descriptors become its root, so that no path leads to the host's files
 *   - limits; ids, groups and capabilities become the container's
 *   - the first filter: openat2(2) is the only call left that opens, which
 *     guest/open.c alone makes, as no filter can see what is asked of it
 *   - everything the request names is opened; then the root and all else that was only
 *     needed for that is let go, so that what stops is not held up
 *   - the second filter: nothing is left that opens
 *   - everything is read and answered
 */
#include "config.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "guest/calls.h"
#include "guest/op.h"
#include "guest/sdjournal.h"
#include "guest/serve.h"
#include "read/guestfds.h"
#include "read/guestwire.h"
#include "sandbox/caps.h"
#include "sandbox/filter.h"
#include "sandbox/sandbox.h"

struct guest {
	struct guest_root root;
	struct guestread_request request;
	struct buf text; /* of the request */
	struct work *works;
	struct filter opening, reading;
	size_t answered_bytes;
	/* then it answers with what it has; of the CPU: 0: no such bound */
	uint64_t until_mono_usec, until_cpu_usec;
	pid_t parent;
	bool has_userns;
	bool journal; /* it is one that is asked for: the only item then */
};

static const struct op *const ops[GUESTREAD_N_OPS] = {
	[GUESTREAD_FILE] = &op_file,         [GUESTREAD_TAIL] = &op_file,
	[GUESTREAD_LIST] = &op_list,         [GUESTREAD_STATFS] = &op_statfs,
	[GUESTREAD_READLINK] = &op_readlink, [GUESTREAD_STAT] = &op_stat,
	[GUESTREAD_JOURNAL] = &op_journal,
};

static int limit(struct guest *g)
{
	struct sandbox_limits limits = {
#ifndef WITH_SANITIZERS
		.memory_bytes = (uint64_t)(g->journal ? 256 : 128) << 20,
#endif
		.cpu_sec = 10,
		.descriptors = GUESTREAD_MAX_ITEMS + 128,
	};

	(void)g; /* sanitizers map terabytes: no limit of memory then */
	return sandbox_limit(&limits, NULL);
}

static int read_request(struct guest *g)
{
	int r;

	for (;;) {
		ssize_t n;

		buf_reserve(&g->text, 4096);
		n = read(GUESTFD_REQUEST, g->text.p + g->text.n,
			 g->text.cap - g->text.n - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		g->text.n += (size_t)n;
		if (g->text.n > GUESTWIRE_MAX_REQUEST)
			return -E2BIG;
	}
	r = guestwire_parse_request(span_of(g->text.p, g->text.n), &g->request, NULL);
	g->journal = r == 0 && g->request.v[0].op == GUESTREAD_JOURNAL;
	return r;
}

static int write_buf(struct guest *g, struct buf *b)
{
	int r = fs_write_all(GUESTFD_ANSWER, b->p, b->n);

	g->answered_bytes += b->n;
	b->n = 0;
	return r;
}

/* At most one reader of a container is at work, and at most one ever hangs in it. */
static int take_lock(struct guest *g)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r;

	if (flock(GUESTFD_LOCK, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	guestwire_put_waits(&b);
	r = write_buf(g, &b);
	while (r == 0 && flock(GUESTFD_LOCK, LOCK_EX) < 0)
		r = errno == EINTR ? 0 : -errno;
	if (r == 0) {
		guestwire_put_goes_on(&b);
		r = write_buf(g, &b);
	}
	return r;
}

/*
 * An answer that is not whole by the end of the time is cut off: that comes before. For a
 * journal there is much to do: its time is the CPU's, and on a node that is busy it may
 * take longer by the clock. Who asks for it ends what only sleeps.
 */
static int start_clock(struct guest *g)
{
	uint32_t msec = g->request.deadline_msec, cpu_msec = 0;

	if (g->journal) {
		cpu_msec = msec;
		msec = MIN(msec * GUARD_MOST, (uint32_t)GUESTREAD_MAX_MSEC);
	}
	g->until_cpu_usec = cpu_msec * USEC_PER_MSEC * 3 / 4;
	g->until_mono_usec = clock_mono_usec() + msec * USEC_PER_MSEC * 3 / 4;
	return sandbox_deadline(msec, cpu_msec, NULL);
}

static int shut_in(struct guest *g)
{
	int r = sandbox_shut_in(NULL);

	if (r < 0)
		return r;
	g->root = (struct guest_root){ .root = GUESTFD_ROOT,
				       .mountinfo = GUESTFD_MOUNTINFO,
				       .until_mono_usec = g->until_mono_usec };
	g->root.self = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return g->root.self < 0 ? -errno : 0;
}

static int build_filters(struct guest *g)
{
	size_t n = g->journal ? guest_n_calls : guest_n_plain;
	int r = filter_build(guest_calls, n, &g->opening, NULL);

	if (r == 0)
		r = filter_build(guest_calls + GUEST_OPENING, n - GUEST_OPENING,
				 &g->reading, NULL);
	return r;
}

/*
 * What was not handed over, before anything that is opened takes its number. All but the
 * user namespace has to be there.
 */
static int check_fds(struct guest *g)
{
	for (int fd = 0; fd < GUESTFD_N; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			g->has_userns |= fd == GUESTFD_USERNS;
		else if (fd != GUESTFD_USERNS || dup2(GUESTFD_STDERR, fd) < 0)
			return -EBADF;
	return 0;
}

static int close_others(struct guest *g)
{
	(void)g;
	return sandbox_close_from(GUESTFD_N, NULL);
}

/* Nothing can be loaded later; without it the journal is answered so. */
static int load_libs(struct guest *g)
{
	if (g->journal)
		(void)sdjournal_load(NULL);
	return 0;
}

static int become_guest(struct guest *g)
{
	return caps_become_guest(g->has_userns ? GUESTFD_USERNS : -1, NULL);
}

static int lock_in(struct guest *g)
{
	return sandbox_lock(g->parent, NULL);
}

static int narrow(struct guest *g)
{
	/* no file can be made behind the limits, and libseccomp writes a filter to one */
	static int (*const steps[])(struct guest * g) = {
		check_fds, close_others, read_request,  start_clock,
		take_lock, load_libs,    build_filters, shut_in,
		limit,     become_guest, lock_in,
	};
	int r = sandbox_begin(NULL);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
		r = steps[i](g);
	return r;
}

/* Of a root that may hang itself nothing is asked but, if that is wanted, its statfs. */
static bool may_ask(const struct guestread_item *it)
{
	return it->op == GUESTREAD_STATFS && it->any_type &&
	       strspn(it->path, "/") == strlen(it->path);
}

static void open_all(struct guest *g)
{
	int error;
	enum guestread_why root = guest_check_root(&g->root, &error);

	for (size_t i = 0; i < g->request.n; i++) {
		struct work *w = &g->works[i];

		w->item = &g->request.v[i];
		w->until_mono_usec = g->until_mono_usec;
		w->until_cpu_usec = g->until_cpu_usec;
		if (root && !may_ask(w->item))
			w->a = (struct guestread_answer){ .why = root, .error = error };
		else if (clock_mono_usec() >= g->until_mono_usec)
			w->a.why = GUESTREAD_LATE;
		else
			ops[w->item->op]->prepare(&g->root, w);
	}
}

/*
 * What is open now is open. A file system or a container that is to go must not wait for
 * a reader that hangs: of the guest's only what was opened is still held then. The lock
 * stays.
 */
static void let_go(void)
{
	close(GUESTFD_REQUEST);
	close(GUESTFD_ROOT);
	close(GUESTFD_MOUNTINFO);
	close(GUESTFD_USERNS);
}

/* Said before an answer may hang; else it is in front of the first. */
static int say_opened(struct guest *g, struct buf *b)
{
	guestwire_put_opened(b);
	for (size_t i = 0; i < g->request.n; i++)
		if (g->request.v[i].any_type)
			return write_buf(g, b);
	return 0;
}

static int answer_one(struct guest *g, size_t i, struct buf *b)
{
	struct work *w = &g->works[i];

	w->room = MIN(GUESTREAD_MAX_BYTES,
		      GUESTREAD_MAX_ANSWER / 2 > g->answered_bytes
			      ? GUESTREAD_MAX_ANSWER / 2 - g->answered_bytes
			      : 0);
	if (!w->a.why && (clock_mono_usec() >= w->until_mono_usec || !w->room))
		w->a.why = GUESTREAD_LATE;
	if (!w->a.why)
		ops[w->item->op]->answer(w);
	if (w->a.why) {
		free(w->a.entries);
		w->a = (struct guestread_answer){ .why = w->a.why,
						  .error = w->a.error,
						  .st = w->a.st };
	}
	guestwire_put_answer(b, (uint32_t)i, &w->a);
	work_done(w);
	return write_buf(g, b);
}

/* Nothing was looked at. As an exit code its errno would be taken for one of a job. */
static int fail(struct guest *g, int error)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	guestwire_put_failed(&b, -error);
	(void)write_buf(g, &b);
	return error;
}

static int run(struct guest *g)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r = narrow(g);

	if (r < 0)
		return fail(g, r);
	g->works = xcalloc(g->request.n, sizeof(*g->works));
	for (size_t i = 0; i < g->request.n; i++)
		g->works[i].fd = -1;
	r = filter_enter(&g->opening, NULL);
	if (r < 0)
		return fail(g, r);
	open_all(g);
	let_go();
	r = filter_enter(&g->reading, NULL);
	if (r == 0)
		r = say_opened(g, &b);
	for (size_t i = 0; r == 0 && i < g->request.n; i++)
		r = answer_one(g, i, &b);
	if (r < 0)
		return r;
	guestwire_put_end(&b);
	return write_buf(g, &b);
}

int main(int argc, char **argv)
{
	struct guest g = { .parent = getppid() };
	int r;

	if (argc == 2 && str_eq(argv[1], "serve"))
		return serve(0);
	/* started by a descriptor, it has the number of that for a name */
	(void)prctl(PR_SET_NAME, "guest-read");
	r = run(&g);
	/* nothing at exit: no handler, a sanitizer's either, may need a call that is not left */
	syscall(SYS_exit_group, r < 0 ? GUESTREAD_EXIT : 0);
	return GUESTREAD_EXIT;
}
