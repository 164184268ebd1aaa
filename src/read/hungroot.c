/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/hungroot.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/str.h"
#include "read/guestread.h"
#include "read/procfs.h"

#define MAX_TEXT 80

static int ticks_of(int rootfd, pid_t pid, uint64_t *ret)
{
	_uninit_ char buf[1024];
	struct proc_stat st;
	int r = procfs_read_stat(rootfd, pid, buf, sizeof(buf), &st, NULL);

	if (r < 0)
		return r;
	if (st.state == 'Z' || st.state == 'X')
		return -ESRCH;
	*ret = st.start_ticks;
	return 0;
}

static bool is_still(int rootfd, uint64_t pid, uint64_t ticks)
{
	uint64_t now;

	return pid && pid <= INT32_MAX && ticks_of(rootfd, (pid_t)pid, &now) == 0 &&
	       now == ticks;
}

/* The directory of the locks, which guest-read's caller makes as well: root's alone. */
static int open_dir(int rootfd, const char *path, int *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = fs_open(rootfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd, NULL);

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0 && (st.st_uid || st.st_mode & 077))
		r = -EPERM;
	if (r == 0)
		*ret = take_fd(&fd);
	return r;
}

void hungroot_note(int rootfd, pid_t init, pid_t process)
{
	_cleanup_close_ int run = -1, locks = -1, dir = -1;
	uint64_t of_init, of_process;
	char name[16], text[MAX_TEXT];

	if (ticks_of(rootfd, init, &of_init) < 0 ||
	    ticks_of(rootfd, process, &of_process) < 0 ||
	    fs_open(rootfd, "run", O_PATH | O_DIRECTORY, &run, NULL) < 0)
		return;
	(void)mkdirat(run, GUESTREAD_LOCKS, 0700);
	if (open_dir(rootfd, "run/" GUESTREAD_LOCKS, &locks) < 0)
		return;
	(void)mkdirat(locks, "roots", 0700);
	if (open_dir(rootfd, HUNGROOT_DIR, &dir) < 0)
		return;
	num_path(name, sizeof(name), "", (uint64_t)init, "");
	snprintf(text, sizeof(text), "%ju.%d.%ju", (uintmax_t)of_init, (int)process,
		 (uintmax_t)of_process);
	(void)!symlinkat(text, dir, name);
}

struct look {
	int rootfd, dir;
	void (*fn)(pid_t init, void *arg);
	void *arg;
};

static bool take_number(struct span *s, uint64_t *ret)
{
	struct span part;

	return span_cut(s, '.', &part) && num_parse_u64(part, ret) == 0;
}

static int look_at(const char *name, void *arg)
{
	const struct look *l = arg;
	uint64_t init, of_init, process, of_process;
	char text[MAX_TEXT];
	ssize_t n = readlinkat(l->dir, name, text, sizeof(text));
	struct span s = span_of(text, n > 0 ? (size_t)n : 0);

	if (num_parse_u64(span_str(name), &init) == 0 && take_number(&s, &of_init) &&
	    take_number(&s, &process) && take_number(&s, &of_process) &&
	    is_still(l->rootfd, init, of_init) &&
	    is_still(l->rootfd, process, of_process))
		l->fn((pid_t)init, l->arg);
	else
		(void)unlinkat(l->dir, name, 0);
	return 0;
}

void hungroot_each(int rootfd, void (*fn)(pid_t init, void *arg), void *arg)
{
	struct look l = { .rootfd = rootfd, .dir = -1, .fn = fn, .arg = arg };

	if (open_dir(rootfd, HUNGROOT_DIR, &l.dir) < 0)
		return;
	(void)fs_each(rootfd, HUNGROOT_DIR, look_at, &l, NULL);
	close(l.dir);
}
