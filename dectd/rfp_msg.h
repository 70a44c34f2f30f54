#ifndef DECTD_RFP_MSG_H
#define DECTD_RFP_MSG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/rd.h"
#include "common/slice.h"
#include "common/wr.h"

/* Typed messages of the base-station link (rfp-link 4-10), both directions. One table (rfp_msg_tab.c) names every
 * message and its fields; parser, serialiser and dump walk it. Numbers are in host order here, whatever the wire
 * has; addresses stay octets. Borrowed parts (struct slice) point into the parsed message. */

enum rfp_type {
	RFP_ACK = 0x0001,
	RFP_NACK = 0x0002,
	RFP_HEARTBEAT = 0x0003,
	RFP_SYS_IP_OPTIONS = 0x0101,
	RFP_SYS_LED = 0x0102,
	RFP_SYS_HEARTBEAT_INTERVAL = 0x0105,
	RFP_SYS_SYSLOG = 0x0107,
	RFP_SYS_MAX_CHANNELS = 0x0108,
	RFP_SYS_HTTP_SET = 0x0109,
	RFP_SYS_PASSWD = 0x010a,
	RFP_SYS_OMM_CONTROL = 0x010c,
	RFP_SYS_RPING = 0x010e,
	RFP_SYS_NEW_SW = 0x0111,
	RFP_SYS_AUDIO_LOG = 0x0112,
	RFP_SYS_CORE_DUMP = 0x0116,
	RFP_SYS_VSNTP_TIME = 0x0117,
	RFP_SYS_RANDOM_VALUE = 0x0118,
	RFP_SYS_INIT = 0x0120,
	RFP_SYS_RESET = 0x0121,
	RFP_SYS_STREAM_INFO = 0x0123,
	RFP_SYS_AUTH_KEY = 0x0124,
	RFP_SYS_RE_ENROLEMENT = 0x0125,
	RFP_SYS_ENCRYPTION_CONF = 0x0126,
	RFP_SYS_FIRMWARE_UPDATE = 0x0127,
	RFP_SYS_AUTHENTICATE = 0x012d,
	RFP_SYS_LICENSE_TIMER = 0x0134,
	RFP_MEDIA_OPEN = 0x0200,
	RFP_MEDIA_CONF = 0x0201,
	RFP_MEDIA_CLOSE = 0x0202,
	RFP_MEDIA_START = 0x0203,
	RFP_MEDIA_STOP = 0x0204,
	RFP_MEDIA_STATISTICS = 0x0205,
	RFP_MEDIA_REDIRECT_START = 0x0206,
	RFP_MEDIA_REDIRECT_STOP = 0x0207,
	RFP_MEDIA_RESTART = 0x0208,
	RFP_MEDIA_DTMF = 0x0209,
	RFP_MEDIA_DSP_CLOSE = 0x020a,
	RFP_MEDIA_TONE2 = 0x020b,
	RFP_MEDIA_EOS_DETECT = 0x0210,
	RFP_DNM = 0x0301,
	RFP_SYNC = 0x0302,
	RFP_SNMP_UPDATE = 0x0501,
};

enum rfp_layer {
	RFP_L_RFPC = 0x78,
	RFP_L_LC = 0x79,
	RFP_L_MAC = 0x7a,
	RFP_L_MT = 0x7c,
	RFP_L_SYNC = 0x7d
};

enum rfpc_prim {
	RFPC_READY_IND = 0x01,
	RFPC_INIT_REQ = 0x02,
	RFPC_INIT_CFM = 0x03,
	RFPC_SARI_LIST_REQ = 0x05,
	RFPC_CHANGE_HLC_REQ = 0x06,
	RFPC_CHANGE_HLC_CFM = 0x07,
	RFPC_CHANGE_STATUS_REQ = 0x08,
	RFPC_CHANGE_STATUS_CFM = 0x09,
	RFPC_ACTIVATE_REQ = 0x0f,
	RFPC_ACTIVATE_CFM = 0x10,
	RFPC_DEACTIVATE_REQ = 0x11,
	RFPC_DEACTIVATE_CFM = 0x12,
	RFPC_RESET_REQ = 0x13,
	RFPC_STATISTICS_REQ = 0x16,
	RFPC_STATISTICS_CFM = 0x17,
	RFPC_ERROR_IND = 0x18,
	RFPC_ACTIVE_IND = 0x30,
	RFPC_ACTIVE_RES = 0x31,
	RFPC_PAGE_OVERFLOW_IND = 0x32,
};

