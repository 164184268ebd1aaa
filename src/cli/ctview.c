/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/ctview.h"

#include <stdio.h>

#include "base/num.h"
#include "out/text.h"
#include "pveconf.h"

#define PVE_NO_SIZE_BYTES ((uint64_t)4 << 30) /* PVE's maxdisk without a size= */

bool ct_is_up(const struct ct *ct)
{
	return ct->init_pid > 0;
}

const char *ct_pve_status(const struct ct *ct)
{
	if (ct->state == CT_UNKNOWN)
		return NULL;
	return ct->state == CT_STOPPED ? "stopped" : "running";
}

static const char *conf_str(const struct ct *ct, const char *key)
{
	return ct->conf ? pveconf_str(&ct->conf->main, key) : NULL;
}

static bool conf_bool(const struct ct *ct, const char *key)
{
	return ct->conf && pveconf_bool(&ct->conf->main, key, false);
}

static void note(struct buf *b, const char *text)
{
	buf_addf(b, "%s%s", b->n ? "; " : "", text);
}

/*
 * Values that PVE's reader warns of; and the one that makes PVE's list of the whole node
 * fail (facts: observed.md 14).
 */
static void note_config(struct ctrow *r, struct buf *b)
{
	const struct pveconf_item *rootfs;
	const struct ct *ct = r->ct;

	if (!ct->conf)
		return;
	rootfs = pveconf_item(&ct->conf->main, "rootfs");
	if (rootfs && !rootfs->valid) {
		note(b,
		     "rootfs is not valid: while it is stopped, pct list fails for all");
		r->alarm = true;
	} else if (ct->conf->n_warnings) {
		note(b, "");
		buf_addf(b, "%zu config warning%s", ct->conf->n_warnings,
			 ct->conf->n_warnings > 1 ? "s" : "");
	}
}

/* The row says already whose config it is. */
static void note_error(struct buf *b, const struct ct *ct)
{
	struct span s = span_str(ct->error);
	char path[48];

	snprintf(path, sizeof(path), "/etc/pve/lxc/%u.conf: ", ct->vmid);
	note(b, span_skip(&s, path) ? "config: " : "");
	buf_add(b, s.p, s.n);
}

static void make_notes(struct ctrow *r)
{
	const struct ct *ct = r->ct;
	struct buf b = { 0 };

	if (ct->error) {
		note_error(&b, ct);
		r->alarm = true;
	}
	note_config(r, &b);
	if (ct_is_template(ct))
		note(&b, "template");
	if (ct->state == CT_STOPPED && conf_bool(ct, "onboot") && !ct_is_template(ct)) {
		note(&b, "onboot but stopped");
		r->alarm = true;
	}
	if (ct->broadcast_age_sec.kind == VAL_SET) {
		note(&b, "as its node said ");
		text_duration(&b, ct->broadcast_age_sec.n);
		buf_adds(&b, " ago");
	}
	if (ct->ha_state) {
		note(&b, "HA ");
		buf_adds(&b, ct->ha_state);
		r->alarm |=
			str_eq(ct->ha_state, "error") || str_eq(ct->ha_state, "fence");
	}
	if (ct->conf && ct->conf->has_pending && ct->conf->pending.n_items)
		note(&b, "changes pending");
	r->notes = b.p;
}

void ctrow_init(struct ctrow *r, const struct facts *f, const struct ct *ct)
{
	ctrow_init_json(r, f, ct);
	make_notes(r);
}

void ctrow_init_json(struct ctrow *r, const struct facts *f, const struct ct *ct)
{
	*r = (struct ctrow){ .ct = ct, .facts = f };
	for (size_t i = 0; i < ct->n_addrs; i++)
		strv_addn(&r->addresses, ct->addrs[i].address,
			  strlen(ct->addrs[i].address));
}

void ctrow_done(struct ctrow *r)
{
	strv_done(&r->addresses);
	free(r->notes);
	*r = (struct ctrow){ 0 };
}

/* ---- columns ---- */

#define ROW const struct ctrow *r _unused_, const struct ct *ct _unused_

static struct cell c_vmid(ROW)
{
	return cell_int(ct->vmid);
}

static struct cell c_status(ROW)
{
	static const enum cell_color colors[] = {
		[CT_UNKNOWN] = COLOR_DIM,   [CT_STOPPED] = COLOR_NONE,
		[CT_STARTING] = COLOR_WARN, [CT_RUNNING] = COLOR_GOOD,
		[CT_FREEZING] = COLOR_WARN, [CT_FROZEN] = COLOR_WARN,
		[CT_STOPPING] = COLOR_WARN,
	};
	struct cell c = cell_str(ct_state_name(ct->state));

