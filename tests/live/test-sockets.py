#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who listens inside a container, as ctscope network says it: real sockets of real
processes, and guests that forge names, hide in a crowd, or have more than anybody reads."""
import json
import os
import re
import subprocess
import time

from live import CTSCOPE, Load, Skip, check, ctjson, ctscope, equal, main, make, note, \
    slack, test

RAW = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xff|\xe2\x80\xae")


def sockets(vmid, *args):
    return ctjson("network", vmid, *args)["container"]["sockets"]


def at(l, **want):
    """The one socket that has all of these."""
    found = [s for s in l if all(s.get(k) == v for k, v in want.items())]
    equal(len(found), 1, "%r among %r" % (want, l))
    return found[0]


def names(s):
    return sorted({p["name"] if isinstance(p["name"], str) else "?" for p in s["processes"]})


@test("every listening socket is there, with its process")
def listening():
    make(640)
    with Load(640, "sockets", "name:server", "tcp4:8001", "tcp:8002", "tcp6:8003",
              "udp4:5301", "unix:/tmp/s.sock", "dgram:/tmp/d.sock", "abstract:hidden",
              "raw4:1") as load:
        l = sockets(640)["listening"]
        one = at(l, protocol="tcp", port=8001)
        equal((one["address"], one["family"], one["state"]), ("0.0.0.0", "inet", "listen"),
              "8001")
        equal(one["send_q"], 7, "how many may wait")
        equal(names(one), ["server"], "process")
        # the uid of the container's root on the node
        equal(one["host_uid"], 100000, "user")
        check(one["processes"][0]["pid"] in load.pids(), (one, load.pids()))
        both = at(l, port=8002)
        equal((both["address"], both["v6only"]), ("::", False), "both families")
        equal(at(l, port=8003)["v6only"], True, "IPv6 only")
        equal(at(l, protocol="udp", port=5301)["state"], "unconnected", "UDP")
        equal(names(at(l, path="/tmp/s.sock", type="stream")), ["server"], "a path")
        equal(names(at(l, path="/tmp/d.sock", type="dgram")), ["server"], "datagrams")
        equal(names(at(l, abstract="hidden", type="seqpacket")), ["server"], "abstract")
        if any(s["protocol"] == "raw" for s in l):
            equal(names(at(l, protocol="raw", ip_protocol=1)), ["server"], "raw")
        else:
            note("this kernel has no raw_diag")
        text = ctscope("network", 640).out.decode()
        line = [x for x in text.splitlines() if "server (" in x]
        check(line and "tcp 0.0.0.0:8001, tcp *:8002, tcp [::]:8003" in line[0] and
              "udp 0.0.0.0:5301" in line[0], text)
    l = sockets(640)["listening"]
    check(not [s for s in l if s.get("port") in (8001, 8002, 8003)], l)


@test("connected ones come when they are asked for, both ends with their process")
def connected():
    make(641)
    with Load(641, "sockets", "name:one", "tcp4:8001", "connect:8001"):
        check("connected" not in sockets(641), "not asked for")
        c = sockets(641, "--sockets")["connected"]
        client = [s for s in c if s.get("peer", {}).get("port") == 8001]
        equal(len(client), 1, "the client's end: %r" % c)
        equal((client[0]["state"], names(client[0])), ("established", ["one"]), "client")
        # never accepted: it waits in the queue, nobody has it yet
        waiting = at(c, port=8001)
        equal(("inode" in waiting, waiting["processes"]), (False, []), "waiting")
        l = sockets(641)["listening"]
        equal(at(l, port=8001)["recv_q"], 1, "one connection waits")
        t = ctscope("network", 641, "--sockets", "-o", "PROTO,STATE,ADDRESS,PEER,PROCESS",
                    "--noheadings").out.decode().split("\n")
        check([x for x in t if x.split()[:3] == ["tcp", "listen", "0.0.0.0:8001"]], t)


@test("what ss(8) sees inside is what is shown, no more and no less")
def as_ss():
    make(642)
    with Load(642, "sockets", "name:many", *["tcp4:%d" % p for p in range(9000, 9050)],
              *["udp4:%d" % p for p in range(9100, 9150)], "connect:9001"):
        pid = subprocess.run(["pct", "pid", "642"], stdout=subprocess.PIPE).stdout.decode()
        r = subprocess.run(["nsenter", "-t", pid.strip(), "-n", "ss", "-Hntua"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if r.returncode:
            raise Skip("no ss(8): %r" % r.stderr)
        want = sorted(line.split()[0] + " " + line.split()[4] for line in
                      r.stdout.decode().splitlines())
        s = sockets(642, "--sockets")
        got = sorted("%s %s:%s" % (x["protocol"], x["address"], x["port"])
                     for x in s["listening"] + s["connected"]
                     if x["protocol"] in ("tcp", "udp"))
        equal(got, want, "sockets")


@test("a socket of many processes is one socket, and its first process is named")
def shared():
    make(643)
    with Load(643, "sockets", "name:worker", "tcp4:8001", "fork:6"):
        s = at(sockets(643)["listening"], port=8001)
        equal(len(s["processes"]), 7, "processes")
        pids = [p["pid"] for p in s["processes"]]
        equal(pids, sorted(pids), "by pid")
        text = ctscope("network", 643).out.decode()
        check("worker (%d and 6 more" % pids[0] in text, text)


@test("names of sockets and processes are bytes: no line is forged, nothing reaches the terminal raw")
def hostile_names():
    make(644)
    forged = b"x\n0000: 00000002 00000000 00010000 0001 01 99 @/var/lib/lxc/699/command"
    with Load(644, "sockets", os.fsdecode(b"name:\x1b[2J\n\xff"),
              os.fsdecode(b"abstract:" + forged), "tcp4:8001",
              os.fsdecode(b"unix:/tmp/\xe2\x80\xae\x1b]0;x\x07\xff")):
        l = sockets(644)["listening"]
        at(l, abstract=forged.decode())
        s = at(l, port=8001)
        check(isinstance(s["processes"][0]["name"], dict), "bytes that are no UTF-8")
        equal(len([x for x in l if x["protocol"] == "unix"]), 2, "no third one")
        for args in ((), ("--sockets",)):
            out = ctscope("network", 644, *args).out
            check(not RAW.search(out), out)
        check(699 not in [c["vmid"] for c in ctjson("list")["containers"]
                          if c["status"] == "running"], "no container 699 runs")


@test("thousands of sockets and descriptors are bounded, counted, and hide nobody else's")
def crowd():
    make(645)
    with Load(645, "sockets", "name:honest", "tcp4:8001"):
        with Load(645, "sockets", "name:crowd", "tcp4:8002", "many:2000", "fds:1900",
                  "fork:120"):
            t0 = time.monotonic()
            s = sockets(645)
            took = time.monotonic() - t0
            note("%d sockets shown, %s more, %s processes left, in %.2f s" % (
                len(s["listening"]), s.get("more"), s.get("processes_left_out"), took))
            check(took < 5 * slack(), took)
            check(len([x for x in s["listening"] if x["protocol"] == "unix"]) <= 1024,
                  "bounded")
            check(s["more"] >= 900, s.get("more"))
            equal(names(at(s["listening"], port=8001)), ["honest"], "found all the same")
            equal(names(at(s["listening"], port=8002)), ["crowd"], "a low descriptor")
            check(s["processes_left_out"] >= 1, "and it is said that not all were seen")
            out = ctscope("network", 645).out
            check(out.count(b"\n") < 100, "%d lines" % out.count(b"\n"))


@test("sockets of a network namespace made inside are counted out, not mixed in")
def nested():
    make(646)
    with Load(646, "sockets", "tcp4:8001", "netns:3"):
        s = sockets(646)
        equal(s.get("other_namespaces"), 3, "namespaces")
        at(s["listening"], port=8001)
    check("other_namespaces" not in sockets(646), "gone with them")


@test("neither the node's sockets nor those of another container are shown")
def own_only():
    make(647)
    make(648)
    node = subprocess.Popen([os.path.join(os.environ["CTSCOPE_BUILD"], "tests/live/load"),
                             "sockets", "tcp4:8009", "abstract:of-the-node"],
                            stdout=subprocess.PIPE)
    try:
        node.stdout.readline()
        with Load(648, "sockets", "tcp4:8010"):
            text = json.dumps(sockets(647, "--sockets"))
            for word in ("8009", "8010", "of-the-node", "/var/lib/lxc"):
                check(word not in text, text)
    finally:
        node.kill()
        node.wait()


@test("a stopped container has no sockets, and that is no error")
def stopped():
    make(649, start=False)
    check("sockets" not in ctjson("network", 649)["container"], "none")
    r = ctscope("network", 649, "--sockets")
    check(b"it has no sockets" in r.err and not r.out, r.err)


@test("sockets come and go all the time")
def churn():
    make(650)
    with Load(650, "sockets", "name:stays", "tcp4:8001"):
        p = subprocess.Popen(["lxc-attach", "-n", "650", "--", "/bin/sh", "-c",
                              "while :; do nc -l -p 8123 -w 1 </dev/null & "
                              "nc 127.0.0.1 8001 </dev/null & "
                              "sleep 0.02; kill %1 %2 2>/dev/null; done"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            for _ in range(30):
                s = sockets(650, "--sockets")
                equal(names(at(s["listening"], port=8001)), ["stays"], "never another's")
        finally:
            p.kill()
            p.wait()


@test("it takes milliseconds")
def fast():
    make(651)
    with Load(651, "sockets", "tcp4:8001"):
        best = min(ctscope("network", 651, "--sockets").seconds for _ in range(10))
        note("network --sockets: %.1f ms, all of it" % (best * 1000))
        check(best < 1 * slack(), best)


if __name__ == "__main__":
    assert CTSCOPE is not None
    main()
