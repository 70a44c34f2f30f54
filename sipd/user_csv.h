#ifndef SIPD_USER_CSV_H
#define SIPD_USER_CSV_H
#include "sipd/user.h"

/* Users as CSV (RFC 4180) with a head line of field names; "password" and "access-code" columns are for certd. */
typedef void user_csv_h(
    void *ctx, struct slice name, struct slice password, struct slice access_code);
struct user_csv_result {
	unsigned added, changed, same, bad;
	unsigned line; /* of the first bad one */
	char why[200];
	char lines[900]; /* the first of the bad ones, each "line 7: why\n" */
};
/* Checks every line; without dry and without a bad line all are stored in one commit, then `secret` is called for the
 * lines that carry some. diff gets what changes as text ("+ 200", "~ 201 display-name: A -> B"). ERR_VALUE with
 * result->bad > 0: nothing was stored. */
int user_csv_import(struct users *us, struct slice text, bool dry, struct wr *diff,
    user_csv_h *secret, void *ctx, struct user_csv_result *result) MUST_CHECK;
/* Heap, NUL-terminated; the caller frees. No secrets. */
char *user_csv_export(struct users *us, size_t *n);
#endif
