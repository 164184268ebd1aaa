#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the collector tells of /etc/pve and of PVE's tasks: edits that nobody saw, who did
it, backups, snapshots, and a pmxcfs that hangs, is not there or may not be read."""
import datetime
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
import live  # noqa: E402
from collectlib import Collector, events, last_seq, logged, wait_event  # noqa: E402
from live import (Failed, Hang, Skip, check, ctscope, destroy, equal, main,  # noqa: E402
                  make, note, pct, slack, test, until, write_conf)

VMID = 960
state = {}


def need():
    if "c" not in state:
        if not os.path.exists(lib.CTSCOPED):
            raise Skip("ctscoped is not built (no libsystemd)")
        if "node" not in state:
            lib.fresh_node()
            lib.hooks_on()
            state["node"] = True
        state["c"] = Collector()
        time.sleep(0.3)
    check(state["c"].p.poll() is None, "the collector ended: " + logged())
    return state["c"]


def down(sig=signal.SIGTERM):
    c = need()
    equal(c.stop(sig), 0 if sig == signal.SIGTERM else -sig, "exit")
    del state["c"]


def conf(vmid):
    with open(pct.conf_path(vmid)) as f:
        return f.read()


def remove_conf(vmid):
    os.unlink(pct.conf_path(vmid))
    pct.dotfiles()


def changes(e):
    return {(c.get("section", ""), c["key"], c.get("old"), c.get("new"))
            for c in e["data"]["changes"]}


def shown(vmid, *args):
    """What an admin reads."""
    text = ctscope("events", vmid, "-n", "all", *args).out.decode()
    return text


def last_line(vmid, kind):
    line = [x for x in shown(vmid, "--type", kind).splitlines() if x][-1]
    note(line)
    return line


def ranged(e, reason):
    check(e["inferred"], "inferred")
    check(e["data"]["since"] <= e["data"]["until"], "range %s" % e["data"])
    equal(e["data"]["reason"], reason, "reason")


@test("an edit while no collector ran is told key by key, with the range of its time",
      base=True)
def _():
    need()
    make(VMID, start=False)
    live.keep(VMID)
    wait_event(VMID, "config-changed", 0)
    down()
    t0 = time.time()
    time.sleep(1.1)
    write_conf(VMID, conf(VMID).replace("memory: 128", "memory: 160") + "cores: 2\n")
    time.sleep(1.1)
    t1 = time.time()
    seq = last_seq()
    need()
    e = wait_event(VMID, "config-changed", seq)
    equal(changes(e), {("", "memory", "128", "160"), ("", "cores", None, "2")}, "changes")
    ranged(e, "no collector ran")
    check(t0 - 0.1 <= e["time"] / 1e6 <= t1 + 1, "its time is the file's")
    check("user" not in e["data"], "nobody is made up")
    equal(len(events(VMID, seq, ["config-changed"])), 1, "once")
    line = last_line(VMID, "config-changed")
    check("memory: 128 -> 160" in line and "no collector ran" in line, line)


@test("killed at any moment, it tells each edit once")
def _():
    need()
    for i in range(12):
        write_conf(VMID, re.sub("memory: [0-9]+", "memory: %d" % (200 + i), conf(VMID)))
        time.sleep(0.2 * (i % 4))
        down(signal.SIGKILL)
        need()
    until(lambda: [c for e in events(VMID, 0, ["config-changed"])
                   for c in e["data"].get("changes", []) if c.get("new") == "211"], "the last")
    time.sleep(2.5)
    seen = [(c.get("old"), c.get("new")) for e in events(VMID, 0, ["config-changed"])
            for c in e["data"].get("changes", []) if c["key"] == "memory"]
    check(all(a[1] == b[0] for a, b in zip(seen, seen[1:])), "each from the one before: %s" % seen)
    check(len(set(seen)) == len(seen), "once: %s" % seen)


@test("created, destroyed and moved away while no collector ran")
def _():
    need()
    make(VMID + 1, start=False)
    make(VMID + 2, start=False)
    wait_event(VMID + 1, "config-changed", 0)
    wait_event(VMID + 2, "config-changed", 0)
    down()
    time.sleep(1.1)
    text = conf(VMID + 2)
    pct.in_task("vzdestroy", VMID + 1, lambda: remove_conf(VMID + 1))
    os.makedirs("/etc/pve/nodes/pvn2/lxc", exist_ok=True)
    os.rename(pct.conf_path(VMID + 2), "/etc/pve/nodes/pvn2/lxc/%d.conf" % (VMID + 2))
    pct.in_task("vzcreate", VMID + 3, lambda: write_conf(VMID + 3, text))
    seq = last_seq()
    need()
    gone = wait_event(VMID + 1, "config-changed", seq)
    moved = wait_event(VMID + 2, "config-changed", seq)
    new = wait_event(VMID + 3, "config-changed", seq)
    for e, what, other, task in ((gone, "removed", None, "vzdestroy"),
                                 (moved, "removed", "pvn2", None),
                                 (new, "created", None, "vzcreate")):
        ranged(e, "no collector ran")
        equal(e["data"]["what"], what, "what")
        equal(e["data"].get("to"), other, "to")
        equal(e["data"].get("task"), task, "task of %s" % e["data"])
        last_line(e["vmid"], "config-changed")
    # and it comes back
    time.sleep(1.1)
    os.rename("/etc/pve/nodes/pvn2/lxc/%d.conf" % (VMID + 2), pct.conf_path(VMID + 2))
    pct.dotfiles()
    e = wait_event(VMID + 2, "config-changed", moved["seq"])
    equal((e["data"]["what"], e["data"].get("from")), ("created", "pvn2"), "back")
    last_line(VMID + 2, "config-changed")
    for i in (2, 3):
        remove_conf(VMID + i)
    wait_event(VMID + 3, "config-changed", new["seq"])


@test("who did it: a task that explains the change, and only that")
def _():
    need()
    down()
    time.sleep(1.1)
    pct.in_task("resize", VMID, lambda: write_conf(
        VMID, conf(VMID).replace("size=1G", "size=2G")))
    seq = last_seq()
    need()
    e = wait_event(VMID, "config-changed", seq)
    equal((e["data"].get("task"), e["data"].get("user")), ("resize", "root@pam"), "who")
    last_line(VMID, "config-changed")
    time.sleep(1.1)
    seq = last_seq()
    pct.in_task("resize", VMID, lambda: write_conf(
        VMID, conf(VMID).replace("size=2G", "size=3G")))
    e = wait_event(VMID, "config-changed", seq)
    check(not e["inferred"] and "since" not in e["data"], "live: %s" % e)
    equal(e["data"].get("task"), "resize", "who, live")
    time.sleep(1.1)
    seq = e["seq"]
    pct.in_task("resize", VMID, lambda: write_conf(
        VMID, conf(VMID).replace("size=3G", "size=4G") + "onboot: 1\n"))
    e = wait_event(VMID, "config-changed", seq)
    equal(e["data"].get("task"), None, "a resize does not set onboot")


@test("a store that is begun anew does not make every container new")
def _():
    need()
    down()
    shutil.rmtree(lib.LIB)
    os.makedirs(lib.LIB)
    os.chown(lib.LIB, lib.USER.pw_uid, lib.USER.pw_gid)
    os.chmod(lib.LIB, 0o750)
    need()
    time.sleep(1)
    equal(events(VMID, 0, ["config-changed"]), [], "events")
    down()
    write_conf(VMID, conf(VMID) + "swap: 7\n")
    seq = last_seq()
    need()
    e = wait_event(VMID, "config-changed", seq)
    check(("", "swap", "0", "7") in changes(e), changes(e))


def readers():
    """Children of the collector."""
    pid = state["c"].pid()
    kids = []
    for t in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, t)) as f:
            kids += f.read().split()
    return kids


def hung(op):
    need()
    make(VMID + 5)
    wait_event(VMID + 5, "started", 0)
    time.sleep(2.5)
    with Hang(op):
        seq = last_seq()
        # so that all is read anew
        shutil.copy("/etc/os-release", "/run/node/pve-copy/.version")
        wait_event(None, "collector", seq, 10, lambda e: e["data"]["what"] == "stale")
        t0 = time.clock_gettime(time.CLOCK_BOOTTIME)
        pct.kill(VMID + 5)
        e = wait_event(VMID + 5, "stopped", seq)
        took = e["boot_usec"] / 1e6 - t0
        check(took < 2 * slack(), "the stop was seen after %.3f s" % took)
        check(e["name"] == "ct%d" % (VMID + 5), "its name is known: %s" % e["name"])
        most = 0
        for _ in range(24):
            most = max(most, len(readers()))
            time.sleep(0.5)
        note("hang at %s: the stop was seen %.1f ms after it began, %d readers at most"
             % (op, took * 1e3, most))
        check(most <= 4, "%d readers" % most)
        # what the FUSE shows once it answers: an edit of meanwhile
        seq = last_seq()
        write_below(VMID + 5, "memory: 128", "memory: 192")
    e = wait_event(VMID + 5, "config-changed", seq, 40)
    equal(changes(e), {("", "memory", "128", "192")}, "changes")
    ranged(e, "/etc/pve could not be read")
    wait_event(None, "collector", seq, 10, lambda e: e["data"]["what"] == "back")
    last_line(VMID + 5, "config-changed")
    until(lambda: len(readers()) <= 1, "readers that are left")


def write_below(vmid, old, new):
    """Below the FUSE: the directory that it covers, by the mount namespace's eyes."""
    fd = state["below"]
    path = "/proc/self/fd/%d/nodes/%s/lxc/%d.conf" % (fd, pct.NODE, vmid)
    with open(path) as f:
        text = f.read()
    pct.write(path, text.replace(old, new))
    # the version that pmxcfs would count up
    v = "/proc/self/fd/%d/.version" % fd
    with open(v) as f:
        text = f.read()
    pct.write(v, re.sub('"vmlist": ([0-9]+)', lambda m: '"vmlist": %d' % (int(m[1]) + 1), text))


