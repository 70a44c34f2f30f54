#ifndef IPC_CTL_PRINT_H
#define IPC_CTL_PRINT_H
#include <stdbool.h>
#include <stdio.h>

#include "ctl.pb-c.h"

/* Prints rows of any message of ctl.proto by its descriptor: as a table, as one "field: value" list, or as JSON. */

/* Descriptor of a row by its full name; NULL: a newer daemon's row, unknown here. */
const ProtobufCMessageDescriptor *ctl_row_type(const char *name);

struct ctl_table;
struct ctl_table *ctl_table_new(void);
void ctl_table_free(struct ctl_table *t);
/* from: the daemon that answered; becomes a column when several did. false: unknown type or damaged row. */
bool ctl_table_add(struct ctl_table *t, const char *from, const Ctl__Row *row);
/* A column that the printed table leaves out; JSON has all. At most 8. */
void ctl_table_hide(struct ctl_table *t, const char *field);
/* Text of a string or bytes field of row i, escaped; heap. NULL: has none. */
char *ctl_table_text(const struct ctl_table *t, size_t i, const char *field);
size_t ctl_table_rows(const struct ctl_table *t);
/* A table per row type; columns that are empty in every row are left out. one: a single row is printed as a list. */
void ctl_table_print(const struct ctl_table *t, bool one, FILE *f);
/* One array with an object per row. */
void ctl_table_json(const struct ctl_table *t, FILE *f);
/* One row on one line, for streams: JSON, or "field=value …". */
bool ctl_row_line(const Ctl__Row *row, bool json, FILE *f);
/* Text with controls and invalid UTF-8 made harmless. lines: newlines and tabs may stay. */
void ctl_print_text(const uint8_t *p, size_t n, bool lines, FILE *f);
#endif
