"""Base stations and handsets written from the references alone against a running dectd: dect_peer.py --help.

Two bases (a new one with a key of its own, an RFP 32 with fixed keys that are changed) and three handsets go through what a
site sees in its life. Each step prints what it does; the first failure and every violation of the references end with 1.
"""
import argparse
import asyncio
import json
import subprocess
import sys
import time
import traceback

import dect_crypto as crypto
from dect_pt import GAP_A, GAP_B, NG, Handset, Refused
from dect_rfp import Air, Rfp
from dect_steps import STEPS, refused
import dect_rough  # noqa: F401, its steps


class Site:
    def __init__(self, args):
        self.args, self.air = args, Air(args.verbose)
        self.table = bytes.fromhex(json.load(open(f"{args.reference}/rfp-link-vectors.json"))["crypto"]["legacy"]["table_224"])

    def ctl(self, *words, stdin=None, fails=False):
        r = subprocess.run([*self.args.ctl.split(), *words], input=stdin, capture_output=True, text=True)
        if (r.returncode != 0) != fails:
            raise AssertionError(f"dectctl {' '.join(words)}: {r.stdout}{r.stderr}")
        return r.stdout + r.stderr

    def local(self, n):
        """The address of the n-th base: each run of its own, for the ports of speech are the server's choice."""
        return f"127.{16 + self.args.tag // 250 % 200}.{1 + self.args.tag % 250}.{n}"

    async def says(self, text, *words, within=20):
        """Until dectctl prints the text."""
        for _ in range(within * 5):
            out = await asyncio.to_thread(self.ctl, *words)
            if text in out:
                return out
            await asyncio.sleep(0.2)
        raise AssertionError(f"dectctl {' '.join(words)} does not say {text!r}: {out}")

    async def until(self, what, text, within=20):
        for _ in range(within * 20):
            if what():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"not within {within} s: {text}")

    async def base_up(self, base, within=30):
        """A base that goes on trying, as a real one does."""
        end = asyncio.get_running_loop().time() + within
        while not base.on_air.is_set():
            if base.state == "off":
                await base.start()
            try:
                await asyncio.wait_for(base.on_air.wait(), 0.5)
            except asyncio.TimeoutError:
                pass
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"{base.name} is in state {base.state}")


def printed(ipei):
    """IPEI as the administrator types it, without its check character."""
    v = int.from_bytes(ipei, "big")
    return f"{v >> 20:05d}{v & 0xfffff:07d}"


async def bring_up(site):
    """Bases are admitted, handsets subscribed: with the window closed, with a wrong code, with the right one."""
    args, air, ctl = site.args, site.air, site.ctl
    server = ("127.0.0.1", args.port)
    mac = bytes.fromhex("02005e") + args.tag.to_bytes(2, "big")
    site.new = Rfp(air, mac + b"\x01", server, local=site.local(1))
    site.old = Rfp(air, mac + b"\x02", server, local=site.local(2), old=True, table=site.table, chop=True, ack_media=True)
    site.third = Rfp(air, mac + b"\x03", server, local=site.local(3), neighbours=[(1, 60)], chop=True, model=0x0b)
    print("== unknown bases wait until they are admitted", flush=True)
    for base in air.bases:
        await base.start()
        await site.says(base.mac.hex(), "base", "list")
        await asyncio.sleep(0.3)
        assert not base.on_air.is_set()
    assert ctl("base", "list").count("pending") == 3
    for base in air.bases:
        ctl("base", "admit", base.mac.hex())
        await site.base_up(base)
        plain = [0x012d, 0x0001] if base.old else [0x012d, 0x0124, 0x0001]
        assert base.plain_seen == plain, base.plain_seen
        site.third.neighbours = [(site.new.rpn, 60)]
    print(ctl("base", "list"))
    site.a = Handset(air, bytes.fromhex("010012abcd"), site.new, **GAP_A)
    site.b = Handset(air, bytes.fromhex("00e02476e0"), site.new, **GAP_B)
    site.n = Handset(air, bytes.fromhex("010012abce"), site.new, **NG)
    print("== handsets: the wrong code, then the right one", flush=True)
    for i, h in enumerate((site.a, site.b, site.n)):
        name = f"30{i + 1}"
        ctl("user", "add", name, f"display-name=Peer {name}", f"ipei={printed(h.ipei)}")
        ctl("secret", "set", name, "kind=ac", "value=-", stdin=f"{name}1234\n")
    await refused(site.a.subscribe("3011234"), "47")
    await site.a.close(own=True)
    ctl("subscription", "open", "for=100s")
    await site.until(lambda: site.new.hlc & 8, "subscription is broadcast")
    await refused(site.a.subscribe("99999999"), "43", "47")
    await site.a.close(own=True)
    for i, h in enumerate((site.a, site.b, site.n)):
        await h.subscribe(f"30{i + 1}1234")
        await h.locate()
        assert h.tpui is not None
    ctl("subscription", "close")
    print(ctl("handset", "list"))


async def run(args):
    site = Site(args)
    failed = []
    await bring_up(site)
    for f in sorted(STEPS, key=lambda f: f.__name__ == "terminated"):    # the last
        if args.steps and f.__name__ not in args.steps.split(","):
            continue
        print(f"== {f.__name__}: {f.__doc__}", flush=True)
        began = time.monotonic()
        try:
            await asyncio.wait_for(f(site), args.patience)
            print(f"   {time.monotonic() - began:.1f} s")
        except (AssertionError, Refused, TimeoutError, asyncio.TimeoutError, AttributeError) as e:
            print(f"FAILED {f.__name__}: {type(e).__name__} {e}", flush=True)
            traceback.print_exc()
            failed.append(f.__name__)
            for h in (site.a, site.b, site.n):
                if h.bearer:
                    bearer = h.bearer
                    h.base.disconnect(bearer, 2)
                    h.bearer_lost(h.base, bearer)
                h.auto_alert = h.hears_pages = h.answers_pages = True
            await asyncio.sleep(2)
    for b in site.air.bases:
        await b.stop()
    print(f"{len(failed)} failed: {failed}, {len(site.air.violations)} violations")
    return 1 if failed or site.air.violations else 0


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--port", type=int, required=True, help="TCP port of dectd")
    p.add_argument("--ctl", required=True, help="dectctl and its options")
    p.add_argument("--reference", required=True, help="folder of rfp-link-vectors.json and dect-vectors.json")
    p.add_argument("--tag", type=int, default=1, help="two octets of the bases' MAC addresses")
    p.add_argument("--steps", help="only these")
    p.add_argument("--re-keying", type=float, default=0, help="seconds after which dectd changes a call's key, when it does")
    p.add_argument("--patience", type=float, default=120, help="seconds for a step")
    p.add_argument("--verbose", action="store_true", help="every message and frame")
    args = p.parse_args()
    print(crypto.selftest(args.reference), "vectors agree")
    return asyncio.run(run(args))


if __name__ == "__main__":
    sys.exit(main())
