#ifndef COMMON_MEM_H
#define COMMON_MEM_H
#include <stddef.h>

/* Allocation for control objects: zeroed, never NULL. Every size that a peer can influence is capped before it
 * gets here, so running out means that the host is out of memory: log and abort, systemd restarts us. */
void *mem_new(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_array(size_t n, size_t size)
    __attribute__((malloc, returns_nonnull)); /* overflow aborts */
void *mem_grow(void *old, size_t n, size_t size)
    __attribute__((returns_nonnull)); /* realloc, new part not zeroed */
void *mem_dup(const void *p, size_t n)
    __attribute__((malloc, returns_nonnull)); /* + a NUL after the copy */
char *mem_str(const char *s) __attribute__((malloc, returns_nonnull));

/* A file in memory of what was given, sealed, so that the process that gets it can read it and nothing can change it.
 * Returns its descriptor (close-on-exec), which the caller closes, or a negative errno. */
int mem_sealed(const char *name, const void *p, size_t n);

/* Overwrites in a way that the compiler cannot drop. */
void mem_wipe(void *p, size_t n);
/* Wipes n bytes, then frees; NULL is fine. */
void mem_free_wiped(void *p, size_t n);
/* Constant-time comparison of n bytes: 0 when equal. */
int mem_differs(const void *a, const void *b, size_t n);

/* Own bug: logs where, aborts. Never for input. */
#define BUG_ON(cond)                                                                               \
	do {                                                                                       \
		if (cond)                                                                          \
			mem_bug(#cond, __FILE__, __LINE__);                                        \
	} while (0)
void mem_bug(const char *what, const char *file, int line) __attribute__((noreturn));

#define ARRAY_LEN(a)               (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, mem) ((type *)(void *)((char *)(p)-offsetof(type, mem)))
#endif
