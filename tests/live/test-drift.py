#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""ctscope drift on the scratch node: configs that are edited, cgroups that are written to
and devices that are changed behind PVE's back are told; nothing else is."""
import json
import os
import subprocess
import sys
import time

from live import (CGROUP, MIB, check, controllers, ctscope, equal, main, make, note,
                  pct, rootfs, test, until, write_conf)


def drift(vmid):
    """The container's object; the exit code is 1 where something differs, else 0."""
    r = ctscope("drift", vmid, "--json", code=None)
    c = json.loads(r.out)["container"]
    equal(r.code, 1 if c["drift"] else 0, "exit code")
    return c


def rows(vmid):
    return {d["key"]: d for d in drift(vmid)["drift"]}


def settled(vmid):
    until(lambda: drift(vmid)["compared"], "container %d is compared" % vmid, 10)
    return vmid


def started():
    """One that has run long enough to be compared."""
    return settled(make(800, net="ip=10.0.0.80/24", cores=1,
                        raw=["lxc.apparmor.profile: unconfined"]))


def silent(vmid, when):
    equal(sorted(rows(vmid)), [], "drift of a container %s" % when)


def only(vmid, key, what):
    r = rows(vmid)
    equal(sorted(r), [key], what)
    return r[key]


def conf(vmid):
    with open(pct.conf_path(vmid)) as f:
        return f.read()


def sh(*argv):
    subprocess.run(argv, check=True)


@test("a container as it was started has no drift, and much of it was compared")
def quiet():
    make(801, unprivileged=0, entrypoint="/sbin/init", raw=["lxc.cap.drop: sys_time"])
    started()
    silent(800, "just started")
    check(drift(800)["compared"] >= 15, "compared: %d" % drift(800)["compared"])
    settled(801)
    silent(801, "privileged, with a raw line")


@test("what is edited by hand after the start is told with its restart")
def edited():
    started()
    before = conf(800)
    for line, key in (("tty: 4", "tty"), ("lxc.cap.drop: mknod", "lxc.cap.drop"),
                      ("features: fuse=1", "features.fuse"), ("entrypoint: /bin/x", "entrypoint"),
                      ("onboot: 1", None), ("tags: a;b", None)):
        write_conf(800, before + line + "\n")
        if key:
            d = only(800, key, line)
            equal((d["cause"], d["action"]), ("edited", "restart"), line)
        else:
            silent(800, "with " + line)
    write_conf(800, before + "\n[pve:pending]\ntty: 3\ndelete: hostname\n")
    equal({k: d["cause"] for k, d in rows(800).items()},
          {"tty": "pending", "hostname": "pending"}, "pending")
    write_conf(800, before)
    silent(800, "with its config back")
    # a pct set writes LXC's file again: it says no more how the container was started
    os.utime("/var/lib/lxc/800/config")
    time.sleep(0.1)
    write_conf(800, before + "tty: 4\n")
    os.utime("/var/lib/lxc/800/config")
    silent(800, "of which it is not known how it was started")
    check("start" in [u["key"] for u in drift(800)["unknown"]], "it is said")
    write_conf(800, before)


@test("devices of the node changed by hand are told, each as itself")
def devices():
    started()
    veth = "veth800i0"
    for do, undo, key in (
            (("ip", "link", "set", veth, "down"), ("ip", "link", "set", veth, "up"),
             "net0.link_down"),
            (("ip", "link", "set", veth, "nomaster"),
             ("ip", "link", "set", veth, "master", "vmbr0"), "net0.bridge")):
        sh(*do)
        d = only(800, key, " ".join(do))
        equal(d["action"], "hotplug", key)
        check(veth in d["seen"], d["seen"])
        sh(*undo)
        silent(800, "after " + " ".join(undo))
    pid = str(pct.init_pid(800))
    sh("nsenter", "-t", pid, "-n", "ip", "link", "set", "eth0", "address", "02:00:00:00:00:01")
    d = only(800, "net0.hwaddr", "another MAC address inside")
    equal(d["cause"], "changed", "hwaddr")
    sh("nsenter", "-t", pid, "-n", "ip", "link", "set", "eth0", "address", "BC:24:13:00:03:20")
    silent(800, "with its MAC address back")
    sh("nsenter", "-t", pid, "-n", "ip", "link", "set", "eth0", "mtu", "1400")
    silent(800, "that chose an MTU where the config has none")
    before = conf(800)
    write_conf(800, before.replace("type=veth", "mtu=1500,type=veth"))
    equal(only(800, "net0.mtu", "mtu")["running"], "1400", "mtu")
    write_conf(800, before.replace("type=veth", "rate=10,type=veth"))
    equal(only(800, "net0.rate", "rate")["configured"], "10485760 bytes/s", "rate")
    write_conf(800, before + "net1: name=eth1,bridge=vmbr0,hwaddr=BC:24:13:00:00:09,type=veth\n")
    d = only(800, "net1", "an interface added by hand")
    check("running" not in d, "none runs")
    write_conf(800, before)
    sh("nsenter", "-t", pid, "-n", "ip", "link", "set", "eth0", "mtu", "1500")
    silent(800, "with all of it back")


