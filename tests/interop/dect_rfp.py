"""A Mitel base station of either link generation, written from rfp-link.md alone, independent of the server's code.

It is a strict device: what the server sends that the reference does not allow is kept in `Air.violations`. Air joins bases and
handsets (dect_pt.py): pages go to all handsets that hear a base; a handset opens connections through `Rfp.connect`.
"""
import asyncio
import random
import struct
import time

import dect_crypto as crypto
from dect_audio import Stream

SYS_DOWN = {  # messages of the server and the payload lengths that were seen; a tuple: at least, at most
    0x0001: (4, 8), 0x0002: (8, 8), 0x0101: (8, 8), 0x0102: (4, 4), 0x0105: (4, 4), 0x0107: (20, 20), 0x0109: (20, 20),
    0x010a: (0x108, 0x108), 0x010c: (0, 4), 0x010e: (24, 24), 0x0112: (16, 16), 0x0116: (4, 512), 0x0117: (16, 16),
    0x0118: (4, 4), 0x0121: (4, 4), 0x0123: (4, 4), 0x0134: (20, 20), 0x0200: (8, 8), 0x0201: (0xa4, 0xa4), 0x0202: (4, 4),
    0x0203: (12, 12), 0x0204: (4, 4), 0x0206: (20, 20), 0x0207: (4, 4), 0x0208: (4, 4), 0x0209: (6, 6), 0x020b: (8, 8 + 255 * 24),
    0x0301: (2, 1500), 0x0302: (3, 64), 0x0501: (0x14c, 0x14c)}


class Air:
    """What is shared: bases, handsets, the list of what the server did wrong."""

    def __init__(self, verbose=False):
        self.bases, self.handsets, self.violations, self.verbose = [], [], [], verbose
        self.t0 = time.monotonic()

    def note(self, who, text):
        if self.verbose:
            print(f"{time.monotonic() - self.t0:8.3f} {who}: {text}", flush=True)

    def violation(self, who, text):
        self.violations.append(f"{who}: {text}")
        print(f"{time.monotonic() - self.t0:8.3f} VIOLATION {who}: {text}", flush=True)


class Bearer:
    """A MAC connection as the base sees it."""

    def __init__(self, base, mcei, pmid, handset):
        self.mcei, self.pmid, self.handset = mcei, pmid, handset
        self.free = {0x00: True, 0x10: True}
        self.key = self.key_id = None
        self.ciphered, self.base = False, base
        self.busy_until = 0.0


