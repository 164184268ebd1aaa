/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/journal.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/str.h"
#include "read/kernabout.h"
#include <config.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-journal.h>

#include "base/dl.h"
#endif

#ifdef HAVE_SYSTEMD

#define MESSAGE_MAX ((size_t)16384)
/* So many entries are looked at before we say that there may be more. */
#define MAX_VISITS ((size_t)100000)

struct journal {
	sd_journal *j;
	int dirfd; /* of a copy: the library borrows it */
	bool following;
	/* of the kernel's two lines about a kill only one names the guest */
	uint32_t oom_pid;
};

static __typeof__(sd_journal_open) *dl_sd_journal_open;
static __typeof__(sd_journal_open_directory_fd) *dl_sd_journal_open_directory_fd;
static __typeof__(sd_journal_close) *dl_sd_journal_close;
static __typeof__(sd_journal_add_match) *dl_sd_journal_add_match;
static __typeof__(sd_journal_add_disjunction) *dl_sd_journal_add_disjunction;
static __typeof__(sd_journal_flush_matches) *dl_sd_journal_flush_matches;
static __typeof__(sd_journal_seek_tail) *dl_sd_journal_seek_tail;
static __typeof__(sd_journal_seek_realtime_usec) *dl_sd_journal_seek_realtime_usec;
static __typeof__(sd_journal_previous) *dl_sd_journal_previous;
static __typeof__(sd_journal_next) *dl_sd_journal_next;
static __typeof__(sd_journal_get_data) *dl_sd_journal_get_data;
static __typeof__(sd_journal_get_realtime_usec) *dl_sd_journal_get_realtime_usec;
static __typeof__(sd_journal_get_fd) *dl_sd_journal_get_fd;
static __typeof__(sd_journal_process) *dl_sd_journal_process;
static __typeof__(sd_journal_set_data_threshold) *dl_sd_journal_set_data_threshold;
static __typeof__(sd_journal_has_persistent_files) *dl_sd_journal_has_persistent_files;
static __typeof__(sd_journal_has_runtime_files) *dl_sd_journal_has_runtime_files;
static void *handle;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(sd_journal_open),
		DL_SYM(sd_journal_open_directory_fd),
		DL_SYM(sd_journal_close),
		DL_SYM(sd_journal_add_match),
		DL_SYM(sd_journal_add_disjunction),
		DL_SYM(sd_journal_flush_matches),
		DL_SYM(sd_journal_seek_tail),
		DL_SYM(sd_journal_seek_realtime_usec),
		DL_SYM(sd_journal_previous),
		DL_SYM(sd_journal_next),
		DL_SYM(sd_journal_get_data),
		DL_SYM(sd_journal_get_realtime_usec),
		DL_SYM(sd_journal_get_fd),
		DL_SYM(sd_journal_process),
		DL_SYM(sd_journal_set_data_threshold),
		DL_SYM(sd_journal_has_persistent_files),
		DL_SYM(sd_journal_has_runtime_files),
	};

	return dl_load("libsystemd.so.0", syms, ARRAY_SIZE(syms), &handle, err);
}

static int open_copy(int rootfd, struct journal *j, struct err *err)
{
	static const char *const dirs[] = { "var/log/journal", "run/log/journal" };
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(dirs); i++)
		r = fs_open(rootfd, dirs[i], O_RDONLY | O_DIRECTORY, &j->dirfd, err);
	if (r == -ENOENT)
		return err_set(err, r, "there is no var/log/journal in this copy");
	if (r < 0)
		return r;
	r = dl_sd_journal_open_directory_fd(&j->j, j->dirfd, 0);
	return r < 0 ? err_set(err, r, "open the journal: %s", strerror(-r)) : 0;
}

static int open_live(struct journal *j, struct err *err)
{
	int r = dl_sd_journal_open(&j->j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);

	if (r < 0)
		return err_set(err, r, "open the journal: %s", strerror(-r));
	if (dl_sd_journal_has_persistent_files(j->j) > 0 ||
	    dl_sd_journal_has_runtime_files(j->j) > 0)
		return 0;
	return err_set(err, -ENOENT, "there is no journal on this machine");
}

