#ifndef DECTD_NWK_IE_H
#define DECTD_NWK_IE_H
#include "common/rd.h"
#include "dectd/ident.h"
#include "dectd/ipui.h"
#include "dectd/nwk_msg.h"

/* Information elements (EN 300 175-5 7.6, 7.7). For each with structure there are three functions:
 *   int  ie_X_parse(struct rd value, struct ie_X *out)       from its value octets: 0, ERR_TRUNCATED, ERR_VALUE …
 *   int  ie_X_of(const struct nwk_msg *m, struct ie_X *out)  its first occurrence; ERR_NOTFOUND: absent or empty
 *   void ie_X_put(struct wr *w, const struct ie_X *in)       appends the whole element
 * Octets and groups beyond the known ones are accepted and skipped. On error *out is zeroed. Slices in a result point
 * into the message. put writes only values that parse gives back; a value that doesn't fit its field sets w->bad. */

enum {
	IE_SENDING_COMPLETE = 0xa1,
	IE_DELIMITER_REQUEST = 0xa2,
	IE_USE_TPUI = 0xa3,
	IE_REPEAT_LIST = 0xd1,
	IE_REPEAT_PRIO = 0xd2,
	IE_BASIC_SERVICE = 0xe0,
	IE_RELEASE_REASON = 0xe2,
	IE_SIGNAL = 0xe4,
	IE_TIMER_RESTART = 0xe5,
	IE_TEST_HOOK = 0xe6,
	IE_SINGLE_DISPLAY = 0xe8,
	IE_SINGLE_KEYPAD = 0xe9,

	IE_INFO_TYPE = 0x01,
	IE_IDENTITY_TYPE = 0x02,
	IE_PORTABLE = 0x05,
	IE_FIXED = 0x06,
	IE_LOCATION_AREA = 0x07,
	IE_NWK_ASSIGNED = 0x09,
	IE_AUTH_TYPE = 0x0a,
	IE_ALLOCATION_TYPE = 0x0b,
	IE_RAND = 0x0c,
	IE_RES = 0x0d,
	IE_RS = 0x0e,
	IE_IWU_ATTR = 0x12,
	IE_CALL_ATTR = 0x13,
	IE_SERVICE_CHANGE = 0x16,
	IE_CONN_ATTR = 0x17,
	IE_CIPHER_INFO = 0x19,
	IE_CALL_IDENTITY = 0x1a,
	IE_CONN_IDENTITY = 0x1b,
	IE_FACILITY = 0x1c,
	IE_PROGRESS = 0x1e,
	IE_MMS_HEADER = 0x20,
	IE_MMS_EXT_HEADER = 0x21,
	IE_TIME_DATE = 0x23,
	IE_DISPLAY = 0x28,
	IE_KEYPAD = 0x2c,
	IE_FEATURE_ACTIVATE = 0x38,
	IE_FEATURE_INDICATE = 0x39,
	IE_NETWORK_PARAM = 0x41,
	IE_EXT_HO = 0x42,
	IE_ZAP = 0x52,
	IE_SERVICE_CLASS = 0x54,
	IE_KEY = 0x56,
	IE_REJECT_REASON = 0x60,
	IE_SETUP_CAP = 0x62,
	IE_TERMINAL_CAP = 0x63,
	IE_END_TO_END = 0x64,
	IE_RATE = 0x65,
	IE_TRANSIT_DELAY = 0x66,
	IE_WINDOW_SIZE = 0x67,
	IE_ULE_MAC = 0x68,
	IE_CALLING_NUMBER = 0x6c,
	IE_CALLING_NAME = 0x6d,
	IE_CALLED_NUMBER = 0x70,
	IE_CALLED_SUBADDR = 0x71,
	IE_DURATION = 0x72,
	IE_CALLED_NAME = 0x73,
	IE_LIST_CHANGE = 0x74,
	IE_SEGMENTED = 0x75,
	IE_ALPHANUMERIC = 0x76,
	IE_IWU_TO_IWU = 0x77,
	IE_MODEL = 0x78,
	IE_IWU_PACKET = 0x7a,
	IE_ESCAPE = 0x7b,
	IE_CODEC_LIST = 0x7c,
	IE_EVENTS = 0x7d,
	IE_CALL_INFO = 0x7e,
};

/* ---- elements of one octet or of octets ---- */

bool nwk_flag(const struct nwk_msg *m, uint8_t id); /* A1, A2, A3 */
void ie_flag_put(struct wr *w, uint8_t id);
/* First octet of the value: double-octet elements (E0 … E9), ZAP, Service class, Reject reason. -1: absent. */
int nwk_octet(const struct nwk_msg *m, uint8_t id);
void ie_octet_put(
    struct wr *w, uint8_t id, uint8_t v); /* as variable element where bit 8 of id is 0 */
