"""A small ICE agent of the older draft (MS-ICE, draft-ietf-mmusic-ice-06; ms-media.md 6) for the Lync test client, as Office
Communications Server 2007 R2 and its clients speak it: a name and a password for each candidate, STUN of RFC 3489. It says what
is wrong with the descriptions and checks that reach it."""

import asyncio
import base64
import os
import re
import socket
import struct

from ice import digest

USERNAME, INTEGRITY, MAPPED, XOR_MAPPED = 0x0006, 0x0008, 0x0001, 0x8020


def text_of(octets):
    return base64.b64encode(octets).decode().rstrip("=")


def octets_of(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def message(kind, tid, attrs, key):
    size = len(attrs) + 24
    return struct.pack(">HH", kind, size) + tid + attrs + attribute(INTEGRITY, digest(kind, size, tid, attrs, key))


class Agent6:
    """relay: the only way in and out, as behind a firewall; None: every way is open."""

    def __init__(self, stream, controlling, wrong, relay=None):
        self.stream, self.controlling, self.wrong, self.relay = stream, controlling, wrong, relay
        self.id, self.pwd = os.urandom(32), os.urandom(16)
        self.remote, self.waits, self.chosen, self.seen, self.task, self.known = {}, {}, {}, set(), None, {}
        self.bare = 0  # keep-alives
        stream.stun = self.input

    def address(self, comp):
        return (self.stream.ip, self.stream.port + comp - 1)

    def lines(self, final=False):
        out = []
        for comp in (1, 2):
            ip, port = self.address(comp)
            out.append(f"a=candidate:{text_of(self.id)} {comp} {text_of(self.pwd)} UDP 0.830 {ip} {port}")
        if final and self.controlling:
            out.append("a=remote-candidate:" + text_of(self.remote[1][1]))
        return out

    def peer(self, sdp):
        """Their description. False: they do without, or speak the newer draft."""
        if sdp.attrs("ice-ufrag") or sdp.attrs("ice-pwd") or not sdp.candidates:
            return False
        final = sdp.attrs("remote-candidate")
        if len(sdp.candidates) > 20:
            self.wrong("ICE: more than 20 candidates")
        for line in sdp.candidates:
            f = line.split(" ")
            if len(f) != 7 or f[1] not in "12" or f[3] not in ("UDP", "TCP") or not re.fullmatch(r"0\.[0-9]{3}|1\.0+", f[4]):
                self.wrong(f"a=candidate:{line}")
                continue
            name, password = octets_of(f[0]), octets_of(f[2])
            if "=" in f[0] + f[2] or len(name) not in (32, 64) or len(password) != 16:
                self.wrong(f"a=candidate:{line}: 32 and 16 octets without filling are the rule")
            comp, q = int(f[1]), float(f[4])
            if comp == 2 and f[0] not in [x.split(" ")[0] for x in sdp.candidates if x.split(" ")[1] == "1"]:
                self.wrong("ICE: component 2 of a candidate that has no component 1")
            self.known[name] = password
            if (q == 0.45 if self.relay else q == 0.83) or final:
                self.remote[comp] = ((f[5], int(f[6])), name, password)
        if set(self.remote) != {1, 2}:
            self.wrong("ICE: a component without the candidate that counts")
        if not any(f.split(" ")[5:] == [sdp.ip, str(sdp.port)] for f in sdp.candidates):
            self.wrong("ICE: the default address is no candidate")
        if final:
            if self.controlling:
                self.wrong("ICE: a=remote-candidate in an answer, or from the called side")
            if len({f.split(" ")[0] for f in sdp.candidates}) != 1 or len(sdp.candidates) != 2:
                self.wrong("ICE: the final offer has one candidate of two components")
            if [octets_of(x.strip()) for x in final] != [self.id]:
                self.wrong(f"a=remote-candidate:{final[0]} is not ours")
            self.chosen = {c: r[0] for c, r in self.remote.items()}
        if not self.task:
            self.task = asyncio.ensure_future(self.run())
        return True

    def stop(self):
        if self.task:
            self.task.cancel()

    def send(self, comp, data, to):
        (self.stream.rtp if comp == 1 else self.stream.rtcp).transport.sendto(data, to)

    async def check(self, comp):
        to, name, password = self.remote[comp]
        tid = os.urandom(16)
        user = name + b":%d:" % comp + self.id + b":%d" % comp
        user += b"\0" * (-len(user) % 4)
        done = asyncio.get_running_loop().create_future()
        self.waits[tid] = (done, comp, user, password)
        for wait in (0.2, 0.4, 0.8, 1.6, 3.2):
            self.send(comp, message(1, tid, attribute(USERNAME, user), password), to)
            try:
                return await asyncio.wait_for(asyncio.shield(done), wait)
            except asyncio.TimeoutError:
                pass
        self.wrong(f"ICE: component {comp}: no answer to checks")

    async def run(self):
        for comp in (1, 2):
            if await self.check(comp) and self.controlling:
                self.chosen[comp] = self.remote[comp][0]

    async def done(self, seconds=15):
        end = asyncio.get_running_loop().time() + seconds
        while set(self.chosen) != {1, 2} or self.seen != {1, 2}:
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"ICE: chosen are {self.chosen} only, checks came for {self.seen}")
            await asyncio.sleep(0.02)

    def input(self, comp, data, addr):
        if self.relay and addr not in self.relay.relayed():
            return
        kind, size = struct.unpack_from(">HH", data)
        tid, at, attrs, mac = data[4:20], 20, {}, None
        if len(data) != 20 + size:
            self.wrong("ICE: a STUN message's length")
            return
        if kind == 1 and size == 0:
            self.bare += 1
            return
        while at + 4 <= len(data):
            t, n = struct.unpack_from(">HH", data, at)
            if n % 4:
                self.wrong(f"ICE: attribute {t:04x} of {n} octets: RFC 3489 has multiples of 4")
            if t < 0x8000 and t not in (MAPPED, USERNAME, INTEGRITY):
                self.wrong(f"ICE: attribute {t:04x}, which the older draft does not know")
            attrs[t] = data[at + 4:at + 4 + n]
            if t == INTEGRITY:
                mac = at
            at += 4 + n
        if mac is None or mac + 24 != len(data):
            self.wrong(f"ICE: MESSAGE-INTEGRITY of {kind:04x} is not there, or not the last")
            return
        if kind == 0x0101:
            self.on_answer(comp, tid, data[20:mac], attrs, size, addr)
        elif kind == 1:
            self.on_check(comp, tid, data[20:mac], attrs, size, addr)
        else:
            self.wrong(f"ICE: a message of type {kind:04x}")

    def on_answer(self, comp, tid, text, attrs, size, addr):
        done, c, user, password = self.waits.get(tid, (None, 0, b"", b""))
        if not done:
            return
        if c != comp or addr != self.remote[comp][0]:
            self.wrong(f"ICE: the answer came from {addr}")
        if digest(0x0101, size, tid, text, password) != attrs[INTEGRITY]:
            self.wrong("ICE: MESSAGE-INTEGRITY of an answer")
            return
        if attrs.get(USERNAME) != user:
            self.wrong("ICE: an answer's USERNAME is not the check's")
        ip, port = self.address(comp)
        if MAPPED not in attrs or (not self.relay and attrs[MAPPED] != struct.pack(">BBH", 0, 1, port) + socket.inet_aton(ip)):
            self.wrong("ICE: MAPPED-ADDRESS of an answer")
        if not done.done():
            done.set_result(addr)

    def on_check(self, comp, tid, text, attrs, size, addr):
        if tid[:4] == b"\x21\x12\xa4\x42":
            self.wrong("ICE: a transaction id with the cookie of newer STUN")
        user = attrs.get(USERNAME, b"")
        mine = self.id + b":%d:" % comp
        if not user.startswith(mine):
            self.wrong("ICE: a check that is not for us by its USERNAME")
            return
        theirs = user[len(mine):].rstrip(b"\0")
        if len(user) - len(mine) - len(theirs) > 3 or not theirs.endswith(b":%d" % comp) or (
                self.known and theirs[:-2] not in self.known):
            self.wrong(f"ICE: USERNAME names nobody: {user.hex()}")
        if digest(1, size, tid, text, self.pwd) != attrs[INTEGRITY]:
            self.wrong("ICE: MESSAGE-INTEGRITY of a check")
            return
        self.seen.add(comp)
        where = struct.pack(">BBH", 0, 1, addr[1]) + socket.inet_aton(addr[0])
        self.send(comp, message(0x0101, tid, attribute(MAPPED, where) + attribute(USERNAME, user), self.pwd), addr)
