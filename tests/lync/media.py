"""Speech of the Lync test client: session descriptions as Microsoft's endpoints write them, what is demanded of ours
(ms-media.md 2), and RTP over sockets with libsrtp2, MKI included. Nothing here is shared with sipd or mediad."""

import asyncio
import base64
import ctypes
import ctypes.util
import os
import random
import re
import socket
import struct

SUITE = "AES_CM_128_HMAC_SHA1_80"
NAMES = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 116: "AAL2-G726-32/8000", 13: "CN/8000", 118: "CN/16000",
         101: "telephone-event/8000", 104: "SILK/16000", 114: "x-msrta/16000", 97: "RED/8000", 115: "x-msrta/8000"}


# ---- SRTP by libsrtp2 ----

class _Crypto(ctypes.Structure):
    _fields_ = [("cipher", ctypes.c_uint32), ("key_len", ctypes.c_int), ("auth", ctypes.c_uint32),
                ("auth_key_len", ctypes.c_int), ("tag_len", ctypes.c_int), ("serv", ctypes.c_int)]


class _Ssrc(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("value", ctypes.c_uint)]


class _Master(ctypes.Structure):
    _fields_ = [("key", ctypes.c_void_p), ("mki", ctypes.c_void_p), ("size", ctypes.c_uint)]


class _Policy(ctypes.Structure):
    pass


_Policy._fields_ = [("ssrc", _Ssrc), ("rtp", _Crypto), ("rtcp", _Crypto), ("key", ctypes.c_void_p),
                    ("keys", ctypes.POINTER(ctypes.POINTER(_Master))), ("nkeys", ctypes.c_ulong), ("ekt", ctypes.c_void_p),
                    ("window", ctypes.c_ulong), ("repeat", ctypes.c_int), ("xtn", ctypes.c_void_p), ("nxtn", ctypes.c_int),
                    ("next", ctypes.POINTER(_Policy))]
_lib = None


def srtp_library():
    """None where libsrtp2 is not installed."""
    global _lib
    if _lib is None:
        name = ctypes.util.find_library("srtp2")
        _lib = ctypes.CDLL(name) if name else False
        if _lib and _lib.srtp_init() != 0:
            _lib = False
    return _lib or None


class Srtp:
    """One direction: AES_CM_128_HMAC_SHA1_80 with or without an MKI."""

    def __init__(self, key_salt, mki, inbound):
        lib = srtp_library()
        self.mki, self.inbound, self.ctx = mki, inbound, ctypes.c_void_p()
        self._key = ctypes.create_string_buffer(key_salt, len(key_salt))
        self._mki = ctypes.create_string_buffer(mki or b"\0", max(len(mki or b""), 1))
        self._master = _Master(ctypes.addressof(self._key), ctypes.addressof(self._mki), len(mki or b""))
        self._list = (ctypes.POINTER(_Master) * 1)(ctypes.pointer(self._master))
        p = _Policy()
        lib.srtp_crypto_policy_set_rtp_default(ctypes.byref(p.rtp))
        lib.srtp_crypto_policy_set_rtcp_default(ctypes.byref(p.rtcp))
        p.ssrc.type = 2 if inbound else 3
        if mki:
            p.keys, p.nkeys = ctypes.cast(self._list, ctypes.POINTER(ctypes.POINTER(_Master))), 1
        else:
            p.key = ctypes.addressof(self._key)
        p.window = 128
        if lib.srtp_create(ctypes.byref(self.ctx), ctypes.byref(p)) != 0:
            raise RuntimeError("libsrtp2 does not take the key")

    def _run(self, call, data, *args):
        buf = ctypes.create_string_buffer(data, len(data) + 160)
        n = ctypes.c_int(len(data))
        err = call(self.ctx, buf, ctypes.byref(n), *args)
        return None if err else buf.raw[:n.value]

    def protect(self, packet):
        return self._run(srtp_library().srtp_protect_mki, packet, 1 if self.mki else 0, 0)

    def unprotect(self, packet):
        """None: the packet is not right: key, tag, or MKI."""
        return self._run(srtp_library().srtp_unprotect_mki, packet, 1 if self.mki else 0)

    def unprotect_rtcp(self, packet):
        return self._run(srtp_library().srtp_unprotect_rtcp_mki, packet, 1 if self.mki else 0)

    def protect_rtcp(self, packet):
        return self._run(srtp_library().srtp_protect_rtcp_mki, packet, 1 if self.mki else 0, 0)


