"""The portable part's data link, class A and B, and what the network layer needs of octets. Written from dect-nwk.md 2, 3, 5 and 6."""
import asyncio

DL_TIMER, N250 = 2.0, 3


class Lapc:
    """One link of a handset over a bearer. lln 1: class A; 2 to 6: class B. window: at most so many unacknowledged frames."""

    def __init__(self, handset, bearer, lln, window=None):
        self.pt, self.bearer, self.lln, self.b = handset, bearer, lln, lln >= 2
        self.mod = 8 if self.b else 2
        self.k = window or (3 if self.b else 1)
        self.vs = self.vr = self.va = 0
        self.queue, self.sent, self.partial = [], {}, b""
        self.state = "setup"          # setup, up, recovery, again (SABM), release, down
        self.peer_busy = self.busy = self.rejected = False
        self.timer, self.tries = None, 0
        self.up = asyncio.Event()
        self.down = asyncio.Event()
        self.lose_up = self.lose_down = 0    # so many frames are lost from now on
        self.count = {"up": 0, "down": 0, "resent": 0, "rej": 0}
        self.first_ack = False

    def bad(self, text):
        self.pt.bad(f"LAPC: {text}")

    # --- sending

    def frame(self, control, info=b"", more=False, command=True, nlf=False):
        address = (0x80 if nlf else 0) | self.lln << 4 | (0 if command else 2) | 1
        self.count["up"] += 1
        if self.lose_up:
            self.lose_up -= 1
            return
        self.bearer.base.uplink(self.bearer, bytes([address, control, len(info) << 2 | (2 if more else 0) | 1]) + info)

    def _start_timer(self):
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(DL_TIMER, self._expired)

    def _stop_timer(self):
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def establish(self, message=b""):
        """The first I-frame, empty or with the first message (at most 63 octets of it)."""
        self.first = message[:63]
        self.queue = self._cut(message[63:]) if len(message) > 63 else []
        self.first_more = len(message) > 63
        self._first()

    def _first(self):
        self.frame(0x10 if self.b else 0x00, self.first, self.first_more, nlf=True)
        self.vs = 1
        self._start_timer()

    @staticmethod
    def _cut(message):
        parts = [message[i:i + 63] for i in range(0, len(message), 63)] or [b""]
        return [(p, i < len(parts) - 1) for i, p in enumerate(parts)]

    def send(self, message, piece=63):
        parts = [message[i:i + piece] for i in range(0, len(message), piece)]
        self.queue += [(p, i < len(parts) - 1) for i, p in enumerate(parts)]
        self._pump()

    def _pump(self):
        while self.queue and self.state == "up" and not self.peer_busy and (self.vs - self.va) % 8 < self.k if self.b else \
                self.queue and self.state == "up" and self.vs == self.va:
            info, more = self.queue.pop(0)
            self.sent[self.vs] = (info, more)
            poll = 0x10 if self.pt.poll_second and self.b and not self.first_ack else 0
            self.first_ack = True
            self._i(self.vs, poll)
            self.vs = (self.vs + 1) % self.mod

    def _i(self, ns, poll=0):
        info, more = self.sent[ns]
        self.frame(self.vr << 5 | poll | ns << 1, info, more)
        self._start_timer()

    def _rr(self, final=0, command=False):
        base = 0x05 if self.busy and self.b else 0x01
        self.frame(self.vr << 5 | final | base, command=command)

    def _expired(self):
        self.timer = None
        self.tries += 1
        self.count["resent"] += 1
        if self.tries > N250:
            self.pt.note("data link failed")
            if self.b and self.state not in ("again", "setup", "release"):
                self.reestablish()
            else:
                self.end()
                self.bearer.base.disconnect(self.bearer, 2)
            return
        if self.state == "setup":
            self._first()
        elif self.state == "release":
            self.frame(0x53, nlf=True)
            self._start_timer()
        elif self.state == "again":
            self.frame(0x3f, nlf=True)
            self._start_timer()
        elif self.b:
            self.state = "recovery"
            self._rr(0x10, command=True)
            self._start_timer()
        else:
            self._i(self.va)

    def reestablish(self):
        """SABM: both sides begin again from zero."""
        self._stop_timer()
        self.state, self.tries = "again", 0
        self.frame(0x3f, nlf=True)
        self._start_timer()

    def release(self):
        """DISC of class B; class A has none, its bearer just goes."""
        if not self.b:
            self.end()
            self.bearer.base.disconnect(self.bearer)
            return
        self._stop_timer()
        self.state, self.tries = "release", 0
        self.frame(0x53, nlf=True)
        self._start_timer()

    def end(self):
        self._stop_timer()
        self.state = "down"
        self.down.set()

    # --- receiving

    def receive(self, f):
        self.count["down"] += 1
        if self.lose_down:
            self.lose_down -= 1
            return
        address, control, length = f[0], f[1], f[2]
        if not address & 1 or not length & 1 or address >> 2 & 3:
            return self.bad(f"frame {f.hex()}")
        lln, command, nlf = address >> 4 & 7, bool(address & 2), address >> 7
        if self.state == "down":
            return None
        if lln != self.lln:
            return self.bad(f"frame {f.hex()} of link {lln}, ours is {self.lln}")
        info = f[3:3 + (length >> 2)]
        if control & 1 == 0:
            if not command:
                return self.bad(f"I-frame {f.hex()} as a response")
            if self.state in ("setup", "again", "release"):
                return None
            return self._got_i(control, info, bool(length & 2))
        if control & 3 == 1 and control & 0x0f in (1, 5, 9):
            return self._got_s(control, command, nlf)
        if not self.b:
            return self.bad(f"frame {f.hex()} is not of class A")
        kind = control & 0xef
        if kind in (0x63, 0x0f):
            if command:
                return self.bad(f"{f.hex()} as a command")
            if kind == 0x63 and self.state == "again":
                self._reset()
                self.pt.note("link is established again")
            elif kind == 0x63 and self.state == "release":
                self.end()
                self.pt.released(self)
            elif kind == 0x0f and self.state in ("release", "again"):
                self.end()
            else:
                self.bad(f"{f.hex()} without a question, in state {self.state}")
        elif kind == 0x2f:
            self._reset()
            self.frame(0x73, command=False, nlf=True)
        elif kind == 0x43:
            self.frame(0x73, command=False, nlf=True)
            self.end()
            self.pt.released(self)
        else:
            self.bad(f"frame {f.hex()}")
        return None

    def _reset(self):
        self._stop_timer()
        self.vs = self.vr = self.va = self.tries = 0
        self.sent, self.partial, self.state = {}, b"", "up"
        self.rejected = self.peer_busy = False
        self._pump()

    def _acknowledge(self, nr):
        out = (self.vs - self.va) % self.mod
        if (nr - self.va) % self.mod > out:
            self.bad(f"N(R) {nr} acknowledges what was not sent ({self.va} to {self.vs})")
            return False
        moved = nr != self.va
        while self.va != nr:
            self.sent.pop(self.va, None)
            self.va = (self.va + 1) % self.mod
        if moved:
            self._stop_timer()
            self.tries = 0
            if self.va != self.vs:
                self._start_timer()
        return True

    def _got_i(self, control, info, more):
        nr, poll, ns = control >> 5, control & 0x10, control >> 1 & 7
        if not self.b:
            nr, ns = nr & 1, ns & 1
            if poll:
                self.bad("P in class A")
        self._acknowledge(nr)
        if ns != self.vr:
            if not self.b:
                self._rr()
            elif not self.rejected:
                self.rejected = True
                self.count["rej"] += 1
                self.frame(self.vr << 5 | poll | 0x09, command=False)
            elif poll:
                self._rr(0x10)
            self._pump()
            return
        if self.busy:
            self._rr(poll)
            return
        self.rejected = False
        self.vr = (self.vr + 1) % self.mod
        self.partial += info
        if more and len(info) != 63:
            self.bad(f"a segment of {len(info)} octets that is not the last")
        self._rr(poll)
        if not more:
            message, self.partial = self.partial, b""
            if message:
                self.pt.received(message)
        self._pump()

    def _got_s(self, control, command, nlf):
        nr, pf, kind = control >> 5, control & 0x10, control & 0x0f
        if not self.b:
            nr &= 1
            if kind != 1 or command:
                self.bad(f"supervisory frame {control:02x} in class A")
        if self.state == "setup":
            if not nlf or nr != 1 or (self.b and not pf) or command:
                return self.bad(f"answer to the establishment: {control:02x} NLF {nlf}")
            self._stop_timer()
            self.va, self.vs, self.tries, self.state = 1, 1, 0, "up"
            self.up.set()
            self._pump()
            return None
        if self.state not in ("up", "recovery"):
            return None
        if nlf:
            self.bad("NLF in a link that is established")
        if command and not pf:
            self.bad("an enquiry without P")
        if not self._acknowledge(nr):
            return None
        self.peer_busy = kind == 5
        if command:
            self._rr(0x10)
        elif pf and self.state == "recovery":
            self._stop_timer()
            self.state, self.tries = "up", 0
            self._resend()
        if kind == 9:
            self._stop_timer()
            self._resend()
        self._pump()
        return None

    def _resend(self):
        ns = self.va
        while ns != self.vs:
            self.count["resent"] += 1
            self._i(ns)
            ns = (ns + 1) % self.mod


