#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""df: sizes are those of the kernel, what hangs is a row, nothing is locked or mounted."""
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time

import journals
from live import (Skip, check, ctjson, ctscope, destroy, equal, guest, hangfuse, main, make,
                  note, one_of, pct, rootfs, slack, test, until, write_conf)

MIB = 1 << 20


def mounts(vmid):
    """Its mounts by path."""
    return {m["path"]: m for m in ctjson("df", vmid)["container"]["mounts"]}


class Disk:
    """A tmpfs of the node with some MiB in it: a directory to bind."""

    def __init__(self, path, size, used):
        self.path = path
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % size, "tmpfs", path],
                       check=True)
        with open(path + "/fill", "wb") as f:
            f.write(b"x" * used * MIB)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        subprocess.run(["umount", "-l", self.path], check=True)


class Fuse:
    """A FUSE of the node that stops answering at `op`."""

    def __init__(self, path, op):
        if not os.path.exists("/dev/fuse"):
            raise Skip("no /dev/fuse")
        self.path = path
        os.makedirs(path, exist_ok=True)
        os.makedirs("/run/node/fuse-source", exist_ok=True)
        self.p = subprocess.Popen([hangfuse(), "/run/node/fuse-source", path, op],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.p.stdout.readline() != b"ready\n":
            raise Skip("cannot mount FUSE: %s" % self.p.stderr.read().decode())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.kill()
        self.p.wait()
        subprocess.run(["umount", "-l", self.path])


def same(row, st, what):
    equal(row["size"], st.f_blocks * st.f_frsize, what + " size")
    equal(row["used"], (st.f_blocks - st.f_bfree) * st.f_frsize, what + " used")
    equal(row["avail"], st.f_bavail * st.f_frsize, what + " avail")


@test("sizes are those of statfs, in the container and on the node")
def sizes():
    with Disk("/run/node/d600", 16, 5) as d:
        make(600, mp0="%s,mp=/srv/data" % d.path, mp1="%s,mp=/srv/ro,ro=1" % d.path)
        m = mounts(600)
        root = "/proc/%d/root" % pct.init_pid(600)
        same(m["/srv/data"], os.statvfs(d.path), "mp0")
        same(m["/"], os.statvfs(root), "rootfs")
        equal(m["/srv/data"]["used"], 5 * MIB, "what was written")
        equal((m["/srv/data"]["type"], m["/srv/data"]["fstype"]), ("bind", "tmpfs"), "mp0")
        equal((m["/srv/data"]["ro"], m["/srv/ro"]["ro"]), (False, True), "read-only")
        equal(m["/"]["storage"], "local", "storage")
        equal((m["/"]["backup"], m["/srv/data"]["backup"]), (True, False), "backup")
        equal((m["/srv/data"]["is_volume"], m["/srv/data"]["stale"]), (True, False), "mp0")
        # df inside says the same, in KiB
        line = [x.split() for x in guest(600, "df", "-k", "/srv/data").splitlines()][-1]
        equal(int(line[1]) * 1024, m["/srv/data"]["size"], "size inside")
        equal(int(line[2]) * 1024, m["/srv/data"]["used"], "used inside")


def raw(vmid, n):
    """A volume of 16 MiB that PVE mounts by a loop device; its path."""
    path = "/var/lib/vz/images/%d/vm-%d-disk-%d.raw" % (vmid, vmid, n)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.truncate(16 * MIB)
    subprocess.run(["mkfs.ext4", "-q", path], check=True)
    return path


def attached(path):
    """The loop devices of the machine that have it."""
    return [d for d in os.listdir("/sys/block") if d.startswith("loop") and
            os.path.exists("/sys/block/%s/loop/backing_file" % d) and
            open("/sys/block/%s/loop/backing_file" % d).read().strip() == path]


@test("a raw volume is known by the file of its loop device, and another one is told")
def raw_volume():
    path, other = raw(624, 1), raw(624, 2)
    os.makedirs("/run/node/loop", exist_ok=True)
    if subprocess.run(["mount", "-o", "loop,ro", path, "/run/node/loop"],
                      stderr=subprocess.DEVNULL).returncode:
        raise Skip("no loop device")
    subprocess.run(["umount", "/run/node/loop"], check=True)
    make(624, mp0="local:624/vm-624-disk-1.raw,mp=/raw,size=16M")
    device = attached(path)
    equal(len(device), 1, "loop devices")
    m = mounts(624)["/raw"]
    equal((m["type"], m["fstype"], m["is_volume"]), ("block", "ext4", True), "raw")
    same(m, os.statvfs("/proc/%d/root/raw" % pct.init_pid(624)), "raw")

    def drift():
        return json.loads(ctscope("drift", 624, "--json", code=None).out)["container"]

    def of_mp0():
        c = drift()
        check(not [g for g in c["unknown"] if g["key"] == "mp0"], "gaps: %r" % c["unknown"])
        return [d["running"] for d in c["drift"] if d["key"] == "mp0"]

    until(lambda: drift()["compared"], "it has run long enough to be compared")
    equal(of_mp0(), [], "drift of its own volume")
    conf = open(pct.conf_path(624)).read()
    write_conf(624, conf.replace("disk-1.raw", "disk-2.raw"))
    equal(of_mp0(), ["%s (/dev/%s)" % (path, device[0])], "drift of another volume")
    # a storage whose directory is a link: the kernel names the file behind it
    os.unlink(other)
    os.symlink(path, other)
    equal(of_mp0(), [], "drift of a link to it")
    destroy(624)
    until(lambda: not attached(path), "the loop device is let go")


class Btrfs:
    """A storage of that type on a loop device; only this node sees its mount."""

    path = "/srv/btr"

    def __enter__(self):
        if not shutil.which("mkfs.btrfs") or not shutil.which("btrfs"):
            raise Skip("btrfs-progs is not installed")
        with open("/run/node/btrfs.img", "wb") as f:
            f.truncate(160 * MIB)
        subprocess.run(["mkfs.btrfs", "-q", "/run/node/btrfs.img"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.makedirs(self.path, exist_ok=True)
        if subprocess.run(["mount", "-o", "loop", "/run/node/btrfs.img", self.path],
                          stderr=subprocess.DEVNULL).returncode:
            raise Skip("no loop device, or no btrfs")
        with open("/etc/pve/storage.cfg") as f:
            self.cfg = f.read()
        pct.write("/etc/pve/storage.cfg", self.cfg +
                  "\nbtrfs: btr\n\tpath %s\n\tcontent rootdir,images\n" % self.path)
        return self

    def subvolume(self, vmid, n):
        path = "%s/images/%d/subvol-%d-disk-%d.subvol" % (self.path, vmid, vmid, n)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.run(["btrfs", "subvolume", "create", path], check=True,
                       stdout=subprocess.DEVNULL)
        return path

    def __exit__(self, *exc):
        pct.write("/etc/pve/storage.cfg", self.cfg)
        subprocess.run(["umount", self.path], check=True)


@test("a root that is a subvolume of btrfs: its size, running or stopped, and its logs then")
def btrfs():
    with Btrfs() as b:
        root, data = b.subvolume(625, 0), b.subvolume(625, 1)
        make(625, start=False, rootfs="btr:625/subvol-625-disk-0.subvol,size=0T",
             mp0="btr:625/subvol-625-disk-1.subvol,mp=/data,size=40M")
        # as PVE does it for a size that is not 0, where quotas are on
        subprocess.run(["btrfs", "quota", "enable", b.path], check=True)
        subprocess.run(["btrfs", "qgroup", "limit", "40M", data], check=True)
        subprocess.run(["cp", "-aT", "/run/node/base/100000", root], check=True)
        with open(root + "/var/log/syslog", "w") as f:
            f.write("2026-11-20T03:13:31Z web x[1]: kept in it\n")
        journals.keep(root)
        pct.start(625)
        there = os.statvfs(root)
        for mounted in (True, False):
            m = mounts(625)
            for path in ("/", "/data"):
                equal((m[path]["type"], m[path]["storage"], m[path]["size"]),
                      ("btrfs", "btr", there.f_blocks * there.f_frsize), path)
                # btrfs has none
                check("inodes" not in m[path], "inodes: %r" % m[path])
                equal(m[path].get("is_volume"), True if mounted else None, path)
            equal(m["/data"]["configured"], 40 * MIB, "its own limit")
            out = ctscope("df", 625).out.decode()
            equal(out.count("of the whole file system"), 1, "what the size is of: " + out)
            journals.is_read(625)
            if mounted:
                # a subvolume that was made anew is another directory by the same name
                os.rename(data, data + ".old")
                b.subvolume(625, 1)
                check(mounts(625)["/data"].get("is_volume") is not True, "another subvolume")
                subprocess.run(["lxc-stop", "-n", "625", "--kill"], check=True)
                pct.wait_stopped(625)
        r = ctscope("logs", 625, "--source", "syslog")
        check(b"kept in it" in r.out, "logs: %r %r" % (r.out, r.err))
        destroy(625)


@test("the table begins with pct's seven columns, and all containers are in one")
def table():
    with Disk("/run/node/d601", 16, 15) as d:
        make(601, mp0="%s,mp=/srv/data" % d.path)
        make(602, start=False)
        head = ctscope("df", 601).out.decode().splitlines()[0].split()
        equal(head[:7], "MP Volume Size Used Avail Use% Path".split(), "head")
        out = ctscope("df", "--full", "80", "-o", "VMID,MP,Use%,Note", "-n").out.decode()
        check([x for x in out.splitlines() if x.split()[:3] == ["601", "mp0", "93.8"]
               and "nearly full" in x], "the full one: %r" % out)
        ids = {c["vmid"] for c in ctjson("df")["containers"]}
        check({601, 602} <= ids, "all: %r" % ids)


@test("a stopped container: size and use where the node has it, no lock and no mount")
def stopped():
    with Disk("/run/node/d603", 16, 3) as d:
        make(603, start=False, mp0="%s,mp=/srv/data" % d.path,
             mp1="local-lvm:vm-603-disk-1,mp=/lvm,size=3G",
             mp2="/run/node/nowhere,mp=/gone")
        os.makedirs("/run/lock/lxc", exist_ok=True)
        with open("/run/lock/lxc/pve-config-603.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = open("/proc/self/mountinfo").read()
            m = mounts(603)
            equal(open("/proc/self/mountinfo").read(), before, "mounts of the node")
        same(m["/srv/data"], os.statvfs(d.path), "mp0")
        same(m["/"], os.statvfs(rootfs(603)), "rootfs")
        equal(m["/lvm"].get("size"), None, "nobody knows")
        equal(m["/lvm"]["configured"], 3 << 30, "size=")
        check("mounted" not in m["/"], "it is stopped")
        equal(m["/gone"].get("error"), "it is not on the node", "mp2")
        check(b"not on the node" in ctscope("df", 603).out, "the row says so")


@test("what the guest mounts over a mount point hides it, and is a row of its own")
def hidden():
    with Disk("/run/node/d604", 16, 2) as d:
        make(604, mp0="%s,mp=/srv/data" % d.path)
        guest(604, "mount", "-t", "tmpfs", "-o", "size=1m", "evil\x1b[2J", "/srv/data")
        c = ctjson("df", 604)["container"]
        mp0 = [m for m in c["mounts"] if m.get("mp") == "mp0"][0]
        equal(mp0["hidden_by"], "tmpfs", "mp0")
        check("size" not in mp0, "the size of what lies over it is not its own")
        own = [m for m in c["mounts"] if m["origin"] == "guest" and m["path"] == "/srv/data"]
        equal(own[0]["size"], MIB, "the guest's own")
        out = ctscope("df", 604, "--all", "-o", "+Source").out
        check(b"\x1b" not in out and b"hidden under" in out, "%r" % out)


@test("a file system that does not answer is a row within a second, beside the others")
def dead():
    with Fuse("/run/node/f605", "statfs") as f, Disk("/run/node/d605", 16, 1) as d:
        make(605, mp0="%s,mp=/dead" % f.path, mp1="%s,mp=/alive" % d.path)
        make(606, mp0="%s,mp=/alive" % d.path)
        t0 = time.monotonic()
        got = ctjson("df")
        took = time.monotonic() - t0
        by = {(c["vmid"], m["path"]): m for c in got["containers"] for m in c["mounts"]}
        note("df of all in %.2f s" % took)
        check(took < 1.0 * slack(), "it took %.2f s" % took)
        equal(by[605, "/dead"]["stale"], True, "the dead one")
        check("size" not in by[605, "/dead"], "no size of it")
        same(by[605, "/alive"], os.statvfs(d.path), "beside it")
        same(by[606, "/alive"], os.statvfs(d.path), "of another container")
        check(b"does not answer" in ctscope("df", 605).out, "the row says so")


@test("however many do not answer, each is a row that says so, within a second in all")
def dead_many():
    with contextlib.ExitStack() as stack:
        dead = [stack.enter_context(Fuse("/run/node/f61%d" % n, "statfs")) for n in range(5)]
        own = dead.pop()
        make(610, **{"mp%d" % n: "%s,mp=/dead%d" % (f.path, n) for n, f in enumerate(dead)})
        make(611, start=False, mp0=dead[3].path + ",mp=/dead3")
        # the node has it no more: nobody but the container can be asked
        make(612, mp0=own.path + ",mp=/dead4")
        subprocess.run(["umount", "-l", own.path], check=True)
        took = []

        def ask():
            t0 = time.monotonic()
            rows = {(c["vmid"], m["path"]): m for c in ctjson("df")["containers"]
                    for m in c["mounts"]}
            took.append(time.monotonic() - t0)
            for where in [(610, "/dead%d" % n) for n in range(4)] + [(611, "/dead3")]:
                equal(rows[where].get("stale"), True, "stale of %d %s" % where)
            # as long as its reader hangs there nobody else is sent
            row = rows[612, "/dead4"]
            check(row["stale"] if not took[1:] else row["stale"] or row["error"], repr(row))
            for vmid in (610, 611, 612):
                check("size" in rows[vmid, "/"], "size of %d" % vmid)
            check(took[-1] < 1.0, "it took %.2f s" % took[-1])
        one_of(3, ask)
        note("df of all in %s s" % ", ".join("%.2f" % t for t in took))


@test("a stopped container with a directory on a dead file system: the same")
def dead_stopped():
    with Fuse("/run/node/f607", "statfs") as f:
        make(607, start=False, mp0="%s,mp=/dead" % f.path, mp1="%s,mp=/dead2" % f.path)
        r = ctscope("df", 607)
        note("df in %.2f s" % r.seconds)
        check(r.seconds < 1.0 * slack(), "it took %.2f s" % r.seconds)
        equal(r.out.count(b"does not answer"), 2, "rows: %r" % r.out)
        check(b"rootfs" in r.out, "rootfs")


@test("a FUSE that answers has its size")
def alive():
    with Fuse("/run/node/f608", "none") as f:
        make(608, mp0="%s,mp=/fuse" % f.path)
        m = mounts(608)["/fuse"]
        equal((m["type"], m["fstype"], m["stale"]), ("bind", "fuse", False), "mp0")
        make(613, start=False, mp0="%s,mp=/fuse" % f.path)
        for vmid in (608, 613):
            check(b" of fuse" in ctscope("df", vmid).out, "the row of %d says so" % vmid)


main()
