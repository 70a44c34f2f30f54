#!/bin/bash
# The pre-flight of sipd: a proxy whose clock is off (its Date header), names that DNS knows and does not know, asked freshly.
. "$TOP/tests/system/lib_sipd.sh"
PORT=$(free_port)
PROXY=$(free_port)
python3 - "$PROXY" <<'PY' &
import email.utils, re, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    m, peer = s.recvfrom(65535)
    same = [l for l in m.decode().split("\r\n") if re.match(r"(?i)(via|from|to|call-id|cseq):", l)]
    same = [l + ";tag=x" if l.lower().startswith("to:") else l for l in same]
    s.sendto(("SIP/2.0 200 OK\r\n" + "\r\n".join(same) + "\r\nDate: " + email.utils.formatdate(time.time() - 300, usegmt=True)
              + "\r\nContent-Length: 0\r\n\r\n").encode(), peer)
PY
PIDS+=($!)
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $PORT
transports = udp
default-domain = example.test
keep-alive = 1s
proxy-1 = sip:127.0.0.1:$PROXY
proxy-2 = sip:localhost:$PROXY
proxy-3 = sip:nobody.invalid
dns-servers = 127.0.0.1
CONF
rows() { ctl -d sipd check > "$DIR/check.txt" 2>&1; grep -q "$1" "$DIR/check.txt"; }
wait_for 20 rows "clock .*failed .*is \(299\|300\|301\) s behind us.*timedatectl" || fail "clock: $(cat "$DIR/check.txt")"
rows "DNS .*ok .*localhost: .*127.0.0.1:$PROXY by UDP" || fail "a name that is known: $(cat "$DIR/check.txt")"
rows "DNS .*failed .*nobody.invalid: " || fail "a name that is not known: $(cat "$DIR/check.txt")"
# Two at a time, and one that is under way when sipd ends.
ctl -d sipd check > /dev/null & ctl -d sipd check > /dev/null &
kill -TERM "$SIPD"
for _ in $(seq 100); do kill -0 "$SIPD" 2>/dev/null || break; sleep 0.1; done
kill -0 "$SIPD" 2>/dev/null && fail "sipd did not end"
echo "clock, DNS"
