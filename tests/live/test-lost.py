#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost, whatever happens to the collector: its spool, its store, its ring and
its limits are broken while containers come and go."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
from collectlib import Collector, events, last_seq, wait_event  # noqa: E402
from live import (Failed, Skip, check, ctscope, destroy, equal, main, make, note,  # noqa: E402
                  pct, test, until)

VMID = 960
LONG = os.environ.get("DRILL_LONG")
LIFE = ["prestart", "started", "stopped", "poststop"]


def fresh():
    if not os.path.exists(lib.CTSCOPED):
        raise Skip("ctscoped is not built (no libsystemd)")
    lib.fresh_node()
    lib.hooks_on()


def inject(*what):
    """strace around the collector, that breaks its calls."""
    if subprocess.run(["strace", "-V"], stdout=subprocess.DEVNULL, check=False).returncode:
        raise Skip("strace is not installed")
    cmd = ["strace", "-f", "-qq", "-o", "/dev/null", "-e",
           "trace=" + ",".join(w.split(":")[0] for w in what)]
    for w in what:
        cmd += ["-e", "inject=" + w]
    return cmd


def end(c, code=0):
    equal(c.stop(), code, "exit code; log: " + lib.logged())


def told(vmid, after=0):
    return [e["type"] for e in events(vmid, after, LIFE + ["start-failed", "rebooted"])]


def bounce(vmid):
    pct.start(vmid)
    pct.kill(vmid)


DB = lib.LIB + "/ctscope.db"
STORE = [DB, DB + "-wal", DB + "-shm", DB + "-reserve", lib.LIB]


class Fault:
    """Calls of a collector that runs are broken, as long as this holds."""

    def __init__(self, c, what, paths=()):
        self.pid = c.pid()
        self.log = lib.RUN + "/fault"
        cmd = inject(*what)
        cmd[cmd.index("/dev/null")] = self.log
        for p in paths:
            cmd += ["-P", p]
        self.cmd = cmd + ["-p", str(self.pid)]

    def __enter__(self):
        self.p = subprocess.Popen(self.cmd, stdin=subprocess.DEVNULL)
        until(self.traced, "strace is there")
        return self

    def traced(self):
        for t in os.listdir("/proc/%d/task" % self.pid):
            with open("/proc/%d/task/%s/status" % (self.pid, t)) as f:
                if "TracerPid:\t0\n" in f.read():
                    return False
        return True

    def __exit__(self, *exc):
        self.p.send_signal(signal.SIGINT)
        self.p.wait(20)
        with open(self.log, errors="replace") as f:
            self.n = f.read().count("(INJECTED)")


def running(c):
    check(c.p.poll() is None, "the collector ended with %s: %s" % (c.p.returncode,
                                                                   lib.logged()))


def spooled():
    return [n for n in os.listdir(lib.SPOOL) if n != "dropped" and n[0] != "."]


def ticks():
    """Of the flight recorder: it goes on."""
    return os.stat(lib.RUN + "/ring").st_mtime


@test("what lay in the spool comes before what comes while it starts")
def _():
    fresh()
    make(VMID)
    # its watch is set, and it has not looked yet: half a second
    c = Collector(wrap=inject("inotify_add_watch:delay_exit=500000"), wait=False)
    until(lambda: c.pid(), "it runs")
    time.sleep(0.4)
    pct.kill(VMID)
    wait_event(VMID, "poststop", 0, 20)
    equal(told(VMID), LIFE, "its life")
    equal(len(events(VMID, types=["reconciled"])), 0, "late ones")
    c.stop(signal.SIGKILL)


def broken(c, vmid, name, what, paths, seconds=1.5):
    """A life under a fault, and one after it: each start and end once, each file that was
    accepted an event."""
    seq = last_seq()
    with Fault(c, what, paths) as f:
        bounce(vmid)
        time.sleep(seconds)
        running(c)
        held = spooled()
    bounce(vmid)
    t0 = time.monotonic()

    def all_told():
        ends = [t for t in told(vmid, seq) if t in ("started", "stopped")]
        ids = {e["id"] for e in events(vmid, seq)}
        return ends == ["started", "stopped"] * 2 and not [n for n in held if n not in ids]
    until(all_told, "%s: all is told" % name, 20)
    took = time.monotonic() - t0
    until(lambda: not spooled(), "%s: the spool is empty" % name, 20)
    equal([t for t in told(vmid, seq) if t in ("started", "stopped")],
          ["started", "stopped"] * 2, name)
    running(c)
    check(f.n, "%s: nothing was broken" % name)
    note("%s: %d calls broken, %d files waited, %.1f s later all was told; %s" % (
        name, f.n, len(held), took, c.status()))


FAULTS = [
    ("EIO of writes", ["pwrite64:error=EIO"], STORE),
    ("ENOSPC of writes", ["pwrite64:error=ENOSPC", "fallocate:error=ENOSPC"], STORE),
    ("EIO of removing from the spool", ["unlinkat:error=EIO"], [lib.SPOOL]),
    ("EMFILE of opens in the spool", ["openat,openat2:error=EMFILE"], [lib.SPOOL]),
]
MORE = [
    ("EIO of syncs", ["fdatasync,fsync:error=EIO"], STORE),
    ("writes of nothing", ["pwrite64:retval=0"], STORE),
    ("EIO of opens", ["openat:error=EIO", "pwrite64:error=EIO"], STORE),
    ("EIO of all", ["openat,openat2,pwrite64,pread64,fdatasync,fsync,ftruncate,unlink,"
                    "unlinkat,rename,renameat,newfstatat,fcntl,mmap:error=EIO"], STORE),
    ("no memory for maps", ["mmap:error=ENOMEM", "pwrite64:error=EIO"], STORE),
    ("EROFS of removing from the spool", ["unlinkat:error=EROFS"], [lib.SPOOL]),
    ("EIO of opens in the spool", ["openat,openat2:error=EIO"], [lib.SPOOL]),
]


@test("calls of the store or the spool are broken: it runs on, and loses nothing")
def _():
    fresh()
    make(VMID, start=False)
    c = Collector(notify=True)
    bad = []
    for name, what, paths in FAULTS + (MORE if LONG else []):
        try:
            broken(c, VMID, name, what, paths)
        except Failed as e:
            bad.append(name)
            note(str(e) + "; " + lib.logged()[-600:])
            if c.p.poll() is not None:
                c = Collector(notify=True)
    until(lambda: "errors of the store" in c.status(), "it counts them", 15)
    note(c.status())
    end(c)
    check(not bad, ", ".join(bad))


main()
