/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "rule/doctorimpl.h"

#define USEC       ((uint64_t)1000000)
#define MIB        ((uint64_t)1 << 20)
#define BESIDE     (8 * MIB) /* of max_size: what is in work */
#define LEAST_DISK (64 * MIB)
#define BEAT_LATE  (5 * USEC)
#define STORE      "/var/lib/ctscope/ctscope.db"
#define START      "systemctl start ctscoped"
#define RESTART    "systemctl restart ctscoped"
#define LOOK       "systemctl status ctscoped"
/* a page that the collector has not come across: it would go on with the file */
#define PUT_ASIDE                                                                        \
	"systemctl stop ctscoped; mv " STORE " " STORE ".damaged; rm -f " STORE          \
	"-wal " STORE "-shm; " START

void doctor_service(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_unit *u = &f->service;

	if (doctor_skips(f, r))
		return;
	if (!u->known) {
		doctor_unchecked(r, "%s", u->problem);
		return;
	}
	if (str_eq(u->load, "masked")) {
		doctor_found(r, SEV_ERROR, 0, "systemctl unmask ctscoped",
			     "ctscoped.service is masked: it cannot be started");
		return;
	}
	if (!str_eq(u->load, "loaded")) {
		doctor_found(r, SEV_ERROR, 0, "apt install --reinstall ctscope",
			     "ctscoped.service cannot be loaded (%s)", u->load);
		return;
	}
	if (!str_eq(u->file_state, "enabled") &&
	    !str_eq(u->file_state, "enabled-runtime"))
		doctor_found(r, SEV_WARN, 0, "systemctl enable ctscoped",
			     "ctscoped.service is %s: nothing is recorded after the next "
			     "boot",
			     u->file_state && *u->file_state ? u->file_state
							     : "not enabled");
	if (u->need_reload)
		doctor_found(r, SEV_WARN, 0, "systemctl daemon-reload",
			     "systemd has not read ctscoped.service as it is now");
}

static void judge_unit(const struct doctor_unit *u, struct doctor_result *r)
{
	if (u->result && !str_eq(u->result, "success"))
		doctor_found(r, SEV_ERROR, 0, "journalctl -u ctscoped; " RESTART,
			     "no collector runs: ctscoped.service is %s (%s), the last "
			     "end was: %s",
			     u->active, u->sub, u->result);
	else
		doctor_found(r, SEV_ERROR, 0, START,
			     "no collector runs: ctscoped.service is %s", u->active);
}

static void judge_status(const struct doctor_unit *u, struct doctor_result *r)
{
	const char *more = u->status ? strchr(u->status, ';') : NULL;

	if (more)
		doctor_found(r, SEV_WARN, 0, "journalctl -u ctscoped",
			     "the collector says: %s", more + 1 + strspn(more + 1, " "));
}

static void say_running(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_unit *u = &f->service;
	uint64_t since = f->process.since_real_usec;
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_addf(&b, "process %d", (int)f->process.pid);
	if (since && since <= f->now_real_usec)
		buf_addf(&b, ", for %ju s",
			 (uintmax_t)((f->now_real_usec - since) / USEC));
	if (u->known && u->restarts)
		buf_addf(&b, ", begun again %ju times", (uintmax_t)u->restarts);
	if (u->known && u->watchdog_usec)
		buf_addf(&b, ", watched (%ju s)", (uintmax_t)(u->watchdog_usec / USEC));
	if (u->known && u->status && *u->status)
		buf_addf(&b, "; it says: %s", u->status);
	doctor_says(r, "%s", b.p);
}

void doctor_collector(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_process *p = &f->process;
	_cleanup_free_ char *cont = xasprintf("kill -CONT %d", (int)p->pid);

	if (doctor_skips(f, r))
		return;
	if (doctor_alive(f) == DOCTOR_UNKNOWN) {
		doctor_unchecked(r, "neither systemd nor the recorder's ring tells");
		return;
	}
	if (!p->pid && f->service.known)
		judge_unit(&f->service, r);
	else if (!p->pid)
		doctor_found(r, SEV_ERROR, 0, START,
			     "no collector runs: nobody holds /run/ctscope/ring");
	if (!p->pid)
		return;
	if (p->state == 'T' || p->state == 't')
		doctor_found(r, SEV_ERROR, 0, cont,
			     "the collector (process %d) is stopped by a signal",
			     (int)p->pid);
	judge_status(&f->service, r);
	say_running(f, r);
}

