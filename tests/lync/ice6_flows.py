"""Flows with those who speak the older ICE draft (Office Communications Server 2007 R2): both roles, a second part of our offers
for them, an offer that is made again in it, an Edge's relay."""

import asyncio
import os

from case import expect, flow
from edge import begin, through
from ice import Agent
from ice6 import Agent6
from media import Sdp
from relay import Relay
from world import Failed, until

FALLBACK = "session; handling=optional; ms-proxy-2007fallback"


def parts(m):
    """(disposition, description) of a multipart body; one without disposition for a plain one."""
    kind, text = m.get("Content-Type"), m.body.decode()
    if not kind.startswith("multipart/alternative"):
        return [("", text)]
    mark = kind.split('boundary="')[1].split('"')[0]
    out = []
    for part in text.split(f"--{mark}")[1:-1]:
        head, body = part[2:].split("\r\n\r\n", 1)
        fields = dict(x.split(": ", 1) for x in head.split("\r\n"))
        if fields.get("Content-Type") != "application/sdp":
            raise Failed(f"a part of {fields}")
        out.append((fields.get("Content-Disposition", ""), body[:-2] if body.endswith("\r\n\r\n") else body))
    return out


async def final_offer(c):
    """The client's final offer: one candidate, and whose it is for."""
    before = [x for x in c.sent.split("\r\n") if x.startswith("a=candidate:")]
    rest = "\r\n".join(x for x in c.sent.split("\r\n") if not x.startswith(("a=candidate:", "a=remote-candidate:")))
    c.sent = rest.replace("a=label", "\r\n".join(c.agent.lines(True)) + "\r\na=label", 1)
    if not before:
        raise Failed("the first offer had no candidates")
    m = await c.request("INVITE", [], c.sent)
    c.answered(m)
    c.ack(m)
    if c.sdp.attrs("remote-candidate") or c.sdp.attrs("remote-candidates"):
        raise Failed("an answer of the older draft names no remote candidate")
    expect("candidates of the final answer", len(c.sdp.candidates), 2)


async def called(t, h=None):
    """The client was called with an offer that has a part of the older draft, and answers that."""
    h = h or await t.world.dial("200", "bob")
    c = await t.bob.rung()
    return h, c


async def finished(t, h, c):
    """We are in control: our final offer, speech."""
    await h.connected()
    while True:
        _, m = await c.event("re-INVITE", seconds=30)
        if Sdp(m.body.decode(), c.wrong).attrs("remote-candidate"):
            break
    await c.agent.done()
    await t.talk(h, c)


@flow()
async def older_draft(t):
    """A caller of 2007 R2: answered in the older draft, checks both ways, its final offer, speech; hold; it begins anew."""
    c = t.bob.call()
    await c.open()
    c.agent = Agent6(c.stream, True, c.wrong)
    ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=c.offer(video=False)))
    h = await t.world.offered("200")
    await h.answer()
    await ringing
    await c.agent.done()
    await final_offer(c)
    await t.talk(h, c)
    await c.hold("inactive")
    await until("held", lambda: h.held is True)
    await c.hold(None)
    await until("retrieved", lambda: h.held is False)
    await t.talk(h, c)
    before = c.agent.remote[1][1]
    c.agent.stop()
    c.agent = Agent6(c.stream, True, c.wrong)
    c.key = c.key or (c.keys[0] if c.keys else None)
    m = await c.request("INVITE", [], c.offer(video=False))
    c.answered(m)
    c.ack(m)
    if c.agent.remote[1][1] == before:
        raise Failed("an offer with new candidates was answered with our old ones")
    await c.agent.done()
    await final_offer(c)
    await t.talk(h, c)
    await c.bye()
    await h.gone()


