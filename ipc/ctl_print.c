/* Rows of control commands for people and for programs, by descriptor alone. */
#include "ipc/ctl_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Every message of ctl.proto whose name ends in Row; made by the build. */
#include "ctl_rows.inc"

const ProtobufCMessageDescriptor *ctl_row_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ctl_row_types); i++)
		if (strcmp(ctl_row_types[i]->name, name) == 0)
			return ctl_row_types[i];
	return NULL;
}

/* ---- text ---- */

/* Length of a well-formed UTF-8 sequence that is no control character; 0: something to escape. */
static unsigned utf8_len(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned len = p[0] < 0x80   ? 1
	               : p[0] < 0xc2 ? 0
	               : p[0] < 0xe0 ? 2
	               : p[0] < 0xf0 ? 3
	               : p[0] < 0xf5 ? 4
	                             : 0;
	uint32_t v;

	if (len == 0 || len > n)
		return 0;
	if (len == 1)
		return p[0] >= 0x20 && p[0] != 0x7f;
	v = p[0] & (0xffu >> (len + 1));
	for (unsigned i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ||
	    (v >= 0x80 && v < 0xa0))
		return 0;
	return len;
}

void ctl_print_text(const uint8_t *p, size_t n, bool lines, FILE *f)
{
	for (size_t i = 0; i < n;) {
		unsigned len = utf8_len(p + i, n - i);

		if (len > 0) {
			fwrite(p + i, 1, len, f);
			i += len;
		} else {
			if (lines && (p[i] == '\n' || p[i] == '\t'))
				fputc(p[i], f);
			else
				fprintf(f, "\\x%02x", p[i]);
			i++;
		}
	}
}

static void json_text(const uint8_t *p, size_t n, FILE *f)
{
	fputc('"', f);
	for (size_t i = 0; i < n;) {
		unsigned len = utf8_len(p + i, n - i);

		if (len == 1 && (p[i] == '"' || p[i] == '\\'))
			fputc('\\', f);
		if (len > 0)
			fwrite(p + i, 1, len, f);
		else if (p[i] < 0x80)
			fprintf(f, "\\u%04x", p[i]);
		else
			fputs("\\ufffd", f);
		i += len ? len : 1;
	}
	fputc('"', f);
}

/* ---- fields ---- */

static const void *member(const ProtobufCMessage *m, unsigned offset)
{
	return (const char *)m + offset;
}

/* Present and not empty. Repeated fields do not occur in rows. */
static bool has(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *fd)
{
	if (fd->type == PROTOBUF_C_TYPE_STRING) {
		const char *s = *(const char *const *)member(m, fd->offset);

		return s && *s;
	}
	if (fd->label == PROTOBUF_C_LABEL_OPTIONAL &&
	    !*(const protobuf_c_boolean *)member(m, fd->quantifier_offset))
		return false;
	if (fd->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)member(m, fd->offset))->len > 0;
	return true;
}

static bool numeric(const ProtobufCFieldDescriptor *fd)
{
	return fd->type != PROTOBUF_C_TYPE_STRING && fd->type != PROTOBUF_C_TYPE_BYTES &&
	       fd->type != PROTOBUF_C_TYPE_BOOL && fd->type != PROTOBUF_C_TYPE_ENUM;
}

static void put(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *fd, bool json, FILE *f)
{
	const void *p = member(m, fd->offset);
	const ProtobufCBinaryData *b;
	const ProtobufCEnumValue *v;
	const char *s;

	switch (fd->type) {
	case PROTOBUF_C_TYPE_STRING:
		s = *(const char *const *)p;
		if (json)
			json_text((const uint8_t *)s, strlen(s), f);
		else
			ctl_print_text((const uint8_t *)s, strlen(s), false, f);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		b = p;
		if (json)
			json_text(b->data, b->len, f);
		else
			ctl_print_text(b->data, b->len, false, f);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		s = *(const protobuf_c_boolean *)p ? "yes" : "no";
		fputs(!json ? s : *s == 'y' ? "true" : "false", f);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		v = protobuf_c_enum_descriptor_get_value(fd->descriptor, *(const int *)p);
		fprintf(f, json ? "\"%s\"" : "%s", v ? v->name : "?");
		break;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		fprintf(f, "%" PRId32, *(const int32_t *)p);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		fprintf(f, "%" PRIu32, *(const uint32_t *)p);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		fprintf(f, "%" PRId64, *(const int64_t *)p);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		fprintf(f, "%" PRIu64, *(const uint64_t *)p);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		fprintf(f, "%g", (double)*(const float *)p);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		fprintf(f, "%g", *(const double *)p);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		fputs(json ? "null" : "…", f);
		break;
	}
}

