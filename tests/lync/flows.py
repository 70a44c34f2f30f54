"""Calls of handsets with Lync clients through the strict front end: every flow of the dialect, with speech.

    BUILD=build-dev python3 flows.py trusted|ntlm [--only WORDS]
"""

import asyncio
import sys

import media
from desktop import Desk, Refused
from frontend import Endpoint, uuid_of_epid
from world import Failed, World, both_hear, heard, speech, until

NUMBER = "+14255550102"
FLOWS = []


def flow(fn):
    FLOWS.append(fn)
    return fn


def expect(what, got, want):
    if got != want:
        raise Failed(f"{what}: {got!r}, not {want!r}")


class Test:
    def __init__(self, world, fe):
        self.world, self.fe = world, fe
        self.bob = self.desk("bob", "Bob Example", NUMBER)

    def desk(self, name, display="", number=None):
        return Desk(self.fe, name, uuid_of_epid, Endpoint, display, number)

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


@flow
async def calls_both_ways(t):
    """A client calls a handset and hangs up; a handset calls a client and hangs up; names and numbers on the display."""
    h, c = await t.in_call()
    expect("name and number of the caller", (h.offer["name"], h.offer["number"]), ("Bob Example", NUMBER))
    await c.bye()
    await h.gone()
    h, c = await t.out_call()
    expect("who answered", (h.name, h.number), ("Bob Example", NUMBER))
    await h.hang_up()
    await c.event("BYE")
    # by its number, which the server routes
    h = await t.world.dial("200", NUMBER)
    c = await t.bob.rung()
    if "user=phone" not in c.invite.get("To"):
        raise Failed(f"a number without user=phone: {c.invite.get('To')}")
    c.reply(486, "Busy Here")
    expect("busy", await h.gone(), 2)


async def main(argv):
    mode, only = argv[0], " ".join(argv[2:]) if argv[1:2] == ["--only"] else ""
    if not media.srtp_library():
        print("libsrtp2 is not installed")
        return 77
    w = World(mode)
    users = ["200", "201", "202", "203"]
    failed = 0
    try:
        fe = await w.front_end(users)
        w.settings["media-encryption-require"] = "no"
        await w.start(users, f"localhost:{fe.o.port}")
        await w.registered(len(users))
        t = Test(w, fe)
        for fn in FLOWS:
            if only and only not in fn.__name__.replace("_", " "):
                continue
            at = len(fe.trace)
            fe.violations.clear()
            try:
                await asyncio.wait_for(fn(t), 90)
                if fe.violations:
                    raise Failed("the front end complains: " + "; ".join(fe.violations))
                if w.sipd.poll() is not None or w.mediad.poll() is not None:
                    raise Failed("a daemon died")
                print(f"{mode}: {fn.__doc__.splitlines()[0]}", flush=True)
            except (Failed, Refused, asyncio.TimeoutError, AssertionError) as e:
                failed += 1
                print(f"FAILED: {mode}: {fn.__name__}: {type(e).__name__} {e} {fe.violations}", flush=True)
                for way, cid, text in fe.trace[at:][-16:]:
                    print(f"-- {way} {cid}\n{text}")
                for name in ("sipd",):
                    with open(w.log[name], errors="replace") as f:
                        print("".join(f.readlines()[-15:]))
                break
    finally:
        w.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
