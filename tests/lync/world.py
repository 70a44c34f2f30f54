"""What a test of sipd at the Lync front end needs: certificates, the front end in this process, certd, sipd and mediad with a
configuration of their own, softdect as the handsets. Everything on loopback; children end with their process ids."""

import asyncio
import atexit
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import frontend  # noqa: E402
import kdc  # noqa: E402
from media import Stream, heard, speech  # noqa: E402

BUILD = os.environ.get("BUILD", "build-dev")


class Failed(Exception):
    pass


def free_port():
    """A port of TCP and UDP that no other test has: given out and kept as system/lib_wait.sh does it."""
    for _ in range(300):
        port = random.randrange(20000, 32000)
        kept = f"/tmp/ipdect-port.{port}"
        try:
            os.mkdir(kept)
        except FileExistsError:
            continue
        atexit.register(os.rmdir, kept)
        with socket.socket() as s, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            try:
                s.bind(("127.0.0.1", port))
                u.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise Failed("no free port")


def free_range(n):
    """First of n ports in a row for speech, below those of free_port()."""
    for _ in range(200):
        lo, held = random.randrange(11000, 20000 - n) & ~1, []
        try:
            for p in range(lo, lo + n):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                held.append(s)
                s.bind(("127.0.0.1", p))
            return lo
        except OSError:
            pass
        finally:
            for s in held:
                s.close()
    raise Failed("no free ports for speech")


async def until(what, fn, seconds=40):
    """Waits for fn() to be true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        v = fn()
        if v:
            return v
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        await asyncio.sleep(0.05)


class Names(asyncio.DatagramProtocol):
    """A name server for the test: A of this host's name, PTR of its address."""

    def __init__(self, names):
        self.names, self.transport = names, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        question = data[12:at + 5]
        kind = int.from_bytes(data[at + 1:at + 3], "big")
        value = self.names.get((".".join(labels), kind))
        if kind == 12 and value:
            value = b"".join(bytes([len(x)]) + x.encode() for x in value.split(".")) + b"\0"
        answer = b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\0" + len(value).to_bytes(2, "big") + value if value else b""
        self.transport.sendto(data[:2] + b"\x84\x00\0\1" + (b"\0\1" if value else b"\0\0") + b"\0\0\0\0" + question + answer, addr)


class Pki:
    def __init__(self, directory):
        self.dir = directory
        self.ssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=ca", "-days", "3",
                 "-keyout", self.at("ca.key"), "-out", self.at("ca.pem"), "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    @staticmethod
    def ssl(*args):
        subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def at(self, name):
        return os.path.join(self.dir, name)

    def cert(self, name, cn, cdp=True, eku="serverAuth,clientAuth", pss=False):
        self.ssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={cn}", "-keyout", self.at(name + ".key"), "-out",
                 self.at(name + ".csr"))
        with open(self.at(name + ".ext"), "w") as f:
            f.write(f"subjectAltName=DNS:{cn}\nextendedKeyUsage={eku}\n" +
                    ("crlDistributionPoints=URI:http://crl.test/ca.crl\n" if cdp else ""))
        self.ssl("x509", "-req", "-in", self.at(name + ".csr"), "-CA", self.at("ca.pem"), "-CAkey", self.at("ca.key"),
                 "-CAcreateserial", "-days", "3", "-extfile", self.at(name + ".ext"), "-out", self.at(name + ".pem"))


class Handset:
    """One call of a softdect handset."""

    def __init__(self, world, ref, user, offer=None):
        self.world, self.ref, self.user, self.offer = world, ref, user, offer or {}
        self.seen, self.media, self.stream = [], None, None
        self.name, self.number, self.held, self.released, self.up = offer and offer.get("name"), offer and offer.get("number"), False, None, False

    def note(self, e):
        self.seen.append(e)
        if e.get("media"):
            self.at(e["media"])
        if "number" in e:
            self.name, self.number = e.get("name"), e["number"]
        if e["ev"] == "display" and "held" in e:
            self.held = e["held"]
        if e["ev"] == "connected":
            self.up = True
        if e["ev"] == "release" and self.released is None:  # what crosses it is answered by another one
            self.released = e["cause"]
            if self.stream:
                self.stream.quiet()

    def at(self, text):
        """"IP:PORT SESSION": where mediad is."""
        address, self.session = text.split(" ")
        self.media = (address.split(":")[0], int(address.split(":")[1]))

    async def do(self, verb, *args):
        return await self.world.ask(verb, self.ref, *args)

    async def answer(self):
        await self.do("answer")
        self.up = True

    async def hang_up(self, cause=1):
        await self.do("release", cause)
        self.released = 0
        if self.stream:
            self.stream.quiet()

    async def connected(self, seconds=30):
        await until(f"handset {self.user}: connected", lambda: self.up or self.released is not None, seconds)
        if not self.up:
            raise Failed(f"handset {self.user}: released with cause {self.released}")

    async def gone(self, seconds=30):
        await until(f"handset {self.user}: released", lambda: self.released is not None, seconds)
        return self.released

    async def talk(self, source):
        if not self.stream:
            self.stream = await Stream().open()
        await until(f"handset {self.user}: media", lambda: self.media)
        self.stream.remote = self.media
        await self.world.ask("radio", self.session, f"{self.stream.ip}:{self.stream.port}")
        self.stream.talk(source)

    def close(self):
        if self.stream:
            self.stream.close()
            self.stream = None


