/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/logsview.h"

#include "out/json.h"
#include "out/text.h"

static void json_line(struct jw *w, const struct logline *line)
{
	if (line->time_kind != LOG_TIME_NONE) {
		jw_stamp(w, "time", line->time_real_usec);
		jw_str(w, "time_is", log_time_kind_name(line->time_kind));
	}
	jw_str(w, "source", log_source_name(line->source));
	if (line->level != LOG_LEVEL_NONE) {
		jw_str(w, "level", log_level_name(line->level));
		jw_int(w, "priority", (uint64_t)line->level - LOG_LEVEL_EMERG);
	}
	if (line->origin)
		jw_text(w, line->source == LOG_TASK ? "upid" : "origin",
			tbytes_str(line->origin));
	if (line->unit)
		jw_text(w, "unit", tbytes_str(line->unit));
	if (line->pid)
		jw_int(w, "pid", line->pid);
	jw_text(w, "text", line->text);
}

int logsview_json(const struct logsview *v, const struct loglines *lines)
{
	struct jw *w;
	int r = app_json_one(v->app, "ctscope.logs/1", v->node, v->vmid, v->name,
			     v->app->now_real_usec, &w);

	if (r != EXIT_FINE)
		return r;
	if (v->volume)
		jw_text(w, "volume", tbytes_str(v->volume));
	jw_end(w);
	jw_arr(w, "lines");
	for (size_t i = 0; i < lines->n; i++) {
		jw_obj(w, NULL);
		json_line(w, &lines->v[i]);
		jw_end(w);
	}
	jw_end(w);
	return app_json_end(v->app, w);
}

static int stream_json(const struct logsview *v, const struct loglines *lines)
{
	for (size_t i = 0; i < lines->n; i++) {
		struct err err = { 0 };
		struct jw *w;

		if (jw_new_line(v->app->out, &w, &err) < 0)
			return app_error(v->app, EXIT_BROKEN, "%s", err.msg);
		jw_int(w, "vmid", v->vmid);
		json_line(w, &lines->v[i]);
		if (app_json_end(v->app, w) != EXIT_FINE)
			return EXIT_BROKEN;
	}
	return EXIT_FINE;
}

static const char *color_of(const struct logsview *v, enum log_level level)
{
	if (!v->app->table.color)
		return NULL;
	return level == LOG_LEVEL_NONE      ? NULL
	       : level <= LOG_LEVEL_ERROR   ? "\033[31m"
	       : level == LOG_LEVEL_WARNING ? "\033[33m"
	       : level == LOG_LEVEL_DEBUG   ? "\033[2m"
					    : NULL;
}

/* "2025-08-13 03:12:24  task     text"; '~' where the source does not give the time. */
static void text_line(const struct logsview *v, const struct logline *line, struct buf *b)
{
	const char *color = color_of(v, line->level);

	if (line->time_kind == LOG_TIME_NONE)
		buf_addf(b, "%19s", "-");
	else
		text_stamp(b, line->time_real_usec);
	buf_adds(b, line->time_kind == LOG_TIME_EXACT ? "  " : "~ ");
	buf_addf(b, "%-8s ", log_source_name(line->source));
	if (color)
		buf_adds(b, color);
	if (line->origin && line->source != LOG_TASK) {
		text_escape(b, tbytes_str(line->origin), false);
		buf_adds(b, ": ");
	}
	text_escape(b, line->text, true); /* a line has no line end, but tabs */
	if (color)
		buf_adds(b, "\033[0m");
	buf_addc(b, '\n');
}

void logsview_text(const struct logsview *v, const struct loglines *lines)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	for (size_t i = 0; i < lines->n; i++) {
		b.n = 0;
		text_line(v, &lines->v[i], &b);
		fwrite(b.p, 1, b.n, v->app->out);
	}
}

int logsview_now(const struct logsview *v, const struct loglines *lines)
{
	if (v->app->json)
		(void)stream_json(v, lines);
	else
		logsview_text(v, lines);
	return app_flush(v->app);
}
