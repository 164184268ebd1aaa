/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/mountinfo.h"
#include "test.h"

static bool text_is(struct tbytes t, const char *want, size_t n)
{
	return t.n == n && memcmp(t.p, want, n) == 0;
}

#define CHECK_TEXT(got, want)                                                            \
	do {                                                                             \
		struct tbytes t_ = (got);                                                \
		CHECK(text_is(t_, want, sizeof(want) - 1), "got \"%.*s\", want \"%s\"",  \
		      (int)t_.n, (const char *)t_.p, want);                              \
	} while (0)

static void parse(const char *text, struct mounts *ret)
{
	mountinfo_parse(text, strlen(text), ret);
}

/* The one mount of a text that has one. */
static struct mount one(const char *text, struct mounts *m)
{
	parse(text, m);
	CHECK(m->n == 1 && m->n_bad == 0, "%zu mounts, %zu bad", m->n, m->n_bad);
	return m->n == 1 ? m->v[0] : (struct mount){ 0 };
}

static void every_field_of_a_line_is_read(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m = one("483 482 254:7 /srv/shared /mnt/shared ro,nosuid,relatime "
			     "shared:61 master:1 - ext4 /dev/vda rw,stripe=16\n",
			     &ms);

	CHECK_U64(m.id, 483);
	CHECK_U64(m.parent_id, 482);
	CHECK_U64(m.major, 254);
	CHECK_U64(m.minor, 7);
	CHECK_TEXT(m.root, "/srv/shared");
	CHECK_TEXT(m.point, "/mnt/shared");
	CHECK_TEXT(m.fstype, "ext4");
	CHECK_TEXT(m.source, "/dev/vda");
	CHECK_TEXT(m.super, "rw,stripe=16");
	CHECK_U64(m.shared, 61);
	CHECK_U64(m.master, 1);
	CHECK(m.ro && !m.super_ro, "ro %d super_ro %d", m.ro, m.super_ro);
	CHECK(m.nosuid && !m.nodev && !m.noexec, "%d%d%d", m.nosuid, m.nodev, m.noexec);
	CHECK(!m.deleted && !ms.truncated, "deleted %d", m.deleted);
}

static void a_read_only_file_system_is_not_a_read_only_mount(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m = one("1 0 0:5 / / rw,relatime - squashfs x ro,errors=ro\n", &ms);

	CHECK(!m.ro && m.super_ro, "ro %d super_ro %d", m.ro, m.super_ro);
}

/* "romantic" is no ro, and errors=remount-ro is none either */
static void an_option_is_a_whole_word(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m =
		one("1 0 0:5 / / rw,romantic,nosuidx - ext4 x rw,errors=remount-ro", &ms);

	CHECK(!m.ro && !m.super_ro && !m.nosuid, "%d%d%d", m.ro, m.super_ro, m.nosuid);
}

static void optional_fields_may_be_none_or_unknown(void)
{
	_cleanup_(mounts_done) struct mounts none = { 0 }, many = { 0 };
	struct mount m = one("1 0 0:5 / / rw - tmpfs none rw\n", &none);

	CHECK(m.shared == 0 && m.master == 0, "%u %u", m.shared, m.master);
	m = one("1 0 0:5 / / rw unbindable propagate_from:3 new shared:x master:9 y:z - "
		"tmpfs none rw\n",
		&many);
	CHECK(m.shared == 0 && m.master == 9, "%u %u", m.shared, m.master);
	CHECK_TEXT(m.fstype, "tmpfs");
}

static void octal_is_decoded_in_paths_and_sources(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m =
		one("1 0 0:5 /a\\011b /mnt/a\\040b\\134c\\012d rw - fuse.x\\040y "
		    "//nas/my\\040share rw\n",
		    &ms);

	CHECK_TEXT(m.root, "/a\tb");
	CHECK_TEXT(m.point, "/mnt/a b\\c\nd");
	CHECK_TEXT(m.fstype, "fuse.x y");
	CHECK_TEXT(m.source, "//nas/my share");
}

