/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work of a known size, for the live tests: one static program that is copied into
 * containers. Each command says "ready" on stdout when the work is done or going, and
 * then stays (until SIGTERM) where its effect lasts only as long as the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024UL * 1024)

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void stay(void)
{
	for (;;)
		pause();
}

static unsigned long number(const char *s)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || end == s || *end) {
		fprintf(stderr, "load: \"%s\" is not a number\n", s);
		exit(2);
	}
	return n;
}

/* Pages that differ: nothing may merge or compress them. */
static void dirty(unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i += 4096) {
		uint64_t v = i * 0x9e3779b97f4a7c15ULL + 1;

		memcpy(p + i, &v, sizeof(v));
	}
}

/* N MiB of anonymous memory, every page touched once. */
static int do_anon(char **a)
{
	size_t size = number(a[0]) * MIB;
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	/* whole huge pages would blur what is counted where */
	madvise(p, size, MADV_NOHUGEPAGE);
	dirty(p, size);
	ready();
	stay();
	return 0;
}

static void fill(int fd, size_t size)
{
	static unsigned char block[MIB];

	dirty(block, sizeof(block));
	for (size_t done = 0; done < size; done += sizeof(block)) {
		memcpy(block + 8, &done, sizeof(done));
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
			die("write");
	}
}

/* N MiB in a file of DIR (a tmpfs): stays after the end of the process. */
static int do_tmpfs(char **a)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/load.%ld", a[1], (long)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		die(path);
	fill(fd, number(a[0]) * MIB);
	close(fd);
	ready();
	return 0;
}

/* N MiB of FILE written, synced and so left in the page cache, clean. */
static int do_cache(char **a)
{
	int fd = open(a[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		die(a[1]);
	fill(fd, number(a[0]) * MIB);
	if (fsync(fd) < 0)
		die("fsync");
	close(fd);
	ready();
	return 0;
}

static int direct_io(char **a, int writing)
{
	size_t size = number(a[0]) * MIB;
	int fd = open(a[1], (writing ? O_WRONLY : O_RDONLY) | O_DIRECT);
	unsigned char *buf;

	if (fd < 0)
		die(a[1]);
	if (posix_memalign((void **)&buf, 4096, MIB))
		die("memalign");
	dirty(buf, MIB);
	for (size_t done = 0; done < size; done += MIB)
		if ((writing ? write(fd, buf, MIB) : read(fd, buf, MIB)) != (ssize_t)MIB)
			die(writing ? "write" : "read");
	close(fd);
	ready();
	return 0;
}

/* N MiB to / from the block device or file FILE by direct I/O, 1 MiB a call. */
static int do_write(char **a)
{
	return direct_io(a, 1);
}

static int do_read(char **a)
{
	return direct_io(a, 0);
}

/* Burns the CPU for SECONDS (0: for ever). */
static int do_spin(char **a)
{
	time_t sec = (time_t)number(a[0]);
	struct timespec t0, t;
	volatile uint64_t x = 0;

	ready();
	clock_gettime(CLOCK_MONOTONIC, &t0);
	do {
		for (int i = 0; i < 1000000; i++)
			x += (uint64_t)i;
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while (!sec || t.tv_sec - t0.tv_sec < sec);
	return 0;
}

/* Tries N forks of children that stay; says how many were refused. */
static int do_forks(char **a)
{
	unsigned long n = number(a[0]), refused = 0;

	signal(SIGTERM, SIG_DFL);
	for (unsigned long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0 && errno == EAGAIN) {
			refused++;
		} else if (pid < 0) {
			die("fork");
		} else if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			stay();
		}
	}
	printf("refused %lu\n", refused);
	ready();
	stay();
	return 0;
}

/* Touches memory until somebody dies of it: a child, so that we can tell. */
static int do_oom(char **a)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		do_anon(a);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("oom");
	printf("%s\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "killed"
									  : "survived");
	ready();
	return 0;
}

/* Writes and reads the socket pair of itself: system calls, no CPU to speak of. */
static int do_sleep(char **a)
{
	ready();
	if (a[0])
		sleep((unsigned)number(a[0]));
	else
		stay();
	return 0;
}

