#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""ctscope network on the scratch node: real containers, real bridges, and guests that
do what they like inside their network namespace. TAP; run by tests/live/all."""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

if "SCRATCH" not in os.environ:
    print("1..0 # SKIP runs in tests/node/scratch run only")
    sys.exit(77)

CTSCOPE = os.environ["CTSCOPE"]
HERE = os.path.dirname(os.path.realpath(__file__))
count = 0
failed = 0


def run(*argv, **kw):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def sh(script):
    r = run("bash", "-c", script)
    if r.returncode:
        print("# %s: %s" % (script, r.stderr.decode("utf-8", "replace").strip()))
    return r.stdout


def network(vmid, *args):
    r = run(CTSCOPE, "network", str(vmid), "--json", *args)
    if r.returncode:
        raise AssertionError("exit %d: %r" % (r.returncode, r.stderr))
    return json.loads(r.stdout)["container"]


def ids(c, net=0):
    return sorted(f["id"] for f in c["interfaces"][net]["findings"])


def pid_of(vmid):
    return run("pct", "pid", str(vmid)).stdout.decode().strip()


def inside(vmid, script):
    """As root of the container's network namespace, and of nothing else of it."""
    return sh("nsenter -t %s -n bash -c %s" % (pid_of(vmid), "'%s'" % script.replace("'", "'\\''")))


def expect(got, want):
    if got != want:
        raise AssertionError("got %r, want %r" % (got, want))


def send_udp(address, n, pause):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(n):
        try:
            s.sendto(bytes(1000), (address, 9))
        except ConnectionRefusedError:
            s.sendto(bytes(1000), (address, 9))
        time.sleep(pause)
    s.close()


class spoiled:
    """Does one thing to a container or the node and undoes it."""

    def __init__(self, do, undo):
        self.do, self.undo = do, undo

    def __enter__(self):
        self.do()

    def __exit__(self, *exc):
        self.undo()


def host(do, undo):
    return spoiled(lambda: sh(do), lambda: sh(undo))


def guest(vmid, do, undo):
    return spoiled(lambda: inside(vmid, do), lambda: inside(vmid, undo))


def a_container_as_configured_has_no_findings():
    c = network(101)
    i = c["interfaces"][0]
    expect(ids(c), [])
    expect(c["network"], "own")
    expect((i["id"], i["name"], i["guest"]["name"]), ("net0", "eth0", "eth0"))
    expect(i["guest"]["mac"], "BC:24:11:00:65:00")
    expect((i["bridge"]["name"], i["bridge"]["port"]), ("vmbr0", "veth101i0"))
    routes = [(r["dst"], r.get("gateway")) for r in c["routes"]]
    if ("0.0.0.0/0", "10.99.0.1") not in routes:
        raise AssertionError(routes)


def addresses_are_those_ip_shows():
    for vmid in (101, 107, 108, 109):
        want = set()
        for link in json.loads(inside(vmid, "ip -j addr")):
            if link["ifname"] != "lo":
                want |= {"%s/%d" % (a["local"], a["prefixlen"]) for a in link["addr_info"]}
        got = {a["address"] for i in network(vmid)["interfaces"]
               for a in i["guest"]["addresses"]}
        expect(got, want)


def counters_are_the_kernels_and_netin_is_towards_the_guest():
    before = network(101)["interfaces"][0]["netin"]
    send_udp("10.99.0.11", 100, 0)
    end = time.monotonic() + 20
    while True:
        got = network(101)["interfaces"][0]["netin"] - before
        if got >= 104200 or time.monotonic() > end:
            break
        time.sleep(0.1)
    # 1,000 bytes behind 42 of headers; besides them ARP and the like
    if not 104200 <= got < 114000:
        raise AssertionError(got)
    for _ in range(20):
        before = sh("cat /sys/class/net/veth101i0/statistics/{tx,rx}_bytes").split()
        i = network(101)["interfaces"][0]
        after = sh("cat /sys/class/net/veth101i0/statistics/{tx,rx}_bytes").split()
        if before == after:
            expect([i["netin"], i["netout"]], [int(n) for n in after])
            expect(i["guest"]["rx_bytes"], i["netin"])
            return
    raise AssertionError("the counters never stood still")


