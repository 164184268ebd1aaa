/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "collect/denied.h"
#include "read/jsonin.h"
#include "test.h"

/* ---- a collector of which only this is there ------------------------------------------
 */

#define MAX_TOLD 2048

static struct event told[MAX_TOLD];
static size_t n_told;
static uint64_t boot_usec;

struct lc_time collector_now(void)
{
	return (struct lc_time){ UINT64_C(1795000000000000) + boot_usec, boot_usec };
}

struct event *collector_event(struct collector *c, enum event_type type,
			      enum event_origin origin, uint32_t vmid,
			      struct lc_time when)
{
	struct event *e = &told[n_told++ % MAX_TOLD];

	(void)c;
	event_done(e);
	*e = (struct event){ .type = type,
			     .origin = origin,
			     .vmid = vmid,
			     .time_real_usec = when.real_usec,
			     .boot_usec = when.boot_usec };
	return e;
}

static struct collector c = { .boot = "79474b1c-d80e-4bd0-9f6c-0d2a3b1c4e5f" };
static struct denied d;

static void begin(void)
{
	for (size_t i = 0; i < MAX_TOLD; i++)
		event_done(&told[i]);
	denied_done(&d);
	n_told = 0;
	boot_usec = 1000 * USEC_PER_SEC;
}

/* It is looked at every ten seconds. */
static void pass(uint64_t sec)
{
	for (; sec >= 10; sec -= 10) {
		boot_usec += 10 * USEC_PER_SEC;
		denied_look(&c, &d);
	}
	boot_usec += sec * USEC_PER_SEC;
}

static void line(uint32_t vmid, const char *text)
{
	struct kernmsg m = { 0 };

	CHECK(kernmsg_parse(span_str(text), &m) && m.kind == KERNMSG_DENIED, "%s", text);
	boot_usec++;
	denied_add(&c, &d, &m, vmid);
}

#define APPARMOR(op, path)                                                               \
	"audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" operation=\"" op             \
	"\" profile=\"lxc-101_</var/lib/lxc>\" name=" path " pid=9 comm=\"mount\" "      \
	"requested_mask=\"w\""

#define SECCOMP(nr)                                                                      \
	"audit: type=1326 audit(1.2:45): auid=4294967295 uid=100000 gid=100000 "         \
	"ses=4294967295 subj=lxc-101_</var/lib/lxc> pid=123 comm=\"x\" exe=\"/bin/x\" "  \
	"sig=31 arch=c000003e syscall=" nr " compat=0 ip=0x7f01 code=0x80000000"

/* What the last event says of a key: "" where it does not. Numbers as text. */
static const char *last(const char *key)
{
	static char text[512];
	const struct event *e = &told[(n_told - 1) % MAX_TOLD];
	struct jsonin j = { 0 };
	const struct jval *v;
	struct span s;
	uint64_t n;
	bool b;

	text[0] = '\0';
	if (!n_told || !e->data)
		return "(nothing was told)";
	CHECK(jsonin_parse(e->data, strlen(e->data), &j, NULL) == 0, "%s", e->data);
	v = jval_get(j.root, key);
	if (jval_span(v, &s))
		snprintf(text, sizeof(text), "%.*s", (int)s.n, s.p);
	else if (jval_u64(v, &n))
		snprintf(text, sizeof(text), "%ju", (uintmax_t)n);
	else if (jval_bool(v, &b))
		snprintf(text, sizeof(text), "%s", b ? "true" : "false");
	jsonin_done(&j);
	return text;
}

/* ---- claims --------------------------------------------------------------------------
 */

static void the_first_is_told_at_once(void)
{
	begin();
	line(101, APPARMOR("mount", "\"/mnt\""));
	CHECK_U64(n_told, 1);
	CHECK(told[0].type == EVENT_DENIED && told[0].origin == ORIGIN_KERNEL &&
		      told[0].vmid == 101 && told[0].boot_usec == boot_usec,
	      "%d of %u", told[0].type, told[0].vmid);
	CHECK_STR(last("by"), "apparmor");
	CHECK_STR(last("operation"), "mount");
	CHECK_STR(last("requested"), "w");
	CHECK_STR(last("path"), "/mnt");
	CHECK_STR(last("process"), "mount");
	CHECK_STR(last("profile"), "lxc-101_</var/lib/lxc>");
	CHECK_STR(last("times"), "1");
	CHECK_STR(last("others"), "");
	CHECK_STR(last("seconds"), "");
	CHECK_STR(last("several"), "");
	pass(600);
	CHECK_U64(n_told, 1);
}

