/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/str.h"
#include "rule/drift.h"
#include "rule/mountjoin.h"

static char *text_of(struct tbytes t)
{
	return xstrndup((const char *)t.p, t.n);
}

/* pct does nothing about a mount point that the config has already. */
static void differs(struct drift *out, const struct ctmount *m, const char *prop,
		    char *configured, char *running, enum drift_cause cause)
{
	drift_add(out, (struct drift_row){
			       .key = xasprintf("%s%s", m->key, prop),
			       .configured = configured,
			       .running = running,
			       .seen = xasprintf("mountinfo of init at %.*s",
						 (int)m->path.n, (const char *)m->path.p),
			       .cause = cause,
			       .action = DRIFT_RESTART,
			       .fix = xasprintf("pct reboot %u", out->vmid),
		       });
}

static void read_only(struct drift *out, const struct ctmount *m)
{
	if (m->mp->ro == m->mount->ro)
		drift_same(out);
	else
		differs(out, m, ".ro", xstrdup(m->mp->ro ? "1" : "0"),
			xstrdup(m->mount->ro ? "1" : "0"), DRIFT_UNSURE);
}

static void one(struct drift *out, const struct ctmount *m)
{
	if (m->missing) {
		differs(out, m, "", text_of(m->volume), NULL, DRIFT_UNSURE);
	} else if (!m->mount || m->over || m->same == ANSWER_UNKNOWN) {
		drift_add_gap(out, m->key, "%s",
			      m->over ? "another mount lies over it"
				      : "of what it is mounted cannot be told");
	} else if (m->same == ANSWER_NO) {
		differs(out, m, "", text_of(m->volume), text_of(m->mount->source),
			DRIFT_UNSURE);
	} else {
		drift_same(out);
		read_only(out, m);
	}
}

void drift_mounts(const struct ctmounts *mounts, struct drift *out)
{
	for (size_t i = 0; i < mounts->n; i++)
		if (mounts->v[i].origin == CTMOUNT_CONFIG && mounts->v[i].mp)
			one(out, &mounts->v[i]);
}
