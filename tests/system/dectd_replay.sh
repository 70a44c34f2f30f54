# The published stream of a real base station (a location registration, some 90 calls of real handsets,
# without its radio's start-up), played to dectd in a running session, then once more: dectd survives and understands it,
# and goes on serving.
. "$TOP/tests/system/lib_dect.sh"

"$BUILD/tests/t.dectd.nwk_real" hex > "$DIR/stream.hex" || {
	echo "skipped: the stream is not there ($(tail -1 "$DIR/stream.hex"))"
	exit 77
}
start_suite < /dev/null
base_up 1
mac=$(base_mac 1)
value() { ctl -d dectd metrics 2> /dev/null | sed -n "s/^ipdect_dectd_$1_total\({.*}\)\{0,1\} //p"; }
conns_are() { [ "$(value dlc_conns)" = "$1" ]; }
# SYS_INIT begins a session, RFPC and SYNC belong to the radio's start-up: here the radio is on air already.
tail -n +2 "$DIR/stream.hex" | grep -v '^0302\|^0301....78' | sed "s/.*/base $mac raw &/" > "$DIR/lines"
for round in 1 2; do
	mapfile -t lines < "$DIR/lines"
	# No faster than a base may: more is a flood, and its link is closed.
	for ((i = 0; i < ${#lines[@]}; i += 100)); do
		air "${lines[@]:i:100}" > /dev/null
		sleep 0.15
	done
	wait_for 5 conns_are $((91 * round)) || fail "$(value dlc_conns) connections"
	kill -0 "$PID_dectd" 2> /dev/null || fail "dectd died"
	ctl base list | grep -q "$mac.* up" || fail "the base is not up any more"
done
for n in dlc_conns dlc_links_b dlc_rx_frames dlc_rx_msgs dlc_invalid dlc_resets lce_links_in lce_rx lce_rx_bad lce_tx; do
	printf '%s %s\n' "$n" "$(value $n)"
done > "$DIR/metrics"
cat "$DIR/metrics"
# 91 links and 1,139 frames a round, none of them no LAPC. What was acknowledged to another manager can't be known here: those
# links are set up again, and their further messages go by; the first message of each names its handset and arrives.
[ "$(value dlc_links_b)" = 182 ] || fail "not every link was set up"
[ "$(value dlc_rx_frames)" = 2278 ] || fail "not every frame came"
[ "$(value lce_links_in)" -ge 150 ] || fail "too few links told their handset"
# A handset of our own is served as if nothing had happened.
ctl user add 301 ipei=050030000301 > /dev/null || fail "user add"
printf '12345678\n' | ctl secret set subscription kind=ac value=- > /dev/null || fail "access code"
ctl subscription open > /dev/null || fail "subscription open"
air "pp add 301 ipei=050030000301 number=301" mark "pp 301 subscribe ac=12345678" "wait 10 pp 301 located"
echo ok
