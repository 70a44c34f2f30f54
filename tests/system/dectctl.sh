#!/bin/bash
# dectctl as people use it: exit statuses, roles by group, --json, files and devices, secrets, completion in bash, man page against
# --help; daemons that are down, deaf, crowded or out of descriptors; typing mistakes in the configuration.
set -u
for need in "$BUILD/certd" "$BUILD/dectctl"; do
	[ -x "$need" ] || { echo "not built: $need"; exit 77; }
done
DIR=$(mktemp -d /tmp/ipdect-ctl.XXXXXX)
CERTD='' CLIENTS=''
cleanup() {
	[ -n "$CLIENTS" ] && kill "$CLIENTS" 2>/dev/null
	[ -n "$CERTD" ] && kill -CONT "$CERTD" 2>/dev/null
	[ -n "$CERTD" ] && kill -9 "$CERTD" 2>/dev/null
	rm -rf "$DIR"
}
trap cleanup EXIT
fail() { echo "FAILED: $*"; tail -20 "$DIR/certd.log" 2>/dev/null; exit 1; }
ctl() { "$BUILD/dectctl" -r "$DIR/run" "$@"; }
. "$TOP/tests/system/lib_wait.sh"
status() { # expected, arguments…
	local want=$1 rc
	shift
	ctl "$@" > "$DIR/out" 2> "$DIR/err" < /dev/null
	rc=$?
	[ $rc = "$want" ] || fail "dectctl $*: exit status $rc, not $want: $(cat "$DIR/err")"
}
start() { # what stands before certd…
	"$@" "$BUILD/certd" -c "$DIR/c.conf" >> "$DIR/certd.log" 2>&1 &
	CERTD=$!
	wait_for 20 ctl policy list || fail "certd did not start"
}
stop() { kill "$CERTD" 2>/dev/null; wait "$CERTD" 2>/dev/null; CERTD=''; }
chmod 755 "$DIR"
mkdir -p "$DIR/run/ctl" "$DIR/state"
printf '[common]\nruntime-dir = %s\nstate-dir = %s\n[certd]\nfqdn = dect.example.test\n' "$DIR/run" "$DIR/state" > "$DIR/c.conf"

# ---- what anybody tries first
"$BUILD/certd" --help > "$DIR/out" 2> "$DIR/err" && [ ! -s "$DIR/err" ] && grep -q '^usage: certd' "$DIR/out" || fail "certd --help"
"$BUILD/certd" --version | grep -q '^certd [0-9]' || fail "certd --version"
"$BUILD/certd" --helpp > "$DIR/out" 2>&1 && fail "certd takes an unknown option"

# ---- nobody is there, then one of four
status 3 status
status 3 user list
grep -q 'systemctl start' "$DIR/err" || fail "does not say what to do: $(cat "$DIR/err")"
start env
status 4 status
grep -q '^certd .*degraded' "$DIR/out" || fail "status: $(cat "$DIR/out")"
grep -q '^sipd *down' "$DIR/out" || fail "status: $(cat "$DIR/out")"
grep -q 'file=FILE' "$DIR/out" || fail "status does not say how a certificate is imported: $(cat "$DIR/out")"
status 0 -d certd status
status 0 policy list
status 4 log set level=debug
grep -q 'sipd cannot be reached' "$DIR/err" || fail "log set: does not say who missed it"
status 0 -d certd log set level=notice
status 3 user list
status 2
status 2 -x
status 2 -t 0 status
status 2 cert import
status 2 cert import file=
status 2 cert import file="$DIR/none"
status 2 cert import fil=x
status 2 log set level=debug level=err
status 1 log set level=loud
status 2 help nonsense
grep -q 'no such command: nonsense' "$DIR/err" || fail "help: $(cat "$DIR/err")"
status 1 cert show nobody
status 0 --json cert list
[ "$(cat "$DIR/out")" = "[]" ] || fail "--json of nothing: $(cat "$DIR/out")"
status 0 cert list --json
[ "$(cat "$DIR/out")" = "[]" ] || fail "--json behind the command: $(cat "$DIR/out")"
status 0 cert import --help
grep -q '^dectctl cert import ' "$DIR/out" || fail "--help behind the command: $(cat "$DIR/out")"
status 0 cert
status 3 cert nonsense web # one that is down may have it
grep -q 'cert has no verb "nonsense"' "$DIR/err" || fail "a verb that there is not: $(cat "$DIR/err")"
status 0 --help
status 0 --version
echo "exit statuses are as the man page says; a daemon that is down is named"

