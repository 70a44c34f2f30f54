#!/bin/bash
# Users who all change their state within a minute at a plain SIP presence server: CPU of presenced and sipd against what Kamailio
# spends serving it; publications against changes. Usage: BUILD=build-release bench/presenced_publish.sh [USERS [SECONDS]]
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
BUILD=$(cd "$BUILD" && pwd) || exit 1
. "$TOP/tests/system/lib_sipd.sh"
[ -x "$BUILD/presenced" ] || { echo "not built: $BUILD/presenced"; exit 77; }
N=${1:-4096}
S=${2:-60}
PBX=$(free_port)
KAMMEM=512
. "$TOP/tests/system/lib_pa.sh"
ticks() { # of processes, in ms
	local p sum=0 t
	for p in "$@"; do
		t=$(awk '{print $14 + $15}' "/proc/$p/stat" 2>/dev/null || echo 0)
		sum=$((sum + t))
	done
	echo $((sum * 1000 / $(getconf CLK_TCK)))
}
rss() { awk '/VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$1/status"; }
metric() { ctl metrics 2>/dev/null | awk -v m="ipdect_presenced_$1" '$1 ~ "^" m { print int($2); exit }'; }
pa_config
sed -i 's/^debug=1/debug=0/' "$DIR/kamailio.cfg"
start_kamailio
start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $(free_port)
transports = udp
default-domain = example.test
proxy-1 = sip:127.0.0.1:$PBX
register-when = always
message-waiting = no
keep-alive = 0
register-rate = 200
[presenced]
publish = presence
available-time = 1h
CONF
"$BUILD/presenced" -c "$DIR/ipdect.conf" >> "$DIR/presenced.log" 2>&1 &
PRES=$!
PIDS+=("$PRES")
wait_for 10 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
{
	echo "name,display-name,ipei"
	for ((i = 0; i < N; i++)); do printf '%d,User %d,0500%08d\n' $((10000 + i)) $i $i; done
} | ctl user import file=- > /dev/null || fail "user import"
published() { [ "$(ctl presence list | grep -c ' presence$')" = "$N" ]; }
wait_for $((60 + N / 20)) published || fail "not all of $N are published: $(ctl presence list | tail -3)"
KIDS=$(tree "$KAM")
c0=$(metric changes) w0=$(metric published)
s0=$(ticks "$SIPD") p0=$(ticks "$PRES") k0=$(ticks $KIDS) t0=$(date +%s%N)
worker() { # 0 or 1: every second user
	local i due
	for ((i = $1; i < N; i += 2)); do
		due=$((t0 / 1000000 + i * S * 1000 / N))
		while [ $(($(date +%s%N) / 1000000)) -lt $due ]; do sleep 0.01; done
		ctl presence set $((10000 + i)) state=busy > /dev/null || echo "not set: $i" >> "$DIR/worker.log"
	done
}
worker 0 &
A=$!
worker 1
wait "$A"
t1=$(date +%s%N)
wait_for 120 published || fail "not all of $N are published again: $(ctl presence list | grep -v ' presence$' | head -3)"
s1=$(ticks "$SIPD") p1=$(ticks "$PRES") k1=$(ticks $KIDS)
changes=$(($(metric changes) - c0)) writes=$(($(metric published) - w0))
awk -v n="$N" -v t=$(((t1 - t0) / 1000000)) -v c=$changes -v w=$writes -v s=$((s1 - s0)) -v p=$((p1 - p0)) -v k=$((k1 - k0)) \
	-v rp="$(rss "$PRES")" -v rs="$(rss "$SIPD")" 'BEGIN {
	printf "%d users, %d changes in %.1f s: %d publications (%.3f a change)\n", n, c, t / 1000, w, w / c
	printf "CPU a change: presenced %.3f ms, sipd %.3f ms, Kamailio %.3f ms: ratio %.2f; share of a core %.1f %% and %.1f %%\n",
	    p / c, s / c, k / c, (p + s) / (k ? k : 1), p * 100 / t, s * 100 / t
	printf "resident: presenced %.1f MiB, sipd %.1f MiB\n", rp, rs }'
[ "$writes" -le "$changes" ] || fail "more publications than changes"
