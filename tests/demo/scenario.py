"""The calls of the demonstration, in order. Every step leaves the system idle, checks what came out at the other end (recorded
speech, a display, what the PBX or the telephone saw) and returns that as evidence."""

import json
import os
import subprocess
import time

import speech
from peers import wait_for
from world import BASES

TALK = 3.0  # seconds of speech that are compared


class Scenario:
    def __init__(self, world, only):
        self.w, self.only = world, only
        self.r, self.s, self.air = world.report, world.suite, world.air
        self.h = world.handsets
        self.seq = 0

    def run(self):
        steps = (
            ("Handset to handset", (
                ("handset → handset on another base", self.handset_to_handset),
                ("display of caller and called", self.displays),
                ("DTMF in the call", self.dtmf_between_handsets),
                ("handover to the other base in the call", self.handover),
                ("hold and retrieve", self.hold),
                ("call waiting, second call, swap", self.waiting),
                ("attended transfer", self.transfer_attended),
                ("blind transfer", self.transfer_blind),
                ("three-party conference, mixed here", self.conference),
                ("conference of calls at two mediads", self.conference_of_two),
            )),
            ("Handset and SIP telephone", (
                ("handset → telephone, TLS and SRTP", self.to_desk),
                ("telephone → handset, TLS and SRTP", self.from_desk),
                ("names from the phone book", self.phone_book),
                ("G.726 towards the telephone", self.g726),
                ("hold by the telephone", self.desk_holds),
                ("DTMF to the telephone", self.dtmf_to_desk),
                ("caller gives up: a missed call", self.missed),
                ("answered elsewhere: no missed call", self.elsewhere),
            )),
            ("The operator's view", (
                ("one call through sipd, dectd and mediad", self.followed),
                ("pre-flight: all well, and a fault is found", self.preflight),
            )),
            ("Services", (
                ("forward always", self.forward_always),
                ("forward on busy", self.forward_busy),
                ("forward on no answer", self.forward_no_answer),
                ("forward when not reachable", self.forward_unreachable),
                ("message waiting", self.message_waiting),
                ("call logs on the handset", self.logs),
                ("redial", self.redial),
                ("service code ***999*00", self.service_code),
                ("presence follows the calls", self.presence),
            )),
            ("Failures", (
                ("kill -9 of a mediad: the call goes on", self.kill_mediad),
                ("kill -9 of certd, sipd, dectd, presenced in turn", self.kill_each),
                ("a base station restarts", self.base_restart),
            )),
            ("At the end", (
                ("nothing is left behind", self.nothing_left),
                ("no violation of a protocol by the server", self.no_violations),
            )),
        )
        for heading, group in steps:
            chosen = [(t, f) for t, f in group if not self.only or heading == "At the end"
                      or any(o in t.lower() for o in self.only)]
            if chosen:
                self.r.heading(heading)
            for title, action in chosen:
                if not self.r.run(title, action):
                    self.clean_up()

    # ---- words ----

    def clean_up(self):
        """After a failed step: everybody hangs up, so that the next step starts from idle."""
        for h in self.h.values():
            try:
                h.do("hangup")
            except (RuntimeError, OSError):
                pass
        for p in self.w.phones:
            try:
                p.command("hangupall")
            except Exception:  # noqa: BLE001  the telephone may have ended
                pass
        try:
            self.w.idle(6)
        except TimeoutError:
            for row in self.w.calls():
                try:
                    self.s.ctl("call", "drop", row["call"])
                except RuntimeError:
                    pass

    def file(self, name):
        self.seq += 1
        path = self.w.path("recordings")
        os.makedirs(path, exist_ok=True)
        return os.path.join(path, f"{self.seq:02d}-{name}.wav")

    def call(self, a, b, number=None):
        """Handset a dials, handset b rings and answers."""
        mark = self.air.mark()
        self.h[a].do("dial", number or b)
        self.h[b].wait("ringing*", mark)
        self.h[b].do("answer")
        self.h[b].wait("connected*", mark)
        self.h[a].wait("connected*", mark)
        return mark

    def hang_up(self, *names):
        for n in names:
            self.h[n].do("hangup")
        self.w.idle()

    def speaker(self, name):
        return {"201": "ann", "202": "bob", "203": "cat", "204": "dan", "301": "desk"}[name]

    def talk(self, *names, seconds=TALK):
        """All handsets play their own speech and record what they hear; returns the recordings."""
        files = {n: self.file(n) for n in names}
        for n in names:
            self.h[n].do("record", files[n])
        for n in names:
            self.h[n].do("play", self.w.speech[self.speaker(n)])
        time.sleep(seconds)
        for n in names:
            self.h[n].do("stop")
        return files

    def both(self, a, b, least=0.85):
        f = self.talk(a, b)
        m1 = self.w.heard(f"{b} hears {a}", f[b], self.speaker(a), least)
        m2 = self.w.heard(f"{a} hears {b}", f[a], self.speaker(b), least)
        return f"{a}→{b} {m1.score:.3f}, {b}→{a} {m2.score:.3f} (correlation of speech)"

    # ---- handset to handset ----

    def handset_to_handset(self):
        self.call("201", "202")
        row = self.w.sessions()
        said = self.both("201", "202")
        self.hang_up("201")
        return f"{said}, {len(row)} media session(s)"

    def followed(self):
        suite = self.w.suite
        self.dial_desk()
        refs = [r["call"] for r in self.w.calls()]
        rows = suite.rows("call", "show", refs[0]) if len(refs) == 1 else []
        text = suite.ctl("call", "show", refs[0]) if rows else ""
        self.hang_up("201")
        if len(refs) != 1:
            raise RuntimeError(f"one call was made, sipd lists {refs}")
        seen = {"sipd": [r for r in rows if "sip_call_id" in r], "dectd": [r for r in rows if "CC " in r.get("state", "")],
                "mediad": [r for r in rows if "session" in r]}
        missing = [name for name, found in seen.items() if not found or any(r["call"] != refs[0] for r in found)]
        if missing or "jitter" not in text:
            raise RuntimeError(f"call {refs[0]} is not shown by {', '.join(missing) or 'text of mediad'}: {rows}")
        return f"call {refs[0]}: " + ", ".join(f"{name} {len(found)}" for name, found in seen.items())

    def preflight(self):
        def failed():
            done = subprocess.run([f"{self.w.suite.bin}/dectctl", "-r", self.w.suite.runtime, "--json", "check"],
                                  stdout=subprocess.PIPE, text=True, timeout=60, check=False)
            rows = json.loads(done.stdout)
            bad = [r for r in rows if r["result"] == "failed"]
            if (done.returncode == 1) != bool(bad):
                raise RuntimeError(f"exit status {done.returncode} with {len(bad)} failed rows")
            return rows, bad
        rows, bad = failed()
        if bad:
            raise RuntimeError(f"failed though all is well: {bad}")
        mac = BASES[1]
        self.s.ctl("base", "restart", mac)
        wait_for("the base that went away is found", lambda: any(mac in r.get("detail", "") for r in failed()[1]), 20)
        wait_for("all is well again", lambda: not failed()[1], 60)
        return f"{len(rows)} rows, none failed; a base that went away is named with a remedy"

    def displays(self):
        mark = self.air.mark()
        self.h["201"].do("dial", "202")
        self.h["202"].wait("ringing*", mark)
        b = self.h["202"].display()
        self.h["202"].do("answer")
        self.h["201"].wait("connected*", mark)
        a = self.h["201"].display()
        self.hang_up("202")
        for text, want in ((b, "Ann"), (b, "201"), (a, "Bob")):
            if want not in text:
                raise RuntimeError(f'"{want}" is not on the display: {text!r}')
        return f"202 shows {b!r}"

    def dtmf_between_handsets(self):
        self.call("201", "202")
        path = self.file("digits")
        self.h["202"].do("record", path)
        self.h["201"].do("press", "159#")
        time.sleep(1.5)
        self.h["202"].do("stop")
        self.hang_up("201")
        found = speech.dtmf(path)
        if found != "159#":
            raise RuntimeError(f"heard {found!r} instead of 159#")
        return "159# pressed, 159# heard"

    def handover(self):
        self.call("201", "202")
        mark = self.air.mark()
        f = {n: self.file(n + "-handover") for n in ("201", "202")}
        for n in ("201", "202"):
            self.h[n].do("record", f[n])
            self.h[n].do("play", self.w.speech[self.speaker(n)])
        time.sleep(1.2)
        self.h["201"].do("handover", BASES[1])
        self.h["201"].wait("moved*", mark)
        time.sleep(2.0)
        for n in ("201", "202"):
            self.h[n].do("stop")
        m1 = self.w.heard("202 hears 201", f["202"], "ann", 0.7)
        m2 = self.w.heard("201 hears 202", f["201"], "bob", 0.7)
        again = self.both("201", "202")
        mark = self.air.mark()
        self.h["201"].do("handover", BASES[0])
        self.h["201"].wait("moved*", mark)
        self.hang_up("201")
        return f"over the handover {m1.score:.2f}/{m2.score:.2f}, after it {again}"

    def hold(self):
        self.call("201", "202")
        self.both("201", "202")
        mark = self.air.mark()
        self.h["201"].do("hold")
        self.h["201"].wait("hold-ack*", mark)
        path = self.file("held")
        self.h["202"].do("record", path)
        self.h["201"].do("play", self.w.speech["ann"])
        time.sleep(1.5)
        self.h["202"].do("stop")
        if speech.compare(self.w.speech["ann"], path).score > 0.5:
            raise RuntimeError("202 still hears 201 while it is held")
        shown = self.h["202"].display()
        self.h["201"].do("retrieve")
        self.h["201"].wait("retrieve-ack*", mark)
        time.sleep(0.3)
        said = self.both("201", "202")
        self.hang_up("201")
        return f"202 shows {shown!r} and hears nothing, then {said}"

    def waiting(self):
        self.call("201", "202")
        mark = self.air.mark()
        self.h["203"].do("dial", "202")
        self.h["202"].wait("waiting*", mark)
        shown = self.h["202"].display()
        self.h["202"].do("press", "R2")
        self.h["203"].wait("connected*", mark)
        with_third = self.both("202", "203")
        self.h["202"].do("press", "R2")
        time.sleep(0.4)
        with_first = self.both("201", "202")
        self.h["203"].do("hangup")
        self.hang_up("201")
        return f"{shown!r}; 203: {with_third}; back: {with_first}"

    def consult(self):
        """201 talks to 202, puts it on hold and calls 203."""
        self.call("201", "202")
        return self.consult_third()

    def consult_third(self):
        mark = self.air.mark()
        self.h["201"].do("press", "R")
        time.sleep(0.3)
        self.h["201"].do("press", "203")
        self.h["203"].wait("ringing*", mark)
        self.h["203"].do("answer")
        self.h["203"].wait("connected*", mark)
        time.sleep(0.3)
        return mark

    def transfer_attended(self):
        mark = self.consult()
        self.h["201"].do("press", "R4")
        self.h["201"].wait("released*", mark)
        shown = self.h["203"].wait('party 202 name "Bob Baker"', mark)  # a handset of NG-DECT: its display is its own business
        time.sleep(0.5)
        said = self.both("202", "203")
        self.hang_up("202")
        return f"{said}; 203 is told {shown.partition('party ')[2]}"

    def transfer_blind(self):
        self.call("201", "202")
        mark = self.air.mark()
        self.h["201"].do("press", "R")
        time.sleep(0.3)
        self.h["201"].do("press", "R")
        time.sleep(0.3)
        self.h["201"].do("press", "204#")
        self.h["204"].wait("ringing*", mark)
        self.h["204"].do("answer")
        self.h["204"].wait("connected*", mark)
        time.sleep(0.5)
        said = self.both("202", "204")
        self.hang_up("202")
        return said

    def conference(self):
        self.consult()
        return self.in_conference()

    def conference_of_two(self):
        """The first call's mediad takes no new ones: the second is at the other one, and the first follows it there."""
        self.call("201", "202")
        first = self.s.rows("call", "list")[0]["media"].split()[0]
        before = self.process(first)
        self.s.ctl("media", "drain", first.rpartition("-")[2])
        self.consult_third()
        at = {r["media"].split()[0] for r in self.s.rows("call", "list") if r.get("media")}
        if len(at) != 2:
            raise RuntimeError(f"both calls are at {' '.join(at)}")
        said = self.in_conference()
        wait_for(f"{first} is empty, has ended, and is back", lambda: self.back(first, before), 15)
        return f"from {first} to the other one; {said}"

    def process(self, name):
        daemon, _, instance = name.partition("-")
        return next((r.get("pid") for r in self.s.rows("status")
                     if r["daemon"] == daemon and str(r.get("instance", "")) == instance), None)

    def back(self, name, before):
        try:
            rows = self.s.rows("status")
            return self.process(name) not in (before, None) and all(
                r.get("state") != "down" and "down" not in r.get("links", "") for r in rows)
        except RuntimeError:  # it ends in the middle of its answer
            return False

    def in_conference(self):
        self.h["201"].do("press", "R3")
        time.sleep(0.6)
        out = []
        for who in ("201", "202", "203"):
            others = [n for n in ("201", "202", "203") if n != who]
            files = {n: self.file(f"{n}-conf") for n in others}
            for n in others:
                self.h[n].do("record", files[n])
            self.h[who].do("play", self.w.speech[self.speaker(who)])
            time.sleep(2.5)
            self.h[who].do("stop")
            for n in others:
                self.h[n].do("stop")
                out.append(self.w.heard(f"{n} hears {who}", files[n], self.speaker(who), 0.8).score)
        self.h["201"].do("hangup")
        self.h["202"].do("hangup")
        self.hang_up("203")
        return "each hears the two others: " + ", ".join(f"{s:.2f}" for s in out)

    # ---- the telephone ----

    def desk_recording(self, since):
        def newest():
            p = self.w.desk.recording()
            return p if p and os.path.getmtime(p) >= since else None
        return wait_for("the telephone's recording", newest, 5)

    def with_desk(self, seconds=TALK, handset="201", least=0.85):
        path = self.file(handset + "-desk")
        self.h[handset].do("record", path)
        self.h[handset].do("play", self.w.speech[self.speaker(handset)])
        time.sleep(seconds)
        self.h[handset].do("stop")
        return self.w.heard(f"{handset} hears the telephone", path, "desk", least)

    def dial_desk(self, handset="201", desk=None):
        desk = desk or self.w.desk
        mark, dmark = self.air.mark(), desk.mark()
        self.h[handset].do("dial", desk.user)
        desk.event("CALL_INCOMING", dmark)
        desk.answer()
        desk.event("CALL_ESTABLISHED", dmark)
        self.h[handset].wait("connected*", mark)
        return dmark

    def end_with_desk(self, dmark, began, speaker="ann", least=0.85, desk=None):
        desk = desk or self.w.desk
        for h in self.h.values():
            h.do("hangup")
        desk.event("CALL_CLOSED", dmark)
        self.w.idle()
        p = wait_for("the telephone's recording", lambda: (lambda f: f if f and os.path.getmtime(f) >= began else None)(
            desk.recording()), 5)
        return self.w.heard("the telephone hears the handset", p, speaker, least)

    def to_desk(self):
        began = time.time()
        dmark = self.dial_desk()
        m = self.with_desk()
        rows = self.w.sessions()
        d = self.end_with_desk(dmark, began)
        srtp = {r.get("srtp", "") for r in rows}
        if not any("AES" in s for s in srtp):
            raise RuntimeError(f"the call was not encrypted: {srtp}")
        return f"handset hears {m.score:.3f}, telephone hears {d.score:.3f}; {', '.join(sorted(s for s in srtp if s))}"

    def from_desk(self):
        began = time.time()
        mark, dmark = self.air.mark(), self.w.desk.mark()
        self.w.desk.dial("202")
        self.h["202"].wait("ringing*", mark)
        shown = self.h["202"].display()
        self.h["202"].do("answer")
        self.w.desk.event("CALL_ESTABLISHED", dmark)
        m = self.with_desk(handset="202")
        d = self.end_with_desk(dmark, began, "bob")
        return f"display {shown!r}; handset hears {m.score:.3f}, telephone hears {d.score:.3f}"

    def phone_book(self):
        self.s.ctl("directory", "import", "file=-", stdin="name,work\nFront Desk,301\n")
        mark, dmark = self.air.mark(), self.w.desk.mark()
        self.w.desk.dial("202")
        self.h["202"].wait("ringing*", mark)
        self.h["202"].wait("display*Front Desk*", mark)
        self.w.desk.command("hangup")
        self.h["202"].wait("released*", mark)
        self.w.idle()
        mark = self.air.mark()
        self.h["201"].do("dial", "301")
        self.h["201"].wait("display*Front Desk*", mark)
        self.h["201"].do("hangup")
        self.h["201"].wait("released*", mark)
        self.w.idle()
        return "a telephone that says no name rings as 'Front Desk', and is shown so when it is called"

    def g726(self):
        from peers import Baresip
        phone = Baresip(self.w.dir, "302", self.w.pbx, self.w.speech["desk"], codecs="G726-32")
        self.w.phones.append(phone)
        phone.registered()
        began = time.time()
        dmark = self.dial_desk(desk=phone)
        m = self.with_desk(least=0.8)
        rows = self.w.sessions()
        d = self.end_with_desk(dmark, began, least=0.8, desk=phone)
        codecs = {r.get("codec", "") for r in rows}
        phone.stop()
        self.w.phones.remove(phone)
        if not any("726" in c for c in codecs):
            raise RuntimeError(f"G.726 was not used: {codecs}")
        return f"{', '.join(codecs)}; handset hears {m.score:.3f}, telephone hears {d.score:.3f}"

    def desk_holds(self):
        dmark = self.dial_desk()
        self.w.desk.command("hold")
        time.sleep(1.0)
        shown = self.h["201"].display()
        self.w.desk.command("resume")
        time.sleep(0.7)
        m = self.with_desk(2.0)
        self.h["201"].do("hangup")
        self.w.desk.event("CALL_CLOSED", dmark)
        self.w.idle()
        return f"held: {shown!r}; after it {m.score:.3f}"

    def dtmf_to_desk(self):
        dmark = self.dial_desk()
        time.sleep(0.5)
        self.h["201"].do("press", "42#")
        got = wait_for("three digits at the telephone", lambda: self.digits(dmark), 6)
        self.h["201"].do("hangup")
        self.w.desk.event("CALL_CLOSED", dmark)
        self.w.idle()
        if got != "42#":
            raise RuntimeError(f"the telephone saw {got!r} instead of 42#")
        return "RFC 4733 events: 42#"

    def digits(self, dmark):
        keys = [e.get("param", "") for e in self.w.desk.events[dmark:] if e["type"] == "CALL_DTMF_START"]
        return "".join(keys) if len(keys) >= 3 else None

    def missed(self):
        before = self.count_log("202", "missed")
        mark, dmark = self.air.mark(), self.w.desk.mark()
        self.w.desk.dial("202")
        self.h["202"].wait("ringing*", mark)
        self.w.desk.command("hangup")
        self.h["202"].wait("released*", mark)
        self.w.idle()
        wait_for("the missed call in the log", lambda: self.count_log("202", "missed") == before + 1, 5)
        return f"one missed call more in the log of 202; display {self.h['202'].display()!r}"

    def count_log(self, user, kind):
        return sum(r.get("kind") == kind for r in self.s.rows("record", "list", f"user={user}"))

    def elsewhere(self):
        before = self.count_log("202", "missed")
        mark, dmark = self.air.mark(), self.w.desk.mark()
        self.h["201"].do("dial", "400")
        self.h["202"].wait("ringing*", mark)
        self.w.desk.event("CALL_INCOMING", dmark)
        # As a person would, not within a millisecond: Kamailio sends no CANCEL to a branch whose 180 it handles in one process
        # while another one handles the 200.
        time.sleep(0.5)
        self.w.desk.answer()
        self.h["202"].wait("released*", mark)
        self.h["201"].wait("connected*", mark)
        self.h["201"].do("hangup")
        self.w.idle()
        if self.count_log("202", "missed") != before:
            raise RuntimeError("202 shows a missed call though the telephone answered")
        return "group 400 rang 202 and the telephone; the telephone answered; 202 has no missed call"

    # ---- services ----

    def forwarded(self, key, prepare=None, after=None):
        self.s.ctl("user", "set", "202", f"{key}=203")
        try:
            if prepare:
                prepare()
            mark = self.air.mark()
            self.h["201"].do("dial", "202")
            self.h["203"].wait("ringing*", mark, 15)
            shown = self.h["203"].display()
            self.h["203"].do("answer")
            self.h["201"].wait("connected*", mark)
            said = self.both("201", "203")
            self.h["201"].do("hangup")
            if after:
                after()
            self.w.idle()
        finally:
            self.s.ctl("user", "set", "202", f"{key}=")
        return f"203 shows {shown!r}; {said}"

    def forward_always(self):
        return self.forwarded("forward-always")

    def forward_busy(self):
        # Call waiting would ring a busy handset; two calls are all that it can hold.
        def busy():
            self.call("202", "204")
            mark = self.air.mark()
            self.w.desk.dial("202")
            self.h["202"].wait("waiting*", mark)

        def free():
            self.w.desk.command("hangup")
            time.sleep(0.2)
            self.h["204"].do("hangup")
        return self.forwarded("forward-busy", busy, free)

    def forward_no_answer(self):
        return self.forwarded("forward-no-answer")

    def forward_unreachable(self):
        self.h["202"].do("off")
        try:
            return self.forwarded("forward-unreachable")
        finally:
            mark = self.air.mark()
            self.h["202"].do("on")
            self.h["202"].wait("located*", mark, 20)

    def message_waiting(self):
        mark = self.air.mark()
        self.w.pbx.message_waiting("201", 3, 1)
        self.h["201"].wait("display *3*", mark)
        mark = self.air.mark()
        self.w.pbx.message_waiting("201", 0, 4)
        self.h["201"].wait("display *", mark)
        if "3" in self.h["201"].display():
            raise RuntimeError(f"still on the display: {self.h['201'].display()!r}")
        return "PUBLISH to Kamailio, NOTIFY to sipd, 3 new messages on the handset, then none"

    def logs(self):
        kinds = {k: self.count_log("201", k) for k in ("placed", "received")}
        if not kinds["placed"]:
            raise RuntimeError(f"the log of 201 is {kinds}")
        return f"201: {kinds['placed']} placed, {kinds['received']} received; " \
               f"202: {self.count_log('202', 'missed')} missed"

    def redial(self):
        self.call("201", "204")
        self.hang_up("201")
        mark = self.air.mark()
        self.h["201"].do("redial")
        self.h["204"].wait("ringing*", mark)
        self.hang_up("201")
        return "204 rings again"

    def service_code(self):
        mark = self.air.mark()
        self.h["201"].do("dial", "***999*00")
        self.h["201"].wait("display*127.0.0.1*", mark)
        shown = self.h["201"].display()
        self.h["201"].do("hangup")
        self.w.idle()
        return f"display {shown!r}"

    def presence(self):
        def state(user):
            return self.s.rows("presence", "show", user)[0].get("state")
        self.call("203", "204")
        wait_for("203 is in a call", lambda: state("203") == "in-a-call", 5)
        self.hang_up("203")
        wait_for("203 is available", lambda: state("203") == "available", 5)
        return "in-a-call during the call, available after it"

    # ---- failures ----

    def kill_mediad(self):
        self.call("201", "202")
        before = self.both("201", "202")
        name = self.s.rows("call", "list")[0].get("media", "").split()[0]
        began = time.monotonic()
        back = self.s.kill(name)
        moved = wait_for("the call is at another mediad", lambda: next(
            (r["media"] for r in self.s.rows("call", "list") if name not in r.get("media", name)), None), 5)
        took = time.monotonic() - began
        after = self.both("201", "202")
        self.hang_up("201")
        return f"{name} killed, call at {moved.split()[0]} after {min(took, 9):.1f} s, restarted in {back:.1f} s; " \
               f"before {before}; after {after}"

    def kill_each(self):
        out = []
        for name in ("certd", "presenced", "sipd", "dectd"):
            seconds = self.s.kill(name)
            began = time.monotonic()
            wait_for(f"links after {name} was killed", lambda: all(
                "down" not in r.get("links", "") and r.get("state") != "down" for r in self.s.rows("status")), 12)
            if name == "dectd":
                wait_for("bases are back", lambda: sum(
                    r.get("state") == "up" for r in self.s.rows("base", "list")) == 2, 40)
            out.append(f"{name} {seconds + time.monotonic() - began:.1f} s")
        wait_for("handsets are back", lambda: all(" located " in h.show() for h in self.h.values()), 30)
        self.call("201", "202")
        said = self.both("201", "202")
        self.hang_up("201")
        return f"back with all links: {', '.join(out)}; then {said}"

    def base_restart(self):
        self.s.ctl("base", "restart", BASES[1])
        wait_for("the base is off", lambda: any(r["mac"] == BASES[1] and r.get("state") != "up"
                                                for r in self.s.rows("base", "list")), 10)
        began = time.monotonic()
        wait_for("the base is on air again", lambda: all(r.get("state") == "up" for r in self.s.rows("base", "list")),
                 40)
        took = time.monotonic() - began
        time.sleep(1)
        self.call("201", "202")
        said = self.both("201", "202")
        self.hang_up("201")
        return f"on air again after {took:.1f} s; {said}"

    # ---- the end ----

    def nothing_left(self):
        self.w.idle()

        def unwell():
            return [r for r in self.s.rows("status") if r.get("state") not in ("up",)]
        try:  # a proxy that could not be reached in the middle of the kills is asked again within 20 s
            wait_for("all daemons are well", lambda: not unwell(), 20, 0.2)
        except TimeoutError:
            raise RuntimeError("; ".join(f"{r['daemon']}: {r.get('trouble', r.get('links', ''))}" for r in unwell()))
        return "no call, no media session; all daemons are well"

    def no_violations(self):
        found = self.air.violations()
        if found:
            raise RuntimeError(f"{len(found)}: " + "; ".join(found[:5]))
        return "soft base stations and handsets saw none"
