/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/num.h"
#include "rule/rule.h"

/* What is wrong with the file itself, and what it says of starting. */

static void parser_dies(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	uint32_t line = ct->conf->dies_line, key = rule_line(ct, "snapshots");

	if (!line)
		return;
	if (!key)
		key = rule_line(ct, "lxc");
	finding_add(out, rule, ct, NULL, line,
		    rule_fix_edit(ct, key ? key : line,
				  "remove the key `snapshots:` or `lxc:`"),
		    "PVE's parser dies at line %u", line);
}

const struct rule rule_parser_dies = {
	.id = "parser-dies",
	.severity = SEV_ERROR,
	.title = "a config that PVE cannot read",
	.why = "`pct list` and the GUI show none of the node's containers while this file is "
	       "there",
	.check = parser_dies,
};

static void missing_key(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	static const struct {
		const char *key, *option;
	} keys[] = { { "arch", "--arch amd64" },
		     { "ostype", "--ostype unmanaged, or the system that is inside" },
		     { "rootfs", NULL } };

	if (rule_is_stub(ct))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!pveconf_item(&ct->conf->main, keys[i].key))
			finding_add(out, rule, ct, keys[i].key, 0,
				    keys[i].option ? xasprintf("pct set %u %s", ct->vmid,
							       keys[i].option)
						   : NULL,
				    "there is no %s", keys[i].key);
}

const struct rule rule_start_missing_key = {
	.id = "start-missing-key",
	.severity = SEV_ERROR,
	.title = "it cannot start",
	.why = "PVE lists a container without arch, ostype or rootfs, but the start dies",
	.check = missing_key,
};

static void rootfs_invalid(const struct rule *rule, const struct ct *ct,
			   struct findings *out)
{
	const struct pveconf_item *i = pveconf_item(&ct->conf->main, "rootfs");

	if (i && !i->valid)
		finding_add(
			out, rule, ct, "rootfs", i->line,
			rule_fix_edit(ct, i->line, "write it as STORAGE:VOLUME,size=8G"),
			"rootfs: %s", i->value);
}

const struct rule rule_rootfs_invalid = {
	.id = "rootfs-invalid",
	.severity = SEV_ERROR,
	.title = "a rootfs that PVE cannot read",
	.why = "it cannot start, and while it is stopped `pct list` fails for the whole node",
	.check = rootfs_invalid,
};

static void cores_hang(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pveconf_item *i = pveconf_item(&ct->conf->main, "cores");

	if (!i || i->valid || i->value_n < 2 || i->value[0] != '-' || i->value[1] < '0' ||
	    i->value[1] > '9')
		return;
	finding_add(out, rule, ct, "cores", i->line,
		    xasprintf("pct set %u --cores 1, or --delete cores", ct->vmid),
		    "cores: %s", i->value);
}

const struct rule rule_cores_hang = {
	.id = "cores-hang",
	.severity = SEV_ERROR,
	.title = "the start never ends",
	.why = "with a negative number PVE looks for CPUs for ever, with one CPU at 100 %",
	.check = cores_hang,
};

static int cmp_line(const void *line, const void *warning)
{
	uint32_t a = *(const uint32_t *)line,
		 b = ((const struct pveconf_warning *)warning)->line;

	return (a > b) - (a < b);
}

/* What PVE says behind "unable to parse value of 'key' - ", on one line. */
static char *reason(const struct pveconf *c, const struct pveconf_item *item)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct span s = { 0 }, line;
	const struct pveconf_warning *w = NULL;
	const char *at;

	if (c->n_warnings)
		w = bsearch(&item->line, c->warnings, c->n_warnings, sizeof(*w),
			    cmp_line);
	if (w) {
		s = span_of(w->text, w->text_n);
		at = span_find(s, "' - ");
		s = at ? span_of(at + 4, s.n - (size_t)(at + 4 - s.p)) : s;
	}
	span_skip(&s, "format error\n");
	while (span_line(&s, &line)) {
		if (!line.n)
			continue;
		buf_adds(&b, b.n ? "; " : "");
		buf_add(&b, line.p, MIN(line.n, (size_t)500));
	}
	return xstrdup(b.n ? buf_str(&b) : "PVE refuses it");
}