	c.color = colors[ct->state];
	return c;
}

static struct cell c_pve_status(ROW)
{
	return cell_str(ct_pve_status(ct));
}

static struct cell c_lock(ROW)
{
	struct cell c = cell_str(conf_str(ct, "lock"));

	c.color = COLOR_WARN;
	return c;
}

static struct cell c_name(ROW)
{
	return cell_str(ct->name);
}

static struct cell c_cpu(ROW)
{
	if (ct->state == CT_STOPPED)
		return cell_ppm(0);
	return cell_val(ct->cpu_ppm, CELL_PPM);
}

static struct cell c_cpu_table(ROW)
{
	return cell_val(ct->cpu_ppm, CELL_PPM);
}

static struct cell c_cpus(ROW)
{
	uint64_t centi = ct_cpus_centi(ct, r->facts->host.cpus);

	if (!ct->conf && !ct->here)
		return (struct cell){ 0 };
	return (struct cell){ .kind = CELL_PPM, .n = centi * 10000 };
}

/* PVE says 0 for a stopped container; the table leaves it empty. */
static struct cell or_zero(const struct ct *ct, struct val v)
{
	if (ct->state == CT_STOPPED)
		return cell_bytes(0);
	return cell_val(v, CELL_BYTES);
}

static struct cell c_mem(ROW)
{
	return or_zero(ct, ct_mem_bytes(ct));
}

static struct cell c_mem_table(ROW)
{
	return cell_val(ct_mem_bytes(ct), CELL_BYTES);
}

static struct cell c_maxmem(ROW)
{
	return ct->conf ? cell_bytes(ct_maxmem_bytes(ct)) : (struct cell){ 0 };
}

static struct cell c_swap(ROW)
{
	return or_zero(ct, ct->memory.swap_current_bytes);
}

static struct cell c_maxswap(ROW)
{
	return ct->conf ? cell_bytes(ct_maxswap_bytes(ct)) : (struct cell){ 0 };
}

static struct cell c_disk(ROW)
{
	return or_zero(ct, ct->disk_bytes);
}

static struct cell c_disk_table(ROW)
{
	return cell_val(ct->disk_bytes, CELL_BYTES);
}

static struct cell c_maxdisk(ROW)
{
	if (ct->state != CT_STOPPED)
		return cell_val(ct->disk_max_bytes, CELL_BYTES);
	return ct->conf ? cell_bytes(val_or(ct->rootfs_size_bytes, PVE_NO_SIZE_BYTES))
			: (struct cell){ 0 };
}

/* On its way up or of another node: the size the config tells. */
static struct cell c_maxdisk_table(ROW)
{
	return cell_val(ct->disk_max_bytes.kind ? ct->disk_max_bytes
						: ct->rootfs_size_bytes,
			CELL_BYTES);
}

static struct cell c_diskread(ROW)
{
	return or_zero(ct, ct_diskread_bytes(ct));
}

static struct cell c_diskwrite(ROW)
{
	return or_zero(ct, ct_diskwrite_bytes(ct));
}

static struct cell c_netin(ROW)
{
	return or_zero(ct, ct->netin_bytes);
}

static struct cell c_netout(ROW)
{
	return or_zero(ct, ct->netout_bytes);
}

static struct cell c_uptime(ROW)
{
	if (ct->state == CT_STOPPED)
		return cell_seconds(0);
	return cell_val(ct->uptime_sec, CELL_SECONDS);
}

static struct cell c_uptime_table(ROW)
{
	return cell_val(ct->uptime_sec, CELL_SECONDS);
}

static struct cell c_addresses(ROW)
{
	if (!ct->addrs_known)
		return (struct cell){ 0 };
	return (struct cell){ .kind = CELL_STRS, .strs = &r->addresses };
}

static struct cell c_notes(ROW)
{
	struct cell c = cell_str(r->notes);

	c.color = r->alarm ? COLOR_BAD : COLOR_DIM;
	return c;
}

static struct cell c_node(ROW)
{
	return cell_str(ct->node);
}

static struct cell c_type(ROW)
{
	return cell_str("lxc");
}

static struct cell c_tags(ROW)
{
	return cell_str(conf_str(ct, "tags"));
}

static struct cell c_pool(ROW)
{
	return cell_str(ct->pool);
}

static struct cell c_ha(ROW)
{
	return cell_str(ct->ha_state);
}

static struct cell c_ostype(ROW)
{
	return cell_str(conf_str(ct, "ostype"));
}

static struct cell c_pid(ROW)
{
	return ct->init_pid ? cell_int((uint64_t)ct->init_pid) : (struct cell){ 0 };
}

