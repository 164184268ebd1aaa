/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <event.h>

#include "base/macros.h"
#include "cli/eventtext.h"
#include "out/cloudevent.h"

static char *line_of(const struct event *e, const char *node)
{
	char *p = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&p, &n);
	struct err err = { 0 };
	int r = f ? cloudevent_print(f, e, node, &err) : -1;

	CHECK(r == 0, "%s", err.msg);
	if (f)
		fclose(f);
	return p;
}

static struct event an_event(enum event_type type, const char *data)
{
	return (struct event){
		.id = "1-2",
		.type = type,
		.origin = ORIGIN_HOOK,
		.vmid = 101,
		.life = 3,
		.time_real_usec = 1795191740123456,
		/* the tests never change it */
		.data = (char *)(uintptr_t)data,
	};
}

static void an_event_is_a_cloudevent(void)
{
	struct event e = an_event(EVENT_STOPPED, "{\"cause\":\"admin\"}");
	_cleanup_free_ char *line = line_of(&e, "pve1");

	CHECK_STR(line,
		  "{\"specversion\":\"1.0\",\"id\":\"1-2\",\"source\":\"/pve/pve1\","
		  "\"subject\":\"lxc/101\",\"type\":\"ctscope.container.stopped\","
		  "\"time\":\"2026-11-20T16:22:20.123Z\","
		  "\"datacontenttype\":\"application/json\","
		  "\"data\":{\"vmid\":101,\"life\":3,\"origin\":\"hook\","
		  "\"inferred\":false,\"cause\":\"admin\"}}\n");
}

static void what_is_about_no_container_has_no_subject(void)
{
	struct event e = an_event(EVENT_COLLECTOR, NULL);
	_cleanup_free_ char *line = NULL;

	e.vmid = 0;
	line = line_of(&e, NULL);
	CHECK(!strstr(line, "subject"), "%s", line);
	CHECK(strstr(line, "\"type\":\"ctscope.node.collector\""), "%s", line);
	CHECK(strstr(line, "\"source\":\"/pve/\""), "%s", line);
}

static void data_cannot_forge_what_is_ours(void)
{
	struct event e = an_event(EVENT_STARTED, "{\"vmid\":999,\"origin\":\"kernel\","
						 "\"inferred\":true,\"pid\":7}");
	_cleanup_free_ char *line = line_of(&e, "pve1");

	CHECK(!strstr(line, "999") && !strstr(line, "kernel"), "%s", line);
	CHECK(strstr(line, "\"inferred\":false,\"pid\":7"), "%s", line);
}

static void data_that_is_no_object_is_carried_as_text(void)
{
	static const char *const bad[] = { "", "[1]", "{\"a\":", "nonsense", "7" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct event e = an_event(EVENT_STARTED, bad[i]);
		_cleanup_free_ char *line = line_of(&e, "pve1");

		CHECK(strstr(line, "\"inferred\":false,\"text\":\""), "%s", line);
	}
}

static void data_too_deep_is_carried_as_text(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_free_ char *line = NULL;
	struct event e;

	buf_adds(&b, "{\"a\":");
	for (size_t i = 0; i < JW_MERGE_DEPTH + 1; i++)
		buf_addc(&b, '[');
	for (size_t i = 0; i < JW_MERGE_DEPTH + 1; i++)
		buf_addc(&b, ']');
	buf_addc(&b, '}');
	e = an_event(EVENT_STARTED, buf_str(&b));
	line = line_of(&e, "pve1");
	CHECK(strstr(line, "\"text\":\"{"), "%s", line);
}

static void nothing_steers_a_terminal(void)
{
	struct event e = an_event(
		EVENT_DENIED, "{\"by\":\"apparmor\",\"path\":\"/a\\u001b[2J\\u202e\"}");
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_free_ char *line = NULL;

	e.name = (char *)(uintptr_t) "a\033[31m";
	line = line_of(&e, "pve1");
	CHECK(!strchr(line, '\033') && !strstr(line, "\xe2\x80\xae"), "%s", line);
	event_text(&b, &e);
	CHECK_STR(buf_str(&b), "apparmor /a\\x1b[2J\\u{202e}");
}

