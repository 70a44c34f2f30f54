#!/bin/bash
# Users who log in at the strict Lync front end by Kerberos: tickets of MIT's KDC, every message signed and verified by MIT's
# library on the server's side; see tests/lync/life_kerberos.py.
for p in sipd certd mediad dectctl tests/softdect; do
	[ -x "$BUILD/$p" ] || { echo "not built: $BUILD/$p"; exit 77; }
done
exec /usr/bin/python3 -B "$TOP/tests/lync/flows.py" kerberos