def with_below(fn):
    state["below"] = os.open("/etc/pve", os.O_PATH | os.O_DIRECTORY)
    try:
        fn()
    finally:
        os.close(state["below"])


for OP in ("all", "read", "readdir"):
    @test("/etc/pve hangs (%s): starts and stops go on, no reader piles up, edits are told "
          "afterwards" % OP)
    def _(op=OP):
        with_below(lambda: hung(op))


@test("started while /etc/pve hangs: names are known, edits of before are told afterwards")
def _():
    def run():
        need()
        make(VMID + 6)
        wait_event(VMID + 6, "started", 0)
        time.sleep(2.5)
        down()
        seq = last_seq()
        write_conf(VMID + 6, conf(VMID + 6) + "onboot: 1\n")
        with Hang("all"):
            t0 = time.monotonic()
            need()
            note("up after %.1f s" % (time.monotonic() - t0))
            pct.kill(VMID + 6)
            e = wait_event(VMID + 6, "stopped", seq)
            equal(e["name"], "ct%d" % (VMID + 6), "name")
        e = wait_event(VMID + 6, "config-changed", seq, 40)
        equal(changes(e), {("", "onboot", None, "1")}, "changes")
        ranged(e, "no collector ran, then /etc/pve could not be read")
        check(events(None, seq, ["config-changed"])[0]["vmid"], "of containers")
    with_below(run)


