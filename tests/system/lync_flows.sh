#!/bin/bash
# sipd, certd and mediad as a trusted application at the strict Lync front end: every call flow of the dialect between handsets
# and Lync clients, with speech; see tests/lync/flows.py.
for p in sipd certd mediad dectctl tests/softdect; do
	[ -x "$BUILD/$p" ] || { echo "not built: $BUILD/$p"; exit 77; }
done
exec /usr/bin/python3 -B "$TOP/tests/lync/flows.py" trusted
