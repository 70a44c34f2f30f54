"""Faults under load in the demonstration's world: many handsets call one another, half of them through Kamailio, while daemons
are killed, bases reboot, links break and packets are lost. Each fault is followed by a measurement from outside; at the
end handsets, records, memory and devices are compared with what the simulators saw."""

import re
import socket
import subprocess
import threading
import time

from air import Handset, printed_ipei
from peers import Baresip, run, wait_for
from world import BASES

FIRST = 6000
PROBES = ("6901", "6902")  # not registered at the PBX: their calls stay inside
PROFILES = ("gap-b", "gap-a", "ng")
GIVE_UP = 20.0  # seconds without a call until a fault counts as not survived
LIMIT = 2000  # ms
# Memory that a daemon may gain between the first full load and the end, beyond half of what it had: allocators keep pages.
SLACK_KIB = 8192
LOAD = re.compile(r"([a-z][a-z0-9-]*) (\d+)")


def ms_since(began):
    return int((time.monotonic() - began) * 1000)


class Fault:
    """One row of the report. allowed: calls that ARCHITECTURE.md lets it cost; None: as many as there are."""

    def __init__(self, name, act, limit=LIMIT, allowed=0, pbx=True, why=""):
        self.name, self.act, self.limit, self.allowed, self.pbx, self.why = name, act, limit, allowed, pbx, why


