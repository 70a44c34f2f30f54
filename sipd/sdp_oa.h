#ifndef SIPD_SDP_OA_H
#define SIPD_SDP_OA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/wr.h"
#include "sipd/codec.h"
#include "sipd/sdes.h"
#include "sipd/sdp.h"

/* Offer and answer (RFC 3264) of one audio stream: what we offer, what of an offer we take, which keys (RFC 4568).
 * Pure but for the keys, which come from the system's randomness. One struct oa lives as long as the dialog (with an
 * own one for each early dialog). */
enum oa_srtp { OA_SRTP_OFF = 0, OA_SRTP_OPTIONAL, OA_SRTP_REQUIRED };

#define OA_CODECS   8
#define OA_PAYLOADS 16
#define OA_KEYS     6 /* 3 suites, with and without MKI */

struct oa_conf {
	uint8_t codec[OA_CODECS]; /* enum codec, speech only, preferred first */
	size_t ncodec;
	enum oa_srtp srtp;
	uint8_t suite[3]; /* enum sdes_suite, preferred first */
	size_t nsuite;
	bool lifetime;       /* SDES offers say 2^31 */
	bool mki;            /* SDES offers have a line with MKI 1:1 before the one without */
	bool preferred;      /* answer with our order of codecs, not the offer's */
	bool single;         /* answer with one speech codec */
	bool ignore_version; /* compare the description itself, never the o= version */
	bool cn;             /* offer and accept comfort noise */
	bool ms;             /* LYNC: Microsoft's reading, see MS-SDPEXT */
	uint16_t ptime;      /* ms */
};

struct oa_payload {
	uint8_t codec, pt;
};

/* What was agreed, for mediad. */
struct oa_result {
	struct sdp_addr rtp, rtcp;
	bool rtcp_mux;
	struct oa_payload payload[OA_PAYLOADS]; /* the first speech codec is what we send */
	size_t npayload;
	uint32_t ptime;
	enum sdp_dir dir; /* ours: SENDONLY = we send only */
	bool held;        /* the far end holds us */
	struct sdes tx, rx;
	struct sdes rx_more[OA_KEYS]; /* unused while an answer has picked one */
	size_t nrx_more;
};

struct oa_line { /* an m= section must stay at its place for the dialog's life (RFC 3264 8) */
	char kind[16], proto[32], fmts[48];
};

struct oa {
	const struct oa_conf *conf; /* borrowed */
	struct sdp_addr rtp, rtcp;  /* our side, as mediad said */
	enum sdp_dir want;          /* SENDRECV; SENDONLY or INACTIVE: we hold */
	uint64_t sess_id, version;
	bool offered;     /* our offer waits for its answer */
	bool asked;       /* their offer waits for our answer */
	bool established; /* one exchange is complete */
	bool secure;
	struct sdes key[OA_KEYS]; /* of the offer that waits */
	size_t nkey;
	struct sdes tx; /* in use */
	struct oa_line line[SDP_MEDIA_MAX];
	size_t nline, audio;
	struct oa_result result, next; /* agreed; of the offer that waits */
	char *local, *remote;          /* last descriptions, NUL-terminated; NULL: none */
	/* Attribute lines of the audio section (candidates, ICE credentials), each ended with CRLF; owner: the caller. */
	struct slice extra;
	struct slice session_extra; /* the same for the part before the first section */
	uint32_t deny;              /* codecs that are not used now: bits of enum codec */
	bool tcp;                   /* LYNC: the default candidate is one by TCP */
	bool mux;                   /* RTCP is multiplexed (RFC 5761), which ICE's agent does */
};

void oa_init(struct oa *o, const struct oa_conf *conf);
void oa_fini(struct oa *o); /* wipes keys */
/* A copy for another early dialog of the same INVITE: the offer waits there, too. */
void oa_fork(struct oa *to, const struct oa *from);

/* Writes an offer. ERR_STATE: an offer is under way; ERR_VALUE: no local address; ERR_LIMIT. */
int oa_offer(struct oa *o, struct wr *w) MUST_CHECK;
/* The offer that waits was written again in other words. */
void oa_resay(struct oa *o, struct slice text);
/* The answer to our offer came: o->result is new. ERR_STATE: no offer waits; ERR_SYNTAX; ERR_UNSUPP: no common codec or
 * stream refused; ERR_DENIED: encryption does not match. On error the stream stays as it was. */
int oa_answered(struct oa *o, struct slice sdp) MUST_CHECK;
/* Our offer was refused or cancelled: things stay as they were. */
void oa_withdraw(struct oa *o);

/* An offer came: o->next says what we would agree to. Errors as above (answer 488). *same: nothing changed. */
int oa_asked(struct oa *o, struct slice sdp, bool *same) MUST_CHECK;
/* The speech codecs that the offer which came has in common with us; 0: no offer waits. */
size_t oa_common(const struct oa *o, uint8_t out[OA_PAYLOADS]);
/* From now on without these codecs (bits), in the answer that waits, too. ERR_UNSUPP: it has none left. */
int oa_deny(struct oa *o, uint32_t codecs) MUST_CHECK;
/* Writes our answer; o->result is what was agreed. The local address must be set. */
int oa_answer(struct oa *o, struct wr *w) MUST_CHECK;
/* The first speech codec of a result; CODEC_NONE. */
enum codec oa_codec(const struct oa_result *r);
/* Payload type of telephone-event, 0 where there is none. */
unsigned oa_event_pt(const struct oa_result *r);
#endif
