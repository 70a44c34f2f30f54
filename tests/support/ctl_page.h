#ifndef TESTS_SUPPORT_CTL_PAGE_H
#define TESTS_SUPPORT_CTL_PAGE_H
/* A list command of a daemon, page by page, while things happen between two pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "ipc/ctl_run.h"

/* row: of each row, body is its message. between: after each page but the last. Returns the number of pages. */
static inline unsigned ctl_pages(struct daemon *d, const struct ctl_cmd *cmds, size_t ncmds,
    const char *noun, const char *verb, void (*row)(void *ctx, const ProtobufCMessage *body),
    void (*between)(void *ctx), void *ctx)
{
	const struct ctl_cmd *cmd = NULL;
	Ctl__Run in = CTL__RUN__INIT;
	unsigned pages = 0;
	bool more = true;

	for (size_t i = 0; i < ncmds; i++)
		if (strcmp(cmds[i].noun, noun) == 0 && strcmp(cmds[i].verb, verb) == 0)
			cmd = &cmds[i];
	assert_non_null(cmd);
	while (more) {
		struct ctl_run r = { .d = d, .cmd = cmd, .in = &in };

		assert_int_equal(cmd->fn(&r), 0);
		pages++;
		for (size_t i = 0; i < r.nrows; i++) {
			ProtobufCMessage *m = protobuf_c_message_unpack(
			    cmd->row, NULL, r.rows[i]->body.len, r.rows[i]->body.data);

			assert_non_null(m);
			row(ctx, m);
			protobuf_c_message_free_unpacked(m, NULL);
			free(r.rows[i]->body.data);
			free(r.rows[i]);
		}
		free(r.rows);
		free(in.cursor.data);
		in.cursor = (ProtobufCBinaryData){ r.ncursor, r.cursor };
		in.has_cursor = more = r.cursor != NULL;
		if (more)
			between(ctx);
	}
	return pages;
}
#endif
