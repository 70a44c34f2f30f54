/* LYNC: documents of conferences: invitations, C3P requests and answers. */
#include <stdio.h>
#include <string.h>

#include "common/sax.h"
#include "sipd/ms_conf.h"

#define FOCUS "app:conf:focus:"
#define AVMCU "app:conf:audio-video:"

/* ---- invitation ---- */

static void invite_start(struct sax *x, const char *name, const char **atts)
{
	struct conf_invite *v = x->ctx;

	if (x->depth == 2 && strcmp(name, "audio") == 0)
		v->audio = sax_truth(sax_attr(atts, "available"));
}

static void invite_end(struct sax *x, const char *name, struct slice text)
{
	struct conf_invite *v = x->ctx;

	if (x->depth != 2)
		return;
	if (strcmp(name, "focus-uri") == 0 && slice_copy(text, v->focus, sizeof(v->focus)))
		sax_fail(x, ERR_LIMIT);
	else if (strcmp(name, "subject") == 0)
		sax_put_slice(
		    v->subject, sizeof(v->subject), number_cut(text, sizeof(v->subject) - 1));
}

int conf_invite_read(struct slice xml, struct conf_invite *out)
{
	struct sax x = {
		.start = invite_start, .end = invite_end, .ctx = out, .root = "Conferencing"
	};

	*out = (struct conf_invite){ 0 };
	int err = sax_run(&x, xml);
	return err ? err : conf_avmcu(out->focus, out->avmcu, sizeof(out->avmcu));
}

int conf_avmcu(const char *focus, char *out, size_t cap)
{
	struct wr w = wr_of(out, cap);
	struct sip_uri uri;
	const char *at = strstr(focus, FOCUS);

	if (!at || sip_uri_parse(&uri, slice_str(focus)) || uri.user.n == 0 ||
	    uri.scheme == SIP_SCHEME_TEL || uri.scheme == SIP_SCHEME_OTHER)
		return ERR_SYNTAX;
	wr_bytes(&w, focus, (size_t)(at - focus));
	wr_str(&w, AVMCU);
	wr_str(&w, at + sizeof(FOCUS) - 1);
	return wr_nul(&w) ? 0 : ERR_LIMIT;
}

/* ---- C3P ---- */

struct response {
	char code[64], reason[64];
	char *entity; /* of conference-info, where it is wanted */
	size_t cap;
};

static void response_start(struct sax *x, const char *name, const char **atts)
{
	struct response *r = x->ctx;

	if (x->depth == 1) {
		sax_put(r->code, sizeof(r->code), sax_attr(atts, "code"));
		sax_put(r->reason, sizeof(r->reason), sax_attr(atts, "reason"));
	} else if (r->entity && x->depth == 3 && strcmp(name, "conference-info") == 0) {
		const char *uri = sax_attr(atts, "entity");
		if (uri && strlen(uri) < r->cap)
			sax_put(r->entity, r->cap, uri);
	}
}

static void nothing(struct sax *x, const char *name, struct slice text)
{
	(void)x, (void)name, (void)text;
}

static int response_read(struct slice xml, struct response *r, char *why, size_t cap)
{
	struct sax x = { .start = response_start, .end = nothing, .ctx = r, .root = "response" };
	int err = sax_run(&x, xml);

	if (err || strcmp(r->code, "success") == 0)
		return err;
	(void)snprintf(why, cap, "%s%s%s", r->code[0] ? r->code : "no code",
	    r->reason[0] ? ": " : "", r->reason);
	return ERR_DENIED;
}

int conf_response_read(struct slice xml, char *why, size_t cap)
{
	struct response r = { .entity = NULL };

	return response_read(xml, &r, why, cap);
}

int conf_created_read(struct slice xml, char *focus, size_t focus_cap, char *why, size_t cap)
{
	struct response r = { .entity = focus, .cap = focus_cap };
	char avmcu[NUMBER_MAX];

	*focus = '\0';
	int err = response_read(xml, &r, why, cap);
	return err ? err : conf_avmcu(focus, avmcu, sizeof(avmcu));
}

void conf_put_add_conference(
    struct wr *w, const char *user, const char *factory, const char *id, const char *until)
{
	wr_str(w, "<?xml version=\"1.0\"?>\r\n<request xmlns=\"urn:ietf:params:xml:ns:cccp\" "
	          "xmlns:mscp=\"http://schemas.microsoft.com/rtc/2005/08/cccpextensions\" "
	          "C3PVersion=\"1\" requestId=\"1\" from=\"");
	sax_escape(w, user);
	wr_str(w, "\" to=\"");
	sax_escape(w, factory);
	wr_str(w, "\"><addConference><ci:conference-info "
	          "xmlns:ci=\"urn:ietf:params:xml:ns:conference-info\" entity=\"\" "
	          "xmlns:msci=\"http://schemas.microsoft.com/rtc/2005/08/confinfoextensions\">"
	          "<ci:conference-description><ci:subject/>");
	wr_fmt(w,
	    "<msci:conference-id>%s</msci:conference-id><msci:expiry-time>%s</msci:expiry-time>"
	    "<msci:admission-policy>openAuthenticated</msci:admission-policy>"
	    "</ci:conference-description><msci:conference-view>"
	    "<msci:entity-view entity=\"audio-video\"/></msci:conference-view>"
	    "</ci:conference-info></addConference></request>",
	    id, until);
}

void conf_put_invite(struct wr *w, const char *focus)
{
	wr_str(w, "<Conferencing version=\"2.0\"><focus-uri>");
	sax_escape(w, focus);
	wr_str(w, "</focus-uri><subject/><audio available=\"true\"/>"
	          "<im available=\"false\"><first-im/></im></Conferencing>");
}

void conf_put_add_user(struct wr *w, const char *user, const char *focus, const char *uuid)
{
	wr_str(w, "<?xml version=\"1.0\"?>\r\n<request xmlns=\"urn:ietf:params:xml:ns:cccp\" "
	          "C3PVersion=\"1\" requestId=\"1\" from=\"");
	sax_escape(w, user);
	wr_str(w, "\" to=\"");
	sax_escape(w, focus);
	wr_str(w, "\"><addUser><conferenceKeys confEntity=\"");
	sax_escape(w, focus);
	wr_str(w, "\"/><ci:user xmlns:ci=\"urn:ietf:params:xml:ns:conference-info\" entity=\"");
	sax_escape(w, user);
	wr_fmt(w,
	    "\"><ci:roles><ci:entry>attendee</ci:entry></ci:roles><ci:endpoint entity=\"{%s}\"/>"
	    "</ci:user></addUser></request>",
	    uuid);
}
