"""A small ICE agent in Microsoft's dialect (MS-ICE2, ms-media.md 5) for the Lync test client: host candidates, regular nomination,
STUN in its second draft's form. It says what is wrong with the checks that reach it."""

import asyncio
import hashlib
import hmac
import os
import socket
import struct
import zlib

COOKIE = b"\x21\x12\xa4\x42"
USERNAME, INTEGRITY, MAPPED, PRIORITY, USE, FINGERPRINT = 0x0006, 0x0008, 0x0020, 0x0024, 0x0025, 0x8028
CONTROLLED, CONTROLLING, IDENTIFIER, VERSION = 0x8029, 0x802A, 0x8054, 0x8070


def attribute(kind, value):
    value += b"\0" * (-len(value) % 4)
    return struct.pack(">HH", kind, len(value)) + value


def digest(kind, size, tid, attrs, key):
    text = struct.pack(">HH", kind, size) + tid + attrs
    return hmac.new(key, text + b"\0" * (-len(text) % 64), hashlib.sha1).digest()


def message(kind, tid, attrs, key):
    size = len(attrs) + 24 + 8
    attrs += attribute(INTEGRITY, digest(kind, size, tid, attrs, key))
    text = struct.pack(">HH", kind, size) + tid + attrs
    return text + attribute(FINGERPRINT, struct.pack(">I", zlib.crc32(text) ^ 0x5354554E))


