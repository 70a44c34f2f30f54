# Kamailio as registrar, proxy and presence server (RFC 3903, 3856, 4235). Sourced after lib_sipd.sh; needs PBX, the port.
for need in kamailio kamcmd; do command -v $need > /dev/null || { echo "$need is not installed"; exit 77; }; done
KAMDB=$(ls -d /usr/share/kamailio/dbtext/kamailio 2>/dev/null)
MODULES=$(ls -d /usr/lib/*/kamailio/modules /usr/lib/kamailio/modules 2>/dev/null | head -1)
[ -n "$KAMDB" ] && [ -e "$MODULES/presence_xml.so" ] && [ -e "$MODULES/presence_dialoginfo.so" ] ||
	{ echo "kamailio-presence-modules is not installed"; exit 77; }
pa_config() {
	mkdir -p "$DIR/kamdb"
	local t
	for t in version presentity active_watchers watchers xcap pua; do cp "$KAMDB/$t" "$DIR/kamdb/$t"; done
	cat > "$DIR/kamailio.cfg" <<CFG
debug=1
log_stderror=yes
children=2
listen=udp:127.0.0.1:$PBX
alias="example.test"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "kex.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "ctl.so"
loadmodule "db_text.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
loadmodule "presence_dialoginfo.so"
modparam("ctl", "binrpc", "unix:$DIR/kamctl")
modparam("usrloc", "db_mode", 0)
modparam("presence", "db_url", "text://$DIR/kamdb")
modparam("presence", "server_address", "sip:127.0.0.1:$PBX")
modparam("presence", "notifier_processes", 0)
modparam("presence", "subs_db_mode", 0)
modparam("presence", "min_expires", ${PA_MIN_EXPIRES:-0})
modparam("presence", "min_expires_action", 1)
modparam("presence_xml", "db_url", "text://$DIR/kamdb")
modparam("presence_xml", "force_active", 1)
request_route {
	if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	if (is_method("PUBLISH|SUBSCRIBE") && (uri == myself || has_totag()) && !is_present_hf("X-Not-Here")) {
		if (!t_newtran()) { sl_reply_error(); exit; }
		if (is_method("PUBLISH")) handle_publish(); else handle_subscribe();
		t_release();
		exit;
	}
	if (has_totag()) {
		if (loose_route() || is_method("ACK")) { t_relay(); exit; }
		sl_send_reply("404", "Not Here"); exit;
	}
	t_check_trans();
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	if (is_method("REGISTER")) { save("location"); exit; }
	record_route();
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	t_relay();
}
CFG
}
start_kamailio() {
	kamailio -DD -E -f "$DIR/kamailio.cfg" -Y "$DIR" -P "$DIR/kamailio.pid" -m ${KAMMEM:-64} -M 8 >> "$DIR/kamailio.log" 2>&1 &
	KAM=$!
	PIDS+=("$KAM")
	wait_for 20 kamcmd -s "unix:$DIR/kamctl" core.uptime || fail "kamailio did not start"
}
