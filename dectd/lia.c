/* List access: sessions and commands. */
#include "dectd/lia.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

#define IDS      256 /* entries of a session that keep their identifier */
#define WAITING  4   /* commands that came while one was worked */
#define CMD_MAX  128
#define WANT_MAX 16

struct session {
	unsigned id; /* 1 … 127; 0: free */
	enum lia_list list;
	unsigned total;
	uint64_t ids[IDS]; /* of sipd; identifier on the air is the place, from 1 */
	unsigned nids;
	char text[64]; /* of contacts: what was searched for last; what is read then is of that */
	size_t ntext;
};
struct cmd {
	size_t n;
	uint8_t v[CMD_MAX];
};

struct lia {
	const struct lia_ops *ops;
	void *ctx;
	struct lia_line line;
	char *name;
	struct session s[LIA_SESSIONS];
	unsigned next_id;
	/* The command that waits for its answer. */
	bool busy;
	enum lia_cmd cmd;
	struct session *of;
	unsigned first, count;
	bool backward;
	uint64_t gone;
	uint8_t want[WANT_MAX];
	size_t nwant;
	struct cmd waiting[WAITING];
	unsigned nwaiting;
};

static const char *const list_names[LIA_NLISTS] = { "lists", "missed calls", "outgoing calls",
	"accepted calls", "all calls", "contacts", "names", "settings", "line" };

struct lia *lia_new(const struct lia_ops *ops, void *ctx, const struct lia_line *line)
{
	struct lia *l = mem_new(sizeof(*l));

	l->ops = ops;
	l->ctx = ctx;
	l->line = *line;
	l->name = line->name ? mem_str(line->name) : NULL;
	l->line.name = l->name;
	return l;
}

void lia_free(struct lia *l)
{
	if (!l)
		return;
	free(l->name);
	free(l);
}

unsigned lia_sessions(const struct lia *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LIA_SESSIONS; i++)
		n += l->s[i].id != 0;
	return n;
}

static struct session *find(struct lia *l, unsigned id)
{
	for (unsigned i = 0; id && i < LIA_SESSIONS; i++)
		if (l->s[i].id == id)
			return &l->s[i];
	return NULL;
}

static bool of_calls(enum lia_list list)
{
	return list >= LIA_MISSED && list <= LIA_ALL;
}

static unsigned log_kind(enum lia_list list)
{
	static const uint8_t kind[] = { 0, 3, 1, 2, 4 }; /* call.LogKind */

	return of_calls(list) ? kind[list] : 0;
}

/* ---- to the handset ---- */

static void tx(struct lia *l, const struct wr *w)
{
	if (!w->bad)
		l->ops->send(l->ctx, wr_slice(w));
}

static void nack(struct lia *l, unsigned session, enum lia_reason reason)
{
	uint8_t buf[8];
	struct wr w = wr_of(buf, sizeof(buf));

	wr_u8(&w, LIA_NACK);
	lia_put_number(&w, session);
	wr_u8(&w, reason);
	tx(l, &w);
}

static void tx_started(struct lia *l, unsigned list, const struct session *s, int refused)
{
	uint8_t buf[24];
	struct wr w = wr_of(buf, sizeof(buf));

	wr_u8(&w, LIA_START_CFM);
	wr_u8(&w, list);
	lia_put_number(&w, s ? s->id : 0);
	lia_put_number(&w, s ? s->total : 0);
	wr_u8(&w, 0x00); /* discriminator: none */
	if (!s)
		wr_u8(&w, (unsigned)refused);
	/* Sorted by: the time of a call, newest first; the name of a contact. */
	if (s && (of_calls(s->list) || s->list == LIA_CONTACTS)) {
		wr_u8(&w, 1);
		wr_u8(&w, s->list == LIA_CONTACTS ? 1 : s->list == LIA_ALL ? 4 : 3);
	} else {
		wr_u8(&w, 0);
	}
	tx(l, &w);
}

static void tx_packets(struct lia *l, unsigned session, struct slice data)
{
	do {
		uint8_t buf[LIA_PACKET + 4];
		struct wr w = wr_of(buf, sizeof(buf));
		size_t n = data.n < LIA_PACKET ? data.n : LIA_PACKET;

		wr_u8(&w, data.n > LIA_PACKET ? LIA_DATA : LIA_DATA_LAST);
		lia_put_number(&w, session);
		wr_bytes(&w, data.p, n);
		tx(l, &w);
		data.p += n;
		data.n -= n;
	} while (data.n);
}

