/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/topview.h"

#include "base/clock.h"
#include "base/num.h"
#include "out/fit.h"
#include "out/text.h"

static const char *const help[] = {
	"sort    c CPU  m memory  i I/O  n network  p pressure",
	"        < > the column before, the next    r turn round",
	"rows    arrows, page keys, home, end       a stopped ones too",
	"        / only those with this text in name or number",
	"inside  Enter: the units of the container  Esc: back",
	"time    [ ] or left right 1 s   { } 10 s   ( ) 1 min",
	"        @ go to a time (03:12, -2h)        l live again",
	"        space holds the picture            + - interval",
	"        q quit                             h this text",
	"",
	"CPU% is of the CPUs it may use, Cores of one CPU. Mem is without the",
	"page cache, as Proxmox VE counts it. I/O counts every device of a stack.",
	"Press, CPUp, IOp, MEMp: percent of time in which something in it waited",
	"for a CPU, a disk, memory; Press is the largest of them.",
	"Marks, in short: F frozen, T throttled (its CPU share was used up),",
	"M memory limit, P pids limit, K processes killed for lack of memory.",
	"A dash is not known. A blank in the graph was not recorded.",
};

/* ---- marks ---- */

void topview_marks(const struct toprow *r, bool letters, struct buf *ret)
{
	uint64_t kills = val_or(r->oom_kills, 0);
	const struct {
		bool on;
		const char *letter, *word;
	} marks[] = {
		{ r->error, "!", "error" },
		{ r->state == CT_FROZEN, "F", "frozen" },
		{ r->state == CT_FREEZING, "F", "freezing" },
		{ r->state == CT_STARTING, "+", "starting" },
		{ r->state == CT_STOPPING, "-", "stopping" },
		{ r->state == CT_STOPPED, "-", "stopped" },
		{ r->throttled, "T", "throttled" },
		{ r->mem_limit, "M", "mem-limit" },
		{ r->pids_limit, "P", "pids-limit" },
		{ kills > 0, "K", "OOM-kill" },
	};
	size_t start = ret->n;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (marks[i].on)
			buf_addf(ret, "%s%s", !letters && ret->n > start ? " " : "",
				 letters ? marks[i].letter : marks[i].word);
	if (kills > 1 && !letters)
		buf_addf(ret, " %ju", (uintmax_t)kills);
}

static enum cell_color mark_color(const struct toprow *r)
{
	if (r->error || val_or(r->oom_kills, 0) || r->pids_limit)
		return COLOR_BAD;
	return r->state == CT_STOPPED ? COLOR_DIM : COLOR_WARN;
}

/* ---- the graph ---- */

void topview_graph(const struct toprow *r, uint64_t full, size_t width, bool utf8,
		   struct buf *ret)
{
	static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const ascii[] = { "_", ".", ":", "-", "=", "+", "*", "#" };
	size_t per, cells;

	width = MIN(width, (size_t)TOP_GRAPH);
	if (!width)
		return;
	per = (TOP_GRAPH + width - 1) / width; /* values a cell: their largest */
	cells = (TOP_GRAPH + per - 1) / per;
	for (size_t i = cells; i < width; i++)
		buf_addc(ret, ' ');
	for (size_t i = 0; i < cells; i++) {
		size_t end = TOP_GRAPH - (cells - 1 - i) * per;
		struct val v = { 0 };

		for (size_t k = end > per ? end - per : 0; k < end; k++)
			if (r->graph[k].kind == VAL_SET && r->graph[k].n >= v.n)
				v = r->graph[k];
		if (v.kind != VAL_SET) {
			buf_addc(ret, ' ');
		} else {
			uint64_t level = full ? num_muldiv(v.n, 8, full) : 0;

			/* nothing looks different from little */
			level = MAX(MIN(level, (uint64_t)7), (uint64_t)(v.n > 0));
			buf_adds(ret, utf8 ? blocks[level] : ascii[level]);
		}
	}
}

/* One scale for all rows where there is no limit. */
static uint64_t graph_full(const struct topframe *f, const struct toprow *r)
{
	uint64_t most = 0;

	if (r->graph_full.kind == VAL_SET && r->graph_full.n)
		return r->graph_full.n;
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < TOP_GRAPH; k++)
			most = MAX(most, val_or(f->v[i].graph[k], 0));
	return most;
}

