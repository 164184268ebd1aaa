# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers by their real units on the virtual machine's own node (tests/vm/node), and
what the collector, as the service it is, says of them."""
import os
import random
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE + "/../live")
sys.path.insert(0, HERE + "/../collect")
import collectlib as lib  # noqa: E402
import live  # noqa: E402
from collectlib import events, last_seq, query, wait_event  # noqa: E402,F401
from live import (CGROUP, Failed, check, destroy, equal, main, make, note,  # noqa: E402,F401
                  pct, rootfs, test, until, write_conf)

# a unit of the guest's own: unit PATH COMMAND...; limit PATH FILE VALUE before it
UNITS = """
cg=/sys/fs/cgroup
mkdir -p $cg/init.scope $cg/system.slice/rc.service
echo 1 >$cg/init.scope/cgroup.procs
echo $$ >$cg/system.slice/rc.service/cgroup.procs
for c in $(cat $cg/cgroup.controllers); do
	echo +$c >$cg/cgroup.subtree_control
	echo +$c >$cg/system.slice/cgroup.subtree_control
done
limit() { mkdir -p $cg/$1; echo $3 >$cg/$1/$2; }
unit()
{
	d=$cg/$1
	shift
	mkdir -p "$d"
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$d" "$@" >/dev/null 2>&1 &
}
"""


def run(*args, timeout=120, **more):
    return subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, **more)


lib.logged = lambda: said()[-2000:]


def service(verb):
    p = run("systemctl", verb, "ctscoped")
    check(p.returncode == 0, "systemctl %s ctscoped: %s" % (verb, p.stderr))


def collector_pid():
    return int(run("systemctl", "show", "-p", "MainPID", "--value", "ctscoped").stdout)


def said():
    run("journalctl", "--sync")
    return run("journalctl", "-u", "ctscoped", "--no-pager", "-o", "cat").stdout


def cpu_sec(pid):
    with open("/proc/%d/stat" % pid) as f:
        w = f.read().rsplit(")", 1)[1].split()
    return (int(w[11]) + int(w[12])) / os.sysconf("SC_CLK_TCK")


def hook_file(vmid):
    """As a hook writes it, of a running one's post-start; its name, which is the id of its event."""
    boot = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6)
    real = int(time.time() * 1e6)
    name = "%013x-%014x-%06x01" % (boot, real, random.getrandbits(24))
    hidden = lib.SPOOL + "/." + name
    with open(hidden, "w") as f:
        f.write("ctscope-hook 1\nvmid %d\ntype guest-post-start\nreal-usec %d\nboot-usec %d\n"
                "end\n" % (vmid, real, boot))
    shutil.chown(hidden, group="ctscope")
    os.chmod(hidden, 0o640)
    os.rename(hidden, lib.SPOOL + "/" + name)
    return name


def incident(vmid, kind, seconds=10):
    def found():
        rows = query("SELECT * FROM incidents WHERE vmid = ? AND kind = ?", (vmid, kind))
        return rows[-1] if rows else None
    return until(found, "an incident %s of %d" % (kind, vmid), seconds)


def show(n):
    """What an admin reads: kept in the output, to be looked at."""
    p = run(live.CTSCOPE, "incidents", "show", n)
    note("$ ctscope incidents show %d\n%s%s" % (n, p.stdout, p.stderr))
    equal(p.returncode, 0, "exit code")
    return p.stdout


def show_all():
    for r in query("SELECT n FROM incidents ORDER BY n"):
        show(r["n"])
    p = run(live.CTSCOPE, "events")
    note("$ ctscope events\n" + p.stdout + p.stderr)
