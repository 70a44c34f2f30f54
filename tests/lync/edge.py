"""Flows through the A/V Edge: credentials from its MRAS, speech through its relay, where no other way is open."""

import asyncio
import os

from case import expect, flow
from ice import Agent
from relay import Relay
from relay_tcp import AgentTcp, RelayTcp
from world import Failed, until

URI = "sip:edge01.contoso.com@contoso.com;gruu;opaque=srvr:MRAS:7QK2XN4D"


async def begin(t, relay, **answer):
    t.fe.mras = {"uri": URI, "user": relay.user, "password": answer.pop("password"), "host": "127.0.0.1", "udp": relay.port, **answer}
    asked = t.fe.mras_asked
    await t.world.reconfigure_lync(mras_uri=URI)
    return asked


@flow()
async def relayed(t):
    """A far end that only the A/V Edge's relay reaches: credentials by SERVICE, both roles, speech through the relay, freed at the end."""
    user, password = os.urandom(40), os.urandom(20)
    relay = await Relay(user, password, t.fe.violation).start()
    try:
        await begin(t, relay, password=password)
        await until("credentials", lambda: t.world.logged("sipd", "credentials for the A/V Edge"))
        c = t.bob.call()
        await c.open()
        c.agent = Agent(c.stream, True, c.wrong, relay)
        ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=c.offer()))
        h = await t.world.offered("200")
        await h.answer()
        await ringing
        await c.agent.done()
        final = c.sent.split("a=ice-ufrag")[0] + "\r\n".join(c.agent.lines(True)) + "\r\n" + c.sent[c.sent.index("a=label"):]
        c.sent = final
        m = await c.request("INVITE", [], final)
        c.answered(m)
        c.ack(m)
        await through(t, relay, h, c)
        await c.bye()
        await h.gone()
        await until("allocations freed", lambda: relay.freed == 2 and not relay.of)
        h = await t.world.dial("200", "bob")
        c = await t.bob.rung()
        await c.open()
        c.agent = Agent(c.stream, False, c.wrong, relay)
        await c.answer()
        await h.connected()
        await c.event("re-INVITE", seconds=20)
        await through(t, relay, h, c)
        await h.hang_up()
        await c.event("BYE")
        await until("allocations freed", lambda: relay.freed == 4 and not relay.of)
        expect("requests that the relay refused", relay.refused, 0)
    finally:
        relay.stop()
        await t.world.reconfigure_lync(mras_uri="")


async def through(t, relay, h, c):
    if (c.sdp.ip, c.sdp.port) not in relay.relayed():
        raise Failed(f"the final description's address {c.sdp.ip}:{c.sdp.port} is not the relay's")
    c.stream.frames.clear()
    c.stream.first = None
    await t.talk(h, c)
    if c.stream.first not in relay.relayed():
        raise Failed(f"speech came from {c.stream.first}, not through the relay")
    await until("the short form", lambda: sum(a.bare for a in relay.of.values()) > 20)


@flow("trusted")
async def relayed_by_tcp(t):
    """UDP to the Edge is silent, and the far end is reached by TCP alone: MS-TURN by TCP with its pseudo-TLS, one port for both
    components, active and passive, both roles, speech and RTCP in the short form, the connection ends with the call."""
    user, password = os.urandom(40), os.urandom(20)
    relay = await RelayTcp(user, password, t.fe.violation).start()
    dead = await Relay(user, password, t.fe.violation).start()
    dead.stop()
    try:
        said = t.world.logged("sipd", "credentials for the A/V Edge")
        await begin(t, relay, password=password, udp=dead.port, tcp=relay.port)
        await until("credentials", lambda: t.world.logged("sipd", "credentials for the A/V Edge") > said)
        for passive in (True, False):
            c = t.bob.call()
            await c.open()
            c.agent = await AgentTcp(c.stream, True, c.wrong, passive).start()
            ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=c.offer(video=False)))
            h = await t.world.offered("200")
            await h.answer()
            await ringing
            await c.agent.done()
            final = c.sent.split("a=ice-ufrag")[0] + "\r\n".join(c.agent.lines(True)) + "\r\n" + c.sent[c.sent.index("a=label"):]
            ip, port = c.agent.tcp
            c.sent = final.replace(f"m=audio {c.stream.port} RTP", f"m=audio {port} TCP/RTP").replace(f"a=rtcp:{c.stream.port + 1}",
                                                                                                   f"a=rtcp:{port}")
            m = await c.request("INVITE", [], c.sent)
            c.answered(m)
            c.ack(m)
            await through(t, relay, h, c)
            await c.bye()
            await h.gone()
            await until("the connection's end", lambda: not relay.clients and not relay.of)
        h = await t.world.dial("200", "bob")
        c = await t.bob.rung()
        await c.open()
        c.agent = await AgentTcp(c.stream, False, c.wrong, True).start()
        await c.answer()
        await h.connected()
        await c.event("re-INVITE", seconds=20)
        await through(t, relay, h, c)
        await until("RTCP", lambda: c.stream.rtcp_good, 12)
        await h.hang_up()
        await c.event("BYE")
        await until("the connection's end", lambda: not relay.clients and not relay.of)
        expect("connections", relay.hellos, 3)
    finally:
        relay.stop()
        await t.world.reconfigure_lync(mras_uri="")


@flow()
async def no_relay(t):
    """The Edge refuses, or its relay is dead or refuses us: calls go on with host candidates, within the time of gathering."""
    user, password = os.urandom(40), os.urandom(20)
    relay = await Relay(user, password, t.fe.violation).start()
    dead = await Relay(user, password, t.fe.violation).start()
    dead.stop()
    try:
        for what in ({"reason": "Request Malformed"}, {"password": os.urandom(20)}, {"udp": dead.port}, {"host": "nowhere.invalid"}):
            said = t.world.logged("sipd", "credentials for the A/V Edge")
            await begin(t, relay, **{"password": password, **what})
            await until("an answer of the Edge", lambda: t.world.logged("sipd", "credentials for the A/V Edge") > said)
            h, c = await t.in_call()
            if any(" typ relay" in x for x in c.sdp.candidates):
                raise Failed("a relay's candidate without relay")
            await c.bye()
            await h.gone()
            await t.world.reconfigure_lync(mras_uri="")
    finally:
        relay.stop()
        await t.world.reconfigure_lync(mras_uri="")
