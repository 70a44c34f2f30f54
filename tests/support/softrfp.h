#ifndef SUPPORT_SOFTRFP_H
#define SUPPORT_SOFTRFP_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "tests/support/air.h"

/* A soft base station: what a Mitel RFP does on its TCP link (rfp-link), with the soft air interface below and real
 * RTP beside it. Either generation. It checks every octet that it gets; what a real base could not have taken, or
 * what breaks a rule, is an air_violation(). Where no public source tells what a real base does, it does what the
 * reference proposes. */

struct softrfp_conf {
	uint8_t mac[6];
	char server[64]; /* numeric address */
	uint16_t port;   /* 16321 */
	char ip
	    [46]; /* own address; "": 127.x.y.z out of the MAC for a server on loopback, else the system's */
	bool old;       /* fixed keys, protocol 7.1 */
	uint32_t model; /* 0d: RFP 43 */
	uint32_t protocol;
	char version[64];
	char state[200]; /* directory where its key is kept; "": in memory */
	unsigned retry_ms, boot_ms, search_ms;
	unsigned freq_ms;  /* until it answers FREQ_CTRL_MODE */
	unsigned channels; /* media channels */
	uint32_t rssi;     /* at which other bases hear it, and it them, unless told otherwise */
	bool image_check;  /* reports SYS_NEW_SW as real ones do */
	char early
	    [12]; /* how it asks for default keys: "connection", "identity"; "": it knows nothing of them */
	unsigned loss_milli; /* RTP packets lost per thousand, each way */
};
void softrfp_defaults(struct softrfp_conf *c);

struct softrfp;
struct softrfp_set; /* the bases of one air interface */
/* With the noun "base" of the command language. */
struct softrfp_set *softrfp_set_new(struct air *a, uv_loop_t *loop);
/* Before air_free(); run the loop once more for the handles. */
void softrfp_set_free(struct softrfp_set *s);

/* Switched on at once. */
struct softrfp *softrfp_add(struct softrfp_set *s, const struct softrfp_conf *c);
/* Power off: the link breaks, the radio is silent. */
void softrfp_off(struct softrfp *b);
void softrfp_on(struct softrfp *b);
const char *softrfp_state(const struct softrfp *b); /* "up", "off", "connecting" … */
struct air_base *softrfp_air(const struct softrfp *b);
/* By MAC address in hex, its end alone will do; NULL. */
struct softrfp *softrfp_find(struct softrfp_set *s, const char *name);
#endif
