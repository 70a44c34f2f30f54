#!/bin/bash
# A directory that hangs, drops, lies: after each of its behaviours the status says why and what to do, the local copy goes on to
# answer at once, and a good directory is taken up again.
skip() { echo "$*"; exit 77; }
command -v openssl > /dev/null || skip "openssl is not installed"
for need in "$BUILD/presenced" "$BUILD/certd" "$BUILD/dectctl"; do
	[ -x "$need" ] || skip "not built: $need"
done
. "$TOP/tests/system/lib_sipd.sh"
. "$TOP/tests/system/lib_directory.sh"
cd "$DIR" || exit 1
three_ports() { # the first of three that are free, in a row
	/usr/bin/python3 - <<'P'
import random, socket
while True:
    p = random.randrange(20000, 32000)
    try:
        s = [socket.socket() for _ in range(3)]
        for i in range(3):
            s[i].bind(("127.0.0.1", p + i))
        print(p)
        break
    except OSError:
        pass
P
}
PORT=$(three_ports)
certificates IP:127.0.0.1
echo good > mode
: > seen
/usr/bin/python3 "$TOP/tests/system/presenced_ldap.py" "$PORT" tls/cert.pem tls/key.pem mode seen > server.log 2>&1 &
PIDS+=($!)
wait_for 20 grep -q ready server.log || fail "the server did not start: $(cat server.log)"
start_certd
password secret
S="servers = ldaps://127.0.0.1:$PORT"
P="servers = ldap://127.0.0.1:$((PORT + 1))"
REST="bind-name = cn=reader
import-timeout = 5s
search-timeout = 1s
max-entries = 1000
page-size = 25"
present <<< "$S
$REST"
wait_for 60 ok || fail "no synchronisation: $(ctl directory status)"
[ "$(entries)" = 60 ] || fail "entries: $(entries)"
names +4930555007 'Given7 Person007' || fail lookup

well() { # what must hold whatever the directory does
	kill -0 "$PRES" || fail "$1: presenced is gone"
	[ "$(entries)" = 60 ] || fail "$1: entries $(entries)"
	names +4930555007 'Given7 Person007' || fail "$1: no name"
	finds 'person03' 'Person03' 2> /dev/null || [ "$(ctl directory search person03 | grep -c Person03)" = 10 ] || fail "$1: search"
	! grep -q TRAP seen || fail "$1: a referral was followed"
}
rough() { # behaviour, words of the reason
	echo "$1" > mode
	ctl directory sync full=yes > sync.out 2>&1 &
	local sync=$!
	# While it hangs, callers have names: that is answered from the loop.
	names +4930555008 'Given8' || fail "$1: no name while the directory is asked"
	! wait $sync || fail "$1: this synchronised: $(cat sync.out)"
	grep -qE "$2" sync.out || fail "$1: no reason \"$2\": $(cat sync.out)"
	wait_for 30 said "failed.*($2)" || fail "$1: status does not say it: $(ctl directory status)"
	well "$1"
	echo "$1: $(sed 's/^dectctl: presenced: //' sync.out | head -1)"
}
again() {
	echo good > mode
	ctl directory sync full=yes > sync.out 2>&1 || fail "good again after $1: $(cat sync.out)"
	wait_for 30 state ok || fail "not ok again: $(ctl directory status)"
	well "good after $1"
}
DOWN="Can't contact LDAP server; is it running.*certificate"
fresh() { # a new connection for the next behaviour
	present <<< "$1
$REST"
	wait_for 60 ok || fail "again: $(ctl directory status)"
}
for t in "silent-search|Timed out; the server is slow or hangs" "half-then-silent|Timed out; the server is slow or hangs" \
	"slow|Timed out; the server is slow or hangs" "half-then-close|$DOWN" "cut|$DOWN" "page-lost|$DOWN" "huge|contact|Decoding" \
	"garbage|$DOWN|Decoding|Timed out" "wrong-id|Timed out" "bind-again|Timed out" "endless|more than 1000 entries: raise max-entries" \
	"same-page|Timed out" "code-4|Size limit exceeded; raise the server" "code-3|Time limit exceeded; raise" \
	"code-11|limit exceeded; raise the server" "code-51|busy; the server is busy: it is asked again" "code-50|Insufficient access; the reader" \
	"code-32|No such object; the base is wrong" "code-1|Operations error; Active Directory" "code-80|search: Other.*the server.s log" \
	"referral|Referral; another server has this: use the global catalogue"; do
	rough "${t%%|*}" "${t#*|}"
	again "${t%%|*}"
