"""The media relay of an A/V Edge for tests: MS-TURN over UDP (ms-media.md 8), strict: what a client says against the rules is
listed; nothing goes through without right credentials."""

import asyncio
import hashlib
import hmac
import os
import socket
import struct

MAGIC = b"\x72\xc6\x4b\xc6"
COOKIE = b"\x21\x12\xa4\x42"
ALLOCATE, SEND, ACTIVE, DATA = 0x0003, 0x0004, 0x0006, 0x0115
MAPPED, USERNAME, INTEGRITY, ERROR, LIFETIME, MAGIC_COOKIE = 0x0001, 0x0006, 0x0008, 0x0009, 0x000D, 0x000F
DESTINATION, REMOTE, PAYLOAD, NONCE, REALM, VERSION = 0x0011, 0x0012, 0x0013, 0x0014, 0x0015, 0x8008
XOR_MAPPED, SEQUENCE, QUALITY, FINGERPRINT = 0x8020, 0x8050, 0x8055, 0x8028


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def address(addr):
    return struct.pack(">BBH", 0, 1, addr[1]) + socket.inet_aton(addr[0])


class Allocation(asyncio.DatagramProtocol):
    def __init__(self, relay, client):
        self.relay, self.client, self.connection = relay, client, os.urandom(20)
        self.sequence, self.opened, self.active, self.sends, self.bare = 0, set(), None, 0, 0

    def connection_made(self, transport):
        self.transport = transport
        self.addr = transport.get_extra_info("sockname")

    def datagram_received(self, data, addr):
        if addr not in self.opened:
            return  # nobody gets in who was not sent to
        if addr == self.active:
            self.relay.transport.sendto(data, self.client)
            return
        attrs = attribute(MAGIC_COOKIE, MAGIC) + attribute(REMOTE, address(addr)) + attribute(PAYLOAD, data)
        self.relay.transport.sendto(struct.pack(">HH", DATA, len(attrs)) + COOKIE + os.urandom(12) + attrs, self.client)


