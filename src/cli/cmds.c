/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cmds.h"

/* in the order of --help */
/* clang-format off */
const struct cmd *const cmds[] = {
	&cmd_list,
	&cmd_status,
	&cmd_usage,
	&cmd_df,
	&cmd_top,
	&cmd_ps,
	&cmd_network,
	&cmd_config,
	&cmd_audit,
	&cmd_drift,
	&cmd_snapshots,
	&cmd_backups,
	&cmd_history,
	&cmd_events,
	&cmd_incidents,
	&cmd_logs,
	&cmd_hooks,
	&cmd_doctor,
};
/* clang-format on */

const size_t ncmds = ARRAY_SIZE(cmds);
