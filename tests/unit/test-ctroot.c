/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/mountinfo.h"
#include "read/pveconf.h"
#include "read/storage.h"
#include "rule/ctroot.h"
#include "test.h"

static const char storage_cfg[] =
	"dir: local\n\tpath /var/lib/vz\n\tcontent rootdir\n\n"
	"lvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\n"
	"zfspool: tank\n\tpool tank/ct\n\n"
	"nfs: nas\n\tserver n\n\texport /e\n\tpath /mnt/pve/nas\n"
	"\tcontent rootdir\n";

#define MOUNTS                                                                           \
	"24 1 254:0 / / rw - ext4 /dev/vda rw\n"                                         \
	"31 24 0:50 / /tank/ct/subvol-101-disk-0 rw - zfs tank/ct/subvol-101-disk-0 "    \
	"rw\n"                                                                           \
	"32 24 0:60 /e /mnt/pve/nas rw - nfs4 n:/e rw\n"

struct found {
	struct pveconf conf;
	struct storages storages;
	struct mounts host;
	struct mounttree tree;
	struct ctmounts mounts;
	struct guestread_volume v;
	char *why;
};

static void found_done(struct found *f)
{
	free(f->why);
	guestread_volume_done(&f->v);
	ctmounts_done(&f->mounts);
	mounttree_done(&f->tree);
	mounts_done(&f->host);
	storages_done(&f->storages);
	pveconf_done(&f->conf);
}

#define _found_ _cleanup_(found_done) struct found

static void find(const char *conf, const char *host, struct found *f)
{
	struct ct ct = { .vmid = 101, .conf = &f->conf };
	struct mountjoin in = {
		.vmid = 101, .conf = &f->conf, .storages = &f->storages, .host = &f->tree
	};
	const struct ctmount *row = NULL;
	struct err err = { 0 };

	CHECK(pveconf_parse(conf, strlen(conf), 101, &f->conf, &err) == 0, "%s", err.msg);
	CHECK(storage_parse(storage_cfg, strlen(storage_cfg), &f->storages, &err) == 0,
	      "%s", err.msg);
	mountinfo_parse(host, strlen(host), &f->host);
	mounttree_build(&f->host, &f->tree);
	mountjoin(&in, &f->mounts);
	f->why = ctroot_find(&ct, &f->mounts, &f->v, &row);
	CHECK(!f->why == (row != NULL), "%s", f->why);
}

static void check_why(const char *conf, const char *want)
{
	_found_ f = { 0 };

	find(conf, MOUNTS, &f);
	CHECK(f.why && strstr(f.why, want), "%s: %s", conf, f.why);
	CHECK(!f.v.path && !f.v.uids.v, "something was written: %s", f.v.path);
}

static void a_directory_and_a_data_set_are_where_the_node_has_them(void)
{
	_found_ dir = { 0 }, zfs = { 0 };

	find("rootfs: local:101/subvol-101-disk-0.subvol\nunprivileged: 1\n", MOUNTS,
	     &dir);
	CHECK_STR(dir.v.path, "/var/lib/vz/images/101/subvol-101-disk-0.subvol");
	CHECK(!dir.v.privileged && !dir.v.cross, "privileged, cross");
	CHECK_U64(dir.v.uids.n, 1);
	CHECK_U64(dir.v.gids.n, 1);
	CHECK_U64(dir.v.uids.v[0].inside, 0);
	CHECK_U64(dir.v.uids.v[0].outside, 100000);
	CHECK_U64(dir.v.gids.v[0].count, 65536);
	find("rootfs: tank:subvol-101-disk-0\n", MOUNTS, &zfs);
	CHECK_STR(zfs.v.path, "/tank/ct/subvol-101-disk-0");
	CHECK(zfs.v.privileged && !zfs.v.uids.n, "a map");
}

static void what_is_no_directory_is_told_with_its_reason(void)
{
	check_why("", "no rootfs");
	check_why("rootfs: nocolon\n", "is no volume");
	check_why("rootfs: local-lvm:vm-101-disk-0\n", "pct mount 101");
	check_why("rootfs: local:101/vm-101-disk-0.raw\n", "pct unmount 101");
	check_why("rootfs: tank:subvol-101-disk-7\n", "is not mounted");
	check_why("rootfs: other:101/subvol-101-disk-0.subvol\n", "not known");
	check_why("rootfs: nas:101/subvol-101-disk-0.subvol\n", "nfs4");
}

