#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Start, stop, freeze, kill, reboot: what ctscope says while it happens."""
import os
import signal
import subprocess
import time

from live import (ctjson, SLOW, Failed, check, ctscope, equal, guest, main, make, pct, rootfs, rows,
                  slack, status, test, until)


@test("a container that was started is running, with the pid of its init and its uptime")
def started():
    make(300)
    s = status(300)
    equal(s["status"], "running", "status")
    equal(s["pid"], pct.init_pid(300), "pid")
    equal(s["monitor_pid"], monitor(300), "monitor_pid")
    check(0 <= s["uptime"] <= 15 * slack(), "uptime %r" % s["uptime"])
    equal(rows()[300]["status"], "running", "list")


def monitor(vmid):
    want = b"/usr/bin/lxc-start\0-F\0-n\0%d\0" % vmid
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % p, "rb") as f:
                # its child has the same command line until it executes init
                if f.read() != want:
                    continue
            with open("/proc/%s/cgroup" % p) as f:
                if "0::/lxc.monitor/%d" % vmid in f.read().splitlines():
                    return int(p)
        except OSError:
            pass
    return None


@test("uptime is PVE's: the age of init in whole seconds")
def uptime():
    make(301)
    time.sleep(1.2)
    with open("/proc/%d/stat" % pct.init_pid(301)) as f:
        ticks = int(f.read().rsplit(")", 1)[1].split()[19])
    s = status(301)
    with open("/proc/uptime") as f:
        now = float(f.read().split()[0])
    want = int(now - ticks / os.sysconf("SC_CLK_TCK"))
    check(want - 1 * SLOW <= s["uptime"] <= want, "%r, expected %d" % (s["uptime"], want))


@test("while a pre-start hook is at work it is starting: PVE says running")
def starting():
    make(302, start=False)
    pct.prepare(302)
    pct.write("/var/lib/lxc/302/.slow", "%d" % (4 if SLOW == 1 else 12))
    pct.spawn(302)
    until(lambda: pct.listening(302), "the command socket")
    s = status(302)
    equal(s["status"], "starting", "status")
    equal(s["pve_status"], "running", "pve_status")
    check("pid" not in s, "pid %r" % s.get("pid"))
    equal(rows()[302]["status"], "starting", "list")
    until(lambda: status(302)["status"] == "running", "running at last", 10)


@test("a frozen container is frozen, and running again when thawed")
def frozen():
    make(303)
    subprocess.run(["lxc-freeze", "-n", "303"], check=True)
    s = status(303)
    equal((s["status"], s["pve_status"]), ("frozen", "running"), "status")
    equal(rows()[303]["status"], "frozen", "list")
    equal(ctjson("status", 303, "--lxc")["container"]["lxc"],
          {"state": "FROZEN", "init_pid": s["pid"]}, "what liblxc says")
    subprocess.run(["lxc-unfreeze", "-n", "303"], check=True)
    equal(status(303)["status"], "running", "status after")


@test("a container frozen from inside its cgroup, not by LXC, is frozen too")
def frozen_by_cgroup():
    make(304)
    with open("/sys/fs/cgroup/lxc/304/cgroup.freeze", "w") as f:
        f.write("1")
    until(lambda: status(304)["status"] == "frozen", "frozen")
    with open("/sys/fs/cgroup/lxc/304/cgroup.freeze", "w") as f:
        f.write("0")
    until(lambda: status(304)["status"] == "running", "running")


@test("stopped by the admin, it is stopped and has no pid")
def stopped():
    make(305)
    pct.kill(305)
    s = status(305)
    equal((s["status"], s["pve_status"]), ("stopped", "stopped"), "status")
    check("pid" not in s, "pid %r" % s.get("pid"))
    equal(s["uptime"], 0, "uptime")


@test("halted from inside, it is stopped")
def halted_inside():
    make(306)
    subprocess.run(["lxc-attach", "-n", "306", "--", "/bin/halt", "-f"],
                   stderr=subprocess.DEVNULL)
    until(lambda: status(306)["status"] == "stopped", "stopped")


