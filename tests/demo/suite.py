"""The five daemons as separate unprivileged users under a private runtime directory, started the way systemd starts
them: listening sockets handed over, readiness awaited, restarted when they die. Or, with `Installed`, the real units."""

import json
import os
import pwd
import grp
import signal
import socket
import subprocess
import threading
import time

from peers import run, wait_for

USERS = {"certd": "ipdect-cert", "sipd": "ipdect-sip", "mediad": "ipdect-media", "dectd": "ipdect-dect",
         "presenced": "ipdect-pres"}
GROUP = "ipdect"
LISTENS = {"certd", "sipd", "mediad"}  # who serves links to other daemons

# bash, because a descriptor above 9 must be moved; setpriv keeps the process id that LISTEN_PID names.
LAUNCH = ('n=3; for fd in $FDS; do eval "exec $n<&$fd"; n=$((n + 1)); done; unset FDS; export LISTEN_PID=$$; '
          'exec setpriv --reuid="$RUN_UID" --regid="$RUN_GID" --clear-groups --no-new-privs --inh-caps=-all '
          '--bounding-set=-all -- "$@"')


class Accounts:
    """The users and groups of systemd/ipdect.sysusers; those made here are removed again."""

    def __init__(self):
        self.made_users, self.made_groups = [], []
        for group in (GROUP, "ipdect-admin", "ipdect-operate", "ipdect-view"):
            try:
                grp.getgrnam(group)
            except KeyError:
                run("groupadd", "--system", group)
                self.made_groups.append(group)
        for user in USERS.values():
            try:
                pwd.getpwnam(user)
            except KeyError:
                run("useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell",
                    "/usr/sbin/nologin", "-g", GROUP, user)
                self.made_users.append(user)

    def remove(self):
        for user in self.made_users:
            subprocess.run(["userdel", user], stderr=subprocess.DEVNULL, check=False)
        for group in reversed(self.made_groups):
            subprocess.run(["groupdel", group], stderr=subprocess.DEVNULL, check=False)


class Daemon:
    """One supervised process: `name`, or `mediad` with an instance number."""

    def __init__(self, suite, name, instance=None):
        self.suite, self.name, self.instance = suite, name, instance
        self.label = name if instance is None else f"{name}-{instance}"
        self.log = os.path.join(suite.dir, "log", self.label + ".log")
        self.ready = threading.Event()
        self.status, self.restarts, self.child, self.stopping = "", 0, None, False
        user = pwd.getpwnam(USERS[name])
        self.uid, self.gid = user.pw_uid, grp.getgrnam(GROUP).gr_gid
        state = os.path.join(suite.dir, "state", name)
        os.makedirs(state, mode=0o700, exist_ok=True)
        os.chown(state, self.uid, self.gid)
        self.sockets = []
        if name in LISTENS:
            self.sockets.append(("link", self.listen(os.path.join(suite.runtime, self.label + ".sock"), 0o660)))
        self.sockets.append(("ctl", self.listen(os.path.join(suite.runtime, "ctl", self.label + ".sock"), 0o666)))
        self.notify_path = os.path.join(suite.dir, "notify", self.label)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.notify_path)
        os.chown(self.notify_path, self.uid, self.gid)
        threading.Thread(target=self.hear, daemon=True).start()
        self.thread = threading.Thread(target=self.supervise, daemon=True)
        self.thread.start()

    def listen(self, path, mode):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.bind(path)
        os.chmod(path, mode)
        os.chown(path, 0, self.gid)
        s.listen(64)
        return s

    def hear(self):
        while True:
            try:
                text = self.notify.recv(4096).decode(errors="replace")
            except OSError:
                return
            for line in text.splitlines():
                if line == "READY=1":
                    self.ready.set()
                elif line.startswith("STATUS="):
                    self.status = line[7:]

    def supervise(self):
        while not self.stopping:
            fds = [s.fileno() for _, s in self.sockets]
            env = {"PATH": "/usr/bin:/bin", "FDS": " ".join(map(str, fds)), "LISTEN_FDS": str(len(fds)),
                   "LISTEN_FDNAMES": ":".join(n for n, _ in self.sockets), "NOTIFY_SOCKET": self.notify_path,
                   "RUN_UID": str(self.uid), "RUN_GID": str(self.gid), **self.suite.environment}
            argv = [os.path.join(self.suite.bin, self.name), "-c", self.suite.config]
            if self.instance is not None:
                argv += ["-i", str(self.instance)]
            self.ready.clear()
            self.child = subprocess.Popen(["bash", "-c", LAUNCH, self.name, *argv], env=env, pass_fds=fds,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                          cwd="/", start_new_session=True)
            note = threading.Thread(target=self.note, args=(self.child.stdout,), daemon=True)
            note.start()
            code = self.child.wait()
            note.join(2)
            if self.stopping or code in (64, 78):
                return
            self.restarts += 1
            self.note([f"<2>{self.label}: ended with status {code}\n".encode()])
            time.sleep(0.1)

    def note(self, lines):
        """What it says, with the time: the journal's part."""
        with open(self.log, "ab", buffering=0) as out:
            for line in lines:
                out.write(time.strftime("%H:%M:%S").encode() + f"{time.time() % 1:.3f} ".encode()[1:] + line)

    def wait_ready(self, seconds=10.0):
        if not self.ready.wait(seconds):
            with open(self.log, errors="replace") as f:
                tail = "".join(f.readlines()[-5:]).strip()
            raise TimeoutError(f"{self.label} is not ready after {seconds:g} s: {tail}")

    def kill(self, sig=signal.SIGKILL):
        self.ready.clear()
        os.kill(self.child.pid, sig)

    def stop(self):
        self.stopping = True
        if self.child and self.child.poll() is None:
            self.child.terminate()

    def reap(self, seconds=10.0):
        self.thread.join(seconds)
        if self.child and self.child.poll() is None:
            self.child.kill()
        for _, s in self.sockets:
            s.close()
        self.notify.close()


