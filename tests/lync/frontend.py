"""A Lync front end for tests: registrar, proxy and presence server that speaks the dialect of ms-sip.md and ms-presence.md
strictly. It signs what it sends to users who logged in by NTLM, verifies what they send, drops an unsigned ACK or CANCEL
without a word, and writes every breach of the rules into `violations`. Independent of sipd's code.

    python3 frontend.py --port 5061 --cert fe.pem --key fe.key --ca ca.pem --domain contoso.com
                        --user dect1:password --trusted ipdect.contoso.com --control SOCKET
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import ssl
import sys
import time
import uuid
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from login import REALM, LoginServer  # noqa: E402
from presence import User  # noqa: E402
from subscribe import PresenceServer  # noqa: E402
from sipmsg import Bad, Message, aor_of, check, name_addr, signature_buffer, uri_param  # noqa: E402

NAMESPACE = uuid.UUID("fcacfb03-8a73-46ef-91b1-e5ebeeaba4fe")


def uuid_of_epid(epid):
    """MS-SIPRE 3.2: version 5, over the little-endian layout of the name space."""
    h = bytearray(hashlib.sha1(NAMESPACE.bytes_le + epid.encode()).digest()[:16])
    h[7] = (h[7] & 0x0F) | 0x50
    h[8] = (h[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes_le=bytes(h)))


def gruu(aor, instance):
    text = base64.urlsafe_b64encode(uuid.UUID(instance).bytes_le + b"\0\0").decode()
    return f"{aor};opaque=user:epid:{text};gruu"


class Endpoint:
    def __init__(self, aor, epid, instance, flow, contact):
        self.aor, self.epid, self.instance, self.flow, self.contact = aor, epid, instance, flow, contact
        self.gruu, self.sa = gruu(aor, instance), None
        self.subscriptions = {}


class Flow:
    count = 0

    def __init__(self, fe, reader, writer, trusted):
        Flow.count += 1
        self.fe, self.reader, self.writer, self.trusted = fe, reader, writer, trusted
        self.cid = f"{0x4E6A00 + Flow.count:X}"
        self.peer = writer.get_extra_info("peername")

    def send(self, m, sa=None):
        if sa and sa.keys:
            sa.snum += 1
            rand = os.urandom(4).hex().upper()
            text = signature_buffer(m, sa.scheme, rand, str(sa.snum), REALM, sa.target)
            m.set("Authentication-Info", f'{sa.scheme} rspauth="{sa.sign(text).upper()}", srand="{rand}", '
                                         f'snum="{sa.snum}", opaque="{sa.opaque}", qop="auth", targetname="{sa.target}", '
                                         f'realm="{REALM}"')
        self.fe.note(">", self, m)
        if not self.writer.is_closing():
            self.writer.write(m.encode())

    async def messages(self):
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = await self.reader.readline()
                if not line:
                    return
                if not head and line == b"\r\n":
                    self.fe.keepalives += 1
                    continue
                head += line
            text = head.decode("utf-8", "replace")[:-4]
            size = next((int(v.split(":", 1)[1]) for v in text.split("\r\n") if v.lower().startswith("content-length:")
                         or v.lower().startswith("l:")), None)
            if size is None:
                self.fe.violation("a message without Content-Length on a stream")
                size = 0
            body = await self.reader.readexactly(size)
            yield text, body


class Branch:
    """One target of a forked request."""

    def __init__(self, endpoint, request):
        self.endpoint, self.request, self.final, self.ringing, self.cancelled = endpoint, request, None, False, False


class Transaction:
    def __init__(self, flow, request, sa):
        self.flow, self.request, self.sa = flow, request, sa
        self.branches, self.done, self.best = {}, False, None


class FrontEnd(LoginServer, PresenceServer):
    def __init__(self, options):
        self.o, self.fqdn, self.domain = options, options.fqdn, options.domain
        self.users, self.passwords, self.logins = {}, {}, {}
        self.endpoints, self.associations, self.transactions = {}, {}, {}
        self.violations, self.trace, self.counts, self.keepalives = [], [], {}, 0
        self.flows, self.settings = set(), {"redirect": None, "action": "added", "expire_sa": False, "refuse": {},
                                            "expires": 7200, "keepalive": 300, "date-offset": 0, "schemes": ("NTLM", "Kerberos")}
        self.service, self.by_scheme, self.lifetimes = f"sip/{self.fqdn}", {"NTLM": 0, "Kerberos": 0}, []
        self.refuse_each, self.refused = 0, {}  # so many tickets of each user are refused; address -> how many were
        self.numbers, self.asserted = {}, {}  # E.164 number -> address; address -> P-Asserted-Identity of its requests
        self.mras, self.mras_asked = None, 0
        self.conferencing = None  # takes requests to a focus and its factory that no desk is there for
        self.provision = {"ucPC2PCAVEncryption": "SupportEncryption"}
        self.dialogs, self.refers = {}, []  # Call-ID -> Ms-Conversation-ID; transfers that were asked for
        self.handshakes, self.registers = 0, {}  # registers: second -> how many REGISTER
        self.delegates = {}  # who is called -> (who rings, header lines)

    def add_user(self, name, password, login=None, bootstrapped=True):
        aor = f"sip:{name}@{self.domain}".lower()
        self.users[aor] = User(aor)
        self.passwords[(login or name).lower()] = password
        self.logins[(login or name).lower()] = aor
        if bootstrapped:
            self.users[aor].containers = {200: (1, [{"type": "sameEnterprise"}]), 100: (1, [{"type": "federated"}])}

    def login_of(self, user):
        """The account of a log-in name; a UPN (name@domain) is one, too."""
        name, at, domain = user.lower().partition("@")
        return name if at and domain == self.domain else user.lower()

    def password_of(self, user, _domain):
        return self.passwords.get(self.login_of(user))

    def violation(self, text):
        self.violations.append(text)

    def note(self, way, flow, m):
        self.trace.append((way, flow.cid, m.encode().decode("utf-8", "replace")))
        del self.trace[:-2000]
        key = f"{way}{m.method if m.request else m.status}"
        self.counts[key] = self.counts.get(key, 0) + 1

    # ---- connections ----

    async def connected(self, reader, writer):
        cert = writer.get_extra_info("peercert") or {}
        names = [v for k, v in cert.get("subjectAltName", ()) if k == "DNS"] + \
                [v for rdn in cert.get("subject", ()) for k, v in rdn if k == "commonName"]
        await self.serve(Flow(self, reader, writer, any(n in self.o.trusted for n in names)))

    async def connect_back(self, aor, cert, key, ca):
        """What a pool may do towards a trusted application: a connection of its own, for what is for this user."""
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.load_verify_locations(ca)
        ctx.load_cert_chain(cert, key)
        e = next(iter(self.endpoints[aor].values()))
        host, _, port = e.contact.split("@")[-1].split(";")[0].partition(":")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port), ssl=ctx, server_hostname=host, limit=1 << 20)
        e.flow = Flow(self, reader, writer, True)
        asyncio.ensure_future(self.serve(e.flow))
        return e.flow

    async def serve(self, flow):
        writer = flow.writer
        self.flows.add(flow)
        try:
            async for text, body in flow.messages():
                try:
                    m = Message.parse(text, body)
                    self.note("<", flow, m)
                    check(m, bool(self.o.plain))
                    if m.request:
                        self.on_request(flow, m)
                    else:
                        self.on_response(flow, m)
                except Bad as e:
                    self.violation(f"{e}: {text.splitlines()[0]}")
                    if "m" in locals() and m.request and m.method != "ACK":
                        flow.send(m.reply(e.status, "Bad Request", [("Reason", f'SIP;text="{e}"')]))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.flows.discard(flow)
            for e in [e for e in self.all_endpoints() if e.flow is flow]:
                self.drop(e)
            writer.close()

    def all_endpoints(self):
        return [e for by in self.endpoints.values() for e in by.values()]

    def drop(self, e):
        self.endpoints.get(e.aor, {}).pop(e.epid, None)
        self.users[e.aor].drop_endpoint(e.instance)
        self.tell_watchers(e.aor, {"state"})

    # ---- requests ----

    def on_request(self, flow, m):
        if m.method == "REGISTER":
            self.on_register(flow, m)
            return
        sa = self.verify(flow, m)
        if sa is False:
            if m.method in ("ACK", "CANCEL"):
                self.violation(f"unsigned {m.method}: dropped")
            else:
                self.challenge(flow, m)
            return
        uri, params, _ = name_addr(m.get("From"))
        sender = self.endpoints.get(aor_of(uri), {}).get(params.get("epid", "").lower())
        if m.method not in ("ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO") and not sender and \
                ";tag=" not in m.get("To", ""):
            flow.send(m.reply(403, "Forbidden", [("ms-diagnostics", '4011;reason="From is not a registered endpoint";'
                      f'source="{self.fqdn}"')], tag="x"), sa)
            return
        if sender and "epid=" not in m.get("From"):
            self.violation(f"{m.method} without epid in From")
        own = aor_of(m.uri) == aor_of(uri) or self.fqdn in m.uri
        event = m.get("Event", "").split(";")[0].strip()
        if self.conferencing and self.conferencing(flow, m, sa, sender):
            return
        if m.method == "SERVICE" and self.mras and m.uri == self.mras["uri"]:
            self.on_mras(flow, m, sa, sender)
        elif m.method == "SERVICE":
            self.on_service(flow, m, sa, sender)
        elif m.method == "SUBSCRIBE" and (own or event == "presence"):
            self.on_subscribe(flow, m, sa, sender, event)
        elif m.method == "OPTIONS" and not uri_param(m.uri, "opaque") and "@" not in m.uri:
            flow.send(m.reply(200, "OK", tag="o"), sa)
        elif m.method == "CANCEL":
            self.on_cancel(flow, m, sa)
        else:
            self.proxy(flow, m, sa)

    def on_mras(self, flow, m, sa, sender):
        """The A/V Edge's MRAS (MS-AVEDGEA), strict."""
        self.mras_asked += 1
        ns = "{http://schemas.microsoft.com/2006/09/sip/mrasp}"
        try:
            r = ET.fromstring(m.body)
            c = r.find(ns + "credentialsRequest")
            ok = (r.tag == ns + "request" and r.get("version") == "1.0" and r.get("to") == m.uri and r.get("from") == sender.aor and
                  r.get("requestID").isdigit() and c.get("credentialsRequestID").isdigit() and
                  c.findtext(ns + "identity") == sender.aor and c.findtext(ns + "location") == "intranet" and
                  int(c.findtext(ns + "duration")) > 0)
        except Exception as e:  # noqa: BLE001  bad XML in any way
            ok, r = False, None
            self.violation(f"MRAS: {type(e).__name__} {e}")
        if m.get("Content-Type") != "application/msrtc-media-relay-auth+xml" or not ok:
            self.violation("MRAS: the request")
            flow.send(m.reply(400, "Bad Request", tag="m"), sa)
            return
        b64, x, i = (lambda v: base64.b64encode(v).decode()), self.mras, r.get("requestID")
        body = (f'<?xml version="1.0"?>\r\n<response requestID="{i}" version="1.0" reasonPhrase="{x.get("reason", "OK")}" '
                f'to="{r.get("to")}" from="{r.get("from")}" xmlns="{ns[1:-1]}"><credentialsResponse credentialsRequestID="{i}">'
                f'<credentials><username>{b64(x["user"])}</username><password>{b64(x["password"])}</password>'
                f'<duration>480</duration><realm>rtcmedia</realm></credentials><mediaRelayList><mediaRelay>'
                f'<location>intranet</location><hostName>{x["host"]}</hostName><udpPort>{x["udp"]}</udpPort><tcpPort>{x.get("tcp", 443)}</tcpPort>'
                f"</mediaRelay></mediaRelayList></credentialsResponse></response>")
        flow.send(m.reply(200, "OK", [("Content-Type", "application/msrtc-media-relay-auth+xml")], body.encode(), tag="m"), sa)

    def on_register(self, flow, m):
        second = int(time.monotonic())
        self.registers[second] = self.registers.get(second, 0) + 1
        furi, fparams, _ = name_addr(m.get("From"))
        aor, epid = aor_of(furi), fparams.get("epid", "").lower()
        if aor not in self.users:
            flow.send(m.reply(404, "Not Found", [("ms-diagnostics", f'4005;reason="Destination URI either not enabled for SIP '
                      f'or does not exist";source="{self.fqdn}"')], tag="4005"))
            return
        if m.get("Event") not in (None, "registration"):
            flow.send(m.reply(489, "Bad Event", [("ms-diagnostics", f'4055;reason="Event";source="{self.fqdn}"')], tag="x"))
            return
        if m.lists("Supported", "msrtc-event-categories") and not m.lists("Supported", "gruu-10"):
            flow.send(m.reply(421, "Extension Required", [("ms-diagnostics", f'2057;reason="gruu-10";source="{self.fqdn}"')],
                              tag="x"))
            return
        if m.lists("Supported", "ms-forking"):
            self.violation("REGISTER announces ms-forking, which is deprecated")
        refuse = self.settings["refuse"].get(aor) or self.settings["refuse"].get("*")
        if refuse:
            flow.send(m.reply(refuse[0], refuse[1], [tuple(h) for h in refuse[2]], tag="x"))
            return
        sa = None
        if not flow.trusted:
            sa = self.handshake(flow, m)
            if not sa:
                return
        if self.settings["redirect"]:
            flow.send(m.reply(301, "Redirect request to Home Server", [
                ("Contact", f"<sip:{host};transport=TLS>;q={q}") for host, q in self.settings["redirect"]], tag="r"), sa)
            return
        contact = m.get("Contact")
        curi, cparams, _ = name_addr(contact or "")
        instance = cparams.get("+sip.instance", "").strip("<>").lower().replace("urn:uuid:", "")
        if not epid:
            flow.send(m.reply(400, "Bad Request", [("ms-diagnostics", f'4011;reason="No epid";source="{self.fqdn}"')], tag="x"),
                      sa)
            return
        if instance != uuid_of_epid(epid):
            self.violation(f"+sip.instance {instance} is not derived from epid {epid} ({uuid_of_epid(epid)})")
            flow.send(m.reply(400, "Bad Request", [("ms-diagnostics", f'4010;reason="Instance";source="{self.fqdn}"')],
                              tag="x"), sa)
            return
        old = self.endpoints.get(aor, {}).get(epid)
        expires = m.get("Expires", cparams.get("expires"))
        if expires == "0":
            if old:
                self.drop(old)
            flow.send(m.reply(200, "OK", [("Expires", "0")], tag="d"), sa)
            return
        e = old or Endpoint(aor, epid, instance, flow, curi)
        e.flow, e.sa, e.contact = flow, sa, f"{curi};ms-received-cid={flow.cid}"
        if cparams.get("proxy") != "replace" and not flow.trusted:
            self.violation("the Contact of REGISTER lacks proxy=replace")
        self.endpoints.setdefault(aor, {})[epid] = e
        action = "refreshed" if old else self.settings["action"]
        expiry = self.settings["expires"]
        contacts = ", ".join(f'<{x.contact}>;expires={expiry};+sip.instance="<urn:uuid:{x.instance}>";gruu="{x.gruu}"'
                             for x in self.endpoints[aor].values())
        flow.send(m.reply(200, "OK", [
            ("ms-keep-alive", f"UAS; tcp=no; hop-hop=yes; end-end=no; timeout={self.settings['keepalive']}"),
            ("Contact", contacts), ("Expires", str(expiry)),
            ("presence-state", f'register-action="{action}";primary-cluster-type="central";is-connected-to-primary="yes"'),
            ("Allow-Events", "vnd-microsoft-provisioning-v2,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,"
                             "presence,presence.wpending,vnd-microsoft-roaming-self,vnd-microsoft-provisioning"),
            ("Supported", "adhoclist"), ("Supported", "msrtc-event-categories"), ("Server", "RTC/5.0")],
            tag=os.urandom(16).hex().upper()), sa)

    # ---- proxy ----

    def targets(self, uri):
        aor = aor_of(uri)
        user = aor[4:].split("@")[0]
        aor = self.numbers.get(user, aor)
        aor = self.delegates.get(aor, (aor,))[0]
        if uri_param(uri, "gruu") is not None:
            return [e for e in self.endpoints.get(aor, {}).values() if e.gruu.lower() == uri.lower()]
        found = [e for e in self.all_endpoints() if e.contact.lower() == uri.lower()]
        return found or list(self.endpoints.get(aor, {}).values())

    def own_route(self, value):
        return self.fqdn in value

    def check_transfer(self, m):
        """The INVITE that follows from a REFER: Referred-By as it was given, the same conversation, the target untouched."""
        by = m.get("Referred-By")
        asked = [r for r in self.refers if r[0].lower() == m.uri.lower()]
        if by and not any(r[1] == by for r in self.refers):
            self.violation(f"Referred-By is not what a REFER said: {by}")
        if by and not asked:
            self.violation(f"INVITE after REFER to {m.uri}, which no Refer-To named")
        if asked and not by and any(r[2] == m.get("Ms-Conversation-ID") for r in asked):
            self.violation("INVITE after REFER without Referred-By")
        if by and not any(r[1] == by and r[2] == m.get("Ms-Conversation-ID") for r in asked):
            self.violation("INVITE after REFER with another Ms-Conversation-ID")

    def proxy(self, flow, m, sa):
        if m.method == "ACK" and not m.get("Route"):
            return  # for a final answer that we sent or passed on
        while m.get("Route") and self.own_route(m.values("Route")[0]):
            route = m.pop_first("Route")
            if ";tag=" not in route or "ms-route-sig" not in route:
                self.violation(f"{m.method}: the Route element was changed: {route}")
        if m.method == "INVITE" and ";tag=" not in m.get("To", ""):
            for h in ("Ms-Conversation-ID", "Contact", "Allow", "Supported"):
                if not m.get(h):
                    self.violation(f"INVITE without {h}")
            if b"m=audio" not in m.body and not self.settings.get("any-body") and ":focus:" not in m.uri:
                self.violation("INVITE without an audio offer: voice routing would not apply")
            if uri_param(name_addr(m.get("Contact", ""))[0], "gruu") is None:
                self.violation("the Contact of INVITE is not the GRUU")
            self.check_transfer(m)
            self.dialogs[m.get("Call-ID")] = m.get("Ms-Conversation-ID")
        if m.method == "REFER":
            if not m.get("Referred-By") or not m.get("Refer-To"):
                self.violation("REFER without Refer-To or Referred-By")
            if ";tag=" not in m.get("To", ""):
                self.violation("REFER outside of a dialog")
            self.refers.append((name_addr(m.get("Refer-To", ""))[0].split("?")[0], m.get("Referred-By"),
                                self.dialogs.get(m.get("Call-ID"))))
        found = self.targets(m.uri)
        callee = aor_of(m.uri)
        hops = int(m.get("Max-Forwards", "70"))
        if hops == 0:
            flow.send(m.reply(483, "Too Many Hops", tag="h"), sa)
            return
        if not found:
            if m.method != "ACK":
                status = (480, "Temporarily Unavailable") if callee in self.users else (404, "Not Found")
                flow.send(m.reply(*status, [("ms-diagnostics", f'4005;reason="Nobody";source="{self.fqdn}"')], tag="n"), sa)
            return
        t = Transaction(flow, m, sa)
        if m.method == "INVITE":
            flow.send(m.reply(100, "Trying"), sa)
        for e in found:
            branch = "z9hG4bK" + os.urandom(4).hex().upper() + "." + os.urandom(4).hex().upper()
            out = m.copy()
            for h in ("Authorization", "Proxy-Authorization", "Authentication-Info"):
                out.set(h, None)
            out.start = f"{m.method} {e.contact} SIP/2.0"
            via = out.headers.index(next(h for h in out.headers if Message.key(h[0]) == "via"))
            out.headers[via] = ("Via", out.headers[via][1] + f";ms-received-port={flow.peer[1]};ms-received-cid={flow.cid}")
            out.insert("Via", f"SIP/2.0/TLS {self.o.address}:{self.o.port};branch={branch};branched=TRUE")
            out.set("Max-Forwards", str(hops - 1))
            if callee in self.delegates and m.method == "INVITE":
                out.headers += self.delegates[callee][1]
            if m.method in ("INVITE", "SUBSCRIBE", "REFER"):
                out.insert("Record-Route", f"<sip:{self.fqdn}:{self.o.port};transport=tls;opaque=state:F:T:Eu:Ci.R{flow.cid};lr;"
                           f"ms-route-sig=EXAMPLEroute_sig-0{branch[-3:]}>;tag={os.urandom(16).hex().upper()}")
            turi, tparams, tdisp = name_addr(out.get("To"))
            if "epid" not in tparams:
                out.set("To", out.get("To") + f";epid={e.epid}")
            sender = name_addr(m.get("From"))[0]
            if m.method == "INVITE" and not out.get("P-Asserted-Identity"):
                out.set("P-Asserted-Identity", self.asserted.get(aor_of(sender)) or m.get("P-Preferred-Identity") or
                        f"<{sender}>")
            out.set("P-Preferred-Identity", None)
            if m.method != "ACK":
                t.branches[branch] = Branch(e, out)
                self.transactions[branch] = t
            e.flow.send(out, e.sa)

    def up(self, t, m):
        m = m.copy()
        for h in ("Authorization", "Proxy-Authorization", "Authentication-Info"):
            m.set(h, None)
        who = aor_of(name_addr(m.get("To"))[0])
        if m.method == "INVITE" and 101 <= m.status < 300 and self.asserted.get(who):
            m.set("P-Asserted-Identity", self.asserted[who])
        t.flow.send(m, t.sa)

    def on_response(self, flow, m):
        # The same 2xx again, until its ACK is there (RFC 3261, 13.3.1.4): a replay, which a server drops without a word.
        if m.method == "INVITE" and m.status // 100 == 2 and not flow.trusted and self.replayed(m):
            return
        if self.verify(flow, m) is False:
            self.violation(f"unsigned response {m.start}: dropped")
            return
        via = m.pop_first("Via") or ""
        branch = (name_addr(f"<x>{';' + via.partition(';')[2]}")[1]).get("branch", "")
        t = self.transactions.get(branch)
        if t and m.method == "CANCEL":  # our own, with the branch of what it ends
            return
        if not t:
            if "ms-own" not in via:
                self.violation(f"a response for nothing that was sent: {m.start}")
            return
        b = t.branches[branch]
        if m.request is False and m.get("To") and "epid=" not in m.get("To") and m.status > 100 and m.status < 300:
            self.violation(f"{m.start}: no epid in To")
        invite = m.method == "INVITE"
        if m.status == 100:
            return
        if m.status < 200:
            b.ringing = True
            if not t.done:
                self.up(t, m)
            return
        if b.final and not (invite and m.status < 300):
            return
        b.final = m
        if invite and m.status >= 300:
            ack = Message(f"ACK {b.request.start.split(' ')[1]} SIP/2.0", [
                ("Via", b.request.values("Via")[0]), ("Max-Forwards", "70"), ("From", m.get("From")), ("To", m.get("To")),
                ("Call-ID", m.get("Call-ID")), ("CSeq", m.get("CSeq").split()[0] + " ACK")])
            b.endpoint.flow.send(ack, b.endpoint.sa)
        if m.status < 300:
            self.up(t, m)
            if not t.done:
                t.done = True
                for other in t.branches.values():
                    if other is not b:
                        self.cancel(other, 'SIP;cause=200;text="Call completed elsewhere"')
            return
        if m.status >= 600:
            for other in t.branches.values():
                self.cancel(other, f'SIP;cause={m.status};text="Declined"')
        if t.best is None or (m.status >= 600 > t.best.status) or (m.status < t.best.status < 600):
            t.best = m
        if not t.done and all(x.final for x in t.branches.values()):
            t.done = True
            self.up(t, t.best)

    def cancel(self, b, reason):
        if b.final or b.cancelled or b.request.method != "INVITE":
            return
        b.cancelled = True
        r = b.request
        c = Message(f"CANCEL {r.start.split(' ')[1]} SIP/2.0", [
            ("Via", r.values("Via")[0] + ";ms-own"), ("Max-Forwards", "70"), ("From", r.get("From")), ("To", r.get("To")),
            ("Call-ID", r.get("Call-ID")), ("CSeq", r.get("CSeq").split()[0] + " CANCEL"), ("Reason", reason)])
        b.endpoint.flow.send(c, b.endpoint.sa)

    def on_cancel(self, flow, m, sa):
        t = next((t for t in self.transactions.values() if t.flow is flow and t.request.get("Call-ID") == m.get("Call-ID")
                  and t.request.method == "INVITE" and t.request.get("CSeq").split()[0] == m.get("CSeq").split()[0]), None)
        if not t:
            flow.send(m.reply(481, "Call Leg/Transaction Does Not Exist", tag="c"), sa)
            return
        flow.send(m.reply(200, "OK", tag="c"), sa)
        for b in t.branches.values():
            self.cancel(b, m.get("Reason") or 'SIP;cause=487;text="Cancelled"')

    # ---- a test's hand on it ----

    def command(self, c):
        what = c["do"]
        if what == "state":
            return {"violations": self.violations, "counts": self.counts, "keepalives": self.keepalives,
                    "flows": len(self.flows), "handshakes": self.handshakes, "by-scheme": self.by_scheme,
                    "endpoints": {a: [{"epid": e.epid, "gruu": e.gruu, "trusted": e.flow.trusted, "signed": bool(e.sa)}
                                      for e in by.values()] for a, by in self.endpoints.items() if by}}
        if what == "count":
            return {"endpoints": sum(len(by) for by in self.endpoints.values())}
        if what == "rate":
            return {"most": max(self.registers.values(), default=0), "all": sum(self.registers.values()), "flows": len(self.flows)}
        if what == "shown":
            return {a: u.shown() for a, u in self.users.items()}
        if what == "publications":
            u = self.users[c["aor"]]
            return [{"category": k[0], "instance": k[1], "container": k[2], "version": u.versions[k], "xml": v["xml"]}
                    for k, v in u.pubs.items()]
        if what == "provision":
            self.provision.update(c["settings"])
            return {}
        if what == "members":  # as a desktop client changes them
            u = self.users[c["aor"]]
            u.containers = {int(k): (u.containers.get(int(k), (0, []))[0] + 1, v) for k, v in c["containers"].items()}
            return {}
        if what == "containers":
            return {str(k): v for k, v in self.users[c["aor"]].containers.items()}
        if what == "trace":
            return self.trace[-c.get("last", 50):]
        if what == "user":
            self.add_user(c["name"], c.get("password", ""), c.get("login"), c.get("bootstrapped", True))
        elif what == "set":
            self.settings[c["key"]] = c["value"]
        elif what == "mwi":
            u = self.users[c["aor"]]
            u.extra["mwi"] = (f'<category name="mwi" instance="0" publishTime="2026-02-17T07:42:42.387" container="1" version="32" '
                              f'expireType="static"><mwi xmlns="http://schemas.microsoft.com/2006/09/sip/mwi" messageWaiting="'
                              f'{"true" if c["new"] else "false"}" unreadVoiceMailCount="{c["new"]}" readVoiceMailCount="'
                              f'{c.get("old", 0)}"/></category>')
            self.tell_watchers(c["aor"], {"mwi"})
        elif what == "other-endpoint-publishes":
            self.users[c["aor"]].publish(c["document"].encode(), "desktop", self.violation)
            self.tell_watchers(c["aor"], {"state"})
        elif what == "deregister":
            for e in list(self.endpoints.get(c["aor"], {}).values()):
                m = Message(f"NOTIFY {e.contact} SIP/2.0", [
                    ("Via", f"SIP/2.0/TLS {self.o.address}:{self.o.port};branch=z9hG4bK{os.urandom(5).hex()};ms-own"),
                    ("Max-Forwards", "70"), ("From", f"<{e.aor}>;tag={os.urandom(8).hex()}"), ("To", f"<{e.aor}>;tag=reg;epid={e.epid}"),
                    ("Call-ID", os.urandom(8).hex()), ("CSeq", "1 NOTIFY"), ("Event", "registration-notify"),
                    ("subscription-state", "terminated;expires=0"), ("ms-diagnostics-public", '4141;reason="User disabled"'),
                    ("Content-Type", "text/registration-event")], f"deregistered;event={c['event']}".encode())
                e.flow.send(m, e.sa)
                self.drop(e)
        elif what == "forget":
            self.associations = {k: a for k, a in self.associations.items() if a.aor not in c["aors"]}
        elif what == "hang-up":
            for f in list(self.flows):
                f.writer.transport.abort()
        elif what == "clear":
            self.violations.clear()
            self.counts.clear()
        else:
            return {"error": f"no such command {what}"}
        return {}

    async def controlled(self, reader, writer):
        while line := await reader.readline():
            try:
                answer = self.command(json.loads(line))
            except Exception as e:  # noqa: BLE001  a test's mistake must not end the server
                answer = {"error": f"{type(e).__name__} {e}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()


async def listen(fe):
    o = fe.o
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(o.cert, o.key)
    ctx.load_verify_locations(o.ca)
    ctx.verify_mode = ssl.CERT_OPTIONAL
    servers = [await asyncio.start_server(fe.connected, o.address, o.port, ssl=ctx, limit=1 << 20)]
    if o.plain:
        servers.append(await asyncio.start_server(fe.connected, o.address, o.plain, limit=1 << 20))
    if o.control:
        servers.append(await asyncio.start_unix_server(fe.controlled, o.control, limit=1 << 22))
    fe.servers = servers


async def serve(o):
    fe = FrontEnd(o)
    users = list(o.user or ())
    if o.users:
        with open(o.users) as f:
            users += f.read().split()
    for u in users:
        name, _, password = u.partition(":")
        fe.add_user(name, password)
    await listen(fe)
    print("ready", flush=True)
    await asyncio.Event().wait()


def options(argv=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--fqdn", default="lyncfe01.contoso.com")
    p.add_argument("--domain", default="contoso.com")
    for name in ("cert", "key", "ca"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--user", action="append")
    p.add_argument("--users", help="file of NAME:PASSWORD lines")
    p.add_argument("--trusted", action="append", default=[])
    p.add_argument("--plain", type=int, help="port without TLS, for clients that are to prove this server")
    p.add_argument("--control")
    return p.parse_args(argv)


if __name__ == "__main__":
    asyncio.run(serve(options()))