def interval_measures_rates():
    t = threading.Thread(target=send_udp, args=("10.99.0.11", 400, 0.01))
    before = network(101)["interfaces"][0]["netin"]
    t.start()
    while network(101)["interfaces"][0]["netin"] == before and t.is_alive():
        time.sleep(0.05)
    rate = network(101, "--interval", "1")["interfaces"][0]["per_second"]["netin"]
    t.join()
    # at most 100 a second of 1,042 bytes, less where the machine is busy
    if not 10000 < rate < 120000:
        raise AssertionError(rate)


def a_dhcp_without_answer_is_told():
    expect(ids(network(103)), ["no-address"])


def what_is_wrong_on_the_node_is_told():
    d = "veth101i0"
    with host("ip link set %s nomaster" % d, "ip link set %s master vmbr0" % d):
        expect(ids(network(101)), ["not-in-bridge"])
    with host("ip link set %s master vmbr1" % d, "ip link set %s master vmbr0" % d):
        expect(ids(network(101)), ["other-bridge"])
    with host("ip link set %s down" % d, "ip link set %s up" % d):
        expect(ids(network(101)), ["down"])
    with host("ip link set vmbr0 mtu 1400", "ip link set vmbr0 mtu 1500; ip link set vmbr0 up"):
        expect(ids(network(101)), ["mtu-above-bridge"])
    expect(ids(network(101)), [])


def what_is_wrong_inside_is_told():
    back = "ip link set eth0 up; ip addr replace 10.99.0.11/24 dev eth0; " \
           "ip addr replace fd00:99::11/64 dev eth0 nodad; " \
           "ip route replace default via 10.99.0.1"
    for do, want in (
            ("ip link set eth0 down", ["address-differs", "gateway-missing", "no-carrier"]),
            ("ip addr del 10.99.0.11/24 dev eth0", ["address-differs", "gateway-missing"]),
            ("ip route del default", ["gateway-missing"]),
            ("ip link set eth0 mtu 9000", ["mtu-above-bridge"]),
            ("ip link set eth0 address 02:00:00:00:00:09", ["mac-differs"]),
            ("ip link set eth0 down; ip link set eth0 name x0; ip link set x0 up; "
             "ip addr replace fd00:99::11/64 dev x0 nodad; "
             "ip route replace default via 10.99.0.1", ["renamed"])):
        undo = "ip link set x0 down 2>/dev/null && ip link set x0 name eth0; " \
               "ip link set eth0 mtu 1500 address BC:24:11:00:65:00; " + back
        with guest(101, do, undo):
            expect(ids(network(101)), want)
    expect(ids(network(101)), [])


def a_firewall_chain_is_followed():
    i = network(109)["interfaces"][0]
    expect([i["bridge"][k] for k in ("fwbr", "fwln", "fwpr", "port", "name")],
           ["fwbr109i0", "fwln109i0", "fwpr109p0", "fwpr109p0", "vmbr0"])
    expect(i["firewall"]["filtered"], False)
    files = "/etc/pve/firewall/cluster.fw", "/etc/pve/firewall/109.fw"
    for f in files:
        with open(f, "w") as out:
            out.write("[OPTIONS]\n\nenable: 1\n")
    try:
        i = network(109)["interfaces"][0]
        expect((i["firewall"]["filtered"], i["firewall"]["firewall_bridge"]), (True, True))
    finally:
        for f in files:
            os.unlink(f)


def vlan_and_rate_are_read_from_the_kernel():
    i = network(109)["interfaces"][1]
    expect(i["rate"]["configured"], 13107200)
    expect(i["rate"]["to_guest"], 13107200)
    if i["bridge"].get("vlan_aware"):
        expect((i["vlan"]["pvid"], i["vlan"]["tagged"]), (30, ""))
    else:
        expect("vlan-bridge-missing" in ids(network(109), 1), True)