/*
 * What a hostile guest shows: a process whose name holds a newline, a parenthesis and
 * escape sequences, and an abstract socket whose name forges a line of /proc/net/unix
 * for container a[0].
 */
static int do_forge(char **a)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), n;

	prctl(PR_SET_NAME, "x) Z 1\n\033[31m");
	n = snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1,
		     "\n0: 00000002 00000000 00010000 0001 01 1 @/var/lib/lxc/%s/command",
		     a[0]);
	if (fd < 0 || n < 0 ||
	    bind(fd, (struct sockaddr *)&sa,
		 (socklen_t)(sizeof(sa.sun_family) + 1 + (size_t)n)) < 0 ||
	    listen(fd, 1) < 0)
		die("bind");
	ready();
	stay();
	return 0;
}

/* N calls of getpgid(2) that seccomp lets pass and tells the kernel's log of. */
static int do_seccomp(char **a)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* the number */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };
	unsigned long n = number(a[0]);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		die("seccomp");
	for (unsigned long i = 0; i < n; i++)
		syscall(SYS_getpgid, 0);
	ready();
	stay();
	return 0;
}

/* Opens FILE for so many seconds as often as it can. */
static int do_opens(char **a)
{
	time_t end = time(NULL) + (time_t)number(a[0]);
	unsigned long n = 0;

	while (time(NULL) < end) {
		int fd = open(a[1], O_RDONLY);

		if (fd >= 0)
			close(fd);
		n++;
	}
	printf("opens %lu\n", n);
	ready();
	return 0;
}

/* Reads FILE again and again. */
static int do_reread(char **a)
{
	static char block[MIB];

	ready();
	for (;;) {
		int fd = open(a[0], O_RDONLY);

		if (fd < 0)
			die(a[0]);
		while (read(fd, block, sizeof(block)) > 0)
			;
		close(fd);
	}
	return 0;
}

/* Dies of a fault after so many seconds. */
static int do_crash(char **a)
{
	volatile uintptr_t nowhere = 8;

	sleep((unsigned)number(a[0]));
	*(volatile int *)nowhere = 1;
	return 0;
}

static int bound(int family, int type, int proto, unsigned long port, int only6)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET,
				   .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };
	struct sockaddr *sa = family == AF_INET ? (void *)&in4 : (void *)&in6;
	socklen_t n = family == AF_INET ? sizeof(in4) : sizeof(in6);
	int fd = socket(family, type, proto), on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6));
	if (type != SOCK_RAW && bind(fd, sa, n) < 0)
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 7) < 0)
		die("listen");
	return fd;
}

static int named(int type, const char *name, int abstract)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = strlen(name) + 1;
	int fd = socket(AF_UNIX, type, 0);

	if (n > sizeof(sa.sun_path))
		die("name");
	memcpy(sa.sun_path + (abstract ? 1 : 0), name, n - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa,
			   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		die(name);
	if (type != SOCK_DGRAM && listen(fd, 7) < 0)
		die("listen");
	return fd;
}

static void connected(int type, unsigned long port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type, 0);

	/* the container's own init has yet to switch lo on */
	for (int i = 0; i < 500; i++) {
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return;
		if (errno != ENETUNREACH)
			break;
		usleep(10000);
	}
	die("connect");
}

static void forked(unsigned long n, int flags)
{
	for (unsigned long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (flags && unshare(flags) < 0)
			die("unshare");
		stay();
	}
}

static void many(unsigned long n)
{
	char name[32];

	for (unsigned long i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "many-%lu", i);
		named(SOCK_STREAM, name, 1);
	}
}

static void duplicated(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		if (dup(0) < 0)
			die("dup");
}

