#!/bin/bash
# What the other tests leave out: DSAA2, base stations of the old generation (fixed keys, no ciphering on air) alone and beside new
# ones, a handset without a display, one that is left in clear by policy;
# early encryption, and a base station that asks for the key in another way.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/mediad" ] || { echo "not built: mediad"; exit 77; }
start_suite << X
dsaa2 = yes
cipher = optional
early-encryption = connection
X
base_up 1 early=connection
base_up 2 gen=old
base_up 3 early=identity
B1=$(base_mac 1) B2=$(base_mac 2) B3=$(base_mac 3)
handset 203 profile=ng
air "pp 203 camp $B1"
handset 204 profile=gap-b
handset 205 profile=gap-a display=0x0
subscribed 203 204 205
air "pp 204 camp $B2" "pp 205 camp $B2"
grep -q 'pp 203 key allocated DSAA2' "$DIR/softrfp.log" || fail "DSAA2 was not used with the handset that offers it"
grep -q 'pp 203 default key [0-9a-f]\{4\}' "$DIR/softrfp.log" || fail "no default key for the handset that can use it"
grep -q 'pp 20[45] default key' "$DIR/softrfp.log" && fail "a default key for a handset that cannot"
grep -q 'pp 204 key allocated DSAA$' "$DIR/softrfp.log" || fail "DSAA was not used with the handset that has nothing else"
clean() {
	air "pp $1 expect-tone 1100" "pp $2 expect-tone 700" "sleep 1.5"
	local n
	for n in $1 $2; do
		air "pp $n heard" | tee "$DIR/heard" | grep -Eq 'good (1[2-9]|[2-9][0-9]) bad 0' || return 1
	done
}
tones() { # a machine that has no time for it gets further tries
	air "pp $1 tone 700" "pp $2 tone 1100" "sleep 0.4"
	wait_for 3 clean "$1" "$2" || fail "$1 or $2 hears: $(cat "$DIR/heard")"
	air "pp $1 tone 0" "pp $2 tone 0"
}
call() { air mark "pp $1 dial $2" "wait 5 pp $2 ringing" "pp $2 answer" "wait 5 pp $2 connected" "sleep 0.2"; }
for pair in "203 204" "204 205" "205 203"; do
	set -- $pair
	call $1 $2
	tones $1 $2
	[ $1 != 203 ] || air "pp 203 auth-base" "wait 5 pp 203 base is authentic"
	air "pp $1 hangup" "wait 5 pp $2 released" "sleep 0.5"
done
# Ciphered before its first message; another key soon after.
wait_for 5 showing 203 " link 0 " || fail "203 keeps its link"
air mark "pp 203 dial 204" "wait 5 pp 203 ciphered from the start" "wait 5 pp 204 ringing" "pp 204 answer" \
	"wait 5 pp 204 connected" "wait 5 pp 203 re-keyed"
shows 203 ' ciphered '
shows 204 ' clear '
ctl check run | grep -q 'early encryption.*ok.* keys made' || fail "check run: $(ctl check run)"
ctl handset show 050030000203 | grep -q 'early encryption: default key .* [1-9][0-9]* connections' || fail "handset show: $(ctl handset show 050030000203)"
air "pp 203 hangup" "wait 5 pp 204 released"
# A base that asks in another way than the system knows: as without a default key.
wait_for 5 showing 203 " link 0 " || fail "203 keeps its link"
air mark "pp 203 camp $B3" "pp 203 dial 204" "wait 5 pp 203 default key refused" "wait 5 pp 204 ringing" "pp 204 answer" \
	"wait 5 pp 203 connected"
shows 203 ' ciphered '
[ "$(grep -c 'in a way that is not understood' "$DIR/dectd.log")" = 1 ] || fail "how the base asks is not told once"
air "pp 203 hangup" "wait 5 pp 204 released"
ctl handset delete 050030000203 > /dev/null || fail "handset delete"
air "wait 10 pp 203 subscription ended by the base"
wait_for 3 grep -q "base $B1 forgets the key of" "$DIR/softrfp.log" || fail "the base keeps the default key of a deleted handset"
none_left
no_violations
echo ok
