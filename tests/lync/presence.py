"""Presence of the test server: publications with versions, aggregation as ms-presence.md 3.3 gives it, what a watcher sees."""

import datetime
import re
import xml.etree.ElementTree as ET

NS = {"pub": "http://schemas.microsoft.com/2006/09/sip/rich-presence", "st": "http://schemas.microsoft.com/2006/09/sip/state"}
XSI = "{http://www.w3.org/2001/XMLSchema-instance}type"
ORDER = (3500, 5000, 0, 15500, 18500)  # most active first


def local(tag):
    return tag.rsplit("}", 1)[-1]


def now():
    return datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


class Conflict(Exception):
    def __init__(self, operations):
        super().__init__("version conflict")
        self.operations = operations

    def body(self):
        return ("<Fault><Faultcode>Client.BadCall.WrongDelta</Faultcode><details>" + "".join(
            f'<operation index="{i}" version="{v}" curVersion="{c}"/>' for i, v, c in self.operations)
            + "</details></Fault>").encode()


class User:
    """One user's categories. Key: (category, instance, container)."""

    def __init__(self, aor):
        self.aor = aor
        self.pubs, self.versions, self.count = {}, {}, 0
        self.containers = {}  # id -> (version, [member attributes])
        self.extra = {}       # what a test put there: mwi, userProperties

    def publish(self, document, endpoint, violation):
        """Applies a publish document; returns the set of touched categories."""
        root = ET.fromstring(document)
        if local(root.tag) != "publish":
            raise ValueError("not a publish document")
        holder = next(e for e in root if local(e.tag) == "publications")
        if holder.get("uri", "").lower() != self.aor:
            raise ValueError(f"publications for {holder.get('uri')} by {self.aor}")
        items = [e for e in holder if local(e.tag) == "publication"]
        wrong = []
        for i, p in enumerate(items, 1):
            key = (p.get("categoryName"), int(p.get("instance")), int(p.get("container")))
            have = self.versions.get(key, 0)
            if int(p.get("version")) != have:
                wrong.append((i, p.get("version"), have))
        if wrong:
            raise Conflict(wrong)
        phones, machines, touched = set(), {}, set()
        for p in items:
            key = (p.get("categoryName"), int(p.get("instance")), int(p.get("container")))
            touched.add(key[0])
            self.count += 1
            if p.get("expires") == "0":
                self.pubs.pop(key, None)
                self.versions.pop(key, None)
                continue
            if len(p) != 1:
                violation(f"publication {key}: {len(p)} elements inside")
            self.versions[key] = self.versions.get(key, 0) + 1
            self.pubs[key] = {"xml": ET.tostring(p[0], encoding="unicode"), "element": p[0], "time": now(),
                              "order": self.count, "expire": p.get("expireType"),
                              "endpoint": endpoint if p.get("expireType") == "endpoint" else None}
            if key[0] == "state":
                kind = p[0].get(XSI, "").rsplit(":", 1)[-1]
                avail = int(next(e for e in p[0] if local(e.tag) == "availability").text)
                if kind == "phoneState":
                    phones.add(key[2])
                if kind == "machineState":
                    machines[key[2]] = avail
                if kind == "aggregateState" and key[2] != 32000:  # the bootstrap rule's default (ms-presence.md 10)
                    violation("a client published aggregateState")
            if key[0] == "device" and any(local(e.tag) == "text" for e in p[0].iter()):
                violation("the device claims to take text messages")
        for c in phones:
            last = [v for k, v in self.pubs.items() if k[0] == "state" and k[2] == c and self.kind(v) == "machineState"
                    and v["endpoint"] == endpoint]
            if not last or self.avail(last[-1]) != 3500:
                violation(f"phoneState in container {c} without an active machineState: \"In a call\" would not show")
        self.aggregate()
        return touched

    @staticmethod
    def kind(pub):
        return pub["element"].get(XSI, "").rsplit(":", 1)[-1]

    @staticmethod
    def avail(pub):
        return int(next(e for e in pub["element"] if local(e.tag) == "availability").text)

    def drop_endpoint(self, endpoint):
        for key in [k for k, v in self.pubs.items() if v["endpoint"] == endpoint]:
            del self.pubs[key]
            self.versions.pop(key, None)
        self.aggregate()

    def aggregate(self):
        states = [v for k, v in self.pubs.items() if k[0] == "state" and k[2] == 2]
        users = [v for v in states if self.kind(v) == "userState"]
        u = max(users, key=lambda v: v["order"], default=None)
        live = [v for v in states if self.kind(v) in ("machineState", "phoneState", "calendarState")
                and (not u or v["order"] > u["order"] or self.kind(v) == "phoneState" or self.kind(v) == "machineState")]
        machines = [v for v in live if self.kind(v) == "machineState"]
        m = min(machines, key=lambda v: ORDER.index(self.avail(v)) if self.avail(v) in ORDER else 2, default=None)
        parts = [v for v in live if self.kind(v) != "machineState"] + [x for x in (u, m) if x]
        if not machines:
            self.seen = (18500, "")
            return
        a = max(self.avail(v) for v in parts)
        token, best = "", -1
        for v in parts:
            for e in v["element"]:
                if local(e.tag) != "activity":
                    continue
                lo, hi = int(e.get("minAvailability", 0)), int(e.get("maxAvailability", 1 << 30))
                if lo <= a <= hi and lo > best:
                    token, best = e.get("token") or "".join(e.itertext()), lo
        self.seen = (a, token)

    seen = (18500, "")

    def shown(self):
        """What a Lync client would show."""
        a, token = self.seen
        words = {"on-the-phone": "In a call", "in-a-conference": "In a conference call", "off-work": "Off Work"}
        if token in words:
            return words[token]
        for least, text in ((18000, "Offline"), (15000, "Away"), (12000, "Be Right Back"), (9000, "Do Not Disturb"),
                            (6000, "Busy"), (4500, "Inactive"), (3000, "Available")):
            if a >= least:
                return text
        return "Unknown"

    # ---- documents ----

    def category(self, key, v):
        return (f'<category name="{key[0]}" instance="{key[1]}" publishTime="{v["time"]}" container="{key[2]}" '
                f'version="{self.versions[key]}" expireType="{v["expire"]}">{v["xml"]}</category>')

    def aggregate_xml(self):
        a, token = self.seen
        act = f'<activity token="{token}" minAvailability="6500" maxAvailability="8999"/>' if token else ""
        return (f'<state xmlns="{NS["st"]}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
                f'xsi:type="aggregateState"><availability>{a}</availability>{act}</state>')

    def roaming(self, categories=None, everything=False):
        names = categories or {k[0] for k in self.pubs} | set(self.extra) | {"state"}
        out = []
        for name in sorted(names):
            items = [self.category(k, v) for k, v in self.pubs.items() if k[0] == name]
            if name == "state":
                items.append(f'<category name="state" instance="1" publishTime="{now()}" container="2" version="{self.count + 1}" '
                             f'expireType="user">{self.aggregate_xml()}</category>')
            if name in self.extra:
                items.append(self.extra[name])
            out += items or [f'<category name="{name}"/>']
        text = ('<roamingData xmlns="http://schemas.microsoft.com/2006/09/sip/roaming-self">'
                f'<categories xmlns="http://schemas.microsoft.com/2006/09/sip/categories" uri="{self.aor}">' + "".join(out)
                + "</categories>")
        if everything:
            text += '<containers xmlns="http://schemas.microsoft.com/2006/09/sip/containers">' + "".join(
                f'<container id="{i}" version="{v}">' + "".join(
                    "<member " + " ".join(f'{a}="{b}"' for a, b in m.items()) + "/>" for m in members) + "</container>"
                for i, (v, members) in sorted(self.containers.items())) + "</containers>"
            text += '<subscribers xmlns="http://schemas.microsoft.com/2006/09/sip/presence-subscribers"/>'
        return (text + "</roamingData>").encode()

    def watched(self):
        return (f'<categories xmlns="http://schemas.microsoft.com/2006/09/sip/categories" uri="{self.aor}">'
                f'<category name="state" instance="1" publishTime="{now()}">{self.aggregate_xml()}</category>'
                "</categories>").encode()

    def set_members(self, document):
        root = ET.fromstring(document)
        wrong = []
        for i, c in enumerate(root, 1):
            have = self.containers.get(int(c.get("id")), (0, []))[0]
            if int(c.get("version", 0)) != have:
                wrong.append((i, c.get("version"), have))
        if wrong:
            raise Conflict(wrong)
        for c in root:
            version, members = self.containers.get(int(c.get("id")), (0, []))
            for m in c:
                attrs = {k: v for k, v in m.attrib.items() if k != "action"}
                members = [x for x in members if x != attrs]
                if m.get("action") == "add":
                    members.append(attrs)
            self.containers[int(c.get("id"))] = (version + 1, members)


def resources(document):
    return re.findall(r'<resource uri="([^"]+)"', document.decode(errors="replace"))
