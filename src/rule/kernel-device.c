/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rule/kernel.h"

/*
 * What decides on devices where no user namespace does. In one of its own a container
 * makes no device nodes, and PVE allows it all of them on purpose.
 */

static bool is_all(const struct sec_dev_rule *d)
{
	return d->major.kind == VAL_MAX && d->minor.kind == VAL_MAX &&
	       (d->read || d->write) && d->type != 'c';
}

/* NULL: no. */
static const char *why_open(const struct sec_devices *d)
{
	if (d->got != SEC_GOT)
		return NULL;
	for (size_t i = 0; d->is_list && i < d->n; i++)
		if (is_all(&d->v[i]))
			return d->v[i].type == 'a' ? "devices.list allows every device"
						   : "devices.list allows every disk";
	if (!d->is_list && d->bpf.kind == VAL_SET && !d->bpf.n)
		return "no program of the kernel decides on its devices: all are allowed";
	return NULL;
}

static const struct pveconf_lxc *line_of(const struct ct *ct)
{
	static const char *const names[] = { "lxc.cgroup2.devices.deny",
					     "lxc.cgroup2.devices.allow",
					     "lxc.cgroup.devices.deny",
					     "lxc.cgroup.devices.allow" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct pveconf_lxc *l = kernel_lxc(ct, names[i]);

		if (l && (!l->value_n || l->value[0] == 'a'))
			return l;
	}
	return NULL;
}

static void devices_open(const struct rule *rule, const struct ct *ct,
			 const struct ctsec *sec, struct findings *out)
{
	const char *why = why_open(&sec->devices);

	if (why && kernel_is_privileged(sec))
		kernel_add(out, rule, ct, line_of(ct), NULL, why);
}

const struct rule rule_kernel_devices_open = {
	.id = "kernel-devices-open",
	.severity = SEV_ERROR,
	.title = "every device of the node",
	.why = "root inside makes the device node of a disk of the node and writes to it: "
	       "nothing else is asked",
	.check_sec = devices_open,
};
