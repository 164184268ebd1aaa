/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The floor of the recorder: once a second the system calls that the numbers of every
 * lxc/<vmid> cannot be had without: pread of the descriptors that are kept, and a dump of
 * the link counters. Nothing is parsed, nothing is kept.
 *
 *	floor-recorder SECONDS [files|half]	files: without the link counters
 *						half: on the half second, between the ticks
 *						of a recorder that runs at the same time
 *	floor-recorder active CGROUP_ROOT N	in each of the first N containers a
 *process that runs a little ten times a second; until it is killed
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *const files[] = {
	"cpu.stat",       "io.pressure",  "memory.pressure",     "cpu.pressure",
	"memory.current", "memory.stat",  "memory.swap.current", "memory.events",
	"io.stat",        "pids.current",
};

static int *fds;
static size_t n_fds, n_cts;

static void open_all(void)
{
	DIR *d = opendir("/sys/fs/cgroup/lxc");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		n_cts++;
		for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
			char path[400];
			int fd;

			snprintf(path, sizeof(path), "%s/%s", e->d_name, files[i]);
			fd = openat(dirfd(d), path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			fds = realloc(fds, (n_fds + 1) * sizeof(*fds));
			if (!fds)
				abort();
			fds[n_fds++] = fd;
		}
	}
}

static void dump_links(int rtnl)
{
	struct {
		struct nlmsghdr h;
		struct if_stats_msg m;
	} rq = { .h = { .nlmsg_len = sizeof(rq),
			.nlmsg_type = RTM_GETSTATS,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		 .m = { .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64) } };
	static char buf[65536] __attribute__((aligned(8)));

	if (send(rtnl, &rq, sizeof(rq), 0) < 0)
		return;
	for (;;) {
		ssize_t left = recv(rtnl, buf, sizeof(buf), 0);
		const struct nlmsghdr *h = (const void *)buf;

		if (left <= 0)
			return;
		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				return;
	}
}

static long cpu_usec(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 + ru.ru_utime.tv_usec +
	       ru.ru_stime.tv_usec;
}

static int run(long seconds, bool links, long nsec)
{
	int rtnl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	static char buf[65536];
	long began = 0, got = 0;

	open_all();
	for (long i = -1; i < seconds; i++) {
		struct timespec t;

		clock_gettime(CLOCK_BOOTTIME, &t);
		t.tv_sec++;
		t.tv_nsec = nsec;
		clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &t, NULL);
		for (size_t k = 0; k < n_fds; k++)
			got += pread(fds[k], buf, sizeof(buf), 0);
		if (links)
			dump_links(rtnl);
		if (i < 0)
			began = cpu_usec();
	}
	printf("containers %zu\nfiles %zu\ncpu_usec_a_tick %ld\nbytes_a_tick %ld\n",
	       n_cts, n_fds, (cpu_usec() - began) / seconds, got / (seconds + 1));
	return 0;
}

static void runs_a_little(const char *root, const char *id)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	volatile unsigned long sum = 0;
	char path[512];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/lxc/%s/ns/cgroup.procs", root, id);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1) {
		perror(path);
		_exit(1);
	}
	close(fd);
	for (;;) {
		for (unsigned long i = 0; i < 2000; i++)
			sum += i;
		nanosleep(&pause, NULL);
	}
}

static int active(const char *root, long n)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/lxc", root);
	d = opendir(path);
	while (d && n > 0 && (e = readdir(d))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		if (fork() == 0)
			runs_a_little(root, e->d_name);
		n--;
	}
	puts("ready");
	fflush(stdout);
	while (pause() < 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit lim = { 1 << 20, 1 << 20 };

	setrlimit(RLIMIT_NOFILE, &lim);
	if (argc == 4 && strcmp(argv[1], "active") == 0)
		return active(argv[2], strtol(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[2], "files") == 0)
		return run(strtol(argv[1], NULL, 10), false, 0);
	if (argc == 3 && strcmp(argv[2], "half") == 0)
		return run(strtol(argv[1], NULL, 10), true, 500000000);
	if (argc != 2)
		return 2;
	return run(strtol(argv[1], NULL, 10), true, 0);
}
