#ifndef PRESENCED_LYNC_XML_H
#define PRESENCED_LYNC_XML_H
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* The documents that a Lync front end sends for presence: roaming data and categories (MS-PRES 2.2.2.7, MS-SIPRE), version
 * faults (MS-PRES 2.2.2.10.4), provisioning groups (MS-SIPREGE 2.2.2.5). All untrusted: no document type, at most
 * SAX_DOC octets, SAX_DEPTH deep (sax.h). Elements are known by their local names, because name spaces vary between
 * product versions. Nothing is kept; callbacks get what is valid only during the call.
 *
 * Every parser: 0; ERR_LIMIT: too large, too deep, too many; ERR_SYNTAX: not well-formed, a document type, not the
 * document meant. Callbacks may have run before an error shows. */

struct lync_cat { /* one publication as the server tells it; texts are clipped, absent ones "" */
	char uri[160]; /* whose categories */
	char name[32], expire[12];
	uint32_t instance, container, version;
	char type[24]; /* of a state: "machineState", "aggregateState" … without a prefix */
	uint32_t availability;
	char token[64]; /* activity: the token, or the custom text */
	bool mwi, waiting, counted;
	uint32_t unread, read; /* voice mails, when counted */
	char line[96];         /* own number: "tel:…" of a Uc line */
	char note[136];        /* body of a personal note */
	struct slice raw;      /* of category "routing": the script as it is in the document */
};

struct lync_members { /* who may see a container */
	uint32_t id, version;
	bool same_enterprise, federated;
};

struct lync_roaming_ops { /* any may be NULL */
	/* A category is named for the first time: all that was known of it is void. Items follow. */
	void (*forget)(void *ctx, const char *name);
	void (*item)(void *ctx, const struct lync_cat *c);
	void (*members)(void *ctx, const struct lync_members *m);
};
int lync_roaming_parse(struct slice doc, const struct lync_roaming_ops *ops, void *ctx) MUST_CHECK;

#define LYNC_FAULT_MAX 16
struct lync_fault {
	char code[64]; /* "Client.BadCall.WrongDelta" */
	unsigned n;
	struct {
		uint32_t index, current; /* index counts publications from 1 */
		bool has_current;
	} op[LYNC_FAULT_MAX];
};
int lync_fault_parse(struct slice doc, struct lync_fault *f) MUST_CHECK;

/* name and value of each setting; group "ServerConfiguration", "ucPolicy" … White space is trimmed. */
typedef void(lync_setting_h)(void *ctx, const char *group, const char *name, struct slice value);
int lync_provision_parse(struct slice doc, lync_setting_h *fn, void *ctx) MUST_CHECK;
#endif
