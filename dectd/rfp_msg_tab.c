/* Every message of the base-station link whose layout is known, field by field (rfp-link 4-10), and the names of the
 * rest. */
#include "dectd/rfp_msg_tab.h"

#include "common/mem.h"

/* clang-format off */
#define AT(m)        (uint16_t)offsetof(struct rfp_msg, u.m)
#define U8(m)        { FK_U8, false, 1, AT(m), #m }
#define BE16(m)      { FK_BE16, false, 2, AT(m), #m }
#define LE16(m)      { FK_LE16, false, 2, AT(m), #m }
#define BE32(m)      { FK_BE32, false, 4, AT(m), #m }
#define LE32(m)      { FK_LE32, false, 4, AT(m), #m }
#define PMID(m)      { FK_PMID, false, 3, AT(m), #m }
#define BYTES(m, n)  { FK_BYTES, false, n, AT(m), #m }
#define KEY(m, n)    { FK_BYTES, true, n, AT(m), #m }
#define TEXT(m, n)   { FK_TEXT, false, n, AT(m), #m }
#define STEXT(m, n)  { FK_TEXT, true, n, AT(m), #m }
#define PAD(n)       { FK_PAD, false, n, 0, NULL }
#define OPT          { FK_OPT, false, 0, 0, NULL }
#define LSLICE(m)    { FK_LSLICE, false, 0, AT(m), #m }
#define REST(m)      { FK_REST, false, 0, AT(m), #m }
#define SREST(m)     { FK_REST, true, 0, AT(m), #m }
#define ZTEXT(m)     { FK_ZTEXT, false, 0, AT(m), #m }
#define CODECS(m)    { FK_CODECS, false, 48, AT(m), #m }

#define FIELDS(name, ...) static const struct rfp_field f_##name[] = { __VA_ARGS__ }

FIELDS(ack, BE16(ack.what), LE16(ack.call), OPT, BYTES(ack.more, 4));
FIELDS(nack, BE16(nack.what), LE16(nack.call), BE32(nack.reason));
FIELDS(heartbeat, LE32(heartbeat.ms), LE32(heartbeat.second));
FIELDS(ip, U8(ip.voice_tos), U8(ip.sig_tos), U8(ip.ttl), U8(ip.sig_prio), U8(ip.voice_prio), PAD(3));
FIELDS(led, U8(led.id), U8(led.colour), PAD(2));
FIELDS(interval, U8(interval.s), PAD(3));
FIELDS(target, BYTES(target.ip, 16), BE16(target.port), PAD(2));
FIELDS(channels, U8(channels.dsp), U8(channels.sessions), PAD(2));
FIELDS(passwd, U8(passwd.remote), PAD(1), TEXT(passwd.root, 65), STEXT(passwd.root_hash, 65),
	TEXT(passwd.admin, 65), STEXT(passwd.admin_hash, 65), PAD(2));
FIELDS(four, OPT, BYTES(four.octets, 4));
FIELDS(rping, BYTES(rping.ip, 16), BE32(rping.rtt), BYTES(rping.opaque, 4));
FIELDS(u8, U8(u8.v));
FIELDS(audio_log, BYTES(audio_log.ip, 16));
FIELDS(url, ZTEXT(url.text));
FIELDS(time, BE32(time.t1), BE32(time.t1_frac), BE32(time.t2), BE32(time.t2_frac));
FIELDS(init, BE32(init.model), BE32(init.base), BYTES(init.mac, 6), PAD(6), BE32(init.caps), BYTES(init.block, 64),
	BE32(init.protocol), REST(init.rest));
