"""A directory that misbehaves. usage: presenced_ldap.py PORT CERT KEY MODEFILE LOG; TLS on PORT, StartTLS and plain on PORT+1.

It speaks just enough LDAP (RFC 4511) and takes its behaviour from the first word of MODEFILE, at each connection and search."""
import os, socket, ssl, struct, sys, threading, time

PORT, CERT, KEY, MODES, LOG = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]
BASE = b"dc=example,dc=com"
PEOPLE = 60


def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    length = bytes([n]) if n < 128 else bytes([0x84]) + struct.pack(">I", n)
    return bytes([tag]) + length + body


def num(n, tag=2):
    return tlv(tag, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def text(s, tag=4):
    return tlv(tag, s if isinstance(s, bytes) else s.encode())


def message(msgid, *parts):
    return tlv(0x30, num(msgid), *parts)


def result(tag, code, diagnostic=b"", *more):
    return tlv(tag, num(code, 10), text(b""), text(diagnostic), *more)


def entry(msgid, dn, attributes):
    return message(msgid, tlv(0x64, text(dn), tlv(0x30, *[
        tlv(0x30, text(name), tlv(0x31, *[text(v) for v in values])) for name, values in attributes])))


def person(msgid, i, **more):
    a = {"displayName": [f"Given{i} Person{i:03d}"], "sn": [f"Person{i:03d}"], "givenName": [f"Given{i}"],
         "entryUUID": [f"00000000-0000-0000-0000-{i:012d}"], "telephoneNumber": [f"+49 30 {555000 + i}"]}
    a.update(more)
    return entry(msgid, f"cn=p{i},dc=example,dc=com", list(a.items()))


def parse(data):
    """Length of one element and where its contents begin; None: not yet there."""
    if len(data) < 2:
        return None
    n, at = data[1], 2
    if n & 0x80:
        k = n & 0x7F
        if len(data) < 2 + k:
            return None
        n, at = int.from_bytes(data[2:2 + k], "big"), 2 + k
    return (at, at + n) if len(data) >= at + n else None


def elements(data):
    out = []
    while data:
        at, end = parse(data)
        out.append((data[0], data[at:end]))
        data = data[end:]
    return out


def mode():
    while True:  # it may be written just now
        words = open(MODES).read().split()
        if words:
            return words[0]
        time.sleep(0.01)


class Gone(Exception):
    pass


class Connection:
    def __init__(self, sock, tls):
        self.sock, self.tls, self.data = sock, tls, b""
        self.mode = mode()
        self.secret = None

    def say(self, *parts):
        self.sock.sendall(b"".join(parts))

    def silence(self):
        while self.sock.recv(4096):
            pass
        raise Gone

    def request(self):
        while True:
            got = parse(self.data)
            if got:
                body, self.data = self.data[got[0]:got[1]], self.data[got[1]:]
                parts = elements(body)
                return int.from_bytes(parts[0][1], "big"), parts[1][0], parts[1][1], parts[2:]
            more = self.sock.recv(65536)
            if not more:
                raise Gone
            self.data += more

    def root(self, msgid):
        self.say(entry(msgid, "", [("namingContexts", [BASE]), ("supportedControl", ["1.2.840.113556.1.4.319"])]),
                 message(msgid, result(0x65, 0)))

    def page(self, msgid, cookie):
        return message(msgid, result(0x65, 0), tlv(0xA0, tlv(0x30, text("1.2.840.113556.1.4.319"),
                       text(tlv(0x30, num(0), text(cookie))))))

    def search(self, msgid, body, controls):
        m = self.mode = mode()
        log(f"search {m}")
        paged = b"1.2.840.113556.1.4.319" in b"".join(c[1] for c in controls)
        cookie = b""
        if paged:
            inner = elements(elements(controls[0][1])[-1][1])[0][1]
            cookie = elements(inner)[1][1]
        people = [person(msgid, i) for i in range(PEOPLE)]
        if m == "good":
            first = int(cookie or b"0")
            last = min(first + 25, PEOPLE)
            self.say(*people[first:last], self.page(msgid, b"%d" % last if last < PEOPLE else b""))
        elif m == "silent-search":
            self.silence()
        elif m == "half-then-silent":
            self.say(*people[:30])
            self.silence()
        elif m == "half-then-close":
            self.say(*people[:30])
            raise Gone
        elif m == "cut":
            self.say(*people[:10], people[10][:20])
            raise Gone
        elif m == "slow":
            for p in people:
                self.say(p)
                time.sleep(1)
        elif m == "page-lost":
            if cookie:
                raise Gone
            self.say(*people[:25], self.page(msgid, b"25"))
        elif m == "endless":
            n = int(cookie or b"0")
            self.say(*[person(msgid, n + i) for i in range(25)], self.page(msgid, b"%d" % (n + 25)))
        elif m == "same-page":
            self.say(self.page(msgid, b"again"))
        elif m.startswith("code-"):
            self.say(*people[:20], message(msgid, result(0x65, int(m[5:]), b"diagnostic \x1b[31m text")))
        elif m == "reference":
            self.say(*people, message(msgid, tlv(0x73, text(f"ldap://127.0.0.1:{PORT + 2}/dc=example,dc=com"))),
                     message(msgid, result(0x65, 0)))
        elif m == "referral":
            self.say(message(msgid, result(0x65, 10, b"", tlv(0xA3, text(f"ldap://127.0.0.1:{PORT + 2}/dc=example,dc=com")))))
        elif m == "big":
            mib = b"x" * (1 << 20)
            self.say(person(msgid, 0, telephoneNumber=[mib, b"+49 30 1"], jpegPhoto=[mib], mail=[mib], department=["Sales"]))
            self.say(person(msgid, 1, displayName=[mib], cn=["Common Name"]))
            self.say(person(msgid, 2, telephoneNumber=[b"+49 30 2"] * 20000))
            self.say(*people[3:], message(msgid, result(0x65, 0)))
        elif m == "huge":
            self.say(b"\x30\x84\x06\x40\x00\x00\x02\x01" + bytes([msgid]) + b"\x64\x84\x06\x3f\xff\xf0")
            for _ in range(100):
                self.say(b"\0" * (1 << 20))
        elif m == "dirty":
            self.say(person(msgid, 0, displayName=[b"A\x0cB\r\nVia: x\xff\xfe\x1b[2J"]),
                     person(msgid, 1, displayName=[b"M\xfcller"], sn=[b"\x00\x01"]),
                     person(msgid, 2, displayName=[b""], sn=[b""], givenName=[b""]),
                     person(msgid, 3, entryUUID=[b"u" * 5000]),
                     person(msgid, 4, telephoneNumber=[b"\xff\xfe", b"+49 30 4\x00", b""]),
                     *people[5:], message(msgid, result(0x65, 0)))
        elif m == "garbage":
            self.say(bytes(range(256)) * 64)
            self.silence()
        elif m == "wrong-id":
            self.say(*[person(msgid + 77, i) for i in range(5)], message(msgid + 77, result(0x65, 0)))
            self.silence()
        elif m == "bind-again":
            self.say(message(msgid, result(0x61, 0)), *people, message(msgid, result(0x65, 0)))
        else:
            sys.exit(f"unknown behaviour {m}")

    def run(self):
        while True:
            msgid, op, body, controls = self.request()
            if op == 0x60:
                if self.mode == "silent-bind":
                    self.silence()
                elif self.mode == "locked":
                    self.say(message(msgid, result(0x61, 49,
                             b"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 775, v1db1")))
                else:
                    self.say(message(msgid, result(0x61, 0)))
            elif op == 0x63:
                if elements(body)[0][1] == b"":
                    self.root(msgid)
                else:
                    self.search(msgid, body, elements(controls[0][1]) if controls else [])
            elif op == 0x77:
                if self.mode == "no-starttls":
                    self.say(message(msgid, result(0x78, 2, b"unsupported extended operation")))
                    continue
                self.say(message(msgid, result(0x78, 0)))
                if self.mode == "starttls-then-silent":
                    self.silence()
                if self.mode == "starttls-then-clear":
                    self.say(message(2, result(0x61, 0)))
                    self.silence()
                self.sock = self.tls.wrap_socket(self.sock, server_side=True)
            elif op == 0x42:
                raise Gone


def serve(sock, tls, wrap):
    try:
        c = Connection(sock, tls)
        log(f"{'tls' if wrap else 'plain'} {c.mode}")
        if wrap:
            if c.mode == "silent":
                c.silence()
            if c.mode == "no-tls":
                c.say(message(0, result(0x78, 52)))
                c.silence()
            c.sock = tls.wrap_socket(sock, server_side=True)
        c.run()
    except (Gone, OSError, ssl.SSLError, IndexError, TypeError):
        pass
    finally:
        try:
            c.sock.close()
        except (OSError, NameError):
            pass


def log(line):
    with open(LOG, "a") as f:
        f.write(line + "\n")


def listen(port, tls, wrap, trap=False):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(20)

    def loop():
        while True:
            sock, _ = s.accept()
            if trap:
                log("TRAP: a referral was followed")
                sock.close()
            else:
                threading.Thread(target=serve, args=(sock, tls, wrap), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERT, KEY)
listen(PORT, context, True)
listen(PORT + 1, context, False)
listen(PORT + 2, context, False, trap=True)
print("ready", flush=True)
while os.getppid() != 1:
    time.sleep(1)
