# SPDX-License-Identifier: LGPL-2.1-or-later
"""The parts of the manual that are made of the program and its sources: what stands in a page
between "; generated: WHAT [ARG]" and "; end". tests/check-docs compares and rewrites them."""
import json
import os
import re
import sqlite3
import subprocess
import textwrap

WIDTH = 69  # of a literal block, as a page is shown in 80 columns


class Facts:
    """What there is to be documented, asked of the program and read from the sources."""

    def __init__(self, source, ctscope):
        self.source, self.ctscope = source, ctscope
        self.helps, self.words = {}, set()
        top = self.help("")
        part = top[top.index("Commands:\n"):top.index("\nOptions of every")]
        self.commands = {}
        for line in part.splitlines()[1:]:
            name = line.split()[0]
            help_ = [x for x in self.help(name).split("\n\n")[1].splitlines()][0]
            self.commands[name] = help_

    def run(self, *args):
        p = subprocess.run([self.ctscope] + list(args), capture_output=True, text=True,
                           timeout=60, env=dict(os.environ, LC_ALL="C", TZ="UTC"))
        if p.returncode not in (0, 1):
            raise ValueError(f"{args}: exit {p.returncode} {p.stderr}")
        return p.stdout

    def help(self, cmd):
        """Of a command; "": of all. The prefix it was built with is not of the manual."""
        if cmd not in self.helps:
            text = self.run(*([cmd] if cmd else []), "--help")
            self.helps[cmd] = re.sub(r"/\S+(?=/ctscope/hook)", "/usr/libexec", text)
        return self.helps[cmd]

    def options(self, cmd):
        """[(letter or "", name, arg or "", help)], in the order of --help."""
        text = self.help(cmd)
        start = text.index("\nOptions")
        part = text[text.index(":\n", start) + 2:].split("\n\n")[0]
        ret = []
        for line in part.splitlines():
            m = re.match(r"  (?:-(\w), |    )--([a-z-]+)(?: (\S+))?(?:\s+(.*))?$", line)
            if m:
                ret.append([m[1] or "", m[2], m[3] or "", m[4] or ""])
            else:
                ret[-1][3] = (ret[-1][3] + " " + line.strip()).strip()
        return [tuple(o) for o in ret]

    def common(self):
        return self.options("")

    def own_options(self, cmd):
        common = {o[1] for o in self.common()}
        return [o for o in self.options(cmd) if o[1] not in common]

    def columns(self, cmd, second=False):
        """[(heading, shown by default, help)]; none: it has no table."""
        tables = re.findall(r"\nColumns[^\n]*:\n((?:  .*\n)+)", self.help(cmd))
        if len(tables) <= second:
            return []
        return [(m[1], m[2] == "*", m[3]) for m in
                re.finditer(r"^  (\S+) +(\*|) (\S.*)$", tables[second], re.M)]

    def rules(self):
        return json.loads(self.run("audit", "--list-rules", "--json"))["rules"]

    def metrics(self):
        """{name: (help, unit)}: the unit as it is shown, a counter as what grew a second."""
        ret = {}
        units = {}
        text = self.text("src/model/metric.c")
        for name, counter, unit in re.findall(
                r'= \{\s*"([a-z-]+)",\s*"[^"]*",\s*(true|false),\s*"(\w+)"', text):
            units[name] = {("usec", "true"): "percent", ("bytes", "true"): "bytes/s",
                           ("count", "true"): "1/s", ("bytes", "false"): "bytes",
                           ("count", "false"): "count",
                           ("ppm", "false"): "percent"}[unit, counter]
        derived = {"HISTORY_SHARE": "percent", "HISTORY_PART": "percent",
                   "HISTORY_BYTES": "bytes", "HISTORY_COUNT": "count"}
        for name, kind in re.findall(r'= \{\s*"([a-z-]+)",\s*"[^"]*",\s*(HISTORY_\w+)',
                                     self.text("src/model/history.c")):
            units[name] = derived[kind]
        for line in self.run("history", "101", "-m", "help").splitlines():
            name, help_ = line.split(None, 1)
            ret[name] = (help_, units[name])
        return ret

    def text(self, path):
        with open(os.path.join(self.source, path), encoding="utf-8") as f:
            return f.read()

    def json(self, path):
        return json.loads(self.text(path))

    def names(self):
        """Every identifier of the sources."""
        if not self.words:
            for top in ("src", "include", "tests"):
                for where, _, files in os.walk(os.path.join(self.source, top)):
                    for n in files:
                        if n.endswith((".c", ".h", ".py", ".mk")):
                            path = os.path.relpath(os.path.join(where, n), self.source)
                            self.words.update(re.findall(r"[a-z0-9_]+", self.text(path)))
        return self.words

    def event_types(self):
        """{type: help}"""
        text = self.text("src/model/event.c")
        names = dict(re.findall(r"\[(EVENT_\w+)\] = \"([a-z-]+)\"",
                                text[:text.index("type_help")]))
        helps = dict(re.findall(r"\[(EVENT_\w+)\] =\s*\"([^\"]*)\"",
                                text[text.index("type_help"):]))
        names.pop("EVENT_NONE")
        return {n: helps.get(e, "") for e, n in names.items()}

    def table(self, path, prefix):
        """Names of an enum's table in a source file, but the first."""
        return re.findall(r"\[%s\w+\] = \"([a-z-]+)\"" % prefix, self.text(path))

    def config(self):
        """[(section, key, value, text)] of doc/ctscope.conf; text of a section: key ""."""
        ret, section, text = [], "", []
        fresh = True
        for line in self.text("doc/ctscope.conf").splitlines():
            m = re.match(r"\[(\w+)\]$", line)
            k = re.match(r"#(\w+) = (.*)$", line)
            if m:
                section, text = m[1], []
                ret.append((section, "", "", []))
            elif k:
                ret.append((section, k[1], k[2], text))
                fresh = True
            elif line.startswith("# "):
                if fresh:
                    text = []
                fresh = False
                text.append(line[2:])
            elif not line and section and ret[-1][1] == "" and not ret[-1][3]:
                ret[-1] = (section, "", "", text)
                text, fresh = [], True
            elif not line:
                fresh = True
        return ret

    def config_keys(self):
        """{(section, key)} of the parser."""
        text = self.text("src/read/conffile.c")
        return set(re.findall(r'\{ "(\w+)", "(\w+)", OFF', text))

    def schema(self):
        """{table: (comment, [(column, type, comment)])} of a store as it is made."""
        text = self.text("src/store/schema.c")
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        macro = re.search(r"#define BLOCKS_TABLE\(.*?\n\n", text, re.S)
        text = text[text.index("schema_steps["):]

        def blocks(m):
            body = macro[0]
            for par, arg in zip(("name", "minutes", "what"),
                                re.findall(r'"([^"]*)"', m[0])):
                body = re.sub(r'" %s "' % par, arg, body)
            return body[body.index('"'):].replace("\\\n", "\n")

        text = re.sub(r"BLOCKS_TABLE\([^)]*\)", blocks, text)
        sql = "".join(s.encode().decode("unicode_escape")
                      for s in re.findall(r'"((?:[^"\\]|\\.)*)"', text))
        db = sqlite3.connect(":memory:")
        db.executescript(sql)
        ret = {}
        for name, made in db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT "
                                     "NULL AND type IN ('table', 'view') AND name NOT LIKE "
                                     "'sqlite_%' ORDER BY rowid"):
            comment = " ".join(re.findall(r"^\t-- (.*)$", made, re.M))
            cols = []
            for row in db.execute(f"PRAGMA table_info({name})"):
                m = re.search(r"^\t%s\b[^\n]*?-- *(.*)$" % row[1], made, re.M)
                cols.append((row[1], row[2], m[1] if m else ""))
            ret[name] = (comment, cols)
        return ret


