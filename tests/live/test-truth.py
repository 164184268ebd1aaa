#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Work of a known size inside a container, and what ctscope says of it.

What ctscope shows is the kernel's number, exactly. How near that is to the work depends on
the machine: what the container does beside it, metadata of the file system, counters that
the kernel gathers of each CPU late. So that is a band that no mistake in units, no byte
counted twice or not at all, fits into, and no slow machine leaves."""
import os
import subprocess
import time

from live import (MIB, SLOW, Load, Mapped, Skip, blocks, cgfile, cgkey, check, controllers,
                  ctjson, destroy, equal, main, make, moved, near, note, pct, status, test,
                  until, usage, within)

# Up to 64 pages of a CPU are not in memory.stat yet (kernel: mm/memcontrol.c,
# MEMCG_CHARGE_BATCH), beside what a shell and its libraries take.
LAG = max(2, os.cpu_count() // 4) * MIB


def exact(fn, kernel, what):
    """What fn() gives, which is what kernel() gave before and after it."""
    def same():
        before = kernel()
        got = fn()
        return (before, got) if before == kernel() else None
    want, got = until(same, what + " holds still")
    equal(got, want, what)
    return got


def exact_stat(vmid, fn, key):
    return exact(lambda: fn(vmid)["memory"][key], lambda: cgkey(vmid, "memory.stat", key),
                 key)


def settled(vmid):
    """status, when what init does at a start is over."""
    def still():
        last = status(vmid)
        time.sleep(0.2)
        now = status(vmid)["memory"]
        return last if all(last["memory"][k] == now[k]
                           for k in ("anon", "shmem", "file")) else None
    return until(still, "the container is idle")


def one_percent(got, want, what):
    """What else is there (a program's own pages, ext4's own blocks) fits into it."""
    note("%s: %d, expected %d, %+.3f %%" % (what, got, want, 100.0 * (got - want) / want))
    near(got, want, 1, what)


def grew(vmid, key, before, want):
    """memory.stat's `key` by `want`, as soon as the kernel has gathered it."""
    until(lambda: status(vmid)["memory"][key] - before >= want * 0.99, key, 5)
    one_percent(exact_stat(vmid, status, key) - before, want, key)


@test("64 MiB of anonymous memory are 64 MiB of anon, in status and usage")
def anon():
    controllers("memory")
    make(700, memory=256)
    first = settled(700)
    before = first["memory"]["anon"]
    with Load(700, "anon", 64):
        grew(700, "anon", before, 64 * MIB)
        exact_stat(700, usage, "anon")
        within(status(700)["mem"] - first["mem"], 64 * MIB - LAG, 4 * LAG, "PVE's mem")
    until(lambda: status(700)["memory"]["anon"] - before < LAG, "given back", 5)


@test("48 MiB in a tmpfs are 48 MiB of shmem, and PVE's mem does not show them")
def tmpfs():
    controllers("memory")
    make(701, memory=256, rc="mount -t tmpfs tmpfs /mnt")
    until(lambda: os.path.ismount("/proc/%d/root/mnt" % pct.init_pid(701)), "the tmpfs")
    # it stays after the process
    before = settled(701)
    with Load(701, "tmpfs", 48, "/mnt"):
        pass
    grew(701, "shmem", before["memory"]["shmem"], 48 * MIB)
    grew(701, "file", before["memory"]["file"], 48 * MIB)
    after = status(701)
    check(abs(after["mem"] - before["mem"]) < 24 * MIB, "PVE's mem: %d, before %d"
          % (after["mem"], before["mem"]))
    within(after["memory"]["current"] - before["memory"]["current"], 48 * MIB - LAG,
           4 * LAG, "current")


class Disk:
    """The data disk of the virtual machine, or a stack on it, mounted for a container."""

    def __init__(self, layers=0):
        if not os.environ.get("CTSCOPE_VM") or not os.path.exists("/dev/vdc"):
            raise Skip("needs the data disk of tests/vm/run")
        self.stack = ["/dev/vdc"]
        self.layers = []
        self.dir = "/run/node/data"
        try:
            for i in range(layers):
                self.layers.append(Mapped("truth%d" % i, self.stack[-1], 512 * MIB))
                self.stack.append(self.layers[-1].path)
            self.dev = self.stack[-1]
            self.mount()
        except BaseException:
            self.undo()
            raise

    def mount(self):
        os.makedirs(self.dir, exist_ok=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "^has_journal", "-E",
                        "lazy_itable_init=0", self.dev, "384M"], check=True)
        subprocess.run(["mount", self.dev, self.dir], check=True)
        os.chmod(self.dir, 0o777)

    def file(self, size):
        """For direct I/O; nothing of it is left to be written."""
        with open(self.dir + "/file", "wb") as f:
            os.posix_fallocate(f.fileno(), 0, size)
        os.chmod(self.dir + "/file", 0o666)
        os.sync()

    def moved(self, before, after, key):
        """By how much `key` of each of its devices grew, the disk first."""
        return [moved(before, after, path, key) for path in self.stack]

    def undo(self):
        while self.layers:
            self.layers.pop().remove()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        until(lambda: subprocess.run(["umount", self.dir], stderr=subprocess.DEVNULL)
              .returncode == 0, "umount", 5)
        self.undo()


