"""What a site's base stations and handsets go through: each step is a coroutine on a Site with everybody subscribed.

Written from the references (rfp-link.md, dect-nwk.md, dect-security.md); a step's name says what must hold.
"""
import asyncio

import dect_crypto as crypto
from dect_lapc import ie
from dect_pt import GAP_B, Handset, Refused
from dect_rfp import Rfp

STEPS = []


def step(f):
    STEPS.append(f)
    return f


async def hears(a, b, within=10):
    """Each hears the other's tone over the whole path."""
    a.tone, b.tone = 650, 1050
    for _ in range(within * 5):
        await asyncio.sleep(0.2)
        got = []
        for one, other in ((a, b), (b, a)):
            s = one.base.stream_of(one.bearer) if one.bearer else None
            got.append(s.strength(other.tone) if s else 0)
        if min(got) > 0.8:
            return
    raise AssertionError(f"speech between {a.name} and {b.name}: {got}")


async def call(a, b, number, mode="overlap", speech=False):
    await a.dial(number, mode)
    await b.rings()
    await b.answer()
    await a.expect(3, (0x07,))
    if speech:
        await hears(a, b)


async def end(a, b):
    await a.hang_up()
    await b.expect_end()


async def refused(what, *codes):
    """The exchange is refused with one of the messages."""
    try:
        await what
    except Refused as e:
        assert e.args[0] in codes, e.args
        return e.args[1] if len(e.args) > 1 else {}
    raise AssertionError("was not refused")


@step
async def dialling(s):
    """All ways to dial, with speech both ways; profiles among each other."""
    for mode in ("overlap", "block", "setup", "called", "single"):
        await call(s.b, s.a, "301", mode, speech=mode == "overlap")
        await end(s.b, s.a)
    await call(s.a, s.n, "303", "block", speech=True)
    await end(s.n, s.a)
    await call(s.n, s.b, "302", speech=True)
    if s.args.re_keying:
        await s.n.until(lambda: s.n.re_keyed, s.args.re_keying * 4, "new key")
        await hears(s.n, s.b)
    await end(s.b, s.n)


@step
async def refusals(s):
    """Unknown number, rejection, busy, an answer without ringing, Sending complete."""
    await s.b.dial("999", "block")
    await refused(s.b.expect(3, (0x07,), 20), "4d", "5a")
    await s.b.expect_end()
    s.a.auto_alert = False
    await s.b.dial("301", "block")
    await s.a.rings()
    s.a.send(s.a.cc(0x5a, b"\xe2\x15"))
    s.a.call = None
    await refused(s.b.expect(3, (0x07,), 20), "4d", "5a")
    await s.b.expect_end()
    await s.a.close()
    await s.b.dial("301", "block")
    await s.a.rings()
    await s.a.answer()                      # CC-CONNECT, never CC-ALERTING
    await s.b.expect(3, (0x07,))
    s.a.auto_alert = True
    await end(s.b, s.a)
    s.n.setup()
    await s.n.expect(3, (0x0d,))
    s.n.send(s.n.cc(0x7b, b"\x2c\x03301\xa1"))
    await s.a.rings()
    await s.n.hang_up()
    await s.a.expect_end()


@step
async def lost_frames(s):
    """Frames lost either way, at the establishment and later, in both classes; a call comes about and ends all the same."""
    for h, other, number in ((s.a, s.b, "302"), (s.b, s.a, "301"), (s.n, s.b, "302")):
        h.setup()
        h.link.lose_down = 1
        await h.expect(3, (0x0d,))
        h.link.lose_up = 1
        h.send(h.cc(0x7b, ie(0x2c, number.encode())))
        await other.rings()
        other.link.lose_down = 1
        await other.answer()
        await h.expect(3, (0x07,))
        other.link.lose_up = 2
        await other.hang_up()
        await h.expect_end()


@step
async def busy_and_again(s):
    """Window of one; RNR for some seconds; SABM in a call; segments shorter than they may be."""
    s.n.window = 1
    await call(s.n, s.b, "302")
    s.n.window = None
    s.n.link.busy = True
    s.n.link._rr()
    await s.b.hang_up()
    await asyncio.sleep(3)
    assert s.n.call, "CC-RELEASE taken while busy"
    s.n.link.busy = False
    s.n.link._rr()
    await s.n.expect_end()
    await call(s.n, s.b, "302")
    s.n.link.reestablish()
    await s.n.until(lambda: s.n.link.state == "up", 5, "UA")
    await hears(s.n, s.b)
    s.n.link.send(s.n.cc(0x7b, ie(0x2c, b"\x14123")), piece=3)
    await asyncio.sleep(0.5)
    s.b.link.reestablish()
    await s.b.until(lambda: s.b.link.state == "up", 5, "UA")
    await end(s.b, s.n)
    await s.n.locate()


