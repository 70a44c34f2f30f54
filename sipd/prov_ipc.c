/* LYNC: in-band provisioning of users. */
#include "sipd/prov.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "ctl.pb-c.h"
#include "pres.pb-c.h"
#include "sipd/dect_pb.h"
#include "sipd/mras.h"
#include "sipd/ms.h"

#define ITEMS_MAX 64
#define VALUE_MAX 255

struct prov_item {
	char *name, *value;
};
struct prov {
	size_t n;
	struct prov_item item[ITEMS_MAX];
};

static struct slice data(ProtobufCBinaryData d)
{
	return (struct slice){ (const char *)d.data, d.len };
}

/* Values go into header fields and URIs: what could end one is not taken. */
static bool usable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '<' ||
		    s.p[i] == '>' || s.p[i] == '"')
			return false;
	return s.n > 0 && s.n <= VALUE_MAX;
}

void prov_free(struct user *u)
{
	struct prov *p = u->room ? ustate_of(u)->prov : NULL;

	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->item[i].name);
		free(p->item[i].value);
	}
	free(p);
	ustate_of(u)->prov = NULL;
}

const char *prov_get(const struct user *u, const char *name)
{
	const struct prov *p = u && u->room ? ustate_of(u)->prov : NULL;

	for (size_t i = 0; p && i < p->n; i++)
		if (strcmp(p->item[i].name, name) == 0)
			return p->item[i].value;
	return NULL;
}

const char *prov_phone_context(const struct sipd *s, const struct user *u)
{
	const char *v;

	if (!s->conf->lync || s->conf->lync_phone_context[0])
		return s->conf->lync_phone_context;
	v = prov_get(u, "ucLocationProfile");
	return v ? v : "";
}

const struct oa_conf *prov_oa(const struct sipd *s, const struct user *u)
{
	const char *v = s->conf->lync && s->conf->lync_policy && s->oa.srtp == OA_SRTP_OPTIONAL
	                    ? prov_get(u, "ucPC2PCAVEncryption")
	                    : NULL;

	if (!v || strcmp(v, "SupportEncryption") == 0)
		return &s->oa;
	/* An unknown word is read as the strictest one. */
	return strcmp(v, "DoNotSupportEncryption") == 0 ? &s->oa_policy[0] : &s->oa_policy[1];
}

bool prov_voicemail(const struct sipd *s, const struct user *u, struct wr *w)
{
	const char *v = prov_get(u, "voiceMailUri");
	char aor[400];
	struct wr a = wr_of(aor, sizeof(aor));

	if (s->conf->voicemail[0])
		v = s->conf->voicemail;
	if (v) {
		wr_str(w, v);
		return !w->bad;
	}
	if (!s->conf->lync || !u)
		return false;
	/* LYNC: the mailbox of the user at the Exchange server, by the routing of the front end. */
	sipd_put_aor(s, &a, u, false);
	if (a.bad || a.n < 3)
		return false;
	wr_slice_add(w, slice_sub(wr_slice(&a), 1, a.n - 2));
	wr_str(w, ";opaque=app:voicemail");
	return !w->bad;
}

int prov_on_provision(struct ipc_peer *p, struct ipc_msg *m)
{
	const Pres__Provision *v = IPC_BODY(m, Pres__Provision);
	struct sipd *s = sipd_of(daemon_of(p));
	struct user *u = users_find(s->users, slice_str(v->user));

	if (!u)
		return 0;
	(void)sipd_ustate(s, u);
	prov_free(u);
	struct prov *to = mem_new(sizeof(*to));
	for (size_t i = 0; i < v->n_item && to->n < ITEMS_MAX; i++) {
		struct slice name = data(v->item[i]->name), value = data(v->item[i]->value);

		if (!usable(name) || !usable(value))
			continue;
		to->item[to->n].name = slice_dup(name);
		to->item[to->n++].value = slice_dup(value);
	}
	ustate_of(u)->prov = to;
	mras_wanted(s, u);
	const struct oa_conf *oa = prov_oa(s, u);
	if (oa != &s->oa)
		log_ev(LOG_INFO, "encryption of speech by the server's policy",
		    F_USER(u->f[USER_NAME]),
		    F_TEXT("IPDECT_POLICY", prov_get(u, "ucPC2PCAVEncryption")));
	return 0;
}

/* What we make of it, for people. */
static const char *use(const struct sipd *s, const struct user *u, const char *name, const char *v)
{
	static const char *const words[] = { "speech is not encrypted", "speech may be encrypted",
		"speech must be encrypted" };

	if (strcmp(name, "ucPC2PCAVEncryption") == 0) {
		bool need = strcmp(v, "RequireEncryption") == 0,
		     none = strcmp(v, "DoNotSupportEncryption") == 0;
		enum oa_srtp has = prov_oa(s, u)->srtp;

		if ((need && has == OA_SRTP_OFF) || (none && has == OA_SRTP_REQUIRED))
			return "does not fit media-encryption of [sipd]: calls may fail";
		return words[has];
	}
	if (strcmp(name, "ucLocationProfile") == 0)
		return s->conf->lync_phone_context[0] ? "phone-context of [lync] is used"
		                                      : "dial plan of dialled digits";
	if (strcmp(name, "voiceMailUri") == 0)
		return s->conf->voicemail[0] ? "voicemail-uri of [sipd] is used" : "mailbox";
	if (strcmp(name, "bypassId") == 0)
		return ms_bypass_id(s, u) ? "speech may go directly to gateways of this place"
		                          : "not used: bypass is off";
	if (strcmp(name, "mrasUri") == 0)
		return s->conf->lync_mras_uri[0] ? "mras-uri of [lync] is used"
		                                 : "relays of the A/V Edge";
	if (strcmp(name, "DisablePhonePresence") == 0 || strcmp(name, "EnablePrivacyMode") == 0)
		return "presence";
	return "shown only";
}

int prov_list(struct ctl_run *r)
{
	struct sipd *s = sipd_of(ctl_ctx(r));
	struct slice only = ctl_id(r);
	struct user *u =
	    ctl_cursor(r).n ? users_after(s->users, ctl_cursor(r)) : users_next(s->users, NULL);
	const char *last = "";

	if (only.n && !users_find(s->users, only))
		return ctl_fail(r, ERR_NOTFOUND, "there is no such user; dectctl user list");
	for (; u; u = users_next(s->users, u)) {
		const struct prov *p = u->room ? ustate_of(u)->prov : NULL;

		if (!p || (only.n && u != users_find(s->users, only)))
			continue;
		for (size_t i = 0; i < p->n; i++) {
			Ctl__ProvisionRow row = CTL__PROVISION_ROW__INIT;

			row.user = u->f[USER_NAME];
			row.name = p->item[i].name;
			row.has_value = 1;
			row.value = pb_text(p->item[i].value);
			row.use = (char *)(uintptr_t)use(s, u, p->item[i].name, p->item[i].value);
			if (ctl_row(r, &row.base))
				continue;
			if (only.n || !last[0]) /* 64 short values of one user always fit */
				return 0;
			ctl_more(r, slice_str(last));
			return 0;
		}
		last = u->key;
	}
	return 0;
}