static void value_invalid(const struct rule *rule, const struct ct *ct,
			  struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_items; i++) {
		const struct pveconf_item *it = &s->items[i];
		_cleanup_free_ char *why = NULL;

		if (it->valid || !it->known || str_eq(it->key, "rootfs"))
			continue;
		why = reason(ct->conf, it);
		finding_add(out, rule, ct, it->key, it->line,
			    rule_fix_edit(ct, it->line, "correct the value"), "%s: %s",
			    it->key, why);
	}
}

const struct rule rule_value_invalid = {
	.id = "value-invalid",
	.severity = SEV_WARN,
	.title = "a value that PVE does not understand",
	.why = "PVE warns, keeps the text and treats it as it can; `pct config` and the GUI "
	       "refuse to show the container",
	.check = value_invalid,
};

static const struct {
	const char *key;
	uint64_t min, max;
} ranges[] = {
	{ "cores", 1, 8192 },
	{ "cpuunits", 0, 500000 },
	{ "memory", 16, UINT64_MAX / 2 },
	{ "swap", 0, UINT64_MAX / 2 },
	{ "tty", 0, 6 },
};

static const struct {
	const char *key;
	const char *words;
} enums[] = {
	{ "arch", "amd64 i386 arm64 armhf riscv32 riscv64" },
	{ "cmode", "shell console tty" },
	{ "lock", "backup create destroyed disk fstrim migrate mounted rollback snapshot "
		  "snapshot-delete" },
	{ "ostype", "debian devuan ubuntu centos fedora opensuse archlinux alpine gentoo "
		    "nixos unmanaged" },
};

static bool is_word(const char *value, const char *words)
{
	struct span s = span_str(words), w;

	while (span_field(&s, &w))
		if (span_eq(w, value))
			return true;
	return false;
}

static void value_range(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		const struct pveconf_item *it = pveconf_item(s, ranges[i].key);

		if (!it || !it->valid ||
		    (it->number >= ranges[i].min && it->number <= ranges[i].max))
			continue;
		if (ranges[i].max < UINT64_MAX / 2)
			finding_add(out, rule, ct, it->key, it->line, NULL,
				    "%s: %s; PVE takes: %ju to %ju", it->key, it->value,
				    (uintmax_t)ranges[i].min, (uintmax_t)ranges[i].max);
		else
			finding_add(out, rule, ct, it->key, it->line, NULL,
				    "%s: %s; PVE takes: %ju and more", it->key, it->value,
				    (uintmax_t)ranges[i].min);
	}
	for (size_t i = 0; i < ARRAY_SIZE(enums); i++) {
		const struct pveconf_item *it = pveconf_item(s, enums[i].key);

		if (it && it->valid && !is_word(it->value, enums[i].words))
			finding_add(out, rule, ct, it->key, it->line, NULL,
				    "%s: %s; PVE takes: %s", it->key, it->value,
				    enums[i].words);
	}
}

const struct rule rule_value_range = {
	.id = "value-range",
	.severity = SEV_WARN,
	.title = "a value outside what PVE offers",
	.why = "the parser takes it silently, the API does not: `pct config` refuses the "
	       "container, and what a start makes of it is nobody's promise",
	.check = value_range,
};

static void key_unknown(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	for (size_t i = 0; i < s->n_items; i++)
		if (!s->items[i].known)
			finding_add(out, rule, ct, s->items[i].key, s->items[i].line,
				    rule_fix_edit(ct, s->items[i].line,
						  "if it is a typing error, correct it"),
				    "%s: %s", s->items[i].key, s->items[i].value);
}

const struct rule rule_key_unknown = {
	.id = "key-unknown",
	.severity = SEV_WARN,
	.title = "a key that is not known here",
	.why = "PVE keeps such a key and writes it back, and it does nothing: a typing error, "
	       "or from a virtual machine; or it is of a PVE that is newer than ctscope",
	.check = key_unknown,
};

