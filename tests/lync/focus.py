"""Flows of conferences that a handset starts at the server from its two calls: the focus factory, the focus with its participants, the
audio-video server, strict (MS-CONFPRO 4.1, MS-CONFBAS, RFC 4575; ms-media.md 11.5 to 11.9)."""

import asyncio
import datetime
import os
import re
import xml.etree.ElementTree as ET

from case import NUMBER, expect, flow
from conference import CCCP, INFO, Conference
from sipmsg import Message, name_addr
from world import Failed, both_hear, heard, speech, until

MSCI = "{http://schemas.microsoft.com/rtc/2005/08/confinfoextensions}"


class Server(Conference):
    """Of user 200, who starts one."""

    def __init__(self, t, organizer="200"):
        self.t, self.subject, self.id, self.aor = t, "", None, f"sip:{organizer}@contoso.com"
        self.focus, self.mcu = t.desk(organizer), t.desk(organizer)
        self.refuse, self.watchers, self.version, self.joined_focus, self.left = None, {}, 0, False, []
        self.focus.endpoint.gruu = self.mcu.endpoint.gruu = self.focus_uri = self.mcu_uri = None
        for d in (self.focus, self.mcu):  # nobody's until there is a conference
            d.endpoint.gruu = "sip:nobody"
        t.fe.conferencing = self.request

    def wrong(self, text):
        self.t.fe.violation(f"focus: {text}")

    def request(self, fl, m, sa, sender):
        if m.method == "SERVICE" and m.uri == f"{self.aor};gruu;opaque=app:conf:focusfactory":
            self.on_service(fl, m, sa, sender)
        elif m.method == "SUBSCRIBE" and self.focus_uri and (m.uri == self.focus_uri or m.get("Call-ID") in self.watchers):
            self.on_subscribe(fl, m, sa)
        else:
            return False
        return True

    def on_service(self, fl, m, sa, sender):
        try:
            r = ET.fromstring(m.body)
            info = r.find(f"{CCCP}addConference/{INFO}conference-info")
            d = info.find(f"{INFO}conference-description")
            self.id = d.findtext(f"{MSCI}conference-id")
            until_when = datetime.datetime.strptime(d.findtext(f"{MSCI}expiry-time"), "%Y-%m-%dT%H:%M:%SZ")
            views = [v.get("entity") for v in info.findall(f"{MSCI}conference-view/{MSCI}entity-view")]
            hours = (until_when - datetime.datetime.utcnow()).total_seconds() / 3600
            if (r.tag, r.get("C3PVersion"), r.get("from"), r.get("to"), info.get("entity")) != (
                    f"{CCCP}request", "1", sender.aor, m.uri, "") or not r.get("requestId") or not re.fullmatch("[A-Za-z0-9]{8,32}", self.id) or \
                    not 1 < hours < 24 or d.findtext(f"{MSCI}admission-policy") != "openAuthenticated" or views != ["audio-video"]:
                self.wrong(f"addConference: {m.body.decode()}")
        except Exception as e:  # noqa: BLE001
            self.wrong(f"addConference: {type(e).__name__} {e}")
            fl.send(m.reply(400, "Bad Request", tag="f"), sa)
            return
        if m.get("Content-Type") != "application/cccp+xml":
            self.wrong(f"SERVICE with {m.get('Content-Type')}")
        if self.refuse == "status":
            fl.send(m.reply(403, "Forbidden", [("ms-diagnostics", '3005;reason="Not allowed";source="localhost"')], tag="f"), sa)
            return
        self.focus_uri = f"{self.aor};gruu;opaque=app:conf:focus:id:{self.id}"
        self.mcu_uri = self.focus_uri.replace(":focus:", ":audio-video:")
        self.focus.endpoint.gruu, self.mcu.endpoint.gruu = self.focus_uri, self.mcu_uri
        code = "requestFailed" if self.refuse == "code" else "success"
        body = (f'<response xmlns="urn:ietf:params:xml:ns:cccp" requestId="{r.get("requestId")}" C3PVersion="1" from="{m.uri}" '
                f'to="{sender.aor}" code="{code}"><addConference><conference-info xmlns="{INFO[1:-1]}" entity="{self.focus_uri}" '
                f'state="partial" version="1"/></addConference></response>')
        fl.send(m.reply(200, "OK", [("Content-Type", "application/cccp+xml")], body.encode(), tag="f"), sa)

    def on_subscribe(self, fl, m, sa):
        if m.get("Event") != "conference" or "application/conference-info+xml" not in (m.get("Accept") or ""):
            self.wrong(f"SUBSCRIBE for {m.get('Event')}, {m.get('Accept')}")
        if not self.joined_focus:
            self.wrong("SUBSCRIBE of one who has not joined")
        call, expires = m.get("Call-ID"), m.get("Expires", "3600")
        tag = self.watchers[call]["tag"] if call in self.watchers else os.urandom(3).hex()
        fl.send(m.reply(200, "OK", [("Expires", expires), ("Contact", f"<{self.focus_uri}>")], tag=tag), sa)
        if expires == "0":
            self.watchers.pop(call, None)
            self.left.append(call)
            return
        self.watchers[call] = {"tag": tag, "flow": fl, "sa": sa, "from": m.get("From"), "contact": name_addr(m.get("Contact"))[0], "cseq": 0}
        self.notify(call, self.document("full", self.all()))

    def notify(self, call, body):
        w = self.watchers[call]
        w["cseq"] += 1
        uri, params, _ = name_addr(w["from"])
        m = Message(f"NOTIFY {w['contact']} SIP/2.0", [
            ("Via", f"SIP/2.0/TLS {self.t.fe.o.address}:{self.t.fe.o.port};branch=z9hG4bK{os.urandom(5).hex()};ms-own"),
            ("Max-Forwards", "70"), ("From", f"<{self.focus_uri}>;tag={w['tag']}"),
            ("To", f"<{uri}>;tag={params.get('tag', '')};epid={params.get('epid', '')}"), ("Call-ID", call),
            ("CSeq", f"{w['cseq']} NOTIFY"), ("Contact", f"<{self.focus_uri}>"), ("Event", "conference"),
            ("Subscription-State", "active;expires=3600"), ("Content-Type", "application/conference-info+xml")], body.encode())
        w["flow"].send(m, w["sa"])

    @staticmethod
    def user(aor, name, audio=True, state="full"):
        return (f'<user entity="{aor}" state="{state}"><display-text>{name}</display-text><roles><entry>attendee</entry></roles>'
                '<endpoint entity="{1}" session-type="focus"><status>connected</status></endpoint>' +
                ('<endpoint entity="{2}" session-type="audio-video"><status>connected</status><media id="1"><type>audio</type>'
                 '<status>sendrecv</status></media></endpoint>' if audio else "") + "</user>")

    def document(self, state, users):
        self.version += 1
        return (f'<conference-info xmlns="{INFO[1:-1]}" state="{state}" version="{self.version}" entity="{self.focus_uri}">'
                "<conference-description><subject/></conference-description>"
                f'<users state="{state}">{users}</users></conference-info>')

    def all(self):
        return "".join(self.here.values())

    def tell(self, aor, name, audio=True):
        """One comes, or changes."""
        self.here[aor] = self.user(aor, name, audio)
        self.part(self.here[aor])

    def goes(self, aor):
        del self.here[aor]
        self.part(f'<user entity="{aor}" state="deleted"/>')

    def part(self, users):
        body = self.document("partial", users)
        for call in self.watchers:
            self.notify(call, body)

    async def admitted(self):
        """The organizer joins its focus, and subscribes."""
        self.here = {self.aor: self.user(self.aor, "User 200", False)}
        f, rid = await self.asked(self.aor[4:].split("@")[0])
        self.joined_focus = True
        await self.admit(f, rid)
        await until("who takes part is asked for", lambda: self.watchers)
        return f

    def close(self):
        self.t.fe.conferencing = None
        super().close()