# ---- the man page and --help have the same options; every command of certd has help
for option in $("$BUILD/dectctl" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z]+|^  -[a-zA-Z], --[a-z]+' | grep -oE -- '--?[a-zA-Z]+'); do
	sed 's/\\-/-/g' "$TOP/docs/dectctl.1" | grep -qE -- "(^|[ \"])$option([ \",]|$)" || fail "dectctl.1 has no $option"
done
ctl help 2>/dev/null | while read -r noun verb rest; do
	[ -n "$rest" ] || exit 1
	[ "$(ctl help "$noun" "$verb" 2>/dev/null | head -1 | cut -d' ' -f1-3)" = "dectctl $noun $verb" ] || exit 1
done || fail "a command without help"

# ---- files, devices, secrets
status 0 cert self-signed web cn=dect.example.test
status 0 cert export web file="$DIR/web.pem"
openssl x509 -in "$DIR/web.pem" -noout 2>/dev/null || fail "no certificate in the file"
mkfifo "$DIR/pipe"
timeout 20 cat "$DIR/pipe" > "$DIR/piped" &
status 0 cert export web file="$DIR/pipe"
wait $!
[ -p "$DIR/pipe" ] || fail "a pipe was replaced by a file"
cmp -s "$DIR/piped" "$DIR/web.pem" || fail "what came through the pipe is not the certificate"
status 1 cert export web file="$DIR/none/web.pem"
grep -q "$DIR/none/web.pem: No such file" "$DIR/err" || fail "does not name the file: $(cat "$DIR/err")"
head -c 2000 /dev/zero | tr '\0' a | ctl secret set bob kind=sip > "$DIR/out" 2> "$DIR/err"
[ $? = 2 ] && grep -q 'longer than' "$DIR/err" || fail "a secret of 2,000 octets: $(cat "$DIR/err")"
ctl secret set bob kind=sip value=geheim > "$DIR/out" 2> "$DIR/err" < /dev/null
[ $? = 2 ] && grep -q 'never\|not taken' "$DIR/err" || fail "a secret on the command line: $(cat "$DIR/err")"
status 1 secret set bob kind=sip
[ "$(ctl --json secret list 2>/dev/null)" = "[]" ] || fail "a secret was stored half"
echo "man page and help agree; pipes are written to, long secrets refused, files named"

# ---- completion, with and without "=" as a break of words
complete_line() { # words…; the last one is the one being written
	PATH="$BUILD:$PATH" bash --norc -c '
		. "'"$TOP"'/packaging/completion/dectctl"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_dectctl
		printf "%s\n" "${COMPREPLY[@]}"' complete "$@"
}
grep -qx cert <(complete_line dectctl -r "$DIR/run" ce) || fail "completion of a noun"
grep -qx import <(complete_line dectctl -r "$DIR/run" cert im) || fail "completion of a verb"
grep -qx 'password=' <(complete_line dectctl -r "$DIR/run" cert import web pa) || fail "completion of an argument"
grep -qx 'keytype=p-384' <(complete_line dectctl -r "$DIR/run" cert csr key) || fail "completion of a choice"
grep -qx 'p-384' <(complete_line dectctl -r "$DIR/run" cert csr keytype = p-3) || fail "completion behind ="
grep -qx "$DIR/web.pem" <(complete_line dectctl -r "$DIR/run" cert import file = "$DIR/we") || fail "completion of a file"
grep -qx -- '--json' <(complete_line dectctl --j) || fail "completion of an option"
grep -qx import <(complete_line dectctl -r "$DIR/run" help cert im) || fail "completion of help"
grep -qx certd <(complete_line dectctl -d ce) || fail "completion of a daemon"
if command -v zsh > /dev/null; then
	zsh_line() { # words…; the last one is the one being written; all candidates, as zsh itself leaves out what does not fit
		PATH="$BUILD:$PATH" zsh -f -c '
			words=("$@") CURRENT=$#
			compadd() { [[ $1 != -S ]] || shift 2; [[ $1 != -- ]] || shift; print -l -- "$@"; }
			compset() { true; }
			_files() { print files; }
			_dectctl() { . "'"$TOP"'/packaging/completion/_dectctl"; }
			_dectctl' complete "$@"
	}
	grep -qx cert <(zsh_line dectctl -r "$DIR/run" ce) || fail "zsh: completion of a noun"
	grep -qx import <(zsh_line dectctl -r "$DIR/run" cert im) || fail "zsh: completion of a verb"
	grep -qx 'password=' <(zsh_line dectctl -r "$DIR/run" cert import web pa) || fail "zsh: completion of an argument"
	grep -qx 'p-384' <(zsh_line dectctl -r "$DIR/run" cert csr host keytype=p-3) || fail "zsh: completion of a choice"
	grep -qx files <(zsh_line dectctl -r "$DIR/run" cert import file=w) || fail "zsh: completion of a file"
	grep -qx -- '--json' <(zsh_line dectctl --j) || fail "zsh: completion of an option"
	grep -qx certd <(zsh_line dectctl -d ce) || fail "zsh: completion of a daemon"
