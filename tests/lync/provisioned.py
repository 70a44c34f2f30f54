"""A flow with presenced. What it has sipd told of users stays there: it is the last."""

import asyncio

from admission import Admission, called
from case import expect, flow
from conference import Conference
from policy import CHECK
from world import BUILD, Failed, until


@flow("trusted")
async def provisioned(t):
    """With presenced: cac = auto follows enableBWPolicyCheck; a handset in a conference is seen in one, then in none."""
    before = dict(t.fe.provision)
    p = child = x = None
    try:
        async with Admission(t, cac="auto") as p:
            h, c = await called(t, ice=False)
            await c.bye()
            await h.gone()
            expect("checks of a user whose provisioning says nothing", p.asked, [])
            t.fe.provision["enableBWPolicyCheck"] = "true"
            child = t.world.spawn("presenced", f"{BUILD}/presenced", "-c", t.world.dir + "/ipdect.conf")
            end = asyncio.get_running_loop().time() + 60
            while "enableBWPolicyCheck" not in await t.world.ctl("provision", "list", "200"):
                if asyncio.get_running_loop().time() > end:
                    raise Failed("no provisioning")
                await asyncio.sleep(0.2)
            h, c = await called(t, ice=False)
            expect("checks of a user whose provisioning asks for them", [a.kind for a in p.asked][:1], [CHECK])
            await c.bye()
            await h.gone()
        user = t.fe.users["sip:200@contoso.com"]
        x = Conference(t, "")
        h, f, n = await x.joined()
        await until("seen in a conference", lambda: user.shown() == "In a conference call")
        await h.hang_up()
        await n.event("BYE")
        await until("seen in none", lambda: user.shown() != "In a conference call")
    finally:
        t.fe.provision.clear()
        t.fe.provision.update(before)
        if x:
            x.close()
        if child:
            child.terminate()
            child.wait(20)
