/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/dropin.h"
#include "apply/quiet.h"
#include "read/dropin.h"
#include "read/lxcconf.h"
#include "tmproot.h"

#define PROGRAM "/usr/libexec/ctscope/hook"

static void lxcs_files_are_read_as_lxc_does(void)
{
	struct span text = span_str("# lxc.hook.stop = x\n\n"
				    "  lxc.hook.stop=a b \t\n"
				    "web = 1\n"
				    "\tlxc.uts.name = \"a = 'b'\"\n"
				    "lxc.hook.mount =\n"
				    "lxc.broken\n"
				    "lxc.x = '");
	struct lxcconf_item i;
	unsigned line = 0;

	CHECK(lxcconf_next(&text, &line, &i) && span_eq(i.key, "lxc.hook.stop") &&
		      span_eq(i.value, "a b") && i.line == 3,
	      "line %u", i.line);
	CHECK(lxcconf_next(&text, &line, &i) && span_eq(i.value, "a = 'b'"), "line %u",
	      i.line);
	CHECK(lxcconf_next(&text, &line, &i) && i.value.n == 0 && !i.broken, "line %u",
	      i.line);
	CHECK(lxcconf_next(&text, &line, &i) && i.broken && i.line == 7, "line %u",
	      i.line);
	CHECK(lxcconf_next(&text, &line, &i) && span_eq(i.value, "'") && i.line == 8,
	      "line %u", i.line);
	CHECK(!lxcconf_next(&text, &line, &i), "one too many");
	text = span_str("");
	CHECK(!lxcconf_next(&text, &line, &i), "of nothing");
}

static void the_text_is_what_lxc_may_get(void)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct err err = { 0 };

	CHECK(dropin_text(PROGRAM, &text, &err) == 0, "%s", err.msg);
	CHECK(!strstr(buf_str(&text), "@HOOK@"), "%s", buf_str(&text));
	CHECK(!strstr(buf_str(&text), "lxc.hook.version"), "%s", buf_str(&text));
	CHECK(dropin_check(span_of(text.p, text.n), PROGRAM, &err) == 0, "%s", err.msg);
	CHECK(dropin_check(span_of(text.p, text.n), "/bin/false", &err) == -EINVAL,
	      "of another program");
	CHECK(dropin_check(span_of(text.p, text.n - 1), PROGRAM, &err) == -EINVAL,
	      "without its last newline");
}

static void an_error_in_the_text_is_found(void)
{
	static const char *const wrong[] = {
		"lxc.hook.version = 1\n", "lxc.hook.stop =\n",
		"lxc.hook.stop\n",        "lxc.hook.mount = /bin/a\n",
		"lxc.unknown = 1\n",      "lxc.hook.stop = /bin/true\n"
	};
	_cleanup_(buf_done) struct buf text = { 0 };
	struct err err = { 0 };
	char *at;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		text.n = 0;
		dropin_text(PROGRAM, &text, NULL);
		buf_adds(&text, wrong[i]);
		CHECK(dropin_check(span_of(text.p, text.n), PROGRAM, &err) == -EINVAL,
		      "%s", wrong[i]);
	}
	/* twice, and each missing */
	for (size_t i = 0; i < DROPIN_HOOKS; i++) {
		text.n = 0;
		dropin_text(PROGRAM, &text, NULL);
		at = strstr(text.p, dropin_keys[i]);
		*at = '#';
		CHECK(dropin_check(span_of(text.p, text.n), PROGRAM, &err) == -EINVAL,
		      "%s", dropin_keys[i]);
	}
	text.n = 0;
	dropin_text(PROGRAM, &text, NULL);
	dropin_text(PROGRAM, &text, NULL);
	CHECK(dropin_check(span_of(text.p, text.n), PROGRAM, &err) == -EINVAL, "twice");
	CHECK(dropin_check(span_str(""), PROGRAM, &err) == -EINVAL, "empty");
}

static void a_program_that_a_shell_would_mistake_is_refused(void)
{
	static const char *const wrong[] = {
		"",       "hook", "/a b",       "/a;reboot",
		"/a$(x)", "/a\n", "/usr/'hook", "relative/a"
	};
	_cleanup_(buf_done) struct buf text = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK(dropin_text(wrong[i], &text, &err) == -EINVAL && text.n == 0,
		      "\"%s\"", wrong[i]);
}