class Agent:
    """relay: the only way in and out, as behind a firewall; None: every way is open."""

    def __init__(self, stream, controlling, wrong, relay=None):
        self.relay, self.anew = relay, False
        self.stream, self.controlling, self.wrong = stream, controlling, wrong
        self.ufrag, self.pwd, self.tie = os.urandom(2).hex(), os.urandom(12).hex(), os.urandom(8)
        self.remote_ufrag = self.remote_pwd = None
        self.remote, self.waits, self.chosen, self.seen, self.task = {}, {}, {}, set(), None
        stream.stun = self.input

    def address(self, comp):
        return (self.stream.ip, self.stream.port + comp - 1)

    def lines(self, final=False):
        out = [f"a=ice-ufrag:{self.ufrag}", f"a=ice-pwd:{self.pwd}"]
        for comp, priority in ((1, 2130706431), (2, 2130705918)):
            ip, port = self.address(comp)
            out.append(f"a=candidate:1 {comp} UDP {priority} {ip} {port} typ host ")
        if final:
            out.append("a=remote-candidates:" + " ".join(f"{c} {a[0]} {a[1]}" for c, a in sorted(self.chosen.items())))
        return out

    def peer(self, sdp):
        """Their description: credentials and candidates. False: they do without."""
        ufrag, pwd = sdp.attrs("ice-ufrag"), sdp.attrs("ice-pwd")
        if not ufrag or not pwd or not sdp.candidates:
            return False
        if self.anew and self.remote_ufrag not in (None, ufrag[0].strip()):
            # Theirs begins anew: so does ours, and who offers that is in control.
            self.stop()
            self.ufrag, self.pwd, self.controlling = os.urandom(2).hex(), os.urandom(12).hex(), False
            self.remote, self.chosen, self.task = {}, {}, None
        self.remote_ufrag, self.remote_pwd = ufrag[0].strip(), pwd[0].strip()
        if len(self.remote_ufrag) < 4 or len(self.remote_pwd) < 22:
            self.wrong("ICE: ufrag and pwd have at least 4 and 22 characters")
        for c in sdp.candidates:
            f = c.split()
            if f[6] != "typ" or f[2] not in ("UDP", "TCP-PASS", "TCP-ACT"):
                self.wrong(f"a=candidate:{c}")
            elif f[2] == "UDP" and f[7] == ("relay" if self.relay and not sdp.attrs("remote-candidates") else f[7] if self.relay
                                            else "host"):
                self.remote[int(f[1])] = (f[4], int(f[5]))
        if set(self.remote) != {1, 2}:
            self.wrong("ICE: a component without the candidate that counts")
        if not any(f.split()[4:6] == [sdp.ip, str(sdp.port)] for f in sdp.candidates):
            self.wrong("ICE: the default address is no candidate")
        if not self.task:
            self.task = asyncio.ensure_future(self.run())
        return True

    def stop(self):
        if self.task:
            self.task.cancel()

    def send(self, comp, data, to):
        (self.stream.rtp if comp == 1 else self.stream.rtcp).transport.sendto(data, to)

    def request(self, comp, nominate):
        tid = COOKIE + os.urandom(12)
        attrs = attribute(USE, b"") if nominate else b""
        attrs += attribute(PRIORITY, struct.pack(">I", 0x6EFFFFFF if comp == 1 else 0x6EFFFDFE))
        attrs += attribute(CONTROLLING if self.controlling else CONTROLLED, self.tie)
        attrs += attribute(USERNAME, f"{self.remote_ufrag}:{self.ufrag}".encode()) + attribute(IDENTIFIER, b"1")
        attrs += attribute(VERSION, struct.pack(">I", 2))
        done = asyncio.get_running_loop().create_future()
        self.waits[tid] = (done, comp)
        self.send(comp, message(1, tid, attrs, self.remote_pwd.encode()), self.remote[comp])
        return done

    async def check(self, comp, nominate):
        for wait in (0.2, 0.4, 0.8, 1.6, 3.2):
            try:
                return await asyncio.wait_for(self.request(comp, nominate), wait)
            except asyncio.TimeoutError:
                pass
        self.wrong(f"ICE: component {comp}: no answer to checks")

    async def run(self):
        for comp in (1, 2):
            await self.check(comp, False)
            if self.controlling:
                await self.check(comp, True)
                self.chosen[comp] = self.remote[comp]

    async def done(self, seconds=15):
        end = asyncio.get_running_loop().time() + seconds
        while set(self.chosen) != {1, 2}:
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"ICE: chosen are {self.chosen} only")
            await asyncio.sleep(0.02)

    def input(self, comp, data, addr):
        if self.relay and addr not in self.relay.relayed():
            return
        kind, size = struct.unpack_from(">HH", data)
        tid, at, attrs, mac = data[4:20], 20, {}, None
        if len(data) != 20 + size:
            self.wrong("ICE: a STUN message's length")
            return
        while at + 4 <= len(data):
            t, n = struct.unpack_from(">HH", data, at)
            attrs[t] = data[at + 4:at + 4 + n]
            if t == INTEGRITY:
                mac = at
            at += 4 + n
        if kind == 0x0011:
            return  # keep-alive
        key = (self.pwd if kind == 1 else self.remote_pwd or "").encode()
        if mac is None or digest(kind, size, tid, data[20:mac], key) != attrs[INTEGRITY]:
            self.wrong(f"ICE: MESSAGE-INTEGRITY of {kind:04x}")
            return
        if FINGERPRINT not in attrs or struct.unpack(">I", attrs[FINGERPRINT])[0] != zlib.crc32(data[:-8]) ^ 0x5354554E:
            self.wrong("ICE: FINGERPRINT")
            return
        if VERSION not in attrs:
            self.wrong("ICE: no IMPLEMENTATION-VERSION")
        if kind == 0x0101:
            done, c = self.waits.pop(tid, (None, 0))
            if done and not done.done():
                done.set_result(addr)
            return
        if kind != 1:
            return
        name = attrs.get(USERNAME, b"").rstrip(b"\0").decode()
        if name.split(":")[0] != self.ufrag or (self.remote_ufrag and name != f"{self.ufrag}:{self.remote_ufrag}"):
            self.wrong(f"ICE: USERNAME {name}")
        if PRIORITY not in attrs or IDENTIFIER not in attrs:
            self.wrong("ICE: a check without PRIORITY or CANDIDATE-IDENTIFIER")
        if (CONTROLLED if self.controlling else CONTROLLING) not in attrs:
            self.wrong("ICE: a check with the wrong role")
        if USE in attrs and not self.controlling:
            self.chosen[comp] = addr
        self.seen.add(comp)
        ip = bytes(a ^ b for a, b in zip(socket.inet_aton(addr[0]), COOKIE))
        mapped = struct.pack(">BBH", 0, 1, addr[1] ^ 0x2112) + ip
        self.send(comp, message(0x0101, tid, attribute(MAPPED, mapped) + attribute(USERNAME, name.encode()) +
                                attribute(VERSION, struct.pack(">I", 2)), self.pwd.encode()), addr)
