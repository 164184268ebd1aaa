/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestask.h"

#define MAX_LATE 3 /* without an answer, then it is told */

void guestask_init(struct guestask *a, int rootfd)
{
	*a = (struct guestask){ .rootfd = rootfd };
	guestread_program(rootfd, &a->program);
}

void guestask_done(struct guestask *a)
{
	strv_done(&a->away_told);
	buf_done(&a->program);
}

void guestlog_said_done(struct guestlog_said *s)
{
	strv_done(&s->notes);
	*s = (struct guestlog_said){ 0 };
}

int guestask_items(const struct guestask *a, const struct guestread_target *target,
		   struct guestread_item *items, size_t n, uint32_t msec,
		   struct guestread_answers *ret, struct err *err)
{
	struct guestread_job job = {
		.target = *target,
		.request = { .v = items, .n = n, .deadline_msec = msec },
	};
	int r = guestread_ask(a->rootfd, buf_str(&a->program), &job, err);

	/* no init has made this its root: it begins where it begins */
	for (size_t i = 0; target->volume && i < job.answers.n; i++)
		if (job.answers.v[i].why == GUESTREAD_CHROOT)
			job.answers.v[i].why = GUESTREAD_FSTYPE;
	*ret = job.answers;
	job.answers = (struct guestread_answers){ 0 };
	guestread_job_done(&job);
	return r;
}

/* What is mounted on the way is the container's while it runs. */
bool guestask_crosses(const struct guestread_target *t)
{
	return !t->volume || t->volume->cross;
}

static bool has(const struct strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (str_eq(v->v[i], s))
			return true;
	return false;
}

void guestask_say(struct guestlog_said *said, bool *told, char *note)
{
	/* of a volume files and journal may fail alike */
	if (*told || has(&said->notes, note))
		free(note);
	else
		strv_add(&said->notes, note);
	*told = true;
}

bool guestask_is_away(struct guestask *a, const struct guestread_target *t,
		      const char *path, struct guestlog_said *said)
{
	const struct guestread_away *m =
		t->volume ? guestread_away(t->volume, path) : NULL;

	if (!m)
		return false;
	if (has(&a->away_told, m->key))
		return true;
	strv_add(&a->away_told, xstrdup(m->key));
	strv_add(&said->notes,
		 xasprintf("%s is %s, which is mounted only while the container runs: "
			   "what is on it is not read",
			   m->path, m->key));
	return true;
}

void guestask_say_failed(const struct guestread_target *t, struct guestlog_said *said,
			 bool *told, const char *what, int r, const struct err *err)
{
	if (r == -ESRCH)
		said->gone = true;
	else if (r == -EIO)
		guestask_say(
			said, told,
			xasprintf("%s: damaged, or changed while it was read", what));
	else if (r == -ETIMEDOUT || r == -EBUSY)
		guestask_say(said, told, xasprintf("%s: not read in time", what));
	else if (t->volume)
		guestask_say(said, told, xstrdup(err->msg));
	else
		guestask_say(said, told, xasprintf("%s: %s", what, err->msg));
}

bool guestask_may_pass(unsigned *late, int r)
{
	return r == -EAGAIN || ((r == -ETIMEDOUT || r == -EBUSY) && ++*late < MAX_LATE);
}
