/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "rule/startreason.h"

#define L "lxc-start: 105: ../src/lxc/"

static void says(const char *text, const char *want)
{
	struct span s = startreason_of_stderr(span_str(text));

	CHECK(span_eq(s, want), "got \"%.*s\", want \"%s\"", (int)s.n, s.p, want);
}

/* as on a real node */
static void consequences_are_no_reason(void)
{
	says("", "");
	says(L "utils.c: run_buffer: 571 Script exited with status 2\n" L
	       "start.c: lxc_init: 845 Failed to run lxc.hook.pre-start for container "
	       "\"105\"\n" L "start.c: __lxc_start: 2047 Failed to initialize container "
	       "\"105\"\n" L
	       "tools/lxc_start.c: lxc_start_main: 307 The container failed to start\n" L
	       "tools/lxc_start.c: lxc_start_main: 312 Additional information can be "
	       "obtained by setting the --logfile and --logpriority options\n",
	     "");
	says(L "sync.c: sync_wait: 34 An error occurred in another process (expected "
	       "sequence number 7)\n" L
	       "start.c: __lxc_start: 2127 Failed to spawn container \"106\"",
	     "");
}

static void the_first_other_line_is_the_reason(void)
{
	says(L "conf.c: run_buffer: 322 Script exited with status 1\n" L
	       "network.c: lxc_create_network_priv: 3427 Success - Failed to create "
	       "network device\n" L "start.c: lxc_spawn: 1840 Failed to create the "
	       "network\n",
	     "Failed to create network device");
	says(L "start.c: start: 2199 No such file or directory - Failed to exec "
	       "\"/sbin/init\"",
	     "No such file or directory - Failed to exec \"/sbin/init\"");
}

static void other_lines_are_told_as_they_are(void)
{
	says("\n\n \nwarning of somebody\n", "warning of somebody");
	says("lxc-start: 105: odd\n", "odd");
	says("lxc-start: 105: a.c: f: x y\n", "a.c: f: x y");
}

static void a_long_line_is_cut(void)
{
	char text[1000];

	memset(text, 'a', sizeof(text));
	CHECK_U64(startreason_of_stderr(span_of(text, sizeof(text))).n, 200);
}

static void a_task_may_know_why(void)
{
	static const struct {
		const char *status;
		bool why;
	} t[] = {
		{ "", false },
		{ "OK", false },
		{ "WARNINGS: 1", false },
		{ "unexpected status", false },
		{ "startup for container '105' failed", false },
		{ "bridge 'vmbr77' does not exist", true },
		{ "CT is locked (backup)", true },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CHECK(startreason_of_task(span_str(t[i].status)) == t[i].why, "%s",
		      t[i].status);
}

int main(void)
{
	RUN(consequences_are_no_reason);
	RUN(the_first_other_line_is_the_reason);
	RUN(other_lines_are_told_as_they_are);
	RUN(a_long_line_is_cut);
	RUN(a_task_may_know_why);
	return DONE();
}
