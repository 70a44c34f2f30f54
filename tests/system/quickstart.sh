#!/bin/bash
# The demonstration that ./quickstart runs, with the programs of this build: every step of its scenario is a test.
[ "$(id -u)" = 0 ] || { echo "daemons run as users of their own: this needs root"; exit 77; }
for need in kamailio baresip espeak-ng sox /usr/bin/python3; do
	command -v $need >/dev/null || { echo "$need is not installed"; exit 77; }
done
/usr/bin/python3 -c 'import numpy' 2>/dev/null || { echo "python3-numpy is not installed"; exit 77; }
[ -x "$BUILD/tests/softrfp" ] || { echo "softrfp is not built"; exit 77; }
exec /usr/bin/python3 -B "$TOP/tests/demo/demo.py" --build "$BUILD"
