# SPDX-License-Identifier: LGPL-2.1-or-later
"""guest-read serve behind a socket, as systemd has it (Accept=yes), and who asks it."""
import os
import socket
import struct
import subprocess
import threading
import time

from live import BUILD, HERE, SLOW, note

SOCKET = "/run/ctscope-reader.sock"
PROGRAM = BUILD + "/guest-read"
OK, GONE, REFUSED, LATE, STUCK, BUSY, FAILED = range(7)
MAGIC, VERSION = 0x44435443, 1


def as_unit():
    """With the capabilities of the unit, and no others."""
    with open(HERE + "/../../systemd/ctscope-reader.service.in") as f:
        caps = next(x for x in f if x.startswith("CapabilityBoundingSet=")).split("=")[1]
    keep = ["+" + c.lower()[4:] for c in caps.split()]
    return ["setpriv", "--inh-caps=-all", "--bounding-set=" + ",".join(["-all"] + keep),
            "--no-new-privs"]


class Reader:
    """For one user and root, as the unit's SocketUser= and SocketMode= say."""

    def __init__(self, uid=0, mode=0o600):
        if os.path.exists(SOCKET):
            os.unlink(SOCKET)
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.bind(SOCKET)
        os.chown(SOCKET, uid, -1)
        os.chmod(SOCKET, mode)
        self.s.listen(8)
        self.codes, self.said = [], []
        self.paused = False  # connects, and nobody answers
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        held = []
        while True:
            try:
                conn, _ = self.s.accept()
            except OSError:
                return
            if self.paused:
                held.append(conn)
                continue
            p = subprocess.Popen(as_unit() + [PROGRAM, "serve"], stdin=conn, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
            conn.close()
            _, err = p.communicate()
            self.codes.append(p.returncode)
            self.said += err.decode(errors="replace").splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()
        self.thread.join()
        if os.path.exists(SOCKET):
            os.unlink(SOCKET)
        if self.said:
            note("\n".join(self.said))


def request(tuples, n=None):
    n = len(tuples) if n is None else n
    return struct.pack("=IIIIII", MAGIC, VERSION, 24 + 16 * len(tuples), n, 0, 0) + \
        b"".join(struct.pack("=IIQ", *t) for t in tuples)


def exchange(data):
    """The answer's packet; b"": none came."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(20 * SLOW)
    with s:
        s.connect(SOCKET)
        s.send(data)
        return s.recv(65536)


def answers(packet):
    """errno, [(vmid, why, size, used, avail, inodes, inodes used)]"""
    magic, version, size, n, error, pad = struct.unpack("=IIIIII", packet[:24])
    assert (magic, version, size, pad) == (MAGIC, VERSION, len(packet), 0), packet[:24]
    return error, [struct.unpack("=IIQQQQQ", packet[24 + 48 * i:72 + 48 * i])
                   for i in range(n)]


def ask_disk(*tuples):
    """Until all came in time: on a busy machine 300 ms are not always enough."""
    end = time.monotonic() + 60 * SLOW
    while True:
        error, got = answers(exchange(request(tuples)))
        if LATE not in [a[1] for a in got] or time.monotonic() > end:
            return error, got
