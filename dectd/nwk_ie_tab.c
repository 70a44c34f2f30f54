/* Which element may stand in which message (EN 300 175-5 6.3): the tables, and the checks over them. A row: element,
 * rule towards the portable part, rule from it: M mandatory, O optional, N not allowed. Where the standard's rule
 * depends on the contents of others it is O here. Repeat indicators are left out. */
#include "dectd/nwk_ie.h"

enum { N = 0, O = 1, M = 2 };
#define N_N 0
#define N_O (N | O << 2)
#define N_M (N | M << 2)
#define O_N (O | N << 2)
#define O_O (O | O << 2)
#define O_M (O | M << 2)
#define M_N (M | N << 2)
#define M_M (M | M << 2)

struct nwk_rule {
	uint8_t id, use;
};
static unsigned use(const struct nwk_rule *r, enum nwk_dir dir)
{
	return dir == NWK_TO_PP ? r->use & 3u : r->use >> 2;
}

/* clang-format off */
static const struct nwk_rule lce_page_response[] = {
	{ IE_PORTABLE, N_M }, { IE_FIXED, N_O }, { IE_NWK_ASSIGNED, N_O },
	{ IE_CIPHER_INFO, N_O }, { IE_ESCAPE, N_O },
};
static const struct nwk_rule lce_page_reject[] = {
	{ IE_PORTABLE, M_N }, { IE_FIXED, O_N }, { IE_REJECT_REASON, O_N }, { IE_ESCAPE, O_N },
};
static const struct nwk_rule cc_setup[] = {
	{ IE_PORTABLE, M_M }, { IE_FIXED, M_M }, { IE_NWK_ASSIGNED, N_O },
	{ IE_BASIC_SERVICE, M_M }, { IE_IWU_ATTR, O_O }, { IE_CALL_ATTR, O_O },
	{ IE_CONN_ATTR, O_O }, { IE_CIPHER_INFO, O_O }, { IE_CONN_IDENTITY, O_O },
	{ IE_FACILITY, O_O }, { IE_PROGRESS, O_N }, { IE_DISPLAY, O_N }, { IE_KEYPAD, N_O },
	{ IE_SINGLE_DISPLAY, O_N }, { IE_SINGLE_KEYPAD, N_O }, { IE_SIGNAL, O_N },
	{ IE_FEATURE_ACTIVATE, N_O }, { IE_FEATURE_INDICATE, O_N }, { IE_NETWORK_PARAM, O_O },
	{ IE_EXT_HO, O_N }, { IE_TERMINAL_CAP, N_O }, { IE_END_TO_END, O_O }, { IE_RATE, O_O },
	{ IE_TRANSIT_DELAY, O_O }, { IE_WINDOW_SIZE, O_O }, { IE_CALLING_NUMBER, O_O },
	{ IE_CALLING_NAME, O_O }, { IE_CALLED_NUMBER, O_O }, { IE_CALLED_SUBADDR, O_O },
	{ IE_SENDING_COMPLETE, O_O }, { IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_O },
	{ IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O }, { IE_CODEC_LIST, O_O },
	{ IE_CALL_INFO, O_O },
};
static const struct nwk_rule cc_info[] = {
	{ IE_LOCATION_AREA, N_O }, { IE_NWK_ASSIGNED, N_O }, { IE_FACILITY, O_O },
	{ IE_PROGRESS, O_N }, { IE_DISPLAY, O_N }, { IE_KEYPAD, O_O },
	{ IE_SINGLE_DISPLAY, O_N }, { IE_SINGLE_KEYPAD, O_O }, { IE_SIGNAL, O_N },
	{ IE_FEATURE_ACTIVATE, N_O }, { IE_FEATURE_INDICATE, O_N }, { IE_NETWORK_PARAM, O_O },
	{ IE_EXT_HO, O_N }, { IE_CALLING_NUMBER, O_O }, { IE_CALLING_NAME, O_O },
	{ IE_CALLED_NUMBER, O_O }, { IE_CALLED_SUBADDR, O_O }, { IE_SENDING_COMPLETE, O_O },
	{ IE_TEST_HOOK, O_N }, { IE_CALLED_NAME, O_N }, { IE_IWU_TO_IWU, O_O },
	{ IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O }, { IE_CODEC_LIST, O_O },
	{ IE_CALL_INFO, O_O },
};
static const struct nwk_rule cc_setup_ack[] = {
	{ IE_INFO_TYPE, O_N }, { IE_PORTABLE, O_N }, { IE_FIXED, O_N },
	{ IE_LOCATION_AREA, O_N }, { IE_IWU_ATTR, O_N }, { IE_CALL_ATTR, O_N },
	{ IE_CONN_ATTR, O_N }, { IE_CONN_IDENTITY, O_N }, { IE_FACILITY, O_N },
	{ IE_PROGRESS, O_N }, { IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N },
	{ IE_SIGNAL, O_N }, { IE_FEATURE_INDICATE, O_N }, { IE_NETWORK_PARAM, O_N },
	{ IE_EXT_HO, O_N }, { IE_TRANSIT_DELAY, O_N }, { IE_WINDOW_SIZE, O_N },
	{ IE_DELIMITER_REQUEST, O_N }, { IE_IWU_TO_IWU, O_N }, { IE_IWU_PACKET, O_N },
	{ IE_ESCAPE, O_N }, { IE_CODEC_LIST, O_N }, { IE_CALL_INFO, O_N },
};
static const struct nwk_rule cc_call_proc[] = {
	{ IE_IWU_ATTR, O_N }, { IE_CALL_ATTR, O_N }, { IE_CONN_ATTR, O_N },
	{ IE_CONN_IDENTITY, O_N }, { IE_FACILITY, O_N }, { IE_PROGRESS, O_N },
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_SIGNAL, O_N },
	{ IE_FEATURE_INDICATE, O_N }, { IE_TRANSIT_DELAY, O_N }, { IE_WINDOW_SIZE, O_N },
	{ IE_CALLED_NUMBER, O_N }, { IE_CALLED_NAME, O_N }, { IE_IWU_TO_IWU, O_N },
	{ IE_IWU_PACKET, O_N }, { IE_ESCAPE, O_N }, { IE_CODEC_LIST, O_N },
	{ IE_CALL_INFO, O_N },
};
static const struct nwk_rule cc_alerting[] = {
	{ IE_IWU_ATTR, O_O }, { IE_CALL_ATTR, O_O }, { IE_CONN_ATTR, O_O },
	{ IE_CONN_IDENTITY, O_O }, { IE_FACILITY, O_O }, { IE_PROGRESS, O_N },
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_SIGNAL, O_N },
	{ IE_FEATURE_INDICATE, O_N }, { IE_TERMINAL_CAP, N_O }, { IE_TRANSIT_DELAY, O_O },
	{ IE_WINDOW_SIZE, O_O }, { IE_CALLED_NUMBER, O_N }, { IE_CALLED_NAME, O_N },
	{ IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O },
	{ IE_CODEC_LIST, O_O }, { IE_CALL_INFO, O_N },
};
static const struct nwk_rule cc_connect[] = {
	{ IE_IWU_ATTR, O_O }, { IE_CALL_ATTR, O_O }, { IE_CONN_ATTR, O_O },
	{ IE_CONN_IDENTITY, O_O }, { IE_FACILITY, O_O }, { IE_PROGRESS, O_N },
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_SIGNAL, O_N },
	{ IE_FEATURE_INDICATE, O_N }, { IE_NETWORK_PARAM, O_N }, { IE_EXT_HO, O_N },
	{ IE_TERMINAL_CAP, N_O }, { IE_TRANSIT_DELAY, O_O }, { IE_WINDOW_SIZE, O_O },
	{ IE_CALLED_NUMBER, O_N }, { IE_CALLED_NAME, O_N }, { IE_SEGMENTED, O_O },
	{ IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O },
	{ IE_CODEC_LIST, O_O }, { IE_CALL_INFO, O_N },
};
static const struct nwk_rule cc_connect_ack[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_FEATURE_INDICATE, O_N },
	{ IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_release[] = {
	{ IE_RELEASE_REASON, O_O }, { IE_FACILITY, O_O }, { IE_PROGRESS, O_O },
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_FEATURE_INDICATE, O_N },
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O },
	{ IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_release_com[] = {
	{ IE_RELEASE_REASON, O_O }, { IE_IDENTITY_TYPE, O_N }, { IE_LOCATION_AREA, O_N },
	{ IE_IWU_ATTR, O_O }, { IE_CONN_ATTR, O_O }, { IE_FACILITY, O_O }, { IE_DISPLAY, O_N },
	{ IE_SINGLE_DISPLAY, O_N }, { IE_FEATURE_INDICATE, O_N }, { IE_NETWORK_PARAM, O_N },
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O },
	{ IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_service_change[] = {
	{ IE_PORTABLE, M_M }, { IE_IWU_ATTR, O_O }, { IE_CALL_ATTR, O_O },
	{ IE_SERVICE_CHANGE, M_M }, { IE_CONN_ATTR, O_O }, { IE_CONN_IDENTITY, O_O },
	{ IE_TRANSIT_DELAY, O_O }, { IE_WINDOW_SIZE, O_O }, { IE_ULE_MAC, O_O },
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O },
	{ IE_CODEC_LIST, O_O },
};
static const struct nwk_rule cc_service_accept[] = {
	{ IE_IWU_ATTR, O_O }, { IE_CALL_ATTR, O_O }, { IE_CONN_IDENTITY, O_O },
	{ IE_TRANSIT_DELAY, O_O }, { IE_WINDOW_SIZE, O_O }, { IE_ULE_MAC, O_O },
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_service_reject[] = {
	{ IE_RELEASE_REASON, O_O }, { IE_IWU_ATTR, O_O }, { IE_CONN_ATTR, O_O },
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_notify[] = {
	{ IE_TIMER_RESTART, O_N }, { IE_ESCAPE, O_N },
};
static const struct nwk_rule cc_iwu_info[] = {
	{ IE_PORTABLE, O_O }, { IE_TIME_DATE, O_O }, { IE_ULE_MAC, O_O },
	{ IE_CALLING_NUMBER, O_O }, { IE_CALLING_NAME, O_O }, { IE_CALLED_NUMBER, O_O },
	{ IE_CALLED_SUBADDR, O_O }, { IE_SEGMENTED, O_O }, { IE_ALPHANUMERIC, O_O },
	{ IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O },
	{ IE_CODEC_LIST, O_O },
};
static const struct nwk_rule cc_hold[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_hold_ack[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_hold_reject[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_REJECT_REASON, O_O },
	{ IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_retrieve[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_retrieve_ack[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule cc_retrieve_reject[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_REJECT_REASON, O_O },
	{ IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule ciss_facility[] = {
	{ IE_PORTABLE, N_O }, { IE_FACILITY, O_O }, { IE_TIME_DATE, O_O }, { IE_DISPLAY, O_N },
	{ IE_KEYPAD, N_O }, { IE_SINGLE_DISPLAY, O_N }, { IE_SINGLE_KEYPAD, N_O },
	{ IE_FEATURE_ACTIVATE, N_O }, { IE_FEATURE_INDICATE, O_N }, { IE_LIST_CHANGE, O_O },
	{ IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O }, { IE_EVENTS, O_O }, { IE_CALL_INFO, O_O },
};
static const struct nwk_rule ciss_register[] = {
	{ IE_PORTABLE, O_M }, { IE_FACILITY, O_O }, { IE_DISPLAY, O_N }, { IE_KEYPAD, N_O },
	{ IE_SINGLE_DISPLAY, O_N }, { IE_SINGLE_KEYPAD, N_O }, { IE_FEATURE_ACTIVATE, N_O },
	{ IE_FEATURE_INDICATE, O_N }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule ciss_release_com[] = {
	{ IE_RELEASE_REASON, O_O }, { IE_FACILITY, O_O }, { IE_DISPLAY, O_N },
	{ IE_KEYPAD, N_O }, { IE_SINGLE_DISPLAY, O_N }, { IE_SINGLE_KEYPAD, N_O },
	{ IE_FEATURE_ACTIVATE, N_O }, { IE_FEATURE_INDICATE, O_N }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_access_rights_request[] = {
	{ IE_PORTABLE, N_M }, { IE_AUTH_TYPE, N_O }, { IE_CIPHER_INFO, N_O },
	{ IE_SETUP_CAP, N_O }, { IE_TERMINAL_CAP, N_O }, { IE_IWU_TO_IWU, N_O },
	{ IE_MODEL, N_O }, { IE_ESCAPE, N_O }, { IE_CODEC_LIST, N_O },
};
static const struct nwk_rule mm_access_rights_accept[] = {
	{ IE_PORTABLE, M_N }, { IE_FIXED, M_N }, { IE_LOCATION_AREA, O_N },
	{ IE_AUTH_TYPE, O_N }, { IE_CIPHER_INFO, O_N }, { IE_ZAP, O_N },
	{ IE_SERVICE_CLASS, O_N }, { IE_SETUP_CAP, O_N }, { IE_IWU_TO_IWU, O_N },
	{ IE_MODEL, O_N }, { IE_ESCAPE, O_N }, { IE_CODEC_LIST, O_N },
};
static const struct nwk_rule mm_access_rights_reject[] = {
	{ IE_REJECT_REASON, O_N }, { IE_DURATION, O_N }, { IE_IWU_TO_IWU, O_N },
	{ IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_access_rights_term_request[] = {
	{ IE_PORTABLE, M_M }, { IE_FIXED, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_access_rights_term_accept[] = {
	{ IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_access_rights_term_reject[] = {
	{ IE_REJECT_REASON, O_O }, { IE_DURATION, O_N }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_key_allocate[] = {
	{ IE_ALLOCATION_TYPE, M_N }, { IE_RAND, M_N }, { IE_RS, M_N }, { IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_auth_request[] = {
	{ IE_AUTH_TYPE, M_M }, { IE_RAND, M_M }, { IE_RES, N_O }, { IE_RS, O_N },
	{ IE_CIPHER_INFO, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_auth_reply[] = {
	{ IE_RAND, O_O }, { IE_RES, M_M }, { IE_RS, O_N }, { IE_ZAP, N_O },
	{ IE_SERVICE_CLASS, N_O }, { IE_KEY, N_O }, { IE_IWU_TO_IWU, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_auth_reject[] = {
	{ IE_AUTH_TYPE, O_O }, { IE_REJECT_REASON, O_O }, { IE_IWU_TO_IWU, O_O },
	{ IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_cipher_request[] = {
	{ IE_CIPHER_INFO, M_N }, { IE_CALL_IDENTITY, O_N }, { IE_CONN_IDENTITY, O_N },
	{ IE_IWU_TO_IWU, O_N }, { IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_cipher_suggest[] = {
	{ IE_CIPHER_INFO, N_M }, { IE_CALL_IDENTITY, N_O }, { IE_CONN_IDENTITY, N_O },
	{ IE_IWU_TO_IWU, N_O }, { IE_ESCAPE, N_O },
};
static const struct nwk_rule mm_cipher_reject[] = {
	{ IE_CIPHER_INFO, O_O }, { IE_REJECT_REASON, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_identity_request[] = {
	{ IE_IDENTITY_TYPE, M_N }, { IE_NETWORK_PARAM, O_N }, { IE_IWU_TO_IWU, O_N },
	{ IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_identity_reply[] = {
	{ IE_PORTABLE, N_O }, { IE_FIXED, N_O }, { IE_NWK_ASSIGNED, N_O },
	{ IE_NETWORK_PARAM, N_O }, { IE_IWU_TO_IWU, N_O }, { IE_MODEL, N_O },
	{ IE_ESCAPE, N_O },
};
static const struct nwk_rule mm_locate_request[] = {
	{ IE_PORTABLE, N_M }, { IE_FIXED, N_O }, { IE_LOCATION_AREA, N_O },
	{ IE_NWK_ASSIGNED, N_O }, { IE_CIPHER_INFO, N_O }, { IE_NETWORK_PARAM, N_O },
	{ IE_SETUP_CAP, N_O }, { IE_TERMINAL_CAP, N_O }, { IE_SEGMENTED, O_O },
	{ IE_IWU_TO_IWU, N_O }, { IE_MODEL, N_O }, { IE_ESCAPE, N_O }, { IE_CODEC_LIST, N_O },
};
static const struct nwk_rule mm_locate_accept[] = {
	{ IE_PORTABLE, M_N }, { IE_LOCATION_AREA, M_N }, { IE_USE_TPUI, O_N },
	{ IE_NWK_ASSIGNED, O_N }, { IE_EXT_HO, O_N }, { IE_SETUP_CAP, O_N },
	{ IE_ULE_MAC, O_N }, { IE_DURATION, O_N }, { IE_SEGMENTED, O_O },
	{ IE_IWU_TO_IWU, O_N }, { IE_MODEL, O_N }, { IE_ESCAPE, O_N }, { IE_CODEC_LIST, O_N },
};
static const struct nwk_rule mm_locate_reject[] = {
	{ IE_REJECT_REASON, O_N }, { IE_DURATION, O_N }, { IE_SEGMENTED, O_O },
	{ IE_IWU_TO_IWU, O_N }, { IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_detach[] = {
	{ IE_PORTABLE, N_M }, { IE_NWK_ASSIGNED, N_O }, { IE_NETWORK_PARAM, N_O },
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, N_O }, { IE_ESCAPE, N_O },
};
static const struct nwk_rule mm_temp_identity_assign[] = {
	{ IE_PORTABLE, O_N }, { IE_LOCATION_AREA, O_N }, { IE_NWK_ASSIGNED, O_N },
	{ IE_NETWORK_PARAM, O_N }, { IE_DURATION, O_N }, { IE_IWU_TO_IWU, O_N },
	{ IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_temp_identity_assign_ack[] = {
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, N_O }, { IE_ESCAPE, N_O },
};
static const struct nwk_rule mm_temp_identity_assign_rej[] = {
	{ IE_REJECT_REASON, N_O }, { IE_ESCAPE, N_O },
};
static const struct nwk_rule mm_info_suggest[] = {
	{ IE_INFO_TYPE, M_N }, { IE_FIXED, O_N }, { IE_LOCATION_AREA, O_N },
	{ IE_NWK_ASSIGNED, O_N }, { IE_RS, O_N }, { IE_CALL_IDENTITY, O_N },
	{ IE_NETWORK_PARAM, O_N }, { IE_EXT_HO, O_N }, { IE_KEY, O_N }, { IE_SETUP_CAP, O_N },
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_N }, { IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_info_request[] = {
	{ IE_INFO_TYPE, N_M }, { IE_PORTABLE, N_O }, { IE_FIXED, N_O },
	{ IE_LOCATION_AREA, N_O }, { IE_NWK_ASSIGNED, N_O }, { IE_CALL_IDENTITY, N_O },
	{ IE_NETWORK_PARAM, N_O }, { IE_KEY, N_O }, { IE_SEGMENTED, O_O },
	{ IE_IWU_TO_IWU, N_O }, { IE_ESCAPE, N_O },
};
static const struct nwk_rule mm_info_accept[] = {
	{ IE_INFO_TYPE, O_N }, { IE_FIXED, O_N }, { IE_LOCATION_AREA, O_N },
	{ IE_NWK_ASSIGNED, O_N }, { IE_CALL_IDENTITY, O_N }, { IE_NETWORK_PARAM, O_N },
	{ IE_DURATION, O_N }, { IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_N },
	{ IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_info_reject[] = {
	{ IE_CALL_IDENTITY, O_N }, { IE_REJECT_REASON, O_N }, { IE_SEGMENTED, O_O },
	{ IE_IWU_TO_IWU, O_N }, { IE_ESCAPE, O_N },
};
static const struct nwk_rule mm_iwu[] = {
	{ IE_SEGMENTED, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O },
	{ IE_ESCAPE, O_O },
};
static const struct nwk_rule mm_notify[] = {
	{ IE_TIMER_RESTART, O_N }, { IE_ESCAPE, O_N },
};
static const struct nwk_rule clms_variable[] = {
	{ IE_PORTABLE, M_M }, { IE_TIME_DATE, O_O }, { IE_CALLING_NUMBER, O_O },
	{ IE_CALLING_NAME, O_O }, { IE_CALLED_NUMBER, O_O }, { IE_CALLED_SUBADDR, O_O },
	{ IE_SEGMENTED, O_O }, { IE_ALPHANUMERIC, O_O }, { IE_IWU_TO_IWU, O_O },
	{ IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule coms_setup[] = {
	{ IE_PORTABLE, M_M }, { IE_FIXED, M_M }, { IE_IWU_ATTR, M_M }, { IE_CONN_ATTR, O_O },
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_CALLED_NUMBER, O_O },
	{ IE_CALLED_SUBADDR, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O },
	{ IE_ESCAPE, O_O },
};
static const struct nwk_rule coms_info[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_SEGMENTED, O_O },
	{ IE_ALPHANUMERIC, O_O }, { IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O },
	{ IE_ESCAPE, O_O },
};
static const struct nwk_rule coms_ack[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule coms_connect[] = {
	{ IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N }, { IE_IWU_TO_IWU, O_O },
	{ IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule coms_release[] = {
	{ IE_RELEASE_REASON, O_O }, { IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N },
	{ IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule coms_release_com[] = {
	{ IE_RELEASE_REASON, O_O }, { IE_DISPLAY, O_N }, { IE_SINGLE_DISPLAY, O_N },
	{ IE_IWU_TO_IWU, O_O }, { IE_IWU_PACKET, O_O }, { IE_ESCAPE, O_O },
};
static const struct nwk_rule coms_notify[] = {
	{ IE_TIMER_RESTART, O_N }, { IE_ESCAPE, O_N },
};

struct nwk_row {
	uint8_t pd, type, n;
	const char *name;
	const struct nwk_rule *rules;
};
#define ROW(pd, type, name, rules) { pd, type, sizeof(rules) / sizeof((rules)[0]), name, rules }
static const struct nwk_row rows[] = {
	ROW(NWK_LCE, LCE_PAGE_RESPONSE, "LCE-PAGE-RESPONSE", lce_page_response),
	ROW(NWK_LCE, LCE_PAGE_REJECT, "LCE-PAGE-REJECT", lce_page_reject),
	ROW(NWK_CC, CC_SETUP, "CC-SETUP", cc_setup),
	ROW(NWK_CC, CC_INFO, "CC-INFO", cc_info),
	ROW(NWK_CC, CC_SETUP_ACK, "CC-SETUP-ACK", cc_setup_ack),
	ROW(NWK_CC, CC_CALL_PROC, "CC-CALL-PROC", cc_call_proc),
	ROW(NWK_CC, CC_ALERTING, "CC-ALERTING", cc_alerting),
	ROW(NWK_CC, CC_CONNECT, "CC-CONNECT", cc_connect),
	ROW(NWK_CC, CC_CONNECT_ACK, "CC-CONNECT-ACK", cc_connect_ack),
	ROW(NWK_CC, CC_RELEASE, "CC-RELEASE", cc_release),
	ROW(NWK_CC, CC_RELEASE_COM, "CC-RELEASE-COM", cc_release_com),
	ROW(NWK_CC, CC_SERVICE_CHANGE, "CC-SERVICE-CHANGE", cc_service_change),
	ROW(NWK_CC, CC_SERVICE_ACCEPT, "CC-SERVICE-ACCEPT", cc_service_accept),
	ROW(NWK_CC, CC_SERVICE_REJECT, "CC-SERVICE-REJECT", cc_service_reject),
	ROW(NWK_CC, CC_NOTIFY, "CC-NOTIFY", cc_notify),
	ROW(NWK_CC, CC_IWU_INFO, "IWU-INFO", cc_iwu_info),
	ROW(NWK_CC, CC_HOLD, "HOLD", cc_hold),
	ROW(NWK_CC, CC_HOLD_ACK, "HOLD-ACK", cc_hold_ack),
	ROW(NWK_CC, CC_HOLD_REJECT, "HOLD-REJECT", cc_hold_reject),
	ROW(NWK_CC, CC_RETRIEVE, "RETRIEVE", cc_retrieve),
	ROW(NWK_CC, CC_RETRIEVE_ACK, "RETRIEVE-ACK", cc_retrieve_ack),
	ROW(NWK_CC, CC_RETRIEVE_REJECT, "RETRIEVE-REJECT", cc_retrieve_reject),
	ROW(NWK_CISS, CISS_FACILITY, "FACILITY", ciss_facility),
	ROW(NWK_CC, CC_FACILITY, "FACILITY", ciss_facility),
	ROW(NWK_CISS, CISS_REGISTER, "CISS-REGISTER", ciss_register),
	ROW(NWK_CISS, CISS_RELEASE_COM, "CISS-RELEASE-COM", ciss_release_com),
	ROW(NWK_MM, MM_ACCESS_RIGHTS_REQUEST, "ACCESS-RIGHTS-REQUEST", mm_access_rights_request),
	ROW(NWK_MM, MM_ACCESS_RIGHTS_ACCEPT, "ACCESS-RIGHTS-ACCEPT", mm_access_rights_accept),
	ROW(NWK_MM, MM_ACCESS_RIGHTS_REJECT, "ACCESS-RIGHTS-REJECT", mm_access_rights_reject),
	ROW(NWK_MM, MM_ACCESS_RIGHTS_TERM_REQUEST, "ACCESS-RIGHTS-TERMINATE-REQUEST", mm_access_rights_term_request),
	ROW(NWK_MM, MM_ACCESS_RIGHTS_TERM_ACCEPT, "ACCESS-RIGHTS-TERMINATE-ACCEPT", mm_access_rights_term_accept),
	ROW(NWK_MM, MM_ACCESS_RIGHTS_TERM_REJECT, "ACCESS-RIGHTS-TERMINATE-REJECT", mm_access_rights_term_reject),
	ROW(NWK_MM, MM_KEY_ALLOCATE, "KEY-ALLOCATE", mm_key_allocate),
	ROW(NWK_MM, MM_AUTH_REQUEST, "AUTHENTICATION-REQUEST", mm_auth_request),
	ROW(NWK_MM, MM_AUTH_REPLY, "AUTHENTICATION-REPLY", mm_auth_reply),
	ROW(NWK_MM, MM_AUTH_REJECT, "AUTHENTICATION-REJECT", mm_auth_reject),
	ROW(NWK_MM, MM_CIPHER_REQUEST, "CIPHER-REQUEST", mm_cipher_request),
	ROW(NWK_MM, MM_CIPHER_SUGGEST, "CIPHER-SUGGEST", mm_cipher_suggest),
	ROW(NWK_MM, MM_CIPHER_REJECT, "CIPHER-REJECT", mm_cipher_reject),
	ROW(NWK_MM, MM_IDENTITY_REQUEST, "IDENTITY-REQUEST", mm_identity_request),
	ROW(NWK_MM, MM_IDENTITY_REPLY, "IDENTITY-REPLY", mm_identity_reply),
	ROW(NWK_MM, MM_LOCATE_REQUEST, "LOCATE-REQUEST", mm_locate_request),
	ROW(NWK_MM, MM_LOCATE_ACCEPT, "LOCATE-ACCEPT", mm_locate_accept),
	ROW(NWK_MM, MM_LOCATE_REJECT, "LOCATE-REJECT", mm_locate_reject),
	ROW(NWK_MM, MM_DETACH, "DETACH", mm_detach),
	ROW(NWK_MM, MM_TEMP_IDENTITY_ASSIGN, "TEMPORARY-IDENTITY-ASSIGN", mm_temp_identity_assign),
	ROW(NWK_MM, MM_TEMP_IDENTITY_ASSIGN_ACK, "TEMPORARY-IDENTITY-ASSIGN-ACK", mm_temp_identity_assign_ack),
	ROW(NWK_MM, MM_TEMP_IDENTITY_ASSIGN_REJ, "TEMPORARY-IDENTITY-ASSIGN-REJ", mm_temp_identity_assign_rej),
	ROW(NWK_MM, MM_INFO_SUGGEST, "MM-INFO-SUGGEST", mm_info_suggest),
	ROW(NWK_MM, MM_INFO_REQUEST, "MM-INFO-REQUEST", mm_info_request),
	ROW(NWK_MM, MM_INFO_ACCEPT, "MM-INFO-ACCEPT", mm_info_accept),
	ROW(NWK_MM, MM_INFO_REJECT, "MM-INFO-REJECT", mm_info_reject),
	ROW(NWK_MM, MM_IWU, "MM-IWU", mm_iwu),
	ROW(NWK_MM, MM_NOTIFY, "MM-NOTIFY", mm_notify),
	ROW(NWK_CLMS, CLMS_VARIABLE, "CLMS-VARIABLE", clms_variable),
	ROW(NWK_COMS, COMS_SETUP, "COMS-SETUP", coms_setup),
	ROW(NWK_COMS, COMS_INFO, "COMS-INFO", coms_info),
	ROW(NWK_COMS, COMS_ACK, "COMS-ACK", coms_ack),
	ROW(NWK_COMS, COMS_CONNECT, "COMS-CONNECT", coms_connect),
	ROW(NWK_COMS, COMS_RELEASE, "COMS-RELEASE", coms_release),
	ROW(NWK_COMS, COMS_RELEASE_COM, "COMS-RELEASE-COM", coms_release_com),
	ROW(NWK_COMS, COMS_NOTIFY, "COMS-NOTIFY", coms_notify),
};
/* clang-format on */

static const struct nwk_row *row_of(uint8_t pd, uint8_t type)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].pd == pd && rows[i].type == type)
			return &rows[i];
	return NULL;
}

/* A message goes in a direction where an element of its own may stand in it, or when it has none. */
static bool goes(const struct nwk_row *row, enum nwk_dir dir)
{
	bool own = false;

	for (unsigned i = 0; i < row->n; i++) {
		if (row->rules[i].id == IE_SEGMENTED)
			continue;
		if (use(&row->rules[i], dir) != N)
			return true;
		own = true;
	}
	return !own;
}

const char *nwk_type_name(uint8_t pd, uint8_t type)
{
	const struct nwk_row *row = row_of(pd, type);

	return row ? row->name : "unknown message";
}

static int faulty(struct nwk_fault *fault, uint8_t id, enum nwk_fault_kind what)
{
	fault->id = id;
	fault->what = what;
	return ERR_SYNTAX;
}

static const struct nwk_ie *present(const struct nwk_msg *m, uint8_t id)
{
	for (unsigned i = 0; i < m->nie; i++)
		if (m->ie[i].id == id)
			return &m->ie[i];
	return NULL;
}

/* An empty Portable identity is a legal mandatory element of LOCATE-ACCEPT. */
static bool may_be_empty(const struct nwk_msg *m, uint8_t id)
{
	return m->pd == NWK_MM && m->type == MM_LOCATE_ACCEPT && id == IE_PORTABLE;
}

static int check_mandatory(
    const struct nwk_msg *m, const struct nwk_row *row, struct nwk_fault *fault)
{
	for (unsigned i = 0; i < row->n; i++) {
		uint8_t id = row->rules[i].id;
		const struct nwk_ie *ie;

		if (use(&row->rules[i], m->dir) != M)
			continue;
		ie = present(m, id);
		/* ARI-D systems have an empty Fixed identity in CC-SETUP. */
		if (!ie || (ie->n == 0 && id < 0x80 && !may_be_empty(m, id) &&
		               !(id == IE_FIXED && m->type == CC_SETUP && m->pd == NWK_CC)))
			return faulty(fault, id, NWK_MISSING);
		if (ie->n && ie_value_check(id, rd_of(ie->p, ie->n)) != 0)
			return faulty(fault, id, NWK_CONTENT);
	}
	return 0;
}

int nwk_check(const struct nwk_msg *m, struct nwk_fault *fault)
{
	const struct nwk_row *row = row_of(m->pd, m->type);

	*fault = (struct nwk_fault){ 0 };
	if (!row || !goes(row, m->dir))
		return faulty(fault, 0, NWK_UNKNOWN_TYPE);
	return check_mandatory(m, row, fault);
}

/* Place of an element in a message: variable elements by identifier, fixed ones at the places of the tables in 6.3. */
static unsigned place(uint8_t id)
{
	switch (id) {
	case IE_RELEASE_REASON:
	case IE_TIMER_RESTART:
		return 0;
	case IE_USE_TPUI:
		return IE_LOCATION_AREA * 4 + 1;
	case IE_BASIC_SERVICE:
		return IE_NWK_ASSIGNED * 4 + 1;
	case IE_SINGLE_DISPLAY:
	case IE_SINGLE_KEYPAD:
		return IE_KEYPAD * 4 + 1;
	case IE_SIGNAL:
		return IE_KEYPAD * 4 + 2;
	case IE_SENDING_COMPLETE:
	case IE_DELIMITER_REQUEST:
		return IE_CALLED_SUBADDR * 4 + 1;
	case IE_TEST_HOOK:
		return IE_CALLED_SUBADDR * 4 + 2;
	default:
		return id * 4u;
	}
}

int nwk_check_strict(const struct nwk_msg *m, struct nwk_fault *fault)
{
	const struct nwk_row *row = row_of(m->pd, m->type);
	unsigned last = 0;
	int err = nwk_check(m, fault);

	if (err)
		return err;
	if (m->cut)
		return faulty(fault, m->nie ? m->ie[m->nie - 1].id : 0, NWK_CONTENT);
	for (unsigned i = 0; i < m->nie; i++) {
		const struct nwk_ie *ie = &m->ie[i];
		bool known = false;

		/* They stand before the element that they are about, in its place. */
		if (ie->id == IE_REPEAT_LIST || ie->id == IE_REPEAT_PRIO)
			continue;
		for (unsigned j = 0; j < row->n && !known; j++)
			known = row->rules[j].id == ie->id && use(&row->rules[j], m->dir) != N;
		if (!known)
			return faulty(fault, ie->id, NWK_ALIEN);
		if (ie->n && ie_value_check(ie->id, rd_of(ie->p, ie->n)) != 0)
			return faulty(fault, ie->id, NWK_CONTENT);
		if (ie->id == IE_SEGMENTED)
			continue;
		if (place(ie->id) < last)
			return faulty(fault, ie->id, NWK_ORDER);
		last = place(ie->id);
	}
	return 0;
}
