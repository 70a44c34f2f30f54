#ifndef DECTD_METRICS_H
#define DECTD_METRICS_H
#include "dectd/dectd.h"

/* Counters of the layers as OpenMetrics, copied once a second. */
void metrics_update(struct dectd *r);
#endif
