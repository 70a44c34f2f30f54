#ifndef PRESENCED_DIR_FILTER_H
#define PRESENCED_DIR_FILTER_H
#include "common/wr.h"

/* LDAP search filters (RFC 4515), built from parts that are escaped: never by printing a value into a format. */
#define DIR_FILTER_MAX 2048
#define DIR_TYPED_MAX  64 /* octets of typed text that are searched for */

/* A value: * ( ) \ NUL, control octets and everything beyond ASCII as \xx. What is typed has no wildcards. */
void dir_filter_value(struct wr *w, struct slice v);
/* Balanced, no octets below 0x20, half of DIR_FILTER_MAX at most: an administrator's filter that does not end the list that it
 * is put into. Whether it is one, libldap says when it is sent. */
bool dir_filter_sound(struct slice f);
/* (&people(|(a=typed*)(b=typed*)…)), or (&people(anr=typed)) where anr; words apart in typed stay together. admin: a
 * sound filter, or empty. ERR_LIMIT: longer than DIR_TYPED_MAX; ERR_SYNTAX: nothing to search, or not UTF-8. */
int dir_filter_name(struct wr *w, struct slice admin, struct slice typed, bool anr) MUST_CHECK;
/* Names of the attributes that a sound filter looks at, each once, in buf; out ends with NULL and has room for max and that. */
#define DIR_FILTER_ATTRIBUTES 16
unsigned dir_filter_attributes(struct slice f, char *buf, size_t cap, char **out, unsigned max);
/* People who are enabled and can be seen. */
const char *dir_filter_people(bool ad);
#endif
