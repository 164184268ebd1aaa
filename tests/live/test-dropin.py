#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The drop-in is taken away under who reads its directory as LXC does: it lists it, then
opens each name that was listed, and a name that is not there any more fails the start.

DROPIN_CYCLES=N   how often it comes and goes (300)
"""
import mmap
import os
import random
import signal
import struct
import subprocess
import time

from live import (BUILD, SLOW, Failed, Skip, _tests, check, ctscope, main, note, slack, test,
                  until)

t = __import__("test-hooks")
_tests.clear()  # its own
CYCLES = int(os.environ.get("DROPIN_CYCLES", "300" if SLOW == 1 else "60"))
READERS = 2
# what no start may be held for, however long it takes until the file goes
HELD_MS = 150


class Readers:
    """Processes that read the directory all the time; what each has seen is in memory that
    they share with us: [times, failures, the longest listing in us]."""
    SLOT = struct.Struct("qqq")

    def __init__(self, n=READERS, longest_us=300):
        self.shared = mmap.mmap(-1, 4096)
        self.pids = []
        for i in range(n):
            pid = os.fork()
            if not pid:
                try:
                    self.read(i, longest_us)
                finally:
                    os._exit(1)
            self.pids.append(pid)

    def read(self, slot, longest_us):
        rnd = random.Random(slot)
        times = failed = worst = 0
        while True:
            times += 1
            # as lxc_config_read() and do_includedir(): the directory stays open meanwhile
            with os.scandir(t.CONFD) as names:
                end = time.perf_counter()
                began = end
                for e in names:
                    worst = max(worst, int((time.perf_counter() - end) * 1e6))
                    if not e.name.endswith(".conf"):
                        continue
                    until_then = time.perf_counter() + rnd.uniform(0, longest_us) / 1e6
                    while time.perf_counter() < until_then:
                        pass
                    path = t.CONFD + "/" + e.name
                    try:
                        if not os.access(path, os.R_OK):
                            raise FileNotFoundError
                        with open(path, "rb") as f:
                            f.read()
                    except FileNotFoundError:
                        failed += 1
                    end = time.perf_counter()
                worst = max(worst, int((time.perf_counter() - max(end, began)) * 1e6))
            self.SLOT.pack_into(self.shared, slot * self.SLOT.size, times, failed, worst)

    def seen(self):
        """(times, failures, worst ms)"""
        all_of = [self.SLOT.unpack_from(self.shared, i * self.SLOT.size)
                  for i in range(len(self.pids))]
        return (sum(x[0] for x in all_of), sum(x[1] for x in all_of),
                max(x[2] for x in all_of) / 1000)

    def __enter__(self):
        until(lambda: self.seen()[0] > 10, "the readers")
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def put():
    """As dpkg and hooks install do: whole, by rename."""
    with open(t.CONFD + "/.new", "w") as f:
        f.write(t.dropin_text())
    os.rename(t.CONFD + "/.new", t.DROPIN)


def come_and_go(remove, cycles=CYCLES):
    """(failures, times read, worst ms of a listing, median ms of a removal)"""
    took = []
    with Readers() as readers:
        for _ in range(cycles):
            put()
            time.sleep(random.uniform(0, 0.003))
            t0 = time.monotonic()
            remove()
            took.append(time.monotonic() - t0)
            check(not os.path.exists(t.DROPIN), "it is still there")
        times, failed, worst = readers.seen()
    note("%d times it went, %d times the directory was read: %d failed; a listing took at most "
         "%.1f ms, a removal %.1f ms (median)" % (cycles, times, failed, worst,
                                                  sorted(took)[len(took) // 2] * 1000))
    return failed, worst


@test("control: plain unlink fails who has listed it and not yet read it")
def control():
    t.fresh()
    for _ in range(20):
        if come_and_go(lambda: os.unlink(t.DROPIN))[0]:
            return
    raise Failed("it fails nobody: nothing is shown by those below")


@test("hooks remove fails nobody")
def removed():
    t.fresh()
    failed, _ = come_and_go(lambda: ctscope("hooks", "remove"))
    check(failed == 0, "%d failed" % failed)


@test("and no start of a real container")
def started():
    t.fresh()
    file, t.DROPIN = t.DROPIN, t.CONFD  # they include the directory
    ids = [t.bulk(760), t.bulk(761, True)]
    t.DROPIN = file
    end = time.monotonic() + (20 if SLOW == 1 else 60)
    n = 0
    worker = subprocess.Popen(["sh", "-c", """
        while :; do
            cp "$1" "$2/.new" && mv "$2/.new" "$2/50-ctscope.conf"
            sleep 0.0$(($(od -An -N1 -tu1 /dev/urandom) % 10))
            "$0" hooks remove >/dev/null || exit 1
        done""", os.environ["CTSCOPE"], keep_text(), t.CONFD],
        stdout=subprocess.DEVNULL)
    try:
        while time.monotonic() < end:
            t.cycle(ids[n % 2])
            n += 1
        check(worker.poll() is None, "hooks remove failed meanwhile")
    finally:
        worker.kill()
        worker.wait()
    note("%d starts" % n)


def keep_text():
    path = "/run/node/50-ctscope.conf"
    with open(path, "w") as f:
        f.write(t.dropin_text())
    return path


@test("who keeps the directory open is waited for in bounded time, and so is nobody else")
def kept_open():
    t.fresh()
    fd = os.open(t.CONFD, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with Readers(1) as readers:
            t0 = time.monotonic()
            ctscope("hooks", "remove")
            took = time.monotonic() - t0
            worst = readers.seen()[2]
        check(not os.path.exists(t.DROPIN), "it is still there")
        check(1.5 < took < 2.5 * slack(), "it took %.1f s" % took)
        check(worst < HELD_MS * slack(), "a listing took %.0f ms" % worst)
        note("%.1f s; a listing took at most %.1f ms" % (took, worst))
    finally:
        os.close(fd)


@test("one that is killed in the middle leaves nobody waiting")
def killed():
    t.fresh()
    fd = os.open(t.CONFD, os.O_RDONLY | os.O_DIRECTORY)  # so that there is a middle
    try:
        with Readers(1) as readers:
            for _ in range(10):
                put()
                p = subprocess.Popen([os.environ["CTSCOPE"], "hooks", "remove"],
                                     stdout=subprocess.DEVNULL)
                time.sleep(random.uniform(0.02, 0.3) * min(SLOW, 3))
                p.kill()
                p.wait()
                n = readers.seen()[0]
                until(lambda n=n: readers.seen()[0] > n + 10, "the readers go on")
    finally:
        os.close(fd)


@test("who may not watch the directory removes it all the same")
def unwatched():
    if not os.path.exists("/usr/bin/setpriv"):
        raise Skip("no setpriv")
    t.fresh()
    t0 = time.monotonic()
    subprocess.run(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin",
                    os.environ["CTSCOPE"], "hooks", "remove"], check=True,
                   stdout=subprocess.DEVNULL)
    check(not os.path.exists(t.DROPIN), "it is still there")
    check(time.monotonic() - t0 < 1 * slack(), "it took %.1f s" % (time.monotonic() - t0))


if __name__ == "__main__":
    if not os.access(BUILD + "/src/hook/hook", os.X_OK):
        print("1..0 # SKIP there is no hook in the build directory")
        raise SystemExit(77)
    try:
        main()
    finally:
        t.remove(t.DROPIN)
        t.remove("/run/ctscope")
