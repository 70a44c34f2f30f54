#!/bin/bash
# CPU of a REGISTER transaction as client against what Kamailio spends serving it, for 100 to 10,000 users: first registrations and
# refreshes; resident memory of sipd with them. Kamailio's configuration, its allocator, number of processes, the rate (2,000 a
# second) and the processor of each side are those of the reference measurement; in the end SIPp refreshes 10,000 users at the
# same Kamailio: what serving costs when requests come one by one, as measured there.
# Usage: BUILD=build-release bench/sipd_register.sh [USERS…]     RATE=2000 ROUNDS=3 DIGEST=1 (401 each; certd's CPU is sipd's)
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build-release}
BUILD=$(cd "$BUILD" && pwd) || exit 1
. "$TOP/tests/system/lib_sipd.sh"
command -v kamailio >/dev/null || { echo "kamailio is not installed"; exit 77; }
[ $# -gt 0 ] || set -- 100 1000 10000
PBX=$(free_port)
RATE=${RATE:-2000} ROUNDS=${ROUNDS:-3} DIGEST=${DIGEST:-}
PIN_SERVER= PIN_CLIENT=
[ "$(nproc)" -gt 1 ] && PIN_SERVER="taskset -c 1" PIN_CLIENT="taskset -c 0"
rss() { awk '/VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$1/status"; }
cat > "$DIR/kamailio.cfg" <<CFG
debug=0
log_stderror=yes
fork=yes
children=2
tcp_children=2
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:$PBX
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
${DIGEST:+loadmodule \"auth.so\"}
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("registrar", "max_expires", 3600)
request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	${DIGEST:+if (is_method(\"REGISTER\") && !pv_www_authenticate(\"example.test\", \"secret\", \"0\")) { www_challenge(\"example.test\", \"0\"); exit; \}}
	if (is_method("REGISTER")) { if (!save("location")) sl_reply_error(); exit; }
	sl_send_reply("200", "OK");
}
CFG
$PIN_SERVER kamailio -DD -E -m 512 -M 32 -x tlsf -X tlsf -f "$DIR/kamailio.cfg" -Y "$DIR" -P "$DIR/kamailio.pid" > "$DIR/kamailio.log" 2>&1 &
KAM=$!
PIDS+=("$KAM")
sleep 2
kill -0 $KAM 2>/dev/null || fail "kamailio did not start"
KIDS=$(tree $KAM)
PBX_LINE="proxy-1 = sip:127.0.0.1:$PBX"
ours() { cpu_us $SIPD ${CERTD:-}; }
count() { ctl metrics 2>/dev/null | awk '/ipdect_sipd_registrations.*result="ok"/ { print int($NF) }'; }
reached() { [ "$(count)" -ge "$1" ]; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for n in "$@"; do
	rm -rf "$DIR/run" "$DIR/state"
	mkdir -p "$DIR/run/ctl" "$DIR/state"
	CERTD=
	if [ -n "$DIGEST" ]; then
		printf '[common]\nruntime-dir = %s\nstate-dir = %s\n' "$DIR/run" "$DIR/state" > "$DIR/certd.conf"
		$PIN_CLIENT "$BUILD/certd" -c "$DIR/certd.conf" >> "$DIR/certd.log" 2>&1 &
		CERTD=$!
		PIDS+=("$CERTD")
		wait_for 10 test -S "$DIR/run/ctl/certd.sock" || fail "certd did not start"
	fi
	start_sipd <<CONF
listen-address = 127.0.0.1
local-port = $(free_port)
transports = udp
default-domain = example.test
register-when = always
message-waiting = no
keep-alive = 0
register-rate = $RATE
CONF
	[ -n "$PIN_CLIENT" ] && taskset -apc 0 $SIPD > /dev/null
	{
		echo "name,display-name,ipei${DIGEST:+,password}"
		for ((i = 0; i < n; i++)); do printf '%d,User %d,0500%08d%s\n' $((10000 + i)) $i $i "${DIGEST:+,secret}"; done
	} | ctl user import file=- > /dev/null || fail "user import"
	sleep 1
	empty=$(rss $SIPD)
	: > "$DIR/ratios"
	for ((r = 0; r <= ROUNDS; r++)); do
		done=$(count)
		k0=$(cpu_us $KIDS)
		s0=$(ours)
		# Another weight of its proxy makes every user register again.
		sed -i '/^proxy-1/d' "$DIR/ipdect.conf"
		printf '%s\nproxy-1-weight = %d\n' "$PBX_LINE" $((100 + r)) >> "$DIR/ipdect.conf"
		kill -HUP $SIPD
		sleep $((n / RATE))
		wait_for $((20 + n / 100)) reached $((${done:-0} + n)) ||
			fail "not all of $n are registered: $(ctl reg list | head -3) $(tail -3 "$DIR/kamailio.log")"
		s1=$(ours)
		k1=$(cpu_us $KIDS)
		line=$(awk -v n=$n -v s=$((s1 - s0)) -v k=$((k1 - k0)) 'BEGIN { printf "%.2f sipd %.4f ms CPU, Kamailio %.4f ms", s / k, s / n / 1000, k / n / 1000 }')
		[ $r = 0 ] && echo "$n users, first${DIGEST:+ with 401}: $line: ratio ${line%% *} (target 1.0); resident $(rss $SIPD) MiB, $empty before" | sed "s/: ${line%% *} /: /"
		[ $r = 0 ] || echo "$line" >> "$DIR/ratios"
	done
	echo "$n users, refresh${DIGEST:+ with 401}: ratio $(median < "$DIR/ratios") ($(cut -d' ' -f1 "$DIR/ratios" | sort -n | sed -n '1p;$p' | paste -sd' ' | sed 's/ / to /')): $(sort -n "$DIR/ratios" | sed -n "$(((ROUNDS + 1) / 2))p" | cut -d' ' -f2-)"
	kill $SIPD $CERTD
	wait $SIPD $CERTD 2>/dev/null
done
[ -n "$DIGEST" ] && exit 0
command -v sipp > /dev/null || exit 0
cat > "$DIR/register.xml" <<'XML'
<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register">
  <send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[field0]@example.test>;tag=[pid]r[call_number]
To: <sip:[field0]@example.test>
Call-ID: [call_id]
CSeq: [call_number] REGISTER
Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>
Expires: 3600
User-Agent: bench
Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
XML
{
	echo SEQUENTIAL
	seq -f 'sipp%05g;' 0 9999
} > "$DIR/users.csv"
register() {
	$PIN_CLIENT sipp "127.0.0.1:$PBX" -sf "$DIR/register.xml" -inf "$DIR/users.csv" -m "$1" -r "$RATE" -l 2000 -i 127.0.0.1 -p "$(free_port)" \
		-t u1 -nostdin > "$DIR/sipp.log" 2>&1 < /dev/null || fail "SIPp"
}
cd "$DIR" || exit 1
register 10000
for ((r = 0; r < ROUNDS; r++)); do
	k0=$(cpu_us $KIDS)
	register 16000
	k1=$(cpu_us $KIDS)
	awk -v k=$((k1 - k0)) 'BEGIN { printf "%.4f\n", k / 16000 / 1000 }' >> "$DIR/serving"
done
echo "Kamailio serving refreshes of 10,000 users that SIPp sends at $RATE/s: $(median < "$DIR/serving") ms CPU ($(sort -n "$DIR/serving" | sed -n '1p;$p' | paste -sd' ' | sed 's/ / to /'))"
