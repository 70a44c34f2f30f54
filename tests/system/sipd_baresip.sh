#!/bin/bash
# A real telephone: baresip calls our users and is called by them, holds, retrieves, transfers by REFER; handsets and mediad are
# played by softcall.
command -v baresip >/dev/null || { echo "baresip is not installed"; exit 77; }
. "$TOP/tests/system/lib_sipd.sh"
PORT=$(free_port)
BARE=$(free_port)
CTRL=$(free_port)
RTP=$((10000 + RANDOM % 100 * 50))
mkdir "$DIR/phone"
python3 -c 'import math, struct, sys, wave
w = wave.open(sys.argv[1], "wb"); w.setnchannels(1); w.setsampwidth(2); w.setframerate(8000)
w.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(i * 0.3))) for i in range(80000)))' "$DIR/tone.wav"
cat > "$DIR/phone/config" <<CONF
sip_listen 127.0.0.1:$BARE
audio_player aufile,$DIR/unused.wav
audio_source aufile,$DIR/tone.wav
audio_srate 8000
audio_channels 1
audio_alert aufile,$DIR/unused.wav
ring_aufile none
ringback_aufile none
busy_aufile none
notfound_aufile none
error_aufile none
net_interface 127.0.0.1
rtp_ports $RTP-$((RTP + 40))
call_max_calls 4
ctrl_tcp_listen 127.0.0.1:$CTRL
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module srtp.so
module_app account.so
module_app ctrl_tcp.so
module_app menu.so
CONF
echo "<sip:bob@127.0.0.1:$BARE>;regint=0;answermode=auto;audio_codecs=pcma,pcmu;mediaenc=${SRTP:-srtp}" > "$DIR/phone/accounts"
: > "$DIR/phone/contacts"
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
transports = udp tcp
default-domain = example.test
register-when = never
accept-calls = any
session-expires = 90
CONF
add_users 200 10
(cd "$DIR/phone" && exec baresip -f "$DIR/phone" -4 > "$DIR/baresip.log" 2>&1) &
PIDS+=($!)
start_softcall in -a 50
cat > "$DIR/phone.py" <<'PY'
import json, socket, sys, time
def connect(port):
    for _ in range(100):
        s = socket.socket()
        if s.connect_ex(("127.0.0.1", port)) == 0:
            return s
        time.sleep(0.1)
    sys.exit("baresip has no control port")
s = connect(int(sys.argv[1]))
s.settimeout(0.2)
buf, events = b"", []
def pump():
    global buf
    try:
        buf += s.recv(65536)
    except socket.timeout:
        pass
    while b":" in buf:
        head, rest = buf.split(b":", 1)
        n = int(head)
        if len(rest) < n + 1:
            break
        m = json.loads(rest[:n])
        buf = rest[n + 1:]
        if m.get("event"):
            events.append(m)
def command(c, p=""):
    d = json.dumps({"command": c, "params": p}).encode()
    s.sendall(b"%d:%s," % (len(d), d))
    pump()
def event(kind, seconds=8):
    end = time.time() + seconds
    while time.time() < end:
        for e in events:
            if e["type"] == kind:
                events.remove(e)
                return e
        pump()
    sys.exit(f"no {kind} from baresip; it said {[e['type'] for e in events]}")
for step in sys.argv[2:]:
    op, _, arg = step.partition("=")
    if op == "wait":
        event(arg)
    elif op == "sleep":
        end = time.time() + float(arg)
        while time.time() < end:
            pump()
    else:
        command(op, arg)
