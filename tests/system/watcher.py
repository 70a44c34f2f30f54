"""A watcher of plain SIP presence over UDP (RFC 3856, RFC 4235), for tests: subscribes, answers NOTIFY, and appends one line for each
to a file: "EVENT AOR WORDS". Written from the RFCs, independent of the code under test.

WORDS for presence: open|closed, the activities, idle, tuples=N, note=…; for dialog: the states of the dialogs; "end" at the end."""

import re
import socket
import sys
import time
import xml.etree.ElementTree as ET


def local(tag):
    return tag.rsplit("}", 1)[-1]


def header(text, name):
    m = re.search(rf"^{name}\s*:\s*(.*)$", text, re.I | re.M)
    return m.group(1).strip() if m else ""


def presence(body):
    root = ET.fromstring(body)
    tuples = [e for e in root if local(e.tag) == "tuple"]
    words = ["open" if any((e.text or "").strip() == "open" for e in root.iter() if local(e.tag) == "basic") else "closed"]
    words += sorted({local(a.tag) for e in root.iter() if local(e.tag) == "activities" for a in e})
    words += ["idle"] if any(local(e.tag) == "user-input" and (e.text or "").strip() == "idle" for e in root.iter()) else []
    words.append(f"tuples={len(tuples)}")
    notes = [e.text or "" for p in root if local(p.tag) == "person" for e in p if local(e.tag) == "note"]
    return " ".join(words + ["note=" + "|".join(notes)])


def dialog(body):
    root = ET.fromstring(body)
    return " ".join(sorted({(e.text or "").strip() for e in root.iter() if local(e.tag) == "state"})) or "none"


class Watcher:
    def __init__(self, server, out):
        self.server, self.out = server, out
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", 0))
        self.port = self.s.getsockname()[1]
        self.subs = {}

    def subscribe(self, aor, event, accept):
        call = f"w{self.port}-{len(self.subs)}"
        self.subs[call] = {"event": event, "aor": aor, "accept": accept, "seen": 0, "answered": False, "sent": 0}

    def send(self, call):
        w = self.subs[call]
        w["sent"] = time.monotonic()
        self.s.sendto((
            f"SUBSCRIBE {w['aor']} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{call};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:watcher@example.test>;tag=t{call}\r\nTo: <{w['aor']}>\r\nCall-ID: {call}\r\n"
            f"CSeq: 1 SUBSCRIBE\r\nContact: <sip:watcher@127.0.0.1:{self.port}>\r\nEvent: {w['event']}\r\n"
            f"Accept: {w['accept']}\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n").encode(), self.server)

    def note(self, text):
        with open(self.out, "a") as f:
            f.write(text + "\n")

    def got(self, data, peer):
        head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
        call = header(head, "Call-ID")
        w = self.subs.get(call)
        if not w:
            return
        if head.startswith("SIP/2.0"):
            code = int(head.split()[1])
            if code >= 200:
                w["answered"] = True
            if code >= 300:
                self.note(f"{w['event']} {w['aor']} refused {code}")
            return
        if not head.startswith("NOTIFY "):
            return
        copy = "".join(f"{n}: {v}\r\n" for n in ("From", "To", "Call-ID", "CSeq") for v in [header(head, n)])
        vias = "".join(f"Via: {v}\r\n" for v in re.findall(r"^Via\s*:\s*(.*?)\r?$", head, re.I | re.M))
        self.s.sendto(f"SIP/2.0 200 OK\r\n{vias}{copy}Content-Length: 0\r\n\r\n".encode(), peer)
        cseq = int(header(head, "CSeq").split()[0])
        if cseq <= w["seen"]:
            return  # sent once more, or overtaken
        w["seen"] = cseq
        if body.strip():
            try:
                self.note(f"{w['event']} {w['aor']} {(presence if w['event'] == 'presence' else dialog)(body)}")
            except ET.ParseError as e:
                self.note(f"{w['event']} {w['aor']} broken {e}")
        else:
            self.note(f"{w['event']} {w['aor']} nothing")
        if header(head, "Subscription-State").startswith("terminated"):
            self.note(f"{w['event']} {w['aor']} end")

    def run(self):
        self.s.settimeout(0.5)
        while True:
            for call, w in self.subs.items():
                if not w["answered"] and time.monotonic() - w["sent"] > 0.5:
                    self.send(call)
            try:
                self.got(*self.s.recvfrom(65535))
            except TimeoutError:
                pass
            except ConnectionError:
                pass  # the server is being restarted


if __name__ == "__main__":  # PORT FILE AOR…
    watcher = Watcher(("127.0.0.1", int(sys.argv[1])), sys.argv[2])
    for who in sys.argv[3:]:
        watcher.subscribe(who, "presence", "application/pidf+xml")
        watcher.subscribe(who, "dialog", "application/dialog-info+xml")
    watcher.run()
