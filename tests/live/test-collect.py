#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the collector says of containers that start and stop in every way there is, with
and without hooks, as an ordinary user without capabilities."""
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
import live  # noqa: E402
import reader  # noqa: E402
from collectlib import Collector, events, last_seq, wait_event  # noqa: E402
from live import (Skip, check, controllers, destroy, equal, main, make, note,
                  pct, rootfs, test, until, write_conf)  # noqa: E402

# PIDFD_GET_INFO tells how a process ended that is not our child
HAS_EXIT = [int(n) for n in os.uname().release.split("-")[0].split(".")[:2]] >= [6, 15]
VMID = 930
state = {}


def need():
    if "c" not in state:
        if not os.path.exists(lib.CTSCOPED):
            raise Skip("ctscoped is not built (no libsystemd)")
        lib.fresh_node()
        lib.hooks_on()
        state["reader"] = reader.Reader(lib.USER.pw_uid)
        state["c"] = Collector()
    check(state["c"].p.poll() is None, "the collector ended: " + lib.logged())
    return state["c"]


def kill_init(vmid):
    pid = pct.init_pid(vmid)
    check(pid > 1, "no init")
    t0 = time.clock_gettime(time.CLOCK_BOOTTIME)
    os.kill(pid, signal.SIGKILL)
    return t0


def carrier(link):
    try:
        with open("/sys/class/net/%s/carrier" % link) as f:
            return f.read().strip() == "1"
    except OSError:  # it is not there, or not up
        return False


def started(after, hooks, vmid=VMID):
    e = wait_event(vmid, "started", after)
    equal(bool(e["inferred"]), not hooks, "inferred")
    equal(e["origin"], "hook" if hooks else "cgroup", "origin")
    names = [p["name"] for p in e["data"]["phases"]]
    check("init" in names, "phases %s" % names)
    return e


@test("it runs as an ordinary user, with no capability")
def _():
    c = need()
    with open("/proc/%d/status" % c.pid()) as f:
        status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    equal(status["Uid"].split()[1], str(lib.USER.pw_uid), "euid")
    for k in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        equal(int(status[k], 16), 0, k)
    equal(status["NoNewPrivs"].strip(), "1", "NoNewPrivs")
    with open("/proc/%d/limits" % c.pid()) as f:
        core = [x for x in f if x.startswith("Max core file size")][0].split()
    equal(core[4], "0", "RLIMIT_CORE")


def whole_life(hooks):
    need()
    (lib.hooks_on if hooks else lib.hooks_off)()
    if os.path.exists(pct.conf_path(VMID)):
        destroy(VMID)
    seq = last_seq()
    make(VMID, net="ip=10.99.0.30/24")
    live.keep(VMID)
    e = started(seq, hooks)
    up = wait_event(VMID, "interface-up", seq)
    equal(up["data"]["interface"], "veth%di0" % VMID, "interface")
    check(up["data"].get("first"), "the first carrier")
    addr = wait_event(VMID, "address", seq)
    equal(addr["data"]["address"], "10.99.0.30", "address")
    check(addr["data"].get("since_start_usec", 0) > 0, "timeline")
    equal(addr["life"], e["life"], "life")
    if hooks:
        equal(len(events(VMID, seq, ["prestart"])), 1, "prestart")
    # an edit before its config was read first would be part of that; one that was made
    # anew with the same text is no change
    time.sleep(2.5)
    return e["life"]


def start_again(hooks):
    """Of one that a test before stopped, if there was one."""
    if pct.listening(VMID):
        seq = last_seq()
        pct.kill(VMID)
        wait_event(VMID, "stopped", seq)
    seq = last_seq()
    pct.start(VMID)
    return started(seq, hooks)


def by_task(hooks, verb, task):
    seq = last_seq()
    getattr(pct, "main")([verb, str(VMID)])
    e = wait_event(VMID, "stopped", seq)
    equal(e["data"]["cause"], "admin", "cause of %s: %s" % (verb, e["data"]))
    equal(e["data"]["task"], task, "task")
    equal(e["data"]["user"], "root@pam", "user")
    check(e["data"]["upid"].startswith("UPID:"), "UPID")
    equal(e["origin"], "hook" if hooks else "cgroup", "origin")
    equal(len(events(VMID, seq, ["stopped", "rebooted"])), 1, "one end")


for H in (True, False):
    W = "with hooks" if H else "without hooks"

    @test("a start has its event, first carrier and first address, " + W, base=True)
    def _(hooks=H):
        whole_life(hooks)

    @test("a start that is seen late has its first carrier, of its own life, " + W)
    def _(hooks=H):
        c = need()
        (lib.hooks_on if hooks else lib.hooks_off)()
        make(VMID + 2, net="ip=10.99.0.31/24", start=False)
        for late in (False, True):
            seq = last_seq()
            if late:
                os.kill(c.pid(), signal.SIGSTOP)
            try:
                pct.start(VMID + 2)
                until(lambda: carrier("veth%di0" % (VMID + 2)), "a carrier")
            finally:
                os.kill(c.pid(), signal.SIGCONT)
            e = started(seq, hooks, VMID + 2)
            up = wait_event(VMID + 2, "interface-up", seq)
            check(up["data"].get("first"), "late %s: the first carrier: %s" % (late, up["data"]))
            equal(up["life"], e["life"], "life")
            pct.kill(VMID + 2)
            wait_event(VMID + 2, "stopped", seq)
        destroy(VMID + 2)

    @test("frozen and thawed, " + W)
    def _(hooks=H):
        need()
        seq = last_seq()
        pct.main(["freeze", str(VMID)])
        wait_event(VMID, "frozen", seq)
        pct.main(["thaw", str(VMID)])
        e = wait_event(VMID, "thawed", seq)
        check(e["data"]["duration_usec"] > 0, "duration")

    @test("a config edit is told key by key, " + W)
    def _(hooks=H):
        need()
        seq = last_seq()
        with open(pct.conf_path(VMID)) as f:
            text = f.read()
        write_conf(VMID, text.replace("memory: 128", "memory: 144") + "cores: 1\n")
        e = wait_event(VMID, "config-changed", seq,
                       match=lambda e: "changes" in e["data"])
        got = {(c["key"], c.get("old"), c.get("new")) for c in e["data"]["changes"]}
        equal(got, {("memory", "128", "144"), ("cores", None, "1")}, "changes")
        write_conf(VMID, text)
        wait_event(VMID, "config-changed", e["seq"])

    @test("init killed with SIGKILL: signal, and soon, " + W)
    def _(hooks=H):
        need()
        seq = last_seq()
        t0 = kill_init(VMID)
        e = wait_event(VMID, "stopped", seq)
        pct.wait_stopped(VMID)
        equal(e["data"]["cause"], "signal" if HAS_EXIT else "unknown", "cause")
        equal(e["data"].get("signal"), 9 if HAS_EXIT else None, "signal")
        equal(e["data"].get("certain"), False, "certain")
        note("the end was seen %.1f ms after the kill" % ((e["boot_usec"] / 1e6 - t0) * 1e3))
        inc = until(lambda: lib.query("SELECT * FROM incidents WHERE vmid = ?", (VMID,)),
                    "an incident")
        equal(inc[-1]["kind"], "unexpected-stop", "incident")
        equal(inc[-1]["opened"], e["time"], "it began with the end")

    @test("pct stop: admin with user and UPID, " + W)
    def _(hooks=H):
        need()
        start_again(hooks)
        by_task(hooks, "stop", "vzstop")

    @test("pct shutdown: admin, " + W)
    def _(hooks=H):
        need()
        start_again(hooks)
        time.sleep(0.5)
        by_task(hooks, "shutdown", "vzshutdown")

    @test("a reboot from inside: rebooted, and another life, " + W)
    def _(hooks=H):
        need()
        life = start_again(hooks)["life"]
        time.sleep(0.5)
        seq = last_seq()
        subprocess.run(["lxc-attach", "-n", str(VMID), "--", "reboot", "-f"])
        if hooks:
            # a hook that gave up on a node this busy says so: then it is as without it
            e = until(lambda: events(VMID, seq, ["rebooted"]) or
                      "deadline came first" in lib.logged() and
                      [e for e in events(VMID, seq, ["reconciled"]) if e["data"].get("cause")],
                      "rebooted")[0]
            equal(e["data"]["cause"], "rebooted-inside", "cause")
        else:
            # PVE's mark comes after the end
            e = wait_event(VMID, "reconciled", seq,
                           match=lambda e: e["data"].get("cause"))
            equal(e["data"]["cause"], "rebooted-inside", "cause")
            # what was taken for a kill is none, and says so
            inc = until(lambda: [i for i in lib.query(
                "SELECT * FROM incidents WHERE vmid = ? ORDER BY n", (VMID,))
                if i["closed"] is not None][-1:], "an incident that is over")
            check("reboot" in inc[0]["summary"], "summary %s" % inc[0]["summary"])
        e = started(seq, hooks)
        equal(e["life"], life + 1, "life")
        pct.kill(VMID)

    @test("init that powers off as systemd does: halted-inside, " + W)
    def _(hooks=H):
        need()
        seq = last_seq()
        make(VMID + 1, start=False)
        with open(rootfs(VMID + 1) + "/sbin/halting", "w") as f:
            f.write("#!/bin/sh\nsleep 2\nexec poweroff -f\n")
        os.chmod(rootfs(VMID + 1) + "/sbin/halting", 0o755)
        with open(pct.conf_path(VMID + 1), "a") as f:
            f.write("entrypoint: /sbin/halting\n")
        pct.start(VMID + 1)
        e = wait_event(VMID + 1, "stopped", seq)
        pct.wait_stopped(VMID + 1)
        equal(e["data"]["cause"], "halted-inside" if HAS_EXIT else "unknown", "cause")
        destroy(VMID + 1)

    @test("a start that fails says in which phase, why, and what can be seen, " + W)
    def _(hooks=H):
        need()
        seq = last_seq()
        make(VMID + 2, start=False)
        with open(pct.conf_path(VMID + 2), "a") as f:
            f.write("mp0: /no/such/dir,mp=/x\n")
        pct.dotfiles()  # the edit just before it is what it fails of
        # a process of its own, as PVE's workers are
        r = subprocess.run(["pct", "start", str(VMID + 2)], stderr=subprocess.DEVNULL)
        check(r.returncode, "it started")
        e = wait_event(VMID + 2, "start-failed", seq)
        equal(e["data"]["phase"], "prestart", "phase")
        bad = [c["text"] for c in e["data"]["checks"] if c.get("ok") is False]
        check(any("/no/such/dir does not exist" in t for t in bad), "checks %s" % bad)
        check(any("pre-start" in t["text"] for t in e["data"]["texts"]),
              "texts %s" % e["data"]["texts"])
        equal(e["data"]["reason"], "mp0: /no/such/dir does not exist", "reason")
        # the collector may know of failed starts from before it began
        # and one that is open goes on
        summary = "its start failed: " + e["data"]["reason"]
        until(lambda: lib.query("SELECT * FROM incidents WHERE vmid = ? AND summary = ?",
                                (VMID + 2, summary)), "an incident: " + summary)
        equal(e["data"].get("user"), "root@pam", "user")
        equal(len(events(VMID + 2, seq, ["started"])), 0, "no start")
        destroy(VMID + 2)

    @test("a start that fails of a storage that is gone says which, " + W)
    def _(hooks=H):
        need()
        seq = last_seq()
        make(VMID + 2, start=False)
        with open(pct.conf_path(VMID + 2), "a") as f:
            f.write("mp0: gone:vm-%d-disk-7,mp=/x,size=1G\n" % (VMID + 2))
        pct.dotfiles()
        # a process of its own, as PVE's workers are
        r = subprocess.run(["pct", "start", str(VMID + 2)], stderr=subprocess.DEVNULL)
        check(r.returncode, "it started")
        e = wait_event(VMID + 2, "start-failed", seq)
        check("gone" in e["data"]["reason"], "reason %s" % e["data"])
        bad = [c["text"] for c in e["data"]["checks"] if c.get("ok") is False]
        equal(bad, ['mp0: there is no storage "gone"'], "checks")
        check(any(c["what"] == "volume" and c.get("ok") for c in e["data"]["checks"]),
              "the root file system is there: %s" % e["data"]["checks"])
        destroy(VMID + 2)

    @test("a start that fails right after another has its own reason, " + W)
    def _(hooks=H):
        need()
        make(VMID + 2, start=False)
        with open(pct.conf_path(VMID + 2)) as f:
            text = f.read()
        for add, reason in (("lock: backup\n", "locked"),
                            ("mp0: /no/such/dir,mp=/x\n", "/no/such/dir")):
            seq = last_seq()
            write_conf(VMID + 2, text + add)
            subprocess.run(["pct", "start", str(VMID + 2)], stderr=subprocess.DEVNULL)
            e = wait_event(VMID + 2, "start-failed", seq)
            check(reason in e["data"].get("reason", ""), "reason %s" % e["data"])
        destroy(VMID + 2)

    @test("an init that cannot be executed is a failed start, " + W)
    def _(hooks=H):
        need()
        seq = last_seq()
        make(VMID + 3, start=False, entrypoint="/no/init")
        try:
            pct.start(VMID + 3)
        except pct.Error:
            pass
        wait_event(VMID + 3, "start-failed", seq)
        destroy(VMID + 3)

    @test("the container goes, " + W)
    def _(hooks=H):
        if pct.listening(VMID):
            pct.kill(VMID)
        destroy(VMID)
        need()


@test("a stop that a script of root's makes up is unconfirmed")
def _():
    need()
    lib.hooks_on()
    seq = last_seq()
    make(VMID + 4)
    e = started(seq, True, VMID + 4)
    env = dict(LXC_NAME=str(VMID + 4), LXC_TARGET="stop", PATH=os.environ["PATH"])
    subprocess.run([lib.HOOK, str(VMID + 4), "lxc", "stop"], env=env, check=True)
    r = wait_event(VMID + 4, "reconciled", seq)
    check("unconfirmed" in r["data"]["text"], r["data"])
    equal(len(events(VMID + 4, seq, ["stopped"])), 0, "no stop")
    pct.kill(VMID + 4)
    s = wait_event(VMID + 4, "stopped", seq)
    equal(s["life"], e["life"], "life")
    destroy(VMID + 4)


@test("files that are no events are removed, said once, and change nothing")
def _():
    need()
    seq = last_seq()
    for i, text in enumerate([b"", b"junk", b"ctscope-hook 9\n", b"ctscope-hook 1\nvmid 0\n",
                              b"ctscope-hook 1\nvmid 4294967296\ntype stop\nend\n",
                              b"\xff" * 70000]):
        name = "%013x-%014x-%08x" % (1000 + i, 2000 + i, i)
        with open(lib.SPOOL + "/." + name, "wb") as f:
            f.write(text)
        os.chmod(lib.SPOOL + "/." + name, 0o644)
        os.rename(lib.SPOOL + "/." + name, lib.SPOOL + "/" + name)
    until(lambda: not [n for n in os.listdir(lib.SPOOL) if n != "dropped"], "all removed")
    equal(len([e for e in events(after=seq) if e["vmid"] and e["origin"] == "hook"]), 0,
          "events of them")
    n = lib.logged().count("is no event")
    check(1 <= n <= 2, "%d lines in the log" % n)


def as_user(uid, path, flags):
    """The errno with which a user comes by a file, 0: it can."""
    return subprocess.run([sys.executable, "-c", "import os, sys\n"
                           "os.setgroups([]); os.setgid(%d); os.setuid(%d)\n"
                           "try:\n    os.open(sys.argv[1], %d)\n"
                           "except OSError as e:\n    sys.exit(e.errno)\n" % (uid, uid, flags),
                           path]).returncode


@test("H58 another user neither puts an event into the spool nor comes by ring and store")
def h58():
    need()
    seq = last_seq()
    new = "%s/.%013x-%014x-%08x" % (lib.SPOOL, 7000, 8000, 1)
    for path, flags in ((new, os.O_CREAT | os.O_WRONLY), (lib.SPOOL, os.O_RDONLY),
                        (lib.SPOOL + "/dropped", os.O_CREAT | os.O_WRONLY),
                        (lib.RUN + "/ring", os.O_RDWR), (lib.RUN + "/x", os.O_CREAT | os.O_WRONLY),
                        (lib.LIB + "/ctscope.db", os.O_RDONLY),
                        (lib.LIB + "/x", os.O_CREAT | os.O_WRONLY)):
        equal(as_user(1000, path, flags), 13, "of uid 1000, %s %o" % (path, flags))
    equal(as_user(0, new, os.O_CREAT | os.O_WRONLY), 0, "control: root can")
    os.unlink(new)
    # a config of the tests before may be told late
    equal([e for e in events(after=seq) if e["vmid"] and e["origin"] != "config"], [],
          "events of it")


@test("H46 H48 an init that ends at once, ten times; a CTID made anew at once: each life once")
def h46():
    need()
    lib.hooks_on()
    v, seq = VMID + 7, last_seq()
    make(v, start=False, entrypoint="/bin/false")
    pct.prepare(v)
    for _ in range(10):
        subprocess.run(["lxc-start", "-F", "-n", str(v)], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20 * live.SLOW)
    until(lambda: len(events(v, seq, ["poststop"])) >= 10, "the last end")
    for kind in ("prestart", "started", "stopped", "poststop"):
        got = events(v, seq, [kind])
        equal((len(got), len({e["life"] for e in got})), (10, 10), "%s, lives" % kind)
    destroy(v)
    seq = last_seq()
    t0 = time.monotonic()
    make(v)
    destroy(v)
    make(v)
    note("made, destroyed and made again in %.2f s" % (time.monotonic() - t0))
    until(lambda: len(events(v, seq, ["started"])) >= 2, "the second start")
    one, two = events(v, seq, ["started"])
    check(one["life"] != two["life"], "two lives: %s" % one["life"])
    equal([e["life"] for e in events(v, seq, ["stopped"])], [one["life"]], "the end of the first")
    destroy(v)


@test("what stays in the spool, as nobody can read or remove it, is said once")
def _():
    need()
    names = ["%013x-%014x-%08x" % (3000 + i, 4000 + i, i) for i in range(3)]
    os.makedirs(lib.SPOOL + "/" + names[0] + "/inside")
    os.mkdir(lib.SPOOL + "/" + names[1], 0o700)
    with open(lib.SPOOL + "/" + names[2], "wb") as f:
        os.chmod(f.fileno(), 0)
    before = os.path.getsize(lib.RUN + "/log")

    def said():
        with open(lib.RUN + "/log", errors="replace") as f:
            f.seek(before)
            return [line for line in f if any(n in line for n in names)]
    # looked at every ten seconds; of one sort there is a line in ten seconds
    time.sleep(31)
    for n in names[::2]:
        lines = [line for line in said() if n in line]
        equal(len(lines), 1, "lines about %s: %s" % (n, said()))
    os.rmdir(lib.SPOOL + "/" + names[0] + "/inside")
    os.rmdir(lib.SPOOL + "/" + names[1])
    os.unlink(lib.SPOOL + "/" + names[2])
    until(lambda: not [n for n in os.listdir(lib.SPOOL) if n in names], "all removed", 15)


@test("started while containers run, it finds them; ended in order, it goes on")
def _():
    c = need()
    lib.hooks_off()
    equal(c.stop(), 0, "exit code")
    make(VMID + 5, net="ip=10.99.0.35/24")
    seq = last_seq()
    state["c"] = Collector()
    wait_event(VMID + 5, "address", seq)
    e = started(seq, False, VMID + 5)
    for a in events(VMID + 5, seq, ["address", "interface-up"]):
        # nobody saw when that was
        equal(bool(a["inferred"]), a["type"] == "address", "inferred")
        check("since_start_usec" not in a["data"] and "first" not in a["data"], a["data"])
    equal(state["c"].stop(), 0, "exit code")
    seq = last_seq()
    state["c"] = Collector()
    time.sleep(1)
    equal(len(events(VMID + 5, seq, ["started", "stopped"])), 0, "nothing twice")
    state["c"].stop(signal.SIGKILL)
    pct.kill(VMID + 5)
    pct.wait_stopped(VMID + 5)
    seq = last_seq()
    state["c"] = Collector()
    s = wait_event(VMID + 5, "stopped", seq)
    equal((s["life"], bool(s["inferred"])), (e["life"], True), "the end, concluded")
    destroy(VMID + 5)


@test("what it told of a life it does not tell again, what came meanwhile it does")
def _():
    c = need()
    lib.hooks_on()
    seq = last_seq()
    make(VMID + 5, memory=64)
    started(seq, True, VMID + 5)
    pct.main(["freeze", str(VMID + 5)])
    frozen = wait_event(VMID + 5, "frozen", seq)
    c.stop(signal.SIGKILL)
    seq = last_seq()
    state["c"] = Collector()
    time.sleep(0.5)
    pct.main(["thaw", str(VMID + 5)])
    e = wait_event(VMID + 5, "thawed", seq)
    equal(len(events(VMID + 5, seq, ["frozen"])), 0, "frozen once")
    check(e["data"]["duration_usec"] >= e["boot_usec"] - frozen["boot_usec"] - 1000,
          "duration %s" % e["data"])
    if os.path.exists("/sys/fs/cgroup/lxc/%d/memory.events" % (VMID + 5)):
        state["c"].stop(signal.SIGKILL)
        seq = last_seq()
        subprocess.run(["lxc-attach", "-n", str(VMID + 5), "--clear-env", "--", "/bin/load",
                        "anon", "128"], stdin=subprocess.DEVNULL)
        state["c"] = Collector()
        e = wait_event(VMID + 5, "oom-kill", seq, 20)
        check(e["inferred"] and e["data"]["kills"] >= 1, "the kill nobody saw: %s" % e)
        state["c"].stop(signal.SIGKILL)
        seq = last_seq()
        state["c"] = Collector()
        time.sleep(3)
        equal(len(events(VMID + 5, seq, ["oom-kill"])), 0, "told once")
    destroy(VMID + 5)


@test("stopped by SIGSTOP while containers come and go, it has them all afterwards")
def _():
    c = need()
    lib.hooks_on()
    seq = last_seq()
    n = 10
    os.kill(c.pid(), signal.SIGSTOP)
    for i in range(n):
        make(VMID + 10 + i)
        pct.kill(VMID + 10 + i)
        pct.wait_stopped(VMID + 10 + i)
    os.kill(c.pid(), signal.SIGCONT)
    for i in range(n):
        wait_event(VMID + 10 + i, "poststop", seq)
        got = [e["type"] for e in events(VMID + 10 + i, seq, ["prestart", "started",
                                                              "stopped", "poststop"])]
        equal(got, ["prestart", "started", "stopped", "poststop"], "of %d" % (VMID + 10 + i))
        destroy(VMID + 10 + i)


@test("an OOM kill: victim, unit, sizes, and the container that died of it")
def _():
    need()
    controllers("memory")
    seq = last_seq()
    make(VMID + 6, memory=64)
    started(seq, True, VMID + 6)
    subprocess.run(["lxc-attach", "-n", str(VMID + 6), "--clear-env", "--", "/bin/load", "anon",
                    "128"], stdin=subprocess.DEVNULL)
    e = wait_event(VMID + 6, "oom-kill", seq, 20)
    check(e["data"]["kills"] >= 1, "kills")
    equal(e["data"]["limit_bytes"], 64 << 20, "limit")
    check(e["data"]["memory"]["anon_bytes"] > 0, "memory")
    total = sum(x["data"]["kills"] for x in events(VMID + 6, seq, ["oom-kill"]))
    with open("/sys/fs/cgroup/lxc/%d/memory.events" % (VMID + 6)) as f:
        want = dict(line.split() for line in f)["oom_kill"]
    equal(total, int(want), "counted exactly")
    if "victim" in e["data"]:
        equal(e["data"]["victim"]["name"], "load", "victim")
    else:
        note("no victim: no kernel messages in a journal here")
    inc = until(lambda: lib.query("SELECT * FROM incidents WHERE vmid = ? AND "
                                  "kind = 'oom-kill'", (VMID + 6,)), "an incident")
    check(inc, "incident")
    destroy(VMID + 6)


@test("who asks a collector that does not run is told since when")
def _():
    c = need()

    def said(*args):
        r = subprocess.run([os.environ["CTSCOPE"], *args], stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True)
        equal(r.returncode, 0, "exit code")
        return r.stderr

    for args in (["events"], ["incidents"], ["events", "--json"]):
        check("collector" not in said(*args), args)
    os.kill(c.pid(), signal.SIGSTOP)
    until(lambda: "has been silent since" in said("events"), "silent", 8)
    check("has been silent since" in said("incidents"), "incidents")
    os.kill(c.pid(), signal.SIGCONT)
    until(lambda: not said("events"), "not silent", 5)


@test("more links than fit the socket while it sleeps: said, and all that is there is told")
def _():
    c = need()
    lib.hooks_on()
    seq0 = last_seq()
    make(VMID + 7, net="ip=10.99.0.37/24")
    wait_event(VMID + 7, "interface-up", seq0)
    os.kill(c.pid(), signal.SIGSTOP)
    seq = last_seq()
    batch = "".join("link add name x%d type veth peer name y%d\n" % (i, i)
                    for i in range(150))
    batch += "".join("link del x%d\n" % i for i in range(150))
    for _ in range(4):
        subprocess.run(["ip", "-batch", "-"], input=batch.encode(), check=True)
    # what counts, in the midst of it: one goes, another comes
    subprocess.run(["ip", "link", "del", "veth%di0" % (VMID + 7)], check=True)
    subprocess.run(["ip", "-batch", "-"], check=True, input=(
        "link add name veth%di5 type veth peer name z0\nlink set z0 up\n"
        "link set veth%di5 up\n" % (VMID + 7, VMID + 7)).encode())
    os.kill(c.pid(), signal.SIGCONT)
    down = wait_event(VMID + 7, "interface-down", seq)
    equal(down["data"]["interface"], "veth%di0" % (VMID + 7), "what went")
    up = wait_event(VMID + 7, "interface-up", seq)
    equal(up["data"]["interface"], "veth%di5" % (VMID + 7), "what came")
    lost = [e["data"] for e in events(None, seq, ["collector"])]
    check(any(d["what"] == "lost" and "rtnetlink" in d["text"] for d in lost), lost)
    first, other = "veth%di0" % (VMID + 7), "veth%di5" % (VMID + 7)
    want = [("interface-down", first), ("interface-up", first), ("interface-up", other)]

    def got():
        return sorted((e["type"], e["data"]["interface"]) for e in events(VMID + 7, seq0)
                      if e["type"].startswith("interface"))
    until(lambda: len(got()) >= len(want), "all of them")
    time.sleep(1)  # and nothing more
    equal(got(), want, "each once")
    subprocess.run(["ip", "link", "del", "z0"])
    destroy(VMID + 7)


@test("who is calm by the record is not asked for its pressures")
def _():
    c = need()
    up = [d for d in os.listdir("/sys/fs/cgroup/lxc") if d.isdigit()]
    check(len(up) >= 3, "too few containers run: %s" % up)
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    trace = lib.RUN + "/trace"
    for _ in range(3):  # of what has begun the record is not long enough yet
        subprocess.run(["timeout", "-s", "INT", "11", "strace", "-f", "-qq", "-e", "trace=openat",
                        "-o", trace, "-p", str(c.pid())], stderr=subprocess.DEVNULL)
        with open(trace) as f:
            asked = sum("cpu.pressure" in line for line in f)
        note("%d containers, %d asked" % (len(up), asked))
        if asked <= len(up) // 2:
            return
    raise live.Failed("%d of %d were asked" % (asked, len(up)))


@test("an address that comes to one that runs for long is told in the next round")
def _():
    c = need()
    up = [int(d) for d in os.listdir("/sys/fs/cgroup/lxc") if d.isdigit()
          and os.path.exists("/sys/class/net/veth%si0" % d)]
    check(up, "none with a network runs")
    age = subprocess.run(["ps", "-o", "etimes=", "-p", str(c.pid())], check=True,
                         stdout=subprocess.PIPE).stdout
    time.sleep(max(0, 40 - int(age)))  # until none is looked at as a new one
    seq = last_seq()
    ip = ["nsenter", "-t", str(pct.init_pid(up[0])), "-n", "ip", "addr"]
    subprocess.run([*ip, "add", "10.99.7.38/32", "dev", "eth0"], check=True)
    e = wait_event(up[0], "address", seq, 13)
    equal((e["data"]["change"], e["data"]["address"]), ("added", "10.99.7.38"), "address")
    subprocess.run([*ip, "del", "10.99.7.38/32", "dev", "eth0"], check=True)


@test("how full the root of each container is, is recorded, and not known after its end")
def _():
    need()
    up = [int(d) for d in os.listdir("/sys/fs/cgroup/lxc") if d.isdigit()]
    if not up:
        raise Skip("no container runs")
    if live.SLOW > 1:
        raise Skip("emulated: the 300 ms that each of them has are not enough")

    def recorded(vmid):
        v = lib.query("SELECT * FROM disk WHERE vmid = ? ORDER BY seq", (vmid,))
        return v if v and v[-1]["used"] is not None else None
    for vmid in up:
        r = until(lambda: recorded(vmid), "a row of %d" % vmid, 90)[-1]
        st = os.statvfs("/proc/%d/root" % pct.init_pid(vmid))
        size = st.f_blocks * st.f_frsize
        check(abs(r["size"] - size) <= size // 100, "%d bytes, not %d" % (r["size"], size))
        used = (st.f_blocks - st.f_bfree) * st.f_frsize
        check(abs(r["used"] - used) <= r["size"] // 100, "%d, not %d" % (r["used"], used))
        life = lib.query("SELECT max(life) AS life FROM lives WHERE vmid = ?", (vmid,))
        equal(r["life"], life[0]["life"], "life")
        got = history(vmid)
        check(abs(got["disk"] - used) <= r["size"] // 100, "history: %s" % got)
        if r["inodes"]:
            check(abs(got["inodes"] - (st.f_files - st.f_ffree)) <= st.f_files // 100,
                  "history: %s" % got)
    equal(state["c"].stop(), 0, "exit code")
    for vmid in up:
        r = lib.query("SELECT * FROM disk WHERE vmid = ? ORDER BY seq", (vmid,))
        check(r[-1]["used"] is None and r[-1]["size"] is None, "the last row: %s" % r[-1])
        check(all(x["used"] is None or y["used"] is None or x["life"] != y["life"] or
                  abs(x["used"] - y["used"]) >= min(x["size"] // 1000, 16 << 20) or
                  abs(x["avail"] - y["avail"]) >= min(x["size"] // 1000, 16 << 20) or
                  abs((x["inodes_used"] or 0) - (y["inodes_used"] or 0)) >=
                  max((x["inodes"] or 0) // 1000, 1) or
                  y["time"] - x["time"] > 3500 * 10**6 or x["size"] != y["size"]
                  for x, y in zip(r, r[1:])), "a row that nothing changed for: %s" % r)
    # 1 is also that of one whose asker was killed meanwhile
    check(not [x for x in state["reader"].said if "refused" in x], state["reader"].said)
    note("%d containers, %d rows, %d batches" % (len(up), lib.query(
        "SELECT count(*) AS n FROM disk")[0]["n"], len(state["reader"].codes)))
    full_in(up[0])
    state["c"] = Collector()


def full_in(vmid):
    """A day of growth in the record of a collector that has ended, by a MiB each 10 min."""
    def shown():
        c = live.ctjson("usage", str(vmid), "--interval", "0.1")["container"]
        return c.get("disk_full_in")
    equal(shown(), None, "of a few minutes nothing is said")
    st = os.statvfs("/proc/%d/root" % pct.init_pid(vmid))
    size, avail = st.f_blocks * st.f_frsize, 144 << 20
    now = int(time.time() * 10**6)
    db = sqlite3.connect(lib.LIB + "/ctscope.db")
    with db:
        db.executemany(
            "INSERT INTO disk (vmid, life, time, used, size, avail, inodes_used, inodes) "
            "VALUES (?, 1, ?, ?, ?, ?, ?, ?)",
            [(vmid, now - k * 600 * 10**6, size - avail - (k << 20), size, avail + (k << 20),
              1, st.f_files or None) for k in range(145)])
    db.close()
    t = shown()
    check(t and len(t) == 1, "a day: %s" % t)
    equal((t[0]["window"], t[0]["bytes_per_day"] >> 20), (86400, 144), "growth")
    check(86000 <= t[0]["seconds"] <= 87000, "a day more: %s" % t)
    text = live.ctscope("usage", vmid, "--interval", "0.1").out.decode()
    check("full in" in text and "144" in text, text[-300:])
    note([x for x in text.splitlines() if "full in" in x][0].strip())
    db = sqlite3.connect(lib.LIB + "/ctscope.db")
    with db:
        db.execute("UPDATE disk SET size = size + 4096 WHERE vmid = ?", (vmid,))
    db.close()
    equal(shown(), None, "of a volume that is not that large any more")


def history(vmid):
    """The last point of both that is there."""
    points = live.ctjson("history", str(vmid), "--since", "-60s", "--step", "1", "-m",
                         "disk,inodes")["container"]["points"]
    got = {}
    for p in points:
        got.update({k: v for k, v in p.items() if k in ("disk", "inodes")})
    return got


@test("its store has what it saw, in order, each once")
def _():
    c = need()
    equal(c.stop(), 0, "exit code")
    rows = lib.query("SELECT id, seq, boot_usec FROM events ORDER BY seq")
    equal(len({r["id"] for r in rows}), len(rows), "ids")
    # the node's own containers go on
    lives = lib.query("SELECT vmid, life, stopped, cause FROM lives WHERE stopped IS NULL "
                      "AND vmid >= ?", (VMID,))
    equal(lives, [], "every life has an end")
    note("%d events" % len(rows))
    del state["c"]
    state["reader"].__exit__()


main()
