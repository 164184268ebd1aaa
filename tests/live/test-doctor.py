#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""ctscope doctor: each way in which an installation can be broken is made for real, is found
by its check and by no other one, and once it is mended all is silent again."""
import collections
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
from collectlib import Collector  # noqa: E402
from live import (BUILD, Hang, Skip, check, ctscope, destroy, equal, keep, main,  # noqa: E402
                  make, note, pct, slack, test, until)

VMID = 970
OWN = range(VMID, VMID + 3)
# what this machine, rather than the installation, may lack
MACHINE = {"kernel", "controllers", "pressure", "journal"}
LIMIT = 12
ID = 64990
SOCKET = "/run/ctscope-reader.sock"
CTSCOPED = "/run/node/libexec/ctscoped"
CONFIG = "/etc/ctscope/ctscope.conf"
WAIVERS = "/etc/ctscope/waivers.conf"
STORE = lib.LIB + "/ctscope.db"
SAVED = "/run/node/drop-in.saved"
OTHER = os.path.dirname(lib.DROPIN) + "/60-site.conf"

base = set()
now = {}


# ---- an installation as a package makes it ------------------------------------------

def accounts():
    for name, line in (("passwd", "ctscope:x:%d:%d::/:/bin/false\n" % (ID, ID)),
                       ("group", "ctscope:x:%d:\n" % ID)):
        with open("/etc/" + name, "a") as f:
            f.write(line)
    with open("/etc/group") as f:
        if not any(x.startswith("systemd-journal:") for x in f):
            with open("/etc/group", "a") as g:
                g.write("systemd-journal:x:64991:\n")
    user = collections.namedtuple("user", "pw_uid pw_gid")
    lib.USER = user(ID, ID)


def listen():
    """In the place of systemd, which is not here."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.path.lexists(SOCKET):
        os.unlink(SOCKET)
    s.bind(SOCKET)
    os.chown(SOCKET, ID, ID)
    os.chmod(SOCKET, 0o600)
    s.listen(4)
    now["socket"] = s


def collect():
    """Its database may be one that nobody can read until it has begun another one."""
    def up():
        try:
            return now["collector"].is_up()
        except sqlite3.DatabaseError:
            return False
    now["collector"] = Collector(wait=False)
    until(up, "the collector is up", 20)
    until(lambda: os.path.exists(lib.RUN + "/ring"), "the recorder's ring")


def stop_collector(sig=signal.SIGTERM):
    if now["collector"].p.poll() is None:
        os.kill(now["collector"].pid(), signal.SIGCONT)
        now["collector"].stop(sig)


def put_program(source=BUILD + "/src/hook/hook"):
    os.makedirs(os.path.dirname(lib.HOOK), exist_ok=True)
    if os.path.exists(lib.HOOK):
        os.unlink(lib.HOOK)
    shutil.copy(source, lib.HOOK)
    os.chmod(lib.HOOK, 0o755)


# ---- what it says -------------------------------------------------------------------

def ask(*args, code=None):
    r = ctscope("doctor", *args, code=code)
    check(r.seconds < LIMIT * slack(), "doctor took %.1f s" % r.seconds)
    equal(r.err, b"", "stderr")
    return r


def found():
    """{check: [(seen, fix)]} of what is not this machine's own fault, nor of other
    containers: they may have been started before the hooks were there."""
    r = ask("--json")
    checks = json.loads(r.out)["checks"]
    got = {c["check"]: [(f["seen"], f.get("fix", "")) for f in c["findings"]
                        if f.get("vmid", VMID) in OWN] for c in checks if c["check"] not in base}
    equal(r.code, 1 if any(c["findings"] for c in checks) else 0, "exit code; found: %s" % got)
    return {name: findings for name, findings in got.items() if findings}


def only(name, seen, n=1):
    """That check finds it, no other one anything; gives the command that mends it."""
    got = until(found, "anything is found")
    check(set(got) == {name}, "expected %s alone: %s" % (name, got))
    equal(len(got[name]), n, "findings of %s: %s" % (name, got))
    check(seen in got[name][0][0], "%r, expected %r in it" % (got[name][0][0], seen))
    note("%s: %s -> %s" % (name, *got[name][0]))
    return got[name][0][1]


