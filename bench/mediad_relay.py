"""mediad, the bare relay loop and rtpengine take turns under the same load; medians of CPU time, and ratios."""
import re
import statistics
from lib_mediad import *
from lib_rtpengine import Rtpengine

free_range.__defaults__ = (11000, 21000)  # the far ends have the rest below the range of the kernel
KEY = "".join("%02x" % i for i in range(30))
OPT = dict(a.split("=") for a in sys.argv[1:] if "=" in a)
MODES = [a for a in sys.argv[1:] if "=" not in a] or ["rtp", "srtp", "pcma-pcmu", "pcma-g726", "pcma-g722"]
REF = OPT.get("METHOD") == "reference"  # generator and loop of ../shared/reference/perf
FLOWS, SECONDS, ROUNDS = int(OPT.get("FLOWS", 400)), float(OPT.get("SECONDS", 6)), int(OPT.get("ROUNDS", 3))
FLOOR = {"srtp": "ossl"}  # else epoll
NET = {"rtp": (PCMA, 8, 160), "srtp": (PCMA, 8, 160), "pcma-pcmu": (PCMU, 0, 160), "pcma-g726": (AAL2_32, 116, 80),
       "pcma-g722": (G722, 9, 160)}
# Before other programs of the machine, where that is allowed: what these do to wake-ups would be measured, too.
FIRST = ["chrt", "-f", "5"] if os.geteuid() == 0 else []
PIN = (["taskset", "-c", "0"] + FIRST, ["taskset", "-c", "1"] + FIRST) if os.cpu_count() > 1 else (FIRST, FIRST)


def cpu(pid):
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


def anchor(name):
    """A program of the reference, built."""
    exe = f"{BUILD}/bench/anchor_{name}"
    src = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../shared/reference/perf", name + ".c")
    src = os.environ.get("TEST_SHARED_DIR") and os.environ["TEST_SHARED_DIR"] + f"/reference/perf/{name}.c" or src
    need(exe) if not os.path.exists(src) else None
    if not os.path.exists(exe):
        subprocess.run(["gcc", "-O2", "-march=native", "-w", "-o", exe, src, "-luring", "-lsrtp2", "-lcrypto"], check=True)
    return exe


def load(flows, seconds, how="far"):
    if REF:
        r = subprocess.run([*PIN[0], anchor("rtpload"), str(seconds)], input="\n".join(flows), text=True, capture_output=True)
        m = re.search(r"sent=(\d+) received=(\d+)", r.stdout)
        if not m:
            raise RuntimeError(f"the generator ended with {r.returncode}: {r.stderr}")
        return {"sent": int(m.group(1)), "received": int(m.group(2)), "delay_us": (0, 0, 0)}
    r = subprocess.run([*PIN[0], f"{BUILD}/bench/mediad_load", how, str(seconds)], input="\n".join(flows), text=True,
                       capture_output=True)
    if r.returncode or not r.stdout:
        raise RuntimeError(f"the generator ended with {r.returncode}: {r.stderr}")
    return json.loads(r.stdout)


def measured(pid, flows):
    delay = load(flows, 2, "gen")["delay_us"]  # addresses are learnt, modes settle
    a = cpu(pid)
    r = load(flows, SECONDS)
    us = (cpu(pid) - a) / max(1, r["sent"]) * 1e6
    return us, 100 * (1 - r["received"] / max(1, r["sent"])), delay


def line(l, r, pt, octets, key="-"):
    return f"{l} {r} {pt or 128} {octets} {key}"


