# Shared by the tests of the phone book: certificates, certd, presenced with lines of [directory], what it answers. Sourced
# after lib_sipd.sh; the working directory is $DIR.
certificates() { # subjectAltName
	mkdir -p "$DIR/tls"
	(
		cd "$DIR/tls" || exit 1
		openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj "/CN=test CA" -days 2 &&
		openssl req -newkey rsa:2048 -nodes -keyout key.pem -out req.pem -subj "/CN=dc1" &&
		printf 'subjectAltName=%s\n' "$1" > ext &&
		openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile ext &&
		chmod 600 key.pem
	) > tls.out 2>&1 || fail "certificates"
}
password() {
	printf '%s' "$1" > "$DIR/pw"
	ctl secret set directory kind=ldap value=- < "$DIR/pw" > secret.out 2>&1 || fail "secret: $(cat secret.out)"
}
start_certd() {
	mkdir -p "$DIR/run/ctl" "$DIR/state"
	directory < /dev/null
	"$BUILD/certd" -c ipdect.conf > certd.log 2>&1 &
	PIDS+=($!)
	wait_for 20 test -S "$DIR/run/ctl/certd.sock" || fail "certd did not start"
	ctl trust import file="$DIR/tls/ca.pem" > trust.out 2>&1 || fail "trust: $(cat trust.out)"
}
directory() { # lines of [directory]; the daemon takes them over
	printf '[common]\nruntime-dir = %s\nstate-dir = %s\n[directory]\ncountry = 49\narea = 30\nnetwork-timeout = 3s\n' \
		"$DIR/run" "$DIR/state" > ipdect.conf
	cat >> ipdect.conf
}
present() { # starts presenced with these lines
	directory
	[ -z "${PRES:-}" ] || { kill -TERM "$PRES"; wait "$PRES" || fail "presenced ended with $?"; }
	rm -f run/ctl/presenced.sock
	KRB5_CONFIG="$DIR/krb5.conf" "$BUILD/presenced" -c ipdect.conf >> presenced.log 2>&1 &
	PRES=$!
	PIDS+=("$PRES")
	wait_for 20 test -S "$DIR/run/ctl/presenced.sock" || fail "presenced did not start"
}
ldap_row() { ctl --json directory status | tr '}' '\n' | grep '"ldap"'; }
entries() { ldap_row | grep -o '"entries": *"*[0-9]*' | grep -o '[0-9]*$'; }
state() { ldap_row | grep -q "\"state\": *\"$1\""; }
ok() { state ok && ldap_row | grep -q '"last": *"2'; }
sync() { ctl directory sync "$@" > sync.out 2>&1 || fail "sync: $(cat sync.out)"; cat sync.out; }
finds() { [ "$(ctl directory search "$1" 2> /dev/null | grep -c "$2")" = 1 ]; }
names() { ctl directory lookup "$1" 2> /dev/null | grep -q "$2"; }
said() { ctl directory status 2> /dev/null | grep ldap | grep -qE "$1"; }
refused() { # words of the reason, for the lines on stdin
	present
	wait_for 60 said "failed.*($1)" || fail "no reason \"$1\": $(ctl directory status)"
	echo "refused: $(ctl directory status 2> /dev/null | grep ldap | sed 's/.*failed *//')"
}
