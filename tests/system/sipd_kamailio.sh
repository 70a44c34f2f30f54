#!/bin/bash
# Registration at Kamailio, calls through it between our users and with SIPp, Kamailio killed and restarted.
command -v kamailio >/dev/null && command -v sipp >/dev/null || { echo "kamailio or sipp is not installed"; exit 77; }
. "$TOP/tests/system/lib_sipd.sh"
PORT=$(free_port)
PBX=$(free_port)
UAS=$(free_port)
cat > "$DIR/kamailio.cfg" <<CFG
debug=1
log_stderror=yes
children=2
listen=udp:127.0.0.1:$PBX
listen=tcp:127.0.0.1:$PBX
alias="example.test"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "kex.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unix:$DIR/kamctl")
modparam("usrloc", "db_mode", 0)
request_route {
	if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) {
		if (loose_route() || is_method("ACK")) { t_relay(); exit; }
		sl_send_reply("404", "Not Here"); exit;
	}
	t_check_trans();
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	if (is_method("REGISTER")) { save("location"); exit; }
	if (is_method("SUBSCRIBE")) { sl_send_reply("489", "Bad Event"); exit; }
	record_route();
	if (\$rU =~ "^03") { \$du = "sip:127.0.0.1:$UAS"; t_relay(); exit; }
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	t_relay();
}
CFG
start_kamailio() {
	kamailio -DD -E -f "$DIR/kamailio.cfg" -Y "$DIR" -P "$DIR/kamailio.pid" -m 32 -M 8 > "$DIR/kamailio.log" 2>&1 &
	KAM=$!
	PIDS+=("$KAM")
}
start_kamailio
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
transports = udp tcp
default-domain = example.test
proxy-1 = sip:127.0.0.1:$PBX
transaction-timeout = 1s
register-rate = 200
session-expires = 0
CONF
add_users 200 20
start_softcall reg -a 50 -h 200
registered() { [ "$(ctl --json reg list | grep -o '"registered"' | wc -l)" = 20 ]; }
wait_for 15 registered || fail "registered: $(ctl reg list)"
kamcmd -s "unix:$DIR/kamctl" ul.dump > "$DIR/ul" 2>&1
[ "$(grep -c 'AoR: ' "$DIR/ul")" = 20 ] || fail "Kamailio knows $(grep -c 'AoR: ' "$DIR/ul") of 20 users"
echo "20 users registered at Kamailio"

uac_scenario > "$DIR/uac.xml"
sipp -sf "$DIR/uac.xml" 127.0.0.1:$PBX -i 127.0.0.1 -p $(free_port) -s 205 -r 2 -m 5 -l 1 -d 100 -timeout 20 -nostdin -trace_err -error_file "$DIR/uac.log" > "$DIR/uac.out" 2>&1 ||
	fail "calls from SIPp through Kamailio"
stop_softcall
[ "$(field "$DIR/reg.out" answered_in)" = 5 ] || fail "answered $(field "$DIR/reg.out" answered_in) of 5"
echo "5 calls from SIPp through Kamailio"

sipp -sn uas -i 127.0.0.1 -p $UAS -nostdin > "$DIR/uas.out" 2>&1 &
PIDS+=($!)
sleep 0.3
start_softcall out -u 200 -n 20 -t 0301 -R 10 -c 20 -h 200 -s 20
wait "$SOFT"
[ "$(field "$DIR/out.out" answered_out)" = 20 ] || fail "to SIPp through Kamailio: $(cat "$DIR/out.out")"
echo "20 calls to SIPp through Kamailio"

# Our users call each other by way of Kamailio: both ends are SIP sessions of ours.
start_softcall loop -u 200 -n 1 -t 210 -R 5 -c 5 -a 50 -h 300 -s 20
wait "$SOFT"
[ "$(field "$DIR/loop.out" answered_out)" = 5 ] || fail "user to user through Kamailio: $(cat "$DIR/loop.out")"
[ "$(field "$DIR/loop.out" answered_in)" = 5 ] || fail "user to user through Kamailio, called: $(cat "$DIR/loop.out")"
echo "5 calls from user to user through Kamailio"

# Kamailio dies: calls among our users still work; it comes back: everybody registers again.
kill_tree "$KAM"
sleep 0.5
start_softcall fall -u 200 -n 1 -t 0301 -R 5 -c 1 -s 12
wait "$SOFT"
start_softcall local -u 201 -n 1 -t 211 -R 2 -c 1 -a 50 -h 200 -s 20
wait "$SOFT"
[ "$(field "$DIR/local.out" answered_out)" = 1 ] || fail "call among our users without Kamailio: $(cat "$DIR/local.out")"
echo "Kamailio killed: calls among our users go on"
start_kamailio
wait_for 5 test -S "$DIR/kamctl"
back() { kamcmd -s "unix:$DIR/kamctl" ul.dump 2>/dev/null | grep -c 'AoR: ' | grep -qx 20; }
start_softcall again -a 50
wait_for 60 back || fail "not all users came back: $(ctl reg list)"
echo "20 users registered again"
kill -0 "$SIPD" || fail "sipd died"
