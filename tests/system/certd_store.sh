#!/bin/bash
# certd under its real options: bad input of every kind through dectctl, killed while it writes, read-only and full disks, wrong
# configuration, little lockable memory, tampering with the audit log, idle cost, passwords in memory.
set -u
for need in "$BUILD/certd" "$BUILD/dectctl"; do
	[ -x "$need" ] || { echo "not built: $need"; exit 77; }
done
DIR=$(mktemp -d /tmp/ipdect-certd.XXXXXX)
CERTD=
cleanup() {
	[ -n "$CERTD" ] && kill -9 "$CERTD" 2>/dev/null
	umount "$DIR/small" 2>/dev/null
	rm -rf "$DIR"
}
trap cleanup EXIT
fail() { echo "FAILED: $*"; tail -20 "$DIR/certd.log" 2>/dev/null; exit 1; }
ctl() { "$BUILD/dectctl" -r "$DIR/run" "$@"; }
. "$TOP/tests/system/lib_wait.sh"
conf() { # state directory, further lines
	printf '[common]\nruntime-dir = %s\nstate-dir = %s\n[certd]\nfqdn = dect.example.test\n%s\n' "$DIR/run" "$1" "${2:-}" > "$DIR/c.conf"
}
start() {
	"$BUILD/certd" -c "$DIR/c.conf" >> "$DIR/certd.log" 2>&1 &
	CERTD=$!
	wait_for 10 ctl policy list || fail "certd did not start"
}
stop() { kill "$CERTD" 2>/dev/null; wait "$CERTD" 2>/dev/null; }
mkdir -p "$DIR/run/ctl" "$DIR/state" "$DIR/f"
conf "$DIR/state"
start

# ---- what is wrong is said in one line, with its exit status; nothing is half imported
cd "$DIR/f" || exit 1
openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=Test CA" -days 30 -keyout ca.key -out ca.pem -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
leaf() { # name, CN, days…
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$1.pem" "${@:3}" -extfile <(
		echo "subjectAltName=DNS:$2"; echo "extendedKeyUsage=serverAuth,clientAuth"; echo "crlDistributionPoints=URI:http://crl/a") 2>/dev/null
}
leaf good dect.example.test -days 100
leaf other wrong.example.test -days 100
leaf old dect.example.test -days -1 || leaf old dect.example.test -not_before 20200101000000Z -not_after 20200201000000Z
openssl pkcs12 -export -in good.pem -inkey good.key -certfile ca.pem -passout pass:right -out good.p12
openssl pkcs12 -export -legacy -in good.pem -inkey good.key -certfile ca.pem -passout pass:right -out windows.p12 2>/dev/null
head -c 700 good.p12 > cut.p12
head -c 600 good.pem > cut.pem
echo "%PDF-1.4 not a certificate" > letter.pdf
: > empty
openssl x509 -in good.pem -outform DER -out good.der
openssl rsa -in good.key -aes256 -passout pass:right -out locked.key 2>/dev/null
bad() { # says, standard input, arguments…
	local says=$1 in=$2
	shift 2
	printf '%s\n' "$in" | ctl "$@" > "$DIR/out" 2> "$DIR/err"
	local rc=$?
	[ $rc != 0 ] || fail "accepted: $*"
	[ "$(wc -l < "$DIR/err")" = 1 ] || fail "not one line: $*: $(cat "$DIR/err")"
	grep -qi -- "$says" "$DIR/err" || fail "$*: says: $(cat "$DIR/err")"
	[ "$(ctl --json cert list | grep -c '"subject"')" = "${HAVE:-0}" ] || fail "something was imported: $*"
}
bad "wrong password" wrong cert import file=good.p12 password=-
bad "give it" "" cert import file=good.p12
bad "ends early" right cert import file=cut.p12 password=-
bad "damaged" "" cert import file=cut.pem key=good.key
bad "neither a certificate" "" cert import file=letter.pdf
bad "empty" "" cert import file=empty
bad "no such file" "" cert import file=nowhere.pem
bad "no private key" "" cert import file=good.pem
bad "belongs to none" "" cert import file=good.pem key=other.key
bad "missing.*Test CA" "" cert import file=good.pem key=good.key
bad "wrong password" wrong cert import file=good.pem key=locked.key password=-
ctl trust import file=ca.pem > /dev/null || fail "trust import"
bad "expired on" "" cert import file=old.pem key=old.key
bad "is for wrong.example.test" "" cert import file=other.pem key=other.key
bad "1 to 64" "" cert import 'Bad Name' file=good.pem key=good.key
bad "no request" "" cert install file=good.pem
bad "no revocation list" "" crl import file=ca.pem
bad "private key" "" trust import file=good.key
bad "only digits" 12ab secret set alice kind=ac value=-
bad "no such secret" "" secret del nobody kind=sip
bad "host name" "" cert csr cn='a b'
echo right | ctl cert import file=windows.p12 password=- > /dev/null 2>"$DIR/err" || fail "PKCS#12 of an old Windows: $(cat "$DIR/err")"
echo right | ctl cert import b file=good.p12 password=- > /dev/null 2>&1 || fail "PKCS#12"
ctl cert import c file=good.der key=good.key > /dev/null 2>&1 || fail "DER and a key"
echo right | ctl cert import d file=good.pem key=locked.key password=- > /dev/null 2>&1 || fail "PEM and an encrypted key"
HAVE=4 bad "expired on" "" cert import b file=old.pem key=old.key
ctl cert csr web cn=dect.example.test file="$DIR/f/web.csr" > /dev/null 2>&1 || fail "csr"
openssl x509 -req -in web.csr -CA ca.pem -CAkey ca.key -days 50 -out web.pem -extfile <(echo subjectAltName=DNS:dect.example.test) 2>/dev/null
ctl cert install web file=web.pem > /dev/null 2>"$DIR/err" || fail "install: $(cat "$DIR/err")"
ctl cert export web 2>/dev/null | openssl x509 -noout -pubkey | cmp -s - <(openssl x509 -in web.pem -noout -pubkey) || fail "export"
echo "bad input: one line each, nothing half imported; PKCS#12 of old Windows, DER, encrypted keys and a request went in"

