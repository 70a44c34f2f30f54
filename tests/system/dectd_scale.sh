# Many users and handsets: imports in one go, the streams between sipd and dectd after either of them was killed.
. "$TOP/tests/system/lib_dect.sh"
N=5000
start_suite <<-X
X
python3 - "$N" > "$DIR/u.csv" <<'P'
import sys
print("username,displayname,ipei")
for i in range(int(sys.argv[1])): print(f"u{i},User {i},05003 {i+1:07d}")
P
python3 - "$N" > "$DIR/h.csv" <<'P'
import sys
print("ipei,allowed,note")
for i in range(int(sys.argv[1])): print(f"05003 {i+1:07d},yes,n{i}")
P
linked() { [ "$(ctl handset list 2> /dev/null | grep -c ' u[0-9]')" = "$N" ]; }
ctl user import file="$DIR/u.csv" > /dev/null || fail "user import"
began=$(date +%s%N)
ctl handset import file="$DIR/h.csv" > /dev/null || fail "handset import"
ms=$((($(date +%s%N) - began) / 1000000))
[ "$ms" -lt 5000 ] || fail "import of $N handsets took $ms ms"
wait_for 10 linked || fail "not all handsets have their users"
for name in sipd dectd; do
	eval "pid=\$PID_$name"
	kill -9 "$pid"
	wait "$pid" 2> /dev/null
	start $name
	wait_for 15 linked || fail "not all handsets have their users after $name was killed"
	wait_for 15 sh -c "[ \$('$BUILD/dectctl' -r '$DIR/run' user list | grep -c unreachable) = $N ]" ||
		fail "sipd does not know all handsets after $name was killed"
done
grep -q "does not read" "$DIR/dectd.log" && fail "dectd told sipd too much at once"
ctl handset export file="$DIR/out.csv" > /dev/null || fail "export"
[ "$(grep -c ',u[0-9]' "$DIR/out.csv")" = "$N" ] || fail "export has not all handsets"
echo "$N users and handsets: imported in $ms ms, linked, told again after each restart"
