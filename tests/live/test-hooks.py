#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The hook in real containers: what it tells, and that it never stops one from starting.

HOOK_STARTS=N   starts of the long run (200)
"""
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import time

from live import (BUILD, HERE, SLOW, Failed, Skip, _made, check, ctscope, equal, guest, main,
                  make, note, pct, rootfs, slack, test, until)

CONFD = "/usr/share/lxc/config/common.conf.d"
DROPIN = CONFD + "/50-ctscope.conf"
PROGRAM = "/run/node/libexec/hook"
SPOOL = "/run/ctscope/spool"
UNWANTED = "/etc/ctscope/hooks-removed"
STARTS = int(os.environ.get("HOOK_STARTS", "200" if SLOW == 1 else "40"))
# what a start may take longer, whatever is broken
ADDED_MS = 100 * SLOW


# ---- the node ------------------------------------------------------------------------

def put_program():
    os.makedirs(os.path.dirname(PROGRAM), exist_ok=True)
    remove(PROGRAM)
    shutil.copy(BUILD + "/src/hook/hook", PROGRAM)
    os.chmod(PROGRAM, 0o755)


def remove(path):
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def dropin_text():
    with open(HERE + "/../../hooks/50-ctscope.conf.in") as f:
        return f.read().replace("@HOOK@", PROGRAM)


def put_dropin(text=None):
    pct.write(DROPIN, dropin_text() if text is None else text)


def put_spool():
    remove("/run/ctscope")
    os.makedirs(SPOOL)
    os.chmod(SPOOL, 0o770)


def fresh():
    put_program()
    put_spool()
    put_dropin()


# ---- events --------------------------------------------------------------------------

ID = re.compile(r"^[0-9a-f]{13}-[0-9a-f]{14}-[0-9a-f]{8}$")


def parse(data):
    head, files = {}, {}
    lines, at = data.split(b"\n"), 0
    equal(lines[0], b"ctscope-hook 1", "first line")
    at = len(lines[0]) + 1
    while True:
        line, _, _ = data[at:].partition(b"\n")
        at += len(line) + 1
        words = line.decode().split(" ")
        if words == ["end"]:
            equal(data[at:], b"", "behind the end")
            return head, files
        if words[0] == "file":
            n = int(words[2])
            files[words[1]] = data[at:at + n]
            at += n + 1
        else:
            head[words[0]] = words[1]


def events(take=True):
    """[(head, files)], oldest first; nothing else may be in the spool."""
    found = []
    for name in sorted(os.listdir(SPOOL)):
        check(ID.match(name), "%s in the spool" % name)
        with open(SPOOL + "/" + name, "rb") as f:
            found.append(parse(f.read()))
        if take:
            os.unlink(SPOOL + "/" + name)
    return found


def told():
    """What was told, in order: "900 pre-start"."""
    return ["%s %s" % (h["vmid"], h["type"]) for h, _ in events()]


# ---- starts and stops ----------------------------------------------------------------

def bulk(vmid, privileged=False, extra=""):
    """A minimal container without PVE's hooks, of which only the start is looked at."""
    owner = "" if privileged else "unprivileged: 1\n"
    os.makedirs("/var/lib/vz/images/%d" % vmid, exist_ok=True)
    if not os.path.lexists(rootfs(vmid)):
        if privileged:
            subprocess.run(["cp", "-a", "/run/node/base/minimal", rootfs(vmid)], check=True)
            subprocess.run(["chown", "-hR", "0:0", rootfs(vmid)], check=True)
        else:
            os.symlink("/run/node/base/minimal", rootfs(vmid))
    pct.write(pct.conf_path(vmid),
              "arch: amd64\nentrypoint: /bin/load sleep\nhostname: ct%d\nmemory: 64\n"
              "ostype: unmanaged\nrootfs: local:%d/subvol-%d-disk-0.subvol,size=1G\n"
              "swap: 0\n%s" % (vmid, vmid, vmid, owner))
    pct.prepare(vmid, quick=True)
    # prepare() took every hook away
    config = "/var/lib/lxc/%d/config" % vmid
    with open(config) as f:
        text = f.read()
    text += "lxc.hook.start-host =\nlxc.hook.stop =\nlxc.include = %s\n" % DROPIN
    pct.write(config, text + extra)
    if vmid not in _made:
        _made.append(vmid)
    return vmid


