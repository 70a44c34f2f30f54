"""What the reader of the demonstration sees: a line per step while it runs, a table at the end, an honest exit status."""

import sys
import threading
import time


class Report:
    def __init__(self, out=sys.stdout):
        self.out, self.tty = out, out.isatty()
        self.rows = []
        self.lock = threading.Lock()

    def paint(self, colour, text):
        return f"\033[{colour}m{text}\033[0m" if self.tty else text

    def write(self, text):
        with self.lock:
            self.out.write(text)
            self.out.flush()

    def heading(self, text):
        self.write(f"\n{self.paint('1', text)}\n")

    def note(self, text):
        self.write(f"    {text}\n")

    def run(self, title, action):
        """Runs action(); what it returns is the evidence shown. Any exception is a failed step, told in its words."""
        began = time.monotonic()
        done = threading.Event()
        if self.tty:
            threading.Thread(target=self.spin, args=(title, began, done), daemon=True).start()
        try:
            evidence, ok = action() or "", True
        except KeyboardInterrupt:
            done.set()
            raise
        except Exception as e:  # noqa: BLE001  a step may fail in any way; the next ones still run
            evidence, ok = f"{type(e).__name__ if not str(e) else ''}{e}", False
        done.set()
        evidence = " | ".join(str(evidence).split("\n"))
        seconds = time.monotonic() - began
        self.rows.append((title, ok, seconds, evidence))
        mark = self.paint("32", "ok  ") if ok else self.paint("31;1", "FAIL")
        self.write(("\r\033[K" if self.tty else "") + f"  {mark} {title:<58} {seconds:6.1f} s  {evidence}\n")
        return ok

    def spin(self, title, began, done):
        while not done.wait(0.2):
            self.write(f"\r  ...  {title:<58} {time.monotonic() - began:6.1f} s\033[K")

    def failed(self):
        return [r for r in self.rows if not r[1]]

    def summary(self):
        bad = self.failed()
        total = sum(r[2] for r in self.rows)
        self.heading("Summary")
        for title, ok, seconds, evidence in self.rows:
            mark = self.paint("32", "ok  ") if ok else self.paint("31;1", "FAIL")
            self.write(f"  {mark} {title:<58} {seconds:6.1f} s\n")
            if not ok:
                self.write(f"       {evidence}\n")
        self.write(f"\n  {len(self.rows) - len(bad)} of {len(self.rows)} steps passed in {total:.0f} s\n")
        return 1 if bad else 0