async def two_calls(t, carol):
    h1, c1 = await t.out_call()
    await h1.do("hold")
    await c1.event("re-INVITE")
    h2, c2 = await t.out_call(desk=carol)
    return h1, c1, h2, c2


async def invited(x, desk, answer=200):
    n = await desk.rung()
    expect("type of the invitation", n.invite.get("Content-Type"), "application/ms-conf-invite+xml")
    if not n.invite.lists("Supported", "ms-conf-invite"):
        x.wrong("an invitation without Supported: ms-conf-invite")
    r = ET.fromstring(n.invite.body)
    if (r.tag, r.get("version"), r.findtext("focus-uri"), r.find("audio").get("available"), r.find("im").get("available")) != (
            "Conferencing", "2.0", x.focus_uri, "true", "false"):
        x.wrong(f"invitation: {n.invite.body.decode()}")
    if answer != 200:
        n.reply(answer, "Decline")
        return n
    n.reply(200, "OK", [("Supported", "ms-conf-invite")])
    await n.event("BYE")
    return n


async def all_hear(h2, c1, c2):
    """The three are mixed here."""
    a, b = speech("a"), speech("b")
    c1.stream.talk(a)
    c2.stream.talk(b)

    def energy(s, at):
        return len(s.frames) - at
    at = len(c1.stream.frames), len(c2.stream.frames)
    await until("speech of a mix", lambda: energy(c1.stream, at[0]) > 20 and energy(c2.stream, at[1]) > 20)