int journal_open(int rootfd, bool live, struct journal **ret, struct err *err)
{
	struct journal *j;
	int r = load(err);

	if (r < 0)
		return r;
	j = xcalloc(1, sizeof(*j));
	j->dirfd = -1;
	r = live ? open_live(j, err) : open_copy(rootfd, j, err);
	if (r < 0) {
		journal_free(j);
		return r;
	}
	dl_sd_journal_set_data_threshold(j->j, MESSAGE_MAX);
	*ret = j;
	return 0;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	if (j->j)
		dl_sd_journal_close(j->j);
	if (j->dirfd >= 0)
		close(j->dirfd);
	free(j);
}

static const char *const hook_ids[] = {
	"pve-lxc-hook-lxc-pre-start",  "pve-lxc-hook-lxc-pre-mount",
	"pve-lxc-hook-lxc-mount",      "pve-lxc-hook-lxc-autodev",
	"pve-lxc-hook-lxc-start-host", "pve-lxc-hook-lxc-start",
	"pve-lxc-hook-lxc-stop",       "pve-lxc-hook-lxc-post-stop",
};

static const char *const pve_ids[] = {
	"pct",          "pvedaemon",
	"pveproxy",     "pvestatd",
	"pvescheduler", "pvesh",
	"pve-guests",   "pvesr",
	"vzdump",       "pve-ha-lrm",
	"pve-ha-crm",   "pve-firewall",
	"pvefw-logger", "proxmox-firewall",
	"lxc-start",    "lxc-monitord",
	"task",
};

/* Matches of one field are alternatives, those of different fields must all be met. */
static int match(struct journal *j, const char *field, const char *value)
{
	_cleanup_free_ char *text = xasprintf("%s=%s", field, value);

	return dl_sd_journal_add_match(j->j, text, 0);
}

static int match_all(struct journal *j, const char *const *ids, size_t n)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = match(j, "SYSLOG_IDENTIFIER", ids[i]);
	return r;
}

struct names {
	char unit[48], debug[48], cgroup[32];
};

static void names_of(uint32_t vmid, struct names *n)
{
	snprintf(n->unit, sizeof(n->unit), "pve-container@%u.service", vmid);
	snprintf(n->debug, sizeof(n->debug), "pve-container-debug@%u.service", vmid);
	snprintf(n->cgroup, sizeof(n->cgroup), "/lxc.monitor/%u", vmid);
}

/* systemd's own lines about a unit have UNIT=; from others that field is a claim. */
static int match_unit(struct journal *j, const struct names *n)
{
	int r = match(j, "_SYSTEMD_UNIT", n->unit);

	if (r >= 0)
		r = match(j, "_SYSTEMD_UNIT", n->debug);
	if (r >= 0)
		r = dl_sd_journal_add_disjunction(j->j);
	if (r >= 0)
		r = match(j, "_SYSTEMD_CGROUP", n->cgroup);
	if (r >= 0)
		r = dl_sd_journal_add_disjunction(j->j);
	if (r >= 0)
		r = match(j, "UNIT", n->unit);
	if (r >= 0)
		r = match(j, "UNIT", n->debug);
	if (r >= 0)
		r = match(j, "_PID", "1");
	return r < 0 ? r : dl_sd_journal_add_disjunction(j->j);
}

static int set_matches(struct journal *j, const struct names *n, const bool *sources)
{
	int r = 0;

	dl_sd_journal_flush_matches(j->j);
	if (sources[LOG_UNIT] || sources[LOG_HOOK])
		r = match_unit(j, n);
	if (r >= 0 && sources[LOG_HOOK])
		r = match_all(j, hook_ids, ARRAY_SIZE(hook_ids));
	if (r >= 0 && sources[LOG_PVE])
		r = match_all(j, pve_ids, ARRAY_SIZE(pve_ids));
	if (r >= 0)
		r = dl_sd_journal_add_disjunction(j->j);
	if (r >= 0 && sources[LOG_KERNEL])
		r = match(j, "_TRANSPORT", "kernel");
	if (r >= 0 && sources[LOG_KERNEL])
		r = match(j, "_TRANSPORT", "audit");
	return r;
}

/* The value of a field, NULL bytes when the entry has none. Valid until the next call. */
static struct span field(struct journal *j, const char *name)
{
	const void *data;
	size_t n, skip = strlen(name) + 1;

	if (dl_sd_journal_get_data(j->j, name, &data, &n) < 0 || n < skip)
		return (struct span){ 0 };
	return span_of((const char *)data + skip, MIN(n - skip, MESSAGE_MAX));
}

