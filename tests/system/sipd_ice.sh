#!/bin/bash
# Plain ICE (RFC 8445, RFC 8839) with real telephones: two baresips with `medianat=ice` talk through us, so that we are the
# called and the calling side at once: full agents, a lite one, one that multiplexes RTCP, one without ICE. Speech is a
# tone that must come out of the other telephone; the candidates' addresses are not loopback's, which baresip leaves out.
command -v baresip >/dev/null || { echo "baresip is not installed"; exit 77; }
[ -e /usr/lib/baresip/modules/ice.so ] || { echo "baresip has no module ice"; exit 77; }
[ -x "$BUILD/mediad" ] || { echo "mediad is not built"; exit 77; }
if [ -z "${IN_NET:-}" ] && unshare -n true 2>/dev/null && command -v ip >/dev/null; then
	export IN_NET=1
	exec unshare -n bash "$0"
fi
if [ -n "${IN_NET:-}" ]; then
	ip link set lo up
	ip addr add 192.0.2.30/24 dev lo
	ip addr add 192.0.2.10/24 dev lo || { echo "no network of its own"; exit 77; }
	IP=192.0.2.10
else
	IP=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m1 -E '^[0-9.]+$')
	[ -n "$IP" ] || { echo "no address but loopback"; exit 77; }
fi
. "$TOP/tests/system/lib_sipd.sh"
PORT=$(free_port)
M=$((10000 + RANDOM % 80 * 100)) # not where free_port looks: a part of these ports is cut off at the end
/usr/bin/python3 -c 'import math, struct, sys, wave
w = wave.open(sys.argv[1], "wb"); w.setnchannels(1); w.setsampwidth(2); w.setframerate(8000)
w.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(i * 2 * math.pi * 1000 / 8000))) for i in range(8000 * 60)))' "$DIR/tone.wav"
# phone NAME PORT CTRL ACCOUNT-PARAMETERS MODULE-LINES…: one baresip
phone_start() {
	local name=$1 port=$2 ctrl=$3 params=$4
	shift 4
	mkdir -p "$DIR/$name"
	cat > "$DIR/$name/config" <<-CONF
	sip_listen $IP:$port
	audio_player aufile,$DIR/$name/unused.wav
	audio_source aufile,$DIR/tone.wav
	audio_srate 8000
	audio_channels 1
	audio_alert aufile,$DIR/$name/alert.wav
	ring_aufile none
	ringback_aufile none
	busy_aufile none
	notfound_aufile none
	error_aufile none
	rtp_ports $((M + 1000 + ctrl % 50 * 20))-$((M + 1019 + ctrl % 50 * 20))
	call_max_calls 4
	ctrl_tcp_listen 127.0.0.1:$ctrl
	module_path /usr/lib/baresip/modules
	module g711.so
	module aufile.so
	module srtp.so
	module ice.so
	module sndfile.so
	snd_path $DIR/$name
	module_app account.so
	module_app ctrl_tcp.so
	module_app menu.so
	ice_debug yes
	$(printf '%s\n' "$@")
	CONF
	echo "<sip:$name@$IP:$port>;regint=0;answermode=auto;audio_codecs=pcma,pcmu;$params" > "$DIR/$name/accounts"
	: > "$DIR/$name/contacts"
	(cd "$DIR/$name" && exec baresip -f "$DIR/$name" -4 > "$DIR/$name.log" 2>&1) &
	PHONE=$!
	PIDS+=("$PHONE")
}
start_sipd <<CONF
listen-address = $IP
local-port = $PORT
transports = udp
default-domain = example.test
register-when = never
accept-calls = any
ice = on
[common]
log-level = info
[certd]
fqdn = dect.example.test
[mediad]
rtp-address = $IP
rtp-ports = $M-$((M + 799))
CONF
"$BUILD/mediad" -c "$DIR/ipdect.conf" -i 1 > "$DIR/mediad.log" 2>&1 &
PIDS+=($!)
wait_for 10 grep -q 'mediad is there' "$DIR/sipd.log" || fail "no mediad"
printf 'name,display-name,ipei\n210,Forwarding,050030000001\n' | ctl user import file=- > /dev/null || fail "user import"
cat > "$DIR/say.py" <<'PY'
import json, socket, sys, time
for _ in range(150):
    s = socket.socket()
    if s.connect_ex(("127.0.0.1", int(sys.argv[1]))) == 0:
        break
    time.sleep(0.1)
d = json.dumps({"command": sys.argv[2], "params": sys.argv[3] if len(sys.argv) > 3 else ""}).encode()
s.sendall(b"%d:%s," % (len(d), d))
s.settimeout(2)
try:
    s.recv(65536)
except socket.timeout:
    pass