/* ---- entries ---- */

static unsigned id_of(struct session *s, unsigned index, uint64_t id)
{
	if (!of_calls(s->list))
		return index;
	for (unsigned i = 0; i < IDS && i < s->nids; i++)
		if (s->ids[i] == id)
			return i + 1;
	s->ids[s->nids % IDS] = id;
	return s->nids++ % IDS + 1;
}

static size_t sizes(struct lia *l, const struct iwu_entry *e, unsigned n)
{
	struct slice want = { (const char *)l->want, l->nwant };
	size_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t buf[LIA_DATA_MAX];
		struct wr w = wr_of(buf, sizeof(buf));

		lia_put_entry(&w, l->of->list, 1, &e[i], &l->line, want);
		sum += w.n + 1; /* its identifier may take two octets */
	}
	return sum;
}

/* As many of them as an answer holds; the handset asks for the rest. */
static void tx_entries(struct lia *l, const struct iwu_entry *e, unsigned n, bool more)
{
	struct session *s = l->of;
	uint8_t data[LIA_DATA_MAX], head[12];
	struct wr d = wr_of(data, sizeof(data)), w = wr_of(head, sizeof(head));
	struct slice want = { (const char *)l->want, l->nwant };
	unsigned k = 0;

	/* Backward: those next to where the handset stands are wanted first. */
	while (l->backward && k + 1 < n && sizes(l, e + k, n - k) > sizeof(data))
		k++;
	e += k;
	n -= k;
	l->first += k;
	for (k = 0; k < n; k++) {
		size_t at = d.n;

		lia_put_entry(&d, s->list, id_of(s, l->first + k, e[k].id), &e[k], &l->line, want);
		if (d.bad) {
			d.n = at;
			more = true;
			break;
		}
	}
	wr_u8(&w, l->cmd == LIA_READ ? LIA_READ_CFM : LIA_SEARCH_CFM);
	lia_put_number(&w, s->id);
	lia_put_number(&w, k ? l->first : 0);
	wr_u8(&w, (l->cmd == LIA_SEARCH && more ? 0x80u : 0) | k);
	tx(l, &w);
	if (k)
		tx_packets(l, s->id, (struct slice){ (const char *)data, d.n });
}

/* ---- what a command needs to know ---- */

static void next(struct lia *l);

static void fail(struct lia *l)
{
	if (l->cmd == LIA_START) {
		tx_started(l, l->of->list, NULL, LIA_RF_RESOURCES);
		l->of->id = 0;
	} else {
		nack(l, l->of->id, LIA_R_LATER);
	}
}

static void ask(struct lia *l, struct session *s, enum lia_cmd cmd, const struct iwu_query *q)
{
	l->cmd = cmd;
	l->of = s;
	if (l->ops->query(l->ctx, q) != 0)
		fail(l);
	else
		l->busy = true;
}

static void ask_entries(
    struct lia *l, struct session *s, enum lia_cmd cmd, unsigned from, unsigned max, bool mark_read)
{
	struct iwu_query q = { .kind = s->list == LIA_CONTACTS ? IWU_Q_DIRECTORY : IWU_Q_LOG,
		.log_kind = log_kind(s->list),
		.from = from,
		.max = max,
		.mark_read = mark_read,
		.text = { s->text, s->ntext } };

	ask(l, s, cmd, &q);
}

