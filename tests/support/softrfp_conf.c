/* What the server says to a base after the hand-shake: configuration, passwords, LEDs, time, restarts (rfp-link 5, 6). */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/softrfp_priv.h"

/* Messages of the burst, in the order of a real manager; others may come between. */
static const uint16_t burst_types[] = { RFP_SYS_OMM_CONTROL, RFP_SYS_IP_OPTIONS,
	RFP_SYS_HEARTBEAT_INTERVAL, RFP_SYS_STREAM_INFO, RFP_SYS_LED, RFP_SYS_HTTP_SET,
	RFP_SYS_SYSLOG, RFP_SYS_AUDIO_LOG, RFP_SYS_CORE_DUMP, RFP_SYS_PASSWD };

static void took(struct softrfp *b, uint16_t type)
{
	for (unsigned i = 0; i < ARRAY_LEN(burst_types); i++)
		if (burst_types[i] == type) {
			if (b->burst >> (i + 1) && !(b->burst & 1u << i))
				sr_violation(b, "rfp-link 5",
				    "%04x comes after later ones of the burst", type);
			b->burst |= 1u << i;
		}
}

static void text(struct softrfp *b, const char *what, const char *s, size_t cap)
{
	if (!memchr(s, 0, cap))
		sr_violation(b, "rfp-link 5.3", "%s is not terminated", what);
}

static void set_passwd(struct softrfp *b, const struct rfp_msg *m)
{
	if (m->len != 0x108)
		sr_violation(b, "rfp-link 5.3", "SYS_PASSWD of %u octets", m->len);
	text(b, "root user", m->u.passwd.root, sizeof(m->u.passwd.root));
	text(b, "root hash", m->u.passwd.root_hash, sizeof(m->u.passwd.root_hash));
	if (strnlen(m->u.passwd.root_hash, 65) != SR_HASH_LEN) {
		sr_violation(b, "rfp-link 5.3", "root hash is not of %d characters", SR_HASH_LEN);
		return;
	}
	memcpy(b->root_hash, m->u.passwd.root_hash, SR_HASH_LEN);
	b->root_hash[SR_HASH_LEN] = '\0';
	sr_store(b);
}

static void licence(struct softrfp *b, const struct rfp_msg *m)
{
	struct rfp_msg a = *m;

	if (!(m->u.licence.minutes & 0x80000000u))
		return; /* set */
	a.u.licence.minutes = 65535;
	sr_send(b, &a);
}

static void rping(struct softrfp *b, const struct rfp_msg *m)
{
	struct rfp_msg a = *m;

	a.u.rping.rtt = 1;
	sr_send(b, &a);
}

static void reset(struct softrfp *b, const struct rfp_msg *m)
{
	struct rfp_msg a = { .type = RFP_ACK, .len = 4 };

	a.u.ack.what = RFP_SYS_RESET;
	sr_send(b, &a);
	air_event(b->air, "%s reset %u", b->who, m->u.reset.action);
	switch (m->u.reset.action) {
	case 2:
	case 5:
		sr_reboot(b, "reset by the server");
		break;
	case 6:
	case 7:
	case 8:
		break;
	default:
		sr_violation(b, "rfp-link 5.3", "SYS_RESET action %u", m->u.reset.action);
	}
}

static void set_led(struct softrfp *b, const struct rfp_msg *m)
{
	if (m->u.led.id > 3) {
		sr_violation(b, "rfp-link 5.3", "LED %u", m->u.led.id);
		return;
	}
	/* 9 for LED 0 is what a real manager sends. */
	if (m->u.led.colour > 7 && !(m->u.led.id == 0 && m->u.led.colour == 9))
		sr_violation(b, "rfp-link 5.3", "LED colour %u", m->u.led.colour);
	if (b->led[m->u.led.id] != m->u.led.colour)
		air_event(b->air, "%s led %u %u", b->who, m->u.led.id, m->u.led.colour);
	b->led[m->u.led.id] = m->u.led.colour;
}

static void time_answer(struct softrfp *b, const struct rfp_msg *m)
{
	struct timespec now;
	int64_t diff;

	clock_gettime(CLOCK_REALTIME, &now);
	diff = (int64_t)m->u.time.t2 - SR_NTP_1970 - now.tv_sec;
	if (diff < -5 || diff > 5)
		sr_violation(b, "rfp-link 5.2", "server time differs by %lld s", (long long)diff);
	if (m->u.time.t1 == 0)
		sr_violation(b, "rfp-link 5.2", "time answer without echo");
}

void sr_sealed(struct softrfp *b, const struct rfp_msg *m)
{
	took(b, m->type);
	switch (m->type) {
	case RFP_SYS_HEARTBEAT_INTERVAL:
		if (m->u.interval.s == 0) {
			sr_violation(b, "rfp-link 5.1", "heartbeat interval 0");
			break;
		}
		b->beat_s = m->u.interval.s;
		tmr_start(&b->beat, b->beat_s * 1000ull + 15);
		break;
	case RFP_SYS_LED:
		set_led(b, m);
		break;
	case RFP_SYS_PASSWD:
		set_passwd(b, m);
		break;
	case RFP_SYS_VSNTP_TIME:
		time_answer(b, m);
		break;
	case RFP_SYS_RPING:
		rping(b, m);
		break;
	case RFP_SYS_LICENSE_TIMER:
		licence(b, m);
		break;
	case RFP_SYS_RESET:
		reset(b, m);
		break;
	case RFP_SYS_IP_OPTIONS:
		if (m->u.ip.ttl == 0)
			sr_violation(b, "rfp-link 5", "TTL 0");
		break;
	case RFP_SYS_RANDOM_VALUE:
		if (b->conf.old)
			sr_violation(b, "rfp-link 5", "SYS_RANDOM_VALUE to firmware 7.1");
		break;
	case RFP_SYS_OMM_CONTROL:
	case RFP_SYS_STREAM_INFO:
	case RFP_SYS_HTTP_SET:
	case RFP_SYS_SYSLOG:
	case RFP_SYS_AUDIO_LOG:
	case RFP_SYS_CORE_DUMP:
	case RFP_SYS_MAX_CHANNELS:
	case RFP_SYS_FIRMWARE_UPDATE:
	case RFP_SNMP_UPDATE:
	case RFP_ACK:
		break;
	case RFP_SYNC:
		sr_sync_input(b, m);
		break;
	case RFP_DNM:
		if (m->layer == RFP_L_RFPC)
			sr_radio_input(b, m);
		else
			sr_mac_input(b, m);
		break;
	default:
		if (m->type >> 8 == 0x02)
			sr_media_input(b, m);
		else
			sr_violation(b, "rfp-link 6", "%04x is not for a base", m->type);
	}
}

/* Some time after the ACK the radio processor reports, whatever came until then. */

void sr_burst_check(struct softrfp *b)
{
	for (unsigned i = 0; i < ARRAY_LEN(burst_types); i++)
		if (!(b->burst & 1u << i))
			sr_violation(b, "rfp-link 5", "no %04x in the burst", burst_types[i]);
}
