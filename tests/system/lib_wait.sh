# Waiting, and ports that no other test of this machine has, though tests run side by side. Sourced; $DIR is the test's own directory.
# Times are those of a machine with nothing else to do: a loaded one gets six times as long. Who waits for what comes loses nothing.
PATIENCE=6
wait_for() { # seconds, command…
	local end=$((SECONDS + $1 * PATIENCE))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
# Below the ports that the kernel hands out to connections, and kept from other tests that run now until this one ends.
free_port() {
	local p i
	for ((i = 0; i < 300; i++)); do
		p=$((20000 + RANDOM % 12000))
		mkdir "/tmp/ipdect-port.$p" 2> /dev/null || continue
		echo "$p" >> "$DIR/ports"
		python3 - $p <<-'PY' && echo $p && return
			import socket, sys
			for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
			    s = socket.socket(socket.AF_INET, kind)
			    try: s.bind(("127.0.0.1", int(sys.argv[1])))
			    except OSError: sys.exit(1)
		PY
	done
	return 1
}
drop_ports() {
	for p in $(cat "$DIR/ports" 2> /dev/null); do rmdir "/tmp/ipdect-port.$p" 2> /dev/null; done
}
find /tmp -maxdepth 1 -name 'ipdect-port.*' -mmin +60 -exec rmdir {} + 2> /dev/null # of tests that were killed
