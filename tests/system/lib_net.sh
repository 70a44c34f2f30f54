#!/bin/bash
# usage: lib_net.sh TEST.sh
# Runs a test in a network of its own: whatever ports it takes, no test beside it and no program of this machine has them. Where none
# can be made (not root, or a container that may not), in this machine's: ports are looked for there, too.
if command -v ip > /dev/null && unshare -n ip link set lo up 2> /dev/null; then
	exec unshare -n bash -c 'ip link set lo up && exec bash "$0"' "$1"
fi
exec bash "$1"
