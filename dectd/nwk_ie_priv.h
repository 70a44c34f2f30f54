#ifndef DECTD_NWK_IE_PRIV_H
#define DECTD_NWK_IE_PRIV_H
#include "common/mem.h"
#include "dectd/nwk_ie.h"

/* Shared by the files that read and write elements; of no use to others. */

/* The three functions of an element whose value parser and value writer are static here. */
#define IE_DEFINE(name, ident)                                                                     \
	int ie_##name##_parse(struct rd v, struct ie_##name *out)                                  \
	{                                                                                          \
		int err;                                                                           \
                                                                                                   \
		*out = (struct ie_##name){ 0 };                                                    \
		err = name##_read(&v, out);                                                        \
		if (!err && v.bad)                                                                 \
			err = ERR_TRUNCATED;                                                       \
		if (err)                                                                           \
			*out = (struct ie_##name){ 0 };                                            \
		return err;                                                                        \
	}                                                                                          \
	int ie_##name##_of(const struct nwk_msg *m, struct ie_##name *out)                         \
	{                                                                                          \
		const struct nwk_ie *ie = nwk_ie(m, ident);                                        \
                                                                                                   \
		if (!ie) {                                                                         \
			*out = (struct ie_##name){ 0 };                                            \
			return ERR_NOTFOUND;                                                       \
		}                                                                                  \
		return ie_##name##_parse(rd_of(ie->p, ie->n), out);                                \
	}                                                                                          \
	void ie_##name##_put(struct wr *w, const struct ie_##name *in)                             \
	{                                                                                          \
		size_t at = ie_open(w, ident);                                                     \
                                                                                                   \
		name##_write(w, in);                                                               \
		ie_close(w, at);                                                                   \
	}

/* Identifier and a length octet to be filled in. */
static inline size_t ie_open(struct wr *w, uint8_t id)
{
	wr_u8(w, id);
	return wr_hole(w, 1);
}

static inline void ie_close(struct wr *w, size_t at)
{
	if (w->bad)
		return;
	if (w->n - at - 1 > UINT8_MAX)
		w->bad = true;
	else
		w->p[at] = (uint8_t)(w->n - at - 1);
}

static inline void ie_field(struct wr *w, unsigned v, unsigned max)
{
	if (v > max)
		w->bad = true;
}

static inline struct slice ie_rest(struct rd *r)
{
	struct slice s = { (const char *)r->p, rd_left(r) };

	r->p = r->end;
	return s;
}

/* Variable elements with a structure. */
#define IE_LIST(E)                                                                                 \
	E(portable, IE_PORTABLE)                                                                   \
	E(fixed, IE_FIXED)                                                                         \
	E(location, IE_LOCATION_AREA)                                                              \
	E(nwk_assigned, IE_NWK_ASSIGNED)                                                           \
	E(identity_type, IE_IDENTITY_TYPE)                                                         \
	E(info_type, IE_INFO_TYPE)                                                                 \
	E(model, IE_MODEL)                                                                         \
	E(auth_type, IE_AUTH_TYPE)                                                                 \
	E(allocation_type, IE_ALLOCATION_TYPE)                                                     \
	E(cipher_info, IE_CIPHER_INFO)                                                             \
	E(key, IE_KEY)                                                                             \
	E(duration, IE_DURATION)                                                                   \
	E(setup_cap, IE_SETUP_CAP)                                                                 \
	E(terminal_cap, IE_TERMINAL_CAP)                                                           \
	E(codec_list, IE_CODEC_LIST)                                                               \
	E(number, IE_CALLING_NUMBER)                                                               \
	E(calling_name, IE_CALLING_NAME)                                                           \
	E(called_name, IE_CALLED_NAME)                                                             \
	E(progress, IE_PROGRESS)                                                                   \
	E(service_change, IE_SERVICE_CHANGE)                                                       \
	E(call_attr, IE_CALL_ATTR)                                                                 \
	E(conn_attr, IE_CONN_ATTR)                                                                 \
	E(iwu_attr, IE_IWU_ATTR)                                                                   \
	E(call_identity, IE_CALL_IDENTITY)                                                         \
	E(conn_identity, IE_CONN_IDENTITY)                                                         \
	E(feature, IE_FEATURE_ACTIVATE)                                                            \
	E(network_param, IE_NETWORK_PARAM)                                                         \
	E(called_subaddr, IE_CALLED_SUBADDR)                                                       \
	E(segmented, IE_SEGMENTED)                                                                 \
	E(time_date, IE_TIME_DATE)                                                                 \
	E(events, IE_EVENTS)                                                                       \
	E(call_info, IE_CALL_INFO)                                                                 \
	E(iwu, IE_IWU_TO_IWU)                                                                      \
	E(escape, IE_ESCAPE)                                                                       \
	E(alphanumeric, IE_ALPHANUMERIC)                                                           \
	E(list_change, IE_LIST_CHANGE)

#endif