static void a_map_that_is_not_understood_is_never_taken_for_none(void)
{
#define ROOTFS "rootfs: local:101/subvol-101-disk-0.subvol\n"
	check_why(ROOTFS "lxc.idmap: u 0 100000\nlxc.idmap: g 0 100000 65536\n", "no id");
	check_why(ROOTFS "unprivileged: 1\nlxc.idmap: u 0 100000 65536\n", "no id");
	check_why(ROOTFS "lxc.idmap: u 1 100000 9\nlxc.idmap: g 0 100000 9\n", "no id");
	check_why("rootfs: local:101/subvol-101-disk-0.subvol,idmap=passthrough\n"
		  "unprivileged: 1\n",
		  "idmap=");
	check_why("rootfs: local:101/subvol-101-disk-0.subvol,idmap=u:0:5:1\n", "idmap=");
}

static void own_ids_replace_those_of_the_default(void)
{
	_found_ f = { 0 }, none = { 0 };

	find(ROOTFS "unprivileged: 1\nlxc.idmap: u 0 200000 1000\n"
		    "lxc.idmap: g 0 200000 65536\nlxc.idmap: u 1000 1000 1\n",
	     MOUNTS, &f);
	CHECK(!f.why, "%s", f.why);
	CHECK_U64(f.v.gids.n, 1);
	CHECK_U64(f.v.uids.n, 2);
	for (size_t i = 1; i < f.v.uids.n; i++) {
		CHECK_U64(f.v.uids.v[i].inside, 1000);
		CHECK_U64(f.v.uids.v[i].outside, 1000);
		CHECK_U64(f.v.uids.v[i].count, 1);
	}
	check_why(ROOTFS "unprivileged: 1\nlxc.idmap: u 0 100000 65536\n"
			 "lxc.idmap: g 0 200000 4294967295\n",
		  "no id"); /* beyond the last id */
	find(ROOTFS "unprivileged: 1\nlxc.idmap:\n", MOUNTS, &none);
	CHECK(none.v.privileged, "an empty line is no map, as LXC has it: %s", none.why);
}

static const char *away(const struct found *f, const char *path)
{
	const struct guestread_away *a = guestread_away(&f->v, path);

	return a ? a->key : "here";
}

static void what_is_on_a_mount_point_is_away(void)
{
	_found_ f = { 0 };

	find(ROOTFS "mp0: tank:subvol-101-disk-0,mp=/var/log/\nmp1: /srv,mp=/srv\n"
		    "lxc.mount.entry: /x opt/x none bind 0 0\n",
	     MOUNTS, &f);
	CHECK_U64(f.v.n_away, 3);
	CHECK_STR(away(&f, "/var/log/syslog"), "mp0");
	CHECK_STR(away(&f, "var/log"), "mp0");
	CHECK_STR(away(&f, "//var/./log//x/y"), "mp0");
	CHECK_STR(away(&f, "/var/logs/x"), "here");
	CHECK_STR(away(&f, "/var"), "here");
	CHECK_STR(away(&f, ""), "here");
	CHECK_STR(away(&f, "/srv"), "mp1");
	CHECK_STR(away(&f, "/opt/x/y"), "an lxc.mount.entry");
}

static void what_pct_mount_has_mounted_is_here(void)
{
	_found_ f = { 0 };

	find("rootfs: local-lvm:vm-101-disk-0\nmp0: local-lvm:vm-101-disk-1,mp=/var/log\n"
	     "mp1: local-lvm:vm-101-disk-2,mp=/d\n",
	     MOUNTS "40 24 253:9 / /var/lib/lxc/101/rootfs rw - ext4 /dev/mapper/x rw\n"
		    "41 40 253:8 / /var/lib/lxc/101/rootfs/var/log rw - ext4 /dev/y rw\n",
	     &f);
	CHECK_STR(f.v.path, "/var/lib/lxc/101/rootfs");
	CHECK(f.v.cross, "cross");
	CHECK_U64(f.v.n_away, 1);
	CHECK_STR(away(&f, "/var/log/syslog"), "here");
	CHECK_STR(away(&f, "/d/x"), "mp1");
}

int main(void)
{
	RUN(a_directory_and_a_data_set_are_where_the_node_has_them);
	RUN(what_is_no_directory_is_told_with_its_reason);
	RUN(a_map_that_is_not_understood_is_never_taken_for_none);
	RUN(own_ids_replace_those_of_the_default);
	RUN(what_is_on_a_mount_point_is_away);
	RUN(what_pct_mount_has_mounted_is_here);
	return DONE();
}
