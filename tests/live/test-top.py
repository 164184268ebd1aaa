#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""top: real containers under load, with and without somebody who records."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
import live  # noqa: E402
from live import (BUILD, CGROUP, CTSCOPE, MIB, SLOW, Skip, cgfile, cgkey, check, controllers,
                  equal, main, make, near, note, one_of, slack, test, until)  # noqa: E402


def top(*args):
    p = subprocess.run([CTSCOPE, "top", "--json"] + list(args), stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60 * SLOW)
    equal(p.returncode, 0, "exit code (%s)" % p.stderr.decode())
    return [json.loads(line) for line in p.stdout.decode().splitlines()]


def row(doc, vmid):
    found = [c for c in doc["containers"] if c["vmid"] == vmid]
    check(found, "%d is not in %s" % (vmid, doc))
    return found[0]


def cpu_usec(vmid):
    with open("%s/lxc/%d/cpu.stat" % (CGROUP, vmid)) as f:
        return int(f.readline().split()[1])


def run(verb, vmid):
    subprocess.run(["pct", verb, str(vmid)], check=True)


class Load:
    """A process in the container's cgroup that is busy for part of the time."""

    def __init__(self, vmid):
        code = ("import os, time\n"
                "open('%s/lxc/%d/ns/cgroup.procs', 'w').write(str(os.getpid()))\n"
                "while True:\n"
                "    end = time.monotonic() + 0.01\n"
                "    while time.monotonic() < end: pass\n"
                "    time.sleep(0.03)\n" % (CGROUP, vmid))
        self.p = subprocess.Popen(["python3", "-c", code])

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.p.kill()
        self.p.wait()


class Recorder:
    def __enter__(self):
        feed = os.path.join(BUILD, "tests/live/feedring")
        if not os.path.exists(feed):
            raise Skip("tests/live/feedring is not built")
        self.p = subprocess.Popen([feed])
        until(lambda: os.path.exists("/run/ctscope/ring"), "the ring")
        return self

    def __exit__(self, *args):
        self.p.kill()
        self.p.wait()


@test("without a collector it samples itself, and tells the truth")
def own():
    make(330)
    with Load(330):
        before, start = cpu_usec(330), time.monotonic()
        docs = top("-n", "3", "-d", "1")
        used = (cpu_usec(330) - before) / (time.monotonic() - start) / 1e6
    equal([d["source"] for d in docs], ["sampled"] * 3, "source")
    got = sum(row(d, 330)["cores"] for d in docs) / 3
    off = near(got, used, 20, "CPUs of 330")
    note("330 used %.3f CPUs by its cgroup, %.3f by top: %.1f %% off" % (used, got, off))
    equal(docs[0]["containers"][0]["vmid"], 330, "the busiest is the first")


def at_once():
    before, start = cpu_usec(330), time.monotonic()
    time.sleep(3)
    used = (cpu_usec(330) - before) / (time.monotonic() - start) / 1e6
    start = time.monotonic()
    doc = top("-n", "1", "-d", "2")[0]
    took = time.monotonic() - start
    equal(doc["source"], "collector", "source")
    check(took < 0.5 * slack(), "it waited: %.3f s" % took)
    off = near(row(doc, 330)["cores"], used, 25, "CPUs of 330")
    note("in %.0f ms; %.1f %% off" % (took * 1000, off))
    past = top("--at", "-2s")[0]
    check(past["past"] and past["source"] == "collector", "%s" % past)
    check(row(past, 330)["cores"] > 0.1, "%s" % row(past, 330))


@test("with a ring rates are there at once")
def ring():
    make(330)
    with Recorder(), Load(330):
        time.sleep(4 * SLOW)
        one_of(4, at_once)
    # its samples stay, nobody writes any more
    until(lambda: top("-n", "1", "-d", "0.5")[0]["source"] == "sampled", "a dead collector")
    past = top("--at", "-5s")[0]
    check(row(past, 330)["cores"] > 0.1, "past of a dead ring: %s" % past)


