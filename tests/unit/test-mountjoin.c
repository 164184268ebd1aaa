/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/mountinfo.h"
#include "read/pveconf.h"
#include "read/storage.h"
#include "rule/mountjoin.h"
#include "test.h"

static const char storage_cfg[] =
	"dir: local\n\tpath /var/lib/vz\n\tcontent rootdir\n\n"
	"lvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\n"
	"zfspool: tank\n\tpool tank/ct\n\n"
	"btrfs: btr\n\tpath /srv/btr\n\tcontent rootdir\n\n"
	"nfs: nas\n\tserver n\n\texport /e\n\tpath /mnt/pve/nas\n"
	"\tcontent rootdir\n\n"
	"rbd: ceph\n\tpool rp\n\tcontent rootdir\n\n"
	"rbd: lab\n\tpool rp\n\tnamespace ns\n\tcontent rootdir\n";

static const char host_mounts[] =
	"24 1 254:0 / / rw - ext4 /dev/vda rw\n"
	"30 24 0:40 /@host /srv rw - btrfs /dev/vdb rw\n"
	"31 24 0:50 / /tank/ct/subvol-101-disk-0 rw - zfs tank/ct/subvol-101-disk-0 rw\n"
	"32 24 0:60 / /mnt/pve/nas rw - nfs4 n:/e rw\n";

struct join {
	struct pveconf conf;
	struct storages storages;
	struct mounts inside, host;
	struct mounttree inside_tree, host_tree;
	struct ctmounts c;
	const struct blocknames *devices;
	const struct hostpaths *links;
};

static void join_done(struct join *j)
{
	ctmounts_done(&j->c);
	mounttree_done(&j->inside_tree);
	mounttree_done(&j->host_tree);
	mounts_done(&j->inside);
	mounts_done(&j->host);
	storages_done(&j->storages);
	pveconf_done(&j->conf);
}

#define _join_ _cleanup_(join_done) struct join

/* mounts NULL: it is stopped */
static void join_host(const char *conf, const char *mounts, const char *host,
		      struct join *j)
{
	struct mountjoin in = { .vmid = 101,
				.conf = &j->conf,
				.storages = &j->storages,
				.devices = j->devices,
				.links = j->links };
	struct err err = { 0 };

	CHECK(pveconf_parse(conf, strlen(conf), 101, &j->conf, &err) == 0, "%s", err.msg);
	CHECK(storage_parse(storage_cfg, strlen(storage_cfg), &j->storages, &err) == 0,
	      "%s", err.msg);
	if (mounts) {
		mountinfo_parse(mounts, strlen(mounts), &j->inside);
		CHECK_U64(j->inside.n_bad, 0);
		mounttree_build(&j->inside, &j->inside_tree);
		in.inside = &j->inside_tree;
	}
	if (host) {
		mountinfo_parse(host, strlen(host), &j->host);
		CHECK_U64(j->host.n_bad, 0);
		mounttree_build(&j->host, &j->host_tree);
		in.host = &j->host_tree;
	}
	mountjoin(&in, &j->c);
}

static void join(const char *conf, const char *mounts, struct join *j)
{
	join_host(conf, mounts, host_mounts, j);
}

static const struct ctmount *row(const struct join *j, size_t i)
{
	static const struct ctmount none;

	CHECK(i < j->c.n, "row %zu of %zu", i, j->c.n);
	return i < j->c.n ? &j->c.v[i] : &none;
}

#define CHECK_TEXT(got, want)                                                            \
	do {                                                                             \
		struct tbytes t_ = (got);                                                \
		CHECK(t_.n == strlen(want) && (!t_.n || !memcmp(t_.p, want, t_.n)),      \
		      "got \"%.*s\", want \"%s\"", (int)t_.n, (const char *)t_.p, want); \
	} while (0)

static const char *type(const struct ctmount *c)
{
	return mount_type_name(c->type);
}

#define ROOT "301 268 253:9 / / rw,relatime - ext4 /dev/mapper/pve-vm--101--disk--0 rw\n"

