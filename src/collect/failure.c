/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pveconf.h>
#include <storagecfg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "collect/collector.h"
#include "collect/confsrc.h"
#include "read/pveconf.h"
#include "read/storage.h"
#include "rule/startreason.h"

/*
 * Why a start failed (facts: pve-node.md 6.3, observed.md 32): the texts that the next
 * start erases, and what can be seen from outside. What is inside a container's root is
 * not looked at: the collector never opens a guest's path.
 */
#define MAX_TEXT ((size_t)16 << 10)

static int read_text(struct collector *c, uint32_t vmid, const char *kind,
		     struct buf *ret, uint64_t *ret_mtime)
{
	struct fs_stat st = { 0 };
	char path[48];
	uint64_t start;
	int r;

	snprintf(path, sizeof(path), "run/pve/ct-%u.%s", vmid, kind);
	r = fs_stat(c->rootfd, path, false, &st, NULL);
	if (r == 0)
		r = fs_read_tail(c->rootfd, path, MAX_TEXT, ret, &start, NULL);
	*ret_mtime = st.mtime_real_usec;
	return r;
}

/* lxc-start says so itself: written since this start began. Negative: cannot be read. */
static int stderr_says(struct collector *c, const struct lc_ct *ct)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	uint64_t mtime, since = ct->prestart.real_usec ? ct->prestart.real_usec
						       : ct->up.real_usec;
	struct span s;
	int r = read_text(c, ct->vmid, "stderr", &text, &mtime);

	if (r < 0 || mtime + 2 * USEC_PER_SEC < since)
		return r == -ENOENT ? 0 : MIN(r, 0);
	s = span_of(text.p, text.n);
	return span_find(s, "The container failed to start") ||
	       span_find(s, "Failed to spawn container") ||
	       span_find(s, "An error occurred in another process");
}

bool failure_is_new(struct collector *c, const struct lc_ct *ct)
{
	struct fs_stat st;
	char path[48];

	snprintf(path, sizeof(path), "run/pve/ct-%u.stderr", ct->vmid);
	return fs_stat(c->rootfd, path, false, &st, NULL) == 0 && st.size_bytes &&
	       st.mtime_real_usec > ct->gone.real_usec &&
	       st.mtime_real_usec + 5 * USEC_PER_SEC > clock_real_usec();
}

/*
 * LXC runs the stop hook of each start, also of one that fails. Where neither it nor
 * start-host spoke, this container has none of them, and if no collector was there then
 * either, nobody saw whether there was an init.
 */
static bool ran_unseen(const struct collector *c, const struct lc_ct *ct,
		       const struct stop_evidence *ev)
{
	return ct->phase == LC_PRESTART && ct->over_heard && !ev->hook &&
	       c->started_boot_usec > ct->prestart.boot_usec;
}

void failure_evidence(struct collector *c, const struct lc_ct *ct,
		      struct stop_evidence *ev)
{
	uint64_t lived = num_sub(ct->gone.boot_usec, ct->up.boot_usec);

	/* start-host ran before init was exec'ed: that may have failed yet */
	if (ct->phase != LC_PRESTART && !ct->execed && lived < 10 * USEC_PER_SEC &&
	    stderr_says(c, ct) > 0)
		ev->start_failed = true;
	else if (ran_unseen(c, ct, ev) && stderr_says(c, ct) == 0)
		ev->start_failed = false;
}

static void one_text(struct collector *c, struct jw *w, uint32_t vmid, const char *from,
		     uint64_t since)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	uint64_t mtime;

	if (read_text(c, vmid, from, &text, &mtime) < 0 || !text.n ||
	    mtime + 2 * USEC_PER_SEC < since)
		return;
	jw_obj(w, NULL);
	jw_str(w, "from", from);
	jw_text(w, "text", (struct tbytes){ (const uint8_t *)text.p, (uint32_t)text.n });
	jw_end(w);
}

/*
 * The checks are made by a process that can be abandoned, as the paths and /etc/pve
 * itself may lie on a file system that hangs. It answers in lines: a letter for what was
 * found, what was looked at, and a sentence.
 */
#define CHECKS_USEC (200 * USEC_PER_MSEC)
#define MAX_CHECKS  ((size_t)64)
#define MAX_LINE    1400

enum found { FINE = 'y', BAD = 'n', UNKNOWN = '?' };

struct checks {
	int rootfd;
	uint32_t vmid;
	const struct pveconf *conf; /* as it was last read, NULL: not known */
	const char *node;
	bool read; /* it is read anew, with storage.cfg */
	struct storages storages;
	struct buf out;
};

static void check(struct checks *k, enum found found, const char *what, const char *fmt,
		  ...) _printf_(4, 5);

static void check(struct checks *k, enum found found, const char *what, const char *fmt,
		  ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	buf_addf(&k->out, "%c %s %.*s\n", (char)found, what, MAX_LINE, text);
}

