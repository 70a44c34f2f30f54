"""Early encryption: what a handset with a default cipher key and its base do (dect-security.md 8.4; the likely forms of 1D and 1E are those
of dectd/rfp_early.h, written out here). Only with --early connection or identity, as dectd is set."""
import asyncio

from dect_lapc import Lapc, ie
from dect_steps import call, end, hears, refused, step


class Early:
    """A base's side of it: asks for keys, keeps the answers."""

    def __init__(self, base, form):
        self.base, self.with_mcei, self.answers = base, form == "connection", []
        self.real = base._connection
        base._connection = self._connection

    def _connection(self, layer, prim, p):
        if (layer, prim) == (0x7a, 0x1e):
            return self.answers.append(p)
        return self.real(layer, prim, p)

    async def key(self, b, index):
        """The key of that index, or None."""
        pmid = b.pmid.to_bytes(3, "big")
        self.answers.clear()
        self.base.send(0x0301, b"\x7a\x1d" + (bytes([b.mcei]) if self.with_mcei else b"") + pmid + index)
        for _ in range(500):
            if self.answers:
                break
            await asyncio.sleep(0.01)
        a, = self.answers
        head = bytes([b.mcei, 0]) if self.with_mcei else pmid
        assert a[:len(head)] == head and len(a) == len(head) + 8 + (2 if self.with_mcei else 1), a.hex()
        key, rest = a[len(head):len(head) + 8], a[len(head) + 8:]
        if rest == (b"\1\1" if self.with_mcei else b"\1"):
            return key
        assert key == bytes(8) and rest == (b"\0\xff" if self.with_mcei else b"\xff"), a.hex()
        return None


async def begin(early, h, index, default, ask=True, report=2):
    """A connection whose first octets are ciphered, if the base has the key."""
    await h.close(30)
    h.bearer = b = h.base.connect(h, h.pmid())
    h.inbox, h.dck_on = [], None
    h.lost.clear()
    key = await early.key(b, index) if ask else default[-8:]
    if key:
        if key != default[-8:]:
            h.bad(f"default key {key.hex()}, the handset's is {default.hex()}")
        b.key, b.ciphered, h.dck_on = key, True, default
        h.base.send(0x0301, bytes([0x7a, 0x0a, b.mcei, report, 1]) + (b.pmid & 0xffff).to_bytes(2, "big"))
    h.link = Lapc(h, b, h.lln, None)
    h.link.establish()
    return key is not None


@step
async def early(s):
    """Ciphered before the first message: no authentication, another key soon; an unknown index; a stranger with the key; a new key."""
    form = s.args.early
    if not form:
        return
    h = s.n
    assert not s.a.default_keys and not s.b.default_keys, "default keys for handsets that cannot use them"
    (index, default), side = list(h.default_keys.items())[-1], Early(s.new, form)
    assert await begin(side, h, index, default)
    h.setup()
    await h.expect(3, (0x0d,), 10)
    assert not [m for m in h.inbox if m[0] == 5], h.inbox
    h.keys(b"302")
    await s.b.rings()
    await s.b.answer()
    await h.expect(3, (0x07,), 10)
    await h.until(lambda: h.re_keyed, 10, "a key of the call's own")
    await hears(h, s.b)
    await end(h, s.b)
    assert not await begin(side, h, b"\x00\x00", default)
    h.setup()
    await h.expect(3, (0x0d,), 20)
    await h.hang_up()
    # With its key it says that it is another one.
    assert await begin(side, h, index, default)
    h.call = ("out", 0)
    h.send(h.cc(5, ie(5, s.b.ipui) + ie(6, h.park) + b"\xe0\x80"))
    assert (await refused(h.expect(3, (0x0d,), 10), "5a")) == {0xe2: "40"}
    await h.until(lambda: h.bearer is None, 30, "end")
    h.call = None
    # Bases that report it the usual way, or have the key from before.
    for ask, report in ((True, 1), (False, 2)):
        await begin(side, h, index, default, ask, report)
        h.setup()
        await h.expect(3, (0x0d,), 10)
        assert not [m for m in h.inbox if m[0] == 5], h.inbox
        await h.hang_up()
    keys = len(h.default_keys)
    await h.locate()
    assert len(h.default_keys) == keys + 1, "no other key at a registration"
    for body in (b"", b"\1", bytes(9)):                      # in a form that nobody knows
        s.new.send(0x0301, b"\x7a\x1d" + body)
    await call(h, s.b, "302")
    await end(h, s.b)
    s.new._connection = side.real
