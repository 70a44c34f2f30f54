# Calls of soft handsets through the real daemons: over the encrypted base-station link, LAPC, call control, sipd and mediad
# and back, with speech; tones, displays, second calls, handover, service codes.
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
for p in a:gap-b b:gap-a c:ng; do
	air "pp add ${p%:*} ipei=05003007038$((7 + n)) profile=${p#*:} display=20x4 state=$DIR/air/pp-${p%:*}" "pp ${p%:*} on" \
		"pp ${p%:*} subscribe ac=12345678" "wait 10 pp ${p%:*} located*"
	n=$((n + 1))
done


# What a handset's display says now.
display() { air "pp $1 show" | sed -n 's/.* display "\(.*\)".*/\1/p' | tr -s '| ' ' '; }
displays() { display "$1" | grep -q "$2"; }
shows() { # handset, pattern: now or soon
	wait_for 3 displays "$1" "$2" || fail "the display of $1 says: $(display "$1"), wanted: $2"
}
hears() { # handset, frequency: from now on
	air "pp $1 expect-tone $2"
}
heard() { # handset
	wait_for 4 hearing "$1" || fail "handset $1 does not hear what it should: $(cat "$DIR/heard")"
	echo "$1: $(cat "$DIR/heard")"
}
no_calls() {
	ctl call list > "$DIR/calls" 2>&1
	! grep -q 47 "$DIR/calls"
}
quiet_now() {
	for p in a b c; do air_try "pp $p hangup" > /dev/null 2>&1; done
	wait_for 5 no_calls || fail "calls are left: $(cat "$DIR/calls")"
	air mark
}
talk() { # caller, number, called
	air mark "pp $1 dial $2" "wait 10 pp $3 ringing*" "pp $3 answer" "wait 5 pp $1 connected*"
}
air "pp a tone 440" "pp b tone 880" "pp c tone 1320"

echo "== idle displays: standby text, date and time"
air mark
ctl user set 4711 standby-text=$'Ward 7 \xe2\x98\x95' > /dev/null || fail "standby text"
air "wait 6 pp a display Ward 7 \\**"
air "pp c locate" "wait 6 pp c time 20*"

echo "== a call, ringing with name and number, speech both ways"
hears a 880
hears b 440
air mark "pp a dial 4712" "wait 10 pp b ringing from 4711 name \"Anna\"" "wait 5 pp a alerting*" "pp b answer" \
	"wait 5 pp b connected*" "wait 5 pp a connected*"
shows a "Bert 4712"
shows b "Anna 4711"
sleep 2
heard a
heard b
ref=$(ctl call list | grep -o '^[0-9a-f]\{16\}' | head -1)
ctl call show "$ref" > "$DIR/show" || fail "call show: $(cat "$DIR/show")"
grep -q "CC F-10, heard" "$DIR/show" && grep -q "ciphered, LAPC class" "$DIR/show" || fail "call show: $(cat "$DIR/show")"
echo "== handover in the call"
air "pp b handover 02" "wait 5 pp b moved *02"
hears a 880
hears b 440
sleep 2
heard a
heard b
echo "== external handover: the call goes on over another link of the handset, under its reference"
air "pp add a2 ipei=050030070387 profile=gap-b state=$DIR/air/pp-a locate=no" "pp a2 camp 02" "pp a2 tone 660"
reference() { # handset: asked for in its call
	air "pp $1 reference" "wait 5 pp $1 reference *" > "$DIR/reference"
	sed -n 's/^pp .* reference //p' "$DIR/reference" | tail -1
}
came_over() { # handset that has the call now, its tone: speech both ways
	hears b "$2"
	hears "$1" 880
	sleep 1.5
	heard b
	heard "$1"
}
air_try "pp a2 come-over 0102030405060708" > /dev/null || fail "come-over"
air "wait 5 pp a2 released 22*"
ref=$(reference a)
air mark "pp a2 come-over $ref" "wait 5 pp a2 connected*" "wait 5 pp a released 23*"
came_over a2 660
# It cannot be used twice; and there is another order: the first link is released before.
air mark "pp a come-over $ref" "wait 5 pp a released 22*"
ref=$(reference a2)
air mark "pp a2 hangup 23" "wait 5 pp a2 released*" "pp a come-over $ref" "wait 5 pp a connected*"
came_over a 440
air mark "pp b hangup" "wait 5 pp a released*" "pp remove a2"
quiet_now
talk b 4711 a
echo "== the handset hangs up, then the far end"
air "pp b hangup" "wait 5 pp a released*"
quiet_now
talk b 4711 a
air "pp b hangup" "wait 5 pp a released*"
quiet_now

