"""The events of the log: what log_ev() is called with in the sources against docs/events.md. usage: events.py ROOT [1: write it]

An event's name is made of its constant text, here and in common/log.c by the same rule; so a text that changes is a name that
changes, and this list shows it."""
import glob
import os
import re
import sys

ROOT, WRITE = sys.argv[1], sys.argv[2:3] == ["1"]
ROOMS = ("certd", "sipd", "mediad", "dectd", "presenced")
SHARED = ("common", "ipc")
BEGIN, END = "<!-- made by cmake -DROOT=. -DWRITE=1 -P tests/lint/events.cmake -->\n", "<!-- end -->\n"
LEVELS = ("ALERT", "CRIT", "ERR", "WARNING", "NOTICE")
MACROS = {"F_CALL": "IPDECT_CALL", "F_RFP": "IPDECT_RFP", "F_USER": "IPDECT_USER", "F_PP": "IPDECT_PP", "F_PEER": "IPDECT_PEER",
          "F_ERR": "IPDECT_ERR", "F_WHY": "IPDECT_WHY", "F_REMEDY": "IPDECT_REMEDY", "F_KEYID": "IPDECT_KEY"}
COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/|//[^\n]*', re.S)
STRING = re.compile(r'"((?:\\.|[^"\\])*)"')


def arguments(text, at):
    """Of the call whose "(" is at `at`: its arguments as texts."""
    out, depth, i, begin = [], 0, at, at + 1
    while True:
        c = text[i]
        if c in "\"'":
            i = STRING.match(text, i).end() - 1 if c == '"' else re.compile(r"'(?:\\.|[^'\\])*'").match(text, i).end() - 1
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                out.append(text[begin:i])
                return out
        elif c == "," and depth == 1:
            out.append(text[begin:i])
            begin = i + 1
        i += 1


def texts(expr):
    """The string literals that an expression may be, neighbours joined."""
    out, last = [], None
    for m in STRING.finditer(expr):
        if last is not None and not expr[last:m.start()].strip():
            out[-1] += m.group(1)
        else:
            out.append(m.group(1))
        last = m.end()
    return out


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def collect():
    """room → event → [levels, fields, id]"""
    found, bad = {}, []
    for room in (*ROOMS, *SHARED):
        for path in sorted(glob.glob(f"{ROOT}/{room}/*.c")):
            with open(path, encoding="utf-8") as f:
                text = COMMENT.sub(lambda m: m.group(0) if m.group(0)[0] in "\"'" else " ", f.read())
            ids = dict(re.findall(r'#define\s+(\w+)\s+"([0-9a-f]{32})"', text))
            for m in re.finditer(r"\blog_ev\(", text):
                args = arguments(text, m.end() - 1)
                levels = re.findall(r"LOG_([A-Z]+)", args[0])
                if levels and not set(levels) & set(LEVELS):
                    continue
                rel = os.path.relpath(path, ROOT)
                if not levels:
                    bad.append(f"{rel}: the level is no LOG_ constant: {args[0].strip()}")
                names = texts(args[1])
                if not names:
                    bad.append(f"{rel}: the text of an event is no constant: {args[1].strip()}")
                fields, ident = [], ""
                for a in args[2:]:
                    name = re.match(r"\s*(F_\w+)\(", a)
                    if not name:
                        continue
                    if name.group(1) == "F_ID":
                        word = re.search(r"F_ID\(\s*(\w+|\"[0-9a-f]{32}\")", a).group(1)
                        ident = ids.get(word, word.strip('"'))
                        if not re.fullmatch(r"[0-9a-f]{32}", ident):
                            bad.append(f"{rel}: a MESSAGE_ID is no 32 hex digits: {word}")
                    else:
                        key = MACROS.get(name.group(1)) or (texts(a) or ["?"])[0]
                        if key not in fields:
                            fields.append(key)
                for n in names:
                    e = found.setdefault("all" if room in SHARED else room, {}).setdefault(slug(n), [set(), [], "", n])
                    e[0] |= set(levels) & set(LEVELS)
                    e[1] += [x for x in fields if x not in e[1]]
                    e[2] = ident or e[2]
    return found, bad


def page(found):
    out = []
    for room in (*ROOMS, "all"):
        out.append(f"\n### {'All daemons' if room == 'all' else room}\n| IPDECT_EVENT | Level | Fields | MESSAGE_ID |\n|---|---|---|---|\n")
        for name, (levels, fields, ident, _) in sorted(found.get(room, {}).items()):
            out.append(f"| `{name}` | {', '.join(w.lower() for w in LEVELS if w in levels)} | "
                       f"{' '.join(x.removeprefix('IPDECT_') for x in fields)} | {ident} |\n")
    return "".join(out)


events, faults = collect()
doc = f"{ROOT}/docs/events.md"
with open(doc, encoding="utf-8") as f:
    whole = f.read()
before, rest = whole.split(BEGIN)
old, after = rest.split(END)
new = page(events) + "\n"
if WRITE:
    with open(doc, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + new + END + after)
elif old != new:
    have, want = set(old.splitlines()), set(new.splitlines())
    faults.append("docs/events.md is not what the sources log; see the difference, then run\n  cmake -DROOT=. -DWRITE=1 -P tests/lint/events.cmake\n"
                  + "\n".join(["- " + x for x in sorted(have - want)] + ["+ " + x for x in sorted(want - have)]))
known = {n for r in events.values() for n in r}
for name in re.findall(r"IPDECT_EVENT=([a-z0-9-]+)", before + after):
    if name not in known:
        faults.append(f"docs/events.md names an event that does not exist: {name}")
if faults:
    sys.exit("\n".join(faults))
