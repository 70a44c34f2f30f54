/* Services of handsets over the call interface. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "dectd/call_svc.h"

#define REQUEST_MS   5000
#define DIRECTORY_MS 12000

struct ask { /* of one query; finds the handset again by its IPEI */
	struct list node;
	struct dectd *r;
	struct phones *phones;
	uint32_t token;
	char ipei[PP_IPEI_LEN + 1];
};

static struct slice bytes(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has ? (struct slice){ (const char *)b.data, b.len } : (struct slice){ 0 };
}

uint64_t iwu_person(struct slice uri)
{
	char key[256];
	size_t n = 0;

	if (slice_istarts(uri, SLICE_LIT("sip:")))
		uri = slice_sub(uri, 4, uri.n);
	for (; n < uri.n && n < sizeof(key) && uri.p[n] != ';'; n++)
		key[n] = (char)(uri.p[n] >= 'A' && uri.p[n] <= 'Z' ? uri.p[n] | 0x20 : uri.p[n]);
	return n ? map_siphash(5, 6, key, n) | 1 : 0;
}

static void text(char *out, size_t cap, protobuf_c_boolean has, ProtobufCBinaryData b)
{
	struct wr w = wr_of(out, cap);

	ui_text_clean(&w, bytes(has, b), cap / 4);
	if (!wr_nul(&w))
		out[0] = '\0';
}

static void finish(struct ask *a, struct iwu_answer *ans, int err, const struct ipc_msg *m)
{
	struct pp *pp;

	if (err) {
		ans->err = err;
		if (m) {
			struct wr w = wr_of(ans->why, sizeof(ans->why));
			ui_text_clean(&w, m->text, sizeof(ans->why) / 4);
			if (!wr_nul(&w))
				ans->why[0] = '\0';
		}
	}
	list_remove(&a->node);
	if (a->phones && (pp = pp_by_ipei(a->r->pps, slice_str(a->ipei))))
		phones_answer(a->phones, pp, a->token, ans);
	free(a);
}

static void entry(struct iwu_entry *e, const struct ui_party *p)
{
	ui_party_show(p, false, &e->who);
}

static void on_log(void *ctx, int err, struct ipc_msg *m)
{
	const Call__LogPage *page = err ? NULL : IPC_BODY(m, Call__LogPage);
	struct iwu_answer ans = { 0 };

	for (size_t i = 0; page && i < page->n_entry && ans.n < IWU_ENTRIES; i++) {
		const Call__LogEntry *le = page->entry[i];
		struct iwu_entry *e = &ans.e[ans.n++];
		struct ui_party p = { 0 };
		if (le->party)
			p = (struct ui_party){
				.name = bytes(le->party->has_name, le->party->name),
				.number = bytes(le->party->has_number, le->party->number),
				.uri = bytes(le->party->has_uri, le->party->uri),
				.anonymous = le->party->has_anonymous && le->party->anonymous,
			};
		entry(e, &p);
		e->time = le->time;
		e->kind = (unsigned)le->kind;
		e->id = le->id;
		e->unread = le->has_unread && le->unread;
	}
	if (page)
		ans.total = page->total;
	finish(ctx, &ans, err, m);
}

static void on_dir(void *ctx, int err, struct ipc_msg *m)
{
	const Call__DirPage *page = err ? NULL : IPC_BODY(m, Call__DirPage);
	struct iwu_answer ans = { 0 };

	for (size_t i = 0; page && i < page->n_entry && ans.n < IWU_ENTRIES; i++) {
		const Call__DirEntry *de = page->entry[i];
		struct ui_party p = { .name = { (const char *)de->name.data, de->name.len },
			.number = bytes(de->has_number, de->number),
			.uri = bytes(de->has_uri, de->uri) };
		if (!p.number.n)
			p.number = bytes(de->has_mobile, de->mobile);
		if (!p.number.n)
			p.number = bytes(de->has_home, de->home);
		ans.e[ans.n].person = iwu_person(bytes(de->has_uri, de->uri));
		ans.e[ans.n].state = de->has_state ? de->state : 0;
		entry(&ans.e[ans.n++], &p);
	}
	if (page) {
		ans.total = page->has_total ? page->total : ans.n;
		text(ans.notice, sizeof(ans.notice), page->has_notice, page->notice);
	}
	finish(ctx, &ans, err, m);
}

