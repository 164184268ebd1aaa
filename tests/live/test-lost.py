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
                  pct, slack, test, until)

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


def need_long():
    if not LONG:
        raise Skip("takes its time: DRILL_LONG=1")


def end(c, code=0):
    equal(c.stop(), code, "exit code; log: " + lib.logged())


def story(vmid, after=0):
    """For who looks into a failure."""
    return "; ".join("%s%s/%s %s" % ("~" if e["inferred"] else "", e["type"], e["life"],
                                     e["data"].get("text", "")) for e in events(vmid, after)
                     ) + "; log: " + lib.logged()[-500:]


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


@test("a store that comes back after the start holds no number of a life twice")
def lives():
    fresh()
    make(VMID, start=False)
    c = Collector()
    bounce(VMID)
    wait_event(VMID, "poststop", 0, 20)
    end(c)
    aside = lib.LIB + ".aside"
    os.rename(lib.LIB, aside)
    c = Collector(wait=False)
    until(lambda: "cannot be opened" in lib.logged(), "it has no store")
    bounce(VMID)
    time.sleep(1)
    os.rename(aside, lib.LIB)
    until(lambda: told(VMID) == LIFE * 2, "all is told: " + story(VMID), 30)
    lives = [e["life"] for e in events(VMID, 0, ["started"])]
    check(lives[0] == 1 and lives[1] > 1000000000, "lives %s" % lives)
    equal([r["n"] for r in lib.query("SELECT count(*) AS n FROM lives WHERE stopped > started")],
          [2], "rows of lives")
    end(c)
    c = Collector()
    bounce(VMID)
    until(lambda: told(VMID) == LIFE * 3, "all is told: " + story(VMID), 20)
    equal([e["life"] for e in events(VMID, 0, ["started"])], lives + [lives[1] + 1], "lives")
    end(c)


@test("a life between its first and its last hook, which nobody saw: a start and an end")
def unseen():
    fresh()
    make(VMID, start=False, raw=["lxc.hook.start-host:", "lxc.hook.stop:"])
    end(Collector())
    bounce(VMID)
    end(Collector())
    until(lambda: len(told(VMID)) >= len(LIFE), "its life is told: " + story(VMID))
    equal(told(VMID), LIFE, "its life")
    up, down = events(VMID, 0, ["started", "stopped"])
    check(up["inferred"] and down["inferred"], "both are concluded: " + story(VMID))
    equal(up["data"]["phases"], [{"name": "prestart", "usec": 0}], "phases of the start")
    # one that fails says so where lxc-start writes to
    destroy(VMID)
    make(VMID, start=False, mp0="/no/such/dir,mp=/x",
         raw=["lxc.hook.start-host:", "lxc.hook.stop:"])
    seq = last_seq()
    pct.prepare(VMID)
    check(not pct.wait_running(VMID, pct.spawn(VMID)), "it does not start")
    pct.wait_stopped(VMID)
    c = Collector()
    wait_event(VMID, "poststop", seq, 20)
    equal(told(VMID, seq), ["prestart", "start-failed", "poststop"], "a start that fails")
    end(c)


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
    ("EMFILE of opens in the spool", ["openat,openat2:error=EMFILE"], [lib.SPOOL]),
]
MORE = [
    ("ENOSPC of writes", ["pwrite64:error=ENOSPC", "fallocate:error=ENOSPC"], STORE),
    ("EIO of removing from the spool", ["unlinkat:error=EIO"], [lib.SPOOL]),
    ("EIO of syncs", ["fdatasync,fsync:error=EIO"], STORE),
    ("writes of nothing", ["pwrite64:retval=0"], STORE),
    ("EIO of opens", ["openat:error=EIO", "pwrite64:error=EIO"], STORE),
    ("EIO of all", ["openat,openat2,pwrite64,pread64,fdatasync,fsync,ftruncate,unlink,"
                    "unlinkat,rename,renameat,newfstatat,fcntl,mmap:error=EIO"], STORE),
    ("no memory for maps", ["mmap:error=ENOMEM", "pwrite64:error=EIO"], STORE),
    ("EROFS of removing from the spool", ["unlinkat:error=EROFS"], [lib.SPOOL]),
    ("EIO of opens in the spool", ["openat,openat2:error=EIO"], [lib.SPOOL]),
]


