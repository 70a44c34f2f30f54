"""The simulated radio side: the program softrfp (soft base stations and soft handsets), driven over its control
socket. A line out is a command; lines in are its reply, then "ok" or "error …", and events that begin with "* "."""

import fnmatch
import os
import queue
import socket
import threading
import time

from peers import Process, wait_for


class Air(Process):
    def __init__(self, directory, binaries, log=None):
        self.socket_path = os.path.join(directory, "air.sock")
        program = next(p for p in (os.path.join(binaries, "tests", "softrfp"), os.path.join(binaries, "softrfp"),
                                   "/usr/libexec/ipdect/softrfp") if os.path.exists(p))
        super().__init__(directory, "softrfp", [program, "-q", "-c", self.socket_path],
                         start_new_session=True)
        self.trace = log
        self.events, self.cond = [], threading.Condition()
        self.lock, self.replies = threading.Lock(), queue.Queue()
        self.sock = wait_for("softrfp's control socket", self.connect, 10)
        threading.Thread(target=self.read, daemon=True).start()

    def connect(self):
        if not self.alive():
            raise RuntimeError("softrfp did not start: " + self.tail())
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(self.socket_path)
            return s
        except OSError:
            s.close()
            return None

    def read(self):
        buf = b""
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                self.replies.put(None)
                return
            buf += data
            *lines, buf = buf.split(b"\n")
            for raw in lines:
                line = raw.decode(errors="replace")
                if self.trace:
                    self.trace("air < " + line)
                if line.startswith("* "):
                    with self.cond:
                        self.events.append(line[2:])
                        self.cond.notify_all()
                else:
                    self.replies.put(line)

    def run(self, *words, seconds=15.0):
        """One command; returns its reply as text, raises with its words when it fails."""
        line = " ".join(w if " " not in w else f'"{w}"' for w in words)
        with self.lock:
            if self.trace:
                self.trace("air > " + line)
            self.sock.sendall(line.encode() + b"\n")
            reply, end = [], time.monotonic() + seconds
            while True:
                part = self.replies.get(timeout=max(0.01, end - time.monotonic()))
                if part is None:
                    raise RuntimeError("softrfp ended: " + self.tail())
                if part == "ok":
                    return "\n".join(reply)
                if part.startswith("error"):
                    raise RuntimeError(f"{line}: {part[6:]} {' '.join(reply)}".strip())
                reply.append(part)

    def mark(self):
        with self.cond:
            return len(self.events)

    def wait(self, pattern, since=0, seconds=10.0, what=None):
        """The first event after mark `since` that matches the shell pattern."""
        end = time.monotonic() + seconds
        at = since
        with self.cond:
            while True:
                while at < len(self.events):
                    if fnmatch.fnmatchcase(self.events[at], pattern):
                        return self.events[at]
                    at += 1
                left = end - time.monotonic()
                if left <= 0 or not self.alive():
                    seen = "; ".join(e for e in self.events[since:] if e.split(" ")[:2] == pattern.split(" ")[:2])
                    raise TimeoutError(f"{what or pattern}: not within {seconds:g} s"
                                       + (f"; there was: {seen[-300:]}" if seen else ""))
                self.cond.wait(min(left, 0.5))

    def violations(self):
        """What the server did against the standards, in the simulators' words."""
        try:
            self.run("violations")
            return []
        except RuntimeError:
            return [e[len("violation "):] for e in self.events if e.startswith("violation ")]


def printed_ipei(digits):
    """"05003 0070387 7": as on the label, with its check digit (ETS 300 175-6 annex C)."""
    check = sum((i + 1) * int(d) for i, d in enumerate(digits)) % 11
    return f"{digits[:5]} {digits[5:]} {'*' if check == 10 else check}"


class Handset:
    """One soft handset: `pp NAME …`."""

    def __init__(self, air, name, ipei, state, profile="gap-b", **options):
        self.air, self.name, self.ipei, self.last = air, name, ipei, ""
        air.run("pp", "add", name, f"ipei={printed_ipei(ipei)}", f"profile={profile}", f"state={state}",
                *(f"{k}={v}" for k, v in options.items()))

    def do(self, *words, seconds=15.0):
        if words[0] == "dial":
            self.last = words[1]
        if words[0] == "redial":  # a key of the handset alone: it dials what it dialled before
            words = ("dial", self.last)
        return self.air.run("pp", self.name, *words, seconds=seconds)

    def wait(self, event, since, seconds=10.0):
        return self.air.wait(f"pp {self.name} {event}", since, seconds, f"handset {self.name}: {event}")

    def show(self):
        return self.do("show")

    def idle(self):
        return " on subscribed located call T-00 " in self.show()

    def display(self):
        """The text on the display, its lines joined by "|"."""
        text = self.show()
        return text.split("display ", 1)[1].split('"')[1] if 'display "' in text else ""
