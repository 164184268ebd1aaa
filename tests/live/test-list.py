#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""list: many containers, broken ones, and containers that come and go meanwhile."""
import os
import subprocess
import threading
import time

from live import (CTSCOPE, SLOW, Skip, check, ctjson, ctscope, destroy, equal, main, make,
                  many, note, pct, rows, status, test, write_conf)


def standard():
    if not os.path.exists("/etc/pve/lxc/111.conf"):
        raise Skip("only with --set standard")


@test("every container of the node is a row, with the state it is in")
def states():
    standard()
    got = {k: v["status"] for k, v in rows().items() if k < 200}
    equal(got, {101: "running", 102: "running", 103: "running", 104: "stopped",
                105: "stopped", 106: "stopped", 107: "running", 108: "frozen",
                109: "running", 110: "stopped", 111: "stopped"}, "list")


@test("pve_status is what pct lists")
def as_pct():
    standard()
    want = {}
    out = subprocess.run(["pct", "list"], stdout=subprocess.PIPE, check=True).stdout.decode()
    for line in out.splitlines()[1:]:
        want[int(line.split()[0])] = line.split()[1]
    equal({k: v["pve_status"] for k, v in rows().items()}, want, "list")


@test("locks, templates, pools and tags are in the row")
def marks():
    standard()
    r = rows()
    equal(r[106]["lock"], "backup", "lock of 106")
    equal(r[104]["template"], 1, "template of 104")
    equal((r[101]["pool"], r[103]["pool"]), ("shop", "lab"), "pools")
    equal(r[101]["tags"], "prod;web", "tags of 101")


@test("a broken config, 99.conf and a parser killer are one row each or none, never an error")
def broken():
    make(320)
    bad = {
        99: "arch: amd64\nhostname: toolow\n",
        321: "rootfs: local:321/x.raw,size=big\nhostname: badsize\n",
        322: "snapshots: x\nhostname: killer\n\n[snap]\nsnaptime: 1\n",
        323: "lxc: x\nlxc.environment: A=b\nhostname: killer2\n",
        324: "",
        325: "\x00\x01\xff\xfe: \x1b[31m\n[\n[[[]]]\n: : :\n" + "x" * 100000 + "\n",
        326: "hostname: evil\x1b[2J\nmemory: 99999999999999999999999\ncores: -2\n",
    }
    try:
        for vmid, text in bad.items():
            with open(pct.conf_path(vmid), "w", encoding="latin-1") as f:
                f.write(text)
        pct.dotfiles()
        r = rows()
        equal(r[320]["status"], "running", "the healthy one")
        for vmid in bad:
            check(vmid == 99 or vmid in r, "%d has no row" % vmid)
            text = ctscope("list").out
            check(b"\x1b" not in text, "a raw ESC in the table")
        for vmid in bad:
            if vmid != 99:
                ctscope("status", vmid)
                r = ctscope("config", vmid, code=None)
                check(r.code in (0, 1, 3) or b"unknown command" in r.err,
                      "config %d: exit %d %s" % (vmid, r.code, r.err))
                check(b"\x1b" not in r.out + r.err, "a raw ESC in config %d" % vmid)
    finally:
        for vmid in bad:
            os.unlink(pct.conf_path(vmid))
        pct.dotfiles()


@test("a config that cannot be read is a row with its error")
def unreadable():
    make(327)
    path = pct.conf_path(328)
    os.mkdir(path)
    try:
        pct.dotfiles()
        r = rows()
        equal(r[327]["status"], "running", "the healthy one")
        check(r.get(328, {}).get("error"), "328: %r" % r.get(328))
    finally:
        os.rmdir(path)
        pct.dotfiles()


@test("a running container whose config was deleted is still shown")
def config_gone():
    make(329)
    with open(pct.conf_path(329)) as f:
        text = f.read()
    os.unlink(pct.conf_path(329))
    pct.dotfiles()
    try:
        r = rows().get(329)
        if r is None:
            raise Skip("list shows what has a config")
        equal(r["status"], "running", "status")
    finally:
        write_conf(329, text)


@test("containers of another node, virtual machines and unknown numbers: exit 3, one sentence")
def not_ours():
    standard()
    for vmid in (201, 900, 98765):
        r = ctscope("status", vmid, code=3)
        check(r.err.count(b"\n") == 1 and str(vmid).encode() in r.err, r.err.decode())
        equal(r.out, b"", "stdout of status %d" % vmid)
    ctscope("status", "1x1", code=2)
    check(201 not in rows(), "201 in list")
    check(201 in {c["vmid"] for c in ctjson("list", "--cluster")["containers"]},
          "201 not in list --cluster")


