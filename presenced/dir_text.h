#ifndef PRESENCED_DIR_TEXT_H
#define PRESENCED_DIR_TEXT_H
#include "common/slice.h"

/* Names as a directory has them: made safe for displays and headers, folded for comparison, as keys of a telephone.
 * All text is UTF-8. */
#define DIR_FOLD_MAX  400 /* buffer of a folded name */
#define DIR_WORDS_MAX 24

/* Copies what is sound UTF-8 without control characters (they would drive a DECT display, or end a SIP header), blanks
 * at the ends removed, cut at a character's boundary. Unsound octets become '?'. Returns the length; out is terminated. */
size_t dir_clean(struct slice in, char *out, size_t cap);
/* Lower case, without diacritics, Greek and Cyrillic in Latin letters, everything else than letters and digits as one
 * blank between words; other scripts stay. german: ä is "ae", not "a". Returns the length; out is terminated. */
size_t dir_fold(struct slice in, bool german, char *out, size_t cap);
/* Words of folded text; at most max. */
unsigned dir_words(const char *folded, struct slice *w, unsigned max);
/* Folded letters to digits of the keypad (ITU-T E.161); 0 when the word has something that no key makes. */
size_t dir_keys(struct slice word, char *out, size_t cap);
/* Every word of query is the beginning of another word of text. keys: query has digits of the keypad. */
bool dir_matches(const char *text, const char *query, bool keys);
#endif
