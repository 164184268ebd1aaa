/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/topimpl.h"

#include "base/num.h"
#include "out/text.h"

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

/* ---- columns ---- */
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
