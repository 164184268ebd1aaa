/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/app.h"

#include <stdarg.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "out/json.h"
#include "out/text.h"
#include "read/facts.h"

static _printf_(2, 0) void complain(const struct app *app, const char *fmt, va_list ap)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	char msg[1024];

	vsnprintf(msg, sizeof(msg), fmt, ap);
	text_escape(&b, tbytes_str(msg), false);
	fprintf(stderr, "ctscope: %s%s%s\n", app->command ? app->command : "",
		app->command ? ": " : "", buf_str(&b));
}

int app_error(const struct app *app, int code, const char *fmt, ...)
{
	va_list ap;

	fflush(app->out);
	va_start(ap, fmt);
	complain(app, fmt, ap);
	va_end(ap);
	return code;
}

void app_warn(const struct app *app, const char *fmt, ...)
{
	va_list ap;

	fflush(app->out);
	va_start(ap, fmt);
	complain(app, fmt, ap);
	va_end(ap);
}

int app_table(struct app *app, const struct col *cols, size_t ncols, const void *rows,
	      size_t n, size_t size, size_t (*parent)(const void *row, size_t i))
{
	struct err err = { 0 };

	if (table_print(app->out, &app->table, cols, ncols, rows, n, size, parent, &err) <
	    0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	return EXIT_FINE;
}

int app_json_one(const struct app *app, const char *schema, const char *node,
		 uint32_t vmid, const char *name, uint64_t time_real_usec,
		 struct jw **ret)
{
	struct err err = { 0 };
	struct jw *w;

	if (jw_new(app->out, schema, node, time_real_usec, &w, &err) < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	jw_container(w, vmid, name);
	*ret = w;
	return EXIT_FINE;
}

int app_json_end(const struct app *app, struct jw *w)
{
	int r = jw_free(w);

	if (r < 0 && r != -EPIPE)
		return app_error(app, EXIT_BROKEN, "write: %s", strerror(-r));
	return EXIT_FINE;
}

int app_flush(const struct app *app)
{
	if (fflush(app->out) == 0 && !ferror(app->out))
		return EXIT_FINE;
	if (errno != EPIPE)
		return app_error(app, EXIT_BROKEN, "write: %s", strerror(errno));
	clearerr(app->out);
	return -EPIPE;
}

int app_end(const struct app *app, int code)
{
	if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE &&
	    (code == EXIT_FINE || code == EXIT_FOUND))
		return app_error(app, EXIT_BROKEN, "write: %s", strerror(errno));
	return code;
}

_noreturn_ void app_leave(const struct app *app, int code)
{
	exit(app_end(app, code));
}

int app_ctid(const char *arg, uint32_t *ret, struct err *err)
{
	uint32_t n;

	if (*arg == '0' || strlen(arg) > 9 || num_parse_u32(span_str(arg), &n) < 0 ||
	    n < 100)
		return err_set(err, -EINVAL,
			       "\"%s\" is not a container ID: expected 100 to 999999999",
			       arg);
	*ret = n;
	return 0;
}

/* "/usr/share/zoneinfo/Europe/Vienna": the name behind the last "zoneinfo/". */
static const char *zone_name(const char *link)
{
	const char *name = link ? strstr(link, "zoneinfo/") : NULL;

	if (!name)
		return NULL;
	name += strlen("zoneinfo/");
	if (!*name || strstr(name, "..") ||
	    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789+-_/")])
		return NULL;
	return name;
}

/*
 * Logs and names of backups have the node's local time, so that is ours too, whatever
 * zone the caller has set; of a copy it is the zone its /etc/localtime names, else the
 * caller's.
 */
static void use_zone(struct app *app)
{
	_cleanup_free_ char *link = NULL;
	const char *name = NULL, *env = getenv("TZ");

	if (!app->zone && env)
		app->zone = xstrdup(env);
	if (!app->live && fs_readlink(app->rootfd, "etc/localtime", &link, NULL) == 0)
		name = zone_name(link);
	if (!name && !app->live)
		name = app->zone;
	/* without a name mktime(3) looks at the node's file again for each line of a log */
	setenv("TZ", name ? name : ":/etc/localtime", 1);
	tzset();
}

int app_open_root(struct app *app, const char *root, struct err *err)
{
	int fd = -1, r;

	r = fs_open_root(root ? root : "/", &fd, err);
	if (r < 0)
		return r;
	if (app->rootfd >= 0)
		close(app->rootfd);
	app->rootfd = fd;
	app->root = root;
	app->live = !root;
	app->now_known = app->live;
	use_zone(app);
	return 0;
}

static int facts_exit(int r)
{
	return r < 0 ? EXIT_BROKEN : EXIT_FINE;
}

int app_facts_told(const struct app *app, int r, const struct facts *f,
		   const struct err *err)
{
	if (r < 0)
		app_error(app, r, "%s", err->msg);
	else if (f->pve_error)
		app_warn(app, "%s", f->pve_error);
	for (size_t i = 0; r == 0 && i < f->n_warnings; i++)
		app_warn(app, "%s", f->warnings[i]);
	return facts_exit(r);
}

int app_facts(const struct app *app, struct facts_want want, struct facts *ret)
{
	struct err err = { 0 };
	int r = facts_read(app->rootfd, app->live, &want, app->now_real_usec, ret, &err);

	return app_facts_told(app, r, ret, &err);
}

void app_warn_ct(const struct app *app, const struct facts *f, const struct ct *ct)
{
	if (ct->error || (!ct->conf && !f->pve_error))
		app_warn(app, "container %u: %s", ct->vmid,
			 ct->error ? ct->error : "its config could not be read");
}

int app_facts_one(const struct app *app, const char *arg, struct facts_want want,
		  struct facts *ret)
{
	struct err err = { 0 };
	int r;

	if (app_ctid(arg, &want.vmid, &err) < 0)
		return app_error(app, EXIT_USAGE, "%s", err.msg);
	r = app_facts(app, want, ret);
	/* its state could not even be asked for: nothing else of it is worth showing */
	if (r == EXIT_FINE && ret->n_cts && ret->cts[0].here && ret->cts[0].error &&
	    ret->cts[0].state == CT_UNKNOWN) {
		r = app_error(app, EXIT_BROKEN, "%s", ret->cts[0].error);
		facts_done(ret);
	}
	return r;
}

uint64_t app_started_real_usec(const struct app *app, const struct facts *f,
			       const struct ct *ct)
{
	uint64_t ticks = f->host.ticks_per_sec, up;

	if (!app->now_known || f->host.uptime_centisec.kind != VAL_SET || !ticks)
		return 0;
	up = num_sub(num_muldiv(f->host.uptime_centisec.n, USEC_PER_SEC, 100),
		     num_muldiv(ct->init_start_ticks, USEC_PER_SEC, ticks));
	return num_sub(f->time_real_usec, up);
}
