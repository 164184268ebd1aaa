/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "task.h"

#include "base/str.h"

void upid_done(struct upid *u)
{
	if (!u)
		return;
	free(u->text);
	free(u->node);
	free(u->type);
	free(u->id);
	free(u->user);
	*u = (struct upid){ 0 };
}

void task_done(struct task *t)
{
	if (!t)
		return;
	upid_done(&t->upid);
	free(t->status);
	*t = (struct task){ 0 };
}

void tasks_done(struct tasks *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		task_done(&t->v[i]);
	free(t->v);
	*t = (struct tasks){ 0 };
}

const char *task_state_name(enum task_state s)
{
	static const char *const names[] = {
		[TASK_UNKNOWN] = "unknown", [TASK_RUNNING] = "running",
		[TASK_OK] = "ok",           [TASK_WARNINGS] = "warnings",
		[TASK_ERROR] = "error",     [TASK_UNEXPECTED] = "unexpected",
	};

	return (size_t)s < ARRAY_SIZE(names) ? names[s] : "unknown";
}
