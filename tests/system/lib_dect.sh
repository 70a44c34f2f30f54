# Shared by the tests of dectd with soft base stations and handsets: a private directory, the real daemons, softrfp. Sourced.
# BIN=DIR: daemons of another build (with sanitizers, say).
set -u
for need in certd sipd dectd dectctl tests/softrfp; do
	[ -x "$BUILD/$need" ] || { echo "not built: $BUILD/$need"; exit 77; }
done
DIR=$(mktemp -d /tmp/ipdect-dect.XXXXXX)
PIDS=()
cleanup() {
	local p i
	for p in "${PIDS[@]}"; do kill "$p" 2>/dev/null; done
	for ((i = 0; i < 30; i++)); do
		kill -0 "${PIDS[@]}" 2>/dev/null || break
		sleep 0.1
	done
	for p in "${PIDS[@]}"; do kill -9 "$p" 2>/dev/null; done
	wait 2>/dev/null
	drop_ports
	if [ -n "${KEEP:-}" ]; then echo "kept: $DIR"; else rm -rf "$DIR"; fi
}
trap cleanup EXIT
fail() {
	echo "FAILED: $*"
	for f in "$DIR"/*.log; do
		echo "--- $f"
		tail -${TAIL:-25} "$f"
	done
	exit 1
}
. "$TOP/tests/system/lib_wait.sh"
ctl() { "$BUILD/dectctl" -r "$DIR/run" "$@"; }
# Lines to softrfp; fails the test when one is refused or a wait runs out.
air() {
	local a lines=()
	for a in "$@"; do
		[[ $a =~ ^wait\ ([0-9]+)\ (.*) ]] && a="wait $((BASH_REMATCH[1] * PATIENCE)) ${BASH_REMATCH[2]}"
		lines+=("$a")
	done
	"$BUILD/tests/softrfp" -x "$DIR/air.sock" "${lines[@]}" || fail "softrfp: $*"
}
air_try() { "$BUILD/tests/softrfp" -x "$DIR/air.sock" "$@"; }
start() { # daemon, arguments… : PID_name, PID_name1 … of instances
	local name=$1 inst=""
	shift
	[ "${1:-}" = -i ] && inst=$2
	"${BIN:-$BUILD}/$name" -c "$DIR/ipdect.conf" "$@" >> "$DIR/$name$inst.log" 2>&1 &
	eval "PID_$name$inst=$!"
	[ -z "$inst" ] || eval "PID_$name=$!"
	PIDS+=("$!")
}
PORT=$(free_port)
SIP_PORT=$(free_port)
MEDIADS=${MEDIADS:-1}
# Of its own, so that no two tests want the same ports: tests run side by side.
MEDIA_IP=127.$((220 + RANDOM % 30)).$((RANDOM % 256)).$((1 + RANDOM % 250))
# Each run its own base addresses: tests run side by side. 127.16.x.y … belong to nobody else.
NET=$(printf '%02x%02x' $((RANDOM % 200)) $((RANDOM % 256)))
base_mac() { printf '0200%s%02x%02x' "$NET" $((PORT % 256)) "$1"; }
start_suite() { # further configuration on standard input
	mkdir -p "$DIR/run/ctl" "$DIR/state" "$DIR/air"
	{
		printf '[common]\nruntime-dir = %s\nstate-dir = %s\n' "$DIR/run" "$DIR/state"
		printf '[sipd]\nlisten-address = 127.0.0.1\nlocal-port = %s\ntransports = udp\n' "$SIP_PORT"
		printf '[mediad]\nrtp-address = %s\ninstances = %s\nrtp-ports = 17000-18999\n' "$MEDIA_IP" "$MEDIADS"
		printf '[dectd]\nlisten-address = 127.0.0.1\nport = %s\npark = 1F102AF12C\n' "$PORT"
		cat
	} > "$DIR/ipdect.conf"
	start certd
	start sipd
	for ((i = 1; i <= MEDIADS; i++)); do [ -x "$BUILD/mediad" ] && start mediad -i $i; done
	start dectd
	if [ -x "$BUILD/mediad" ]; then wait_for 10 test -S "$DIR/run/ctl/mediad-1.sock" || fail "mediad did not start"; fi
	wait_for 10 test -S "$DIR/run/ctl/dectd.sock" || fail "dectd did not start"
	wait_for 10 test -S "$DIR/run/ctl/sipd.sock" || fail "sipd did not start"
	wait_for 10 test -S "$DIR/run/ctl/certd.sock" || fail "certd did not start"
	"$BUILD/tests/softrfp" -c "$DIR/air.sock" > "$DIR/softrfp.log" 2>&1 &
	AIR=$!
	PIDS+=("$AIR")
	wait_for 5 test -S "$DIR/air.sock" || fail "softrfp did not start"
}
base_up() { # number, options…
	local mac
	mac=$(base_mac "$1")
	shift
	ctl base admit "$mac" > /dev/null || fail "base admit"
	air "base add $mac server=127.0.0.1:$PORT retry=300 search=50 state=$DIR/air $*" "wait 10 base $mac up"
}
no_violations() {
	air_try violations > "$DIR/violations" && return
	cat "$DIR/violations"
	fail "the server broke rules"
}
user() { # name, IPEI of 12 digits, access code
	ctl user add "$1" display-name="User $1" ipei="$2" > /dev/null || fail "user add $1"
	printf '%s\n' "$3" | ctl secret set "$1" kind=ac value=- > /dev/null || fail "secret set $1"
}
# Handset NAME of user NAME: IPEI 0500300xxxxx; its access code is NAME0000.
handset() { # name, options…
	local name=$1 ipei
	shift
	ipei=$(printf '0500300%05d' "$name")
	user "$name" "$ipei" "${name}0000"
	air "pp add $name ipei=$ipei number=$name state=$DIR/air/pp-$name $*"
}
subscribed() { # names…: subscribe and register them all
	local n
	ctl subscription open > /dev/null || fail "subscription open"
	wait_for 5 sh -c "'$BUILD/tests/softrfp' -x '$DIR/air.sock' 'base list' | grep -q 'caps ....[8-9a-f]\|caps ...[8-9a-f]'" || fail "subscription is not broadcast"
	for n in "$@"; do
		air "pp $n subscribe ac=${n}0000" "wait 10 pp $n subscribed" "wait 10 pp $n located"
	done
	ctl subscription close > /dev/null || fail "subscription close"
}
showing() { air_try "pp $1 show" | grep -qF -- "$2"; }
shows() { # name, text: on the handset's `show`, now or soon
	wait_for 3 showing "$1" "$2" || fail "handset $1 does not show \"$2\" but: $(air "pp $1 show")"
}
# The tone that it expects is there, by and large: now, or once what was before is outweighed.
hearing() { # name
	air_try "pp $1 heard" > "$DIR/heard" || return 1
	[[ $(cat "$DIR/heard") =~ good\ ([0-9]+)\ bad\ ([0-9]+) ]] &&
		((BASH_REMATCH[1] >= 5 && BASH_REMATCH[2] * 10 <= BASH_REMATCH[1] * 3))
}
# BASES base stations, HANDSETS handsets of all profiles with the numbers 2000 … evenly at them; subscription stays open.
many() {
	local i n mac bases=$1 handsets=$2 profiles=(gap-b gap-a ng) lines=()
	for ((i = 1; i <= bases; i++)); do
		mac=$(base_mac $i)
		ctl base admit "$mac" > /dev/null || fail "base admit"
		air "base add $mac server=127.0.0.1:$PORT search=30 state=$DIR/air" "wait 10 base $mac up" > /dev/null
	done
	{
		echo "name,display-name,ipei"
		for ((i = 0; i < handsets; i++)); do printf '%d,User %d,0500300%05d\n' $((2000 + i)) $((2000 + i)) $((2000 + i)); done
	} | ctl user import file=- > /dev/null || fail "user import"
	printf '4711\n' | ctl secret set subscription kind=ac value=- > /dev/null || fail "secret set"
	air mark > /dev/null
	ctl subscription open for=120s > /dev/null || fail "subscription open"
	air "wait 10 subscription open" > /dev/null
	for ((i = 0; i < handsets; i++)); do
		n=$((2000 + i))
		lines+=("pp add $n ipei=0500300$(printf %05d $n) number=$n profile=${profiles[i % 3]} spread=yes" "pp $n subscribe ac=4711"
			"wait 20 pp $n located" "pp $n camp $(base_mac $((i % bases + 1)))") # evenly: a base has 8 channels for speech
	done
	air "${lines[@]}" > /dev/null
}
none_left() {
	wait_for 5 sh -c "! '$BUILD/dectctl' -r '$DIR/run' call list 2>/dev/null | grep -q '^[0-9a-f]\{16\}'" || fail "a call is left: $(ctl call list)"
	wait_for 5 sh -c "! '$BUILD/dectctl' -r '$DIR/run' media list 2>/dev/null | grep -q '^[0-9a-f]\{16\}'" || fail "a media session is left: $(ctl media list)"
}
