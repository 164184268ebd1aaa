/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * measure ROUNDS NAME COMMAND... [, NAME COMMAND...]...: runs the commands in turn, A B C
 * A B C, so that whatever else the machine does meets them alike. One line each on
 *stdout:
 *
 *	NAME wall_usec cpu_usec rss_kib exit wall_permille cpu_permille
 *
 * medians over the rounds (rss: the largest); cpu is user and system time, reader
 * processes included; the permilles are medians of the ratios to the first command of the
 * same round. A program of its own because ru_maxrss starts from what forked it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CMDS   16
#define MAX_ROUNDS 1000

struct cmd {
	char *name, **argv;
	uint64_t wall[MAX_ROUNDS], cpu[MAX_ROUNDS];
	long rss;
	int code;
};

static struct cmd cmds[MAX_CMDS];
static size_t n_cmds;

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t tv_usec(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

static void run(struct cmd *c, size_t round)
{
	uint64_t began = now_usec();
	struct rusage ru;
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(c->argv[0], c->argv);
		_exit(127);
	}
	while (wait4(pid, &status, 0, &ru) < 0 && errno == EINTR)
		;
	c->wall[round] = now_usec() - began;
	c->cpu[round] = tv_usec(ru.ru_utime) + tv_usec(ru.ru_stime);
	if (ru.ru_maxrss > c->rss)
		c->rss = ru.ru_maxrss;
	c->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t median(const uint64_t *v, size_t n)
{
	static uint64_t s[MAX_ROUNDS];

	memcpy(s, v, n * sizeof(*v));
	qsort(s, n, sizeof(*s), cmp);
	return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

static uint64_t ratio(const uint64_t *v, const uint64_t *first, size_t n)
{
	static uint64_t r[MAX_ROUNDS];

	for (size_t i = 0; i < n; i++)
		r[i] = first[i] ? v[i] * 1000 / first[i] : 0;
	return median(r, n);
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;

	if (!rounds || rounds > MAX_ROUNDS)
		return 2;
	for (int i = 2; i < argc && n_cmds < MAX_CMDS; i++) {
		cmds[n_cmds].name = argv[i];
		cmds[n_cmds++].argv = &argv[i + 1];
		while (i < argc && strcmp(argv[i], ",") != 0)
			i++;
		argv[i] = NULL;
	}
	for (size_t c = 0; c < n_cmds; c++) /* caches warm */
		run(&cmds[c], 0);
	for (size_t r = 0; r < rounds; r++)
		for (size_t c = 0; c < n_cmds; c++)
			run(&cmds[c], r);
	for (size_t c = 0; c < n_cmds; c++)
		printf("%s %llu %llu %ld %d %llu %llu\n", cmds[c].name,
		       (unsigned long long)median(cmds[c].wall, rounds),
		       (unsigned long long)median(cmds[c].cpu, rounds), cmds[c].rss,
		       cmds[c].code,
		       (unsigned long long)ratio(cmds[c].wall, cmds[0].wall, rounds),
		       (unsigned long long)ratio(cmds[c].cpu, cmds[0].cpu, rounds));
	return 0;
}