def two_with_the_same_address_are_told():
    path = "/etc/pve/nodes/pvn1/lxc/106.conf"
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(re.sub(r"(?m)^net0:.*$", "net0: name=eth0,bridge=vmbr0,hwaddr="
                       "BC:24:11:00:65:00,ip=10.99.0.11/24,type=veth", text, count=1))
    try:
        expect(ids(network(101)), ["address-duplicate", "mac-duplicate"])
    finally:
        with open(path, "w") as f:
            f.write(text)


def an_address_taken_inside_is_a_duplicate_too():
    with guest(108, "ip addr add 10.99.0.11/24 dev eth0",
               "ip addr del 10.99.0.11/24 dev eth0"):
        expect(ids(network(101)), ["address-duplicate"])


def a_stopped_container_shows_what_would_fail():
    c = network(110)
    expect(ids(c), ["bridge-missing"])
    expect("guest" in c["interfaces"][0] or "host" in c["interfaces"][0], False)


HOSTILE = (b'a"}b', b"\x1b[2Jb", b"\xff\xfe", b"\xe2\x80\xaeevil", b"veth102i0")


def names_inside_never_reach_the_terminal_raw():
    do = "".join("ip link add $'%s' type bridge;" % "".join("\\x%02x" % b for b in n)
                 for n in HOSTILE)
    undo = do.replace(" add ", " del ").replace(" type bridge", "")
    with guest(101, do, undo):
        before = network(102)["interfaces"][0]["host"]["ifindex"]
        c = network(101)
        expect(ids(c), [])
        names = [o["name"] for o in c["other_interfaces"]]
        for n in HOSTILE:
            try:
                want = n.decode()
            except UnicodeDecodeError:
                import base64
                want = {"b64": base64.b64encode(n).decode()}
            if want not in names:
                raise AssertionError("%r not in %r" % (want, names))
        expect(network(102)["interfaces"][0]["host"]["ifindex"], before)
        text = run(CTSCOPE, "network", "101").stdout
        if re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xff|\xe2\x80\xae", text):
            raise AssertionError(text)


def a_thousand_interfaces_are_bounded():
    add = "for i in {1..500}; do echo link add m$i type veth peer name n$i; done | ip -batch -"
    undo = "for i in {1..500}; do echo link del m$i; done | ip -batch -"
    with guest(107, add, undo):
        start = time.monotonic()
        c = network(107)
        took = time.monotonic() - start
        shown = len(c["other_interfaces"]) + len(c["interfaces"]) + 1
        if shown > 64 or shown + c["interfaces_more"] < 1000 or took > 60:
            raise AssertionError((shown, c.get("interfaces_more"), took))


def an_end_moved_to_a_nested_namespace_is_nobodys():
    nested = subprocess.Popen(["nsenter", "-t", pid_of(108), "-n", "unshare", "-n",
                               "sleep", "60"])
    own, end = os.readlink("/proc/%s/ns/net" % pid_of(108)), time.monotonic() + 20
    while os.readlink("/proc/%d/ns/net" % nested.pid) in (own, os.readlink("/proc/self/ns/net")):
        if time.monotonic() > end:
            raise AssertionError("no namespace of its own")
        time.sleep(0.05)
    kids = sh("pgrep -P %d; echo %d" % (nested.pid, nested.pid)).split()
    pid = kids[0].decode()
    inside(108, "ip link set eth0 netns %s" % pid)
    sh("nsenter -t %s -n ip link set eth0 up; nsenter -t %s -n ip addr add 10.99.0.77/24 "
       "dev eth0" % (pid, pid))
    try:
        c = network(108)
        expect(ids(c), ["moved-inside"])
        if "10.99.0.77" in json.dumps(c):
            raise AssertionError("an address of another namespace")
    finally:
        sh("nsenter -t %s -n ip link set eth0 netns %s" % (pid, pid_of(108)))
        inside(108, "ip addr replace 10.99.0.18/24 dev eth0; ip link set eth0 up")
        nested.kill()
        nested.wait()


