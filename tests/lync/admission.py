"""Flows of call admission control: a strict policy server decides which ways a call may take and how much it may use."""

import asyncio
import os

from case import expect, flow
from desktop import Refused
from edge import URI
from ice import Agent
from ice_flows import final
from media import Sdp
from policy import CHECK, COMMIT, UPDATE, Policy
from world import Failed, until


class Admission:
    """A policy server, which is the A/V Edge's relay as well, and sipd that knows of it."""

    def __init__(self, t, **lync):
        self.t, self.lync = t, {"cac": "yes", "cac_wait": "4s", **lync}

    async def __aenter__(self):
        t, user, password = self.t, os.urandom(40), os.urandom(20)
        self.server = await Policy(user, password, t.fe.violation).start()
        t.fe.mras = {"uri": URI, "user": user, "password": password, "host": "127.0.0.1", "udp": self.server.port}
        said = t.world.logged("sipd", "credentials for the A/V Edge")
        await t.world.reconfigure_lync(mras_uri=URI, cac_server=f"127.0.0.1:{self.server.port}", **self.lync)
        await until("credentials", lambda: t.world.logged("sipd", "credentials for the A/V Edge") > said)
        return self.server

    async def __aexit__(self, *_):
        self.server.stop()
        await self.t.world.reconfigure_lync(mras_uri="", cac_server="", cac="auto", cac_silent="allow", cac_status="488")


async def called(t, ice=True, relay=None, **offer):
    """A client's call that the handset answers."""
    c = t.bob.call()
    await c.open()
    if ice:
        c.agent = Agent(c.stream, True, c.wrong, relay)
    ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=c.offer(**offer)))
    h = await t.world.offered("200")
    await h.answer()
    await ringing
    if ice:
        await c.agent.done()
        if relay:
            c.sent = c.sent.split("a=ice-ufrag")[0] + "\r\n".join(c.agent.lines(True)) + "\r\n" + c.sent[c.sent.index("a=label"):]
            m = await c.request("INVITE", [], c.sent)
            c.answered(m)
            c.ack(m)
        else:
            await final(c)
    return h, c


async def refused(t, status=488):
    c = t.bob.call()
    await c.open()
    c.agent = Agent(c.stream, True, c.wrong)
    try:
        await c.invite_to("sip:200@contoso.com", body=c.offer())
    except Refused as e:
        expect("refusal", e.status, status)
        if "insufficient bandwidth" not in e.m.get("ms-client-diagnostics", ""):
            raise Failed("a refusal without insufficient bandwidth") from None
        if not t.world.offers.empty():
            raise Failed("a handset rang for a call that has no bandwidth") from None
        return
    raise Failed("a call without bandwidth was answered")


@flow()
async def admitted(t):
    """Both roles: asked before the handset rings, the path reserved when it is chosen, said again in time, given back by BYE."""
    async with Admission(t) as p:
        p.lifetime = 2
        h, c = await called(t)
        check = p.of_kind(CHECK)
        expect("checks", len(check), 1)
        expect("the caller's place in the Check", check[0].ends["remote"], c.agent.address(1))
        expect("amounts of the Check", check[0].amount, (56, 100, 56, 100))
        expect("Call-ID", check[0].call.decode(), c.call_id)
        expect("location", check[0].location, b"\2\2\0\0")
        await until("the path is reserved", lambda: p.held)
        commit = p.of_kind(COMMIT)[0]
        expect("the path", (commit.ends["remote"], commit.ends["local"], len(commit.ends)),
               (c.agent.address(1), (c.sdp.ip, c.sdp.port), 2))
        expect("amounts of the Commit", commit.amount, (88, 100, 88, 100))
        if c.call_id not in commit.dialog.decode():
            raise Failed(f"dialog identifier {commit.dialog}")
        await until("three Updates", lambda: len(p.of_kind(UPDATE)) >= 3)
        at = [x.at for x in p.of_kind(UPDATE)][:3]
        if min(b - a for a, b in zip(at, at[1:])) < 0.5:
            raise Failed(f"Updates at {at}, of a lifetime of {p.lifetime} s")
        await t.talk(h, c)
        shown = await t.world.ctl("call", "list")
        ref = shown.splitlines()[1].split()[0]
        shown = await t.world.ctl("call", "show", ref)
        if "admission control: allowed" not in shown or "100 kbit/s reserved" not in shown:
            raise Failed(f"dectctl call show: {shown}")
        await c.bye()
        await h.gone()
        await until("given back", lambda: not p.held and len(p.released) == 1)
        # a call of the handset
        checks = len(p.of_kind(CHECK))
        h = await t.world.dial("200", "bob")
        c = await t.bob.rung()
        await c.open()
        c.agent = Agent(c.stream, False, c.wrong)
        await c.answer()
        await h.connected()
        await c.event("re-INVITE", seconds=20)
        await until("the path is reserved", lambda: p.held)
        expect("the path", p.of_kind(COMMIT)[-1].ends["remote"], c.agent.address(1))
        expect("checks of who calls", len(p.of_kind(CHECK)), checks)
        await t.talk(h, c)
        await h.hang_up()
        await c.event("BYE")
        await until("given back", lambda: not p.held and len(p.released) == 2)
        await until("allocations freed", lambda: not p.of)
        expect("requests that the server refused", p.refused, 0)
        # without ICE
        h, c = await called(t, ice=False)
        await until("the path is reserved", lambda: p.held)
        expect("the path", p.of_kind(COMMIT)[-1].ends["remote"], (c.stream.ip, c.stream.port))
        await c.bye()
        await h.gone()
        await until("given back", lambda: not p.held)