static void rootfs_comes_first_then_mps_by_number(void)
{
	_join_ j = { 0 };

	join("mp10: /a,mp=/ten\nmp2: /b,mp=/two\nrootfs: local-lvm:vm-101-disk-0,size=8G\n",
	     ROOT, &j);
	CHECK_U64(j.c.n, 3);
	CHECK_STR(row(&j, 0)->key, "rootfs");
	CHECK_STR(row(&j, 1)->key, "mp2");
	CHECK_STR(row(&j, 2)->key, "mp10");
	CHECK_TEXT(row(&j, 0)->path, "/");
	CHECK_TEXT(row(&j, 0)->volume, "local-lvm:vm-101-disk-0");
	CHECK_U64(row(&j, 0)->size_bytes.n, (uint64_t)8 << 30);
}

static void a_volume_of_lvm_is_known_by_its_device(void)
{
	_join_ j = { 0 };

	join("rootfs: local-lvm:vm-101-disk-0\nmp0: local-lvm:vm-101-disk-1,mp=/d,backup=1\n",
	     ROOT "302 301 253:10 / /d ro - xfs /dev/mapper/pve-vm--101--disk--7 rw\n",
	     &j);
	CHECK(row(&j, 0)->same == ANSWER_YES, "%d", row(&j, 0)->same);
	CHECK(row(&j, 0)->in_backup && row(&j, 1)->in_backup, "backup");
	CHECK(row(&j, 0)->snapshots == ANSWER_YES, "snapshots");
	CHECK_STR(type(row(&j, 0)), "block");
	CHECK(row(&j, 1)->same == ANSWER_NO, "%d", row(&j, 1)->same);
	CHECK(row(&j, 1)->ro && !row(&j, 0)->ro, "ro");
	CHECK(!row(&j, 0)->may_hang && !row(&j, 0)->missing, "may hang");
}

static void a_data_set_is_known_by_its_name(void)
{
	_join_ j = { 0 };

	join("rootfs: tank:subvol-101-disk-0,size=8G\nmp0: tank:subvol-101-disk-1,mp=/d\n",
	     "1 0 0:50 / / rw - zfs tank/ct/subvol-101-disk-0 rw\n"
	     "2 1 0:51 / /d rw - tmpfs tank/ct/subvol-101-disk-1 rw\n",
	     &j);
	CHECK_STR(type(row(&j, 0)), "zfs");
	CHECK(row(&j, 0)->same == ANSWER_YES, "%d", row(&j, 0)->same);
	/* a source is what its mounter says: a tmpfs is no data set */
	CHECK(row(&j, 1)->same == ANSWER_NO, "%d", row(&j, 1)->same);
	CHECK(!row(&j, 1)->in_backup, "no backup=1");
}

static void a_bind_mount_is_known_by_its_directory(void)
{
	_join_ j = { 0 };

	join("rootfs: local-lvm:vm-101-disk-0\nmp0: /opt//x/,mp=/x,ro=1\n"
	     "mp1: /srv/y,mp=y/\nmp2: /other,mp=/z\nmp3: /,mp=/host\n",
	     ROOT "2 301 254:0 /opt/x /x ro - ext4 /dev/vda rw\n"
		  "3 301 0:40 /@host/y /y rw - btrfs /dev/vdb rw\n"
		  "4 301 8:1 /else /z rw - ext4 /dev/sda1 rw\n"
		  "5 301 254:0 / /host rw - ext4 /dev/vda rw\n",
	     &j);
	CHECK_STR(type(row(&j, 1)), "bind");
	CHECK(row(&j, 1)->same == ANSWER_YES && row(&j, 1)->ro, "%d", row(&j, 1)->same);
	CHECK(row(&j, 2)->same == ANSWER_YES, "%d", row(&j, 2)->same);
	CHECK_TEXT(row(&j, 2)->path, "/y");
	CHECK(row(&j, 3)->same == ANSWER_UNKNOWN, "%d", row(&j, 3)->same);
	CHECK(row(&j, 4)->same == ANSWER_YES, "%d", row(&j, 4)->same);
	for (size_t i = 1; i < 5; i++)
		CHECK(row(&j, i)->snapshots == ANSWER_NO && !row(&j, i)->in_backup, "%zu",
		      i);
}

