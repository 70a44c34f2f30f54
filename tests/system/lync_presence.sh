#!/bin/bash
# presenced by way of sipd at a strict Lync front end, trusted and by NTLM: a handset's presence as a Lync client shows it, in a call
# and after it, set by hand, another endpoint's publications, conflicts, message waiting, gone and back.
USERS=4
. "$TOP/tests/system/lib_lync.sh"
[ -x "$BUILD/presenced" ] || { echo "not built: $BUILD/presenced"; exit 77; }
shown() { # user: what a Lync client shows of it
	ask 1 '{"do":"shown"}' | python3 -c "import json,sys; print(json.load(sys.stdin)['sip:$1@contoso.com'])"
}
shows() { [ "$(shown "$1")" = "$2" ]; }
shows_not() { [ "$(shown "$1")" != "$2" ]; }
expect() { # seconds, user, state, when
	wait_for "$1" shows "$2" "$3" || fail "$MODE: $4: $2 is shown as '$(shown "$2")', not '$3': $(ctl presence show "$2"; state 1 'd["violations"]')"
}
for MODE in trusted ntlm; do
	PORT=$(free_port)
	TRUST=()
	[ $MODE = trusted ] && TRUST=(--trusted ipdect.contoso.com)
	rm -rf "$DIR/state" "$DIR/run"
	fe 1 "$PORT" "${TRUST[@]}"
	ask 1 '{"do":"provision","settings":{"ucLocationProfile":"Berlin.contoso.com","ucMinAudioPort":"49152"}}' > /dev/null
	start_lync $MODE "localhost:$PORT" <<CONF