def past_task(kind, vmid, start, user="root@pam"):
    """A task of an earlier boot, in the index alone. Its UPID."""
    upid = "UPID:%s:%08X:%08X:%08X:%s:%s:%s:" % (pct.NODE, 4000, 5000, start, kind, vmid, user)
    with open(pct.TASKS + "/index", "a") as f:
        f.write("%s %08X OK\n" % (upid, start + 1))
    return upid


def last_end():
    return [e for e in events(VMID, 0) if e["type"] == "stopped"][-1]


# how it ended: the tasks of the boot before, in order, and whose work that was
LAST_TASKS = (
    ((), "host-shutdown", None),
    ((("stopall", "", "root@pam"), ("vzshutdown", VMID, "root@pam")), "host-shutdown", 0),
    ((("vzshutdown", VMID, "root@pam"), ("stopall", "", "root@pam")), "admin", 0),
    ((("stopall", "", "joe@pve"), ("vzshutdown", VMID, "joe@pve")), "admin", 1),
)


@test("it went down with the node, and nobody saw it: by stopall of then, or by whose task")
def end_with_the_node():
    clock = lib.reachable(os.environ["CTSCOPE_BUILD"] + "/tests/collect/clock.so")
    boot = "/proc/sys/kernel/random/boot_id"
    if not os.path.exists(clock):
        raise Skip("tests/collect/clock.so is not built")
    for n, (tasks, cause, which) in enumerate(LAST_TASKS):
        fresh()
        lib.hooks_off()
        c = Collector()
        make(VMID)
        until(lambda: "started" in told(VMID), "it is seen")
        end(c)
        destroy(VMID)
        now = int(time.time())
        upids = [past_task(kind, vmid, now + 2 + 2 * i, user)
                 for i, (kind, vmid, user) in enumerate(tasks)]
        with open("/run/node/boot_id", "w") as f:
            f.write("00000000-0000-4000-8000-%012d\n" % n)
        subprocess.run(["mount", "--bind", "/run/node/boot_id", boot], check=True)
        try:
            # this boot began after all of that
            later = int(time.clock_gettime(time.CLOCK_BOOTTIME)) + 3600
            c = Collector(env={"LD_PRELOAD": clock, "CLOCK_ADD_MSEC": "%d" % (later * 1000)})
            until(lambda: "stopped" in told(VMID), "its end is told")
            e = last_end()
            end(c)
        finally:
            subprocess.run(["umount", boot], check=True)
        text = "%s: %s" % (tasks, e["data"])
        equal((e["data"]["cause"], e["data"].get("upid")),
              (cause, None if which is None else upids[which]), text)
        equal(bool(e["inferred"]), True, text)
        equal(e["data"].get("certain", True), cause == "admin", text)


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
    # there is no reader on this node
    if any(d.isdigit() for d in os.listdir("/sys/fs/cgroup/lxc")):
        until(lambda: "use of root disks is not recorded: /run/ctscope-reader.sock" in c.status(),
              "it says that nobody answers", 30)
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
    seconds = 20 if LONG else 5
    seq = last_seq()
    with Fault(c, ["fdatasync%s:delay_enter=%d000000:when=1" % (
            ",pwrite64" if LONG else "", seconds)], STORE):
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
        check(r.seconds < 5 * slack(), "%s: %s took %.1f s" % (what, args, r.seconds))
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