/* RAND, RES, RS, Facility, Multi-display, Multi-keypad …: the value as it stands; empty slice: absent. */
struct slice nwk_octets(const struct nwk_msg *m, uint8_t id);
void ie_octets_put(struct wr *w, uint8_t id, const void *p, size_t n);
/* Single- or Multi-keypad, Single- or Multi-display. */
struct slice nwk_keypad(const struct nwk_msg *m);
struct slice nwk_display(const struct nwk_msg *m);

#define IE_DECLARE(name)                                                                           \
	int ie_##name##_parse(struct rd v, struct ie_##name *out) MUST_CHECK;                      \
	int ie_##name##_of(const struct nwk_msg *m, struct ie_##name *out) MUST_CHECK;             \
	void ie_##name##_put(struct wr *w, const struct ie_##name *in)

/* ---- identities ---- */

enum { IE_P_NONE = 0xff, IE_P_IPUI = 0x00, IE_P_IPEI = 0x10, IE_P_TPUI = 0x20 };
struct ie_portable {
	uint8_t type;     /* IE_P_*; put with IE_P_NONE: "05 00" */
	struct ipui ipui; /* IPUI, IPEI */
	uint32_t tpui;    /* 20 bits */
	uint8_t assign;   /* TPUI: 0; 1: with number assigned */
};
IE_DECLARE(portable);
void ie_ipui_put(struct wr *w, const struct ipui *id);
void ie_tpui_put(struct wr *w, uint32_t tpui);
void ie_portable_none_put(struct wr *w);

enum { IE_F_ARI = 0x00, IE_F_ARI_RPN = 0x01, IE_F_ARI_WRS = 0x02, IE_F_PARK = 0x20 };
struct ie_fixed {
	uint8_t type;
	uint8_t bits; /* as it stands: 1 + number of bits of ARI or PARK */
	uint8_t v[8]; /* E = 0 first, left-aligned as in struct ident */
};
IE_DECLARE(fixed);
void ie_ari_put(struct wr *w, const struct ident *id);
void ie_park_put(struct wr *w, const struct ident *id);
/* Whether ARI (first of it) or PARK names this system. */
bool ie_fixed_is(const struct ie_fixed *f, const struct ident *id);

struct ie_location {
	bool has_level;
	uint8_t level;    /* leading bits of PARI + RPN that define the area */
	uint8_t ext;      /* 0; 7: requested; 15: present */
	struct slice eli; /* extended location information as it stands */
};
IE_DECLARE(location);

struct ie_nwk_assigned {
	uint8_t type; /* 74 TMSI, 7F proprietary */
	uint8_t bits;
	struct slice v;
};
IE_DECLARE(nwk_assigned);

struct ie_identity_type {
	uint8_t group; /* 0 portable, 1 network assigned, 4 fixed, 8 application, F proprietary */
	uint8_t type;
};
IE_DECLARE(identity_type);

struct ie_info_type {
	unsigned n;
	uint8_t v[8];
};
IE_DECLARE(info_type);

struct ie_model {
	bool imeisv; /* v has 8 octets, else MANIC 2 and MODIC 1 */
	uint8_t v[8];
};
IE_DECLARE(model);

/* ---- security ---- */

enum {
	IE_ALG_DSAA = 0x01,
	IE_ALG_DSAA2 = 0x02,
	IE_ALG_UMTS = 0x20,
	IE_ALG_GSM = 0x40,
	IE_ALG_PROP = 0x7f
};
enum { IE_KEY_UAK = 1, IE_KEY_UPI = 3, IE_KEY_AC = 4 };
struct ie_auth_type {
	uint8_t alg, prop; /* prop: octet 3a, with IE_ALG_PROP */
	uint8_t key_type;  /* IE_KEY_* */
	uint8_t key_no;    /* 0 … 15; bit 4 (8): of the IPUI/PARK pair */
	bool inc, def, txc, upc;
	uint8_t cipher_no;  /* cipher key number, same rule */
	uint16_t def_index; /* with def */
	bool has_def_alg, def_dsc2;
};
IE_DECLARE(auth_type);

struct ie_allocation_type {
	uint8_t alg, uak_no, ac_no;
};
IE_DECLARE(allocation_type);

enum { IE_CIPHER_DSC = 0x01, IE_CIPHER_DSC2 = 0x02 };
struct ie_cipher_info {
	bool enable;
	uint8_t alg, prop;
	uint8_t key_type; /* 9 derived, A static */
	uint8_t key_no;
};
IE_DECLARE(cipher_info);

struct ie_key {
	uint8_t type; /* 10 DCK DSC, 11 DCK DSC2, 14, 15 default keys */
	struct slice key;
};
IE_DECLARE(key);

