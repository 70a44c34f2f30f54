"""SIP messages for the test server: as strict as a server is that signs what it sends."""

import re


class Bad(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
           "k": "supported", "o": "event", "r": "refer-to", "b": "referred-by", "e": "content-encoding", "x": "session-expires"}


def split_values(text):
    """Values of a comma-separated header; commas in quotes or brackets do not count."""
    out, cur, quoted, depth = [], "", False, 0
    for i, ch in enumerate(text):
        if ch == '"' and (i == 0 or text[i - 1] != "\\"):
            quoted = not quoted
        elif ch == "<" and not quoted:
            depth += 1
        elif ch == ">" and not quoted:
            depth -= 1
        if ch == "," and not quoted and depth <= 0:
            out.append(cur.strip())
            cur = ""
        else:
            cur += ch
    if cur.strip():
        out.append(cur.strip())
    return out


def name_addr(text):
    """(uri, {parameter: value}, display)"""
    m = re.match(r'\s*("(?:[^"\\]|\\.)*"|[^<"]*)\s*<([^>]*)>\s*(.*)$', text, re.S)
    if m:
        display, uri, rest = m.group(1).strip().strip('"'), m.group(2), m.group(3)
    else:
        uri, _, rest = text.strip().partition(";")
        display, rest = "", ";" + rest if rest else ""
    params = {}
    for part in re.findall(r';\s*([^=;\s]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^;]*))?', rest):
        params[part[0].lower()] = part[1].strip().strip('"')
    return uri, params, display


def aor_of(uri):
    """sip:user@domain of a URI, in lower case, without parameters."""
    return re.split(r"[;?]", uri, 1)[0].lower()


def uri_param(uri, name):
    m = re.search(r";" + re.escape(name) + r"(?:=([^;?>]*))?", uri, re.I)
    return (m.group(1) or "") if m else None


class Message:
    def __init__(self, start, headers, body=b""):
        self.start, self.headers, self.body = start, headers, body
        self.request = not start.startswith("SIP/2.0 ")
        if self.request:
            parts = start.split(" ")
            if len(parts) != 3 or parts[2] != "SIP/2.0":
                raise Bad(400, f"start line {start!r}")
            self.method, self.uri = parts[0], parts[1]
            self.status = 0
        else:
            self.status, self.reason = int(start[8:11]), start[12:]
            self.method = self.get("CSeq", "0 ?").split()[-1]
            self.uri = ""

    @classmethod
    def parse(cls, head, body):
        lines = head.split("\r\n")
        headers = []
        for line in lines[1:]:
            if line[:1] in " \t" and headers:
                headers[-1] = (headers[-1][0], headers[-1][1] + " " + line.strip())
                continue
            name, colon, value = line.partition(":")
            if not colon or not name.strip():
                raise Bad(400, f"header line {line!r}")
            headers.append((name.strip(), value.strip()))
        return cls(lines[0], headers, body)

    @staticmethod
    def key(name):
        name = name.lower()
        return COMPACT.get(name, name)

    def all(self, name):
        k = self.key(name)
        return [v for n, v in self.headers if self.key(n) == k]

    def get(self, name, default=None):
        found = self.all(name)
        return found[0] if found else default

    def set(self, name, value):
        k = self.key(name)
        self.headers = [(n, v) for n, v in self.headers if self.key(n) != k]
        if value is not None:
            self.headers.append((name, value))

    def insert(self, name, value):
        self.headers.insert(0, (name, value))

    def values(self, name):
        return [x for v in self.all(name) for x in split_values(v)]

    def lists(self, name, token):
        return any(v.lower() == token.lower() for v in self.values(name))

    def pop_first(self, name):
        """Removes the first value of a header that may hold several."""
        k = self.key(name)
        for i, (n, v) in enumerate(self.headers):
            if self.key(n) == k:
                vals = split_values(v)
                if len(vals) > 1:
                    self.headers[i] = (n, ", ".join(vals[1:]))
                else:
                    del self.headers[i]
                return vals[0]
        return None

    def copy(self):
        return Message(self.start, list(self.headers), self.body)

    def dialog(self):
        return (self.get("Call-ID"), name_addr(self.get("From", ""))[1].get("tag", ""),
                name_addr(self.get("To", ""))[1].get("tag", ""))

    def encode(self):
        self.set("Content-Length", str(len(self.body)))
        return ("\r\n".join([self.start] + [f"{n}: {v}" for n, v in self.headers]) + "\r\n\r\n").encode() + self.body

    def reply(self, status, reason, headers=(), body=b"", tag=None):
        keep = [(n, v) for n, v in self.headers if self.key(n) in ("via", "from", "to", "call-id", "cseq", "record-route")]
        if tag:
            keep = [(n, v + f";tag={tag}" if self.key(n) == "to" and ";tag=" not in v else v) for n, v in keep]
        return Message(f"SIP/2.0 {status} {reason}", keep + list(headers), body)


def check(m, lenient=False):
    """What RFC 3261 8.1.1 demands of every request, and section 2 of the dialect. lenient: for Microsoft's own clients,
    which send no branch in Via."""
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        if not m.get(name):
            raise Bad(400, f"no {name}")
    if m.request:
        if m.get("Max-Forwards") is None:
            raise Bad(400, "no Max-Forwards")
        if m.get("CSeq").split() != [m.get("CSeq").split()[0], m.method]:
            raise Bad(400, "CSeq method is not the request's")
        if "branch=z9hG4bK" not in m.get("Via") and not lenient:
            raise Bad(400, "no RFC 3261 branch in Via")
    if not name_addr(m.get("From"))[1].get("tag"):
        raise Bad(400, "no tag in From")
    if m.body and not m.get("Content-Type"):
        raise Bad(400, "a body without Content-Type")


def auth_params(value):
    scheme, _, rest = value.partition(" ")
    return scheme, {k.lower(): (a or b) for k, a, b in re.findall(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^,\s]*))', rest)}


def signature_buffer(m, scheme, rand, num, realm, target):
    """MS-SIPAE 3.2.5.2, versions 3 and 4."""
    furi, fparams, _ = name_addr(m.get("From"))
    turi, tparams, _ = name_addr(m.get("To"))
    sip = tel = ""
    idents = m.values("P-Asserted-Identity") or m.values("P-Preferred-Identity")
    for v in idents:
        uri = name_addr(v)[0]
        if uri.lower().startswith("sip:") and not sip:
            sip = uri
        elif uri.lower().startswith("tel:") and not tel:
            tel = uri
    number, method = m.get("CSeq").split()
    fields = [scheme, rand, num, realm, target, m.get("Call-ID"), number, method, furi, fparams.get("tag", ""), turi,
              tparams.get("tag", ""), sip, tel, m.get("Expires", "")]
    if not m.request:
        fields.append(str(m.status))
    return "".join(f"<{f}>" for f in fields).encode()