fi
echo "completion: options, daemons, nouns, verbs, arguments, choices, files"

# ---- many clients: the limit holds, the others go on, the daemon recovers
crowd() { # how many connections, seconds
	/usr/bin/python3 - "$DIR/run/ctl/certd.sock" "$1" "$2" <<'P' &
import socket, struct, sys, time
held = []
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 2, 0))
    try:
        s.connect(sys.argv[1])
    except OSError:
        break
    held.append(s)
open(sys.argv[1] + ".crowd", "w").close()
time.sleep(float(sys.argv[3]))
P
	CLIENTS=$!
	wait_for 60 test -e "$DIR/run/ctl/certd.sock.crowd" || fail "the crowd did not come"
	rm -f "$DIR/run/ctl/certd.sock.crowd"
}
fds() { ls "/proc/$CERTD/fd" | wc -l; }
alone=$(fds)
crowd 600 60
wait_for 20 grep -q 'too many are open' "$DIR/certd.log" || fail "600 connections: nothing in the log"
[ "$(fds)" -le $((alone + 260)) ] || fail "600 connections: $(fds) descriptors"
ctl -d certd status > "$DIR/out" 2> "$DIR/err"
grep -q 'too many connections' "$DIR/err" "$DIR/out" || fail "600 connections: dectctl says $(cat "$DIR/err" "$DIR/out")"
kill $CLIENTS; wait $CLIENTS 2>/dev/null; CLIENTS=''
wait_for 20 ctl -d certd status || fail "not well after the crowd left"
few() { [ "$(fds)" -le $((alone + 2)) ]; }
wait_for 20 few || fail "descriptors were left over: $(fds), $alone before"
stop

# ---- descriptors run out: said, no busy loop, well again
start prlimit --nofile=40
crowd 80 60
wait_for 20 grep -q 'LimitNOFILE' "$DIR/certd.log" || fail "descriptors ran out: nothing in the log"
a=$(awk '{print $14 + $15}' "/proc/$CERTD/stat")
sleep 3
b=$(awk '{print $14 + $15}' "/proc/$CERTD/stat")
[ $((b - a)) -lt 60 ] || fail "descriptors ran out: $((b - a)) ticks of processor time in 3 s"
kill $CLIENTS; wait $CLIENTS 2>/dev/null; CLIENTS=''
wait_for 20 ctl -d certd status || fail "not well after descriptors came back"
echo "600 connections and 40 descriptors: refused with the reason, no busy loop ($((b - a)) ticks in 3 s), well again"

# ---- a deaf daemon does not hold dectctl for ever, even when nothing is accepted any more
kill -STOP "$CERTD"
crowd 200 60
began=$SECONDS
timeout 60 "$BUILD/dectctl" -r "$DIR/run" -d certd status > "$DIR/out" 2> "$DIR/err"
rc=$?
[ $rc = 3 ] || fail "a deaf daemon: exit status $rc"
[ $((SECONDS - began)) -lt 30 ] || fail "a deaf daemon held dectctl for $((SECONDS - began)) s"
grep -q 'does not answer\|no answer' "$DIR/out" "$DIR/err" || fail "a deaf daemon: $(cat "$DIR/out" "$DIR/err")"
kill $CLIENTS; wait $CLIENTS 2>/dev/null; CLIENTS=''
kill -CONT "$CERTD"
wait_for 20 ctl -d certd status || fail "not well after it was deaf"
stop
echo "a deaf daemon is told after $((SECONDS - began)) s"

# ---- units that cannot start: their sockets are there and nobody answers
mkdir -p "$DIR/deaf/ctl"
/usr/bin/python3 - "$DIR/deaf/ctl" <<'P' &
import socket, sys, time
held = []
for name in "certd", "sipd", "dectd", "presenced", "mediad-1", "mediad-2":
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(f"{sys.argv[1]}/{name}.sock")
    s.listen()
    held.append(s)
