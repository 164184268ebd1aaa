#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""logs and backups of real containers: starts that work and fail, following, destroyed.

The numbers 800 and following are of this test alone: task logs outlive their container.
"""
import calendar
import os
import time

from live import (SLOW, Follow, check, ctjson, ctscope, destroy, equal, main, make, pct, slack,
                  test)


def lines(vmid, *args):
    return ctjson("logs", vmid, *args)["lines"]


def texts(vmid, source):
    return [x["text"] for x in lines(vmid, "--source", source)]


def at(line):
    return calendar.timegm(time.strptime(line["time"][:19], "%Y-%m-%dT%H:%M:%S"))


@test("a start is a line with its type, user and status, at the time it was")
def started():
    before = time.time()
    make(800)
    # others have used its number before
    got = [x for x in lines(800, "--source", "task")
           if x["text"].startswith("vzstart") and at(x) >= before - 2]
    equal([x["text"] for x in got], ["vzstart by root@pam: OK"], "tasks")
    check(at(got[0]) <= time.time() + 1, got[0]["time"])


@test("a failed start has its error, and what lxc-start said")
def failed():
    make(801, start=False, raw=("lxc.init.cmd: /does/not/exist",))
    try:
        pct.start(801)
    except pct.Error:
        pass
    task = texts(801, "task")
    check(any("startup for container '801' failed" in x for x in task), task)
    err = texts(801, "stderr")
    check(any(x.startswith("lxc-start: 801: ") for x in err), err)
    check(not any("800" in x for x in task + err), "lines of another container")
    got = lines(801, "-p", "err")
    check({x.get("level", "error") for x in got} == {"error"}, got)
    check({"task", "stderr"} <= {x["source"] for x in got}, got)
    equal(lines(801, "--priority", "crit", "--source", "task,stderr"), [], "worse ones")


@test("new lines are followed, and an interrupt ends it well")
def followed():
    make(802, start=False)
    with Follow(802, "--source", "task,stderr") as p:
        time.sleep(1 * SLOW)
        pct.start(802)
        p.wait("TASK OK", "the end of the task")
        # ": started", unless it was over before the list was looked at again
        check("vzstart by root@pam: " in p.out, p.out)


@test("of a destroyed container the logs are still there")
def gone():
    make(803)
    destroy(803)
    r = ctscope("logs", "803", "--source", "task")
    check(b"vzstart by root@pam: OK" in r.out, r.out)
    check(b"803" in r.err and b"left here" in r.err, r.err)
    equal(ctscope("logs", "899", code=None).code, 3, "one that never was")


@test("an archive is its last backup, a lock without vzdump is stale")
def backup():
    make(804, start=False, lock="backup")
    os.makedirs("/var/lib/vz/dump", exist_ok=True)
    name = "/var/lib/vz/dump/vzdump-lxc-804-" + time.strftime("%Y_%m_%d-%H_%M_%S") + ".tar.zst"
    with open(name, "w") as f:
        f.write("x" * 1000)
    try:
        c = ctjson("backups", 804)["container"]
        equal(c["last"]["size"], 1000, "size")
        check(0 <= c["last"]["age"] <= 60 * slack(), c["last"]["age"])
        equal(c["stale_lock"], True, "stale_lock")
    finally:
        os.unlink(name)
    check("last" not in ctjson("backups", 804)["container"], "it is gone")


main()