enum rfpc_item {
	RFPC_I_NUMBER_OF_UPN = 0x01,
	RFPC_I_REVISION = 0x02,
	RFPC_I_NUMBER_OF_BEARER = 0x03,
	RFPC_I_RFPI = 0x04,
	RFPC_I_SARI = 0x05,
	RFPC_I_HIGHER_CAPS = 0x06,
	RFPC_I_EXT_CAPS = 0x07,
	RFPC_I_STATUS_INFO = 0x08,
	RFPC_I_MAC_CAPS = 0x0d,
	RFPC_I_STAT_RESET = 0x0f,
	RFPC_I_STAT_DATA = 0x10,
	RFPC_I_ERROR_CAUSE = 0x11,
	RFPC_I_FU6_WINDOW = 0x12,
	RFPC_I_SITE_LOCATION = 0x26,
	RFPC_I_PLI = 0x27,
	RFPC_I_REFLECTING = 0x28,
	RFPC_I_EXT_CAPS2 = 0x29,
	RFPC_I_FREQ_BAND = 0x2a,
	RFPC_I_RF_POWER = 0x2b,
};

enum mac_prim { /* layers MAC and LC */
	MACP_CON_IND = 0x01,
	MACP_DIS_REQ = 0x02,
	MACP_DIS_IND = 0x03,
	LCP_DATA_REQ = 0x05,
	LCP_DATA_IND = 0x06,
	LCP_DTR_IND = 0x07,
	MACP_PAGE_REQ = 0x08,
	MACP_ENC_KEY_REQ = 0x09,
	MACP_ENC_EKS_IND = 0x0a,
	MACP_HO_IND = 0x0b,
	MACP_HO_RES = 0x0c,
	MACP_HO_FAILED_IND = 0x0d,
	MACP_HO_FAILED_REQ = 0x0e,
	LCP_RFP_ERROR_IND = 0x14,
	MACP_INFO_IND = 0x1c,
	MACP_GET_DEF_CKEY_IND = 0x1d,
	MACP_GET_DEF_CKEY_RES = 0x1e,
	MACP_CLEAR_DEF_CKEY_REQ = 0x1f,
};

enum sync_type {
	SYNC_GET_REQ_RSSI_COMP_IND = 0x7d0e,
	SYNC_GET_REQ_RSSI_COMP_CFM = 0x7d0f,
	SYNC_FREQ_CTRL_MODE_IND = 0x7d15,
	SYNC_FREQ_CTRL_MODE_CFM = 0x7d16,
	SYNC_PHASE_OFFSET_IND = 0x7d17,
	SYNC_SET_FREQUENCY = 0x7d18,
	SYNC_SET_REPORT_LIMIT = 0x7d1a,
	SYNC_RESET_MAC_IND = 0x7d1b,
	SYNC_START_MAC_MASTER_IND = 0x7d1c,
	SYNC_START_MAC_SLAVE_IND = 0x7d1d,
	SYNC_SYSTEM_SEARCH_IND = 0x7d1e,
	SYNC_SYSTEM_SEARCH_CFM = 0x7d1f,
	SYNC_MAC_STARTED_IND = 0x7d20,
	SYNC_RESET_MAC_CFM = 0x7d21,
	SYNC_START_MAC_MASTER_CFM = 0x7d22,
	SYNC_START_MAC_MASTER_REJ = 0x7d23,
	SYNC_START_MAC_SLAVE_CFM = 0x7d24,
	SYNC_START_MAC_SLAVE_REJ = 0x7d25,
	SYNC_SYSTEM_SEARCH_REJ = 0x7d26,
	SYNC_READY_FOR_SYNC_IND = 0x7d27,
	SYNC_PHASE_OFS_WITH_RSSI_IND = 0x7d2c,
	SYNC_READY_FOR_SYNC = 0x7d32,
	SYNC_STANDBY = 0x7d33,
};

/* NACK reasons */
#define RFP_NACK_OK          0x04000000u
#define RFP_NACK_ELEMENT     0x04000001u
#define RFP_NACK_NO_RESOURCE 0x04000002u
#define RFP_NACK_STATE       0x04000003u
#define RFP_NACK_PARAM       0x04000004u
#define RFP_NACK_PORT        0x04000005u
#define RFP_NACK_CODEC       0x04000006u
#define RFP_NACK_VIDEO       0x04000007u

#define RFP_LED_INFO 1
#define RFP_LED_OMM  2
#define RFP_LED_DECT 3
enum rfp_colour {
	LED_OFF = 0,
	LED_GREEN = 1,
	LED_GREEN_FLASH = 2,
	LED_GREEN_ORANGE = 3,
	LED_RED = 5,
	LED_ORANGE = 6
};