def running(vmid):
    """LXC's own word; a monitor that is in a hook does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        try:
            s.settimeout(0.05)
            s.connect("\0%s/%d/command" % (pct.LXC, vmid))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            s.send(struct.pack("iiQ", 3, 0, 0))
            answer = s.recv(16)
        except OSError:
            return False
    return len(answer) == 16 and struct.unpack("iiQ", answer)[2] & 7 == 2


class Start:
    """One start: how long until it runs; None: it did not."""

    def __init__(self, vmid, seconds=6, args=()):
        self.vmid, self.ms = vmid, None
        t0 = time.perf_counter()
        self.p = subprocess.Popen(["/usr/bin/lxc-start", "-F", "-n", str(vmid), *args],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, close_fds=False, cwd="/")
        end = t0 + seconds * SLOW
        while time.perf_counter() < end and self.p.poll() is None:
            if running(vmid):
                self.ms = (time.perf_counter() - t0) * 1000
                return
            time.sleep(0.0005)

    def stop(self, seconds=6):
        """By lxc-stop -k; None: it did not stop in time. Until the monitor has ended."""
        t0 = time.perf_counter()
        try:
            subprocess.run(["lxc-stop", "-n", str(self.vmid), "-k"], timeout=seconds * SLOW,
                           stderr=subprocess.DEVNULL)
            self.p.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        return (time.perf_counter() - t0) * 1000

    def kill(self):
        """Everything of it."""
        for pid in descendants(self.p.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.p.wait()


def descendants(pid):
    found = [pid]
    for p in found:
        try:
            with open("/proc/%d/task/%d/children" % (p, p)) as f:
                found += [int(x) for x in f.read().split()]
        except OSError:
            pass
    return list(reversed(found))


def cycle(vmid):
    """Start and stop; (ms, ms), fails where one does not."""
    s = Start(vmid)
    if s.ms is None:
        s.kill()
        raise Failed("%d did not start" % vmid)
    ms = s.stop()
    check(ms is not None, "%d did not stop" % vmid)
    return s.ms, ms


# ---- what it tells -------------------------------------------------------------------

def start_and_stop(vmid, **keys):
    fresh()
    make(vmid, **keys)
    found = events()
    equal([h["type"] for h, _ in found], ["pre-start", "start-host"], "hooks of a start")
    pre, up = found[0][0], found[1][0]
    equal(up["pid"], str(pct.init_pid(vmid)), "pid of init")
    with open("/proc/%s/stat" % up["pid"]) as f:
        equal(up["start-ticks"], f.read().rsplit(")", 1)[1].split()[19], "its start")
    check("pid" not in pre, "a pid before there is one")
    for h in (pre, up):
        with open("/proc/%s/cmdline" % h["monitor-pid"]) as f:
            equal(f.read().split("\0")[:4], ["/usr/bin/lxc-start", "-F", "-n", str(vmid)],
                  "monitor-pid")
        check(int(h["took-usec"]) < 50000 * SLOW, "took %s us" % h["took-usec"])
    try:
        with open("/proc/%s/attr/current" % up["monitor-pid"]) as f:
            note("the monitor's AppArmor profile: " + f.read().strip())
    except OSError:
        pass
    pct.kill(vmid)
    until(lambda: len(os.listdir(SPOOL)) >= 2, "the hooks of the stop")
    found = events()
    equal([(h["type"], h["target"]) for h, _ in found], [("stop", "stop"), ("post-stop", "stop")],
          "hooks of a stop")
    files = found[0][1]
    check(b"usage_usec" in files["cpu.stat"], "cpu.stat: %r" % files.get("cpu.stat"))
    check(b"populated 0" in files["cgroup.events"], "%r" % files.get("cgroup.events"))
    if "memory" in pct.controllers():
        check(b"oom_kill" in files["memory.events"], "memory.events")
        check(b"anon " in files["memory.stat"], "memory.stat")
        check(b"oom " in files["ns/memory.events.local"], "of ns")
    note("stop carries " + " ".join("%s:%d" % (k, len(v)) for k, v in files.items()))


@test("a start and a stop are four events, with init, monitor and the last counters")
def unprivileged():
    start_and_stop(700)


@test("and of a privileged container")
def privileged():
    start_and_stop(701, unprivileged=0)


@test("a killed init, a halt and a reboot from inside are told with LXC's target")
def ends():
    fresh()
    make(702)
    events()
    os.kill(pct.init_pid(702), signal.SIGKILL)
    until(lambda: not pct.listening(702), "its end")
    until(lambda: len(os.listdir(SPOOL)) >= 2, "the hooks")
    equal([(h["type"], h["target"]) for h, _ in events()],
          [("stop", "stop"), ("post-stop", "stop")], "SIGKILL")
    pct.start(702)
    events()
    guest(702, "/bin/busybox", "poweroff", "-f")
    until(lambda: len(os.listdir(SPOOL)) >= 2, "the hooks")
    equal([(h["type"], h["target"]) for h, _ in events()],
          [("stop", "stop"), ("post-stop", "stop")], "poweroff")
    pct.wait_stopped(702)
    pct.start(702)
    events()
    guest(702, "/bin/busybox", "reboot", "-f")
    until(lambda: "start-host" in open_types(), "the start after it", 30)
    got = [(h["type"], h.get("target", "")) for h, _ in events()]
    # whether post-stop is told depends on whose hook LXC reads first: PVE's ends the chain
    equal([x for x in got if x[0] != "post-stop"],
          [("stop", "reboot"), ("pre-start", ""), ("start-host", "")], "reboot")
    note("reboot: %s" % got)


def open_types():
    return [h["type"] for h, _ in events(take=False)]


@test("a container that is none of PVE's is not told")
def foreign():
    fresh()
    bulk(703)
    shutil.copytree("/var/lib/lxc/703", "/var/lib/lxc/web", symlinks=True)
    try:
        with open("/var/lib/lxc/web/config") as f:
            text = f.read().replace("lxc/703", "lxc/web").replace("monitor/703", "monitor/web")
        pct.write("/var/lib/lxc/web/config", text)
        subprocess.run(["lxc-start", "-n", "web", "-d"], check=True)
        subprocess.run(["lxc-stop", "-n", "web", "-k"], check=True)
        time.sleep(0.2)
        equal(os.listdir(SPOOL), [], "the spool")
    finally:
        shutil.rmtree("/var/lib/lxc/web")


@test("LXC hears nothing of it, not even in its debug log")
def silent():
    fresh()
    bulk(704)
    log = "/run/node/hooks.log"
    subprocess.run(["lxc-start", "-n", "704", "-d", "-l", "DEBUG", "-o", log], check=True)
    subprocess.run(["lxc-stop", "-n", "704", "-k"], check=True)
    until(lambda: len(os.listdir(SPOOL)) == 4, "four events")
    with open(log) as f:
        text = f.read()
    check("Executing script" in text, "the log has no hooks")
    check("produced output" not in text, "\n".join(x for x in text.split("\n") if "produced" in x))


# ---- the rig sees it when a hook does harm --------------------------------------------

def harm(command, what):
    """A hook as it must not be: the start fails or takes long."""
    fresh()
    bulk(710, extra="lxc.hook.start-host = %s\n" % command)
    s = Start(710, seconds=3)
    ended = s.p.poll() is not None
    if s.ms is None:
        note("%s: %s" % (what, "the start fails" if ended else "the start hangs"))
        s.kill()
        # a monitor that was killed leaves them
        subprocess.run(["find", "/sys/fs/cgroup/lxc/710", "/sys/fs/cgroup/lxc.monitor/710",
                        "-depth", "-type", "d", "-delete"], stderr=subprocess.DEVNULL)
        return True
    note("%s: it starts after %.0f ms" % (what, s.ms))
    check(s.stop() is not None, "it does not stop")
    return s.ms > 900


@test("control: a hook that fails, crashes, hangs, floods or leaves a child does harm")
def controls():
    script = "/run/node/libexec/bad"
    check(harm("/bin/false", "exit 1"), "not seen")
    check(harm("/nonexistent/hook", "missing"), "not seen")
    for what, text in (("SIGSEGV", "kill -SEGV $$"),
                       ("hangs", "exec sleep 600"),
                       ("child with stdout", "sleep 1 & exit 0"),
                       ("200 MB of output", "head -c 200000000 /dev/zero; exit 1")):
        put_program()
        with open(script, "w") as f:
            f.write("#!/bin/sh\n%s\n" % text)
        os.chmod(script, 0o755)
        check(harm(script, what), "not seen")


# ---- whatever is broken --------------------------------------------------------------

def sparse(path, size):
    with open(path, "wb") as f:
        f.truncate(size)


def full_bytes():
    sparse(SPOOL + "/large", (4 << 20) + 1)


def full_files():
    for i in range(8193):
        os.mknod(SPOOL + "/x%d" % i)


def no_spool():
    remove(SPOOL)


def instead(fn):
    def broken():
        remove(SPOOL)
        fn()
    return broken


def link_above():
    os.rename("/run/ctscope", "/run/ctscope.real")
    os.symlink("ctscope.real", "/run/ctscope")


def program(fn):
    def broken():
        remove(PROGRAM)
        fn()
    return broken


def write_program(data, mode=0o755):
    with open(PROGRAM, "wb") as f:
        f.write(data)
    os.chmod(PROGRAM, mode)


def truncated():
    with open(BUILD + "/src/hook/hook", "rb") as f:
        data = f.read()
    remove(PROGRAM)
    write_program(data[:3000])


MOUNTED = []


def tmpfs(options, fill):
    def broken():
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tiny", "/run/ctscope"],
                       check=True)
        MOUNTED.append("/run/ctscope")
        os.mkdir(SPOOL)
        os.chmod(SPOOL, 0o770)
        fill()
    return broken


def read_only():
    subprocess.run(["mount", "--bind", SPOOL, SPOOL], check=True)
    MOUNTED.append(SPOOL)
    subprocess.run(["mount", "-o", "remount,ro,bind", SPOOL], check=True)


class Fuse:
    p = None


def hung_fuse(where):
    def broken():
        helper = BUILD + "/tests/node/hangfuse"
        if not os.path.exists("/dev/fuse") or not os.access(helper, os.X_OK):
            raise Skip("no FUSE")
        os.makedirs("/run/node/empty/spool", exist_ok=True)
        Fuse.p = subprocess.Popen([helper, "/run/node/empty", where, "all"],
                                  stdout=subprocess.PIPE)
        if Fuse.p.stdout.readline() != b"ready\n":
            raise Skip("cannot mount FUSE")
        MOUNTED.append(where)
    return broken


def no_space():
    """/run itself has not one page left."""
    free = os.statvfs("/run")
    used = (free.f_blocks - free.f_bfree) * free.f_frsize
    subprocess.run(["mount", "-o", "remount,size=%d" % used, "/run"], check=True)
    check(os.statvfs("/run").f_bfree == 0, "there is room")


def mend():
    if Fuse.p:
        Fuse.p.kill()
        Fuse.p.wait()
        Fuse.p = None
    subprocess.run(["mount", "-o", "remount,size=50%", "/run"], check=True)
    while MOUNTED:
        subprocess.run(["umount", "-l", MOUNTED.pop()], check=True)
    remove("/run/ctscope")
    remove("/run/ctscope.real")
    fresh()


STATES = [
    ("nobody takes the events", lambda: None),
    ("no spool", no_spool),
    ("no /run/ctscope", lambda: remove("/run/ctscope")),
    ("the spool is full: bytes", full_bytes),
    ("the spool is full: files", full_files),
    ("the spool is somebody's", lambda: os.chown(SPOOL, 1000, 1000)),
    ("the spool is for everyone", lambda: os.chmod(SPOOL, 0o777)),
    ("the spool has no permissions", lambda: os.chmod(SPOOL, 0)),
    ("the spool is a symlink", instead(lambda: os.symlink("/run/node", SPOOL))),
    ("the spool is a symlink to itself", instead(lambda: os.symlink("spool", SPOOL))),
    ("the spool is a FIFO", instead(lambda: os.mkfifo(SPOOL))),
    ("the spool is a file", instead(lambda: sparse(SPOOL, 0))),
    ("the spool is a device", instead(lambda: os.mknod(SPOOL, 0o20666, os.makedev(5, 0)))),
    ("/run/ctscope is a symlink", link_above),
    ("the count is a FIFO, the spool full",
     lambda: (os.mkfifo(SPOOL + "/dropped"), full_bytes())),
    ("the count is a directory, the spool full",
     lambda: (os.mkdir(SPOOL + "/dropped"), full_bytes())),
    ("the spool is read-only", read_only),
    ("a FUSE that hangs over the spool", hung_fuse(SPOOL)),
    ("a FUSE that hangs over /run/ctscope", hung_fuse("/run/ctscope")),
    ("another file system over /run/ctscope", tmpfs("size=4k", lambda: None)),
    ("no space in /run", no_space),
    ("the program is gone", program(lambda: None)),
    ("the program is a text", program(lambda: write_program(b"hello ( world\n"))),
    ("the program is empty", program(lambda: write_program(b""))),
    ("the program is not executable", program(lambda: write_program(b"x", 0o644))),
    ("the program is a directory", program(lambda: os.mkdir(PROGRAM))),
    ("the program is a dangling symlink", program(lambda: os.symlink("/none", PROGRAM))),
    ("the program is of another machine",
     program(lambda: write_program(b"\x7fELF\x02\x01\x01" + b"\0" * 11 + b"\xf3" + b"\0" * 200))),
    ("the program is cut off", truncated),
    ("the program crashes", program(lambda: write_program(b"#!/bin/sh\nkill -SEGV $$\n"))),
    ("the program fails", program(lambda: write_program(b"#!/bin/sh\nexit 3\n"))),
]


def machine():
    """Medians and the worst, without our drop-in: what a start takes here and now."""
    bulk(720)
    bulk(721, privileged=True)
    put_dropin("")
    return [max(cycle(v)) for v in (720, 721)]


@test("whatever is broken: each start and stop works, and takes less than 100 ms longer")
def broken():
    fresh()
    base, worst = machine(), {}
    skipped = []
    for what, fn in STATES:
        fresh()
        base += machine()
        put_dropin()
        bulk(722)
        bulk(723, privileged=True)
        try:
            fn()
            took = []
            for _ in range(3 if SLOW == 1 else 1):
                took += [max(cycle(v)) for v in (722, 723)]
            # one slow start may be the machine's; what a state adds it adds each time
            worst[what] = statistics.median(took)
        except Skip as e:
            skipped.append("%s (%s)" % (what, e))
        except Failed as e:
            raise Failed("%s: %s" % (what, e))
        finally:
            mend()
    limit = max(base) + ADDED_MS
    for what, ms in sorted(worst.items(), key=lambda x: -x[1])[:3]:
        note("%-40s %6.1f ms" % (what, ms))
    note("without hooks: median %.1f ms, worst %.1f ms" % (statistics.median(base), max(base)))
    if skipped:
        note("skipped: " + ", ".join(skipped))
    for what, ms in worst.items():
        check(ms < limit, "%s: %.1f ms, without hooks at most %.1f" % (what, ms, max(base)))


@test("what is broken is told where it can be: full, and of whose nothing is touched")
def counted():
    fresh()
    bulk(724)
    full_bytes()
    cycle(724)
    with open(SPOOL + "/dropped", "rb") as f:
        equal(f.read(), b"ffff", "dropped")
    put_spool()
    remove(SPOOL)
    os.mkdir("/run/node/victim")
    os.symlink("/run/node/victim", SPOOL)
    cycle(724)
    equal(os.listdir("/run/node/victim"), [], "behind the symlink")


def late_hook(where, env):
    """Events, what was counted, and what was left half, of one that is held up."""
    fresh()
    r = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=" + where,
                        PROGRAM, "990", "lxc", "stop"], env=env, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=20)
    equal((r.returncode, r.stdout), (0, b""), where)
    names = os.listdir(SPOOL)
    counted = b""
    if "dropped" in names:
        with open(SPOOL + "/dropped", "rb") as f:
            counted = f.read()
    half = [n for n in names if n.startswith(".")]
    for n in names:
        os.unlink(SPOOL + "/" + n)
    return len(names) - len(half) - ("dropped" in names), counted, half


@test("wherever its deadline finds it: what is known is told, what is not is counted")
def deadline():
    if not shutil.which("strace"):
        raise Skip("no strace")
    env = {"PATH": os.environ["PATH"], "LXC_PID": str(os.getpid())}
    os.makedirs("/sys/fs/cgroup/lxc/990", exist_ok=True)
    # it is held for longer than it may take: (where, events, counted)
    for where, told_n, counted_n in (
            ("openat:delay_exit=80000:when=6", 1, 0),  # a file of the cgroup
            ("openat:delay_enter=12000:when=6+", 1, 0),  # each of them
            ("getdents64:delay_enter=80000", 0, 1),
            ("getrandom:delay_enter=80000", 0, 1),
            ("writev:delay_enter=80000", 0, 1),
            ("renameat2:delay_enter=80000", 1, 0)):
        want = (told_n, b"l" * counted_n, [])
        for _ in range(3):  # where there is no CPU to be had it may be later yet
            got = late_hook(where, env)
            if got == want or SLOW != 1:
                break
        if SLOW == 1:
            equal(got, want, where)
    os.rmdir("/sys/fs/cgroup/lxc/990")


@test("where the shell cannot fork the hook still ends with 0")
def no_fork():
    def poor():
        os.setgid(65534)
        os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

    put_program()
    lines = re.findall(r"^lxc\.hook\.\S+ = (.*)$", dropin_text().replace(PROGRAM, "/bin/true"),
                       re.M)
    equal(len(lines), 4, "hooks")
    for line in lines:
        r = subprocess.run(["sh", "-c", "exec %s '101' 'lxc' 'stop'" % line], preexec_fn=poor,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/")
        check(b"fork" in r.stdout, "it did fork: %r" % r.stdout)
        equal(r.returncode, 0, line)


@test("a collector that is stopped misses nothing: every event waits for it")
def stopped_collector():
    fresh()
    bulk(730)
    watcher = subprocess.Popen(["python3", "-c", """