/* ---- columns ---- */

enum {
	TC_VMID,
	TC_NAME,
	TC_STATUS,
	TC_CPU,
	TC_CORES,
	TC_MEM,
	TC_MAXMEM,
	TC_MEMP,
	TC_SWAP,
	TC_MAXSWAP,
	TC_IO,
	TC_READ,
	TC_WRITE,
	TC_NET,
	TC_IN,
	TC_OUT,
	TC_PRESS,
	TC_PCPU,
	TC_PIO,
	TC_PMEM,
	TC_PIDS,
	TC_MAXPIDS,
	TC_FLAGS,
	TC_MARKS,
	TC_GRAPH,
	TC_KILLS,
	TC_CORERATIO,
};

#define GET(name) static void get_##name(const void *row, struct cell *ret)
#define ROW       ((const struct toprow *)row)

static struct cell percent(struct val ppm, bool hot)
{
	struct cell c = cell_val(ppm, CELL_PPM);

	if (hot)
		c.color = COLOR_BAD;
	return c;
}

GET(vmid)
{
	*ret = cell_int(ROW->vmid);
}

GET(name)
{
	*ret = cell_str(ROW->name);
}

GET(status)
{
	if (!ROW->was)
		*ret = cell_str(ct_state_name(ROW->state));
}

GET(cpu)
{
	*ret = percent(ROW->cpu_ppm, ROW->cpu_hot);
}

/* hundredths of a CPU */
GET(cores)
{
	if (ROW->cores_ppm.kind == VAL_SET)
		*ret = (struct cell){ .kind = CELL_CENTI, .n = ROW->cores_ppm.n / 10000 };
}

GET(cores_json)
{
	*ret = cell_val(ROW->cores_ppm, CELL_PPM);
}

GET(mem)
{
	*ret = cell_val(ROW->mem_bytes, CELL_BYTES);
}

GET(maxmem)
{
	*ret = cell_val(ROW->maxmem_bytes, CELL_BYTES);
}

GET(memp)
{
	*ret = percent(ROW->mem_ppm, ROW->mem_hot);
}

GET(swap)
{
	*ret = cell_val(ROW->swap_bytes, CELL_BYTES);
}

GET(maxswap)
{
	*ret = cell_val(ROW->maxswap_bytes, CELL_BYTES);
}

GET(io)
{
	*ret = cell_val(ROW->io_bps, CELL_BYTES);
}

GET(read)
{
	*ret = cell_val(ROW->read_bps, CELL_BYTES);
}

GET(write)
{
	*ret = cell_val(ROW->write_bps, CELL_BYTES);
}

GET(net)
{
	*ret = cell_val(ROW->net_bps, CELL_BYTES);
}

GET(in)
{
	*ret = cell_val(ROW->in_bps, CELL_BYTES);
}

GET(out)
{
	*ret = cell_val(ROW->out_bps, CELL_BYTES);
}

GET(press)
{
	*ret = percent(ROW->psi_ppm,
		       ROW->psi_cpu_hot || ROW->psi_io_hot || ROW->psi_mem_hot);
}

GET(pcpu)
{
	*ret = percent(ROW->psi_cpu_ppm, ROW->psi_cpu_hot);
}

GET(pio)
{
	*ret = percent(ROW->psi_io_ppm, ROW->psi_io_hot);
}

GET(pmem)
{
	*ret = percent(ROW->psi_mem_ppm, ROW->psi_mem_hot);
}

GET(pids)
{
	*ret = cell_val(ROW->pids, CELL_INT);
	if (ROW->pids_limit)
		ret->color = COLOR_BAD;
}

GET(maxpids)
{
	*ret = cell_val(ROW->pids_max, CELL_INT);
}

static struct cell marks(const struct toprow *r, bool letters)
{
	struct buf b = { 0 };
	struct cell c;

	topview_marks(r, letters, &b);
	c = cell_owned(b.p);
	c.color = mark_color(r);
	return c;
}

GET(flags)
{
	*ret = marks(ROW, true);
}

GET(marks)
{
	*ret = marks(ROW, false);
}