#define RFP_RESET_REBOOT      2
#define RFP_RESET_CHECK_IMAGE 6 /* without reboot */

struct rfp_codec {
	uint8_t codec, pt, khz;
};

struct rfp_msg {
	uint16_t type;
	uint8_t layer, prim; /* DNM only */
	uint16_t sync;       /* SYNC only */
	/* Payload octets. Parsed: as received (a longer payload than documented is fine). To be built: 0 = all fields
	 * of the table; less leaves out trailing optional ones. */
	uint16_t len;
	union {
		struct {
			uint16_t what, call;
			uint8_t more[4];
		} ack;
		struct {
			uint16_t what, call;
			uint32_t reason;
		} nack;
		struct {
			uint32_t ms, second;
		} heartbeat;
		struct {
			uint8_t voice_tos, sig_tos, ttl, sig_prio, voice_prio;
		} ip;
		struct {
			uint8_t id, colour;
		} led;
		struct {
			uint8_t s;
		} interval;
		struct {
			uint8_t ip[16];
			uint16_t port;
		} target; /* SYSLOG, HTTP_SET */
		struct {
			uint8_t dsp, sessions;
		} channels;
		struct {
			uint8_t remote;
			char root[65], root_hash[65], admin[65], admin_hash[65];
		} passwd;
		struct {
			uint8_t octets[4];
		} four; /* OMM_CONTROL, STREAM_INFO, RANDOM_VALUE */
		struct {
			uint8_t ip[16];
			uint32_t rtt;
			uint8_t opaque[4];
		} rping;
		struct {
			uint8_t v;
		} u8; /* NEW_SW */
		struct {
			uint8_t ip[16];
		} audio_log;
		struct {
			struct slice text;
		} url; /* CORE_DUMP: up to the first NUL */
		struct {
			uint32_t t1, t1_frac, t2, t2_frac;
		} time;
		struct {
			uint32_t model, base;
			uint8_t mac[6];
			uint32_t caps;
			uint8_t block[64];
			uint32_t protocol;
			struct slice rest;
		} init; /* rest: see rfp_init_of() */
		struct {
			uint8_t action;
		} reset;
		struct {
			uint8_t octets[64];
		} key;
		struct {
			uint8_t wrapped[64], hash[32];
		} re_enrol;
		struct {
			struct slice rest;
		} raw;
		struct {
			uint8_t octets[32];
		} auth;
		struct {
			uint32_t minutes;
			uint8_t md5[16];
		} licence;
		struct {
			uint16_t handle;
			uint8_t codec, slots;
			uint32_t flags;
		} m_open;
		struct {
			uint16_t handle;
			uint8_t vif, vad, ncodecs;
			struct rfp_codec codec[16];
			uint8_t dtmf_tx, dtmf_rx;
			uint8_t mcei;
			uint16_t ppn;
			uint8_t opaque[4];
			uint16_t rtp, rtcp;
			uint8_t rx_ip[4];
			uint16_t rx_rtp, rx_rtcp;
			uint8_t tx_ip[4];
			uint16_t tx_rtp, tx_rtcp;
			uint8_t tail[76];
		} m_conf;
		struct {
			uint16_t handle;
		} m; /* CLOSE, DSP_CLOSE, EOS_DETECT */
		struct {
			uint16_t handle;
			uint8_t dir, keep_alive;
			uint32_t time;
		} m_start; /* STOP too, no time */
		struct {
			uint16_t handle;
			uint32_t seconds, tx_packets, tx_octets, rx_packets, rx_octets, lost,
			    jitter_us;
			uint8_t peer[4];
		} m_stats;
		struct {
			uint16_t handle;
			uint16_t local1, local2;
			uint8_t ip[4];
			uint16_t remote1, remote2;
			uint32_t time;
		} m_redirect;
		struct {
			uint16_t handle;
			uint8_t v;
		} m_u8; /* REDIRECT_STOP: fallback; RESTART: MCEI */
		struct {
			uint16_t handle, ms;
			uint8_t key, dir;
		} m_dtmf;
		struct {
			uint16_t handle;
			uint8_t dir, count;
			uint32_t offset;
			struct slice entries;
		} m_tone;
		struct {
			uint8_t sink[4];
			char contact[81], location[81], name[81], read[41], trap[41];
			uint8_t traps;
		} snmp;
		struct {
			struct slice items;
		} rfpc; /* see rfpc_next() */
		struct {
			uint8_t mcei;
			uint32_t pmid;
			uint8_t flags, one;
		} con; /* CON_IND, HO_IND */
		struct {
			uint8_t mcei, v;
		} mcei; /* DIS_REQ, DIS_IND (v: reason), DTR (v: buffer), HO_FAILED */
		struct {
			uint8_t mcei, chan;
			struct slice frame;
		} lc;
		struct {
			struct slice page;
		} page;
		struct {
			uint8_t mcei;
			uint8_t key[8];
			uint8_t id;
		} enc_key;
		struct {
			uint8_t mcei, kind, id;
			uint16_t ppn;
		} eks;
		struct {
			uint8_t mcei, zero;
			uint8_t key[8];
			uint8_t ciphered, id;
		} ho_res;
		struct {
			uint8_t mcei;
			uint32_t pmid;
			uint8_t v;
			struct slice text;
		} info;
		struct {
			uint32_t pmid;
		} pmid;
		struct {
			struct slice body;
		} early; /* GET_DEF_CKEY_IND, _RES: see rfp_early.h */
		struct {
			struct slice data;
		} sync; /* see sync_*_next() */
	} u;
};