void doctor_version(const struct doctor_facts *f, struct doctor_result *r)
{
	const char *runs = f->store.version;

	if (doctor_skips(f, r))
		return;
	if (!f->process.pid) {
		doctor_skipped(r, "no collector runs");
		return;
	}
	if (runs && !str_eq(runs, f->version))
		doctor_found(r, SEV_WARN, 0, RESTART,
			     "the collector that runs is %s, installed is %s", runs,
			     f->version);
	else if (f->process.replaced)
		doctor_found(r, SEV_WARN, 0, RESTART,
			     "the collector's program was replaced since it was started");
	else if (!runs)
		doctor_unchecked(r, "the store does not tell which one runs");
	else
		doctor_says(r, "%s", runs);
}

void doctor_recorder(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_ring *g = &f->ring;

	if (g->off) {
		doctor_says(r, "switched off in /etc/ctscope/ctscope.conf");
		return;
	}
	if (!f->live && !g->there) {
		doctor_skipped(r, "there is no /run/ctscope/ring in it");
		return;
	}
	if (f->live && doctor_alive(f) == DOCTOR_NO) {
		doctor_skipped(r, "no collector is at work");
		return;
	}
	if (!g->there)
		doctor_found(r, SEV_ERROR, 0, RESTART, "there is no /run/ctscope/ring");
	else if (g->other_layout)
		doctor_found(r, SEV_ERROR, 0, RESTART,
			     "/run/ctscope/ring is not a ring of this version");
	else if (g->problem)
		doctor_unchecked(r, "%s", g->problem);
	else if (f->live && g->other_boot)
		doctor_found(r, SEV_ERROR, 0, RESTART,
			     "/run/ctscope/ring is of another boot");
	else if (f->live && g->beat_usec.kind == VAL_SET && g->beat_usec.n > BEAT_LATE)
		doctor_found(r, SEV_ERROR, 0, RESTART,
			     "the last tick of the recorder is %ju s old, expected 1",
			     (uintmax_t)(g->beat_usec.n / USEC));
	else if (f->live && g->late_ticks)
		doctor_says(r, "%ju ticks were late so far", (uintmax_t)g->late_ticks);
}

void doctor_socket_unit(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_socket *s = &f->socket;
	const char *fix = "systemctl restart ctscope-reader.socket";

	if (doctor_skips(f, r))
		return;
	if (doctor_alive(f) == DOCTOR_NO) {
		doctor_skipped(r, "it comes and goes with the collector");
		return;
	}
	if (!s->there || !s->is_socket)
		doctor_found(r, SEV_WARN, 0, fix,
			     "/run/ctscope-reader.sock is %s: how full root disks are is "
			     "not recorded",
			     s->there ? "no socket" : "not there");
	else if (f->user.known && f->user.user &&
		 (s->uid != f->user.uid || (s->mode & 0777) != 0600))
		doctor_found(r, SEV_WARN, 0, fix,
			     "/run/ctscope-reader.sock is of user %u with mode %04o, "
			     "expected ctscope (%u) and 0600",
			     (unsigned)s->uid, (unsigned)s->mode & 0777,
			     (unsigned)f->user.uid);
	else if (s->listens == DOCTOR_NO)
		doctor_found(r, SEV_WARN, 0, fix,
			     "nobody listens at /run/ctscope-reader.sock: how full root "
			     "disks are is not recorded");
	else if (s->listens == DOCTOR_UNKNOWN)
		doctor_unchecked(r, "/proc/net/unix cannot be read");
}

/* ---- the store ---------------------------------------------------------------------- */

static bool no_store(const struct doctor_facts *f, struct doctor_result *r)
{
	if (!f->store.there)
		doctor_skipped(r, "there is no " STORE);
	else if (f->store.problem)
		doctor_skipped(r, "the store cannot be read");
	return !f->store.there || f->store.problem;
}

