/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a hostile guest does to whoever reads its files: one static program that runs
 * inside a container, a sub-command a case. Each says "ready" when its trap is set, and
 * stays while that needs the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "attacker: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Of the one call of a case that a kernel or a container may not have. */
static _Noreturn void no_means(const char *what)
{
	fprintf(stderr, "attacker: %s: %s\n", what, strerror(errno));
	exit(errno == EPERM || errno == EACCES || errno == ENODEV || errno == EINVAL ||
			     errno == ENOSYS
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
	if (fd < 0)
		die(a[0]);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		no_means("lease");
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
		no_means("fanotify");
	ready();
	return stay();
}

/* N file systems, one over the other, on a path of some 3800 bytes below DIR. */
static int do_mounts(char **a)
{
	char name[256];

	memset(name, 'm', 250);
	name[250] = '\0';
	if (chdir(a[0]) < 0)
		die(a[0]);
	for (int i = 0; i < 15; i++)
		if ((mkdir(name, 0755) < 0 && errno != EEXIST) || chdir(name) < 0)
			die("mkdir");
	for (unsigned long i = 0, n = number(a[1]); i < n; i++)
		if (mount("none", ".", "tmpfs", 0, "size=4k") < 0)
			no_means("mount");
	ready();
	return 0;
}

/* A FUSE comes to lie over DIR and goes again, for ever; it answers nothing but INIT. */
static int fuse_mount(const char *dir);
static void fuse_init(int fuse, const struct fuse_in_header *in);

static int do_fuseover(char **a)
{
	static _Alignas(8) char buf[1 << 18];
	bool first = true;

	for (;; first = false) {
		int fuse = fuse_mount(a[0]);
		const struct fuse_in_header *in = (const void *)buf;

		if (read(fuse, buf, sizeof(buf)) > 0 && in->opcode == FUSE_INIT)
			fuse_init(fuse, in);
		if (first)
			ready();
		usleep(200);
		if (umount2(a[0], MNT_DETACH) < 0)
			die("umount");
		/* whoever is in it waits as long as this is open */
		usleep(2000);
		close(fuse);
	}
	return 0;
}

static int fuse_mount(const char *dir)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char opts[128];

	snprintf(opts, sizeof(opts),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
	if (fuse < 0 || mount("none", dir, "fuse", MS_NOSUID | MS_NODEV, opts) < 0)
		no_means("fuse");
	return fuse;
}

static void fuse_init(int fuse, const struct fuse_in_header *in)
{
	struct {
		struct fuse_out_header h;
		struct fuse_init_out o;
	} out = { .h = { .len = sizeof(out), .unique = in->unique },
		  .o = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 } };

	if (write(fuse, &out, sizeof(out)) < 0)
		die("answer");
}

/*
 * A FUSE on DIR that takes every request and answers only the first (INIT). A line a
 * request goes to COUNT, a file.
 */
static int do_fuse(char **a)
{
	static _Alignas(8) char buf[1 << 18];
	FILE *count = fopen(a[1], "we");
	int fuse;
	ssize_t n;

	if (!count)
		die(a[1]);
	fuse = fuse_mount(a[0]);
	while ((n = read(fuse, buf, sizeof(buf))) > 0 || errno == EINTR) {
		const struct fuse_in_header *in = (const void *)buf;

		if (in->opcode == FUSE_INIT) {
			fuse_init(fuse, in);
			ready();
			continue;
		}
		fprintf(count, "%u\n", in->opcode);
		fflush(count);
	}
	return 0;
}

#ifdef __x86_64__
/*
 * The guest's root has its init make DIR its root: it is stopped in the system call that
 * it waits in, makes another, and goes on.
 */