/* In batch mode it has its own scale; the screen draws it by itself. */
GET(graph)
{
	uint64_t most = val_or(ROW->graph_full, 0);
	struct buf b = { 0 };

	for (size_t i = 0; !most && i < TOP_GRAPH; i++)
		for (size_t k = 0; k < TOP_GRAPH; k++)
			most = MAX(most, val_or(ROW->graph[k], 0));
	topview_graph(ROW, most, 30, false, &b);
	*ret = cell_owned(b.p);
}

GET(kills)
{
	*ret = cell_val(ROW->oom_kills, CELL_INT);
}

#define C(id, h, k, fn, text, ...)                                                       \
	[id] = { .heading = h, .key = k, .get = get_##fn, .help = text, __VA_ARGS__ }
#define R .right = true

const struct col topview_cols[TOPVIEW_COLS] = {
	C(TC_VMID, "VMID", "vmid", vmid, "the container's number", R),
	C(TC_NAME, "Name", "name", name, "hostname of the config", .shrink = true),
	C(TC_STATUS, "Status", "status", status, "running, frozen, stopped, ...",
	  .hidden = true),
	C(TC_CPU, "CPU%", "cpu", cpu, "use of the CPUs it may use", R),
	C(TC_CORES, "Cores", NULL, cores, "CPUs it keeps busy", R, .minor = 10),
	C(TC_MEM, "Mem", "mem", mem, "memory without the page cache, as PVE shows it", R,
	  .minor = 2),
	C(TC_MAXMEM, "MaxMem", "maxmem", maxmem, "memory limit of the config", R,
	  .minor = 9),
	C(TC_MEMP, "Mem%", NULL, memp, "of its limit", R, .minor = 4),
	C(TC_SWAP, "Swap", "swap", swap, "swap in use", R, .minor = 11),
	C(TC_MAXSWAP, "MaxSwap", "maxswap", maxswap, "swap limit of the config", R,
	  .hidden = true),
	C(TC_IO, "I/O", NULL, io, "read and written per second", R, .hidden = true,
	  .minor = 6),
	C(TC_READ, "Read/s", "read_per_second", read,
	  "read per second, as PVE adds it up", R, .minor = 6),
	C(TC_WRITE, "Write/s", "write_per_second", write,
	  "written per second, as PVE adds it up", R, .minor = 6),
	C(TC_NET, "Net", NULL, net, "network, both directions, per second", R,
	  .hidden = true, .minor = 7),
	C(TC_IN, "In/s", "netin_per_second", in, "towards the container per second", R,
	  .minor = 7),
	C(TC_OUT, "Out/s", "netout_per_second", out, "from the container per second", R,
	  .minor = 7),
	C(TC_PRESS, "Press", NULL, press, "the largest of the three pressures, percent",
	  R, .hidden = true, .minor = 5),
	C(TC_PCPU, "CPUp", "pressure_cpu", pcpu,
	  "percent of time in which something waited for a CPU", R, .minor = 5),
	C(TC_PIO, "IOp", "pressure_io", pio, "the same for a disk", R, .minor = 5),
	C(TC_PMEM, "MEMp", "pressure_memory", pmem, "the same for memory", R, .minor = 5),
	C(TC_PIDS, "Pids", "pids", pids, "processes and threads", R, .minor = 12),
	C(TC_MAXPIDS, "MaxPids", "maxpids", maxpids, "limit of them", R, .hidden = true),
	C(TC_FLAGS, "Marks", NULL, flags, "the marks as letters", .hidden = true,
	  .minor = 3),
	C(TC_MARKS, "State", NULL, marks,
	  "frozen, throttled, mem-limit, pids-limit, OOM-kill", .shrink = true,
	  .minor = 4),
	C(TC_GRAPH, "Graph", NULL, graph, "what is sorted by, over the last minute",
	  .hidden = true, .minor = 8),
	C(TC_KILLS, "Kills", "oom_kills", kills,
	  "processes killed for lack of memory, in the time of the graph", R,
	  .hidden = true),
	C(TC_CORERATIO, "", "cores", cores_json, NULL, .json_only = true),
};

/* As wide as the figures get: the columns stay where they are from tick to tick. */
static const unsigned char least_width[TOPVIEW_COLS] = {
	[TC_VMID] = 4,   [TC_CPU] = 5,  [TC_CORES] = 5, [TC_MEM] = 7,   [TC_MAXMEM] = 7,
	[TC_MEMP] = 5,   [TC_SWAP] = 7, [TC_IO] = 7,    [TC_READ] = 7,  [TC_WRITE] = 7,
	[TC_NET] = 7,    [TC_IN] = 7,   [TC_OUT] = 7,   [TC_PRESS] = 5, [TC_PCPU] = 5,
	[TC_PIO] = 5,    [TC_PMEM] = 5, [TC_PIDS] = 5,  [TC_FLAGS] = 5, [TC_MARKS] = 12,
	[TC_GRAPH] = 10,
};

#define ALL_COLS TOPVIEW_COLS

/* ---- which columns, and how wide ---- */

struct layout {
	size_t col[ALL_COLS]; /* index into topview_cols */
	size_t width[ALL_COLS];
	size_t n;
};

static const unsigned char narrow[] = { TC_VMID, TC_NAME, TC_CPU,   TC_MEM,   TC_MEMP,
					TC_IO,   TC_NET,  TC_PRESS, TC_FLAGS, TC_GRAPH };
static const unsigned char wide[] = { TC_VMID,   TC_NAME,  TC_CPU,  TC_CORES, TC_MEM,
				      TC_MAXMEM, TC_MEMP,  TC_SWAP, TC_READ,  TC_WRITE,
				      TC_IN,     TC_OUT,   TC_PCPU, TC_PIO,   TC_PMEM,
				      TC_PIDS,   TC_MARKS, TC_GRAPH };
#define WIDE_FROM 130

static void pick_named(const char *list, struct layout *l)
{
	struct span rest = span_str(list), name;
	bool add = span_skip(&rest, "+");

	for (size_t i = 0; add && i < ARRAY_SIZE(wide); i++)
		l->col[l->n++] = wide[i];
	while (span_cut(&rest, ',', &name))
		for (size_t i = 0; i < TOPVIEW_COLS && l->n < ALL_COLS; i++)
			if (!topview_cols[i].json_only &&
			    span_eq_nocase(name, topview_cols[i].heading))
				l->col[l->n++] = i;
}

/* The columns that belong to an order: they are shown, and stand out. */
static bool is_sorted(size_t col, enum topsort sort)
{
	static const unsigned char of[TOPVIEW_COLS] = {
		[TC_VMID] = 1 + TOPSORT_VMID, [TC_NAME] = 1 + TOPSORT_NAME,
		[TC_CPU] = 1 + TOPSORT_CPU,   [TC_MEM] = 1 + TOPSORT_MEM,
		[TC_SWAP] = 1 + TOPSORT_SWAP, [TC_IO] = 1 + TOPSORT_IO,
		[TC_READ] = 1 + TOPSORT_IO,   [TC_WRITE] = 1 + TOPSORT_IO,
		[TC_NET] = 1 + TOPSORT_NET,   [TC_IN] = 1 + TOPSORT_NET,
		[TC_OUT] = 1 + TOPSORT_NET,   [TC_PRESS] = 1 + TOPSORT_PSI,
		[TC_PCPU] = 1 + TOPSORT_PSI,  [TC_PIO] = 1 + TOPSORT_PSI,
		[TC_PMEM] = 1 + TOPSORT_PSI,  [TC_PIDS] = 1 + TOPSORT_PIDS,
	};

	return of[col] == 1 + sort;
}

static void pick_columns(const struct topview_opts *o, enum topsort sort, size_t w,
			 struct layout *l)
{
	bool is_wide = w >= WIDE_FROM;
	const unsigned char *v = is_wide ? wide : narrow;

	if (o->columns) {
		pick_named(o->columns, l);
		return;
	}
	for (size_t i = 0; i < (is_wide ? ARRAY_SIZE(wide) : ARRAY_SIZE(narrow)); i++) {
		l->col[l->n++] = v[i];
		if (is_wide || v[i] != TC_MEMP)
			continue;
		if (sort == TOPSORT_SWAP)
			l->col[l->n++] = TC_SWAP;
		if (sort == TOPSORT_PIDS)
			l->col[l->n++] = TC_PIDS;
	}
}

static size_t cell_width(size_t col, const struct toprow *r, bool exact)
{
	_cleanup_(cell_done) struct cell c = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };

	topview_cols[col].get(r, &c);
	cell_print(&b, &c, exact);
	return text_width(tbytes_str(buf_str(&b)));
}

