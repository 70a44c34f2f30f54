"""What the flows have in common: their list, a client called Bob, calls between him and a handset."""

import asyncio

from desktop import Desk
from frontend import Endpoint, uuid_of_epid
from world import Failed, both_hear, speech

NUMBER = "+14255550102"
FLOWS = []


def flow(*modes):
    """A flow of the two modes that have all of them, or of these modes."""
    def note(fn):
        fn.modes = modes or ("trusted", "ntlm")
        FLOWS.append(fn)
        return fn
    return note


def expect(what, got, want):
    if got != want:
        raise Failed(f"{what}: {got!r}, not {want!r}")


class Test:
    def __init__(self, world, fe):
        self.world, self.fe, self.desks = world, fe, []
        self.bob = self.desk("bob", "Bob Example", NUMBER)

    def desk(self, name, display="", number=None):
        d = Desk(self.fe, name, uuid_of_epid, Endpoint, display, number)
        self.desks.append(d)
        return d

    def hush(self):
        """No speech goes on after its call: mediad's ports are used again."""
        for h in self.world.handsets.values():
            h.close()
        for d in self.desks:
            for c in d.calls.values():
                c.close()

    async def talk(self, handset, call, frames=25):
        a, b = speech(handset.ref), speech(call.call_id)
        await handset.talk(a)
        call.stream.talk(b)
        await both_hear(handset.stream, call.stream, a, b, frames)

    async def in_call(self, user="200", desk=None, talk=True, **kw):
        """A call from the desk that the handset answered."""
        desk = desk or self.bob
        ringing = asyncio.ensure_future(desk.dial(f"sip:{user}@contoso.com", **kw))
        h = await self.world.offered(user)
        await h.answer()
        c = await ringing
        if talk:
            await self.talk(h, c)
        return h, c

    async def out_call(self, user="200", desk=None, talk=True, to=None):
        desk = desk or self.bob
        h = await self.world.dial(user, to or desk.aor[4:])
        c = await desk.rung()
        c.ring()
        await c.answer()
        await h.connected()
        if talk:
            await self.talk(h, c)
        return h, c