static void it_is_installed_and_removed_as_a_whole(void)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	_cleanup_(dropin_done) struct dropin d = { 0 };
	struct tmproot t;
	struct err err = { 0 };
	bool changed = false;

	tmproot_make(&t);
	dropin_text(PROGRAM, &text, NULL);
	CHECK(dropin_install(t.fd, DROPIN_PATH, &text, &changed, &err) == -ENOENT,
	      "without LXC: %s", err.msg);
	tmproot_dirs(&t, DROPIN_DIR "/");
	CHECK(dropin_read(t.fd, &d, &err) == 0 && !d.present, "%s", err.msg);
	CHECK(dropin_install(t.fd, DROPIN_PATH, &text, &changed, &err) == 0 && changed,
	      "%s", err.msg);
	CHECK(dropin_install(t.fd, DROPIN_PATH, &text, &changed, &err) == 0 && !changed,
	      "%s", err.msg);
	CHECK(dropin_read(t.fd, &d, &err) == 0 && d.present && d.current, "%s", err.msg);
	CHECK_STR(d.program, PROGRAM);
	dropin_done(&d);
	buf_adds(&text, "# by hand\n");
	tmproot_putn(&t, DROPIN_PATH, text.p, text.n);
	CHECK(dropin_read(t.fd, &d, &err) == 0 && d.present && !d.current, "%s", err.msg);
	CHECK_STR(d.program, PROGRAM);
	CHECK(dropin_remove(t.fd, DROPIN_PATH, &changed, &err) == 0 && changed, "%s",
	      err.msg);
	CHECK(dropin_remove(t.fd, DROPIN_PATH, &changed, &err) == 0 && !changed, "%s",
	      err.msg);
	tmproot_remove(&t);
}

static void a_file_is_replaced_whatever_was_left(void)
{
	_cleanup_(buf_done) struct buf got = { 0 };
	_cleanup_(strv_done) struct strv names = { 0 };
	struct tmproot t;
	struct err err = { 0 };
	struct fs_stat st;

	tmproot_make(&t);
	tmproot_put(&t, "d/.f.new", "left by one that was killed");
	tmproot_put(&t, "outside", "precious");
	umask(077);
	CHECK(fs_replace(t.fd, "d/f", "one", 3, 0644, &err) == 0, "%s", err.msg);
	umask(022);
	CHECK(fs_stat(t.fd, "d/f", false, &st, &err) == 0 && (st.mode & 0777) == 0644,
	      "%o", st.mode);
	tmproot_link(&t, "d/.f.new", "../outside");
	CHECK(fs_replace(t.fd, "d/f", "two", 3, 0600, &err) == 0, "%s", err.msg);
	CHECK(fs_read_file(t.fd, "d/f", 10, &got, &err) == 0, "%s", err.msg);
	CHECK_STR(buf_str(&got), "two");
	got.n = 0;
	CHECK(fs_read_file(t.fd, "outside", 10, &got, &err) == 0, "%s", err.msg);
	CHECK_STR(buf_str(&got), "precious");
	CHECK(fs_list(t.fd, "d", 9, &names, &err) == 0 && names.n == 1, "%zu", names.n);
	CHECK(fs_replace(t.fd, "e/f", "x", 1, 0644, &err) == -ENOENT, "%s", err.msg);
	CHECK(quiet_remove(t.fd, "d/f", &err) == 0, "%s", err.msg);
	CHECK(quiet_remove(t.fd, "d/f", &err) == -ENOENT, "%s", err.msg);
	tmproot_remove(&t);
}

static void what_else_hinders_is_told(void)
{
	_cleanup_(strv_done) struct strv s = { 0 };
	struct tmproot t;
	struct err err = { 0 };

	tmproot_make(&t);
	CHECK(dropin_obstacles(t.fd, &s, &err) == 0 && s.n == 1, "no LXC: %s", err.msg);
	strv_done(&s);
	tmproot_put(&t, DROPIN_COMMON,
		    "lxc.include = /usr/share/lxc/config/common.conf.d/\n");
	CHECK(dropin_obstacles(t.fd, &s, &err) == 0 && s.n == 0, "%zu", s.n);
	tmproot_put(&t, DROPIN_DIR "/" DROPIN_NAME, "lxc.hook.stop =\n");
	tmproot_put(&t, DROPIN_DIR "/README", "lxc.hook.stop =\n");
	tmproot_put(&t, DROPIN_DIR "/60-x.conf.dpkg-new", "lxc.hook.stop =\n");
	tmproot_put(&t, DROPIN_DIR "/01-pve.conf", "lxc.hook.stop = /bin/x\n");
	CHECK(dropin_obstacles(t.fd, &s, &err) == 0 && s.n == 0, "%zu", s.n);
	tmproot_put(&t, DROPIN_DIR "/.60-x.conf", "lxc.hook.stop =\n");
	tmproot_put(&t, DROPIN_DIR "/61-x.conf",
		    "#\nlxc.hook = \nlxc.hook.version = 1\n");
	tmproot_put(&t, DROPIN_DIR "/62-x.conf", "lxc.what\n");
	tmproot_put(&t, DROPIN_COMMON, "lxc.include = /elsewhere\n");
	CHECK(dropin_obstacles(t.fd, &s, &err) == 0 && s.n == 5, "%zu", s.n);
	for (size_t i = 0; i < s.n; i++)
		printf("# %s\n", s.v[i]);
	tmproot_remove(&t);
}

int main(void)
{
	RUN(lxcs_files_are_read_as_lxc_does);
	RUN(the_text_is_what_lxc_may_get);
	RUN(an_error_in_the_text_is_found);
	RUN(a_program_that_a_shell_would_mistake_is_refused);
	RUN(it_is_installed_and_removed_as_a_whole);
	RUN(a_file_is_replaced_whatever_was_left);
	RUN(what_else_hinders_is_told);
	return DONE();
}
