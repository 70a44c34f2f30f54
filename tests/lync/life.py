"""Flows of a registration's life: redirection to a backup registrar, keep-alives, renewed associations, connections that the
pool opens, connections for a number of users each."""

import asyncio
import json

from case import expect, flow
from desktop import Refused
from world import Failed, free_port, until

USERS = ("200", "201", "202", "203")


def here(fe, n=4):
    return lambda: sum(len(by) for by in fe.endpoints.values()) - sum(
        1 for e in fe.all_endpoints() if e.flow.peer == ("127.0.0.1", 0)) == n


def hang_up(fe):
    for f in list(fe.flows):
        for e in [e for e in fe.all_endpoints() if e.flow is f]:
            fe.drop(e)
        f.writer.transport.abort()


@flow()
async def redirected(t):
    """301 with a dead primary registrar: the backup by its lower q is used, calls go over it; dead, too: back to the first."""
    fe2 = await t.world.front_end(USERS)
    dead = free_port()
    t.fe.settings["redirect"] = [[f"localhost:{fe2.o.port}", "0.3"], [f"localhost:{dead}", "0.7"]]
    hang_up(t.fe)
    await until("all users at the backup registrar", here(fe2), 40)
    if fe2.violations:
        raise Failed("the backup registrar complains: " + "; ".join(fe2.violations))
    t.fe.settings["redirect"] = None
    for s in fe2.servers:
        s.close()
    hang_up(fe2)
    await until("all users at the first registrar again", here(t.fe), 60)
    h, c = await t.in_call()
    await c.bye()
    await h.gone()


@flow()
async def keep_alives(t):
    """Empty lines on the connection as the server wants them, one for all users of it."""
    t.fe.settings["keepalive"] = 4
    hang_up(t.fe)
    await until("registered again", here(t.fe), 30)
    t.fe.keepalives = 0
    await until("keep-alives", lambda: t.fe.keepalives >= 4, 20)
    at = t.fe.keepalives
    await asyncio.sleep(4)
    got = (t.fe.keepalives - at) // 2
    if not 1 <= got <= 3 * len(t.fe.flows):
        raise Failed(f"{got} keep-alives in 4 s on {len(t.fe.flows)} connections that want one each 2 s")
    t.fe.settings["keepalive"] = 300
    hang_up(t.fe)
    await until("registered again", here(t.fe), 30)


@flow("ntlm", "kerberos")
async def associations_are_renewed(t):
    """An association is renewed at its age, in a call, too; one that the server dropped is made anew at the refresh."""
    await t.world.reconfigure_lync(association_lifetime="6s")
    hang_up(t.fe)
    await until("registered again", here(t.fe), 30)
    h, c = await t.in_call()
    began = t.fe.handshakes
    await until("all associations are renewed", lambda: t.fe.handshakes >= began + 2 * len(USERS), 40)
    await t.talk(h, c)
    await h.do("hold")
    await c.event("re-INVITE")
    await h.do("retrieve")
    await c.event("re-INVITE")
    await h.hang_up()
    await c.event("BYE")
    await t.world.reconfigure_lync(association_lifetime="28200s")
    t.fe.settings["expires"] = 12
    hang_up(t.fe)
    await until("registered again", here(t.fe), 30)
    began = t.fe.handshakes
    t.fe.settings["expire_sa"] = True
    await until("an association that was dropped is made anew", lambda: t.fe.handshakes > began, 30)
    t.fe.settings["expires"] = 7200
    expect("endpoints", here(t.fe)(), True)
    hang_up(t.fe)
    await until("registered again", here(t.fe), 30)