class Chaos:
    def __init__(self, world, args):
        self.w, self.args, self.r, self.s, self.air = world, args, world.report, world.suite, world.air
        self.calls, self.seconds = args.calls, args.chaos
        self.slack, self.give_up = args.slack, GIVE_UP * args.slack
        self.users = [str(FIRST + i) for i in range(args.handsets)]
        # A base carries 8 calls' speech; those of the demonstration are left to the probes.
        self.bases = [f"02005e1001{i:02x}" for i in range(max(2, args.calls // 2 + 2))]
        self.lines, self.rss, self.mark0 = [], {}, 0

    # ---- what the load runs in ----

    def add_bases(self):
        for mac in self.bases:
            self.air.run("base", "add", mac, f"server=127.0.0.1:{self.w.dect_port}", f"state={self.w.path('bases')}",
                         "model=0d")
            self.s.ctl("base", "admit", mac)
        wait_for("all bases on air", lambda: sum(r.get("state") == "up" for r in self.s.rows("base", "list"))
                 == len(self.bases) + len(BASES), 60, 0.2)
        return f"{len(self.bases)} more"

    def add_users(self):
        head, rows = "name,display-name,ipei,password,access-code", []
        for i, u in enumerate([*self.users, *PROBES]):
            outside = u not in PROBES and i % 2 == 0
            rows.append(f"{u},User {u},{printed_ipei(self.ipei(u))},{'secret-' + u if outside else ''},{u}77")
        path = self.w.path("users.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join([head, *rows]) + "\n")
        self.s.ctl("user", "import", f"file={path}")
        have = {r["name"] for r in self.s.rows("user", "list")}
        missing = set(self.users) - have
        if missing:
            raise RuntimeError(f"{len(missing)} users are not there after the import: {sorted(missing)[:5]}")
        return f"{len(rows)} users by CSV, {len(self.users[::2])} of them with a password of the PBX"

    @staticmethod
    def ipei(user):
        return f"0500300{int(user):05d}"

    def subscribe(self):
        began = time.monotonic()
        for i, u in enumerate([*self.users, *PROBES]):
            if i % 40 == 0:
                self.s.ctl("subscription", "open", "for=120s")
            h = Handset(self.air, u, self.ipei(u), self.w.path("handsets", u), PROFILES[i % 3], spread="yes",
                        **({} if u in PROBES else {"number": u}))
            self.w.handsets[u] = h
            base = BASES[i % 2] if u in PROBES else self.bases[i % len(self.bases)]
            mark = self.air.mark()
            h.do("subscribe", f"ac={u}77")
            h.wait("located*", mark, 20)
            h.do("camp", base)
            for far in BASES if u not in PROBES else self.bases:
                h.do("signal", far, "-88")
        self.s.ctl("subscription", "close")
        return f"{(time.monotonic() - began) * 1000 / (len(self.users) + 2):.0f} ms each"

    def registered(self):
        want = set(self.users[::2])
        wait_for("users registered at Kamailio", lambda: {a.replace("sip:", "").split("@")[0]
                                                          for a in self.w.pbx.registered()} >= want, 40, 0.3)
        return f"{len(want)} users over TLS"

    # ---- looking ----

    def load(self):
        text = self.air.run("load", "show")
        figures = {k: int(v) for k, v in LOAD.findall(text.split(" reasons")[0])}
        figures["text"] = text
        return figures

    def sample(self):
        out = {}
        for name, d in self.s.daemons.items():
            try:
                with open(f"/proc/{d.child.pid}/status", encoding="ascii") as f:
                    out[name] = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
            except (OSError, AttributeError):
                out[name] = 0
        return out

    def devices(self):
        return {"users": sorted((r["name"], r.get("ipei", "")) for r in self.s.rows("user", "list")),
                "handsets": sorted((r["ipei"], r.get("user", "")) for r in self.s.rows("handset", "list")),
                "bases": sorted((r["mac"], r.get("name", ""), r.get("rpn", 0)) for r in self.s.rows("base", "list"))}

    def connects(self, a, b, dial=None):
        """One try of a call with speech; a hears b's tone or b hears a's."""
        ha, hb = self.w.handsets[a], self.w.handsets[b]
        mark = self.air.mark()
        ha.do("dial", dial or b)
        hb.wait("ringing*", mark, self.slack)
        hb.do("answer")
        ha.wait("connected*", mark, self.slack)
        hb.wait("connected*", mark, self.slack)
        ha.do("tone", "700")
        hb.wait("hears*", mark, self.slack)

    def hang_up(self, *names):
        for n in names:
            for words in (("tone", "0"), ("hangup",)):
                try:
                    self.w.handsets[n].do(*words)
                except RuntimeError:
                    pass

    def probe(self, a, b, began, out, key):
        """Calls until one connects with speech; how long after `began` that was, in ms, or None."""
        while time.monotonic() - began < self.give_up:
            try:
                self.connects(a, b)
                out[key] = ms_since(began)
                break
            except (TimeoutError, RuntimeError) as e:
                out[key + "-why"] = f"{ms_since(began)} ms: {e}; {self.w.handsets[a].show()}"
                self.hang_up(a, b)
                time.sleep(0.1)
        else:
            out[key] = None
        self.hang_up(a, b)

    def probes(self, began, pbx=True):
        out = {}
        pairs = [(*PROBES, "inside")] + ([("203", "204", "pbx")] if pbx else [])
        threads = [threading.Thread(target=self.probe, args=(a, b, began, out, key), daemon=True) for a, b, key in pairs]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return out

    # ---- faults ----

    def killed(self, name):
        return lambda: self.s.kill(name)

    def all_bases(self, *words):
        for mac in (*BASES, *self.bases):
            self.air.run("base", mac, *words)

    def base_off_on(self):
        """One with a probe at it and one of the load."""
        for mac in (BASES[1], self.bases[0]):
            self.air.run("base", mac, "off")
        time.sleep(1.0)
        for mac in (BASES[1], self.bases[0]):
            self.air.run("base", mac, "on")

    def desk_call(self, seconds):
        """Handset 201 calls the telephone and hears it: tries until it does."""
        began, h, why = time.monotonic(), self.w.handsets["201"], ""
        while time.monotonic() - began < seconds:
            desk, mark, dmark = self.w.desk, self.air.mark(), self.w.desk.mark()
            try:
                h.do("dial", "301")
                desk.event("CALL_INCOMING", dmark, 2)
                desk.answer()
                h.wait("connected*", mark, 2)
                h.wait("hears*", mark, 2)
                return
            except (TimeoutError, RuntimeError) as e:
                why = str(e)
                self.hang_up("201")
                time.sleep(0.2)
        raise RuntimeError(f"no call to the telephone: {why}")

    def new_desk(self):
        old = self.w.desk
        old.child.kill()
        old.child.wait()
        self.hang_up("201")
        self.w.phones.remove(old)
        self.w.desk = Baresip(self.w.dir, "301", self.w.pbx, self.w.speech["desk"])
        self.w.phones.append(self.w.desk)
        self.w.desk.registered()

    def telephone_restarts(self):
        """kill -9 in a call with it."""
        self.desk_call(5)
        began = time.monotonic()
        self.new_desk()
        registered = ms_since(began)
        began = time.monotonic()
        self.desk_call(15)
        took = ms_since(began)
        self.hang_up("201")
        if took > LIMIT * self.slack:
            raise RuntimeError(f"201 reaches the restarted telephone after {took} ms only")
        return f"telephone registered after {registered} ms, called with speech {took} ms later"

    def kamailio_down(self):
        pause = min(60.0, self.seconds / 10)
        self.w.pbx.die()
        down = time.monotonic()
        inside = self.probes(down, pbx=False)["inside"]
        out = {}
        self.probe("203", "204", down, out, "pbx")  # registered users: they must fall back to calls inside
        time.sleep(max(0.0, pause - (time.monotonic() - down)))
        self.w.pbx.start()
        if inside is None or out["pbx"] is None:
            raise RuntimeError(f"while it was down: inside {inside}, users of the PBX {out}")
        length, back = time.monotonic() - down, time.monotonic()
        self.new_desk()  # the old one would register anew after minutes only
        try:  # it has lost its bindings, and is asked again every second
            wait_for("users registered again", lambda: not self.unregistered(), 25 * self.slack, 0.1)
        except TimeoutError:
            raise RuntimeError(f"not registered 25 s after it was back: {self.unregistered()[:3]}") from None
        return f"down {length:.0f} s, users registered {ms_since(back)} ms after it was back; in it calls after {inside} ms inside, {out['pbx']} ms between its users"

    def links_break(self):
        self.all_bases("break")

    def sip_reset(self):
        """Those of sipd to the PBX only: a telephone that waits for its next REGISTER would be no finding of ours."""
        pid = f"pid={self.s.daemons['sipd'].child.pid},"
        rows = run("ss", "-Htnp", "dport", "=", str(self.w.pbx.tls_port)).splitlines()
        ports = [r.split()[3].rsplit(":", 1)[1] for r in rows if pid in r]
        for port in ports:
            run("ss", "-K", "sport", "=", port, "dport", "=", str(self.w.pbx.tls_port))
        if not ports:
            raise RuntimeError("sipd has no connection to the PBX")
        began = time.monotonic()
        # Until then calls stay inside; the figures of this fault count from the reset and include it.
        wait_for("users registered again", lambda: not self.unregistered(), 20 * self.slack, 0.1)
        return f"{len(ports)} reset; all users registered again after {ms_since(began)} ms"

    @staticmethod
    def can_reset():
        """`ss -K` needs CONFIG_INET_DIAG_DESTROY: tried on a connection of our own."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(1)
            port = listening.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as c:
                subprocess.run(["ss", "-K", "dst", "127.0.0.1", "dport", "=", str(port)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, check=False)
                c.settimeout(0.5)
                try:
                    c.send(b"x")
                    c.recv(1)
                except TimeoutError:
                    return False
                except OSError:
                    return True
        return False

    def packets_lost(self):
        self.all_bases("loss", "50")

    def faults(self):
        out = [Fault("kill -9 certd", self.killed("certd")),
               Fault("kill -9 mediad-1", self.killed("mediad-1")),
               Fault("kill -9 sipd", self.killed("sipd"), allowed=None, why="calls keep media only until sipd is told"),
               Fault("kill -9 presenced", self.killed("presenced")),
               Fault("kill -9 mediad-2", self.killed("mediad-2")),
               # Its bases search and start their radio anew.
               Fault("kill -9 dectd", self.killed("dectd"), 5000, None, why="bases reconnect, their radio starts anew"),
               Fault("two bases off, 1 s, on", self.base_off_on, 5000, 16, why="up to 8 calls at each base"),
               Fault("TCP of all bases breaks", self.links_break, 5000, None, why="bases without a link drop their radio"),
               Fault("telephone kill -9, starts again", self.telephone_restarts),
               Fault("5 % of RTP packets lost", self.packets_lost),
               Fault("Kamailio down", self.kamailio_down)]
        if self.resets:
            out.insert(8, Fault("TCP of SIP is reset", self.sip_reset))
        words = [w for w in self.args.only.lower().split(",") if w]
        return [f for f in out if not words or any(w in f.name.lower() for w in words)]

    def one(self, fault):
        """The fault, the measurement; raises when it cost more than it may."""
        before = self.load()
        began = time.monotonic()
        said = fault.act()
        said = said if isinstance(said, str) else ""
        if fault.act in (self.kamailio_down, self.telephone_restarts):
            began = time.monotonic()  # measured within; from here: the way back
        took = self.probes(began)
        time.sleep(max(0.0, 3.0 - (time.monotonic() - began)))
        if fault.act == self.packets_lost:
            self.all_bases("loss", "0")
        after = self.load()
        lost, failed = after["dropped"] - before["dropped"], after["failed"] - before["failed"]
        bad = after["blocks-bad"] - before["blocks-bad"]
        good = after["blocks-good"] - before["blocks-good"]
        self.lines.append((fault, took, before["active"], lost, failed, good, bad, after["mute"] - before["mute"]))
        for name, kib in self.sample().items():
            self.rss.setdefault(name, []).append(kib)
        trouble = []
        for key in ("inside", "pbx"):
            if took[key] is None:
                trouble.append(f"no call ({key}) in {self.give_up:.0f} s: {took.get(key + '-why', '')}")
            elif took[key] > fault.limit * self.slack:
                trouble.append(f"a call ({key}) after {took[key]} ms, more than {fault.limit * self.slack:.0f}: before, at {took.get(key + '-why')}")
        if fault.allowed is not None and lost > fault.allowed:
            trouble.append(f"{lost} calls lost, {fault.allowed} allowed")
        text = f"calls after {took['inside']} ms inside, {took['pbx']} ms by the PBX; of {before['active']} calls {lost} lost, " \
               f"{failed} set-ups failed" + (f"; {said}" if said else "")
        if trouble:
            raise RuntimeError("; ".join(trouble) + f" ({text})")
        return text

    def one_with_pbx(self, fault):
        """Kamailio 5.6 at times aborts by itself, mostly when many TLS connections come at once after a start ("beginning overwritten",
        called from tls): that is no fault of ours. It is started again, as a service manager would, and the fault is repeated."""
        aborted = 0
        while True:
            said = failed = None
            try:
                said = self.one(fault)
            except (RuntimeError, TimeoutError, OSError) as e:
                failed = e
            if self.w.pbx.alive():
                if failed:
                    raise failed
                return said + (f"; before that the PBX aborted by itself ({aborted})" if aborted else "")
            if aborted == 3:
                raise RuntimeError("the PBX aborts by itself again and again: " + self.w.pbx.tail(3))
            aborted += 1
            self.w.pbx.start()
            self.new_desk()
            wait_for("users registered again", lambda: not self.unregistered(), 40 * self.slack, 0.2)

    # ---- the end ----

    def stop_load(self):
        self.air.run("load", "stop")
        began = time.monotonic()
        wait_for("the simulators' calls end", lambda: self.load()["active"] == 0, 30, 0.2)
        seen = time.monotonic() - began
        try:
            self.w.idle(40)
        except TimeoutError:
            raise RuntimeError(f"left over: {len(self.w.calls())} calls, {len(self.w.sessions())} media sessions: "
                               f"{[(r['user'], r['state'], r['seconds']) for r in self.w.calls()[:4]]}") from None
        return f"handsets after {seen:.1f} s; no call and no media session after {time.monotonic() - began:.1f} s"

    def speech_arrived(self):
        f = self.load()
        if not f["answered"] or not f["blocks-good"]:
            raise RuntimeError("no speech: " + f["text"])
        return f"{f['made']} calls made, {f['answered']} answered, {f['dropped']} lost, {f['failed']} failed, " \
               f"{f['full']} found no channel; {f['blocks-good']} blocks of 100 ms good, {f['blocks-bad']} not, " \
               f"{f['mute']} sides heard nothing; alert p50 {f['alert-ms-p50']} ms, p99 {f['alert-ms-p99']} ms"

    def unregistered(self):
        """Users with a password whose registration is not up."""
        rows = self.s.rows("reg", "list")
        return [f"{r['user']}: {r.get('state')} {r.get('code', '')} {r.get('why', r.get('reason', ''))}" for r in rows
                if (r["user"] in self.users[::2] or r["user"] in ("201", "202", "203", "204"))
                and r.get("state") not in ("registered", "up")]

    def records(self):
        """Per user: calls that the handset saw connected against records of answered calls. Where sipd was killed in the set-up
        the handset may have been answered without it: then the record is there, interrupted and unanswered."""
        with self.air.cond:
            events = list(self.air.events[self.mark0:])
        saw = dict.fromkeys(self.users, 0)
        for e in events:
            w = e.split(" ")
            if w[0] == "pp" and w[1] in saw and w[2] == "connected":
                saw[w[1]] += 1
        lost, more, covered, total, interrupted, causes = [], 0, 0, 0, 0, {}
        for u in self.users:
            rows = self.s.rows("record", "list", f"user={u}", "max=5000")
            talked = [r for r in rows if r.get("kind") != "missed" and r.get("answered") in (True, "yes", 1)]
            total += len(rows)
            interrupted += sum(r.get("cause") == "interrupted" for r in rows)
            for r in rows:
                causes[r.get("cause", "")] = causes.get(r.get("cause", ""), 0) + 1
            unanswered = sum(r.get("cause") == "interrupted" and r not in talked for r in rows)
            covered += min(unanswered, max(0, saw[u] - len(talked)))
            if len(talked) + unanswered < saw[u]:
                lost.append(f"{u}: {saw[u]} seen, {len(talked)} recorded")
            more += max(0, len(talked) - saw[u])
        if lost:
            raise RuntimeError(f"{len(lost)} users lack records of {total}: {'; '.join(lost[:4])}; causes {causes}")
        return f"{total} records; {sum(saw.values())} connections seen by handsets, all recorded ({covered} as interrupted before " \
               f"the answer); {interrupted} interrupted, {more} recorded that no handset saw connected"

    def unchanged(self):
        now = self.devices()
        for what, before in self.before.items():
            if now[what] != before:
                raise RuntimeError(f"{what} changed: {list(set(before) ^ set(now[what]))[:4]}")
        gone = [u for u in (*self.users, *PROBES) if " subscribed located " not in self.w.handsets[u].show()]
        if gone:
            raise RuntimeError(f"{len(gone)} handsets are not subscribed and located: {gone[:5]}")
        return ", ".join(f"{len(v)} {k}" for k, v in now.items())

    def memory(self):
        end, grown = self.sample(), []
        for name, kib in end.items():
            start = self.rss0[name]
            if kib > start * 1.5 + SLACK_KIB:
                grown.append(f"{name} {start} → {kib}")
        text = ", ".join(f"{n} {self.rss0[n]}/{max(self.rss.get(n, [0]))}/{end[n]}" for n in end)
        if grown:
            raise RuntimeError(f"grown: {'; '.join(grown)} KiB ({text})")
        return f"KiB at first full load/most/end: {text}"

    def well(self):
        """Users without a password are not to be registered: their number is all that sipd may complain of."""
        expected = f"{len(self.users) + len(PROBES) - len(self.users[::2])} users are not registered"

        def unwell():
            return [f"{r['daemon']}: {r.get('trouble', r.get('links', ''))}" for r in self.s.rows("status")
                    if r.get("state") != "up" and not str(r.get("trouble", "")).startswith(expected)] + self.unregistered()
        try:
            wait_for("all daemons are well", lambda: not unwell(), 20, 0.3)
        except TimeoutError:
            raise RuntimeError("; ".join(unwell()[:4])) from None
        return "all; all users with a password are registered"

    def violations(self):
        found = self.air.violations()
        if found:
            raise RuntimeError(f"{len(found)}: " + "; ".join(found[:5]))
        return "none"

    def table(self):
        self.r.heading("Faults")
        self.r.write(f"  {'fault':<34}{'inside':>8}{'by PBX':>8}{'limit':>7}{'calls':>7}{'lost':>6}{'may':>6}{'failed':>8}"
                     f"{'good':>8}{'bad':>6}{'mute':>6}\n")
        for fault, took, active, lost, failed, good, bad, mute in self.lines:
            may = "all" if fault.allowed is None else fault.allowed
            self.r.write(f"  {fault.name:<34}{took['inside'] or '-':>8}{took['pbx'] or '-':>8}{fault.limit:>7}{active:>7}"
                         f"{lost:>6}{may:>6}{failed:>8}{good:>8}{bad:>6}{mute:>6}\n")
        self.r.write("  inside, by PBX: ms until a new call has speech. lost: connected calls that ended by themselves. failed: set-ups\n"
                     "  in the fault. good, bad: blocks of 100 ms with and without the far end's tone; mute: sides that heard nothing.\n")

    def begin(self):
        self.resets = self.can_reset()
        self.before = self.devices()
        self.mark0 = self.air.mark()
        self.air.run("load", "start", f"calls={self.calls}", "hold=3-8", "gap=40")
        # Random pairs now and then find a base full: nine tenths are the full load.
        wait_for("the load", lambda: self.load()["active"] >= self.calls * 0.9, 30, 0.2)
        took = self.probes(time.monotonic())
        if not took["inside"] or not took["pbx"]:
            raise RuntimeError(f"without any fault no call is possible: {took}")
        time.sleep(3)
        self.rss0 = self.sample()
        return f"{self.load()['active']} calls at a time; without a fault a call has speech after {took['inside']} ms inside, " \
               f"{took['pbx']} ms by the PBX" + ("" if self.resets else "; this kernel cannot reset TCP (ss -K): left out for SIP")

    @staticmethod
    def not_installed():
        raise RuntimeError("faults under load run with the daemons of a build only: leave out --installed")

    def run(self):
        r = self.r
        if self.args.installed:
            r.run("chaos", self.not_installed)
            return
        r.heading(f"Load: {len(self.users)} handsets, {self.calls} calls")
        if not all(r.run(title, action) for title, action in (
                ("more base stations", self.add_bases),
                ("users by CSV", self.add_users),
                ("handsets subscribe over the air", self.subscribe),
                ("half of the users are registered at the PBX", self.registered),
                ("calls with speech", self.begin))):
            return
        r.heading(f"Faults for {self.seconds:.0f} s, each at least once")
        end, turn = time.monotonic() + self.seconds, 0
        while turn == 0 or time.monotonic() < end:
            for fault in self.faults():
                if turn and time.monotonic() >= end:
                    break
                r.run(fault.name + (f" ({turn + 1})" if turn else ""), lambda f=fault: self.one_with_pbx(f))
            turn += 1
        r.heading("At the end")
        for title, action in (("speech of the load", self.speech_arrived),
                              ("no call, no media session is left", self.stop_load),
                              ("records against what the handsets saw", self.records),
                              ("users, handsets, bases are unchanged", self.unchanged),
                              ("memory", self.memory),
                              ("daemons are well", self.well),
                              ("no violation of a protocol by the server", self.violations)):
            r.run(title, action)
        self.table()
