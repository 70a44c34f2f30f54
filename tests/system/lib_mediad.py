"""Shared by the tests of mediad with real RTP peers: a private directory, instances of mediad, softmedia as their sipd,
far ends as plain sockets."""
import json, os, random, select, shutil, socket, struct, subprocess, sys, tempfile, time

BUILD = os.environ.get("BUILD", "build-dev")
PCMU, PCMA, G722, G726_32, AAL2_32, CN, TE = 1, 2, 3, 6, 10, 12, 13


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def need(*programs):
    for p in programs:
        if not (os.path.exists(p) or shutil.which(p)):
            skip("no " + p)


def in_real_time(run, stall, tries=5):
    """run() -> lines, how many are bad, whether the machine stood still for longer than `stall` seconds: then another try."""
    for _ in range(tries):
        lines, bad, stalled = run()
        print("\n".join(lines), flush=True)
        if not bad:
            return
        if not stalled:
            sys.exit(1)
        print(f"the machine did not run this test or mediad for more than {stall * 1000:.0f} ms: once more")
    skip("the machine has no time for speech in real time")


def free_range(n, first=11000, last=32000):
    """First of n ports in a row that nobody has now, by default below the range that the kernel gives out."""
    for _ in range(200):
        lo = random.randrange(first, last - n) & ~1
        held = []
        try:
            for p in range(lo, lo + n):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("127.0.0.1", p))
                held.append(s)
            return lo
        except OSError:
            pass
        finally:
            for s in held:
                s.close()
    raise RuntimeError("no free ports")