static bool is_unit_line(struct journal *j, const struct names *n)
{
	struct span s = field(j, "_SYSTEMD_UNIT");

	if (span_eq(s, n->unit) || span_eq(s, n->debug) ||
	    span_eq(field(j, "_SYSTEMD_CGROUP"), n->cgroup))
		return true;
	s = field(j, "UNIT");
	return (span_eq(s, n->unit) || span_eq(s, n->debug)) &&
	       span_eq(field(j, "_PID"), "1");
}

static enum log_level level_of(struct journal *j)
{
	struct span s = field(j, "PRIORITY");

	if (s.n != 1 || s.p[0] < '0' || s.p[0] > '7')
		return LOG_LEVEL_NONE;
	return log_level_of((uint32_t)(s.p[0] - '0'));
}

static bool is_no_kernel(struct span facility)
{
	return facility.n && !span_eq(facility, "0");
}

/*
 * What the current entry is. LOG_SOURCES: nothing of this container. *ret_killed: it is
 * the kernel's line about a kill, which belongs to the one with that pid.
 */
static enum log_source classify(struct journal *j, const struct names *n, uint32_t vmid,
				uint32_t *ret_killed)
{
	struct span transport, ident, msg;

	*ret_killed = 0;
	if (is_unit_line(j, n)) {
		ident = field(j, "SYSLOG_IDENTIFIER");
		return span_starts(ident, "pve-lxc-hook-") ? LOG_HOOK : LOG_UNIT;
	}
	transport = field(j, "_TRANSPORT");
	if (span_eq(transport, "kernel") || span_eq(transport, "audit")) {
		/* a program may write to /dev/kmsg, never with the kernel's facility */
		if (span_eq(transport, "kernel") &&
		    is_no_kernel(field(j, "SYSLOG_FACILITY")))
			return LOG_SOURCES;
		msg = field(j, "MESSAGE");
		if (kernabout_killed(msg, ret_killed) ||
		    kernabout_names(span_tbytes(msg), vmid))
			return LOG_KERNEL;
		return LOG_SOURCES;
	}
	if (!log_names_guest(field(j, "MESSAGE"), vmid))
		return LOG_SOURCES;
	ident = field(j, "SYSLOG_IDENTIFIER");
	return span_starts(ident, "pve-lxc-hook-") ? LOG_HOOK : LOG_PVE;
}

/* The entry as lines: a message may have several. */
static void add_entry(struct journal *j, enum log_source source,
		      const struct log_want *want, bool backwards, struct loglines *ret)
{
	struct logline proto = { .time_kind = LOG_TIME_EXACT, .source = source };
	size_t start = ret->n;
	struct span msg, line;

	if (dl_sd_journal_get_realtime_usec(j->j, &proto.time_real_usec) < 0)
		return;
	proto.level = level_of(j);
	if (source != LOG_KERNEL) {
		struct span id = field(j, "SYSLOG_IDENTIFIER");
		_cleanup_free_ char *name = id.n ? xstrndup(id.p, MIN(id.n, 64)) : NULL;

		proto.origin = loglines_keep_str(ret, name);
	}
	msg = field(j, "MESSAGE");
	while (span_line(&msg, &line)) {
		struct logline l = proto;

		l.text = span_tbytes(line);
		if (!line.n || !log_want_has(want, &l))
			continue;
		l.text = loglines_keep(ret, line.p, line.n);
		loglines_add(ret, l);
	}
	if (backwards)
		loglines_reverse(ret, start);
}

/* Lines about a kill that wait for the one that says whose it was. */
struct killed {
	struct loglines lines;
	uint32_t pid;
};

static void killed_done(struct killed *k)
{
	loglines_done(&k->lines);
}

static void move_lines(struct loglines *from, struct loglines *to)
{
	for (size_t i = 0; i < from->n; i++) {
		struct logline l = from->v[i];

		l.text = loglines_keep(to, l.text.p, l.text.n);
		l.origin = NULL;
		loglines_add(to, l);
	}
	loglines_done(from);
}

/* One entry, walking from the newest to the oldest. */
static void take_backwards(struct journal *j, const struct names *n,
			   const struct log_want *want, const bool *sources,
			   struct killed *k, struct loglines *ret)
{
	uint32_t killed, pid;
	enum log_source s = classify(j, n, want->vmid, &killed);