/* A whole message, header included. Parts beyond the known fields are ignored. ERR_TRUNCATED: header or fields
 * missing; ERR_SYNTAX: header length and octets disagree, or an inner length does; ERR_UNSUPP: type (or layer and
 * primitive) that the table does not have: type, layer, prim, sync and len are set all the same. */
int rfp_msg_parse(struct slice msg, struct rfp_msg *out) MUST_CHECK;
/* A DNM payload alone (from the layer octet on). */
int rfp_dnm_parse(struct slice payload, struct rfp_msg *out) MUST_CHECK;
/* Whole message with header; ERR_LIMIT when w is too small or a slice does not fit its length octet; ERR_UNSUPP. */
int rfp_msg_build(const struct rfp_msg *m, struct wr *w) MUST_CHECK;
int rfp_dnm_build(const struct rfp_msg *m, struct wr *w) MUST_CHECK; /* from the layer octet on */
/* "MAC_CON_IND", "SYS_LED"; NULL: not in the table. */
const char *rfp_msg_name(const struct rfp_msg *m);
/* Name by number alone, for those without known layout too; NULL: not even that. */
const char *rfp_type_name(uint16_t type);
/* One line for logs and traces; keys and passwords are shown as "***". */
void rfp_msg_dump(const struct rfp_msg *m, struct wr *w);

/* ---- parts with an inner structure ---- */
struct rfp_init {
	uint32_t model, caps, protocol;
	uint8_t mac[6];
	struct slice version; /* up to its NUL */
	const uint8_t *block; /* 64 octets */
	const uint8_t *sig;   /* 16 octets */
};
/* ERR_SYNTAX for a length that no form has (F4, 104, 110: rfp-link 4.3). */
int rfp_init_of(const struct rfp_msg *m, struct rfp_init *out) MUST_CHECK;
const char *rfp_model_name(uint32_t model);    /* "RFP 35"; NULL: unknown */
unsigned rfp_model_generation(uint32_t model); /* 1-4; 0: unknown */
const char *rfp_nack_text(uint32_t reason);

/* Next item of RFPC items: 1, 0 at the end, ERR_TRUNCATED. */
int rfpc_next(struct rd *r, uint8_t *key, struct slice *value) MUST_CHECK;
void rfpc_put(struct wr *w, uint8_t key, const void *value, size_t n); /* n <= 255 */

struct sync_neighbour {
	uint16_t rpn;
	uint16_t rssi;
	int32_t offset_ns; /* PHASE_OFS only; a unit of the wire is 48 ns */
	uint8_t check;     /* QT sync check, PHASE_OFS only */
};
/* Lists of SYSTEM_SEARCH_CFM and PHASE_OFS_WITH_RSSI_IND: number of entries written (at most cap), or ERR_TRUNCATED. An
 * empty SYSTEM_SEARCH_CFM ("started") gives ERR_STATE. */
int sync_search_list(struct slice data, struct sync_neighbour *out, unsigned cap) MUST_CHECK;
int sync_phase_list(struct slice data, struct sync_neighbour *out, unsigned cap) MUST_CHECK;

struct rfp_statistics {          /* STATISTIC_DATA, little-endian on the wire */
	uint16_t connections[4]; /* times that 1-3, 4-6, 7-9, 10-12 bearers were busy */
	uint16_t dsp[4];
	uint16_t lost, mac_reset, reject_dummy, slow_handover;
	uint32_t bad_frames, good_frames;
};
int rfp_statistics_of(struct slice value, struct rfp_statistics *out) MUST_CHECK;
#endif
