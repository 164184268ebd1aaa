#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a guest does to those who look inside: crowds of cgroups, memory that does not
answer."""
import os
import subprocess
import threading

from live import BUILD, CGROUP, HERE, Load, Skip, cgkey, check, ctjson, ctscope, \
    equal, main, make, note, slack, test, until


def ns(vmid):
    return "%s/lxc/%d/ns" % (CGROUP, vmid)


class Crowd:
    """Cgroups that the guest made, removed again."""

    def __init__(self, vmid, count):
        self.made = ["%s/z%d" % (ns(vmid), i) for i in range(count)]

    def __enter__(self):
        for path in self.made:
            os.mkdir(path)
        return self

    def __exit__(self, *exc):
        for path in self.made:
            os.rmdir(path)


@test("5000 cgroups hide neither a process nor a unit")
def crowd():
    make(620)
    os.makedirs(ns(620) + "/system.slice/found.service")
    with Load(620, "sleep") as load:
        with open(ns(620) + "/system.slice/found.service/cgroup.procs", "w") as f:
            f.write("%d" % child_of(load.p.pid))
        with Crowd(620, 5000):
            c = ctjson("ps", 620)["container"]
            units = [p.get("unit") for p in c["processes"]]
            check("found.service" in units, units)
            equal((c["left_out"], c["cgroups_left_out"]), (0, 0), "left out")
            r = ctscope("usage", 620, "--tree", "--interval", "0")
            note("usage --tree in %.2f s" % r.seconds)
            check(b"found.service" in r.out and b"more)" in r.out, r.out[:500])
            check(r.out.count(b"\n") < 300, "%d rows" % r.out.count(b"\n"))
            c = ctjson("usage", 620, "--tree", "--interval", "0")["container"]
            shown = len([x for x in c["tree"] if "more" not in x])
            equal(c["left_out"] + shown, 1 + cgkey(620, "ns/cgroup.stat",
                                                   "nr_descendants"), "all of them")


def child_of(pid):
    """What lxc-attach runs, not the process it forks on the way there."""
    def arrived(child):
        try:
            with open("/proc/%s/comm" % child) as f:
                return f.read().strip() == "load"
        except FileNotFoundError:
            return False

    def kids():
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [c for c in f.read().split() if arrived(c)]
    return int(until(kids, "the child of lxc-attach")[0])


@test("cgroups that come and go while they are read are no error")
def churn():
    make(621)
    stop = threading.Event()

    def run():
        names = ["%s/x%d" % (ns(621), i) for i in range(20)]
        while not stop.is_set():
            for n in names:
                os.makedirs(n + "/a/b")
            for n in names:
                os.rmdir(n + "/a/b")
                os.rmdir(n + "/a")
                os.rmdir(n)

    t = threading.Thread(target=run)
    t.start()
    try:
        for _ in range(20):
            ctscope("usage", 621, "--tree", "--interval", "0")
            ctjson("ps", 621)
    finally:
        stop.set()
        t.join()


@test("a command line that does not answer costs a name, not the command")
def stuck():
    helper = BUILD + "/tests/node/hangfuse"
    if not os.access(helper, os.X_OK) or not os.path.exists("/dev/fuse"):
        raise Skip("no hangfuse, or no /dev/fuse")
    at = "/run/node/stuck"
    os.makedirs(at, exist_ok=True)
    p = subprocess.Popen([helper, HERE + "/../fixtures/hosts/pvn1", at, "read:/cmdline"],
                         stdout=subprocess.PIPE)
    try:
        if p.stdout.readline() != b"ready\n":
            raise Skip("cannot mount FUSE")
        r = ctscope("--root", at, "ps", 103)
        note("%.2f s: %s" % (r.seconds, r.err.decode().strip()))
        check(b"[systemd]" in r.out, r.out)
        check(b"does not answer" in r.err, r.err)
        check(r.seconds < 2.5 * slack(), "%.1f s" % r.seconds)
    finally:
        p.kill()
        p.wait()
        subprocess.run(["umount", "-l", at])


main()