static void chroot_init(const char *dir)
{
	struct user_regs_struct old, r;
	long path[512] = { 0 };
	int status;

	snprintf((char *)path, sizeof(path), "%s", dir);
	if (ptrace(PTRACE_SEIZE, 1, 0, 0) < 0)
		no_means("ptrace");
	if (ptrace(PTRACE_INTERRUPT, 1, 0, 0) < 0 || waitpid(1, &status, __WALL) < 0 ||
	    ptrace(PTRACE_GETREGS, 1, 0, &old) < 0)
		die("stop init");
	r = old;
	r.rsp = (old.rsp - 8192) & ~0xfful;
	r.rip = old.rip - 2; /* at the instruction by which it came here */
	r.orig_rax = (unsigned long)-1;
	r.rax = SYS_chroot;
	r.rdi = r.rsp;
	for (size_t i = 0; i <= strlen(dir) / sizeof(long); i++)
		if (ptrace(PTRACE_POKEDATA, 1, r.rsp + i * sizeof(long), path[i]) < 0)
			die("write to init");
	if (ptrace(PTRACE_SETREGS, 1, 0, &r) < 0 ||
	    ptrace(PTRACE_SINGLESTEP, 1, 0, 0) < 0 || waitpid(1, &status, __WALL) < 0 ||
	    ptrace(PTRACE_GETREGS, 1, 0, &r) < 0)
		die("step init");
	errno = (int)-(long)r.rax;
	if (r.rax)
		die("chroot of init");
	if (ptrace(PTRACE_SETREGS, 1, 0, &old) < 0 || ptrace(PTRACE_DETACH, 1, 0, 0) < 0)
		die("let init go");
}
#else
static void chroot_init(const char *dir)
{
	(void)dir;
	errno = ENOSYS;
	no_means("ptrace");
}
#endif

/* Init gets the directory DIR as its root. */
static int do_rechroot(char **a)
{
	chroot_init(a[0]);
	ready();
	return 0;
}

/* Answers as long as that is needed to have init in it; then notes what is asked. */
static void serve_root(int fuse, const char *file, const volatile int *done)
{
	static _Alignas(8) char buf[1 << 18];
	ssize_t n;

	while ((n = read(fuse, buf, sizeof(buf))) > 0 || errno == EINTR) {
		const struct fuse_in_header *in = (const void *)buf;
		struct {
			struct fuse_out_header h;
			struct fuse_attr_out o;
		} out = {
			.h = { .len = sizeof(out), .unique = in->unique },
			.o = { .attr = { .ino = 1, .mode = S_IFDIR | 0755, .nlink = 2 } }
		};
		FILE *count;

		if (in->opcode == FUSE_INIT) {
			fuse_init(fuse, in);
			continue;
		}
		if (!*done) {
			if (in->opcode != FUSE_GETATTR) {
				out.h.error = -ENOSYS;
				out.h.len = sizeof(out.h);
			}
			(void)!write(fuse, &out, out.h.len);
			continue;
		}
		/* init itself may want something of its root, too */
		count = in->pid ? NULL : fopen(file, "ae");
		if (count) {
			fprintf(count, "%u\n", in->opcode);
			fclose(count);
		}
	}
}

/* Init's root is a FUSE, mounted on DIR, that answers nothing any more. */
static int do_fuseroot(char **a)
{
	volatile int *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fuse = fuse_mount(a[0]);
	FILE *count = fopen(a[1], "we");
	pid_t pid;

	if (!count || done == MAP_FAILED)
		die(a[1]);
	fclose(count);
	pid = fork();
	if (pid == 0) {
		serve_root(fuse, a[1], done);
		_exit(0);
	}
	chroot_init(a[0]);
	*done = 1;
	ready();
	return stay();
}

/* Answers until somebody wants the bytes of a file: that waits. */
static void serve_file(int fuse)
{
	static _Alignas(8) char buf[1 << 18];

	while (read(fuse, buf, sizeof(buf)) > 0 || errno == EINTR) {
		const struct fuse_in_header *in = (const void *)buf;
		struct {
			struct fuse_out_header h;
			union {
				struct fuse_entry_out entry;
				struct fuse_attr_out attr;
				struct fuse_open_out open;
			} u;
		} out = { .h = { .len = sizeof(out.h), .unique = in->unique } };
		struct fuse_attr file = {
			.ino = 2, .mode = S_IFREG | 0644, .nlink = 1, .size = 1 << 20
		};

		if (in->opcode == FUSE_INIT) {
			fuse_init(fuse, in);
			continue;
		}
		if (in->opcode == FUSE_READ || in->opcode == FUSE_FORGET)
			continue;
		if (in->opcode == FUSE_LOOKUP) {
			out.u.entry =
				(struct fuse_entry_out){ .nodeid = 2, .attr = file };
			out.h.len += sizeof(out.u.entry);
		} else if (in->opcode == FUSE_GETATTR && in->nodeid == 2) {
			out.u.attr = (struct fuse_attr_out){ .attr = file };
			out.h.len += sizeof(out.u.attr);
		} else if (in->opcode == FUSE_OPEN) {
			out.h.len += sizeof(out.u.open);
		} else {
			out.h.error = -ENOSYS;
		}
		(void)!write(fuse, &out, out.h.len);
	}
}

