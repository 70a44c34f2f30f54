/* ErrorIDs of Lync in words, with their remedies (MS-OCER 7; ms-sip 7.4, 9). */
#include "sipd/ms_diag.h"

#include <stdio.h>

#include "common/mem.h"

static const struct row {
	uint32_t from, to;
	struct ms_diag_help help;
} rows[] = {
	{ 21, 29,
	    { "no way for speech was found between the two networks",
	        "check the A/V Edge server, and that the port range of mediad is open", false } },
	{ 1000, 1000,
	    { "the password was refused or the account is locked or disabled",
	        "correct it by `dectctl secret set`; more tries would lock the account", true } },
	{ 1001, 1002,
	    { "the user may not talk to that domain",
	        "allow federation or public clouds for the user in Lync", true } },
	{ 1003, 1003,
	    { "Lync does not know this user",
	        "enable the user for Lync, or correct its SIP address", true } },
	{ 1004, 1004, { "the server forgot the dialog", "", false } },
	{ 1005, 1005,
	    { "no route to that domain", "check the domain of the number or the federation set-up",
	        true } },
	{ 1006, 1007, { "the server cannot reach the next one for the moment", "", false } },
	{ 1008, 1009,
	    { "the server finds no usable DNS SRV record for the next hop", "correct the DNS zone",
	        true } },
	{ 1010, 1010,
	    { "a server does not trust the certificate of its peer",
	        "the name in our certificate must be the trusted application pool's; see `dectctl "
	        "check`",
	        true } },
	{ 1011, 1011, { "an earlier server gave no reason", "", false } },
	{ 1012, 1012,
	    { "the user may not be reached from outside", "allow remote access for the user",
	        true } },
	{ 1013, 1013, { "the clocks differ too much", "set this host's clock by NTP", true } },
	{ 1014, 1014,
	    { "the server finds no address of the next hop in DNS", "correct the DNS zone",
	        true } },
	{ 2057, 2057, { "the server wants gruu-10", "this is a fault of ours: report it", true } },
	{ 4000, 4001, { "the user services refused the request", "", false } },
	{ 4002, 4002,
	    { "several users share the caller's number", "make line URIs unique", true } },
	{ 4003, 4003,
	    { "the user may not sign in from outside", "allow remote access, or connect inside",
	        true } },
	{ 4004, 4004,
	    { "the log-in belongs to another SIP address",
	        "correct auth-user: it must be the log-in of this user", true } },
	{ 4005, 4007,
	    { "Lync does not know the address, or not in this pool",
	        "correct the address or enable it", true } },
	{ 4008, 4008, { "the request was too large", "", true } },
	{ 4009, 4009, { "several users share the called number", "make line URIs unique", true } },
	{ 4010, 4013,
	    { "the server did not accept our endpoint identity",
	        "this is a fault of ours: report it", true } },
	{ 4055, 4055,
	    { "the server did not accept the Event header", "this is a fault of ours: report it",
	        true } },
	{ 4141, 4141,
	    { "the user was disabled in Lync", "enable the user, or delete it here", true } },
	{ 5000, 5008,
	    { "an application of the server failed", "see the event log of the front end",
	        false } },
	{ 7008, 7008, { "the conference server could not read the media description", "", false } },
	{ 13000, 13000, { "the user calls itself", "", true } },
	{ 13001, 13002, { "nobody answered under the user's routing rules", "", false } },
	{ 13003, 13003,
	    { "the server found a malformed header", "this is a fault of ours: report it", true } },
	{ 13008, 13008, { "the server keeps the reason to itself, for privacy", "", false } },
	{ 13004, 13007, { "the call was passed on by the user's routing rules", "", false } },
	{ 17000, 17004,
	    { "the client version filter refused us",
	        "allow our User-Agent in the client version policy", true } },
	{ 52017, 52017,
	    { "one side wants encrypted speech and the other clear",
	        "align media-encryption with Lync's encryption level", true } },
	{ 52063, 52063,
	    { "the far end could not read the description of the media",
	        "this is a fault of ours: report it", true } },
	/* Whole ranges ("Ms-Diagnostics header", OCS 2007): which part of the server speaks. After all single ones. */
	{ 1000, 1999, { "the server's SIP service refused", "", false } },
	{ 2000, 2999, { "the presence service refused", "", false } },
	{ 3000, 3999, { "the conference focus refused", "", false } },
	{ 4000, 4999, { "the registrar or the user services refused", "", false } },
	{ 5009, 5999, { "an application of the server refused", "", false } },
	{ 6000, 6999, { "the server of text conferences refused", "", false } },
	{ 7000, 7999, { "the server of audio conferences refused", "", false } },
	{ 8000, 8999, { "the conference service for telephones refused", "", false } },
	{ 9000, 9999,
	    { "the A/V Edge server gave no credentials", "check the Edge server's state", false } },
	{ 10000, 10999,
	    { "the Mediation Server refused: gateway or trunk",
	        "check the gateway, the trunk's codecs and its encryption", false } },
	{ 12000, 12999,
	    { "no route or no right to call that number outside",
	        "check the user's voice policy, PSTN usages and routes", true } },
	{ 13000, 13999, { "the user's routing rules gave no answer", "", false } },
	{ 14000, 14999,
	    { "the number could not be translated",
	        "check the dial plan's normalisation rules, and phone-context in [lync]", true } },
	{ 15000, 15999, { "the voice mail server refused", "check Exchange UM", false } },
	{ 16000, 16999, { "a filter of instant messages refused", "", true } },
	{ 24000, 24999, { "the far end's program refused", "", false } },
	{ 52000, 52999, { "the far end's program refused", "", false } },
};

