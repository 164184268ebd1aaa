# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of the manual: literal blocks whose first line is "# ctscope ...", with the line
"; run: HOST" before them, are run on the recorded node HOST on a terminal of 69 columns; "..."
stands for lines that are left out, and a line that is too long goes on in the next one.
"; seen: WHERE" marks what cannot be run here."""
import importlib.machinery
import importlib.util
import os
import re
import shutil

COLUMNS = 69  # of the terminal in which they run
MOST_COLUMNS = 71  # that a page of 80 has for them
BLOCK = re.compile(r"^(?:; (run|seen): (\S+)[^\n]*\n)?```\n(.*?)\n?```$", re.M | re.S)

# as sqlite3(1) prints it, read-only; the path of the store is below the copy of the node
SQLITE = '''#!/usr/bin/env python3
import sqlite3, sys
path, sql = [a for a in sys.argv[1:] if a != "-readonly"]
db = sqlite3.connect("file:%(root)s" + path + "?mode=ro", uri=True)
for row in db.execute(sql):
    print("|".join("" if v is None else str(v) for v in row))
'''
CTSCOPE = '#!/bin/sh\nexec "%(ctscope)s" "$@" --root "%(root)s" --now %(now)s\n'


def folded(line):
    """A line that is too long for a page goes on in the next one, indented."""
    ret = []
    while len(line) > MOST_COLUMNS:
        at = line.rfind(" ", 24, MOST_COLUMNS + 1)
        if at < 0:
            break
        ret.append(line[:at].rstrip())
        line = " " * 8 + line[at:].lstrip()
    return ret + [line]


def load_golden(source, work):
    """tests/golden/run as a module: it prepares the nodes."""
    path = os.path.join(source, "tests", "golden", "run")
    loader = importlib.machinery.SourceFileLoader("golden_run", path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("golden_run", loader))
    loader.exec_module(module)
    module.WORK = work
    return module


class Nodes:
    def __init__(self, source, ctscope, work):
        self.golden, self.ctscope, self.work = load_golden(source, work), ctscope, work
        self.roots, self.done = {}, {}

    def root(self, host):
        if host not in self.roots:
            root = self.roots[host] = self.golden.prepare(host)
            binaries = os.path.join(self.work, host + ".bin")
            os.makedirs(binaries, exist_ok=True)
            words = {"root": root, "ctscope": self.ctscope, "now": self.golden.NOW[host]}
            for name, text in (("ctscope", CTSCOPE), ("sqlite3", SQLITE)):
                path = os.path.join(binaries, name)
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text % words)
                os.chmod(path, 0o755)
        return self.roots[host]

    def run(self, host, command):
        """What it prints, its lines without blanks at their end; and the exit code."""
        if (host, command) not in self.done:
            root = self.root(host)
            path = f"{self.work}/{host}.bin:{os.environ['PATH']}"
            # jq colours what goes to a terminal
            script = f"PATH='{path}'; export PATH; {command}" + " | cat" * (" | " in command)
            out, err, rc = self.golden.run_tty(["/bin/sh", "-c", script], COLUMNS)
            text = (out + err).decode("utf-8", "replace").replace(root, "")
            lines = [folded(x.rstrip()) for x in text.splitlines()]
            self.done[host, command] = [y for x in lines for y in x], rc
        return self.done[host, command]

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)


def is_command(line):
    return re.match(r"# (ctscope|sqlite3)\b", line)


def parts(block):
    """[(command, [lines of output])]; a command goes on in the next line after a backslash.
    scdoc takes a backslash of a literal block for an escape: there it is doubled."""
    ret = []
    for line in block.replace("\\\\", "\\").split("\n"):
        if ret and not ret[-1][1] and ret[-1][0].endswith("\\"):
            ret[-1][0] = ret[-1][0][:-1] + line.strip()
        elif is_command(line):
            ret.append([line[2:], []])
        elif ret:
            ret[-1][1].append(line)
    return [tuple(r) for r in ret]


def fits(want, got):
    """Are the lines those, with "..." for any number of them, or for the end of one?"""
    if not want:
        return not got
    if want[0].strip() == "...":
        return any(fits(want[1:], got[i:]) for i in range(len(got) + 1))
    if not got or not (want[0] == got[0] or want[0].endswith(" ...") and
                       got[0].startswith(want[0][:-4])):
        return False
    return fits(want[1:], got[1:])


def refresh(nodes, page):
    """The page with the output of each example that has no "..." as it is now."""
    def one(m):
        if m[1] != "run" or re.search(r"(^| )\.\.\.$", m[3], re.M) or not is_command(m[3]):
            return m[0]
        text = []
        heads = re.findall(r"^# (?:ctscope|sqlite3)\b(?:.*\\\n)*.*$", m[3], re.M)
        for head, (command, _) in zip(heads, parts(m[3])):
            lines = nodes.run(m[2], command)[0]
            text.append("\n".join([head] + [x.replace("\\", "\\\\") for x in lines]))
        return f"; run: {m[2]}\n```\n" + "\n".join(text) + "\n```"
    return BLOCK.sub(one, page)
