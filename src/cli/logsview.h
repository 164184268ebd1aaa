/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/app.h"
#include "logline.h"

/* Lines of logs, printed. All but `app` may be NULL; everything is borrowed. */
struct logsview {
	const struct app *app;
	const char *node, *name;
	uint32_t vmid;
	const char *volume; /* the lines of its inside are from there */
};

/* All of them, as one object: an exit code. */
int logsview_json(const struct logsview *v, const struct loglines *lines);
void logsview_text(const struct logsview *v, const struct loglines *lines);

/* As they come, at once: each an object of its own with --json. As app_flush(). */
int logsview_now(const struct logsview *v, const struct loglines *lines);