done
# Those that show with a new connection.
for t in "silent|$DOWN|Timed out" "no-tls|Can't contact" "silent-bind|login: Timed out; the server is slow" \
	"locked|Invalid credentials \(the account is locked out\)"; do
	echo "${t%%|*}" > mode
	present <<< "$S
$REST"
	wait_for 60 said "failed.*(${t#*|})" || fail "${t%%|*}: $(ctl directory status)"
	well "${t%%|*}"
	echo "${t%%|*}: $(ctl directory status 2> /dev/null | grep ldap | sed 's/.*failed *//')"
	again "${t%%|*}"
done
# A refused login is not tried again: that would lock the account.
echo locked > mode
: > seen
present <<< "$S
$REST"
wait_for 60 said "failed.*in 1[78][0-9]* s" || fail "a refused login is tried soon again: $(ctl directory status)"
[ "$(grep -c locked seen)" = 1 ] || fail "a refused login was tried $(grep -c locked seen) times"
again locked
for t in "no-starttls|the server does not offer it: use ldaps" "starttls-then-silent|Timed out|certificate" \
	"starttls-then-clear|certificate"; do
	echo "${t%%|*}" > mode
	present <<< "$P
$REST"
	wait_for 60 said "failed.*(${t#*|})" || fail "${t%%|*}: $(ctl directory status)"
	well "${t%%|*}"
	echo "${t%%|*}: $(ctl directory status 2> /dev/null | grep ldap | sed 's/.*failed *//')"
	again "${t%%|*}"
done
# What is read, but not as it came.
fresh "$S"
echo reference > mode
ctl directory sync full=yes > sync.out 2>&1 || fail "references: $(cat sync.out)"
well reference
echo big > mode
ctl directory sync full=yes > sync.out 2>&1 || fail "1 MiB values: $(cat sync.out)"
[ "$(entries)" = 60 ] || fail "1 MiB values: $(entries)"
names +49301 'Person000' || fail "the number beside 1 MiB is lost"
finds 'common name' 'Common Name' || fail "a name of 1 MiB hides the other: $(ctl directory search common)"
names +49302 'Person002' || fail "of 20,000 numbers none is left"
echo dirty > mode
ctl directory sync full=yes > sync.out 2>&1 || fail "dirty values: $(cat sync.out)"
ctl directory search via > dirty.out 2>&1
grep -q 'A B Via: x' dirty.out || fail "a dirty name: $(cat dirty.out)"
! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' dirty.out || fail "control characters of the directory reach a terminal"
names +49304 'Person004' || fail "a number with dirt"
again dirty
# Two servers: the second is used when the first hangs.
echo good > mode
/usr/bin/python3 -c 'import socket,time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5); print(s.getsockname()[1], flush=True); time.sleep(600)' > dead.port &
PIDS+=($!)
wait_for 10 test -s dead.port
fresh "servers = ldaps://127.0.0.1:$(cat dead.port) ldaps://127.0.0.1:$PORT"
ldap_row | grep -q ":$PORT" || fail "the second server was not used"
echo "the second server is used when the first hangs"
kill -TERM "$PRES"
wait "$PRES" || fail "presenced ended with $?"
PRES=
# It also ends while a directory hangs.
echo silent-search > mode
: > seen
present <<< "$S
$REST"
ctl directory sync full=yes > /dev/null 2>&1 &
wait_for 30 grep -q silent-search seen || fail "no search came"
began=$SECONDS
kill -TERM "$PRES"
wait "$PRES" || fail "presenced ended with $? while the directory hangs"
[ $((SECONDS - began)) -le 20 ] || fail "it took $((SECONDS - began)) s to end"
