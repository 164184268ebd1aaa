/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/denied.h"

#include <stdlib.h>

#include "base/clock.h"
#include "read/syscall.h"

#define FORGET_USEC (60 * USEC_PER_SEC)

static void key_of(const struct kernmsg *m, char ret[48])
{
	if (m->by == DENIED_SECCOMP)
		snprintf(ret, 48, "seccomp %jx %ju", (uintmax_t)val_or(m->arch, 0),
			 (uintmax_t)val_or(m->syscall, 0));
	else
		snprintf(ret, 48, "apparmor %.*s", (int)MIN(m->operation.n, (size_t)36),
			 m->operation.p);
}

static void drop_texts(struct denied_kind *k)
{
	char **texts[] = { &k->operation, &k->path,      &k->profile,
			   &k->process,   &k->requested, &k->error };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		free(*texts[i]);
		*texts[i] = NULL;
	}
}

/* NULL: there are too many of the node. */
static struct denied_kind *kind_of(struct denied *d, uint32_t vmid,
				   const struct kernmsg *m)
{
	struct denied_kind *other = NULL;
	char key[48];
	size_t kinds = 0;

	key_of(m, key);
	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].vmid != vmid)
			continue;
		kinds++;
		if (str_eq(d->v[i].key, key))
			return &d->v[i];
		if (!*d->v[i].key)
			other = &d->v[i];
	}
	if (kinds >= DENIED_KINDS && other)
		return other;
	if (d->n >= DENIED_MAX)
		return NULL;
	GROW(d->v, d->n, d->cap);
	d->v[d->n] = (struct denied_kind){ .vmid = vmid };
	if (kinds < DENIED_KINDS)
		snprintf(d->v[d->n].key, sizeof(d->v[d->n].key), "%s", key);
	return &d->v[d->n++];
}

static void put_text(struct jw *w, const char *key, const char *text)
{
	if (text && *text)
		jw_text(w, key, tbytes_str(text));
}

static void put_syscall(struct jw *w, const struct denied_kind *k)
{
	_cleanup_free_ char *name =
		syscall_name(val_or(k->arch, 0), val_or(k->syscall, 0));

	if (name)
		jw_str(w, "syscall", name);
	jw_val(w, "syscall_number", k->syscall);
	jw_str(w, "arch", syscall_arch_name(val_or(k->arch, 0)));
	if (k->action.kind == VAL_SET)
		jw_str(w, "action", kernmsg_seccomp_action(k->action.n));
}

static void tell(struct collector *c, const struct denied *d, struct denied_kind *k)
{
	uint64_t now = collector_now().boot_usec;
	struct event *e =
		collector_event(c, EVENT_DENIED, ORIGIN_KERNEL, k->vmid, k->first);
	struct data w;

	snprintf(e->id, sizeof(e->id), "%.8s-%u-denied-%jx-%zx", c->boot, k->vmid,
		 (uintmax_t)k->first.boot_usec, (size_t)(k - d->v));
	if (data_open(&w)) {
		jw_str(w.w, "by", k->by == DENIED_SECCOMP ? "seccomp" : "apparmor");
		if (*k->key && k->by == DENIED_SECCOMP)
			put_syscall(w.w, k);
		else if (*k->key)
			put_text(w.w, "operation", k->operation);
		else
			jw_bool(w.w, "several", true);
		put_text(w.w, "requested", k->requested);
		put_text(w.w, "error", k->error);
		put_text(w.w, "path", k->path);
		put_text(w.w, "process", k->process);
		put_text(w.w, "profile", k->profile);
		jw_int(w.w, "times", k->times);
		if (k->others)
			jw_int(w.w, "others", k->others);
		if (now > k->first.boot_usec + USEC_PER_SEC)
			jw_int(w.w, "seconds", (now - k->first.boot_usec) / USEC_PER_SEC);
		if (d->withheld > k->withheld)
			jw_int(w.w, "withheld", d->withheld - k->withheld);
		data_close(&w, &e->data);
	}
	k->wait_usec =
		k->wait_usec ? MIN(k->wait_usec * 2, DENIED_MOST_USEC) : DENIED_WAIT_USEC;
	k->told_boot_usec = now;
	k->times = k->others = 0;
	drop_texts(k);
}

void denied_add(struct collector *c, struct denied *d, const struct kernmsg *m,
		uint32_t vmid)
{
	struct denied_kind *k = kind_of(d, vmid, m);
	_cleanup_free_ char *path = kernmsg_text(m->path, m->path_hex);

	if (!k)
		return;
	k->last_boot_usec = collector_now().boot_usec;
	if (k->times++) {
		k->others += !str_eq(k->path, path);
		return;
	}
	k->first = collector_now();
	k->withheld = d->withheld;
	k->by = m->by;
	k->operation = span_dup(m->operation);
	k->path = take_ptr(path);
	k->profile = span_dup(m->profile);
	k->process = kernmsg_text(m->name, m->name_hex);
	k->requested = span_dup(m->requested);
	k->error = span_dup(m->error);
	k->syscall = m->syscall;
	k->arch = m->arch;
	k->action = m->action;
	if (!k->told_boot_usec)
		tell(c, d, k);
}

void denied_look(struct collector *c, struct denied *d)
{
	uint64_t now = collector_now().boot_usec;
	size_t w = 0;

	for (size_t i = 0; i < d->n; i++) {
		struct denied_kind *k = &d->v[i];

		if (k->times && now >= k->told_boot_usec + k->wait_usec)
			tell(c, d, k);
		if (!k->times && now > k->last_boot_usec + FORGET_USEC &&
		    now > k->last_boot_usec + k->wait_usec)
			drop_texts(k);
		else
			d->v[w++] = *k;
	}
	d->n = w;
}

void denied_done(struct denied *d)
{
	for (size_t i = 0; i < d->n; i++)
		drop_texts(&d->v[i]);
	free(d->v);
	*d = (struct denied){ 0 };
}
