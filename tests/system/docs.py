"""Commands and settings in the documentation against what the daemons describe. usage: docs.py DIR TOP"""
import glob
import re
import sys

DIR, TOP = sys.argv[1:3]
SECTIONS = ("common", "certd", "sipd", "lync", "mediad", "dectd", "presenced", "directory")
with open(f"{DIR}/args.txt", encoding="utf-8") as f:
    text = f.read()
commands, now = {}, None
for line in text.splitlines():
    m = re.match(r"dectctl (\S+) (\S+)", line)
    if m:
        now = commands.setdefault(m.groups(), {"id": len(line.split()) > 3 and not line.split()[3].startswith("[key"), "args": set()})
    elif now is not None:
        m = re.match(r"\s{6}([a-z0-9-]+)=", line)
        if m:
            now["args"].add(m.group(1))
nouns = {n for n, _ in commands}
with open(f"{DIR}/conf.5", encoding="utf-8") as f:
    keys = set(re.findall(r"(?m)^\.B ([a-z0-9][a-z0-9\\-]+)", f.read()))
keys = {k.replace("\\", "") for k in keys}
pages = [p for p in glob.glob(f"{TOP}/docs/*") if p.endswith((".md", ".1", ".8"))] + [f"{TOP}/README.md"] + glob.glob(f"{TOP}/*/README.md")
bad, seen = [], 0
for path in pages:
    with open(path, encoding="utf-8") as f:
        page = f.read()
    if not path.endswith(".md"):
        page = page.replace("\\-", "-").replace("\\fR", "").replace("\\fI", "")
    name = path[len(TOP) + 1:]
    for m in re.finditer(r"(?:^|`|\s)dectctl ((?:-{1,2}[a-z]+(?: (?:mediad-\d|sipd|\d+))? )*)([a-z][a-z-]*)((?: [^\s`|#,;:)]+)*)", page):
        noun, words = m.group(2), m.group(3).split()
        if noun in ("help", "with", "and", "to", "is", "can", "asks", "itself", "of"):
            continue
        seen += 1
        if noun not in nouns:
            bad.append(f"{name}: there is no command: dectctl {noun} {' '.join(words[:2])}")
            continue
        if words and m.group(0).lstrip().startswith("`") and re.fullmatch(r"[a-z]{3,}", words[0]) and (noun, words[0]) not in commands:
            bad.append(f"{name}: dectctl {noun} has no {words[0]}")
            continue
        verb = words[0] if words and (noun, words[0]) in commands else next(
            (v for v in ("show", "list", "run") if (noun, v) in commands), None)
        if verb is None or (words and words[0] != verb and re.fullmatch(r"[a-z][a-z-]+", words[0]) and not commands[(noun, verb)]["id"]
                            and m.group(0).lstrip().startswith("`")):
            bad.append(f"{name}: dectctl {noun} has no {words[0] if words else 'form without a verb'}")
            continue
        args = commands[(noun, verb)]["args"]
        for w in words:
            key = re.match(r"\[?([a-z][a-z0-9-]*)=", w)
            if key and key.group(1) not in args and not (noun, verb) == ("user", "set"):
                bad.append(f"{name}: dectctl {noun} {verb} has no {key.group(1)}=")
    section = None  # of a configuration block; other programs' examples have sections of their own
    for line in page.splitlines():
        head = re.match(r"    \[([a-z0-9-]+)\]$", line)
        if head:
            section = head.group(1)
        elif not line.startswith("    "):
            section = None
        key = re.match(r"    ([a-z][a-z0-9-]+) = ", line)
        inline = re.findall(r"`([a-z][a-z0-9-]+) = [^`]*`", line) if name.startswith("docs/") else []
        for k in ([key.group(1)] if key and section in (None, *SECTIONS) else []) + inline:
            seen += 1
            if k not in keys:
                bad.append(f"{name}: there is no setting {k}")
# What the daemons tell people to type: strings of the sources, those of several lines joined.
MAY_FOLLOW = ("at", "tells", "says", "shows", "shall", "answers", "and", "for")
for path in glob.glob(f"{TOP}/*/*.c"):
    with open(path, encoding="utf-8") as f:
        source = re.sub(r'"\s*\n\s*"', "", f.read())
    for m in re.finditer(r"dectctl ([a-z]+) ([a-z][a-z-]+)", source):
        seen += 1
        if m.group(1) in nouns and m.groups() not in commands and m.group(2) not in MAY_FOLLOW:
            bad.append(f"{path[len(TOP) + 1:]}: there is no command: {m.group(0)}")
if seen < 50:
    bad.append(f"only {seen} commands and settings were found: is this test blind?")
if bad:
    sys.exit("\n".join(sorted(set(bad))))
print(f"{len(pages)} pages, {seen} commands and settings")
