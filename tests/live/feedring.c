/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * feedring: what the collector does for the ring, and nothing else of it: samples every
 * container each second into /run/ctscope/ring until it is killed.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/str.h"
#include "collect/sampler.h"

static void look(int root, struct sampler *s)
{
	_cleanup_(strv_done) struct strv names = { 0 };

	if (fs_list(root, "sys/fs/cgroup/lxc", 10000, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		uint32_t vmid;

		/* -EEXIST: it is sampled already */
		if (num_parse_u32(span_str(names.v[i]), &vmid) == 0)
			(void)sampler_add(s, vmid, 1, NULL);
	}
}

int main(void)
{
	_cleanup_free_ char *boot = NULL;
	struct sampler_report report;
	struct sampler *s = NULL;
	struct ring *ring = NULL;
	struct err err = { 0 };
	char id[64];
	size_t n = 0;
	int root = -1;

	(void)mkdir("/run/ctscope", 0755);
	if (fs_open_root("/", &root, &err) < 0 ||
	    fs_read_small(root, "proc/sys/kernel/random/boot_id", id, sizeof(id) - 1, &n,
			  &err) < 0) {
		fprintf(stderr, "feedring: %s\n", err.msg);
		return 1;
	}
	boot = xstrndup(id, MIN(n, (size_t)36));
	if (ring_create("/run/ctscope/ring", boot, &ring, &err) < 0 ||
	    sampler_new(root, true, ring, NULL, &s, &err) < 0) {
		fprintf(stderr, "feedring: %s\n", err.msg);
		return 1;
	}
	for (;;) {
		clock_sleep_usec(USEC_PER_SEC - clock_boot_usec() % USEC_PER_SEC);
		look(root, s);
		sampler_tick(s, &report);
		for (size_t i = 0; i < report.n_ended; i++)
			sampler_remove(s, report.ended[i].vmid);
	}
}
