/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/progfile.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/guard.h"
#include "base/str.h"

/* What must agree: the header has the same layout up to there for 32 and 64 bits. */
struct head {
	unsigned char ident[EI_NIDENT];
	uint16_t type, machine;
};

static int read_head(int rootfd, const char *path, struct head *ret, struct err *err)
{
	_cleanup_close_ int fd = -1;
	_cleanup_(buf_done) struct buf b = { 0 };
	struct fs_stat st;
	int r = fs_open_regular(rootfd, path, &st, &fd, err);

	if (r == 0)
		r = fs_pread_buf(fd, 0, sizeof(*ret), &b);
	if (r < 0)
		return r;
	if (b.n < sizeof(*ret) || memcmp(b.p, ELFMAG, SELFMAG) != 0)
		return err_set(err, -ENOEXEC, "/%s is no program", path);
	memcpy(ret, b.p, sizeof(*ret));
	return 0;
}

int progfile_check(int rootfd, const char *path, const char *like, struct err *err)
{
	struct head its, node;
	int r = read_head(rootfd, like, &node, err);

	if (r == 0)
		r = read_head(rootfd, path, &its, err);
	if (r < 0)
		return r;
	if (its.machine != node.machine || its.ident[EI_DATA] != node.ident[EI_DATA] ||
	    its.ident[EI_CLASS] != node.ident[EI_CLASS])
		return err_set(err, -ENOEXEC, "/%s is for another kind of machine", path);
	return 0;
}

/* How it ended, for the parent: the program itself gets nothing to write to. */
static int run(int out, void *arg)
{
	char name[] = "hook";
	char *const argv[] = { name, NULL }, *const envp[] = { NULL };
	int program = *(const int *)arg, status = 0;
	pid_t self = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(0);
		syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
		/* to be told from what it ends with itself */
		status = errno;
		(void)fs_write_all(out, &status, sizeof(status));
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status) << 16;
	return status ? fs_write_all(out, &status, sizeof(status)) : 0;
}

static int told(int status, const char *path, struct err *err)
{
	if (status < 0)
		return err_set(err, -ECHILD, "/%s died of signal %d", path, -status);
	if (status >> 16)
		return err_set(err, -ECHILD, "/%s ended with %d", path, status >> 16);
	return err_set(err, -status, "start /%s: %s", path, strerror(status));
}

int progfile_run(int rootfd, const char *path, uint64_t timeout_usec, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_close_ int fd = -1;
	struct guard g = { 0 };
	struct stat st;
	int status, r = fs_open(rootfd, path, O_PATH, &fd, err);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "/%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(err, -EPERM, "/%s is not root's alone: it is not run",
			       path);
	r = guard_start(run, &fd, timeout_usec, &g, err);
	if (r == 0)
		r = guard_collect(&g, sizeof(status), &b, err);
	if (r == -ETIMEDOUT)
		return err_set(err, r, "/%s does not end", path);
	if (r < 0 || !b.n)
		return r;
	if (b.n < sizeof(status))
		return err_set(err, -EIO, "/%s: no answer", path);
	memcpy(&status, b.p, sizeof(status));
	return told(status, path, err);
}
