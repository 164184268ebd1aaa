/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/num.h"
#include "cli/cmds.h"
#include "cli/colsort.h"
#include "cli/dfdata.h"
#include "cli/opts.h"
#include "out/json.h"

/* from here on a guest's tmpfs is worth a row without --all */
#define NEARLY_FULL_PPM 800000
#define FULL_ANY        UINT64_MAX /* --full is not given */

struct df_opts {
	bool all, reverse;
	const char *sort;
	uint64_t full_percent;
};

#define O(field) offsetof(struct df_opts, field)
static const struct opt opts[] = {
	{ "all", 'a', OPT_FLAG, NULL,
	  "also each tmpfs, overlay, image and file system that is mounted again",
	  O(all) },
	{ "full", 'f', OPT_U64, "PERCENT",
	  "only what is so full, by bytes or inodes, or does not answer",
	  O(full_percent) },
	{ "sort", 's', OPT_STR, "COL", "sort by a column; numbers largest first",
	  O(sort) },
	{ "reverse", 'r', OPT_FLAG, NULL, "turn the order round", O(reverse) },
};
#undef O

/* ---- columns ---- */

#define ROW const struct dfrow *r _unused_, const struct ctmount *m _unused_

static struct cell c_vmid(ROW)
{
	return cell_int(r->of->ct->vmid);
}

static struct cell c_ct(ROW)
{
	return cell_str(r->of->ct->name);
}

static const char *mp_name(const struct ctmount *m)
{
	if (m->key[0])
		return m->key;
	return m->origin == CTMOUNT_ENTRY ? "entry" : NULL;
}

static struct cell c_mp(ROW)
{
	return cell_str(mp_name(m));
}

static struct cell c_volume(ROW)
{
	return cell_text(m->volume);
}

static struct cell c_size(ROW)
{
	return cell_val(dfrow_size(r), CELL_BYTES);
}

static struct cell c_used(ROW)
{
	return cell_val(r->use.used_bytes, CELL_BYTES);
}

static struct cell c_avail(ROW)
{
	return cell_val(r->use.avail_bytes, CELL_BYTES);
}

static enum cell_color use_color(const struct dfrow *r, struct val ppm)
{
	if (ppm.kind != VAL_SET || !dfrow_can_fill(r))
		return COLOR_NONE;
	return ppm.n >= 900000 ? COLOR_BAD : ppm.n >= 800000 ? COLOR_WARN : COLOR_NONE;
}

static struct cell c_use(ROW)
{
	struct val ppm = fsuse_ppm(r->use.used_bytes, r->use.size_bytes);
	struct cell c = cell_val(ppm, CELL_PPM);

	c.color = use_color(r, ppm);
	return c;
}

static struct cell c_path(ROW)
{
	return cell_text(m->path);
}

static struct cell c_type(ROW)
{
	return cell_str(mount_type_name(m->type));
}

static struct cell c_storage(ROW)
{
	return cell_str(m->vol.storage_id);
}

static struct cell c_fstype(ROW)
{
	return m->mount ? cell_text(m->mount->fstype) : (struct cell){ 0 };
}

static struct cell c_source(ROW)
{
	return m->mount ? cell_text(m->mount->source) : (struct cell){ 0 };
}

static struct cell c_inodes(ROW)
{
	return cell_val(r->use.inodes, CELL_INT);
}

static struct cell c_iused(ROW)
{
	return cell_val(r->use.inodes_used, CELL_INT);
}

static struct cell c_iuse(ROW)
{
	struct val ppm = fsuse_ppm(r->use.inodes_used, r->use.inodes);
	struct cell c = cell_val(ppm, CELL_PPM);

	c.color = use_color(r, ppm);
	return c;
}

static struct cell c_ro(ROW)
{
	return cell_bool(m->ro);
}

static struct cell c_backup(ROW)
{
	return cell_bool(m->in_backup);
}

static struct cell c_snap(ROW)
{
	if (m->snapshots == ANSWER_UNKNOWN)
		return (struct cell){ 0 };
	return cell_bool(m->snapshots == ANSWER_YES);
}

static struct cell c_stale(ROW)
{
	if (r->state == DF_UNKNOWN)
		return (struct cell){ 0 };
	return cell_bool(r->state == DF_STALE);
}

static struct cell c_configured(ROW)
{
	return cell_val(m->size_bytes, CELL_BYTES);
}

