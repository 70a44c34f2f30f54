#!/bin/bash
# CPU of a call over TLS (both its ends) against the same over UDP, Kamailio in front of sipd both times; connections last, as
# they do between servers. Usage: BUILD=build-release bench/sipd_tls.sh [CALLS_PER_SECOND [CALLS]]
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
BUILD=$(cd "$BUILD" && pwd) || exit 1
RATE=${1:-200}
CALLS=${2:-2000}
. "$TOP/tests/system/lib_sipd.sh"
[ -e /usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so ] && [ -x "$BUILD/certd" ] || { echo "kamailio with TLS is not installed"; exit 77; }
PORT=$(free_port)
TLS=$(free_port)
PBX=$(free_port)
PBXTLS=$(free_port)
UAS=$(free_port)
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 2 -keyout "$DIR/ca.key" -out "$DIR/ca.pem" 2>/dev/null
for n in localhost ipdect.test; do
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$n" -keyout "$DIR/$n.key" -out "$DIR/$n.csr" 2>/dev/null
	openssl x509 -req -in "$DIR/$n.csr" -CA "$DIR/ca.pem" -CAkey "$DIR/ca.key" -CAcreateserial -days 2 -out "$DIR/$n.pem" \
		-extfile <(echo "subjectAltName=DNS:$n") 2>/dev/null
done
cat > "$DIR/kamailio.cfg" <<CFG
debug=0
children=1
enable_tls=yes
listen=udp:127.0.0.1:$PBX
listen=tls:127.0.0.1:$PBXTLS
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "private_key", "$DIR/localhost.key")
modparam("tls", "certificate", "$DIR/localhost.pem")
request_route {
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) { if (loose_route() || is_method("ACK")) t_relay(); exit; }
	t_check_trans();
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	record_route();
	if (\$rU =~ "^03") { \$du = "sip:127.0.0.1:$UAS"; t_relay(); exit; }
	if (\$rU == "200") { \$du = "sip:127.0.0.1:$PORT"; t_relay(); exit; }
	\$du = "sip:127.0.0.1:$TLS;transport=tls";
	t_relay();
}
CFG
kamailio -DD -E -x tlsf -f "$DIR/kamailio.cfg" -Y "$DIR" -P "$DIR/kamailio.pid" -m 256 -M 16 > "$DIR/kamailio.log" 2>&1 &
PIDS+=($!)
uas_scenario > "$DIR/uas.xml"
uac_scenario > "$DIR/uac.xml"
sipp -sf "$DIR/uas.xml" -i 127.0.0.1 -p $UAS -nostdin > "$DIR/uas.out" 2>&1 &
PIDS+=($!)
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
tls-port = $TLS
transports = udp tls
default-domain = example.test
register-when = never
accept-calls = any
session-expires = 0
reliable-provisional = no
tls-client-certificate = none
proxy-1 = sip:127.0.0.1:$PBX
[certd]
fqdn = ipdect.test
CONF
"$BUILD/certd" -c "$DIR/ipdect.conf" >> "$DIR/certd.log" 2>&1 &
PIDS+=($!)
wait_for 10 test -S "$DIR/run/ctl/certd.sock" || fail "certd did not start"
ctl cert import host file="$DIR/ipdect.test.pem" key="$DIR/ipdect.test.key" force=yes > /dev/null || fail "cert import"
ctl trust import file="$DIR/ca.pem" > /dev/null || fail "trust import"
echo "name,forward-always
200,0301
300,sip:0301@localhost:$PBXTLS;transport=tls" | ctl user import file=- > /dev/null || fail "user import"
start_softcall media
sleep 1
load() { # called
	sipp -sf "$DIR/uac.xml" 127.0.0.1:$PBX -i 127.0.0.1 -p $(free_port) -s $1 -r $RATE -m $CALLS -l 4000 -d 500 -timeout 120 -nostdin > "$DIR/uac-$1.out" 2>&1 ||
		fail "load on $1"
}
load 200
load 300
for round in 1 2 3; do
	s0=$(cpu_us $SIPD); load 200; s1=$(cpu_us $SIPD); load 300; s2=$(cpu_us $SIPD)
	echo "$((s1 - s0)) $((s2 - s1))"
done | sort -n | awk -v n=$CALLS -v r=$RATE '
	{ u[NR] = $1 / n / 1000; t[NR] = $2 / n / 1000; q[NR] = $2 / ($1 ? $1 : 1) }
	function mid(a, b, c) { return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b) }
	END { printf "%d calls at %d/s, medians of 3: UDP %.3f ms CPU a call, TLS %.3f ms, ratio %.2f (target 1.6)\n",
	    n, r, mid(u[1], u[2], u[3]), mid(t[1], t[2], t[3]), mid(q[1], q[2], q[3]) }'
