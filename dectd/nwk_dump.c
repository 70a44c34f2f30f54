/* Messages as text for logs and traces. */
#include <string.h>

#include "common/rd.h"
#include "dectd/nwk_ie.h"

static const struct {
	uint8_t id;
	const char *name;
} names[] = {
	{ IE_SENDING_COMPLETE, "Sending complete" },
	{ IE_DELIMITER_REQUEST, "Delimiter request" },
	{ IE_USE_TPUI, "Use TPUI" },
	{ IE_REPEAT_LIST, "Repeat indicator" },
	{ IE_REPEAT_PRIO, "Repeat indicator, prioritised" },
	{ IE_BASIC_SERVICE, "Basic service" },
	{ IE_RELEASE_REASON, "Release reason" },
	{ IE_SIGNAL, "Signal" },
	{ IE_TIMER_RESTART, "Timer restart" },
	{ IE_TEST_HOOK, "Test hook control" },
	{ IE_SINGLE_DISPLAY, "Single display" },
	{ IE_SINGLE_KEYPAD, "Single keypad" },
	{ IE_INFO_TYPE, "Info type" },
	{ IE_IDENTITY_TYPE, "Identity type" },
	{ IE_PORTABLE, "Portable identity" },
	{ IE_FIXED, "Fixed identity" },
	{ IE_LOCATION_AREA, "Location area" },
	{ IE_NWK_ASSIGNED, "NWK assigned identity" },
	{ IE_AUTH_TYPE, "Auth type" },
	{ IE_ALLOCATION_TYPE, "Allocation type" },
	{ IE_RAND, "RAND" },
	{ IE_RES, "RES" },
	{ IE_RS, "RS" },
	{ IE_IWU_ATTR, "IWU attributes" },
	{ IE_CALL_ATTR, "Call attributes" },
	{ IE_SERVICE_CHANGE, "Service change info" },
	{ IE_CONN_ATTR, "Connection attributes" },
	{ IE_CIPHER_INFO, "Cipher info" },
	{ IE_CALL_IDENTITY, "Call identity" },
	{ IE_CONN_IDENTITY, "Connection identity" },
	{ IE_FACILITY, "Facility" },
	{ IE_PROGRESS, "Progress indicator" },
	{ IE_MMS_HEADER, "MMS generic header" },
	{ IE_MMS_EXT_HEADER, "MMS object header" },
	{ IE_TIME_DATE, "Time-date" },
	{ IE_DISPLAY, "Multi-display" },
	{ IE_KEYPAD, "Multi-keypad" },
	{ IE_FEATURE_ACTIVATE, "Feature activate" },
	{ IE_FEATURE_INDICATE, "Feature indicate" },
	{ IE_NETWORK_PARAM, "Network parameter" },
	{ IE_EXT_HO, "Ext h/o indicator" },
	{ IE_ZAP, "ZAP field" },
	{ IE_SERVICE_CLASS, "Service class" },
	{ IE_KEY, "Key" },
	{ IE_REJECT_REASON, "Reject reason" },
	{ IE_SETUP_CAP, "Setup capability" },
	{ IE_TERMINAL_CAP, "Terminal capability" },
	{ IE_END_TO_END, "End-to-end compatibility" },
	{ IE_RATE, "Rate parameters" },
	{ IE_TRANSIT_DELAY, "Transit delay" },
	{ IE_WINDOW_SIZE, "Window size" },
	{ IE_ULE_MAC, "ULE MAC configuration" },
	{ IE_CALLING_NUMBER, "Calling party number" },
	{ IE_CALLING_NAME, "Calling party name" },
	{ IE_CALLED_NUMBER, "Called party number" },
	{ IE_CALLED_SUBADDR, "Called party subaddress" },
	{ IE_DURATION, "Duration" },
	{ IE_CALLED_NAME, "Called party name" },
	{ IE_LIST_CHANGE, "List change details" },
	{ IE_SEGMENTED, "Segmented info" },
	{ IE_ALPHANUMERIC, "Alphanumeric" },
	{ IE_IWU_TO_IWU, "IWU-to-IWU" },
	{ IE_MODEL, "Model identifier" },
	{ IE_IWU_PACKET, "IWU-packet" },
	{ IE_ESCAPE, "Escape to proprietary" },
	{ IE_CODEC_LIST, "Codec list" },
	{ IE_EVENTS, "Events notification" },
	{ IE_CALL_INFO, "Call information" },
};