class Suite:
    """The suite under a directory of its own; the `ctl` method is dectctl."""

    def __init__(self, directory, binaries, config, mediad=2):
        self.dir, self.bin = directory, binaries
        self.runtime = os.path.join(directory, "run")
        self.config = os.path.join(directory, "ipdect.conf")
        self.environment = {}
        for d in ("run", "run/ctl", "state", "log", "notify"):
            os.makedirs(os.path.join(directory, d), mode=0o755, exist_ok=True)
        with open(self.config, "w") as f:
            f.write(f"[common]\nruntime-dir = {self.runtime}\nstate-dir = {directory}/state\n"
                    + "".join(f"user-{d} = {u}\n" for d, u in USERS.items()) + config)
        os.chmod(self.config, 0o644)
        self.daemons = {}
        for name in ("certd", "sipd", "dectd", "presenced"):
            self.daemons[name] = Daemon(self, name)
        for n in range(1, mediad + 1):
            self.daemons[f"mediad-{n}"] = Daemon(self, "mediad", n)

    def wait_ready(self):
        for d in self.daemons.values():
            d.wait_ready()

    def ctl(self, *words, stdin=None):
        """dectctl's answer as text, also when a daemon that just starts has no part in it (4); raises with its words when it fails."""
        done = subprocess.run([os.path.join(self.bin, "dectctl"), "-r", self.runtime, *words], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        if done.returncode not in (0, 4):
            raise RuntimeError(f"dectctl {' '.join(words)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def rows(self, *words):
        """dectctl's answer as a list of rows."""
        text = self.ctl("--json", *words).strip()
        if not text:
            return []
        try:
            data = json.loads(text)
            return data if isinstance(data, list) else [data]
        except json.JSONDecodeError:
            return [json.loads(line) for line in text.splitlines() if line.strip()]

    def kill(self, name, sig=signal.SIGKILL):
        """kill -9, and how long until it is ready again."""
        d = self.daemons[name]
        before, began = d.restarts, time.monotonic()
        d.kill(sig)
        wait_for(f"{name} restarted", lambda: d.restarts > before and d.ready.is_set(), 10)
        return time.monotonic() - began

    def stop(self):
        for d in self.daemons.values():
            d.stop()
        for d in self.daemons.values():
            d.reap()


class Installed:
    """The same face over the installed package and its systemd units."""

    bin, runtime, dir = "/usr/bin", "/run/ipdect", "/run/ipdect"
    UNITS = {"certd": "ipdect-certd", "sipd": "ipdect-sipd", "dectd": "ipdect-dectd", "presenced": "ipdect-presenced",
             "mediad-1": "ipdect-mediad@1", "mediad-2": "ipdect-mediad@2"}

    def __init__(self, config):
        self.kept = None
        path = "/etc/ipdect/ipdect.conf"
        if os.path.exists(path):
            with open(path) as f:
                self.kept = f.read()
        with open(path, "w") as f:
            f.write(config)
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", "ipdect.target")

    ctl, rows = Suite.ctl, Suite.rows

    def wait_ready(self):
        for unit in self.UNITS.values():
            wait_for(f"{unit} active", lambda u=unit: "ActiveState=active" in run("systemctl", "show", "-p",
                                                                                  "ActiveState", u), 20)

    def main_pid(self, name):
        return int(run("systemctl", "show", "-p", "MainPID", "--value", self.UNITS[name]).strip() or 0)

    def kill(self, name, sig=signal.SIGKILL):
        pid, began = self.main_pid(name), time.monotonic()
        os.kill(pid, sig)

        def back():
            now = self.main_pid(name)
            return now not in (0, pid) and "SubState=running" in run("systemctl", "show", "-p", "SubState",
                                                                    self.UNITS[name])
        wait_for(f"{name} restarted by systemd", back, 10)
        return time.monotonic() - began

    def stop(self):
        run("systemctl", "stop", "ipdect.target")
        if self.kept is not None:
            with open("/etc/ipdect/ipdect.conf", "w") as f:
                f.write(self.kept)
