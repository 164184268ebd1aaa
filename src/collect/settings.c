/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "base/clock.h"
#include "base/str.h"
#include "collect/collector.h"
#include "read/conffile.h"

/* The configuration file: at the start, and again on SIGHUP. */

static uint64_t limit_of(struct val v)
{
	return v.kind == VAL_SET ? v.n : 0;
}

struct db_limits settings_limits(const struct collector *c)
{
	const struct store_settings *s = &c->settings.store;

	return (struct db_limits){ .max_bytes = limit_of(s->max_bytes),
				   .keep_sec = { limit_of(s->keep_1s_sec),
						 limit_of(s->keep_10s_sec),
						 limit_of(s->keep_60s_sec) },
				   .keep_events_sec = limit_of(s->keep_events_sec) };
}

/* A line that cannot be used leaves the built-in value, and the rest goes on. */
void settings_read(struct collector *c)
{
	_cleanup_(strv_done) struct strv warnings = { 0 };
	struct err err = { 0 };

	if (conffile_read(c->rootfd, &c->settings, &warnings, &err) < 0)
		loop_log(c->loop, 4, NULL, "/%s", err.msg);
	for (size_t i = 0; i < warnings.n; i++)
		loop_log(c->loop, 4, NULL, "/%s", warnings.v[i]);
}

static bool same(struct val a, struct val b)
{
	return a.kind == b.kind && a.n == b.n;
}

static void on_hup(void *arg, uint32_t events)
{
	struct collector *c = arg;
	struct collect_settings was = c->settings.collect;
	struct db_limits limits;

	(void)events;
	settings_read(c);
	limits = settings_limits(c);
	writer_set_limits(c->writer, &limits);
	if (!same(was.recorder, c->settings.collect.recorder) ||
	    !same(was.network, c->settings.collect.network) ||
	    !same(was.kernel_messages, c->settings.collect.kernel_messages))
		loop_log(c->loop, 5, NULL,
			 "section [collect] is for the next start: systemctl restart "
			 "ctscoped");
	c->settings.collect = was;
	collector_say(c, "reloaded", "/" CONFFILE_PATH " was read again", 0);
	collector_settle(c);
}

int settings_watch(struct collector *c, struct err *err)
{
	return loop_on_signal(c->loop, SIGHUP, on_hup, c, err);
}