/*
 * Its own command line lies on a file of a FUSE, mounted on DIR, that is never read to its
 * end. BIG is long enough that nothing else is on that page.
 */
static int do_cmdline2(char **a)
{
	char path[4096];
	char *page = (char *)(((uintptr_t)a[1] + 4095) & ~(uintptr_t)4095);
	int fuse, fd;

	snprintf(path, sizeof(path), "%s/f", a[0]);
	fuse = fuse_mount(a[0]);
	if (fork() == 0) {
		serve_file(fuse);
		_exit(0);
	}
	/* or it would wait at its end for an answer of its own */
	close(fuse);
	prctl(PR_SET_NAME, "attacker");
	fd = open(path, O_RDONLY);
	if (fd < 0 || mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != page)
		die(path);
	ready();
	return stay();
}

static int do_cmdline(char **a)
{
	static char big[1 << 16];
	char *argv[] = { (char *)"attacker", (char *)"cmdline2", a[0], big, NULL };
	char *envp[] = { NULL };

	memset(big, 'x', sizeof(big) - 1);
	execve("/proc/self/exe", argv, envp);
	die("exec");
}

/* Which ways into a process, by its number in a procfs of the host, are open: a line. */
static int do_peek(char **a)
{
	static const char *const files[] = {
		"mem", "maps", "environ", "fd", "io", "stack"
	};
	static const char *const links[] = { "root/", "cwd/", "exe" };
	char path[256];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", a[0], a[1], files[i]);
		if (open(path, O_RDONLY | O_CLOEXEC) >= 0)
			printf("%s ", files[i]);
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s/%s", a[0], a[1], links[i]);
		if (stat(path, &st) == 0)
			printf("%s ", links[i]);
	}
	puts("end");
	return 0;
}

static size_t unhex(const char *hex, char *ret, size_t max)
{
	size_t n = 0;

	for (; n < max && hex[2 * n] && hex[2 * n + 1]; n++) {
		char two[] = { hex[2 * n], hex[2 * n + 1], '\0' };

		ret[n] = (char)strtoul(two, NULL, 16);
	}
	return n;
}

/* The container's host name is these bytes. */
static int do_hostname(char **a)
{
	char name[64];

	if (sethostname(name, unhex(a[0], name, sizeof(name))) < 0)
		die("sethostname");
	ready();
	return 0;
}

/* A process of that name. */
static int do_comm(char **a)
{
	char name[17] = { 0 };

	unhex(a[0], name, sizeof(name) - 1);
	if (prctl(PR_SET_NAME, name) < 0)
		die("name");
	ready();
	return stay();
}

/* A process of that name, whose command line begins with other words. */
static int do_imitate(char **a)
{
	char *argv[] = { a[1], (char *)"comm", a[0], NULL };
	char *envp[] = { NULL };

	execve("/proc/self/exe", argv, envp);
	die("exec");
}

/* N directories, one in the other, below DIR; as many as there may be. Says how many. */
static int do_deep(char **a)
{
	char name[256];
	unsigned long i, n = number(a[1]);

	memset(name, 'd', 250);
	name[250] = '\0';
	if (chdir(a[0]) < 0)
		die(a[0]);
	for (i = 0; i < n; i++)
		if (mkdir(name, 0755) < 0 || chdir(name) < 0)
			break;
	ready();
	printf("%lu\n", i);
	return 0;
}

/* N directories in DIR. */
static int do_dirs(char **a)
{
	if (chdir(a[0]) < 0)
		die(a[0]);
	for (unsigned long i = 0, n = number(a[1]); i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%lu", i);
		if (mkdir(name, 0755) < 0)
			die(name);
	}
	ready();
	return 0;
}