static void json_object(const char *from, const ProtobufCMessage *m, FILE *f)
{
	const char *comma = "";

	fputc('{', f);
	if (from) {
		fputs("\"from\":", f);
		json_text((const uint8_t *)from, strlen(from), f);
		comma = ",";
	}
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *fd = &m->descriptor->fields[i];

		if (!has(m, fd))
			continue;
		fprintf(f, "%s\"%s\":", comma, fd->name);
		put(m, fd, true, f);
		comma = ",";
	}
	fputc('}', f);
}

bool ctl_row_line(const Ctl__Row *row, bool json, FILE *f)
{
	const ProtobufCMessageDescriptor *d = ctl_row_type(row->type);
	ProtobufCMessage *m =
	    d ? protobuf_c_message_unpack(d, NULL, row->body.len, row->body.data) : NULL;
	const char *gap = "";

	if (!m)
		return false;
	if (json) {
		json_object(NULL, m, f);
	} else {
		for (unsigned i = 0; i < d->n_fields; i++) {
			if (!has(m, &d->fields[i]))
				continue;
			fprintf(f, "%s%s=", gap, d->fields[i].name);
			put(m, &d->fields[i], false, f);
			gap = "  ";
		}
	}
	fputc('\n', f);
	protobuf_c_message_free_unpacked(m, NULL);
	return true;
}

/* ---- tables ---- */

struct ctl_table {
	struct {
		char *from;
		ProtobufCMessage *m;
	} * row;
	size_t n;
	const char *hide[8];
	size_t nhide;
};

struct ctl_table *ctl_table_new(void)
{
	return mem_new(sizeof(struct ctl_table));
}

void ctl_table_free(struct ctl_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->row[i].from);
		protobuf_c_message_free_unpacked(t->row[i].m, NULL);
	}
	free(t->row);
	free(t);
}

bool ctl_table_add(struct ctl_table *t, const char *from, const Ctl__Row *row)
{
	const ProtobufCMessageDescriptor *d = ctl_row_type(row->type);
	ProtobufCMessage *m =
	    d ? protobuf_c_message_unpack(d, NULL, row->body.len, row->body.data) : NULL;

	if (!m)
		return false;
	t->row = mem_grow(t->row, t->n + 1, sizeof(*t->row));
	t->row[t->n].from = mem_str(from);
	t->row[t->n++].m = m;
	return true;
}

void ctl_table_hide(struct ctl_table *t, const char *field)
{
	BUG_ON(t->nhide == ARRAY_LEN(t->hide));
	t->hide[t->nhide++] = field;
}

static bool hidden(const struct ctl_table *t, const char *field)
{
	for (size_t i = 0; i < t->nhide; i++)
		if (strcmp(t->hide[i], field) == 0)
			return true;
	return false;
}

size_t ctl_table_rows(const struct ctl_table *t)
{
	return t->n;
}

static bool several(const struct ctl_table *t)
{
	for (size_t i = 1; i < t->n; i++)
		if (strcmp(t->row[i].from, t->row[0].from) != 0)
			return true;
	return false;
}

