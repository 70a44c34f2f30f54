#!/bin/bash
# Calls between sipd and SIPp, both directions, UDP and TCP; dectd and mediad are played by softcall.
command -v sipp >/dev/null || { echo "sipp is not installed"; exit 77; }
. "$TOP/tests/system/lib_sipd.sh"
PORT=$(free_port)
UAS=$(free_port)
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
transports = udp tcp
default-domain = example.test
register-when = never
accept-calls = any
session-expires = 0
proxy-1 = sip:127.0.0.1:$UAS
CONF
add_users 200 40
start_softcall in -a 50
for t in u1 t1; do
	sipp -sn uac 127.0.0.1:$PORT -i 127.0.0.1 -p $(free_port) -s 200 -t $t -m 1 -d 100 -timeout 20 -trace_err \
		-error_file "$DIR/sipp-$t.log" -nostdin > "$DIR/sipp-$t.out" 2>&1 || fail "one call from SIPp over $t"
	for i in $(seq 0 9); do
		sipp -sn uac 127.0.0.1:$PORT -i 127.0.0.1 -p $(free_port) -s $((200 + i)) -t $t -r 5 -m 3 -l 1 -d 100 -timeout 30 -trace_err \
			-error_file "$DIR/sipp-$t-$i.log" -nostdin > "$DIR/sipp-$t-$i.out" 2>&1 &
		SIPPS[$i]=$!
	done
	for i in $(seq 0 9); do wait ${SIPPS[$i]} || fail "calls from SIPp over $t"; done
done
stop_softcall
[ "$(field "$DIR/in.out" answered_in)" = 62 ] || fail "answered $(field "$DIR/in.out" answered_in) of 62"
[ "$(field "$DIR/in.out" sessions_left)" = 0 ] || fail "media sessions were left over"
echo "62 calls from SIPp over UDP and TCP: answered and ended"

for t in u1 t1; do
	[ $t = u1 ] || { sed -i "s/^proxy-1 = .*/proxy-1 = sip:127.0.0.1:$UAS;transport=tcp/" "$DIR/ipdect.conf"; kill -HUP "$SIPD"; sleep 0.5; }
	sipp -sn uas -i 127.0.0.1 -p $UAS -t $t -nostdin -trace_err -trace_msg -message_file "$DIR/uas-msg-$t.log" -error_file "$DIR/uas-$t.log" > "$DIR/uas-$t.out" 2>&1 &
	UASPID=$!
	PIDS+=("$UASPID")
	sleep 0.5
	start_softcall out-$t -u 200 -n 40 -t 0301 -R 20 -c 60 -h 300 -s 25
	wait "$SOFT"
	kill "$UASPID"
	wait "$UASPID" 2>/dev/null
	[ "$(field "$DIR/out-$t.out" answered_out)" = 60 ] || fail "answered $(field "$DIR/out-$t.out" answered_out) of 60 over $t: $(cat "$DIR/out-$t.out")"
	[ "$(field "$DIR/out-$t.out" sessions_left)" = 0 ] || fail "media sessions were left over"
done
echo "120 calls to SIPp over UDP and TCP: answered and ended"
[ "$(ctl --json call list | grep -c '"call"')" = 0 ] || fail "calls were left over"
[ "$(ctl --json record list max=1000 | grep -o '"kind"' | wc -l)" -ge 182 ] || fail "records are missing"
kill -0 "$SIPD" || fail "sipd died"
