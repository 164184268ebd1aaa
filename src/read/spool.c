/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"

#define MAX_NAMES     ((size_t)1 << 16)
#define STALE_USEC    (60 * USEC_PER_SEC)
#define BOOT_DIGITS   13
#define REAL_DIGITS   14
#define RANDOM_DIGITS 8
#define TAKEN         "." SPOOL_DROPPED /* "dropped" while it is being read */

/* ---- one event ------------------------------------------------------------------- */

static int get_u64(struct span value, uint64_t max, uint64_t *ret)
{
	uint64_t n;

	if (num_parse_u64(value, &n) < 0 || n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int get_pid(struct span value, pid_t *ret)
{
	uint64_t n;

	if (get_u64(value, INT32_MAX, &n) < 0)
		return -EINVAL;
	*ret = (pid_t)n;
	return 0;
}

/* PVE's CTIDs: [1-9][0-9]{2,8} */
static int set_vmid(struct spool_event *e, struct span value)
{
	uint32_t n;

	if (value.n < 3 || value.n > 9 || value.p[0] == '0' ||
	    num_parse_u32(value, &n) < 0)
		return -EINVAL;
	e->vmid = n;
	return 0;
}

static int set_type(struct spool_event *e, struct span value)
{
	for (size_t i = HOOK_NONE + 1; i < HOOK_TYPES; i++)
		if (span_eq(value, hook_type_name((enum hook_type)i))) {
			e->type = (enum hook_type)i;
			return 0;
		}
	return -EINVAL;
}

static int set_target(struct spool_event *e, struct span value)
{
	e->reboot = span_eq(value, "reboot");
	return e->reboot || span_eq(value, "stop") ? 0 : -EINVAL;
}

static int set_pid(struct spool_event *e, struct span value)
{
	return get_pid(value, &e->pid);
}

static int set_start_ticks(struct spool_event *e, struct span value)
{
	uint64_t n;

	if (get_u64(value, UINT64_MAX, &n) < 0)
		return -EINVAL;
	e->start_ticks = val_set(n);
	return 0;
}

static int set_hook_pid(struct spool_event *e, struct span value)
{
	return get_pid(value, &e->hook_pid);
}

static int set_parent_pid(struct spool_event *e, struct span value)
{
	return get_pid(value, &e->parent_pid);
}

static int set_monitor_pid(struct spool_event *e, struct span value)
{
	return get_pid(value, &e->monitor_pid);
}

static int set_real_usec(struct spool_event *e, struct span value)
{
	return get_u64(value, INT64_MAX, &e->real_usec);
}

static int set_boot_usec(struct spool_event *e, struct span value)
{
	return get_u64(value, INT64_MAX, &e->boot_usec);
}

static int set_took_usec(struct spool_event *e, struct span value)
{
	return get_u64(value, INT64_MAX, &e->took_usec);
}

static int set_invocation(struct spool_event *e, struct span value)
{
	uint64_t half;

	if (value.n != 32 || num_parse_hex(span_of(value.p, 16), &half) < 0 ||
	    num_parse_hex(span_of(value.p + 16, 16), &half) < 0)
		return -EINVAL;
	e->invocation = span_tbytes(value);
	return 0;
}

static const struct key {
	const char *name;
	bool needed;
	int (*set)(struct spool_event *e, struct span value);
} keys[] = {
	{ "vmid", true, set_vmid },
	{ "type", true, set_type },
	{ "real-usec", true, set_real_usec },
	{ "boot-usec", true, set_boot_usec },
	{ "took-usec", false, set_took_usec },
	{ "target", false, set_target },
	{ "pid", false, set_pid },
	{ "start-ticks", false, set_start_ticks },
	{ "hook-pid", false, set_hook_pid },
	{ "parent-pid", false, set_parent_pid },
	{ "monitor-pid", false, set_monitor_pid },
	{ "invocation", false, set_invocation },
};

/* "NAME LENGTH" or "NAME LENGTH cut", then the bytes and a newline. */
static int take_file(struct spool_event *e, struct span line, struct span *text)
{
	struct span name, word;
	struct spool_file f = { 0 };
	uint64_t n;

	if (e->n_files == SPOOL_FILES || !span_field(&line, &name) ||
	    !span_field(&line, &word) || get_u64(word, SPOOL_MAX_FILE, &n) < 0)
		return -EINVAL;
	if (span_field(&line, &word)) {
		if (!span_eq(word, "cut"))
			return -EINVAL;
		f.cut = true;
	}
	if (n >= text->n || text->p[n] != '\n')
		return -EINVAL;
	for (size_t i = 0; i < e->n_files; i++)
		if (e->files[i].name.n == name.n &&
		    memcmp(e->files[i].name.p, name.p, name.n) == 0)
			return -EINVAL;
	f.name = span_tbytes(name);
	f.text = span_tbytes(span_of(text->p, (size_t)n));
	text->p += n + 1;
	text->n -= n + 1;
	e->files[e->n_files++] = f;
	return 0;
}

/* The key is known and this is its first time, or not known: 0. */
static int take_key(struct spool_event *e, struct span key, struct span value,
		    unsigned *seen)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!span_eq(key, keys[i].name))
			continue;
		if (*seen & 1u << i)
			return -EINVAL;
		*seen |= 1u << i;
		return keys[i].set(e, value);
	}
	return 0;
}

