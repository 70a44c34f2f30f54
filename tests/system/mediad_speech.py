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


STALL = 0.02  # s; a far end that speaks so late, or mediad not running for so long, is a network of its own


def run():
    """-> lines, how many are bad, whether the machine had no time for us"""
    pcm, back = speech(SECONDS, 7), speech(SECONDS, 8)
    # At twice the rate the same samples are sound up to 8 kHz.
    wide, wide_back = speech(2 * SECONDS, 9), speech(2 * SECONDS, 10)
    lines, bad = [], 0
    with Suite(1, ports=400) as s:
        m = s.soft()
        calls, voices = [], []

        def call(name, least, net, radio, net_leg, radio_leg):
            sid, legs = m.create(100 + len(calls), f"network:remote={net.far.at},{net_leg}", f"radio:remote={radio.far.at},{radio_leg}")
            net.to, radio.to = legs["network"][1], legs["radio"][1]
            calls.append((name, least, sid, net, radio))
            voices.extend((net, radio))

        for name, codec, pt, make, least, extra in CASES:
            call(name, least, Voice(pt, make(), back, 30 if "ptime=30" in extra else 20), Voice(8, G711(True), pcm),
                 f"pt={codec}/{pt}+{TE}/101" + ("," + extra if extra else ""), f"pt={PCMA}/8+{TE}/101")
        call("G.722 30 ms, wide", 11, Voice(9, Spandsp("g722", wide=True), wide_back, 30, wide=True),
             Voice(9, Spandsp("g722", wide=True), wide, wide=True), f"pt={G722}/9,ptime=30", f"pt={G722}/9")
        late = talk(voices, SECONDS + 0.5)
        time.sleep(0.3)  # mediad's house-keeping counts its late ticks
        stalled = late > STALL or s.ticks_late() > STALL / 0.005
        for name, least, sid, net, radio in calls:
            st = m.stats(sid, "drop")
            for way, ref, got in (("to the network", radio.pcm, net), ("to the radio", net.pcm, radio)):
                lag = align(ref, got.heard)
                snr, gain = seg_snr(ref, got.heard, lag)
                ok = snr >= least and 0.9 < gain < 1.1 and got.gaps == 0
                bad += not ok
                lines.append(f"{'ok  ' if ok else 'BAD '} {name:17} {way:14} segmental SNR {snr:5.1f} dB (at least {least}), "
                             f"gain {gain:.2f}, gaps {got.gaps}, our delay {st['legs']['radio']['delay_ms']} ms")
        if s.close() != [0]:
            lines.append("BAD  mediad did not end well")
            bad += 1
    return lines, bad, stalled


in_real_time(run, STALL)
