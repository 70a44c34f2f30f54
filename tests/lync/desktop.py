"""A Lync client on somebody's desk, inside of the test front end: calls, is called, holds, transfers and is transferred, with
speech. It checks what reaches it and says so by the front end's list of violations."""

import asyncio
import base64
import os
import re

from media import Key, Sdp, Srtp, Stream, offer_text
from sipmsg import Message, aor_of, name_addr, uri_param

ALLOW = "INVITE, BYE, ACK, CANCEL, INFO, MESSAGE, UPDATE, REFER, NOTIFY, BENOTIFY, OPTIONS, PRACK"
SUPPORTED = "timer, 100rel, replaces, histinfo, ms-safe-transfer, ms-sender, ms-early-media, gruu-10"


class Refused(Exception):
    def __init__(self, m):
        super().__init__(m.start)
        self.m, self.status = m, m.status


class _Writer:
    @staticmethod
    def is_closing():
        return False


class Flow:
    """Stands for this client's connection in the front end."""
    trusted, peer, writer = True, ("127.0.0.1", 0), _Writer()

    def __init__(self, desk):
        self.desk, self.cid = desk, os.urandom(3).hex().upper()

    def send(self, m, _sa=None):
        self.desk.fe.note(">", self, m)
        asyncio.get_running_loop().call_soon(self.desk.receive, m.copy())


