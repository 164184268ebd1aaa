#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A container that floods its logs: its journal, its syslog and its console. What is read of
it is bounded, what another says is all there, and the collector has its ticks."""
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
import journals  # noqa: E402
import live  # noqa: E402
from live import (BUILD, SLOW, Failed, Follow, Load, Skip, check, ctscope, equal, guest,  # noqa: E402
                  main, make, note, pct, rootfs, slack, test, until)

ATTACKER = BUILD + "/tests/guest/attacker"
JOURNALD = "/lib/systemd/systemd-journald"
A, B = 650, 651
CONSOLE = "/run/console-650.log"
SYSLOG = "/var/log/syslog"
RATE = 100000  # lines a second
MAX = 64 << 20
SECONDS = 60 if os.environ.get("GUEST_LONG") else 10
MIB = 1 << 20


class Flood(Load):
    def __init__(self, vmid, name, path, rate, most=0):
        self.born = time.monotonic()
        self.p = subprocess.Popen(["lxc-attach", "-n", str(vmid), "--clear-env", "--",
                                   "/bin/attacker", "flood", name, path, str(rate), str(most)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.p.stdout.readline() != b"ready\n":
            raise Failed("flood of %s: exit %d" % (path, self.p.wait()))


class Journald:
    """systemd's own, in the container, with the libraries it needs."""

    def __init__(self, vmid):
        if not os.path.exists(JOURNALD):
            raise Skip("no systemd-journald")
        d = rootfs(vmid) + "/srv/j"
        os.makedirs(d)
        libs = subprocess.run(["ldd", JOURNALD], stdout=subprocess.PIPE, check=True).stdout.decode()
        files = [w for w in libs.split() if w[0] == "/"]
        loader = [os.path.basename(f) for f in files if "/ld-" in f][0]
        for f in files + [JOURNALD]:
            subprocess.run(["cp", "-L", f, d], check=True)
        journals.put(rootfs(vmid), "/etc/machine-id", journals.ID + "\n")
        journals.put(rootfs(vmid), "/etc/systemd/journald.conf",
                     "[Journal]\nStorage=volatile\nRateLimitBurst=0\nReadKMsg=no\nAudit=no\n"
                     "RuntimeMaxFileSize=8M\nRuntimeMaxUse=64M\n")
        self.p = subprocess.Popen(["lxc-attach", "-n", str(vmid), "--clear-env", "--", "/bin/sh",
                                   "-c", "mkdir -p /run/systemd/journal; exec /srv/j/%s "
                                   "--library-path /srv/j /srv/j/systemd-journald" % loader],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = "/run/systemd/journal/socket"
        until(lambda: os.path.exists("/proc/%d/root%s" % (pct.init_pid(vmid), self.socket)),
              "its journald")


def spent(*args):
    """Seconds, KiB of memory and output of a command."""
    t0 = time.monotonic()
    p = subprocess.Popen([live.CTSCOPE] + [str(a) for a in args], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out = p.stdout.read()
    err = p.stderr.read()
    _, code, use = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(code)
    p.stdout.close()
    p.stderr.close()
    equal(p.returncode, 0, "exit of %s: %s" % (args, err))
    return time.monotonic() - t0, use.ru_maxrss, out


def numbers(name, text):
    return [int(n) for n in re.findall(r" %s: ([0-9]+)\n" % name, text)]


def peak(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+([0-9]+)", f.read()).group(1))


COMMANDS = {
    "200 lines of all": ("logs", A),
    "its journal": ("logs", A, "--source", "guest", "-n", 50),
    "all of its syslog": ("logs", A, "--source", "syslog", "-n", "all"),
    "a line that is not there": ("logs", A, "--source", "syslog,console", "--grep", "^nowhere$"),
    "200 lines of the other": ("logs", B),
}


def node():
    if not os.path.exists(lib.CTSCOPED):
        raise Skip("ctscoped is not built (no libsystemd)")
    lib.fresh_node()
    make(A, start=False, raw=('lxc.console.logfile: "%s"' % CONSOLE,))
    make(B, start=False)
    for vmid in (A, B):
        shutil.copy(ATTACKER, rootfs(vmid) + "/bin/attacker")
        pct.start(vmid)
        until(lambda: guest(vmid, "/bin/true") == "", "start")


def ticks(vmid, seconds):
    """The recorder's seconds of a container."""
    r = ctscope("history", vmid, "--since", "-%ds" % seconds, "--step", "1", "-m", "pids,cpu-used",
                "--json")
    return json.loads(r.out)["container"]["points"]


def calm(journald):
    with Flood(A, "calm", SYSLOG, 100), Flood(A, "calm", "/dev/console", 100), \
            Flood(A, "calm", journald.socket, 100), Flood(B, "calm", SYSLOG, 100):
        time.sleep(2)
        return {what: spent(*args) for what, args in COMMANDS.items()}


def greedy(path, seconds):
    """What somebody reads who follows all of it."""
    n, end = 0, time.monotonic() + seconds
    with open(path, "rb", buffering=0) as f:
        while time.monotonic() < end:
            got = len(f.read(1 << 20))
            n += got
            if not got:
                f.seek(0)
    return n


def look(flooded, worst):
    """Each command once, and what both followers have by now."""
    for what, args in COMMANDS.items():
        got = spent(*args)
        worst[what] = [max(a, b) for a, b in zip(worst.get(what, (0, 0)), got)] + [got[2]]
        flooded.has("")


@test("H51 a container that floods journal, syslog and console: the other's lines are all there")
def h51():
    node()
    collector = lib.Collector()
    journald = Journald(A)
    before, worst = calm(journald), {}
    for vmid in (A, B):
        os.truncate(rootfs(vmid) + SYSLOG, 0)
    t0 = time.monotonic()
    with Follow(B, "--source", "inside", "-n", "all") as other:
        with Follow(A, "--source", "inside,console") as flooded, \
                Flood(B, "drip", SYSLOG, 50) as drip:
            with Flood(A, "flood", SYSLOG, RATE, MAX) as flood, \
                    Flood(A, "flood", "/dev/console", RATE), \
                    Flood(A, "flood", journald.socket, RATE):
                while time.monotonic() < t0 + SECONDS:
                    look(flooded, worst)
                naive = greedy(rootfs(A) + SYSLOG, 1)
                with open(rootfs(A) + SYSLOG, "rb") as f:
                    f.seek(-4096, 2)
                    lines = numbers("flood", f.read().decode())[-1]
                rate = lines / (time.monotonic() - flood.born)
                kept = peak(flooded.p.pid)
            points = {vmid: ticks(vmid, SECONDS) for vmid in (A, B)}
            time.sleep(0.5)
            said = time.monotonic() - drip.born
        with open(rootfs(B) + SYSLOG) as f:
            last = numbers("drip", f.read())[-1]
        other.wait(" drip: %d\n" % last, "the other's last line", 10)
    journal = numbers("flood", worst["its journal"][2].decode())
    note("%.0f lines a second in the syslog, %.0f MB of the console, line %s of the journal" % (
        rate, os.path.getsize(CONSOLE) / 1e6, journal[-1:]))
    for what in COMMANDS:
        note("%s: %.2f s and %d MiB at most; before %.2f s and %d MiB" % (
            what, worst[what][0], worst[what][1] // 1024, before[what][0], before[what][1] // 1024))
    note("who follows: %d MiB; a naive reader had %d MiB in a second" % (kept // 1024, naive // MIB))

    check(rate > 0.9 * RATE / SLOW, "control: it floods, %.0f lines a second" % rate)
    check(naive > 8 * MIB, "control: a naive reader had %d bytes" % naive)
    check(journal, "its journal has lines of the flood")
    got = numbers("drip", other.out)
    equal(got, list(range(1, last + 1)), "the other's lines")
    check(last > 40 * said, "it had %d lines in %.1f s" % (last, said))
    for what in COMMANDS:
        check(worst[what][0] < 3 * slack(), "%s: %.2f s" % (what, worst[what][0]))
        check(worst[what][1] < before[what][1] + 48 * 1024, "%s: %d KiB" % (what, worst[what][1]))
    check(kept < before["200 lines of all"][1] + 48 * 1024, "who follows: %d KiB" % kept)
    check("grows too fast, lines of it are left out" in flooded.err, "it is said: " + flooded.err)
    for vmid, p in points.items():
        check(len(p) >= SECONDS - 2, "%d of %d ticks of %d" % (len(p), SECONDS, vmid))
        equal([x for x in p[1:] if x.get("gap")], [], "gaps of %d" % vmid)
    check(collector.p.poll() is None, "the collector ended: " + lib.logged())


main()
