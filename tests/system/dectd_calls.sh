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
	air "pp add ${p%:*} ipei=05003007038$((7 + n)) profile=${p#*:} display=20x4" "pp ${p%:*} on" \
		"pp ${p%:*} subscribe ac=12345678" "wait 10 pp ${p%:*} located*"
	n=$((n + 1))
done

# A call, ringing with name and number, speech both ways.
air "pp a tone 440" "pp b tone 880" "pp a expect-tone 880" "pp b expect-tone 440" mark \
	"pp a dial 4712" "wait 10 pp b ringing from 4711 name \"Anna\"" "wait 5 pp a alerting" "pp b answer" \
	"wait 5 pp b connected" "wait 5 pp a connected" "sleep 2"
air "pp a heard" | tee -a "$DIR/out"
air "pp b heard" | tee -a "$DIR/out"
air "pp b hangup" "wait 5 pp a released*"
