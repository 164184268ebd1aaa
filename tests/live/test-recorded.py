#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rates out of the ring, where somebody writes one (tests/bench/recorder)."""
import os
import subprocess
import time

from live import (Load, Skip, check, ctjson, destroy, main, make, near, rows, test,
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
        until(lambda: (cpu_of(700) or 0) > 0.5, "cpu", 6)
        t = time.monotonic()
        d = ctjson("usage", "700")
        took = time.monotonic() - t
        check(took < 0.5, "usage took %.2f s" % took)
        check(0.8 < d["interval"] < 4.2, "interval of usage: %s" % d.get("interval"))
        near(d["container"]["cpu"], 1.0, 40, "cpu of usage")
        s = ctjson("status", "700")
        check(0.9 < s["interval"] < 1.5, "interval of status: %s" % s.get("interval"))
        near(s["container"]["cpu"], 1.0, 40, "cpu of status")
        d = ctjson("list", "-i", "0.2")
        check(d["interval"] < 0.9, "-i measures: %s" % d["interval"])
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
