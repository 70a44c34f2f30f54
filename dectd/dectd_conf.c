/* The configuration keys of [dectd]. */
#include "common/mem.h"
#include "dectd/dectd.h"

bool dectd_emergency_next(struct slice *left, struct slice *word)
{
	size_t at = 0, end;

	while (at < left->n && (left->p[at] == ' ' || left->p[at] == ','))
		at++;
	for (end = at; end < left->n && left->p[end] != ' ' && left->p[end] != ',';)
		end++;
	*word = slice_sub(*left, at, end - at);
	*left = slice_sub(*left, end, left->n - end);
	return word->n > 0;
}

#define OFF(field) offsetof(struct dectd_conf, field)

const struct conf_key dectd_keys[] = {
	{ "dectd", "listen-address", CONF_ADDR, "0.0.0.0", 0, 0, false, OFF(listen),
	    "Address that base stations connect to.", NULL },
	{ "dectd", "port", CONF_INT, "16321", 0, 65535, false, OFF(port),
	    "TCP port that base stations connect to; 0 takes a free one.", NULL },
	{ "dectd", "park", CONF_STR, "", 0, 24, false, OFF(park),
	    "Identity of the system as on its licence, e.g. 1F102AF12C: length indicator and "
	    "access "
	    "rights key in hex. Empty: one is made up at the first start and kept; handsets "
	    "subscribe "
	    "anew when it changes.",
	    NULL },
	{ "dectd", "sari", CONF_LIST, "", 0, 8, false, OFF(sari),
	    "Secondary access rights identities, 8 hex digits each.", NULL },
	{ "dectd", "heartbeat", CONF_INT, "15", 5, 60, true, OFF(heartbeat),
	    "Seconds between the signs of life of a base station; it is lost after three of them.",
	    NULL },
	{ "dectd", "ttl", CONF_INT, "32", 1, 255, true, OFF(ttl),
	    "Time to live of the base stations' packets.", NULL },
	{ "dectd", "dscp", CONF_INT, "46", 0, 63, true, OFF(dscp),
	    "DSCP of the base stations' packets.", NULL },
	{ "dectd", "rtp-port", CONF_INT, "16320", 1024, 65000, false, OFF(rtp_port),
	    "First RTP port on each base station.", NULL },
	{ "dectd", "unproven-connections", CONF_INT, "64", 4, 1024, true, OFF(unproven),
	    "Connections of base stations that have not proved their key, in all.", NULL },
	{ "dectd", "protocol-min", CONF_STR, "00070100", 0, 8, true, OFF(protocol_min),
	    "Oldest protocol version of base stations that is let in, as `dectctl base show` "
	    "prints it.",
	    NULL },
	{ "dectd", "protocol-max", CONF_STR, "0008ffff", 0, 8, true, OFF(protocol_max),
	    "Newest protocol version of base stations that is let in.", NULL },
	{ "dectd", "protocol-individual-keys", CONF_STR, "00080000", 0, 8, true, OFF(protocol_new),
	    "First protocol version of base stations that have keys of their own; before it all "
	    "have "
	    "the same.",
	    NULL },
	{ "dectd", "country", CONF_ENUM, "keep", 0, 0, false, OFF(country),
	    "Radio regulations: keep leaves the domain that is set in each base station; eu: 1880 "
	    "to "
	    "1900 MHz, 250 mW.",
	    "keep|eu" },
	{ "dectd", "frequency-band", CONF_INT, "256", 0, 256, false, OFF(freq_band),
	    "Number of the frequency band in the base stations' terms; 256: as country says.",
	    NULL },
	{ "dectd", "rf-power", CONF_INT, "256", 0, 256, false, OFF(rf_power),
	    "Transmission power in the base stations' terms; 256: as country says.", NULL },
	{ "dectd", "extended-capabilities-2", CONF_STR, "", 0, 10, false, OFF(ext_caps2),
	    "What base stations broadcast as extended capabilities part 2 (EN 300 175-5 F.3: "
	    "NG-DECT "
	    "services), 10 hex digits; empty: nothing. Which bit stands for list access is not "
	    "certain.",
	    NULL },
	{ "dectd", "external-handover", CONF_BOOL, "no", 0, 0, false, OFF(external_handover),
	    "Broadcast that the system supports external handover (a45). Handsets of one system "
	    "need it "
	    "not; one that asks for it is served in any case.",
	    NULL },
	{ "dectd", "sync-weak", CONF_INT, "20", 0, 65535, true, OFF(weak),
	    "Below this signal value a base station follows another only where there is none "
	    "better.",
	    NULL },
	{ "dectd", "http-redirect", CONF_STR, "", 0, 64, true, OFF(http_redirect),
	    "Where the base stations' web page leads, ADDRESS:PORT; empty: nowhere.", NULL },
	{ "dectd", "syslog", CONF_STR, "", 0, 64, true, OFF(syslog_redirect),
	    "Syslog server of the base stations, ADDRESS:PORT; empty: none.", NULL },

	{ "dectd", "subscription-window", CONF_MS, "120s", 10000, 600000, true, OFF(window_ms),
	    "How long subscription stays open after `dectctl subscription open`, at most.", NULL },
	{ "dectd", "wildcard", CONF_BOOL, "no", 0, 0, true, OFF(wildcard),
	    "While subscription is open let any handset in that knows the common access code, not "
	    "only those of users and of the allow-list.",
	    NULL },
	{ "dectd", "code-failures", CONF_INT, "3", 1, 20, true, OFF(code_failures),
	    "Wrong access codes that close the subscription window and lock the handset.", NULL },
	{ "dectd", "auth-failures", CONF_INT, "5", 1, 100, true, OFF(failures),
	    "Failed authentications of a handset in a row that raise an alarm.", NULL },
	{ "dectd", "pending-max", CONF_INT, "256", 16, 4096, true, OFF(pending_max),
	    "Unassigned handsets and failed attempts that are listed.", NULL },
	{ "dectd", "cipher", CONF_ENUM, "required", 0, 0, true, OFF(cipher),
	    "Encryption on air: a handset that does not cipher gets no call (required), gets it in "
	    "clear (optional), or none is ciphered (off).",
	    "off|optional|required" },
	{ "dectd", "cipher-exceptions", CONF_LIST, "", 0, 64, true, OFF(cipher_exceptions),
	    "Handsets that may talk in clear though cipher is required: IPEIs or their first "
	    "digits.",
	    NULL },
	{ "dectd", "authenticate-calls", CONF_BOOL, "yes", 0, 0, true, OFF(authenticate),
	    "Authenticate handsets at the start of every call, which also makes a new cipher key.",
	    NULL },
	{ "dectd", "dsaa2", CONF_BOOL, "no", 0, 0, true, OFF(dsaa2),
	    "Use DSAA2 with handsets that offer it; the bit order of real handsets is not proven.",
	    NULL },
	{ "dectd", "dsc2", CONF_BOOL, "no", 0, 0, true, OFF(dsc2),
	    "Use DSC2 with handsets that offer it, on base stations that can.", NULL },
	{ "dectd", "clear-on-old-bases", CONF_BOOL, "yes", 0, 0, true, OFF(clear_old_bases),
	    "What cipher = required means on base stations whose radio cannot cipher (RFP 32, 34, "
	    "42 "
	    "and older): yes: calls there are in clear; no: there are none.",
	    NULL },
	{ "dectd", "cipher-key-reversed", CONF_BOOL, "no", 0, 0, true, OFF(key_reversed),
	    "Octets of the cipher key towards base stations: no: most significant first; yes: "
	    "last. "
	    "Only if real handsets lose the connection when ciphering starts.",
	    NULL },
	{ "dectd", "re-keying", CONF_MS, "60s", 0, 600000, true, OFF(rekey_ms),
	    "How often the key of a call changes with handsets that can; 0: never.", NULL },
	{ "dectd", "early-encryption", CONF_ENUM, "off", 0, 0, false, OFF(early),
	    "Give handsets that can a default cipher key, so that their connections are encrypted "
	    "before the first message. Not proven with real base stations: how they ask for the "
	    "key is not public. connection and identity are the two forms of that message that "
	    "are likely.",
	    "off|connection|identity" },
	{ "dectd", "encrypt-timeout", CONF_MS, "5s", 1000, 30000, true, OFF(encrypt_ms),
	    "How long a handset may take to start ciphering.", NULL },
	{ "dectd", "temporary-identity", CONF_BOOL, "yes", 0, 0, true, OFF(tpui),
	    "Give each handset a temporary identity when it registers.", NULL },
	{ "dectd", "page-interval", CONF_MS, "3s", 1000, 10000, false, OFF(page_ms),
	    "Timer LCE.03: how long a page waits for its answer.", NULL },
	{ "dectd", "pages", CONF_INT, "3", 0, 10, false, OFF(pages),
	    "Constant N300: how often a page is repeated.", NULL },
	{ "dectd", "lost-after", CONF_INT, "1", 1, 10, true, OFF(lost_after),
	    "Pages in a row without any answer after which a handset counts as not reachable.",
	    NULL },

	{ "dectd", "codecs", CONF_LIST, "PCMA PCMU", 0, 4, true, OFF(codecs),
	    "Codecs between base stations and mediad, preferred first: PCMA, PCMU.", NULL },
	{ "dectd", "digit-timeout", CONF_MS, "4s", 1000, 15000, true, OFF(digits_ms),
	    "Pause after which a number counts as complete.", NULL },
	{ "dectd", "emergency-numbers", CONF_STR, "112 110 911", 0, 128, true, OFF(emergency),
	    "Numbers that are dialled as emergency calls at once.", NULL },
	{ "dectd", "language", CONF_STR, "en", 0, 8, true, OFF(language),
	    "Language of the displays of users that have none of their own.", NULL },
	{ "dectd", "call-waiting", CONF_BOOL, "yes", 0, 0, true, OFF(call_waiting),
	    "Announce a second call to a busy handset.", NULL },
	{ "dectd", "transfer-on-hang-up", CONF_BOOL, "no", 0, 0, true, OFF(transfer_on_hangup),
	    "Hanging up between a held call and another one joins the two; else the held one rings "
	    "back.",
	    NULL },
	{ "dectd", "ring-internal", CONF_INT, "0", 0, 8, true, OFF(ring_internal),
	    "Alerting pattern of calls from own users: 0 to 7, or 8 for continuous.", NULL },
	{ "dectd", "ring-external", CONF_INT, "1", 0, 8, true, OFF(ring_external),
	    "Alerting pattern of other calls.", NULL },
	{ "dectd", "service-codes", CONF_LIST, "", 0, 40, true, OFF(service_codes),
	    "Codes that handsets dial for services, CODE>FUNCTION, besides the built-in ones; in a "
	    "code N stands for a number, CODE>off removes one.",
	    NULL },
	{ "dectd", "call-codes", CONF_LIST, "", 0, 40, true, OFF(call_codes),
	    "What R and a digit, or 1C and an octet in hex (NG-DECT part 3), do during a call: "
	    "R2>toggle, "
	    "1C31>toggle; consult, internal, reject, release, toggle, conference, transfer, "
	    "accept, "
	    "hold, retrieve, off. Besides the built-in ones.",
	    NULL },
	{ "dectd", "wideband", CONF_BOOL, "no", 0, 0, true, OFF(wideband),
	    "Offer G.722 to handsets that can; base stations that carry it are not proven.", NULL },
	{ "dectd", "idle-display", CONF_BOOL, "yes", 0, 0, true, OFF(idle_display),
	    "Send standby text and counters to the displays of idle handsets that have no other "
	    "way "
	    "to show them.",
	    NULL },
	{ "dectd", "text-messages", CONF_ENUM, "display", 0, 0, true, OFF(texts),
	    "How text messages reach handsets: on the display of those that have one, as "
	    "connectionless "
	    "messages (for handsets with a text inbox), or not at all.",
	    "display|clms|off" },
	{ "dectd", "uri-numbers", CONF_BOOL, "no", 0, 0, true, OFF(uri_numbers),
	    "Send SIP addresses as caller's number also to handsets without NG-DECT.", NULL },
	{ "dectd", "repeat-alerting", CONF_BOOL, "no", 0, 0, true, OFF(signal_again),
	    "Send the alerting signal again after a handset said that it rings, for handsets that "
	    "stay silent else.",
	    NULL },
};
const size_t dectd_nkeys = ARRAY_LEN(dectd_keys);
