#!/bin/bash
# The phone book with Samba as an Active Directory domain controller: users by samba-tool, discovery by DNS SRV, LDAPS and
# StartTLS with a checked certificate, simple and Kerberos login, paging, ANR, changes by DirSync and by uSNChanged, what a
# refused login says. Its ports are fixed: it runs in a network of its own.
skip() { echo "$*"; exit 77; }
for need in "$BUILD/presenced" "$BUILD/certd" "$BUILD/dectctl"; do
	[ -x "$need" ] || skip "not built: $need"
done
for need in samba samba-tool ldbadd ldapmodify kinit openssl ip unshare; do
	command -v "$need" > /dev/null || skip "$need is not installed: see packaging/deps.test"
done
[ -d /usr/share/samba/setup ] || skip "samba-ad-provision is not installed: see packaging/deps.test"
[ -e /usr/lib/*/samba/ldb/samba_dsdb.so ] || skip "samba-dsdb-modules is not installed: see packaging/deps.test"
[ -e /usr/lib/*/sasl2/libgssapiv2.so ] || skip "libsasl2-modules-gssapi-mit is not installed: see packaging/deps.test"
[ "$(id -u)" = 0 ] || skip "needs root for a network of its own"
if [ -z "${IN_NET:-}" ]; then
	unshare -n -m true 2> /dev/null || skip "no network or mount namespace can be made here"
	IN_NET=1 exec unshare -n -m bash "$0"
fi
. "$TOP/tests/system/lib_sipd.sh"
. "$TOP/tests/system/lib_directory.sh"
ip link set lo up || skip "the loopback of the new network does not come up"
mkdir -p /run/samba "$DIR/tls" "$DIR/run/ctl" "$DIR/state" "$DIR/smb"
mount -t tmpfs tmpfs /run/samba && mount -t tmpfs tmpfs /var/lib/samba || skip "no mount in the new namespace"
mkdir -p /var/lib/samba/private
echo "nameserver 127.0.0.1" > "$DIR/resolv.conf"
printf '127.0.0.1 localhost dc1.ad.example.com other.ad.example.com\n' > "$DIR/hosts"
mount --bind "$DIR/resolv.conf" /etc/resolv.conf && mount --bind "$DIR/hosts" /etc/hosts || skip "no bind mount"
cat > "$DIR/krb5.conf" <<'C'
[libdefaults]
default_realm = AD.EXAMPLE.COM
dns_lookup_realm = false
dns_lookup_kdc = false
rdns = false
dns_canonicalize_hostname = false
[realms]
AD.EXAMPLE.COM = {
	kdc = 127.0.0.1
}
C
certificates DNS:dc1.ad.example.com
cd "$DIR" || exit 1
DC="$DIR/dc"
samba-tool domain provision --targetdir="$DC" --realm=AD.EXAMPLE.COM --domain=EXAMPLE --server-role=dc \
	--adminpass=Passw0rd.Test1 --host-name=dc1 --host-ip=127.0.0.1 --dns-backend=SAMBA_INTERNAL \
	--option="interfaces=lo" --option="bind interfaces only=yes" --option="server services=ldap,cldap,kdc,rpc,winbindd,dns" \
	--option="dns forwarder=" --option="pid directory=$DIR/smb" --option="ncalrpc dir=$DIR/smb/ncalrpc" --option="log file=$DIR/smb/log.%m" \
	--option="tls keyfile=$DIR/tls/key.pem" --option="tls certfile=$DIR/tls/cert.pem" --option="tls cafile=$DIR/tls/ca.pem" \
	--option="ldap server require strong auth=allow_sasl_over_tls" > provision.log 2>&1 || fail provision
tool() { samba-tool "$@" -H "$DC/private/sam.ldb" --configfile="$DC/etc/smb.conf" >> tool.log 2>&1 || fail "samba-tool $*"; }
tool spn add ldap/dc1.ad.example.com 'DC1$'
tool user create jim.kander Passw0rd.Jim1 --given-name=Jim --surname=Kander --mail-address=jim.kander@example.com \
	--telephone-number="+49 30 5550 1234" --department=Sales
