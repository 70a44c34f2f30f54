/* Information elements: calls, features, events, texts, proprietary. */
#include "dectd/nwk_ie_priv.h"

static int basic_service_read(struct rd *r, struct ie_basic_service *out)
{
	uint8_t o = rd_u8(r);

	out->cls = o >> 4;
	out->service = o & 15;
	return 0;
}

int ie_basic_service_parse(struct rd v, struct ie_basic_service *out)
{
	int err;

	*out = (struct ie_basic_service){ 0 };
	err = basic_service_read(&v, out);
	return !err && v.bad ? ERR_TRUNCATED : err;
}

int ie_basic_service_of(const struct nwk_msg *m, struct ie_basic_service *out)
{
	const struct nwk_ie *ie = nwk_ie(m, IE_BASIC_SERVICE);

	*out = (struct ie_basic_service){ 0 };
	return ie ? ie_basic_service_parse(rd_of(ie->p, ie->n), out) : ERR_NOTFOUND;
}

void ie_basic_service_put(struct wr *w, const struct ie_basic_service *in)
{
	ie_field(w, in->cls, 15);
	ie_field(w, in->service, 15);
	ie_octet_put(w, IE_BASIC_SERVICE, (uint8_t)(in->cls << 4 | in->service));
}

static int number_read(struct rd *r, struct ie_number *out)
{
	uint8_t o = rd_u8(r);

	out->type = o >> 4 & 7;
	out->plan = o & 15;
	if (!(o & 0x80)) {
		o = rd_u8(r);
		out->has_present = true;
		out->present = o >> 5 & 3;
		out->screen = o & 3;
		while (!(o & 0x80) && !r->bad)
			o = rd_u8(r);
	}
	out->number = ie_rest(r);
	return 0;
}

static void number_write(struct wr *w, const struct ie_number *in)
{
	ie_field(w, in->type, 7);
	ie_field(w, in->plan, 15);
	ie_field(w, in->present, 3);
	ie_field(w, in->screen, 3);
	wr_u8(w, (in->has_present ? 0 : 0x80u) | (unsigned)in->type << 4 | in->plan);
	if (in->has_present)
		wr_u8(w, 0x80u | (unsigned)in->present << 5 | in->screen);
	wr_slice_add(w, in->number);
}

IE_DEFINE(number, IE_CALLING_NUMBER)

int ie_called_number_of(const struct nwk_msg *m, struct ie_number *out)
{
	const struct nwk_ie *ie = nwk_ie(m, IE_CALLED_NUMBER);

	*out = (struct ie_number){ 0 };
	return ie ? ie_number_parse(rd_of(ie->p, ie->n), out) : ERR_NOTFOUND;
}

void ie_called_number_put(struct wr *w, const struct ie_number *in)
{
	struct ie_number plain = *in;
	size_t at = ie_open(w, IE_CALLED_NUMBER);

	plain.has_present = false;
	number_write(w, &plain);
	ie_close(w, at);
}

static int calling_name_read(struct rd *r, struct ie_calling_name *out)
{
	uint8_t o = rd_u8(r);

	out->present = o >> 5 & 3;
	out->alphabet = o >> 2 & 7;
	out->screen = o & 3;
	out->name = ie_rest(r);
	return 0;
}

static void calling_name_write(struct wr *w, const struct ie_calling_name *in)
{
	ie_field(w, in->present, 3);
	ie_field(w, in->alphabet, 7);
	ie_field(w, in->screen, 3);
	wr_u8(w, (unsigned)in->present << 5 | (unsigned)in->alphabet << 2 | in->screen);
	wr_slice_add(w, in->name);
}

IE_DEFINE(calling_name, IE_CALLING_NAME)

static struct slice counted(struct rd *r)
{
	uint8_t n = rd_u8(r) & 0x7f;

	return (struct slice){ (const char *)rd_bytes(r, n), n };
}

static int called_name_read(struct rd *r, struct ie_called_name *out)
{
	uint8_t o = rd_u8(r);

	out->alphabet = o >> 2 & 7;
	out->screen = o & 3;
	out->family = counted(r);
	if (rd_left(r))
		out->first = counted(r);
	return 0;
}