@test("init killed with SIGKILL: stopped, and never an error on the way")
def killed():
    make(307)
    pid = status(307)["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: status(307)["status"] == "stopped", "stopped")
    equal(rows()[307]["status"], "stopped", "list")


@test("rebooted from inside: another init, uptime from the start again")
def rebooted():
    make(308)
    before = status(308)["pid"]
    time.sleep(1.1)
    subprocess.run(["lxc-attach", "-n", "308", "--", "/bin/reboot", "-f"],
                   stderr=subprocess.DEVNULL)

    def again():
        s = status(308)
        check(s["status"] in ("running", "stopped", "starting", "stopping"), s["status"])
        return s if s.get("pid") not in (None, before) and s["status"] == "running" else None

    after = until(again, "another init", 20)
    check(after["uptime"] <= 20 * slack(), "uptime %r" % after["uptime"])


@test("init gone while the monitor still runs its hooks: not running, no stale pid")
def stopping():
    make(309)
    pid = status(309)["pid"]
    # post-stop hooks of this one take a while
    with open("/run/node/slow-stop", "w") as f:
        f.write("%d" % (2 if SLOW == 1 else 6))
    try:
        os.kill(pid, signal.SIGKILL)
        seen = set()
        end = time.monotonic() + 4 * SLOW
        while time.monotonic() < end:
            s = status(309)
            seen.add(s["status"])
            check(s.get("pid") != pid or s["status"] != "stopped", "a stopped pid")
            if s["status"] == "stopped":
                break
            time.sleep(0.02)
        check("stopped" in seen and "frozen" not in seen, "seen: %s" % seen)
    finally:
        os.unlink("/run/node/slow-stop")


def hook(d, escape=False):
    """
    A hook that is at work (d/at is there) as long as d/on is. It leads a session, as init
    does; escape: nor is it in the monitor's cgroup.
    """
    os.makedirs(d, exist_ok=True)
    os.chmod(d, 0o777)  # root of a container is not root here
    with open(d + "/hook", "w") as f:
        f.write("#!/bin/sh\nexec </dev/null >/dev/null 2>&1\n")
        if escape:
            f.write("mkdir -p /sys/fs/cgroup/escape\necho $$ >/sys/fs/cgroup/escape/cgroup.procs\n")
        f.write("exec setsid -w sh -c 'touch %s/at; while [ -e %s/on ]; do sleep 0.1; done; "
                "rm -f %s/at'\n" % (d, d, d))
    os.chmod(d + "/hook", 0o755)
    return d + "/hook"


def at_work(d, on=True):
    try:
        if on:
            until(lambda: os.path.exists(d + "/at"), "%s is at work" % d, 20)
    finally:  # nothing could be ended while one is
        if not (on and os.path.exists(d + "/at")) and os.path.exists(d + "/on"):
            os.unlink(d + "/on")


def start_hook(vmid, path):
    """PVE allows none in its configs: it comes from one of the node's drop-ins."""
    with open("/var/lib/lxc/%d/config" % vmid, "a") as f:
        f.write("lxc.hook.start-host = %s\n" % path)


def turn_on(d):
    with open(d + "/on", "w"):
        pass


def never_a_hook(vmid, until_status, seconds):
    """What is called init is in a pid namespace of its own, whatever runs beside it."""
    ours, seen = os.readlink("/proc/self/ns/pid"), set()
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        for s in (status(vmid), rows()[vmid]):
            seen.add(s["status"])
            if "pid" not in s:
                continue
            try:
                check(os.readlink("/proc/%d/ns/pid" % s["pid"]) != ours,
                      "%s: pid %d is a hook" % (s["status"], s["pid"]))
            except FileNotFoundError:
                pass
        if s["status"] == until_status:
            break
        time.sleep(0.05)
    return seen


@test("a hook is not init, though it leads a session and is in no cgroup of ours")
def hooks():
    for vmid, escape in ((314, False), (315, True)):
        d = "/run/node/hook-%d" % vmid
        path = hook(d, escape)
        turn_on(d)
        make(vmid, start=False, raw=("lxc.hook.stop: " + path,))
        pct.prepare(vmid)
        start_hook(vmid, path)
        pct.spawn(vmid)
        try:
            at_work(d)
            equal(never_a_hook(vmid, "-", 0.5), {"starting"}, "beside the start-host hook")
            at_work(d, False)
            pid = until(lambda: status(vmid).get("pid"), "init")
            equal(pid, pct.init_pid(vmid), "pid")
            until(lambda: not os.path.exists(d + "/at"), "the end of the hook")
            turn_on(d)
            os.kill(pid, signal.SIGKILL)
            at_work(d)
            equal(never_a_hook(vmid, "-", 0.5), {"stopping"}, "beside the stop hook")
            at_work(d, False)
            seen = never_a_hook(vmid, "stopped", 10)
            equal(seen - {"stopping", "stopped"}, set(), "after the stop hook")
            check("stopped" in seen, "seen: %s" % seen)
        finally:
            at_work(d, False)


@test("until init is executed a container is starting, and LXC's own child is not judged")
def unborn():
    mount, host = "/run/node/hook-316-mount", "/run/node/hook-316-host"
    make(316, start=False, raw=("lxc.hook.mount: " + hook(mount),))
    pct.prepare(316)
    start_hook(316, hook(host))
    turn_on(mount)
    turn_on(host)
    pct.spawn(316)
    try:
        for d in (mount, host):
            at_work(d)
            s, row = status(316), rows()[316]
            equal((s["status"], s["pve_status"], row["status"]), ("starting", "running", "starting"),
                  "beside %s" % d)
            check("pid" not in s and "pid" not in row, "pid: %s" % s.get("pid"))
            check(not row.get("disk") and not row.get("uptime"), "of a root that is not there: %s" % row)
            found = ctscope("audit", "316", "-s", "info", "--json", code=None)
            check(b"kernel-" not in found.out, found.out)
            mounts = ctjson("df", "316")["container"]["mounts"]
            equal([(m["origin"], m["stale"]) for m in mounts], [("config", False)], "mounts of the node")
            check(os.path.exists(d + "/at"), "the hook was at work all the time")
            at_work(d, False)
    finally:
        at_work(mount, False)
        at_work(host, False)
    until(lambda: status(316)["status"] == "running", "running at last")
    equal(status(316)["pid"], pct.init_pid(316), "pid")


@test("a start that fails leaves it stopped")
def failed_start():
    make(310, start=False, mp0="/run/node/no-such,mp=/x")
    try:
        pct.start(310)
        raise Failed("it started")
    except pct.Error:
        pass
    equal(status(310)["status"], "stopped", "status")


@test("a left-over cgroup does not make a container running")
def leftover():
    make(311, start=False)
    os.makedirs("/sys/fs/cgroup/lxc/311/ns")
    try:
        equal(status(311)["status"], "stopped", "status")
    finally:
        os.rmdir("/sys/fs/cgroup/lxc/311/ns")
        os.rmdir("/sys/fs/cgroup/lxc/311")


@test("commands say in one sentence that a container is stopped, and do not fail")
def on_stopped():
    make(312, start=False)
    for cmd in ("status", "usage", "network", "ps", "config", "snapshots", "logs"):
        r = ctscope(cmd, "312", code=None)
        if b"unknown command" in r.err:
            continue
        check(r.code == 0, "%s: exit %d %s" % (cmd, r.code, r.err))


@test("its processes are those inside, by the name of their unit")
def processes():
    make(313, rc="mkdir -p /sys/fs/cgroup/system.slice/x.service\n"
         "sh -c 'echo $$ >/sys/fs/cgroup/system.slice/x.service/cgroup.procs;"
         "exec sleep 1000' &\n")
    until(lambda: os.path.isdir("/sys/fs/cgroup/lxc/313/ns/system.slice/x.service"), "unit")
    until(lambda: b"sleep" in ctscope("ps", "313").out, "sleep in ps", 5)
    line = [x for x in ctscope("ps", "313").out.splitlines() if b"sleep" in x][0]
    check(b"x.service" in line, line.decode())
    check(guest(313, "/bin/ps"), "ps inside")
    check(os.path.isdir(rootfs(313)), "rootfs")


main()