static void measure(const struct topframe *f, const struct topview_opts *o, size_t col,
		    struct fit_col *ret)
{
	ret->heading = strlen(topview_cols[col].heading);
	ret->natural = MAX(ret->heading, (size_t)least_width[col]);
	ret->shrink = topview_cols[col].shrink;
	ret->minor = topview_cols[col].minor;
	for (size_t i = 0; col != TC_GRAPH && i < f->n; i++)
		ret->natural =
			MAX(ret->natural, cell_width(col, &f->v[i], o->exact_bytes));
}

static void lay_out(const struct topframe *f, const struct topnav *nav,
		    const struct topview_opts *o, size_t w, struct layout *ret)
{
	struct fit_col v[ALL_COLS] = { 0 };
	struct layout l = { 0 };
	size_t n, used = 0;

	pick_columns(o, nav->sort, w, &l);
	n = l.n;
	for (size_t i = 0; i < n; i++) {
		measure(f, o, l.col[i], &v[i]);
		if (is_sorted(l.col[i], nav->sort) || o->columns)
			v[i].minor = 0;
	}
	fit_columns(v, n, w);
	l.n = 0;
	for (size_t i = 0; i < n; i++) {
		if (v[i].drop)
			continue;
		l.col[l.n] = l.col[i];
		l.width[l.n++] = v[i].width;
		used += v[i].width + 1;
	}
	for (size_t i = 0; i < l.n; i++)
		if (l.col[i] == TC_GRAPH && used < w + 1)
			l.width[i] = MIN(l.width[i] + w + 1 - used, (size_t)TOP_GRAPH);
	*ret = l;
}

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
static void put_span(struct buf *b, uint64_t usec)
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
	buf_adds(b, "; limits are today's");
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