static void called_name_write(struct wr *w, const struct ie_called_name *in)
{
	ie_field(w, in->alphabet, 7);
	ie_field(w, in->screen, 3);
	ie_field(w, in->family.n > 0x7f || in->first.n > 0x7f, 0);
	wr_u8(w, (unsigned)in->alphabet << 2 | in->screen);
	wr_u8(w, 0x80u | (unsigned)in->family.n);
	wr_slice_add(w, in->family);
	wr_u8(w, 0x80u | (unsigned)in->first.n);
	wr_slice_add(w, in->first);
}

IE_DEFINE(called_name, IE_CALLED_NAME)

static int progress_read(struct rd *r, struct ie_progress *out)
{
	out->location = rd_u8(r) & 15;
	out->description = rd_u8(r) & 0x7f;
	return 0;
}

static void progress_write(struct wr *w, const struct ie_progress *in)
{
	ie_field(w, in->location, 15);
	ie_field(w, in->description, 0x7f);
	wr_u8(w, 0x80u | in->location);
	wr_u8(w, 0x80u | in->description);
}

IE_DEFINE(progress, IE_PROGRESS)

static int service_change_read(struct rd *r, struct ie_service_change *out)
{
	uint8_t o = rd_u8(r);

	out->master = o & 0x10;
	out->mode = o & 15;
	if (!(o & 0x80))
		out->ext = rd_u8(r) & 0x7f;
	if (rd_left(r))
		out->attr = rd_u8(r);
	return 0;
}

static void service_change_write(struct wr *w, const struct ie_service_change *in)
{
	bool ext = in->mode >= 0x0e;

	ie_field(w, in->mode, 15);
	ie_field(w, in->ext, ext ? 0x7f : 0);
	wr_u8(w, (ext ? 0 : 0x80u) | (in->master ? 0x10u : 0) | in->mode);
	if (ext)
		wr_u8(w, 0x80u | in->ext);
	if (in->attr)
		wr_u8(w, in->attr);
}

IE_DEFINE(service_change, IE_SERVICE_CHANGE)

static int call_attr_read(struct rd *r, struct ie_call_attr *out)
{
	uint8_t o;

	rd_u8(r); /* coding standard and network layer attributes: basic speech */
	o = rd_u8(r);
	out->cplane = o >> 4 & 7;
	out->routing = o & 15;
	o = rd_u8(r);
	out->lu = out->lu_back = o & 0x1f;
	if (!(o & 0x80))
		out->lu_back = rd_u8(r) & 0x1f;
	o = rd_u8(r);
	out->uplane = o >> 4 & 7;
	out->fu = o & 15;
	return 0;
}

static void call_attr_write(struct wr *w, const struct ie_call_attr *in)
{
	ie_field(w, in->cplane, 7);
	ie_field(w, in->routing, 15);
	ie_field(w, in->lu, 0x1f);
	ie_field(w, in->lu_back, 0x1f);
	ie_field(w, in->uplane, 7);
	ie_field(w, in->fu, 15);
	wr_u8(w, 0x81);
	wr_u8(w, 0x80u | (unsigned)in->cplane << 4 | in->routing);
	wr_u8(w, (in->lu == in->lu_back ? 0x80u : 0) | in->lu);
	if (in->lu != in->lu_back)
		wr_u8(w, 0x80u | in->lu_back);
	wr_u8(w, 0x80u | (unsigned)in->uplane << 4 | in->fu);
}

IE_DEFINE(call_attr, IE_CALL_ATTR)

static int conn_attr_read(struct rd *r, struct ie_conn_attr *out)
{
	uint8_t o = rd_u8(r);

	out->type = o >> 4 & 7;
	out->conn = o & 15;
	out->rest = ie_rest(r);
	return 0;
}

static void conn_attr_write(struct wr *w, const struct ie_conn_attr *in)
{
	ie_field(w, in->type, 7);
	ie_field(w, in->conn, 15);
	wr_u8(w, 0x80u | (unsigned)in->type << 4 | in->conn);
	wr_slice_add(w, in->rest);
}

IE_DEFINE(conn_attr, IE_CONN_ATTR)

