# Shared by the tests of sipd with real SIP peers: a private directory, sipd, softcall, users. Sourced.
set -u
for need in "$BUILD/sipd" "$BUILD/dectctl" "$BUILD/tests/softcall"; do
	[ -x "$need" ] || { echo "not built: $need"; exit 77; }
done
DIR=$(mktemp -d /tmp/ipdect-sipd.XXXXXX)
PIDS=()
tree() { # a process and all below it
	local p
	echo "$1"
	for p in $(ps -o pid= --ppid "$1"); do tree "$p"; done
}
kill_tree() { kill -9 $(tree "$1") 2>/dev/null; }
cleanup() {
	local p all=""
	for p in "${PIDS[@]}"; do all="$all $(tree "$p")"; done
	kill "${PIDS[@]}" 2>/dev/null
	sleep 0.2
	for p in $all; do kill -9 "$p" 2>/dev/null; done
	drop_ports
	[ -n "${KEEP:-}" ] || rm -rf "$DIR"
}
trap cleanup EXIT
fail() {
	echo "FAILED: $*"
	tail -30 "$DIR"/*.log 2>/dev/null
	exit 1
}
. "$TOP/tests/system/lib_wait.sh"
ctl() { "$BUILD/dectctl" -r "$DIR/run" "$@"; }
start_sipd() { # configuration lines on stdin
	mkdir -p "$DIR/run/ctl" "$DIR/state"
	{ printf '[common]\nruntime-dir = %s\nstate-dir = %s\n[sipd]\n' "$DIR/run" "$DIR/state"; cat; } > "$DIR/ipdect.conf"
	"$BUILD/sipd" -c "$DIR/ipdect.conf" >> "$DIR/sipd.log" 2>&1 &
	SIPD=$!
	PIDS+=("$SIPD")
	wait_for 10 test -S "$DIR/run/ctl/sipd.sock" || fail "sipd did not start"
}
add_users() { # first, how many
	local i
	{
		echo "name,display-name,ipei"
		for ((i = 0; i < $2; i++)); do
			printf '%d,User %d,0500300%05d\n' $(($1 + i)) $(($1 + i)) $i
		done
	} | ctl user import file=- > /dev/null || fail "user import"
}
start_softcall() { # name, arguments…
	local name=$1
	shift
	"$BUILD/tests/softcall" -r "$DIR/run" "$@" > "$DIR/$name.out" 2> "$DIR/$name.log" &
	SOFT=$!
	PIDS+=("$SOFT")
	wait_for 10 grep -q synced "$DIR/$name.out" || fail "softcall was not served by sipd"
}
stop_softcall() {
	kill -TERM "$SOFT" 2>/dev/null
	wait "$SOFT" 2>/dev/null
}
cpu_us() { # of processes; the scheduler counts nanoseconds where stat has hundredths of a second
	cat $(for p in "$@"; do echo "/proc/$p/task/*/schedstat"; done) 2>/dev/null | awk '{ s += $1 } END { printf "%d", s / 1000 }'
}
field() { # file, name
	python3 -c 'import json,sys; print(json.loads([l for l in open(sys.argv[1]) if l.startswith("{")][-1])[sys.argv[2]])' "$1" "$2"
}
# A caller that follows record routes, which the built-in scenario of SIPp does not: scenario file on standard output.
uac_scenario() {
	sipp -sd uac 2>/dev/null | sed -e 's/<recv response="200" rtd="true">/<recv response="200" rtd="true" rrs="true">/' \
		-e 's/ACK sip:[^ ]* SIP/ACK [next_url] SIP/' -e 's/BYE sip:[^ ]* SIP/BYE [next_url] SIP/' \
		-e '/CSeq: 1 ACK/i\      [routes]' -e '/CSeq: 2 BYE/i\      [routes]'
}
# A called party that gives back the record routes.
uas_scenario() {
	sipp -sd uas 2>/dev/null | sed -e 's/^\( *\)\[last_CSeq:\]/\1[last_CSeq:]\n\1[last_Record-Route:]/'
}