@step
async def collisions(s):
    """CC-SETUP crosses CC-SETUP; both hang up at once; a second CC-SETUP in a call; both call each other."""
    s.a.auto_alert = False
    await s.b.dial("301", "block")
    await s.a.rings()
    first = s.a.call
    own = (first[1] + 3) % 7                 # the handset's own call, as it crosses
    s.a.send(bytes([own << 4 | 3, 0x05]) + ie(5, s.a.ipui) + ie(6, s.a.park) + b"\xe0\x80")
    s.a.send(s.a.cc(0x5a, b"\xe2\x32"))      # and kills the system's, 11.5
    s.a.call, s.a.ringing, s.a.auto_alert = ("out", own), None, True
    got = await s.a.until(lambda: [m for m in s.a.inbox if m[3] == 0x5a], 5, "CC-RELEASE-COM of the handset's call")
    assert (0xe2, b"\x32") in got[0][4], got
    s.a.inbox = []
    await s.a.rings()                        # presented once more
    await s.a.answer()
    await s.b.expect(3, (0x07,))
    tv = (s.b.call[1] + 2) % 7
    s.b.send(bytes([tv << 4 | 3, 0x05]) + ie(5, s.b.ipui) + ie(6, s.b.park) + b"\xe0\x80")
    keep, s.b.call = s.b.call, ("out", tv)
    await s.b.until(lambda: [m for m in s.b.inbox if m[3] == 0x5a], 5, "refusal of a second CC-SETUP")
    s.b.call, s.b.inbox = keep, []
    await hears(s.a, s.b)
    for h in (s.a, s.b):
        h.send(h.cc(0x4d, b"\xe2\x00"))
    await s.a.expect_end()
    await s.b.expect_end()


@step
async def pages(s):
    """A handset that misses two pages, one that does not answer, a stranger that answers, an answer that nobody asked for."""
    s.a.hears_pages = False
    await s.b.dial("301", "block")
    await asyncio.sleep(4)
    s.a.hears_pages = True
    await s.a.rings(10)
    await s.a.answer()
    await s.b.expect(3, (0x07,))
    await end(s.b, s.a)
    s.a.send(b"\x00\x71" + ie(5, s.a.ipui))
    await refused(s.a.expect(0, (0,), 10), "72")
    await s.a.close(10)
    s.a.answers_pages = False                # its page is answered by another, as with equal low bits
    await s.b.dial("301", "block")
    await s.a.until(lambda: s.a.paged_count, 5, "page")
    s.n.send(b"\x00\x71" + ie(5, s.n.ipui))
    await refused(s.n.expect(0, (0,), 10), "72")
    s.a.answers_pages = True
    await s.a.rings(10)
    await s.b.hang_up()
    await s.a.expect_end()
    await s.n.close(10)


@step
async def unreachable(s):
    """A handset out of reach, then one that said good-bye; both are there again when they come back."""
    s.a.hears_pages = False
    await s.b.dial("301", "block")
    await refused(s.b.expect(3, (0x07,), 30), "4d", "5a")
    await s.b.expect_end(20)
    s.a.hears_pages = True
    await s.a.locate()
    s.a.detach()
    await asyncio.sleep(1)
    await s.a.close(10)
    await s.says("detached", "handset", "list")
    await s.b.dial("301", "block")
    await refused(s.b.expect(3, (0x07,), 20), "4d", "5a")
    await s.b.expect_end(20)
    await s.a.locate()
    await call(s.b, s.a, "301")
    await end(s.b, s.a)


@step
async def handover(s):
    """A call goes to another base and back, with speech, ciphered; a handover that fails leaves it where it was."""
    await call(s.b, s.n, "303", speech=True)
    await s.n.hand_over(s.third)
    await hears(s.b, s.n)
    s.n.keys(b"\x141")
    await s.n.hand_over(s.new)
    await hears(s.b, s.n)
    m = s.third.connect(s.n, s.n.tpui, handover=True)
    s.n.handover_allowed = lambda base, bearer: None
    s.third._connected = lambda b, flags: s.third.send(0x0301, bytes([0x7a, 0x0d, b.mcei, 1]))
    await asyncio.sleep(1)
    del s.third._connected, s.n.handover_allowed
    s.third.bearers.pop(m.mcei, None)
    await hears(s.b, s.n)
    await end(s.n, s.b)