static int iwu_attr_read(struct rd *r, struct ie_iwu_attr *out)
{
	uint8_t o = rd_u8(r);

	out->coding = o >> 5 & 3;
	out->cap = o & 0x1f;
	out->rest = ie_rest(r);
	return 0;
}

static void iwu_attr_write(struct wr *w, const struct ie_iwu_attr *in)
{
	ie_field(w, in->coding, 3);
	ie_field(w, in->cap, 0x1f);
	wr_u8(w, 0x80u | (unsigned)in->coding << 5 | in->cap);
	wr_slice_add(w, in->rest);
}

IE_DEFINE(iwu_attr, IE_IWU_ATTR)

static int call_identity_read(struct rd *r, struct ie_call_identity *out)
{
	uint8_t o = rd_u8(r);

	out->f = o & 0x80;
	out->tv = o >> 4 & 7;
	out->pd = o & 15;
	return 0;
}

static void call_identity_write(struct wr *w, const struct ie_call_identity *in)
{
	ie_field(w, in->tv, 6);
	ie_field(w, in->pd, 15);
	wr_u8(w, (in->f ? 0x80u : 0) | (unsigned)in->tv << 4 | in->pd);
}

IE_DEFINE(call_identity, IE_CALL_IDENTITY)

static int conn_identity_read(struct rd *r, struct ie_conn_identity *out)
{
	while (rd_left(r) && out->n < ARRAY_LEN(out->v)) {
		uint8_t o = rd_u8(r);

		out->v[out->n].uplane = o >> 4;
		out->v[out->n++].conn = o & 15;
	}
	return out->n ? 0 : ERR_TRUNCATED;
}

static void conn_identity_write(struct wr *w, const struct ie_conn_identity *in)
{
	ie_field(w, in->n - 1, ARRAY_LEN(in->v) - 1);
	for (unsigned i = 0; i < in->n && !w->bad; i++) {
		ie_field(w, in->v[i].uplane, 15);
		ie_field(w, in->v[i].conn, 15);
		wr_u8(w, (unsigned)in->v[i].uplane << 4 | in->v[i].conn);
	}
}

IE_DEFINE(conn_identity, IE_CONN_IDENTITY)

static void feature_head(struct rd *r, struct ie_feature *out)
{
	uint8_t o = rd_u8(r);

	out->feature = o & 0x7f;
	if (!(o & 0x80)) {
		out->has_param = true;
		out->param = rd_u8(r) & 0x7f;
	}
}

static void put_feature_head(struct wr *w, const struct ie_feature *in)
{
	ie_field(w, in->feature, 0x7f);
	ie_field(w, in->param, 0x7f);
	wr_u8(w, (in->has_param ? 0 : 0x80u) | in->feature);
	if (in->has_param)
		wr_u8(w, 0x80u | in->param);
}

static int feature_read(struct rd *r, struct ie_feature *out)
{
	feature_head(r, out);
	out->rest = ie_rest(r);
	return 0;
}

static void feature_write(struct wr *w, const struct ie_feature *in)
{
	put_feature_head(w, in);
	wr_slice_add(w, in->rest);
}

IE_DEFINE(feature, IE_FEATURE_ACTIVATE)

int ie_feature_indicate_of(const struct nwk_msg *m, struct ie_feature *out)
{
	const struct nwk_ie *ie = nwk_ie(m, IE_FEATURE_INDICATE);
	struct rd r;

	*out = (struct ie_feature){ 0 };
	if (!ie)
		return ERR_NOTFOUND;
	r = rd_of(ie->p, ie->n);
	feature_head(&r, out);
	out->status = rd_u8(&r) & 0x7f;
	out->rest = ie_rest(&r);
	if (r.bad)
		*out = (struct ie_feature){ 0 };
	return r.bad ? ERR_TRUNCATED : 0;
}

void ie_feature_indicate_put(struct wr *w, const struct ie_feature *in)
{
	size_t at = ie_open(w, IE_FEATURE_INDICATE);

	put_feature_head(w, in);
	ie_field(w, in->status, 0x7f);
	wr_u8(w, 0x80u | in->status);
	wr_slice_add(w, in->rest);
	ie_close(w, at);
}