class Separate:
    """A front end in a process of its own."""

    def __init__(self, world, users):
        self.w, self.users, self.port = world, users, free_port()
        self.socket = f"{world.dir}/fe-{self.port}.ctl"

    async def start(self):
        names = f"{self.w.dir}/fe-{self.port}.users"
        with open(names, "w") as f:
            f.writelines(f"{u}:secret-{u}\n" for u in self.users)
        pki = self.w.pki
        self.child = self.w.spawn(f"fe-{self.port}", sys.executable, "-B", frontend.__file__, "--port", str(self.port), "--fqdn",
                                  "localhost", "--cert", pki.at("fe.pem"), "--key", pki.at("fe.key"), "--ca", pki.at("ca.pem"),
                                  "--control", self.socket, "--users", names,
                                  *(["--trusted", "ipdect.contoso.com"] if self.w.mode == "trusted" else []))
        await until("the front end starts", lambda: self.w.logged(f"fe-{self.port}", "ready"), 60)
        return self

    async def ask(self, what):
        reader, writer = await asyncio.open_unix_connection(self.socket, limit=1 << 24)
        writer.write(json.dumps(what).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        return answer


class World:
    def __init__(self, mode):
        self.mode, self.children, self.handsets, self.refs = mode, [], {}, 0
        self.dir = tempfile.mkdtemp(prefix="ipdect-lync.")
        self.run, self.log = self.dir + "/run", {}
        for d in ("run/ctl", "state", "pki"):
            os.makedirs(f"{self.dir}/{d}")
        self.pki = Pki(self.dir + "/pki")
        self.pki.cert("fe", "localhost")
        self.pki.cert("ours", "ipdect.contoso.com")
        self.settings, self.lync, self.names = {}, {}, {}  # names: (name, type) -> data
        self.realm, self.env = None, None

    def kerberos(self, users):
        """A realm with these users, found by DNS."""
        if "KDC_REALM" in os.environ:
            self.realm = kdc.Domain(self.dir + "/realm")
            self.lync["kerberos-realm"] = kdc.REALM
        else:
            self.realm = kdc.Realm(self.dir + "/realm", free_port())
            self.realm.add({u: "secret-" + u for u in users})
            self.realm.start()
        target = b"".join(bytes([len(x)]) + x.encode() for x in ("localhost",)) + b"\0"
        self.names[(f"_kerberos._udp.{kdc.REALM.lower()}", 33)] = b"\0\0\0\0" + self.realm.port.to_bytes(2, "big") + target
        # what certd must not look at
        self.env = {**os.environ, "KRB5_CONFIG": "/nonexistent/krb5.conf", "KRB5_TRACE": self.dir + "/trace"}

    # ---- processes ----

    def spawn(self, name, *argv, **kw):
        self.log[name] = f"{self.dir}/{name}.log"
        p = subprocess.Popen(argv, stderr=open(self.log[name], "ab"), **{"stdin": subprocess.DEVNULL, "stdout": open(self.log[name], "ab"), **kw})
        self.children.append(p)
        return p

    async def front_end(self, users, port=None, separate=False):
        """In this process, or a Separate one of its own, asked over its control socket."""
        if separate:
            return await Separate(self, users).start()
        o = frontend.options(["--port", str(port or free_port()), "--fqdn", "localhost", "--cert", self.pki.at("fe.pem"), "--key",
                              self.pki.at("fe.key"), "--ca", self.pki.at("ca.pem")]
                             + (["--trusted", "ipdect.contoso.com"] if self.mode == "trusted" else []))
        fe = frontend.FrontEnd(o)
        for u in users:
            fe.add_user(u, "secret-" + u)
        await frontend.listen(fe)
        return fe

    def write_conf(self):
        lines = {"listen-address": "127.0.0.1", "local-port": free_port(), "tls-port": self.tls_port, "transports": "udp",
                 "transaction-timeout": "4s", "register-rate": 200, "keep-alive": "5s", **self.settings}
        lync = {"enabled": "yes", "auth": self.mode, "front-ends": self.front_ends, "domain": "contoso.com",
                "fqdn": "ipdect.contoso.com", **self.lync}
        with open(self.dir + "/ipdect.conf", "w") as f:
            f.write(f"[common]\nruntime-dir = {self.run}\nstate-dir = {self.dir}/state\n[sipd]\n")
            f.writelines(f"{k} = {v}\n" for k, v in lines.items())
            f.write("[lync]\n")
            f.writelines(f"{k} = {v}\n" for k, v in lync.items())
            f.write(f"[certd]\nfqdn = ipdect.contoso.com\n[mediad]\nrtp-address = 127.0.0.1\nrtp-ports = {self.rtp}-{self.rtp + 399}\n")

    async def reconfigure(self, **settings):
        self.settings.update({k.replace("_", "-"): v for k, v in settings.items()})
        keep = dict(self.settings)
        self.settings["local-port"] = self.settings.get("local-port", keep.get("local-port", free_port()))
        self.write_conf()
        before = self.logged("sipd", "reloaded")
        self.sipd.send_signal(1)
        await until("sipd reads its configuration", lambda: self.logged("sipd", "reloaded") > before)

    async def reconfigure_lync(self, **settings):
        self.lync.update({k.replace("_", "-"): v for k, v in settings.items()})
        await self.reconfigure()

    def logged(self, name, text):
        with open(self.log[name], errors="replace") as f:
            return f.read().count(text)

    async def start(self, users, front_ends, media=True):
        self.tls_port, self.rtp, self.front_ends = free_port(), free_range(400), front_ends
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Names(self.names),
                                                                                 local_addr=("127.0.0.1", 0))
        self.settings["dns-servers"] = f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
        self.settings.setdefault("local-port", free_port())
        self.write_conf()
        conf = self.dir + "/ipdect.conf"
        self.sipd = self.spawn("sipd", f"{BUILD}/sipd", "-c", conf)
        self.certd = self.spawn("certd", f"{BUILD}/certd", "-c", conf, env=self.env)
        if media:
            self.mediad = self.spawn("mediad", f"{BUILD}/mediad", "-i", "1", "-c", conf)
        for name in ("sipd", "certd") + (("mediad-1",) if media else ()):
            await until(f"{name} starts", lambda: os.path.exists(f"{self.run}/ctl/{name}.sock"))
        await self.ctl("cert", "import", "host", "file=" + self.pki.at("ours.pem"), "key=" + self.pki.at("ours.key"), "force=yes")
        await self.ctl("trust", "import", "file=" + self.pki.at("ca.pem"))
        await self.add_users(users)
        self.dect = await asyncio.create_subprocess_exec(f"{BUILD}/tests/softdect", "-r", self.run, stdin=subprocess.PIPE,
                                                         stdout=subprocess.PIPE, stderr=open(f"{self.dir}/softdect.log", "ab"))
        self.log["softdect"] = f"{self.dir}/softdect.log"
        self.answers, self.asked, self.synced, self.offers = {}, 0, False, asyncio.Queue()
        asyncio.ensure_future(self.read_dect())
        await until("handsets are known to sipd", lambda: self.synced)

    async def certd_again(self, **env):
        """certd starts anew, without tickets; sipd has its trust and certificate again."""
        self.certd.terminate()
        self.certd.wait(60)
        at = self.logged("certd", "ready"), self.logged("sipd", "link up peer=certd")
        self.certd = self.spawn("certd", *self.certd.args, env={**self.env, **env})
        await until("certd is there again", lambda: self.logged("certd", "ready") > at[0] and
                    self.logged("sipd", "link up peer=certd") > at[1])

    async def sipd_again(self, fe):
        """sipd starts anew: whoever waits after a refusal tries at once. Handsets come back by themselves."""
        self.write_conf()
        self.sipd.terminate()
        self.sipd.wait(30)
        for f in list(fe.flows):
            f.writer.transport.abort()

        def ours():
            return sum(1 for e in fe.all_endpoints() if e.flow.peer != ("127.0.0.1", 0))
        await until("nobody is registered", lambda: ours() == 0)
        at = self.logged("sipd", "trust taken over")
        self.sipd = self.spawn("sipd", *self.sipd.args)
        await until("sipd knows whom to trust", lambda: self.logged("sipd", "trust taken over") > at)
        await until("all are registered after a new start", lambda: ours() == 4, 60)

    async def add_passwords(self, users):
        for u in users:
            await self.ctl("secret", "set", u, "kind=sip", "value=-", stdin="secret-" + u)

    async def add_users(self, users, passwords=True):
        upn = os.environ.get("KDC_UPN")  # suffix of every second user's name in the domain
        text = "name,display-name,ipei,auth-user\n" + "".join(
            f"{u},User {u},0500300{int(u):05d},{f'{u}@{upn}' if upn and int(u) % 2 else ''}\n" for u in users)
        await self.ctl("user", "import", "file=-", stdin=text)
        if self.mode != "trusted" and passwords:
            await self.add_passwords(users)

    async def ctl(self, *args, stdin=None, check=True):
        p = await asyncio.create_subprocess_exec(f"{BUILD}/dectctl", "-r", self.run, *args, stdin=subprocess.PIPE,
                                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out, _ = await p.communicate((stdin or "").encode())
        if check and p.returncode:
            raise Failed(f"dectctl {' '.join(args)}: {out.decode()}")
        return out.decode()

    async def registered(self, n, seconds=90):
        async def count():
            return (await self.ctl("--json", "reg", "list")).count('"registered"')
        end = time.monotonic() + seconds
        while await count() != n:
            if time.monotonic() > end:
                raise Failed(f"not {n} users registered: " + await self.ctl("reg", "list"))
            await asyncio.sleep(0.1)

    # ---- handsets ----

    async def read_dect(self):
        while line := await self.dect.stdout.readline():
            text = line.decode()
            if text[0] != "{":
                n, _, rest = text.strip().partition(" ")
                self.answers[int(n)] = rest
                continue
            e = json.loads(text)
            if e["ev"] == "synced":
                self.synced = True
            elif e["ev"] == "offer":
                h = self.handsets[e["call"]] = Handset(self, e["call"], e["user"], e)
                h.note(e)
                self.offers.put_nowait(h)
            elif e["call"] in self.handsets:
                self.handsets[e["call"]].note(e)

    async def ask(self, *words):
        self.asked += 1
        n = self.asked
        self.dect.stdin.write((" ".join(str(w) for w in words) + "\n").encode())
        await until("an answer of softdect", lambda: n in self.answers)
        a = self.answers.pop(n)
        if not a.startswith("ok"):
            raise Failed(f"{words}: {a}")
        return a[2:].strip()

    async def dial(self, user, number):
        self.refs += 1
        ref = f"{0xABC000000000 + self.refs:016x}"
        h = self.handsets[ref] = Handset(self, ref, user)
        at = await self.ask("setup", ref, user, number)
        if at:
            h.at(at)
        return h

    async def offered(self, user, seconds=30):
        h = await asyncio.wait_for(self.offers.get(), seconds)
        if h.user != user:
            raise Failed(f"handset {h.user} rings instead of {user}")
        return h

    async def missed(self, user):
        return json.loads(await self.ask("log", user, 3))["entry"]

    # ---- the end ----

    def close(self):
        for h in self.handsets.values():
            h.close()
        if self.realm:
            self.realm.stop()
        for p in self.children:
            if p.poll() is None:
                p.terminate()
        if getattr(self, "dect", None) and self.dect.returncode is None:
            self.dect.kill()
        for p in self.children:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)


async def both_hear(a, b, source_a, source_b, frames=40, seconds=30):
    """a, b: streams; each must get this many of the other's frames whole."""
    at_a, at_b = len(a.frames), len(b.frames)
    try:
        await until("speech", lambda: heard(a, source_b, at_a) >= frames and heard(b, source_a, at_b) >= frames, seconds)
    except Failed:
        raise Failed(f"speech: {heard(a, source_b, at_a)} frames here, {heard(b, source_a, at_b)} there of {frames}; "
                     f"not verified: {a.bad}, {b.bad}") from None

__all__ = ["World", "Failed", "Handset", "until", "both_hear", "speech", "heard", "free_port"]
