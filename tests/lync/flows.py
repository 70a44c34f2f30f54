"""Calls of handsets with Lync clients through the strict front end: every flow of the dialect, with speech.

    BUILD=build-dev python3 flows.py trusted|ntlm|kerberos [--only WORDS]
"""

import asyncio
import sys

import kdc
import media
from case import FLOWS, NUMBER, Test, expect, flow
from desktop import Refused
from ice import Agent
from world import Failed, World, both_hear, heard, speech, until

import admission  # noqa: F401  more flows
import bypass  # noqa: F401
import conference  # noqa: F401
import edge  # noqa: F401
import focus  # noqa: F401
import ice6_flows  # noqa: F401
import ice_flows  # noqa: F401
import life  # noqa: F401
import life_kerberos  # noqa: F401

@flow("trusted", "ntlm", "kerberos")
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


@flow("trusted", "ntlm", "kerberos")
async def hold(t):
    """Hold by the client as inactive, sendonly and in the old form, and by the handset; speech before and after."""
    h, c = await t.in_call()
    for form in ("inactive", "sendonly", "zero"):
        await c.hold(form)
        await until("the handset sees that it is held", lambda: h.held is True)
        c.stream.quiet()
        at = len(c.stream.frames)
        await asyncio.sleep(0.3)
        if form != "sendonly" and heard(c.stream, speech(h.ref), at + 10):
            raise Failed(f"{form}: speech goes on")
        await c.hold(None)
        await until("the handset sees that the hold is over", lambda: h.held is False)
        await t.talk(h, c)
    await h.do("hold")
    _, m = await c.event("re-INVITE")
    expect("direction of a hold", media.Sdp(m.body.decode(), c.wrong).direction in ("sendonly", "inactive"), True)
    await c.event("ACK")
    await h.do("retrieve")
    _, m = await c.event("re-INVITE")
    expect("direction of a retrieval", media.Sdp(m.body.decode(), c.wrong).direction, "sendrecv")
    await c.event("ACK")
    await t.talk(h, c)
    await c.bye()
    await h.gone()


@flow()
async def transferred_blind(t):
    """The client sends the handset to a colleague: Referred-By and conversation go on; a busy colleague: the call goes on."""
    carol = t.desk("carol", "Carol Example", "+14255550103")
    h, c = await t.in_call()
    asked = asyncio.ensure_future(c.refer(carol.aor))
    n = await carol.rung()
    n.reply(486, "Busy Here")
    expect("outcome of the transfer", await asked, 486)
    await until("the display is back", lambda: h.name == "Bob Example")
    await t.talk(h, c)
    asked = asyncio.ensure_future(c.refer(carol.aor))
    n = await carol.rung()
    expect("conversation", n.conversation, c.conversation)
    n.ring()
    await n.answer()
    expect("outcome of the transfer", await asked, 200)
    await c.event("BYE")
    await until("the display shows the new party", lambda: h.name == "Carol Example")
    await t.talk(h, n)
    await n.bye()
    await h.gone()
    carol.close()


@flow()
async def transferred_attended(t):
    """The client calls a colleague first and joins the two by REFER with Replaces."""
    carol = t.desk("carol", "Carol Example", "+14255550103")
    h, c = await t.in_call()
    await c.hold("inactive")
    second = t.bob.call()
    calling = asyncio.ensure_future(second.invite_to(carol.aor, conversation=c.conversation))
    n = await carol.rung()
    await n.answer()
    await calling
    asked = asyncio.ensure_future(c.refer(n.desk.endpoint.gruu, replaces=second))
    r = await carol.rung()
    got = r.invite.get("Replaces", "")
    want = f"{second.call_id};to-tag={second.remote_tag};from-tag={second.tag}"
    if got.replace(" ", "") != want:
        raise Failed(f"Replaces: {got} instead of {want}")
    expect("conversation", r.conversation, c.conversation)
    await r.answer()
    await n.bye()
    expect("outcome of the transfer", await asked, 200)
    await c.event("BYE")
    await until("the display shows the new party", lambda: h.name == "Carol Example")
    await t.talk(h, r)
    await h.hang_up()
    await r.event("BYE")
    carol.close()


