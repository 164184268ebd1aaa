# SPDX-License-Identifier: LGPL-2.1-or-later
"""/etc/pve of the scratch node by the stand-in for pmxcfs, which fails as it is told."""
import os
import shutil
import subprocess

from live import BUILD, Skip, check, pct, until

PROGRAM = BUILD + "/tests/node/pmxcfs"
STORE = "/run/node/pmxcfs"
SOCKET = "/run/node/pmxcfs.socket"


class Pmxcfs:
    """With it mounted; what /etc/pve held is in it, and what it holds at the end is there
    afterwards."""

    def __init__(self):
        if not os.path.exists("/dev/fuse"):
            raise Skip("no /dev/fuse")
        check(os.access(PROGRAM, os.X_OK), PROGRAM + " is not built")
        shutil.rmtree(STORE, ignore_errors=True)
        os.makedirs(STORE)
        self.copy("/etc/pve", STORE)
        self.p = None
        self.start()

    @staticmethod
    def copy(source, target):
        """Links and dot files are the file system's own."""
        for name in os.listdir(source):
            path = source + "/" + name
            if os.path.islink(path) or name.startswith("."):
                continue
            if os.path.isdir(path):
                shutil.copytree(path, target + "/" + name, dirs_exist_ok=True)
            else:
                shutil.copy(path, target)

    def start(self):
        self.p = subprocess.Popen([PROGRAM, STORE, "/etc/pve", SOCKET],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.p.stdout.readline() != b"ready\n":
            raise Skip("cannot mount FUSE: %s" % self.p.stderr.read().decode())

    def set(self, *mode):
        p = subprocess.run([PROGRAM, "--set", SOCKET] + [str(m) for m in mode],
                           capture_output=True, text=True, timeout=60)
        check(p.returncode == 0, "mode %s: %s" % (mode, p.stderr))
        if mode[0] == "gone":
            self.p.wait()
            self.p = None

    def normal(self):
        if self.p:
            self.set("normal")
        else:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.normal()
        self.p.terminate()
        self.p.wait()
        until(lambda: not is_here(), "the mount has gone")
        for sub in os.listdir("/etc/pve/nodes"):
            shutil.rmtree("/etc/pve/nodes/" + sub)
        self.copy(STORE, "/etc/pve")
        pct.dotfiles()


def is_here():
    """Is /etc/pve the stand-in's?"""
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == "/etc/pve" and " - fuse " in line for line in f)
