#!/bin/bash
# Faults under load in the demonstration's world: Kamailio over TLS, a telephone, all daemons as users of their own, soft bases and
# handsets. Times are allowed three times as long as by hand: machines that run tests are busy. A short run;
# `sudo ./quickstart --chaos SECONDS --handsets N --calls N` makes longer ones.
[ "$(id -u)" = 0 ] || { echo "daemons run as users of their own: this needs root"; exit 77; }
for need in kamailio baresip espeak-ng sox ss /usr/bin/python3; do
	command -v $need >/dev/null || { echo "$need is not installed"; exit 77; }
done
/usr/bin/python3 -c 'import numpy' 2>/dev/null || { echo "python3-numpy is not installed"; exit 77; }
[ -x "$BUILD/tests/softrfp" ] || { echo "softrfp is not built"; exit 77; }
exec /usr/bin/python3 -B "$TOP/tests/demo/demo.py" --build "$BUILD" --chaos "${SECONDS_OF_FAULTS:-60}" \
	--handsets "${HANDSETS:-30}" --calls "${CALLS:-10}" --slack "${SLACK:-3}"