const char *nwk_ie_name(uint8_t id)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].id == id)
			return names[i].name;
	return "unknown element";
}

static void put_text(struct wr *w, struct slice s)
{
	wr_str(w, "\"");
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\' || c >= 0x80)
			wr_fmt(w, "\\x%02x", c);
		else
			wr_u8(w, c);
	}
	wr_str(w, "\"");
}

static void put_portable(struct wr *w, struct rd v)
{
	struct ie_portable p;
	char text[IPUI_CHARS];
	uint16_t emc;
	uint32_t psn;

	if (ie_portable_parse(v, &p) != 0) {
		wr_str(w, "invalid");
		return;
	}
	if (p.type == IE_P_TPUI) {
		wr_fmt(w, "TPUI %05x", p.tpui);
		return;
	}
	ipui_print(&p.ipui, text);
	wr_fmt(w, "%s %s", p.type == IE_P_IPEI ? "IPEI" : "IPUI", text);
	if (ipui_ipei(&p.ipui, &emc, &psn) == 0) {
		char ipei[IPEI_CHARS];

		ipei_print(emc, psn, ipei);
		wr_fmt(w, " (%s)", ipei);
	}
}

static void put_auth_type(struct wr *w, struct rd v)
{
	struct ie_auth_type a;

	if (ie_auth_type_parse(v, &a) != 0) {
		wr_str(w, "invalid");
		return;
	}
	wr_fmt(w, "%s, %s %u",
	    a.alg == IE_ALG_DSAA    ? "DSAA"
	    : a.alg == IE_ALG_DSAA2 ? "DSAA2"
	                            : "other algorithm",
	    a.key_type == IE_KEY_UAK   ? "UAK"
	    : a.key_type == IE_KEY_UPI ? "UPI"
	    : a.key_type == IE_KEY_AC  ? "AC"
	                               : "key",
	    a.key_no);
	wr_fmt(w, "%s%s%s%s", a.inc ? ", INC" : "", a.def ? ", DEF" : "", a.txc ? ", TXC" : "",
	    a.upc ? ", UPC" : "");
	if (a.upc)
		wr_fmt(w, " %u", a.cipher_no);
}

static bool secret(uint8_t id)
{
	return id == IE_RES || id == IE_RS || id == IE_RAND || id == IE_KEY;
}

static void put_value(struct wr *w, const struct nwk_ie *ie)
{
	struct slice s = { (const char *)ie->p, ie->n };
	struct rd v = rd_of(ie->p, ie->n);

	if (ie->n == 0)
		return;
	wr_str(w, " ");
	if (secret(ie->id))
		wr_fmt(w, "(%u octets)", ie->n);
	else if (ie->id == IE_PORTABLE)
		put_portable(w, v);
	else if (ie->id == IE_AUTH_TYPE)
		put_auth_type(w, v);
	else if (ie->id == IE_KEYPAD || ie->id == IE_DISPLAY || ie->id == IE_SINGLE_KEYPAD ||
	         ie->id == IE_SINGLE_DISPLAY)
		put_text(w, s);
	else
		wr_hex(w, ie->p, ie->n);
}

void nwk_dump(const struct nwk_msg *m, struct wr *w)
{
	wr_fmt(w, "%s F=%u TV=%u", nwk_type_name(m->pd, m->type), m->f, m->tv);
	if (strcmp(nwk_type_name(m->pd, m->type), "unknown message") == 0)
		wr_fmt(w, " (PD %u type %02x)", m->pd, m->type);
	for (unsigned i = 0; i < m->nie; i++) {
		wr_fmt(w, "; %s", nwk_ie_name(m->ie[i].id));
		if (strcmp(nwk_ie_name(m->ie[i].id), "unknown element") == 0)
			wr_fmt(w, " %02x", m->ie[i].id);
		put_value(w, &m->ie[i]);
	}
	if (m->skipped)
		wr_fmt(w, "; %u elements not looked at", m->skipped);
	if (m->cut)
		wr_str(w, "; cut short");
}