/* ---- the screen ---- */

static void put_line(struct surface *s, size_t y, struct buf *b, struct style style)
{
	if (style.reverse)
		surface_paint(s, 0, y, s->w, style);
	fit_cut(b, s->w);
	surface_put(s, 0, y, s->w, buf_str(b), style);
}

static size_t draw_head(struct surface *s, const struct topframe *f,
			const struct topnav *nav)
{
	const struct style styles[TOPVIEW_HEAD] = {
		{ .bold = true },
		{ 0 },
		{ .reverse = f->past || nav->paused, .bold = f->past },
	};
	size_t y = 0;

	for (unsigned i = 0; i < TOPVIEW_HEAD; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		topview_head(f, nav, i, &b);
		put_line(s, y++, &b, styles[i]);
	}
	if (f->note) {
		_cleanup_(buf_done) struct buf b = { 0 };

		text_escape(&b, tbytes_str(f->note), false);
		put_line(s, y++, &b, (struct style){ .color = COLOR_WARN });
	}
	return y;
}

size_t topview_page(const struct topframe *f, size_t h)
{
	size_t other = TOPVIEW_HEAD + (f->note ? 1 : 0) + 2;

	return h > other ? h - other : 1;
}

/* Text in a column of that width, to its right or left. */
static void put_cell(struct surface *s, size_t x, size_t y, size_t width, bool right,
		     struct buf *b, struct style style)
{
	size_t w;

	fit_cut(b, width);
	w = text_width(tbytes_str(buf_str(b)));
	surface_put(s, right && w < width ? x + width - w : x, y, width, buf_str(b),
		    style);
}

static void draw_headings(struct surface *s, size_t y, const struct layout *l,
			  const struct topframe *f, const struct topnav *nav)
{
	size_t x = 0;

	surface_paint(s, 0, y, s->w, (struct style){ .reverse = true });
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		bool sorted = is_sorted(l->col[i], nav->sort);

		if (l->col[i] == TC_GRAPH) {
			put_span(&b, f->step_usec * TOP_GRAPH);
		} else
			buf_adds(&b, topview_cols[l->col[i]].heading);
		put_cell(s, x, y, l->width[i], topview_cols[l->col[i]].right, &b,
			 (struct style){
				 .reverse = true, .bold = sorted, .underline = sorted });
		x += l->width[i] + 1;
	}
}

