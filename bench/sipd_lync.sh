#!/bin/bash
# Users registered through one Lync front end, as a trusted application and by NTLM: time, rate of REGISTER, CPU a user, then all of
# them at a second front end after the first died. Usage: BUILD=build-release bench/sipd_lync.sh [USERS [RATE [trusted|ntlm]]]
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
BUILD=$(cd "$BUILD" && pwd) || exit 1
exec /usr/bin/python3 -B "$TOP/tests/lync/scale.py" "$BUILD" "$@"
