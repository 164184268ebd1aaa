/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/dropin.h"

#include "base/fs.h"
#include "read/dropin-text.h"
#include "read/lxcconf.h"

#define MAX_FILE  ((size_t)1 << 20)
#define MAX_FILES ((size_t)1024)
#define HOOK_KEY  "lxc.hook."
/* files that are looked through for one container */
#define MAX_INCLUDES ((size_t)32)

const enum hook_type dropin_hooks[DROPIN_HOOKS] = {
	HOOK_PRE_START,
	HOOK_START_HOST,
	HOOK_STOP,
	HOOK_POST_STOP,
};

const char *const dropin_keys[DROPIN_HOOKS] = {
	HOOK_KEY "pre-start",
	HOOK_KEY "start-host",
	HOOK_KEY "stop",
	HOOK_KEY "post-stop",
};

/* ---- the text -------------------------------------------------------------------- */

static int check_program(const char *program, struct err *err)
{
	static const char fine[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-";

	if (program[0] != '/' || program[strspn(program, fine)])
		return err_set(
			err, -EINVAL,
			"%s: the hook's program needs an absolute path of letters, "
			"digits and /._+- only",
			program);
	return 0;
}

int dropin_text(const char *program, struct buf *ret, struct err *err)
{
	const char *at = DROPIN_TEMPLATE, *mark;
	int r = check_program(program, err);

	if (r < 0)
		return r;
	while ((mark = strstr(at, "@HOOK@"))) {
		buf_add(ret, at, (size_t)(mark - at));
		buf_adds(ret, program);
		at = mark + strlen("@HOOK@");
	}
	buf_adds(ret, at);
	return 0;
}

static char *command(const char *program)
{
	return xasprintf(
		"2>&1; trap \"exit 0\" 0; h() { test -x %s && %s \"$@\"; exit 0; }; h",
		program, program);
}

/* The PATH of "... test -x PATH && ...", whatever stands around it; NULL: none. */
static char *program_of(struct span value)
{
	const char *at = span_find(value, "test -x ");
	struct span rest, word;

	if (!at)
		return NULL;
	at += strlen("test -x ");
	rest = span_of(at, (size_t)(value.p + value.n - at));
	return span_field(&rest, &word) && word.p[0] == '/' ? span_dup(word) : NULL;
}

bool dropin_runs(struct span value, const char *program)
{
	_cleanup_free_ char *any = program ? NULL : program_of(value);
	_cleanup_free_ char *want = NULL;

	if (!program)
		program = any;
	if (!program)
		return false;
	want = command(program);
	return span_eq(value, want);
}

static int check_item(const struct lxcconf_item *i, const char *program, unsigned *seen,
		      struct err *err)
{
	for (unsigned k = 0; k < DROPIN_HOOKS; k++) {
		if (i->broken || !span_eq(i->key, dropin_keys[k]))
			continue;
		if (*seen & 1u << k || !dropin_runs(i->value, program))
			break;
		*seen |= 1u << k;
		return 0;
	}
	return err_set(err, -EINVAL, "drop-in, line %u: not a line that LXC may get",
		       i->line);
}

int dropin_check(struct span text, const char *program, struct err *err)
{
	struct lxcconf_item item;
	unsigned line = 0, seen = 0;
	int r = check_program(program, err);

	if (r < 0)
		return r;
	if (!text.n || text.p[text.n - 1] != '\n')
		return err_set(err, -EINVAL, "drop-in: no newline at its end");
	while (lxcconf_next(&text, &line, &item)) {
		r = check_item(&item, program, &seen, err);
		if (r < 0)
			return r;
	}
	if (seen != (1u << DROPIN_HOOKS) - 1)
		return err_set(err, -EINVAL, "drop-in: a hook is missing");
	return 0;
}

/* ---- what is there --------------------------------------------------------------- */

void dropin_done(struct dropin *d)
{
	free(d->program);
	*d = (struct dropin){ 0 };
}

static char *program_in(struct span text)
{
	struct lxcconf_item item;
	unsigned line = 0;
	char *found = NULL;

	while (!found && lxcconf_next(&text, &line, &item))
		found = program_of(item.value);
	return found;
}

static unsigned broken_line(struct span text)
{
	struct lxcconf_item item;
	unsigned line = 0;

	while (lxcconf_next(&text, &line, &item))
		if (item.broken)
			return item.line;
	return 0;
}

int dropin_read(int rootfd, struct dropin *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 }, want = { 0 };
	_cleanup_(dropin_done) struct dropin d = { 0 };
	struct fs_stat st = { 0 };
	int r = fs_read_file_stat(rootfd, DROPIN_PATH, MAX_FILE, &text, &st, err);

	if (r == -ENOENT) {
		*ret = d;
		return 0;
	}
	if (r < 0)
		return r;
	d.present = true;
	d.ctime_real_usec = st.ctime_real_usec;
	d.mtime_real_usec = st.mtime_real_usec;
	d.program = program_in(span_of(buf_str(&text), text.n));
	d.broken_line = broken_line(span_of(buf_str(&text), text.n));
	if (d.program && dropin_text(d.program, &want, NULL) == 0)
		d.current = want.n == text.n && memcmp(want.p, text.p, want.n) == 0;
	*ret = d;
	d = (struct dropin){ 0 };
	return 0;
}

