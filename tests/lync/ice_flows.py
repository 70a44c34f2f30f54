"""More flows of ICE: begun anew by either side, forks, a call that goes on after a transfer that failed."""

import asyncio

from case import NUMBER, expect, flow
from ice import Agent
from media import Sdp
from world import Failed, heard, speech, until


async def final(c):
    """The client's final offer, answered when our checks are through, too."""
    text = c.sent.split("a=ice-ufrag")[0] + "\r\n".join(c.agent.lines(True)) + "\r\n" + c.sent[c.sent.index("a=label"):]
    c.sent = text
    m = await c.request("INVITE", [], text)
    c.answered(m)
    c.ack(m)
    want = " ".join(f"{k} {a[0]} {a[1]}" for k, a in ((1, c.agent.address(1)), (2, c.agent.address(2))))
    expect("a=remote-candidates of the answer", c.sdp.attrs("remote-candidates"), [want])


async def with_ice(t):
    """A call of the client that is through with ICE."""
    c = t.bob.call()
    await c.open()
    c.agent = Agent(c.stream, True, c.wrong)
    ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=c.offer()))
    h = await t.world.offered("200")
    await h.answer()
    await ringing
    await c.agent.done()
    await final(c)
    await t.talk(h, c)
    return h, c


@flow()
async def ice_anew(t):
    """The client begins ICE anew in a call: other credentials of ours in the answer, checks, the final offer, speech."""
    h, c = await with_ice(t)
    for _ in range(2):
        before = c.sdp.attrs("ice-ufrag")
        c.agent.stop()
        c.agent = Agent(c.stream, True, c.wrong)
        m = await c.request("INVITE", [], c.offer())
        c.answered(m)
        c.ack(m)
        if c.sdp.attrs("ice-ufrag") == before:
            raise Failed("another offer's credentials were answered with ours from before")
        await c.agent.done()
        await final(c)
        await t.talk(h, c)
    await c.bye()
    await h.gone()


@flow()
async def ice_after_transfer(t):
    """A transfer fails: the call that was there goes on, and ICE with it: we begin it anew, the final offer follows, speech."""
    carol = t.desk("carol", "Carol Example", "+14255550103")
    h, c = await with_ice(t)
    c.agent.anew = True
    before = c.sdp.attrs("ice-ufrag")
    asked = asyncio.ensure_future(c.refer(carol.aor))
    n = await carol.rung()
    n.reply(486, "Busy Here")
    expect("outcome of the transfer", await asked, 486)
    while True:
        _, m = await c.event("re-INVITE", seconds=30)
        sdp = Sdp(m.body.decode(), c.wrong)
        if sdp.attrs("ice-ufrag") not in ([], before) and sdp.attrs("remote-candidates"):
            break
    expect("nominated", set(c.agent.chosen), {1, 2})
    await t.talk(h, c)
    await c.bye()
    await h.gone()
    carol.close()


@flow()
async def ice_forked(t):
    """Two forks with ICE answer early; the second one has the call: ICE begins anew with it, the final offer follows, speech."""
    other = t.desk("bob", "Bob Example", NUMBER)
    h = await t.world.dial("200", "bob")
    one, two = await t.bob.rung(), await other.rung()
    for c in (one, two):
        await c.open()
        c.agent = Agent(c.stream, False, c.wrong)
        c.agent.anew = True
    mine = speech(h.ref)
    await h.talk(mine)
    await one.early(reliable=False)
    await one.agent.done()
    a = speech("one")
    one.stream.talk(a)
    await until("the first fork is heard", lambda: heard(h.stream, a) >= 20)
    one.stream.quiet()
    await two.early(reliable=False)
    before = two.sdp.attrs("ice-ufrag")
    await two.answer()
    await h.connected()
    await one.event("CANCEL")
    one.agent.stop()
    while True:
        _, m = await two.event("re-INVITE", seconds=30)
        sdp = Sdp(m.body.decode(), two.wrong)
        if sdp.attrs("ice-ufrag") not in ([], before) and sdp.attrs("remote-candidates"):
            break
    expect("nominated", set(two.agent.chosen), {1, 2})
    await t.talk(h, two)
    await h.hang_up()
    await two.event("BYE")
    other.close()
