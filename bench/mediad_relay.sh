#!/bin/bash
# CPU per packet of mediad against the bare relay loop and rtpengine under the same load. See mediad_relay.py.
# Usage: BUILD=build-release bench/mediad_relay.sh [MODE…] [FLOWS=400] [SECONDS=6] [ROUNDS=3]
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
export BUILD=$(cd "$BUILD" && pwd) PYTHONPATH=$TOP/tests/system
exec /usr/bin/python3 "$TOP/bench/mediad_relay.py" "$@"