void doctor_store_file(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_store *s = &f->store;

	if (!s->there && f->live && doctor_alive(f) == DOCTOR_YES && !s->denied)
		doctor_found(r, SEV_ERROR, 0, "journalctl -u ctscoped; " RESTART,
			     "there is no " STORE " although the collector runs");
	else if (!s->there && !s->denied)
		doctor_skipped(r, "%s",
			       s->problem ? s->problem : "no collector has run yet");
	else if (s->denied || !s->there)
		doctor_unchecked(r, "%s", s->problem);
	else if (s->newer)
		doctor_found(r, SEV_ERROR, 0, "apt install ctscope", "%s", s->problem);
	else if (s->older)
		doctor_found(r, SEV_WARN, 0, RESTART, "%s", s->problem);
	else if (s->problem)
		doctor_found(r, SEV_ERROR, 0,
			     !s->damaged  ? LOOK
			     : s->checked ? PUT_ASIDE
					  : RESTART,
			     "%s", s->problem);
	else if (!s->checked)
		doctor_unchecked(r, "it opens; to look through all of it took too long");
}

void doctor_store_size(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_store *s = &f->store;

	if (no_store(f, r) || s->bytes.kind != VAL_SET)
		return;
	doctor_says(r, "%ju MiB", (uintmax_t)(s->bytes.n / MIB));
	/* what is too much goes piece by piece, each minute */
	if (s->max_bytes.kind == VAL_SET && s->bytes.n > s->max_bytes.n / 4 * 5 + BESIDE)
		doctor_found(r, SEV_WARN, 0, "journalctl -u ctscoped",
			     "the store has %ju MiB, its limit is %ju MiB (max_size)",
			     (uintmax_t)(s->bytes.n / MIB),
			     (uintmax_t)(s->max_bytes.n / MIB));
}

void doctor_store_disk(const struct doctor_facts *f, struct doctor_result *r)
{
	const struct doctor_store *s = &f->store;
	uint64_t left = val_or(s->avail_bytes, 0);
	const char *fix = "df -h /var/lib/ctscope; make room, or lower max_size in "
			  "/etc/ctscope/ctscope.conf";

	if (doctor_skips(f, r))
		return;
	if (s->avail_bytes.kind != VAL_SET) {
		doctor_skipped(r, "%s", s->problem ? s->problem : "there is no " STORE);
		return;
	}
	doctor_says(r, "%ju MiB are free", (uintmax_t)(left / MIB));
	if (s->there && s->in_reserve && doctor_alive(f) != DOCTOR_NO)
		doctor_found(r, SEV_ERROR, 0, fix,
			     "the disk of " STORE " is full (%ju MiB are free): only "
			     "events are still stored, in the reserve",
			     (uintmax_t)(left / MIB));
	else if (left < LEAST_DISK)
		doctor_found(r, SEV_WARN, 0, fix,
			     "the disk of " STORE " has only %ju MiB left",
			     (uintmax_t)(left / MIB));
}

void doctor_store_aside(const struct doctor_facts *f, struct doctor_result *r)
{
	for (size_t i = 0; i < f->store.aside.n; i++) {
		const char *name = f->store.aside.v[i];
		bool newer = strstr(name, ".newer-") != NULL;
		_cleanup_free_ char *fix = xasprintf(
			"rm -f /var/lib/ctscope/%s /var/lib/ctscope/%s-wal", name, name);

		doctor_found(
			r, SEV_WARN, 0, newer ? "apt install ctscope" : fix,
			newer ? "/var/lib/ctscope/%s was written by a newer ctscope, "
				"and set aside"
			      : "/var/lib/ctscope/%s was damaged, and set aside; what "
				"could be read of it is in the store",
			name);
	}
	if (!f->store.there)
		doctor_skipped(r, "there is no " STORE);
	else if (f->store.bytes.kind != VAL_SET)
		doctor_skipped(r, "its directory was not looked at");
}

void doctor_losses(const struct doctor_facts *f, struct doctor_result *r)
{
	for (size_t i = 0; i < f->store.losses.n; i++)
		doctor_found(r, SEV_WARN, 0,
			     "journalctl -u ctscoped; once mended, " RESTART
			     " begins to count anew",
			     "%s", f->store.losses.v[i]);
	if (f->spool.dropped && doctor_alive(f) != DOCTOR_YES)
		doctor_found(r, SEV_WARN, 0, START,
			     "%ju events of hooks found no room in /run/ctscope/spool",
			     (uintmax_t)f->spool.dropped);
	if (!f->store.losses.n)
		(void)no_store(f, r);
}
