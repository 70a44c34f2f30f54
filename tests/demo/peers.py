"""The peers that ipdect did not write: Kamailio as the PBX, baresip as the telephone on the desk, OpenSSL as the CA."""

import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port(kind=socket.SOCK_STREAM, span=1):
    """A port number P with P .. P+span-1 unused at this moment on the loopback, UDP and TCP."""
    for _ in range(200):
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port + span > 65000:
            continue
        try:
            for p in range(port, port + span):
                for k in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, k) as s:
                        s.bind(("127.0.0.1", p))
            return port
        except OSError:
            continue
    raise RuntimeError("no free port on the loopback interface")


def wait_for(what, predicate, seconds=10.0, step=0.02):
    """Polls until predicate() is true and returns its value; raises TimeoutError that names `what`."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(step)


def run(*argv, **kw):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} failed ({done.returncode}): {done.stdout.strip()[-600:]}")
    return done.stdout


class Authority:
    """A certificate authority made by openssl for this run: ca.pem, NAME.pem, NAME.key, NAME.p12."""

    def __init__(self, directory):
        self.dir = directory
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/O=ipdect demonstration/CN=Demonstration CA", "-days", "120",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))

    def path(self, name):
        return os.path.join(self.dir, name)

    def issue(self, name, fqdn, ip, password=None, rsa=False):
        ext = self.path(name + ".ext")
        with open(ext, "w") as f:
            f.write(f"subjectAltName=DNS:{fqdn},IP:{ip}\nextendedKeyUsage=serverAuth,clientAuth\n"
                    "keyUsage=critical,digitalSignature,keyEncipherment\nbasicConstraints=critical,CA:FALSE\n"
                    "crlDistributionPoints=URI:http://crl.demo.test/demo.crl\n")
        key = ("rsa:2048",) if rsa else ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        run("openssl", "req", "-new", "-newkey", *key, "-nodes", "-subj", f"/O=ipdect demonstration/CN={fqdn}",
            "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        run("openssl", "x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path("ca.pem"),
            "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "110", "-extfile", ext,
            "-out", self.path(name + ".pem"))
        if password is not None:
            run("openssl", "pkcs12", "-export", "-in", self.path(name + ".pem"), "-inkey", self.path(name + ".key"),
                "-certfile", self.path("ca.pem"), "-out", self.path(name + ".p12"), "-passout", "pass:" + password)


class Process:
    """A child with its own log file; stopped by process id, never by name."""

    def __init__(self, directory, name, argv, **kw):
        self.name = name
        self.log = os.path.join(directory, name + ".log")
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **kw)

    def alive(self):
        return self.child.poll() is None

    def tail(self, lines=5):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-lines:]).strip()

    def stop(self, seconds=5.0):
        if self.alive():
            self.child.terminate()
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Kamailio(Process):
    """Registrar, proxy and message-waiting server; user N has the password secret-N."""

    def __init__(self, directory, domain="demo.test", group=("202", "301")):
        self.dir = os.path.join(directory, "pbx")
        os.makedirs(self.dir, exist_ok=True)
        self.domain = domain
        self.port, self.tls_port = free_port(), free_port()
        for name in ("ca.pem", "pbx.pem", "pbx.key"):
            with open(os.path.join(directory, name), "rb") as f, open(os.path.join(self.dir, name), "wb") as t:
                t.write(f.read())
        with open(os.path.join(HERE, "kamailio.cfg")) as f:
            text = f.read()
        for word, value in {"DIR": self.dir, "IP": "127.0.0.1", "PORT": self.port, "TLS_PORT": self.tls_port,
                            "DOMAIN": domain, "GROUP_1": group[0], "GROUP_2": group[1]}.items():
            text = text.replace(f"@{word}@", str(value))
        self.cfg = os.path.join(self.dir, "kamailio.cfg")
        with open(self.cfg, "w") as f:
            f.write(text)
        db = os.path.join(self.dir, "db")
        if not os.path.isdir(db):
            run("cp", "-r", "/usr/share/kamailio/dbtext/kamailio", db)
        self.start()

    def start(self):
        super().__init__(self.dir, "kamailio", ["kamailio", "-DD", "-E", "-f", self.cfg, "-Y", self.dir,
                                                "-P", os.path.join(self.dir, "pid"), "-m", "64", "-M", "8"],
                         start_new_session=True)

        def up():
            if not self.alive():
                raise RuntimeError("kamailio did not start: " + self.tail(8))
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.tls_port)) == 0
        wait_for("Kamailio listening", up, 15)

    def die(self):
        """kill -9 of all its processes: its children would go on serving without their parent."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

        def closed():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.tls_port)) != 0
        wait_for("Kamailio's port closed", closed, 5)

    def rpc(self, method, *params):
        out = run("kamcmd", "-s", f"unix:{self.dir}/kamailio_ctl", method, *params)
        return out

    def registered(self):
        """The addresses of record that have a contact."""
        return {line.split(":", 1)[1].strip() for line in self.rpc("ul.dump").splitlines() if "AoR:" in line}

    def message_waiting(self, user, new, old):
        """What a voice mail system does: PUBLISH of Event message-summary (RFC 3842 body)."""
        body = f"Messages-Waiting: {'yes' if new else 'no'}\r\nVoice-Message: {new}/{old}\r\n"
        me = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        me.bind(("127.0.0.1", 0))
        me.settimeout(3)
        aor = f"sip:{user}@{self.domain}"
        tag = os.urandom(6).hex()
        text = (f"PUBLISH {aor} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{me.getsockname()[1]};branch=z9hG4bK{tag};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:voicemail@{self.domain}>;tag={tag}\r\nTo: <{aor}>\r\n"
                f"Call-ID: {tag}\r\nCSeq: 1 PUBLISH\r\nEvent: message-summary\r\nExpires: 3600\r\n"
                f"Content-Type: application/simple-message-summary\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        me.sendto(text.encode(), ("127.0.0.1", self.port))
        status = me.recv(4096).split(b"\r\n", 1)[0].decode()
        me.close()
        if " 200 " not in status:
            raise RuntimeError("Kamailio refused the message-summary: " + status)


class Baresip(Process):
    """The telephone on the desk: registers over TLS with SRTP, plays a WAV file and records what it hears."""

    MODULES = ("account", "ctrl_tcp", "menu", "srtp", "g711", "g722", "g726", "aufile", "sndfile",
               "stun", "uuid", "mwi")

    def __init__(self, directory, user, pbx, speech, codecs="pcma", srtp="srtp-mand", transport="tls"):
        self.user, self.pbx = user, pbx
        self.dir = os.path.join(directory, "phone-" + user)
        os.makedirs(self.dir, exist_ok=True)
        self.ctrl = free_port()
        rtp = free_port(socket.SOCK_DGRAM, 20)
        port = pbx.tls_port if transport == "tls" else pbx.port
        with open(os.path.join(self.dir, "config"), "w") as f:
            f.write(f"sip_listen 127.0.0.1:{free_port(span=2)}\nsip_cafile {directory}/ca.pem\nsip_verify_server yes\n"
                    f"audio_player aufile,{self.dir}/unused.wav\naudio_source aufile,{speech}\n"
                    f"audio_alert aufile,{self.dir}/unused.wav\nring_aufile none\nringback_aufile none\n"
                    "busy_aufile none\nnotfound_aufile none\nerror_aufile none\nautoanswer_aufile none\n"
                    f"callwaiting_aufile none\nsip_autoanswer_method rfc5373\n"
                    f"audio_srate 8000-48000\naudio_channels 1-1\nausrc_format s16\nauplay_format s16\n"
                    f"auenc_format s16\naudec_format s16\naudio_buffer 20-160\ncall_max_calls 4\n"
                    f"rtp_ports {rtp}-{rtp + 19}\nnet_interface 127.0.0.1\ncall_hold_other_calls no\n"
                    f"ctrl_tcp_listen 127.0.0.1:{self.ctrl}\nsnd_path {self.dir}\n"
                    "module_path /usr/lib/baresip/modules\n"
                    + "".join(f"module{'_app' if m in ('account', 'ctrl_tcp', 'menu', 'mwi') else ''} {m}.so\n"
                              for m in self.MODULES))
        with open(os.path.join(self.dir, "accounts"), "w") as f:
            menc = f";mediaenc={srtp}" if srtp else ""
            f.write(f"<sip:{user}@{pbx.domain};transport={transport}>;auth_user={user};auth_pass=secret-{user}"
                    f';outbound="sip:127.0.0.1:{port};transport={transport}";audio_codecs={codecs}{menc}'
                    ";answermode=manual;regint=600;mwi=yes\n")
        open(os.path.join(self.dir, "contacts"), "w").close()
        super().__init__(self.dir, "baresip", ["baresip", "-f", self.dir, "-4"], cwd=self.dir, start_new_session=True)
        self.events = []
        self.replies = queue.Queue()
        self.sock = wait_for("baresip's control port", self.connect, 10)
        threading.Thread(target=self.read, daemon=True).start()

    def connect(self):
        if not self.alive():
            raise RuntimeError("baresip did not start: " + self.tail(8))
        s = socket.socket()
        if s.connect_ex(("127.0.0.1", self.ctrl)) == 0:
            return s
        s.close()
        return None

    def read(self):
        """Netstrings with JSON: answers to commands, and events."""
        buf = b""
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                return
            if not data:
                return
            buf += data
            while b":" in buf:
                head, rest = buf.split(b":", 1)
                n = int(head)
                if len(rest) < n + 1:
                    break
                msg = json.loads(rest[:n])
                buf = rest[n + 1:]
                if msg.get("event"):
                    self.events.append(msg)
                elif "response" in msg:
                    self.replies.put(msg)

    def command(self, command, params=""):
        data = json.dumps({"command": command, "params": params}).encode()
        self.sock.sendall(b"%d:%s," % (len(data), data))
        reply = self.replies.get(timeout=5)
        if not reply.get("ok", True):
            raise RuntimeError(f"baresip: {command} {params}: {reply.get('data')}")
        return reply.get("data", "")

    def mark(self):
        return len(self.events)

    def event(self, kind, since=0, seconds=10.0):
        """The first event of the kind after mark `since`."""
        return wait_for(f"baresip {self.user}: {kind}",
                        lambda: next((e for e in self.events[since:] if e["type"] == kind), None), seconds)

    def registered(self, seconds=10.0):
        # The event may have come before we were connected to hear it.
        return wait_for(f"baresip {self.user} registered", lambda: any(e["type"] == "REGISTER_OK" for e in self.events)
                        or "OK" in self.command("reginfo"), seconds, 0.1)

    def dial(self, number):
        self.command("dial", f"sip:{number}@{self.pbx.domain}")

    def answer(self):
        self.command("accept")

    def hangup(self):
        self.command("hangup")

    def recording(self):
        """The newest WAV file of what this telephone heard."""
        found = [os.path.join(self.dir, f) for f in os.listdir(self.dir) if f.startswith("dump-") and "dec" in f]
        return max(found, key=os.path.getmtime) if found else None