def rows(sql):
    """A damaged page that nobody read yet is there still."""
    import sqlite3
    try:
        return lib.query(sql)
    except sqlite3.DatabaseError as e:
        note("%s: %s" % (sql[:40], e))
        return []


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
    try:
        until(lambda: last_told() == LIFE, "%s: told afterwards" % make_it, 15)
    except Failed as f:
        raise Failed("%s: %s" % (f, story(VMID)))
    until(lambda: not spooled(), "%s: the spool is empty" % make_it, 15)
    was = [f for f in os.listdir(lib.LIB) if ".corrupt-" in f or ".newer-" in f]
    said = rows("SELECT data FROM events WHERE type = 'collector' AND data LIKE "
                "'%store-replaced%' ORDER BY seq")
    check(aside is None or (wal and not was) or bool(was) == aside,
          "%s: set aside: %s" % (make_it, was))
    if was:
        check(said, "%s: it was set aside, and nobody is told" % make_it)
    kept = (rows("SELECT count(*) AS n FROM events") or [{"n": 0}])[0]["n"]
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
    cases = [(d, w) for d in DAMAGE for w in (False, True)]
    if not LONG:
        few = ("100 bytes", "cut anywhere")
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
    need_long()
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


def ids(n, first=0):
    return ["%013x-%014x-%08x" % (1000 + first + i, 2000 + i, i) for i in range(n)]


def at(name):
    return os.path.join(lib.SPOOL, name)


def put(name, data, mode=0o644):
    with open(at(name), "wb") as f:
        f.write(data)
    os.chmod(at(name), mode)