struct ie_duration {
	uint8_t lock;  /* 6 temporary user limit, 7 none, 5 limit 2 */
	uint8_t unit;  /* 0 erase, 1 of 40.96 s, 2 of 10486 s, 4 standard, F infinite */
	uint8_t value; /* with unit 1, 2 */
};
IE_DECLARE(duration);

/* ---- capabilities ---- */

struct ie_setup_cap {
	uint8_t protocol, setup, page; /* page 1 normal, 2 fast and normal */
};
IE_DECLARE(setup_cap);

#define IE_TC_PROFILES 10
struct ie_terminal_cap {
	uint8_t tones;   /* 1 none, 2 dial tone, 3 E.182, 4 complete */
	uint8_t display; /* 1 none, 2 numeric, 3 numeric-plus, 4 alphanumeric, 5 full */
	uint8_t echo, nrej, avol;
	uint8_t slots;                   /* bit 1 half, 2 long 640, 3 long 672, 4 full, 5 double */
	uint16_t stored;                 /* display characters, 0: not told */
	uint8_t lines, columns, scroll;  /* 0: not told */
	uint8_t profile[IE_TC_PROFILES]; /* profile indicator 1 … 10 without extension bits */
	bool dsaa2, dsc2;
	uint8_t control;  /* control codes 0 … 4 (7) */
	uint8_t charsets; /* bit 1 ISO 8859-1, 2 -15, 3 -9, 4 -7 */
	uint8_t blind[2];
	uint8_t nprofile; /* how many octets of group 4 came */
};
IE_DECLARE(terminal_cap);
/* What holds for a portable part that never sent one. */
extern const struct ie_terminal_cap ie_terminal_cap_default;
bool ie_tc_gap(const struct ie_terminal_cap *c);
bool ie_tc_wideband(const struct ie_terminal_cap *c); /* NG-DECT part 1 and a long slot */
bool ie_tc_part3(const struct ie_terminal_cap *c);    /* NG-DECT part 3: call information, events */
bool ie_tc_part5(const struct ie_terminal_cap *c);
bool ie_tc_rekeying(const struct ie_terminal_cap *c); /* re-keying and early encryption */

enum { IE_C_G726 = 2, IE_C_G722 = 3, IE_C_PCMA = 4, IE_C_PCMU = 5, IE_C_G7291 = 6 };
enum {
	IE_SLOT_HALF = 0,
	IE_SLOT_LONG640 = 1,
	IE_SLOT_LONG672 = 2,
	IE_SLOT_FULL = 4,
	IE_SLOT_DOUBLE = 5
};
struct ie_codec {
	uint8_t codec, service; /* MAC/DLC service 0 … 5 */
	uint8_t cplane, slot;
};
struct ie_codec_list {
	bool negotiable;
	unsigned n;
	struct ie_codec c[8];
};
IE_DECLARE(codec_list);
/* Chooses by the order of `theirs` among `ours` (codec and slot equal); the chosen one first, then the others that
 * both have. false: none in common, *out is G.726 on a full slot. */
bool ie_codec_choose(const struct ie_codec_list *theirs, const struct ie_codec_list *ours,
    struct ie_codec_list *out);
void ie_codec_narrow(struct ie_codec_list *out); /* G.726 only */
void ie_codec_wide(struct ie_codec_list *out);   /* G.722, G.726 */

/* ---- calls ---- */

struct ie_basic_service {
	uint8_t
	    cls; /* 8 normal, 9 internal, A emergency, B service, C external handover, 2 list access … */
	uint8_t service; /* 0 speech, 8 wideband speech, F other … */
};
IE_DECLARE(basic_service);

struct ie_number { /* Calling party number, Called party number */
	uint8_t type, plan;
	bool has_present;
	uint8_t present; /* 0 allowed, 1 restricted, 2 not available */
	uint8_t screen;
	struct slice number;
};
IE_DECLARE(number); /* of: Calling party number; put: likewise */
int ie_called_number_of(const struct nwk_msg *m, struct ie_number *out) MUST_CHECK;
void ie_called_number_put(struct wr *w, const struct ie_number *in);

struct ie_calling_name {
	uint8_t present, screen;
	uint8_t alphabet; /* 0 DECT, 1 UTF-8, 7 network specific */
	struct slice name;
};
IE_DECLARE(calling_name);

struct ie_called_name {
	uint8_t alphabet, screen;
	struct slice family, first;
};
IE_DECLARE(called_name);

struct ie_progress {
	uint8_t location, description; /* 1 private network; 8 in-band, 9 not */
};
IE_DECLARE(progress);

struct ie_service_change {
	bool master; /* true: the receiver's side */
	uint8_t mode;
	uint8_t ext;  /* octet 3a, mode E, F */
	uint8_t attr; /* octet 4 of suspend and resume; 0: not there */
};
IE_DECLARE(service_change);

struct ie_call_attr {
	uint8_t cplane, routing, lu, lu_back, uplane, fu;
};
IE_DECLARE(call_attr);