	if (s == LOG_SOURCES || !sources[s])
		return;
	if (killed) {
		loglines_done(&k->lines);
		k->pid = killed;
		add_entry(j, s, want, true, &k->lines);
		return;
	}
	if (s == LOG_KERNEL && k->pid &&
	    kernabout_oom_victim(field(j, "MESSAGE"), &pid) && pid == k->pid) {
		move_lines(&k->lines, ret);
		k->pid = 0;
	}
	add_entry(j, s, want, true, ret);
}

static int seek_end(struct journal *j, const struct log_want *want)
{
	/* the entry at the very time belongs to it; previous() goes to the one before */
	return want->until_real_usec
		       ? dl_sd_journal_seek_realtime_usec(j->j, want->until_real_usec + 1)
		       : dl_sd_journal_seek_tail(j->j);
}

static bool wants_any(const bool *sources)
{
	for (size_t i = 0; i < LOG_SOURCES; i++)
		if (sources[i] && log_source_is_journal((enum log_source)i))
			return true;
	return false;
}

int journal_lines(struct journal *j, const struct log_want *want,
		  const bool sources[LOG_SOURCES], struct loglines *ret, struct err *err)
{
	_cleanup_(killed_done) struct killed killed = { 0 };
	size_t start = ret->n, visits = 0;
	struct names names;
	int r;

	if (!wants_any(sources))
		return 0;
	names_of(want->vmid, &names);
	r = set_matches(j, &names, sources);
	if (r >= 0)
		r = seek_end(j, want);
	while (r >= 0 && (r = dl_sd_journal_previous(j->j)) > 0) {
		uint64_t t;

		if (want->max_lines && ret->n - start >= want->max_lines)
			break;
		if (++visits > MAX_VISITS) {
			ret->cut = true;
			break;
		}
		if (dl_sd_journal_get_realtime_usec(j->j, &t) == 0 &&
		    t < want->since_real_usec)
			break;
		take_backwards(j, &names, want, sources, &killed, ret);
	}
	if (ret->n > start)
		loglines_reverse(ret, start);
	return r < 0 ? err_set(err, r, "read the journal: %s", strerror(-r)) : 0;
}

int journal_fd(struct journal *j)
{
	return dl_sd_journal_get_fd(j->j);
}

static void take_forwards(struct journal *j, const struct names *n,
			  const struct log_want *want, const bool *sources,
			  struct loglines *ret)
{
	uint32_t killed;
	enum log_source s = classify(j, n, want->vmid, &killed);

	if (s == LOG_SOURCES || !sources[s] || (killed && killed != j->oom_pid))
		return;
	if (s == LOG_KERNEL && !killed)
		(void)kernabout_oom_victim(field(j, "MESSAGE"), &j->oom_pid);
	add_entry(j, s, want, false, ret);
}

int journal_follow(struct journal *j, const struct log_want *want,
		   const bool sources[LOG_SOURCES], struct loglines *ret, struct err *err)
{
	struct names names;
	int r = 0;

	if (!wants_any(sources))
		return 0;
	names_of(want->vmid, &names);
	if (!j->following) {
		r = set_matches(j, &names, sources);
		if (r >= 0)
			r = dl_sd_journal_seek_realtime_usec(j->j, want->since_real_usec);
		j->following = true;
	} else {
		r = dl_sd_journal_process(j->j);
	}
	while (r >= 0 && (r = dl_sd_journal_next(j->j)) > 0)
		take_forwards(j, &names, want, sources, ret);
	return r < 0 ? err_set(err, r, "read the journal: %s", strerror(-r)) : 0;
}

/* systemd's catalog: "unit is being stopped", "unit process exited" */
#define ID_STOPPING "de5b426a63be47a7b6ac3eaac82e2f6f"
#define ID_EXITED   "98e322203f7a4ed290d09fe03c09fe15"

