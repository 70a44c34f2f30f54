#!/bin/bash
# End to end: SIP calls with audio through sipd and mediad together, and through Asterisk doing the same, in turns. See e2e.py.
# Usage, as root: BUILD=build-release bench/e2e.sh [calls|reference|media|g726|capacity…] [ROUNDS=3] [RATE=100] [CALLS=2000] [TALKING=100] [SECONDS=10]
# On a machine that does other work, too: chrt -r 10 bench/e2e.sh (else delays and Asterisk's threads tell of that work).
# Asterisk: of this host, or of a tree of another release, /var/cache/debian-tree/sid or ASTERISK_ROOT=DIR; left out where there is none.
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
export BUILD=$(cd "$BUILD" && pwd) PYTHONPATH=$TOP/tests/system
exec /usr/bin/python3 -B "$TOP/bench/e2e.py" "$@"