[sipd]
voicemail-number = 17
[presenced]
available-time = 5m
publish-forwarding = yes
CONF
	"$BUILD/presenced" -c "$DIR/ipdect.conf" >> "$DIR/presenced.log" 2>&1 &
	PRES=$!
	PIDS+=("$PRES")
	wait_for 10 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
	add_users 200 $USERS
	wait_for 30 registered $USERS || fail "$MODE: registered: $(ctl reg list; state 1 'd["violations"]')"
	for u in 200 201 202 203; do
		wait_for 20 sh -c "'$BUILD/dectctl' -r '$DIR/run' presence show $u | grep -q published" ||
			fail "$MODE: $u is not published: $(ctl presence show $u; state 1 'd["violations"]'; state 1 'd["counts"]')"
	done
	clean 1 "$MODE first publication"
	ctl presence list
	# ---- a call between two handsets
	start_softcall "call-$MODE" -a 50 -u 200 -n 1 -t 201 -R 1 -c 1 -h 6000 -s 12
	expect 10 200 "In a call" "while the handset is in a call"
	expect 10 201 "In a call" "while the handset is in a call"
	wait "$SOFT"
	expect 10 200 Available "after the call"
	expect 10 201 Available "after the call"
	clean 1 "$MODE call"
	echo "$MODE: in a call, and Available after it"
	# ---- by hand
	ctl presence set 202 state=busy > "$DIR/set" 2>&1 || fail "presence set: $(cat "$DIR/set")"
	expect 10 202 Busy "set by hand"
	ctl presence set 202 state=automatic > "$DIR/set" 2>&1 || fail "presence set: $(cat "$DIR/set")"
	wait_for 10 sh -c "! '$BUILD/dectctl' -r '$DIR/run' presence show 202 | grep -q busy" || fail "$MODE: still busy"
	wait_for 10 shows_not 202 Busy || fail "$MODE: the server still shows Busy"
	clean 1 "$MODE set by hand"
	# ---- message waiting comes as a category
	start_softcall "mwi-$MODE" -a 50 -u 200
	ask 1 '{"do":"mwi","aor":"sip:203@contoso.com","new":3,"old":1}' > /dev/null
	wait_for 20 grep -q "^mail 203 3$" "$DIR/mwi-$MODE.out" || fail "$MODE: no handset heard of the messages: $(cat "$DIR/mwi-$MODE.out")"
	stop_softcall
	clean 1 "$MODE message waiting"
	# ---- in-band provisioning: shown, and used
	wait_for 10 sh -c "'$BUILD/dectctl' -r '$DIR/run' provision list 200 | grep -q 'dial plan'" || fail "$MODE: provisioning: $(ctl provision list)"
	ctl provision list 200
	ctl provision list 200 | grep -q '5b0c7a1e-.*may go directly' || fail "$MODE: the bypass identifier is not used"
	start_softcall "plan-$MODE" -u 203 -n 1 -t 5551 -R 5 -c 1 -s 6
	wait "$SOFT"
	ask 1 '{"do":"trace","last":400}' | grep -q 'sip:5551;phone-context=Berlin.contoso.com@contoso.com' || fail "$MODE: the server's dial plan is not named"
	start_softcall "mail-$MODE" -u 203 -n 1 -t 17 -R 5 -c 1 -s 6
	wait "$SOFT"
	ask 1 '{"do":"trace","last":400}' | grep -q 'INVITE sip:203@contoso.com;opaque=app:voicemail' || fail "$MODE: the mailbox is not called"
	echo "$MODE: provisioning is used"
	# ---- a user who never signed in: made visible once, and what the user then takes away stays away
	members() { ask 1 "{\"do\":\"containers\",\"aor\":\"sip:204@contoso.com\"}"; }
	ask 1 '{"do":"user","name":"204","password":"secret-204","bootstrapped":false}' > /dev/null
	[ $MODE = ntlm ] && { echo -n secret-204 | ctl secret set 204 kind=sip value=- > "$DIR/secret" 2>&1 || fail "secret set: $(cat "$DIR/secret")"; }
	ctl user add 204 display-name=New ipei=050030077777 > "$DIR/add" 2>&1 || fail "user add: $(cat "$DIR/add")"
	start_softcall "new-$MODE" -a 50 -n 5 -u 200
	wait_for 30 sh -c "'$BUILD/dectctl' -r '$DIR/run' presence show 204 | grep -q machine" || fail "$MODE: 204 is not published: $(ctl presence show 204; ctl reg list)"
	has_se() { members | grep -q '"200".*sameEnterprise'; }
	wait_for 10 has_se || fail "$MODE: 204 was not made visible: $(members)"
	members | grep -q federated && fail "$MODE: visible to partners though it is not configured"
	ask 1 '{"do":"members","aor":"sip:204@contoso.com","containers":{"200":[]}}' > /dev/null
	echo "$MODE: made visible"
	stop_softcall
	# ---- colleagues: one of ours, one with a desktop client only, one whom nobody knows
	desktop() { # user, availability, version
		ask 1 "$(python3 - "$@" <<'PY'
import json, sys
user, avail, version = sys.argv[1:]
print(json.dumps({"do": "other-endpoint-publishes", "aor": f"sip:{user}@contoso.com", "document":
    '<publish xmlns="http://schemas.microsoft.com/2006/09/sip/rich-presence"><publications uri="sip:%s@contoso.com"><publication '
    'categoryName="state" instance="805306369" container="2" version="%s" expireType="endpoint"><state '
    'xmlns="http://schemas.microsoft.com/2006/09/sip/state" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'manual="false" xsi:type="machineState"><availability>%s</availability></state></publication></publications></publish>'
    % (user, version, avail)}))
PY
)" | grep -v '^{}$' && fail "$MODE: publishing of $1"
	}
	look() { ctl presence look 200 who="sip:$1@contoso.com" | tail -1 | awk '{ print $2 }'; }
	ask 1 '{"do":"user","name":"900","password":"x"}' > /dev/null
	desktop 900 3500 0
	[ "$(look 900)" = available ] || fail "$MODE: 900 is '$(look 900)' for 200: $(state 1 'd["violations"]')"
	watched() { ctl presence colleagues 200 | grep -q "sip:900@contoso.com *$1"; }
	desktop 900 5000 1
	wait_for 20 watched inactive || fail "$MODE: a colleague's change was not seen: $(ctl presence colleagues 200; ask 1 "{\"do\":\"trace\",\"last\":900}" | tr '[' '\n' | grep -a 900@)"
	ctl presence set 203 state=be-right-back > "$DIR/set" 2>&1 || fail "presence set: $(cat "$DIR/set")"
	wait_for 20 sh -c "'$BUILD/dectctl' -r '$DIR/run' presence look 200 who=sip:203@contoso.com | grep -q be-right-back" || fail "$MODE: 203 is '$(look 203)'"
	[ "$(look 999)" = unknown ] || fail "$MODE: 999 is '$(look 999)'"
	[ "$(ctl presence colleagues 200 | grep -c contoso)" = 2 ] || fail "$MODE: watched: $(ctl presence colleagues 200)"
	ctl presence set 203 state=automatic > "$DIR/set" 2>&1
	clean 1 "$MODE colleagues"
	echo "$MODE: colleagues are seen"
	# ---- forwarding by the server
	ctl presence routing 201 forward=4711 after=15s > "$DIR/set" 2>&1 || fail "presence routing: $(cat "$DIR/set")"
	routed() { ctl presence routing 201 | grep -q 'forward sip:4711@contoso.com;user=phone after 15 s'; }
	wait_for 20 routed || fail "$MODE: routing: $(ctl presence routing 201; state 1 'd["violations"]')"
	ask 1 '{"do":"publications","aor":"sip:201@contoso.com"}' | python3 -c '
