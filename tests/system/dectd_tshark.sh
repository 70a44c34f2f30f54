# Everything that dectd sends to base stations and handsets in subscription, registration and calls, captured by
# `dectctl trace base` and dissected by Wireshark: nothing malformed but the known defects of its dissectors; no key in it.
. "$TOP/tests/system/lib_dect.sh"

TSHARK=${TSHARK_DECT:-$TOP/../shared/tools/tshark-dect}
"$TSHARK" -G protocols 2> /dev/null | grep -q dect_mitel_rfp || {
	echo "skipped: no tshark with the DECT dissectors (set TSHARK_DECT to one of 4.2 or later)"
	exit 77
}
start_suite <<< "early-encryption = identity"
# Wireshark mixes the connections of several bases in one file: one base.
base_up 1 name=Lab early=identity
ctl trace base "$(base_mac 1)" "file=$DIR/all.pcap" for=60s &
capture=$!
printf '12345678\n' | ctl secret set subscription kind=ac value=- > /dev/null || fail "access code"
ctl subscription open for=100s > /dev/null || fail "subscription open"
hs() { # name, options…: a user, its handset, subscribed and registered
	local name=$1
	shift
	ctl user add "$name" "display-name=User $name" "ipei=050030000$name" > /dev/null || fail "user add $name"
	air "pp add $name ipei=050030000$name number=$name $*" "pp $name on" mark "pp $name subscribe ac=12345678" \
		"wait 10 pp $name located"
}
hs 301 profile=gap-b display=20x4 "state=$DIR/air/pp-301"
hs 302 profile=gap-a display=20x4
hs 303 profile=ng
air mark "pp 301 dial 302" "wait 10 pp 302 ringing" "pp 302 answer" "wait 5 pp 302 connected" "wait 5 pp 301 connected" \
	"pp 302 hangup" "wait 5 pp 301 released"
# External handover, in both orders.
air "pp add 301b ipei=050030000301 profile=gap-b state=$DIR/air/pp-301 locate=no"
air mark "pp 301 dial 302" "wait 10 pp 302 ringing" "pp 302 answer" "wait 5 pp 301 connected"
over() { # from, to, what ends the first link
	air mark "pp $1 reference" "wait 5 pp $1 reference" > "$DIR/reference"
	air mark ${3:+"pp $1 hangup $3"} "pp $2 come-over $(sed -n 's/.* reference //p' "$DIR/reference")" "wait 5 pp $2 connected" "sleep 0.3"
}
over 301 301b
over 301b 301 23
air mark "pp 302 hangup" "wait 5 pp 301 released" "pp remove 301b"
air mark "pp 303 dial ***999*00" "wait 5 pp 303 display" "sleep 1" "pp 303 hangup" "sleep 1"
air mark "pp 301 dial 303" "wait 10 pp 303 ringing" "pp 301 hangup" "wait 5 pp 303 released" "sleep 1"
air mark "pp 303 lists missed" "wait 10 pp 303 list missed done" "wait 10 pp 303 released"
air mark "pp 302 auth-base" "wait 5 pp 302 base is authentic"
ctl trace end > /dev/null || fail "trace end"
wait "$capture" || fail "trace base"
[ -s "$DIR/all.pcap" ] || fail "the capture is empty"

"$TSHARK" -r "$DIR/all.pcap" -d tcp.port==16321,dect_mitel_rfp -V > "$DIR/all.txt" 2> "$DIR/tshark.log" || fail "tshark"
"$TSHARK" -r "$DIR/all.pcap" -d tcp.port==16321,dect_mitel_rfp -Y dect_nwk -T fields -e tcp.srcport -e _ws.col.Info \
	> "$DIR/nwk.txt" 2>> "$DIR/tshark.log"
down=$(awk '$1 == 16321' "$DIR/nwk.txt" | wc -l)
up=$(awk '$1 != 16321' "$DIR/nwk.txt" | wc -l)
echo "network layer messages: $down to handsets, $up from them"
[ "$down" -ge 25 ] && [ "$up" -ge 25 ] || fail "too few messages"
# Known defects (rfp-link 15.1): none of them is in LAPC or the network layer, but for one: it takes octet 5c of Auth type for
# mandatory with DEF (dect-nwk 6.6) and reads the rest of that message one octet off.
awk '/^Frame [0-9]+:/ { frame = $2; def = 0 } /DEF: Yes/ { def = 1 } !def && /[Mm]alformed|[Dd]issector bug|Message Type: Unknown|Primitive Type: Unknown/ { print frame, $0 }' \
	"$DIR/all.txt" > "$DIR/odd.txt"
if [ -s "$DIR/odd.txt" ]; then
	head -20 "$DIR/odd.txt"
	fail "Wireshark does not understand it"
fi
# What is secret is zeros in the file, and it is there at all.
for what in 'RES Field: ' 'Key: 0x'; do
	grep -q "$what" "$DIR/all.txt" || fail "no \"$what\" in the capture"
	grep "$what" "$DIR/all.txt" | grep -qv "${what}0*$" && fail "\"$what\" is not masked"
done
grep -q "pp 303 ciphered from the start" "$DIR/softrfp.log" || fail "no early encryption in the capture"
grep -q MAC_GET_DEF_CKEY_RES "$DIR/all.txt" || fail "no default key in the capture"
for what in CC-SETUP CC-ALERTING CC-CONNECT CC-RELEASE MM-KEY-ALLOCATE MM-AUTH-REQ MM-CIPHER-REQUEST MM-LOCATE-ACCEPT MM-INFO-ACCEPT; do
	grep -q "$what" "$DIR/nwk.txt" || fail "no $what in the capture"
done
echo ok
