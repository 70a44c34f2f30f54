#!/bin/bash
# The phone book with OpenLDAP: changes by syncrepl with and without a session log, StartTLS, prefix search live, references and
# referrals, limits, a directory that was made anew.
skip() { echo "$*"; exit 77; }
[ -x /usr/sbin/slapd ] || skip "slapd is not installed"
for need in openssl ldapmodify; do
	command -v "$need" > /dev/null || skip "$need is not installed: see packaging/deps.test"
done
for need in "$BUILD/presenced" "$BUILD/certd" "$BUILD/dectctl"; do
	[ -x "$need" ] || skip "not built: $need"
done
. "$TOP/tests/system/lib_sipd.sh"
. "$TOP/tests/system/lib_directory.sh"
cd "$DIR" || exit 1
N=600
LP=$(free_port)
SP=$(free_port)
TRAP=$(free_port)
B=dc=ad,dc=example,dc=com
certificates DNS:localhost,IP:127.0.0.1
mkdir -p db
slapd_conf() { # size limit, line of the overlay
	cat > slapd.conf <<C
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
pidfile $DIR/slapd.pid
referral ldap://127.0.0.1:$TRAP
TLSCACertificateFile $DIR/tls/ca.pem
TLSCertificateFile $DIR/tls/cert.pem
TLSCertificateKeyFile $DIR/tls/key.pem
sizelimit $1
security simple_bind=128
database mdb
suffix "$B"
rootdn "cn=admin,$B"
rootpw secret
directory $DIR/db
maxsize 268435456
index objectClass,entryUUID,entryCSN eq
index displayName,sn,givenName,cn eq,sub
overlay syncprov
$2
C
}
load() {
	rm -rf db && mkdir db
	/usr/bin/python3 - "$N" > init.ldif <<'P'
import sys
B = "dc=ad,dc=example,dc=com"
print(f"dn: {B}\nobjectClass: domain\ndc: ad\n")
def user(cn, given, sn, more):
    print(f"dn: cn={cn},{B}\nobjectClass: inetOrgPerson\ncn: {cn}\nsn: {sn}\ngivenName: {given}\ndisplayName: {given} {sn}\n{more}\n")
for i in range(int(sys.argv[1]) - 2):
    user(f"p{i}", f"Given{i % 97}", f"Person{i:05d}", f"telephoneNumber: +49 30 {7000000 + i}\n")
user("jim", "Jim", "Kander", "telephoneNumber: +49 30 5550 1234\ntelephoneNumber: +49 30 5550 1235\nmobile: 0171/555 0001\n")
user("reader", "Read", "Er", "userPassword: pw-Reader1\n")
print(f"dn: cn=elsewhere,{B}\nobjectClass: referral\nobjectClass: extensibleObject\ncn: elsewhere\nref: ldap://127.0.0.1:{sys.argv[0] and 1}/cn=x\n")
P
	sed -i "s,ldap://127.0.0.1:1/,ldap://127.0.0.1:$TRAP/," init.ldif
	/usr/sbin/slapadd -q -f slapd.conf -l init.ldif > slapadd.log 2>&1 || fail slapadd
}
listens() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
start_slapd() {
	if [ -n "${SLAPD:-}" ]; then
		kill "$SLAPD"
		wait "$SLAPD" 2> /dev/null
	fi
	/usr/sbin/slapd -f slapd.conf -h "ldap://127.0.0.1:$LP ldaps://127.0.0.1:$SP ldaps://127.0.0.2:$SP" -d 0 > slapd.log 2>&1 &
	SLAPD=$!
	PIDS+=("$SLAPD")
	wait_for 30 listens "$SP" || fail "slapd did not start"
}
modify() { # LDIF on stdin
	LDAPTLS_CACERT=tls/ca.pem ldapmodify -x -H "ldaps://127.0.0.1:$SP" -D "cn=admin,$B" -w secret > modify.out 2>&1 ||
		fail "ldapmodify: $(cat modify.out)"
}
# Whoever follows a referral comes here.
/usr/bin/python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(5)
print("ready", flush=True)
while True:
    s.accept(); print("TRAP", flush=True)' "$TRAP" > trap.log 2>&1 &
PIDS+=($!)
wait_for 20 grep -q ready trap.log || fail "no listener for referrals"

slapd_conf "size.soft=2000 size.prtotal=unlimited" ""
load
start_slapd
start_certd
password pw-Reader1
LDAPS="servers = ldaps://127.0.0.1:$SP
bind-name = cn=reader,$B"
present <<< "$LDAPS"
wait_for 60 ok || fail "no synchronisation: $(ctl directory status)"
[ "$(entries)" = "$N" ] || fail "entries: $(ctl directory status)"
ctl directory status 2> /dev/null | grep -q 'everything is read' && fail "not by syncrepl: $(ctl directory status)"
names 01715550001 'Jim Kander' && names 03055501235 'Jim Kander' || fail "lookup"

