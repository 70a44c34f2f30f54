#ifndef SIPD_REG_H
#define SIPD_REG_H
#include "common/addr.h"
#include "sipd/sipd.h"

/* The registration engine: one machine per user (reg_tab.c), the four proxies with their health for all of them. */
struct regs;
#define REG_ROUTES_MAX 8

struct regs *regs_new(struct sipd *s);
void regs_free(struct regs *r);
/* Proxies, times or policies changed. */
void regs_reconf(struct regs *r);
/* Proxies that are down are asked at once: what kept us from them may be over (our certificate, whom we trust). */
void regs_ask_again(struct regs *r);
/* The user's record or handset changed: registers, refreshes or removes as the policy says. */
void reg_update(struct sipd *s, struct user *u);
void reg_remove(struct sipd *s, struct user *u); /* the record goes away */
void regs_shutdown(struct regs *r); /* leaves registrations to expire; closes requests */

bool reg_any_proxy(const struct sipd *s);
/* Some proxy takes calls of this user now. */
bool reg_proxy_up(const struct sipd *s, const struct user *u);
bool reg_is_proxy(const struct sipd *s, const struct addr *a);
/* LYNC: the names of servers to which a front end sent users and which serve them, i = 0, 1, …; NULL: no more. */
const char *reg_home(const struct sipd *s, unsigned i);
/* A call from `from` to user u of ours goes out to the proxy, which knows where else u is registered. */
bool reg_outside(const struct sipd *s, const struct user *from, const struct user *u);
/* The flow of the user's registration, a new reference; NULL: none. */
struct tp_flow *reg_flow(const struct sipd *s, const struct user *u);
/* What the user's calls to the proxy go over is IPv6: so shall their speech be. */
bool reg_by_ipv6(const struct sipd *s, const struct user *u);
/* The proxy's URI for users without a flow; NULL: no proxy is set. */
const char *reg_hop(const struct sipd *s, const struct user *u);
/* Service-Route of the registration (RFC 3608). */
unsigned reg_routes(const struct user *u, struct slice out[REG_ROUTES_MAX]);
/* The user's public GRUU, for the Contact of dialogs; NULL: none. */
const char *reg_gruu(const struct user *u);
/* Registered by RFC 5626: dialogs ask for the same flow. */
bool reg_outbound(const struct user *u);
uint64_t reg_owner(const struct user *u); /* for the signing hook */
/* A refresh tells whether the registration lives; why: a string that stays. */
void reg_suspect(struct sipd *s, const struct user *u, const char *why);
/* LYNC: the association is gone at the server: registers with a new handshake. */
void reg_again(struct sipd *s, const struct user *u);
/* The server has ended the registration; tried again after the pause, 0: soon. */
void reg_ended(struct sipd *s, struct user *u, const char *why, uint32_t pause_ms);
/* certd has another password for the user: one who was refused tries again now. */
void reg_secret_changed(struct sipd *s, struct slice name);
/* For rows and metrics. */
struct reg_view {
	bool up;
	const char *state, *proxy;
	uint32_t expires_s;
	unsigned code;
	const char *why;
};
void reg_view(const struct user *u, struct reg_view *out);
void regs_count(const struct sipd *s, unsigned *wanted, unsigned *up, unsigned *failed);
struct proxy_view {
	const char *uri, *why; /* why: it is down, as last seen; may be NULL */
	bool down, answers;
	bool
	    has_date; /* it sent its time: how far its clock was before ours, s; 0 within its round trip */
	int64_t ahead_s;
	struct addr seen; /* not set: nothing came from there yet */
};
/* Proxy i; false: there are no more. */
bool regs_proxy_view(const struct sipd *s, unsigned i, struct proxy_view *out);
unsigned regs_proxies_down(const struct sipd *s, unsigned *all);
/* Users whom the registrar refused with this status for a while try again now. How many. */
unsigned regs_refused_again(struct sipd *s, unsigned status);
#endif
