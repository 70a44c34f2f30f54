#ifndef SIPD_MEDIA_H
#define SIPD_MEDIA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"
#include "common/wr.h"
#include "sipd/sdp_oa.h"

/* Media sessions at the mediad instances, seen from calls: which instance, addresses, what each side is set to. A media
 * remembers what it was told, so that it can be made again on another instance when its own dies; whoever is attached
 * then hears MEDIA_MOVED and tells its far end the new address. */
enum media_side { MEDIA_NETWORK = 1, MEDIA_RADIO = 2 }; /* numbers of media.Side */
enum media_tone {                                       /* numbers of media.ToneKind */
	MEDIA_TONE_OFF,
	MEDIA_TONE_DIAL,
	MEDIA_TONE_RINGBACK,
	MEDIA_TONE_BUSY,
	MEDIA_TONE_CONGESTION,
	MEDIA_TONE_WAITING,
	MEDIA_TONE_UNOBTAINABLE,
	MEDIA_TONE_CONFIRM
};
enum media_event {
	MEDIA_READY,   /* addresses are known */
	MEDIA_FAILED,  /* could not be made (value: error); last event */
	MEDIA_MOVED,   /* on another instance now: addresses are new */
	MEDIA_LOST,    /* its instance died and no other could take it; last event */
	MEDIA_DTMF,    /* digit */
	MEDIA_SILENT,  /* side: nothing arrives for the time that ends a call */
	MEDIA_QUALITY, /* value: MOS x 100 */
	MEDIA_BAD_KEYS,
	MEDIA_ICE,       /* a path was chosen (value 1), or there is none (value 0) */
	MEDIA_ICE_LOCAL, /* credentials and candidates of a side are known */
	MEDIA_CAC /* call admission control: value is an enum media_cac_kind; media_cac_said() */
};

enum media_ice {
	MEDIA_ICE_OFF,
	MEDIA_ICE_RFC8445,
	MEDIA_ICE_MS2,
	MEDIA_ICE_DRAFT6
}; /* numbers of media.IceMode */
#define MEDIA_CANDS    24
#define MEDIA_CAND_ID  72
#define MEDIA_CAND_PWD 32
/* LYNC: name and password of a candidate in ICE draft 6, octets; id_n = 0: none */
struct media_cand_key {
	uint8_t id[MEDIA_CAND_ID], pwd[MEDIA_CAND_PWD], id_n, pwd_n;
};
struct media_cand {
	char foundation[33];
	uint8_t component, transport,
	    type; /* transport: 1 UDP, 2 TCP active, 3 passive; type: 1 host, 2 srflx, 3 prflx, 4 relay */
	uint32_t priority;
	struct sdp_addr addr, related; /* related.n = 0: none */
	struct media_cand_key key;
};
struct media_agent { /* what mediad's agent of a side said */
	char ufrag[40], pwd[64];
	struct media_cand cand[MEDIA_CANDS];
	size_t ncand;
	struct media_cand local[2],
	    remote[2]; /* chosen pair of each component; component 0: none */
};

/* A relay for an agent, with its credentials as octets. */
struct media_relay {
	struct sdp_addr addr; /* n = 0: none */
	uint16_t tcp_port;    /* where UDP gives nothing; 0: none. addr.port 0: by TCP alone */
	bool ms;              /* MS-TURN, else RFC 8656: as the agent's mode */
	uint8_t user[128], password[128], user_n, password_n;
};

/* LYNC: call admission control of a side (MS-TURNBWM), by mediad. */
enum media_cac_kind { /* numbers of media.CacKind */
	MEDIA_CAC_VERDICT,
	MEDIA_CAC_SILENT,
	MEDIA_CAC_REFUSED,
	MEDIA_CAC_RESERVED,
	MEDIA_CAC_DENIED,
	MEDIA_CAC_IGNORED
};
enum { /* bits: ends of a path */
	MEDIA_END_LOCAL = 1,
	MEDIA_END_LOCAL_RELAY = 2,
	MEDIA_END_REMOTE = 4,
	MEDIA_END_REMOTE_RELAY = 8
};
struct media_cac {
	struct media_relay server; /* the policy server, with the relay's credentials */
	char call_id[256], dialog[512];
	uint8_t peer, self,
	    federation; /* 0 unknown; location: 1 Internet, 2 intranet; 1 enterprise, 2 public */
	struct sdp_addr remote,
	    remote_relay;           /* the far end's host and relay candidate; n = 0: none */
	bool check;                 /* asks only; else the path is reserved when it is chosen */
	uint8_t codec[OA_PAYLOADS]; /* check */
	size_t ncodec;
	uint32_t wait_ms;
};
struct media_cac_said {
	enum media_cac_kind kind;
	uint8_t allowed; /* ends */
	bool pstn;
	uint32_t codecs;        /* bits of those that fit */
	uint32_t send, receive; /* kbit/s; UINT32_MAX: not limited */
	uint32_t reserved, lifetime_s, error;
};