# ---- descriptions ----

class Key:
    """A line of a=crypto."""

    def __init__(self, tag, key=None, mki=None, lifetime="2^31"):
        self.tag, self.key, self.mki, self.lifetime = tag, key or os.urandom(30), mki, lifetime

    def line(self):
        return (f"a=crypto:{self.tag} {SUITE} inline:{base64.b64encode(self.key).decode()}"
                + (f"|{self.lifetime}" if self.lifetime else "") + (f"|{self.mki}:1" if self.mki else ""))

    def mki_octets(self):
        return bytes([self.mki]) if self.mki else None


def parse_keys(lines, wrong):
    out = []
    for v in lines:
        m = re.fullmatch(r"(\d+) (\S+) inline:([A-Za-z0-9+/]+=*)((?:\|[^|\s]+)*)", v)
        if not m:
            wrong(f"a=crypto:{v}: not the form of MS-SDPEXT 3.1.5.1")
            continue
        if m.group(2) != SUITE:
            wrong(f"a=crypto: suite {m.group(2)}: Microsoft's endpoints know {SUITE} only")
            continue
        key = base64.b64decode(m.group(3) + "=" * (-len(m.group(3)) % 4))
        if len(key) != 30:
            wrong(f"a=crypto: a key of {len(key)} octets")
        mki = lifetime = None
        for part in m.group(4).split("|")[1:]:
            if ":" in part:
                value, size = part.split(":")
                mki = int(value)
                if size != "1":
                    wrong(f"a=crypto: MKI of {size} octets")
            else:
                lifetime = part
        out.append(Key(int(m.group(1)), key, mki, lifetime))
    if len({k.tag for k in out}) != len(out):
        wrong("a=crypto: a tag is used twice")
    return out


