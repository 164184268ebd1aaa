#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Addresses that appear, links that go down, bytes that pass: list and network say so."""
import os
import subprocess

from live import (Skip, check, ctscope, equal, guest, main, make, near, pct, rows, status,
                  test, until)


def addresses(vmid):
    return rows()[vmid].get("addresses")


@test("a static address is in the list")
def static():
    make(600, net="ip=10.99.2.1/16")
    until(lambda: addresses(600) == ["10.99.2.1/16"], "the address", 5)


@test("an address added inside appears, and goes when it is deleted")
def appears():
    make(601, net="ip=10.99.2.2/16")
    until(lambda: addresses(601) == ["10.99.2.2/16"], "the first address", 5)
    guest(601, "/bin/ip", "addr", "add", "10.77.0.5/24", "dev", "eth0")
    equal(addresses(601), ["10.99.2.2/16", "10.77.0.5/24"], "both")
    guest(601, "/bin/ip", "addr", "del", "10.77.0.5/24", "dev", "eth0")
    equal(addresses(601), ["10.99.2.2/16"], "one again")


@test("ip=dhcp without a server: running, no address, and network says so")
def dhcp():
    make(602, net="ip=dhcp")
    equal(addresses(602), [], "addresses")
    r = ctscope("network", 602, code=None)
    if b"unknown command" in r.err:
        raise Skip("no command network yet")
    check(b"dhcp" in r.out.lower(), r.out.decode(errors="replace"))


@test("netin and netout grow by what passed: 1 MiB towards the guest")
def counters():
    make(603, net="ip=10.99.0.23/24")
    until(lambda: addresses(603), "the address", 5)
    # a neighbour entry first, the ARP must not be in the count
    subprocess.run(["busybox", "ping", "-c", "1", "-W", "5", "10.99.0.23"], check=True,
                   stdout=subprocess.DEVNULL)
    before = status(603)
    guest_rx = int(guest(603, "/bin/cat", "/sys/class/net/eth0/statistics/rx_bytes"))
    # 1024 UDP datagrams of 1024 bytes: 42 bytes of headers each
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(1024):
            s.sendto(b"x" * 1024, ("10.99.0.23", 9))
    after = until(lambda: (lambda a: a if a["netin"] - before["netin"] > 900000 else None)(
        status(603)), "the bytes", 5)
    guest_now = int(guest(603, "/bin/cat", "/sys/class/net/eth0/statistics/rx_bytes"))
    near(after["netin"] - before["netin"], 1024 * (1024 + 42), 1, "netin")
    near(guest_now - guest_rx, after["netin"] - before["netin"], 1, "what the guest counted")


@test("the link set down inside is seen")
def link_down():
    make(604, net="ip=10.99.2.4/16")
    until(lambda: addresses(604), "the address", 5)
    guest(604, "/bin/ip", "link", "set", "eth0", "down")
    r = ctscope("network", 604, code=None)
    if b"unknown command" in r.err:
        raise Skip("no command network yet")
    check(b"down" in r.out.lower(), r.out.decode(errors="replace"))


@test("two interfaces, a firewall bridge, a VLAN: the row has both addresses")
def router():
    if not os.path.exists("/etc/pve/lxc/109.conf"):
        raise Skip("only with --set standard")
    equal(sorted(addresses(109)), ["10.30.0.1/24", "10.99.0.19/24"], "addresses")
    r = ctscope("network", 109, code=None)
    if b"unknown command" in r.err:
        raise Skip("no command network yet")
    for dev in (b"veth109i0", b"veth109i1", b"fwbr109i0", b"vmbr0", b"vmbr1", b"wan", b"lan"):
        check(dev in r.out, "%s is missing: %s" % (dev, r.out.decode(errors="replace")))


@test("a bridge that is gone is a finding, and no error")
def bridge_gone():
    make(605, net="ip=10.99.2.5/16")
    with open(pct.conf_path(605)) as f:
        text = f.read()
    pct.write(pct.conf_path(605), text.replace("bridge=vmbr0", "bridge=vmbr77"))
    r = ctscope("network", 605, code=None)
    if b"unknown command" in r.err:
        raise Skip("no command network yet")
    check(b"vmbr77" in r.out and r.code in (0, 1), r.out.decode(errors="replace"))


main()
