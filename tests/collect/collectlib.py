# SPDX-License-Identifier: LGPL-2.1-or-later
"""The collector on the scratch node, as an ordinary user: what its tests share."""
import atexit
import grp
import json
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE + "/../live")
from live import BUILD, SLOW, Failed, note, pct, until  # noqa: E402


def reachable(path):
    """A copy, where it can be had: who runs it, or loads it, is no user who comes into /root."""
    copy = "/run/node/bin/" + os.path.basename(path)
    if not os.path.exists(path) or not os.path.isdir("/run/node"):
        return path
    new, old = os.stat(path), os.stat(copy) if os.path.exists(copy) else None
    if not old or (old.st_size, int(old.st_mtime)) != (new.st_size, int(new.st_mtime)):
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy2(path, copy + ".new")
        os.rename(copy + ".new", copy)
    return copy


CTSCOPED = os.environ.get("CTSCOPED") or reachable(BUILD + "/ctscoped")
RUN = "/run/ctscope"
SPOOL = RUN + "/spool"
LIB = "/var/lib/ctscope"
DROPIN = "/usr/share/lxc/config/common.conf.d/50-ctscope.conf"
HOOK = "/run/node/libexec/hook"
USER = pwd.getpwnam("nobody")


@atexit.register
def leave_none():
    """Of a few tests alone the last one, which ends it, is none: it would be in the others' way."""
    for c in Collector.all:
        if c.p.poll() is None:
            try:
                os.kill(c.pid(), signal.SIGCONT)
                os.kill(c.pid(), signal.SIGTERM)
                c.p.wait(timeout=20 * SLOW)
            except (OSError, subprocess.TimeoutExpired):
                c.p.kill()
                c.p.wait()


def groups():
    found = []
    for name in ("www-data", "systemd-journal"):
        try:
            found.append(str(grp.getgrnam(name).gr_gid))
        except KeyError:
            pass
    return ",".join(found)


def hooks_on():
    os.makedirs(os.path.dirname(HOOK), exist_ok=True)
    shutil.copy(BUILD + "/src/hook/hook", HOOK)
    with open(HERE + "/../../hooks/50-ctscope.conf.in") as f:
        pct.write(DROPIN, f.read().replace("@HOOK@", HOOK))


def hooks_off():
    if os.path.exists(DROPIN):
        os.unlink(DROPIN)


def fresh_node():
    """Directories as tmpfiles.d and the unit make them, with nothing in them."""
    for d in (RUN, LIB):
        shutil.rmtree(d, ignore_errors=True)
    os.makedirs(SPOOL)
    os.makedirs(LIB)
    for d in (RUN, SPOOL, LIB):
        os.chown(d, USER.pw_uid, USER.pw_gid)
    os.chmod(SPOOL, 0o770)
    os.chmod(LIB, 0o750)