@flow()
async def conference_started(t):
    """A handset makes a conference of its two calls at the server: factory, focus, invitations; both there: it follows, the calls end; who takes part."""
    carol = t.desk("carol", "Carol Example", "+14255550103")
    await t.world.reconfigure_lync(conference="server")
    t.fe.settings["any-body"] = True
    x = Server(t)
    try:
        h1, c1, h2, c2 = await two_calls(t, carol)
        await h2.do("conference", h1.ref)
        f = await x.admitted()
        expect("conversation", f.conversation, c1.conversation)
        await asyncio.gather(invited(x, t.bob), invited(x, carol))
        x.tell("sip:bob@contoso.com", "Bob Example")
        await asyncio.sleep(0.3)
        if c1.ended or c2.ended or not x.mcu.incoming.empty():
            raise Failed("a call ended before all were there")
        x.tell("sip:carol@contoso.com", "Carol Example", False)
        x.tell("sip:carol@contoso.com", "Carol Example")
        n = await x.mcu.rung()
        expect("conversation", n.conversation, c1.conversation)
        await n.answer()
        await until("the two calls end", lambda: c1.ended and c2.ended)
        gone, h = (h1, h2) if h1.released is not None else (h2, h1)
        await gone.gone()
        expect("the handset's other call", h.released, None)
        await t.talk(h, n)
        await until("who takes part", lambda: h.name == "Conference 3: Bob Example, Carol Example")
        x.tell("sip:dave@contoso.com", "Dave &amp; Co", False)
        await until("one more", lambda: h.name == "Conference 4: Bob Example, Carol Example, Dave & Co")
        x.goes("sip:bob@contoso.com")
        await until("one less", lambda: h.name.startswith("Conference 3: ") and "Bob" not in h.name)
        shown = await t.world.ctl("call", "show", (await t.world.ctl("call", "list")).splitlines()[1].split()[0])
        if "conference 3: " not in shown or "Dave" not in shown:
            raise Failed(f"dectctl call show: {shown}")
        x.version += 1  # one is lost
        x.tell("sip:eve@contoso.com", "Eve")
        await until("asked anew after a gap", lambda: "Eve" in h.name)
        await h.hang_up()
        await n.event("BYE")
        await f.event("BYE")
        await until("the subscription ends", lambda: not x.watchers)
    finally:
        x.close()
        carol.close()
        t.fe.settings["any-body"] = False
        await t.world.reconfigure_lync(conference="local")


@flow("trusted")
async def conference_not_started(t):
    """The factory refuses, by status and by code; one declines; one has a telephone number only: the three are mixed here and talk on."""
    carol = t.desk("carol", "Carol Example", "+14255550103")
    await t.world.reconfigure_lync(conference="server")
    t.fe.settings["any-body"] = True
    before = dict(t.fe.asserted)
    try:
        for what in ("status", "code", "declined", "number"):
            x = Server(t)
            x.refuse = what
            said = t.world.logged("sipd", "no conference at the server")
            h1, c1 = await t.out_call(to=NUMBER if what == "number" else None)
            if what == "number":
                t.fe.asserted["sip:bob@contoso.com"] = f"<tel:{NUMBER}>"
            await h1.do("hold")
            await c1.event("re-INVITE")
            h2, c2 = await t.out_call(desk=carol)
            await h2.do("conference", h1.ref)
            if what == "declined":
                f = await x.admitted()
                await asyncio.gather(invited(x, t.bob), invited(x, carol, 603))
                await f.event("BYE")
                await until("the subscription ends", lambda: not x.watchers)
            if what != "number":
                await until("the reason in the journal", lambda: t.world.logged("sipd", "no conference at the server") > said)
            elif x.id:
                raise Failed("a conference with a telephone number was asked for")
            await all_hear(h2, c1, c2)
            await h2.do("split", h1.ref)
            await c1.bye()
            await h1.gone()
            await t.talk(h2, c2)
            await c2.bye()
            await h2.gone()
            x.close()
    finally:
        t.fe.asserted.clear()
        t.fe.asserted.update(before)
        carol.close()
        t.fe.settings["any-body"] = False
        await t.world.reconfigure_lync(conference="local")
