#ifndef SIPD_SDP_H
#define SIPD_SDP_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/wr.h"

/* Session descriptions (RFC 8866, RFC 4566) as far as telephony needs them. The parser is pure: slices of the input,
 * numbers with stated maxima, unknown lines and attributes skipped. LYNC: the tolerances of MS-SDPEXT (blanks around
 * attribute values, LF line ends, a stub without v=) are in it. */
#define SDP_MAX        16384 /* octets of one description */
#define SDP_MEDIA_MAX  8
#define SDP_FMT_MAX    32
#define SDP_CRYPTO_MAX 8
#define SDP_CAND_MAX   40
#define SDP_NAME_MAX   64

enum sdp_dir { SDP_SENDRECV = 0, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };

/* A numeric transport address; ip in network order, port in host order. n: 4, 16, or 0 where there is none. */
struct sdp_addr {
	uint8_t ip[16];
	uint8_t n;
	uint16_t port;
};

struct sdp_fmt {
	uint8_t pt;
	struct slice name; /* of rtpmap; empty: none given */
	uint32_t rate, channels;
	struct slice fmtp;
};

struct sdp_media {
	struct slice kind;  /* "audio", "video", … */
	struct slice proto; /* "RTP/AVP", "RTP/SAVP", "TCP/RTP/SAVP", … */
	struct slice fmts;  /* the list as written */
	uint16_t port;      /* 0: refused */
	struct sdp_fmt fmt[SDP_FMT_MAX];
	size_t nfmt;
	struct sdp_addr rtp;  /* n = 0: no usable c= line */
	struct sdp_addr rtcp; /* RFC 3605, or RTP's port + 1 */
	enum sdp_dir dir;
	uint32_t ptime, maxptime; /* ms; 0: absent */
	bool rtcp_mux, ice_mismatch;
	struct slice crypto[SDP_CRYPTO_MAX]; /* values of a=crypto */
	size_t ncrypto;
	struct slice encryption; /* LYNC: a=encryption */
	struct slice ice_ufrag, ice_pwd;
	struct slice cand[SDP_CAND_MAX]; /* values of a=candidate */
	size_t ncand;
	struct slice remote_candidates, label, bypass_id;
	struct slice remote_candidate; /* LYNC: a=remote-candidate of ICE draft 6 */
	struct slice raw;              /* the section from its m= line on */
};

struct sdp {
	struct slice origin_user, sess_id, sess_version;
	struct sdp_addr origin, conn;
	enum sdp_dir dir;
	struct slice ice_ufrag, ice_pwd;
	bool ice_lite;
	struct slice raw;
	size_t nmedia;
	struct sdp_media
	    media[SDP_MEDIA_MAX]; /* the first nmedia; [0] is empty where there is none */
};

/* ERR_SYNTAX: no description. ERR_LIMIT: too long or more m= sections than SDP_MEDIA_MAX. Formats, keys and candidates
 * beyond their maxima are dropped: the first ones are the preferred ones. */
int sdp_parse(struct sdp *sdp, struct slice in) MUST_CHECK;
/* The first section of a kind with a port; NULL where there is none. */
const struct sdp_media *sdp_first(const struct sdp *sdp, const char *kind);
/* Equal but for the o= line: what "ignore SDP version" compares. */
bool sdp_same(struct slice a, struct slice b);
/* RFC 3264 6.1: what the answerer writes when the offerer wrote d. */
enum sdp_dir sdp_dir_mirror(enum sdp_dir d);
const char *sdp_dir_name(enum sdp_dir d);

/* Numeric only; ERR_UNSUPP for a host name. */
int sdp_addr_parse(struct sdp_addr *a, struct slice text) MUST_CHECK;
void sdp_addr_wr(struct wr *w, const struct sdp_addr *a); /* the address without the port */
bool sdp_addr_eq(const struct sdp_addr *a, const struct sdp_addr *b);
bool sdp_addr_any(const struct sdp_addr *a); /* 0.0.0.0 or ::, the hold of RFC 2543 */
#endif
