#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""/etc/pve that does not answer: the kernel's truth, one sentence, in bounded time."""
import os
import subprocess

from live import (Failed, Hang, Skip, check, ctscope, equal, hangfuse, main, make, note, pct,
                  slack, test, until, write_conf)

LIMIT = 2.5


@test("with a FUSE that answers, everything is as ever")
def answers():
    make(400)
    with Hang("none"):
        r = ctscope("list", "--json")
        check(b'"vmid":400' in r.out, "400 is missing")
        equal(r.err, b"", "stderr")


def hung(op):
    make(401)
    with Hang(op):
        r = ctscope("list", code=None)
        note("hang at %s: list in %.2f s, exit %d: %s"
             % (op, r.seconds, r.code, r.err.decode(errors="replace").strip()))
        check(r.seconds < LIMIT * slack(), "list took %.1f s" % r.seconds)
        row = [x for x in r.out.splitlines() if x.split()[:1] == [b"401"]]
        check(row and b"running" in row[0], "the kernel knows 401: %r" % r.out[:400])
        check(1 <= r.err.count(b"\n") <= 2 and b"/etc/pve" in r.err,
              "one sentence: %r" % r.err)
        r = ctscope("status", 401, code=None)
        check(r.seconds < LIMIT * slack(), "status took %.1f s" % r.seconds)
        check(b"running" in r.out or b"/etc/pve" in r.err, "status: %r %r" % (r.out, r.err))
    # nobody who hung is left
    until(lambda: not [p for p in os.listdir("/proc") if p.isdigit() and hangs(p)],
          "readers that hang forever")


def hangs(pid):
    try:
        with open("/proc/%s/comm" % pid) as f:
            return f.read().strip() == "ctscope"
    except OSError:
        return False


@test("every request hangs: list answers in 2.5 s with what the kernel knows")
def all_hang():
    hung("all")


@test("the directory cannot be listed")
def readdir_hangs():
    hung("readdir")


@test("configs cannot be read")
def read_hangs():
    hung("read")


@test("configs cannot be opened")
def open_hangs():
    hung("open")


@test("one config hangs, the others are there")
def one_hangs():
    make(402)
    make(403)
    with Hang("read:/402.conf"):
        r = ctscope("list", code=None)
        note("list in %.2f s: %s" % (r.seconds, r.err.decode(errors="replace").strip()))
        check(r.seconds < LIMIT * slack(), "list took %.1f s" % r.seconds)
        for vmid in (b"402", b"403"):
            row = [x for x in r.out.splitlines() if x.split()[:1] == [vmid]]
            check(row and b"running" in row[0], "%s: %r" % (vmid, r.out[:400]))


@test("every other command ends too")
def others():
    make(404)
    with Hang("all"):
        for cmd in ("usage", "network", "ps", "config", "snapshots", "logs", "backups"):
            args = [cmd, "404"] + (["--interval", "0.1"] if cmd == "usage" else [])
            r = ctscope(*args, code=None)
            if b"unknown command" in r.err:
                continue
            check(r.seconds < 2 * LIMIT * slack(), "%s took %.1f s" % (cmd, r.seconds))
            check(r.out or r.err, "%s says nothing" % cmd)
            if r.code not in (0, 1, 3):
                raise Failed("%s: exit %d %s" % (cmd, r.code, r.err))


@test("a script on a file system that does not answer: of the others all is known")
def script_hangs():
    if not os.path.exists("/dev/fuse"):
        raise Skip("no /dev/fuse")
    dirs = ["/run/node/dead-%s" % x for x in "abcd"]
    os.makedirs("/run/node/dead-source", exist_ok=True)
    servers = []
    weak = "/srv/weak.sh"
    with open(weak, "w"):
        os.chmod(weak, 0o777)
    try:
        for d in dirs:
            os.makedirs(d, exist_ok=True)
            servers.append(subprocess.Popen([hangfuse(), "/run/node/dead-source", d, "all"],
                                            stdout=subprocess.PIPE))
            if servers[-1].stdout.readline() != b"ready\n":
                raise Skip("cannot mount FUSE")
        make(406, start=False, raw=["lxc.hook.stop: %s/x" % d for d in dirs[:2]] +
             ["lxc.hook.post-stop: " + weak])
        r = ctscope("audit", 406, code=None)
        note("audit in %.2f s" % r.seconds)
        check(b"host-file-writable" in r.out and weak.encode() in r.out, "%r" % r.out[-600:])
        check(r.seconds < 1.0 * slack(), "audit took %.1f s" % r.seconds)
        equal(r.err.count(b"x: its file system does not answer"), 2, "%r" % r.err)
        # behind three that hang nobody is asked any more, and that is said
        write_conf(406, open(pct.conf_path(406)).read() +
                   "".join("lxc.hook.stop: %s/x\n" % d for d in dirs[2:]))
        r = ctscope("audit", 406, code=None)
        check(b"host-file-writable" not in r.out, "%r" % r.out[-600:])
        equal(r.err.count(b"x: its file system does not answer"), 3, "%r" % r.err)
        for path in (dirs[3] + "/x", weak):
            check(path.encode() + b" was not looked at, as others do not answer" in r.err,
                  "%r" % r.err)
    finally:
        for p in servers:
            p.kill()
            p.wait()
        for d in dirs:
            subprocess.run(["umount", "-l", d], stderr=subprocess.DEVNULL)
        os.unlink(weak)


@test("/etc/pve that is not mounted at all: one sentence")
def gone():
    make(405)
    os.rename("/etc/pve/local", "/etc/pve/local.away")
    try:
        r = ctscope("list", code=None)
        note("exit %d: %s" % (r.code, r.err.decode(errors="replace").strip()))
        check(r.code in (0, 3), "exit %d" % r.code)
        check(r.err.count(b"\n") <= 2, "%r" % r.err)
    finally:
        os.rename("/etc/pve/local.away", "/etc/pve/local")
        pct.dotfiles()


def refused(mode, *wrap):
    """ctscope list and status 408 while /etc/pve is refused to who asks."""
    os.chown("/etc/pve", 65533, 65533)
    os.chmod("/etc/pve", mode)
    try:
        return [subprocess.run(list(wrap) + [os.environ["CTSCOPE"]] + cmd, stdin=subprocess.DEVNULL,
                               capture_output=True, check=False, timeout=60)
                for cmd in (["list"], ["status", "408"])]
    finally:
        os.chown("/etc/pve", 0, 0)
        os.chmod("/etc/pve", 0o755)


@test("/etc/pve that is refused: the file, the reason, and what the kernel knows")
def denied():
    make(408)
    for who, root, wrap in (
            ("root", True, ["setpriv", "--bounding-set=-dac_override,-dac_read_search",
                            "--inh-caps=-all"]),
            ("a user", False, ["setpriv", "--reuid=65534", "--regid=65534",
                               "--clear-groups"])):
        for r in refused(0o700, *wrap):
            note("%s: exit %d: %s" % (who, r.returncode, r.stderr.decode().strip()))
            equal(r.stderr.count(b"\n"), 1, "%s, sentences: %r" % (who, r.stderr))
            check(b"/etc/pve" in r.stderr and b"Permission denied" in r.stderr,
                  "%s: %r" % (who, r.stderr))
            equal(b"as root" in r.stderr, not root, "%s is told to be root" % who)
            # a user who asks for that one is only told to be root
            if root or b"list" in r.stderr:
                check(b"running" in r.stdout and b"408" in r.stdout,
                      "%s: %r" % (who, r.stdout))


main()