@flow()
async def older_by_parts(t):
    """Our offers with a second part for 2007 R2: it answers that, the final offer is in its words; a newer client takes the other
    part; a server that knows no parts gets one. And their offers with two parts are answered in the newer draft."""
    await t.world.reconfigure_lync(ice_2007="yes")
    try:
        h, c = await called(t)
        offered = parts(c.invite)
        expect("parts", [d == FALLBACK for d, _ in offered], [True, False])
        c.sdp = Sdp(offered[0][1], c.wrong)
        c.sdp.check_offer("optional")
        newer = Sdp(offered[1][1], c.wrong)
        if not newer.attrs("ice-ufrag") or any(" typ " not in x for x in newer.candidates):
            raise Failed("the last part is not of the newer draft")
        await c.open()
        c.agent = Agent6(c.stream, False, c.wrong)
        await c.answer()
        await finished(t, h, c)
        await h.do("hold")
        await c.event("re-INVITE")
        await h.do("retrieve")
        await c.event("re-INVITE")
        await t.talk(h, c)
        await h.hang_up()
        await c.event("BYE")
        # a newer client
        h, c = await called(t)
        c.sdp = Sdp(parts(c.invite)[1][1], c.wrong)
        await c.open()
        c.agent = Agent(c.stream, False, c.wrong)
        await c.answer()
        await h.connected()
        await c.event("re-INVITE", seconds=30)
        await t.talk(h, c)
        await h.hang_up()
        await c.event("BYE")
        # one that knows no parts
        h, c = await called(t)
        c.reply(415, "Mutipart mime in content type not supported by Archiving CDR service")
        h, c = await called(t, h)
        if not c.sdp or not c.sdp.attrs("ice-ufrag"):
            raise Failed("not offered again in the newer draft alone")
        await c.answer()
        await h.connected()
        await t.talk(h, c)
        await h.hang_up()
        await c.event("BYE")
    finally:
        await t.world.reconfigure_lync(ice_2007="no")
    c = t.bob.call()
    await c.open()
    old, c.agent = Agent6(c.stream, True, c.wrong), Agent(c.stream, True, c.wrong)
    newer = c.offer(video=False)
    drop = ("a=ice-", "a=candidate:")
    older = "\r\n".join(x for x in newer.split("\r\n") if not x.startswith(drop)).replace("a=label", "\r\n".join(old.lines()) + "\r\na=label")
    c.stream.stun = c.agent.input
    body = (f"--b1\r\nContent-Type: application/sdp\r\nContent-Disposition: {FALLBACK}\r\n\r\n{older}\r\n"
            f"--b1\r\nContent-Type: application/sdp\r\nContent-Disposition: session; handling=optional\r\n\r\n{newer}\r\n--b1--\r\n")
    ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=body, kind='multipart/alternative;boundary="b1"'))
    h = await t.world.offered("200")
    await h.answer()
    await ringing
    await c.agent.done()
    await t.talk(h, c)
    await c.bye()
    await h.gone()


@flow()
async def older_on_refusal(t):
    """A far end that refuses the newer draft is offered the older one, once; what it refuses for its keys is not offered again."""
    h, c = await called(t)
    if c.sdp.attrs("ice-ufrag") == []:
        raise Failed("the first offer is not of the newer draft")
    c.reply(488, "Not Acceptable Here")
    h, c = await called(t, h)
    c.sdp.check_offer("optional")
    await c.open()
    c.agent = Agent6(c.stream, False, c.wrong)
    await c.answer()
    await finished(t, h, c)
    await h.hang_up()
    await c.event("BYE")
    for again, header in ((1, []), (0, [("ms-client-diagnostics", '52017;reason="Encryption levels dont match"')])):
        h, c = await called(t)
        for _ in range(again):
            c.reply(488, "Not Acceptable Here", header)
            h, c = await called(t, h)
        c.reply(488, "Not Acceptable Here", header)
        await h.gone()
        if not t.bob.incoming.empty():
            raise Failed("offered once more")


@flow()
async def older_relayed(t):
    """A caller of 2007 R2 that only the A/V Edge's relay reaches."""
    user, password = os.urandom(40), os.urandom(20)
    relay = await Relay(user, password, t.fe.violation).start()
    try:
        said = t.world.logged("sipd", "credentials for the A/V Edge")
        await begin(t, relay, password=password)
        await until("credentials", lambda: t.world.logged("sipd", "credentials for the A/V Edge") > said)
        c = t.bob.call()
        await c.open()
        c.agent = Agent6(c.stream, True, c.wrong, relay)
        ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=c.offer(video=False)))
        h = await t.world.offered("200")
        await h.answer()
        await ringing
        await c.agent.done()
        await final_offer(c)
        await through(t, relay, h, c)
        await c.bye()
        await h.gone()
        await until("allocations freed", lambda: relay.freed == 2 and not relay.of)
    finally:
        relay.stop()
        await t.world.reconfigure_lync(mras_uri="")
