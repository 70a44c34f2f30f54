#!/bin/bash
# The phone book with slapd: 10,000 people, LDAPS with a checked certificate, password from certd, paging, search, caller
# names, the directory killed, size limit, CSV file.
command -v slapd >/dev/null || [ -x /usr/sbin/slapd ] || { echo "slapd is not installed"; exit 77; }
command -v openssl >/dev/null || { echo "openssl is not installed"; exit 77; }
for need in "$BUILD/presenced" "$BUILD/certd" "$BUILD/dectctl"; do
	[ -x "$need" ] || { echo "not built: $need"; exit 77; }
done
. "$TOP/tests/system/lib_sipd.sh"
N=${ENTRIES:-10000}
LP=$(free_port)
SP=$(free_port)
mkdir -p "$DIR/tls" "$DIR/db" "$DIR/run/ctl" "$DIR/state"
cd "$DIR/tls" || exit 1
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj "/CN=test CA" -days 2 2>/dev/null &&
openssl req -newkey rsa:2048 -nodes -keyout key.pem -out req.pem -subj "/CN=dc1" 2>/dev/null &&
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > ext &&
openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile ext 2>/dev/null || fail certificates
cd "$DIR" || exit 1
cat > ad.schema <<'S'
attributetype ( 1.3.6.1.4.1.32473.1.1 NAME 'msRTCSIP-Line' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.32473.1.2 NAME 'msRTCSIP-PrimaryUserAddress' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.32473.1.3 NAME 'department' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.32473.2.1 NAME 'user' SUP inetOrgPerson STRUCTURAL MAY ( msRTCSIP-Line $ msRTCSIP-PrimaryUserAddress $ department ) )
S
slapd_conf() { # size limit
	cat > slapd.conf <<C
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include $DIR/ad.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $DIR/slapd.pid
TLSCACertificateFile $DIR/tls/ca.pem
TLSCertificateFile $DIR/tls/cert.pem
TLSCertificateKeyFile $DIR/tls/key.pem
sizelimit $1
security simple_bind=128
database mdb
suffix "dc=ad,dc=example,dc=com"
rootdn "cn=admin,dc=ad,dc=example,dc=com"
rootpw secret
directory $DIR/db
maxsize 1073741824
index objectClass,entryUUID eq
index displayName,sn,givenName,cn eq,sub
C
}
slapd_conf "size.soft=500 size.hard=20000 size.prtotal=unlimited"
/usr/bin/python3 - "$N" > init.ldif <<'P'
import sys
print("dn: dc=ad,dc=example,dc=com\nobjectClass: domain\ndc: ad\n")
def user(cn, given, sn, number, extra=""):
    print(f"dn: cn={cn},dc=ad,dc=example,dc=com\nobjectClass: user\ncn: {cn}\nsn: {sn}\ngivenName: {given}\ndisplayName: {given} {sn}\n{number}{extra}")
for i in range(int(sys.argv[1]) - 3):
    user(f"p{i}", f"Given{i%97}", f"Person{i:05d}", f"telephoneNumber: +49 30 {7000000+i}\n", "department: Sales\n")
user("jim", "Jim", "Kander", "msRTCSIP-Line: tel:+493055501234;ext=1234\nmobile: 0171/555 0001\n", "msRTCSIP-PrimaryUserAddress: sip:jim.kander@contoso.com\n")
user("reader", "Read", "Er", "userPassword: pw-Reader1\n")
user("x", "J\\*)(cn=", "Injection", "telephoneNumber: +49 40 1\n")
P
/usr/sbin/slapadd -q -f slapd.conf -l init.ldif > slapadd.log 2>&1 || fail "slapadd"
start_slapd() {
	/usr/sbin/slapd -f slapd.conf -h "ldap://127.0.0.1:$LP ldaps://127.0.0.1:$SP" -d 0 > slapd.log 2>&1 &
	SLAPD=$!
	PIDS+=("$SLAPD")
}
start_slapd
cat > ipdect.conf <<C
[common]
runtime-dir = $DIR/run
state-dir = $DIR/state
[directory]
servers = ldaps://127.0.0.1:$SP ldap://127.0.0.1:$LP
bind-name = cn=reader,dc=ad,dc=example,dc=com
network-timeout = 2s
country = 49
area = 30
C
"$BUILD/certd" -c ipdect.conf > certd.log 2>&1 &
PIDS+=($!)
"$BUILD/presenced" -c ipdect.conf > presenced.log 2>&1 &
PRES=$!
PIDS+=("$PRES")
wait_for 10 test -S "$DIR/run/ctl/certd.sock" || fail "certd did not start"
wait_for 10 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
ctl check run | grep "phone book" | grep -q "failed" || echo "note: no password yet"
ctl trust import file="$DIR/tls/ca.pem" > trust.out 2>&1 || fail "trust: $(cat trust.out)"
printf pw-Reader1 > pw
ctl secret set directory kind=ldap value=- < pw > secret.out 2>&1 || fail "secret: $(cat secret.out)"
entries() { ctl --json directory status | tr '}' '\n' | grep '"ldap"' | grep -o '"entries": *"*[0-9]*' | grep -o '[0-9]*$'; }
synced() { [ "$(entries)" = "$N" ]; }
wait_for 60 synced || fail "entries: $(ctl directory status)"
echo "$N entries by LDAPS, paged"
ctl directory status
[ "$(ctl directory search 'jim kan' | grep -c 'Jim Kander')" = 1 ] || fail "search: $(ctl directory search 'jim kan')"
[ "$(ctl directory search '546 52633' | grep -c 'Jim Kander')" = 1 ] || fail "search by keypad: $(ctl directory search '546 52633')"
ctl directory lookup 030/5550-1234 | grep -q 'Jim Kander' || fail "lookup of a national number"
ctl directory lookup 01715550001 | grep -q 'Jim Kander' || fail "lookup of a mobile number"
ctl directory lookup sip:Jim.Kander@contoso.com | grep -q 'Jim Kander' || fail "lookup of an address"
! ctl directory search '*' 2>/dev/null | grep -q . || fail "an asterisk found somebody"
! ctl directory search 'nobody*)(cn=*' 2>/dev/null | grep -q Person || fail "injection"
echo "search by name, keypad, number, address"
kill "$SLAPD"; wait "$SLAPD" 2>/dev/null
! ctl directory sync > down.out 2>&1 || fail "a dead directory synchronised"
ctl directory lookup +493055501234 | grep -q 'Jim Kander' || fail "no name while the directory is down"
ctl check run | grep "phone book" | grep -q warning || fail "check does not warn: $(ctl check run)"
echo "directory down: $(head -1 down.out)"
slapd_conf 500
start_slapd
wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$SP" || fail "slapd again"
! ctl directory sync full=yes > limit.out 2>&1 || fail "a truncated read was taken"
grep -q "size limit" limit.out || fail "size limit is not told: $(cat limit.out)"
[ "$(entries)" = "$N" ] || fail "a truncated read changed the copy"
echo "size limit: $(head -1 limit.out)"
printf 'name,work,mobile,home,sip\r\n"Taxi, City",+49 30 202020\nbad\nPorter,1\n' > book.csv
ctl directory import file=book.csv > import.out 2>&1 || fail "import: $(cat import.out)"
grep -q "line 3" import.out || fail "the bad row is not told: $(cat import.out)"
ctl directory lookup +4930202020 | grep -q 'Taxi, City' || fail "lookup in the file's book"
ctl directory export file=- | grep -q '"Taxi, City",+4930202020' || fail "export"
echo "CSV import and export"
kill -TERM "$PRES"
wait "$PRES" || fail "presenced ended with $?"
