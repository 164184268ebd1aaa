#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost, whatever happens to the collector: its spool, its store, its ring and
its limits are broken while containers come and go."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
from collectlib import Collector, events, last_seq, wait_event  # noqa: E402
from live import (Failed, Skip, check, ctjson, ctscope, destroy, equal, main, make, note,  # noqa: E402
                  pct, test, until)

VMID = 960
LONG = os.environ.get("DRILL_LONG")
LIFE = ["prestart", "started", "stopped", "poststop"]


def fresh():
    if not os.path.exists(lib.CTSCOPED):
        raise Skip("ctscoped is not built (no libsystemd)")
    kill_all()
    lib.fresh_node()
    lib.hooks_on()


def kill_all():
    """Who was left by a test that failed."""
    for c in Collector.all:
        pid = c.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        if c.p.poll() is None:
            c.p.wait(20)
    Collector.all.clear()


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
def order():
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
def faults():
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


@test("a store that hangs: sampling, the watchdog and the hooks go on, and nothing is lost")
def hang():
    fresh()
    make(VMID, start=False)
    make(VMID + 1)
    c = Collector(notify=True, env={"WATCHDOG_USEC": "2000000"})
    c.wait_ready()
    time.sleep(1.5)
    seconds = 20 if LONG else 6
    seq = last_seq()
    with Fault(c, ["fdatasync,pwrite64:delay_enter=%d000000:when=1" % seconds], STORE):
        t0 = time.monotonic()
        bounce(VMID)
        c.said.clear()
        time.sleep(seconds - 2.5)
        running(c)
        equal(len(spooled()), 4, "files that wait")
        equal(told(VMID, seq), [], "committed")
        dogs = [x for x in c.heard() if x == "WATCHDOG=1"]
        check(len(dogs) >= (seconds - 3) // 2, "%d pings of the watchdog" % len(dogs))
        ring = ctjson("history", str(VMID + 1), "--since", "-%ds" % (seconds - 2), "--step",
                      "1", "-m", "cpu-used")["container"]["points"]
        gaps = [p for p in ring if p.get("gap")]
        check(len(ring) >= seconds - 4 and not gaps[1:], "sampled: %s" % ring)
        t1 = time.monotonic()
        ctscope("list", "--json")
        ctscope("events", "--json", "--since", "-1h")
        check(time.monotonic() - t1 < 2, "the CLI waits for nobody")
        until(lambda: told(VMID, seq) == LIFE, "told", seconds + 5)
        note("told %.1f s after; %d seconds in the ring meanwhile, %d gaps; %d pings" % (
            time.monotonic() - t0, len(ring), len(gaps), len(dogs)))
    until(lambda: not spooled(), "the spool is empty")
    end(c)


# ---- damage -------------------------------------------------------------------------

def flip(n):
    def f(rng):
        size = os.path.getsize(DB)
        with open(DB, "r+b") as d:
            for _ in range(n):
                d.seek(rng.randrange(size))
                b = d.read(1)
                d.seek(-1, 1)
                d.write(bytes([b[0] ^ 1 << rng.randrange(8)]))
    return f


def blank(n):
    def f(rng):
        with open(DB, "r+b") as d:
            for _ in range(n):
                d.seek(rng.randrange(os.path.getsize(DB) // 8192) * 8192)
                d.write(bytes(8192))
    return f


def cut(rng):
    os.truncate(DB, rng.randrange(os.path.getsize(DB)))


def junk(name, n):
    def f(rng):
        with open(DB + name, "wb") as d:
            d.write(rng.randbytes(n))
        os.chown(DB + name, lib.USER.pw_uid, lib.USER.pw_gid)
    return f


def swap(make_it):
    def f(_rng):
        os.rename(DB, DB + ".was")
        make_it()
        try:
            os.chown(DB, lib.USER.pw_uid, lib.USER.pw_gid, follow_symlinks=False)
        except OSError:
            pass
    return f


def gone(name):
    def f(_rng):
        if os.path.exists(DB + name):
            os.unlink(DB + name)
    return f


def sql(text):
    def f(_rng):
        import sqlite3
        db = sqlite3.connect(DB)
        db.executescript(text)
        db.close()
    return f


# name, damage, must be set aside (None: either will do), must be salvaged
DAMAGE = [
    ("a byte", flip(1), None, False),
    ("100 bytes", flip(100), None, False),
    ("a page of zeros", blank(1), None, False),
    ("20 pages of zeros", blank(20), None, False),
    ("cut anywhere", cut, None, False),
    ("its head is noise", lambda rng: junk_head(rng), True, False),
    ("no -wal", gone("-wal"), None, False),
    ("-wal is noise", junk("-wal", 100000), None, True),
    ("-shm is noise", junk("-shm", 32768), None, True),
    ("-shm and -wal are noise", lambda rng: (junk("-shm", 32768)(rng),
                                             junk("-wal", 100000)(rng)), None, True),
    ("empty", lambda rng: os.truncate(DB, 0), None, False),
    ("a newer schema", sql("PRAGMA user_version=9999"), True, False),
    ("a table is missing", sql("PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE "
                               "name='events'"), None, False),
    ("another program's", sql("PRAGMA application_id=7"), True, False),
    ("a directory", swap(lambda: os.mkdir(DB)), True, False),
    ("a FIFO", swap(lambda: os.mkfifo(DB)), True, False),
    ("a link", swap(lambda: os.symlink("/etc/passwd", DB)), True, False),
    ("a link to nowhere", swap(lambda: os.symlink("/no/where", DB)), True, False),
    ("a hard link", lambda rng: os.link(DB, DB + ".other"), True, True),
    ("root's", lambda rng: os.chown(DB, 0, 0), True, False),
]


def junk_head(rng):
    with open(DB, "r+b") as d:
        d.write(rng.randbytes(4096))


def cli_speaks(what):
    """Every command that reads the store: an answer or one sentence, and soon."""
    for args in (["events"], ["history", str(VMID), "-m", "cpu"], ["incidents"],
                 ["events", "--json"], ["incidents", "--json"]):
        r = ctscope(*args, code=None)
        check(r.seconds < 5, "%s: %s took %.1f s" % (what, args, r.seconds))
        check(r.code in (0, 1, 3), "%s: %s: exit %d" % (what, args, r.code))
        lines = r.err.decode(errors="replace").splitlines()
        check(len(lines) <= 2, "%s: %s says %s" % (what, args, lines))
        if r.code == 3:
            check(lines, "%s: %s says nothing" % (what, args))
        elif "--json" in args:
            for line in r.out.splitlines() if args[0] == "events" else [r.out]:
                json.loads(line)


def fill(n=4000):
    """A store of some size: events and blocks of other containers."""
    import sqlite3
    db = sqlite3.connect(DB)
    e = [x[1] for x in db.execute("PRAGMA table_info(events)")]
    b = [x[1] for x in db.execute("PRAGMA table_info(blocks_1)")]
    row = dict(zip(e, db.execute("SELECT * FROM events LIMIT 1").fetchone()))
    row.update(seq=None, type="task", vmid=100, data='{"fill":"%s"}' % ("x" * 300))
    for i in range(n):
        row["id"] = "fill-%d" % i
        db.execute("INSERT INTO events (%s) VALUES (%s)" % (
            ",".join(e), ",".join("?" * len(e))), [row[k] for k in e])
    block = db.execute("SELECT * FROM blocks_1 LIMIT 1").fetchone()
    if block:
        block = dict(zip(b, block), vmid=100)
        for i in range(n // 10):
            block["start"] += 60000000
            db.execute("INSERT OR REPLACE INTO blocks_1 (%s) VALUES (%s)" % (
                ",".join(b), ",".join("?" * len(b))), [block[k] for k in b])
    db.commit()
    db.close()
    for f in (DB + "-wal", DB + "-shm"):
        if os.path.exists(f):
            os.chown(f, lib.USER.pw_uid, lib.USER.pw_gid)


def last_told():
    """The last four, of what can be read."""
    import sqlite3
    try:
        rows = lib.query("SELECT type FROM events WHERE vmid = ? AND type IN ('prestart', "
                         "'started', 'stopped', 'poststop') ORDER BY seq DESC LIMIT 4",
                         (VMID,))
    except sqlite3.DatabaseError:
        return []
    return [r["type"] for r in rows[::-1]]


def damaged(rng, name, harm, aside, salvaged, wal):
    c = Collector()
    seq = last_seq()
    bounce(VMID)
    wait_event(VMID, "poststop", seq)
    end(c)
    fill()
    c = Collector()
    seq = last_seq()
    bounce(VMID)
    wait_event(VMID, "poststop", seq)
    n = lib.query("SELECT count(*) AS n FROM events")[0]["n"]
    if wal:  # what is not yet in the database itself
        c.stop(signal.SIGKILL)
    else:
        end(c)
    harm(rng)
    cli_speaks(name)
    c = Collector(wait=False, notify=True)
    c.wait_ready()
    make_it = "%s%s" % (name, ", killed before" if wal else "")
    bounce(VMID)
    until(lambda: last_told() == LIFE, "%s: told afterwards" % make_it, 15)
    until(lambda: not spooled(), "%s: the spool is empty" % make_it, 15)
    was = [f for f in os.listdir(lib.LIB) if ".corrupt-" in f or ".newer-" in f]
    said = lib.query("SELECT data FROM events WHERE type = 'collector' AND data LIKE "
                     "'%store-replaced%' ORDER BY seq")
    check(aside is None or (wal and not was) or bool(was) == aside, "%s: set aside: %s" % (make_it, was))
    if was:
        check(said, "%s: it was set aside, and nobody is told" % make_it)
    kept = lib.query("SELECT count(*) AS n FROM events")[0]["n"]
    check(not salvaged or wal or kept > n, "%s: %d events were there, %d are" % (make_it, n, kept))
    cli_speaks(name)
    end(c)
    note("%s: %s, %d events before, %d after%s" % (
        make_it, "set aside" if was else "went on", n, kept,
        "; " + said[-1]["data"] if said else ""))


@test("a store that is damaged is set aside and told of, and collecting goes on")
def damage():
    import random
    seed = int(os.environ.get("DRILL_SEED", "1"))
    fresh()
    make(VMID, start=False)
    rng = random.Random(seed)
    bad = []
    cases = [(d, w) for d in DAMAGE for w in (False, True)] * 3
    if not LONG:
        few = ("100 bytes", "cut anywhere", "-shm and -wal are noise", "a newer schema",
               "a FIFO")
        cases = [(d, d[0] == "100 bytes") for d in DAMAGE if d[0] in few]
    for d, wal in cases:
        shutil.rmtree(lib.LIB)
        os.mkdir(lib.LIB, 0o750)
        os.chown(lib.LIB, lib.USER.pw_uid, lib.USER.pw_gid)
        try:
            damaged(rng, *d, wal)
        except (Failed, ValueError) as e:
            bad.append(d[0])
            note("%s: %s" % (d[0], e))
        kill_all()
    note("seed %d, %d damages" % (seed, len(cases)))
    check(not bad, ", ".join(bad))


def mount_store(opts):
    subprocess.run(["mount", "-t", "tmpfs", "-o", opts, "tmpfs", lib.LIB], check=True)
    os.chown(lib.LIB, lib.USER.pw_uid, lib.USER.pw_gid)


@test("a file system that is read-only, or full: it starts, and stores when it can")
def readonly():
    fresh()
    make(VMID, start=False)
    mount_store("size=64m")
    try:
        c = Collector()
        bounce(VMID)
        wait_event(VMID, "poststop", 0)
        end(c)
        for name, harm, heal in (
                ("read-only", ["mount", "-o", "remount,ro", lib.LIB],
                 ["mount", "-o", "remount,rw", lib.LIB]),
                ("full", ["sh", "-c", "cat /dev/zero >%s/fill 2>/dev/null; :" % lib.LIB],
                 ["rm", lib.LIB + "/fill"])):
            seq = last_seq()
            subprocess.run(harm, check=True)
            c = Collector(wait=False, notify=True)
            c.wait_ready()
            bounce(VMID)
            time.sleep(1)
            running(c)
            cli_speaks(name)
            subprocess.run(heal, check=True)
            until(lambda: told(VMID, seq) == LIFE, name + ": told", 20)
            until(lambda: not spooled(), "the spool is empty")
            lives = {e["life"] for e in events(VMID, seq, LIFE)}
            equal(len(lives), 1, "lives")
            end(c)
        got = lib.query("SELECT life FROM events WHERE vmid = ? AND type = 'started' ORDER BY "
                        "seq", (VMID,))
        equal([r["life"] for r in got], [1, 2, 3], "one life after the other")
    finally:
        kill_all()
        subprocess.run(["umount", "-l", lib.LIB], check=True)


main()