FIELDS(reset, U8(reset.action), PAD(3));
FIELDS(key, KEY(key.octets, 64));
FIELDS(re_enrol, KEY(re_enrol.wrapped, 64), BYTES(re_enrol.hash, 32));
FIELDS(raw, REST(raw.rest));
FIELDS(auth, BYTES(auth.octets, 32));
FIELDS(licence, BE32(licence.minutes), BYTES(licence.md5, 16));
FIELDS(m_open, LE16(m_open.handle), U8(m_open.codec), U8(m_open.slots), LE32(m_open.flags));
FIELDS(m_conf, LE16(m_conf.handle), PAD(2), U8(m_conf.vif), U8(m_conf.vad), U8(m_conf.ncodecs), CODECS(m_conf.codec),
	U8(m_conf.dtmf_tx), U8(m_conf.dtmf_rx), PAD(1), U8(m_conf.mcei), PAD(1), LE16(m_conf.ppn),
	BYTES(m_conf.opaque, 4), BE16(m_conf.rtp), BE16(m_conf.rtcp), PAD(2), BYTES(m_conf.rx_ip, 4),
	BE16(m_conf.rx_rtp), BE16(m_conf.rx_rtcp), BYTES(m_conf.tx_ip, 4), BE16(m_conf.tx_rtp), BE16(m_conf.tx_rtcp),
	BYTES(m_conf.tail, 76));
FIELDS(m, LE16(m.handle), PAD(2));
FIELDS(m_start, LE16(m_start.handle), U8(m_start.dir), PAD(1), LE32(m_start.time), U8(m_start.keep_alive), PAD(3));
FIELDS(m_stop, LE16(m_start.handle), U8(m_start.dir), PAD(1));
FIELDS(m_stats, LE16(m_stats.handle), PAD(2), LE32(m_stats.seconds), LE32(m_stats.tx_packets),
	LE32(m_stats.tx_octets), LE32(m_stats.rx_packets), LE32(m_stats.rx_octets), LE32(m_stats.lost),
	LE32(m_stats.jitter_us), BYTES(m_stats.peer, 4));
FIELDS(m_redirect, LE16(m_redirect.handle), PAD(2), BE16(m_redirect.local1), BE16(m_redirect.local2),
	BYTES(m_redirect.ip, 4), BE16(m_redirect.remote1), BE16(m_redirect.remote2), LE32(m_redirect.time));
FIELDS(m_u8, LE16(m_u8.handle), U8(m_u8.v), PAD(1));
FIELDS(m_dtmf, LE16(m_dtmf.handle), LE16(m_dtmf.ms), U8(m_dtmf.key), U8(m_dtmf.dir));
FIELDS(m_tone, LE16(m_tone.handle), U8(m_tone.dir), U8(m_tone.count), LE32(m_tone.offset), REST(m_tone.entries));
FIELDS(snmp, BYTES(snmp.sink, 4), TEXT(snmp.contact, 81), TEXT(snmp.location, 81), TEXT(snmp.name, 81),
	STEXT(snmp.read, 41), STEXT(snmp.trap, 41), U8(snmp.traps), PAD(2));
FIELDS(rfpc, REST(rfpc.items));
FIELDS(con, U8(con.mcei), PMID(con.pmid), U8(con.flags), U8(con.one));
FIELDS(mcei, U8(mcei.mcei));
FIELDS(mcei_opt, U8(mcei.mcei), OPT, U8(mcei.v));
FIELDS(mcei_v, U8(mcei.mcei), U8(mcei.v));
FIELDS(lc, U8(lc.mcei), U8(lc.chan), LSLICE(lc.frame));
FIELDS(page, LSLICE(page.page));
FIELDS(enc_key, U8(enc_key.mcei), KEY(enc_key.key, 8), U8(enc_key.id));
FIELDS(eks, U8(eks.mcei), U8(eks.kind), OPT, U8(eks.id), BE16(eks.ppn));
FIELDS(ho_res, U8(ho_res.mcei), U8(ho_res.zero), KEY(ho_res.key, 8), U8(ho_res.ciphered), U8(ho_res.id));
FIELDS(info, U8(info.mcei), PMID(info.pmid), U8(info.v), ZTEXT(info.text));
FIELDS(pmid, PMID(pmid.pmid));
FIELDS(early, REST(early.body));
FIELDS(early_key, SREST(early.body));
FIELDS(sync, REST(sync.data)); /* its length octet belongs to the header: rfp_msg.c */

