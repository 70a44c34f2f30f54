"""The presence half of the Lync front end for tests: publications, subscriptions, what watchers and owners are told."""

import os

from presence import Conflict, resources
from sipmsg import Message, aor_of, name_addr


class PresenceServer:
    """Mixed into FrontEnd."""

    def on_service(self, flow, m, sa, sender):
        user = self.users[sender.aor]
        kind = m.get("Content-Type", "").split(";")[0].strip()
        if aor_of(m.uri) != sender.aor or aor_of(name_addr(m.get("To"))[0]) != sender.aor:
            self.violation("SERVICE: Request-URI, From and To are not the same user")
        try:
            if kind == "application/msrtc-category-publish+xml":
                touched = user.publish(m.body, sender.instance, self.violation)
                flow.send(m.reply(200, "OK", [("Content-Type", "application/vnd-microsoft-roaming-self+xml")],
                                  user.roaming(touched), tag="s"), sa)
                self.tell_watchers(sender.aor, touched)
            elif kind == "application/msrtc-setcontainermembers+xml":
                user.set_members(m.body)
                flow.send(m.reply(200, "OK", tag="s"), sa)
            elif kind == "application/SOAP+xml" and self.o.plain:  # contact lists of desktop clients
                flow.send(m.reply(200, "OK", tag="s"), sa)
            elif kind == "application/msrtc-presence-setsubscriber+xml":
                flow.send(m.reply(200, "OK", tag="s"), sa)
            else:
                flow.send(m.reply(488, "Not Acceptable Here", tag="s"), sa)
        except Conflict as c:
            flow.send(m.reply(409, "Conflict", [("Content-Type", "application/msrtc-fault+xml")], c.body(), tag="s"), sa)
        except (ValueError, StopIteration, TypeError, Exception) as e:  # noqa: BLE001  bad XML in any way
            self.violation(f"SERVICE: {type(e).__name__} {e}")
            flow.send(m.reply(400, "Bad Request", [("ms-diagnostics", f'4001;reason="XML";source="{self.fqdn}"')], tag="s"), sa)

    def on_subscribe(self, flow, m, sa, sender, event):
        user = self.users[sender.aor]
        piggy = m.lists("Supported", "ms-piggyback-first-notify")
        bodies = {
            "vnd-microsoft-roaming-self": ("application/vnd-microsoft-roaming-self+xml", lambda: user.roaming(None, True)),
            "vnd-microsoft-provisioning-v2": ("application/vnd-microsoft-roaming-provisioning-v2+xml", self.provisioning),
            "vnd-microsoft-roaming-contacts": ("application/vnd-microsoft-roaming-contacts+xml", lambda: (
                '<contactList deltaNum="1"><group id="1" name="~" externalURI=""/>' + "".join(
                    f'<contact uri="{a[4:]}" name="" groups="1 " subscribed="true" externalURI=""/>'
                    for a in self.users if a != sender.aor) + "</contactList>").encode()),
            "presence": ("application/msrtc-event-categories+xml", None),
        }
        if event not in bodies:
            flow.send(m.reply(489, "Bad Event", tag="e"), sa)
            return
        kind, make = bodies[event]
        expires = m.get("Expires", "28800")
        tag = name_addr(m.get("To"))[1].get("tag") or os.urandom(8).hex()
        if event == "presence":
            if aor_of(m.uri) == sender.aor and not m.lists("Require", "adhoclist"):
                self.violation("batched SUBSCRIBE without Require: adhoclist")
            who = [aor_of(r) for r in resources(m.body)] or [aor_of(m.uri)]
            kind, body = self.batch(sender, who)
        else:
            who, body = [sender.aor], make()
        # One subscription of a kind; a watcher may have several for presence, each its own dialog.
        key = f"presence {m.get('Call-ID')}" if event == "presence" else event
        if expires != "0":
            sender.subscriptions[key] = {"dialog": (m.get("Call-ID"), m.get("From"), m.get("To"), tag), "cseq": 1, "who": who,
                                           "contact": name_addr(m.get("Contact", ""))[0]}
        else:
            sender.subscriptions.pop(key, None)
        headers = [("Expires", expires), ("Event", event), ("Contact", f"<sip:{self.fqdn}:{self.o.port};transport=tls>"),
                   ("subscription-state", f"active;expires={expires}" if expires != "0" else "terminated;expires=0")]
        if piggy:
            headers += [("ms-piggyback-cseq", "1"), ("Content-Type", kind)]
        flow.send(m.reply(200, "OK", headers, body if piggy else b"", tag=tag), sa)
        if not piggy and expires != "0":
            self.benotify(sender, key, kind, body)

    def batch(self, sender, who):
        parts = [("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"%s\" version=\"0\" fullState=\"false\">" % sender.aor + "".join(
            f'<resource uri="{a}"><instance id="0" state="{"active" if a in self.users else "terminated"}" cid="{a[4:]}"/>'
            "</resource>" for a in who) + "</list>", "application/rlmi+xml", "resources")]
        parts += [(self.users[a].watched().decode(), "application/msrtc-event-categories+xml", a[4:]) for a in who
                  if a in self.users]
        b = os.urandom(8).hex()
        body = "".join(f"--{b}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\nContent-Type: {t}\r\n\r\n{x}\r\n\r\n"
                       for x, t, cid in parts) + f"--{b}--\r\n"
        return (f'multipart/related;type="application/rlmi+xml";start=resources;boundary={b}', body.encode())

    def benotify(self, e, key, kind, body):
        s = e.subscriptions.get(key)
        if not s:
            return
        event = key.split()[0]
        call, frm, to, tag = s["dialog"]
        s["cseq"] += 1
        uri, params, _ = name_addr(frm)
        m = Message(f"BENOTIFY {e.contact} SIP/2.0", [
            ("Via", f"SIP/2.0/TLS {self.o.address}:{self.o.port};branch=z9hG4bK{os.urandom(5).hex()};ms-own"),
            ("Max-Forwards", "70"), ("From", f"<{name_addr(to)[0]}>;tag={tag}"),
            ("To", f"<{uri}>;tag={params.get('tag', '')};epid={e.epid}"), ("Call-ID", call), ("CSeq", f"{s['cseq']} BENOTIFY"),
            ("Require", "eventlist"), ("Event", event), ("subscription-state", "active;expires=28800"),
            ("Content-Type", kind)], body)
        e.flow.send(m, e.sa)

    def tell_watchers(self, aor, touched):
        user = self.users[aor]
        for e in self.all_endpoints():
            if e.aor == aor:
                self.benotify(e, "vnd-microsoft-roaming-self", "application/vnd-microsoft-roaming-self+xml",
                              user.roaming(touched))
            for key, s in list(e.subscriptions.items()):
                if key.startswith("presence ") and aor in s["who"]:
                    self.benotify(e, key, "application/msrtc-event-categories+xml", user.watched())

    def provisioning(self):
        return ('<provisionGroupList xmlns="http://schemas.microsoft.com/2006/09/sip/provisiongrouplist-notification">'
                '<provisionGroup name="ServerConfiguration">' + "".join(f"<{k}>{v}</{k}>" for k, v in self.provision.items())
                + '</provisionGroup><provisionGroup name="endpointConfiguration"><propertyEntryList>'
                '<property name="DisablePhonePresence">false</property></propertyEntryList></provisionGroup>'
                '<provisionGroup name="mediaConfiguration"><propertyEntryList><property name="bypassEnabled">true</property>'
                '<property name="internalBypassMode">Any</property><property name="externalBypassMode">Off</property>'
                '<property name="bypassId">5b0c7a1e-3d42-4f19-9a55-0d6f2b7c8e31</property></propertyEntryList></provisionGroup>'
                "</provisionGroupList>").encode()
