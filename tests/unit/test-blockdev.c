/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/blockdev.h"
#include "read/blockname.h"
#include "tmproot.h"

/* A root with a piece of sysfs, as the node of tests/fixtures/hosts/pvn1 has it. */
static struct tmproot root;

static void put(const char *path, const char *text)
{
	tmproot_put(&root, path, text);
}

static void put_link(const char *path, const char *to)
{
	tmproot_link(&root, path, to);
}

/* A disk: its number, its directory in devices/, what is below it. */
static void disk(const char *id, const char *name, const char *const *lower)
{
	char path[256], to[256];

	snprintf(path, sizeof(path), "sys/devices/block/%s/dev", name);
	snprintf(to, sizeof(to), "%s\n", id);
	put(path, to);
	snprintf(path, sizeof(path), "sys/devices/block/%s/slaves/", name);
	tmproot_dirs(&root, path);
	for (size_t i = 0; lower && lower[i]; i++) {
		const char *base = strrchr(lower[i], '/');

		snprintf(path, sizeof(path), "sys/devices/block/%s/slaves/%s", name,
			 base ? base + 1 : lower[i]);
		snprintf(to, sizeof(to), "../../%s", lower[i]);
		put_link(path, to);
	}
	snprintf(path, sizeof(path), "sys/dev/block/%s", id);
	snprintf(to, sizeof(to), "../../devices/block/%s", name);
	put_link(path, to);
}

static void dm(const char *id, const char *name, const char *dm_name, const char *uuid,
	       const char *const *lower)
{
	char path[256];

	disk(id, name, lower);
	snprintf(path, sizeof(path), "sys/devices/block/%s/dm/name", name);
	put(path, dm_name);
	snprintf(path, sizeof(path), "sys/devices/block/%s/dm/uuid", name);
	put(path, uuid);
}

#define L(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void make_node(void)
{
	tmproot_make(&root);
	disk("254:0", "vda", NULL);
	disk("254:16", "vdb", NULL);
	disk("8:0", "sda", NULL);
	put("sys/devices/block/sda/sda3/dev", "8:3\n");
	put("sys/devices/block/sda/sda3/partition", "3\n");
	put_link("sys/dev/block/8:3", "../../devices/block/sda/sda3");
	dm("253:0", "dm-0", "pve-data_tmeta\n", "LVM-x\n", L("vdb"));
	dm("253:1", "dm-1", "pve-data_tdata\n", "LVM-x\n", L("vdb"));
	dm("253:2", "dm-2", "pve-data-tpool\n", "LVM-x-tpool\n", L("dm-0", "dm-1"));
	dm("253:9", "dm-9", "pve-vm--103--disk--0\n", "LVM-x\n", L("dm-2"));
	dm("253:10", "dm-10", "pve-vm--103--disk--1\n", "LVM-x\n", L("dm-2"));
	dm("253:20", "dm-20", "pve-root\n", "LVM-x\n", L("sda/sda3"));
	dm("253:21", "dm-21", "luks-4a5b-77\n", "CRYPT-LUKS2-x\n", L("sda/sda3"));
	dm("253:22", "dm-22", "vg-wide\n", "LVM-x\n", L("sda/sda3", "vda"));
	disk("7:0", "loop0", NULL);
	put("sys/devices/block/loop0/loop/backing_file",
	    "/mnt/big store/images/200/vm-200-disk-0.raw\n");
	disk("7:1", "loop1", NULL);
	put("sys/devices/block/loop1/loop/backing_file", "/mnt/nas/x.raw\n");
	disk("7:2", "loop2", NULL);
	put("sys/devices/block/loop2/loop/backing_file", "/mnt/bt/x.raw\n");
	disk("252:0", "rbd0", NULL);
	put("sys/bus/rbd/devices/0/pool", "ceph\n");
	put("sys/bus/rbd/devices/0/pool_ns", "\n");
	put("sys/bus/rbd/devices/0/name", "vm-7-disk-0\n");
	put("sys/bus/rbd/devices/0/current_snap", "-\n");
	disk("252:16", "rbd1", NULL);
	put("sys/bus/rbd/devices/1/pool", "ceph\n");
	put("sys/bus/rbd/devices/1/pool_ns", "lab\n");
	put("sys/bus/rbd/devices/1/name", "vm-8-disk-0\n");
	put("sys/bus/rbd/devices/1/current_snap", "before\n");
	put("proc/1/mountinfo",
	    "20 1 253:20 / / rw - ext4 /dev/mapper/pve-root rw\n"
	    "21 20 8:3 / /mnt/big\\040store rw shared:1 - ext4 /dev/sda3 rw\n"
	    "22 20 0:50 / /mnt/nas rw - nfs4 nas:/x rw\n"
	    "23 20 0:51 / /mnt/bt rw - btrfs /dev/vda rw\n"
	    "24 20 0:52 / /mnt/na rw - tmpfs t rw\n");
}

