#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rates and history out of the ring, of tests/bench/recorder and of the collector."""
import datetime
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
from live import (Load, Skip, cgkey, check, controllers, ctjson, ctscope, destroy,
                  equal, main, make, note, one_of, rows, slack, status, test, until)  # noqa: E402

RECORDER = os.path.join(os.environ.get("CTSCOPE_BUILD", "build"), "tests/bench/recorder")


class Recorder:
    def __init__(self, seconds=60):
        if not os.path.exists(RECORDER):
            raise Skip("tests/bench/recorder is not built")
        os.makedirs("/run/ctscope", exist_ok=True)
        self.p = subprocess.Popen([RECORDER, "/run/ctscope/ring", str(seconds)],
                                  stdout=subprocess.DEVNULL)

    def __enter__(self):
        until(lambda: abs(ctjson("list").get("interval", 0) - 1) < 0.2, "a ring", 8)
        return self

    def __exit__(self, *exc):
        self.p.terminate()
        self.p.wait()


def cpu_of(vmid):
    return rows()[vmid].get("cpu")


@test("without a collector list measures by itself")
def alone():
    make(700, cores=1)
    # the ring of a collector that has just ended counts for three seconds
    until(lambda: ctjson("list")["interval"] < 0.5, "a tenth of a second", 5)
    check(cpu_of(700) is not None, "cpu is there")
    destroy(700)


@test("list, status and usage have the last second at once")
def at_once():
    make(700, cores=1)
    with Recorder(), Load(700, "spin", 30):
        # how much it gets depends on what else the machine does
        until(lambda: (cpu_of(700) or 0) > 0.15, "cpu", 10)
        one_of(5, all_at_once)
    destroy(700)


def all_at_once():
    t = time.monotonic()
    d = ctjson("usage", "700")
    took = time.monotonic() - t
    check(took < 0.5, "usage took %.2f s" % took)
    check(0.8 < d["interval"] < 4.2, "interval of usage: %s" % d.get("interval"))
    check(0.15 < d["container"]["cpu"] < 1.1, "cpu of usage: %s" % d["container"]["cpu"])
    s = ctjson("status", "700")
    check(0.9 < s["interval"] < 1.5, "interval of status: %s" % s.get("interval"))
    check(0.15 < s["container"]["cpu"] < 1.1, "cpu of status: %s" % s["container"]["cpu"])
    d = ctjson("list", "-i", "0.2")
    check(d["interval"] < 0.9, "-i measures: %s" % d["interval"])


def history(vmid, seconds, *metrics):
    c = ctjson("history", str(vmid), "--since", "-%ds" % seconds, "--step", "1", "-m",
               ",".join(metrics))["container"]
    return c["points"], {m["name"]: m for m in c["metrics"]}


@test("history has the seconds of a load, and only those")
def seconds():
    make(700, cores=1)
    with Recorder():
        time.sleep(3)
        with Load(700, "spin", 30):
            time.sleep(5)
        time.sleep(3)
        points, sums = history(700, 10, "cpu-used", "psi-cpu", "pids")
        check(len(points) >= 9, "%d seconds" % len(points))
        busy = [p for p in points if p.get("cpu-used", 0) > 0.15]
        idle = [p for p in points if p.get("cpu-used", 1) < 0.1]
        check(4 <= len(busy) <= 6, "busy: %s" % [p.get("cpu-used") for p in points])
        check(len(idle) >= 2, "idle: %s" % [p.get("cpu-used") for p in points])
        check(not any(p.get("gap") for p in points[1:]), "no gap")
        check(all(p["source"] == "ring" for p in points), "from the ring")
    destroy(700)