static struct cell c_note(ROW)
{
	struct cell c = cell_str(r->note);

	c.color = r->alarm ? COLOR_BAD : COLOR_DIM;
	return c;
}

/* ---- what is in the JSON only ---- */

static struct cell c_origin(ROW)
{
	static const char *const names[] = { "config", "entry", "guest" };

	return cell_str(names[m->origin]);
}

static struct cell c_mounted(ROW)
{
	if (!m->mount && !m->missing)
		return (struct cell){ 0 };
	return cell_bool(m->mount != NULL);
}

static struct cell c_hidden_by(ROW)
{
	return m->over ? cell_text(m->over->fstype) : (struct cell){ 0 };
}

static struct cell c_same(ROW)
{
	if (!m->mount || m->same == ANSWER_UNKNOWN)
		return (struct cell){ 0 };
	return cell_bool(m->same == ANSWER_YES);
}

static struct cell c_repeated(ROW)
{
	return m->repeated ? cell_bool(true) : (struct cell){ 0 };
}

static struct cell c_json_size(ROW)
{
	return cell_val(r->use.size_bytes, CELL_BYTES);
}

static struct cell c_error(ROW)
{
	if (r->state == DF_SKIPPED)
		return cell_str("not asked: another one does not answer");
	return cell_str(r->error);
}

#define GET(fn)                                                                          \
	static void get_##fn(const void *row, struct cell *ret)                          \
	{                                                                                \
		const struct dfrow *r = row;                                             \
                                                                                         \
		*ret = c_##fn(r, r->m);                                                  \
	}

GET(vmid)
GET(ct)
GET(mp)
GET(volume)
GET(size)
GET(used)
GET(avail)
GET(use)
GET(path)
GET(type)
GET(storage)
GET(fstype)
GET(source)
GET(inodes)
GET(iused)
GET(iuse)
GET(ro)
GET(backup)
GET(snap)
GET(stale)
GET(configured)
GET(note)
GET(origin)
GET(mounted)
GET(hidden_by)
GET(same)
GET(repeated)
GET(json_size)
GET(error)

/* a column of the table, one of both, one of the JSON only */
#define T(h, fn, text, ...)                                                              \
	{                                                                                \
		.heading = h, .get = get_##fn, .help = text, __VA_ARGS__                 \
	}
#define B(h, k, fn, text, ...)                                                           \
	{                                                                                \
		.heading = h, .key = k, .get = get_##fn, .help = text, __VA_ARGS__       \
	}
#define J(k, fn)                                                                         \
	{                                                                                \
		.heading = k, .key = k, .get = get_##fn, .json_only = true               \
	}

static const struct col cols[] = {
	T("VMID", vmid, "the container's number", .right = true),
	T("CT", ct, "its name", .hidden = true),
	B("MP", "mp", mp,
	  "rootfs, mpN; entry: a raw lxc.mount.entry; -: the guest's own"),
	B("Volume", "volume", volume, "as the config has it; else what is mounted",
	  .shrink = true),
	T("Size", size, "of the file system; stopped: size= of the config",
	  .right = true),
	J("size", json_size),
	B("Used", "used", used, "what is not free", .right = true),
	B("Avail", "avail", avail, "what a user may still have", .right = true),
	B("Use%", "use", use, "Used of Size", .right = true),
	B("Path", "path", path, "inside the container", .shrink = true),
	J("origin", origin),
	B("Type", "type", type, "what it is on: block, zfs, btrfs, dir, bind, nfs, ...",
	  .minor = 1),
	B("Storage", "storage", storage, "of storage.cfg", .minor = 6),
	B("IUse%", "iuse", iuse, "inodes in use", .right = true, .minor = 5),
	B("RO", "ro", ro, "read-only", .minor = 4),
	B("Backup", "backup", backup, "vzdump takes it along", .minor = 3),
	B("Snap", "snapshots", snap, "PVE can make a snapshot of it", .minor = 2),
	B("Stale", "stale", stale, "whoever serves it does not answer", .hidden = true),
	B("Inodes", "inodes", inodes, "how many it has room for", .right = true,
	  .hidden = true),
	B("IUsed", "inodes_used", iused, "of these in use", .right = true,
	  .hidden = true),
	B("FSType", "fstype", fstype, "as the kernel calls it", .hidden = true),
	B("Source", "source", source, "what the mount says it is of", .hidden = true),
	B("Configured", "configured", configured, "size= of the config", .right = true,
	  .hidden = true),
	J("mounted", mounted),
	J("hidden_by", hidden_by),
	J("is_volume", same),
	J("repeated", repeated),
	J("error", error),
	T("Note", note, "what stands out", .shrink = true),
};

