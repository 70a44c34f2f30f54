#!/bin/bash
# Keys stay in certd: 100 TLS handshakes with sipd for each kind of key, then the whole memory of sipd is searched for the
# private numbers, and that of certd, where they must be. And the matrix of protocols and keys with openssl both ways; old TLS
# only where it is switched on by name; certd stopped in the middle of handshakes.
. "$TOP/tests/system/lib_sipd.sh"
[ -x "$BUILD/certd" ] || { echo "not built: $BUILD/certd"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "needs root to read the memory of certd, which nobody else may"; exit 77; }
TLS=$(free_port)
PKI=$DIR/pki
mkdir "$PKI"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Test CA" -days 3 -keyout "$PKI/ca.key" -out "$PKI/ca.pem" \
	-addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null || fail "openssl req"
cert() { # file, algorithm, option
	openssl genpkey -algorithm "$2" -pkeyopt "$3" -out "$PKI/$1.key" 2>/dev/null || fail "genpkey"
	openssl req -new -key "$PKI/$1.key" -subj "/CN=ipdect.test" -out "$PKI/$1.csr" || fail "req"
	openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/ca.pem" -CAkey "$PKI/ca.key" -CAcreateserial -days 3 -out "$PKI/$1.pem" -extfile <(
		echo "subjectAltName=DNS:ipdect.test"
		echo "extendedKeyUsage=serverAuth,clientAuth") 2>/dev/null || fail "x509"
}
cert rsa2048 RSA rsa_keygen_bits:2048
cert rsa3072 RSA rsa_keygen_bits:3072
cert p256 EC ec_paramgen_curve:P-256
cert p384 EC ec_paramgen_curve:P-384
cert peer RSA rsa_keygen_bits:2048
start_certd() {
	"$BUILD/certd" -c "$DIR/ipdect.conf" >> "$DIR/certd.log" 2>&1 &
	CERTD=$!
	PIDS+=("$CERTD")
	wait_for 10 ctl policy list || fail "certd did not start"
}
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $(free_port)
tls-port = $TLS
transports = udp tls
default-domain = example.test
register-when = never
tls-client-certificate = optional
[certd]
fqdn = ipdect.test
sign-rate = 0
decrypt-rate = 0
CONF
start_certd
ctl trust import file="$PKI/ca.pem" > /dev/null || fail "trust import"
shows() { # file: sipd shows this certificate
	echo | timeout 5 openssl s_client -connect 127.0.0.1:$TLS -CAfile "$PKI/ca.pem" 2>/dev/null |
		openssl x509 2>/dev/null | cmp -s - <(openssl x509 -in "$PKI/$1.pem")
}
use() { # file
	ctl cert import host file="$PKI/$1.pem" key="$PKI/$1.key" force=yes > "$DIR/import" 2>&1 || fail "cert import $1: $(cat "$DIR/import")"
	wait_for 10 shows "$1" || fail "sipd does not show $1"
}
hello() { # options…: one handshake; prints protocol and cipher
	echo | timeout 10 openssl s_client -connect 127.0.0.1:$TLS -CAfile "$PKI/ca.pem" -verify_return_error -verify_hostname ipdect.test "$@" \
		> "$DIR/s_client.out" 2>"$DIR/s_client.err" && grep -aE '^(New|Reused), [TS]' "$DIR/s_client.out"
}
numbers() { # file: NAME=HEX of every private number
	python3 - "$PKI/$1.key" <<'PY'
import re, subprocess, sys
text = subprocess.run(["openssl", "pkey", "-in", sys.argv[1], "-noout", "-text"], capture_output=True, text=True).stdout
names = {"privateExponent": "d", "prime1": "p", "prime2": "q", "exponent1": "dP", "exponent2": "dQ", "coefficient": "qInv", "priv": "scalar"}
for m in re.finditer(r"^(\w+):\n((?:    [0-9a-f:]+\n)+)", text, re.M):
    if m[1] in names:
        print(names[m[1]] + "=" + re.sub(r"[^0-9a-f]", "", m[2]).lstrip("0").zfill(2 * ((len(re.sub(r"[^0-9a-f]", "", m[2]).lstrip("0")) + 1) // 2)))
PY
}
scan() { # pid, file
	python3 "$TOP/tests/support/memscan.py" "$1" $(numbers "$2")
}

for key in rsa2048 p256; do
	use $key
	for ((i = 0; i < 50; i++)); do
		hello -tls1_2 > /dev/null || fail "handshake $i with TLS 1.2 and $key: $(tail -3 "$DIR/s_client.err")"
		hello -tls1_3 -cert "$PKI/peer.pem" -key "$PKI/peer.key" > /dev/null || fail "handshake $i with TLS 1.3 and $key: $(tail -3 "$DIR/s_client.err")"
	done
	[ "$(numbers $key | wc -l)" = "$([ $key = p256 ] && echo 1 || echo 6)" ] || fail "the private numbers of $key were not read: $(numbers $key)"
	sip=$(scan "$SIPD" $key)
	cert=$(scan "$CERTD" $key)
	python3 - "$sip" "$cert" <<'PY' || fail "$key: sipd has $sip, certd has $cert"
import json, sys
sip, cert = json.loads(sys.argv[1]), json.loads(sys.argv[2])
read = sip.pop("octets"), cert.pop("octets")
assert min(read) > 4 << 20, read
assert not any(sip.values()), "a private number is in sipd"
missing = [k for k in cert if k not in ("d",) and not cert[k]]
assert not missing, "not in certd: the search is worth nothing"
PY
	echo "$key: after 100 handshakes no private number in sipd's memory; in certd's $cert"
done
uses=$(ctl --json audit list max=100000 | grep -c '"sign-')
[ "$uses" -ge 200 ] || fail "only $uses signatures in the audit log"

# ---- matrix: what openssl's client and server can do with each of our keys
for key in rsa2048 rsa3072 p256 p384; do
	use $key
	for v in -tls1_2 -tls1_3; do
		for m in "" "-cert $PKI/peer.pem -key $PKI/peer.key"; do
			hello $v $m > "$DIR/hello" || fail "$key $v $m: $(tail -3 "$DIR/s_client.err")"
		done
	done
	for sig in $([[ $key = rsa* ]] && echo RSA-PSS+SHA256 RSA-PSS+SHA384 RSA-PSS+SHA512 RSA+SHA256 RSA+SHA384 RSA+SHA512 || echo ECDSA+SHA256 ECDSA+SHA384 ECDSA+SHA512); do
		hello -tls1_2 -sigalgs $sig > /dev/null || fail "$key with $sig: $(tail -3 "$DIR/s_client.err")"
	done
done
echo "openssl s_client: RSA-2048, RSA-3072, P-256, P-384 with TLS 1.2 and 1.3, with and without a client certificate, every signature scheme"

# ---- replaced again and again under load: nobody notices. A disk that takes more than the second that a signature may take
# for one write makes a handshake fail with or without a replacement: sipd says so, and these are not counted.
late() { grep -c 'request timed out' "$DIR/sipd.log" || true; }
late0=$(late)
( for ((i = 0; i < 120; i++)); do
	echo | timeout 10 openssl s_client -connect 127.0.0.1:$TLS -CAfile "$PKI/ca.pem" -verify_return_error > /dev/null 2>&1 || echo "handshake $i"
done > "$DIR/noticed" ) &
LOAD=$!
swaps=0
while kill -0 $LOAD 2>/dev/null; do
	for key in rsa2048 p384 p256; do
		ctl cert import host file="$PKI/$key.pem" key="$PKI/$key.key" force=yes > /dev/null 2>&1 || fail "cert import $key"
		swaps=$((swaps + 1))
	done
done
wait $LOAD
[ $swaps -ge 6 ] || fail "only $swaps replacements"
failed=$(wc -l < "$DIR/noticed") slow=$(($(late) - late0))
[ "$failed" -le $slow ] || fail "$failed handshakes failed during $swaps replacements, $slow of them because certd had to wait for the disk: $(grep -v 'link\|taken over' "$DIR/sipd.log" | tail -5)"
[ $slow -lt 10 ] || fail "$slow signatures took longer than a second"
echo "120 handshakes while the certificate was replaced $swaps times: none failed but the $slow for which the disk was too slow"

# ---- old TLS: off, half on, on
old() { hello -cipher 'ALL:@SECLEVEL=0' "$@"; }
use rsa2048
for v in -tls1 -tls1_1; do old $v > /dev/null && fail "$v is spoken without being asked for"; done
old -tls1_2 -cipher 'AES128-SHA:@SECLEVEL=0' > /dev/null && fail "RSA key exchange without being asked for"
sed -i "s/^tls-client-certificate.*/&\ntls-legacy-peers = 127.0.0.1/" "$DIR/ipdect.conf"
kill -HUP "$SIPD"
sleep 1
old -tls1 > /dev/null && fail "certd signed for TLS 1.0 without being asked for"
grep -q 'legacy-tls' "$DIR/certd.log" || fail "certd does not say why it refused"
sed -i "s/^sign-rate.*/&\nlegacy-tls = yes/" "$DIR/ipdect.conf"
kill -HUP "$CERTD"
sleep 1
for v in -tls1 -tls1_1; do old $v > "$DIR/hello" || fail "$v with the legacy profile: $(tail -3 "$DIR/s_client.err")"; done
hello -tls1_2 -cipher 'AES128-SHA:@SECLEVEL=0' > "$DIR/hello" || fail "RSA key exchange with the legacy profile: $(tail -3 "$DIR/s_client.err")"
grep -q AES128-SHA "$DIR/hello" || fail "not by RSA key exchange: $(cat "$DIR/hello")"
use p256
for v in -tls1 -tls1_1; do old $v > "$DIR/hello" || fail "$v with P-256 and the legacy profile: $(tail -3 "$DIR/s_client.err")"; done
ctl --json audit list max=100000 | grep -q '"decrypt"' || fail "no decryption in the audit log"
echo "old TLS: refused until both sipd (by name) and certd are told; then TLS 1.0, 1.1 and RSA key exchange work"

# ---- certd stands still: the handshake fails within its deadline, and the next one works
kill -STOP "$CERTD"
t0=$(date +%s%N)
hello -tls1_3 > /dev/null && fail "a handshake without certd"
ms=$((($(date +%s%N) - t0) / 1000000))
[ $ms -lt 4000 ] || fail "a handshake hung for $ms ms while certd stood still"
kill -CONT "$CERTD"
wait_for 10 shows p256 || fail "no handshake after certd went on"
echo "certd stopped: the handshake failed after $ms ms, the next one worked"
ctl audit verify > "$DIR/verify" || fail "audit: $(cat "$DIR/verify")"
kill -0 "$SIPD" && kill -0 "$CERTD" || fail "a daemon died"
cat "$DIR/verify"