@flow()
async def replaced(t):
    """A colleague takes the call over by INVITE with Replaces: answered at once, the old dialog is ended."""
    carol = t.desk("carol", "Carol Example", "+14255550103")
    h, c = await t.in_call()
    n = carol.call()
    try:
        await t.bob.dial("sip:200@contoso.com", headers=[("Replaces", "no-such-call;to-tag=a;from-tag=b"), ("Require", "replaces")])
        raise Failed("Replaces of nothing was answered")
    except Refused as e:
        expect("Replaces of nothing", e.status, 481)
    await n.invite_to("sip:200@contoso.com", headers=[
        ("Replaces", f"{c.call_id};to-tag={c.remote_tag};from-tag={c.tag}"), ("Require", "replaces")])
    await c.event("BYE")
    await until("the display shows the new party", lambda: h.name == "Carol Example")
    await t.talk(h, n)
    await n.bye()
    await h.gone()
    carol.close()


@flow()
async def transfers(t):
    """The handset transfers: blind by REFER, done and refused; attended: joined here, then by REFER with Replaces."""
    carol = t.desk("carol", "Carol Example", "+14255550103")
    h, c = await t.in_call()
    for status, reason in ((486, "Busy Here"), (200, "OK")):
        await h.do("blind", "carol")
        _, m = await c.event("REFER")
        expect("Refer-To", m.get("Refer-To"), "<sip:carol@contoso.com>")
        cseq = m.get("CSeq").split()[0]
        await c.notify(cseq, 100, "Trying", False)
        await c.notify(cseq, status, reason, True)
        if status == 486:
            await t.talk(h, c)
    await c.event("BYE")
    await h.gone()

    async def two():
        h1, c1 = await t.out_call()
        await h1.do("hold")
        await c1.event("re-INVITE")
        h2, c2 = await t.out_call(desk=carol)
        expect("the consultation belongs to the conversation", c2.conversation, c1.conversation)
        return h1, c1, h2, c2
    h1, c1, h2, c2 = await two()
    await h1.do("attended", h2.ref)
    await h1.gone()
    await h2.gone()
    a, b = speech("a"), speech("b")
    c1.stream.talk(a)
    c2.stream.talk(b)
    await both_hear(c1.stream, c2.stream, a, b)
    await c1.bye()
    await c2.event("BYE")
    await t.world.reconfigure(transfer="refer")
    h1, c1, h2, c2 = await two()
    await h1.do("attended", h2.ref)
    _, m = await c1.event("REFER")
    want = f"<{c2.desk.endpoint.gruu}?Replaces={c2.call_id}%3Bto-tag%3D{c2.tag}%3Bfrom-tag%3D{c2.remote_tag}"
    if not m.get("Refer-To").startswith(want):
        raise Failed(f"Refer-To: {m.get('Refer-To')}, not {want}")
    await c1.notify(m.get("CSeq").split()[0], 200, "OK", True)
    await c1.event("BYE")
    await h1.gone()
    await c2.bye()
    await h2.gone()
    await t.world.reconfigure(transfer="auto")
    carol.close()


@flow()
async def forked(t):
    """A user's handset and client ring together: answered there is no missed call; given up is one; a handset's no is its own."""
    desk = t.desk("201", "User 201")
    ringing = asyncio.ensure_future(t.bob.dial("sip:201@contoso.com"))
    h, n = await t.world.offered("201"), await desk.rung()
    n.ring()
    await n.answer()
    c = await ringing
    expect("cause of a call that was answered elsewhere", await h.gone(), 11)
    expect("missed calls", await t.world.missed("201"), [])
    await c.bye()
    # the handset says no: the client goes on ringing
    ringing = asyncio.ensure_future(t.bob.dial("sip:201@contoso.com"))
    h, n = await t.world.offered("201"), await desk.rung()
    await h.hang_up(4)
    await asyncio.sleep(0.5)
    if n.ended or not n.events.empty():
        raise Failed("the handset's refusal ended the other endpoint's ringing")
    await n.answer()
    await (await ringing).bye()
    # the caller gives up
    c = t.bob.call()
    ringing = asyncio.ensure_future(c.invite_to("sip:201@contoso.com"))
    h, n = await t.world.offered("201"), await desk.rung()
    n.ring()
    await c.event("progress")
    c.cancel()
    await n.event("CANCEL")
    await h.gone()
    try:
        await ringing
        raise Failed("answered after CANCEL")
    except Refused as e:
        expect("end of a call given up", e.status, 487)
    missed = await t.world.missed("201")
    expect("missed calls", [(m["name"], m["number"]) for m in missed][:1], [("Bob Example", NUMBER)])
    desk.close()
    # the handset answers: the client is told who did
    desk = t.desk("201", "User 201")
    ringing = asyncio.ensure_future(t.bob.dial("sip:201@contoso.com"))
    h, n = await t.world.offered("201"), await desk.rung()
    n.ring()
    await h.answer()
    c = await ringing
    _, m = await n.event("CANCEL")
    await c.bye()
    await h.gone()
    desk.close()


