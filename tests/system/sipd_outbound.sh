#!/bin/bash
# RFC 5626 with Kamailio as edge proxy (path, outbound, stun) and another as registrar: sipd does not listen on TCP, so that calls reach
# its users over the connection that they registered on, or not at all. The edge proxy killed, and stopped: no user is bound twice.
MODULES=/usr/lib/$(uname -m)-linux-gnu/kamailio/modules
command -v kamailio >/dev/null && command -v sipp >/dev/null && [ -f "$MODULES/outbound.so" ] || { echo "kamailio, its outbound module or sipp is not installed"; exit 77; }
. "$TOP/tests/system/lib_sipd.sh"
PORT=$(free_port)
EDGE=$(free_port)
REGISTRAR=$(free_port)
UAS=$(free_port)
cat > "$DIR/edge.cfg" <<CFG
debug=1
log_stderror=yes
children=2
tcp_children=2
listen=udp:127.0.0.1:$EDGE
listen=tcp:127.0.0.1:$EDGE
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "stun.so"
loadmodule "outbound.so"
loadmodule "path.so"
modparam("outbound", "flow_token_secret", "johVoosh4aequoRa0ief")
modparam("path", "use_received", 0)
request_route {
	if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag() && is_method("ACK") && t_check_trans()) { t_relay(); exit; }
	if (loose_route()) {
		if (\$rc == -2) { sl_send_reply("403", "Forbidden"); exit; }
		if (!has_totag() && is_method("INVITE|SUBSCRIBE|REFER")) record_route();
		t_relay();
		exit;
	}
	if (has_totag()) { if (is_method("ACK")) { t_relay(); exit; } sl_send_reply("404", "Not Here"); exit; }
	t_check_trans();
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	if (is_method("REGISTER")) { add_path(); \$du = "sip:127.0.0.1:$REGISTRAR"; t_relay(); exit; }
	if (is_method("INVITE|SUBSCRIBE|REFER")) record_route();
	\$du = "sip:127.0.0.1:$REGISTRAR";
	t_relay();
}
CFG
cat > "$DIR/registrar.cfg" <<CFG
debug=1
log_stderror=yes
children=2
disable_tcp=yes
listen=udp:127.0.0.1:$REGISTRAR
alias="example.test"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "kex.so"
loadmodule "outbound.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unix:$DIR/kamctl")
modparam("usrloc", "db_mode", 0)
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", 1)
modparam("registrar", "outbound_mode", 1)
modparam("registrar", "flow_timer", 2)
modparam("registrar", "gruu_enabled", 0)
modparam("outbound", "flow_token_secret", "johVoosh4aequoRa0ief")
request_route {
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (has_totag()) { if (loose_route() || is_method("ACK")) { t_relay(); exit; } sl_send_reply("404", "Not Here"); exit; }
	t_check_trans();
	if (is_method("REGISTER")) { save("location"); exit; }
	if (is_method("SUBSCRIBE")) { sl_send_reply("489", "Bad Event"); exit; }
	remove_hf("Route");
	record_route();
	if (\$rU =~ "^03") { \$du = "sip:127.0.0.1:$UAS"; t_relay(); exit; }
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	t_relay();
}
CFG
start_edge() {
	kamailio -DD -E -f "$DIR/edge.cfg" -Y "$DIR/edge.d" -P "$DIR/edge.pid" -m 32 -M 8 >> "$DIR/edge.log" 2>&1 &
	EDGE_PID=$!
	PIDS+=("$EDGE_PID")
}
mkdir -p "$DIR/edge.d" "$DIR/registrar.d"
kamailio -DD -E -f "$DIR/registrar.cfg" -Y "$DIR/registrar.d" -P "$DIR/registrar.pid" -m 32 -M 8 > "$DIR/registrar.log" 2>&1 &
PIDS+=($!)
start_edge
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
transports = udp
default-domain = example.test
proxy-1 = sip:127.0.0.1:$EDGE;transport=tcp
transaction-timeout = 2s
session-expires = 0
outbound-retry = 2s
CONF
add_users 200 3
start_softcall home -a 50 -h 200
registered() { [ "$(ctl --json reg list | grep -o '"registered"' | wc -l)" = "$1" ]; }
wait_for 30 registered 3 || fail "registered: $(ctl reg list) $(tail -n 5 "$DIR"/edge.log)"
dump() { kamcmd -s "unix:$DIR/kamctl" ul.dump > "$DIR/ul" 2>&1; }
bound_once() { dump && [ "$(grep -c 'AoR: ' "$DIR/ul")" = 3 ] && [ "$(grep -c 'Address: ' "$DIR/ul")" = 3 ] && [ "$(grep -c 'Reg-Id: 1' "$DIR/ul")" = 3 ]; }
bound_once || fail "bindings: $(cat "$DIR/ul")"
[ "$(grep -c 'Path: <sip:.*;lr;ob>' "$DIR/ul")" = 3 ] || fail "no flow in the Path: $(cat "$DIR/ul")"
[ "$(grep -c 'Instance: <urn:uuid:' "$DIR/ul")" = 3 ] || fail "no instance: $(cat "$DIR/ul")"
echo "3 users registered with reg-id and instance, the flow in their Path"