@test("/etc/pve that is empty, as without pmxcfs: nothing is taken for removed")
def _():
    need()
    make(VMID + 7)
    wait_event(VMID + 7, "started", 0)
    time.sleep(2.5)
    seq = last_seq()
    subprocess.run(["mount", "-t", "tmpfs", "none", "/etc/pve"], check=True)
    try:
        e = wait_event(None, "collector", seq, 10, lambda e: e["data"]["what"] == "stale")
        check("not mounted" in e["data"]["text"], e["data"])
        pct_kill = subprocess.run(["lxc-stop", "-n", str(VMID + 7), "--kill"])
        equal(pct_kill.returncode, 0, "stop")
        wait_event(VMID + 7, "stopped", seq)
        down()
        need()
        time.sleep(2.5)
        equal(events(None, seq, ["config-changed"]), [], "config-changed")
    finally:
        subprocess.run(["umount", "/etc/pve"], check=True)
    wait_event(None, "collector", seq, 10, lambda e: e["data"]["what"] == "back")
    equal(events(None, seq, ["config-changed"]), [], "config-changed")


@test("configs that may not be read, then may again")
def _():
    need()
    seq = last_seq()
    d = "/etc/pve/nodes/%s/lxc" % pct.NODE
    os.chmod(d, 0o700)
    pct.dotfiles()
    try:
        e = wait_event(None, "collector", seq, 70, lambda e: e["data"]["what"] == "stale")
        check("Permission denied" in e["data"]["text"], e["data"])
        write_conf(VMID, conf(VMID).replace("memory: ", "memory: 1"))
    finally:
        os.chmod(d, 0o755)
    e = wait_event(VMID, "config-changed", seq, 10)
    equal([x[1] for x in changes(e)], ["memory"], "changes")
    equal([x["data"].get("what") for x in events(None, seq, ["config-changed"])
           if x["vmid"] < VMID + 7], [None], "no other")