# --- octets of the network layer

def ie(kind, value=b""):
    return bytes([kind, len(value)]) + value


# Elements that the system may send, dect-nwk.md 5; anywhere also: repeat indicator, segmented info, escape to proprietary.
ALLOWED = {
    (3, 0x05): "e0 e2 e4 e8 05 06 12 13 17 19 1b 1c 1e 28 39 41 42 64 65 66 67 6c 6d 70 71 77 7a 7c 7e a1",
    (3, 0x7b): "a1 e4 e6 e8 e9 1c 1e 28 2c 39 41 6c 6d 70 71 73 77 7a 7c 7e",
    (3, 0x0d): "a2 e4 e8 01 05 06 07 12 13 17 1b 1c 1e 28 39 41 42 66 67 77 7a 7c 7e",
    (3, 0x02): "e4 e8 12 17 1b 1c 1e 28 39 66 67 70 73 77 7a 7c 7e", (3, 0x01): "e4 e8 12 13 17 1b 1c 1e 28 39 66 67 70 73 77 7a 7c 7e",
    (3, 0x07): "e4 e8 12 13 17 1b 1c 1e 28 39 41 42 66 67 70 73 77 7a 7c 7e", (3, 0x0f): "e8 28 39 77 7a",
    (3, 0x4d): "e2 e8 1c 1e 28 39 77 7a", (3, 0x5a): "e2 e8 02 07 12 17 1c 28 39 41 77 7a", (3, 0x6e): "e5",
    (3, 0x24): "e8 28 39", (3, 0x28): "e8 28 39", (3, 0x30): "e8 28 39 60 77", (3, 0x31): "e8 28 39", (3, 0x33): "e8 28 39",
    (3, 0x37): "e8 28 39 60 77", (3, 0x20): "05 16 12 13 17 1b 66 67 68 77 7c", (3, 0x21): "12 13 1b 66 67 68 77", (3, 0x23): "e2 12 17 77",
    (3, 0x60): "05 23 6c 6d 70 71 76 77 7a 7c 68", (3, 0x62): "e8 1c 23 28 39 74 77 7d 7e",
    (4, 0x62): "e8 1c 23 28 39 74 77 7d 7e 05", (4, 0x64): "e8 05 1c 28 39", (4, 0x5a): "e2 e8 1c 28 39",
    (5, 0x45): "05 06 07 0a 19 52 54 62 72 77 78 7c", (5, 0x47): "60 72 77", (5, 0x48): "05 06 77", (5, 0x49): "", (5, 0x4b): "60 72",
    (5, 0x42): "0b 0c 0e", (5, 0x40): "0a 0c 0e 19 77", (5, 0x41): "0c 0d 0e 77", (5, 0x43): "0a 60 77", (5, 0x4c): "19 1a 1b 77",
    (5, 0x4f): "19 60", (5, 0x58): "02 41 77", (5, 0x55): "a3 05 07 09 42 62 68 72 77 78 7c", (5, 0x57): "60 72 77",
    (5, 0x5c): "05 07 09 41 72 77", (5, 0x52): "01 06 07 09 0e 1a 41 42 56 62 77", (5, 0x51): "01 06 07 09 1a 41 72 77",
    (5, 0x53): "1a 60 77", (5, 0x6e): "e5", (0, 0x72): "05 06 60",
    (7, 0x5a): "e2 e8 28 77"}
