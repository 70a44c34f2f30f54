"""Further steps: devices that do less, more or other than usual within the references, and devices that are not right."""
import asyncio
import os
import struct

from dect_lapc import ie
from dect_pt import Refused
from dect_rfp import Rfp
from dect_steps import call, end, hears, refused, step


@step
async def digits_early(s):
    """Digits before CC-SETUP-ACK; a new call before the former one's release is confirmed; a release before anything came."""
    s.b.setup()
    s.b.keys(b"30")
    s.b.keys(b"1")
    await s.a.rings()
    await s.a.answer()
    await s.b.expect(3, (0x07,))
    s.b.send(s.b.cc(0x4d, b"\xe2\x00"))
    tv = (s.b.call[1] + 1) % 7
    s.b.call = ("out", tv)
    real, s.b.bad = s.b.bad, lambda text: None        # the former call's CC-RELEASE-COM comes for another transaction
    s.b.send(s.b.cc(0x05, ie(5, s.b.ipui) + ie(6, s.b.park) + b"\xe0\x80"))
    await s.b.until(lambda: [m for m in s.b.inbox if m[3] == 0x5a], 10, "CC-RELEASE-COM")
    s.b.inbox = [m for m in s.b.inbox if m[3] != 0x5a]
    s.b.call = ("out", tv)
    del s.b.bad
    assert real
    await s.b.expect(3, (0x0d,))
    await s.a.expect_end()
    s.b.keys(b"301")
    await s.a.rings()
    s.b.send(s.b.cc(0x5a, b"\xe2\x00"))
    s.b.call = None
    await s.a.expect_end()
    await s.b.close()
    s.b.setup()
    s.b.send(s.b.cc(0x4d, b"\xe2\x00"))
    await s.b.expect_end()


@step
async def identities(s):
    """TPUI or IPEI for the IPUI, no Fixed identity where it may be left out, a link of each number, no TPUI at the MAC."""
    tpui = ie(5, b"\xa0\x94" + s.b.tpui.to_bytes(3, "big"))
    for identity, fixed in ((tpui, ie(6, s.b.park)), (ie(5, b"\x90\xa8" + s.b.ipei), ie(6, b"\x80\xa0" + s.b.base.rfpi[:4])), (ie(5, s.b.ipui), ie(6))):
        s.b.call = ("out", 0)
        s.b.send(s.b.cc(0x05, identity + fixed + b"\xe0\x80"))
        await s.b.expect(3, (0x0d,))
        await s.b.hang_up()
    for lln in (3, 5, 6, 2):
        s.b.lln = lln
        await s.b.locate()
    keep, s.b.tpui = s.b.tpui, None
    await call(s.b, s.a, "301")
    s.b.tpui = keep
    await end(s.b, s.a)
    await s.b.locate()


@step
async def assignments(s):
    """A handset that refuses its TPUI, one that never confirms it, one that hangs up at once; all are reached afterwards."""
    for answer in (b"\x05\x5f\x60\x01\x23", None, "disc"):
        keep = s.b._pd5

        def handler(flag, tv, kind, got):
            if kind != 0x55:
                return keep(flag, tv, kind, got)
            if answer == "disc":
                s.b.link.release()
            elif answer:
                s.b.send(answer)
            return None
        s.b._pd5 = handler
        s.b.send(b"\x05\x54" + ie(5, s.b.ipui))
        await s.b.until(lambda: [m for m in s.b.inbox if m[3] == 0x55], 20, "LOCATE-ACCEPT")
        await asyncio.sleep(0.2)
        del s.b._pd5
        await s.b.close(40)
        await call(s.a, s.b, "302")
        await end(s.a, s.b)
    await s.b.locate()


@step
async def link_troubles(s):
    """The server's enquiries and its own SABM, a class A link that goes dead; the next call works."""
    await call(s.n, s.b, "302")
    s.b.link.lose_down = 6                   # CC-RELEASE and every enquiry are lost until the server begins anew
    s.n.send(s.n.cc(0x4d, b"\xe2\x00"))
    await s.n.expect_end()
    await s.b.until(lambda: s.b.call is None, 60, "end of the call")
    await s.b.close(20)
    await call(s.n, s.a, "301")
    s.a.link.lose_down = 99
    await s.n.hang_up()
    await s.a.until(lambda: s.a.bearer is None, 40, "end of a dead link")
    await call(s.n, s.a, "301")
    await end(s.n, s.a)


