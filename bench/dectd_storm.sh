#!/bin/bash
# A system of many base stations and handsets in one dectd: subscription of all, then all register at once (a power cut), as fast
# as they can; CPU of dectd and certd per registration, times as handsets see them, memory, idle CPU. Played by softrfp over the
# encrypted link; nothing is faked. Usage: BUILD=build-release bench/dectd_storm.sh [BASES] [HANDSETS_PER_BASE]
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
BUILD=$(cd "$BUILD" && pwd) || exit 1
BASES=${1:-256}
PER=${2:-16}
. "$TOP/tests/system/lib_dect.sh"
ulimit -n 8192 2> /dev/null
start_suite <<-X
	[dectd]
	wildcard = yes
	subscription-window = 600s
	pending-max = 4096
	[certd]
	auth-rate = ${RATE:-0}
X
printf '12345678\n' | ctl secret set subscription kind=ac value=- > /dev/null || fail "access code"
for ((i = 0; i < BASES; i++)); do
	# A cluster has 255 radio part numbers.
	ctl base admit "$(printf '0200%s00%04x' "${NET:0:2}" $i)" cluster=$((1 + i / 200)) > /dev/null || fail "base admit"
done
cat > "$DIR/storm.py" <<'PY'
import os, re, select, socket, sys, time
sock, port, dirname, net, bases, per, run = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]), int(sys.argv[6]), sys.argv[7]
pids = dict(p.split("=") for p in sys.argv[8:])
s = socket.socket(socket.AF_UNIX)
s.connect(sock)
pending = b""
def line(seconds=None):
    global pending
    end = None if seconds is None else time.monotonic() + seconds
    while b"\n" not in pending:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([s], [], [], left)[0]: return None
        got = s.recv(65536)
        if not got: sys.exit("softrfp is gone")
        pending += got
    one, pending = pending.split(b"\n", 1)
    return one.decode(errors="replace")
def tell(what, quiet=False):
    s.sendall((what + "\n").encode())
    while True:
        a = line()
        if a.startswith("* "): events.append((time.monotonic(), a)); continue
        if a == "ok": return
        if a.startswith("error"):
            if not quiet: print(what, a)
            return a
events = []
def wait(pattern, count, seconds):
    """Until that many different handsets or bases said it."""
    done, end, r = {}, time.monotonic() + seconds, re.compile(pattern)
    while len(done) < count:
        while events:
            t, e = events.pop(0)
            m = r.search(e)
            if m: done[m.group(1)] = (t, m)
        if len(done) >= count or time.monotonic() > end: break
        a = line(max(0.1, end - time.monotonic()))
        if a is None: break
        events.append((time.monotonic(), a))
    return done
def cpu(pid):
    return sum(int(open(f"/proc/{pid}/task/{t}/schedstat").read().split()[0]) for t in os.listdir(f"/proc/{pid}/task")) / 1e9
def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024
CHANNELS = 12  # of a base station
def storm(what, who, seconds):
    """Everybody at once, but no more at a base than it has channels; who found none tries again as a handset does."""
    todo = {b: [] for b in range(bases)}
    for p in who: todo[int(p[1:]) % bases].append(p)
    later, out = [], set()
    done, under, end = {}, {b: 0 for b in todo}, time.monotonic() + seconds
    r = re.compile(r"pp (\w+) (located|link lost|subscription rejected)(?:.* in (\d+) ms)?")
    def more(b):
        while todo[b] and under[b] < CHANNELS - 2:
            p = todo[b].pop(0)
            if tell(f"pp {p} {what}", True):
                later.append((time.monotonic() + 1, b, p))  # no channel free: as a handset does
            else:
                under[b] += 1
                out.add(p)
    for b in todo: more(b)
    while len(done) < len(who) and time.monotonic() < end:
        while events:
            t, e = events.pop(0)
            m = r.search(e)
            if not m or m.group(1) in done or m.group(1) not in out: continue
            out.discard(m.group(1))
            b = int(m.group(1)[1:]) % bases
            under[b] -= 1
            if m.group(2) == "located": done[m.group(1)] = (t, m)
            else: todo[b].append(m.group(1))
            more(b)
        while later and later[0][0] < time.monotonic():
            _, b, p = later.pop(0)
            todo[b].append(p)
            more(b)
        if len(done) < len(who):
            a = line(0.05 if later else 1)
            if a is not None: events.append((time.monotonic(), a))
    return done