static void draw_cell(struct surface *s, size_t x, size_t y, size_t width, size_t col,
		      const struct topframe *f, const struct toprow *r,
		      const struct topview_opts *o, bool selected)
{
	_cleanup_(cell_done) struct cell c = { 0 };
	_cleanup_(buf_done) struct buf b = { 0 };
	struct style style = { .reverse = selected };

	if (col == TC_GRAPH) {
		topview_graph(r, graph_full(f, r), width, s->utf8, &b);
		surface_put(s, x, y, width, buf_str(&b), style);
		return;
	}
	topview_cols[col].get(r, &c);
	/* no dash where there is nothing to know */
	if (c.kind == CELL_ABSENT && (topview_cols[col].shrink || col == TC_FLAGS))
		return;
	cell_print(&b, &c, o->exact_bytes);
	style.color = r->state == CT_STOPPED && !r->was ? COLOR_DIM : c.color;
	put_cell(s, x, y, width, topview_cols[col].right, &b, style);
}

static void draw_row(struct surface *s, size_t y, const struct layout *l,
		     const struct topframe *f, const struct toprow *r,
		     const struct topview_opts *o, bool selected)
{
	size_t x = 0;

	if (selected)
		surface_paint(s, 0, y, s->w, (struct style){ .reverse = true });
	for (size_t i = 0; i < l->n; i++) {
		draw_cell(s, x, y, l->width[i], l->col[i], f, r, o, selected);
		x += l->width[i] + 1;
	}
}

static void draw_table(struct surface *s, size_t y, const struct topframe *f,
		       const struct topnav *nav, const struct topview_opts *o)
{
	size_t page = topview_page(f, s->h);
	struct layout l;

	lay_out(f, nav, o, s->w, &l);
	draw_headings(s, y++, &l, f, nav);
	if (!f->n)
		surface_put(s, 0, y, s->w,
			    nav->filter[0] ? "no container fits the filter"
			    : f->past      ? "no container is known of that time"
				      : "no container runs (a shows the stopped ones)",
			    (struct style){ .color = COLOR_DIM });
	for (size_t i = 0; i < page && nav->scroll + i < f->n; i++)
		draw_row(s, y + i, &l, f, &f->v[nav->scroll + i], o,
			 nav->scroll + i == nav->cursor);
}

/* ---- inside one container ---- */

static const struct {
	const char *heading;
	size_t width;
	enum cell_kind kind;
	size_t off;
} unit_cols[] = {
	{ "CPU%", 6, CELL_PPM, offsetof(struct topunit, cores_ppm) },
	{ "Mem", 7, CELL_BYTES, offsetof(struct topunit, mem_bytes) },
	{ "Read/s", 7, CELL_BYTES, offsetof(struct topunit, read_bps) },
	{ "Write/s", 7, CELL_BYTES, offsetof(struct topunit, write_bps) },
	{ "Pids", 6, CELL_INT, offsetof(struct topunit, pids) },
};

/* The figures from the right on, as many as there is room for. */
static size_t unit_room(size_t w, size_t *ret_n)
{
	size_t used = 0, n = 0;

	while (n < ARRAY_SIZE(unit_cols) && used + unit_cols[n].width + 1 + 16 <= w)
		used += unit_cols[n++].width + 1;
	*ret_n = n;
	return w - used;
}

static void draw_unit(struct surface *s, size_t y, const struct topunit *u,
		      const struct topview_opts *o)
{
	_cleanup_(buf_done) struct buf name = { 0 };
	size_t n, room = unit_room(s->w, &n), x = room;
	size_t indent = MIN((size_t)u->depth * 2, room / 4);
	bool with_kind = room > 30;

	if (u->name)
		text_escape(&name, tbytes_str(u->name), false);
	else
		buf_adds(&name, "all of it");
	put_cell(s, indent, y, room - indent - 1 - (with_kind ? 10 : 0), false, &name,
		 (struct style){ .bold = !u->depth });
	if (with_kind && u->kind)
		surface_put(s, room - 10, y, 9, u->kind,
			    (struct style){ .color = COLOR_DIM });
	for (size_t i = 0; i < n; i++) {
		struct cell c = cell_val(
			*(const struct val *)((const char *)u + unit_cols[i].off),
			unit_cols[i].kind);
		_cleanup_(buf_done) struct buf b = { 0 };

		cell_print(&b, &c, o->exact_bytes);
		put_cell(s, x, y, unit_cols[i].width, true, &b, (struct style){ 0 });
		x += unit_cols[i].width + 1;
	}
}

