/* The texts of ui_lang.h. */
#include "dectd/ui_lang.h"

#include <string.h>

const char *ui_str(const char *language, enum ui_str id)
{
	static const char *const en[] = {
#define X(name, english, german) english,
		UI_STRINGS(X)
#undef X
	};
	static const char *const de[] = {
#define X(name, english, german) german,
		UI_STRINGS(X)
#undef X
	};

	if (id >= UI_NSTRINGS)
		return "";
	return language && strncasecmp(language, "de", 2) == 0 ? de[id] : en[id];
}
