#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Work of a known size inside a container, and what ctscope says of it."""
import os
import subprocess
import time

from live import (MIB, SLOW, Load, Skip, cgfile, cgkey, check, controllers, ctjson,
                  destroy, equal, main, make, near, note, pct, status, test, until, usage)


def grows(vmid, fn, want, what, percent=1):
    """fn(status) has reached `want` more or less. The kernel gathers its counters of each
    CPU up to 2 s late (kernel: mm/memcontrol.c, flush_memcg_stats), so it is waited for."""
    got = until(lambda: (lambda v: v if v is not None and v >= want * (1 - percent / 100)
                         else None)(fn(status(vmid))), what, 5)
    off = near(got, want, percent, what)
    note("%s: %d, expected %d: %.3f %% off" % (what, got, want, off))


@test("64 MiB of anonymous memory are 64 MiB of anon, in status and usage")
def anon():
    controllers("memory")
    make(700, memory=256)
    before = status(700)["memory"]["anon"]
    with Load(700, "anon", 64):
        grows(700, lambda s: s["memory"]["anon"] - before, 64 * MIB, "anon")
        near(usage(700)["memory"]["anon"] - before, 64 * MIB, 1, "anon in usage")
        check(status(700)["mem"] >= 64 * MIB, "PVE's mem has it")
    until(lambda: status(700)["memory"]["anon"] - before < MIB, "given back", 5)


@test("48 MiB in a tmpfs are 48 MiB of shmem, and PVE's mem does not show them")
def tmpfs():
    controllers("memory")
    make(701, memory=256, rc="mount -t tmpfs tmpfs /mnt")
    # it stays after the process
    before = status(701)
    with Load(701, "tmpfs", 48, "/mnt"):
        pass
    grows(701, lambda s: s["memory"]["shmem"] - before["memory"]["shmem"], 48 * MIB, "shmem")
    after = status(701)
    near(after["memory"]["file"] - before["memory"]["file"], 48 * MIB, 1, "file")
    check(abs(after["mem"] - before["mem"]) < 2 * MIB, "PVE's mem: %d, before %d"
          % (after["mem"], before["mem"]))
    near(after["memory"]["current"] - before["memory"]["current"], 48 * MIB, 2, "current")


class Disk:
    """The data disk of the virtual machine, or a stack on it, mounted for a container."""

    def __init__(self, layers=0):
        if not os.environ.get("CTSCOPE_VM") or not os.path.exists("/dev/vdc"):
            raise Skip("needs the data disk of tests/vm/run")
        self.layers = []
        self.dev = "/dev/vdc"
        sectors = 512 * 2048
        for i in range(layers):
            name = "ctscope-test%d" % i
            p = subprocess.run(["dmsetup", "create", "--noudevsync", name, "--table",
                                "0 %d linear %s 0" % (sectors, self.dev)],
                               stderr=subprocess.PIPE)
            if p.returncode:
                self.undo()
                raise Skip("no device-mapper: " + p.stderr.decode().strip())
            self.layers.append(name)
            self.dev = "/dev/mapper/" + name
            self.mknod(name)
        self.dir = "/run/node/data"
        os.makedirs(self.dir, exist_ok=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "^has_journal", "-E",
                        "lazy_itable_init=0", self.dev, "384M"], check=True)
        subprocess.run(["mount", self.dev, self.dir], check=True)
        os.chmod(self.dir, 0o777)

    def mknod(self, name):
        if os.path.exists(self.dev):
            return
        out = subprocess.run(["dmsetup", "info", "-c", "--noheadings", "-o", "major,minor",
                              name], stdout=subprocess.PIPE, check=True).stdout.decode()
        major, minor = map(int, out.strip().split(":"))
        try:
            os.mknod(self.dev, 0o60600, os.makedev(major, minor))
        except FileExistsError:  # udev was quicker
            pass

    def undo(self):
        for name in reversed(self.layers):
            until(lambda: subprocess.run(["dmsetup", "remove", "--noudevsync", name],
                                         stderr=subprocess.DEVNULL).returncode == 0,
                  "dmsetup remove", 5)
            if os.path.exists("/dev/mapper/" + name):
                os.unlink("/dev/mapper/" + name)

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
        before = status(702)
        with Load(702, "cache", 40, "/data/file"):
            pass
        grows(702, lambda s: s["memory"]["file"] - before["memory"]["file"], 40 * MIB, "file")
        after = status(702)
        check(after["memory"]["shmem"] - before["memory"]["shmem"] < MIB, "shmem")
        check(after["mem"] - before["mem"] < 4 * MIB, "PVE's mem grew by %d"
              % (after["mem"] - before["mem"]))
        destroy(702)


def io_of(s):
    return s["io_sum"].get("rbytes", 0), s["io_sum"].get("wbytes", 0)