@step
async def old_base(s):
    """Behind an RFP 32: registration, calls in the clear, speech; its keys change after 2500 messages."""
    for h in (s.a, s.b):
        await h.close()
        h.base = s.old
        await h.locate()
    await call(s.a, s.b, "302", "block", speech=True)
    await end(s.a, s.b)
    await call(s.b, s.n, "303", speech=True)
    before = s.old.up.rekeyed, s.old.down.rekeyed
    for _ in range(2600):
        s.old.vsntp()
        if s.old.sent % 50 == 0:
            await asyncio.sleep(0.01)
    await s.until(lambda: s.old.up.rekeyed > before[0] and s.old.down.rekeyed > before[1], "other keys")
    await hears(s.b, s.n)
    await end(s.n, s.b)
    for h in (s.a, s.b):
        await h.close()
        h.base = s.new
        await h.locate()


@step
async def radio_lost(s):
    """The radio is gone in a call; a second bearer of the same handset; an MCEI that is used anew; a bearer that says nothing."""
    await call(s.b, s.n, "303")
    b = s.n.bearer
    s.new.disconnect(b, 2)
    s.n.bearer_lost(s.new, b)
    await s.b.expect_end(20)
    await call(s.n, s.b, "302")
    old = s.n.bearer
    s.n.link.end()
    s.n.link = s.n.call = s.n.bearer = None
    await s.n.locate()                        # came back without a word, the old bearer is still there
    await s.b.expect_end(20)
    s.new.disconnect(old, 1)
    await call(s.n, s.b, "302")
    b = s.n.bearer
    del s.new.bearers[b.mcei]                 # the end was not told; the number is used again
    s.new.next_mcei = b.mcei
    s.n.bearer_lost(s.new, b)
    await s.n.locate()
    await s.b.expect_end(20)
    quiet = s.new.connect(s.n, 0xe1234)
    for _ in range(200):
        if s.new.bearers.get(quiet.mcei) is not quiet:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("a bearer without a link is kept for 20 s")


@step
async def base_comes_back(s):
    """A base is cut off in a call and comes back with its key; another that has its address but not its key disturbs nothing."""
    await call(s.b, s.n, "303")
    await s.new.stop("abort")
    await s.base_up(s.new)
    assert s.new.plain_seen == [0x012d, 0x0001], s.new.plain_seen
    await call(s.b, s.n, "303", speech=True)
    false = Rfp(s.air, s.new.mac, s.new.server, local=s.local(9))
    s.air.bases.remove(false)
    false.rfpa, false.wrong_key = s.new.rfpa, True
    await false.start()
    await asyncio.wait_for(false.closed.wait(), 15)
    await hears(s.b, s.n)
    await end(s.b, s.n)
    await s.says("a second device uses its MAC address", "base", "list")


@step
async def keys_and_services(s):
    """R: hold, a second call, toggle, transfer; DTMF; the handset doubts the base; CIPHER-SUGGEST; parameters."""
    await call(s.n, s.a, "301")
    await s.n.authenticate_base()
    s.n.send(b"\x05\x4e" + ie(0x19, bytes.fromhex("8198")))
    await asyncio.sleep(0.5)
    s.n.send(b"\x05\x50" + ie(1, b"\x89"))
    await s.n.expect(5, (0x51, 0x52), 5)
    s.n.keys(b"\x1412#")
    s.n.keys(b"\x16")
    s.n.keys(b"5")
    s.n.keys(b"\x00")
    s.n.keys(b"\x15")
    await asyncio.sleep(0.5)
    s.n.keys(b"302")
    await s.b.rings()
    await s.b.answer()
    await hears(s.n, s.b)
    s.n.keys(b"\x152")
    await hears(s.n, s.a)
    s.n.keys(b"\x154")
    await s.n.expect_end()
    await hears(s.a, s.b)
    await end(s.a, s.b)


@step
async def waiting_call(s):
    """A second call to a busy handset: shown in its call, taken with R 2, the first is kept and taken back."""
    await call(s.a, s.n, "303")
    await s.b.dial("303", "block")
    got = await s.n.until(lambda: [m for m in s.n.inbox if m[3] == 0x7b and (0xe4, b"\x07") in m[4]], 10, "waiting call")
    print("waiting:", got[0][4])
    s.n.keys(b"\x152")
    await s.b.expect(3, (0x07,))
    await hears(s.n, s.b)
    await s.b.hang_up()                      # the system takes the first back by itself
    await hears(s.n, s.a)
    await end(s.n, s.a)


