"""The demonstration that ./quickstart runs: starts the suite, a PBX, a telephone and a simulated radio side, walks through
the scenario, verifies each step from outside, prints a summary."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from report import Report  # noqa: E402
from scenario import Scenario  # noqa: E402
from world import World  # noqa: E402


def arguments():
    p = argparse.ArgumentParser(prog="quickstart")
    p.add_argument("--build", required=True, help="directory of the built programs")
    p.add_argument("--keep", action="store_true")
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--installed", action="store_true")
    p.add_argument("--only", default="")
    p.add_argument("--chaos", type=float, default=0, help="seconds of faults under load instead of the scenario")
    p.add_argument("--handsets", type=int, default=200)
    p.add_argument("--calls", type=int, default=60)
    p.add_argument("--slack", type=float, default=1, help="with --chaos: times are allowed so many times as long")
    p.add_argument("--work", help="directory for everything; kept")
    return p.parse_args()


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    args = arguments()
    args.build = os.path.abspath(args.build)
    report = Report()
    directory = args.work or tempfile.mkdtemp(prefix="ipdect-", dir="/tmp")
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o755)
    signal.signal(signal.SIGTERM, interrupted)
    world, status = None, 1
    try:
        world = World(args, directory, report)
        if world.start():
            if args.chaos:
                from chaos import Chaos
                Chaos(world, args).run()
            else:
                Scenario(world, [w for w in args.only.lower().split(",") if w]).run()
        status = report.summary()
        if args.keep and status == 0 and not args.chaos:
            world.look_around()
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        status = 130 if not args.keep else 0
        report.note("interrupted: cleaning up")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if world:
            world.stop()
        if status == 0 or not report.rows:
            if not args.work:
                shutil.rmtree(directory, ignore_errors=True)
        elif not args.work:
            report.note(f"logs, captures and recordings are kept in {directory}")
    return status


if __name__ == "__main__":
    sys.exit(main())
