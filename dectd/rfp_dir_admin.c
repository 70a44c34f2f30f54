/* The directory of base stations: the administrator's side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/rfp_dir_priv.h"

/* ---- the administrator ---- */

static int free_rpn(struct rfp_dir *d, uint32_t cluster, uint8_t *out)
{
	bool used[256] = { true }; /* 0 stands for "all" in pages and maps */

	LIST_FOREACH(&d->bases, it)
	{
		struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);

		if (b->rec.admitted && b->rec.cluster == cluster)
			used[b->rec.rpn] = true;
	}
	for (unsigned i = 1; i <= ident_rpns(&d->conf.ident); i++)
		if (!used[i]) {
			*out = (uint8_t)i;
			return 0;
		}
	return ERR_LIMIT;
}

int rfp_dir_admit(struct rfp_dir *d, const uint8_t mac[6], const struct rfp_admit *a)
{
	struct rfp_base *b = rfp_dir_find(d, mac);
	struct base_rec r = b ? b->rec : (struct base_rec){ .dect = true, .cluster = 1 };
	bool renew = !b || !r.admitted;
	int err;

	memcpy(r.mac, mac, 6);
	if (a->name)
		snprintf(r.name, sizeof(r.name), "%s", a->name);
	if (a->cluster && a->cluster != r.cluster) {
		r.cluster = a->cluster;
		renew = true;
	}
	if (a->dect >= 0)
		r.dect = a->dect;
	r.re_enrol = r.re_enrol || a->re_enrol;
	if (renew) {
		err = free_rpn(d, r.cluster, &r.rpn);
		if (err)
			return err;
	}
	r.admitted = true;
	err = basedb_put(d->db, &r);
	if (err)
		return err;
	if (!b) {
		b = rfp_dir_base_new(d, &r);
	} else {
		bool again = b->link &&
		             (r.cluster != b->rec.cluster || r.dect != b->rec.dect || a->re_enrol);

		/* It comes back by itself, with the new settings; it leaves as what it was, out of its cluster. */
		if (again)
			rfp_link_close(b->link, RFP_W_RESTART);
		r.last_seen = b->rec.last_seen;
		b->rec = r;
	}
	d->ops->changed(d->ctx, b->rec.id);
	return 0;
}

int rfp_dir_remove(struct rfp_dir *d, const uint8_t mac[6])
{
	struct rfp_base *b = rfp_dir_find(d, mac);
	int err;

	if (!b)
		return ERR_NOTFOUND;
	err = basedb_remove(d->db, b->rec.id);
	if (err)
		return err;
	LIST_FOREACH(&d->links, it)
	{
		struct dir_link *dl = LIST_ENTRY(it, struct dir_link, node);

		if (dl->base != b)
			continue;
		if (!dl->ended)
			rfp_link_close(dl->link, RFP_W_REMOVED);
		dl->base = NULL;
	}
	if (b->rec.enrolled && d->ops->keys(d->ctx, rfp_dir_ticket(d), mac, RKEY_FORGET, NULL,
	                           (struct slice){ 0 }) != 0)
		log_ev(LOG_ERR, "key of a removed base is still in certd", F_RFP(b->rec.id));
	rfp_dir_unlink_base(b);
	d->ops->changed(d->ctx, b->rec.id);
	free(b);
	return 0;
}

int rfp_dir_import(struct rfp_dir *d, const uint8_t mac[6], const char *name, const uint8_t *rfpa)
{
	struct rfp_base *b;
	int err = d->ops->keys(d->ctx, rfp_dir_ticket(d), mac, RKEY_IMPORT, NULL,
	    (struct slice){ (const char *)rfpa, RFP_RFPA_LEN });

	if (err)
		return err;
	err = rfp_dir_admit(d, mac, &(struct rfp_admit){ .name = name, .dect = -1 });
	if (err)
		return err;
	b = rfp_dir_find(d, mac);
	b->rec.enrolled = true;
	return basedb_put(d->db, &b->rec);
}

int rfp_dir_restart(struct rfp_dir *d, const uint8_t mac[6])
{
	struct rfp_base *b = rfp_dir_find(d, mac);
	struct rfp_msg m = { .type = RFP_SYS_RESET };

	if (!b)
		return ERR_NOTFOUND;
	if (!b->link)
		return ERR_LOST;
	m.u.reset.action = RFP_RESET_REBOOT;
	return rfp_link_send(b->link, &m);
}

void rfp_dir_close_all(struct rfp_dir *d)
{
	LIST_FOREACH(&d->links, it)
	{
		struct dir_link *dl = LIST_ENTRY(it, struct dir_link, node);

		if (!dl->ended)
			rfp_link_close(dl->link, RFP_W_SHUTDOWN);
	}
}

void rfp_dir_caps(struct rfp_dir *d)
{
	LIST_FOREACH(&d->bases, it)
	{
		struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);

		if (b->link)
			rfp_link_set_caps(b->link, rfp_dir_caps_of(b));
	}
}

void rfp_dir_set_conf(struct rfp_dir *d, const struct rfp_dir_conf *conf)
{
	d->conf = *conf;
	rfp_dir_caps(d);
}

const char *rfp_dir_state(const struct rfp_base *b)
{
	if (b->alarms & (RA_TOO_OLD | RA_TOO_NEW))
		return "refused";
	if (!b->rec.admitted)
		return "pending";
	if (!b->link)
		return b->rec.first_seen || b->rec.last_seen ? "down" : "expected";
	if (rfp_link_on_air(b->link))
		return "up";
	return b->rec.dect ? "starting" : "radio off";
}

void rfp_dir_trouble(const struct rfp_base *b, char *out, size_t cap)
{
	static const struct {
		unsigned bit;
		const char *text;
	} words[] = { { RA_OTHER_KEY, "it has another key than when it was admitted" },
		{ RA_DOUBLE, "a second device uses its MAC address" },
		{ RA_TOO_OLD, "firmware too old" },
		{ RA_TOO_NEW, "firmware newer than protocol-max" },
		{ RA_NO_CERTD, "certd does not answer" }, { RA_NO_RPN, "no radio part number" },
		{ RA_BAD_SIGNATURE, "its SYS_INIT signature is wrong" },
		{ RA_NO_KEY, "certd has no key for it" } };
	struct wr w = wr_of(out, cap ? cap - 1 : 0);
	const char *sync = rfp_dir_sync_trouble(b);
	const char *radio = b->link ? rfp_link_trouble(b->link) : "";

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (b->alarms & words[i].bit) {
			wr_str(&w, w.n ? "; " : "");
			wr_str(&w, words[i].text);
		}
	if (b->rec.admitted && !b->link && b->links) {
		wr_str(&w, w.n ? "; " : "");
		wr_fmt(&w, "lost: %s", rfp_why_text(b->last_why));
	}
	if (*radio) {
		wr_str(&w, w.n ? "; " : "");
		wr_str(&w, radio);
	}
	if (*sync) {
		wr_str(&w, w.n ? "; " : "");
		wr_str(&w, sync);
	}
	if (cap)
		out[w.n] = '\0';
}
