/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guest-read: one request about one container, answered by a process that holds nothing
 * but that container's root and gives up everything else before it looks at it. Started
 * by read/guestread.c with the descriptors of read/guestfds.h; it takes no arguments and
 * no environment, prints nothing, and ends with an errno as its exit code.
 *
 * In this order, so that nothing has to be loaded or opened later than it may be:
 *   - the request, the deadline, the lock of the container, for a journal libsystemd is
 *     loaded, both filters are built
 *   - limits; ids, groups and capabilities become the container's
 *   - the first filter: openat2(2) is the only call left that opens, which
 *     guest/open.c alone makes, as no filter can see what is asked of it
 *   - everything the request names is opened
 *   - the second filter: nothing is left that opens
 *   - everything is read and answered
 */
#include "config.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/fs.h"
#include "guest/op.h"
#include "guest/sdjournal.h"
#include "read/guestfds.h"
#include "read/guestwire.h"
#include "sandbox/caps.h"
#include "sandbox/filter.h"
#include "sandbox/sandbox.h"

#define ANY(call)                                                                        \
	{                                                                                \
		.number = SYS_##call                                                     \
	}

/* Until everything is opened; then those from the mark on are left. */
static const struct filter_call calls[] = {
	ANY(openat2),
	ANY(read),
	ANY(readlinkat),
	ANY(seccomp),
#define OPENING 4
	ANY(pread64),
	ANY(getdents64),
	ANY(statx),
	ANY(fstatfs),
	ANY(close),
	{ SYS_write, 1, { { 0, UINT32_MAX, GUESTFD_ANSWER } } },
	/* memory: never a file, never code */
	ANY(brk),
	ANY(munmap),
	ANY(mremap),
	{ SYS_mmap, 2, { { 2, PROT_EXEC, 0 }, { 4, UINT32_MAX, UINT32_MAX } } },
	ANY(clock_gettime),
	ANY(restart_syscall),
	ANY(exit_group),
#ifdef WITH_SANITIZERS
	ANY(madvise),
	ANY(sched_yield),
	ANY(mprotect),
	ANY(futex),
#endif
	/* for a journal alone: libsystemd maps its files, to be read. What it does once in
	 * its life (futex, getrandom, ...) is done before: sdjournal_load() */
	{ SYS_mmap, 1, { { 2, ~(uint64_t)PROT_READ, 0 } } },
	ANY(fstat),
	/* what fstat() is of some versions of the C library */
	{ SYS_newfstatat, 1, { { 3, UINT32_MAX, AT_EMPTY_PATH } } },
#define FOR_JOURNAL 3
};

struct guest {
	struct guest_root root;
	struct guestread_request request;
	struct buf text; /* of the request */
	struct work *works;
	struct filter opening, reading;
	size_t answered_bytes;
	bool has_userns;
	bool journal; /* it is one that is asked for: the only item then */
};

static const struct op *const ops[GUESTREAD_N_OPS] = {
	[GUESTREAD_FILE] = &op_file,         [GUESTREAD_TAIL] = &op_file,
	[GUESTREAD_LIST] = &op_list,         [GUESTREAD_STATFS] = &op_statfs,
	[GUESTREAD_READLINK] = &op_readlink, [GUESTREAD_STAT] = &op_stat,
	[GUESTREAD_JOURNAL] = &op_journal,
};

static int limit(const struct guest *g)
{
	struct sandbox_limits limits = {
#ifndef WITH_SANITIZERS
		.memory_bytes = (uint64_t)(g->journal ? 256 : 128) << 20,
#endif
		.cpu_sec = 10,
		.descriptors = GUESTREAD_MAX_ITEMS + 128,
	};

	(void)g;
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
	return r;
}

static int open_self(struct guest *g)
{
	struct statfs fs;

	g->root = (struct guest_root){ .root = GUESTFD_ROOT,
				       .mountinfo = GUESTFD_MOUNTINFO };
	g->root.self = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (g->root.self < 0 || fstatfs(g->root.self, &fs) < 0)
		return -errno;
	return fs.f_type == PROC_SUPER_MAGIC ? 0 : -ENOTSUP;
}

static int build_filters(struct guest *g)
{
	size_t n = ARRAY_SIZE(calls) - (g->journal ? 0 : FOR_JOURNAL);
	int r = filter_build(calls, n, &g->opening, NULL);

	if (r == 0)
		r = filter_build(calls + OPENING, n - OPENING, &g->reading, NULL);
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

static int narrow(struct guest *g)
{
	int r = check_fds(g);

	if (r == 0)
		r = sandbox_close_from(GUESTFD_N, NULL);
	if (r == 0)
		r = read_request(g);
	if (r == 0)
		r = sandbox_deadline(g->request.deadline_msec, NULL);
	if (r == 0)
		r = take_lock(g);
	if (r == 0)
		r = open_self(g);
	/* nothing can be loaded later; without it the journal is answered so */
	if (r == 0 && g->journal)
		(void)sdjournal_load(NULL);
	if (r == 0)
		r = build_filters(g);
	/* libseccomp wrote the filters to a file */
	if (r == 0)
		r = limit(g);
	if (r == 0)
		r = caps_become_guest(g->has_userns ? GUESTFD_USERNS : -1, NULL);
	if (r == 0)
		r = sandbox_lock(NULL);
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
	uint64_t end =
		clock_mono_usec() + g->request.deadline_msec * USEC_PER_MSEC * 3 / 4;
	int error;
	enum guestread_why root = guest_check_root(&g->root, &error);

	for (size_t i = 0; i < g->request.n; i++) {
		struct work *w = &g->works[i];

		w->item = &g->request.v[i];
		w->until_mono_usec = end;
		if (root && !may_ask(w->item))
			w->a = (struct guestread_answer){ .why = root, .error = error };
		else if (clock_mono_usec() >= end)
			w->a.why = GUESTREAD_LATE;
		else
			ops[w->item->op]->prepare(&g->root, w);
	}
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

static int run(struct guest *g)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r = narrow(g);

	if (r < 0)
		return r;
	g->works = xcalloc(g->request.n, sizeof(*g->works));
	for (size_t i = 0; i < g->request.n; i++)
		g->works[i].fd = -1;
	r = filter_enter(&g->opening, NULL);
	if (r < 0)
		return r;
	open_all(g);
	r = filter_enter(&g->reading, NULL);
	for (size_t i = 0; r == 0 && i < g->request.n; i++)
		r = answer_one(g, i, &b);
	if (r < 0)
		return r;
	guestwire_put_end(&b);
	return write_buf(g, &b);
}

int main(void)
{
	struct guest g = { 0 };
	int r = run(&g);

	/* nothing at exit: no handler may need a system call that is not left */
	_exit(r < 0 ? -r & 0xff : 0);
}