class Rfp:
    def __init__(self, air, mac, server, local="127.0.0.1", old=False, table=None, neighbours=(), **options):
        self.air, self.mac, self.server, self.local, self.old, self.table = air, mac, server, local, old, table
        self.neighbours = list(neighbours)           # of (RPN, RSSI)
        self.ack_media = options.get("ack_media", False)
        self.chop = options.get("chop", False)       # TCP segments that cut messages anywhere
        self.init_form = options.get("form", "B" if old else "C")
        self.proto = options.get("proto", 0x00070100 if old else 0x00080201)
        self.model = options.get("model", 4 if old else 0x0d)
        self.rfpa = self.root_hash = None            # what survives a restart of the base
        self.wrong_key = False
        self.writer = self.up = self.down = None
        self.rfpi = self.hlc = None
        self.state, self.on_air, self.plain_seen, self.led = "off", asyncio.Event(), [], {}
        self.bearers, self.next_mcei, self.streams, self.tasks = {}, 0, {}, []
        self.pages, self.seen, self.started, self.sent = 0, {}, time.monotonic(), 0
        self.time_answer = self.pinged = None
        self.times_asked = []
        self.closed = asyncio.Event()
        self.lose_dtr = 0
        self.without, self.active_ind = set(), False
        air.bases.append(self)

    name = property(lambda self: f"base {self.mac.hex()}")
    rpn = property(lambda self: self.rfpi[4] if self.rfpi else None)

    def bad(self, text):
        self.air.violation(self.name, text)

    # --- the link

    async def start(self):
        """Connects and goes through the handshake; the rest runs by itself. on_air is set when the radio is."""
        self.closed.clear()
        self.on_air.clear()
        self.up = self.down = None
        self.plain_seen = []
        self.reader, self.writer = await asyncio.open_connection(*self.server, local_addr=(self.local, 0))
        self.state = "wait"
        self.tasks = [asyncio.create_task(self._run())]

    async def stop(self, how="close"):
        """Ends the TCP connection: `close`, or `abort` as a power loss does."""
        for t in self.tasks:
            t.cancel()
        if self.writer:
            (self.writer.transport.abort if how == "abort" else self.writer.close)()
        self._gone()

    def _gone(self):
        self.state = "off"
        self.on_air.clear()
        for b in list(self.bearers.values()):
            self._drop(b)
        for s in self.streams.values():
            s.close()
        self.streams = {}
        self.closed.set()

    async def _run(self):
        data = bytearray()
        try:
            while True:
                more = await self.reader.read(4096)
                if not more:
                    break
                data += more
                while self._one(data):
                    pass
        except (ConnectionError, ValueError) as e:
            if not self.wrong_key:
                self.bad(str(e))
        finally:
            self.air.note(self.name, "link down")
            for t in self.tasks[1:]:
                t.cancel()
            self.writer.close()
            self._gone()

    def _one(self, data):
        if self.down:
            got = self.down.open(data)
            if not got:
                return False
            kind, payload, used = got
            del data[:used]
        else:
            if len(data) < 4:
                return False
            kind, length = struct.unpack(">HH", data[:4])
            if len(data) < 4 + length:
                return False
            payload = bytes(data[4:4 + length])
            del data[:4 + length]
            self._plain(kind, payload)
            return True
        self.seen[kind] = self.seen.get(kind, 0) + 1
        self.air.note(self.name, f"<- {kind:04x} {payload.hex()}")
        low, high = SYS_DOWN.get(kind, (None, None))
        if low is None:
            self.bad(f"unknown message {kind:04x} {payload.hex()}")
        elif not low <= len(payload) <= high:
            self.bad(f"message {kind:04x} has {len(payload)} octets")
        else:
            getattr(self, f"_m{kind >> 8:02x}")(kind, payload)
        return True

    def send(self, kind, payload=b""):
        if not self.writer or self.writer.is_closing():
            return
        message = struct.pack(">HH", kind, len(payload)) + payload
        self.air.note(self.name, f"-> {kind:04x} {payload.hex()}")
        self.sent += 1
        self._write(self.up.seal(message, b"\x5a") if self.up else message)

    def _write(self, wire):
        if self.chop and len(wire) > 3:
            cut = random.randrange(1, len(wire))
            self.writer.write(wire[:cut])
            self.writer.write(wire[cut:])
        else:
            self.writer.write(wire)

    def _plain(self, kind, p):
        self.plain_seen.append(kind)
        self.air.note(self.name, f"<- plain {kind:04x} {p.hex()}")
        if kind == 0x012d and len(p) == 32 and self.state == "wait":
            self.auth, self.state = p, "init"
            version = "SIP-DECT 7.1-CK14" if self.old else "SIP-DECT 8.1SP3-FK24"
            self._write(crypto.sys_init(self.init_form, self.mac, self.model, 0x3dc if self.old else 0x1ef3c, self.proto, version,
                                        p, 0x4004 if self.old else 0))
        elif kind == 0x0124 and len(p) == 64 and self.state == "init" and not self.old:
            self.rfpa = p
        elif kind == 0x0125 and len(p) == 96 and self.state == "init" and not self.old:
            if self.root_hash is None:
                self.bad("re-enrolment of a base that never learnt a root password")
                return
            self.rfpa = crypto.unwrap_reenrol(self.auth, p, self.root_hash)
            if self.rfpa is None:
                self.bad("re-enrolment by a manager that does not know the root password")
        elif kind == 0x0001 and self.state == "init":
            if p != bytes.fromhex("0120ffff01000000"):
                self.bad(f"ACK of SYS_INIT: {p.hex()}")
            self._encrypt()
        else:
            self.bad(f"plain message {kind:04x} of {len(p)} octets in state {self.state}")

    def _encrypt(self):
        iv_up = bytes(a ^ b for a, b in zip(self.auth[7:15], crypto.RFP_IV))
        iv_down = bytes(a ^ b for a, b in zip(self.auth[23:31], crypto.OMM_IV))
        if self.old:
            down, up = crypto.legacy_keys(self.table)
            self.down, self.up = crypto.Direction(down, iv_down, self.table), crypto.Direction(up, iv_up, self.table)
        else:
            if self.rfpa is None:
                self.bad("accepted, but this base has no key and got none")
                self.rfpa = bytes(64)
            key = bytes(reversed(self.rfpa)) if self.wrong_key else self.rfpa
            self.down, self.up = crypto.Direction(key[:56], iv_down), crypto.Direction(key[8:], iv_up)
            self.send(0x0126)
        self.state = "config"
        if "time" not in self.without:
            self.vsntp()
        if self.active_ind:                          # what a radio that runs already says, in the order of a real sample
            self.send(0x0301, bytes.fromhex("7830 0207030000021100 03 03010c 04051000000000 0d039003ff 06020000 07050011000000"
                                            "26020000 270100 2a0101 2b0101 29050800801000 280100"))
        if "ready" in self.without:
            return
        self.send(0x0301, bytes.fromhex("7801 010101 0207" + ("0201020311 32fc" if self.old else "03000002110003")) + bytes([3, 1, 12]))

    def vsntp(self):
        now = time.time() + 2208988800
        stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
        self.times_asked.append(stamp)
        self.send(0x0117, bytes(8) + stamp)

    # --- SYS

    def _m00(self, kind, p):
        if kind == 0x0002:
            self.bad(f"a NACK: {p.hex()}")

    def _m01(self, kind, p):
        if kind == 0x0105:
            self.tasks.append(asyncio.create_task(self._heartbeats(p[0])))
        elif kind == 0x0102:
            if p[0] > 3 or p[1] not in (0, 1, 2, 3, 4, 5, 6, 7, 9):
                self.bad(f"LED {p.hex()}")
            self.led[p[0]] = p[1]
        elif kind == 0x010a:
            names = [p[i:i + 65].split(b"\0")[0].decode("ascii", "replace") for i in (2, 67, 132, 197)]
            if "$" in names[1] or len(names[1]) != 22 or not names[0]:
                self.bad(f"accounts {names}")
            self.root_hash = "$1$$" + names[1]
        elif kind == 0x010e:
            self.pinged = p
            self.send(0x010e, p[:16] + struct.pack(">I", 1) + p[20:])
        elif kind == 0x0117:
            if p[:8] not in self.times_asked:
                self.bad(f"time: {p.hex()} echoes nothing")
            elif abs(struct.unpack(">I", p[8:12])[0] - 2208988800 - time.time()) > 5:
                self.bad(f"time: {p.hex()} is not now")
            self.time_answer = p
        elif kind == 0x0134:
            self.send(0x0134, (struct.pack(">I", 65535) if p[0] & 0x80 else p[:4]) + p[4:])
        elif kind == 0x0121:
            self.send(0x0001, bytes.fromhex("01210000"))
            if p[0] in (2, 5):
                asyncio.get_running_loop().call_later(0.05, self.writer.close)
        elif kind == 0x0101 and p[2] == 0:
            self.bad("time to live 0")

    async def _heartbeats(self, interval):
        first = True
        while True:
            await asyncio.sleep(interval if not first else 0.3)
            up = int((time.monotonic() - self.started) * 1000)
            self.send(0x0003, struct.pack("<II", up, 0xffffffff if first else random.choice((5500, 10000, 7500))))
            first = False

    def _m05(self, kind, p):
        pass

    # --- radio control and synchronisation

    def _m03(self, kind, p):
        if kind == 0x0302:
            self._sync(p)
        elif p[0] == 0x78:
            self._rfpc(p[1], p[2:])
        elif p[0] in (0x79, 0x7a):
            self._connection(p[0], p[1], p[2:])
        else:
            self.bad(f"layer {p[0]:02x}")

    def _rfpc(self, prim, body):
        items, i = {}, 0
        while i < len(body):
            if i + 2 > len(body) or i + 2 + body[i + 1] > len(body):
                return self.bad(f"radio control {prim:02x}: items {body.hex()}")
            items[body[i]] = body[i + 2:i + 2 + body[i + 1]]
            i += 2 + body[i + 1]
        if prim == 0x02:
            want = {0x04: 5, 0x06: 2, 0x07: 5, 0x26: 2, 0x0d: 3, 0x27: 1, 0x28: 1}
            for key, size in want.items():
                if len(items.get(key, b"")) != size:
                    self.bad(f"INIT_REQ: item {key:02x} is {items.get(key, b'').hex()}")
            self.rfpi, self.hlc = items[0x04], int.from_bytes(items[0x06], "big")
            if self.rfpi[0] & 0x70 not in (0, 0x10, 0x20) or items[0x27][0] not in (31, 36):
                self.bad(f"INIT_REQ: RFPI {self.rfpi.hex()} PLI {items[0x27].hex()}")
            if self.rfpi[0] & 0x80:
                self.bad("RFPI says that there are SARIs")
            self.send(0x0301, bytes.fromhex("7803120101"))
            self.send(0x0302, bytes.fromhex("7d3200"))
        elif prim == 0x05:
            pass
        elif prim == 0x06:
            if len(items.get(0x06, b"")) != 2:
                self.bad(f"CHANGE_HIGHER_LAYER_CAPABILITIES_REQ without them: {body.hex()}")
            else:
                self.hlc = int.from_bytes(items[0x06], "big")
            self.send(0x0301, bytes.fromhex("7807"))
        elif prim == 0x0f:
            self.send(0x0301, bytes.fromhex("7810"))
            self.state = "active"
            self.on_air.set()
        elif prim == 0x16:
            self.send(0x0301, bytes.fromhex("7817 1034") + bytes(40) + struct.pack("<II", 0, 0x9100) + bytes(4))
        elif prim not in (0x08, 0x13, 0x31):
            self.bad(f"radio control primitive {prim:02x}")

    def _sync(self, p):
        kind, length = struct.unpack(">HB", p[:3])
        body = p[3:3 + length]
        if len(p) < 3 + length:
            self.bad(f"sync {p.hex()}")
        answers = {0x7d1b: "7d2100", 0x7d0e: "7d0f021000", 0x7d1c: "7d2200", 0x7d1d: "7d2400"}
        if kind in answers:
            if kind == 0x7d1d and body != bytes([0, self.neighbours[0][0]] if self.neighbours else []):
                self.bad(f"slave of {body.hex()}, heard {self.neighbours}")
            self.send(0x0302, bytes.fromhex(answers[kind]))
        elif kind == 0x7d1e:
            self.send(0x0302, bytes.fromhex("7d1f00"))
            found = b"".join(struct.pack("<HH", *n) for n in self.neighbours)
            asyncio.get_running_loop().call_later(0.05, self.send, 0x0302, bytes([0x7d, 0x1f, 1 + len(found), len(self.neighbours)]) + found)
        elif kind == 0x7d15:
            self.send(0x0302, bytes.fromhex("7d1606") + body[:1] + bytes.fromhex("0a300a3004"))
        elif kind == 0x7d1a:
            offsets = b"".join(struct.pack(">HhBB", rpn, -3, rssi, 7) for rpn, rssi in self.neighbours)
            body = bytes([len(self.neighbours)]) + offsets
            # with one stray octet behind, as in a real sample
            self.send(0x0302, bytes([0x7d, 0x2c, len(body)]) + body + b"\0")
        elif kind not in (0x7d18, 0x7d2e):
            self.bad(f"sync message {kind:04x}")

    # --- connections

    def connect(self, handset, pmid, handover=False):
        """A bearer set up by a handset; None when the base cannot."""
        if self.state != "active" or len(self.bearers) >= 12:
            return None
        while self.next_mcei in self.bearers:
            self.next_mcei = (self.next_mcei + 1) % 15
        b = Bearer(self, self.next_mcei, pmid, handset)
        self.bearers[b.mcei] = b
        self.next_mcei = (self.next_mcei + 1) % 15
        head = bytes([b.mcei]) + pmid.to_bytes(3, "big")
        if handover:
            self.send(0x0301, b"\x7a\x0b" + head + b"\x02\x01")
        else:
            self._connected(b, 0)
        return b

    def _connected(self, b, flags):
        self.send(0x0301, b"\x7a\x01" + bytes([b.mcei]) + b.pmid.to_bytes(3, "big") + bytes([flags, 1]))
        for buf in b.free:
            self.send(0x0301, bytes([0x79, 0x07, b.mcei, buf]))

    def uplink(self, b, frame):
        fill = -(len(frame) + 2) % 5
        self.send(0x0301, bytes([0x79, 0x06, b.mcei, 0, len(frame) + fill]) + frame + b"\xf0" * fill)

    def _drop(self, b):
        if self.bearers.get(b.mcei) is b:
            del self.bearers[b.mcei]
            b.handset.bearer_lost(self, b)

    def disconnect(self, b, reason=1, info=False):
        """The radio side ends the connection."""
        if self.bearers.get(b.mcei) is b:
            del self.bearers[b.mcei]
            self.send(0x0301, bytes([0x7a, 0x03, b.mcei, reason]))
            if info:
                self.send(0x0301, bytes([0x7a, 0x1c, b.mcei]) + b.pmid.to_bytes(3, "big") + b"\0FramesOK=289 Frames_ERR=0 BHO=0 BHOFailed=0\0")

    def encrypt(self, b, dck):
        """The handset starts ciphering on the bearer; False when the base cannot (the bearer is released then)."""
        if b.key is not None and not self.old and b.key == dck[-8:]:
            b.ciphered = True
            self.send(0x0301, bytes([0x7a, 0x0a, b.mcei, 1]))
            return True
        self.bad(f"cipher key of connection {b.mcei} is {b.key.hex() if b.key else 'none'}, the handset's is {dck.hex()}")
        self.disconnect(b, 2)
        return False

    def _connection(self, layer, prim, p):
        if layer == 0x7a and prim == 0x08:
            return self._page(p)
        if layer == 0x7a and prim == 0x1f:
            return None
        b = self.bearers.get(p[0]) if p else None
        if b is None:
            if prim not in (0x02, 0x05):    # those may cross with our own MAC_DIS_IND
                self.bad(f"{layer:02x} {prim:02x} {p.hex()} for no connection")
            return None
        if layer == 0x79 and prim == 0x05:
            buf, length, frame = p[1], p[2], p[3:]
            if not b.free.get(buf, False):
                self.bad(f"frame into buffer {buf:02x} of connection {b.mcei}, which is not free")
            if len(frame) != length or length < 3 or length > 66 or frame[2] >> 2 != length - 3:
                self.bad(f"frame {p.hex()}")
            b.free[buf] = False
            loop = asyncio.get_running_loop()            # 5 octets in 10 ms, one frame after the other
            b.busy_until = max(b.busy_until, loop.time()) + 0.01 * ((length + 2 + 4) // 5)
            loop.call_at(b.busy_until, self._on_air, b, buf, frame)
        elif layer == 0x7a and prim == 0x02:
            self._drop(b)
        elif layer == 0x7a and prim == 0x09:
            if len(p) != 10:
                self.bad(f"key {p.hex()}")
            b.key, b.key_id = p[1:9], p[9]
            if self.old:
                self.bad("a cipher key for a base that cannot cipher")
        elif layer == 0x7a and prim == 0x0c:
            if len(p) != 12:
                self.bad(f"handover answer {p.hex()}")
            elif p[10]:
                b.key, b.key_id = p[2:10], p[11]
            b.handset.handover_allowed(self, b)
            self._connected(b, 2)
        elif layer == 0x7a and prim == 0x0e:
            self._drop(b)
        else:
            self.bad(f"primitive {layer:02x} {prim:02x}")

    def _on_air(self, b, buf, frame):
        if self.bearers.get(b.mcei) is not b:
            return
        b.free[buf] = True
        if self.lose_dtr:
            self.lose_dtr -= 1
        else:
            self.send(0x0301, bytes([0x79, 0x07, b.mcei, buf]))
        b.handset.downlink(b, frame)

    def _page(self, p):
        self.pages += 1
        if p[0] != len(p) - 1 or p[0] not in (3, 5):
            return self.bad(f"page {p.hex()}")
        if p[0] == 3 and p[1] & 0xf0:
            self.bad(f"page {p.hex()}: bits that are not used")
        for h in self.air.handsets:
            asyncio.get_running_loop().call_later(0.02, h.paged, self, p[1:])
        return None

    # --- speech

    def _m02(self, kind, p):
        handle = struct.unpack("<H", p[:2])[0]
        s = self.streams.get(handle)
        if kind == 0x0200:
            if s:
                self.bad(f"media handle {handle} is open")
            self.streams[handle] = Stream(self, handle)
        elif s is None:
            self.bad(f"media message {kind:04x} for handle {handle}, which is not open")
            return
        elif kind == 0x0201:
            s.configure(p[2:])
        elif kind == 0x0203:
            s.start(p[2])
        elif kind == 0x0204:
            s.stop()
        elif kind == 0x0202:
            s.close()
            del self.streams[handle]
            self.send(0x0205, struct.pack("<HHIIIIIII", handle, 0, *s.statistics()) + s.peer_ip)
        elif kind == 0x0208:
            s.mcei = p[2]
        if self.ack_media:
            self.send(0x0001, struct.pack(">H", kind) + struct.pack("<H", handle))

    def stream_of(self, b):
        return next((s for s in self.streams.values() if s.mcei == b.mcei), None)
