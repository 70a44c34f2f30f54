"""A bad network between a talker and mediad: loss, jitter, reordering, duplicates, clock drift, made by this test's own relay.
Speech that is passed on keeps what came; speech that is transcoded goes on without holes, with bounded delay."""
from lib_mediad import *

SECONDS = 8
STALL = 0.06  # s; this process or mediad not running for so long is a network of its own


class Rough:
    """Sends a voice's packets late, twice, never; or by a clock that is fast or slow."""

    def __init__(self, loss=0, jitter=0, twice=0, drift=0.0, seed=1):
        self.loss, self.jitter, self.twice, self.drift, self.rnd, self.q = loss, jitter, twice, drift, random.Random(seed), []

    def __call__(self, v, payload):
        f = v.far
        p = struct.pack("!BBHII", 0x80, v.pt, f.seq & 65535, f.ts & 0xffffffff, f.ssrc) + payload
        f.seq += 1
        f.ts += v.n
        if self.rnd.random() * 100 < self.loss:
            return
        for _ in range(2 if self.rnd.random() * 100 < self.twice else 1):
            self.q.append((time.time() + self.rnd.random() * self.jitter / 1000, p))

    def pump(self, v):
        now = time.time()
        for item in [i for i in self.q if i[0] <= now]:
            self.q.remove(item)
            v.far.s.sendto(item[1], ("127.0.0.1", v.to))


CASES = [  # name, far codec, what the network does, least SNR, packets lost as mediad should see them (at least, at most)
    ("passed on, 3 % lost", (PCMA, 8), dict(loss=3), 30, (2, 40)),
    ("passed on, 40 ms of jitter", (PCMA, 8), dict(jitter=40, twice=3), 30, (0, 0)),
    ("transcoded, 30 ms of jitter", (AAL2_32, 116), dict(jitter=30), 5, (0, 0)),
    ("transcoded, 3 % lost, 20 ms", (AAL2_32, 116), dict(loss=3, jitter=20, twice=5), 5, (2, 40)),
    ("transcoded, clock 1000 ppm fast", (AAL2_32, 116), dict(drift=0.001), 5, (0, 0)),
    ("transcoded, clock 1000 ppm slow", (AAL2_32, 116), dict(drift=-0.001), 5, (0, 0)),
]


def run():
    """-> lines, how many are bad, whether the machine had no time for us"""
    lines, bad, stalled = [], 0, False
    pcm = speech(SECONDS, 11)
    with Suite(1, ports=200) as s:
        m, calls = s.soft(), []
        for i, (name, (codec, pt), how, least, lost) in enumerate(CASES):
            rough = Rough(seed=i, **how)
            net = Voice(8, G711(True), pcm, send=rough)
            far = Voice(pt, G711(True) if pt == 8 else Spandsp("g726", 32000, True), [0] * 8000)
            sid, legs = m.create(i + 1, f"network:remote={net.far.at},pt={PCMA}/8", f"radio:remote={far.far.at},pt={codec}/{pt}")
            net.to, far.to = legs["network"][1], legs["radio"][1]
            calls.append((name, least, lost, rough, net, far, sid))
        t0 = last = time.time()
        due = [t0 + i * 0.0031 for i in range(len(calls))]
        while time.time() - t0 < SECONDS + 1:
            now = time.time()
            stalled, last = stalled or now - last > STALL, now
            for i, (_, _, _, rough, net, far, _) in enumerate(calls):
                while now >= due[i] and net.pos < len(pcm):
                    due[i] += 0.02 * (1 - rough.drift)
                    net.say()
                rough.pump(net)
                far.listen()
            time.sleep(0.002)
        time.sleep(0.3)  # mediad's house-keeping counts its late ticks
        stalled = stalled or s.ticks_late() > STALL / 0.005
        for name, least, (lo, hi), rough, net, far, sid in calls:
            st = m.stats(sid)["legs"]["network"]
            lag = align(pcm, far.heard)
            snr, gain = seg_snr(pcm, far.heard, lag, slip=120)
            ok = snr >= least and 0.8 < gain < 1.2 and lo <= st["lost"] <= hi and st["delay_ms"] < 150
            if far.pt != 8:
                ok = ok and far.gaps == 0  # our own numbers have no holes
            bad += not ok
            lines.append(f"{'ok  ' if ok else 'BAD '} {name:34} segmental SNR {snr:5.1f} dB, lost {st['lost']}, late {st['late']}, not used "
                  f"{st['bad']}, delay {st['delay_ms']} ms, jitter {st['jitter_us']} us, MOS {st['mos']}, gaps {far.gaps}")
    return lines, bad, stalled


in_real_time(run, STALL)
