/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cmds.h"
#include "cli/opts.h"

static int list_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	int r = opts_parse(app, &cmd_list, NULL, argc, argv, &pos);

	return r < 0 ? EXIT_USAGE : EXIT_FINE;
}

const struct cmd cmd_list = {
	.name = "list",
	.args = "",
	.help = "the containers of this node",
	.run = list_run,
};
