"""A radio end speaks plain RTP with mediad, mediad speaks SRTP (keys of SDES) with rtpengine, rtpengine speaks plain RTP
with a listener; and back. Speech is compared at both ends."""
import base64
import re

from lib_mediad import *
from lib_rtpengine import Rtpengine

SECONDS = 4
need("rtpengine")


NAMES = {8: "PCMA/8000", 0: "PCMU/8000", 9: "G722/8000"}


def sdp(port, pt, crypto=""):
    return (f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} "
            f"RTP/{'S' if crypto else ''}AVP {pt} 101\r\na=rtpmap:{pt} {NAMES[pt]}\r\na=rtpmap:101 telephone-event/8000\r\n"
            + (f"a=crypto:{crypto}\r\n" if crypto else "") + "a=sendrecv\r\na=ptime:20\r\n")


def port_of(text):
    return int(re.search(r"m=audio (\d+)", text).group(1))


CASES = [  # name of the suite, base number, octets, MKI, lifetime, our network codec, far codec
    ("AES_CM_128_HMAC_SHA1_80", 1, 30, "", "", (PCMA, 8), 8),
    ("AES_CM_128_HMAC_SHA1_32", 2, 30, "", "", (PCMA, 8), 8),
    ("AEAD_AES_128_GCM", 3, 28, "", "", (PCMA, 8), 8),
    ("AES_CM_128_HMAC_SHA1_80", 1, 30, "01", "|2^31|1:1", (PCMA, 8), 8),
    ("AES_CM_128_HMAC_SHA1_80", 1, 30, "", "|2^31", (PCMU, 0), 0),
    ("AES_CM_128_HMAC_SHA1_80", 1, 30, "", "", (G722, 9), 9),
]


def main():
    pcm, back = speech(SECONDS, 3), speech(SECONDS, 4)
    with Suite(1, ports=100) as s:
        m, r, calls, voices, bad = s.soft(), Rtpengine(s.dir), [], [], 0
        try:
            for i, (suite, num, octets, mki, params, (codec, pt), far_pt) in enumerate(CASES):
                ours = os.urandom(octets)
                make = {8: lambda: G711(True), 0: lambda: G711(False), 9: lambda: Spandsp("g722")}[pt]
                radio, far = Voice(8, G711(True), pcm), Voice(far_pt, make(), back)
                sid, legs = m.create(i + 1, "network", f"radio:remote={radio.far.at},pt={PCMA}/8+{TE}/101")
                # We offer SRTP to rtpengine, which offers plain RTP to the far end.
                key = base64.b64encode(ours).decode().rstrip("=") if octets == 30 else base64.b64encode(ours).decode()
                offer = sdp(legs["network"][1], pt, f"1 {suite} inline:{key}{params}")
                common = {"call-id": f"c{i}", "from-tag": "a", "ICE": "remove", "replace": ["origin"]}
                o = r.ask({**common, "command": "offer", "sdp": offer, "transport-protocol": "RTP/AVP"})[b"sdp"].decode()
                a = r.ask({**common, "command": "answer", "to-tag": "b", "sdp": sdp(far.far.port, far_pt),
                           "transport-protocol": "RTP/SAVP"})[b"sdp"].decode()
                line = re.search(r"a=crypto:\d+ (\S+) inline:([^\s|]+)(\S*)", a)
                if not line or line.group(1) != suite:
                    raise RuntimeError("rtpengine answered " + a)
                theirs = base64.b64decode(line.group(2) + "==")
                echoed = ":" in line.group(3)
                m.cmd(f"update {sid} network:remote=127.0.0.1:{port_of(a)},pt={codec}/{pt}+{TE}/101,"
                      f"suite={num},tx={ours.hex()},rx={theirs.hex()}" + (f",{'mki' if echoed else 'txmki'}={mki}" if mki else "")
                      + (",life=2147483648" if params else ""))
                radio.to, far.to = legs["radio"][1], port_of(o)
                calls.append((f"{suite} {params or '-'} {NAMES[pt]}" + (" (MKI echoed)" if echoed else ""), sid, radio, far))
                voices += [radio, far]
            talk(voices, SECONDS + 0.5)
            for name, sid, radio, far in calls:
                st = m.stats(sid, "drop")
                for way, ref, got in (("out", pcm, far), ("in", back, radio)):
                    lag = align(ref, got.heard)
                    snr, gain = seg_snr(ref, got.heard, lag)
                    ok = snr >= 18 and 0.9 < gain < 1.1 and got.gaps == 0 and st["legs"]["network"]["bad"] == 0
                    bad += not ok
                    print(f"{'ok  ' if ok else 'BAD '} {name:56} {way:3} segmental SNR {snr:5.1f} dB, gaps {got.gaps}, "
                          f"not used {st['legs']['network']['bad']}")
        finally:
            r.close()
    sys.exit(1 if bad else 0)


main()