@flow()
async def call_waiting(t):
    """A second call waits, is taken, and a third is busy."""
    carol, dave = t.desk("carol", "Carol Example"), t.desk("dave", "Dave Example")
    h1, c1 = await t.in_call(talk=False)
    ringing = asyncio.ensure_future(carol.dial("sip:200@contoso.com"))
    h2 = await t.world.offered("200")
    expect("the call waits", h2.offer["waiting"], True)
    try:
        await dave.dial("sip:200@contoso.com")
        raise Failed("a third call was taken")
    except Refused as e:
        expect("a third call", e.status, 486)
    await h1.do("hold")
    await c1.event("re-INVITE")
    await h2.answer()
    c2 = await ringing
    await t.talk(h2, c2)
    await c2.bye()
    await h2.gone()
    await h1.do("retrieve")
    await c1.event("re-INVITE")
    await t.talk(h1, c1)
    await c1.bye()
    await h1.gone()
    for d in (carol, dave):
        d.close()


@flow()
async def early_media(t):
    """Announcements before the answer: reliable 183 with PRACK, unreliable, from two forks; 101 in between; the answer's fork counts."""
    other = t.desk("bob", "Bob Example", NUMBER)
    h = await t.world.dial("200", "bob")
    one, two = await t.bob.rung(), await other.rung()
    one.reply(101, "Progress Report", [("ms-diagnostics", '13004;reason="Request was proxied";source="localhost"')])
    await one.early(reliable=True)
    a = speech("one")
    one.stream.talk(a)
    mine = speech(h.ref)
    await h.talk(mine)
    await until("the first fork is heard", lambda: heard(h.stream, a) >= 20)
    one.stream.quiet()
    await two.early(reliable=False)
    b = speech("two")
    two.stream.talk(b)
    await until("the second fork is heard", lambda: heard(h.stream, b) >= 20)
    await two.answer()
    await h.connected()
    await one.event("CANCEL")
    await both_hear(h.stream, two.stream, mine, b, 20)
    await h.hang_up()
    await two.event("BYE")
    other.close()


@flow()
async def session_timer(t):
    """422 raises the interval; the client's refresh by UPDATE and by re-INVITE is answered and is no hold."""
    h = await t.world.dial("200", "bob")
    c = await t.bob.rung()
    first = c.invite.get("Session-Expires", "")
    c.reply(422, "Session Interval Too Small", [("Min-SE", "3600")])
    c = await t.bob.rung()
    if not first.startswith("1800") or int(c.invite.get("Session-Expires", "0").split(";")[0]) < 3600:
        raise Failed(f"Session-Expires {first} and after 422 {c.invite.get('Session-Expires')}")
    await c.answer()
    await h.connected()
    await t.talk(h, c)
    m = await c.request("UPDATE", [("Session-Expires", "3600;refresher=uac"), ("Supported", "timer")])
    expect("refresh by UPDATE", (m.status, (m.get("Session-Expires") or "").split(";")[0]), (200, "3600"))
    await c.hold(None)
    expect("held by a refresh", h.held, False)
    await t.talk(h, c)
    await h.hang_up()
    await c.event("BYE")


