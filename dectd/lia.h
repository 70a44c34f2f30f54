#ifndef DECTD_LIA_H
#define DECTD_LIA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/wr.h"
#include "dectd/iwu.h"

/* List access of New Generation DECT (TS 102 527-3 7.4.10): a handset reads the lists that the system keeps. Commands come and go
 * as contents of IWU-to-IWU (protocol "list access") in IWU-INFO of a call of class "list access", or of any other. The lists are
 * sipd's and presenced's: each command that needs them is one question, and one command is worked at a time.
 *
 * Numbers beyond one octet: 7 bits an octet, most significant first, bit 8 set in the last. Commands: command, session (list for
 * the first), what the command says. Entries: identifier, length, fields; fields: identifier, length, properties, value. Properties:
 * bit 8 set, bit 7 may be edited, bits 6-1 of the kind. Nothing may be edited here.
 *
 * PP: command and list numbers, order of octets, fields and reject reasons are those of published host interfaces and decoders of
 * two makers of DECT chips and of a published portable part; no handset was there to try. Where those are silent (what follows the number of
 * entries in {start session confirm}) the clause's order is taken. */

enum lia_cmd {
	LIA_START = 0x00,
	LIA_START_CFM,
	LIA_END,
	LIA_END_CFM,
	LIA_QUERY,
	LIA_QUERY_CFM,
	LIA_READ,
	LIA_READ_CFM,
	LIA_EDIT,
	LIA_EDIT_CFM,
	LIA_SAVE,
	LIA_SAVE_CFM,
	LIA_DELETE,
	LIA_DELETE_CFM,
	LIA_DELETE_LIST,
	LIA_DELETE_LIST_CFM,
	LIA_SEARCH,
	LIA_SEARCH_CFM,
	LIA_NACK,
	LIA_DATA,
	LIA_DATA_LAST
};
enum lia_list {
	LIA_LISTS = 0,
	LIA_MISSED = 1,
	LIA_OUTGOING = 2,
	LIA_ACCEPTED = 3,
	LIA_ALL = 4,
	LIA_CONTACTS = 5,
	LIA_NAMES = 6,    /* internal names: not kept */
	LIA_SETTINGS = 7, /* of the DECT system: the administrator's, not a handset's */
	LIA_LINE = 8,
	LIA_NLISTS
};
enum lia_refused { /* of {start session} */
	LIA_RF_RESOURCES = 0,
	LIA_RF_IN_USE = 1,
	LIA_RF_LIST = 2,
	LIA_RF_SESSIONS = 3
};
enum lia_reason { /* of {negative acknowledgement} */
	LIA_R_RANGE = 0,
	LIA_R_ENTRY = 1,
	LIA_R_SESSION = 2,
	LIA_R_LATER = 3,
	LIA_R_FORMAT = 4,
	LIA_R_INDEX = 5,
	LIA_R_UNSUPPORTED = 6,
	LIA_R_NOT_ALLOWED = 7
};

#define LIA_SESSIONS 4  /* at a time, of one handset */
#define LIA_PACKET   54 /* octets of entries in a data packet: an IWU-INFO of 63 octets, one frame */
#define LIA_DATA_MAX 640 /* octets of entries in one answer: 12 packets, fewer than a link holds */

struct lia;
struct lia_ops { /* neither calls back from inside */
	/* A command for the handset, borrowed. */
	void (*send)(void *ctx, struct slice cmd);
	/* lia_answer() answers. ERR_*: it will not. */
	int (*query)(void *ctx, const struct iwu_query *q);
};
struct lia_line {         /* the one line of this handset; borrowed when told, kept */
	const char *name; /* UTF-8; NULL: none */
	unsigned handset; /* its number among those of the line, from 1 */
};

struct lia *lia_new(const struct lia_ops *ops, void *ctx, const struct lia_line *line);
void lia_free(struct lia *l);
/* A command of the handset. Whatever it is, it is answered or ignored. */
void lia_input(struct lia *l, struct slice cmd);
void lia_answer(struct lia *l, const struct iwu_answer *a);
unsigned lia_sessions(const struct lia *l);

/* lia_field.c: fields of a list. Which there are, in order, none may be edited; 0: no such list. */
size_t lia_fields(enum lia_list list, const uint8_t **fields);
/* An entry with those of the wanted fields that it has, in their order. wr.bad: no room. */
void lia_put_entry(struct wr *w, enum lia_list list, unsigned id, const struct iwu_entry *e,
    const struct lia_line *line, struct slice wanted);
void lia_put_number(struct wr *w, unsigned v); /* up to 14 bits */
/* ERR_TRUNCATED, ERR_VALUE. */
int lia_get_number(struct slice *s, unsigned *v) MUST_CHECK;
#endif
