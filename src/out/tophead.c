/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/topimpl.h"

#include <limits.h>

#include "base/clock.h"
#include "base/num.h"
#include "out/fit.h"
#include "out/text.h"

/* ---- the lines above ---- */

static void put_bytes(struct buf *b, struct val v)
{
	struct cell c = cell_val(v, CELL_BYTES);

	cell_print(b, &c, false);
}

static void put_percent(struct buf *b, struct val ppm)
{
	struct cell c = cell_val(ppm, CELL_PPM);

	cell_print(b, &c, false);
	if (ppm.kind == VAL_SET)
		buf_addc(b, '%');
}

static void put_centi(struct buf *b, const char *what, struct val v)
{
	struct cell c = cell_val(v, CELL_CENTI);

	buf_adds(b, what);
	cell_print(b, &c, false);
}

/* "1 s", "0.5 s" */
static void put_interval(struct buf *b, uint64_t usec)
{
	uint64_t tenths = usec / 100000;

	buf_addf(b, "%ju", (uintmax_t)(tenths / 10));
	if (tenths % 10)
		buf_addf(b, ".%ju", (uintmax_t)(tenths % 10));
	buf_adds(b, " s");
}

/* What a graph goes back: "last 60s", "last 10m". */
void topview_put_span(struct buf *b, uint64_t usec)
{
	uint64_t sec = (usec + USEC_PER_SEC / 2) / USEC_PER_SEC;

	if (sec < 100)
		buf_addf(b, "last %jus", (uintmax_t)sec);
	else
		buf_addf(b, "last %jum", (uintmax_t)((sec + 30) / 60));
}

