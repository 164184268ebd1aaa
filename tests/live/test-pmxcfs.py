#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pmxcfs that is slow, hangs, refuses, has no quorum or is gone: every command ends in
bounded time, shows what the kernel knows and says in one sentence what is wrong; the
collector goes on with all that is not in /etc/pve."""
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
from collectlib import Collector, events, last_seq, wait_event  # noqa: E402
from live import (Failed, Skip, check, ctjson, ctscope, equal, keep,  # noqa: E402
                  main, make, note, pct, slack, test, until, write_conf)
from pmxcfs import Pmxcfs  # noqa: E402

VMID = 410
PLAIN = 411  # without a network, whose script of PVE's wants the config
CACHED = 1.2  # what the kernel keeps of a file's attributes goes by then
LIMIT = 2.5  # of a command while nothing answers
# each command, and what the kernel alone tells of it
COMMANDS = [
    ("list", r"(?m)^ *410 running"),
    ("status 410", r"Status: running"),
    ("usage 410 --interval 0.1", r"(?m)^ *(processes|Processes|PIDs)|threads|running"),
    ("top --json -n 1 -d 0.2", r'"vmid":410'),
    ("ps 410", r"(?m)^ *[0-9]+ .*init"),
    ("network 410", r"eth0"),
    ("df", None), ("df 410", None),
    ("config 410", None),
    ("audit", None), ("audit 410", None), ("drift", None), ("drift 410", None),
    ("snapshots", None), ("snapshots 410", None), ("backups", None), ("backups 410", None),
    ("logs 410", None), ("hooks", None), ("history 410", None),
    ("events", None), ("events 410", None), ("incidents", None),
]
# these do not ask /etc/pve for anything that they show
APART = ("events", "incidents", "history", "logs", "hooks")
state = {}


def pve():
    """The stand-in, with a container that runs and one that does not."""
    if "pve" not in state:
        if not os.path.exists(lib.CTSCOPED):
            raise Skip("ctscoped is not built (no libsystemd)")
        lib.fresh_node()
        lib.hooks_on()
        state["pve"] = Pmxcfs()
        make(VMID, net="ip=10.99.0.41/24")
        make(PLAIN, start=False)
        keep(VMID)
        keep(PLAIN)
        state["c"] = Collector()
        wait_event(VMID, "started", 0)
        time.sleep(2.5)
    check(state["c"].p.poll() is None, "the collector ended: " + lib.logged())
    return state["pve"]


class Mode:
    def __init__(self, *mode):
        self.mode = mode

    def __enter__(self):
        pve().set(*self.mode)
        time.sleep(CACHED)

    def __exit__(self, *exc):
        pve().normal()
        time.sleep(CACHED)


def run(command):
    r = ctscope(*command.split(), code=None)
    r.out, r.err = r.out.decode(errors="replace"), r.err.decode(errors="replace")
    check(r.code in (0, 1, 3), "%s: exit %d: %s" % (command, r.code, r.err))
    return r


def sentence(command, r, names):
    """What is wrong is said once, and by its name. A command for one container may have it in
    the container's own lines."""
    said = [x for x in (r.err + r.out).splitlines() if re.search(names, x)]
    check(said, "%s does not say what is wrong: %r %r" % (command, r.out, r.err))
    lines = r.err.splitlines()
    check(len(lines) <= 2 and len(set(lines)) == len(lines), "%s says it once: %r"
          % (command, r.err))


def every_command(limit, names, same=False):
    took, bad = [], []
    for command, kernel in COMMANDS:
        try:
            r = run(command)
            took.append((r.seconds, command))
            check(r.seconds < limit * slack(), "%s took %.1f s" % (command, r.seconds))
            if kernel:
                check(re.search(kernel, r.out), "%s shows %r %r" % (command, r.out, r.err))
            if same:
                check("/etc/pve" not in r.err, "%s says %r" % (command, r.err))
            elif not command.startswith(APART + (("usage", "ps", "status", "top")
                                                 if names is GONE else ())):
                sentence(command, r, names)
        except Failed as f:
            bad.append(str(f))
    note("the slowest: %s in %.2f s" % (max(took)[1], max(took)[0]))
    check(not bad, "\n".join(bad))


HANGS = r"/etc/pve does not answer within 2 s"
GONE = r"/etc/pve.*Transport endpoint is not connected"
REFUSED = r"/etc/pve.*Permission denied"


@test("it answers: configs, names and numbers are as ever, and a container starts", base=True)
def _():
    pve()
    every_command(LIMIT, None, same=True)
    row = {c["vmid"]: c for c in ctjson("list")["containers"]}
    equal([row[v]["name"] for v in (VMID, PLAIN)], ["ct410", "ct411"], "names")
    st = os.stat("/etc/pve/lxc/410.conf")
    equal((st.st_mode & 0o7777, st.st_uid, st.st_gid), (0o640, 0, 33), "mode and owner")
    pct.start(PLAIN)
    wait_event(PLAIN, "started", 0)


@test("slow: 20 ms a request, all is there")
def _():
    with Mode("slow", 20):
        every_command(8, None, same=True)


@test("it hangs: every command ends, with what the kernel knows and one sentence")
def _():
    with Mode("hang"):
        every_command(LIMIT, HANGS)
        r = run("status 410")
        check("privileged" not in r.out and "512" not in r.out,
              "what only the config says is not said: " + r.out)
    until(lambda: not left_over(), "commands that hang forever")