tool user create juergen Passw0rd.Jue1 --given-name=Jürgen --surname=Müller --telephone-number="030 5550 1235"
tool user create gone.already Passw0rd.Gon1 --given-name=Gone --surname=Already --telephone-number="+49 30 5550 1236"
tool user disable gone.already
tool contact create --given-name=Out --surname=Sider --telephone-number="+49 40 777"
tool user create ldapreader Passw0rd.Read1
tool user setexpiry --noexpiry ldapreader
for i in $(seq 1100); do
	printf 'dn: CN=Bulk %04d,CN=Users,DC=ad,DC=example,DC=com\nobjectClass: contact\ngivenName: Bulk\nsn: P%04d\ndisplayName: Bulk P%04d\ntelephoneNumber: +49 89 %d\n\n' \
		"$i" "$i" "$i" $((700000 + i))
done > bulk.ldif
ldbadd -H "$DC/private/sam.ldb" --configfile="$DC/etc/smb.conf" bulk.ldif > tool.log 2>&1 || fail "ldbadd: $(tail -1 tool.log)"
samba-tool domain exportkeytab reader.keytab --principal=ldapreader --configfile="$DC/etc/smb.conf" >> tool.log 2>&1 || fail keytab
samba -i -M single -s "$DC/etc/smb.conf" --debug-stdout -d 1 > samba.log 2>&1 &
PIDS+=($!)
up() { exec 3<> "/dev/tcp/127.0.0.1/$1"; }
for port in 636 389 88 53; do wait_for 60 up $port || fail "samba does not listen at $port"; done

start_certd
password Passw0rd.Read1

present <<'C'
domain = ad.example.com
bind-name = ldapreader@ad.example.com
page-size = 250
C
wait_for 60 ok || fail "no synchronisation: $(ctl directory status)"
ctl directory status 2> /dev/null
ldap_row | grep -q 'ldaps://dc1.ad.example.com' || fail "the server was not found by SRV"
[ "$(entries)" -ge 1105 ] || fail "entries: $(entries)"
finds 'jim kan' 'Jim Kander' || fail "search: $(ctl directory search 'jim kan')"
finds muller 'Jürgen Müller' || fail "search without an umlaut"
names +493055501234 'Jim Kander' || fail lookup
names 040777 'Out Sider' || fail "lookup of a contact"
! finds 'gone already' Gone || fail "a disabled user is found"
! finds dc1 DC1 || fail "a computer is found"
echo "by SRV, LDAPS, paged: $(entries) entries"

# What changes: by DirSync.
changes() { # name of the method
	local n
	sync
	sync
	n=$(entries)
	grep -q "0 entries read, 0 gone.*($1)" sync.out || fail "$1: an idle directory has changes: $(cat sync.out)"
	tool user create new.person Passw0rd.New1 --given-name=New --surname=Person --telephone-number="+49 30 5550 1300"
	sync
	grep -q "($1)" sync.out || fail "not by $1: $(cat sync.out)"
	names +493055501300 'New Person' || fail "$1: a new user is not found"
	[ "$(entries)" = $((n + 1)) ] || fail "$1: entries $(entries) after $n"
	printf 'dn: CN=New Person,CN=Users,DC=ad,DC=example,DC=com\nchangetype: modify\nreplace: telephoneNumber\ntelephoneNumber: +49 30 5550 1301\n' |
		LDAPTLS_CACERT=tls/ca.pem ldapmodify -x -H ldaps://dc1.ad.example.com -D Administrator@ad.example.com -w Passw0rd.Test1 > modify.out 2>&1 || fail "$(cat modify.out)"
	sync
	names +493055501301 'New Person' || fail "$1: a new number is not found"
	! names +493055501300 New || fail "$1: the old number is found"
	printf 'dn: CN=New Person,CN=Users,DC=ad,DC=example,DC=com\nchangetype: modify\ndelete: telephoneNumber\n' |
		LDAPTLS_CACERT=tls/ca.pem ldapmodify -x -H ldaps://dc1.ad.example.com -D Administrator@ad.example.com -w Passw0rd.Test1 > modify.out 2>&1 || fail "$(cat modify.out)"
	sync
	! names +493055501301 New || fail "$1: a deleted number is found"
	finds 'new person' 'New Person' || fail "$1: without a number it is gone"
	tool user disable new.person
	sync
	! finds 'new person' 'New Person' || fail "$1: a disabled user is found"
	tool user enable new.person
	sync
	finds 'new person' 'New Person' || fail "$1: an enabled user is not found"
	tool user rename new.person --surname=Human --force-new-cn="New Human" --display-name="New Human"
	sync
	finds 'new human' 'New Human' || fail "$1: a renamed user is not found"
	! finds 'new person' New || fail "$1: the old name is found"
	tool user delete new.person
	sync
	! finds 'new human' 'New' || fail "$1: a deleted user is found"
	[ "$(entries)" = "$n" ] || fail "$1: entries $(entries), before $n"
	echo "changes by $1"
}
changes DirSync
present <<'C'
domain = ad.example.com
bind-name = ldapreader@ad.example.com
C
SID=$(samba-tool user show ldapreader -H "$DC/private/sam.ldb" --configfile="$DC/etc/smb.conf" | sed -n 's/^objectSid: //p')
tool dsacl set --objectdn=DC=ad,DC=example,DC=com --sddl="(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;$SID)"
wait_for 60 ok || fail "no synchronisation: $(ctl directory status)"
changes DirSync
echo "with the right to replicate"
tool group addmembers "Domain Admins" ldapreader
present <<'C'
domain = ad.example.com
bind-name = ldapreader@ad.example.com
C
wait_for 60 ok || fail "no synchronisation: $(ctl directory status)"
changes DirSync
changes DirSync
tool group removemembers "Domain Admins" ldapreader
echo "with the right to see who was deleted"