import json, sys
found = {p["container"]: p["xml"] for p in json.load(sys.stdin) if p["category"] == "routing"}
assert set(found) == {0, 100}, found
assert all("sip:4711@contoso.com;user=phone" in x and "enablecf" in x and "forward_immediate" not in x for x in found.values()), found' ||
		fail "$MODE: the routing script at the server"
	ctl presence routing 201 forward= > "$DIR/set" 2>&1 || fail "presence routing: $(cat "$DIR/set")"
	wait_for 20 sh -c "'$BUILD/dectctl' -r '$DIR/run' presence routing 201 | grep -q 'no forwarding'" || fail "$MODE: routing: $(ctl presence routing 201)"
	ctl user set 202 forward-always=4712 > "$DIR/set" 2>&1 || fail "user set: $(cat "$DIR/set")" # as the handset's menu does
	wait_for 20 sh -c "'$BUILD/dectctl' -r '$DIR/run' presence routing 202 | grep -q 'forward sip:4712@contoso.com;user=phone at once'" ||
		fail "$MODE: forwarding on the handset was not told: $(ctl presence routing 202)"
	ctl user set 202 forward-always= > "$DIR/set" 2>&1 || fail "user set: $(cat "$DIR/set")"
	wait_for 20 sh -c "'$BUILD/dectctl' -r '$DIR/run' presence routing 202 | grep -q 'no forwarding'" || fail "$MODE: routing: $(ctl presence routing 202)"
	clean 1 "$MODE routing"
	echo "$MODE: forwarded by the server"
	# ---- presenced dies and is back
	kill -9 "$PRES"
	wait "$PRES" 2>/dev/null
	"$BUILD/presenced" -c "$DIR/ipdect.conf" >> "$DIR/presenced.log" 2>&1 &
	PRES=$!
	PIDS+=("$PRES")
	wait_for 20 sh -c "'$BUILD/dectctl' -r '$DIR/run' presence show 200 | grep -q published" || fail "$MODE: presenced is back, nothing is published: $(ctl presence show 200)"
	clean 1 "$MODE presenced back"
	wait_for 20 sh -c "'$BUILD/dectctl' -r '$DIR/run' presence show 204 | grep -q machine" || fail "$MODE: 204 is not published again: $(ctl presence show 204)"
	has_se && fail "$MODE: a membership that the user took away was written again: $(members)"
	echo "$MODE: presenced killed and back: published again"
	kill -0 "$SIPD" || fail "sipd died"
	kill "$SIPD" "$CERTD" "$PRES" "$FE"
	wait "$SIPD" "$CERTD" "$PRES" 2>/dev/null
	rm -f "$DIR"/fe1.ctl "$DIR"/fe1.log
done
