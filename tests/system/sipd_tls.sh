#!/bin/bash
# TLS with real peers: registration with digest at Kamailio over mutual TLS, keys in certd; calls both ways over it; certd
# killed; openssl s_client and s_server with good, missing, foreign and old things; a wrong name.
MODULES=/usr/lib/x86_64-linux-gnu/kamailio/modules
command -v kamailio >/dev/null && command -v sipp >/dev/null && [ -e "$MODULES/tls.so" ] ||
	{ echo "kamailio with TLS or sipp is not installed"; exit 77; }
. "$TOP/tests/system/lib_sipd.sh"
[ -x "$BUILD/certd" ] || { echo "not built: $BUILD/certd"; exit 77; }
PORT=$(free_port)
TLS=$(free_port)
PBX=$(free_port)
PBXTLS=$(free_port)
UAS=$(free_port)
PKI=$DIR/pki
mkdir "$PKI"
ca() { # name
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -days 3 -keyout "$PKI/$1.key" \
		-out "$PKI/$1.pem" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null || fail "openssl req"
}
cert() { # file, key type, CN, ca
	openssl req -newkey "$2" ${5:-} -nodes -subj "/CN=$3" -keyout "$PKI/$1.key" -out "$PKI/$1.csr" 2>/dev/null || fail "openssl req"
	openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/$4.pem" -CAkey "$PKI/$4.key" -CAcreateserial -days 3 -out "$PKI/$1.pem" -extfile <(
		echo "subjectAltName=DNS:$3"
		echo "extendedKeyUsage=serverAuth,clientAuth"
		echo "crlDistributionPoints=URI:http://crl.test/ca.crl") 2>/dev/null || fail "openssl x509"
}
ca ca
ca foreign
cert pbx rsa:2048 localhost ca
cert ours rsa:2048 ipdect.test ca
cert guest rsa:2048 guest.test ca
cert stranger rsa:2048 ipdect.test foreign
cat > "$DIR/kamailio.cfg" <<CFG
debug=1
log_stderror=yes
children=1
enable_tls=yes
listen=udp:127.0.0.1:$PBX
listen=tls:127.0.0.1:$PBXTLS
alias="example.test"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "kex.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "ctl.so"
loadmodule "tls.so"
modparam("ctl", "binrpc", "unix:$DIR/kamctl")
modparam("usrloc", "db_mode", 0)
modparam("tls", "config", "$DIR/tls.cfg")
modparam("auth", "qop", "auth")
modparam("auth", "algorithm", "SHA-256")
request_route {
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) {
		if (loose_route() || is_method("ACK")) { t_relay(); exit; }
		sl_send_reply("404", "Not Here"); exit;
	}
	t_check_trans();
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	if (\$proto == "tls" && is_method("REGISTER|INVITE")) {
		if (!pv_www_authenticate("example.test", "secret-\$fU", "0")) { www_challenge("example.test", "1"); exit; }
	}
	if (is_method("REGISTER")) { save("location"); exit; }
	if (is_method("SUBSCRIBE")) { sl_send_reply("489", "Bad Event"); exit; }
	record_route();
	if (\$rU =~ "^03") { \$du = "sip:127.0.0.1:$UAS"; t_relay(); exit; }
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	t_relay();
}
CFG
cat > "$DIR/tls.cfg" <<CFG
[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = $PKI/pbx.key
certificate = $PKI/pbx.pem
ca_list = $PKI/ca.pem
[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = $PKI/pbx.key
certificate = $PKI/pbx.pem
ca_list = $PKI/ca.pem
CFG
kamailio -DD -E -f "$DIR/kamailio.cfg" -Y "$DIR" -P "$DIR/kamailio.pid" -m 32 -M 8 > "$DIR/kamailio.log" 2>&1 &
PIDS+=($!)
start_certd() {
	"$BUILD/certd" -c "$DIR/ipdect.conf" >> "$DIR/certd.log" 2>&1 &
	CERTD=$!
	PIDS+=("$CERTD")
}
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
tls-port = $TLS
transports = udp tls
transport = tls
default-domain = example.test
proxy-1 = sip:localhost:$PBXTLS;transport=tls
transaction-timeout = 3s
register-rate = 200
media-encryption-require = no
tls-client-certificate = required
[certd]
fqdn = ipdect.test
CONF
start_certd
wait_for 10 test -S "$DIR/run/ctl/certd.sock" || fail "certd did not start"
ctl cert import host file="$PKI/ours.pem" key="$PKI/ours.key" force=yes > "$DIR/import" 2>&1 || fail "cert import: $(cat "$DIR/import")"
ctl trust import file="$PKI/ca.pem" > /dev/null || fail "trust import"
add_users 200 10
for u in $(seq 200 209); do echo -n "secret-$u" | ctl secret set $u kind=sip value=- > "$DIR/secret" 2>&1 || fail "secret set: $(cat "$DIR/secret")"; done
start_softcall reg -a 50 -h 400
registered() { [ "$(ctl --json reg list | grep -o '"registered"' | wc -l)" = 10 ]; }
wait_for 30 registered || fail "registered: $(ctl reg list)"
kamcmd -s "unix:$DIR/kamctl" tls.list > "$DIR/tls.list" 2>&1
grep -q TLSv1.3 "$DIR/tls.list" || fail "Kamailio shows no TLS connection: $(cat "$DIR/tls.list")"
echo "10 users registered at Kamailio: mutual TLS with the key in certd, digest SHA-256 computed in certd"

uac_scenario > "$DIR/uac.xml"
sipp -sf "$DIR/uac.xml" 127.0.0.1:$PBX -i 127.0.0.1 -p $(free_port) -s 205 -r 2 -m 5 -l 1 -d 100 -timeout 20 -nostdin -trace_err \
	-error_file "$DIR/uac.log" > "$DIR/uac.out" 2>&1 || fail "calls through Kamailio over TLS: $(tail -3 "$DIR/uac.log")"
stop_softcall
[ "$(field "$DIR/reg.out" answered_in)" = 5 ] || fail "answered $(field "$DIR/reg.out" answered_in) of 5"
sipp -sn uas -i 127.0.0.1 -p $UAS -nostdin > "$DIR/uas.out" 2>&1 &
PIDS+=($!)
start_softcall out -u 200 -n 10 -t 0301 -R 10 -c 10 -h 200 -s 20
wait "$SOFT"
[ "$(field "$DIR/out.out" answered_out)" = 10 ] || fail "calls out over TLS: $(cat "$DIR/out.out")"
echo "5 calls in and 10 calls out over TLS, each INVITE authenticated"

# ---- openssl s_client against our listener
client() { # arguments…: prints what sipd answers to an OPTIONS
	{ printf 'OPTIONS sip:200@example.test SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\n' $RANDOM$RANDOM
	  printf 'From: <sip:a@b>;tag=1\r\nTo: <sip:200@example.test>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n' $RANDOM$RANDOM
	  sleep ${STAY:-1}; } | timeout 15 openssl s_client -connect 127.0.0.1:$TLS -quiet -no_ign_eof -CAfile "$PKI/ca.pem" "$@" 2>"$DIR/s_client.err"
}
for v in -tls1_2 -tls1_3; do
	client $v -cert "$PKI/guest.pem" -key "$PKI/guest.key" -verify_return_error -verify_hostname ipdect.test | grep -q '^SIP/2.0 200' ||
		fail "s_client $v: $(cat "$DIR/s_client.err")"
done
client -cert "$PKI/stranger.pem" -key "$PKI/stranger.key" | grep -q SIP && fail "a foreign certificate was accepted"
client | grep -q SIP && fail "a client without a certificate was accepted"
client -tls1_1 -cipher 'ALL:@SECLEVEL=0' -cert "$PKI/guest.pem" -key "$PKI/guest.key" | grep -q SIP && fail "TLS 1.1 was accepted"
head -c 20000 /dev/urandom | timeout 5 openssl s_client -connect 127.0.0.1:$TLS -quiet -cert "$PKI/guest.pem" -key "$PKI/guest.key" > /dev/null 2>&1
head -c 20000 /dev/urandom > "/dev/tcp/127.0.0.1/$TLS" 2>/dev/null
kill -0 "$SIPD" || fail "sipd died of garbage"
echo "s_client: TLS 1.2 and 1.3 with a certificate; without one, with a foreign one, with TLS 1.1 and with garbage refused"

# ---- certd dies: what is up stays; a new handshake waits for it
kill -9 "$CERTD"
wait "$CERTD" 2>/dev/null
registered || fail "registrations were lost with certd"
STAY=4 client -cert "$PKI/guest.pem" -key "$PKI/guest.key" > "$DIR/late" &
LATE=$!
sleep 0.7
start_certd
wait "$LATE"
grep -q '^SIP/2.0 200' "$DIR/late" || fail "a handshake did not wait for certd: $(cat "$DIR/s_client.err")"
echo "certd killed and restarted: registrations stayed, a handshake waited for it"

# ---- openssl s_server as the proxy: not the name we asked for, then the right one
serve() { # certificate
	openssl s_server -accept 127.0.0.1:$FAKE -cert "$PKI/$1.pem" -key "$PKI/$1.key" -CAfile "$PKI/ca.pem" -Verify 1 -quiet > "$DIR/s_server.out" 2>&1 < /dev/zero &
	SRV=$!
	PIDS+=("$SRV")
}
FAKE=$(free_port)
serve guest
sleep 0.3
sed -i "s/^proxy-1 = .*/proxy-1 = sip:localhost:$FAKE;transport=tls/" "$DIR/ipdect.conf"
kill -HUP "$SIPD"
wait_for 15 grep -q 'certificate is for another name' "$DIR/sipd.log" || fail "a wrong name was not noticed"
grep -aqE 'REGISTER|OPTIONS' "$DIR/s_server.out" && fail "a request went to the wrong name"
kill "$SRV"
wait "$SRV" 2>/dev/null
serve pbx
wait_for 40 grep -aqE '^(REGISTER|OPTIONS) sip:' "$DIR/s_server.out" || fail "nothing came to s_server"
echo "s_server: a wrong name gets nothing, the right one is spoken to"
kill -0 "$SIPD" || fail "sipd died"