static struct cg_io_dev dev(uint32_t major, uint32_t minor, uint64_t r, uint64_t w)
{
	return (struct cg_io_dev){
		.major = major, .minor = minor, .rbytes = val_set(r), .wbytes = val_set(w)
	};
}

#define IO(...)                                                                          \
	(struct cg_io)                                                                   \
	{                                                                                \
		.v = (struct cg_io_dev[]){ __VA_ARGS__ },                                \
		.n = ARRAY_SIZE(((struct cg_io_dev[]){ __VA_ARGS__ })), .present = true  \
	}

static struct io_true count(struct cg_io io, bool *counted)
{
	_cleanup_(blockdevs_done) struct blockdevs d = { 0 };
	struct io_true t;

	CHECK(blockdev_read(root.fd, &io, &d, NULL) == 0, "read");
	blockdev_true(&io, &d, &t, counted);
	return t;
}

#define CHECK_TRUE(t, m, r, w)                                                           \
	do {                                                                             \
		struct io_true t_ = (t);                                                 \
		CHECK(t_.method == (m), "%s", io_true_method_name(t_.method));           \
		CHECK(t_.rbytes.kind == VAL_SET, "kind %d", t_.rbytes.kind);             \
		CHECK_U64(t_.rbytes.n, r);                                               \
		CHECK_U64(t_.wbytes.n, w);                                               \
	} while (0)

static void thin_volumes_are_counted_once(void)
{
	bool counted[7];

	/* io.stat of container 103 of the recorded node, its one flush line too */
	struct cg_io io =
		IO(dev(253, 10, 0, 0), dev(254, 0, 0, 0), dev(254, 16, 30883840, 2027520),
		   dev(253, 1, 30883840, 2027520), dev(253, 2, 30883840, 2027520),
		   dev(253, 9, 30883840, 2027520));

	CHECK_TRUE(count(io, counted), IO_TRUE_STACK, 30883840, 2027520);
	CHECK(counted[0] && counted[1] && counted[5], "tops");
	CHECK(!counted[2] && !counted[3] && !counted[4], "lower ones");
}

static void two_volumes_of_one_pool_are_added(void)
{
	CHECK_TRUE(
		count(IO(dev(253, 9, 100, 10), dev(253, 10, 20, 2), dev(253, 2, 120, 12),
			 dev(253, 1, 120, 12), dev(254, 16, 120, 12)),
		      NULL),
		IO_TRUE_STACK, 120, 12);
}

static void a_file_system_beside_the_volumes_on_one_disk_counts(void)
{
	/* 50 read from another partition of the disk that holds the pool */
	CHECK_TRUE(count(IO(dev(253, 9, 100, 10), dev(253, 2, 100, 10),
			    dev(253, 1, 100, 10), dev(254, 16, 150, 10)),
			 NULL),
		   IO_TRUE_STACK, 150, 10);
	/* only from there, the volume just flushed */
	CHECK_TRUE(count(IO(dev(253, 9, 0, 0), dev(254, 16, 70, 0)), NULL), IO_TRUE_STACK,
		   70, 0);
	/* what the lower device has not seen yet is not negative */
	CHECK_TRUE(count(IO(dev(253, 20, 100, 100), dev(8, 0, 90, 90)), NULL),
		   IO_TRUE_STACK, 100, 100);
}

static void a_volume_over_two_disks_hides_no_excess(void)
{
	/* 253:22 spreads over both: which disk had how much of it is not known */
	CHECK_TRUE(count(IO(dev(253, 22, 100, 0), dev(8, 0, 60, 0), dev(254, 0, 40, 0)),
			 NULL),
		   IO_TRUE_STACK, 100, 0);
}

static void partitions_stand_for_their_disk(void)
{
	CHECK_TRUE(count(IO(dev(253, 20, 100, 10), dev(8, 0, 100, 10)), NULL),
		   IO_TRUE_STACK, 100, 10);
}

