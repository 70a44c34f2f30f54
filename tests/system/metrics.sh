#!/bin/bash
# What all five daemons export: read by Prometheus' own parser; every family is described in docs/metrics.md and every name that the
# dashboard docs/grafana.json asks for exists. WRITE=1: brings the table of docs/metrics.md up to date instead.
. "$TOP/tests/system/lib_dect.sh"
[ -x "$BUILD/presenced" ] || { echo "not built: $BUILD/presenced"; exit 77; }
start_suite < /dev/null
start presenced
wait_for 10 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
ctl metrics > "$DIR/metrics.txt" || fail "dectctl metrics"
printf 'GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n' | ctl --http metrics > "$DIR/http.txt" || fail "metrics by HTTP"
/usr/bin/python3 -B "$TOP/tests/system/metrics.py" "$DIR" "$TOP" "${WRITE:-}"
[ $? = 0 ] || exit 1