class Call:
    """A dialog of the client. Events come in `events`: (kind, message)."""

    def __init__(self, desk, call_id=None):
        self.desk, self.fe = desk, desk.fe
        self.call_id, self.tag, self.cseq = call_id or os.urandom(16).hex(), os.urandom(5).hex(), 0
        self.remote_tag, self.remote, self.target, self.route = None, None, None, []
        self.conversation, self.invite, self.sdp, self.sent, self.rseq = None, None, None, "", 1
        self.events, self.waits, self.forks = asyncio.Queue(), {}, {}
        self.stream, self.keys, self.key, self.ended, self.final = None, [], None, False, None
        self.caller, self.branch, self.ackable = True, "", None
        self.agent = None  # ICE, when it is used
        self.refer_outcome, self.among_us = asyncio.Queue(), False  # among_us: the far end is another of these clients

    def wrong(self, text):
        if not self.among_us:
            self.fe.violation(f"{self.desk.name}: {text}")

    async def event(self, *kinds, seconds=30):
        """The next event of these kinds; those of other kinds on the way are dropped."""
        async def run():
            while True:
                kind, m = await self.events.get()
                if kind in kinds:
                    return kind, m
        return await asyncio.wait_for(run(), seconds)

    # ---- media ----

    async def open(self):
        if not self.stream:
            self.stream = await Stream().open()

    def offer(self, proto="RTP/SAVP", keys="mki plain", direction=None, formats=(8, 0, 116, 13, 101), video=True, extra=(), more=""):
        """keys: mki, plain, both, or none of them."""
        if not self.keys:
            self.keys = [Key(i + 2, mki=1 if k == "mki" else None) for i, k in enumerate(keys.split())]
        extra = list(extra) + (self.agent.lines() if self.agent else [])
        self.sent = offer_text(self.stream.ip, self.stream.port, self.stream.port + 1, proto, self.keys, formats, extra, direction,
                               video, more)
        return self.sent

    def answer_text(self, direction=None, policy="optional", prefer_mki=True):
        """Our answer to self.sdp, after the rules of ms-media.md 2.3 and 2.4."""
        offer, keys, proto = self.sdp, [], "RTP/AVP"
        if offer.keys and policy != "reject":
            chosen = sorted(offer.keys, key=lambda k: (k.mki is None) == prefer_mki)[0]
            if not self.key or self.key.tag != chosen.tag:
                self.key = Key(chosen.tag, mki=chosen.mki, lifetime=chosen.lifetime)
            self.peer_key, keys, proto = chosen, [self.key], "RTP/SAVP"
        else:
            self.peer_key = None
        back = {"sendonly": "recvonly", "inactive": "inactive", "recvonly": "sendonly"}
        formats = [f for f in offer.formats if offer.maps.get(f, "") in ("PCMA/8000", "PCMU/8000", "CN/8000",
                                                                        "telephone-event/8000") or f in (0, 8, 13)]
        extra = self.agent.lines(bool(offer.attrs("remote-candidates"))) if self.agent and self.agent.peer(offer) else []
        self.sent = offer_text(self.stream.ip, self.stream.port, self.stream.port + 1, proto, keys, formats, extra,
                               direction=direction or back.get(offer.direction), video=False)
        self.run(self.key if keys else None, self.peer_key)
        return self.sent

    def run(self, ours, theirs):
        s = self.stream
        s.remote = (self.sdp.ip, self.sdp.port) if self.sdp.ip not in ("0.0.0.0", "") and self.sdp.port else None
        if ours and theirs:
            if getattr(s, "installed", None) != (ours.key, theirs.key):
                s.installed = (ours.key, theirs.key)
                s.tx, s.rx = Srtp(ours.key, ours.mki_octets(), False), Srtp(theirs.key, theirs.mki_octets(), True)
        else:
            s.tx = s.rx = None

    def answered(self, m):
        """Their answer to our offer."""
        text = m.body.decode()
        self.sdp = Sdp(text, self.wrong)
        if self.agent and not self.agent.peer(self.sdp):
            self.wrong("ICE was offered and is not answered")
        secure = bool(self.sdp.keys)
        self.sdp.check_answer(self.sent, "secure" if secure else "plain")
        ours = next((k for k in self.keys if secure and k.tag == self.sdp.keys[0].tag), None)
        self.run(ours, self.sdp.keys[0] if secure and ours else None)

    # ---- requests ----

    def uri(self):
        return self.target

    async def request(self, method, headers=(), body=b"", kind=None, seconds=30):
        self.cseq += 1
        m = Message(f"{method} {self.target} SIP/2.0", [
            ("Via", f"SIP/2.0/TLS {self.fe.o.address}:49152;branch=z9hG4bK{os.urandom(6).hex()}"), ("Max-Forwards", "70"),
            ("From", f"{self.desk.local()};tag={self.tag};epid={self.desk.endpoint.epid}"),
            ("To", self.remote + (f";tag={self.remote_tag}" if self.remote_tag else "")), ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} {method}"), ("Contact", f"<{self.desk.endpoint.gruu}>"), ("User-Agent", "UCCAPI/15.0 OC/15.0")],
            body if isinstance(body, bytes) else body.encode())
        for r in self.route:
            m.headers.append(("Route", r))
        m.headers += list(headers)
        if m.body:
            m.set("Content-Type", kind or "application/sdp")
        if method == "INVITE":
            m.headers += [("Allow", ALLOW), ("Supported", SUPPORTED)]
        done = asyncio.get_running_loop().create_future()
        self.waits[f"{self.cseq} {method}"] = done
        self.among_us = self.among_us or any(isinstance(e.flow, Flow) for e in self.fe.targets(self.target))
        self.last = m
        self.fe.note("<", self.desk.flow, m)
        self.fe.on_request(self.desk.flow, m.copy())
        return await asyncio.wait_for(asyncio.shield(done), seconds)

    async def invite_to(self, uri, body=None, headers=(), seconds=40, kind=None, conversation=None, to=None):
        """The final answer; raises Refused. Events: progress for each 1xx."""
        self.target, self.remote = uri, to or f"<{uri}>"
        self.conversation = conversation or base64.b64encode(os.urandom(22)).decode()
        if body is None:
            await self.open()
            body = self.offer()
        m = await self.request("INVITE", [("Ms-Conversation-ID", self.conversation), ("Session-Expires", "1800"), ("Min-SE", "90"),
                                          *headers], body, kind, seconds)
        self.final = m
        if m.status >= 300:
            raise Refused(m)
        self.take(m)
        self.answered(m)
        self.ack(m)
        return m

    def take(self, m):
        """What a 2xx makes of the dialog."""
        self.remote = re.sub(r";tag=[^;]*", "", m.get("To"))
        self.remote_tag = name_addr(m.get("To"))[1].get("tag")
        self.target = name_addr(m.get("Contact"))[0]
        self.route = list(reversed(m.values("Record-Route")))
        if uri_param(self.target, "gruu") is None:
            self.wrong(f"{m.start}: the Contact is not a GRUU: {self.target}")
        if "epid=" not in m.get("To"):
            self.wrong(f"{m.start}: no epid in To")

    def ack(self, m):
        a = Message(f"ACK {self.target} SIP/2.0", [
            ("Via", f"SIP/2.0/TLS {self.fe.o.address}:49152;branch=z9hG4bK{os.urandom(6).hex()}"), ("Max-Forwards", "70"),
            ("From", m.get("From")), ("To", m.get("To")), ("Call-ID", self.call_id),
            ("CSeq", m.get("CSeq").split()[0] + " ACK")] + [("Route", r) for r in self.route])
        self.fe.on_request(self.desk.flow, a)

    async def hold(self, form):
        """inactive, sendonly, or zero: the old form of RFC 2543. Returns their answer."""
        self.sent = re.sub(r"o=(\S+) \S+ \S+", r"o=\1 0 0", self.sent)
        text = re.sub(r"a=(sendrecv|sendonly|recvonly|inactive)\r\n", "", self.sent)
        text = re.sub(r"c=IN IP4 \S+", f"c=IN IP4 {self.stream.ip}", text)
        if form == "zero":
            text = re.sub(r"c=IN IP4 \S+", "c=IN IP4 0.0.0.0", text)
        elif form:
            text = text.replace("a=ptime:20\r\n", f"a={form}\r\na=ptime:20\r\n", 1)
        if self.key and not self.keys:
            self.keys = [self.key]
        self.sent = text
        m = await self.request("INVITE", [("Ms-Conversation-ID", self.conversation)] if self.conversation else [], text)
        if m.status >= 300:
            raise Refused(m)
        self.answered(m)
        self.ack(m)
        want = {"inactive": ("inactive",), "sendonly": ("recvonly", "inactive"), "zero": ("inactive", "recvonly"), None: ("sendrecv",)}[form]
        if self.sdp.direction not in want:
            self.wrong(f"re-INVITE with {form or 'sendrecv'} was answered with {self.sdp.direction}")
        return m

    async def refer(self, uri, replaces=None, seconds=40):
        """Sends the far end elsewhere; the final status of the NOTIFY."""
        to = uri
        if replaces:
            r = replaces
            text = f"{r.call_id};to-tag={r.remote_tag};from-tag={r.tag}"
            to += "?Replaces=" + text.replace(";", "%3B").replace("=", "%3D").replace("@", "%40")
        m = await self.request("REFER", [("Refer-To", f"<{to}>"), ("Referred-By", f"<{self.desk.aor}>;ms-identity=\"{os.urandom(4).hex()}\""),
                                         ("Supported", "ms-safe-transfer")])
        if m.status != 202:
            raise Refused(m)
        return await asyncio.wait_for(self.refer_outcome.get(), seconds)

    async def bye(self):
        self.ended = True
        m = await self.request("BYE")
        if self.stream:
            self.stream.quiet()
        return m

    def cancel(self, reason=None):
        m = Message(f"CANCEL {self.last.uri} SIP/2.0", [
            ("Via", self.last.get("Via")), ("Max-Forwards", "70"), ("From", self.last.get("From")), ("To", self.last.get("To")),
            ("Call-ID", self.call_id), ("CSeq", f"{self.cseq} CANCEL")] + ([("Reason", reason)] if reason else []))
        self.fe.on_request(self.desk.flow, m)

    # ---- as called party ----

    def reply(self, status, reason, headers=(), body=b"", request=None, kind="application/sdp"):
        m = (request or self.invite).reply(status, reason, [("Contact", f"<{self.desk.endpoint.gruu}>"), *headers],
                                           body if isinstance(body, bytes) else body.encode(), tag=self.tag)
        if m.body:
            m.headers.append(("Content-Type", kind))
        m.set("To", m.get("To") + ("" if "epid=" in m.get("To") else f";epid={self.desk.endpoint.epid}"))
        self.fe.note("<", self.desk.flow, m)
        self.fe.on_response(self.desk.flow, m)

    def ring(self, status=180, reason="Ringing"):
        self.reply(status, reason)

    async def early(self, reliable=True, policy="optional"):
        """183 with an answer; reliable: until it was acknowledged by PRACK."""
        await self.open()
        self.rseq += 1
        self.reply(183, "Session Progress", [("Require", "100rel"), ("RSeq", str(self.rseq))] if reliable else
                   [], self.answer_text(policy=policy))
        if reliable:
            _, m = await self.event("PRACK")
            if m.get("RAck", "").split() != [str(self.rseq), self.invite.get("CSeq").split()[0], "INVITE"]:
                self.wrong(f"RAck {m.get('RAck')} for RSeq {self.rseq}")

    async def answer(self, policy="optional", prefer_mki=True, body=True):
        await self.open()
        self.reply(200, "OK", [("Allow", ALLOW), ("Supported", SUPPORTED), ("Session-Expires", "1800;refresher=uac"),
                               ("Min-SE", "90")], self.answer_text(policy=policy, prefer_mki=prefer_mki) if body else b"")
        await self.event("ACK")

    # ---- what comes ----

    def on_response(self, m):
        if m.status < 200:
            if m.get("Require") and "100rel" in m.get("Require"):
                asyncio.ensure_future(self.prack(m))
            if m.body:
                self.answered(m)
            self.events.put_nowait(("progress", m))
            return
        done = self.waits.pop(m.get("CSeq"), None)
        if done and not done.done():
            done.set_result(m)

    async def prack(self, m):
        self.remote_tag = name_addr(m.get("To"))[1].get("tag")
        keep = self.target
        self.target, self.route = name_addr(m.get("Contact"))[0], list(reversed(m.values("Record-Route")))
        r = await self.request("PRACK", [("RAck", f"{m.get('RSeq')} {m.get('CSeq')}")])
        if r.status != 200:
            self.wrong(f"PRACK: {r.start}")
        self.target = keep

    def on_request(self, m):
        if m.method == "INVITE" and ";tag=" in m.get("To"):
            self.sdp = Sdp(m.body.decode(), self.wrong) if m.body else self.sdp
            self.events.put_nowait(("re-INVITE", m))
            asyncio.ensure_future(self.on_change(m))
            return
        if m.method == "ACK":
            self.events.put_nowait(("ACK", m))
            return
        if "epid=" not in m.get("To") and m.method != "CANCEL":
            self.wrong(f"{m.method}: our epid is not in To")
        if m.method == "CANCEL":
            self.reply(200, "OK", request=m)
            self.reply(487, "Request Terminated")
            self.events.put_nowait(("CANCEL", m))
            return
        if m.method == "UPDATE" and m.body:
            self.wrong("UPDATE with a description, which Microsoft's endpoints do not send")
        if m.method == "NOTIFY":
            self.reply(200, "OK", request=m)
            if not re.match(r"message/sipfrag\s*;\s*version=2\.0", m.get("Content-Type", "")):
                self.wrong(f"NOTIFY of a REFER with {m.get('Content-Type')}")
            status = int(m.body.split(b" ")[1]) if m.body.startswith(b"SIP/2.0 ") else 0
            over = m.get("Subscription-State", "").startswith("terminated")
            if (status >= 200) != over:
                self.wrong(f"NOTIFY with {status} and Subscription-State {m.get('Subscription-State')}")
            if status >= 200:
                self.refer_outcome.put_nowait(status)
            return
        if m.method == "REFER":
            self.reply(202, "Accepted", request=m)
            self.events.put_nowait(("REFER", m))
            return
        self.reply(200, "OK", [("Session-Expires", m.get("Session-Expires"))] if m.get("Session-Expires") else [], request=m)
        if m.method == "BYE":
            self.ended = True
            if self.stream:
                self.stream.quiet()
        self.events.put_nowait((m.method, m))

    async def on_change(self, m):
        """Their re-INVITE: the same keys go on, the direction is mirrored."""
        await self.open()
        if self.keys and not self.key and self.sdp.keys:
            mine = next((k for k in self.keys if k.tag == self.sdp.keys[0].tag), self.keys[0])
            self.key = Key(self.sdp.keys[0].tag, mine.key, mine.mki, mine.lifetime)
        self.reply(200, "OK", [("Allow", ALLOW), ("Supported", SUPPORTED)], self.answer_text(), request=m)

    async def notify(self, refer, status, reason, last):
        self.refer_cseq = refer
        m = await self.request("NOTIFY", [("Event", "refer"), ("Subscription-State", "terminated;reason=noresource" if last else
                                                               "active;expires=180")], f"SIP/2.0 {status} {reason}\r\n",
                               "message/sipfrag;version=2.0")
        if m.status != 200:
            self.wrong(f"NOTIFY: {m.start}")

    def close(self):
        if self.stream:
            self.stream.close()
            self.stream = None


