"""The strict front end's log-ins (MS-SIPAE): challenges, NTLM's and Kerberos' handshakes, associations, signatures of messages."""

import base64
import email.utils
import os
import time

import kdc
import ntlm
from sipmsg import aor_of, auth_params, name_addr, signature_buffer

REALM = "SIP Communications Service"


class Association:
    def __init__(self, fe, aor, epid, scheme="NTLM"):
        self.opaque, self.aor, self.epid, self.scheme = os.urandom(4).hex().upper(), aor, epid, scheme
        self.acceptor, self.keys, self.snum, self.cnums = None, None, 0, {}  # cnums: cnum -> signature
        self.target = fe.fqdn if scheme == "NTLM" else fe.service
        if scheme == "NTLM":
            self.acceptor = ntlm.Acceptor(fe.fqdn)

    def sign(self, text):
        return self.keys.signature(True, text) if self.scheme == "NTLM" else self.keys.sign(text)

    def good(self, text, signature):
        if self.scheme == "NTLM":
            return self.keys.signature(False, text) == signature.lower()
        return self.keys.good(text, signature)


class LoginServer:
    """The part of the front end that asks who somebody is; FrontEnd has its state."""

    def verify(self, flow, m, began=None):
        """The endpoint's association (None on a trusted connection). False: the message is to be dropped or challenged."""
        if flow.trusted:
            if m.get("Authorization") or m.get("Proxy-Authorization"):
                self.violation("credentials on a trusted connection")
            return None
        value = m.get("Authorization") or m.get("Proxy-Authorization")
        if not value:
            return False
        scheme, p = auth_params(value)
        sa = began or self.associations.get(p.get("opaque"))
        if not sa or scheme != sa.scheme or not sa.keys or "response" not in p:
            return False
        if p.get("realm") != REALM or p.get("targetname") != sa.target:
            self.violation("realm or targetname is not the association's")
            return False
        text = signature_buffer(m, sa.scheme, p.get("crand", ""), p.get("cnum", ""), REALM, sa.target)
        if not sa.good(text, p["response"]):
            self.violation(f"wrong signature on {m.start}: {text.decode(errors='replace')}")
            return False
        if p["cnum"] in sa.cnums:
            self.violation(f"cnum {p['cnum']} used twice")
            return False
        sa.cnums[p["cnum"]] = p["response"]
        who = m.get("From") if m.request else m.get("To")
        uri, params, _ = name_addr(who)
        # In a call for a delegator or a team the address is theirs; the endpoint's id tells whose association it is.
        other = not m.request or ";tag=" in m.get("To", "")
        if m.method != "REGISTER" and ((aor_of(uri) != sa.aor and not other) or params.get("epid", "").lower() != sa.epid):
            self.violation(f"{m.start}: signed by {sa.aor} {sa.epid}, but from {who}")
        return sa

    def replayed(self, m):
        """A message that was here before, to the letter of its signature."""
        _, p = auth_params(m.get("Authorization") or m.get("Proxy-Authorization") or "")
        sa = self.associations.get(p.get("opaque"))
        return bool(sa) and "response" in p and sa.cnums.get(p.get("cnum")) == p["response"]

    def challenge(self, flow, m):
        proxy = m.method != "REGISTER"
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        now = email.utils.formatdate(time.time() + self.settings["date-offset"], usegmt=True)
        flow.send(m.reply(407 if proxy else 401, "Proxy Authentication Required" if proxy else "Unauthorized", [
            ("Date", now), *self.schemes(name)], tag=os.urandom(8).hex()))

    def schemes(self, name):
        return [(name, f'{s} realm="{REALM}", targetname="{self.fqdn if s == "NTLM" else self.service}", version=4')
                for s in self.settings["schemes"]]

    def kerberos(self, flow, m, aor, epid, p):
        """The REGISTER with a ticket: the client's first with credentials, and signed."""
        self.handshakes += 1
        if "opaque" in p or p.get("targetname") != self.service or p.get("version") != "4":
            self.violation(f"Kerberos parameters: {p}")
        sa = Association(self, aor, epid, "Kerberos")
        try:
            if self.refused.get(aor, 0) < self.refuse_each:
                self.refused[aor] = self.refused.get(aor, 0) + 1
                raise kdc.Refused("as the test says")
            sa.keys = kdc.Context(self.service, base64.b64decode(p["gssapi-data"]))
        except kdc.Refused as e:
            flow.send(m.reply(401, "Unauthorized", self.schemes("WWW-Authenticate") + [
                ("ms-diagnostics", f'1000;reason="Final handshake failed";source="{self.fqdn}";why="{e}"')], tag="1000"))
            return None
        name, _, realm = sa.keys.client.partition("@")
        if realm != kdc.REALM or self.logins.get(self.login_of(name)) != aor:
            flow.send(m.reply(403, "Forbidden", [("ms-diagnostics", f'4004;reason="Credentials provided are not authorized to act as '
                      f'specified from URI";source="{self.fqdn}"')], tag="4004"))
            return None
        self.associations[sa.opaque] = sa
        self.lifetimes.append((sa.keys.lifetime, time.monotonic()))
        if not self.verify(flow, m, sa):
            self.violation("the REGISTER with a ticket is not signed")
        self.by_scheme["Kerberos"] += 1
        return sa

    def handshake(self, flow, m):
        """NTLM in REGISTER. Returns an association with keys once it is through, None while messages go on."""
        value = m.get("Authorization") or m.get("Proxy-Authorization")
        uri, params, _ = name_addr(m.get("From"))
        aor, epid = aor_of(uri), params.get("epid", "").lower()
        if not value:
            self.challenge(flow, m)
            return None
        scheme, p = auth_params(value)
        token = p.get("gssapi-data")
        if scheme not in self.settings["schemes"] or p.get("qop") != "auth" or p.get("version") != (None if token is None else "4"):
            self.violation(f"Authorization: {value[:120]}")
        if token is None:
            sa = self.associations.get(p.get("opaque"))
            if sa and sa.keys and not self.settings["expire_sa"]:
                got = self.verify(flow, m)
                if got:
                    return got
            self.settings["expire_sa"] = False
            self.challenge(flow, m)
            return None
        if scheme == "Kerberos":
            return self.kerberos(flow, m, aor, epid, p)
        if token == "":
            sa = Association(self, aor, epid)
            self.associations[sa.opaque] = sa
            flow.send(m.reply(401, "Unauthorized", [("WWW-Authenticate", f'NTLM opaque="{sa.opaque}", gssapi-data="'
                      f'{base64.b64encode(sa.acceptor.message).decode()}", targetname="{self.fqdn}", realm="{REALM}", '
                      'version=4')], tag=os.urandom(8).hex()))
            return None
        sa = self.associations.get(p.get("opaque"))
        if not sa:
            self.challenge(flow, m)
            return None
        try:
            self.handshakes += 1
            sa.keys, user, _ = sa.acceptor.accept(base64.b64decode(token), self.password_of)
            if self.logins.get(self.login_of(user)) != aor:
                flow.send(m.reply(403, "Forbidden", [("ms-diagnostics", f'4004;reason="Credentials provided are not authorized '
                          f'to act as specified from URI";source="{self.fqdn}"')], tag="4004"))
                return None
        except ntlm.Refused as e:
            self.associations.pop(sa.opaque, None)
            flow.send(m.reply(401, "Unauthorized", self.schemes("WWW-Authenticate") + [
                ("ms-diagnostics", f'1000;reason="Final handshake failed";source="{self.fqdn}";why="{e}"')], tag="1000"))
            return None
        got = self.verify(flow, m)  # version 4: the request that ends the handshake is signed already
        if not got:
            self.violation("the REGISTER with AUTHENTICATE is not signed")
        self.by_scheme["NTLM"] += 1
        return sa
