#ifndef SIPD_USER_H
#define SIPD_USER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/map.h"
#include "common/slice.h"
#include "common/wr.h"

/* Users: the form's fields, checked, in memory and in SQLite (users.db). A change that was accepted is on disk when
 * the function returns (synchronous = FULL). Passwords and access codes are certd's; here is only whether there are. */
enum user_field {
	USER_NAME = 0, /* extension or SIP user name, the key; compared without case */
	USER_DOMAIN,   /* empty: the default domain */
	USER_DISPLAY_NAME,
	USER_STANDBY_TEXT,
	USER_IPEI, /* 12 digits; empty: no handset */
	USER_AUTH_USER,
	USER_DISABLED, /* "yes" or "" */
	USER_NUMBER,   /* a second number that reaches this user */
	USER_GROUP,
	USER_LOCALE,
	USER_FORWARD_ALWAYS,
	USER_FORWARD_BUSY,
	USER_FORWARD_NO_ANSWER,
	USER_FORWARD_UNREACHABLE,
	USER_HAS_PASSWORD,    /* "yes" or ""; not set by hand */
	USER_HAS_ACCESS_CODE, /* "yes" or ""; not set by hand */
	USER_NFIELDS
};
#define USER_NAME_MAX 64
#define USER_MAX      20000 /* users */

struct user_field_def {
	const char *name; /* column, argument of dectctl, CSV head: "display-name" */
	uint16_t max;     /* octets */
	bool settable;
	const char *help;
};
extern const struct user_field_def user_fields[USER_NFIELDS];
int user_field_find(
    struct slice name); /* < 0: none; '_', ' ' and '-' are the same, case does not matter */

struct user {
	struct map_node by_name, by_number, by_ipei;
	char key[USER_NAME_MAX + 1]; /* the name in lower case */
	char *f[USER_NFIELDS];       /* never NULL */
	bool noted;                  /* changed within the batch under way */
	void *room;                  /* run-time state of this user, the room's */
};
static inline bool user_on(const struct user *u, enum user_field f)
{
	return u->f[f][0] != '\0';
}

enum user_change { USER_PUT, USER_GONE };
typedef void(user_change_h)(void *ctx, struct user *u, enum user_change what);

struct users;
/* path ":memory:" for tests. *err: ERR_STORE. on_change runs after each change is on disk, for a deletion while the
 * record is still there; not at the start. */
struct users *users_open(const char *path, user_change_h *on_change, void *ctx, int *err);
void users_close(struct users *us);
size_t users_count(const struct users *us);
struct user *users_find(const struct users *us, struct slice name);
struct user *users_by_number(const struct users *us, struct slice number); /* second numbers */
struct user *users_by_ipei(const struct users *us, struct slice ipei);
/* Name or second number. */
struct user *users_reach(const struct users *us, struct slice number);
/* In the order of names. prev NULL: the first. O(1) after a sort that only changes redo. */
struct user *users_next(struct users *us, const struct user *prev);
/* The first whose key is greater: where a long table goes on. */
struct user *users_after(struct users *us, struct slice name);
/* Whether some user's name or number begins with these digits and is longer. */
bool users_prefix(struct users *us, struct slice digits);

struct user_edit {
	bool given[USER_NFIELDS];
	struct slice v[USER_NFIELDS];
};
enum user_mode { USER_ADD, USER_SET, USER_ADD_OR_SET };
/* Checks everything, then writes. v[USER_NAME] names the user. ERR_VALUE, ERR_EXISTS, ERR_NOTFOUND, ERR_LIMIT,
 * ERR_STORE; why gets the reason and the remedy. dry: check only. */
int users_edit(struct users *us, enum user_mode mode, const struct user_edit *e, bool dry,
    char *why, size_t cap) MUST_CHECK;
int users_del(struct users *us, struct slice name) MUST_CHECK;
/* Groups many edits into one commit. An error of users_commit means that nothing was stored. */
int users_begin(struct users *us) MUST_CHECK;
int users_commit(struct users *us) MUST_CHECK;
int users_rollback(struct users *us); /* as if nothing had been edited since users_begin */
/* Printed IPEI "05003 0070387", also with its check character, to 12 digits. ERR_VALUE. */
int user_ipei(struct slice text, char out[13]) MUST_CHECK;
#endif
