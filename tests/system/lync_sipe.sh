#!/bin/bash
# A real Lync client (pidgin-sipe) logs in to the Lync test server by NTLM, publishes its presence and sends a message: the
# server's handshake and signatures are right in the eyes of somebody else's implementation.
set -u
pkg-config --exists purple && [ -e /usr/lib/purple-2/libsipe.so ] || { echo "libpurple-dev or pidgin-sipe is not installed"; exit 77; }
DIR=$(mktemp -d /tmp/ipdect-lync.XXXXXX)
PIDS=()
trap 'for p in "${PIDS[@]}"; do kill "$p" 2>/dev/null; done; wait; rm -rf "$DIR"' EXIT
port() { /usr/bin/python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
cc -O1 -o "$DIR/client" "$TOP/tests/lync/sipe_client.c" $(pkg-config --cflags --libs purple) || exit 1
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=lyncfe01.contoso.com -days 3 -keyout "$DIR/k.pem" -out "$DIR/c.pem" 2>/dev/null || exit 1
PLAIN=$(port)
/usr/bin/python3 -B "$TOP/tests/lync/frontend.py" --port "$(port)" --plain "$PLAIN" --cert "$DIR/c.pem" --key "$DIR/k.pem" --ca "$DIR/c.pem" \
	--user alice:secretA --user bob:secretB --control "$DIR/ctl" > "$DIR/fe.log" 2>&1 &
PIDS+=($!)
for _ in $(seq 100); do grep -q ready "$DIR/fe.log" && break; sleep 0.1; done
client() { # name, password, buddy, message
	mkfifo "$DIR/$1.in"
	"$DIR/client" "$DIR/$1" "$1@contoso.com" "$2" "127.0.0.1:$PLAIN" tcp "sip:$3@contoso.com" ${4:+"$4"} < "$DIR/$1.in" > "$DIR/$1.out" 2>&1 &
	PIDS+=($!)
}
wait_line() { # file, pattern
	for _ in $(seq 150); do grep -q "$2" "$1" 2>/dev/null && return 0; sleep 0.1; done
	echo "FAILED: no \"$2\" in $(basename "$1"):"; cat "$1"; exit 1
}
client alice secretA bob
exec 7> "$DIR/alice.in"
wait_line "$DIR/alice.out" '^signed-on'
client bob secretB alice "hello from bob"
exec 8> "$DIR/bob.in"
wait_line "$DIR/bob.out" '^signed-on'
wait_line "$DIR/alice.out" '^message sip:bob@contoso.com .*hello from bob'
client carol wrong alice
exec 9> "$DIR/carol.in"
wait_line "$DIR/carol.out" '^error'
/usr/bin/python3 - "$DIR/ctl" <<'EOF2' || exit 1
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
def ask(**k):
    f.write(json.dumps(k) + "\n"); f.flush(); return json.loads(f.readline())
for _ in range(100):
    if any(p["category"] == "state" for p in ask(do="publications", aor="sip:alice@contoso.com")):
        break
    time.sleep(0.1)
else:
    sys.exit("FAILED: the client's presence was not published")
shown = ask(do="shown")["sip:alice@contoso.com"]
wrong = [v for v in ask(do="state")["violations"] if "signature" in v or "dropped" in v or "cnum" in v]
if wrong:
    sys.exit("FAILED: " + "; ".join(wrong))
print(f"logged in by NTLM, message delivered, presence published ({shown}), every signature right")
EOF2
