#!/bin/bash
# 10,000 users imported at once: sipd, dectd and presenced know all of them, over the links that there were; then 10,000
# changes, and a presenced that is stopped meanwhile: it hears of what it missed.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/presenced" ] || { echo "not built: $BUILD/presenced"; exit 77; }
USERS=10000
start_suite <<CONF
[presenced]
available-time = 30s
CONF
start presenced
wait_for 10 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
wait_for 10 sh -c "'$BUILD/dectctl' -r '$DIR/run' system show | grep -q '^0 users are known$'" || fail "dectd is not linked: $(ctl system show)"

csv() { # standby text
	echo "name,display-name,standby-text,password"
	# certd takes each password to its disk: two hundred are enough here.
	/usr/bin/python3 - "$USERS" "$1" <<-'PY'
		import sys
		for i in range(int(sys.argv[1])):
		    print("%d,User %d,%s,%s" % (100000 + i, i, sys.argv[2], "pw%d" % i if i < 200 else ""))
	PY
}
csv first > "$DIR/users.csv"
began=$(date +%s%N)
ctl user import file="$DIR/users.csv" > "$DIR/import.out" 2>&1 || fail "import: $(tail -3 "$DIR/import.out")"
grep -q "^$USERS added, 0 changed" "$DIR/import.out" || fail "import: $(tail -2 "$DIR/import.out")"
took=$((($(date +%s%N) - began) / 1000000))
dectd_knows() { ctl system show | grep -q "^$USERS users are known$"; }
presenced_knows() { [ "$(ctl --json presence list | grep -o '"user"' | wc -l)" = $USERS ]; }
wait_for 10 dectd_knows || fail "dectd knows: $(ctl system show)"
wait_for 10 presenced_knows || fail "presenced knows $(ctl --json presence list | grep -o '"user"' | wc -l)"
[ "$(ctl --json user list | grep -o '"name"' | wc -l)" = $USERS ] || fail "sipd lists $(ctl user list | wc -l)"
echo "$USERS users imported in $took ms, dectd and presenced know them after $((($(date +%s%N) - began) / 1000000)) ms"

# presenced does not read for a while: its link is kept, and it hears of everything.
kill -STOP "$PID_presenced"
csv second > "$DIR/users2.csv"
ctl user import file="$DIR/users2.csv" > "$DIR/import2.out" 2>&1 || { kill -CONT "$PID_presenced"; fail "second import: $(tail -3 "$DIR/import2.out")"; }
for i in 1 2 3; do ctl user del $((100000 + i)) || fail "user del"; done
kill -CONT "$PID_presenced"
grep -q "$USERS changed" "$DIR/import2.out" || fail "second import: $(tail -2 "$DIR/import2.out")"
USERS=$((USERS - 3))
wait_for 10 dectd_knows || fail "dectd knows: $(ctl system show)"
wait_for 10 presenced_knows || fail "presenced knows $(ctl --json presence list | grep -o '"user"' | wc -l) after it was stopped"
echo "presenced stopped for the time of $USERS changes: it knows them"

if grep -h "does not read\|link down\|is gone" "$DIR"/sipd.log "$DIR"/dectd.log "$DIR"/presenced.log > "$DIR/broken"; then
	cat "$DIR/broken"
	fail "a link was made anew"
fi
echo "no link was made anew"
