#!/bin/bash
# presenced by way of sipd at Kamailio's presence server: what a watcher sees of a handset, by PIDF and by dialog-info; the server and
# presenced killed and back; removed with the registration.
. "$TOP/tests/system/lib_sipd.sh"
[ -x "$BUILD/presenced" ] || { echo "not built: $BUILD/presenced"; exit 77; }
PORT=$(free_port)
PBX=$(free_port)
PA_MIN_EXPIRES=120
. "$TOP/tests/system/lib_pa.sh"
pa_config
start_kamailio
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
transports = udp
default-domain = example.test
proxy-1 = sip:127.0.0.1:$PBX
transaction-timeout = 1s
register-rate = 200
session-expires = 0
message-waiting = no
[presenced]
available-time = 6s
inactive-time = 6s
publish-expires = 60
group-policy = agents:agent=available
CONF
start_presenced() {
	"$BUILD/presenced" -c "$DIR/ipdect.conf" >> "$DIR/presenced.log" 2>&1 &
	PRES=$!
	PIDS+=("$PRES")
	wait_for 10 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
}
start_presenced
add_users 200 3
ctl user add 203 group=agents ipei=050030077777 > "$DIR/add" 2>&1 || fail "user add: $(cat "$DIR/add")"
start_softcall home -a 2000 -u 200 -n 4 # all handsets at home, calls ring for two seconds
registered() { [ "$(ctl --json reg list | grep -o '"registered"' | wc -l)" = 4 ]; }
wait_for 20 registered || fail "registered: $(ctl reg list)"
shows() { # user, words of PUBLISHED
	ctl presence show "$1" | grep -q "$2"
}
wait_for 20 shows 202 "presence, dialog" || fail "not published: $(ctl presence list)"
watch() { # name, users…
	local name=$1 u aors=()
	shift
	for u in "$@"; do aors+=("sip:$u@example.test"); done
	/usr/bin/python3 -B "$TOP/tests/system/watcher.py" "$PBX" "$DIR/$name.seen" "${aors[@]}" > "$DIR/$name.log" 2>&1 &
	WATCH=$!
	PIDS+=("$WATCH")
}
last() { # watch, event, user
	grep "^$2 sip:$3@" "$DIR/$1.seen" 2>/dev/null | tail -1 | cut -d' ' -f3-
}
last_is() { [[ "$(last "$1" "$2" "$3")" == $4 ]]; }
sees() { # seconds, watch, event, user, pattern, when
	wait_for "$1" last_is "$2" "$3" "$4" "$5" || fail "$6: $3 of $4 is '$(last "$2" "$3" "$4")', not '$5': $(cat "$DIR/$2.seen"; ctl presence show "$4")"
}
in_order() { # watch, event, user, patterns…: each was seen after the one before
	local name=$1 event=$2 user=$3 want
	shift 3
	mapfile -t lines < <(grep "^$event sip:$user@" "$DIR/$name.seen" | cut -d' ' -f3-)
	local i=0
	for want in "$@"; do
		while [ $i -lt ${#lines[@]} ] && [[ "${lines[$i]}" != $want ]]; do i=$((i + 1)); done
		[ $i -lt ${#lines[@]} ] || fail "$event of $user: '$want' was not seen in its turn: ${lines[*]/#/; }"
	done
}
watch one 200 201 202
sees 20 one presence 200 "open away idle tuples=1 note=Away" "at first"
sees 20 one dialog 200 none "at first"
echo "a watcher sees Away"
stop_softcall
# ---- a call: ringing, busy, free; Available, Inactive, Away after it
start_softcall call -a 1500 -u 200 -n 1 -t 201 -R 1 -c 1 -h 8000 -s 60
sees 30 one presence 200 "open on-the-phone tuples=1 note=In a call" "in a call"
sees 30 one presence 201 "open on-the-phone tuples=1 note=In a call" "in a call"
sees 30 one dialog 201 confirmed "in a call"
sees 40 one dialog 201 none "after the call"
sees 60 one presence 201 "open away idle tuples=1 note=Away" "long after the call"
sees 60 one presence 200 "open away idle tuples=1 note=Away" "long after the call"
for u in 200 201; do
	in_order one presence $u "open away idle*" "open on-the-phone *" "open tuples=1 note=Available" "open idle tuples=1 note=Inactive" "open away idle*"
done
shows 203 available || fail "an agent at home fell asleep: $(ctl presence show 203)"
in_order one dialog 201 none early confirmed none
stop_softcall
echo "In a call, Available, Inactive, Away; lamp ringing, busy, free"
# ---- by hand, with a note
ctl presence set 202 state=busy note="Back at 4 < 5 & more" > "$DIR/set" 2>&1 || fail "presence set: $(cat "$DIR/set")"
sees 20 one presence 202 "open busy*note=Back at 4 < 5 & more" "by hand"
ctl presence set 202 state=automatic note= > "$DIR/set" 2>&1 || fail "presence set: $(cat "$DIR/set")"
sees 20 one presence 202 "open *note=Available" "automatic again"
# ---- a colleague elsewhere, whom a handset's phone book shows
publish() { # user, activity element
	/usr/bin/python3 - "$PBX" "$DIR/etag" "$@" <<'PY'
import os, socket, sys
port, store, user, activity = sys.argv[1:]
match = f"SIP-If-Match: {open(store).read()}\r\n" if os.path.exists(store) else ""
body = (f'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        f'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:{user}@example.test"><tuple id="a"><status><basic>open</basic>'
        f'</status></tuple><dm:person id="p"><rpid:activities>{activity}</rpid:activities></dm:person></presence>')
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
s.settimeout(1)
me, tag = s.getsockname()[1], os.urandom(6).hex()
for _ in range(20):
    s.sendto((f"PUBLISH sip:{user}@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{me};branch=z9hG4bK{tag};rport\r\n"
              f"Max-Forwards: 70\r\nFrom: <sip:{user}@example.test>;tag={tag}\r\nTo: <sip:{user}@example.test>\r\n"
              f"Call-ID: {tag}\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n{match}Content-Type: application/pidf+xml\r\n"
              f"Content-Length: {len(body)}\r\n\r\n{body}").encode(), ("127.0.0.1", int(port)))
    try:
        answer = s.recv(65535).decode()
        if answer.startswith("SIP/2.0 200"):
            open(store, "w").write(next(line for line in answer.split("\r\n") if line.startswith("SIP-ETag:"))[9:].strip())
            sys.exit(0)
    except TimeoutError:
        pass
sys.exit("PUBLISH was not answered")
PY
}
look() { ctl presence look 200 who="sip:$1@example.test" | tail -1 | awk '{ print $2 }'; }
look_is() { [ "$(look "$1")" = "$2" ]; }
watched() { ctl presence colleagues 200 | grep -q "sip:$1@example.test *$2"; }
publish 901 "<rpid:busy/>" || fail "publish"
wait_for 20 look_is 901 busy || fail "901 is '$(look 901)' for 200"
publish 901 "<rpid:on-the-phone/>" || fail "publish"
wait_for 20 watched 901 in-a-call || fail "a colleague's change was not seen: $(ctl presence colleagues 200)"
ctl presence set 202 state=busy > "$DIR/set" 2>&1 || fail "presence set: $(cat "$DIR/set")"
wait_for 10 look_is 202 busy || fail "202, one of ours, is '$(look 202)' for 200"
ctl presence colleagues 200 | grep -q 202 && fail "one of ours was subscribed to"
echo "colleagues are seen"
# ---- presenced is killed and back: its publication is changed, not doubled
kill -9 "$PRES"
wait "$PRES" 2>/dev/null
start_presenced
wait_for 30 shows 202 "presence, dialog" || fail "not published again: $(ctl presence list)"
ctl presence set 202 state=do-not-disturb > "$DIR/set" 2>&1 || fail "presence set: $(cat "$DIR/set")"
sees 20 one presence 202 "open busy*tuples=1 note=Do not disturb" "after presenced was killed"
echo "presenced killed and back: one publication"
# ---- the server is killed and forgets all: 412, published anew
kill "$WATCH"
kill_tree "$KAM"
pa_config
start_kamailio
ctl presence set 202 state=be-right-back > "$DIR/set" 2>&1 || fail "presence set: $(cat "$DIR/set")"
watch two 200 202
sees 60 two presence 202 "open away*tuples=1 note=Be right back" "after the server was killed"
echo "server killed and back: published anew"
# ---- the user goes
ctl user set 202 disabled=yes > "$DIR/set" 2>&1 || fail "user set: $(cat "$DIR/set")"
sees 30 two presence 202 "closed *" "disabled"
echo "disabled: removed"
grep -q refused "$DIR"/*.seen && fail "refused: $(cat "$DIR"/*.seen)"
for p in "$SIPD" "$PRES"; do kill -0 "$p" || fail "a daemon died"; done
