"""Flows of conferences: a client invites a handset, which joins at the focus and at the audio-video server. Both are played
here, at the addresses of services that the client has (MS-CONFBAS, MS-CONFPRO)."""

import asyncio
import os
import xml.etree.ElementTree as ET

from case import NUMBER, expect, flow
from world import Failed, until

CCCP, INFO = "{urn:ietf:params:xml:ns:cccp}", "{urn:ietf:params:xml:ns:conference-info}"
AUDIO = '<im available="false"><first-im/></im><audio available="true"/>'


class Conference:
    def __init__(self, t, subject):
        self.t, self.subject, self.id = t, subject, os.urandom(4).hex().upper()
        self.focus_uri = f"sip:bob@contoso.com;gruu;opaque=app:conf:focus:id:{self.id}"
        self.mcu_uri = self.focus_uri.replace(":focus:", ":audio-video:")
        self.focus, self.mcu = t.desk("bob"), t.desk("bob")
        self.focus.endpoint.gruu, self.mcu.endpoint.gruu = self.focus_uri, self.mcu_uri

    def invitation(self, media=AUDIO):
        return f'<Conferencing version="2.0"><focus-uri>{self.focus_uri}</focus-uri><subject>{self.subject}</subject>{media}</Conferencing>'

    async def invite(self, user="200"):
        """The inviter's dialog, once the handset has answered; the handset."""
        c = self.t.bob.call()
        c.target = c.remote = f"sip:{user}@contoso.com"
        c.remote, c.conversation = f"<{c.target}>", os.urandom(12).hex()
        self.t.fe.settings["any-body"] = True
        asked = asyncio.ensure_future(c.request("INVITE", [("Ms-Conversation-ID", c.conversation), ("Supported", "ms-conf-invite")],
                                                self.invitation(), "application/ms-conf-invite+xml"))
        h = await self.t.world.offered(user)
        expect("who invites", h.offer["name"], "Bob Example")
        await h.answer()
        m = await asked
        self.t.fe.settings["any-body"] = False
        expect("answer of the invitation", (m.status, m.body), (200, b""))
        c.take(m)
        c.ack(m)
        return h, c

    async def asked(self, user="200"):
        """What comes to the focus."""
        f = await self.focus.rung()
        expect("type of the request to join", f.invite.get("Content-Type"), "application/cccp+xml")
        r = ET.fromstring(f.invite.body.decode())
        aor = f"sip:{user}@contoso.com"
        who = r.find(f"{CCCP}addUser/{INFO}user")
        expect("request to join", (r.tag, r.get("C3PVersion"), r.get("from"), r.get("to"), who.get("entity"),
                                   r.find(f"{CCCP}addUser/{CCCP}conferenceKeys").get("confEntity"),
                                   who.find(f"{INFO}roles/{INFO}entry").text),
               (f"{CCCP}request", "1", aor, self.focus_uri, aor, self.focus_uri, "attendee"))
        if who.find(f"{INFO}endpoint").get("entity").strip("{}") not in {e.instance for e in self.t.fe.endpoints[aor].values()}:
            raise Failed("the endpoint is not the one that is registered")
        return f, r.get("requestId")

    async def admit(self, f, rid, code="success"):
        f.reply(200, "OK", [("Supported", "ms-sender")], f'<response xmlns="urn:ietf:params:xml:ns:cccp" requestId="{rid}" C3PVersion="1" '
                f'from="{self.focus_uri}" to="sip:200@contoso.com" code="{code}"><addUser/></response>', kind="application/cccp+xml")
        await f.event("ACK")

    async def joined(self, user="200"):
        h, c = await self.invite(user)
        f, rid = await self.asked(user)
        expect("conversation", f.conversation, c.conversation)
        await c.bye()
        await self.admit(f, rid)
        n = await self.mcu.rung()
        expect("conversation", n.conversation, c.conversation)
        await n.answer()
        await self.t.talk(h, n)
        return h, f, n

    def close(self):
        for d in (self.focus, self.mcu):
            d.close()


@flow()
async def conference(t):
    """A handset is invited to a conference, joins it and speaks; the server's changes, hold; whoever leaves, both dialogs end."""
    x = Conference(t, "Stand &amp; up")
    h, f, n = await x.joined()
    await until("the conference is on the display", lambda: (h.name, h.number) == ("Stand & up", NUMBER))
    await n.hold(None)  # as when others join
    m = await f.request("INVITE")
    expect("refresh at the focus", (m.status, m.body), (200, b""))
    f.ack(m)
    expect("INFO of the focus", (await f.request("INFO", [], "<x/>", "application/cccp+xml")).status, 200)
    await h.do("hold")
    await n.event("re-INVITE")
    await n.event("ACK")
    await h.do("retrieve")
    await n.event("re-INVITE")
    await n.event("ACK")
    await t.talk(h, n)
    await h.hang_up()
    await n.event("BYE")
    await f.event("BYE")
    for first, other in ((0, 1), (1, 0)):
        h, f, n = await x.joined()
        both = (n, f)
        await both[first].bye()
        await both[other].event("BYE")
        await h.gone()
    x.close()


@flow()
async def conference_refused(t):
    """The focus refuses, by status and by a code of its own; the inviter who does not hang up is hung up on; the handset gives up."""
    x = Conference(t, "")
    h, c = await x.invite()
    f, _ = await x.asked()
    f.reply(403, "Forbidden", [("ms-diagnostics", '3014;reason="The user is not allowed";source="localhost"')])
    await h.gone()
    await c.event("BYE", seconds=15)
    h, c = await x.invite()
    f, rid = await x.asked()
    await c.bye()
    await x.admit(f, rid, "conferenceLocked")
    await h.gone()
    await f.event("BYE")
    h, c = await x.invite()
    f, rid = await x.asked()
    await c.bye()
    await h.hang_up()
    await f.event("CANCEL")
    x.close()
    # without a focus that anybody answers for
    h, c = await x.invite()
    await h.gone()
