#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost, whatever happens to the collector: its spool, its store, its ring and
its limits are broken while containers come and go."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/../collect")
import collectlib as lib  # noqa: E402
from collectlib import Collector, events, last_seq, wait_event  # noqa: E402
from live import (Failed, Skip, check, ctscope, destroy, equal, main, make, note,  # noqa: E402
                  pct, test, until)

VMID = 960
LIFE = ["prestart", "started", "stopped", "poststop"]


def fresh():
    if not os.path.exists(lib.CTSCOPED):
        raise Skip("ctscoped is not built (no libsystemd)")
    lib.fresh_node()
    lib.hooks_on()


def inject(*what):
    """strace around the collector, that breaks its calls."""
    if subprocess.run(["strace", "-V"], stdout=subprocess.DEVNULL, check=False).returncode:
        raise Skip("strace is not installed")
    cmd = ["strace", "-f", "-qq", "-o", "/dev/null", "-e",
           "trace=" + ",".join(w.split(":")[0] for w in what)]
    for w in what:
        cmd += ["-e", "inject=" + w]
    return cmd


def end(c, code=0):
    equal(c.stop(), code, "exit code; log: " + lib.logged())


def told(vmid, after=0):
    return [e["type"] for e in events(vmid, after, LIFE + ["start-failed", "rebooted"])]


def bounce(vmid):
    pct.start(vmid)
    pct.kill(vmid)


@test("what lay in the spool comes before what comes while it starts")
def _():
    fresh()
    make(VMID)
    # its watch is set, and it has not looked yet: half a second
    c = Collector(wrap=inject("inotify_add_watch:delay_exit=500000"), wait=False)
    until(lambda: c.pid(), "it runs")
    time.sleep(0.4)
    pct.kill(VMID)
    wait_event(VMID, "poststop", 0, 20)
    equal(told(VMID), LIFE, "its life")
    equal(len(events(VMID, types=["reconciled"])), 0, "late ones")
    c.stop(signal.SIGKILL)


main()