echo "== rejected, unknown, cancelled, busy"
air "pp a dial 4712" "wait 10 pp b ringing*" "pp b hangup 15" "wait 5 pp a display Rejected*"
quiet_now
air "pp a dial 4799" "wait 9 pp a display Unknown number*"
quiet_now
air "pp a dial 4713" "wait 10 pp c ringing*" "pp a hangup" "wait 5 pp c released*" "wait 5 pp c missed 1"
quiet_now

echo "== every way to dial; hold and retrieve by message; lost frames"
for mode in overlap setup called; do
	air "pp a dial 4712 mode=$mode" "wait 10 pp b ringing from 4711*" "pp b answer" "wait 5 pp a connected*" \
		"pp a hangup" "wait 5 pp b released*"
	quiet_now
done
talk a 4712 b
air "pp b hold" "wait 5 pp b hold-ack"
shows a "Held by the other"
air "pp b retrieve" "wait 5 pp b retrieve-ack"
hears a 880
sleep 1.5
heard a
air "pp b drop up 1" "pp b drop down 1" "pp b press 5" "pp b hangup" "wait 8 pp a released*"
quiet_now

echo "== call waiting, toggle, conference"
talk a 4712 b
air "pp c dial 4712" "wait 5 pp b waiting from 4713 name \"Carla\"" "pp b press R2" "wait 5 pp c connected*"
sleep 0.3
shows a "Held by the other"
hears b 1320
hears c 880
sleep 1.5
heard b
heard c
air "pp b press R2"
sleep 0.3
hears b 440
hears a 880
sleep 1.5
heard b
heard a
air "pp b press R3"
sleep 0.5
shows b Conference
# Each hears the other two; one of them is silent meanwhile, so that one tone is left.
air "pp b mute yes"
sleep 0.3
hears a 1320
hears c 440
sleep 1.5
heard a
heard c
air "pp b mute no" "pp c mute yes"
sleep 0.3
hears a 880
sleep 1.5
heard a
air "pp c mute no" "pp b hangup" "wait 5 pp a released*"
quiet_now

echo "== consultation and attended transfer"
talk a 4712 b
air "pp b press R"
sleep 0.5
shows b "Dial number"
air "pp b press 4713" "wait 5 pp c ringing from 4712*" "pp c answer" "wait 5 pp c connected*"
sleep 0.3
air "pp b press R4" "wait 5 pp b released*"
hears a 1320
hears c 440
sleep 1.5
heard a
heard c
shows a "Carla 4713"
air "pp a hangup" "wait 5 pp c released*"
quiet_now

echo "== blind transfer"
talk a 4712 b
air "pp b press RR4713" "wait 9 pp b released*" "wait 5 pp c ringing from 4711*" "pp c answer" "wait 5 pp c connected*"
hears a 1320
sleep 1.5
heard a
air "pp a hangup" "wait 5 pp c released*"
quiet_now

echo "== a held call rings back"
talk a 4712 b
air "pp b press R"
sleep 0.3
air "pp b hangup" "wait 5 pp b ringing*" "pp b answer" "wait 5 pp b connected*"
hears b 440
sleep 1.5
heard b
air "pp b hangup" "wait 5 pp a released*"
quiet_now

echo "== forward by code, redial, service codes"
air "pp b dial *21*4713#" "wait 5 pp b released*"
air "pp a dial 4712" "wait 5 pp c ringing from 4711*" "pp c hangup 15" "wait 5 pp a display Rejected*"
quiet_now
air "pp b dial #21#" "wait 5 pp b released*"
talk a 4712 b
air "pp a hangup" "wait 5 pp b released*"
quiet_now
air "pp a dial **0" "wait 5 pp b ringing from 4711*" "pp a hangup" "wait 5 pp b released*"
quiet_now
air "pp a dial ***999*00" "wait 5 pp a signal 05 confirm"
shows a "127.0.0.1"
quiet_now
air "pp a dial ***999*02" "wait 5 pp a signal 05 confirm"
shows a "4711 Anna"
quiet_now
air "pp c dial ***999*20" "wait 5 pp c setup-ack"
sleep 0.5
shows c "Anna"
air "pp c press 5" "wait 5 pp a ringing from 4713*" "pp a answer" "wait 5 pp c connected*"
air "pp c hangup" "wait 5 pp a released*"
quiet_now
echo "== handover to a base that has just come back"
talk a 4712 b
here=$(air "pp b show" | sed -n 's/.* base \([0-9a-f]*\) .*/\1/p')
other=$(base_mac 1)
[ "$other" != "$here" ] || other=$(base_mac 2)
air "base $other off"
air_try "pp b handover $other" > /dev/null && fail "handover to a base that is off"
air "base $other on"
for ((i = 0; i < 100; i++)); do air_try "base $other show" | grep -q " up " && break; sleep 0.1; done
air "pp b handover $other" "wait 5 pp b moved*"
hears a 880
sleep 1.5
heard a
air "pp a hangup" "wait 5 pp b released*"
quiet_now
no_violations
echo "calls of handsets: all as they should be"
