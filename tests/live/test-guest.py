#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that attack whoever reads their files: guest-read, in real containers, privileged
and not. Each case has its control: a reader without that care falls for it, else the rig
is blind."""
import ctypes
import glob
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

from live import (BUILD, SLOW, Failed, Load, Skip, check, ctjson, ctscope, equal, guest, main,
                  make, many, note, pct, rootfs, slack, test, until)
import reader  # noqa: E402

ASK = BUILD + "/tests/guest/ask"
ATTACKER = BUILD + "/tests/guest/attacker"
(OK, ABSENT, DENIED, LOOP, MOUNT, FSTYPE, KIND, BUSY, CHANGED, LATE, FAILED, CHROOT,
 NO_ANSWER) = range(13)
LOCKS = "/run/ctscope-read"
# the long forms: ten million reads against renames, 100,000 numbers of processes used again
LONG = bool(os.environ.get("GUEST_LONG"))
CANARY = "ctscope-canary-of-the-host"
KINDS = [(600, 1), (601, 0)]


class Answer(dict):
    def __getattr__(self, name):
        return self[name]


def start_ticks(pid):
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rsplit(")", 1)[1].split()[19])


def parse(line):
    a = Answer()
    for word in line.split(" "):
        k, _, v = word.partition("=")
        a[k] = int(v, 16) if k == "magic" else int(v) if v.lstrip("-").isdigit() and \
            k not in ("data", "names") else v
    if "data" in a:
        a["data"] = bytes.fromhex(a["data"])
        a["names"] = [bytes.fromhex(n) for n in a["names"].split(",")[:-1]]
    return a


def ask(vmid, *items, msec=1000, pid=None, ticks=None, code=0, loop=1, canary=None):
    """The answers, and what became of the job."""
    pid = pid or pct.init_pid(vmid)
    args = [ASK, vmid, pid, ticks or start_ticks(pid), msec]
    args += (["loop=%d" % loop] if loop > 1 else []) + \
        (["canary=" + canary] if canary else []) + list(items)
    t0 = time.monotonic()
    p = subprocess.run([a if isinstance(a, bytes) else str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=7200 if LONG else 300 * SLOW)
    if p.returncode != code:
        raise Failed("ask: exit %d %s" % (p.returncode, p.stderr))
    lines = p.stdout.decode().splitlines()
    rest, msg = lines[-1].split(" msg=", 1)
    job = parse(rest[4:])
    job.update(msg=msg, seconds=time.monotonic() - t0,
               whys=[int(n) for n in job["whys"].split(",")[:-1]])
    return [parse(x) for x in lines[:-1]], job


def patience(seconds):
    """Milliseconds where it is not asked how quickly: all that a reader may have where a
    machine is emulated."""
    return seconds * 1000 if SLOW == 1 else 10000


def one(vmid, item, **kw):
    answers, job = ask(vmid, item, **kw)
    equal(job.error, 0, "job: %s" % job.msg)
    return answers[0]


def naive(vmid, path, seconds=2):
    """What /proc/<init>/root/<path> says to who simply opens it; None: it hangs."""
    p = subprocess.Popen([ASK, "naive", str(pct.init_pid(vmid)), path], stdout=subprocess.PIPE)
    try:
        return p.communicate(timeout=seconds * SLOW)[0]
    except subprocess.TimeoutExpired:
        p.kill()
        return None


class Opened:
    """Was a file opened meanwhile? A descriptor that asks it nothing (O_PATH) is no opening."""
    IN_OPEN = 0x20
    libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self, path):
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or self.libc.inotify_add_watch(self.fd, os.fsencode(path),
                                                      self.IN_OPEN) < 0:
            raise Skip("no inotify: %s" % os.strerror(ctypes.get_errno()))

    def times(self):
        try:
            return len(os.read(self.fd, 65536)) // 16
        except BlockingIOError:
            return 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        os.close(self.fd)


def greedy(vmid, path, seconds=0.3):
    """Bytes that somebody reads who reads to the end, as far as that is in that time."""
    n, end = 0, time.monotonic() + seconds * SLOW
    fd = os.open("/proc/%d/root%s" % (pct.init_pid(vmid), path), os.O_RDONLY)
    try:
        while time.monotonic() < end:
            got = len(os.read(fd, 1 << 20))
            if not got:
                break
            n += got
    finally:
        os.close(fd)
    return n


class Attack(Load):
    """`attacker ARGS` inside a container, waited for until its trap is set."""

    def __init__(self, vmid, *args):
        self.p = subprocess.Popen(["lxc-attach", "-n", str(vmid), "--clear-env", "--",
                                   "/bin/attacker"] + [str(a) for a in args],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        if self.p.stdout.readline() != b"ready\n":
            code, said = self.p.wait(), self.p.stderr.read().decode()
            if code == 77:
                raise Skip("this kernel gives it no means: %s" % said.strip())
            raise Failed("attacker %s: exit %d %s" % (args, code, said))

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.p.stderr.close()


def target(vmid, unprivileged, raw=(), **keys):
    make(vmid, start=False, raw=raw, unprivileged=unprivileged, **keys)
    shutil.copy(ATTACKER, rootfs(vmid) + "/bin/attacker")
    put(vmid, "/etc/shadow", "guest's shadow\n")
    put(vmid, "/var/log/syslog", "first line\n")
    pct.start(vmid)
    # until its own root is there and rc has run
    until(lambda: os.path.exists(rootfs(vmid) + "/etc/rc") and guest(vmid, "/bin/true") == "",
          "start")
    return vmid


def put(vmid, path, text, owner=None):
    full = rootfs(vmid) + path
    with open(full, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    st = os.stat(rootfs(vmid))
    os.chown(full, *(owner or (st.st_uid, st.st_gid)))


def sh(vmid, text):
    return guest(vmid, "/bin/sh", "-c", text)


def both(fn, **keys):
    """The case in an unprivileged and in a privileged container. One that has no means for it
    does not take it from the other."""
    def run():
        skipped = []
        with open("/etc/shadow", "w") as f:
            f.write(CANARY + "\n")
        os.chmod("/etc/shadow", 0o600)
        for vmid, unprivileged in KINDS:
            try:
                fn(target(vmid, unprivileged, **keys))
            except Skip as e:
                skipped.append("%d: %s" % (vmid, e))
        for s in skipped:
            note(s)
        if len(skipped) == len(KINDS):
            raise Skip("; ".join(skipped))
    run.__name__ = fn.__name__
    return run


def quickest(fn, usec, what, tries=100):
    """It can be as quick as that: a machine that is busy is no fault of what is measured."""
    if SLOW > 1:
        usec *= 4  # a process takes 40 times as long to start there
    best = fn()
    while best >= usec * SLOW and tries > 0:
        best, tries = min(best, fn()), tries - 1
    note("%s: %d us" % (what, best))
    check(best < usec * slack(), "%s: %d us" % (what, best))


@test("what there is, is read: bytes, a listing, links, statfs, as the guest sees them")
@both
def plain(vmid):
    sh(vmid, "echo two >/var/log/two.log; ln -s syslog /var/log/link; mkdir -p /run/x")
    a, job = ask(vmid, "file=/var/log/syslog", "tail::4=/var/log/syslog",
                 "list=/var/log|*.log", "readlink=/var/log/link", "stat=/var/log/link",
                 "stat:n=/var/log/link", "statfs=/", "statfs=/var", "file=/none",
                 "list=/var/log/syslog", "file=/")
    equal(job.error, 0, job.msg)
    equal([x.why for x in a], [OK] * 7 + [KIND, ABSENT, KIND, KIND], "whys")
    equal(a[0].data, b"first line\n", "file")
    equal((a[1].data, a[1].start), (b"ine\n", 7), "tail")
    equal(a[2].names, [b"two.log"], "list")
    equal(a[3].data, b"syslog", "link")
    equal((a[4].mode, a[5].mode), (100644, 120777), "modes")
    equal(a[4].uid, 0, "the owner as the guest sees it")
    st = os.statvfs("/proc/%d/root" % pct.init_pid(vmid))
    equal(a[6].total, st.f_blocks * st.f_frsize, "statfs total")
    equal(a[6].files, st.f_files, "statfs files")
    note("%s: %d items in %d us" % (vmid, len(a), job.usec))


@test("a file of another of the guest's users is read, as its root could")
@both
def owners(vmid):
    base = os.stat(rootfs(vmid)).st_uid
    put(vmid, "/var/log/auth.log", "secret of syslog\n", (base + 102, base + 4))
    os.chmod(rootfs(vmid) + "/var/log/auth.log", 0o640)
    os.chown(rootfs(vmid) + "/srv", base + 102, base + 4)
    os.chmod(rootfs(vmid) + "/srv", 0o700)
    equal(one(vmid, "file=/var/log/auth.log").data, b"secret of syslog\n", "0640 of 102:4")
    equal(one(vmid, "list=/srv").why, OK, "a directory of 102, 0700")


@test("H01 H02 a log that is a link to /etc/shadow: the guest's own at most")
@both
def h01(vmid):
    for to in ("/etc/shadow", "../../../../../../etc/shadow"):
        sh(vmid, "ln -sf %s /var/log/x" % to)
        with Opened("/etc/shadow") as host:
            # where the guest's root is a mount the kernel's own ".." stays in it
            check(to[0] == "." or CANARY.encode() in (naive(vmid, "/var/log/x") or b"") and
                  host.times(), "control: a naive reader reads the host's")
            equal(one(vmid, "file=/var/log/x", canary=CANARY).data, b"guest's shadow\n", to)
            equal(one(vmid, "file:c=/var/log/x").data, b"guest's shadow\n", to)
            equal(host.times(), 0, "the host's was opened")


@test("H03 H04 links into /proc and /dev/fd are refused")
@both
def h03(vmid):
    for to in ("/proc/self/root/etc/shadow", "/proc/1/root/etc/shadow", "/proc/1/cwd/etc/shadow",
               "/proc/thread-self/fd/4", "/dev/fd/3", "/proc/1/environ"):
        sh(vmid, "ln -sf %s /var/log/x" % to)
        for flags in ("", ":c"):
            a = one(vmid, "file%s=/var/log/x" % flags)
            check(a.why in (LOOP, MOUNT, FSTYPE, ABSENT), "%s: %d" % (to, a.why))
    sh(vmid, "ln -sf /proc/self/root/etc/shadow /var/log/x")
    check(CANARY.encode() in (naive(vmid, "/var/log/x") or b""), "control")


@test("H05 a loop of links, a chain of 41")
@both
def h05(vmid):
    sh(vmid, "ln -s loop /var/log/loop")
    guest(vmid, "/bin/attacker", "chain", "/tmp", "/etc/shadow", "41")
    equal(one(vmid, "file=/var/log/loop").why, LOOP, "loop")
    equal(one(vmid, "file:c=/var/log/loop").why, LOOP, "loop, crossing")
    equal(one(vmid, "file=/tmp/l39").why, OK, "40 links")
    equal(one(vmid, "file=/tmp/l40").why, LOOP, "41 links")


@test("H06 a file and a link to the host's exchanged at full speed: no byte of the host's")
@both
def h06(vmid):
    sh(vmid, "ln -s /etc/shadow /var/log/b; echo guest >/var/log/a; mkdir /var/log/d; "
       "echo in >/var/log/d/f; ln -s /etc /var/log/e")
    with Attack(vmid, "exchange", "/var/log/a", "/var/log/b"), \
            Attack(vmid, "exchange", "/var/log/d", "/var/log/e"):
        seen = set(naive(vmid, "/var/log/a") for _ in range(200))
        check(any(CANARY.encode() in (s or b"") for s in seen), "control: %r" % seen)
        items = ["file=/var/log/a", "file=/var/log/d/../../../../etc/shadow"] * 64
        # half of the ten million in each
        _, job = ask(vmid, *items, loop=40000 if LONG else 100, canary=CANARY)
        note("%d: %d reads in %.1f s, whys %s" % (vmid, sum(job.whys), job.seconds, job.whys))
        equal(job.canaries, 0, "canaries")
        check(job.whys[OK] > 1000, "%s" % job.whys)


@test("H07 the directory is moved away during the walk")
@both
def h07(vmid):
    sh(vmid, "mkdir -p /var/log/m/n/o; echo x >/var/log/m/n/o/f")
    with Attack(vmid, "move", "/var/log/m/n", "/tmp/n"):
        items = ["file=/var/log/m/n/o/../../../../../etc/shadow",
                 "file=/var/log/m/n/o/f"] * 64
        _, job = ask(vmid, *items, loop=50, canary=CANARY)
        note("%d: whys %s" % (vmid, job.whys))
        equal(job.canaries, 0, "canaries")
        equal(sum(job.whys[i] for i in (OK, ABSENT, BUSY)), sum(job.whys), "%s" % job.whys)


@test("H08 a FIFO as a log is no regular file, in 5 ms")
@both
def h08(vmid):
    sh(vmid, "mkfifo /var/log/fifo")
    check(naive(vmid, "/var/log/fifo", 0.5) is None, "control: a naive reader waits")
    with Attack(vmid, "fifo", "/var/log/fifo2"):
        for name in ("fifo", "fifo2"):
            def once():
                a, job = ask(vmid, "file=/var/log/" + name)
                equal(a[0].why, KIND, name)
                return job.usec
            quickest(once, 5000, name)


def devices_dir():
    """A file system whose device nodes work, as those in a container's /dev do."""
    if not os.path.ismount("/run/node/devices"):
        os.makedirs("/run/node/devices", exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/node/devices"], check=True)
        os.chmod("/run/node/devices", 0o755)


@test("H09 sockets and device nodes as a log are refused, and their drivers not asked")
def h09():
    devices_dir()
    both(devices_and_sockets,
         raw=["lxc.mount.entry: /run/node/devices mnt/dev none bind,create=dir 0 0"])()


def devices_and_sockets(vmid):
    with Attack(vmid, "socket", "/var/log/sock"):
        equal(one(vmid, "file=/var/log/sock").why, KIND, "socket")
    node = "/run/node/devices/log"
    for kind, numbers in (("c", "4 1"), ("c", "10 130"), ("b", "7 0"), ("c", "1 3")):
        os.mknod(node, 0o666 | (0o020000 if kind == "c" else 0o060000),
                 os.makedev(*map(int, numbers.split())))
        try:
            with Opened(node) as dev:
                equal(one(vmid, "file:c=/mnt/dev/log").why, KIND, "%s %s" % (kind, numbers))
                equal(dev.times(), 0, "its driver was asked")
                if numbers == "1 3":
                    naive(vmid, "/mnt/dev/log", 0.5)
                    equal(dev.times(), 1, "control: a naive reader asks it")
        finally:
            os.unlink(node)


@test("H13 a write lease on the log: busy, at once")
@both
def h13(vmid):
    def once():
        a, job = ask(vmid, "file=/var/log/leased", "file=/var/log/syslog")
        equal((a[0].why, a[1].why), (BUSY, OK), "leased, the other")
        return job.usec

    with Attack(vmid, "lease", "/var/log/leased"):
        quickest(once, 5000, "leased")
        check(naive(vmid, "/var/log/leased", 1) is None, "control: a naive reader waits")


@test("H14 fanotify that never permits: the deadline ends it, others go on")
def h14():
    vmid = target(601, 0)
    with Attack(vmid, "fanotify", "/var/log/syslog"):
        check(naive(vmid, "/var/log/syslog", 1) is None, "control: a naive reader waits")
        _, job = ask(vmid, "file=/var/log/syslog", msec=300)
        check(job.error, "it answered")
        check(job.seconds < 2 * slack(), "%.2f s" % job.seconds)
        equal(job.stuck, 0, "left behind")
    equal(one(vmid, "file=/var/log/syslog").why, OK, "afterwards")


@test("H15 a file of 8 EiB of nothing: a MiB of it, its end by tail")
@both
def h15(vmid):
    size = 1 << 50
    for size in (2 ** 63 - 1, 1 << 62, 1 << 43):
        try:
            guest(vmid, "/bin/attacker", "sparse", "/var/log/sparse", str(size),
                  stderr=subprocess.DEVNULL)
            break
        except subprocess.CalledProcessError:
            pass
    check(greedy(vmid, "/var/log/sparse") > 1 << 21, "control: a naive reader has no end")
    a, job = ask(vmid, "file=/var/log/sparse", "tail=/var/log/sparse")
    equal([x.why for x in a], [OK, OK], "whys")
    equal((a[0].bytes, a[0].truncated), (1 << 20, 1), "bytes")
    equal((a[1].bytes, a[1].start), (1 << 20, size - (1 << 20)), "tail")
    check(job.usec < 400000 * slack(), "%d us" % job.usec)


@test("H16 a log that grows at full speed: one bounded read, the cursor goes on, the rest counted")
@both
def h16(vmid):
    with Attack(vmid, "grow", "/var/log/grow", 32 << 20):
        a, job = ask(vmid, "file:fw:65536=/var/log/grow", loop=20)
        equal(job.error, 0, job.msg)
        equal(a[0].why, OK, "why")
        check(a[0].bytes <= 65536, "%d bytes" % a[0].bytes)
        check(a[0].next == a[0].start + a[0].bytes or a[0].next == 0, "cursor")
        until(lambda: greedy(vmid, "/var/log/grow") > 1 << 20, "control: all of it is much")


@test("H17 a log cut to nothing again and again while it is read")
@both
def h17(vmid):
    with Attack(vmid, "truncate", "/var/log/cut"):
        # not how quickly is asked here: a machine that stands still for a second is no fault
        _, job = ask(vmid, *["file:f=/var/log/cut"] * 3, loop=50, msec=patience(1))
        equal(job.whys[OK], sum(job.whys), "whys %s" % job.whys)
        equal(mapped("/proc/%d/root/var/log/cut" % pct.init_pid(vmid)), -signal.SIGBUS,
              "control: who maps it ends by a signal")


def mapped(path):
    """How somebody ends who maps a file, again and again."""
    return subprocess.run(["/usr/bin/python3", "-c", "import mmap, os, sys, time\n"
                           "fd = os.open(sys.argv[1], os.O_RDONLY)\n"
                           "end = time.monotonic() + 20\n"
                           "while time.monotonic() < end:\n"
                           "    n = os.fstat(fd).st_size\n"
                           "    if n:\n"
                           "        try:\n"
                           "            m = mmap.mmap(fd, n, prot=mmap.PROT_READ)\n"
                           "        except ValueError:\n"
                           "            continue\n"
                           "        for i in range(0, n, 4096):\n"
                           "            m[i]\n", path], stderr=subprocess.DEVNULL).returncode


@test("a cursor: what is new, nothing twice; a rotated, cut or rewritten log from its beginning")
@both
def cursor(vmid):
    log = rootfs(vmid) + "/var/log/syslog"
    a, _ = ask(vmid, "file:f=/var/log/syslog", loop=2)
    equal((a[0].data, a[0].reset, a[0].start), (b"", 0, 11), "nothing new")
    with open(log, "ab") as f:
        f.write(b"second\n")
    a, _ = ask(vmid, "file:f:5=/var/log/syslog", loop=3)
    equal((a[0].data, a[0].start), (b"\nseco", 10), "5 at a time")


@test("H18 H19 a line of 64 MiB, bytes of every value: exact, in constant memory")
@both
def h18(vmid):
    every = bytes(range(256))
    put(vmid, "/var/log/every", every)
    put(vmid, "/var/log/long", b"x" * (64 << 20))
    equal(one(vmid, "file=/var/log/every").data, every, "bytes")
    check(greedy(vmid, "/var/log/long", 5) > 1 << 21, "control: a naive reader takes all of it")
    a = one(vmid, "file=/var/log/long")
    equal((a.bytes, a.truncated), (1 << 20, 1), "the long line")


@test("H22 a file of the host's root in a bind mount, 0600: refused to an unprivileged guest")
def h22():
    os.makedirs("/run/node/h22", exist_ok=True)
    with open("/run/node/h22/secret", "w") as f:
        f.write(CANARY)
    os.chmod("/run/node/h22/secret", 0o600)
    with open("/run/node/h22/open", "w") as f:
        f.write("for all")
    vmid = target(600, 1, mp0="/run/node/h22,mp=/mnt/h22")
    sh(vmid, "ln -s /mnt/h22/secret /var/log/x")
    check(CANARY.encode() in (naive(vmid, "/mnt/h22/secret") or b""), "control")
    for path in ("/mnt/h22/secret", "/var/log/x"):
        equal(one(vmid, "file:c=" + path).why, DENIED, path)
        equal(one(vmid, "file=" + path).why, MOUNT, path)
    equal(one(vmid, "file:c=/mnt/h22/open").data, b"for all", "what all may read")
    equal(one(vmid, "statfs=/mnt/h22").why, OK, "statfs of the mount point")


@test("H24 a directory of very many names: so many are looked at, and it is said")
@both
def h24(vmid):
    n = 1000000 if LONG else 80000
    guest(vmid, "/bin/attacker", "names", "/var/log/many", str(n))
    equal(len(os.listdir(rootfs(vmid) + "/var/log/many")), n, "control: a naive reader lists all")
    a, job = ask(vmid, "list=/var/log/many", "list::10=/var/log/many", "list=/var/log/many|g*")
    equal([x.why for x in a], [OK] * 3, "whys")
    equal([x.entries for x in a], [4096, 10, 0], "entries")
    equal([x.truncated for x in a], [1, 1, 1], "truncated")
    note("%d: %d names, three lists in %d us" % (vmid, n, job.usec))
    check(job.usec < 700000 * slack(), "%d us" % job.usec)
    r = ctscope("logs", vmid, "--file", "/var/log/many/g*")
    check(b"many/g*: too many names, and none" in r.err, "logs: %r" % r.err)


@test("mounts in the guest: a tmpfs is entered when asked to, /proc never")
@both
def mounts(vmid):
    sh(vmid, "mkdir -p /run/t /srv/u; mount -t tmpfs t /run/t; echo in >/run/t/f; "
       "ln -s /run/t/f /etc/out; ln -s ../run/t /etc/dir; mount -t tmpfs -o ro,size=1m u /srv/u")
    a, job = ask(vmid, "file=/run/t/f", "file:c=/run/t/f", "file:c=/etc/out",
                 "file:c=/etc/dir/../../etc/dir/f", "statfs=/srv/u", "statfs=/run/t/f",
                 "statfs=/proc", "statfs:a=/proc", "list:c=/run/t", "file:c=/proc/version",
                 "readlink:c=/etc/dir", "stat:c=/run/t/")
    equal(job.error, 0, job.msg)
    equal([x.why for x in a], [MOUNT, OK, OK, OK, OK, KIND, FSTYPE, OK, OK, FSTYPE, OK, OK],
          "whys")
    equal([x.data for x in a[1:4]], [b"in\n"] * 3, "data")
    equal((a[4].total, a[4].readonly), (1 << 20, 1), "statfs of the tmpfs")
    equal(a[8].names, [b"f"], "list")


FUSE = ["lxc.mount.entry: /run/node/devices/fuse dev/fuse none bind,create=file 0 0"]


def need_fuse():
    """A device that the guest's root may open, and not the machine's own."""
    if not os.path.exists("/dev/fuse"):
        raise Skip("no /dev/fuse")
    if os.path.exists("/run/node/devices/fuse"):
        return
    devices_dir()
    os.mknod("/run/node/devices/fuse", 0o020666, os.makedev(10, 229))
    os.chmod("/run/node/devices/fuse", 0o666)


def fuse_requests(vmid):
    with open(rootfs(vmid) + "/var/count") as f:
        return len(f.readlines())


@test("H10 H11 a FUSE that never answers, over /var/log and on a mount point: not asked once")
def h10():
    need_fuse()
    for vmid, unprivileged in KINDS:
        target(vmid, unprivileged, raw=FUSE)
        with Attack(vmid, "fuse", "/var/log", "/var/count"):
            a, job = ask(vmid, "file=/var/log/syslog", "file:c=/var/log/syslog",
                         "list:c=/var/log", "statfs=/var/log", "stat:c=/var/log/x/y",
                         "file=/etc/shadow")
            equal(job.error, 0, job.msg)
            equal([x.why for x in a], [MOUNT, FSTYPE, FSTYPE, FSTYPE, FSTYPE, OK], "whys")
            equal(fuse_requests(vmid), 0, "requests that the FUSE got")
            check(job.usec < 100000 * slack(), "%d us" % job.usec)
            said = naive(vmid, "/var/log/syslog", 0.5)
            if unprivileged and said == b"error=13\n":
                # the kernel keeps the host's root out of the FUSE of a user namespace, but
                # not one that joined it, as guest-read does
                try:
                    guest(vmid, "/bin/cat", "/var/log/syslog", timeout=1, stderr=subprocess.DEVNULL)
                    raise Failed("control: a reader inside does not hang")
                except subprocess.TimeoutExpired:
                    said = None
            check(said is None, "control: a naive reader hangs: %r" % said)
            check(fuse_requests(vmid) > 0, "control: the FUSE counts")


@test("H12 a FUSE that comes to lie over a directory and goes, again and again, while it is read")
def h12_race():
    need_fuse()
    target(600, 1, raw=FUSE)
    target(601, 0)
    sh(600, "mkdir -p /srv/d; echo own >/srv/d/f")
    with Attack(600, "fuseover", "/srv/d"):
        longest, whys = 0, [0] * (NO_ANSWER + 1)
        for _ in range(60):
            a, job = ask(600, "file=/srv/d/f", "file:c=/srv/d/f", "list:c=/srv/d", "stat=/etc",
                         msec=300)
            longest = max(longest, job.usec)
            for x in a:
                whys[x.why] += 1
                check(x.why or not x.data or x.data == b"own\n", "data %r" % x.data)
            check(job.error in (0, -110, -16), job.msg)
        note("240 items, whys %s, the longest %d us" % (whys, longest))
        check(whys[OK] > 60 and whys[MOUNT] > 0, "%s" % whys)
        check(longest < 1000000 * slack(), "%d us" % longest)
        equal(one(601, "stat=/").why, OK, "another container")


@test("H12 a reader that hangs in D state is left behind, one a container, and others go on")
def h12():
    need_fuse()
    target(600, 1, raw=FUSE)
    target(601, 0)
    with Attack(600, "fuse", "/srv", "/var/count"):
        _, job = ask(600, "statfs=/", "statfs:a=/srv", msec=300)
        check(job.error and job.stuck == 1, "error %d, stuck %d" % (job.error, job.stuck))
        check("hangs in the kernel" in job.msg, job.msg)
        equal((job.whys[OK], job.whys[NO_ANSWER]), (1, 1), "what came before is kept")
        check(job.seconds < 2 * slack(), "%.2f s" % job.seconds)
        _, job = ask(600, "statfs=/", msec=300)
        equal((job.error, job.stuck, job.waited), (-16, 0, 1), "the next: %s" % job.msg)
        check(job.seconds < 2 * slack(), "%.2f s" % job.seconds)
        equal(one(601, "statfs=/").why, OK, "another container")
    until(lambda: ask(600, "statfs=/")[1].error == 0, "read again after the FUSE has gone")


def held(vmid, *items, msec=8000):
    """A reader that hangs, and the number of its process."""
    init = pct.init_pid(vmid)
    p = subprocess.Popen([ASK, str(vmid), str(init), str(start_ticks(init)), str(msec)] +
                         list(items), stdout=subprocess.PIPE)

    def reader():
        with open("/proc/%d/task/%d/children" % (p.pid, p.pid)) as f:
            for pid in f.read().split():
                with open("/proc/%s/comm" % pid) as c:
                    if c.read() == "guest-read\n":
                        return int(pid)
    return p, until(reader, "a reader")


def peek(vmid, pid):
    return guest(vmid, "/bin/attacker", "peek", "/host", str(pid)).split()[:-1]


@test("the host's /proc in a guest: its root cannot look into a reader that it holds up")
def host_proc():
    need_fuse()
    target(600, 1, raw=FUSE + ["lxc.mount.entry: /proc host none rbind,create=dir 0 0"])
    with Attack(600, "fuse", "/srv", "/var/count"):
        p, pid = held(600, "statfs:a=/srv")
        try:
            until(lambda: fuse_requests(600), "the reader hangs")
            check("exe" in peek(600, pct.init_pid(600)), "control: it looks into its init")
            equal(peek(600, pid), [], "ways into the reader")
            with open("/proc/%d/status" % pid) as f:
                said = dict(x.split(":\t", 1) for x in f.read().splitlines())
            equal(said["NoNewPrivs"], "1", "no_new_privs")
            equal(said["Seccomp"], "2", "seccomp")
            equal(int(said["CapEff"], 16), 1 << 2, "capabilities: CAP_DAC_READ_SEARCH")
            equal(said["Uid"].split()[3], "100000", "fsuid")
            equal(os.readlink("/proc/%d/root" % pid), "/proc/%d/fd" % pid, "its root")
            equal(os.readlink("/proc/%d/cwd" % pid), "/proc/%d/fd" % pid, "where it is")
            left = sorted(os.readlink("/proc/%d/fd/%s" % (pid, n)).split(":")[0]
                          for n in os.listdir("/proc/%d/fd" % pid))
            equal(left, ["/dev/null", "/proc/%d/fd" % pid, LOCKS + "/600", "/srv", "pipe"],
                  "descriptors")
        finally:
            p.kill()
            p.wait()
            p.stdout.close()


def hold_lock(path, uid):
    """A process of that user that holds the lock of a file, or exits with 1."""
    def child():
        os.setgid(uid)
        os.setuid(uid)
    return subprocess.Popen(
        ["/usr/bin/python3", "-c", "import fcntl,os,sys\n"
         "fd = os.open(sys.argv[1], os.O_RDONLY)\nfcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
         "print('ready', flush=True)\nsys.stdin.read()", path],
        preexec_fn=child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


@test("no other user can hold up the readers of a container by a lock")
@both
def foreign_lock(vmid):
    equal(one(vmid, "stat=/").why, OK, "without")
    st, f = os.stat(LOCKS), os.stat("%s/%d" % (LOCKS, vmid))
    equal((st.st_mode, st.st_uid, f.st_mode, f.st_uid), (0o40700, 0, 0o100600, 0), "modes")
    for path, can in (("/sys/fs/cgroup/lxc/%d" % vmid, True), (LOCKS, False),
                      ("%s/%d" % (LOCKS, vmid), False)):
        p = hold_lock(path, 1000)
        equal(p.stdout.readline(), b"ready\n" if can else b"", "uid 1000 holds %s" % path)
        a, job = ask(vmid, "stat=/", msec=1000)
        equal((job.error, a[0].why, job.waited), (0, OK, 0), "%s: %s" % (path, job.msg))
        p.stdin.close()
        p.wait()
        p.stdout.close()
    # the control: root's own lock does hold it up
    p = hold_lock("%s/%d" % (LOCKS, vmid), 0)
    equal(p.stdout.readline(), b"ready\n", "root holds it")
    _, job = ask(vmid, "stat=/", msec=200)
    equal((job.error, job.waited), (-16, 1), "control: %s" % job.msg)
    p.stdin.close()
    p.wait()
    p.stdout.close()


@test("a reader that waited for another one that was only slow is not told that it hangs")
def slow_lock():
    target(600, 1)
    one(600, "stat=/")
    p = hold_lock(LOCKS + "/600", 0)
    equal(p.stdout.readline(), b"ready\n", "root holds it")
    waits, _ = held(600, "stat=/", msec=5000)
    time.sleep(0.3)
    p.kill()
    p.wait()
    out = waits.communicate(timeout=10 * SLOW)[0].decode()
    check("job error=0 stuck=0 waited=1" in out, out)


@test("a lock directory or file that is not root's alone is not used")
def odd_lock():
    target(600, 1)
    shutil.rmtree(LOCKS, ignore_errors=True)
    try:
        os.symlink("/tmp", LOCKS)
        equal(ask(600, "stat=/")[1].error, -20, "a link as the directory")
        os.unlink(LOCKS)
        os.mkdir(LOCKS)
        os.chmod(LOCKS, 0o755)
        equal(ask(600, "stat=/")[1].error, -1, "a directory for all")
        os.chmod(LOCKS, 0o700)
        os.symlink("/etc/hostname", LOCKS + "/600")
        equal(ask(600, "stat=/")[1].error, -40, "a link as the file")
        os.unlink(LOCKS + "/600")
        os.mkfifo(LOCKS + "/600", 0o600)
        equal(ask(600, "stat=/")[1].error, -1, "a FIFO as the file")
    finally:
        if os.path.islink(LOCKS):
            os.unlink(LOCKS)
        else:
            shutil.rmtree(LOCKS, ignore_errors=True)
    equal(ask(600, "stat=/")[1].error, 0, "afterwards")


@test("renames of one container do not disturb the readers of another")
def storm():
    target(600, 1)
    target(601, 0)
    sh(600, "mkdir /tmp/a /tmp/b /tmp/c /tmp/d")
    sh(601, "mkdir -p /usr/lib /run/systemd/resolve; echo os >/usr/lib/os-release; "
       "ln -sf ../usr/lib/os-release /etc/os-release; echo dns >/run/systemd/resolve/stub; "
       "rm -f /etc/resolv.conf; ln -s ../run/systemd/resolve/stub /etc/resolv.conf")
    items = ["file=/etc/os-release", "file:c=/etc/resolv.conf",
             "file=/etc/../usr/../etc/../usr/lib/../lib/os-release"] * 42
    with Attack(600, "exchange", "/tmp/a", "/tmp/b"), \
            Attack(600, "exchange", "/tmp/c", "/tmp/d"):
        _, job = ask(601, *items, loop=80, msec=5000)
        note("%d reads in %.1f s, whys %s" % (sum(job.whys), job.seconds, job.whys))
        equal(job.whys[OK], sum(job.whys), "whys %s" % job.whys)
        # so many ".." that something is renamed during each try of the kernel's
        long = "file=/usr/" + "lib/../" * 300 + "lib/os-release"
        _, job = ask(601, *[long] * 40, loop=10, msec=5000)
        note("%d long ones in %.1f s, whys %s" % (sum(job.whys), job.seconds, job.whys))
        equal(job.whys[OK], sum(job.whys), "whys %s" % job.whys)


@test("init's root made a FUSE that never answers: said at once, not asked once")
def fuse_root():
    need_fuse()
    for vmid, unprivileged in KINDS:
        target(vmid, unprivileged, raw=FUSE)
        init = pct.init_pid(vmid)
        with Attack(vmid, "fuseroot", "/srv", "/var/count"):
            a, job = ask(vmid, "file=/etc/shadow", "list=/", "statfs=/", pid=init)
            note("%d: %s %s" % (vmid, [x.why for x in a], job.msg))
            check(job.error == -13 if unprivileged and job.error else
                  [x.why for x in a] == [FSTYPE] * 3, "%d: %s %s" % (vmid, a, job.msg))
            equal(fuse_requests(vmid), 0, "requests that the FUSE got")
            check(job.seconds < 1 * slack(), "%.2f s" % job.seconds)
            check(naive(vmid, "/etc/shadow", 0.5) in (None, b"error=13\n"), "control")


@test("init that took a directory as its root: said, and not read as the container")
@both
def decoy(vmid):
    sh(vmid, "mkdir -p /srv/decoy/etc; echo decoy >/srv/decoy/etc/shadow")
    guest(vmid, "/bin/attacker", "rechroot", "/srv/decoy")
    check(b"decoy" in (naive(vmid, "/etc/shadow") or b""), "control: a naive reader reads it")
    a, job = ask(vmid, "file=/etc/shadow", "file:c=/etc/shadow", "list=/")
    equal(job.error, 0, job.msg)
    equal([x.why for x in a], [CHROOT] * 3, "whys")


@test("a container that stops while its reader waits or hangs is let go at once")
def stop_while_read():
    target(600, 1)
    one(600, "stat=/")
    p = hold_lock(LOCKS + "/600", 0)
    equal(p.stdout.readline(), b"ready\n", "root holds it")
    reader, pid = held(600, "stat=/", msec=8000)
    t0 = time.monotonic()
    subprocess.run(["lxc-stop", "-n", "600", "--kill"], check=True)
    out = reader.communicate(timeout=10 * SLOW)[0].decode()
    check(time.monotonic() - t0 < 1.5 * slack(), "%.2f s" % (time.monotonic() - t0))
    check("job error=-3" in out, out)
    until(lambda: not os.path.exists("/proc/%d" % pid), "the reader is gone")
    p.kill()
    p.wait()
    p.stdout.close()


@test("H23 a hard link to a file of the host's root, 0600: what the guest's root may read")
@both
def h23(vmid):
    secret = os.path.dirname(rootfs(vmid)) + "/secret"
    with open(secret, "w") as f:
        f.write(CANARY)
    os.chmod(secret, 0o600)
    os.link(secret, rootfs(vmid) + "/var/log/hard")
    check(CANARY.encode() in (naive(vmid, "/var/log/hard") or b""), "control")
    a = one(vmid, "file=/var/log/hard")
    # the root of a privileged container is the host's
    equal(a.why, DENIED if vmid == 600 else OK, "why")
    equal(a.data, b"" if vmid == 600 else CANARY.encode(), "data")


@test("H25 names of any bytes: listed as they are, read by them, never an option")
@both
def h25(vmid):
    names = [b"\xff" * 255, b"a\nb", b"--help", b"-rf", b"\x1b[2J", b"*", b" ", b"[a]", b"\\",
             "\u202e".encode()]
    top = os.fsencode(rootfs(vmid)) + b"/srv/"
    for n in names:
        with open(top + n, "wb") as f:
            f.write(n)
    said = subprocess.run("ls *", shell=True, cwd=top, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    check(b"Usage" in said, "control: of a naive one they are options: %r" % said[:200])
    a = one(vmid, "list=/srv")
    equal(sorted(a.names), sorted(names), "names")
    for n in names:
        equal(one(vmid, b"file=/srv/" + n).data, n, "file %r" % n)
    equal(one(vmid, "list=/srv|-*").names and sorted(one(vmid, "list=/srv|-*").names),
          [b"--help", b"-rf"], "pattern")


@test("H26 an os-release that is a FIFO, a directory, 100 MB, or no text: bounded and exact")
@both
def h26(vmid):
    f = rootfs(vmid) + "/etc/os-release"
    if os.path.lexists(f):
        os.unlink(f)
    os.mkfifo(f)
    equal(one(vmid, "file=/etc/os-release").why, KIND, "a FIFO")
    check(naive(vmid, "/etc/os-release", 0.3) is None, "control: a naive reader waits")
    os.unlink(f)
    os.mkdir(f)
    equal(one(vmid, "file=/etc/os-release").why, KIND, "a directory")
    os.rmdir(f)
    put(vmid, "/etc/os-release", b"VERSION_ID=99.9\n" * 6250000)
    a, job = ask(vmid, "file::65536=/etc/os-release", "stat=/etc/os-release")
    equal((a[0].bytes, a[0].truncated, a[1].size), (65536, 1, 100000000), "100 MB")
    check(job.usec < 200000 * slack(), "%d us" % job.usec)
    put(vmid, "/etc/os-release", bytes(range(256)) * 4)
    equal(one(vmid, "file=/etc/os-release").data, bytes(range(256)) * 4, "bytes")


@test("H20 H21 a resolv.conf that steers terminals: no byte of it reaches an output as it is")
@both
def h20(vmid):
    evil = ("nameserver 192.0.2.1\nsearch \x1b]52;c;aGk=\x07 \x1b]8;;http://x\x07 \x1b[6n "
            "\x1bP$q\x1b\\ \u202etxt.exe\u2066 \x9b31m\r\nnameserver \x1b[2J\n")
    put(vmid, "/etc/resolv.conf", evil)
    check(b"\x1b[2J" in naive(vmid, "/etc/resolv.conf"), "control: a naive reader has it raw")
    for args in ((), ("--json",)):
        out = ctscope("network", vmid, *args).out
        check(b"192.0.2.1" in out, "it was read: %r" % out)
        bad = [c for c in out.decode() if ord(c) < 32 and c != "\n" or 0x7f <= ord(c) < 0xa0 or
               c in "\u202e\u2066"]
        equal(bad, [], "control characters in %r" % out)


@test("H31 a command line on a FUSE that never answers, and one of 600 KB: ps does not wait")
def h31():
    need_fuse()
    target(601, 0, raw=FUSE)
    sh(601, "sh -c 'sleep 1000' $(seq 1 100000) >/dev/null 2>&1 &")
    with Attack(601, "cmdline", "/srv") as attack:
        pid = [p for p in attack.pids() if "attacker" in open("/proc/%d/comm" % p).read()][0]
        p = subprocess.Popen(["cat", "/proc/%d/cmdline" % pid], stdout=subprocess.DEVNULL)
        try:
            p.wait(0.5)
            note("no control: this kernel gives no command line that lies on a file")
        except subprocess.TimeoutExpired:
            pass
        t0 = time.monotonic()
        out = ctscope("ps", 601).out
        took = time.monotonic() - t0
        note("ps in %.2f s" % took)
        check(took < 2 * slack(), "%.2f s" % took)
        check(b"attacker" in out and b"sleep" in out, "%r" % out[:2000])
        check(max(len(line) for line in out.splitlines()) < 5000, "a long line")
    p.wait(10 * SLOW)


@test("what is read in is read without a trace: the time of its last reading stays")
@both
def no_trace(vmid):
    log = rootfs(vmid) + "/var/log/syslog"
    os.utime(log, (1000000000, 1000000000))
    equal(one(vmid, "file=/var/log/syslog").why, OK, "read")
    equal(os.stat(log).st_atime, 1000000000, "atime")


@test("H32 a mountinfo of more than 8 MB: bounded, said, and nothing else is touched by it")
@both
def h32(vmid):
    sh(vmid, "mkdir -p /srv/x /srv/t; mount -t tmpfs t /srv/t; echo in >/srv/t/f")
    guest(vmid, "/bin/attacker", "mounts", "/srv/x", "2400")
    sh(vmid, "mkdir -p /srv/late; mount -t tmpfs t /srv/late; echo in >/srv/late/f")
    with open("/proc/%d/mountinfo" % pct.init_pid(vmid), "rb") as f:
        n = len(f.read())
    check(n > 8 << 20, "control: a naive reader has %d bytes only" % n)
    a, job = ask(vmid, "file:c=/srv/t/f", "file:c=/srv/late/f", "statfs=/srv/late",
                 "file=/etc/shadow", "stat=/", msec=patience(5))
    note("%d: %d bytes of mountinfo, %d us" % (vmid, n, job.usec))
    equal(job.error, 0, job.msg)
    equal([x.why for x in a], [OK, FAILED, FAILED, OK, OK], "whys")
    equal(a[1].error, 27, "EFBIG")
    check(job.usec < 1000000 * slack(), "%d us" % job.usec)


@test("H33 mount points with blanks, newlines and backslashes: the right ones, shown escaped")
@both
def h33(vmid):
    names = ["a b", "a\nb", "a\\b", "a\\040b", "\x1b[2J"]
    for i, n in enumerate(names):
        guest(vmid, "mkdir", "-p", "/srv/" + n)
        guest(vmid, "mount", "-t", "tmpfs", "-o", "size=%dk" % (64 * (i + 1)), "t", "/srv/" + n)
    with open("/proc/%d/mountinfo" % pct.init_pid(vmid)) as f:
        points = [line.split()[4] for line in f]
    check("/srv/a b" not in points and "/srv/a\\040b" in points,
          "control: by its text one of them is taken for another")
    for i, n in enumerate(names):
        equal(one(vmid, "statfs=/srv/" + n).total, 65536 * (i + 1), "%r" % n)
    rows = {m["path"]: m for m in ctjson("df", vmid, "--all")["container"]["mounts"]}
    for i, n in enumerate(names):
        equal(rows["/srv/" + n]["size"], 65536 * (i + 1), "df of %r" % n)
    out = ctscope("df", vmid, "--all").out
    check(b"\x1b" not in out, "%r" % out)


@test("a link text of 800 mounts: given up after some, and only that item")
@both
def crossings(vmid):
    sh(vmid, "mkdir -p /srv/m; mount -t tmpfs m /srv/m")
    os.symlink("m/../" * 800 + "m/x", rootfs(vmid) + "/srv/link")
    os.symlink("m/../" * 60 + "m/x", rootfs(vmid) + "/srv/less")
    sh(vmid, "echo x >/srv/m/x")
    a, job = ask(vmid, "file:c=/srv/link", "file:c=/srv/less", "file=/etc/shadow",
                 msec=patience(3))
    equal(job.error, 0, job.msg)
    equal([x.why for x in a], [LOOP, OK, OK], "whys")


@test("a program that others than its owner may change is not started")
def odd_program():
    target(600, 1)
    os.makedirs("/run/node/odd", exist_ok=True)
    for name in ("ctscope", "guest-read"):
        shutil.copy(BUILD + "/" + name, "/run/node/odd/" + name)
    wrong = b"#!/bin/sh\ntouch /run/node/odd-was-run\n"
    own = ASK
    try:
        shutil.copy(own, "/run/node/odd/ask")
        globals()["ASK"] = "/run/node/odd/ask"
        os.environ["CTSCOPE_BUILD"] = "/run/node/odd"
        equal(one(600, "stat=/").why, OK, "root's alone")
        for mode, uid, code in ((0o775, 0, -1), (0o757, 0, -1), (0o755, 1000, -1)):
            os.chown("/run/node/odd/guest-read", uid, 0)
            os.chmod("/run/node/odd/guest-read", mode)
            _, job = ask(600, "stat=/")
            equal(job.error, code, "mode %o of %d: %s" % (mode, uid, job.msg))
        os.unlink("/run/node/odd/guest-read")
        os.symlink(BUILD + "/guest-read", "/run/node/odd/guest-read")
        equal(ask(600, "stat=/")[1].error, -40 if False else -1, "a link")
    finally:
        globals()["ASK"] = own
        os.environ["CTSCOPE_BUILD"] = BUILD
    # beside a program in a directory that anybody may write to
    os.unlink("/run/node/odd/guest-read")
    with open("/run/node/odd/guest-read", "wb") as f:
        f.write(wrong)
    os.chmod("/run/node/odd/guest-read", 0o755)
    os.chmod("/run/node/odd", 0o777)
    subprocess.run(["/run/node/odd/ctscope", "df", "--all", "600"], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    check(not os.path.exists("/run/node/odd-was-run"), "it was started")
    shutil.rmtree("/run/node/odd")


@test("a steady read makes at most 18 different system calls")
def calls():
    if not shutil.which("strace"):
        raise Skip("no strace")
    target(600, 1)
    log = "/run/node/strace"
    init = pct.init_pid(600)
    put(600, "/var/log/two", b"x" * 300000)
    for f in glob.glob(log + "*"):
        os.unlink(f)
    subprocess.run(["strace", "-ff", "-o", log, ASK, "600", str(init), str(start_ticks(init)),
                    "5000", "file=/var/log/syslog", "tail=/var/log/two", "list=/var/log",
                    "readlink=/etc/rc", "stat=/", "statfs=/"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = []
    for f in glob.glob(log + ".*"):
        with open(f) as lines:
            text = lines.read().splitlines()
        at = [i for i, line in enumerate(text) if line.startswith("seccomp(SECCOMP_SET_MODE") and line.endswith(" = 0")]
        if at:
            check("SIGSYS" not in "\n".join(text), "it was killed")
            seen += [line.split("(")[0] for line in text[at[0]:] if re.match(r"[a-z0-9_]+\(", line)]
        os.unlink(f)
    note("%d calls, %d different: %s" % (len(seen), len(set(seen)), " ".join(sorted(set(seen)))))
    check("openat2" in seen and "pread64" in seen, "the reader was not seen: %s" % seen)
    check(len(set(seen)) <= 18, "%d different" % len(set(seen)))


def times(other):
    """Seconds of each command, and what df and list said. The second df finds the readers of
    the first at work that hang; list, status of `other` and audit ask no mount."""
    t, got = {}, []
    for what, args in (("df", ["df"]), ("df again", ["df"]), ("list", ["list"]),
                       ("status", ["status", other]), ("audit", ["audit"]), ("df --all", ["df", "--all"])):
        r = ctscope(*args, "--json", code=None)
        check(r.code in (0, 1), "%s: exit %d %s" % (what, r.code, r.err))
        t[what] = r.seconds
        got.append(json.loads(r.out))
    return t, *({c["vmid"]: c for c in got[i]["containers"]} for i in (0, 1, 2))


def left_behind():
    """Commands that hang in the kernel."""
    n = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                n += "(ctscope) D " in f.read()
        except OSError:
            pass
    return n


COUNT = (950, 40, 10) if LONG else (60, 2, 5)


@test("%d of %d containers with a file system that never answers do not delay the others"
      % (sum(COUNT[1:]), sum(COUNT)))
def hanging():
    need_fuse()
    first, (count, n_mounts, n_roots) = 2000, COUNT
    hung = list(range(3000, 3000 + n_mounts))
    # in front of all others
    roots = list(range(1900, 1900 + n_roots))
    many(first, count)
    for vmid in hung + roots:
        target(vmid, vmid in hung, raw=FUSE)
    calm = times(first)[0]
    attacks = [Attack(vmid, "fuse", "/srv", "/var/count") for vmid in hung]
    # of a privileged one, as the kernel keeps the host's root out of the others'
    attacks += [Attack(vmid, "fuseroot", "/srv", "/var/count") for vmid in roots]
    try:
        now, got, again, listed = times(first)
        for what in calm:
            note("%s of %d: %.2f s, with %d that hang: %.2f s" % (
                what, len(got), calm[what], len(attacks), now[what]))
        for vmid in hung:
            row = [m for m in got[vmid]["mounts"] if m["path"] == "/srv"][0]
            equal((row["stale"], "size" in row), (True, False), "%d" % vmid)
            row = [m for m in again[vmid]["mounts"] if m["path"] == "/srv"][0]
            check("size" not in row, "%d" % vmid)
        for vmid in list(range(first, first + count)) + hung:
            root = [m for m in got[vmid]["mounts"] if m["path"] == "/"][0]
            check(root.get("size"), "%d has no size: %r" % (vmid, root))
            check(listed[vmid].get("disk") is not None, "%d has no disk: %r" % (
                vmid, listed[vmid]))
        for vmid in roots:
            root = [m for m in got[vmid]["mounts"] if m["path"] == "/"][0]
            check("size" not in root, "%d has a size: %r" % (vmid, root))
            equal(listed[vmid]["status"], "running", "%d" % vmid)
        # five commands have met them by now
        equal(left_behind(), n_roots, "processes that were left behind")
        for what in calm:
            # roots and mounts are waited for at the same time, and all of them once
            check(now[what] < calm[what] + slack(), "%s: %.2f s, without them %.2f s" % (
                what, now[what], calm[what]))
        t0 = time.monotonic()
        for vmid in range(first, first + 20):
            equal(one(vmid, "stat=/").why, OK, "%d" % vmid)
        check(time.monotonic() - t0 < 2 * slack(), "20 others: %.2f s" % (time.monotonic() - t0))
    finally:
        for a in attacks:
            a.__exit__()


@test("a process that is not the container's init, or another by now, is not read")
@both
def identity(vmid):
    _, job = ask(vmid, "file=/etc/shadow", pid=os.getpid())
    equal(job.error, -3, "our own process: %s" % job.msg)
    init = pct.init_pid(vmid)
    _, job = ask(vmid, "file=/etc/shadow", pid=init, ticks=start_ticks(init) + 1)
    equal(job.error, -3, "another start time: %s" % job.msg)
    _, job = ask(vmid + 5, "file=/etc/shadow", pid=init)
    equal(job.error, -3, "another container: %s" % job.msg)


@test("H47 an init whose number another container's init gets, again and again: never mixed up")
def h47():
    reuse = BUILD + "/tests/guest/reuse"
    dirs = []
    try:
        for vmid in (690, 691):
            os.makedirs("/sys/fs/cgroup/lxc/%d" % vmid, exist_ok=True)
            d = "/run/node/reuse/%d" % vmid
            os.makedirs(d, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", d], check=True)
            dirs.append(d)
            with open(d + "/canary", "w") as f:
                f.write("%d" % vmid)
        n = 100000 if LONG else 1500  # lives
        p = subprocess.run([reuse, str(n), "690", "691"] + dirs, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=7200 if LONG else 120 * SLOW)
        note(p.stdout.decode().strip() + " " + p.stderr.decode()[:500])
        equal(p.returncode, 0, "exit")
        got = dict((k, int(v)) for k, v in (w.split("=") for w in p.stdout.decode().split()))
        equal((got["wrong"], got["other"]), (0, 0), "readings")
        check(got["lives"] >= n, "the number was not used so often: %s" % got)
        check(got["ok"] > n // 100 and got["gone"] > 0, "%s" % got)
        check(got["naive_wrong"] > 0, "control: by number alone they are mixed up")
    finally:
        for d in dirs:
            subprocess.run(["umount", "-l", d])
        for vmid in (690, 691):
            until(lambda: not os.path.exists("/sys/fs/cgroup/lxc/%d" % vmid) or
                  not subprocess.run(["rmdir", "/sys/fs/cgroup/lxc/%d" % vmid],
                                     stderr=subprocess.DEVNULL).returncode, "rmdir")


@test("H50 the container stops while it is read: an error or all of it, within a second")
@both
def h50(vmid):
    p = subprocess.Popen(["lxc-stop", "-n", str(vmid), "--kill"])
    init, ticks = pct.init_pid(vmid), 0
    try:
        ticks = start_ticks(init)
    except OSError:
        pass
    for _ in range(50):
        _, job = ask(vmid, "file=/var/log/syslog", pid=init, ticks=ticks or 1)
        check(job.seconds < 1.5 * slack(), "%.2f s" % job.seconds)
        check(job.error in (0, -3), "%d %s" % (job.error, job.msg))
    p.wait()


def tuple_of(vmid):
    pid = pct.init_pid(vmid)
    return (vmid, pid, start_ticks(pid))


@test("how full roots are, for who may not look: what statfs says, for the owner of the socket")
def served():
    for vmid, unprivileged in KINDS:
        target(vmid, unprivileged)
    nobody = pwd.getpwnam("nobody")
    with reader.Reader(nobody.pw_uid) as r:
        want = {v: os.statvfs("/proc/%d/root" % pct.init_pid(v)) for v, _ in KINDS}
        error, got = reader.ask_disk(*[tuple_of(v) for v, _ in KINDS])
        equal((error, [(a[0], a[1]) for a in got]), (0, [(v, reader.OK) for v, _ in KINDS]), "all")
        for vmid, _, size, used, avail, inodes, iused in got:
            st = want[vmid]
            near((size, used, avail), (st.f_blocks * st.f_frsize,
                                       (st.f_blocks - st.f_bfree) * st.f_frsize,
                                       st.f_bavail * st.f_frsize), size)
            near((inodes, iused), (st.f_files, st.f_files - st.f_ffree), st.f_files)
            check(0 <= iused <= inodes, "%d of %d inodes" % (iused, inodes))
        pid = os.fork()
        if not pid:
            os.setgroups([])
            os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
            os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
            try:
                error, got = reader.ask_disk(*[tuple_of_file(600)])
                os._exit(0 if not error and got[0][1] == reader.OK else 3)
            except Exception:
                os._exit(4)
        equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "its owner")
        until(lambda: len(r.codes) == 2, "both ended")
        equal(r.codes, [0, 0], "exit codes")


def near(got, want, size):
    """The machine writes meanwhile, where that is the file system of the root."""
    for g, w in zip(got, want):
        check(abs(g - w) <= size // 100, "%d, not %d of %d" % (g, w, size))


def tuple_of_file(vmid):
    """For who sees no command socket of root's."""
    with open("/sys/fs/cgroup/lxc/%d/ns/cgroup.procs" % vmid) as f:
        pid = min(int(x) for x in f.read().split())
    return (vmid, pid, start_ticks(pid))


@test("what is asked for wrongly is refused or gone, and says nothing of anybody else")
def served_badly():
    for vmid, unprivileged in KINDS:
        target(vmid, unprivileged)
    a, b = tuple_of(600), tuple_of(601)
    with reader.Reader(1234, 0o666) as r:
        for what, t in (("other ticks", (a[0], a[1], a[2] + 1)),
                        ("the init of another", (a[0], b[1], b[2])),
                        ("a process of the host", (600, os.getpid(), start_ticks(os.getpid()))),
                        ("nobody's number", (600, 4194304, 1)),
                        ("a container that is not there", (699, a[1], a[2]))):
            error, got = reader.ask_disk(t, b)
            equal((error, [g[1] for g in got]), (0, [reader.GONE, reader.OK]), what)
            equal(got[0][2:], (0, 0, 0, 0, 0), what)
        full = [(100 + i, 2 + i, 1) for i in range(65)]
        for what, data, errno in (
                ("65", reader.request(full), 7), ("garbage", b"GET / HTTP/1.1\r\n\r\n", 74),
                ("too long", b"x" * 5000, 7), ("twice", reader.request([a, a]), 22),
                ("none", reader.request([]), 22), ("init of the node", reader.request(
                    [(600, 1, 0)]), 22), ("cut off", reader.request([a, b])[:-1], 74),
                ("a longer number", reader.request([a], 2), 74)):
            equal(reader.answers(reader.exchange(data)), (errno, []), what)
        done = len(r.codes)
        pid = os.fork()
        if not pid:
            os.setgroups([])
            os.setresuid(1235, 1235, 1235)
            try:
                os._exit(0 if reader.exchange(reader.request([a])) == b"" else 3)
            except (ConnectionResetError, BrokenPipeError):  # it ended without reading
                os._exit(0)
            except Exception:
                os._exit(4)
        equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "another user has no answer")
        until(lambda: 1 in r.codes[done:], "it ended with 1")
        until(lambda: any("only root and the owner" in x for x in r.said), "it says why")
        r.said.clear()


@test("one that hangs costs the others nothing, is left behind once, and is asked again later")
def served_hanging():
    need_fuse()
    target(600, 1, raw=FUSE)
    target(601, 0)
    with reader.Reader():
        with Attack(600, "fuse", "/srv", "/var/count"):
            _, job = ask(600, "statfs=/", "statfs:a=/srv", msec=300)
            equal(job.stuck, 1, "a reader of the CLI's hangs")
            for _ in range(2):
                t0 = time.monotonic()
                reader.exchange(reader.request([tuple_of(600), tuple_of(601)]))
                took = time.monotonic() - t0
                error, got = reader.ask_disk(tuple_of(600), tuple_of(601))
                equal((error, [g[1] for g in got]), (0, [reader.BUSY, reader.OK]), "both")
                check(took < 1.5 * slack(), "%.2f s" % took)
        until(lambda: reader.ask_disk(tuple_of(600))[1][0][1] == reader.OK, "asked again")


main()
