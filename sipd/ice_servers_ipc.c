/* STUN and TURN servers of plain ICE: from the configuration, the password from certd. */
#include <string.h>

#include "cert.pb-c.h"
#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/sipd.h"

#define STUN_PORT 3478

static bool read_addr(const char *key, const char *text, struct sdp_addr *out)
{
	struct addr a;
	size_t n;

	*out = (struct sdp_addr){ 0 };
	if (!text[0])
		return false;
	if (addr_parse(slice_str(text), STUN_PORT, &a)) {
		log_ev(LOG_WARNING, "a server for ICE is not used", F_TEXT("IPDECT_KEY_NAME", key),
		    F_TEXT("IPDECT_ADDRESS", text),
		    F_REMEDY("write an address, as 192.0.2.1:3478 or [2001:db8::1]:3478"));
		return false;
	}
	const uint8_t *ip = addr_ip(&a, &n);
	memcpy(out->ip, ip, n);
	out->n = (uint8_t)n;
	out->port = addr_port(&a);
	return true;
}

static void on_secret(void *ctx, int err, struct ipc_msg *m)
{
	struct sipd *s = ctx;
	struct media_relay *t = &s->servers.turn;
	const char *user = s->conf->ice_turn_user;

	if (err == ERR_LOST)
		return; /* asked again when certd is back */
	if (err) {
		log_ev(LOG_WARNING, "no password for the TURN server", F_TEXT("IPDECT_NAME", user),
		    F_ERR(err), F_REMEDY("dectctl secret set NAME kind=turn"));
		return;
	}
	const Cert__SecretValue *v = IPC_BODY(m, Cert__SecretValue);
	size_t n = strlen(user);
	if (v->value.len > sizeof(t->password) || n > sizeof(t->user) ||
	    !read_addr("ice-turn-server", s->conf->ice_turn, &t->addr))
		return;
	t->tcp_port = t->addr.port; /* RFC 8656 3: the same for both */
	memcpy(t->user, user, n);
	t->user_n = (uint8_t)n;
	memcpy(t->password, v->value.data, v->value.len);
	t->password_n = (uint8_t)v->value.len;
	mem_wipe(v->value.data, v->value.len);
	log_ev(LOG_INFO, "a TURN server for plain ICE", F_TEXT("IPDECT_ADDRESS", s->conf->ice_turn),
	    F_TEXT("IPDECT_NAME", user));
}

void ice_servers_secret(struct sipd *s)
{
	struct ipc_peer *certd = ipc_find(s->d->ipc, IPC_CERTD, 0);
	Cert__SecretReveal q = CERT__SECRET_REVEAL__INIT;
	const char *user = s->conf->ice_turn_user;

	if (!certd || s->conf->lync || !s->conf->ice || !s->conf->ice_turn[0] || !user[0])
		return;
	q.kind = CERT__SECRET_KIND__SECRET_TURN;
	q.id = (ProtobufCBinaryData){ strlen(user), (uint8_t *)(uintptr_t)user };
	(void)!ipc_request(certd, IPC_IF_CERT, CERT__TYPE__CERT_SECRET_REVEAL, &q.base,
	    &cert__secret_value__descriptor, 0, on_secret, s);
}

void ice_servers_reconf(struct sipd *s)
{
	mem_wipe(&s->servers, sizeof(s->servers));
	if (s->conf->lync || !s->conf->ice)
		return;
	(void)read_addr("ice-stun-server", s->conf->ice_stun, &s->servers.stun);
	ice_servers_secret(s);
}