@flow()
async def for_another(t):
    """Calls for a delegator, a team and a response group: the display says for whom; two identities in any order."""
    boss = [("History-Info", '"The Boss" <sip:boss@contoso.com>;index=1,<sip:200@contoso.com>;index=1.1;ms-retarget-reason=delegation')]
    t.fe.delegates = {"sip:boss@contoso.com": ("sip:200@contoso.com", boss),
                      "sip:sales@contoso.com": ("sip:200@contoso.com", [])}
    t.fe.asserted["sip:bob@contoso.com"] = f'<tel:{NUMBER}>, "Bob Example" <sip:bob@contoso.com>'
    for uri, to, want in (("sip:boss@contoso.com", None, ("The Boss", "boss")), ("sip:sales@contoso.com", '"Sales Team" <sip:sales@contoso.com>',
                                                                                 ("Sales Team", "sales"))):
        c = t.bob.call()
        c.display_to = to
        ringing = asyncio.ensure_future(c.invite_to(uri, to=to))
        h = await t.world.offered("200")
        expect("caller", (h.offer["name"], h.offer["number"]), ("Bob Example", NUMBER))
        expect("for whom", (h.offer.get("by_name"), h.offer.get("by_number")), want)
        await h.answer()
        await ringing
        await t.talk(h, c)
        await c.bye()
        await h.gone()
    t.fe.delegates = {}


@flow()
async def forwarded(t):
    """A handset's user forwards to a client: the caller's call reaches it, in the same conversation."""
    carol = t.desk("carol", "Carol Example")
    await t.world.ctl("user", "set", "202", "forward-always=carol")
    ringing = asyncio.ensure_future(t.bob.dial("sip:202@contoso.com"))
    n = await carol.rung()
    n.ring()
    await n.answer()
    c = await ringing
    expect("conversation", n.conversation, c.conversation)
    a, b = speech("a"), speech("b")
    c.stream.talk(a)
    n.stream.talk(b)
    await both_hear(c.stream, n.stream, a, b)
    await n.bye()
    await c.event("BYE")
    await t.world.ctl("user", "set", "202", "forward-always=")
    carol.close()


@flow()
async def invitations_of_other_kinds(t):
    """A conference without audio and an instant-message session are refused by 488; a nested multipart is answered by the named part."""
    conference = ('<Conferencing version="2.0"><focus-uri>sip:bob@contoso.com;gruu;opaque=app:conf:focus:id:X</focus-uri><subject/>'
                  '<im available="true"/><audio available="false"/></Conferencing>')
    for kind, body in (("application/ms-conf-invite+xml", conference),
                       ("application/sdp", "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                        "m=x-ms-message 5060 sip null\r\na=accept-types:text/plain\r\n")):
        t.fe.settings["any-body"] = True
        try:
            await t.bob.dial("sip:200@contoso.com", body=body, kind=kind)
            raise Failed(f"{kind} was answered")
        except Refused as e:
            expect(kind, e.status, 488)
            if not e.m.get("ms-client-diagnostics") and not e.m.get("Warning"):
                raise Failed("488 without a reason") from None
    t.fe.settings["any-body"] = False
    c = t.bob.call()
    await c.open()
    new = c.offer()
    old = new.replace("m=audio ", "m=audio 0 RTP/AVP\r\na=x-was:")
    inner = (f"--i\r\nContent-Type: application/sdp\r\nContent-ID: <old@contoso.com>\r\nContent-Disposition: session; "
             f"handling=optional; ms-proxy-2007fallback\r\n\r\n{old}\r\n--i\r\nContent-Type: application/sdp\r\n"
             f"Content-ID: <new@contoso.com>\r\n\r\n{new}\r\n--i--\r\n")
    body = (f"--o\r\nContent-Type: multipart/alternative;boundary=\"i\"\r\n\r\n{inner}\r\n--o\r\nContent-Type: "
            "application/ms-conversation-context+xml\r\nContent-Disposition: render;handling=optional\r\n\r\n<x/>\r\n--o--\r\n")
    ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=body, kind='multipart/mixed;boundary="o"'))
    h = await t.world.offered("200")
    await h.answer()
    m = await ringing
    expect("Ms-Accepted-Content-ID", m.get("Ms-Accepted-Content-ID"), "<new@contoso.com>")
    await t.talk(h, c)
    await c.bye()
    await h.gone()