#define SYS(num, f)        { num, 0, &#num[4], f_##f, ARRAY_LEN(f_##f) }
#define NAMED(num, nm, f)  { num, 0, nm, f_##f, ARRAY_LEN(f_##f) }
#define RFPC(num)          { RFP_DNM, RFP_L_RFPC << 8 | (num), #num, f_rfpc, ARRAY_LEN(f_rfpc) }
#define MAC(num, nm, f)    { RFP_DNM, RFP_L_MAC << 8 | (num), nm, f_##f, ARRAY_LEN(f_##f) }
#define LC(num, nm, f)     { RFP_DNM, RFP_L_LC << 8 | (num), nm, f_##f, ARRAY_LEN(f_##f) }
#define SYNC(num)          { RFP_SYNC, num, #num, f_sync, ARRAY_LEN(f_sync) }

const struct rfp_kind rfp_kinds[] = {
	SYS(RFP_ACK, ack),
	SYS(RFP_NACK, nack),
	SYS(RFP_HEARTBEAT, heartbeat),
	SYS(RFP_SYS_IP_OPTIONS, ip),
	SYS(RFP_SYS_LED, led),
	SYS(RFP_SYS_HEARTBEAT_INTERVAL, interval),
	SYS(RFP_SYS_SYSLOG, target),
	SYS(RFP_SYS_MAX_CHANNELS, channels),
	SYS(RFP_SYS_HTTP_SET, target),
	SYS(RFP_SYS_PASSWD, passwd),
	SYS(RFP_SYS_OMM_CONTROL, four),
	SYS(RFP_SYS_RPING, rping),
	SYS(RFP_SYS_NEW_SW, u8),
	SYS(RFP_SYS_AUDIO_LOG, audio_log),
	SYS(RFP_SYS_CORE_DUMP, url),
	SYS(RFP_SYS_VSNTP_TIME, time),
	SYS(RFP_SYS_RANDOM_VALUE, four),
	SYS(RFP_SYS_INIT, init),
	SYS(RFP_SYS_RESET, reset),
	SYS(RFP_SYS_STREAM_INFO, four),
	SYS(RFP_SYS_AUTH_KEY, key),
	SYS(RFP_SYS_RE_ENROLEMENT, re_enrol),
	{ RFP_SYS_ENCRYPTION_CONF, 0, "SYS_ENCRYPTION_CONF", NULL, 0 },
	SYS(RFP_SYS_FIRMWARE_UPDATE, raw),
	SYS(RFP_SYS_AUTHENTICATE, auth),
	SYS(RFP_SYS_LICENSE_TIMER, licence),
	SYS(RFP_MEDIA_OPEN, m_open),
	SYS(RFP_MEDIA_CONF, m_conf),
	SYS(RFP_MEDIA_CLOSE, m),
	SYS(RFP_MEDIA_START, m_start),
	SYS(RFP_MEDIA_STOP, m_stop),
	SYS(RFP_MEDIA_STATISTICS, m_stats),
	SYS(RFP_MEDIA_REDIRECT_START, m_redirect),
	SYS(RFP_MEDIA_REDIRECT_STOP, m_u8),
	SYS(RFP_MEDIA_RESTART, m_u8),
	SYS(RFP_MEDIA_DTMF, m_dtmf),
	SYS(RFP_MEDIA_DSP_CLOSE, m),
	SYS(RFP_MEDIA_TONE2, m_tone),
	SYS(RFP_MEDIA_EOS_DETECT, m),
	NAMED(RFP_SNMP_UPDATE, "SNMP_RFP_UPDATE", snmp),
	RFPC(RFPC_READY_IND),
	RFPC(RFPC_INIT_REQ),
	RFPC(RFPC_INIT_CFM),
	RFPC(RFPC_SARI_LIST_REQ),
	RFPC(RFPC_CHANGE_HLC_REQ),
	RFPC(RFPC_CHANGE_HLC_CFM),
	RFPC(RFPC_CHANGE_STATUS_REQ),
	RFPC(RFPC_CHANGE_STATUS_CFM),
	RFPC(RFPC_ACTIVATE_REQ),
	RFPC(RFPC_ACTIVATE_CFM),
	RFPC(RFPC_DEACTIVATE_REQ),
	RFPC(RFPC_DEACTIVATE_CFM),
	RFPC(RFPC_RESET_REQ),
	RFPC(RFPC_STATISTICS_REQ),
	RFPC(RFPC_STATISTICS_CFM),
	RFPC(RFPC_ERROR_IND),
	RFPC(RFPC_ACTIVE_IND),
	RFPC(RFPC_ACTIVE_RES),
	RFPC(RFPC_PAGE_OVERFLOW_IND),
	MAC(MACP_CON_IND, "MAC_CON_IND", con),
	MAC(MACP_DIS_REQ, "MAC_DIS_REQ", mcei),
	MAC(MACP_DIS_IND, "MAC_DIS_IND", mcei_opt),
	MAC(MACP_PAGE_REQ, "MAC_PAGE_REQ", page),
	MAC(MACP_ENC_KEY_REQ, "MAC_ENC_KEY_REQ", enc_key),
	MAC(MACP_ENC_EKS_IND, "MAC_ENC_EKS_IND", eks),
	MAC(MACP_HO_IND, "HO_IN_PROGRESS_IND", con),
	MAC(MACP_HO_RES, "HO_IN_PROGRESS_RES", ho_res),
	MAC(MACP_HO_FAILED_IND, "HO_FAILED_IND", mcei_v),
	MAC(MACP_INFO_IND, "MAC_INFO_IND", info),
	MAC(MACP_GET_DEF_CKEY_IND, "MAC_GET_DEF_CKEY_IND", early),
	MAC(MACP_GET_DEF_CKEY_RES, "MAC_GET_DEF_CKEY_RES", early_key),
	MAC(MACP_CLEAR_DEF_CKEY_REQ, "MAC_CLEAR_DEF_CKEY_REQ", pmid),
	LC(LCP_DATA_REQ, "LC_DATA_REQ", lc),
	LC(LCP_DATA_IND, "LC_DATA_IND", lc),
	LC(LCP_DTR_IND, "LC_DTR_IND", mcei_v),
	SYNC(SYNC_GET_REQ_RSSI_COMP_IND),
	SYNC(SYNC_GET_REQ_RSSI_COMP_CFM),
	SYNC(SYNC_FREQ_CTRL_MODE_IND),
	SYNC(SYNC_FREQ_CTRL_MODE_CFM),
	SYNC(SYNC_PHASE_OFFSET_IND),
	SYNC(SYNC_SET_FREQUENCY),
	SYNC(SYNC_SET_REPORT_LIMIT),
	SYNC(SYNC_RESET_MAC_IND),
	SYNC(SYNC_START_MAC_MASTER_IND),
	SYNC(SYNC_START_MAC_SLAVE_IND),
	SYNC(SYNC_SYSTEM_SEARCH_IND),
	SYNC(SYNC_SYSTEM_SEARCH_CFM),
	SYNC(SYNC_MAC_STARTED_IND),
	SYNC(SYNC_RESET_MAC_CFM),
	SYNC(SYNC_START_MAC_MASTER_CFM),
	SYNC(SYNC_START_MAC_MASTER_REJ),
	SYNC(SYNC_START_MAC_SLAVE_CFM),
	SYNC(SYNC_START_MAC_SLAVE_REJ),
	SYNC(SYNC_SYSTEM_SEARCH_REJ),
	SYNC(SYNC_READY_FOR_SYNC_IND),
	SYNC(SYNC_PHASE_OFS_WITH_RSSI_IND),
	SYNC(SYNC_READY_FOR_SYNC),
	SYNC(SYNC_STANDBY),
};
const unsigned rfp_nkinds = ARRAY_LEN(rfp_kinds);