@step
async def odd_messages(s):
    """Elements out of order, repeated requests, unknown messages and protocols, empty and cut ones, other entities."""
    h = s.b
    for m in ("0b01", "05", "", "057f", "0f4100", "0540", "854d", "8541", "05540505a0940b4711", "0356", "037b2c0131", "1301", "0301",
              "4562", "6462", "0762", "0405", "0001", "8071", "837b", "f3050500", "034d", "035a"):
        h.send(bytes.fromhex(m))
        await asyncio.sleep(0.03)
    h.send(bytes.fromhex("1705") + ie(5, h.ipui) + ie(6, h.park))
    await asyncio.sleep(0.5)
    if h.link:
        h.link.release()
    await h.until(lambda: h.bearer is None, 20, "end")
    h.inbox = []
    h.send(b"\x05\x54\x7b\x03\x80\x01\x02" + ie(7, b"\x5f") + ie(6, b"\xa0\xa0" + h.base.rfpi[:4]) + ie(5, h.ipui) + ie(5, h.ipui))
    await h.expect(5, (0x55,), 20)
    await h.close()
    h.send(b"\x05\x54" + ie(5, h.ipui))
    h.send(b"\x05\x54" + ie(5, h.ipui))
    await h.expect(5, (0x55,), 20)
    await h.close()
    h.call = ("out", 0)
    h.setup()
    h.setup()                                # repeated
    await h.expect(3, (0x0d,))
    h.keys(b"301")
    await s.a.rings()
    await h.hang_up()
    await s.a.expect_end()


@step
async def silent_refuser(s):
    """A handset that does not answer authentication, refuses it, or refuses to cipher is not served; then it is again."""
    for what in ("silent", "reject", "wrong", "cipher"):
        s.b.auth_silent, s.b.auth_wrong = what == "silent", {"reject": "reject", "wrong": True}.get(what, False)
        s.b.cipher_refuses = what == "cipher"
        try:
            s.b.setup()
            await refused(s.b.expect(3, (0x0d,), 40), "4d", "5a")
        finally:
            s.b.auth_silent = s.b.auth_wrong = s.b.cipher_refuses = False
        await s.b.expect_end(30)
    await call(s.b, s.a, "301")
    await end(s.b, s.a)


@step
async def clone(s):
    """A second handset with the same IPEI and no key gets nowhere, the first is not disturbed; it is told to the administrator."""
    c = Handset(s.air, s.b.ipei, s.third, **GAP_B)
    c.ipui, c.park, c.uak, c.uak_number = s.b.ipui, s.b.park, bytes(16), 8
    try:
        await refused(c.locate(), "57", "43")
        await c.close(15)
        await call(s.a, s.b, "302", speech=True)
        c.send(b"\x05\x54" + ie(5, c.ipui))
        await c.until(lambda: c.bearer is None, 15, "end of the second connection")
        await hears(s.a, s.b)
        await end(s.a, s.b)
    finally:
        s.air.handsets.remove(c)
    print(s.ctl("handset", "pending"))


@step
async def guessed_codes(s):
    """Three wrong codes close the window."""
    s.ctl("user", "add", "304", "ipei=040970175055")
    s.ctl("secret", "set", "304", "kind=ac", "value=-", stdin="3041234\n")
    g = Handset(s.air, bytes.fromhex("010012abcf"), s.new, **GAP_B)
    s.ctl("subscription", "open", "for=100s")
    await s.until(lambda: s.new.hlc & 8, "subscription is broadcast")
    for i in range(3):
        await refused(g.subscribe(f"9999000{i}"), "43", "47")
        await g.close(15)
    await s.until(lambda: not s.new.hlc & 8, "the window is closed after three wrong codes")
    print(s.ctl("handset", "pending"))
    await refused(g.subscribe("3041234"), "47")
    await g.close(15)
    s.air.handsets.remove(g)


@step
async def floods(s):
    """A base that floods and sends nonsense; the others work on."""
    f = s.third
    for i in range(3000):
        f.send((0x0003, 0x0301, 0x0302, 0x0205, 0x0999 & 0x8ff, 0x0002)[i % 6],
               bytes([(0x78, 0x79, 0x7a, 0x7b, 0x7c, 0)[i % 6], i & 0xff]) + crypto.hashlib.md5(bytes([i & 255])).digest()[:i % 17])
        if i % 100 == 0:
            await asyncio.sleep(0.01)
    await call(s.b, s.n, "303", speech=True)
    await end(s.b, s.n)
    await f.stop("abort")
    await s.base_up(f)


@step
async def terminated(s):
    """`handset delete` takes the rights away over the air; the handset is a stranger then."""
    print(await asyncio.to_thread(s.ctl, "handset", "delete", "040970175054"))
    assert s.n.uak is None
    await s.n.close(15)
    await refused(s.n.locate(), "57")