static const struct sentence {
	enum event_type type;
	const char *data, *text;
} sentences[] = {
	{ EVENT_STOPPED,
	  "{\"cause\":\"admin\",\"user\":\"root@pam\",\"task\":\"vzstop\",\"signal\":9}",
	  "stopped by an admin, signal 9, by root@pam (vzstop)" },
	{ EVENT_STOPPED, "{\"cause\":\"signal\",\"signal\":9,\"certain\":false}",
	  "its init was killed by a signal (likely), signal 9" },
	{ EVENT_STOPPED, "{\"cause\":\"unknown\",\"certain\":false}", "cause not known" },
	{ EVENT_STARTED, "{\"phases\":[{\"name\":\"init\",\"usec\":1234567}]}",
	  "init after 1.234 s" },
	{ EVENT_OOM_KILL,
	  "{\"victim\":{\"name\":\"db\",\"pid\":77,\"unit\":\"db.service\","
	  "\"rss_bytes\":1048576},\"kills\":3,\"limit_bytes\":null}",
	  "db (pid 77) of db.service, resident 1.0M, 3 kills" },
	{ EVENT_CONFIG_CHANGED,
	  "{\"changes\":[{\"key\":\"memory\",\"old\":\"512\",\"new\":\"1024\"},"
	  "{\"key\":\"swap\",\"new\":\"0\"}],\"user\":\"root@pam\"}",
	  "memory: 512 -> 1024; swap: (not set) -> 0, by root@pam" },
	{ EVENT_CONFIG_CHANGED,
	  "{\"changes\":[{\"key\":\"net0\",\"old\":\"name=eth0,bridge=vmbr0,tag=5\","
	  "\"new\":\"name=eth0,firewall=1,bridge=vmbr7\"}]}",
	  "net0: -bridge=vmbr0, -tag=5, +firewall=1, +bridge=vmbr7" },
	{ EVENT_CONFIG_CHANGED,
	  "{\"changes\":[{\"key\":\"net0\",\"old\":\"a=1,b=2\",\"new\":\"b=2,a=1\"}]}",
	  "net0: a=1,b=2 -> b=2,a=1" },
	{ EVENT_CONFIG_CHANGED,
	  "{\"changes\":[{\"key\":\"hostname\",\"old\":{\"b64\":\"YRv/\"},"
	  "\"new\":\"b\"}]}",
	  "hostname: a\\x1b\\xff -> b" },
	{ EVENT_CONFIG_CHANGED,
	  "{\"what\":\"removed\",\"to\":\"pve2\",\"since\":\"2026-11-21T03:12:00.500Z\","
	  "\"until\":\"2026-11-21T08:00:01.000Z\",\"reason\":\"no collector ran\"}",
	  "it went away to node pve2, between 2026-11-21 03:12:00 and 2026-11-21 08:00:01 "
	  "(no collector ran)" },
	{ EVENT_CONFIG_CHANGED, "{\"what\":\"created\",\"since\":\"x\",\"until\":\"y\"}",
	  "created" },
	{ EVENT_SNAPSHOT,
	  "{\"action\":\"rollback\",\"snapshot\":\"s1\",\"user\":\"joe@pve\","
	  "\"task\":\"vzrollback\"}",
	  "rolled back to snapshot s1, by joe@pve (vzrollback)" },
	{ EVENT_BACKUP, "{\"phase\":\"begin\",\"mode\":\"stop\",\"user\":\"root@pam\"}",
	  "it began, in stop mode, by root@pam" },
	{ EVENT_BACKUP,
	  "{\"phase\":\"end\",\"mode\":\"stop\",\"status\":\"OK\",\"seconds\":75,"
	  "\"archive\":\"/b/x.tar\"}",
	  "it is finished, in stop mode, after 1m 15s, in /b/x.tar" },
	{ EVENT_BACKUP, "{\"phase\":\"end\",\"status\":\"no space\"}",
	  "it FAILED: no space" },
	{ EVENT_BACKUP, "{\"phase\":\"end\"}",
	  "it ended, with what result is not known" },
	{ EVENT_ADDRESS,
	  "{\"change\":\"added\",\"address\":\"10.0.0.5\",\"interface\":\"eth0\","
	  "\"net\":\"net0\",\"host_interface\":\"veth101i0\",\"first\":true,"
	  "\"since_start_usec\":1234567}",
	  "10.0.0.5 added on eth0 (net0, veth101i0), the first address, 1.234 s after the "
	  "start began" },
	{ EVENT_INTERFACE_UP, "{\"interface\":\"veth101i0\",\"net\":\"net0\"}",
	  "veth101i0 (net0) has a link" },
	{ EVENT_INTERFACE_DOWN, "{\"interface\":\"veth101i0\",\"removed\":true}",
	  "veth101i0 was removed" },
	{ EVENT_TASK,
	  "{\"task\":\"vzstop\",\"user\":\"root@pam\",\"state\":\"end\",\"status\":\"OK\"}",
	  "vzstop by root@pam ended: OK" },
	{ EVENT_RECONCILED,
	  "{\"what\":\"cause\",\"text\":\"known now\",\"cause\":\"rebooted-inside\","
	  "\"signal\":9}",
	  "the end before was: rebooted from inside" },
	{ EVENT_RECONCILED, "{\"what\":\"stop\",\"text\":\"late\"}", "stop: late" },
	{ EVENT_START_FAILED,
	  "{\"phase\":\"init\",\"reason\":\"r\",\"checks\":[{\"ok\":false,\"text\":\"r\"},"
	  "{\"ok\":false,\"text\":\"q\"},{\"text\":\"not known\"}]}",
	  "in init: r, q" },
	{ EVENT_START_FAILED,
	  "{\"phase\":\"pre-start\",\"checks\":[{\"what\":\"bridge\",\"ok\":true},"
	  "{\"what\":\"mp0\",\"ok\":false,\"text\":\"/srv is not there\"}]}",
	  "in pre-start, /srv is not there" },
	{ EVENT_PRESSURE, "{\"resource\":\"io\",\"some_ppm\":553000,\"seconds\":60}",
	  "io, something waited 55.3% of the time, for 60 s" },
	{ EVENT_PIDS_LIMIT, "{\"current\":100,\"limit\":100,\"times\":4}",
	  "100 of 100, 4 forks refused" },
	{ EVENT_FROZEN, "{\"user\":\"root@pam\"}", "by root@pam" },
	{ EVENT_COLLECTOR, "{\"what\":\"dropped\",\"reason\":\"queue\",\"count\":5}",
	  "dropped, queue, 5 times" },
	{ EVENT_STOPPED, "{}", "" },
	{ EVENT_STOPPED, "{\"cause\":[],\"user\":{},\"signal\":\"x\"}", "signal x" },
	{ EVENT_OOM_KILL, "{\"victim\":7,\"kills\":-1}", "" },
};

