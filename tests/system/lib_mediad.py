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


def free_range(n):
    """First of n ports in a row that nobody has now, below the range that the kernel gives out."""
    for _ in range(200):
        lo = random.randrange(11000, 32000 - n) & ~1
        held = []
        try:
            for p in range(lo, lo + n, max(1, n // 16)):
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
        self.p.stdin.close()
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