@test("states are those of now")
def states():
    make(330)
    run("freeze", 330)
    doc = top("-n", "1", "-d", "0.3")[0]
    equal(row(doc, 330)["status"], "frozen", "status")
    equal(row(doc, 330)["marks"], ["frozen"], "marks")
    check(doc["frozen"] >= 1, "%s" % doc)
    run("thaw", 330)
    run("stop", 330)
    doc = top("-n", "1", "-d", "0.3")[0]
    check(330 not in [c["vmid"] for c in doc["containers"]], "a stopped one is not shown")
    doc = top("-n", "1", "-d", "0.3", "--all")[0]
    equal(row(doc, 330)["status"], "stopped", "status")
    check("cpu" not in row(doc, 330), "%s" % row(doc, 330))


def cgnumber(vmid, name):
    text = cgfile(vmid, name).strip()
    return None if text == "max" else int(text)


def io_bytes(vmid, key):
    return sum(int(w.split("=")[1]) for w in cgfile(vmid, "io.stat").split()
               if w.startswith(key + "="))


def same_cores():
    t0, c0 = time.monotonic(), cpu_usec(331)
    got = []
    for _ in range(5):
        got.append(row(top("-n", "1")[0], 331)["cores"])
        time.sleep(1)
    used = (cpu_usec(331) - c0) / 1e6 / (time.monotonic() - t0)
    near(sum(got) / len(got), used, 30, "CPUs, by cpu.stat")


@test("with the collector every column is what the kernel's files say")
def columns():
    controllers("memory", "pids")
    if not os.path.exists(lib.CTSCOPED):
        raise Skip("ctscoped is not built (no libsystemd)")
    make(331, memory=192, cores=1)
    lib.fresh_node()
    c = lib.Collector()
    try:
        with live.Load(331, "anon", 48), live.Load(331, "spin", 600):
            until(lambda: any(r["vmid"] == 331 and r.get("cores", 0) > 0.1 and
                              r["mem"] >= 48 * MIB for d in top("-n", "1")
                              for r in d["containers"]), "rates of 331", 20)
            calm = time.time() + 1.5  # of a whole second with the load
            d = top("-n", "1")[0]
            equal(d["source"], "collector", "source")
            r = row(d, 331)
            mem = cgnumber(331, "memory.current") - cgkey(331, "memory.stat", "file")
            off = near(r["mem"], mem, 5, "mem")
            equal(r["maxmem"], 192 * MIB, "maxmem")
            check(r["mem"] >= 48 * MIB, "mem %d" % r["mem"])
            equal(r["pids"], cgnumber(331, "pids.current"), "pids")
            note("mem %.1f MiB, %.2f %% off" % (r["mem"] / MIB, off))
            one_of(3, same_cores)
            # frozen is said at once, and the rates end
            subprocess.run(["pct", "freeze", "331"], check=True)
            until(lambda: "frozen" in row(top("-n", "1")[0], 331)["marks"], "frozen", 10)
            subprocess.run(["pct", "thaw", "331"], check=True)
            # the order of the rows is that of the column, whichever it is
            for by, key in (("cpu", "cpu"), ("mem", "mem"), ("pids", "pids"),
                            ("vmid", "vmid")):
                v = [x.get(key, -1) for x in top("-n", "1", "--sort", by)[0]["containers"]]
                equal(v, sorted(v, reverse=by != "vmid"), "--sort " + by)
        until(lambda: (lambda x: x["mem"] < 40 * MIB and x.get("cores", 1) < r["cores"] / 2)
              (row(top("-n", "1")[0], 331)), "mem and CPUs after the load")
        then = top("--at", time.strftime("%H:%M:%S", time.localtime(calm)))[0]
        check(then["past"], "the past: %s" % then)
        was = row(then, 331)
        near(was["mem"], r["mem"], 10, "mem of then")
        check(was["cores"] > 0.1, "cores then %s" % was["cores"])
    finally:
        c.stop()


main()