def silent(seconds=10):
    last = {}

    def quiet():
        last.clear()
        last.update(found())
        return not last
    try:
        until(quiet, "silent again", seconds)
    except Exception:
        note("still: %s" % last)
        raise


def shell(cmd):
    """What it says is to be typed."""
    p = subprocess.run(["sh", "-c", cmd], stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, check=False, timeout=60)
    equal(p.returncode, 0, "%s: %s" % (cmd, p.stderr))


def heal():
    """What a test that failed has left broken is not in the way of the next one."""
    put_program()
    with open(SAVED) as f:
        saved = f.read()
    try:
        with open(lib.DROPIN) as f:
            text = f.read()
    except FileNotFoundError:
        text = None
    if text != saved:
        pct.write(lib.DROPIN, saved)
    for path in (OTHER, CONFIG, WAIVERS, lib.LIB + "/fill"):
        if os.path.exists(path):
            os.unlink(path)
    os.chown(lib.SPOOL, ID, ID)
    os.chmod(lib.SPOOL, 0o770)
    if now["socket"].fileno() < 0:
        listen()
    os.chmod(SOCKET, 0o600)
    for vmid in (VMID + 1, VMID + 2):
        destroy(vmid)
    if now["collector"].p.poll() is not None:
        collect()
    else:
        os.kill(now["collector"].pid(), signal.SIGCONT)


def fault(claim):
    """A test of something that is broken: begins and ends with a sound installation."""
    def add(fn):
        def broken():
            heal()
            silent()
            fn()
            silent()
        broken.__name__ = fn.__name__
        test(claim)(broken)
        return fn
    return add


@test("a sound installation is silent", base=True)
def sound():
    if not os.path.exists(lib.CTSCOPED):
        raise Skip("ctscoped is not built (no libsystemd)")
    accounts()
    lib.fresh_node()
    shutil.copy(lib.CTSCOPED, "/run/node/ctscoped.copy")
    os.makedirs(os.path.dirname(CTSCOPED), exist_ok=True)
    shutil.copy(lib.CTSCOPED, CTSCOPED)
    lib.CTSCOPED = CTSCOPED
    put_program()
    ctscope("hooks", "install", "--program", lib.HOOK)
    shutil.copy(lib.DROPIN, SAVED)
    collect()
    listen()
    make(VMID)
    keep(VMID)
    until(lambda: lib.events(VMID, types=["started"]), "its start")
    base.update(found())
    check(base <= MACHINE, "what is found is not this machine's: %s" % (base - MACHINE))
    silent()
    r = ask()
    note(r.out.decode())
    check(r.out.decode().splitlines()[-1].startswith("29 checks"), "the last sentence")
    for c in json.loads(ask("--json").out)["checks"]:
        others = c["findings"] and all(f.get("vmid", VMID) not in OWN for f in c["findings"])
        check(c["check"] in base | {"service"} or c["state"] == "fine" or others,
              "%s is %s: %s" % (c["check"], c["state"], c.get("says")))
    service = [c for c in json.loads(ask("--json").out)["checks"] if c["check"] == "service"]
    equal(service[0]["state"], "unchecked", "systemd, which does not run here, is not fine")


# ---- hooks --------------------------------------------------------------------------

@fault("the hook's program: gone, not executable, anybody's, of another machine, broken")
def program():
    os.unlink(lib.HOOK)
    only("hook-program", "not there")
    put_program()
    silent()
    os.chmod(lib.HOOK, 0o644)
    shell(only("hook-program", "not a program"))
    silent()
    os.chmod(lib.HOOK, 0o777)
    shell(only("hook-program", "somebody else"))
    silent()
    with open(lib.HOOK, "r+b") as f:
        f.seek(18)
        f.write(b"\xf3\0")  # RISC-V
    only("hook-program", "kind of machine")
    put_program("/bin/false")
    only("hook-program", "ended with 1")
    put_program("/usr/bin/yes")
    only("hook-program", "does not end")
    put_program()
    silent()