@test("a file of 40 MiB on a disk is 40 MiB of page cache, and PVE's mem does not show it")
def cache():
    controllers("memory")
    with Disk():
        make(702, memory=256, mp0="/run/node/data,mp=/data")
        before = settled(702)
        with Load(702, "cache", 40, "/data/file"):
            pass
        grew(702, "file", before["memory"]["file"], 40 * MIB)
        after = status(702)
        check(after["memory"]["shmem"] - before["memory"]["shmem"] < LAG, "shmem")
        check(after["mem"] - before["mem"] < 20 * MIB, "PVE's mem grew by %d"
              % (after["mem"] - before["mem"]))
        destroy(702)


def totals(u, key):
    """Of all lines of io.stat: what PVE adds up."""
    return sum(x.get(key, 0) for x in u["io"])


@test("32 MiB written and 24 MiB read by direct I/O are counted so")
def io():
    controllers("io")
    with Disk() as disk:
        make(703, mp0="/run/node/data,mp=/data")
        disk.file(32 * MIB)
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")
        before = blocks(usage(703))
        with Load(703, "write", 32, "/data/file"):
            pass
        with Load(703, "read", 24, "/data/file"):
            pass
        u = usage(703)
        w, = disk.moved(before, blocks(u), "wbytes")
        r, = disk.moved(before, blocks(u), "rbytes")
        one_percent(w, 32 * MIB, "written")
        one_percent(r, 24 * MIB, "read")
        # programs come from a disk, too: lines of their own, on which nothing lies either
        for key, pve in ("rbytes", "diskread"), ("wbytes", "diskwrite"):
            equal(u["io_sum"][key], totals(u, key), "true " + key + " of plain disks")
            equal(u[pve], totals(u, key), "PVE's " + pve)
        check(any(x.get("device") == "vdc" or x.get("name") == "vdc" for x in u["io"]),
              "the device by name: %r" % u["io"])
        destroy(703)


@test("on a device-mapper stack the true bytes are counted once, PVE's number is a multiple")
def io_stack():
    controllers("io")
    with Disk(layers=2) as disk:
        make(704, mp0="/run/node/data,mp=/data")
        disk.file(16 * MIB)
        u0 = usage(704)
        with Load(704, "write", 16, "/data/file"):
            pass
        u = usage(704)
        levels = disk.moved(blocks(u0), blocks(u), "wbytes")
        true = u["io_sum"]["wbytes"] - u0["io_sum"].get("wbytes", 0)
        total = totals(u, "wbytes") - totals(u0, "wbytes")
        note("true %d, PVE's %d, %d lines" % (true, u["diskwrite"], len(u["io"])))
        for level in levels:
            one_percent(level, 16 * MIB, "written on one level")
        # what goes to other disks has nothing to do with it
        one_percent(true - (total - sum(levels)), 16 * MIB, "true bytes")
        equal(u["diskwrite"], totals(u, "wbytes"), "PVE's diskwrite, of all levels")
        destroy(704)


@test("forks refused at pids.max are counted, every one")
def pids():
    controllers("pids")
    make(705, raw=["lxc.cgroup2.pids.max: 20"])
    before = usage(705)["pids"]
    equal(before["max"], 20, "limit")
    with Load(705, "forks", 40) as work:
        refused = int(work.said[0].split()[1])
        check(20 <= refused < 40, "refused %d" % refused)
        p = usage(705)["pids"]
        equal((p["current"], p["peak"]), (20, 20), "current, peak")
        if not os.path.exists("/sys/fs/cgroup/lxc/705/pids.events.local"):
            check("refused" not in p, "this kernel does not say it: %r" % p)
            raise Skip("at the limit; refused forks: only since Linux 6.11")
        equal(p["refused"] - before["refused"], refused, "refused")


def spun(vmid):
    """usage over 4 s, whose two readings lie between two of the kernel's."""
    keys = ("usage_usec", "nr_periods", "nr_throttled")
    before = [cgkey(vmid, "cpu.stat", k) for k in keys]
    u = ctjson("usage", "--interval", "4", vmid)["container"]
    after = [cgkey(vmid, "cpu.stat", k) for k in keys]
    c = u["cpu_limit"]
    last = u["cpustat"]["usage"]
    check(before[0] / 1e6 <= last - c["cputime"] + 1e-6 and last <= after[0] / 1e6 + 1e-6,
          "%.6f to %.6f, the kernel's %r to %r" % (last - c["cputime"], last, before, after))
    # it may have been slow to start, but not eight times as long as it measures
    check(c["cputime"] * 8e6 >= after[0] - before[0], "%r of %r" % (c["cputime"], after))
    for key, a, b in zip(keys[1:], before[1:], after[1:]):
        check(0 <= c[key] <= b - a, "%s: %d, the kernel's %d to %d" % (key, c[key], a, b))
    return u


