#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disk I/O through devices that lie on each other: what was read and written is counted
once, whatever PVE adds up. Device mapper and loop devices are the machine's: only where
the machine is ours, in the VM."""
import os
import subprocess

from live import CGROUP, MIB, Mapped, Skip, blocks, check, controllers, ctjson, ctscope, \
    equal, main, make, moved, test

NAMES = ("pve-data_tdata", "pve-data-tpool", "pve-vm--601--disk--0")


def sh(*cmd):
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE).stdout.decode().strip()


class Stack:
    """A volume on a pool on its data device on a loop device on a file in memory."""

    def __enter__(self):
        if not os.environ.get("CTSCOPE_VM"):
            raise Skip("device mapper is the machine's: in the VM only")
        controllers("io")
        self.layers = []
        self.file = "/run/node/stack.img"
        with open(self.file, "wb") as f:
            f.truncate(96 * MIB)
        self.loop = sh("losetup", "--find", "--show", self.file)
        self.levels = [self.loop]
        for i, name in enumerate(NAMES):
            self.layers.append(Mapped(name, self.levels[-1], 64 * MIB, "LVM-ctscope%d" % i))
            self.levels.append(self.layers[-1].path)
        self.volume = self.levels[-1]
        return self

    def counted(self, c, key):
        """What is counted, without what the container's programs took from other disks."""
        lines = blocks(c)
        ours = {os.stat(path).st_rdev for path in self.levels}
        return c["io_sum"][key] - sum(x.get(key, 0) for dev, x in lines.items()
                                      if dev not in ours)

    def on_each(self, c, key):
        return [moved({}, blocks(c), path, key) for path in self.levels]

    def __exit__(self, *exc):
        while self.layers:
            self.layers.pop().remove()
        sh("losetup", "-d", self.loop)
        os.unlink(self.file)


def do_io(vmid, *args):
    """dd by a process of the node that is in the container's cgroup."""
    sh("/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec dd "$@" 2>/dev/null',
       "%s/lxc/%d/ns" % (CGROUP, vmid), *args)


def read(vmid):
    """usage; direct I/O is counted before it is done."""
    c = ctjson("usage", vmid, "--interval", "0")["container"]
    equal(c["io_sum"]["method"], "stack", "method")
    return c


@test("a read and a write through four devices count once")
def once():
    make(601)
    with Stack() as s:
        do_io(601, "if=/dev/zero", "of=" + s.volume, "bs=1M", "count=24", "oflag=direct")
        do_io(601, "if=" + s.volume, "of=/dev/null", "bs=1M", "count=40", "iflag=direct")
        c = read(601)
        equal(s.on_each(c, "wbytes"), [24 * MIB] * 4, "written on each level")
        equal(s.on_each(c, "rbytes"), [40 * MIB] * 4, "read on each level")
        equal(s.counted(c, "wbytes"), 24 * MIB, "written")
        equal(s.counted(c, "rbytes"), 40 * MIB, "read")
        equal(c["diskwrite"], sum(x.get("wbytes", 0) for x in c["io"]),
              "what PVE says was written")
        names = [d.get("name") for d in c["io"] if d["counted"] and d["wbytes"] and
                 d["device"].startswith(("dm-", "loop"))]
        check(names == ["pve/vm-601-disk-0"], c["io"])
        text = ctscope("usage", 601, "--interval", "0").out.decode()
        check("pve/data (tpool)" in text and "same bytes, below" in text, text)


@test("what goes to a lower device beside the volumes counts too")
def beside():
    make(602)
    with Stack() as s:
        do_io(602, "if=" + s.volume, "of=/dev/null", "bs=1M", "count=40",
              "iflag=direct")
        do_io(602, "if=" + s.loop, "of=/dev/null", "bs=1M", "count=5", "skip=70",
              "iflag=direct")
        c = read(602)
        equal(s.on_each(c, "rbytes"), [45 * MIB] + [40 * MIB] * 3, "read on each level")
        equal(s.counted(c, "rbytes"), 45 * MIB, "read")


main()
