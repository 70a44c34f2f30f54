"""A Kerberos realm for tests: MIT's KDC with a database of its own, and the server's end of a log-in by MIT's GSS library.
Nothing of it is certd's or sipd's code."""

import os
import socket
import subprocess
import sys
import time

REALM = os.environ.get("KDC_REALM", "CONTOSO.COM")  # with KDC_REALM: a domain that is there, KDC_KEYTAB has its service's keys
DAEMON = "/usr/sbin/krb5kdc"


def missing():
    """Why there can be no KDC, or None."""
    if "KDC_REALM" in os.environ:
        return None if gssapi_there() else "python3-gssapi is not installed"
    for p in (DAEMON, "/usr/sbin/kdb5_util", "/usr/sbin/kadmin.local"):
        if not os.path.exists(p):
            return f"{p} is not installed"
    return None if gssapi_there() else "python3-gssapi is not installed"


def gssapi_there():
    try:
        import gssapi  # noqa: F401
        return True
    except ImportError:
        return False


class Domain:
    """A domain that somebody else runs, at port 88."""

    def __init__(self, directory):
        os.makedirs(directory)
        self.port = 88
        conf = os.path.join(directory, "krb5.conf")
        with open(conf, "w") as f:
            f.write(f"[libdefaults]\ndefault_realm = {REALM}\ndns_canonicalize_hostname = false\nrdns = false\n"
                    f"[domain_realm]\nlocalhost = {REALM}\n")
        os.environ.update(KRB5_CONFIG=conf, KRB5_KTNAME="FILE:" + os.environ["KDC_KEYTAB"],
                          KRB5RCACHENAME="file2:" + os.path.join(directory, "replays"))

    def stop(self):
        pass


class Refused(Exception):
    pass


class Realm:
    def __init__(self, directory, port, service="sip/localhost", etypes="aes256-cts:normal aes128-cts:normal"):
        self.dir, self.port, self.service, self.etypes, self.child = directory, port, service, etypes, None
        self.reply_max = 4096
        os.makedirs(directory)
        self.write()
        # for this process, whose library is the server's
        os.environ.update(KRB5_CONFIG=self.at("krb5.conf"), KRB5_KTNAME="FILE:" + self.at("service.keytab"),
                          KRB5RCACHENAME="file2:" + self.at("replays"))
        self.env = {**os.environ, "KRB5_KDC_PROFILE": self.at("kdc.conf")}
        self.run("/usr/sbin/kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        self.admin(f"addprinc -randkey {service}", f"ktadd -k {self.at('service.keytab')} {service}")

    def at(self, name):
        return os.path.join(self.dir, name)

    def write(self):
        with open(self.at("krb5.conf"), "w") as f:
            f.write(f"[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_canonicalize_hostname = false\nrdns = false\n"
                    f"[realms]\n{REALM} = {{\nkdc = 127.0.0.1:{self.port}\n}}\n[domain_realm]\nlocalhost = {REALM}\n")
        with open(self.at("kdc.conf"), "w") as f:
            f.write(f"[kdcdefaults]\nkdc_max_dgram_reply_size = {self.reply_max}\n[realms]\n{REALM} = {{\n"
                    f"database_name = {self.at('principal')}\nkey_stash_file = {self.at('stash')}\nacl_file = {self.at('acl')}\n"
                    f"kdc_listen = 127.0.0.1:{self.port}\nkdc_tcp_listen = 127.0.0.1:{self.port}\nmax_life = 10h\n"
                    f"supported_enctypes = {self.etypes}\ndefault_principal_flags = +preauth\n}}\n"
                    f"[logging]\nkdc = FILE:{self.at('kdc.log')}\n")

    def run(self, *argv, text=None):
        p = subprocess.run(argv, env=self.env, input=text, capture_output=True, text=True)
        if p.returncode:
            raise RuntimeError(f"{argv}: {p.stdout}{p.stderr}")
        return p.stdout

    def admin(self, *lines):
        return self.run("/usr/sbin/kadmin.local", "-r", REALM, text="\n".join(lines) + "\n")

    def add(self, users):
        """users: name -> password."""
        self.admin(*[f"addprinc -pw {pw} {name}" for name, pw in users.items()])

    def keytab(self, name):
        """A user's keys, which stay what they are."""
        path = self.at(f"{name}.keytab")
        if not os.path.exists(path):
            self.admin(f"ktadd -norandkey -k {path} {name}")
        return path

    def start(self, env=None):
        self.child = subprocess.Popen([DAEMON, "-n", "-r", REALM], env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.child.poll() is not None:
                raise RuntimeError("the KDC ended: " + self.log())
            time.sleep(0.05)
        raise RuntimeError("the KDC does not listen")

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            self.child.wait(10)
        self.child = None

    def log(self):
        try:
            with open(self.at("kdc.log"), errors="replace") as f:
                return f.read()
        except OSError:
            return ""


class Context:
    """The server's end of one log-in; signatures by the library."""

    def __init__(self, service, token):
        import gssapi
        self.error = gssapi.exceptions.GSSError
        name = gssapi.Name(service.replace("/", "@"), gssapi.NameType.hostbased_service)
        try:
            self.ctx = gssapi.SecurityContext(usage="accept", creds=gssapi.Credentials(usage="accept", name=name))
            back = self.ctx.step(token)
        except self.error as e:
            raise Refused(str(e)) from None
        if back or not self.ctx.complete:
            raise Refused("the client asks for mutual authentication")
        flags = int(self.ctx.actual_flags)
        if not flags & int(gssapi.RequirementFlag.integrity):
            raise Refused("no integrity asked for")
        self.client, self.lifetime = str(self.ctx.initiator_name), self.ctx.lifetime

    def sign(self, text):
        return self.ctx.get_signature(text).hex()

    def good(self, text, signature):
        try:
            self.ctx.verify_signature(text, bytes.fromhex(signature))
            return True
        except (self.error, ValueError) as e:
            print(f"signature: {e}", file=sys.stderr)
            return False