def renaming_all_the_time_is_survived():
    p = subprocess.Popen(
        ["nsenter", "-t", pid_of(107), "-n", "bash", "-c",
         "ip link add r0 type bridge; while :; do ip link set r0 name r1; "
         "ip link set r1 name r0; done"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(50):
            c = network(107)
            expect(c["interfaces"][0]["guest"]["mac"], "BC:24:11:00:6B:00")
            for o in c["other_interfaces"]:
                if o["name"] not in ("r0", "r1"):
                    raise AssertionError(o["name"])
    finally:
        p.kill()
        p.wait()
        inside(107, "ip link del r0 2>/dev/null || ip link del r1")


def forged_answers_are_not_believed():
    probe = os.path.join(os.environ["CTSCOPE_BUILD"], "tests/live/netprobe")
    r = run(probe, "forge")
    expect(r.stdout.decode(), "forge: 31 sent, not believed\n")


def a_container_in_the_nodes_network_has_no_addresses_of_it():
    with open("/etc/pve/nodes/pvn1/lxc/101.conf") as f:
        rootfs = re.search(r"(?m)^rootfs:.*$", f.read()).group(0)
    path = "/etc/pve/nodes/pvn1/lxc/190.conf"
    with open(path, "w") as f:
        f.write("arch: amd64\nhostname: hostnet\nmemory: 64\nostype: unmanaged\n%s\n"
                "swap: 0\nlxc.net.0.type: none\n" % rootfs)
    try:
        r = run("pct", "start", "190")
        if not pid_of(190):
            return "cannot start one without its own network here: %r" % r.stderr[-200:]
        if os.readlink("/proc/%s/ns/net" % pid_of(190)) != os.readlink("/proc/self/ns/net"):
            return "LXC gave it a network of its own"
        c = network(190)
        expect(c["network"], "node")
        expect([f["id"] for f in c["findings"]], ["shares-host-network"])
        expect(c["interfaces"], [])
        if "10.99.0.1" in json.dumps(c):
            raise AssertionError("an address of the node")
        row = [x for x in json.loads(run(CTSCOPE, "list", "--json").stdout)["containers"]
               if x["vmid"] == 190][0]
        if "10.99.0.1" in json.dumps(row):
            raise AssertionError("an address of the node in the list")
        expect("addresses" in row, False)
    finally:
        run("pct", "stop", "190")
        os.unlink(path)
    return None


def check(fn):
    global count, failed
    count += 1
    name = "%d - %s" % (count, fn.__name__)
    try:
        skip = fn()
        print("ok " + name + (" # SKIP " + skip if skip else ""))
    except Exception as e:  # a failure of any kind is one line, the others go on
        failed += 1
        print("not ok " + name)
        print("# %s: %s" % (type(e).__name__, str(e)[:1500]))
    sys.stdout.flush()


for test in (a_container_as_configured_has_no_findings,
             addresses_are_those_ip_shows,
             counters_are_the_kernels_and_netin_is_towards_the_guest,
             interval_measures_rates,
             a_dhcp_without_answer_is_told,
             what_is_wrong_on_the_node_is_told,
             what_is_wrong_inside_is_told,
             a_firewall_chain_is_followed,
             vlan_and_rate_are_read_from_the_kernel,
             two_with_the_same_address_are_told,
             an_address_taken_inside_is_a_duplicate_too,
             a_stopped_container_shows_what_would_fail,
             names_inside_never_reach_the_terminal_raw,
             a_thousand_interfaces_are_bounded,
             an_end_moved_to_a_nested_namespace_is_nobodys,
             renaming_all_the_time_is_survived,
             forged_answers_are_not_believed,
             a_container_in_the_nodes_network_has_no_addresses_of_it):
    if not sys.argv[1:] or test.__name__ in sys.argv[1:]:
        check(test)
print("1..%d" % count)
sys.exit(1 if failed else 0)