static void a_system_call_has_its_name(void)
{
	begin();
	line(101, SECCOMP("165"));
	CHECK_STR(last("by"), "seccomp");
	CHECK_STR(last("syscall_number"), "165");
	CHECK_STR(last("arch"), "x86_64");
	CHECK_STR(last("action"), "kill-process");
	CHECK_STR(last("process"), "x");
	CHECK_STR(last("path"), "/bin/x");
	CHECK_STR(last("operation"), "");
	CHECK(!*last("syscall") || strcmp(last("syscall"), "mount") == 0, "%s",
	      last("syscall"));
	line(101, SECCOMP("166")); /* another kind */
	CHECK_U64(n_told, 2);
	line(101, SECCOMP("165"));
	CHECK_U64(n_told, 2);
}

static void what_follows_is_one_event(void)
{
	begin();
	line(101, APPARMOR("mount", "\"/a\""));
	pass(3);
	for (int i = 0; i < 5; i++)
		line(101, APPARMOR("mount", "\"/b\""));
	line(101, APPARMOR("mount", "\"/c\""));
	CHECK_U64(n_told, 1);
	pass(10);
	CHECK_U64(n_told, 2);
	CHECK_STR(last("times"), "6");
	CHECK_STR(last("others"), "1");
	CHECK_STR(last("path"), "/b");
	CHECK_STR(last("seconds"), "10");
	CHECK(strcmp(told[0].id, told[1].id) != 0, "%s twice", told[0].id);
}

/* A million a second for a day is few events, and each says how many. */
static void ever_more_seldom_while_it_goes_on(void)
{
	uint64_t lines = 0, times = 0, gap = 0;

	begin();
	for (unsigned sec = 0; sec < 86400; sec += 10) {
		for (unsigned i = 0; i < 20; i++, lines++)
			line(101, APPARMOR("open", "\"/x\""));
		pass(10);
	}
	pass(640);
	CHECK(n_told >= 86400 / 640 && n_told < 86400 / 640 + 12, "%zu", n_told);
	for (size_t i = 0; i < n_told; i++) {
		struct jsonin j = { 0 };
		uint64_t n = 0;

		CHECK(jsonin_parse(told[i].data, strlen(told[i].data), &j, NULL) == 0,
		      "%s", told[i].data);
		CHECK(jval_u64(jval_get(j.root, "times"), &n), "%s", told[i].data);
		times += n;
		if (i > 1)
			gap = MAX(gap, told[i].boot_usec - told[i - 1].boot_usec);
		jsonin_done(&j);
	}
	CHECK_U64(times, lines);
	CHECK(gap <= DENIED_MOST_USEC + 20 * USEC_PER_SEC, "%ju", (uintmax_t)gap);
}

static void what_is_over_begins_anew(void)
{
	begin();
	line(101, APPARMOR("mount", "\"/a\""));
	pass(70);
	CHECK_U64(d.n, 0);
	line(101, APPARMOR("mount", "\"/a\""));
	CHECK_U64(n_told, 2);
	CHECK_STR(last("times"), "1");
}

static void too_many_kinds_are_one(void)
{
	char text[512];

	begin();
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text),
			 "audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" "
			 "operation=\"op%u\" profile=\"lxc-101_</var/lib/lxc>\" pid=9",
			 i);
		line(101, text);
	}
	CHECK_U64(n_told, DENIED_KINDS + 1);
	CHECK_STR(last("several"), "true");
	CHECK_STR(last("operation"), "");
	CHECK_U64(d.n, DENIED_KINDS + 1);
	pass(10);
	CHECK_U64(n_told, DENIED_KINDS + 2);
	CHECK_STR(last("times"), "983");
	CHECK_STR(last("several"), "true");
}

static void nobody_hides_another(void)
{
	begin();
	for (unsigned i = 0; i < 1000; i++)
		line(101, APPARMOR("mount", "\"/a\""));
	line(102, APPARMOR("mount", "\"/a\""));
	CHECK_U64(n_told, 2);
	CHECK_U64(told[1].vmid, 102);
}

