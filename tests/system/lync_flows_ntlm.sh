#!/bin/bash
# The same calls as in lync_flows.sh by NTLM: users with passwords, every message signed and verified.
for p in sipd certd mediad dectctl tests/softdect; do
	[ -x "$BUILD/$p" ] || { echo "not built: $BUILD/$p"; exit 77; }
done
exec /usr/bin/python3 -B "$TOP/tests/lync/flows.py" ntlm
