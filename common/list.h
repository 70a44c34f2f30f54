#ifndef COMMON_LIST_H
#define COMMON_LIST_H
#include <stdbool.h>
#include <stddef.h>

#include "common/mem.h"

/* Intrusive doubly linked list with a head node. A node that is in no list points to itself
 * (after list_init) and may be removed again without harm. */
struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert(struct list *after, struct list *n)
{
	n->next = after->next;
	n->prev = after;
	after->next->prev = n;
	after->next = n;
}

static inline void list_append(struct list *head, struct list *n)
{
	list_insert(head->prev, n);
}

static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define LIST_ENTRY(node, type, mem) CONTAINER_OF(node, type, mem)
/* The current node may be removed inside; others may not. */
#define LIST_FOREACH(head, it)                                                                     \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
	     it = it##_next, it##_next = it->next)
#endif
