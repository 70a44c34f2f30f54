#!/bin/bash
# Log-ins at the strict Lync front end by Kerberos with Samba as an Active Directory domain controller: tickets with a PAC, the
# service's SPN at an account, UPNs with another suffix. Its ports are fixed: it runs in a network of its own.
skip() { echo "$*"; exit 77; }
for p in sipd certd mediad dectctl tests/softdect; do
	[ -x "$BUILD/$p" ] || skip "not built: $BUILD/$p"
done
for need in samba samba-tool ldbmodify ip unshare; do
	command -v "$need" > /dev/null || skip "$need is not installed: see packaging/deps.test"
done
[ -d /usr/share/samba/setup ] || skip "samba-ad-provision is not installed: see packaging/deps.test"
[ -e /usr/lib/*/samba/ldb/samba_dsdb.so ] || skip "samba-dsdb-modules is not installed: see packaging/deps.test"
[ "$(id -u)" = 0 ] || skip "needs root for a network of its own"
if [ -z "${IN_NET:-}" ]; then
	unshare -n -m true 2> /dev/null || skip "no network or mount namespace can be made here"
	IN_NET=1 exec unshare -n -m bash "$0"
fi
. "$TOP/tests/system/lib_sipd.sh"
ip link set lo up || skip "the loopback of the new network does not come up"
mkdir -p /run/samba "$DIR/smb"
mount -t tmpfs tmpfs /run/samba && mount -t tmpfs tmpfs /var/lib/samba || skip "no mount in the new namespace"
mkdir -p /var/lib/samba/private
printf '127.0.0.1 localhost dc1.ad.example.com\n' > "$DIR/hosts"
mount --bind "$DIR/hosts" /etc/hosts || skip "no bind mount"
DC="$DIR/dc"
samba-tool domain provision --targetdir="$DC" --realm=AD.EXAMPLE.COM --domain=EXAMPLE --server-role=dc \
	--adminpass=Passw0rd.Test1 --host-name=dc1 --host-ip=127.0.0.1 --dns-backend=SAMBA_INTERNAL \
	--option="interfaces=lo" --option="bind interfaces only=yes" --option="server services=ldap,cldap,kdc,rpc,winbindd" \
	--option="pid directory=$DIR/smb" --option="ncalrpc dir=$DIR/smb/ncalrpc" --option="log file=$DIR/smb/log.%m" \
	> "$DIR/provision.log" 2>&1 || fail "provision: $(tail -3 "$DIR/provision.log")"
tool() { samba-tool "$@" -H "$DC/private/sam.ldb" --configfile="$DC/etc/smb.conf" >> "$DIR/tool.log" 2>&1 || fail "samba-tool $*: $(tail -1 "$DIR/tool.log")"; }
for u in 200 201 202 203; do tool user create "$u" "secret-$u"; done
for u in 201 203; do
	printf 'dn: CN=%s,CN=Users,DC=ad,DC=example,DC=com\nchangetype: modify\nreplace: userPrincipalName\nuserPrincipalName: %s@mail.example\n' $u $u
	echo
done > "$DIR/upn.ldif"
ldbmodify -H "$DC/private/sam.ldb" --configfile="$DC/etc/smb.conf" "$DIR/upn.ldif" >> "$DIR/tool.log" 2>&1 || fail "ldbmodify: $(tail -1 "$DIR/tool.log")"
tool user create lyncfe Passw0rd.Lync1
tool spn add sip/localhost lyncfe
samba-tool domain exportkeytab "$DIR/service.keytab" --principal=sip/localhost --configfile="$DC/etc/smb.conf" >> "$DIR/tool.log" 2>&1 ||
	fail "keytab: $(tail -1 "$DIR/tool.log")"
samba -i -M single -s "$DC/etc/smb.conf" --debug-stdout -d 1 > "$DIR/samba.log" 2>&1 &
PIDS+=($!)
up() { exec 3<> "/dev/tcp/127.0.0.1/88"; }
wait_for 60 up || fail "samba does not listen at 88"
KDC_UPN=mail.example KDC_REALM=AD.EXAMPLE.COM KDC_KEYTAB="$DIR/service.keytab" /usr/bin/python3 -B "$TOP/tests/lync/flows.py" kerberos --only "calls both ways"