const struct ms_diag_help *ms_diag_help(uint32_t id)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (id >= rows[i].from && id <= rows[i].to)
			return &rows[i].help;
	return NULL;
}

static struct slice unquote(struct slice s)
{
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? slice_sub(s, 1, s.n - 2) : s;
}

/* Up to the next ';' outside of quotes. */
static struct slice next_param(struct cur *c)
{
	const char *from = c->p;
	bool quoted = false;

	for (; c->p < c->end && (quoted || *c->p != ';'); c->p++)
		if (*c->p == '\\' && quoted && c->p + 1 < c->end)
			c->p++;
		else if (*c->p == '"')
			quoted = !quoted;
	return slice_trim((struct slice){ from, (size_t)(c->p - from) });
}

int ms_diag_parse(struct slice value, struct ms_diag *out)
{
	struct cur c = cur_of(value);
	struct slice digits;

	*out = (struct ms_diag){ 0 };
	cur_lws(&c);
	digits = cur_digits(&c);
	if (slice_u32(digits, UINT32_MAX, &out->id) != 0)
		return ERR_SYNTAX;
	(void)cur_until(&c, ";"); /* a sub-number: "1034.5" */
	while (cur_lit(&c, ';')) {
		struct slice p = next_param(&c);
		size_t eq = slice_chr(p, '=');
		struct slice name = slice_trim(slice_sub(p, 0, eq));
		struct slice v = unquote(slice_trim(slice_sub(p, eq + 1, p.n)));

		if (slice_ieq(name, SLICE_LIT("reason")))
			out->reason = v;
		else if (slice_ieq(name, SLICE_LIT("source")))
			out->source = v;
	}
	return 0;
}

void ms_diag_of(const struct sip_msg *m, struct ms_diag *out)
{
	static const enum sip_hdr_id ids[] = { SIP_H_MS_DIAGNOSTICS, SIP_H_MS_DIAGNOSTICS_PUBLIC,
		SIP_H_MS_CLIENT_DIAGNOSTICS };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		if (sip_msg_hdr(m, ids[i]) && ms_diag_parse(sip_msg_value(m, ids[i]), out) == 0)
			return;
	*out = (struct ms_diag){ 0 };
}

void ms_diag_text(const struct ms_diag *d, char *out, size_t cap)
{
	const struct ms_diag_help *h = ms_diag_help(d->id);
	int n;

	if (d->id == 0) {
		*out = '\0';
		return;
	}
	n = snprintf(out, cap, "%u: %s%s%s", d->id, h ? h->meaning : "",
	    h && *h->remedy ? "; " : "", h ? h->remedy : "");
	if (d->reason.n && n > 0 && (size_t)n < cap)
		snprintf(out + n, cap - (size_t)n, "%s(server says: " SLICE_FMT ")", h ? " " : "",
		    SLICE_ARG(d->reason));
}
