#!/bin/bash
# A thousand sessions in one instance: memory of a session, delay of packets at p99, loss. See mediad_thousand.py.
# Usage: BUILD=build-release bench/mediad_thousand.sh [MODE…] [SESSIONS=1000] [SECONDS=15]
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
export BUILD=$(cd "$BUILD" && pwd) PYTHONPATH=$TOP/tests/system:$TOP/bench
ulimit -n "$(ulimit -Hn)"
exec /usr/bin/python3 -B "$TOP/bench/mediad_thousand.py" "$@"