#define FILE_101(n) "/var/lib/vz/images/101/vm-101-disk-" #n ".raw"

static char loop0[] = "loop0", loop1[] = "loop1", loop2[] = "loop2", loop3[] = "loop3",
	    sdb[] = "sdb";
static char file_0[] = FILE_101(0), file_9[] = FILE_101(9),
	    gone[] = FILE_101(1) " (deleted)", real_2[] = "/data/vz/vm-101-disk-2.raw";
static struct blockname loops[] = {
	{ .major = 7, .minor = 0, .name = loop0, .file = file_0 },
	{ .major = 7, .minor = 1, .name = loop1, .file = gone },
	{ .major = 7, .minor = 2, .name = loop2, .file = real_2 },
	{ .major = 7, .minor = 3, .name = loop3 },
	{ .major = 7, .minor = 4, .name = loop3, .file = file_9 },
	{ .major = 8, .minor = 16, .name = sdb },
};
static const struct blocknames loop_names = { loops, ARRAY_SIZE(loops) };

static const char loop_conf[] = "rootfs: local:101/vm-101-disk-0.raw\n"
				"mp1: local:101/vm-101-disk-1.raw,mp=/gone\n"
				"mp2: local:101/vm-101-disk-2.raw,mp=/link\n"
				"mp3: local:101/vm-101-disk-3.raw,mp=/none\n"
				"mp4: local:101/vm-101-disk-4.raw,mp=/other\n"
				"mp5: local:101/vm-101-disk-5.raw,mp=/disk\n"
				"mp6: local:101/vm-101-disk-0.raw,mp=/part\n";
static const char loop_mounts[] = "1 0 7:0 / / rw - ext4 /dev/loop0 rw\n"
				  "2 1 7:1 / /gone rw - ext4 /dev/loop1 rw\n"
				  "3 1 7:2 / /link rw - ext4 /dev/loop2 rw\n"
				  "4 1 7:3 / /none rw - ext4 /dev/loop3 rw\n"
				  "5 1 7:4 / /other rw - ext4 /dev/loop4 rw\n"
				  "6 1 8:16 / /disk rw - ext4 /dev/sdb rw\n"
				  "7 1 7:0 /sub /part rw - ext4 /dev/loop0 rw\n";

static void check_same(const struct join *j, const enum answer *want, size_t n)
{
	CHECK_U64(j->c.n, n);
	for (size_t i = 0; i < n; i++)
		CHECK(row(j, i)->same == want[i], "%s: %d", row(j, i)->key,
		      row(j, i)->same);
}

static void a_raw_file_is_known_by_its_loop_device(void)
{
	static const enum answer nothing[7], without_links[] = {
		ANSWER_YES,     ANSWER_UNKNOWN, ANSWER_UNKNOWN, ANSWER_UNKNOWN,
		ANSWER_UNKNOWN, ANSWER_NO,      ANSWER_UNKNOWN,
	};
	_join_ j = { 0 }, devices = { .devices = &loop_names };

	join(loop_conf, loop_mounts, &j);
	check_same(&j, nothing, ARRAY_SIZE(nothing));
	for (size_t i = 0; i < j.c.n; i++)
		CHECK(mountjoin_device(row(&j, i)) == row(&j, i)->mount, "%zu", i);
	join(loop_conf, loop_mounts, &devices);
	check_same(&devices, without_links, ARRAY_SIZE(without_links));
	CHECK(row(&devices, 4)->device == &loops[4], "device");
	CHECK_STR(mountjoin_link(row(&devices, 4)), FILE_101(4));
	CHECK(!mountjoin_link(row(&devices, 0)), "known");
}