void lia_answer(struct lia *l, const struct iwu_answer *a)
{
	struct session *s = l->of;

	if (!l->busy)
		return;
	l->busy = false;
	if (a->err) {
		log_ev(LOG_INFO, "list not read", F_TEXT("IPDECT_LIST", list_names[s->list]),
		    F_ERR(a->err), F_WHY(a->why));
		fail(l);
		next(l);
		return;
	}
	switch (l->cmd) {
	case LIA_START:
		s->total = a->total;
		tx_started(l, s->list, s, 0);
		break;
	case LIA_READ:
		s->total = a->total;
		if (a->n)
			tx_entries(l, a->e, a->n < l->count ? a->n : l->count, false);
		else
			nack(l, s->id, LIA_R_INDEX); /* they went meanwhile */
		break;
	case LIA_SEARCH:
		s->total = a->total;
		tx_entries(l, a->e, a->n < l->count ? a->n : l->count, a->total > l->count);
		break;
	case LIA_DELETE:
	case LIA_DELETE_LIST: {
		uint8_t buf[8];
		struct wr w = wr_of(buf, sizeof(buf));

		s->total = l->cmd == LIA_DELETE && s->total ? s->total - 1 : 0;
		wr_u8(&w, l->cmd + 1u);
		lia_put_number(&w, s->id);
		if (l->cmd == LIA_DELETE)
			lia_put_number(&w, s->total);
		tx(l, &w);
		for (unsigned i = 0; i < IDS; i++)
			if (l->cmd == LIA_DELETE_LIST || s->ids[i] == l->gone)
				s->ids[i] = 0;
		break;
	}
	default:
		break;
	}
	next(l);
}

/* ---- commands ---- */

static void start(struct lia *l, struct slice in)
{
	unsigned list = in.n ? (uint8_t)in.p[0] & 0x7f : LIA_NLISTS;
	const uint8_t *f;
	struct session *s = NULL;

	if (!in.n)
		return;
	if (!lia_fields((enum lia_list)list, &f)) {
		tx_started(l, list, NULL, LIA_RF_LIST);
		return;
	}
	for (unsigned i = 0; i < LIA_SESSIONS && !s; i++)
		if (!l->s[i].id)
			s = &l->s[i];
	if (!s) {
		tx_started(l, list, NULL, LIA_RF_SESSIONS);
		return;
	}
	memset(s, 0, sizeof(*s));
	do
		l->next_id = l->next_id % 127 + 1;
	while (find(l, l->next_id));
	s->id = l->next_id;
	s->list = (enum lia_list)list;
	s->total = 1;
	if (of_calls(s->list) || s->list == LIA_CONTACTS)
		ask_entries(l, s, LIA_START, 0, 1, false);
	else
		tx_started(l, list, s, 0);
}

static void query(struct lia *l, const struct session *s)
{
	uint8_t buf[24];
	struct wr w = wr_of(buf, sizeof(buf));
	const uint8_t *f;
	size_t n = lia_fields(s->list, &f);

	wr_u8(&w, LIA_QUERY_CFM);
	lia_put_number(&w, s->id);
	wr_u8(&w, 0); /* that may be edited */
	wr_u8(&w, (unsigned)n);
	wr_bytes(&w, f, n);
	tx(l, &w);
}

static void want(struct lia *l, struct slice fields)
{
	l->nwant = fields.n < WANT_MAX ? fields.n : WANT_MAX;
	memcpy(l->want, fields.p ? fields.p : "", l->nwant);
}

static void read_entries(struct lia *l, struct session *s, struct slice in)
{
	unsigned start, n;

	if (lia_get_number(&in, &start) || in.n < 2) {
		nack(l, s->id, LIA_R_FORMAT);
		return;
	}
	uint8_t counter = (uint8_t)in.p[0], mark = (uint8_t)in.p[1];
	n = counter & 0x7fu;
	if (!n) {
		nack(l, s->id, LIA_R_RANGE);
		return;
	}
	if (!start)
		start = s->total; /* the last */
	if (!start || start > s->total) {
		nack(l, s->id, LIA_R_INDEX);
		return;
	}
	want(l, (struct slice){ in.p + 2, in.n - 2 });
	/* Ascending either way: backward means the entries up to this one. */
	l->backward = counter & 0x80;
	if (n > IWU_ENTRIES)
		n = IWU_ENTRIES;
	if (l->backward) {
		if (n > start)
			n = start;
		start = start - n + 1;
	} else if (n > s->total - start + 1) {
		n = s->total - start + 1;
	}
	l->first = start;
	l->count = n;
	if (of_calls(s->list) || s->list == LIA_CONTACTS) {
		ask_entries(l, s, LIA_READ, start - 1, l->count, mark == 0x7f);
		return;
	}
	l->cmd = LIA_READ;
	l->of = s;
	tx_entries(l, &(struct iwu_entry){ 0 }, 1, false);
}

