# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the live tests share: TAP, ctscope, containers of the scratch node.

A test program defines functions with @test("claim"), in order, and ends with main(). It
runs inside `tests/node/scratch run`; anywhere else it is skipped.
"""
import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.realpath(__file__))
CGROUP = "/sys/fs/cgroup"
CTSCOPE = os.environ.get("CTSCOPE", "")
BUILD = os.environ.get("CTSCOPE_BUILD", "")
# QEMU without KVM, two CPUs shared with a compiler: everything takes its time there
SLOW = 10 if os.environ.get("CTSCOPE_VM") else 1
MIB = 1 << 20


def slack():
    """How many times longer than on a machine of our own a thing may take now. What it really
    takes is for the benches to say; here a limit tells "at once" from "it hangs"."""
    with open("/proc/loadavg") as f:
        avg = f.read().split()
    busy = max(float(avg[0]), int(avg[3].split("/")[0]))
    return SLOW * min(1 + 2 * busy / os.cpu_count(), 20 if SLOW == 1 else 4)


_loader = importlib.machinery.SourceFileLoader("pct", HERE + "/../node/pct")
_loader.path = HERE + "/../node/pct"
sys.dont_write_bytecode = True
pct = importlib.util.module_from_spec(importlib.util.spec_from_loader("pct", _loader))
_loader.exec_module(pct)

_tests = []
_made = []
_kept = []


class Skip(Exception):
    pass


class Failed(Exception):
    pass


def test(claim, base=False):
    """base: those after it go on with what it leaves; one of them alone runs it, too."""
    def add(fn):
        _tests.append((claim, fn, base))
        return fn
    return add


def keep(vmid):
    """Until the last test of the program: the tests after this one go on with it."""
    _made.remove(vmid)
    _kept.append(vmid)


def check(ok, what):
    if not ok:
        raise Failed(what)


def equal(got, want, what):
    check(got == want, "%s: %r, expected %r" % (what, got, want))


def within(got, want, slack, what):
    """At least `want`, and less than `slack` more: what the machine does beside the work."""
    check(got is not None, "%s is absent" % what)
    check(want <= got <= want + slack, "%s: %s, expected %s and at most %s more"
          % (what, got, want, slack))


def near(got, want, percent, what):
    check(got is not None, "%s is absent" % what)
    off = abs(got - want) * 100.0 / want
    check(off <= percent, "%s: %s, expected %s: %.2f %% off" % (what, got, want, off))
    return off


def note(text):
    print("# " + text.replace("\n", "\n# "), flush=True)


def until(fn, what, seconds=10):
    """Waits until fn() is true, and returns what it gave."""
    t0 = time.monotonic()
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > t0 + seconds * slack():
            raise Failed("%s: not so after %d s" % (what, time.monotonic() - t0))
        time.sleep(0.05)


def one_of(n, fn):
    """A machine that is busy with something else spoils a measurement, but not all of them."""
    for left in reversed(range(n)):
        try:
            return fn()
        except Failed:
            if not left:
                raise
            time.sleep(1)


def controllers(*need):
    have = pct.controllers()
    for c in need:
        if c not in have:
            raise Skip("cgroup v2 has no %s controller here" % c)


# ---- ctscope ------------------------------------------------------------------------

class Result:
    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds


def ctscope(*args, code=0):
    """Runs it; out and err as bytes. code=None: any exit code will do."""
    t0 = time.monotonic()
    p = subprocess.Popen([CTSCOPE] + [str(a) for a in args], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = p.communicate(timeout=30 * slack())
    except subprocess.TimeoutExpired:
        p.kill()
        raise Failed("ctscope %s: no end of its output, it %s" % (
            " ".join(map(str, args)), "has ended" if p.poll() is not None else "runs"))
    r = Result(p.returncode, out, err, time.monotonic() - t0)
    if code is not None and r.code != code:
        raise Failed("ctscope %s: exit %d, expected %d: %s" % (
            " ".join(map(str, args)), r.code, code, r.err.decode(errors="replace")))
    return r


def ctjson(*args):
    return json.loads(ctscope(*args, "--json").out)


def status(vmid):
    return ctjson("status", vmid)["container"]


def usage(vmid):
    return ctjson("usage", "--interval", "0.2", vmid)["container"]


def rows():
    """list --json by vmid."""
    return {c["vmid"]: c for c in ctjson("list")["containers"]}


# ---- containers ---------------------------------------------------------------------

def cgfile(vmid, name):
    with open("%s/lxc/%d/%s" % (CGROUP, vmid, name)) as f:
        return f.read()


def cgkey(vmid, name, key):
    for line in cgfile(vmid, name).splitlines():
        k, _, v = line.partition(" ")
        if k == key:
            return int(v)
    return None


def rootfs(vmid):
    return "/var/lib/vz/images/%d/subvol-%d-disk-0.subvol" % (vmid, vmid)


def make(vmid, rc="", start=True, raw=(), net=None, **keys):
    """A container of its own: busybox' init, `rc` run at its start."""
    conf = {"arch": "amd64", "hostname": "ct%d" % vmid, "memory": 128, "swap": 0,
            "ostype": "unmanaged", "unprivileged": 1,
            "rootfs": "local:%d/subvol-%d-disk-0.subvol,size=1G" % (vmid, vmid)}
    conf.update(keys)
    if net:
        conf["net0"] = "name=eth0,bridge=vmbr0,hwaddr=BC:24:13:00:%02X:%02X,%s,type=veth" \
            % (vmid // 256 % 256, vmid % 256, net)
    owner = "100000" if conf["unprivileged"] else "0"
    if not conf["unprivileged"]:
        del conf["unprivileged"]
    os.makedirs(os.path.dirname(rootfs(vmid)), exist_ok=True)
    subprocess.run(["cp", "-a", "/run/node/base/" + owner, rootfs(vmid)], check=True)
    with open(rootfs(vmid) + "/etc/rc.local", "w") as f:
        f.write(rc + "\n")
    write_conf(vmid, "".join("%s: %s\n" % kv for kv in sorted(conf.items())) +
               "".join(line + "\n" for line in raw))
    _made.append(vmid)
    if start:
        pct.start(vmid)
    return vmid


def write_conf(vmid, text):
    pct.write(pct.conf_path(vmid), text)
    pct.dotfiles()


def many(first, count):
    """Minimal containers that share one root file system, started at once."""
    for vmid in range(first, first + count):
        os.makedirs("/var/lib/vz/images/%d" % vmid)
        os.symlink("/run/node/base/minimal", rootfs(vmid))
        pct.write(pct.conf_path(vmid),
                  "arch: amd64\nentrypoint: /bin/load sleep\nhostname: ct%d\nmemory: 64\n"
                  "ostype: unmanaged\nrootfs: local:%d/subvol-%d-disk-0.subvol,size=1G\n"
                  "swap: 0\nunprivileged: 1\n" % (vmid, vmid, vmid))
        _made.append(vmid)
    pct.dotfiles()
    pct.start_many(first, count)


def destroy(vmid):
    if pct.listening(vmid):
        if pct.state(vmid) == "FROZEN":
            subprocess.run(["lxc-unfreeze", "-n", str(vmid)])
        subprocess.run(["lxc-stop", "-n", str(vmid), "--kill"], stderr=subprocess.DEVNULL)
        pct.wait_stopped(vmid)
    if os.path.exists(pct.conf_path(vmid)):
        os.unlink(pct.conf_path(vmid))
        pct.dotfiles()
    shutil.rmtree("/var/lib/vz/images/%d" % vmid, ignore_errors=True)
    shutil.rmtree("/var/lib/lxc/%d" % vmid, ignore_errors=True)
    for v in (_made, _kept):
        if vmid in v:
            v.remove(vmid)


def guest(vmid, *cmd, **kw):
    """A command inside; its output."""
    return subprocess.run(["lxc-attach", "-n", str(vmid), "--clear-env", "--"] + list(cmd),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          check=True, **kw).stdout.decode()


class Load:
    """`load ARGS` inside a container (a child of lxc-attach: in its cgroup, of its
    namespaces), waited for until it says "ready"."""

    def __init__(self, vmid, *args):
        self.p = subprocess.Popen(["lxc-attach", "-n", str(vmid), "--clear-env", "--",
                                   "/bin/load"] + [str(a) for a in args],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.said = []
        for line in self.p.stdout:
            line = line.decode().strip()
            if line == "ready":
                return
            self.said.append(line)
        raise Failed("load %s ended: exit %d %s" % (args, self.p.wait(), self.said))

    def __enter__(self):
        return self

    def pids(self):
        """lxc-attach, the process between, and load itself with its children."""
        found = [self.p.pid]
        for pid in found:
            try:
                with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                    found += [int(x) for x in f.read().split()]
            except OSError:
                pass
        return found

    def __exit__(self, *exc):
        for pid in reversed(self.pids()):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.p.wait()
        self.p.stdout.close()


# ---- block devices ------------------------------------------------------------------

class Follow:
    """`logs ID -f`, until an interrupt ends it well: `out` is what it printed so far, `err`
    at the end what it said."""

    def __init__(self, vmid, *args):
        self.p = subprocess.Popen([CTSCOPE, "logs", str(vmid), "-f", *args],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        os.set_blocking(self.p.stdout.fileno(), False)
        self.out = self.err = ""

    def __enter__(self):
        return self

    def has(self, text):
        self.out += (self.p.stdout.read() or b"").decode()
        return text in self.out

    def wait(self, text, what, seconds=5):
        until(lambda: self.has(text), what, seconds)

    def once(self, *texts):
        for text in texts:
            equal(self.out.count(text), 1, text)

    def __exit__(self, kind, *_):
        self.p.send_signal(signal.SIGCONT)
        self.p.send_signal(signal.SIGINT)
        try:
            self.err = self.p.communicate(timeout=10 * SLOW)[1].decode()
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.communicate()
        if kind is None:
            equal(self.p.returncode, 0, "exit code")


class Mapped:
    """A device-mapper device that is SIZE bytes of what is below. Its node is one of our
    own: udev makes and removes those in /dev/mapper in its own time."""

    def __init__(self, name, below, size, uuid=None):
        dev = os.stat(below).st_rdev
        subprocess.run(["dmsetup", "--noudevsync", "--noudevrules", "create", name] +
                       (["--uuid", uuid] if uuid else []) +
                       ["--table", "0 %d linear %d:%d 0" % (size // 512, os.major(dev),
                                                            os.minor(dev))], check=True)
        self.name = name
        numbers = subprocess.run(["dmsetup", "info", "-c", "--noheadings", "-o",
                                  "major,minor", "--separator", " ", name], check=True,
                                 stdout=subprocess.PIPE).stdout.split()
        self.path = "/dev/ctscope-" + name
        os.mknod(self.path, 0o600 | stat.S_IFBLK, os.makedev(*map(int, numbers)))

    def remove(self):
        os.unlink(self.path)
        # busy while udev looks at it
        until(lambda: subprocess.run(["dmsetup", "--noudevsync", "--noudevrules", "remove",
                                      self.name], stderr=subprocess.DEVNULL)
              .returncode == 0, "dmsetup remove " + self.name, 5)


def blocks(u):
    """The lines of `usage --json` for block devices, by device number."""
    return {os.makedev(x["major"], x["minor"]): x for x in u["io"]}


def moved(before, after, path, key):
    """By how much `key` of a device grew between two of those."""
    dev = os.stat(path).st_rdev
    return after.get(dev, {}).get(key, 0) - before.get(dev, {}).get(key, 0)


# ---- /etc/pve that hangs ------------------------------------------------------------

def hangfuse():
    path = BUILD + "/tests/node/hangfuse"
    if not os.access(path, os.X_OK):
        path = "/run/node/hangfuse"
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", path,
                        HERE + "/../node/hangfuse.c"], check=True)
    return path


class Hang:
    """pmxcfs' place taken by a FUSE that shows the same files and hangs at `op`."""

    def __init__(self, op):
        if not os.path.exists("/dev/fuse"):
            raise Skip("no /dev/fuse")
        shutil.rmtree("/run/node/pve-copy", ignore_errors=True)
        shutil.copytree("/etc/pve", "/run/node/pve-copy", symlinks=True)
        self.p = subprocess.Popen([hangfuse(), "/run/node/pve-copy", "/etc/pve", op],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.p.stdout.readline() != b"ready\n":
            raise Skip("cannot mount FUSE: %s" % self.p.stderr.read().decode())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        # every request that hangs fails now, then nobody is in the way of the umount
        self.p.kill()
        self.p.wait()
        until(lambda: subprocess.run(["umount", "-l", "/etc/pve"],
                                     stderr=subprocess.DEVNULL).returncode == 0, "umount")


# ---- TAP ----------------------------------------------------------------------------

def destroy_all(vmids):
    for vmid in list(vmids):
        try:
            destroy(vmid)
        except Exception:
            note("destroying %d: %s" % (vmid, traceback.format_exc()))


def main():
    if not os.environ.get("SCRATCH"):
        print("1..0 # SKIP runs in tests/node/scratch run only")
        sys.exit(77)
    if not os.access(CTSCOPE, os.X_OK):
        print("1..0 # SKIP there is no program to test: %r" % CTSCOPE)
        sys.exit(77)
    only = sys.argv[1:]
    unknown = set(only) - {x for claim, fn, _ in _tests for x in (claim, fn.__name__)}
    if unknown:
        sys.exit("no such test: " + " ".join(sorted(unknown)))
    failed = 0
    print("1..%d" % len(_tests), flush=True)
    asked = [n for n, (claim, fn, _) in enumerate(_tests, 1)
             if not only or fn.__name__ in only or claim in only]
    for n, (claim, fn, base) in enumerate(_tests, 1):
        if n not in asked and not (base and n < max(asked, default=0)):
            print("ok %d - %s # SKIP not asked for" % (n, claim))
            continue
        t0 = time.monotonic()
        try:
            fn()
            print("ok %d - %s" % (n, claim))
        except Skip as e:
            print("ok %d - %s # SKIP %s" % (n, claim, e))
        except Exception as e:  # one broken test must not hide the others
            failed += 1
            why = str(e) if isinstance(e, Failed) else traceback.format_exc()
            first = why.strip().splitlines()[0 if isinstance(e, Failed) else -1:] or ["?"]
            print("# failed %s: %s" % (fn.__name__.strip("_") or claim.replace(":", ";"),
                                       first[0].replace("\t", " ")))
            print("not ok %d - %s" % (n, claim))
            note(why)
        destroy_all(_made)
        if time.monotonic() - t0 > 3:
            note("%s: %.1f s" % (fn.__name__, time.monotonic() - t0))
        sys.stdout.flush()
    destroy_all(_kept)
    sys.exit(1 if failed else 0)
