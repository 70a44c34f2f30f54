"""Many sessions in one instance: memory of each, delay of each packet, loss. See mediad_thousand.sh."""
from mediad_relay import *

free_range.__defaults__ = (2000, 22000)
SESSIONS, RUN = int(OPT.get("SESSIONS", 1000)), float(OPT.get("SECONDS", 15))
# By mode: what the network leg is set to beside its address; whether packets come back as they were sent.
KINDS = {"rtp": ("", True), "srtp": (f",suite=1,tx={KEY},rx={KEY}", True), "gcm": (f",suite=3,tx={KEY[:56]},rx={KEY[:56]}", False),
         "pcma-g726": ("", False)}


def one(mode):
    codec, pt, octets = NET.get(mode, NET["rtp"])
    base, flows = free_range(4 * SESSIONS + 8, 22000, 48000), []
    key = KEY if mode == "srtp" else "-"
    with Suite(1, ports=4 * SESSIONS + 200, conf=f"max-sessions = {SESSIONS}\n") as s:
        m, pid = s.soft(), s.daemons[1].pid
        os.sched_setaffinity(pid, {os.cpu_count() - 1})
        if FIRST:
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(5))
        idle = s.rss_kib()
        for i in range(SESSIONS):
            a, b = base + 4 * i, base + 4 * i + 2
            _, l = m.create(i + 1, f"network:remote=127.0.0.1:{b},pt={codec}/{pt}" + KINDS[mode][0],
                            f"radio:remote=127.0.0.1:{a},pt={PCMA}/8")
            flows.append(line(a, l["radio"][1], 8, 160))
            if mode != "gcm":  # the generator does not speak it: one way
                flows.append(line(b, l["network"][1], pt, octets, key))
            else:
                flows.append(f"{b} {l['network'][1]} 0 {octets} -")
        made = s.rss_kib()
        load(flows, 3, "gen")
        t = cpu(pid)
        r = load(flows, RUN, "gen")
        t = cpu(pid) - t
        used = s.rss_kib()
        d = r["delay_us"]
        print(f"{mode:10} {SESSIONS} sessions  {(made - idle) / SESSIONS:.1f} KiB a session made, {(used - idle) / SESSIONS:.1f} in use "
              f"(idle {idle / 1024:.1f} MiB)\n{'':10} {r['sent']} packets in {RUN:.0f} s, {max(0, 100 * (1 - r['received'] / r['sent'])):.3f} % lost, "
              f"CPU {100 * t / RUN:.0f} %" + (f", delay p50/p99/max {d[0] / 1e3:.2f}/{d[1] / 1e3:.2f}/{d[2] / 1e3:.2f} ms" if KINDS[mode][1] else "")
              + f"; the generator itself was late by up to {r['late_ms']:.1f} ms", flush=True)


if __name__ == "__main__":
    for name in [a for a in MODES if a in KINDS] if len(sys.argv) > 1 and any("=" not in a for a in sys.argv[1:]) else KINDS:
        for attempt in range(12):  # other programs take ports, too
            try:
                one(name)
                break
            except RuntimeError as e:
                print(f"{name}: {e}; once more", file=sys.stderr)
                time.sleep(1)