import ctypes, os, sys
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(0)
libc.inotify_add_watch(fd, sys.argv[1].encode(), 0x80)
print("ready", flush=True)
while os.read(fd, 4096): pass
""", SPOOL], stdout=subprocess.PIPE)
    try:
        watcher.stdout.readline()
        watcher.send_signal(signal.SIGSTOP)
        for _ in range(10):
            cycle(730)
        equal(told(), ["730 pre-start", "730 start-host", "730 stop", "730 post-stop"] * 10,
              "the spool")
    finally:
        watcher.kill()
        watcher.wait()


# ---- ctscope hooks -------------------------------------------------------------------

def hooks(code):
    """hooks status --json, and its containers by vmid."""
    d = json.loads(ctscope("hooks", "--json", code=code).out)
    return d, {c["vmid"]: c for c in d["containers"]}


@test("hooks install: who runs reports from the next start on, as the monitors say")
def command():
    fresh()
    os.unlink(DROPIN)
    make(750)
    d, cts = hooks(1)
    equal(d["drop_in"]["installed"], False, "installed")
    equal(cts[750]["reports"], "no", "750")
    r = ctscope("hooks", "install", "--program", PROGRAM)
    check(b"750" in r.out, r.out.decode())
    with open(DROPIN) as f:
        equal(f.read(), dropin_text(), "the drop-in")
    r = ctscope("hooks", "install", "--program", PROGRAM)
    check(b"already" in r.out, r.out.decode())
    make(751)
    d, cts = hooks(0)
    equal((cts[750]["reports"], cts[750]["evidence"]), ("no", "monitor"), "750")
    equal((cts[751]["reports"], cts[751]["evidence"]), ("yes", "monitor"), "751")
    equal(d["spool"]["waiting"], 2, "events of 751")
    make(752, raw=["lxc.hook.stop:"])
    d, cts = hooks(1)
    equal((cts[752]["reports"], cts[752]["cleared"]), ("some", ["stop"]), "752")
    equal(cts[752]["hooks"], ["pre-start", "start-host", "post-stop"], "752")
    note(ctscope("hooks", code=1).out.decode())


@test("while a monitor hangs in a hook, hooks answers in bounded time")
def command_hung():
    fresh()
    make(753, start=False)
    pct.prepare(753)
    pct.write("/var/lib/lxc/753/.slow", "8")
    pct.spawn(753)
    until(lambda: pct.listening(753), "the command socket")
    t0 = time.monotonic()
    d, cts = hooks(0)
    check(time.monotonic() - t0 < 3 * slack(), "%.1f s" % (time.monotonic() - t0))
    check(cts[753].get("reports") in (None, "unknown"), "%r" % cts[753])


@test("hooks remove: what runs goes on, and stops without the program")
def command_remove():
    fresh()
    remove(os.path.dirname(UNWANTED))
    make(754)
    events()
    ctscope("hooks", "remove")
    check(not os.path.exists(DROPIN), "it is still there")
    check(b"not installed" in ctscope("hooks", "remove").out, "twice")
    check(not os.path.exists(UNWANTED), "without the package it has nobody to tell")
    d, cts = hooks(1)
    equal((cts[754]["reports"], cts[754]["note"]), ("yes", "until it stops"), "754")
    remove(PROGRAM)
    pct.kill(754)
    pct.start(754)
    equal(told(), [], "the spool")


@test("beside the package, hooks remove notes that no upgrade is to bring the drop-in back")
def command_unwanted():
    fresh()
    remove(os.path.dirname(UNWANTED))
    os.mkdir(os.path.dirname(UNWANTED))
    try:
        check(b"upgrade" not in ctscope("hooks", "remove", "--for-now").out, "it says so")
        check(not os.path.exists(DROPIN), "it is still there")
        check(not os.path.exists(UNWANTED), "noted for now")
        put_dropin()
        check(b"No upgrade" in ctscope("hooks", "remove").out, "it does not say so")
        check(os.path.exists(UNWANTED), "not noted")
        ctscope("hooks", "remove", "--for-now")
        check(os.path.exists(UNWANTED), "forgotten")
        ctscope("hooks", "install", "--program", PROGRAM)
        check(not os.path.exists(UNWANTED), "installed, and noted as not wanted")
        ctscope("hooks", "install", "--for-now", code=2)
    finally:
        remove(os.path.dirname(UNWANTED))


@test("hooks install refuses what would do harm")
def command_refuses():
    fresh()
    os.unlink(DROPIN)
    ctscope("hooks", "install", "--program", "/nonexistent/hook", code=3)
    ctscope("hooks", "install", "--program", "/run/node/a hook", code=2)
    ctscope("hooks", "install", "--program", "/run/$(reboot)", code=2)
    ctscope("hooks", "install", "--program", "/run", code=3)
    os.chmod(PROGRAM, 0o777)
    ctscope("hooks", "install", "--program", PROGRAM, code=3)
    equal(sorted(os.listdir(CONFD)), ["01-pve.conf"], "drop-ins")
    put_dropin("# by an admin\nlxc.hook.stop = /bin/true\n")
    ctscope("hooks", "remove", code=3)
    check(os.path.exists(DROPIN), "somebody else's file was removed")


@test("%d starts: each is told by four events, in order" % STARTS)
def many_starts():
    fresh()
    ids = [bulk(740 + i, privileged=i % 2 == 1) for i in range(4)]
    took = []
    n = 0
    while n < STARTS:
        batch = []
        for vmid in ids:
            took.append(cycle(vmid)[0])
            batch += ["%d %s" % (vmid, t)
                      for t in ("pre-start", "start-host", "stop", "post-stop")]
        equal(told(), batch, "the spool")
        n += len(ids)
    took.sort()
    note("%d starts: median %.1f ms, 99 %% %.1f ms, worst %.1f ms" % (
        n, took[n // 2], took[n * 99 // 100], took[-1]))
    # the rest of it is the machine's: starts without hooks have the same tail
    check(took[n * 90 // 100] < statistics.median(took) + ADDED_MS, "90 %% take %.1f ms"
          % took[n * 90 // 100])


if __name__ == "__main__":
    if not os.access(BUILD + "/src/hook/hook", os.X_OK):
        print("1..0 # SKIP there is no hook in the build directory")
        raise SystemExit(77)
    try:
        main()
    finally:
        # the tests after this one start from a node without hooks
        remove(DROPIN)
        remove("/run/ctscope")