class Soft:
    """softmedia: requests to one instance."""

    def __init__(self, rundir, instance):
        self.p = subprocess.Popen([f"{BUILD}/tests/softmedia", "-r", rundir, "-i", str(instance)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.n, self.answers, self.events, self.buf, self.up = 0, {}, [], b"", 0
        self.wait(lambda: self.up == 1)

    def pump(self, timeout):
        r, _, _ = select.select([self.p.stdout], [], [], timeout)
        if not r:
            return
        data = os.read(self.p.stdout.fileno(), 65536)
        if not data:
            raise RuntimeError("softmedia ended")
        self.buf += data
        while b"\n" in self.buf:
            line, self.buf = self.buf.split(b"\n", 1)
            w = line.decode().split(" ")
            if w[0] == "event":
                self.events.append(w[1:])
            elif w[0] in ("up", "down"):
                self.up = 1 if w[0] == "up" else 0
            else:
                self.answers[int(w[0])] = w[1:]

    def wait(self, cond, seconds=10):
        end = time.time() + seconds
        while not cond():
            if time.time() > end:
                raise RuntimeError("waited in vain")
            self.pump(0.2)

    def post(self, line):
        self.p.stdin.write((line + "\n").encode())
        self.p.stdin.flush()
        self.n += 1
        return self.n

    def answer(self, n):
        self.wait(lambda: n in self.answers)
        a = self.answers.pop(n)
        if a[0] != "ok":
            raise RuntimeError(" ".join(a))
        return a[1:]

    def cmd(self, line):
        return self.answer(self.post(line))

    def create(self, call, *legs):
        """-> session, {side: (ip, port, ssrc)}"""
        a = self.cmd(f"create {call:x} " + " ".join(legs))
        return a[0], {a[i]: (a[i + 1], int(a[i + 2]), int(a[i + 3], 16)) for i in range(1, len(a), 4)}

    def stats(self, session, verb="stats"):
        return json.loads(" ".join(self.cmd(f"{verb} {session}")))

    def close(self):
        self.p.kill()  # it may be blocked by events that nobody read
        self.p.wait()


class Suite:
    """Instances of mediad under a private directory."""

    def __init__(self, instances=1, ports=400, conf="", nice=True):
        need(f"{BUILD}/mediad", f"{BUILD}/tests/softmedia", f"{BUILD}/dectctl")
        self.dir = tempfile.mkdtemp(prefix="ipdect-mediad.")
        self.run = self.dir + "/run"
        os.makedirs(self.run + "/ctl")
        os.makedirs(self.dir + "/state")
        lo = free_range(ports * instances)
        with open(self.dir + "/ipdect.conf", "w") as f:
            f.write(f"[common]\nruntime-dir = {self.run}\nstate-dir = {self.dir}/state\n[mediad]\n"
                    f"rtp-address = 127.0.0.1\nrtp-ports = {lo}-{lo + ports * instances - 1}\n"
                    f"instances = {instances}\n{conf}\n")
        self.daemons = {}
        for i in range(1, instances + 1):
            self.start(i)
        self.softs = {}

    def start(self, i, prefix=()):
        log = open(f"{self.dir}/mediad-{i}.log", "a")
        self.daemons[i] = subprocess.Popen([*prefix, f"{BUILD}/mediad", "-i", str(i), "-c", self.dir + "/ipdect.conf"],
                                           stderr=log, stdout=log)
        end = time.time() + 10
        while not os.path.exists(f"{self.run}/ctl/mediad-{i}.sock"):
            if time.time() > end or self.daemons[i].poll() is not None:
                raise RuntimeError("mediad did not start: " + open(log.name).read())
            time.sleep(0.05)

    def soft(self, i=1):
        if i not in self.softs:
            self.softs[i] = Soft(self.run, i)
        return self.softs[i]

    def ctl(self, *args):
        return subprocess.run([f"{BUILD}/dectctl", "-r", self.run, *args], capture_output=True, text=True)

    def cpu(self, i=1):
        """CPU seconds of an instance so far."""
        f = open(f"/proc/{self.daemons[i].pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")

    def ticks_late(self):
        """Ticks of 5 ms that an instance had no time for."""
        return sum(int(float(w.rsplit(" ", 1)[1])) for w in self.ctl("metrics").stdout.splitlines()
                   if w.startswith("ipdect_mediad_ticks_late"))

    def rss_kib(self, i=1):
        for line in open(f"/proc/{self.daemons[i].pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])

    def close(self):
        for s in self.softs.values():
            try:
                s.close()
            except Exception:
                pass
        for d in self.daemons.values():
            if d.poll() is None:
                d.terminate()
        for d in self.daemons.values():
            try:
                d.wait(5)
            except subprocess.TimeoutExpired:
                d.kill()
        codes = [d.returncode for d in self.daemons.values()]
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        return codes

    def __enter__(self):
        return self

    def __exit__(self, t, v, tb):
        if t:
            for i in self.daemons:
                print(f"--- mediad-{i}.log\n" + open(f"{self.dir}/mediad-{i}.log").read()[-3000:])
        self.close()


class Far:
    """A far end: one socket, RTP out and in."""

    def __init__(self, port=0):
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", port))
        self.port = self.s.getsockname()[1]
        self.seq, self.ts, self.ssrc = random.randrange(30000), random.randrange(1 << 31), random.randrange(1 << 32)
        self.at = f"127.0.0.1:{self.port}"

    def send(self, to, pt, payload, ticks=160, marker=0):
        self.s.sendto(struct.pack("!BBHII", 0x80, pt | marker << 7, self.seq & 65535, self.ts & 0xffffffff, self.ssrc)
                      + payload, ("127.0.0.1", to))
        self.seq += 1
        self.ts += ticks

    def get(self, timeout=1.0):
        """(pt, marker, seq, ts, ssrc, payload) or None"""
        r, _, _ = select.select([self.s], [], [], timeout)
        if not r:
            return None
        b = self.s.recv(4096)
        if len(b) < 12:
            return None
        _, m, seq, ts, ssrc = struct.unpack("!BBHII", b[:12])
        return m & 127, m >> 7, seq, ts, ssrc, b[12:]

    def drain(self):
        while self.get(0):
            pass


# ---- speech ----

def speech(seconds, seed=1):
    """Speech-like sound at 8000/s: voiced syllables with formants, unvoiced bursts, pauses. 16 bit samples."""
    import math
    rnd, out = random.Random(seed), []
    while len(out) < seconds * 8000:
        kind = rnd.random()
        n = int(8000 * rnd.uniform(0.08, 0.3))
        if kind < 0.2:  # pause
            out += [rnd.gauss(0, 8) for _ in range(n)]
            continue
        f = [(rnd.uniform(300, 800), 80), (rnd.uniform(900, 2200), 120), (rnd.uniform(2300, 3200), 160)]
        state = [[0.0, 0.0] for _ in f]
        pitch, phase, amp = rnd.uniform(90, 220), 0.0, rnd.uniform(2000, 9000)
        for i in range(n):
            phase += pitch / 8000
            x = 0.0
            if kind < 0.75:
                if phase >= 1:
                    phase -= 1
                    x = 1.0
            else:
                x = rnd.gauss(0, 0.25)
            y = 0.0
            for (hz, bw), s in zip(f, state):
                r = math.exp(-math.pi * bw / 8000)
                v = x + 2 * r * math.cos(2 * math.pi * hz / 8000) * s[0] - r * r * s[1]
                s[1], s[0] = s[0], v
                y += v
            env = math.sin(math.pi * i / n)
            out.append(y * amp * env * 0.35)
    return [max(-32000, min(32000, int(v))) for v in out[:int(seconds * 8000)]]


def pack(pcm):
    return struct.pack("<%dh" % len(pcm), *pcm)


def unpack(b):
    return list(struct.unpack("<%dh" % (len(b) // 2), b))


def law():
    import warnings
    warnings.simplefilter("ignore")
    import audioop
    return audioop


def align(ref, got, most=8000):
    """(delay in samples, reference, received) by the highest correlation of the energy and then of the samples."""
    def frames(x, n):
        return [sum(abs(v) for v in x[i:i + n]) for i in range(0, len(x) - n, n)]
    a, b = frames(ref, 40), frames(got, 40)
    best, at = -1.0, 0
    ma, mb = sum(a) / len(a), sum(b) / len(b)
    for d in range(-50, most // 40):
        pairs = [(a[i] - ma, b[i + d] - mb) for i in range(max(0, -d), min(len(a), len(b) - d))]
        if len(pairs) < 50:
            continue
        num = sum(x * y for x, y in pairs)
        den = (sum(x * x for x, _ in pairs) * sum(y * y for _, y in pairs)) ** 0.5 or 1
        if num / den > best:
            best, at = num / den, d
    best, lag = -1e30, 0
    n = min(len(ref), 24000)
    start = min(4000, len(ref) // 4)
    for d in range(at * 40 - 60, at * 40 + 61):
        if start + d < 0:
            continue
        v = sum(ref[i] * got[i + d] for i in range(start, min(n, len(got) - d), 3))
        if v > best:
            best, lag = v, d
    return lag


def seg_snr(ref, got, lag, frame=160, floor=500, block=1600, slip=48):
    """(segmental SNR in dB over frames that carry speech, gain): level-aligned; each frame limited to -10 … 35 dB. A jitter
    buffer may take out or add a few milliseconds: each block of 200 ms may lie a little earlier or later than the one
    before."""
    import math
    vals, num, den, parts = [], 0.0, 1.0, []
    for at in range(max(0, -lag), len(ref) - block, block):
        a = ref[at:at + block]
        if sum(x * x for x in a) < floor * floor * block / 4:
            continue
        def fit(d):
            b = got[at + d:at + d + block:4]
            return sum(x * y for x, y in zip(a[::4], b)) if at + d >= 0 and len(b) == block // 4 else -1e30
        here = fit(lag)
        best = max(range(lag - slip, lag + slip + 1), key=fit)
        if fit(best) > here * 1.02:
            lag = best
        if at + lag < 0 or at + lag + block > len(got):
            continue
        b = got[at + lag:at + lag + block]
        parts.append((a, b))
        num += sum(x * y for x, y in zip(a, b))
        den += sum(y * y for y in b)
    gain = num / den
    for a, b in parts:
        for i in range(0, block, frame):
            s = sum(x * x for x in a[i:i + frame])
            if s < floor * floor * frame:
                continue
            e = sum((x - gain * y) ** 2 for x, y in zip(a[i:i + frame], b[i:i + frame]))
            vals.append(max(-10, min(35, 10 * math.log10(s / (e or 1)))))
    # The frames in which the jitter buffer took out or added something do not count; that they are few does.
    vals.sort()
    return (min(vals[len(vals) // 2], 2 * sum(vals) / len(vals)) if vals else -99), gain


class Spandsp:
    """G.726 and G.722 by spandsp: an encoder and decoder that we did not write."""

    def __init__(self, kind, rate=32000, aal2=False, wide=False):
        import ctypes as c
        try:
            self.c, self.lib = c, c.CDLL("libspandsp.so.2")
        except OSError:
            skip("no spandsp")
        self.kind = kind
        for f in ("g726_init", "g722_encode_init", "g722_decode_init"):
            getattr(self.lib, f).restype = c.c_void_p
        if kind == "g726":
            pack = 1 if aal2 else 2  # LEFT: first code in the most significant bits
            self.e = c.c_void_p(self.lib.g726_init(None, rate, 0, pack))
            self.d = c.c_void_p(self.lib.g726_init(None, rate, 0, pack))
        else:
            self.e = c.c_void_p(self.lib.g722_encode_init(None, 64000, 0 if wide else 1))  # 1: 8000 samples/s
            self.d = c.c_void_p(self.lib.g722_decode_init(None, 64000, 0 if wide else 1))

    def encode(self, pcm):
        buf = self.c.create_string_buffer(len(pcm) * 2)
        a = (self.c.c_int16 * len(pcm))(*pcm)
        f = self.lib.g726_encode if self.kind == "g726" else self.lib.g722_encode
        n = f(self.e, buf, a, len(pcm))
        return buf.raw[:n]

    def decode(self, b):
        a = (self.c.c_int16 * (len(b) * 8))()
        f = self.lib.g726_decode if self.kind == "g726" else self.lib.g722_decode
        n = f(self.d, a, b, len(b))
        return list(a[:n])


class G711:
    def __init__(self, a=True):
        self.o, self.a = law(), a

    def encode(self, pcm):
        return (self.o.lin2alaw if self.a else self.o.lin2ulaw)(pack(pcm), 2)

    def decode(self, b):
        return unpack((self.o.alaw2lin if self.a else self.o.ulaw2lin)(b, 2))


class Voice:
    """A far end that plays speech and records what it hears, by RTP's sequence numbers (gaps become silence)."""

    def __init__(self, pt, codec, pcm, ptime=20, send=None, wide=False):
        self.far, self.pt, self.codec, self.pcm, self.n = Far(), pt, codec, pcm, ptime * 8
        self.per_tick = 2 if wide else 1  # samples of pcm and heard; RTP's clock is the same
        self.pos, self.heard, self.next, self.gaps, self.first, self.to = 0, [], None, 0, None, None
        self.send_fn, self.events = send, []

    def say(self):
        n = self.n * self.per_tick
        part = self.pcm[self.pos:self.pos + n]
        self.pos += n
        if len(part) < n:
            part = part + [0] * (n - len(part))
        payload = self.codec.encode(part)
        if self.send_fn:
            self.send_fn(self, payload)
        else:
            self.far.send(self.to, self.pt, payload, self.n)

    def listen(self):
        while True:
            r = self.far.get(0)
            if not r:
                return
            pt, m, seq, ts, ssrc, payload = r
            if pt != self.pt:
                self.events.append((pt, ts, payload))
                continue
            pcm = self.codec.decode(payload)
            if self.next is not None and ts != self.next:
                d = (ts - self.next + 0x80000000 & 0xffffffff) - 0x80000000
                samples = d * self.per_tick
                if 0 < d < 16000:
                    self.gaps += 1
                    self.heard += [0] * samples
                elif -16000 < d < 0 and len(self.heard) + samples >= 0:  # comes late, fills its gap
                    self.gaps -= 1
                    at = len(self.heard) + samples
                    self.heard[at:at + len(pcm)] = pcm
                    continue
            if self.first is None:
                self.first = time.time()
            self.next = (ts + len(pcm) // self.per_tick) & 0xffffffff
            self.heard += pcm


def talk(voices, seconds):
    """Real time: each voice sends its packets when they are due. -> how late the latest was, s"""
    t0, late = time.time(), 0.0
    due = [t0 + i * 0.003 for i in range(len(voices))]
    while time.time() - t0 < seconds:
        now = time.time()
        for i, v in enumerate(voices):
            if now >= due[i]:
                late = max(late, now - due[i])
                due[i] += v.n / 8000
                v.say()
            v.listen()
        wait = min(due) - time.time()
        if wait > 0:
            select.select([v.far.s for v in voices], [], [], wait)
    end = time.time() + 0.3
    while time.time() < end:
        for v in voices:
            v.listen()
        time.sleep(0.02)
    return late