class Relay(asyncio.DatagramProtocol):
    def __init__(self, user, password, wrong):
        self.user, self.wrong, self.nonce = user, wrong, os.urandom(8).hex().encode()
        self.key = hashlib.md5(user + b":rtcmedia:" + password).digest()
        self.of, self.freed, self.refused = {}, 0, 0

    async def start(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self.transport.get_extra_info("sockname")[1]
        return self

    def stop(self):
        for a in self.of.values():
            a.transport.close()
        self.transport.close()

    def relayed(self):
        return {a.addr for a in self.of.values()}

    def mac(self, kind, tid, attrs):
        text = struct.pack(">HH", kind, len(attrs) + 24) + tid + attrs
        return hmac.new(self.key, text + b"\0" * (-len(text) % 64), hashlib.sha1).digest()

    def reply(self, addr, kind, tid, attrs, signed=True):
        attrs = attribute(MAGIC_COOKIE, MAGIC) + attrs
        if signed:
            attrs += attribute(INTEGRITY, self.mac(kind, tid, attrs))
        self.transport.sendto(struct.pack(">HH", kind, len(attrs)) + tid + attrs, addr)

    def datagram_received(self, data, addr):
        a = self.of.get(addr)
        if len(data) < 28 or data[20:28] != attribute(MAGIC_COOKIE, MAGIC) or 20 + struct.unpack_from(">H", data, 2)[0] != len(data):
            if a and a.active:
                a.bare += 1
                a.transport.sendto(data, a.active)
            else:
                self.wrong("relay: neither MS-TURN nor anything with a destination")
            return
        kind, tid, attrs, at, end = struct.unpack_from(">H", data)[0], data[4:20], {}, 20, None
        while at + 4 <= len(data):
            t, n = struct.unpack_from(">HH", data, at)
            attrs[t] = data[at + 4:at + 4 + n]
            if t == INTEGRITY:
                end = at
                if at + 4 + n != len(data):
                    self.wrong("relay: something after MESSAGE-INTEGRITY")
            at += 4 + n
        if at != len(data):
            self.wrong("relay: attributes do not fill the message")
            return
        if tid[:4] != COOKIE:
            self.wrong("relay: a transaction id without the cookie's octets")
        if FINGERPRINT in attrs:
            self.wrong("relay: FINGERPRINT")
        if kind != ACTIVE and attrs.get(VERSION) not in (b"\0\0\0\1", b"\0\0\0\2"):
            self.wrong("relay: MS-Version")
        good = end is not None and hmac.compare_digest(self.mac(kind, tid, data[20:end]), attrs[INTEGRITY])
        if kind == ALLOCATE:
            self.on_allocate(addr, a, tid, attrs, good)
        elif kind in (SEND, ACTIVE) and a and good and attrs.get(USERNAME) == self.user:
            seq = attrs.get(SEQUENCE, b"")
            if len(seq) != 24 or seq[:20] != a.connection or int.from_bytes(seq[20:], "big") <= a.sequence:
                self.wrong(f"relay: MS-Sequence Number of {kind:04x}")
            else:
                a.sequence = int.from_bytes(seq[20:], "big")
            _, family, port = struct.unpack_from(">BBH", attrs[DESTINATION])
            to = (socket.inet_ntoa(attrs[DESTINATION][4:8]), port)
            a.opened.add(to)
            if kind == SEND:
                a.sends += 1
                a.transport.sendto(attrs[PAYLOAD], to)
            else:
                a.active = to
                self.reply(addr, ACTIVE | 0x100, tid, b"")
        else:
            self.refused += 1
            self.wrong(f"relay: {kind:04x} of nobody, or not signed rightly")

    def on_allocate(self, addr, a, tid, attrs, good):
        if QUALITY not in attrs:
            self.wrong("relay: Allocate without MS-Service Quality")
        if USERNAME not in attrs:
            self.reply(addr, ALLOCATE | 0x110, tid, attribute(ERROR, b"\0\0\4\1Unauthorized") + attribute(NONCE, self.nonce) +
                       attribute(REALM, b'"rtcmedia"'), False)
            return
        if not good or attrs[USERNAME] != self.user or attrs.get(NONCE) != self.nonce or attrs.get(REALM, b"").strip(b'"') != b"rtcmedia":
            self.refused += 1
            self.reply(addr, ALLOCATE | 0x110, tid, attribute(ERROR, b"\0\0\4\x1fIntegrity Check Failure") +
                       attribute(NONCE, self.nonce) + attribute(REALM, b'"rtcmedia"'), False)
            return
        if attrs.get(LIFETIME) == b"\0\0\0\0":
            if a:
                self.freed += 1
                a.transport.close()
                del self.of[addr]
            self.reply(addr, ALLOCATE | 0x100, tid, attribute(LIFETIME, b"\0\0\0\0"))
            return
        asyncio.ensure_future(self.allocate(addr, a, tid, attrs))

    def more(self, addr, attrs, tid):
        """Lifetime and further attributes of a success; None: it is refused."""
        return 600, b""

    async def place(self, addr):
        a = Allocation(self, addr)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: a, local_addr=("127.0.0.1", 0))
        if addr in self.of:  # asked twice meanwhile
            a.transport.close()
        return self.of.setdefault(addr, a)

    async def allocate(self, addr, a, tid, attrs):
        a = a or await self.place(addr)
        more = self.more(addr, attrs, tid)
        if more is None:
            self.reply(addr, ALLOCATE | 0x110, tid, attribute(ERROR, b"\0\0\4\0Bad Request"))
            return
        ip = bytes(x ^ y for x, y in zip(socket.inet_aton(addr[0]), tid))
        port = addr[1] ^ struct.unpack(">H", tid[:2])[0]
        self.reply(addr, ALLOCATE | 0x100, tid, attribute(MAPPED, address(a.addr)) + attribute(LIFETIME, struct.pack(">I", more[0])) +
                   attribute(XOR_MAPPED, struct.pack(">BBH", 0, 1, port) + ip) +
                   attribute(SEQUENCE, a.connection + struct.pack(">I", a.sequence)) + more[1])