@test("32 MiB written and 24 MiB read by direct I/O are counted so")
def io():
    controllers("io")
    with Disk():
        make(703, mp0="/run/node/data,mp=/data")
        with open("/run/node/data/file", "wb") as f:
            os.posix_fallocate(f.fileno(), 0, 32 * MIB)
        os.chmod("/run/node/data/file", 0o666)
        os.sync()
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")
        r0, w0 = io_of(usage(703))
        with Load(703, "write", 32, "/data/file"):
            pass
        with Load(703, "read", 24, "/data/file"):
            pass
        u = usage(703)
        r, w = io_of(u)
        note("written %d, read %d of 32 and 24 MiB" % (w - w0, r - r0))
        near(w - w0, 32 * MIB, 1, "written")
        near(r - r0, 24 * MIB, 1, "read")
        near(u["diskwrite"] - w0, 32 * MIB, 1, "PVE's diskwrite on a plain disk")
        check(any(x.get("device") == "vdc" or x.get("name") == "vdc" for x in u["io"]),
              "the device by name: %r" % u["io"])
        destroy(703)


@test("on a device-mapper stack the true bytes are counted once, PVE's number is a multiple")
def io_stack():
    controllers("io")
    with Disk(layers=2):
        make(704, mp0="/run/node/data,mp=/data")
        with open("/run/node/data/file", "wb") as f:
            os.posix_fallocate(f.fileno(), 0, 16 * MIB)
        os.chmod("/run/node/data/file", 0o666)
        os.sync()
        u0 = usage(704)
        with Load(704, "write", 16, "/data/file"):
            pass
        u = usage(704)
        true = io_of(u)[1] - io_of(u0)[1]
        pve = u["diskwrite"] - u0["diskwrite"]
        note("true %d, PVE's %d, %d lines" % (true, pve, len(u["io"])))
        near(true, 16 * MIB, 1, "true bytes")
        near(pve, 3 * 16 * MIB, 1, "PVE's diskwrite")
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


@test("a spinning process under cpulimit 0.25 uses its whole limit and is throttled")
def throttled():
    controllers("cpu")
    make(706, cpulimit="0.25")
    with Load(706, "spin", 0):
        time.sleep(1)
        t0, before = time.monotonic(), cgkey(706, "cpu.stat", "usage_usec")
        u = ctjson("usage", "--interval", "4", 706)["container"]
        after, t1 = cgkey(706, "cpu.stat", "usage_usec"), time.monotonic()
        c = u["cpu_limit"]
        kernel = (after - before) / 1e6 / (t1 - t0) / 0.25
        note("the kernel let it have %.3f of it" % kernel)
        note("used %.3f of the limit, %d of %d periods throttled"
             % (c["used"], c["nr_throttled"], c["nr_periods"]))
        equal(c["cpus"], 0.25, "limit")
        near(c["used"], kernel, 10, "share of the limit, as the kernel counts")
        near(u["cpu"], kernel, 10, "PVE's cpu, as the kernel counts")
        # an emulated CPU gets its ticks late, so the kernel lets more pass
        near(c["used"], 1.0, 10 if SLOW == 1 else 40, "share of the limit")
        check(c["nr_throttled"] >= 10, "throttled %r times" % c["nr_throttled"])
        check(u["pressure"]["cpu"]["some"]["total"] > 1, "cpu pressure")
    near(u["cpustat"]["quota"] / u["cpustat"]["period"], 0.25, 0.1, "quota")


@test("CPU time is the kernel's: as much as the process itself has used")
def cpu_time():
    make(707)
    before = status(707)["cpustat"]["usage"]
    with Load(707, "spin", 0) as work:
        time.sleep(2 * min(SLOW, 2))
        used = 0.0
        pids = work.pids()
        got = status(707)["cpustat"]["usage"] - before
        for pid in pids[1:]:
            with open("/proc/%d/schedstat" % pid) as f:
                used += int(f.read().split()[0]) / 1e9
        check(used > 0.2, "it hardly ran: %.2f s" % used)
        # it goes on running between the two readings
        check(0.85 * used <= got <= 1.1 * used + 0.3 * SLOW, "%.3f s, the process %.3f s"
              % (got, used))


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
        check(s["memory"]["anon"] + s["swap"] >= 95 * MIB, "together %d"
              % (s["memory"]["anon"] + s["swap"]))
        near(s["swap"], int(cgfile(709, "memory.swap.current")), 5, "as the kernel says")
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
    for _ in range(5):
        subprocess.run(["lxc-freeze", "-n", "711"], check=True)
        time.sleep(0.1)
        want = int(cgfile(711, "memory.current")) - cgkey(711, "memory.stat", "file")
        got = status(711)["mem"]
        again = int(cgfile(711, "memory.current")) - cgkey(711, "memory.stat", "file")
        subprocess.run(["lxc-unfreeze", "-n", "711"], check=True)
        if want == again:
            equal(got, want, "mem")
            return
    raise Skip("it never held still")


@test("in an AppArmor profile of its own, made at the start, all is as ever")
def apparmor():
    os.environ["SCRATCH_APPARMOR"] = "1"
    try:
        if pct.apparmor_profile() == "unconfined":
            raise Skip("no AppArmor here")
        make(712)
    finally:
        del os.environ["SCRATCH_APPARMOR"]
    with open("/proc/%d/attr/current" % pct.init_pid(712)) as f:
        check("lxc-712_" in f.read(), "the profile")
    equal(status(712)["status"], "running", "status")


main()
