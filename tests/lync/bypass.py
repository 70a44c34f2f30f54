"""Flows of media bypass: a client stands for the Mediation Server, whose offers have the gateway's description besides."""

import asyncio
import re

from case import expect, flow
from media import Sdp
from world import Failed

HERE, ELSEWHERE = "5b0c7a1e-3d42-4f19-9a55-0d6f2b7c8e31", "0e3f1d2c-3d42-4f19-9a55-0d6f2b7c8e31"


def dead(text):
    """A description where nobody listens."""
    return re.sub(r"m=audio \d+", "m=audio 9", text)


async def offered(t, place, used, marked="gateway"):
    """An offer of both; speech is to go to the one that is used."""
    c = t.bob.call()
    await c.open()
    live = c.offer(video=False, keys="plain")
    mark = f"a=x-bypassid:{place}\r\na=maxptime"
    gateway, plain = (live, dead(live)) if used == "gw1" else (dead(live), live)
    if marked == "gateway":
        gateway = gateway.replace("a=maxptime", mark)
    else:
        plain = plain.replace("a=maxptime", mark)
    body = (f"--b1\r\nContent-Type: application/gw-sdp\r\nContent-ID: <gw1@mediation.contoso.com>\r\nContent-Disposition: session;"
            f"handling=optional\r\n\r\n{gateway}\r\n--b1\r\nContent-Type: application/sdp\r\nContent-ID: <ms1@mediation.contoso.com>"
            f"\r\n\r\n{plain}\r\n--b1--\r\n")
    ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=body, kind='multipart/alternative;boundary="b1"'))
    h = await t.world.offered("200")
    await h.answer()
    m = await ringing
    expect("Ms-Accepted-Content-ID", m.get("Ms-Accepted-Content-ID"), f"<{used}@mediation.contoso.com>")
    if used == "gw1" and b"a=candidate" in m.body:
        raise Failed("ICE on the way to a gateway")
    await t.talk(h, c)
    await c.bye()
    await h.gone()


@flow()
async def bypass(t):
    """Media bypass: the gateway's description where both are at one place, whichever part says so; else the usual one; our offers say the place."""
    await t.world.reconfigure_lync(bypass_id=HERE)
    await offered(t, HERE.upper(), "gw1")
    await offered(t, HERE, "gw1", marked="plain")
    await offered(t, ELSEWHERE, "ms1")
    h = await t.world.dial("200", "bob")
    c = await t.bob.rung()
    expect("place", Sdp(c.invite.body.decode(), c.wrong).attrs("x-bypassid"), [HERE])
    if not c.invite.lists("Supported", "ms-bypass"):
        raise Failed("no Supported: ms-bypass")
    await c.open()
    c.reply(200, "OK", [("Supported", "timer")], c.answer_text(), kind="application/gw-sdp")
    await c.event("ACK")
    await h.connected()
    await t.talk(h, c)
    await h.hang_up()
    await c.event("BYE")
    await t.world.reconfigure_lync(media_bypass="no")
    await offered(t, HERE, "ms1")
    await t.world.reconfigure_lync(media_bypass="yes", bypass_id="")
    h, c = await t.out_call(talk=False)
    if c.sdp.attrs("x-bypassid"):
        raise Failed("a place that nobody told")
    await c.bye()
    await h.gone()