static int match_kernel(struct journal *j, bool audit)
{
	static const struct {
		const char *field, *value; /* NULL: or */
	} all[] = {
		{ "_TRANSPORT", "kernel" },
		{ "SYSLOG_FACILITY", "0" },
		{ NULL, NULL },
		{ "_PID", "1" },
		{ "MESSAGE_ID", ID_STOPPING },
		{ "MESSAGE_ID", ID_EXITED },
		{ NULL, NULL },
		{ "_TRANSPORT", "audit" },
		{ "_AUDIT_TYPE", "1400" },
		{ "_AUDIT_TYPE", "1326" },
	};
	int r = 0;

	dl_sd_journal_flush_matches(j->j);
	for (size_t i = 0; r >= 0 && i < (audit ? ARRAY_SIZE(all) : 6); i++)
		r = all[i].field ? match(j, all[i].field, all[i].value)
				 : dl_sd_journal_add_disjunction(j->j);
	return r;
}

static void add_kernel(struct journal *j, struct loglines *ret)
{
	struct logline l = { .time_kind = LOG_TIME_EXACT, .source = LOG_KERNEL };
	struct span msg = field(j, "MESSAGE"), line;

	if (dl_sd_journal_get_realtime_usec(j->j, &l.time_real_usec) < 0 ||
	    !span_line(&msg, &line) || !line.n)
		return;
	l.level = level_of(j);
	l.text = loglines_keep(ret, line.p, line.n);
	loglines_add(ret, l);
}

static void add_unit(struct journal *j, struct loglines *ret)
{
	struct logline l = { .time_kind = LOG_TIME_EXACT, .source = LOG_UNIT };
	struct span unit = field(j, "UNIT");
	_cleanup_free_ char *name = unit.n < 128 ? span_dup(unit) : NULL;
	_cleanup_(buf_done) struct buf b = { 0 };
	struct span how;

	if (!name || !span_starts(unit, "pve-container") ||
	    dl_sd_journal_get_realtime_usec(j->j, &l.time_real_usec) < 0)
		return;
	if (span_eq(field(j, "MESSAGE_ID"), ID_STOPPING)) {
		how = field(j, "JOB_TYPE");
		if (how.n && !span_eq(how, "stop"))
			return;
		buf_adds(&b, "stop");
	} else {
		how = field(j, "EXIT_CODE");
		buf_addf(&b, "%.*s ", (int)MIN(how.n, (size_t)16), how.n ? how.p : "");
		how = field(j, "EXIT_STATUS");
		buf_addf(&b, "%.*s", (int)MIN(how.n, (size_t)16), how.n ? how.p : "");
	}
	l.origin = loglines_keep_str(ret, name);
	l.text = loglines_keep(ret, b.p, b.n);
	loglines_add(ret, l);
}

int journal_follow_kernel(struct journal *j, uint64_t since_real_usec, bool audit,
			  size_t max, struct loglines *ret, struct err *err)
{
	int r = 0;

	if (!j->following) {
		r = match_kernel(j, audit);
		if (r >= 0)
			r = dl_sd_journal_seek_realtime_usec(j->j, since_real_usec);
		j->following = true;
	} else {
		r = dl_sd_journal_process(j->j);
	}
	for (size_t n = 0; r >= 0 && n < max && (r = dl_sd_journal_next(j->j)) > 0; n++) {
		if (span_eq(field(j, "_PID"), "1"))
			add_unit(j, ret);
		else
			add_kernel(j, ret);
	}
	return r < 0 ? err_set(err, r, "read the journal: %s", strerror(-r)) : 0;
}

#else /* no libsystemd */

struct journal {
	char none;
};

int journal_open(int rootfd, bool live, struct journal **ret, struct err *err)
{
	(void)rootfd;
	(void)live;
	(void)ret;
	return err_set(err, -ENOENT, "this ctscope is built without libsystemd");
}

void journal_free(struct journal *j)
{
	(void)j;
}

int journal_lines(struct journal *j, const struct log_want *want,
		  const bool sources[LOG_SOURCES], struct loglines *ret, struct err *err)
{
	(void)j;
	(void)want;
	(void)sources;
	(void)ret;
	(void)err;
	return -ENOENT;
}

int journal_fd(struct journal *j)
{
	(void)j;
	return -ENOENT;
}

int journal_follow(struct journal *j, const struct log_want *want,
		   const bool sources[LOG_SOURCES], struct loglines *ret, struct err *err)
{
	return journal_lines(j, want, sources, ret, err);
}

int journal_follow_kernel(struct journal *j, uint64_t since_real_usec, bool audit,
			  size_t max, struct loglines *ret, struct err *err)
{
	(void)since_real_usec;
	(void)audit;
	(void)max;
	return journal_lines(j, NULL, NULL, ret, err);
}

#endif
