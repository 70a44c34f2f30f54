#!/bin/bash
# CPU of a REGISTER transaction as client against what Kamailio spends serving it, for 100 to 10,000 users; resident memory of
# sipd with them; simultaneous calls' memory. Usage: BUILD=build-release bench/sipd_register.sh [USERS…]
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
BUILD=$(cd "$BUILD" && pwd) || exit 1
. "$TOP/tests/system/lib_sipd.sh"
command -v kamailio >/dev/null || { echo "kamailio is not installed"; exit 77; }
[ $# -gt 0 ] || set -- 100 1000 10000
PBX=$(free_port)
rss() { awk '/VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$1/status"; }
cat > "$DIR/kamailio.cfg" <<CFG
debug=0
children=1
listen=udp:127.0.0.1:$PBX
alias="example.test"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
request_route {
	if (is_method("REGISTER")) { save("location"); exit; }
	sl_send_reply("200", "OK");
}
CFG
kamailio -DD -E -x tlsf -f "$DIR/kamailio.cfg" -Y "$DIR" -P "$DIR/kamailio.pid" -m 512 -M 16 > "$DIR/kamailio.log" 2>&1 &
KAM=$!
PIDS+=("$KAM")
sleep 1
for n in "$@"; do
	rm -rf "$DIR/run" "$DIR/state"
	start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $(free_port)
transports = udp
default-domain = example.test
register-when = always
message-waiting = no
keep-alive = 0
register-rate = 1000
CONF
	{
		echo "name,display-name,ipei"
		for ((i = 0; i < n; i++)); do printf '%d,User %d,0500%08d\n' $((10000 + i)) $i $i; done
	} | ctl user import file=- > /dev/null || fail "user import"
	empty=$(rss $SIPD)
	KIDS=$(tree $KAM)
	k0=$(cpu_us $KIDS)
	s0=$(cpu_us $SIPD)
	sed -i "\$a proxy-1 = sip:127.0.0.1:$PBX" "$DIR/ipdect.conf"
	kill -HUP $SIPD
	all() { ctl status 2>/dev/null | grep -q "$n of $n registered"; }
	wait_for $((20 + n / 200)) all || fail "not all of $n are registered: $(ctl reg list | head -3) $(tail -3 "$DIR/kamailio.log")"
	s1=$(cpu_us $SIPD)
	k1=$(cpu_us $KIDS)
	awk -v n=$n -v s=$((s1 - s0)) -v k=$((k1 - k0)) -v e=$empty -v r=$(rss $SIPD) 'BEGIN {
		printf "%d users: sipd %.4f ms CPU a REGISTER, Kamailio %.4f ms, ratio %.2f (target 1.0); resident %.1f MiB registered, %.1f not\n",
		    n, s / n / 1000, k / n / 1000, s / (k ? k : 1), r, e }'
	kill $SIPD
	wait $SIPD 2>/dev/null
done