# ---- passwords: nowhere in memory or files once stored
echo 'Zauberwort-4711-geheim' | ctl secret set alice kind=sip value=- > /dev/null || fail "secret set"
hex=$(printf 'Zauberwort-4711-geheim' | od -An -tx1 | tr -d ' \n')
if [ "$(id -u)" = 0 ]; then
	python3 "$TOP/tests/support/memscan.py" "$CERTD" pw="$hex" > "$DIR/scan" || fail "memory was not read"
	grep -q '"pw": 0' "$DIR/scan" || fail "a password stayed in memory: $(cat "$DIR/scan")"
fi
grep -rqa 'Zauberwort-4711-geheim' "$DIR/state" && fail "a password is on the disk"
grep -q 'Max core file size *0 ' "/proc/$CERTD/limits" || fail "certd may dump core"

# ---- idle: no wake-ups, little memory; 5 s after its start a daemon gives back what only the start needed
# The scan above made every page resident, on a busy machine after certd had its rest: work, and so a rest after it.
ctl trust import file=ca.pem > /dev/null 2>&1 || fail "trust import"
sleep 6
a=$(awk '/^voluntary/{print $2}' "/proc/$CERTD/status")
sleep 3
b=$(awk '/^voluntary/{print $2}' "/proc/$CERTD/status")
[ "$a" = "$b" ] || fail "woke up $((b - a)) times in 3 idle seconds"
rss=$(awk '/^VmRSS/{print $2}' "/proc/$CERTD/status")
[ "$rss" -lt 8192 ] || fail "idles at $rss KiB"
echo "no password in memory or on disk; idle: no wake-ups, $rss KiB resident"

# ---- killed while it writes: what was confirmed is there
confirmed=0
for round in $(seq 1 12); do
	: > "$DIR/acked"
	( i=0; while :; do
		i=$((i + 1))
		echo "value-$round-$i" | ctl secret set "r$round-$i" kind=sip value=- > /dev/null 2>&1 && echo "r$round-$i" >> "$DIR/acked"
	done ) 2>/dev/null &
	writer=$!
	( while :; do ctl key rotate > /dev/null 2>&1; done ) 2>/dev/null &
	rotator=$!
	sleep "0.$((RANDOM % 4 + 1))$((RANDOM % 10))"
	sig=KILL
	[ $((round % 3)) != 0 ] || sig=TERM # asked to end in the middle of a rotation: it ends well, and all is there
	kill -$sig "$CERTD"
	wait "$CERTD" 2>/dev/null
	rc=$?
	[ $sig = KILL ] || [ $rc = 0 ] || fail "exit status $rc when told to end in round $round"
	kill "$writer" "$rotator" 2>/dev/null
	wait "$writer" "$rotator" 2>/dev/null
	start
	ctl --json secret list kind=sip > "$DIR/have"
	while read -r id; do
		grep -q "\"$id\"" "$DIR/have" || fail "round $round: $id was confirmed and is gone"
		confirmed=$((confirmed + 1))
	done < "$DIR/acked"
done
[ "$confirmed" -ge 20 ] || fail "only $confirmed writes in all rounds"
ctl audit verify > "$DIR/out" 2>&1 || fail "audit log after kills: $(cat "$DIR/out")"
ctl cert list > "$DIR/out" || fail "identities after kills"
echo "killed 8 times and ended 4 times while writing and rotating keys: all $confirmed confirmed writes are there, the audit log is whole"