class Sdp:
    """What the far end described; wrong is called with each breach."""

    def __init__(self, text, wrong):
        self.text, self.wrong = text, wrong
        if "\n" in text.replace("\r\n", ""):
            wrong("SDP: a line ends without CR LF")
        self.lines = text.split("\r\n")
        at = [i for i, x in enumerate(self.lines) if x.startswith("m=")] + [len(self.lines)]
        self.head = self.lines[:at[0]]
        self.sections = [self.lines[a:b] for a, b in zip(at, at[1:])]
        self.m = [s[0][2:].split(" ") for s in self.sections]
        if self.head[0] != "v=0" or not any(x == "s=session" for x in self.head):
            wrong("SDP: v=0 and s=session are fixed texts")
        audio = [i for i, m in enumerate(self.m) if m[0] == "audio" and m[1] != "0"]
        self.audio = self.sections[audio[0]] if audio else []
        self.proto = self.m[audio[0]][2] if audio else ""
        self.tcp = self.proto.startswith("TCP/")  # the default candidate is one by TCP
        self.proto = self.proto.removeprefix("TCP/")
        self.port = int(self.m[audio[0]][1]) if audio else 0
        self.formats = [int(x) for x in self.m[audio[0]][3:]] if audio else []
        c = [x for x in self.audio + self.head if x.startswith("c=")]
        self.ip = c[0].split(" ")[2] if c else ""
        self.direction = next((x[2:] for x in self.audio if x[2:] in ("sendrecv", "sendonly", "recvonly", "inactive")), "sendrecv")
        self.keys = parse_keys(self.attrs("crypto"), wrong)
        self.maps = {int(v.split(" ")[0]): v.split(" ")[1] for v in self.attrs("rtpmap")}
        origin = next((x for x in self.head if x.startswith("o=")), "o=- 0 0 IN IP4 0.0.0.0").split(" ")
        self.session, self.version = origin[1], int(origin[2])
        self.candidates = self.attrs("candidate")
        if audio:
            self.check()

    def attrs(self, name):
        return [x[len(name) + 3:] for x in self.audio if x.startswith(f"a={name}:")]

    def check(self):
        default = [f for f in (c.split() for c in self.candidates) if f[4:6] == [self.ip, str(self.port)]]
        if default and self.tcp != all(f[2].startswith("TCP") for f in default):
            self.wrong(f"SDP: the profile's TCP is {self.tcp}, the default candidate {default[0]}")
        if not self.attrs("rtcp") and "a=rtcp-mux" not in self.audio:
            self.wrong("SDP: no a=rtcp with the port of component 2")
        if "a=rtcp-mux" in self.audio:
            self.wrong("SDP: a=rtcp-mux, which nobody needs")
        if self.proto not in ("RTP/AVP", "RTP/SAVP"):
            self.wrong(f"SDP: profile {self.proto}")
        if self.proto == "RTP/SAVP" and not self.keys:
            self.wrong("SDP: RTP/SAVP without keys")
        for pt in self.formats:
            name = self.maps.get(pt) or NAMES.get(pt if pt < 96 else -1)
            if not name:
                self.wrong(f"SDP: payload type {pt} without rtpmap")
        for name in ("G722/8000", "AAL2-G726-32/8000", "CN/8000"):
            for pt, have in self.maps.items():
                if have == name and pt != next(k for k, v in NAMES.items() if v == name):
                    self.wrong(f"SDP: {name} as payload type {pt}")
        if not any(x.startswith("a=ptime:") for x in self.audio):
            self.wrong("SDP: no a=ptime")

    def check_offer(self, policy):
        """policy: what the administrator of sipd has set: require, optional, reject."""
        if policy == "require" and self.proto != "RTP/SAVP":
            self.wrong(f"offer with {self.proto} though encryption is required")
        if policy == "optional" and (self.proto != "RTP/AVP" or not self.keys):
            self.wrong(f"optional encryption is RTP/AVP with keys, not {self.proto}")
        if policy == "reject" and self.keys:
            self.wrong("keys though encryption is off")
        for k in self.keys:
            if k.lifetime != "2^31":
                self.wrong("an offered key without |2^31")
        if self.keys and not any(k.mki is None for k in self.keys):
            self.wrong("no offered key without MKI")
        if len(self.keys) > 2:
            self.wrong(f"{len(self.keys)} keys offered: two are enough")

    def check_answer(self, offer, taken):
        """offer: text of what it answers; taken: the profile's and keys' rule of ms-media.md 2.3 as a word."""
        theirs = [x for x in offer.split("\r\n") if x.startswith("m=")]
        if len(theirs) != len(self.m):
            self.wrong(f"answer has {len(self.m)} sections for {len(theirs)}")
        for a, b in zip(theirs, self.m):
            if a[2:].split(" ")[0] != b[0]:
                self.wrong("answer: sections out of order")
            elif b[0] != "audio" and b[1] != "0":
                self.wrong(f"answer takes {b[0]}")
        offered = {k.tag: k for k in parse_keys([x[9:] for x in offer.split("\r\n") if x.startswith("a=crypto:")], self.wrong)}
        if taken == "secure":
            if self.proto != "RTP/SAVP" or len(self.keys) != 1:
                self.wrong(f"answer with {self.proto} and {len(self.keys)} keys: RTP/SAVP and one is the rule")
            for k in self.keys:
                o = offered.get(k.tag)
                if not o:
                    self.wrong(f"answer: key tag {k.tag} was not offered")
                elif (o.mki is None) != (k.mki is None) or (o.lifetime is None) != (k.lifetime is None):
                    self.wrong("answer: MKI or lifetime is not as in the offered line")
        elif self.proto != "RTP/AVP" or self.keys:
            self.wrong(f"answer with {self.proto} and {len(self.keys)} keys: RTP/AVP without keys is the rule")
        formats = [int(x) for s in theirs if s.startswith("m=audio") for x in s.split(" ")[3:]]
        if any(pt not in formats for pt in self.formats):
            self.wrong("answer: a payload type that was not offered")


def offer_text(ip, rtp, rtcp, proto, keys, formats=(8, 0, 116, 13, 101), extra=(), direction=None, video=True, more=""):
    """The form of ms-media.md 3.A."""
    lines = ["v=0", f"o=- 0 0 IN IP4 {ip}", "s=session", f"c=IN IP4 {ip}", "b=CT:99980", "t=0 0",
             "a=x-devicecaps:audio:send,recv;video:send,recv", f"m=audio {rtp} {proto} " + " ".join(str(x) for x in formats)]
    lines += list(extra) + ["a=label:main-audio", "a=x-source:main-audio"]
    lines += [k.line() for k in keys]
    lines += ["a=maxptime:200", f"a=rtcp:{rtcp}"]
    lines += [f"a=rtpmap:{x} {NAMES[x]}" for x in formats]
    lines += ["a=fmtp:101 0-16"] if 101 in formats else []
    lines += [f"a={direction}"] if direction else []
    lines += ["a=ptime:20"] + ([more] if more else [])
    if video:
        lines += ["m=video 36312 RTP/SAVP 122 121", "a=rtpmap:122 X-H264UC/90000", "a=rtpmap:121 x-rtvc1/90000"]
    return "\r\n".join(lines) + "\r\n"