static bool clears_hooks(const struct lxcconf_item *i)
{
	return !i->value.n &&
	       (span_eq(i->key, "lxc.hook") ||
		(span_starts(i->key, HOOK_KEY) && !span_eq(i->key, "lxc.hook.version")));
}

static void look_at(const char *name, struct span text, struct strv *ret)
{
	struct lxcconf_item i;
	unsigned line = 0;

	while (lxcconf_next(&text, &line, &i)) {
		if (i.broken)
			strv_add(ret, xasprintf("%s line %u has no \"=\": LXC starts no "
						"container",
						name, i.line));
		else if (clears_hooks(&i))
			strv_add(ret,
				 xasprintf("%s line %u clears %.*s: ours too, if it is "
					   "read later",
					   name, i.line, (int)i.key.n, i.key.p));
		else if (span_eq(i.key, "lxc.hook.version") && !span_eq(i.value, "0"))
			strv_add(ret,
				 xasprintf("%s line %u sets lxc.hook.version: the hooks "
					   "get no arguments",
					   name, i.line));
	}
}

/* The next file or directory that is included; without '/' at its end. */
static bool next_include(struct span *text, struct span *ret)
{
	struct lxcconf_item i;
	unsigned line = 0;

	while (lxcconf_next(text, &line, &i)) {
		if (i.broken || !span_eq(i.key, "lxc.include"))
			continue;
		while (i.value.n && i.value.p[i.value.n - 1] == '/')
			i.value.n--;
		*ret = i.value;
		return true;
	}
	return false;
}

static bool includes_dir(struct span text)
{
	struct span path;

	while (next_include(&text, &path))
		if (span_eq(path, "/" DROPIN_DIR))
			return true;
	return false;
}

static int look_at_dir(int rootfd, struct strv *ret, struct err *err)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	int r = fs_list(rootfd, DROPIN_DIR, MAX_FILES, &names, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = xasprintf(DROPIN_DIR "/%s", names.v[i]);
		_cleanup_(buf_done) struct buf text = { 0 };

		/* LXC takes no other names */
		if (!str_ends(names.v[i], ".conf") || strlen(names.v[i]) < 6 ||
		    str_eq(names.v[i], DROPIN_NAME))
			continue;
		r = fs_read_file(rootfd, path, MAX_FILE, &text, err);
		if (r < 0)
			return r;
		look_at(names.v[i], span_of(buf_str(&text), text.n), ret);
	}
	return 0;
}

int dropin_obstacles(int rootfd, struct strv *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf common = { 0 };
	int r = fs_read_file(rootfd, DROPIN_COMMON, MAX_FILE, &common, err);

	if (r == -ENOENT) {
		strv_add(ret, xstrdup("/" DROPIN_COMMON " is not there: no LXC here"));
		return 0;
	}
	if (r < 0)
		return r;
	if (!includes_dir(span_of(buf_str(&common), common.n)))
		strv_add(ret, xstrdup("/" DROPIN_COMMON " does not include /" DROPIN_DIR
				      "/: no container reads the drop-in"));
	return look_at_dir(rootfd, ret, err);
}

static bool has(const struct strv *v, struct span s)
{
	for (size_t i = 0; i < v->n; i++)
		if (span_eq(s, v->v[i]))
			return true;
	return false;
}

/* A directory that is included tells nothing more. */
int dropin_reached(int rootfd, uint32_t vmid, bool *ret, struct err *err)
{
	_cleanup_(strv_done) struct strv paths = { 0 };

	int missing = 0;

	*ret = false;
	strv_add(&paths, xasprintf("/var/lib/lxc/%u/config", vmid));
	for (size_t i = 0; i < paths.n && i < MAX_INCLUDES && !*ret; i++) {
		_cleanup_(buf_done) struct buf text = { 0 };
		struct span rest, path;
		int r = fs_read_file(rootfd, paths.v[i] + 1, MAX_FILE, &text, err);

		if (r < 0 && r != -EISDIR && !missing)
			missing = r;
		rest = span_of(buf_str(&text), text.n);
		*ret = includes_dir(rest);
		while (next_include(&rest, &path))
			if (path.n && path.p[0] == '/' && !has(&paths, path))
				strv_addn(&paths, path.p, path.n);
	}
	return *ret ? 0 : missing;
}
