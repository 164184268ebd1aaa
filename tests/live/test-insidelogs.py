#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""logs from inside containers: journal, syslog, files, as they grow, and as attacks.

The journals are files that systemd itself wrote (tests/fixtures/journal/make-guest).
"""
import fcntl
import os
import shutil
import signal
import stat
import struct
import subprocess
import time

import journals
from journals import DIR, ID, T0, journal
from live import (CTSCOPE, SLOW, Follow, check, ctjson, ctscope, equal, guest, main, make, note,
                  pct, rootfs, slack, test, until, write_conf)

CT = 820
CONSOLE = "/run/console-820.log"


def moved(name, to):
    """The same, its entries from that time on, one each second."""
    data = journal(name)
    for i in range(3):
        data = data.replace(struct.pack("<Q", (T0 + i) * 1000000),
                            struct.pack("<Q", int((to + i) * 1000000)))
    return data


def put(path, text, vmid=CT):
    journals.put(rootfs(vmid), path, text)


def own(path, vmid=CT):
    journals.own(rootfs(vmid), path)


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
    kill()
    r = ctscope("logs", CT)
    check(b"its volume, " + rootfs(CT).encode() + b", has no journal and no syslog" in r.err and
          b"its own logs are" not in r.err, r.err)


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
    level = {p: texts("--source", "guest", "-n", "all", "-p", p)
             for p in ("err", "4..4", "info..info", "debug", "2")}
    equal(level["err"], ["not by systemd", "last"], "errors")
    equal(level["4..4"], ["two", "lines"], "warnings")
    equal([len(level[p]) for p in ("info..info", "debug", "2")], [4202, 4206, 0], "levels")
    equal(texts("--source", "guest", "-n", 1, "-p", "3..7", "--until", "@1795144359"),
          ["not by systemd"], "the last one that is wanted")
    r = ctscope("logs", CT, "--source", "guest", "--until", "@1795144352")
    check(b"\\xff\\x1b[2Jraw" in r.out and b"\x1b" not in r.out, r.out)


@test("of several files, of several users or rotated, the last lines are those of all of them")
@inside
def several():
    now = time.time()
    put(DIR + "/system.journal", journal("guest"))
    want = ["GET /4198", "GET /4199", "last"]
    for name in ("user-1000.journal", "system@1.journal"):
        put(DIR + "/" + name, journal("guest"))
        equal(texts("--source", "guest", "-n", 3), ["GET /4199", "last", "last"], "of both")
        os.unlink(rootfs(CT) + DIR + "/" + name)
    put(DIR + "/user-1000.journal", moved("guest-zstd", now - 100))
    equal(texts("--source", "guest", "-n", 1), ["zstd: end"], "the newest")
    equal(texts("--source", "guest", "-n", 6)[:3], want, "behind those of the other")
    put(DIR + "/user-1001.journal", moved("guest-lz4", T0 - 86400))
    equal(texts("--source", "guest", "-n", 6)[:3], want, "an older one is not in front")
    check("lz4: end" in texts("--source", "guest", "-n", "all"), "all")


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
        check(seconds < 2.5 * slack(), "%s: %.2f s" % (kind, seconds))


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
    got = lines("--source", "inside", "--file", "/var/log/messages")
    check([x["text"] for x in got if "not wanted" in x["text"]], "what is named is wanted")
    got = lines("--source", "file", "--file", "/var/log/app/*.log")
    equal([x["text"] for x in got], ["hello", "2026/11/20 03:12:00 [error] nginx", "x" * 20],
          "pattern")
    put("/var/log/long", "x" * (1 << 20))
    r = ctscope("logs", CT, "--source", "file", "--file", "/var/log/long")
    check(b"/var/log/long: its last line has no end" in r.err, r.err)
    put("/var/log/long", "first\n" + "y" * 20000)
    got = texts("--source", "file", "--file", "/var/log/long")
    equal(got, ["first", "y" * 16384 + " [+3616 bytes]"], "a long line")
    r = ctscope("logs", CT, "--source", "file", "--file", "/none", "--file", "/var/log/no*",
                "--file", "/va?/log/x", "--file", "/var/*/x*")
    put("/var/log/n/0", "")
    for i in range(1, 70):
        shutil.copy(rootfs(CT) + "/var/log/n/0", rootfs(CT) + "/var/log/n/%d" % i)
    many = ctscope("logs", CT, "--source", "file", "--file", "/var/log/n/*")
    check(b"/var/log/n/*: more files than are read" in many.err, many.err)
    equal(ctscope("logs", CT, *["--file=/x%d" % i for i in range(61)], code=None).code, 2, "61")
    check(b"/none: not there\n" in r.err and b"/var/log/no*: no such file" in r.err, r.err)
    for path in b"/va?/log/x", b"/var/*/x*":
        check(path + b": not there: only the last part of a path may be a pattern" in r.err,
              r.err)
    equal(ctscope("logs", CT, "--file=", code=None).code, 2, "no path")
    put("/var/log/syslog", stamp(now) + " web daemon.crit nginx: gone\n" +
        stamp(now) + " web cron: two\n")
    r = ctscope("logs", CT, "--source", "syslog", "-p", "crit")
    check(b"gone" in r.out and b"two" not in r.out, r.out)
    check(b"syslog: lines without a level are left out" in r.err, r.err)


@test("what a syslog repeats of the journal is shown once")
@inside
def once():
    put(DIR + "/system.journal", journal("guest"))
    put("/var/log/syslog", "2026-11-20T03:13:30Z web nginx[77]: last\n"
                           "2026-11-20T03:13:31Z web x: of its own\n")
    got = [(x["source"], x["text"]) for x in lines("--source", "inside", "-n", 2)]
    equal(got, [("guest", "last"), ("syslog", "of its own")], "lines")
    r = ctscope("logs", CT, "--source", "inside", "-p", "err")
    check(b"of its own" not in r.out and b"without a level" not in r.err, (r.out, r.err))


@test("new lines are followed, over a rotation too, and an interrupt ends it well")
@inside
def followed():
    log = rootfs(CT) + "/var/log/syslog"
    put("/var/log/syslog", "")

    def say(text, path=log):
        with open(path, "a") as f:
            f.write(stamp(time.time()) + " web x[1]: " + text + "\n")

    with Follow(CT, "--source", "inside", "--file", "/var/log/*.app*") as p, \
            Follow(CT, "--source", "inside", "-p", "err") as errors:
        time.sleep(0.5 * SLOW)
        say("first")
        p.wait("x: first", "a line")
        say("before")
        os.rename(log, log + ".1")
        say("after")
        with open(log, "a") as f:
            f.write(stamp(time.time()) + " web daemon.err x[1]: worse\n")
        own("/var/log/syslog")
        p.wait("x: after", "a line after the rotation")
        errors.wait("x: worse", "an error")
        check("x: after" not in errors.out, errors.out)
        check(p.has("x: before"), p.out)
        put("/var/log/new.app", "an app\n")
        # a clock that was wrong: what is of tomorrow hides nothing of now
        put(DIR + "/user-1001.journal", moved("guest-lz4", time.time() + 86400))
        put(DIR + "/system.journal", journal("guest"))
        put(DIR + "/user-1000.journal", moved("guest-zstd", time.time() - 1))
        p.wait("zstd: end", "a new entry")
        p.wait("an app", "a file that came", 9)
        app = rootfs(CT) + "/var/log/new.app"
        with open(app, "a") as f:
            f.write("its last line\n")
        os.rename(app, app + ".1")
        put("/var/log/new.app", "anew\n")
        p.wait("anew", "a line after its rotation")
        with open(app + ".1", "a") as f:
            f.write("too late\n")
        os.rename(app, app + "-2")
        with open(app + "-2", "a") as f:
            f.write("renamed\n")
        put(DIR + "/user-1002.journal", moved("guest-xz", time.time() - 1))
        p.wait("xz: end", "an entry after one of tomorrow")
        until(lambda: p.has("renamed") and p.has("too late"), "lines of a file that was renamed", 9)
        time.sleep(1.2 * SLOW)
        check(not p.has("lz4: "), "entries of tomorrow")
        p.once("x: first", "x: after", "an app", "zstd: bbb", "zstd: end", "its last line",
               "anew", "too late", "renamed", "xz: end")
        check("GET" not in p.out, "entries that are old")


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
        check(seconds < 3 * slack(), "%s: %.2f s" % (what, seconds))
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
            check(time.monotonic() - t0 < 6 * slack(), "%.2f s" % (time.monotonic() - t0))
            equal(r.code, 0, "exit code")
            lines_seen += b"GET /" in r.out
            told += b"damaged, or changed" in r.err or b"to the end" in r.err
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    note("%d times lines, %d times a sentence" % (lines_seen, told))
    check(lines_seen + told > 0, "neither")


# ---- one that is stopped ------------------------------------------------------------

VOLUME = "local:%d/subvol-%d-disk-0.subvol" % (CT, CT)
CANARY = "canary of the node"


def conf(*more, rootfs=VOLUME + ",size=1G", unprivileged=1):
    write_conf(CT, "arch: amd64\nhostname: ct820\nmemory: 128\nostype: unmanaged\n"
               "rootfs: %s\nswap: 0\n" % rootfs + "unprivileged: 1\n" * unprivileged +
               "".join(x + "\n" for x in more))


def kill():
    subprocess.run(["lxc-stop", "-n", str(CT), "--kill"], check=True)


def line(text):
    return "2026-11-20T03:13:31Z web x[1]: %s\n" % text


@test("of one that is stopped the same is read from its volume, with the same rights")
@inside
def stopped():
    put(DIR + "/system.journal", journal("guest"))
    put("/var/log/syslog", line("of its syslog"))
    os.chown(rootfs(CT) + "/var/log/syslog", 100104, 100004)
    os.chmod(rootfs(CT) + "/var/log/syslog", 0o640)
    put("/var/log/app.log", "an app\n")
    with open(CONSOLE, "w") as f:
        f.write("on the console\n")
    args = ("--source", "inside,console", "--file", "/var/log/*.log", "-n", 4)
    runs = texts(*args)
    kill()
    equal(texts(*args), runs, "lines")
    equal([x for x in runs if x != "an app"], ["last", "of its syslog", "on the console"], "lines")
    equal(ctjson("logs", CT)["container"], {"vmid": CT, "name": "ct820", "volume": VOLUME}, "JSON")
    r = ctscope("logs", CT, "--source", "guest", "--unit", "nginx.service", "-n", 1)
    check(b"last" in r.out and b"from its volume, " + rootfs(CT).encode() in r.err, r.err)
    # others may run here, in user namespaces of their own
    before = spaces()
    # of other ids than those the files have their root may not read this
    conf("lxc.idmap: u 0 300000 65536", "lxc.idmap: g 0 300000 65536")
    r = ctscope("logs", CT, "--source", "syslog")
    check(b"of its" not in r.out and b"root may not read it" in r.err, r.out + r.err)
    check(spaces() <= before, "a process is left")


def userns(pid):
    try:
        return os.readlink("/proc/%s/ns/user" % pid)
    except OSError:
        return ""


def spaces():
    return {userns(p) for p in os.listdir("/proc") if p.isdigit()} | {""}


@test("where its volume is no directory of the node, or its log on a mount, a word says so")
@inside
def elsewhere():
    put("/var/log/syslog", line("under the mount"))
    kill()

    def word(want, *args, keeps=False):
        r = ctscope("logs", CT, "--source", "inside", *args)
        check(want in r.err, "%s: %s" % (want, r.err))
        equal(b"under the mount" in r.out, keeps, "%s: the line" % want)

    conf(rootfs="local:820/vm-820-disk-0.raw,size=1G")
    word(b"`pct mount 820` does that")
    conf(rootfs="none:820/subvol-820-disk-0.subvol")
    word(b"storage that is not known")
    conf("lxc.idmap: u 0 100000")
    word(b"no id")
    conf("lxc.idmap: u 0 100000 65536", "lxc.idmap: g 0 100000 9", "lxc.idmap: g 5 100005 9")
    word(b"Invalid argument")
    conf("mp0: /srv/x,mp=/var/log")
    word(b"/var/log is mp0, which is mounted only while the container runs")
    word(b"without its mount points", "--file", "/var/log/*")
    conf("mp0: /srv/x,mp=/srv")
    word(b"without its mount points", keeps=True)
    conf()
    # what the node has mounted below is not the container's, but for pct mount
    full = rootfs(CT) + "/var/log"
    there = "/var/lib/lxc/%d/rootfs" % CT
    os.makedirs("/srv/x", exist_ok=True)
    with open("/srv/x/syslog", "w") as f:
        f.write(line("of mp0"))
    subprocess.run(["mount", "--bind", "/srv/x", full], check=True)
    try:
        word(b"/var/log/syslog: refused: another file system is mounted on the way")
    finally:
        subprocess.run(["umount", full], check=True)
    conf("mp0: /srv/x,mp=/var/log", rootfs="local:820/vm-820-disk-0.raw,size=1G")
    os.makedirs(there, exist_ok=True)
    subprocess.run(["mount", "--bind", rootfs(CT), there], check=True)
    subprocess.run(["mount", "--bind", "/srv/x", there + "/var/log"], check=True)
    try:
        equal(texts("--source", "syslog"), ["of mp0"], "as pct mount has it")
    finally:
        subprocess.run(["umount", "-R", there], check=True)


@test("a volume is hostile when nobody runs in it, too, and the node's files stay the node's")
@inside
def hostile_volume():
    secret = "/etc/ctscope-canary-of-the-node"
    path = "/var/log/syslog"
    full = rootfs(CT) + path
    none = b"no journal and no syslog"

    def naive():
        with open(full, "rb") as f:
            return f.read()

    def case(what, setup, word, *args):
        clear()
        setup()
        t0 = time.monotonic()
        r = ctscope("logs", CT, "--source", "inside", *args)
        seconds = time.monotonic() - t0
        check(CANARY.encode() not in r.out, "%s: %s" % (what, r.out))
        check(word in r.err, "%s: %s" % (what, r.err))
        check(seconds < 3 * slack(), "%s: %.2f s" % (what, seconds))

    def node(kind):
        os.mknod(full, 0o666 | kind, os.makedev(1, 3))
        own(path)

    def link(to):
        os.symlink(to, full)
        own(path)

    def roots(mode):
        put(path, line(CANARY))
        os.chown(full, 0, 0)
        os.chmod(full, mode)

    def all_of():
        file = ("--file", path)
        case("a link to a file of the node", lambda: link(secret), b"not there", *file)
        # the negative control
        check(CANARY.encode() in naive(), "the link leads nowhere even as root of the node")
        case("... by ..", lambda: link("../../../../../../../../.." + secret), b"not there", *file)
        case("... by /proc", lambda: link("/proc/self/root" + secret), b"not there", *file)
        case("a link to itself", lambda: link("syslog"), b"a loop of links")
        case("a pipe", lambda: (os.mkfifo(full), own(path)), b"not of the kind")
        case("a device", lambda: node(stat.S_IFCHR), b"not of the kind")
        case("a block device", lambda: node(stat.S_IFBLK), b"not of the kind")
        case("a journal that is cut", lambda: put(DIR + "/system.journal", journal("guest")[:9000]),
             b"could not be read to the end")
        case("a directory that is a link", lambda: (
            os.rename(rootfs(CT) + "/var/log", rootfs(CT) + "/var/gol"),
            os.symlink("/etc", rootfs(CT) + "/var/log")), b"not there",
            "--file", "/var/log/ctscope-canary-of-the-node")
        os.unlink(rootfs(CT) + "/var/log")
        os.rename(rootfs(CT) + "/var/gol", rootfs(CT) + "/var/log")

    with open(secret, "w") as f:
        f.write(line(CANARY))
    os.chmod(secret, 0o600)
    kill()
    away = rootfs(CT) + ".away"
    try:
        all_of()
        case("a file of the node's root", lambda: roots(0o600), b"root may not read it")
        conf(unprivileged=0)
        all_of()
        os.rename(rootfs(CT), away)
        os.symlink("/", rootfs(CT))
        r = ctscope("logs", CT, "--source", "inside", "--file", secret)
        check(CANARY.encode() not in r.out and b"is a link" in r.err, r.err)
        os.unlink(rootfs(CT))
        r = ctscope("logs", CT, "--source", "inside")
        check(b"No such file" in r.err and none not in r.err, r.err)
    finally:
        if not os.path.isdir(rootfs(CT)) or os.path.islink(rootfs(CT)):
            if os.path.islink(rootfs(CT)):
                os.unlink(rootfs(CT))
            os.rename(away, rootfs(CT))
        os.unlink(secret)
        conf()


def has_reader():
    for p in os.listdir("/proc"):
        try:
            with open("/proc/%s/comm" % p) as f:
                if f.read() == "guest-read\n":
                    return True
        except OSError:
            pass
    return False


@test("that it was started while its volume was read is said")
@inside
def meanwhile():
    put("/var/log/syslog", line("of its syslog"))
    lock = os.open("/run/ctscope-read/%d" % CT, os.O_RDONLY)
    for last in False, False, True:
        kill()
        fcntl.flock(lock, fcntl.LOCK_EX)  # the reader waits
        p = subprocess.Popen([CTSCOPE, "logs", str(CT), "--source", "inside"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        try:
            until(has_reader, "the reader", 5)
            pct.start(CT)
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
        err = p.communicate(timeout=20 * SLOW)[1]
        equal(p.returncode, 0, "exit code")
        if b"was started while its volume was read" in err:
            break
        check(not last, err)
    os.close(lock)


@test("what it says at its end, after the last look, is followed to the end")
@inside
def last_words():
    put("/var/log/syslog", "")

    def say(text):
        with open(rootfs(CT) + "/var/log/syslog", "a") as f:
            f.write(line(text))

    with Follow(CT, "--source", "inside") as p:
        say("first")
        p.wait("x: first", "a line")
        p.p.send_signal(signal.SIGSTOP)
        kill()
        say("the end")
        p.p.send_signal(signal.SIGCONT)
        p.wait("x: the end", "the last line")
        say("of nobody")
        pct.start(CT)
        say("again")
        p.wait("x: again", "a line of its new life")
        p.once(*("x: %s\n" % x for x in ("first", "the end", "of nobody", "again")))


@test("one whose volume is not to be had says what is new when it is started")
@inside
def started():
    put("/var/log/syslog", stamp(time.time() - 60) + " web x: old\n")
    put(DIR + "/system.journal", journal("guest"))
    kill()
    conf(rootfs="local:820/vm-820-disk-0.raw,size=1G")
    with Follow(CT, "--source", "inside") as p:
        check(b"`pct mount 820`" in p.p.stderr.readline(), "what to do")
        conf()
        pct.start(CT)
        time.sleep(0.2 * SLOW)
        with open(rootfs(CT) + "/var/log/syslog", "a") as f:
            f.write(stamp(time.time()) + " web x: new\n")
        p.wait("x: new", "a new line")
        equal(p.out.count("\n"), 1, p.out)


@test("one that is stopped is followed from its volume on, once it is started")
@inside
def followed_from_volume():
    put("/var/log/syslog", line("old"))
    kill()
    with Follow(CT, "--source", "inside") as p:
        p.wait("x: old", "what is there")
        pct.start(CT)
        with open(rootfs(CT) + "/var/log/syslog", "a") as f:
            f.write(line("new"))
        p.wait("x: new", "a new line")
        equal(p.out.count("\n"), 2, p.out)
    check("they go on when it is started" in p.err and "starting" not in p.err, p.err)


main()
