/* LYNC: documents of MS-AVEDGEA: a request for credentials, and its answer. */
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "common/mem.h"
#include "common/sax.h"
#include "sipd/mras.h"

#define NS        "http://schemas.microsoft.com/2006/09/sip/mrasp"
#define MINUTES   480u  /* asked for */
#define FOREVER_M 10080 /* a week: more than any server gives */

void mras_put_request(struct wr *w, const char *uri, const char *aor, uint32_t id)
{
	wr_fmt(w, "<?xml version=\"1.0\"?>\r\n<request requestID=\"%u\" version=\"1.0\" to=\"", id);
	sax_escape(w, uri);
	wr_str(w, "\" from=\"");
	sax_escape(w, aor);
	wr_fmt(w,
	    "\" xmlns=\"" NS "\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
	    "<credentialsRequest credentialsRequestID=\"%u\"><identity>",
	    id);
	sax_escape(w, aor);
	wr_fmt(w,
	    "</identity><location>intranet</location><duration>%u</duration></credentialsRequest>"
	    "</request>",
	    MINUTES);
}

struct reader {
	struct mras_answer *out;
	char reason[64];
	struct mras_relay relay;
	bool in_relay, in_credentials, user, password;
};

static void on_start(struct sax *x, const char *name, const char **atts)
{
	struct reader *r = x->ctx;

	if (x->depth == 1)
		sax_put(r->reason, sizeof(r->reason), sax_attr(atts, "reasonPhrase"));
	if (strcmp(name, "mediaRelay") == 0) {
		r->in_relay = true;
		r->relay = (struct mras_relay){ .host = "" };
	} else if (strcmp(name, "credentials") == 0) {
		r->in_credentials = true;
	}
}

static void secret(struct sax *x, struct slice text, uint8_t *to, size_t *n, bool *there)
{
	if (*there)
		return; /* the first one counts */
	*there = true;
	if (enc_unb64(text, to, MRAS_SECRET, n) || *n == 0)
		sax_fail(x, text.n > MRAS_SECRET ? ERR_LIMIT : ERR_SYNTAX);
}

static uint16_t port(struct slice text)
{
	uint32_t v;

	return slice_u32(text, 65535, &v) ? 0 : (uint16_t)v;
}

static void on_end(struct sax *x, const char *name, struct slice text)
{
	struct reader *r = x->ctx;
	struct mras_answer *o = r->out;

	if (r->in_relay) {
		if (strcmp(name, "hostName") == 0 || strcmp(name, "directIPAddress") == 0) {
			if (slice_copy(text, r->relay.host, sizeof(r->relay.host)))
				r->relay.host[0] = '\0';
		} else if (strcmp(name, "udpPort") == 0) {
			r->relay.udp = port(text);
		} else if (strcmp(name, "tcpPort") == 0) {
			r->relay.tcp = port(text);
		} else if (strcmp(name, "location") == 0) {
			r->relay.internet = slice_ieq(text, SLICE_LIT("internet"));
		} else if (strcmp(name, "mediaRelay") == 0) {
			r->in_relay = false;
			if (r->relay.host[0] && o->nrelay < MRAS_RELAYS)
				o->relay[o->nrelay++] = r->relay;
		}
	} else if (r->in_credentials) {
		if (strcmp(name, "username") == 0)
			secret(x, text, o->user, &o->user_n, &r->user);
		else if (strcmp(name, "password") == 0)
			secret(x, text, o->password, &o->password_n, &r->password);
		else if (strcmp(name, "duration") == 0 && slice_u32(text, FOREVER_M, &o->minutes))
			o->minutes = 0;
		else if (strcmp(name, "credentials") == 0)
			r->in_credentials = false;
	}
}

int mras_read(struct slice xml, struct mras_answer *out, char *why, size_t cap)
{
	struct reader r = { .out = out };
	struct sax x = { .start = on_start, .end = on_end, .ctx = &r, .root = "response" };

	*out = (struct mras_answer){ 0 };
	(void)snprintf(why, cap, "the answer has no credentials");
	int err = sax_run(&x, xml);
	mem_wipe(x.text, sizeof(x.text));
	if (!err && strcmp(r.reason, "OK") != 0) {
		(void)snprintf(why, cap, "%s", r.reason[0] ? r.reason : "no reasonPhrase");
		err = ERR_DENIED;
	}
	if (!err && (!r.user || !r.password || !out->nrelay))
		err = ERR_SYNTAX;
	if (!err && !out->minutes)
		out->minutes = MINUTES;
	if (err)
		mem_wipe(out, sizeof(*out));
	return err;
}
