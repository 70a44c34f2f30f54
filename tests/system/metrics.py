"""Compares what the daemons export with docs/metrics.md and docs/grafana.json. usage: metrics.py DIR TOP [1: write]"""
import json
import re
import sys

DIR, TOP, WRITE = sys.argv[1], sys.argv[2], sys.argv[3:4] == ["1"]
BEGIN, END = "<!-- made by WRITE=1 tests/system/metrics.sh -->\n", "<!-- end -->\n"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
PER_DAEMON = ("ipdect_up", "ipdect_uptime_seconds", "ipdect_cpu_milliseconds", "ipdect_resident_bytes", "ipdect_links_down",
              "ipdect_log_suppressed_lines")


def families(text):
    """name → (kind, help, labels, daemons)"""
    out, now = {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            now, kind = line[7:].split(" ")
            if now in out:
                raise SystemExit(f"{now} is declared twice")
            out[now] = [kind, "", {}, []]
        elif line.startswith("# HELP "):
            out[now][1] = line[7:].split(" ", 1)[1]
        elif line and not line.startswith("#"):
            m = re.fullmatch(r'([a-z0-9_]+)\{(.*)\} [0-9.e+-]+', line)
            if not m or m.group(1) not in {now + s for s in SUFFIXES[out[now][0]]}:
                raise SystemExit(f"line does not belong to {now}: {line}")
            for key, value in re.findall(r'([a-z_]+)="([^"]*)"', m.group(2)):
                if key == "daemon":
                    if value not in out[now][3]:
                        out[now][3].append(value)
                elif key != "le":
                    values = out[now][2].setdefault(key, [])
                    if value not in values:
                        values.append(value)
    return out


def table(found):
    lines = ["| Name | Kind | Daemon | Meaning |", "|---|---|---|---|"]
    for name, (kind, text, labels, daemons) in sorted(found.items()):
        who = "all" if name in PER_DAEMON else ", ".join(sorted({re.sub(r"-\d+$", "", d) for d in daemons}))
        marks = "; ".join(f"{k}: {', '.join(v)}" for k, v in labels.items())
        full = name + {"counter": "_total", "gauge": "", "histogram": "_bucket"}[kind]
        lines.append(f"| `{full}` | {kind} | {who} | {text}{f' ({marks})' if marks else ''} |")
    return "\n".join(lines) + "\n"


def asked(panels):
    """Expressions of a dashboard, rows included."""
    for p in panels:
        yield from (t["expr"] for t in p.get("targets", []))
        yield from asked(p.get("panels", []))


with open(f"{DIR}/metrics.txt", encoding="utf-8") as f:
    text = f.read()
found = families(text)
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
    count = sum(1 for _ in text_string_to_metric_families(text))
    if count != len(found):
        raise SystemExit(f"Prometheus' parser sees {count} families, not {len(found)}")
except ImportError:
    print("python3-prometheus-client is not installed: its parser was not asked")
with open(f"{DIR}/http.txt", encoding="utf-8", newline="") as f:
    head, body = f.read().split("\r\n\r\n", 1)
if not head.startswith("HTTP/1.1 200 OK") or "openmetrics-text" not in head or set(families(body)) != set(found):
    raise SystemExit(f"by HTTP: {head}")
missing = [r for r in ("certd", "sipd", "mediad-1", "dectd", "presenced") if f'ipdect_up{{daemon="{r}"}} 1' not in text]
if missing:
    raise SystemExit(f"not there: {missing}")

page = f"{TOP}/docs/metrics.md"
with open(page, encoding="utf-8") as f:
    doc = f.read()
before, rest = doc.split(BEGIN)
old, after = rest.split(END)
if WRITE:
    with open(page, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + table(found) + END + after)
    old = table(found)
if old != table(found):
    have, want = set(old.splitlines()), set(table(found).splitlines())
    raise SystemExit("docs/metrics.md does not tell what is exported; run WRITE=1 tests/system/metrics.sh\n"
                     + "\n".join(["- " + x for x in sorted(have - want)] + ["+ " + x for x in sorted(want - have)]))

names = {n + s for n, (kind, *_rest) in found.items() for s in SUFFIXES[kind]}
with open(f"{TOP}/docs/grafana.json", encoding="utf-8") as f:
    dashboard = json.load(f)
wrong = {w for e in [*asked(dashboard["panels"]), *re.findall(r"ipdect_[a-z0-9_]+", before + after)]
         for w in re.findall(r"ipdect_[a-z0-9_]+", e) if w not in names}
for v in dashboard["templating"]["list"]:
    wrong |= {w for w in re.findall(r"ipdect_[a-z0-9_]+", str(v.get("query", ""))) if w not in names}
if wrong:
    raise SystemExit(f"the dashboard or docs/metrics.md asks for what nobody exports: {sorted(wrong)}")
ids = [p["id"] for p in dashboard["panels"]]
if len(ids) != len(set(ids)):
    raise SystemExit("two panels of the dashboard have the same id")
print(f"{len(found)} families, {len(ids)} panels")