@test("hundreds of running containers are all listed, in little memory and time")
def hundreds():
    n = 300 if SLOW == 1 else 12
    many(2000, n)
    t0 = time.monotonic()
    r = rows()
    note("%d containers: list --json in %.0f ms" % (n, (time.monotonic() - t0) * 1000))
    run = [k for k, v in r.items() if 2000 <= k < 2000 + n and v["status"] == "running"]
    equal(len(run), n, "running")
    equal(len({r[k]["pid"] for k in run}), n, "different pids")
    p = subprocess.run(["/bin/sh", "-c", "exec \"$0\" list --json >/dev/null", CTSCOPE])
    equal(p.returncode, 0, "exit")
    for vmid in range(2000, 2000 + n):
        os.unlink(pct.conf_path(vmid))
    check(all(k < 2000 or k >= 2000 + n or v.get("pid") for k, v in rows().items()), "gone")
    stop_many(2000, n)


def stop_many(first, n):
    """The quick way: by the cgroup."""
    for vmid in range(first, first + n):
        with open("/sys/fs/cgroup/lxc/%d/cgroup.procs" % vmid) as f:
            for pid in f.read().split():
                os.kill(int(pid), 9)
        with open("/sys/fs/cgroup/lxc/%d/ns/cgroup.procs" % vmid) as f:
            for pid in f.read().split():
                os.kill(int(pid), 9)
    for vmid in range(first, first + n):
        destroy(vmid)


@test("list and status while containers come and go: never an error, never half a row")
def come_and_go():
    stop = threading.Event()
    trouble = []
    for vmid in (330, 331, 332):
        make(vmid, start=False)

    def churn(vmid):
        while not stop.is_set():
            try:
                pct.do_start(vmid)
                os.kill(pct.init_pid(vmid), 9)
                pct.wait_stopped(vmid)
            except (pct.Error, ProcessLookupError) as e:
                trouble.append("churn %d: %s" % (vmid, e))
                return

    threads = [threading.Thread(target=churn, args=(v,)) for v in (330, 331, 332)]
    for t in threads:
        t.start()
    seen, runs = set(), 0
    end = time.monotonic() + 8
    try:
        while time.monotonic() < end:
            r = ctjson("list")["containers"]
            for c in r:
                if c["vmid"] in (330, 331, 332):
                    seen.add(c["status"])
                    check("error" not in c, "%r" % c)
                    check(c["status"] != "stopped" or "pid" not in c, "%r" % c)
            status(331)
            for cmd in ("list", "usage", "ps", "network"):
                args = [cmd] + ([331] if cmd != "list" else [])
                args += ["--interval", "0"] if cmd == "usage" else []
                out = ctscope(*args, code=None)
                if b"unknown command" not in out.err:
                    # "it is starting: it has no processes" is an answer
                    check(out.code == 0 and out.err.count(b"\n") <= 1, "%s: %d %s"
                          % (cmd, out.code, out.err.decode(errors="replace")))
            runs += 1
    finally:
        stop.set()
        for t in threads:
            t.join()
    note("%d rounds, seen: %s" % (runs, " ".join(sorted(seen))))
    check(not trouble, "; ".join(trouble))
    check(len(seen) > 1 or SLOW > 1, "only %s seen" % seen)


@test("configs that are written and deleted meanwhile: never an error")
def configs_come_and_go():
    stop = threading.Event()

    def churn():
        n = 0
        while not stop.is_set():
            vmid = 340 + n % 5
            write_conf(vmid, "hostname: x%d\nrootfs: local:%d/x.raw,size=1G\n" % (n, vmid))
            if n % 2:
                os.unlink(pct.conf_path(vmid))
                pct.dotfiles()
            n += 1

    t = threading.Thread(target=churn)
    t.start()
    try:
        for _ in range(40 if SLOW == 1 else 5):
            r = ctscope("list", "--json")
            equal(r.err, b"", "stderr")
    finally:
        stop.set()
        t.join()
        for vmid in range(340, 345):
            if os.path.exists(pct.conf_path(vmid)):
                os.unlink(pct.conf_path(vmid))
        pct.dotfiles()


main()