@fault("the drop-in: gone, edited, with a line that LXC takes for an error")
def dropin():
    with open(lib.DROPIN) as f:
        text = f.read()
    os.unlink(lib.DROPIN)
    fix = only("hook-drop-in", "not there")
    equal(fix, "ctscope hooks install", "what mends it")
    pct.write(lib.DROPIN, text.replace("exit 0", "exit 1", 1))
    only("hook-drop-in", "edited")
    pct.write(lib.DROPIN, text + "lxc.tty.max 4\n")
    only("hook-drop-in", "LXC starts no container")
    # as it was: a container that was started meanwhile would be one that does not report
    pct.write(lib.DROPIN, text)
    silent()


@fault("another drop-in that takes the hooks away")
def other():
    pct.write(OTHER, "lxc.hook.stop =\n")
    only("hook-include", "60-site.conf line 1 clears lxc.hook.stop")
    os.unlink(OTHER)
    silent()


@fault("a container that was started before the hooks were installed is named")
def before():
    with open(lib.DROPIN) as f:
        text = f.read()
    os.unlink(lib.DROPIN)
    make(VMID + 1)
    pct.write(lib.DROPIN, text)
    equal(only("hook-containers", "container %d was started before" % (VMID + 1)),
          "pct reboot %d" % (VMID + 1), "what mends it")
    pct.kill(VMID + 1)
    pct.wait_stopped(VMID + 1)
    pct.start(VMID + 1)
    silent()
    destroy(VMID + 1)


@fault("a container whose config takes our hooks away is named, with the line")
def cleared():
    make(VMID + 2, raw=["lxc.hook.stop:"])
    fix = only("hook-containers", "container %d: line" % (VMID + 2))
    check(fix.endswith("then pct reboot %d" % (VMID + 2)), fix)
    destroy(VMID + 2)
    silent()


# ---- the spool, the collector -------------------------------------------------------

@fault("a spool of somebody else, and one of a wrong mode")
def spool():
    os.chown(lib.SPOOL, 0, 0)
    only("spool", "user 0 and group 0")
    os.chown(lib.SPOOL, ID, ID)
    silent()
    os.chmod(lib.SPOOL, 0o777)
    only("spool", "everybody may write there")
    os.chmod(lib.SPOOL, 0o750)
    only("spool", "mode 0750")
    os.chmod(lib.SPOOL, 0o770)
    silent()


@fault("a collector that was killed, and events that wait for it")
def killed():
    stop_collector(signal.SIGKILL)
    check("systemctl start ctscoped" in only("collector", "no collector runs"), "the fix")
    make(VMID + 1)
    destroy(VMID + 1)
    check(os.listdir(lib.SPOOL), "nothing waits")
    only("collector", "no collector runs")
    collect()
    silent()


@fault("a collector that is stopped by a signal")
def stopped():
    pid = now["collector"].pid()
    os.kill(pid, signal.SIGSTOP)
    shell(only("collector", "process %d) is stopped by a signal" % pid))
    silent()


@fault("a collector whose program was replaced since it was started")
def replaced():
    os.unlink(CTSCOPED)
    shutil.copy("/run/node/ctscoped.copy", CTSCOPED)
    only("version", "replaced")
    stop_collector()
    collect()
    silent()


@fault("a recorder's ring that is none")
def ring():
    stop_collector()
    with open(lib.RUN + "/ring", "wb") as f:
        f.write(b"x" * 8192)
    got = found()
    check("recorder" in got or "collector" in got, "nothing is found: %s" % got)
    collect()
    silent()


@fault("nobody listens where the collector asks for the use of root disks")
def reader_socket():
    now["socket"].close()
    only("socket", "nobody listens")
    os.unlink(SOCKET)
    only("socket", "not there")
    listen()
    os.chmod(SOCKET, 0o666)
    only("socket", "0666")
    os.chmod(SOCKET, 0o600)
    silent()