static int network_param_read(struct rd *r, struct ie_network_param *out)
{
	out->type = rd_u8(r);
	out->data = ie_rest(r);
	return 0;
}

static void network_param_write(struct wr *w, const struct ie_network_param *in)
{
	wr_u8(w, in->type);
	wr_slice_add(w, in->data);
}

IE_DEFINE(network_param, IE_NETWORK_PARAM)

static int called_subaddr_read(struct rd *r, struct ie_called_subaddr *out)
{
	uint8_t o = rd_u8(r);

	out->type = o >> 4 & 7;
	out->odd = o & 0x08;
	out->digits = ie_rest(r);
	return 0;
}

static void called_subaddr_write(struct wr *w, const struct ie_called_subaddr *in)
{
	ie_field(w, in->type, 7);
	wr_u8(w, 0x80u | (unsigned)in->type << 4 | (in->odd ? 0x08u : 0));
	wr_slice_add(w, in->digits);
}

IE_DEFINE(called_subaddr, IE_CALLED_SUBADDR)

static int segmented_read(struct rd *r, struct ie_segmented *out)
{
	uint8_t o = rd_u8(r);

	out->first = o & 0x80;
	out->left = o & 0x7f;
	out->id = rd_u8(r);
	return 0;
}

static void segmented_write(struct wr *w, const struct ie_segmented *in)
{
	ie_field(w, in->left, 0x7f);
	wr_u8(w, (in->first ? 0x80u : 0) | in->left);
	wr_u8(w, in->id);
}

IE_DEFINE(segmented, IE_SEGMENTED)

/* ---- events, texts, proprietary ---- */

static int bcd(struct rd *r, uint8_t *out)
{
	uint8_t o = rd_u8(r);

	if (o >> 4 > 9 || (o & 15) > 9)
		return ERR_VALUE;
	*out = (uint8_t)((o >> 4) * 10 + (o & 15));
	return 0;
}

static int time_date_read(struct rd *r, struct ie_time_date *out)
{
	uint8_t o = rd_u8(r), zone = 0;

	out->has_date = o & 0x80;
	out->has_time = o & 0x40;
	out->kind = o & 0x3f;
	if (out->kind >= IE_T_REQUEST)
		return 0;
	if (out->has_date && (bcd(r, &out->year) || bcd(r, &out->month) || bcd(r, &out->day)))
		return ERR_VALUE;
	if (!out->has_time)
		return 0;
	if (bcd(r, &out->hour) || bcd(r, &out->minute) || bcd(r, &out->second))
		return ERR_VALUE;
	if (!rd_left(r))
		return 0;
	/* PP: whether the digits are swapped as in GSM is not settled; plain here, sign in bit 8. */
	o = rd_u8(r);
	if ((o & 15) > 9)
		return ERR_VALUE;
	zone = (uint8_t)((o >> 4 & 7) * 10 + (o & 15));
	out->zone = (int8_t)(o & 0x80 ? -zone : zone);
	return 0;
}

static void put_bcd(struct wr *w, unsigned v)
{
	ie_field(w, v, 99);
	wr_u8(w, v / 10 % 10 << 4 | v % 10);
}

static void time_date_write(struct wr *w, const struct ie_time_date *in)
{
	unsigned zone = (unsigned)(in->zone < 0 ? -in->zone : in->zone);

	ie_field(w, in->kind, 0x3f);
	ie_field(w, zone, 79);
	wr_u8(w, (in->has_date ? 0x80u : 0) | (in->has_time ? 0x40u : 0) | in->kind);
	if (in->kind >= IE_T_REQUEST)
		return;
	if (in->has_date) {
		put_bcd(w, in->year);
		put_bcd(w, in->month);
		put_bcd(w, in->day);
	}
	if (in->has_time) {
		put_bcd(w, in->hour);
		put_bcd(w, in->minute);
		put_bcd(w, in->second);
		wr_u8(w, (in->zone < 0 ? 0x80u : 0) | zone / 10 << 4 | zone % 10);
	}
}

IE_DEFINE(time_date, IE_TIME_DATE)