@test("no quorum: read-only changes nothing in what is seen")
def _():
    need()
    seq = last_seq()
    # pmxcfs takes the write bits away; configs are read as before
    for d in ("/etc/pve/nodes/%s/lxc" % pct.NODE, "/etc/pve/nodes"):
        os.chmod(d, 0o555)
    try:
        time.sleep(1.1)
        write_conf(VMID, conf(VMID) + "tty: 1\n")
        e = wait_event(VMID, "config-changed", seq)
        equal(changes(e), {("", "tty", None, "1")}, "changes")
    finally:
        for d in ("/etc/pve/nodes/%s/lxc" % pct.NODE, "/etc/pve/nodes"):
            os.chmod(d, 0o755)


# ---- tasks ----------------------------------------------------------------------------

def as_user(kind, vmid, fn, user="joe@pve", status="OK"):
    """A task of an admin, as PVE has it: in the list before it does anything."""
    task = pct.Task(kind, vmid, user)
    fn()
    task.end(status)


class Dump:
    """What vzdump does to one guest: its log, the lock, the mode's own way."""

    def __init__(self, vmid, mode):
        self.vmid, self.mode = vmid, mode
        self.log = open("/var/log/vzdump/lxc-%d.log" % vmid, "w")
        self.say("Starting Backup of VM %d (lxc)" % vmid)
        self.say("status = running")
        self.lock("backup")
        self.say("backup mode: %s" % mode)

    def say(self, text, level="INFO"):
        self.log.write("%s %s: %s\n" % (time.strftime("%Y-%m-%d %H:%M:%S"), level, text))
        self.log.flush()

    def lock(self, lock, vzdump=False):
        text = "".join(x + "\n" for x in conf(self.vmid).split("\n[vzdump]")[0].splitlines()
                       if x and not x.startswith("lock:"))
        if lock:
            text += "lock: %s\n" % lock
        if vzdump:
            text += "\n[vzdump]\n" + text.replace("lock:", "snapstate: prepare #")
        write_conf(self.vmid, text)
        time.sleep(0.1)

    def archive(self, seconds):
        self.say("creating vzdump archive '/var/lib/vz/dump/vzdump-lxc-%d.tar.zst'" % self.vmid)
        time.sleep(seconds)

    def end(self, error=None):
        self.lock(None)
        if error:
            self.say("Backup of VM %d failed - %s" % (self.vmid, error), "ERROR")
        else:
            self.say("Finished Backup of VM %d (00:00:03)" % self.vmid)
        self.log.close()


def stop_mode(vmid, seconds=3):
    d = Dump(vmid, "stop")
    d.say("stopping virtual guest")
    pct.halt(vmid)
    d.archive(seconds)
    d.say("restarting vm")
    pct.do_start_unlocked(vmid)
    d.end()


def backup_told(vmid, seq, mode, status="OK", task="vzdump", user="joe@pve"):
    end = wait_event(vmid, "backup", seq, 15, lambda e: e["data"]["phase"] == "end")
    begin = wait_event(vmid, "backup", seq)
    equal(begin["data"]["phase"], "begin", "the first")
    equal((end["data"].get("mode"), end["data"].get("status")), (mode, status), "of %s" % end)
    equal((end["data"].get("task"), end["data"].get("user")), (task, user), "who")
    equal(len(events(vmid, seq, ["backup"])), 2, "begin and end")
    note(shown(vmid, "--type", "backup"))
    return begin, end


def up(i):
    need()
    v = VMID + 20 + i
    make(v)
    wait_event(v, "started", 0)
    wait_event(v, "config-changed", 0)
    time.sleep(1)
    return v, last_seq()


@test("a backup in stop mode: the stop has it as its cause, it has its result")
def _():
    v, seq = up(0)
    as_user("vzdump", v, lambda: stop_mode(v))
    e = wait_event(v, "stopped", seq)
    equal((e["data"]["cause"], e["data"].get("user")), ("backup", "joe@pve"), "cause: %s" % e)
    check("certain" not in e["data"], "certain")
    wait_event(v, "started", seq)
    backup_told(v, seq, "stop")
    equal(events(v, seq, ["config-changed", "snapshot"]), [], "no bookkeeping")
    last_line(v, "stopped")