/* Columns of a terminal that text takes: code points, as far as a hospital's names go. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static char *cell(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *fd)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	BUG_ON(!f);
	if (has(m, fd))
		put(m, fd, false, f);
	fclose(f);
	return text;
}

char *ctl_table_text(const struct ctl_table *t, size_t i, const char *field)
{
	const ProtobufCMessage *m = t->row[i].m;
	const ProtobufCFieldDescriptor *fd =
	    protobuf_c_message_descriptor_get_field_by_name(m->descriptor, field);

	return fd && has(m, fd) ? cell(m, fd) : NULL;
}

static void pad(const char *s, size_t to, bool right, bool last, FILE *f)
{
	size_t w = width(s), gap = to > w ? to - w : 0;

	if (right)
		fprintf(f, "%*s%s", (int)gap, "", s);
	else
		fprintf(f, "%s%*s", s, last ? 0 : (int)gap, "");
	fputs(last ? "\n" : "  ", f);
}

static void heading(const char *name, char *out, size_t cap)
{
	snprintf(out, cap, "%s", name);
	for (char *p = out; *p; p++)
		*p = *p == '_' ? ' ' : (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
}

static void print_type(
    const struct ctl_table *t, const ProtobufCMessageDescriptor *d, bool from, FILE *f)
{
	unsigned ncol = 0, nf = d->n_fields;
	unsigned *col = mem_array(nf + 1, sizeof(*col));
	size_t *w = mem_array(nf + 1, sizeof(*w)), wfrom = 6;
	char head[64];

	for (unsigned i = 0; i < nf; i++) {
		bool used = false;

		if (hidden(t, d->fields[i].name))
			continue;
		heading(d->fields[i].name, head, sizeof(head));
		w[i] = width(head);
		for (size_t r = 0; r < t->n; r++) {
			char *s;

			if (t->row[r].m->descriptor != d || !has(t->row[r].m, &d->fields[i]))
				continue;
			used = true;
			s = cell(t->row[r].m, &d->fields[i]);
			w[i] = width(s) > w[i] ? width(s) : w[i];
			free(s);
		}
		if (used)
			col[ncol++] = i;
	}
	for (size_t r = 0; from && r < t->n; r++)
		wfrom = width(t->row[r].from) > wfrom ? width(t->row[r].from) : wfrom;
	if (from)
		pad("DAEMON", wfrom, false, ncol == 0, f);
	for (unsigned c = 0; c < ncol; c++) {
		heading(d->fields[col[c]].name, head, sizeof(head));
		pad(head, w[col[c]], numeric(&d->fields[col[c]]), c + 1 == ncol, f);
	}
	for (size_t r = 0; r < t->n; r++) {
		if (t->row[r].m->descriptor != d)
			continue;
		if (from)
			pad(t->row[r].from, wfrom, false, ncol == 0, f);
		for (unsigned c = 0; c < ncol; c++) {
			char *s = cell(t->row[r].m, &d->fields[col[c]]);

			pad(s, w[col[c]], numeric(&d->fields[col[c]]), c + 1 == ncol, f);
			free(s);
		}
	}
	free(col);
	free(w);
}

static void print_one(const ProtobufCMessage *m, FILE *f)
{
	size_t w = 0;

	for (unsigned i = 0; i < m->descriptor->n_fields; i++)
		if (has(m, &m->descriptor->fields[i]) && strlen(m->descriptor->fields[i].name) > w)
			w = strlen(m->descriptor->fields[i].name);
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *fd = &m->descriptor->fields[i];
		char name[64];

		if (!has(m, fd))
			continue;
		snprintf(name, sizeof(name), "%s", fd->name);
		for (char *p = name; *p; p++)
			*p = *p == '_' ? ' ' : *p;
		fprintf(f, "%*s: ", (int)w, name);
		put(m, fd, false, f);
		fputc('\n', f);
	}
}

void ctl_table_print(const struct ctl_table *t, bool one, FILE *f)
{
	bool from = several(t);

	if (t->n == 1 && one) {
		print_one(t->row[0].m, f);
		return;
	}
	for (size_t r = 0; r < t->n; r++) {
		bool first = true;

		for (size_t k = 0; k < r && first; k++)
			first = t->row[k].m->descriptor != t->row[r].m->descriptor;
		if (!first)
			continue;
		if (r > 0)
			fputc('\n', f);
		print_type(t, t->row[r].m->descriptor, from, f);
	}
}

void ctl_table_json(const struct ctl_table *t, FILE *f)
{
	bool from = several(t);

	fputc('[', f);
	for (size_t r = 0; r < t->n; r++) {
		fputs(r ? ",\n " : "", f);
		json_object(from ? t->row[r].from : NULL, t->row[r].m, f);
	}
	fputs("]\n", f);
}
