#!/bin/bash
# Many handsets, many calls with speech at the same time, each direction verified block by block; then nothing may be left.
# HANDSETS, CALLS, SECONDS, HOLD from the environment; by hand e.g. HANDSETS=200 CALLS=60 SECONDS_=300.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/mediad" ] || { echo "not built: mediad"; exit 77; }
HANDSETS=${HANDSETS:-40} CALLS=${CALLS:-10} SECONDS_=${SECONDS_:-15} HOLD=${HOLD:-2-6}
BASES=${BASES:-$((CALLS / 2 + 2))}
start_suite <<< ""
for ((i = 1; i <= BASES; i++)); do
	mac=$(base_mac $i)
	ctl base admit "$mac" > /dev/null || fail "base admit"
	air "base add $mac server=127.0.0.1:$PORT search=30 state=$DIR/air" "wait 10 base $mac up" > /dev/null
done
{
	echo "name,display-name,ipei"
	for ((i = 0; i < HANDSETS; i++)); do printf '%d,User %d,0500300%05d\n' $((2000 + i)) $((2000 + i)) $((2000 + i)); done
} | ctl user import file=- > /dev/null || fail "user import"
printf '4711\n' | ctl secret set subscription kind=ac value=- > /dev/null || fail "secret set"
ctl subscription open for=120s > /dev/null || fail "subscription open"
profiles=(gap-b gap-a ng)
{
	echo mark
	echo "wait 10 subscription open"
	for ((i = 0; i < HANDSETS; i++)); do
		n=$((2000 + i))
		echo "pp add $n ipei=0500300$(printf %05d $n) number=$n profile=${profiles[i % 3]} spread=yes"
		echo "pp $n subscribe ac=4711"
		echo "wait 20 pp $n located"
		echo "pp $n camp $(base_mac $((i % BASES + 1)))" # evenly: a base has 8 channels for speech
	done
} > "$DIR/lines"
began=$(date +%s%N)
mapfile -t lines < "$DIR/lines"
air "${lines[@]:2}" > /dev/null
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
wait_for 5 sh -c "! '$BUILD/dectctl' -r '$DIR/run' call list 2>/dev/null | grep -q '^[0-9a-f]\{16\}'" || fail "a call is left: $(ctl call list)"
wait_for 5 sh -c "! '$BUILD/dectctl' -r '$DIR/run' media list 2>/dev/null | grep -q '^[0-9a-f]\{16\}'" || fail "a media session is left: $(ctl media list)"
no_violations
echo ok