def floor(mode, base):
    if REF:
        # It has fixed ports, and waits for ever where one of them is taken.
        r = subprocess.run([*FIRST, anchor("relay"), FLOOR.get(mode, "epoll"), str(FLOWS), str(SECONDS)], text=True,
                           capture_output=True, timeout=SECONDS + 10)
        if r.returncode or "R " not in r.stdout:
            raise RuntimeError(f"the loop ended with {r.returncode}: {r.stderr}")
        got = dict(w.split()[1:3] for w in r.stdout.splitlines() if w.startswith("R "))
        v = {k.rsplit("_", 1)[1]: float(x) for k, x in got.items()}
        return v["cpu"], 100 * v["lost"] / (FLOWS * 50 * SECONDS), (0, 0, 0)
    lo = free_range(FLOWS + 2)
    flows = [line(base + 2 * i, lo + i, 8, 160) for i in range(FLOWS)]
    p = subprocess.Popen([*PIN[1], f"{BUILD}/bench/mediad_load", FLOOR.get(mode, "epoll")], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    p.stdin.write("\n".join(flows) + "\n.\n")
    p.stdin.flush()
    p.stdout.readline()
    try:
        return measured(p.pid, flows)
    finally:
        p.stdin.close()
        p.wait()


def ours(mode, base):
    codec, pt, octets = NET[mode]
    flows = []
    with Suite(1, ports=2 * FLOWS + 8, conf="max-sessions = 20000\n") as s:
        m = s.soft()
        os.sched_setaffinity(s.daemons[1].pid, {os.cpu_count() - 1})
        if FIRST:
            os.sched_setscheduler(s.daemons[1].pid, os.SCHED_FIFO, os.sched_param(5))
        for i in range(FLOWS // 2):
            a, b = base + 4 * i, base + 4 * i + 2
            _, l = m.create(i + 1, f"network:remote=127.0.0.1:{b},pt={codec}/{pt}"
                            + (f",suite=1,tx={KEY},rx={KEY}" if mode == "srtp" else ""), f"radio:remote=127.0.0.1:{a},pt={PCMA}/8")
            flows.append(line(a, l["radio"][1], 8, 160))
            flows.append(line(b, l["network"][1], pt, octets, KEY if mode == "srtp" else "-"))
        return measured(s.daemons[1].pid, flows)


def theirs(mode, base):
    if mode == "pcma-g726":
        return None  # Debian's has no G.726
    names = {8: "PCMA/8000", 0: "PCMU/8000", 9: "G722/8000"}

    def sdp(port, pt, crypto=""):
        return (f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} "
                f"RTP/{'S' if crypto else ''}AVP {pt}\r\na=rtpmap:{pt} {names[pt]}\r\n"
                + (f"a=crypto:{crypto}\r\n" if crypto else "") + "a=sendrecv\r\na=ptime:20\r\n")

    import base64
    _, pt, octets = NET[mode]
    key, flows = base64.b64encode(bytes.fromhex(KEY)).decode(), []
    port = lambda t: int(re.search(r"m=audio (\d+)", t).group(1))
    d = tempfile.mkdtemp()
    r = Rtpengine(d, ports=4 * FLOWS + 100, threads=2, prefix=PIN[1])
    try:
        for i in range(FLOWS // 2):
            a, b = base + 4 * i, base + 4 * i + 2
            c = {"call-id": f"c{i}", "from-tag": "a", "ICE": "remove", "flags": ["trust-address"], "replace": ["origin"]}
            o = {**c, "command": "offer", "sdp": sdp(a, 8)}
            if mode == "srtp":
                o.update({"transport-protocol": "RTP/SAVP", "DTLS": "off"})
            elif pt != 8:
                o["codec"] = {"transcode": [names[pt].split("/")[0]], "mask": ["PCMA"]}
            o2 = r.ask(o)[b"sdp"].decode()
            tag = re.search(r"a=crypto:(\d+) AES_CM_128_HMAC_SHA1_80", o2)
            ans = {**c, "command": "answer", "to-tag": "b",
                   "sdp": sdp(b, pt, f"{tag.group(1)} AES_CM_128_HMAC_SHA1_80 inline:{key}" if mode == "srtp" else "")}
            if mode == "srtp":
                ans["transport-protocol"] = "RTP/AVP"
            a2 = r.ask(ans)[b"sdp"].decode()
            flows.append(line(a, port(a2), 8, 160))
            flows.append(line(b, port(o2), pt, octets, KEY if mode == "srtp" else "-"))
        return measured(r.p.pid, flows)
    finally:
        r.close()
        shutil.rmtree(d, ignore_errors=True)


def main():
    for mode in MODES:
        got = {}
        for _ in range(ROUNDS):
            for name, fn in (("bare loop", floor), ("mediad", ours)) + ((("rtpengine", theirs),) if shutil.which("rtpengine") else ()):
                try:
                    v = fn(mode, free_range(4 * FLOWS + 8, 21000, 32700))
                except (RuntimeError, subprocess.TimeoutExpired) as e:
                    print(f"{mode:10} {name}: no figure this time: {e}", flush=True)
                    continue
                if v:
                    got.setdefault(name, []).append(v)
        med = {k: statistics.median(x[0] for x in v) for k, v in got.items()}
        for k, v in got.items():
            us = [x[0] for x in v]
            print(f"{mode:10} {FLOWS} flows  {k:10} {med[k]:6.2f} us/packet ({min(us):.2f}..{max(us):.2f}), lost "
                  f"{max(x[1] for x in v):.2f} %, delay p50/p99/max {[int(statistics.median(x[2][i] for x in v)) for i in range(3)]} us")
        text = f"{mode:10} {FLOWS} flows  mediad / {FLOOR.get(mode, 'epoll')} loop {med['mediad'] / med['bare loop']:.2f}"
        if "rtpengine" in med:
            text += f", mediad / rtpengine {med['mediad'] / med['rtpengine']:.2f}"
        print(text, flush=True)


if __name__ == "__main__":
    main()