static void each_type_has_its_sentence(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sentences); i++) {
		struct event e = an_event(sentences[i].type, sentences[i].data);
		_cleanup_(buf_done) struct buf b = { 0 };

		event_text(&b, &e);
		CHECK_STR(b.n ? buf_str(&b) : "", sentences[i].text);
	}
}

/* Those that are told late, or twice at the same time, of another boot, of no boot. */
static void what_is_told_late_stands_where_it_happened(void)
{
	static const struct {
		const char *boot;
		uint64_t boot_usec;
	} told[] = {
		{ "a", 10 }, { "a", 30 }, { "a", 20 }, { "b", 5 }, { "", 1 },
		{ "a", 25 }, { "b", 7 },  { "b", 0 },  { "b", 6 }, { "b", 6 },
	};
	static const uint64_t want[] = { 1, 3, 6, 4, 5, 2, 9, 8, 10, 7 };
	struct event v[ARRAY_SIZE(told)] = { 0 };
	struct events l = { v, ARRAY_SIZE(v) };
	struct events none = { 0 };

	for (size_t i = 0; i < l.n; i++) {
		snprintf(v[i].boot, sizeof(v[i].boot), "%s", told[i].boot);
		v[i].boot_usec = told[i].boot_usec;
		v[i].seq = i + 1;
	}
	events_order(&l);
	for (size_t i = 0; i < l.n; i++)
		CHECK(v[i].seq == want[i], "place %zu: %ju", i, (uintmax_t)v[i].seq);
	events_order(&none);
}

int main(void)
{
	RUN(what_is_told_late_stands_where_it_happened);
	RUN(an_event_is_a_cloudevent);
	RUN(what_is_about_no_container_has_no_subject);
	RUN(data_cannot_forge_what_is_ours);
	RUN(data_that_is_no_object_is_carried_as_text);
	RUN(data_too_deep_is_carried_as_text);
	RUN(nothing_steers_a_terminal);
	RUN(each_type_has_its_sentence);
	return DONE();
}