static int check_needed(unsigned seen, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].needed && !(seen & 1u << i))
			return err_set(err, -EINVAL, "no %s", keys[i].name);
	return 0;
}

int spool_parse(struct span text, struct spool_event *ret, struct err *err)
{
	struct spool_event e = { 0 };
	struct span line, key;
	unsigned seen = 0;
	bool in_files = false;
	int r;

	if (text.n > SPOOL_MAX_FILE)
		return err_set(err, -EINVAL, "longer than %zu bytes", SPOOL_MAX_FILE);
	if (!span_line(&text, &line) || !span_eq(line, "ctscope-hook 1"))
		return err_set(err, -EINVAL, "not \"ctscope-hook 1\"");
	for (unsigned n = 2; span_line(&text, &line); n++) {
		if (span_eq(line, "end")) {
			if (text.n)
				return err_set(err, -EINVAL, "text after the end");
			r = check_needed(seen, err);
			if (r == 0)
				*ret = e;
			return r;
		}
		if (!span_cut(&line, ' ', &key) || !key.n)
			return err_set(err, -EINVAL, "item %u: no key", n);
		if (span_eq(key, "file")) {
			in_files = true;
			r = take_file(&e, line, &text);
		} else {
			r = in_files ? -EINVAL : take_key(&e, key, line, &seen);
		}
		if (r < 0)
			return err_set(err, r, "item %u: \"%.*s\" has no valid value", n,
				       (int)MIN(key.n, (size_t)32), key.p);
	}
	return err_set(err, -EINVAL, "no \"end\": it was not written to its end");
}

/* ---- the directory --------------------------------------------------------------- */

static bool take_hex(struct span *s, size_t digits, char after, uint64_t *ret)
{
	if (s->n < digits || num_parse_hex(span_of(s->p, digits), ret) < 0)
		return false;
	s->p += digits;
	s->n -= digits;
	if (!after)
		return s->n == 0;
	if (!s->n || s->p[0] != after)
		return false;
	s->p++;
	s->n--;
	return true;
}

static bool parse_id(const char *name, uint64_t *ret_boot_usec)
{
	struct span s = span_str(name);
	uint64_t boot, rest;

	if (s.n != SPOOL_ID_DIGITS)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'F')
			return false;
	if (!take_hex(&s, BOOT_DIGITS, '-', &boot) ||
	    !take_hex(&s, REAL_DIGITS, '-', &rest) ||
	    !take_hex(&s, RANDOM_DIGITS, '\0', &rest))
		return false;
	*ret_boot_usec = boot;
	return true;
}

bool spool_is_id(const char *name)
{
	uint64_t boot;

	return parse_id(name, &boot);
}

bool spool_id_time(const char *name, uint64_t *ret_boot_usec)
{
	return parse_id(name, ret_boot_usec);
}

void spool_list_done(struct spool_list *l)
{
	strv_done(&l->ids);
	*l = (struct spool_list){ 0 };
}

/* A directory full of what no hook made hides nothing: only events are held. */
static int list_name(const char *name, void *arg)
{
	struct spool_list *l = arg;

	if (name[0] == '.')
		l->n_writing++;
	else if (!spool_is_id(name))
		l->n_foreign += !str_eq(name, SPOOL_DROPPED);
	else if (l->ids.n >= MAX_NAMES)
		l->more = true;
	else
		strv_addn(&l->ids, name, strlen(name));
	return 0;
}