# ---- RTP ----

class Port(asyncio.DatagramProtocol):
    def __init__(self, fn):
        self.fn, self.transport = fn, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.fn(data, addr)


class Stream:
    """An RTP end: RTP and RTCP ports, keys when there are some, everything that came."""

    def __init__(self):
        self.tx = self.rx = None
        self.remote = None
        self.frames, self.bad, self.rtcp_good, self.rtcp_bad, self.ssrcs, self.first = [], 0, 0, 0, set(), None
        self.ssrc, self.seq, self.ts = random.randrange(1, 0xFFFFFF00), random.randrange(65536), random.randrange(1 << 31)
        self.stun = None  # takes what is not RTP
        self.task = None

    async def open(self, ip="127.0.0.1"):
        loop = asyncio.get_running_loop()
        for _ in range(200):
            port = random.randrange(33000, 60000) & ~1
            held = []
            try:
                for p in (port, port + 1):
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    held.append(s)
                    s.bind((ip, p))
            except OSError:
                for s in held:
                    s.close()
                continue
            self.ip, self.port = ip, port
            _, self.rtp = await loop.create_datagram_endpoint(lambda: Port(self.on_rtp), sock=held[0])
            _, self.rtcp = await loop.create_datagram_endpoint(lambda: Port(self.on_rtcp), sock=held[1])
            return self
        raise RuntimeError("no free pair of ports")

    def on_rtp(self, data, addr):
        if len(data) >= 20 and data[0] < 4:
            if self.stun:
                self.stun(1, data, addr)
            return
        if self.rx:
            data = self.rx.unprotect(data)
        if not data or len(data) < 12 or data[0] >> 6 != 2:
            self.bad += 1
            return
        cc, pt = data[0] & 15, data[1] & 127
        seq, ts, ssrc = struct.unpack_from(">HII", data, 2)
        self.ssrcs.add(ssrc)
        self.first = self.first or addr
        self.frames.append((seq, ts, pt, data[12 + 4 * cc:], bool(data[1] & 128)))

    def on_rtcp(self, data, addr):
        if len(data) >= 20 and data[0] < 4:
            if self.stun:
                self.stun(2, data, addr)
            return
        if self.rx:
            data = self.rx.unprotect_rtcp(data)
        if data and len(data) >= 8 and 200 <= data[1] <= 207:
            self.rtcp_good += 1
        else:
            self.rtcp_bad += 1

    def send(self, payload, pt=8, marker=False, step=160):
        self.seq, self.ts = (self.seq + 1) & 0xFFFF, (self.ts + step) & 0xFFFFFFFF
        packet = struct.pack(">BBHII", 0x80, pt | (128 if marker else 0), self.seq, self.ts, self.ssrc) + payload
        packet = self.tx.protect(packet) if self.tx else packet
        if self.remote:
            self.rtp.transport.sendto(packet, self.remote)

    def talk(self, source, pt=8):
        """Sends the frames of source for ever, one each 20 ms."""
        async def run():
            loop, i = asyncio.get_running_loop(), 0
            due = loop.time()
            while True:
                self.send(source[i % len(source)], pt)
                i += 1
                due += 0.02
                await asyncio.sleep(max(0, due - loop.time()))
        self.quiet()
        self.task = asyncio.ensure_future(run())

    def quiet(self):
        if self.task:
            self.task.cancel()
            self.task = None

    def close(self):
        self.quiet()
        for p in (self.rtp, self.rtcp):
            p.transport.close()


def speech(seed, frames=200):
    """Frames of G.711 that no other seed makes, so that it is known whose they are and whether they came whole."""
    r = random.Random(seed)
    return [bytes(r.randrange(256) for _ in range(160)) for _ in range(frames)]


def heard(stream, source, since=0):
    """How many of the frames came as they were sent."""
    known = set(source)
    return sum(1 for f in stream.frames[since:] if f[3] in known)
