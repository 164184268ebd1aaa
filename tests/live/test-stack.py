#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disk I/O through devices that lie on each other: what was read and written is counted
once, whatever PVE adds up. Device mapper and loop devices are the machine's: only where
the machine is ours, in the VM."""
import os
import stat
import subprocess
import time

from live import CGROUP, MIB, Skip, check, controllers, ctjson, ctscope, main, make, near, \
    test

NAMES = ("pve-data_tdata", "pve-data-tpool", "pve-vm--601--disk--0")


def sh(*cmd):
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE).stdout.decode().strip()


class Stack:
    """A volume on a pool on its data device on a loop device on a file in memory."""

    def __enter__(self):
        if not os.environ.get("CTSCOPE_VM"):
            raise Skip("device mapper is the machine's: in the VM only")
        controllers("io")
        self.made = []
        self.file = "/run/node/stack.img"
        with open(self.file, "wb") as f:
            f.truncate(96 * MIB)
        self.loop = sh("losetup", "--find", "--show", self.file)
        below = os.stat(self.loop).st_rdev
        for i, name in enumerate(NAMES):
            sh("dmsetup", "--noudevsync", "--noudevrules", "create", name, "--uuid",
               "LVM-ctscope%d" % i, "--table", "0 %d linear %d:%d 0"
               % (64 * 2048, os.major(below), os.minor(below)))
            self.made.append(name)
            major, minor = sh("dmsetup", "info", "-c", "--noheadings", "-o",
                              "major,minor", "--separator", " ", name).split()
            below = os.makedev(int(major), int(minor))
        # nobody tells udev here: a node of our own
        self.volume = "/dev/ctscope-stack"
        os.mknod(self.volume, 0o600 | stat.S_IFBLK, below)
        return self

    def __exit__(self, *exc):
        os.unlink(self.volume)
        for name in reversed(self.made):
            sh("dmsetup", "--noudevsync", "--noudevrules", "remove", name)
        sh("losetup", "-d", self.loop)
        os.unlink(self.file)


def do_io(vmid, *args):
    """dd by a process of the node that is in the container's cgroup."""
    sh("/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec dd "$@" 2>/dev/null',
       "%s/lxc/%d/ns" % (CGROUP, vmid), *args)


@test("a read and a write through four devices count once")
def once():
    make(601)
    with Stack() as s:
        do_io(601, "if=/dev/zero", "of=" + s.volume, "bs=1M", "count=24", "oflag=direct")
        do_io(601, "if=" + s.volume, "of=/dev/null", "bs=1M", "count=40", "iflag=direct")
        time.sleep(3)
        c = ctjson("usage", 601, "--interval", "0")["container"]
        check(c["io_sum"]["method"] == "stack", c["io_sum"])
        near(c["io_sum"]["wbytes"], 24 * MIB, 1, "written")
        near(c["io_sum"]["rbytes"], 40 * MIB, 1, "read")
        near(c["diskwrite"], 4 * 24 * MIB, 1, "what PVE says was written")
        counted = [d["name"] for d in c["io"] if d["counted"] and d["wbytes"]]
        check(counted == ["pve/vm-601-disk-0"], c["io"])
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
        time.sleep(3)
        c = ctjson("usage", 602, "--interval", "0")["container"]
        near(c["io_sum"]["rbytes"], 45 * MIB, 1, "read")


main()