/* the kernel writes '\' as \134, so these are none of its making; nothing is read over */
static void what_is_no_octal_stays(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m =
		one("1 0 0:5 /\\ /\\04/\\0x0/\\777/\\400/\\377 rw - t \\12 rw", &ms);

	CHECK_TEXT(m.root, "/\\");
	CHECK_TEXT(m.point, "/\\04/\\0x0/\\777/\\400/\377");
	CHECK_TEXT(m.source, "\\12");
}

static void decoded_twice_is_not(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m = one("1 0 0:5 / /\\134040 rw - t s rw", &ms);

	CHECK_TEXT(m.point, "/\\040");
}

static void a_byte_that_is_no_text_is_kept(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m = one("1 0 0:5 / /\033[2J\xff\r rw - t s rw\n", &ms);

	CHECK_TEXT(m.point, "/\033[2J\xff\r");
}

static void an_empty_source_does_not_move_the_fields(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m = one("1 0 0:5 / / rw - tmpfs  ro,size=4k\n", &ms);

	CHECK_U64(m.source.n, 0);
	CHECK_TEXT(m.super, "ro,size=4k");
	CHECK(m.super_ro, "super_ro %d", m.super_ro);
}

/* a mount point that is called "-" is before the mark, an option may look like it */
static void a_dash_elsewhere_is_no_separator(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m = one("1 0 0:5 - - - shared:1 - tmpfs - -\n", &ms);

	CHECK_TEXT(m.root, "-");
	CHECK_TEXT(m.point, "-");
	CHECK_TEXT(m.source, "-");
	CHECK_U64(m.shared, 1);
}

static void a_removed_directory_is_marked(void)
{
	_cleanup_(mounts_done) struct mounts ms = { 0 };
	struct mount m = one("1 0 0:5 /srv/x//deleted /mnt rw - ext4 /dev/sda rw\n", &ms);

	CHECK(m.deleted, "deleted %d", m.deleted);
	CHECK_TEXT(m.root, "/srv/x");
}