/* "inside of 103 web (CPU% of one CPU)" */
static void put_inside(struct buf *b, const struct topframe *f, const struct topnav *nav)
{
	buf_addf(b, "inside of %u", nav->unit);
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].vmid == nav->unit && f->v[i].name) {
			buf_addc(b, ' ');
			text_escape(b, tbytes_str(f->v[i].name), false);
		}
	buf_adds(b, " (CPU% of one CPU)");
}

static void draw_units(struct surface *s, size_t y, const struct topframe *f,
		       const struct topnav *nav, const struct topview_opts *o)
{
	size_t page = topview_page(f, s->h), n, x = unit_room(s->w, &n);
	_cleanup_(buf_done) struct buf title = { 0 };
	struct style head = { .reverse = true };

	surface_paint(s, 0, y, s->w, head);
	put_inside(&title, f, nav);
	fit_cut(&title, x - 1);
	surface_put(s, 0, y, x - 1, buf_str(&title), head);
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		buf_adds(&b, unit_cols[i].heading);
		put_cell(s, x, y, unit_cols[i].width, true, &b, head);
		x += unit_cols[i].width + 1;
	}
	y++;
	if (o->unit_note) {
		_cleanup_(buf_done) struct buf b = { 0 };

		text_escape(&b, tbytes_str(o->unit_note), false);
		fit_cut(&b, s->w);
		surface_put(s, 0, y, s->w, buf_str(&b),
			    (struct style){ .color = COLOR_WARN });
		if (!o->n_units)
			return;
		y++;
		page--;
	}
	for (size_t i = 0; i < page && nav->unit_scroll + i < o->n_units; i++)
		draw_unit(s, y + i, &o->units[nav->unit_scroll + i], o);
}

/* ---- the rest ---- */

static void draw_help(struct surface *s, size_t y)
{
	for (size_t i = 0; i < ARRAY_SIZE(help) && y + i + 1 < s->h; i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		buf_adds(&b, help[i]);
		fit_cut(&b, s->w);
		surface_put(s, 0, y + i, s->w, buf_str(&b), (struct style){ 0 });
	}
}

static void draw_foot(struct surface *s, const struct topnav *nav,
		      const struct topview_opts *o)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct style style = { .color = COLOR_DIM };

	if (nav->prompt) {
		buf_adds(&b,
			 nav->prompt == PROMPT_FILTER ? "only with: " : "go to time: ");
		buf_adds(&b, nav->text);
		buf_addc(&b, '_');
		style = (struct style){ .bold = true };
	} else if (o->message) {
		text_escape(&b, tbytes_str(o->message), false);
		style = (struct style){ .color = COLOR_WARN };
	} else if (nav->help)
		buf_adds(&b, "any key: back");
	else if (nav->unit)
		buf_adds(&b, "Esc back  h help  q quit  space hold  + - interval");
	else if (nav->past)
		buf_adds(&b, "q quit  h help  l live  [ ] 1 s  { } 10 s  ( ) 1 min  "
			     "@ time  / filter");
	else
		buf_adds(&b, "q quit  h help  c m i n p sort  / filter  Enter inside  "
			     "[ the past  spc hold");
	put_line(s, s->h - 1, &b, style);
}

void topview_draw(struct surface *s, const struct topframe *f, const struct topnav *nav,
		  const struct topview_opts *o)
{
	size_t y = draw_head(s, f, nav);

	if (nav->help)
		draw_help(s, y);
	else if (nav->unit)
		draw_units(s, y, f, nav, o);
	else
		draw_table(s, y, f, nav, o);
	draw_foot(s, nav, o);
}
