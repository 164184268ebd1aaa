/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/usageline.h"
#include "cli/usagepanel.h"

struct iorow {
	const struct usage *u;
	size_t i;
};

#define GET(name) static void name(const void *row, struct cell *ret)
#define IO        ((const struct iorow *)row)

static const struct cg_io_dev *io_line(const void *row)
{
	return &IO->u->ct->io.v[IO->i];
}

static const struct blockdev *io_dev(const void *row)
{
	const struct cg_io_dev *l = io_line(row);

	return blockdev_find(&IO->u->devs, (struct blockid){ l->major, l->minor });
}

GET(get_io_device)
{
	const struct blockdev *d = io_dev(row);
	const struct cg_io_dev *l = io_line(row);

	*ret = d && d->name ? cell_str(d->name)
			    : cell_owned(xasprintf("%u:%u", l->major, l->minor));
}

GET(get_io_name)
{
	const struct blockdev *d = io_dev(row);

	if (d && d->label)
		*ret = cell_text(tbytes_str(d->label));
}

GET(get_io_read)
{
	*ret = cell_val(io_line(row)->rbytes, CELL_BYTES);
}

GET(get_io_written)
{
	*ret = cell_val(io_line(row)->wbytes, CELL_BYTES);
}

static struct cell rate(const struct usage *u, struct val delta)
{
	return u->interval_usec && delta.kind == VAL_SET
		       ? cell_bytes(usage_per_second(u, delta.n))
		       : (struct cell){ 0 };
}

GET(get_io_read_rate)
{
	if (IO->u->interval_usec)
		*ret = rate(IO->u, IO->u->io_delta.v[IO->i].rbytes);
}

GET(get_io_write_rate)
{
	if (IO->u->interval_usec)
		*ret = rate(IO->u, IO->u->io_delta.v[IO->i].wbytes);
}

GET(get_io_note)
{
	bool below = IO->u->io_all.method == IO_TRUE_STACK && !IO->u->io_counted[IO->i];

	*ret = cell_str(below ? "same bytes, below" : "");
}

static const struct col io_cols[] = {
	{ "DEVICE", NULL, NULL, .get = get_io_device },
	{ "NAME", NULL, NULL, .shrink = true, .get = get_io_name },
	{ "READ", NULL, NULL, .right = true, .get = get_io_read },
	{ "WRITTEN", NULL, NULL, .right = true, .get = get_io_written },
	{ "READ/s", NULL, NULL, .right = true, .get = get_io_read_rate },
	{ "WRITE/s", NULL, NULL, .right = true, .get = get_io_write_rate },
	{ "REMARK", NULL, NULL, .get = get_io_note },
};

static void io_sum_row(const struct app *app, const char *name, struct val r,
		       struct val w, const char *note)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_adds(&b, "read ");
	usage_put_size(app, &b, r);
	buf_adds(&b, ", written ");
	usage_put_size(app, &b, w);
	fprintf(app->out, "  %-11s %s%s\n", name, buf_str(&b), note);
}

/* Each line is I/O that was done: the largest is a lower bound of what was done in all.
 */
static struct val largest(const struct cg_io *io, bool written)
{
	uint64_t max = 0;

	for (size_t i = 0; i < io->n; i++)
		max = MAX(max, val_or(written ? io->v[i].wbytes : io->v[i].rbytes, 0));
	return val_set(max);
}

static void print_io_sums(const struct app *app, const struct usage *u)
{
	const struct cg_io *io = &u->ct->io;
	const struct io_true *t = &u->io_all;

	if (t->method == IO_TRUE_UNKNOWN)
		io_sum_row(app, "at least", largest(io, false), largest(io, true),
			   ": what lies on what is not known here");
	else
		io_sum_row(app, "really", t->rbytes, t->wbytes, "");
	if (u->io_now.method != IO_TRUE_UNKNOWN && u->interval_usec)
		io_sum_row(app, "",
			   val_set(usage_per_second(u, val_or(u->io_now.rbytes, 0))),
			   val_set(usage_per_second(u, val_or(u->io_now.wbytes, 0))),
			   " per second");
	io_sum_row(app, "PVE shows", ct_diskread_bytes(u->ct), ct_diskwrite_bytes(u->ct),
		   io->n > 1 ? ": the sum of all lines" : "");
}

void usage_panel_io(const struct app *app, const struct usage *u)
{
	const struct cg_io *io = &u->ct->io;
	_cleanup_free_ struct iorow *rows = xcalloc(io->n, sizeof(*rows));
	_cleanup_(buf_done) struct buf shown = { 0 };
	size_t n = 0;

	buf_addf(&shown, "DEVICE,NAME,READ,WRITTEN%s%s",
		 u->interval_usec ? ",READ/s,WRITE/s" : "",
		 u->io_all.method == IO_TRUE_STACK && io->n > 1 ? ",REMARK" : "");
	usage_section(app, "Disk I/O since the start");
	if (!io->present) {
		usage_not_available(app, u->ctl.io, "io");
		return;
	}
	for (size_t i = 0; i < io->n; i++)
		/* a device that was only flushed has nothing to tell */
		if (val_or(io->v[i].rbytes, 0) || val_or(io->v[i].wbytes, 0))
			rows[n++] = (struct iorow){ u, i };
	if (!n) {
		fputs("  none\n", app->out);
		return;
	}
	usage_subtable(app, io_cols, ARRAY_SIZE(io_cols), buf_str(&shown), rows, n,
		       sizeof(*rows));
	print_io_sums(app, u);
}

struct netrow {
	const struct usage *u;
	const struct usage_net *n;
};

#define NET ((const struct netrow *)row)

GET(get_net)
{
	*ret = cell_owned(xasprintf("net%u", NET->n->n));
}

GET(get_net_inside)
{
	if (NET->n->ifname)
		*ret = cell_text(tbytes_str(NET->n->ifname));
}

GET(get_net_host)
{
	*ret = cell_str(NET->n->host);
}

GET(get_net_in)
{
	*ret = cell_bytes(NET->n->in_bytes);
}

GET(get_net_out)
{
	*ret = cell_bytes(NET->n->out_bytes);
}

GET(get_net_in_rate)
{
	*ret = rate(NET->u, NET->n->in_delta_bytes);
}

GET(get_net_out_rate)
{
	*ret = rate(NET->u, NET->n->out_delta_bytes);
}

static const struct col net_cols[] = {
	{ "NET", NULL, NULL, .get = get_net },
	{ "INSIDE", NULL, NULL, .get = get_net_inside },
	{ "HOST", NULL, NULL, .get = get_net_host },
	{ "IN", NULL, NULL, .right = true, .get = get_net_in },
	{ "OUT", NULL, NULL, .right = true, .get = get_net_out },
	{ "IN/s", NULL, NULL, .right = true, .get = get_net_in_rate },
	{ "OUT/s", NULL, NULL, .right = true, .get = get_net_out_rate },
};

void usage_panel_net(const struct app *app, const struct usage *u)
{
	_cleanup_free_ struct netrow *rows = xcalloc(u->n_nets, sizeof(*rows));

	usage_section(app, "Network since the start, in is towards the container");
	for (size_t i = 0; i < u->n_nets; i++)
		rows[i] = (struct netrow){ u, &u->nets[i] };
	if (!u->n_nets)
		fputs("  no interface on this node\n", app->out);
	usage_subtable(app, net_cols, ARRAY_SIZE(net_cols),
		       u->interval_usec ? NULL : "NET,INSIDE,HOST,IN,OUT", rows,
		       u->n_nets, sizeof(*rows));
}