PY
say() { /usr/bin/python3 "$DIR/say.py" "$@" || fail "say $*"; }
# heard NAME: the tone is in what the telephone played, for at least a second
cat > "$DIR/heard.py" <<'PY'
import math, struct, sys
data = open(sys.argv[1], "rb").read()[44:]
x = struct.unpack("<%dh" % (len(data) // 2), data[:len(data) // 2 * 2])
good = 0
for at in range(0, len(x) - 799, 800):
    b = x[at:at + 800]
    c = sum(v * math.cos(2 * math.pi * 1000 * i / 8000) for i, v in enumerate(b)) / 400
    s = sum(v * math.sin(2 * math.pi * 1000 * i / 8000) for i, v in enumerate(b)) / 400
    good += 5000 < math.hypot(c, s) < 11000
print(good, "tenths of a second of tone")
sys.exit(good < 10)
PY
heard() { /usr/bin/python3 "$DIR/heard.py" "$DIR/$1"/dump*dec.wav; }
chosen() { grep -c 'path chosen by ICE' "$DIR/mediad.log"; }
ended() { [ "$(ctl --json call list | grep -c '"call"')" = 0 ]; }
# run WHAT PATHS CALLER-PARAMETERS CALLED-PARAMETERS CALLER-LINE CALLED-LINE
n=0
run() {
	local what=$1 paths=$2 a b ca cb before
	n=$((n + 1))
	a=$(free_port) b=$(free_port) ca=$(free_port) cb=$(free_port)
	while [ $((ca % 50)) = $((cb % 50)) ]; do cb=$(free_port); done
	before=$(chosen)
	phone_start "caller$n" "$a" "$ca" "$3" "$5"; local p1=$PHONE
	phone_start "called$n" "$b" "$cb" "$4" "$6"; local p2=$PHONE
	ctl user set 210 "forward-always=sip:called$n@$IP:$b" > /dev/null || fail "user set"
	wait_for 20 grep -q 'baresip is ready' "$DIR/called$n.log" || fail "the called telephone did not start"
	say "$ca" dial "sip:210@$IP:$PORT"
	wait_for 30 heard "called$n" || fail "$what: the called one hears nothing"
	wait_for 30 heard "caller$n" || fail "$what: the caller hears nothing"
	through() { [ "$(($(chosen) - before))" = "$paths" ]; }
	wait_for 20 through || fail "$what: $(($(chosen) - before)) paths by ICE, not $paths"
	say "$ca" hangup
	wait_for 20 ended || fail "$what: the call did not end"
	kill "$p1" "$p2" 2>/dev/null
	wait "$p1" "$p2" 2>/dev/null
	echo "$what: speech both ways, $paths paths by ICE"
}
ICE="mediaenc=srtp;medianat=ice"
run "full agents" 2 "$ICE" "$ICE" "ice_nomination regular" "ice_nomination regular"
run "aggressive nomination, SRTP off" 2 "medianat=ice" "medianat=ice" "ice_nomination aggressive" "ice_nomination aggressive"
run "lite telephones" 2 "$ICE" "$ICE" "ice_mode lite" "ice_mode lite"
run "RTCP multiplexed" 2 "$ICE" "$ICE" "rtcp_mux yes" "rtcp_mux yes"
run "called telephone without ICE" 1 "$ICE" "mediaenc=srtp" "ice_nomination regular" "# none"
run "caller without ICE" 1 "mediaenc=srtp" "$ICE" "# none" "ice_nomination regular"

# No way but a relay's: what leaves from our address to the telephones' ports is refused, and coturn is at another address. The
# password comes from certd.
turn() {
	command -v turnserver >/dev/null && [ -x "$BUILD/certd" ] || { echo "no coturn or no certd: relays not tried"; return; }
	[ -n "${IN_NET:-}" ] || { echo "no network of its own: relays not tried"; return; }
	ip rule add pref 10 lookup local && ip rule add pref 5 from $IP to 192.0.2.0/24 ipproto udp dport $((M + 1000))-$((M + 1999)) prohibit &&
		ip rule del pref 0 || { echo "no routing by port: relays not tried"; return; }
	turnserver -n -L 192.0.2.30 -E 192.0.2.30 -p 3478 --min-port=49160 --max-port=49260 --lt-cred-mech -u anna:sesame \
		-r example.test --no-tls --no-dtls --no-tcp --no-cli --userdb="$DIR/turn.db" --pidfile="$DIR/turn.pid" \
		--log-file=stdout --simple-log > "$DIR/coturn.out" 2>&1 &
	PIDS+=($!)
	"$BUILD/certd" -c "$DIR/ipdect.conf" > "$DIR/certd.log" 2>&1 &
	PIDS+=($!)
	set_secret() { printf 'sesame\n' | ctl secret set anna kind=turn value=-; }
	wait_for 10 set_secret || fail "secret set: $(tail -3 "$DIR/certd.log")"
	sed -i 's/^ice = on/ice = on\nice-stun-server = 192.0.2.30\nice-turn-server = 192.0.2.30:3478\nice-turn-user = anna/' "$DIR/ipdect.conf"
	kill -HUP "$SIPD"
	wait_for 10 grep -q 'a TURN server for plain ICE' "$DIR/sipd.log" || fail "no password of the TURN server"
	run "through a relay" 2 "$ICE" "$ICE" "ice_nomination regular" "ice_nomination regular"
	[ "$(grep -c 'path chosen by ICE.*kind=relay' "$DIR/mediad.log")" = 2 ] || fail "not by the relay: $(grep 'path chosen' "$DIR/mediad.log" | tail -2)"
}
turn
kill -0 "$SIPD" || fail "sipd died"
! grep -q 'no path by ICE\|far end is lost' "$DIR/mediad.log" || fail "ICE failed: $(grep 'ICE' "$DIR/mediad.log")"
