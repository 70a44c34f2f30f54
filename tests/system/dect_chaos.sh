#!/bin/bash
# Faults under load: each daemon is killed in turn, a base reboots, links break, packets are lost. After each fault the suite is
# to be back within 2 s (a new call connects), and in the end nothing may be left: no call, no session, no stuck handset.
# HANDSETS, CALLS from the environment.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/mediad" ] || { echo "not built: mediad"; exit 77; }
HANDSETS=${HANDSETS:-30} CALLS=${CALLS:-8}
BASES=${BASES:-$((CALLS / 2 + 2))}
MEDIADS=2
start_suite <<< ""
many "$BASES" "$HANDSETS"
# Two more, for probing.
for n in 2901 2902; do
	ctl user add $n ipei=$(printf '0500300%05d' $n) > /dev/null || fail "user add"
	air "pp add $n ipei=$(printf '0500300%05d' $n) profile=gap-b" "pp $n subscribe ac=4711" "wait 10 pp $n located" "pp $n camp $(base_mac 1)" > /dev/null
done
ctl subscription close > /dev/null
air "sleep 6" "load start calls=$CALLS hold=3-8 gap=60" "sleep 4" > /dev/null

ms() { echo $(($(date +%s%N) / 1000000)); }
probe() { # a call connects, speech flows: tries until it does; prints how long that took
	local began end
	began=$(ms)
	end=$((began + 15000))
	while [ "$(ms)" -lt $end ]; do
		if air_try mark "pp 2901 dial 2902" "wait 1 pp 2902 ringing" "pp 2902 answer" "wait 1 pp 2901 connected" \
			"pp 2901 tone 700" "wait 1 pp 2902 hears" > /dev/null 2>&1; then
			echo $(($(ms) - began))
			air_try "pp 2901 tone 0" "pp 2901 hangup" "wait 2 pp 2902 released" > /dev/null 2>&1
			return 0
		fi
		air_try "pp 2901 hangup" "pp 2902 hangup" "sleep 0.1" > /dev/null 2>&1
	done
	echo never
	return 1
}
WORST=0
fault() { # name, limit in ms, command…
	local name=$1 limit=$2 took
	shift 2
	air mark
	"$@"
	took=$(probe) || fail "$name: no call is possible 15 s later"
	printf '%-28s a call connects after %5s ms; %s\n' "$name" "$took" "$(air 'load show' | sed 's/ not-dialled.*//')"
	[ "$took" -le "$limit" ] || fail "$name: back after $took ms, more than $limit"
	[ "$took" -le $WORST ] || WORST=$took
	air "sleep 3"
}
killed() { # daemon [instance]: as systemd does it, with a pause of 100 ms
	local var=PID_$1${2:-}
	kill -9 "${!var}"
	wait "${!var}" 2> /dev/null
	sleep 0.1
	start "$1" ${2:+-i "$2"}
}
printf '%-28s a call connects after %5s ms\n' "(no fault)" "$(probe)"
fault "certd killed" 2000 killed certd
fault "mediad 1 killed" 2000 killed mediad 1
fault "mediad 2 killed" 2000 killed mediad 2
fault "sipd killed" 2000 killed sipd
# dectd's bases search and start their radio anew, which takes a real one longer than a soft one.
fault "dectd killed" 5000 killed dectd
reboot() { air "base $(base_mac 2) reboot"; }
fault "a base reboots" 2000 reboot
breaks() { local i l=(); for ((i = 1; i <= BASES; i++)); do l+=("base $(base_mac $i) break"); done; air "${l[@]}"; }
fault "all base links break" 5000 breaks
loss() { local i l=(); for ((i = 1; i <= BASES; i++)); do l+=("base $(base_mac $i) loss $1"); done; air "${l[@]}"; }
fault "5 % of packets lost" 2000 loss 50
loss 0
contact() { air "base $(base_mac 3) drop-conns"; }
fault "radio contact lost" 2000 contact

air "load stop" "sleep 4"
air "load show" | tee "$DIR/load"
get() { sed -n "s/.* $1 \([0-9]*\).*/\1/p" "$DIR/load"; }
[ "$(get active)" = 0 ] || fail "calls that don't end: $(air 'pp list' | grep -v 'T-00')"
none_left
rss() { awk '/VmRSS/{print $2}' "/proc/$1/status"; }
echo "resident KiB: certd $(rss "$PID_certd") sipd $(rss "$PID_sipd") dectd $(rss "$PID_dectd") mediad $(rss "$PID_mediad1") $(rss "$PID_mediad2"); slowest return $WORST ms"
# What crosses a fault may look strange to either side; protocol faults proper are listed.
air_try violations > "$DIR/violations" || { cat "$DIR/violations"; fail "the server broke rules"; }
echo ok