@test("a limit that somebody wrote is told, one that pct would have written is not")
def limits():
    controllers("memory", "cpu", "pids")
    started()
    base = "%s/lxc/800/" % CGROUP
    for file, value, back, key in (
            ("memory.max", 64 * MIB, 128 * MIB, "memory"),
            ("memory.high", 32 * MIB, 128 * 1024 * 1016, "memory.high"),
            ("memory.swap.max", 16 * MIB, 0, "swap"),
            ("cpu.max", "50000 100000", "max 100000", "cpulimit"),
            ("cpu.weight", 33, 100, "cpuunits"),
            ("pids.max", 77, "max", "pids.max")):
        with open(base + file, "w") as f:
            f.write(str(value))
        if key == "memory":
            with open(base + "memory.high", "w") as f:
                f.write(str(64 * 1024 * 1016))
        d = only(800, key, "%s written" % file)
        equal(d["cause"], "changed", key)
        with open(base + file, "w") as f:
            f.write(str(back))
        if key == "memory":
            with open(base + "memory.high", "w") as f:
                f.write(str(128 * 1024 * 1016))
        silent(800, "with %s back" % file)
    before = conf(800)
    write_conf(800, before.replace("memory: 128", "memory: 256"))
    d = only(800, "memory", "edited by hand")
    equal((d["cause"], d["action"]), ("edited", "hotplug"), "memory")
    # as a hotplug does it
    for file, value in (("memory.high", 256 * 1024 * 1016), ("memory.max", 256 * MIB)):
        with open(base + file, "w") as f:
            f.write(str(value))
    silent(800, "after a hotplug")
    write_conf(800, before)


def inside(vmid, *argv):
    """A command of the node in the mount namespace of init."""
    sh("nsenter", "-t", str(pct.init_pid(vmid)), "-m", *argv)


def inside(*argv):
    """A command of the node in the mount namespace of init."""
    sh("nsenter", "-t", str(pct.init_pid(802)), "-m", *argv)


def mounts(before):
    one = "/run/node/drift/one,mp=/data"
    # links on the way are followed as the kernel does
    write_conf(802, before.replace(one, "/run/node/drift/link,mp=/data"))
    silent(802, "whose path became a link to the same")
    write_conf(802, before.replace(one, "/run/node/drift/two,mp=/data"))
    d = only(802, "mp0", "another directory")
    check("/drift/one" in d["running"], d["running"])
    equal(d["fix"], "pct reboot 802", "fix")
    write_conf(802, before.replace(one, "/run/node/drift/none,mp=/data"))
    check("pct reboot" not in only(802, "mp0", "a directory that is not there")["fix"],
          "no reboot into a start that fails")
    write_conf(802, before.replace(one, one + ",ro=1,mountoptions=noexec"))
    equal(sorted(rows(802)), ["mp0.mountoptions", "mp0.ro"], "flags")
    write_conf(802, before + "mp2: /run/node/drift/two,mp=/mnt\n")
    check("running" not in only(802, "mp2", "added by hand"), "nothing is mounted there")
    write_conf(802, before.replace("mp1: /run/node/drift/other,mp=/srv\n", ""))
    check("configured" not in only(802, "mount /srv", "taken out by hand"), "no config has it")
    write_conf(802, before)
    inside("mount", "-t", "tmpfs", "none", "/data")
    d = only(802, "mp0", "something lies over it")
    check("tmpfs" in d["running"] and d["cause"] == "changed", d["running"])
    inside("umount", "/data")
    silent(802, "with it gone")
    inside("mount", "-t", "tmpfs", "none", "/mnt")
    inside("mount", "--bind", "/bin", "/opt")
    silent(802, "that mounts things of its own")