class Collector:
    all = []

    def __init__(self, *args, wrap=(), wait=True, env=None, notify=False):
        self.log = open(RUN + "/log", "ab")
        self.born = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6)
        cmd = ["setpriv", "--reuid=%d" % USER.pw_uid, "--regid=%d" % USER.pw_gid,
               "--groups=" + groups(), "--inh-caps=-all", "--bounding-set=-all",
               "--no-new-privs"]
        env = dict(os.environ, **(env or {}))
        self.said = []  # to the service manager
        self.socket = None
        if notify:
            path = RUN + "/notify"
            if os.path.exists(path):
                os.unlink(path)
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(path)
            os.chmod(path, 0o666)
            env["NOTIFY_SOCKET"] = path
            # its queue is short, and who sends waits
            threading.Thread(target=self.listen, daemon=True).start()
        self.p = subprocess.Popen(cmd + list(wrap) + [CTSCOPED] + list(args),
                                  stdin=subprocess.DEVNULL, stdout=self.log,
                                  stderr=self.log, cwd="/", env=env)
        Collector.all.append(self)
        if wait:
            until(lambda: self.p.poll() is not None or self.is_up(), "the collector is up")
            if self.p.poll() is not None:
                raise Failed("the collector ended with %d: %s" % (self.p.returncode, logged()))

    def pid(self):
        """Of ctscoped itself, strace may be around it."""
        pid = self.p.pid
        while True:
            try:
                with open("/proc/%d/comm" % pid) as f:
                    if f.read().strip() == "ctscoped":
                        return pid
                with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                    kids = f.read().split()
            except FileNotFoundError:
                return None
            if not kids:
                return None
            pid = int(kids[0])

    def listen(self):
        while True:
            self.said += self.socket.recv(8192).decode().splitlines()

    def heard(self):
        """What it told the service manager until now: READY=1, STATUS=..."""
        return list(self.said)

    def wait_ready(self, seconds=10):
        end = time.monotonic() + seconds * SLOW
        while "READY=1" not in self.heard():
            if self.p.poll() is not None or time.monotonic() > end:
                raise Failed("never ready, exit %s: %s" % (self.p.returncode, logged()))
            time.sleep(0.005)

    def status(self):
        """The last one."""
        v = [x[7:] for x in self.heard() if x.startswith("STATUS=")]
        return v[-1] if v else ""

    def is_up(self):
        return any(e["data"].get("what") == "started" and e["boot_usec"] >= self.born
                   for e in events(types=["collector"]))

    def stop(self, sig=signal.SIGTERM, wait=15):
        pid = self.pid()
        if pid and pid != self.p.pid and sig == signal.SIGKILL:
            os.kill(pid, sig)  # a strace that is killed leaves it alone
        else:
            self.p.send_signal(sig)
        try:
            return self.p.wait(wait * SLOW)
        except subprocess.TimeoutExpired:
            self.p.kill()
            raise Failed("no end after a signal")
        finally:
            self.log.close()


def logged():
    with open(RUN + "/log", errors="replace") as f:
        return f.read()[-2000:]


def query(sql, args=()):
    try:
        db = sqlite3.connect("file:%s/ctscope.db?mode=ro" % LIB, uri=True, timeout=10)
    except sqlite3.OperationalError:
        return []
    try:
        db.row_factory = sqlite3.Row
        db.text_factory = lambda b: b.decode(errors="replace")  # it may be damaged
        return [dict(r) for r in db.execute(sql, args)]
    except sqlite3.OperationalError as e:
        if "no such table" in str(e) or "unable to open" in str(e):
            return []
        raise
    finally:
        db.close()


def events(vmid=None, after=0, types=None):
    """In the order they were stored, data parsed."""
    rows = query("SELECT * FROM events WHERE seq > ? ORDER BY seq", (after,))
    for r in rows:
        r["data"] = json.loads(r["data"] or "{}")
    return [r for r in rows if (vmid is None or r["vmid"] == vmid) and
            (types is None or r["type"] in types)]


def last_seq():
    rows = query("SELECT max(seq) AS n FROM events")
    return (rows[0]["n"] or 0) if rows else 0


def wait_event(vmid, kind, after, seconds=10, match=None):
    """The first of that kind after `after`."""
    def found():
        for e in events(vmid, after, [kind]):
            if match is None or match(e):
                return e
        return None
    try:
        return until(found, "an event %s of %s" % (kind, vmid), seconds)
    except Failed as f:
        seen = ["%s%s %s" % ("~" if e["inferred"] else "", e["type"],
                             e["data"].get("cause", "")) for e in events(vmid, after)]
        raise Failed("%s; seen: %s; log: %s" % (f, seen, logged()))


def show(vmid, after):
    for e in events(vmid, after):
        note("%s %s life %s %s %s" % (e["type"], e["origin"], e["life"],
                                      "inferred" if e["inferred"] else "",
                                      json.dumps(e["data"])[:200]))
