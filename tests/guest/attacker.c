/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a hostile guest does to whoever reads its files: one static program that runs
 * inside a container, a sub-command a case. Each says "ready" when its trap is set, and
 * stays while that needs the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "attacker: %s: %s\n", what, strerror(errno));
	exit(errno == EPERM || errno == EACCES || errno == ENODEV || errno == ENOENT ||
			     errno == EINVAL || errno == ENOSYS
		     ? 77
		     : 1);
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static int stay(void)
{
	for (;;)
		pause();
	return 0;
}

static unsigned long number(const char *s)
{
	return strtoul(s, NULL, 10);
}

/* A and B change places for ever. */
static int do_exchange(char **a)
{
	ready();
	for (;;)
		if (syscall(SYS_renameat2, AT_FDCWD, a[0], AT_FDCWD, a[1], 2u) < 0)
			die("renameat2");
	return 0;
}

/* The directory A goes to B and back for ever. */
static int do_move(char **a)
{
	ready();
	for (;;)
		if (rename(a[0], a[1]) < 0 || rename(a[1], a[0]) < 0)
			die("rename");
	return 0;
}

/* A write lease that is never given up. */
static int do_lease(char **a)
{
	int fd = open(a[0], O_RDWR | O_CREAT, 0644);

	signal(SIGIO, SIG_IGN);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		die(a[0]);
	ready();
	return stay();
}

/* A FIFO that is held open for writing and never written to. */
static int do_fifo(char **a)
{
	if (mkfifo(a[0], 0644) < 0 || open(a[0], O_RDWR) < 0)
		die(a[0]);
	ready();
	return stay();
}

static int do_socket(char **a)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(u.sun_path, sizeof(u.sun_path), "%s", a[0]);
	if (fd < 0 || bind(fd, (void *)&u, sizeof(u)) < 0)
		die(a[0]);
	ready();
	return stay();
}

/* N bytes of nothing. */
static int do_sparse(char **a)
{
	int fd = open(a[0], O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || ftruncate(fd, (off_t)number(a[1])) < 0)
		die(a[0]);
	ready();
	return 0;
}

/* Grows as fast as it can; anew when it is N bytes long. */
static int do_grow(char **a)
{
	static char block[1 << 20];
	int fd = open(a[0], O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);
	unsigned long max = number(a[1]);

	memset(block, 'x', sizeof(block));
	if (fd < 0 || write(fd, block, 4096) < 0)
		die(a[0]);
	ready();
	for (unsigned long n = 0;; n += sizeof(block)) {
		if (n > max) {
			if (ftruncate(fd, 0) < 0)
				die("ftruncate");
			n = 0;
		}
		if (write(fd, block, sizeof(block)) < 0)
			die("write");
	}
	return 0;
}

/* Cut to nothing and written again for ever. */
static int do_truncate(char **a)
{
	static char block[1 << 16];
	int fd = open(a[0], O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		die(a[0]);
	memset(block, 'y', sizeof(block));
	for (int first = 1;; first = 0) {
		for (int i = 0; i < 32; i++)
			if (pwrite(fd, block, sizeof(block), i * (off_t)sizeof(block)) <
			    0)
				die("pwrite");
		if (first)
			ready();
		if (ftruncate(fd, 0) < 0)
			die("ftruncate");
	}
	return 0;
}

/* N empty files in a directory. */
static int do_names(char **a)
{
	int dir;

	mkdir(a[0], 0755);
	dir = open(a[0], O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		die(a[0]);
	for (unsigned long i = 0, n = number(a[1]); i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%lu", i);
		if (mknodat(dir, name, S_IFREG | 0644, 0) < 0)
			die(name);
	}
	ready();
	return 0;
}

/* Links l0 -> TARGET, l1 -> l0, ... lN. */
static int do_chain(char **a)
{
	char to[4096];

	snprintf(to, sizeof(to), "%s", a[1]);
	for (unsigned long i = 0, n = number(a[2]); i <= n; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/l%lu", a[0], i);
		if (symlink(to, name) < 0)
			die(name);
		snprintf(to, sizeof(to), "l%lu", i);
	}
	ready();
	return 0;
}

/* Whoever opens something on the file system of PATH waits for an answer. */
static int do_fanotify(char **a)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_LARGEFILE);

	if (fd < 0 || fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, a[0]) < 0)
		die("fanotify");
	ready();
	return stay();
}

/*
 * A FUSE on DIR that takes every request and answers only the first (INIT). A line a
 * request goes to COUNT, a file.
 */
static int do_fuse(char **a)
{
	static _Alignas(8) char buf[1 << 18];
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	FILE *count = fopen(a[1], "we");
	char opts[128];
	ssize_t n;

	snprintf(opts, sizeof(opts),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
	if (fuse < 0 || !count ||
	    mount("none", a[0], "fuse", MS_NOSUID | MS_NODEV, opts) < 0)
		die("fuse");
	while ((n = read(fuse, buf, sizeof(buf))) > 0 || errno == EINTR) {
		const struct fuse_in_header *in = (const void *)buf;
		struct {
			struct fuse_out_header h;
			struct fuse_init_out o;
		} out = { .h = { .len = sizeof(out), .unique = in->unique },
			  .o = { .major = FUSE_KERNEL_VERSION,
				 .minor = 31,
				 .max_write = 4096 } };

		if (in->opcode == FUSE_INIT) {
			if (write(fuse, &out, sizeof(out)) < 0)
				die("answer");
			ready();
			continue;
		}
		fprintf(count, "%u\n", in->opcode);
		fflush(count);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int n_args;
		int (*run)(char **args);
	} cases[] = {
		{ "exchange", 2, do_exchange }, { "move", 2, do_move },
		{ "lease", 1, do_lease },       { "fifo", 1, do_fifo },
		{ "socket", 1, do_socket },     { "sparse", 2, do_sparse },
		{ "grow", 2, do_grow },         { "truncate", 1, do_truncate },
		{ "names", 2, do_names },       { "chain", 3, do_chain },
		{ "fanotify", 1, do_fanotify }, { "fuse", 2, do_fuse },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(*cases); i++)
		if (strcmp(argv[1], cases[i].name) == 0 && argc == cases[i].n_args + 2)
			return cases[i].run(argv + 2);
	fprintf(stderr, "attacker: no such case\n");
	return 2;
}
