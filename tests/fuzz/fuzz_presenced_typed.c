/* What people type, and what administrators give as a filter: it stays a value, and libldap takes what was built. */
#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "presenced/dir_filter.h"
#include "presenced/dir_text.h"
#include "presenced/e164.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool sent(const char *filter)
{
	int fd[2], id, rc;
	LDAP *ld;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) ||
	    ldap_init_fd(fd[0], LDAP_PROTO_TCP, "ldap://x", &ld) != LDAP_SUCCESS)
		abort();
	rc = ldap_search_ext(ld, "", LDAP_SCOPE_BASE, filter, NULL, 0, NULL, NULL, NULL, 0, &id);
	ldap_unbind_ext(ld, NULL, NULL);
	close(fd[1]);
	return rc == LDAP_SUCCESS;
}

static unsigned parentheses(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '(' || *s == ')' || *s == '*';
	return n;
}

static void filters(struct slice in)
{
	char out[DIR_FILTER_MAX + 1], buf[DIR_FILTER_MAX], *names[DIR_FILTER_ATTRIBUTES + 1];

	for (int anr = 0; anr < 2; anr++) {
		struct wr w = wr_of(out, DIR_FILTER_MAX);

		if (dir_filter_name(&w, SLICE_LIT("(a=b)"), in, anr))
			continue;
		if (!wr_nul(&w) || !sent(out))
			abort();
		if (parentheses(out) != (anr ? 6u : 18u))
			abort();
	}
	if (dir_filter_sound(in)) {
		struct wr w = wr_of(out, DIR_FILTER_MAX);
		unsigned n =
		    dir_filter_attributes(in, buf, sizeof(buf), names, DIR_FILTER_ATTRIBUTES);

		if (n > DIR_FILTER_ATTRIBUTES || names[n])
			abort();
		for (unsigned i = 0; i < n; i++)
			if (!names[i][0] || strpbrk(names[i], "()=*;:"))
				abort();
		/* Wrapped it does not end our list: sound again. */
		wr_str(&w, "(&");
		wr_slice_add(&w, in);
		wr_str(&w, "(c=d))");
		if (wr_nul(&w) && w.n <= DIR_FILTER_MAX / 2 && !dir_filter_sound(wr_slice(&w)))
			abort();
	}
}

static void texts(struct slice in)
{
	char clean[300], again[300], folded[DIR_FOLD_MAX], twice[DIR_FOLD_MAX], keys[DIR_FOLD_MAX];
	struct slice w[DIR_WORDS_MAX];
	size_t n = dir_clean(in, clean, sizeof(clean));

	if (strlen(clean) != n || dir_clean(slice_str(clean), again, sizeof(again)) != n ||
	    memcmp(clean, again, n) != 0)
		abort();
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)clean[i] < 0x20 || clean[i] == 0x7F)
			abort();
	n = dir_fold(slice_str(clean), false, folded, sizeof(folded));
	if (strlen(folded) != n || dir_fold(slice_str(folded), false, twice, sizeof(twice)) != n ||
	    memcmp(folded, twice, n) != 0)
		abort();
	dir_fold(in, true, twice, sizeof(twice));
	for (unsigned k = 0, nw = dir_words(folded, w, DIR_WORDS_MAX); k < nw; k++)
		if (dir_keys(w[k], keys, sizeof(keys)) > w[k].n)
			abort();
	(void)dir_matches(folded, folded, false);
	(void)dir_matches(folded, twice, true);
}

static void numbers(struct slice in)
{
	static const struct e164_rules rules = { .country = "49",
		.area = "30",
		.main_number = "5550",
		.international = "00",
		.national = "0",
		.internal_min = 3,
		.internal_max = 4 };
	struct e164 a, b;

	if (e164_parse(&rules, in, &a))
		return;
	if (strlen(a.text) >= sizeof(a.text) || strlen(a.ext) >= sizeof(a.ext))
		abort();
	/* Normalised, it is as it is. */
	if (a.kind == E164_GLOBAL &&
	    (a.text[0] != '+' || strlen(a.text) > 16 || e164_parse(&rules, slice_str(a.text), &b) ||
	        strcmp(a.text, b.text) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1);
	struct slice in = { exact, size };

	if (size)
		memcpy(exact, data, size);
	filters(in);
	texts(in);
	numbers(in);
	free(exact);
	return 0;
}