static void on_server(void *ctx, int err, struct ipc_msg *m)
{
	const Call__ServerInfoDone *s = err ? NULL : IPC_BODY(m, Call__ServerInfoDone);
	struct iwu_answer ans = { 0 };

	if (s) {
		/* ASCII: a quarter of the room would be too little for an address. */
		if (slice_copy(
		        bytes(s->has_address, s->address), ans.address, sizeof(ans.address)) ||
		    slice_copy(bytes(s->has_domain, s->domain), ans.domain, sizeof(ans.domain)) ||
		    slice_copy(bytes(s->has_registrar, s->registrar), ans.registrar,
		        sizeof(ans.registrar)) ||
		    slice_copy(bytes(s->has_own_number, s->own_number), ans.own_number,
		        sizeof(ans.own_number)))
			log_ev(LOG_INFO, "server information is longer than a display takes");
	}
	finish(ctx, &ans, err, m);
}

static void on_ok(void *ctx, int err, struct ipc_msg *m)
{
	struct iwu_answer ans = { 0 };

	finish(ctx, &ans, err, m);
}

static ProtobufCBinaryData bin(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

int call_svc_query(struct dectd *r, struct phones *phones, struct pp *pp, uint32_t token,
    const struct iwu_query *q)
{
	static char nobody[] = "";
	char *user = pp->user ? pp->user->name : nobody;
	Call__LogGet log = CALL__LOG_GET__INIT;
	Call__LogClear clear = CALL__LOG_CLEAR__INIT;
	Call__ForwardSet fwd = CALL__FORWARD_SET__INIT;
	Call__PresenceSet pres = CALL__PRESENCE_SET__INIT;
	Call__DirSearch dir = CALL__DIR_SEARCH__INIT;
	Call__ServerInfo info = CALL__SERVER_INFO__INIT;
	const ProtobufCMessage *body;
	const ProtobufCMessageDescriptor *reply = &call__ok__descriptor;
	ipc_reply_h *cb = on_ok;
	uint32_t ms = REQUEST_MS;
	uint16_t type;

	switch (q->kind) {
	case IWU_Q_LOG:
		log.user = user;
		log.kind = (Call__LogKind)q->log_kind;
		log.has_from = log.has_max = 1;
		log.from = q->from;
		log.max = q->max > IWU_ENTRIES ? IWU_ENTRIES : q->max;
		log.has_mark_read = log.mark_read = q->mark_read;
		body = &log.base;
		type = CALL__TYPE__CALL_LOG_GET;
		reply = &call__log_page__descriptor;
		cb = on_log;
		break;
	case IWU_Q_LOG_CLEAR:
		clear.user = user;
		clear.kind = (Call__LogKind)q->log_kind;
		clear.has_id = q->id != 0;
		clear.id = q->id;
		body = &clear.base;
		type = CALL__TYPE__CALL_LOG_CLEAR;
		break;
	case IWU_Q_FORWARD:
		fwd.user = user;
		fwd.when = (Call__ForwardWhen)q->when;
		fwd.has_target = q->target.n > 0;
		fwd.target = bin(q->target);
		body = &fwd.base;
		type = CALL__TYPE__CALL_FORWARD_SET;
		break;
	case IWU_Q_PRESENCE:
		pres.user = user;
		pres.state = q->state;
		body = &pres.base;
		type = CALL__TYPE__CALL_PRESENCE_SET;
		break;
	case IWU_Q_DIRECTORY:
		dir.user = user;
		dir.text = bin(q->text);
		dir.has_from = dir.has_max = 1;
		dir.from = q->from;
		dir.max = q->max > IWU_ENTRIES ? IWU_ENTRIES : q->max;
		body = &dir.base;
		type = CALL__TYPE__CALL_DIR_SEARCH;
		reply = &call__dir_page__descriptor;
		cb = on_dir;
		ms = DIRECTORY_MS;
		break;
	case IWU_Q_SERVER:
		info.user = user;
		body = &info.base;
		type = CALL__TYPE__CALL_SERVER_INFO;
		reply = &call__server_info_done__descriptor;
		cb = on_server;
		break;
	default:
		return ERR_UNSUPP;
	}
	struct ask *a = mem_new(sizeof(*a));
	list_init(&a->node);
	a->r = r;
	a->phones = phones;
	a->token = token;
	(void)snprintf(a->ipei, sizeof(a->ipei), "%s", pp->ipei);
	int err = ipc_request(r->sipd, IPC_IF_CALL, type, body, reply, ms, cb, a);
	if (err)
		free(a);
	else
		list_append(&r->asks, &a->node);
	return err;
}

void call_svc_forget(struct dectd *r)
{
	LIST_FOREACH(&r->asks, it)
	{
		struct ask *a = LIST_ENTRY(it, struct ask, node);
		ipc_forget(r->d->ipc, a);
		list_remove(&a->node);
		free(a);
	}
}