/* 7 bits an octet, bit 8 set in the last one; more than 16 bits: the low ones. */
static uint16_t sevens(struct rd *r)
{
	unsigned v = 0;
	uint8_t o;

	do {
		o = rd_u8(r);
		v = (v << 7 | (o & 0x7f)) & 0xffff;
	} while (!(o & 0x80) && !r->bad);
	return (uint16_t)v;
}

static void put_sevens(struct wr *w, unsigned v)
{
	if (v > 0x3fff)
		wr_u8(w, v >> 14);
	if (v > 0x7f)
		wr_u8(w, v >> 7 & 0x7f);
	wr_u8(w, 0x80u | (v & 0x7f));
}

static void read_event(struct rd *r, struct ie_event *e)
{
	uint8_t o = rd_u8(r);

	e->type = o & 0x3f;
	if (o & 0x40) {
		const uint8_t *from = r->p;

		e->proprietary = true;
		rd_be16(r);
		rd_bytes(r, rd_u8(r));
		e->data = (struct slice){ (const char *)from, (size_t)(r->p - from) };
		return;
	}
	if (!(o & 0x80)) {
		e->has_subtype = true;
		e->subtype = sevens(r);
	}
	e->count = sevens(r);
}

static int events_read(struct rd *r, struct ie_events *out)
{
	if (!rd_left(r))
		return ERR_TRUNCATED;
	while (rd_left(r) && out->n < IE_EVENTS_MAX && !r->bad)
		read_event(r, &out->e[out->n++]);
	return 0;
}

static void events_write(struct wr *w, const struct ie_events *in)
{
	ie_field(w, in->n - 1, IE_EVENTS_MAX - 1);
	for (unsigned i = 0; i < in->n && !w->bad; i++) {
		const struct ie_event *e = &in->e[i];

		ie_field(w, e->type, 0x3f);
		if (e->proprietary) {
			ie_field(w, e->data.n < 3 || (uint8_t)e->data.p[2] != e->data.n - 3, 0);
			wr_u8(w, 0x40u | e->type);
			wr_slice_add(w, e->data);
			continue;
		}
		wr_u8(w, (e->has_subtype ? 0 : 0x80u) | e->type);
		if (e->has_subtype)
			put_sevens(w, e->subtype);
		put_sevens(w, e->count);
	}
}

IE_DEFINE(events, IE_EVENTS)

static bool valueless(uint8_t type, uint8_t subtype)
{
	return type == IE_CI_LINE && subtype == 4; /* all lines */
}

static int call_info_read(struct rd *r, struct ie_call_info *out)
{
	if (!rd_left(r))
		return ERR_TRUNCATED;
	while (rd_left(r) && !r->bad) {
		struct ie_ci g = { .type = rd_u8(r) & 0x7f, .subtype = rd_u8(r) & 0x7f };

		g.has_value = !valueless(g.type, g.subtype);
		if (g.has_value)
			g.value = sevens(r);
		if (!r->bad && out->n < IE_CALL_INFO_MAX)
			out->g[out->n++] = g;
	}
	return 0;
}

static void call_info_write(struct wr *w, const struct ie_call_info *in)
{
	ie_field(w, in->n - 1, IE_CALL_INFO_MAX - 1);
	for (unsigned i = 0; i < in->n && !w->bad; i++) {
		const struct ie_ci *g = &in->g[i];

		ie_field(w, g->type, 0x7f);
		ie_field(w, g->subtype, 0x7f);
		ie_field(w, g->has_value == valueless(g->type, g->subtype), 0);
		wr_u8(w, g->type);
		wr_u8(w, g->subtype);
		if (g->has_value)
			put_sevens(w, g->value);
	}
}

IE_DEFINE(call_info, IE_CALL_INFO)

int ie_call_info_get(const struct ie_call_info *c, uint8_t type, uint8_t subtype)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->g[i].type == type && c->g[i].subtype == subtype)
			return c->g[i].value;
	return -1;
}

void ie_call_info_add(struct ie_call_info *c, uint8_t type, uint8_t subtype, int value)
{
	if (c->n == IE_CALL_INFO_MAX)
		return;
	c->g[c->n++] =
	    (struct ie_ci){ type, subtype, value >= 0, (uint16_t)(value >= 0 ? value : 0) };
}
