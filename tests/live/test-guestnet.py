#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What files inside a container say about its network, as ctscope network shows it; and
guests that put something else in their place."""
import os
import re
import time

from live import check, ctjson, ctscope, equal, main, make, note, pct, rootfs, slack, test

RAW = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xff")


def put(vmid, path, data):
    """As the container's root: the file is of its ids."""
    full = rootfs(vmid) + path
    where = rootfs(vmid)
    for part in os.path.dirname(path).strip("/").split("/"):
        where += "/" + part
        if not os.path.isdir(where):
            os.mkdir(where)
            os.chown(where, 100000, 100000)
    if os.path.islink(full) or os.path.exists(full):
        os.unlink(full)
    with open(full, "wb") as f:
        f.write(data)
    os.chown(full, 100000, 100000)


def link(vmid, path, to):
    full = rootfs(vmid) + path
    if os.path.islink(full) or os.path.exists(full):
        os.unlink(full)
    os.symlink(to, full)


def network(vmid):
    return ctjson("network", vmid)["container"]


@test("nameservers, search and options of /etc/resolv.conf")
def resolver():
    make(660, start=False)
    put(660, "/etc/resolv.conf", b"search example.test lan\nnameserver 192.0.2.53\n"
        b"nameserver 2001:db8::53\noptions timeout:1\n")
    pct.start(660)
    r = network(660)["resolver"]
    equal(r["nameservers"], ["192.0.2.53", "2001:db8::53"], "nameservers")
    equal(r["search"], ["example.test", "lan"], "search")
    equal(r["options"], ["timeout:1"], "options")
    out = ctscope("network", 660).out.decode()
    check("nameserver 192.0.2.53 2001:db8::53" in out, out)


@test("leases of dhclient and of systemd-networkd")
def leases():
    make(661, start=False, net="ip=10.99.0.61/24")
    put(661, "/var/lib/dhcp/dhclient.eth0.leases",
        b"lease {\n interface \"eth0\";\n fixed-address 10.99.0.61;\n"
        b" option subnet-mask 255.255.255.0;\n option dhcp-server-identifier 10.99.0.1;\n"
        b" expire 5 2026/11/20 12:30:00;\n}\n")
    put(661, "/run/systemd/netif/leases/2",
        b"ADDRESS=10.99.0.62\nNETMASK=255.255.255.0\nLIFETIME=1h\n")
    pct.start(661)
    got = {x["client"]: x for x in network(661)["leases"]}
    one = got["dhclient"]
    equal((one["interface"], one["address"], one["prefix"], one["server"], one["expires"]),
          ("eth0", "10.99.0.61", 24, "10.99.0.1", "2026-11-20T12:30:00.000Z"), "dhclient")
    if "systemd-networkd" in got:
        equal(got["systemd-networkd"]["lifetime"], 3600, "networkd")
    else:
        note("this container mounts its own /run")


@test("a link, a FIFO, bytes of any kind in the place of resolv.conf: the host is not read")
def hostile():
    with open("/run/node/canary", "w") as f:
        f.write("nameserver 203.0.113.99\n")
    try:
        make(662)
        for to in ("/run/node/canary", "/proc/1/root/etc/resolv.conf",
                   "../../../../../../run/node/canary", "/etc/resolv.conf"):
            link(662, "/etc/resolv.conf", to)
            out = ctscope("network", 662).out
            check(b"203.0.113.99" not in out, out)
            check("resolver" not in network(662), to)
        os.unlink(rootfs(662) + "/etc/resolv.conf")
        os.mkfifo(rootfs(662) + "/etc/resolv.conf")
        t0 = time.monotonic()
        out = ctscope("network", 662).out
        check(time.monotonic() - t0 < 1 * slack(), "a FIFO")
        check(b"not known: /etc/resolv.conf" in out, out)
        put(662, "/etc/resolv.conf", b"nameserver \x1b[2J\xff\x07\nsearch \xe2\x80\xae\n" * 500)
        out = ctscope("network", 662).out
        check(not RAW.search(out) and b"\xe2\x80\xae" not in out, out)
        check(out.count(b"\n") < 60, "%d lines" % out.count(b"\n"))
    finally:
        os.unlink("/run/node/canary")


@test("a container without any of it has none, and that is no error")
def nothing():
    make(663, start=False)
    if os.path.exists(rootfs(663) + "/etc/resolv.conf"):
        os.unlink(rootfs(663) + "/etc/resolv.conf")
    pct.start(663)
    c = network(663)
    check("resolver" not in c, c.get("resolver"))
    equal(c["leases"], [], "leases")
    check(b"not known" not in ctscope("network", 663).out, "no complaint")


if __name__ == "__main__":
    main()