static void check_lock(struct checks *k, const struct pveconf *conf)
{
	const char *lock = pveconf_str(&conf->main, "lock");

	if (lock)
		check(k, str_eq(lock, "mounted") ? FINE : BAD, "lock",
		      "the config is locked: %.32s", lock);
	else
		check(k, FINE, "lock", "the config has no lock");
}

static bool value_of(const struct pveconf_item *i, const char *key, struct span *ret)
{
	struct span rest = span_of(i->value, i->value_n), part;

	while (span_cut(&rest, ',', &part)) {
		if (!span_skip(&part, key) || !span_skip(&part, "="))
			continue;
		*ret = part;
		return true;
	}
	return false;
}

static void check_bridges(struct checks *k, const struct pveconf *conf)
{
	const struct pveconf_item *i;
	uint32_t at = 0, n;
	struct span br;

	while ((i = pveconf_next(&conf->main, "net", &at, &n))) {
		_cleanup_free_ char *path = NULL;
		struct fs_stat st;
		int r;

		if (!value_of(i, "bridge", &br) || !br.n || br.n > 15)
			continue;
		path = xasprintf("sys/class/net/%.*s", (int)br.n, br.p);
		r = fs_stat(k->rootfd, path, false, &st, NULL);
		if (r == 0 || r == -ENOENT)
			check(k, r == 0 ? FINE : BAD, "bridge", "%s: bridge %.*s %s",
			      i->key, (int)br.n, br.p,
			      r == 0 ? "is there" : "does not exist");
	}
}

/* Its unit gives the collector others of these, or none (Private*=, ProtectHome=). */
static bool is_hidden(struct span path)
{
	static const char *const dirs[] = { "/tmp/",  "/var/tmp/", "/dev/",
					    "/home/", "/root/",    "/run/user/" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (span_starts(path, dirs[i]))
			return true;
	return false;
}

static void check_path(struct checks *k, const char *key, const char *what,
		       const char *path)
{
	struct fs_stat st;
	int r = is_hidden(span_str(path)) ? -EACCES
					  : fs_stat(k->rootfd, path + 1, true, &st, NULL);

	if (r == 0)
		check(k, FINE, what, "%s: %s is there", key, path);
	else if (r == -ENOENT || r == -ENOTDIR)
		check(k, BAD, what, "%s: %s does not exist", key, path);
	else
		check(k, UNKNOWN, what, "%s: %s may not be looked at by the collector",
		      key, path);
}

static bool is_mounted(struct checks *k, const char *path)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	struct span rest, line, field;

	if (fs_read_file(k->rootfd, "proc/self/mounts", 4 << 20, &text, NULL) < 0)
		return true; /* not known: nothing is said */
	for (rest = span_of(text.p, text.n); span_line(&rest, &line);)
		if (span_field(&line, &field) && span_field(&line, &field) &&
		    span_eq(field, path))
			return true;
	return false;
}

/* What PVE activates before a start and deactivates after it says nothing afterwards. */
static void check_volume(struct checks *k, const char *key, const struct volume *v)
{
	const struct storage *st = v->storage;

	if (!st)
		check(k, BAD, "storage", "%s: there is no storage \"%s\"", key,
		      v->storage_id);
	else if (!storage_applies(st, k->node))
		check(k, BAD, "storage", "%s: storage \"%s\" is %s", key, st->id,
		      st->disabled ? "disabled" : "not for this node");
	else if (!v->path || str_starts(v->path, "/dev/"))
		return;
	else if (str_eq(st->type, "zfspool") && !is_mounted(k, v->path))
		check(k, BAD, "volume", "%s: %s is not mounted", key, v->path);
	else
		check_path(k, key, "volume", v->path);
}

static void check_source(struct checks *k, const struct pveconf_item *i)
{
	_cleanup_(volume_done) struct volume v = { 0 };
	_cleanup_free_ char *volid = NULL;
	struct span rest = span_of(i->value, i->value_n), vol;

	if (!span_cut(&rest, ',', &vol))
		return;
	(void)span_skip(&vol, "volume=");
	if (!vol.n || vol.n > 1024)
		return;
	volid = span_dup(vol);
	volume_resolve(&k->storages, volid, &v);
	if (v.kind == VOLUME_BIND)
		check_path(k, i->key, "source", volid);
	else if (v.kind == VOLUME_STORAGE && k->storages.n)
		check_volume(k, i->key, &v);
}

static void read_storages(struct checks *k)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	int r = fs_read_file(k->rootfd, "etc/pve/storage.cfg", PVECONF_MAX_BYTES, &text,
			     NULL);

	/* without the file there is `local` */
	if (r == 0 || r == -ENOENT)
		(void)storage_parse(text.p ? text.p : "", text.n, &k->storages, NULL);
}

static void check_config(struct checks *k, const struct pveconf *conf)
{
	const struct pveconf_item *i = pveconf_item(&conf->main, "rootfs");
	uint32_t at = 0, n;

	check_lock(k, conf);
	check_bridges(k, conf);
	if (i)
		check_source(k, i);
	while ((i = pveconf_next(&conf->main, "mp", &at, &n)))
		check_source(k, i);
}

