#ifndef SIPD_CHECK_DNS_H
#define SIPD_CHECK_DNS_H
#include "sipd/sipd.h"

/* Asks DNS for every proxy that has a name, past our cache, and adds a row for each. May leave r to be answered later. */
void check_dns(struct sipd *s, struct ctl_run *r);
/* At the end of sipd: what is not answered is so now. */
void check_dns_stop(struct sipd *s);
#endif