static void search(struct lia *l, struct session *s, struct slice in)
{
	unsigned n;

	/* Calls are searched by no one: sorted by time, the search would be for one. */
	if (s->list != LIA_CONTACTS) {
		nack(l, s->id, LIA_R_UNSUPPORTED);
		return;
	}
	if (in.n < 2) {
		nack(l, s->id, LIA_R_FORMAT);
		return;
	}
	in.p++, in.n--; /* matching options: the directory finds beginnings, whatever the case */
	if (lia_get_number(&in, &n) || in.n < n + 2 || n > sizeof(s->text)) {
		nack(l, s->id, LIA_R_FORMAT);
		return;
	}
	memcpy(s->text, in.p, n);
	s->ntext = n;
	in.p += n, in.n -= n;
	uint8_t counter = (uint8_t)in.p[0] & 0x7f;
	if (!counter) {
		nack(l, s->id, LIA_R_RANGE);
		return;
	}
	want(l, (struct slice){ in.p + 2, in.n - 2 });
	l->first = 1;
	l->backward = false;
	l->count = counter < IWU_ENTRIES ? counter : IWU_ENTRIES;
	ask_entries(l, s, LIA_SEARCH, 0, l->count, false);
}

static void delete (struct lia *l, struct session *s, enum lia_cmd cmd, struct slice in)
{
	struct iwu_query q = { .kind = IWU_Q_LOG_CLEAR, .log_kind = log_kind(s->list) };
	unsigned id = 0;

	if (!of_calls(s->list)) {
		nack(l, s->id, LIA_R_NOT_ALLOWED);
		return;
	}
	if (cmd == LIA_DELETE) {
		if (lia_get_number(&in, &id)) {
			nack(l, s->id, LIA_R_FORMAT);
			return;
		}
		if (!id || id > IDS || !s->ids[id - 1]) {
			nack(l, s->id, LIA_R_ENTRY);
			return;
		}
		q.id = l->gone = s->ids[id - 1];
	}
	ask(l, s, cmd, &q);
}

static void run(struct lia *l, struct slice in)
{
	enum lia_cmd cmd = (enum lia_cmd)(uint8_t)in.p[0];
	struct session *s;
	unsigned id;

	in.p++, in.n--;
	if (cmd == LIA_START) {
		start(l, in);
		return;
	}
	/* Answers to what we never ask; data of an entry whose {save entry} was refused. */
	if (cmd == LIA_DATA || cmd == LIA_DATA_LAST || cmd == LIA_NACK ||
	    (cmd <= LIA_SEARCH_CFM && cmd & 1))
		return;
	if (lia_get_number(&in, &id)) /* nobody to whom an answer could be sent */
		return;
	s = find(l, id);
	if (!s) {
		nack(l, id, LIA_R_SESSION);
		return;
	}
	switch (cmd) {
	case LIA_END: {
		uint8_t buf[4];
		struct wr w = wr_of(buf, sizeof(buf));

		wr_u8(&w, LIA_END_CFM);
		lia_put_number(&w, id);
		s->id = 0;
		tx(l, &w);
		break;
	}
	case LIA_QUERY:
		query(l, s);
		break;
	case LIA_READ:
		read_entries(l, s, in);
		break;
	case LIA_SEARCH:
		search(l, s, in);
		break;
	case LIA_DELETE:
	case LIA_DELETE_LIST:
		delete (l, s, cmd, in);
		break;
	case LIA_EDIT:
	case LIA_SAVE:
		nack(l, id, LIA_R_NOT_ALLOWED);
		break;
	default:
		nack(l, id, LIA_R_UNSUPPORTED);
		break;
	}
}

static void next(struct lia *l)
{
	while (!l->busy && l->nwaiting) {
		struct cmd c = l->waiting[0];

		l->nwaiting--;
		memmove(l->waiting, l->waiting + 1, l->nwaiting * sizeof(l->waiting[0]));
		run(l, (struct slice){ (const char *)c.v, c.n });
	}
}

void lia_input(struct lia *l, struct slice in)
{
	if (!in.n)
		return;
	if (!l->busy) {
		run(l, in);
		return;
	}
	if (l->nwaiting < WAITING && in.n <= CMD_MAX) {
		l->waiting[l->nwaiting].n = in.n;
		memcpy(l->waiting[l->nwaiting++].v, in.p, in.n);
		return;
	}
	log_ev(LOG_INFO, "list command dropped: too many at a time");
}
