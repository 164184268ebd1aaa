/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pveconf.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/guard.h"
#include "base/num.h"
#include "collect/collector.h"
#include "collect/confsrc.h"

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

/* lxc-start says so itself: written since this start began. */
static bool stderr_says(struct collector *c, const struct lc_ct *ct)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	uint64_t mtime, since = ct->prestart.real_usec ? ct->prestart.real_usec
						       : ct->up.real_usec;
	struct span s;

	if (read_text(c, ct->vmid, "stderr", &text, &mtime) < 0 ||
	    mtime + 2 * USEC_PER_SEC < since)
		return false;
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

void failure_evidence(struct collector *c, const struct lc_ct *ct,
		      struct stop_evidence *ev)
{
	uint64_t lived = num_sub(ct->gone.boot_usec, ct->up.boot_usec);

	/* start-host ran before init was exec'ed: that may have failed yet */
	if (ct->phase != LC_PRESTART && !ct->execed && lived < 10 * USEC_PER_SEC &&
	    stderr_says(c, ct))
		ev->start_failed = true;
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

static void check(struct jw *w, const char *what, bool ok, const char *fmt, ...)
	_printf_(4, 5);

static void check(struct jw *w, const char *what, bool ok, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	jw_obj(w, NULL);
	jw_str(w, "what", what);
	jw_bool(w, "ok", ok);
	jw_text(w, "text", tbytes_str(text));
	jw_end(w);
}

static void check_lock(struct jw *w, const struct pveconf *conf)
{
	const char *lock = pveconf_str(&conf->main, "lock");

	if (lock)
		check(w, "lock", str_eq(lock, "mounted"), "the config is locked: %.32s",
		      lock);
	else
		check(w, "lock", true, "the config has no lock");
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

static void check_bridges(struct collector *c, struct jw *w, const struct pveconf *conf)
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
		r = fs_stat(c->rootfd, path, false, &st, NULL);
		if (r == 0 || r == -ENOENT)
			check(w, "bridge", r == 0, "%s: bridge %.*s %s", i->key,
			      (int)br.n, br.p, r == 0 ? "is there" : "does not exist");
	}
}

/*
 * Only what the config names by its path (storages are asked by nobody but PVE), and by a
 * process that can be abandoned: the path may lie on a file system that hangs.
 */
#define MAX_SOURCES  32
#define SOURCES_USEC (200 * USEC_PER_MSEC)

struct sources {
	int rootfd;
	const struct pveconf_item *v[MAX_SOURCES];
	char *path[MAX_SOURCES]; /* below the root */
	size_t n;
};

static void sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->path[i]);
}

static void add_source(struct sources *s, const struct pveconf_item *i)
{
	struct span rest = span_of(i->value, i->value_n), vol;

	if (s->n == MAX_SOURCES || !span_cut(&rest, ',', &vol))
		return;
	(void)span_skip(&vol, "volume=");
	if (vol.n < 2 || vol.p[0] != '/' || vol.n > 1024)
		return;
	s->v[s->n] = i;
	s->path[s->n++] = xasprintf("%.*s", (int)vol.n - 1, vol.p + 1);
}

/* One letter each: there, not there, not allowed to know. */
static int stat_sources(int out, void *arg)
{
	const struct sources *s = arg;

	for (size_t i = 0; i < s->n; i++) {
		struct fs_stat st;
		int r = fs_stat(s->rootfd, s->path[i], true, &st, NULL);
		char letter = r == 0 ? 'y' : r == -ENOENT ? 'n' : '?';

		if (fs_write_all(out, &letter, 1) < 0)
			break;
	}
	return 0;
}

static void check_sources(struct jw *w, struct sources *s)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct guard g = { 0 };

	if (!s->n || guard_start(stat_sources, s, SOURCES_USEC, &g, NULL) < 0)
		return;
	(void)guard_collect(&g, MAX_SOURCES, &b, NULL);
	for (size_t i = 0; i < s->n; i++) {
		char letter = i < b.n ? b.p[i] : 't';

		check(w, "source", letter == 'y' || letter == '?', "%s: /%s %s",
		      s->v[i]->key, s->path[i],
		      letter == 'y'   ? "is there"
		      : letter == 'n' ? "does not exist"
		      : letter == '?' ? "may not be looked at by the collector"
				      : "does not answer");
	}
}

static void checks(struct collector *c, const struct lc_ct *ct, struct jw *w)
{
	_cleanup_(sources_done) struct sources sources = { .rootfd = c->rootfd };
	const struct pveconf *conf = confsrc_get(c, ct->vmid);
	const struct pveconf_item *i;
	bool quorate = false;
	uint32_t at = 0, n;

	jw_arr(w, "checks");
	if (!conf) {
		check(w, "config", false, "the config of the container is not known");
	} else {
		check_lock(w, conf);
		check_bridges(c, w, conf);
		i = pveconf_item(&conf->main, "rootfs");
		if (i)
			add_source(&sources, i);
		while ((i = pveconf_next(&conf->main, "mp", &at, &n)))
			add_source(&sources, i);
		check_sources(w, &sources);
	}
	if (confsrc_quorum(c, &quorate))
		check(w, "quorum", quorate, "the cluster %s quorum",
		      quorate ? "has" : "has no");
	if (ct->init_ticks)
		check(w, "init", false,
		      "init did not come up: whether its program is there is seen only "
		      "inside the container, which the collector never opens");
	jw_end(w);
}

void failure_data(struct collector *c, const struct lc_ct *ct, struct jw *w)
{
	uint64_t since =
		ct->prestart.real_usec ? ct->prestart.real_usec : ct->up.real_usec;

	jw_arr(w, "texts");
	one_text(c, w, ct->vmid, "stderr", since);
	one_text(c, w, ct->vmid, "warnings", since);
	jw_end(w);
	checks(c, ct, w);
}