@test("every metric is there in every second, and is what the kernel counts")
def details():
    controllers("memory")
    keys = {"slab": "slab", "pagetables": "pagetables", "percpu": "percpu",
            "active-anon": "active_anon", "inactive-anon": "inactive_anon"}
    make(700, cores=1, net="ip=10.9.7.2/24")
    with Recorder(60), Load(700, "anon", 24):
        time.sleep(14)
        points, _ = history(700, 10, "anon", "pgfault", *keys)
        check(len(points) >= 5, "%d seconds" % len(points))
        for p in points:
            check(all(k in p for k in ("anon", *keys)), "all of them: %s" % p)
        for name, key in keys.items():
            # it does nothing any more: what was read is what is there now, but for
            # what the kernel has not added up yet
            now, then = cgkey(700, "memory.stat", key), points[-1][name]
            check(abs(now - then) <= max(now // 10, 1 << 20), "%s: %d, now %d" %
                  (name, then, now))
        names = [line.split()[0] for line in ctscope("history", "700", "-m",
                                                     "help").out.decode().splitlines()]
        seen, others = set(), {"time", "seconds", "source", "life", "gap", "cpu", "mem",
                               "mem-share", "disk"}
        for i in range(0, len(names), 12):
            points, _ = history(700, 8, *names[i:i + 12])
            here = set().union(*points) - others
            # the first has no second before it, and counters are compared to that
            for p in points[1:]:
                check(p.get("gap") or here <= set(p), "%s: without %s" %
                      (p["time"], here - set(p)))
            seen |= here
        note("%d metrics: %s" % (len(seen), " ".join(sorted(seen))))
        have = set(open("/sys/fs/cgroup/lxc/cgroup.controllers").read().split())
        if {"cpu", "memory", "io", "pids"} <= have:
            check(len(seen) >= 60, "only %d metrics" % len(seen))
    destroy(700)


@test("network counters are the container's, and go on where a link begins anew")
def network():
    make(700, cores=1, net="10.9.7.2/24")
    with Recorder():
        time.sleep(2)
        before = status(700)["netin"]
        # to a neighbour that is not there: ARP requests are sent all the same
        host = "veth700i0"
        for _ in range(20):
            subprocess.run(["ip", "link", "set", host, "down"], check=True)
            subprocess.run(["ip", "link", "set", host, "up"], check=True)
        time.sleep(3)
        points, sums = history(700, 8, "net-in", "net-out")
        check(sums["net-in"]["min"] >= 0 and sums["net-in"]["max"] < 1e6, "no leap: %s" % sums)
        after = status(700)["netin"]
        got = sum(p["seconds"] * p.get("net-in", 0) for p in points)
        check(got >= (after - before) * 0.9 - 200, "%d of %d bytes" % (got, after - before))
        note("%d bytes in the record, %d by the counters" % (got, after - before))
    destroy(700)


@test("what was recorded of the run before is not of this one")
def runs():
    make(700, cores=1)
    with Recorder():
        until(lambda: cpu_of(700) is not None, "recorded", 5)
        subprocess.run(["pct", "stop", "700"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["pct", "start", "700"], check=True, stdout=subprocess.DEVNULL)
        # this recorder adds no container: the new run is in no ring
        check(cpu_of(700) is None, "cpu of a run that nobody recorded")
    destroy(700)


@test("a collector that has died is noticed within three seconds")
def died():
    make(700, cores=1)
    with Recorder() as r:
        r.p.kill()
        until(lambda: ctjson("list")["interval"] < 0.5, "measured again", 5)
    destroy(700)


class Ctscoped:
    """The collector itself, until it has recorded that container."""

    def __init__(self, vmid):
        if not os.path.exists(lib.CTSCOPED):
            raise Skip("ctscoped is not built (no libsystemd)")
        lib.fresh_node()
        self.c = lib.Collector()
        until(lambda: ctjson("status", vmid).get("interval", 0) > 0.9,
              "rates of %d" % vmid, 10)

    def __enter__(self):
        return self.c

    def __exit__(self, *exc):
        if self.c.p.poll() is None:
            self.c.p.send_signal(signal.SIGCONT)
        self.c.stop()


def measures(*args):
    """It takes two readings: from a ring the answer is there at once."""
    return ctscope(*args).seconds > 0.4


def seconds_of(point):
    return datetime.datetime.fromisoformat(point["time"].replace("Z", "+00:00")).timestamp()


@test("rates from the ring are those of the counters, whoever reads them")
def equality():
    make(700, cores=1)
    with Ctscoped(700), Load(700, "spin", 60):
        time.sleep(3)
        # what the counter says between two moments is what the seconds add up to
        t0, c0 = time.time(), cgkey(700, "cpu.stat", "usage_usec")
        time.sleep(8)
        t1, c1 = time.time(), cgkey(700, "cpu.stat", "usage_usec")
        time.sleep(1.5)
        points, sums = history(700, 14, "cpu-used")
        inner = [p for p in points if t0 + p["seconds"] <= seconds_of(p) <= t1]
        got = sum(p["cpu-used"] * p["seconds"] for p in inner)
        used = (c1 - c0) / 1e6
        span = sum(p["seconds"] for p in inner)
        check(span > t1 - t0 - 2, "%.1f s of %.1f are recorded" % (span, t1 - t0))
        # the two pieces at the ends, a second each at most, may be anything
        check(used - (t1 - t0 - span) - 0.01 <= got <= used + 0.01,
              "%.3f s of CPU in %.1f s recorded, %.3f in %.1f by the counter" % (
                  got, span, used, t1 - t0))
        note("%.3f s of CPU in %.1f s recorded, %.3f in %.1f s by the counter" % (
            got, span, used, t1 - t0))
        # list and status show one of these very seconds
        said = [ctjson("status", 700)["container"]["cpu"], rows()[700]["cpu"]]
        time.sleep(1.2)
        points, sums = history(700, 10, "cpu-used", "cpu")
        for v in said:
            check(any(abs(p.get("cpu", -1) - v) < 2e-6 for p in points),
                  "%s is none of %s" % (v, [p.get("cpu") for p in points]))
        # two readings at a distance of a second, and the ring's second, meanwhile
        one_of(3, same_rates)
    destroy(700)


def same_rates():
    ring, own = [], []
    for _ in range(4):
        own.append({c["vmid"]: c for c in ctjson("list", "-i", "1")["containers"]}[700]["cpu"])
        ring.append(rows()[700]["cpu"])
    a, b = sum(own) / 4, sum(ring) / 4
    note("two readings: %.3f, the ring: %.3f" % (a, b))
    check(abs(a - b) < 0.25 * max(a, b), "%s by two readings, %s by the ring" % (own, ring))


@test("a collector that is stopped: no stale rate, then a marked gap and right rates")
def stalled():
    make(700, cores=1)
    with Ctscoped(700) as c, Load(700, "spin", 60):
        time.sleep(4)
        os.kill(c.pid(), signal.SIGSTOP)
        stopped = time.time()
        end = time.monotonic() + 10
        stale = 0
        while time.monotonic() < end:
            d = ctjson("list")
            age = time.time() - stopped
            # its last second is "now" for three more at the most
            if d["interval"] > 0.9 and age > 4.5:
                stale += 1
            time.sleep(0.3)
        equal(stale, 0, "answers out of a ring that nobody writes")
        check(measures("usage", "700"), "usage measures by itself")
        c0, t0 = cgkey(700, "cpu.stat", "usage_usec"), time.time()
        os.kill(c.pid(), signal.SIGCONT)
        time.sleep(4)
        c1, t1 = cgkey(700, "cpu.stat", "usage_usec"), time.time()
        points, sums = history(700, 20, "cpu-used")
        gaps = [i for i, p in enumerate(points) if p.get("gap") and i]
        # a tick that came late on a busy machine is one, too
        gaps = [i for i in gaps if seconds_of(points[i]) - seconds_of(points[i - 1]) > 5]
        equal(len(gaps), 1, "gaps in %s" % points)
        g = points[gaps[0]]
        check("cpu-used" not in g, "a rate over the gap: %s" % g)
        hole = seconds_of(g) - seconds_of(points[gaps[0] - 1])
        check(9 < hole < t0 - stopped + 4, "the gap is %.1f s" % hole)
        check(not [p for p in points if stopped + 1.1 < seconds_of(p) < t0 - 0.1],
              "points where nothing was recorded")
        after = [p for p in points[gaps[0] + 1:] if "cpu-used" in p]
        mean = (c1 - c0) / 1e6 / (t1 - t0)
        check(after, "seconds after it")
        got = sum(p["cpu-used"] for p in after) / len(after)
        check(abs(got - mean) < 0.35 and max(p["cpu-used"] for p in after) < 1.2,
              "rates after it: %.3f, by the counter %.3f" % (got, mean))
        note("a gap of %.1f s; after it %.3f CPUs recorded, %.3f by the counter" % (
            hole, got, mean))
    destroy(700)


@test("that it was frozen is in the record, and in the past of top")
def frozen():
    make(700, cores=1)
    with Ctscoped(700):
        time.sleep(2)
        asked = time.time()
        subprocess.run(["pct", "freeze", "700"], check=True)
        begun = time.time()
        time.sleep(3)
        then = time.strftime("%H:%M:%S")
        time.sleep(1)
        end = time.time()
        subprocess.run(["pct", "thaw", "700"], check=True)
        over = time.time()
        until(lambda: history(700, 60, "frozen")[0][-1].get("frozen") == 0, "thawed")
        points, sums = history(700, 60, "frozen", "mem-limit")
        got = [p.get("frozen") for p in points]
        check(end - begun - 1.5 <= got.count(1) <= over - asked + 1.5 and got[-1] == 0 and got[0] == 0,
              "frozen for %.1f s: %s" % (end - begun, got))
        d = json.loads(ctscope("top", "--json", "-n", "1", "--at", then).out)
        row = [c for c in d["containers"] if c["vmid"] == 700][0]
        equal(row["marks"], ["frozen"], "marks at %s" % then)
    destroy(700)


@test("whatever lies there instead of a ring: no command hangs, lies or fails")
def impostors():
    make(700, cores=1)
    ring = "/run/ctscope/ring"
    with Ctscoped(700):
        with open(ring, "rb") as f:
            good = f.read()

    def regular(data):
        with open(ring, "wb") as f:
            f.write(data)

    def huge():
        regular(good[:65536])
        os.truncate(ring, 1 << 44)

    def link(to):
        os.symlink(to, ring)

    kinds = {
        "nothing": lambda: None,
        "an empty file": lambda: regular(b""),
        "noise": lambda: regular(os.urandom(1 << 20)),
        "a piece of a head": lambda: regular(good[:40]),
        "a head without its slots": lambda: regular(good[:4096]),
        "a ring cut in the middle of a slot": lambda: regular(good[:len(good) - 7001]),
        "a ring of 16 TiB": huge,
        "a ring whose slots are noise": lambda: regular(
            good[:4096] + os.urandom(1 << 20) + good[4096 + (1 << 20):]),
        "an old ring": lambda: regular(good),
        "a fifo": lambda: os.mkfifo(ring),
        "a directory": lambda: os.mkdir(ring),
        "a link to /dev/zero": lambda: link("/dev/zero"),
        "a link to itself": lambda: link("ring"),
        "a link to a file": lambda: link("/proc/self/status"),
    }
    with Load(700, "spin", 60):
        for name, put in kinds.items():
            if os.path.isdir(ring) and not os.path.islink(ring):
                os.rmdir(ring)
            elif os.path.lexists(ring):
                os.unlink(ring)
            put()
            d = ctjson("list")
            check(d["interval"] < 0.9, "%s: list took it for a ring: %s" % (name, d["interval"]))
            cpu = {c["vmid"]: c for c in d["containers"]}[700]["cpu"]
            check(0 <= cpu < 1.3, "%s: cpu %s" % (name, cpu))
            check(ctjson("status", "700")["interval"] < 0.9, "%s: status" % name)
            check(measures("usage", "700"), "%s: usage" % name)
            r = ctscope("top", "-b", "-n", "1", "-d", "0.3")
            check(b"ct700" in r.out, "%s: top: %s" % (name, r.out))
            r = ctscope("history", "700", "--since", "-30s", code=None)
            check(r.code in (0, 3), "%s: history: exit %d" % (name, r.code))
            check(r.seconds < 3 * slack(), "%s: history took %.1f s" % (name, r.seconds))
    destroy(700)


main()