/* ---- which rows ---- */

static bool reaches(const struct dfrow *r, uint64_t ppm)
{
	return val_or(fsuse_ppm(r->use.used_bytes, r->use.size_bytes), 0) >= ppm ||
	       val_or(fsuse_ppm(r->use.inodes_used, r->use.inodes), 0) >= ppm;
}

static bool is_shown(const struct dfrow *r, const struct df_opts *o)
{
	if (o->full_percent != FULL_ANY && r->state != DF_STALE &&
	    !(dfrow_can_fill(r) && reaches(r, o->full_percent * 10000)))
		return false;
	if (o->all || !dfrow_is_minor(r))
		return true;
	return !r->m->repeated && r->m->type == MOUNT_TMPFS &&
	       reaches(r, NEARLY_FULL_PPM);
}

struct rows {
	struct dfrow *v; /* copies: what they own is the data's */
	size_t n;
};

static int cmp_rows(const void *a, const void *b, void *arg)
{
	const struct dfrow *p = a, *q = b;
	int r = colsort_cmp(arg, p, q);

	if (!r)
		r = (p->of->ct->vmid > q->of->ct->vmid) -
		    (p->of->ct->vmid < q->of->ct->vmid);
	return r ? r : (p->m > q->m) - (p->m < q->m);
}

static void choose(const struct dfdata *d, const struct df_opts *o, struct rows *ret)
{
	const struct col *col =
		o->sort ? colsort_find(cols, ARRAY_SIZE(cols), o->sort) : NULL;

	ret->v = xcalloc(d->n_rows, sizeof(*ret->v));
	for (size_t i = 0; i < d->n_rows; i++)
		if (is_shown(&d->rows[i], o))
			ret->v[ret->n++] = d->rows[i];
	if (col && ret->n)
		qsort_r(ret->v, ret->n, sizeof(*ret->v), cmp_rows,
			(void *)(uintptr_t)col);
	for (size_t i = 0; o->reverse && i < ret->n / 2; i++) {
		struct dfrow t = ret->v[i];

		ret->v[i] = ret->v[ret->n - 1 - i];
		ret->v[ret->n - 1 - i] = t;
	}
}

/* ---- JSON ---- */

static void json_invalid(struct jw *w, const struct dfct *c)
{
	const struct pveconf_item *i;
	size_t at = 0;

	if (!(i = dfct_invalid(c, &at)))
		return;
	jw_arr(w, "invalid");
	for (; i; i = dfct_invalid(c, &at))
		jw_str(w, NULL, i->key);
	jw_end(w);
}

static void json_ct(struct jw *w, const char *key, const struct dfdata *d,
		    const struct dfct *c, const struct df_opts *o, bool one)
{
	struct df_opts all = *o;

	all.all |= one;
	jw_obj(w, key);
	jw_int(w, "vmid", c->ct->vmid);
	jw_str(w, "name", c->ct->name);
	jw_bool(w, "running", c->up);
	jw_arr(w, "mounts");
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct dfrow *r = &d->rows[c->first_row + i];

		if (!is_shown(r, &all))
			continue;
		jw_obj(w, NULL);
		jw_cols(w, cols, ARRAY_SIZE(cols), r);
		jw_end(w);
	}
	jw_end(w);
	json_invalid(w, c);
	if (c->mounts.n_more)
		jw_int(w, "more", c->mounts.n_more);
	if (c->mounts.truncated)
		jw_bool(w, "truncated", true);
	jw_end(w);
}

static int print_json(const struct app *app, const struct dfdata *d,
		      const struct df_opts *o, bool one)
{
	struct err err = { 0 };
	struct jw *w;
	int r = jw_new(app->out, "ctscope.df/1", d->facts.node, d->facts.time_real_usec,
		       &w, &err);

	if (r < 0)
		return app_error(app, EXIT_BROKEN, "%s", err.msg);
	if (!one)
		jw_str(w, "error", d->facts.pve_error);
	if (!one)
		jw_arr(w, "containers");
	for (size_t i = 0; i < d->n_cts; i++)
		json_ct(w, one ? "container" : NULL, d, &d->cts[i], o, one);
	if (!one)
		jw_end(w);
	return app_json_end(app, w);
}