static void another_file_is_told_from_one_behind_a_link(void)
{
	static char asked[][64] = { FILE_101(1), FILE_101(2), FILE_101(3), FILE_101(4) };
	static char real_1[] = FILE_101(1), real_4[] = FILE_101(4);
	static struct hostpath paths[] = { { .path = asked[0], .real = real_1 },
					   { .path = asked[1], .real = real_2 },
					   { .path = asked[2], .error = -ETIMEDOUT },
					   { .path = asked[3], .real = real_4 } };
	static const struct hostpaths links = { paths, ARRAY_SIZE(paths) };
	static const enum answer want[] = {
		ANSWER_YES, ANSWER_NO, ANSWER_YES,     ANSWER_UNKNOWN,
		ANSWER_NO,  ANSWER_NO, ANSWER_UNKNOWN,
	};
	_join_ j = { .devices = &loop_names, .links = &links };

	join(loop_conf, loop_mounts, &j);
	check_same(&j, want, ARRAY_SIZE(want));
}

static void an_rbd_image_is_known_by_its_pool_and_name(void)
{
	static char rbd[] = "rbd0", rp[] = "rp", ns[] = "ns", other[] = "backup",
		    image[] = "vm-101-disk-0", snap[] = "before";
	static struct blockname b[] = {
		{ .major = 252, .minor = 0, .name = rbd, .pool = rp, .image = image },
		{ .major = 252,
		  .minor = 16,
		  .name = rbd,
		  .pool = rp,
		  .ns = ns,
		  .image = image },
		{ .major = 252,
		  .minor = 32,
		  .name = rbd,
		  .pool = rp,
		  .image = image,
		  .snap = snap },
		{ .major = 252, .minor = 48, .name = rbd, .pool = other, .image = image },
		{ .major = 252, .minor = 64, .name = rbd },
	};
	static const struct blocknames names = { b, ARRAY_SIZE(b) };
	static const struct {
		const char *volume;
		unsigned minor;
		enum answer same;
	} cases[] = {
		{ "ceph:vm-101-disk-0", 0, ANSWER_YES },
		{ "ceph:vm-101-disk-1", 0, ANSWER_NO },
		{ "ceph:vm-101-disk-0", 16, ANSWER_NO },
		{ "lab:vm-101-disk-0", 16, ANSWER_YES },
		{ "lab:vm-101-disk-0", 0, ANSWER_NO },
		{ "ceph:vm-101-disk-0", 32, ANSWER_NO },
		{ "ceph:vm-101-disk-0", 48, ANSWER_NO },
		{ "ceph:vm-101-disk-0", 64, ANSWER_UNKNOWN },
		{ "ceph:vm-101-disk-0", 80, ANSWER_UNKNOWN },
		{ "local:101/vm-101-disk-0.raw", 0, ANSWER_NO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_join_ j = { .devices = &names };
		char conf[128], mounts[128];

		snprintf(conf, sizeof(conf), "rootfs: %s\n", cases[i].volume);
		snprintf(mounts, sizeof(mounts),
			 "1 0 252:%u / / rw - ext4 /dev/rbd0 rw\n", cases[i].minor);
		join(conf, mounts, &j);
		CHECK(row(&j, 0)->same == cases[i].same, "%s, %u: %d", cases[i].volume,
		      cases[i].minor, row(&j, 0)->same);
		CHECK(!mountjoin_link(row(&j, 0)), "%zu", i);
	}
}

/* Which of them is mapped is not said. */
static void images_of_two_clusters_may_have_one_name(void)
{
	static char rbd[] = "rbd0", rp[] = "rp", image[] = "vm-101-disk-0";
	static struct blockname b = {
		.major = 252, .name = rbd, .pool = rp, .image = image
	};
	const struct blocknames names = { &b, 1 };
	static const char cfg[] = "rbd: a\n\tpool rp\n\tcontent rootdir\n\n"
				  "rbd: b\n\tpool rp\n\tmonhost 10.0.0.1\n"
				  "\tcontent rootdir\n";
	static const char conf[] = "rootfs: a:vm-101-disk-0\n";
	static const char mounts[] = "1 0 252:0 / / rw - ext4 /dev/rbd0 rw\n";
	_join_ j = { 0 };
	struct mountjoin in = { .vmid = 101,
				.conf = &j.conf,
				.storages = &j.storages,
				.inside = &j.inside_tree,
				.devices = &names };

	CHECK(pveconf_parse(conf, strlen(conf), 101, &j.conf, NULL) == 0, "conf");
	CHECK(storage_parse(cfg, strlen(cfg), &j.storages, NULL) == 0, "storage.cfg");
	mountinfo_parse(mounts, strlen(mounts), &j.inside);
	mounttree_build(&j.inside, &j.inside_tree);
	mountjoin(&in, &j.c);
	CHECK(row(&j, 0)->same == ANSWER_UNKNOWN, "%d", row(&j, 0)->same);
}

static void a_bind_mount_of_a_network_may_hang(void)
{
	_join_ j = { 0 };

	join("rootfs: local-lvm:vm-101-disk-0\nmp0: /mnt/pve/nas/x,mp=/x\n"
	     "mp1: nas:101/vm-101-disk-0.raw,mp=/raw\n"
	     "mp2: nas:101/subvol-101-disk-1.subvol,mp=/sub,size=0T\n",
	     ROOT
	     "2 301 0:60 / /x rw - nfs4 n:/e/x rw\n"
	     "3 301 7:0 / /raw rw - ext4 /dev/loop0 rw\n"
	     "4 301 0:60 / /sub rw - nfs4 n:/e/images/101/subvol-101-disk-1.subvol rw\n",
	     &j);
	CHECK_STR(type(row(&j, 1)), "bind");
	CHECK(row(&j, 1)->may_hang && row(&j, 1)->same == ANSWER_YES, "bind");
	CHECK_STR(type(row(&j, 2)), "block");
	CHECK(!row(&j, 2)->may_hang, "a loop device answers by itself");
	CHECK_STR(type(row(&j, 3)), "dir");
	CHECK(row(&j, 3)->may_hang && row(&j, 3)->same == ANSWER_YES, "dir");
}

static void a_volume_under_another_mount_is_hidden(void)
{
	_join_ j = { 0 };

	join("rootfs: local-lvm:vm-101-disk-0\nmp0: local-lvm:vm-101-disk-1,mp=/d\n"
	     "mp1: local-lvm:vm-101-disk-2,mp=/e/f\n",
	     ROOT "2 301 253:10 / /d rw - ext4 /dev/mapper/pve-vm--101--disk--1 rw\n"
		  "3 301 253:11 / /e/f rw - ext4 /dev/mapper/pve-vm--101--disk--2 rw\n"
		  "4 2 0:70 / /d rw - tmpfs none rw\n"
		  "5 301 0:71 / /e rw - tmpfs none rw\n",
	     &j);
	CHECK(row(&j, 1)->same == ANSWER_YES, "%d", row(&j, 1)->same);
	CHECK_U64(row(&j, 1)->over ? row(&j, 1)->over->id : 0, 4);
	CHECK_U64(row(&j, 2)->over ? row(&j, 2)->over->id : 0, 5);
	CHECK(!row(&j, 1)->missing && !row(&j, 0)->over, "missing");
	/* and what lies over them are rows of their own */
	CHECK_U64(j.c.n, 5);
	CHECK(row(&j, 3)->origin == CTMOUNT_GUEST, "origin");
	CHECK_TEXT(row(&j, 3)->path, "/d");
	CHECK_STR(type(row(&j, 4)), "tmpfs");
}

static void what_is_not_mounted_is_missing_only_while_it_runs(void)
{
	static const char conf[] = "rootfs: local-lvm:vm-101-disk-0\n"
				   "mp0: local-lvm:vm-101-disk-1,mp=/d,ro=1\n";
	_join_ up = { 0 }, down = { 0 };

	join(conf, ROOT, &up);
	join(conf, NULL, &down);
	CHECK(row(&up, 1)->missing && !row(&up, 1)->mount, "up");
	CHECK(!row(&up, 0)->missing, "rootfs");
	CHECK(!row(&down, 1)->missing && !row(&down, 0)->missing, "down");
	CHECK(row(&down, 1)->ro, "the config says so");
	CHECK_STR(type(row(&down, 1)), "block");
}

static void of_a_truncated_list_nothing_is_missing(void)
{
	_join_ j = { 0 };
	struct mountjoin in = { .vmid = 101, .conf = &j.conf, .inside = &j.inside_tree };
	static const char conf[] = "rootfs: local-lvm:vm-101-disk-0\n";

	CHECK(pveconf_parse(conf, strlen(conf), 101, &j.conf, NULL) == 0, "parse");
	j.inside.truncated = true;
	mounttree_build(&j.inside, &j.inside_tree);
	mountjoin(&in, &j.c);
	CHECK(!row(&j, 0)->missing && j.c.truncated, "missing");
}

static void a_stopped_one_is_found_on_the_node(void)
{
	_join_ j = { 0 };

	join("rootfs: tank:subvol-101-disk-0,size=8G\n"
	     "mp0: tank:subvol-101-disk-9,mp=/gone\n"
	     "mp1: btr:101/subvol-101-disk-1.subvol,mp=/b\n"
	     "mp2: local:101/subvol-101-disk-2.subvol,mp=/l,size=0T\n"
	     "mp3: /mnt/pve/nas/x,mp=/x\nmp4: local-lvm:vm-101-disk-0,mp=/v\n",
	     NULL, &j);
	CHECK_STR(row(&j, 0)->host_path, "/tank/ct/subvol-101-disk-0");
	/* its directory may be there, and would have the size of the pool */
	CHECK(!row(&j, 1)->host_path, "%s", row(&j, 1)->host_path);
	CHECK_STR(row(&j, 2)->host_path, "/srv/btr/images/101/subvol-101-disk-1.subvol");
	CHECK_STR(row(&j, 3)->host_path,
		  "/var/lib/vz/images/101/subvol-101-disk-2.subvol");
	CHECK_STR(row(&j, 4)->host_path, "/mnt/pve/nas/x");
	CHECK(row(&j, 4)->may_hang && !row(&j, 2)->may_hang, "may hang");
	CHECK(!row(&j, 5)->host_path, "%s", row(&j, 5)->host_path);
}

static void what_pct_mount_has_mounted_is_found(void)
{
	_join_ j = { 0 };

	join_host("rootfs: local-lvm:vm-101-disk-0\nmp0: local-lvm:vm-101-disk-1,mp=/d\n",
		  NULL,
		  "1 0 254:0 / / rw - ext4 /dev/vda rw\n"
		  "2 1 253:9 / /var/lib/lxc/101/rootfs rw - ext4 /dev/mapper/x rw\n",
		  &j);
	CHECK_STR(row(&j, 0)->host_path, "/var/lib/lxc/101/rootfs");
	CHECK(!row(&j, 1)->host_path, "%s", row(&j, 1)->host_path);
}

static void without_storage_cfg_the_mount_tells_its_kind(void)
{
	_join_ j = { 0 };
	static const char conf[] = "rootfs: other:vm-101-disk-0,size=1G\n"
				   "mp0: nocolon,mp=/x\n";

	join(conf, "1 0 0:5 / / rw - btrfs /dev/sda rw\n", &j);
	CHECK_STR(type(row(&j, 0)), "btrfs");
	CHECK(row(&j, 0)->snapshots == ANSWER_UNKNOWN, "snapshots");
	CHECK(row(&j, 0)->same == ANSWER_UNKNOWN, "same");
	CHECK_STR(type(row(&j, 1)), "other");
}

static void raw_entries_are_rows(void)
{
	_join_ j = { 0 };

	join("rootfs: local-lvm:vm-101-disk-0\n"
	     "lxc.mount.entry: /gone gone none bind 0 0\n"
	     "lxc.mount.entry: \n"
	     "lxc.mount.entry: \"/opt/a\\040b srv/a\\040b none rbind,ro,create=dir 0 0\"\n"
	     "lxc.mount.entry: /dev/net/tun dev/net/tun none bind,create=file\n"
	     "lxc.mount.entry: proc proc proc nodev\n"
	     "lxc.mount.entry: tmpfs /var/lib/lxc/101/rootfs/t tmpfs size=1m\n"
	     "lxc.mount.entry: /opt /usr/lib/x86_64-linux-gnu/lxc/rootfs/opt none bind,optional\n"
	     "lxc.mount.entry: /opt /elsewhere none bind\n"
	     "lxc.mount.entry: half\n",
	     ROOT "2 301 254:0 /opt/a\\040b /srv/a\\040b rw - ext4 /dev/vda rw\n", &j);
	CHECK_U64(j.c.n, 4);
	CHECK(row(&j, 1)->origin == CTMOUNT_ENTRY && !row(&j, 1)->key[0], "origin");
	CHECK_TEXT(row(&j, 1)->volume, "/opt/a b");
	CHECK_TEXT(row(&j, 1)->path, "/srv/a b");
	CHECK_STR(type(row(&j, 1)), "bind");
	CHECK(row(&j, 1)->same == ANSWER_YES && !row(&j, 1)->missing, "same");
	CHECK_TEXT(row(&j, 2)->path, "/t");
	CHECK_STR(type(row(&j, 2)), "tmpfs");
	CHECK(row(&j, 2)->missing, "not mounted");
	CHECK_TEXT(row(&j, 3)->path, "/opt");
	CHECK(!row(&j, 3)->missing, "optional");
}

static void what_the_guest_mounted_is_told_apart(void)
{
	_join_ j = { 0 };

	join("rootfs: local-lvm:vm-101-disk-0\n",
	     ROOT
	     "2 301 0:5 / /proc rw - proc proc rw\n"
	     "3 301 0:6 / /run rw - tmpfs tmpfs rw\n"
	     "4 301 0:7 / /mnt/n rw - nfs4 h:/x rw\n"
	     "5 301 0:8 / /mnt/s rw - fuse.sshfs u@h: rw\n"
	     "6 301 0:9 /proc/stat /proc/stat rw - fuse.lxcfs lxcfs rw\n"
	     "7 301 253:9 /home /mnt/home rw - ext4 /dev/mapper/pve-vm--101--disk--0 rw\n"
	     "8 301 0:10 / /var/lib/docker/o/merged rw - overlay overlay rw\n",
	     &j);
	CHECK_U64(j.c.n, 6);
	CHECK_STR(type(row(&j, 1)), "tmpfs");
	CHECK_STR(type(row(&j, 2)), "nfs");
	CHECK(row(&j, 2)->may_hang && row(&j, 3)->may_hang && !row(&j, 1)->may_hang,
	      "may hang");
	CHECK_STR(type(row(&j, 3)), "fuse");
	CHECK(row(&j, 4)->repeated && !row(&j, 3)->repeated, "repeated");
	CHECK_TEXT(row(&j, 4)->path, "/mnt/home");
	CHECK_STR(type(row(&j, 5)), "overlay");
	CHECK_TEXT(row(&j, 2)->volume, "h:/x");
}

static void so_many_of_the_guests_are_rows_and_no_more(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_join_ j = { 0 };

	buf_adds(&b, ROOT);
	for (unsigned i = 0; i < CTMOUNTS_MAX_GUEST + 3; i++)
		buf_addf(&b, "%u 301 0:%u / /m/%u rw - tmpfs x rw\n", i + 400, i + 9, i);
	buf_adds(&b,
		 "900 301 253:11 / /d rw - ext4 /dev/mapper/pve-vm--101--disk--1 rw\n");
	join("rootfs: local-lvm:vm-101-disk-0\nmp0: local-lvm:vm-101-disk-1,mp=/d\n", b.p,
	     &j);
	CHECK_U64(j.c.n, 2 + CTMOUNTS_MAX_GUEST);
	CHECK_U64(j.c.n_more, 3);
	CHECK(row(&j, 1)->same == ANSWER_YES, "the config's row is there");
}

static void a_container_without_config_has_its_mounts(void)
{
	_join_ j = { 0 };
	struct mountjoin in = { .vmid = 101, .inside = &j.inside_tree };

	mountinfo_parse(ROOT, strlen(ROOT), &j.inside);
	mounttree_build(&j.inside, &j.inside_tree);
	mountjoin(&in, &j.c);
	CHECK_U64(j.c.n, 1);
	CHECK(row(&j, 0)->origin == CTMOUNT_GUEST, "origin");
}

static void paths_are_written_as_the_kernel_writes_them(void)
{
	static const char *const want[][2] = {
		{ "", "/" },     { "/", "/" },       { "//", "/" },
		{ "a", "/a" },   { "/a/", "/a" },    { "/a//b///c", "/a/b/c" },
		{ "a//", "/a" }, { "/a b", "/a b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_free_ char *got = mountjoin_path(want[i][0]);

		CHECK_STR(got, want[i][1]);
	}
}

static void sizes_are_pves(void)
{
	struct fsuse u;

	/* 101's root file system on the recorded node, where pct df said 973.4M 2.3M 904.0M */
	fsuse_of(&(struct fscount){ 1020702720, 1018286080, 947904512, 65536, 65000 },
		 &u);
	CHECK_U64(u.size_bytes.n, 1020702720);
	CHECK_U64(u.used_bytes.n, 2416640);
	CHECK_U64(u.avail_bytes.n, 947904512);
	CHECK_U64(u.inodes_used.n, 536);
	CHECK_U64(fsuse_ppm(u.used_bytes, u.size_bytes).n, 2367);
	fsuse_of(&(struct fscount){ 100, 100, 0, 0, 0 }, &u);
	CHECK(u.used_bytes.kind == VAL_SET && u.used_bytes.n == 0, "empty");
	CHECK(u.avail_bytes.kind == VAL_SET && u.avail_bytes.n == 0, "full for users");
	CHECK(u.inodes.kind == VAL_ABSENT, "btrfs counts none");
}

static void sizes_that_make_no_sense_are_none(void)
{
	static const struct fscount bad[] = {
		{ 0, 0, 0, 0, 0 },
		{ 100, 101, 0, 0, 1 },
		{ UINT64_MAX, 0, 0, 5, 6 },
		{ (uint64_t)INT64_MAX + 1, 0, 0, 0, 0 },
	};
	struct fsuse u;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fsuse_of(&bad[i], &u);
		CHECK(!u.size_bytes.kind && !u.used_bytes.kind && !u.avail_bytes.kind &&
			      !u.inodes.kind && !u.inodes_used.kind,
		      "case %zu", i);
		CHECK(!fsuse_ppm(u.used_bytes, u.size_bytes).kind, "case %zu", i);
	}
	fsuse_of(&(struct fscount){ 100, 50, 101, 0, 0 }, &u);
	CHECK(u.size_bytes.kind == VAL_SET && !u.avail_bytes.kind, "avail");
	fsuse_of(&(struct fscount){ INT64_MAX, 0, 0, 0, 0 }, &u);
	CHECK_U64(fsuse_ppm(u.used_bytes, u.size_bytes).n, 1000000);
}

int main(void)
{
	RUN(rootfs_comes_first_then_mps_by_number);
	RUN(a_volume_of_lvm_is_known_by_its_device);
	RUN(a_data_set_is_known_by_its_name);
	RUN(a_bind_mount_is_known_by_its_directory);
	RUN(a_raw_file_is_known_by_its_loop_device);
	RUN(another_file_is_told_from_one_behind_a_link);
	RUN(an_rbd_image_is_known_by_its_pool_and_name);
	RUN(images_of_two_clusters_may_have_one_name);
	RUN(a_bind_mount_of_a_network_may_hang);
	RUN(a_volume_under_another_mount_is_hidden);
	RUN(what_is_not_mounted_is_missing_only_while_it_runs);
	RUN(of_a_truncated_list_nothing_is_missing);
	RUN(a_stopped_one_is_found_on_the_node);
	RUN(what_pct_mount_has_mounted_is_found);
	RUN(without_storage_cfg_the_mount_tells_its_kind);
	RUN(raw_entries_are_rows);
	RUN(what_the_guest_mounted_is_told_apart);
	RUN(so_many_of_the_guests_are_rows_and_no_more);
	RUN(a_container_without_config_has_its_mounts);
	RUN(paths_are_written_as_the_kernel_writes_them);
	RUN(sizes_are_pves);
	RUN(sizes_that_make_no_sense_are_none);
	return DONE();
}
