"""Flows of users who log in by Kerberos, at MIT's KDC and with MIT's library as the server's end."""

import asyncio
import os
import shutil
import subprocess

from case import expect, flow
from life import USERS, hang_up, here
from world import Failed, until


STRIDE = 1 << 24


async def back(t, n=4, seconds=60):
    """Everybody hangs up, and registers again."""
    hang_up(t.fe)
    await until("registered again", here(t.fe, n), seconds)


def own_sockets(pid):
    """Sockets of a process that are not AF_UNIX."""
    net = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        with open(f"/proc/{pid}/net/{table}") as f:
            net |= {line.split()[9] for line in f.readlines()[1:]}
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if link.startswith("socket:[") and link[8:-1] in net:
            found.append(link)
    return found


def memory_has(pid, secrets):
    """Which of the secrets are in the memory of a process."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            lo, hi = (int(x, 16) for x in span.split("-"))
            if hi - lo > 1 << 31:  # shadow memory of a sanitizer
                continue
            for at in range(lo, hi, STRIDE):
                try:
                    mem.seek(at)
                    data = mem.read(min(hi - at, STRIDE + 64))
                except (OSError, ValueError, OverflowError):
                    continue
                found |= {name for name, s in secrets.items() if s in data}
    return found


@flow("kerberos")
async def only_certd_has_the_keys(t):
    """All log in by Kerberos; password and long-term key are in certd alone, which has no network and reads no krb5.conf."""
    expect("log-ins", (t.fe.by_scheme["Kerberos"] >= 4, t.fe.by_scheme["NTLM"]), (True, 0))
    w = t.world
    secrets = {}
    for u in USERS:
        secrets["password of " + u] = f"secret-{u}".encode()
        with open(w.realm.keytab(u), "rb") as f:
            tab = f.read()
        for size in (32, 16):
            at = tab.find(size.to_bytes(2, "big"), 20)
            while at >= 0 and at + 2 + size <= len(tab):
                key = tab[at + 2:at + 2 + size]
                if len(set(key)) > 8:
                    secrets[f"key of {u}, {size} octets at {at}"] = key
                at = tab.find(size.to_bytes(2, "big"), at + 1)
    expect("keys of the database", len(secrets) >= 3 * len(USERS), True)
    # the search itself is proven: this process has them
    expect("found where they are", memory_has(os.getpid(), secrets), set(secrets))
    expect("in sipd's memory", memory_has(w.sipd.pid, secrets), set())
    expect("certd's sockets to a network", own_sockets(w.certd.pid), [])
    with open(f"/proc/{w.certd.pid}/maps") as f:
        maps = f.read()
    expect("plug-ins of the Kerberos library in certd", "krb5/plugins" in maps, False)
    expect("a trace of the library", os.path.exists(w.dir + "/trace"), False)


@flow("kerberos")
async def kdc_away(t):
    """The KDC is away: tickets that are kept serve; without any there is no log-in, until it is back."""
    w = t.world
    w.realm.stop()
    at = t.fe.by_scheme["Kerberos"]
    await back(t)
    expect("log-ins with tickets that were kept", t.fe.by_scheme["Kerberos"] >= at + 4, True)
    # a ticket of certd that the server refuses is replaced: not now
    await w.certd_again()
    said = w.logged("sipd", "no log-in by Kerberos")
    hang_up(t.fe)
    await until("no log-in", lambda: w.logged("sipd", "no log-in by Kerberos") >= said + 4, 90)
    expect("it is said that no KDC answers", w.logged("sipd", "no KDC of CONTOSO.COM answers") > 0, True)
    w.realm.start()
    await until("registered again", here(t.fe), 120)
    h, c = await t.in_call()
    await c.bye()
    await h.gone()


@flow("kerberos")
async def kdc_over_tcp(t):
    """Answers that are too big for UDP come over TCP."""
    w = t.world
    w.realm.stop()
    w.realm.reply_max = 300
    w.realm.write()
    w.realm.start()
    await w.certd_again()
    await back(t)
    w.realm.stop()
    w.realm.reply_max = 4096
    w.realm.write()
    w.realm.start()


@flow("kerberos")
async def refused_tickets(t):
    """A ticket that the server refuses is replaced by a new one once; a server that refuses that, too, is believed."""
    asked = t.world.realm.log().count("TGS_REQ")
    t.fe.refuse_each = 1
    await back(t)
    expect("new tickets", t.world.realm.log().count("TGS_REQ") >= asked + 4, True)
    t.fe.refuse_each, t.fe.refused = 2, {}
    said = t.world.logged("sipd", "the server refuses the ticket")
    hang_up(t.fe)
    await until("refused", lambda: t.world.logged("sipd", "the server refuses the ticket") >= said + 4, 60)
    expect("tickets that were refused", t.fe.refused, {f"sip:{u}@contoso.com": 2 for u in USERS})
    t.fe.refuse_each, t.fe.refused = 0, {}
    await t.world.sipd_again(t.fe)


@flow("kerberos")
async def short_tickets(t):
    """Tickets of 20 s: each association is renewed with a new ticket before its own has ended."""
    w = t.world
    w.realm.admin("modprinc -maxlife \"20 seconds\" sip/localhost")
    for u in USERS:
        await w.ctl("secret", "set", u, "kind=sip", "value=-", stdin="secret-" + u)
    await w.certd_again()
    await back(t)
    t.fe.lifetimes.clear()
    began = t.fe.handshakes
    await until("renewed three times", lambda: t.fe.handshakes >= began + 12, 120)
    if any(life <= 1 for life, _ in t.fe.lifetimes):
        raise Failed(f"a ticket at its end was used: {t.fe.lifetimes}")
    expect("nobody was lost", here(t.fe)(), True)
    h, c = await t.in_call()
    await h.hang_up()
    await c.event("BYE")
    w.realm.admin("modprinc -maxlife \"10 hours\" sip/localhost")


@flow("kerberos")
async def refusals_in_words(t):
    """Wrong password, disabled account, unknown account and unknown service are each said as what they are; nobody tries on."""
    w = t.world
    await w.ctl("secret", "set", "200", "kind=sip", "value=-", stdin="wrong")
    w.realm.admin("modprinc -allow_tix 201", "delprinc -force 202")
    for p in ("201", "202"):  # their tickets are of another secret now
        await w.ctl("secret", "set", p, "kind=sip", "value=-", stdin=f"Secret-{p}")
    hang_up(t.fe)
    words = ("wrong password of 200", "201 is disabled, locked out or expired", "does not know the account 202")
    for text in words:
        await until(text, lambda: w.logged("sipd", text), 60)
    await until("the fourth is back", here(t.fe, 1), 60)
    at = w.realm.log().count("PREAUTH_FAILED") + w.realm.log().count("Preauthentication failed") + w.realm.log().count("Decrypt integrity")
    await asyncio.sleep(4)
    now = w.realm.log().count("PREAUTH_FAILED") + w.realm.log().count("Preauthentication failed") + w.realm.log().count("Decrypt integrity")
    expect("more tries with a wrong password", now, at)
    text = await w.ctl("reg", "list")
    if "wrong password" not in text:
        raise Failed("not in the list of registrations: " + text)
    t.fe.service = "sip/nobody.contoso.com"
    hang_up(t.fe)
    await until("unknown service", lambda: w.logged("sipd", "does not know the service sip/nobody.contoso.com"), 60)
    t.fe.service = "sip/" + t.fe.fqdn
    # all is well again: a changed record is tried at once
    w.realm.admin("modprinc +allow_tix 201", "addprinc -pw secret-202 202")
    for u in ("200", "201", "202"):
        await w.ctl("secret", "set", u, "kind=sip", "value=-", stdin="secret-" + u)
    await w.sipd_again(t.fe)


@flow("kerberos")
async def keytab(t):
    """A user without a password logs in with a keytab; without both the remedy is named."""
    w = t.world
    path = w.realm.keytab("203")
    await w.ctl("secret", "del", "203", "kind=sip")
    await w.ctl("keytab", "import", "203", "file=" + path)
    listed = await w.ctl("secret", "list", "kind=keytab")
    if "203" not in listed:
        raise Failed(listed)
    await back(t)
    await w.ctl("keytab", "del", "203")
    hang_up(t.fe)
    await until("said", lambda: w.logged("sipd", "no password and no keytab is stored for 203"), 60)
    await until("the others are back", here(t.fe, 3), 60)
    await w.ctl("secret", "set", "203", "kind=sip", "value=-", stdin="secret-203")
    await until("registered again", here(t.fe), 90)


@flow("kerberos")
async def clock_off(t):
    """This host's clock is twenty minutes fast: log-ins go by the KDC's clock, and the difference is said with its remedy."""
    w = t.world
    if not shutil.which("cc"):
        print("no C compiler: not with a clock that is off")
        return
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", w.dir + "/clock.so",
                    os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock.c")], check=True)
    await w.certd_again(LD_PRELOAD=w.dir + "/clock.so", AHEAD="1200", ASAN_OPTIONS="verify_asan_link_order=0")
    await back(t)
    await until("the difference is said", lambda: w.logged("sipd", "the KDC's clock differs from this host's ahead=-1"), 20)
    h, c = await t.in_call()
    await c.bye()
    await h.gone()
    await w.certd_again()
    await back(t)


@flow("kerberos")
async def negotiate(t):
    """auth = negotiate: Kerberos where it can be had, NTLM where it cannot; not for an account that the domain refuses."""
    w = t.world
    w.mode = "negotiate"
    w.realm.stop()
    ntlm, krb = t.fe.by_scheme["NTLM"], t.fe.by_scheme["Kerberos"]
    await w.certd_again()
    await w.sipd_again(t.fe)
    expect("log-ins by NTLM", (t.fe.by_scheme["NTLM"] - ntlm, t.fe.by_scheme["Kerberos"] - krb), (4, 0))
    h, c = await t.in_call()
    await h.hang_up()
    await c.event("BYE")
    w.realm.start()
    ntlm = t.fe.by_scheme["NTLM"]
    await asyncio.sleep(0)
    await w.sipd_again(t.fe)
    expect("log-ins by Kerberos", (t.fe.by_scheme["NTLM"] - ntlm, t.fe.by_scheme["Kerberos"] - krb), (0, 4))
    # a server that takes no ticket
    t.fe.refuse_each = 2
    ntlm = t.fe.by_scheme["NTLM"]
    await back(t)
    t.fe.refuse_each, t.fe.refused = 0, {}
    expect("log-ins by NTLM after refused tickets", t.fe.by_scheme["NTLM"] - ntlm, 4)
    # a wrong password is one failure, not two
    await w.ctl("secret", "set", "200", "kind=sip", "value=-", stdin="wrong")
    ntlm, said = t.fe.by_scheme["NTLM"], w.logged("sipd", "wrong password of 200")
    at = t.fe.handshakes
    hang_up(t.fe)
    await until("said", lambda: w.logged("sipd", "wrong password of 200") > said, 60)
    await until("the others are back", here(t.fe, 3), 60)
    expect("log-ins by NTLM, and tries", (t.fe.by_scheme["NTLM"] - ntlm, t.fe.handshakes - at), (0, 3))
    await w.ctl("secret", "set", "200", "kind=sip", "value=-", stdin="secret-200")
    w.mode = "kerberos"
    await w.sipd_again(t.fe)