@test("a backup of several guests, each stopped in its turn")
def _():
    v, seq = up(1)
    w, seq = up(2)

    def run():
        stop_mode(v, 1)
        stop_mode(w, 1)
    as_user("vzdump", "", run)
    for x in (v, w):
        e = wait_event(x, "stopped", seq)
        equal((e["data"]["cause"], e["data"].get("task")), ("backup", "vzdump"), "of %d" % x)
        end = wait_event(x, "backup", seq, 15, lambda e: e["data"]["phase"] == "end")
        equal(end["data"]["status"], "OK", "status")


@test("a backup in snapshot mode: frozen for a moment, no snapshot, no edit, and its result")
def _():
    v, seq = up(3)

    def run():
        d = Dump(v, "snapshot")
        d.lock("snapshot", vzdump=True)
        pct.main(["freeze", str(v)])
        time.sleep(0.5)
        pct.main(["thaw", str(v)])
        d.lock("backup", vzdump=True)
        d.archive(3)
        d.end("command 'tar' failed: exit code 1")
    as_user("vzdump", v, run, status="job errors")
    wait_event(v, "thawed", seq)
    backup_told(v, seq, "snapshot", "command 'tar' failed: exit code 1")
    equal(events(v, seq, ["config-changed", "snapshot", "stopped"]), [], "nothing else")


@test("a backup in suspend mode that is over at once is told by its task")
def _():
    v, seq = up(4)

    def run():
        d = Dump(v, "suspend")
        pct.main(["freeze", str(v)])
        pct.main(["thaw", str(v)])
        d.end()
    as_user("vzdump", v, run)
    backup_told(v, seq, "suspend")


@test("a backup that was told is not told again by the next collector")
def backed_up():
    v, seq = up(17)

    def run():
        d = Dump(v, "suspend")
        d.archive(3)
        d.end()
    as_user("vzdump", v, run)
    backup_told(v, seq, "suspend")
    time.sleep(1.1)
    w, seq_w = up(18)

    def at_once():
        d = Dump(w, "suspend")
        d.end()
    as_user("vzdump", w, at_once)
    backup_told(w, seq_w, "suspend")
    down(signal.SIGKILL)
    need()
    time.sleep(4)
    equal(len(events(v, seq, ["backup"])), 2, "by its lock: %s" % shown(v))
    equal(len(events(w, seq_w, ["backup"])), 2, "by its task: %s" % shown(w))


@test("snapshots made, rolled back to and removed within a second: each once, by whom")
def _():
    v, seq = up(5)
    base = conf(v)

    def create():
        write_conf(v, base + "lock: snapshot\n\n[s1]\n" + base + "snapstate: prepare\n")
        write_conf(v, base + "parent: s1\n\n[s1]\n" + base + "snaptime: 1\n")

    def rollback():
        write_conf(v, conf(v).replace("parent: s1", "parent: s1\nlock: rollback", 1))
        write_conf(v, conf(v).replace("lock: rollback\n", "", 1))

    for kind, action, fn in (("vzsnapshot", "create", create),
                             ("vzrollback", "rollback", rollback),
                             ("vzdelsnapshot", "delete", lambda: write_conf(v, base))):
        time.sleep(1.1)
        as_user(kind, v, fn)
        e = wait_event(v, "snapshot", seq, match=lambda e: e["data"]["action"] == action)
        d = e["data"]
        equal((d["snapshot"], d.get("task"), d.get("user")), ("s1", kind, "joe@pve"), action)
        note(last_line(v, "snapshot"))
    time.sleep(3)
    equal(len(events(v, seq, ["snapshot"])), 3, "each once")
    equal(events(v, seq, ["config-changed"]), [], "no edit")


def seen_back(sec):
    """As if the last collector had ended so long ago."""
    db = sqlite3.connect(lib.LIB + "/ctscope.db")
    with db:
        db.execute("UPDATE meta SET value = value - ? WHERE key = 'configs-seen'", (sec * 1000000,))
    db.close()


def rollbacks(vmid, seq):
    return [e for e in events(vmid, seq, ["snapshot"]) if e["data"]["action"] == "rollback"]


