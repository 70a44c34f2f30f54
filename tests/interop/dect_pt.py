"""Handsets behind the independent base station, written from dect-nwk.md and dect-security.md alone.

Three kinds (`GAP_A`, `GAP_B`, `NG`): a plain GAP handset with class A links; one that sends what the published trace of a real
base shows, octet for octet, with class B links; an NG-DECT one with DSAA2, lists of codecs and elements that nobody knows.
"""
import asyncio
import os

import dect_crypto as crypto
from dect_lapc import Lapc, ie, parse

GAP_A = dict(lln=1, capability=bytes.fromhex("a48281"), releases=False)
GAP_B = dict(lln=2, capability=b"", empty_first=True, poll_second=True, releases=True, locate_tail=bytes.fromhex("7b09810031520101530101"),
             setup_tail=bytes.fromhex("7b06810031160101"), dial_end=0x82)
NG = dict(lln=4, capability=bytes.fromhex("35150a0060041881" "02000000000096" "4281"), dsaa2=True, releases=True, tv=1,
          codecs=bytes.fromhex("90030001020084"), model=bytes.fromhex("100142"), setup_capability=bytes.fromhex("89"), odd=True)


class Refused(Exception):
    """The system said no: message and reason."""


class Handset:
    def __init__(self, air, ipei, base, lln, capability=b"", dsaa2=False, **kind):
        self.air, self.ipei, self.base, self.lln = air, ipei, base, lln       # ipei: 5 octets, the value of an IPUI N
        self.capability, self.dsaa2, self.kind = capability, dsaa2, kind
        self.poll_second = kind.get("poll_second", False)
        self.window = None
        self.ipui, self.park, self.uak, self.alg = b"\x80\xa8" + ipei, None, None, 1
        self.tpui = self.dck = None
        self.dcks, self.default_keys = {}, {}
        self.link = self.bearer = self.moving = None
        self.inbox, self.news = [], asyncio.Event()
        self.tone, self.call, self.ringing = 0, None, None
        self.display, self.standby, self.events, self.time, self.caller = "", "", [], None, {}
        self.answers_pages, self.paged_count, self.hears_pages = True, 0, True
        self.auto_alert = True
        self.re_keyed, self.ac = 0, None
        self.next_tv = kind.get("tv", 0)
        self.cipher_refuses = self.auth_wrong = self.auth_silent = False
        self.lost = asyncio.Event()
        self.crossing = 0.0
        self.suggested = asyncio.Event()
        air.handsets.append(self)

    name = property(lambda self: f"handset {self.ipei.hex()}")

    def bad(self, text):
        self.air.violation(self.name, text)

    def note(self, text):
        self.air.note(self.name, text)

    # --- bearer and link

    def pmid(self):
        return self.tpui if self.tpui is not None else 0xe0000 | int.from_bytes(os.urandom(2), "big")

    def open(self, message=b""):
        """A link, unless there is one; the message is its first."""
        if self.link and self.link.state not in ("down", "release"):
            if message:
                self.link.send(message)
            return self.link
        self.bearer = self.base.connect(self, self.pmid())
        if self.bearer is None:
            raise Refused("no bearer")
        self.lost.clear()
        self.dck_on, self.inbox = None, []
        self.link = Lapc(self, self.bearer, self.lln, self.window)
        if self.kind.get("empty_first"):
            self.link.establish()
            if message:
                self.link.send(message)
        else:
            self.link.establish(message)
        return self.link

    def send(self, message):
        self.note(f"-> {message.hex()}")
        if message[:1] and message[0] & 15 == 3 and message[1:2] in (b"\x4d", b"\x5a"):
            self.crossing = asyncio.get_running_loop().time() + 2      # what the system said meanwhile still comes
        self.open(message)

    def downlink(self, bearer, frame):
        if bearer is self.bearer and self.link:
            self.link.receive(frame)

    def released(self, link):
        """The data link is down, properly: the bearer follows, ended by the base, or by the system a little later."""
        bearer = link.bearer
        if self.kind.get("base_ends", True):
            asyncio.get_running_loop().call_later(0.05, self._end_bearer, bearer)

    def _end_bearer(self, bearer):
        bearer.base.disconnect(bearer, info=bool(self.kind.get("odd")))
        self.bearer_lost(bearer.base, bearer)

    def bearer_lost(self, base, bearer):
        if bearer is self.bearer:
            self.bearer = None
            if self.link:
                self.link.end()
            self.link = self.call = self.ringing = None
            self.lost.set()
            self.news.set()

    async def close(self, within=15, own=False):
        """Waits until the bearer is gone; class B handsets begin that themselves, others when own is set."""
        if self.link and (own or self.kind.get("releases")) and self.link.state == "up":
            for _ in range(100):
                if not self.link or (not self.link.queue and self.link.va == self.link.vs):
                    break
                await asyncio.sleep(0.02)
            if self.link:
                self.link.release()
                if not self.link.b:
                    self.bearer_lost(self.base, self.bearer)
        await self.until(lambda: self.bearer is None, within, "the bearer's end")

    async def until(self, what, within, text):
        end = asyncio.get_running_loop().time() + within
        while True:
            got = what()
            if got:
                return got
            self.news.clear()
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                raise TimeoutError(f"{self.name}: no {text} within {within} s")
            try:
                await asyncio.wait_for(self.news.wait(), min(left, 0.1))
            except asyncio.TimeoutError:
                pass

    async def expect(self, pd, kinds, within=20):
        """The next message of the types; what came before it is dropped. Raises Refused for a reject or a release instead."""
        def look():
            for i, m in enumerate(self.inbox):
                if m[0] == pd and m[3] in kinds:
                    del self.inbox[:i + 1]
                    return m
                if (m[0], m[3]) in ((5, 0x47), (5, 0x57), (5, 0x43), (3, 0x4d), (3, 0x5a), (0, 0x72), (5, 0x4b), (5, 0x4f)):
                    del self.inbox[:i + 1]
                    raise Refused(f"{m[3]:02x}", {k: v.hex() for k, v in m[4]})
            return None
        return await self.until(look, within, f"message {[f'{k:02x}' for k in kinds]} of protocol {pd}")

    # --- what comes

    def received(self, octets):
        self.note(f"<- {octets.hex()}")
        if len(octets) < 2:
            return self.bad(f"message {octets.hex()}")
        m = parse(octets, self.bad)
        got = dict(reversed(m[4]))
        handler = getattr(self, f"_pd{m[0]}", None)
        if handler is None:
            self.bad(f"protocol {m[0]}: {octets.hex()}")
        else:
            handler(m[1], m[2], m[3], got)
        self.inbox.append(m)
        self.news.set()
        return None

    def _identity(self, value, what):
        if value == b"":
            return
        if value[0] == 0x80 and value != self.ipui and what != "assigned":
            self.bad(f"{what}: IPUI {value.hex()} is not ours, {self.ipui.hex()}")
        if value[0] == 0xa0:
            if len(value) != 5 or value[1] != 0x94:
                self.bad(f"{what}: TPUI {value.hex()}")
            elif what == "call" and int.from_bytes(value[2:], "big") & 0xfffff != self.tpui:
                self.bad(f"{what}: TPUI {value.hex()} is not ours")

    def _pd0(self, flag, tv, kind, got):
        if flag != 1:
            self.bad("LCE-PAGE-REJECT with F = 0")

    def _pd7(self, flag, tv, kind, got):
        if not flag:
            self.bad("COMS for a handset that did not begin")

    def _pd5(self, flag, tv, kind, got):
        if tv != 0:
            self.bad(f"MM with transaction value {tv}")
        if kind == 0x40:
            if flag:
                self.bad("AUTHENTICATION-REQUEST with F = 1")
            self._authenticate(got)
        elif kind == 0x42:
            self._allocate(got)
        elif kind == 0x4c:
            asyncio.get_running_loop().call_later(0.06, self._cipher, flag, got)
        elif kind == 0x58:
            asked = got[0x02]
            reply = {b"\x80\x80": ie(5, self.ipui), b"\x80\x90": ie(5, b"\x90\xa8" + self.ipei), b"\x80\xa0": b""}.get(asked, b"")
            self.send(b"\x85\x59" + reply)
        elif kind in (0x55, 0x5c):
            value = got.get(0x05, b"")
            self._identity(value, "assignment")
            if kind == 0x55 and flag != 1:
                self.bad("LOCATE-ACCEPT with F = 0")
            if value[:1] == b"\xa0":
                tpui = int.from_bytes(value[2:], "big") & 0xfffff
                if tpui >> 16 > 0xb or tpui >> 12 & 15 > 0xb:
                    self.bad(f"{tpui:05x} is not an assigned individual TPUI")
                others = [h.tpui for h in self.air.handsets if h is not self and h.tpui is not None]
                if tpui & 0xffff in [t & 0xffff for t in others]:
                    self.bad(f"TPUI {tpui:05x} has the low bits of another handset's")
                self.tpui = tpui
                self.send(bytes([0x05 if kind == 0x55 else 0x85, 0x5d]))
        elif kind == 0x48:
            if flag:
                self.bad("ACCESS-RIGHTS-TERMINATE-REQUEST with F = 1")
            asyncio.create_task(self._terminated())
        elif kind == 0x52:
            if got[0x01] == b"\x80":
                self.suggested.set()

    async def _terminated(self):
        if self.kind.get("odd"):
            await self.authenticate_base()
        self.send(b"\x85\x49")
        self.uak = self.tpui = None

    def _authenticate(self, got):
        at, rand, rs = got.get(0x0a, b""), got.get(0x0c, b""), got.get(0x0e, b"")
        if len(at) not in (3, 5, 6) or len(rand) != 8 or len(rs) != (16 if at[:1] == b"\2" else 8):
            return self.bad(f"AUTHENTICATION-REQUEST: {at.hex()} {rand.hex()} {rs.hex()}")
        if self.auth_silent:
            return None
        if at[0] == 2 and not self.dsaa2:
            self.send(b"\x85\x43" + ie(0x0a, bytes.fromhex("011800")) + ie(0x60, b"\x12"))
            return None
        key = self.uak if at[1] >> 4 == 1 else crypto.ac_key(self.ac or "0000")
        if key is None or self.auth_wrong == "reject":
            self.send(b"\x85\x43" + ie(0x60, b"\x13"))
            return None
        k = crypto.b1(key)
        if self.auth_wrong:
            k = bytes(16)
        if at[0] == 1:
            res, dck = crypto.a12(crypto.a11(k, rs), rand)
            more = b""
        else:
            rand_p = os.urandom(8)
            res, dck = crypto.dsaa2_2(crypto.dsaa2_1(k, rs), rand, rand_p)
            more = ie(0x0c, rand_p)
        if at[2] & 0x10:
            self.dcks[at[2] & 15] = dck
        if at[2] & 0x40:
            self.default_keys[at[3:5]] = dck
        self.send(b"\x85\x41" + more + ie(0x0d, res))
        return None

    def _allocate(self, got):
        alg, k = got[0x0b][0], crypto.b1(crypto.ac_key(self.ac))
        rand_p = os.urandom(8)
        if alg == 1:
            res1 = crypto.a12(crypto.a11(k, got[0x0e]), got[0x0c])[0]
        else:
            res1 = crypto.dsaa2_2(crypto.dsaa2_1(k, got[0x0e]), got[0x0c], rand_p)[0]
        self.allocation = (alg, k, got[0x0e], rand_p)
        number = got[0x0b][1] & 15
        self.uak_number = got[0x0b][1] >> 4
        self.send(b"\x85\x40" + ie(0x0a, bytes([alg, 0x40 | number, 0])) + ie(0x0c, rand_p) + ie(0x0d, res1))

    def _cipher(self, flag, got):
        info = got.get(0x19, b"")
        if len(info) != 2 or not info[0] & 0x80 or info[1] >> 4 != 9:
            self.bad(f"CIPHER-REQUEST {info.hex()}")
        dck = self.dcks.get(info[1] & 15)
        if self.bearer is None:
            return
        if dck is None or self.cipher_refuses or info[0] & 0x7f != 1:
            self.send(bytes([0x05 if flag else 0x85, 0x4f]) + ie(0x60, b"\x19"))
        elif self.bearer.ciphered and dck == self.dck_on:
            self.note("is ciphered with this key")
        else:
            if self.bearer.ciphered:
                self.re_keyed += 1
            if self.bearer.base.encrypt(self.bearer, dck):
                self.dck_on = dck

    def _pd4(self, flag, tv, kind, got):
        if kind == 0x62 and (flag or tv != 6):
            self.bad(f"FACILITY of the service that needs no connection with F {flag} TV {tv}")
        if 0x7d in got:
            if not self.kind.get("codecs"):
                self.bad("events for a handset that does not say it knows them")
            self.events.append(got[0x7d])
        if 0x23 in got:
            self.time = got[0x23]
        if 0x28 in got:
            self.standby = self._text(got[0x28])

    def _text(self, octets):
        if not self.capability:
            self.bad("display for a handset without one")
        return octets.replace(b"\x0c", b"").decode("latin-1")

    def _pd3(self, flag, tv, kind, got):
        if 0x28 in got:
            self.display = self._text(got[0x28])
        if 0x05 in got:
            self._identity(got[0x05], "call")
        if kind == 0x05:
            if flag:
                self.bad("CC-SETUP with F = 1")
            if self.call:
                self.bad("CC-SETUP in a call")
                return
            if got.get(0xe0) not in (b"\x80", b"\x88", b"\x90"):
                self.bad(f"basic service {got.get(0xe0, b'').hex()}")
            self.call, self.ringing = ("in", tv), got
            self.caller = {"number": got.get(0x6c, b"\0\0")[2:].decode("latin-1"), "name": got.get(0x6d, b"\0")[1:].decode("utf-8", "replace")}
            if self.auto_alert:
                self.send(self.cc(0x01))
            return
        if self.call is None:
            if kind not in (0x4d, 0x5a) and asyncio.get_running_loop().time() > self.crossing:
                self.bad(f"message {kind:02x} for no call")
            return
        side, mine = self.call
        if tv != mine or flag != (1 if side == "out" else 0):
            self.bad(f"message {kind:02x} for transaction {flag}.{tv}, the call is {side} {mine}")
        if kind == 0x4d:
            self.send(self.cc(0x5a))
            self.call = None
        elif kind == 0x5a:
            self.call = None

    def cc(self, kind, elements=b""):
        side, tv = self.call
        return bytes([(8 if side == "in" else 0) << 4 | tv << 4 | 3, kind]) + elements

    # --- what a user does

    def odd(self):
        """Elements that a receiver has to skip: unknown ones, of other codesets, of the extension."""
        if not self.kind.get("odd"):
            return b""
        return bytes.fromhex("9c0502aabb" "940508000102030405067ff090" "7f038501ff")

    async def subscribe(self, ac, tries=1):
        self.ac = ac
        alg = 2 if self.dsaa2 else 1
        m = b"\x05\x44" + ie(5, b"\x80\xa8" + self.ipei) + ie(0x0a, bytes([alg, 0x48, 0]))
        if self.kind.get("setup_capability"):
            m += ie(0x62, self.kind["setup_capability"])
        if self.capability:
            m += ie(0x63, self.capability)
        if self.kind.get("model"):
            m += ie(0x78, self.kind["model"])
        if self.kind.get("codecs"):
            m += ie(0x7c, self.kind["codecs"])
        if not self.base.hlc & 0x0008:
            self.note("subscription is not broadcast; asks all the same")
        self.send(m)
        _, flag, _, kind, got = await self.expect(5, (0x41, 0x45), 30)
        if kind == 0x41:
            got = dict(got)
            alg, k, rs, rand_p = self.allocation
            if flag:
                self.bad("AUTHENTICATION-REPLY of key allocation with F = 1")
            if alg == 1:
                uak = crypto.a21(k, rs)
                want = crypto.a22(uak, rand_p)
                if 0x0e in got:
                    self.bad("RS in AUTHENTICATION-REPLY of key allocation with DSAA")
            else:
                uak = crypto.dsaa2_1(k, got[0x0e])
                want = crypto.dsaa2_2(uak, rand_p, got[0x0c])[0]
            if got[0x0d] != want:
                self.bad(f"RES2 {got[0x0d].hex()}, should be {want.hex()}")
                raise Refused("RES2")
            self.uak, self.alg = uak, alg
            _, flag, _, _, got = await self.expect(5, (0x45,), 30)
        got = dict(got)
        if flag != 1:
            self.bad("ACCESS-RIGHTS-ACCEPT with F = 0")
        self.ipui, self.park = got[0x05], got[0x06]
        if self.park[0] != 0xa0 or self.park[1] != 0xa0 or self.park[2:] != self.base.rfpi[:4]:
            self.bad(f"PARK {self.park.hex()}, the base broadcasts {self.base.rfpi.hex()}")
        await self.close(own=True)

    async def locate(self, again=False):
        m = b"\x05\x54" + ie(5, self.ipui) + ie(6, b"\x81\xa8" + self.base.rfpi)
        if self.kind.get("locate_tail") or self.kind.get("odd"):
            m += ie(7, b"\x5f")
        if self.kind.get("setup_capability"):
            m += ie(0x62, self.kind["setup_capability"])
        if self.capability:
            m += ie(0x63, self.capability)
        if self.kind.get("odd"):
            m += ie(0x77, b"\x80\x80\x01\x02")
        if self.kind.get("model"):
            m += ie(0x78, self.kind["model"])
        m += self.kind.get("locate_tail", b"")
        if self.kind.get("codecs"):
            m += ie(0x7c, self.kind["codecs"])
        self.send(m + self.odd())
        got = dict((await self.expect(5, (0x55,), 30))[4])
        if not got[0x07] or got[0x07][0] >> 6 not in (1, 3):
            self.bad(f"location area {got[0x07].hex()}")
        await asyncio.sleep(0.1)
        await self.close()

    async def authenticate_base(self):
        """The handset doubts the base."""
        rand_p = os.urandom(8)
        alg = self.alg
        self.send(b"\x05\x40" + ie(0x0a, bytes([alg, 0x10 | self.uak_number, 0])) + ie(0x0c, rand_p))
        _, flag, _, _, got = await self.expect(5, (0x41,), 15)
        got, k = dict(got), crypto.b1(self.uak)
        if flag != 1:
            self.bad("AUTHENTICATION-REPLY with F = 0")
        if alg == 1:
            want = crypto.a22(crypto.a21(k, got[0x0e]), rand_p)
        else:
            want = crypto.dsaa2_2(crypto.dsaa2_1(k, got[0x0e]), rand_p, got[0x0c])[0]
        if got[0x0d] != want:
            self.bad(f"the base is false: RES2 {got[0x0d].hex()}, should be {want.hex()}")

    def setup(self, elements=b""):
        tv = self.next_tv
        if self.kind.get("odd"):
            self.next_tv = (tv + 1) % 7
        self.call = ("out", tv)
        m = self.cc(0x05, ie(5, self.ipui) + ie(6, self.park) + b"\xe0\x80" + elements)
        if self.capability and self.kind.get("odd"):
            m += ie(0x63, self.capability)
        m += self.kind.get("setup_tail", b"")
        if self.kind.get("codecs"):
            m += ie(0x7c, self.kind["codecs"])
        self.send(m + self.odd())

    async def dial(self, number, mode="overlap"):
        if mode == "called":
            self.setup(ie(0x70, b"\x80" + number.encode()))
        elif mode == "setup":
            self.setup(ie(0x2c, number.encode()))
        else:
            self.setup()
            await self.expect(3, (0x0d,))
            if mode == "block":
                self.send(self.cc(0x7b, ie(0x2c, number.encode())))
            elif mode == "single":
                for c in number.encode():
                    self.send(self.cc(0x7b, bytes([0xe9, c])))
                    await asyncio.sleep(0.02)
            else:
                for c in number.encode():
                    self.send(self.cc(0x7b, ie(0x2c, bytes([c]))))
                    await asyncio.sleep(0.05)
                if self.kind.get("dial_end"):
                    self.send(self.cc(0x7b, ie(0x2c, b"\x0c")))

    async def rings(self, within=20):
        return await self.until(lambda: self.ringing, within, "call")

    async def answer(self):
        self.send(self.cc(0x07))
        await self.expect(3, (0x0f,), 10)
        self.ringing = None

    def keys(self, octets):
        self.send(self.cc(0x7b, ie(0x2c, octets)))

    async def hang_up(self):
        if not self.call:
            return
        if self.kind.get("dial_end"):
            self.keys(bytes([self.kind["dial_end"]]))
        self.send(self.cc(0x4d, b"\xe2\x00"))
        await self.expect_end()

    async def expect_end(self, within=20):
        await self.until(lambda: self.call is None, within, "end of the call")
        await self.close()

    def detach(self):
        self.send(b"\x05\x56" + ie(5, self.ipui))

    # --- pages and handover

    def paged(self, base, p):
        if base is not self.base or not self.hears_pages or self.uak is None:
            return
        w, head, low = p[0] & 8, p[0] & 7, int.from_bytes(p[1:3], "big")
        mine = False
        if len(p) == 3 and head != 1:
            default = int.from_bytes(self.ipui[2:], "big") >> -(self.ipui[1] & 0x7f) % 8
            mine = (self.tpui is not None and low == self.tpui & 0xffff) if w else low == default & 0xffff
        if not mine:
            return
        self.paged_count += 1
        if self.answers_pages and not (self.link and self.link.state != "down"):
            self.send(b"\x00\x71" + ie(5, self.ipui))

    async def hand_over(self, base, within=10):
        """The call moves to another base: a second bearer, then the link follows."""
        old_base, old = self.base, self.bearer
        self.moving = base.connect(self, self.tpui, handover=True)
        if self.moving is None:
            raise Refused("no bearer")
        await self.until(lambda: self.base is base, within, "handover")
        if old.ciphered:
            await asyncio.sleep(0.05)
            base.encrypt(self.bearer, self.dck_on)
        await self.until(lambda: old.mcei not in old_base.bearers or old_base.bearers[old.mcei] is not old, within, "end of the old bearer")

    def handover_allowed(self, base, bearer):
        if bearer is self.moving:
            self.base, self.bearer, self.moving = base, bearer, None
            self.link.bearer = bearer
            self.news.set()
