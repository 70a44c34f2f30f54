# Real dectd, certd and sipd with a soft base station and soft handsets: admission, subscription over the air with access
# codes, location, reasons of refusals, restart, termination, one command to assign.
. "$TOP/tests/system/lib_dect.sh"
row() { ctl handset list 2>/dev/null | grep "^$1" | grep -q "$2"; }

start_suite <<-X
[certd]
access-code-lock = 1s
X
ctl user add anna display-name=Anna ipei="05003 0070387" > /dev/null || fail "user anna"
ctl user add bert display-name=Bert ipei="05003 0070388" > /dev/null || fail "user bert"
ctl user add carl display-name=Carl > /dev/null || fail "user carl"
printf '83610427\n' | ctl secret set anna kind=ac value=- > /dev/null || fail "access code of anna"
printf '12345678\n' | ctl secret set subscription kind=ac value=- > /dev/null || fail "common code"

# A base that nobody admitted waits, and says who it is.
MAC1=$(base_mac 1)
air "base add $MAC1 server=127.0.0.1:$PORT retry=300 search=50 state=$DIR/air"
wait_for 5 sh -c "'$BUILD/dectctl' -r '$DIR/run' base list | grep -q '$MAC1.*pending.*RFP'" || fail "base is not pending"
ctl base admit "$MAC1" name=Lab > /dev/null || fail "base admit"
air "wait 10 base $MAC1 up"

# Closed: the base does not offer it, and a handset does not even try.
air "pp add a ipei=050030070387" "pp add b ipei=050030070388" "pp add c ipei=050030070389"
air "pp a on" "pp b on" "pp c on"
air_try "pp a subscribe ac=83610427" > /dev/null && fail "subscription is offered though it is closed"

# Open: anna's own code, bert by the common one; carl's handset is nobody's.
ctl subscription open for=100s > /dev/null || fail "subscription open"
ctl subscription status | grep -q "open for handsets of users" || fail "subscription status"
air "pp a subscribe ac=83610427" "wait 10 pp a subscribed*" "wait 10 pp a located*"
air "pp b subscribe ac=12345678" "wait 10 pp b subscribed*" "wait 10 pp b located*"
row 050030070387 "anna.*located" || fail "anna: $(ctl handset list)"
row 050030070388 "bert.*located" || fail "bert: $(ctl handset list)"
air_try "pp c subscribe ac=12345678" "wait 10 pp c *reject*" > /dev/null
ctl handset pending | grep -q "050030070389.*not a user's handset" || fail "pending: $(ctl handset pending)"
# Anna's code was for one use; the common one is not.
ctl secret list | grep -q "ac.*anna" && fail "the access code was not erased after its use"

# One command assigns; then it may subscribe.
ctl handset assign 050030070389 user=carl > /dev/null || fail "handset assign"
air "pp c subscribe ac=12345678" "wait 10 pp c subscribed*" "wait 10 pp c located*"
row 050030070389 "carl.*located" || fail "carl: $(ctl handset list)"
# The handset goes to another user: the former link is released.
ctl handset assign "05003 0070389" user=bert > /dev/null || fail "handset assign again"
row 050030070389 "bert" || fail "moved to bert: $(ctl handset list)"
row 050030070388 "bert" && fail "bert has two handsets"
ctl handset assign 050030070389 user=nobody > /dev/null 2> "$DIR/err" && fail "assigned to nobody"
grep -q "no such user" "$DIR/err" || fail "assign says: $(cat "$DIR/err")"

# Wrong codes close the window and lock the handset; the administrator opens it again.
ctl subscription close > /dev/null
ctl subscription open wildcard=yes > /dev/null
air "pp add d ipei=050030070390" "pp d on"
for i in 1 2 3; do air_try "pp d subscribe ac=99999999" "wait 10 pp d *reject*" "sleep 0.2" > /dev/null; done
ctl subscription status | grep -q "is closed" || fail "window after wrong codes: $(ctl subscription status)"
ctl handset pending | grep -q "050030070390.*locked" || fail "not locked: $(ctl handset pending)"
grep -q "access codes are being guessed" "$DIR/dectd.log" || fail "no alarm"
ctl handset open 050030070390 > /dev/null || fail "handset open"
sleep 1.2 # certd locks, too, for access-code-lock
air "pp d subscribe ac=12345678" "wait 10 pp d subscribed*" "wait 10 pp d located*"
ctl subscription status | grep -q "is closed" || fail "the window was for one handset"

# All of it survives kill -9.
ctl handset list | sort > "$DIR/before"
kill -9 "$PID_dectd"
wait "$PID_dectd" 2> /dev/null
start dectd
wait_for 10 ctl handset list || fail "dectd did not come back"
air "wait 20 base $MAC1 up"
wait_for 5 sh -c "'$BUILD/dectctl' -r '$DIR/run' handset list | grep -q '050030070387.*anna'" || fail "users after the restart"
for i in 387 388 389 390; do row "050030070$i" located || fail "after the restart: $(ctl handset list)"; done
air "pp a locate" "wait 10 pp a located*"

# Who watches sees it happen.
ctl handset watch 050030070387 > "$DIR/watch" 2>&1 &
WATCH=$!
PIDS+=("$WATCH")
sleep 0.5
# It leaves; comes back.
air "pp a detach"
wait_for 5 row 050030070387 "detached" || fail "detach: $(ctl handset list)"
air "pp a off"
air "pp a on" "wait 10 pp a located*"
row 050030070387 "located" || fail "back again: $(ctl handset list)"
kill "$WATCH"
grep -q "050030070387.*detached" "$DIR/watch" && grep -q "050030070387.*located" "$DIR/watch" ||
	fail "handset watch: $(cat "$DIR/watch")"

# Rights are taken away over the air; of a handset that is off here only.
ctl handset delete 050030070387 > "$DIR/out" 2>&1 || fail "handset delete: $(cat "$DIR/out")"
air "pp a show" | grep -q " unsubscribed" || fail "the handset was not told: $(air "pp a show")"
row 050030070387 "" && fail "still there"
# Before it obeyed it made the system prove itself.
wait_for 3 sh -c "'$BUILD/dectctl' -r '$DIR/run' metrics | grep -q '^ipdect_dectd_mm_ft_auths_total.* 1'" ||
	fail "the system was not authenticated"
air "pp d ignore-pages yes"
ctl handset delete 050030070390 > "$DIR/out" 2>&1 || fail "handset delete: $(cat "$DIR/out")"
grep -q "could not be told" "$DIR/out" || fail "delete says: $(cat "$DIR/out")"
air "pp d ignore-pages no"
air_try "pp d locate" "wait 10 pp d *reject*" > /dev/null || fail "a deleted handset was not refused"

ctl handset export file="$DIR/hs.csv" > /dev/null || fail "export"
grep -q "^05003 0070388 [0-9*],,," "$DIR/hs.csv" || fail "export: $(cat "$DIR/hs.csv")"
printf 'ipei,user,allowed,note\n05003 0070388,carl,,\n05003 0070395,,yes,spare\n' > "$DIR/in.csv"
ctl handset import file="$DIR/in.csv" > /dev/null || fail "import"
row 050030070388 carl || fail "import: $(ctl handset list)"
row 050030070395 "not subscribed" || fail "import: $(ctl handset list)"
no_violations
echo "subscription, location, assignment, locking, restart, termination: as they should be"