@step
async def services(s):
    """HOLD and RETRIEVE, CC-SERVICE-CHANGE, recall as Feature activate, IWU-INFO, codes of NG-DECT, CISS, an internal call."""
    await call(s.n, s.a, "301")
    for m, answers in ((s.n.cc(0x24), (0x28, 0x30)), (s.n.cc(0x31), (0x33, 0x37)), (s.n.cc(0x20, ie(5, s.n.ipui) + bytes.fromhex("16018d") +
                       ie(0x7c, bytes.fromhex("90020084"))), (0x21, 0x23))):
        s.n.send(m)
        got = await s.n.expect(3, answers, 8)
        print(f"{m[1]:02x} -> {got[3]:02x}")
    await asyncio.sleep(0.5)
    s.n.send(s.n.cc(0x60, ie(5, s.n.ipui) + ie(0x77, b"\x80\x80\x01")))
    s.n.send(s.n.cc(0x62, ie(0x1c, bytes.fromhex("91a1050201010201"))))
    s.n.send(s.n.cc(0x7b, ie(0x38, b"\x81")))            # register recall
    await asyncio.sleep(0.5)
    s.n.keys(b"302")
    await s.b.rings()
    await s.b.answer()
    await hears(s.n, s.b)
    s.n.keys(b"\x1c\x31")                                # toggle
    await hears(s.n, s.a)
    s.n.keys(b"\x1c\x34")
    await s.n.expect_end()
    await hears(s.a, s.b)
    await end(s.a, s.b)
    s.n.send(b"\x04\x64" + ie(5, s.n.ipui) + ie(0x1c, b"\x91\xa1\x05\x02\x01\x01\x02\x01"))
    await asyncio.sleep(0.3)
    s.n.send(b"\x34\x62" + ie(0x1c, b"\x91"))
    await s.n.close()
    s.n.call = ("out", 2)
    s.n.send(s.n.cc(0x05, ie(5, s.n.ipui) + ie(6, s.n.park) + b"\xe0\x90" + ie(0x2c, b"301")))
    await s.a.rings()
    await s.n.hang_up()
    await s.a.expect_end()


@step
async def handover_early(s):
    """Handover while it dials, while it rings; to a base that cannot cipher, which is refused or lets the call be in the clear."""
    s.n.setup()
    await s.n.expect(3, (0x0d,))
    await s.n.hand_over(s.third)
    s.n.keys(b"302")
    await s.b.rings()
    await s.b.hand_over(s.third)
    await s.b.answer()
    await s.n.expect(3, (0x07,))
    await hears(s.n, s.b)
    await s.b.hand_over(s.new)
    await end(s.n, s.b)
    s.n.base = s.b.base = s.new
    for h in (s.n, s.b):
        await h.locate()


@step
async def media_refused(s):
    """A base without a free channel for speech: the call ends with a reason, the next one works."""
    real = s.new._m02

    def no(kind, p):
        if kind == 0x0200:
            s.new.send(0x0002, struct.pack(">H", kind) + p[:2] + bytes.fromhex("04000002"))
        elif kind not in (0x0201, 0x0203, 0x0204, 0x0202):
            real(kind, p)
    s.new._m02 = no
    await s.b.dial("301", "block")
    try:
        await s.b.expect_end(30)
    except TimeoutError:
        await s.b.hang_up()
    del s.new._m02
    if s.a.call:
        await s.a.expect_end()
    await s.a.close(20)
    await call(s.b, s.a, "301", speech=True)
    await end(s.b, s.a)