@test("a spinning process under cpulimit 0.25 uses its whole limit and is throttled")
def throttled():
    controllers("cpu")
    make(706, cpulimit="0.25")
    with Load(706, "spin", 0):
        # a machine without CPU to spare has none for the limit to take away
        until(lambda: cgkey(706, "cpu.stat", "nr_throttled") > 2, "throttled", 20)
        u = until(lambda: (lambda u: u if u["cpu_limit"]["nr_throttled"] else None)
                  (spun(706)), "throttled while it was measured", 20)
        c = u["cpu_limit"]
        note("used %.3f of the limit, %d of %d periods throttled"
             % (c["used"], c["nr_throttled"], c["nr_periods"]))
        equal(c["cpus"], 0.25, "limit")
        interval = c["cputime"] / c["used"] / 0.25
        check(4 <= interval * 1.0001 and interval < 4 + 2 * SLOW, "of %.3f s" % interval)
        near(u["cpu"], c["used"], 0.1, "PVE's cpu, a share of cpulimit")
        # an emulated CPU gets its ticks late, so the kernel lets more pass
        check(c["used"] < 1.2 * (1 if SLOW == 1 else 2), "used %r" % c["used"])
        check(u["pressure"]["cpu"]["some"]["total"] > 0.01, "cpu pressure")
    near(u["cpustat"]["quota"] / u["cpustat"]["period"], 0.25, 0.1, "quota")


@test("CPU time is the kernel's: as much as the process itself has used")
def cpu_time():
    make(707)
    before = status(707)["cpustat"]["usage"]

    def ran():
        total = 0.0
        for pid in work.pids()[1:]:
            with open("/proc/%d/schedstat" % pid) as f:
                total += int(f.read().split()[0]) / 1e9
        return total

    with Load(707, "spin", 0) as work:
        used = until(lambda: (lambda t: t if t > 0.2 * max(SLOW, 5) else None)(ran()),
                     "it runs", 20)
        got = status(707)["cpustat"]["usage"] - before
        later = ran()
        # what they used before they were in there, and what others used in there
        check(used - 0.05 * SLOW <= got <= later + 0.3 * SLOW,
              "%.3f s, the process %.3f to %.3f s" % (got, used, later))


@test("OOM kills are counted exactly")
def oom():
    controllers("memory")
    make(708, memory=32)
    equal(status(708)["memory"]["events"]["oom_kill"], 0, "before")
    for n in (1, 2):
        with Load(708, "oom", 64) as work:
            equal(work.said, ["killed"], "load")
        equal(status(708)["memory"]["events"]["oom_kill"], n, "oom_kill")
        equal(usage(708)["memory"]["events"]["oom_kill"], n, "oom_kill in usage")
    equal(cgkey(708, "memory.events", "oom_kill"), 2, "as the kernel says")


@test("what does not fit goes to swap, and is counted there")
def swap():
    controllers("memory")
    with open("/proc/swaps") as f:
        if len(f.read().splitlines()) < 2:
            raise Skip("this machine has no swap")
    make(709, memory=64, swap=96)
    with Load(709, "anon", 96):
        s = status(709)
        note("anon %d, swap %d" % (s["memory"]["anon"], s["swap"]))
        check(s["swap"] > 24 * MIB, "swap %d" % s["swap"])
        # a page can be both in memory and in swap (swap cache)
        check(s["memory"]["anon"] + s["swap"] >= 96 * MIB - LAG, "together %d"
              % (s["memory"]["anon"] + s["swap"]))
        exact(lambda: status(709)["swap"], lambda: int(cgfile(709, "memory.swap.current")),
              "swap")
        equal(s["maxswap"], 96 * MIB, "maxswap")


@test("limits are what PVE writes: memory.high below memory.max, swap, weight")
def limits():
    controllers("memory", "cpu")
    make(710, memory=512, swap=128, cpuunits=200)
    m = status(710)["memory"]
    equal((m["max"], m["high"], m["swap_max"]),
          (512 * MIB, 512 * 1024 * 1016, 128 * MIB), "limits")
    equal(status(710)["cpustat"]["weight"], 200, "weight")


@test("mem is PVE's formula to the byte: memory.current less file")
def formula():
    controllers("memory")
    make(711)
    settled(711)
    subprocess.run(["lxc-freeze", "-n", "711"], check=True)
    try:
        exact(lambda: status(711)["mem"], lambda: int(cgfile(711, "memory.current")) -
              cgkey(711, "memory.stat", "file"), "mem")
    finally:
        subprocess.run(["lxc-unfreeze", "-n", "711"], check=True)


main()