PY
phone() { python3 "$DIR/phone.py" $CTRL "$@" || fail "phone $*"; }
ctl trace sip "file=$DIR/call.pcap" for=10m &
CAPTURE=$!
wait_for 5 grep -q 'SIP capture began' "$DIR/sipd.log" || fail "no capture"
phone dial=sip:201@127.0.0.1:$PORT wait=CALL_RINGING wait=CALL_ESTABLISHED sleep=0.3 hold sleep=0.5 resume sleep=0.5 hangup
held() { [ "$(grep -c 'call ended' "$DIR/sipd.log")" -ge 1 ]; }
wait_for 5 held || fail "the call did not end"
echo "baresip called a user, held, retrieved, hung up"
ctl trace end > /dev/null && wait "$CAPTURE" || fail "the capture did not end"
for what in 'INVITE sip:201@' 'BYE sip:' 'inline:xxxx'; do grep -aq "$what" "$DIR/call.pcap" || fail "captured: no $what"; done
! grep -aq 'inline:[^x]' "$DIR/call.pcap" || fail "captured: a key"
! ctl trace end > "$DIR/none" 2>&1 && grep -q 'no capture is running' "$DIR/none" || fail "ended twice: $(cat "$DIR/none")"
echo "captured: the call, its keys masked"
phone dial=sip:202@127.0.0.1:$PORT wait=CALL_ESTABLISHED sleep=0.3 transfer=sip:203@127.0.0.1:$PORT sleep=2
grep -q 'far end transfers the call' "$DIR/sipd.log" || fail "REFER was not understood"
[ "$(ctl --json call list | grep -c '"call"')" = 1 ] || fail "after the transfer: $(ctl call list)"
echo "baresip transferred a user to another by REFER"
stop_softcall
[ "$(field "$DIR/in.out" answered_in)" = 3 ] || fail "$(cat "$DIR/in.out")"
[ "$(field "$DIR/in.out" held)" -ge 1 ] || fail "no hold was seen: $(cat "$DIR/in.out")"
start_softcall out -u 200 -n 5 -t sip:bob@127.0.0.1:$BARE -R 2 -c 3 -h 700 -s 20
wait "$SOFT"
[ "$(field "$DIR/out.out" answered_out)" = 3 ] || fail "calls to baresip: $(cat "$DIR/out.out")"
echo "3 calls to baresip"

# Two real mediads: the one that carries the call is killed, the other takes it over.
if [ -x "$BUILD/mediad" ]; then
	M=$((15100 + RANDOM % 40 * 100))
	cat >> "$DIR/ipdect.conf" <<-CONF
	[mediad]
	rtp-address = 127.0.0.1
	CONF
	for i in 1 2; do
		sed "/^\[mediad\]/a rtp-ports = $((M + i * 40))-$((M + i * 40 + 39))" "$DIR/ipdect.conf" > "$DIR/mediad-$i.conf"
		"$BUILD/mediad" -c "$DIR/mediad-$i.conf" -i $i > "$DIR/mediad-$i.log" 2>&1 &
		MEDIAD[$i]=$!
		PIDS+=("${MEDIAD[$i]}")
	done
	both() { [ "$(grep -c 'mediad is there' "$DIR/sipd.log")" -ge $((SEEN + 2)) ]; }
	SEEN=$(grep -c 'mediad is there' "$DIR/sipd.log")
	wait_for 10 both || fail "two mediads: $(tail -3 "$DIR"/mediad-*.log)"
	start_softcall moved -x -a 50
	phone dial=sip:201@127.0.0.1:$PORT wait=CALL_ESTABLISHED sleep=0.5
	at() { ctl --json call list | grep -o 'mediad-[12]' | head -1; }
	A=$(at)
	updates() { grep -c "stream: update 'audio'" "$DIR/baresip.log"; }
	U=$(updates)
	kill -9 "${MEDIAD[${A#mediad-}]}"
	moved() { [ -n "$(at)" ] && [ "$(at)" != "$A" ]; }
	began=$(date +%s%3N)
	wait_for 5 moved || fail "the call stayed at $A: $(ctl call list)"
	echo "call moved from $A to $(at) in $(($(date +%s%3N) - began)) ms"
	reinvited() { [ "$(updates)" -gt "$U" ]; }
	wait_for 1 reinvited || fail "baresip got no re-INVITE within a second"
	phone sleep=0.5 hangup
	stop_softcall
	[ "$(field "$DIR/moved.out" answered_in)" = 1 ] && [ "$(field "$DIR/moved.out" ended)" = 1 ] || fail "$(cat "$DIR/moved.out")"
fi
kill -0 "$SIPD" || fail "sipd died"
# What was captured when sipd is stopped is not lost.
ctl trace sip "file=$DIR/stop.pcap" for=10m &
CAPTURE=$!
twice() { [ "$(grep -c 'SIP capture began' "$DIR/sipd.log")" = 2 ]; }
wait_for 5 twice || fail "no second capture"
kill "$SIPD"
wait "$CAPTURE" && [ -s "$DIR/stop.pcap" ] || fail "the capture of a sipd that was stopped is lost"