static void below_a_loop_device_is_the_disk_of_its_file(void)
{
	CHECK_TRUE(count(IO(dev(7, 0, 100, 10), dev(8, 0, 100, 10)), NULL), IO_TRUE_STACK,
		   100, 10);
	/* on NFS there is no disk here */
	CHECK_TRUE(count(IO(dev(7, 1, 100, 10), dev(8, 0, 5, 5)), NULL), IO_TRUE_STACK,
		   105, 15);
}

static void an_unknown_stacking_gives_no_number(void)
{
	struct io_true t;

	/* the disks of a btrfs are not known */
	t = count(IO(dev(7, 2, 100, 10), dev(8, 0, 100, 10)), NULL);
	CHECK(t.method == IO_TRUE_UNKNOWN, "%d", t.method);
	CHECK(t.rbytes.kind == VAL_ABSENT, "%d", t.rbytes.kind);
	/* a device that sysfs does not have */
	t = count(IO(dev(99, 1, 100, 10), dev(8, 0, 100, 10)), NULL);
	CHECK(t.method == IO_TRUE_UNKNOWN, "%d", t.method);
}

static void one_device_needs_no_stacking(void)
{
	CHECK_TRUE(count(IO(dev(99, 1, 100, 10), dev(8, 0, 0, 0)), NULL), IO_TRUE_SINGLE,
		   100, 10);
}

static void no_io_is_zero_and_no_file_is_absent(void)
{
	struct cg_io none = { .present = true };
	struct io_true t;

	CHECK_TRUE(count(none, NULL), IO_TRUE_STACK, 0, 0);
	CHECK_TRUE(count(IO(dev(99, 1, 0, 0)), NULL), IO_TRUE_STACK, 0, 0);
	t = count((struct cg_io){ 0 }, NULL);
	CHECK(t.rbytes.kind == VAL_ABSENT, "%d", t.rbytes.kind);
}

static void devices_have_the_names_that_admins_use(void)
{
	static const struct {
		uint32_t major, minor;
		const char *name, *label;
	} want[] = {
		{ 253, 9, "dm-9", "pve/vm-103-disk-0" },
		{ 253, 2, "dm-2", "pve/data (tpool)" },
		{ 253, 21, "dm-21", "luks-4a5b-77" },
		{ 254, 16, "vdb", NULL },
		{ 7, 0, "loop0", "/mnt/big store/images/200/vm-200-disk-0.raw" },
		{ 252, 0, "rbd0", "ceph/vm-7-disk-0" },
		{ 252, 16, "rbd1", "ceph/lab/vm-8-disk-0" },
		{ 99, 1, NULL, NULL },
	};
	_cleanup_(blockdevs_done) struct blockdevs d = { 0 };
	struct cg_io io = IO(dev(253, 9, 0, 0), dev(253, 21, 0, 0), dev(7, 0, 0, 0),
			     dev(252, 0, 0, 0), dev(252, 16, 0, 0), dev(99, 1, 0, 0));

	CHECK(blockdev_read(root.fd, &io, &d, NULL) == 0, "read");
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct blockdev *b = blockdev_find(
			&d, (struct blockid){ want[i].major, want[i].minor });

		CHECK(b, "%u:%u", want[i].major, want[i].minor);
		if (!b)
			continue;
		CHECK(str_eq(b->name, want[i].name), "%s", b->name ? b->name : "-");
		CHECK(str_eq(b->label, want[i].label), "%s", b->label ? b->label : "-");
	}
}

static void what_a_device_is_of_is_known_by_its_number(void)
{
	static const struct {
		uint32_t major, minor;
		const char *name, *file, *pool, *ns, *image, *snap;
	} want[] = {
		{ 252, 16, "rbd1", NULL, "ceph", "lab", "vm-8-disk-0", "before" },
		{ 7, 1, "loop1", "/mnt/nas/x.raw", NULL, NULL, NULL, NULL },
		{ 252, 0, "rbd0", NULL, "ceph", NULL, "vm-7-disk-0", NULL },
		{ 7, 9, NULL, NULL, NULL, NULL, NULL, NULL },
		{ 8, 3, "sda3", NULL, NULL, NULL, NULL, NULL },
		{ 7, 10, "loop10", NULL, NULL, NULL, NULL, NULL },
		{ 7, 11, "loop10p1", NULL, NULL, NULL, NULL, NULL },
	};
	_cleanup_(blocknames_done) struct blocknames l = { 0 };

	disk("7:10", "loop10", NULL); /* in no use */
	disk("7:11", "loop10p1", NULL);
	put("sys/devices/block/loop10p1/loop/backing_file", "/x.raw\n");
	CHECK(!blocknames_find(NULL, 7, 0) && !blocknames_find(&l, 7, 0), "none");
	for (int twice = 0; twice < 2; twice++)
		for (size_t i = 0; i < ARRAY_SIZE(want); i++)
			blocknames_add(root.fd, want[i].major, want[i].minor, &l);
	CHECK_U64(l.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct blockname *b =
			blocknames_find(&l, want[i].major, want[i].minor);

		CHECK(b && str_eq(b->name, want[i].name) &&
			      str_eq(b->file, want[i].file) &&
			      str_eq(b->pool, want[i].pool) &&
			      str_eq(b->ns, want[i].ns) &&
			      str_eq(b->image, want[i].image) &&
			      str_eq(b->snap, want[i].snap),
		      "%u:%u", want[i].major, want[i].minor);
	}
	CHECK(!blocknames_find(&l, 7, 2), "one that was not asked for");
}