@flow()
async def reasons(t):
    """A refusal's ms-diagnostics is in the journal in words; do-not-disturb is heard as busy."""
    before = t.world.logged("sipd", "clocks differ")
    h = await t.world.dial("200", "bob")
    c = await t.bob.rung()
    c.reply(403, "Forbidden", [("ms-diagnostics", '1013;reason="Significant time skew detected";source="localhost"')])
    await h.gone()
    await until("the reason in the journal", lambda: t.world.logged("sipd", "clocks differ") > before)
    h = await t.world.dial("200", "bob")
    c = await t.bob.rung()
    c.reply(480, "Temporarily Unavailable", [("Warning", '391 lcs.microsoft.com "Do not disturb"')])
    expect("do not disturb", await h.gone(), 2)


@flow()
async def encryption(t):
    """Required, optional and off, against offers of each kind, both ways, with speech; MKI or not as offered; payload 116; comfort noise."""
    matrix = {"require": {"save": "secure", "avp": "secure", "plain": 488}, "optional": {"save": "secure", "avp": "secure", "plain": "plain"},
              "reject": {"save": 488, "avp": "plain", "plain": "plain"}}
    for policy, rows in matrix.items():
        await t.world.reconfigure(media_encryption="no" if policy == "reject" else "yes",
                                  media_encryption_require="yes" if policy == "require" else "no")
        t.fe.settings["policy"] = policy
        for kind, want in rows.items():
            for keys in ("mki plain", "plain", "mki") if kind != "plain" and policy != "reject" else ("mki plain",):
                c = t.bob.call()
                await c.open()
                offer = c.offer("RTP/SAVP" if kind == "save" else "RTP/AVP", "" if kind == "plain" else keys,
                                extra=[f"a=x-ssrc-range:{c.stream.ssrc}-{c.stream.ssrc}", "a=rtcp-fb:* x-message app send:dsh recv:dsh",
                                       "a=rtcp-rsize"], more="a=rtcp-mux")
                ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=offer))
                if want == 488:
                    try:
                        await ringing
                        raise Failed(f"{policy}: an offer of {kind} was answered")
                    except Refused as e:
                        expect(f"{policy}: an offer of {kind}", e.status, 488)
                        if policy == "require" and not e.m.get("ms-client-diagnostics", "").startswith("52017"):
                            raise Failed("488 without ErrorID 52017") from None
                    c.close()
                    continue
                h = await t.world.offered("200")
                await h.answer()
                await ringing
                expect(f"{policy}: {kind}: encryption", "secure" if c.sdp.keys else "plain", want)
                await t.talk(h, c)
                c.stream.send(bytes([60]), pt=13)
                await t.talk(h, c)
                expect("packets that could not be verified", c.stream.bad, 0)
                expect("SSRC in use", len(c.stream.ssrcs), 1)
                await c.bye()
                await h.gone()
                h.close()
                c.close()
        for answer in {"require": ("optional",), "optional": ("optional", "reject"), "reject": ("optional",)}[policy]:
            for mki in (True, False):
                h = await t.world.dial("200", "bob")
                c = await t.bob.rung()
                await c.answer(policy=answer, prefer_mki=mki)
                await h.connected()
                expect(f"{policy}: our offer: encryption", bool(c.peer_key), policy != "reject" and answer == "optional")
                await t.talk(h, c)
                expect("packets that could not be verified", c.stream.bad, 0)
                await c.hold("inactive")
                await c.hold(None)
                await t.talk(h, c)
                await until("RTCP", lambda: c.stream.rtcp_good, 12)
                expect("RTCP that could not be verified", c.stream.rtcp_bad, 0)
                await h.hang_up()
                await c.event("BYE")
                h.close()
                c.close()
    await t.world.reconfigure(media_encryption="yes", media_encryption_require="no")
    t.fe.settings["policy"] = "optional"


