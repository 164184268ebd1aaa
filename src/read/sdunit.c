/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/sdunit.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config.h"

void sdunit_done(struct sdunit *u)
{
	free(u->load);
	free(u->active);
	free(u->sub);
	free(u->file_state);
	free(u->result);
	free(u->status);
	*u = (struct sdunit){ 0 };
}

#ifdef HAVE_SYSTEMD
#include <systemd/sd-bus.h>

#include "base/dl.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"

#define TIMEOUT_USEC ((uint64_t)2000000)
#define MAX_ANSWER   ((size_t)16384)
#define MANAGER      "org.freedesktop.systemd1"
#define PRIVATE      "unix:path=/run/systemd/private"

static __typeof__(sd_bus_new) *dl_sd_bus_new;
static __typeof__(sd_bus_set_address) *dl_sd_bus_set_address;
static __typeof__(sd_bus_start) *dl_sd_bus_start;
static __typeof__(sd_bus_open_system) *dl_sd_bus_open_system;
static __typeof__(sd_bus_get_property_string) *dl_sd_bus_get_property_string;
static __typeof__(sd_bus_get_property_trivial) *dl_sd_bus_get_property_trivial;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(sd_bus_new),
		DL_SYM(sd_bus_set_address),
		DL_SYM(sd_bus_start),
		DL_SYM(sd_bus_open_system),
		DL_SYM(sd_bus_get_property_string),
		DL_SYM(sd_bus_get_property_trivial),
	};
	static void *handle;

	return dl_load("libsystemd.so.0", syms, ARRAY_SIZE(syms), &handle, err);
}

/* As systemctl does it: root needs no bus daemon. */
static int connect_manager(sd_bus **ret)
{
	sd_bus *bus = NULL;
	int r;

	if (geteuid() != 0)
		return dl_sd_bus_open_system(ret);
	r = dl_sd_bus_new(&bus);
	if (r >= 0)
		r = dl_sd_bus_set_address(bus, PRIVATE);
	if (r >= 0)
		r = dl_sd_bus_start(bus);
	if (r >= 0)
		*ret = bus;
	return r;
}

/* "ctscoped.service" as the last part of an object's path: other bytes are _xx. */
static void add_object(struct buf *b, const char *name)
{
	buf_adds(b, "/org/freedesktop/systemd1/unit/");
	for (const char *p = name; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9' && p != name);

		if (plain)
			buf_addc(b, *p);
		else
			buf_addf(b, "_%02x", (unsigned)(unsigned char)*p);
	}
}

/* One line each, in this order, on the way from the child. */
static const struct property {
	const char *interface, *name;
	char type; /* 's', or of a number */
	size_t off;
} properties[] = {
	{ "Unit", "LoadState", 's', offsetof(struct sdunit, load) },
	{ "Unit", "ActiveState", 's', offsetof(struct sdunit, active) },
	{ "Unit", "SubState", 's', offsetof(struct sdunit, sub) },
	{ "Unit", "UnitFileState", 's', offsetof(struct sdunit, file_state) },
	{ "Unit", "ActiveEnterTimestamp", 't', offsetof(struct sdunit, since_real_usec) },
	{ "Unit", "NeedDaemonReload", 'b', offsetof(struct sdunit, need_reload) },
	{ "Service", "Result", 's', offsetof(struct sdunit, result) },
	{ "Service", "StatusText", 's', offsetof(struct sdunit, status) },
	{ "Service", "MainPID", 'u', offsetof(struct sdunit, main_pid) },
	{ "Service", "NRestarts", 'u', offsetof(struct sdunit, restarts) },
	{ "Service", "WatchdogUSec", 't', offsetof(struct sdunit, watchdog_usec) },
};

static void add_property(sd_bus *bus, const char *object, const struct property *p,
			 struct buf *out)
{
	_cleanup_free_ char *interface = xasprintf(MANAGER ".%s", p->interface);
	_cleanup_free_ char *text = NULL;
	uint32_t u = 0;
	uint64_t t = 0;
	int b = 0;

	if (p->type == 's' &&
	    dl_sd_bus_get_property_string(bus, MANAGER, object, interface, p->name, NULL,
					  &text) >= 0)
		for (char *c = text; *c; c++)
			buf_addc(out, *c == '\n' ? ' ' : *c);
	if (p->type == 't' &&
	    dl_sd_bus_get_property_trivial(bus, MANAGER, object, interface, p->name, NULL,
					   't', &t) >= 0)
		num_add(out, t);
	if (p->type == 'u' &&
	    dl_sd_bus_get_property_trivial(bus, MANAGER, object, interface, p->name, NULL,
					   'u', &u) >= 0)
		num_add(out, u);
	if (p->type == 'b' &&
	    dl_sd_bus_get_property_trivial(bus, MANAGER, object, interface, p->name, NULL,
					   'b', &b) >= 0)
		num_add(out, b != 0);
	buf_addc(out, '\n');
}

static int ask(int out, void *arg)
{
	_cleanup_(buf_done) struct buf object = { 0 }, b = { 0 };
	sd_bus *bus = NULL;
	int r = connect_manager(&bus);

	if (r < 0)
		return r;
	add_object(&object, arg);
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
		add_property(bus, object.p, &properties[i], &b);
	return fs_write_all(out, b.p, b.n);
}

static void take(const struct property *p, struct span text, struct sdunit *u)
{
	void *dst = (char *)u + p->off;
	uint64_t n = 0;

	if (p->type == 's') {
		*(char **)dst = span_dup(text);
		return;
	}
	if (num_parse_u64(text, &n) < 0)
		return;
	if (p->off == offsetof(struct sdunit, need_reload))
		u->need_reload = n != 0;
	else if (p->off == offsetof(struct sdunit, main_pid))
		u->main_pid = (pid_t)n;
	else
		*(uint64_t *)dst = n == UINT64_MAX ? 0 : n;
}

static int parse(struct span text, struct sdunit *ret, struct err *err)
{
	_cleanup_(sdunit_done) struct sdunit u = { 0 };
	struct span line;
	size_t n = 0;

	while (n < ARRAY_SIZE(properties) && span_line(&text, &line))
		take(&properties[n++], line, &u);
	if (n < ARRAY_SIZE(properties) || !u.load || !*u.load)
		return err_set(err, -EPROTO, "systemd does not say what is asked of it");
	*ret = u;
	u = (struct sdunit){ 0 };
	return 0;
}

int sdunit_read(const char *name, struct sdunit *ret, struct err *err)
{
	_cleanup_free_ char *arg = xstrdup(name);
	_cleanup_(buf_done) struct buf b = { 0 };
	struct guard g = { 0 };
	int r = load(err);

	if (r == 0)
		r = guard_start(ask, arg, TIMEOUT_USEC, &g, err);
	if (r < 0)
		return r;
	r = guard_collect(&g, MAX_ANSWER, &b, err);
	if (r == -ETIMEDOUT)
		return err_set(err, r, "systemd does not answer");
	if (r == -ENOENT || r == -ECONNREFUSED)
		return err_set(err, -ENOENT, "systemd does not run here");
	if (r < 0)
		return err_wrap(err, r, "ask systemd");
	return parse(span_of(b.p, b.n), ret, err);
}
#else
int sdunit_read(const char *name, _unused_ struct sdunit *ret, struct err *err)
{
	return err_set(err, -ENOENT, "%s: built without libsystemd", name);
}
#endif