/* ---- the command ---- */

static int check_opts(const struct app *app, const struct df_opts *o,
		      const struct strv *pos)
{
	if (pos->n > 1)
		return app_error(app, -EINVAL, "one container ID, or none for all");
	if (o->full_percent != FULL_ANY && (o->full_percent < 1 || o->full_percent > 100))
		return app_error(app, -EINVAL, "--full: expected 1 to 100");
	if (o->sort && !colsort_find(cols, ARRAY_SIZE(cols), o->sort))
		return app_error(app, -EINVAL,
				 "--sort: unknown column \"%s\": see df --help", o->sort);
	return 0;
}

static void warn_invalid(const struct app *app, const struct dfct *c, bool one)
{
	const struct pveconf_item *i;
	size_t at = 0, n = 0;

	for (; (i = dfct_invalid(c, &at)); n++)
		app_warn(app,
			 "container %u: %s (line %u of its config) is not valid, and not "
			 "shown: see ctscope audit %u",
			 c->ct->vmid, i->key, i->line, c->ct->vmid);
	if (one && !n && !c->n_rows && c->ct->conf)
		app_warn(app, "container %u has no rootfs in its config", c->ct->vmid);
}

static void warn_more(const struct app *app, const struct dfdata *d, bool one)
{
	for (size_t i = 0; i < d->n_cts; i++) {
		const struct dfct *c = &d->cts[i];

		warn_invalid(app, c, one);
		if (c->mounts.truncated)
			app_warn(app,
				 "container %u has more mounts than are looked at: "
				 "what of it is shown is not all",
				 c->ct->vmid);
		else if (c->mounts.n_more)
			app_warn(app,
				 "container %u: %zu more mounts of its own are left out",
				 c->ct->vmid, c->mounts.n_more);
	}
}

static int df_run(struct app *app, int argc, char **argv)
{
	_cleanup_(strv_done) struct strv pos = { 0 };
	_cleanup_(dfdata_done) struct dfdata d = { 0 };
	struct df_opts o = { .full_percent = FULL_ANY };
	struct rows rows = { 0 };
	int r = opts_parse(app, &cmd_df, &o, argc, argv, &pos);

	if (r)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (check_opts(app, &o, &pos) < 0)
		return EXIT_USAGE;
	r = dfdata_read(app, pos.n ? pos.v[0] : NULL, o.all, &d);
	if (r)
		return r;
	if (pos.n && !d.n_cts)
		return EXIT_BROKEN; /* the sentence is out */
	warn_more(app, &d, pos.n == 1);
	if (app->json)
		return print_json(app, &d, &o, pos.n == 1);
	if (pos.n && !app->table.columns) { /* as pct df begins */
		app->table.own_columns = true;
		app->table.columns = "MP,Volume,Size,Used,Avail,Use%,Path,Type,Storage,"
				     "IUse%,RO,Backup,Snap,Note";
	}
	choose(&d, &o, &rows);
	r = app_table(app, cols, ARRAY_SIZE(cols), rows.v, rows.n, sizeof(*rows.v), NULL);
	free(rows.v);
	return r;
}

const struct cmd cmd_df = {
	.name = "df",
	.args = "[ID]",
	.help = "size and use of every mount of one container or of all",
	.more = "Begins as pct df does, but takes no lock and mounts nothing. A file system that\n"
		"does not answer (NFS, FUSE) is a row that says so. Of a stopped container the\n"
		"size is that of its config, and its use is known where the node has the volume\n"
		"mounted (ZFS, Btrfs, directories). On ZFS Size is what the data set has and can\n"
		"still get: its quota, or less where the pool is too full. What the guest mounted\n"
		"itself is shown too, a tmpfs with --all only, or, of one container, when it is\n"
		"nearly full.\n\n"
		"  ctscope df 103\n"
		"  ctscope df --full 80 --sort use%          what will be full soon\n"
		"  ctscope df -o VMID,MP,Volume,Backup | grep no$     what no backup has\n"
		"  ctscope df --json | jq '.containers[].mounts[] | select(.stale)'",
	.opts = opts,
	.nopts = ARRAY_SIZE(opts),
	.cols = cols,
	.ncols = ARRAY_SIZE(cols),
	.run = df_run,
};
