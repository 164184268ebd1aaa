/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/netfw.h"

#include "base/clock.h"
#include "base/fs.h"
#include "read/firewall.h"
#include "read/pvefs.h"

#define CLUSTER_FW "etc/pve/firewall/cluster.fw"
/* pve-firewall makes it while it filters by iptables, which needs the extra bridges */
#define NFT_OFF "run/proxmox-nftables-firewall-force-disable"

static void parse_fw(const struct pvefs *fs, const char *path, enum fw_kind kind,
		     struct fw_file *ret)
{
	struct span data = pvefs_data(fs, path);

	/* a file that is too large is none to PVE either */
	(void)fw_parse(data.p, data.n, kind, ret, NULL);
}

static void judge_fw(const struct app *app, const struct fw_file *cluster,
		     const struct fw_file *guest, struct netview *v)
{
	struct fs_stat st;
	int nft_off = fs_stat(app->rootfd, NFT_OFF, false, &st, NULL);

	for (size_t k = 0; k < v->n_ifaces; k++) {
		struct net_iface *i = &v->ifaces[k];

		i->filtered =
			fw_filters(cluster, guest, i->conf.firewall,
				   app->now_real_usec / USEC_PER_SEC, &i->fw_missing);
		i->fw_known = true;
		i->fwbr_known = app->live && (nft_off == 0 || nft_off == -ENOENT);
		i->fwbr_expected = i->conf.firewall && nft_off == 0;
	}
}

void netfw_read(const struct app *app, struct netview *v)
{
	_cleanup_(pvefs_done) struct pvefs fs = { 0 };
	_cleanup_(fw_file_done) struct fw_file cluster = { 0 };
	_cleanup_(fw_file_done) struct fw_file guest = { 0 };
	_cleanup_free_ char *path = xasprintf("etc/pve/firewall/%u.fw", v->vmid);
	const struct pvefs_req reqs[] = { { PVEFS_FILE, CLUSTER_FW },
					  { PVEFS_FILE, path } };

	if (pvefs_read(app->rootfd, reqs, ARRAY_SIZE(reqs), &fs, NULL) < 0 ||
	    fs.timed_out)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(reqs); i++) {
		const struct pvefs_file *f = pvefs_get(&fs, reqs[i].path);

		if (!f || (f->error && f->error != -ENOENT && f->error != -ENOTDIR))
			return; /* not readable is not off */
	}
	parse_fw(&fs, CLUSTER_FW, FW_CLUSTER, &cluster);
	parse_fw(&fs, path, FW_GUEST, &guest);
	judge_fw(app, &cluster, &guest, v);
}