@flow("trusted")
async def admitted_by_relay(t):
    """The direct way is refused: the answer has the relay alone, speech takes it, the reservation names it."""
    async with Admission(t) as p:
        p.refuse = {"local"}
        h, c = await called(t, relay=p)
        if (c.sdp.ip, c.sdp.port) not in p.relayed():
            raise Failed("the answer's address is not the relay's")
        await until("the path is reserved", lambda: p.held)
        commit = p.of_kind(COMMIT)[0]
        if commit.ends.get("local relay") not in p.relayed():
            raise Failed(f"the reservation is not for the relay: {commit.ends}")
        await t.talk(h, c)
        if c.stream.first not in p.relayed():
            raise Failed(f"speech came from {c.stream.first}, not through the relay")
        await c.bye()
        await h.gone()
        await until("given back", lambda: not p.held and not p.of)


@flow("trusted")
async def not_admitted(t):
    """No way is allowed: refused before the handset rings, with the reason; the status as configured; with the PSTN as a way."""
    async with Admission(t) as p:
        p.refuse = {"local", "local relay"}
        await refused(t)
        p.refuse, p.pstn = {"remote"}, True
        before = t.world.logged("sipd", "the PSTN is allowed")
        await refused(t)
        await until("the reason in the journal", lambda: t.world.logged("sipd", "the PSTN is allowed") > before)
        await t.world.reconfigure_lync(cac_status="480")
        await refused(t, 480)
        # too little for any codec
        p.refuse, p.limit = set(), {"remote": 50}
        await refused(t, 480)
        await until("allocations freed", lambda: not p.of)
        expect("reservations", p.of_kind(COMMIT), [])


@flow("trusted")
async def admission_silent(t):
    """The policy server is silent: the call goes on in time, or is refused, as configured; one that is no policy server is no matter."""
    async with Admission(t, cac_wait="1s") as p:
        p.silent = True
        before = t.world.logged("sipd", "no answer from the policy server")
        h, c = await called(t, ice=False)
        await t.talk(h, c)
        if t.world.logged("sipd", "no answer from the policy server") <= before:
            raise Failed("nothing in the journal")
        await c.bye()
        await h.gone()
        await t.world.reconfigure_lync(cac_silent="refuse")
        await refused(t)
        p.silent, p.ignorant = False, True
        h, c = await called(t)
        await t.talk(h, c)
        await c.bye()
        await h.gone()
        await until("allocations freed", lambda: not p.of)
        await t.world.reconfigure_lync(cac="no")
        asked = len(p.answers)
        h, c = await called(t, ice=False)
        await c.bye()
        await h.gone()
        expect("messages to the policy server with cac = no", len(p.answers), asked)


@flow("trusted")
async def admission_lowers(t):
    """Not enough for G.711: G.726 is answered and reserved. A codec that changes is asked for by Update; denied, ours goes back."""
    async with Admission(t) as p:
        p.limit = {"local": 70}
        h, c = await called(t)
        name = c.sdp.maps.get(c.sdp.formats[0])
        expect("codec of the answer", name, "AAL2-G726-32/8000")
        if 8 in c.sdp.formats or 0 in c.sdp.formats:
            raise Failed(f"G.711 is answered: {c.sdp.formats}")
        await until("the path is reserved", lambda: p.held)
        expect("amounts of the Commit", p.of_kind(COMMIT)[0].amount, (56, 64, 56, 64))
        await c.bye()
        await h.gone()
        await until("given back", lambda: not p.held)
        # a caller who has only G.711
        try:
            c = t.bob.call()
            await c.open()
            await c.invite_to("sip:200@contoso.com", body=c.offer(formats=(8, 0, 101)))
            raise Failed("G.711 was answered")
        except Refused as e:
            expect("refusal", e.status, 488)
        # the caller changes the codec, and there is not enough for it by now
        p.limit, p.budget = {}, 70
        h, c = await called(t, ice=False, formats=(116, 101))
        await until("the path is reserved", lambda: p.held)
        expect("amounts of the Commit", p.of_kind(COMMIT)[-1].amount, (56, 64, 56, 64))
        m = await c.request("INVITE", [], c.offer(formats=(8, 0, 116, 101)))
        c.answered(m)
        c.ack(m)
        await until("more is asked for", lambda: any(x.amount[1] == 100 for x in p.of_kind(UPDATE)))
        _, m = await c.event("re-INVITE")
        names = [c.sdp.maps.get(x) for x in Sdp(m.body.decode(), c.wrong).formats]
        if "AAL2-G726-32/8000" not in names or "PCMA/8000" in names:
            raise Failed(f"offered after the denial: {names}")
        expect("what is reserved", [x.amount[1] for x in p.held.values()], [64])
        # and another one, with enough
        p.budget = 1000
        await c.bye()
        await h.gone()
        h, c = await called(t, ice=False, formats=(116, 101))
        m = await c.request("INVITE", [], c.offer(formats=(8, 0, 116, 101)))
        c.answered(m)
        c.ack(m)
        await until("more is reserved", lambda: [x.amount[1] for x in p.held.values()] == [100])
        await t.talk(h, c)
        await c.bye()
        await h.gone()
        await until("given back", lambda: not p.held)


@flow("trusted")
async def admission_checked(t):
    """`dectctl check lync` asks the policy server: it answers, it is silent, it does not know us."""
    async with Admission(t) as p:
        shown = await t.world.ctl("check", "lync", check=False)
        if "policy server" not in shown or "answers" not in shown:
            raise Failed(f"check lync: {shown}")
        await until("allocations freed", lambda: not p.of)
        p.silent = True
        shown = await t.world.ctl("check", "lync", check=False)
        if "no answer from the policy server" not in shown:
            raise Failed(f"check lync: {shown}")
