"""Three instances: load reports, control commands, drain, one killed under load and its sessions made again elsewhere within
a second, an owner that vanishes and comes back."""
from lib_mediad import *

BAD = []


def check(ok, what):
    print("ok  " if ok else "BAD ", what)
    if not ok:
        BAD.append(what)


class Call:
    """A call as sipd sees it: two far ends, one session."""

    def __init__(self, i, pcm):
        self.id, self.net, self.radio = 0x1000 + i, Voice(8, G711(True), pcm), Voice(8, G711(True), pcm)

    def at(self, soft, instance):
        self.instance = instance
        self.sid, legs = soft.create(self.id, f"network:remote={self.net.far.at},pt={PCMA}/8",
                                     f"radio:remote={self.radio.far.at},pt={PCMA}/8")
        self.net.to, self.radio.to = legs["network"][1], legs["radio"][1]
        return self


def main():
    pcm = speech(2, 1) * 12
    with Suite(3, ports=200, conf="max-sessions = 40\norphan-time = 2s\n") as s:
        calls = [Call(i, pcm).at(s.soft(1 + i % 3), 1 + i % 3) for i in range(12)]
        voices = [v for c in calls for v in (c.net, c.radio)]
        ports = {}
        for c in calls:
            for v in (c.net, c.radio):
                ports.setdefault(c.instance, []).append(v.to)
        spans = sorted((min(p), max(p)) for p in ports.values())
        check(all(a[1] < b[0] for a, b in zip(spans, spans[1:])), f"each instance has its own ports: {spans}")
        talk(voices, 2)
        check(all(len(v.heard) > 12000 and v.gaps == 0 for v in voices), "speech in all 12 calls")

        time.sleep(0.5)
        load = json.loads(" ".join(s.soft(2).cmd("load")))
        check(load["sessions"] == 4 and load["max"] == 40 and not load["draining"] and load["ports"] > 80, f"load {load}")
        r = s.ctl("-d", "mediad-2", "media", "list")
        check(r.returncode == 0 and r.stdout.count("PCMA/PCMA") == 4, "dectctl media list")
        r = s.ctl("-d", "mediad-2", "media", "show", calls[1].sid)
        check("heard from there" in r.stdout and "passed on" in r.stdout, "dectctl media show")
        check("mediad" in s.ctl("status").stdout, "dectctl status")

        # Killed under load: who owns the sessions makes them again where there is room.
        lost = [c for c in calls if c.instance == 1]
        s.daemons[1].kill()
        t0 = time.time()
        s.soft(1).wait(lambda: not s.soft(1).up)
        for c in lost:
            c.at(s.soft(2), 2)
        moved = time.time() - t0
        for v in voices:
            v.heard, v.next, v.gaps = [], None, 0
        talk(voices, 2)
        check(moved < 1, f"4 sessions of the killed instance made again after {moved * 1000:.0f} ms")
        check(all(len(v.heard) > 12000 for v in voices), "speech in all 12 calls again")
        check(all(v.gaps == 0 for c in calls if c not in lost for v in (c.net, c.radio)), "the other calls noticed nothing")
        s.start(1)
        s.soft(1).wait(lambda: s.soft(1).up)
        Call(99, pcm).at(s.soft(1), 1)
        check(True, "the killed instance is back and takes sessions")

        # Drain: no new ones, the old go on, the process ends with the last.
        r = s.ctl("media", "drain", "3")
        check(r.returncode == 0, "dectctl media drain 3")
        try:
            Call(50, pcm).at(s.soft(3), 3)
            check(False, "a draining instance takes no sessions")
        except RuntimeError as e:
            check("ERR_BUSY" in str(e), f"a draining instance takes no sessions: {e}")
        s.soft(3).pump(2.5)
        check(json.loads(" ".join(s.soft(3).cmd("load")))["draining"], "it says so")
        ours = [c for c in calls if c.instance == 3]
        for v in voices:
            v.heard, v.next, v.gaps = [], None, 0
        talk([v for c in ours for v in (c.net, c.radio)], 1)
        check(all(len(v.heard) > 5000 for c in ours for v in (c.net, c.radio)), "its calls go on")
        check(s.daemons[3].poll() is None, "it runs")
        for c in ours:
            s.soft(3).cmd(f"drop {c.sid}")
        try:
            check(s.daemons[3].wait(3) == 0, "it ends when the last is over")
        except subprocess.TimeoutExpired:
            check(False, "it ends when the last is over")

        # sipd is gone: the calls keep their speech, until the time for that is over.
        s.softs.pop(2).p.kill()
        ours = [c for c in calls if c.instance == 2]
        for v in voices:
            v.heard, v.next, v.gaps = [], None, 0
        talk([v for c in ours for v in (c.net, c.radio)], 1)
        check(all(len(v.heard) > 5000 for c in ours for v in (c.net, c.radio)), "speech without an owner")
        end = time.time() + 6
        while "PCMA" in s.ctl("-d", "mediad-2", "media", "list").stdout and time.time() < end:
            time.sleep(0.3)
        check("PCMA" not in s.ctl("-d", "mediad-2", "media", "list").stdout, "sessions of a client that vanished go")
    sys.exit(1 if BAD else 0)


main()