static void lvm_names_are_decoded(void)
{
	static const char *const cases[][2] = {
		{ "pve-vm--101--disk--0", "pve/vm-101-disk-0" },
		{ "pve-data_tdata", "pve/data_tdata" },
		{ "pve-data-tpool", "pve/data (tpool)" },
		{ "my--vg-root", "my-vg/root" },
		{ "mpatha", NULL },
		{ "a-b-c-d", NULL },
		{ "-a", NULL },
		{ "a-", NULL },
		{ "", NULL },
		{ "a--b", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = blockdev_lvm_name(span_str(cases[i][0]));

		CHECK(str_eq(got, cases[i][1]), "%s: %s", cases[i][0], got ? got : "-");
	}
}

/* Without sysfs the names come from diskstats and the monitor's mounts. */
static void a_copy_of_a_node_has_names_but_no_stacking(void)
{
	_cleanup_close_ int pvn1 = fixture_open("hosts/pvn1");
	_cleanup_(blockdevs_done) struct blockdevs d = { 0 };
	_cleanup_(buf_done) struct buf mounts = { 0 };
	struct cg_io io = IO(dev(253, 4, 7, 7), dev(254, 16, 7, 7));
	const struct blockdev *b;
	struct io_true t;

	CHECK(blockdev_read(pvn1, &io, &d, NULL) == 0, "read");
	CHECK(fs_read_file(pvn1, "proc/2223/mountinfo", 1 << 20, &mounts, NULL) == 0,
	      "mountinfo");
	blockdev_label_mounts(&d, span_of(buf_str(&mounts), mounts.n));
	b = blockdev_find(&d, (struct blockid){ 253, 4 });
	CHECK_STR(b->name, "dm-4");
	CHECK_STR(b->label, "pve/vm-101-disk-0");
	CHECK_STR(blockdev_find(&d, (struct blockid){ 254, 16 })->name, "vdb");
	blockdev_true(&io, &d, &t, NULL);
	CHECK(t.method == IO_TRUE_UNKNOWN, "%d", t.method);
}

static void count_line(struct blockid id, struct span name, void *arg)
{
	int *n = arg;

	*n += id.major == 8 && id.minor == 4294967295 && span_eq(name, "x");
}

static void bad_lines_of_diskstats_are_skipped(void)
{
	int n = 0;

	blockdev_parse_diskstats(span_str(""), count_line, &n);
	blockdev_parse_diskstats(span_str("8\n8 1\n8 4294967296 x\n-1 2 x\n\n"),
				 count_line, &n);
	CHECK(n == 0, "%d", n);
	blockdev_parse_diskstats(span_str("8 4294967295 x"), count_line, &n);
	CHECK(n == 1, "%d", n);
}

int main(void)
{
	make_node();
	RUN(thin_volumes_are_counted_once);
	RUN(two_volumes_of_one_pool_are_added);
	RUN(a_file_system_beside_the_volumes_on_one_disk_counts);
	RUN(a_volume_over_two_disks_hides_no_excess);
	RUN(partitions_stand_for_their_disk);
	RUN(below_a_loop_device_is_the_disk_of_its_file);
	RUN(an_unknown_stacking_gives_no_number);
	RUN(one_device_needs_no_stacking);
	RUN(no_io_is_zero_and_no_file_is_absent);
	RUN(devices_have_the_names_that_admins_use);
	RUN(what_a_device_is_of_is_known_by_its_number);
	RUN(lvm_names_are_decoded);
	RUN(a_copy_of_a_node_has_names_but_no_stacking);
	RUN(bad_lines_of_diskstats_are_skipped);
	tmproot_remove(&root);
	return DONE();
}
