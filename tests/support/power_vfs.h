#ifndef TESTS_CERTD_POWER_VFS_H
#define TESTS_CERTD_POWER_VFS_H
#include <stdbool.h>
#include <stdint.h>

/* A file system in memory for SQLite that can lose its power. What was not synchronised at that moment is on the disk
 * or not, sector by sector, as a seeded coin says. */
struct power;
/* Becomes SQLite's default. */
struct power *power_new(void);
void power_free(struct power *p);
/* Power fails at the n-th operation that changes something (write, truncate, sync, delete), counted from now; that
 * operation is not done any more. 0: never. */
void power_cut_after(struct power *p, unsigned n);
bool power_is_cut(const struct power *p);
unsigned power_operations(const struct power *p);
/* From the operation on that power_cut_after() says, writes fail with SQLITE_FULL instead. */
void power_full(struct power *p, bool full);
/* Power is back: files are what the disk has. All connections must be closed. */
void power_back(struct power *p, uint64_t seed);
/* Everything is gone. */
void power_wipe(struct power *p);
#endif