changes() { # what kind of server
	sync
	grep -q "0 entries read, 0 gone.*(syncrepl)" sync.out || fail "$1: an idle directory has changes: $(cat sync.out)"
	modify <<L
dn: cn=new,$B
changetype: add
objectClass: inetOrgPerson
cn: new
sn: Person
givenName: New
displayName: New Person
telephoneNumber: +49 30 5550 1300
L
	sync
	grep -q "1 entries read, 0 gone.*(syncrepl)" sync.out || fail "$1: one that is new: $(cat sync.out)"
	names +493055501300 'New Person' || fail "$1: a new entry is not found"
	printf 'dn: cn=new,%s\nchangetype: modify\nreplace: telephoneNumber\ntelephoneNumber: +49 30 5550 1301\n-\nreplace: sn\nsn: Human\n-\nreplace: displayName\ndisplayName: New Human\n' "$B" | modify
	printf 'dn: cn=p7,%s\nchangetype: modify\ndelete: telephoneNumber\n' "$B" | modify
	sync
	grep -q "2 entries read" sync.out || fail "$1: two that changed: $(cat sync.out)"
	names +493055501301 'New Human' && ! names +493055501300 New || fail "$1: a new number"
	! names +49307000007 Person00007 || fail "$1: a deleted number is found"
	printf 'dn: cn=p7,%s\nchangetype: modify\nadd: telephoneNumber\ntelephoneNumber: +49 30 7000007\n' "$B" | modify
	printf 'dn: cn=new,%s\nchangetype: modrdn\nnewrdn: cn=other\ndeleteoldrdn: 1\n' "$B" | modify
	sync
	finds 'new human' 'New Human' || fail "$1: renamed, and gone"
	printf 'dn: cn=other,%s\nchangetype: delete\n' "$B" | modify
	sync
	grep -q "0 entries read, 1 gone.*(syncrepl)" sync.out || fail "$1: one that is deleted: $(cat sync.out)"
	! finds 'new human' 'New' || fail "$1: a deleted entry is found"
	[ "$(entries)" = "$N" ] || fail "$1: entries $(entries)"
	echo "changes by syncrepl, $1"
}
changes "without a session log"
slapd_conf "size.soft=2000 size.prtotal=unlimited" "syncprov-sessionlog 100"
start_slapd
changes "with a session log"
# Most of them go at once: that is told as deletions, or by naming who is left; the latter looks like a wrong base.
for i in $(seq 0 399); do
	printf 'dn: cn=p%d,%s\nchangetype: delete\n\n' "$i" "$B"
done | modify
if ! ctl directory sync > sync.out 2>&1; then
	grep -q "in place of $N" sync.out || fail "many deletions: $(cat sync.out)"
	[ "$(entries)" = "$N" ] || fail "many deletions without force: $(entries)"
	sync force=yes
fi
cat sync.out
[ "$(entries)" = $((N - 400)) ] || fail "many deletions: $(entries)"

# Made anew: the cookie is of another life.
load
start_slapd
sync
[ "$(entries)" = "$N" ] || fail "made anew: $(entries), $(cat sync.out)"
echo "a directory that was made anew"

# A size limit below the number of entries that counts paged results not: everything by pages instead of syncrepl.
slapd_conf "size.soft=100 size.hard=100 size.prtotal=unlimited" ""
start_slapd
sync full=yes
grep -q "everything was read, not changes alone: syncrepl: .*Size limit" sync.out || fail "no reason: $(cat sync.out)"
[ "$(entries)" = "$N" ] || fail "paged: $(entries)"
slapd_conf "size.soft=2000 size.prtotal=unlimited" ""
start_slapd

present <<C
servers = ldap://127.0.0.1:$LP
bind-name = cn=reader,$B
C
wait_for 60 ok || fail "StartTLS: $(ctl directory status)"
echo "StartTLS"
# Live, by the beginning of names, before it is in the copy; nothing typed is a wildcard.
printf 'dn: cn=live,%s\nchangetype: add\nobjectClass: inetOrgPerson\ncn: live\nsn: Onesson\ngivenName: Live\ndisplayName: Live Onesson\n' "$B" | modify
for typed in 'onesson' 'live one' 'ONESS'; do
	finds "$typed" 'Live Onesson' || fail "live search for $typed: $(ctl directory search "$typed")"
done
for typed in '*' 'one*son' 'x)(cn=*' '\2a' 'x)(|(objectClass=*'; do
	! ctl directory search "$typed" 2> /dev/null | grep -q . || fail "\"$typed\" found somebody: $(ctl directory search "$typed")"
done
echo "live search by prefix"
for i in $(seq 40); do
	ctl directory search "nobody$i" &
done > rate.out 2>&1
wait $(jobs -p | grep -vFx "$(printf '%s\n' "${PIDS[@]}")") 2> /dev/null
echo "searches refused of 40 at once: $(grep -c 'too many searches' rate.out)"
ctl directory search nobody > rate2.out 2>&1

refused 'wants TLS' <<C
servers = ldap://127.0.0.1:$LP
clear-text = yes
bind-name = cn=reader,$B
C
refused 'Referral; another server has this' <<C
servers = ldaps://127.0.0.1:$SP
base = dc=other,dc=org
bind-name = cn=reader,$B
C
refused 'certificate' <<C
servers = ldaps://127.0.0.2:$SP
bind-name = cn=reader,$B
C
refused 'filter' <<C
servers = ldaps://127.0.0.1:$SP
bind-name = cn=reader,$B
filter = (cn=a)(cn=b)
C
password wrong
refused 'name or password is wrong' <<C
servers = ldaps://127.0.0.1:$SP
bind-name = cn=reader,$B
C
names +493055501234 'Jim Kander' || fail "the copy went"
! grep -q TRAP trap.log || fail "a referral was followed"
kill -TERM "$PRES"
wait "$PRES" || fail "presenced ended with $?"