static void a_node_has_so_many(void)
{
	begin();
	for (uint32_t i = 0; i < 3000; i++)
		line(1000 + i, APPARMOR("mount", "\"/a\""));
	CHECK_U64(n_told, DENIED_MAX);
	CHECK_U64(d.n, DENIED_MAX);
	pass(70);
	CHECK_U64(d.n, 0);
	line(5000, APPARMOR("mount", "\"/a\""));
	CHECK_U64(n_told, DENIED_MAX + 1);
}

/* The line is in a profile that many share: whose it is, is found by the pid. */
static void whose_it_is_may_be_known_by_others(void)
{
	begin();
	line(777, "audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" "
		  "operation=\"open\" profile=\"lxc-container-default-cgns\" pid=77");
	CHECK_U64(n_told, 1);
	CHECK_U64(told[0].vmid, 777);
	CHECK_U64(told[0].life, 0);
	CHECK_STR(last("path"), "");
	CHECK_STR(last("process"), "");
}

static void hostile_bytes_stay_data(void)
{
	const char *data;

	begin();
	/* ESC ] 0 ; x BEL, a quote, a line feed */
	line(101, APPARMOR("mount", "1B5D303B7807222F0A"));
	data = told[0].data;
	for (const char *p = data; *p; p++)
		CHECK((unsigned char)*p >= ' ' && *p != 0x7f, "\\x%02x", (uint8_t)*p);
	CHECK_STR(last("path"), "\033]0;x\a\"/\n");
	CHECK_STR(last("by"), "apparmor");
	CHECK_STR(last("times"), "1");
	/* what is no UTF-8 */
	line(101, APPARMOR("link", "2FFF80"));
	CHECK(strstr(told[1].data, "\"path\":{\"b64\":\"L/+A\"}") != NULL, "%s",
	      told[1].data);
	/* what looks like members of ours */
	line(101, APPARMOR("ptrace", "222C2274696D6573223A39392C2278223A22"));
	CHECK_STR(last("path"), "\",\"times\":99,\"x\":\"");
	CHECK_STR(last("times"), "1");
}

static void a_long_text_is_bounded(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	begin();
	buf_adds(&b, "audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" "
		     "operation=\"");
	for (unsigned i = 0; i < 60; i++)
		buf_adds(&b, "long");
	buf_adds(&b, "\" profile=\"lxc-101_</var/lib/lxc>\" name=\"/");
	for (unsigned i = 0; i < 100000; i++)
		buf_adds(&b, "a");
	buf_adds(&b, "\" pid=9");
	line(101, buf_str(&b));
	CHECK_U64(n_told, 1);
	CHECK(told[0].data && strlen(told[0].data) <= EVENT_DATA_MAX, "%zu",
	      strlen(told[0].data));
	CHECK(strlen(told[0].id) < sizeof(told[0].id) - 1, "%s", told[0].id);
}

/* Of its own time, whatever is looked at meanwhile, and once. */
static void what_the_kernel_left_out_is_said(void)
{
	begin();
	line(101, APPARMOR("mount", "\"/a\""));
	CHECK_STR(last("withheld"), "");
	for (unsigned i = 0; i < 10; i++) {
		line(101, APPARMOR("mount", "\"/a\""));
		d.withheld += 7;
		pass(10);
	}
	/* after 10, 20, 40 s; 30 s more wait */
	CHECK_U64(n_told, 4);
	CHECK_STR(last("times"), "4");
	CHECK_STR(last("withheld"), "28");
	pass(80);
	CHECK_STR(last("times"), "3");
	CHECK_STR(last("withheld"), "21");
	line(102, APPARMOR("mount", "\"/a\""));
	CHECK_STR(last("withheld"), "");
}

int main(void)
{
	RUN(the_first_is_told_at_once);
	RUN(a_system_call_has_its_name);
	RUN(what_follows_is_one_event);
	RUN(ever_more_seldom_while_it_goes_on);
	RUN(what_is_over_begins_anew);
	RUN(too_many_kinds_are_one);
	RUN(nobody_hides_another);
	RUN(a_node_has_so_many);
	RUN(whose_it_is_may_be_known_by_others);
	RUN(hostile_bytes_stay_data);
	RUN(a_long_text_is_bounded);
	RUN(what_the_kernel_left_out_is_said);
	begin();
	return DONE();
}