def hostile_spool():
    """Of each kind one with the name of an event, and others with names that are none."""
    import socket
    n = iter(ids(30))
    text = b"ctscope-hook 1\nvmid 101\ntype stop\n"
    put(next(n), b"")
    put(next(n), text)  # cut off
    put(next(n), os.urandom(5000))
    put(next(n), text + b"file x 99999999999\n")
    put(next(n), b"ctscope-hook 1\n" + b"a" * 60000 + b"\nend\n")
    with open(at(next(n)), "wb") as f:
        f.truncate(1 << 33)  # sparse, 8 GiB
    unreadable = next(n)
    put(unreadable, text, 0)
    os.symlink("/etc/shadow", at(next(n)))
    os.symlink("/no/where", at(next(n)))
    loop = next(n)
    os.symlink(loop, at(loop))
    os.mkfifo(at(next(n)))
    os.mkdir(at(next(n)))
    full = next(n)
    os.mkdir(at(full))
    put(full + "/x", b"")
    hard = next(n)
    put(hard, text)
    os.link(at(hard), at(next(n)))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(at(next(n)))
    device = next(n)
    os.mknod(at(device), 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    for name in ("a\nb", "-rf", "x" * 255, "\x1b[2J", ids(1)[0] + "0", ids(1)[0].upper()[:-1] +
                 "G"):
        put(name, b"")
    with open(os.fsencode(lib.SPOOL) + b"/\xff\xfe", "wb"):
        pass
    return [unreadable, full, device]  # that it may not open, or remove


@test("whatever lies in the spool: no hook is missed, the log is short, memory is bounded")
def spool():
    fresh()
    make(VMID, start=False)
    many = 100000 if LONG else 9000
    bounce(VMID)
    for i in range(many):  # more than are held in memory, and none is an event
        os.close(os.open(at("foreign-%d" % i), os.O_CREAT | os.O_WRONLY))
    c = Collector()
    until(lambda: told(VMID) == LIFE, "told, behind %d foreign files" % many, 20)
    for i in range(many):  # hooks find no room among so many
        os.unlink(at("foreign-%d" % i))
    stay = hostile_spool()
    t0 = time.monotonic()
    bounce(VMID)
    until(lambda: told(VMID) == LIFE * 2, "told, among files that are none", 15)
    note("told after %.1f s" % (time.monotonic() - t0))
    for name in ids(many if LONG else 3000, 100):
        os.close(os.open(at("." + name), os.O_CREAT | os.O_WRONLY))
        os.rename(at("." + name), at(name))
    def left():
        return [n for n in spooled() if len(n) == 37 and n[-1] != "G" and n not in stay]
    until(lambda: not left(), "junk is removed", 30)
    bounce(VMID)
    until(lambda: told(VMID) == LIFE * 3, "told, after junk", 30)
    running(c)
    with open("/proc/%d/status" % c.pid()) as f:
        peak = [int(x.split()[1]) for x in f if x.startswith("VmHWM")][0]
    note("%d KiB at the most; left: %s" % (peak, [n for n in spooled() if len(n) == 37]))
    check(peak < 64 << 10, "%d KiB" % peak)
    check(lib.logged().count("is no event") <= 6, lib.logged())
    end(c)


@test("/run/ctscope is removed and made again: hooks are seen, the ring is there")
def run_removed():
    fresh()
    make(VMID, start=False)
    make(VMID + 1)
    c = Collector(notify=True)
    c.wait_ready()
    until(lambda: os.path.exists(lib.RUN + "/ring"), "a ring")
    shutil.rmtree(lib.RUN)
    bounce(VMID)  # nobody hears its hooks: the kernel tells
    until(lambda: [t for t in told(VMID) if t in ("started", "stopped")] ==
          ["started", "stopped"], "told by the kernel")
    for d in (lib.RUN, lib.SPOOL):
        os.mkdir(d, 0o770)
        os.chown(d, lib.USER.pw_uid, lib.USER.pw_gid)
    open(lib.RUN + "/log", "w").close()
    seq = last_seq()
    bounce(VMID)
    # at most ten seconds; the life itself may have been told by the kernel meanwhile
    until(lambda: not spooled(), "the spool is empty", 15)
    bounce(VMID)
    try:
        until(lambda: told(VMID, seq)[-4:] == LIFE, "hooks are heard again", 15)
    except Failed as f:
        raise Failed("%s: %s" % (f, story(VMID, seq)))
    equal([t for t in told(VMID, seq) if t in ("started", "stopped")],
          ["started", "stopped"] * 2, "once each")
    until(lambda: os.path.exists(lib.RUN + "/ring"), "a new ring", 15)
    until(lambda: len(seconds_of(VMID + 1, 10)) > 1 and not seconds_of(VMID + 1, 10)[-1].get("gap"),
          "it records again", 15)
    running(c)
    end(c)


@test("no descriptors for a while: who started meanwhile is recorded afterwards")
def emfile():
    fresh()
    make(VMID, start=False)
    c = Collector()
    time.sleep(1)
    with Fault(c, ["openat,openat2:error=EMFILE"], ["/sys/fs/cgroup/lxc/%d" % VMID]) as f:
        pct.start(VMID)
        until(lambda: "started" in told(VMID), "told", 15)
        time.sleep(2.5)
        running(c)
    check(f.n, "nothing was broken")
    until(lambda: recorded(VMID), "recorded", 8)
    pct.kill(VMID)
    until(lambda: told(VMID)[-1] == "poststop", "told")
    end(c)


def recorded(vmid):
    r = ctscope("history", vmid, "--since", "-5s", "--step", "1", "-m", "pids", "--json",
                code=None)
    points = json.loads(r.out)["container"]["points"] if r.code == 0 else []
    return points and not points[-1].get("gap")


@test("few file descriptors: no crash, every hook is told")
def nofile():
    fresh()
    make(VMID, start=False)
    for n in (64, 40, 32, 26) if LONG else (40,):
        seq = last_seq()
        c = Collector(wrap=["prlimit", "--nofile=%d" % n, "--"], wait=False, notify=True)
        try:
            c.wait_ready()
        except Failed as e:
            note("%d descriptors: %s" % (n, str(e)[-200:]))
            check(n < 40, "it does not start with %d" % n)
            continue
        for i in range(3):
            make(VMID + 1 + i)
        bounce(VMID)
        until(lambda: [t for t in told(VMID, seq) if t in ("started", "stopped")] ==
              ["started", "stopped"], "told with %d descriptors" % n, 15)
        until(lambda: not spooled(), "the spool is empty with %d" % n, 15)
        running(c)
        for i in range(3):
            destroy(VMID + 1 + i)
        until(lambda: not spooled(), "the spool is empty with %d" % n, 15)
        note("%d descriptors: %s" % (n, lib.logged()[-300:]))
        end(c)


def seconds_of(vmid, n):
    """What was recorded of the last n seconds, as far as anything was."""
    r = ctscope("history", vmid, "--since", "-%ds" % n, "--step", "1", "-m", "pids", "--json", code=None)
    return json.loads(r.out)["container"]["points"] if r.code == 0 else []


@test("stopped by SIGSTOP for long, then continued: all is told, the ring has a gap")
def sigstop():
    need_long()
    fresh()
    make(VMID, start=False)
    make(VMID + 1)
    c = Collector()
    time.sleep(2)
    seconds = 30 if LONG else 4
    os.kill(c.pid(), signal.SIGSTOP)
    lives = 5
    for _ in range(lives):
        bounce(VMID)
    time.sleep(seconds)
    t0 = time.monotonic()
    ctscope("list", "--json")
    ctscope("status", str(VMID + 1))
    check(time.monotonic() - t0 < 2, "the CLI does not wait for it")
    os.kill(c.pid(), signal.SIGCONT)
    until(lambda: told(VMID) == LIFE * lives, "all is told")
    until(lambda: any(p.get("gap") for p in seconds_of(VMID + 1, 110)), "a gap", 15)
    end(c)


@test("the ring is replaced, cut, filled with noise while it is read: readers go on")
def ring():
    fresh()
    make(VMID)
    c = Collector()
    time.sleep(2.5)
    path = lib.RUN + "/ring"
    with open(path, "rb") as f:
        good = f.read()
    end(c)
    rng = __import__("random").Random(1)
    readers = [["list", "--json"], ["usage", str(VMID), "--json"],
               ["history", str(VMID), "--since", "-1min", "-m", "cpu", "--json"],
               ["top", "--once"]]
    for i in range(60 if LONG else 6):
        kind = i % 6
        data = bytearray(good)
        if kind == 0:
            data = data[:rng.randrange(len(data))]
        elif kind == 1:
            for _ in range(200):
                data[rng.randrange(len(data))] = rng.randrange(256)
        elif kind == 2:
            data[:4096] = rng.randbytes(4096)
        elif kind == 3:
            data = bytearray()
        os.unlink(path)
        if kind == 4:
            os.mkfifo(path)
        elif kind == 5:
            os.mkdir(path)
        else:
            with open(path, "wb") as f:
                f.write(data)
            os.chown(path, lib.USER.pw_uid, lib.USER.pw_gid)
        r = ctscope(*readers[i // 6 % len(readers)], code=None)
        check(r.code in (0, 2, 3) and r.seconds < 5 * slack(), "%s, ring %d: exit %d, %.1f s: %s" % (
            readers[i // 6 % len(readers)], kind, r.code, r.seconds, r.err))
        if kind == 5:
            os.rmdir(path)
            open(path, "w").close()
    # and the collector begins whatever is there
    make(VMID + 1, start=False)
    for kind in ("fifo", "dir", "link", "junk") if LONG else ("junk",):
        os.unlink(path)
        {"fifo": lambda: os.mkfifo(path), "dir": lambda: os.mkdir(path),
         "link": lambda: os.symlink("/etc/passwd", path),
         "junk": lambda: shutil.copy("/bin/true", path)}[kind]()
        seq = last_seq()
        c = Collector()
        bounce_one = VMID + 1
        bounce(bounce_one)
        until(lambda: told(bounce_one, seq) == LIFE, "told, the ring is a " + kind)
        note("a %s as the ring: %s" % (kind, lib.logged()[-200:]))
        end(c)
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
            open(path, "w").close()


main()