static void lines_dropped(const struct rule *rule, const struct ct *ct,
			  struct findings *out)
{
	const struct pveconf *c = ct->conf;
	_cleanup_(buf_done) struct buf b = { 0 };
	size_t n = 0, shown = 0;
	uint32_t first = 0;

	for (size_t i = 0; i < c->n_warnings; i++) {
		if (!c->warnings[i].dropped)
			continue;
		n++;
		first = first ? first : c->warnings[i].line;
		if (shown < 8)
			buf_addf(&b, "%s%u", shown++ ? ", " : "", c->warnings[i].line);
	}
	if (n)
		finding_add(out, rule, ct, NULL, first, NULL,
			    "%zu line%s PVE cannot use: %s%s", n, n == 1 ? "" : "s",
			    buf_str(&b), n > shown ? ", ..." : "");
}

const struct rule rule_lines_dropped = {
	.id = "lines-dropped",
	.severity = SEV_WARN,
	.title = "lines without effect",
	.why = "they do nothing, and vanish from the file when PVE next writes it",
	.check = lines_dropped,
};

/* Who sets it, and what to do when that has broken off: facts, pve-node.md 1.8, 9.1. */
static const struct {
	const char *lock;
	const char *when;  /* "...: pct unlock 101" */
	bool unmount;      /* in place of unlock */
	bool destroy;      /* and then that */
	const char *after; /* what is to be done behind it; NULL: nothing */
	const char *why;   /* NULL: that of the rule */
} locks[] = {
	{ .lock = "backup", .when = "when no backup of it runs any more" },
	{ .lock = "create",
	  .when = "when nothing makes, restores or clones it any more",
	  .destroy = true,
	  .why = "while it is made this is as it should be; broken off it is half a "
		 "container, and no unlocking makes the other half" },
	{ .lock = "destroyed",
	  .when = "when nothing removes it any more",
	  .destroy = true,
	  .why = "its volumes are being removed, or are gone: there is nothing left to "
		 "start" },
	{ .lock = "disk",
	  .when = "when it is not cloned and none of its volumes moves any more" },
	{ .lock = "fstrim", .when = "when pct fstrim is over" },
	{ .lock = "migrate",
	  .when = "when its migration is over and its task log says that the volumes are "
		  "whole on this node",
	  .why = "while it migrates this is as it should be; after one that broke off its "
		 "volumes may be whole on the other node only, and a start here goes on "
		 "with old ones" },
	{ .lock = "mounted",
	  .when = "when nothing uses its mounts any more",
	  .unmount = true,
	  .why = "pct mount has it mounted on the node, or pct df for a moment; a start "
		 "unmounts it first, most else fails with \"CT is locked\"" },
	{ .lock = "rollback",
	  .when = "when no rollback runs any more",
	  .after = "and roll back again before a start",
	  .why = "broken off, some of its volumes may be of the snapshot and some of "
		 "before" },
	{ .lock = "snapshot", .when = "when no snapshot of it is made any more" },
	{ .lock = "snapshot-delete",
	  .when = "when no snapshot of it is removed any more" },
};

/* Where nothing is at work on it. */
static void lock_left(const struct rule *rule, const struct ct *ct, const char *lock,
		      struct findings *out)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	size_t i = 0;

	while (i < ARRAY_SIZE(locks) && !str_eq(locks[i].lock, lock))
		i++;
	if (i == ARRAY_SIZE(locks)) {
		finding_add(out, rule, ct, "lock", rule_line(ct, "lock"),
			    xasprintf("pct unlock %u", ct->vmid), "lock: %s", lock);
		return;
	}
	buf_addf(&b, "%s: pct %s %u", locks[i].when,
		 locks[i].unmount ? "unmount" : "unlock", ct->vmid);
	if (locks[i].destroy)
		buf_addf(&b, ", then pct destroy %u", ct->vmid);
	if (locks[i].after)
		buf_addf(&b, ", %s", locks[i].after);
	finding_add(out, rule, ct, "lock", rule_line(ct, "lock"), take_ptr(b.p),
		    "lock: %s", lock);
	finding_amend(out, rule->severity, locks[i].why);
}

