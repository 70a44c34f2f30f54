#ifndef DECTD_RFP_SRV_H
#define DECTD_RFP_SRV_H
#include <stdint.h>
#include <uv.h>

#include "dectd/rfp_dir.h"

/* The TCP server that base stations connect to: sockets only, everything else is in the directory. */
struct rfp_srv;
/* ip: "0.0.0.0", an address, or "::" (IPv4 comes in mapped). port 0: any free one. */
int rfp_srv_open(uv_loop_t *loop, struct rfp_dir *dir, const char *ip, uint16_t port,
    struct rfp_srv **out) MUST_CHECK;
/* While held, base stations connect and wait for our first word. Not held at first. */
void rfp_srv_hold(struct rfp_srv *s, bool hold);
uint16_t rfp_srv_port(const struct rfp_srv *s);
/* No new connections, all present ones are closed; memory goes in the close callbacks: run the loop. The directory
 * must outlive them. */
void rfp_srv_close(struct rfp_srv *s);
#endif