# ---- the store ----------------------------------------------------------------------

@fault("a damaged database, and once it was set aside that")
def damaged():
    stop_collector()
    with open(STORE, "r+b") as f:
        f.write(b"this is no database any more" * 64)
    for part in ("-wal", "-shm"):
        if os.path.exists(STORE + part):
            os.unlink(STORE + part)
    got = found()
    equal(sorted(got), ["collector", "store"], "found")
    check("not a database" in got["store"][0][0], got["store"])
    collect()
    shell(only("store-aside", "ctscope.db.corrupt-"))
    silent()


@fault("a page that is damaged in the midst of it")
def page():
    stop_collector()
    with open(STORE, "r+b") as f:
        f.seek(8192)
        f.write(b"\xff" * 4096)
    got = found()
    check("store" in got, "not found: %s" % got)
    note(got["store"][0][0])
    steps = got["store"][0][1].split("; ")
    equal((steps[0], steps[-1]), ("systemctl stop ctscoped", "systemctl start ctscoped"),
          "what mends it")
    shell("; ".join(steps[1:-1]))
    collect()
    silent()
    os.unlink(STORE + ".damaged")


@fault("a disk that is full")
def full():
    stop_collector()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160M,mode=750,uid=%d,gid=%d" % (ID, ID),
                    "small", lib.LIB], check=True)
    try:
        collect()
        silent()
        with open(lib.LIB + "/fill", "wb") as f:
            try:
                while True:
                    f.write(b"x" * (1 << 20))
            except OSError:
                pass
        check("make room" in only("store-disk", "0 MiB"), "the fix")
        os.unlink(lib.LIB + "/fill")
        silent(30)
        stop_collector()
    finally:
        subprocess.run(["umount", "-l", lib.LIB], check=True)
    collect()
    silent()


# ---- the node -----------------------------------------------------------------------

@fault("/etc/pve that does not answer")
def pve():
    with Hang("all"):
        got = until(found, "anything is found")
        check(set(got) == {"pve"}, "expected pve alone: %s" % got)
        note("%s -> %s" % got["pve"][0])
    silent()


@fault("errors in our own files are told with their line")
def files():
    os.makedirs("/etc/ctscope", exist_ok=True)
    pct.write(CONFIG, "[store]\nmax_size = much\n")
    only("config", CONFIG + ":2: max_size: expected a size")
    os.unlink(CONFIG)
    pct.write(WAIVERS, "# none\nprivileged 970\n")
    only("waivers", WAIVERS + ":2: ")
    os.unlink(WAIVERS)
    silent()


@fault("a user or a group that is missing")
def users():
    for path, name, seen in (("/etc/group", "www-data:", "no group www-data"),
                             ("/etc/passwd", "ctscope:", "no user ctscope")):
        with open(path) as f:
            text = f.read()
        pct.write(path, "".join(x for x in text.splitlines(True) if not x.startswith(name)))
        equal(only("account", seen), "systemd-sysusers", "what mends it")
        pct.write(path, text)
        silent()


@fault("an ordinary user is told so, and what he cannot see is not fine")
def ordinary():
    p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                        os.environ["CTSCOPE"], "doctor", "--json"], capture_output=True,
                       check=False, timeout=60)
    equal(p.returncode, 1, "exit code: %s" % p.stderr)
    state = {c["check"]: c["state"] for c in json.loads(p.stdout)["checks"]}
    equal(state["root"], "warning", "root")
    for name in ("store", "collector", "service"):
        equal(state[name], "unchecked", name)


@test("no process is left, and the node is as it was")
def left():
    time.sleep(0.5)
    silent()
    stop_collector()
    left = [p for p in os.listdir("/proc") if p.isdigit() and comm(p) in ("hook", "yes")]
    check(not left, "left behind: %s" % left)


def comm(pid):
    try:
        with open("/proc/%s/comm" % pid) as f:
            return f.read().strip()
    except OSError:
        return ""


main()