@flow()
async def candidates(t):
    """ICE (MS-ICE2), the client controlling and controlled: checks both ways, the final offer names the chosen pair, speech, hold."""
    c = t.bob.call()
    await c.open()
    c.agent = Agent(c.stream, True, c.wrong)
    ringing = asyncio.ensure_future(c.invite_to("sip:200@contoso.com", body=c.offer()))
    h = await t.world.offered("200")
    await h.answer()
    await ringing
    await c.agent.done()
    final = c.sent.split("a=ice-ufrag")[0] + "\r\n".join(c.agent.lines(True)) + "\r\n" + c.sent[c.sent.index("a=label"):]
    c.sent = final
    m = await c.request("INVITE", [], final)  # answered when the checks of the called side are through, too
    c.answered(m)
    c.ack(m)
    want = " ".join(f"{k} {a[0]} {a[1]}" for k, a in ((1, c.agent.address(1)), (2, c.agent.address(2))))
    expect("a=remote-candidates of the answer", c.sdp.attrs("remote-candidates"), [want])
    expect("candidates of the answer", len(c.sdp.candidates), 2)
    await t.talk(h, c)
    await h.do("hold")
    await c.event("re-INVITE")
    await h.do("retrieve")
    await c.event("re-INVITE")
    await t.talk(h, c)
    await c.bye()
    await h.gone()
    # the other way round
    h = await t.world.dial("200", "bob")
    c = await t.bob.rung()
    await c.open()
    c.agent = Agent(c.stream, False, c.wrong)
    await c.answer()
    await h.connected()
    _, m = await c.event("re-INVITE", seconds=20)
    final = media.Sdp(m.body.decode(), c.wrong)
    want = " ".join(f"{k} {a[0]} {a[1]}" for k, a in ((1, c.agent.address(1)), (2, c.agent.address(2))))
    expect("a=remote-candidates of the final offer", final.attrs("remote-candidates"), [want])
    expect("candidates of the final offer", len(final.candidates), 2)
    expect("nominated", set(c.agent.chosen), {1, 2})
    await t.talk(h, c)
    await until("RTCP", lambda: c.stream.rtcp_good, 12)
    await h.hang_up()
    await c.event("BYE")


@flow()
async def among_handsets(t):
    """Two handsets of ours call each other through the front end, by ICE on both ends, with speech; hold; a missed call."""
    h1 = await t.world.dial("200", "201")
    h2 = await t.world.offered("201")
    expect("caller", h2.offer["name"], "User 200")
    await h2.answer()
    await h1.connected()
    a, b = speech("one"), speech("two")
    await h1.talk(a)
    await h2.talk(b)
    await both_hear(h1.stream, h2.stream, a, b)
    await h1.do("hold")
    await until("held", lambda: h2.held is True)
    await h1.do("retrieve")
    await until("retrieved", lambda: h2.held is False)
    await both_hear(h1.stream, h2.stream, a, b)
    await h1.hang_up()
    await h2.gone()
    h1 = await t.world.dial("200", "203")
    h2 = await t.world.offered("203")
    await h1.hang_up()
    await h2.gone()
    expect("missed calls", [m["number"] for m in await t.world.missed("203")], ["200"])


import provisioned  # noqa: E402,F401  the last one


async def main(argv):
    mode, only = argv[0], " ".join(argv[2:]) if argv[1:2] == ["--only"] else ""
    if not media.srtp_library():
        print("libsrtp2 is not installed")
        return 77
    if mode == "kerberos" and kdc.missing():
        print(kdc.missing())
        return 77
    w = World(mode)
    users = ["200", "201", "202", "203"]
    failed = 0
    try:
        if mode == "kerberos":
            w.kerberos(users)
        fe = await w.front_end(users)
        w.settings["media-encryption-require"] = "no"
        await w.start(users, f"localhost:{fe.o.port}")
        await w.registered(len(users))
        t = Test(w, fe)
        for fn in FLOWS:
            if (only and only not in fn.__name__.replace("_", " ")) or mode not in fn.modes:
                continue
            at = len(fe.trace)
            t.hush()
            fe.violations.clear()
            try:
                await asyncio.wait_for(fn(t), 200)
                if fe.violations:
                    raise Failed("the front end complains: " + "; ".join(fe.violations))
                if w.sipd.poll() is not None or w.mediad.poll() is not None:
                    raise Failed("a daemon died")
                print(f"{mode}: {fn.__doc__.splitlines()[0]}", flush=True)
            except Exception as e:  # noqa: BLE001  whatever goes wrong is the flow's failure
                failed += 1
                print(f"FAILED: {mode}: {fn.__name__}: {type(e).__name__} {e} {fe.violations}", flush=True)
                for way, cid, text in fe.trace[at:][-16:]:
                    print(f"-- {way} {cid}\n{text}")
                print(await w.ctl("call", "list", check=False))
                for name in ("sipd", "certd", "mediad"):
                    with open(w.log[name], errors="replace") as f:
                        print("".join(f.readlines()[-15:]))
                break
    finally:
        w.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
