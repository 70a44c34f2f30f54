#!/bin/bash
# Base admission, subscription over the air, location, identity, release of access rights: real certd, sipd, dectd; soft
# base stations and handsets of every profile on the encrypted link, which list every rule that the server breaks.
. "$TOP/tests/system/lib_dect.sh"
start_suite < /dev/null

# An unknown base waits; an admitted one gets its key, and comes back with it.
mac=$(base_mac 1)
air "base add $mac server=127.0.0.1:$PORT retry=200 search=50 state=$DIR/air" "wait 5 base $mac refused"
ctl base list | grep -q "$mac.* pending" || fail "an unknown base is not listed as pending"
ctl base admit "$mac" name=hall > /dev/null || fail "base admit"
air "wait 10 base $mac enrolled" "wait 10 base $mac up"
wait_for 5 sh -c "'$BUILD/dectctl' -r '$DIR/run' base list | grep -q '$mac.* up'" || fail "base is not up in dectctl"
air mark "base $mac reboot" "wait 10 base $mac up"
base_up 2 gen=old

# Without a window nobody gets in; the broadcast says so.
for n in 201 202 203; do user $n 050030000$n ${n}0000; done
air "pp add 201 ipei=050030000201 profile=gap-a state=$DIR/air/201" "pp add 202 ipei=050030000202 profile=gap-b" \
	"pp add 203 ipei=050030000203 profile=ng" "pp add x ipei=050030000299 profile=gap-b"
air_try "pp 201 subscribe ac=2010000" 2> /dev/null && fail "a handset found a base though subscription is closed"
ctl subscription open > /dev/null || fail "subscription open"
air "wait 5 base $mac subscription open"

# A stranger is turned away and listed; so is a wrong code; the right one subscribes, locates, ciphers.
air mark "pp x subscribe ac=4711" "wait 10 pp x subscription rejected"
ctl handset pending | grep -q "050030000299" || fail "a stranger is not listed"
air mark "pp 201 subscribe ac=2010001" "wait 10 pp 201 subscription rejected"
ctl handset pending | grep -q "050030000201" || fail "a wrong code is not listed"
air "sleep 0.5"
for n in 201 202 203; do
	air mark "pp $n subscribe ac=${n}0000" "wait 10 pp $n subscribed" "wait 10 pp $n located"
	wait_for 3 sh -c "'$BUILD/dectctl' -r '$DIR/run' handset list | grep -q ' $n .*located'" || fail "$n is not located"
done
ctl subscription close > /dev/null || fail "subscription close"
air "wait 5 base $mac subscription closed"

# The administrator asks the handsets.
ipei() { printf '050030000%s' "$1"; }
ctl handset identify "$(ipei 202)" > /dev/null || fail "identify"
air mark
ctl handset locate "$(ipei 203)" > /dev/null || fail "locate"
air "wait 10 pp 203 located"
air mark
ctl handset renew "$(ipei 202)" > /dev/null || fail "renew"
air "sleep 1"

# Out of reach and back; after a restart of the handset it is who it was.
air mark "pp 202 off"
air mark "pp 202 on" "wait 10 pp 202 located"
air "pp remove 201" mark "pp add 201 ipei=050030000201 profile=gap-a state=$DIR/air/201" "wait 10 pp 201 located"

# dectd is killed: bases and handsets come back by themselves, nothing is forgotten.
kill -9 "$PID_dectd"
wait "$PID_dectd" 2> /dev/null
air mark
start dectd
air "wait 15 base $mac up" "wait 20 pp 201 located" "mark"
wait_for 10 sh -c "[ \$('$BUILD/dectctl' -r '$DIR/run' handset list | grep -c located) = 3 ]" || fail "not all are located again"

# Released over the air: the handset checks that the base may do that.
air mark
ctl handset delete "$(ipei 202)" > /dev/null || fail "handset delete"
air "wait 10 pp 202 subscription ended by the base"
air mark
terminate() { (air "pp 203 terminate"); } # not while it still registers after the restart
wait_for 10 terminate || fail "203 cannot end its subscription"
air "wait 10 pp 203 subscription ended"
ctl handset list | grep -q "  202 " && fail "a deleted handset is still listed"
no_violations
echo ok
