# List access of a New Generation DECT handset through the real daemons: its calls, its contacts, its line, read over the air octet by
# octet by a strict handset; a call that comes meanwhile.
. "$TOP/tests/system/lib_dect.sh"

start_suite < /dev/null
n=0
for u in 4711:Anna 4712:Bert; do
	ctl user add "${u%:*}" "display-name=${u#*:}" "ipei=05003 007038$((7 + n))" > /dev/null || fail "user $u"
	n=$((n + 1))
done
printf '12345678\n' | ctl secret set subscription kind=ac value=- > /dev/null || fail "access code"
base_up 1 name=Lab
ctl subscription open for=100s > /dev/null || fail "subscription open"
air "pp add a ipei=050030070387 profile=gap-b" "pp a on" "pp a subscribe ac=12345678" "wait 20 pp a located*"
air "pp add c ipei=050030070388 profile=ng" "pp c on" "pp c subscribe ac=12345678" "wait 20 pp c located*"

# Both handsets are free again: who of them hears of the end first does not matter.
idle() {
	wait_for 20 sh -c "! '$BUILD/tests/softrfp' -x '$DIR/air.sock' 'pp list' | grep -q 'T-[01][1-9]\|T-10'" ||
		fail "a call does not end: $(air 'pp list')"
}
echo "== lists that there are; empty ones"
air mark "pp c lists lists" "wait 10 pp c list lists entry 1: 1=*0001020304*" "wait 10 pp c list lists done" \
	"wait 10 pp c released*"
air mark "pp c lists missed" "wait 10 pp c list missed has 0 entries" "wait 10 pp c list missed done" "wait 10 pp c released*"

echo "== a missed call, an accepted one, an outgoing one"
air mark "pp a dial 4712" "wait 20 pp c ringing*" "pp a hangup"
idle
air mark "pp a dial 4712" "wait 20 pp c ringing*" "pp c answer" "wait 20 pp a connected*" "pp a hangup"
idle
air mark "pp c dial 4711" "wait 20 pp a ringing*" "pp a answer" "wait 20 pp c connected*" "pp c hangup"
idle
air mark "pp c lists missed" "wait 10 pp c list missed has 1 entries" \
	"wait 10 pp c list missed entry 1: 1=4711 2=Anna 3=*4=a0 5=Bert 6=*" "wait 10 pp c list missed done" "wait 10 pp c released*"
# Read: it is no news any more.
air mark "pp c lists missed" "wait 10 pp c list missed entry 1: 1=4711 2=Anna 3=*4=80 5=*" "wait 10 pp c released*"
air mark "pp c lists accepted" "wait 10 pp c list accepted entry 1: 1=4711 2=Anna 3=*" "wait 10 pp c released*"
air mark "pp c lists outgoing" "wait 10 pp c list outgoing entry 1: 1=4711 *" "wait 10 pp c released*"
air mark "pp c lists all" "wait 10 pp c list all has 3 entries" "wait 10 pp c list all entry 3: 1=*2=4711*" \
	"wait 10 pp c list all done" "wait 10 pp c released*"

echo "== its line"
air mark "pp c lists line" "wait 10 pp c list line entry 1: 1=Bert 2=800081 3=*" "wait 10 pp c list line done" \
	"wait 10 pp c released*"

echo "== more than one answer holds"
for ((i = 0; i < 14; i++)); do
	air mark "pp a dial 4712" "wait 20 pp c ringing*" "pp a hangup"
	idle
done
air mark "pp c lists missed" "wait 10 pp c list missed has 15 entries" "wait 10 pp c list missed entry 15: *" \
	"wait 10 pp c list missed done" "wait 10 pp c released*"

echo "== cleared"
air mark "pp c lists missed clear=yes" "wait 10 pp c list missed cleared" "wait 10 pp c released*"
air mark "pp c lists missed" "wait 10 pp c list missed has 0 entries" "wait 10 pp c released*"

echo "== without a phone book: refused, and the handset goes on"
air mark "pp c lists contacts" "wait 20 pp c list contacts has 0 entries*" "wait 20 pp c released*"

if [ -x "$BUILD/presenced" ]; then
	echo "== the phone book: read to its end, and searched"
	start presenced
	wait_for 10 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
	{
		echo "name,work,mobile,home,sip"
		for ((i = 0; i < 23; i++)); do printf 'Person %02d,47%02d,,,\n' $i $i; done
		echo "Zoe Last,4799,,,"
	} > "$DIR/book.csv"
	wait_for 5 ctl directory import "file=$DIR/book.csv" || fail "directory import: $(ctl directory import "file=$DIR/book.csv" 2>&1)"
	there() { air_try mark "pp c lists contacts" "wait 3 pp c list contacts has 24 entries" > "$DIR/book"; }
	wait_for 5 there || fail "contacts: $(cat "$DIR/book")"
	idle
	air mark "pp c lists contacts" "wait 10 pp c list contacts has 24 entries" \
		"wait 10 pp c list contacts entry 1: 1=Person 00 3=4700 5=*" \
		"wait 10 pp c list contacts entry 24: 1=Zoe Last 3=4799 5=*" "wait 10 pp c list contacts done"
	idle
	air mark "pp c lists contacts search=zo" "wait 10 pp c list contacts entry 1: 1=Zoe Last 3=4799 5=*" \
		"wait 10 pp c list contacts done"
	idle
	air mark "pp c lists contacts search=nobody" "wait 20 pp c list contacts done"
	idle
fi

echo "== and it makes calls as before"
air mark "pp a dial 4712" "wait 20 pp c ringing*" "pp c answer" "wait 20 pp a connected*" "pp a hangup"
idle
echo "== a call ends the look at a list, and rings"
air mark "pp a dial 4712" "pp c lists missed" "wait 20 pp c ringing*" "pp a hangup"
idle
no_violations