@step
async def base_variants(s):
    """A base that only keeps the link (as a published soft RFP does); one that reports an active radio; too old a one; a slow one."""
    mac = s.new.mac[:5]
    quiet = Rfp(s.air, mac + b"\x11", s.new.server, local=s.local(11))
    quiet.without = {"ready", "time"}
    await quiet.start()
    await s.says(quiet.mac.hex(), "base", "list")
    await asyncio.sleep(0.3)
    s.ctl("base", "admit", quiet.mac.hex())
    await asyncio.wait_for(quiet.closed.wait(), 15) if quiet.state != "off" else None
    await quiet.start()
    await asyncio.sleep(20)
    print(s.ctl("base", "list"))
    print(s.ctl("base", "show", quiet.mac.hex()))
    assert quiet.state != "off", "dropped for having no radio"
    await quiet.stop()
    active = Rfp(s.air, mac + b"\x12", s.new.server, local=s.local(12))
    active.without = {"ready"}
    active.active_ind = True
    old = Rfp(s.air, mac + b"\x13", s.new.server, local=s.local(13), form="A", proto=0x00040000, model=0x0b, old=True, table=s.table)
    await old.start()
    out = await s.says(old.mac.hex(), "base", "list")
    print([line for line in out.splitlines() if old.mac.hex() in line])
    await active.start()
    await s.says(active.mac.hex(), "base", "list")
    s.ctl("base", "admit", active.mac.hex())
    await s.base_up(active)
    for b in (quiet, active, old):
        await b.stop()
        s.air.bases.remove(b)


@step
async def wild_sockets(s):
    """Half-open sockets, nonsense before the key, cut and endless messages; admitted bases are not disturbed and told of it."""
    async def one(data, wait):
        r, w = await asyncio.open_connection(*s.new.server)
        w.write(data)
        await w.drain()
        t = asyncio.get_running_loop().time()
        try:
            while await asyncio.wait_for(r.read(4096), wait):
                pass
            gone = True
        except asyncio.TimeoutError:
            gone = False
        except ConnectionError:
            gone = True
        w.close()
        return gone, asyncio.get_running_loop().time() - t
    tasks = [one(d, 20) for d in (b"", b"\x01", b"\x01\x20\x01\x10" + bytes(100), b"GET / HTTP/1.0\r\n\r\n", os.urandom(300), b"\x01\x20\xff\xff" + bytes(66000),
                                  b"\x01\x20\x01\x10" + bytes(0x110), b"\x01\x26\x00\x00", b"\x01\x20\x00\x00")] + [one(b"", 20) for _ in range(40)]
    await call(s.b, s.n, "303", speech=True)
    for gone, t in await asyncio.gather(*tasks):
        assert gone and t < 15, f"a socket that says nothing right is kept for {t:.1f} s"
    await end(s.b, s.n)
    assert "000000000000" not in s.ctl("base", "list"), "a device without an address waits for admission"
    out = s.ctl("base", "show", s.third.mac.hex())
    s.third.send(0x0301, bytes.fromhex("7801 01ff"))
    s.third.send(0x0301, b"\x7a")
    s.third.send(0x0301, bytes.fromhex("7a01"))
    s.third.send(0x0301, bytes.fromhex("7906 05 00 40 21"))
    s.third.send(0x0302, bytes.fromhex("7d1f ff 20"))
    s.third.send(0x0205, b"\x01")
    s.third.send(0x0999 & 0x8ff, b"what")
    await asyncio.sleep(0.5)
    assert s.third.state == "active"
    print(out, s.ctl("base", "show", s.third.mac.hex()))