/* What a side is to be. In media_set() only what has_… says changes. */
struct media_leg {
	bool on, has_remote, has_payload, has_keys, has_dir, has_music, has_strict, strict;
	struct sdp_addr rtp, rtcp;
	struct oa_payload payload[OA_PAYLOADS];
	size_t npayload;
	uint32_t ptime;
	struct sdes tx, rx;
	enum sdp_dir dir;
	bool music, ipv6, has_ice, controlling, has_mux, mux;
	bool sip; /* at creation: a SIP peer, as the network side always is */
	enum media_ice ice;
	struct media_relay relay; /* of ice */
	struct sdp_addr stun;     /* of ice; n = 0: none */
	uint8_t forbidden;        /* of ice: ends that call admission control refuses */
};

struct media_pool;
struct media;
/* One who is attached to a media: embedded. ev runs from the loop, never from inside a media_* call. */
struct media_user {
	struct list node;
	void (*ev)(struct media_user *u, struct media *m, enum media_event ev, enum media_side side,
	    int value);
};

struct media_pool *media_pool_new(void *daemon); /* struct daemon * */
void media_pool_free(struct media_pool *p);
void media_peer_up(struct media_pool *p, void *peer, bool restarted);
void media_peer_down(struct media_pool *p, void *peer);
/* Healthy instances, and sessions over all of them. */
unsigned media_pool_up(const struct media_pool *p, uint32_t *sessions);
void media_pool_dscp(struct media_pool *p, unsigned dscp);

/* A session with the given sides on the least loaded instance, or where `near` is (NULL: none), so that the two can
 * be mixed. The caller owns a reference and is attached as u.
 * network, radio: NULL leaves the side out for now. */
struct media *media_open(struct media_pool *p, uint64_t call, const struct media_leg *network,
    const struct media_leg *radio, const struct media *near, struct media_user *u);
struct media *media_ref(struct media *m);
/* The last reference drops the session. linger_ms: it plays on for so long first. NULL is fine. */
void media_unref(struct media *m, uint32_t linger_ms);
void media_attach(struct media *m, struct media_user *u);
void media_detach(struct media_user *u); /* fine when not attached (zeroed) */

bool media_ready(const struct media *m);
/* Is a SIP peer on that side. */
bool media_sip(const struct media *m, enum media_side s);
/* Who was on that side has left it for now: nothing goes there, nor is heard from there, until it is linked or applied to. */
void media_rest(struct media *m, enum media_side s);
bool media_rests(const struct media *m, enum media_side s);
/* Addresses at mediad; n = 0 while not known. */
const struct sdp_addr *media_rtp(const struct media *m, enum media_side s);
const struct sdp_addr *media_rtcp(const struct media *m, enum media_side s);
/* NULL: no agent, or nothing known yet. */
const struct media_agent *media_agent(const struct media *m, enum media_side s);
/* The far end's credentials and candidates; chosen: its a=remote-candidates, n = 0 each: none. */
void media_ice_remote(struct media *m, enum media_side s, struct slice ufrag, struct slice pwd,
    const struct media_cand *c, size_t n, const struct sdp_addr chosen[2]);
/* NULL: without from now on. Made again where the session moves to another instance. */
void media_admit(struct media *m, enum media_side s, const struct media_cac *c);
const struct media_cac_said *media_cac_said(const struct media *m, enum media_side s);
uint32_t media_instance(const struct media *m);
uint64_t media_session(const struct media *m);
uint64_t media_call(const struct media *m);

void media_set(struct media *m, enum media_side s, const struct media_leg *l);
/* What an agreement says, with dir, keys, codecs. */
void media_apply(struct media *m, enum media_side s, const struct oa_result *r);
/* Connects side sa of a with side sb of b by plain RTP, also when either is not ready yet. Unlinks what was there. */
void media_link(struct media *a, enum media_side sa, struct media *b, enum media_side sb);
void media_unlink(struct media *m, enum media_side s);
void media_tone(struct media *m, enum media_side hearer, enum media_tone t, uint32_t ms);
/* 0, or ERR_LOST. */
int media_dtmf(struct media *m, enum media_side towards, struct slice digits);
/* Three parties: both sides of a and b hear each other. When they are at two instances, one of them moves to the other's
 * (MEDIA_MOVED) and is mixed there. ERR_BUSY: neither instance takes one more. */
int media_mix(struct media *a, struct media *b);
void media_unmix(struct media *m);
/* "mediad-1 PCMA srtp" */
void media_text(const struct media *m, char *out, size_t cap);
#endif