static void of_an_nfs_the_source_says_what_is_mounted(void)
{
	static const struct {
		const char *line, *root;
	} want[] = {
		{ "1 0 0:5 / /x rw - nfs4 n:/e/a\\040b rw\n", "/e/a b" },
		{ "1 0 0:5 / /x rw - nfs [fd00::1]:/e rw\n", "/e" },
		{ "1 0 0:5 / /x rw - nfs4 n:/ rw\n", "/" },
		{ "1 0 0:5 / /x rw - nfs4 n:/e/ rw\n", "/e" },
		{ "1 0 0:5 / /x rw - nfs4 none rw\n", "/" },
		{ "1 0 0:5 / /x rw - fuse.nfs n:/e rw\n", "/" },
		{ "1 0 0:5 /d /x rw - nfs n:/e rw\n", "/d" },
		{ "1 0 0:5 / /x rw - nfs  rw\n", "/" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		_cleanup_(mounts_done) struct mounts ms = { 0 };
		struct mount m = one(want[i].line, &ms);

		CHECK(text_is(m.root, want[i].root, strlen(want[i].root)), "%zu: %.*s", i,
		      (int)m.root.n, (const char *)m.root.p);
	}
}

static void an_empty_file_is_no_mounts(void)
{
	_cleanup_(mounts_done) struct mounts a = { 0 }, b = { 0 };

	mountinfo_parse("", 0, &a);
	mountinfo_parse(NULL, 0, &b);
	CHECK(a.n == 0 && a.n_bad == 0 && !a.truncated, "%zu %zu", a.n, a.n_bad);
	CHECK(b.n == 0 && b.n_bad == 0 && !b.truncated, "%zu %zu", b.n, b.n_bad);
}

static void a_last_line_without_newline_counts(void)
{
	_cleanup_(mounts_done) struct mounts m = { 0 };

	parse("1 0 0:5 / / rw - ext4 a rw\n2 1 0:6 / /x rw - ext4 b rw", &m);
	CHECK_U64(m.n, 2);
}

static void a_broken_line_does_not_hide_the_others(void)
{
	static const char *const bad[] = {
		"x 0 0:5 / / rw - ext4 a rw",
		"1 -1 0:5 / / rw - ext4 a rw",
		"1 0 05 / / rw - ext4 a rw",
		"1 0 0: / / rw - ext4 a rw",
		"1 0 :5 / / rw - ext4 a rw",
		"4294967296 0 0:5 / / rw - ext4 a rw",
		"1 0 0:4294967296 / / rw - ext4 a rw",
		"1 0 0:5 / / rw shared:1 ext4 a rw",
		"1 0 0:5 / / rw -",
		"1 0 0:5 / / rw - ext4",
		"1 0 0:5 / / rw - ext4 a",
		"1 0 0:5 / / rw -  a rw",
		"1 0 0:5 /",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(mounts_done) struct mounts m = { 0 };
		_cleanup_free_ char *text = xasprintf(
			"%s\n4294967295 1 4294967295:7 / / rw - ext4 a rw\n", bad[i]);

		parse(text, &m);
		CHECK(m.n == 1 && m.n_bad == 1, "%s: %zu mounts, %zu bad", bad[i], m.n,
		      m.n_bad);
		CHECK_U64(m.n ? m.v[0].id : 0, UINT32_MAX);
		CHECK_U64(m.n ? m.v[0].major : 0, UINT32_MAX);
	}
}

static void a_number_twice_is_two_mounts(void)
{
	_cleanup_(mounts_done) struct mounts m = { 0 };

	parse("1 0 0:5 / / rw - ext4 a rw\n1 0 0:5 / / rw - ext4 a rw\n", &m);
	CHECK_U64(m.n, 2);
}

static void many(struct buf *b, size_t n, size_t path)
{
	for (size_t i = 0; i < n; i++) {
		buf_addf(b, "%zu 1 0:5 / /", i + 2);
		for (size_t k = 0; k < path; k++)
			buf_addc(b, 'p');
		buf_adds(b, " rw - tmpfs none rw\n");
	}
}

static void so_many_are_kept_and_no_more(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_(mounts_done) struct mounts full = { 0 }, over = { 0 };

	many(&b, MOUNTINFO_MAX, 3);
	mountinfo_parse(b.p, b.n, &full);
	CHECK_U64(full.n, MOUNTINFO_MAX);
	CHECK(!full.truncated, "truncated");
	many(&b, 1, 3);
	mountinfo_parse(b.p, b.n, &over);
	CHECK_U64(over.n, MOUNTINFO_MAX);
	CHECK(over.truncated, "not truncated");
}

/* 8,000 paths of 4 KiB: far more than 8 MB, and the line that the bound cuts is no mount */
static void so_long_a_text_is_read_and_no_longer(void)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_(mounts_done) struct mounts m = { 0 };

	many(&b, 8000, 4000);
	mountinfo_parse(b.p, b.n, &m);
	CHECK(m.truncated, "not truncated");
	CHECK(m.n > 4000 && m.n < 4300, "%zu", m.n);
	CHECK_U64(m.n_bad, 0);
	CHECK_U64(m.n ? m.v[m.n - 1].point.n : 0, 4001);
}

static void one_line_without_end_is_no_mount(void)
{
	size_t n = MOUNTINFO_MAX_BYTES + 1000;
	_cleanup_free_ char *p = xmalloc(n);
	_cleanup_(mounts_done) struct mounts m = { 0 };

	memset(p, 'x', n);
	mountinfo_parse(p, n, &m);
	CHECK(m.n == 0 && m.n_bad == 0 && m.truncated, "%zu %zu", m.n, m.n_bad);
}

static void a_recorded_container_is_read_whole(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	_cleanup_(mounts_done) struct mounts m = { 0 };
	struct err err = { 0 };
	size_t lxcfs = 0;

	CHECK(mountinfo_read(root, 2489, &m, &err) == 0, "%s", err.msg);
	CHECK(m.n > 30 && m.n_bad == 0 && !m.truncated, "%zu, %zu bad", m.n, m.n_bad);
	for (size_t i = 0; i < m.n; i++)
		lxcfs += text_is(m.v[i].fstype, "fuse.lxcfs", 10);
	CHECK_U64(lxcfs, 9);
	CHECK_TEXT(m.n ? m.v[0].source : (struct tbytes){ 0 },
		   "/dev/mapper/pve-vm--103--disk--0");
}