uac_scenario > "$DIR/uac.xml"
call_in() { # calls
	sipp -sf "$DIR/uac.xml" 127.0.0.1:$REGISTRAR -i 127.0.0.1 -p $(free_port) -s 201 -r 2 -m $1 -l 1 -d 100 -timeout 30 -nostdin -trace_err -error_file "$DIR/uac.log" > "$DIR/uac.out" 2>&1
}
call_in 3 || fail "calls over the registered connection: $(cat "$DIR/uac.log")"
stop_softcall
[ "$(field "$DIR/home.out" answered_in)" = 3 ] || fail "answered $(field "$DIR/home.out" answered_in) of 3"
echo "3 calls to a user over the connection that it registered on"

uas_scenario > "$DIR/uas.xml"
sipp -sf "$DIR/uas.xml" -i 127.0.0.1 -p $UAS -nostdin > "$DIR/uas.out" 2>&1 &
PIDS+=($!)
sleep 0.3
start_softcall out -u 200 -n 3 -t 0301 -R 5 -c 6 -h 200 -s 30
wait "$SOFT"
[ "$(field "$DIR/out.out" answered_out)" = 6 ] || fail "calls out: $(cat "$DIR/out.out")"
echo "6 calls from users"

# The edge proxy dies with its connections: after the waiting time all are registered anew, in the place of what was there.
start_softcall again -a 50 -h 200
kill_tree "$EDGE_PID"
wait "$EDGE_PID" 2>/dev/null
wait_for 30 registered 0 || fail "a broken connection was not noticed: $(ctl reg list)"
start_edge
wait_for 60 registered 3 || fail "not registered again: $(ctl reg list)"
bound_once || fail "bindings after the connection broke: $(cat "$DIR/ul")"
call_in 2 || fail "calls after the connection broke: $(cat "$DIR/uac.log")"
echo "edge proxy killed: registered again, each bound once, calls come"

# It stops without a word: keep-alives that are not answered tell.
kill -STOP $(tree "$EDGE_PID")
wait_for 60 registered 0 || { kill -CONT $(tree "$EDGE_PID"); fail "a silent edge proxy was not noticed: $(ctl reg list)"; }
kill -CONT $(tree "$EDGE_PID")
wait_for 60 registered 3 || fail "not registered again after the silence: $(ctl reg list)"
bound_once || fail "bindings after the silence: $(cat "$DIR/ul")"
echo "edge proxy silent: noticed by keep-alives, registered again"
stop_softcall

# Over UDP: keep-alives by STUN at the registrar's Flow-Timer (2 s) keep it so.
sed -i 's/;transport=tcp//' "$DIR/ipdect.conf"
kill -HUP "$SIPD"
over_udp() { registered 3 && dump && ! grep -q 'transport=tcp' "$DIR/ul"; }
wait_for 30 over_udp || fail "not registered over UDP: $(ctl reg list) $(cat "$DIR/ul")"
broken=$(grep -c 'not registered any more' "$DIR/sipd.log")
sleep 15 # more than a Flow-Timer and the ten seconds after which an unanswered keep-alive ends a flow
[ "$(grep -c 'not registered any more' "$DIR/sipd.log")" = "$broken" ] || fail "flows over UDP broke: $(tail -5 "$DIR/sipd.log")"
start_softcall udp -a 50 -h 200
call_in 2 || { dump; fail "calls over UDP: $(cat "$DIR/uac.log") $(ctl reg list) $(cat "$DIR/ul")"; }
echo "over UDP: kept open by STUN, calls come"
kill -0 "$SIPD" || fail "sipd died"
