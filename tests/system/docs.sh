#!/bin/bash
# Every dectctl command and every setting that the documentation names exists.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/presenced" ] || { echo "not built: $BUILD/presenced"; exit 77; }
start_suite < /dev/null
start presenced
wait_for 10 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
ctl help > "$DIR/help.txt" || fail "dectctl help"
for noun in $(awk '{print $1}' "$DIR/help.txt" | sort -u); do ctl help "$noun"; done > "$DIR/args.txt"
for d in certd sipd mediad dectd presenced; do "$BUILD/$d" -M; done > "$DIR/conf.5" || fail "-M"
/usr/bin/python3 -B "$TOP/tests/system/docs.py" "$DIR" "$TOP" || exit 1
