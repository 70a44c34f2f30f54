#ifndef IPC_CTL_METRICS_H
#define IPC_CTL_METRICS_H
#include <stdbool.h>
#include <stdio.h>

#include "ipc/ctl_client.h"

/* The OpenMetrics texts of several daemons as one: every family once, every sample with a label that names its daemon. */
struct ctl_metrics;

struct ctl_metrics *ctl_metrics_new(void);
void ctl_metrics_free(struct ctl_metrics *m);
/* text: what `metrics show` of that daemon gave; NULL: it could not be reached. Gives the gauge ipdect_up, too. */
void ctl_metrics_add(struct ctl_metrics *m, const char *daemon, const char *text, size_t n);
/* With "# EOF". */
void ctl_metrics_print(const struct ctl_metrics *m, FILE *f);

/* One HTTP request from in (until its empty line, at most 8 KiB, at most 5 s): which answer it wants. */
enum ctl_http { CTL_HTTP_OPENMETRICS, CTL_HTTP_TEXT, CTL_HTTP_BAD, CTL_HTTP_NOT_FOUND };
enum ctl_http ctl_http_read(int in, bool *head);
/* The answer; body NULL: says why not. */
void ctl_http_answer(FILE *out, enum ctl_http kind, bool head, const char *body, size_t n);
/* Asks all; prints one text, or answers the HTTP request on standard input with it. How many daemons answered. */
size_t ctl_metrics_ask(struct ctl_conn *c, size_t n, uint32_t ms, bool http);
#endif
