"""Thousands of users at one front end: how long until all are registered, at which rate, and until all are at the next one
after the first died. Figures; bench/sipd_lync.sh runs it."""

import asyncio
import os
import sys
import time


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        w = f.read().rsplit(")", 1)[1].split()
    return (int(w[11]) + int(w[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("VmRSS")) / 1024


async def measure(mode, n, rate):
    from world import World, until
    w = World(mode)
    users = [str(10000 + i) for i in range(n)]
    try:
        if mode == "kerberos":
            began = time.monotonic()
            w.kerberos(users)
            print(f"{mode}: {n} accounts at the KDC in {time.monotonic() - began:.1f} s", flush=True)
        first = await w.front_end(users, separate=True)
        second = await w.front_end(users, separate=True)
        w.settings.update({"register-rate": rate, "register-when": "always", "transports": "udp", "keep-alive": "2s"})
        await w.start([], f"localhost:{first.port} localhost:{second.port}", media=False)
        if mode != "trusted":
            # passwords first, so that nobody is refused for want of one
            began = time.monotonic()
            await w.add_passwords(users)
            print(f"{mode}: {n} passwords stored in {time.monotonic() - began:.1f} s", flush=True)
        before, sipd0, certd0 = time.monotonic(), cpu(w.sipd.pid), cpu(w.certd.pid)
        await w.add_users(users, passwords=False)

        async def count(fe):
            return (await fe.ask({"do": "count"}))["endpoints"]

        async def all_at(fe, seconds):
            end = time.monotonic() + seconds
            while await count(fe) != n:
                if time.monotonic() > end:
                    lines = (await w.ctl("reg", "list", check=False)).splitlines()
                    raise RuntimeError(f"{await count(fe)} of {n} at the front end; " +
                                       "; ".join([x for x in lines if " registered " not in x][1:4]))
                await asyncio.sleep(0.1)
            return time.monotonic()
        up = await all_at(first, 60 + n / rate * 6)
        state = await first.ask({"do": "rate"})
        sipd1, certd1 = cpu(w.sipd.pid), cpu(w.certd.pid)
        print(f"{mode}: {n} users registered in {up - before:.1f} s, register-rate {rate}: at most {state['most']} REGISTER in a "
              f"second, {state['all']} in all, {state['flows']} connection(s); sipd {1000 * (sipd1 - sipd0) / n:.2f} ms CPU a user, "
              f"certd {1000 * (certd1 - certd0) / n:.2f} ms; sipd {rss(w.sipd.pid):.0f} MiB, certd {rss(w.certd.pid):.0f} MiB",
              flush=True)
        if w.realm:
            log = w.realm.log()
            print(f"{mode}: {log.count('AS_REQ')} AS_REQ, {log.count('TGS_REQ')} TGS_REQ", flush=True)
        wrong = (await first.ask({"do": "state"}))["violations"]
        died = time.monotonic()
        first.child.kill()
        gone = await all_at(second, 120)
        state = await second.ask({"do": "rate"})
        print(f"{mode}: front end killed: all {n} users at the second after {gone - died:.1f} s, at most {state['most']} REGISTER in a "
              f"second", flush=True)
        if w.realm:
            print(f"{mode}: {w.realm.log().count('_REQ') - log.count('_REQ')} messages to the KDC for it", flush=True)
        wrong += (await second.ask({"do": "state"}))["violations"]
        if wrong:
            print(f"{mode}: {len(wrong)} violations, the first: {wrong[0]}")
            return 1
        return 0
    finally:
        w.close()


if __name__ == "__main__":
    os.environ["BUILD"] = sys.argv[1]
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    most, pace = int(sys.argv[2]) if len(sys.argv) > 2 else 4096, int(sys.argv[3]) if len(sys.argv) > 3 else 500
    sys.exit(max(asyncio.run(measure(m, most, pace)) for m in sys.argv[4:] or ("trusted", "ntlm")))
