/* Names and texts of the one error space. */
#include "common/err.h"

#include <string.h>
#include <uv.h>

const char *err_name(int err)
{
	switch (err) {
	case 0:
		return "OK";
#define X(name, num, text)                                                                         \
	case num:                                                                                  \
		return #name;
		ERR_LIST(X)
#undef X
	case UV_EOF:
		return "EOF";
	default:
		break;
	}
	const char *n = err < 0 && err > -4095 ? strerrorname_np(-err) : NULL;
	return n ? n : "ERR_UNKNOWN";
}

const char *err_text(int err)
{
	switch (err) {
	case 0:
		return "success";
#define X(name, num, text)                                                                         \
	case num:                                                                                  \
		return text;
		ERR_LIST(X)
#undef X
	case UV_EOF:
		return "closed by the other side";
	default:
		break;
	}
	const char *t = err < 0 && err > -4095 ? strerrordesc_np(-err) : NULL;
	return t ? t : "unknown error";
}
