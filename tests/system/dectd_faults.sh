# Calls of soft handsets while daemons are killed, restarted, and base stations lost: what must go on does, what must end
# ends on both sides, and calls are possible again at once.
. "$TOP/tests/system/lib_dect.sh"

start_suite < /dev/null
n=0
for u in 4711:Anna 4712:Bert 4713:Carla; do
	ctl user add "${u%:*}" "display-name=${u#*:}" "ipei=05003 007038$((7 + n))" > /dev/null || fail "user $u"
	n=$((n + 1))
done
printf '12345678\n' | ctl secret set subscription kind=ac value=- > /dev/null || fail "access code"
base_up 1 name=Lab
base_up 2 name=Yard
ctl subscription open for=100s > /dev/null || fail "subscription open"
n=0
for p in a:gap-b b:gap-b c:ng; do
	air "pp add ${p%:*} ipei=05003007038$((7 + n)) profile=${p#*:} display=20x4" "pp ${p%:*} on" \
		"pp ${p%:*} subscribe ac=12345678" "wait 10 pp ${p%:*} located*"
	n=$((n + 1))
done
air "pp a tone 440" "pp b tone 880"
heard() { # handset, frequency it should hear now
	air "pp $1 expect-tone $2"
	wait_for 4 hearing "$1" || fail "handset $1 does not hear $2 Hz: $(cat "$DIR/heard")"
}
die() { # daemon: kill -9
	local pid
	eval "pid=\$PID_$1"
	kill -9 "$pid"
	wait "$pid" 2> /dev/null
}
is_up() { air_try "base $1 show" | grep -q " up "; }
talk() { air mark "pp a dial 4712" "wait 10 pp b ringing*" "pp b answer" "wait 5 pp a connected*"; }
no_calls() {
	ctl call list > "$DIR/calls" 2>&1
	! grep -q 47 "$DIR/calls"
}

echo "== sipd is killed in a call: speech goes on, hanging up works on each side, new calls work"
talk
die sipd
start sipd
wait_for 10 ctl call list || fail "sipd did not come back"
sleep 0.5
heard a 880
heard b 440
air "pp a hangup" "wait 5 pp a released*" "pp b hangup" "wait 5 pp b released*"
wait_for 5 sh -c "'$BUILD/dectctl' -r '$DIR/run' status 2>/dev/null | grep -q dectd"
talk
air "pp a hangup" "wait 5 pp b released*"

echo "== sipd is killed while a handset rings: ringing ends"
air mark "pp a dial 4712" "wait 10 pp b ringing*"
die sipd
start sipd
air "wait 10 pp b released*"
air_try "pp a hangup" > /dev/null
wait_for 10 ctl call list || fail "sipd did not come back"
sleep 0.5

echo "== dectd is killed in a call: handsets and sipd forget it; bases come back, calls work"
talk
die dectd
air "wait 10 pp a released*"
start dectd
wait_for 10 ctl base list || fail "dectd did not come back"
for i in 1 2; do wait_for 20 is_up "$(base_mac $i)" || fail "base $i did not come back"; done
wait_for 5 no_calls || fail "sipd keeps the call: $(cat "$DIR/calls")"
sleep 0.5
talk
heard a 880

echo "== mediad is killed in a call: it goes on through the one that comes back"
if [ -n "${PID_mediad:-}" ]; then
	die mediad
	start mediad -i 1
	wait_for 10 test -S "$DIR/run/ctl/mediad-1.sock" || fail "mediad did not come back"
	sleep 2.5
	heard a 880
	heard b 440
fi

echo "== the base of one of them is lost: both sides end"
air "pp b show" > "$DIR/b"
mac=$(sed -n 's/.* base \([0-9a-f]*\) .*/\1/p' "$DIR/b")
air mark "base $mac off" "wait 10 pp a released*"
wait_for 10 no_calls || fail "sipd keeps the call: $(cat "$DIR/calls")"
air "base $mac on" "wait 20 base $mac up*"
sleep 0.5

echo "== a handset vanishes in a call: the far end is told"
talk
air "pp b off" "wait 15 pp a released*"
wait_for 10 no_calls || fail "sipd keeps the call: $(cat "$DIR/calls")"
air "pp b on" "wait 10 pp b located*"

echo "== a handset that ignores pages: the caller hears it, and is told at once the next time"
air "pp b ignore-pages yes" "pp a dial 4712" "wait 16 pp a display Not reachable*"
air "pp a hangup"
air "pp a dial 4712" "wait 3 pp a display Not reachable*" "pp a hangup"
air "pp b ignore-pages no" "pp b locate" "wait 10 pp b located*"
talk
air "pp a hangup" "wait 5 pp b released*"
no_violations
echo "faults: all as they should be"