macs = [f"0200{net}00{i:04x}" for i in range(bases)]
t = time.monotonic()
for m in macs: tell(f"base add {m} server=127.0.0.1:{port} retry=500 search=50 boot=100 state={dirname}/air")
up = wait(r"base (\w+) up", bases, 120)
print(f"{len(up)} base stations on air after {time.monotonic()-t:.1f} s; dectd {rss(pids['dectd']):.1f} MiB", flush=True)
n = bases * per
names = [f"p{i}" for i in range(n)]
for i, p in enumerate(names):
    tell(f"pp add {p} ipei={1234:05d}{i:07d} profile={'gap-a' if i % 8 == 0 else 'gap-b'}")
    tell(f"pp {p} signal {macs[i % bases]} -40")
os.system(run + " subscription open for=600s > /dev/null")
time.sleep(1)
c0 = {k: cpu(v) for k, v in pids.items()}
t = time.monotonic()
located = storm("subscribe ac=12345678", names, 10 + len(names) / 100)
d = time.monotonic() - t
c1 = {k: cpu(v) for k, v in pids.items()}
print(f"{len(located)} of {n} handsets subscribed and registered in {d:.1f} s; CPU each: " +
      ", ".join(f"{k} {(c1[k]-c0[k])/max(1,len(located))*1e3:.2f} ms" for k in pids), flush=True)
for round in range(3):
    time.sleep(6)  # links linger
    events.clear()
    c0 = {k: cpu(v) for k, v in pids.items()}
    t = time.monotonic()
    got = storm("locate", list(located), 10 + len(located) / 100)
    last = max((v[0] for v in got.values()), default=t)
    d = last - t
    c1 = {k: cpu(v) for k, v in pids.items()}
    ms = sorted(int(v[1].group(3)) for v in got.values() if v[1].group(3))
    per_reg = {k: (c1[k] - c0[k]) / max(1, len(got)) for k in pids}
    print(f"storm {round+1}: {len(got)} of {len(located)} registered in {d:.2f} s ({len(got)/d:.0f}/s), " +
          (f"p50 {ms[len(ms)//2]} ms p99 {ms[int(len(ms)*0.99)]} ms max {ms[-1]} ms; " if ms else "") +
          "CPU each: " + ", ".join(f"{k} {v*1e6:.0f} us" for k, v in per_reg.items()) +
          f" -> dectd alone could do {1/max(per_reg['dectd'],1e-9):.0f}/s on a core", flush=True)
# At a steady rate, no faster than they come: what a handset waits.
for rate in (500, 1000):
    time.sleep(6)
    events.clear()
    c0 = {k: cpu(v) for k, v in pids.items()}
    t, ms, n, r = time.monotonic(), [], 0, re.compile(r"pp (\w+) located(?:.* in (\d+) ms)?")
    who = [names[(k * 7919) % len(names)] for k in range(len(names))][:5 * rate]
    while len(ms) < len(who) and time.monotonic() < t + 30:
        while n < len(who) and time.monotonic() >= t + n / rate:
            tell(f"pp {who[n]} locate", True)
            n += 1
        while events:
            m = r.search(events.pop(0)[1])
            if m and m.group(2): ms.append(int(m.group(2)))
        a = line(0.001)
        if a is not None: events.append((time.monotonic(), a))
    ms.sort()
    d = {k: cpu(v) - c0[k] for k, v in pids.items()}
    print(f"{rate}/s offered: {len(ms)} of {len(who)} registered, p50 {ms[len(ms)//2]} ms p99 {ms[int(len(ms)*0.99)]} ms max {ms[-1]} ms; " +
          "CPU each: " + ", ".join(f"{k} {v/max(1,len(ms))*1e6:.0f} us" for k, v in d.items()), flush=True)
time.sleep(8)
c0 = {k: cpu(v) for k, v in pids.items()}
time.sleep(10)
print("idle: " + ", ".join(f"{k} {(cpu(v)-c0[k])*10:.2f} % CPU" for k, v in pids.items()) +
      f"; dectd {rss(pids['dectd']):.1f} MiB resident", flush=True)
PY
RUN="$BUILD/dectctl -r $DIR/run"
python3 "$DIR/storm.py" "$DIR/air.sock" "$PORT" "$DIR" "${NET:0:2}" "$BASES" "$PER" "$RUN" \
	"dectd=$PID_dectd" "certd=$PID_certd" "sipd=$PID_sipd" "softrfp=$AIR" || fail "storm"