def devices_inside():
    before = conf(802)
    write_conf(802, before.replace("0666", "0600"))
    equal(only(802, "dev1.mode", "mode")["running"], "0666", "mode")
    write_conf(802, before.replace("gid=5", "gid=6"))
    equal(only(802, "dev0.gid", "gid")["running"], "100005 of the node", "gid")
    write_conf(802, before + "dev2: /dev/kmsg\n")
    d = only(802, "dev2", "added by hand")
    equal((d["cause"], d["action"]), ("edited", "restart"), "dev2")
    write_conf(802, before.replace("dev1: /dev/fuse,mode=0666\n", ""))
    equal(only(802, "device /dev/fuse", "taken out")["running"], "/dev/fuse", "taken out")
    write_conf(802, before)
    # a driver that was loaded anew: the same path, another number
    node("tun", 201)
    d = only(802, "dev0", "numbers")
    equal((d["configured"], d["running"]), ("/dev/net/tun (c 10:201)", "/dev/net/tun (c 10:200)"),
          "numbers")
    node("tun", 200)
    inside("umount", "/dev/fuse")
    equal(only(802, "dev1", "unmounted inside")["cause"], "changed", "dev1")
    write_conf(802, before.replace("dev1: /dev/fuse,mode=0666\n", ""))


def node(name, minor):
    """/dev/net/<name> of this scratch node with another number."""
    path = "/run/node/drift/%s%d" % (name, minor)
    sh("mknod", "-m", "600", path, "c", "10", str(minor))
    sh("mount", "--bind", path, "/dev/net/" + name)


def resolver():
    part = "# --- BEGIN PVE ---\nsearch x.test\nnameserver %s\n# --- END PVE ---\n"
    path = rootfs(802) + "/etc/resolv.conf"
    for text, running in ((part % "192.0.2.99", "192.0.2.99"), (part % "192.0.2.53", None),
                          ("nameserver 127.0.0.53\n", None)):
        with open(path, "w") as f:
            f.write(text)
        if running:
            equal(only(802, "nameserver", "PVE's part")["running"], running, "nameserver")
        else:
            silent(802, "with " + text)
    check("nameserver" in [u["key"] for u in drift(802)["unknown"]],
          "of a file of the guest's own nothing is known")


def hostname():
    pid = str(pct.init_pid(802))
    sh("nsenter", "-t", pid, "-u", sys.executable, "-c",
       "import socket; socket.sethostname('\\x1b[31mevil')")
    d = only(802, "hostname", "named anew inside")
    equal((d["running"], d["cause"]), ("\x1b[31mevil", "changed"), "hostname")
    check(b"\x1b" not in ctscope("drift", 802, code=1).out, "no control byte in the table")
    sh("nsenter", "-t", pid, "-u", "hostname", "ct802")
    silent(802, "with its name back")


@test("what init has of mounts, devices, names and interfaces is what the config says, or told")
def of_init():
    for d in ("one", "two", "three"):
        os.makedirs("/run/node/drift/" + d, exist_ok=True)
    os.symlink("one", "/run/node/drift/link")
    os.symlink("three", "/run/node/drift/other")
    make(802, net="ip=10.0.0.82/24", ostype="debian", nameserver="192.0.2.53",
         searchdomain="x.test", mp0="/run/node/drift/one,mp=/data",
         mp1="/run/node/drift/other,mp=/srv", dev0="/dev/net/tun,gid=5",
         dev1="/dev/fuse,mode=0666")
    os.makedirs(rootfs(802) + "/opt", exist_ok=True)
    settled(802)
    silent(802, "as it was started")
    check(not [u for u in drift(802)["unknown"] if u["key"] in ("dev", "mp0", "mp1", "mounts")],
          "all of it is known")
    resolver()
    hostname()
    mounts(conf(802))
    devices_inside()
    sh("ip", "link", "del", "veth802i0")
    d = only(802, "net0", "unplugged by hand")
    equal((d["cause"], d["action"]), ("changed", "restart"), "net0")


@test("all containers at once: those that differ, and no others")
def together():
    make(801)
    started()
    settled(801)
    before = conf(801)
    write_conf(801, before + "tty: 5\n")
    r = ctscope("drift", "--json", code=1)
    got = {c["vmid"]: [d["key"] for d in c["drift"]] for c in json.loads(r.out)["containers"]}
    equal(got[801], ["tty"], "801")
    check(b"801" in ctscope("drift", code=1).out, "in the table")
    note("all containers: %.0f ms" % (r.seconds * 1000))


if __name__ == "__main__":
    main()
