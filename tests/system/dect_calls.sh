#!/bin/bash
# Calls between handsets of every profile over two base stations, with speech: the ways to dial, refusals, hold, waiting,
# transfer, conference, keys, handover. Real certd, sipd, mediad, dectd.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/mediad" ] || { echo "not built: mediad"; exit 77; }
start_suite << X
transfer-on-hang-up = yes
re-keying = 3s
X
base_up 1
base_up 2
B1=$(base_mac 1) B2=$(base_mac 2)
handset 201 profile=gap-a
handset 202 profile=gap-b
handset 203 profile=ng
handset 204 profile=gap-b
subscribed 201 202 203 204
air "pp 202 camp $B2" "pp 204 camp $B2"
step() { echo "== $*"; air mark; }
# Each hears the other's tone without a gap for a second and a half; a machine that has no time for it gets further tries.
clean() {
	air "pp $1 expect-tone 1100" "pp $2 expect-tone 700" "sleep 1.5"
	local n
	for n in $1 $2; do
		air "pp $n heard" | tee "$DIR/heard" | grep -Eq 'good (1[2-9]|[2-9][0-9]) bad 0' || return 1
	done
}
tones() { # A B
	air "pp $1 tone 700" "pp $2 tone 1100" "sleep 0.4"
	wait_for 3 clean "$1" "$2" || fail "$1 or $2 hears: $(cat "$DIR/heard")"
	air "pp $1 tone 0" "pp $2 tone 0"
}
silence() { # NAME: hears nothing of 700 Hz for half a second
	air "sleep 0.4" "pp $1 expect-tone 700" "sleep 0.6"
	air "pp $1 heard" | tee "$DIR/heard" | grep -q ' good 0 ' || fail "$1 hears: $(cat "$DIR/heard")"
}
idle() {
	wait_for 8 sh -c "! '$BUILD/tests/softrfp' -x '$DIR/air.sock' 'pp list' | grep -v 'call T-00' | grep -q ." ||
		fail "not all are idle: $(air 'pp list')"
	none_left
}
call() { # A B [mode]
	air "pp $1 dial $2 mode=${3:-block}" "wait 5 pp $2 ringing from $1" "pp $2 answer" "wait 5 pp $2 connected"
	wait_for 3 sh -c "'$BUILD/tests/softrfp' -x '$DIR/air.sock' 'pp $1 show' | grep -q 'call T-10'" || fail "$1 is not connected"
}
hang_up() {
	local n
	for n in "$@"; do air "pp $n hangup"; done
	idle
}

for mode in block overlap setup called; do
	step "dial: $mode"
	call 201 202 $mode
	tones 201 202
	shows 202 'User 201|201'
	shows 201 'User 202|202'
	hang_up 201
done
for pair in "202 203" "203 204" "204 201"; do
	step "profiles: $pair"
	set -- $pair
	call $1 $2
	tones $1 $2
	hang_up $2
done

step "the handset doubts the base"
call 201 203
for n in 201 203; do air "pp $n auth-base" "wait 5 pp $n base is authentic"; done
tones 201 203
hang_up 201

step "the key of a call changes"
handset 205 profile=ng
subscribed 205
call 203 205
air "wait 6 pp 203 re-keyed" "wait 6 pp 205 re-keyed"
tones 203 205
hang_up 203
air "pp 205 off"

step "refused by the called"
air "pp 201 dial 202" "wait 5 pp 202 ringing" "pp 202 hangup" "wait 8 pp 201 display Rejected"
hang_up 201
step "given up by the caller"
air "pp 201 dial 202" "wait 5 pp 202 ringing" "pp 201 hangup" "wait 8 pp 202 released"
idle
step "nobody has that number"
air "pp 201 dial 999999" "wait 12 pp 201 display"
hang_up 201
step "busy, both in a call, call waiting refused"
call 201 202
call 203 204
air "pp 203 press R" "sleep 0.3" "pp 203 press 201" "wait 5 pp 201 waiting from 203" "pp 201 press R0" "wait 5 pp 203 display Busy" "pp 203 hangup" "wait 5 pp 203 ringing from 204"
hang_up 201 204
step "not reachable"
air "pp 204 off" "pp 201 dial 204" "wait 25 pp 201 display" mark "pp 204 on" "wait 15 pp 204 located"
hang_up 201

step "hold and retrieve"
call 201 202
tones 201 202
air "pp 201 tone 700" "pp 201 press R"
silence 202
air "pp 201 press RR" "sleep 0.5" # no transfer after all
tones 201 202
air "pp 201 tone 700" mark "pp 201 hold" "wait 3 pp 201 hold-ack"
silence 202
air "pp 201 retrieve" "wait 3 pp 201 retrieve-ack" "sleep 0.3"
tones 201 202
hang_up 202

step "call waiting, toggle"
call 201 202
air "pp 203 dial 202" "wait 5 pp 202 waiting from 203" "pp 202 press R2" "wait 5 pp 203 connected"
tones 203 202
air "pp 201 tone 700"
silence 202
air "pp 202 press R2" "sleep 0.5"
tones 201 202
air "pp 203 hangup" "sleep 0.5"
hang_up 201

consult() {
	call 201 202
	air mark "pp 201 press R" "sleep 0.3" "pp 201 press 203" "wait 6 pp 203 ringing from 201" "pp 203 answer" \
		"wait 5 pp 203 connected" "sleep 0.5"
}
step "attended transfer"
consult
tones 201 203
air mark "pp 201 press R4" "wait 5 pp 201 released" "sleep 0.5"
tones 202 203
hang_up 202

step "transfer by hanging up while it rings"
call 201 202
air mark "pp 201 press R" "sleep 0.3" "pp 201 press 204" "wait 6 pp 204 ringing" "pp 201 hangup" "sleep 0.5" "pp 204 answer" \
	"wait 5 pp 204 connected" "sleep 0.5"
tones 202 204
hang_up 204

step "conference"
consult
air "pp 201 press R3" "sleep 1"
tones 201 202
tones 201 203
tones 202 203
air "pp 201 hangup" "pp 202 hangup"
hang_up 203

step "handover there and back"
call 201 202
for b in "$B2" "$B1"; do
	air "pp 201 tone 700" "pp 202 tone 1100" "sleep 0.3" "pp 201 expect-tone 1100" "pp 202 expect-tone 700" "sleep 0.5" mark \
		"pp 201 handover $b" "wait 5 pp 201 moved $b" "sleep 1"
	for n in 201 202; do
		air "pp $n heard" | tee "$DIR/heard" | grep -q 'worst-gap [0-3]00 ms\|worst-gap 0 ms' || fail "$n over the handover: $(cat "$DIR/heard")"
	done
	tones 201 202
done
hang_up 201

step "service code"
air "pp 203 dial ***999*00" "wait 5 pp 203 display" "pp 203 show"
hang_up 203
no_violations
echo ok
