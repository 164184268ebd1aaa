# SPDX-License-Identifier: LGPL-2.1-or-later
"""Journals of a container for tests: files that systemd itself wrote
(tests/fixtures/journal/make-guest), put where its journald has them."""
import lzma
import os

from live import check, ctscope

HERE = os.path.dirname(os.path.realpath(__file__))
ID = "0123456789abcdef0123456789abcdef"
DIR = "/var/log/journal/" + ID
T0 = 1795144350  # of the first entry


def journal(name):
    with lzma.open(HERE + "/../fixtures/journal/%s.journal.xz" % name) as f:
        return f.read()


def own(root, path):
    """From there up to the root everything is the container's root's."""
    st = os.stat(root)
    while path != "/":
        os.lchown(root + path, st.st_uid, st.st_gid)
        path = os.path.dirname(path)


def put(root, path, text):
    full = root + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    own(root, path)


def keep(root, name="guest"):
    """The root has a machine id, and that journal."""
    put(root, "/etc/machine-id", ID + "\n")
    put(root, DIR + "/system.journal", journal(name))


def is_read(vmid):
    """logs has the end of that one."""
    r = ctscope("logs", vmid, "--source", "guest", "-n", 3)
    check(all(x in r.out for x in (b"GET /4198", b"GET /4199", b"last")),
          "journal: %r %r" % (r.out, r.err))
