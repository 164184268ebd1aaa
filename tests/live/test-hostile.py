#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that rename, forge and hide: nothing of it reaches the screen or the figures."""
import os
import re
import subprocess

from live import (Load, Skip, check, ctjson, ctscope, equal, guest, main, make, pct, rows,
                  status, test, until)

CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


def clean(*args):
    r = ctscope(*args, code=None)
    if b"unknown command" in r.err:
        raise Skip("no command %s yet" % args[0])
    check(not CONTROL.search(r.out + r.err), "control bytes in %s: %r"
          % (args[0], CONTROL.search(r.out + r.err)))
    check(r.code in (0, 1), "%s: exit %d %s" % (args[0], r.code, r.err))
    return r


@test("a process name with newline, parenthesis and ESC: ps shows it escaped, on one line")
def process_name():
    make(500)
    with Load(500, "forge", "501"):
        lines = [x for x in clean("ps", 500).out.splitlines() if b"forge" in x or b"x)" in x]
        check(lines, "the process is missing: %r" % ctscope("ps", 500).out)
        clean("ps", 500, "--json")
        equal(status(500)["status"], "running", "status")


@test("an abstract socket whose name forges another container's does not make that run")
def forged_socket():
    make(502)
    make(503, start=False)
    with Load(502, "forge", "503"):
        equal(status(503)["status"], "stopped", "status of 503")
        check(os.path.exists("/proc/net/unix"), "")
    # and now from the node's own network namespace, where /proc/net/unix has the line
    p = subprocess.Popen([os.environ["CTSCOPE_BUILD"] + "/tests/live/load"
                          if os.path.exists(os.environ["CTSCOPE_BUILD"] + "/tests/live/load")
                          else "/run/node/load", "forge", "503"], stdout=subprocess.PIPE)
    try:
        equal(p.stdout.readline(), b"ready\n", "load")
        with open("/proc/net/unix", errors="replace") as f:
            check("@/var/lib/lxc/503/command\n" in f.read(), "control: the forged line is there")
        equal(status(503)["status"], "stopped", "status of 503 with the forged line")
        equal(rows()[503]["status"], "stopped", "list")
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


@test("cgroup names with ESC and quotes inside: ps and usage --tree escape them")
def cgroup_names():
    make(504, rc="mkdir -p \"$(printf '/sys/fs/cgroup/evil\\033[31m\\\"x/y')\"\n"
         "d=$(printf '/sys/fs/cgroup/evil\\033[31m\\\"x/y')\n"
         "sh -c 'echo $$ >\"$0/cgroup.procs\"; exec sleep 1000' \"$d\" &\n")
    until(lambda: b"sleep" in ctscope("ps", 504, code=None).out, "sleep in ps")
    clean("ps", 504)
    clean("ps", 504, "--json")
    clean("usage", "--interval", "0", "--tree", 504)
    clean("usage", "--interval", "0", "--tree", 504, "--json")


@test("an interface renamed to something with ESC is escaped")
def interface_name():
    make(505, net="ip=10.99.1.5/24")
    try:
        subprocess.run(["nsenter", "-n", "-t", str(pct.init_pid(505)), "sh", "-c",
                        "ip link set eth0 down; ip link set eth0 name \"$(printf 'e\\033[7m}')\""
                        "; ip link set \"$(printf 'e\\033[7m}')\" up"], check=True,
                       stderr=subprocess.PIPE)
    except subprocess.CalledProcessError as e:
        raise Skip("cannot rename: %s" % e.stderr.decode(errors="replace"))
    clean("network", 505)
    clean("network", 505, "--json")
    clean("list")
    clean("list", "--json")


@test("a guest that moves all its processes deep down and hides init is still running")
def hidden_init():
    make(506, rc="d=/sys/fs/cgroup\nfor i in 1 2 3 4 5 6 7 8 9 10 11 12; do d=$d/x; done\n"
         "mkdir -p $d\necho 1 >$d/cgroup.procs\necho $$ >$d/cgroup.procs\n")
    s = status(506)
    equal((s["status"], s.get("pid")), ("running", pct.init_pid(506)), "status")
    clean("ps", 506)


@test("a guest that mounts over its /proc and /sys changes nothing for us")
def mounts_over():
    make(507)
    for d in ("/proc", "/sys"):
        guest(507, "/bin/mount", "-t", "tmpfs", "tmpfs", d)
    s = status(507)
    equal((s["status"], s.get("pid")), ("running", pct.init_pid(507)), "status")
    for cmd in ("usage", "ps", "network"):
        clean(*([cmd, "507"] + (["--interval", "0"] if cmd == "usage" else [])))


@test("a config edited by hand with control bytes in every value")
def config_bytes():
    make(509, start=False)
    with open(pct.conf_path(509), "ab") as f:
        f.write(b"#\x1b]0;title\x07\n#%1b[31m red %0a%0d\nhostname: a\x1b[31mb\n"
                b"tags: \x9b31m;\xe2\x80\xaex\nlock: \x1bc\n")
    for args in (("list",), ("list", "--json"), ("status", 509), ("config", 509),
                 ("config", 509, "--json")):
        r = ctscope(*args, code=None)
        check(not CONTROL.search(r.out + r.err), "control bytes in %s" % (args,))
        check(b"\xe2\x80\xae" not in r.out, "a bidi override in %s" % (args,))
    ctjson("list")


main()
