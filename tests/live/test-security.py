#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel enforces around real containers, as the reader has it and as /proc says."""
import json
import os
import signal
import subprocess
import time

from live import BUILD, CGROUP, SLOW, Load, Skip, check, ctjson, ctscope, destroy, equal, \
    guest, main, make, note, pct, slack, test, until, write_conf

PROBE = BUILD + "/tests/live/secprobe"
DROPPED = {16, 17, 25, 32, 33}  # sys_module sys_rawio sys_time mac_override mac_admin
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")


def probe(*args):
    if not os.access(PROBE, os.X_OK):
        raise Skip("no secprobe in the build directory: make check builds it")
    p = subprocess.run([PROBE] + [str(a) for a in args], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    check(p.returncode == 0, p.stderr.decode())
    return p.stdout.decode()


def read():
    """(host, {vmid: (ct, maps, procs)}); init is the first of procs."""
    host, cts = None, {}
    for line in probe().splitlines():
        what, *words = line.split(" ")
        d = dict(w.split("=", 1) for w in words if "=" in w)
        if what == "host":
            host = d
        elif what == "ct":
            equal(d["error"], "-", "error of %s: %s" % (d["vmid"], line))
            cts[int(d["vmid"])] = (d, {}, [])
        elif what == "map":
            cts[int(d["vmid"])][1][d["what"]] = d["lines"]
        else:
            cts[int(d["vmid"])][2].append(d)
    return host, cts


def status(pid):
    with open("/proc/%s/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def bits(text):
    n = int(text, 16)
    return {i for i in range(64) if n >> i & 1}


def everything():
    """What this machine has to give: in its own user namespace not always all."""
    return bits(status("self")["CapBnd"])


def all_caps():
    with open("/proc/sys/kernel/cap_last_cap") as f:
        return set(range(int(f.read()) + 1))


def inode(pid, ns):
    return os.readlink("/proc/%s/ns/%s" % (pid, ns)).split("[")[1].rstrip("]")


def same_as_proc(p):
    try:
        compare(p, status(p["pid"]))
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has ended since


def compare(p, st):
    for key, name in (("inh", "CapInh"), ("prm", "CapPrm"), ("eff", "CapEff"),
                      ("bnd", "CapBnd"), ("amb", "CapAmb")):
        equal(int(p[key], 16), int(st[name], 16), name)
    for key, name in (("nnp", "NoNewPrivs"), ("seccomp", "Seccomp"),
                      ("filters", "Seccomp_filters")):
        if name in st:
            equal(p[key], st[name], name)
    equal(p["uid"], st["Uid"].split("\t")[1], "uid")
    for ns in NAMESPACES:
        if p["ns_" + ns] != "-":
            equal(p["ns_" + ns], inode(p["pid"], ns), ns)


def apparmor():
    return pct.apparmor_profile(True) == "generated"


def as_made(fn):
    """Its containers have a generated profile, as on a node, where there is AppArmor."""
    def run():
        before = os.environ.get("SCRATCH_APPARMOR", "0")
        os.environ["SCRATCH_APPARMOR"] = "1"
        try:
            fn()
        finally:
            os.environ["SCRATCH_APPARMOR"] = before
    run.__name__ = fn.__name__
    return run


def confined(fn):
    """The same, and where there is no AppArmor there is nothing to see."""
    def run():
        if not apparmor():
            raise Skip("no AppArmor here")
        as_made(fn)()
    run.__name__ = fn.__name__
    return run


@test("an unprivileged container is as PVE makes it, and as /proc says")
def unprivileged():
    make(800)
    host, cts = read()
    ct, maps, procs = cts[800]
    init = procs[0]
    equal(init["inside"], "1", "init")
    equal(ct["init"], init["pid"], "the first process")
    equal(maps, {"uid": "0:100000:65536", "gid": "0:100000:65536"}, "maps")
    equal(bits(init["bnd"]), all_caps(), "bounding set")
    equal(init["seccomp"], "2", "seccomp")
    for ns in NAMESPACES[:-1]:
        check(init["ns_" + ns] != host["ns_" + ns], "%s is the node's" % ns)
    equal(init["ns_time"], host["ns_time"], "time")
    for p in procs:
        same_as_proc(p)
    note("host %s" % host)
    note("%s" % ct)


@test("a privileged container lacks what LXC drops, and is in the node's user namespace")
def privileged():
    make(801, unprivileged=0)
    host, cts = read()
    ct, maps, procs = cts[801]
    equal(everything() - bits(procs[0]["bnd"]), DROPPED & everything(), "dropped")
    equal(procs[0]["ns_user"], host["ns_user"], "user namespace")
    equal(maps["uid"], "0:0:4294967295", "map")
    for p in procs:
        same_as_proc(p)
    note("%s" % ct)


@test("what the config takes away is seen to be gone")
def taken_away():
    make(802, unprivileged=0, raw=("lxc.cap.drop:", "lxc.seccomp.profile:"))
    make(803, raw=("lxc.idmap: u 0 100000 1000", "lxc.idmap: g 0 100000 1000"))
    make(804, unprivileged=0, raw=("lxc.net.0.type: none",))
    host, cts = read()
    init = cts[802][2][0]
    equal(bits(init["bnd"]), everything(), "bounding set")
    equal((init["seccomp"], status(init["pid"])["Seccomp"]), ("0", "0"), "seccomp")
    equal(cts[803][1]["uid"], "0:100000:1000", "map")
    init = cts[804][2][0]
    equal(init["ns_net"], host["ns_net"], "net namespace")
    check(init["ns_pid"] != host["ns_pid"], "pid namespace")


def found():
    """{vmid: {rule: what was seen}} of the rules over the kernel."""
    got = {}
    for line in probe("rules").splitlines():
        head, seen = line.split(" seen=", 1)
        d = dict(w.split("=", 1) for w in head.split(" ")[1:])
        got.setdefault(int(d["vmid"]), {})[d["rule"]] = seen
    return got


@test("containers as PVE makes them, privileged, unprivileged and nesting, are silent")
@as_made
def silent():
    make(808)
    make(809, unprivileged=0)
    make(810, features="nesting=1")
    with Load(808, "sleep"), Load(809, "sleep"):
        got = found()
    for vmid in set(got) - {808, 809, 810}:
        # of the node's set, which is made without a profile
        got[vmid].pop("kernel-apparmor-unconfined", None)
    equal({v: f for v, f in got.items() if f}, {}, "found")


@test("what is taken away, shared with the node or brought in is found")
@as_made
def lit():
    make(811, unprivileged=0, features="nesting=1", raw=(
        "lxc.apparmor.profile: unconfined", "lxc.cap.drop:", "lxc.seccomp.profile:",
        "lxc.net.0.type: none", "lxc.cgroup2.devices.allow: a"))
    make(812)
    make(813, unprivileged=0, raw=("lxc.mount.auto: proc:rw sys:rw",))
    # the file says now what the kernel was never told
    with open(pct.conf_path(811)) as f:
        text = f.read()
    with subprocess.Popen(["sleep", "60"]) as p:
        try:
            with open("%s/lxc/812/ns/cgroup.procs" % CGROUP, "w") as f:
                f.write("%d" % p.pid)
            got = found()
            note("\n".join("%d %s: %s" % (v, r, s) for v in got for r, s in got[v].items()))
            have = set(got[811])
            equal(have & {"kernel-caps", "kernel-seccomp-off", "kernel-host-namespace"},
                  {"kernel-caps", "kernel-seccomp-off", "kernel-host-namespace"}, "811")
            equal(set(got[813]), {"kernel-proc-writable", "kernel-sys-writable"}, "813")
            here = {"kernel-process-unconfined"} if apparmor() else set()
            equal(set(got[812]), here | {"kernel-process-unfiltered",
                                         "kernel-process-host-namespace"}, "812")
            write_conf(811, text + "unprivileged: 1\n")
            check("kernel-not-unprivileged" in found()[811], "unprivileged in the file")
        finally:
            p.kill()


PROFILE = """2
denylist
[all]
open_by_handle_at errno 1
init_module errno 1
finit_module errno 1
delete_module errno 1
keyctl errno 38
"""


def deep(vmid):
    """{rule: what was seen} of the rules over the filter itself, and what was warned of."""
    r = ctscope("audit", vmid, "--deep", "--severity", "info", "--json", code=None)
    check(r.code in (0, 1, 3), "exit %d: %s" % (r.code, r.err))
    found = json.loads(r.out)["container"]["findings"] if r.out else []
    return ({f["rule"]: f["seen"] for f in found if f["rule"].startswith("kernel-filter")},
            r.err.decode())


def state(pid):
    return status(pid)["State"][0]


@test("--deep: the filter of LXC's own profile is what it says, one that lacks a line is not")
def filters():
    make(808)
    make(809, unprivileged=0)
    make(815, unprivileged=0, raw=("lxc.seccomp.profile:",))
    for vmid in (808, 809):
        equal(deep(vmid), ({}, ""), "%d as PVE makes it" % vmid)
    equal(deep(815), ({}, ""), "without seccomp: it is not even stopped")
    with open("/run/node/deep.seccomp", "w") as f:
        f.write(PROFILE)
    make(814, raw=("lxc.seccomp.profile: /run/node/deep.seccomp",))
    found, said = deep(814)
    equal(said, "", "said")
    equal(list(found), ["kernel-filter-danger"], "rules")
    equal(found["kernel-filter-danger"],
          "the filter lets through: kexec_load, kexec_file_load", "seen")
    # the file says more now than it did when the container started
    with open("/run/node/deep.seccomp", "a") as f:
        f.write("mkdir errno 1\nkeyctl errno 38\nfoobar errno 1\n")
    found, said = deep(814)
    equal(found["kernel-filter-allows"], "the filter lets through what "
          "/run/node/deep.seccomp refuses: mkdir", "seen")
    check("foobar" in found["kernel-filter-line"], found)
    os.unlink("/run/node/deep.seccomp")
    found, said = deep(814)
    equal(list(found), ["kernel-filter-danger"], "rules without the profile")
    check("/run/node/deep.seccomp: No such file" in said, said)


@test("--deep leaves init as it was: sleeping, stopped, frozen or traced, and never waits")
def undisturbed():
    make(808)
    init = int(read()[1][808][2][0]["pid"])
    note(probe("filters", 808, 300).strip())
    until(lambda: state(init) == "S", "init sleeps again", 5)
    equal(status(init)["TracerPid"], "0", "tracer")

    def busy(what):
        t0 = time.monotonic()
        found, said = deep(808)
        took = time.monotonic() - t0
        check("is frozen, stopped or traced" in said,
              "%s: %r" % (what, said))
        check(took < 2 * slack(), "%s: %.1f s" % (what, took))

    os.kill(init, signal.SIGSTOP)
    try:
        until(lambda: state(init) == "T", "stopped", 5)
        busy("stopped")
        equal(state(init), "T", "it was stopped, and is")
    finally:
        os.kill(init, signal.SIGCONT)
    freeze = "%s/lxc/808/cgroup.freeze" % CGROUP
    with open(freeze, "w") as f:
        f.write("1")
    try:
        busy("frozen")
    finally:
        with open(freeze, "w") as f:
            f.write("0")
    until(lambda: deep(808) == ({}, ""), "all is as before", 5)
    until(lambda: state(init) == "S", "init sleeps again", 5)


@test("who came in by lxc-attach is told apart, with what it has")
def attached():
    make(805)
    with Load(805, "sleep"):
        procs = read()[1][805][2]
        came = [p for p in procs if p["comm"] == "load"]
        equal([p["attached"] for p in came], ["1"], "attached")
        same_as_proc(came[0])
        equal(procs[0]["attached"], "0", "init")
        note("load: seccomp %s, filters %s" % (came[0]["seccomp"], came[0]["filters"]))


@test("a process of the node put into the container's cgroup is shown as what it is")
def brought_in():
    make(806)
    with subprocess.Popen(["sleep", "60"]) as p:
        try:
            with open("%s/lxc/806/ns/cgroup.procs" % CGROUP, "w") as f:
                f.write("%d" % p.pid)
            host, cts = read()
            mine = [x for x in cts[806][2] if x["pid"] == str(p.pid)]
            equal(len(mine), 1, "seen")
            equal(mine[0]["ns_user"], host["ns_user"], "whose user namespace")
            equal(mine[0]["ns_mnt"], inode(p.pid, "mnt"), "whose mounts")
            equal(mine[0]["seccomp"], status(p.pid)["Seccomp"], "seccomp")
        finally:
            p.kill()


def audit(vmid, *args):
    """{rule: [what was seen]}, what was warned of, the exit code, and how long it took."""
    r = ctscope("audit", vmid, "--severity", "info", "--json", *args, code=None)
    check(r.code in (0, 1, 3), "exit %d: %s" % (r.code, r.err))
    got = {}
    for f in json.loads(r.out)["container"]["findings"]:
        got.setdefault(f["rule"], []).append(f["seen"])
    return got, r.err.decode(errors="replace"), r.code, r.seconds


def inside(vmid, *cmd):
    """In the mount namespace of its init, with the node's own tools."""
    subprocess.run(["nsenter", "-m", "-t", str(pct.init_pid(vmid)), "--"] + list(cmd), check=True)


@test("what of the node is mounted inside is told, also without a line in the config")
def mounted():
    os.makedirs("/run/ctscope-x", exist_ok=True)
    with open("/run/docker.sock", "w"):
        pass
    make(816, unprivileged=0, raw=(
        "lxc.mount.entry: /run/docker.sock run/docker.sock none bind,create=file 0 0",
        "lxc.mount.entry: /proc mnt none rbind 0 0",
        "lxc.mount.entry: /dev opt none bind,optional,create=dir 0 0"))
    make(817)
    try:
        got = audit(816)[0]
        note("\n".join("%s: %s" % (r, s) for r in sorted(got) for s in got[r]))
        equal(got["kernel-host-socket"], ["/run/docker.sock of the node is mounted at "
                                          "/run/docker.sock: that of Docker, which is root"], "socket")
        check(any(s.startswith("/proc of the node is mounted at /mnt: ")
                  for s in got["kernel-host-proc"]), "proc")
        check(any("/dev of the node is mounted at /opt" in s
                  for s in got["kernel-host-device"]), "devices")
        # taken out of the file while it runs: it is there all the same
        with open(pct.conf_path(816)) as f:
            text = "".join(line for line in f if "lxc.mount" not in line)
        write_conf(816, text)
        got = audit(816)[0]
        check("host-socket-root" not in got, "a line is still there: %s" % got)
        check(len(got["kernel-host-socket"]) == 1, "%s" % got)
        equal([r for r in audit(817)[0] if "host" in r], [], "817")
    finally:
        os.unlink("/run/docker.sock")
        os.rmdir("/run/ctscope-x")


@test("a process of the node is found however deep it is put, and its name shows nothing")
def hidden_deep():
    make(818)
    deepest = "%s/lxc/818/ns" % CGROUP + "/x" * 12
    os.makedirs(deepest)
    with subprocess.Popen([BUILD + "/tests/live/load", "forge", "819"],
                          stdout=subprocess.PIPE) as p:
        try:
            equal(p.stdout.readline(), b"ready\n", "load")
            with open(deepest + "/cgroup.procs", "w") as f:
                f.write("%d" % p.pid)
            got = audit(818)[0]
            check("kernel-process-unfiltered" in got and
                  "kernel-process-host-namespace" in got, "%s" % got)
            for args in ((), ("-o", "VMID,SEEN"), ("--json",), ("--sarif",), ("818",)):
                r = ctscope("audit", *args, code=None)
                check(r.code == 1, "exit %d: %s" % (r.code, r.err))
                bad = [c for c in r.out + r.err if c < 32 and c != 10 or c == 127]
                check(not bad, "%s: control bytes %s" % (args, bad))
        finally:
            p.kill()


@test("4,200 sleepers do not hide it silently: audit says what it did not look at")
def crowd():
    make(819, memory=640)
    with Load(819, "sleepers", 4200):
        got, said, code, took = audit(819)
        check("of its processes were not looked at" in said, said)
        note("%.2f s: %s" % (took, said.strip()))
        check(took < 5 * slack(), "%.1f s" % took)
        if not got:
            equal(code, 3, "exit code")
    equal(audit(819)[1], "", "what is said without them")


@test("a status of 700 KiB is read like any other, and 60 of them are bounded")
def long_status():
    make(811)
    with Load(811, "groups", 1):
        got, said, code, took = audit(811)
        equal(said, "", "said of two")
        check(took < 2 * slack(), "%.1f s" % took)
    with Load(811, "groups", 60):
        got, said, code, took = audit(811)
        note("%.2f s: %s" % (took, said.strip()))
        check(took < 5 * slack(), "%.1f s" % took)


@test("20,000 mounts of a privileged guest: as quick, and what matters is still found")
def many_mounts():
    make(812, unprivileged=0, features="nesting=1")
    guest(812, "/bin/mkdir", "/tmp/m")
    guest(812, "/bin/load", "mounts", "20000", "tmpfs", "/tmp/m")
    with open("/proc/%d/mountinfo" % pct.init_pid(812)) as f:
        check(len(f.readlines()) > 20000, "mounts")
    got, said, code, took = audit(812)
    note("tmpfs: %.2f s %s" % (took, sorted(got)))
    check(took < 5 * slack(), "%.1f s" % took)
    make(813, unprivileged=0)
    guest(813, "/bin/mkdir", "/tmp/m")
    guest(813, "/bin/load", "mounts", "5000", "proc", "/tmp/m")
    got, said, code, took = audit(813)
    note("proc: %.2f s" % took)
    check("kernel-proc-writable" in got, "%s" % sorted(got))
    check(took < 5 * slack(), "%.1f s" % took)


def cgroup_pids(vmid):
    for path, _, _ in os.walk("%s/lxc/%d" % (CGROUP, vmid)):
        with open(path + "/cgroup.procs") as f:
            yield from f.read().split()


def unfiltered(pid):
    try:
        return status(pid)["Seccomp"] == "0"
    except (OSError, KeyError):
        return False


@test("lxc-attach at work is no finding, whenever audit looks")
@as_made
def attaching():
    make(805)
    stop = "/run/node/attaching"
    with open(stop, "w"):
        pass
    p = subprocess.Popen(["sh", "-c", "while [ -e %s ]; do lxc-attach -n 805 --clear-env -- "
                          "/bin/true; done" % stop], stdin=subprocess.DEVNULL)
    naive = 0
    try:
        for i in range(40 if SLOW == 1 else 10):
            naive += sum(unfiltered(pid) for pid in cgroup_pids(805))
            got = audit(805)[0]
            equal([r for r in got if r.startswith("kernel")], [], "round %d: %s" % (i, got))
    finally:
        os.unlink(stop)
        p.wait()
    note("a single look at the same time would have found %d" % naive)


@test("AppArmor: a generated profile confines and is silent, with nesting too")
@confined
def profiles():
    make(806, net="ip=10.99.1.46/24")
    make(807, unprivileged=0, features="nesting=1", net="ip=10.99.1.47/24", raw=(
        "lxc.apparmor.allow_nesting: 1",
        "lxc.mount.entry: proc dev/.lxc/proc proc create=dir,optional 0 0",
        "lxc.mount.entry: sysfs dev/.lxc/sys sysfs create=dir,optional 0 0"))
    with open("/proc/%d/mountinfo" % pct.init_pid(807)) as f:
        check(" /dev/.lxc/proc rw," in f.read(), "no second /proc")
    r = subprocess.run(["lxc-attach", "-n", "807", "--clear-env", "--", "/bin/sh", "-c",
                        "cat /dev/.lxc/proc/sys/kernel/core_pattern"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(r.returncode and b"Permission denied" in r.stdout, "it is not denied: %s" % r.stdout)
    for vmid in (806, 807):
        p = read()[1][vmid][2][0]
        equal(p["labelgot"], "2", "label")
        note("%d: mode %s, profile %s, namespace %s" % (vmid, p["mode"], p["profile"], p["aans"]))
        check(p["profile"].startswith("lxc-%d_" % vmid), p["profile"])
        equal(p["mode"], "enforce", "mode")
        equal([r for r in audit(vmid, "--deep")[0] if r.startswith("kernel")], [], "found")
        read_inside(vmid)


def read_inside(vmid):
    """No profile of the guest's keeps out who looks at it from the node."""
    guest(vmid, "/bin/sh", "-c", "echo what it says >/var/log/own")
    mounts = ctjson("df", vmid)["container"]["mounts"]
    st = os.statvfs("/proc/%d/root" % pct.init_pid(vmid))
    equal([m["size"] for m in mounts if m["path"] == "/"], [st.f_blocks * st.f_frsize], "df")
    check("what it says" in [x["text"] for x in ctjson("logs", vmid, "--file",
                                                       "/var/log/own")["lines"]], "logs")
    check(str(pct.init_pid(vmid)) in str(ctjson("ps", vmid)), "ps")
    own = ctjson("network", vmid)["container"]["interfaces"][0]["guest"]
    equal(own["name"], "eth0", "network")


@test("AppArmor: unconfined, a profile that only complains, a process outside the profile")
@confined
def unconfined():
    make(808, raw=("lxc.apparmor.profile: unconfined",))
    check("kernel-apparmor-unconfined" in audit(808)[0], "unconfined")
    with open("/run/node/complain", "w") as f:
        f.write("profile lxc-ctscope-complain flags=(complain,attach_disconnected) {\n}\n")
    subprocess.run(["apparmor_parser", "-r", "/run/node/complain"], check=True)
    try:
        make(809, raw=("lxc.apparmor.profile: lxc-ctscope-complain",))
        got = audit(809)[0]
        check("kernel-apparmor-complain" in got, "%s" % got)
        note(got["kernel-apparmor-complain"][0])
        destroy(809)
    finally:
        subprocess.run(["apparmor_parser", "-R", "/run/node/complain"])
    make(810)
    with subprocess.Popen(["sleep", "600"]) as p:
        try:
            with open("%s/lxc/810/ns/cgroup.procs" % CGROUP, "w") as f:
                f.write("%d" % p.pid)
            got = audit(810)[0]
            check("kernel-process-unconfined" in got, "%s" % got)
        finally:
            p.kill()


@test("a number of init that is another's by now is never taken for init")
def reuse():
    last = "/proc/sys/kernel/ns_last_pid"
    if not os.access(last, os.W_OK):
        raise Skip("no ns_last_pid")
    make(807)
    init = read()[1][807][2][0]
    with open("/proc/%s/stat" % init["pid"]) as f:
        start = f.read().rsplit(")", 1)[1].split()[19]
    pid = int(init["pid"])
    destroy(807)
    make(807)
    until(lambda: not os.path.exists("/proc/%d" % pid), "the number to be free", 5)
    p = subprocess.Popen([PROBE, "pids", "807", str(pid), start, "100000"],
                         stdout=subprocess.PIPE)
    born = 0
    with open("%s/lxc/807/ns/cgroup.procs" % CGROUP, "w") as procs:
        while p.poll() is None:
            with open(last, "w") as f:
                f.write("%d" % (pid - 1))
            child = os.fork()
            if child == 0:
                procs.write("0")
                try:
                    procs.flush()
                finally:
                    os._exit(0)
            born += child == pid
            os.waitpid(child, 0)
    said = p.stdout.read().decode().strip()
    note("%s; %d processes of that number in that cgroup" % (said, born))
    equal(said, "100000 reads, 0 taken, 0 errors", "what was believed")
    check(born > 50, "only %d" % born)


@test("the read of 50 containers is quick")
def quick():
    for vmid in range(820, 870):
        make(vmid, start=False)
        pct.start(vmid)
    lines = probe("bench", 5).splitlines()
    note("\n".join(lines))
    us = min(int(line.rsplit(": ", 1)[1].split()[0]) for line in lines)
    check(us < 500000, "%d us at best" % us)


main()
