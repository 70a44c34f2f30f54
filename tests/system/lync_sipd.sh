#!/bin/bash
# sipd and certd at a strict Lync front end, as a trusted application and by NTLM: registration, calls between handsets through the
# front end, a wrong password, an association that the server forgets, de-registration, redirection, an untrusted host, the front
# end killed and back. The front end's list of violations stays empty.
USERS=20
. "$TOP/tests/system/lib_lync.sh"
calls() { # mode
	start_softcall "call-$1" -a 50 -u 200 -n 8 -t 215 -R 1.5 -c 8 -h 300 -s 25
	wait "$SOFT"
	[ "$(field "$DIR/call-$1.out" answered_out)" = 8 ] && [ "$(field "$DIR/call-$1.out" answered_in)" = 8 ] ||
		fail "$1: calls through the front end: $(cat "$DIR/call-$1.out")"
	[ "$(state 1 'd["counts"].get("<INVITE",0)')" -ge 8 ] || fail "$1: the calls did not go through the front end"
	clean 1 "$1 calls" "${2:-}"
}
for MODE in trusted ntlm; do
	PORT1=$(free_port)
	PORT2=$(free_port)
	TRUST=()
	[ $MODE = trusted ] && TRUST=(--trusted ipdect.contoso.com)
	rm -rf "$DIR/state" "$DIR/run"
	fe 1 "$PORT1" "${TRUST[@]}"
	FE1=$FE
	# trusted: all users over one connection; ntlm: 7 over each
	[ $MODE = ntlm ] && printf '[lync]\nusers-per-connection = 7\n' > "$DIR/more" || : > "$DIR/more"
	start_lync $MODE "localhost:$PORT1 localhost:$PORT2" < "$DIR/more"
	add_users 200 $USERS
	wait_for 30 registered $USERS || fail "$MODE: registered: $(ctl reg list; state 1 'd["violations"]')"
	at 1 $USERS || fail "$MODE: the front end does not have all"
	clean 1 "$MODE registration"
	[ "$(state 1 'all(e["signed"] for v in d["endpoints"].values() for e in v)')" = $([ $MODE = ntlm ] && echo True || echo False) ] ||
		fail "$MODE: wrong kind of registration"
	[ "$(state 1 'd["flows"]')" = $([ $MODE = ntlm ] && echo 3 || echo 1) ] || fail "$MODE: wrong number of connections: $(state 1 'd["flows"]')"
	echo "$MODE: $USERS users registered, no violation"
	calls $MODE
	echo "$MODE: 8 calls between handsets through the front end, no violation"

	if [ $MODE = ntlm ]; then
		# a password that is not the server's: said in words, and not tried again and again
		echo -n wrong | ctl secret set 219 kind=sip value=- > /dev/null 2>&1
		ctl user set 219 disabled=yes > /dev/null; wait_for 10 at 1 $((USERS - 1)) || fail "the user's registration was not taken back"
		ctl user set 219 disabled=no > /dev/null
		wait_for 15 sh -c "'$BUILD/dectctl' -r '$DIR/run' reg list | grep -q 'wrong password'" ||
			fail "wrong password not explained: $(ctl reg list)"
		sleep 3
		[ "$(state 1 'd["counts"].get(">401",0)')" -le $((2 * USERS + 6)) ] || fail "a wrong password is tried again and again"
		echo "ntlm: a wrong password is explained and not repeated"
		USERS_UP=$((USERS - 1))
		clean 1 "wrong password"
		# the server forgets the associations: the next request is challenged, a new handshake, the request again
		ask 1 '{"do":"forget","aors":["sip:200@contoso.com","sip:201@contoso.com","sip:202@contoso.com","sip:203@contoso.com"]}' > /dev/null
		# the ACK to its 407 has the old signature: dropped, as the dialect wants
		calls again "unsigned ACK: dropped"
		[ "$(state 1 'd["counts"].get(">407",0)')" -ge 4 ] || fail "the server did not forget"
		ask 1 '{"do":"clear"}' > /dev/null
		echo "ntlm: associations that the server forgot are made anew when a call is refused for it"
	else
		USERS_UP=$USERS
	fi

	# ---- the server ends a registration: moved to another pool comes back at once, disabled stays away
	ask 1 '{"do":"deregister","aor":"sip:201@contoso.com","event":"deactivated"}' > /dev/null
	wait_for 15 at 1 $USERS_UP || fail "$MODE: a deactivated user did not come back"
	ask 1 '{"do":"deregister","aor":"sip:202@contoso.com","event":"rejected"}' > /dev/null
	wait_for 10 sh -c "'$BUILD/dectctl' -r '$DIR/run' reg list | grep -q 'the user was disabled'" || fail "$MODE: rejection not told: $(ctl reg list)"
	sleep 2
	at 1 $((USERS_UP - 1)) || fail "$MODE: a rejected user came back"
	clean 1 "$MODE de-registration"
	echo "$MODE: deactivated comes back, rejected stays away and is explained"

	# ---- the connection breaks: all come back
	ask 1 '{"do":"hang-up"}' > /dev/null
	wait_for 30 at 1 $((USERS_UP - 1)) || fail "$MODE: users did not come back after the connection broke: $(ctl reg list)"
	clean 1 "$MODE connection lost"
	# ---- the front end dies; the second takes over; the first is back
	fe 2 "$PORT2" "${TRUST[@]}"
	FE2=$FE
	kill -9 "$FE1"
	BEGAN=$(date +%s%N)
	wait_for 40 at 2 $((USERS_UP - 1)) || fail "$MODE: the second front end did not take over: $(ctl reg list)"
	echo "$MODE: front end killed: all users at the second after $((($(date +%s%N) - BEGAN) / 1000000)) ms"
	clean 2 "$MODE fail-over"
	rm -f "$DIR/fe1.ctl" "$DIR/fe1.log"
	fe 1 "$PORT1" "${TRUST[@]}"
	FE1=$FE
	wait_for 60 at 1 $((USERS_UP - 1)) || fail "$MODE: users did not go back to the first front end: $(ctl reg list)"
	clean 1 "$MODE fail-back"
	echo "$MODE: the first is back: all users at it again"
	# ---- a redirection to the second
	ask 1 "{\"do\":\"set\",\"key\":\"redirect\",\"value\":[[\"localhost:$PORT2\",\"0.7\"],[\"localhost:9\",\"0.3\"]]}" > /dev/null
	ask 1 '{"do":"hang-up"}' > /dev/null
	wait_for 30 at 2 $((USERS_UP - 1)) || fail "$MODE: redirection was not followed: $(ctl reg list)"
	clean 1 "$MODE redirection"
	clean 2 "$MODE redirection"
	echo "$MODE: 301 followed to the home server"
	kill -0 "$SIPD" || fail "sipd died"
	if [ $MODE = trusted ]; then
		# ---- a server that does not trust us: the mistake is explained
		kill -9 "$FE1" "$FE2"
		rm -f "$DIR"/fe[12].ctl "$DIR"/fe[12].log
		fe 1 "$PORT1"
		wait_for 40 sh -c "'$BUILD/dectctl' -r '$DIR/run' reg list | grep -q 'trusted application'" || fail "401 in trusted mode not explained: $(ctl reg list)"
		kill -9 "$FE" 2>/dev/null
		echo "trusted: a challenge is explained as the mistake in the set-up that it is"
	else
		kill -9 "$FE1" "$FE2" 2>/dev/null
	fi
	kill "$SIPD" "$CERTD"
	wait "$SIPD" "$CERTD" 2>/dev/null
	rm -f "$DIR"/fe[12].ctl "$DIR"/fe[12].log
done
