/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stand-in for pmxcfs, for tests only: shows a directory as /etc/pve, with its modes,
 * owner, links and dot files (facts: pve-node.md 2), and fails as told while it runs.
 *
 *   pmxcfs [--fork] DIRECTORY MOUNTPOINT SOCKET     serves until SIGTERM
 *   pmxcfs --set SOCKET MODE...                     switches, and waits until it is so
 *
 * MODE: normal; slow MS (each request); hang (none is answered until it is normal again,
 * then all are); eacces (each is refused); noquorum (reading only); gone (the process ends
 * and leaves the mount: "Transport endpoint is not connected").
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fusewire.h"
#include "pmxops.h"

#define MAX_PENDING 4096

enum mode { NORMAL, SLOW, HANG, REFUSE, NO_QUORUM };

static enum mode mode;
static unsigned slow_ms;
static int fuse = -1;
static volatile sig_atomic_t ended;
static struct fuse_in_header *pending[MAX_PENDING];
static size_t n_pending;

static bool ends_something(uint32_t opcode)
{
	return opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR ||
	       opcode == FUSE_FLUSH;
}

static void on_request(struct fuse_in_header *h, size_t n)
{
	if (h->opcode == FUSE_FORGET || h->opcode == FUSE_BATCH_FORGET ||
	    h->opcode == FUSE_INTERRUPT) {
		return;
	} else if (mode == HANG && h->opcode != FUSE_INIT && n_pending < MAX_PENDING) {
		pending[n_pending] = malloc(n + 1);
		memcpy(pending[n_pending++], h, n);
	} else if (mode == REFUSE && !ends_something(h->opcode)) {
		pmxops_refuse(h);
	} else {
		if (mode == SLOW)
			usleep(slow_ms * 1000);
		pmxops_serve(h);
	}
}

/* ---- being told what to do -----------------------------------------------------------
 */

static bool set_mode(const char *word)
{
	static const char *const names[] = { "normal", NULL, "hang", "eacces",
					     "noquorum" };
	unsigned ms;

	if (strcmp(word, "gone") == 0)
		_exit(0);
	if (sscanf(word, "slow %u", &ms) == 1) {
		slow_ms = ms;
		mode = SLOW;
		return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i] && strcmp(word, names[i]) == 0) {
			mode = (enum mode)i;
			return true;
		}
	return false;
}

static void on_order(int listener)
{
	int fd = accept(listener, NULL, NULL);
	char word[64];
	ssize_t n = fd < 0 ? -1 : read(fd, word, sizeof(word) - 1);
	bool ok;

	word[n < 0 ? 0 : n] = '\0';
	ok = set_mode(word);
	pmxops_quorum(mode != NO_QUORUM);
	for (size_t i = 0; mode != HANG && i < n_pending; i++) {
		pmxops_serve(pending[i]);
		free(pending[i]);
	}
	n_pending = mode == HANG ? n_pending : 0;
	if (fd >= 0 && write(fd, ok ? "ok" : "no", 2) != 2)
		perror("pmxcfs: answer");
	if (fd >= 0)
		close(fd);
}

static int control(const char *path, bool listens)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (listens)
		unlink(path);
	if (fd >= 0 &&
	    (listens ? bind(fd, (void *)&a, sizeof(a)) == 0 && listen(fd, 8) == 0
		     : connect(fd, (void *)&a, sizeof(a)) == 0))
		return fd;
	perror(path);
	return -1;
}

/* The end of file without an answer is one, too: it is gone. */
static int order(const char *path, int argc, char **argv)
{
	char word[64] = "";
	int fd = control(path, false);
	ssize_t n;

	if (fd < 0)
		return 1;
	for (int i = 0; i < argc; i++) {
		n = (ssize_t)strlen(word);
		snprintf(word + n, sizeof(word) - (size_t)n, "%s%s", i ? " " : "",
			 argv[i]);
	}
	if (write(fd, word, strlen(word)) < 0)
		return 1;
	n = read(fd, word, 2);
	return n > 0 && memcmp(word, "ok", 2) != 0;
}

/* The mount of one that is gone. */
static void end_former(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOTCONN)
		umount2(dir, MNT_DETACH);
	if (fd >= 0)
		close(fd);
}

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static void loop(int listener)
{
	static _Alignas(8) char buf[PMXOPS_MAX_WRITE + 8192];
	struct pollfd p[2] = { { .fd = fuse, .events = POLLIN },
			       { .fd = listener, .events = POLLIN } };
	ssize_t n;

	while (!ended) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			on_order(listener);
		if (!p[0].revents)
			continue;
		n = read(fuse, buf, sizeof(buf));
		if (n < 0 && errno == ENODEV)
			return;
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			on_request((void *)buf, (size_t)n);
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_term };
	bool forks = argc > 1 && strcmp(argv[1], "--fork") == 0;
	int listener;

	if (argc > 3 && strcmp(argv[1], "--set") == 0)
		return order(argv[2], argc - 3, argv + 3);
	argv += forks;
	if (argc - forks != 4) {
		fprintf(stderr, "usage: pmxcfs [--fork] DIRECTORY MOUNTPOINT SOCKET\n"
				"       pmxcfs --set SOCKET MODE\n");
		return 2;
	}
	if (pmxops_init(argv[1]) < 0) {
		perror(argv[1]);
		return 1;
	}
	listener = control(argv[3], true);
	end_former(argv[2]);
	if (listener < 0)
		return 1;
	fuse = fusewire_mount("/dev/fuse", argv[2], ",default_permissions");
	if (fuse < 0)
		return 77;
	pmxops_start(fuse);
	sigaction(SIGTERM, &sa, NULL);
	if (forks && fork() > 0)
		_exit(0);
	puts("ready");
	fflush(stdout);
	loop(listener);
	umount2(argv[2], MNT_DETACH);
	return 0;
}