# Live, by ANR, before it is in the copy.
tool user create live.one Passw0rd.Liv1 --given-name=Live --surname=Onesson --telephone-number="+49 30 5550 1400"
finds 'live ones' 'Live Onesson' || fail "live search: $(ctl directory search 'live ones')"
! finds '*' . || fail "an asterisk found somebody"
! finds 'x)(objectClass=*' . || fail injection
ctl directory search 'live ones' 2> /dev/null | grep -q live || fail "not from the live search"
echo "live search by ANR"

present <<'C'
servers = ldap://dc1.ad.example.com
bind-name = EXAMPLE\ldapreader
changes = usn
C
wait_for 60 ok || fail "StartTLS: $(ctl directory status)"
echo "StartTLS"
changes uSNChanged

for server in ldap://dc1.ad.example.com ldaps://dc1.ad.example.com; do
	present <<-C
	servers = $server
	bind = gssapi
	keytab = $DIR/reader.keytab
	C
	wait_for 60 ok || fail "GSSAPI at $server: $(ctl directory status)"
	sync full=yes
	echo "GSSAPI at $server"
done

# An administrator's filter and base; somebody comes to fit it.
present <<'C'
servers = ldaps://dc1.ad.example.com
bind-name = ldapreader@ad.example.com
base = CN=Users,DC=ad,DC=example,DC=com
filter = (&(objectClass=user)(department=Sales))
C
wait_for 60 said 'only 1 entries were found in place of' || fail "no safety: $(ctl directory status)"
[ "$(entries)" -ge 1105 ] || fail "a filter emptied the copy: $(entries)"
sync force=yes full=yes
[ "$(entries)" = 1 ] || fail "the filter is for one: $(entries)"
printf 'dn: CN=Jürgen Müller,CN=Users,DC=ad,DC=example,DC=com\nchangetype: modify\nreplace: department\ndepartment: Sales\n' |
	LDAPTLS_CACERT=tls/ca.pem ldapmodify -x -H ldaps://dc1.ad.example.com -D Administrator@ad.example.com -w Passw0rd.Test1 > modify.out 2>&1 || fail "$(cat modify.out)"
sync
grep -q DirSync sync.out && [ "$(entries)" = 2 ] || fail "who came to fit the filter: $(cat sync.out) $(entries)"
echo "filter"

refused 'outside|no DNS SRV' <<'C'
domain = example.com
bind-name = ldapreader@ad.example.com
C
refused 'certificate' <<'C'
servers = ldaps://other.ad.example.com
bind-name = ldapreader@ad.example.com
C
refused 'wants TLS' <<'C'
servers = ldap://dc1.ad.example.com
clear-text = yes
bind-name = ldapreader@ad.example.com
C
refused 'base is wrong' <<'C'
servers = ldaps://dc1.ad.example.com
bind-name = ldapreader@ad.example.com
base = OU=Nowhere,DC=ad,DC=example,DC=com
C
names +493055501234 'Jim Kander' || fail "the copy went with a wrong base"
password wrong
refused 'wrong password' <<'C'
servers = ldaps://dc1.ad.example.com
bind-name = ldapreader@ad.example.com
C
names +493055501234 'Jim Kander' || fail "the copy went with a wrong password"
tool user disable ldapreader
password Passw0rd.Read1
wait_for 60 said 'account is disabled' || fail "a disabled reader: $(ctl directory status)"
tool user enable ldapreader
sync
kill -TERM "$PRES"
wait "$PRES" || fail "presenced ended with $?"