/* Directories that are made and removed for ever. */
static int do_churn(char **a)
{
	if (chdir(a[0]) < 0)
		die(a[0]);
	ready();
	for (;;) {
		if (mkdir("c", 0755) < 0 || mkdir("c/c", 0755) < 0)
			die("mkdir");
		if (rmdir("c/c") < 0 || rmdir("c") < 0)
			die("rmdir");
	}
	return 0;
}

static int flags_of(int fd, const char *name, bool up)
{
	struct ifreq r = { .ifr_flags = up ? IFF_UP : 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return ioctl(fd, SIOCSIFFLAGS, &r);
}

static int rename_if(int fd, const char *from, const char *to)
{
	struct ifreq r = { .ifr_flags = 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", from);
	snprintf(r.ifr_newname, sizeof(r.ifr_newname), "%s", to);
	return flags_of(fd, from, false) < 0 || ioctl(fd, SIOCSIFNAME, &r) < 0 ? -1 : 0;
}

/* The interface A is called B, then A again, each 10 ms, for ever. */
static int do_rename_if(char **a)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ready();
	for (;;) {
		if (rename_if(fd, a[0], a[1]) < 0 || rename_if(fd, a[1], a[0]) < 0)
			die("rename");
		if (flags_of(fd, a[0], true) < 0)
			die("up");
		usleep(10000);
	}
	return 0;
}

/* Where lines go to: a file, the console, or the socket of a journald. */
static int open_sink(const char *path, bool *ret_socket)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY, 0644);

	*ret_socket = fd < 0 && errno == ENXIO;
	if (!*ret_socket)
		return fd;
	snprintf(u.sun_path, sizeof(u.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	return fd < 0 || connect(fd, (void *)&u, sizeof(u)) < 0 ? -1 : fd;
}

static double now_sec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int put_line(char *to, size_t size, const char *name, unsigned long n,
		    bool journal)
{
	time_t t = time(NULL);
	struct tm tm;

	if (journal)
		return snprintf(to, size,
				"MESSAGE=%lu\nSYSLOG_IDENTIFIER=%s\nPRIORITY=6\n", n,
				name);
	gmtime_r(&t, &tm);
	return snprintf(to, size, "%04d-%02d-%02dT%02d:%02d:%02dZ web %s: %lu\n",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
			tm.tm_min, tm.tm_sec, name, n);
}

/*
 * RATE numbered lines of NAME a second, for ever; a file begins anew when it is MAX bytes
 * long (0: never). What a console or a journald has no room for is not written again.
 */
static int do_flood(char **a)
{
	static char block[1 << 16];
	unsigned long rate = number(a[2]), max = number(a[3]), n = 0, bytes = 0;
	double start = now_sec();
	bool journal;
	int fd = open_sink(a[1], &journal);

	if (fd < 0)
		die(a[1]);
	ready();
	for (;; usleep(2000)) {
		unsigned long due = (unsigned long)((now_sec() - start) * (double)rate);

		while (n < due) {
			size_t used = 0;

			do
				used += (size_t)put_line(block + used, 128, a[0], ++n,
							 journal);
			while (!journal && n < due && used < sizeof(block) - 128);
			if (max && bytes > max && ftruncate(fd, 0) == 0)
				bytes = 0;
			if (write(fd, block, used) < 0 && errno != EAGAIN)
				die(a[1]);
			bytes += used;
		}
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
		{ "rechroot", 1, do_rechroot }, { "fuseroot", 2, do_fuseroot },
		{ "peek", 2, do_peek },         { "mounts", 2, do_mounts },
		{ "fuseover", 1, do_fuseover }, { "cmdline", 1, do_cmdline },
		{ "cmdline2", 2, do_cmdline2 }, { "hostname", 1, do_hostname },
		{ "comm", 1, do_comm },         { "imitate", 2, do_imitate },
		{ "deep", 2, do_deep },         { "dirs", 2, do_dirs },
		{ "churn", 1, do_churn },       { "ifname", 2, do_rename_if },
		{ "flood", 4, do_flood },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(*cases); i++)
		if (strcmp(argv[1], cases[i].name) == 0 && argc == cases[i].n_args + 2)
			return cases[i].run(argv + 2);
	fprintf(stderr, "attacker: no such case\n");
	return 2;
}