open(sys.argv[1] + "/there", "w")
time.sleep(120)
P
CLIENTS=$!
wait_for 20 test -e "$DIR/deaf/ctl/there" || fail "no deaf sockets"
began=$SECONDS
"$BUILD/dectctl" -r "$DIR/deaf" status > "$DIR/out" 2> "$DIR/err"
[ $((SECONDS - began)) -lt 12 ] || fail "six deaf daemons held dectctl for $((SECONDS - began)) s"
[ "$(grep -c 'cannot start.*journalctl -u ipdect-' "$DIR/out")" = 6 ] || fail "six deaf daemons: $(cat "$DIR/out" "$DIR/err")"
kill $CLIENTS; wait $CLIENTS 2>/dev/null; CLIENTS=''
echo "six deaf daemons are waited for together"

# ---- typing mistakes in the configuration
typo() { # says, file's text
	printf '%b' "$2" > "$DIR/typo.conf"
	"$BUILD/certd" -c "$DIR/typo.conf" -t > "$DIR/out" 2> "$DIR/err"
	[ $? = 78 ] || fail "accepted: $2"
	grep -qF -- "$1" "$DIR/err" || fail "$2: says $(cat "$DIR/err")"
	[ "$(wc -l < "$DIR/err")" = "${3:-1}" ] || fail "$2: not ${3:-1} line(s): $(cat "$DIR/err")"
}
typo 'typo.conf:1: no daemon has a section [certdd]; did you mean [certd]' '[certdd]\nsign-rate = 5\n'
typo 'typo.conf:1: a setting before the first section' 'sign-rate = 5\n[certd]\n'
typo 'typo.conf:2: expected KEY = VALUE' '[certd]\nsign-rate 5\n'
typo 'a section is written [name]' '[certd\n'
typo 'sign-rate' '[certd]\nsign-rat = 5\n'
typo 'given twice' '[certd]\nfqdn = a.example\nfqdn = b.example\n'
typo 'typo.conf:3:' '[certd]\nsign-rat = 5\nlegacy-tls = perhaps\n[sip]\nx = y\n' 3
"$BUILD/certd" -c "$DIR/nowhere.conf" -t > "$DIR/out" 2> "$DIR/err"
[ $? = 78 ] && grep -q 'nowhere.conf: there is no such file' "$DIR/err" || fail "-c with no file: $(cat "$DIR/err")"
"$BUILD/certd" -c "$DIR" -t > "$DIR/out" 2> "$DIR/err"
[ $? = 78 ] && [ "$(wc -l < "$DIR/err")" = 1 ] || fail "-c with a directory: $(cat "$DIR/err")"
echo "configuration: mistyped sections, keys, values and files are named once, with the line"

# ---- roles by group
if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
	echo "not root: roles by group not tried"
	exit 0
fi
cp "$BUILD/dectctl" "$DIR/dectctl"
chmod 755 "$DIR/dectctl"
{
	grep -v "^ipdect-" /etc/group
	printf 'ipdect-view:x:64001:daemon\nipdect-operate:x:64002:bin\nipdect-admin:x:64003:sys\n'
	for i in $(seq 1 90); do printf 'crowd%u:x:%u:bin\n' "$i" $((64100 + i)); done
} > "$DIR/group"
start unshare -m bash -c 'mount --bind "$0" /etc/group && exec "$@"' "$DIR/group"
as() { # expected, user, arguments…
	local want=$1 user=$2 rc
	shift 2
	setpriv --reuid "$user" --regid 65534 --clear-groups "$DIR/dectctl" -r "$DIR/run" -d certd "$@" > "$DIR/out" 2> "$DIR/err" < /dev/null
	rc=$?
	[ $rc = "$want" ] || fail "$user: dectctl $*: exit status $rc, not $want: $(cat "$DIR/err")"
}
as 0 daemon cert list
as 5 daemon log set level=info
grep -q 'group ipdect-operate' "$DIR/err" || fail "viewer: $(cat "$DIR/err")"
as 5 daemon cert self-signed x cn=a.example
as 0 bin cert list
as 0 bin log set level=info
as 5 bin cert self-signed x cn=a.example
grep -q 'group ipdect-admin' "$DIR/err" || fail "operator: $(cat "$DIR/err")"
as 0 sys cert self-signed x cn=a.example
as 0 sys cert del x
as 3 games cert list
grep -q 'in group ipdect-view' "$DIR/err" || fail "nobody's: $(cat "$DIR/err")"
stop
echo "roles: viewers look, operators (of 91 groups) act, administrators change; others are refused, each with the group's name"