@test("rolled back while no collector ran: told as that, once, by whom, also where no key changed")
def rolled_back():
    v, seq = up(16)
    base = conf(v)
    snap = base + "parent: s1\n\n[s1]\n" + base + "snaptime: 1\n"
    write_conf(v, snap)
    wait_event(v, "snapshot", seq)
    write_conf(v, snap.replace("memory: 128", "memory: 300", 1))
    wait_event(v, "config-changed", seq)
    for n, other in ((1, True), (2, False)):
        down()
        seen_back(7200)
        then = time.time() - 3600
        task = pct.Task("vzrollback", v, "joe@pve", then)
        write_conf(v, snap)
        os.utime(pct.conf_path(v), (then + 2, then + 2))
        task.end("OK", when=then + 5)
        failed = pct.Task("vzrollback", v, "eve@pve", then + 60)
        failed.end("no such snapshot", when=then + 61)
        need()
        until(lambda: len(rollbacks(v, seq)) == n, "%d: %s" % (n, shown(v)))
        e = rollbacks(v, seq)[-1]
        equal((e["data"]["snapshot"], e["data"].get("task"), e["data"].get("user")),
              ("s1", "vzrollback", "joe@pve"), "rolled back")
        ranged(e, "no collector ran")
        check(abs(e["time"] / 1e6 - then) < 8, "its time: %s" % (e["time"] / 1e6 - then))
        note(last_line(v, "snapshot"))
        equal([c["key"] for x in events(v, seq, ["config-changed"])[1:]
               for c in x["data"]["changes"]], ["memory"], "what else is told")
        time.sleep(1.1)
    # what was told is not told again, however the next one finds it
    as_user("vzrollback", v, lambda: (
        write_conf(v, snap.replace("parent: s1", "parent: s1\nlock: rollback", 1)),
        time.sleep(3), write_conf(v, snap)))
    until(lambda: len(rollbacks(v, seq)) == 3, "live: %s" % shown(v))
    as_user("vzrollback", v, lambda: write_conf(v, snap))
    until(lambda: len(rollbacks(v, seq)) == 4, "by its task: %s" % shown(v))
    down(signal.SIGKILL)
    seen_back(7200)
    need()
    time.sleep(3)
    equal(len(rollbacks(v, seq)), 4, "once each: %s" % shown(v))


@test("stopped by another admin, by a reboot, by a migration, by being destroyed")
def _():
    for i, (kind, fn) in enumerate((
            ("vzstop", pct.kill), ("vzshutdown", pct.halt), ("vzmigrate", pct.halt),
            ("vzdestroy", pct.kill), ("hastop", pct.halt))):
        v, seq = up(6 + i)
        as_user(kind, v, lambda: fn(v), user="joe@pve!ci")
        e = wait_event(v, "stopped", seq)
        d = e["data"]
        equal((d["cause"], d["task"], d["user"]), ("admin", kind, "joe@pve!ci"), "cause")
        last_line(v, "stopped")


@test("a task that is written only after the stop corrects the cause")
def _():
    v, seq = up(11)
    start = int(time.time())
    with open(pct.TASKS + "/active") as f:
        before = f.read()
    task = pct.Task("vzstop", v, "joe@pve", when=start)
    with open(pct.TASKS + "/active") as f:
        text = f.read()
    pct.write(pct.TASKS + "/active", before)
    time.sleep(0.2)
    pct.kill(v)
    first = wait_event(v, "stopped", seq)
    if first["data"]["cause"] == "admin":
        raise Skip("the collector was quicker: it saw the task before it was taken away")
    pct.write(pct.TASKS + "/active", text)
    e = wait_event(v, "reconciled", seq, match=lambda e: e["data"].get("cause"))
    equal((e["data"]["cause"], e["data"]["user"]), ("admin", "joe@pve"), "cause")
    task.end("OK")


@test("stopped by a task while no collector ran")
def _():
    v, seq = up(12)
    down()
    time.sleep(1.1)
    as_user("vzshutdown", v, lambda: pct.halt(v))
    seq = last_seq()
    need()
    e = wait_event(v, "stopped", seq)
    equal((e["data"]["cause"], e["data"].get("user")), ("admin", "joe@pve"), "cause: %s" % e)
    # the same task explains no end of what was started since
    lib.hooks_off()
    pct.start(v)
    wait_event(v, "started", e["seq"])
    os.kill(pct.init_pid(v), signal.SIGKILL)
    e = wait_event(v, "stopped", e["seq"])
    lib.hooks_on()
    check(e["data"]["cause"] != "admin", "cause: %s" % e)


