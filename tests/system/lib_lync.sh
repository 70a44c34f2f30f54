# Shared by the tests with the Lync front end of tests/lync: certificates, the front end, questions to it. Sourced; USERS says how
# many users from 200 on the front end knows.
. "$TOP/tests/system/lib_sipd.sh"
[ -x "$BUILD/certd" ] || { echo "not built: $BUILD/certd"; exit 77; }
PKI=$DIR/pki
mkdir "$PKI"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=ca" -days 3 -keyout "$PKI/ca.key" -out "$PKI/ca.pem" \
	-addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null || fail "openssl req"
cert() { # file, CN
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$PKI/$1.key" -out "$PKI/$1.csr" 2>/dev/null || fail "openssl req"
	openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/ca.pem" -CAkey "$PKI/ca.key" -CAcreateserial -days 3 -out "$PKI/$1.pem" -extfile <(
		echo "subjectAltName=DNS:$2"
		echo "extendedKeyUsage=serverAuth,clientAuth"
		echo "crlDistributionPoints=URI:http://crl.test/ca.crl") 2>/dev/null || fail "openssl x509"
}
cert fe localhost
cert ours ipdect.contoso.com
fe() { # number, port, arguments…
	local n=$1 port=$2 u args=()
	shift 2
	for u in $(seq 200 $((199 + USERS))); do args+=(--user "$u:secret-$u"); done
	/usr/bin/python3 -B "$TOP/tests/lync/frontend.py" --port "$port" --fqdn localhost --cert "$PKI/fe.pem" --key "$PKI/fe.key" \
		--ca "$PKI/ca.pem" --control "$DIR/fe$n.ctl" "${args[@]}" "$@" > "$DIR/fe$n.log" 2>&1 &
	FE=$!
	disown "$FE"
	PIDS+=("$FE")
	wait_for 10 grep -q ready "$DIR/fe$n.log" || fail "front end $n did not start"
}
ask() { # number, JSON
	/usr/bin/python3 - "$DIR/fe$1.ctl" "$2" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
f.write(sys.argv[2] + "\n"); f.flush(); print(f.readline().strip())
PY
}
state() { # number, expression over the state d
	ask "$1" '{"do":"state"}' | python3 -c "import json,sys; d=json.load(sys.stdin); print($2)"
}
clean() { # number, when
	local v
	v=$(state "$1" '"\n".join(d["violations"])')
	[ -z "${3:-}" ] || v=$(grep -vxF "$3" <<< "$v")
	[ -z "$v" ] || fail "$2: the front end complains: $v"
}
at() { [ "$(state "$1" 'sum(len(v) for v in d["endpoints"].values())')" = "$2" ]; }
registered() { [ "$(ctl --json reg list | grep -o '"registered"' | wc -l)" = "$1" ]; }
start_certd() {
	"$BUILD/certd" -c "$DIR/ipdect.conf" >> "$DIR/certd.log" 2>&1 &
	CERTD=$!
	PIDS+=("$CERTD")
	wait_for 10 test -S "$DIR/run/ctl/certd.sock" || fail "certd did not start"
}
start_lync() { # mode, front ends; more configuration on stdin
	{
		cat <<CONF
listen-address = 127.0.0.1
local-port = $(free_port)
tls-port = $(free_port)
transports = udp
transaction-timeout = 2s
register-rate = 200
media-encryption-require = no
keep-alive = 2s
[lync]
enabled = yes
auth = $1
front-ends = $2
domain = contoso.com
fqdn = ipdect.contoso.com
[certd]
fqdn = ipdect.contoso.com
CONF
		cat
	} > "$DIR/settings"
	start_sipd < "$DIR/settings"
	start_certd
	ctl cert import host file="$PKI/ours.pem" key="$PKI/ours.key" force=yes > "$DIR/import" 2>&1 || fail "cert import: $(cat "$DIR/import")"
	ctl trust import file="$PKI/ca.pem" > /dev/null || fail "trust import"
	[ "$1" = ntlm ] && for u in $(seq 200 $((199 + USERS))); do
		echo -n "secret-$u" | ctl secret set $u kind=sip value=- > "$DIR/secret" 2>&1 || fail "secret set: $(cat "$DIR/secret")"
	done
	return 0
}
