#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""logs from inside containers: journal, syslog, files, as they grow, and as attacks.

The journals are files that systemd itself wrote (tests/fixtures/journal/make-guest).
"""
import lzma
import os
import shutil
import signal
import struct
import subprocess
import time

from live import (CTSCOPE, SLOW, check, ctjson, ctscope, equal, guest, main, make, note, pct,
                  rootfs, test, until)

HERE = os.path.dirname(os.path.realpath(__file__))
ID = "0123456789abcdef0123456789abcdef"
DIR = "/var/log/journal/" + ID
CT = 820
CONSOLE = "/run/console-820.log"
T0 = 1795144350  # of the first entry


def journal(name):
    with lzma.open(HERE + "/../fixtures/journal/%s.journal.xz" % name) as f:
        return f.read()


def moved(name, to):
    """The same, its entries from that time on, one each second."""
    data = journal(name)
    for i in range(3):
        data = data.replace(struct.pack("<Q", (T0 + i) * 1000000),
                            struct.pack("<Q", int((to + i) * 1000000)))
    return data


def put(path, text, vmid=CT):
    full = rootfs(vmid) + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    own(path, vmid)


def own(path, vmid=CT):
    st = os.stat(rootfs(vmid))
    while path != "/":
        os.lchown(rootfs(vmid) + path, st.st_uid, st.st_gid)
        path = os.path.dirname(path)


def clear():
    shutil.rmtree(rootfs(CT) + "/var/log")
    put("/var/log/.x", "")


def inside(fn):
    """In a container of its own, which has a machine id and nothing in its /var/log."""
    def run():
        make(CT, raw=('lxc.console.logfile: "%s"' % CONSOLE,))
        until(lambda: guest(CT, "/bin/true") == "", "start")
        put("/etc/machine-id", ID + "\n")
        clear()
        fn()
    run.__name__ = fn.__name__
    return run


def lines(*args, vmid=CT):
    return ctjson("logs", vmid, *args)["lines"]


def texts(*args, **kw):
    return [x["text"] for x in lines(*args, **kw)]


def stamp(t):
    return time.strftime("%b %e %H:%M:%S", time.localtime(t))


@test("of one without journal and syslog a sentence says what there is instead")
@inside
def nothing():
    r = ctscope("logs", CT)
    check(b"keeps no journal and no syslog" in r.err, r.err)
    check(b"--file PATH" in r.err, r.err)


@test("what its programs print on the console is among it where the config keeps that")
@inside
def console():
    guest(CT, "/bin/sh", "-c", "echo on the console >/dev/console")
    until(lambda: "on the console" in texts("--source", "console"), "the line", 3)
    got = [x for x in lines() if x["text"] == "on the console"]
    equal([(x["source"], x["time_is"]) for x in got], [("console", "not-after")], "line")


@test("entries of its journal have their time, level, unit and process")
@inside
def entries():
    put(DIR + "/system.journal", journal("guest"))
    got = lines("--source", "guest", "-n", 3)
    equal([x["text"] for x in got], ["GET /4198", "GET /4199", "last"], "texts")
    equal({k: got[2][k] for k in ("time", "time_is", "source", "level", "origin", "unit", "pid")},
          {"time": "2026-11-20T03:13:30.000Z", "time_is": "exact", "source": "guest",
           "level": "error", "origin": "nginx", "unit": "nginx.service", "pid": 77}, "line")
    equal(len(lines("--source", "guest", "-n", "all")), 4206, "pages of all, each line once")
    equal(texts("--source", "guest", "--unit", "nginx.service", "--until", "@1795144352"),
          ["Started nginx.service - A high performance web server", "two", "lines"], "unit")
    equal(texts("--source", "guest", "--grep", "^GET /7$"), ["GET /7"], "grep")
    r = ctscope("logs", CT, "--source", "guest", "--until", "@1795144352")
    check(b"\\xff\\x1b[2Jraw" in r.out and b"\x1b" not in r.out, r.out)


@test("all forms of compression are taken apart, and none of them is a bomb")
@inside
def packed():
    for kind in "zstd", "lz4", "xz":
        put(DIR + "/system.journal", journal("guest-" + kind))
        t0 = time.monotonic()
        got = texts("--source", "guest")
        seconds = time.monotonic() - t0
        check(got and got[0] == kind + ": " + "a" * 2000, [x[:40] for x in got])
        equal(got[-1], kind + ": end", "the last line")
        check(all(len(x) <= 16384 + len(" [cut]") for x in got), "a line that is too long")
        check(got[1].endswith("bb [cut]"), got[1][-20:])
        check(seconds < 2.5 * SLOW, "%s: %.2f s" % (kind, seconds))


@test("a syslog of both forms, files by name and by pattern, on one time line")
@inside
def syslog():
    now = time.time()
    put("/var/log/syslog.1", stamp(now - 30) + " web old[1]: rotated\n")
    os.utime(rootfs(CT) + "/var/log/syslog.1", (now - 30, now - 30))
    put("/var/log/app/b.log", "2026/11/20 03:12:00 [error] nginx\n" + "x" * 20 + "\n")
    put("/var/log/app/a.log", time.strftime("%Y-%m-%dT%H:%M:%SZ hello\n", time.gmtime(now - 15)))
    put("/var/log/messages", stamp(now) + " web x: not wanted\n")
    put("/var/log/syslog", stamp(now - 20) + " web sshd[412]: one\n" +
        time.strftime("%Y-%m-%dT%H:%M:%S.5+00:00 web cron: two\n", time.gmtime(now)))
    got = lines("--source", "inside", "--file", "/var/log/app/a.log")
    equal([(x["source"], x.get("origin"), x["text"]) for x in got],
          [("syslog", "old", "rotated"), ("syslog", "sshd", "one"),
           ("file", "/var/log/app/a.log", "hello"), ("syslog", "cron", "two")], "lines")
    got = lines("--source", "file", "--file", "/var/log/app/*.log")
    equal([x["text"] for x in got], ["hello", "2026/11/20 03:12:00 [error] nginx", "x" * 20],
          "pattern")
    put("/var/log/long", "x" * (1 << 20))
    r = ctscope("logs", CT, "--source", "file", "--file", "/var/log/long")
    check(b"/var/log/long: its last line has no end" in r.err, r.err)
    put("/var/log/long", "first\n" + "y" * 20000)
    got = texts("--source", "file", "--file", "/var/log/long")
    equal(got, ["first", "y" * 16384 + " [+3616 bytes]"], "a long line")
    r = ctscope("logs", CT, "--source", "file", "--file", "/none", "--file", "/var/log/no*")
    check(b"/none: not there" in r.err and b"/var/log/no*: no such file" in r.err, r.err)


@test("what a syslog repeats of the journal is shown once")
@inside
def once():
    put(DIR + "/system.journal", journal("guest"))
    put("/var/log/syslog", "2026-11-20T03:13:30Z web nginx[77]: last\n"
                           "2026-11-20T03:13:31Z web x: of its own\n")
    got = [(x["source"], x["text"]) for x in lines("--source", "inside", "-n", 2)]
    equal(got, [("guest", "last"), ("syslog", "of its own")], "lines")


@test("new lines are followed, over a rotation too, and an interrupt ends it well")
@inside
def followed():
    log = rootfs(CT) + "/var/log/syslog"
    put("/var/log/syslog", "")
    p = subprocess.Popen([CTSCOPE, "logs", str(CT), "-f", "--source", "inside", "--file",
                          "/var/log/*.app"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    seen = []
    os.set_blocking(p.stdout.fileno(), False)

    def has(text):
        seen.append((p.stdout.read() or b"").decode())
        return text in "".join(seen)

    def say(text, path=log):
        with open(path, "a") as f:
            f.write(stamp(time.time()) + " web x[1]: " + text + "\n")

    try:
        time.sleep(0.5 * SLOW)
        say("first")
        until(lambda: has("x: first"), "a line", 5)
        say("before")
        os.rename(log, log + ".1")
        say("after")
        own("/var/log/syslog")
        until(lambda: has("x: after"), "a line after the rotation", 5)
        check("x: before" in "".join(seen), "".join(seen))
        put("/var/log/new.app", "an app\n")
        put(DIR + "/system.journal", journal("guest"))
        put(DIR + "/user-1000.journal", moved("guest-zstd", time.time() - 1))
        until(lambda: has("zstd: end"), "a new entry", 5)
        until(lambda: has("an app"), "a file that came", 9)
        time.sleep(1.2 * SLOW)
        has("")
        for text in "x: first", "x: after", "an app", "zstd: bbb", "zstd: end":
            equal("".join(seen).count(text), 1, text)
        check("GET" not in "".join(seen), "entries that are old")
    finally:
        p.send_signal(signal.SIGINT)
    equal(p.wait(timeout=10 * SLOW), 0, "exit code")


@test("no file, link, pipe or lie about a journal hurts, and each is told")
@inside
def attacks():
    secret = "/etc/ctscope-canary-of-the-node.journal"
    with open(secret, "wb") as f:
        f.write(journal("guest"))
    os.chmod(secret, 0o600)

    def case(what, setup, *words):
        clear()
        os.makedirs(rootfs(CT) + DIR)
        own(DIR)
        setup()
        t0 = time.monotonic()
        r = ctscope("logs", CT, "--source", "guest", code=None)
        seconds = time.monotonic() - t0
        check(r.code == 0 and b"GET /" not in r.out, "%s: %d %s" % (what, r.code, r.out[-200:]))
        check(seconds < 3 * SLOW, "%s: %.2f s" % (what, seconds))
        check(any(w in r.err for w in words), "%s: %s" % (what, r.err))

    system = DIR + "/system.journal"
    full = rootfs(CT) + system

    def link_dir(to):
        os.rmdir(rootfs(CT) + DIR)
        os.symlink(to, rootfs(CT) + DIR)

    def sparse():
        with open(full, "wb") as f:
            f.truncate(4 << 30)
        own(system)

    def cut(n):
        put(system, journal("guest")[:n])

    try:
        none = (b"no lines", b"keeps no journal")
        case("directory is a link to the node's", lambda: link_dir("/etc"), *none)
        case("... into /proc", lambda: link_dir("/proc/1/root/etc"), b"refused")
        case("... out of the root", lambda: link_dir("../../../../../../../etc"), *none)
        case("file is a link", lambda: os.symlink(secret, full), *none)
        case("the node's own", lambda: (put(system, journal("guest")), os.chown(full, 0, 0),
                                        os.chmod(full, 0o600)), b"root may not read it")
        case("a pipe", lambda: (os.mkfifo(full), own(system)), *none)
        case("4 GiB of nothing", sparse, b"could not be read to the end")
        case("a header alone", lambda: cut(4096), b"could not be read to the end")
        case("garbage", lambda: put(system, b"LPKSHHRH" + b"\xff" * 9000),
             b"could not be read to the end")
        case("machine-id is a link", lambda: (os.unlink(rootfs(CT) + "/etc/machine-id"),
                                              os.symlink("/etc/shadow",
                                                         rootfs(CT) + "/etc/machine-id")), *none)
    finally:
        os.unlink(secret)


@test("one that is cut while it is read ends in lines or in a sentence, never in a hang")
@inside
def cut():
    good = journal("guest")
    put(DIR + "/system.journal", good)
    path = rootfs(CT) + DIR + "/system.journal"
    stop = time.monotonic() + 1.5
    lines_seen = told = 0
    pid = os.fork()
    if pid == 0:
        fd = os.open(path, os.O_RDWR)
        while time.monotonic() < stop + 10:
            os.ftruncate(fd, 4096)
            os.pwrite(fd, good, 0)
        os._exit(0)
    try:
        while time.monotonic() < stop:
            t0 = time.monotonic()
            r = ctscope("logs", CT, "--source", "guest", "-n", "all", code=None)
            check(time.monotonic() - t0 < 6 * SLOW, "%.2f s" % (time.monotonic() - t0))
            equal(r.code, 0, "exit code")
            lines_seen += b"GET /" in r.out
            told += b"damaged, or changed" in r.err or b"to the end" in r.err
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    note("%d times lines, %d times a sentence" % (lines_seen, told))
    check(lines_seen + told > 0, "neither")


@test("one that is started while it is followed says only what is new")
@inside
def started():
    put("/var/log/syslog", stamp(time.time() - 60) + " web x: old\n")
    put(DIR + "/system.journal", journal("guest"))
    subprocess.run(["lxc-stop", "-n", str(CT), "--kill"], check=True)
    p = subprocess.Popen([CTSCOPE, "logs", str(CT), "-f", "--source", "inside"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    out = []
    os.set_blocking(p.stdout.fileno(), False)

    def has(text):
        out.append((p.stdout.read() or b"").decode())
        return text in "".join(out)

    try:
        time.sleep(0.3 * SLOW)
        pct.start(CT)
        time.sleep(0.2 * SLOW)
        with open(rootfs(CT) + "/var/log/syslog", "a") as f:
            f.write(stamp(time.time()) + " web x: new\n")
        until(lambda: has("x: new"), "a new line", 5)
        equal("".join(out).count("\n"), 1, "".join(out))
    finally:
        p.send_signal(signal.SIGINT)
    equal(p.wait(timeout=10 * SLOW), 0, "exit code")


@test("one that is stopped has a sentence that says what to do")
@inside
def stopped():
    subprocess.run(["lxc-stop", "-n", str(CT), "--kill"], check=True)
    r = ctscope("logs", CT)
    check(b"is stopped" in r.err and b"pct mount 820" in r.err, r.err)


main()
