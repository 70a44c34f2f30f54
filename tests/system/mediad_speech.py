"""Speech in, speech out, through one mediad: every codec against spandsp's, compared by level-aligned segmental SNR and
delay. All calls at once, in real time."""
from lib_mediad import *

SECONDS = 4
CASES = [  # name, base.Codec, payload type, codec, least segmental SNR there and back, extra of the network leg
    ("PCMA passed on", PCMA, 8, lambda: G711(True), 30, ""),
    ("PCMU, tables", PCMU, 0, lambda: G711(False), 28, ""),
    ("G.722", G722, 9, lambda: Spandsp("g722"), 10, ""),
    ("G726-32", 6, 98, lambda: Spandsp("g726", 32000), 8, ""),
    ("AAL2-G726-32", 10, 116, lambda: Spandsp("g726", 32000, True), 8, ""),
    ("G726-40", 7, 99, lambda: Spandsp("g726", 40000), 13, ""),
    ("AAL2-G726-24", 9, 97, lambda: Spandsp("g726", 24000, True), 7, ""),
    ("AAL2-G726-16", 8, 96, lambda: Spandsp("g726", 16000, True), 4, ""),
    ("PCMA 30 ms", PCMA, 8, lambda: G711(True), 28, "ptime=30"),
]


def main():
    pcm = speech(SECONDS, 7)
    back = speech(SECONDS, 8)
    with Suite(1, ports=400) as s:
        m = s.soft()
        calls, voices = [], []
        for i, (name, codec, pt, make, least, extra) in enumerate(CASES):
            ptime = 30 if "ptime=30" in extra else 20
            net = Voice(pt, make(), back, ptime)
            radio = Voice(8, G711(True), pcm)
            sid, legs = m.create(100 + i, f"network:remote={net.far.at},pt={codec}/{pt}+{TE}/101" + ("," + extra if extra else ""),
                                 f"radio:remote={radio.far.at},pt={PCMA}/8+{TE}/101")
            net.to, radio.to = legs["network"][1], legs["radio"][1]
            calls.append((name, least, sid, net, radio))
            voices += [net, radio]
        talk(voices, SECONDS + 0.5)
        bad = 0
        for name, least, sid, net, radio in calls:
            st = m.stats(sid, "drop")
            for way, ref, got in (("to the network", pcm, net), ("to the radio", back, radio)):
                lag = align(ref, got.heard)
                snr, gain = seg_snr(ref, got.heard, lag)
                ok = snr >= least and 0.9 < gain < 1.1 and got.gaps == 0
                bad += not ok
                print(f"{'ok  ' if ok else 'BAD '} {name:16} {way:14} segmental SNR {snr:5.1f} dB (at least {least}), "
                      f"gain {gain:.2f}, gaps {got.gaps}, our delay {st['legs']['radio']['delay_ms']} ms")
        if s.close() != [0]:
            print("BAD  mediad did not end well")
            bad += 1
    sys.exit(1 if bad else 0)


main()
