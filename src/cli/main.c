/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "config.h"
#include "out/text.h"

/*
 * A program started with a closed 0, 1 or 2 must not write into the next file it opens.
 * What it prints then is lost, which is an error as with a full disk: writing fails.
 */
static void reopen_std(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR);
}

static unsigned terminal_width(void)
{
	struct winsize ws = { 0 };
	const char *env = getenv("COLUMNS");
	uint32_t n;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col)
		return ws.ws_col;
	if (env && num_parse_u32(span_str(env), &n) == 0 && n >= 20 && n <= 2000)
		return n;
	return 80;
}

static const struct cmd *find_cmd(const char *name)
{
	for (size_t i = 0; i < ncmds; i++)
		if (str_eq(cmds[i]->name, name))
			return cmds[i];
	return NULL;
}

static void print_version(FILE *f)
{
	fputs(PACKAGE_STRING "\n", f);
#ifndef HAVE_LXC
	fputs("built without liblxc\n", f);
#endif
#ifndef HAVE_SYSTEMD
	fputs("built without libsystemd: no journal\n", f);
#endif
#ifndef HAVE_INIH
	fputs("built without libinih: no configuration file\n", f);
#endif
#ifdef WITH_SANITIZERS
	fputs("built with ASan and UBSan\n", f);
#endif
}

static int run(struct app *app, int argc, char **argv)
{
	const struct cmd *cmd;

	if (argc < 1 || str_eq(argv[0], "--help") || str_eq(argv[0], "-h")) {
		opts_help_all(argc < 1 ? stderr : app->out);
		return argc < 1 ? EXIT_USAGE : EXIT_FINE;
	}
	if (str_eq(argv[0], "--version") || str_eq(argv[0], "-V")) {
		print_version(app->out);
		return EXIT_FINE;
	}
	if (str_eq(argv[0], "help")) {
		cmd = argc > 1 ? find_cmd(argv[1]) : NULL;
		if (argc > 1 && !cmd)
			return app_error(app, EXIT_USAGE,
					 "unknown command \"%s\": see ctscope --help",
					 argv[1]);
		if (cmd)
			opts_help(app->out, cmd);
		else
			opts_help_all(app->out);
		return EXIT_FINE;
	}
	cmd = find_cmd(argv[0]);
	if (!cmd)
		return app_error(app, EXIT_USAGE,
				 "unknown command \"%s\": see ctscope --help", argv[0]);
	app->command = cmd->name;
	return cmd->run(app, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct app app = { .rootfd = -1, .out = stdout };
	struct err err = { 0 };
	int code;

	reopen_std();
	/* a closed pipe is the end of the reader, no failure of ours */
	signal(SIGPIPE, SIG_IGN);
	/* inherited as ignored, the kernel would reap the readers that we wait for */
	signal(SIGCHLD, SIG_DFL);
	app.now_real_usec = clock_real_usec();
	app.table.width = terminal_width();
	/* --root=DIR before the command, as git takes -C */
	if (argc > 2 && str_eq(argv[1], "--root")) {
		app.root = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (app_open_root(&app, app.root, &err) < 0)
		return app_error(&app, EXIT_USAGE, "--root: %s", err.msg);
	code = app_end(&app, run(&app, argc - 1, argv + 1));
	close(app.rootfd);
	free(app.zone);
	return code;
}