/* PVE has `template` only where it is set, as 1. */
static struct cell c_template(ROW)
{
	return ct_is_template(ct) ? cell_int(1) : (struct cell){ 0 };
}

static struct cell c_onboot(ROW)
{
	return ct->conf ? cell_bool(conf_bool(ct, "onboot")) : (struct cell){ 0 };
}

static struct cell c_unprivileged(ROW)
{
	return ct->conf ? cell_bool(ct_is_unprivileged(ct)) : (struct cell){ 0 };
}

static struct cell c_pending(ROW)
{
	bool pending = ct->conf && ct->conf->has_pending && ct->conf->pending.n_items;

	return ct->conf ? cell_bool(pending) : (struct cell){ 0 };
}

static struct cell c_error(ROW)
{
	return cell_str(ct->error);
}

#define GET(fn)                                                                          \
	static void get_##fn(const void *row, struct cell *ret)                          \
	{                                                                                \
		const struct ctrow *r = row;                                             \
                                                                                         \
		*ret = c_##fn(r, r->ct);                                                 \
	}

GET(vmid)
GET(status)
GET(pve_status)
GET(lock)
GET(name)
GET(cpu)
GET(cpu_table)
GET(cpus)
GET(mem)
GET(mem_table)
GET(maxmem)
GET(swap)
GET(maxswap)
GET(disk)
GET(disk_table)
GET(maxdisk)
GET(maxdisk_table)
GET(diskread)
GET(diskwrite)
GET(netin)
GET(netout)
GET(uptime)
GET(uptime_table)
GET(addresses)
GET(notes)
GET(node)
GET(type)
GET(tags)
GET(pool)
GET(ha)
GET(ostype)
GET(pid)
GET(template)
GET(onboot)
GET(unprivileged)
GET(pending)
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

const struct col ctrow_cols[CTROW_COLS] = {
	B("VMID", "vmid", vmid, "the container's number", .right = true),
	B("Status", "status", status,
	  "running, stopped, frozen; starting, stopping: without an init"),
	J("pve_status", pve_status),
	B("Lock", "lock", lock,
	  "an operation has locked the config, or died and left it so"),
	B("Name", "name", name, "hostname of the config", .shrink = true),
	J("type", type),
	B("Node", "node", node, "whose container it is", .hidden = true),
	J("cpu", cpu),
	T("CPU%", cpu_table, "use of the CPUs it may use, over a moment", .right = true),
	J("cpus", cpus),
	J("mem", mem),
	T("Mem", mem_table, "memory as PVE shows it: without the page cache",
	  .right = true),
	B("MaxMem", "maxmem", maxmem, "memory limit of the config", .right = true),
	B("Swap", "swap", swap, "swap in use", .right = true, .hidden = true),
	B("MaxSwap", "maxswap", maxswap, "swap limit of the config", .right = true,
	  .hidden = true),
	J("disk", disk),
	T("Disk", disk_table, "use of the root file system", .right = true, .minor = 3),
	J("maxdisk", maxdisk),
	T("MaxDisk", maxdisk_table, "size of the root file system", .right = true,
	  .minor = 4),
	B("DiskRead", "diskread", diskread,
	  "bytes read, as PVE counts: all stacked devices", .right = true,
	  .hidden = true),
	B("DiskWrite", "diskwrite", diskwrite, "bytes written, as PVE counts",
	  .right = true, .hidden = true),
	B("NetIn", "netin", netin, "bytes towards the container", .right = true,
	  .hidden = true),
	B("NetOut", "netout", netout, "bytes from the container", .right = true,
	  .hidden = true),
	J("uptime", uptime),
	T("Uptime", uptime_table, "since its init was started", .right = true,
	  .minor = 1),
	B("Addresses", "addresses", addresses, "inside the container, without link-local",
	  .shrink = true, .minor = 2),
	B("PID", "pid", pid, "init, as the host counts", .right = true, .hidden = true),
	B("Pool", "pool", pool, "resource pool", .hidden = true),
	B("Tags", "tags", tags, "tags of the config", .hidden = true),
	B("HA", "hastate", ha, "state of the HA service", .hidden = true),
	B("OSType", "ostype", ostype, "ostype of the config", .hidden = true),
	J("template", template),
	B("Onboot", "onboot", onboot, "is started with the node", .hidden = true),
	B("Unpriv", "unprivileged", unprivileged, "has its own user ids", .hidden = true),
	B("Pending", "pending", pending, "config changes wait for the next start",
	  .hidden = true),
	J("error", error),
	T("Notes", notes, "what stands out", .shrink = true),
};

void ctrow_json(struct jw *w, const struct ctrow *r)
{
	jw_cols(w, ctrow_cols, CTROW_COLS, r);
}