/* Sockets of all kinds, and what may be in the way of finding whose they are. */
static int do_sockets(char **a)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	for (; *a; a++) {
		const char *v = strchr(*a, ':');

		if (!v)
			die(*a);
		v++;
		if (!strncmp(*a, "tcp4:", 5))
			bound(AF_INET, SOCK_STREAM, 0, number(v), 0);
		else if (!strncmp(*a, "tcp:", 4))
			bound(AF_INET6, SOCK_STREAM, 0, number(v), 0);
		else if (!strncmp(*a, "tcp6:", 5))
			bound(AF_INET6, SOCK_STREAM, 0, number(v), 1);
		else if (!strncmp(*a, "udp4:", 5))
			bound(AF_INET, SOCK_DGRAM, 0, number(v), 0);
		else if (!strncmp(*a, "raw4:", 5))
			bound(AF_INET, SOCK_RAW, (int)number(v), 0, 0);
		else if (!strncmp(*a, "unix:", 5))
			named(SOCK_STREAM, v, 0);
		else if (!strncmp(*a, "dgram:", 6))
			named(SOCK_DGRAM, v, 0);
		else if (!strncmp(*a, "abstract:", 9))
			named(SOCK_SEQPACKET, v, 1);
		else if (!strncmp(*a, "connect:", 8))
			connected(SOCK_STREAM, number(v));
		else if (!strncmp(*a, "name:", 5))
			prctl(PR_SET_NAME, v);
		else if (!strncmp(*a, "fork:", 5))
			forked(number(v), 0);
		else if (!strncmp(*a, "netns:", 6))
			forked(number(v), CLONE_NEWNET);
		else if (!strncmp(*a, "many:", 5))
			many(number(v));
		else if (!strncmp(*a, "fds:", 4))
			duplicated(number(v));
		else
			die(*a);
	}
	ready();
	stay();
	return 0;
}

/* Children that do nothing; they end with us. */
static void children(unsigned long n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			stay();
		}
	}
}

static int do_sleepers(char **a)
{
	children(number(a[0]));
	ready();
	stay();
	return 0;
}

/* As many supplementary groups as there may be: a status of 700 KiB each. */
static int do_groups(char **a)
{
	gid_t *v = calloc(65536, sizeof(*v));

	for (unsigned i = 0; i < 65536; i++)
		v[i] = i;
	if (syscall(SYS_setgroups, 65535, v) < 0)
		die("setgroups");
	free(v);
	children(number(a[0]));
	ready();
	stay();
	return 0;
}

/* N mounts of that type, side by side. */
static int do_mounts(char **a)
{
	unsigned long n = number(a[0]);

	for (unsigned long i = 0; i < n; i++) {
		char dir[256];

		snprintf(dir, sizeof(dir), "%s/%lu", a[2], i);
		if (mkdir(dir, 0755) < 0 || mount("x", dir, a[1], 0, NULL) < 0)
			die(dir);
	}
	ready();
	return 0;
}

static const struct {
	const char *name, *args;
	int nargs;
	int (*run)(char **args);
} commands[] = {
	{ "anon", "MIB", 1, do_anon },
	{ "tmpfs", "MIB DIR", 2, do_tmpfs },
	{ "cache", "MIB FILE", 2, do_cache },
	{ "write", "MIB FILE", 2, do_write },
	{ "read", "MIB FILE", 2, do_read },
	{ "spin", "SECONDS", 1, do_spin },
	{ "forks", "N", 1, do_forks },
	{ "oom", "MIB", 1, do_oom },
	{ "sleep", "[SECONDS]", 0, do_sleep },
	{ "forge", "VMID", 1, do_forge },
	{ "seccomp", "N", 1, do_seccomp },
	{ "opens", "SECONDS FILE", 2, do_opens },
	{ "reread", "FILE", 1, do_reread },
	{ "crash", "SECONDS", 1, do_crash },
	{ "sockets", "KIND:VALUE...", 1, do_sockets },
	{ "sleepers", "N", 1, do_sleepers },
	{ "groups", "N", 1, do_groups },
	{ "mounts", "N TYPE DIR", 3, do_mounts },
};

#define NCOMMANDS (sizeof(commands) / sizeof(*commands))

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < NCOMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0 &&
		    argc - 2 >= commands[i].nargs)
			return commands[i].run(argv + 2);
	fprintf(stderr, "usage:\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(stderr, "  load %s %s\n", commands[i].name, commands[i].args);
	return 2;
}
