"""What the demonstration happens in: the suite, the PBX, telephones, base stations and handsets, and how to look at
them from outside."""

import os
import time

import speech
from air import Air, Handset
from peers import Authority, Baresip, Kamailio, free_port, run, wait_for
from suite import Accounts, Installed, Suite

# A soft base's own address and ports follow from its MAC address: demonstrations that run side by side need their own.
BASES = tuple("02005e%02x%02x%02x" % (os.getpid() % 200, os.getpid() // 200 % 256, n) for n in (1, 2))
# user, display name, IPEI, speech, profile of the handset
PEOPLE = (("201", "Ann Archer", "050030070201", "ann", "gap-a"), ("202", "Bob Baker", "050030070202", "bob", "gap-b"),
          ("203", "Cat Carter", "050030070203", "cat", "ng"), ("204", "Dan Dover", "050030070204", "dan", "gap-b"))


class World:
    def __init__(self, args, directory, report):
        self.args, self.dir, self.report = args, directory, report
        self.suite = self.pbx = self.desk = self.air = self.accounts = None
        self.phones, self.handsets, self.speech = [], {}, {}
        self.path = lambda *names: os.path.join(directory, *names)
        self.log = (lambda text: report.note(text)) if args.verbose else None
        self.dect_port, self.sip_port, self.tls_port = free_port(), free_port(), free_port()
        self.media_ports = 30000 + 2 * int.from_bytes(os.urandom(2), "big") % 20000

    # ---- starting ----

    def configuration(self):
        return (f"""
[certd]
fqdn = dect.demo.test
[sipd]
listen-address = 127.0.0.1
local-port = {self.sip_port}
tls-port = {self.tls_port}
transports = udp tcp tls
transport = tls
default-domain = demo.test
proxy-1 = sip:127.0.0.1:{self.pbx.tls_port};transport=tls
media-encryption-require = auto
codecs = PCMA G726-32 PCMU G722
g726-packing = aal2
no-answer-time = 4s
complete-numbers = 20N 30N 400 6NNN
[mediad]
rtp-address = 127.0.0.1
rtp-ports = {self.media_ports}-{self.media_ports + 1999}
instances = 2
port-rest = 1s
[dectd]
listen-address = 127.0.0.1
port = {self.dect_port}
[presenced]
available-time = 5m
""")

    def make_speech(self):
        os.makedirs(self.path("speech"), exist_ok=True)
        self.speech = speech.make(self.path("speech"))
        return f"{len(self.speech)} speakers by espeak-ng, 8 kHz"

    def start_pbx(self):
        ca = self.ca = Authority(self.dir)
        ca.issue("pbx", "demo.test", "127.0.0.1")
        ca.issue("dect", "dect.demo.test", "127.0.0.1", password="p12-secret", rsa=True)
        self.pbx = Kamailio(self.dir)
        return f"Kamailio on 127.0.0.1:{self.pbx.tls_port} (TLS), digest authentication"

    def start_suite(self):
        if self.args.installed:
            self.suite = Installed(self.configuration())
        else:
            self.accounts = Accounts()
            level = "log-level = info\n" if self.args.verbose else ""
            self.suite = Suite(self.dir, self.args.build, level + self.configuration())
        self.suite.wait_ready()
        rows = self.suite.rows("status")
        bad = [r["daemon"] for r in rows if r["state"] == "down"]
        if bad or len(rows) < 6:
            raise RuntimeError(f"{len(rows)} daemons answer; down: {', '.join(bad)}")
        return "certd, sipd, mediad-1, mediad-2, dectd, presenced, each as its own user"

    def give_identity(self):
        s = self.suite
        s.ctl("trust", "import", f"file={self.path('ca.pem')}")
        s.ctl("cert", "import", f"file={self.path('dect.p12')}", "password=-", stdin="p12-secret\n")
        row = s.rows("cert", "list")[0]
        if row.get("chain") != "complete":
            raise RuntimeError(f"certificate chain: {row.get('chain')}")
        return f"{row['key_type']} from PKCS#12, {row['subject']}, chain complete"

    def add_users(self):
        for name, display, ipei, _, _ in PEOPLE:
            self.suite.ctl("user", "add", name, f"display-name={display}", f"ipei={ipei}")
            self.suite.ctl("secret", "set", name, "kind=sip", "value=-", stdin=f"secret-{name}\n")
            self.suite.ctl("secret", "set", name, "kind=ac", "value=-", stdin=f"{name}77\n")
        return f"{len(PEOPLE)} users; passwords and access codes went to certd alone"

    def start_bases(self):
        self.air = Air(self.dir, self.args.build, self.log)
        os.makedirs(self.path("bases"), exist_ok=True)
        for i, mac in enumerate(BASES):
            self.air.run("base", "add", mac, f"server=127.0.0.1:{self.dect_port}", f"state={self.path('bases')}",
                         "gen=new" if i == 0 else "gen=old", "model=0d")  # 0d: RFP 43, which ciphers
        wait_for("bases pending", lambda: {r["mac"] for r in self.suite.rows("base", "list")
                                           if r.get("state") == "pending"} >= set(BASES), 10)
        for i, mac in enumerate(BASES):
            self.suite.ctl("base", "admit", mac, f"name=floor {i + 1}")
        wait_for("bases on air", lambda: sum(r.get("state") == "up" for r in self.suite.rows("base", "list")) == 2, 40)
        rows = self.suite.rows("base", "list")
        return "; ".join(f"{r['mac']} {r.get('model', '')} RPN {r.get('rpn', 0)} {r.get('sync', '')}" for r in rows)

    def subscribe(self):
        os.makedirs(self.path("handsets"), exist_ok=True)
        self.suite.ctl("subscription", "open", "for=120s")
        for name, _, ipei, _, profile in PEOPLE:
            h = Handset(self.air, "h" + name, ipei, self.path("handsets", name), profile)
            self.handsets[name] = h
        for i, (name, *_rest) in enumerate(PEOPLE):
            h, base = self.handsets[name], BASES[i % 2]
            h.do("camp", base)
            mark = self.air.mark()
            h.do("subscribe", f"ac={name}77")
            h.wait("subscribed*", mark, 20)
            h.wait("located*", mark, 20)
        rows = {r["ipei"].replace(" ", "")[:12]: r for r in self.suite.rows("handset", "list")}
        missing = [p[0] for p in PEOPLE if rows.get(p[2], {}).get("user") != p[0]]
        if missing:
            raise RuntimeError(f"not linked to their users: {', '.join(missing)}")
        return "; ".join(f"{r['user']} {r.get('security', '')}" for r in sorted(rows.values(), key=lambda r: r["user"]))

    def registered(self):
        wanted = {f"{p[0]}@demo.test" for p in PEOPLE}
        wait_for("users registered at Kamailio", lambda: {a.replace("sip:", "") for a in self.pbx.registered()}
                 >= wanted or {p[0] for p in PEOPLE} <= {a.split("@")[0] for a in self.pbx.registered()}, 20)
        return f"{len(wanted)} users over TLS, digests computed in certd"

    def start_desk(self):
        self.desk = Baresip(self.dir, "301", self.pbx, self.speech["desk"])
        self.phones.append(self.desk)
        self.desk.registered()
        return "baresip 301 over TLS with SRTP"

    def start(self):
        """The steps before the first call. False: one of them failed."""
        r = self.report
        r.heading("The system")
        return all(r.run(title, action) for title, action in (
            ("speech", self.make_speech),
            ("PBX, certificates", self.start_pbx),
            ("six daemons as users of their own", self.start_suite),
            ("host certificate and trust", self.give_identity),
            ("users, passwords, access codes", self.add_users),
            ("two base stations connect, are admitted, go on air", self.start_bases),
            ("four handsets subscribe over the air, ciphered", self.subscribe),
            ("users are registered at the PBX", self.registered),
            ("telephone on the desk", self.start_desk)))

    # ---- looking ----

    def calls(self):
        return self.suite.rows("call", "list")

    def sessions(self):
        return [r for r in self.suite.rows("media", "list")]

    def idle(self, seconds=8.0):
        """Everything that a step began is over: no call, no media session, no connection."""
        def clear():
            return not self.calls() and not self.sessions()
        wait_for("no call and no media session is left", clear, seconds, 0.05)

    def heard(self, what, path, speaker, least=0.85):
        m = speech.compare(self.speech[speaker], path)
        if m.score < least:
            raise RuntimeError(f"{what}: what arrived is not what {speaker} said: {m}")
        return m

    def look_around(self):
        c = f"{self.args.build}/dectctl -r {self.suite.runtime}"
        self.report.heading("The system is running; Ctrl-C ends it")
        self.report.write(f"""
  Look around:
    {c} status
    {c} call list            (call show ID follows one call through all daemons)
    {c} handset list
    {c} base list
    {c} help
  Handsets are driven over {self.air.socket_path}, for example:
    echo 'pp h201 dial 202' | socat - UNIX-CONNECT:{self.air.socket_path}
  Join a PBX:       [sipd] proxy-1 = sip:pbx.example.org;transport=tls in ipdect.conf; docs/operator.md, "A PBX"
  Join Lync:        docs/operator.md, "Lync and Skype for Business"
  A real base:      docs/operator.md, "Base stations": DHCP options 43 and 224 name this host as its manager
  Stop:             Ctrl-C

""")

    def stop(self):
        for p in [*self.phones, self.air, self.pbx]:
            if p:
                p.stop()
        if self.suite:
            self.suite.stop()
        if self.accounts:
            self.accounts.remove()