# ---- audit log: offline, and tampered with
stop
"$BUILD/certd" audit-verify "$DIR/state/certd/audit" > "$DIR/out" || fail "offline: $(cat "$DIR/out")"
cp -r "$DIR/state/certd/audit" "$DIR/audit.copy"
ctl_key=$DIR/audit.copy/audit.pub
sed -i '/^E 7 /s/accepted/refused/' "$DIR/audit.copy/audit.log"
"$BUILD/certd" audit-verify "$DIR/audit.copy" "$ctl_key" > "$DIR/out" && fail "tampering was not noticed"
grep -q 'entry 7: it was altered' "$DIR/out" || fail "names: $(cat "$DIR/out")"
echo "audit log verified without certd; the altered entry is named"

# ---- configuration, other instances
conf "$DIR/state" "sign-rat = 5"
"$BUILD/certd" -c "$DIR/c.conf" > "$DIR/out" 2>&1
[ $? = 78 ] || fail "a wrong key in the configuration"
grep -q 'sign-rate' "$DIR/out" || fail "no hint: $(cat "$DIR/out")"
conf "$DIR/state"
start
"$BUILD/certd" -c "$DIR/c.conf" > "$DIR/out" 2>&1 && fail "two at once"
stop

# ---- a master key that is not there any more, or open to all
mv "$DIR/state/certd/master.key" "$DIR/kept"
"$BUILD/certd" -c "$DIR/c.conf" > "$DIR/out" 2>&1 && fail "started without its master key"
grep -q 'master.key.*backup' "$DIR/out" || fail "says: $(cat "$DIR/out")"
cp "$DIR/kept" "$DIR/state/certd/master.key"
chmod 644 "$DIR/state/certd/master.key"
"$BUILD/certd" -c "$DIR/c.conf" > "$DIR/out" 2>&1 && fail "took a master key that all can read"
grep -q 'chmod 600' "$DIR/out" || fail "says: $(cat "$DIR/out")"
chmod 600 "$DIR/state/certd/master.key"
start
stop
echo "wrong configuration, missing and open master key: refused with the remedy"

if [ "$(id -u)" = 0 ]; then
	# ---- a full disk, then a read-only one
	mkdir "$DIR/small"
	if mount -t tmpfs -o size=400k tmpfs "$DIR/small" 2>/dev/null; then
		conf "$DIR/small"
		start
		ok=0
		for i in $(seq 1 200); do
			head -c 380 /dev/zero | tr '\0' "$((i % 10))" | ctl secret set "u$i" kind=sip value=- > /dev/null 2> "$DIR/err" && ok=$i || break
		done
		[ $ok -ge 5 ] && [ $ok -lt 200 ] || fail "the small disk took $ok secrets"
		grep -qi 'free space' "$DIR/err" || fail "full disk: $(cat "$DIR/err")"
		ctl check | grep -q 'state directory *failed.*free space' || fail "check says nothing of a full disk: $(ctl check)"
		ctl status | grep -q 'no room in' || fail "status says nothing of a full disk: $(ctl status)"
		[ "$(ctl --json secret list kind=sip | grep -o '"u[0-9]*"' | wc -l)" = $ok ] || fail "a full disk lost something"
		ctl status > "$DIR/out" 2>/dev/null
		mount -o remount,size=4m "$DIR/small"
		echo again | ctl secret set after kind=sip value=- > /dev/null 2> "$DIR/err" || fail "not well after the disk had room: $(cat "$DIR/err")"
		ctl audit verify > "$DIR/out" 2>&1 || fail "audit log after a full disk: $(cat "$DIR/out")"
		stop
		mount -o remount,ro "$DIR/small"
		"$BUILD/certd" -c "$DIR/c.conf" > "$DIR/out" 2>&1 && fail "started on a read-only disk"
		grep -qi 'writable\|read-only' "$DIR/out" || fail "read-only: $(cat "$DIR/out")"
		umount "$DIR/small"
		echo "full disk: $ok secrets confirmed, all there; refused with the remedy, well again with room; read-only refused"
	else
		echo "no tmpfs here: full and read-only disks not tried"
	fi
	# ---- as another user with little memory to lock
	if command -v setpriv > /dev/null; then
		mkdir -p "$DIR/lean/run/ctl" "$DIR/lean/state"
		chown -R 65534:65534 "$DIR/lean"
		chmod 755 "$DIR"
		printf '[common]\nruntime-dir = %s\nstate-dir = %s\n' "$DIR/lean/run" "$DIR/lean/state" > "$DIR/lean.conf"
		( ulimit -l 64; exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$BUILD/certd" -c "$DIR/lean.conf" ) \
			> "$DIR/lean.log" 2>&1 &
		CERTD=$!
		wait_for 10 "$BUILD/dectctl" -r "$DIR/lean/run" policy list || fail "does not start with little lockable memory: $(cat "$DIR/lean.log")"
		grep -q 'LimitMEMLOCK' "$DIR/lean.log" || fail "does not say that memory is not locked: $(cat "$DIR/lean.log")"
		stop
		echo "little lockable memory: started, and warned"
	fi
fi
exit 0
