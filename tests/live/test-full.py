#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The disk of the store is full while the collector runs: events of the life cycle go on,
visible at once, into space that was reserved, though somebody takes all that becomes free;
samples stop and are counted; when there is space again everything goes on."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
from collectlib import Collector, events, last_seq, query, wait_event  # noqa: E402
from live import (Skip, check, ctscope, destroy, equal, main, make, note, pct,  # noqa: E402
                  test, until)

VMID = 965
SIZE_MIB = 48
RESERVE = 5 << 20  # DBFILE_RESERVE_BYTES
FILL = lib.LIB + "/fill"
FULL = "the disk of the store is full"


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def hook_file(n):
    """As a hook writes it; the time of its rename."""
    boot, real = int(now() * 1e6), int(time.time() * 1e6)
    name = "%013x-%014x-%06x01" % (boot, real, random.getrandbits(24))
    with open(lib.SPOOL + "/." + name, "w") as f:
        f.write("ctscope-hook 1\nvmid %d\ntype guest-post-start\nreal-usec %d\nboot-usec %d\n"
                "end\n" % (VMID + 1 + n % 7, real, boot))
    os.chmod(lib.SPOOL + "/." + name, 0o644)
    os.rename(lib.SPOOL + "/." + name, lib.SPOOL + "/" + name)
    return name


def reserve():
    try:
        return os.stat(lib.LIB + "/ctscope.db-reserve").st_size
    except FileNotFoundError:
        return 0


def fill():
    """Not one page is left; what somebody gives back is taken too."""
    with open(FILL, "ab") as f:
        for size in (1 << 20, 1 << 16, 1 << 12, 1 << 10, 1):
            try:
                while True:
                    os.write(f.fileno(), b"x" * size)
            except OSError:
                pass
    check(os.statvfs(lib.LIB).f_bavail == 0, "there is room")


def put_files(n):
    """How long until each of them is seen by a reader."""
    ms = []
    for i in range(n):
        t, name = now(), hook_file(i)
        until(lambda name=name: query("SELECT 1 FROM events WHERE id = ?", (name,)),
              "the event of a hook's file is visible", 20)
        ms.append((now() - t) * 1e3)
    return sorted(ms)


def blocks():
    """Of ours: a minute of the node's others may end before the disk is full."""
    return query("SELECT count(*) AS n FROM blocks WHERE vmid = ?", (VMID,))[0]["n"]


def nospace(after=0):
    return sum(e["data"].get("count", 0) for e in events(after=after, types=["collector"])
               if e["data"].get("reason") == "nospace")


def said(what, after):
    return [e for e in events(after=after, types=["collector"]) if e["data"].get("what") == what]


def bounce(after):
    """One life, which is told as a whole."""
    pct.start(VMID)
    wait_event(VMID, "started", after)
    time.sleep(2.2)  # some samples
    pct.kill(VMID)
    e = wait_event(VMID, "stopped", after)
    pct.wait_stopped(VMID)
    return e


def use_reserve():
    n = 0
    while reserve() and n < 4000:
        put_files(1)
        fill()
        n += 1
    check(not reserve(), "the reserve is not used after %d events" % n)
    note("in use after %d events" % n)


def flood():
    """Far beyond what was left of a file."""
    return [hook_file(i) for i in range(2000)]


def all_there(names):
    until(lambda: query("SELECT count(*) AS n FROM events WHERE id >= ? AND id <= ?",
                        (min(names), max(names)))[0]["n"] == len(names),
          "2000 events more", 60)


def while_full(c):
    """Whatever becomes free is taken by somebody else: what goes on is in what is ours."""
    seq, had = last_seq(), blocks()
    fill()
    use_reserve()
    all_there(flood())
    fill()
    ms = put_files(50)
    note("each is visible: median %.1f ms, max %.1f ms" % (ms[len(ms) // 2], ms[-1]))
    for _ in range(2):
        equal(bounce(last_seq())["life"] > 0, True, "its life")
    fill()
    out = ctscope("events", str(VMID), "--json", "-n", "4").out.decode().splitlines()
    equal([json.loads(x)["type"].rsplit(".", 1)[1] for x in out][-2:], ["stopped", "poststop"],
          "what `events` shows")
    check(blocks() == had, "blocks were stored, there were %d: %s; %s" % (
        had, query("SELECT level, vmid, life, start, n FROM blocks"), lib.logged()))
    equal((len(said("store-full", seq)), len(said("store-resumed", seq))), (1, 0), "it says so")
    until(lambda: FULL in c.status(), "the line of the service says so", 15)
    all_there(flood())
    check(c.p.poll() is None, "the collector ended")
    return seq


def mount_tmpfs():
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dM,mode=750,uid=%d,gid=%d" % (
        SIZE_MIB, lib.USER.pw_uid, lib.USER.pw_gid), "tmpfs", lib.LIB], check=True)


