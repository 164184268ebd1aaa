/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/app.h"

/* One line a command; each is defined in its cmd-<name>.c. */
extern const struct cmd cmd_list;
extern const struct cmd cmd_ps;
extern const struct cmd cmd_status;
extern const struct cmd cmd_usage;
extern const struct cmd cmd_df;
extern const struct cmd cmd_top;
extern const struct cmd cmd_logs;
extern const struct cmd cmd_history;
extern const struct cmd cmd_network;
extern const struct cmd cmd_backups;
extern const struct cmd cmd_config;
extern const struct cmd cmd_drift;
extern const struct cmd cmd_snapshots;
extern const struct cmd cmd_hooks;
extern const struct cmd cmd_doctor;
extern const struct cmd cmd_events;
extern const struct cmd cmd_incidents;
extern const struct cmd cmd_audit;
