#!/bin/bash
# CPU per call: sipd as B2BUA (SIP in, forwarded to SIP, media sessions ordered by ipc) against Kamailio's stateful proxying of
# the same SIPp load, in the same run. Usage: BUILD=build-release bench/sipd_calls.sh [CALLS_PER_SECOND [CALLS]]
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
BUILD=$(cd "$BUILD" && pwd) || exit 1
RATE=${1:-400}
CALLS=${2:-3000}
. "$TOP/tests/system/lib_sipd.sh"
command -v kamailio >/dev/null && command -v sipp >/dev/null || { echo "kamailio or sipp is not installed"; exit 77; }
PORT=$(free_port)
PBX=$(free_port)
UAS=$(free_port)
cat > "$DIR/kamailio.cfg" <<CFG
debug=0
children=1
listen=udp:127.0.0.1:$PBX
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
request_route {
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) { if (loose_route() || is_method("ACK")) t_relay(); exit; }
	t_check_trans();
	record_route();
	\$du = "sip:127.0.0.1:$UAS";
	t_relay();
}
CFG
kamailio -DD -E -x tlsf -f "$DIR/kamailio.cfg" -Y "$DIR" -P "$DIR/kamailio.pid" -m 256 -M 16 > "$DIR/kamailio.log" 2>&1 &
KAM=$!
PIDS+=("$KAM")
uas_scenario > "$DIR/uas.xml"
sipp -sf "$DIR/uas.xml" -i 127.0.0.1 -p $UAS -nostdin > "$DIR/uas.out" 2>&1 &
PIDS+=($!)
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
transports = udp
default-domain = example.test
register-when = never
accept-calls = any
session-expires = 0
reliable-provisional = no
proxy-1 = sip:127.0.0.1:$UAS
CONF
echo "name,forward-always
200,0301" | ctl user import file=- > /dev/null || fail "user import"
start_softcall media
sleep 1
uac_scenario > "$DIR/uac.xml"
load() { # port
	sipp -sf "$DIR/uac.xml" 127.0.0.1:$1 -i 127.0.0.1 -p $(free_port) -s 200 -r $RATE -m $CALLS -l 4000 -d 500 -timeout 120 -nostdin > "$DIR/uac-$1.out" 2>&1
}
KIDS="$KAM $(pgrep -P $KAM | tr '\n' ' ')"
for round in 1 2 3; do # alternating: the machine is not the same from minute to minute
	k0=$(cpu_us $KIDS); load $PBX || fail "load through Kamailio"; k1=$(cpu_us $KIDS)
	s0=$(cpu_us $SIPD); load $PORT || fail "load through sipd"; s1=$(cpu_us $SIPD)
	echo "$((k1 - k0)) $((s1 - s0))"
done | sort -n | awk -v n=$CALLS -v r=$RATE -v rss="$(awk '/VmRSS/ {print $2}' /proc/$SIPD/status)" '
	{ k[NR] = $1 / n / 1000; s[NR] = $2 / n / 1000; q[NR] = $2 / ($1 ? $1 : 1) }
	function mid(a, b, c) { return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b) }
	END { printf "%d calls at %d/s, medians of 3: Kamailio %.3f ms CPU a call, sipd %.3f ms, ratio %.2f (target 2.0)\n",
	    n, r, mid(k[1], k[2], k[3]), mid(s[1], s[2], s[3]), mid(q[1], q[2], q[3]) }'
# 2,000 calls at the same time: what they cost in memory, and what stays when they are over.
rss() { awk '/VmRSS/ {print $2}' "/proc/$SIPD/status"; }
before=$(rss)
sipp -sf "$DIR/uac.xml" 127.0.0.1:$PORT -i 127.0.0.1 -p $(free_port) -s 200 -r 300 -m 2000 -l 2000 -d 12000 -timeout 120 -nostdin \
	> "$DIR/uac-many.out" 2>&1 &
MANY=$!
sleep 9
at=$(ctl status 2>/dev/null | grep -o '[0-9]* calls' | head -1)
peak=$(rss)
wait $MANY || fail "2,000 calls at the same time"
awk -v b=$before -v p=$peak -v c="$at" 'BEGIN {
	printf "%s at the same time: %.1f MiB more resident (target 100)\n", c, (p - b) / 1024 }'