def escape(text):
    return re.sub(r"([\\*_`<>#\[\]])", r"\\\1", text) if text else text


def hanging(left, right, at):
    """A line of a literal block, its further lines below column `at`."""
    if not right:
        return left.rstrip()
    return textwrap.fill(right, WIDTH, initial_indent=left.ljust(at),
                         subsequent_indent=" " * at, break_on_hyphens=False,
                         break_long_words=False).rstrip()


def para(text, indent="\t"):
    return textwrap.fill(escape(text), 94, initial_indent=indent, subsequent_indent=indent,
                         break_on_hyphens=False, break_long_words=False)


def option_head(letter, name, arg):
    head = f"*-{letter}*, " if letter else ""
    return f"{head}*--{name}*" + (f" _{escape(arg)}_" if arg else "")


def gen_options(facts, cmd, _):
    own = facts.own_options(cmd) if cmd else facts.common()
    out = [option_head(*o[:3]) + "\n" + para(o[3]) for o in own]
    if cmd:
        rest = [option_head(*o[:3]) for o in facts.options(cmd) if o not in own]
        out.append(textwrap.fill("As everywhere, see *ctscope*(8): " + ", ".join(rest) + ".",
                                 94, break_on_hyphens=False, break_long_words=False))
    return "\n\n".join(out)


