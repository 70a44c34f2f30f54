# Base stations and handsets that know dectd from the references alone (tests/interop): admission of both link generations,
# subscription, calls with speech, collisions, lost frames, handover, other keys, wrong codes. Real certd, sipd, mediad, dectd.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/mediad" ] || { echo "not built: mediad"; exit 77; }
REFERENCE=$TOP/../shared/reference
[ -f "$REFERENCE/rfp-link-vectors.json" ] || { echo "skipped: the vectors are not there ($REFERENCE)"; exit 77; }
start_suite << X
dsaa2 = yes
re-keying = 3s
X
/usr/bin/python3 -B "$TOP/tests/interop/dect_peer.py" --port "$PORT" --ctl "$BUILD/dectctl -r $DIR/run" --reference "$REFERENCE" \
	--tag $((PORT % 65536)) --re-keying 3 --patience 200 --steps "${STEPS:-dialling,collisions,digits_early,handover,old_base,keys_and_services,odd_messages,clone,guessed_codes,terminated}" || fail "the peer is not content"
no_violations
