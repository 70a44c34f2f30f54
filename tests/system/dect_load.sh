#!/bin/bash
# Many handsets, many calls with speech at the same time, each direction verified block by block; then nothing may be left.
# HANDSETS, CALLS, SECONDS, HOLD from the environment; by hand e.g. HANDSETS=200 CALLS=60 SECONDS_=300.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/mediad" ] || { echo "not built: mediad"; exit 77; }
HANDSETS=${HANDSETS:-40} CALLS=${CALLS:-10} SECONDS_=${SECONDS_:-15} HOLD=${HOLD:-2-6}
BASES=${BASES:-$((CALLS / 2 + 2))}
start_suite <<< ""
began=$(date +%s%N)
many "$BASES" "$HANDSETS"
echo "$HANDSETS handsets subscribed and registered in $((($(date +%s%N) - began) / 1000000)) ms over $BASES base stations"
cpu() { awk '{print $14 + $15}' "/proc/$1/stat"; }
c1=$(cpu "$PID_dectd") s1=$(cpu "$PID_sipd") m1=$(cpu "$PID_mediad")
air "sleep 6" "load start calls=$CALLS hold=$HOLD gap=40" "sleep $SECONDS_" "load show"
echo "CPU ticks (1/100 s): dectd $(($(cpu "$PID_dectd") - c1)), sipd $(($(cpu "$PID_sipd") - s1)), mediad $(($(cpu "$PID_mediad") - m1))"
air "load stop" "sleep 3"
air "load show" | tee "$DIR/load"
get() { sed -n "s/.* $1 \([0-9]*\).*/\1/p" "$DIR/load"; }
[ "$(get answered)" -ge $((CALLS * 2)) ] || fail "too few calls"
[ "$(get failed)" = 0 ] && [ "$(get dropped)" = 0 ] || fail "calls failed or were dropped"
[ "$(get mute)" = 0 ] || fail "somebody heard nothing"
[ $(($(get blocks-bad) * 200)) -le "$(get blocks-good)" ] || fail "speech had gaps"
[ "$(get active)" = 0 ] || fail "calls don't end"
none_left
no_violations
echo ok
