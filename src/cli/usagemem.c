/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/usageline.h"
#include "cli/usagepanel.h"

static void put_part(const struct app *app, struct buf *b, const char *name, int64_t n)
{
	buf_addf(b, "%s%s ", b->n ? ", " : "", name);
	usage_put_signed(app, b, n);
}

static void print_kernel(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_memory *m = &u->ct->memory;

	usage_put_size(app, &v, m->kernel_bytes);
	put_part(app, &n, "slab", (int64_t)val_or(m->slab_bytes, 0));
	put_part(app, &n, "page tables", (int64_t)val_or(m->pagetables_bytes, 0));
	put_part(app, &n, "stacks", (int64_t)val_or(m->kernel_stack_bytes, 0));
	buf_addc(&n, ',');
	usage_row(app, "+ kernel", &v, &n);
	n.n = 0;
	put_part(app, &n, "per-CPU", (int64_t)val_or(m->percpu_bytes, 0));
	put_part(app, &n, "vmalloc", (int64_t)val_or(m->vmalloc_bytes, 0));
	put_part(app, &n, "other", u->mem.kernel_rest_bytes);
	usage_row(app, "", &(struct buf){ 0 }, &n);
}

/* The parts, and the sum that they are the parts of. */
static void print_sum(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_memory *m = &u->ct->memory;

	if (u->mem.known) {
		usage_size_row(app, "  anon", m->anon_bytes, "the programs' own memory");
		usage_put_size(app, &v, m->file_bytes);
		buf_adds(&n, "page cache; of it ");
		usage_put_size(app, &n, m->shmem_bytes);
		buf_adds(&n, " tmpfs and shared memory");
		usage_row(app, "+ file", &v, &n);
		v.n = n.n = 0;
		if (u->mem.kernel_known)
			print_kernel(app, u);
		usage_size_row(app, "+ sock", m->sock_bytes, "network buffers");
		usage_put_signed(app, &v, u->mem.other_bytes);
		buf_adds(&n, u->mem.other_bytes < 0 ? "counted after the sum was read"
						    : "charged ahead, swap cache");
		usage_row(app, "+ other", &v, &n);
		v.n = n.n = 0;
	}
	usage_put_size(app, &v, m->current_bytes);
	buf_adds(&n, "memory.current");
	if (m->peak_bytes.kind == VAL_SET) {
		buf_adds(&n, "; the most so far was ");
		usage_put_size(app, &n, m->peak_bytes);
	}
	usage_row(app, u->mem.known ? "= in use" : "in use", &v, &n);
	if (u->mem.pve_bytes.kind == VAL_SET)
		usage_size_row(app, "PVE shows", u->mem.pve_bytes,
			       "in use less file: no page cache, but no tmpfs either");
}

static void left_row(const struct app *app, const char *name, struct val left_bytes,
		     struct val limit, const char *file, const char *then)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	if (limit.kind == VAL_ABSENT)
		return;
	usage_put_size(app, &v, left_bytes);
	if (limit.kind == VAL_MAX) {
		buf_addf(&n, "no %s", file);
	} else {
		buf_adds(&n, "left of ");
		usage_put_size(app, &n, limit);
		buf_addf(&n, " (%s), then %s", file, then);
	}
	usage_row(app, name, &v, &n);
}

static void print_oom(const struct app *app, const struct cg_memory *m)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };

	if (m->events_oom_kill.kind != VAL_SET)
		return;
	usage_put_count(&v, m->events_oom_kill);
	buf_addf(&n, "so far; hit high %ju times, max %ju times, OOM %ju times",
		 (uintmax_t)val_or(m->events_high, 0),
		 (uintmax_t)val_or(m->events_max, 0),
		 (uintmax_t)val_or(m->events_oom, 0));
	usage_row(app, "OOM kills", &v, &n);
}

void usage_panel_memory(const struct app *app, const struct usage *u)
{
	_cleanup_(buf_done) struct buf v = { 0 }, n = { 0 };
	const struct cg_memory *m = &u->ct->memory;

	usage_section(app, "Memory");
	if (m->current_bytes.kind == VAL_ABSENT) {
		usage_not_available(app, u->ctl.memory, "memory");
		return;
	}
	print_sum(app, u);
	left_row(app, "to high", u->mem.left_high_bytes, m->high_bytes, "memory.high",
		 "it is slowed down");
	left_row(app, "to max", u->mem.left_max_bytes, m->max_bytes, "memory.max",
		 "a process is killed");
	if (m->swap_current_bytes.kind == VAL_SET) {
		usage_put_size(app, &v, m->swap_current_bytes);
		buf_adds(&n, m->swap_max_bytes.kind == VAL_SET ? "of " : "no limit");
		if (m->swap_max_bytes.kind == VAL_SET)
			usage_put_size(app, &n, m->swap_max_bytes);
		usage_row(app, "swap", &v, &n);
	}
	print_oom(app, m);
}
