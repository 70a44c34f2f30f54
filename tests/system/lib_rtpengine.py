"""rtpengine in userspace, driven by its ng protocol."""
from lib_mediad import *


def be(x):
    if isinstance(x, int):
        return b"i%de" % x
    if isinstance(x, str):
        x = x.encode()
    if isinstance(x, bytes):
        return b"%d:%s" % (len(x), x)
    if isinstance(x, list):
        return b"l" + b"".join(map(be, x)) + b"e"
    return b"d" + b"".join(be(k) + be(x[k]) for k in sorted(x)) + b"e"


def bd(b, i=0):
    c = b[i:i + 1]
    if c in (b"d", b"l"):
        out, i = [], i + 1
        while b[i:i + 1] != b"e":
            v, i = bd(b, i)
            out.append(v)
        return (dict(zip(out[::2], out[1::2])) if c == b"d" else out), i + 1
    if c == b"i":
        j = b.index(b"e", i)
        return int(b[i + 1:j]), j + 1
    j = b.index(b":", i)
    n = int(b[i:j])
    return b[j + 1:j + 1 + n], j + 1 + n


class Rtpengine:
    def __init__(self, directory, ports=200, threads=1, prefix=()):
        ng, lo = free_range(2), free_range(ports)
        self.log = directory + "/rtpengine.log"
        self.p = subprocess.Popen([*prefix, "rtpengine", "--config-file=none", "-f", "-E", "-L", "5", "-t", "-1", "-i", "127.0.0.1",
                                   "-n", f"127.0.0.1:{ng}", "-m", str(lo), "-M", str(lo + ports - 1), f"--num-threads={threads}"],
                                  stdout=subprocess.DEVNULL, stderr=open(self.log, "wb"))
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.connect(("127.0.0.1", ng))
        self.s.settimeout(0.5)
        self.n = 0
        for _ in range(200):
            try:
                self.ask({"command": "ping"})
                return
            except OSError:
                time.sleep(0.1)
        self.close()
        raise RuntimeError("rtpengine does not answer")

    def ask(self, d):
        self.n += 1
        self.s.send(b"%d " % self.n + be(d))
        r = self.s.recv(65535)
        v, _ = bd(r, r.index(b" ") + 1)
        if v[b"result"] not in (b"ok", b"pong"):
            raise RuntimeError(repr(v))
        return v

    def close(self):
        self.p.terminate()
        self.p.wait()