int spool_list(int dirfd, struct spool_list *ret, struct err *err)
{
	struct spool_list l = { 0 };
	int r = fs_each(dirfd, ".", list_name, &l, err);

	if (r < 0) {
		spool_list_done(&l);
		return err_wrap(err, r, "spool");
	}
	strv_sort(&l.ids);
	*ret = l;
	return 0;
}

int spool_read(int dirfd, const char *id, struct buf *text, struct spool_event *ret,
	       struct err *err)
{
	struct spool_event e;
	struct fs_stat st;
	int r;

	if (!spool_is_id(id))
		return err_set(err, -EINVAL, "%s: not the name of an event", id);
	text->n = 0;
	r = fs_read_entry(dirfd, id, SPOOL_MAX_FILE, text, &st);
	/* a directory, a link, a socket, a device, or too long */
	if (r == -EFBIG || r == -EISDIR || r == -ELOOP || r == -ENXIO || r == -ENODEV)
		r = -EINVAL;
	if (r < 0)
		return err_set(err, r, "spool: read %s: %s", id, strerror(-r));
	r = spool_parse(span_of(buf_str(text), text->n), &e, err);
	if (r < 0)
		return err_wrap(err, r, "spool: %s", id);
	memcpy(e.id, id, strlen(id) + 1);
	*ret = e;
	return 0;
}

int spool_remove(int dirfd, const char *id, struct err *err)
{
	if (unlinkat(dirfd, id, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR && unlinkat(dirfd, id, AT_REMOVEDIR) == 0)
		return 0;
	return err_set(err, -errno, "spool: remove %s: %s", id, strerror(errno));
}

static int stale_name(const char *name, void *arg)
{
	struct strv *stale = arg;

	if (name[0] == '.' && spool_is_id(name + 1) && stale->n < MAX_NAMES)
		strv_addn(stale, name, strlen(name));
	return 0;
}

int spool_sweep(int dirfd, uint64_t now_boot_usec, size_t *ret_n, struct err *err)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	size_t n = 0;
	int r = fs_each(dirfd, ".", stale_name, &names, err);

	if (r < 0)
		return err_wrap(err, r, "spool");
	for (size_t i = 0; i < names.n; i++) {
		uint64_t boot;

		if (!parse_id(names.v[i] + 1, &boot) ||
		    num_sub(now_boot_usec, boot) <= STALE_USEC)
			continue;
		r = spool_remove(dirfd, names.v[i], err);
		if (r < 0)
			return r;
		n++;
	}
	*ret_n = n;
	return 0;
}

/* ---- what was dropped ------------------------------------------------------------ */

/* Counts the file and removes it. -ENOENT: there is none. */
static int count_taken(int dirfd, struct spool_dropped *d, struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	int r = fs_read_file(dirfd, TAKEN, SPOOL_MAX_DROPPED, &text, err);

	if (r == -ENOENT)
		return r;
	/* longer, a FIFO: no hook made it so */
	d->at_least |= r < 0 || text.n >= SPOOL_MAX_DROPPED;
	for (size_t i = 0; i < text.n; i++)
		switch (text.p[i]) {
		case SPOOL_DROP_FULL:
			d->full++;
			break;
		case SPOOL_DROP_WRITE:
			d->write++;
			break;
		case SPOOL_DROP_LATE:
			d->late++;
			break;
		default:
			d->other++;
		}
	return spool_remove(dirfd, TAKEN, err);
}

int spool_take_dropped(int dirfd, struct spool_dropped *ret, struct err *err)
{
	struct spool_dropped d = { 0 };
	int r;

	/* left by one of us that was killed between the two */
	r = count_taken(dirfd, &d, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (renameat(dirfd, SPOOL_DROPPED, dirfd, TAKEN) < 0) {
		if (errno != ENOENT)
			return err_set(err, -errno, "spool: take %s: %s", SPOOL_DROPPED,
				       strerror(errno));
	} else {
		r = count_taken(dirfd, &d, err);
		if (r < 0)
			return r;
	}
	*ret = d;
	return 0;
}