MUST = {(3, 0x05): "e0 05 06", (5, 0x45): "05 06", (5, 0x48): "05", (5, 0x42): "0b 0c 0e", (5, 0x40): "0a 0c 0e", (5, 0x41): "0d",
        (5, 0x4c): "19", (5, 0x58): "02", (5, 0x55): "05 07", (5, 0x52): "01", (0, 0x72): "05", (4, 0x62): "", (3, 0x20): "05 16"}
PLACE = {0xe2: 0, 0xe5: 0, 0xe0: 0x0a, 0xe4: 0x2d, 0xe8: 0x2d, 0xe9: 0x2d, 0xa3: 8, 0xa1: 0x72, 0xa2: 0x72, 0xe6: 0x73}


def parse(m, bad):
    """(PD, flag, TV, type, elements as a list) of a message of the system, complaining of what 5 and 6.1 do not allow."""
    pd, ti, kind = m[0] & 15, m[0] >> 4, m[1]
    got, i, last = [], 2, -1
    repeated = False
    while i < len(m):
        k = m[i]
        if k & 0x80:
            size = 2 if k >> 4 == 0xe else 1
            value = m[i + 1:i + size]
            if len(value) != size - 1:
                bad(f"element {k:02x} is cut: {m.hex()}")
            i += size
        else:
            if i + 2 > len(m) or i + 2 + m[i + 1] > len(m):
                bad(f"element {k:02x} is cut: {m.hex()}")
                break
            value = m[i + 2:i + 2 + m[i + 1]]
            i += 2 + m[i + 1]
        if k in (0xd1, 0xd2):
            repeated = True
            continue
        at = PLACE.get(k, k)
        if at < last or (at == last and k < 0x80 and not repeated):
            bad(f"element {k:02x} is out of order: {m.hex()}")
        last = at
        got.append((k, bytes(value)))
    kinds = [k for k, _ in got]
    rule = ALLOWED.get((pd, kind))
    if rule is None:
        bad(f"message {kind:02x} of protocol {pd}: {m.hex()}")
    else:
        for k in kinds:
            if f"{k:02x}" not in rule.split() + ["75", "7b"]:
                bad(f"element {k:02x} in {m.hex()}")
        # RS of AUTHENTICATION-REQUEST only from the system as the asking side; its answers in key allocation have F = 0
        for k in MUST.get((pd, kind), "").split():
            if int(k, 16) not in kinds:
                bad(f"element {k} is missing: {m.hex()}")
    if sum(k in (0x28, 0xe8) for k in kinds) > 1:
        bad(f"two displays: {m.hex()}")
    return pd, ti >> 3, ti & 7, kind, got