static void a_process_that_is_gone_is_enoent(void)
{
	_cleanup_close_ int root = fixture_open("hosts/pvn1");
	struct mounts m = { 0 };
	struct err err = { 0 };
	int r = mountinfo_read(root, 999999, &m, &err);

	CHECK(r == -ENOENT, "%d", r);
	CHECK(err.msg[0], "no sentence");
}

static void this_process_has_a_root(void)
{
	_cleanup_(mounts_done) struct mounts m = { 0 };
	_cleanup_close_ int root = -1;
	struct err err = { 0 };
	bool found = false;

	CHECK(fs_open_root("/", &root, &err) == 0, "%s", err.msg);
	CHECK(mountinfo_read(root, 0, &m, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < m.n; i++)
		found |= text_is(m.v[i].point, "/", 1);
	CHECK(found && m.n_bad == 0, "%zu mounts, %zu bad", m.n, m.n_bad);
}

static void file_systems_are_told_apart(void)
{
	static const struct {
		const char *fstype;
		enum mount_type type;
		bool may_hang;
	} want[] = {
		{ "ext4", MOUNT_BLOCK, false },
		{ "xfs", MOUNT_BLOCK, false },
		{ "zfs", MOUNT_ZFS, false },
		{ "btrfs", MOUNT_BTRFS, false },
		{ "nfs4", MOUNT_NFS, true },
		{ "cifs", MOUNT_CIFS, true },
		{ "tmpfs", MOUNT_TMPFS, false },
		{ "overlay", MOUNT_OVERLAY, false },
		{ "fuse", MOUNT_FUSE, true },
		{ "fuse.sshfs", MOUNT_FUSE, true },
		{ "fuse.zfs", MOUNT_FUSE, true },
		{ "fuseblk", MOUNT_FUSE, true },
		{ "fuse.lxcfs", MOUNT_PSEUDO, true },
		{ "proc", MOUNT_PSEUDO, false },
		{ "fuse.snapfuse", MOUNT_IMAGE, true },
		{ "fuse.squashfuse", MOUNT_IMAGE, true },
		{ "fuse.fuse-overlayfs", MOUNT_OVERLAY, true },
		{ "fuse.", MOUNT_OTHER, true },
		{ "", MOUNT_OTHER, true },
		{ "ext4\n", MOUNT_OTHER, true },
		{ "somefs", MOUNT_OTHER, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct tbytes t = tbytes_str(want[i].fstype);

		CHECK(mount_fstype(t) == want[i].type, "%s: %s", want[i].fstype,
		      mount_type_name(mount_fstype(t)));
		CHECK(mount_may_hang(t) == want[i].may_hang, "%s", want[i].fstype);
	}
	for (unsigned t = 0; t < MOUNT_TYPES; t++)
		CHECK(mount_type_name((enum mount_type)t), "type %u has no name", t);
}

int main(void)
{
	RUN(every_field_of_a_line_is_read);
	RUN(a_read_only_file_system_is_not_a_read_only_mount);
	RUN(an_option_is_a_whole_word);
	RUN(optional_fields_may_be_none_or_unknown);
	RUN(octal_is_decoded_in_paths_and_sources);
	RUN(what_is_no_octal_stays);
	RUN(decoded_twice_is_not);
	RUN(a_byte_that_is_no_text_is_kept);
	RUN(an_empty_source_does_not_move_the_fields);
	RUN(a_dash_elsewhere_is_no_separator);
	RUN(a_removed_directory_is_marked);
	RUN(of_an_nfs_the_source_says_what_is_mounted);
	RUN(an_empty_file_is_no_mounts);
	RUN(a_last_line_without_newline_counts);
	RUN(a_broken_line_does_not_hide_the_others);
	RUN(a_number_twice_is_two_mounts);
	RUN(so_many_are_kept_and_no_more);
	RUN(so_long_a_text_is_read_and_no_longer);
	RUN(one_line_without_end_is_no_mount);
	RUN(a_recorded_container_is_read_whole);
	RUN(a_process_that_is_gone_is_enoent);
	RUN(this_process_has_a_root);
	RUN(file_systems_are_told_apart);
	return DONE();
}