/* Numbers known by name only (rfp-link 6). */
const struct rfp_word rfp_type_words[] = {
	{ 0x0103, "SYS_INFO" }, { 0x0104, "SYS_SPY" }, { 0x0106, "SYS_RSX" }, { 0x010b, "SYS_CRYPTED_PACKET" },
	{ 0x010d, "SYS_STATE_DUMP" }, { 0x010f, "SYS_STATE_DUMP_REQ" }, { 0x0110, "SYS_STATE_DUMP_RES" },
	{ 0x0113, "SYS_USB_OVERLOAD" }, { 0x0115, "SYS_SW_CONTAINER" }, { 0x0119, "SYS_UPDATE_802_1X_SUPPLICANT" },
	{ 0x0122, "SYS_SUPPLICANT_MD5" }, { 0x0128, "SYS_COUNTRY_TAG" }, { 0x0129, "SYS_PING" },
	{ 0x020c, "MEDIA_BANDWIDTH_SWO" }, { 0x020d, "MEDIA_MUTE" }, { 0x020e, "MEDIA_G729_USED" },
	{ 0x020f, "MEDIA_TRACE_PPN" }, { 0x0211, "MEDIA_AUDIO_STATISTICS" }, { 0x0212, "MEDIA_VIDEO_STATE" },
	{ 0x0213, "MEDIA_CHANNEL_MOD_INFO" }, { 0x0401, "WLAN_RFP_CONFIG" }, { 0x0402, "WLAN_RFP_UP" },
	{ 0x0403, "WLAN_RFP_DOWN" }, { 0x0404, "WLAN_RFP_CLIENT_REQ" }, { 0x0405, "WLAN_RFP_CLIENT_REP" },
	{ 0x0406, "WLAN_RFP_SET_ACL" }, { 0x0407, "WLAN_RFP_CLIENT_INFO" }, { 0x0408, "WLAN_RFP_ACK" },
	{ 0x0409, "WLAN_RFP_LINK_NOK_NACK" }, { 0x040e, "WLAN_RFP_IFACE_REP" }, { 0x0600, "CONF_OPEN" },
	{ 0x0601, "CONF_ADD_SUBSCR" }, { 0x0602, "CONF_CHG_SUBSCR" }, { 0x0603, "CONF_DEL_SUBSCR" },
	{ 0x0604, "CONF_CLOSE" }, { 0x0605, "CONF_RTP" }, { 0, NULL },
};

