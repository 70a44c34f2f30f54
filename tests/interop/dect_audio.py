"""Speech of the independent base station: G.711 over RTP, a tone out, and how strong a tone comes in. Written from rfp-link.md 9."""
import asyncio
import math
import socket
import struct


def alaw(v):
    """A sample of 16 bits as G.711 A-law."""
    sign, v = (0x80, v) if v >= 0 else (0, -v - 1)
    v = min(v >> 4, 2047)
    e = max(0, v.bit_length() - 5)
    return (sign | e << 4 | (v >> (e if e else 1) & 15)) ^ 0x55


def from_alaw(o):
    o ^= 0x55
    e, m = o >> 4 & 7, o & 15
    v = (m << 4) + 8 if e == 0 else ((m << 4) + 0x108) << (e - 1)
    return v if o & 0x80 else -v


def ulaw(v):
    sign, v = (0x80, -v) if v < 0 else (0, v)
    v = min(v, 32635) + 132
    e = v.bit_length() - 8
    return ~(sign | e << 4 | v >> (e + 3) & 15) & 255


def from_ulaw(o):
    o = ~o & 255
    v = (((o & 15) << 3) + 132 << (o >> 4 & 7)) - 132
    return -v if o & 0x80 else v


ENCODE = {0: [alaw(v - 32768) for v in range(65536)], 4: [ulaw(v - 32768) for v in range(65536)]}
DECODE = {0: [from_alaw(o) for o in range(256)], 4: [from_ulaw(o) for o in range(256)]}


class Stream(asyncio.DatagramProtocol):
    """An open media handle."""

    def __init__(self, base, handle):
        self.base, self.handle = base, handle
        self.mcei = self.transport = self.sender = None
        self.codecs, self.peer, self.peer_ip, self.direction = [], None, bytes(4), 0
        self.tx = self.rx = self.lost = self.phase = 0
        self.expected = None
        self.heard = bytearray()
        self.sock = None

    def bad(self, text):
        self.base.bad(f"media {self.handle}: {text}")

    def configure(self, p):
        n = p[4]
        self.codecs = [tuple(p[5 + 3 * i:8 + 3 * i]) for i in range(n)]
        for codec, _, rate in self.codecs:
            if codec not in (0, 1, 2, 3, 4) or rate != 8:
                self.bad(f"codec {codec} rate {rate}")
        if not n or p[2] not in (10, 20, 30):
            self.bad(f"{n} codecs, frame of {p[2]} ms")
        self.frame, self.mcei = p[2], p[56]
        b = self.base.bearers.get(self.mcei)
        if b is None:
            self.bad(f"for connection {self.mcei}, which is not there")
        elif b.pmid < 0xc0000 and struct.unpack("<H", p[58:60])[0] != b.pmid & 0xffff:
            self.bad(f"PPN {p[58:60].hex()} for PMID {b.pmid:05x}")
        port, rtcp = struct.unpack(">HH", p[64:68])
        if port & 1 or rtcp != port + 1:
            self.bad(f"ports {port} {rtcp}")
        self.peer_ip = p[78:82]
        self.peer = (socket.inet_ntoa(p[78:82]), struct.unpack(">H", p[82:84])[0])
        if self.sock is None:
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.setblocking(False)
            try:
                self.sock.bind((self.base.local, port))
            except OSError as e:
                self.bad(f"port {port}: {e}")
                return
            asyncio.get_running_loop().add_reader(self.sock, self._readable)

    def start(self, direction):
        if self.peer is None:
            self.bad("started before it was configured")
        self.direction = direction
        if self.sender is None:
            self.sender = asyncio.create_task(self._send())

    def stop(self):
        self.direction = 0
        if self.sender:
            self.sender.cancel()
            self.sender = None

    def close(self):
        self.stop()
        if self.sock:
            asyncio.get_running_loop().remove_reader(self.sock)
            self.sock.close()
            self.sock = None

    def statistics(self):
        return (self.tx * 20 // 1000, self.tx, self.tx * 160, self.rx, self.rx * 160, self.lost, 300)

    async def _send(self):
        seq, ts, n = 17, 4711, 8 * self.frame
        table = ENCODE[0 if not self.codecs or self.codecs[0][0] not in ENCODE else self.codecs[0][0]]
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            b = self.base.bearers.get(self.mcei)
            freq = b.handset.tone if b else 0
            body = bytes(table[32768 + (int(8000 * math.sin(2 * math.pi * freq * (self.phase + i) / 8000)) if freq else 0)] for i in range(n))
            self.phase += n
            head = struct.pack(">BBHII", 0x80, self.codecs[0][1], seq & 0xffff, ts & 0xffffffff, 0xd0000000 + self.handle)
            if self.direction & 2:
                try:
                    self.sock.sendto(head + body, self.peer)
                except OSError:
                    pass
                self.tx += 1
            seq, ts, due = seq + 1, ts + n, due + self.frame / 1000
            await asyncio.sleep(max(0, due - loop.time()))

    def _readable(self):
        try:
            data, _ = self.sock.recvfrom(2048)
        except OSError:
            return
        if len(data) < 12 or data[0] >> 6 != 2:
            self.bad(f"not RTP: {data[:16].hex()}")
            return
        kind, seq = data[1] & 127, struct.unpack(">H", data[2:4])[0]
        codec = next((c for c, pt, _ in self.codecs if pt == kind), None)
        if codec not in DECODE:
            self.bad(f"RTP payload type {kind} was not agreed")
            return
        if self.expected is not None and seq != self.expected:
            self.lost += (seq - self.expected) & 0xffff
        self.expected = seq + 1 & 0xffff
        self.rx += 1
        if self.direction & 1:
            self.heard += b"".join(struct.pack("<h", DECODE[codec][o]) for o in data[12:])
            del self.heard[:-8000]

    def strength(self, freq):
        """Share of the energy of the last half second that is in the tone: 0 to 1."""
        s = struct.unpack(f"<{len(self.heard) // 2}h", bytes(self.heard))
        energy = sum(v * v for v in s)
        if len(s) < 800 or energy < len(s) * 10000:
            return 0.0
        w = 2 * math.pi * freq / 8000
        re = sum(v * math.cos(w * i) for i, v in enumerate(s))
        im = sum(v * math.sin(w * i) for i, v in enumerate(s))
        return (re * re + im * im) / (energy * len(s) / 2)
