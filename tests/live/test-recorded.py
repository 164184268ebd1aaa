#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rates out of the ring, where somebody writes one (tests/bench/recorder)."""
import os
import subprocess
import time

from live import (Load, Skip, check, ctjson, destroy, main, make, note, rows, status, test,
                  until)

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
    check(ctjson("list")["interval"] < 0.5, "a tenth of a second")
    check(cpu_of(700) is not None, "cpu is there")
    destroy(700)


@test("list, status and usage have the last second at once")
def at_once():
    make(700, cores=1)
    with Recorder(), Load(700, "spin", 30):
        # how much it gets depends on what else the machine does
        until(lambda: (cpu_of(700) or 0) > 0.15, "cpu", 10)
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
    destroy(700)


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


main()