const struct rfp_word rfp_model_words[] = {
	{ 0x01, "RFP 31" }, { 0x02, "RFP 33" }, { 0x03, "RFP 41" }, { 0x04, "RFP 32" }, { 0x05, "RFP 32US" },
	{ 0x06, "RFP 34" }, { 0x07, "RFP 34US" }, { 0x08, "RFP 42" }, { 0x09, "RFP 42US" }, { 0x0b, "RFP 35" },
	{ 0x0c, "RFP 36" }, { 0x0d, "RFP 43" }, { 0x0e, "RFP 37" }, { 0x10, "RFP 44" }, { 0x11, "RFP 45" },
	{ 0x12, "RFP 47" }, { 0x13, "RFP 48" }, { 0x14, "PC-ECM" }, { 0x15, "PC" }, { 0x1001, "RFP L31" },
	{ 0x1002, "RFP L33" }, { 0x1003, "RFP L41" }, { 0x1005, "RFP L32US" }, { 0x1006, "RFP L34" },
	{ 0x1007, "RFP L34US" }, { 0x1008, "RFP L42" }, { 0x1009, "RFP L42US" }, { 0x100b, "RFP L35" },
	{ 0x100c, "RFP L36" }, { 0x100d, "RFP L43" }, { 0x100e, "RFP L37" }, { 0x200b, "RFP SL35" },
	{ 0x200c, "RFP SL36" }, { 0x200d, "RFP SL43" }, { 0x200e, "RFP SL37" }, { 0, NULL },
};
/* clang-format on */
