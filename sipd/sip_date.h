#ifndef SIPD_SIP_DATE_H
#define SIPD_SIP_DATE_H
#include <stdint.h>

#include "common/slice.h"

/* The Date header (RFC 3261 20.17, 25.1: SIP-date): "Sat, 13 Nov 2010 23:29:00 GMT" → Unix time, s. ERR_SYNTAX. */
int sip_date_parse(struct slice s, int64_t *out) MUST_CHECK;
#endif