static void put_counts(const struct topframe *f, struct buf *b)
{
	const struct {
		size_t n;
		const char *what;
	} counts[] = {
		{ f->n_running, f->past ? "recorded" : "running" },
		{ f->n_frozen, "frozen" },
		{ f->n_other, "changing" },
		{ f->n_stopped, "stopped" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (i == 0 || counts[i].n)
			buf_addf(b, "%s%zu %s", i ? ", " : "", counts[i].n,
				 counts[i].what);
}

static void head_node(const struct topframe *f, struct buf *b)
{
	buf_adds(b, "ctscope top");
	if (f->node) {
		buf_addc(b, ' ');
		text_escape(b, tbytes_str(f->node), false);
	}
	buf_adds(b, "  ");
	text_stamp(b, f->real_usec);
	buf_adds(b, "  ");
	put_counts(f, b);
}

static struct val total(const struct topframe *f, size_t off)
{
	struct val sum = { 0 };

	for (size_t i = 0; i < f->n; i++) {
		struct val v = *(const struct val *)((const char *)&f->v[i] + off);

		if (v.kind == VAL_SET)
			sum = val_set(sum.n + v.n);
	}
	return sum;
}

/* The node itself is not recorded: the sum of its containers is. */
static void head_sums(const struct topframe *f, struct buf *b)
{
	struct val cores = total(f, offsetof(struct toprow, cores_ppm));

	if (cores.kind == VAL_SET)
		cores.n /= 10000;
	put_centi(b, "these containers: CPUs ", cores);
	buf_adds(b, "  Mem ");
	put_bytes(b, total(f, offsetof(struct toprow, mem_bytes)));
	buf_adds(b, "  I/O ");
	put_bytes(b, total(f, offsetof(struct toprow, io_bps)));
	buf_adds(b, "/s  Net ");
	put_bytes(b, total(f, offsetof(struct toprow, net_bps)));
	buf_adds(b, "/s");
}

static void head_host(const struct topframe *f, struct buf *b)
{
	const struct tophost *h = &f->host;

	buf_adds(b, "CPU ");
	put_percent(b, h->cpu_ppm);
	buf_addf(b, " of %u  Mem ", h->cpus);
	put_bytes(b, h->mem_bytes);
	buf_adds(b, " of ");
	put_bytes(b, h->maxmem_bytes);
	buf_adds(b, "  Swap ");
	put_bytes(b, h->swap_bytes);
	put_centi(b, "  Pressure CPU ", h->psi_cpu_centi);
	put_centi(b, " IO ", h->psi_io_centi);
	put_centi(b, " mem ", h->psi_mem_centi);
}

static void head_past(const struct topframe *f, struct buf *b)
{
	buf_adds(b, "THE PAST, ");
	text_duration(b, num_sub(f->now_real_usec, f->real_usec) / USEC_PER_SEC);
	buf_adds(b, " ago: ");
	if (!f->newest_real_usec) {
		buf_adds(b, f->source == TOP_NONE ? "the record cannot be read"
						  : "nothing was recorded then");
		return;
	}
	if (f->step_usec < 3 * USEC_PER_SEC / 2)
		buf_adds(b, "second by second");
	else
		buf_addf(b, "one value in %ju s",
			 (uintmax_t)((f->step_usec + USEC_PER_SEC / 2) / USEC_PER_SEC));
	buf_adds(b, f->limits_then ? "; limits of then" : "; limits are today's");
}

static void head_source(const struct topframe *f, const struct topnav *nav, struct buf *b)
{
	if (f->past) {
		head_past(f, b);
		return;
	}
	if (nav->paused)
		buf_adds(b, "HELD (space goes on), ");
	switch (f->source) {
	case TOP_RING:
		buf_adds(b, "by the collector, rates over ");
		break;
	case TOP_SAMPLED:
		buf_adds(b, "no collector: sampled here, rates over ");
		break;
	case TOP_NONE:
	case TOP_STORE:
		buf_adds(b, "a copy of a node: no rates");
		return;
	}
	put_interval(b, f->interval_usec);
}

static void head_order(const struct topnav *nav, const struct topframe *f, struct buf *b)
{
	if (nav->unit)
		return;
	buf_adds(b, "; by ");
	switch (nav->sort) {
	case TOPSORT_CPU:
		buf_adds(b, "CPU");
		break;
	case TOPSORT_MEM:
		buf_adds(b, "memory");
		break;
	case TOPSORT_IO:
		buf_adds(b, "I/O");
		break;
	case TOPSORT_NET:
		buf_adds(b, "network");
		break;
	case TOPSORT_PSI:
		buf_adds(b, "pressure");
		break;
	case TOPSORT_SWAP:
		buf_adds(b, "swap");
		break;
	case TOPSORT_PIDS:
		buf_adds(b, "pids");
		break;
	case TOPSORT_NAME:
		buf_adds(b, "name");
		break;
	case TOPSORT_VMID:
	case TOPSORTS:
		buf_adds(b, "number");
		break;
	}
	if (nav->reverse)
		buf_adds(b, ", turned round");
	if (nav->filter[0]) {
		buf_addf(b, "; only %zu with \"", f->n);
		text_escape(b, tbytes_str(nav->filter), false);
		buf_addc(b, '"');
	}
}

void topview_head(const struct topframe *f, const struct topnav *nav, unsigned line,
		  struct buf *ret)
{
	if (line == 0)
		head_node(f, ret);
	else if (line == 1 && f->past)
		head_sums(f, ret);
	else if (line == 1)
		head_host(f, ret);
	else {
		head_source(f, nav, ret);
		head_order(nav, f, ret);
	}
}

/* ---- what is wrong ---- */

static unsigned how_bad(const struct toprow *r)
{
	const struct {
		bool on;
		unsigned n;
	} signs[] = {
		{ val_or(r->oom_kills, 0) > 0, 32 },
		{ r->pids_limit, 16 },
		{ r->mem_limit && r->psi_mem_hot, 16 },
		{ r->psi_mem_hot, 8 },
		{ r->state == CT_FROZEN, 8 },
		{ r->psi_io_hot, 4 },
		{ r->error || r->mem_hot, 2 },
		{ r->mem_limit || r->psi_cpu_hot, 1 },
	};
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		n += signs[i].on ? signs[i].n : 0;
	return n;
}

static void put_wait(struct buf *b, const char *what, struct val ppm, bool hot)
{
	if (!hot)
		return;
	buf_addf(b, " %s ", what);
	put_percent(b, ppm);
}

/* "102 db OOM-kill 3 mem-limit waits for memory 34.0%" */
static void put_trouble(struct buf *b, const struct toprow *r)
{
	uint64_t kills = val_or(r->oom_kills, 0);

	buf_addf(b, "%u", r->vmid);
	if (r->name) {
		_cleanup_(buf_done) struct buf name = { 0 };

		text_escape(&name, tbytes_str(r->name), false);
		fit_cut(&name, 20);
		buf_addf(b, " %s", buf_str(&name));
	}
	if (kills)
		buf_addf(b, " OOM-kill %ju", (uintmax_t)kills);
	buf_adds(b, r->pids_limit ? " pids-limit" : "");
	buf_adds(b, r->mem_limit ? " mem-limit" : "");
	buf_adds(b, r->state == CT_FROZEN ? " frozen" : r->error ? " error" : "");
	put_wait(b, "memory", r->mem_ppm, r->mem_hot);
	put_wait(b, "waits for memory", r->psi_mem_ppm, r->psi_mem_hot);
	put_wait(b, "waits for disk", r->psi_io_ppm, r->psi_io_hot);
	put_wait(b, "waits for CPU", r->psi_cpu_ppm, r->psi_cpu_hot);
}

static const struct toprow *worst_below(const struct topframe *f, unsigned most,
					uint32_t after)
{
	const struct toprow *best = NULL;

	for (size_t i = 0; i < f->n; i++) {
		unsigned n = how_bad(&f->v[i]);

		if (!n || n > most || (n == most && f->v[i].vmid <= after))
			continue;
		if (!best || n > how_bad(best) ||
		    (n == how_bad(best) && f->v[i].vmid < best->vmid))
			best = &f->v[i];
	}
	return best;
}

/* As many as fit whole, and how many there are besides. */
bool topview_trouble(const struct topframe *f, size_t width, struct buf *ret)
{
	const struct toprow *r = worst_below(f, UINT_MAX, 0);
	size_t n = 0, shown = 0;

	for (size_t i = 0; i < f->n; i++)
		n += how_bad(&f->v[i]) > 0;
	if (!r)
		return false;
	buf_adds(ret, "WRONG: ");
	for (; r; r = worst_below(f, how_bad(r), r->vmid)) {
		_cleanup_(buf_done) struct buf b = { 0 };

		put_trouble(&b, r);
		if (shown && text_width(tbytes_str(buf_str(ret))) + 2 +
					     text_width(tbytes_str(buf_str(&b))) + 13 >
				     width)
			break;
		buf_addf(ret, "%s%s", shown ? "; " : "", buf_str(&b));
		shown++;
	}
	if (n > shown)
		buf_addf(ret, "; %zu more", n - shown);
	return true;
}