@flow("trusted")
async def the_pool_connects(t):
    """A trusted pool opens a connection of its own to us: calls over it both ways; a stranger's certificate is of no use."""
    pki = t.world.pki
    await t.fe.connect_back("sip:200@contoso.com", pki.at("fe.pem"), pki.at("fe.key"), pki.at("ca.pem"))
    h, c = await t.in_call()
    await h.do("hold")
    await c.event("re-INVITE")
    await h.do("retrieve")
    await c.event("re-INVITE")
    await t.talk(h, c)
    await h.hang_up()
    await c.event("BYE")
    h, c = await t.in_call()
    await c.bye()
    await h.gone()
    pki.cert("evil", "evil.contoso.com")
    await t.fe.connect_back("sip:200@contoso.com", pki.at("evil.pem"), pki.at("evil.key"), pki.at("ca.pem"))
    try:
        await t.bob.dial("sip:200@contoso.com")
        raise Failed("a stranger's call was taken")
    except Refused as e:
        expect("a call over a stranger's connection", e.status, 403)
    hang_up(t.fe)
    await until("registered again", here(t.fe), 30)


async def identity(t, name):
    """Another host certificate, in force."""
    pki, before = t.world.pki, t.world.logged("sipd", "certificate taken over")
    await t.world.ctl("cert", "import", "host", "file=" + pki.at(name + ".pem"), "key=" + pki.at(name + ".key"), "force=yes")
    await until("the certificate is in force", lambda: t.world.logged("sipd", "certificate taken over") > before)


async def rows(t):
    text = await t.world.ctl("--json", "check", "lync", check=False)
    found = {}
    for row in json.loads(text[text.index("["):text.rindex("]") + 1]):
        found[row["check"]] = row
    return found


@flow()
async def pre_flight(t):
    """dectctl check lync: all that is well is said to be, what is not is named with its remedy, and the three commands are filled in."""
    fqdn = "ipdect.contoso.com"
    names = t.world.names
    names.update({(fqdn, 1): bytes([127, 0, 0, 1]), ("1.0.0.127.in-addr.arpa", 12): fqdn})
    await t.world.registered(len(USERS))
    found = await rows(t)
    trusted = t.world.mode == "trusted"
    good = ["DNS: localhost", "port: to localhost", "certificate: name", "certificate: chain", "certificate: validity",
            "certificate: usage", "certificate: revocation", "certificate: signature", "certificate: key", "registration"]
    good += ["DNS: this host", "DNS: PTR of this host", "port: from the pool"] if trusted else ["clock"]
    for name in good:
        expect(name, found.get(name, {}).get("result"), "ok" if name != "certificate: validity" else "warning")
    said = await t.world.ctl("check", "lync", check=False)
    want = [f"New-CsTrustedApplicationPool -Identity {fqdn} -Site 1 -Registrar localhost ", f"-TrustedApplicationPoolFqdn {fqdn} -Port "
            f"{t.world.tls_port}", "Enable-CsTopology"] if trusted else []
    for text in want:
        if text not in said:
            raise Failed(f"not printed: {text} in {said}")
    # what is wrong
    names.clear()
    t.world.pki.cert("bad", "other.contoso.com", cdp=False, eku="clientAuth")
    await identity(t, "bad")
    t.fe.settings["date-offset"] = 1200
    hang_up(t.fe)
    await asyncio.sleep(0)
    if not trusted:
        await until("registered again", here(t.fe), 30)
    found = await rows(t)
    level = "failed" if trusted else "warning"
    for name in ("certificate: name", "certificate: usage", "certificate: revocation"):
        expect(name, found[name]["result"], level)
        if not found[name].get("remedy"):
            raise Failed(f"{name}: no remedy")
    if trusted:
        expect("port: from the pool", found["port: from the pool"]["result"], "failed")
    else:
        expect("clock", found["clock"]["result"], "failed")
    t.fe.settings["date-offset"] = 0
    if trusted:  # refused for its certificate, a user waits for minutes, unless there is another one
        await until("refused for the certificate", lambda: t.world.logged("sipd", "registration refused") >= len(USERS), 30)
    await identity(t, "ours")
    if not trusted:
        hang_up(t.fe)
    await until("registered again", here(t.fe), 40)