@test("the node goes down: pve-guests' stopall, with a shutdown task for each guest")
def _():
    v, seq = up(13)
    cg = "/sys/fs/cgroup/system.slice/pve-guests.service"
    os.makedirs(cg, exist_ok=True)
    with open("/proc/self/cgroup") as f:
        home = "/sys/fs/cgroup" + f.read().strip().split("::")[1]
    with open(cg + "/cgroup.procs", "w") as f:
        f.write(str(os.getpid()))
    try:
        as_user("stopall", "", lambda: as_user("vzshutdown", v, lambda: pct.halt(v), "root@pam"),
                "root@pam")
    finally:
        with open(home + "/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))
        os.rmdir(cg)
    e = wait_event(v, "stopped", seq)
    equal(e["data"]["cause"], "host-shutdown", "cause: %s" % e)
    last_line(v, "stopped")
    # an admin who stops all guests is no shutdown of the node
    v, seq = up(14)
    as_user("stopall", "", lambda: as_user("vzshutdown", v, lambda: pct.halt(v)))
    e = wait_event(v, "stopped", seq)
    equal((e["data"]["cause"], e["data"]["user"]), ("admin", "joe@pve"), "cause: %s" % e)


@test("systemd takes the node down without PVE")
def _():
    v, seq = up(15)
    with open("/run/nologin", "w"):
        pass
    try:
        pct.halt(v)
        e = wait_event(v, "stopped", seq)
        equal(e["data"]["cause"], "host-shutdown", "cause: %s" % e)
    finally:
        os.unlink("/run/nologin")


def killed_unheard(vmid):
    """As if its hooks had been taken away; they were loaded when it was started."""
    monitor = live.status(vmid)["monitor_pid"]

    def ended():
        try:
            with open("/proc/%d/cmdline" % monitor) as f:
                return not f.read()  # not reaped yet
        except FileNotFoundError:
            return True

    os.unlink(lib.HOOK)
    subprocess.run(["lxc-stop", "-n", str(vmid), "--kill"], check=True)
    until(ended, "the end of the monitor and of its last hook", 30)
    lib.hooks_on()


def recorded_since(vmid, metric, since):
    """Values of what was recorded after that time, oldest first."""
    r = ctscope("history", vmid, "-m", metric, "-S", "-120s", "--json", code=None)
    points = json.loads(r.out)["container"]["points"] if r.code == 0 else []
    return [p.get(metric) for p in points
            if datetime.datetime.fromisoformat(p["time"].replace("Z", "+00:00")).timestamp() > since]


@test("what was so before the collector began: no news, or told as not seen")
def before():
    need()
    a, b, f = VMID + 20, VMID + 21, VMID + 22
    seq = last_seq()
    make(a, net="ip=10.99.0.71/24")
    make(b)
    make(f, start=False)
    wait_event(a, "address", seq)
    wait_event(b, "started", seq)
    down()
    subprocess.run(["lxc-freeze", "-n", str(a)], check=True)
    began = int(time.time())
    task = pct.Task("vzstart", f, when=began)
    task.end("CT is locked (backup)", when=began)
    killed_unheard(b)
    equal(os.listdir(lib.SPOOL), [], "the spool")
    time.sleep(4)
    need()
    wait_event(a, "frozen", seq)
    wait_event(f, "task", seq, match=lambda e: e["data"]["state"] == "end")
    wait_event(f, "start-failed", seq)
    end = wait_event(b, "stopped", seq)
    time.sleep(1)  # nothing more comes
    equal(events(a, seq, ["address"])[1:], [], "an address is told once")
    frozen = events(a, seq, ["frozen"])
    equal([e["inferred"] for e in frozen], [True], "frozen while no collector ran")
    ends = [e for e in events(f, seq, ["task"]) if e["data"]["state"] == "end"]
    limit = (began + 2) * 1000000
    check(len(ends) == 1 and ends[0]["time"] < limit, "end of the task: %s" % ends)
    failed = events(f, seq, ["start-failed"])
    check(len(failed) == 1 and failed[0]["time"] < limit, "failed start: %s" % failed)
    check("the config is locked" not in shown(f), shown(f))
    equal(len(events(b, seq, ["stopped"])), 1, "stopped once")
    ranged(end, "no collector ran")
    check("uptime_sec" not in end["data"], "nobody knows how long it ran")
    note(last_line(b, "stopped"))
    down()
    since = time.time()
    need()
    until(lambda: len(recorded_since(a, "frozen", since)) > 1, "what the next collector recorded")
    values = recorded_since(a, "frozen", since)
    equal(set(values), {1}, "recorded as frozen by the next collector too")
    equal(len(events(a, seq, ["frozen"])), 1, "frozen, told once: %s" % shown(a))
    subprocess.run(["lxc-unfreeze", "-n", str(a)], check=True)
    thawed = wait_event(a, "thawed", seq)
    check(not thawed["inferred"], "thawed was seen")
    down()
    need()
    time.sleep(1)
    equal(len(events(f, seq, ["start-failed"])), 1, "a failed start, told once: %s" % shown(f))
    for v in (a, b, f):
        destroy(v)


@test("addresses: the interface inside, by its own name, and the node's end of it")
def _():
    need()
    seq = last_seq()
    v = VMID + 9
    make(v, net="ip=10.99.0.69/24,ip6=fd00:99::69/64")
    up = wait_event(v, "interface-up", seq)
    e = wait_event(v, "address", seq, match=lambda e: e["data"]["address"] == "10.99.0.69")
    d = e["data"]
    equal((d["interface"], d["net"], d["host_interface"]), ("eth0", "net0", "veth%di0" % v),
          "names")
    check(up["data"]["since_start_usec"] <= d["since_start_usec"], "the order of the start")
    e = wait_event(v, "address", seq, match=lambda e: e["data"]["address"] == "fd00:99::69")
    equal(e["data"]["interface"], "eth0", "of IPv6")
    note(shown(v))
    # a name of the guest's choice, and none that the config knows
    seq = last_seq()
    name = b"e\x1b[31m\xff"
    for cmd in (["ip", "link", "set", "eth0", "down"], ["ip", "link", "set", "eth0", "name", name],
                ["ip", "link", "set", name, "up"],
                ["ip", "addr", "add", "10.98.0.1/24", "dev", name]):
        live.guest(v, *["/bin/" + cmd[0]] + cmd[1:])
    e = wait_event(v, "address", seq, 70, lambda e: e["data"]["address"] == "10.98.0.1")
    equal(e["data"]["net"], "net0", "net")
    check("b64" in e["data"]["interface"] or "\x1b" in e["data"]["interface"],
          e["data"]["interface"])
    out = ctscope("events", v, "--type", "address").out
    check(b"\x1b" not in out and b"\xff" not in out, out)
    note(out.decode())


CONF = "/etc/ctscope/ctscope.conf"


def configure(text):
    os.makedirs(os.path.dirname(CONF), exist_ok=True)
    pct.write(CONF, text)


@test("ctscope.conf: what is bad is said with its line, the rest holds, SIGHUP reads it anew")
def _():
    need()
    down()
    configure("[store]\nmax_size = lots\n[collect]\nnetwork = off\ncolour = red\n")
    c = need()
    said = logged()
    check("ctscope.conf:2: max_size: expected a size" in said, said)
    check('ctscope.conf:5: there is no key "colour" in section [collect]' in said, said)
    seq = last_seq()
    make(VMID + 8, net="ip=10.99.0.68/24")
    wait_event(VMID + 8, "started", seq)
    configure("[incidents]\nfrozen = 1s\n[collect]\nnetwork = on\n[store]\nkeep_1s = 1\n")
    os.kill(c.pid(), signal.SIGHUP)
    wait_event(None, "collector", seq, 10, lambda e: e["data"]["what"] == "reloaded")
    check("ctscope.conf:6: keep_1s: expected a time" in logged(), logged())
    check("for the next start" in logged(), logged())
    pct.main(["freeze", str(VMID + 8)])
    inc = until(lambda: lib.query("SELECT * FROM incidents WHERE vmid = ? AND kind = 'frozen'",
                                  (VMID + 8,)), "an incident", 15)
    check("1 second" in inc[0]["summary"], inc[0]["summary"])
    off = inc[0]["opened"] - events(VMID + 8, seq, ["frozen"])[0]["time"]
    check(abs(off) < 100000, "it began with the freeze: %d us off" % off)
    pct.main(["thaw", str(VMID + 8)])
    for _n in range(2):  # too long, and over before the next look at it
        time.sleep(0.2)
        pct.main(["freeze", str(VMID + 8)])
        time.sleep(1.2)
        pct.main(["thaw", str(VMID + 8)])
    until(lambda: len(lib.query("SELECT * FROM incidents WHERE vmid = ? AND kind = 'frozen' "
                                "AND closed IS NOT NULL", (VMID + 8,))) == 3, "three incidents")
    equal(events(VMID + 8, seq, ["interface-up", "address"]), [], "network is off")
    os.unlink(CONF)
    down()
    need()


@test("the collector ends in order")
def _():
    if "c" in state:
        down()
    if os.path.exists(pct.conf_path(VMID)):
        destroy(VMID)


main()