def mount_ext4():
    """With blocks that are kept for root, who fills them, as on a node."""
    # when all is over the collector wants sixteen MiB that are not root's
    with open("/run/node/ext4", "wb") as f:
        f.truncate((SIZE_MIB + 24) << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "30", "/run/node/ext4"], check=True)
    p = subprocess.run(["mount", "-o", "loop", "/run/node/ext4", lib.LIB], capture_output=True)
    if p.returncode:
        raise Skip("no loop device: %s" % p.stderr.decode().strip())
    os.chown(lib.LIB, lib.USER.pw_uid, lib.USER.pw_gid)
    os.chmod(lib.LIB, 0o750)


def goes_full(mount):
    if not os.path.exists(lib.CTSCOPED):
        raise Skip("ctscoped is not built (no libsystemd)")
    lib.fresh_node()
    mount()
    c = None
    try:
        lib.hooks_on()
        c = Collector(notify=True)
        make(VMID, start=False)
        bounce(0)
        equal(reserve(), RESERVE, "the reserve")
        until(blocks, "the minutes of a life that ended")
        seq = while_full(c)
        equal(nospace(seq), 0, "told while there is no space")
        had, last = blocks(), last_seq()
        os.unlink(FILL)
        until(lambda: reserve() == RESERVE, "the reserve is there again", 15)
        until(lambda: nospace(last) >= 2, "samples that were dropped are told of", 15)
        equal(len(said("store-resumed", last)), 1, "it says so")
        until(lambda: FULL not in c.status(), "nor does the line of the service", 15)
        bounce(last)
        until(lambda: blocks() > had, "samples are stored again")
        note("%d blocks were dropped and told of" % nospace(seq))
        equal(query("PRAGMA integrity_check")[0]["integrity_check"], "ok", "the store")
        lives = query("SELECT count(*) AS n, sum(stopped IS NULL) AS up FROM lives WHERE "
                      "vmid = ?", (VMID,))[0]
        equal((lives["n"], lives["up"]), (4, 0), "lives")
        equal(c.stop(), 0, "exit code")
        c = None
    finally:
        if c:
            c.p.kill()
            c.p.wait()
        subprocess.run(["umount", "-l", lib.LIB], check=False)
        lib.hooks_off()
    destroy(VMID)


@test("a full disk: events go on, samples are counted, and all goes on when there is space")
def full():
    goes_full(mount_tmpfs)


@test("one whose last blocks are for root alone, who has them: the same")
def full_ext4():
    goes_full(mount_ext4)


def fail_once(pid, call):
    """The next of these calls of the collector fails, as on a disk that is about to die."""
    p = subprocess.Popen(["strace", "-f", "-qq", "-o", "/run/node/strace", "-p", str(pid), "-e",
                          "trace=" + call, "-e", "inject=%s:error=EIO:when=1" % call])
    until(lambda: all(tracer(pid, t) for t in os.listdir("/proc/%d/task" % pid)),
          "strace has each of its threads", 10)
    return p


def tracer(pid, tid):
    with open("/proc/%d/task/%s/status" % (pid, tid)) as f:
        return int(f.read().split("TracerPid:")[1].split()[0])


@test("a disk that fails once: the event is stored, what happened is told when it was over")
def failed_once():
    if not shutil.which("strace"):
        raise Skip("no strace")
    lib.fresh_node()
    c = Collector()
    try:
        seq = last_seq()
        p = fail_once(c.p.pid, "fdatasync")
        try:
            put_files(3)
        finally:
            p.send_signal(signal.SIGINT)
            p.wait()
        until(lambda: said("store-error", seq), "it says so", 15)
        told = said("store-error", seq)
        equal([e["data"]["count"] for e in told], [1], "errors that are told")
        check("I/O error" in told[0]["data"]["text"], "its text: %s" % told[0]["data"])
        put_files(3)
        equal(query("SELECT count(*) AS n FROM events WHERE origin = 'hook' AND seq > ? AND vmid "
                    "BETWEEN ? AND ?", (seq, VMID + 1, VMID + 7))[0]["n"], 6, "events of hooks")
        check("1 errors of the store" in ctscope("doctor", code=1).out.decode(), "doctor says so")
    finally:
        c.stop()


if __name__ == "__main__":
    main()