struct
    ie_conn_attr { /* symmetric connections and more: the octets as they stand beyond the first */
	uint8_t type, conn;
	struct slice rest;
};
IE_DECLARE(conn_attr);

struct ie_iwu_attr { /* the octets as they stand beyond the coding */
	uint8_t coding, cap;
	struct slice rest;
};
IE_DECLARE(iwu_attr);

struct ie_call_identity {
	uint8_t pd, tv;
	bool f;
};
IE_DECLARE(call_identity);

struct ie_conn_identity {
	unsigned n;
	struct {
		uint8_t uplane, conn;
	} v[4];
};
IE_DECLARE(conn_identity);

/* Feature activate / Feature indicate. */
struct ie_feature {
	uint8_t feature;
	bool has_param;
	uint8_t param;
	uint8_t
	    status; /* indicate only: 0 rejected, 1 activated, 3 pending, 4 busy, 6 unobtainable */
	struct slice rest;
};
IE_DECLARE(feature); /* activate */
int ie_feature_indicate_of(const struct nwk_msg *m, struct ie_feature *out) MUST_CHECK;
void ie_feature_indicate_put(struct wr *w, const struct ie_feature *in);

struct ie_network_param {
	uint8_t type;
	struct slice data;
};
IE_DECLARE(network_param);

struct ie_called_subaddr {
	uint8_t type;
	bool odd;
	struct slice digits;
};
IE_DECLARE(called_subaddr);

struct ie_segmented {
	bool first;
	uint8_t left; /* segments that remain, the following one included */
	uint8_t id;
};
IE_DECLARE(segmented);

/* ---- events, texts, proprietary ---- */

enum { IE_T_CURRENT = 0, IE_T_DURATION = 1, IE_T_REQUEST = 4, IE_T_NONE = 5 };
struct ie_time_date {
	bool has_time, has_date;
	uint8_t kind;                                   /* IE_T_* */
	uint8_t year, month, day, hour, minute, second; /* two digits each: year 26 */
	int8_t zone;                                    /* quarters of an hour east of Greenwich */
};
IE_DECLARE(time_date);

#define IE_EVENTS_MAX 8
enum {
	IE_EV_MESSAGE_WAITING = 0,
	IE_EV_MISSED_CALL = 1,
	IE_EV_WEB = 2,
	IE_EV_LIST_CHANGE = 3,
	IE_EV_SOFTWARE = 4,
	IE_EV_LINE_USE = 5,
	IE_EV_HANDSET_USE = 6,
	IE_EV_DIAGNOSTIC = 7,
	IE_EV_SMS = 8,
};
struct ie_event {
	bool proprietary; /* then data is EMC, length, octets */
	uint8_t type;
	bool has_subtype;
	uint16_t subtype;
	uint16_t count; /* multiplicity */
	struct slice data;
};
struct ie_events {
	unsigned n;
	struct ie_event e[IE_EVENTS_MAX];
};
IE_DECLARE(events);

#define IE_CALL_INFO_MAX 10
enum { IE_CI_LINE = 0, IE_CI_CALL = 1, IE_CI_STATUS = 2, IE_CI_SERVICE = 3 };
struct ie_call_info {
	unsigned n;
	struct ie_ci {
		uint8_t type, subtype;
		bool has_value; /* line, subtype 4 (all lines) has none */
		uint16_t value; /* 7 bits an octet */
	} g[IE_CALL_INFO_MAX];
};
IE_DECLARE(call_info);
/* Value of a group; -1: not there. */
int ie_call_info_get(const struct ie_call_info *c, uint8_t type, uint8_t subtype);
void ie_call_info_add(
    struct ie_call_info *c, uint8_t type, uint8_t subtype, int value); /* -1: none */

struct ie_iwu {
	bool reject;  /* S/R = 0 */
	uint8_t disc; /* 0 user specific, 3 list access, 4 IA5, 6 SUOTA, 3F unknown */
	struct slice data;
};
IE_DECLARE(iwu);

struct ie_escape {
	bool has_emc;
	uint16_t emc;
	struct slice data;
};
IE_DECLARE(escape); /* of: the first; ie_escape_nth for others */
int ie_escape_nth(const struct nwk_msg *m, unsigned nth, struct ie_escape *out) MUST_CHECK;

struct ie_alphanumeric {
	uint8_t type; /* 1 8-bit, 2 4-bit */
	bool odd;
	uint8_t set;
	struct slice data;
};
IE_DECLARE(alphanumeric);

struct ie_list_change {
	uint8_t list;
	struct slice data;
};
IE_DECLARE(list_change);

/* Whether the value of an element can be understood; unknown elements are fine. For nwk_check and fuzzing. */
int ie_value_check(uint8_t id, struct rd v) MUST_CHECK;
#endif