/* The last edit may be what it failed of: the config as it is now. */
static int make_checks(int out, void *arg)
{
	_cleanup_(pveconf_done) struct pveconf now = { 0 };
	_cleanup_(buf_done) struct buf text = { 0 };
	struct checks *k = arg;
	const struct pveconf *conf = k->conf;
	char path[40];
	int r;

	snprintf(path, sizeof(path), "etc/pve/lxc/%u.conf", k->vmid);
	if (k->read &&
	    fs_read_file(k->rootfd, path, PVECONF_MAX_BYTES, &text, NULL) == 0) {
		(void)pveconf_parse_lean(text.p ? text.p : "", text.n, k->vmid, &now,
					 NULL);
		conf = &now;
	}
	if (k->read)
		read_storages(k);
	if (conf)
		check_config(k, conf);
	else
		check(k, UNKNOWN, "config", "the config of the container is not known");
	r = fs_write_all(out, buf_str(&k->out), k->out.n);
	buf_done(&k->out);
	storages_done(&k->storages);
	return r;
}

/* True: it found something bad, *ret is what. */
static bool put_check(struct jw *w, struct span line, struct span *ret)
{
	char found = line.n ? line.p[0] : '\0';
	struct span what;

	if (line.n < 2 || line.p[1] != ' ')
		return false;
	line = span_of(line.p + 2, line.n - 2);
	if (!span_cut(&line, ' ', &what))
		return false;
	jw_obj(w, NULL);
	jw_text(w, "what", span_tbytes(what));
	if (found != UNKNOWN)
		jw_bool(w, "ok", found == FINE);
	jw_text(w, "text", span_tbytes(line));
	jw_end(w);
	*ret = line;
	return found == BAD;
}

static void put_checks(struct jw *w, struct span text, size_t *n, struct buf *why)
{
	struct span line, bad;

	while (*n < MAX_CHECKS && span_line(&text, &line)) {
		++*n;
		if (put_check(w, line, &bad) && !why->n)
			buf_add(why, bad.p, bad.n);
	}
}

/* What of it is bad, the first of it: into *why. */
static void checks(struct collector *c, const struct lc_ct *ct, struct jw *w,
		   struct buf *why)
{
	_cleanup_(buf_done) struct buf answer = { 0 };
	struct checks k = { .rootfd = c->rootfd,
			    .vmid = ct->vmid,
			    .conf = confsrc_get(c, ct->vmid),
			    .node = c->node,
			    .read = !confsrc_is_stale(c) };
	struct guard g = { 0 };
	bool quorate = false;
	size_t n = 0;
	int r;

	jw_arr(w, "checks");
	r = guard_start(make_checks, &k, CHECKS_USEC, &g, NULL);
	if (r == 0)
		r = guard_collect(&g, MAX_CHECKS * MAX_LINE, &answer, NULL);
	put_checks(w, span_of(answer.p, answer.n), &n, why);
	buf_done(&answer);
	if (r < 0)
		check(&k, UNKNOWN, "sources", "not all could be looked at: %s",
		      strerror(-r));
	if (confsrc_quorum(c, &quorate))
		check(&k, quorate ? FINE : BAD, "quorum", "the cluster %s quorum",
		      quorate ? "has" : "has no");
	if (ct->init_ticks)
		check(&k, UNKNOWN, "init",
		      "whether its program is there is seen only inside the container, "
		      "which the collector never opens");
	put_checks(w, span_of(k.out.p, k.out.n), &n, why);
	buf_done(&k.out);
	jw_end(w);
}

static uint64_t start_of(const struct lc_ct *ct)
{
	return ct->prestart.real_usec ? ct->prestart.real_usec
	       : ct->up.real_usec     ? ct->up.real_usec
				      : ct->asked.real_usec;
}

static void put_reason(struct collector *c, const struct lc_ct *ct, struct jw *w,
		       const struct buf *bad)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	uint64_t mtime, since = start_of(ct);
	const char *status = tasksrc_start_status(c, ct->vmid, since);
	struct span s = { 0 };

	if (status && startreason_of_task(span_str(status)))
		s = span_str(status);
	else if (bad->n)
		s = span_of(bad->p, bad->n);
	else if (read_text(c, ct->vmid, "stderr", &text, &mtime) == 0 &&
		 mtime + 2 * USEC_PER_SEC >= since)
		s = startreason_of_stderr(span_of(text.p, text.n));
	if (s.n)
		jw_text(w, "reason", span_tbytes(s));
	snprintf(c->reason, sizeof(c->reason), "%.*s", (int)s.n, s.n ? s.p : "");
}

void failure_data(struct collector *c, const struct lc_ct *ct, struct jw *w)
{
	_cleanup_(buf_done) struct buf bad = { 0 };

	jw_arr(w, "texts");
	one_text(c, w, ct->vmid, "stderr", start_of(ct));
	one_text(c, w, ct->vmid, "warnings", start_of(ct));
	jw_end(w);
	checks(c, ct, w, &bad);
	put_reason(c, ct, w, &bad);
}