def gen_columns(facts, cmd, second):
    cols = facts.columns(cmd, bool(second))
    width = max(len(c[0]) for c in cols) + 3
    lines = [hanging(c[0].ljust(width - 2) + ("*" if c[1] else ""), c[2], width)
             for c in cols]
    return "```\n" + "\n".join(lines) + "\n```"


def gen_commands(facts, words, _):
    return "\n".join(f"*ctscope-{w}*(8)\n{para(facts.commands[w])}\n"
                     for w in words.split()).rstrip()


def gen_synopsis(facts, cmd, _):
    usage = facts.help(cmd).splitlines()[0].split(None, 3)
    args = usage[3] if len(usage) > 3 else ""

    def mark(word):
        if word == "|":
            return "|"
        name = re.sub(r"[A-Z]+", lambda m: f"_{m[0]}_", word.replace("[", "\\[")
                      .replace("]", "\\]"))
        return name if "_" in name else re.sub(r"[a-z]+", lambda m: f"*{m[0]}*", name)

    return " ".join([f"*ctscope {cmd}*"] + [mark(w) for w in args.split()])


def gen_rules(facts, _arg, _):
    out = []
    for r in facts.rules():
        where = f"homelab {r['homelab']}, production {r['production']}"
        deep = ", with *--deep*" if r.get("deep") else ""
        out.append(f"*{r['rule']}* ({where}{deep})\n" +
                   para(r["title"][0].upper() + r["title"][1:] + ": " + r["why"] + "."))
    return "\n\n".join(out)


def gen_metrics(facts, _arg, have):
    """What it is and its unit; where it comes from is kept as it stands in the page."""
    was = dict(re.findall(r"^\*([a-z-]+)\* \(\w[^,]*, (.*)\)$", have, re.M))
    return "\n\n".join(f"*{n}* ({m[1]}, {was.get(n, '?')})\n" +
                       para(m[0][0].upper() + m[0][1:] + ".")
                       for n, m in facts.metrics().items())


def gen_types(facts, _arg, _):
    width = max(map(len, facts.event_types())) + 2
    return "```\n" + "\n".join(hanging(t, h, width)
                               for t, h in facts.event_types().items()) + "\n```"


def gen_keys(facts, _arg, _):
    """The text of h in top, up to the keys' end."""
    text = facts.text("src/out/topview.c")
    text = text[text.index("help[] = {"):]
    lines = re.findall(r'^\t"([^"]*)",$', text[:text.index("};")], re.M)
    return "```\n" + "\n".join(lines[:lines.index("")]) + "\n```"


def gen_checks(facts, _arg, _):
    """What doctor looks at, in its order."""
    found = re.findall(r'^\t\{ "([a-z-]+)", "([^"]+)", doctor_', facts.text("src/rule/doctor.c"),
                       re.M)
    width = max(len(c) for c, _ in found) + 2
    return "```\n" + "\n".join(hanging(c, t, width) for c, t in found) + "\n```"


def gen_config(facts, section, _):
    out = []
    for s, key, value, text in facts.config():
        if s != section:
            continue
        if not key:
            if text:
                out.append(para(" ".join(text), ""))
            continue
        head, text = f"*{escape(key)}* = {escape(value)}", para(" ".join(text))
        if out and out[-1].endswith("\n" + text):  # one text for several
            out[-1] = out[-1][:-len(text) - 1] + "++\n" + head + "\n" + text
            continue
        out.append(head + "\n" + text)
    return "\n\n".join(out)


def gen_schema(facts, table, _):
    comment, cols = facts.schema()[table]
    width = max(len(c[0]) for c in cols) + 2
    out = para(comment[:1].upper() + comment[1:] + ".", "") + "\n\n" if comment else ""
    return out + "```\n" + "\n".join(
        hanging(c[0].ljust(width) + c[1].ljust(8), c[2], width + 9).rstrip()
        for c in cols) + "\n```"


MAKERS = {"options": gen_options, "columns": gen_columns, "commands": gen_commands,
          "synopsis": gen_synopsis, "rules": gen_rules, "metrics": gen_metrics,
          "types": gen_types, "config": gen_config, "keys": gen_keys, "checks": gen_checks, "schema": gen_schema}

BLOCK = re.compile(r"^; generated: (\w+)(?: ([^\n+]*?))?( \+)?\n(.*?)^; end$", re.M | re.S)


def remake(facts, page):
    """The text of a page with its generated parts as they must be."""
    def one(m):
        # the columns of a second table; else what stands there now
        extra = m[3] if m[1] == "columns" else m[4]
        made = MAKERS[m[1]](facts, m[2] or "", extra)
        return f"; generated: {m[1]}{' ' + m[2] if m[2] else ''}{m[3] or ''}\n{made}\n; end"
    return BLOCK.sub(one, page)
