"""A bandwidth policy server for tests: the relay that knows call admission control, too (MS-TURNBWM, ms-media.md 9), strict. What it
allows is set by the test; what was asked is in `asked`, what is reserved in `held`."""

import os
import socket
import struct
import time

from relay import Relay, attribute

MESSAGE, IDENTIFIER, AMOUNT = 0x8056, 0x8057, 0x8058
ENDS = {"remote": 0x8059, "remote relay": 0x805A, "local": 0x805B, "local relay": 0x805C}
SAID = {"remote": 0x805D, "remote relay": 0x805E, "local": 0x805F, "local relay": 0x8060}
DIALOG, CALL, LOCATION = 0x8061, 0x8062, 0x8068
CHECK, COMMIT, UPDATE = "check", "commit", "update"


class Asked:
    def __init__(self, kind, addr):
        self.kind, self.addr, self.at, self.ends = kind, addr, time.monotonic(), {}
        self.amount = self.id = self.dialog = self.call = self.location = None


class Policy(Relay):
    """refuse: ends that are not valid. limit: kbit/s of each end. ignorant: as a relay that knows nothing of it."""

    def __init__(self, user, password, wrong):
        super().__init__(user, password, wrong)
        self.refuse, self.limit, self.pstn, self.lifetime, self.silent, self.ignorant = set(), {}, False, 600, False, False
        self.asked, self.held, self.released, self.budget, self.answers = [], {}, [], 1 << 30, {}

    def of_kind(self, kind):
        return [x for x in self.asked if x.kind == kind]

    def datagram_received(self, data, addr):
        if not self.silent:
            super().datagram_received(data, addr)

    def read(self, addr, attrs, tid):
        reserved, kind = struct.unpack(">HH", attrs[MESSAGE])
        if reserved or kind > 2:
            self.wrong(f"policy: message {attrs[MESSAGE].hex()}")
            return None
        a = Asked((CHECK, COMMIT, UPDATE)[kind], addr)
        for name, t in ENDS.items():
            if t in attrs:
                v = attrs[t]
                if len(v) != 8 or v[1] != 1:
                    self.wrong(f"policy: {name} address {v.hex()}")
                    continue
                ip = bytes(x ^ y for x, y in zip(v[4:8], tid))
                a.ends[name] = (socket.inet_ntoa(ip), struct.unpack(">H", v[2:4])[0] ^ struct.unpack(">H", tid[:2])[0])
        if AMOUNT in attrs:
            if len(attrs[AMOUNT]) != 16:
                self.wrong("policy: a Reservation Amount has 16 octets")
                return None
            a.amount = struct.unpack(">IIII", attrs[AMOUNT])  # least and most to send, to receive
            if a.amount[0] > a.amount[1] or a.amount[2] > a.amount[3]:
                self.wrong(f"policy: amounts {a.amount}: the least is more than the most")
        a.id, a.dialog, a.call, a.location = (attrs.get(t) for t in (IDENTIFIER, DIALOG, CALL, LOCATION))
        need = {CHECK: ("amount", "location"), COMMIT: ("amount", "location"), UPDATE: ("id",)}[a.kind]
        for n in need:
            if getattr(a, n) is None:
                self.wrong(f"policy: {a.kind} without {n}")
        for n in {CHECK: ("remote",), COMMIT: ("remote", "local"), UPDATE: ()}[a.kind]:
            if n not in a.ends:
                self.wrong(f"policy: {a.kind} without the {n} site")
        if a.kind != UPDATE and a.id:
            self.wrong(f"policy: {a.kind} with an identifier")
        if a.kind == UPDATE and a.ends:
            self.wrong("policy: Update with addresses")
        if a.location is not None and (len(a.location) != 4 or a.location[3] or max(a.location[:3]) > 2):
            self.wrong(f"policy: location profile {a.location.hex()}")
        if a.kind == CHECK and not a.call:
            self.wrong("policy: Check without Call-ID")
        if a.kind == COMMIT and not a.dialog:
            self.wrong("policy: Commit without dialog identifier")
        return a

    def said(self, name, flags=0):
        limit = 0 if name in self.refuse else self.limit.get(name, 1000)
        valid = 0 if name in self.refuse else 1 << 31
        return attribute(SAID[name], struct.pack(">III", valid | flags, limit, limit))

    def more(self, addr, attrs, tid):
        if tid not in self.answers:  # the same request again gets the same answer
            self.answers[tid] = self.decide(addr, attrs, tid)
        return self.answers[tid]

    def decide(self, addr, attrs, tid):
        if MESSAGE not in attrs or self.ignorant:
            return self.lifetime, b""
        a = self.read(addr, attrs, tid)
        if a is None or (a.kind != UPDATE and (a.amount is None or "remote" not in a.ends)):
            return self.lifetime, b""
        out = attribute(MESSAGE, attrs[MESSAGE])
        if a.kind == UPDATE:
            if a.id not in self.held:
                if a.amount and any(a.amount):
                    self.wrong("policy: Update of what is not reserved")
                return None
            if a.amount and not any(a.amount):
                self.released.append(self.held.pop(a.id))
                self.asked.append(a)
                if not self.of[addr].opened:
                    self.of.pop(addr).transport.close()
                return self.lifetime, out
            if a.amount and a.amount[1] > self.held[a.id].amount[1] and a.amount[1] > self.budget:
                self.asked.append(a)
                return self.lifetime, out + attribute(SAID["remote"], struct.pack(">III", 0, 0, 0))
            self.held[a.id].amount = a.amount or self.held[a.id].amount
        elif a.kind == CHECK:
            for name in a.ends:
                out += self.said(name, (1 << 30) if name == "remote" and self.pstn else 0)
            if "local relay" not in a.ends:
                out += self.said("local relay")
        else:
            a.id = os.urandom(16)
            self.held[a.id] = a
            out += attribute(IDENTIFIER, a.id)
        self.asked.append(a)
        return self.lifetime, out