def left_over():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % pid) as f:
                if f.read().strip() == "ctscope":
                    found.append(pid)
        except OSError:
            pass
    return found


@test("and a plain reader of a config hangs, so that it could be seen")
def _():
    with Mode("hang"):
        p = subprocess.Popen(["cat", "/etc/pve/lxc/410.conf"], stdout=subprocess.PIPE)
        time.sleep(3)
        check(p.poll() is None, "cat ended with %s" % p.returncode)
        p.kill()
        time.sleep(0.5)
        check(p.poll() is None, "it can be killed: that is no D state")
    p.communicate(timeout=10)


@test("it is gone: every command ends at once, with what the kernel knows and one sentence")
def _():
    with Mode("gone"):
        every_command(LIMIT, GONE)


@test("it refuses: as when it is gone, and root is not told to be root")
def _():
    with Mode("eacces"):
        every_command(LIMIT, REFUSED)
        r = run("list")
        check("as root" not in r.err, r.err)


@test("no quorum: all is there, nobody complains")
def _():
    with Mode("noquorum"):
        every_command(LIMIT, None, same=True)
        equal(os.lstat("/etc/pve/local").st_mode & 0o777, 0o555, "PVE's own test")


# ---- the collector --------------------------------------------------------------------

def points(seconds):
    r = ctscope("history", PLAIN, "--since", "-%ds" % seconds, "--step", "1", "-m", "pids",
                "--json", code=None)
    return json.loads(r.out)["container"]["points"] if r.code == 0 else []


def is_fine():
    said = [x["data"]["what"] for x in events(None, 0, ["collector"])]
    return said[-1] != "stale"


def collector_under(mode, why):
    pve()
    until(is_fine, "the mark of the test before is gone", 40)
    seq = last_seq()
    with Mode(*mode):
        e = wait_event(None, "collector", seq, 10, lambda e: e["data"]["what"] == "stale")
        check(re.search(why, e["data"]["text"]), "the mark: %s" % e["data"])
        t0 = time.monotonic()
        pct_kill = subprocess.run(["lxc-stop", "-n", str(PLAIN), "--kill"])
        equal(pct_kill.returncode, 0, "stop")
        e = wait_event(PLAIN, "stopped", seq)
        check(time.monotonic() - t0 < 2 * slack(), "seen after %.1f s" % (time.monotonic() - t0))
        equal(e["name"], "ct411", "name")
        pct.wait_stopped(PLAIN)
        pct.spawn(PLAIN)  # it was started before: what is generated is there
        started = wait_event(PLAIN, "started", seq)
        check(not started["inferred"], "its hooks were heard")
        time.sleep(6)
        got = points(5)
        check(len(got) >= 4 and not any(x.get("gap") for x in got[1:]), "sampled: %s" % got)
        below("memory: 128", "memory: 192")
    e = wait_event(VMID, "config-changed", seq, 40)
    equal([(c["key"], c.get("old"), c.get("new")) for c in e["data"]["changes"]],
          [("memory", "128", "192")], "the edit of meanwhile")
    wait_event(None, "collector", seq, 10, lambda e: e["data"]["what"] == "back")
    seen = [x["data"]["what"] for x in events(None, seq, ["collector"])]
    equal(seen, ["stale", "back"], "what it says of itself")
    equal(len(events(None, seq, ["config-changed"])), 1, "edits told")
    write_conf(VMID, conf().replace("memory: 192", "memory: 128"))
    wait_event(VMID, "config-changed", e["seq"])


def conf():
    with open(pct.conf_path(VMID)) as f:
        return f.read()


def below(old, new):
    """An edit on another node of the cluster."""
    path = "/run/node/pmxcfs/nodes/%s/lxc/%d.conf" % (pct.NODE, VMID)
    with open(path) as f:
        text = f.read()
    check(old in text, text)
    with open(path, "w") as f:
        f.write(text.replace(old, new))


@test("the collector while it hangs: one mark, events and samples go on, edits told after")
def _():
    collector_under(["hang"], "does not answer")


@test("the collector while it is gone")
def _():
    collector_under(["gone"], "not connected")


@test("the collector while it refuses")
def _():
    collector_under(["eacces"], "denied")


@test("the collector without a quorum has nothing to say of itself")
def _():
    seq = last_seq()
    with Mode("noquorum"):
        time.sleep(5)
        equal(events(None, seq, ["collector"]), [], "of itself")
    try:
        with open("/etc/pve/lxc/%d.conf" % VMID, "r+"):
            pass
    except PermissionError:
        raise Failed("it is writable again")


@test("a slow one: no mark, no gap")
def _():
    seq = last_seq()
    with Mode("slow", 50):
        write_conf(VMID, conf() + "tags: slow\n")
        wait_event(VMID, "config-changed", seq, 20)
        time.sleep(6)
        got = points(5)
        check(len(got) >= 4 and not any(x.get("gap") for x in got[1:]), "sampled: %s" % got)
    equal(events(None, seq, ["collector"]), [], "of itself")


@test("in the end all is as it was")
def _():
    equal(state["c"].stop(), 0, "exit code")
    state.pop("pve").__exit__()
    lib.hooks_off()


main()
