#ifndef COMMON_STAT_H
#define COMMON_STAT_H
#include <stddef.h>
#include <stdint.h>

#include "common/wr.h"

/* Named counters, gauges and histograms of one daemon, printed as OpenMetrics text. A stat lives as long as its set;
 * keep the pointer. Names: ipdect_ROOM_WHAT[_UNIT], without _total. */
enum stat_kind { STAT_COUNTER, STAT_GAUGE };
struct stat_val {
	uint64_t v;
};
struct stat_set;

struct stat_set *stat_set_new(void);
void stat_set_free(struct stat_set *s);
/* labels: "class=\"2xx\"" or NULL. The same name and labels give the same stat; help and kind are the first caller's. */
struct stat_val *stat_get(struct stat_set *s, enum stat_kind kind, const char *name,
    const char *labels, const char *help);
static inline void stat_add(struct stat_val *s, uint64_t n)
{
	s->v += n;
}
static inline void stat_set_to(struct stat_val *s, uint64_t v)
{
	s->v = v;
}
/* Buckets in milliseconds: 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, +Inf. */
struct stat_hist;
struct stat_hist *stat_hist_get(struct stat_set *s, const char *name, const char *help);
void stat_observe(struct stat_hist *h, uint64_t us);
/* OpenMetrics text, with "# EOF". Heap, NUL-terminated; *n its length; the caller frees. */
char *stat_print(const struct stat_set *s, size_t *n);
#endif