@step
async def odd_base(s):
    """Shorter and longer messages than usual, acknowledgements nobody asked for, a port in use, READY_IND again, keys of the trace."""
    base = Rfp(s.air, s.new.mac[:5] + b"\x21", s.new.server, local=s.local(21), chop=True)
    base.neighbours = [(s.new.rpn, 50)]
    await base.start()
    await s.says(base.mac.hex(), "base", "list")
    s.ctl("base", "admit", base.mac.hex())
    await s.base_up(base)
    plain = base.send

    def longer(kind, payload=b""):
        if kind == 0x0301 and payload[:2] == b"\x7a\x03":
            payload = payload[:-1]                       # no reason
        elif kind == 0x0301 and payload[0] == 0x79:
            payload += b"\0\0\0"                         # padded as structures are
        plain(kind, payload)
    base.send = longer
    for kind, p in ((0x0001, bytes.fromhex("01050000")), (0x0001, bytes.fromhex("0101ffff01000000")), (0x0111, b"\1"), (0x0113, b"\0\0\0\1"),
                    (0x010e, s.new.mac + bytes(18)), (0x0003, bytes(4)), (0x0302, bytes.fromhex("7d330810000ad00ad00200")),
                    (0x0126, b""), (0x0302, bytes.fromhex("7d2a00")), (0x0301, bytes.fromhex("7c0101020304")), (0x0301, bytes.fromhex("7832"))):
        plain(kind, p)
    real, ports = base._m02, []

    def in_use(kind, p):
        if kind == 0x0201:
            ports.append(p[66:68])
            if len(ports) == 1:
                base.send(0x0002, struct.pack(">H", kind) + p[:2] + bytes.fromhex("04000005"))
                return
        if kind in (0x0203, 0x0204) and len(ports) == 1:
            return
        real(kind, p)
    base._m02 = in_use
    await s.b.close()
    s.b.base = base
    await s.b.locate()
    await s.b.dial("301", "block")
    await s.a.rings()
    await s.a.answer()
    await s.b.expect(3, (0x07,))
    await hears(s.a, s.b)
    assert ports[0] not in ports[1:], ports
    for key in (b"\xff", b"\x0c", b"\x0d", b"\x82", b"\x175", b"\x10", b"\x7f\x80"):
        s.b.keys(key)
    await hears(s.a, s.b)
    await s.b.hang_up()
    await s.a.expect_end()
    plain(0x0301, bytes.fromhex("7801 010101 02070300000211000303010c"))
    await asyncio.sleep(0.2)
    await s.until(lambda: base.state == "active" and base.seen.get(0x0302, 0) > 8, "on air again")
    await s.b.locate()
    await s.b.close()
    s.b.base = s.new
    await s.b.locate()
    await base.stop()
    s.air.bases.remove(base)


@step
async def half_dead_base(s):
    """A base whose heartbeats cease while its TCP connection stays: closed after three, its calls end, it may come back."""
    base = Rfp(s.air, s.new.mac[:5] + b"\x31", s.new.server, local=s.local(31))
    base.neighbours = [(s.new.rpn, 50)]
    await base.start()
    await s.says(base.mac.hex(), "base", "list")
    s.ctl("base", "admit", base.mac.hex())
    await s.base_up(base)
    await s.b.close()
    s.b.base = base
    await s.b.locate()
    await call(s.b, s.a, "301", speech=True)
    for t in base.tasks[1:]:
        t.cancel()
    await s.a.expect_end(70)
    await asyncio.wait_for(base.closed.wait(), 10)
    await s.base_up(base)
    await call(s.b, s.a, "301", speech=True)
    await end(s.b, s.a)
    await s.b.close()
    s.b.base = s.new
    await s.b.locate()
    await base.stop()
    s.air.bases.remove(base)


@step
async def replayed(s):
    """Old answers of an authentication, from the same device: not served; nor is an answer that was not asked for."""
    seen = []
    real = s.b._authenticate

    def keep(got):
        seen.append(1)
        return real(got)
    s.b._authenticate = keep
    await s.b.locate()
    del s.b._authenticate
    assert seen
    sent = []
    note = s.b.note

    def listen(text):
        if text.startswith("-> 8541"):
            sent.append(bytes.fromhex(text[3:]))
        note(text)
    s.b.note = listen
    await s.b.locate()
    del s.b.note

    def replay(got):
        s.b.send(sent[0])
    s.b._authenticate = replay
    try:
        s.b.setup()
        s.b.send(sent[0])                    # before it was asked, too
        await refused(s.b.expect(3, (0x0d,), 40), "4d", "5a")
    finally:
        del s.b._authenticate
    await s.b.expect_end(30)
    await call(s.b, s.a, "301")
    await end(s.b, s.a)


@step
async def asked_by_the_administrator(s):
    """Locate, identify, renew from dectctl; a buffer of the base that is never reported free."""
    for what in ("identify", "renew", "locate"):
        s.n.suggested.clear()
        before = s.n.tpui
        task = asyncio.create_task(asyncio.to_thread(s.ctl, "handset", what, "040970175054"))
        if what == "locate":
            await asyncio.wait_for(s.n.suggested.wait(), 15)
            await s.n.locate()
        print((await asyncio.wait_for(task, 30)).strip())
        if what == "renew":
            await s.n.until(lambda: s.n.tpui != before, 15, "other TPUI")
        await s.n.close()
    await call(s.n, s.b, "302")
    s.new.lose_dtr = 1
    s.b.keys(b"\x141")
    await s.b.hang_up()
    await s.n.expect_end()
    await s.says("Peer 303", "handset", "show", "040970175054")