static void lock_set(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const char *lock = pveconf_str(&ct->conf->main, "lock");

	if (!lock)
		return;
	if (!ct->task) {
		lock_left(rule, ct, lock, out);
		return;
	}
	finding_add(out, rule, ct, "lock", rule_line(ct, "lock"), NULL,
		    "lock: %s, and a %s task is running", lock, ct->task);
	finding_amend(out, SEV_INFO, "as it should be while the task runs");
}

const struct rule rule_lock_set = {
	.id = "lock-set",
	.severity = SEV_WARN,
	.title = "something is at work on it, or broke off",
	.why = "while a long operation runs this is as it should be; one that was broken off "
	       "leaves it behind, and then start, backup and changes fail with \"CT is "
	       "locked\"",
	.check = lock_set,
};

static void net_no_hwaddr(const struct rule *rule, const struct ct *ct,
			  struct findings *out)
{
	const struct pve_typed *t = &ct->conf->typed;

	for (size_t i = 0; i < t->n_nets; i++) {
		_cleanup_free_ char *key = xasprintf("net%u", t->nets[i].n);

		if (!t->nets[i].hwaddr)
			finding_add(out, rule, ct, key, t->nets[i].line, NULL,
				    "%s has no hwaddr", key);
	}
}

const struct rule rule_net_no_hwaddr = {
	.id = "net-no-hwaddr",
	.severity = SEV_WARN,
	.title = "another MAC address each time",
	.why = "PVE makes one up whenever it reads the line: DHCP leases and the firewall's "
	       "MAC filter do not hold",
	.check = net_no_hwaddr,
};

static void onboot_off(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	const struct pveconf_section *s = &ct->conf->main;

	bool ha = ct->ha_state && !str_eq(ct->ha_state, "ignored");

	/* what the HA manager starts needs none, and PVE passes it over */
	if (rule_is_stub(ct) || pveconf_bool(s, "onboot", false) ||
	    pveconf_bool(s, "template", false) || ha)
		return;
	finding_add(out, rule, ct, "onboot", rule_line(ct, "onboot"),
		    xasprintf("pct set %u --onboot 1", ct->vmid), "onboot is not set");
}

const struct rule rule_onboot_off = {
	.id = "onboot-off",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "not started at boot",
	.why = "after a reboot of the node it stays down until somebody starts it",
	.check = onboot_off,
};

static void debug_on(const struct rule *rule, const struct ct *ct, struct findings *out)
{
	if (pveconf_bool(&ct->conf->main, "debug", false))
		finding_add(out, rule, ct, "debug", rule_line(ct, "debug"),
			    xasprintf("pct set %u --delete debug", ct->vmid), "debug: 1");
}

const struct rule rule_debug_on = {
	.id = "debug-on",
	.severity = SEV_INFO,
	.production = LEVEL_WARN,
	.title = "starts in debug mode",
	.why = "it runs as pve-container-debug@ and LXC logs everything",
	.check = debug_on,
};

static void memory_default(const struct rule *rule, const struct ct *ct,
			   struct findings *out)
{
	if (!rule_is_stub(ct) && !pveconf_item(&ct->conf->main, "memory"))
		finding_add(out, rule, ct, "memory", 0,
			    xasprintf("pct set %u --memory MIB", ct->vmid),
			    "memory is not set: the limit is 512 MiB");
}

const struct rule rule_memory_default = {
	.id = "memory-default",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "no memory limit chosen",
	.why = "PVE then takes 512 MiB, which is rarely what was meant",
	.check = memory_default,
};

static void swap_absent(const struct rule *rule, const struct ct *ct,
			struct findings *out)
{
	if (!rule_is_stub(ct) && !pveconf_item(&ct->conf->main, "swap"))
		finding_add(out, rule, ct, "swap", 0,
			    xasprintf("pct set %u --swap MIB", ct->vmid),
			    "swap is not set: there is none");
}

const struct rule rule_swap_absent = {
	.id = "swap-absent",
	.severity = SEV_INFO,
	.homelab = LEVEL_OFF,
	.title = "no swap chosen",
	.why = "PVE's documentation says 512 MiB, a start takes a missing line as 0",
	.check = swap_absent,
};