class Desk:
    def __init__(self, fe, name, uuid_of_epid, endpoint, display="", number=None):
        self.fe, self.name, self.aor, self.display = fe, name, f"sip:{name}@{fe.domain}".lower(), display
        if self.aor not in fe.users:
            fe.add_user(name, os.urandom(8).hex())
        self.flow = Flow(self)
        epid = os.urandom(5).hex()
        self.endpoint = endpoint(self.aor, epid, uuid_of_epid(epid), self.flow,
                                 f"sip:192.0.2.10:49152;transport=tls;ms-opaque={os.urandom(5).hex()};ms-received-cid={self.flow.cid}")
        fe.endpoints.setdefault(self.aor, {})[epid] = self.endpoint
        if number:
            fe.numbers[number] = self.aor
        if display or number:
            fe.asserted[self.aor] = f'"{display}"<{self.aor}>' + (f",<tel:{number}>" if number else "")
        self.calls, self.incoming = {}, asyncio.Queue()

    def local(self):
        return (f'"{self.display}"' if self.display else "") + f"<{self.aor}>"

    def call(self):
        c = Call(self)
        self.calls[c.call_id] = c
        return c

    async def dial(self, uri, **kw):
        c = self.call()
        await c.invite_to(uri, **kw)
        return c

    async def rung(self, seconds=30):
        return await asyncio.wait_for(self.incoming.get(), seconds)

    def receive(self, m):
        c = self.calls.get(m.get("Call-ID"))
        if not m.request:
            if c:
                c.on_response(m)
            return
        if c and (";tag=" in m.get("To") or m.method in ("CANCEL", "ACK")):
            c.on_request(m)
            return
        if m.method != "INVITE":
            if m.method not in ("ACK", "BENOTIFY"):
                self.fe.on_response(self.flow, m.reply(481, "Call Leg/Transaction Does Not Exist", tag="none"))
            return
        c = Call(self, m.get("Call-ID"))
        c.caller, c.invite = False, m
        c.remote = re.sub(r";tag=[^;]*", "", m.get("From"))
        c.remote_tag = name_addr(m.get("From"))[1].get("tag")
        c.target, c.route = name_addr(m.get("Contact"))[0], m.values("Record-Route")
        c.conversation, c.among_us = m.get("Ms-Conversation-ID"), m.get("User-Agent", "").startswith("UCCAPI")
        if m.body and m.get("Content-Type", "").startswith("application/sdp"):
            c.sdp = Sdp(m.body.decode(), c.wrong)
            c.sdp.check_offer(self.fe.settings.get("policy", "optional"))
        if aor_of(name_addr(m.get("From"))[0]) not in self.fe.users:
            c.wrong(f"INVITE from {m.get('From')}")
        self.calls[c.call_id] = c
        self.incoming.put_nowait(c)

    def close(self):
        self.fe.endpoints.get(self.aor, {}).pop(self.endpoint.epid, None)
        for c in self.calls.values():
            c.close()
